//! The signed statement: in-toto Statement v1 with our own predicate.

use std::collections::BTreeMap;

use alai_core::brief::Role;
use alai_core::cage::Promise;
use alai_core::ids::{Epoch, RunId, TaskId};
use alai_core::mode::Mode;
use alai_core::qa::{Measurement, Outcome, Policy};
use alai_core::record::CommandRecord;
use alai_core::task::TaskKind;
use serde::{Deserialize, Serialize};

/// The type of an in-toto statement, version 1 of its specification.
pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The name of our predicate. It is a name and no address.
pub const PREDICATE_TYPE: &str = "https://alai.dev/evidence/v1";

/// A statement about one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P = Predicate> {
    #[serde(rename = "_type")]
    pub kind: String,
    pub subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    pub predicate: P,
}

/// What a statement is about: the commit, and the tree it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    pub name: String,
    pub digest: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    pub about: About,
    /// The layers of each cage that held a command, without repetition.
    pub cage: Vec<String>,
    /// What every one of those cages promised, and the layers that kept it. Packages of before it was written have none.
    #[serde(default)]
    pub promises: Vec<Promise>,
    pub commands: Vec<CommandEntry>,
    pub outcome: Outcome,
    /// All nineteen, in order.
    pub checks: Vec<Measurement>,
    /// What the outcome was judged by; none for a short table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Policy>>,
    /// Every file of the package except the envelope itself.
    pub artifacts: Vec<Artifact>,
}

/// Which run the evidence is of. Filled by the factory, not by the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    pub run: RunId,
    pub epoch: Epoch,
    pub task: TaskId,
    pub kind: TaskKind,
    pub company: String,
    pub role: Role,
    /// The model as its server names it.
    pub model: String,
    pub mode: Mode,
    /// Full hex of the commit that the run began from.
    pub base: String,
    /// Full hex of the commit that was measured.
    pub head: String,
    /// Hex SHA-256 over mode, object and path of every file of the head (see `tree_digest`).
    pub tree_sha256: String,
    pub usage: Usage,
    /// When the gate wrote this down, in milliseconds since the Unix epoch.
    pub recorded_ms: i64,
}

/// What the run used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Millionths of a US dollar.
    pub cost_microusd: u64,
    pub duration_ms: u64,
}

/// One program that the gate or the run started, with where its output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandEntry {
    pub record: CommandRecord,
    pub stdout: Kept,
    pub stderr: Kept,
}

/// What is kept of one stream. The record holds the hash of all that was written; this one is of what is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Hex SHA-256 of the kept text, and its name under `blobs/`.
    pub sha256: String,
    pub bytes: u64,
    /// Whether the kept text is all that was written, byte by byte: false when the middle was left out, a secret was
    /// blackened, or the program wrote something that is no UTF-8.
    pub whole: bool,
}

/// One file of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// `/`-separated, from the top of the package.
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
}

impl Statement {
    pub(super) fn new(predicate: Predicate) -> Statement {
        Statement::of(&predicate.about.clone(), PREDICATE_TYPE, predicate)
    }
}

impl<P> Statement<P> {
    /// A statement about the commit and the tree that were measured.
    pub(super) fn of(about: &About, predicate_type: &str, predicate: P) -> Statement<P> {
        let digest =
            |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let subject = vec![
            Subject {
                name: "commit".into(),
                digest: digest("gitCommit", &about.head),
            },
            Subject {
                name: "tree".into(),
                digest: digest("sha256", &about.tree_sha256),
            },
        ];
        Statement {
            kind: STATEMENT_TYPE.into(),
            subject,
            predicate_type: predicate_type.into(),
            predicate,
        }
    }
}
