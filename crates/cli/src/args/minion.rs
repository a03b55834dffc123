//! `alai minion ...`: names, options, help.

use std::path::PathBuf;

use alai_core::cage::Sandbox;
use alai_core::company::ModelChoice;
use alai_core::ids::TaskId;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum MinionCommand {
    Run(MinionRunArgs),
    Enqueue(MinionEnqueueArgs),
    /// Shows the runs that are at work: step, turn, last sign of life, what they used.
    #[command(after_help = "Example:\n  alai minion status")]
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Lists runs, newest last.
    #[command(after_help = "Example:\n  alai minion list --json")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Shows a run on one page: its task, steps, tools, checks, how it ended, where its evidence is.
    #[command(after_help = "Example:\n  alai minion show 0192f3c4a5b6")]
    Show {
        /// A run, or the beginning or end of its name.
        run: String,
        #[arg(long)]
        json: bool,
    },
    /// Prints what a run's agent was told, said and did, with the seconds since it began.
    #[command(after_help = "Example:\n  alai minion log 0192f3c4a5b6 -f")]
    Log {
        /// A run, or the beginning or end of its name.
        run: String,
        /// Go on until the run has ended; on a terminal with what its model says just now.
        #[arg(long, short)]
        follow: bool,
        /// The events as they are recorded (docs/TRAJECTORY.md).
        #[arg(long)]
        json: bool,
    },
    /// Says something to the agent of a run that is at work; it hears it before its next turn.
    #[command(
        after_help = "Example:\n  alai minion tell 0192f3c4a5b6 \"Keep the old name as an alias\""
    )]
    Tell {
        /// A run, or the beginning or end of its name.
        run: String,
        text: String,
        #[arg(long)]
        json: bool,
    },
    /// Ends a run that is at work. What it did is kept, and its task waits for you.
    #[command(after_help = "Example:\n  alai minion stop 0192f3c4a5b6 \"It mends the wrong file\"")]
    Stop {
        /// A run, or the beginning or end of its name.
        run: String,
        /// Why; becomes part of the task's history.
        #[arg(default_value = "")]
        text: String,
        #[arg(long)]
        json: bool,
    },
    /// Puts what a run did on the branch recovered/RUN, whatever ended it: its commits, and what it had not committed.
    #[command(after_help = "Example:\n  alai minion recover 0192f3c4a5b6")]
    Recover {
        /// A run, or the beginning or end of its name.
        run: String,
        #[arg(long)]
        json: bool,
    },
}

/// Runs one agent on one task: clone, cage, build, gate, evidence. Nothing is merged.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai minion run \"Fix the login validation\" --project .\n  \
alai minion run \"An API for meals\" --project . --blueprint codecraft-api-backend --input name=meals"
)]
pub(crate) struct MinionRunArgs {
    #[command(flatten)]
    pub(crate) work: MinionWorkArgs,
    /// `off` runs this one agent without a cage, as root alone: it sees the machine's processes, network and files as any user
    /// of it. Its gate keeps its own cage; what passes waits for `alai mc approve`, then goes to review and merge.
    #[arg(long, value_name = "on|off", value_parser = sandbox, default_value = "on", hide_default_value = true)]
    pub(crate) sandbox: Sandbox,
}

fn sandbox(text: &str) -> Result<Sandbox, String> {
    Sandbox::parse(text).ok_or_else(|| "it is `on` or `off`".to_owned())
}

/// The same as `run`, and returns at once: `alai up` does the work.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai minion enqueue \"Fix the login validation\" --project .")]
pub(crate) struct MinionEnqueueArgs {
    #[command(flatten)]
    pub(crate) work: MinionWorkArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MinionWorkArgs {
    pub(crate) title: String,
    /// A folder of a registered repository, or a project's name.
    #[arg(long, value_name = "PATH")]
    pub(crate) project: PathBuf,
    /// The task this belongs to.
    #[arg(long, value_name = "ID")]
    pub(crate) mc_task: Option<TaskId>,
    #[arg(long = "desc", default_value = "")]
    pub(crate) description: String,
    /// What the agent walks [default: its company's].
    #[arg(long, value_name = "NAME")]
    pub(crate) blueprint: Option<String>,
    /// A value for an input of that blueprint; may be given more than once. It never becomes part of a command.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = super::pair, requires = "blueprint")]
    pub(crate) inputs: Vec<(String, String)>,
    /// A command that must exit 0 in the gate's fresh clone; may be given more than once.
    #[arg(long = "check", value_name = "COMMAND")]
    pub(crate) checks: Vec<String>,
    #[arg(long)]
    pub(crate) company: Option<String>,
    /// The model that does it: a tier from 1 to 5, or HOST:MODEL [default: by the company and the task's class].
    #[arg(long, value_parser = super::model)]
    pub(crate) model: Option<ModelChoice>,
    #[arg(long)]
    pub(crate) json: bool,
}
