//! `cargo xtask test`: the one test command.

mod counts;
mod install;
mod run;
mod tools;

pub(crate) use counts::{Counts, Runner};
pub(crate) use run::run;
