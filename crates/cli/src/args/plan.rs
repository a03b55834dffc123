//! The arguments of `alai plan`.

use alai_core::ids::TaskId;
use clap::Args;

/// Shows the plan of a goal, and whose it is; with --edit, has one that waits for you in your editor and carries it out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alai plan 4001\n  alai plan 4001 --edit")]
pub(crate) struct PlanArgs {
    /// The goal, or its specification.
    pub(crate) task: TaskId,
    /// Opens it in $VISUAL or $EDITOR; an emptied file, or an editor that fails, leaves it as it is.
    #[arg(long, conflicts_with = "json")]
    pub(crate) edit: bool,
    #[arg(long)]
    pub(crate) json: bool,
}
