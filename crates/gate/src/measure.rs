//! Measures one commit: eighteen of the nineteen checks. The nineteenth, that the evidence is complete, can only be made when
//! the evidence has been written (`evidence::complete`).
//!
//! | Clone | What runs there |
//! |---|---|
//! | the head with the base's test files | build command, test command: checks 1 and 2 |
//! | the head as it is | test command: check 3 |
//! | the same again | test command with the options without which a hook of the change leaves tests out: check 3 |
//! | the base with the head's test files | test command, when there are new tests: checks 4 and 7 |
//! | the head with functions that answer wrongly | test command, when the change has tests and nothing failed: check 7 |
//! | the head with marks in the changed lines | test command, when nothing mandatory failed: check 6 |
//! | the head with what runs before the tests as the base has it | test command, when a lawful change of it is left to a measurement: check 9 |
//! | the head with its tests' data emptied | test command, when the head's own run wrote that data: check 10 |
//! | the head as it is, one clone each | the task's own checks: check 5; lint: check 14; scanners: check 12 |
//! | the base as it is, one clone each | the task's own checks, where nothing else shows the change: check 5 |
//! | the base as it is | scanners that found something, in the files that changed: check 12 |

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use alai_core::blueprint::Scaffolded;
use alai_core::qa::{Check, CheckResult, Measurement};
use alai_core::record::Captured;
use alai_core::services::Surroundings;
use alai_core::task::TaskKind;
use alai_workspace::command::Cancel;
use alai_workspace::crash;
use alai_workspace::git::{self, Oid, Repo};
use alai_workspace::setup::Prepared;
use alai_workspace::toolchains::Toolchains;
use sha2::{Digest, Sha256};

use crate::advisories::Advisories;
use crate::builtin::{self, Builtin};
use crate::census::{self, Census};
use crate::change::{Change, ChangedFile, Content, FILE_BYTES_MAX};
use crate::checks::{self, Rules, suppressions, tampering};
use crate::error::GateError;
use crate::load;
use crate::notice::{self, Own};
use crate::paths::Globs;
use crate::runs::{self, Lint, OwnCheck, TestFiles};
use crate::source::{self, Lang};
use crate::stage::{Ran, Room, Stage};
use crate::testfns;

/// One commit and what its task allows. All of it comes from the trusted side.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub repo: &'a Repo,
    pub base: &'a Oid,
    /// Imported from the run's clone.
    pub head: &'a Oid,
    /// The set-up of the base.
    pub prepared: &'a Prepared,
    /// The set-up of the head, when its lockfiles differ.
    pub prepared_head: Option<&'a Prepared>,
    pub toolchains: &'a Toolchains,
    pub around: &'a Surroundings,
    /// Lines for `sh -c` at the top of the tree.
    pub test_command: &'a str,
    pub build_command: Option<&'a str>,
    pub lint_command: Option<&'a str>,
    /// The task's own: each must exit 0.
    pub checks: &'a [String],
    /// Globs; none means everywhere.
    pub allowed_paths: &'a [String],
    /// Globs that win over the allowed ones.
    pub forbidden_paths: &'a [String],
    /// Globs of the tests that a person or the plan lets this task change.
    pub changes_tests: &'a [String],
    /// Whether the plan lets this task add, remove or move dependencies.
    pub allow_dependency_changes: bool,
    /// Known weaknesses of packages. Without any, a person judges every lockfile that pins something new.
    pub advisories: Option<&'a Advisories>,
    /// What the task's shipped blueprint itself writes.
    pub scaffolded: &'a Scaffolded,
    /// The tests of the untouched base, as `base` saw them.
    pub base_census: &'a Census,
    /// A folder of the caller's that only we may enter; clones are made in it and removed.
    pub scratch: &'a Path,
    pub kind: TaskKind,
    /// Whether the task's own commands may pass on the base, so that they are not run there: see [`Task::checks_may_be_green`].
    ///
    /// [`Task::checks_may_be_green`]: alai_core::task::Task::checks_may_be_green
    pub checks_may_be_green: bool,
    /// Seconds that one command may take.
    pub command_s: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Every check but 16, in the order of their numbers.
    pub measurements: Vec<Measurement>,
    /// Every program that was started, in order.
    pub commands: Vec<Captured>,
    /// Which of them a check rests on.
    pub behind: Behind,
    /// The tests of the head as it is.
    pub census: Census,
    pub summary: Summary,
}

/// The programs that a check rests on, by their places in the list of commands.
pub type Behind = BTreeMap<Check, Vec<usize>>;

/// The size of a change, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    pub files: usize,
    pub added_lines: usize,
    pub removed_lines: usize,
    pub commits: usize,
    pub new_tests: Vec<String>,
    /// Tests of the base that were red and pass now.
    pub fixed_tests: Vec<String>,
}

/// Measures a candidate. The caller adds check 16 and judges with `alai_core::qa::judge`.
///
/// # Errors
/// When nothing can be concluded: the repository cannot be read, a clone or cage cannot be made, or it was cancelled. A
/// command that fails is a failed check and no error.
pub fn measure(candidate: &Candidate<'_>, cancel: &Cancel) -> Result<Measured, GateError> {
    crash::point("gate.begun");
    let lists = Lists::of(candidate)?;
    let stage = stage_of(candidate, cancel);
    let as_is = stage.room("the head", candidate.head, head_set_up(candidate))?;
    let mut change = load::load(candidate.repo, candidate.base, candidate.head, &as_is.repo)?;
    let rules = lists.rules(candidate);
    let mut measurements = checks::judge_change(&change, &rules, cancel)?;
    let lines = |side: fn(&ChangedFile) -> usize| change.files.iter().map(side).sum();
    let (added_lines, removed_lines) = (lines(|f| f.added.len()), lines(|f| f.removed.len()));
    // Check 10 has failed for it, and nothing that follows reads it either.
    for file in change
        .files
        .iter_mut()
        .filter(|file| tampering::too_large(file).is_some())
    {
        (file.base, file.head) = (Content::Unread, Content::Unread);
        (file.added, file.removed) = (Vec::new(), Vec::new());
    }
    let mut gate = Gate {
        candidate,
        stage,
        change: &change,
        rules: &rules,
        commands: Vec::new(),
        behind: Behind::new(),
        tests_ms: None,
    };
    let (census, added) = gate.run_all(&as_is, &mut measurements)?;
    crash::point("gate.measured");
    measurements.sort_by_key(|m| m.check.number());
    let fixed_tests = census::compare(candidate.base_census, &census).fixed;
    let summary = Summary {
        files: change.files.len(),
        added_lines,
        removed_lines,
        commits: change.commits.len(),
        new_tests: added,
        fixed_tests,
    };
    Ok(Measured {
        measurements,
        commands: gate.commands,
        behind: gate.behind,
        census,
        summary,
    })
}

/// The first check that fails already by looking at the change, before anything of it is run: what must not even have its set-up
/// made, which runs what manifests say.
///
/// # Errors
/// As [`measure`].
pub fn refused_unrun(
    candidate: &Candidate<'_>,
    cancel: &Cancel,
) -> Result<Option<Measurement>, GateError> {
    let lists = Lists::of(candidate)?;
    let stage = stage_of(candidate, cancel);
    let as_is = stage.room("the head", candidate.head, candidate.prepared)?;
    let change = load::load(candidate.repo, candidate.base, candidate.head, &as_is.repo)?;
    let judged = checks::judge_change(&change, &lists.rules(candidate), cancel)?;
    // What a person will be asked about is measured first: he wants to know whether it works.
    let mut refused = judged.into_iter().filter(|m| m.result == CheckResult::Fail);
    Ok(refused.find(|m| !m.is_unvetted()))
}

/// A task's lists of paths, compiled.
pub(crate) struct Lists {
    allowed: Globs,
    forbidden: Globs,
    changes_tests: Globs,
}

impl Lists {
    pub(crate) fn of(candidate: &Candidate<'_>) -> Result<Lists, GateError> {
        Ok(Lists {
            allowed: Globs::new(candidate.allowed_paths)?,
            forbidden: Globs::new(candidate.forbidden_paths)?,
            changes_tests: Globs::new(candidate.changes_tests)?,
        })
    }

    pub(crate) fn rules<'a>(&'a self, candidate: &Candidate<'a>) -> Rules<'a> {
        Rules {
            allowed: &self.allowed,
            forbidden: &self.forbidden,
            changes_tests: &self.changes_tests,
            test_command: candidate.test_command,
            kind: candidate.kind,
            allow_dependency_changes: candidate.allow_dependency_changes,
            advisories: candidate.advisories,
            scaffolded: candidate.scaffolded,
            base_census: Some(candidate.base_census),
        }
    }
}

pub(crate) fn stage_of<'a>(candidate: &Candidate<'a>, cancel: &'a Cancel) -> Stage<'a> {
    Stage::new(
        candidate.repo,
        candidate.toolchains,
        candidate.around,
        candidate.scratch,
        candidate.command_s,
        cancel,
    )
}

/// Hex SHA-256 over `mode object path` of every file of a commit, each ended by a zero byte: what evidence names the tree by.
///
/// # Errors
/// When the commit cannot be read.
pub fn tree_digest(repo: &Repo, commit: &Oid) -> Result<String, GateError> {
    let entries = git::tree(repo, commit).map_err(|e| GateError::Repository {
        what: format!("the tree of {commit}"),
        why: e.to_string(),
    })?;
    let mut digest = Sha256::new();
    for entry in entries.iter() {
        digest.update(format!("{:o} {} {}\0", entry.mode, entry.oid, entry.path));
    }
    Ok(hex::encode(digest.finalize()))
}

pub(crate) fn head_set_up<'a>(candidate: &Candidate<'a>) -> &'a Prepared {
    candidate.prepared_head.unwrap_or(candidate.prepared)
}

/// A script, or the root of a crate, that a person wrote: the largest are a tenth of this.
const SMALL_BYTES_MAX: u64 = 256 << 10;

/// How often as long as the head's own tests those over a wrong product may take, and what they may take in any case: the defaults of
/// cargo-mutants 27 (mutants.rs/timeouts.html). It counts no building; here it is in the same command, and of all that a change left
/// alone perhaps, so that what is compiled has longer.
const WRONG_TIMES: u64 = 5;
const WRONG_S_MIN: u64 = 20;
const WRONG_BUILT_S_MIN: u64 = 120;

/// Seconds that the tests may take over a wrong product of this language; never more than any command.
fn wrong_s(tests_ms: Option<i64>, lang: Lang, command_s: u64) -> u64 {
    let least = match lang.is_compiled() {
        true => WRONG_BUILT_S_MIN,
        false => WRONG_S_MIN,
    };
    let Some(took) = tests_ms else {
        return command_s;
    };
    let took_s = took.max(0).unsigned_abs().div_ceil(1_000);
    (took_s * WRONG_TIMES).max(least).min(command_s)
}

/// One measurement under way.
pub(crate) struct Gate<'a> {
    pub(crate) candidate: &'a Candidate<'a>,
    pub(crate) stage: Stage<'a>,
    pub(crate) change: &'a Change,
    pub(crate) rules: &'a Rules<'a>,
    pub(crate) commands: Vec<Captured>,
    pub(crate) behind: Behind,
    /// How long the tests of the head took, in milliseconds, once they were run.
    pub(crate) tests_ms: Option<i64>,
}

impl Gate<'_> {
    fn run_all(
        &mut self,
        as_is_room: &Room,
        into: &mut Vec<Measurement>,
    ) -> Result<(Census, Vec<String>), GateError> {
        let own_checks = self.own_checks()?;
        let acceptance = runs::acceptance(&own_checks);
        let own = 0..self.commands.len();
        let restored_room = self.room("the base's tests", self.candidate.head)?;
        let changed = self.restore(&restored_room)?;
        let build = match self.candidate.build_command {
            Some(command) => Some(self.run(&restored_room, command)?),
            None => None,
        };
        let mut wrote = self.stamps(&restored_room);
        let of_tests = self.commands.len();
        let (tests, restored) = self.tests(&restored_room)?;
        let mut of_census = of_tests..self.commands.len();
        wrote.keep_changed(&self.stamps(&restored_room));
        drop(restored_room);
        let of_base = own.end..self.commands.len();
        self.rests(Check::AcceptanceChecks, own);
        self.rests(Check::BaseTestsPass, of_census.clone());
        self.rests(Check::CleanBuild, of_base);
        let census = if changed {
            wrote = self.stamps(as_is_room);
            of_census.start = self.commands.len();
            let (_, census) = self.tests(as_is_room)?;
            of_census.end = self.commands.len();
            wrote.keep_changed(&self.stamps(as_is_room));
            census
        } else {
            restored.clone()
        };
        // The last run of the tests: of the head as it is, where that is another tree.
        self.tests_ms = self.commands.last().map(|ran| ran.record.duration_ms);
        self.rests(Check::CensusNotReduced, of_census);
        let last = self.commands.len();
        let optional = self.optional(&census)?;
        self.rests(Check::CensusNotReduced, last..self.commands.len());
        let asleep = self.written_and_not_run(&census);
        let may_be_lost = |id: &str| self.may_be_lost(id) && !asleep.contains(id);
        into.push(runs::clean_build(build.as_ref(), &tests, &restored));
        into.push(runs::base_tests(&runs::BaseTests {
            base: self.candidate.base_census,
            restored: &restored,
            may_be_lost: &may_be_lost,
            covered: runs::passed(&acceptance),
            output: &tests,
            command: self.candidate.test_command,
            given_up: self.given_up(),
        }));
        into.push(runs::census_kept(
            self.candidate.base_census,
            &census,
            &may_be_lost,
            &self.test_files(),
            &optional,
            self.candidate.test_command,
        ));
        into.push(acceptance);
        let as_is = self.commands.len();
        self.configuration(&census, into)?;
        let last = self.commands.len();
        self.rests(Check::GateConfigUntouched, as_is..last);
        self.expectations(&wrote, &census, into)?;
        self.edited(&restored, &census, into)?;
        self.rests(Check::NoTampering, last..self.commands.len());
        let last = self.commands.len();
        let added = runs::new_tests(self.candidate.base_census, &census);
        let on_base = self.new_tests_on_base(&added, &census)?;
        into.push(runs::new_tests_fail(
            &added,
            on_base.as_ref(),
            self.candidate.test_command,
        ));
        self.rests(Check::NewTestsFailOnBase, last..self.commands.len());
        let noticed = self.noticed(&census, on_base.as_ref(), into)?;
        let own = self.own_tests(&census);
        into.push(self.turned_around(noticed, &own)?);
        // Tests that were red on the base have shown it there.
        self.rests(Check::MutantsKilled, last..self.commands.len());
        self.settle_acceptance(own_checks, &census, into)?;
        let before = self.commands.len();
        let covered = self.covered(&census, into)?;
        into.push(covered);
        self.rests(Check::ChangedLineCoverage, before..self.commands.len());
        let before = self.commands.len();
        into.push(runs::lint(&self.lint()?, &suppressions::added(self.change)));
        self.rests(Check::LintFormatTypes, before..self.commands.len());
        let before = self.commands.len();
        self.scan(into)?;
        self.rests(Check::StaticAnalysis, before..self.commands.len());
        debug_assert!(
            !into.iter().any(|m| m.check == Check::EvidenceComplete),
            "check 16 is the caller's"
        );
        Ok((census, added))
    }

    /// Notes which commands a check rests on.
    fn rests(&mut self, check: Check, commands: Range<usize>) {
        self.behind.entry(check).or_default().extend(commands);
    }

    pub(crate) fn room(&self, purpose: &str, commit: &Oid) -> Result<Room, GateError> {
        let prepared = if commit == self.candidate.base {
            self.candidate.prepared
        } else {
            head_set_up(self.candidate)
        };
        self.stage.room(purpose, commit, prepared)
    }

    pub(crate) fn run(&mut self, room: &Room, command: &str) -> Result<Captured, GateError> {
        let captured = self.stage.run(room, command)?;
        Ok(self.recorded(captured))
    }

    /// Runs the project's tests, and reads who they are.
    pub(crate) fn tests(&mut self, room: &Room) -> Result<(Captured, Census), GateError> {
        let ran = self.stage.tests(room, self.candidate.test_command)?;
        Ok(self.ran(ran))
    }

    /// The tests over a product that was made wrong, which may well have no end: for at most as long as the head's own tell.
    pub(crate) fn tests_wrong(
        &mut self,
        room: &Room,
        lang: Lang,
    ) -> Result<(Captured, Census), GateError> {
        let wall_s = wrong_s(self.tests_ms, lang, self.candidate.command_s);
        let command = self.candidate.test_command;
        let ran = self.stage.tests_for(room, command, wall_s)?;
        Ok(self.ran(ran))
    }

    /// Records a run of the tests, and the one before it where that was refused.
    pub(crate) fn ran(&mut self, ran: Ran) -> (Captured, Census) {
        if let Some(refused) = ran.refused {
            self.recorded(refused);
        }
        (self.recorded(ran.captured), ran.census)
    }

    fn recorded(&mut self, captured: Captured) -> Captured {
        crash::point("gate.command");
        self.commands.push(captured.clone());
        captured
    }

    pub(crate) fn blob(&self, commit: &Oid, path: &str) -> Result<Option<Vec<u8>>, GateError> {
        git::blob(self.candidate.repo, commit, path, FILE_BYTES_MAX).map_err(|e| {
            GateError::Repository {
                what: format!("{path} at {commit}"),
                why: e.to_string(),
            }
        })
    }

    /// The text of a small file of a commit; nothing of one that is large or not there.
    pub(crate) fn small_blob(&self, commit: &Oid, path: &str) -> Result<String, GateError> {
        match git::blob(self.candidate.repo, commit, path, SMALL_BYTES_MAX) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()),
            Err(git::GitError::TooLarge { .. }) => Ok(String::new()),
            Err(error) => Err(GateError::Repository {
                what: format!("{path} at {commit}"),
                why: error.to_string(),
            }),
        }
    }

    /// Whether a test of the base may be gone or skipped: the task may change its file, by the id's own words or because its
    /// name stands in such a file.
    pub(crate) fn may_be_lost(&self, id: &str) -> bool {
        if self.rules.changes_tests.is_empty() {
            return false;
        }
        let named_file = id
            .split([' ', ':', '>'])
            .any(|part| self.rules.may_change_test(part));
        let leaf = notice::leaf(id);
        // Rust's unit tests stand in sources.
        let holds_tests =
            |file: &ChangedFile| self.rules.is_test(file.base_path()) || file.lang() == Lang::Rust;
        let holds = |file: &&ChangedFile| {
            self.rules.changes_tests.names(file.base_path())
                && holds_tests(file)
                && file.base.text().is_some_and(|text| text.contains(leaf))
        };
        named_file || (!leaf.is_empty() && self.change.files.iter().any(|file| holds(&file)))
    }

    fn test_files(&self) -> TestFiles {
        let fixed: Vec<&String> = self
            .change
            .base_paths
            .keys()
            .filter(|path| self.rules.is_fixed_test(path))
            .collect();
        let lost = fixed
            .iter()
            .filter(|path| !self.change.head_paths.contains_key(**path));
        TestFiles {
            base: fixed.len(),
            lost: lost.map(|path| (*path).clone()).collect(),
            given_up: self.given_up(),
            conditions: self.adds_conditions(),
        }
    }

    /// Tests that stood in files which the task may change, and are in none of the change's files any more.
    fn given_up(&self) -> u64 {
        let names = |file: &ChangedFile, head: bool| -> Vec<String> {
            let (content, path) = match head {
                true => (&file.head, file.path.as_str()),
                false => (&file.base, file.base_path()),
            };
            let found = testfns::find(content.text().unwrap_or_default(), source::lang(path));
            let named = found.into_iter();
            named
                .flat_map(|(name, all)| std::iter::repeat_n(name, all.len()))
                .collect()
        };
        let mut left: Vec<String> = self
            .change
            .files
            .iter()
            .flat_map(|f| names(f, true))
            .collect();
        let open = self.change.files.iter().filter(|file| {
            let path = file.base_path();
            !file.is_new() && self.rules.may_change_test(path)
        });
        let mut gone = 0;
        for name in open.flat_map(|file| names(file, false)) {
            match left.iter().position(|other| *other == name) {
                Some(at) => drop(left.swap_remove(at)),
                None => gone += 1,
            }
        }
        gone
    }

    /// Also where the task changes tests and none is new: those that it edited have to tell the difference.
    fn new_tests_on_base(
        &mut self,
        added: &[String],
        head: &Census,
    ) -> Result<Option<Census>, GateError> {
        let edits = !self.rules.changes_tests.is_empty() && self.product_changed();
        if added.is_empty() && !(edits && self.own_tests(head) != Own::none()) {
            return Ok(None);
        }
        self.tests_on_base().map(|(_, census)| Some(census))
    }

    /// Runs the head's tests on the base's code: test files as the head has them, and unit tests of Rust put into the base's
    /// sources.
    pub(crate) fn tests_on_base(&mut self) -> Result<(Captured, Census), GateError> {
        let room = self.room("the new tests on the base", self.candidate.base)?;
        for file in self.change.files.iter().filter(|f| !f.is_deleted()) {
            if self.rules.is_test(&file.path) {
                if let Some(bytes) = self.blob(self.candidate.head, &file.path)? {
                    room.put(&file.path, &bytes, file.new_mode == 0o100_755)?;
                }
            } else if file.lang() == Lang::Rust
                && let (Some(base), Some(head)) = (file.base.text(), file.head.text())
                && let Some(grafted) = testfns::graft(base, head)
            {
                room.put(
                    file.base_path(),
                    grafted.as_bytes(),
                    file.old_mode == 0o100_755,
                )?;
            }
        }
        self.tests(&room)
    }

    fn own_checks(&mut self) -> Result<Vec<OwnCheck>, GateError> {
        let mut done = Vec::new();
        for command in self.candidate.checks {
            // Each in a clone of its own: what one leaves behind must not make the next one pass.
            let room = self.room("a check of the task", self.candidate.head)?;
            done.push(OwnCheck {
                command: command.clone(),
                head: self.run(&room, command)?,
                base: None,
            });
        }
        Ok(done)
    }

    /// Runs the task's own commands on the base, where all passed on the head and nothing else was red before the change and is green
    /// now: one that passes without the change proves nothing of it.
    fn settle_acceptance(
        &mut self,
        mut own_checks: Vec<OwnCheck>,
        census: &Census,
        into: &mut [Measurement],
    ) -> Result<(), GateError> {
        let base = self.candidate.base_census;
        let passed = |check: Check| { into.iter() }.any(|m| m.check == check && runs::passed(m));
        // That tests notice wrong answers says that they look at the product, and not that it is another one: enough where the task
        // brings tests alone, or where no test has a name by which it could be told to be new.
        let noticed = passed(Check::MutantsKilled) && (!census.known || !self.product_changed());
        let shown = self.candidate.checks_may_be_green
            || !census::compare(base, census).fixed.is_empty()
            || (!base.exit.success() && census.exit.success())
            || passed(Check::NewTestsFailOnBase)
            || noticed
            // A shipped scaffold's product is ours, byte by byte.
            || { self.change.files.iter() }.all(|f| self.rules.is_scaffolded(f));
        if shown || !passed(Check::AcceptanceChecks) {
            return Ok(());
        }
        let before = self.commands.len();
        for own in &mut own_checks {
            let room = self.room("a check of the task on the base", self.candidate.base)?;
            own.base = Some(self.run(&room, &own.command)?);
        }
        self.rests(Check::AcceptanceChecks, before..self.commands.len());
        let alone = runs::acceptance(&own_checks);
        for own in into.iter_mut().filter(|m| m.check == alone.check) {
            *own = alone.clone();
        }
        Ok(())
    }

    fn lint(&mut self) -> Result<Vec<Lint>, GateError> {
        let set = self.candidate.lint_command.is_some();
        let commands = match self.candidate.lint_command {
            Some(command) => vec![Builtin {
                name: command.to_owned(),
                head: command.to_owned(),
                base: Some(command.to_owned()),
                compared: false,
            }],
            None => builtin::commands(self.change),
        };
        let mut done = Vec::new();
        if commands.is_empty() {
            return Ok(done);
        }
        let head_room = self.room("lint", self.candidate.head)?;
        for command in commands {
            let head = self.run(&head_room, &command.head)?;
            // What it finds on the head says something about the change only beside the base.
            let found = !head.success() || (command.compared && !head.combined().trim().is_empty());
            let base = match command.base.filter(|_| found) {
                None => None,
                Some(line) => {
                    let room = self.room("lint of the base", self.candidate.base)?;
                    Some(self.run(&room, &line)?)
                }
            };
            done.push(Lint {
                name: command.name,
                set,
                compared: command.compared,
                head,
                base,
            });
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_over_a_wrong_product_have_a_multiple_of_what_the_head_s_own_took() {
        let of = |ms, lang| wrong_s(Some(ms), lang, 600);
        assert_eq!(of(10_000, Lang::Python), 50);
        assert_eq!(of(900, Lang::Python), 20);
        assert_eq!(of(900, Lang::Rust), 120);
        assert_eq!(of(30_000, Lang::Rust), 150);
        assert_eq!(of(500_000, Lang::Go), 600, "never more than any command");
        assert_eq!(wrong_s(Some(1), Lang::Rust, 2), 2);
        assert_eq!(wrong_s(None, Lang::Python, 600), 600);
    }
}
