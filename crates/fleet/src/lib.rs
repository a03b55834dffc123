//! Model calls: one request, one reply, for every dialect. Knows no tasks, no repositories and no store.

mod anthropic;
mod chat;
mod dialect;
pub mod download;
pub mod embed;
mod error;
mod event;
mod host;
mod loader;
mod openai;
mod pick;
pub mod plain;
mod probe;
pub mod profiles;
mod provider;
pub mod script;
mod secret;
mod tape;
mod timeouts;

mod answer;
mod base;
mod call;
mod calls;
#[cfg(any(test, feature = "fuzzing"))]
mod cuts;
mod ear;
#[cfg(test)]
mod every_trap;
#[cfg(test)]
mod fixture;
mod forced;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod inert;
mod learned;
mod ndjson;
mod ollama;
mod redact;
mod reply;
mod salvage;
mod schema;
mod sse;
mod tagged;
mod thinking;
mod tokens;
mod wait;
mod wire;
mod words;

pub use anthropic::AnthropicHost;
pub use base::BaseError;
pub use chat::{
    ChatReply, ChatRequest, EditFormat, Finish, Message, Profile, Purpose, ToolCall, ToolMode,
    ToolSpec, Usage,
};
pub use dialect::{Host, HostRef};
pub use ear::Listener;
pub use embed::{Embedded, embed, embed_by};
pub use error::{Blame, ChatError, ErrorClass, Server, Spent};
pub use event::{Event, RawCall};
pub use forced::{CallForm, call_form, formed};
pub use host::{HostError, OllamaHost};
pub use learned::same_model;
pub use loader::{Loader, holds};
pub use ollama::residency::{Resident, load, resident, unload};
pub use openai::{OpenaiHost, Slots, count_tokens, slots};
pub use pick::{Candidate, Tiers, alike, pick};
pub use probe::{ModelCard, Ping, Probe, ProbeState, Unreadable, ping, probe, usable};
pub use profiles::{Profiles, ProfilesError};
pub use provider::{AgentRef, Answer, Provider, ask, asks_max, chat, chat_heard, chat_recorded};
pub use redact::redact;
pub use script::{Script, ScriptError};
pub use secret::{Secret, SecretError};
pub use tape::{
    AskedVectors, Heard, Listening, Recorded, RecordedAgent, RecordedVectors, Recorder,
    RecorderError, Tape, TapeError, VectorAnswer,
};
pub use timeouts::Timeouts;
pub use tokens::{estimate_tokens, prompt_chars};
