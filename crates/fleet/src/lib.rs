//! Model calls: one request, one reply, for every dialect. Knows no tasks, no repositories and no store.

pub mod chat;
pub mod error;
pub mod host;
pub mod pick;
pub mod probe;
pub mod profiles;
pub mod provider;
pub mod script;

mod calls;
#[cfg(test)]
mod fixture;
mod forced;
mod inert;
mod ollama;
mod salvage;
mod schema;
mod stream;
mod tagged;
mod thinking;
mod tokens;
mod wait;
mod wire;

pub use chat::{
    ChatReply, ChatRequest, EditFormat, Finish, Message, Profile, Purpose, ToolCall, ToolMode,
    ToolSpec, Usage,
};
pub use error::{Blame, ChatError, ErrorClass};
pub use forced::{CallForm, call_form, formed};
pub use host::{HostError, OllamaHost};
pub use pick::{Candidate, Tiers, pick};
pub use probe::{ModelCard, Ping, Probe, ProbeState, Unreadable, ping, probe, profile_for, usable};
pub use profiles::{Profiles, ProfilesError};
pub use provider::{Answer, Provider, ask, chat};
pub use script::{Script, ScriptError};
pub use tokens::{estimate_tokens, prompt_chars};
