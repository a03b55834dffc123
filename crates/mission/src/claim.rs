//! Claims: one transaction that takes a lease and raises the epoch, and the fence that every later write carries.

use std::fmt;
use std::sync::Arc;

use alai_core::ids::{Epoch, RunId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::Effect;
use alai_core::task::Task;
use alai_core::transition::{Passage, Transition};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::Stamp;
use crate::overlap::Lines;
use crate::run::{Holder, RunState, end_live, query};
use crate::task::{one, set_state};
use crate::writer::Mission;
use crate::{apply, outbox, passage, queue};

/// What a run shows at each write. Stale once another claim, or a person, has taken the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    pub run: RunId,
    pub task: TaskId,
    pub epoch: Epoch,
}

/// A task that is ours until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub fence: Fence,
    pub task: Task,
    /// An interrupted run whose journal and commits this one goes on with.
    pub resumes: Option<RunId>,
}

/// Something that a run holds while it lives and of which only so many may be held at once: a company, a model's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Such as `company:CodeCraft`.
    pub key: String,
    /// At least 1.
    pub most: usize,
}

/// What the run of a task would hold. It is called inside the claim's transaction, so it must decide from what it has.
#[derive(Clone, Default)]
pub struct SlotsOf(Option<Arc<Of>>);

type Of = dyn Fn(&Task) -> Vec<Slot> + Send + Sync;

impl SlotsOf {
    pub const NOTHING: SlotsOf = SlotsOf(None);

    pub fn new(of: impl Fn(&Task) -> Vec<Slot> + Send + Sync + 'static) -> SlotsOf {
        SlotsOf(Some(Arc::new(of)))
    }

    pub(crate) fn of(&self, task: &Task) -> Vec<Slot> {
        self.0.as_ref().map_or_else(Vec::new, |of| of(task))
    }
}

impl fmt::Debug for SlotsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "SlotsOf(..)"
        } else {
            "SlotsOf(nothing)"
        })
    }
}

/// How much may run at once.
#[derive(Debug, Clone)]
pub struct ClaimLimits {
    pub total: usize,
    pub per_project: usize,
    /// Milliseconds within which a run must have ended, from its claim on.
    pub run_ms_max: i64,
    pub slots: SlotsOf,
}

impl Mission {
    /// Takes the task whose turn it is by `alai_core::queue`, or this one task, if all that its run would hold is free and no line of work at the
    /// same paths holds it back.
    pub fn claim(
        &self,
        only: Option<TaskId>,
        limits: &ClaimLimits,
        worker: &str,
        lease_ms: i64,
        now_ms: i64,
    ) -> Result<Option<Claim>, MissionError> {
        self.claims(Which::Queue(only), limits, worker, lease_ms, now_ms)
    }

    /// The same for the one task that a process is there for: nobody works beside it, so nothing that merely could go on holds it back.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn claim_alone(
        &self,
        task: TaskId,
        limits: &ClaimLimits,
        worker: &str,
        lease_ms: i64,
        now_ms: i64,
    ) -> Result<Option<Claim>, MissionError> {
        self.claims(Which::Alone(task), limits, worker, lease_ms, now_ms)
    }

    fn claims(
        &self,
        which: Which,
        limits: &ClaimLimits,
        worker: &str,
        lease_ms: i64,
        now_ms: i64,
    ) -> Result<Option<Claim>, MissionError> {
        let stamp = Stamp {
            actor: worker.to_owned(),
            run: None,
            now_ms,
        };
        let limits = limits.clone();
        self.write(move |c| claim(c, which, &limits, lease_ms, stamp))
    }

    /// The run has delivered; its gate is at work.
    pub fn deliver(&self, fence: &Fence, detail: &str, now_ms: i64) -> Result<(), MissionError> {
        let (fence, detail) = (fence.clone(), detail.to_owned());
        self.write(move |c| {
            let task = fenced(c, &fence)?;
            if task.state == alai_core::task::State::ReadyForReview {
                return Ok(());
            }
            let stamp = Stamp {
                actor: "factory".into(),
                run: Some(fence.run.clone()),
                now_ms,
            };
            set_state(c, fence.task, Event::Deliver, None, &detail, &stamp).map(|_| ())
        })
    }

    /// Ends every live run that `lost` names as lost and applies what follows from it. Used at start, when this process holds
    /// the lock and so no other can still be running them, and for lapsed leases.
    pub fn recover(
        &self,
        lost: Vec<(RunId, Effect)>,
        why: &str,
        now_ms: i64,
    ) -> Result<Vec<TaskId>, MissionError> {
        let lost = lost.into_iter().map(|(run, effect)| (run, vec![effect]));
        self.take_back(lost.collect(), RunState::Lost, why, now_ms)
    }

    /// The same for a run that took too long, or did nothing for too long: its task may be planned anew.
    pub fn time_out(
        &self,
        late: RunId,
        effects: Vec<Effect>,
        why: &str,
        now_ms: i64,
    ) -> Result<Vec<TaskId>, MissionError> {
        self.take_back(vec![(late, effects)], RunState::TimedOut, why, now_ms)
    }

    fn take_back(
        &self,
        lost: Vec<(RunId, Vec<Effect>)>,
        ended: RunState,
        why: &str,
        now_ms: i64,
    ) -> Result<Vec<TaskId>, MissionError> {
        let why = why.to_owned();
        self.write(move |c| {
            let mut tasks = Vec::new();
            for (run, effects) in &lost {
                let Some(row) = query(c, "id = ?", &run.0)?
                    .into_iter()
                    .find(|r| r.state == RunState::Live)
                else {
                    continue;
                };
                let stamp = Stamp {
                    actor: "factory".into(),
                    run: Some(run.clone()),
                    now_ms,
                };
                end_live(c, row.task, ended, &why, now_ms)?;
                if ended == RunState::TimedOut {
                    let limit = [Passage::Fired, Passage::Blocked];
                    passage::count(c, &limit.map(|p| (Transition::Execute, p)), now_ms)?;
                }
                apply::lose(c, row.task, effects, &why, &stamp)?;
                tasks.push(row.task);
            }
            Ok(tasks)
        })
    }
}

/// What is claimed.
#[derive(Debug, Clone, Copy)]
enum Which {
    /// The task whose turn it is, or this one.
    Queue(Option<TaskId>),
    Alone(TaskId),
}

fn claim(
    c: &Connection,
    which: Which,
    limits: &ClaimLimits,
    lease_ms: i64,
    mut stamp: Stamp,
) -> Result<Option<Claim>, MissionError> {
    if queue::at_work(c)? >= limits.total {
        return Ok(None);
    }
    let mut lines = Lines::default();
    let mut free = |task: &Task| {
        let alone = matches!(which, Which::Alone(_));
        let apart = alone || lines.held(c, task, stamp.now_ms)?.is_none();
        Ok(apart && slots_free(c, task, limits)?)
    };
    let found = match which {
        Which::Queue(Some(id)) | Which::Alone(id) => {
            match queue::eligible_one(c, id, stamp.now_ms)? {
                Some(task)
                    if queue::busy(c, task.project)? < limits.per_project && free(&task)? =>
                {
                    Some(task)
                }
                Some(_) | None => None,
            }
        }
        Which::Queue(None) => queue::pick(c, stamp.now_ms, limits.per_project, &mut free)?,
    };
    let Some(task) = found else {
        return Ok(None);
    };
    let resumes = match task.epoch {
        Epoch(0) => None,
        Epoch(_) => last_lost(c, task.id)?,
    };
    let lease = Lease {
        holder: Holder::Factory,
        until_ms: stamp.now_ms + lease_ms,
        close_by_ms: Some(stamp.now_ms + limits.run_ms_max),
        resumes: resumes.as_ref(),
    };
    let fence = take(c, &task, &lease, &mut stamp)?;
    for slot in limits.slots.of(&task) {
        c.prepare_cached("INSERT OR IGNORE INTO slot (run, key, most) VALUES (?,?,?)")?
            .execute(params![fence.run.0, slot.key, slot.most as i64])?;
    }
    passage::count(c, &[(Transition::Spawn, Passage::Fired)], stamp.now_ms)?;
    c.prepare_cached("UPDATE project SET served_ms = ? WHERE id = ?")?
        .execute(params![stamp.now_ms, task.project.map(|p| p.0)])?;
    Ok(Some(Claim {
        fence,
        task: one(c, task.id)?,
        resumes,
    }))
}

/// What a new run is given.
pub(crate) struct Lease<'a> {
    pub(crate) holder: Holder,
    pub(crate) until_ms: i64,
    pub(crate) close_by_ms: Option<i64>,
    pub(crate) resumes: Option<&'a RunId>,
}

/// Raises the task's epoch and makes the run that holds it. The stamp names the run from here on.
pub(crate) fn take(
    c: &Connection,
    task: &Task,
    lease: &Lease<'_>,
    stamp: &mut Stamp,
) -> Result<Fence, MissionError> {
    let epoch = Epoch(task.epoch.0 + 1);
    let run = RunId(uuid::Uuid::now_v7().to_string());
    c.prepare_cached(
        "INSERT INTO run (id, task, epoch, state, holder, worker, project, resumes, lease_until, started_ms, beat_ms,
            output_ms, progress_ms, close_by_ms)
         VALUES (?1,?2,?3,'live',?4,?5,?6,?7,?8,?9,?9,?9,?9,?10)",
    )?
    .execute(params![
        run.0,
        task.id.0,
        epoch.0,
        lease.holder.as_str(),
        stamp.actor,
        task.project.map(|p| p.0),
        lease.resumes.map(|r| &r.0),
        lease.until_ms,
        stamp.now_ms,
        lease.close_by_ms,
    ])?;
    stamp.run = Some(run.clone());
    let detail = format!("epoch {}", epoch.0);
    set_state(c, task.id, Event::Claim, None, &detail, stamp)?;
    outbox::page_changed(c, task.id, stamp)?;
    Ok(Fence {
        run,
        task: task.id,
        epoch,
    })
}

/// A run that was not judged is gone on with: it was lost, the machine failed under it or had no room, no model was there or might
/// be paid, or it asked what was answered since.
/// Nothing after it has ended otherwise.
fn last_lost(c: &Connection, task: TaskId) -> Result<Option<RunId>, MissionError> {
    let last = c
        .prepare_cached(
            "SELECT id, holder = 'factory' AND (state IN ('lost', 'timed_out')
                OR (state = 'failed' AND (outcome LIKE 'infrastructure:%' OR outcome LIKE 'no room:%' OR outcome LIKE 'no model:%'))
                OR (state IN ('failed', 'cancelled') AND outcome LIKE 'cost_limit:%')
                OR (outcome LIKE 'asked:%' AND EXISTS (SELECT 1 FROM step WHERE run = run.id AND key = 'answer'))) FROM run
             WHERE task = ? ORDER BY epoch DESC LIMIT 1",
        )?
        .query_row([task.0], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?))
        })
        .optional()?;
    Ok(last
        .filter(|(_, unjudged)| *unjudged)
        .map(|(id, _)| RunId(id)))
}

/// Whether everything that a run of this task would hold is free.
fn slots_free(c: &Connection, task: &Task, limits: &ClaimLimits) -> Result<bool, MissionError> {
    for slot in limits.slots.of(task) {
        let held = queue::count(c, "SELECT count(*) FROM slot WHERE key = ?", [&slot.key])?;
        if held >= slot.most {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses a write of a run that has lost its task, and answers with the task otherwise.
pub(crate) fn fenced(c: &Connection, fence: &Fence) -> Result<Task, MissionError> {
    let live = c
        .prepare_cached(
            "SELECT 1 FROM run WHERE id = ? AND task = ? AND epoch = ? AND state = 'live'",
        )?
        .query_row(
            params![fence.run.0, fence.task.0, fence.epoch.0],
            |_| Ok(()),
        )
        .optional()?;
    let task = one(c, fence.task)?;
    if live.is_none() || task.epoch != fence.epoch {
        return Err(stale(fence));
    }
    Ok(task)
}

pub(crate) fn stale(fence: &Fence) -> MissionError {
    MissionError::Stale {
        run: fence.run.clone(),
        task: fence.task,
        epoch: fence.epoch,
    }
}
