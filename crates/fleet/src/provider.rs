//! The one door to a model: a request goes in, a reply or an exact error comes out. Blocking; no async leaves this crate.

use alai_core::mode::Mode;
use serde_json::Value;

use crate::anthropic::AnthropicHost;
use crate::call;
use crate::chat::{ChatReply, ChatRequest, Finish, Message};
use crate::dialect::{Host, HostRef};
use crate::error::Server;
use crate::error::{ChatError, ErrorClass, quote};
use crate::event::{Event, RawCall};
use crate::host::OllamaHost;
use crate::openai::OpenaiHost;
use crate::schema;
use crate::script::{self, Script};
use crate::tap::Taps;

/// Who answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Provider {
    /// An Ollama server.
    Ollama(OllamaHost),
    /// A server that speaks OpenAI's chat completions: llama-server, vLLM, LM Studio.
    Openai(OpenaiHost),
    /// A server that speaks Anthropic's Messages.
    Anthropic(AnthropicHost),
    /// A recording: the demo's default, and what tests use.
    Scripted(Script),
}

/// A checked answer to a request with a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Fits the request's `format`.
    pub value: Value,
    /// The reply it stood in; its usage and latency count the repair, too.
    pub reply: ChatReply,
}

impl Provider {
    /// Whether a model answers or a recording.
    pub fn mode(&self) -> Mode {
        match self {
            Provider::Ollama(_) | Provider::Openai(_) | Provider::Anthropic(_) => Mode::Real,
            Provider::Scripted(_) => Mode::Simulated,
        }
    }

    /// Where it is, for records and errors.
    pub fn host(&self) -> String {
        self.server()
            .map_or_else(|| script::HOST.to_owned(), |host| host.to_string())
    }

    /// The server behind it; a recording has none.
    fn server(&self) -> Option<HostRef<'_>> {
        match self {
            Provider::Ollama(host) => Some(HostRef::Ollama(host)),
            Provider::Openai(host) => Some(HostRef::Openai(host)),
            Provider::Anthropic(host) => Some(HostRef::Anthropic(host)),
            Provider::Scripted(_) => None,
        }
    }
}

impl From<Host> for Provider {
    fn from(host: Host) -> Provider {
        match host {
            Host::Ollama(host) => Provider::Ollama(host),
            Host::Openai(host) => Provider::Openai(host),
            Host::Anthropic(host) => Provider::Anthropic(host),
        }
    }
}

/// Asks once and waits for the whole answer.
///
/// While the host says that it is busy or loading, it waits (with jitter) and asks again, for `call_s_max` seconds in all.
/// `cancel` is asked about every 50 ms; a cancelled, stalled or late call closes its connection, which frees the slot.
///
/// # Errors
/// `ChatError` with an exact class; what had arrived is in `partial`. A request with both tools and a format, or without
/// messages or a model, is refused as `BadRequest` before it is sent.
///
/// # Panics
/// Inside a tokio runtime: it runs its own on the calling thread.
pub fn chat(
    provider: &Provider,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
) -> Result<ChatReply, ChatError> {
    chat_tapped(provider, request, cancel, Taps::default())
}

/// The same for a caller that listens while the answer comes, or keeps its bytes.
///
/// # Errors
/// As [`chat`].
///
/// # Panics
/// As [`chat`].
pub fn chat_tapped(
    provider: &Provider,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
    taps: Taps<'_>,
) -> Result<ChatReply, ChatError> {
    check(provider, request)
        .map_err(|message| failed(provider, request, ErrorClass::BadRequest, message))?;
    if cancel() {
        return Err(failed(
            provider,
            request,
            ErrorClass::Cancelled,
            "the call was cancelled before it began".to_owned(),
        ));
    }
    match provider {
        Provider::Ollama(host) => call::chat(host.into(), request, cancel, taps),
        Provider::Openai(host) => call::chat(host.into(), request, cancel, taps),
        Provider::Anthropic(host) => call::chat(host.into(), request, cancel, taps),
        Provider::Scripted(script) => {
            let reply = script.reply(request)?;
            if let Some(listener) = taps.event {
                events_of(&reply).iter().for_each(listener);
            }
            Ok(reply)
        }
    }
}

/// A recording as it would have come from a server. There are no bytes to keep.
fn events_of(reply: &ChatReply) -> Vec<Event> {
    let mut events = vec![Event::Model(reply.model.clone())];
    if !reply.thinking.is_empty() {
        events.push(Event::Reasoning(reply.thinking.clone()));
    }
    if !reply.text.is_empty() {
        events.push(Event::Text(reply.text.clone()));
    }
    for call in &reply.calls {
        let call = RawCall {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: Value::Object(call.arguments.clone()),
        };
        events.push(match reply.finish {
            Finish::Stop => Event::ToolCall(call),
            Finish::Length => Event::CutCall(call),
        });
    }
    events.push(Event::Usage(reply.usage));
    events.push(Event::Done(reply.finish));
    events
}

/// Asks for JSON that fits `request.format`, because a server can break the schema it was given. One repair turn shows the
/// model what was wrong; after that the call fails as `Malformed`, which is a question of quality. `call` makes each call, as
/// [`chat`] does: whoever pays for calls counts them there, also those whose answer is of no use.
///
/// # Errors
/// As `call`; `BadRequest` when the request has no format.
pub fn ask(
    provider: &Provider,
    request: &ChatRequest,
    call: &mut dyn FnMut(&ChatRequest) -> Result<ChatReply, ChatError>,
) -> Result<Answer, ChatError> {
    let Some(schema) = &request.format else {
        let message = "an answer in JSON needs a schema in `format`".to_owned();
        return Err(failed(provider, request, ErrorClass::BadRequest, message));
    };
    let first = call(request)?;
    let why = match answer_of(&first, schema) {
        Ok(value) => {
            return Ok(Answer {
                value,
                reply: first,
            });
        }
        Err(why) => why,
    };
    let mut repair = request.clone();
    repair.purpose.turn += 1;
    repair.messages.push(Message::Assistant {
        text: first.text.clone(),
        calls: Vec::new(),
    });
    repair.messages.push(Message::User {
        text: format!(
            "That does not fit the schema: {why}. Answer again with the corrected JSON only."
        ),
    });
    let second = call(&repair)?;
    let reply = ChatReply {
        usage: first.usage.plus(second.usage),
        usage_estimated: first.usage_estimated || second.usage_estimated,
        latency_ms: first.latency_ms.saturating_add(second.latency_ms),
        ..second
    };
    match answer_of(&reply, schema) {
        Ok(value) => Ok(Answer { value, reply }),
        Err(why) => {
            let message = format!("its answer broke the schema twice: {why}");
            Err(ChatError {
                partial: reply.text,
                ..failed(provider, request, ErrorClass::Malformed, message)
            })
        }
    }
}

fn answer_of(reply: &ChatReply, schema: &Value) -> Result<Value, String> {
    if reply.finish == Finish::Length {
        return Err("it was cut at the output limit; it must be shorter".to_owned());
    }
    let text = unfenced(reply.text.trim());
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON ({error})"))?;
    schema::check(&value, schema).map_err(|why| quote(&why))?;
    Ok(value)
}

/// The content of a code fence that is the whole answer.
fn unfenced(text: &str) -> &str {
    let inner = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"));
    inner
        .and_then(|inner| inner.split_once('\n'))
        .map_or(text, |(_label, inner)| inner)
}

/// What no dialect may send.
fn check(provider: &Provider, request: &ChatRequest) -> Result<(), String> {
    // A recording needs no model.
    if provider.server().is_some() && request.model.trim().is_empty() {
        return Err("the request names no model".to_owned());
    }
    if request.messages.is_empty() {
        // Ollama would load the model and answer nothing.
        return Err("the request has no messages".to_owned());
    }
    if request.format.is_some() && !request.tools.is_empty() {
        return Err("the request has both tools and a format, which exclude each other".to_owned());
    }
    Ok(())
}

fn failed(
    provider: &Provider,
    request: &ChatRequest,
    class: ErrorClass,
    message: String,
) -> ChatError {
    ChatError::unsent(provider, &request.model, class, message)
}

impl ChatError {
    /// The error of a call that was not made: refused before it was sent.
    pub fn unsent(
        provider: &Provider,
        model: &str,
        class: ErrorClass,
        message: impl Into<String>,
    ) -> ChatError {
        ChatError {
            class,
            server: provider.server().map_or(Server::Script, HostRef::server),
            host: provider.host(),
            model: model.to_owned(),
            message: message.into(),
            partial: String::new(),
        }
    }
}
