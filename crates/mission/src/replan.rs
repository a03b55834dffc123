//! Tasks that are planned anew: what waits for the new plan, what stands in whose place afterwards, and the counts that bound it.

use std::collections::BTreeSet;

use alai_core::delegation::PLANNED_MAX;
use alai_core::ids::TaskId;
use alai_core::lifecycle::{Event, Refused};
use alai_core::pipeline::{Counted, Spawn, closed_by_hand, is_planned};
use alai_core::plan::Planning;
use alai_core::task::{Need, NewTask, State, Task, Until, Waiting};
use rusqlite::{Connection, params};

use crate::apply::{spawn, within_goal};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::line::{self, OF_WORK};
use crate::reader::Reader;
use crate::task::{COLUMNS, add_need, insert, one, raw, recount, set_state, word};

/// The event of a task in whose place others stand.
const REPLACED: &str = "replaced";

impl Reader {
    /// What bounds the planning anew of a task: counted in its goal, or in its line of work with all that goes on from it.
    ///
    /// # Errors
    /// When there is no such task, or the store cannot be read.
    pub fn counted(&self, task: TaskId) -> Result<Counted, MissionError> {
        self.read(|c| counted(c, task))
    }

    /// Tasks that plans and leads may still make for a goal.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn left_to_plan(&self, goal: TaskId) -> Result<usize, MissionError> {
        self.read(|c| left(c, goal))
    }

    /// The tasks that stand in the place of one, or of a build of the line of work that it began; none where nothing does.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn replaced_by(&self, task: TaskId) -> Result<Vec<TaskId>, MissionError> {
        self.read(|c| parts(c, task))
    }

    /// Tasks of a goal in whose place others stand.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn replaced_in(&self, goal: TaskId) -> Result<BTreeSet<TaskId>, MissionError> {
        self.read(|c| {
            let sql = "SELECT s.parent FROM task s JOIN task b ON b.id = s.parent
                WHERE s.goal = ?1 AND s.kind = 'spec' AND b.kind = 'build' AND b.state = 'cancelled'
                  AND EXISTS (SELECT 1 FROM task p WHERE p.parent = s.id AND p.kind = 'build')";
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map([goal.0], |r| r.get(0).map(TaskId))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn counted(c: &Connection, task: TaskId) -> Result<Counted, MissionError> {
    let first = line::first_of(c, task)?;
    Ok(Counted {
        splits_above: splits_above(c, task)?,
        replans: replans(c, first)?,
        left: left(c, first)?,
    })
}

/// The tasks `t` of a goal, or of a task of no goal with all that goes on from it.
fn family() -> String {
    format!("(t.goal = ?1 OR {OF_WORK})")
}

/// How many splits a task came from, one below the other, through all that was made on the way.
fn splits_above(c: &Connection, task: TaskId) -> Result<u32, MissionError> {
    let sql = "WITH RECURSIVE up(id) AS (
            SELECT ?1
            UNION SELECT t.parent FROM task t JOIN up ON t.id = up.id WHERE t.parent IS NOT NULL
            UNION SELECT t.lineage FROM task t JOIN up ON t.id = up.id WHERE t.lineage IS NOT NULL)
        SELECT count(*) FROM task WHERE id IN (SELECT id FROM up) AND kind = 'spec'
            AND json_extract(planning, '$.kind') = 'split'";
    Ok(c.prepare_cached(sql)?.query_row([task.0], |r| r.get(0))?)
}

/// How often tasks of a family were planned anew because they were not good enough, whatever came of it.
fn replans(c: &Connection, first: TaskId) -> Result<u32, MissionError> {
    let sql = format!(
        "SELECT count(*) FROM task t WHERE {} AND t.kind = 'spec' AND json_extract(t.planning, '$.kind') = 'replan'",
        family()
    );
    Ok(c.prepare_cached(&sql)?.query_row([first.0], |r| r.get(0))?)
}

fn left(c: &Connection, first: TaskId) -> Result<usize, MissionError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM task t WHERE {} AND t.kind IN ('build', 'spec')",
        family()
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut planned = 0;
    for row in statement.query_map([first.0], raw)? {
        planned += usize::from(is_planned(&row?.parse()?));
    }
    Ok(PLANNED_MAX.saturating_sub(planned))
}

/// Nothing is made by counts that another has changed meanwhile: whoever decided decides again.
fn still(c: &Connection, task: &Task, decided_by: Counted) -> Result<(), MissionError> {
    match counted(c, task.id)? == decided_by {
        true => Ok(()),
        false => Err(MissionError::Outrun { task: task.id }),
    }
}

/// A specification whose parent is a build plans that build anew, and what it makes hangs below it.
pub(crate) fn parts(c: &Connection, task: TaskId) -> Result<Vec<TaskId>, MissionError> {
    let sql = "SELECT p.id FROM task b JOIN task s ON s.parent = b.id AND s.kind = 'spec'
            JOIN task p ON p.parent = s.id AND p.kind = 'build'
        WHERE (b.id = ?1 OR b.lineage = ?1) AND b.kind = 'build' AND b.state = 'cancelled' ORDER BY p.id";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map([task.0], |r| r.get(0).map(TaskId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes the specification, and has the task wait for it.
pub(crate) fn plan_anew(
    c: &Connection,
    task: &Task,
    spec: &NewTask,
    decided_by: Counted,
    stamp: &Stamp,
) -> Result<Vec<TaskId>, MissionError> {
    still(c, task, decided_by)?;
    let mut spec = spec.clone();
    within_goal(c, &mut spec, stamp)?;
    let made = insert(c, &spec, stamp)?;
    let need = Need {
        task: made,
        until: Until::Done,
    };
    add_need(c, task.id, need, stamp.now_ms)?;
    Ok(vec![made])
}

/// Puts new tasks in the place of one that is open: whoever needs its line of work needs all of them.
pub(crate) fn replace(
    c: &Connection,
    by: &Task,
    task: TaskId,
    spawns: &[Spawn],
    decided_by: Counted,
    stamp: &Stamp,
) -> Result<Vec<TaskId>, MissionError> {
    let found = one(c, task)?;
    if found.state != State::Open {
        let (state, event) = (found.state, Event::Cancel);
        let refused = Refused { state, event };
        return Err(MissionError::Refused { task, refused });
    }
    still(c, &found, decided_by)?;
    let made = spawn(c, by, spawns, stamp)?;
    let root = found.lineage.unwrap_or(found.id);
    for (dependent, until) in needing(c, root)? {
        for part in &made {
            let need = Need { task: *part, until };
            add_need(c, dependent, need, stamp.now_ms)?;
        }
        c.execute(
            "DELETE FROM need WHERE task = ? AND needs = ?",
            params![dependent.0, root.0],
        )?;
        recount(c, dependent, stamp.now_ms)?;
    }
    let names: Vec<String> = made.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    let why = format!("replaced by {names}");
    set_state(c, task, Event::Cancel, None, &why, stamp)?;
    happened(c, Some(task), REPLACED, &format!("by {names}"), stamp)?;
    Ok(made)
}

/// Puts an open task before a person. One that is not open any more is a person's already.
pub(crate) fn ask_about(
    c: &Connection,
    task: TaskId,
    waiting: &Waiting,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    if one(c, task)?.state == State::Open {
        set_state(c, task, Event::Ask, Some(waiting), &waiting.detail, stamp)?;
    }
    Ok(())
}

/// A person has closed the planning of a task by hand: the task, which would go on as if it had a try left, is his.
pub(crate) fn closed(
    c: &Connection,
    spec: &Task,
    text: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let Some(of) = spec.plans_anew().and_then(Planning::of) else {
        return Ok(());
    };
    let waiting = closed_by_hand(spec, &one(c, of)?, text, &stamp.actor, stamp.now_ms);
    ask_about(c, of, &waiting, stamp)
}

/// Who waits for a line of work, and for what of it.
fn needing(c: &Connection, root: TaskId) -> Result<Vec<(TaskId, Until)>, MissionError> {
    let mut statement = c.prepare_cached(
        "SELECT task, until FROM need WHERE needs = ? AND satisfied = 0 ORDER BY task",
    )?;
    let rows = statement.query_map([root.0], |r| {
        Ok((r.get(0).map(TaskId)?, r.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (task, until) = row?;
        Ok((task, word("need", &until, Until::parse)?))
    })
    .collect()
}
