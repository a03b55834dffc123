//! A request as Ollama reads it.

use serde_json::{Value, json};

use crate::call::Stop;
use crate::chat::{ChatRequest, Message, Profile};
use crate::error::{ErrorClass, Fault};
use crate::tagged;

/// How long a model stays loaded after a call: longer than the longest command that a run may start between two calls,
/// so that a test suite does not cost a reload.
pub(crate) const KEEP_ALIVE: &str = "15m";

/// The request as Ollama reads it.
///
/// `truncate` and `shift` are false, so that a prompt which does not fit is an error instead of being cut in silence
/// (`api.ChatRequest` in Ollama's source). Everything that would reload the model comes from the profile alone.
pub(crate) fn body(request: &ChatRequest, stop: Stop) -> Result<Vec<u8>, Fault> {
    let profile = &request.profile;
    if !profile.temperature.is_finite() {
        return Err(Fault::new(
            ErrorClass::BadRequest,
            "the temperature is not a number",
        ));
    }
    let mut body = json!({
        "model": request.model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        "stream": true,
        "truncate": false,
        "shift": false,
        "options": options(profile),
    });
    // Without one a model that is loaded keeps the time that its user gave it (`useLoadedRunner` in Ollama's `server/sched.go`).
    if !crate::probe::is_hello(request) {
        body["keep_alive"] = json!(KEEP_ALIVE);
    }
    match stop {
        Stop::Never => {}
        // No option of the runner: it reloads nothing.
        Stop::AfterCall => body["options"]["stop"] = json!([tagged::STOP]),
    }
    if !request.tools.is_empty() {
        body["tools"] = request
            .tools
            .iter()
            .map(|tool| {
                json!({"type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.parameters,
                }})
            })
            .collect();
    }
    if let Some(schema) = &request.format {
        body["format"] = schema.clone();
    }
    if let Some(think) = profile.think {
        body["think"] = Value::Bool(think);
    }
    serde_json::to_vec(&body)
        .map_err(|error| Fault::new(ErrorClass::BadRequest, format!("no JSON: {error}")))
}

pub(crate) fn options(profile: &Profile) -> Value {
    json!({
        "num_ctx": profile.num_ctx,
        "num_predict": profile.output_max,
        "temperature": profile.temperature,
        // The runner's seed has 32 bits, and Ollama reads it through a float: 31 bits arrive as they were sent.
        "seed": profile.seed & 0x7fff_ffff,
    })
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
                json!({"id": call.id, "function": {"name": call.name, "arguments": call.arguments}})
            });
            json!({"role": "assistant", "content": text, "tool_calls": calls.collect::<Vec<_>>()})
        }
        Message::Tool {
            call_id,
            name,
            text,
        } => {
            json!({"role": "tool", "content": text, "tool_name": name, "tool_call_id": call_id})
        }
    }
}
