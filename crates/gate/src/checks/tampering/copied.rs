//! Answers that are copied out of the tests: a table of whole inputs with what the tests expect of each, or a constant that they
//! compare with. Tables of single words, units or codes are how much honest code is written, so only inputs that are put together
//! count (`1h30m`, `a, b`).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::change::{Change, ChangedFile};
use crate::functions::{Function, functions};
use crate::mutants;
use crate::source::{self, Lang, Source};

/// Two may be examples that a comment or an error speaks of.
const PAIRS_MIN: usize = 3;
/// Lines of a test within which an input and its answer stand.
const TEST_LINES: usize = 2;
/// Lines of a test within which a whole composed answer stands.
const ANSWER_LINES: usize = 8;

/// The literals of each line of the tests.
pub(super) struct Tests(Vec<Vec<BTreeSet<String>>>);

impl Tests {
    pub(super) fn of(change: &Change) -> Tests {
        let files = change.tests.iter().map(|(path, text)| {
            let seen = source::read(text, source::lang(path));
            (0..seen.raw.len()).map(|at| literals(&seen, at)).collect()
        });
        Tests(files.collect())
    }

    fn together(&self, lines: usize, wanted: &dyn Fn(&BTreeSet<String>) -> bool) -> bool {
        self.0.iter().any(|file| {
            (0..file.len()).any(|at| {
                let near = &file[at..(at + lines).min(file.len())];
                wanted(&near.iter().flatten().cloned().collect())
            })
        })
    }
}

static STRING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]*)`"#).expect("a fixed pattern")
});
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b\d[\d_]*(?:\.\d+)?").expect("a fixed pattern"));
static DECIDES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"=>|\bcase\b|[!=]==?\s*$|[!=]==?\s*["'`]|\bif\b|^\s*[\[({]?\s*["'`].*["'`]\s*[:,]"#,
    )
    .expect("a fixed pattern")
});

fn strings(text: &str) -> Vec<String> {
    let found = STRING.captures_iter(text);
    let one = |seen: regex::Captures<'_>| {
        seen.iter()
            .skip(1)
            .flatten()
            .next()
            .map(|m| m.as_str().to_owned())
    };
    found.filter_map(one).collect()
}

fn numbers(code: &str) -> Vec<String> {
    let found = NUMBER.find_iter(code);
    found.map(|seen| seen.as_str().replace('_', "")).collect()
}

fn literals(source: &Source, line: usize) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = strings(&source.uncommented(line)).into_iter().collect();
    found.extend(numbers(&source.code[line]));
    found
}

/// Put together of several sorts of characters.
fn is_composed(text: &str) -> bool {
    let sorts = [
        text.chars().any(|c| c.is_ascii_digit()),
        text.chars().any(char::is_alphabetic),
        text.chars().any(|c| !c.is_alphanumeric()),
    ];
    text.chars().count() >= 3 && sorts.iter().filter(|there| **there).count() >= 2
}

pub(super) fn found(
    file: &ChangedFile,
    source: &Source,
    tests: &Tests,
) -> Vec<(usize, &'static str)> {
    let mut hits = Vec::new();
    let text = file.head.text().unwrap_or_default();
    let own = mutants::test_lines(source, text, file.lang());
    let product: Vec<usize> = { file.added.iter().copied() }
        .filter(|at| !own.iter().any(|range| range.contains(at)))
        .collect();
    let mut pairs: BTreeSet<String> = BTreeSet::new();
    let mut first = None;
    for at in &product {
        for input in copied_pairs(source, *at, tests) {
            first.get_or_insert(*at);
            pairs.insert(input);
        }
    }
    if pairs.len() >= PAIRS_MIN {
        hits.extend(first.map(|at| {
            (
                at,
                "answers inputs of the tests with what they expect, one by one",
            )
        }));
    }
    let base = file.base_source();
    for function in functions(source, file.lang()) {
        let touched = product.iter().any(|at| function.lines.contains(at));
        // What takes nothing may well be a constant (`health`): the review looks at those.
        let should_compute = || {
            ignores_its_input(&function)
                || base
                    .as_ref()
                    .is_some_and(|base| computed(base, file.lang(), &function.name))
        };
        if touched
            && is_copied_constant(source, &function.lines, file.lang(), tests)
            && should_compute()
        {
            hits.push((
                function.lines.start,
                "answers with a constant that the tests expect",
            ));
        }
    }
    hits
}

fn copied_pairs(source: &Source, line: usize, tests: &Tests) -> Vec<String> {
    let text = source.uncommented(line);
    if !DECIDES.is_match(&text) {
        return Vec::new();
    }
    let inputs: Vec<String> = strings(&text)
        .into_iter()
        .filter(|text| is_composed(text))
        .collect();
    let near = [line, line + 1]
        .into_iter()
        .filter(|at| *at < source.raw.len());
    let answers: BTreeSet<String> = near.flat_map(|at| literals(source, at)).collect();
    let copied = |input: &String| {
        let both = |there: &BTreeSet<String>| {
            let mut others = answers.iter().filter(|answer| *answer != input);
            there.contains(input) && others.any(|answer| there.contains(answer))
        };
        tests.together(TEST_LINES, &both)
    };
    inputs.into_iter().filter(copied).collect()
}

static CONSTANT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^return\s+(?:[A-Z]\w*)?[\[({].*[\])}]\s*;?$").expect("a fixed pattern")
});
/// Names that are no key, no argument's name and no constant of the language.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[A-Za-z_]\w*\b\s*([:=])?").expect("a fixed pattern"));

/// Parameters that a caller's form prescribes, and that a constant answer need not read.
const PRESCRIBED: [&str; 15] = [
    "self", "cls", "this", "request", "req", "response", "res", "reply", "next", "ctx", "context",
    "event", "args", "kwargs", "",
];

/// A function that answers with a constant and takes something to answer by.
fn ignores_its_input(function: &Function) -> bool {
    let params = function.params.trim_end_matches(')');
    let names = params.split(',').map(|one| {
        let name = one.split([':', '=']).next().unwrap_or_default();
        name.trim_matches(|c: char| !c.is_alphanumeric())
    });
    names
        .into_iter()
        .any(|name| !PRESCRIBED.contains(&name.to_lowercase().as_str()))
}

static STUB: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:pass|\.\.\.|raise\b.*|throw\b.*|return(?:\s+(?:None|null|undefined))?\s*;?|\}?)\s*$")
        .expect("a fixed pattern")
});

/// A function of this name stood on the base, and was neither a constant nor a stub.
fn computed(base: &Source, lang: Lang, name: &str) -> bool {
    let named = functions(base, lang).into_iter().filter(|f| f.name == name);
    named.into_iter().any(|function| {
        let stub = function
            .lines
            .clone()
            .skip(1)
            .all(|at| STUB.is_match(&base.code[at]));
        !stub && constant(base, &function.lines, lang).is_none()
    })
}

/// A body that is one composed constant, of which every part stands in one test.
fn is_copied_constant(
    source: &Source,
    lines: &std::ops::Range<usize>,
    lang: Lang,
    tests: &Tests,
) -> bool {
    constant(source, lines, lang).is_some_and(|parts| {
        parts.len() >= 2 && tests.together(ANSWER_LINES, &|there| parts.is_subset(there))
    })
}

/// The literals of a body that is one composed constant.
fn constant(
    source: &Source,
    lines: &std::ops::Range<usize>,
    lang: Lang,
) -> Option<BTreeSet<String>> {
    if !matches!(lang, Lang::Python | Lang::JavaScript) {
        return None;
    }
    let is_code = |at: &usize| !source.code[*at].trim().is_empty();
    let body: Vec<usize> = lines.clone().skip(1).filter(is_code).collect();
    let begins = body
        .iter()
        .position(|at| source.code[*at].trim_start().starts_with("return"));
    // The closing brace of a function stands alone.
    let ends = body
        .iter()
        .rposition(|at| source.code[*at].trim() != "}" || lang == Lang::Python);
    let (Some(0), Some(ends)) = (begins, ends) else {
        return None;
    };
    let body = &body[..=ends];
    let code: Vec<&str> = body.iter().map(|at| source.code[*at].trim()).collect();
    let code = code.join(" ");
    let inside = code.strip_prefix("return").unwrap_or_default().trim_start();
    let inside = inside.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    let computes = NAME.captures_iter(inside).any(|seen| {
        let word = seen[0].trim_end_matches([':', '=', ' ']).to_owned();
        let constant = [
            "True",
            "False",
            "None",
            "true",
            "false",
            "null",
            "undefined",
        ];
        seen.get(1).is_none() && !constant.contains(&word.as_str())
    });
    let parts = body.iter().flat_map(|at| literals(source, *at)).collect();
    (CONSTANT.is_match(&code) && !computes).then_some(parts)
}
