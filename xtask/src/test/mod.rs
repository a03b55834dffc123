//! `cargo xtask test`: the one test command.

mod counts;
mod install;
mod run;
mod tools;

pub(crate) use counts::{Counts, Runner};
pub(crate) use install::{Machine, prepare};
pub(crate) use run::run;
pub(crate) use tools::{SCAFFOLD_TOOLS, Tool};
