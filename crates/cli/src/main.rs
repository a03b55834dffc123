//! The binary: arguments, output, wiring.

use std::process::ExitCode;

use alai_workspace::cage::{self, OwnProgram};

mod args;
mod commands;
mod daemon;
mod door;
mod error;
mod follow;
mod show;

/// What runs in cages.
static OWN: [OwnProgram; 2] = [
    OwnProgram {
        word: "__hand",
        main: commands::hand,
    },
    // Started by an agent of others, to reach what its run lends it.
    OwnProgram {
        word: alai_minion::bridge::WORD,
        main: alai_minion::bridge::carry,
    },
];

fn main() -> ExitCode {
    // Stages of the cage and the agent's hand run before anything else exists in the process: no thread, no logger.
    if let Some(code) = cage::entry(std::env::args_os(), &OWN) {
        return code;
    }
    args::run()
}
