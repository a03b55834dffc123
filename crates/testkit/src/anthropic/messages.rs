//! The routes of the twin: what the protocol refuses, then what the test says.

use serde_json::{Value, json};

use super::{Answer, Behaviour, Vice};
use crate::http::Seen;
use crate::twin::{End, Reply};

/// Characters per token of the twin's tokenizer.
const CHARS_PER_TOKEN: usize = 4;

pub(super) fn reply(behaviour: &Behaviour, seen: &Seen, next: &dyn Fn() -> usize) -> Reply {
    if seen.headers.get("x-api-key") != Some(&behaviour.key) {
        return error(401, "authentication_error", "invalid x-api-key");
    }
    if seen.headers.get("anthropic-version").map(String::as_str) != Some("2023-06-01") {
        return error(
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        );
    }
    let route = seen.path.split('?').next().unwrap_or_default();
    match (seen.method.as_str(), route) {
        ("GET", "/v1/models") => {
            let entry = |id: &String| json!({"type": "model", "id": id, "display_name": id});
            let data: Vec<Value> = behaviour.models.iter().map(entry).collect();
            Reply::json(200, &json!({"data": data, "has_more": false}))
        }
        ("POST", "/v1/messages") => chat(behaviour, seen, next),
        _ => error(404, "not_found_error", "Not Found"),
    }
}

fn chat(behaviour: &Behaviour, seen: &Seen, next: &dyn Fn() -> usize) -> Reply {
    let body = &seen.body;
    if let Err(why) = check(body) {
        return error(400, "invalid_request_error", &why);
    }
    let name = body["model"].as_str().unwrap_or_default();
    if !behaviour.models.iter().any(|model| model == name) {
        return error(404, "not_found_error", &format!("model: {name}"));
    }
    let n = next();
    let answer = behaviour.answers.get(n).cloned().unwrap_or_else(|| {
        Answer::error(
            500,
            "api_error",
            &format!("the twin has no answer for chat {}", n + 1),
        )
    });
    sent(answer, seen)
}

/// What the protocol wants of a conversation.
fn check(body: &Value) -> Result<(), String> {
    if body["max_tokens"].as_u64().is_none_or(|max| max == 0) {
        return Err("max_tokens: field required".to_owned());
    }
    let turns = body["messages"].as_array().cloned().unwrap_or_default();
    if turns.first().is_none_or(|turn| turn["role"] != "user") {
        return Err("messages: first message must use the \"user\" role".to_owned());
    }
    let mut before: Option<&Value> = None;
    for turn in &turns {
        if before.is_some_and(|before| before["role"] == turn["role"]) {
            return Err("messages: roles must alternate".to_owned());
        }
        // A text alone may stand as it is (docs.claude.com/en/api/messages).
        let text = turn["content"].as_str();
        let text = text.map(|text| vec![json!({"type": "text", "text": text})]);
        let blocks = text.or_else(|| turn["content"].as_array().cloned());
        let blocks = blocks.unwrap_or_default();
        if blocks.is_empty() {
            return Err("messages: all messages must have non-empty content".to_owned());
        }
        for block in &blocks {
            check_block(block)?;
        }
        let uses = |turn: Option<&Value>| -> Vec<Value> {
            let blocks = turn
                .and_then(|turn| turn["content"].as_array())
                .into_iter()
                .flatten();
            blocks
                .filter(|block| block["type"] == "tool_use")
                .map(|block| block["id"].clone())
                .collect()
        };
        let results: Vec<Value> = blocks
            .iter()
            .take_while(|block| block["type"] == "tool_result")
            .map(|block| block["tool_use_id"].clone())
            .collect();
        if uses(before) != results {
            return Err("messages: `tool_use` ids were found without `tool_result` blocks immediately after".to_owned());
        }
        let with_tools = blocks.iter().any(|block| block["type"] != "text");
        if with_tools && body["tools"].as_array().is_none_or(Vec::is_empty) {
            return Err(
                "Requests which include `tool_use` or `tool_result` blocks must define tools"
                    .to_owned(),
            );
        }
        before = Some(turn);
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        let schema = &tool["input_schema"];
        if schema["type"] != "object" || schema.get("anyOf").is_some() {
            return Err("tools.0.custom.input_schema.type: Field required".to_owned());
        }
    }
    Ok(())
}

fn check_block(block: &Value) -> Result<(), String> {
    if block["type"] == "text"
        && block["text"]
            .as_str()
            .is_none_or(|text| text.trim().is_empty())
    {
        return Err("messages: text content blocks must be non-empty".to_owned());
    }
    for key in ["id", "tool_use_id"] {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if block[key]
            .as_str()
            .is_some_and(|id| id.is_empty() || !id.chars().all(fits))
        {
            return Err(format!(
                "{key}: String should match pattern '^[a-zA-Z0-9_-]+$'"
            ));
        }
    }
    Ok(())
}

fn error(status: u16, kind: &str, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"type": "error", "error": {"type": kind, "message": message}}),
    )
}

#[allow(clippy::wildcard_enum_match_arm)] // Each place knows its own part of the ways to misbehave.
fn sent(answer: Answer, seen: &Seen) -> Reply {
    let mut answer = answer;
    let mut vices = Vec::new();
    while let Answer::But(vice, inner) = answer {
        vices.push(vice);
        answer = *inner;
    }
    for vice in &vices {
        match vice {
            Vice::Status(status, kind, message, retry_after_s) => {
                let body = json!({"type": "error", "error": {"type": kind, "message": message}});
                return Reply::Whole {
                    status: *status,
                    kind: crate::twin::JSON,
                    retry_after_s: *retry_after_s,
                    body: body.to_string(),
                };
            }
            Vice::Echoes => {
                let headers = format!("bad header in {:?}", seen.headers);
                return error(401, "authentication_error", &headers);
            }
            Vice::Redirects(to) => return Reply::Redirect(to.clone()),
            Vice::Hangs => return Reply::Hangup,
            _ => {}
        }
    }
    let (events, end) = misbehaved(events(answer, &seen.body, &vices), &vices);
    let bytes = events.iter().map(|event| {
        let kind = event["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {event}\n\n").into_bytes()
    });
    let mut pieces: Vec<Vec<u8>> = bytes.collect();
    if vices.contains(&Vice::SingleBytes) {
        pieces = pieces.concat().into_iter().map(|byte| vec![byte]).collect();
    }
    let stream = Reply::Stream {
        kind: "text/event-stream; charset=utf-8",
        pieces,
        end,
    };
    if vices.contains(&Vice::Held) {
        return Reply::Held(Box::new(stream));
    }
    stream
}

/// The events of a good answer.
fn events(answer: Answer, body: &Value, vices: &[Vice]) -> Vec<Value> {
    let mut blocks = Vec::new();
    let mut reason = "end_turn";
    match answer {
        Answer::Text(text) => {
            let stops = body["stop_sequences"].as_array().into_iter().flatten();
            let at = stops.filter_map(|stop| text.find(stop.as_str()?)).min();
            if at.is_some() {
                reason = "stop_sequence";
            }
            blocks.push(text_block(&text[..at.unwrap_or(text.len())]));
        }
        Answer::Reasoned(thought, text) => {
            let start = json!({"type": "thinking", "thinking": "", "signature": ""});
            let deltas = vec![
                json!({"type": "thinking_delta", "thinking": thought}),
                json!({"type": "signature_delta", "signature": "EqQBCgIYAhIM"}),
            ];
            blocks.extend([(start, deltas), text_block(&text)]);
        }
        Answer::Calls(text, calls) => {
            reason = "tool_use";
            if !text.is_empty() {
                blocks.push(text_block(&text));
            }
            blocks.extend(calls.iter().enumerate().map(|(n, (name, input))| {
                let start = json!({"type": "tool_use", "id": format!("toolu_{n}"), "name": name, "input": {}});
                let letters: Vec<char> = input.to_string().chars().collect();
                let part = |part: &[char]| {
                    json!({"type": "input_json_delta", "partial_json": part.iter().collect::<String>()})
                };
                (start, letters.chunks(5).map(part).collect())
            }));
        }
        Answer::But(..) => {}
    }
    let written: usize = blocks.iter().map(|(_, deltas)| deltas.len()).sum();
    let messages = body["messages"].to_string().len() + body["system"].as_str().map_or(0, str::len);
    let mut usage = json!({"input_tokens": messages.div_ceil(CHARS_PER_TOKEN), "output_tokens": 1});
    for vice in vices {
        if let Vice::Cached { read, written } = vice {
            usage["cache_read_input_tokens"] = json!(read);
            usage["cache_creation_input_tokens"] = json!(written);
        }
    }
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_twin", "role": "assistant",
        "model": body["model"], "content": [], "stop_reason": null, "usage": usage}}),
    ];
    for (index, (start, deltas)) in blocks.into_iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        events.extend(
            deltas.into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": written}}),
    );
    events.push(json!({"type": "message_stop"}));
    events
}

type Block = (Value, Vec<Value>);

fn text_block(text: &str) -> Block {
    let deltas = text
        .split_inclusive(' ')
        .map(|piece| json!({"type": "text_delta", "text": piece}));
    (json!({"type": "text", "text": ""}), deltas.collect())
}

#[allow(clippy::wildcard_enum_match_arm)] // Each place knows its own part of the ways to misbehave.
fn misbehaved(mut events: Vec<Value>, vices: &[Vice]) -> (Vec<Value>, End) {
    let mut end = End::Whole;
    let is = |event: &Value, kind: &str| event["type"] == kind;
    for vice in vices {
        match vice {
            Vice::Stops(reason) => {
                for event in events.iter_mut().filter(|event| is(event, "message_delta")) {
                    event["delta"]["stop_reason"] = json!(reason);
                }
            }
            Vice::NoStop => events.retain(|event| !is(event, "message_stop")),
            Vice::NoEnd => {
                events.retain(|event| !is(event, "message_stop") && !is(event, "message_delta"));
            }
            Vice::ErrorAfter(count, kind) => {
                events.truncate(*count);
                events
                    .push(json!({"type": "error", "error": {"type": kind, "message": "it broke"}}));
            }
            Vice::Breaks | Vice::Stalls => {
                events.truncate(3);
                end = if *vice == Vice::Breaks {
                    End::Cut
                } else {
                    End::Stall
                };
            }
            // What changes the bytes comes later, what replaces the answer came before.
            _ => {}
        }
    }
    if vices.contains(&Vice::Pings) {
        events = events
            .into_iter()
            .flat_map(|event| [json!({"type": "ping"}), event])
            .collect();
    }
    (events, end)
}
