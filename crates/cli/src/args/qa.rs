//! `alai qa ...`: names, options, help.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum QaCommand {
    Check(QaCheckArgs),
    /// Reports on the independent verifiers by company and model: verdicts, time-outs, false passes, what they rest on and cost.
    #[command(after_help = "Example:\n  alai qa verifiers")]
    Verifiers {
        #[arg(long)]
        json: bool,
    },
}

/// Shows each of the nineteen checks of a task's (or run's) newest package with what was seen and what it rests on, once the package
/// is proven to be what was signed.
///
/// Exits 0 when the gate passed it, 5 when it failed or the evidence does not hold, 6 when a person decides.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai qa check 4001\n  alai qa check 4001 --json | jq '.checks[] | select(.verdict == \"fail\")'"
)]
pub(crate) struct QaCheckArgs {
    /// A task, a run or a folder.
    pub(crate) what: String,
    /// The public key to trust [default: the home's gate key].
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<std::path::PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}
