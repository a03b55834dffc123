//! The table `step`: what a run has reached. Before what cannot be taken back stands an intent, after it its receipt. An intent
//! without a receipt when the run ends is `unknown`: whether it happened cannot be said, and is not guessed.

use alai_core::ids::{RunId, TaskId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::reader::Reader;
use crate::task::word;
use crate::writer::Mission;

/// The key under which a run journals how it ended, as the JSON of `alai_core::pipeline::Ended`.
pub const ENDED: &str = "ended";

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    pub run: RunId,
    pub key: String,
    pub state: StepState,
    /// What was going to be done.
    pub intent: Option<String>,
    /// What came of it; the reason, when it failed.
    pub value: Option<String>,
    /// What it may cost at most, in millionths of a dollar.
    pub reserve_microusd: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    pub ended_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Started,
    Done,
    Failed,
    /// Its run ended between intent and receipt.
    Unknown,
}

impl StepState {
    pub fn as_str(self) -> &'static str {
        match self {
            StepState::Started => "started",
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Option<StepState> {
        [
            StepState::Started,
            StepState::Done,
            StepState::Failed,
            StepState::Unknown,
        ]
        .into_iter()
        .find(|s| s.as_str() == text)
    }
}

impl Mission {
    /// Writes what the run has reached, before its next step. The first write of a key wins; it is returned.
    pub fn journal(
        &self,
        fence: &Fence,
        key: &str,
        value: String,
        now_ms: i64,
    ) -> Result<String, MissionError> {
        let [kept] = self.journal_all(fence, [(key, value)], now_ms)?;
        Ok(kept)
    }

    /// The same for several values at once: all of them are kept or none is.
    pub fn journal_all<const N: usize>(
        &self,
        fence: &Fence,
        values: [(&str, String); N],
        now_ms: i64,
    ) -> Result<[String; N], MissionError> {
        let fence = fence.clone();
        let values = values.map(|(key, value)| (key.to_owned(), value));
        self.write(move |c| {
            fenced(c, &fence)?;
            let mut kept = values;
            for (key, value) in &mut kept {
                *value = journaled_now(c, &fence, key, value, now_ms)?;
            }
            Ok(kept.map(|(_, value)| value))
        })
    }

    /// Says what is going to be done, and what it may cost, before it is done. What failed may be tried again.
    pub fn intend(
        &self,
        fence: &Fence,
        key: &str,
        intent: &str,
        reserve_microusd: u64,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (fence, key, intent) = (fence.clone(), key.to_owned(), intent.to_owned());
        let reserve = i64::try_from(reserve_microusd).unwrap_or(i64::MAX);
        self.write(move |c| {
            fenced(c, &fence)?;
            c.prepare_cached(
                "INSERT INTO step (run, key, state, intent, reserve_microusd, at_ms) VALUES (?1,?2,'started',?3,?4,?5)
                 ON CONFLICT (run, key) DO UPDATE SET state = 'started', intent = ?3, value = NULL, ended_ms = NULL
                    WHERE state = 'failed'",
            )?
            .execute(params![fence.run.0, key, intent, reserve, now_ms])?;
            c.prepare_cached("UPDATE run SET output_ms = ? WHERE id = ?")?
                .execute(params![now_ms, fence.run.0])?;
            Ok(())
        })
    }

    /// What was intended was tried and did not happen.
    pub fn step_failed(
        &self,
        fence: &Fence,
        key: &str,
        why: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (fence, key, why) = (fence.clone(), key.to_owned(), why.to_owned());
        self.write(move |c| {
            fenced(c, &fence)?;
            receipt(c, &fence.run, &key, StepState::Failed, &why, now_ms)
        })
    }
}

impl Reader {
    /// A run's steps in the order in which they were begun.
    pub fn steps(&self, run: &RunId) -> Result<Vec<StepRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT key, state, intent, value, reserve_microusd, at_ms, ended_ms FROM step
                 WHERE run = ? ORDER BY at_ms, key",
            )?;
            let rows = statement.query_map([&run.0], |r| {
                let row = StepRow {
                    run: run.clone(),
                    key: r.get(0)?,
                    state: StepState::Started,
                    intent: r.get(2)?,
                    value: r.get(3)?,
                    reserve_microusd: r.get::<_, i64>(4)?.unsigned_abs(),
                    at_ms: r.get(5)?,
                    ended_ms: r.get(6)?,
                };
                Ok((row, r.get::<_, String>(1)?))
            })?;
            rows.map(|pair| {
                let (mut row, state) = pair?;
                row.state = word("step", &state, StepState::parse)?;
                Ok(row)
            })
            .collect()
        })
    }

    /// What the runs of the reviews, audits and verifications of a line of work have journaled under `key`, in the order of their
    /// tasks; those of `but` are left out, and so are runs whose verdict never counted.
    pub fn judged_in_lineage(
        &self,
        root: TaskId,
        but: TaskId,
        key: &str,
    ) -> Result<Vec<(TaskId, String)>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT t.id, s.value FROM task t JOIN run r ON r.task = t.id JOIN step s ON s.run = r.id
                 WHERE t.lineage = ?1 AND t.id <> ?2 AND t.solo = 0 AND t.kind IN ('review', 'security', 'verify')
                   AND s.key = ?3 AND s.state = 'done' AND r.state = 'succeeded' ORDER BY t.id, s.at_ms",
            )?;
            let rows = statement.query_map(params![root.0, but.0, key], |r| {
                Ok((TaskId(r.get(0)?), r.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Whether a task with this tag was made of `parent` that was neither cancelled nor has failed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_child(&self, parent: TaskId, tag: &str) -> Result<bool, MissionError> {
        self.read(|c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM task WHERE parent = ?1 AND state NOT IN ('failed', 'cancelled')
                AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?2))";
            Ok(c.prepare_cached(sql)?
                .query_row(params![parent.0, tag], |r| r.get(0))?)
        })
    }

    /// What the run, or the runs that it resumes, has journaled under `key`.
    pub fn journaled(&self, run: &RunId, key: &str) -> Result<Option<String>, MissionError> {
        self.read(|c| {
            let mut at = Some(run.0.clone());
            while let Some(id) = at {
                let value = c
                    .prepare_cached(
                        "SELECT value FROM step WHERE run = ? AND key = ? AND state = 'done'",
                    )?
                    .query_row(params![id, key], |r| r.get(0))
                    .optional()?;
                if value.is_some() {
                    return Ok(value);
                }
                at = c
                    .prepare_cached("SELECT resumes FROM run WHERE id = ?")?
                    .query_row([&id], |r| r.get(0))
                    .optional()?
                    .flatten();
            }
            Ok(None)
        })
    }
}

/// Keeps one value; gives what stands there now.
fn journaled_now(
    c: &Connection,
    fence: &Fence,
    key: &str,
    value: &str,
    now_ms: i64,
) -> Result<String, MissionError> {
    receipt(c, &fence.run, key, StepState::Done, value, now_ms)?;
    c.prepare_cached("UPDATE run SET step = ?1, output_ms = ?2, progress_ms = ?2 WHERE id = ?3")?
        .execute(params![key, now_ms, fence.run.0])?;
    let kept = c
        .prepare_cached("SELECT value FROM step WHERE run = ? AND key = ?")?
        .query_row(params![fence.run.0, key], |r| r.get(0))?;
    Ok(kept)
}

/// The first receipt of a key wins.
pub(crate) fn receipt(
    c: &Connection,
    run: &RunId,
    key: &str,
    state: StepState,
    value: &str,
    now_ms: i64,
) -> Result<(), MissionError> {
    c.prepare_cached(
        "INSERT INTO step (run, key, state, value, at_ms, ended_ms) VALUES (?1,?2,?3,?4,?5,?5)
         ON CONFLICT (run, key) DO UPDATE SET state = ?3, value = ?4, ended_ms = ?5 WHERE state = 'started'",
    )?
    .execute(params![run.0, key, state.as_str(), value, now_ms])?;
    Ok(())
}
