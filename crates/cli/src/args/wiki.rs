//! `alai wiki ...`: names, options, help.

use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum WikiCommand {
    /// Lists the pages: which alai keeps current, which a person has edited, which are a person's own.
    #[command(after_help = "Example:\n  alai wiki list")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Prints a page.
    #[command(after_help = "Example:\n  alai wiki show goals/12/status")]
    Show {
        /// Its name as `list` gives it; `.md` may be left out.
        page: String,
        #[arg(long)]
        json: bool,
    },
    /// Makes a page of your own from one of the four templates.
    #[command(after_help = "Example:\n  alai wiki new \"How we deploy\" --template request")]
    New {
        title: String,
        #[arg(long, value_enum, default_value_t = Template::Request)]
        template: Template,
        #[arg(long)]
        json: bool,
    },
    /// Copies pages to BookStack: those that are named, or all that say something else than when they were last copied.
    #[command(
        after_help = "Example:\n  alai wiki publish\n  alai wiki publish goals/12/status --overwrite    also where a person edited the copy"
    )]
    Publish {
        pages: Vec<String>,
        /// Overwrites a copy that a person has edited; BookStack keeps his revision.
        #[arg(long, requires = "pages")]
        overwrite: bool,
        #[arg(long)]
        json: bool,
    },
    /// Writes the pages that are made from tasks anew and says which of them a person has edited: those stay as they are.
    #[command(
        after_help = "Example:\n  alai wiki sync\n  alai wiki sync goals/12/status --overwrite    keeps the edited page beside it"
    )]
    Sync {
        /// One page.
        #[arg(requires = "overwrite")]
        page: Option<String>,
        /// Writes a page that a person has edited; what he had is kept beside it.
        #[arg(long, requires = "page")]
        overwrite: bool,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    Request,
    Status,
    Evidence,
    Postflight,
}
