//! The table `verification`: threads with the independent verifier, one for each run of a `verify` task.

use alai_core::ids::{RunId, TaskId};
use alai_core::pipeline::Ended;
use alai_core::review::ReviewVerdict;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::person::SENT_BACK;
use crate::reader::Reader;
use crate::revert::{BY, REVERTING};
use crate::step::ENDED;
use crate::task::word;
use crate::writer::Mission;

/// How a thread ended. The words are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadEnd {
    /// It passed, by the record of a probe.
    Pass,
    Reject,
    /// It passed, and that is not enough: a person approves or rejects with its findings.
    ForPerson,
    /// None of its answers counted.
    Refused,
    TimedOut,
    OverBudget,
    /// By no fault of its own: a host, a disk, a stop.
    Failed,
    /// The factory ended in the middle of it; another run goes on.
    Interrupted,
}

impl ThreadEnd {
    pub const ALL: [ThreadEnd; 8] = [
        ThreadEnd::Pass,
        ThreadEnd::Reject,
        ThreadEnd::ForPerson,
        ThreadEnd::Refused,
        ThreadEnd::TimedOut,
        ThreadEnd::OverBudget,
        ThreadEnd::Failed,
        ThreadEnd::Interrupted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ThreadEnd::Pass => "pass",
            ThreadEnd::Reject => "reject",
            ThreadEnd::ForPerson => "for_person",
            ThreadEnd::Refused => "refused",
            ThreadEnd::TimedOut => "timed_out",
            ThreadEnd::OverBudget => "over_budget",
            ThreadEnd::Failed => "failed",
            ThreadEnd::Interrupted => "interrupted",
        }
    }

    fn parse(text: &str) -> Option<ThreadEnd> {
        ThreadEnd::ALL.into_iter().find(|end| end.as_str() == text)
    }
}

/// What is known of a thread as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadBegun {
    pub lineage: TaskId,
    /// The commit that it looks at.
    pub head: String,
    pub company: String,
    pub model: String,
    pub built_by: Vec<String>,
    pub same_model: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadEnded {
    pub end: ThreadEnd,
    pub retries: u32,
    pub probes: u32,
    /// `none`, `weak` or `strong`.
    pub quality: &'static str,
}

/// One thread. Its id is that of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    pub thread: RunId,
    pub task: TaskId,
    pub lineage: TaskId,
    pub head: String,
    pub company: String,
    pub model: String,
    pub built_by: Vec<String>,
    pub same_model: bool,
    /// None while it is under way.
    pub end: Option<ThreadEnd>,
    pub retries: u32,
    pub probes: u32,
    pub quality: Option<String>,
    /// Millionths of a dollar; what is only held or unknown counts at its worst.
    pub cost_microusd: u64,
    pub began_ms: i64,
    /// Milliseconds from its beginning to its end.
    pub latency_ms: Option<i64>,
    /// It passed, and a later stage or a person rejected the same commit, or a person had it taken back once it was merged.
    pub false_pass: bool,
}

const COLUMNS: &str = "v.run, v.task, v.lineage, v.head, v.company, v.model, v.built_by, v.same_model,
    CASE WHEN v.end_state IS NULL AND r.state <> 'live' THEN 'interrupted' ELSE v.end_state END,
    v.retries, v.probes, v.quality, v.began_ms, v.ended_ms - v.began_ms,
    (SELECT coalesce(sum(CASE l.state WHEN 'settled' THEN l.cost_microusd WHEN 'released' THEN 0 ELSE l.reserved_microusd END), 0)
        FROM ledger l WHERE l.run = v.run)
    FROM verification v JOIN run r ON r.id = v.run";

/// How the reviews and audits ended that looked at the same commit after a verifier had passed it, and the people who judged where its
/// pass was not enough: the journaled end of each run whose verdict counted. A person's is a run of the verifier's task that is no thread.
const JUDGED_AFTER: &str =
    "SELECT s.value FROM task t JOIN run r ON r.task = t.id JOIN step s ON s.run = r.id
    WHERE t.lineage = ?1 AND t.head = ?2
      AND (t.kind IN ('review', 'security')
           OR t.kind = 'verify' AND NOT EXISTS (SELECT 1 FROM verification v WHERE v.run = r.id))
      AND r.state = 'succeeded' AND s.state = 'done' AND s.key = ?3";

/// Whether a person sent back what was merged of that commit, or had it reverted and the revert is merged. His word about a goal is one about
/// the only line of work that it had brought; of several it says nothing of any of them.
fn taken_back() -> String {
    format!(
        "SELECT EXISTS (SELECT 1 FROM task t JOIN event e ON e.task IN (t.id, t.goal)
            WHERE t.id = ?1 AND (
                e.kind = '{SENT_BACK}' AND (e.task = t.id OR 1 = (
                    SELECT count(DISTINCT o.task) FROM merge o JOIN task w ON w.id = o.task
                    WHERE w.goal = t.goal AND o.kind = 'integrate' AND o.state = 'merged' AND o.ended_ms <= e.at_ms))
                OR e.kind = '{REVERTING}' AND e.task = t.id AND EXISTS (
                    SELECT 1 FROM task r WHERE r.id = CAST(substr(e.detail, {}) AS INTEGER) AND r.integrated IS NOT NULL))
            AND EXISTS (SELECT 1 FROM merge m WHERE m.task = t.id AND m.head = ?2 AND m.kind = 'integrate'
                AND m.state = 'merged' AND m.ended_ms <= e.at_ms))",
        BY.len() + 1
    )
}

impl Mission {
    /// A thread begins. A second word for the same run changes nothing.
    pub fn begin_verification(
        &self,
        fence: &Fence,
        begun: ThreadBegun,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let fence = fence.clone();
        self.write(move |c| {
            fenced(c, &fence)?;
            let built_by = serde_json::to_string(&begun.built_by).expect("names have a JSON form");
            c.prepare_cached(
                "INSERT INTO verification (run, task, lineage, head, company, model, built_by, same_model, began_ms)
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT (run) DO NOTHING",
            )?
            .execute(params![
                fence.run.0,
                fence.task.0,
                begun.lineage.0,
                begun.head,
                begun.company,
                begun.model,
                built_by,
                begun.same_model,
                now_ms,
            ])?;
            Ok(())
        })
    }

    /// A thread has ended. The first word wins.
    pub fn end_verification(
        &self,
        fence: &Fence,
        ended: ThreadEnded,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let fence = fence.clone();
        self.write(move |c| {
            fenced(c, &fence)?;
            c.prepare_cached(
                "UPDATE verification SET end_state = ?2, retries = ?3, probes = ?4, quality = ?5, ended_ms = ?6
                 WHERE run = ?1 AND end_state IS NULL",
            )?
            .execute(params![
                fence.run.0,
                ended.end.as_str(),
                ended.retries,
                ended.probes,
                ended.quality,
                now_ms,
            ])?;
            Ok(())
        })
    }
}

impl Reader {
    /// The threads of a line of work, oldest first.
    pub fn verifications_of(&self, lineage: TaskId) -> Result<Vec<Verification>, MissionError> {
        self.read(|c| {
            query(
                c,
                "WHERE v.lineage = ? ORDER BY v.began_ms, v.run",
                [lineage.0],
            )
        })
    }

    /// All threads but those of a calibration, oldest first.
    pub fn verifications(&self) -> Result<Vec<Verification>, MissionError> {
        self.read(|c| {
            query(
                c,
                "JOIN task w ON w.id = v.task AND w.solo = 0 ORDER BY v.began_ms, v.run",
                [],
            )
        })
    }

    /// What all verifiers of a line of work have cost or may cost, in millionths of a dollar, and of that one task's part.
    pub fn verified_for(&self, lineage: TaskId, task: TaskId) -> Result<(u64, u64), MissionError> {
        self.read(|c| {
            let sums = c
                .prepare_cached(
                    "SELECT coalesce(sum(cost), 0), coalesce(sum(iif(task = ?2, cost, 0)), 0) FROM (
                        SELECT l.task AS task, CASE l.state WHEN 'settled' THEN l.cost_microusd WHEN 'released' THEN 0
                            ELSE l.reserved_microusd END AS cost
                        FROM ledger l JOIN task t ON t.id = l.task WHERE l.lineage = ?1 AND t.kind = 'verify')",
                )?
                .query_row(params![lineage.0, task.0], |r| {
                    let sum = |at| r.get::<_, i64>(at).map(i64::unsigned_abs);
                    Ok((sum(0)?, sum(1)?))
                })?;
            Ok(sums)
        })
    }

    /// The models that worked on the commits of a line of work, by the names that were asked for and that answered.
    pub fn builders_of(&self, lineage: TaskId) -> Result<Vec<String>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "WITH built AS (SELECT r.model, r.answered FROM run r JOIN task t ON t.id = r.task
                    WHERE (t.id = ?1 OR t.lineage = ?1) AND t.kind IN ('build', 'ops', 'docs'))
                 SELECT model FROM built WHERE model IS NOT NULL UNION SELECT answered FROM built WHERE answered IS NOT NULL
                 ORDER BY 1",
            )?;
            let rows = statement.query_map([lineage.0], |r| r.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn query(
    c: &Connection,
    which: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Verification>, MissionError> {
    let mut statement = c.prepare_cached(&format!("SELECT {COLUMNS} {which}"))?;
    let rows = statement.query_map(params, row)?;
    rows.map(|pair| {
        let (mut thread, end, built_by) = pair?;
        thread.end = end
            .map(|end| word("verification", &end, ThreadEnd::parse))
            .transpose()?;
        thread.built_by = serde_json::from_str(&built_by).map_err(|e| MissionError::Row {
            table: "verification",
            why: e.to_string(),
        })?;
        let passed = matches!(thread.end, Some(ThreadEnd::Pass | ThreadEnd::ForPerson));
        thread.false_pass = passed && is_rejected_later(c, &thread)?;
        Ok(thread)
    })
    .collect()
}

fn is_rejected_later(c: &Connection, thread: &Verification) -> Result<bool, MissionError> {
    let mut statement = c.prepare_cached(JUDGED_AFTER)?;
    let ends = statement.query_map(params![thread.lineage.0, thread.head, ENDED], |r| {
        r.get::<_, String>(0)
    })?;
    for end in ends {
        // One that cannot be read was written by another version, and tells nothing.
        if let Ok(Ended::Reviewed { review }) = serde_json::from_str(&end?)
            && review.verdict == ReviewVerdict::Reject
        {
            return Ok(true);
        }
    }
    let mut statement = c.prepare_cached(&taken_back())?;
    Ok(statement.query_row(params![thread.lineage.0, thread.head], |r| r.get(0))?)
}

fn row(r: &Row<'_>) -> rusqlite::Result<(Verification, Option<String>, String)> {
    let thread = Verification {
        thread: RunId(r.get(0)?),
        task: TaskId(r.get(1)?),
        lineage: TaskId(r.get(2)?),
        head: r.get(3)?,
        company: r.get(4)?,
        model: r.get(5)?,
        built_by: Vec::new(),
        same_model: r.get(7)?,
        end: None,
        retries: r.get(9)?,
        probes: r.get(10)?,
        quality: r.get(11)?,
        began_ms: r.get(12)?,
        latency_ms: r.get(13)?,
        cost_microusd: r.get::<_, i64>(14)?.unsigned_abs(),
        false_pass: false,
    };
    Ok((thread, r.get(8)?, r.get(6)?))
}
