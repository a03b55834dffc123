//! Counts for people: how much there is, how much of it was closed by hand, what waits longest, what stands still and why.
//! Counted where it lies: however many tasks there are, no more of them are read than are shown.

use std::collections::BTreeMap;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::task::Task;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::claim::{ClaimLimits, Slot};
use crate::error::MissionError;
use crate::overlap::Lines;
use crate::passage::{self, GateRow};
use crate::queue;
use crate::reader::Reader;
use crate::run::{Holder, RunRow, query};
use crate::task::{json, one};

/// The store in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Tasks by state.
    pub tasks: BTreeMap<String, u64>,
    /// Tasks by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Runs by state.
    pub runs: BTreeMap<String, u64>,
    /// Tasks that a person closed by hand, with a reason.
    pub overrides: u64,
    /// How often each transition gate was asked, held something back, and was gone around.
    pub gates: Vec<GateRow>,
    /// Everything that ever happened.
    pub events: u64,
    /// Effects that are not delivered yet.
    pub outbox: u64,
    /// The task that has waited longest for somebody, and since when (milliseconds since the Unix epoch).
    pub longest_wait: Option<(TaskId, i64)>,
    /// Bytes of the database without its log.
    pub bytes: u64,
}

/// How the store stands at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Tasks by state.
    pub tasks: BTreeMap<String, u64>,
    /// Live runs whose lease has lapsed, and tasks that are started and held by no run.
    pub stalled: u64,
    /// Tasks that wait for somebody, or for a person's judgement, past their deadline.
    pub overdue: u64,
    /// Tasks that could have been begun (or measured) for too long, and the one that could be for longest.
    pub unclaimed: u64,
    pub unclaimed_first: Option<TaskId>,
    /// Queued merges and deliveries.
    pub merging: u64,
    /// Live runs of the factory and of people, the oldest first; at most as many of each as were asked for.
    pub runs: Vec<RunRow>,
    /// All live runs of people.
    pub person_runs: u64,
    /// What needs a person: what waits, then what a person said is ready, then finished work that is not where it belongs;
    /// most urgent first, at most as many as were asked for.
    pub needs_person: Vec<TaskId>,
    /// All tasks that a person said are ready and nobody has judged.
    pub ready: u64,
    /// All finished work that was refused by the merge queue, or is merged and not delivered.
    pub held_up: u64,
}

/// What is full when a task is not given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    Total(usize),
    Project(usize),
    Slot(Slot),
}

/// Waiting for another person's judgement, by a person's word and with nothing to measure.
const READY: &str = "state = 'ready_for_review' AND handed IS NULL
    AND NOT EXISTS (SELECT 1 FROM run WHERE run.task = task.id AND run.state = 'live')";

/// Finished work that was refused by the merge queue and is not being done again, or is merged, belongs to no goal and is not
/// delivered. Only what ever was in the merge queue is looked at, and not what others stand in the place of.
const HELD_UP: &str = "state = 'done' AND lineage IS NULL AND solo = 0 AND kind IN ('build', 'ops', 'docs')
    AND id IN (SELECT task FROM merge WHERE kind = 'integrate')
    AND NOT EXISTS (SELECT 1 FROM task b JOIN task s ON s.parent = b.id AND s.kind = 'spec'
        JOIN task p ON p.parent = s.id AND p.kind = 'build' WHERE b.lineage = task.id AND b.state = 'cancelled')
    AND CASE WHEN integrated IS NULL
        THEN (SELECT m.state FROM merge m WHERE m.kind = 'integrate' AND m.task = task.id ORDER BY m.id DESC LIMIT 1) = 'refused'
            AND NOT EXISTS (SELECT 1 FROM task l WHERE l.lineage = task.id AND l.state NOT IN ('done', 'failed', 'cancelled'))
        ELSE goal IS NULL AND ifnull((SELECT m.state FROM merge m WHERE m.kind = 'deliver' AND m.task = task.id
            ORDER BY m.id DESC LIMIT 1), 'refused') = 'refused' END";

/// Could be begun, or measured where a person handed it in, and could be for too long. What another line of work holds back is among them, and
/// is left out by [`held_back`].
const UNCLAIMED: &str = "updated_ms < ?1 AND run_at_ms < ?1 AND (
    (state = 'open' AND blocked_count = 0 AND kind <> 'goal' AND project IS NOT NULL)
    OR (state = 'ready_for_review' AND handed IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM run WHERE run.task = task.id AND run.state = 'live')))";

/// None of those that are held back, a list in JSON.
const NOT_HELD: &str = "id NOT IN (SELECT value FROM json_each(?2))";

/// Those of [`UNCLAIMED`] that another line of work holds back. Only tasks of projects in which a line could hold one are read.
fn held_back(c: &Connection, idle_ms: i64, now_ms: i64) -> Result<Vec<i64>, MissionError> {
    let sql = format!(
        "SELECT id, project FROM task WHERE {UNCLAIMED} AND kind IN ('build', 'ops', 'docs') AND state = 'open'"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query([idle_ms])?;
    let mut lines = Lines::default();
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, project): (i64, i64) = (row.get(0)?, row.get(1)?);
        if lines.any(c, ProjectId(project), now_ms)?
            && lines.held(c, &one(c, TaskId(id))?, now_ms)?.is_some()
        {
            held.push(id);
        }
    }
    Ok(held)
}

impl Reader {
    /// Tasks of a project that are done by a person's word alone.
    pub fn declared_done(&self) -> Result<u64, MissionError> {
        self.read(|c| {
            let declared =
                "SELECT count(*) FROM task t WHERE t.state = 'done' AND t.project IS NOT NULL
                AND t.id IN (SELECT e.task FROM event e WHERE e.kind = 'override')";
            queue::count(c, declared, []).map(|n| n as u64)
        })
    }

    /// Lines of work of a goal that passed all that judges them and were refused by the merge queue, with nobody who does them again; each with
    /// why.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn refused_in(&self, goal: TaskId) -> Result<Vec<(TaskId, String)>, MissionError> {
        self.read(|c| {
            let sql = format!(
                "SELECT id, (SELECT m.outcome FROM merge m WHERE m.kind = 'integrate' AND m.task = task.id ORDER BY m.id DESC LIMIT 1)
                 FROM task WHERE {HELD_UP} AND goal = ?1 AND integrated IS NULL
                    AND NOT EXISTS (SELECT 1 FROM task l WHERE l.lineage = task.id AND l.state IN ('failed', 'cancelled')) ORDER BY id"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map([goal.0], |r| {
                let why: Option<String> = r.get(1)?;
                Ok((r.get(0).map(TaskId)?, why.unwrap_or_default()))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How things stand, with at most `most` of each kind that is shown one by one.
    pub fn standing(
        &self,
        queue_ms_max: i64,
        most: u32,
        now_ms: i64,
    ) -> Result<Standing, MissionError> {
        self.read(|c| {
            // One moment for all of it.
            let c = c.unchecked_transaction()?;
            let number = |sql: &str| queue::count(&c, sql, []).map(|n| n as u64);
            let since = |sql: &str, ms: i64| queue::count(&c, sql, [ms]).map(|n| n as u64);
            let idle_ms = now_ms.saturating_sub(queue_ms_max);
            let held = json(&held_back(&c, idle_ms, now_ms)?)?;
            Ok(Standing {
                tasks: by(&c, "SELECT state, count(*) FROM task GROUP BY state")?,
                stalled: since(
                    "SELECT count(*) FROM run WHERE state = 'live' AND lease_until < ?1",
                    now_ms,
                )? + number(
                    "SELECT count(*) FROM task WHERE state = 'started'
                        AND NOT EXISTS (SELECT 1 FROM run WHERE run.task = task.id AND run.state = 'live')",
                )?,
                overdue: since(
                    "SELECT count(*) FROM task WHERE state = 'waiting' AND wait_deadline < ?1",
                    now_ms,
                )? + since(
                    &format!("SELECT count(*) FROM task WHERE {READY} AND updated_ms < ?1"),
                    now_ms.saturating_sub(HUMAN_WAIT_MS),
                )?,
                unclaimed: queue::count(
                    &c,
                    &format!("SELECT count(*) FROM task WHERE {UNCLAIMED} AND {NOT_HELD}"),
                    params![idle_ms, held],
                )? as u64,
                unclaimed_first: c
                    .prepare_cached(&format!(
                        "SELECT id FROM task WHERE {UNCLAIMED} AND {NOT_HELD} ORDER BY updated_ms, id LIMIT 1"
                    ))?
                    .query_row(params![idle_ms, held], |r| r.get(0).map(TaskId))
                    .optional()?,
                merging: number("SELECT count(*) FROM merge WHERE state = 'queued'")?,
                runs: live(&c, most)?,
                person_runs: number(
                    "SELECT count(*) FROM run WHERE state = 'live' AND holder = 'person'",
                )?,
                needs_person: needs_person(&c, most)?,
                ready: number(&format!("SELECT count(*) FROM task WHERE {READY}"))?,
                held_up: number(&format!("SELECT count(*) FROM task WHERE {HELD_UP}"))?,
            })
        })
    }

    /// The first of the limits that is reached and keeps a task from being claimed.
    pub fn taken(&self, task: &Task, limits: &ClaimLimits) -> Result<Option<Taken>, MissionError> {
        self.read(|c| {
            if queue::at_work(c)? >= limits.total {
                return Ok(Some(Taken::Total(limits.total)));
            }
            if queue::busy(c, task.project)? >= limits.per_project {
                return Ok(Some(Taken::Project(limits.per_project)));
            }
            for slot in limits.slots.of(task) {
                let held = queue::count(c, "SELECT count(*) FROM slot WHERE key = ?", [&slot.key])?;
                if held >= slot.most {
                    return Ok(Some(Taken::Slot(slot)));
                }
            }
            Ok(None)
        })
    }

    /// The task that would be given out next under these limits, were a slot free.
    pub fn next_within(
        &self,
        limits: &ClaimLimits,
        now_ms: i64,
    ) -> Result<Option<Task>, MissionError> {
        let unbounded = ClaimLimits {
            total: usize::MAX,
            ..limits.clone()
        };
        self.read(|c| {
            let mut lines = Lines::default();
            let mut fits = |task: &Task| {
                Ok(self.taken(task, &unbounded)?.is_none()
                    && lines.held(c, task, now_ms)?.is_none())
            };
            queue::pick(c, now_ms, limits.per_project, &mut fits)
        })
    }

    /// The newest task of a line of work that is not finished.
    pub fn lineage_left(&self, root: TaskId) -> Result<Option<Task>, MissionError> {
        self.read(|c| {
            let id = c
                .prepare_cached(
                    "SELECT id FROM task WHERE (lineage = ?1 OR id = ?1) AND state NOT IN ('done', 'failed', 'cancelled')
                     ORDER BY id DESC LIMIT 1",
                )?
                .query_row([root.0], |r| r.get(0))
                .optional()?;
            id.map(|id| one(c, TaskId(id))).transpose()
        })
    }

    /// Effects that were given up and spoke of this task.
    pub fn dead_effects_of(&self, task: TaskId) -> Result<u64, MissionError> {
        self.read(|c| {
            let sql = "SELECT count(*) FROM outbox WHERE state = 'dead' AND sink = 'wiki' AND payload = ?";
            queue::count(c, sql, [task.0.to_string()]).map(|n| n as u64)
        })
    }

    pub fn stats(&self) -> Result<Stats, MissionError> {
        self.read(|c| {
            // One moment for all of it.
            let c = c.unchecked_transaction()?;
            let number = |sql: &str| -> Result<u64, MissionError> {
                let count: i64 = c.query_row(sql, [], |r| r.get(0))?;
                Ok(u64::try_from(count).unwrap_or(0))
            };
            Ok(Stats {
                tasks: by(&c, "SELECT state, count(*) FROM task GROUP BY state")?,
                kinds: by(&c, "SELECT kind, count(*) FROM task GROUP BY kind")?,
                runs: by(&c, "SELECT state, count(*) FROM run GROUP BY state")?,
                overrides: number("SELECT count(*) FROM event WHERE kind = 'override'")?,
                gates: passage::gates(&c)?,
                events: number("SELECT count(*) FROM event")?,
                outbox: number("SELECT count(*) FROM outbox WHERE state = 'pending'")?,
                longest_wait: c
                    .query_row(
                        "SELECT id, updated_ms FROM task WHERE state = 'waiting' ORDER BY updated_ms, id LIMIT 1",
                        [],
                        |r| Ok((TaskId(r.get(0)?), r.get(1)?)),
                    )
                    .optional()?,
                bytes: number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?,
            })
        })
    }
}

fn by(c: &Connection, sql: &str) -> Result<BTreeMap<String, u64>, MissionError> {
    let mut statement = c.prepare(sql)?;
    let rows = statement.query_map([], |r| {
        let count: i64 = r.get(1)?;
        Ok((r.get(0)?, u64::try_from(count).unwrap_or(0)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Live runs, the oldest first, at most `most` of each holder.
fn live(c: &Connection, most: u32) -> Result<Vec<RunRow>, MissionError> {
    let mut runs = Vec::new();
    for holder in [Holder::Factory, Holder::Person] {
        let mut statement = c.prepare_cached(
            "SELECT id FROM run WHERE state = 'live' AND holder = ? ORDER BY started_ms, id LIMIT ?",
        )?;
        let ids = statement
            .query_map(params![holder.as_str(), most], |r| r.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        for id in ids {
            runs.extend(query(c, "id = ?", &id)?);
        }
    }
    Ok(runs)
}

fn needs_person(c: &Connection, most: u32) -> Result<Vec<TaskId>, MissionError> {
    let sql = format!(
        "SELECT id FROM (SELECT id, priority, 1 AS part FROM task WHERE state = 'waiting'
            UNION ALL SELECT id, priority, 2 FROM task WHERE {READY}
            UNION ALL SELECT id, priority, 3 FROM task WHERE {HELD_UP})
         ORDER BY part, priority DESC, id LIMIT ?"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([most], |r| r.get(0).map(TaskId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
