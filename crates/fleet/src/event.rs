//! What a model's answer is made of, whoever serves it: every dialect's bytes become these events, in the order of arrival.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::{Finish, Usage};

/// One step of an answer. Passed on as soon as its bytes are there; nothing is held back to make larger pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "value", rename_all = "snake_case")]
pub enum Event {
    /// The model that answers, as its server names it.
    Model(String),
    /// A piece of the reasoning, where the server keeps it apart.
    Reasoning(String),
    /// A piece of the text.
    Text(String),
    /// A whole call. The reply may still change its name and arguments to what the tool means by them, so whoever runs
    /// calls takes them from there.
    ToolCall(RawCall),
    /// A call of an answer that was cut at its limit: a record, never to be run.
    CutCall(RawCall),
    /// The counts so far; each one replaces those before it.
    Usage(Usage),
    /// The answer is whole, or was cut at its limit.
    Done(Finish),
    /// What came before is void: the answer is asked for once more.
    Again,
}

/// A call as the server sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawCall {
    /// Empty where the server gives none.
    pub id: String,
    pub name: String,
    /// An object, or the text that should hold one. Untrusted.
    pub arguments: Value,
}

/// Takes events; an error ends the answer.
pub(crate) type Out<'o> = &'o mut dyn FnMut(Event) -> Result<(), crate::error::Fault>;

/// What some bytes of an answer were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fed {
    /// They were something of the model's. Pings, comments and blank lines keep a connection alive and are nothing.
    pub(crate) heard: bool,
    /// The answer is whole, though counts may still follow.
    pub(crate) whole: bool,
    /// The answer has ended; what follows is ignored.
    pub(crate) done: bool,
}
