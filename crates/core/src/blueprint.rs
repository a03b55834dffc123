//! A blueprint: the steps a minion goes through, parsed and resolved. Data decides the order; the minion only walks it.

mod condition;
mod parse;
mod progress;
mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::brief::Caps;
use crate::qa;

pub use condition::{Condition, Facts};
pub(crate) use parse::yaml;
pub use parse::{BlueprintError, RawBlueprint, TEMPLATES, is_template, parse, resolve};
pub use progress::{Answer, Progress, Question, Status, StepResult, chosen};
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
}

/// What a step does. Only `Agent` is open-ended; everything else is one deterministic act or one model call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// `uses: context`: repository map, README, files named in the task, what HiveMind recalled. No model.
    Context,
    /// `uses: ask`: one call without tools whose answer is held to a JSON schema. Its answer is the next steps' input.
    Ask { prompt: String, schema: AskSchema },
    /// `uses: agent`: the tool loop. `check` runs after each burst of edits and its output goes back to the agent.
    Agent {
        prompt: String,
        tools: Vec<ToolName>,
        turns_max: u32,
        check: Option<String>,
        /// What `done` must hand over beside its summary, for the steps after it.
        #[serde(default)]
        outputs: Vec<Output>,
    },
    /// `run:` a command in the cage that must exit with `expect_exit`. When it does not, the run goes back to the step
    /// `retry` (an earlier agent step) with the output, at most `retry_max` times, and then fails.
    Run {
        command: String,
        expect_exit: i32,
        retry: Option<String>,
        retry_max: u32,
    },
    /// `uses: scaffold`: files of templates, then a patch, all of them or none; no model.
    Scaffold {
        files: Vec<ScaffoldFile>,
        /// In the form of `apply_patch`.
        patch: Option<String>,
        /// Whether a file that exists is written anew.
        overwrite: bool,
    },
    /// `uses: gate`: an advance look at what the gate will measure. Like `Run` it goes back by `retry`; what it says is this
    /// step's result and nothing more.
    Gate {
        checks: Vec<GateCheck>,
        retry: Option<String>,
        retry_max: u32,
    },
    /// `uses: branch`: goes on at another step. A way back is gone at most `ways_max` times; a way forward has none.
    Branch { goto: String, ways_max: Option<u32> },
    /// `uses: human`: the run ends here and a person is asked; the next run of the task goes on with the answer.
    Human {
        question: Template,
        /// Empty takes any text.
        options: Vec<String>,
        deadline_s: u64,
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
}

impl GateCheck {
    pub const ALL: [GateCheck; 4] = [
        GateCheck::Tests,
        GateCheck::TaskChecks,
        GateCheck::Changed,
        GateCheck::AllowedPaths,
    ];

    /// As a blueprint writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            GateCheck::Tests => "tests",
            GateCheck::TaskChecks => "task_checks",
            GateCheck::Changed => "changed",
            GateCheck::AllowedPaths => "allowed_paths",
        }
    }

    /// The check of the gate that it looks ahead at, and only in part: the gate has a fresh clone and the tests of the base.
    pub fn ahead_of(self) -> qa::Check {
        match self {
            GateCheck::Tests => qa::Check::BaseTestsPass,
            GateCheck::TaskChecks => qa::Check::AcceptanceChecks,
            GateCheck::Changed => qa::Check::DiffMinimal,
            GateCheck::AllowedPaths => qa::Check::AllowedPathsOnly,
        }
    }
}

impl Blueprint {
    /// The step with this id, by its place.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
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

    /// Where it sends the run back to, and how often at most.
    pub fn way_back(&self) -> Option<(&str, u32)> {
        match self {
            Action::Run {
                retry: Some(step),
                retry_max,
                ..
            }
            | Action::Gate {
                retry: Some(step),
                retry_max,
                ..
            } => Some((step, *retry_max)),
            Action::Branch {
                goto,
                ways_max: Some(most),
            } => Some((goto, *most)),
            Action::Branch { ways_max: None, .. }
            | Action::Run { retry: None, .. }
            | Action::Gate { retry: None, .. }
            | Action::Context
            | Action::Ask { .. }
            | Action::Agent { .. }
            | Action::Scaffold { .. }
            | Action::Human { .. }
            | Action::Report => None,
        }
    }
}

/// The output of a step that asks a person.
pub const ANSWER: &str = "answer";

/// One field of what an agent step hands over: flat, which is what small models get right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub name: String,
    pub kind: OutputKind,
    /// For the model; may be empty.
    pub description: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    String,
    Integer,
    Boolean,
    /// Of strings.
    List,
}

impl OutputKind {
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
