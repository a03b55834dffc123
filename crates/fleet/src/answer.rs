//! One answer, grown from events: the same for every dialect.

use crate::chat::{Finish, Usage};
use crate::error::{ErrorClass, Fault};
use crate::event::{Event, RawCall};

/// Calls in one answer. More is a loop in the model, not a plan.
pub(crate) const CALLS_MAX: usize = 64;

/// Tokens beyond this are no count: no model has a window a tenth as large, and a sum over a few such numbers would overflow.
const TOKENS_MAX: u64 = 100_000_000;

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
            Event::Usage(usage) => self.usage = plausible(*usage),
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

/// A server's counts without those that cannot be: these were not counted.
fn plausible(usage: Usage) -> Usage {
    let or_none = |count: u64| match count > TOKENS_MAX {
        true => 0,
        false => count,
    };
    Usage {
        prompt_tokens: or_none(usage.prompt_tokens),
        output_tokens: or_none(usage.output_tokens),
        cache_read_tokens: or_none(usage.cache_read_tokens),
        cache_write_tokens: or_none(usage.cache_write_tokens),
    }
}

pub(crate) fn too_many_calls() -> Fault {
    Fault::new(
        ErrorClass::Malformed,
        format!("the model made more than {CALLS_MAX} tool calls in one answer"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_cannot_be_is_none() {
        let mut answer = Answer::default();
        let said = Usage {
            prompt_tokens: u64::MAX,
            output_tokens: TOKENS_MAX,
            cache_read_tokens: TOKENS_MAX + 1,
            cache_write_tokens: 7,
        };
        answer.take(&Event::Usage(said)).expect("taken");
        let kept = Usage {
            prompt_tokens: 0,
            output_tokens: TOKENS_MAX,
            cache_read_tokens: 0,
            cache_write_tokens: 7,
        };
        assert_eq!(answer.usage, kept);
    }
}
