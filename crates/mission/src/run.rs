//! The tables `run` and `step`: one row per claim, and what each run has reached.

use alai_core::ids::{Epoch, RunId, TaskId};
use alai_core::mode::Mode;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::reader::Reader;
use crate::task::word;
use crate::writer::Mission;

/// One attempt at a task. Never changes once it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    pub id: RunId,
    pub task: TaskId,
    pub epoch: Epoch,
    pub state: RunState,
    pub worker: String,
    /// The interrupted run whose journal this one goes on with.
    pub resumes: Option<RunId>,
    pub lease_until_ms: Option<i64>,
    pub started_ms: i64,
    pub beat_ms: i64,
    pub ended_ms: Option<i64>,
    pub outcome: Option<String>,
    pub mode: Option<Mode>,
    pub company: Option<String>,
    pub model: Option<String>,
    /// What it is doing, for people.
    pub step: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Live,
    Succeeded,
    Failed,
    /// Its lease lapsed or the factory died.
    Lost,
    Cancelled,
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Live => "live",
            RunState::Succeeded => "succeeded",
            RunState::Failed => "failed",
            RunState::Lost => "lost",
            RunState::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Option<RunState> {
        [
            RunState::Live,
            RunState::Succeeded,
            RunState::Failed,
            RunState::Lost,
            RunState::Cancelled,
        ]
        .into_iter()
        .find(|s| s.as_str() == text)
    }
}

impl Mission {
    /// Extends the lease. An error that [`MissionError::is_stale`] means: stop at once.
    pub fn heartbeat(&self, fence: &Fence, lease_ms: i64, now_ms: i64) -> Result<(), MissionError> {
        let fence = fence.clone();
        self.write(move |c| {
            fenced(c, &fence)?;
            c.prepare_cached("UPDATE run SET lease_until = ?, beat_ms = ? WHERE id = ?")?
                .execute(params![now_ms + lease_ms, now_ms, fence.run.0])?;
            Ok(())
        })
    }

    /// Says what the run is and does, for people.
    pub fn describe_run(
        &self,
        fence: &Fence,
        mode: Mode,
        company: &str,
        model: &str,
    ) -> Result<(), MissionError> {
        let (fence, company, model) = (fence.clone(), company.to_owned(), model.to_owned());
        self.write(move |c| {
            fenced(c, &fence)?;
            c.execute(
                "UPDATE run SET mode = ?, company = ?, model = ? WHERE id = ?",
                params![mode.as_str(), company, model, fence.run.0],
            )?;
            Ok(())
        })
    }

    /// Writes what the run has reached, before its next step. The first write of a key wins; it is returned.
    pub fn journal(
        &self,
        fence: &Fence,
        key: &str,
        value: String,
        now_ms: i64,
    ) -> Result<String, MissionError> {
        let (fence, key) = (fence.clone(), key.to_owned());
        self.write(move |c| {
            fenced(c, &fence)?;
            c.prepare_cached(
                "INSERT OR IGNORE INTO step (run, key, value, at_ms) VALUES (?,?,?,?)",
            )?
            .execute(params![fence.run.0, key, value, now_ms])?;
            c.prepare_cached("UPDATE run SET step = ? WHERE id = ?")?
                .execute(params![key, fence.run.0])?;
            let kept = c.query_row(
                "SELECT value FROM step WHERE run = ? AND key = ?",
                params![fence.run.0, key],
                |r| r.get(0),
            )?;
            Ok(kept)
        })
    }
}

impl Reader {
    pub fn run(&self, id: &RunId) -> Result<Option<RunRow>, MissionError> {
        self.read(|c| query(c, "id = ?", &id.0).map(|rows| rows.into_iter().next()))
    }

    /// The runs whose identifier ends or begins with `text`, as people copy it.
    pub fn find_run(&self, text: &str) -> Result<Option<RunRow>, MissionError> {
        self.read(|c| {
            let pattern = text.replace(['%', '_'], "");
            let rows = query(c, "id LIKE '%' || ?1 OR id LIKE ?1 || '%'", &pattern)?;
            Ok(match <[RunRow; 1]>::try_from(rows) {
                Ok([one]) => Some(one),
                Err(_none_or_many) => None,
            })
        })
    }

    /// A task's runs, oldest first.
    pub fn runs_of(&self, task: TaskId) -> Result<Vec<RunRow>, MissionError> {
        self.read(|c| query(c, "task = ?", &task.0))
    }

    pub fn live_runs(&self) -> Result<Vec<RunRow>, MissionError> {
        self.read(|c| query(c, "state = ?", &"live"))
    }

    /// When a task was last claimed, by any process.
    pub fn last_claim_ms(&self) -> Result<Option<i64>, MissionError> {
        self.read(|c| Ok(c.query_row("SELECT max(started_ms) FROM run", [], |r| r.get(0))?))
    }

    /// Every run that ever was, oldest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, MissionError> {
        self.read(|c| query(c, "id <> ?", &""))
    }

    /// What the run, or the runs that it resumes, has journaled under `key`.
    pub fn journaled(&self, run: &RunId, key: &str) -> Result<Option<String>, MissionError> {
        self.read(|c| {
            let mut at = Some(run.0.clone());
            while let Some(id) = at {
                let value = c
                    .prepare_cached("SELECT value FROM step WHERE run = ? AND key = ?")?
                    .query_row(params![id, key], |r| r.get(0))
                    .optional()?;
                if value.is_some() {
                    return Ok(value);
                }
                at = c
                    .query_row("SELECT resumes FROM run WHERE id = ?", [&id], |r| r.get(0))
                    .optional()?
                    .flatten();
            }
            Ok(None)
        })
    }
}

/// Ends the task's live run, if there is one.
pub(crate) fn end_live(
    c: &Connection,
    task: TaskId,
    state: RunState,
    outcome: &str,
    now_ms: i64,
) -> Result<(), MissionError> {
    c.prepare_cached(
        "UPDATE run SET state = ?, outcome = ?, ended_ms = ?, lease_until = NULL WHERE task = ? AND state = 'live'",
    )?
    .execute(params![state.as_str(), outcome, now_ms, task.0])?;
    Ok(())
}

pub(crate) fn query(
    c: &Connection,
    condition: &str,
    value: &dyn rusqlite::ToSql,
) -> Result<Vec<RunRow>, MissionError> {
    let sql = format!(
        "SELECT id, task, epoch, state, worker, resumes, lease_until, started_ms, beat_ms, ended_ms, outcome, mode, company,
            model, step FROM run WHERE {condition} ORDER BY started_ms, id"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([value], |r| {
        let row = RunRow {
            id: RunId(r.get(0)?),
            task: TaskId(r.get(1)?),
            epoch: Epoch(r.get(2)?),
            state: RunState::Live,
            worker: r.get(4)?,
            resumes: r.get::<_, Option<String>>(5)?.map(RunId),
            lease_until_ms: r.get(6)?,
            started_ms: r.get(7)?,
            beat_ms: r.get(8)?,
            ended_ms: r.get(9)?,
            outcome: r.get(10)?,
            mode: r
                .get::<_, Option<String>>(11)?
                .and_then(|m| Mode::parse(&m)),
            company: r.get(12)?,
            model: r.get(13)?,
            step: r.get(14)?,
        };
        Ok((row, r.get::<_, String>(3)?))
    })?;
    rows.map(|pair| {
        let (mut row, state) = pair?;
        row.state = word("run", &state, RunState::parse)?;
        Ok(row)
    })
    .collect()
}
