//! The table `ledger`: what each model call used. One row per call, written under the run's fence.

use alai_core::ids::{RunId, TaskId};
use alai_core::mode::Mode;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::reader::Reader;
use crate::writer::Mission;

/// One model call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Position within the run, from 0: the same call recorded twice is one row.
    pub call: u32,
    pub model: String,
    pub mode: Mode,
    pub prompt_tokens: u64,
    pub output_tokens: u64,
    /// Local models cost nothing; a paid model without a price is refused before it is called.
    pub cost_microusd: u64,
}

/// A sum over calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spend {
    pub calls: u64,
    pub prompt_tokens: u64,
    pub output_tokens: u64,
    pub cost_microusd: u64,
}

impl Mission {
    pub fn record_call(&self, fence: &Fence, call: Call, now_ms: i64) -> Result<(), MissionError> {
        let fence = fence.clone();
        self.write(move |c| {
            fenced(c, &fence)?;
            c.prepare_cached(
                "INSERT OR IGNORE INTO ledger
                    (run, task, call, model, mode, prompt_tokens, output_tokens, cost_microusd, at_ms)
                 VALUES (?,?,?,?,?,?,?,?,?)",
            )?
            .execute(params![
                fence.run.0,
                fence.task.0,
                call.call,
                call.model,
                call.mode.as_str(),
                signed(call.prompt_tokens),
                signed(call.output_tokens),
                signed(call.cost_microusd),
                now_ms
            ])?;
            Ok(())
        })
    }
}

impl Reader {
    /// Everything ever spent.
    pub fn spend(&self) -> Result<Spend, MissionError> {
        self.read(|c| Ok(c.query_row(&format!("SELECT {SUMS} FROM ledger"), [], spend)?))
    }

    pub fn spend_of_run(&self, run: &RunId) -> Result<Spend, MissionError> {
        self.read(|c| {
            Ok(c.query_row(
                &format!("SELECT {SUMS} FROM ledger WHERE run = ?"),
                [&run.0],
                spend,
            )?)
        })
    }

    /// What a task and everything under its goal spent.
    pub fn spend_of_goal(&self, goal: TaskId) -> Result<Spend, MissionError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {SUMS} FROM ledger WHERE task IN (SELECT id FROM task WHERE goal = ?1 OR id = ?1)"
            );
            Ok(c.query_row(&sql, [goal.0], spend)?)
        })
    }
}

const SUMS: &str = "count(*), ifnull(sum(prompt_tokens), 0), ifnull(sum(output_tokens), 0), ifnull(sum(cost_microusd), 0)";

/// SQL integers are signed; no counter of ours comes near the limit.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn spend(r: &rusqlite::Row<'_>) -> rusqlite::Result<Spend> {
    let sum = |at| r.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(Spend {
        calls: sum(0)?,
        prompt_tokens: sum(1)?,
        output_tokens: sum(2)?,
        cost_microusd: sum(3)?,
    })
}
