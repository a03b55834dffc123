//! What one goal, or one line of work, took: by stage, counted where it lies.

use std::collections::BTreeMap;

use alai_core::ids::TaskId;
use alai_core::pipeline;
use alai_core::task::TaskKind;
use rusqlite::{Connection, ToSql, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::line::OF_WORK;
use crate::reader::Reader;
use crate::task::{one, word};

/// What the tasks of one stage took. Amounts are millionths of a dollar, times milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StageStats {
    pub stage: String,
    pub tasks: u64,
    pub done: u64,
    /// The highest cycle that one of them belongs to.
    pub review_cycle: u64,
    pub runs: u64,
    /// How often a run's end gave its task another try: what its gate sent back and what a machine spoilt, without what a
    /// person asked for.
    pub retries: u64,
    pub escalations: u64,
    /// How often one of them was made smaller, and planned anew because it was never good enough, whatever came of that.
    #[serde(default)]
    pub splits: u64,
    #[serde(default)]
    pub replans: u64,
    /// Calls that were answered.
    pub calls: u64,
    /// With those that a provider had kept.
    pub prompt_tokens: u64,
    pub output_tokens: u64,
    /// Without what a subscription paid for.
    pub cost_microusd: u64,
    /// Held at its worst for calls of which nobody knows what they cost.
    pub unknown_microusd: u64,
    /// Runs of the factory from their claims to their ends; of a live one so far.
    pub run_ms: u64,
    /// From the sending of each call to its answer.
    pub model_ms: u64,
}

/// What a goal took, with everything under it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkStats {
    /// In the order in which the kinds of tasks stand in a goal.
    pub stages: Vec<StageStats>,
    pub total: StageStats,
    /// From when it was asked for until its last task ended, or until now.
    pub wall_ms: u64,
    /// Threads with the independent verifier, by how they ended.
    pub verifier: BTreeMap<String, u64>,
}

/// A goal and everything under it, or what `Reader::work_of` says of a line of work by its first task.
fn of() -> String {
    format!("(t.goal = ?1 OR {OF_WORK})")
}

impl Reader {
    /// What a goal with everything under it, or the line of work of a task, took until `now_ms`.
    ///
    /// # Errors
    /// When there is no such task, or the store cannot be read.
    pub fn work_stats(&self, id: TaskId, now_ms: i64) -> Result<WorkStats, MissionError> {
        self.read(|c| {
            // One moment for all of it.
            let c = c.unchecked_transaction()?;
            let root = one(&c, pipeline::lineage(&one(&c, id)?))?;
            let id = root.id;
            let of = of();
            let mut by: BTreeMap<TaskKind, StageStats> = BTreeMap::new();
            tasks(&c, id, &mut by)?;
            runs(&c, id, now_ms, &mut by)?;
            calls(&c, id, &mut by)?;
            by.remove(&TaskKind::Goal);
            let mut total = StageStats {
                stage: "total".into(),
                ..StageStats::default()
            };
            for stats in by.values() {
                add(&mut total, stats);
            }
            let ended: i64 = c.query_row(
                &format!(
                    "SELECT CASE WHEN min(state IN ('done', 'failed', 'cancelled')) THEN max(updated_ms) ELSE ?2 END
                     FROM task t WHERE {of}"
                ),
                params![id.0, now_ms],
                |r| r.get(0),
            )?;
            Ok(WorkStats {
                stages: by.into_values().collect(),
                total,
                wall_ms: u64::try_from(ended - root.created_ms).unwrap_or(0),
                verifier: verifier(&c, id)?,
            })
        })
    }
}

/// The stage of a row, and the numbers behind its kind.
fn each<const N: usize>(
    c: &Connection,
    sql: &str,
    id: TaskId,
    now_ms: i64,
    by: &mut BTreeMap<TaskKind, StageStats>,
    take: fn(&mut StageStats, [u64; N]),
) -> Result<(), MissionError> {
    let mut statement = c.prepare(sql)?;
    let given: [&dyn ToSql; 2] = [&id.0, &now_ms];
    // A statement takes as many values as it names.
    let named = given.get(..statement.parameter_count()).unwrap_or(&given);
    let mut rows = statement.query(named)?;
    while let Some(row) = rows.next()? {
        let kind = word("task", &row.get::<_, String>(0)?, TaskKind::parse)?;
        let mut numbers = [0; N];
        for (at, number) in numbers.iter_mut().enumerate() {
            let read: Option<i64> = row.get(at + 1)?;
            *number = u64::try_from(read.unwrap_or(0)).unwrap_or(0);
        }
        let stats = by.entry(kind).or_default();
        kind.as_str().clone_into(&mut stats.stage);
        take(stats, numbers);
    }
    Ok(())
}

fn tasks(
    c: &Connection,
    id: TaskId,
    by: &mut BTreeMap<TaskKind, StageStats>,
) -> Result<(), MissionError> {
    let of = of();
    let sql = format!(
        "SELECT kind, count(*), sum(state = 'done'), max(review_cycles), sum(escalations) FROM task t WHERE {of} GROUP BY kind"
    );
    each(
        c,
        &sql,
        id,
        0,
        by,
        |stats, [tasks, done, cycle, escalations]| {
            (stats.tasks, stats.done) = (tasks, done);
            (stats.review_cycle, stats.escalations) = (cycle, escalations);
        },
    )?;
    let sql = format!(
        "SELECT t.kind, count(*) FROM event e JOIN task t ON t.id = e.task WHERE e.kind = 'retry' AND {of} GROUP BY t.kind"
    );
    each(c, &sql, id, 0, by, |stats, [retries]| {
        stats.retries = retries
    })?;
    // What is planned anew goes back to the queue, and has no other try.
    let sql = format!(
        "SELECT t.kind, sum(json_extract(s.planning, '$.kind') = 'split'), sum(json_extract(s.planning, '$.kind') = 'replan')
         FROM task s JOIN task t ON t.id = s.parent WHERE s.kind = 'spec' AND {of} GROUP BY t.kind"
    );
    each(c, &sql, id, 0, by, |stats, [splits, replans]| {
        (stats.splits, stats.replans) = (splits, replans);
        stats.retries = stats.retries.saturating_sub(splits + replans);
    })
}

fn runs(
    c: &Connection,
    id: TaskId,
    now_ms: i64,
    by: &mut BTreeMap<TaskKind, StageStats>,
) -> Result<(), MissionError> {
    let of = of();
    let sql = format!(
        "SELECT t.kind, count(*), sum(ifnull(r.ended_ms, ?2) - r.started_ms) FROM run r JOIN task t ON t.id = r.task
         WHERE r.holder = 'factory' AND {of} GROUP BY t.kind"
    );
    each(c, &sql, id, now_ms, by, |stats, [runs, run_ms]| {
        (stats.runs, stats.run_ms) = (runs, run_ms);
    })
}

fn calls(
    c: &Connection,
    id: TaskId,
    by: &mut BTreeMap<TaskKind, StageStats>,
) -> Result<(), MissionError> {
    let of = of();
    // What somebody settled by hand was answered at a time that nobody knows.
    let sql = format!(
        "SELECT t.kind, count(*), sum(l.prompt_tokens + l.cache_read_tokens + l.cache_write_tokens), sum(l.output_tokens),
            sum(CASE l.word WHEN 'list_equivalent' THEN 0 ELSE l.cost_microusd END),
            sum(CASE WHEN l.settled_by IS NULL THEN l.settled_ms - l.at_ms ELSE 0 END)
         FROM ledger l JOIN task t ON t.id = l.task WHERE l.state = 'settled' AND {of} GROUP BY t.kind"
    );
    each(
        c,
        &sql,
        id,
        0,
        by,
        |stats, [calls, prompt, output, cost, model_ms]| {
            (stats.calls, stats.prompt_tokens, stats.output_tokens) = (calls, prompt, output);
            (stats.cost_microusd, stats.model_ms) = (cost, model_ms);
        },
    )?;
    let sql = format!(
        "SELECT t.kind, sum(l.reserved_microusd) FROM ledger l JOIN task t ON t.id = l.task
         WHERE l.state = 'unknown' AND {of} GROUP BY t.kind"
    );
    each(c, &sql, id, 0, by, |stats, [unknown]| {
        stats.unknown_microusd = unknown
    })
}

fn verifier(c: &Connection, id: TaskId) -> Result<BTreeMap<String, u64>, MissionError> {
    let of = of();
    let sql = format!(
        "SELECT CASE WHEN v.end_state IS NOT NULL THEN v.end_state WHEN r.state = 'live' THEN 'at work' ELSE 'interrupted' END, count(*)
         FROM verification v JOIN task t ON t.id = v.task JOIN run r ON r.id = v.run WHERE {of} GROUP BY 1"
    );
    let mut statement = c.prepare(&sql)?;
    let rows = statement.query_map([id.0], |r| {
        let count: i64 = r.get(1)?;
        Ok((r.get(0)?, u64::try_from(count).unwrap_or(0)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn add(total: &mut StageStats, more: &StageStats) {
    total.tasks += more.tasks;
    total.done += more.done;
    total.review_cycle = total.review_cycle.max(more.review_cycle);
    total.runs += more.runs;
    total.retries += more.retries;
    total.escalations += more.escalations;
    total.splits += more.splits;
    total.replans += more.replans;
    total.calls += more.calls;
    total.prompt_tokens += more.prompt_tokens;
    total.output_tokens += more.output_tokens;
    total.cost_microusd += more.cost_microusd;
    total.unknown_microusd += more.unknown_microusd;
    total.run_ms += more.run_ms;
    total.model_ms += more.model_ms;
}
