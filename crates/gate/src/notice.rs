//! Check 7: whether the tests of a change notice a wrong product. What they are held against are the base's code, and the head's
//! with functions that answer wrongly.
//!
//! The tests of a change are those that it adds, edits, or turns green. One of them that notices is enough: a survivor here and
//! there is ordinary, and only where all survive did nobody look.

use std::collections::BTreeSet;

use alai_core::qa::{Check, CheckResult, Measurement, UNTRIED};
use alai_workspace::git;

use crate::asserted::Asserted;
use crate::census::{self, Census, TestStatus};
use crate::change::{ChangedFile, FILE_BYTES_MAX};
use crate::checks::gate_config::protected;
use crate::checks::{fail, not_applicable, pass, some};
use crate::error::GateError;
use crate::measure::{Gate, head_set_up};
use crate::mutants::{self, Answer};
use crate::runs;
use crate::source::{self, Lang};
use crate::testfns;

/// A product of more files is changed in some of them, and then only those are looked at.
const FILES_MAX: usize = 200;

/// A larger source is none that a person wrote; its functions are not looked for.
const PRODUCT_BYTES_MAX: usize = 1 << 20;

/// Folders whose code is somebody else's, or no part of what is tested.
const FOREIGN: [&str; 6] = [
    "vendor",
    "node_modules",
    "third_party",
    "examples",
    "benches",
    "dist",
];

/// Those of the lines that hold code of the product, and neither comments nor tests.
pub(crate) fn code_lines(
    source: Option<source::Source>,
    text: Option<&str>,
    lang: Lang,
    lines: &[usize],
) -> Vec<usize> {
    let (Some(source), Some(text)) = (source, text) else {
        return Vec::new();
    };
    let tests = mutants::test_lines(&source, text, lang);
    let ours = |at: &&usize| !tests.iter().any(|range| range.contains(*at));
    let code = |at: &&usize| !source.uncommented(**at).trim().is_empty();
    lines.iter().filter(ours).filter(code).copied().collect()
}

/// What could be names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    parts.filter(|word| !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()))
}

/// The tests of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Own {
    /// By their ids; none is none.
    Named(BTreeSet<String>),
    /// The runner names none, and the change touches tests or turns the whole run green.
    All,
}

/// What came of a product that answers wrongly.
pub(crate) enum Tried {
    /// It has no function that could.
    NoFunction,
    /// It was not built, could not start or did not end: that tells nothing of the tests.
    Unable(String),
    Ran(Census),
}

impl Own {
    /// Whether all of them passed; `None` where that run tells nothing of them.
    pub(crate) fn all_passed(&self, census: &Census) -> Option<bool> {
        match self {
            Own::All => Some(census.exit.success()),
            Own::Named(ids) => {
                let went: Vec<&TestStatus> =
                    ids.iter().filter_map(|id| census.ids.get(id)).collect();
                let red = went.iter().any(|status| **status != TestStatus::Passed);
                match (census.known, went.len() == ids.len()) {
                    _ if red => Some(false),
                    (true, true) => Some(true),
                    _ => None,
                }
            }
        }
    }

    /// Whether a runner named one of them as failed; one that is missing shows nothing.
    fn one_failed(&self, census: &Census) -> bool {
        match self {
            Own::All => false,
            Own::Named(ids) => ids
                .iter()
                .any(|id| census.ids.get(id) == Some(&TestStatus::Failed)),
        }
    }

    pub(crate) fn none() -> Own {
        Own::Named(BTreeSet::new())
    }

    fn words(&self) -> String {
        match self {
            Own::All => "the tests".to_owned(),
            Own::Named(ids) => some(&ids.iter().collect::<Vec<_>>()),
        }
    }
}

/// What of an id is a test's own name: the last part of its path, without parameters and without the number of one among several.
pub(crate) fn leaf(id: &str) -> &str {
    let leaf = id.rsplit("::").next().unwrap_or(id);
    let leaf = leaf.rsplit(" > ").next().unwrap_or(leaf);
    let leaf = leaf.split(['[', '/']).next().unwrap_or(leaf);
    let leaf = leaf.rsplit('.').next().unwrap_or(leaf).trim();
    match leaf.rsplit_once(" #") {
        Some((name, number))
            if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            name
        }
        Some(_) | None => leaf,
    }
}

impl Gate<'_> {
    /// The tests of the change, as the head's own run names them.
    pub(crate) fn own_tests(&self, head: &Census) -> Own {
        let base = self.candidate.base_census;
        if !head.known {
            let turned = !base.exit.success() && head.exit.success();
            let touched = self
                .change
                .files
                .iter()
                .any(|f| self.rules.is_test(&f.path) && !self.rules.is_scaffolded(f));
            return match turned || touched {
                true => Own::All,
                false => Own::none(),
            };
        }
        let difference = census::compare(base, head);
        let edited = self.edited_tests();
        let passed = |id: &&String| head.ids.get(*id) == Some(&TestStatus::Passed);
        let is_edited = |id: &&String| edited.contains(leaf(id));
        let edited = head.ids.keys().filter(is_edited);
        let named = difference
            .added
            .iter()
            .chain(&difference.fixed)
            .chain(edited);
        Own::Named(named.filter(passed).cloned().collect())
    }

    /// Whether what the base's tests say is another thing than on the base.
    fn edits_tests(&self) -> bool {
        let edited = |f: &ChangedFile| !f.is_new() && self.rules.is_test(f.base_path());
        self.change.files.iter().any(edited) || !self.edited_tests().is_empty()
    }

    /// Names of the tests that stand on both sides, and otherwise.
    pub(crate) fn edited_tests(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for file in &self.change.files {
            let (Some(base), Some(head)) = (file.base.text(), file.head.text()) else {
                continue;
            };
            if !self.rules.is_test(&file.path) && file.lang() != Lang::Rust {
                continue;
            }
            let before = testfns::find(base, source::lang_of(file.base_path(), base));
            for (name, now) in testfns::find(head, file.lang()) {
                let text = |all: &[testfns::TestFn]| -> Vec<String> {
                    all.iter().map(|test| test.text.clone()).collect()
                };
                if before.get(&name).is_some_and(|old| text(old) != text(&now)) {
                    let name = name.trim_matches(['\'', '"', '`']);
                    names.insert(leaf(name).to_owned());
                }
            }
        }
        names
    }

    /// Whether code of the product is another than on the base: comments and tests do not count.
    pub(crate) fn product_changed(&self) -> bool {
        self.change.files.iter().any(|file| self.changes_code(file))
    }

    pub(crate) fn is_product(&self, path: &str) -> bool {
        let known = [Lang::Rust, Lang::Python, Lang::Go, Lang::JavaScript];
        let foreign = path.split('/').any(|part| FOREIGN.contains(&part));
        let setup = ["setup.py", "conftest.py"].contains(&crate::paths::name(path));
        // What a task lets be changed as a test is one, whatever its name; only Rust keeps tests in its sources.
        let helper = self.rules.changes_tests.names(path) && source::lang(path) != Lang::Rust;
        known.contains(&source::lang(path))
            && !foreign
            && !setup
            && !helper
            && !self.rules.is_test(path)
            && protected::class(path).is_none()
    }

    pub(crate) fn changes_code(&self, file: &ChangedFile) -> bool {
        if !self.is_product(&file.path) || !file.lang().is_code() {
            return false;
        }
        !code_lines(
            file.head_source(),
            file.head.text(),
            file.lang(),
            &file.added,
        )
        .is_empty()
            || !code_lines(
                file.base_source(),
                file.base.text(),
                file.lang(),
                &file.removed,
            )
            .is_empty()
    }

    /// Whether the change works on constants, attributes, tables or fields alone, which no wrong answer of a function touches.
    fn changes_outside_of_functions(&self) -> bool {
        let mut any = false;
        for file in self
            .change
            .files
            .iter()
            .filter(|file| self.changes_code(file))
        {
            let head = code_lines(
                file.head_source(),
                file.head.text(),
                file.lang(),
                &file.added,
            );
            let base = code_lines(
                file.base_source(),
                file.base.text(),
                file.lang(),
                &file.removed,
            );
            let sides = [(file.head.text(), &head), (file.base.text(), &base)];
            for (text, lines) in sides {
                let functions = mutants::lines(&file.path, text.unwrap_or_default());
                let inside = |at: &usize| functions.iter().any(|function| function.contains(at));
                if lines.iter().any(inside) {
                    return false;
                }
                any |= !lines.is_empty();
            }
        }
        any
    }

    /// Whether the tests of the head could have failed on the base for want of something that the change brings: a test that
    /// calls what is not there fails, whatever it looks at.
    fn brings_what_tests_name(&self) -> bool {
        let mut before = BTreeSet::new();
        let mut after = BTreeSet::new();
        let mut named = BTreeSet::new();
        for file in &self.change.files {
            if self.rules.is_test(&file.path) {
                named.extend(words(file.head.text().unwrap_or_default()));
                continue;
            }
            let head = file.head.text().unwrap_or_default();
            after.extend(words(head));
            if file.is_new() || file.from.is_some() {
                after.extend(words(&file.path));
            }
            before.extend(words(file.base.text().unwrap_or_default()));
            if file.lang() == Lang::Rust {
                let lines: Vec<&str> = head.lines().collect();
                let tests = file
                    .head_source()
                    .map(|source| mutants::test_lines(&source, head, Lang::Rust));
                for at in tests.into_iter().flatten().flatten() {
                    named.extend(lines.get(at).into_iter().flat_map(|line| words(line)));
                }
            }
        }
        named
            .iter()
            .any(|word| after.contains(word) && !before.contains(word))
    }

    /// Check 7. `on_base` is the base's code with the head's tests, where that was run.
    pub(crate) fn noticed(
        &mut self,
        head: &Census,
        on_base: Option<&Census>,
        before: &[Measurement],
    ) -> Result<Measurement, GateError> {
        let check = Check::MutantsKilled;
        let vetoed = |m: &&Measurement| m.check.mandatory() && m.result == CheckResult::Fail;
        if before.iter().any(|m| vetoed(&m)) {
            return Ok(not_applicable(
                check,
                "the change fails already; its tests were not tried",
            ));
        }
        // A shipped scaffold's tests and product are ours, byte by byte, and tried before they were shipped.
        if self
            .change
            .files
            .iter()
            .all(|f| self.rules.is_scaffolded(f))
        {
            return Ok(not_applicable(
                check,
                "all of the change is what a shipped scaffold writes",
            ));
        }
        let own = self.own_tests(head);
        if own == Own::none() {
            return Ok(not_applicable(
                check,
                "the change brings no test of its own, and turns none green",
            ));
        }
        let fixed = census::compare(self.candidate.base_census, head).fixed;
        if self.patches_the_product()
            && let Some(words) = self.green_without(&own, &fixed)?
        {
            return Ok(match words {
                Ok(words) => fail(check, words),
                Err(why) => not_applicable(check, format!("{UNTRIED}: on the base's code {why}")),
            });
        }
        if !fixed.is_empty() && !self.edits_tests() {
            let words = format!(
                "tests that the change did not touch were red, and are green: {}",
                some(&fixed)
            );
            return Ok(pass(check, words));
        }
        if let Some(words) = self.pass_without(&own, on_base) {
            return Ok(fail(check, words));
        }
        // A test that was under way when the run was ended is named as failed by some runners.
        let ended = |base: &&Census| runs::cut_off("", base.exit).is_none();
        let on_base = on_base.filter(ended);
        if on_base.is_some_and(|base| own.one_failed(base)) && !self.brings_what_tests_name() {
            return Ok(pass(
                check,
                "a test of the change fails on the base's code, and names nothing that was not there",
            ));
        }
        self.notices_wrong_answers(&own)
    }

    /// Tests that survive one answer may notice the other, and what could not be tried one way can be the other.
    fn notices_wrong_answers(&mut self, own: &Own) -> Result<Measurement, GateError> {
        let check = Check::MutantsKilled;
        let mut untried = None;
        let mut survived = None;
        let product = self.answers()?;
        for answer in [Answer::Nothing, Answer::Other] {
            match self.answering_wrongly(answer, own, &product, &[])? {
                Tried::NoFunction => {}
                Tried::Unable(why) => untried = Some(why),
                Tried::Ran(seen) => match own.all_passed(&seen) {
                    Some(false) if *own == Own::All && self.pass_alone(&product)? => {
                        let words = "the tests that were there notice when the product answers wrongly, and those of the change alone do not";
                        return Ok(fail(check, words));
                    }
                    Some(false) => {
                        // A test may fail by what it calls, and look at nothing.
                        const NOTICE: &str =
                            "tests of the change fail when the product answers wrongly";
                        return Ok(match self.asserted(own)? {
                            Asserted::Never(words) => fail(check, words),
                            Asserted::Made => pass(check, NOTICE),
                            Asserted::Untried(why) => pass(
                                check,
                                format!("{NOTICE}; whether by an assertion was not tried: {why}"),
                            ),
                        });
                    }
                    None => untried = Some("not every test of the change ran".into()),
                    Some(true) => survived = Some(answer),
                },
            }
        }
        Ok(match (survived, untried) {
            (Some(_), _) if self.changes_outside_of_functions() => not_applicable(
                check,
                "the change lies outside of every function that could answer wrongly",
            ),
            // A right answer may well be nothing; hardly one is what nobody expects.
            (Some(Answer::Other), _) | (Some(Answer::Nothing), None) => fail(
                check,
                format!(
                    "the tests of the change pass whatever the product answers: {}",
                    own.words()
                ),
            ),
            (_, Some(why)) => not_applicable(check, format!("{UNTRIED}: {why}")),
            (None, None) => not_applicable(
                check,
                format!("{UNTRIED}: it has no function that could answer wrongly"),
            ),
        })
    }

    /// A task that names tests to change wants another behaviour: tests that hold without the change do not show it.
    fn pass_without(&self, own: &Own, on_base: Option<&Census>) -> Option<String> {
        let base = self.candidate.base_census;
        let wanted = !self.rules.changes_tests.is_empty() && self.product_changed();
        let fixed = match own {
            Own::All => !base.exit.success(),
            Own::Named(ids) => ids
                .iter()
                .any(|id| base.ids.get(id) == Some(&TestStatus::Failed)),
        };
        let holds = own.all_passed(on_base?) == Some(true);
        (wanted && !fixed && holds).then(|| {
            format!(
                "the tests that were changed pass without the change too: {}",
                own.words()
            )
        })
    }

    /// What is made to answer wrongly: what the change touched of the product, and where it touched nothing, all of it.
    pub(crate) fn answers(&self) -> Result<Vec<String>, GateError> {
        let changed: Vec<String> = { self.change.files.iter() }
            .filter(|file| !file.is_deleted() && self.changes_code(file))
            .map(|file| file.path.clone())
            .collect();
        if changed.is_empty() {
            let all = self.change.head_paths.keys();
            return Ok(all.filter(|path| self.is_product(path)).cloned().collect());
        }
        // A program that the test command starts may be what says how the tests went: it would notice itself.
        let programs = self.started()?;
        let (started, others): (Vec<String>, Vec<String>) = changed
            .into_iter()
            .partition(|path| programs.contains(path));
        Ok(if others.is_empty() { started } else { others })
    }

    /// The tests of the head over a product whose functions answer wrongly, without some of its files.
    pub(crate) fn answering_wrongly(
        &mut self,
        answer: Answer,
        own: &Own,
        product: &[String],
        without: &[String],
    ) -> Result<Tried, GateError> {
        if product.len() > FILES_MAX {
            return Ok(Tried::NoFunction);
        }
        let room = self.stage.room(
            "wrong answers",
            self.candidate.head,
            head_set_up(self.candidate),
        )?;
        for path in without {
            room.take(path)?;
        }
        let mut any = false;
        for path in product {
            let bytes = git::blob(
                self.candidate.repo,
                self.candidate.head,
                path,
                FILE_BYTES_MAX,
            );
            let bytes = match bytes {
                Ok(bytes) => bytes,
                // Data in the shape of a program; no function of it is made to answer wrongly.
                Err(git::GitError::TooLarge { .. }) => continue,
                Err(error) => {
                    return Err(GateError::Repository {
                        what: path.clone(),
                        why: error.to_string(),
                    });
                }
            };
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.filter(|text| text.len() <= PRODUCT_BYTES_MAX);
            if let Some(wrong) = text.and_then(|text| mutants::wrong(path, &text, answer)) {
                let mode = self
                    .change
                    .head_paths
                    .get(path)
                    .copied()
                    .unwrap_or_default();
                room.put(path, wrong.as_bytes(), mode == 0o100_755)?;
                any = true;
            }
        }
        if !any {
            return Ok(Tried::NoFunction);
        }
        let mut langs = product.iter().map(|path| source::lang(path));
        let lang = langs.find(|lang| lang.is_compiled()).unwrap_or(Lang::Plain);
        let (ran, seen) = self.tests_wrong(&room, lang)?;
        if let Some(why) = runs::cut_off(self.candidate.test_command, ran.record.exit) {
            return Ok(Tried::Unable(why));
        }
        if let Some(unable) = runs::unable(&ran, &seen) {
            return Ok(Tried::Unable(unable.why));
        }
        // A runner that names no tests ends alike for a red test and for a product that was not built.
        if let (Own::All, false) = (own, ran.success()) {
            let counts = seen.tally.is_some_and(|tally| tally.total() > 0);
            let unbuilt = match self.candidate.build_command {
                Some(build) => {
                    let exit = self.run(&room, build)?.record.exit;
                    match runs::cut_off(build, exit) {
                        Some(why) => return Ok(Tried::Unable(why)),
                        None => (!exit.success()).then_some("it does not build"),
                    }
                }
                None => (!counts).then_some(
                    "the runner names and counts no tests, and nothing tells that it was built; set a build command",
                ),
            };
            if let Some(why) = unbuilt {
                return Ok(Tried::Unable(why.into()));
            }
        }
        Ok(Tried::Ran(seen))
    }
}
