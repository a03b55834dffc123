//! The command line through its public door: the built binary, a temporary home, a temporary repository.

mod bad_input;
mod clock;
mod crash;
mod crowd;
mod daemon;
mod evidence;
mod flow;
mod injections;
mod kills;
mod limits;
mod never_lost;
mod output;
mod people;
mod processes;
mod projects;
mod script;
mod socket;
mod standing;
mod wire;
mod world;
