//! What the trusted side and the hand say to each other: one JSON object per line, each way.
//!
//! The hand runs as the agent's user inside the cage, so its replies are claims of a process that a hostile program might
//! have harmed: every line is bounded, unknown fields and unknown ids are refused, and nothing here names a path outside.

use alai_core::record::Exit;
use serde::{Deserialize, Serialize};

use crate::patch::Change;

/// Both sides must speak the same; a launcher of another version is refused at the first exchange.
pub(crate) const PROTOCOL: &str = "alai-hand-6";

/// A request line: the largest file `write` takes, each byte escaped to six, and room for the rest.
pub(crate) const REQUEST_BYTES_MAX: usize = 2 << 20;
/// A reply line: the map of a large repository is the longest answer.
pub(crate) const REPLY_BYTES_MAX: usize = 4 << 20;

/// A file that `write` or `edit` leaves behind; larger ones are runaway output, not source.
pub(crate) const WRITE_BYTES_MAX: usize = 256 << 10;
/// A file that `read`, `edit` and `search` open.
pub(crate) const FILE_BYTES_MAX: u64 = 8 << 20;
/// `read`: lines and bytes of one answer, small enough for a 32k context.
pub(crate) const READ_LINES_MAX: u32 = 400;
pub(crate) const READ_BYTES_MAX: usize = 16 << 10;
/// `head`: bytes of one answer. What a model is shown of it is cut by who asks; a file that is held to a schema is read whole, and
/// with two bytes for each of its marks it fits into a reply.
pub(crate) const HEAD_BYTES_MAX: usize = 1 << 20;
/// `read` and `search` cut a line here; minified files would fill the answer with one.
pub(crate) const LINE_BYTES_MAX: usize = 500;
/// `search`: hits of one answer.
pub(crate) const HITS_MAX: usize = 50;
/// `run`: bytes kept of the head and of the tail of each stream (mini-swe-agent's figure).
pub(crate) const OUTPUT_END_BYTES: usize = 5_000;
/// `run`: a program that writes more is ended; `yes` writes this in a second.
pub(crate) const OUTPUT_BYTES_MAX: u64 = 256 << 20;
/// `output`: bytes of one part; twice as many characters, well below the reply limit.
pub(crate) const OUTPUT_PART_BYTES: usize = 1 << 20;
/// `map`: bytes of the task that definitions are chosen by.
pub(crate) const ABOUT_BYTES_MAX: usize = 8 << 10;
/// `map`: files listed.
pub(crate) const MAP_FILES_MAX: usize = 20_000;
/// `map`: bytes of all listed paths together, well below the reply limit when escaped.
pub(crate) const MAP_BYTES_MAX: usize = 1 << 20;
/// `scan`: changed paths named in the answer.
pub(crate) const CHANGED_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub id: u64,
    pub op: Op,
}

/// One thing to do. Paths are relative to the repository; the hand opens nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Op {
    Hello {
        protocol: String,
    },
    Read {
        path: String,
        /// First line, from 1.
        offset: Option<u32>,
        limit: Option<u32>,
    },
    /// The first bytes of a file, as they are.
    Head {
        path: String,
        bytes_max: usize,
    },
    Search {
        pattern: String,
        path: Option<String>,
        glob: Option<String>,
    },
    Edit {
        path: String,
        old: String,
        new: String,
        all: bool,
    },
    Write {
        path: String,
        content: String,
        /// Whether an existing file may be replaced: the caller knows that it was read.
        replace: bool,
    },
    /// All changes or none.
    Patch {
        changes: Vec<Change>,
        /// The files among them that the agent has read: they may be written anew.
        known: Vec<String>,
    },
    Run {
        command: String,
        /// Variables beside those that every command has.
        env: Vec<(String, String)>,
        timeout_s: u64,
    },
    /// Commits everything that changed.
    Commit {
        message: String,
        author_name: String,
        author_mail: String,
        /// The summary of the answer is the change since this commit.
        base: String,
    },
    /// A file as it is in a commit, whatever the tree has made of it.
    Show {
        commit: String,
        path: String,
        bytes_max: usize,
    },
    /// State of the tree by the hand's own walk: names, modes and contents, never by git.
    Scan,
    /// The same, and what differs from it is remembered from now on.
    Mark,
    /// The same, and what differs from the mark.
    SinceMark,
    /// `about` is what the task says, by which it is chosen whose definitions are looked at.
    Map {
        about: String,
    },
    Stat {
        path: String,
    },
    /// A part of the whole output of the last command, where some of it was left out.
    Output {
        offset: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    pub id: u64,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok(Done),
    Refused(Refusal),
}

/// Why the hand did not do it, in words for the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
#[error("{message}")]
pub struct Refusal {
    pub kind: RefusalKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The path leads out of the repository, or is not a path.
    Outside,
    Missing,
    /// A directory, a pipe, a device, a symbolic link to write through.
    NotAFile,
    Binary,
    TooLarge,
    /// `edit` or a patch did not find the passage, or found it more than once.
    NoMatch,
    /// `write` met a file that was not read.
    Unread,
    /// The change would add syntax errors.
    Syntax,
    BadPattern,
    /// The operating system said no.
    System,
    /// git could not do it.
    Git,
    /// Something that the command started could not be ended; the hand gives up.
    Unkillable,
    /// The request itself is not one.
    Protocol,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        Refusal {
            kind,
            message: message.into(),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Done {
    Hello {
        protocol: String,
        uid: u32,
    },
    Read {
        text: String,
    },
    Head {
        text: String,
        cut: bool,
    },
    Search {
        text: String,
    },
    Edit {
        note: String,
        bytes_written: u64,
    },
    Write {
        note: String,
        bytes_written: u64,
    },
    Patch {
        note: String,
        bytes_written: u64,
    },
    Run {
        ran: Box<Ran>,
    },
    /// `commit` is HEAD afterwards; `made` says whether this request made it.
    Commit {
        commit: String,
        made: bool,
        summary: String,
    },
    Show {
        text: Option<String>,
        cut: bool,
    },
    Scan {
        state: String,
        changed: Vec<String>,
        more: u64,
    },
    Map {
        files: Vec<MapFile>,
        more: u64,
    },
    Stat {
        lines: Option<u64>,
        bytes: u64,
    },
    /// Empty at the end.
    Output {
        hex: String,
    },
}

/// A command that ran, as the hand saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ran {
    pub exit: Exit,
    pub started_ms: i64,
    pub duration_ms: i64,
    pub stdout: Stream,
    pub stderr: Stream,
    /// Where the whole output is, inside the cage; none when nothing was left out or the space for logs is spent.
    pub log: Option<String>,
}

/// One output stream: its ends, and the measure of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    pub text: String,
    pub bytes: u64,
    pub sha256: String,
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapFile {
    pub path: String,
    pub bytes: u64,
    /// What is defined in it, in its order, where the hand reads its language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<Symbol>,
}

/// One definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symbol {
    pub kind: SymbolKind,
    pub name: String,
    /// From 1.
    pub line: u32,
    /// How often the name stands in the files looked at, beside this definition.
    pub named: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolKind {
    Function,
    Type,
    Class,
}

impl SymbolKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SymbolKind::Function => "fn",
            SymbolKind::Type => "type",
            SymbolKind::Class => "class",
        }
    }
}
