//! The table `word`: what people say to a run while it goes on. An agent hears each once; one that resumes an interrupted run
//! begins its conversation anew, and hears what was said to that run too.

use alai_core::ids::RunId;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::reader::Reader;
use crate::run::{RunRow, RunState, query};
use crate::writer::Mission;

/// Words to one run. Who says more wants another task.
pub const WORDS_MAX: u32 = 16;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidWord {
    pub run: RunId,
    /// Which of the words to that run, from 1.
    pub seq: i64,
    pub actor: String,
    pub text: String,
    pub said_ms: i64,
    /// When an agent heard it, and in which run.
    pub taken_ms: Option<i64>,
    pub taken_by: Option<RunId>,
}

/// The runs that a run goes on with, itself among them.
const LINE: &str = "WITH RECURSIVE line(id) AS (
    SELECT ?1 UNION SELECT r.resumes FROM run r JOIN line l ON r.id = l.id WHERE r.resumes IS NOT NULL)";

impl Mission {
    /// Keeps a word for a live run until its agent asks. Answers with its number.
    pub fn say(
        &self,
        run: &RunId,
        text: String,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<i64, MissionError> {
        let (run, By { actor, request }) = (run.clone(), by.into());
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                let found = live(c, &run)?;
                let seq: i64 = c.query_row(
                    "SELECT coalesce(max(seq), 0) + 1 FROM word WHERE run = ?",
                    [&run.0],
                    |r| r.get(0),
                )?;
                if seq > i64::from(WORDS_MAX) {
                    return Err(MissionError::WordsMax(run.clone()));
                }
                c.execute(
                    "INSERT INTO word (run, seq, actor, text, said_ms) VALUES (?,?,?,?,?)",
                    params![run.0, seq, actor, text, now_ms],
                )?;
                let stamp = Stamp {
                    actor: actor.clone(),
                    run: Some(run.clone()),
                    now_ms,
                };
                happened(c, Some(found.task), "told", &text, &stamp)?;
                Ok(seq)
            })
        })
    }

    /// Gives what was said to the run, or to one that it resumes, and was not heard in it. Each word is given to a run once.
    pub fn take_words(&self, fence: &Fence, now_ms: i64) -> Result<Vec<SaidWord>, MissionError> {
        // At every turn of every agent: without a word nothing is written.
        if self.read(|c| unheard(c, &fence.run))?.is_empty() {
            return Ok(Vec::new());
        }
        let fence = fence.clone();
        self.write(move |c| {
            fenced(c, &fence)?;
            let words = unheard(c, &fence.run)?;
            for word in &words {
                c.prepare_cached(
                    "UPDATE word SET taken_ms = ?, taken_by = ? WHERE run = ? AND seq = ?",
                )?
                .execute(params![now_ms, fence.run.0, word.run.0, word.seq])?;
            }
            Ok(words)
        })
    }
}

impl Reader {
    /// What was said to a run or to one that it resumes, oldest first.
    pub fn words(&self, run: &RunId) -> Result<Vec<SaidWord>, MissionError> {
        self.read(|c| rows(c, run, ""))
    }
}

/// A run that goes on.
pub(crate) fn live(c: &Connection, run: &RunId) -> Result<RunRow, MissionError> {
    let found = query(c, "id = ?", &run.0)?.into_iter().next();
    let found = found.ok_or_else(|| MissionError::NoRun(run.0.clone()))?;
    match found.state {
        RunState::Live => Ok(found),
        RunState::Succeeded
        | RunState::Failed
        | RunState::Lost
        | RunState::TimedOut
        | RunState::Cancelled => Err(MissionError::RunEnded {
            run: found.id,
            task: found.task,
            how: found.outcome.unwrap_or_default(),
        }),
    }
}

fn unheard(c: &Connection, run: &RunId) -> Result<Vec<SaidWord>, MissionError> {
    rows(c, run, "AND (taken_by IS NULL OR taken_by <> ?1)")
}

fn rows(c: &Connection, run: &RunId, condition: &str) -> Result<Vec<SaidWord>, MissionError> {
    let sql = format!(
        "{LINE} SELECT run, seq, actor, text, said_ms, taken_ms, taken_by FROM word
         WHERE run IN (SELECT id FROM line) {condition} ORDER BY said_ms, run, seq"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([&run.0], |r| {
        Ok(SaidWord {
            run: RunId(r.get(0)?),
            seq: r.get(1)?,
            actor: r.get(2)?,
            text: r.get(3)?,
            said_ms: r.get(4)?,
            taken_ms: r.get(5)?,
            taken_by: r.get::<_, Option<String>>(6)?.map(RunId),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
