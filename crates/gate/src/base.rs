//! Proves the box: the tests of the untouched base run once before anything is built, so that what is red already is known by
//! name, and a project whose tests cannot run is refused before a token is spent.

use std::path::Path;

use alai_core::record::Captured;
use alai_core::services::Surroundings;
use alai_workspace::command::Cancel;
use alai_workspace::git::{Oid, Repo};
use alai_workspace::setup::{self, Prepared, SetupError};
use alai_workspace::toolchains::Toolchains;

use crate::census::Census;
use crate::error::{GateError, Refused};
use crate::runs;
use crate::stage::{Ran, Room, Stage};

/// Where Cargo builds, and where it keeps fetched packages below the home folder. Of the other tools only Go keeps a build that a
/// set-up has not made already: see [`GO_BUILT`].
pub(crate) const BUILT: &str = "target";
const FETCHED: [&str; 2] = [".cargo/registry", ".cargo/git"];
/// Where Go keeps what it built and vetted, below the home folder (`GOCACHE` of the set-up's environment). Its entries go by the
/// content of all that they were made of, so that one of an older tree is never taken for a newer one's.
const GO_BUILT: &str = ".cache/go-build";
/// When Go last removed what nobody had used for five days there: looked at by each of its commands, and written once a day.
const GO_TRIMMED: &str = "trim.txt";
/// A larger build is not kept: it is copied into every clone, at some hundred megabytes a second where the file system cannot
/// share blocks.
const KEPT_BYTES_MAX: u64 = 2 << 30;

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
    pub around: &'a Surroundings,
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
/// not build, a runner that is not in the set-up, a limit passed. Red tests are no error, nor are tests that do not build where the
/// product does: then the census names none.
pub fn base(
    repo: &Repo,
    base: &Oid,
    with: &Ground<'_>,
    cancel: &Cancel,
) -> Result<Base, GateError> {
    prove(repo, base, with, cancel).map(|(seen, _room)| seen)
}

/// [`base`], and puts what the run built into the set-up, for the clones that come after it. Only for a commit that is trusted
/// as much as the set-up itself: what its tests write there reaches every later clone, agents' and gates'.
///
/// The clones' own sources are checked out after the build and are newer than it, so that Cargo, which goes by time, builds
/// all of the project anew; packages of a lockfile never change, and theirs are taken as they are. So nothing is kept where
/// the set-up fetched no packages. Measured with three crates and their dependencies: 0.8 s of processor time instead of 31 s.
///
/// # Errors
/// As [`base`]. A set-up that cannot be added to stays as it was, and the log says why.
pub fn base_keeping(
    repo: &Repo,
    base: &Oid,
    with: &Ground<'_>,
    cancel: &Cancel,
) -> Result<(Base, Prepared), GateError> {
    let (seen, room) = prove(repo, base, with, cancel)?;
    // The proof stands without what was built: later clones only build more.
    let or_less = |taken: Result<Prepared, SetupError>| match taken {
        Err(SetupError::Cancelled) => Err(GateError::Cancelled),
        Err(why) => {
            tracing::warn!("what the tests of {base} built is not kept: {why}");
            Ok(with.prepared.clone())
        }
        Ok(kept) => Ok(kept),
    };
    let mut kept = with.prepared.clone();
    if go_worth_keeping(with.prepared, room.home()) {
        let places = [GO_BUILT.to_owned()];
        let taken = setup::absorb_home(with.prepared, room.home(), &places, cancel);
        kept = or_less(taken.map(|()| kept))?;
    }
    if worth_keeping(with.prepared, &room.repo) {
        let places = [BUILT.to_owned()];
        kept = or_less(setup::absorb(with.prepared, &room.repo, &places, cancel))?;
    }
    Ok((seen, kept))
}

/// Whether Go built more than the set-up holds, or a day has passed since that was kept: entries that nobody has used for five
/// days are removed by Go itself, and the times of those that are in use are those of the clone.
///
/// Its packages are built once then and not in every clone: measured with a small module and Go 1.19, 0.5 s and 0.6 s of
/// processor time for its tests instead of 2.4 s and 6.0 s. A run of the gate's keeps no result of a test there, since `-count=1`
/// is among its flags, so that none is taken for a run.
fn go_worth_keeping(prepared: &Prepared, home: &Path) -> bool {
    let (from, kept) = (home.join(GO_BUILT), prepared.home.join(GO_BUILT));
    let plain = [".cache", GO_BUILT]
        .iter()
        .all(|place| std::fs::symlink_metadata(home.join(place)).is_ok_and(|found| found.is_dir()));
    let trimmed = |folder: &Path| {
        let found = std::fs::symlink_metadata(folder.join(GO_TRIMMED));
        found.and_then(|found| found.modified()).ok()
    };
    plain
        && bytes_below(&from, KEPT_BYTES_MAX).is_some()
        && (!kept.is_dir() || trimmed(&from) != trimmed(&kept))
}

/// Whether a build is there that later clones gain by, and are not slowed down by.
fn worth_keeping(prepared: &Prepared, tree: &Path) -> bool {
    let fetched = FETCHED
        .iter()
        .any(|place| prepared.home.join(place).is_dir());
    let known = prepared.extras.iter().any(|extra| extra == BUILT);
    let built = tree.join(BUILT);
    let real = std::fs::symlink_metadata(&built).is_ok_and(|found| found.is_dir());
    fetched && !known && real && bytes_below(&built, KEPT_BYTES_MAX).is_some()
}

/// The size of all files below a folder, `None` when it cannot be read or is larger than `most`. Follows no link.
fn bytes_below(folder: &Path, most: u64) -> Option<u64> {
    let mut sum = 0u64;
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let found = entry.metadata().ok()?;
            if found.is_dir() {
                waiting.push(entry.path());
            }
            sum = sum.saturating_add(found.len());
            if sum > most {
                return None;
            }
        }
    }
    Some(sum)
}

/// Runs the tests; the clone stays until the room is dropped.
fn prove(
    repo: &Repo,
    base: &Oid,
    with: &Ground<'_>,
    cancel: &Cancel,
) -> Result<(Base, Room), GateError> {
    let stage = Stage::new(
        repo,
        with.toolchains,
        with.around,
        with.scratch,
        with.command_s,
        cancel,
    );
    let room = stage.room("the tests of the base", base, with.prepared)?;
    let Ran {
        captured, census, ..
    } = stage.tests(&room, with.test_command)?;
    match runs::unable(&captured, &census) {
        None => Ok((Base { census, captured }, room)),
        // Tests that were written ahead of what they call are red, and the tools that built the product work.
        Some(_) if runs::only_tests_unbuilt(&captured) => Ok((Base { census, captured }, room)),
        Some(unable) => Err(GateError::BoxRefused(Box::new(Refused {
            command: with.test_command.to_owned(),
            why: format!("{}: {}", unable.why, runs::tail(&captured)),
            remedy: format!("To go on, {}", unable.remedy),
            captured,
        }))),
    }
}
