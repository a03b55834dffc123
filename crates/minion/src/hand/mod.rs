//! The hand: file tools and commands, done inside the cage as the agent's user by one process per run.

mod beneath;
mod client;
mod commit;
mod exec;
mod grammar;
mod patch;
mod serve;
mod symbols;
mod syntax;
mod walk;
mod wire;

pub use client::{Commit, CommitText, Hand, HandError};
pub use serve::{SCRATCH_VARIABLE, serve, serve_at};
pub use walk::LEFT_OUT;
pub(crate) use wire::{CHANGED_MAX, READ_LINES_MAX};
pub use wire::{MapFile, Refusal, RefusalKind, Symbol, SymbolKind};
