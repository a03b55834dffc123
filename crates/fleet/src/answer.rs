//! One answer, grown from events: the same for every dialect.

use crate::chat::{Finish, Usage};
use crate::error::{ErrorClass, Fault};
use crate::event::{Event, RawCall};

/// Calls in one answer. More is a loop in the model, not a plan.
pub(crate) const CALLS_MAX: usize = 64;

/// What has come so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) calls: Vec<RawCall>,
    pub(crate) model: String,
    /// 0 where the server counted nothing.
    pub(crate) usage: Usage,
    /// None until the answer has ended.
    pub(crate) finish: Option<Finish>,
}

impl Answer {
    pub(crate) fn take(&mut self, event: &Event) -> Result<(), Fault> {
        match event {
            Event::Model(name) => self.model.clone_from(name),
            Event::Reasoning(piece) => self.thinking.push_str(piece),
            Event::Text(piece) => self.text.push_str(piece),
            Event::ToolCall(call) | Event::CutCall(call) => {
                if self.calls.len() == CALLS_MAX {
                    return Err(too_many_calls());
                }
                self.calls.push(call.clone());
            }
            Event::Usage(usage) => self.usage = *usage,
            Event::Done(finish) => self.finish = Some(*finish),
            Event::Again => *self = Answer::default(),
        }
        Ok(())
    }

    /// Whether nothing of the model's has come yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.thinking.is_empty() && self.calls.is_empty()
    }
}

pub(crate) fn too_many_calls() -> Fault {
    Fault::new(
        ErrorClass::Malformed,
        format!("the model made more than {CALLS_MAX} tool calls in one answer"),
    )
}
