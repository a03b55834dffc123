//! Rows taken out of a table of tests that the task may change: leave to change what a row expects is no leave to ask it no more.
//!
//! A table is a list that a test goes over, by a loop, `parametrize` or `each`, or the cases above a test of Rust. A row is known by
//! the literals of its input, so that another expectation, another order, another form and another place in the tests leave it there.
//! Of a test that was to be made green each row counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::{Rules, some};
use super::weakened::bare;
use crate::change::{Change, ChangedFile};
use crate::notice;
use crate::source::{self, Lang, Source};
use crate::testfns;

/// More rows of one change are not looked for: data in the shape of a test has more.
const ROWS_MAX: usize = 2_000;
/// More calls and lists of one side are not held against rows, and then no row is called lost.
const GROUPS_MAX: usize = 20_000;
/// Of a table of a test that was green, one row that goes is tidying up; two are none where they are a quarter of it.
const LOST_MIN: usize = 2;
const LOST_PART: usize = 4;
/// What stands before a table says what it is within this many characters.
const BEFORE: usize = 400;
/// Where a list is given to a test, its title begins within this many characters.
const TITLE: usize = 20;
/// A group of more literals is no call and no row.
const LITERALS_MAX: usize = 24;
/// A larger file of tests is none that a person wrote.
const BYTES_MAX: usize = 1 << 20;

/// One row: the line on which it begins, from 0, the literals of its input, and what names it has in code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    line: usize,
    key: Vec<String>,
    names: BTreeSet<String>,
}

/// What the tests of one file ask.
#[derive(Debug, Default)]
struct Asked {
    /// By the test in which a table stands, or by the table's own name beside them.
    tables: BTreeMap<String, Vec<Row>>,
    /// The literals of each small group, and of each row without one.
    groups: Vec<Vec<String>>,
    tests: BTreeSet<String>,
}

/// `path:line` of each row that the base had and nothing has now, though its test stays.
pub(super) fn found(change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let open = |file: &&ChangedFile| {
        !file.is_new() && !file.is_deleted() && super::may_change(file, rules)
    };
    let files: Vec<&ChangedFile> = change.files.iter().filter(open).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let tested = { change.files.iter() }
        .filter(|file| rules.is_test(&file.path) || super::may_change(file, rules));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut now: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut tests: BTreeSet<String> = BTreeSet::new();
    for file in tested {
        if let Some((text, source)) = file.base.text().zip(file.base_source()) {
            let asked = asked(&source, text, file.base_path(), rules);
            before.extend(asked.groups);
        }
        if let Some((text, source)) = file.head.text().zip(file.head_source()) {
            let asked = asked(&source, text, &file.path, rules);
            after.extend(asked.groups);
            tests.extend(asked.tests);
            for (name, rows) in asked.tables {
                now.entry(name).or_default().extend(rows);
            }
        }
    }
    if before.len().max(after.len()) > GROUPS_MAX {
        return Vec::new();
    }
    let gone = names_gone(change, rules);
    let data = written_data(change, rules);
    let mut found = Vec::new();
    let mut looked = 0;
    for file in files {
        let Some((text, source)) = file.base.text().zip(file.base_source()) else {
            continue;
        };
        let was = asked(&source, text, file.base_path(), rules);
        for (name, rows) in &was.tables {
            looked += rows.len();
            // A test that is gone as a whole is another question.
            let stays = !was.tests.contains(name) || tests.contains(name);
            if looked > ROWS_MAX || !stays {
                continue;
            }
            let here: &[Row] = now.get(name).map(Vec::as_slice).unwrap_or_default();
            let kept = |row: &&Row| {
                here.iter().any(|other| other.key == row.key)
                    || times(&after, &row.key) >= times(&before, &row.key)
                    || data.iter().any(|text| holds(text, &row.key))
            };
            let mut others: Vec<&Row> = { here.iter() }
                .filter(|other| rows.iter().all(|row| row.key != other.key))
                .collect();
            let lost: Vec<&Row> = { rows.iter() }
                .filter(|row| !kept(row))
                .filter(|row| !rewritten(row, &mut others))
                .collect();
            // All inputs are other ones, and as many: what is tested takes another form now.
            let anew = lost.len() == rows.len() && here.len() >= rows.len();
            let went: Vec<&&Row> = { lost.iter() }
                .filter(|row| row.names.is_disjoint(&gone))
                .collect();
            // A table beside the tests is that of any of them.
            let is_red = |name: &str| rules.was_red(notice::leaf(bare(name)));
            let red = match was.tests.contains(name) {
                true => is_red(name),
                false => is_red(name) || was.tests.iter().any(|test| is_red(test)),
            };
            if !red && (went.len() < LOST_MIN || went.len() * LOST_PART < rows.len()) {
                continue;
            }
            let went = went.iter();
            let went: Vec<String> = went
                .map(|row| format!("{} ({})", row.line + 1, row.key.join(", ")))
                .collect();
            if !anew && !went.is_empty() {
                found.push(format!(
                    "{}: rows of the base's table in {name} are gone, by line and input: {}; put them back, with what is right to expect of them",
                    file.base_path(),
                    some(&went)
                ));
            }
        }
    }
    found
}

/// Whether a row of several literals is still there with some of them changed; each new row stands for one.
fn rewritten(row: &Row, others: &mut Vec<&Row>) -> bool {
    let alike = |other: &&Row| {
        let same = { row.key.iter() }
            .filter(|literal| other.key.contains(literal))
            .count();
        row.key.len() > 1 && same * 2 >= row.key.len()
    };
    match others.iter().position(alike) {
        Some(at) => {
            others.swap_remove(at);
            true
        }
        None => false,
    }
}

/// How often these literals stand one after the other in a group.
fn times(groups: &[Vec<String>], key: &[String]) -> usize {
    let holds = |group: &&Vec<String>| group.windows(key.len()).any(|part| part == key);
    groups.iter().filter(holds).count()
}

/// Data of the tests that the change writes: rows may go there.
fn written_data<'a>(change: &'a Change, rules: &Rules<'_>) -> Vec<&'a str> {
    let written = { change.files.iter() }
        .filter(|file| rules.is_test(&file.path) && !file.added.is_empty())
        .filter(|file| matches!(file.lang(), Lang::Plain | Lang::Hash));
    written
        .filter_map(|file| file.head.text())
        .filter(|text| text.len() <= BYTES_MAX)
        .collect()
}

/// Whether all of these stand in a text, none as a part of a longer word.
fn holds(text: &str, key: &[String]) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    key.iter().all(|literal| {
        { text.match_indices(literal.as_str()) }.any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + literal.len()..]);
            !before.ends_with(word) && !after.starts_with(word)
        })
    })
}

/// Names that code of the product had and has no more: what is tested by them went.
fn names_gone(change: &Change, rules: &Rules<'_>) -> BTreeSet<String> {
    let mut before = BTreeSet::new();
    let mut after = BTreeSet::new();
    for file in change
        .files
        .iter()
        .filter(|file| !rules.is_test(&file.path))
    {
        for (source, names) in [
            (file.base_source(), &mut before),
            (file.head_source(), &mut after),
        ] {
            let code = source.map(|source| source.code).unwrap_or_default();
            names.extend(code.iter().flat_map(|line| words(line)));
        }
    }
    before.difference(&after).cloned().collect()
}

fn words(code: &str) -> BTreeSet<String> {
    let parts = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    parts
        .filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
        .map(str::to_owned)
        .collect()
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// What a Go table is of.
const GO_TYPE: &str =
    r"(?:(?:\[[^\]\n]*\]|map\[[^\]\n]*\])+\s*\*?(?:struct\s*\{[^{}]*\}|[\w.]+)?)?";

/// Before the bracket of a list that a loop goes over.
static LOOPED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(&format!(
        r"\bfor\b[^;\n]*?\b(?:in|of|range)\s*(?:(?:enumerate|zip|dict|list|Object\.entries)\(\s*)?(?:&\s*)?(?:vec!\s*)?{GO_TYPE}\s*$"
    ))
});
/// Before the bracket of one that a runner goes over, and of a case of Rust's.
static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"\b(?:parametrize|each|test_each)\s*\((?:[^()\[\]{}]|\([^()]*\)|\[[^\[\]]*\])*$")
});
static CASE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"#\s*\[\s*(?:\w+\s*::\s*)*(?:case|test_case)(?:\s*::\s*\w+)?\s*$"));
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(&format!(
        r"\b(\w+)\s*(?::\s*[^=\n]*)?:?=\s*(?:Object\.freeze\(\s*)?(?:&\s*)?(?:vec!\s*)?{GO_TYPE}\s*$"
    ))
});
static GONE_OVER: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*\)?\s*\.\s*(?:into_iter|iter|forEach|items|entries)\s*\("));

/// Where a list is gone over by its name.
static HEADERS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?P<head>\bfor\b[^;\n]*?\b(?:in|of|range)\s+(?:(?:enumerate|zip|Object\.entries)\(\s*)?&?\s*(?P<looped>\w+)\b)|\b(?:parametrize|each)\s*\((?:[^()]*,)?\s*(?P<given>\w+)\b|\b(?P<gone>\w+)\s*\.\s*(?:iter|into_iter|forEach|entries|items)\b",
    )
});

/// Columns that hold what is expected, and those that say what a row is about.
static EXPECTS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?i)^(?:want|expect|exp$|result|output|out$|answer|right|err|ok$|fails|valid|should)")
});
static TELLS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)^(?:name|desc|title|label|comment|why|what|id|ids|marks|case)"));
static FIELD: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"^\s*["'`]?([A-Za-z_]\w*)["'`]?\s*(?::[^:]|=[^=])"#));
/// The first column: of a loop, a struct, or the names that `parametrize` is given.
static FIRST: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?s).*(?:\bstruct\s*\{\s*|\bparametrize\s*\(\s*[\[(]?\s*["']|\bfor\s*\(?\s*(?:const|let|var)?\s*[\[({&]*\s*(?:_\s*,\s*)?)(\w+)"#,
    )
});

/// One file in one piece, with its brackets, what stands between their commas, and its literals.
pub(super) struct Page {
    code: Vec<char>,
    text: Vec<char>,
    starts: Vec<usize>,
    groups: Vec<Group>,
    /// By the character at which they begin.
    literals: Vec<(usize, String)>,
    /// How many parts a list has: by its name, and by the line of the loop that goes over it.
    lists: BTreeMap<String, usize>,
    looped: BTreeMap<usize, usize>,
}

struct Group {
    open: usize,
    close: usize,
    parts: Vec<Range<usize>>,
}

impl Page {
    pub(super) fn of(source: &Source) -> Page {
        let code: Vec<char> = source.code.join("\n").chars().collect();
        let lines: Vec<String> = (0..source.raw.len())
            .map(|at| source.uncommented(at))
            .collect();
        let text: Vec<char> = lines.join("\n").chars().collect();
        let starts = std::iter::once(0)
            .chain(
                { code.iter().enumerate() }
                    .filter(|(_, c)| **c == '\n')
                    .map(|(at, _)| at + 1),
            )
            .collect();
        let mut literals = source.texts();
        literals.extend(numbers(&code));
        literals.sort();
        let mut groups = groups(&code);
        groups.sort_by_key(|group| group.open);
        Page {
            code,
            text,
            starts,
            groups,
            literals,
            lists: BTreeMap::new(),
            looped: BTreeMap::new(),
        }
        .with_lists()
    }

    /// The literals on these lines, in their order.
    pub(super) fn on_lines(&self, lines: &Range<usize>) -> Vec<String> {
        let at = |line: usize| self.starts.get(line).copied().unwrap_or(self.code.len());
        self.values(at(lines.start)..at(lines.end))
    }

    /// How many parts the list of this name has, where one is written.
    pub(super) fn list(&self, name: &str) -> Option<usize> {
        self.lists.get(name).copied()
    }

    /// How many parts the list has over which a loop on this line goes.
    pub(super) fn looped_on(&self, line: usize) -> Option<usize> {
        self.looped.get(&line).copied()
    }

    fn with_lists(mut self) -> Page {
        for group in &self.groups {
            let count = self.count(group);
            if self.is_looped(group) {
                self.looped.insert(self.line(group.open), count);
            } else if let Some(seen) = ASSIGNED.captures(&before(&self.code, group.open)) {
                self.lists.entry(seen[1].to_owned()).or_insert(count);
            }
        }
        self
    }

    /// Whether a loop goes over a list that is written in its head; the numbers that Python's `range` takes are none.
    fn is_looped(&self, group: &Group) -> bool {
        let ahead = before(&self.code, group.open);
        let counts = self.code[group.open] == '(' && ahead.trim_end().ends_with("range");
        !counts && LOOPED.is_match(&ahead)
    }

    fn count(&self, group: &Group) -> usize {
        let there =
            |part: &&Range<usize>| !Page::slice(&self.text, (*part).clone()).trim().is_empty();
        group.parts.iter().filter(there).count()
    }

    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at) - 1
    }

    fn literals(&self, range: Range<usize>) -> &[(usize, String)] {
        let from = self.literals.partition_point(|(at, _)| *at < range.start);
        let to = self.literals.partition_point(|(at, _)| *at < range.end);
        &self.literals[from..to.max(from)]
    }

    fn values(&self, range: Range<usize>) -> Vec<String> {
        let literals = self.literals(range).iter();
        literals.map(|(_, value)| value.clone()).collect()
    }

    fn slice(chars: &[char], range: Range<usize>) -> String {
        let end = range.end.min(chars.len());
        chars[range.start.min(end)..end].iter().collect()
    }

    /// The group that ends a part, and is not followed by anything: the fields of a row.
    fn fields(&self, part: &Range<usize>) -> Option<&Group> {
        let from = self.groups.partition_point(|group| group.open < part.start);
        let mut at = from;
        let mut last = None;
        while let Some(group) = self.groups.get(at).filter(|group| group.close < part.end) {
            last = Some(group);
            at = self
                .groups
                .partition_point(|other| other.open <= group.close);
        }
        let last = last?;
        let rest = Page::slice(&self.code, last.close + 1..part.end);
        rest.trim().is_empty().then_some(last)
    }
}

fn groups(code: &[char]) -> Vec<Group> {
    let mut open: Vec<(usize, usize, Vec<Range<usize>>)> = Vec::new();
    let mut done = Vec::new();
    for (at, c) in code.iter().enumerate() {
        match c {
            '(' | '[' | '{' => open.push((at, at + 1, Vec::new())),
            ',' => {
                if let Some((_, from, parts)) = open.last_mut() {
                    parts.push(*from..at);
                    *from = at + 1;
                }
            }
            ')' | ']' | '}' => {
                if let Some((open, from, mut parts)) = open.pop() {
                    parts.push(from..at);
                    done.push(Group {
                        open,
                        close: at,
                        parts,
                    });
                }
            }
            _ => {}
        }
    }
    done
}

/// Numbers of the code with their signs.
fn numbers(code: &[char]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let word = |c: &char| c.is_alphanumeric() || *c == '_';
        if !word(&code[at]) {
            at += 1;
            continue;
        }
        let from = at;
        let part = |at: usize| {
            code.get(at).is_some_and(word)
                || code.get(at) == Some(&'.')
                    && code.get(at + 1).is_some_and(char::is_ascii_digit)
                    && code[from].is_ascii_digit()
        };
        while part(at) {
            at += 1;
        }
        if code[from].is_ascii_digit() {
            let before = code[..from].iter().rev().take(2).collect::<Vec<_>>();
            let minus = before.first() == Some(&&'-')
                && before
                    .get(1)
                    .is_none_or(|c| !word(c) && **c != ')' && **c != ']');
            let number: String = code[from..at].iter().filter(|c| **c != '_').collect();
            found.push((from, if minus { format!("-{number}") } else { number }));
        }
    }
    found
}

fn asked(source: &Source, text: &str, path: &str, rules: &Rules<'_>) -> Asked {
    let lang = source::lang_of(path, text);
    let of_tests = super::is_tests_line(path, source, text, rules);
    let known = [Lang::Rust, Lang::Python, Lang::JavaScript, Lang::Go].contains(&lang);
    if !known || text.len() > BYTES_MAX {
        return Asked::default();
    }
    let page = Page::of(source);
    let tests: Vec<(String, Range<usize>)> = testfns::find(text, lang)
        .into_iter()
        .flat_map(|(name, all)| all.into_iter().map(move |test| (name.clone(), test.lines)))
        .collect();
    let headers = headers(&source.code.join("\n"));
    let mut asked = Asked {
        tests: tests.iter().map(|(name, _)| name.clone()).collect(),
        ..Asked::default()
    };
    for group in &page.groups {
        let values = page.literals(group.open..group.close);
        let long = values.len() > LITERALS_MAX;
        if !long && !values.is_empty() {
            asked.groups.push(page.values(group.open..group.close));
        }
        let Some((name, first)) = table(&page, group, &headers) else {
            continue;
        };
        let line = page.line(group.open);
        let at = |line: usize| {
            let within = tests.iter().filter(|(_, lines)| lines.contains(&line));
            let test = within.min_by_key(|(_, lines)| lines.len());
            test.map(|(test, _)| test.clone())
        };
        // A list of many lines above a test belongs to it, and so does one that stands before a test's own name.
        let titled = || {
            let after = page.literals(group.close..group.close + TITLE);
            after.first().map(|(_, title)| title.clone())
        };
        let name = at(line)
            .or_else(|| at(page.line(group.close)))
            .or(name)
            .or_else(titled);
        let Some(name) = name else { continue };
        if !of_tests(line) {
            continue;
        }
        let case = is_case(&page, group);
        let whole = group.open..group.close + 1;
        let parts: &[Range<usize>] = match case {
            true => std::slice::from_ref(&whole),
            false => &group.parts,
        };
        let rows = asked.tables.entry(name).or_default();
        for part in parts {
            let key = key(&page, part, first.as_deref());
            if key.is_empty() {
                continue;
            }
            // The list itself is no group to look into.
            if long && page.fields(part).is_none() {
                asked.groups.push(page.values(part.clone()));
            }
            let blank = Page::slice(&page.code, part.clone());
            let indent = { page.text[part.clone()].iter() }
                .take_while(|c| c.is_whitespace())
                .count();
            rows.push(Row {
                line: page.line(part.start + indent),
                key,
                names: words(&blank),
            });
        }
    }
    asked
}

fn before(chars: &[char], open: usize) -> String {
    Page::slice(chars, open.saturating_sub(BEFORE)..open)
}

fn is_case(page: &Page, group: &Group) -> bool {
    CASE.is_match(&before(&page.code, group.open))
}

fn first(text: &str) -> Option<String> {
    FIRST.captures(text).map(|seen| seen[1].to_owned())
}

/// Which lists are gone over by their names, and the first column of each, where a loop names it.
fn headers(code: &str) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for seen in HEADERS.captures_iter(code) {
        let over = { seen.name("looped") }
            .or(seen.name("given"))
            .or(seen.name("gone"));
        let Some(over) = over else { continue };
        let column = seen.name("head").and_then(|head| first(head.as_str()));
        found.entry(over.as_str().to_owned()).or_insert(column);
    }
    found
}

/// The name that a table has beside the tests, and its first column, where it says them; `None` for what is no table.
fn table(
    page: &Page,
    group: &Group,
    headers: &BTreeMap<String, Option<String>>,
) -> Option<(Option<String>, Option<String>)> {
    if page.code[group.open] == '(' && is_case(page, group) {
        return Some((None, None));
    }
    if group.parts.len() < 2 {
        return None;
    }
    let ahead = before(&page.code, group.open);
    if page.is_looped(group) {
        return Some((None, first(&ahead)));
    }
    if page.code[group.open] == '[' && GIVEN.is_match(&ahead) {
        return Some((None, first(&before(&page.text, group.open))));
    }
    let over = Page::slice(&page.code, group.close + 1..group.close + 40);
    if GONE_OVER.is_match(&over) {
        return Some((None, None));
    }
    let name = ASSIGNED.captures(&ahead)?[1].to_owned();
    let header = headers.get(&name)?;
    let column = match ahead.contains("struct") {
        true => first(&ahead),
        false => header.clone(),
    };
    Some((Some(name), column))
}

/// The literals of a row's input: without what it expects, and without what only says what it is about.
fn key(page: &Page, part: &Range<usize>, first: Option<&str>) -> Vec<String> {
    let Some(fields) = page.fields(part) else {
        // A word and what is expected of it, or an input alone.
        let code = Page::slice(&page.code, part.clone());
        let colon = code.chars().position(|c| c == ':');
        let end = colon.map_or(part.end, |colon| part.start + colon);
        return page.values(part.start..end);
    };
    let ahead = page.values(part.start..fields.open);
    // A key before the fields is what a row is about, or all of its input.
    let colon = Page::slice(&page.code, part.start..fields.open).contains(':');
    let parts: Vec<&Range<usize>> = { fields.parts.iter() }
        .filter(|field| !Page::slice(&page.text, (*field).clone()).trim().is_empty())
        .collect();
    let named = |field: &Range<usize>| {
        let text = Page::slice(&page.text, field.clone());
        FIELD.captures(&text).map(|seen| seen[1].to_owned())
    };
    let count = parts.iter().filter(|field| named(field).is_none()).count();
    let mut key = Vec::new();
    let mut at = 0;
    for field in &parts {
        if let Some(name) = named(field) {
            if !EXPECTS.is_match(&name) && !TELLS.is_match(&name) {
                let text = Page::slice(&page.text, (*field).clone());
                let from = text
                    .find([':', '='])
                    .map_or(0, |byte| text[..byte].chars().count());
                key.extend(page.values(field.start + from..field.end));
            }
            continue;
        }
        let (leads, ends) = (at == 0, at + 1 == count);
        at += 1;
        let wants_first = first.is_some_and(|name| EXPECTS.is_match(name));
        let told = leads && count > 2 && first.is_some_and(|name| TELLS.is_match(name));
        let expected = match wants_first {
            true => leads,
            false => ends,
        };
        let alone = count < 2;
        if !told && (alone || !expected) {
            key.extend(page.values((*field).clone()));
        }
    }
    match key.is_empty() {
        true if colon => ahead,
        true => page.values(fields.open..fields.close),
        false => key,
    }
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;
    use alai_workspace::command::Cancel;

    use super::super::super::testing::{Task, globs};
    use super::super::examples::run;
    use crate::census::{Census, TestStatus};
    use crate::change::Change;

    fn judged(path: &str, base: &str, head: &str) -> CheckResult {
        run(&[(path, Some(base), Some(head))], &[path]).result
    }

    /// A change of a test that the task may change, where all tests of the base were red.
    fn of_red(path: &str, base: &str, head: &str) -> alai_core::qa::Measurement {
        let names = [
            "TestSpan",
            "test_span",
            "test_refuses",
            "minutes",
            "spans",
            "test_calls",
            "span %s",
        ];
        let ids = names.map(|name| (name.to_owned(), TestStatus::Failed));
        let census = Census {
            ids: ids.into(),
            known: true,
            tally: None,
            runners: Vec::new(),
            note: String::new(),
            read: Vec::new(),
            exit: alai_core::record::Exit::Code { code: 1 },
        };
        let task = Task {
            changes_tests: globs(&[path]),
            base_census: Some(census),
            ..Task::build()
        };
        let change = Change::of(&[(path, Some(base), Some(head))]);
        super::super::check(&change, &task.rules(), &Cancel::new()).expect("judged")
    }

    const GO: &str = "package a\n\nfunc TestSpan(t *testing.T) {\n\tfor _, c := range []struct {\n\t\tname, text string\n\t\twant int\n\t}{\n\t\t{\"an hour\", \"1h\", 3600},\n\t\t{\"both\", \"1h1m\", 3660},\n\t\t{\"none\", \"\", 0},\n\t} {\n\t\tif got := Span(c.text); got != c.want {\n\t\t\tt.Errorf(\"%s: %d\", c.name, got)\n\t\t}\n\t}\n}\n";
    const NAMED: &str = "package a\n\nvar spans = map[string]int{\n\t\"1h\":   3600,\n\t\"1h1m\": 3660,\n\t\"1m\":   60,\n}\n\nfunc TestSpan(t *testing.T) {\n\tfor text, want := range spans {\n\t\tcheck(t, text, want)\n\t}\n}\n";
    const PY: &str = "import pytest\n\n\n@pytest.mark.parametrize('text,want', [\n    ('1h', 3600),\n    ('1h1m', 3660),\n    pytest.param('', 0, id='none'),\n])\ndef test_span(text, want):\n    assert span(text) == want\n\n\ndef test_refuses():\n    for text in ['h', '1x', '-1h']:\n        with pytest.raises(ValueError):\n            span(text)\n";
    const JS: &str = "test.each([\n  ['1h', 3600],\n  ['1h1m', 3660],\n  ['', 0],\n])('span %s', (text, want) => {\n  expect(span(text)).toBe(want)\n})\n\nconst CASES = [\n  { text: '1m', expected: 60 },\n  { text: '2m', expected: 120 },\n]\n\ntest('minutes', () => {\n  for (const { text, expected } of CASES) expect(span(text)).toBe(expected)\n})\n";
    const RS: &str = "#[test]\nfn spans() {\n    for (text, want) in [(\"1h\", 3600), (\"1h1m\", 3660), (\"\", 0)] {\n        assert_eq!(span(text), want);\n    }\n}\n\n#[rstest]\n#[case(\"1m\", 60)]\n#[case(\"2m\", 120)]\nfn minutes(#[case] text: &str, #[case] want: u64) {\n    assert_eq!(span(text), want);\n}\n";

    #[test]
    fn a_row_is_not_taken_out() {
        for (path, base, was, is) in [
            (
                "a_test.go",
                GO,
                "\t\t{\"both\", \"1h1m\", 3660},\n",
                "\t\t{\"days\", \"1d\", 86400},\n\t\t{\"weeks\", \"1w\", 604800},\n",
            ),
            ("a_test.go", GO, "\"1h1m\"", "\"1h\""),
            ("a_test.go", NAMED, "\t\"1h1m\": 3660,\n", ""),
            ("tests/test_a.py", PY, "    ('1h1m', 3660),\n", ""),
            (
                "tests/test_a.py",
                PY,
                "    pytest.param('', 0, id='none'),\n",
                "    ('1d', 86400),\n",
            ),
            ("tests/test_a.py", PY, "'1x', ", ""),
            ("a.test.js", JS, "  ['1h1m', 3660],\n", ""),
            (
                "a.test.js",
                JS,
                "  { text: '2m', expected: 120 },\n",
                "  { text: '3m', expected: 180 },\n",
            ),
            ("tests/a.rs", RS, "(\"1h1m\", 3660), ", ""),
            ("tests/a.rs", RS, "#[case(\"2m\", 120)]\n", ""),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(
                of_red(path, base, &head).result,
                CheckResult::Fail,
                "{head}"
            );
        }
        let m = of_red("tests/a.rs", RS, &RS.replace("(\"1h1m\", 3660), ", ""));
        assert!(m.detail.contains("tests/a.rs: rows of the base's table in spans are gone, by line and input: 3 (1h1m)"), "{}", m.detail);
    }

    #[test]
    fn a_row_may_expect_something_else_and_stand_elsewhere() {
        for (path, base, was, is) in [
            ("a_test.go", GO, "3660", "3661"),
            (
                "a_test.go",
                GO,
                "{\"an hour\", \"1h\", 3600},\n\t\t{\"both\", \"1h1m\", 3660}",
                "{\"hour and minute\", \"1h1m\", 3660},\n\t\t// alone\n\t\t{\"an hour\", \"1h\", 3_600}",
            ),
            (
                "a_test.go",
                NAMED,
                "\t\"1h1m\": 3660,\n\t\"1m\":   60,\n}\n",
                "\t\"1m\": 60,\n}\n\nfunc TestBoth(t *testing.T) {\n\tcheck(t, \"1h1m\", 3660)\n}\n",
            ),
            (
                "tests/test_a.py",
                PY,
                "    ('1h', 3600),\n    ('1h1m', 3660),\n",
                "    (\"1h1m\", timedelta(hours=1, minutes=1)),\n    (\"1h\", timedelta(hours=1)),\n",
            ),
            ("tests/test_a.py", PY, "'1x', ", "'1d', \"1x\", "),
            (
                "tests/test_a.py",
                PY,
                "    ('1h1m', 3660),\n",
                "    *[('1h1m', 3660)],\n",
            ),
            (
                "a.test.js",
                JS,
                "  ['1h1m', 3660],\n",
                "  [\"1h1m\", { seconds: 3660 }],\n",
            ),
            (
                "a.test.js",
                JS,
                "  { text: '2m', expected: 120 },\n",
                "  { text: '2m', expected: 121, why: 'rounded' },\n",
            ),
            (
                "tests/a.rs",
                RS,
                "[(\"1h\", 3600), (\"1h1m\", 3660), (\"\", 0)]",
                "[\n        (\"\", None),\n        (\"1h\", Some(3600)),\n        (\"1h1m\", Some(3660)),\n    ]",
            ),
            (
                "tests/a.rs",
                RS,
                "#[case(\"2m\", 120)]\n",
                "#[case::two(\"2m\", 121)]\n",
            ),
            // Another form of all inputs, and as many.
            (
                "tests/a.rs",
                RS,
                "(\"1h\", 3600), (\"1h1m\", 3660), (\"\", 0)",
                "(\"PT1H\", 3600), (\"PT1H1M\", 3660), (\"PT\", 0)",
            ),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(judged(path, base, &head), CheckResult::Pass, "{head}");
        }
    }

    #[test]
    fn a_test_that_was_green_may_lose_one_row_and_not_a_quarter_of_two() {
        let with = |texts: &[&str]| {
            let rows: String = texts
                .iter()
                .map(|text| format!("    ('{text}', 1),\n"))
                .collect();
            format!(
                "@pytest.mark.parametrize('text,want', [\n{rows}])\ndef test_span(text, want):\n    assert span(text) == want\n"
            )
        };
        let base = with(&["1h", "2h", "1m", "2m", "1s"]);
        let one = with(&["1h", "2h", "1m", "2m", "3h", "4h"]);
        assert_eq!(judged("tests/test_a.py", &base, &one), CheckResult::Pass);
        assert_eq!(
            of_red("tests/test_a.py", &base, &one).result,
            CheckResult::Fail
        );
        let two = with(&["1h", "2h", "1m", "3h", "4h"]);
        assert_eq!(judged("tests/test_a.py", &base, &two), CheckResult::Fail);
        let inputs = "@pytest.mark.parametrize('a,b,want', [\n    (1, 'x', 2),\n    (2, 'y', 3),\n    (3, 'z', 4),\n])\ndef test_span(a, b, want):\n    assert span(a, b) == want\n";
        let other = inputs.replace("'x'", "'v'").replace("'y'", "'w'");
        assert_eq!(
            judged("tests/test_a.py", inputs, &other),
            CheckResult::Pass,
            "another input of two"
        );
    }

    #[test]
    fn what_a_list_expects_is_no_table() {
        let base = "def test_names():\n    assert names() == ['a', 'b', 'c']\n    assert kind('a') in ('x', 'y')\n";
        let head = "def test_names():\n    assert names() == ['a', 'c', 'd']\n    assert kind('a') in ('y', 'z')\n";
        assert_eq!(judged("tests/test_a.py", base, head), CheckResult::Pass);
    }

    #[test]
    fn rows_go_with_what_they_test_and_into_data_of_the_tests() {
        let base = "def test_calls():\n    for call, text in [(add, '1 1'), (old, '1 2')]:\n        assert call(text) == 2\n";
        let head = base.replace(", (old, '1 2')", "");
        let changes = ["tests/test_a.py"];
        let test = ("tests/test_a.py", Some(base), Some(head.as_str()));
        let product = (
            "sums.py",
            Some("def add(a):\n    pass\n\n\ndef old(a):\n    pass\n"),
            Some("def add(a):\n    pass\n"),
        );
        assert_eq!(run(&[test, product], &changes).result, CheckResult::Pass);
        let red = of_red("tests/test_a.py", base, &head);
        assert_eq!(red.result, CheckResult::Fail);
        let read = "import json\n\n\ndef test_span():\n    for text, want in json.load(open('tests/spans.json')):\n        assert span(text) == want\n";
        let base = "def test_span():\n    for text, want in [('1h', 3600), ('1h1m', 3660), ('1m', 60)]:\n        assert span(text) == want\n";
        let data = |text: &'static str| ("tests/spans.json", None, Some(text));
        let test = ("tests/test_a.py", Some(base), Some(read));
        assert_eq!(
            run(
                &[
                    test,
                    data("[[\"1h\", 3600], [\"1h1m\", 3660], [\"1m\", 60]]\n")
                ],
                &changes
            )
            .result,
            CheckResult::Pass
        );
        assert_eq!(
            run(&[test, data("[[\"1h\", 3600]]\n")], &changes).result,
            CheckResult::Fail
        );
    }
}
