//! The command line: names, options, help. Everything it means is in `commands`.

use std::path::PathBuf;
use std::process::ExitCode;

use alai_core::company::ModelChoice;
use alai_core::cron::CatchUp;
use alai_core::ids::TaskId;
use alai_core::task::{Priority, State, TaskKind};
use alai_factory::{Home, Op};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::error::{CliError, Kind};

mod blueprint;
mod company;
mod console;
mod delivery;
mod evidence;
mod explain;
mod fleet;
mod judge;
mod minion;
mod notify;
mod pipeline;
mod plan;
mod qa;
mod session;
mod skill;
mod wiki;

pub(crate) use blueprint::*;
pub(crate) use company::*;
pub(crate) use console::*;
pub(crate) use delivery::*;
pub(crate) use evidence::*;
pub(crate) use explain::*;
pub(crate) use fleet::*;
pub(crate) use judge::*;
pub(crate) use minion::*;
pub(crate) use notify::*;
pub(crate) use pipeline::*;
pub(crate) use plan::*;
pub(crate) use qa::*;
pub(crate) use session::*;
pub(crate) use skill::*;
pub(crate) use wiki::*;

/// An AI software factory: a goal goes in, reviewed and tested code comes out merged, with evidence.
#[derive(Debug, Parser)]
#[command(name = "alai", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Example:\n  alai demo                                   the whole factory on a sample, no model needed\n  \
alai start \"Add a health endpoint\" --project . --wait"
)]
struct Cli {
    /// The factory's folder [default: ALAI_HOME, else ~/.alai].
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(DemoArgs),
    Init(InitArgs),
    Up(UpArgs),
    Down(DownArgs),
    Status(StatusArgs),
    Why(WhyArgs),
    Explain(ExplainArgs),
    Start(StartArgs),
    Plan(PlanArgs),
    Console(ConsoleArgs),
    Diff(DiffArgs),
    Revert(RevertArgs),
    /// Repositories that the factory may work on.
    #[command(subcommand, after_help = "Example:\n  alai project add .")]
    Project(ProjectCommand),
    /// Mission Control: tasks.
    #[command(
        subcommand,
        after_help = "Example:\n  alai mc add \"Add a health endpoint\" --project ."
    )]
    Mc(McCommand),
    /// Lines of work from BUILD to DOCS: where each stands, and what a person has the engine do.
    #[command(subcommand, after_help = "Example:\n  alai pipeline status 4001")]
    Pipeline(PipelineCommand),
    /// One agent, one task.
    #[command(
        subcommand,
        after_help = "Example:\n  alai minion run \"Fix the login validation\" --project ."
    )]
    Minion(MinionCommand),
    /// What agents and people of one line of work tell each other.
    #[command(
        subcommand,
        after_help = "Example:\n  alai session read 4001\n  alai session append 4001 \"The old name stays as an alias\""
    )]
    Session(SessionCommand),
    /// Who is told when work needs a person, fails, meets a cap or is done.
    #[command(
        subcommand,
        after_help = "Example:\n  alai notify list\n  alai notify test team"
    )]
    Notify(NotifyCommand),
    /// Pages of goals, kept current, and of people.
    #[command(
        subcommand,
        after_help = "Example:\n  alai wiki list\n  alai wiki show goals/12/status"
    )]
    Wiki(WikiCommand),
    /// Companies: packs of souls, agents, blueprints and skills.
    #[command(
        subcommand,
        after_help = "Example:\n  alai company list\n  alai company route \"Landing page for the launch\" --explain"
    )]
    Company(CompanyCommand),
    /// Blueprints: the steps of one run.
    #[command(
        subcommand,
        after_help = "Example:\n  alai blueprint run minion-one-shot --dry-run"
    )]
    Blueprint(BlueprintCommand),
    /// Skills: advice that agents load when they need it.
    #[command(subcommand, after_help = "Example:\n  alai skill validate ./my-skill")]
    Skill(SkillCommand),
    /// MCP servers that agents may call.
    #[command(
        subcommand,
        after_help = "Example:\n  alai mcp resolve --company CodeCraft --explain"
    )]
    Mcp(McpCommand),
    Schema(SchemaArgs),
    /// What was captured and signed.
    #[command(subcommand, after_help = "Example:\n  alai evidence verify 4001")]
    Evidence(EvidenceCommand),
    /// What the gate checked, and what gate and verifiers are worth.
    #[command(subcommand, after_help = "Example:\n  alai qa check 4001")]
    Qa(QaCommand),
    /// Models, and what they cost.
    #[command(
        subcommand,
        after_help = "Example:\n  alai fleet cost --days 7 --by goal"
    )]
    Fleet(FleetCommand),
}

/// Runs the whole factory on a sample project with recorded model replies and no model.
///
/// Clone, cage, tests, gate, review, merge and evidence are real; every record says `simulated`. No network is used, but by `bento`
/// in its full form, which installs the packages of Next.js and FastAPI.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alai demo --keep ./demo-home\n  alai demo bento --lean\n  alai demo bento --keep ./bento"
)]
pub(crate) struct DemoArgs {
    /// A larger one: `bento`, a product from five tasks [default: a goal on a small service].
    pub(crate) name: Option<DemoName>,
    /// The form of it that needs nothing but python3 and a minute.
    #[arg(long, requires = "name")]
    pub(crate) lean: bool,
    /// Keep home and sample in this folder (it must be empty or new); otherwise a temporary one is used and kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoName {
    Bento,
}

/// Makes the factory's home: store, companies, blueprints, key. Asks nothing; shows which models it finds.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai init")]
pub(crate) struct InitArgs {}

/// Runs the daemon in the foreground until Ctrl-C or `alai down`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai up")]
pub(crate) struct UpArgs {}

/// Lets running work finish and stops the daemon.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai down --now")]
pub(crate) struct DownArgs {
    /// Do not wait: running work goes back to the queue.
    #[arg(long)]
    pub(crate) now: bool,
}

/// Heartbeat, queue, runs, what needs you.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai status --json")]
pub(crate) struct StatusArgs {
    #[arg(long)]
    pub(crate) json: bool,
}

/// Why a task is where it is: the rule, the owner, the deadline, the next action.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai why 4001")]
pub(crate) struct WhyArgs {
    pub(crate) task: TaskId,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Turns a goal into a specification, a plan and tasks that end in merged code.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai start \"Rate-limit the login\" --project . --check \"./smoke.sh\" --wait"
)]
pub(crate) struct StartArgs {
    /// What should be true afterwards.
    pub(crate) goal: String,
    /// A folder of a registered repository, or a project's name.
    #[arg(long, value_name = "PATH")]
    pub(crate) project: PathBuf,
    #[arg(long, short, default_value = "M", value_parser = priority)]
    pub(crate) priority: Priority,
    /// Where it belongs, such as backend; becomes a tag.
    #[arg(long)]
    pub(crate) domain: Option<String>,
    #[arg(long)]
    pub(crate) owner: Option<String>,
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    /// A command that must exit 0 in the gate's fresh clone; may be given more than once.
    #[arg(long = "check", value_name = "COMMAND")]
    pub(crate) checks: Vec<String>,
    /// A lead at work plans it by this, and hands it out task by task (`lead-delegates`) [default: one answer of the lead's model, or
    /// what its company has].
    #[arg(long, value_name = "NAME")]
    pub(crate) blueprint: Option<String>,
    /// The goal's plan from a file (`-` for standard input), YAML or JSON as `--dry-run` prints one, instead of one that a model makes.
    #[arg(long, value_name = "FILE", conflicts_with = "blueprint")]
    pub(crate) plan: Option<PathBuf>,
    /// Opens the plan, the model's or that of --plan, in $VISUAL or $EDITOR before anything of it is begun. What cannot be carried out
    /// is said at its top and asked again; an emptied file, or an editor that fails, calls the goal off.
    #[arg(long, conflicts_with_all = ["blueprint", "dry_run"])]
    pub(crate) edit: bool,
    /// Prints the plan with what it will come to, and begins nothing of it: that of --plan, for which no model is asked, else the one that
    /// the lead's model makes now.
    #[arg(long, conflicts_with_all = ["blueprint", "wait"])]
    pub(crate) dry_run: bool,
    /// Wait until the goal is done or needs a person; without a daemon the work is done in this process.
    #[arg(long)]
    pub(crate) wait: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    Add(ProjectAddArgs),
    /// Lists the registered repositories.
    #[command(after_help = "Example:\n  alai project list")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Shows one repository's settings.
    #[command(after_help = "Example:\n  alai project show .")]
    Show {
        project: PathBuf,
        #[arg(long)]
        json: bool,
    },
    Set(ProjectSetArgs),
    /// Takes over what people did on the target branch into what is merged. Runs and merges do so by themselves.
    #[command(after_help = "Example:\n  alai project sync .")]
    Sync {
        project: PathBuf,
    },
}

/// Registers a git repository; detects its set-up and test commands and shows them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alai project add . --test \"make check\"\n  alai project add shop --new --test \"test ! -e package.json || npm test\""
)]
pub(crate) struct ProjectAddArgs {
    pub(crate) path: PathBuf,
    /// Makes the folder first, with a repository of one commit, for a project that begins from nothing.
    #[arg(long)]
    pub(crate) new: bool,
    /// Its name [default: the folder's].
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Changes a repository's settings.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai project set . --deliver auto\n  alai project set . --deliver pull-request --remote origin"
)]
pub(crate) struct ProjectSetArgs {
    /// Its name or a folder in it.
    pub(crate) project: String,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Fetches and installs dependencies; the only step with a network. An empty text takes a detected one away.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) setup: Option<String>,
    #[arg(long, value_name = "COMMAND")]
    pub(crate) build: Option<String>,
    #[arg(long, value_name = "COMMAND")]
    pub(crate) test: Option<String>,
    #[arg(long, value_name = "COMMAND")]
    pub(crate) lint: Option<String>,
    /// The branch that merged work goes to [default: the one checked out].
    #[arg(long, value_name = "BRANCH")]
    pub(crate) target: Option<String>,
    /// Where merged work goes: `integrate` or `approve` (a person moves the target branch, by `alai mc approve`), `merge` or `auto` (the factory
    /// does, when a goal is settled), `branch` (it is pushed to a branch of its own on the remote) or `pull-request` (that, and `gh` opens one).
    #[arg(long, value_parser = delivery)]
    pub(crate) deliver: Option<alai_mission::Delivery>,
    /// The remote of the repository that work is pushed to and fetched from [default: origin].
    #[arg(long, value_name = "NAME")]
    pub(crate) remote: Option<String>,
    /// Its repository at GitHub, where the remote's address does not say it.
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) github: Option<String>,
    /// Whether the target branch is fetched from the remote before work starts [default: on with pull requests, else off].
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub(crate) fetch: Option<bool>,
    /// Work that changes the same paths: `wait` (one line of work is merged before the next begins) or `together` (side by side; the merge queue
    /// joins both, or sends one back) [default: wait].
    #[arg(long, value_name = "wait|together", value_parser = overlap)]
    pub(crate) overlap: Option<alai_core::overlap::Policy>,
    /// A documentation stage follows every merge.
    #[arg(long, value_name = "BOOL")]
    pub(crate) docs: Option<bool>,
    /// No model outside of your own machines and networks ever sees its code.
    #[arg(long, value_name = "BOOL")]
    pub(crate) local_only: Option<bool>,
    /// Globs that agents may write; may be given more than once.
    #[arg(long = "allow", value_name = "GLOB")]
    pub(crate) allow: Option<Vec<String>>,
    /// Hosts that the set-up may reach besides the registries of its own tools; may be given more than once.
    #[arg(long = "setup-host", value_name = "HOST")]
    pub(crate) setup_hosts: Option<Vec<String>>,
    /// A file that the set-up reads besides manifests and lockfiles, such as a script; may be given more than once.
    #[arg(long = "setup-input", value_name = "FILE")]
    pub(crate) setup_inputs: Option<Vec<String>>,
    /// Hosts that MCP servers may reach, as far as their own entry names them too; may be given more than once.
    #[arg(long = "server-host", value_name = "HOST")]
    pub(crate) server_hosts: Option<Vec<String>>,
    /// The stages of its work, such as `build,review,docs`: the merge stands behind the last one that judges; work of priority H and B is
    /// reviewed and audited all the same. An empty text is the usual chain again.
    #[arg(long, value_name = "STAGES")]
    pub(crate) stages: Option<String>,
    /// Runs beside the tests on their loopback: `postgres`, `redis`, `NAME:PORT=COMMAND`, or `NAME=` to take one away; may be
    /// given more than once.
    #[arg(long = "service", value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// A variable for the project's own programs, `NAME=` to take one away; no secrets; may be given more than once.
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum McCommand {
    Add(Box<McAddArgs>),
    List(McListArgs),
    /// Shows a task with its history.
    #[command(after_help = "Example:\n  alai mc show 4001")]
    Show {
        task: TaskId,
        /// Which model would do it now and why, and why each run had its own.
        #[arg(long)]
        explain: bool,
        #[arg(long)]
        json: bool,
    },
    /// Shows the task that a free worker would take.
    #[command(after_help = "Example:\n  alai mc next-task")]
    NextTask {
        #[arg(long)]
        json: bool,
    },
    /// Closes a task by hand, with a reason; recorded as an override.
    #[command(after_help = "Example:\n  alai mc done 4001 \"Done by hand in the console\"")]
    Done {
        task: TaskId,
        reason: String,
    },
    /// Moves merged work to the target branch; a review or an audit that is yours to judge passes.
    Approve(ApproveArgs),
    /// Sends back what waits to be judged or delivered; your words go to whoever does it again.
    Reject(RejectArgs),
    /// Takes a task yourself: no agent gets it for three days, or until you hand it in.
    #[command(
        visible_alias = "start",
        after_help = "Example:\n  alai mc claim 4001\n  alai mc ready 4001 --head my-branch"
    )]
    Claim {
        task: TaskId,
    },
    /// Hands in what you did: the gate measures your commit like an agent's.
    #[command(after_help = "Example:\n  alai mc ready 4001 --head HEAD")]
    Ready {
        task: TaskId,
        /// A commit or branch of the task's repository.
        #[arg(long, value_name = "COMMIT")]
        head: Option<String>,
    },
    /// Puts a task on the operator's desk, or behind other tasks.
    #[command(
        after_help = "Example:\n  alai mc block 4001 \"Which database do we use?\"\n  alai mc block 4001 --on 4000"
    )]
    Block {
        task: TaskId,
        #[arg(default_value = "")]
        text: String,
        /// A task whose merged code it needs; may be given more than once.
        #[arg(long = "on", value_name = "ID")]
        on: Vec<TaskId>,
    },
    /// Answers a waiting task; your words go to the next run.
    #[command(after_help = "Example:\n  alai mc answer 4001 \"Keep the old name as an alias\"")]
    Answer {
        task: TaskId,
        text: String,
    },
    /// Gives a failed, cancelled or waiting task another try.
    #[command(after_help = "Example:\n  alai mc retry 4001")]
    Retry {
        task: TaskId,
        /// What the next run shall know.
        text: Option<String>,
    },
    /// Takes a task off the queue until it is resumed.
    #[command(after_help = "Example:\n  alai mc pause 4001")]
    Pause {
        task: TaskId,
    },
    /// Puts a paused task back.
    #[command(after_help = "Example:\n  alai mc resume 4001")]
    Resume {
        task: TaskId,
    },
    /// Takes a task off for good; `alai mc retry` takes it up again.
    #[command(after_help = "Example:\n  alai mc cancel 4001 \"No longer wanted\"")]
    Cancel {
        task: TaskId,
        reason: Option<String>,
    },
    /// Adds a remark to a task's history.
    #[command(after_help = "Example:\n  alai mc note 4001 \"The customer asked again\"")]
    Note {
        task: TaskId,
        text: String,
    },
    /// Finds tasks by the words in them.
    #[command(after_help = "Example:\n  alai mc search \"health endpoint\"")]
    Search {
        words: String,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        #[arg(long)]
        json: bool,
    },
    /// The store in numbers; of a goal (or a task's line of work) what it took, by stage.
    #[command(after_help = "Example:\n  alai mc stats\n  alai mc stats 4000")]
    Stats {
        goal: Option<TaskId>,
        #[arg(long)]
        json: bool,
    },
    /// Tasks and goals that are asked for again and again.
    #[command(
        subcommand,
        after_help = "Example:\n  alai mc schedule add nightly \"0 3 * * *\" \"Update the dependencies\" --project ."
    )]
    Schedule(ScheduleCommand),
    /// Sends effects again that were given up, such as pages of the wiki.
    #[command(after_help = "Example:\n  alai mc redeliver")]
    Redeliver,
    /// Checks the store's invariants.
    #[command(after_help = "Example:\n  alai mc fsck")]
    Fsck,
    /// Writes a consistent copy of the store, also while a daemon runs.
    #[command(after_help = "Example:\n  alai mc backup /mnt/backup/mission-monday.db")]
    Backup {
        file: PathBuf,
    },
    /// Puts a backup in the place of the store; what was there is kept beside it.
    #[command(after_help = "Example:\n  alai mc restore /mnt/backup/mission-monday.db")]
    Restore {
        file: PathBuf,
    },
    /// Prints the whole store as JSON Lines, always in the same order.
    #[command(after_help = "Example:\n  alai mc export > store.jsonl")]
    Export,
    /// Reads an export from standard input into an empty store.
    #[command(after_help = "Example:\n  alai mc import --home NEW < store.jsonl")]
    Import,
}

/// Adds a task.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai mc add \"Bento: API for meals\" -p H --project ./bento --check \"make smoke\""
)]
pub(crate) struct McAddArgs {
    pub(crate) title: String,
    #[arg(long, short, default_value = "M", value_parser = priority)]
    pub(crate) priority: Priority,
    /// Who owns it; an owner does not stop automatic work.
    #[arg(short = 't', long, visible_alias = "to")]
    pub(crate) owner: Option<String>,
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    #[arg(long = "desc", default_value = "")]
    pub(crate) description: String,
    /// A folder of a registered repository, or a project's name [default: the project of this folder].
    #[arg(long, value_name = "PATH")]
    pub(crate) project: Option<PathBuf>,
    /// A task whose merged code it needs; may be given more than once.
    #[arg(long = "needs", value_name = "ID")]
    pub(crate) needs: Vec<TaskId>,
    /// Start when the needed tasks are done, merged or not.
    #[arg(long)]
    pub(crate) needs_done: bool,
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<TaskId>,
    /// What it is judged by, in words; may be given more than once.
    #[arg(long = "accept", value_name = "CRITERION")]
    pub(crate) acceptance: Vec<String>,
    /// A command that must exit 0 in the gate's fresh clone; may be given more than once.
    #[arg(long = "check", value_name = "COMMAND")]
    pub(crate) checks: Vec<String>,
    /// A glob of test files that this task may change; may be given more than once.
    #[arg(long = "changes-tests", value_name = "GLOB")]
    pub(crate) changes_tests: Vec<String>,
    /// A file, folder or glob where its work is expected: it is built beside no other task that works there; may be given more than once.
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    #[arg(long)]
    pub(crate) company: Option<String>,
    /// The model that does it: a tier from 1 to 5, or HOST:MODEL [default: by the company and the task's class].
    #[arg(long, value_parser = model)]
    pub(crate) model: Option<ModelChoice>,
    /// What its builder walks [default: its company's].
    #[arg(long, value_name = "NAME")]
    pub(crate) blueprint: Option<String>,
    /// A value for an input of that blueprint; may be given more than once. It never becomes part of a command.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair, requires = "blueprint")]
    pub(crate) inputs: Vec<(String, String)>,
    /// Add it paused.
    #[arg(long)]
    pub(crate) hold: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    Add(ScheduleAddArgs),
    /// Lists the schedules.
    #[command(after_help = "Example:\n  alai mc schedule list")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Stops a schedule until it is resumed.
    #[command(after_help = "Example:\n  alai mc schedule pause nightly")]
    Pause {
        name: String,
    },
    /// Lets a schedule go on with its next firing.
    #[command(after_help = "Example:\n  alai mc schedule resume nightly")]
    Resume {
        name: String,
    },
    /// Removes a schedule; the tasks that it made stay.
    #[command(after_help = "Example:\n  alai mc schedule remove nightly")]
    Remove {
        name: String,
    },
}

/// Asks for a task (or a goal) at each moment that a cron expression names.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai mc schedule add nightly \"0 3 * * *\" \"Update the dependencies\" --project ."
)]
pub(crate) struct ScheduleAddArgs {
    pub(crate) name: String,
    /// Minute, hour, day, month and weekday in UTC, or @hourly, @daily, @weekly, @monthly.
    pub(crate) cron: String,
    pub(crate) title: String,
    /// A goal, with a plan of its own, instead of one task.
    #[arg(long)]
    pub(crate) goal: bool,
    /// What becomes of firings while no daemon ran: `skip` them, make up for `one`, or for `all` (at most 24).
    #[arg(long = "catch-up", default_value = "one", value_parser = catch_up)]
    pub(crate) catch_up: CatchUp,
    #[arg(long, short, default_value = "M", value_parser = priority)]
    pub(crate) priority: Priority,
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    #[arg(long = "desc", default_value = "")]
    pub(crate) description: String,
    /// A folder of a registered repository, or a project's name [default: the project of this folder].
    #[arg(long, value_name = "PATH")]
    pub(crate) project: Option<PathBuf>,
    /// A command that must exit 0 in the gate's fresh clone; may be given more than once.
    #[arg(long = "check", value_name = "COMMAND")]
    pub(crate) checks: Vec<String>,
}

/// Lists tasks.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  alai mc list --tag bento")]
pub(crate) struct McListArgs {
    /// What has this tag, also where it has ended.
    #[arg(long)]
    pub(crate) tag: Option<String>,
    #[arg(long, value_parser = state)]
    pub(crate) status: Option<State>,
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// A project's name, or a folder in it.
    #[arg(long, value_name = "PATH")]
    pub(crate) project: Option<PathBuf>,
    #[arg(long, value_parser = kind)]
    pub(crate) kind: Option<TaskKind>,
    /// At least so urgent.
    #[arg(long, short, value_parser = priority)]
    pub(crate) priority: Option<Priority>,
    /// A goal and everything under it.
    #[arg(long, value_name = "ID")]
    pub(crate) goal: Option<TaskId>,
    /// Only what waits past its deadline, or is not taken from the queue.
    #[arg(long)]
    pub(crate) overdue: bool,
    /// Also tasks that are done, failed or cancelled.
    #[arg(long)]
    pub(crate) all: bool,
    /// At most so many; 0 for all.
    #[arg(long, default_value_t = 200)]
    pub(crate) limit: u32,
    /// Only tasks with a greater number: the next page.
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<TaskId>,
    #[arg(long)]
    pub(crate) json: bool,
}

fn priority(text: &str) -> Result<Priority, String> {
    Priority::parse(text).ok_or_else(|| "a priority is L, M, H or B (BLOCKER)".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn model(text: &str) -> Result<ModelChoice, String> {
    ModelChoice::parse(text).ok_or_else(|| "give a tier from 1 to 5, or HOST:MODEL".to_owned())
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text).ok_or_else(|| {
        let words: Vec<&str> = State::ALL.into_iter().map(State::as_str).collect();
        format!("a status is one of {}", words.join(", "))
    })
}

fn kind(text: &str) -> Result<TaskKind, String> {
    TaskKind::parse(text).ok_or_else(|| {
        let words: Vec<&str> = TaskKind::ALL.into_iter().map(TaskKind::as_str).collect();
        format!("a kind is one of {}", words.join(", "))
    })
}

fn catch_up(text: &str) -> Result<CatchUp, String> {
    CatchUp::parse(text).ok_or_else(|| "missed firings are `skip`, `one` or `all`".to_owned())
}

fn delivery(text: &str) -> Result<alai_mission::Delivery, String> {
    match text {
        "approve" | "integrate" => Ok(alai_mission::Delivery::Approve),
        "auto" | "merge" => Ok(alai_mission::Delivery::Auto),
        "branch" => Ok(alai_mission::Delivery::Branch),
        "pull-request" => Ok(alai_mission::Delivery::PullRequest),
        _ => Err(
            "delivery is `integrate` (or `approve`), `merge` (or `auto`), `branch` or `pull-request`".to_owned(),
        ),
    }
}

fn overlap(text: &str) -> Result<alai_core::overlap::Policy, String> {
    alai_core::overlap::Policy::parse(text).ok_or_else(|| "it is `wait` or `together`".to_owned())
}

fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("it is `on` or `off`".to_owned()),
    }
}

/// What a person would type after `alai` to register a repository or to ask for work, as the request that it makes. Nothing is carried
/// out.
///
/// # Errors
/// On a line that is none, or asks for something else.
pub(crate) fn op_of(home: &Home, words: &[String]) -> Result<Op, CliError> {
    let refused = |e: &dyn std::fmt::Display| CliError::new(Kind::Usage, e.to_string());
    let line = std::iter::once("alai").chain(words.iter().map(String::as_str));
    let cli = Cli::try_parse_from(line).map_err(|e| refused(&e))?;
    if let Command::Project(ProjectCommand::Add(args)) = cli.command {
        return commands::project::adding(args);
    }
    if let Command::Start(args) = cli.command {
        return commands::start::op(home, &args);
    }
    if let Command::Mc(McCommand::Add(args)) = cli.command {
        return Ok(Op::Add {
            task: Box::new(commands::mc::task_of(home, *args)?),
            key: crate::door::fresh_key(),
        });
    }
    Err(refused(&format!(
        "`alai {}` asks for no work",
        words.join(" ")
    )))
}

/// Parses the command line and carries it out.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // clap writes help to standard output and mistakes to standard error, each with its own code (0 or 2).
            let _closed_pipe = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    if let Err(e) = crate::door::no_sandbox_variable() {
        return e.report();
    }
    let home = match crate::door::home(cli.home) {
        Ok(home) => home,
        Err(e) => return e.report(),
    };
    let done: Result<ExitCode, CliError> = match cli.command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Init(args) => commands::init::run(&home, &args),
        Command::Up(args) => commands::up::run(&home, &args),
        Command::Down(args) => commands::down::run(&home, &args),
        Command::Status(args) => commands::status::run(&home, &args),
        Command::Why(args) => commands::why::run(&home, &args),
        Command::Explain(args) => commands::explain::run(&home, &args),
        Command::Start(args) => commands::start::run(&home, args),
        Command::Plan(args) => commands::plan::run(&home, &args),
        Command::Console(args) => commands::console::run(&home, &args),
        Command::Diff(args) => commands::diff::run(&home, &args),
        Command::Revert(args) => commands::revert::run(&home, args),
        Command::Project(command) => commands::project::run(&home, command),
        Command::Mc(command) => commands::mc::run(&home, command),
        Command::Pipeline(command) => commands::pipeline::run(&home, command),
        Command::Minion(command) => commands::minion::run(&home, command),
        Command::Session(command) => commands::session::run(&home, command),
        Command::Notify(command) => commands::notify::run(&home, command),
        Command::Wiki(command) => commands::wiki::run(&home, command),
        Command::Company(command) => commands::company::run(&home, command),
        Command::Blueprint(command) => commands::blueprint::run(&home, command),
        Command::Skill(command) => commands::skill::run(&home, command),
        Command::Mcp(command) => commands::mcp::run(&home, command),
        Command::Schema(args) => commands::schema::run(&args),
        Command::Evidence(command) => commands::evidence::run(&home, command),
        Command::Qa(command) => commands::qa::run(&home, command),
        Command::Fleet(command) => commands::fleet::run(&home, command),
    };
    done.unwrap_or_else(|e| e.report())
}
