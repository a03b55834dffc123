//! Questions of runs and what people answered to them. Both stand in the journal of the run that asked.

use alai_core::ids::{RunId, TaskId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MissionError;
use crate::event::Stamp;
use crate::reader::Reader;
use crate::step::{StepState, receipt};

/// The key under which a run keeps where it stopped to ask.
const ASKED: &str = "asked";
/// Who answered, and the words.
const BY: &str = "answered_by";
const ANSWER: &str = "answer";

/// A question that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// The run that asked.
    pub run: RunId,
    /// As it was journaled.
    pub asked: String,
    pub by: String,
    pub text: String,
}

impl Reader {
    /// What was answered to the runs of a task, oldest first.
    pub fn answers(&self, task: TaskId) -> Result<Vec<AnswerRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT r.id, q.value, b.value, a.value FROM run r
                 JOIN step q ON q.run = r.id AND q.key = ?2
                 JOIN step b ON b.run = r.id AND b.key = ?3
                 JOIN step a ON a.run = r.id AND a.key = ?4
                 WHERE r.task = ?1 ORDER BY r.epoch",
            )?;
            let rows = statement.query_map(params![task.0, ASKED, BY, ANSWER], |r| {
                Ok(AnswerRow {
                    run: RunId(r.get(0)?),
                    asked: r.get(1)?,
                    by: r.get(2)?,
                    text: r.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What the last run of a task asks, as it was journaled; none where it asks nothing.
    pub fn asked(&self, task: TaskId) -> Result<Option<String>, MissionError> {
        self.read(|c| Ok(question(c, task)?.map(|(_, asked)| asked)))
    }
}

/// Keeps a person's answer beside the question of the task's last run.
pub(crate) fn keep(
    c: &Connection,
    task: TaskId,
    text: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let Some((run, _)) = question(c, task)? else {
        return Ok(());
    };
    receipt(c, &run, BY, StepState::Done, &stamp.actor, stamp.now_ms)?;
    receipt(c, &run, ANSWER, StepState::Done, text.trim(), stamp.now_ms)
}

/// The last run of a task that asked, and its question: it journals where it stopped before the task is told to wait.
fn question(c: &Connection, task: TaskId) -> Result<Option<(RunId, String)>, MissionError> {
    let found = c
        .prepare_cached(
            "SELECT r.id, q.value FROM run r JOIN step q ON q.run = r.id AND q.key = ?2
             WHERE r.task = ?1 ORDER BY r.epoch DESC LIMIT 1",
        )?
        .query_row(params![task.0, ASKED], |r| {
            Ok((RunId(r.get(0)?), r.get(1)?))
        })
        .optional()?;
    Ok(found)
}
