//! Finds the toolchains of this machine and shows them in a cage, at their own paths and read-only: also those that live in a
//! home, root's 0700 home too.
//!
//! A list of known places, each with the folders that hold programs and nothing else. A home is never shown, and neither are
//! `.config`, `.ssh`, `.docker`, `.npmrc`, `.netrc` or cargo's credentials, which lie beside some of these folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::cage::{Access, Bind};

/// What a cage needs to run the machine's toolchains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toolchains {
    /// For [`crate::cage::CageSpec::toolchains`].
    pub binds: Vec<Bind>,
    /// For [`crate::cage::CageSpec::path`]: those folders of the host's `PATH` that exist inside, in the same order, then the
    /// system's.
    pub path: String,
    /// For [`crate::cage::CageSpec::env`]. `CARGO_HOME`, `HOME` and the like are the run's own and not here.
    pub env: Vec<(String, String)>,
}

/// One version manager or language: the variable that names its root, where it is by default, and what may be seen of it.
struct Place {
    variable: Option<&'static str>,
    /// Below the home.
    default: &'static str,
    /// Below the root; an empty one is the root itself.
    shown: &'static [&'static str],
    /// Set inside to the same root, because the tool does not find it when `HOME` is another.
    told: bool,
}

const fn place(
    variable: &'static str,
    default: &'static str,
    shown: &'static [&'static str],
    told: bool,
) -> Place {
    Place {
        variable: Some(variable),
        default,
        shown,
        told,
    }
}

const fn folder(default: &'static str) -> Place {
    Place {
        variable: None,
        default,
        shown: &[""],
        told: false,
    }
}

const PLACES: [Place; 20] = [
    // Without RUSTUP_HOME the proxies look below HOME, find nothing and try to download.
    place(
        "RUSTUP_HOME",
        ".rustup",
        &["toolchains", "settings.toml"],
        true,
    ),
    place("CARGO_HOME", ".cargo", &["bin", "registry"], false),
    // Its shims hard-code their root.
    place(
        "PYENV_ROOT",
        ".pyenv",
        &[
            "bin",
            "libexec",
            "plugins",
            "shims",
            "versions",
            "version",
            "completions",
        ],
        true,
    ),
    place("NVM_DIR", ".nvm", &["versions", "nvm.sh", "alias"], true),
    place("VOLTA_HOME", ".volta", &["bin", "tools"], true),
    place(
        "ASDF_DATA_DIR",
        ".asdf",
        &[
            "bin", "lib", "libexec", "shims", "installs", "plugins", "asdf.sh",
        ],
        true,
    ),
    place(
        "MISE_DATA_DIR",
        ".local/share/mise",
        &["shims", "installs", "plugins"],
        true,
    ),
    place(
        "RBENV_ROOT",
        ".rbenv",
        &["bin", "libexec", "plugins", "shims", "versions", "version"],
        true,
    ),
    place("SDKMAN_DIR", ".sdkman", &["candidates"], true),
    place("BUN_INSTALL", ".bun", &["bin"], false),
    place("DENO_INSTALL", ".deno", &["bin"], false),
    place("PNPM_HOME", ".local/share/pnpm", &[""], false),
    place("GOBIN", "go/bin", &[""], false),
    place(
        "GHCUP_INSTALL_BASE_PREFIX",
        ".ghcup",
        &["bin", "ghc", "lib"],
        false,
    ),
    place(
        "FNM_DIR",
        ".local/share/fnm",
        &["node-versions", "aliases"],
        false,
    ),
    folder("sdk"),
    folder(".local/bin"),
    folder(".local/share/uv/python"),
    folder(".local/share/pipx/venvs"),
    folder(".npm-global"),
];

/// Choices of a person that change what a toolchain is; they hold names and versions, never secrets.
const PASSED_ON: [&str; 6] = [
    "RUSTUP_TOOLCHAIN",
    "PYENV_VERSION",
    "GOROOT",
    "JAVA_HOME",
    "NODE_VERSION",
    "LANG",
];

/// What must not happen inside: a network request for another version.
const FIXED: [(&str, &str); 2] = [("RUSTUP_AUTO_INSTALL", "0"), ("GOTOOLCHAIN", "local")];

/// The system's own folders, last on every `PATH`.
const SYSTEM_PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Every cage shows these anyway.
const SHOWN_ANYWAY: [&str; 5] = ["/usr", "/bin", "/sbin", "/lib", "/nix/store"];

/// A folder on `PATH` below one of these is shown only when it is a known place: people keep other things there, and
/// everybody may write to some.
const PRIVATE: [&str; 11] = [
    "/home", "/root", "/tmp", "/var", "/run", "/proc", "/sys", "/dev", "/etc", "/boot", "/mnt",
];

/// Looks up the toolchains that `host_env` (the host's environment: `HOME`, `PATH` and the variables of the version managers)
/// leads to. Reads the file system, starts nothing.
pub fn toolchains(host_env: &BTreeMap<String, String>) -> Toolchains {
    let mut shown = BTreeSet::new();
    let mut env = BTreeMap::new();
    let home = host_env
        .get("HOME")
        .map(PathBuf::from)
        .filter(|home| usable(home));
    for place in &PLACES {
        show_place(place, host_env, home.as_deref(), &mut shown, &mut env);
    }
    let on_path = host_env.get("PATH").map(String::as_str).unwrap_or_default();
    let wanted: Vec<PathBuf> = on_path
        .split(':')
        .map(PathBuf::from)
        .filter(|dir| usable(dir))
        .collect();
    for dir in &wanted {
        shown.extend(unknown_folder(dir, home.as_deref()));
    }
    let shown = without_nested(shown);
    let visible = |dir: &Path| {
        SHOWN_ANYWAY.iter().any(|base| dir.starts_with(base))
            || shown.iter().any(|shown| dir.starts_with(shown))
    };
    for name in PASSED_ON {
        // A folder that is not inside would only mislead.
        let value = host_env
            .get(name)
            .filter(|v| !v.starts_with('/') || visible(Path::new(v)));
        env.extend(value.map(|value| (name.to_owned(), value.clone())));
    }
    env.extend(FIXED.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut path: Vec<String> = Vec::new();
    let system = SYSTEM_PATH.iter().map(PathBuf::from);
    for dir in wanted
        .into_iter()
        .filter(|dir| dir.is_dir() && visible(dir))
        .chain(system)
    {
        let dir = dir.to_string_lossy().into_owned();
        if !path.contains(&dir) {
            path.push(dir);
        }
    }
    let bind = |path: PathBuf| Bind {
        outside: path.clone(),
        inside: path,
        access: Access::ReadOnly,
    };
    Toolchains {
        binds: shown.into_iter().map(bind).collect(),
        path: path.join(":"),
        env: env.into_iter().collect(),
    }
}

fn show_place(
    place: &Place,
    host_env: &BTreeMap<String, String>,
    home: Option<&Path>,
    shown: &mut BTreeSet<PathBuf>,
    env: &mut BTreeMap<String, String>,
) {
    let named = place
        .variable
        .and_then(|variable| host_env.get(variable))
        .map(PathBuf::from);
    let default = home.map(|home| home.join(place.default));
    let Some(root) = named.filter(|root| usable(root)).or(default) else {
        return;
    };
    // A root that is somebody's whole home would show everything in it.
    if home.is_some_and(|home| home.starts_with(&root)) || root.parent().is_none() {
        return;
    }
    let parts = place.shown.iter().map(|part| {
        if part.is_empty() {
            root.clone()
        } else {
            root.join(part)
        }
    });
    let found: Vec<PathBuf> = parts.filter(|path| path.exists()).collect();
    if let (false, true, Some(variable), Some(root)) =
        (found.is_empty(), place.told, place.variable, root.to_str())
    {
        env.insert(variable.to_owned(), root.to_owned());
    }
    shown.extend(found.into_iter().filter(|path| !already_there(path)));
}

/// What to show for a folder on `PATH` that no place explains: in `/opt` its whole package, because programs there load what
/// lies beside `bin`; elsewhere the folder alone; in a home nothing.
fn unknown_folder(dir: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let in_home = home.is_some_and(|home| dir.starts_with(home) || home.starts_with(dir));
    let private = PRIVATE.iter().any(|private| dir.starts_with(private));
    if in_home || private || already_there(dir) || !dir.is_dir() {
        return None;
    }
    match dir.strip_prefix("/opt") {
        Ok(below) => {
            let package = below
                .components()
                .next()
                .map(|first| Path::new("/opt").join(first));
            Some(package.unwrap_or_else(|| dir.to_owned()))
        }
        // A folder directly in the root would be a whole tree of the machine.
        Err(_) if dir.components().count() <= 2 => None,
        Err(_) => Some(dir.to_owned()),
    }
}

fn already_there(path: &Path) -> bool {
    SHOWN_ANYWAY.iter().any(|base| path.starts_with(base))
}

fn usable(path: &Path) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    path.is_absolute() && path.to_str().is_some() && path.components().all(plain)
}

/// A mount point below another bind would be an extra mount for nothing.
fn without_nested(paths: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !kept.iter().any(|parent| path.starts_with(parent)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Toolchains, toolchains, unknown_folder};

    fn home_with(files: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for file in files {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        home
    }

    fn found(home: &Path, path: &[&str], more: &[(&str, &str)]) -> Toolchains {
        let mut env: BTreeMap<String, String> = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        env.insert("HOME".to_owned(), home.to_str().unwrap().to_owned());
        env.insert("PATH".to_owned(), path.join(":"));
        toolchains(&env)
    }

    fn below(home: &Path, found: &Toolchains) -> Vec<PathBuf> {
        let strip =
            |bind: &crate::cage::Bind| Some(bind.inside.strip_prefix(home).ok()?.to_owned());
        found.binds.iter().filter_map(strip).collect()
    }

    #[test]
    fn shows_programs_of_a_home_and_no_secret_of_it() {
        let home = home_with(&[
            ".cargo/bin/cargo",
            ".cargo/credentials.toml",
            ".cargo/config.toml",
            ".rustup/toolchains/stable/bin/rustc",
            ".rustup/settings.toml",
            ".ssh/id_ed25519",
            ".npmrc",
            ".netrc",
            ".config/gh/hosts.yml",
            ".docker/config.json",
            ".local/bin/uv",
            "bin/mine",
        ]);
        let cargo_bin = home.path().join(".cargo/bin");
        let mine = home.path().join("bin");
        let path = [
            cargo_bin.to_str().unwrap(),
            mine.to_str().unwrap(),
            "/usr/bin",
            "relative",
            "",
        ];
        let found = found(home.path(), &path, &[("RUSTUP_TOOLCHAIN", "stable")]);
        let expected = [
            ".cargo/bin",
            ".local/bin",
            ".rustup/settings.toml",
            ".rustup/toolchains",
        ];
        assert_eq!(below(home.path(), &found), expected.map(PathBuf::from));
        let rest = "/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin";
        assert_eq!(found.path, format!("{}:{rest}", cargo_bin.display()));
        let rustup = home.path().join(".rustup").display().to_string();
        for (name, value) in [
            ("RUSTUP_HOME", rustup.as_str()),
            ("RUSTUP_AUTO_INSTALL", "0"),
            ("RUSTUP_TOOLCHAIN", "stable"),
        ] {
            assert!(
                found.env.contains(&(name.to_owned(), value.to_owned())),
                "{name}"
            );
        }
        assert!(
            !found
                .env
                .iter()
                .any(|(name, _)| name == "CARGO_HOME" || name == "HOME")
        );
    }

    #[test]
    fn a_variable_that_names_the_home_itself_shows_nothing_of_it() {
        let home = home_with(&["secret"]);
        let text = home.path().to_str().unwrap();
        for name in ["PNPM_HOME", "GOBIN", "VOLTA_HOME"] {
            let found = found(home.path(), &["/usr/bin"], &[(name, text)]);
            assert_eq!(below(home.path(), &found), Vec::<PathBuf>::new(), "{name}");
        }
    }

    #[test]
    fn folders_on_the_path_are_shown_as_narrowly_as_their_place_allows() {
        let home = Some(Path::new("/home/ada"));
        for private in [
            "/home/ada/bin",
            "/home",
            "/root/bin",
            "/tmp/x",
            "/var/lib/x/bin",
            "/",
        ] {
            assert_eq!(unknown_folder(Path::new(private), home), None, "{private}");
        }
        assert_eq!(
            unknown_folder(Path::new("/usr/games"), home),
            None,
            "there anyway"
        );
    }
}
