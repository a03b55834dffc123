//! Company packs between factories: one archive out, one in, and a new pack from nothing.
//!
//! Invariants, stated as absences: nothing of an archive is on the disk before all of it was judged; no file of it is ever run,
//! linked or made executable; no moment at which a pack is half old and half new; no secret in an archive.

mod blank;
mod bring;
mod clean;
mod pack;
mod rename;
mod unpack;

use std::path::PathBuf;

use alai_core::company::CompanyError;
use alai_workspace::files::FileError;

use crate::packs::PacksError;

pub use blank::blank;
pub use bring::{Coming, FileChange, bring_in, weigh};
pub use clean::Replaced;
pub(crate) use clean::secret;
pub use pack::{Exported, export};
pub use rename::renamed;
pub use unpack::{ARCHIVE_BYTES_MAX, Parcel, unpack};

/// Why a pack did not come in or go out.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The archive is not what an honest one is; `why` names the entry.
    #[error("the archive is refused: {why}")]
    Archive { why: String },
    #[error("{file}:{line} holds {what}; a pack holds no secrets")]
    Secret {
        file: String,
        line: usize,
        what: String,
    },
    /// A file of the pack cannot be in an archive.
    #[error("{file} cannot be exported: {why}")]
    File { file: String, why: String },
    /// All that is wrong with it.
    #[error("the pack is refused: {}", lines(.0))]
    Invalid(Vec<CompanyError>),
    /// It is whole, and cannot stand beside the others of the home.
    #[error("the pack is refused: {0}")]
    Misfit(#[source] PacksError),
    /// The home's own packs cannot be read, so nothing can be compared with them.
    #[error(transparent)]
    Home(PacksError),
    #[error("`{name}` cannot name a company: {why}")]
    Name { name: String, why: &'static str },
    #[error("there is a company `{name}` already")]
    Exists { name: String },
    #[error("{name} was changed while you looked at what the import would do")]
    ChangedMeanwhile { name: String },
    /// What it writes could be swapped for links while it is copied.
    #[error("a lead of {name} is at work, and its notes cannot be kept meanwhile")]
    AtWork { name: String },
    /// The new pack is there, and a loss of power may bring the old one back. `old` has what was there before.
    #[error(
        "the new pack is in place, but that is not safely on the disk ({source}); what was there before is kept in {old:?}"
    )]
    NotSynced {
        old: PathBuf,
        #[source]
        source: FileError,
    },
    #[error(transparent)]
    Disk(#[from] FileError),
}

impl ExchangeError {
    fn archive(why: impl Into<String>) -> ExchangeError {
        ExchangeError::Archive { why: why.into() }
    }
}

fn lines(problems: &[CompanyError]) -> String {
    let lines: Vec<String> = problems.iter().map(CompanyError::to_string).collect();
    lines.join("\n")
}
