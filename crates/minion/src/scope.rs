//! What a run may write: the globs of its brief. The cage and the gate enforce it too; here the agent is told at once.

use alai_workspace::clone::INSIDE_REPO;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// The paths a builder may write.
#[derive(Debug)]
pub(crate) struct Scope {
    /// None when everything is allowed.
    globs: Option<GlobSet>,
    shown: String,
}

impl Scope {
    /// Reads the globs; a plain folder name stands for everything in it.
    pub(crate) fn new(globs: &[String]) -> Result<Scope, String> {
        if globs.is_empty() {
            return Ok(Scope {
                globs: None,
                shown: String::new(),
            });
        }
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let clean = clean(glob);
            for pattern in [clean.clone(), format!("{}/**", clean.trim_end_matches('/'))] {
                let built = GlobBuilder::new(&pattern).literal_separator(true).build();
                set.add(
                    built.map_err(|e| {
                        format!("the allowed path `{glob}` is not a usable glob: {e}")
                    })?,
                );
            }
        }
        let globs_built = set
            .build()
            .map_err(|e| format!("the allowed paths cannot be used together: {e}"))?;
        Ok(Scope {
            globs: Some(globs_built),
            shown: globs.join(", "),
        })
    }

    /// Allows no path at all.
    pub(crate) fn nothing() -> Scope {
        Scope {
            globs: Some(GlobSet::empty()),
            shown: String::new(),
        }
    }

    pub(crate) fn allows(&self, path: &str) -> bool {
        let path = clean(path);
        let climbs = path.split('/').any(|part| part == "..");
        !climbs
            && !path.starts_with('/')
            && self
                .globs
                .as_ref()
                .is_none_or(|globs| globs.is_match(&path))
    }

    /// The globs, for messages; empty when everything is allowed.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

/// A path as the repository names it: relative, without what changes nothing.
pub(crate) fn clean(path: &str) -> String {
    let path = path.trim();
    let inside = path
        .strip_prefix(INSIDE_REPO)
        .filter(|rest| rest.starts_with('/'));
    let (lead, relative) = match inside {
        Some(rest) => ("", rest),
        None if path.starts_with('/') => ("/", path),
        None => ("", path),
    };
    let parts: Vec<&str> = relative
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    format!("{lead}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_folders_and_spellings() {
        let scope = Scope::new(&[
            "src/**".into(),
            "docs".into(),
            "*.toml".into(),
            "tests/".into(),
        ])
        .expect("globs");
        for path in [
            "src/a.rs",
            "src/a/b.rs",
            "./src//a.rs",
            "/repo/src/a.rs",
            "docs/x/y.md",
            "Cargo.toml",
            "tests/t.rs",
        ] {
            assert!(scope.allows(path), "{path}");
        }
        for path in [
            "a.rs",
            "sub/Cargo.toml",
            "src/../x",
            "../src/a.rs",
            "/etc/passwd",
            "/repository/src/a",
            "docsx/a",
        ] {
            assert!(!scope.allows(path), "{path}");
        }
    }

    #[test]
    fn no_globs_allow_the_repository_and_nothing_else() {
        let scope = Scope::new(&[]).expect("nothing to read");
        assert!(scope.allows("any/where"));
        assert!(!scope.allows("/etc/passwd"));
        assert!(!scope.allows("a/../../b"));
    }

    #[test]
    fn an_unusable_glob_is_said() {
        assert!(
            Scope::new(&["a{b".into()])
                .expect_err("unclosed")
                .contains("a{b")
        );
    }
}
