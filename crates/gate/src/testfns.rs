//! Finds the tests of a source file by their text: name and body of each, so that a changed or lost one is seen also where
//! tests stand between the code they test.
//!
//! Bodies are compared without comments, and without what a formatter may change where blanks have no meaning.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::source::{self, Lang, Source};

/// One test as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestFn {
    /// Attributes, signature and body, in a form that a formatter does not change.
    pub(crate) text: String,
    /// Lines from its first attribute to its end, from 0.
    pub(crate) lines: Range<usize>,
}

/// The tests of one file by name. Tests of one name are kept in their order.
pub(crate) fn find(text: &str, lang: Lang) -> BTreeMap<String, Vec<TestFn>> {
    let source = source::read(text, lang);
    let found = match lang {
        Lang::Rust => rust(&source),
        Lang::Python => python(&source),
        Lang::Go => braced(&source, lang, &GO, None),
        Lang::JavaScript => braced(&source, lang, &JAVASCRIPT, Some(("(", ")"))),
        Lang::CLike => braced(&source, lang, &JAVA, None),
        Lang::Hash => braced(&source, lang, &BATS, None),
        Lang::Plain => Vec::new(),
    };
    let mut tests: BTreeMap<String, Vec<TestFn>> = BTreeMap::new();
    for (name, test) in found {
        tests.entry(name).or_default().push(test);
    }
    tests
}

static GO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^func ((?:Test|Fuzz|Example|Benchmark)\w*)\(").expect("a fixed pattern")
});
static JAVASCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*(?:\w+\.)?(?:test|it|specify|describe|suite|context)(?:\.\w+)*\s*\(\s*(["'`].*?["'`])"#).expect("a fixed pattern")
});
static JAVA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:public |private |protected |suspend |static )*(?:void|fun) +(`[^`]+`|\w*[tT]est\w*)\s*\(").expect("a fixed pattern")
});
static BATS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:@test (.+) \{|(?:function )?(test_\w+) ?\(\) ?\{?)").expect("a fixed pattern")
});
static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\s*)(?:async )?def (test\w*|\w*_test)\s*\(").expect("a fixed pattern")
});
static PYTHON_CLASS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\s*)class (\w+)").expect("a fixed pattern"));
static RUST_FN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bfn\s+(\w+)").expect("a fixed pattern"));
static RUST_TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"#\s*\[\s*(?:\w+\s*::\s*)*(?:test|rstest|test_case|proptest|quickcheck|wasm_bindgen_test)\b").expect("a fixed pattern")
});
static RUST_MOD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bmod\s+(\w+)\s*\{").expect("a fixed pattern"));

fn test_fn(source: &Source, lang: Lang, lines: Range<usize>) -> TestFn {
    let text = match lang {
        Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike => source.tokens(lines.clone()),
        Lang::Python | Lang::Hash | Lang::Plain => indented(source, lines.clone()),
    };
    TestFn { text, lines }
}

/// Lines without comments, with their indentation below the first one: it says which block an assertion belongs to.
fn indented(source: &Source, lines: Range<usize>) -> String {
    let texts: Vec<String> = lines
        .map(|line| source.uncommented(line).trim_end().to_owned())
        .collect();
    let depth = |line: &String| line.len() - line.trim_start().len();
    let first = texts.iter().find(|line| !line.is_empty()).map_or(0, depth);
    let shifted = texts
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| &line[depth(line).min(first)..]);
    shifted.collect::<Vec<_>>().join("\n")
}

/// The line on which the bracket closes that opens at or after `from`; the last line when it never does.
fn closes(source: &Source, from: usize, column: usize, open: &str, close: &str) -> usize {
    let (open, close) = (open.chars().next(), close.chars().next());
    let mut depth = 0i64;
    let mut began = false;
    for (at, line) in source.code.iter().enumerate().skip(from) {
        let skip = if at == from { column } else { 0 };
        for c in line.chars().skip(skip) {
            if Some(c) == open {
                depth += 1;
                began = true;
            } else if Some(c) == close {
                depth -= 1;
            }
            if began && depth <= 0 {
                return at;
            }
        }
    }
    source.code.len().saturating_sub(1)
}

/// Attributes and decorators directly above a line belong to what stands there.
fn first_attribute(source: &Source, line: usize, begins: &[char]) -> usize {
    let mut first = line;
    while first > 0 {
        let above = source.raw[first - 1].trim_start();
        if above.is_empty() || !above.starts_with(begins) {
            break;
        }
        first -= 1;
    }
    first
}

fn braced(
    source: &Source,
    lang: Lang,
    pattern: &Regex,
    brackets: Option<(&str, &str)>,
) -> Vec<(String, TestFn)> {
    let (open, close) = brackets.unwrap_or(("{", "}"));
    let mut found = Vec::new();
    for at in 0..source.raw.len() {
        let line = source.uncommented(at);
        let Some(seen) = pattern.captures(&line) else {
            continue;
        };
        let Some(name) = seen.get(1).or_else(|| seen.get(2)) else {
            continue;
        };
        let first = first_attribute(source, at, &['@']);
        let end = closes(source, at, 0, open, close);
        // What surrounds tests changes with each of them; its own words are in its first line.
        let lines = if is_suite(&line) {
            at..at + 1
        } else {
            first..end + 1
        };
        found.push((name.as_str().to_owned(), test_fn(source, lang, lines)));
    }
    found
}

fn is_suite(line: &str) -> bool {
    let line = line.trim_start();
    ["describe", "suite", "context"]
        .iter()
        .any(|word| line.starts_with(word))
}

fn python(source: &Source) -> Vec<(String, TestFn)> {
    let mut found = Vec::new();
    let mut class: Option<(usize, String)> = None;
    for at in 0..source.code.len() {
        let line = &source.code[at];
        if let Some(seen) = PYTHON_CLASS.captures(line) {
            class = Some((seen[1].len(), seen[2].to_owned()));
        }
        let Some(seen) = PYTHON.captures(line) else {
            continue;
        };
        let indent = seen[1].len();
        let name = match &class {
            Some((depth, class)) if *depth < indent => format!("{class}.{}", &seen[2]),
            Some(_) | None => seen[2].to_owned(),
        };
        let first = first_attribute(source, at, &['@', ')', ']']);
        found.push((
            name,
            test_fn(source, Lang::Python, first..python_end(source, at, indent)),
        ));
    }
    found
}

/// A block ends before the next line of code that is not deeper than its `def`.
fn python_end(source: &Source, at: usize, indent: usize) -> usize {
    let body = closes(source, at, 0, "(", ")");
    let mut end = body + 1;
    for (line, raw) in source.raw.iter().enumerate().skip(body + 1) {
        let code = &source.code[line];
        if raw.trim().is_empty()
            || (code.trim().is_empty() && source.comments[line].trim().is_empty())
        {
            // A blank line, or the inside of a string.
            if !raw.trim().is_empty() {
                end = line + 1;
            }
            continue;
        }
        if raw.len() - raw.trim_start().len() <= indent && !code.trim().is_empty() {
            break;
        }
        if raw.len() - raw.trim_start().len() > indent {
            end = line + 1;
        }
    }
    end
}

fn rust(source: &Source) -> Vec<(String, TestFn)> {
    let mut found = Vec::new();
    for (at, line) in source.code.iter().enumerate() {
        if !RUST_TEST.is_match(line) {
            continue;
        }
        let Some((name, fn_line, column)) = rust_fn_after(source, at) else {
            continue;
        };
        let first = first_attribute(source, at, &['#', '/']);
        let end = closes(source, fn_line, column, "{", "}");
        found.push((name, test_fn(source, Lang::Rust, first..end + 1)));
    }
    found
}

/// Between a test's attribute and its `fn` stand other attributes and comments: 40 lines of them is past all reason.
const ATTRIBUTE_LINES_MAX: usize = 40;

fn rust_fn_after(source: &Source, at: usize) -> Option<(String, usize, usize)> {
    let after = RUST_TEST.find(&source.code[at])?.end();
    for line in at..(at + ATTRIBUTE_LINES_MAX).min(source.code.len()) {
        let skip = if line == at { after } else { 0 };
        if let Some(seen) = RUST_FN.captures(source.code[line].get(skip..)?) {
            let column = seen.get(0)?.start() + skip;
            let column = source.code[line][..column].chars().count();
            return Some((seen[1].to_owned(), line, column));
        }
    }
    None
}

/// The `#[cfg(test)] mod NAME { … }` of a Rust file: lines of each, from the attribute to the brace.
pub(crate) fn rust_test_modules(source: &Source) -> Vec<Range<usize>> {
    let is_attribute = |line: &String| line.replace(' ', "").contains("#[cfg(test)]");
    let attributes = source
        .code
        .iter()
        .enumerate()
        .filter(|(_, line)| is_attribute(line))
        .map(|(at, _)| at);
    attributes
        .filter_map(|attribute| module_of(source, attribute))
        .collect()
}

/// An attribute and its item are at most some further attributes apart.
fn module_of(source: &Source, attribute: usize) -> Option<Range<usize>> {
    let near = attribute..(attribute + 4).min(source.code.len());
    let item = near
        .clone()
        .find(|at| *at > attribute && !source.code[*at].trim_start().starts_with('#'));
    let module = near
        .take_while(|at| item.is_none_or(|item| *at <= item))
        .find(|at| RUST_MOD.is_match(&source.code[*at]))?;
    let seen = RUST_MOD.find(&source.code[module])?;
    let column = source.code[module][..seen.start()].chars().count();
    Some(attribute..closes(source, module, column, "{", "}") + 1)
}

/// The base's code with the head's test module, for running new tests on old code. `None` when either has no module to
/// take or to put, or when nothing would change.
pub(crate) fn graft(base: &str, head: &str) -> Option<String> {
    let (base_source, head_source) = (
        source::read(base, Lang::Rust),
        source::read(head, Lang::Rust),
    );
    let taken = rust_test_modules(&head_source).into_iter().next()?;
    let module = head_source.raw[taken].join("\n");
    let grafted = match rust_test_modules(&base_source).into_iter().next() {
        Some(place) => {
            let before = base_source.raw[..place.start].join("\n");
            let after = base_source.raw[place.end..].join("\n");
            format!("{before}\n{module}\n{after}")
        }
        None => format!("{}\n\n{module}\n", base.trim_end()),
    };
    (grafted != base).then_some(grafted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, lang: Lang) -> Vec<String> {
        find(text, lang).into_keys().collect()
    }

    const RUST: &str = r##"
pub fn add(a: i32, b: i32) -> i32 { a + b }
#[cfg(test)]
mod tests {
    use super::*;
    // #[test] fn in_a_comment() {}
    const TEXT: &str = "#[test] fn in_a_string() {";
    #[test]
    fn adds() {
        assert_eq!(add(1, 1), 2, "a }} brace {}", '}');
    }
    #[test] #[ignore = "slow"] fn slow() {}
    #[tokio::test]
    #[should_panic(expected = "x")]
    async fn waits() {
        let r = r#"}"#;
        panic!("x{r}");
    }
    fn helper() {}
}
pub fn after() {}
"##;

    #[test]
    fn rust_tests_are_found_with_their_whole_body() {
        let tests = find(RUST, Lang::Rust);
        assert_eq!(tests.keys().collect::<Vec<_>>(), ["adds", "slow", "waits"]);
        assert!(
            tests["adds"][0].text.ends_with("'}');}"),
            "{}",
            tests["adds"][0].text
        );
        assert!(tests["slow"][0].text.contains("#[ignore"));
        assert!(
            tests["waits"][0].text.contains("should_panic")
                && tests["waits"][0].text.ends_with("panic!(\"x{r}\");}")
        );
    }

    #[test]
    fn a_changed_assertion_changes_the_test_and_indentation_does_not() {
        let edited = RUST.replace("add(1, 1), 2", "add(1, 1), 3");
        assert_ne!(
            find(RUST, Lang::Rust)["adds"],
            find(&edited, Lang::Rust)["adds"]
        );
        let indented = RUST.replace("\n    ", "\n        ");
        let text = |t: &str| find(t, Lang::Rust)["adds"][0].text.clone();
        assert_eq!(text(RUST), text(&indented));
    }

    #[test]
    fn python_tests_and_their_classes() {
        let text = "import x\n\n@mark.parametrize('a', [\n    1,\n])\ndef test_a(a):\n    '''doc\nodd indent\n    '''\n    assert a\n\n    assert 2\n# comment\n\nclass TestK:\n    def test_m(self,\n               b=1):\n        assert 1\n\n    def helper(self): pass\n\ndef test_last(): assert 3\n";
        let tests = find(text, Lang::Python);
        assert_eq!(
            tests.keys().collect::<Vec<_>>(),
            ["TestK.test_m", "test_a", "test_last"]
        );
        assert!(
            tests["test_a"][0].text.ends_with("assert 2"),
            "{}",
            tests["test_a"][0].text
        );
        assert!(tests["TestK.test_m"][0].text.ends_with("assert 1"));
    }

    #[test]
    fn javascript_go_and_bats() {
        let js = "describe('s', () => {\n  it('adds (1)', () => {\n    expect(1).toBe(1)\n  })\n  test.skip(\"b\", () => {})\n})\n";
        assert_eq!(names(js, Lang::JavaScript), ["\"b\"", "'adds (1)'", "'s'"]);
        assert!(
            find(js, Lang::JavaScript)["'adds (1)'"][0]
                .text
                .contains("toBe(1)")
        );
        let go = "func TestA(t *testing.T) {\n\tif x { t.Fatal(\"}\") }\n}\nfunc helper() {}\n";
        assert_eq!(names(go, Lang::Go), ["TestA"]);
        assert!(
            find(go, Lang::Go)["TestA"][0]
                .text
                .ends_with("t.Fatal(\"}\")}}")
        );
        assert_eq!(
            names("@test \"adds\" {\n  run x\n}\n", Lang::Hash),
            ["\"adds\""]
        );
    }

    #[test]
    fn adding_a_test_to_a_suite_does_not_change_the_others() {
        let before = "describe('s', () => {\n  it('a', () => {})\n})\n";
        let after = "describe('s', () => {\n  it('a', () => {})\n  it('b', () => {})\n})\n";
        let (before, after) = (
            find(before, Lang::JavaScript),
            find(after, Lang::JavaScript),
        );
        assert_eq!(before["'s'"][0].text, after["'s'"][0].text);
    }

    #[test]
    fn new_unit_tests_are_grafted_on_old_code() {
        let base = "pub fn add() -> i32 { 1 }\n#[cfg(test)]\nmod tests {\n    #[test] fn old() {}\n}\npub fn after() {}\n";
        let head = "pub fn add() -> i32 { 2 }\n#[cfg(test)]\nmod tests {\n    #[test] fn old() {}\n    #[test] fn new() {}\n}\n";
        let grafted = graft(base, head).expect("both have a module");
        assert!(
            grafted.contains("{ 1 }")
                && grafted.contains("fn new")
                && grafted.contains("pub fn after"),
            "{grafted}"
        );
        assert_eq!(grafted.matches("mod tests").count(), 1);
        let first = graft("pub fn add() -> i32 { 1 }\n", head).expect("appended");
        assert!(first.contains("{ 1 }") && first.contains("fn new"));
        assert_eq!(graft(base, "pub fn add() {}\n"), None);
    }

    #[test]
    fn test_modules_are_told_from_other_items() {
        let text = "#[cfg(test)]\nuse x::y;\nmod real { fn a() {} }\n#[cfg(test)]\n#[allow(dead_code)]\nmod tests {\n}\nfn b() {}\n";
        let found = rust_test_modules(&source::read(text, Lang::Rust));
        assert_eq!((found.len(), found.first()), (1, Some(&(3..7))));
    }

    #[test]
    fn rubbish_is_survived() {
        for text in [
            "",
            "#[test]",
            "#[test] fn",
            "def test_",
            "it('",
            "func TestA(",
            "#[cfg(test)] mod t {",
        ] {
            for lang in [
                Lang::Rust,
                Lang::JavaScript,
                Lang::Go,
                Lang::CLike,
                Lang::Python,
                Lang::Hash,
            ] {
                find(text, lang);
                graft(text, text);
            }
        }
    }
}
