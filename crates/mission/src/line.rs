//! Lines of work: one task for each stage and cycle, once for a goal where a stage is the goal's, and what is left out on the
//! way. Decided in the transaction that would make a second one, so that nothing comes between.

use alai_core::ids::TaskId;
use alai_core::pipeline::{self, Effect, Spawn, Stage};
use alai_core::task::{Need, NewTask, Task, TaskKind, Until};
use rusqlite::{Connection, ToSql, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::By;
use crate::reader::Reader;
use crate::task::{COLUMNS, Raw, add_need, one, raw, word};
use crate::writer::Mission;
use crate::{apply, gone, session};

/// The event of a stage that was left out.
const SKIPPED: &str = "skipped";
/// The event of a stage that a person had made.
const BY_HAND: &str = "advanced";

/// The tasks `t` of the line of work whose first task is ?1: its builds and what judged them, and the operations and documentation
/// that were made of it, with theirs.
pub(crate) const OF_LINE: &str = "(t.id = ?1 OR t.lineage = ?1 OR coalesce(t.lineage, t.id) IN (
    SELECT s.id FROM task s WHERE s.kind IN ('ops', 'docs') AND s.lineage IS NULL
        AND s.parent IN (SELECT id FROM task WHERE id = ?1 OR lineage = ?1)))";

/// The same with the lines that go on from it: the follow-ups of what judged it, with what was made of those, and of a task of no goal the
/// specifications that planned it anew and their parts.
pub(crate) const OF_WORK: &str = "(coalesce(t.lineage, t.id) IN (WITH RECURSIVE first(id) AS (
    SELECT ?1 UNION SELECT s.id FROM first f JOIN task p ON p.id = f.id OR p.lineage = f.id JOIN task s ON s.parent = p.id
        WHERE s.lineage IS NULL AND (s.kind IN ('ops', 'docs') OR (s.kind = 'build' AND p.kind IN ('review', 'security', 'verify'))
            OR (s.goal IS NULL AND json_extract(CASE p.kind WHEN 'spec' THEN p.planning WHEN 'build' THEN s.planning END, '$.kind')
                IN ('split', 'replan'))))
    SELECT id FROM first))";

/// The goal of a task; of one of no goal the first task of its line of work, to which its OPS, its DOCS and its follow-ups belong, and what it
/// was planned anew as.
pub(crate) fn first_of(c: &Connection, task: TaskId) -> Result<TaskId, MissionError> {
    let found = one(c, task)?;
    match found.goal {
        Some(goal) => Ok(goal),
        None => session::root(c, found),
    }
}

/// The first task of the line of work whose money a task spends: a follow-up spends that of the line in which it was found, and the parts of
/// a task of no goal, with the specification that made them, spend that of the task.
pub(crate) fn pays(c: &Connection, task: &Task) -> Result<TaskId, MissionError> {
    let mut first = pipeline::lineage(task);
    loop {
        let found = match first == task.id {
            true => task.clone(),
            false => one(c, first)?,
        };
        // A parent is older than its child: this ends.
        let Some(parent) = found.parent.filter(|parent| *parent < first) else {
            return Ok(first);
        };
        let judged = one(c, parent)?;
        let follows = found.kind == TaskKind::Build && judged.kind.judges();
        if !follows && !pipeline::is_in_place_of(&found, &judged) {
            return Ok(first);
        }
        first = pipeline::lineage(&judged);
    }
}

/// A stage that a task was not followed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The task that it would have followed.
    pub after: TaskId,
    pub stage: Stage,
    pub why: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl Mission {
    /// A person has the engine do what follows a task that is done. Answers with the tasks that were made; with none where
    /// another was there first.
    ///
    /// # Errors
    /// When the task is unknown, or the store cannot be written.
    pub fn advance(
        &self,
        task: TaskId,
        word: String,
        effects: Vec<Effect>,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<Vec<TaskId>, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            let found = one(c, task)?;
            // What ends at its gate is sent on by this: it is merged like everything else.
            c.execute("UPDATE task SET solo = 0 WHERE id = ?", [task.0])?;
            happened(c, Some(task), BY_HAND, &word, &stamp)?;
            apply::all(c, &found, &effects, &stamp)
        })
    }
}

impl Reader {
    /// The goal of a task; of one of no goal the first task of its line of work, to which its OPS, DOCS and follow-ups belong.
    ///
    /// # Errors
    /// When there is no such task, or the store cannot be read.
    pub fn first_of(&self, task: TaskId) -> Result<TaskId, MissionError> {
        self.read(|c| first_of(c, task))
    }

    /// The first task of the line of work whose money a task spends.
    ///
    /// # Errors
    /// When there is no such task, or the store cannot be read.
    pub fn pays(&self, task: TaskId) -> Result<TaskId, MissionError> {
        self.read(|c| pays(c, &one(c, task)?))
    }

    /// All that was made of a task, oldest first: its line of work and the lines that go on from it, which are its OPS, its DOCS and
    /// its follow-ups.
    ///
    /// # Errors
    /// When there is no such task, or the store cannot be read.
    pub fn work_of(&self, task: TaskId) -> Result<Vec<Task>, MissionError> {
        self.read(|c| {
            let root = pipeline::lineage(&one(c, task)?);
            let sql = format!("SELECT {COLUMNS} FROM task t WHERE {OF_WORK} ORDER BY id");
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map([root.0], raw)?;
            rows.map(|r| r.map_err(MissionError::from).and_then(Raw::parse))
                .collect()
        })
    }

    /// A line of work by any of its tasks, oldest first: its builds and what judged them, and the stages that were made of it
    /// or, where it belongs to a goal, of the goal.
    pub fn line(&self, task: TaskId) -> Result<Vec<Task>, MissionError> {
        self.read(|c| {
            let root = pipeline::lineage(&one(c, task)?);
            let sql = format!(
                "SELECT {COLUMNS} FROM task t WHERE {OF_LINE}
                    OR (kind IN ('ops', 'docs') AND lineage IS NULL AND parent = (SELECT goal FROM task WHERE id = ?1))
                 ORDER BY id"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map([root.0], raw)?;
            rows.map(|r| r.map_err(MissionError::from).and_then(Raw::parse))
                .collect()
        })
    }

    /// The plans that were carried out for a goal, oldest first: whose, with how many tasks, by which task; and when, in milliseconds since
    /// the Unix epoch.
    pub fn plans(&self, goal: TaskId) -> Result<Vec<(String, i64)>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT detail, at_ms FROM event WHERE task = ? AND kind = ? ORDER BY seq",
            )?;
            let rows = statement.query_map(params![goal.0, apply::PLANNED], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The stages that were left out after a task, oldest first.
    pub fn skipped(&self, task: TaskId) -> Result<Vec<Skipped>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT detail, at_ms FROM event WHERE task = ? AND kind = ? ORDER BY seq",
            )?;
            let rows = statement.query_map(params![task.0, SKIPPED], |r| {
                Ok((r.get::<_, String>(0)?, r.get(1)?))
            })?;
            rows.map(|row| {
                let (detail, at_ms) = row?;
                let (stage, why) = detail.split_once(": ").unwrap_or((detail.as_str(), ""));
                Ok(Skipped {
                    after: task,
                    stage: word("event", stage, Stage::parse)?,
                    why: why.to_owned(),
                    at_ms,
                })
            })
            .collect()
        })
    }
}

pub(crate) fn skipped(
    c: &Connection,
    after: TaskId,
    stage: Stage,
    why: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    happened(c, Some(after), SKIPPED, &format!("{stage}: {why}"), stamp)
}

/// The condition of tasks that leave their place free.
const LIVING: &str = "state NOT IN ('failed', 'cancelled')";

/// The task that has the place of a new one already: of its stage and cycle in the line, or of its stage for the goal. One that
/// was cancelled or has failed keeps no place, but for a goal's own stages: a person who cancels those wants none.
pub(crate) fn there(c: &Connection, spawn: &Spawn) -> Result<Option<TaskId>, MissionError> {
    let new = &spawn.task;
    let kind = new.kind.as_str();
    match (new.lineage, new.goal, new.parent) {
        (Some(lineage), _, _) => place(
            c,
            &format!("kind = ?1 AND lineage = ?2 AND review_cycles = ?3 AND {LIVING}"),
            params![kind, lineage.0, new.review_cycles],
        ),
        (None, Some(goal), _) if spawn.of_goal => place(
            c,
            "kind = ?1 AND lineage IS NULL AND goal = ?2 AND parent = ?2",
            params![kind, goal.0],
        ),
        (None, _, Some(parent)) if matches!(new.kind, TaskKind::Ops | TaskKind::Docs) => {
            let root = pipeline::lineage(&one(c, parent)?);
            let own = format!("kind = ?1 AND {OWN_STAGE} AND {LIVING}");
            place(c, &own, params![kind, root.0])
        }
        (None, _, _) => Ok(None),
    }
}

/// A stage that was made of a line of work after its merge.
const OWN_STAGE: &str =
    "lineage IS NULL AND parent IN (SELECT id FROM task WHERE id = ?2 OR lineage = ?2)";

fn place(
    c: &Connection,
    condition: &str,
    values: &[&dyn ToSql],
) -> Result<Option<TaskId>, MissionError> {
    let sql = format!("SELECT min(id) FROM task WHERE {condition}");
    let found: Option<i64> = c.prepare_cached(&sql)?.query_row(values, |r| r.get(0))?;
    Ok(found.map(TaskId))
}

/// The task that has come into the place of one that was cancelled or has failed: that one is not taken up again.
pub(crate) fn instead(c: &Connection, task: &Task) -> Result<Option<TaskId>, MissionError> {
    let kind = task.kind.as_str();
    match (task.lineage, task.parent) {
        (Some(lineage), _) => place(
            c,
            &format!("kind = ?1 AND lineage = ?2 AND review_cycles = ?3 AND {LIVING} AND id <> ?4"),
            params![kind, lineage.0, task.counters.review_cycles, task.id.0],
        ),
        (None, Some(parent)) if matches!(task.kind, TaskKind::Ops | TaskKind::Docs) => {
            // The one of a goal has its goal for a parent, and is found in the same way.
            let root = pipeline::lineage(&one(c, parent)?);
            let own = format!("kind = ?1 AND {OWN_STAGE} AND {LIVING} AND id <> ?3");
            place(c, &own, params![kind, root.0, task.id.0])
        }
        (None, _) => Ok(None),
    }
}

/// Says on the task that ended what stands in the place of its successor.
pub(crate) fn stands_for(
    c: &Connection,
    by: &Task,
    new: &NewTask,
    there: TaskId,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let Some(stage) = Stage::of(new.kind) else {
        return Ok(());
    };
    let why = match (new.lineage, new.goal) {
        (None, Some(_)) => format!("once for the goal, as {there}"),
        (Some(_), _) | (None, None) => {
            format!("{there} is that of cycle {} already", new.review_cycles)
        }
    };
    skipped(c, by.id, stage, &why, stamp)
}

/// Whether a line of work still comes to its merge by itself or by a person who has its refused merge tried again.
fn comes(c: &Connection, root: TaskId) -> Result<bool, MissionError> {
    if !gone::gone(c, root)? {
        return Ok(true);
    }
    // A merge that was refused for reasons of the machine has nobody who does the work anew.
    let refused = "SELECT EXISTS (SELECT 1 FROM merge m JOIN task t ON (t.id = ?1 OR t.lineage = ?1) AND t.head = m.head
        WHERE m.task = ?1 AND m.kind = 'integrate' AND m.state = 'refused'
          AND NOT EXISTS (SELECT 1 FROM task r WHERE r.lineage = ?1 AND r.review_cycles > t.review_cycles))";
    Ok(c.prepare_cached(refused)?
        .query_row([root.0], |r| r.get(0))?)
}

/// A goal's stage comes after all that is built for the goal and is not gone, and documentation after operations, also after those
/// that are made while nobody has begun with it.
pub(crate) fn after_all(
    c: &Connection,
    new: &NewTask,
    id: TaskId,
    now_ms: i64,
) -> Result<(), MissionError> {
    let Some(goal) = new.goal else {
        return Ok(());
    };
    let sql = "SELECT id FROM task WHERE goal = ?1 AND lineage IS NULL AND id <> ?2 AND state NOT IN ('failed', 'cancelled')
        AND (kind = 'build' OR (kind = 'spec' AND state <> 'done') OR (?3 AND kind = 'ops' AND parent = ?1)) ORDER BY id";
    let mut statement = c.prepare_cached(sql)?;
    let before = statement
        .query_map(params![goal.0, id.0, new.kind == TaskKind::Docs], |r| {
            r.get(0).map(TaskId)
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let until = Until::Integrated;
    for task in before {
        if comes(c, task)? {
            add_need(c, id, Need { task, until }, now_ms)?;
        }
    }
    if new.kind != TaskKind::Ops {
        return Ok(());
    }
    let sql =
        "SELECT id FROM task WHERE goal = ?1 AND parent = ?1 AND kind = 'docs' AND lineage IS NULL
        AND state IN ('open', 'waiting', 'paused') ORDER BY id";
    let mut statement = c.prepare_cached(sql)?;
    let docs = statement
        .query_map([goal.0], |r| r.get(0).map(TaskId))?
        .collect::<Result<Vec<_>, _>>()?;
    let need = Need { task: id, until };
    docs.into_iter()
        .try_for_each(|docs| add_need(c, docs, need, now_ms))
}

/// What comes last in a goal and is not over: its postflight, and with `stages` its own operations and documentation that
/// nobody has begun.
pub(crate) fn last_of_goal(
    c: &Connection,
    goal: TaskId,
    stages: bool,
) -> Result<Vec<TaskId>, MissionError> {
    let sql = "SELECT id FROM task WHERE goal = ?1 AND (
            (kind = 'postflight' AND state NOT IN ('done', 'failed', 'cancelled'))
            OR (?2 AND kind IN ('ops', 'docs') AND lineage IS NULL AND parent = ?1 AND state IN ('open', 'waiting', 'paused')))
        ORDER BY id";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(params![goal.0, stages], |r| r.get(0).map(TaskId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
