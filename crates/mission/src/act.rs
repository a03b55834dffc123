//! A person's verbs on tasks, and what each means for the tasks around it.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::task::{State, Task, TaskKind, Until, WaitReason, Waiting};
use alai_core::transition::{Passage, Transition};
use rusqlite::{Connection, params};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::run::{RunState, end_live};
use crate::task::{append_findings, one, satisfy, set_state};
use crate::writer::Mission;
use crate::{answer, gone, line, outbox, passage, replan, whole};

impl Mission {
    /// Pause, resume, cancel, answer, reopen, ready, override. On a goal, the first three reach everything under it.
    pub fn act(
        &self,
        task: TaskId,
        event: Event,
        text: String,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        let By { actor, request } = by.into();
        let stamp = Stamp {
            actor,
            run: None,
            now_ms,
        };
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                act(c, task, event, &text, &stamp)
            })
        })
    }
}

fn act(
    c: &Connection,
    task: TaskId,
    event: Event,
    text: &str,
    stamp: &Stamp,
) -> Result<State, MissionError> {
    let before = one(c, task)?;
    let to = step(c, &before, event, text, stamp)?;
    match (before.kind, event) {
        (TaskKind::Goal, Event::Reopen) if before.state.terminal() => {
            whole::taken_up(c, &before, text, stamp)?
        }
        (TaskKind::Goal, _) => reach_children(c, task, event, text, stamp)?,
        (_, _) => {}
    }
    outbox::page_changed(c, task, stamp)?;
    Ok(to)
}

/// One task's own part of a verb.
pub(crate) fn step(
    c: &Connection,
    before: &Task,
    event: Event,
    text: &str,
    stamp: &Stamp,
) -> Result<State, MissionError> {
    if event == Event::Reopen
        && matches!(before.state, State::Failed | State::Cancelled)
        && let Some(instead) = instead(c, before)?
    {
        let task = before.id;
        return Err(MissionError::Replaced { task, instead });
    }
    let to = set_state(c, before.id, event, None, text, stamp)?;
    if matches!(before.state, State::Started | State::ReadyForReview) {
        end_live(
            c,
            before.id,
            RunState::Cancelled,
            event.as_str(),
            stamp.now_ms,
        )?;
    }
    match event {
        Event::Answer | Event::Reopen => answered(c, before, event, text, "says", stamp)?,
        Event::Reject => answered(c, before, event, text, "rejects", stamp)?,
        Event::Override => {
            let by_hand = [Passage::Fired, Passage::Bypassed];
            passage::count(c, &by_hand.map(|p| (Transition::Close, p)), stamp.now_ms)?;
        }
        Event::Claim
        | Event::Deliver
        | Event::Complete
        | Event::Retry
        | Event::LeaseLost
        | Event::Ask
        | Event::Approve
        | Event::Ready
        | Event::Pause
        | Event::Resume
        | Event::Cancel
        | Event::Fail
        | Event::RollUp => {}
    }
    if to == State::Done {
        replan::closed(c, before, text, stamp)?;
        satisfy(c, before.id, Until::Done, stamp.now_ms)?;
    }
    if to.terminal() {
        gone::leave(c, before, event, stamp)?;
    }
    if to == State::Open {
        gone::look(c, before.id, stamp)?;
        return Ok(one(c, before.id)?.state);
    }
    Ok(to)
}

/// What stands in the place of a task that was cancelled or has failed.
pub(crate) fn instead(c: &Connection, task: &Task) -> Result<Option<TaskId>, MissionError> {
    match replan::parts(c, task.id)?.first() {
        Some(part) => Ok(Some(*part)),
        None => line::instead(c, task),
    }
}

/// A person's word is a finding for the next run, and gives it its tries back. A safety rail is cleared by an answer to that
/// rail and by nothing else.
pub(crate) fn answered(
    c: &Connection,
    before: &Task,
    event: Event,
    text: &str,
    verb: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    // What a person handed in and another sent back is where the next one starts.
    c.execute(
        "UPDATE task SET infra_attempts = 0, qa_retries = 0, interruptions = 0, run_at_ms = 0,
            start_from = coalesce(handed, start_from), handed = NULL WHERE id = ?",
        [before.id.0],
    )?;
    if !text.trim().is_empty() {
        let word = format!("{} {verb}: {}", stamp.actor, text.trim());
        append_findings(c, before.id, &[word])?;
    }
    match &before.waiting {
        Some(Waiting {
            reason: WaitReason::Question,
            ..
        }) if event == Event::Answer => answer::keep(c, before.id, text, stamp),
        Some(Waiting {
            reason: WaitReason::Safety,
            detail,
            ..
        }) => {
            let rule = detail.split(':').next().unwrap_or_default().trim();
            c.execute(
                "UPDATE task SET cleared = json_insert(cleared, '$[#]', ?) WHERE id = ?",
                params![rule, before.id.0],
            )?;
            passage::count(c, &[(Transition::Spawn, Passage::Bypassed)], stamp.now_ms)?;
            happened(c, Some(before.id), "cleared", rule, stamp)
        }
        // Whoever goes on without what is gone does not wait for it any more.
        Some(Waiting {
            reason: WaitReason::NeedGone,
            ..
        }) => gone::without(c, before.id, stamp.now_ms),
        Some(_) | None => Ok(()),
    }
}

/// Cancel, pause and resume reach everything under a goal that is not finished, and the merges that are queued for it.
fn reach_children(
    c: &Connection,
    goal: TaskId,
    event: Event,
    text: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    // Closing a goal by hand ends what is left of it; the other verbs are the goal's own.
    let passed_on = if event == Event::Override {
        Event::Cancel
    } else {
        event
    };
    let unfinished = [State::Open, State::Started, State::ReadyForReview];
    let reaches = |state: State| {
        (passed_on == Event::Cancel && !state.terminal())
            || (passed_on == Event::Pause && unfinished.contains(&state))
            || (passed_on == Event::Resume && state == State::Paused)
    };
    let mut statement = c.prepare_cached("SELECT id FROM task WHERE goal = ? ORDER BY id")?;
    let children = statement
        .query_map([goal.0], |r| r.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for child in children.into_iter().map(TaskId) {
        let child = one(c, child)?;
        if reaches(child.state) {
            step(c, &child, passed_on, text, stamp)?;
        }
    }
    if passed_on == Event::Cancel {
        c.execute(
            "UPDATE merge SET state = 'refused', outcome = ?3, ended_ms = ?1
             WHERE state = 'queued' AND task IN (SELECT id FROM task WHERE goal = ?2 OR id = ?2)",
            params![stamp.now_ms, goal.0, whole::GOAL_CANCELLED],
        )?;
    }
    Ok(())
}
