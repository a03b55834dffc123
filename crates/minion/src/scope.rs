//! What a run may write: the globs of its brief. The cage and the gate enforce it too; here the agent is told at once.

use std::collections::BTreeSet;

use alai_workspace::clone::INSIDE_REPO;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// The paths a builder may write.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// None when everything is allowed.
    globs: Option<GlobSet>,
    /// Wins over what is allowed.
    forbidden: GlobSet,
    /// Files to which the forbidden paths do not speak.
    scaffolded: BTreeSet<String>,
    shown: String,
}

impl Scope {
    /// Reads the globs; a plain folder name stands for everything in it. No allowed path means everywhere.
    pub(crate) fn new(allowed: &[String], forbidden: &[String]) -> Result<Scope, String> {
        let globs = match allowed.is_empty() {
            true => None,
            false => Some(set_of("allowed", allowed)?),
        };
        let mut shown = allowed.join(", ");
        if !forbidden.is_empty() {
            let all = if shown.is_empty() { "**" } else { &shown };
            shown = format!("{all}, but not {}", forbidden.join(", "));
        }
        Ok(Scope {
            globs,
            forbidden: set_of("forbidden", forbidden)?,
            scaffolded: BTreeSet::new(),
            shown,
        })
    }

    /// The same with files that the blueprint itself writes, where what is forbidden would keep it from them. The gate lets them in by
    /// their bytes alone.
    pub(crate) fn with_scaffolded(self, paths: &[String]) -> Scope {
        Scope {
            scaffolded: paths.iter().map(|path| clean(path)).collect(),
            ..self
        }
    }

    /// Allows no path at all.
    pub(crate) fn nothing() -> Scope {
        Scope {
            globs: Some(GlobSet::empty()),
            forbidden: GlobSet::empty(),
            scaffolded: BTreeSet::new(),
            shown: String::new(),
        }
    }

    pub(crate) fn allows(&self, path: &str) -> bool {
        let path = clean(path);
        let climbs = path.split('/').any(|part| part == "..");
        !climbs
            && !path.starts_with('/')
            && (!self.forbidden.is_match(&path) || self.scaffolded.contains(&path))
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

fn set_of(what: &str, globs: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let clean = clean(glob);
        for pattern in [clean.clone(), format!("{}/**", clean.trim_end_matches('/'))] {
            let built = GlobBuilder::new(&pattern).literal_separator(true).build();
            set.add(
                built.map_err(|e| format!("the {what} path `{glob}` is not a usable glob: {e}"))?,
            );
        }
    }
    set.build()
        .map_err(|e| format!("the {what} paths cannot be used together: {e}"))
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
        let globs = ["src/**", "docs", "*.toml", "tests/"].map(String::from);
        let scope = Scope::new(&globs, &[]).expect("globs");
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
        let scope = Scope::new(&[], &[]).expect("nothing to read");
        assert!(scope.allows("any/where"));
        assert!(!scope.allows("/etc/passwd"));
        assert!(!scope.allows("a/../../b"));
    }

    #[test]
    fn what_is_forbidden_wins() {
        let forbidden = ["infra/**", ".github"].map(String::from);
        let scope = Scope::new(&["**".into()], &forbidden).expect("globs");
        assert!(scope.allows("src/a.rs"));
        for path in ["infra/a", "/repo/infra/a/b", ".github/workflows/ci.yml"] {
            assert!(!scope.allows(path), "{path}");
        }
        assert_eq!(scope.shown(), "**, but not infra/**, .github");
        let everywhere = Scope::new(&[], &forbidden).expect("globs");
        assert!(everywhere.allows("a") && !everywhere.allows("infra/a"));
    }

    #[test]
    fn a_file_of_the_blueprints_own_is_written_where_others_are_forbidden() {
        let forbidden = [".github/**".to_owned()];
        let own = [".github/workflows/ci.yml".to_owned()];
        let everywhere = Scope::new(&[], &forbidden).expect("globs");
        let scope = everywhere.with_scaffolded(&own);
        assert!(scope.allows(".github/workflows/ci.yml"));
        for path in [
            ".github/workflows/other.yml",
            ".github/workflows/ci.yml/x",
            ".github/../.github/workflows/ci.yml",
        ] {
            assert!(!scope.allows(path), "{path}");
        }
        let elsewhere = Scope::new(&["src".into()], &forbidden).expect("globs");
        let elsewhere = elsewhere.with_scaffolded(&own);
        assert!(
            !elsewhere.allows(".github/workflows/ci.yml"),
            "it opens nothing that was not allowed"
        );
    }

    #[test]
    fn an_unusable_glob_is_said() {
        assert!(
            Scope::new(&["a{b".into()], &[])
                .expect_err("unclosed")
                .contains("the allowed path `a{b`")
        );
        assert!(
            Scope::new(&[], &["a{b".into()])
                .expect_err("unclosed")
                .contains("the forbidden path `a{b`")
        );
    }
}
