//! The calls of one run to its model: what each may cost is held before it and booked after it, and one that no cap allows is not
//! made.

use std::sync::Arc;

use alai_core::money::{Caps, Refused, Tariff, Word};
use alai_fleet::{
    ChatError, ChatReply, ChatRequest, ErrorClass, Spent, Usage, chat_heard, chat_recorded,
};
use alai_mission::{Call, Intent, MissionError};
use alai_workspace::command::Cancel;

use super::{Desk, reach};
use crate::beat::Factory;
use crate::models::Reach;
use crate::money;
use crate::run::RunError;
use crate::saying::Teller;

/// What a run's calls are held to beside the settings.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) caps: Caps,
    /// Milliseconds since the Unix epoch.
    pub(crate) until_ms: i64,
}

/// Counts and records what a run asks. No answer is used before it is in the ledger.
pub(crate) struct Calls<'a> {
    factory: &'a Arc<Factory>,
    desk: &'a Desk,
    cancel: &'a Cancel,
    /// Calls whose number is used: one that was answered with an error before anything was used gives its number back.
    made: u32,
    /// Narrower caps than those of the settings, and when the run's own time is over.
    bounds: Option<Bounds>,
    /// Why the store took no record: the run is over.
    lost: Option<MissionError>,
    /// Which rule did not let a call begin: the run is over.
    refused: Option<Refused>,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(factory: &'a Arc<Factory>, desk: &'a Desk, cancel: &'a Cancel) -> Calls<'a> {
        Calls {
            factory,
            desk,
            cancel,
            made: 0,
            bounds: None,
            lost: None,
            refused: None,
        }
    }

    /// The same with numbers from `first` on, for calls that are made beside the run's own.
    pub(crate) fn numbered(self, first: u32) -> Calls<'a> {
        Calls {
            made: first,
            ..self
        }
    }

    /// The same within bounds of its own.
    pub(crate) fn bounded(self, bounds: Bounds) -> Calls<'a> {
        Calls {
            bounds: Some(bounds),
            ..self
        }
    }

    fn is_late(&self) -> bool {
        let until_ms = self.bounds.as_ref().map(|bounds| bounds.until_ms);
        until_ms.is_some_and(|until_ms| self.factory.now_ms() >= until_ms)
    }

    /// Asks the model. A crash before the receipt leaves the call as unknown, not as never made.
    pub(crate) fn chat(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        self.begin(request)?;
        let (mission, fence) = (self.factory.mission(), &self.desk.fence);
        let provider = &self.desk.chosen.provider;
        let models = self.factory.models();
        models.taken(&self.desk.chosen, self.factory.now_ms());
        let cancelled = || self.cancel.is_cancelled() || self.is_late();
        let now_ms = || self.factory.now_ms();
        let mut teller = Teller::new(self.factory.home(), &fence.run, provider, &now_ms);
        let mut has_begun = false;
        let mut hear = |event: &alai_fleet::Event| {
            has_begun = *event != alai_fleet::Event::Again;
            teller.hear(event);
        };
        let answered = match models.recorder() {
            Some(recorder) => {
                chat_recorded(provider, request, &cancelled, &mut hear, &recorder, &now_ms)
            }
            None => chat_heard(provider, request, &cancelled, &mut hear),
        };
        drop(teller);
        let now = self.factory.now_ms();
        let class = answered.as_ref().err().map(|e| e.class);
        let is_lost = match has_begun {
            true => models.heard(&self.desk.chosen, class, now),
            false => models.heard_nothing_of(&self.desk.chosen, class, now),
        };
        if is_lost {
            // The next run should know whether the host is down, and go to another one.
            self.factory.look_soon();
        }
        let recorded = match &answered {
            Ok(reply) => mission.settle(fence, self.row(reply), now),
            Err(e) => self.book(e, now),
        };
        self.made += u32::from(match &answered {
            Ok(_) => true,
            Err(e) => self.is_used(&e.spent),
        });
        self.keep(recorded);
        answered
    }

    /// Books a call that gave no reply: what its host counted, its worst case where nobody knows, else nothing.
    fn book(&self, e: &ChatError, now_ms: i64) -> Result<(), MissionError> {
        let (mission, fence, call) = (self.factory.mission(), &self.desk.fence, self.made);
        match &e.spent {
            Spent::Counted(usage) if self.is_used(&e.spent) => {
                let counted = self.counted(&self.desk.chosen.model, **usage, false);
                mission.settle(fence, counted, now_ms)
            }
            Spent::Unknown if self.is_used(&e.spent) => mission.leave_unknown(fence, call, now_ms),
            // The words of a host may hold what was sent to it.
            Spent::Nothing | Spent::Counted(_) | Spent::Unknown => {
                let why = alai_minion::redact(&e.to_string()).into_owned();
                mission.release(fence, call, &why, now_ms)
            }
        }
    }

    /// Whether a call that failed so keeps its number: somebody pays for it.
    fn is_used(&self, spent: &Spent) -> bool {
        match self.desk.tariff {
            Tariff::Metered(_) => *spent != Spent::Nothing,
            Tariff::Flat(_) => matches!(spent, Spent::Counted(_)),
            Tariff::Own | Tariff::Told | Tariff::Unpriced => false,
        }
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
        if self.is_late() {
            let why = "the time of its thread is over";
            return Err(self.unasked(ErrorClass::TimedOut, why.to_owned()));
        }
        // A person may have closed the project to other machines since the run began.
        let task = self.factory.mission().task(self.desk.fence.task);
        let reach = task.map_or(Reach::Near, |task| reach(self.factory, &task));
        if !self.factory.models().is_within(chosen, reach) {
            let why = "the project is `local_only` now, and this host is none of your own";
            return Err(self.unasked(ErrorClass::Refused, why.to_owned()));
        }
        // A call that may have to ask twice holds both answers.
        let asks = alai_fleet::asks_max(&chosen.provider, request);
        let prompt_max = money::prompt_max(request, self.is_paid()).saturating_mul(asks);
        let output_max = u64::from(request.profile.output_max).saturating_mul(asks);
        let intent = Intent {
            call: self.made,
            model: chosen.model.clone(),
            company: Some(self.desk.company.name.clone()),
            mode: chosen.provider.mode(),
            cost: self.desk.tariff.cost(prompt_max, output_max),
        };
        let caps = match &self.bounds {
            Some(bounds) => &bounds.caps,
            None => &self.factory.config().money.caps,
        };
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
        self.counted(&reply.model, reply.usage, reply.usage_estimated)
    }

    fn counted(&self, model: &str, usage: Usage, is_estimated: bool) -> Call {
        let tokens = usage.tokens();
        let tariff = &self.desk.tariff;
        Call {
            call: self.made,
            model: model.to_owned(),
            mode: self.desk.chosen.provider.mode(),
            tokens,
            cost_microusd: tariff.of(tokens),
            word: match (tariff, is_estimated) {
                (Tariff::Flat(_), _) => Word::ListEquivalent,
                (_, true) => Word::Estimated,
                (_, false) => Word::Measured,
            },
        }
    }

    fn unasked(&self, class: ErrorClass, message: String) -> ChatError {
        let chosen = &self.desk.chosen;
        ChatError::unsent(&chosen.provider, &chosen.model, class, message)
    }

    fn keep(&mut self, recorded: Result<(), MissionError>) {
        if let Err(e) = recorded {
            self.cancel.cancel();
            self.lost.get_or_insert(e);
        }
    }
}
