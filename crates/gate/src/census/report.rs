//! Reads what a runner wrote about its tests for machines, and holds it against what it printed.
//!
//! A report lies where the code under judgement can write too, so it is no more worth than the printed lines: only where both name
//! the same tests, or count as many, is the report the list. A runner that was asked for one and left none is read by its lines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::xml;
use super::{Found, Tally, TestStatus};
use crate::runs::is_a_test;

/// Who wrote a report, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// JUnit's XML, by pytest (`junit_family=xunit1`).
    Pytest,
    /// `go test -json`: an event a line.
    Go,
    /// jest's JSON, which vitest writes too.
    Jest,
    Vitest,
    /// Lines of our own reporters: `{"titles": [], "state": "", "file": ""}`.
    Mocha,
    Node,
}

impl Form {
    pub(crate) const ALL: [Form; 6] = [
        Form::Pytest,
        Form::Go,
        Form::Jest,
        Form::Vitest,
        Form::Mocha,
        Form::Node,
    ];

    /// Begins the name of its files.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Form::Pytest => "pytest",
            Form::Go => "go",
            Form::Jest => "jest",
            Form::Vitest => "vitest",
            Form::Mocha => "mocha",
            Form::Node => "node",
        }
    }

    /// What the readers of printed lines call it.
    fn runners(self) -> &'static [&'static str] {
        match self {
            Form::Pytest => &["pytest"],
            Form::Go => &["go test"],
            Form::Jest => &["jest"],
            Form::Vitest => &["vitest"],
            Form::Mocha => &["mocha"],
            Form::Node => &["TAP", "node --test"],
        }
    }
}

/// What one process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) form: Form,
    pub(crate) text: String,
}

/// A test by the name that its line has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    id: String,
    status: TestStatus,
}

/// What reports and lines say together.
pub(super) struct Reconciled {
    pub(super) found: Vec<Found>,
    /// Where both do not fit.
    pub(super) doubt: Option<String>,
    /// Where the list is from, for people.
    pub(super) read: Vec<String>,
}

/// Puts each report in the place of its runner's lines, where they fit.
pub(super) fn reconcile(
    text: &str,
    lines: Vec<Found>,
    asked: &[Form],
    reports: &[Report],
) -> Reconciled {
    let mut done = Reconciled {
        found: lines,
        doubt: None,
        read: Vec::new(),
    };
    for form in Form::ALL {
        let own = |found: &Found| form.runners().contains(&found.runner);
        let of_form: Vec<&Report> = reports.iter().filter(|r| r.form == form).collect();
        let Some(at) = done.found.iter().position(own) else {
            continue;
        };
        let name = form.word();
        if of_form.is_empty() {
            match asked.contains(&form) {
                true => done
                    .read
                    .push(format!("{name} by its lines, it left no report")),
                // TAP is many programs', of which node is asked alone.
                false if form == Form::Node => {}
                false => done.read.push(format!("{name} by its lines")),
            }
            continue;
        }
        let printed = &done.found[at];
        let sessions = text.matches(" test session starts =").count();
        if form == Form::Pytest && sessions > of_form.len() {
            done.read.push(format!(
                "{name} by its lines, {sessions} runs left {} report(s)",
                of_form.len()
            ));
            continue;
        }
        let reported: Result<Vec<Vec<Named>>, String> = { of_form.iter() }
            .map(|report| named(form, &report.text, printed))
            .collect();
        let reported = match reported {
            Ok(reported) => reported.concat(),
            // One that was cut off by the end of its process is none; what is not told there was not told in lines either.
            Err(why) => {
                done.read
                    .push(format!("{name} by its lines, its report is none ({why})"));
                continue;
            }
        };
        match differ(form, printed, &reported) {
            Some(why) => done.doubt = done.doubt.or(Some(why)),
            None => {
                done.read.push(format!("{name} by its report"));
                done.found[at] = joined(printed, reported);
            }
        }
    }
    done
}

/// A file that skips itself while pytest collects it: counted among the skips, named in no line, and no test.
const COLLECTION_SKIP: &str = "(collection skip)";

/// Why the report and the lines of one run cannot both be true.
fn differ(form: Form, printed: &Found, reported: &[Named]) -> Option<String> {
    let name = form.word();
    let ids: BTreeSet<&str> = reported.iter().map(|test| test.id.as_str()).collect();
    // A package of Go whose tests are not named counts for nothing: Go gives no totals, so the names are held in any case.
    if form == Form::Go || (printed.named && by_the_same_names(form)) {
        let lines: BTreeSet<&str> = printed.tests.iter().map(|(id, _)| id.as_str()).collect();
        let skips = { reported.iter() }.filter(|test| test.id == COLLECTION_SKIP);
        let skips = u64::try_from(skips.count()).unwrap_or(u64::MAX);
        let ignored = { printed.tests.iter() }.filter(|(_, status)| *status == TestStatus::Ignored);
        let ignored = u64::try_from(ignored.count()).unwrap_or(u64::MAX);
        let counted = printed.tally.map_or(0, |tally| tally.ignored);
        if skips > counted.saturating_sub(ignored) {
            return Some(format!(
                "{name} counts {counted} skips and its report {skips} of files alone: the output is garbled or forged"
            ));
        }
        let mut other = ids
            .symmetric_difference(&lines)
            .filter(|id| **id != COLLECTION_SKIP);
        let Some(other) = other.next() else {
            return more_often(form, printed, reported);
        };
        let (has, misses) = match ids.contains(other) {
            true => ("report", "lines"),
            false => ("lines", "report"),
        };
        return Some(format!(
            "{name}'s {has} names {other} and its {misses} do not: the output is garbled or forged"
        ));
    }
    let Some(tally) = printed.tally else {
        return Some(format!(
            "{name} left a report and printed no totals, so nothing holds it: the runner was ended early, or the report is forged"
        ));
    };
    let counted = tally.total();
    let tests = || { reported.iter() }.filter(|test| form == Form::Pytest || is_a_test(&test.id));
    let named = u64::try_from(tests().count()).unwrap_or(u64::MAX);
    // JUnit's form has an unexpected pass among the passed, which pytest's totals have not.
    let passed = tests().filter(|test| test.status == TestStatus::Passed);
    let passed = u64::try_from(passed.count()).unwrap_or(u64::MAX);
    let most = match form {
        Form::Pytest => tally.passed.saturating_add(tally.ignored),
        Form::Go | Form::Jest | Form::Vitest | Form::Mocha | Form::Node => tally.passed,
    };
    if passed > most {
        return Some(format!(
            "{name} counts {} passed tests and its report {passed}: the output is garbled or forged",
            tally.passed
        ));
    }
    // A test that passes and whose teardown breaks is one case of pytest's report and counted twice.
    let twice = form == Form::Pytest && named < counted && counted - named <= tally.failed;
    if named != counted && !twice {
        return Some(format!(
            "{name} counts {counted} tests and its report names {named}: the output is garbled or forged"
        ));
    }
    let other = unprinted(form, printed, reported)?;
    Some(format!(
        "{name}'s report names {other} and its lines do not: the output is garbled or forged"
    ))
}

/// A test of the report whose own name stands in no line, where lines name tests: as many of them say nothing of which they are. Of a
/// name only letters and digits are compared, since lines lose the rest or write it otherwise; one with line breaks is not.
fn unprinted<'a>(form: Form, printed: &Found, reported: &'a [Named]) -> Option<&'a str> {
    let all = match form {
        Form::Jest | Form::Mocha | Form::Node => printed.named,
        // It names the files of tests that passed, and tests alone where it is asked to be verbose.
        Form::Vitest => { printed.tally }.is_some_and(|tally| {
            u64::try_from(printed.tests.len()).is_ok_and(|named| named >= tally.total())
        }),
        Form::Pytest | Form::Go => false,
    };
    if !all {
        return None;
    }
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for (id, _) in &printed.tests {
        *lines.entry(letters(id)).or_default() += 1;
    }
    let tests = reported.iter().filter(|test| is_a_test(&test.id));
    for test in tests.filter(|test| !test.id.contains(char::is_control)) {
        let bare = { WENT.replace(&test.id, "") }.into_owned();
        let names = match form {
            Form::Vitest => vec![letters(&test.id), letters(&bare)],
            Form::Pytest | Form::Go | Form::Jest | Form::Mocha | Form::Node => {
                vec![letters(&test.id)]
            }
        };
        let named = { names.iter() }.find(|name| lines.get(*name).is_some_and(|left| *left > 0));
        match named.and_then(|name| lines.get_mut(name)) {
            Some(left) => *left -= 1,
            None => return Some(&test.id),
        }
    }
    None
}

static TOOK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:\s*\([\d.]+ ?m?s\))+$").expect("a fixed pattern"));

/// What looks in a line of vitest's like the time that a test took and how it went, and may be the end of its name.
static WENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?: \d+m?s)?(?: \(.*\))?$").expect("a fixed pattern"));

/// Letters and digits of a test's own name, without the time that it took.
fn letters(id: &str) -> String {
    let own = id.rsplit(" > ").next().unwrap_or(id);
    let own = TOOK.replace(own.trim_end(), "");
    own.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Why a report that names the same tests as the lines is none: it names one of them more often than a line does, or less often. An
/// error behind a test that passed is a line of its own and no case of its own. Events of Go are one a name, however often it ran.
fn more_often(form: Form, printed: &Found, reported: &[Named]) -> Option<String> {
    let mut often: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for test in reported.iter().filter(|test| test.id != COLLECTION_SKIP) {
        often.entry(&test.id).or_default().0 += 1;
    }
    let mut broken: BTreeSet<&str> = BTreeSet::new();
    for (id, status) in &printed.tests {
        often.entry(id).or_default().1 += 1;
        if *status == TestStatus::Failed {
            broken.insert(id);
        }
    }
    let name = form.word();
    let differs = |(id, (report, lines)): (&str, (usize, usize))| {
        let excused = lines > report && (form == Form::Go || broken.contains(id));
        (report != lines && !excused).then(|| {
            format!(
                "{name}'s report names {id} {report} times and its lines {lines} times: the output is garbled or forged"
            )
        })
    };
    often.into_iter().find_map(differs)
}

/// Whether the report gives a test the id that its line gives it.
fn by_the_same_names(form: Form) -> bool {
    match form {
        Form::Pytest | Form::Go => true,
        // Lines lose blanks, marks and hashes of a name.
        Form::Jest | Form::Vitest | Form::Mocha | Form::Node => false,
    }
}

/// The worse of two results counts: an unexpected pass is a pass in JUnit's form alone.
fn joined(printed: &Found, reported: Vec<Named>) -> Found {
    let mut lines: BTreeMap<&str, Vec<TestStatus>> = BTreeMap::new();
    for (id, status) in &printed.tests {
        lines.entry(id).or_default().push(*status);
    }
    let mut by_id: BTreeMap<String, Vec<TestStatus>> = BTreeMap::new();
    for test in reported
        .into_iter()
        .filter(|test| test.id != COLLECTION_SKIP)
    {
        by_id.entry(test.id).or_default().push(test.status);
    }
    let mut tally = Tally::default();
    let mut tests = Vec::new();
    for (id, statuses) in by_id {
        let of_lines = lines.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        for status in paired(statuses, of_lines) {
            match status {
                TestStatus::Passed => tally.passed += 1,
                TestStatus::Failed => tally.failed += 1,
                TestStatus::Ignored => tally.ignored += 1,
            }
            tests.push((id.clone(), status));
        }
    }
    Found {
        runner: printed.runner,
        tests,
        tally: Some(tally),
        named: true,
    }
}

/// How the tests of one name went by report and by lines. Of as many lines each stands beside one test, whichever it is; of more or fewer
/// the worst stands beside all.
fn paired(mut reported: Vec<TestStatus>, lines: &[TestStatus]) -> Vec<TestStatus> {
    let mut lines = lines.to_vec();
    if reported.len() == lines.len() {
        reported.sort_unstable();
        lines.sort_unstable();
        let both = reported.into_iter().zip(lines);
        return both.map(|(one, other)| worse(one, other)).collect();
    }
    let worst = lines.into_iter().reduce(worse);
    let both = |status| worst.map_or(status, |line| worse(line, status));
    reported.into_iter().map(both).collect()
}

fn worse(one: TestStatus, other: TestStatus) -> TestStatus {
    match (one, other) {
        (TestStatus::Failed, _) | (_, TestStatus::Failed) => TestStatus::Failed,
        (TestStatus::Ignored, _) | (_, TestStatus::Ignored) => TestStatus::Ignored,
        (TestStatus::Passed, TestStatus::Passed) => TestStatus::Passed,
    }
}

fn named(form: Form, text: &str, printed: &Found) -> Result<Vec<Named>, String> {
    match form {
        Form::Pytest => pytest(text, printed),
        Form::Go => go(text),
        Form::Jest | Form::Vitest => jest(text),
        Form::Mocha | Form::Node => lines(text),
    }
}

/// pytest's name of a test, as its report has it: the file with dots and without its ending, then the classes, then the function.
fn mangled(id: &str) -> String {
    let (path, bracket) = id.split_at(id.find('[').unwrap_or(id.len()));
    let (file, rest) = path.split_once("::").unwrap_or((path, ""));
    let module = file.replace('/', ".");
    let module = module.strip_suffix(".py").unwrap_or(&module);
    format!("{module}.{}{bracket}", rest.replace("::", "."))
}

fn pytest(text: &str, printed: &Found) -> Result<Vec<Named>, String> {
    let lines: BTreeMap<String, &str> = { printed.tests.iter() }
        .map(|(id, _)| (mangled(id), id.as_str()))
        .collect();
    let ids: BTreeSet<&str> = { printed.tests.iter() }
        .map(|(id, _)| id.as_str())
        .collect();
    let mut broken = 0u32;
    let mut found = Vec::new();
    for case in xml::cases(text)? {
        let status = match case.outcome {
            xml::Outcome::Plain => TestStatus::Passed,
            xml::Outcome::Skipped => TestStatus::Ignored,
            xml::Outcome::Failed => TestStatus::Failed,
        };
        if case.class.is_empty() && status == TestStatus::Ignored {
            let id = COLLECTION_SKIP.to_owned();
            found.push(Named { id, status });
            continue;
        }
        if case.class.is_empty() && status == TestStatus::Failed {
            broken += 1;
            let id = format!("(collection error {broken})");
            found.push(Named { id, status });
            continue;
        }
        let whole = format!("{}.{}", case.class, case.name);
        // By its file first: `a/b.py::c` and `a.py::b::c` have one name with dots.
        let placed = placed(&case);
        let id = match lines.get(&whole) {
            Some(line) if !ids.contains(placed.as_str()) => (*line).to_owned(),
            Some(_) | None => placed,
        };
        found.push(Named { id, status });
    }
    Ok(found)
}

/// `tests.test_a.TestK` and `tests/test_a.py` give `tests/test_a.py::TestK`. A test that a class inherits stands in another file than
/// the one that collects it; then its dots stay.
fn placed(case: &xml::Case) -> String {
    let module = case.file.replace('/', ".");
    let module = module.strip_suffix(".py").unwrap_or(&module);
    let inner = case
        .class
        .strip_prefix(module)
        .filter(|_| !module.is_empty());
    match inner {
        Some("") => format!("{}::{}", case.file, case.name),
        Some(inner) if inner.starts_with('.') => {
            let classes = inner[1..].replace('.', "::");
            format!("{}::{classes}::{}", case.file, case.name)
        }
        Some(_) | None => format!("{}::{}", case.class, case.name),
    }
}

/// Of `go test -json` (cmd/test2json).
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Package", default)]
    package: String,
    #[serde(rename = "Test", default)]
    test: String,
}

fn go(text: &str) -> Result<Vec<Named>, String> {
    let mut tests: BTreeMap<(String, String), Option<TestStatus>> = BTreeMap::new();
    let mut failed: BTreeSet<String> = BTreeSet::new();
    let mut any = false;
    for line in text.lines() {
        if !line.starts_with('{') {
            // What was not built is told in a plain line, up to Go 1.23.
            let package = line
                .strip_prefix("FAIL\t")
                .and_then(|rest| rest.split('\t').next());
            let package = package.and_then(|rest| rest.split(" [").next());
            failed.extend(package.map(str::to_owned));
            continue;
        }
        let event: Event = serde_json::from_str(line).map_err(|e| e.to_string())?;
        any = true;
        let status = match event.action.as_str() {
            "pass" => Some(TestStatus::Passed),
            "skip" => Some(TestStatus::Ignored),
            "fail" => Some(TestStatus::Failed),
            "run" => None,
            _ => continue,
        };
        if event.test.is_empty() {
            if status == Some(TestStatus::Failed) {
                failed.insert(event.package);
            }
            continue;
        }
        let seen = tests.entry((event.package, event.test)).or_default();
        *seen = match (*seen, status) {
            (Some(old), Some(new)) => Some(worse(old, new)),
            (old, new) => old.or(new),
        };
    }
    if !any && failed.is_empty() {
        return Err("it has no event".into());
    }
    // A test that began and never ended failed: the process was left by `os.Exit` or a panic.
    let mut found: Vec<Named> = Vec::new();
    let mut red: BTreeSet<String> = BTreeSet::new();
    for ((package, test), status) in tests {
        // As by its lines: a package that failed without a test that says so stands for itself.
        if status == Some(TestStatus::Failed) {
            red.insert(package.clone());
        }
        found.push(Named {
            id: format!("{package}::{test}"),
            status: status.unwrap_or(TestStatus::Failed),
        });
    }
    found.extend(failed.difference(&red).map(|package| Named {
        id: format!("{package} (package)"),
        status: TestStatus::Failed,
    }));
    Ok(found)
}

/// jest's `--json`; vitest's reporter `json` has the same form.
#[derive(Deserialize)]
struct JestLog {
    #[serde(rename = "testResults")]
    files: Vec<JestFile>,
}

#[derive(Deserialize)]
struct JestFile {
    name: String,
    status: String,
    #[serde(rename = "assertionResults")]
    tests: Vec<JestTest>,
}

#[derive(Deserialize)]
struct JestTest {
    #[serde(rename = "ancestorTitles")]
    within: Vec<String>,
    title: String,
    status: String,
}

fn jest(text: &str) -> Result<Vec<Named>, String> {
    let log: JestLog = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    for file in log.files {
        let path = inside(&file.name);
        if file.tests.is_empty() && file.status == "failed" {
            // It could not be loaded, and counts among the files alone.
            found.push(Named {
                id: format!("{path} (package)"),
                status: TestStatus::Failed,
            });
        }
        for test in file.tests {
            let status = match test.status.as_str() {
                "passed" => TestStatus::Passed,
                "pending" | "skipped" | "todo" | "disabled" => TestStatus::Ignored,
                _ => TestStatus::Failed,
            };
            let titles = test.within.iter().chain([&test.title]);
            let titles: Vec<&str> = titles
                .map(String::as_str)
                .filter(|t| !t.is_empty())
                .collect();
            let id = format!("{path} > {}", titles.join(" > "));
            found.push(Named { id, status });
        }
    }
    Ok(found)
}

/// A path below the top of the tree, as the cage shows it.
fn inside(path: &str) -> String {
    let top = format!("{}/", alai_workspace::clone::INSIDE_REPO);
    path.strip_prefix(&top).unwrap_or(path).to_owned()
}

/// A line of our own reporters.
#[derive(Deserialize)]
struct Line {
    titles: Vec<String>,
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Passed,
    Failed,
    Ignored,
    /// The last line: without it the process ended before its runner did.
    End,
}

fn lines(text: &str) -> Result<Vec<Named>, String> {
    let mut found = Vec::new();
    let mut ended = false;
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let status = match line.state {
            State::Passed => TestStatus::Passed,
            State::Failed => TestStatus::Failed,
            State::Ignored => TestStatus::Ignored,
            State::End => {
                ended = true;
                continue;
            }
        };
        let id = line.titles.join(" > ");
        found.push(Named { id, status });
    }
    match ended {
        true => Ok(found),
        false => Err("it has no end".into()),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
