//! `alai fleet ...`: names, options, help.

use std::path::PathBuf;

use alai_core::ids::TaskId;
use alai_mission::CostBy;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Asks every host what it has: whether it is up, its models, the tiers it fills, its slots.
    #[command(after_help = "Example:\n  alai fleet status")]
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Every model that was found, with what it can do and the tiers that it stands for.
    #[command(after_help = "Example:\n  alai fleet models --json")]
    Models {
        #[arg(long)]
        json: bool,
    },
    /// Has the first model of each tier say one word.
    #[command(after_help = "Example:\n  alai fleet probe")]
    Probe {
        /// Models that cost money, too: a word each, which no ledger has.
        #[arg(long)]
        paid: bool,
        #[arg(long)]
        json: bool,
    },
    /// Turns the recording of all calls on and off, for a daemon that runs, too.
    #[command(
        subcommand,
        after_help = "Example:\n  alai fleet record on\n  alai fleet record off"
    )]
    Record(RecordCommand),
    /// What a recording of calls holds. `alai fleet record on` makes one; `script` below [fleet] in alai.toml, or ALAI_SCRIPT, plays it.
    #[command(
        after_help = "Example:\n  alai fleet record on\n  alai start \"Add a test\" --project shop --wait\n  \
                      alai fleet replay ~/.alai/recordings/calls-1790000000000-4711.jsonl"
    )]
    Replay {
        file: PathBuf,
        #[arg(long)]
        json: bool,
    },
    Cost(FleetCostArgs),
    /// Sets the cap of one task, line of work or goal, or of today (UTC); what waited for it goes on by itself.
    #[command(
        subcommand,
        after_help = "Example:\n  alai fleet cap goal 12 40\n  alai fleet cap day 50"
    )]
    Cap(CapCommand),
    /// Says what a call cost of which nobody else could, such as a provider's bill.
    #[command(after_help = "Example:\n  alai fleet settle 0192f3c4a5b6/3 0.12")]
    Settle {
        /// A run and the number of its call, as `alai fleet cost` names it.
        #[arg(value_name = "RUN/CALL")]
        call: String,
        dollars: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecordCommand {
    /// Records from the next call on.
    #[command(after_help = "Example:\n  alai fleet record on --dir /srv/calls")]
    On {
        /// A folder of your own [default: `recordings` in the home].
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Records no more; what was recorded stays.
    #[command(after_help = "Example:\n  alai fleet record off")]
    Off,
    /// Whether calls are recorded, and where.
    #[command(after_help = "Example:\n  alai fleet record status")]
    Status,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CapCommand {
    /// All runs of one task.
    #[command(after_help = "Example:\n  alai fleet cap task 4001 8")]
    Task { id: TaskId, dollars: String },
    /// A build with its reviews, its audits and what was sent back.
    #[command(after_help = "Example:\n  alai fleet cap lineage 4001 15")]
    Lineage { id: TaskId, dollars: String },
    /// A goal and everything under it.
    #[command(after_help = "Example:\n  alai fleet cap goal 4000 40")]
    Goal { id: TaskId, dollars: String },
    /// Today, until midnight in UTC.
    #[command(after_help = "Example:\n  alai fleet cap day 50")]
    Day { dollars: String },
}

/// What models cost: spent, reserved, unknown, what subscriptions paid, and what is left of the caps.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai fleet cost --days 30 --by goal\n  alai fleet cost 4000")]
pub(crate) struct FleetCostArgs {
    /// A goal, or a task with its line of work: what it took by stage, on whatever day.
    #[arg(conflicts_with_all = ["days", "by"])]
    pub(crate) goal: Option<TaskId>,
    /// So many days (UTC), today included.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub(crate) days: u32,
    /// `model`, `task`, `goal`, `company` or `day`.
    #[arg(long, default_value = "model", value_parser = by)]
    pub(crate) by: CostBy,
    #[arg(long)]
    pub(crate) json: bool,
}

fn by(text: &str) -> Result<CostBy, String> {
    CostBy::parse(text).ok_or_else(|| {
        let words = CostBy::ALL.map(CostBy::as_str).join(", ");
        format!("a bill is sorted by one of {words}")
    })
}
