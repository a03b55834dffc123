//! What is held for the session of an agent's own program: as much as every cap leaves, and one row of the ledger as for a call.

use alai_core::money::{Caps, Loan, Refused, Reservation, least, lend};

use super::{Intent, ask_of, begin, books, under_way};
use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::writer::Mission;

impl Mission {
    /// Says that a session is about to begin and holds what it may cost, up to the intent's cost, unless too little is left under a
    /// cap. Sums and decision are in one transaction with the row: of any number of sessions at once, what they hold together
    /// passes no cap. Asked again for one that is under way it answers the same.
    ///
    /// # Errors
    /// As [`Mission::reserve`]. The inner error is the refusal.
    pub fn lend(
        &self,
        fence: &Fence,
        intent: Intent,
        caps: &Caps,
        now_ms: i64,
    ) -> Result<Result<Loan, Refused>, MissionError> {
        let (fence, caps) = (fence.clone(), *caps);
        self.write(move |c| {
            let task = fenced(c, &fence)?;
            if let Some(held) = under_way(c, &fence.run, intent.call)? {
                return Ok(Ok(Loan::of(held.microusd)));
            }
            let ask = ask_of(c, &task, &intent.model, intent.cost, now_ms)?;
            let loan = match lend(&books::of(c, &caps, &ask)?, &ask) {
                Ok(loan) => loan,
                Err(refused) => {
                    books::note_refusal(c, &least(&ask), refused.rule, now_ms)?;
                    return Ok(Err(refused));
                }
            };
            let held = Reservation {
                microusd: loan.held,
            };
            begin(c, &fence, &intent, &ask, held, now_ms)?;
            Ok(Ok(loan))
        })
    }
}
