//! What can go wrong with a model call, in exact classes: who is to blame decides what the factory does next.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::chat::Usage;

/// A call that gave no reply.
///
/// `Display` says what was tried, on what, what happened and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatError {
    pub class: ErrorClass,
    /// What kind of server was asked; it decides which fix is named.
    pub server: Server,
    /// The host's URL, or `scripted`.
    pub host: String,
    pub model: String,
    /// What happened. May quote the server: shortened and without control characters.
    pub message: String,
    /// The text that had arrived before it went wrong. A record of a failure, never an answer.
    pub partial: String,
    /// What it may have cost all the same.
    pub spent: Spent,
}

/// What a call that gave no reply may have cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spent {
    /// It was not sent, or it was answered with an error in place of a model's words, for which no provider asks money.
    Nothing,
    /// The server had counted the whole answer before it turned out to be none.
    Counted(Box<Usage>),
    /// It went out, and nobody said what became of it.
    Unknown,
}

impl Spent {
    /// Of two requests of one call.
    #[must_use]
    pub(crate) fn plus(self, other: Spent) -> Spent {
        match (self, other) {
            (Spent::Unknown, _) | (_, Spent::Unknown) => Spent::Unknown,
            (Spent::Nothing, known) | (known, Spent::Nothing) => known,
            (Spent::Counted(one), Spent::Counted(other)) => {
                Spent::Counted(Box::new(one.plus(*other)))
            }
        }
    }
}

/// What kind of server was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Ollama,
    /// One that speaks OpenAI's chat completions.
    Openai,
    Anthropic,
    /// A recording.
    Script,
}

/// Exact classes of failure. The names are stored in journals and used in scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// No connection, or it was lost before the first byte of an answer.
    Unreachable,
    /// The server's queue is full (HTTP 503, 429), still after our own waiting.
    Busy,
    /// The server says that the model is being loaded, still after our own waiting.
    Loading,
    /// The host does not have the model (HTTP 404).
    ModelMissing,
    /// The server refused the request as wrong (HTTP 400), or we did before sending it.
    BadRequest,
    /// The prompt does not fit the window, and the server said so.
    ContextTooLong,
    /// The prompt did not fit, and the server cut it without a word.
    ContextTruncated,
    /// The model cannot call tools.
    NoTools,
    /// The server reported an error after HTTP 200, in the middle of the answer.
    MidStream,
    /// The answer ended without its closing `done` line.
    Cut,
    /// Nothing arrived for `idle_s_max` seconds after the first token, or before it for as long as the host's own bound.
    Stalled,
    /// The call took longer than `call_s_max`.
    TimedOut,
    /// What came is not an answer in the protocol, or the model broke the form that was asked.
    Malformed,
    /// The model repeated one token until its server stopped it.
    Repeating,
    /// The model or its provider's filter refused to answer (`refusal`, `content_filter`).
    Filtered,
    /// The caller cancelled the call.
    Cancelled,
    /// The caller may not spend what the call could cost; it was not made.
    OverBudget,
    /// The host wants a login, forbids the call or is not the server that we took it for (HTTP 401, 403, 3xx).
    Refused,
    /// The server failed inside (HTTP 5xx): out of memory, a crashed runner.
    ServerFault,
    /// The script has no scene or no turn for this call.
    ScriptExhausted,
}

/// Who must do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Infrastructure: the same tier on another host. Never a tier up, or an outage becomes a bill.
    Host,
    /// Quality: the findings go back, then a tier up.
    Model,
    /// The request or the configuration: the same call fails everywhere.
    Request,
    /// The caller wanted it.
    Caller,
}

impl ErrorClass {
    pub const ALL: [ErrorClass; 20] = [
        ErrorClass::Unreachable,
        ErrorClass::Busy,
        ErrorClass::Loading,
        ErrorClass::ModelMissing,
        ErrorClass::BadRequest,
        ErrorClass::ContextTooLong,
        ErrorClass::ContextTruncated,
        ErrorClass::NoTools,
        ErrorClass::MidStream,
        ErrorClass::Cut,
        ErrorClass::Stalled,
        ErrorClass::TimedOut,
        ErrorClass::Malformed,
        ErrorClass::Repeating,
        ErrorClass::Filtered,
        ErrorClass::Cancelled,
        ErrorClass::OverBudget,
        ErrorClass::Refused,
        ErrorClass::ServerFault,
        ErrorClass::ScriptExhausted,
    ];

    /// The stored name; the same word that scripts and serde use.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Unreachable => "unreachable",
            ErrorClass::Busy => "busy",
            ErrorClass::Loading => "loading",
            ErrorClass::ModelMissing => "model_missing",
            ErrorClass::BadRequest => "bad_request",
            ErrorClass::ContextTooLong => "context_too_long",
            ErrorClass::ContextTruncated => "context_truncated",
            ErrorClass::NoTools => "no_tools",
            ErrorClass::MidStream => "mid_stream",
            ErrorClass::Cut => "cut",
            ErrorClass::Stalled => "stalled",
            ErrorClass::TimedOut => "timed_out",
            ErrorClass::Malformed => "malformed",
            ErrorClass::Repeating => "repeating",
            ErrorClass::Filtered => "filtered",
            ErrorClass::Cancelled => "cancelled",
            ErrorClass::OverBudget => "over_budget",
            ErrorClass::Refused => "refused",
            ErrorClass::ServerFault => "server_fault",
            ErrorClass::ScriptExhausted => "script_exhausted",
        }
    }

    pub fn parse(text: &str) -> Option<ErrorClass> {
        ErrorClass::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
    }

    pub fn blame(self) -> Blame {
        match self {
            ErrorClass::Unreachable
            | ErrorClass::Busy
            | ErrorClass::Loading
            | ErrorClass::ModelMissing
            | ErrorClass::MidStream
            | ErrorClass::Cut
            | ErrorClass::Stalled
            | ErrorClass::TimedOut
            | ErrorClass::Refused
            | ErrorClass::ServerFault => Blame::Host,
            ErrorClass::Malformed | ErrorClass::Repeating | ErrorClass::Filtered => Blame::Model,
            ErrorClass::BadRequest
            | ErrorClass::ContextTooLong
            | ErrorClass::ContextTruncated
            | ErrorClass::NoTools
            | ErrorClass::ScriptExhausted => Blame::Request,
            ErrorClass::Cancelled | ErrorClass::OverBudget => Blame::Caller,
        }
    }

    /// Whether the same tier on another host is the answer. Such a failure never escalates.
    pub fn is_infrastructure(self) -> bool {
        self.blame() == Blame::Host
    }

    /// Whether the model itself did badly, which counts as a quality failure of the run.
    pub fn is_quality(self) -> bool {
        self.blame() == Blame::Model
    }

    /// What a failure of this class has cost, where nothing but its class is known.
    pub(crate) fn usually_spent(self) -> Spent {
        match self {
            ErrorClass::Unreachable
            | ErrorClass::Busy
            | ErrorClass::Loading
            | ErrorClass::ModelMissing
            | ErrorClass::BadRequest
            | ErrorClass::ContextTooLong
            | ErrorClass::NoTools
            | ErrorClass::Refused
            | ErrorClass::ServerFault
            | ErrorClass::OverBudget
            | ErrorClass::ScriptExhausted => Spent::Nothing,
            ErrorClass::ContextTruncated
            | ErrorClass::MidStream
            | ErrorClass::Cut
            | ErrorClass::Stalled
            | ErrorClass::TimedOut
            | ErrorClass::Malformed
            | ErrorClass::Repeating
            | ErrorClass::Filtered
            | ErrorClass::Cancelled => Spent::Unknown,
        }
    }

    /// Whether waiting on the same host is the cure.
    pub(crate) fn is_wait(self) -> bool {
        matches!(self, ErrorClass::Busy | ErrorClass::Loading)
    }

    /// What a person can do. `host` and `model` are filled in.
    fn remedy(self, server: Server, host: &str, model: &str) -> String {
        match self {
            ErrorClass::Unreachable => match server {
                Server::Ollama | Server::Script => format!(
                    "start Ollama there (`ollama serve`), or say where it runs instead of {host} (OLLAMA_HOST, or its `url` in alai.toml)"
                ),
                Server::Openai => format!(
                    "start the server there (`llama-server`, vLLM, LM Studio), or correct its address {host}; no port is assumed"
                ),
                Server::Anthropic => format!("check the network and the address {host}"),
            },
            ErrorClass::Busy => "lower the slots of this host, or add a host".to_owned(),
            ErrorClass::Loading => {
                "wait until the model is loaded, or look at the server's log".to_owned()
            }
            ErrorClass::ModelMissing => match server {
                Server::Ollama | Server::Script => format!("run `ollama pull {model}` on that host"),
                Server::Openai => format!("start {host} with that model, or name one that its /v1/models lists"),
                Server::Anthropic => "name a model that the provider offers to this key".to_owned(),
            },
            ErrorClass::BadRequest => {
                "correct the request; another host would refuse it too".to_owned()
            }
            ErrorClass::ContextTooLong | ErrorClass::ContextTruncated => match server {
                Server::Ollama | Server::Script => {
                    "shorten the conversation, or give the model a larger num_ctx".to_owned()
                }
                Server::Openai => "shorten the conversation, or start the server with a larger context \
                     (llama-server: -c, divided by its slots; without --context-shift)"
                    .to_owned(),
                Server::Anthropic => "shorten the conversation".to_owned(),
            },
            ErrorClass::NoTools => match server {
                Server::Ollama | Server::Script => {
                    "choose a model whose `ollama show` lists `tools`".to_owned()
                }
                Server::Openai | Server::Anthropic => {
                    "start the server with its tool parser (llama-server: --jinja, vLLM: --enable-auto-tool-choice)"
                        .to_owned()
                }
            },
            ErrorClass::MidStream | ErrorClass::Cut | ErrorClass::ServerFault => {
                "look at the server's log; the call can be tried on another host".to_owned()
            }
            ErrorClass::Stalled => {
                "look whether the host is overloaded or hangs, or raise `first_token_s` or `between_tokens_s` in its `timeouts` (alai.toml)".to_owned()
            }
            ErrorClass::TimedOut => {
                "look whether the host is overloaded or hangs, use a smaller model or a faster host, or raise `whole_s` in its `timeouts` (alai.toml)".to_owned()
            }
            ErrorClass::Malformed | ErrorClass::Repeating => {
                "ask again with the error shown to the model, then use a stronger model".to_owned()
            }
            ErrorClass::Filtered => "say the task in other words, or use another model".to_owned(),
            ErrorClass::Cancelled => "nothing: it was asked for".to_owned(),
            ErrorClass::OverBudget => "`alai fleet cost` shows what is left".to_owned(),
            ErrorClass::Refused => match server {
                Server::Ollama | Server::Script => {
                    format!("check that {host} is an Ollama server that you may use")
                }
                Server::Openai | Server::Anthropic => format!(
                    "check the key and what its account has left, and that {host} is a server of this kind that you may use"
                ),
            },
            ErrorClass::ScriptExhausted => "add the scene or the turn to the script".to_owned(),
        }
    }
}

impl ChatError {
    pub fn is_infrastructure(&self) -> bool {
        self.class.is_infrastructure()
    }

    pub fn is_quality(&self) -> bool {
        self.class.is_quality()
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = self.class.remedy(self.server, &self.host, &self.model);
        write!(
            f,
            "no reply from model `{}` at {}: {} ({}); {remedy}",
            self.model, self.host, self.message, self.class
        )
    }
}

impl std::error::Error for ChatError {}

/// What went wrong, before anybody says on which host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) class: ErrorClass,
    pub(crate) message: String,
    /// The window of the model in tokens, where the server told it.
    pub(crate) window: Option<u32>,
    /// The answer had ended before it: no count of it changes any more.
    pub(crate) at_the_end: bool,
}

impl Fault {
    pub(crate) fn new(class: ErrorClass, message: impl Into<String>) -> Fault {
        Fault {
            class,
            message: message.into(),
            window: None,
            at_the_end: false,
        }
    }

    /// The same of an answer that had ended.
    #[must_use]
    pub(crate) fn at_the_end(self) -> Fault {
        Fault {
            at_the_end: true,
            ..self
        }
    }
}

/// Characters of a server's own words that an error quotes: enough for any real message, too few to flood a log.
const QUOTE_CHARS_MAX: usize = 500;

/// Makes a stranger's words fit to stand in an error: one line, no control characters, bounded.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.trim().chars().enumerate() {
        if n == QUOTE_CHARS_MAX {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_same_for_serde() {
        for class in ErrorClass::ALL {
            assert_eq!(ErrorClass::parse(class.as_str()), Some(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }

    #[test]
    fn an_outage_is_never_a_question_of_quality() {
        for class in [
            ErrorClass::Unreachable,
            ErrorClass::Busy,
            ErrorClass::Loading,
            ErrorClass::Cut,
            ErrorClass::MidStream,
            ErrorClass::Stalled,
            ErrorClass::TimedOut,
            ErrorClass::ServerFault,
        ] {
            assert!(class.is_infrastructure() && !class.is_quality(), "{class}");
        }
        for class in [ErrorClass::Malformed, ErrorClass::Repeating] {
            assert!(class.is_quality() && !class.is_infrastructure(), "{class}");
        }
    }

    #[test]
    fn an_error_names_model_host_event_and_remedy() {
        let error = ChatError {
            class: ErrorClass::ModelMissing,
            server: Server::Ollama,
            host: "http://forge:11434".to_owned(),
            model: "small".to_owned(),
            message: "model 'small' not found".to_owned(),
            partial: String::new(),
            spent: Spent::Nothing,
        };
        assert_eq!(
            error.to_string(),
            "no reply from model `small` at http://forge:11434: model 'small' not found (model_missing); \
             run `ollama pull small` on that host"
        );
    }

    #[test]
    fn quotes_cannot_write_to_a_terminal_or_flood_it() {
        assert_eq!(quote(" a\u{1b}[31m\nb "), "a [31m b");
        assert_eq!(
            quote(&"x".repeat(10_000)).chars().count(),
            QUOTE_CHARS_MAX + 1
        );
    }
}
