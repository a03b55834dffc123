//! The routes of the twin: what Ollama checks, then what the test says.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::memory::Needs;
use super::{Answer, Answers, Shared, TwinModel};
use crate::http::Seen;
use crate::twin::{End, Reply, Wait};

/// Characters per token of the twin's tokenizer.
const CHARS_PER_TOKEN: usize = 4;
/// What Ollama takes on a small machine when a request gives no `num_ctx`.
const NUM_CTX: u64 = 4_096;
const NDJSON: &str = "application/x-ndjson";

/// A prompt that was taken.
struct Prompt {
    model: String,
    tokens: u64,
}

pub(super) fn reply(shared: &Arc<Shared>, seen: &Seen) -> Reply {
    let models = &shared.behaviour.models;
    let answer = match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/version") => json!({ "version": shared.behaviour.version }),
        ("GET", "/api/tags") => json!({ "models": models.iter().map(tag).collect::<Vec<_>>() }),
        ("GET", "/api/ps") => json!({ "models": shared.memory.listed() }),
        ("POST", "/api/show") => match model(models, &seen.body) {
            Ok(model) => show(model),
            Err(answer) => return sent(answer, None),
        },
        ("POST", "/api/embed") => match embedded(models, &seen.body) {
            Ok(made) => made,
            Err(answer) => return sent(answer, None),
        },
        ("POST", "/api/chat") => return chat(shared, &seen.body),
        _ => {
            return Reply::Whole {
                status: 404,
                kind: "text/plain",
                retry_after_s: None,
                body: "404 page not found".to_owned(),
            };
        }
    };
    Reply::json(200, &answer)
}

fn chat(shared: &Arc<Shared>, body: &Value) -> Reply {
    let model = match accept(shared, body) {
        Err(answer) => return sent(answer, None),
        Ok(model) => model.clone(),
    };
    let is_empty = body["messages"].as_array().is_none_or(Vec::is_empty);
    if is_empty && (body["keep_alive"] == 0 || body["keep_alive"] == "0") {
        shared.memory.unload(&model.name);
        return sent(Answer::Lines(vec![Answer::done("unload")]), None);
    }
    Reply::Waits(Wait(Arc::new(Needs {
        shared: Arc::clone(shared),
        model,
        body: body.clone(),
        loads: Mutex::new(false),
    })))
}

/// What a load that succeeded gets.
pub(super) fn loaded() -> Reply {
    sent(Answer::Lines(vec![Answer::done("load")]), None)
}

/// What a request gets whose model could not be loaded.
pub(super) fn failed(error: &str) -> Reply {
    sent(Answer::error(500, error), None)
}

/// The answer of a model that is there.
pub(super) fn answered(shared: &Shared, model: &TwinModel, body: &Value) -> Reply {
    match read(shared, model, body) {
        Err(answer) => sent(answer, None),
        Ok(prompt) => {
            let answer = match shared.behaviour.says_ok && super::is_first_word(body) {
                true => Answer::text("ok"),
                false => stopped(answer(shared, body), &body["options"]["stop"]),
            };
            sent(answer, Some(&prompt))
        }
    }
}

/// The checks that a request passes before its model is loaded.
fn accept<'s>(shared: &'s Shared, body: &Value) -> Result<&'s TwinModel, Answer> {
    let model = model(&shared.behaviour.models, body)?;
    let can = |name: &str| {
        model
            .capabilities
            .iter()
            .any(|capability| capability == name)
    };
    let lacks =
        |what: &str| Answer::error(400, &format!("\"{}\" does not support {what}", model.name));
    if !can("completion") {
        return Err(lacks("chat"));
    }
    if body["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty())
        && !can("tools")
    {
        return Err(lacks("tools"));
    }
    if body["think"] == true && !can("thinking") {
        return Err(lacks("thinking"));
    }
    Ok(model)
}

/// The prompt, as far as it fits into the window.
fn read(shared: &Shared, model: &TwinModel, body: &Value) -> Result<Prompt, Answer> {
    let num_ctx = body["options"]["num_ctx"].as_u64().unwrap_or(NUM_CTX);
    let tokens = tokens(body);
    if tokens < num_ctx {
        return Ok(Prompt {
            model: model.name.clone(),
            tokens,
        });
    }
    if body["truncate"] == false && !shared.behaviour.cuts_silently {
        return Err(Answer::error(
            400,
            "the prompt is longer than the context length currently available to the model; shorten the prompt, \
             adjust the context length in settings, or use a model with a longer context length",
        ));
    }
    Ok(Prompt {
        model: model.name.clone(),
        tokens: num_ctx / 2,
    })
}

/// Options that make Ollama load a model again when they change.
pub(super) fn runner(model: &TwinModel, body: &Value) -> Value {
    let options = &body["options"];
    json!({
        "num_ctx": options["num_ctx"].as_u64().unwrap_or(NUM_CTX).min(u64::from(model.context_max)),
        "num_batch": options["num_batch"], "num_gpu": options["num_gpu"], "shift": body["shift"],
    })
}

fn tokens(body: &Value) -> u64 {
    let messages = body["messages"].as_array().into_iter().flatten();
    let text = messages.map(|message| {
        message["content"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .count()
    });
    let tools = body["tools"]
        .as_array()
        .map_or(0, |tools| Value::from(tools.clone()).to_string().len());
    (text.sum::<usize>() + tools).div_ceil(CHARS_PER_TOKEN) as u64
}

fn answer(shared: &Shared, body: &Value) -> Answer {
    let n = {
        let mut state = shared.lock();
        state.answered += 1;
        state.answered - 1
    };
    match &shared.behaviour.answers {
        Answers::By(answer) => answer(body),
        Answers::InOrder(answers) => answers.get(n).cloned().unwrap_or_else(|| {
            Answer::error(500, &format!("the twin has no answer for chat {}", n + 1))
        }),
    }
}

/// Ends the text before the first stop word, which is not sent, as the runner does.
fn stopped(answer: Answer, stop: &Value) -> Answer {
    let Answer::Lines(lines) = answer else {
        return answer;
    };
    let words: Vec<&str> = stop
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut said = String::new();
    let mut kept = Vec::new();
    for mut line in lines {
        let before = said.len();
        said.push_str(line["message"]["content"].as_str().unwrap_or_default());
        match words.iter().filter_map(|word| said.find(word)).min() {
            None => kept.push(line),
            Some(at) => {
                // The runner holds back what may become a stop word.
                if at > before {
                    line["message"]["content"] = json!(said[before..at]);
                    kept.push(line);
                }
                kept.push(Answer::done("stop"));
                break;
            }
        }
    }
    Answer::Lines(kept)
}

/// The vectors of texts, by a model that makes them.
fn embedded(models: &[TwinModel], body: &Value) -> Result<Value, Answer> {
    let model = model(models, body)?;
    if !model.capabilities.iter().any(|name| name == "embedding") {
        let message = format!("\"{}\" does not support embeddings", model.name);
        return Err(Answer::error(400, &message));
    }
    let texts: Vec<&str> = body["input"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let tokens = |text: &str| text.chars().count().div_ceil(CHARS_PER_TOKEN) as u64;
    let too_long = texts
        .iter()
        .any(|text| tokens(text) > u64::from(model.context_max));
    if too_long && body["truncate"] == false {
        return Err(Answer::error(
            400,
            "the input length exceeds the context length",
        ));
    }
    let made: Vec<Vec<f32>> = texts.iter().map(|text| crate::vectors::of(text)).collect();
    let read: u64 = texts.iter().map(|text| tokens(text)).sum();
    Ok(
        json!({"model": model.name, "embeddings": made, "prompt_eval_count": read, "total_duration": 1_000_000}),
    )
}

/// An answer as it goes out.
fn sent(answer: Answer, prompt: Option<&Prompt>) -> Reply {
    let stream = |pieces, end| Reply::Stream {
        kind: NDJSON,
        pieces,
        end,
    };
    match answer {
        Answer::Status(status, body) => Reply::Whole {
            status,
            kind: crate::twin::JSON,
            retry_after_s: None,
            body,
        },
        Answer::Redirect(to) => Reply::Redirect(to),
        Answer::Hangup => Reply::Hangup,
        Answer::Lines(lines) => stream(filled(lines, prompt), End::Whole),
        Answer::Pieces(pieces) => stream(pieces, End::Whole),
        Answer::CutAfter(lines) => stream(filled(lines, prompt), End::Cut),
        Answer::StallAfter(lines) => stream(filled(lines, prompt), End::Stall),
        Answer::Held(then) => Reply::Held(Box::new(sent(*then, prompt))),
    }
}

/// Lines as bytes, with what every line of Ollama carries and the counts of a closing one.
fn filled(lines: Vec<Value>, prompt: Option<&Prompt>) -> Vec<Vec<u8>> {
    let pieces = lines.len().saturating_sub(1).max(1);
    lines
        .into_iter()
        .map(|mut line| {
            if line.get("error").is_none() {
                line["created_at"] = json!("2026-01-01T00:00:00Z");
                if let Some(prompt) = prompt {
                    line["model"] = json!(prompt.model);
                }
            }
            if line["done"] == true {
                let counts = [
                    (
                        "prompt_eval_count",
                        prompt.map_or(0, |prompt| prompt.tokens),
                    ),
                    ("eval_count", pieces as u64),
                    ("total_duration", 1_000_000),
                ];
                for (key, count) in counts {
                    if line.get(key).is_none() {
                        line[key] = json!(count);
                    }
                }
            }
            let mut bytes = line.to_string().into_bytes();
            bytes.push(b'\n');
            bytes
        })
        .collect()
}

fn model<'a>(models: &'a [TwinModel], body: &Value) -> Result<&'a TwinModel, Answer> {
    let name = body["model"].as_str().unwrap_or_default();
    models
        .iter()
        .find(|model| model.name == name)
        .ok_or_else(|| Answer::error(404, &format!("model '{name}' not found")))
}

fn tag(model: &TwinModel) -> Value {
    let mut tag = json!({
        "name": model.name, "model": model.name, "size": model.bytes(), "digest": digest(&model.name),
        "modified_at": "2026-01-01T00:00:00Z",
        "details": {"format": "gguf", "parameter_size": format!("{:.1}B", model.billions), "quantization_level": "Q4_K_M"},
    });
    if let Some(remote) = &model.remote_host {
        tag["remote_host"] = json!(remote);
    }
    tag
}

fn show(model: &TwinModel) -> Value {
    json!({
        "license": "none", "modelfile": "FROM twin", "template": "{{ .Prompt }}",
        "details": {"format": "gguf", "parameter_size": format!("{:.1}B", model.billions), "quantization_level": "Q4_K_M"},
        "model_info": {
            "general.architecture": "twin", "general.parameter_count": (model.billions * 1e9) as u64,
            "twin.context_length": model.context_max,
        },
        "capabilities": model.capabilities,
    })
}

/// As long as a real one, and of the name alone.
pub(super) fn digest(name: &str) -> String {
    let hex: String = name
        .bytes()
        .cycle()
        .take(32)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if name.is_empty() { "0".repeat(64) } else { hex }
}
