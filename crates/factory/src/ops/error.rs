//! Why a request was refused, in words and by kind.

use alai_core::task;
use alai_mission::MissionError;
use serde::{Deserialize, Serialize};

/// Why not, with what to do. Crosses the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct OpError {
    pub kind: OpErrorKind,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpErrorKind {
    Failed,
    Usage,
    NotFound,
    NeedsSetup,
    /// Somebody or something must act first.
    Waiting,
}

impl OpError {
    pub fn new(kind: OpErrorKind, message: impl ToString, hint: &str) -> OpError {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        OpError {
            kind,
            message: message.to_string(),
            hint,
        }
    }
}

impl From<MissionError> for OpError {
    fn from(error: MissionError) -> OpError {
        if let MissionError::RunEnded { task, .. } = &error {
            let hint = format!(
                "`alai mc retry {0} \"TEXT\"` gives it to the next run where the task can have one, `alai mc note {0} \"TEXT\"` \
                 keeps it in the task's history",
                task.0
            );
            return OpError::new(OpErrorKind::Failed, &error, &hint);
        }
        let (kind, hint) = match &error {
            MissionError::NoUnknownCall { .. } => (
                OpErrorKind::NotFound,
                "`alai fleet cost` names the calls of which it is unknown",
            ),
            MissionError::NoRun(_) => (OpErrorKind::NotFound, "`alai minion list` shows the runs"),
            MissionError::WordsMax(_) => (
                OpErrorKind::Usage,
                "`alai minion stop RUN`, then `alai mc retry ID` with all that it shall know",
            ),
            MissionError::SessionFull(_) => (
                OpErrorKind::Usage,
                "`alai session read ID` shows what was said; more belongs to a task of its own",
            ),
            MissionError::NoTask(_) => (
                OpErrorKind::NotFound,
                "`alai mc list --all` shows every task",
            ),
            MissionError::NoProject(_) => (
                OpErrorKind::NotFound,
                "`alai project list` shows the projects",
            ),
            MissionError::NoSchedule(_) => (
                OpErrorKind::NotFound,
                "`alai mc schedule list` shows the schedules",
            ),
            MissionError::ScheduleExists(_) => (
                OpErrorKind::Usage,
                "`alai mc schedule remove NAME`, then add it again",
            ),
            MissionError::ProjectExists { .. } => {
                (OpErrorKind::Usage, "`alai project set` changes a project")
            }
            MissionError::Refused { .. }
            | MissionError::Replaced { .. }
            | MissionError::Reverting { .. }
            | MissionError::Leased { .. }
            | MissionError::Unmet { .. } => (
                OpErrorKind::Failed,
                "`alai why ID` says where the task stands",
            ),
            MissionError::Cycle { .. } | MissionError::IdempotencyConflict { .. } => {
                (OpErrorKind::Usage, "")
            }
            MissionError::NewerSchema { .. }
            | MissionError::Migration { .. }
            | MissionError::OldSqlite { .. }
            | MissionError::Permissions { .. } => (OpErrorKind::NeedsSetup, ""),
            MissionError::CallMade { .. }
            | MissionError::Outrun { .. }
            | MissionError::Stale { .. }
            | MissionError::Locked { .. }
            | MissionError::DiskFull
            | MissionError::Busy
            | MissionError::Unknown(_)
            | MissionError::Poisoned
            | MissionError::Io { .. }
            | MissionError::Engine(_)
            | MissionError::NotABackup { .. }
            | MissionError::NotEmpty { .. }
            | MissionError::Import { .. }
            | MissionError::Broken { .. }
            | MissionError::Unsound { .. }
            | MissionError::Row { .. }
            | MissionError::RunEnded { .. } => (OpErrorKind::Failed, ""),
        };
        OpError::new(kind, error, hint)
    }
}

impl From<task::TextRefused> for OpError {
    fn from(error: task::TextRefused) -> OpError {
        OpError::new(OpErrorKind::Usage, error, "")
    }
}
