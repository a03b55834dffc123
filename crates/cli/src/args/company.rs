//! `alai company ...`: names, options, help.

use std::path::PathBuf;

use alai_core::company::Stage;
use alai_core::task::TaskKind;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum CompanyCommand {
    /// Lists the companies: type, stages, version, source, models of its agents, how many blueprints and skills.
    #[command(after_help = "Example:\n  alai company list")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Shows all of one company, each part with where it comes from.
    #[command(after_help = "Example:\n  alai company info CodeCraft")]
    Info {
        /// Its name or one of its aliases.
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Checks packs and names everything that is wrong with them, with file and line; exit code 5 when something is.
    #[command(
        after_help = "Example:\n  alai company validate                all companies of the home\n  alai company validate ./MyCompany    a folder"
    )]
    Validate {
        /// A company, or a folder with a pack; all companies when absent.
        pack: Option<String>,
        #[arg(long)]
        json: bool,
    },
    New(CompanyNewArgs),
    Route(CompanyRouteArgs),
    Export(CompanyExportArgs),
    Import(CompanyImportArgs),
}

/// Makes a company: a whole, valid pack in the home, to be changed as you like.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai company new Acme --stage build\n  alai company new Acme --stage build --from CodeCraft"
)]
pub(crate) struct CompanyNewArgs {
    pub(crate) name: String,
    /// Where it works: build, review, security, ops or docs; may be given more than once.
    #[arg(long = "stage", value_parser = stage, required = true)]
    pub(crate) stages: Vec<Stage>,
    /// The company whose texts it begins with.
    #[arg(long, value_name = "COMPANY")]
    pub(crate) from: Option<String>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Says which company would do a task, and why.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai company route \"Landing page for the launch\" --explain")]
pub(crate) struct CompanyRouteArgs {
    /// The task's title.
    pub(crate) text: String,
    #[arg(long, value_parser = super::kind, default_value = "build")]
    pub(crate) kind: TaskKind,
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    #[arg(long, default_value = "")]
    pub(crate) description: String,
    /// Also the scores of the others, with their words and the thresholds.
    #[arg(long)]
    pub(crate) explain: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Writes a company into one archive, without its secrets; the same pack is always the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai company export Vizu vizu.tar.gz")]
pub(crate) struct CompanyExportArgs {
    pub(crate) name: String,
    /// [default: NAME-VERSION.tar.gz]
    pub(crate) file: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a company from an archive. Shows what would change and what of it can act, then asks.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai company import vizu.tar.gz --dry-run\n  alai company import vizu.tar.gz --name Vizu2 --yes"
)]
pub(crate) struct CompanyImportArgs {
    pub(crate) file: PathBuf,
    /// Takes it in under another name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Takes it in without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only shows what would change.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Also takes in what runs programs: commands of blueprints, MCP servers, scripts.
    #[arg(long)]
    pub(crate) allow_commands: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

fn stage(text: &str) -> Result<Stage, String> {
    let found = Stage::ALL.into_iter().find(|stage| stage.as_str() == text);
    found.ok_or_else(|| {
        let words: Vec<&str> = Stage::ALL.into_iter().map(Stage::as_str).collect();
        format!("a stage is one of {}", words.join(", "))
    })
}
