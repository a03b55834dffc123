//! The one door to a model: a request goes in, a reply or an exact error comes out. Blocking; no async leaves this crate.

use std::borrow::Cow;

use alai_core::mode::Mode;
use alai_core::task::TaskKind;
use serde_json::Value;

use crate::anthropic::AnthropicHost;
use crate::call;
use crate::chat::{ChatReply, ChatRequest, Finish, Message, Profile};
use crate::dialect::{Host, HostRef};
use crate::ear::Listener;
use crate::error::{ChatError, ErrorClass, Server, Spent, quote};
use crate::host::OllamaHost;
use crate::openai::OpenaiHost;
use crate::schema;
use crate::script::{self, Script};
use crate::tape::{Recorder, Tries, cleaned};

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
    /// An agent's own program, which is started for a whole step: nobody asks it for one answer here.
    Agent(AgentRef),
}

/// An agent's own program, by its name in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRef {
    pub name: String,
    /// Which protocol it speaks: `claude-cli`, `codex-cli`, `acp`.
    pub engine: &'static str,
}

impl std::fmt::Display for AgentRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "agent {}", self.name)
    }
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
            Provider::Ollama(_)
            | Provider::Openai(_)
            | Provider::Anthropic(_)
            | Provider::Agent(_) => Mode::Real,
            Provider::Scripted(_) => Mode::Simulated,
        }
    }

    /// Where it is, for records and errors.
    pub fn host(&self) -> String {
        match self {
            Provider::Agent(agent) => agent.to_string(),
            Provider::Ollama(_)
            | Provider::Openai(_)
            | Provider::Anthropic(_)
            | Provider::Scripted(_) => self
                .server()
                .map_or_else(|| script::HOST.to_owned(), |host| host.to_string()),
        }
    }

    /// Of a recording: the model that did tasks of this kind, and how it was run. A request that is made for another one differs.
    pub fn recorded_for(&self, kind: TaskKind) -> Option<(String, Profile)> {
        match self {
            Provider::Scripted(script) => script.recorded_for(kind),
            Provider::Ollama(_)
            | Provider::Openai(_)
            | Provider::Anthropic(_)
            | Provider::Agent(_) => None,
        }
    }

    /// Words of a model without the key of its host, and without whatever else looks like a secret.
    pub fn veiled<'t>(&self, text: &'t str) -> Cow<'t, str> {
        cleaned(text, self.server().and_then(HostRef::key))
    }

    /// The server behind it; a recording and a program have none.
    pub(crate) fn server(&self) -> Option<HostRef<'_>> {
        match self {
            Provider::Ollama(host) => Some(HostRef::Ollama(host)),
            Provider::Openai(host) => Some(HostRef::Openai(host)),
            Provider::Anthropic(host) => Some(HostRef::Anthropic(host)),
            Provider::Scripted(_) | Provider::Agent(_) => None,
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
    chat_heard(provider, request, cancel, &mut |_| ())
}

/// The same for a caller that listens while the answer comes.
///
/// # Errors
/// As [`chat`].
///
/// # Panics
/// As [`chat`].
pub fn chat_heard(
    provider: &Provider,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
    listener: &mut Listener<'_>,
) -> Result<ChatReply, ChatError> {
    checked(provider, request, cancel)?;
    match provider {
        Provider::Ollama(host) => call::chat(host.into(), request, cancel, listener, None),
        Provider::Openai(host) => call::chat(host.into(), request, cancel, listener, None),
        Provider::Anthropic(host) => call::chat(host.into(), request, cancel, listener, None),
        Provider::Scripted(script) => script.play(request, cancel, listener),
        Provider::Agent(agent) => Err(failed(
            provider,
            request,
            ErrorClass::BadRequest,
            format!("{agent} is a program that does whole steps, and gives no single answer"),
        )),
    }
}

/// The same as [`chat_heard`], written into a recording. A script is not recorded: it is one.
///
/// # Errors
/// As [`chat`].
///
/// # Panics
/// As [`chat`].
pub fn chat_recorded(
    provider: &Provider,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
    listener: &mut Listener<'_>,
    recorder: &Recorder,
    now_ms: &dyn Fn() -> i64,
) -> Result<ChatReply, ChatError> {
    let Some(host) = provider.server() else {
        return chat_heard(provider, request, cancel, listener);
    };
    checked(provider, request, cancel)?;
    let mut tries = Tries::new();
    let answered = call::chat(host, request, cancel, listener, Some(&mut tries));
    recorder.record(host, request, tries, &answered, now_ms());
    answered
}

fn checked(
    provider: &Provider,
    request: &ChatRequest,
    cancel: &dyn Fn() -> bool,
) -> Result<(), ChatError> {
    check(provider, request)
        .map_err(|message| failed(provider, request, ErrorClass::BadRequest, message))?;
    match cancel() {
        true => Err(failed(
            provider,
            request,
            ErrorClass::Cancelled,
            "the call was cancelled before it began".to_owned(),
        )),
        false => Ok(()),
    }
}

/// How often one call may ask for its answer at most: a stop word can end a text too early, and what was made until then is paid, too.
/// Whoever holds money for a call holds it for each.
pub fn asks_max(provider: &Provider, request: &ChatRequest) -> u64 {
    match provider.server() {
        Some(host) => call::asks_max(host, request),
        None => 1,
    }
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
                // Each of the two calls was counted where it was made.
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
            spent: Spent::Nothing,
        }
    }
}
