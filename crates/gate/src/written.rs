//! Check 10, measured: a run of the tests that writes what it is held against agrees with every product.
//!
//! Files are looked at before and after the head's own run. Where it wrote data of the tests, it is run once more with that data
//! emptied: tests that pass all the same compare with what they have written. Where the base's tests do so too, it is no work of this
//! change.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use alai_core::qa::{Check, CheckResult, Measurement};
use alai_workspace::git::Oid;

use crate::census::{self, Census};
use crate::checks::{fail, some};
use crate::error::GateError;
use crate::measure::Gate;
use crate::stage::Room;

/// More data of tests than this is not looked at file by file.
const FILES_MAX: usize = 5_000;

/// What changes with every writing of a file, and what nobody in a cage can set back: its number, and when it was last written or renamed
/// (seconds and nanoseconds).
type Stamp = (u64, i64, i64);

/// The data of the tests in a clone, by path.
pub(crate) struct Stamps(BTreeMap<String, Stamp>);

impl Stamps {
    /// Leaves those that lie otherwise now.
    pub(crate) fn keep_changed(&mut self, now: &Stamps) {
        self.0.retain(|path, stamp| now.0.get(path) != Some(stamp));
    }
}

impl Gate<'_> {
    /// How the data of the tests lies in a clone.
    pub(crate) fn stamps(&self, room: &Room) -> Stamps {
        let programs = |path: &str| self.change.tests.iter().any(|(other, _)| other == path);
        let data = self.change.head_paths.keys();
        let data = data.filter(|path| self.rules.is_test(path) && !programs(path));
        let stamp = |path: &String| {
            let seen = std::fs::symlink_metadata(room.repo.join(path)).ok()?;
            let stamp = (seen.ino(), seen.ctime(), seen.ctime_nsec());
            seen.is_file().then(|| (path.clone(), stamp))
        };
        Stamps(data.take(FILES_MAX).filter_map(stamp).collect())
    }

    /// Fails check 10 where the tests of the head wrote their own expectations.
    pub(crate) fn expectations(
        &mut self,
        wrote: &Stamps,
        head: &Census,
        into: &mut [Measurement],
    ) -> Result<(), GateError> {
        let written: Vec<String> = wrote.0.keys().cloned().collect();
        let at = { into.iter() }
            .position(|m| m.check == Check::NoTampering && m.result == CheckResult::Pass);
        let Some(at) = at.filter(|_| !written.is_empty() && head.exit.success()) else {
            return Ok(());
        };
        let agrees = self.agrees_without(&written, self.candidate.head, head)?
            && !self.agrees_without(&written, self.candidate.base, self.candidate.base_census)?;
        if agrees {
            into[at] = fail(
                Check::NoTampering,
                format!(
                    "a run of the tests writes what they are held against, and they pass with it emptied: {}",
                    some(&written)
                ),
            );
        }
        Ok(())
    }

    /// Whether the tests of a commit go as they did when these files are empty.
    fn agrees_without(
        &mut self,
        emptied: &[String],
        commit: &Oid,
        as_it_was: &Census,
    ) -> Result<bool, GateError> {
        let room = self.room("emptied expectations", commit)?;
        let mut any = false;
        for path in emptied {
            if self
                .blob(commit, path)?
                .is_some_and(|bytes| !bytes.is_empty())
            {
                room.put(path, b"\n", false)?;
                any = true;
            }
        }
        if !any {
            return Ok(false);
        }
        let seen = census::read(&self.run(&room, self.candidate.test_command)?);
        let lost = as_it_was.known && !census::compare(as_it_was, &seen).lost.is_empty();
        Ok(seen.exit.success() && as_it_was.exit.success() && !lost)
    }
}
