//! Whose server a call goes to. The one place where the dialects are told apart; everything behind it is the same for all.

use std::fmt;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::anthropic::{self, AnthropicHost};
use crate::call::Stop;
use crate::chat::ChatRequest;
use crate::error::{Fault, Server};
use crate::event::{Fed, Out};
use crate::host::{OllamaHost, Toolless};
use crate::openai::{self, OpenaiHost};
use crate::secret::Secret;
use crate::tape::Wire;
use crate::timeouts::Timeouts;
use crate::tokens::Rates;
use crate::wire::Refusal;
use crate::{ollama, probe};

/// A model server of any dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "dialect", content = "url", rename_all = "snake_case")]
pub enum Host {
    Ollama(OllamaHost),
    Openai(OpenaiHost),
    Anthropic(AnthropicHost),
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum HostRef<'h> {
    Ollama(&'h OllamaHost),
    Openai(&'h OpenaiHost),
    Anthropic(&'h AnthropicHost),
}

impl Host {
    /// How long each phase of its calls may take.
    pub fn timeouts(&self) -> Timeouts {
        HostRef::from(self).timeouts()
    }

    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Host {
        match self {
            Host::Ollama(host) => Host::Ollama(host.with_timeouts(timeouts)),
            Host::Openai(host) => Host::Openai(host.with_timeouts(timeouts)),
            Host::Anthropic(host) => Host::Anthropic(host.with_timeouts(timeouts)),
        }
    }
}

impl<'h> HostRef<'h> {
    pub(crate) fn to_host(self) -> Host {
        match self {
            HostRef::Ollama(host) => Host::Ollama(host.clone()),
            HostRef::Openai(host) => Host::Openai(host.clone()),
            HostRef::Anthropic(host) => Host::Anthropic(host.clone()),
        }
    }

    pub(crate) fn server(self) -> Server {
        match self {
            HostRef::Ollama(_) => Server::Ollama,
            HostRef::Openai(_) => Server::Openai,
            HostRef::Anthropic(_) => Server::Anthropic,
        }
    }

    pub(crate) fn chat_url(self) -> String {
        match self {
            HostRef::Ollama(host) => host.route("api/chat"),
            HostRef::Openai(host) => host.base().route("v1/chat/completions"),
            HostRef::Anthropic(host) => host.base().route("v1/messages"),
        }
    }

    pub(crate) fn is_https(self) -> bool {
        match self {
            HostRef::Ollama(host) => host.is_https(),
            HostRef::Openai(host) => host.base().is_https(),
            HostRef::Anthropic(host) => host.base().is_https(),
        }
    }

    pub(crate) fn is_loopback(self) -> bool {
        match self {
            HostRef::Ollama(host) => host.is_loopback(),
            HostRef::Openai(host) => host.is_loopback(),
            HostRef::Anthropic(host) => host.is_loopback(),
        }
    }

    pub(crate) fn key(self) -> Option<&'h Secret> {
        match self {
            HostRef::Ollama(_) => None,
            HostRef::Openai(host) => host.key.as_ref(),
            HostRef::Anthropic(host) => host.key.as_ref(),
        }
    }

    /// What goes with every request to it.
    pub(crate) fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            HostRef::Ollama(_) => {}
            HostRef::Openai(host) => {
                if let Some(key) = &host.key {
                    headers.insert(AUTHORIZATION, key.header("Bearer "));
                }
            }
            HostRef::Anthropic(host) => {
                // The version of the protocol that this crate reads; the only one since 2023.
                let version = HeaderName::from_static("anthropic-version");
                headers.insert(version, HeaderValue::from_static("2023-06-01"));
                if let Some(key) = &host.key {
                    headers.insert(HeaderName::from_static("x-api-key"), key.header(""));
                }
            }
        }
        headers
    }

    pub(crate) fn timeouts(self) -> Timeouts {
        match self {
            HostRef::Ollama(host) => host.timeouts,
            HostRef::Openai(host) => host.timeouts,
            HostRef::Anthropic(host) => host.timeouts,
        }
    }

    pub(crate) fn rates(self) -> &'h Rates {
        match self {
            HostRef::Ollama(host) => &host.rates,
            HostRef::Openai(host) => &host.rates,
            HostRef::Anthropic(host) => &host.rates,
        }
    }

    pub(crate) fn toolless(self) -> &'h Toolless {
        match self {
            HostRef::Ollama(host) => &host.toolless,
            HostRef::Openai(host) => &host.toolless,
            HostRef::Anthropic(host) => &host.toolless,
        }
    }

    pub(crate) fn body(self, request: &ChatRequest, stop: Stop) -> Result<Vec<u8>, Fault> {
        match self {
            HostRef::Ollama(_) => ollama::body::body(request, stop),
            HostRef::Openai(_) => openai::body::body(request, stop),
            HostRef::Anthropic(_) => anthropic::body::body(request, stop),
        }
    }

    pub(crate) fn classify(self, refusal: &Refusal) -> Fault {
        match self {
            HostRef::Ollama(_) => ollama::errors::classify(refusal),
            HostRef::Openai(_) => openai::errors::classify(refusal),
            HostRef::Anthropic(_) => anthropic::errors::classify(refusal),
        }
    }

    /// What reads the answer to this request.
    pub(crate) fn reader(self, request: &ChatRequest) -> Reader {
        let wire = match self {
            HostRef::Ollama(_) => Wire::Ollama,
            HostRef::Openai(_) => Wire::Openai,
            HostRef::Anthropic(_) => Wire::Anthropic,
        };
        Reader::of(wire, request.format.as_ref())
    }

    pub(crate) async fn look(self, watch: &crate::wire::Watch<'_>) -> probe::Looked {
        match self {
            HostRef::Ollama(host) => ollama::probe::look(host, watch).await,
            HostRef::Openai(host) => openai::probe::look(host, watch).await,
            HostRef::Anthropic(host) => anthropic::probe::look(host, watch).await,
        }
    }
}

/// Turns the bytes of an answer into events. Knows nothing of sockets.
#[derive(Debug)]
pub(crate) enum Reader {
    Ollama(ollama::line::Lines),
    Openai(openai::line::Chunks),
    Anthropic(anthropic::line::Blocks),
}

impl Reader {
    /// What reads bytes of a wire. `format` is the schema of what was asked.
    pub(crate) fn of(wire: Wire, format: Option<&serde_json::Value>) -> Reader {
        match wire {
            Wire::Ollama => Reader::Ollama(ollama::line::Lines::default()),
            Wire::Openai => Reader::Openai(openai::line::Chunks::default()),
            Wire::Anthropic => Reader::Anthropic(anthropic::line::Blocks::of(format)),
        }
    }

    pub(crate) fn wire(&self) -> Wire {
        match self {
            Reader::Ollama(_) => Wire::Ollama,
            Reader::Openai(_) => Wire::Openai,
            Reader::Anthropic(_) => Wire::Anthropic,
        }
    }

    /// Takes the next bytes, cut anywhere.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: Out<'_>) -> Result<Fed, Fault> {
        match self {
            Reader::Ollama(lines) => lines.feed(bytes, out),
            Reader::Openai(chunks) => chunks.feed(bytes, out),
            Reader::Anthropic(blocks) => blocks.feed(bytes, out),
        }
    }

    /// The server closed the answer. Only its own end makes it whole.
    pub(crate) fn end(&mut self, out: Out<'_>) -> Result<(), Fault> {
        match self {
            Reader::Ollama(lines) => lines.end(out),
            Reader::Openai(chunks) => chunks.end(out),
            Reader::Anthropic(blocks) => blocks.end(out),
        }
    }
}

impl fmt::Display for HostRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostRef::Ollama(host) => host.fmt(f),
            HostRef::Openai(host) => host.fmt(f),
            HostRef::Anthropic(host) => host.fmt(f),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HostRef::from(self).fmt(f)
    }
}

impl<'h> From<&'h Host> for HostRef<'h> {
    fn from(host: &'h Host) -> HostRef<'h> {
        match host {
            Host::Ollama(host) => HostRef::Ollama(host),
            Host::Openai(host) => HostRef::Openai(host),
            Host::Anthropic(host) => HostRef::Anthropic(host),
        }
    }
}

impl<'h> From<&'h OllamaHost> for HostRef<'h> {
    fn from(host: &'h OllamaHost) -> HostRef<'h> {
        HostRef::Ollama(host)
    }
}

impl<'h> From<&'h OpenaiHost> for HostRef<'h> {
    fn from(host: &'h OpenaiHost) -> HostRef<'h> {
        HostRef::Openai(host)
    }
}

impl<'h> From<&'h AnthropicHost> for HostRef<'h> {
    fn from(host: &'h AnthropicHost) -> HostRef<'h> {
        HostRef::Anthropic(host)
    }
}

impl From<OllamaHost> for Host {
    fn from(host: OllamaHost) -> Host {
        Host::Ollama(host)
    }
}
