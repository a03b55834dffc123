//! alai-workspace

pub mod cage;
pub mod clone;
pub mod command;
pub mod crash;
pub mod detect;
pub mod egress;
pub mod files;
pub mod fingerprint;
pub mod git;
pub mod setup;
pub mod toolchains;

mod process;
mod sys;
