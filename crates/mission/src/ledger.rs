//! The table `ledger`: what each model call used. One row per call, written under the run's fence.

use alai_core::ids::{RunId, TaskId};
use alai_core::mode::Mode;
use rusqlite::{Connection, ToSql, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::reader::Reader;
use crate::step::{StepState, receipt};
use crate::writer::Mission;

/// One model call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Position within the run, from 0: the same call recorded twice is one row. Its intent is the step `call-N`.
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
    /// Calls that were begun and have no receipt: whether they were paid cannot be said.
    pub unknown_calls: u64,
    /// What those may have cost at most.
    pub reserved_microusd: u64,
}

impl Mission {
    /// Says that a call is about to be made, and what it may cost at most.
    pub fn intend_call(
        &self,
        fence: &Fence,
        call: u32,
        model: &str,
        reserve_microusd: u64,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.intend(fence, &step_of(call), model, reserve_microusd, now_ms)
    }

    /// A call was answered with an error: nothing was used.
    pub fn call_failed(
        &self,
        fence: &Fence,
        call: u32,
        why: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.step_failed(fence, &step_of(call), why, now_ms)
    }

    /// The receipt of a call, in the transaction that puts it into the ledger.
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
            let key = step_of(call.call);
            receipt(c, &fence.run, &key, StepState::Done, &call.model, now_ms)?;
            c.prepare_cached("UPDATE run SET output_ms = ? WHERE id = ?")?
                .execute(params![now_ms, fence.run.0])?;
            Ok(())
        })
    }
}

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
}

/// Sums over the runs that `of` names.
fn sum(c: &Connection, of: &str, value: &dyn ToSql) -> Result<Spend, MissionError> {
    let sql = format!(
        "SELECT count(*), ifnull(sum(prompt_tokens), 0), ifnull(sum(output_tokens), 0), ifnull(sum(cost_microusd), 0),
            (SELECT count(*) FROM step WHERE state = 'unknown' AND key LIKE 'call-%' AND run IN (SELECT id FROM run WHERE {of})),
            (SELECT ifnull(sum(reserve_microusd), 0) FROM step WHERE state = 'unknown'
                AND run IN (SELECT id FROM run WHERE {of}))
         FROM ledger WHERE run IN (SELECT id FROM run WHERE {of})"
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

/// The step that is a call's intent and receipt.
fn step_of(call: u32) -> String {
    format!("call-{call}")
}

/// SQL integers are signed; no counter of ours comes near the limit.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
