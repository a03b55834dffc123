//! The routes of the twin: what a server checks, then what the test says.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::router::Held;
use super::{Answer, Answers, Behaviour, Kind, chunks};
use crate::http::Seen;
use crate::twin::Reply;
use crate::vectors;

pub(super) fn reply(
    behaviour: &Behaviour,
    seen: &Seen,
    loading: bool,
    held: &Held,
    answered: &AtomicUsize,
) -> Reply {
    if loading {
        return error(503, "unavailable_error", "Loading model");
    }
    let route = seen.path.split('?').next().unwrap_or_default();
    let wanted = behaviour.key.as_ref().map(|key| format!("Bearer {key}"));
    // llama-server's health is public.
    if route != "/health"
        && wanted.is_some_and(|key| seen.headers.get("authorization") != Some(&key))
    {
        return error(401, "authentication_error", "Invalid API Key");
    }
    if let Some(router) = &behaviour.router
        && let Some(reply) = held.reply(behaviour, router, seen)
    {
        return reply;
    }
    if let Some((_, status)) = behaviour.closed.iter().find(|(closed, _)| *closed == route) {
        return error(
            *status,
            "not_supported_error",
            "This server does not support this endpoint.",
        );
    }
    let llama = behaviour.kind == Kind::LlamaServer;
    if behaviour.slow.contains(&route) {
        let busy = error(503, "unavailable_error", "The server is busy");
        return Reply::Held(Box::new(busy));
    }
    match (seen.method.as_str(), route) {
        ("GET", "/health") if llama => Reply::json(200, &json!({"status": "ok"})),
        ("GET", "/health") if behaviour.kind == Kind::Vllm => Reply::Whole {
            status: 200,
            kind: "text/plain",
            retry_after_s: None,
            body: String::new(),
        },
        ("GET", "/v1/models") => Reply::json(200, &models(behaviour)),
        ("GET", "/props") if llama => Reply::json(200, &props(behaviour)),
        ("GET", "/slots") if llama => Reply::json(200, &slots(behaviour)),
        ("GET", "/api/v0/models") if behaviour.kind == Kind::LmStudio => {
            Reply::json(200, &studio(behaviour))
        }
        ("POST", "/v1/chat/completions/input_tokens") if llama => {
            Reply::json(200, &json!({"input_tokens": tokens(behaviour, &seen.body)}))
        }
        ("POST", "/v1/embeddings") => embeddings(behaviour, &seen.body),
        ("POST", "/v1/chat/completions") => chat(behaviour, seen, answered),
        _ => error(404, "not_found_error", "File Not Found"),
    }
}

fn chat(behaviour: &Behaviour, seen: &Seen, answered: &AtomicUsize) -> Reply {
    let body = &seen.body;
    let name = body["model"].as_str().unwrap_or_default();
    // llama-server runs what it has loaded, whatever it is asked for.
    if behaviour.kind != Kind::LlamaServer && !behaviour.models.iter().any(|model| model == name) {
        let body = json!({"object": "error", "message": format!("The model `{name}` does not exist."),
            "type": "NotFoundError", "code": 404});
        return Reply::json(404, &body);
    }
    let has_tools = body["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty());
    if has_tools && !behaviour.tools {
        return error(500, "server_error", "tools param requires --jinja flag");
    }
    let (sent, window) = (tokens(behaviour, body), u64::from(behaviour.n_ctx));
    if sent >= window && !behaviour.shifts {
        let message = format!(
            "request ({sent} tokens) exceeds the available context size ({window} tokens), try increasing it"
        );
        let error = json!({"code": 400, "message": message, "type": "exceed_context_size_error",
            "n_prompt_tokens": sent, "n_ctx": window});
        return Reply::json(400, &json!({ "error": error }));
    }
    let n = answered.fetch_add(1, Ordering::SeqCst);
    let answer = match &behaviour.answers {
        Answers::By(answer) => answer(body),
        Answers::InOrder(answers) => answers.get(n).cloned().unwrap_or_else(|| {
            Answer::error(
                500,
                "server_error",
                &format!("the twin has no answer for chat {}", n + 1),
            )
        }),
    };
    // A context that shifts keeps half of what it held.
    let read = if sent >= window { window / 2 } else { sent };
    chunks::reply(answer, seen, read)
}

fn embeddings(behaviour: &Behaviour, body: &Value) -> Reply {
    if !behaviour.embeds {
        let message = "This server does not support embeddings. Start it with `--embeddings`";
        return error(501, "not_supported_error", message);
    }
    let texts: Vec<&str> = body["input"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let tokens = |text: &str| text.chars().count().div_ceil(behaviour.chars_per_token) as u64;
    let window = u64::from(behaviour.n_ctx);
    if let Some(long) = texts.iter().find(|text| tokens(text) > window) {
        let message = format!(
            "input ({} tokens) is larger than the max context size ({window} tokens). skipping",
            tokens(long)
        );
        return error(400, "exceed_context_size_error", &message);
    }
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| json!({"object": "embedding", "index": n, "embedding": vectors::of(text)}))
        .rev()
        .collect();
    let read: u64 = texts.iter().map(|text| tokens(text)).sum();
    let usage = json!({"prompt_tokens": read, "total_tokens": read});
    Reply::json(
        200,
        &json!({"object": "list", "model": body["model"], "data": data, "usage": usage}),
    )
}

pub(super) fn error(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({"error": {"code": status, "message": message, "type": kind}});
    Reply::json(status, &body)
}

/// Of everything that becomes prompt.
fn tokens(behaviour: &Behaviour, body: &Value) -> u64 {
    let messages = body["messages"].as_array().into_iter().flatten();
    let text = messages.map(|message| {
        let content = message["content"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .count();
        content
            + message
                .get("tool_calls")
                .map_or(0, |calls| calls.to_string().len())
    });
    let tools = body.get("tools").map_or(0, |tools| tools.to_string().len());
    (text.sum::<usize>() + tools).div_ceil(behaviour.chars_per_token) as u64
}

fn models(behaviour: &Behaviour) -> Value {
    let entry = |id: &String| match behaviour.kind {
        Kind::LlamaServer => json!({"id": id, "object": "model", "owned_by": "llamacpp",
            "meta": {"n_ctx_train": 40_960, "n_params": behaviour.parameters, "size": 5_021_781_472_u64}}),
        Kind::Vllm => {
            json!({"id": id, "object": "model", "owned_by": "vllm", "max_model_len": behaviour.n_ctx})
        }
        Kind::LmStudio => json!({"id": id, "object": "model", "owned_by": "organization_owner"}),
    };
    let data: Vec<Value> = behaviour.models.iter().map(entry).collect();
    json!({"object": "list", "data": data})
}

fn studio(behaviour: &Behaviour) -> Value {
    let entry = |id: &String| {
        let kind = if id.contains("embed") {
            "embeddings"
        } else {
            "llm"
        };
        let state = match behaviour.unloaded.contains(id) {
            true => "not-loaded",
            false => "loaded",
        };
        json!({"id": id, "type": kind, "state": state, "max_context_length": 131_072,
            "loaded_context_length": behaviour.n_ctx})
    };
    json!({"data": behaviour.models.iter().map(entry).collect::<Vec<_>>()})
}

fn props(behaviour: &Behaviour) -> Value {
    json!({
        "default_generation_settings": {"n_ctx": behaviour.n_ctx, "params": {}},
        "total_slots": behaviour.slots, "model_path": "small.gguf", "build_info": "b7000-twin",
        "chat_template": if behaviour.tools { "{% if tools %}{{ tools }}{% endif %}" } else { "{{ messages }}" },
        "chat_template_caps": {"supports_tools": behaviour.tools},
        "is_sleeping": behaviour.sleeps,
    })
}

fn slots(behaviour: &Behaviour) -> Value {
    // The first of them is at work.
    (0..behaviour.slots)
        .map(|id| json!({"id": id, "n_ctx": behaviour.n_ctx, "is_processing": id == 0}))
        .collect()
}
