//! The binary: arguments, output, wiring.

use std::process::ExitCode;

mod args;
mod commands;
mod daemon;
mod door;
mod error;
mod follow;
mod show;

fn main() -> ExitCode {
    // Stages of the cage and the agent's hand run before anything else exists in the process: no thread, no logger.
    if let Some(code) = alai_workspace::cage::entry(std::env::args_os()) {
        return code;
    }
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "__hand")
    {
        return commands::hand();
    }
    args::run()
}
