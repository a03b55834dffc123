//! What a host has: its models and what each of them can do. Reads only, in bounded time.

use std::time::Duration;

use alai_core::brief::Role;
use alai_core::task::TaskKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call;
use crate::chat::{ChatRequest, Message, Profile, Purpose, Usage};
use crate::dialect::{Host, HostRef};
use crate::error::{ChatError, ErrorClass, Fault, quote};
use crate::ollama;
use crate::wire::{self, Failure, Refusal, Watch};

/// One answer of a host that is well. These routes load no model.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);
/// The whole probe; models that are not described by then are reported as unread.
pub(crate) const PROBE: Duration = Duration::from_secs(20);
/// `/api/show` carries licences and templates; tensors are left out unless asked for.
pub(crate) const BYTES_MAX: usize = 8 << 20;
/// A name longer than this is no model of anybody's.
const NAME_CHARS_MAX: usize = 200;
/// Tokens of a ping's answer: one word and room for a model that starts with a greeting.
const PING_TOKENS: u32 = 32;

/// What was found on a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    pub host: Host,
    pub state: ProbeState,
    /// Requests that it runs at once, where it says so (llama-server).
    #[serde(default)]
    pub slots: Option<u32>,
}

/// What a look at a host gives.
pub(crate) struct Found {
    pub(crate) state: ProbeState,
    pub(crate) slots: Option<u32>,
}

pub(crate) type Looked = Result<Found, Failure>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ProbeState {
    Up {
        version: String,
        /// What this version does wrong, and what to do.
        warning: Option<String>,
        models: Vec<ModelCard>,
        /// Models that are there but could not be described: they are not used, and it is said why.
        unreadable: Vec<Unreadable>,
    },
    Down {
        reason: String,
        remedy: String,
    },
}

/// A model as its host describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    pub name: String,
    /// Bytes on disk; about what it takes in memory without its context.
    pub size_bytes: u64,
    /// In the host's words: `7.6B`.
    pub parameters: Option<String>,
    /// The same as a number.
    pub parameter_count: Option<u64>,
    /// The longest context it was trained for, in tokens.
    pub context_max: Option<u32>,
    /// Whether it generates text at all.
    pub chat: bool,
    pub tools: bool,
    pub thinking: bool,
    /// It makes vectors and nothing else.
    pub embedding_only: bool,
    /// Requests that its own process runs at once, where that is another than its host's (a router of llama-server).
    #[serde(default)]
    pub slots: Option<u32>,
    /// Where it really runs, when the host only passes calls on (Ollama's cloud models): code would leave the machine.
    pub remote: Option<String>,
    pub digest: String,
}

/// A model that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    pub name: String,
    pub reason: String,
}

/// A real generation that worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Load included.
    pub latency_ms: i64,
    pub usage: Usage,
    /// The context that the host gave the loaded model (`/api/ps`), where it says so. Smaller than the profile's `num_ctx`
    /// means that prompts will not fit.
    pub context: Option<u32>,
}

/// Looks at a host of any dialect. Never fails: a host that cannot be used is `Down`, with the reason and what to do.
pub fn probe<'h>(host: impl Into<HostRef<'h>>) -> Probe {
    let host = host.into();
    let watch = Watch::new(PROBE, &|| false);
    let looked = wire::block_on(host.look(&watch))
        .map_err(Failure::from)
        .and_then(|looked| looked);
    let found = looked.unwrap_or_else(|failure| Found {
        state: down(host, &failure),
        slots: None,
    });
    Probe {
        host: host.to_host(),
        state: found.state,
        slots: found.slots,
    }
}

/// The models that can do work here: they generate text, and on this host. Those that can call tools come first.
pub fn usable(probe: &Probe) -> Vec<&ModelCard> {
    let models = match &probe.state {
        ProbeState::Up { models, .. } => models.as_slice(),
        ProbeState::Down { .. } => &[],
    };
    let mut cards: Vec<_> = models
        .iter()
        .filter(|card| card.chat && card.remote.is_none())
        .collect();
    cards.sort_by_key(|card| !card.tools);
    cards
}

/// Lets a model say one word, with the profile that it will be run with (another `num_ctx` would load it twice).
///
/// # Errors
/// As `chat`; `Malformed` when the model generated nothing at all.
pub fn ping<'h>(
    host: impl Into<HostRef<'h>>,
    model: &str,
    profile: &Profile,
    cancel: &dyn Fn() -> bool,
) -> Result<Ping, ChatError> {
    let host = host.into();
    let request = hello(model, profile);
    let reply = call::chat(host, &request, cancel, &mut |_| (), None)?;
    if reply.text.trim().is_empty() && reply.thinking.trim().is_empty() {
        let fault = Fault::new(ErrorClass::Malformed, "the model generated nothing");
        return Err(call::failed(host, &request, fault, ""));
    }
    let context = match host {
        HostRef::Ollama(host) => {
            let watch = Watch::new(ANSWER, cancel);
            wire::block_on(ollama::probe::loaded_context(host, model, &watch))
                .ok()
                .flatten()
        }
        HostRef::Openai(host) => host.windows.of(model),
        HostRef::Anthropic(_) => None,
    };
    Ok(Ping {
        latency_ms: reply.latency_ms,
        usage: reply.usage,
        context,
    })
}

/// What a ping asks.
const HELLO: &str = "Answer with the word: ok";

/// Whether a request is a ping's.
pub(crate) fn is_hello(request: &ChatRequest) -> bool {
    matches!(&request.messages[..], [Message::User { text }] if text == HELLO)
}

/// The request of a ping.
pub(crate) fn hello(model: &str, profile: &Profile) -> ChatRequest {
    ChatRequest {
        model: model.to_owned(),
        messages: vec![Message::User {
            text: HELLO.to_owned(),
        }],
        tools: Vec::new(),
        format: None,
        profile: Profile {
            output_max: PING_TOKENS,
            ..*profile
        },
        purpose: Purpose {
            task_kind: TaskKind::Ops,
            task_title: "ping".to_owned(),
            role: Role::Reviewer,
            company: String::new(),
            step: "ping".to_owned(),
            attempt: 0,
            visit: 0,
            turn: 0,
        },
    }
}

/// Whether a stranger's text can be the name of a model.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(|c| c.is_control() || turns_text_around(c))
}

/// Marks that show a text in another order than it is written (Unicode's bidirectional controls).
fn turns_text_around(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same of a host that was given a key: a name that holds it would be written down.
pub(crate) fn is_name_of(host: HostRef<'_>, name: &str) -> bool {
    let holds = |key: &crate::secret::Secret| key.redact(name) != name;
    is_name(name) && !host.key().is_some_and(holds)
}

/// A name that is none, as it may be shown.
pub(crate) fn shown_name(host: HostRef<'_>, name: &str) -> String {
    match host.key() {
        Some(key) => quote(&key.redact(name)),
        None => quote(name),
    }
}

pub(crate) fn small(value: &Value) -> Option<u32> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
}

fn down(host: HostRef<'_>, failure: &Failure) -> ProbeState {
    let clean = |text: String| match host.key() {
        Some(key) => key.redact_quote(&text),
        None => text,
    };
    ProbeState::Down {
        reason: clean(words(failure)),
        remedy: remedy(host, failure),
    }
}

fn remedy(host: HostRef<'_>, failure: &Failure) -> String {
    let unreachable =
        matches!(failure, Failure::Fault(fault) if fault.class == ErrorClass::Unreachable);
    match host {
        HostRef::Ollama(_) if unreachable && host.is_loopback() => {
            "start it with `ollama serve`, or say where it runs (OLLAMA_HOST, or its `url` in alai.toml)".to_owned()
        }
        HostRef::Ollama(_) if unreachable => {
            format!(
                "check that {host} is on and reachable, and that Ollama listens there (OLLAMA_HOST=0.0.0.0 on that machine)"
            )
        }
        HostRef::Ollama(_) => {
            format!("check what listens at {host}, and say where an Ollama server is (OLLAMA_HOST, or its `url` in alai.toml)")
        }
        HostRef::Openai(_) if matches!(failure, Failure::Refused(refusal) if refusal.status == 503) => {
            "wait until it has loaded its model, or look at its log".to_owned()
        }
        HostRef::Openai(_) | HostRef::Anthropic(_) if unreachable => {
            format!(
                "check that {host} is on, reachable and listens on that port; no port is assumed"
            )
        }
        HostRef::Openai(_) | HostRef::Anthropic(_) => {
            format!("check the key and what listens at {host}")
        }
    }
}

pub(crate) fn words(failure: &Failure) -> String {
    match failure {
        Failure::Fault(fault) => fault.message.clone(),
        Failure::Refused(Refusal { status, body, .. }) if body.trim().is_empty() => {
            format!("HTTP {status}")
        }
        Failure::Refused(Refusal { status, body, .. }) => format!("HTTP {status}: {}", quote(body)),
    }
}
