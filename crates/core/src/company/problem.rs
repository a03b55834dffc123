//! Why a pack cannot be used: which pack, which file, which line, and the way out.

use std::fmt;

use crate::blueprint::BlueprintError;

/// A place in a file, from 1; zeros stand for the file as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct At {
    pub line: u64,
    pub column: u64,
}

impl At {
    pub(crate) const NOWHERE: At = At { line: 0, column: 0 };

    /// The beginning of a line, counted from 0.
    pub(crate) fn line(index: usize) -> At {
        At {
            line: u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1),
            column: 1,
        }
    }
}

/// As it stands behind a file's name: `:9:5`, or nothing.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => Ok(()),
            line => write!(f, ":{line}:{}", self.column),
        }
    }
}

impl From<serde_saphyr::Location> for At {
    fn from(place: serde_saphyr::Location) -> At {
        At {
            line: place.line(),
            column: place.column(),
        }
    }
}

/// Why a pack cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompanyError {
    #[error("the pack `{pack}` has no {file}; every pack needs it")]
    Missing { pack: String, file: String },
    #[error("{pack}/{file} is {bytes} bytes; at most {max} are read")]
    TooLarge {
        pack: String,
        file: String,
        bytes: usize,
        max: usize,
    },
    #[error("{pack}/{file}{at}: unknown key `{key}`; {hint}")]
    UnknownKey {
        pack: String,
        file: String,
        at: At,
        key: String,
        hint: String,
    },
    #[error("{pack}/{file}{at}: {problem}")]
    Invalid {
        pack: String,
        file: String,
        at: At,
        problem: String,
    },
    /// The source names the file and the place.
    #[error("the pack `{pack}` has a blueprint that cannot be read: {source}")]
    Blueprint {
        pack: String,
        source: BlueprintError,
    },
    #[error("no company is called `{name}`; {hint}")]
    Unknown { name: String, hint: String },
    #[error(
        "{second}/company.json{at}: `{name}` names {first} already; a name belongs to one company"
    )]
    TwoOwners {
        name: String,
        first: String,
        second: String,
        at: At,
    },
    #[error(
        "{second}/company.json{at}: {first} is the default of stage {stage} already; one can be"
    )]
    TwoDefaults {
        stage: &'static str,
        first: String,
        second: String,
        at: At,
    },
}
