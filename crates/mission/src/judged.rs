//! What people judged themselves: a review or an audit that no agent does. Verdict and judge stand in the journal of the last run of
//! that task, the one that found it to be a person's or that he held himself.

use alai_core::ids::TaskId;
use alai_core::lifecycle::{Event, Refused};
use alai_core::pipeline::is_a_persons_to_judge;
use alai_core::task::{State, Task};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MissionError;
use crate::inbox::By;
use crate::outbox;
use crate::reader::Reader;
use crate::run::{Holder, RunRow, RunState, end_live, query};
use crate::step::{StepState, receipt};
use crate::task::{one, set_state};
use crate::writer::Mission;

/// Who judged, and how, as it was given.
const BY: &str = "judged_by";
const VERDICT: &str = "judged";

/// A person's judgement of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedRow {
    pub by: String,
    /// The commit that he judged.
    pub head: String,
    /// The review, as JSON.
    pub review: String,
}

impl Mission {
    /// A person judges a task that is his to judge; a run takes his word up and decides what follows.
    ///
    /// # Errors
    /// [`MissionError::Refused`] for a task that waits for something else, or is at work in other hands.
    pub fn judge(
        &self,
        task: TaskId,
        judged: JudgedRow,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<State, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            let found = one(c, task)?;
            let runs = query(c, "task = ?", &task.0)?;
            let Some(run) = runs.last().filter(|run| is_his(&found, run, &judged.by)) else {
                return Err(MissionError::Refused {
                    task,
                    refused: Refused {
                        state: found.state,
                        event: Event::Ready,
                    },
                });
            };
            let to = set_state(c, task, Event::Ready, None, &judged.head, &stamp)?;
            let outcome = format!("judged by {}", judged.by);
            end_live(c, task, RunState::Succeeded, &outcome, now_ms)?;
            receipt(c, &run.id, BY, StepState::Done, &judged.by, now_ms)?;
            receipt(c, &run.id, VERDICT, StepState::Done, &judged.review, now_ms)?;
            c.execute(
                "UPDATE task SET handed = ? WHERE id = ?",
                params![judged.head, task.0],
            )?;
            outbox::page_changed(c, task, &stamp)?;
            Ok(to)
        })
    }
}

/// He was asked for it, or has taken it.
fn is_his(task: &Task, last: &RunRow, who: &str) -> bool {
    match task.state {
        State::Waiting => is_a_persons_to_judge(task),
        State::Started => {
            last.state == RunState::Live && last.holder == Holder::Person && last.worker == who
        }
        State::Open
        | State::ReadyForReview
        | State::Paused
        | State::Done
        | State::Failed
        | State::Cancelled => false,
    }
}

impl Reader {
    /// The last judgement of a person about a task's commit.
    pub fn judged(&self, task: TaskId) -> Result<Option<JudgedRow>, MissionError> {
        self.read(|c| {
            let found = c
                .prepare_cached(
                    "SELECT b.value, v.value, t.head FROM run r JOIN task t ON t.id = r.task
                     JOIN step b ON b.run = r.id AND b.key = ?2
                     JOIN step v ON v.run = r.id AND v.key = ?3
                     WHERE r.task = ?1 ORDER BY r.epoch DESC LIMIT 1",
                )?
                .query_row(params![task.0, BY, VERDICT], |r| {
                    Ok(JudgedRow {
                        by: r.get(0)?,
                        review: r.get(1)?,
                        head: r.get::<_, Option<String>>(2)?.unwrap_or_default(),
                    })
                })
                .optional()?;
            Ok(found)
        })
    }

    /// The people who handed commits in along a line of work.
    pub fn writers_of(&self, lineage: TaskId) -> Result<Vec<String>, MissionError> {
        self.read(|c| writers(c, lineage))
    }
}

fn writers(c: &Connection, lineage: TaskId) -> Result<Vec<String>, MissionError> {
    let mut statement = c.prepare_cached(
        "SELECT DISTINCT e.actor FROM task t JOIN event e ON e.task = t.id
         WHERE (t.id = ?1 OR t.lineage = ?1) AND t.kind IN ('build', 'ops', 'docs') AND e.kind = ?2 ORDER BY e.actor",
    )?;
    let rows = statement.query_map(params![lineage.0, Event::Ready.as_str()], |r| r.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
