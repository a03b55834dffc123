//! A server of tools (MCP) as a guest: the run's cage with the clone as the role sees it, a fresh home of the server's own, less of
//! the machine's memory and processes, and no way out but to the hosts that it was given.

use std::path::{Path, PathBuf};

use super::{Found, Guest, INSIDE_CONFIG, Running, Way, spawn};
use crate::cage::{CageError, CageSpec, Limits};
use crate::clone::INSIDE_HOME;

/// What a server may use up. A browser or a language server takes a gigabyte; what it can take from a run beside is bounded.
const MEMORY_BYTES_MAX: u64 = 4 << 30;
/// Where no user namespace can be made these are counted over all cages of the machine.
const PROCESSES_MAX: u64 = 1_024;
const DISK_BYTES_MAX: u64 = 4 << 30;

/// A server that is about to be started.
#[derive(Debug)]
pub struct Server<'a> {
    /// For its layers.
    pub name: &'a str,
    pub found: &'a Found,
    pub args: &'a [String],
    /// Its own variables, over those of the run.
    pub env: &'a [(String, String)],
    /// Hosts that it reaches by TLS.
    pub hosts: &'a [String],
    /// An empty folder of the host's, given to the cage's user: its home inside, where it starts.
    pub home: &'a Path,
}

/// Starts a server in a cage like `spec`, which is the run's. What the agent has in its own home is not shown to it: a file there
/// could tell a program with a secret what to do.
///
/// # Errors
/// When the cage or the way out cannot be made.
pub fn serve(spec: &CageSpec, server: &Server<'_>) -> Result<Running, CageError> {
    let mut argv = vec![server.found.path.to_string_lossy().into_owned()];
    argv.extend(server.args.iter().cloned());
    let way = match server.hosts {
        [] => Way::None,
        hosts => Way::Login {
            hosts: hosts.to_vec(),
            login: None,
        },
    };
    let guest = Guest {
        name: server.name,
        found: server.found,
        way: &way,
        config: server.home,
        lent: None,
    };
    spawn(within(spec, server), &guest, &argv)
}

/// The run's cage as it is for a server.
fn within(run: &CageSpec, server: &Server<'_>) -> CageSpec {
    let mut spec = run.clone();
    let home = Path::new(INSIDE_HOME);
    spec.binds.retain(|bind| bind.inside != home);
    // A repository's file must not be taken for a module of a program that is started in its folder.
    spec.cwd = PathBuf::from(INSIDE_CONFIG);
    let is_own = |name: &str| server.env.iter().any(|(own, _)| own == name);
    spec.env.retain(|(name, value)| {
        !is_own(name)
            && name != "HOME"
            && !value
                .split(':')
                .any(|path| Path::new(path).starts_with(home))
    });
    spec.env.push(("HOME".to_owned(), INSIDE_CONFIG.to_owned()));
    spec.env.extend(server.env.iter().cloned());
    let least = |own: u64, most: u64| own.min(most);
    spec.limits = Limits {
        memory_bytes: least(run.limits.memory_bytes, MEMORY_BYTES_MAX),
        processes_max: least(run.limits.processes_max, PROCESSES_MAX),
        disk_bytes_max: least(run.limits.disk_bytes_max, DISK_BYTES_MAX),
        ..run.limits
    };
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cage::{Access, Bind, Network};

    #[test]
    fn a_server_has_the_runs_clone_and_a_home_of_its_own() {
        let bind = |outside: &str, inside: &str, access| Bind {
            outside: outside.into(),
            inside: inside.into(),
            access,
        };
        let run = CageSpec {
            binds: vec![
                bind("/clone", "/repo", Access::ReadOnly),
                bind("/home", INSIDE_HOME, Access::ReadWrite),
            ],
            cwd: "/repo".into(),
            env: [
                ("HOME", INSIDE_HOME),
                ("LANG", "C"),
                ("CARGO_HOME", "/home/agent/.cargo"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            network: Network::Loopback,
            limits: Limits::default(),
            uid: None,
            toolchains: Vec::new(),
            path: "/usr/bin".to_owned(),
        };
        let found = Found {
            path: "/usr/bin/server".into(),
            binds: Vec::new(),
            stamp: String::new(),
        };
        let env = [("LANG".to_owned(), "nb".to_owned())];
        let server = Server {
            name: "files",
            found: &found,
            args: &[],
            env: &env,
            hosts: &[],
            home: Path::new("/fresh"),
        };
        let spec = within(&run, &server);
        assert_eq!(
            spec.binds,
            run.binds[..1],
            "the clone alone, as the role sees it"
        );
        assert_eq!(spec.cwd, Path::new(INSIDE_CONFIG));
        let env: Vec<String> = spec.env.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(env, [&format!("HOME={INSIDE_CONFIG}"), "LANG=nb"]);
        assert!(spec.limits.memory_bytes < run.limits.memory_bytes);
        assert!(spec.limits.processes_max < run.limits.processes_max);
        assert_eq!(spec.limits.wall_s, run.limits.wall_s);
    }
}
