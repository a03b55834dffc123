//! Check 7, once the tests of a change fail over a wrong product: whether they do so by an assertion, or only because what they call
//! broke. Their assertions are replaced by failures, wherever tests of the project have some, and a test that passes all the same never
//! comes to one: it stands in a listener of an event that is never sent, in a loop over nothing, behind what swallows it.
//!
//! Python, Rust, JavaScript and TypeScript. What Go's tests look at stands in conditions of their own, which no text tells from others.

use std::sync::LazyLock;

use regex::Regex;

use crate::checks::some;
use crate::coverage::marks;
use crate::error::GateError;
use crate::measure::{Gate, head_set_up};
use crate::notice::Own;
use crate::runs;
use crate::source::{self, Lang};

/// Where the head's own tests take longer, a run more is not made for this: in milliseconds.
const TESTS_MS_MAX: i64 = 120_000;
/// A larger file of tests is data, or nobody's.
const FILE_BYTES_MAX: usize = 1 << 20;

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^\s*(?:async\s+)?(?:assert\b|(?:with\s+)?(?:self|cls)\.(?:assert\w+|fail\w*)\s*\(|(?:with\s+)?pytest\.(?:raises|warns|fail)\b|(?:[\w.]+\.)?assert_\w+\s*\()",
    )
});
static RUST: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\b(?:\w+::)*(?:debug_)?assert(?:_\w+)?!|\bpanic!|\bunreachable!"));
/// The callee alone, for what stands before its bracket.
static JAVASCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?P<before>^|[^.\w$])(?P<callee>(?:t\.)?assert(?:\.\w+)*|expect)(?P<bracket>\s*\()")
});
/// Assertions in other words: with one of them near, nothing is said.
static OTHER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)\.expect\(|\.should\b|snapshot|\bverify\w*\(|approv|\bt\.(?:is|deepEqual|like|true|false|throws\w*|ok|equal|same)\(|(?:^|[^.\w])(?:strictEqual|deep(?:Strict)?Equal|ok)\(|\bassert_that\(|\bcheck\.\w+\(|hypothesis|\.unwrap\(\)|\.expect_err\(|\?;|should_panic|testing\.assert",
    )
});

/// Whether tests ever come to an assertion.
pub(crate) enum Asserted {
    /// At least one of them fails by one.
    Made,
    /// None does, in words.
    Never(String),
    /// Nothing tells, and why.
    Untried(&'static str),
}

impl Gate<'_> {
    /// Whether the change's own tests come to an assertion.
    pub(crate) fn asserted(&mut self, own: &Own) -> Result<Asserted, GateError> {
        let Own::Named(ids) = own else {
            return Ok(Asserted::Untried("the runner names no tests"));
        };
        if !self.brings_assertions() {
            return Ok(Asserted::Untried(
                "what they look at is not in words that are known here",
            ));
        }
        if self.tests_ms.is_none_or(|took| took > TESTS_MS_MAX) {
            return Ok(Asserted::Untried("the tests take longer than two minutes"));
        }
        let room = self.stage.room(
            "failing assertions",
            self.candidate.head,
            head_set_up(self.candidate),
        )?;
        let mut langs = Vec::new();
        for (path, text) in self.files_of_tests() {
            let lang = source::lang_of(&path, &text);
            if let Some(failing) = failing(&path, &text, lang) {
                let mode = self.change.head_paths.get(&path).copied();
                room.put(&path, failing.as_bytes(), mode == Some(0o100_755))?;
                langs.push(lang);
            }
        }
        let Some(lang) = langs
            .iter()
            .find(|lang| lang.is_compiled())
            .or(langs.first())
        else {
            return Ok(Asserted::Untried("none of them could be replaced"));
        };
        let (ran, seen) = self.tests_wrong(&room, *lang)?;
        if runs::cut_off(self.candidate.test_command, ran.record.exit).is_some() {
            return Ok(Asserted::Untried(
                "the tests did not end with failures in their place",
            ));
        }
        if runs::unable(&ran, &seen).is_some() {
            return Ok(Asserted::Untried(
                "the tests could not begin with failures in their place",
            ));
        }
        Ok(match own.all_passed(&seen) {
            Some(true) => Asserted::Never(format!(
                "no assertion is ever made by {}: each was replaced by a failure, and they pass",
                some(&ids.iter().collect::<Vec<_>>())
            )),
            Some(false) => Asserted::Made,
            None => {
                Asserted::Untried("not every test of the change ran with failures in their place")
            }
        })
    }

    /// Every file that holds tests or what they share, as the head has it.
    fn files_of_tests(&self) -> Vec<(String, String)> {
        let changed = self
            .change
            .files
            .iter()
            .filter(|file| file.lang() == Lang::Rust || self.rules.is_test(&file.path));
        let changed =
            changed.filter_map(|file| Some((file.path.clone(), file.head.text()?.to_owned())));
        let mut all: Vec<(String, String)> = changed.collect();
        for (path, text) in &self.change.tests {
            if !all.iter().any(|(other, _)| other == path) {
                all.push((path.clone(), text.clone()));
            }
        }
        all.retain(|(_, text)| text.len() <= FILE_BYTES_MAX);
        all
    }

    /// Whether the tests that the change writes have assertions that are known here, and no others.
    fn brings_assertions(&self) -> bool {
        let mut any = false;
        for file in &self.change.files {
            let (Some(source), Some(text)) = (file.head_source(), file.head.text()) else {
                continue;
            };
            let lines = tested(
                &file.path,
                text,
                file.lang(),
                self.rules.is_test(&file.path),
            );
            for at in file.added.iter().filter(|at| lines(**at)) {
                let code = &source.code[*at];
                any |= is_assertion(code, file.lang());
                if OTHER.is_match(code) {
                    return false;
                }
            }
        }
        any
    }
}

/// Which lines of a file are tests: all of a file of tests, and of a source in Rust its modules of tests.
fn tested(path: &str, text: &str, lang: Lang, is_test: bool) -> impl Fn(usize) -> bool + use<> {
    let source = source::read(text, source::lang_of(path, text));
    let inside = match lang {
        Lang::Rust => crate::mutants::test_lines(&source, text, lang),
        Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Python | Lang::Hash | Lang::Plain => {
            Vec::new()
        }
    };
    move |at| is_test || inside.iter().any(|range| range.contains(&at))
}

fn is_assertion(code: &str, lang: Lang) -> bool {
    match lang {
        Lang::Python => PYTHON.is_match(code),
        Lang::Rust => RUST.is_match(code),
        Lang::JavaScript => JAVASCRIPT.is_match(code),
        Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => false,
    }
}

/// A file of tests in which each assertion fails; `None` where it has none that could.
fn failing(path: &str, text: &str, lang: Lang) -> Option<String> {
    let source = source::read(text, lang);
    if lang == Lang::JavaScript {
        return in_javascript(text, &source.code);
    }
    let lines = tested(path, text, lang, crate::paths::is_test(path));
    let at: Vec<usize> = (0..source.code.len())
        .filter(|at| lines(*at) && is_assertion(&source.code[*at], lang))
        .collect();
    marks::failing(text, lang, &at)
}

/// What is called is nothing: the call fails. The callee is still named, so that no compiler finds it unused, and the type of what is
/// called is any.
fn in_javascript(text: &str, code: &[String]) -> Option<String> {
    let mut any = false;
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for (line, code) in lines.iter_mut().zip(code) {
        let found: Vec<regex::Captures<'_>> = JAVASCRIPT.captures_iter(code).collect();
        for seen in found.iter().rev() {
            let callee = seen.name("callee").expect("a group of the pattern");
            // The code has a character for each of the line's.
            let chars = |byte: usize| code[..byte].chars().count();
            let byte = |chars: usize| {
                line.char_indices()
                    .nth(chars)
                    .map_or(line.len(), |(at, _)| at)
            };
            let (from, to) = (byte(chars(callee.start())), byte(chars(callee.end())));
            let root = callee.as_str().split('.').next().unwrap_or_default();
            line.replace_range(
                from..to,
                &format!("Reflect.get(globalThis, '__alai_asked', {root})"),
            );
            any = true;
        }
    }
    any.then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_assertion_fails_where_it_stands() {
        let js = "import assert from 'node:assert'\ntest('a', () => {\n  on('x', () => assert.equal(f('assert.ok('), 1))\n  expect(f()).toBe(2)\n  expect.assertions(1)\n})\n";
        assert_eq!(
            failing("a.test.js", js, Lang::JavaScript).expect("some"),
            "import assert from 'node:assert'\ntest('a', () => {\n  on('x', () => Reflect.get(globalThis, '__alai_asked', assert)(f('assert.ok('), 1))\n  \
             Reflect.get(globalThis, '__alai_asked', expect)(f()).toBe(2)\n  expect.assertions(1)\n})\n"
        );
        let py = "import x\n\ndef test_a():\n    for y in x.all():\n        assert y == (\n            1\n        )\n    with pytest.raises(E):\n        x.f()\n";
        assert_eq!(
            failing("test_a.py", py, Lang::Python).expect("some"),
            "import x\n\ndef test_a():\n    for y in x.all():\n        raise AssertionError(\"asked\")\n        assert y == (\n            1\n        )\n    \
             raise AssertionError(\"asked\")\n    with pytest.raises(E):\n        x.f()\n"
        );
        let rs = "#[test]\nfn a() {\n    for x in all() {\n        assert_eq!(x, 1);\n    }\n}\n";
        let failing = failing("tests/a.rs", rs, Lang::Rust).expect("some");
        let panics = failing.find("panic!").expect("one");
        assert!(
            failing.find("for x").expect("the loop") < panics
                && failing.matches("panic!").count() == 1,
            "{failing}"
        );
        assert_eq!(
            super::failing(
                "a_test.go",
                "func TestA(t *testing.T) {\n\tt.Error()\n}\n",
                Lang::Go
            ),
            None
        );
        assert_eq!(
            super::failing("test_a.py", "def test_a():\n    f()\n", Lang::Python),
            None
        );
    }
}
