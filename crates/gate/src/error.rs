//! Why a commit could not be measured at all. What was measured and found bad is a measurement, not an error.

use std::path::PathBuf;

use alai_core::record::Captured;

/// A gate that could not do its work: nothing is known about the commit, so nothing may be concluded from it.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(
        "the path pattern `{glob}` is not a glob ({why}); write for example `src/**` or `docs/*.md`"
    )]
    BadGlob { glob: String, why: String },
    #[error("the box is not ready: {}", .0)]
    BoxRefused(Box<Refused>),
    #[error("{what} of the repository could not be read: {why}")]
    Repository { what: String, why: String },
    #[error("a fresh clone for {purpose} could not be made in {}: {why}; see that the folder is writable and has room", path.display())]
    Clone {
        purpose: String,
        path: PathBuf,
        why: String,
    },
    #[error("`{command}` could not be run in the cage: {why}")]
    Cage { command: String, why: String },
    #[error("measuring was cancelled")]
    Cancelled,
}

/// Why the tests of the untouched base cannot be used to judge a change, with what the runner said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub command: String,
    /// What went wrong, in one sentence.
    pub why: String,
    /// What a person can do.
    pub remedy: String,
    pub captured: Captured,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}` on the untouched base: {}. {}",
            self.command, self.why, self.remedy
        )
    }
}
