//! The table `ledger`: each model call, from the reservation of its worst case to what it cost. One row per call of a run, whatever
//! is sent twice. A reservation carries the run's fence; what a call cost is a fact and is booked also when its run is gone.

mod books;
mod loan;
mod person;
mod report;

use alai_core::ids::RunId;
use alai_core::mode::Mode;
use alai_core::money::{Ask, Caps, Cost, Day, Refused, Reservation, Tokens, Word, may_spend};
use alai_core::task::{Task, TaskKind};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced, stale};
use crate::error::MissionError;
use crate::line;
use crate::step::{StepState, receipt};
use crate::writer::Mission;

pub use books::{CapRow, Scope};
pub use report::{CostBy, CostLine, CostReport, Spend, UnknownCall};

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Position within the run, from 0: its request is `RUN/call`, and its intent is the step `call-N`.
    pub call: u32,
    pub model: String,
    pub company: Option<String>,
    pub mode: Mode,
    pub cost: Cost,
}

/// What one model call used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub call: u32,
    /// The model that answered, as its host named it.
    pub model: String,
    pub mode: Mode,
    pub tokens: Tokens,
    /// A model of one's own costs nothing; by list price, where a subscription pays.
    pub cost_microusd: u64,
    pub word: Word,
}

impl Mission {
    /// Says that a call is about to be made and holds what it may cost at most, unless a rule refuses it. Sums and decision are
    /// in one transaction with the row: of any number of callers at once, none passes a cap. Asked again for a call that is
    /// under way it answers the same and holds nothing more; one that was released may be tried again.
    ///
    /// What may cost money is on the disk before the call is made, so that no loss of power makes it free.
    ///
    /// # Errors
    /// Also [`MissionError::CallMade`], for a call that was made: it must not be made twice. The inner error is the refusal.
    pub fn reserve(
        &self,
        fence: &Fence,
        intent: Intent,
        caps: &Caps,
        now_ms: i64,
    ) -> Result<Result<Reservation, Refused>, MissionError> {
        let (fence, caps) = (fence.clone(), *caps);
        let is_free = intent.cost == Cost::Nothing;
        let hold = move |c: &Connection| {
            let task = fenced(c, &fence)?;
            if let Some(held) = under_way(c, &fence.run, intent.call)? {
                return Ok(Ok(held));
            }
            let ask = ask_of(c, &task, &intent.model, intent.cost, now_ms)?;
            let held = match decide(c, &caps, &ask)? {
                Ok(held) => held,
                Err(refused) => {
                    books::note_refusal(c, &ask, refused.rule, now_ms)?;
                    return Ok(Err(refused));
                }
            };
            begin(c, &fence, &intent, &ask, held, now_ms)?;
            Ok(Ok(held))
        };
        match is_free {
            true => self.write_soon(hold),
            false => self.write(hold),
        }
    }

    /// Whether a run of this task could begin a call of this cost. A refusal is kept as one of [`Mission::reserve`] is.
    pub fn admit(
        &self,
        fence: &Fence,
        model: &str,
        cost: Cost,
        caps: &Caps,
        now_ms: i64,
    ) -> Result<Result<(), Refused>, MissionError> {
        if cost == Cost::Nothing {
            return Ok(Ok(()));
        }
        let (fence, model, caps) = (fence.clone(), model.to_owned(), *caps);
        self.write(move |c| {
            let task = fenced(c, &fence)?;
            let ask = ask_of(c, &task, &model, cost, now_ms)?;
            let decided = decide(c, &caps, &ask)?;
            if let Err(refused) = &decided {
                books::note_refusal(c, &ask, refused.rule, now_ms)?;
            }
            Ok(decided.map(drop))
        })
    }

    /// A call was answered with an error before anything was used: what was held for it is free again. Where a loss of power takes
    /// that, it stays held.
    pub fn release(
        &self,
        fence: &Fence,
        call: u32,
        why: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (fence, why) = (fence.clone(), why.to_owned());
        self.write_soon(move |c| {
            fenced(c, &fence)?;
            end(c, &fence.run, call, "released", now_ms)?;
            let key = step_of(call);
            receipt(c, &fence.run, &key, StepState::Failed, &why, now_ms)
        })
    }

    /// A call was begun, and what it used cannot be said. Its worst case counts until somebody can.
    pub fn leave_unknown(&self, fence: &Fence, call: u32, now_ms: i64) -> Result<(), MissionError> {
        let fence = fence.clone();
        self.write(move |c| {
            fenced(c, &fence)?;
            end(c, &fence.run, call, "unknown", now_ms)?;
            c.prepare_cached(
                "UPDATE step SET state = 'unknown', ended_ms = ?1 WHERE run = ?2 AND key = ?3 AND state = 'started'",
            )?
            .execute(params![now_ms, fence.run.0, step_of(call)])?;
            Ok(())
        })
    }

    /// The receipt of a call: what it cost takes the place of what was held. The first receipt wins. One that comes when its run
    /// is gone is booked all the same where money was held, and the run's end is told as an error. Where a loss of power takes a
    /// receipt, its call stays held at its worst case.
    pub fn settle(&self, fence: &Fence, call: Call, now_ms: i64) -> Result<(), MissionError> {
        let fence = fence.clone();
        let asked = fence.clone();
        let in_time = self.write_soon(move |c| {
            let mine = match fenced(c, &fence) {
                Ok(_) => true,
                Err(e) if e.is_stale() && held(c, &fence.run, call.call)? > 0 => false,
                Err(e) => return Err(e),
            };
            settle(c, &fence, &call, now_ms)?;
            if mine {
                c.prepare_cached("UPDATE run SET output_ms = ?, answered = ? WHERE id = ?")?
                    .execute(params![now_ms, call.model, fence.run.0])?;
            }
            Ok(mine)
        })?;
        match in_time {
            true => Ok(()),
            false => Err(stale(&asked)),
        }
    }
}

/// The task's place in the books.
pub(crate) fn ask_of(
    c: &Connection,
    task: &Task,
    model: &str,
    cost: Cost,
    now_ms: i64,
) -> Result<Ask, MissionError> {
    Ok(Ask {
        model: model.to_owned(),
        cost,
        task: task.id,
        lineage: line::pays(c, task)?,
        goal: match task.kind {
            TaskKind::Goal => Some(task.id),
            TaskKind::Spec
            | TaskKind::Build
            | TaskKind::Review
            | TaskKind::Security
            | TaskKind::Verify
            | TaskKind::Ops
            | TaskKind::Docs
            | TaskKind::Postflight => task.goal,
        },
        day: Day::of(now_ms),
        verifies: task.kind.judges(),
    })
}

/// The decision on the books as they are in this transaction. What costs nothing is in no book.
pub(crate) fn decide(
    c: &Connection,
    caps: &Caps,
    ask: &Ask,
) -> Result<Result<Reservation, Refused>, MissionError> {
    Ok(match ask.cost {
        Cost::Nothing => Ok(Reservation { microusd: 0 }),
        Cost::AtMost(_) | Cost::Unpriced => may_spend(&books::of(c, caps, ask)?, ask),
    })
}

/// What is held for a call that is under way. None when it was not begun, or was released.
fn under_way(c: &Connection, run: &RunId, call: u32) -> Result<Option<Reservation>, MissionError> {
    let row = c
        .prepare_cached("SELECT state, reserved_microusd FROM ledger WHERE run = ? AND call = ?")?
        .query_row(params![run.0, call], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?))
        })
        .optional()?;
    match row.as_ref().map(|(state, held)| (state.as_str(), *held)) {
        None | Some(("released", _)) => Ok(None),
        Some(("reserved", held)) => Ok(Some(Reservation {
            microusd: held.unsigned_abs(),
        })),
        Some(_) => Err(MissionError::CallMade {
            run: run.clone(),
            call,
        }),
    }
}

/// What is held for a call of which nobody has said what it cost.
fn held(c: &Connection, run: &RunId, call: u32) -> Result<i64, MissionError> {
    let held = c
        .prepare_cached(
            "SELECT reserved_microusd FROM ledger WHERE run = ? AND call = ? AND state IN ('reserved', 'unknown')",
        )?
        .query_row(params![run.0, call], |r| r.get(0))
        .optional()?;
    Ok(held.unwrap_or(0))
}

fn begin(
    c: &Connection,
    fence: &Fence,
    intent: &Intent,
    ask: &Ask,
    held: Reservation,
    now_ms: i64,
) -> Result<(), MissionError> {
    let key = step_of(intent.call);
    c.prepare_cached(
        "INSERT INTO step (run, key, state, intent, reserve_microusd, at_ms) VALUES (?1,?2,'started',?3,?4,?5)
         ON CONFLICT (run, key) DO UPDATE SET state = 'started', intent = ?3, reserve_microusd = ?4, value = NULL, ended_ms = NULL
            WHERE state = 'failed'",
    )?
    .execute(params![fence.run.0, key, intent.model, signed(held.microusd), now_ms])?;
    c.prepare_cached(
        "INSERT INTO ledger (run, task, call, model, company, mode, state, lineage, goal, day, prompt_tokens, output_tokens,
            reserved_microusd, cost_microusd, word, at_ms)
         VALUES (?1,?2,?3,?4,?5,?6,'reserved',?7,?8,?9,0,0,?10,0,'measured',?11)
         ON CONFLICT (run, call) DO UPDATE SET model = ?4, state = 'reserved', day = ?9, reserved_microusd = ?10, at_ms = ?11,
            settled_ms = NULL WHERE ledger.state = 'released'",
    )?
    .execute(params![
        fence.run.0,
        fence.task.0,
        intent.call,
        intent.model,
        intent.company,
        intent.mode.as_str(),
        ask.lineage.0,
        ask.goal.map(|goal| goal.0),
        ask.day.0,
        signed(held.microusd),
        now_ms,
    ])?;
    if held.microusd > 0 {
        c.prepare_cached("DELETE FROM refused WHERE task = ?")?
            .execute([fence.task.0])?;
    }
    c.prepare_cached("UPDATE run SET output_ms = ? WHERE id = ?")?
        .execute(params![now_ms, fence.run.0])?;
    Ok(())
}

fn end(
    c: &Connection,
    run: &RunId,
    call: u32,
    state: &str,
    now_ms: i64,
) -> Result<(), MissionError> {
    c.prepare_cached(
        "UPDATE ledger SET state = ?, settled_ms = ? WHERE run = ? AND call = ? AND state = 'reserved'",
    )?
    .execute(params![state, now_ms, run.0, call])?;
    Ok(())
}

/// What was never reserved is not settled: whoever asks a model says so before.
fn settle(c: &Connection, fence: &Fence, call: &Call, now_ms: i64) -> Result<(), MissionError> {
    let Tokens {
        input,
        output,
        cache_read,
        cache_write,
    } = call.tokens;
    let settled = c
        .prepare_cached(
            "UPDATE ledger SET state = 'settled', model = ?3, mode = ?4, prompt_tokens = ?5, output_tokens = ?6,
                cache_read_tokens = ?7, cache_write_tokens = ?8, cost_microusd = ?9, word = ?10, settled_ms = ?11
             WHERE run = ?1 AND call = ?2 AND state IN ('reserved', 'unknown')",
        )?
        .execute(params![
            fence.run.0,
            call.call,
            call.model,
            call.mode.as_str(),
            signed(input),
            signed(output),
            signed(cache_read),
            signed(cache_write),
            signed(call.cost_microusd),
            call.word.as_str(),
            now_ms,
        ])?;
    if settled == 0 {
        return match under_way(c, &fence.run, call.call) {
            // Settled before: the first receipt has won.
            Err(MissionError::CallMade { .. }) => Ok(()),
            Ok(_) => Err(MissionError::Row {
                table: "ledger",
                why: format!("call {} of run {} was not reserved", call.call, fence.run),
            }),
            Err(e) => Err(e),
        };
    }
    step_done(c, &fence.run, call.call, &call.model, now_ms)
}

/// The receipt of a call's intent, also of one whose run has ended meanwhile.
fn step_done(
    c: &Connection,
    run: &RunId,
    call: u32,
    value: &str,
    now_ms: i64,
) -> Result<(), MissionError> {
    c.prepare_cached(
        "UPDATE step SET state = 'done', value = ?, ended_ms = ? WHERE run = ? AND key = ? AND state IN ('started', 'unknown')",
    )?
    .execute(params![value, now_ms, run.0, step_of(call)])?;
    Ok(())
}

/// The step that is a call's intent and receipt.
fn step_of(call: u32) -> String {
    format!("call-{call}")
}

/// A million dollars, or as many tokens as no call has: whatever is counted, a million rows of it can be summed in an SQL integer.
const COUNT_MAX: i64 = 1_000_000_000_000;

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(COUNT_MAX).min(COUNT_MAX)
}
