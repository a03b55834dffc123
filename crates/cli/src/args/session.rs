//! `alai session ...`: names, options, help.

use alai_core::brief::Role;
use alai_core::ids::TaskId;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Begins the session of a task's line of work; where it has begun nothing changes.
    #[command(after_help = "Example:\n  alai session init 4001")]
    Init {
        task: TaskId,
        #[arg(long)]
        json: bool,
    },
    /// Adds a note, in your own name or in an agent's.
    #[command(
        after_help = "Example:\n  alai session append 4001 \"The old name stays as an alias\""
    )]
    Append {
        task: TaskId,
        text: String,
        #[command(flatten)]
        name: NameArgs,
        #[arg(long)]
        json: bool,
    },
    /// Shows what agents and people said on a task's line of work, oldest first.
    #[command(after_help = "Example:\n  alai session read 4001 --since 12")]
    Read {
        task: TaskId,
        /// Only what was said after this entry.
        #[arg(long, value_name = "ID", default_value_t = 0)]
        since: i64,
        #[arg(long)]
        json: bool,
    },
    Report(SessionReportArgs),
}

/// Adds a report of your own work; runs are reported by the factory.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai session report 4001 --summary \"Moved the parser\" --file src/parse.rs --verification \"cargo test: exit 0\""
)]
pub(crate) struct SessionReportArgs {
    pub(crate) task: TaskId,
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: String,
    /// A file that was changed; may be given more than once.
    #[arg(long = "file", value_name = "PATH")]
    pub(crate) files: Vec<String>,
    /// What was decided, and why; may be given more than once.
    #[arg(long = "decision", value_name = "TEXT")]
    pub(crate) decisions: Vec<String>,
    /// What stands in the way; may be given more than once.
    #[arg(long = "blocker", value_name = "TEXT")]
    pub(crate) blockers: Vec<String>,
    /// What was run and what came of it; may be given more than once.
    #[arg(long = "verification", value_name = "TEXT")]
    pub(crate) verification: Vec<String>,
    #[command(flatten)]
    pub(crate) name: NameArgs,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The agent in whose name you write: lead, builder or reviewer. That you did stands beside it.
    #[arg(long, value_parser = role)]
    pub(crate) agent: Option<Role>,
    /// Its company.
    #[arg(long)]
    pub(crate) company: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    [Role::Lead, Role::Builder, Role::Reviewer]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| {
            "it is lead, builder or reviewer; without `--agent` you write in your own name".into()
        })
}
