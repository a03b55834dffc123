//! The MCP servers of a company: the home's `mcp.json`, changed by the company's overlay, and what each of its roles was granted.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::brief::Role;
use alai_core::company::Company;
use alai_core::company::mcp::Server;
use alai_core::mcp::{self, Offer, Origin, Resolution, Resolved};
use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::packs::{self, PacksError};

/// What is wrong with the servers of a home.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    #[error("mcp.json:{line}: {problem}")]
    Invalid { line: u64, problem: String },
    #[error(transparent)]
    Read(#[from] PacksError),
}

/// The servers that the home has; none where it has no `mcp.json`.
///
/// # Errors
/// When the file cannot be read, with the line.
pub fn of_home(home: &Home) -> Result<BTreeMap<String, Server>, McpError> {
    let path = home.mcp();
    if path.symlink_metadata().is_err() {
        return Ok(BTreeMap::new());
    }
    let text = packs::read_text(&path)?;
    alai_core::company::mcp::servers(&text).map_err(|(at, problem)| McpError::Invalid {
        line: at.line,
        problem,
    })
}

/// The servers of a company.
///
/// # Errors
/// [`McpError`].
pub fn resolve(home: &Home, company: &Company) -> Result<Resolution, McpError> {
    Ok(mcp::resolve(&of_home(home)?, &company.mcp))
}

/// What a role of a company may ask, and the servers that it was granted and that are not there.
pub fn offers(
    resolution: &Resolution,
    company: &Company,
    role: Role,
) -> (Vec<Offer>, BTreeSet<String>) {
    let grants = company.grants.get(&role).map_or(&[][..], Vec::as_slice);
    mcp::offers(resolution, grants)
}

/// Of what a role may ask, what an agent of others is lent, and what it cannot be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lending {
    pub servers: Vec<Offer>,
    pub withheld: Vec<Withheld>,
}

/// What an agent of others is not lent, and why: a server's name, or what else it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    pub what: String,
    pub why: String,
}

/// What an agent of others is lent where our own loop would be offered these.
pub fn to_agents(offers: &[Offer]) -> Lending {
    let mut lending = Lending::default();
    for offer in offers {
        match mcp::unlendable(&offer.server) {
            None => lending.servers.push(offer.clone()),
            Some(why) => lending.withheld.push(Withheld {
                what: offer.server.clone(),
                why: why.to_owned(),
            }),
        }
    }
    lending
}

/// A company's servers, for whoever wants to know what comes from where. No value of a variable is in it, but what names one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub company: String,
    pub servers: Vec<ServerView>,
    /// Of the home's, those that the company does without.
    pub removed: Vec<String>,
    pub roles: Vec<RoleView>,
    /// What is to be mended.
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerView {
    pub name: String,
    pub command: Sourced<String>,
    pub args: Sourced<Vec<String>>,
    /// The names; a value is shown where it is nothing but `${NAME}`.
    pub env: Sourced<BTreeMap<String, String>>,
    pub hosts: Sourced<Vec<String>>,
    /// The company's addition stands in the place of one of the home's.
    pub in_place: bool,
}

/// A value with where it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    pub value: T,
    pub from: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleView {
    pub role: Role,
    pub offers: Vec<Offer>,
    /// Granted, and there is no such server.
    pub missing: Vec<String>,
}

/// What stands in the place of a value.
const SET: &str = "(set)";

/// All of it, for people and programs.
///
/// # Errors
/// [`McpError`].
pub fn show(home: &Home, company: &Company) -> Result<Shown, McpError> {
    let resolution = resolve(home, company)?;
    let roles = [Role::Lead, Role::Builder, Role::Reviewer].map(|role| {
        let (offers, missing) = offers(&resolution, company, role);
        RoleView {
            role,
            offers,
            missing: missing.into_iter().collect(),
        }
    });
    let servers = resolution.servers.iter();
    Ok(Shown {
        company: company.name.clone(),
        servers: servers.map(|(name, server)| view(name, server)).collect(),
        removed: resolution.removed.iter().cloned().collect(),
        roles: roles.to_vec(),
        problems: resolution.problems,
    })
}

fn view(name: &str, resolved: &Resolved) -> ServerView {
    let server = &resolved.server;
    let env = server.env.iter().map(|(name, value)| {
        let named = mcp::names_in(value);
        let is_name = named.len() == 1 && *value == format!("${{{}}}", named[0]);
        let shown = if is_name { value.as_str() } else { SET };
        (name.clone(), shown.to_owned())
    });
    ServerView {
        name: name.to_owned(),
        command: Sourced {
            value: server.command.clone(),
            from: resolved.command,
        },
        args: Sourced {
            value: server.args.clone(),
            from: resolved.args,
        },
        env: Sourced {
            value: env.collect(),
            from: resolved.env,
        },
        hosts: Sourced {
            value: server.hosts.clone(),
            from: resolved.hosts,
        },
        in_place: resolved.in_place,
    }
}

impl Shown {
    /// The chain in lines, as `--explain` prints it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "servers of {}: the home's mcp.json, then its config/mcp.json",
            self.company
        )];
        for server in &self.servers {
            let of = |origin: Origin| match origin {
                Origin::Home => "home",
                Origin::Company => "company",
            };
            lines.push(format!(
                "{}{}",
                server.name,
                if server.in_place {
                    " (in the place of the home's)"
                } else {
                    ""
                }
            ));
            lines.push(format!(
                "  command  {} ({})",
                server.command.value,
                of(server.command.from)
            ));
            let args = server.args.value.join(" ");
            lines.push(format!("  args     {args} ({})", of(server.args.from)));
            for (name, value) in &server.env.value {
                lines.push(format!(
                    "  env      {name}={value} ({})",
                    of(server.env.from)
                ));
            }
            for host in &server.hosts.value {
                lines.push(format!("  host     {host} ({})", of(server.hosts.from)));
            }
        }
        let removed = self.removed.iter();
        lines.extend(removed.map(|name| format!("{name}: removed by the company")));
        for role in &self.roles {
            let offers = role.offers.iter();
            let offers: Vec<String> = offers
                .map(|offer| format!("{} ({})", offer.server, offer.shown()))
                .collect();
            let may = match offers.is_empty() {
                true => "nobody".to_owned(),
                false => offers.join("; "),
            };
            lines.push(format!("{} may ask: {may}", role.role.as_str()));
            let missing = role.missing.iter();
            lines.extend(missing.map(|name| {
                format!(
                    "{} is granted `{name}`, and there is no such server",
                    role.role.as_str()
                )
            }));
        }
        lines.extend(
            self.problems
                .iter()
                .map(|problem| format!("to be mended: {problem}")),
        );
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alai_core::company::mcp::{Change, Grant};

    fn company() -> Company {
        let dir = tempfile::tempdir().expect("a temp dir");
        let packs = packs::Packs::load(&Home::at(dir.path())).expect("the shipped packs");
        packs.registry.companies()[0].clone()
    }

    fn home(text: &str) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().expect("a temp dir");
        let home = Home::at(dir.path());
        std::fs::write(home.mcp(), text).expect("a file");
        (dir, home)
    }

    const BASE: &str = r#"{"mcpServers": {
        "files": {"command": "mcp-server-filesystem", "args": ["/repo"], "env": {"TOKEN": "${MY_TOKEN}", "MODE": "s3cret"}}}}"#;

    #[test]
    fn a_fresh_home_offers_nobody_anything() {
        let dir = tempfile::tempdir().expect("a temp dir");
        let shown = show(&Home::at(dir.path()), &company()).expect("nothing is wrong");
        assert!(
            shown.roles.iter().all(|role| role.offers.is_empty()),
            "{shown:?}"
        );
    }

    #[test]
    fn each_value_has_its_source_and_no_secret_is_shown() {
        let (_dir, home) = home(BASE);
        let mut company = company();
        let change = Change {
            args: Some(vec!["/repo/src".to_owned()]),
            ..Change::default()
        };
        company.mcp.change.insert("files".to_owned(), change);
        let grants = ["files", "gone"].map(|server| Grant {
            server: server.to_owned(),
            tool: None,
        });
        company.grants.insert(Role::Builder, grants.to_vec());
        let shown = show(&home, &company).expect("sound");
        let text = shown.lines().join("\n");
        for line in [
            "command  mcp-server-filesystem (home)",
            "args     /repo/src (company)",
            "env      TOKEN=${MY_TOKEN} (home)",
            "env      MODE=(set) (home)",
            "builder may ask: files (all of its tools)",
            "builder is granted `gone`, and there is no such server",
            "reviewer may ask: nobody",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let json = serde_json::to_string(&shown).expect("JSON");
        assert!(!json.contains("s3cret") && !text.contains("s3cret"));
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        for (text, says) in [
            (
                "{\"mcpServers\": {\n\"a\": {\"comand\": \"x\"}}}",
                "mcp.json:2: ",
            ),
            ("{\"servers\": {}}", "mcp.json:1: "),
            (
                "{\"mcpServers\": {\"a\": {\"command\": \"x\", \"hosts\": [\"10.0.0.1\"]}}}",
                "no name of a host",
            ),
        ] {
            let (_dir, home) = home(text);
            let why = of_home(&home).expect_err(says).to_string();
            assert!(why.contains(says), "{why}");
        }
    }
}
