//! A blueprint: the steps a minion goes through, parsed and resolved. Data decides the order; the minion only walks it.

mod condition;
mod env;
mod gates;
mod of_task;
mod parse;
pub mod plan;
mod progress;
mod reach;
mod shipped;
mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::brief::{Caps, Role};
use crate::json_schema::JsonSchema;
use crate::pipeline::Stage;
use crate::qa;

pub use condition::{Condition, Facts};
pub use env::{ENV_BYTES_MAX, ENV_VALUE_BYTES_MAX, Env};
pub use gates::Gate;
pub use of_task::OfTask;
pub(crate) use parse::yaml;
pub use parse::{
    BlueprintError, PROMPT_BYTES_MAX, RawBlueprint, TEMPLATES, TURNS_MAX, example, is_template,
    parse, reads_titles, resolve, resolve_for_task, schema, schema_text,
};
pub use plan::Plan;
pub use progress::{Answer, Progress, Question, Status, StepResult, chosen};
pub use shipped::{Scaffolded, Written};
pub use template::Template;

/// Steps that one run may walk, those counted anew to which it goes back. A blueprint whose ways back could make it more is
/// refused when it is read, so that every loop has an end before it is begun.
pub const STEPS_WALKED_MAX: usize = 200;

/// Bytes of all texts of one scaffold, filled in: they go to the hand in one request.
pub const SCAFFOLD_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a path of a scaffold, filled in: longer names are none that a person could follow.
pub const PATH_BYTES_MAX: usize = 512;
/// Bytes of a question, filled in: it stands on a person's screen.
pub const QUESTION_BYTES_MAX: usize = 4 * 1024;

/// A resolved blueprint: inheritance applied, inputs filled in, every reference checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blueprint {
    pub name: String,
    pub description: String,
    pub steps: Vec<Step>,
    /// The inputs as they were filled in, for the record.
    pub inputs: BTreeMap<String, String>,
    /// How far it lowers a run's limits.
    #[serde(default)]
    pub limits: Caps,
    /// Inputs to try it with.
    #[serde(default)]
    pub example: BTreeMap<String, String>,
    /// Stages that follow the merge of what is built by it: OPS, DOCS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks_for: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Unique within the blueprint; `plan`, `build`.
    pub id: String,
    /// For people.
    pub name: String,
    pub action: Action,
    /// Seconds this step may take; the run's own limit stands above it.
    pub timeout_s: Option<u64>,
    /// `if:`; a step whose condition does not hold is skipped.
    #[serde(default)]
    pub condition: Option<Condition>,
    /// A red command, check or used-up way back does not end the run.
    #[serde(default)]
    pub continue_on_error: bool,
    /// Where it stands in its file, `NAME:LINE:COLUMN`; empty where it came from none.
    #[serde(default)]
    pub at: String,
    /// The steps that it says must stand before it. The order of the steps is made of them already.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Variables of its commands.
    #[serde(default)]
    pub env: Env,
    /// What must hold when it is over. Measured by the run itself.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// Where the run goes back to when it is red.
    #[serde(default)]
    pub retry: Option<Retry>,
}

/// A way back from a step that is red.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The step itself, or an earlier agent step, which is told what was red.
    pub step: String,
    /// How often it is gone; the first try is not counted.
    pub ways_max: u32,
    /// Seconds before it is gone for the first time, twice as many before each further time. 0 for none.
    pub backoff_s: u64,
}

/// No wait between two tries is longer; who waits more for something to mend itself needs a person.
pub const BACKOFF_S_MAX: u64 = 600;

impl Retry {
    /// Seconds to wait before the way back is gone for the `nth` time, from 1.
    pub fn wait_s(&self, nth: u32) -> u64 {
        let doubled = 1_u64.checked_shl(nth.saturating_sub(1)).unwrap_or(u64::MAX);
        self.backoff_s.saturating_mul(doubled).min(BACKOFF_S_MAX)
    }
}

/// What a step does. Only `Agent` is open-ended; everything else is one deterministic act or one model call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// `uses: context`: repository map, README, files named in the task, what HiveMind recalled. No model.
    Context,
    /// `uses: ask`: one call without tools whose answer is held to a JSON schema. Its answer is the next steps' input.
    Ask { prompt: Template, schema: AskSchema },
    /// `uses: agent`: the tool loop. `check` runs after each burst of edits and its output goes back to the agent.
    Agent {
        prompt: Template,
        tools: Vec<ToolName>,
        turns_max: u32,
        check: Option<String>,
        /// What `done` must hand over beside its summary, for the steps after it.
        #[serde(default)]
        outputs: Vec<Output>,
        /// Whose prompt, tools and paths it works with, where it is not the run's own role. It only narrows.
        #[serde(default)]
        role: Option<Role>,
        /// What this step alone may take: tokens, seconds, dollars. Its turns are `turns_max`.
        #[serde(default)]
        limits: Caps,
    },
    /// `run:` a command in the cage that must exit with `expect_exit`.
    Run { command: String, expect_exit: i32 },
    /// `uses: scaffold`: files of templates, then a patch, all of them or none; no model.
    Scaffold {
        files: Vec<ScaffoldFile>,
        /// In the form of `apply_patch`.
        patch: Option<String>,
        /// Whether a file that exists is written anew.
        overwrite: bool,
    },
    /// `uses: gate`: an advance look at what the gate will measure; what it says is this step's result and nothing more.
    Gate { checks: Vec<GateCheck> },
    /// `uses: branch`: goes on at another step. A way back is gone at most `ways_max` times; a way forward has none.
    Branch { goto: String, ways_max: Option<u32> },
    /// `uses: human`: the run ends here and a person is asked; the next run of the task goes on with the answer.
    Human {
        question: Template,
        /// Empty takes any text.
        options: Vec<String>,
        deadline_s: u64,
        /// The one answer that lets the run go on; any other is red, and is what the agent is told. None where each does.
        #[serde(default)]
        wants: Option<String>,
    },
    /// `uses: report`: the GOTCHA file, written from what was recorded.
    Report,
}

/// One file of a scaffold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaffoldFile {
    pub path: Template,
    pub content: Template,
}

/// What a run can look at itself before the gate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateCheck {
    /// The project's test command.
    Tests,
    /// The commands that the task itself names.
    TaskChecks,
    /// There is a difference to the commit that the gate measures against.
    Changed,
    /// Every changed path may be written.
    AllowedPaths,
    /// A test of the change fails on the code of the base.
    Reproduced,
    /// The tests of the base are as they were, but for what findings ask for.
    SameTests,
}

impl GateCheck {
    pub const ALL: [GateCheck; 6] = [
        GateCheck::Tests,
        GateCheck::TaskChecks,
        GateCheck::Changed,
        GateCheck::AllowedPaths,
        GateCheck::Reproduced,
        GateCheck::SameTests,
    ];

    /// As a blueprint writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            GateCheck::Tests => "tests",
            GateCheck::TaskChecks => "task_checks",
            GateCheck::Changed => "changed",
            GateCheck::AllowedPaths => "allowed_paths",
            GateCheck::Reproduced => "reproduced",
            GateCheck::SameTests => "same_tests",
        }
    }

    /// The check of the gate that it looks ahead at, and only in part: the gate has a fresh clone and the tests of the base.
    pub fn ahead_of(self) -> qa::Check {
        match self {
            GateCheck::Tests => qa::Check::BaseTestsPass,
            GateCheck::TaskChecks => qa::Check::AcceptanceChecks,
            GateCheck::Changed => qa::Check::DiffMinimal,
            GateCheck::AllowedPaths => qa::Check::AllowedPathsOnly,
            GateCheck::Reproduced => qa::Check::NewTestsFailOnBase,
            GateCheck::SameTests => qa::Check::CensusNotReduced,
        }
    }

    /// Whether it is looked at outside of the run's own cage, against the commit that the gate measures from.
    pub fn compares(self) -> bool {
        match self {
            GateCheck::Tests
            | GateCheck::TaskChecks
            | GateCheck::Changed
            | GateCheck::AllowedPaths => false,
            GateCheck::Reproduced | GateCheck::SameTests => true,
        }
    }
}

impl Blueprint {
    /// The step with this id, by its place.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// Whether one of its steps holds the work against the tests of the base, so that it needs a base whose tests say something.
    pub fn compares(&self) -> bool {
        self.steps.iter().any(|step| match &step.action {
            Action::Gate { checks } => checks.iter().any(|check| check.compares()),
            Action::Context
            | Action::Ask { .. }
            | Action::Agent { .. }
            | Action::Run { .. }
            | Action::Scaffold { .. }
            | Action::Branch { .. }
            | Action::Human { .. }
            | Action::Report => false,
        })
    }

    /// Steps that a run walks at most: each way back repeats what lies between its ends, as often as it may be gone.
    pub fn walked_max(&self) -> usize {
        let back = self.steps.iter().enumerate().map(|(at, step)| {
            let Some((target, ways)) = step.way_back() else {
                return 0;
            };
            let target = self.position(target).unwrap_or(at).min(at);
            (at - target + 1) * usize::try_from(ways).unwrap_or(usize::MAX)
        });
        self.steps.len() + back.sum::<usize>()
    }
}

impl Action {
    /// The kind, as a record names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Context => "context",
            Action::Ask { .. } => "ask",
            Action::Agent { .. } => "agent",
            Action::Run { .. } => "run",
            Action::Scaffold { .. } => "scaffold",
            Action::Gate { .. } => "gate",
            Action::Branch { .. } => "branch",
            Action::Human { .. } => "human",
            Action::Report => "report",
        }
    }
}

impl Step {
    /// Where it sends the run back to, and how often at most.
    pub fn way_back(&self) -> Option<(&str, u32)> {
        if let Some(retry) = &self.retry {
            return Some((&retry.step, retry.ways_max));
        }
        match &self.action {
            Action::Branch {
                goto,
                ways_max: Some(most),
            } => Some((goto, *most)),
            Action::Branch { ways_max: None, .. }
            | Action::Context
            | Action::Ask { .. }
            | Action::Agent { .. }
            | Action::Run { .. }
            | Action::Scaffold { .. }
            | Action::Gate { .. }
            | Action::Human { .. }
            | Action::Report => None,
        }
    }
}

/// The output of a step that asks a person.
pub const ANSWER: &str = "answer";

/// Behind the id of a step whose gate asks a person: the step that does.
pub const HUMAN_SUFFIX: &str = "-human";

/// The output of an agent step that has an `output_schema`.
pub const RESULT: &str = "result";

/// One field of what an agent step hands over: flat, which is what small models get right, but for `result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub name: String,
    pub kind: OutputKind,
    /// For the model; may be empty.
    pub description: String,
    /// What `result` is held to; none for every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<JsonSchema>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    String,
    Integer,
    Boolean,
    /// Of strings.
    List,
    /// Any JSON, held to its schema: `result` alone.
    Shaped,
}

impl OutputKind {
    /// Those that a blueprint writes.
    pub const ALL: [OutputKind; 4] = [
        OutputKind::String,
        OutputKind::Integer,
        OutputKind::Boolean,
        OutputKind::List,
    ];

    /// As a blueprint writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            OutputKind::String => "string",
            OutputKind::Integer => "integer",
            OutputKind::Boolean => "boolean",
            OutputKind::List => "list",
            OutputKind::Shaped => "JSON of the form that is asked for",
        }
    }
}

/// The shape of an `ask` step's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskSchema {
    /// `{"approach": string, "files": [string], "risks": [string]}`.
    WorkPlan,
    /// `review::Review`.
    Review,
}

/// The tools an agent step may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolName {
    Read,
    Search,
    Edit,
    Write,
    Run,
    Done,
}

impl ToolName {
    pub const ALL: [ToolName; 6] = [
        ToolName::Read,
        ToolName::Search,
        ToolName::Edit,
        ToolName::Write,
        ToolName::Run,
        ToolName::Done,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ToolName::Read => "read",
            ToolName::Search => "search",
            ToolName::Edit => "edit",
            ToolName::Write => "write",
            ToolName::Run => "run",
            ToolName::Done => "done",
        }
    }

    pub fn parse(text: &str) -> Option<ToolName> {
        ToolName::ALL.into_iter().find(|t| t.as_str() == text)
    }
}
