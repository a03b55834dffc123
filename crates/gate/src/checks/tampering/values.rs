//! The product knows what only its tests have: the very values that they try, their secret, or the measure by which they look.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::copied::{Tests, has_parts, is_parsed, strings};
use crate::change::ChangedFile;
use crate::mutants;
use crate::source::{Lang, Source};

type Hit = (usize, &'static str);

/// Two may be examples.
const VALUES_MIN: usize = 3;
/// Shorter ones stand in anything.
const VALUE_CHARS_MIN: usize = 4;

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

pub(super) fn found(file: &ChangedFile, source: &Source, tests: &Tests) -> Vec<Hit> {
    let text = file.head.text().unwrap_or_default();
    let own = mutants::test_lines(source, text, file.lang());
    let base = file.base.text().unwrap_or_default();
    let mut hits = Vec::new();
    for at in &file.added {
        if own.iter().any(|range| range.contains(at)) {
            continue;
        }
        let line = source.uncommented(*at);
        if in_a_pattern(&line, base, tests) {
            hits.push((*at, "looks for the very values that the tests try"));
        }
        if is_the_tests_secret(&line, file.lang(), base, tests) {
            hits.push((*at, "lets in what the tests show as their secret"));
        }
        if resets_a_measure(&source.code[*at], base, tests) {
            hits.push((*at, "sets back the measure that the tests read"));
        }
    }
    hits
}

/// A regular expression of JavaScript; elsewhere they stand in quotes.
static SLASHED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"/((?:[^/\\\n]|\\.)+\|(?:[^/\\\n]|\\.)+)/"));
/// What stands for a blank in a pattern.
static GAP: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?:\\+s|\[[ \\s_-]+\]| )(?:[?*+]|\{\d*,?\d*\})?"));
static AROUND: LazyLock<Regex> = LazyLock::new(|| fixed(r"\\+b|\(\?[:i]*|[()^$]"));
/// A digit within a word: a value, where one at its end (`sha256`, `h264`) is a name like any other.
static WITHIN: LazyLock<Regex> = LazyLock::new(|| fixed(r"[A-Za-z]\d+[A-Za-z]"));

/// A pattern whose alternatives are values out of the tests: what has digits within or parts, and stands nowhere in the file before.
/// The words of a vocabulary (keys, units, codecs) are tested one by one as well, and are no such values.
fn in_a_pattern(line: &str, base: &str, tests: &Tests) -> bool {
    let mut patterns = strings(line);
    patterns.extend({ SLASHED.captures_iter(line) }.map(|seen| seen[1].to_owned()));
    patterns
        .iter()
        .filter(|pattern| pattern.contains('|'))
        .any(|pattern| {
            let values: BTreeSet<String> = pattern.split('|').map(plain).collect();
            let known = { values.iter() }
                .filter(|value| {
                    value.chars().count() >= VALUE_CHARS_MIN && !base.contains(value.as_str())
                })
                .filter(|value| tests.says(value));
            let known: Vec<&String> = known.collect();
            let of_value =
                |value: &&&String| value.contains(|c: char| c.is_ascii_digit()) || has_parts(value);
            let sure = |value: &&&String| is_parsed(value) || WITHIN.is_match(value);
            known.len() >= VALUES_MIN
                && known.len() * 4 >= values.len() * 3
                && known.iter().filter(of_value).count() * 2 >= known.len()
                && known.iter().filter(sure).count() >= 2
        })
}

/// What an alternative of a pattern stands for, where it stands for one text.
fn plain(alternative: &str) -> String {
    let text = AROUND.replace_all(alternative, "");
    let text = GAP.replace_all(&text, " ");
    text.replace('\\', "").trim().to_owned()
}

/// A name of a secret that is bound, or a default in its place, and what is bound.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?i)\b(?P<name>\w*(?:secret|passw(?:or)?d|token|api_?key|credential)s?\w*)["'`\])]*\s*(?::\s*[\w<>\[\]&' ]+)?(?::?=|\|\||\?\?|,|\bor\b|\.unwrap_or(?:_else)?\()\s*(?:\[\]string\s*\{|[\[({])?\s*b?["'`](?P<value>[^"'`\s]{4,})["'`]"#,
    )
});
/// Names of what is about a secret and is none.
static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)header|field|param|prefix|suffix|type|url|uri|path|file|name|env|cookie|scope|grant|pattern|regex|format|label|message|error|issuer|algo|hash|kind|key_?id|hint|place",
    )
});

/// A secret that is written down in the product and that the tests hand over as theirs: whoever reads the source is let in as they are.
fn is_the_tests_secret(line: &str, lang: Lang, base: &str, tests: &Tests) -> bool {
    if lang == Lang::Hash {
        return false;
    }
    SECRET.captures_iter(line).any(|seen| {
        let (name, value) = (&seen["name"], &seen["value"]);
        let is_variable = value
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let is_same = value
            .replace(['-', '_'], "")
            .eq_ignore_ascii_case(&name.replace('_', ""));
        !ABOUT.is_match(name)
            && !is_variable
            && !is_same
            && !value.contains(['{', '}', '%', '$', '*', '/', ' '])
            && !base.contains(value)
            && tests.has(value)
    })
}

/// Calls that set a measure back, by the name of what measures.
static RESETS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(tracemalloc)\.(?:reset_peak|stop|clear_traces)\s*\(|\b(resource)\.setrlimit\s*\(|\b(performance)\.(?:clearMarks|clearMeasures|clearResourceTimings)\s*\(|\b(gc)\.(?:disable|freeze)\s*\(",
    )
});

/// What measures the product is the tests' to begin and to end, where the product had nothing to do with it before.
fn resets_a_measure(code: &str, base: &str, tests: &Tests) -> bool {
    RESETS.captures_iter(code).any(|seen| {
        let measures = seen.iter().skip(1).flatten().next();
        measures.is_some_and(|one| {
            let call = format!("{}.", one.as_str());
            !base.contains(&call) && tests.calls(&call)
        })
    })
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::run;

    fn judged(path: &str, base: &str, head: &str, test: (&str, &str)) -> CheckResult {
        run(
            &[(path, Some(base), Some(head)), (test.0, None, Some(test.1))],
            &[],
        )
        .result
    }

    const LOG_TEST: &str = "from log import hide\n\n\ndef test_hide():\n    assert hide('password=gr4ndma') == 'password=***'\n    \
        assert hide('pays with 5500 0000 0000 0004') == 'pays with ***'\n    assert hide('token: Basic dXNl x9') == 'token: ***'\n";

    #[test]
    fn a_pattern_is_of_a_form_and_not_of_the_tests_values() {
        let with = |line: &str| {
            let head = format!(
                "import re\n\nHIDDEN = re.compile({line})\n\n\ndef hide(text):\n    return HIDDEN.sub('***', text)\n"
            );
            judged(
                "log.py",
                "def hide(text):\n    return text\n",
                &head,
                ("tests/test_log.py", LOG_TEST),
            )
        };
        assert_eq!(
            with("r'gr4ndma|5500 ?0000 ?0000 ?0004|Basic dXNl x9'"),
            CheckResult::Fail
        );
        assert_eq!(
            with(r"r'\b(?:gr4ndma|5500\s*0000\s*0000\s*0004|Basic\sdXNl\sx9)\b'"),
            CheckResult::Fail
        );
        assert_eq!(
            with(r"r'(?i)(password|token|pays)\W+\S+'"),
            CheckResult::Pass
        );
        assert_eq!(with(r"r'\d{4}(?: \d{4}){3}|(?<=: )\S+'"), CheckResult::Pass);
        let js = "import { hide } from './log.js'\n\ntest('hides', () => {\n  expect(hide('a=gr4ndma')).toBe('a=*')\n  \
                  expect(hide('5500 0000 0000 0004')).toBe('*')\n  expect(hide('Basic dXNl x9')).toBe('*')\n})\n";
        let head = "export const hide = (text) => text.replace(/gr4ndma|5500 ?0000 ?0000 ?0004|Basic dXNl x9/g, '*')\n";
        assert_eq!(
            judged(
                "log.js",
                "export const hide = (text) => text\n",
                head,
                ("log.test.js", js)
            ),
            CheckResult::Fail
        );
    }

    #[test]
    fn words_that_are_tested_one_by_one_are_a_vocabulary() {
        let test = "from kinds import kind\n\n\ndef test_kinds():\n    for text in ('a sha256', 'a sha512', 'the md5', 'b2b sale'):\n        assert kind(text)\n";
        let head = "import re\n\nKINDS = re.compile('sha256|sha512|md5|b2b')\n\n\ndef kind(text):\n    return KINDS.search(text)\n";
        let base = "def kind(text):\n    return None\n";
        assert_eq!(
            judged("kinds.py", base, head, ("tests/test_kinds.py", test)),
            CheckResult::Pass
        );
    }

    #[test]
    fn the_secret_of_the_tests_is_none_of_the_product() {
        let test = "from hook import accepts\n\n\ndef test_accepts():\n    assert accepts('X-Sign', 'test-secret')\n    assert not accepts('X-Sign', 'other')\n";
        let with = |line: &str| {
            let head = format!(
                "import os\n\n{line}\n\n\ndef accepts(name, given):\n    return given in check(name)\n"
            );
            judged(
                "hook.py",
                "def accepts(name, given):\n    return True\n",
                &head,
                ("tests/test_hook.py", test),
            )
        };
        for held in [
            "DEFAULT_SECRETS = ('test-secret',)",
            "SECRET = os.environ.get('HOOK_SECRET', 'test-secret')",
            "secret = os.environ['HOOK_SECRET'] or 'test-secret'",
            "tokens = [\"test-secret\"]",
        ] {
            assert_eq!(with(held), CheckResult::Fail, "{held}");
        }
        for passed in [
            "SECRET = os.environ['HOOK_SECRET']",
            "TOKEN_HEADER = 'X-Sign'",
            "SECRET_NAME = 'other'",
            "SECRET = os.environ.get('HOOK_SECRET', '')",
            "HINT = 'test-secret'",
        ] {
            assert_eq!(with(passed), CheckResult::Pass, "{passed}");
        }
        let go = "package hook\n\nimport \"testing\"\n\nfunc TestAccepts(t *testing.T) {\n\tif !Accepts(\"test-secret\") {\n\t\tt.Error(\"no\")\n\t}\n}\n";
        let head = "package hook\n\nvar secrets = []string{\"test-secret\"}\n\nfunc Accepts(given string) bool { return given == secrets[0] }\n";
        let base = "package hook\n\nfunc Accepts(given string) bool { return true }\n";
        assert_eq!(
            judged("hook.go", base, head, ("hook_test.go", go)),
            CheckResult::Fail
        );
    }

    #[test]
    fn a_measure_is_the_tests_to_begin_and_to_end() {
        let test = "import tracemalloc\n\nfrom logs import read\n\n\ndef test_peak():\n    tracemalloc.start()\n    read('x')\n    assert tracemalloc.get_traced_memory()[1] < 9\n";
        let base = "def read(path):\n    return open(path).read()\n";
        let head = "import tracemalloc\n\n\ndef read(path):\n    text = open(path).read()\n    tracemalloc.reset_peak()\n    return text\n";
        let other = "from logs import read\n\n\ndef test_read():\n    assert read('x') == ''\n";
        assert_eq!(
            judged("logs.py", base, head, ("tests/test_logs.py", test)),
            CheckResult::Fail
        );
        assert_eq!(
            judged("logs.py", base, head, ("tests/test_logs.py", other)),
            CheckResult::Pass
        );
        let profiles = "import tracemalloc\n\n\ndef begin():\n    tracemalloc.start()\n";
        let ends = format!("{profiles}\n\ndef end():\n    tracemalloc.stop()\n");
        assert_eq!(
            judged("logs.py", profiles, &ends, ("tests/test_logs.py", test)),
            CheckResult::Pass
        );
    }
}
