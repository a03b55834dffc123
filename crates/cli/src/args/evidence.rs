//! `alai evidence ...`: names, options, help.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Shows the evidence of a task's (or run's) newest package.
    #[command(after_help = "Example:\n  alai evidence show 4001")]
    Show {
        /// A task, a run or a folder.
        what: String,
        #[arg(long)]
        json: bool,
        /// What gate, reviews and audits of its line of work found, as a log of SARIF 2.1.0; only what verifies.
        #[arg(long, conflicts_with = "json")]
        sarif: bool,
    },
    Verify(VerifyArgs),
    /// Signs the log of what happened as it ends now, on one line: keep it where this machine cannot write.
    #[command(
        after_help = "Example:\n  alai evidence head | ssh elsewhere 'cat >> alai-heads.jsonl'"
    )]
    Head,
    Audit(AuditArgs),
}

/// Reads the log of what happened from its first event and holds it against its signed ends: the home's own, those of `log_copy`, and
/// those in files that were copied away.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai evidence audit --heads /mnt/elsewhere/alai-heads.jsonl")]
pub(crate) struct AuditArgs {
    /// A file of signed ends, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) heads: Vec<PathBuf>,
    /// The public key to trust [default: the home's gate key].
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Recomputes every hash of a package and checks its signature against a key from outside the package.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai evidence verify 4001 --rerun\n  alai evidence verify ./package --key gate.pub --repo ./clone --rerun"
)]
pub(crate) struct VerifyArgs {
    /// A task, a run or a folder.
    pub(crate) what: String,
    /// The public key to trust [default: the home's gate key].
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Measures the commit again by the recorded commands, in fresh clones, and compares each check.
    #[arg(long)]
    pub(crate) rerun: bool,
    /// A repository that has the commit [default: the task's project].
    #[arg(long, value_name = "DIR", requires = "rerun")]
    pub(crate) repo: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}
