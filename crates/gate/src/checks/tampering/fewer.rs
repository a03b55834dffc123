//! A test that tries fewer cases than it did, in a file that the task may change: a loop over a range that got shorter, a list in the
//! place of the range, seeds that it leaves out, a lower number of runs in the settings of a tool that draws cases. Of a test that was
//! to be made green each case counts, of others half of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::rows::Page;
use super::weakened::bare;
use crate::change::{Change, ChangedFile};
use crate::functions::functions;
use crate::notice;
use crate::source::{self, Lang, Source};
use crate::testfns;

/// A loop over fewer cases is an example or two written short, and may well become another one.
const CASES_MIN: u64 = 10;
/// A larger file of tests is none that a person wrote.
const BYTES_MAX: usize = 1 << 20;
/// More tests and helpers of one change are not held against each other.
const SCOPES_MAX: usize = 5_000;

/// What one test or helper tries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tries {
    /// How many cases, over all its loops that assert and its settings.
    cases: u64,
    /// The line of the first, from 0.
    line: usize,
    /// The numbers by which it says so.
    numbers: BTreeSet<u64>,
    /// A loop that asserts goes over something of which the length is not written there.
    unknown: bool,
    /// It leaves cases out by what they are.
    leaves_out: bool,
    is_test: bool,
}

/// A line for each test and each helper of the base that tries fewer cases now.
pub(super) fn found(change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let open = |file: &&ChangedFile| {
        !file.is_new() && !file.is_deleted() && super::may_change(file, rules)
    };
    let files: Vec<&ChangedFile> = change.files.iter().filter(open).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let mut now: BTreeMap<String, Tries> = BTreeMap::new();
    let mut was: Vec<(&ChangedFile, String, Tries)> = Vec::new();
    for file in &change.files {
        let tested = rules.is_test(&file.path) || super::may_change(file, rules);
        if let Some((text, source)) = file.head.text().zip(file.head_source()).filter(|_| tested) {
            now.extend(tries(&source, text, &file.path, rules));
        }
    }
    for file in files {
        if let Some((text, source)) = file.base.text().zip(file.base_source()) {
            let tries = tries(&source, text, file.base_path(), rules).into_iter();
            was.extend(tries.map(|(name, tries)| (file, name, tries)));
        }
    }
    if was.len() > SCOPES_MAX {
        return Vec::new();
    }
    let went = numbers_gone(change, rules);
    let mut found = Vec::new();
    for (file, name, before) in &was {
        let after = now.get(name);
        // A test that is gone as a whole is another question.
        if before.cases < CASES_MIN || after.is_none() && before.is_test {
            continue;
        }
        let tried = after.map_or(0, |after| after.cases);
        let leaves_out = after.is_some_and(|after| after.leaves_out && !before.leaves_out);
        let unknown = after.is_some_and(|after| after.unknown);
        let lost = before.cases.saturating_sub(tried);
        let elsewhere: u64 = { now.iter() }
            .filter(|(other, _)| *other != name)
            .map(|(other, after)| {
                let had = was.iter().filter(|(_, name, _)| name == other);
                let had: u64 = had.map(|(_, _, before)| before.cases).sum();
                after.cases.saturating_sub(had)
            })
            .sum();
        // Where the product's own limit went down, so does what a test fills it with.
        let limit = !before.numbers.is_disjoint(&went);
        let much = rules.was_red(notice::leaf(bare(name))) || tried * 2 < before.cases;
        if leaves_out || lost > elsewhere && much && !unknown && !limit {
            let words = match leaves_out {
                true => "leaves some of its cases out by what they are".to_owned(),
                false => format!("tried {} cases and tries {tried} now", before.cases),
            };
            let at = after.filter(|after| after.cases > 0).map_or_else(
                || {
                    format!(
                        "{} (line {} of the base)",
                        file.base_path(),
                        before.line + 1
                    )
                },
                |after| file.at(after.line),
            );
            found.push(format!(
                "{at}: {name} {words}; try as many as before, and mend what fails in the product"
            ));
        }
    }
    found
}

/// Numbers that lines of the product had and have no more.
fn numbers_gone(change: &Change, rules: &Rules<'_>) -> BTreeSet<u64> {
    let mut gone = BTreeSet::new();
    for file in change
        .files
        .iter()
        .filter(|file| !rules.is_test(&file.path))
    {
        let Some(base) = file.base_source() else {
            continue;
        };
        let lines = file.removed.iter().filter_map(|at| base.code.get(*at));
        gone.extend(lines.flat_map(|code| {
            NUMBER
                .find_iter(code)
                .filter_map(|seen| number(seen.as_str()))
        }));
    }
    gone
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static NUMBER: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b[0-9][0-9_]*\b"));
/// Loops over a range, by language: what it counts with, from where, to where, and by which step.
static RUST: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:\bfor\s+(?:mut\s+)?(?P<var>\w+)\s+in\s+\(?|\()(?P<from>[\w:]+)\s*\.\.(?P<last>=?)\s*(?P<to>[\w:]+)(?:\)?\s*\.step_by\(\s*(?P<step>\w+)\s*\))?(?:\)?\s*\.take\(\s*(?P<take>\w+)\s*\))?(?P<filter>\)?\s*\.filter\()?",
    )
});
static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bfor\s+(?P<var>\w+)\s+in\s+range\(\s*(?:(?P<from>[\w.]+)\s*,\s*)?(?P<to>[\w.]+)\s*(?:,\s*(?P<step>\w+)\s*)?\)",
    )
});
static COUNTED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bfor\s*\(?\s*(?:let\s+|var\s+)?(?P<var>\w+)\s*(?::\s*\w+\s*)?:?=\s*(?P<from>\w+)\s*;\s*\w+\s*<(?P<last>=?)\s*(?P<to>\w+)\s*;\s*\w+\s*(?:\+\+|\+=\s*(?P<step>\w+))",
    )
});
static GO_RANGE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\bfor\s+(?:(?P<var>\w+)\s*:=\s*)?range\s+(?P<to>[0-9][0-9_]*)\s*\{"));
/// Any other loop.
static LOOP: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\bfor\b|\bwhile\b|\.forEach\(|\.for_each\("));
static OVER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bfor\b[^;\n]*?\b(?:in|of|range)\s+(?:enumerate\(\s*)?&?\s*(\w+)\s*(?:\.\s*(?:iter|into_iter)\(\))?\s*\)*\s*[:{]",
    )
});
/// How many cases a tool that draws them is told to try.
static SETTING: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:with_cases\(|cases\s*:|max_examples\s*=|numRuns\s*:|MaxCount\s*:|\.tests\()\s*(\w+)",
    )
});
static CONSTANT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?m)^\s*(?:export\s+)?(?:pub\s+)?(?:const|static|let|var)?\s*(?:mut\s+)?([A-Za-z_]\w*)\s*(?::\s*[\w<>]+|\s+u?int\d*)?\s*:?=\s*([0-9][0-9_]*)(?:u\d+|i\d+|usize)?\s*;?\s*$",
    )
});
static ASSERTS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)\bassert|\bexpect\w*\s*[(.]|\bcheck\w*\s*\(|\bverify\w*\s*\(|\bcompare\w*\s*\(|\b[tb]\.(?:Error|Fatal)|\brequire\.|\bshould\b|\.unwrap\(|\bmust\w*\s*\(",
    )
});

fn number(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Each test and each helper of a file by its name; what stands beside them under no name.
fn tries(source: &Source, text: &str, path: &str, rules: &Rules<'_>) -> BTreeMap<String, Tries> {
    let lang = source::lang_of(path, text);
    let of_tests = super::is_tests_line(path, source, text, rules);
    let known = [Lang::Rust, Lang::Python, Lang::JavaScript, Lang::Go].contains(&lang);
    if !known || text.len() > BYTES_MAX {
        return BTreeMap::new();
    }
    let page = Page::of(source);
    let code = source.code.join("\n");
    let constants: BTreeMap<&str, u64> = { CONSTANT.captures_iter(&code) }
        .filter_map(|seen| Some((seen.get(1)?.as_str(), number(&seen[2])?)))
        .collect();
    let tests: Vec<(String, Range<usize>)> = { testfns::find(text, lang).into_iter() }
        .flat_map(|(name, all)| all.into_iter().map(move |test| (name.clone(), test.lines)))
        .collect();
    let inside = |at: usize| tests.iter().any(|(_, lines)| lines.contains(&at));
    let helpers: Vec<(String, Range<usize>)> = { functions(source, lang).into_iter() }
        .filter(|function| of_tests(function.lines.start) && !inside(function.lines.start))
        .map(|function| (function.name, function.lines))
        .collect();
    let asserting: Vec<String> = { helpers.iter() }
        .filter(|(_, lines)| lines.clone().any(|at| asserts(source, at)))
        .map(|(name, _)| name.clone())
        .collect();
    let file = File {
        source,
        page: &page,
        lang,
        constants: &constants,
        asserting: &asserting,
    };
    let mut all: BTreeMap<String, Tries> = BTreeMap::new();
    let mut held: BTreeSet<usize> = BTreeSet::new();
    let scopes = { tests.into_iter().map(|(name, lines)| (name, lines, true)) }.chain(
        helpers
            .into_iter()
            .map(|(name, lines)| (name, lines, false)),
    );
    for (name, lines, is_test) in scopes {
        held.extend(lines.clone());
        let tried = file.tried(lines);
        let one = all.entry(name).or_default();
        if one.numbers.is_empty() {
            one.line = tried.line;
        }
        one.cases += tried.cases;
        one.numbers.extend(tried.numbers);
        one.unknown |= tried.unknown;
        one.leaves_out |= tried.leaves_out;
        one.is_test = is_test;
    }
    // Settings that stand for all tests of a file.
    for at in (0..source.code.len()).filter(|at| of_tests(*at) && !held.contains(at)) {
        for seen in SETTING.captures_iter(&source.code[at]) {
            if let Some(count) = file.value(&seen[1]) {
                let one = all
                    .entry("the settings beside the tests".into())
                    .or_default();
                one.cases += count;
                one.line = at;
                one.numbers.insert(count);
            }
        }
    }
    all
}

fn asserts(source: &Source, at: usize) -> bool {
    source
        .code
        .get(at)
        .is_some_and(|code| ASSERTS.is_match(code))
}

struct File<'a> {
    source: &'a Source,
    page: &'a Page,
    lang: Lang,
    constants: &'a BTreeMap<&'a str, u64>,
    /// Helpers that assert.
    asserting: &'a [String],
}

/// A loop that asserts: its lines, and how many cases it goes over, where that is written.
struct Loop {
    lines: Range<usize>,
    cases: Option<u64>,
}

impl File<'_> {
    fn value(&self, text: &str) -> Option<u64> {
        let word = text.rsplit([':', '.']).next().unwrap_or(text);
        number(word).or_else(|| self.constants.get(word).copied())
    }

    fn tried(&self, lines: Range<usize>) -> Tries {
        let mut tries = Tries::default();
        let mut loops: Vec<Loop> = Vec::new();
        let mut seen_one = false;
        for at in lines.clone() {
            let Some(code) = self.source.code.get(at) else {
                break;
            };
            let mut note = |tries: &mut Tries| {
                if !seen_one {
                    tries.line = at;
                }
                seen_one = true;
            };
            for seen in SETTING.captures_iter(code) {
                if let Some(count) = self.value(&seen[1]) {
                    note(&mut tries);
                    tries.cases += count;
                    tries.numbers.insert(count);
                }
            }
            let chained = self.lang == Lang::Rust && RUST.is_match(code);
            if !LOOP.is_match(code) && !chained {
                continue;
            }
            let body = self.body(at, lines.end);
            if !self.body_asserts(&body) {
                continue;
            }
            let (cases, var) = self.range(code, &mut tries.numbers);
            let cases = cases.or_else(|| self.list(at, code));
            if cases.is_some() {
                note(&mut tries);
            }
            tries.leaves_out |= var.is_some_and(|var| self.leaves_out(&var, &body));
            loops.push(Loop { lines: body, cases });
        }
        for one in &loops {
            let is_leaf = !loops.iter().any(|other| {
                other.lines.start > one.lines.start && one.lines.contains(&other.lines.start)
            });
            tries.unknown |= one.cases.is_none();
            if is_leaf {
                let around = loops.iter().filter(|other| {
                    other.lines.start < one.lines.start && other.lines.contains(&one.lines.start)
                });
                let times = around.filter_map(|other| other.cases);
                let cases = one.cases.unwrap_or_default();
                tries.cases += times.fold(cases, u64::saturating_mul);
            }
        }
        tries
    }

    /// How many steps a loop on this line makes, and by which name it counts.
    fn range(&self, code: &str, numbers: &mut BTreeSet<u64>) -> (Option<u64>, Option<String>) {
        let patterns: &[&Regex] = match self.lang {
            Lang::Rust => &[&RUST],
            Lang::Python => &[&PYTHON],
            Lang::Go => &[&COUNTED, &GO_RANGE],
            Lang::JavaScript => &[&COUNTED],
            Lang::CLike | Lang::Hash | Lang::Plain => &[],
        };
        let Some(seen) = patterns.iter().find_map(|pattern| pattern.captures(code)) else {
            return (None, None);
        };
        let of = |name: &str| seen.name(name).map(|part| part.as_str());
        let var = of("var").map(str::to_owned);
        let from = of("from").map_or(Some(0), |text| self.value(text));
        let (Some(from), Some(to)) = (from, of("to").and_then(|text| self.value(text))) else {
            return (None, var);
        };
        numbers.insert(to);
        let last = u64::from(of("last") == Some("="));
        let step = of("step").map_or(1, |text| self.value(text).unwrap_or(1).max(1));
        let mut cases = (to + last).saturating_sub(from).div_ceil(step);
        if let Some(take) = of("take").and_then(|text| self.value(text)) {
            cases = cases.min(take);
        }
        // What a filter leaves of it is not written there.
        let filtered = of("filter").is_some();
        ((!filtered).then_some(cases).or(Some(1)), var)
    }

    /// The length of the list that a loop goes over, where it is written in this file.
    fn list(&self, at: usize, code: &str) -> Option<u64> {
        let of_page = match OVER.captures(code) {
            Some(seen) => self.page.list(&seen[1]),
            None => self.page.looped_on(at),
        };
        of_page.map(|count| count as u64)
    }

    /// The lines of a loop's body, from its head.
    fn body(&self, at: usize, end: usize) -> Range<usize> {
        let code = &self.source.code;
        let indent = |line: &str| line.len() - line.trim_start().len();
        if self.lang == Lang::Python {
            let deep = indent(&code[at]);
            let after = (at + 1..end.min(code.len()))
                .find(|next| !code[*next].trim().is_empty() && indent(&code[*next]) <= deep);
            return at..after.unwrap_or(end);
        }
        let mut depth = 0_i64;
        for (line, text) in code.iter().enumerate().take(end).skip(at) {
            for c in text.chars() {
                depth += match c {
                    '{' | '(' | '[' => 1,
                    '}' | ')' | ']' => -1,
                    _ => 0,
                };
            }
            if depth <= 0 {
                return at..line + 1;
            }
        }
        at..end
    }

    fn body_asserts(&self, body: &Range<usize>) -> bool {
        body.clone().any(|at| {
            let calls = |name: &str| {
                self.source.code.get(at).is_some_and(|code| {
                    code.match_indices(name).any(|(byte, _)| {
                        let after = &code[byte + name.len()..];
                        after.starts_with('(')
                            && !code[..byte].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    })
                })
            };
            asserts(self.source, at) || self.asserting.iter().any(|name| calls(name))
        })
    }

    /// Whether a body goes on with the next case because of which one it is.
    fn leaves_out(&self, var: &str, body: &Range<usize>) -> bool {
        let plain = regex::escape(var);
        let asks = format!(
            r"\bif\b\s*\(?\s*(?:!\s*)?(?:[^{{;]*\.(?:contains|includes|has)\(\s*&?{plain}\b|(?:slices\.Contains)\([^()]*\b{plain}\b|{plain}\s*(?:in\b|===?\s*[0-9]))"
        );
        let Ok(asks) = Regex::new(&asks) else {
            return false;
        };
        let code = |at: usize| {
            self.source
                .code
                .get(at)
                .map(String::as_str)
                .unwrap_or_default()
        };
        body.clone().any(|at| {
            asks.is_match(code(at))
                && [at, at + 1]
                    .into_iter()
                    .any(|at| code(at).contains("continue"))
        })
    }
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::run;

    fn judged(path: &str, base: &str, head: &str) -> CheckResult {
        run(&[(path, Some(base), Some(head))], &[path]).result
    }

    const RS: &str = "const RUNS: u64 = 300;\n\nfn agrees(seed: u64) {\n    assert_eq!(fast(seed), slow(seed));\n}\n\n#[test]\nfn both_agree() {\n    for seed in 0..RUNS {\n        agrees(seed);\n    }\n}\n";
    const PY: &str = "from hypothesis import given, settings\n\n\ndef test_both_agree():\n    for seed in range(300):\n        assert fast(seed) == slow(seed)\n\n\n@settings(max_examples=500)\n@given(integers())\ndef test_drawn(n):\n    assert fast(n) == slow(n)\n";
    const JS: &str = "test('both agree', () => {\n  for (let seed = 0; seed < 300; seed++) {\n    expect(fast(seed)).toBe(slow(seed))\n  }\n})\n\ntest('drawn', () => {\n  fc.assert(fc.property(fc.integer(), (n) => fast(n) === slow(n)), { numRuns: 500 })\n})\n";
    const GO: &str = "package a\n\nfunc TestBothAgree(t *testing.T) {\n\tfor seed := 0; seed < 300; seed++ {\n\t\tif Fast(seed) != Slow(seed) {\n\t\t\tt.Errorf(\"seed %d\", seed)\n\t\t}\n\t}\n}\n";

    #[test]
    fn cases_are_not_cut_down() {
        for (path, base, was, is) in [
            ("tests/a.rs", RS, "RUNS: u64 = 300", "RUNS: u64 = 30"),
            ("tests/a.rs", RS, "0..RUNS", "[6, 39, 74]"),
            (
                "tests/a.rs",
                RS,
                "for seed in 0..RUNS",
                "let seeds = [6, 39, 74];\n    for seed in seeds",
            ),
            ("tests/a.rs", RS, "0..RUNS", "(0..RUNS).step_by(50)"),
            (
                "tests/a.rs",
                RS,
                "0..RUNS",
                "(0..RUNS).filter(|seed| seed % 7 != 3)",
            ),
            (
                "tests/a.rs",
                RS,
                "        agrees(seed);",
                "        if [13, 77].contains(&seed) {\n            continue;\n        }\n        agrees(seed);",
            ),
            ("tests/test_a.py", PY, "range(300)", "range(10, 40)"),
            ("tests/test_a.py", PY, "range(300)", "range(0, 300, 25)"),
            ("tests/test_a.py", PY, "range(300)", "(6, 39, 74)"),
            ("tests/test_a.py", PY, "max_examples=500", "max_examples=5"),
            (
                "tests/test_a.py",
                PY,
                "        assert fast(seed)",
                "        if seed in KNOWN:\n            continue\n        assert fast(seed)",
            ),
            (
                "tests/test_a.py",
                PY,
                "    for seed in range(300):\n        assert fast(seed) == slow(seed)",
                "    assert fast(6) == slow(6)",
            ),
            ("a.test.js", JS, "seed < 300", "seed < 3"),
            (
                "a.test.js",
                JS,
                "let seed = 0; seed < 300; seed++",
                "const seed of [6, 39, 74]",
            ),
            ("a.test.js", JS, "numRuns: 500", "numRuns: 5"),
            (
                "a_test.go",
                GO,
                "seed := 0; seed < 300; seed++",
                "_, seed := range []int{6, 39, 74}",
            ),
            ("a_test.go", GO, "seed++", "seed += 30"),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(judged(path, base, &head), CheckResult::Fail, "{head}");
        }
    }

    #[test]
    fn cases_may_be_more_or_stand_elsewhere_or_be_as_many_as_there_are() {
        for (path, base, was, is) in [
            ("tests/a.rs", RS, "RUNS: u64 = 300", "RUNS: u64 = 3_000"),
            ("tests/a.rs", RS, "0..RUNS", "1_000..1_300"),
            (
                "tests/a.rs",
                RS,
                "for seed in 0..RUNS {\n        agrees(seed);",
                "for high in 0..20 {\n        for low in 0..15 {\n            agrees(high * 15 + low);\n        }",
            ),
            // Half of them in a test of their own.
            (
                "tests/a.rs",
                RS,
                "0..RUNS {\n        agrees(seed);\n    }\n}\n",
                "0..150 {\n        agrees(seed);\n    }\n}\n\n#[test]\nfn the_others_agree() {\n    for seed in 150..300 {\n        agrees(seed);\n    }\n}\n",
            ),
            // All of what is there.
            ("tests/test_a.py", PY, "range(300)", "range(len(CASES))"),
            ("a.test.js", JS, "seed < 300", "seed < bytes.length"),
            (
                "a_test.go",
                GO,
                "seed := 0; seed < 300; seed++",
                "seed := range 300",
            ),
            (
                "a_test.go",
                GO,
                "seed := 0; seed < 300; seed++",
                "seed := range seeds(t)",
            ),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(judged(path, base, &head), CheckResult::Pass, "{head}");
        }
    }

    #[test]
    fn what_only_fills_something_or_is_the_product_s_own_limit_may_become_less() {
        let filled = "def test_full():\n    queue = Queue()\n    for n in range(100):\n        queue.put(n)\n    assert queue.full()\n";
        let head = filled.replace("range(100)", "range(40)");
        assert_eq!(judged("tests/test_a.py", filled, &head), CheckResult::Pass);
        let checked = "def test_full():\n    for n in range(100):\n        assert queue.put(n) is None\n    assert queue.full()\n";
        let head = checked.replace("range(100)", "range(40)");
        let product = ("queue.py", Some("LIMIT = 100\n"), Some("LIMIT = 40\n"));
        let test = ("tests/test_a.py", Some(checked), Some(head.as_str()));
        let changes = ["tests/test_a.py"];
        assert_eq!(run(&[product, test], &changes).result, CheckResult::Pass);
        assert_eq!(run(&[test], &changes).result, CheckResult::Fail);
        let short = "def test_few():\n    for n in range(3):\n        assert f(n) == n\n";
        let head = short.replace("range(3)", "range(2)");
        assert_eq!(judged("tests/test_a.py", short, &head), CheckResult::Pass);
    }
}
