//! The command line through its public door: the built binary, a temporary home, a temporary repository.

mod bad_input;
mod cage;
mod clock;
mod crash;
mod crowd;
mod daemon;
mod evidence;
mod flow;
mod ground;
mod injections;
mod kills;
mod limits;
mod minion;
mod never_lost;
mod output;
mod people;
mod processes;
mod projects;
mod redteam;
mod script;
mod socket;
mod standing;
mod weak;
mod wire;
mod world;
