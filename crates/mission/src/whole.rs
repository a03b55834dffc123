//! A goal that has ended without its work, and that a person takes up again: with it what ended with it, or else it ends once more at the
//! next look.

use std::collections::BTreeSet;

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::pipeline;
use alai_core::task::{Need, NewTask, State, Task, TaskKind, Until};
use rusqlite::{Connection, params};

use crate::act::{answered, instead};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::gone;
use crate::task::{add_need, insert, one, set_state};

/// What is said of a merge that was queued when its goal was cancelled.
pub(crate) const GOAL_CANCELLED: &str = "its goal was cancelled";

/// Takes up what was cancelled with a goal, or what was lost and made it fail. What others stand in the place of stays as it is, and so
/// does what a person had cancelled by itself before he cancelled the goal.
pub(crate) fn taken_up(
    c: &Connection,
    goal: &Task,
    text: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let mut taken = Vec::new();
    for child in lost(c, goal)? {
        let child = one(c, child)?;
        if instead(c, &child)?.is_some() || is_idle_plan(c, &child)? {
            continue;
        }
        set_state(c, child.id, Event::Reopen, None, text, stamp)?;
        answered(c, &child, Event::Reopen, text, "says", stamp)?;
        taken.push(child);
    }
    let queued = queued_again(c, goal.id, stamp)?;
    waited_for_again(c, &taken, &queued, stamp)?;
    // One may need another that was taken up after it, or the code of a merge.
    for child in &taken {
        gone::look(c, child.id, stamp)?;
    }
    summed_again(c, goal, &taken, stamp)
}

/// What was to be merged when the goal was cancelled is to be merged again: nobody else would bring it in, and the goal would be delivered
/// without it.
fn queued_again(c: &Connection, goal: TaskId, stamp: &Stamp) -> Result<Vec<TaskId>, MissionError> {
    let rows =
        "SELECT id, task FROM merge WHERE kind = 'integrate' AND state = 'refused' AND outcome = ?2
         AND task IN (SELECT id FROM task WHERE goal = ?1)
         AND NOT EXISTS (SELECT 1 FROM task t WHERE (t.id = merge.task OR t.lineage = merge.task) AND t.integrated IS NOT NULL)
         ORDER BY id";
    let rows = c
        .prepare_cached(rows)?
        .query_map(params![goal.0, GOAL_CANCELLED], |r| {
            Ok((r.get(0)?, r.get(1).map(TaskId)?))
        })?
        .collect::<Result<Vec<(i64, TaskId)>, _>>()?;
    let mut queued = Vec::new();
    for (row, task) in rows {
        c.execute(
            "UPDATE merge SET state = 'queued', outcome = NULL, ended_ms = NULL, attempts = 0, next_ms = 0 WHERE id = ?",
            [row],
        )?;
        happened(c, Some(task), "merge_queued", "tried again", stamp)?;
        queued.push(task);
    }
    Ok(queued)
}

/// What is about all that is merged went on without each line of work that was cancelled, as if it were for ever: it waits for those
/// that are taken up.
fn waited_for_again(
    c: &Connection,
    taken: &[Task],
    queued: &[TaskId],
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let (about, work): (Vec<_>, Vec<_>) = { taken.iter() }
        .filter(|task| task.kind != TaskKind::Spec)
        .partition(|task| gone::is_about_what_was_merged(task));
    let postflights = about.iter().filter(|t| t.kind == TaskKind::Postflight);
    let of_goal = about.iter().filter(|t| t.kind != TaskKind::Postflight);
    let lines: BTreeSet<TaskId> = { work.iter() }
        .map(|task| pipeline::lineage(task))
        .chain(queued.iter().copied())
        .collect();
    let stages: BTreeSet<TaskId> = of_goal.clone().map(|task| task.id).collect();
    let until = Until::Integrated;
    for (task, needs) in { of_goal.map(|task| (task, lines.clone())) }
        .chain(postflights.map(|task| (task, &lines | &stages)))
    {
        for needed in needs.into_iter().filter(|needed| *needed != task.id) {
            let need = Need {
                task: needed,
                until,
            };
            add_need(c, task.id, need, stamp.now_ms)?;
        }
    }
    Ok(())
}

/// A goal that was summed up without what is done now is summed up, and held to its checks, once more, behind that.
fn summed_again(
    c: &Connection,
    goal: &Task,
    taken: &[Task],
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let newest = "SELECT max(id) FROM task WHERE goal = ? AND kind = 'postflight'";
    let newest: Option<i64> = c
        .prepare_cached(newest)?
        .query_row([goal.id.0], |r| r.get(0))?;
    let Some(old) = newest.map(|id| one(c, TaskId(id))).transpose()? else {
        return Ok(());
    };
    let merged = taken.iter().filter(|task| task.kind != TaskKind::Spec);
    let lines: BTreeSet<TaskId> = merged.map(pipeline::lineage).collect();
    if old.state != State::Done || lines.is_empty() {
        return Ok(());
    }
    let mut new = NewTask::new(TaskKind::Postflight, old.title);
    (new.goal, new.parent, new.project) = (old.goal, old.parent, old.project);
    (new.priority, new.tags, new.cleared) = (old.priority, old.tags, old.cleared);
    let until = Until::Integrated;
    let need = |task| Need { task, until };
    new.needs = lines.into_iter().map(need).collect();
    insert(c, &new, stamp).map(|_| ())
}

/// A new plan that nobody waits for any more: a person has decided about the task that it was for.
fn is_idle_plan(c: &Connection, spec: &Task) -> Result<bool, MissionError> {
    let waited_for = "SELECT EXISTS (SELECT 1 FROM need WHERE needs = ? AND satisfied = 0)";
    let idle = || -> Result<bool, MissionError> {
        let waited: bool = c
            .prepare_cached(waited_for)?
            .query_row([spec.id.0], |r| r.get(0))?;
        Ok(!waited)
    };
    Ok(spec.plans_anew().is_some() && idle()?)
}

fn lost(c: &Connection, goal: &Task) -> Result<Vec<TaskId>, MissionError> {
    let ended_ms = "SELECT at_ms FROM event WHERE task = t.id AND to_state = 'cancelled' ORDER BY seq DESC LIMIT 1";
    // What was cancelled with the goal was so in its transaction.
    let with_it = match goal.state == State::Cancelled {
        true => format!(
            "AND ({ended_ms}) = (SELECT at_ms FROM event WHERE task = ?1 AND to_state = 'cancelled' ORDER BY seq DESC LIMIT 1)"
        ),
        false => String::new(),
    };
    let sql = format!(
        "SELECT t.id FROM task t WHERE t.goal = ?1 AND t.state = 'cancelled' {with_it} ORDER BY t.id"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map(params![goal.id.0], |r| r.get(0).map(TaskId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
