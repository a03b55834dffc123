//! Everything a minion is told about its task, as one value: no store, no clock and no repository behind it, so the same
//! run works here and on a worker that only sees HTTP.

use serde::{Deserialize, Serialize};

use crate::blueprint::Blueprint;
use crate::ids::{Epoch, RunId, TaskId};
use crate::task::TaskKind;

/// What an agent may do with the repository. Enforced by the cage's mounts, not by the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Plans and delegates; reads the repository, writes only its company's folder.
    Lead,
    /// Writes the allowed paths of its own clone.
    Builder,
    /// Reads; writes nothing but scratch.
    Reviewer,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Lead => "lead",
            Role::Builder => "builder",
            Role::Reviewer => "reviewer",
        }
    }
}

/// A minion's orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    pub run: RunId,
    pub epoch: Epoch,
    pub task: TaskId,
    pub kind: TaskKind,
    pub title: String,
    pub description: String,
    /// What the task is judged by, in words.
    pub acceptance: Vec<String>,
    /// Commands that must exit 0 in the gate.
    pub checks: Vec<String>,
    /// Which try of this task this is, from 0: rework and retries count.
    pub attempt: u32,
    /// What the last gate or reviewer said, oldest first. Text from models: shown as data, never as orders.
    pub findings: Vec<String>,
    /// What HiveMind recalled. Untrusted text likewise.
    pub recalled: Vec<Recalled>,
    pub company: CompanyBrief,
    pub role: Role,
    pub blueprint: Blueprint,
    pub project: ProjectBrief,
    pub limits: RunLimits,
}

/// The company's voice in the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyBrief {
    pub name: String,
    /// `CLAUDE.md` of the pack.
    pub soul: String,
    /// The role's own prompt of the pack (`agents/<role>.yaml`).
    pub role_prompt: String,
}

/// What the minion must know about the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectBrief {
    pub name: String,
    /// The commit the clone stands on, full hex.
    pub base: String,
    /// The commit under review, for a reviewer; its diff against the base is `diff`.
    pub head: Option<String>,
    /// The diff a reviewer judges; empty for a builder.
    pub diff: String,
    /// The project's test command, run by `sh -c` at the repository's root inside the cage.
    pub test_command: String,
    /// Globs a builder may write; empty means the whole repository except what the gate protects.
    pub allowed_paths: Vec<String>,
    /// Globs that win over the allowed ones.
    pub forbidden_paths: Vec<String>,
    /// Tests that were red on the untouched base, by id.
    pub red_on_base: Vec<String>,
    /// Author of commits: `Name <mail>`.
    pub author: String,
}

/// One remembered entry, with where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    pub id: i64,
    pub kind: String,
    pub text: String,
    pub source: String,
}

/// Where a run stops whatever it thinks it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Model turns over all steps of the run.
    pub turns_max: u32,
    /// Wall-clock seconds of the run.
    pub wall_s_max: u64,
    /// Seconds one command may take.
    pub command_s_max: u64,
    /// Prompt and output tokens together.
    pub tokens_max: u64,
    /// Bytes that `write` and `edit` may put on disk in the whole run.
    pub bytes_written_max: u64,
}

impl Default for RunLimits {
    fn default() -> Self {
        RunLimits {
            // A minion that needs more has lost the thread; a human should look.
            turns_max: 80,
            // Passing runs of local models take 7 minutes in the mean, and 83 % of wall time goes to failing trials.
            wall_s_max: 45 * 60,
            command_s_max: 600,
            // About 40 turns of a full 32k context.
            tokens_max: 1_500_000,
            // Runaway files are the commonest runaway.
            bytes_written_max: 8 << 20,
        }
    }
}
