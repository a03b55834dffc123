//! The calls of one run to its model: what each may cost is held before it and booked after it, and one that no cap allows is not
//! made.

use std::sync::Arc;

use alai_core::money::{Refused, Tariff, Word};
use alai_fleet::{ChatError, ChatReply, ChatRequest, ErrorClass};
use alai_mission::{Call, Intent, MissionError};
use alai_workspace::command::Cancel;

use super::{Desk, reach};
use crate::beat::Factory;
use crate::models::Reach;
use crate::money;
use crate::run::RunError;

/// Counts and records what a run asks. No answer is used before it is in the ledger.
pub(crate) struct Calls<'a> {
    factory: &'a Arc<Factory>,
    desk: &'a Desk,
    cancel: &'a Cancel,
    /// Calls whose number is used: one that was answered with an error before anything was used gives its number back.
    made: u32,
    /// Why the store took no record: the run is over.
    lost: Option<MissionError>,
    /// Which rule did not let a call begin: the run is over.
    refused: Option<Refused>,
}

/// What came of a call that gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Used {
    Nothing,
    /// Something was sent back, or may have been on its way.
    Unknown,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(factory: &'a Arc<Factory>, desk: &'a Desk, cancel: &'a Cancel) -> Calls<'a> {
        Calls {
            factory,
            desk,
            cancel,
            made: 0,
            lost: None,
            refused: None,
        }
    }

    /// Asks the model. A crash before the receipt leaves the call as unknown, not as never made.
    pub(crate) fn chat(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        self.begin(request)?;
        let (mission, fence, call) = (self.factory.mission(), &self.desk.fence, self.made);
        let provider = &self.desk.chosen.provider;
        let models = self.factory.models();
        models.taken(&self.desk.chosen, self.factory.now_ms());
        let answered = alai_fleet::chat(provider, request, &|| self.cancel.is_cancelled());
        let now = self.factory.now_ms();
        let class = answered.as_ref().err().map(|e| e.class);
        if models.heard(&self.desk.chosen, class, now) {
            // The next run should know whether the host is down, and go to another one.
            self.factory.look_soon();
        }
        let used = answered.as_ref().map_err(|e| match e.partial.is_empty() {
            true => used_by(e.class),
            // Words that came have to be paid, whatever the server calls its error.
            false => Used::Unknown,
        });
        let recorded = match (&answered, used) {
            (Ok(reply), _) => mission.settle(fence, self.row(reply), now),
            (Err(_), Err(Used::Unknown)) if self.is_paid() => {
                mission.leave_unknown(fence, call, now)
            }
            // The words of a host may hold what was sent to it.
            (Err(e), _) => mission.release(fence, call, &alai_minion::redact(&e.to_string()), now),
        };
        self.made += u32::from(answered.is_ok() || (used == Err(Used::Unknown) && self.is_paid()));
        self.keep(recorded);
        answered
    }

    /// The end of asking: the store's refusal to take a record, if there was one, or the rule that stopped it.
    pub(crate) fn end(self) -> Result<(), RunError> {
        match (self.lost, self.refused) {
            (Some(e), _) => Err(e.into()),
            (None, Some(refused)) => Err(RunError::Budget(Box::new(refused))),
            (None, None) => Ok(()),
        }
    }

    /// Holds what the call may cost at most: the prompt as far as it can be told before, and the longest answer.
    fn begin(&mut self, request: &ChatRequest) -> Result<(), ChatError> {
        let chosen = &self.desk.chosen;
        if self.lost.is_some() || self.refused.is_some() || self.cancel.is_cancelled() {
            return Err(self.unasked(ErrorClass::Cancelled, "the run is over".to_owned()));
        }
        // A person may have closed the project to other machines since the run began.
        let task = self.factory.mission().task(self.desk.fence.task);
        let reach = task.map_or(Reach::Near, |task| reach(self.factory, &task));
        if !self.factory.models().is_within(chosen, reach) {
            let why = "the project is `local_only` now, and this host is none of your own";
            return Err(self.unasked(ErrorClass::Refused, why.to_owned()));
        }
        let output_max = u64::from(request.profile.output_max);
        let intent = Intent {
            call: self.made,
            model: chosen.model.clone(),
            company: Some(self.desk.company.name.clone()),
            mode: chosen.provider.mode(),
            cost: self
                .desk
                .tariff
                .cost(money::prompt_max(request, self.is_paid()), output_max),
        };
        let caps = &self.factory.config().money.caps;
        let now = self.factory.now_ms();
        let (mission, fence) = (self.factory.mission(), &self.desk.fence);
        match mission.reserve(fence, intent, caps, now) {
            Ok(Ok(_held)) => Ok(()),
            Ok(Err(refused)) => {
                let said = refused.text.clone();
                self.refused = Some(refused);
                Err(self.unasked(ErrorClass::OverBudget, said))
            }
            Err(e) => {
                let said = e.to_string();
                self.keep(Err(e));
                Err(self.unasked(ErrorClass::Cancelled, said))
            }
        }
    }

    fn is_paid(&self) -> bool {
        matches!(self.desk.tariff, Tariff::Metered(_))
    }

    fn row(&self, reply: &ChatReply) -> Call {
        let tokens = money::tokens_of(reply.usage);
        let tariff = &self.desk.tariff;
        Call {
            call: self.made,
            model: reply.model.clone(),
            mode: reply.mode,
            tokens,
            cost_microusd: tariff.of(tokens),
            word: match (tariff, reply.usage_estimated) {
                (Tariff::Flat(_), _) => Word::ListEquivalent,
                (_, true) => Word::Estimated,
                (_, false) => Word::Measured,
            },
        }
    }

    fn unasked(&self, class: ErrorClass, message: String) -> ChatError {
        ChatError {
            class,
            server: money::server_of(&self.desk.chosen.provider),
            host: self.desk.chosen.provider.host(),
            model: self.desk.chosen.model.clone(),
            message,
            partial: String::new(),
        }
    }

    fn keep(&mut self, recorded: Result<(), MissionError>) {
        if let Err(e) = recorded {
            self.cancel.cancel();
            self.lost.get_or_insert(e);
        }
    }
}

/// Whether a provider may ask money for a call that failed so. It asks none for a request that it did not answer, or answered
/// with an error instead of a model's words.
fn used_by(class: ErrorClass) -> Used {
    match class {
        ErrorClass::Unreachable
        | ErrorClass::Busy
        | ErrorClass::Loading
        | ErrorClass::ModelMissing
        | ErrorClass::BadRequest
        | ErrorClass::ContextTooLong
        | ErrorClass::NoTools
        | ErrorClass::Refused
        | ErrorClass::ServerFault
        | ErrorClass::OverBudget
        | ErrorClass::ScriptExhausted => Used::Nothing,
        ErrorClass::ContextTruncated
        | ErrorClass::MidStream
        | ErrorClass::Cut
        | ErrorClass::Stalled
        | ErrorClass::TimedOut
        | ErrorClass::Malformed
        | ErrorClass::Repeating
        | ErrorClass::Filtered
        | ErrorClass::Cancelled => Used::Unknown,
    }
}
