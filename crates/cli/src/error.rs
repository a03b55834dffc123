//! Errors as people see them: what we tried, on what, and what to do; and the exit codes that scripts see.

use std::process::ExitCode;

use alai_factory::{ConfigError, HomeError, OpError, OpErrorKind};
use alai_mission::MissionError;

/// Why the command ends with something else than 0. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed,
    Usage,
    NotFound,
    /// Needs set-up, login or configuration.
    NeedsSetup,
    /// A quality gate failed.
    Gate,
    /// Waiting for a person, or for a model to exist.
    Waiting,
    /// Stopped by a budget.
    Budget,
    /// The daemon cannot be reached.
    Unreachable,
    Interrupted,
}

impl Kind {
    pub(crate) fn code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::NotFound => 3,
            Kind::NeedsSetup => 4,
            Kind::Gate => 5,
            Kind::Waiting => 6,
            Kind::Budget => 7,
            Kind::Unreachable => 8,
            Kind::Interrupted => 130,
        }
    }
}

/// The end of a command that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
}

impl CliError {
    pub(crate) fn new(kind: Kind, message: impl ToString) -> CliError {
        CliError {
            kind,
            message: message.to_string(),
            hints: Vec::new(),
        }
    }

    pub(crate) fn hinted(mut self, hint: impl Into<String>) -> CliError {
        self.hints.push(hint.into());
        self
    }

    /// Prints itself to standard error and answers with its exit code.
    #[expect(clippy::print_stderr, reason = "this is where errors are printed")]
    pub(crate) fn report(&self) -> ExitCode {
        let word = if matches!(self.kind, Kind::Waiting | Kind::Budget) {
            "waiting"
        } else {
            "error"
        };
        eprintln!("{word}: {}", self.message);
        for hint in &self.hints {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(self.kind.code())
    }
}

impl From<OpError> for CliError {
    fn from(error: OpError) -> CliError {
        let kind = match error.kind {
            OpErrorKind::Failed => Kind::Failed,
            OpErrorKind::Usage => Kind::Usage,
            OpErrorKind::NotFound => Kind::NotFound,
            OpErrorKind::NeedsSetup => Kind::NeedsSetup,
            OpErrorKind::Waiting => Kind::Waiting,
        };
        CliError {
            kind,
            message: error.message,
            hints: error.hint.into_iter().collect(),
        }
    }
}

impl From<MissionError> for CliError {
    fn from(error: MissionError) -> CliError {
        if matches!(error, MissionError::Locked { .. }) {
            let hint =
                "another alai process works on this home; wait for it, or end it with `alai down`";
            return CliError::new(Kind::Failed, &error).hinted(hint);
        }
        CliError::from(OpError::from(error))
    }
}

impl From<HomeError> for CliError {
    fn from(error: HomeError) -> CliError {
        CliError::new(Kind::NeedsSetup, error)
            .hinted("choose another home with --home DIR or ALAI_HOME")
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> CliError {
        CliError::new(Kind::NeedsSetup, error)
    }
}
