//! Proves the box: the tests of the untouched base run once before anything is built, so that what is red already is known by
//! name, and a project whose tests cannot run is refused before a token is spent.

use std::path::Path;

use alai_core::record::Captured;
use alai_workspace::command::Cancel;
use alai_workspace::git::{Oid, Repo};
use alai_workspace::setup::Prepared;
use alai_workspace::toolchains::Toolchains;

use crate::census::{self, Census};
use crate::error::{GateError, Refused};
use crate::runs;
use crate::stage::Stage;

/// The tests of the untouched base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub census: Census,
    pub captured: Captured,
}

impl Base {
    /// Ids of the tests that are red on the base. Empty also when the runner names none: then see `census.exit`.
    pub fn red(&self) -> Vec<String> {
        self.census.red().into_iter().map(str::to_owned).collect()
    }
}

/// How to run the tests of a base.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The set-up of the base.
    pub prepared: &'a Prepared,
    pub toolchains: &'a Toolchains,
    /// A line for `sh -c` at the top of the tree.
    pub test_command: &'a str,
    /// A folder of the caller's that only we may enter; clones are made in it and removed.
    pub scratch: &'a Path,
    /// Seconds that the command may take.
    pub command_s: u64,
}

/// Runs the tests of a commit in a fresh clone, in the cage, without a network.
///
/// # Errors
/// [`GateError::BoxRefused`] with the output and a remedy when the command cannot begin: a missing program, a base that does
/// not build, a runner that is not in the set-up, a limit passed. Red tests are no error.
pub fn base(
    repo: &Repo,
    base: &Oid,
    with: &Ground<'_>,
    cancel: &Cancel,
) -> Result<Base, GateError> {
    let stage = Stage::new(repo, with.toolchains, with.scratch, with.command_s, cancel);
    let room = stage.room("the tests of the base", base, with.prepared)?;
    let captured = stage.run(&room, with.test_command)?;
    let census = census::read(&captured);
    match runs::unable(&captured, &census) {
        None => Ok(Base { census, captured }),
        Some(unable) => Err(GateError::BoxRefused(Box::new(Refused {
            command: with.test_command.to_owned(),
            why: format!("{}: {}", unable.why, runs::tail(&captured)),
            remedy: format!("To go on, {}", unable.remedy),
            captured,
        }))),
    }
}
