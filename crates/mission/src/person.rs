//! People at work beside the factory: they take tasks, hand commits in, block and send back. Nothing of this makes a task done.

use alai_core::ids::{RunId, TaskId};
use alai_core::lifecycle::{Event, Refused};
use alai_core::plan::Planning;
use alai_core::task::{Need, NewTask, State, Task, TaskKind, WaitReason, Waiting};
use rusqlite::{Connection, params};

use crate::claim::{Lease, take};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::run::{Holder, RunRow, RunState, end_live, query};
use crate::task::{add_need, append_findings, insert, json, one, set_state};
use crate::writer::Mission;
use crate::{act, merge, outbox, words};

/// The event of a goal or a task of which a person sends back what was merged. Its rework stands in it.
pub(crate) const SENT_BACK: &str = "sent_back";

/// A commit that a person made for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// What the change is measured against.
    pub base: String,
    pub head: String,
}

impl Mission {
    /// A person takes a task: no agent gets it while his lease lasts.
    pub fn take(
        &self,
        task: TaskId,
        lease_ms: i64,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        self.person(by, now_ms, move |c, mut stamp| {
            let found = one(c, task)?;
            free(c, &found)?;
            let lease = Lease {
                holder: Holder::Person,
                until_ms: now_ms + lease_ms,
                close_by_ms: None,
                resumes: None,
            };
            take(c, &found, &lease, &mut stamp)?;
            Ok(State::Started)
        })
    }

    /// A person says that a task is ready to be judged: by the gate, when he names a commit, else by another person.
    pub fn hand_in(
        &self,
        task: TaskId,
        handed: Option<Handed>,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            let found = one(c, task)?;
            if let Some(run) = live(c, task)?
                && run.holder == Holder::Factory
            {
                return Err(leased(task, &run));
            }
            if found.state == State::Waiting
                && found
                    .waiting
                    .as_ref()
                    .is_none_or(|w| w.reason != WaitReason::Human)
            {
                // What stopped it is answered first: a commit is no answer to a rail, a cap or a question.
                let refused = Refused {
                    state: found.state,
                    event: Event::Ready,
                };
                return Err(MissionError::Refused { task, refused });
            }
            let detail = handed.as_ref().map_or("", |h| h.head.as_str());
            let to = set_state(c, task, Event::Ready, None, detail, &stamp)?;
            let outcome = format!("handed in by {}", stamp.actor);
            end_live(c, task, RunState::Succeeded, &outcome, now_ms)?;
            if let Some(Handed { base, head }) = handed {
                c.execute(
                    "UPDATE task SET handed = ?, base = ? WHERE id = ?",
                    params![head, base, task.0],
                )?;
            }
            outbox::page_changed(c, task, &stamp)?;
            Ok(to)
        })
    }

    /// A task cannot go on: it waits for somebody, or needs other tasks first.
    pub fn block(
        &self,
        task: TaskId,
        waiting: Option<Waiting>,
        needs: Vec<Need>,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            one(c, task)?;
            for need in needs {
                add_need(c, task, need, now_ms)?;
                let detail = format!("{} until {}", need.task, need.until.as_str());
                happened(c, Some(task), "needs", &detail, &stamp)?;
            }
            if let Some(waiting) = waiting {
                set_state(c, task, Event::Ask, Some(&waiting), &waiting.detail, &stamp)?;
                end_live(c, task, RunState::Cancelled, "blocked", now_ms)?;
            }
            outbox::page_changed(c, task, &stamp)?;
            Ok(one(c, task)?.state)
        })
    }

    /// A person ends a live run; its task waits for him.
    pub fn stop_run(
        &self,
        run: &RunId,
        waiting: Waiting,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        let run = run.clone();
        self.person(by, now_ms, move |c, mut stamp| {
            let task = words::live(c, &run)?.task;
            stamp.run = Some(run);
            one(c, task)?;
            let to = set_state(c, task, Event::Ask, Some(&waiting), &waiting.detail, &stamp)?;
            end_live(c, task, RunState::Cancelled, &waiting.detail, now_ms)?;
            outbox::page_changed(c, task, &stamp)?;
            Ok(to)
        })
    }

    /// Merged work is not what was wanted: `rework` is made in its place, and what was merged waits for it.
    pub fn reject_merged(
        &self,
        task: TaskId,
        rework: NewTask,
        text: String,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<TaskId, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            let found = one(c, task)?;
            let made = insert(c, &rework, &stamp)?;
            let word = format!("{} rejects: {text}; {made} reworks it", stamp.actor);
            match found.kind {
                TaskKind::Goal => {
                    set_state(c, task, Event::Reject, None, &word, &stamp)?;
                }
                TaskKind::Spec
                | TaskKind::Build
                | TaskKind::Review
                | TaskKind::Security
                | TaskKind::Verify
                | TaskKind::Ops
                | TaskKind::Docs
                | TaskKind::Postflight => merge::refuse_delivery(c, &found, &word, &stamp)?,
            }
            append_findings(c, task, &[word])?;
            happened(c, Some(task), SENT_BACK, &format!("by {made}"), &stamp)?;
            outbox::page_changed(c, task, &stamp)?;
            Ok(made)
        })
    }

    /// A plan that waits for a person is carried out as he left it: its specification runs once more, and asks nobody.
    ///
    /// # Errors
    /// When the task is unknown or does not wait to be seen, or the store cannot be written.
    pub fn carry_out(
        &self,
        task: TaskId,
        planning: Planning,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            let before = one(c, task)?;
            if before.planning != Some(Planning::Shown) {
                let (state, event) = (before.state, Event::Answer);
                let refused = Refused { state, event };
                return Err(MissionError::Refused { task, refused });
            }
            c.execute(
                "UPDATE task SET planning = ? WHERE id = ?",
                params![json(&planning)?, task.0],
            )?;
            act::step(c, &before, Event::Answer, "", &stamp)
        })
    }

    pub(crate) fn person<T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static>(
        &self,
        by: impl Into<By>,
        now_ms: i64,
        act: impl FnOnce(&Connection, Stamp) -> Result<T, MissionError> + Send + 'static,
    ) -> Result<T, MissionError> {
        let By { actor, request } = by.into();
        let stamp = Stamp {
            actor,
            run: None,
            now_ms,
        };
        self.write(move |c| once(c, request.as_ref(), now_ms, || act(c, stamp)))
    }
}

/// Whether a person could take it: somebody else's run, or something that it needs, stands in his way.
fn free(c: &Connection, task: &Task) -> Result<(), MissionError> {
    if let Some(run) = live(c, task.id)? {
        return Err(leased(task.id, &run));
    }
    let needs = c
        .prepare_cached("SELECT needs FROM need WHERE task = ? AND satisfied = 0 ORDER BY needs")?
        .query_map([task.id.0], |r| r.get(0).map(TaskId))?
        .collect::<Result<Vec<_>, _>>()?;
    match needs.first() {
        Some(needs) => Err(MissionError::Unmet {
            task: task.id,
            needs: *needs,
        }),
        None => Ok(()),
    }
}

fn live(c: &Connection, task: TaskId) -> Result<Option<RunRow>, MissionError> {
    let runs = query(c, "task = ?", &task.0)?;
    Ok(runs.into_iter().find(|r| r.state == RunState::Live))
}

fn leased(task: TaskId, run: &RunRow) -> MissionError {
    MissionError::Leased {
        task,
        worker: run.worker.clone(),
        until_ms: run.lease_until_ms.unwrap_or_default(),
    }
}
