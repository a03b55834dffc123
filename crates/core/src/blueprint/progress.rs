//! How far a run has come, as values: what its steps came to, and what it must know to go on behind a person's answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ok,
    /// A command or a check was not as expected.
    Red,
    /// Its condition did not hold, or a branch went past it.
    Skipped,
}

impl Status {
    pub const ALL: [Status; 3] = [Status::Ok, Status::Red, Status::Skipped];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Red => "red",
            Status::Skipped => "skipped",
        }
    }

    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// What a step came to, the last time it was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepResult {
    pub status: Status,
    /// Empty unless it is `ok`.
    pub outputs: Map<String, Value>,
}

/// What a person is asked before the run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The step that asks.
    pub step: String,
    /// Which time it asks, from 1: a loop may come back to it.
    pub visit: u32,
    pub text: String,
    /// The answers that there are; empty takes any text.
    pub options: Vec<String>,
    /// Seconds until the wait is overdue.
    pub deadline_s: u64,
}

/// The option that a text means, as the blueprint spells it: case and blanks around it do not count. One rule for options,
/// for answers and for the conditions that compare them.
pub fn chosen<'a>(options: &'a [String], text: &str) -> Option<&'a str> {
    let folded = |text: &str| text.trim().to_lowercase();
    let meant = folded(text);
    let mut options = options.iter().map(String::as_str);
    options.find(|option| folded(option) == meant)
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub to: Question,
    pub text: String,
    pub by: String,
}

/// Where a run stopped to ask. The next one goes on there, with what the steps before it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The step that asked.
    pub step: String,
    /// How often each step was reached before.
    pub visits: BTreeMap<String, u32>,
    /// How often each step has sent the run back: a stop gives nobody more ways back.
    pub ways: BTreeMap<String, u32>,
    pub results: BTreeMap<String, StepResult>,
    /// What later prompts see of the steps before, in order.
    pub earlier: Vec<(String, String)>,
    pub work_plan: Option<Value>,
    /// Whether the last check was green, where the tree is still the one that it saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_green: Option<bool>,
    /// The output of the last red step that ended nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red: Option<String>,
    /// What the next agent step is still to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
    /// The last agent's words about its work.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Whether the run that asked began with the work of an earlier try; unknown where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rework: Option<bool>,
    /// What the last look at the base showed that held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduced: Option<crate::ahead::Reproduced>,
}
