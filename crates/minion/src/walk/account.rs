//! What is written down as it happens: requests before they are sent, calls that brought nothing, people's words, whole outputs.

use alai_core::money;
use alai_core::record::Captured;
use alai_fleet::{ChatError, ChatReply, ChatRequest, Message};

use super::{Walk, lost};
use crate::conversation::Conversation;
use crate::engine::Session;
use crate::hand::HandError;
use crate::recorder::{Event, worth};
use crate::report::ExitStatus;

/// What a person has said to the run since it was last asked, oldest first; each word is given once.
pub type Words<'a> = &'a mut dyn FnMut() -> Vec<Word>;

/// A person's word to a run that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Which of the words to this run, from 1.
    pub number: i64,
    pub by: String,
    pub text: String,
}

impl Walk<'_> {
    /// One call, written down before it is made.
    pub(super) fn call(
        &mut self,
        request: &ChatRequest,
    ) -> Result<Result<ChatReply, ChatError>, ExitStatus> {
        let recorded = self.recorder.request(request);
        recorded.map_err(|e| ExitStatus::Killed {
            detail: e.to_string(),
        })?;
        Ok((self.ask)(request))
    }

    pub(super) fn told_failure(&mut self, step: &str, error: &ChatError) -> Result<(), ExitStatus> {
        self.record(&Event::Failed {
            step,
            class: error.class,
            message: &error.message,
        })
    }

    /// Takes what people have said since the last turn into a conversation, marked as theirs: what an agent reads in files
    /// can look like anything, but cannot come as a message of its own. Where no call can follow nobody hears them.
    pub(crate) fn hear(
        &mut self,
        step: &str,
        conversation: &mut Conversation,
    ) -> Result<(), ExitStatus> {
        self.may_ask()?;
        for text in self.new_words(step)? {
            self.say(step, conversation, Message::User { text })?;
        }
        Ok(())
    }

    /// The same words for a program whose session goes on; none where nothing was said.
    pub(crate) fn said(&mut self, step: &str) -> Result<Option<String>, ExitStatus> {
        let texts = self.new_words(step)?;
        for text in &texts {
            let message = Message::User { text: text.clone() };
            self.record(&Event::Message {
                step,
                message: &message,
            })?;
        }
        Ok((!texts.is_empty()).then(|| texts.join("\n\n")))
    }

    fn new_words(&mut self, step: &str) -> Result<Vec<String>, ExitStatus> {
        let mut texts = Vec::new();
        for word in (self.words)() {
            self.record(&Event::Word {
                step,
                number: word.number,
                by: &word.by,
                text: &word.text,
            })?;
            texts.push(format!(
                "[{}, a person in charge of this task, says while you work:]\n{}",
                word.by, word.text
            ));
        }
        Ok(texts)
    }

    /// Counts what a program's session used.
    pub(crate) fn used(&mut self, session: &Session, calls: u32, failed: u32) {
        let add = u64::saturating_add;
        self.turns = self.turns.saturating_add(session.turns);
        self.usage.prompt_tokens = add(self.usage.prompt_tokens, session.usage.prompt_tokens);
        self.usage.output_tokens = add(self.usage.output_tokens, session.usage.output_tokens);
        // What a subscription pays is not spent.
        if let (Some(cost), Some(money::Word::Measured | money::Word::Estimated)) =
            (session.cost_microusd, session.cost_word)
        {
            self.cost_microusd = add(self.cost_microusd, cost);
        }
        let tally = self.log.tools.entry(session.engine.as_str()).or_default();
        tally.0 = tally.0.saturating_add(calls);
        tally.1 = tally.1.saturating_add(failed);
    }

    /// Keeps all that a command wrote beside the trajectory.
    pub(super) fn keep_output(
        &mut self,
        step: &str,
        captured: &Captured,
    ) -> Result<(), ExitStatus> {
        let written = captured.record.stdout_bytes + captured.record.stderr_bytes;
        let mut full = None;
        if captured.truncated && self.recorder.keeps_outputs() {
            match self.hand.output(worth(written), self.cancel) {
                Ok(bytes) => full = Some(bytes),
                // The space for it was spent inside; its two ends are kept.
                Err(HandError::Refused(_)) => {}
                Err(error) => return Err(lost(error)),
            }
        }
        let kept = self.recorder.output(captured, full.as_deref());
        let kept = kept.map_err(|e| ExitStatus::Killed {
            detail: e.to_string(),
        })?;
        self.record(&Event::Command {
            step,
            record: &captured.record,
            log: kept.as_ref().map(|kept| kept.name.as_str()),
            whole: kept.as_ref().map_or(written == 0, |kept| kept.whole),
        })
    }
}
