//! `alai console`: names, options, help.

use alai_core::ids::TaskId;
use clap::Args;

/// One goal on one screen: step, company and agent, verifier, evidence, cost so far, blockers, next action. Without a goal all of
/// which something is left to do.
///
/// With --watch it is shown again whenever it changes, until the goal is over; where there is no terminal, only the lines that
/// are new.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai console\n  alai console 4000 --watch\n  alai console 4000 --markdown > status.md"
)]
pub(crate) struct ConsoleArgs {
    /// A goal, or a task of it or of no goal.
    pub(crate) goal: Option<TaskId>,
    /// Shows one again whenever it changes, until it is over.
    #[arg(long)]
    pub(crate) watch: bool,
    /// One object; with --watch JSON Lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// As a page.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}
