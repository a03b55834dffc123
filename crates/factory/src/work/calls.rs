//! The calls of one run to its model, each with its intent before it and its receipt after it.

use std::sync::Arc;

use alai_core::brief::Price;
use alai_fleet::{ChatError, ChatReply, ChatRequest};
use alai_mission::{Call, MissionError};
use alai_workspace::command::Cancel;

use super::Desk;
use crate::beat::Factory;
use crate::run::RunError;

/// Counts and records what a run asks. No answer is used before it is in the ledger.
pub(crate) struct Calls<'a> {
    factory: &'a Arc<Factory>,
    desk: &'a Desk,
    cancel: &'a Cancel,
    made: u32,
    /// Why the store took no record: the run is over.
    lost: Option<MissionError>,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(factory: &'a Arc<Factory>, desk: &'a Desk, cancel: &'a Cancel) -> Calls<'a> {
        Calls {
            factory,
            desk,
            cancel,
            made: 0,
            lost: None,
        }
    }

    /// Asks the model. A crash before the receipt leaves the call as unknown, not as never made.
    pub(crate) fn chat(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let (mission, fence) = (self.factory.mission(), &self.desk.fence);
        let (chosen, call) = (&self.desk.chosen, self.made);
        let price = chosen.price();
        let profile = &chosen.profile;
        // The worst case: a full window, and the longest answer.
        let reserve = price.of(u64::from(profile.num_ctx), u64::from(profile.output_max));
        let now = self.factory.now_ms();
        self.keep(mission.intend_call(fence, call, &chosen.model, reserve, now));
        let answered = alai_fleet::chat(&chosen.provider, request, &|| self.cancel.is_cancelled());
        let now = self.factory.now_ms();
        let recorded = match &answered {
            Ok(reply) => {
                self.made += 1;
                mission.record_call(fence, row(call, reply, price), now)
            }
            // The words of a host may hold what was sent to it.
            Err(e) => mission.call_failed(fence, call, &alai_minion::redact(&e.to_string()), now),
        };
        self.keep(recorded);
        answered
    }

    /// The end of asking: the store's refusal to take a record, if there was one.
    pub(crate) fn end(self) -> Result<(), RunError> {
        self.lost.map_or(Ok(()), |e| Err(e.into()))
    }

    fn keep(&mut self, recorded: Result<(), MissionError>) {
        if let Err(e) = recorded {
            self.cancel.cancel();
            self.lost.get_or_insert(e);
        }
    }
}

fn row(call: u32, reply: &ChatReply, price: Price) -> Call {
    Call {
        call,
        model: reply.model.clone(),
        mode: reply.mode,
        prompt_tokens: reply.usage.prompt_tokens,
        output_tokens: reply.usage.output_tokens,
        cost_microusd: price.of(reply.usage.prompt_tokens, reply.usage.output_tokens),
    }
}
