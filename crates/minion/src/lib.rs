//! One run of one agent: walks a blueprint, lets a model use six tools inside a cage, and records what happened.
//!
//! Invariants, stated as absences: nothing here marks a task done, reaches the store, or opens a file of the repository
//! outside the cage; no word of a model becomes evidence.

mod agent;
mod ahead;
pub mod bridge;
mod conversation;
mod edit;
pub mod engine;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod gotcha;
mod guard;
pub mod hand;
pub mod mcp;
mod outputs;
mod pack;
mod patch;
mod plan;
mod progress;
mod prompt;
mod recorder;
mod redact;
mod report;
mod run;
mod scope;
mod steps;
mod text;
mod tools;
pub mod trajectory;
mod walk;

pub use agent::Notes;
pub use ahead::{Ahead, NotSeen};
pub use recorder::{FORMAT, RecordError, Recorder, Redact};
pub use redact::redact;
pub use report::{Asked, ExitStatus, RunReport};
pub use run::run;
pub use walk::{Ask, Means, Passes, Word, Words};
