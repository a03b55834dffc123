//! Set-up: fetches and installs what a project depends on, once per lockfile, and keeps the result for every run.
//!
//! It is the only step with a way out of the cage, and only through [`crate::egress`]. Its result is untracked paths of the
//! tree (`node_modules`, `.venv`) and a home folder (package caches); runs and gates get copies of both and no network. A
//! result is built beside the cache and renamed into it, under a lock per key: whoever is killed leaves nothing half-done,
//! and two that want the same thing make it once.

mod cache;
mod env;
mod install;
mod key;
mod registries;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alai_core::record::{Captured, Exit};

use crate::cage::{self, Access, Bind, CageError, CageSpec, Limits, Network, UnixSocketForward};
use crate::clone::{self, CloneError, INSIDE_HOME, INSIDE_REPO};
use crate::command::{self, Cancel};
use crate::crash;
use crate::egress::{self, HostUse, Rules};
use crate::files::{self, FileError};
use crate::git::{self, GitError, Oid, Repo};
use crate::toolchains::{Toolchains, toolchains};

pub use env::{PASSED_THROUGH, run_env};
pub use install::{Installed, absorb, absorb_home, install_into};
pub use key::tool_versions;

/// Port of the proxy inside the cage. Any free one would do; this is the usual number of a web proxy.
const PROXY_PORT: u16 = 3128;

/// Longest set-up unless the project says otherwise: a cold build of large native dependencies takes half an hour.
pub const SETUP_S: u64 = 1_800;

/// What an error shows of the command's output: its end, where the reason is.
const TAIL_CHARS: usize = 2_500;

/// What to run, and what its result depends on besides the project's lockfiles and manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupPlan {
    /// A line for `sh -c` at the top of the tree. `None`: nothing is run, and the result is empty.
    pub command: Option<String>,
    /// Further files of the tree that the command reads, such as a script that it calls.
    pub inputs: Vec<String>,
    /// Whose set-up it is: results are never shared between projects.
    pub scope: String,
    /// Whether the commit is trusted as much as the user's own branch. A set-up runs what the tree says (install scripts, build
    /// backends), and what those leave is used by everything that comes after: so what was made from any other commit serves
    /// only that very tree.
    pub trusted: bool,
    /// A commit whose result serves as well when the inputs are the same: what the work began with.
    pub like: Option<Oid>,
    /// Hosts that may be reached besides the registries of the command's own tools and the machine's mirrors of them. See
    /// [`Rules::hosts`].
    pub hosts: Vec<String>,
    /// The environment of the host, of which the toolchains and [`PASSED_THROUGH`] are taken.
    pub env: BTreeMap<String, String>,
    pub wall_s: u64,
}

impl SetupPlan {
    /// A plan for a commit of the user's own branch, with the usual limits and no further inputs.
    pub fn new(command: Option<String>, env: BTreeMap<String, String>) -> SetupPlan {
        SetupPlan {
            command,
            inputs: Vec::new(),
            scope: String::new(),
            trusted: true,
            like: None,
            hosts: Vec::new(),
            env,
            wall_s: SETUP_S,
        }
    }
}

/// A set-up's result in the cache. Copy it out with [`install_into`]; nothing may write into it but [`absorb`] and [`absorb_home`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Hex SHA-256 over everything that the result depends on.
    pub key: String,
    /// What the set-up left in its home folder.
    pub home: PathBuf,
    /// Untracked paths that it made in the tree, topmost each: `node_modules`, `web/node_modules`, `.venv`.
    pub extras: Vec<String>,
    /// Holds the extras at their paths, and nothing else.
    pub tree: PathBuf,
    /// How the command ran; `None` when the result was in the cache already or there is no command.
    pub record: Option<Captured>,
    /// Hosts that the set-up reached, also when it comes from the cache.
    pub hosts: Vec<String>,
    /// What its proxy refused, each with the reason, also when it comes from the cache: the command may have shrugged.
    pub refused: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(
        "the set-up `{command}` failed ({exit}).{refused} Its output ends:\n{tail}\n\
         Try the command in a fresh clone; if it needs another one, set it for the project"
    )]
    Failed {
        command: String,
        exit: Box<str>,
        refused: String,
        tail: String,
        captured: Box<Captured>,
        /// Hosts that it asked for and that are not among those it may reach.
        unlisted: Box<[String]>,
    },
    #[error("the set-up was cancelled")]
    Cancelled,
    #[error(
        "the tools of this project ({tools}) did not tell their versions ({exit}); run each with --version to see why"
    )]
    Versions { tools: String, exit: String },
    #[error(
        "the input {path} of the set-up is not a file of {oid}; correct them with `alai project set NAME --setup-input FILE`"
    )]
    NoSuchInput { path: String, oid: Oid },
    #[error("the set-up's proxy could not be started: {0}")]
    Egress(std::io::Error),
    #[error("the cage for the set-up failed: {0}")]
    Cage(#[from] CageError),
    #[error("the set-up cannot read the repository: {0}")]
    Git(#[from] GitError),
    #[error("the set-up cannot check out its tree: {0}")]
    Clone(#[from] CloneError),
    #[error("the set-up's cache: {0}")]
    File(#[from] FileError),
}

/// Makes, or finds in the cache below `cache_root`, the set-up of one commit.
///
/// # Errors
/// [`SetupError::Failed`] with the end of the output when the command fails; otherwise what stood in the way.
pub fn prepare(
    repo: &Repo,
    oid: &Oid,
    plan: &SetupPlan,
    cache_root: &Path,
    cancel: &Cancel,
) -> Result<Prepared, SetupError> {
    files::private_dir_all(cache_root)?;
    let tree = git::tree(repo, oid)?;
    let tools = toolchains(&plan.env);
    let env = env::of_setup(&tools, &plan.env, PROXY_PORT);
    let job = Job {
        repo,
        oid,
        plan,
        tools,
        env,
        cancel,
    };
    let mut key = key::key(&job, &tree)?;
    if !plan.trusted && plan.command.is_some() {
        if let Some(prepared) = made_before(cache_root, &key, cancel)? {
            return Ok(prepared);
        }
        if let Some(like) = plan.like.as_ref().filter(|like| *like != oid)
            && key::key(
                &Job {
                    oid: like,
                    ..job.clone()
                },
                &git::tree(repo, like)?,
            )? == key
        {
            let of_like = SetupPlan {
                like: None,
                ..plan.clone()
            };
            return prepare(repo, like, &of_like, cache_root, cancel);
        }
        key = key::of_tree(&key, &tree);
    }
    let entry = cache::Entry::new(cache_root, &key);
    let _lock = entry.lock_alone(cancel)?;
    if let Some(prepared) = entry.load()? {
        return Ok(prepared);
    }
    entry.clear()?;
    let building = entry.building()?;
    let known: BTreeSet<String> = tree.iter().map(|file| file.path.clone()).collect();
    match build(&job, &building, &known) {
        Ok(made) => entry.keep(&building, plan.command.as_deref(), made),
        Err(error) => {
            // The reason of the failure is worth more than that of the tidying; the next attempt tidies again.
            let _ = files::remove(&building);
            Err(error)
        }
    }
}

/// What a trusted commit with the same inputs left.
fn made_before(
    cache_root: &Path,
    key: &str,
    cancel: &Cancel,
) -> Result<Option<Prepared>, SetupError> {
    let entry = cache::Entry::new(cache_root, key);
    let _lock = entry.lock_alone(cancel)?;
    Ok(entry.load()?)
}

/// One set-up that is wanted.
#[derive(Clone)]
struct Job<'a> {
    repo: &'a Repo,
    oid: &'a Oid,
    plan: &'a SetupPlan,
    tools: Toolchains,
    env: env::SetupEnv,
    cancel: &'a Cancel,
}

/// What a build adds to the cache.
struct Made {
    extras: Vec<String>,
    record: Option<Captured>,
    hosts: Vec<String>,
    refused: Vec<String>,
}

fn build(job: &Job<'_>, building: &Path, known: &BTreeSet<String>) -> Result<Made, SetupError> {
    let (checkout, home) = (building.join("checkout"), building.join(cache::HOME));
    files::private_dir(&home)?;
    files::private_dir(&building.join(cache::TREE))?;
    let Some(command) = &job.plan.command else {
        return Ok(Made {
            extras: Vec::new(),
            record: None,
            hosts: Vec::new(),
            refused: Vec::new(),
        });
    };
    clone::checkout_fresh(job.repo, job.oid, &checkout, cage::agent_ids())?;
    if let Some(text) = &job.env.cargo {
        let dir = home.join(".cargo");
        files::private_dir(&dir)?;
        let path = dir.join("config.toml");
        fs::write(&path, text).map_err(FileError::on("write", &path))?;
        for path in [&dir, &path] {
            files::give_to(path, cage::agent_ids())?;
        }
    }
    files::give_to(&home, cage::agent_ids())?;
    let (captured, used) = run(job, command, &checkout, &home, known)?;
    if captured.record.exit == Exit::Cancelled {
        return Err(SetupError::Cancelled);
    }
    if !captured.success() {
        return Err(failed(command, captured, &used, &job.env));
    }
    let extras = files::added_below(&checkout, known)?;
    for extra in &extras {
        files::shift(&checkout, &building.join(cache::TREE), extra)?;
    }
    files::remove(&checkout)?;
    let refused = refusals(&used).map(str::to_owned).collect();
    let reached = used
        .into_iter()
        .filter(|(_, used)| used.connections > 0)
        .map(|(host, _)| host)
        .collect();
    Ok(Made {
        extras,
        record: Some(captured),
        hosts: reached,
        refused,
    })
}

fn run(
    job: &Job<'_>,
    command: &str,
    checkout: &Path,
    home: &Path,
    known: &BTreeSet<String>,
) -> Result<(Captured, BTreeMap<String, HostUse>), SetupError> {
    // Not in the cache: the path of a Unix socket has room for a hundred bytes only.
    let scratch = files::scratch()?;
    let socket = scratch.path().join("proxy");
    let cargo = job.env.cargo.as_deref();
    let paths = known.iter().map(String::as_str);
    let mut ways = registries::ways(command, paths, &job.env.passed, cargo);
    ways.hosts.extend(job.plan.hosts.iter().cloned());
    let rules = Rules::new(ways.hosts, ways.mirrors);
    let egress = egress::start(&socket, rules).map_err(SetupError::Egress)?;
    let bind = |outside: &Path, inside: &str| Bind {
        outside: outside.to_path_buf(),
        inside: PathBuf::from(inside),
        access: Access::ReadWrite,
    };
    let mut binds = vec![bind(checkout, INSIDE_REPO), bind(home, INSIDE_HOME)];
    binds.extend(job.env.certificates.iter().cloned());
    let spec = CageSpec {
        binds,
        cwd: PathBuf::from(INSIDE_REPO),
        env: job.env.inside.clone(),
        network: Network::LoopbackAnd(UnixSocketForward {
            outside_socket: socket,
            inside_port: PROXY_PORT,
        }),
        limits: Limits {
            wall_s: job.plan.wall_s,
            output_kept: 64 << 10,
            ..Limits::default()
        },
        uid: cage::agent_ids(),
        toolchains: job.tools.binds.clone(),
        path: job.tools.path.clone(),
    };
    let argv = ["sh", "-c", command].map(str::to_owned);
    crash::point("setup.before");
    let captured = cage::run(&spec, &argv, &[], job.cancel)?;
    crash::point("setup.after");
    Ok((captured, egress.finish()))
}

/// Why hosts were refused.
fn refusals(used: &BTreeMap<String, HostUse>) -> impl Iterator<Item = &str> {
    used.values().filter_map(|used| used.refused.as_deref())
}

fn failed(
    command: &str,
    captured: Captured,
    used: &BTreeMap<String, HostUse>,
    env: &env::SetupEnv,
) -> SetupError {
    let unlisted = used.iter().filter(|(_, used)| used.unlisted);
    let unlisted = unlisted.map(|(host, _)| host.clone()).collect();
    let mut refused: String = refusals(used)
        .map(|why| format!(" Not reached: {why}."))
        .collect();
    for name in &env.withheld {
        refused.push_str(&format!(
            " {name} was not passed in, because it holds credentials or what looks like them: an address passes \
             without a user, a query or a token in it."
        ));
    }
    let output = captured.combined();
    let tail = match output.char_indices().nth_back(TAIL_CHARS) {
        Some((at, _)) => format!("...{}", &output[at..]),
        None => output,
    };
    SetupError::Failed {
        command: command.to_owned(),
        exit: captured.record.exit.to_string().into(),
        refused,
        tail: tail.trim().to_owned(),
        captured: Box::new(captured),
        unlisted,
    }
}

/// Asks the system to write a finished folder to disk before its name says that it is finished. A system without `sync -f`
/// risks a broken entry after a power cut, never after a kill.
fn write_out(folder: &Path) {
    let argv = ["sync".as_ref(), "-f".as_ref(), folder.as_os_str()];
    let env = [("PATH", "/usr/bin:/bin")];
    let _ = command::host(&argv, Path::new("/"), &env, &[], Duration::from_secs(120));
}

/// True for names that the cache makes itself.
fn is_key(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Removes all but the `keep` most recently used results, and what killed set-ups left. Results in use are left alone.
///
/// # Errors
/// When the cache cannot be read or something cannot be removed.
pub fn prune(cache_root: &Path, keep: usize) -> Result<Vec<String>, SetupError> {
    if !cache_root.is_dir() {
        return Ok(Vec::new());
    }
    let mut found: Vec<(std::time::SystemTime, String)> = Vec::new();
    for name in files::list(cache_root)? {
        let Some(name) = name
            .to_str()
            .and_then(|name| name.strip_suffix(".lock"))
            .filter(|name| is_key(name))
        else {
            continue;
        };
        let used = fs::metadata(cache_root.join(format!("{name}.lock")))
            .and_then(|found| found.modified());
        found.push((used.unwrap_or(std::time::UNIX_EPOCH), name.to_owned()));
    }
    found.sort();
    found.reverse();
    let mut removed = Vec::new();
    for (_, key) in found.into_iter().skip(keep) {
        let entry = cache::Entry::new(cache_root, &key);
        if let Some(_lock) = entry.try_lock_alone()? {
            entry.clear()?;
            removed.push(key);
        }
    }
    Ok(removed)
}
