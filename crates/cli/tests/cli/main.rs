//! The command line through its public door: the built binary, a temporary home, a temporary repository.

mod bad_input;
mod crash;
mod crowd;
mod daemon;
mod evidence;
mod flow;
mod output;
mod projects;
mod script;
mod standing;
mod wire;
mod world;
