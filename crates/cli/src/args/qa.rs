//! `alai qa ...`: names, options, help.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum QaCommand {
    Check(QaCheckArgs),
    Calibrate(CalibrateArgs),
    /// Reports on the independent verifiers by company and model: verdicts, time-outs, false passes, what they rest on and cost.
    #[command(after_help = "Example:\n  alai qa verifiers")]
    Verifiers {
        #[arg(long)]
        json: bool,
    },
    /// Lists the scanners of check 12 and the built-in linters of check 14: where the gate would find each, its version beside the one
    /// that is tested, what it reads, and the line that installs what is missing.
    #[command(
        after_help = "Example:\n  alai qa scanners\n  alai qa scanners --json | jq '.scanners[] | select(.path == null) | .install'"
    )]
    Scanners {
        #[arg(long)]
        json: bool,
    },
    Advisories(AdvisoriesArgs),
}

/// Shows each of the nineteen checks of a task's (or run's) newest package with what was seen and what it rests on, once the package
/// is proven to be what was signed.
///
/// Exits 0 when the gate passed it, 5 when it failed or the evidence does not hold, 6 when a person decides.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai qa check 4001\n  alai qa check 4001 --json | jq '.checks[] | select(.verdict == \"fail\")'"
)]
pub(crate) struct QaCheckArgs {
    /// A task, a run or a folder.
    pub(crate) what: String,
    /// The public key to trust [default: the home's gate key].
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
    /// What gate, reviews and audits of its line of work found, as a log of SARIF 2.1.0.
    #[arg(long, conflicts_with = "json")]
    pub(crate) sarif: bool,
}

/// Plants known bugs and cheats into this home's own merged changes, and reports how many of them the gate, and with `--verifier`
/// the independent verifier, holds; and how many of the changes as they were merged. Nothing is merged, and no daemon may run.
///
/// Exits 0 when all samples were asked about, 6 when nobody could be asked about some: they are named, and the others' results stand.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai qa calibrate --changes 5\n  alai qa calibrate --project . --verifier"
)]
pub(crate) struct CalibrateArgs {
    /// Only changes of this project.
    #[arg(long, value_name = "PATH")]
    pub(crate) project: Option<PathBuf>,
    /// The newest merged changes that are planted into.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) changes: u16,
    /// Asks the verifier about each sample too, whatever `[verifier]` says of sending: its calls cost what they cost.
    #[arg(long)]
    pub(crate) verifier: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows the snapshot of known weaknesses that changed lockfiles are held against, or puts another one in force.
///
/// Files are in the form of OSV (osv.dev): one advisory, a list of them, or one a line, also in a zip archive. Without a snapshot, or with one that is too
/// old, a person judges every change that pins a new version.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai qa advisories import ./osv-crates-io\n  alai qa advisories --json"
)]
pub(crate) struct AdvisoriesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AdvisoriesCommand>,
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdvisoriesCommand {
    /// Reads a file, a folder of files, or a zip archive of them as osv.dev offers one for each ecosystem.
    #[command(after_help = "Example:\n  alai qa advisories import ./osv-cargo/all.zip")]
    Import { path: std::path::PathBuf },
    /// How many there are, from where and of when; the same without a word.
    #[command(after_help = "Example:\n  alai qa advisories status --json")]
    Status,
    /// Fetches what `[advisories] urls` of alai.toml names; where nothing is named, reads the files again that the last import named.
    #[command(after_help = "Example:\n  alai qa advisories update")]
    Update,
}
