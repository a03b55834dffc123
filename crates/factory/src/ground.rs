//! The ground a run stands on: the project's set-up, done once per lockfile, and the proof that its tests start on the
//! untouched commit, done once per commit, before a token is spent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use alai_core::ids::TaskId;
use alai_core::record::Captured;
use alai_gate::census::{self, Census};
use alai_gate::{GateError, Ground as GateGround};
use alai_mission::{EventRow, MissionError, Project};
use alai_workspace::clone::Remover;
use alai_workspace::command::Cancel;
use alai_workspace::files;
use alai_workspace::git::{self, GitError, Oid, Repo};
use alai_workspace::setup::{self, Prepared, SetupError, SetupPlan};
use sha2::{Digest, Sha256};

use crate::beat::Factory;

/// Seconds that one command of a project's tests may take.
pub(crate) const COMMAND_S_MAX: u64 = 600;

/// What a gate, a run or a merge needs to know about a commit before it changes anything.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) prepared: Prepared,
    /// The tests of the untouched commit.
    pub(crate) census: Census,
    pub(crate) test: String,
}

/// Why nothing can be built on a commit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroundError {
    /// The project's own fault; a person must mend it.
    #[error("{detail}")]
    Refused { detail: String, remedy: String },
    #[error("the run was cancelled")]
    Cancelled,
    /// The machine's fault.
    #[error("{0}")]
    Machine(String),
}

impl From<GitError> for GroundError {
    fn from(error: GitError) -> GroundError {
        GroundError::Machine(error.to_string())
    }
}

/// Sets the commit up and proves its tests, or answers from the cache. `like` is the commit that it grew out of.
pub(crate) fn proven(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    commit: &Oid,
    like: Option<&Oid>,
    cancel: &Cancel,
) -> Result<Ground, GroundError> {
    let Some(test) = project.settings.test.clone() else {
        return Err(GroundError::Refused {
            detail: format!("the project {} has no test command", project.name),
            remedy: format!(
                "`alai project set {} --test \"COMMAND\"`, then `alai mc retry {{id}}`",
                project.name
            ),
        });
    };
    let prepared = prepared(factory, repo, project, commit, like, cancel)?;
    let proof = Proof::of(repo, project, &prepared, commit, &test, cancel)?;
    let cached = factory.home().cache().join("base").join(proof.file());
    if let Some(census) = read_cached(&cached) {
        return Ok(Ground {
            prepared,
            census,
            test,
        });
    }
    let scratch = scratch(factory, "ground")?;
    let toolchains = factory.toolchains();
    let with = GateGround {
        prepared: &prepared,
        toolchains: &toolchains,
        around: &project.settings.surroundings,
        test_command: &test,
        scratch: scratch.path(),
        command_s: COMMAND_S_MAX,
    };
    let refused = |e: GateError| refused(&e, project, &test);
    // What the tests of a commit build reaches every later clone: only what is on the target branch may leave it behind.
    let (census, prepared) = if delivered(repo, project, commit)? {
        let (seen, kept) = alai_gate::base_keeping(repo, commit, &with, cancel).map_err(refused)?;
        (seen.census, kept)
    } else {
        let seen = alai_gate::base(repo, commit, &with, cancel).map_err(refused)?;
        (seen.census, prepared)
    };
    keep(&cached, &census)?;
    Ok(Ground {
        prepared,
        census,
        test,
    })
}

/// Whether a commit is on the target branch.
fn delivered(repo: &Repo, project: &Project, commit: &Oid) -> Result<bool, GitError> {
    let [target] = git::tips(repo, [&format!("refs/heads/{}", project.target_branch)])?;
    target.map_or(Ok(false), |target| git::is_ancestor(repo, commit, &target))
}

impl Ground {
    /// Whether every test of the commit passes.
    pub(crate) fn green(&self) -> bool {
        self.census.exit.success()
    }

    /// Whether a run of the tests that did not exit 0 shows nothing that was not red before. Where the runner's list cannot be
    /// read, the agent goes on and the gate decides: it runs the tests itself and sees all of their output.
    pub(crate) fn no_worse(&self, command: &str, captured: &Captured) -> bool {
        if self.green() || command != self.test {
            return false;
        }
        let now = census::read(captured);
        // Cargo names the program of a test on the other stream; without it every test has another id than on the base.
        let same_names = now.ids.keys().any(|id| self.census.ids.contains_key(id));
        if captured.truncated || !now.known || !self.census.known || !same_names {
            return true;
        }
        let difference = census::compare(&self.census, &now);
        difference.newly_failed.is_empty() && difference.lost.is_empty()
    }

    /// Tests that are red or gone here and were neither on `before`; the exit code where the runner names no tests.
    pub(crate) fn worse_than(&self, before: &Ground) -> Vec<String> {
        if self.green() {
            return Vec::new();
        }
        if !(self.census.known && before.census.known) {
            return match before.green() {
                true => vec![format!("`{}` ended with {}", self.test, self.census.exit)],
                false => Vec::new(),
            };
        }
        let difference = census::compare(&before.census, &self.census);
        difference
            .newly_failed
            .into_iter()
            .chain(difference.lost)
            .collect()
    }
}

/// Runs one command on a commit like a test, in a fresh clone and without a network. What it said when it did not exit 0.
pub(crate) fn exits_zero(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    commit: &Oid,
    command: &str,
    cancel: &Cancel,
) -> Result<Option<String>, GroundError> {
    let prepared = prepared(factory, repo, project, commit, None, cancel)?;
    let scratch = scratch(factory, "check")?;
    let toolchains = factory.toolchains();
    let with = GateGround {
        prepared: &prepared,
        toolchains: &toolchains,
        around: &project.settings.surroundings,
        test_command: command,
        scratch: scratch.path(),
        command_s: COMMAND_S_MAX,
    };
    match alai_gate::base(repo, commit, &with, cancel) {
        Ok(ran) if ran.census.exit.success() => Ok(None),
        Ok(ran) => Ok(Some(format!(
            "{}: {}",
            ran.census.exit,
            end_of(&ran.captured.combined())
        ))),
        Err(GateError::BoxRefused(refused)) => Ok(Some(refused.why.clone())),
        Err(GateError::Cancelled) => Err(GroundError::Cancelled),
        Err(e) => Err(GroundError::Machine(e.to_string())),
    }
}

/// The end of an output, where the reason is.
fn end_of(output: &str) -> &str {
    let from = output.char_indices().rev().nth(800).map_or(0, |(at, _)| at);
    output.get(from..).unwrap_or(output).trim()
}

/// The set-up of a commit, from the cache or made now. `like` is the commit that it grew out of.
pub(crate) fn prepared(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    commit: &Oid,
    like: Option<&Oid>,
    cancel: &Cancel,
) -> Result<Prepared, GroundError> {
    let mut plan = SetupPlan::new(project.settings.setup.clone(), host_env());
    plan.hosts = project.settings.setup_hosts.clone();
    plan.inputs = project.settings.setup_inputs.clone();
    plan.scope = project.path.display().to_string();
    plan.trusted = delivered(repo, project, commit)?;
    plan.like = like.cloned();
    let cache = factory.home().cache().join("setup");
    setup::prepare(repo, commit, &plan, &cache, cancel).map_err(|e| not_set_up(e, project))
}

/// A set-up that ended well without all that it asked for is what a test fails of much later: it is told once a task, beside
/// the runs.
pub(crate) fn note_refused(
    factory: &Factory,
    task: TaskId,
    prepared: &Prepared,
) -> Result<(), MissionError> {
    /// More are the same mistake.
    const SHOWN_MAX: usize = 5;
    let refused = &prepared.refused;
    if refused.is_empty() {
        return Ok(());
    }
    let shown = &refused[..refused.len().min(SHOWN_MAX)];
    let mut text = format!(
        "the set-up ended well without all that it asked for: {}",
        shown.join("; ")
    );
    if let more @ 1.. = refused.len() - shown.len() {
        text.push_str(&format!("; and {more} more"));
    }
    let mission = factory.mission();
    let told = |event: &EventRow| event.kind == "note" && event.detail == text;
    if !mission.events(task)?.iter().any(told) {
        mission.note(task, text, "factory", factory.now_ms())?;
    }
    Ok(())
}

fn not_set_up(error: SetupError, project: &Project) -> GroundError {
    let detail = error.to_string();
    let name = &project.name;
    match error {
        SetupError::Cancelled => GroundError::Cancelled,
        SetupError::Failed { unlisted, .. } if !unlisted.is_empty() => {
            let known = project.settings.setup_hosts.iter().chain(&*unlisted);
            let hosts: String = known.map(|host| format!(" --setup-host {host}")).collect();
            GroundError::Refused {
                detail,
                remedy: format!(
                    "if you trust {}: `alai project set {name}{hosts}`; then `alai mc retry {{id}}`",
                    unlisted.join(", ")
                ),
            }
        }
        SetupError::Failed { .. } | SetupError::NoSuchInput { .. } => GroundError::Refused {
            detail,
            remedy: format!(
                "mend it in the repository, or `alai project set {name} --setup \"COMMAND\"`; then `alai mc retry {{id}}`"
            ),
        },
        SetupError::Versions { .. }
        | SetupError::Egress(_)
        | SetupError::Cage(_)
        | SetupError::Git(_)
        | SetupError::Clone(_)
        | SetupError::File(_) => GroundError::Machine(detail),
    }
}

fn refused(error: &GateError, project: &Project, test: &str) -> GroundError {
    if matches!(error, GateError::Cancelled) {
        return GroundError::Cancelled;
    }
    if matches!(error, GateError::BoxRefused(_)) {
        return GroundError::Refused {
            detail: error.to_string(),
            remedy: format!(
                "make `{test}` start on the untouched repository, or `alai project set {} --test \"COMMAND\"`; then \
                 `alai mc retry {{id}}`",
                project.name
            ),
        };
    }
    GroundError::Machine(error.to_string())
}

/// The environment of this process: toolchains and certificates are found through it.
pub(crate) fn host_env() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect()
}

/// A folder of our own for fresh clones, removed with its content after it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    dir: PathBuf,
    remover: Arc<Remover>,
}

impl Scratch {
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.dir
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remover.remove(std::mem::take(&mut self.dir));
    }
}

pub(crate) fn scratch(factory: &Arc<Factory>, what: &str) -> Result<Scratch, GroundError> {
    let dir = factory
        .home()
        .scratch()
        .join(format!("{what}-{}", uuid::Uuid::now_v7()));
    files::private_dir_all(&dir).map_err(|e| GroundError::Machine(e.to_string()))?;
    Ok(Scratch {
        dir,
        remover: factory.remover(),
    })
}

/// Everything that the proof of a base depends on. The set-up's key has lockfiles and its own tools in it, and nothing where a
/// project has no set-up: so the tools stand here too.
struct Proof {
    set_up: String,
    tree: String,
    tools: String,
    test: String,
    around: String,
}

impl Proof {
    fn of(
        repo: &Repo,
        project: &Project,
        prepared: &Prepared,
        commit: &Oid,
        test: &str,
        cancel: &Cancel,
    ) -> Result<Proof, GroundError> {
        let around = &project.settings.surroundings;
        let services = around.services.iter().map(|service| service.command());
        let commands: Vec<&str> = std::iter::once(test).chain(services).collect();
        let tools = setup::tool_versions(repo, commit, &commands, &host_env(), cancel);
        let machine = |e: &dyn std::fmt::Display| GroundError::Machine(e.to_string());
        Ok(Proof {
            set_up: prepared.key.clone(),
            tree: alai_gate::tree_digest(repo, commit).map_err(|e| machine(&e))?,
            tools: tools.map_err(|e| not_set_up(e, project))?,
            test: test.to_owned(),
            around: serde_json::to_string(around).map_err(|e| machine(&e))?,
        })
    }

    /// The name of its file in the cache.
    fn file(&self) -> String {
        let Proof {
            set_up,
            tree,
            tools,
            test,
            around,
        } = self;
        let mut hash = Sha256::new();
        for part in [set_up, tree, tools, test, around] {
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        format!("{}.json", hex::encode(hash.finalize()))
    }
}

fn read_cached(path: &std::path::Path) -> Option<Census> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn keep(path: &std::path::Path, census: &Census) -> Result<(), GroundError> {
    let machine = |e: &dyn std::fmt::Display| GroundError::Machine(e.to_string());
    let bytes = serde_json::to_vec(census).map_err(|e| machine(&e))?;
    if let Some(dir) = path.parent() {
        files::private_dir_all(dir).map_err(|e| machine(&e))?;
    }
    files::write_atomic(path, &bytes).map_err(|e| machine(&e))
}
