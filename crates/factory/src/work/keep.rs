//! Bringing a run's work home: its commits while it goes on, all of them when it has ended, and what was never committed.
//!
//! `refs/alai/RUN` holds what the agent has committed, burst by burst: gates, merges and the next run go on from there. What a
//! kill left uncommitted comes to `refs/alai/RUN-rest`, a commit upon it: it may be half a file, so that nothing builds on it
//! unless a person wants it (`alai minion recover`).

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alai_core::ids::RunId;
use alai_core::task::Task;
use alai_mission::{Mission, MissionError, RunRow};
use alai_workspace::clone::{self, Import, ImportError, Room, Salvage};
use alai_workspace::command::Cancel;
use alai_workspace::files;
use alai_workspace::git::{self, Identity, Oid, Repo};
use alai_workspace::toolchains::Toolchains;

use super::{START, branch, uncaged, work_ref};
use crate::home::Home;
use crate::integrate;

/// The name of a clone whose work could not be brought home.
pub(crate) const KEPT: &str = "kept-clone";

/// Written by us from the moment that an agent may do anything.
pub(crate) const TRAJECTORY: &str = "trajectory.jsonl";

/// Between two imports of a run that goes on: each leaves a pack in the person's repository, and a clone that is deleted in
/// between loses no more than this.
const PAUSE: Duration = Duration::from_secs(10);

/// Between two looks that found nothing new.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// The file of a run's folder that tells how many bytes its imports have brought, so that a run which is taken back after a
/// crash has no room of its own. It goes with the folder, by the policy for old runs.
const SPENT: &str = "brought-bytes";

/// What a run may still bring, beside all others of its task and of the tasks that this one goes on with.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) room: Room,
    /// What all of them had brought when this was made, and what of it was this run's.
    before: u64,
    own: u64,
    file: PathBuf,
}

impl Budget {
    pub(super) fn of(mission: &Mission, run: &RunId, task: &Task) -> Result<Budget, MissionError> {
        let home = Home::at(mission.home());
        let file = |run: &RunId| home.run(run).join(SPENT);
        let own = spent(&file(run));
        let lineage = mission.runs_of_lineage(task.lineage.unwrap_or(task.id))?;
        let others = lineage.iter().filter(|other| other.id != *run);
        let before = others
            .map(|other| spent(&file(&other.id)))
            .fold(own, u64::saturating_add);
        Ok(Budget {
            room: Room::after(before),
            before,
            own,
            file: file(run),
        })
    }

    /// Writes down what this run has brought. Work that is home already is not given up for a full disk.
    pub(super) fn note(&self) {
        let more = self.room.spent() - self.before;
        let text = format!("{}\n", self.own.saturating_add(more));
        if let Err(e) = files::write_atomic(&self.file, text.as_bytes()) {
            tracing::warn!("{e}");
        }
    }
}

/// What one run has brought. A number that cannot be read leaves no room: then the clone is kept, and nothing is lost.
fn spent(file: &Path) -> u64 {
    match std::fs::read_to_string(file) {
        Ok(text) => text.trim().parse().unwrap_or(u64::MAX),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
        Err(_) => u64::MAX,
    }
}

/// Where what was not committed is kept in the user's repository.
pub(crate) fn rest_ref(run: &RunId) -> String {
    format!("{}-rest", work_ref(run))
}

/// Where commits are kept that the run's branch does not reach.
pub(crate) fn others_ref(run: &RunId) -> String {
    format!("{}-others", work_ref(run))
}

/// Where a run's work comes from and goes to.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) repo: Repo,
    /// The commit that the run began with.
    pub(crate) start: Oid,
    run: RunId,
    author: Identity,
    toolchains: Toolchains,
    budget: Budget,
}

/// What was brought home.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// What still lies in the clone, in words. Empty is the proof that there is nothing.
    pub(crate) left: Vec<String>,
    /// The commit with what was not committed.
    pub(crate) rest: Option<Oid>,
}

impl Track {
    /// The inner `None`: the run had not begun, so that there is nobody's work.
    ///
    /// # Errors
    /// Also while something of the run may still write in its clone.
    pub(crate) fn of(
        mission: &Mission,
        toolchains: Toolchains,
        row: &RunRow,
    ) -> Result<Option<Track>, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        uncaged::has_ended(mission, &row.id)?;
        let start = mission.journaled(&row.id, START).map_err(|e| text(&e))?;
        let Some(start) = start else {
            return Ok(None);
        };
        let task = mission.task(row.task).map_err(|e| text(&e))?;
        let id = task.project.ok_or("its task has no project")?;
        let project = mission.project(id).map_err(|e| text(&e))?;
        let track = Track {
            repo: git::open(&project.path).map_err(|e| text(&e))?,
            start: start.parse().map_err(|e| text(&e))?,
            run: row.id.clone(),
            author: integrate::identity(&project),
            toolchains,
            budget: Budget::of(mission, &row.id, &task).map_err(|e| text(&e))?,
        };
        Ok(Some(track))
    }

    /// Brings everything home that a dead clone holds.
    pub(crate) fn all(&self, tree: &Path) -> Brought {
        let branch = format!("refs/heads/{}", branch(&self.run));
        let to = work_ref(&self.run);
        let room = &self.budget.room;
        let import = Import {
            clone: tree,
            clone_ref: &branch,
            to_ref: &to,
            base: &self.start,
            room,
            toolchains: &self.toolchains,
        };
        let mut left = Vec::new();
        let imported = clone::import(&self.repo, &import, &Cancel::default());
        let parent = imported.unwrap_or_else(|e| {
            left.push(e.to_string());
            // What came home while it went on, or nothing.
            let known = git::resolve(&self.repo, &to).ok().flatten();
            known.unwrap_or_else(|| self.start.clone())
        });
        let rest = rest_ref(&self.run);
        let message = format!(
            "What run {} had not committed\n\nIt lay in the clone when the run had ended and nobody has measured it.\n",
            self.run
        );
        let others = others_ref(&self.run);
        let salvage = Salvage {
            clone: tree,
            to_ref: &rest,
            others_ref: &others,
            parent: &parent,
            message: &message,
            author: &self.author,
            left_out: &alai_minion::hand::LEFT_OUT,
            room,
            toolchains: &self.toolchains,
        };
        let rest = match clone::salvage(&self.repo, &salvage, &Cancel::default()) {
            Ok(salvaged) => {
                left.extend(salvaged.missing);
                if salvaged.others.is_some() {
                    tracing::info!("commits that no branch of the run reached are in {others}");
                }
                salvaged.rest
            }
            Err(e) => {
                left.push(e.to_string());
                None
            }
        };
        self.budget.note();
        Brought { left, rest }
    }
}

/// Whether an agent may have worked in a clone: its trajectory was begun, or the branch names another commit than the start.
/// The branch's file is the agent's; it is only compared, and a link is not followed.
pub(crate) fn may_hold_work(run_dir: &Path, tree: &Path, run: &RunId, start: &Oid) -> bool {
    let branch = tree.join(".git/refs/heads").join(branch(run));
    let plain = std::fs::symlink_metadata(&branch).is_ok_and(|m| m.is_file() && m.len() < 100);
    run_dir.join(TRAJECTORY).exists()
        || plain && std::fs::read_to_string(&branch).is_ok_and(|tip| tip.trim() != start.as_str())
}

/// Rung when an agent has finished a burst of calls; closed when it has ended.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    changed: Condvar,
    cancel: Cancel,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    closed: bool,
}

/// Closes the bell when the agent's part ends, however it ends.
pub(super) struct Closes<'a>(pub(super) &'a Bell);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        // The import of the end takes everything; half of this one would only delay it.
        self.0.cancel.cancel();
        self.0.changed.notify_all();
    }
}

impl Bell {
    pub(super) fn ring(&self) {
        self.lock().rung = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it rings, and not less than the pause. False when it is closed.
    fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            if state.closed {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.rung && left.is_zero() {
                state.rung = false;
                return true;
            }
            state = match left.is_zero() {
                true => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                false => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// Brings the newest commit home each time that the bell rings, beside the run: while a model thinks, nothing else needs the
/// clone. One import at a time, and one that fails is made up for by the next, or by the one of the end.
pub(super) fn bursts(
    bell: &Bell,
    repo: &Repo,
    import: &Import<'_>,
    budget: &Budget,
    one: &Mutex<()>,
) {
    let mut last = import.base.clone();
    let mut pause = Duration::ZERO;
    while bell.wait(pause) {
        // What is home already need not come again.
        let newer = Import {
            base: &last,
            ..*import
        };
        pause = PAUSE;
        // Never beside an import that a step waits for: both move the same name.
        let _one = one.lock().unwrap_or_else(PoisonError::into_inner);
        match brought(repo, &newer, import, &bell.cancel) {
            Ok(tip) if tip == last => pause = LOOK_PAUSE,
            Ok(tip) => {
                last = tip;
                budget.note();
            }
            Err(e @ ImportError::NoRoom { .. }) => {
                tracing::warn!("{}: nothing more is brought home: {e}", import.to_ref);
                return;
            }
            Err(e) => tracing::info!("{}: not brought home yet: {e}", import.to_ref),
        }
    }
}

/// Brings the newest commit home at once, for a step that waits for it.
pub(super) fn now(
    repo: &Repo,
    import: &Import<'_>,
    budget: &Budget,
    one: &Mutex<()>,
    cancel: &Cancel,
) -> Result<Oid, ImportError> {
    let _one = one.lock().unwrap_or_else(PoisonError::into_inner);
    let last = git::resolve(repo, import.to_ref)?.unwrap_or_else(|| import.base.clone());
    let newer = Import {
        base: &last,
        ..*import
    };
    let tip = brought(repo, &newer, import, cancel)?;
    budget.note();
    Ok(tip)
}

/// An agent that rewrites its history may have thrown away what came home last.
fn brought(
    repo: &Repo,
    newer: &Import<'_>,
    all: &Import<'_>,
    cancel: &Cancel,
) -> Result<Oid, ImportError> {
    clone::import(repo, newer, cancel).or_else(|e| {
        let no_second = matches!(e, ImportError::NoRoom { .. }) || newer.base == all.base;
        match no_second {
            true => Err(e),
            false => clone::import(repo, all, cancel),
        }
    })
}

/// Runs of a home whose clones are kept, with the clones.
pub fn kept(home: &Home) -> Vec<(RunId, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(home.runs()) else {
        return Vec::new();
    };
    let mut found: Vec<(RunId, PathBuf)> = entries
        .flatten()
        .map(|entry| {
            let run = RunId(entry.file_name().to_string_lossy().into_owned());
            (run, entry.path().join(KEPT))
        })
        .filter(|(_, clone)| clone.is_dir())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alai_core::ids::TaskId;
    use alai_core::pipeline::Effect;
    use alai_core::task::{NewTask, TaskKind};
    use alai_mission::{Claim, ClaimLimits, NewProject, ProjectSettings, SlotsOf};

    use super::*;
    use crate::beat::Factory;
    use crate::config::Config;
    use crate::home::init;

    const LIMITS: ClaimLimits = ClaimLimits {
        total: 10,
        per_project: 10,
        run_ms_max: 3_600_000,
        slots: SlotsOf::NOTHING,
    };

    fn claimed(factory: &Factory, task: TaskId, now_ms: i64) -> Claim {
        let mission = factory.mission();
        let claim = mission.claim(Some(task), &LIMITS, "factory", 3_600_000, now_ms);
        let claim = claim.expect("the store answers").expect("it is eligible");
        std::fs::create_dir_all(factory.home().run(&claim.fence.run)).expect("made");
        claim
    }

    #[test]
    fn a_retry_and_a_task_that_goes_on_with_another_have_no_room_of_their_own() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path().join("home"));
        init(&home).expect("a home");
        let config = Config::load(&home.config(), &BTreeMap::new()).expect("they are valid");
        let factory = Factory::open(home, config).expect("a factory");
        let (mission, now) = (factory.mission(), factory.now_ms());
        let project = NewProject {
            name: "p".into(),
            path: dir.path().join("p"),
            target_branch: "main".into(),
            settings: ProjectSettings::default(),
        };
        let project = mission.add_project(project, "t", now).expect("new");
        let add = |lineage| {
            let mut task = NewTask::new(TaskKind::Build, "Say alpha");
            (task.project, task.lineage) = (Some(project), lineage);
            mission.add(task, None, "t", now).expect("new")
        };
        let budget = |claim: &Claim| {
            Budget::of(mission, &claim.fence.run, &claim.task).expect("the store answers")
        };
        let task = add(None);
        let first = claimed(&factory, task, now);
        let note = |claim: &Claim, text: &str| {
            let file = factory.home().run(&claim.fence.run).join(SPENT);
            std::fs::write(file, text).expect("written");
        };
        note(&first, "1000\n");
        let again = Effect::Retry {
            why: "again".into(),
            findings: Vec::new(),
            counters: first.task.counters,
            run_at_ms: now,
        };
        let ended = mission.apply(&first.fence, "ended", vec![again], now);
        ended.expect("applied");
        let second = claimed(&factory, task, now + 1);
        assert_eq!(budget(&second).room.spent(), 1_000);
        // What it brings itself is its own share, and only that.
        let mut brings = budget(&second);
        brings.room = Room::after(1_500);
        brings.note();
        assert_eq!(spent(&brings.file), 500);
        let (follows, other) = (add(Some(task)), add(None));
        assert_eq!(budget(&claimed(&factory, follows, now)).room.spent(), 1_500);
        assert_eq!(budget(&claimed(&factory, other, now)).room.spent(), 0);
        // A number that cannot be read leaves no room, and takes nothing from what others have noted.
        note(&first, "?");
        let none = budget(&second);
        assert_eq!(none.room.spent(), u64::MAX);
        none.note();
        assert_eq!(spent(&none.file), 500);
        // A folder that was removed by the policy for old runs gives its room back.
        files::remove(&factory.home().run(&first.fence.run)).expect("removed");
        assert_eq!(budget(&second).room.spent(), 500);
    }

    #[test]
    fn a_bell_that_is_closed_ends_whoever_waits() {
        let bell = Bell::default();
        bell.ring();
        assert!(bell.wait(Duration::ZERO), "it was rung before");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| bell.wait(Duration::from_secs(3600)));
            drop(Closes(&bell));
            assert!(!waiting.join().expect("it ends"));
        });
        assert!(bell.cancel.is_cancelled());
    }

    #[test]
    fn a_bell_rings_once_for_all_that_came_meanwhile() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        assert!(bell.wait(Duration::ZERO));
        let closes = Closes(&bell);
        drop(closes);
        assert!(!bell.wait(Duration::ZERO), "nothing rang after it");
    }
}
