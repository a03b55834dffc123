//! The environment of a set-up and of the runs after it: the same places, with and without a way out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::registries::{self, holds_credentials};
use crate::cage::{Access, Bind};
use crate::clone::INSIDE_HOME;
use crate::toolchains::Toolchains;

/// Where programs of the whole machine are configured.
const ETC: &str = "/etc";

/// Variables of the host that a set-up sees when they are set: certificates of a company's own authority, and mirrors of
/// registries. Nothing that is a secret by its purpose is among them, and a value that may hold a password or a
/// token is withheld.
pub const PASSED_THROUGH: &[&str] = &[
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
    "npm_config_cafile",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "npm_config_registry",
    "YARN_NPM_REGISTRY_SERVER",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOPRIVATE",
];

/// Those of [`PASSED_THROUGH`] that name a file or folder, which is then shown inside.
const CERTIFICATES: &[&str] = &[
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
    "npm_config_cafile",
];

/// Where the cage shows the system's own certificates anyway.
const SHOWN_ANYWAY: &[&str] = &["/etc/ssl", "/etc/ca-certificates", "/etc/pki", "/usr"];

/// A set-up's environment, and what follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SetupEnv {
    pub(super) inside: Vec<(String, String)>,
    /// The part that came from the host; it decides the result, so it is part of the key.
    pub(super) passed: Vec<(String, String)>,
    /// Names that were not passed in, because their values hold credentials or what looks like them.
    pub(super) withheld: Vec<String>,
    pub(super) certificates: Vec<Bind>,
    /// The text of cargo's configuration inside, where the machine's own names other sources.
    pub(super) cargo: Option<String>,
}

pub(super) fn of_setup(tools: &Toolchains, host: &BTreeMap<String, String>, port: u16) -> SetupEnv {
    let mut env = SetupEnv {
        inside: places(tools),
        ..SetupEnv::default()
    };
    let proxy = format!("http://127.0.0.1:{port}");
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        // Plain HTTP goes to mirrors alone; everything else at least gets an answer that says so.
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "CARGO_HTTP_PROXY",
        "npm_config_https_proxy",
        "npm_config_proxy",
        "PIP_PROXY",
        "YARN_HTTPS_PROXY",
    ] {
        env.inside.push((name.to_owned(), proxy.clone()));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        env.inside
            .push((name.to_owned(), "localhost,127.0.0.1,::1".to_owned()));
    }
    for name in PASSED_THROUGH {
        let Some(value) = host.get(*name).filter(|value| !value.is_empty()) else {
            continue;
        };
        if holds_credentials(value) {
            env.withheld.push((*name).to_owned());
            continue;
        }
        if CERTIFICATES.contains(name) {
            env.certificates.extend(shown(value));
        }
        env.passed.push(((*name).to_owned(), value.clone()));
    }
    let machine = registries::machine(host, Path::new(ETC));
    for (name, value) in machine.env {
        let known = |known: &str| env.passed.iter().any(|(passed, _)| passed == known);
        if !known(&name) && !env.withheld.contains(&name) {
            env.passed.push((name, value));
        }
    }
    env.withheld.extend(machine.withheld);
    env.withheld.dedup();
    env.cargo = machine.cargo;
    env.certificates.dedup();
    env.inside.extend(env.passed.iter().cloned());
    env
}

/// The environment of everything that runs after the set-up, without a network: the same places, and every package tool told
/// to use what is there.
pub fn run_env(tools: &Toolchains) -> Vec<(String, String)> {
    let mut env = places(tools);
    for (name, value) in [
        ("CARGO_NET_OFFLINE", "true"),
        ("npm_config_offline", "true"),
        ("PIP_NO_INDEX", "1"),
        ("UV_OFFLINE", "1"),
        ("GOPROXY", "off"),
        ("NEXT_TELEMETRY_DISABLED", "1"),
    ] {
        env.push((name.to_owned(), value.to_owned()));
    }
    env
}

/// Where tools keep things: all below the home folder of the cage, which is the same for set-up, run and gate.
fn places(tools: &Toolchains) -> Vec<(String, String)> {
    let mut env = tools.env.clone();
    let home = |below: &str| format!("{INSIDE_HOME}/{below}");
    for (name, value) in [
        ("HOME", INSIDE_HOME.to_owned()),
        ("XDG_CACHE_HOME", home(".cache")),
        ("CARGO_HOME", home(".cargo")),
        ("GOPATH", home("go")),
        ("GOCACHE", home(".cache/go-build")),
        // Without it the module cache is read-only even for its owner.
        ("GOFLAGS", "-modcacherw".to_owned()),
        ("GOTOOLCHAIN", "local".to_owned()),
        ("npm_config_cache", home(".npm")),
        ("npm_config_audit", "false".to_owned()),
        ("npm_config_fund", "false".to_owned()),
        ("npm_config_update_notifier", "false".to_owned()),
        // The virtual environment holds what was installed; a second copy would only be copied to every run.
        ("PIP_NO_CACHE_DIR", "1".to_owned()),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("CI", "1".to_owned()),
    ] {
        env.retain(|(known, _)| known != name);
        env.push((name.to_owned(), value));
    }
    env
}

fn shown(path: &str) -> Option<Bind> {
    let path = Path::new(path);
    let anyway = SHOWN_ANYWAY.iter().any(|shown| path.starts_with(shown));
    if anyway || !path.is_absolute() || !path.exists() {
        return None;
    }
    Some(Bind {
        outside: path.to_path_buf(),
        inside: PathBuf::from(path),
        access: Access::ReadOnly,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Toolchains {
        Toolchains {
            binds: Vec::new(),
            path: "/usr/bin".to_owned(),
            env: vec![("CARGO_HOME".to_owned(), "/x".to_owned())],
        }
    }

    fn value<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
        env.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn certificates_and_mirrors_pass_and_secrets_do_not() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let ours = file.path().to_string_lossy().into_owned();
        let host = BTreeMap::from(
            [
                ("SSL_CERT_FILE", ours.as_str()),
                ("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt"),
                ("PIP_INDEX_URL", "https://mirror.example.org/simple"),
                ("GOPROXY", "https://me:secret@mirror.example.org,direct"),
                ("CARGO_REGISTRY_TOKEN", "secret"),
                ("NPM_TOKEN", "secret"),
                ("npm_config_registry", ""),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let env = of_setup(&tools(), &host, 3128);
        assert_eq!(
            value(&env.inside, "PIP_INDEX_URL"),
            Some("https://mirror.example.org/simple")
        );
        assert_eq!(
            value(&env.inside, "https_proxy"),
            Some("http://127.0.0.1:3128")
        );
        assert_eq!(
            value(&env.inside, "CARGO_HOME"),
            Some("/home/agent/.cargo"),
            "ours wins over the toolchains'"
        );
        assert_eq!(env.withheld, ["GOPROXY"]);
        assert!(
            !env.inside.iter().any(|(_, value)| value.contains("secret")),
            "{:?}",
            env.inside
        );
        assert_eq!(
            env.certificates.len(),
            1,
            "the system's own are shown anyway: {:?}",
            env.certificates
        );
        assert_eq!(env.certificates[0].access, Access::ReadOnly);
    }

    #[test]
    fn runs_have_the_same_places_and_no_proxy() {
        let run = run_env(&tools());
        let setup = of_setup(&tools(), &BTreeMap::new(), 3128);
        for name in ["HOME", "CARGO_HOME", "GOPATH", "npm_config_cache"] {
            assert!(value(&run, name).is_some());
            assert_eq!(value(&run, name), value(&setup.inside, name), "{name}");
        }
        assert_eq!(value(&run, "https_proxy"), None);
        assert_eq!(value(&run, "CARGO_NET_OFFLINE"), Some("true"));
    }
}
