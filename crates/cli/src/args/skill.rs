//! `alai skill ...`, `alai mcp ...`, `alai schema ...`: names, options, help.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SkillCommand {
    /// Lists the skills that a company's agents may load: its own, the environment's company's, the home's, the shipped ones.
    #[command(after_help = "Example:\n  alai skill list --company Securion")]
    List {
        #[arg(long)]
        company: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Shows which file a skill's name means, and where it was looked for.
    #[command(after_help = "Example:\n  alai skill resolve threat-model --company Securion")]
    Resolve {
        name: String,
        #[arg(long)]
        company: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Checks skills by the rules of the Agent Skills format; exit code 5 when one breaks them.
    #[command(after_help = "Example:\n  alai skill validate ./my-skill")]
    Validate {
        /// A skill's folder, or one that holds several; all skills of the home and its companies when absent.
        dir: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum McpCommand {
    /// Shows the MCP servers of a company: the home's, changed by its overlay, and which of its agents may call them.
    #[command(after_help = "Example:\n  alai mcp resolve --company CodeCraft --explain")]
    Resolve {
        #[arg(long)]
        company: String,
        /// Where each value comes from.
        #[arg(long)]
        explain: bool,
        #[arg(long)]
        json: bool,
    },
}

/// Prints the JSON Schema of a kind of file, for editors and checks.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai schema blueprint > blueprint.v1.json")]
pub(crate) struct SchemaArgs {
    /// What is described; a list of all when absent.
    pub(crate) of: Option<String>,
}
