//! `alai blueprint ...`: names, options, help.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum BlueprintCommand {
    /// Lists the blueprints: where each comes from, what it extends, what it is for.
    #[command(after_help = "Example:\n  alai blueprint list --company Securion")]
    List {
        /// Those that this company can walk: its own before the home's.
        #[arg(long)]
        company: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Prints a blueprint.
    #[command(after_help = "Example:\n  alai blueprint show minion-one-shot --resolved")]
    Show {
        name: String,
        /// With what it extends, its inputs filled in, as a run would walk it.
        #[arg(long)]
        resolved: bool,
        /// As this company has it.
        #[arg(long)]
        company: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Checks blueprints and names what is wrong with line and column; exit code 5 when something is.
    #[command(
        after_help = "Example:\n  alai blueprint validate\n  alai blueprint validate my-way.yaml"
    )]
    Validate {
        /// Names, or files; all blueprints of the home and its companies when absent.
        #[arg(value_name = "NAME|FILE")]
        blueprints: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// Draws a blueprint's steps, for Mermaid or Graphviz.
    #[command(
        after_help = "Example:\n  alai blueprint graph minion-one-shot --format dot | dot -Tsvg > steps.svg"
    )]
    Graph {
        name: String,
        #[arg(long, value_enum, default_value_t = GraphForm::Mermaid)]
        format: GraphForm,
        #[arg(long)]
        company: Option<String>,
    },
    Run(BlueprintRunArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphForm {
    Mermaid,
    Dot,
}

/// Walks a blueprint for one task, like `alai minion run --blueprint`; with --dry-run it prints the plan and runs nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai blueprint run minion-bugfix --dry-run\n  alai blueprint run minion-bugfix \"Fix the login\" --project ."
)]
pub(crate) struct BlueprintRunArgs {
    pub(crate) name: String,
    /// The task; not needed for --dry-run.
    #[arg(required_unless_present = "dry_run")]
    pub(crate) task: Option<String>,
    /// Prints each step as it would run. No model, no clone, no command.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A value for an input; may be given more than once. A dry run takes those of the blueprint's example where none is given.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = super::pair)]
    pub(crate) inputs: Vec<(String, String)>,
    #[arg(long)]
    pub(crate) company: Option<String>,
    /// A folder of a registered repository, or a project's name: its commands are filled in.
    #[arg(long, value_name = "PATH", required_unless_present = "dry_run")]
    pub(crate) project: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}
