//! What a run lends its agents besides their tools: skills to load, and MCP servers, each started at its first use in a cage like the
//! run's.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use alai_core::company::mcp::Server;
use alai_core::mcp::{Offer, fill};
use alai_core::skills::Shelf;
use alai_minion::mcp::Started;
use alai_mission::{Project, ProjectSettings};
use alai_workspace::cage::{self, CageSpec};
use alai_workspace::files;
use alai_workspace::guest;

use super::Desk;
use crate::beat::Factory;
use crate::{ground, mcp, skills};

/// Fresh homes, one for each start of a server, below the run's own folder.
const HOMES: &str = "servers";

/// Programs that fetch what they start, which a cage without a way out cannot.
const FETCHERS: [&str; 6] = ["npx", "bunx", "pnpx", "uvx", "pipx", "docker"];

type Env = Vec<(String, String)>;

/// What one run lends.
pub(super) struct Lent {
    pub(super) shelf: Shelf,
    pub(super) offers: Vec<Offer>,
    servers: BTreeMap<String, Server>,
    spec: CageSpec,
    dir: PathBuf,
    /// The project's, and none where its code stays on the person's machines.
    hosts: BTreeSet<String>,
    /// Variables of the factory's that hold keys of models.
    keys: BTreeSet<String>,
    starts: AtomicU32,
}

impl Lent {
    /// For a run at `desk` in the cage `spec`. What cannot be lent is said in the task's history; the run works without it.
    pub(super) fn of(
        factory: &Arc<Factory>,
        desk: &Desk,
        project: &Project,
        spec: &CageSpec,
    ) -> Lent {
        let (home, company) = (factory.home(), &desk.company);
        let environment = skills::environment();
        let skills = skills::of(home, &desk.packs, company, environment.as_deref());
        for problem in &skills.problems {
            tracing::warn!("run {}: a skill is left out: {problem}", desk.fence.run);
        }
        let mut lent = Lent {
            shelf: skills.shelf,
            offers: Vec::new(),
            servers: BTreeMap::new(),
            spec: spec.clone(),
            dir: home.run(&desk.fence.run).join(HOMES),
            hosts: hosts_of(&project.settings),
            keys: BTreeSet::new(),
            starts: AtomicU32::new(0),
        };
        // Who is granted nothing needs no sound file.
        if company.grants.get(&desk.role).is_none_or(Vec::is_empty) {
            return lent;
        }
        lent.keys.clone_from(&factory.config().key_variables);
        match mcp::resolve(home, company) {
            Ok(resolution) => {
                let (offers, missing) = mcp::offers(&resolution, company, desk.role);
                lent.offers = offers;
                let servers = resolution.servers.into_iter();
                lent.servers = servers.map(|(name, found)| (name, found.server)).collect();
                for name in missing {
                    tracing::info!("run {}: no MCP server `{name}` is there", desk.fence.run);
                }
            }
            Err(why) => {
                let said = format!("no MCP servers for run {}: {why}", desk.fence.run.short());
                tracing::warn!("{said}");
                let now = factory.now_ms();
                let noted = factory
                    .mission()
                    .note(desk.fence.task, said, "factory", now);
                if let Err(e) = noted {
                    tracing::warn!("run {}: {e}", desk.fence.run);
                }
            }
        }
        lent
    }

    /// Where what the run is lent reaches, as the record of its cage names it: whoever reads that it had no network must see who
    /// could be asked to reach something. Said at the start, of servers too that are never asked.
    pub(super) fn layers(&self) -> Vec<String> {
        let reached = reached(&self.offers, |name| self.servers.get(name), &self.hosts);
        reached
            .into_iter()
            .map(|host| format!("server:{host}"))
            .collect()
    }

    /// Starts a server, or says in words for the agent why it cannot.
    pub(super) fn start(&self, name: &str) -> Result<Started, String> {
        let server = self.servers.get(name).ok_or("it is not there")?;
        let program = program(&server.command)?;
        let hosts = self.hosts_of(server)?;
        let (env, secrets) = self.env_of(server)?;
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let home = self.dir.join(number.to_string());
        let made =
            files::private_dir_all(&home).and_then(|()| files::give_to(&home, cage::agent_ids()));
        made.map_err(|why| format!("its home cannot be made: {why}"))?;
        let wanted = guest::Server {
            name,
            found: &program,
            args: &server.args,
            env: &env,
            hosts: &hosts,
            home: &home,
        };
        let mut running = guest::serve(&self.spec, &wanted).map_err(|e| e.to_string())?;
        let layers = running.layers.clone();
        let caged = &mut running.caged;
        let pipes = (caged.stdin.take(), caged.stdout.take(), caged.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err("its cage has no pipes".to_owned());
        };
        Ok(Started {
            stdin: OwnedFd::from(stdin),
            stdout: OwnedFd::from(stdout),
            stderr: OwnedFd::from(stderr),
            secrets,
            layers,
            end: Box::new(move || ended(running)),
        })
    }

    /// The hosts that a server is given: all of its own, or it is not started. One that lacks half of its way would fail in ways
    /// that nobody understands.
    fn hosts_of(&self, server: &Server) -> Result<Vec<String>, String> {
        let missing = server.hosts.iter().find(|host| !self.hosts.contains(*host));
        match missing {
            None => Ok(server.hosts.clone()),
            Some(host) => Err(format!(
                "it wants to reach {host}, which the project does not allow (`alai project set NAME --server-host {host}`, unless the \
                 project is `local_only`)"
            )),
        }
    }

    /// Its variables with what they name filled in, and the values that nobody is to read.
    fn env_of(&self, server: &Server) -> Result<(Env, Vec<String>), String> {
        let of_factory = |name: &str| match self.keys.contains(name) {
            true => None,
            false => std::env::var(name).ok(),
        };
        let (mut env, mut secrets) = (Vec::new(), Vec::new());
        for (name, value) in &server.env {
            let wants = alai_core::mcp::names_in(value);
            if let Some(key) = wants.iter().find(|name| self.keys.contains(**name)) {
                return Err(format!(
                    "its variable {name} names {key}, a key of models, which no server is given"
                ));
            }
            let filled =
                fill(value, &of_factory).map_err(|why| format!("its variable {name}: {why}"))?;
            secrets.extend(wants.iter().filter_map(|name| of_factory(name)));
            if wants.is_empty() && is_secret(name) {
                // Written down, and as much a secret as one that is named.
                secrets.push(value.clone());
            }
            env.push((name.clone(), filled));
        }
        Ok((env, secrets))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What they wrote in their homes is nobody's work. One that cannot be removed goes with the run's folder.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Hosts that a project lets servers reach: none where its code stays on the person's machines.
pub(crate) fn hosts_of(settings: &ProjectSettings) -> BTreeSet<String> {
    match settings.local_only {
        true => BTreeSet::new(),
        false => settings.server_hosts.iter().cloned().collect(),
    }
}

/// Hosts that somebody who is offered these servers could have reached, of those that the project lets them.
pub(crate) fn reached<'s>(
    offers: &[Offer],
    server: impl Fn(&str) -> Option<&'s Server>,
    hosts: &BTreeSet<String>,
) -> Vec<String> {
    let offered = offers.iter().filter_map(|offer| server(&offer.server));
    let wanted: BTreeSet<&String> = offered.flat_map(|server| &server.hosts).collect();
    let reached = wanted.into_iter().filter(|host| hosts.contains(*host));
    reached.cloned().collect()
}

/// The file of a server's program, with what must be shown of the machine for it.
fn program(command: &str) -> Result<guest::Found, String> {
    let name = command.rsplit('/').next().unwrap_or(command);
    if FETCHERS.contains(&name) {
        return Err(format!(
            "`{name}` fetches what it starts, and its cage has no network: install the server and name its own program"
        ));
    }
    let env = ground::host_env();
    let path = env.get("PATH").map_or("", String::as_str);
    guest::find(command, path, &alai_workspace::toolchains::toolchains(&env))
}

/// Whether a variable's name says that its value is for nobody's eyes.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["TOKEN", "KEY", "SECRET", "PASS", "AUTH", "CREDENTIAL"]
        .iter()
        .any(|word| name.contains(word))
}

/// How a server ended, and what it reached outside.
fn ended(mut running: guest::Running) -> String {
    let ended = running.caged.kill().and_then(|()| running.caged.wait());
    let mut how = match ended {
        Ok(exit) => exit.to_string(),
        Err(why) => why.to_string(),
    };
    for (host, used) in running.used() {
        how.push_str(&format!("; {host} reached {} times", used.connections));
        if let Some(refused) = used.refused {
            how.push_str(&format!(", refused: {refused}"));
        }
    }
    how
}

#[cfg(test)]
mod tests;
