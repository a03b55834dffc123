//! `alai explain`: names, options, help.

use clap::Args;

/// What a task goes by, with whose word each part is: company, model, blueprint, inputs, paths, tools, skills, servers, limits, gate.
///
/// Of a task that has run, also what its last run began with, and what has changed since; of a run, what that run began with.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai explain 4001\n  alai explain 0192f3c4a5b6 --json")]
pub(crate) struct ExplainArgs {
    /// A task's number, or a run: the beginning or end of its name.
    #[arg(value_name = "ID")]
    pub(crate) of: String,
    #[arg(long)]
    pub(crate) json: bool,
}
