//! What a harness costs beside its model: ours and others', led through the same task by the same scripted server, in turns.
//!
//! Ours is the whole way of `alai minion run`: task, claim, clone, cage, trajectory, commits. Others start in the folder itself.

mod dialect;
mod harness;
mod measure;
mod peers;
mod sample;
mod script;
mod show;
mod tree;
mod twin;

pub(crate) use measure::play;
pub(super) use measure::run;
