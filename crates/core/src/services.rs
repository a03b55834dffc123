//! What a project's tests find around them: services on the cage's loopback, and variables.
//!
//! A service is a command that is started in the same cage before a program of the project and ends with the cage. It has the
//! loopback of that cage for itself, so that a fixed port is free in each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::safety;

/// Services of one project. A machine of two cores has long had enough by then.
pub const SERVICES_MAX: usize = 8;
/// Variables of one project, and bytes of one value: an environment is not a place for files.
pub const VARIABLES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 4 << 10;
const NAME_BYTES_MAX: usize = 64;

/// Everything around the programs of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Surroundings {
    pub services: Vec<Service>,
    pub variables: BTreeMap<String, String>,
}

/// One program that runs beside the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Small letters, digits, `-` and `_`.
    pub name: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// Known to us; the program must be on the machine.
    Postgres,
    Redis,
    /// A line for `sh -c` at the top of the tree.
    Command {
        command: String,
        ready: Ready,
    },
}

/// How a service is known to be up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ready {
    /// Somebody listens on this port of TCP.
    Port { port: u16 },
    /// This line for `sh -c` exits 0.
    Command { command: String },
}

/// Why a text is no service or variable. Says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

/// What `--service TEXT` means: a preset (`postgres`), a command with its port (`NAME:PORT=COMMAND`) or with a line that tells
/// when it is up (`NAME=COMMAND;; READY`), or `NAME=` to take one away.
///
/// # Errors
/// When it is none of these.
pub fn parse_service(text: &str) -> Result<Change<Service>, Unfit> {
    let Some((head, command)) = text.split_once('=') else {
        let what = match text.trim() {
            "postgres" => What::Postgres,
            "redis" => What::Redis,
            other => {
                return Err(Unfit(format!(
                    "`{other}` is no service that is known by name; postgres and redis are, others are written \
                     \"NAME:PORT=COMMAND\""
                )));
            }
        };
        return Ok(Change::Set(Service {
            name: text.trim().to_owned(),
            what,
        }));
    };
    let (name, port) = match head.trim().split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (head.trim(), None),
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
        return Err(Unfit(format!(
            "`{name}` is no name of a service: small letters, digits, - and _"
        )));
    }
    if command.trim().is_empty() {
        return Ok(Change::Remove(name.to_owned()));
    }
    no_secret(command)?;
    let (command, said) = match command.split_once(";; ") {
        Some((command, ready)) => (command, Some(ready)),
        None => (command, None),
    };
    let ready = match (port, said) {
        (Some(port), None) => Ready::Port {
            port: port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                Unfit(format!(
                    "`{port}` is no port of TCP: a number from 1 to 65535"
                ))
            })?,
        },
        (None, Some(ready)) if !ready.trim().is_empty() => Ready::Command {
            command: ready.trim().to_owned(),
        },
        _ => {
            return Err(Unfit(format!(
                "nothing tells when `{name}` is up: give its port (\"{name}:PORT=COMMAND\") or a command that exits 0 then \
                 (\"{name}=COMMAND;; READY\"), not both"
            )));
        }
    };
    Ok(Change::Set(Service {
        name: name.to_owned(),
        what: What::Command {
            command: command.trim().to_owned(),
            ready,
        },
    }))
}

/// What `--env TEXT` means: `NAME=VALUE`, or `NAME=` to take one away.
///
/// # Errors
/// When it is neither, when the cage needs the name for itself, or when the value is a secret.
pub fn parse_variable(text: &str) -> Result<Change<(String, String)>, Unfit> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Unfit(format!(
            "`{text}` is no variable: write NAME=VALUE; nothing of this machine's own environment is passed in"
        )));
    };
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| letter(c) && !c.is_ascii_digit());
    if !begins || name.len() > NAME_BYTES_MAX || !name.chars().all(letter) {
        return Err(Unfit(format!(
            "`{name}` is no name of a variable: letters, digits and _"
        )));
    }
    if value.is_empty() {
        return Ok(Change::Remove(name.to_owned()));
    }
    // Some programs fold the case of a name (npm), and some systems do.
    let folded = name.to_ascii_uppercase();
    let is_ours = OURS.contains(&folded.as_str());
    if is_ours || OURS_BEFORE.iter().any(|start| folded.starts_with(start)) {
        return Err(Unfit(format!(
            "the cage sets {name} itself; put it into the command that needs it"
        )));
    }
    if STEERING.contains(&folded.as_str()) {
        return Err(Unfit(format!(
            "{name} decides what a compiler, interpreter or test runner does, for the gate too; put it into the command that \
             needs it"
        )));
    }
    if value.len() > VALUE_BYTES_MAX || value.contains(char::is_control) {
        return Err(Unfit(format!(
            "the value of {name} is not one line of at most {VALUE_BYTES_MAX} bytes"
        )));
    }
    no_secret(value)?;
    Ok(Change::Set((name.to_owned(), value.to_owned())))
}

/// Names that decide where a program looks for its parts, or that the cage and the gate set for every run.
const OURS: [&str; 27] = [
    "PATH",
    "HOME",
    "SHELL",
    "USER",
    "LOGNAME",
    "PWD",
    "TMPDIR",
    "IFS",
    "ENV",
    "BASH_ENV",
    "LANG",
    "TERM",
    "CI",
    "NO_COLOR",
    "GOFLAGS",
    "GOENV",
    "GOROOT",
    "GOPATH",
    "GOCACHE",
    "GOPROXY",
    "GOTOOLCHAIN",
    "PYTEST_ADDOPTS",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "RUST_BACKTRACE",
    "XDG_CACHE_HOME",
    "SERVICE_DIR",
];
const OURS_BEFORE: [&str; 10] = [
    "LD_",
    "ALAI_",
    "CARGO_",
    "RUSTUP_",
    "NPM_CONFIG_",
    "UV_",
    "PIP_",
    "NEXTEST_",
    "GIT_",
    "DYLD_",
];

/// Names by which a program loads other code, builds otherwise or leaves tests out, whatever its command says.
const STEERING: [&str; 12] = [
    "MAKEFLAGS",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTEST_PLUGINS",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "GTEST_FILTER",
    "PERL5OPT",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
];

fn no_secret(text: &str) -> Result<(), Unfit> {
    match safety::credential_in(text) {
        None => Ok(()),
        Some(found) => Err(Unfit(format!(
            "it holds {found}, and no secret goes into a cage: what runs there may write it anywhere; give the tests a made-up \
             one"
        ))),
    }
}

/// One wish about a list that has names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    Set(T),
    Remove(String),
}

impl Surroundings {
    /// Adds, replaces and takes away.
    ///
    /// # Errors
    /// For a text that is no service or variable, and for too many of them.
    pub fn changed(mut self, services: &[String], variables: &[String]) -> Result<Self, Unfit> {
        for text in services {
            let (name, new) = match parse_service(text)? {
                Change::Set(service) => (service.name.clone(), Some(service)),
                Change::Remove(name) => (name, None),
            };
            match (self.services.iter().position(|old| old.name == name), new) {
                (Some(at), Some(new)) => self.services[at] = new,
                (Some(at), None) => drop(self.services.remove(at)),
                (None, Some(new)) => self.services.push(new),
                (None, None) => {}
            }
        }
        for text in variables {
            match parse_variable(text)? {
                Change::Set((name, value)) => drop(self.variables.insert(name, value)),
                Change::Remove(name) => drop(self.variables.remove(&name)),
            }
        }
        let most = |what: &str, most: usize| Unfit(format!("a project has at most {most} {what}"));
        if self.services.len() > SERVICES_MAX {
            return Err(most("services", SERVICES_MAX));
        }
        if self.variables.len() > VARIABLES_MAX {
            return Err(most("variables", VARIABLES_MAX));
        }
        Ok(self)
    }

    /// The variables of every program in the cage: those that say where a service is, and the project's own above them.
    pub fn env(&self) -> BTreeMap<String, String> {
        let of_services = self.services.iter().flat_map(Service::env);
        let mut env: BTreeMap<String, String> = of_services
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        env.extend(self.variables.clone());
        env
    }
}

impl Service {
    /// A line for `sh -c`. It may keep things in the folder `$SERVICE_DIR`, which is its own.
    pub fn command(&self) -> &str {
        match &self.what {
            What::Postgres => POSTGRES,
            What::Redis => REDIS,
            What::Command { command, .. } => command,
        }
    }

    pub fn ready(&self) -> Ready {
        match &self.what {
            // It listens a moment before it answers.
            What::Postgres => Ready::Command {
                command: "pg_isready -q -h 127.0.0.1".to_owned(),
            },
            What::Redis => Ready::Port { port: 6379 },
            What::Command { ready, .. } => ready.clone(),
        }
    }

    /// How programs find it, by the names that its own clients read.
    fn env(&self) -> &'static [(&'static str, &'static str)] {
        match &self.what {
            What::Postgres => &[
                ("PGHOST", "127.0.0.1"),
                ("PGPORT", "5432"),
                ("PGUSER", "postgres"),
                ("PGDATABASE", "postgres"),
                (
                    "DATABASE_URL",
                    "postgresql://postgres@127.0.0.1:5432/postgres",
                ),
            ],
            What::Redis => &[("REDIS_URL", "redis://127.0.0.1:6379")],
            What::Command { .. } => &[],
        }
    }
}

/// Debian keeps the server's programs apart from `PATH`, by version. Trust is for whoever is in the cage; nobody else has a way
/// to it. Nothing survives the cage, so nothing is synced.
const POSTGRES: &str = "for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do PATH=\"$bin:$PATH\"; done; \
    initdb -D \"$SERVICE_DIR/data\" -U postgres -A trust -E UTF8 --no-locale --no-sync && exec postgres -D \"$SERVICE_DIR/data\" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off";

const REDIS: &str = "exec redis-server --bind 127.0.0.1 --port 6379 --save '' --appendonly no --dir \"$SERVICE_DIR\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        parse_service(text).expect_err(text).to_string()
    }

    #[test]
    fn a_service_is_known_by_name_or_brings_its_command_and_how_it_is_known_to_be_up() {
        let set = |name: &str, what| {
            let name = name.to_owned();
            Ok(Change::Set(Service { name, what }))
        };
        assert_eq!(parse_service("postgres"), set("postgres", What::Postgres));
        let web = What::Command {
            command: "python3 -m http.server 8000 -d x=y".into(),
            ready: Ready::Port { port: 8000 },
        };
        assert_eq!(
            parse_service("web:8000=python3 -m http.server 8000 -d x=y"),
            set("web", web)
        );
        let own = What::Command {
            command: "./db".into(),
            ready: Ready::Command {
                command: "test -S /tmp/db".into(),
            },
        };
        assert_eq!(parse_service("db=./db;; test -S /tmp/db"), set("db", own));
        assert_eq!(parse_service("db="), Ok(Change::Remove("db".into())));
        for (text, word) in [
            ("mysql", "known by name"),
            ("db=./db", "nothing tells when `db` is up"),
            ("db:1=./db;; true", "not both"),
            ("db:0=./db", "no port"),
            ("db:70000=./db", "no port"),
            ("../x:1=./db", "no name"),
            ("DB:1=./db", "no name"),
            ("db=./db;; ", "nothing tells"),
        ] {
            assert!(said(text).contains(word), "{text}: {}", said(text));
        }
    }

    #[test]
    fn variables_are_the_projects_own_and_no_secrets() {
        let set = |name: &str, value: &str| Ok(Change::Set((name.to_owned(), value.to_owned())));
        assert_eq!(parse_variable("MODE=test"), set("MODE", "test"));
        let local = "postgresql://app:app@127.0.0.1/app";
        assert_eq!(parse_variable(&format!("A={local}")), set("A", local));
        assert_eq!(parse_variable("A="), Ok(Change::Remove("A".into())));
        let key = concat!("sk_li", "ve_4eC39HqLyjWDarjtT1zdp7dc");
        for text in [
            "HOME=/x",
            "LD_PRELOAD=x",
            "CARGO_HOME=x",
            "GOFLAGS=-x",
            "NAME",
            "1A=x",
            "A B=x",
            "=x",
            "A=x\ny",
        ] {
            assert!(parse_variable(text).is_err(), "{text}");
        }
        let refused = parse_variable(&format!("PAY={key}")).expect_err("a secret");
        assert!(refused.to_string().contains("no secret goes into a cage"));
        assert!(!refused.to_string().contains(key), "{refused}");
        assert!(parse_service(&format!("a:1=serve --key {key}")).is_err());
    }

    #[test]
    fn a_variable_cannot_steer_what_judges_the_project() {
        for name in [
            "MAKEFLAGS",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTEST_PLUGINS",
            "PYTEST_ADDOPTS",
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "GTEST_FILTER",
            "GOENV",
            "GOROOT",
            "GOFLAGS",
            "PERL5OPT",
            "RUBYOPT",
            "JAVA_TOOL_OPTIONS",
            "UV_INDEX_URL",
            "NPM_CONFIG_SCRIPT_SHELL",
            "npm_config_script_shell",
            "Npm_Config_x",
            "Node_Options",
            "path",
        ] {
            let said = parse_variable(&format!("{name}=x")).expect_err(name);
            assert!(
                said.to_string().contains("put it into the command"),
                "{said}"
            );
            let gone = parse_variable(&format!("{name}="));
            assert_eq!(gone, Ok(Change::Remove(name.into())), "an old one goes");
        }
        assert!(parse_variable("NODE_ENV=test").is_ok() && parse_variable("UVX=1").is_ok());
    }

    #[test]
    fn later_wishes_replace_and_take_away_earlier_ones() {
        let texts = |all: &[&str]| -> Vec<String> { all.iter().map(|t| (*t).to_owned()).collect() };
        let some = Surroundings::default()
            .changed(
                &texts(&["postgres", "a:1=x"]),
                &texts(&["PGUSER=app", "B=1"]),
            )
            .expect("sound");
        assert_eq!(
            some.env()["PGUSER"],
            "app",
            "the project's word is the last"
        );
        assert_eq!(some.env()["PGHOST"], "127.0.0.1");
        let fewer = some
            .changed(&texts(&["a:2=y", "postgres="]), &texts(&["B="]))
            .expect("sound");
        assert_eq!(fewer.services.len(), 1);
        assert_eq!(fewer.services[0].ready(), Ready::Port { port: 2 });
        assert_eq!(fewer.env().len(), 1);
        let stored = serde_json::to_string(&fewer).expect("stored");
        let read: Surroundings = serde_json::from_str(&stored).expect("read");
        assert_eq!(read, fewer);
        let many: Vec<String> = (0..9).map(|n| format!("s{n}:1=x")).collect();
        assert!(Surroundings::default().changed(&many, &[]).is_err());
    }
}
