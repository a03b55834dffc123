//! What can go wrong in the store, in words that say what to do.

use std::path::PathBuf;

use alai_core::ids::{Epoch, RunId, TaskId};
use alai_core::lifecycle::Refused;

use crate::words::WORDS_MAX;

/// An error of the store. Nothing was changed, except where the text says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum MissionError {
    #[error("task {0} does not exist")]
    NoTask(TaskId),
    #[error("there is no run `{0}`")]
    NoRun(String),
    #[error("run {run} has ended: {how}")]
    RunEnded {
        run: RunId,
        task: TaskId,
        how: String,
    },
    #[error("run {0} was told {WORDS_MAX} words already, which is as many as one run takes")]
    WordsMax(RunId),
    #[error("the session of {0} takes no more from whoever said so much")]
    SessionFull(TaskId),
    #[error("project `{0}` is not known")]
    NoProject(String),
    #[error("the project `{name}` is already registered for {path}")]
    ProjectExists { name: String, path: PathBuf },
    #[error("the schedule `{0}` does not exist")]
    NoSchedule(String),
    #[error("there is a schedule `{0}` already")]
    ScheduleExists(String),
    #[error("cannot change task {task}: {refused}")]
    Refused { task: TaskId, refused: Refused },
    #[error("cannot take {task} up again: {instead} stands in its place")]
    Replaced { task: TaskId, instead: TaskId },
    /// Another end has changed what bounds it. Nothing was changed: decide again by what the rows say now.
    #[error("{task} is not planned anew by counts that have changed meanwhile")]
    Outrun { task: TaskId },
    #[error("{task} is being taken back by {by} already")]
    Reverting { task: TaskId, by: TaskId },
    /// The lease was lost or the task was taken over. The run must stop at once; nothing it says counts any more.
    #[error("run {run} has lost task {task}: epoch {} is not the task's own any more", epoch.0)]
    Stale {
        run: RunId,
        task: TaskId,
        epoch: Epoch,
    },
    #[error("cannot take task {task}: {worker} holds it until {}", alai_core::time::utc(*until_ms))]
    Leased {
        task: TaskId,
        worker: String,
        /// Milliseconds since the Unix epoch.
        until_ms: i64,
    },
    #[error("cannot take task {task}: it needs {needs} first")]
    Unmet { task: TaskId, needs: TaskId },
    #[error("the key `{key}` was used before for another request; use a new one")]
    IdempotencyConflict { key: String },
    #[error("task {task} cannot need {needs}: they would wait for each other")]
    Cycle { task: TaskId, needs: TaskId },
    #[error("{path} is in use by another alai process (pid {pid})")]
    Locked { path: PathBuf, pid: String },
    #[error(
        "{path} was written by a newer alai (schema {found}, this one knows {known}); update alai, the file is untouched"
    )]
    NewerSchema {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error(
        "{path} cannot be brought to schema {number}: {why}; it stays as it was. Restore a backup, or report this"
    )]
    Migration {
        path: PathBuf,
        number: i64,
        why: String,
    },
    #[error(
        "this build has SQLite {found}; at least 3.51.3 is needed (a corruption bug in older ones)"
    )]
    OldSqlite { found: String },
    #[error("{path} can be read by other users (mode {mode:o}); run `chmod 600 {path}`", path = path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("the disk is full; nothing was changed. Free some space and run it again")]
    DiskFull,
    #[error(
        "another program holds the store's file; nothing was changed. Find it with `lsof` and end it, then run it again"
    )]
    Busy,
    /// The answer is unknown: the disk failed in the middle of a commit.
    #[error(
        "the disk failed during a commit ({0}); whether it was written is unknown. Restart alai, it checks the store"
    )]
    Unknown(String),
    #[error("the store is closed after a disk failure; restart alai")]
    Poisoned,
    #[error("cannot {doing} {path}: {source}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is no backup of a store: {why}")]
    NotABackup { path: PathBuf, why: String },
    #[error("an import needs an empty store, and this one has rows in `{table}`; use a new home")]
    NotEmpty { table: &'static str },
    #[error("what is imported is no sound store ({invariant}: {rows}); nothing was changed")]
    Broken {
        invariant: &'static str,
        rows: String,
    },
    #[error(
        "{path} is not sound ({invariant}: {rows}); nothing was written. `alai mc fsck` shows all of it, `alai mc restore` puts a backup in its place"
    )]
    Unsound {
        path: PathBuf,
        invariant: &'static str,
        rows: String,
    },
    #[error("line {line} cannot be imported: {why}; nothing was changed")]
    Import { line: usize, why: String },
    /// A call is made once: what it cost is in the ledger, or is unknown.
    #[error("call {call} of run {run} was made already")]
    CallMade { run: RunId, call: u32 },
    #[error("there is no call {run}/{call} of which it is unknown what it cost")]
    NoUnknownCall { run: RunId, call: u32 },
    #[error("the store answered: {0}")]
    Engine(EngineError),
    #[error("row of {table} cannot be read: {why}")]
    Row { table: &'static str, why: String },
}

/// What the database under the store says; which one that is, nobody outside this room knows.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub(crate) rusqlite::Error);

impl From<rusqlite::Error> for MissionError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => MissionError::DiskFull,
            _ => MissionError::Engine(EngineError(error)),
        }
    }
}

impl MissionError {
    /// Whether what was decided is to be decided once more, because the rows it was decided by have changed.
    pub fn is_outrun(&self) -> bool {
        matches!(self, MissionError::Outrun { .. })
    }

    /// Whether the run that got it has lost its task.
    pub fn is_stale(&self) -> bool {
        matches!(self, MissionError::Stale { .. })
    }
}
