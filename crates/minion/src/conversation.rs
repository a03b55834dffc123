//! One conversation with a model, kept within its context window.
//!
//! What no longer fits is never dropped silently: old tool results go first, then the large arguments of old calls, each
//! leaving a note; the task and the last messages stay. Of these, what the agent itself wrote goes when nothing else helps:
//! one oversized file must not end a run that can read it again. When that is not enough the step ends.

use alai_fleet::{Message, ToolSpec};
use serde_json::Value;

/// Messages at the end that are never pruned: the agent is at work with them.
const KEPT_AT_END: usize = 6;
/// The system prompt and the task.
const KEPT_AT_START: usize = 2;
/// Bytes of one token. English and code lie near 4; 3 is the safe side, and counts one token for a CJK character.
const BYTES_PER_TOKEN: usize = 3;
/// Tokens a chat template puts around each message.
const TOKENS_PER_MESSAGE: usize = 8;
/// Pruning goes down to this share of the budget, in percent: each pruning spoils the server's prefix cache, so it shall
/// happen seldom.
const PRUNED_TO_PERCENT: usize = 70;
/// A message at the end that takes more than this part of the budget is too large to be worked with: a sixth, since six stay.
const LARGE_SHARE: usize = KEPT_AT_END;
/// Smaller results are not worth the note that would replace them.
const PRUNED_BYTES_MIN: usize = 200;

/// The messages so far.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    pub(crate) messages: Vec<Message>,
}

/// The conversation cannot be made to fit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) tokens: usize,
    pub(crate) budget: usize,
}

impl Conversation {
    pub(crate) fn new(system: String, user: String) -> Conversation {
        Conversation {
            messages: vec![
                Message::System { text: system },
                Message::User { text: user },
            ],
        }
    }

    /// Prunes until the conversation fits `budget` tokens together with the tools. Says whether it pruned.
    pub(crate) fn fit(&mut self, tools: &[ToolSpec], budget: usize) -> Result<bool, TooLong> {
        let fixed = tokens_of_tools(tools);
        if self.tokens() + fixed <= budget {
            return Ok(false);
        }
        let target = (budget * PRUNED_TO_PERCENT / 100).saturating_sub(fixed);
        let end = self.messages.len().saturating_sub(KEPT_AT_END);
        for prune in [prune_result, prune_arguments] {
            for index in KEPT_AT_START..end {
                if self.tokens() <= target {
                    return Ok(true);
                }
                prune(&mut self.messages[index]);
            }
        }
        for message in &mut self.messages[end.max(KEPT_AT_START)..] {
            if tokens_of(std::slice::from_ref(message)) > budget / LARGE_SHARE {
                prune_arguments(message);
            }
        }
        let tokens = self.tokens() + fixed;
        if tokens <= budget {
            Ok(true)
        } else {
            Err(TooLong { tokens, budget })
        }
    }

    pub(crate) fn tokens(&self) -> usize {
        tokens_of(&self.messages)
    }
}

/// Tokens of messages, on the safe side.
pub(crate) fn tokens_of(messages: &[Message]) -> usize {
    messages
        .iter()
        .map(|message| bytes_of(message).div_ceil(BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE)
        .sum()
}

/// Tokens for the prompt when `output_max` of `num_ctx` are kept for the answer.
pub(crate) fn budget(num_ctx: u32, output_max: u32) -> usize {
    usize::try_from(num_ctx.saturating_sub(output_max)).unwrap_or(usize::MAX)
}

/// Bytes of text that fit into so many tokens.
pub(crate) fn bytes_in(tokens: usize) -> usize {
    tokens.saturating_mul(BYTES_PER_TOKEN)
}

pub(crate) fn tokens_of_tools(tools: &[ToolSpec]) -> usize {
    let bytes = tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + tool.parameters.to_string().len());
    bytes.sum::<usize>().div_ceil(BYTES_PER_TOKEN)
}

fn bytes_of(message: &Message) -> usize {
    match message {
        Message::System { text } | Message::User { text } => text.len(),
        Message::Assistant { text, calls } => {
            let arguments = |call: &alai_fleet::ToolCall| {
                call.name.len()
                    + call
                        .arguments
                        .iter()
                        .map(|(k, v)| k.len() + bytes_of_value(v))
                        .sum::<usize>()
            };
            text.len() + calls.iter().map(arguments).sum::<usize>()
        }
        Message::Tool { name, text, .. } => name.len() + text.len(),
    }
}

fn bytes_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string().len()
        }
    }
}

fn note(bytes: usize) -> String {
    format!("[pruned: {bytes} bytes; read again if needed]")
}

fn prune_result(message: &mut Message) {
    if let Message::Tool { text, .. } = message
        && text.len() >= PRUNED_BYTES_MIN
    {
        *text = note(text.len());
    }
}

fn prune_arguments(message: &mut Message) {
    let Message::Assistant { calls, .. } = message else {
        return;
    };
    for value in calls
        .iter_mut()
        .flat_map(|call| call.arguments.values_mut())
    {
        if let Value::String(text) = value
            && text.len() >= PRUNED_BYTES_MIN
        {
            *text = note(text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alai_fleet::ToolCall;

    fn turn(conversation: &mut Conversation, id: usize, argument: usize, result: usize) {
        let mut arguments = serde_json::Map::new();
        arguments.insert("content".into(), "a".repeat(argument).into());
        let calls = vec![ToolCall {
            id: id.to_string(),
            name: "write".into(),
            arguments,
        }];
        conversation.messages.push(Message::Assistant {
            text: String::new(),
            calls,
        });
        let text = format!("{id}{}", "r".repeat(result));
        conversation.messages.push(Message::Tool {
            call_id: id.to_string(),
            name: "write".into(),
            text,
        });
    }

    fn long() -> Conversation {
        let mut conversation = Conversation::new("system".into(), "t".repeat(3_000));
        for id in 0..8 {
            turn(&mut conversation, id, 600, 3_000);
        }
        conversation
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut conversation = long();
        let before = conversation.messages.clone();
        assert_eq!(conversation.fit(&[], 100_000), Ok(false));
        assert_eq!(conversation.messages, before);
    }

    #[test]
    fn the_oldest_results_go_first_and_the_task_and_the_end_stay() {
        let mut conversation = long();
        let before = conversation.messages.clone();
        let budget = conversation.tokens() - 500;
        assert_eq!(conversation.fit(&[], budget), Ok(true));
        assert!(conversation.tokens() <= budget);
        assert_eq!(conversation.messages[..2], before[..2]);
        assert_eq!(
            conversation.messages[before.len() - 6..],
            before[before.len() - 6..]
        );
        let Message::Tool { text, .. } = &conversation.messages[3] else {
            panic!("a result")
        };
        assert_eq!(text, "[pruned: 3001 bytes; read again if needed]");
        assert_eq!(
            conversation.messages[2], before[2],
            "arguments go only after all results"
        );
    }

    #[test]
    fn then_old_arguments_go_and_then_it_is_too_long() {
        let mut conversation = long();
        let before = conversation.messages.clone();
        assert_eq!(conversation.fit(&[], 5_500), Ok(true));
        let Message::Assistant { calls, .. } = &conversation.messages[2] else {
            panic!("a call")
        };
        assert_eq!(
            calls[0].arguments["content"],
            "[pruned: 600 bytes; read again if needed]"
        );
        let too_long = conversation
            .fit(&[], 2_000)
            .expect_err("six messages alone are longer");
        assert_eq!(too_long.budget, 2_000);
        assert_eq!(conversation.messages[1], before[1]);
    }

    #[test]
    fn one_oversized_file_does_not_end_the_step() {
        let mut conversation = Conversation::new("system".into(), "task".into());
        turn(&mut conversation, 0, 300_000, 40);
        turn(&mut conversation, 1, 900, 40);
        assert_eq!(conversation.fit(&[], 20_000), Ok(true));
        let arguments = |at: usize| {
            let Message::Assistant { calls, .. } = &conversation.messages[at] else {
                panic!("a call")
            };
            calls[0].arguments["content"].clone()
        };
        assert_eq!(arguments(2), "[pruned: 300000 bytes; read again if needed]");
        assert_eq!(
            arguments(4),
            "a".repeat(900),
            "the agent is at work with it"
        );
    }

    #[test]
    fn tools_count() {
        let mut conversation = Conversation::new("s".into(), "u".into());
        let tools = crate::tools::specs(
            &alai_core::blueprint::ToolName::ALL,
            &crate::tools::Lent::default(),
            alai_fleet::EditFormat::Replace,
            &[],
        );
        assert!(conversation.fit(&tools, 100).is_err());
    }
}
