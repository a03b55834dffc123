//! What people ask about merged work.

use alai_core::ids::TaskId;
use clap::Args;

/// Shows what an approval would move to the target branch.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai diff 4001\n  alai diff 4001 --stat")]
pub(crate) struct DiffArgs {
    /// A goal, or a task.
    pub(crate) task: TaskId,
    /// Commits and files alone.
    #[arg(long)]
    pub(crate) stat: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Takes back what was merged for a task: a commit that is measured, reviewed and merged like any other.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai revert 4001 --reason \"It slows the login down\" --wait")]
pub(crate) struct RevertArgs {
    pub(crate) task: TaskId,
    /// Stands in the commit and in the history of both tasks.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Wait until it is merged; without a daemon the work is done in this process.
    #[arg(long)]
    pub(crate) wait: bool,
}
