//! A person's verbs on tasks, and what each means for the tasks around it.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::task::{State, Task, TaskKind, Until, WaitReason, Waiting};
use rusqlite::{Connection, params};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::outbox;
use crate::run::{RunState, end_live};
use crate::task::{append_findings, one, recount, satisfy, set_state};
use crate::writer::Mission;

impl Mission {
    /// Pause, resume, cancel, answer, reopen, ready, override. On a goal, the first three reach everything under it.
    pub fn act(
        &self,
        task: TaskId,
        event: Event,
        text: String,
        actor: &str,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        let stamp = Stamp {
            actor: actor.to_owned(),
            run: None,
            now_ms,
        };
        self.write(move |c| act(c, task, event, &text, &stamp))
    }

    /// A model that was waited for is there. Nobody answered anything: no counter is reset.
    pub fn model_found(&self, task: TaskId, now_ms: i64) -> Result<(), MissionError> {
        let stamp = Stamp {
            actor: "factory".into(),
            run: None,
            now_ms,
        };
        self.write(move |c| {
            set_state(c, task, Event::Answer, None, "a model is reachable", &stamp).map(|_| ())
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
    if before.kind == TaskKind::Goal {
        reach_children(c, task, event, text, stamp)?;
    }
    outbox::page_changed(c, before.goal.unwrap_or(task), stamp)?;
    Ok(to)
}

/// One task's own part of a verb.
fn step(
    c: &Connection,
    before: &Task,
    event: Event,
    text: &str,
    stamp: &Stamp,
) -> Result<State, MissionError> {
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
    if matches!(event, Event::Answer | Event::Reopen) {
        answered(c, before, text, stamp)?;
    }
    if to == State::Done {
        satisfy(c, before.id, Until::Done)?;
    }
    if to.terminal() {
        leave_lineage(c, before, event, stamp)?;
    }
    Ok(to)
}

/// A person's word is a finding for the next run, and gives it its tries back. A safety rail is cleared by an answer to that
/// rail and by nothing else.
fn answered(c: &Connection, before: &Task, text: &str, stamp: &Stamp) -> Result<(), MissionError> {
    c.execute(
        "UPDATE task SET infra_attempts = 0, qa_retries = 0, interruptions = 0, run_at_ms = 0 WHERE id = ?",
        [before.id.0],
    )?;
    if !text.trim().is_empty() {
        let word = format!("{} says: {}", stamp.actor, text.trim());
        append_findings(c, before.id, &[word])?;
    }
    match &before.waiting {
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
            happened(c, Some(before.id), "cleared", rule, stamp)
        }
        // Whoever goes on without what is gone does not wait for it any more.
        Some(Waiting {
            reason: WaitReason::NeedGone,
            ..
        }) => {
            c.execute(
                "DELETE FROM need WHERE task = ? AND satisfied = 0",
                [before.id.0],
            )?;
            recount(c, before.id)
        }
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
            "UPDATE merge SET state = 'refused', outcome = 'its goal was cancelled', ended_ms = ?1
             WHERE state = 'queued' AND task IN (SELECT id FROM task WHERE goal = ?2 OR id = ?2)",
            params![stamp.now_ms, goal.0],
        )?;
    }
    Ok(())
}

/// When a person ends the last living task of a line of work that was never merged, those who need its code must not wait
/// for ever: a postflight goes on without it, others are put before a person. Whoever closes it by hand says that what it was
/// for is done.
fn leave_lineage(
    c: &Connection,
    task: &Task,
    event: Event,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let root = one(c, task.lineage.unwrap_or(task.id))?;
    let living: bool = c.query_row(
        "SELECT EXISTS (SELECT 1 FROM task WHERE (id = ?1 OR lineage = ?1)
            AND state NOT IN ('done', 'failed', 'cancelled'))
         OR EXISTS (SELECT 1 FROM merge WHERE task = ?1 AND state = 'queued')",
        [root.id.0],
        |r| r.get(0),
    )?;
    if living || root.integrated.is_some() {
        return Ok(());
    }
    let mut statement =
        c.prepare_cached("SELECT task FROM need WHERE needs = ? AND satisfied = 0")?;
    let left = statement
        .query_map([root.id.0], |r| r.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for dependent in left.into_iter().map(TaskId) {
        let dependent = one(c, dependent)?;
        if event == Event::Override || dependent.kind == TaskKind::Postflight {
            c.execute(
                "DELETE FROM need WHERE task = ? AND needs = ?",
                params![dependent.id.0, root.id.0],
            )?;
            recount(c, dependent.id)?;
        } else if dependent.state == State::Open {
            let waiting = Waiting {
                reason: WaitReason::NeedGone,
                owner: stamp.actor.clone(),
                deadline_ms: stamp.now_ms + HUMAN_WAIT_MS,
                next_action: "`alai mc answer {id} \"go on without it\"` or `alai mc cancel {id}`"
                    .into(),
                detail: format!(
                    "it needs {}, which was {} and never merged",
                    root.id,
                    event_word(event)
                ),
            };
            set_state(
                c,
                dependent.id,
                Event::Ask,
                Some(&waiting),
                &waiting.detail,
                stamp,
            )?;
        }
    }
    Ok(())
}

fn event_word(event: Event) -> &'static str {
    if event == Event::Cancel {
        return "cancelled";
    }
    "ended"
}
