//! Everything a minion is told about its task, as one value: no store, no clock and no repository behind it, so the same
//! run works here and on a worker that only sees HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blueprint::{Answer, Blueprint, Progress, ToolName};
use crate::ids::{Epoch, RunId, TaskId};
use crate::task::TaskKind;

/// What an agent may do with the repository. Enforced by the cage's mounts, not by the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// What others said on this line of work ([`crate::session::told`]). Untrusted text likewise; empty where nobody did.
    #[serde(default)]
    pub session: String,
    pub company: CompanyBrief,
    pub role: Role,
    pub blueprint: Blueprint,
    pub project: ProjectBrief,
    pub limits: RunLimits,
    /// What people have answered to this task's runs.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// Where an earlier run stopped to ask; this one goes on from there.
    #[serde(default)]
    pub progress: Option<Progress>,
}

/// The company's voice in the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyBrief {
    pub name: String,
    /// The company's name and the essence of its soul.
    pub soul: String,
    /// The role's own prompt of the pack (`agents/<role>.yaml`).
    pub role_prompt: String,
    /// The company's three agents, for steps that name one of them.
    #[serde(default)]
    pub roles: BTreeMap<Role, RoleBrief>,
}

/// One of a company's agents, as far as a step of another's run needs it. Its paths need no word: in a run it does not lead, an
/// agent that is no builder writes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleBrief {
    pub prompt: String,
    pub tools: Vec<ToolName>,
}

/// What the minion must know about the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectBrief {
    pub name: String,
    /// The commit the clone stands on, full hex.
    pub base: String,
    /// The commit that the gate measures against: the base itself, or one before it where earlier work is gone on with.
    #[serde(default)]
    pub measured_from: String,
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
    /// Files that the blueprint itself writes, and may although the forbidden paths cover them.
    #[serde(default)]
    pub scaffolded: Vec<String>,
    /// Existing tests that the task may change: paths and globs, all of them among what it may write.
    #[serde(default)]
    pub changes_tests: Vec<String>,
    /// Tests that were red on the untouched base, by id.
    pub red_on_base: Vec<String>,
    /// Author of commits: `Name <mail>`.
    pub author: String,
    /// What the project tells whoever works on it.
    #[serde(default)]
    pub rules: Option<ProjectRules>,
}

/// Instructions that a project leaves for agents. From the commit that a change is measured from, never from the change: what is
/// under review must not instruct its reviewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRules {
    /// `AGENTS.md`.
    pub file: String,
    pub text: String,
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
    /// Millionths of a dollar that the run may spend on its model.
    #[serde(default = "cost_microusd_max")]
    pub cost_microusd_max: u64,
}

/// Three dollars, where mini-swe-agent ends a run too.
fn cost_microusd_max() -> u64 {
    3_000_000
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
            cost_microusd_max: cost_microusd_max(),
        }
    }
}

impl RunLimits {
    /// With what a person set, higher or lower than what is usual.
    #[must_use]
    pub fn set(self, caps: &Caps) -> RunLimits {
        RunLimits {
            turns_max: caps.turns.unwrap_or(self.turns_max),
            wall_s_max: caps.seconds.unwrap_or(self.wall_s_max),
            command_s_max: caps.command_seconds.unwrap_or(self.command_s_max),
            tokens_max: caps.tokens.unwrap_or(self.tokens_max),
            bytes_written_max: caps.bytes.unwrap_or(self.bytes_written_max),
            cost_microusd_max: caps.microusd.unwrap_or(self.cost_microusd_max),
        }
    }

    /// With what a blueprint asks for, as far as it is less: a pack narrows and never widens.
    #[must_use]
    pub fn lowered(self, caps: &Caps) -> RunLimits {
        let asked = self.set(caps);
        RunLimits {
            turns_max: self.turns_max.min(asked.turns_max),
            wall_s_max: self.wall_s_max.min(asked.wall_s_max),
            command_s_max: self.command_s_max.min(asked.command_s_max),
            tokens_max: self.tokens_max.min(asked.tokens_max),
            bytes_written_max: self.bytes_written_max.min(asked.bytes_written_max),
            cost_microusd_max: self.cost_microusd_max.min(asked.cost_microusd_max),
        }
    }
}

/// Limits of a run as somebody sets them: `[limits.agent]` of `alai.toml`, `defaults.limits` of a blueprint. What is not
/// set stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    pub turns: Option<u32>,
    /// Prompt and output tokens together.
    pub tokens: Option<u64>,
    pub seconds: Option<u64>,
    /// Seconds of one command.
    pub command_seconds: Option<u64>,
    /// Bytes that are written in all.
    pub bytes: Option<u64>,
    /// Written in dollars. Nothing is a cap too: models that cost nothing still work.
    #[serde(rename = "dollars", with = "dollars")]
    pub microusd: Option<u64>,
}

impl Caps {
    /// The most that each can be set to, by its key; beyond that a number is a mistake and no limit.
    pub const MOST: [(&'static str, u64); 6] = [
        ("turns", 1_000),
        ("tokens", 1_000_000_000),
        ("seconds", DAY_S),
        ("command_seconds", DAY_S),
        ("bytes", 1 << 30),
        ("dollars", 1_000),
    ];

    /// What is set, by key. A cap of nothing would end every run before it began; money is apart.
    fn counts(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("turns", self.turns.map(u64::from)),
            ("tokens", self.tokens),
            ("seconds", self.seconds),
            ("command_seconds", self.command_seconds),
            ("bytes", self.bytes),
        ]
    }

    /// The first one that cannot be meant, with its value and the most it can be.
    pub fn unusable(&self) -> Option<(&'static str, u64, u64)> {
        let set = self.counts();
        let set = set
            .iter()
            .filter_map(|(key, value)| Some((*key, (*value)?)));
        set.map(|(key, value)| (key, value, Caps::most(key)))
            .find(|(_, value, most)| !(1..=*most).contains(value))
    }

    /// The most that a key can be set to.
    ///
    /// # Panics
    /// For a key that is none.
    pub fn most(key: &str) -> u64 {
        let found = Caps::MOST.iter().find(|(name, _)| *name == key);
        found.expect("a key of the table").1
    }

    /// These, and where one is not set the other's.
    #[must_use]
    pub fn or(self, other: Caps) -> Caps {
        Caps {
            turns: self.turns.or(other.turns),
            tokens: self.tokens.or(other.tokens),
            seconds: self.seconds.or(other.seconds),
            command_seconds: self.command_seconds.or(other.command_seconds),
            bytes: self.bytes.or(other.bytes),
            microusd: self.microusd.or(other.microusd),
        }
    }
}

const DAY_S: u64 = 24 * 60 * 60;

/// Dollars as people write them, in millionths, or nothing when it is no amount up to the most that can be set.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)] // checked to lie in range
pub fn microusd(dollars: f64) -> Option<u64> {
    let most = Caps::most("dollars") as f64;
    (0.0..=most)
        .contains(&dollars)
        .then(|| (dollars * 1e6).round() as u64)
}

mod dollars {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[allow(clippy::cast_precision_loss, clippy::trivially_copy_pass_by_ref)] // far below 2^53; serde's form
    pub(super) fn serialize<S: Serializer>(
        microusd: &Option<u64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        microusd.map(|m| m as f64 / 1e6).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        let Some(dollars) = Option::<f64>::deserialize(from)? else {
            return Ok(None);
        };
        let most = super::Caps::most("dollars");
        let wrong = || de::Error::custom(format!("`dollars` is {dollars}; it must be 0 to {most}"));
        super::microusd(dollars).map(Some).ok_or_else(wrong)
    }
}

/// What a model's tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Millionths of a dollar for a million tokens: $3 are 3,000,000.
    pub prompt_microusd_per_mtok: u64,
    pub output_microusd_per_mtok: u64,
}

impl Price {
    /// Of a model on one's own machine.
    pub const FREE: Price = Price {
        prompt_microusd_per_mtok: 0,
        output_microusd_per_mtok: 0,
    };

    /// Millionths of a dollar for so many tokens, rounded up: a sum of calls is never said to be less than it was.
    pub fn of(&self, prompt_tokens: u64, output_tokens: u64) -> u64 {
        let part = |tokens: u64, per_mtok: u64| u128::from(tokens) * u128::from(per_mtok);
        let sum = part(prompt_tokens, self.prompt_microusd_per_mtok)
            + part(output_tokens, self.output_microusd_per_mtok);
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_sets_limits_and_a_blueprint_only_lowers_them() {
        let person = Caps {
            turns: Some(120),
            bytes: Some(1_000),
            ..Caps::default()
        };
        let blueprint = Caps {
            turns: Some(30),
            bytes: Some(5_000),
            seconds: Some(1_000_000),
            microusd: Some(0),
            ..Caps::default()
        };
        let usual = RunLimits::default();
        let limits = usual.set(&person).lowered(&blueprint);
        let want = RunLimits {
            turns_max: 30,
            bytes_written_max: 1_000,
            cost_microusd_max: 0,
            ..usual
        };
        assert_eq!(limits, want);
        assert_eq!(usual.set(&person).turns_max, 120);
    }

    #[test]
    fn prices_are_rounded_up_and_never_overflow() {
        let price = Price {
            prompt_microusd_per_mtok: 3_000_000,
            output_microusd_per_mtok: 15_000_000,
        };
        assert_eq!(price.of(1_000, 100), 4_500);
        let cheap = Price {
            prompt_microusd_per_mtok: 1,
            output_microusd_per_mtok: 0,
        };
        assert_eq!((cheap.of(1, 0), cheap.of(0, 9)), (1, 0));
        assert_eq!(price.of(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(Price::FREE.of(u64::MAX, u64::MAX), 0);
    }

    #[test]
    fn caps_that_cannot_be_meant_are_named() {
        let caps: Caps = serde_json::from_str(r#"{"turns": 7, "dollars": 0.25}"#).expect("caps");
        assert_eq!((caps.turns, caps.microusd), (Some(7), Some(250_000)));
        let json = serde_json::to_string(&caps).expect("JSON");
        assert_eq!(serde_json::from_str::<Caps>(&json).expect("the same"), caps);
        assert_eq!(caps.unusable(), None);
        let none: Caps = serde_json::from_str(r#"{"seconds": 0}"#).expect("caps");
        assert_eq!(none.unusable(), Some(("seconds", 0, 86_400)));
        for wrong in [
            r#"{"dollars": -1}"#,
            r#"{"dollars": 5000}"#,
            r#"{"turn": 7}"#,
        ] {
            assert!(serde_json::from_str::<Caps>(wrong).is_err(), "{wrong}");
        }
    }
}
