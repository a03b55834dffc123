//! The table `run`: one row per claim.

use alai_core::cage::Sandbox;
use alai_core::ids::{Epoch, RunId, TaskId};
use alai_core::mode::Mode;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
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
    pub holder: Holder,
    pub worker: String,
    /// The interrupted run whose journal this one goes on with.
    pub resumes: Option<RunId>,
    pub lease_until_ms: Option<i64>,
    pub started_ms: i64,
    pub beat_ms: i64,
    /// When it last did anything, such as a model call.
    pub output_ms: i64,
    /// When it last reached a step.
    pub progress_ms: i64,
    /// When it must have ended.
    pub close_by_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub outcome: Option<String>,
    pub mode: Option<Mode>,
    pub company: Option<String>,
    pub model: Option<String>,
    /// Why this model, in words.
    #[serde(default)]
    pub choice: Option<String>,
    /// How its tools are called, and what it fell back to.
    #[serde(default)]
    pub pipeline: Option<String>,
    /// The model that answered last, as its server named it; `model` is what was asked for.
    #[serde(default)]
    pub answered: Option<String>,
    /// Hashes of what it works by; see [`Mission::pin`].
    pub pins: Option<String>,
    /// What it is doing, for people.
    pub step: Option<String>,
    /// Whether its agent was in a cage.
    pub sandbox: Sandbox,
    /// The user of its own that its programs ran as, where there was no cage.
    pub uid: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Live,
    Succeeded,
    Failed,
    /// Its lease lapsed or the factory died.
    Lost,
    /// It took too long, or did nothing for too long.
    TimedOut,
    Cancelled,
}

/// Who stands behind a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A process of the factory, which must be there and send its heartbeat.
    Factory,
    /// A person, by his word.
    Person,
}

impl Holder {
    pub fn as_str(self) -> &'static str {
        match self {
            Holder::Factory => "factory",
            Holder::Person => "person",
        }
    }

    fn parse(text: &str) -> Option<Holder> {
        [Holder::Factory, Holder::Person]
            .into_iter()
            .find(|h| h.as_str() == text)
    }
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Live => "live",
            RunState::Succeeded => "succeeded",
            RunState::Failed => "failed",
            RunState::Lost => "lost",
            RunState::TimedOut => "timed_out",
            RunState::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Option<RunState> {
        [
            RunState::Live,
            RunState::Succeeded,
            RunState::Failed,
            RunState::Lost,
            RunState::TimedOut,
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

    /// Moves the leases, limits and pauses by what the wall clock jumped: a machine that slept, or whose clock was set, has lost
    /// nobody's work by that. Answers with how many live runs there were.
    pub fn shift_clocks(&self, by_ms: i64, now_ms: i64) -> Result<usize, MissionError> {
        self.write(move |c| {
            let before_ms = now_ms - by_ms;
            for pause in [
                "UPDATE task SET run_at_ms = run_at_ms + ?1 WHERE state = 'open' AND run_at_ms > ?2",
                "UPDATE outbox SET next_ms = next_ms + ?1 WHERE state = 'pending' AND next_ms > ?2",
                "UPDATE outbox SET close_ms = close_ms + ?1 WHERE state = 'pending' AND close_ms > ?2",
                "UPDATE notify_sink SET wait_ms = wait_ms + ?1 WHERE wait_ms > ?2",
                "UPDATE merge SET next_ms = next_ms + ?1 WHERE state = 'queued' AND next_ms > ?2",
                "UPDATE published SET next_ms = next_ms + ?1 WHERE state = 'open' AND next_ms > ?2",
            ] {
                c.execute(pause, [by_ms, before_ms])?;
            }
            Ok(c.execute(
                "UPDATE run SET lease_until = lease_until + ?1, beat_ms = beat_ms + ?1, output_ms = output_ms + ?1,
                    progress_ms = progress_ms + ?1, close_by_ms = close_by_ms + ?1
                 WHERE state = 'live' AND holder = 'factory'",
                [by_ms],
            )?)
        })
    }

    /// Keeps what the run works by, as hashes. A run goes on with another one's steps only where both work by the same: when
    /// that differs it begins anew, and the answer is false.
    pub fn pin(&self, fence: &Fence, pins: &str, now_ms: i64) -> Result<bool, MissionError> {
        let (fence, pins) = (fence.clone(), pins.to_owned());
        self.write(move |c| {
            fenced(c, &fence)?;
            c.execute(
                "UPDATE run SET pins = ? WHERE id = ?",
                params![pins, fence.run.0],
            )?;
            let other = c
                .query_row(
                    "SELECT o.id FROM run r JOIN run o ON o.id = r.resumes WHERE r.id = ? AND o.pins <> ?",
                    params![fence.run.0, pins],
                    |r| r.get::<_, String>(0),
                )
                .optional()?;
            let Some(other) = other else {
                return Ok(true);
            };
            c.execute("UPDATE run SET resumes = NULL WHERE id = ?", [&fence.run.0])?;
            let stamp = Stamp {
                actor: "factory".into(),
                run: Some(fence.run.clone()),
                now_ms,
            };
            let detail = format!("begun anew: what run {other} worked by has changed");
            happened(c, Some(fence.task), "restarted", &detail, &stamp)?;
            Ok(false)
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
}

/// Fewest characters by which a run is found: where there is one run, a slip of the hand names it too.
const RUN_TEXT_MIN: usize = 4;

impl Reader {
    pub fn run(&self, id: &RunId) -> Result<Option<RunRow>, MissionError> {
        self.read(|c| query(c, "id = ?", &id.0).map(|rows| rows.into_iter().next()))
    }

    /// The run whose identifier ends or begins with `text`, as people copy it; none when several do, or `text` has fewer than
    /// four characters.
    pub fn find_run(&self, text: &str) -> Result<Option<RunRow>, MissionError> {
        let found = <[RunRow; 1]>::try_from(self.runs_called(text)?);
        Ok(found.ok().map(|[one]| one))
    }

    /// All of them.
    pub fn runs_called(&self, text: &str) -> Result<Vec<RunRow>, MissionError> {
        self.read(|c| {
            let pattern = text.replace(['%', '_'], "");
            if pattern.chars().count() < RUN_TEXT_MIN {
                return Ok(Vec::new());
            }
            query(c, "id LIKE '%' || ?1 OR id LIKE ?1 || '%'", &pattern)
        })
    }

    /// A task's runs, oldest first: by their epochs, since a clock may have been set back between two of them.
    pub fn runs_of(&self, task: TaskId) -> Result<Vec<RunRow>, MissionError> {
        let mut runs = self.read(|c| query(c, "task = ?", &task.0))?;
        runs.sort_by_key(|run| run.epoch);
        Ok(runs)
    }

    /// The runs of a lineage's first task and of all that go on with it, oldest first.
    pub fn runs_of_lineage(&self, root: TaskId) -> Result<Vec<RunRow>, MissionError> {
        let tasks = "task IN (SELECT id FROM task WHERE lineage = ?1 OR id = ?1)";
        self.read(|c| query(c, tasks, &root.0))
    }

    pub fn live_runs(&self) -> Result<Vec<RunRow>, MissionError> {
        // In words of the statement's own: a value that is only bound later does not open the index of the live ones.
        self.read(|c| query(c, "state = 'live' AND id <> ?", &""))
    }

    /// When a task was last claimed, by any process.
    pub fn last_claim_ms(&self) -> Result<Option<i64>, MissionError> {
        self.read(|c| {
            Ok(c.query_row(
                "SELECT started_ms FROM run ORDER BY rowid DESC LIMIT 1",
                [],
                |r| r.get(0),
            )
            .optional()?)
        })
    }

    /// Every run that ever was, oldest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, MissionError> {
        self.read(|c| query(c, "id <> ?", &""))
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
            model, step, holder, output_ms, progress_ms, close_by_ms, pins, uid, choice, pipeline, answered FROM run WHERE {condition} ORDER BY started_ms, id"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([value], |r| {
        let uid: Option<u32> = r.get(20)?;
        let row = RunRow {
            id: RunId(r.get(0)?),
            task: TaskId(r.get(1)?),
            epoch: Epoch(r.get(2)?),
            state: RunState::Live,
            holder: Holder::Factory,
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
            output_ms: r.get(16)?,
            progress_ms: r.get(17)?,
            close_by_ms: r.get(18)?,
            pins: r.get(19)?,
            choice: r.get(21)?,
            pipeline: r.get(22)?,
            answered: r.get(23)?,
            sandbox: match uid {
                Some(_) => Sandbox::Off,
                None => Sandbox::On,
            },
            uid,
        };
        Ok((row, r.get::<_, String>(3)?, r.get::<_, String>(15)?))
    })?;
    rows.map(|triple| {
        let (mut row, state, holder) = triple?;
        row.state = word("run", &state, RunState::parse)?;
        row.holder = word("run", &holder, Holder::parse)?;
        Ok(row)
    })
    .collect()
}
