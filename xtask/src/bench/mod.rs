//! `cargo xtask bench NAME`: one measurement per file, each with the machine it was made on.

mod aims;
mod demo;
mod evidence;
mod fleet;
mod gate;
mod idle;
mod latency;
mod list;
mod machine;
mod memory;
mod minion;
mod overhead;
mod packs;
mod place;
mod release;
mod routing;
mod run;
mod sample;
mod size;
mod store;

pub(crate) use minion::play;
pub(crate) use release::binary;
pub(crate) use run::run;
