//! What the factory saw with its own eyes: one record per program that it started.
//!
//! Evidence is captured by us, not told by the model: these values are filled by `workspace`, which starts
//! the programs, and by nobody else.

use serde::{Deserialize, Serialize};

/// One program that ran inside a cage, with what it left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// The program and its arguments, as they were executed inside the cage.
    pub argv: Vec<String>,
    /// The working directory inside the cage.
    pub cwd: String,
    pub exit: Exit,
    /// Milliseconds since the Unix epoch.
    pub started_ms: i64,
    pub duration_ms: i64,
    /// Hex SHA-256 of everything the program wrote, also of what `stdout` and `stderr` of [`Captured`] leave out.
    pub stdout_sha256: String,
    pub stderr_sha256: String,
    pub stdout_bytes: u64,
    pub stderr_bytes: u64,
    /// The layers of the cage that held the program, for example `["bwrap", "landlock:7", "seccomp", "uid:64001"]`.
    pub cage: Vec<String>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Exit {
    /// It exited by itself with this code.
    Code { code: i32 },
    /// A signal ended it.
    Signal { signal: i32 },
    /// It passed its wall-clock limit and was ended with everything it had started.
    TimedOut { after_s: u64 },
    /// Somebody asked for the run to end (`minion stop`, a shutdown, a lost lease).
    Cancelled,
    /// It wrote more than it may and was ended.
    TooMuchOutput { limit_bytes: u64 },
    /// It and everything it had started together used more of the machine than they may, and were ended.
    OverLimit { limit: Limit, max: u64 },
}

/// What a cage counts over all its programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Bytes in memory.
    Memory,
    /// Bytes in the folders that it may write to.
    Disk,
    /// Files and folders in them.
    Files,
    /// Milliseconds that counting may take: it held more processes, open files and mappings than that.
    Uncounted,
}

impl Exit {
    pub fn success(self) -> bool {
        self == Exit::Code { code: 0 }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code { code } => write!(f, "exit {code}"),
            Exit::Signal { signal } => write!(f, "ended by signal {signal}"),
            Exit::TimedOut { after_s } => write!(f, "timed out after {after_s} s"),
            Exit::Cancelled => f.write_str("cancelled"),
            Exit::TooMuchOutput { limit_bytes } => write!(f, "wrote more than {limit_bytes} bytes"),
            Exit::OverLimit { limit, max } => match limit {
                Limit::Memory => write!(f, "used more than {max} bytes of memory"),
                Limit::Disk => write!(f, "wrote more than {max} bytes to its folders"),
                Limit::Files => write!(f, "made more than {max} files in its folders"),
                Limit::Uncounted => write!(
                    f,
                    "held more processes, open files and mappings than can be counted in {max} ms"
                ),
            },
        }
    }
}

/// A record together with the output that was kept: all of it up to the limit, else its head and tail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    pub record: CommandRecord,
    pub stdout: String,
    pub stderr: String,
    /// True when the middle of one of the two was left out.
    pub truncated: bool,
}

impl Captured {
    pub fn success(&self) -> bool {
        self.record.exit.success()
    }

    /// Standard output followed by standard error: what a person at a terminal would have read, for messages.
    pub fn combined(&self) -> String {
        match (self.stdout.is_empty(), self.stderr.is_empty()) {
            (true, _) => self.stderr.clone(),
            (_, true) => self.stdout.clone(),
            (false, false) => format!("{}\n{}", self.stdout.trim_end(), self.stderr),
        }
    }
}
