//! `alai notify ...`: names, options, help.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Lists who is told of what: when it was last told something, what waits and why.
    #[command(after_help = "Example:\n  alai notify list")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Tells one sink, or all of them, that this is a test, and says what came of it; exit code 1 when it failed.
    #[command(after_help = "Example:\n  alai notify test team")]
    Test {
        /// One of `[[notify.sinks]]`; all when absent.
        sink: Option<String>,
        #[arg(long)]
        json: bool,
    },
}
