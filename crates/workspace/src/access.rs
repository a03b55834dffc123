//! What a program that speaks with a remote may use of the person's: the agent of ssh, the files of the home folder, a proxy, and the
//! tokens of `gh`. By an allow-list of names, and nothing that a repository could have put there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Variables that are handed on: where credentials and certificates are found, and the way out of the network.
const NAMES: [&str; 26] = [
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
    "GH_CONFIG_DIR",
    "TMPDIR",
    "LANG",
    "TZ",
    "TERMINFO",
];

/// `gh` shows these to whatever host it is sent to but github.com (`gh help environment`): they are handed on for the host alone that the
/// person's [`GH_HOST`] names.
const ENTERPRISE: [&str; 2] = ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
const GH_HOST: &str = "GH_HOST";

/// The person's way to a remote.
#[derive(Clone)]
pub struct Access {
    home: PathBuf,
    env: Vec<(String, String)>,
    /// The host of [`GH_HOST`], and what is handed on for it alone.
    enterprise: Option<(String, Vec<(String, String)>)>,
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
        let of = |name: &&str| Some(((*name).to_owned(), all.get(*name)?.clone()));
        let enterprise = all.get(GH_HOST).filter(|host| !is_github(host));
        let enterprise = enterprise.map(|host| {
            let names = ENTERPRISE.iter().chain([&GH_HOST]);
            (host.clone(), names.filter_map(of).collect())
        });
        let path = path.unwrap_or_default();
        let dirs = std::env::split_paths(&path)
            .filter(|dir| dir.is_absolute() && !within(dir, root))
            .filter_map(|dir| dir.into_os_string().into_string().ok());
        Access {
            // A relative one would be read in whatever folder a program is started in.
            home: { all.get("HOME").map(PathBuf::from) }
                .filter(|home| home.is_absolute())
                .unwrap_or_else(|| "/nonexistent".into()),
            env: NAMES.iter().filter_map(of).collect(),
            enterprise,
            path: dirs.collect::<Vec<_>>().join(":"),
        }
    }

    /// The person's home folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The variables without `PATH` for a program that speaks with this host; none for a remote without one.
    pub(crate) fn env(&self, host: Option<&str>) -> impl Iterator<Item = &(String, String)> {
        let for_it = self.enterprise.as_ref().filter(|(enterprise, _)| {
            host.is_some_and(|host| host.eq_ignore_ascii_case(enterprise))
        });
        let for_it = for_it.map_or(&[][..], |(_, env)| env.as_slice());
        self.env.iter().chain(for_it)
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

fn is_github(host: &str) -> bool {
    host.eq_ignore_ascii_case(alai_core::pull::GITHUB)
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
        let names: Vec<&str> = inside.env(None).map(|(name, _)| name.as_str()).collect();
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
    fn a_host_that_a_remote_names_gets_no_token_of_another() {
        let names = |gh_host: Option<&str>, host: Option<&str>| -> Vec<String> {
            let mut all = BTreeMap::from([
                ("GH_TOKEN".to_owned(), "t".to_owned()),
                ("GH_ENTERPRISE_TOKEN".to_owned(), "e".to_owned()),
                ("GITHUB_ENTERPRISE_TOKEN".to_owned(), "e".to_owned()),
            ]);
            all.extend(gh_host.map(|host| ("GH_HOST".to_owned(), host.to_owned())));
            let access = Access::of(all, None, Path::new("/elsewhere"));
            access.env(host).map(|(name, _)| name.clone()).collect()
        };
        let ours = Some("ghe.example.org");
        let whole = [
            "GH_TOKEN",
            "GH_ENTERPRISE_TOKEN",
            "GITHUB_ENTERPRISE_TOKEN",
            "GH_HOST",
        ];
        assert_eq!(names(ours, Some("GHE.example.org")), whole);
        for (gh_host, host) in [
            (ours, Some("evil.example")),
            (ours, Some("github.com")),
            (ours, None),
            (None, ours),
            (Some("github.com"), Some("github.com")),
        ] {
            assert_eq!(names(gh_host, host), ["GH_TOKEN"], "{gh_host:?} {host:?}");
        }
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
