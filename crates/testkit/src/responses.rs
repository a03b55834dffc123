//! A twin of OpenAI's Responses on a loopback socket, which is the one wire that Codex speaks: a stream of events for each
//! request, answers as the test says.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::http::Seen;
use crate::twin::{End, Reply, Twin};

/// What one request gets. The n-th request gets the n-th answer; beyond the last one every request is an error.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Text(String),
    /// A call of a function with these arguments.
    Call(String, Value),
    /// A call of one that stands in a namespace, which servers of tools have: its name, then the function's.
    CallIn(String, String, Value),
    /// An HTTP error.
    Status(u16, String),
}

/// A running twin. It ends with the value.
pub struct ResponsesTwin {
    twin: Twin,
}

impl ResponsesTwin {
    /// Starts a twin on a free port of loopback, for this key.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn start(key: &str, answers: impl IntoIterator<Item = Said>) -> ResponsesTwin {
        let answers: Vec<Said> = answers.into_iter().collect();
        let bearer = format!("Bearer {key}");
        let answered = AtomicUsize::new(0);
        let twin = Twin::start(
            |seen| seen.path == "/v1/responses",
            move |seen| {
                if seen.headers.get("authorization") != Some(&bearer) {
                    return error(401, "invalid api key");
                }
                if (seen.method.as_str(), seen.path.as_str()) != ("POST", "/v1/responses") {
                    return error(404, "no such route");
                }
                if let Err(why) = check(&seen.body) {
                    return error(400, &why);
                }
                let n = answered.fetch_add(1, Ordering::SeqCst);
                match answers.get(n) {
                    Some(Said::Status(status, message)) => error(*status, message),
                    Some(said) => sent(n, said, &seen.body),
                    None => error(500, &format!("the twin has no answer {}", n + 1)),
                }
            },
        );
        ResponsesTwin { twin }
    }

    /// Without the version of its routes.
    pub fn url(&self) -> String {
        self.twin.url()
    }

    /// Everything that was asked, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.twin.requests()
    }

    /// The bodies of the requests for an answer.
    pub fn chats(&self) -> Vec<Value> {
        self.twin
            .chats()
            .into_iter()
            .map(|seen| seen.body)
            .collect()
    }
}

/// What the protocol wants of a request: a stream, and an output for each call that was made.
fn check(body: &Value) -> Result<(), String> {
    if body["stream"] != true {
        return Err("only streams are answered".to_owned());
    }
    let input = body["input"].as_array().cloned().unwrap_or_default();
    if input.is_empty() {
        return Err("input: field required".to_owned());
    }
    let ids = |kind: &str| -> Vec<&Value> {
        let items = input.iter().filter(|item| item["type"] == kind);
        items.map(|item| &item["call_id"]).collect()
    };
    let outputs = ids("function_call_output");
    match ids("function_call").iter().find(|id| !outputs.contains(id)) {
        Some(id) => Err(format!("No tool output found for function call {id}.")),
        None => Ok(()),
    }
}

fn sent(n: usize, said: &Said, body: &Value) -> Reply {
    let item = match said {
        Said::Call(name, arguments) => {
            json!({"type": "function_call", "id": format!("fc_{n}"), "call_id": format!("call_{n}"),
            "name": name, "arguments": arguments.to_string(), "status": "completed"})
        }
        Said::CallIn(namespace, name, arguments) => {
            json!({"type": "function_call", "id": format!("fc_{n}"), "call_id": format!("call_{n}"), "namespace": namespace,
            "name": name, "arguments": arguments.to_string(), "status": "completed"})
        }
        Said::Text(text) | Said::Status(_, text) => {
            json!({"type": "message", "id": format!("msg_{n}"), "role": "assistant",
            "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]})
        }
    };
    let input = body.to_string().len() / 4;
    let usage = json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + 20});
    let id = format!("resp_{n}");
    let events = [
        json!({"type": "response.created", "response": {"id": id}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": id, "status": "completed", "output": [item], "usage": usage}}),
    ];
    let piece = |event: &Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {event}\n\n").into_bytes()
    };
    Reply::Stream {
        kind: "text/event-stream; charset=utf-8",
        pieces: events.iter().map(piece).collect(),
        end: End::Whole,
    }
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"message": message, "type": "twin", "code": null}}),
    )
}
