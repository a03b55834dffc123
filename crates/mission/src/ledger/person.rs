//! A person says what a call cost of which nobody else could.

use alai_core::ids::RunId;
use alai_core::money::dollars;
use rusqlite::{Connection, OptionalExtension, params};

use super::{signed, step_done};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::writer::Mission;

impl Mission {
    /// Settles a call that is unknown by a person's word, such as a provider's bill.
    ///
    /// # Errors
    /// [`MissionError::CallMade`] when it is settled already, [`MissionError::NoUnknownCall`] when there is none, or it is still under way.
    pub fn settle_by_hand(
        &self,
        run: &RunId,
        call: u32,
        microusd: u64,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (run, by) = (run.clone(), by.into());
        self.write(move |c| {
            once(c, by.request.as_ref(), now_ms, || {
                let (task, model) = unknown(c, &run, call)?;
                c.prepare_cached(
                    "UPDATE ledger SET state = 'settled', cost_microusd = ?3, word = 'estimated', settled_by = ?4, settled_ms = ?5
                     WHERE run = ?1 AND call = ?2 AND state = 'unknown'",
                )?
                .execute(params![run.0, call, signed(microusd), by.actor, now_ms])?;
                step_done(c, &run, call, &model, now_ms)?;
                let stamp = Stamp {
                    actor: by.actor.clone(),
                    run: Some(run.clone()),
                    now_ms,
                };
                let detail = format!("call {call} cost {}", dollars(microusd));
                happened(c, Some(task), "settled", &detail, &stamp)
            })
        })
    }
}

fn unknown(
    c: &Connection,
    run: &RunId,
    call: u32,
) -> Result<(alai_core::ids::TaskId, String), MissionError> {
    let row = c
        .prepare_cached("SELECT state, task, model FROM ledger WHERE run = ? AND call = ?")?
        .query_row(params![run.0, call], |r| {
            Ok((
                r.get::<_, String>(0)?,
                alai_core::ids::TaskId(r.get(1)?),
                r.get(2)?,
            ))
        })
        .optional()?;
    match row {
        Some((state, task, model)) if state == "unknown" => Ok((task, model)),
        Some((state, ..)) if state == "settled" => Err(MissionError::CallMade {
            run: run.clone(),
            call,
        }),
        Some(_) | None => Err(MissionError::NoUnknownCall {
            run: run.clone(),
            call,
        }),
    }
}
