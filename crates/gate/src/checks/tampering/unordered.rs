//! A comparison that throws away what it looked at, in a file of tests that the task may change: both sides, or what was found, are
//! sorted, made a set, or freed of case and blanks before they are compared. That such a comparison is new says nothing; that it
//! stands where an exact one stood does.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::weakened;
use crate::change::{Change, ChangedFile};
use crate::functions::functions;
use crate::source::{self, Lang, Source};
use crate::testfns;

/// A comparison is written over at most so many lines.
const LINES_MAX: usize = 12;
/// A larger file of tests is none that a person wrote.
const BYTES_MAX: usize = 1 << 20;
/// A longer function does more than to prepare a comparison.
const HELPER_LINES_MAX: usize = 30;

/// The comparisons of one test or helper.
#[derive(Debug, Default, Clone)]
struct Compared {
    exact: usize,
    /// Lines of those that throw something away, from 0.
    loose: Vec<usize>,
}

/// `path:line` of each comparison that stands in the place of an exact one.
pub(super) fn found(change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let open = |file: &&ChangedFile| {
        !file.is_new() && !file.is_deleted() && super::may_change(file, rules)
    };
    let files: Vec<&ChangedFile> = change.files.iter().filter(open).collect();
    if files.is_empty() {
        return Vec::new();
    }
    // A helper that compares is found by itself, and not by each of the tests that call it.
    let (mut found, compares) = loosened(&files, &BTreeSet::new(), rules);
    let loosening: BTreeSet<String> = { loosening(change, rules).into_iter() }
        .filter(|name| !compares.contains(name))
        .collect();
    if !loosening.is_empty() {
        let (others, _) = loosened(&files, &loosening, rules);
        found.extend(others);
        found.sort();
        found.dedup();
    }
    found
}

/// What is found in these files, and in which tests and helpers.
fn loosened(
    files: &[&ChangedFile],
    loosening: &BTreeSet<String>,
    rules: &Rules<'_>,
) -> (Vec<String>, BTreeSet<String>) {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for file in files {
        let (Some((old, before)), Some((new, after))) = (
            file.base.text().zip(file.base_source()),
            file.head.text().zip(file.head_source()),
        ) else {
            continue;
        };
        let was = compared(&before, old, file.base_path(), rules, &BTreeSet::new());
        let now = compared(&after, new, &file.path, rules, loosening);
        for (name, was) in &was {
            let Some(now) = now.get(name).filter(|_| was.loose.is_empty()) else {
                continue;
            };
            if let Some(line) = now.loose.first().filter(|_| now.exact < was.exact) {
                names.insert(name.clone());
                found.push(format!(
                    "{}: {name} compared values as they are, and orders or trims them first now; compare as before, and where that is not \
                     promised any more, say so in a test of its own",
                    file.at(*line)
                ));
            }
        }
    }
    (found, names)
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Calls that give a value without its order, its doubles, its case or its blanks; the first group puts what it is given in order in
/// place.
static LOOSENS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        fixed(
            r"(\w+)\s*\.\s*sort(?:_unstable)?(?:_by(?:_key)?|_by_cached_key)?\s*\(|\b(?:HashSet|BTreeSet)\b|\.(?:to_lowercase|to_ascii_lowercase|to_uppercase|eq_ignore_ascii_case|trim|trim_end|trim_start|sorted)\s*\(",
        ),
        fixed(
            r"(\w+)\s*\.\s*sort\s*\(|(?:^|[^.\w])(?:sorted|set|frozenset)\s*\(|\bCounter\s*\(|\bassertCountEqual\s*\(|\.(?:lower|upper|casefold|strip|rstrip|lstrip)\s*\(",
        ),
        fixed(
            r"(\w+)\s*\.\s*sort\s*\(|\.toSorted\s*\(|\bnew\s+Set\s*\(|\bexpect\.arrayContaining\s*\(|\.(?:toLowerCase|toUpperCase|trim|trimEnd|trimStart)\s*\(|\.sort\s*\(",
        ),
        fixed(
            r"\b(?:sort\.(?:Strings|Ints|Float64s|Slice|SliceStable|Sort|Stable)|slices\.Sort\w*)\s*\(\s*(\w+)|\bslices\.Sorted\w*\s*\(|\bElementsMatch\s*\(|\bstrings\.(?:ToLower|ToUpper|EqualFold|TrimSpace)\s*\(",
        ),
    ]
});
/// Of these, what makes a helper of the tests one that loosens: texts are trimmed for many reasons.
static BLANKS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)\.\s*(?:[lr]?strip|trim\w*)\s*\(|\bstrings\.TrimSpace\s*\("));
static ASSIGNS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"^\s*(?:let\s+(?:mut\s+)?|const\s+|var\s+)?(\w+)\s*(?:,\s*(\w+)\s*)?(?::[^=]*)?:?=[^=]")
});
/// Names of what is expected.
static EXPECTED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)^(?:want|expect|right|correct|reference|oracle)"));

fn of(lang: Lang) -> Option<&'static Regex> {
    match lang {
        Lang::Rust => Some(&LOOSENS[0]),
        Lang::Python => Some(&LOOSENS[1]),
        Lang::JavaScript => Some(&LOOSENS[2]),
        Lang::Go => Some(&LOOSENS[3]),
        Lang::CLike | Lang::Hash | Lang::Plain => None,
    }
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    let parts = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    parts.filter(|word| !word.is_empty())
}

/// Whether something is put in order, or loses its case or blanks, in a piece of code.
pub(super) fn loosens(lang: Lang, code: &str) -> bool {
    of(lang).is_some_and(|loosens| loosens.is_match(code))
}

/// Helpers in the tests that loosen what they are given, and did not before.
fn loosening(change: &Change, rules: &Rules<'_>) -> BTreeSet<String> {
    let (mut names, mut known) = (BTreeSet::new(), BTreeSet::new());
    for file in { change.files.iter() }
        .filter(|file| rules.is_test(&file.path) || super::may_change(file, rules))
    {
        let helpers = |source: Option<Source>, lang: Lang| -> BTreeSet<String> {
            let (Some(source), Some(loosens)) = (source, of(lang)) else {
                return BTreeSet::new();
            };
            let all = functions(&source, lang).into_iter();
            all.filter(|function| function.lines.len() <= HELPER_LINES_MAX)
                .filter(|function| {
                    function.lines.clone().any(|at| {
                        let code = source.code.get(at).map(String::as_str).unwrap_or_default();
                        let code = BLANKS.replace_all(code, "");
                        let mut given = words(&function.params);
                        loosens.is_match(&code)
                            && given.any(|name| words(&code).any(|word| word == name))
                    })
                })
                .map(|function| function.name)
                .collect()
        };
        let lang = source::lang(file.base_path());
        let before = helpers(file.base_source(), lang);
        let after = helpers(file.head_source(), file.lang());
        names.extend(after.difference(&before).cloned());
        // What tests called before, and is no helper of theirs, is the product's.
        if let Some(source) = file.base_source() {
            let theirs: BTreeSet<String> = { functions(&source, lang).into_iter() }
                .map(|function| function.name)
                .collect();
            let called = source.code.iter().flat_map(|code| words(code));
            known.extend(
                called
                    .filter(|word| !theirs.contains(*word))
                    .map(str::to_owned),
            );
        }
    }
    names.retain(|name| !known.contains(name));
    names
}

fn compared(
    source: &Source,
    text: &str,
    path: &str,
    rules: &Rules<'_>,
    loosening: &BTreeSet<String>,
) -> BTreeMap<String, Compared> {
    let lang = source::lang_of(path, text);
    let of_tests = super::is_tests_line(path, source, text, rules);
    let (Some(loosens), Some(compares)) = (of(lang), weakened::compares(lang)) else {
        return BTreeMap::new();
    };
    if text.len() > BYTES_MAX {
        return BTreeMap::new();
    }
    let tests: Vec<(String, Range<usize>)> = { testfns::find(text, lang).into_iter() }
        .flat_map(|(name, all)| all.into_iter().map(move |test| (name.clone(), test.lines)))
        .collect();
    let inside = |at: usize| tests.iter().any(|(_, lines)| lines.contains(&at));
    let helpers: Vec<(String, Range<usize>)> = { functions(source, lang).into_iter() }
        .filter(|function| of_tests(function.lines.start) && !inside(function.lines.start))
        .map(|function| (function.name, function.lines))
        .collect();
    let look = Look {
        source,
        loosens,
        compares,
        loosening,
    };
    let mut all: BTreeMap<String, Compared> = BTreeMap::new();
    for (name, lines) in tests.into_iter().chain(helpers) {
        let seen = look.scope(lines);
        let one = all.entry(name).or_default();
        one.exact += seen.exact;
        one.loose.extend(seen.loose);
    }
    all
}

struct Look<'a> {
    source: &'a Source,
    loosens: &'a Regex,
    compares: &'a Regex,
    loosening: &'a BTreeSet<String>,
}

impl Look<'_> {
    fn code(&self, at: usize) -> &str {
        self.source
            .code
            .get(at)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// Whether something of a piece of code is loosened in it.
    fn is_loose(&self, code: &str, loose: &BTreeSet<String>) -> bool {
        self.loosens.is_match(code)
            || words(code).any(|word| loose.contains(word) || self.loosening.contains(word))
    }

    fn scope(&self, lines: Range<usize>) -> Compared {
        let mut compared = Compared::default();
        let mut loose: BTreeSet<String> = BTreeSet::new();
        for at in lines.clone() {
            let code = self.code(at).to_owned();
            let line = self.source.uncommented(at);
            if self.compares.is_match(&line) {
                let whole = self.whole(at, lines.end);
                match self.throws_away(&whole, &loose) {
                    true => compared.loose.push(at),
                    false => compared.exact += 1,
                }
                continue;
            }
            let loosened = { self.loosens.captures_iter(&code) }
                .filter_map(|seen| seen.get(1).map(|name| name.as_str().to_owned()));
            loose.extend(loosened);
            if let Some(seen) = ASSIGNS.captures(&code) {
                for name in seen.iter().skip(1).flatten() {
                    match self.is_loose(&code, &BTreeSet::new()) {
                        true => drop(loose.insert(name.as_str().to_owned())),
                        false => drop(loose.remove(name.as_str())),
                    }
                }
            }
        }
        compared
    }

    /// A comparison with the lines on which it goes on.
    fn whole(&self, at: usize, end: usize) -> String {
        let mut whole = String::new();
        let mut depth = 0_i64;
        for line in at..end.min(at + LINES_MAX) {
            let code = self.code(line);
            for c in code.chars() {
                depth += match c {
                    '(' | '[' => 1,
                    ')' | ']' => -1,
                    _ => 0,
                };
            }
            whole.push_str(code);
            if depth <= 0 {
                break;
            }
            whole.push(' ');
        }
        whole
    }

    /// Both sides, or the one that was found: what is expected may well be put in order before.
    fn throws_away(&self, whole: &str, loose: &BTreeSet<String>) -> bool {
        if !self.is_loose(whole, loose) {
            return false;
        }
        let parts = sides(whole);
        let [first, second] = parts.as_slice() else {
            return true;
        };
        let expected = |side: &str| words(side).any(|word| EXPECTED.is_match(word));
        match (self.is_loose(first, loose), self.is_loose(second, loose)) {
            (true, true) | (false, false) => true,
            (true, false) => !expected(first) || expected(second),
            // A literal stands for what is expected.
            (false, true) => {
                let literal = !first.chars().any(char::is_lowercase) || first.trim().is_empty();
                expected(first) || literal
            }
        }
    }
}

static EQUALS: LazyLock<Regex> = LazyLock::new(|| fixed(r"[!=]==?"));
static GIVEN: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\)\s*\.\s*(?:not\s*\.\s*)?(?:to\w+)\s*\("));

/// The two sides of a comparison, where they can be told.
fn sides(whole: &str) -> Vec<&str> {
    if let Some(seen) = GIVEN.find(whole) {
        return vec![&whole[..seen.start()], &whole[seen.end()..]];
    }
    let call = whole.find(['(']).filter(|at| {
        let name = whole[..*at].trim();
        let name = name.rsplit([' ', '!']).next().unwrap_or(name);
        name.to_lowercase().contains("assert")
            || name.contains("Equal")
            || whole[..*at].ends_with('!')
    });
    if let Some(at) = call {
        let parts = split(&whole[at + 1..]);
        let parts: Vec<&str> = parts
            .into_iter()
            .filter(|part| part.trim() != "t")
            .collect();
        if let [first, second, ..] = parts.as_slice() {
            return vec![first, second];
        }
    }
    match EQUALS.find(whole) {
        Some(seen) => vec![&whole[..seen.start()], &whole[seen.end()..]],
        None => Vec::new(),
    }
}

/// Split at commas that no bracket holds, up to the bracket that closes around them.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0_i64);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                parts.push(&text[from..at]);
                return parts;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::run;

    fn judged(path: &str, base: &str, head: &str) -> CheckResult {
        run(&[(path, Some(base), Some(head))], &[path]).result
    }

    const PY: &str = "def test_names():\n    found = names(SHOP)\n    assert found == ['b', 'a']\n\n\ndef test_words():\n    assert words('B a') == ['B', 'a']\n";
    const JS: &str = "function same(found, want) {\n  assert.deepEqual(found, want)\n}\n\ntest('names', () => {\n  expect(names(shop)).toEqual(['b', 'a'])\n})\n";
    const RS: &str = "fn same(found: Vec<&str>, want: &[&str]) {\n    assert_eq!(found, want);\n}\n\n#[test]\nfn names() {\n    let found = shop().names();\n    assert_eq!(found, vec![\"b\", \"a\"]);\n}\n";
    const GO: &str = "package a\n\nfunc TestNames(t *testing.T) {\n\tgot := Names(shop)\n\twant := []string{\"b\", \"a\"}\n\tif !reflect.DeepEqual(got, want) {\n\t\tt.Errorf(\"got %v\", got)\n\t}\n}\n";

    #[test]
    fn what_was_compared_in_order_stays_so() {
        for (path, base, was, is) in [
            (
                "tests/test_a.py",
                PY,
                "assert found == ['b', 'a']",
                "assert sorted(found) == ['a', 'b']",
            ),
            (
                "tests/test_a.py",
                PY,
                "assert found == ['b', 'a']",
                "assert set(found) == {'a', 'b'}",
            ),
            (
                "tests/test_a.py",
                PY,
                "assert found == ['b', 'a']",
                "found.sort()\n    assert found == ['a', 'b']",
            ),
            (
                "tests/test_a.py",
                PY,
                "assert found == ['b', 'a']",
                "assert Counter(found) == Counter(['b', 'a'])",
            ),
            (
                "tests/test_a.py",
                PY,
                "words('B a') == ['B', 'a']",
                "words('B a').lower() == 'b a'",
            ),
            (
                "a.test.js",
                JS,
                "assert.deepEqual(found, want)",
                "assert.deepEqual([...found].sort(), [...want].sort())",
            ),
            (
                "a.test.js",
                JS,
                "assert.deepEqual(found, want)",
                "assert.deepEqual(\n    new Set(found),\n    new Set(want),\n  )",
            ),
            (
                "a.test.js",
                JS,
                "names(shop)).toEqual(['b', 'a'])",
                "names(shop).toSorted()).toEqual(['a', 'b'])",
            ),
            (
                "a.test.js",
                JS,
                "toEqual(['b', 'a'])",
                "toEqual(expect.arrayContaining(['b', 'a']))",
            ),
            (
                "tests/a.rs",
                RS,
                "    assert_eq!(found, want);",
                "    let (mut found, mut want) = (found, want.to_vec());\n    found.sort();\n    want.sort();\n    assert_eq!(found, want);",
            ),
            (
                "tests/a.rs",
                RS,
                "assert_eq!(found, vec![\"b\", \"a\"])",
                "assert_eq!(HashSet::from_iter(found), HashSet::from([\"b\", \"a\"]))",
            ),
            (
                "a_test.go",
                GO,
                "\tif !",
                "\tsort.Strings(got)\n\tsort.Strings(want)\n\tif !",
            ),
            (
                "a_test.go",
                GO,
                "\tif !",
                "\tslices.SortFunc(got, strings.Compare)\n\tslices.Sort(want)\n\tif !",
            ),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(judged(path, base, &head), CheckResult::Fail, "{head}");
        }
    }

    #[test]
    fn a_helper_that_does_it_is_looked_into() {
        let head = PY.replace("found == ['b', 'a']", "same(found, ['b', 'a'])");
        let head =
            format!("def same(found, want):\n    return sorted(found) == sorted(want)\n\n\n{head}");
        let base = PY.replace("found == ['b', 'a']", "equal(found, ['b', 'a'])");
        let base = base.replace(
            "assert equal(found, ['b', 'a'])",
            "assert found == ['b', 'a']",
        );
        assert_eq!(
            judged(
                "tests/test_a.py",
                &base,
                &head.replace(
                    "assert same(found, ['b', 'a'])",
                    "assert same(found, ['b', 'a']) == True"
                )
            ),
            CheckResult::Fail
        );
    }

    #[test]
    fn what_is_new_or_was_so_or_is_expected_may_be_put_in_order() {
        for (path, base, was, is) in [
            // Another test, of what has no order.
            (
                "tests/test_a.py",
                PY,
                "\n\n\ndef test_words",
                "\n\n\ndef test_tags():\n    assert sorted(tags(SHOP)) == ['x', 'y']\n\n\ndef test_words",
            ),
            // One more question in an old test.
            (
                "tests/test_a.py",
                PY,
                "    assert found == ['b', 'a']\n",
                "    assert found == ['b', 'a']\n    assert set(tags(SHOP)) == {'x', 'y'}\n",
            ),
            // What is expected is put in order by the test.
            (
                "tests/test_a.py",
                PY,
                "assert found == ['b', 'a']",
                "wanted = sorted(RAW)\n    assert found == wanted",
            ),
            (
                "tests/test_a.py",
                PY,
                "found == ['b', 'a']",
                "found == sorted(RAW, reverse=True)",
            ),
            (
                "a.test.js",
                JS,
                "assert.deepEqual(found, want)",
                "assert.equal(found.join(), want.join())",
            ),
            (
                "a.test.js",
                JS,
                "toEqual(['b', 'a'])",
                "toStrictEqual(['b', 'a', 'c'])",
            ),
            (
                "tests/a.rs",
                RS,
                "vec![\"b\", \"a\"]",
                "vec![\"a\", \"b\"], \"of {:?}\", shop()",
            ),
            (
                "a_test.go",
                GO,
                "[]string{\"b\", \"a\"}",
                "[]string{\"b\", \"a\"}\n\tsort.Strings(want)",
            ),
            (
                "a_test.go",
                GO,
                "if !reflect.DeepEqual(got, want)",
                "if strings.Join(got, \",\") != strings.Join(want, \",\")",
            ),
        ] {
            let head = base.replace(was, is);
            assert_ne!(base, head);
            assert_eq!(judged(path, base, &head), CheckResult::Pass, "{head}");
        }
        let was = PY.replace("found == ['b', 'a']", "sorted(found) == ['a', 'b']");
        let is = was.replace("['a', 'b']", "['a', 'b', 'c']");
        assert_eq!(judged("tests/test_a.py", &was, &is), CheckResult::Pass);
    }
}
