//! A request as Anthropic's Messages read it: the system prompt apart, results as the user's words, roles in turn.

use serde_json::{Map, Value, json};

use crate::call::Stop;
use crate::chat::{ChatRequest, Message, ToolCall, ToolMode, ToolSpec};
use crate::error::{ErrorClass, Fault};
use crate::tagged;

/// The one tool that a model must call to answer by a schema.
pub(crate) const ANSWER: &str = "answer";
/// Where its answer stands when the schema is no plain object, which is all that a tool's input may be.
pub(crate) const WRAPPED: &str = "value";

/// The request, its answer streamed.
///
/// A schema becomes the input of one tool that must be called; its input comes back as the text. Reasoning is not asked for:
/// the protocol wants it back, signed, with every result, and it is not kept here. No temperature and no seed are sent: the
/// newest models take none but their own.
pub(crate) fn body(request: &ChatRequest, stop: Stop) -> Result<Vec<u8>, Fault> {
    let plain;
    let request = if request.tools.is_empty() && request.format.is_none() && has_calls(request) {
        // Calls and results are refused in a request that names no tools, so they are told in text.
        let mut in_text = request.clone();
        in_text.profile.tool_mode = ToolMode::Text;
        plain = tagged::plain(&in_text);
        &plain
    } else {
        request
    };
    let mut body = json!({
        "model": request.model,
        "max_tokens": request.profile.output_max,
        "stream": true,
        "messages": turns(&request.messages),
    });
    let system = system(&request.messages);
    if !system.is_empty() {
        body["system"] = json!(system);
    }
    match stop {
        Stop::Never => {}
        Stop::AfterCall => body["stop_sequences"] = json!([tagged::STOP]),
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
    }
    if let Some(schema) = &request.format {
        body["tools"] = json!([{
            "name": ANSWER,
            "description": "Gives the answer. Call it once, with the whole answer.",
            "input_schema": input_of(schema),
        }]);
        body["tool_choice"] =
            json!({"type": "tool", "name": ANSWER, "disable_parallel_tool_use": true});
    }
    serde_json::to_vec(&body)
        .map_err(|error| Fault::new(ErrorClass::BadRequest, format!("no JSON: {error}")))
}

/// Whether a schema can be a tool's input as it is: an object without a choice at its top.
pub(crate) fn is_input(schema: &Value) -> bool {
    let has = |key: &str| schema.get(key).is_some();
    schema["type"] == "object" && !has("anyOf") && !has("oneOf") && !has("allOf")
}

fn input_of(schema: &Value) -> Value {
    if is_input(schema) {
        return schema.clone();
    }
    json!({
        "type": "object",
        "properties": {WRAPPED: schema},
        "required": [WRAPPED],
        "additionalProperties": false,
    })
}

fn has_calls(request: &ChatRequest) -> bool {
    request.messages.iter().any(|message| match message {
        Message::Assistant { calls, .. } => !calls.is_empty(),
        Message::Tool { .. } => true,
        Message::System { .. } | Message::User { .. } => false,
    })
}

fn tool(tool: &ToolSpec) -> Value {
    json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters})
}

/// All system messages: the protocol has one place for them.
fn system(messages: &[Message]) -> String {
    let texts: Vec<&str> = messages
        .iter()
        .filter_map(|message| match message {
            Message::System { text } if !text.trim().is_empty() => Some(text.as_str()),
            Message::System { .. }
            | Message::User { .. }
            | Message::Assistant { .. }
            | Message::Tool { .. } => None,
        })
        .collect();
    texts.join("\n\n")
}

/// The conversation in turns. Neighbours of one role are one turn, and no text is empty: the protocol refuses both.
fn turns(messages: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message {
            Message::System { .. } => continue,
            Message::User { text } => ("user", text_block(text)),
            Message::Assistant { text, calls } => {
                let mut blocks = text_block(text.trim_end());
                blocks.extend(calls.iter().map(call));
                ("assistant", blocks)
            }
            Message::Tool { call_id, text, .. } => (
                "user",
                vec![json!({"type": "tool_result", "tool_use_id": id(call_id), "content": text})],
            ),
        };
        match turns.last_mut() {
            Some((last, before)) if *last == role => before.extend(blocks),
            Some(_) | None if blocks.is_empty() => {}
            Some(_) | None => turns.push((role, blocks)),
        }
    }
    for (_, blocks) in &mut turns {
        // Results stand before words in their turn, or the call counts as unanswered. The sort keeps the order of equals.
        blocks.sort_by_key(|block| {
            usize::from(block["type"] != "tool_result") + usize::from(block["type"] == "tool_use")
        });
    }
    turns
        .into_iter()
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect()
}

fn text_block(text: &str) -> Vec<Value> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    vec![json!({"type": "text", "text": text})]
}

fn call(call: &ToolCall) -> Value {
    let input: &Map<String, Value> = &call.arguments;
    json!({"type": "tool_use", "id": id(&call.id), "name": call.name, "input": input})
}

/// An id as the protocol allows it; those of other servers may hold dots and colons.
fn id(id: &str) -> String {
    id.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') => c,
            _ => '_',
        })
        .collect()
}
