//! The dialect of Ollama's `/api/chat`: a request as its JSON, its errors as our classes, its answer as a reply.

use std::borrow::Cow;
use std::time::Duration;

use alai_core::mode::Mode;
use serde_json::{Map, Value, json};

use crate::calls::with_ids;
use crate::chat::{ChatReply, ChatRequest, Finish, Message, Profile, ToolCall, ToolMode, Usage};
use crate::error::{ChatError, ErrorClass, quote};
use crate::host::OllamaHost;
use crate::inert;
use crate::salvage::{self, Found, Written};
use crate::stream::{Answer, Done, Fault, RawCall, error_text, is_model_fault, is_too_long};
use crate::tagged;
use crate::thinking;
use crate::tokens::{Verdict, prompt_chars};
use crate::wait::{backoff, dice};
use crate::wire::{self, Failure, Refusal, Watch};

/// How long a model stays loaded after a call: longer than the longest command that a run may start between two calls,
/// so that a test suite does not cost a reload.
pub(crate) const KEEP_ALIVE: &str = "15m";

/// Asks one host once; waits and asks again only while it is busy or loading.
pub(crate) fn chat(
    host: &OllamaHost,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
) -> Result<ChatReply, ChatError> {
    let watch = Watch::new(Duration::from_secs(request.profile.call_s_max), cancel);
    let request = &known_as(host, request);
    let sent = tagged::plain(request);
    let mut answer = Answer::default();
    let mut before = Usage::default();
    let outcome = wire::block_on(async {
        converse(host, &sent, Stop::of(&sent), &watch, &mut answer).await?;
        // A value or a reasoning that holds the stop word cannot be written with it.
        if let Some(done) = answer.done.filter(|done| done.finish == Finish::Stop)
            && Stop::of(&sent) == Stop::AfterCall
            && tagged::stopped_early(&answer.text, &request.tools)
        {
            before = usage(host, &sent, &answer, done).0;
            answer = Answer::default();
            converse(host, &sent, Stop::Never, &watch, &mut answer).await?;
        }
        Ok(())
    })
    .and_then(|outcome| outcome)
    .and_then(|()| reply(host, request, &sent, &mut answer));
    match outcome {
        Ok(reply) => Ok(ChatReply {
            latency_ms: millis(watch.elapsed()),
            usage: Usage {
                prompt_tokens: before.prompt_tokens + reply.usage.prompt_tokens,
                output_tokens: before.output_tokens + reply.usage.output_tokens,
            },
            ..reply
        }),
        Err(fault) => {
            if fault.class == ErrorClass::NoTools && !request.tools.is_empty() {
                host.toolless.add(&request.model);
            }
            Err(failed(host, request, fault, answer))
        }
    }
}

/// The request as the host can take it by what it said before: a model without tools calls them in text.
fn known_as<'r>(host: &OllamaHost, request: &'r ChatRequest) -> Cow<'r, ChatRequest> {
    if request.tools.is_empty() || !host.toolless.has(&request.model) {
        return Cow::Borrowed(request);
    }
    let profile = Profile {
        tool_mode: ToolMode::Text,
        ..request.profile
    };
    Cow::Owned(ChatRequest {
        profile,
        ..request.clone()
    })
}

fn failed(host: &OllamaHost, request: &ChatRequest, fault: Fault, answer: Answer) -> ChatError {
    ChatError {
        class: fault.class,
        host: host.to_string(),
        model: request.model.clone(),
        message: fault.message,
        partial: answer.text,
    }
}

/// Where the server is told to end an answer by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Never,
    /// Behind the one call that a text may make.
    AfterCall,
}

impl Stop {
    fn of(request: &ChatRequest) -> Stop {
        match request.profile.tool_mode {
            // A schema's answer may hold any text.
            ToolMode::Text if request.format.is_none() => Stop::AfterCall,
            ToolMode::Text | ToolMode::Native => Stop::Never,
        }
    }
}

async fn converse(
    host: &OllamaHost,
    request: &ChatRequest,
    stop: Stop,
    watch: &Watch<'_>,
    answer: &mut Answer,
) -> Result<(), Fault> {
    let client = wire::client(host)?;
    let url = host.route("api/chat");
    let body = body(request, stop)?;
    let idle_max = Duration::from_secs(request.profile.idle_s_max);
    let mut tries = 0;
    loop {
        let refusal =
            match wire::post_stream(&client, &url, body.clone(), watch, idle_max, answer).await {
                Ok(()) => return Ok(()),
                Err(Failure::Fault(fault)) => return Err(fault),
                Err(Failure::Refused(refusal)) => refusal,
            };
        let fault = classify(&refusal);
        if !fault.class.is_wait() {
            return Err(fault);
        }
        tries += 1;
        let wait = backoff(tries - 1, dice(), refusal.retry_after_s);
        if wait >= watch.left() {
            let message = format!(
                "{} ({tries} tries in {} s)",
                fault.message,
                watch.elapsed().as_secs()
            );
            return Err(Fault::new(fault.class, message));
        }
        tracing::debug!(%host, model = request.model, class = %fault.class, tries, ?wait, "waiting for a busy host");
        watch.sleep(wait).await?;
    }
}

/// The request as Ollama reads it.
///
/// `truncate` and `shift` are false, so that a prompt which does not fit is an error instead of being cut in silence
/// (`api.ChatRequest` in Ollama's source). Everything that would reload the model comes from the profile alone.
fn body(request: &ChatRequest, stop: Stop) -> Result<Vec<u8>, Fault> {
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
        "keep_alive": KEEP_ALIVE,
        "options": options(profile),
    });
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

fn options(profile: &Profile) -> Value {
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

/// What an HTTP error of Ollama means. The phrases are those of its `server/routes.go`, `server/images.go` and
/// `llm/llama_server.go`; relatives that stand behind the same route say them alike.
fn classify(refusal: &Refusal) -> Fault {
    let json: Option<Value> = serde_json::from_str(&refusal.body).ok();
    let error = json
        .as_ref()
        .and_then(|json| json.get("error"))
        .map(error_text);
    let text = error.clone().unwrap_or_else(|| refusal.body.clone());
    let lower = text.to_ascii_lowercase();
    let says = |phrase: &str| lower.contains(phrase);
    let class = match refusal.status {
        400 | 500 if is_too_long(&text) => ErrorClass::ContextTooLong,
        400 if says("does not support") && says("tools") => ErrorClass::NoTools,
        400 => ErrorClass::BadRequest,
        // A server without this route has no words of Ollama's about a model.
        404 if error.is_some() => ErrorClass::ModelMissing,
        300..400 | 401 | 402 | 403 | 404 | 405 | 407 => ErrorClass::Refused,
        503 if says("loading") => ErrorClass::Loading,
        429 | 503 => ErrorClass::Busy,
        500 if is_model_fault(&text) => ErrorClass::Malformed,
        413 => ErrorClass::ContextTooLong,
        408 | 499 => ErrorClass::ServerFault,
        406..500 => ErrorClass::BadRequest,
        _ => ErrorClass::ServerFault,
    };
    let said = if text.trim().is_empty() {
        "nothing more".to_owned()
    } else {
        quote(&text)
    };
    Fault::new(class, format!("HTTP {}: {said}", refusal.status))
}

/// Makes the reply, or says why what came is none.
fn reply(
    host: &OllamaHost,
    request: &ChatRequest,
    sent: &ChatRequest,
    answer: &mut Answer,
) -> Result<ChatReply, Fault> {
    let done = answer
        .done
        .expect("an answer that ended well has its closing line");
    let chars = prompt_chars(sent);
    let window = request.profile.num_ctx;
    if let Verdict::Truncated { expected } =
        host.rates
            .judge(&request.model, chars, done.prompt_tokens, window)
    {
        let message = format!(
            "about {expected} prompt tokens were sent, the server counted {} in a window of {window}",
            done.prompt_tokens
        );
        return Err(Fault::new(ErrorClass::ContextTruncated, message));
    }
    let mut calls = named(std::mem::take(&mut answer.calls), request)?;
    let (drafted, text) = thinking::split(&answer.text);
    let mut text = text.to_owned();
    let mut salvaged = false;
    let mut refused = None;
    if calls.is_empty() {
        let found = in_text(&text, request, done.finish);
        salvaged = !found.calls.is_empty() && request.profile.tool_mode == ToolMode::Native;
        calls = found.calls.into_iter().map(unnamed).collect();
        text = found.text;
        refused = found.refused;
        if !request.tools.is_empty()
            && text.trim().is_empty()
            && calls.is_empty()
            && thinking::holds_call(&drafted)
        {
            refused.get_or_insert_with(|| DRAFTED.to_owned());
        }
    }
    for call in &mut calls {
        inert::restore(&mut call.arguments);
    }
    let calls = with_ids(calls, &request.messages);
    let (usage, usage_estimated) = usage(host, sent, answer, done);
    let model = if answer.model.is_empty() {
        request.model.clone()
    } else {
        std::mem::take(&mut answer.model)
    };
    Ok(ChatReply {
        text: inert::restored(&text).into_owned(),
        thinking: format!("{}{drafted}", answer.thinking),
        calls,
        usage,
        usage_estimated,
        finish: done.finish,
        salvaged,
        refused,
        mode: Mode::Real,
        model,
        latency_ms: 0,
    })
}

fn usage(host: &OllamaHost, request: &ChatRequest, answer: &Answer, done: Done) -> (Usage, bool) {
    let estimate = |chars: u64| host.rates.estimate(&request.model, chars);
    let written = (answer.text.chars().count() + answer.thinking.chars().count()) as u64;
    let counted = done.prompt_tokens > 0 && (done.output_tokens > 0 || written == 0);
    let or = |count: u64, chars: u64| if count > 0 { count } else { estimate(chars) };
    let usage = Usage {
        prompt_tokens: or(done.prompt_tokens, prompt_chars(request)),
        output_tokens: or(done.output_tokens, written),
    };
    (usage, !counted)
}

/// What a model is told that wrote a call where it only thinks.
const DRAFTED: &str = "it stands in your reasoning; end the reasoning, then make the call";

/// The calls of an answer's text that are the model's own. A cut answer may end inside a call, so nothing is dug out of it.
fn in_text(text: &str, request: &ChatRequest, finish: Finish) -> Found {
    let (tools, messages) = (&request.tools, &request.messages);
    match (finish, request.profile.tool_mode) {
        (Finish::Stop, ToolMode::Native) => salvage::calls_in(text, tools).own(text, messages),
        (Finish::Stop, ToolMode::Text) => tagged::decode(text, tools).own(text, messages),
        (Finish::Length, mode) => Found {
            calls: Vec::new(),
            text: text.to_owned(),
            refused: (mode == ToolMode::Text && !request.tools.is_empty()).then(|| {
                "it was cut off at its length limit; write less at a time: smaller edits, a file in several parts"
                    .to_owned()
            }),
            first: None,
        },
    }
}

/// A call without an id, which is given later.
fn unnamed(call: Written) -> ToolCall {
    ToolCall {
        id: String::new(),
        name: call.name,
        arguments: call.arguments,
    }
}

/// Native calls with the names of the request's tools. An unknown name stays, for the loop to answer it.
fn named(raw: Vec<RawCall>, request: &ChatRequest) -> Result<Vec<ToolCall>, Fault> {
    raw.into_iter()
        .map(|call| {
            let tool = salvage::resolve(&call.name, &request.tools);
            let name = tool.map_or_else(|| call.name.clone(), |tool| tool.name.clone());
            let mut arguments = arguments(&name, call.arguments)?;
            if let Some(tool) = tool {
                salvage::mend(tool, &mut arguments);
            }
            Ok(ToolCall {
                id: call.id,
                arguments,
                name,
            })
        })
        .collect()
}

fn arguments(name: &str, arguments: Value) -> Result<Map<String, Value>, Fault> {
    if arguments.is_null() {
        return Ok(Map::new());
    }
    salvage::object_of(arguments).ok_or_else(|| {
        let message = format!(
            "the arguments of the call of `{}` are no JSON object",
            quote(name)
        );
        Fault::new(ErrorClass::Malformed, message)
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> ErrorClass {
        classify(&Refusal {
            status,
            body: body.to_owned(),
            retry_after_s: None,
        })
        .class
    }

    #[test]
    fn http_errors_have_exact_classes() {
        for (status, body, expected) in [
            (
                400,
                r#"{"error":"registry/m does not support tools"}"#,
                ErrorClass::NoTools,
            ),
            (
                400,
                r#"{"error":"\"m\" does not support thinking"}"#,
                ErrorClass::BadRequest,
            ),
            (
                400,
                r#"{"error":"the prompt is longer than the context length currently available to the model"}"#,
                ErrorClass::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"request exceeds the available context size"}}"#,
                ErrorClass::ContextTooLong,
            ),
            (
                400,
                r#"{"error":"invalid message content"}"#,
                ErrorClass::BadRequest,
            ),
            (
                401,
                r#"{"error":"unauthorized","signin_url":"x"}"#,
                ErrorClass::Refused,
            ),
            (403, "", ErrorClass::Refused),
            (302, "", ErrorClass::Refused),
            (
                404,
                r#"{"error":"model 'm' not found"}"#,
                ErrorClass::ModelMissing,
            ),
            (404, "404 page not found", ErrorClass::Refused),
            (429, r#"{"error":"slow down"}"#, ErrorClass::Busy),
            (422, r#"{"error":"no"}"#, ErrorClass::BadRequest),
            (
                499,
                r#"{"error":"request canceled"}"#,
                ErrorClass::ServerFault,
            ),
            (
                500,
                r#"{"error":"Context size has been exceeded"}"#,
                ErrorClass::ContextTooLong,
            ),
            (
                500,
                r#"{"error":"error parsing tool call: raw='{'"}"#,
                ErrorClass::Malformed,
            ),
            (
                500,
                r#"{"error":"model requires more system memory (9 GiB) than is available"}"#,
                ErrorClass::ServerFault,
            ),
            (502, "<html>", ErrorClass::ServerFault),
            (
                503,
                r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
                ErrorClass::Busy,
            ),
            (
                503,
                r#"{"error":{"message":"Loading model","type":"unavailable_error"}}"#,
                ErrorClass::Loading,
            ),
            (204, "", ErrorClass::ServerFault),
        ] {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
    }
}
