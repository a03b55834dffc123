//! Edits of a test that ask at least as much of the product as before, of tests that the task does not name: what can be told of them by
//! looking. Two kinds are told. A test is stricter where each of its statements is the old one, or an assertion that refuses all
//! that the old one refused and more. It is rewritten where each assertion, each literal and each name of the product is kept and nothing
//! is added that could leave one of them out; whether it notices what the old one noticed is then measured (docs/adr/0019). What is
//! neither is an edited test.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::rows::Page;
use super::{edits, unordered, weakened};
use crate::change::ChangedFile;
use crate::functions::functions;
use crate::source::{Lang, Source};
use crate::testfns::{self, TestFn};

/// How an edited test is known to ask as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Stricter,
    Rewritten,
}

/// A test that was edited, and could be let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) kept: Kept,
    /// Its lines in the base, from 0.
    pub(crate) lines: Range<usize>,
}

/// Names that files of tests use, and that are no product.
const TOOLS: [&str; 17] = [
    "assert", "expect", "test", "tests", "it", "describe", "pytest", "unittest", "node", "strict",
    "vitest", "jest", "import", "from", "use", "const", "require",
];
/// A longer helper does more than to say once what tests said often.
const HELPER_LINES_MAX: usize = 15;
/// A larger file of tests is none that a person wrote.
const BYTES_MAX: usize = 1 << 20;

/// The edited tests of a file that the task does not name, of which this can be told.
pub(crate) fn claims(file: &ChangedFile, rules: &Rules<'_>) -> Vec<Claim> {
    let plain = !file.is_new() && !file.is_deleted() && file.from.is_none();
    let lang = file.lang();
    let known = [Lang::Rust, Lang::Python, Lang::JavaScript, Lang::Go].contains(&lang);
    if !plain || !known || !rules.is_fixed_test(file.base_path()) {
        return Vec::new();
    }
    let (Some(old), Some(new)) = (file.base.text(), file.head.text()) else {
        return Vec::new();
    };
    let (Some(base), Some(head)) = (file.base_source(), file.head_source()) else {
        return Vec::new();
    };
    if old.len().max(new.len()) > BYTES_MAX {
        return Vec::new();
    }
    let after = testfns::find(new, lang);
    let mut claims = Vec::new();
    for (name, was) in testfns::find(old, lang) {
        let ([was], Some([now])) = (was.as_slice(), after.get(&name).map(Vec::as_slice)) else {
            continue;
        };
        if was.text == now.text {
            continue;
        }
        let sides = Sides {
            base: &base,
            head: &head,
            was,
            now,
            lang,
        };
        let kept = match sides.is_stricter() {
            true => Some(Kept::Stricter),
            false => sides.is_rewritten().then_some(Kept::Rewritten),
        };
        claims.extend(kept.map(|kept| Claim {
            name,
            kept,
            lines: was.lines.clone(),
        }));
    }
    claims
}

struct Sides<'a> {
    base: &'a Source,
    head: &'a Source,
    was: &'a TestFn,
    now: &'a TestFn,
    lang: Lang,
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// What could leave an assertion out, or bend what it looks at.
static BENDS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:if|else|elif|unless|match|switch|case|try|catch|except|finally|suppress|return|break|continue|raise|throw|skip\w*|only|todo|xfail|ignore|exit|abort|mock\w*|patch\w*|spy\w*|stub\w*|fake\w*|process|setTimeout|setattr|race|any|all|some|every|filter|slice|pop|shift|splice|reduce|flat|unwrap_or\w*|ok|while|catch_unwind|should_panic|fail)\b|\?\?|\|\||&&|\band\b|\bor\b|\s\?\s",
    )
});
static LOOPS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"\bfor\b|\bforEach\b|\bfor_each\b|\bmap\b|=>|\bfunction\b|\blambda\b|\|\w*\|")
});
static ASSIGNS: LazyLock<Regex> = LazyLock::new(|| fixed(r"[^=!<>]=[^=>]"));
/// The name of an event is how a test waits, and nothing that it gives or expects.
static EVENT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r#"\.\s*(?:on|once|addEventListener|addListener)\(\s*["'`][^"'`]*["'`]"#)
});
static ADDED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^(?:assert\b|self\.assert\w+\(|(?:await\s+)?expect\(|(?:assert|require)\.\w+\(|assert(?:_eq|_ne)?!\()",
    )
});

/// A statement, with the depth of its first line.
type Statement = (usize, String);

impl Sides<'_> {
    /// Each statement is the old one or a stricter one; more assertions may stand between them.
    fn is_stricter(&self) -> bool {
        let was = statements(self.base, &self.was.lines);
        let now = statements(self.head, &self.now.lines);
        let mut left = was.iter().peekable();
        for (depth, text) in &now {
            let meets = left.peek().is_some_and(|(was_depth, was)| {
                let deep = self.lang != Lang::Python || was_depth == depth;
                deep && (was == text || is_stricter(self.lang, was, text))
            });
            if meets {
                left.next();
                continue;
            }
            let bent =
                self.assigns(text) || BENDS.is_match(text) || unordered::loosens(self.lang, text);
            if bent || !ADDED.is_match(text) {
                return false;
            }
        }
        left.peek().is_none()
    }

    /// Whether an assertion changes what it or another one looks at.
    fn assigns(&self, text: &str) -> bool {
        match self.lang == Lang::Python {
            true => text.contains(":="),
            false => ASSIGNS.is_match(text),
        }
    }

    fn is_rewritten(&self) -> bool {
        // What Go compares it says by conditions, and how they end.
        if self.lang == Lang::Go {
            return false;
        }
        let words_of_test = words(&code(self.head, &self.now.lines));
        let Some(helpers) = self.helpers(&words_of_test) else {
            return false;
        };
        let (was, now) = (
            code(self.base, &self.was.lines),
            code(self.head, &self.now.lines),
        );
        let most = |pattern: &Regex| {
            let seen = |text: &str| -> Vec<String> {
                pattern
                    .find_iter(text)
                    .map(|m| m.as_str().to_owned())
                    .collect()
            };
            let mut before = seen(&was);
            seen(&now).into_iter().all(|one| {
                let at = before.iter().position(|other| *other == one);
                at.map(|at| before.swap_remove(at)).is_some()
            })
        };
        // `assert.ok` is a name.
        let bends = BENDS.find_iter(&now).any(|seen| seen.as_str() != "ok");
        let assigns = { statements(self.head, &self.now.lines).into_iter() }
            .any(|(_, text)| ADDED.is_match(&text) && self.assigns(&text));
        if bends || assigns || !most(&LOOPS) || self.is_loosened() {
            return false;
        }
        let mut said = words_of_test;
        for lines in &helpers {
            said.extend(words(&code(self.head, lines)));
        }
        let used = words(&was);
        let imported: BTreeSet<String> = { self.base.code.iter() }
            .filter(|line| edits::is_import(line))
            .flat_map(|line| words(line))
            .filter(|word| used.contains(word))
            .collect();
        let product: BTreeSet<String> = { imported.iter() }
            .filter(|word| !TOOLS.contains(&word.as_str()))
            .cloned()
            .chain(self.called(&helpers))
            .collect();
        imported.is_subset(&said) && self.keeps_assertions(&product)
    }

    /// Lines of the helpers that the edited test calls and the base had not; `None` where one does more than to prepare.
    fn helpers(&self, called: &BTreeSet<String>) -> Option<Vec<Range<usize>>> {
        let before: BTreeSet<String> = { functions(self.base, self.lang).into_iter() }
            .map(|function| function.name)
            .collect();
        let page = Page::of(self.head);
        let mut helpers = Vec::new();
        for function in functions(self.head, self.lang) {
            let new = called.contains(&function.name) && !before.contains(&function.name);
            if !new || self.now.lines.contains(&function.lines.start) {
                continue;
            }
            let body = code(self.head, &function.lines);
            let returns = body.matches("return").count();
            let bends = BENDS
                .find_iter(&body)
                .filter(|seen| seen.as_str() != "return")
                .count();
            let plain = function.lines.len() <= HELPER_LINES_MAX
                && page.on_lines(&function.lines).is_empty()
                && bends == 0
                && returns <= 1
                && !unordered::loosens(self.lang, &body)
                && !["assert", "expect", "test", "it"].contains(&function.name.as_str());
            // Nobody waits for what is not awaited.
            let head = self.head.code.get(function.lines.start).map(String::as_str);
            let calls = |prefix: &str| {
                code(self.head, &self.now.lines)
                    .matches(&format!("{prefix}{}(", function.name))
                    .count()
            };
            let awaited =
                !head.unwrap_or_default().contains("async") || calls("") == calls("await ");
            if !plain || !awaited {
                return None;
            }
            helpers.push(function.lines);
        }
        Some(helpers)
    }

    /// The names of these helpers.
    fn called(&self, helpers: &[Range<usize>]) -> Vec<String> {
        { functions(self.head, self.lang).into_iter() }
            .filter(|function| helpers.contains(&function.lines))
            .map(|function| function.name)
            .collect()
    }

    /// Whether a new assertion looks at the product: by its name or by a helper, or at what the old one looked at, that is made as it was.
    fn looks(
        &self,
        was: &BTreeSet<String>,
        now: &BTreeSet<String>,
        product: &BTreeSet<String>,
    ) -> bool {
        if !now.is_disjoint(product) {
            return true;
        }
        let made = |source: &Source, lines: &Range<usize>| -> BTreeSet<String> {
            let all = statements(source, lines).into_iter().map(|(_, text)| text);
            all.filter(|text| {
                !ADDED.is_match(text) && words(text).iter().any(|word| was.contains(word))
            })
            .collect()
        };
        was.is_subset(now)
            && made(self.base, &self.was.lines).is_subset(&made(self.head, &self.now.lines))
    }

    fn is_loosened(&self) -> bool {
        let count = |source: &Source, lines: &Range<usize>| {
            let loose = lines.clone().filter(|at| {
                source
                    .code
                    .get(*at)
                    .is_some_and(|code| unordered::loosens(self.lang, code))
            });
            loose.count()
        };
        count(self.head, &self.now.lines) > count(self.base, &self.was.lines)
    }

    /// Each old assertion has one of the new ones, that compares alike and has its literals in their order; and no literal of the
    /// test is gone.
    fn keeps_assertions(&self, product: &BTreeSet<String>) -> bool {
        let (Some(mut was), Some(mut now)) = (
            assertions(self.base, &self.was.lines, self.lang),
            assertions(self.head, &self.now.lines, self.lang),
        ) else {
            return false;
        };
        if was.is_empty() {
            return false;
        }
        // The one that says most first, so that it is not left with what another one took.
        was.sort_by_key(|assertion| std::cmp::Reverse(assertion.values.len()));
        for one in was {
            let at = now.iter().position(|other| {
                let alike = other.how == one.how || STRICTER.contains(&(&one.how, &other.how));
                alike
                    && other.always
                    && in_order(&one.values, &other.values)
                    && self.looks(&one.words, &other.words, product)
            });
            let Some(at) = at else { return false };
            now.swap_remove(at);
        }
        let mut left = values(self.head, &self.now.lines);
        let events = events(self.base, &self.was.lines);
        { values(self.base, &self.was.lines).into_iter() }
            .filter(|value| !events.contains(value))
            .all(|value| {
                let at = left.iter().position(|other| *other == value);
                at.map(|at| left.swap_remove(at)).is_some()
            })
    }
}

/// What stands for a comparison, and what refuses more.
const STRICTER: [(&str, &str); 6] = [
    ("assert.equal", "assert.strictEqual"),
    ("assert.deepEqual", "assert.deepStrictEqual"),
    (".toEqual", ".toStrictEqual"),
    (".toBeCloseTo", ".toBe"),
    ("self.assertAlmostEqual", "self.assertEqual"),
    ("self.assertEquals", "self.assertEqual"),
];

fn in_order(values: &[String], has: &[String]) -> bool {
    let mut has = has.iter();
    values.iter().all(|value| has.any(|other| other == value))
}

/// What a test asserts on some lines: how it compares, the literals in it, and its words.
struct Assertion {
    how: String,
    values: Vec<String>,
    words: BTreeSet<String>,
    /// It stands in the test's own body, and in no block or function that might not be come to.
    always: bool,
}

fn assertions(source: &Source, lines: &Range<usize>, lang: Lang) -> Option<Vec<Assertion>> {
    let compares = weakened::compares(lang)?;
    let page = Page::of(source);
    let mut found = Vec::new();
    for at in lines.clone() {
        let line = source.uncommented(at);
        for seen in compares.find_iter(&line) {
            let text = seen.as_str().trim();
            let how = match text.strip_suffix('(') {
                Some(call) => call.trim().to_owned(),
                None if text.starts_with("assert") => "assert ==".to_owned(),
                None => text.to_owned(),
            };
            let end = ends(source, at, lines.end);
            found.push(Assertion {
                how,
                values: page.on_lines(&(at..end)),
                words: words(&code(source, &(at..end))),
                always: ADDED.is_match(line.trim_start()) && is_in_body(source, lines, at, lang),
            });
        }
    }
    Some(found)
}

/// Whether a line begins a statement of a test's own body.
fn is_in_body(source: &Source, lines: &Range<usize>, at: usize, lang: Lang) -> bool {
    let code = |at: usize| source.code.get(at).map(String::as_str).unwrap_or_default();
    let indent = |at: usize| code(at).len() - code(at).trim_start().len();
    let depth = |from: usize, to: usize| {
        (from..to)
            .flat_map(|at| code(at).chars())
            .fold(0_i64, |depth, c| match c {
                '(' | '[' | '{' => depth + 1,
                ')' | ']' | '}' => depth - 1,
                _ => depth,
            })
    };
    match lang {
        Lang::Python => {
            let head = lines
                .clone()
                .find(|at| code(*at).trim_start().contains("def "));
            let head = head.unwrap_or(lines.start);
            let body = (head + 1..lines.end).filter(|at| !code(*at).trim().is_empty());
            let least = body.map(indent).filter(|deep| *deep > indent(head)).min();
            depth(head, at) == 0 && least == Some(indent(at))
        }
        // The call of the test and its function, or the function alone.
        Lang::JavaScript => depth(lines.start, at) == 2,
        Lang::Rust => depth(lines.start, at) == 1,
        Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => false,
    }
}

/// The line after the one on which all brackets are closed that open on a line and after it.
fn ends(source: &Source, at: usize, end: usize) -> usize {
    let mut depth = 0_i64;
    for (line, code) in source.code.iter().enumerate().take(end).skip(at) {
        depth += code.chars().fold(0, |depth, c| match c {
            '(' | '[' | '{' => depth + 1,
            ')' | ']' | '}' => depth - 1,
            _ => depth,
        });
        if depth <= 0 {
            return line + 1;
        }
    }
    end
}

fn values(source: &Source, lines: &Range<usize>) -> Vec<String> {
    // What stands before the body is the test's name.
    Page::of(source).on_lines(&lines.clone())
}

fn events(source: &Source, lines: &Range<usize>) -> BTreeSet<String> {
    let text: Vec<String> = lines.clone().map(|at| source.uncommented(at)).collect();
    let text = text.join("\n");
    let named = EVENT.find_iter(&text).map(|seen| {
        let quoted = seen.as_str().rsplit_once('(').map_or("", |(_, name)| name);
        quoted.trim().trim_matches(['"', '\'', '`']).to_owned()
    });
    named.collect()
}

fn code(source: &Source, lines: &Range<usize>) -> String {
    let lines = lines.clone().filter_map(|at| source.code.get(at));
    lines.map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn words(code: &str) -> BTreeSet<String> {
    let parts = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words = parts.filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    words.map(str::to_owned).collect()
}

/// The statements of a test: lines that go on until their round and square brackets are closed.
fn statements(source: &Source, lines: &Range<usize>) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut from = lines.start;
    let mut depth = 0_i64;
    let indent = |at: usize| {
        let line = source.uncommented(at);
        line.len() - line.trim_start().len()
    };
    for at in lines.clone() {
        let Some(code) = source.code.get(at) else {
            break;
        };
        for c in code.chars() {
            depth += match c {
                '(' | '[' => 1,
                ')' | ']' => -1,
                _ => 0,
            };
        }
        // What a call is given as a function has statements of its own.
        let opens = code.trim_end().ends_with('{');
        if depth <= 0 || opens {
            let text = source.tokens(from..at + 1);
            if !text.is_empty() {
                found.push((indent(from), text));
            }
            (from, depth) = (at + 1, 0);
        }
    }
    if from < lines.end {
        found.push((indent(from), source.tokens(from..lines.end)));
    }
    let first = found.first().map_or(0, |(depth, _)| *depth);
    let shifted = found
        .into_iter()
        .map(|(depth, text)| (depth.saturating_sub(first), text));
    shifted.collect()
}

/// What a call is given, between its name and the bracket that ends the statement.
fn call(text: &str) -> Option<(&str, Vec<&str>)> {
    let text = text.trim_end_matches(';');
    let open = text.find('(')?;
    let inside = text[open + 1..].strip_suffix(')')?;
    Some((&text[..open], arguments(inside)?))
}

/// Split at commas outside of brackets and texts; `None` where a bracket closes that did not open.
fn arguments(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0_i64);
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == open => quote = None,
                _ => {}
            }
            continue;
        }
        match c {
            '"' | '\'' | '`' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    parts.push(&text[from..]);
    (depth == 0 && quote.is_none()).then_some(parts)
}

/// Whether one statement of a test refuses all that another one refused.
fn is_stricter(lang: Lang, was: &str, now: &str) -> bool {
    match lang {
        Lang::Python => python(was, now),
        Lang::JavaScript => javascript(was, now),
        Lang::Rust => rust(was, now),
        Lang::Go => go(was, now),
        Lang::CLike | Lang::Hash | Lang::Plain => false,
    }
}

/// The same two values are compared, with a message or without.
fn same_two(was: &[&str], now: &[&str], from: usize) -> bool {
    let two = from..from + 2;
    now.len() <= from + 3
        && was
            .get(two.clone())
            .is_some_and(|was| now.get(two) == Some(was))
}

fn python(was: &str, now: &str) -> bool {
    if let (Some(was), Some(now)) = (was.strip_prefix("assert "), now.strip_prefix("assert ")) {
        let (Some(was), Some(now)) = (arguments(was), arguments(now)) else {
            return false;
        };
        let near = ["==pytest.approx(", "==approx("]
            .into_iter()
            .find_map(|word| {
                let (found, rest) = was[0].split_once(word)?;
                let inside = arguments(rest.strip_suffix(')')?)?;
                Some(format!("{found}=={}", inside[0]))
            });
        return now.len() <= 2 && (was[0] == now[0] || near.as_deref() == Some(now[0]));
    }
    let (Some((was, given)), Some((now, gives))) = (call(was), call(now)) else {
        return false;
    };
    match (was, now) {
        ("self.assertAlmostEqual" | "self.assertAlmostEquals", "self.assertEqual") => {
            same_two(&given, &gives, 0)
        }
        ("self.assertTrue", "self.assertEqual") => {
            gives.len() == 2 && given[0] == format!("{}=={}", gives[0], gives[1])
        }
        ("self.assertEqual", "self.assertEqual") => same_two(&given, &gives, 0),
        _ => false,
    }
}

static EXPECT: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^(?:await )?expect\((.*)\)\.(\w+)\((.*)\);?$"));
static LITERAL: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"^(?:-?\d[\d._]*|true|false|null|undefined|"[^"]*"|'[^']*')$"#));

fn javascript(was: &str, now: &str) -> bool {
    if let (Some(was), Some(now)) = (EXPECT.captures(was), EXPECT.captures(now)) {
        let (Some(given), Some(gives)) = (arguments(&was[3]), arguments(&now[3])) else {
            return false;
        };
        let same = was[1] == now[1] && gives.len() == 1 && given[0] == gives[0];
        return match (&was[2], &now[2]) {
            ("toBeCloseTo", "toBe" | "toEqual" | "toStrictEqual")
            | ("toEqual", "toStrictEqual") => same,
            ("toEqual", "toBe") => same && LITERAL.is_match(gives[0]),
            ("toBeTruthy", "toBe") => was[1] == now[1] && gives == ["true"],
            _ => false,
        };
    }
    let (Some((was, given)), Some((now, gives))) = (call(was), call(now)) else {
        return false;
    };
    match (was, now) {
        ("assert.equal", "assert.equal" | "assert.strictEqual")
        | ("assert.strictEqual", "assert.strictEqual")
        | ("assert.deepEqual", "assert.deepEqual" | "assert.deepStrictEqual")
        | ("assert.deepStrictEqual", "assert.deepStrictEqual") => same_two(&given, &gives, 0),
        ("assert" | "assert.ok", "assert.equal" | "assert.strictEqual") => {
            gives.len() == 2 && given[0] == format!("{}==={}", gives[0], gives[1])
        }
        _ => false,
    }
}

static NEAR: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\(([\w.()\[\]]+)-([\w.()\[\]]+)\)\.abs\(\)<=?[\w.:-]+$"));

fn rust(was: &str, now: &str) -> bool {
    let (Some((was, given)), Some((now, gives))) = (call(was), call(now)) else {
        return false;
    };
    match (was, now) {
        ("assert_eq!", "assert_eq!") => given
            .get(..2)
            .is_some_and(|two| gives.get(..2) == Some(two)),
        ("assert!", "assert!") => given[0] == gives[0],
        ("assert!", "assert_eq!") if gives.len() >= 2 => {
            let near = NEAR.captures(given[0]);
            given[0] == format!("{}=={}", gives[0], gives[1])
                || near.is_some_and(|near| near[1] == *gives[0] && near[2] == *gives[1])
        }
        _ => false,
    }
}

static GO_NEAR: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^if math\.Abs\(([\w.\[\]]+)-([\w.\[\]]+)\)>=?[\w.-]+\{$"));
static GO_TELLS: LazyLock<Regex> = LazyLock::new(|| fixed(r"^t\.(?:Errorf?|Fatalf?)\("));

fn go(was: &str, now: &str) -> bool {
    if GO_TELLS.is_match(was) && GO_TELLS.is_match(now) {
        return true;
    }
    if let Some(near) = GO_NEAR.captures(was) {
        return now == format!("if {}!={}{{", &near[1], &near[2]);
    }
    let (Some((was, given)), Some((now, gives))) = (call(was), call(now)) else {
        return false;
    };
    let (Some((_, was)), Some((tool, now))) = (was.split_once('.'), now.split_once('.')) else {
        return false;
    };
    match (was, now) {
        ("InDelta", "Equal") => same_two(&given, &gives, 1),
        (was, now) => was == now && given == gives && tool == "require",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{Task, globs};
    use super::*;
    use crate::change::Change;

    fn claimed(path: &str, base: &str, head: &str) -> Vec<Kept> {
        let change = Change::of(&[(path, Some(base), Some(head))]);
        let found = claims(&change.files[0], &Task::build().rules());
        found.into_iter().map(|claim| claim.kept).collect()
    }

    const PY: &str = "import unittest\n\nfrom shop import net, rate\n\n\nclass Shop(unittest.TestCase):\n    def test_net(self):\n        cart = [(2, 10.0), (1, 4.5)]\n        self.assertAlmostEqual(net(cart), 24.5, places=2)\n        self.assertTrue(rate('DE, reduced') == 7)\n\n\ndef test_rate():\n    assert rate('DE') == pytest.approx(19, abs=1)\n";
    const JS: &str = "import { net, names } from '../src/shop.js';\n\ntest('net', () => {\n  expect(net([2, 10])).toBeCloseTo(20, 1);\n  expect(names()).toEqual(['a', 'b']);\n});\n\ntest('waits', (t, done) => {\n  const seen = [];\n  const reader = names({ size: 2 });\n  reader.on('data', (name) => seen.push(name));\n  reader.on('end', () => {\n    assert.deepEqual(seen, ['a', 'b']);\n    done();\n  });\n});\n";
    const RS: &str = "use shop::net;\n\n#[test]\nfn nets() {\n    let got = net(&[2.0, 10.0]);\n    assert!((got - 20.0).abs() < 0.5);\n    assert!(net(&[]) == 0.0);\n}\n";
    const GO: &str = "package shop\n\nfunc TestNet(t *testing.T) {\n\tgot := Net(2, 10)\n\tif math.Abs(got-20.5) > 0.1 {\n\t\tt.Errorf(\"%v\", got)\n\t}\n\tassert.InDelta(t, Net(1, 1), 1.5, 0.1)\n}\n";

    #[test]
    fn an_assertion_that_refuses_more_is_stricter() {
        for (path, base, was, is) in [
            (
                "tests/test_a.py",
                PY,
                "self.assertAlmostEqual(net(cart), 24.5, places=2)",
                "self.assertEqual(net(cart), 24.5)",
            ),
            (
                "tests/test_a.py",
                PY,
                "self.assertTrue(rate('DE, reduced') == 7)",
                "self.assertEqual(rate('DE, reduced'), 7)",
            ),
            (
                "tests/test_a.py",
                PY,
                "pytest.approx(19, abs=1)",
                "19, 'of Germany'",
            ),
            (
                "tests/test_a.py",
                PY,
                "        self.assertTrue(",
                "        self.assertEqual(rate('FR'), 20)\n        self.assertTrue(",
            ),
            ("a.test.js", JS, "toBeCloseTo(20, 1)", "toBe(20)"),
            (
                "a.test.js",
                JS,
                "toEqual(['a', 'b'])",
                "toStrictEqual(['a', 'b'])",
            ),
            (
                "a.test.js",
                JS,
                "assert.deepEqual(seen",
                "assert.deepStrictEqual(seen",
            ),
            (
                "tests/a.rs",
                RS,
                "assert!((got - 20.0).abs() < 0.5)",
                "assert_eq!(got, 20.0, \"of two\")",
            ),
            (
                "tests/a.rs",
                RS,
                "assert!(net(&[]) == 0.0)",
                "assert_eq!(net(&[]), 0.0)",
            ),
            (
                "a_test.go",
                GO,
                "if math.Abs(got-20.5) > 0.1 {",
                "if got != 20.5 {",
            ),
            (
                "a_test.go",
                GO,
                "t.Errorf(\"%v\", got)",
                "t.Fatalf(\"got %v\", got)",
            ),
            (
                "a_test.go",
                GO,
                "assert.InDelta(t, Net(1, 1), 1.5, 0.1)",
                "require.Equal(t, Net(1, 1), 1.5)",
            ),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(claimed(path, base, &head), [Kept::Stricter], "{head}");
        }
    }

    #[test]
    fn what_refuses_less_or_something_else_is_edited() {
        for (path, base, was, is) in [
            ("tests/test_a.py", PY, "24.5, places=2", "24.5, places=1"),
            (
                "tests/test_a.py",
                PY,
                "self.assertAlmostEqual(net(cart), 24.5, places=2)",
                "self.assertEqual(net(cart), 24.4)",
            ),
            (
                "tests/test_a.py",
                PY,
                "self.assertAlmostEqual(net(cart), 24.5, places=2)",
                "self.assertEqual(net([]), 24.5)",
            ),
            (
                "tests/test_a.py",
                PY,
                "        self.assertAlmostEqual(",
                "        self.assertTrue(cart := [(1, 24.5)])\n        self.assertAlmostEqual(",
            ),
            (
                "a.test.js",
                JS,
                "    assert.deepEqual(seen",
                "    assert.equal((seen.length = 2), 2);\n    assert.deepEqual(seen",
            ),
            (
                "tests/test_a.py",
                PY,
                "cart = [(2, 10.0), (1, 4.5)]",
                "cart = [(2, 10.0)]",
            ),
            (
                "tests/test_a.py",
                PY,
                "self.assertTrue(rate('DE, reduced') == 7)",
                "self.assertTrue(rate('DE, reduced'))",
            ),
            (
                "tests/test_a.py",
                PY,
                "        self.assertAlmostEqual(",
                "        if cart:\n            return\n        self.assertAlmostEqual(",
            ),
            (
                "tests/test_a.py",
                PY,
                "        self.assertTrue(",
                "        for _ in []:\n          self.assertTrue(",
            ),
            (
                "tests/test_a.py",
                PY,
                "assert rate('DE') == pytest.approx(19, abs=1)",
                "assert rate('DE') == 19 or True",
            ),
            (
                "tests/test_a.py",
                PY,
                "assert rate('DE') == pytest.approx(19, abs=1)",
                "assert rate('DE') == pytest.approx(19, abs=100)",
            ),
            ("a.test.js", JS, "toBeCloseTo(20, 1)", "toBeCloseTo(20, 0)"),
            ("a.test.js", JS, "toBeCloseTo(20, 1)", "not.toBe(20)"),
            ("a.test.js", JS, "toEqual(['a', 'b'])", "toEqual(['a'])"),
            (
                "a.test.js",
                JS,
                "expect(names()).toEqual",
                "expect(names().sort()).toEqual",
            ),
            ("tests/a.rs", RS, "< 0.5", "< 50.0"),
            (
                "tests/a.rs",
                RS,
                "assert!((got - 20.0).abs() < 0.5)",
                "assert_ne!(got, 20.0)",
            ),
            ("a_test.go", GO, "math.Abs(got-20.5) > 0.1", "got < 20.5"),
            (
                "a_test.go",
                GO,
                "assert.InDelta(t, Net(1, 1), 1.5, 0.1)",
                "assert.NotNil(t, Net(1, 1))",
            ),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(claimed(path, base, &head), [], "{head}");
        }
    }

    const WAITS: &str = "(t, done) => {\n  const seen = [];\n  const reader = names({ size: 2 });\n  reader.on('data', (name) => seen.push(name));\n  reader.on('end', () => {\n    assert.deepEqual(seen, ['a', 'b']);\n    done();\n  });\n}";

    fn with_helper(helper: &str, test: &str) -> String {
        let head = JS.replace(WAITS, test);
        assert_ne!(JS, head);
        head.replace("test('net'", &format!("{helper}\n\ntest('net'"))
    }

    const READ: &str = "async function read(reader) {\n  const seen = [];\n  for await (const name of reader) seen.push(name);\n  return seen;\n}";
    const AWAITED: &str =
        "async () => {\n  assert.deepEqual(await read(names({ size: 2 })), ['a', 'b']);\n}";

    #[test]
    fn a_test_that_keeps_all_that_it_gives_and_expects_is_rewritten() {
        assert_eq!(
            claimed("a.test.js", JS, &with_helper(READ, AWAITED)),
            [Kept::Rewritten]
        );
        let sum =
            "def test_sum():\n    got = total([1, 2])\n    want = 3\n    assert got == want\n";
        let one = "def test_sum():\n    assert total([1, 2]) == 3\n";
        let base = format!("from sums import total\n\n\n{sum}");
        assert_eq!(
            claimed(
                "tests/test_a.py",
                &base,
                &format!("from sums import total\n\n\n{one}")
            ),
            [Kept::Rewritten]
        );
        for looks_away in [
            "def test_sum():\n    want = 3\n    for got in [total([1, 2])]:\n        assert got == want\n",
            "def test_sum():\n    want = 3\n    def later():\n        assert total([1, 2]) == want\n",
            "def test_sum():\n    got = total([1, 2])\n    want = 3\n    assert 3 == want\n",
            "def test_sum():\n    total([1, 2])\n    got = 3\n    want = got\n    assert got == want\n",
        ] {
            let head = format!("from sums import total\n\n\n{looks_away}");
            assert_eq!(claimed("tests/test_a.py", &base, &head), [], "{head}");
        }
    }

    #[test]
    fn a_rewritten_test_loses_and_bends_nothing() {
        for (helper, test) in [
            (READ, AWAITED.replace("['a', 'b']", "['a']")),
            (READ, AWAITED.replace("size: 2", "size: 1")),
            (
                READ,
                AWAITED
                    .replace(
                        "async () => {\n",
                        "async () => {\n  seen.on('flush', async () => {\n",
                    )
                    .replace("\n}", "\n  });\n}"),
            ),
            (READ, AWAITED.replace("await read", "read")),
            (READ, AWAITED.replace("deepEqual(await", "ok(await")),
            (
                READ,
                AWAITED.replace("  assert", "  if (process.env.CI) assert"),
            ),
            (
                READ,
                AWAITED.replace("read(names({ size: 2 }))", "read(['a', 'b'], 2)"),
            ),
            (
                &READ.replace("return seen", "return seen.sort()"),
                AWAITED.to_owned(),
            ),
            (
                &READ.replace("return seen", "return ['a', 'b']"),
                AWAITED.to_owned(),
            ),
            (
                &READ.replace("return seen", "return seen.filter(Boolean)"),
                AWAITED.to_owned(),
            ),
            (
                &READ.replace(
                    "const seen = [];",
                    "const seen = []; if (reader) return seen;",
                ),
                AWAITED.to_owned(),
            ),
        ] {
            assert_eq!(
                claimed("a.test.js", JS, &with_helper(helper, &test)),
                [],
                "{helper} {test}"
            );
        }
    }

    #[test]
    fn a_file_that_the_task_names_makes_no_claim() {
        let head = PY.replace(
            "self.assertAlmostEqual(net(cart), 24.5, places=2)",
            "self.assertEqual(net(cart), 24.5)",
        );
        let change = Change::of(&[("tests/test_a.py", Some(PY), Some(&head))]);
        let task = Task {
            changes_tests: globs(&["tests/test_a.py"]),
            ..Task::build()
        };
        assert_eq!(claims(&change.files[0], &task.rules()), []);
    }
}
