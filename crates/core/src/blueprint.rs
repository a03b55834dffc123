//! A blueprint: the steps a minion goes through, parsed and resolved. Data decides the order; the minion only walks it.

mod parse;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use parse::yaml;
pub use parse::{BlueprintError, RawBlueprint, parse, resolve};

/// A resolved blueprint: inheritance applied, inputs filled in, every reference checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blueprint {
    pub name: String,
    pub description: String,
    pub steps: Vec<Step>,
    /// The inputs as they were filled in, for the record.
    pub inputs: BTreeMap<String, String>,
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
    },
    /// `run:` a command in the cage that must exit with `expect_exit`. When it does not, the run goes back to the step
    /// `retry` (an earlier agent step) with the output, at most `retry_max` times, and then fails.
    Run {
        command: String,
        expect_exit: i32,
        retry: Option<String>,
        retry_max: u32,
    },
    /// `uses: report`: the GOTCHA file, written from what was recorded.
    Report,
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
