//! Calls in every dialect with hostile values: whole ones are found as they were meant, and never where they are an example, a
//! draft or a copy; of broken ones only what fits a tool is taken.

use alai_testkit::fuzz::{self, Dice};
use serde_json::json;

use super::judge::{fits, judge, tools};
use super::*;
use crate::chat::ToolCall;
use crate::tagged;

pub(crate) const PIECES: [&str; 34] = [
    "\n",
    "\r\n",
    " ",
    "a",
    "é",
    "x = 1;",
    "```",
    "~~~",
    "`",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\n",
    ",",
    ":",
    "<",
    "<tool_call>",
    "</tool_call>",
    "<function=read>",
    "</function>",
    "<parameter=path>",
    "</parameter>",
    "<think>",
    "</think>",
    "END_0",
    "\0",
    "\u{2060}",
    "<|im_end|>",
    "<|tool_call_begin|>",
    "<|tool_call_end|>",
    "{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}",
];

/// A call of a tool that writes, with values of anything.
pub(crate) fn call(dice: &mut Dice) -> ToolCall {
    let mut value = || {
        let text = dice.text(&PIECES, 8);
        format!("v{text}")
    };
    let (name, arguments) = match value().len() % 3 {
        0 => ("read", json!({"path": value()})),
        1 => ("write", json!({"path": value(), "content": value()})),
        _ => (
            "edit",
            json!({"path": value(), "old": value(), "new": value(), "all": true}),
        ),
    };
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    ToolCall {
        id: String::new(),
        name: name.to_owned(),
        arguments,
    }
}

/// How a call can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Hermes,
    Kimi,
    Qwen,
    Bare,
    Fenced,
}

fn write(call: &ToolCall, dialect: Dialect) -> String {
    let json = json!({"name": call.name, "arguments": call.arguments});
    match dialect {
        Dialect::Hermes => format!("<tool_call>\n{json}\n</tool_call>"),
        Dialect::Kimi => format!(
            "<|tool_call_begin|>functions.{}:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
            call.name,
            Value::Object(call.arguments.clone())
        ),
        Dialect::Qwen => tagged::render(call),
        Dialect::Bare => json.to_string(),
        Dialect::Fenced => format!("```json\n{json}\n```"),
    }
}

fn pairs(found: &Found) -> Vec<(String, Map<String, Value>)> {
    let pair = |call: &Written| (call.name.clone(), call.arguments.clone());
    found.calls.iter().map(pair).collect()
}

#[test]
fn salvage() {
    fuzz::run("salvage", |dice| {
        let tools = tools();
        let call = call(dice);
        let dialects = [
            Dialect::Hermes,
            Dialect::Kimi,
            Dialect::Qwen,
            Dialect::Bare,
            Dialect::Fenced,
        ];
        let dialect = *dice.pick(&dialects);
        let bare = write(&call, dialect);
        let whole_message = matches!(dialect, Dialect::Bare | Dialect::Fenced);
        let text = match whole_message {
            true => bare.clone(),
            false => format!("I look.\n{bare}\n"),
        };
        let found = calls_in(&text, &tools);
        assert_eq!(
            pairs(&found),
            [(call.name.clone(), call.arguments.clone())],
            "{text:?}"
        );

        let numbered: String = bare
            .lines()
            .enumerate()
            .map(|(n, line)| format!("{n:>4}| {line}\n"))
            .collect();
        for shown in [text.clone(), numbered] {
            let message = Message::Tool {
                call_id: "c".to_owned(),
                name: "read".to_owned(),
                text: shown,
            };
            let copied = found.clone().own(&text, &[message]);
            assert!(
                copied.calls.is_empty() && copied.refused.is_some(),
                "{text:?}"
            );
        }
        // JSON has no line ends of its own, so nothing in it closes a fence or a reasoning that is opened around it.
        if matches!(dialect, Dialect::Hermes | Dialect::Kimi) {
            let fenced = format!("So:\n~~~~~\n{bare}\n~~~~~\n");
            assert_eq!(pairs(&calls_in(&fenced, &tools)), [], "{fenced:?}");
            if !bare.contains(crate::thinking::CLOSE) {
                let thought = format!("So:\n<think>\n{bare}\n");
                assert_eq!(pairs(&calls_in(&thought, &tools)), [], "{thought:?}");
            }
        }
        let broken = dice.mutated(&text, &PIECES);
        judge(&broken);
    });
}

/// Each opener that asks for an end, a megabyte of them: whoever looked for each end from each opener would not come back.
#[test]
fn a_megabyte_of_openers_is_read_in_one_pass() {
    let tools = tools();
    let mut openers: Vec<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
    openers.extend(
        [
            "<tool_call>{",
            "\n<tool_call>{\"name\":",
            "<function=write>\n<parameter=content>\n",
            "\n<function=",
            " <tool_call>{",
            "</parameter>\n<parameter=x>\n",
            "<|tool_call_begin|>read:0<|tool_call_argument_begin|>{",
            "\n<think>\n",
            "\n<think></think>",
            "</tool_call>",
            "\n</tool_call>\n",
            "<|tool_calls_section_begin|>",
            "{\"a\":[",
            "[[",
            ", ",
            "```json\n",
            "\n```",
            "<parameter=a until=b>\n",
            "\nb\n</parameter>",
        ]
        .map(str::to_owned),
    );
    for opener in openers {
        for (before, bytes) in [
            ("", 1 << 20),
            ("<function=write>\n<parameter=path>\n", 1 << 18),
        ] {
            let text = format!("{before}{}", opener.repeat(bytes / opener.len()));
            let found = calls_in(&text, &tools).own(&text, &[Message::User { text: text.clone() }]);
            assert!(found.calls.iter().all(fits), "{opener:?}");
            assert!(
                tagged::decode(&text, &tools).calls.iter().all(fits),
                "{opener:?}"
            );
            tagged::stopped_early(&text, &tools);
            let (thought, rest) = crate::thinking::split(&text);
            assert!(thought.len() + rest.len() <= text.len(), "{opener:?}");
        }
    }
}

/// Whoever kept for each call what its list was read from would take the square of its length, in bytes.
#[test]
fn a_megabyte_of_calls_is_no_call() {
    let tools = tools();
    let one = json!({"name": "read", "arguments": {"path": "a"}}).to_string();
    let times = (1 << 20) / one.len();
    let list = format!("[{}]", vec![one.as_str(); times].join(","));
    for text in [
        list.clone(),
        format!("{{\"tool_calls\": {list}}}"),
        format!("<tool_call>\n{list}\n</tool_call>"),
        format!("```json\n{list}\n```"),
        format!("```json\n{one}\n```\n").repeat(times),
        format!("{one}\n").repeat(times),
    ] {
        let found = calls_in(&text, &tools);
        assert!(found.calls.is_empty(), "{}", found.calls.len());
        judge(&text);
    }
}
