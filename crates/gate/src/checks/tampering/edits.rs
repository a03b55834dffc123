//! Tests of the base that the change edited, weakened or lost.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::super::gate_config::stricter;
use super::kept::{self, Claim};
use crate::change::{ChangedFile, Content};
use crate::source::{self, Lang};
use crate::testfns::{self, TestFn};

/// Lines that name what a test uses: adding a name to them is no edit of a test.
static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*(?:use\b|import\b|from\b.*\bimport\b|(?:const|let|var)\s.*=\s*(?:await\s+)?(?:require|import)\s*\(|\}\s*from\b|mod\s+\w+;|extern crate|#include|"[\w./-]+"\s*$|\s*\w+(?:\s+as\s+\w+)?,\s*$|[)}\]]+[;,]?\s*$)"#).expect("a fixed pattern")
});

/// Whether a line of code names what a file uses.
pub(super) fn is_import(code: &str) -> bool {
    IMPORT.is_match(code)
}

pub(super) fn found(file: &ChangedFile, rules: &Rules<'_>) -> Vec<String> {
    let base_path = file.base_path();
    if file.is_new() || rules.changes_tests.names(base_path) {
        return Vec::new();
    }
    let is_test = rules.is_test(base_path);
    if is_test && file.is_deleted() {
        return vec![format!("{base_path} is a test and was deleted")];
    }
    if is_test && file.from.is_some() && !rules.is_test(&file.path) {
        return vec![format!(
            "{base_path} is a test and was moved to {}, where no runner looks",
            file.path
        )];
    }
    if is_test && file.changed_unseen() {
        return vec![format!("{base_path} is what tests read and was changed")];
    }
    let Some(base) = file.base.text() else {
        return unreadable(file, is_test);
    };
    let head = file.head.text().unwrap_or_default();
    let claims = kept::claims(file, rules);
    let mut found = lost_or_edited(file, base, head, is_test, &claims);
    if is_test && found.is_empty() && !stricter::runs_stricter(file) {
        found.extend(edited_around(file, base, &claims));
    }
    if !is_test && found.is_empty() && file.lang() == Lang::Rust {
        found.extend(edited_module(file, base));
    }
    found
}

/// Helpers and constants beside the unit tests of a Rust source decide what an assertion means, as those of a test file do.
fn edited_module(file: &ChangedFile, base: &str) -> Vec<String> {
    let Some(source) = file.base_source() else {
        return Vec::new();
    };
    let modules = testfns::rust_test_modules(&source);
    let tests = testfns::find(base, Lang::Rust);
    let in_test = |line: usize| {
        tests
            .values()
            .flatten()
            .any(|test| test.lines.contains(&line))
    };
    let lost = |line: &&usize| {
        let text = source.uncommented(**line);
        let inside = modules.iter().any(|module| module.contains(*line)) && !in_test(**line);
        inside && !text.trim().is_empty() && !IMPORT.is_match(&text)
    };
    let first = file.removed.iter().find(lost);
    first
        .map(|line| {
            format!(
                "{}: line {} of the base's test module was changed",
                file.path,
                line + 1
            )
        })
        .into_iter()
        .collect()
}

fn unreadable(file: &ChangedFile, is_test: bool) -> Vec<String> {
    let differs = file.base != file.head || file.base == Content::Unread;
    if is_test && differs {
        vec![format!("{} is what tests read and was changed", file.path)]
    } else {
        Vec::new()
    }
}

/// Compares test by test. In sources only Rust keeps its tests.
fn lost_or_edited(
    file: &ChangedFile,
    base: &str,
    head: &str,
    is_test: bool,
    claims: &[Claim],
) -> Vec<String> {
    if !is_test && file.lang() != Lang::Rust {
        return Vec::new();
    }
    let before = testfns::find(base, source::lang_of(file.base_path(), base));
    let after = testfns::find(head, file.lang());
    before
        .iter()
        .filter(|(name, _)| !claims.iter().any(|claim| claim.name == **name))
        .filter_map(|(name, tests)| verdict(file, name, tests, &after))
        .collect()
}

fn verdict(
    file: &ChangedFile,
    name: &str,
    before: &[TestFn],
    after: &BTreeMap<String, Vec<TestFn>>,
) -> Option<String> {
    let path = &file.path;
    let Some(now) = after.get(name) else {
        return Some(format!("{path}: the test {name} is gone"));
    };
    if now.len() != before.len() && file.lang() != Lang::JavaScript {
        return Some(format!(
            "{path}: the test {name} stands there {} times, before {}",
            now.len(),
            before.len()
        ));
    }
    let edited = before
        .iter()
        .find(|test| !now.iter().any(|other| other.text == test.text))?;
    let line = edited.lines.start + 1;
    Some(format!(
        "{path}: the test {name} (line {line} of the base) was edited, and may ask less than it did; put it back, or name \
         the file in `changes_tests` of the task"
    ))
}

/// Outside of its tests a test file may gain lines, not lose any: helpers and data decide what an assertion means.
fn edited_around(file: &ChangedFile, base: &str, claims: &[Claim]) -> Vec<String> {
    let lang = source::lang(file.base_path());
    let base_lines: Vec<&str> = base.lines().collect();
    let lost = |line: &&usize| {
        let text = base_lines.get(**line).copied().unwrap_or_default();
        let import = lang.is_code() && IMPORT.is_match(text);
        let claimed = claims.iter().any(|claim| claim.lines.contains(*line));
        !text.trim().is_empty() && !import && !claimed && !is_comment(file, **line)
    };
    let first = file.removed.iter().find(lost);
    first
        .map(|line| {
            format!(
                "{} is a test file; line {} of the base was changed",
                file.path,
                line + 1
            )
        })
        .into_iter()
        .collect()
}

fn is_comment(file: &ChangedFile, line: usize) -> bool {
    file.base_source()
        .is_some_and(|source| source.uncommented(line).trim().is_empty())
}
