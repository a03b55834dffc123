//! An agent's own program (the command line of a provider, or whatever speaks the Agent Client Protocol) in a cage: the ordinary
//! one, and in it the program's files read-only, a fresh folder for its settings, its login where it has one, and one way out, to
//! its provider alone.
//!
//! Nothing of a person's settings, hooks or history is shown, and of the folder of his login one file, out of our memory: the
//! program can neither change it nor look beside it, and as root too, when the file is nobody else's to read. A program that works
//! with a key has no key inside: [`crate::egress`] adds it.
//!
//! What such a cage promises less than the ordinary one stands in its layers: `login:NAME`, for the login can be read by
//! whatever runs in it, and `egress:HOST`, for it reaches that host; with a key `provider:HOST` alone.

mod find;
mod lent;
mod server;
mod veil;

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cage::{
    self, Access, Bind, CageError, CageSpec, Caged, Layer, Network, Text, UnixSocketForward,
};
use crate::command::Cancel;
use crate::egress::{self, Egress, HostUse, Provider, Rules};
use crate::files::{self, Scratch};
use crate::{toolchains::Toolchains, versions};

pub use find::{Found, find};
pub use lent::{INSIDE_SOCKET, LentSocket};
pub use server::{Server, serve};
pub use veil::Veil;

/// Where a program's settings are inside: fresh and writable.
pub const INSIDE_CONFIG: &str = "/agent/config";

/// Where its login is inside.
const INSIDE_LOGIN: &str = "/agent/login";

/// The port on the cage's loopback that leads to the proxy.
const PORT: u16 = 18_931;

/// A login is a few kilobytes of JSON.
const LOGIN_BYTES_MAX: u64 = 256 << 10;

/// How long a program may take to say its version, in seconds: Node reads a bundle of 10 MB before it says anything.
const VERSION_WALL_S: u64 = 60;

/// The one file of a login.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Its name in the folder of settings.
    pub name: String,
    text: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// Reads a login.
    ///
    /// # Errors
    /// In words, when it is not there, no plain file, too long, or no text. Nothing of its content is said.
    pub fn read(dir: &Path, name: &str) -> Result<Login, String> {
        let path = dir.join(name);
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let real = path.canonicalize().map_err(|error| told(&error))?;
        let what = fs::metadata(&real).map_err(|error| told(&error))?;
        if !what.is_file() || what.len() > LOGIN_BYTES_MAX {
            return Err(told(&"is no file of a login"));
        }
        let text = fs::read_to_string(&real).map_err(|error| told(&error))?;
        Ok(Login {
            name: name.to_owned(),
            text: without_renewal(text),
        })
    }

    /// Its content, for whoever looks until when it is good.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A login without what gives new ones: that is good for months, and no use inside, where the hosts that renew are not reached. It is
/// emptied and not left out, as Codex reads no login without one.
fn without_renewal(text: String) -> String {
    fn blank(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(blank),
            Value::Object(fields) => {
                for (name, value) in fields {
                    let name = name.replace(['_', '-'], "").to_ascii_lowercase();
                    match name == "refreshtoken" {
                        true => *value = Value::from(""),
                        false => blank(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(mut value) => {
            blank(&mut value);
            value.to_string()
        }
        // A form of the agent's own.
        Err(_) => text,
    }
}

/// How a program reaches its provider.
#[derive(Debug, Clone)]
pub enum Way {
    /// It does not.
    None,
    /// By TLS of its own, to these hosts, with the login, where it has one.
    Login {
        hosts: Vec<String>,
        login: Option<Login>,
    },
    /// By plain HTTP to its own loopback; the trusted side has the key.
    Key(Box<Provider>),
}

impl Way {
    /// The environment that tells a program of it.
    pub fn env(&self) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self {
            Way::Login { hosts, .. } if !hosts.is_empty() => {
                let proxy = format!("http://127.0.0.1:{PORT}");
                // The tests of the repository speak to their own servers without it.
                let direct = "localhost,127.0.0.1,::1";
                let proxies = ["HTTPS_PROXY", "https_proxy"].map(|name| own(name, &proxy));
                let directs = ["NO_PROXY", "no_proxy"].map(|name| own(name, direct));
                [proxies, directs].concat()
            }
            Way::None | Way::Login { .. } | Way::Key(_) => Vec::new(),
        }
    }

    /// The base URL on the program's own loopback, without the version of its routes.
    pub fn base_url(&self) -> Option<String> {
        match self {
            Way::Key(_) => Some(format!("http://127.0.0.1:{PORT}")),
            Way::None | Way::Login { .. } => None,
        }
    }

    fn rules(&self) -> Option<Rules> {
        match self {
            Way::Login { hosts, .. } if !hosts.is_empty() => Some(Rules::of_login(hosts.clone())),
            Way::None | Way::Login { .. } => None,
            Way::Key(provider) => Some(Rules::of_key(provider.as_ref().clone())),
        }
    }

    fn login(&self) -> Option<&Login> {
        match self {
            Way::Login { login, .. } => login.as_ref(),
            Way::None | Way::Key(_) => None,
        }
    }

    /// What a program says, without the secrets of its login.
    pub fn veiled<R: io::Read>(&self, said: R) -> Veil<R> {
        let secrets = self.login().map(|login| veil::secrets(&login.text));
        Veil::new(said, &secrets.unwrap_or_default())
    }

    /// The layers that this adds to a cage's; `name` is the program's.
    pub fn layers(&self, name: &str) -> Vec<String> {
        match self {
            Way::None => Vec::new(),
            Way::Key(provider) => vec![format!("provider:{}", provider.host())],
            Way::Login { hosts, login } => {
                let login = login.iter().map(|_| format!("login:{name}"));
                login
                    .chain(hosts.iter().map(|host| format!("egress:{host}")))
                    .collect()
            }
        }
    }
}

/// A program that is about to be started.
#[derive(Debug)]
pub struct Guest<'a> {
    /// For its layers.
    pub name: &'a str,
    pub found: &'a Found,
    pub way: &'a Way,
    /// A folder of the host that is empty but for what this run gives: it becomes the program's folder of settings.
    pub config: &'a Path,
    /// By which it asks for what it is lent; whoever gives it keeps it until the guest has ended.
    pub lent: Option<&'a LentSocket>,
}

/// A program that runs. Dropping it ends the cage, and then the way out.
#[derive(Debug)]
pub struct Running {
    pub caged: Caged,
    /// All layers, also those of the way out.
    pub layers: Vec<String>,
    egress: Option<Egress>,
    _socket: Option<Scratch>,
}

impl Running {
    /// What the way out was used for, by host. Ends it; the cage has ended before.
    pub fn used(mut self) -> std::collections::BTreeMap<String, HostUse> {
        // An error is one of our own child's: it is gone all the same when the lifeline is.
        let _ = self.caged.kill();
        self.egress.take().map(Egress::finish).unwrap_or_default()
    }
}

/// Starts a guest in the cage of `spec`, to which its own parts are added. `argv` is the whole command, for what else must be started
/// before it.
///
/// # Errors
/// When the cage, the folder of settings or the way out cannot be made.
pub fn spawn(spec: CageSpec, guest: &Guest<'_>, argv: &[String]) -> Result<Running, CageError> {
    spawn_in(cage::probe()?.layer, spec, guest, argv)
}

/// [`spawn`] by this layer and no other.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_in(
    layer: Layer,
    mut spec: CageSpec,
    guest: &Guest<'_>,
    argv: &[String],
) -> Result<Running, CageError> {
    let texts = furnish(&mut spec, guest)?;
    let (egress, socket) = match guest.way.rules() {
        None => (None, None),
        Some(rules) => {
            let made = way_out(rules).map_err(CageError::io("make the way to a provider"))?;
            let (egress, socket) = made;
            spec.network = Network::LoopbackAnd(UnixSocketForward {
                outside_socket: socket.path().join(SOCKET),
                inside_port: PORT,
            });
            (Some(egress), Some(socket))
        }
    };
    let caged = cage::spawn_with(layer, &spec, &texts, argv)?;
    let mut layers = caged.layers().to_vec();
    layers.extend(guest.way.layers(guest.name));
    Ok(Running {
        caged,
        layers,
        egress,
        _socket: socket,
    })
}

const SOCKET: &str = "provider";

/// Not in the run's folder: the path of a Unix socket has room for a hundred bytes only.
fn way_out(rules: Rules) -> io::Result<(Egress, Scratch)> {
    let scratch = files::scratch().map_err(|error| io::Error::other(error.to_string()))?;
    let egress = egress::start(&scratch.path().join(SOCKET), rules)?;
    Ok((egress, scratch))
}

/// Adds the program's own parts to a cage.
fn furnish(spec: &mut CageSpec, guest: &Guest<'_>) -> Result<Vec<Text>, CageError> {
    let known: Vec<PathBuf> = spec
        .toolchains
        .iter()
        .map(|bind| bind.inside.clone())
        .collect();
    let new = guest.found.binds.iter();
    let new = new.filter(|bind| !known.iter().any(|seen| bind.inside.starts_with(seen)));
    let new: Vec<Bind> = new.cloned().collect();
    // A folder of the program that holds one of them: the larger one shows both.
    let wider = |bind: &Bind| new.iter().any(|new| bind.inside.starts_with(&new.inside));
    spec.toolchains.retain(|bind| !wider(bind));
    spec.toolchains.extend(new);
    spec.env.extend(guest.way.env());
    spec.binds.push(Bind {
        outside: guest.config.to_path_buf(),
        inside: PathBuf::from(INSIDE_CONFIG),
        access: Access::ReadWrite,
    });
    spec.binds.extend(guest.lent.map(|lent| Bind {
        outside: lent.folder().to_path_buf(),
        inside: PathBuf::from(lent::INSIDE_LENT),
        access: Access::ReadOnly,
    }));
    let Some(login) = guest.way.login() else {
        return Ok(Vec::new());
    };
    let inside = Path::new(INSIDE_LOGIN).join(&login.name);
    // The link lies in the agent's folder, and he may put another thing in its place: what it leads to he cannot.
    let link = guest.config.join(&login.name);
    if fs::symlink_metadata(&link).is_err() {
        symlink(&inside, &link).map_err(CageError::io("link a login"))?;
    }
    Ok(vec![Text::new(inside, login.text.clone())])
}

/// What a program says of its version, asked in a cage without any way out, and only once of the same file.
///
/// # Errors
/// In words, when it cannot be started there or gives no answer.
pub fn version(found: &Found, toolchains: &Toolchains) -> Result<String, String> {
    versions::version(&found.path, || {
        let mut binds = toolchains.binds.clone();
        let seen = |bind: &&Bind| !binds.iter().any(|b| bind.inside.starts_with(&b.inside));
        let new: Vec<Bind> = found.binds.iter().filter(seen).cloned().collect();
        binds.retain(|bind| !new.iter().any(|n| bind.inside.starts_with(&n.inside)));
        binds.extend(new);
        let spec = CageSpec {
            binds: Vec::new(),
            cwd: PathBuf::from("/tmp"),
            env: vec![("HOME".to_owned(), "/tmp".to_owned())],
            network: Network::Loopback,
            limits: cage::Limits {
                wall_s: VERSION_WALL_S,
                output_kept: 4 << 10,
                ..cage::Limits::default()
            },
            uid: cage::agent_ids(),
            toolchains: binds,
            path: toolchains.path.clone(),
        };
        let argv = [
            found.path.to_string_lossy().into_owned(),
            "--version".to_owned(),
        ];
        let said = cage::run(&spec, &argv, b"", &Cancel::new()).map_err(|e| e.to_string())?;
        match said.success() {
            true => Ok(said.stdout.trim().to_owned()),
            false => Err(format!(
                "`{} --version` in its cage: {}: {}",
                found.path.display(),
                said.record.exit,
                said.combined().trim().chars().take(300).collect::<String>()
            )),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_shown_without_what_gives_new_ones() {
        let dir = tempfile::tempdir().unwrap();
        let long = "rt-0123456789-0123456789";
        for (name, text) in [
            (
                "claude",
                format!(
                    "{{\"claudeAiOauth\":{{\"accessToken\":\"good\",\"expiresAt\":18446744073709551615,\"refreshToken\":\"{long}\"}}}}"
                ),
            ),
            (
                "codex",
                format!(
                    "{{\"tokens\":{{\"access_token\":\"good\",\"refresh_token\":\"{long}\"}},\"last_refresh\":\"2026-10-24\"}}"
                ),
            ),
            (
                "odd",
                format!("[\"good\",{{\"a\":[{{\"Refresh-Token\":{{\"b\":\"{long}\"}}}}]}}]"),
            ),
        ] {
            fs::write(dir.path().join(name), &text).unwrap();
            let login = Login::read(dir.path(), name).unwrap();
            assert!(!login.text().contains(long), "{}", login.text());
            assert!(login.text().contains("good"), "{}", login.text());
        }
        let login = |name| Login::read(dir.path(), name).unwrap().text;
        assert!(login("claude").contains("18446744073709551615"));
        // Codex reads no login without one.
        assert!(login("codex").contains("\"refresh_token\":\"\""));
        // What is no JSON is an agent's own matter.
        fs::write(dir.path().join("text"), "token good").unwrap();
        assert_eq!(login("text"), "token good");
    }
}
