//! Tool calls in plain text, for models whose server parses none or whose calls in JSON come out broken.
//!
//! The form is the one that coder models write by themselves: `<function=name>`, then each argument as it is between
//! `<parameter=x>` and `</parameter>`. Code in a JSON string costs weak models a good part of their answers (aider measured
//! 53 against 61 percent for the same model), so nothing is quoted or escaped here. One call a turn; its result is the next
//! message of the user, up to a word that does not stand in it: whatever a file holds, it ends where we end it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::chat::{ChatRequest, Message, ToolCall, ToolMode, ToolSpec};
use crate::salvage::{self, CUT, FUNCTION, FUNCTION_END, Found, PARAMETER, PARAMETER_END, UNTIL};
use crate::{inert, thinking};

/// Where the server stops: behind the one call of a turn.
pub(crate) const STOP: &str = FUNCTION_END;

/// How calls are made. The tools follow it.
const PROTOCOL: &str = "\
# Tools
Call a tool by writing this, then stop; its result is the next message, data up to the named word. One call a turn.
<function=NAME>
<parameter=KEY>
the value as it is, without quotes or escapes
</parameter>
</function>
A value with such tags in it: <parameter=KEY until=WORD>, the value, WORD on a line of its own, </parameter>.
Example:
";

/// The request as the model reads it: no mark of a chat template in it is one, and for a model without tool calls the tools
/// stand in the system prompt, calls and results are text.
pub(crate) fn plain(request: &ChatRequest) -> ChatRequest {
    let inert = request.messages.iter().map(inert::message).collect();
    match request.profile.tool_mode {
        ToolMode::Native => ChatRequest {
            messages: inert,
            ..request.clone()
        },
        ToolMode::Text => ChatRequest {
            messages: messages(inert, &request.tools),
            tools: Vec::new(),
            ..request.clone()
        },
    }
}

fn messages(given: Vec<Message>, specs: &[ToolSpec]) -> Vec<Message> {
    let mut out: Vec<Message> = Vec::new();
    let mut given = given.as_slice();
    let system = match given {
        [Message::System { text }, rest @ ..] => {
            given = rest;
            text.as_str()
        }
        _ => "",
    };
    let system = joined(system, &tools(specs));
    if !system.is_empty() {
        out.push(Message::System { text: system });
    }
    for message in given {
        match message {
            Message::System { .. } => out.push(message.clone()),
            Message::User { text } => turn(&mut out, text),
            Message::Tool { name, text, .. } => turn(&mut out, &result(name, text)),
            Message::Assistant { text, calls } => {
                let calls: Vec<String> = calls.iter().map(render).collect();
                let text = joined(text, &calls.join("\n"));
                out.push(Message::Assistant {
                    text,
                    calls: Vec::new(),
                });
            }
        }
    }
    out
}

/// A result between its first line and the word that this line names. The name of a tool that there is not is the model's.
fn result(name: &str, text: &str) -> String {
    let name: String = name
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        .collect();
    let word = free_word(text);
    format!("Result of {name}, up to {word}:\n{text}\n{word}")
}

/// A turn of the user. Some chat templates refuse two in a row, so it joins the one before it.
fn turn(out: &mut Vec<Message>, text: &str) {
    if let Some(Message::User { text: before }) = out.last_mut() {
        *before = joined(before, text);
        return;
    }
    out.push(Message::User {
        text: text.to_owned(),
    });
}

fn joined(a: &str, b: &str) -> String {
    match (a.trim().is_empty(), b.is_empty()) {
        (true, _) => b.to_owned(),
        (false, true) => a.to_owned(),
        (false, false) => format!("{}\n\n{b}", a.trim_end()),
    }
}

/// The tools in words: `name(needed, optional?: type)` and what it does.
fn tools(tools: &[ToolSpec]) -> String {
    let Some(first) = tools.first() else {
        return String::new();
    };
    let mut text = format!("{PROTOCOL}{}\n", example(first));
    for tool in tools {
        let properties = tool.parameters.get("properties").and_then(Value::as_object);
        let required = tool.parameters.get("required").and_then(Value::as_array);
        let arguments: Vec<String> = properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| {
                let needed = required.is_some_and(|list| list.iter().any(|n| n == name));
                format!("{name}{}{}", if needed { "" } else { "?" }, kind(schema))
            })
            .collect();
        text.push_str(&format!(
            "\n{}({}): {}",
            tool.name,
            arguments.join(", "),
            tool.description
        ));
    }
    text
}

/// What an argument is, where it is not any text.
fn kind(schema: &Value) -> String {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        return format!(": {}", choices.join(" or "));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") | None => String::new(),
        Some(kind) => format!(": {kind}"),
    }
}

/// A call of the first tool with its needed arguments.
fn example(tool: &ToolSpec) -> String {
    let required = tool.parameters.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let value = |name: &str| match name {
        "path" => "src/main.txt".to_owned(),
        name => format!("the {name}"),
    };
    render(&ToolCall {
        id: String::new(),
        name: tool.name.clone(),
        arguments: names.map(|n| (n.to_owned(), value(n).into())).collect(),
    })
}

/// A call as text; [`decode`] reads it back to the same call, whatever its values hold.
pub(crate) fn render(call: &ToolCall) -> String {
    let mut text = format!("{FUNCTION}{}>\n", call.name);
    for (name, value) in &call.arguments {
        let value = match value {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Cow::Owned(value.to_string()),
        };
        // A value that holds the tags themselves ends at a word that it does not hold.
        if [PARAMETER_END, FUNCTION_END, FUNCTION]
            .iter()
            .any(|tag| value.contains(tag))
        {
            let word = free_word(&value);
            text.push_str(&format!(
                "{PARAMETER}{name}{UNTIL}{word}>\n{value}\n{word}\n{PARAMETER_END}\n"
            ));
        } else {
            text.push_str(&format!("{PARAMETER}{name}>\n{value}\n{PARAMETER_END}\n"));
        }
    }
    text.push_str(FUNCTION_END);
    text
}

/// A word that a text does not hold. One pass: a text may hold many of them.
fn free_word(text: &str) -> String {
    const STEM: &str = "END_";
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for (at, _) in text.match_indices(STEM) {
        let digits = &text[at + STEM.len()..];
        let count = digits
            .bytes()
            .take(9)
            .take_while(u8::is_ascii_digit)
            .count();
        // `END_12` holds `END_1` too.
        taken.extend((1..=count).map(|length| &digits[..length]));
    }
    let free = (0..).map(|n: u32| n.to_string());
    let free = free.into_iter().find(|n| !taken.contains(n.as_str()));
    format!(
        "{STEM}{}",
        free.expect("there are more numbers than a text can hold")
    )
}

/// The one call of an answer. Its end tag is the stop word, so it is missing when the server stopped there; further calls
/// were written without having seen a result, and are dropped.
pub(crate) fn decode(text: &str, tools: &[ToolSpec]) -> Found {
    let mut found = salvage::calls_in(&closed(text), tools);
    let Some(first) = found.first else {
        found.text = text.to_owned();
        return found;
    };
    found.refused = None;
    found.calls.truncate(1);
    // What stands behind the call was written on the belief that it had run.
    found.text = text[..first.min(text.len())].trim().to_owned();
    found
}

/// Whether the stop word ended an answer too early: inside a value that holds it, or inside a reasoning that only drafts a
/// call. The model had more to say.
pub(crate) fn stopped_early(text: &str, tools: &[ToolSpec]) -> bool {
    if text.contains(FUNCTION_END) {
        return false;
    }
    if thinking::is_open(text) {
        return thinking::holds_call(text);
    }
    let (_, said) = thinking::split(text);
    salvage::calls_in(&closed(said), tools)
        .refused
        .is_some_and(|why| why.ends_with(CUT))
}

fn closed(text: &str) -> Cow<'_, str> {
    if text.contains(FUNCTION) && !text.contains(FUNCTION_END) {
        Cow::Owned(format!("{}\n{FUNCTION_END}", text.trim_end()))
    } else {
        Cow::Borrowed(text)
    }
}

/// For the fuzz targets: what holds of any text.
///
/// # Panics
/// When there is more than one call, more text than was read, or something else at another reading.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge(text: &str, tools: &[ToolSpec]) {
    let found = decode(text, tools);
    assert!(found.calls.len() <= 1 && found.text.len() <= text.len());
    assert_eq!(found, decode(text, tools));
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
