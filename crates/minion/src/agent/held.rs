//! The last try of a model whose calls cannot be read: one answer that its server holds to the form of a call.

use alai_fleet::{Message, call_form, formed};

use super::{Handed, Sitting};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::walk::Asked;

/// Whether the next answer is held to the form of a call. Once in a step: a model that needs it again does not speak the
/// protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hold {
    #[default]
    Free,
    Next,
    Spent,
}

impl Sitting<'_, '_> {
    /// One model call without tools and with the schema of a call, and what follows from it.
    ///
    /// # Errors
    /// `Format` when that is no call either.
    pub(super) fn held(
        &mut self,
        turn: u32,
        mut messages: Vec<Message>,
    ) -> Result<Option<Handed>, ExitStatus> {
        self.hold = Hold::Spent;
        let form = call_form(&self.specs);
        let shown = messages.clone();
        messages.push(Message::User { text: form.words });
        let step = self.work.step;
        let asked = self
            .walk
            .ask(step, turn, messages, Vec::new(), Some(form.schema))?;
        let read = match asked {
            Asked::Reply(reply) => formed(*reply, &shown, &self.specs),
            Asked::Malformed(why) => Err(why),
        };
        match read {
            Ok(reply) => self.reply(reply),
            Err(why) => {
                self.walk.malformed += 1;
                let said = format!("held to the form of a call, it made none: {why}");
                self.walk.record(&Event::Guard {
                    step,
                    advice: &said,
                })?;
                Err(self.walk.unread(step, &said))
            }
        }
    }
}
