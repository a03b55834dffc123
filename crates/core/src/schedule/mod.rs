//! The fleet's scheduler: which job starts on which host with which model, and when one model makes room for another.
//!
//! Decisions on values: no clock, no I/O. The caller keeps a [`State`], tells it what has happened, asks [`decide`] after each
//! event, carries the effects out in their order, and applies each as it is begun.
//!
//! What there is not: no start beyond the slots of host, place or fleet; no models on a host, loading ones included, beyond its
//! memory; no two loads at once on one host; no model that is unloaded while it answers; no job that is finished twice, or lost
//! when its host goes down; no job of a project that must stay here on a host elsewhere; no model that waits longer than
//! [`Rules::age_ms_max`] and what then has to end before it; no decision that hangs on anything but the state, the time and what the last
//! one meant ([`Intent`]).

mod attempt;
mod course;
mod decide;
mod fleet;
mod job;
mod outlook;
pub mod placement;
mod plan;
mod reason;
mod search;
mod slots;
mod state;
mod swap;
#[cfg(test)]
mod tests;

pub use decide::{Decision, Effect, decide, decide_on, next_look_ms};
pub use fleet::{Fleet, Host, HostId, Model, ModelId, Place};
pub use job::{Choice, Job, JobId, Rules, Sticky, ranks};
pub use reason::Reason;
pub use search::Intent;
pub use slots::{Bound, Room, room};
pub use state::{Coming, Misfit, Residence, Running, State};
