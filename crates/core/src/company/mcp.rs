//! What a company says about MCP servers: changes to those of the home (`config/mcp.json`), and which of its agents may call which
//! (`config/tools.json`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::{self, Places};
use super::problem::At;
use crate::blueprint::yaml::Fault;
use crate::brief::Role;

/// Servers of one company: each is a process while a run lives.
const SERVERS_MAX: usize = 32;
const NAME_MAX: usize = 64;

/// How a server is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub command: String,
    #[serde(default)]
    pub args: Vec<String>,
    /// `${NAME}` in a value stands for what the factory knows under that name.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The hosts that it reaches by TLS, where its project allows them; it has no other network.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// What is changed of a server that the home has, key by key; a list and a map are replaced whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[serde(default)]
    pub command: Option<String>,
    #[serde(default)]
    pub args: Option<Vec<String>>,
    #[serde(default)]
    pub env: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub hosts: Option<Vec<String>>,
}

/// What a company changes of the home's servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overlay {
    pub add: BTreeMap<String, Server>,
    pub remove: Vec<String>,
    #[serde(rename = "override")]
    pub change: BTreeMap<String, Change>,
}

/// What a role may call: a server, or one of its tools.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    pub server: String,
    /// None grants all of the server's.
    pub tool: Option<String>,
}

/// Who may call what. A role that is not named may call nothing.
pub type Grants = BTreeMap<Role, Vec<Grant>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolsWire {
    #[serde(default)]
    mcp: Vec<String>,
}

/// The servers of a home, as `mcp.json` says them in the form that other harnesses read too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HomeWire {
    #[serde(rename = "mcpServers", default)]
    servers: BTreeMap<String, Server>,
}

pub(super) type Problems = Vec<(At, String)>;

/// Reads the home's `mcp.json`.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn servers(text: &str) -> Result<BTreeMap<String, Server>, (At, String)> {
    let (wire, places) =
        json::read::<HomeWire>(text).map_err(|fault| (place(&fault), said(fault)))?;
    let mut wrong = Vec::new();
    check_servers(&wire.servers, "mcpServers", &places, &mut wrong);
    match wrong.into_iter().next() {
        None => Ok(wire.servers),
        Some(problem) => Err(problem),
    }
}

fn place(fault: &Fault) -> At {
    At {
        line: fault.line,
        column: fault.column,
    }
}

fn said(fault: Fault) -> String {
    use crate::blueprint::yaml::FaultKind;
    match fault.what {
        FaultKind::Shape(problem) => problem,
        FaultKind::UnknownKey { key, hint } => format!("unknown key `{key}`; {hint}"),
    }
}

/// Reads `config/mcp.json`.
pub(super) fn overlay(text: &str) -> Result<(Overlay, Problems), Fault> {
    let (overlay, places) = json::read::<Overlay>(text)?;
    let mut wrong = Vec::new();
    check_servers(&overlay.add, "add", &places, &mut wrong);
    for (index, name) in overlay.remove.iter().enumerate() {
        let index = index.to_string();
        let at = places.at(&["remove", &index]);
        if let Some(problem) = name_problem(name) {
            wrong.push((at, problem));
        } else if overlay.add.contains_key(name) {
            wrong.push((
                at,
                format!("the server `{name}` is added and removed; keep one"),
            ));
        }
    }
    for (name, change) in &overlay.change {
        let at = places.at(&["override", name]);
        if let Some(problem) = name_problem(name) {
            wrong.push((at, problem));
        } else if overlay.remove.contains(name) {
            wrong.push((
                at,
                format!("the server `{name}` is overridden and removed; keep one"),
            ));
        } else if *change == Change::default() {
            wrong.push((at, format!("the override of `{name}` changes nothing")));
        }
        let empty = BTreeMap::new();
        let env = change.env.as_ref().unwrap_or(&empty);
        let parts = Parts {
            command: change.command.as_deref(),
            args: change.args.as_deref().unwrap_or(&[]),
            env,
            hosts: change.hosts.as_deref().unwrap_or(&[]),
        };
        check_parts(&parts, &["override", name], &places, &mut wrong);
    }
    Ok((overlay, wrong))
}

/// Reads `config/tools.json`.
pub(super) fn grants(text: &str) -> Result<(Grants, Problems), Fault> {
    let (wire, places) = json::read::<BTreeMap<Role, ToolsWire>>(text)?;
    let mut wrong = Vec::new();
    let mut grants = Grants::new();
    for (role, tools) in &wire {
        let mut of_role: Vec<Grant> = Vec::new();
        for (index, name) in tools.mcp.iter().enumerate() {
            let index = index.to_string();
            let at = places.at(&[role.as_str(), "mcp", &index]);
            let grant = match name.split_once('/') {
                None => Grant {
                    server: name.clone(),
                    tool: None,
                },
                Some((server, tool)) => Grant {
                    server: server.to_owned(),
                    tool: Some(tool.to_owned()),
                },
            };
            let tool_ok = |tool: &String| {
                !tool.is_empty()
                    && tool.len() <= 2 * NAME_MAX
                    && !tool.chars().any(|c| c.is_control() || c == '/')
            };
            if let Some(problem) = name_problem(&grant.server) {
                wrong.push((at, problem));
            } else if grant.tool.as_ref().is_some_and(|tool| !tool_ok(tool)) {
                wrong.push((
                    at,
                    format!("`{}` is no SERVER or SERVER/TOOL", name.escape_debug()),
                ));
            } else if of_role.contains(&grant) {
                wrong.push((at, format!("`{name}` is listed twice")));
            } else {
                of_role.push(grant);
            }
        }
        grants.insert(*role, of_role);
    }
    Ok((grants, wrong))
}

fn check_servers(
    servers: &BTreeMap<String, Server>,
    key: &str,
    places: &Places<'_>,
    wrong: &mut Problems,
) {
    if servers.len() > SERVERS_MAX {
        wrong.push((
            places.at(&[key]),
            format!("{} servers; at most {SERVERS_MAX}", servers.len()),
        ));
    }
    for (name, server) in servers {
        if let Some(problem) = name_problem(name) {
            wrong.push((places.at(&[key, name]), problem));
        }
        let parts = Parts {
            command: Some(&server.command),
            args: &server.args,
            env: &server.env,
            hosts: &server.hosts,
        };
        check_parts(&parts, &[key, name], places, wrong);
    }
}

struct Parts<'a> {
    command: Option<&'a str>,
    args: &'a [String],
    env: &'a BTreeMap<String, String>,
    hosts: &'a [String],
}

fn check_parts(parts: &Parts<'_>, path: &[&str], places: &Places<'_>, wrong: &mut Problems) {
    let at = |more: &[&str]| places.at(&[path, more].concat());
    let unfit = |text: &str| text.contains('\0') || text.len() > 4 * 1024;
    if parts
        .command
        .is_some_and(|command| command.trim().is_empty() || unfit(command))
    {
        wrong.push((
            at(&["command"]),
            "`command` names the program that is started".to_owned(),
        ));
    }
    for (index, arg) in parts.args.iter().enumerate() {
        if unfit(arg) {
            let problem = "an argument holds a zero byte or more than 4 KB".to_owned();
            wrong.push((at(&["args", &index.to_string()]), problem));
        }
    }
    for (index, host) in parts.hosts.iter().enumerate() {
        if !is_host(host) {
            let problem = format!(
                "`{}` is no name of a host, such as `api.example.com`",
                host.escape_debug()
            );
            wrong.push((at(&["hosts", &index.to_string()]), problem));
        }
    }
    for (name, value) in parts.env {
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let digit = name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || !letters || digit {
            let problem = format!("`{}` cannot name a variable", name.escape_debug());
            wrong.push((at(&["env", name]), problem));
        } else if unfit(value) {
            let problem = format!("`{name}` holds a zero byte or more than 4 KB");
            wrong.push((at(&["env", name]), problem));
        }
    }
}

/// A name with a dot, and no address: the proxy resolves it and refuses what leads inwards.
fn is_host(host: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(letters)
            && !label.starts_with('-')
    };
    let top = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(label)
        && top.starts_with(|c: char| c.is_ascii_lowercase())
}

fn name_problem(name: &str) -> Option<String> {
    let letters = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (!letters || !first || name.len() > NAME_MAX).then(|| {
        format!(
            "`{}` cannot name a server; use up to {NAME_MAX} letters, digits, `-`, `_` and `.`",
            name.escape_debug()
        )
    })
}
