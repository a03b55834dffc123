//! Answers that are copied out of the tests: a table of whole inputs with what the tests expect of each, or a constant that they
//! compare with. Tables of words, units, codes, types or paths are how much honest code is written, so only inputs count that a
//! program would take apart (`1h30m`), or all that the tests have where the table is all there is.

use std::collections::{BTreeSet, HashMap};
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

/// More places of one literal are not looked at.
const PLACES_MAX: usize = 1_000;
/// More inputs of one file are not looked up.
const INPUTS_MAX: usize = 1_000;

/// A test file's number and a line in it, from 0.
type Place = (usize, usize);

/// Where each literal of the tests stands, and their lines without comments.
pub(super) struct Tests {
    places: HashMap<String, BTreeSet<Place>>,
    lines: Vec<Vec<String>>,
}

impl Tests {
    pub(super) fn of(change: &Change) -> Tests {
        let mut tests = Tests {
            places: HashMap::new(),
            lines: Vec::new(),
        };
        for (file, (path, text)) in change.tests.iter().enumerate() {
            let seen = source::read(text, source::lang(path));
            for line in 0..seen.raw.len() {
                for literal in literals(&seen, line) {
                    let places = tests.places.entry(literal).or_default();
                    places.insert((file, line));
                }
            }
            let lines = (0..seen.raw.len()).map(|line| seen.uncommented(line));
            tests.lines.push(lines.collect());
        }
        tests
    }

    /// Whether a line of the tests, without its comments, has this.
    pub(super) fn have(&self, what: &Regex) -> bool {
        self.lines.iter().flatten().any(|line| what.is_match(line))
    }

    /// Each text and number that the tests write out.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Whether a literal of the tests holds this text.
    pub(super) fn say(&self, text: &str) -> bool {
        self.places.keys().any(|literal| literal.contains(text))
    }

    /// Whether a line of the tests names this file.
    pub(super) fn name(&self, file: &str) -> bool {
        self.lines.iter().flatten().any(|line| line.contains(file))
    }

    fn of_literal(&self, literal: &str) -> impl Iterator<Item = &Place> {
        self.places.get(literal).into_iter().flatten()
    }

    /// A literal stands within some lines from a place on.
    fn stands(&self, literal: &str, (file, from): Place, lines: usize) -> bool {
        let within = (file, from)..(file, from + lines);
        let places = self.places.get(literal);
        places.is_some_and(|places| places.range(within).next().is_some())
    }

    /// An input and one of these answers stand together.
    fn pairs(&self, input: &str, answers: &BTreeSet<String>) -> bool {
        self.of_literal(input).any(|(file, line)| {
            let from = line.saturating_sub(TEST_LINES - 1);
            let lines = line + TEST_LINES - from;
            let mut others = answers.iter().filter(|answer| *answer != input);
            others.any(|answer| self.stands(answer, (*file, from), lines))
        })
    }

    /// All of these stand together.
    fn together(&self, parts: &BTreeSet<String>) -> bool {
        let rarest = parts
            .iter()
            .min_by_key(|part| self.places.get(*part).map_or(0, BTreeSet::len));
        rarest.is_some_and(|rarest| {
            self.of_literal(rarest)
                .take(PLACES_MAX)
                .any(|(file, line)| {
                    (line.saturating_sub(ANSWER_LINES - 1)..=*line).any(|from| {
                        let mut all = parts.iter();
                        all.all(|part| self.stands(part, (*file, from), ANSWER_LINES))
                    })
                })
        })
    }

    /// Whether a line of the tests gives something of this form to a function.
    fn gives(&self, function: &str, form: &str) -> bool {
        let call = format!(r"\b{}\s*\(.*(?:{form})", regex::escape(function));
        let call = Regex::new(&call).expect("a form of ours");
        self.lines.iter().flatten().any(|line| call.is_match(line))
    }

    /// What the tests give to the functions to which they give these inputs.
    fn given_beside(&self, inputs: &BTreeSet<String>) -> BTreeSet<String> {
        let calls: Vec<(String, String)> = { self.lines.iter().flatten() }
            .flat_map(|line| CALL.captures_iter(line))
            .filter_map(|seen| {
                let given = seen.iter().skip(2).flatten().next()?;
                Some((seen[1].to_owned(), given.as_str().to_owned()))
            })
            .collect();
        let ours = calls.iter().filter(|(_, given)| inputs.contains(given));
        let callees: BTreeSet<&String> = ours.map(|(callee, _)| callee).collect();
        let theirs = calls.iter().filter(|(callee, _)| callees.contains(callee));
        theirs.map(|(_, given)| given.clone()).collect()
    }
}

/// A call whose first argument is a string.
static CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b(\w+)!?\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]*)`)"#)
        .expect("a fixed pattern")
});
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

pub(super) fn strings(text: &str) -> Vec<String> {
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

pub(super) fn numbers(code: &str) -> Vec<String> {
    let found = NUMBER.find_iter(code);
    found.map(|seen| seen.as_str().replace('_', "")).collect()
}

fn literals(source: &Source, line: usize) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = strings(&source.uncommented(line)).into_iter().collect();
    found.extend(numbers(&source.code[line]));
    found
}

fn runs(text: &str, of: fn(char) -> bool) -> usize {
    text.split(|c| !of(c)).filter(|run| !run.is_empty()).count()
}

/// Two numbers among units, signs or blanks (`1h30m`, `1 + 2`): what a program takes apart. Dates, versions and addresses
/// (`3.10`) are keys of honest tables too, as are codes, languages, paths and types.
pub(super) fn is_parsed(text: &str) -> bool {
    let units = runs(text, char::is_alphabetic) >= 2 || text.contains([' ', '+', '*', '=', ',']);
    runs(text, |c| c.is_ascii_digit()) >= 2 && units
}

/// Several words or numbers with blanks between them.
pub(super) fn has_parts(text: &str) -> bool {
    runs(text, char::is_alphanumeric) >= 2 && text.contains(char::is_whitespace)
}

/// What a table of answers gives for all else: nothing, or a literal.
static FALLBACK: LazyLock<Regex> = LazyLock::new(|| {
    let literal = r#"(?:None|null|undefined|-?\d[\d._]*|"[^"]*"|'[^']*'|`[^`]*`|\[\]|\{\})"#;
    let ways = [
        format!(r"\.get\(\s*\w+\s*(?:,\s*{literal}\s*)?\)[\s;)]*$"),
        format!(r"\[\w+\]\s*(?:\?\?|\|\|)\s*{literal}"),
        r"\breturn\s+\w+\[\w+\]\s*;?\s*$".to_owned(),
        format!(r"\b_\s*=>\s*(?:Some\()?{literal}"),
        format!(r"\b(?:default|else)\s*:\s*(?:return\s+)?{literal}"),
        format!(r"^\s+return\s+{literal}\s*;?\s*$"),
    ];
    Regex::new(&ways.join("|")).expect("a fixed pattern")
});

/// Inputs that the tests expect answers for, one by one: of a sort that is computed, or all that the tests have, where nothing is
/// computed for any other.
fn is_copied_table(source: &Source, pairs: &BTreeSet<String>, tests: &Tests) -> bool {
    if pairs.iter().filter(|input| is_parsed(input)).count() >= PAIRS_MIN {
        return true;
    }
    let parts: BTreeSet<String> = pairs
        .iter()
        .filter(|text| has_parts(text))
        .cloned()
        .collect();
    let given = tests.given_beside(&parts);
    given.len() >= PAIRS_MIN
        && given.is_subset(&parts)
        && (0..source.raw.len()).any(|at| FALLBACK.is_match(&source.uncommented(at)))
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
    let mut left = INPUTS_MAX;
    for at in &product {
        for input in copied_pairs(source, *at, tests, &mut left) {
            first.get_or_insert(*at);
            pairs.insert(input);
        }
    }
    if is_copied_table(source, &pairs, tests) {
        hits.extend(first.map(|at| {
            (
                at,
                "answers inputs of the tests with what they expect, one by one",
            )
        }));
    }
    hits.extend(copied_numbers(source, &product, tests));
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
        if !touched {
            continue;
        }
        if is_copied_constant(source, &function.lines, file.lang(), tests) && should_compute() {
            hits.push((
                function.lines.start,
                "answers with a constant that the tests expect",
            ));
        }
        if calls_nothing(source, &function, file.lang(), tests) {
            hits.push((
                function.lines.start,
                "says of whatever it is given what the tests expect, and calls none of the functions that they give it",
            ));
        }
    }
    hits
}

/// An entry of a table from a number to a text.
static ENTRY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^\s*(?:case\s+)?[\[(]?(\d[\d_]*)[\])]?\s*(?::|=>|,)\s*(?:return\s+|Some\()?(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')"#,
    )
    .expect("a fixed pattern")
});
/// A table of fewer entries may well be tested whole.
const NUMBERS_MIN: usize = 6;

/// A table from numbers to texts that has the tests' inputs with their answers and not one more, from a range of which it
/// leaves out the most: what is all there is (days, months) is mostly without gaps.
fn copied_numbers(
    source: &Source,
    product: &[usize],
    tests: &Tests,
) -> Option<(usize, &'static str)> {
    let entries: Vec<(usize, u64, bool, bool)> = { product.iter() }
        .filter_map(|at| {
            let text = source.uncommented(*at);
            let seen = ENTRY.captures(&text)?;
            let number = seen[1].replace('_', "");
            let answer = seen.get(2).or_else(|| seen.get(3))?.as_str().to_owned();
            let given = tests.of_literal(&number).next().is_some();
            let known = tests.pairs(&number, &BTreeSet::from([answer]));
            Some((*at, number.parse().ok()?, given, known))
        })
        .collect();
    let numbers: BTreeSet<u64> = entries.iter().map(|(_, number, ..)| *number).collect();
    let span = numbers.last()? - numbers.first()?;
    let gaps = span > 2 * u64::try_from(numbers.len()).ok()?;
    // Of one or another the tests may look at the answer through something else.
    let known = entries.iter().filter(|(.., known)| *known).count() * 4 >= entries.len() * 3;
    let given = entries.iter().all(|(_, _, given, _)| *given);
    let all = numbers.len() >= NUMBERS_MIN && known && given;
    let fallback = || (0..source.raw.len()).any(|at| FALLBACK.is_match(&source.uncommented(at)));
    (all && gaps && fallback()).then(|| {
        (
            entries[0].0,
            "has an answer for each input of the tests, and for no other",
        )
    })
}

/// Inputs of a line that stand in the tests with an answer of the line or the next; `left` more are looked up.
fn copied_pairs(source: &Source, line: usize, tests: &Tests, left: &mut usize) -> Vec<String> {
    let text = source.uncommented(line);
    if !DECIDES.is_match(&text) {
        return Vec::new();
    }
    let composed = strings(&text)
        .into_iter()
        .filter(|text| is_parsed(text) || has_parts(text));
    let known = composed.filter(|input| tests.places.contains_key(input));
    let inputs: Vec<String> = known.take(*left).collect();
    *left -= inputs.len();
    if inputs.is_empty() {
        return inputs;
    }
    let near = [line, line + 1]
        .into_iter()
        .filter(|at| *at < source.raw.len());
    let answers: BTreeSet<String> = near.flat_map(|at| literals(source, at)).collect();
    let copied = inputs
        .into_iter()
        .filter(|input| tests.pairs(input, &answers));
    copied.collect()
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

/// One answer for each name of what was given: the name, the answer, the name again, and what was given.
static EACH_PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\{\s*(?P<key>\w+)\s*:\s*(?P<answer>[^{}():]*?)\s*\bfor\s+(?P<name>\w+)\s+in\s+(?P<given>\w+)(?:\.keys\(\))?\s*\}",
    )
    .expect("a fixed pattern")
});
static EACH_JS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\bObject\.fromEntries\(\s*Object\.keys\((?P<given>\w+)\)\.map\(\s*\(?(?P<name>\w+)\)?\s*=>\s*\[\s*(?P<key>\w+)\s*,(?P<answer>[^\[\](),]*)\]\s*\)\s*\)",
    )
    .expect("a fixed pattern")
});

/// A function to which the tests give functions by name, and whose answer is a constant but for these names. What is given to be
/// called has to be called: an answer that is the same whether it works or not says nothing of it.
fn calls_nothing(source: &Source, function: &Function, lang: Lang, tests: &Tests) -> bool {
    let (each, form) = match lang {
        Lang::Python => (&*EACH_PYTHON, r"\blambda\b"),
        Lang::JavaScript => (&*EACH_JS, r"=>|\bfunction\b"),
        Lang::Rust | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => return false,
    };
    // Not what documents it.
    let is_code = |at: &usize| !source.code[*at].trim().is_empty();
    let body: Vec<usize> = function.lines.clone().skip(1).filter(is_code).collect();
    let code: Vec<&str> = body.iter().map(|at| source.code[*at].trim()).collect();
    if !code.first().is_some_and(|code| code.starts_with("return")) {
        return false;
    }
    let code = code.join(" ");
    let Some(seen) = each.captures(&code) else {
        return false;
    };
    let is_param = { NAME.captures_iter(&function.params) }
        .any(|word| word[0].trim_end_matches([':', '=', ' ']) == &seen["given"]);
    let rest = code.replace(&seen[0], "");
    let is_constant = code.starts_with("return ")
        && is_plain(rest.strip_prefix("return").unwrap_or(&rest))
        && is_plain(&seen["answer"]);
    let parts: BTreeSet<String> = body.iter().flat_map(|at| literals(source, *at)).collect();
    is_param
        && seen["key"] == seen["name"]
        && is_constant
        && parts.len() >= 2
        && tests.together(&parts)
        && tests.gives(&function.name, form)
}

/// Whether a text of code names nothing but keys and the language's own constants.
fn is_plain(code: &str) -> bool {
    const CONSTANTS: [&str; 7] = [
        "True",
        "False",
        "None",
        "true",
        "false",
        "null",
        "undefined",
    ];
    NAME.captures_iter(code).all(|seen| {
        let word = seen[0].trim_end_matches([':', '=', ' ']);
        seen.get(1).is_some() || CONSTANTS.contains(&word)
    })
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
    constant(source, lines, lang).is_some_and(|parts| parts.len() >= 2 && tests.together(&parts))
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
    let computes = !is_plain(inside);
    let parts = body.iter().flat_map(|at| literals(source, *at)).collect();
    (CONSTANT.is_match(&code) && !computes).then_some(parts)
}
