//! The part of the queue that could be begun now, with what its order and its places are decided from: one look for one round of the
//! scheduler, which then claims task by task.

use std::collections::BTreeMap;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::task::{Priority, State, Task, TaskKind, Until};
use rusqlite::{Connection, params};

use crate::error::MissionError;
use crate::overlap::Lines;
use crate::queue::{LOOKED_AT_MAX, at_work, busy, eligible_one, handed_in, projects};
use crate::reader::Reader;
use crate::task::{COLUMNS, Raw, raw, word};

/// Tasks in one look, over all projects: what is behind them waits for one of them to move. Only where there are more queues than that,
/// their heads are more.
const READY_MAX: usize = 1_024;

const PRIORITIES: [Priority; 4] = [
    Priority::Blocker,
    Priority::High,
    Priority::Medium,
    Priority::Low,
];

/// Needs that are followed for ranks; a graph beyond that ranks by its nearest part.
const NEEDS_MAX: u32 = 4_096;

/// What one look finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// Commits of people that wait for their gate, then what could be begun, the oldest of each project and priority first.
    pub ready: Vec<Ready>,
    /// Needs that are not met: what would follow.
    pub behind: Vec<Behind>,
    /// How much of each thing is held, by its key.
    pub held: BTreeMap<String, usize>,
    /// Runs of the factory at work.
    pub at_work: usize,
}

/// A task that could be begun now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub task: Task,
    /// Runs of its project at work.
    pub busy: usize,
    /// When its project was last given a run, in milliseconds since the Unix epoch; 0 when never.
    pub served_ms: i64,
}

/// A task that cannot begin yet, and one that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub task: TaskId,
    pub kind: TaskKind,
    pub state: State,
    pub needs: TaskId,
    pub until: Until,
}

impl Reader {
    /// What could be begun now of projects with fewer than `per_project` runs, without what a line of work at the same paths holds back; or this
    /// one task. At most 256 tasks of each project and priority are looked at.
    pub fn ready(
        &self,
        only: Option<TaskId>,
        per_project: usize,
        now_ms: i64,
    ) -> Result<Queue, MissionError> {
        self.read(|c| {
            // One moment for all of it.
            let c = c.unchecked_transaction()?;
            let mut ready = match only {
                Some(id) => one_of(&c, id, now_ms)?,
                None => all(&c, per_project, now_ms)?,
            };
            ready.retain(|ready| ready.busy < per_project);
            // A person who began one task alone has nobody beside him.
            if only.is_none() {
                ready = apart(&c, ready, now_ms)?;
            }
            Ok(Queue {
                ready,
                behind: behind(&c)?,
                held: held(&c)?,
                at_work: at_work(&c)?,
            })
        })
    }
}

/// Without those that an overlap holds back.
fn apart(c: &Connection, ready: Vec<Ready>, now_ms: i64) -> Result<Vec<Ready>, MissionError> {
    let mut lines = Lines::default();
    let mut free = Vec::with_capacity(ready.len());
    for ready in ready {
        if lines.held(c, &ready.task, now_ms)?.is_none() {
            free.push(ready);
        }
    }
    Ok(free)
}

fn one_of(c: &Connection, id: TaskId, now_ms: i64) -> Result<Vec<Ready>, MissionError> {
    let found = eligible_one(c, id, now_ms)?;
    let ready = found.map(|task| of_project(c, task));
    ready.into_iter().collect()
}

fn of_project(c: &Connection, task: Task) -> Result<Ready, MissionError> {
    Ok(Ready {
        busy: busy(c, task.project)?,
        served_ms: 0,
        task,
    })
}

/// The heads of every queue first, so that no backlog hides another project's work; what room is left then goes to the queues that
/// have more, the most urgent and the longest not served first.
fn all(c: &Connection, per_project: usize, now_ms: i64) -> Result<Vec<Ready>, MissionError> {
    let handed = handed_in(c)?.into_iter();
    let mut ready = handed
        .map(|task| of_project(c, task))
        .collect::<Result<Vec<Ready>, _>>()?;
    let mut found = Vec::new();
    for (project, served_ms) in projects(c)? {
        let busy = busy(c, Some(project))?;
        if busy < per_project {
            found.push((served_ms, project, busy));
        }
    }
    found.sort_unstable();
    let page = READY_MAX / (found.len().max(1) * PRIORITIES.len());
    let page = page.clamp(1, LOOKED_AT_MAX);
    let mut more = Vec::new();
    for priority in PRIORITIES {
        for (served_ms, project, busy) in found.iter().copied() {
            let queue = ReadyQueue {
                project,
                priority,
                busy,
                served_ms,
            };
            let heads = queue.after(c, TaskId(0), page, now_ms)?;
            if let Some(last) = heads.last().filter(|_| heads.len() == page) {
                more.push((queue, last.task.id));
            }
            ready.extend(heads);
        }
    }
    for (queue, last) in more {
        let room = READY_MAX.saturating_sub(ready.len());
        let rest = room.min(LOOKED_AT_MAX - page);
        if rest == 0 {
            break;
        }
        ready.extend(queue.after(c, last, rest, now_ms)?);
    }
    Ok(ready)
}

/// What could be begun of one project and priority.
struct ReadyQueue {
    project: ProjectId,
    priority: Priority,
    busy: usize,
    served_ms: i64,
}

impl ReadyQueue {
    /// The oldest tasks behind `last`.
    fn after(
        &self,
        c: &Connection,
        last: TaskId,
        most: usize,
        now_ms: i64,
    ) -> Result<Vec<Ready>, MissionError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM task INDEXED BY task_queue
             WHERE state = 'open' AND blocked_count = 0 AND kind <> 'goal' AND project = ?1 AND priority = ?2
               AND run_at_ms <= ?3 AND id > ?4 ORDER BY id LIMIT ?5"
        );
        let mut statement = c.prepare_cached(&sql)?;
        let rank = self.priority.rank();
        let rows = statement.query_map(
            params![self.project.0, rank, now_ms, last.0, most as i64],
            raw,
        )?;
        rows.map(|row| {
            Ok(Ready {
                task: row.map_err(MissionError::from).and_then(Raw::parse)?,
                busy: self.busy,
                served_ms: self.served_ms,
            })
        })
        .collect()
    }
}

/// The oldest tasks' needs that are not met: of a task all of them or none, since one whose need is not known would seem to be next.
fn behind(c: &Connection) -> Result<Vec<Behind>, MissionError> {
    let mut statement = c.prepare_cached(
        "SELECT n.task, t.kind, t.state, n.needs, n.until FROM need n JOIN task t ON t.id = n.task
         WHERE n.satisfied = 0 AND t.state NOT IN ('done', 'failed', 'cancelled') ORDER BY n.task, n.needs LIMIT ?",
    )?;
    let rows = statement.query_map([NEEDS_MAX + 1], |r| {
        Ok((
            r.get::<_, i64>(0)?,
            r.get::<_, String>(1)?,
            r.get::<_, String>(2)?,
            r.get::<_, i64>(3)?,
            r.get::<_, String>(4)?,
        ))
    })?;
    let rows = rows.map(|row| {
        let (task, kind, state, needs, until) = row?;
        Ok(Behind {
            task: TaskId(task),
            kind: word("task", &kind, TaskKind::parse)?,
            state: word("task", &state, State::parse)?,
            needs: TaskId(needs),
            until: word("need", &until, Until::parse)?,
        })
    });
    let mut behind = rows.collect::<Result<Vec<Behind>, MissionError>>()?;
    if behind.len() > NEEDS_MAX as usize
        && let Some(cut) = behind.pop()
    {
        behind.retain(|behind| behind.task != cut.task);
    }
    Ok(behind)
}

fn held(c: &Connection) -> Result<BTreeMap<String, usize>, MissionError> {
    let mut statement = c.prepare_cached("SELECT key, count(*) FROM slot GROUP BY key")?;
    let rows = statement.query_map([], |r| {
        let count: u32 = r.get(1)?;
        Ok((r.get(0)?, count as usize))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
