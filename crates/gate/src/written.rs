//! Check 10, measured: a run of the tests that writes what it is held against agrees with every product.
//!
//! Files are looked at before and after the head's own run. Where it wrote data of the tests, it is run once more with that data
//! emptied: tests that pass all the same compare with what they have written. Where the base's tests do so too, it is no work of this
//! change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alai_core::qa::{Check, CheckResult, Measurement};
use alai_workspace::files::{Mark, mark_below};
use alai_workspace::git::Oid;

use crate::census::{self, Census};
use crate::checks::{fail, pass, some};
use crate::error::GateError;
use crate::measure::Gate;
use crate::mutants::Answer;
use crate::notice::Tried;
use crate::runs;
use crate::stage::Room;

/// More data of tests than this is not looked at file by file.
const FILES_MAX: usize = 5_000;

/// The data of the tests in a clone, by path, with the folders that it lies in: who renames a folder and puts it back leaves its
/// files as they were.
#[derive(Default)]
pub(crate) struct Stamps {
    files: BTreeMap<String, Option<Mark>>,
    folders: BTreeMap<String, Option<Mark>>,
    /// There was more than is looked at.
    more: bool,
}

impl Stamps {
    /// Leaves the files that lie otherwise now, and those of folders in which something came or went.
    pub(crate) fn keep_changed(&mut self, now: &Stamps) {
        let moved: BTreeSet<&String> = { self.folders.iter() }
            .filter(|(path, mark)| now.folders.get(*path) != Some(mark))
            .map(|(path, _)| path)
            .collect();
        let below =
            |path: &str| folders(path).any(|folder| moved.iter().any(|other| *other == folder));
        self.files
            .retain(|path, mark| now.files.get(path) != Some(mark) || below(path));
    }
}

/// The folders above a file, the top aside.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

impl Gate<'_> {
    /// How the data of the tests lies in a clone.
    pub(crate) fn stamps(&self, room: &Room) -> Stamps {
        let programs: BTreeSet<&str> = self
            .change
            .tests
            .iter()
            .map(|(path, _)| path.as_str())
            .collect();
        let data = self.change.head_paths.keys();
        let mut data =
            data.filter(|path| self.rules.is_test(path) && !programs.contains(path.as_str()));
        let mark = |path: &str| mark_below(&room.repo, Path::new(path));
        let mut stamps = Stamps::default();
        for path in data.by_ref().take(FILES_MAX) {
            for folder in folders(path) {
                if !stamps.folders.contains_key(folder) {
                    stamps.folders.insert(folder.to_owned(), mark(folder));
                }
            }
            stamps.files.insert(path.clone(), mark(path));
        }
        stamps.more = data.next().is_some();
        stamps
    }

    /// Fails check 10 where the tests of the head wrote their own expectations.
    pub(crate) fn expectations(
        &mut self,
        wrote: &Stamps,
        head: &Census,
        into: &mut [Measurement],
    ) -> Result<(), GateError> {
        let at = { into.iter() }
            .position(|m| m.check == Check::NoTampering && m.result == CheckResult::Pass);
        let Some(at) = at else {
            return Ok(());
        };
        if wrote.more {
            let said = &into[at].detail;
            into[at] = pass(
                Check::NoTampering,
                format!("{said}; of the tests' data the first {FILES_MAX} files were watched"),
            );
        }
        let written: Vec<String> = wrote.files.keys().cloned().collect();
        if written.is_empty() || !head.exit.success() {
            return Ok(());
        }
        let base = self.candidate.base;
        let agrees = match self.agrees_without(&written, self.candidate.head, head)? {
            Ok(false) => Ok(false),
            Ok(true) => { self.agrees_without(&written, base, self.candidate.base_census)? }
                .map(|agrees| !agrees),
            Err(why) => Err(why),
        };
        let agrees = match agrees {
            Ok(agrees) => agrees,
            // Neither that they look at the data nor that they do not.
            Err(why) => {
                into[at] = fail(
                    Check::NoTampering,
                    format!(
                        "a run of the tests writes what they are held against, and with it emptied {why}: {}",
                        some(&written)
                    ),
                );
                return Ok(());
            }
        };
        let new = !written
            .iter()
            .any(|path| self.change.base_paths.contains_key(path));
        // What a test writes for itself, and reads again, is new with it: whether it looks at an answer all the same is asked of a wrong one.
        if agrees && !(new && self.notices_one(head)?) {
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

    /// Whether the tests of the change fail over a product that answers wrongly, one way or the other.
    fn notices_one(&mut self, head: &Census) -> Result<bool, GateError> {
        let own = self.own_tests(head);
        let product = self.answers()?;
        for answer in [Answer::Nothing, Answer::Other] {
            if let Tried::Ran(seen) = self.answering_wrongly(answer, &own, &product, &[])?
                && own.all_passed(&seen) == Some(false)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the tests of a commit go as they did when these files are empty; why that was not seen, where they were ended from outside.
    fn agrees_without(
        &mut self,
        emptied: &[String],
        commit: &Oid,
        as_it_was: &Census,
    ) -> Result<Result<bool, String>, GateError> {
        let paths = match commit == self.candidate.base {
            true => &self.change.base_paths,
            false => &self.change.head_paths,
        };
        let there: Vec<&String> = emptied
            .iter()
            .filter(|path| paths.contains_key(*path))
            .collect();
        if there.is_empty() {
            return Ok(Ok(false));
        }
        let room = self.room("emptied expectations", commit)?;
        for path in there {
            room.put(path, b"\n", false)?;
        }
        let (_, seen) = self.tests(&room)?;
        let lost = as_it_was.known && !census::compare(as_it_was, &seen).lost.is_empty();
        if let Some(why) = runs::cut_off(self.candidate.test_command, seen.exit) {
            return Ok(Err(why));
        }
        Ok(Ok(seen.exit.success() && as_it_was.exit.success() && !lost))
    }
}
