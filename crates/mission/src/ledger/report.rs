//! What was spent, for people: sums over runs and goals, and the bill of some days by model, task, goal, company or day.

use alai_core::ids::{RunId, TaskId};
use alai_core::money::Day;
use rusqlite::{Connection, ToSql};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::reader::Reader;

/// A sum over calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spend {
    pub calls: u64,
    pub prompt_tokens: u64,
    pub output_tokens: u64,
    pub cost_microusd: u64,
    /// Calls that were begun and have no receipt: whether they were paid cannot be said.
    pub unknown_calls: u64,
    /// What those may have cost at most.
    pub reserved_microusd: u64,
}

/// What a bill is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostBy {
    Model,
    Task,
    Goal,
    Company,
    Day,
}

impl CostBy {
    pub const ALL: [CostBy; 5] = [
        CostBy::Model,
        CostBy::Task,
        CostBy::Goal,
        CostBy::Company,
        CostBy::Day,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            CostBy::Model => "model",
            CostBy::Task => "task",
            CostBy::Goal => "goal",
            CostBy::Company => "company",
            CostBy::Day => "day",
        }
    }

    pub fn parse(text: &str) -> Option<CostBy> {
        CostBy::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

/// One line of a bill. Amounts are millionths of a dollar.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CostLine {
    /// A name, a task's number, or a day; empty for what belongs to none.
    pub key: String,
    /// Calls that were answered.
    pub calls: u64,
    /// All tokens of prompts, with those that a provider had kept.
    pub prompt_tokens: u64,
    pub output_tokens: u64,
    pub spent_microusd: u64,
    /// Part of what is spent that our own count of tokens gave.
    pub estimated_microusd: u64,
    pub reserved_microusd: u64,
    pub unknown_microusd: u64,
    pub unknown_calls: u64,
    /// CostBy how much calls cost more than their worst case had been.
    pub excess_microusd: u64,
    /// What a subscription paid for would have cost by list price.
    pub list_equivalent_microusd: u64,
    /// Part of what is spent that no model was paid for: recordings.
    pub simulated_microusd: u64,
}

/// A call of which nobody can say what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownCall {
    pub run: RunId,
    pub call: u32,
    pub task: TaskId,
    pub model: String,
    pub worst_microusd: u64,
    pub at_ms: i64,
}

/// The bill of some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostReport {
    pub total: CostLine,
    pub lines: Vec<CostLine>,
    /// The latest ones with money in them, at most twenty, whatever their day.
    pub unknown: Vec<UnknownCall>,
}

/// Unknown calls that are named one by one.
pub(super) const UNKNOWN_SHOWN: u32 = 20;

impl Reader {
    /// Everything ever spent.
    pub fn spend(&self) -> Result<Spend, MissionError> {
        self.read(|c| sum(c, "id IS NOT NULL", &0))
    }

    pub fn spend_of_run(&self, run: &RunId) -> Result<Spend, MissionError> {
        self.read(|c| sum(c, "id = ?1", &run.0))
    }

    /// What a task and everything under its goal spent.
    pub fn spend_of_goal(&self, goal: TaskId) -> Result<Spend, MissionError> {
        let of = "task IN (SELECT id FROM task WHERE goal = ?1 OR id = ?1)";
        self.read(|c| sum(c, of, &goal.0))
    }

    /// The bill from `since` on, the most expensive first; by day the newest first.
    pub fn cost(&self, since: Day, by: CostBy) -> Result<CostReport, MissionError> {
        self.read(|c| {
            // One moment for all of it.
            let c = c.unchecked_transaction()?;
            let key = match by {
                CostBy::Model => "model",
                CostBy::Task => "CAST(task AS TEXT)",
                CostBy::Goal => "ifnull(CAST(goal AS TEXT), '')",
                CostBy::Company => "ifnull(company, '')",
                CostBy::Day => "CAST(day AS TEXT)",
            };
            let order = match by {
                CostBy::Day => "day DESC",
                CostBy::Model | CostBy::Task | CostBy::Goal | CostBy::Company => {
                    "5 DESC, 11 DESC, 2 DESC, 1"
                }
            };
            let mut lines = lines(&c, key, &format!("GROUP BY 1 ORDER BY {order}"), since)?;
            if by == CostBy::Day {
                for line in &mut lines {
                    line.key = line
                        .key
                        .parse()
                        .map_or(line.key.clone(), |day| Day(day).to_string());
                }
            }
            let total = self::lines(&c, "''", "", since)?;
            Ok(CostReport {
                total: total.into_iter().next().unwrap_or_default(),
                lines,
                unknown: unknown(&c)?,
            })
        })
    }
}

fn lines(c: &Connection, key: &str, rest: &str, since: Day) -> Result<Vec<CostLine>, MissionError> {
    let spent = "state = 'settled' AND word <> 'list_equivalent'";
    let amount =
        |of: &str, when: &str| format!("ifnull(sum(CASE WHEN {when} THEN {of} ELSE 0 END), 0)");
    let columns = [
        amount("1", "state = 'settled'"),
        amount(
            "prompt_tokens + cache_read_tokens + cache_write_tokens",
            "1",
        ),
        amount("output_tokens", "1"),
        amount("cost_microusd", spent),
        amount("cost_microusd", &format!("{spent} AND word = 'estimated'")),
        amount("reserved_microusd", "state = 'reserved'"),
        amount("reserved_microusd", "state = 'unknown'"),
        amount("1", "state = 'unknown'"),
        amount(
            "cost_microusd - reserved_microusd",
            &format!("{spent} AND cost_microusd > reserved_microusd"),
        ),
        amount("cost_microusd", "word = 'list_equivalent'"),
        amount("cost_microusd", &format!("{spent} AND mode = 'simulated'")),
    ];
    let sql = format!(
        "SELECT {key}, {} FROM ledger WHERE day >= ? {rest}",
        columns.join(", ")
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([since.0], |r| {
        let count = |at| r.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(CostLine {
            key: r.get(0)?,
            calls: count(1)?,
            prompt_tokens: count(2)?,
            output_tokens: count(3)?,
            spent_microusd: count(4)?,
            estimated_microusd: count(5)?,
            reserved_microusd: count(6)?,
            unknown_microusd: count(7)?,
            unknown_calls: count(8)?,
            excess_microusd: count(9)?,
            list_equivalent_microusd: count(10)?,
            simulated_microusd: count(11)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn unknown(c: &Connection) -> Result<Vec<UnknownCall>, MissionError> {
    let mut statement = c.prepare_cached(
        "SELECT run, call, task, model, reserved_microusd, at_ms FROM ledger
         WHERE state = 'unknown' AND reserved_microusd > 0 ORDER BY id DESC LIMIT ?",
    )?;
    let rows = statement.query_map([UNKNOWN_SHOWN], |r| {
        Ok(UnknownCall {
            run: RunId(r.get(0)?),
            call: r.get(1)?,
            task: TaskId(r.get(2)?),
            model: r.get(3)?,
            worst_microusd: r.get::<_, i64>(4)?.unsigned_abs(),
            at_ms: r.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sums over the runs that `of` names.
fn sum(c: &Connection, of: &str, value: &dyn ToSql) -> Result<Spend, MissionError> {
    let sql = format!(
        "SELECT count(*), ifnull(sum(prompt_tokens + cache_read_tokens + cache_write_tokens), 0), ifnull(sum(output_tokens), 0),
            ifnull(sum(CASE word WHEN 'list_equivalent' THEN 0 ELSE cost_microusd END), 0),
            (SELECT count(*) FROM step WHERE state = 'unknown' AND key LIKE 'call-%' AND run IN (SELECT id FROM run WHERE {of})),
            (SELECT ifnull(sum(reserve_microusd), 0) FROM step WHERE state = 'unknown'
                AND run IN (SELECT id FROM run WHERE {of}))
         FROM ledger WHERE state = 'settled' AND run IN (SELECT id FROM run WHERE {of})"
    );
    let count = |r: &rusqlite::Row<'_>, at| r.get::<_, i64>(at).map(i64::unsigned_abs);
    let mut statement = c.prepare_cached(&sql)?;
    let given = [value];
    let params = if of.contains("?1") { &given[..] } else { &[] };
    Ok(statement.query_row(params, |r| {
        Ok(Spend {
            calls: count(r, 0)?,
            prompt_tokens: count(r, 1)?,
            output_tokens: count(r, 2)?,
            cost_microusd: count(r, 3)?,
            unknown_calls: count(r, 4)?,
            reserved_microusd: count(r, 5)?,
        })
    })?)
}
