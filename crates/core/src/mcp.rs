//! Which MCP servers an agent may ask: the home's, changed by its company's overlay, and of those what its role was granted.
//! Whoever is not granted anything may ask nobody.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::blueprint::yaml;
use crate::company::mcp::{Grant, Overlay, Server};

/// Where a value was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `mcp.json` of the home.
    Home,
    /// `config/mcp.json` of the company.
    Company,
}

/// A server as it is started, with where each of its values was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub server: Server,
    pub command: Origin,
    pub args: Origin,
    pub env: Origin,
    pub hosts: Origin,
    /// The company's addition stands in the place of one that the home has.
    pub in_place: bool,
}

/// The servers of a company, and what of its overlay came to nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    pub servers: BTreeMap<String, Resolved>,
    /// The home's that the company does without.
    pub removed: BTreeSet<String>,
    /// What is to be mended, in words.
    pub problems: Vec<String>,
}

impl Resolved {
    fn all_of(server: &Server, origin: Origin) -> Resolved {
        Resolved {
            server: server.clone(),
            command: origin,
            args: origin,
            env: origin,
            hosts: origin,
            in_place: false,
        }
    }
}

/// Lays a company's overlay over the servers of the home: what it adds, then what it changes key by key, less what it removes.
/// A server that an override names and nobody has stays unknown, and is told of.
pub fn resolve(home: &BTreeMap<String, Server>, overlay: &Overlay) -> Resolution {
    let of_home =
        |(name, server): (&String, &Server)| (name.clone(), Resolved::all_of(server, Origin::Home));
    let mut all = Resolution {
        servers: home.iter().map(of_home).collect(),
        ..Resolution::default()
    };
    for (name, server) in &overlay.add {
        let in_place = all.servers.contains_key(name);
        let added = Resolved {
            in_place,
            ..Resolved::all_of(server, Origin::Company)
        };
        all.servers.insert(name.clone(), added);
    }
    for (name, change) in &overlay.change {
        let Some(resolved) = all.servers.get_mut(name) else {
            let hint = yaml::hint(name, all.servers.keys().map(String::as_str));
            all.problems.push(format!(
                "the override of `{name}` changes a server that nobody has; {hint}"
            ));
            continue;
        };
        let Resolved {
            server,
            command,
            args,
            env,
            hosts,
            ..
        } = resolved;
        put(&mut server.command, change.command.as_ref(), command);
        put(&mut server.args, change.args.as_ref(), args);
        put(&mut server.env, change.env.as_ref(), env);
        put(&mut server.hosts, change.hosts.as_ref(), hosts);
    }
    for name in &overlay.remove {
        if all.servers.remove(name).is_some() {
            all.removed.insert(name.clone());
        }
    }
    all
}

fn put<T: Clone>(value: &mut T, new: Option<&T>, origin: &mut Origin) {
    if let Some(new) = new {
        value.clone_from(new);
        *origin = Origin::Company;
    }
}

/// A server that a role may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub server: String,
    /// The names of the tools that it may call; none means all of them.
    pub tools: Option<BTreeSet<String>>,
}

impl Offer {
    pub fn allows(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.contains(tool))
    }

    /// The tools in words.
    pub fn shown(&self) -> String {
        match &self.tools {
            None => "all of its tools".to_owned(),
            Some(tools) => tools.iter().cloned().collect::<Vec<_>>().join(", "),
        }
    }
}

/// The server by which an agent of others has what is ours and no server's: advice, and notes.
pub const OWN: &str = "alai";

/// Why an agent of others (Claude Code, Codex, one of the Agent Client Protocol) cannot be lent a server of this name; none where it can.
/// It calls a tool as `mcp__SERVER__TOOL`, which has letters, digits, `_` and `-` alone (Codex 0.169.0 refuses another name).
pub fn unlendable(server: &str) -> Option<&'static str> {
    if server.eq_ignore_ascii_case(OWN) {
        return Some("its name is the factory's own; give the server another one in `mcp.json`");
    }
    let can_be_called = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match server.chars().all(can_be_called) && !server.contains("__") {
        true => None,
        false => Some(
            "agents of others call its tools by its name, which can have no `.` and no `__`; give the server another one in `mcp.json`",
        ),
    }
}

/// What a role may ask, of what there is; and the servers that it was granted and that are not there.
pub fn offers(resolution: &Resolution, grants: &[Grant]) -> (Vec<Offer>, BTreeSet<String>) {
    let mut offers: BTreeMap<&str, Option<BTreeSet<String>>> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for grant in grants {
        if !resolution.servers.contains_key(&grant.server) {
            missing.insert(grant.server.clone());
            continue;
        }
        let tools = offers
            .entry(&grant.server)
            .or_insert_with(|| Some(BTreeSet::new()));
        match (&grant.tool, tools.as_mut()) {
            (None, _) => *tools = None,
            (Some(tool), Some(tools)) => drop(tools.insert(tool.clone())),
            // All of them already.
            (Some(_), None) => {}
        }
    }
    let offer = |(server, tools): (&str, Option<BTreeSet<String>>)| Offer {
        server: server.to_owned(),
        tools,
    };
    (offers.into_iter().map(offer).collect(), missing)
}

/// The name that is nearest to one that is not known, where a slip of the keyboard lies between them.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    yaml::nearest(word, known)
}

/// A value of `env` with what it names filled in.
///
/// # Errors
/// The name that nobody knows, or what is no name.
pub fn fill(value: &str, known: &dyn Fn(&str) -> Option<String>) -> Result<String, Unfilled> {
    let mut filled = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, after)) = behind.split_once('}') else {
            return Err(Unfilled::Open);
        };
        if !is_variable(name) {
            return Err(Unfilled::NoName(name.chars().take(40).collect()));
        }
        filled.push_str(&known(name).ok_or_else(|| Unfilled::Unknown(name.to_owned()))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The names that a value of `env` wants filled in.
pub fn names_in(value: &str) -> Vec<&str> {
    let parts = value.split("${").skip(1);
    parts
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
        .collect()
}

fn is_variable(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Why a value of `env` cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    #[error("`${{` has no `}}`")]
    Open,
    #[error("`${{{0}}}` names no variable")]
    NoName(String),
    #[error("`${{{0}}}` is not set where alai runs")]
    Unknown(String),
}

#[cfg(test)]
mod tests;
