//! What people see, derived from the rows: the state with the lease, the answer to `why`, the queue at a glance.

use alai_core::ids::TaskId;
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::task::{State, Task, TaskKind};
use alai_core::why::{self, Facts, Held, HeldUp, LiveRun, Why};
use alai_mission::{Filter, MergeKind, MergeRow, MergeState, MissionError, Reader, Spend};
use serde::{Deserialize, Serialize};

/// Reads with the moment and the surroundings in which the question is asked.
#[derive(Debug)]
pub struct Views<'a> {
    reader: &'a Reader,
    now_ms: i64,
    daemon: bool,
    hindrance: Option<String>,
}

/// A task as `mc list` and `mc show` give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    pub task: Task,
    /// The state as people see it.
    pub shown: String,
    pub why: Why,
}

/// The queue at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub open: usize,
    pub started: usize,
    pub stalled: usize,
    pub waiting: usize,
    pub done: usize,
    pub failed: usize,
    pub merging: usize,
    pub outbox: i64,
    /// When the oldest effect that waits was made, in milliseconds since the Unix epoch.
    pub outbox_oldest_ms: Option<i64>,
    pub spend: Spend,
    /// When a task was last claimed, by any process; milliseconds since the Unix epoch.
    pub last_dispatch_ms: Option<i64>,
    pub runs: Vec<RunLine>,
    /// What needs a person, most urgent first.
    pub needs_you: Vec<TaskView>,
}

/// A live run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    pub run: String,
    pub task: TaskId,
    pub title: String,
    pub company: String,
    pub model: String,
    pub mode: String,
    pub step: String,
    pub since_ms: i64,
}

impl<'a> Views<'a> {
    pub fn new(
        reader: &'a Reader,
        now_ms: i64,
        daemon: bool,
        hindrance: Option<String>,
    ) -> Views<'a> {
        Views {
            reader,
            now_ms,
            daemon,
            hindrance,
        }
    }

    pub fn shown(&self, task: &Task) -> Result<&'static str, MissionError> {
        Ok(why::shown(task, self.live_run(task)?.as_ref(), self.now_ms))
    }

    pub fn task(&self, id: TaskId) -> Result<TaskView, MissionError> {
        let task = self.reader.task(id)?;
        let why = self.why(&task)?;
        Ok(TaskView {
            shown: self.shown(&task)?.to_owned(),
            why,
            task,
        })
    }

    /// Why a task is where it is.
    pub fn why(&self, task: &Task) -> Result<Why, MissionError> {
        let unmet = self
            .reader
            .needs(task.id)?
            .into_iter()
            .filter(|n| !n.satisfied)
            .map(|n| (n.needs, n.until, n.state))
            .collect();
        let goal_left = match task.kind {
            TaskKind::Goal => self
                .reader
                .tasks(&Filter {
                    goal: Some(task.id),
                    ..Filter::default()
                })?
                .into_iter()
                .filter(|t| t.id != task.id)
                .map(|t| (t.id, t.state))
                .collect(),
            TaskKind::Spec
            | TaskKind::Build
            | TaskKind::Review
            | TaskKind::Security
            | TaskKind::Ops
            | TaskKind::Docs
            | TaskKind::Postflight => Vec::new(),
        };
        let merges = self.reader.merges_of(task.id)?;
        let queued = |row: &MergeRow| row.state == MergeState::Queued;
        let facts = Facts {
            now_ms: self.now_ms,
            unmet,
            run: self.live_run(task)?,
            goal_left,
            merging: merges.iter().any(queued),
            held_up: self.held_up(task, &merges)?,
            daemon: self.daemon,
            hindrance: self.hindrance.clone(),
        };
        Ok(why::why(task, &facts))
    }

    /// Finished work that is not where it belongs: refused by the merge queue, or merged and not delivered. What belongs to a
    /// goal is delivered with the goal, and the goal says so itself.
    fn held_up(&self, task: &Task, merges: &[MergeRow]) -> Result<Option<HeldUp>, MissionError> {
        let root = task.lineage.is_none() && task.kind.changes_code() && !task.solo;
        if task.state != State::Done || !root {
            return Ok(None);
        }
        let last = |kind| merges.iter().rfind(|row| row.kind == kind);
        let held = |what, row: &MergeRow| {
            let since = row.ended_ms.unwrap_or(row.at_ms);
            let detail = row.outcome.clone().unwrap_or_default();
            Some(HeldUp {
                what,
                detail,
                deadline_ms: since + HUMAN_WAIT_MS,
            })
        };
        let Some(integration) = last(MergeKind::Integrate) else {
            return Ok(None);
        };
        if task.integrated.is_none() {
            let alone = !self.reader.lineage_lives(task.id)?;
            let refused = integration.state == MergeState::Refused;
            return Ok(if alone && refused {
                held(Held::Merge, integration)
            } else {
                None
            });
        }
        if task.goal.is_some() {
            return Ok(None);
        }
        Ok(match last(MergeKind::Deliver) {
            Some(row) if row.state == MergeState::Refused => held(Held::Delivery, row),
            Some(_) => None,
            None => held(Held::Approval, integration).map(|h| HeldUp {
                detail: format!(
                    "merged into alai/integration as {}; the target branch is not moved yet",
                    h.detail
                ),
                ..h
            }),
        })
    }

    fn live_run(&self, task: &Task) -> Result<Option<LiveRun>, MissionError> {
        if !matches!(task.state, State::Started | State::ReadyForReview) {
            return Ok(None);
        }
        let runs = self.reader.runs_of(task.id)?;
        Ok(runs.into_iter().find_map(|r| {
            r.lease_until_ms.map(|lease_until_ms| LiveRun {
                run: r.id,
                worker: r.worker,
                lease_until_ms,
                step: r.step,
                mode: r.mode,
            })
        }))
    }

    pub fn status(&self) -> Result<Status, MissionError> {
        let tasks = self.reader.tasks(&Filter {
            ended: true,
            ..Filter::default()
        })?;
        let count = |keep: &dyn Fn(&Task) -> bool| tasks.iter().filter(|t| keep(t)).count();
        let live = self.reader.live_runs()?;
        let stalled = live
            .iter()
            .filter(|r| r.lease_until_ms.is_some_and(|l| l < self.now_ms))
            .count();
        let mut waiting: Vec<&Task> = tasks.iter().filter(|t| t.state == State::Waiting).collect();
        waiting.sort_by_key(|t| (std::cmp::Reverse(t.priority), t.id));
        let mut needs_you: Vec<TaskView> = waiting
            .iter()
            .map(|t| self.task(t.id))
            .collect::<Result<_, _>>()?;
        for task in tasks
            .iter()
            .filter(|t| t.state == State::Done && t.kind.changes_code())
        {
            if self
                .held_up(task, &self.reader.merges_of(task.id)?)?
                .is_some()
            {
                needs_you.push(self.task(task.id)?);
            }
        }
        let (outbox, outbox_oldest_ms) = self.reader.outbox_depth()?;
        let runs = live
            .into_iter()
            .map(|r| {
                let title = self
                    .reader
                    .task(r.task)
                    .map(|t| t.title)
                    .unwrap_or_default();
                RunLine {
                    run: r.id.short().to_owned(),
                    task: r.task,
                    title,
                    company: r.company.unwrap_or_default(),
                    model: r.model.unwrap_or_default(),
                    mode: r.mode.map(|m| m.as_str().to_owned()).unwrap_or_default(),
                    step: r.step.unwrap_or_else(|| "starting".into()),
                    since_ms: r.started_ms,
                }
            })
            .collect::<Vec<_>>();
        Ok(Status {
            open: count(&|t| t.state == State::Open),
            started: count(&|t| matches!(t.state, State::Started | State::ReadyForReview))
                .saturating_sub(stalled),
            stalled,
            waiting: waiting.len(),
            done: count(&|t| t.state == State::Done),
            failed: count(&|t| t.state == State::Failed),
            merging: self
                .reader
                .merges()?
                .iter()
                .filter(|m| m.state == MergeState::Queued)
                .count(),
            outbox,
            outbox_oldest_ms,
            spend: self.reader.spend()?,
            last_dispatch_ms: self.reader.last_claim_ms()?,
            runs,
            needs_you,
        })
    }
}

/// Why nothing at all would be dispatched now, in words.
pub fn open_hindrance(models: bool, active: usize, slots: usize) -> Option<String> {
    if !models {
        return Some("no model is reachable".into());
    }
    (active >= slots).then(|| format!("all {slots} slots are taken"))
}
