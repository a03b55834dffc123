//! What a run leaves: how it ended, what it cost, what was seen.

use std::fmt;

use alai_core::blueprint::{Progress, Question};
use alai_core::delegation::Proposal;
use alai_core::ids::TaskId;
use alai_core::mode::Mode;
use alai_core::record::Captured;
use alai_fleet::Usage;
use serde::{Deserialize, Serialize};

use crate::engine::Session;
use crate::redact::redact;

/// The end of one run, as the minion saw it. A claim to be measured by the gate, except for what was captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    pub status: ExitStatus,
    /// The agent's own words about its work; untrusted.
    pub summary: String,
    /// The answer of the last `ask` step that wanted a review, kept to `review::Review`'s schema.
    pub answer: Option<serde_json::Value>,
    pub usage: Usage,
    /// What that cost, in millionths of a dollar.
    #[serde(default)]
    pub cost_microusd: u64,
    /// Model calls over all steps.
    pub turns: u32,
    /// Simulated as soon as one reply was.
    pub mode: Mode,
    /// Every command that ran, in order: the agent's, the checks, the `run:` steps.
    pub commands: Vec<Captured>,
    /// The answer of the last `ask` step that wanted a work plan.
    pub work_plan: Option<serde_json::Value>,
    /// The last run of a step's own check.
    pub last_check: Option<Captured>,
    /// HEAD of the clone when the run committed something, full hex.
    pub head: Option<String>,
    /// Replies whose calls had to be dug out of text.
    pub salvaged: u32,
    /// Replies of which no call, or no answer in the asked form, could be read.
    #[serde(default)]
    pub malformed: u32,
    /// What was wrong with the last of them, and at which step, where the run ended for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// Why the model's calls became text in the middle of the run; none where they did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell_back: Option<String>,
    /// What the sessions of another's program came to, in order; none where our own loop worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
    /// What a person is asked, exactly when the run ended as waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What a lead has proposed, refused or not, in order; judged again before anything becomes of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<Proposal>,
    /// The GOTCHA file's content, made from records.
    pub gotcha: String,
}

impl RunReport {
    /// What stands for an agent's report where a person made the commit: no agent ran, and none is spoken for.
    pub fn by_hand(task: TaskId, title: &str, head: &str) -> RunReport {
        let gotcha = format!(
            "# GOTCHA {task}\n\n## Goals\n\n{title}\n\n## Orchestration\n\na person handed in {head}\n\n## Tools\n\nnone\n\n\
             ## Context\n\nthe repository\n\n## Hard prompts\n\nnone\n\n## Args\n\nnone\n"
        );
        RunReport {
            status: ExitStatus::Done,
            summary: "handed in by a person".into(),
            answer: None,
            usage: Usage::default(),
            cost_microusd: 0,
            turns: 0,
            mode: Mode::Real,
            commands: Vec::new(),
            work_plan: None,
            last_check: None,
            head: Some(head.to_owned()),
            salvaged: 0,
            malformed: 0,
            unread: None,
            fell_back: None,
            sessions: Vec::new(),
            asked: None,
            proposals: Vec::new(),
            gotcha: redact(&gotcha).into_owned(),
        }
    }
}

/// A question to a person, and what the run that goes on with the answer must know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub question: Question,
    pub progress: Progress,
}

/// How a run ended. Only stuck and format runs escalate at once; infrastructure never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExitStatus {
    /// The agent claims to be done and nothing that we ran says otherwise.
    Done,
    /// The step's own check, or a `run:` step, is still red.
    GateFailed,
    StepLimit,
    /// The tokens are spent, or the money would not do for another call.
    CostLimit,
    TimeLimit,
    /// A guard ended it; the rule's name says which.
    Stuck {
        rule: String,
    },
    /// The model does not keep to the tool protocol or to a schema.
    Format,
    ContextTruncated,
    ProviderError {
        infrastructure: bool,
        detail: String,
    },
    ScopeViolation {
        detail: String,
    },
    /// The blueprint asks a person at this step, and the next run goes on from there.
    Waiting {
        step: String,
    },
    /// A step cannot be done as its blueprint says it: nobody's work is at fault.
    Blueprint {
        detail: String,
    },
    /// The cage, the hand or the record failed; nothing after that can be trusted.
    Killed {
        detail: String,
    },
    Cancelled,
}

impl ExitStatus {
    /// The stored word; the rule of `stuck` and the details stand apart.
    pub fn as_str(&self) -> &'static str {
        match self {
            ExitStatus::Done => "done",
            ExitStatus::GateFailed => "gate_failed",
            ExitStatus::StepLimit => "step_limit",
            ExitStatus::CostLimit => "cost_limit",
            ExitStatus::TimeLimit => "time_limit",
            ExitStatus::Stuck { .. } => "stuck",
            ExitStatus::Format => "format",
            ExitStatus::ContextTruncated => "context_truncated",
            ExitStatus::ProviderError { .. } => "provider_error",
            ExitStatus::ScopeViolation { .. } => "scope_violation",
            ExitStatus::Waiting { .. } => "waiting",
            ExitStatus::Blueprint { .. } => "blueprint",
            ExitStatus::Killed { .. } => "killed",
            ExitStatus::Cancelled => "cancelled",
        }
    }

    /// The reason, where there is one beyond the word.
    pub fn detail(&self) -> &str {
        match self {
            ExitStatus::Stuck { rule } => rule,
            ExitStatus::Waiting { step } => step,
            ExitStatus::ProviderError { detail, .. }
            | ExitStatus::ScopeViolation { detail }
            | ExitStatus::Blueprint { detail }
            | ExitStatus::Killed { detail } => detail,
            ExitStatus::Done
            | ExitStatus::GateFailed
            | ExitStatus::StepLimit
            | ExitStatus::CostLimit
            | ExitStatus::TimeLimit
            | ExitStatus::Format
            | ExitStatus::ContextTruncated
            | ExitStatus::Cancelled => "",
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail() {
            "" => f.write_str(self.as_str()),
            detail => write!(f, "{}: {detail}", self.as_str()),
        }
    }
}
