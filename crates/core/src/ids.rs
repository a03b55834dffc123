//! Names of things: tasks are small integers a person can type, runs are UUIDv7 that sort by time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A task's number, shown as `#4001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub i64);

/// A project's number. People name projects by path or name; rows point at them by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(pub i64);

/// One run of one task, a UUIDv7 in its hyphenated lower-case form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

/// How often a task has been claimed. Raised by one at each claim; every later write of the run carries it and is refused
/// when it is not the task's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

impl RunId {
    /// The last twelve characters: unique enough to read, and what branch and folder names carry. The random part of a
    /// UUIDv7 is its end; its beginning is the clock.
    pub fn short(&self) -> &str {
        let start = self.0.len().saturating_sub(12);
        self.0.get(start..).unwrap_or(&self.0)
    }

    /// When it was given, in milliseconds since 1970: the first 48 bits of a UUIDv7 (RFC 9562, 5.7). None for anything else.
    pub fn given_ms(&self) -> Option<i64> {
        let (first, rest) = self.0.split_once('-')?;
        let (second, rest) = rest.split_once('-')?;
        if (first.len(), second.len()) != (8, 4) || !rest.starts_with('7') {
            return None;
        }
        i64::from_str_radix(&format!("{first}{second}"), 16).ok()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A task number that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a task number (a positive whole number such as 4001 or #4001)")]
pub struct NotATask(pub String);

impl FromStr for TaskId {
    type Err = NotATask;

    fn from_str(text: &str) -> Result<Self, NotATask> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        match digits.parse::<i64>() {
            Ok(number) if number > 0 => Ok(TaskId(number)),
            Ok(_) | Err(_) => Err(NotATask(text.to_owned())),
        }
    }
}
