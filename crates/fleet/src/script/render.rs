//! A scripted answer as a server would have sent it, in OpenAI's chunks: what a script says is read by the same reader as what a
//! server says.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::chat::Finish;

/// The pieces of a stream. One that has not ended has neither a reason to finish nor a closing mark.
pub(crate) fn answer(answer: &Answer) -> Vec<Vec<u8>> {
    let model = answer.model.as_str();
    let mut pieces = vec![chunk(model, json!({"role": "assistant"}), None)];
    if !answer.thinking.is_empty() {
        let delta = json!({"reasoning_content": answer.thinking});
        pieces.push(chunk(model, delta, None));
    }
    if !answer.text.is_empty() {
        pieces.push(chunk(model, json!({"content": answer.text}), None));
    }
    for (n, call) in answer.calls.iter().enumerate() {
        let arguments = match &call.arguments {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                value.to_string()
            }
        };
        let function = json!({"name": call.name, "arguments": arguments});
        let call = json!({"index": n, "id": call.id, "type": "function", "function": function});
        pieces.push(chunk(model, json!({"tool_calls": [call]}), None));
    }
    let Some(finish) = answer.finish else {
        return pieces;
    };
    let reason = match (finish, answer.calls.is_empty()) {
        (Finish::Length, _) => "length",
        (Finish::Stop, true) => "stop",
        (Finish::Stop, false) => "tool_calls",
    };
    pieces.push(chunk(model, json!({}), Some(reason)));
    let usage = answer.usage;
    let counts = json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
    });
    pieces.push(event(
        &json!({"model": model, "choices": [], "usage": counts}),
    ));
    pieces.push(b"data: [DONE]\n\n".to_vec());
    pieces
}

fn chunk(model: &str, delta: Value, reason: Option<&str>) -> Vec<u8> {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
    event(&json!({"object": "chat.completion.chunk", "model": model, "choices": [choice]}))
}

fn event(value: &Value) -> Vec<u8> {
    format!("data: {value}\n\n").into_bytes()
}
