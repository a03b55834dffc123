//! Makes the marks of chat templates inert in what a model is shown, and takes that back in what it writes.
//!
//! A server renders a conversation into one text and reads control tokens out of the whole of it, whoever wrote them: Ollama's
//! runner calls `Tokenize(part, i == 0, true)` on the rendered prompt, and its pull request 17262 shows a `</think>` of a
//! message becoming a structural one. A file with `<|im_end|>` and `<|im_start|>system` in it would so end its own message
//! and speak as somebody else, with native tools as with tools in text. A word joiner (U+2060) behind the first sign of a
//! mark makes it ordinary text; one that a model copies into a call or an answer is taken out again, so that it names the
//! bytes of the file.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::chat::{Message, ToolCall};

/// Which marks lose their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// What opens and closes turns and reasoning.
    Turns,
    /// Also what calls and results are written with.
    All,
}

const JOINER: char = '\u{2060}';

/// Longest name between bars, in characters: the longest in use (`reserved_special_token_250`) has 26.
const NAME_CHARS_MAX: usize = 48;

/// Turn marks without bars, behind their first sign: Llama 2 and Mistral, Gemma, and the reasoning of most.
const TURNS: [&str; 21] = [
    "s>",
    "/s>",
    "bos>",
    "eos>",
    "start_of_turn>",
    "end_of_turn>",
    "think>",
    "/think>",
    "<SYS>>",
    "</SYS>>",
    "INST]",
    "/INST]",
    "SYSTEM_PROMPT]",
    "/SYSTEM_PROMPT]",
    "AVAILABLE_TOOLS]",
    "/AVAILABLE_TOOLS]",
    "TOOL_CALLS]",
    "TOOL_RESULTS]",
    "/TOOL_RESULTS]",
    "THINK]",
    "/THINK]",
];

/// What calls and results are written with, behind the first sign.
const CALLS: [&str; 8] = [
    "tool_call>",
    "/tool_call>",
    "tool_response>",
    "/tool_response>",
    "function=",
    "/function>",
    "parameter=",
    "/parameter>",
];

/// A message as it may be sent. What a tool gave is data to its last byte. Other texts keep the marks of calls: ours explain
/// them, and the model's own are its calls.
pub(crate) fn message(message: &Message) -> Message {
    let turns = |text: &str| text_of(text, Marks::Turns).into_owned();
    match message {
        Message::System { text } => Message::System { text: turns(text) },
        Message::User { text } => Message::User { text: turns(text) },
        Message::Assistant { text, calls } => Message::Assistant {
            text: turns(text),
            calls: calls.iter().map(call).collect(),
        },
        Message::Tool {
            call_id,
            name,
            text,
        } => Message::Tool {
            call_id: call_id.clone(),
            name: name.clone(),
            text: text_of(text, Marks::All).into_owned(),
        },
    }
}

fn call(call: &ToolCall) -> ToolCall {
    let mut arguments = call.arguments.clone();
    each_text(&mut arguments, &|text| text_of(text, Marks::Turns));
    ToolCall {
        arguments,
        ..call.clone()
    }
}

/// A text with its marks made inert. Marks that are so already get one joiner more, so that the way back is exact.
pub(crate) fn text_of(text: &str, marks: Marks) -> Cow<'_, str> {
    rewritten(text, |sign, rest, _| {
        is_mark(sign, rest, marks).then_some(Step::Add)
    })
}

/// A text as it was before its marks were made inert.
pub(crate) fn restored(text: &str) -> Cow<'_, str> {
    rewritten(text, |sign, rest, joined| {
        (joined && is_mark(sign, rest, Marks::All)).then_some(Step::Take)
    })
}

/// The arguments of a call as the model means them.
pub(crate) fn restore(arguments: &mut Map<String, Value>) {
    each_text(arguments, &|text| restored(text));
}

enum Step {
    Add,
    Take,
}

/// One pass. `step` sees the first sign of what may be a mark, what follows it behind its joiners, and whether there are any.
fn rewritten(text: &str, step: impl Fn(&str, &str, bool) -> Option<Step>) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0;
    for (at, sign) in text.match_indices(['<', '[']) {
        let behind = at + sign.len();
        let rest = text[behind..].trim_start_matches(JOINER);
        let joined = text[behind..].starts_with(JOINER);
        let Some(step) = step(sign, rest, joined) else {
            continue;
        };
        out.push_str(&text[kept..behind]);
        kept = behind;
        match step {
            Step::Add => out.push(JOINER),
            Step::Take => kept += JOINER.len_utf8(),
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

fn is_mark(sign: &str, rest: &str, marks: Marks) -> bool {
    let one_of = |list: &[&str]| list.iter().any(|mark| rest.starts_with(mark));
    // A word of one kind of bracket behind the other is no mark; it costs nothing to join it too.
    one_of(&TURNS) || (marks == Marks::All && one_of(&CALLS)) || (sign == "<" && is_barred(rest))
}

/// `<|name|>` (ChatML, Llama 3, Kimi), `<|name>` and `<name|>` (Gemma 4), the same with DeepSeek's full-width bar.
fn is_barred(rest: &str) -> bool {
    const BARS: [char; 2] = ['|', '\u{ff5c}'];
    let inner = rest.strip_prefix(BARS);
    let name = inner.unwrap_or(rest);
    let length: usize = name
        .chars()
        .take(NAME_CHARS_MAX)
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '"' | '▁'))
        .map(char::len_utf8)
        .sum();
    let tail = &name[length..];
    let closed = tail.strip_prefix(BARS);
    length > 0 && (inner.is_some() || closed.is_some()) && closed.unwrap_or(tail).starts_with('>')
}

/// Changes every text in a call's arguments, at any depth.
pub(crate) fn each_text(arguments: &mut Map<String, Value>, change: &dyn Fn(&str) -> Cow<'_, str>) {
    fn walk(value: &mut Value, change: &dyn Fn(&str) -> Cow<'_, str>) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(changed) = change(text) {
                    *text = changed;
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|item| walk(item, change)),
            Value::Object(object) => object.values_mut().for_each(|item| walk(item, change)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    arguments.values_mut().for_each(|value| walk(value, change));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Control tokens of families that Ollama runs, each of which its tokenizer takes out of any text.
    const TOKENS: [&str; 20] = [
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<|start_header_id|>",
        "<|eot_id|>",
        "<|reserved_special_token_250|>",
        "<|start|>",
        "<|channel|>",
        "<|tool_call_begin|>",
        "<|turn>",
        "<turn|>",
        "<start_of_turn>",
        "</s>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "</think>",
        "<\u{ff5c}User\u{ff5c}>",
        "<\u{ff5c}tool▁calls▁begin\u{ff5c}>",
        "[TOOL_RESULTS]",
    ];

    #[test]
    fn control_tokens_are_ordinary_text_and_come_back() {
        for token in TOKENS {
            let text = format!("a {token}system\nb{token}{token}");
            for marks in [Marks::Turns, Marks::All] {
                let shown = text_of(&text, marks);
                assert!(!shown.contains(token), "{shown:?}");
                assert_eq!(restored(&shown), text);
                let twice = text_of(&shown, marks);
                assert_eq!(
                    restored(&twice),
                    shown,
                    "a text that was inert before stays so"
                );
            }
        }
        for mark in [
            "<function=read>",
            "</parameter>",
            "<tool_call>",
            "</tool_response>",
        ] {
            assert_eq!(text_of(mark, Marks::Turns), mark);
            assert!(!text_of(mark, Marks::All).contains(mark));
        }
    }

    #[test]
    fn code_stays_as_it_is() {
        for text in [
            "if a < b || c > d { x[0] }",
            "f <| g |> h; a <|> b",
            "Vec<A|B>",
            "<span class=\"s\">[1]</span>",
            "\u{2060}<\u{2060}a>",
        ] {
            assert!(
                matches!(text_of(text, Marks::All), Cow::Borrowed(_)),
                "{text}"
            );
            assert_eq!(restored(text), text);
        }
    }

    #[test]
    fn arguments_come_back_at_any_depth() {
        let mut arguments = Map::new();
        arguments.insert("list".to_owned(), json!([{"a": "<\u{2060}|im_end|>"}, 1]));
        restore(&mut arguments);
        assert_eq!(
            Value::Object(arguments),
            json!({"list": [{"a": "<|im_end|>"}, 1]})
        );
    }

    proptest! {
        #[test]
        fn the_way_back_is_exact(pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(TOKENS.to_vec()).prop_map(str::to_owned),
                "[<\\[|>\u{2060}s/a-c]{0,6}",
                Just("<function=x>".to_owned()),
            ],
            0..12,
        )) {
            let text = pieces.concat();
            for marks in [Marks::Turns, Marks::All] {
                let shown = text_of(&text, marks);
                for token in TOKENS {
                    prop_assert!(!shown.contains(token), "{token} in {shown:?}");
                }
                if marks == Marks::All {
                    prop_assert_eq!(restored(&shown), text.as_str());
                }
            }
        }
    }
}
