//! Lines of work that ended without a merge, and what becomes of those who need their code: nobody waits for what will never
//! come.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::task::{State, Task, TaskKind, WaitReason, Waiting};
use rusqlite::{Connection, params};

use crate::error::MissionError;
use crate::event::Stamp;
use crate::task::{one, recount, set_state};
use crate::whole::GOAL_CANCELLED;

/// Whether nothing is left that could still bring the line of work that began with `root` to its end. A merge that was refused for reasons of
/// the machine has nobody who does the work anew, but it is whole: it waits for a person, who has it tried again, and so do all who need it.
pub(crate) fn gone(c: &Connection, root: TaskId) -> Result<bool, MissionError> {
    let living: bool = c
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM task WHERE (id = ?1 OR lineage = ?1)
                AND (state NOT IN ('done', 'failed', 'cancelled') OR integrated IS NOT NULL))
             OR EXISTS (SELECT 1 FROM merge WHERE task = ?1 AND state = 'queued')
             OR EXISTS (SELECT 1 FROM merge m JOIN task t ON (t.id = ?1 OR t.lineage = ?1) AND t.head = m.head
                WHERE m.task = ?1 AND m.kind = 'integrate' AND m.state = 'refused' AND m.outcome IS NOT ?2
                  AND NOT EXISTS (SELECT 1 FROM task r WHERE r.lineage = ?1 AND r.review_cycles > t.review_cycles))",
        )?
        .query_row(params![root.0, GOAL_CANCELLED], |r| r.get(0))?;
    Ok(!living)
}

/// A person ended `task`. Where that was the last of its line of work, whoever needs it is told.
pub(crate) fn leave(
    c: &Connection,
    task: &Task,
    event: Event,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let root = task.lineage.unwrap_or(task.id);
    if !gone(c, root)? {
        return Ok(());
    }
    let left = ids(
        c,
        "SELECT task FROM need WHERE needs = ? AND satisfied = 0",
        root,
    )?;
    for dependent in left {
        // Whoever closes a task by hand says that what it was for is done.
        if event == Event::Override {
            let_go(c, dependent, root, stamp.now_ms)?;
        } else {
            tell(c, dependent, root, stamp)?;
        }
    }
    Ok(())
}

/// `task` has become open: what it still needs may have gone while it was paused or waited for a person.
pub(crate) fn look(c: &Connection, task: TaskId, stamp: &Stamp) -> Result<(), MissionError> {
    for root in unmet(c, task)? {
        if gone(c, root)? {
            tell(c, task, root, stamp)?;
        }
    }
    Ok(())
}

/// A person said to go on without what is gone. What is still being made is waited for.
pub(crate) fn without(c: &Connection, task: TaskId, now_ms: i64) -> Result<(), MissionError> {
    for root in unmet(c, task)? {
        if gone(c, root)? {
            let_go(c, task, root, now_ms)?;
        }
    }
    Ok(())
}

/// A postflight, and the operations and documentation of a goal, are about what was merged, and go on without what is gone; others
/// are put before a person. Who is not open is told when he becomes so.
fn tell(
    c: &Connection,
    dependent: TaskId,
    root: TaskId,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let dependent = one(c, dependent)?;
    if is_about_what_was_merged(&dependent) {
        return let_go(c, dependent.id, root, stamp.now_ms);
    }
    if dependent.state != State::Open {
        return Ok(());
    }
    let waiting = Waiting {
        reason: WaitReason::NeedGone,
        // Whoever ended it decides; what the factory ended is the operator's to decide.
        owner: match stamp.actor.as_str() {
            "factory" => "operator".into(),
            person => person.to_owned(),
        },
        deadline_ms: stamp.now_ms + HUMAN_WAIT_MS,
        next_action: "`alai mc answer {id} \"go on without it\"` or `alai mc cancel {id}`".into(),
        detail: format!("it needs {root}, which was ended and never merged"),
    };
    set_state(
        c,
        dependent.id,
        Event::Ask,
        Some(&waiting),
        &waiting.detail,
        stamp,
    )?;
    Ok(())
}

/// A postflight, or the operations or documentation of a goal.
pub(crate) fn is_about_what_was_merged(task: &Task) -> bool {
    let of_goal = task.lineage.is_none() && task.goal.is_some() && task.parent == task.goal;
    task.kind == TaskKind::Postflight
        || of_goal && matches!(task.kind, TaskKind::Ops | TaskKind::Docs)
}

fn let_go(c: &Connection, task: TaskId, root: TaskId, now_ms: i64) -> Result<(), MissionError> {
    c.execute(
        "DELETE FROM need WHERE task = ? AND needs = ?",
        params![task.0, root.0],
    )?;
    recount(c, task, now_ms)
}

fn unmet(c: &Connection, task: TaskId) -> Result<Vec<TaskId>, MissionError> {
    ids(
        c,
        "SELECT needs FROM need WHERE task = ? AND satisfied = 0",
        task,
    )
}

fn ids(c: &Connection, sql: &str, of: TaskId) -> Result<Vec<TaskId>, MissionError> {
    let rows = c
        .prepare_cached(sql)?
        .query_map([of.0], |r| r.get(0).map(TaskId))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}
