//! `cargo xtask bench NAME`: one measurement per file, each with the machine it was made on.

mod machine;
mod memory;
mod run;
mod sample;
mod size;

pub(crate) use run::run;
