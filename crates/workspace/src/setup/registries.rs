//! Where a set-up may go: the registries of the tools that its command names, and the mirrors that the machine's own
//! configuration puts in their place.
//!
//! Nothing of the repository is read for this: a `.npmrc` or a `.cargo/config.toml` of a stranger would name any host. What a
//! person has set up for all projects of the machine is believed, without its credentials: those stay outside.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::egress::Mirror;

/// A registry, with the tools that fetch from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Registry {
    Cargo,
    Npm,
    Python,
    Go,
}

impl Registry {
    const ALL: [Registry; 4] = [
        Registry::Cargo,
        Registry::Npm,
        Registry::Python,
        Registry::Go,
    ];

    /// Words of a command that call for it.
    fn tools(self) -> &'static [&'static str] {
        match self {
            Registry::Cargo => &["cargo"],
            Registry::Npm => &[
                "npm", "npx", "pnpm", "pnpx", "yarn", "corepack", "bun", "bunx",
            ],
            Registry::Python => &[
                "pip", "python", "uv", "uvx", "poetry", "pipenv", "pdm", "tox", "hatch",
            ],
            Registry::Go => &["go"],
        }
    }

    /// Files that call for it where a command names no tool, such as `make deps`.
    fn manifests(self) -> &'static [&'static str] {
        match self {
            Registry::Cargo => &["Cargo.toml"],
            Registry::Npm => &["package.json"],
            Registry::Python => &["pyproject.toml", "requirements.txt", "setup.py"],
            Registry::Go => &["go.mod"],
        }
    }

    /// Its hosts as the tools are shipped. Yarn 1 writes its own name of npm's registry into its lockfile.
    fn hosts(self) -> &'static [&'static str] {
        match self {
            Registry::Cargo => &["index.crates.io", "static.crates.io", "crates.io"],
            Registry::Npm => &["registry.npmjs.org", "registry.yarnpkg.com"],
            Registry::Python => &["pypi.org", "files.pythonhosted.org"],
            Registry::Go => &["proxy.golang.org", "sum.golang.org"],
        }
    }

    /// Variables that name a mirror of it.
    fn variables(self) -> &'static [&'static str] {
        match self {
            Registry::Cargo => &[],
            Registry::Npm => &["npm_config_registry", "YARN_NPM_REGISTRY_SERVER"],
            Registry::Python => &[
                "PIP_INDEX_URL",
                "PIP_EXTRA_INDEX_URL",
                "UV_INDEX_URL",
                "UV_DEFAULT_INDEX",
            ],
            Registry::Go => &["GOPROXY", "GOSUMDB"],
        }
    }
}

/// What the machine's own configuration says of registries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Machine {
    /// As variables, for those that are not set already.
    pub(super) env: BTreeMap<String, String>,
    /// Cargo has no variable for it: the text of a `config.toml` with its sources alone.
    pub(super) cargo: Option<String>,
    /// Settings that hold credentials and were left out.
    pub(super) withheld: Vec<String>,
}

/// Reads the files of cargo, npm, pip and Go in the home of whoever started the factory, and in `etc`.
pub(super) fn machine(host: &BTreeMap<String, String>, etc: &Path) -> Machine {
    let mut machine = Machine::default();
    let home = host.get("HOME").map(Path::new);
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).ok();
    let in_home = |below: &str| home.and_then(|home| read(home.join(below)));
    // The first that names a thing wins: a person's own file before the machine's.
    for text in [in_home(".npmrc"), read(etc.join("npmrc"))]
        .into_iter()
        .flatten()
    {
        machine.take(&text, &[("registry", "npm_config_registry")]);
    }
    let pip = [
        in_home(".config/pip/pip.conf"),
        in_home(".pip/pip.conf"),
        read(etc.join("pip.conf")),
    ];
    for text in pip.into_iter().flatten() {
        let names = [
            ("index-url", "PIP_INDEX_URL"),
            ("extra-index-url", "PIP_EXTRA_INDEX_URL"),
        ];
        machine.take(&text, &names);
    }
    let go = match host.get("GOENV").map(String::as_str) {
        Some("off") => None,
        Some(path) if !path.is_empty() => read(path.into()),
        Some(_) | None => in_home(".config/go/env"),
    };
    for text in go.into_iter() {
        let names = ["GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE"];
        machine.take(&text, &names.map(|name| (name, name)));
    }
    let cargo = host.get("CARGO_HOME").map(std::path::PathBuf::from);
    let cargo = cargo.or_else(|| home.map(|home| home.join(".cargo")));
    let text =
        cargo.and_then(|dir| read(dir.join("config.toml")).or_else(|| read(dir.join("config"))));
    if let Some(Ok(table)) = text.map(|text| text.parse::<Table>()) {
        machine.cargo(&table);
    }
    machine
}

impl Machine {
    /// Lines `name = value`, as ini files, `.npmrc` and Go's env file have them; sections do not matter for these names.
    fn take(&mut self, text: &str, names: &[(&str, &str)]) {
        for line in text.lines().map(str::trim) {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            let known = names.iter().find(|(known, _)| *known == name.trim());
            let Some((_, variable)) = known.filter(|_| !value.is_empty()) else {
                continue;
            };
            if holds_credentials(value) {
                self.withheld.push((*variable).to_owned());
            } else {
                let free = self.env.entry((*variable).to_owned());
                free.or_insert_with(|| value.to_owned());
            }
        }
    }

    /// Replaced sources and further registries: their addresses, and neither tokens nor folders of this machine. The file stays
    /// for the runs after the set-up: cargo keeps what it fetched under the address of its source, and finds it offline by that
    /// address alone.
    fn cargo(&mut self, table: &Table) {
        let mut kept = String::new();
        // JSON and TOML write a string alike.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        for (kind, keys) in [
            ("source", &["registry", "replace-with"][..]),
            ("registries", &["index"]),
        ] {
            let Some(Value::Table(named)) = table.get(kind) else {
                continue;
            };
            for (name, settings) in named {
                let mut some = String::new();
                if holds_credentials(name) {
                    self.withheld.push(format!("one of cargo's {kind}"));
                    continue;
                }
                for key in keys {
                    match settings.get(*key).and_then(Value::as_str) {
                        Some(value) if holds_credentials(value) => {
                            self.withheld.push(format!("cargo's {kind}.{name}"));
                        }
                        // Cargo refuses a file that names a source and does not say where it is.
                        Some(target) if *key == "replace-with" && !is_known(table, target) => {}
                        Some(value) => some.push_str(&format!("{key} = {}\n", quoted(value))),
                        None => {}
                    }
                }
                if !some.is_empty() {
                    kept.push_str(&format!("[{kind}.{}]\n{some}", quoted(name)));
                }
            }
        }
        self.cargo = (!kept.is_empty()).then_some(kept);
    }
}

/// Where a command may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) hosts: Vec<String>,
    pub(super) mirrors: Vec<Mirror>,
}

/// The registries of the tools that the command names, or, where it names none, of the manifests at `paths`. `env` is what the
/// set-up is told of mirrors, `cargo` its file of sources.
pub(super) fn ways<'a>(
    command: &str,
    paths: impl Iterator<Item = &'a str> + Clone,
    env: &[(String, String)],
    cargo: Option<&str>,
) -> Ways {
    let named = |registry: &Registry| {
        // `python3.11` is python.
        let version = |c: char| c == '.' || c.is_ascii_digit();
        words(command).any(|word| registry.tools().contains(&word.trim_end_matches(version)))
    };
    let mut wanted: Vec<Registry> = Registry::ALL.into_iter().filter(named).collect();
    if wanted.is_empty() {
        let has = |registry: &Registry| {
            let mut names = paths
                .clone()
                .map(|path| path.rsplit('/').next().unwrap_or(path));
            names.any(|name| registry.manifests().contains(&name))
        };
        wanted = Registry::ALL.into_iter().filter(has).collect();
    }
    let mut ways = Ways::default();
    for registry in wanted {
        ways.hosts
            .extend(registry.hosts().iter().map(|host| (*host).to_owned()));
        let told = env
            .iter()
            .filter(|(name, _)| registry.variables().contains(&name.as_str()))
            .flat_map(|(_, value)| addresses(value));
        ways.mirrors.extend(told);
        if registry == Registry::Cargo {
            let quoted = cargo.unwrap_or_default().split('"');
            ways.mirrors.extend(quoted.filter_map(address));
        }
    }
    ways.mirrors.dedup();
    ways
}

/// Programs and everything else that a line of shell names, without the folders before them.
pub(super) fn words(command: &str) -> impl Iterator<Item = &str> {
    command
        .split(|c: char| !(c.is_ascii_alphanumeric() || "_.+-".contains(c)))
        .filter(|word| !word.is_empty())
}

/// The addresses of a variable: one, or a list as pip and Go have it.
fn addresses(value: &str) -> impl Iterator<Item = Mirror> {
    value.split([' ', ',', '|', '\n']).filter_map(address)
}

/// The place that an address of HTTP names; `None` for anything else.
fn address(text: &str) -> Option<Mirror> {
    let text = text.trim().strip_prefix("sparse+").unwrap_or(text.trim());
    let (plain, rest) = match text.split_once("://")? {
        ("https", rest) => (false, rest),
        ("http", rest) => (true, rest),
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, if plain { 80 } else { 443 }),
    };
    Some(Mirror {
        host: host.to_ascii_lowercase(),
        port,
        plain,
    })
}

/// Whether cargo's table says of a source or a registry where it is, in a way that is passed on.
fn is_known(table: &Table, target: &str) -> bool {
    let address = |kind: &str, key: &str| table.get(kind)?.get(target)?.get(key)?.as_str();
    let addresses = [
        address("source", "registry"),
        address("registries", "index"),
    ];
    let mut addresses = addresses.into_iter().flatten();
    target == "crates-io" || addresses.any(|address| !holds_credentials(address))
}

/// Shortest part of a path that may be a token. Those that registries hand out have 16 characters or more; shorter ones are
/// versions and years.
const TOKEN_CHARS_MIN: usize = 16;

/// Whether a setting is, or may be, worth something to whoever reads it. All that a set-up is told reaches programs of
/// strangers, so an address must be plain: with a user, a query or a part that looks random it stays outside.
pub(super) fn holds_credentials(value: &str) -> bool {
    if alai_core::safety::credential_in(value).is_some() {
        return true;
    }
    // Wherever it stands: a password with a slash or a comma in it is cut apart by whoever reads addresses.
    let after_scheme = value.split_once("://").map(|(_, rest)| rest);
    if after_scheme.is_some_and(|rest| rest.contains('@')) {
        return true;
    }
    value.split([' ', '\t', ',', '|', '\n']).any(|part| {
        let Some((_, rest)) = part.split_once("://") else {
            // A path of this machine, or a host without its scheme as Go takes it.
            let more = part.split('/').skip(1).any(looks_random);
            return !part.starts_with('/') && (part.contains('@') || more);
        };
        rest.contains(['?', '#', '=', ';']) || rest.split('/').skip(1).any(looks_random)
    })
}

/// A token rather than a name: letters and digits mixed otherwise than in words that end in a number (`python3-remote-2024`).
fn looks_random(part: &str) -> bool {
    let has = |test: fn(&u8) -> bool| part.bytes().any(|byte| test(&byte));
    let mixed = has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit);
    let mut words = part.split(['-', '_', '.']);
    part.len() >= TOKEN_CHARS_MIN && mixed && !words.all(is_word)
}

/// Letters of one case, perhaps after a capital, and then digits.
fn is_word(text: &str) -> bool {
    let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let all = |text: &str, test: fn(&u8) -> bool| text.as_bytes().iter().all(test);
    let after_first = letters.get(1..).unwrap_or_default();
    all(letters, u8::is_ascii_uppercase)
        || (all(letters, u8::is_ascii_alphabetic) && all(after_first, u8::is_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(command: &str, paths: &[&str]) -> Vec<String> {
        ways(command, paths.iter().copied(), &[], None).hosts
    }

    #[test]
    fn a_command_reaches_the_registries_of_its_own_tools() {
        for (command, reached, not) in [
            (
                "cargo fetch --locked",
                "index.crates.io",
                "registry.npmjs.org",
            ),
            ("cd web && npm ci", "registry.npmjs.org", "pypi.org"),
            (
                "python3 -m venv .venv && .venv/bin/python -m pip install -r requirements.txt",
                "files.pythonhosted.org",
                "crates.io",
            ),
            ("python3.11 -m venv .venv", "pypi.org", "crates.io"),
            (
                "\"$HOME/.uv/bin/uv\" sync --frozen",
                "pypi.org",
                "crates.io",
            ),
            ("go mod download", "sum.golang.org", "pypi.org"),
        ] {
            let found = hosts(command, &["Cargo.toml", "package.json", "go.mod"]);
            assert!(
                found.iter().any(|host| host == reached),
                "{command}: {found:?}"
            );
            assert!(
                !found.iter().any(|host| host == not),
                "{command}: {found:?}"
            );
        }
        assert_eq!(hosts("make deps", &["README.md"]), [""; 0]);
        let by_files = hosts("make deps", &["web/package.json"]);
        assert_eq!(by_files, ["registry.npmjs.org", "registry.yarnpkg.com"]);
    }

    #[test]
    fn the_machines_own_files_name_mirrors_and_keep_their_secrets() {
        let home = tempfile::tempdir().expect("a folder");
        let etc = tempfile::tempdir().expect("a folder");
        let write = |dir: &Path, name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        write(
            home.path(),
            ".npmrc",
            "//npm.example.org/:_authToken=hush\nregistry = https://npm.example.org/\n",
        );
        write(etc.path(), "npmrc", "registry=https://other.example.org/\n");
        write(
            etc.path(),
            "pip.conf",
            "[global]\nindex-url = http://pip.example.org:3141/simple\n",
        );
        write(
            home.path(),
            ".config/go/env",
            "GOPROXY=https://me:hush@go.example.org,direct\nGOSUMDB=sum.golang.org\n",
        );
        write(
            home.path(),
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"near\"\n[source.near]\nregistry = \"sparse+https://crates.example.org:8443/i/\"\n\
             [source.disk]\nlocal-registry = \"/srv/crates\"\n[registries.ours]\nindex = \"https://u:hush@git.example.org/i\"\n\
             token = \"hush\"\n[registry]\ntoken = \"hush\"\n",
        );
        let host = BTreeMap::from([("HOME".to_owned(), home.path().display().to_string())]);
        let machine = machine(&host, etc.path());
        assert_eq!(
            machine.env["npm_config_registry"],
            "https://npm.example.org/"
        );
        assert_eq!(machine.withheld, ["GOPROXY", "cargo's registries.ours"]);
        let all = format!("{:?}{:?}", machine.env, machine.cargo);
        assert!(
            !all.contains("hush") && !all.contains("/srv/crates"),
            "{all}"
        );

        let env: Vec<_> = machine.env.clone().into_iter().collect();
        let cargo = machine.cargo.as_deref();
        let mirrors = |command: &str| ways(command, [].into_iter(), &env, cargo).mirrors;
        let mirror = |host: &str, port, plain| Mirror {
            host: host.to_owned(),
            port,
            plain,
        };
        assert_eq!(mirrors("npm ci"), [mirror("npm.example.org", 443, false)]);
        assert_eq!(
            mirrors("pip install x"),
            [mirror("pip.example.org", 3141, true)]
        );
        assert_eq!(
            mirrors("cargo fetch"),
            [mirror("crates.example.org", 8443, false)]
        );
        assert_eq!(mirrors("go mod download"), []);
    }

    #[test]
    fn addresses_with_a_secret_anywhere_are_withheld() {
        for value in [
            "https://me:hush@host.example/",
            "https://user:pa/ss@host.example/",
            "https://user:pa,/ss@host.example/",
            "https://user:p?a@host.example/",
            "me:hush@host.example/go,direct",
            "https://dl.host.example/aB3dE5fG7hJ9kL1m/org/python/simple/",
            "https://dl.host.example/basic/3f2b8c1d-9a7e-4c55-b6aa-0d9e8f7a6b5c/npm/",
            "https://dl.host.example/0123456789abcdef0123456789abcdef/",
            "sparse+https://dl.host.example/x/aB3dE5fG7hJ9kL1m/cargo/index/",
            "near=https://dl.host.example/aB3dE5fG7hJ9kL1m/",
            "direct|dl.host.example/aB3dE5fG7hJ9kL1m/",
            "https://dl.host.example/simple/?token=hush",
            "https://dl.host.example/simple;token=hush/",
            "https://dl.host.example/t/token=hush/",
            "https://dl.host.example/simple#hush",
            &["ghp_", "Zq8Lw2Xv6Tn4Bm9Rk3Yc7Hd5Jf1Gs0Pa1eUi"].concat(),
        ] {
            assert!(holds_credentials(value), "{value}");
        }
        for value in [
            "https://artifacts.example.org:8443/artifactory/api/pypi/python3-remote-2024/simple/",
            "https://nexus.example.org/repository/pypi-proxy-internal2/simple https://pypi.org/simple",
            "https://proxy.golang.org,direct",
            "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "*.corp.example.org,github.com/org/*,gitlab.example.org/v?/x",
            "/nix/store/0c6kzph7l0dcbfmjap64f0czdafn3b7x-cacert-3.98/etc/ssl/certs/ca-bundle.crt",
            "/home/me@work/ca.pem",
            "sparse+https://crates.example.org/i/",
        ] {
            assert!(!holds_credentials(value), "{value}");
        }
    }

    #[test]
    fn no_file_of_a_home_brings_a_token_in() {
        let home = tempfile::tempdir().expect("a folder");
        let etc = tempfile::tempdir().expect("a folder");
        let token = "aB3dE5fG7hJ9kL1m";
        let cargo = format!(
            "[source.crates-io]\nreplace-with = \"near\"\n[source.near]\nregistry = \"sparse+https://dl.example.org/{token}/i/\"\n\
             [source.\"https://u:{token}@git.example.org/\"]\nreplace-with = \"far\"\n\
             [source.far]\nregistry = \"sparse+https://far.example.org/i/\"\n\
             [registries.ours]\nindex = \"sparse+https://dl.example.org/i/?token={token}\"\n"
        );
        let npm = format!("registry = https://dl.example.org/basic/{token}/npm/\n");
        let pip = format!("[global]\nindex-url = https://u:{token}/x@pip.example.org/simple\n");
        for (name, text) in [
            (".cargo/config.toml", &cargo),
            (".npmrc", &npm),
            (".config/pip/pip.conf", &pip),
        ] {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let host = BTreeMap::from([("HOME".to_owned(), home.path().display().to_string())]);
        let machine = machine(&host, etc.path());
        assert!(!format!("{machine:?}").contains(token), "{machine:?}");
        assert_eq!(
            machine.withheld,
            [
                "npm_config_registry",
                "PIP_INDEX_URL",
                "one of cargo's source",
                "cargo's source.near",
                "cargo's registries.ours"
            ]
        );
        let kept = "[source.\"far\"]\nregistry = \"sparse+https://far.example.org/i/\"\n";
        assert_eq!(
            machine.cargo.as_deref(),
            Some(kept),
            "no source without its place"
        );
    }
}
