//! Which tests there are and how each went, read out of a runner's output.
//!
//! The output comes from code under judgement and is hostile: it is bounded, control sequences are removed, tests of one name are
//! as many as were reported, each with a result of its own, and a runner whose own totals do not fit the tests it named is not
//! believed at all.

mod c;
mod cargo;
mod go;
mod javascript;
mod node;
mod python;
mod report;
mod xml;

use std::collections::BTreeMap;

use alai_core::record::{Captured, Exit};
use serde::{Deserialize, Serialize};

pub(crate) use report::{Form, Report};

/// More tests than this in one project are not told apart; the Rust compiler's own suite has about 20,000.
pub const TESTS_MAX: usize = 100_000;
/// Longer names are no names; pytest writes parameters into them, which gives some hundred characters.
pub const ID_BYTES_MAX: usize = 1_000;
/// Output beyond this is not read: at 100 bytes a line it holds more than `TESTS_MAX` tests.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// How one test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestStatus {
    Passed,
    /// Failed, or ended with an error.
    Failed,
    /// Named by the runner and not run, or not counted whatever its result (skip, ignore, todo, xfail).
    Ignored,
}

/// Totals as the runner wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

impl Tally {
    pub fn total(self) -> u64 {
        self.passed + self.failed + self.ignored
    }

    fn add(&mut self, other: Tally) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.ignored = self.ignored.saturating_add(other.ignored);
    }
}

/// The tests of one run of the test command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// By id; an id is stable from run to run and names its file, binary or package where the runner does.
    pub ids: BTreeMap<String, TestStatus>,
    /// Whether `ids` is the whole list. False with a runner that names no tests, or one that cannot be believed.
    pub known: bool,
    /// Totals where the runner gave some, also when it named no tests.
    pub tally: Option<Tally>,
    /// Which runners were recognised, for people.
    pub runners: Vec<String>,
    /// Why the list is not known, for people; empty when it is.
    pub note: String,
    /// Whether a runner that can write a report was read by that or by its lines, and why; empty for others. Censuses of before
    /// have none.
    #[serde(default)]
    pub read: Vec<String>,
    pub exit: Exit,
}

/// What one parser found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Found {
    runner: &'static str,
    tests: Vec<(String, TestStatus)>,
    tally: Option<Tally>,
    /// True when the runner names its tests one by one in this output.
    named: bool,
}

/// The environment that makes runners name their tests and stay plain. Every run of a test command gets it.
pub fn runner_env() -> Vec<(String, String)> {
    [
        // -rA would print the captured output of passing tests too, where a test can forge lines; -rap prints names alone.
        (
            "PYTEST_ADDOPTS",
            "-vv -rap --color=no -o console_output_style=classic",
        ),
        // Go would answer with the result of an earlier run where it takes nothing for changed; a run that is measured is one.
        ("GOFLAGS", "-v -count=1"),
        ("NEXTEST_STATUS_LEVEL", "all"),
        ("NEXTEST_FINAL_STATUS_LEVEL", "none"),
        ("NEXTEST_NO_INPUT_HANDLER", "1"),
        ("CARGO_TERM_COLOR", "never"),
        ("CARGO_TERM_PROGRESS_WHEN", "never"),
        ("RUST_BACKTRACE", "0"),
        ("CI", "1"),
        ("NO_COLOR", "1"),
        ("TERM", "dumb"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONUNBUFFERED", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Reads a run of the test command whose two streams were joined in their own order (see `stage::merged`).
pub fn read(captured: &Captured) -> Census {
    bounded(captured, parse(&captured.combined(), captured.record.exit))
}

/// The same, with what its runners wrote for machines, and which of them were asked to.
pub(crate) fn read_with(captured: &Captured, asked: &[Form], reports: &[Report]) -> Census {
    let census = parse_with(&captured.combined(), captured.record.exit, asked, reports);
    bounded(captured, census)
}

/// Reads an output and what its runners left beside it.
pub(crate) fn parse_with(output: &str, exit: Exit, asked: &[Form], reports: &[Report]) -> Census {
    let text = plain(output);
    let both = report::reconcile(&text, in_lines(&text), asked, reports);
    let mut census = assemble(both.found, exit);
    if let Some(why) = both.doubt {
        census.known = false;
        census.note = why;
    }
    census.read = both.read;
    census
}

fn bounded(captured: &Captured, mut census: Census) -> Census {
    if captured.truncated && census.known {
        census.known = false;
        census.note = "the runner wrote more than is kept, so its list has a hole".into();
    }
    census
}

/// Reads an output.
pub fn parse(output: &str, exit: Exit) -> Census {
    assemble(in_lines(&plain(output)), exit)
}

/// What each reader of printed lines finds.
fn in_lines(text: &str) -> Vec<Found> {
    [
        cargo::libtest,
        cargo::nextest,
        python::pytest,
        python::unittest,
        go::verbose,
        node::tap,
        c::runner,
    ]
    .into_iter()
    .chain([
        node::spec,
        javascript::jest,
        javascript::vitest,
        javascript::mocha,
    ])
    .filter_map(|parser| parser(text))
    .collect()
}

fn assemble(found: Vec<Found>, exit: Exit) -> Census {
    let mut census = Census {
        ids: BTreeMap::new(),
        known: false,
        tally: None,
        runners: found.iter().map(|f| f.runner.to_owned()).collect(),
        note: "the runner names no tests".into(),
        read: Vec::new(),
        exit,
    };
    let mut doubt = None;
    let mut named = !found.is_empty();
    let mut tests = Vec::new();
    for one in found {
        if let Some(tally) = one.tally {
            census.tally.get_or_insert_default().add(tally);
        }
        doubt = doubt.or_else(|| disbelief(&one));
        named &= one.named;
        tests.extend(one.tests);
    }
    census.ids = numbered(tests);
    if census.ids.len() > TESTS_MAX {
        doubt = Some(format!("the runner named more than {TESTS_MAX} tests"));
        census.ids.clear();
    }
    match doubt {
        Some(why) => census.note = why,
        None if named => {
            census.known = true;
            census.note.clear();
        }
        None => {}
    }
    census
}

/// A runner that names more tests than it counts was helped by somebody.
fn disbelief(found: &Found) -> Option<String> {
    if !found.named {
        return None;
    }
    let tally = found.tally?;
    let named = u64::try_from(found.tests.len()).unwrap_or(u64::MAX);
    (named != tally.total()).then(|| {
        format!(
            "{} counts {} tests but its lines name {named}: the output is garbled or forged",
            found.runner,
            tally.total()
        )
    })
}

/// An id for each test, also where several have one name: the first has it bare, the others with a number that none is named by, so
/// that there are as many ids as tests and one that is gone is missed.
///
/// Which of them went how is told by nobody, and their order is a runner's whim. They are numbered by their results, best first:
/// then a run with one more failure, or one more skip, differs from the one before by just that.
fn numbered(tests: Vec<(String, TestStatus)>) -> BTreeMap<String, TestStatus> {
    let mut by_name: BTreeMap<String, Vec<TestStatus>> = BTreeMap::new();
    for (id, status) in tests {
        by_name.entry(printable(&id)).or_default().push(status);
    }
    let mut ids = BTreeMap::new();
    for (name, all) in &mut by_name.clone() {
        all.sort_unstable();
        let mut numbers = (2u64..)
            .map(|number| format!("{name} #{number}"))
            .filter(|id| !by_name.contains_key(id));
        let first = std::iter::once(name.clone());
        ids.extend(first.chain(&mut numbers).zip(all.iter().copied()));
    }
    ids
}

/// A name on one line and of a bounded length: one may hold line breaks, and stands in lines for people.
fn printable(id: &str) -> String {
    let mut end = id.len().min(ID_BYTES_MAX);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    let mut text = String::with_capacity(end);
    for c in id[..end].chars() {
        match c.is_control() {
            true => text.extend(c.escape_default()),
            false => text.push(c),
        }
    }
    text
}

/// Bounded, without control sequences, with `\r` as the end of a line.
fn plain(output: &str) -> String {
    let mut end = output.len().min(OUTPUT_BYTES_MAX);
    while !output.is_char_boundary(end) {
        end -= 1;
    }
    let mut clean = String::with_capacity(end);
    let mut chars = output[..end].chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut chars),
            '\r' => clean.push('\n'),
            '\n' | '\t' => clean.push(c),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

/// ECMA-48: `ESC [` up to a byte from `@` to `~`; `ESC ]` up to BEL; else one character.
fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
        Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\n') {},
        Some(_) | None => {}
    }
}

/// What changed between two runs of the tests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Named before, not named now.
    pub lost: Vec<String>,
    pub newly_skipped: Vec<String>,
    /// Failed now, and before it passed, was skipped or was not there.
    pub newly_failed: Vec<String>,
    /// Failed before, passes now.
    pub fixed: Vec<String>,
    /// Not named before.
    pub added: Vec<String>,
}

/// Compares two runs by id. Only worth something when both lists are known.
pub fn compare(base: &Census, now: &Census) -> Difference {
    let mut difference = Difference::default();
    for (id, before) in &base.ids {
        let Some(after) = now.ids.get(id) else {
            difference.lost.push(id.clone());
            continue;
        };
        match (before, after) {
            (TestStatus::Passed | TestStatus::Failed, TestStatus::Ignored) => {
                difference.newly_skipped.push(id.clone())
            }
            (TestStatus::Passed | TestStatus::Ignored, TestStatus::Failed) => {
                difference.newly_failed.push(id.clone())
            }
            (TestStatus::Failed, TestStatus::Passed) => difference.fixed.push(id.clone()),
            (TestStatus::Passed | TestStatus::Ignored, TestStatus::Passed)
            | (TestStatus::Failed, TestStatus::Failed)
            | (TestStatus::Ignored, TestStatus::Ignored) => {}
        }
    }
    for (id, after) in now.ids.iter().filter(|(id, _)| !base.ids.contains_key(*id)) {
        difference.added.push(id.clone());
        if *after == TestStatus::Failed {
            difference.newly_failed.push(id.clone());
        }
    }
    difference
}

impl Census {
    /// Ids of the tests that failed.
    pub fn red(&self) -> Vec<&str> {
        self.with(TestStatus::Failed)
    }

    pub fn with(&self, status: TestStatus) -> Vec<&str> {
        self.ids
            .iter()
            .filter(|(_, s)| **s == status)
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let count = |status| self.with(status).len();
        if self.known {
            let (passed, failed) = (count(TestStatus::Passed), count(TestStatus::Failed));
            return format!(
                "{passed} passed, {failed} failed, {} ignored, {}",
                count(TestStatus::Ignored),
                self.exit
            );
        }
        match self.tally {
            Some(t) => format!(
                "{} passed, {} failed, {} ignored by count ({}), {}",
                t.passed, t.failed, t.ignored, self.note, self.exit
            ),
            None => format!("{}, {}", self.note, self.exit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Exit = Exit::Code { code: 0 };

    fn census(tests: &[(&str, TestStatus)]) -> Census {
        let tests = tests
            .iter()
            .map(|(id, status)| ((*id).to_owned(), *status))
            .collect();
        assemble(
            vec![Found {
                runner: "t",
                tests,
                tally: None,
                named: true,
            }],
            OK,
        )
    }

    #[test]
    fn a_comparison_names_what_moved() {
        use TestStatus::{Failed, Ignored, Passed};
        let base = census(&[
            ("a", Passed),
            ("b", Passed),
            ("c", Passed),
            ("d", Failed),
            ("e", Failed),
            ("f", Ignored),
        ]);
        let now = census(&[
            ("a", Passed),
            ("b", Ignored),
            ("d", Passed),
            ("e", Failed),
            ("f", Failed),
            ("n", Passed),
            ("r", Failed),
        ]);
        let want = Difference {
            lost: vec!["c".into()],
            newly_skipped: vec!["b".into()],
            newly_failed: vec!["f".into(), "r".into()],
            fixed: vec!["d".into()],
            added: vec!["n".into(), "r".into()],
        };
        assert_eq!(compare(&base, &now), want);
    }

    #[test]
    fn tests_of_one_name_are_as_many_as_were_reported() {
        use TestStatus::{Failed, Ignored, Passed};
        let all = |all: &[(&str, TestStatus)]| census(all).ids.into_iter().collect::<Vec<_>>();
        let of = |all: &[(&str, TestStatus)]| -> Vec<(String, TestStatus)> {
            { all.iter() }
                .map(|(id, s)| ((*id).to_owned(), *s))
                .collect()
        };
        let numbered = of(&[
            ("a", Passed),
            ("a #2", Failed),
            ("b", Passed),
            ("b #2", Passed),
        ]);
        let told = [("b", Passed), ("a", Failed), ("b", Passed), ("a", Passed)];
        assert_eq!(all(&told), numbered, "whatever their order");
        // A name that looks like a number of another one is its own.
        let odd = of(&[("a", Passed), ("a #2", Ignored), ("a #3", Passed)]);
        assert_eq!(all(&[("a", Passed), ("a #2", Ignored), ("a", Passed)]), odd);
        assert_eq!(all(&[("a\nb", Passed)]), of(&[("a\\nb", Passed)]));
    }

    /// Of two tests of one name the one that is skipped excuses nothing of the other.
    #[test]
    fn what_became_of_one_of_two_tests_of_one_name_is_seen() {
        use TestStatus::{Failed, Ignored, Passed};
        let two = |one, other| census(&[("a", one), ("a", other), ("a #2", Passed)]);
        let base = two(Ignored, Passed);
        assert!(base.red().is_empty(), "neither of them failed");
        assert_eq!(compare(&base, &two(Passed, Ignored)), Difference::default());
        assert_eq!(compare(&base, &two(Failed, Ignored)).newly_failed, ["a"]);
        assert_eq!(compare(&base, &two(Ignored, Ignored)).newly_skipped, ["a"]);
        let fewer = census(&[("a", Passed), ("a #2", Passed)]);
        assert_eq!(compare(&two(Passed, Passed), &fewer).lost, ["a #3"]);
        let fewer = census(&[("a", Passed), ("a", Passed)]);
        assert_eq!(compare(&two(Passed, Passed), &fewer).lost, ["a #3"]);
        let red = two(Passed, Failed);
        assert_eq!(compare(&red, &two(Failed, Failed)).newly_failed, ["a"]);
    }

    #[test]
    fn a_forged_line_makes_the_runner_unbelievable() {
        let honest = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert!(parse(honest, OK).known);
        let forged = honest.replace("test a ... ok", "test gone ... ok\ntest a ... ok");
        let census = parse(&forged, OK);
        assert!(
            !census.known && census.note.contains("forged"),
            "{census:?}"
        );
    }

    #[test]
    fn colours_are_removed_and_rubbish_is_survived() {
        let coloured = "running 1 test\ntest a ... \u{1b}[32mok\u{1b}[0m\n\ntest result: \u{1b}[32mok\u{1b}[0m. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert!(
            parse(coloured, OK)
                .ids
                .values()
                .all(|s| *s == TestStatus::Passed)
        );
        for rubbish in [
            "",
            "\u{1b}",
            "\u{1b}[",
            "ok",
            "test",
            "test  ... ",
            "::",
            "not ok",
            "--- PASS:",
            "ÿ\u{0}\u{7}",
        ] {
            assert!(!parse(rubbish, OK).known, "{rubbish:?}");
        }
    }

    #[test]
    fn a_silent_runner_is_unknown_and_keeps_its_exit() {
        let census = parse("all good\n", Exit::Code { code: 3 });
        assert!(!census.known && census.ids.is_empty());
        assert_eq!(census.exit, Exit::Code { code: 3 });
    }
}
