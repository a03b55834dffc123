//! What a program that speaks with a remote may use of the person's: the agent of ssh, the files of the home folder, a proxy, and the
//! tokens of `gh`. By an allow-list of names, and nothing that a repository could have put there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Variables that are handed on: where credentials and certificates are found, and the way out of the network.
const NAMES: [&str; 29] = [
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_HOST",
    "GH_CONFIG_DIR",
    "TMPDIR",
    "LANG",
    "TZ",
    "TERMINFO",
];

/// The person's way to a remote.
#[derive(Clone)]
pub struct Access {
    home: PathBuf,
    env: Vec<(String, String)>,
    path: String,
}

/// Tokens are among it: only names are shown.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Access")
            .field("home", &self.home)
            .field("env", &names)
            .field("path", &self.path)
            .finish()
    }
}

impl Access {
    /// Of the process that we are, for work on the repository with this top: a program that lies in it is an agent's as likely as a
    /// person's, and is not found.
    pub fn of_process(root: &Path) -> Access {
        let all = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Access::of(all.collect(), std::env::var_os("PATH"), root)
    }

    fn of(all: BTreeMap<String, String>, path: Option<OsString>, root: &Path) -> Access {
        let env = NAMES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), all.get(*name)?.clone())));
        let path = path.unwrap_or_default();
        let dirs = std::env::split_paths(&path)
            .filter(|dir| dir.is_absolute() && !within(dir, root))
            .filter_map(|dir| dir.into_os_string().into_string().ok());
        Access {
            // A relative one would be read in whatever folder a program is started in.
            home: { all.get("HOME").map(PathBuf::from) }
                .filter(|home| home.is_absolute())
                .unwrap_or_else(|| "/nonexistent".into()),
            env: env.collect(),
            path: dirs.collect::<Vec<_>>().join(":"),
        }
    }

    /// The person's home folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The variables without `PATH`.
    pub(crate) fn env(&self) -> &[(String, String)] {
        &self.env
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A program by its plain name, where it is found first.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path)
            .map(|dir| dir.join(name))
            .find(|program| program.is_file())
    }
}

/// Whether a path is in a folder, by its name or by where it leads.
pub(crate) fn within(path: &Path, root: &Path) -> bool {
    let real = std::fs::canonicalize(path);
    path.starts_with(root) || real.is_ok_and(|real| real.starts_with(root))
}

/// A text of a program for people: without users and passwords of addresses, and nothing at all where it holds a credential.
pub(crate) fn scrubbed(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text.trim();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"'));
        let authority = &after[..end.unwrap_or(after.len())];
        match authority.rfind('@') {
            Some(user) => {
                clean.push_str("***");
                rest = &after[user..];
            }
            None => rest = after,
        }
    }
    clean.push_str(rest);
    match alai_core::safety::credential_in(&clean) {
        Some(kind) => format!("(what it said holds {kind}, and is not shown)"),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_handed_on_and_no_program_of_the_repository_is_found() {
        let root = tempfile::tempdir().expect("a folder");
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        std::fs::write(bin.join("gh"), "").expect("a file");
        let all = [
            ("HOME", "/h"),
            ("GH_TOKEN", "t"),
            ("ANTHROPIC_API_KEY", "k"),
            ("GIT_SSH_COMMAND", "evil"),
            ("LD_PRELOAD", "x"),
        ];
        let all = all.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let path = OsString::from(format!("{}:.:relative:/usr/bin", bin.display()));
        let inside = Access::of(all.clone().into(), Some(path.clone()), root.path());
        let names: Vec<&str> = inside.env().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["HOME", "GH_TOKEN"]);
        assert_eq!(inside.path(), "/usr/bin");
        assert_ne!(inside.find("gh"), Some(bin.join("gh")));
        let elsewhere = Access::of(all.into(), Some(path), Path::new("/elsewhere"));
        assert_eq!(elsewhere.find("gh"), Some(bin.join("gh")));
        assert!(
            !format!("{inside:?}").contains("\"t\""),
            "no value is shown"
        );
    }

    #[test]
    fn no_user_or_password_of_an_address_is_shown() {
        for (said, shown) in [
            (
                "fatal: 'https://ada:pw@h.example/x.git' failed",
                "fatal: 'https://***@h.example/x.git' failed",
            ),
            (
                "https://tok@h/x and ssh://git@h/y",
                "https://***@h/x and ssh://***@h/y",
            ),
            ("no address: a@b", "no address: a@b"),
            ("https://h/x@y", "https://h/x@y"),
        ] {
            assert_eq!(scrubbed(said), shown);
        }
    }
}
