//! Patterns that were made of the tests' examples: one for each, with what only that example has in it, and taken out of whatever comes.
//! What was asked for is a kind of text, and the next text of that kind goes through.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::copied::Tests;
use crate::change::ChangedFile;
use crate::mutants;
use crate::source::Source;

/// Two may be examples.
const PATTERNS_MIN: usize = 3;
/// Longer lists are no examples' any more.
const PATTERNS_MAX: usize = 40;
/// More patterns of one file are not compiled.
const COMPILED_MAX: usize = 400;
/// Shorter literals stand in anything.
const LITERAL_CHARS_MIN: usize = 6;
/// More literals of the tests are not tried.
const LITERALS_MAX: usize = 5_000;
/// What one pattern may take when it is compiled, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 16;

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// A pattern as it is written: between slashes, or handed to what compiles it.
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r##"(?:^\s*|[\[(,=:]\s*)/((?:[^/\\\s\[]|\\.|\[(?:[^\]\\]|\\.)*\]|[ ])+)/[dgimsuvy]*|\b(?:re\.compile|MustCompile|Regex::new)\(\s*[rb]?#?(?:"((?:[^"\\]|\\.)+)"|'((?:[^'\\]|\\.)+)'|`([^`]+)`)"##,
    )
});
static TAKES_OUT: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\.replace(?:All|_all)?\(|\.sub\(|ReplaceAll\w*\("));
/// A value that somebody gave to a name in an example (`src=x`): the name alone is what a list of names is made of.
static GIVEN: LazyLock<Regex> = LazyLock::new(|| fixed(r#"\w=\\?["']?\w"#));

/// One of several patterns of a change that stand together.
struct One {
    line: usize,
    text: String,
    compiled: Regex,
}

pub(super) fn found(
    file: &ChangedFile,
    source: &Source,
    tests: &Tests,
) -> Vec<(usize, &'static str)> {
    let text = file.head.text().unwrap_or_default();
    if !source.code.iter().any(|code| TAKES_OUT.is_match(code)) {
        return Vec::new();
    }
    let own = mutants::test_lines(source, text, file.lang());
    let mut groups: Vec<Vec<One>> = Vec::new();
    let mut last = None;
    let mut left = COMPILED_MAX;
    for at in file
        .added
        .iter()
        .filter(|at| !own.iter().any(|range| range.contains(at)))
    {
        let new = patterns(&source.uncommented(*at), *at, left);
        left -= new.len();
        if new.is_empty() {
            continue;
        }
        match groups
            .last_mut()
            .filter(|_| last.is_some_and(|last| *at <= last + 1))
        {
            Some(group) => group.extend(new),
            None => groups.push(new),
        }
        last = Some(*at);
    }
    let literals: BTreeSet<&str> = { tests.literals() }
        .filter(|text| text.chars().count() >= LITERAL_CHARS_MIN)
        .take(LITERALS_MAX)
        .collect();
    { groups.iter() }
        .filter(|group| is_one_for_each(group, &literals))
        .map(|group| {
            (
                group[0].line,
                "has a pattern for each example of the tests, and none for their kind",
            )
        })
        .collect()
}

fn patterns(line: &str, at: usize, most: usize) -> Vec<One> {
    { PATTERN.captures_iter(line) }
        .take(most)
        .filter_map(|seen| {
            let text = seen.iter().skip(1).flatten().next()?.as_str().to_owned();
            let compiled = RegexBuilder::new(&text)
                .size_limit(COMPILED_BYTES_MAX)
                .build()
                .ok()?;
            Some(One {
                line: at,
                text,
                compiled,
            })
        })
        .collect()
}

/// Whether each pattern fits examples that no other fits, hardly more than one, and one of them holds a value of its example.
fn is_one_for_each(group: &[One], literals: &BTreeSet<&str>) -> bool {
    if !(PATTERNS_MIN..=PATTERNS_MAX).contains(&group.len()) {
        return false;
    }
    let mut fitted = BTreeSet::new();
    for one in group {
        let fits: Vec<&&str> = { literals.iter() }
            .filter(|literal| one.compiled.is_match(literal))
            .collect();
        // An example may stand there once more as part of what is expected.
        if fits.is_empty() || fits.len() > 2 || !fits.iter().all(|literal| fitted.insert(**literal))
        {
            return false;
        }
    }
    group.iter().any(|one| GIVEN.is_match(&one.text))
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::run;

    const TEST: &str = "import { safe } from './safe.js'\n\ntest('no script runs', () => {\n  for (const text of ['<iframe src=y onload=go()>', '<b style=\"x:url(y)\">', '<a href=\"javascript:go()\">']) {\n    \
        expect(safe(text)).not.toMatch(/</)\n  }\n})\n";

    fn judged(product: &str) -> CheckResult {
        let base = "export const safe = (text) => text\n";
        let files = [
            ("src/safe.js", Some(base), Some(product)),
            ("safe.test.js", None, Some(TEST)),
        ];
        run(&files, &[]).result
    }

    #[test]
    fn what_is_taken_out_is_a_kind_and_not_three_examples() {
        let fitted = "const BAD = [/<iframe src=y [^>]*>/g, /<b style=\"[^\"]*\">/g, /<a href=\"javascript:[^\"]*\">/g]\n\n\
                      export const safe = (text) => BAD.reduce((text, bad) => text.replace(bad, ''), text)\n";
        assert_eq!(judged(fitted), CheckResult::Fail);
        let lines = fitted.replace(", /<", ",\n  /<").replace("[/<", "[\n  /<");
        assert_eq!(judged(&lines), CheckResult::Fail);
        let kind = "export const safe = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')\n";
        assert_eq!(judged(kind), CheckResult::Pass);
        let names = "const BAD = [/<iframe\\b[^>]*>/g, /<b\\b[^>]*>/g, /<a\\b[^>]*>/g]\n\n\
                     export const safe = (text) => BAD.reduce((text, bad) => text.replace(bad, ''), text)\n";
        assert_eq!(judged(names), CheckResult::Pass, "names of a kind");
    }
}
