//! Agents of others as engines of a step: Claude Code, Codex and whatever speaks the Agent Client Protocol do what our own
//! loop does elsewhere.
//!
//! Invariants, stated as absences: no program is started here (the caller does it, in a cage of its own), none of its words
//! is evidence, and none of its ends is an end before its whole process tree is gone.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use alai_core::money::{Tariff, Word};
use alai_core::record::Exit;
use alai_fleet::{ErrorClass, Usage};
use serde::{Deserialize, Serialize};

use crate::bridge::Bridge;

mod acp;
mod claim;
mod claude;
mod codex;
#[cfg(test)]
mod fuzz;
mod heard;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod judge;
mod lend;
mod lines;
mod order;
mod pump;
mod question;
mod session;
mod step;
mod verdict;

pub use order::{Version, oldest, version_in};
pub use question::{Question, answer};
pub(crate) use step::{ask, work};

/// Which protocol a program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// `claude -p --output-format stream-json`.
    ClaudeCli,
    /// `codex exec --json`.
    CodexCli,
    /// JSON-RPC on standard input and output, as the Agent Client Protocol has it.
    Acp,
}

impl Engine {
    pub const ALL: [Engine; 3] = [Engine::ClaudeCli, Engine::CodexCli, Engine::Acp];

    /// The word of `alai.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::ClaudeCli => "claude-cli",
            Engine::CodexCli => "codex-cli",
            Engine::Acp => "acp",
        }
    }

    pub fn parse(text: &str) -> Option<Engine> {
        Engine::ALL.into_iter().find(|e| e.as_str() == text)
    }
}

/// A program that does the agent steps of a run in the place of our own loop.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    pub engine: Engine,
    /// What the program is told to use; its own choice where there is none.
    pub model: Option<&'a str>,
    /// How it is paid: by the token where a key is configured, flat where its login is a subscription. `Unpriced` is refused.
    pub tariff: Tariff,
    /// Millionths of a dollar that all its sessions of this run may cost together; it is told nine tenths of what is left. Where
    /// there is none, the run's own limit counts for what is paid by the token.
    pub budget_microusd: Option<u64>,
    /// Where a key is put in by the proxy: how the program reaches its provider. None where it uses its login.
    pub door: Option<Door<'a>>,
    /// Arguments that a person configured (`acp`); they come first.
    pub args: &'a [String],
    /// The clone, as the program sees it: an absolute path.
    pub folder: &'a str,
    /// The program's own writable folder, as it sees it: `CLAUDE_CONFIG_DIR`, `CODEX_HOME`.
    pub config: &'a str,
    pub patience: Patience,
    /// How it reaches what its run lends it; it is lent nothing where there is none.
    pub bridge: Option<Bridge<'a>>,
    /// Starts the program. An error says why it could not be and what to do; it is infrastructure.
    pub start: &'a dyn Fn(&Launch) -> Result<Started, String>,
}

/// A provider behind a proxy that puts in the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door<'a> {
    /// On the program's own loopback, without the version of its routes: `http://127.0.0.1:PORT`.
    pub base_url: &'a str,
    /// What stands where the key would.
    pub placeholder: &'a str,
}

/// How long a program may be silent, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From its start to its first word.
    pub start_s: u64,
    /// Between two words: more than a command of the run may take.
    pub idle_s: u64,
    /// After its result, before it is ended.
    pub grace_s: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            // The slowest of the field takes four seconds on a quiet machine (mini-swe-agent); a cage and a proxy come before it.
            start_s: 120,
            // The longest command takes ten minutes, and a provider's first token may take another five.
            idle_s: 900,
            // Claude Code may hang behind its result (anthropics/claude-code#25629); it ends shells of its own after 5 s.
            grace_s: 10,
        }
    }
}

/// What a program is started with, beside its own path. Nothing is inherited but what the cage gives, of which
/// [`Launch::strips`] names what must not stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Names and contents of files that must stand in [`Program::config`] when it starts: Codex reads a schema from a file.
    pub files: Vec<(String, String)>,
    pub stdin: Stdin,
    /// Whether the socket of [`Program::bridge`] must be there, and its other end in [`Started::lent`].
    pub lends: bool,
}

impl Launch {
    /// Whether a variable that is there already would change what the program does: an inherited `CLAUDECODE` makes Claude Code
    /// think that it runs within itself, and a key or address of another provider would be used in the place of ours.
    pub fn strips(name: &str) -> bool {
        const PREFIXES: [&str; 6] = [
            "CLAUDE",
            "ANTHROPIC_",
            "CODEX_",
            "OPENAI_",
            "BASH_",
            "NODE_OPTIONS",
        ];
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// A program's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    /// `/dev/null`: both CLIs wait for the end of an open one (anthropics/claude-code#73373).
    Closed,
    Open,
}

/// A program that runs.
pub struct Started {
    pub stdout: Box<dyn Read + Send>,
    pub stderr: Box<dyn Read + Send>,
    /// Where [`Stdin::Open`] was asked for.
    pub stdin: Option<Box<dyn Write + Send>>,
    /// Where [`Launch::lends`] asked for it.
    pub lent: Option<UnixListener>,
    /// Ends the program with everything that it started, wherever that has gone, and tells how the program ended: by itself, if
    /// it had before, for which one whose output is over gets a moment. When it returns nothing writes to the two outputs any more.
    pub end: Box<dyn FnOnce() -> Result<Exit, String> + Send>,
}

/// What one session of a program came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub step: String,
    pub engine: Engine,
    /// Of the program, as it says itself; empty where it does not.
    pub version: String,
    /// The program's own name for the session.
    pub id: String,
    /// The model that answered, as the program says, or what it was told to use.
    pub model: String,
    pub outcome: Outcome,
    pub turns: u32,
    pub usage: Usage,
    /// Millionths of a dollar; none where nobody can say.
    pub cost_microusd: Option<u64>,
    /// How that is known.
    pub cost_word: Option<Word>,
    /// Millionths of a dollar at which it was told to end; none where nothing bounds it. Where nobody can say what it cost, the
    /// sessions after it have so much less.
    #[serde(default)]
    pub told_microusd: Option<u64>,
    /// Whether its provider turned it away: by a status of its own, or before the run's agent had done anything. What else sounds
    /// like that may be a word of the work, and was paid for.
    #[serde(default)]
    pub turned_away: bool,
    /// What it was not allowed to do, each in a few words.
    pub denials: Vec<String>,
    pub duration_ms: u64,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It says that it is done: a claim.
    Done,
    /// It, or its provider, failed; the class says whose fault that is.
    Failed {
        class: ErrorClass,
        detail: String,
    },
    /// It ended without its result.
    Cut {
        detail: String,
    },
    /// It said nothing for so long.
    Hung {
        after_s: u64,
    },
    OverBudget,
    /// It took all the turns that it had.
    TurnsSpent,
    /// It does not speak its protocol, or more than can be read.
    Malformed {
        detail: String,
    },
    TimedOut,
    Cancelled,
}

impl Outcome {
    /// The stored word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed { .. } => "failed",
            Outcome::Cut { .. } => "cut",
            Outcome::Hung { .. } => "hung",
            Outcome::OverBudget => "over_budget",
            Outcome::TurnsSpent => "turns_spent",
            Outcome::Malformed { .. } => "malformed",
            Outcome::TimedOut => "timed_out",
            Outcome::Cancelled => "cancelled",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Outcome::Failed { class, detail } => write!(f, " ({class}): {detail}"),
            Outcome::Cut { detail } | Outcome::Malformed { detail } => write!(f, ": {detail}"),
            Outcome::Hung { after_s } => write!(f, " for {after_s} s"),
            Outcome::Done
            | Outcome::OverBudget
            | Outcome::TurnsSpent
            | Outcome::TimedOut
            | Outcome::Cancelled => Ok(()),
        }
    }
}
