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

    /// Replaced sources and further registries: their addresses, and neither tokens nor folders of this machine.
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
                for key in keys {
                    match settings.get(*key).and_then(Value::as_str) {
                        Some(value) if holds_credentials(value) => {
                            self.withheld.push(format!("cargo's {kind}.{name}"));
                        }
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

/// An address with a user or password in it (`https://user:secret@host/`).
pub(super) fn holds_credentials(value: &str) -> bool {
    value.split([' ', ',', '|', '\n']).any(|part| {
        let rest = part.split_once("://").map(|(_, rest)| rest);
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        authority.is_some_and(|authority| authority.contains('@'))
    })
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
}
