//! The queue of eligible tasks, read by its heads: the oldest task of each project and priority. What is behind a head is not
//! looked at, so a claim costs the same with ten tasks and with a hundred thousand.

use alai_core::ids::{ProjectId, TaskId};
use alai_core::queue::{self, Head};
use alai_core::task::{Priority, Task};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MissionError;
use crate::task::{COLUMNS, ELIGIBLE, Raw, raw};

/// Tasks read at once while the first that fits is looked for: mostly it is the first of all.
const PAGES: [u32; 2] = [1, 32];

/// Tasks of one queue that are asked whether they fit. When so many before it must wait for something that all of them share, the
/// next one waits as well until one of them moves.
pub(crate) const LOOKED_AT_MAX: usize = 256;

/// The task whose turn it is among those that fit. What a person has handed in is measured before anything new is begun.
pub(crate) fn pick(
    c: &Connection,
    now_ms: i64,
    per_project: usize,
    fits: &mut dyn FnMut(&Task) -> Result<bool, MissionError>,
) -> Result<Option<Task>, MissionError> {
    if let Some(task) = handed(c, per_project, fits)? {
        return Ok(Some(task));
    }
    let mut tasks = Vec::new();
    let mut heads = Vec::new();
    for (project, served_ms) in projects(c)? {
        let busy = busy(c, Some(project))?;
        if busy >= per_project {
            continue;
        }
        for priority in [
            Priority::Blocker,
            Priority::High,
            Priority::Medium,
            Priority::Low,
        ] {
            let Some(task) = first(c, project, priority, now_ms, fits)? else {
                continue;
            };
            heads.push(Head {
                task: task.id,
                priority,
                created_ms: task.created_ms,
                busy,
                served_ms,
            });
            tasks.push(task);
        }
    }
    let next = queue::next(&heads, now_ms);
    Ok(tasks.into_iter().find(|task| Some(task.id) == next))
}

/// The oldest commit of a person that waits for its gate.
fn handed(
    c: &Connection,
    per_project: usize,
    fits: &mut dyn FnMut(&Task) -> Result<bool, MissionError>,
) -> Result<Option<Task>, MissionError> {
    for task in handed_in(c)? {
        if busy(c, task.project)? < per_project && fits(&task)? {
            return Ok(Some(task));
        }
    }
    Ok(None)
}

/// The commits of people that wait for their gates, the oldest first.
pub(crate) fn handed_in(c: &Connection) -> Result<Vec<Task>, MissionError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM task INDEXED BY task_handed WHERE state = 'ready_for_review' AND handed IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM run WHERE run.task = task.id AND run.state = 'live') ORDER BY id LIMIT {LOOKED_AT_MAX}"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([], raw)?;
    rows.map(|row| row.map_err(MissionError::from).and_then(Raw::parse))
        .collect()
}

/// This task, when it could be claimed now.
pub(crate) fn eligible_one(
    c: &Connection,
    id: TaskId,
    now_ms: i64,
) -> Result<Option<Task>, MissionError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM task WHERE id = ?2 AND (({ELIGIBLE}) OR (state = 'ready_for_review' AND handed IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM run WHERE run.task = task.id AND run.state = 'live')))"
    );
    let found = c
        .prepare_cached(&sql)?
        .query_row(params![now_ms, id.0], raw)
        .optional()?;
    found.map(Raw::parse).transpose()
}

/// Live runs of the factory on a project.
pub(crate) fn busy(c: &Connection, project: Option<ProjectId>) -> Result<usize, MissionError> {
    let sql = "SELECT count(*) FROM run INDEXED BY run_busy WHERE state = 'live' AND holder = 'factory' AND project = ?";
    count(c, sql, [project.map(|p| p.0)])
}

/// Live runs of the factory. What people do themselves takes no slot.
pub(crate) fn at_work(c: &Connection) -> Result<usize, MissionError> {
    let sql =
        "SELECT count(*) FROM run INDEXED BY run_busy WHERE state = 'live' AND holder = 'factory'";
    count(c, sql, [])
}

/// The answer of a `SELECT count(*)`.
pub(crate) fn count(
    c: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<usize, MissionError> {
    let count: u32 = c.prepare_cached(sql)?.query_row(params, |r| r.get(0))?;
    Ok(count as usize)
}

/// Projects with anything in the queue are few; each with when it was last served.
pub(crate) fn projects(c: &Connection) -> Result<Vec<(ProjectId, i64)>, MissionError> {
    let mut statement = c.prepare_cached("SELECT id, served_ms FROM project ORDER BY id")?;
    let rows = statement.query_map([], |r| Ok((ProjectId(r.get(0)?), r.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn first(
    c: &Connection,
    project: ProjectId,
    priority: Priority,
    now_ms: i64,
    fits: &mut dyn FnMut(&Task) -> Result<bool, MissionError>,
) -> Result<Option<Task>, MissionError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM task INDEXED BY task_queue
         WHERE state = 'open' AND blocked_count = 0 AND kind <> 'goal' AND project = ?1 AND priority = ?2
           AND run_at_ms <= ?3 AND id > ?4 ORDER BY id LIMIT ?5"
    );
    let (mut after, mut looked_at) = (0, 0);
    let [mut size, next_size] = PAGES;
    while looked_at < LOOKED_AT_MAX {
        let page = c
            .prepare_cached(&sql)?
            .query_map(
                params![project.0, priority.rank(), now_ms, after, size],
                raw,
            )?
            .map(|row| row.map_err(MissionError::from).and_then(Raw::parse))
            .collect::<Result<Vec<Task>, _>>()?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        after = last.id.0;
        looked_at += page.len();
        size = next_size;
        for task in page {
            if fits(&task)? {
                return Ok(Some(task));
            }
        }
    }
    Ok(None)
}
