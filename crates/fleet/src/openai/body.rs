//! A request as a server of OpenAI's chat completions reads it.

use serde_json::{Value, json};

use crate::call::Stop;
use crate::chat::{ChatRequest, Message, ToolSpec};
use crate::error::{ErrorClass, Fault};
use crate::tagged;

/// The name of the schema, which the protocol wants and nobody reads.
const SCHEMA_NAME: &str = "answer";

/// The request with its answer streamed and counted.
///
/// `parallel_tool_calls` is not sent: each server has its own default, and a small model behind llama-server does better with
/// one call a turn. The window cannot be chosen: it is the server's (`/props` tells it).
pub(crate) fn body(request: &ChatRequest, stop: Stop) -> Result<Vec<u8>, Fault> {
    let profile = &request.profile;
    if !profile.temperature.is_finite() {
        return Err(Fault::new(
            ErrorClass::BadRequest,
            "the temperature is not a number",
        ));
    }
    let mut body = prompt(request);
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    body["max_tokens"] = json!(profile.output_max);
    body["temperature"] = json!(profile.temperature);
    // 31 bits, so that every server's integer holds it.
    body["seed"] = json!(profile.seed & 0x7fff_ffff);
    match stop {
        Stop::Never => {}
        Stop::AfterCall => body["stop"] = json!([tagged::STOP]),
    }
    bytes(&body)
}

/// The part of a request that becomes prompt, which is also what a server counts.
pub(crate) fn prompt(request: &ChatRequest) -> Value {
    let mut body = json!({
        "model": request.model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
    });
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
    }
    if let Some(schema) = &request.format {
        body["response_format"] = json!({
            "type": "json_schema",
            "json_schema": {"name": SCHEMA_NAME, "strict": true, "schema": all_required(schema)},
        });
    }
    if let Some(think) = profile_think(request) {
        // llama-server and vLLM hand it to the model's template.
        body["chat_template_kwargs"] = json!({ "enable_thinking": think });
    }
    body
}

/// The schema with every property required: the strict form of this wire refuses any other. What need not be said is said empty.
fn all_required(schema: &Value) -> Value {
    match schema {
        Value::Object(rules) => {
            let within = rules
                .iter()
                .map(|(key, rule)| (key.clone(), all_required(rule)));
            let mut rules: serde_json::Map<String, Value> = within.collect();
            let known = rules.get("properties").and_then(Value::as_object);
            let keys: Vec<Value> = known.map_or_else(Vec::new, |keys| {
                keys.keys().map(|key| Value::from(key.as_str())).collect()
            });
            if let Some(required) = rules.get_mut("required").and_then(Value::as_array_mut) {
                let missing: Vec<Value> = { keys.into_iter() }
                    .filter(|key| !required.contains(key))
                    .collect();
                required.extend(missing);
            }
            Value::Object(rules)
        }
        Value::Array(items) => items.iter().map(all_required).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

/// A schema and a template that opens a reasoning exclude each other (llama.cpp #21600: HTTP 400).
fn profile_think(request: &ChatRequest) -> Option<bool> {
    request
        .profile
        .think
        .map(|think| think && request.format.is_none())
}

pub(crate) fn bytes(body: &Value) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(body)
        .map_err(|error| Fault::new(ErrorClass::BadRequest, format!("no JSON: {error}")))
}

fn tool(tool: &ToolSpec) -> Value {
    json!({"type": "function", "function": {
        "name": tool.name, "description": tool.description, "parameters": tool.parameters,
    }})
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text } => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| {
                // Arguments are text here, where Ollama takes an object.
                let arguments = Value::Object(call.arguments.clone()).to_string();
                json!({"id": call.id, "type": "function",
                    "function": {"name": call.name, "arguments": arguments}})
            });
            json!({"role": "assistant", "content": text, "tool_calls": calls.collect::<Vec<_>>()})
        }
        Message::Tool {
            call_id,
            name: _,
            text,
        } => json!({"role": "tool", "tool_call_id": call_id, "content": text}),
    }
}
