//! `alai pipeline ...`: names, options, help.

use std::path::PathBuf;

use alai_core::ids::TaskId;
use alai_core::pipeline::Stage;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum PipelineCommand {
    Status(PipelineStatusArgs),
    /// Does what the engine would do next of a task that is done, or says what holds it. Tasks that the factory ends went on in
    /// the same moment: this is for what a person closed by hand.
    #[command(after_help = "Example:\n  alai pipeline advance 4006")]
    Advance {
        task: TaskId,
        #[arg(long)]
        json: bool,
    },
    Create(PipelineCreateArgs),
}

/// Sends a task that was to end at its gate through the stages of its project, and shows the pipeline of one that has it; with --stage
/// makes the one successor of that stage by hand, never a second of its stage and cycle.
#[derive(Debug, Args)]
#[command(
    alias = "create-pipeline",
    after_help = "Example:\n  alai pipeline create 4001\n  alai pipeline create 4001 --stage docs"
)]
pub(crate) struct PipelineCreateArgs {
    /// The task.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    pub(crate) task: Option<TaskId>,
    /// The same, with --stage.
    #[arg(long, value_name = "ID", requires = "stage")]
    pub(crate) from: Option<TaskId>,
    /// verify, review, security, ops or docs.
    #[arg(long, value_parser = stage)]
    pub(crate) stage: Option<Stage>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Every task of a goal or a line of work with its pipeline, stage, parent and cycle, and the stages that were left out with
/// their reasons.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai pipeline status 4001\n  alai pipeline status --project bento --json"
)]
pub(crate) struct PipelineStatusArgs {
    /// A goal, or any task of a line of work [default: all that is not over].
    #[arg(conflicts_with = "project")]
    pub(crate) task: Option<TaskId>,
    /// A project's name, or a folder in it.
    #[arg(long, value_name = "PATH")]
    pub(crate) project: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

fn stage(text: &str) -> Result<Stage, String> {
    Stage::parse(text).ok_or_else(|| {
        let words: Vec<&str> = Stage::ALL.into_iter().map(Stage::as_str).collect();
        format!("a stage is one of {}", words.join(", "))
    })
}
