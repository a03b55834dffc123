//! Wrong answers in place of right ones: each function of a source gives back nothing, or something else, before it does its work.
//! Tests that pass all the same do not look at what the product answers.
//!
//! The method is that of mutation testing with the body of a function as the only thing that is replaced, which needs no build
//! of its own per mutant: all are made at once. A function whose result cannot be made up is left as it is, so that a mutant is
//! sooner too tame than broken.

use std::sync::LazyLock;

use regex::Regex;

use crate::functions::{Function, functions};
use crate::source::{self, Lang, Source};
use crate::testfns;

/// What a function gives back instead of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Zero, nothing, an empty text.
    Nothing,
    /// Something that no right answer is; where none is known, it fails loudly.
    Other,
}

/// A number and a word that hardly anybody expects. The number fits into seven bits.
const NUMBER: &str = "97";
const WORD: &str = "an answer that nobody expects";

/// One function that answers wrongly: its lines, from 0, where its body begins (line and column), and what is put there.
struct Place {
    lines: std::ops::Range<usize>,
    at: (usize, usize),
    statement: String,
}

fn places(path: &str, text: &str, source: &Source, answer: Answer) -> Vec<Place> {
    let lang = source::lang_of(path, text);
    let typed = path.ends_with(".ts") || path.ends_with(".tsx") || path.ends_with(".mts");
    let tests = test_lines(source, text, lang);
    let mut places = Vec::new();
    for function in functions(source, lang) {
        if tests
            .iter()
            .any(|range| range.contains(&function.lines.start))
        {
            continue;
        }
        let statement = match lang {
            Lang::Python => python(source, &function, answer),
            Lang::Go => go(&function, answer),
            Lang::Rust => rust(source, &function, answer),
            Lang::JavaScript => javascript(&function, answer, typed),
            Lang::CLike | Lang::Hash | Lang::Plain => None,
        };
        places.extend(statement.map(|statement| Place {
            lines: function.lines,
            at: function.body,
            statement,
        }));
    }
    if lang == Lang::JavaScript {
        let value = match (answer, typed) {
            (Answer::Nothing, false) => "1 > 0 ? undefined :".to_owned(),
            (Answer::Nothing, true) => "(1 as number) > 0 ? (undefined as any) :".to_owned(),
            (Answer::Other, false) => "1 > 0 ? Symbol.for('wrong') :".to_owned(),
            (Answer::Other, true) => {
                "(1 as number) > 0 ? (Symbol.for('wrong') as any) :".to_owned()
            }
        };
        places.extend(short_arrows(source).map(|at| Place {
            lines: at.0..at.0 + 1,
            at,
            statement: value.clone(),
        }));
    }
    places
}

/// The lines of the functions that answer wrongly, one way or the other.
pub(crate) fn lines(path: &str, text: &str) -> Vec<std::ops::Range<usize>> {
    let source = source::read(text, source::lang_of(path, text));
    [Answer::Nothing, Answer::Other]
        .into_iter()
        .flat_map(|answer| places(path, text, &source, answer))
        .map(|place| place.lines)
        .collect()
}

/// The source with wrong answers in every function; `None` when there was none to change.
pub(crate) fn wrong(path: &str, text: &str, answer: Answer) -> Option<String> {
    let source = source::read(text, source::lang_of(path, text));
    let places = places(path, text, &source, answer);
    match places.is_empty() {
        true => None,
        false => put(path, text, places),
    }
}

/// The source with a wrong answer in one function, for each of them.
pub(crate) fn wrong_each(path: &str, text: &str, answer: Answer) -> Vec<String> {
    let source = source::read(text, source::lang_of(path, text));
    let places = places(path, text, &source, answer).into_iter();
    places
        .filter_map(|place| put(path, text, vec![place]))
        .collect()
}

/// Wrong answers at these places.
fn put(path: &str, text: &str, mut places: Vec<Place>) -> Option<String> {
    let lang = source::lang_of(path, text);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    // From the end, so that the places before stay where they are.
    places.sort_by_key(|place| std::cmp::Reverse(place.at));
    for Place { at, statement, .. } in places {
        let (line, column) = at;
        let at = lines.get_mut(line)?;
        let byte = at
            .char_indices()
            .nth(column)
            .map_or(at.len(), |(byte, _)| byte);
        if lang == Lang::Python {
            let indent = at[..byte].to_owned();
            lines.insert(line, format!("{indent}{statement}"));
        } else {
            at.insert_str(byte, &format!(" {statement} "));
        }
    }
    Some(lines.join("\n"))
}

static SHORT_ARROW: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:export\s+)?(?:(?:const|let|var)\s+\w+|(?:module\.)?exports\.\w+)\s*=\s*(?:async\s*)?(?:\([^()]*\)|\w+)(?:\s*:[^=]+)?\s*=>\s*([^\s{])")
        .expect("a fixed pattern")
});

/// Where the expression of a named function without braces begins, on one line with its name.
fn short_arrows(source: &Source) -> impl Iterator<Item = (usize, usize)> {
    let lines = source.code.iter().enumerate();
    lines.filter_map(|(at, code)| {
        let expression = SHORT_ARROW.captures(code)?.get(1)?;
        Some((at, code[..expression.start()].chars().count()))
    })
}

/// Unit tests and their helpers between the code.
pub(crate) fn test_lines(source: &Source, text: &str, lang: Lang) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<_> = testfns::find(text, lang)
        .into_values()
        .flatten()
        .map(|test| test.lines)
        .collect();
    if lang == Lang::Rust {
        found.extend(testfns::rust_test_modules(source));
    }
    found
}

fn python(source: &Source, function: &Function, answer: Answer) -> Option<String> {
    // What makes an instance has no answer: it can only fail, or be left as it is.
    const MAKE: [&str; 10] = [
        "__init__",
        "__new__",
        "__post_init__",
        "__init_subclass__",
        "__set_name__",
        "__getattr__",
        "__getattribute__",
        "__hash__",
        "__del__",
        "__repr__",
    ];
    if MAKE.contains(&function.name.as_str()) {
        let made = answer == Answer::Other && function.name.contains("init__");
        return made.then(|| format!("raise RuntimeError({WORD:?})"));
    }
    let body = &source.code[function.lines.clone()];
    let yields = body.iter().any(|code| code.contains("yield"));
    let other = match function.result.trim() {
        "bool" => "True".to_owned(),
        "int" | "float" => NUMBER.to_owned(),
        "str" => format!("{WORD:?}"),
        // One and the same each time, as wrong answers of the other types are.
        _ => "...".to_owned(),
    };
    Some(match answer {
        Answer::Other if !yields => format!("return {other}"),
        Answer::Nothing | Answer::Other => "return".to_owned(),
    })
}

fn javascript(function: &Function, answer: Answer, typed: bool) -> Option<String> {
    if function.name == "constructor" {
        return (answer == Answer::Other)
            .then(|| format!("if (1 > 0) {{ throw new Error({WORD:?}); }}"));
    }
    let other = match function.result.trim_start_matches(':').trim() {
        "boolean" => "true".to_owned(),
        "number" => NUMBER.to_owned(),
        "string" => format!("{WORD:?}"),
        // One and the same each time.
        _ => "Symbol.for('wrong')".to_owned(),
    };
    let value = match answer {
        Answer::Nothing => "undefined".to_owned(),
        Answer::Other => other,
    };
    Some(match typed {
        true => format!("if ((1 as number) > 0) {{ return ({value}) as any; }}"),
        false => format!("if (1 > 0) {{ return {value}; }}"),
    })
}

fn go(function: &Function, answer: Answer) -> Option<String> {
    if ["main", "init"].contains(&function.name.as_str()) {
        return None;
    }
    let (types, named) = go_results(&function.result);
    if types.is_empty() || (named && answer == Answer::Nothing) {
        return Some("if true { return };".to_owned());
    }
    let zero = |kind: &String| format!("*new({kind})");
    let values: Vec<String> = match answer {
        Answer::Nothing => types.iter().map(zero).collect(),
        Answer::Other if types.iter().all(|kind| go_other(kind).is_none()) => {
            return Some(format!("if true {{ panic({WORD:?}) }};"));
        }
        Answer::Other => types
            .iter()
            .map(|kind| go_other(kind).unwrap_or_else(|| zero(kind)))
            .collect(),
    };
    Some(format!("if true {{ return {} }};", values.join(", ")))
}

fn go_other(kind: &str) -> Option<String> {
    Some(match kind {
        "string" => format!("{WORD:?}"),
        "bool" => "true".to_owned(),
        "int" | "int8" | "int16" | "int32" | "int64" | "uint" | "uint8" | "uint16" | "uint32"
        | "uint64" | "byte" | "rune" | "float32" | "float64" => NUMBER.to_owned(),
        "[]string" => format!("[]string{{{WORD:?}}}"),
        _ => return None,
    })
}

/// The types of a function's results, and whether they have names.
fn go_results(result: &str) -> (Vec<String>, bool) {
    let result = result.trim();
    let Some(inner) = result.strip_prefix('(').and_then(|r| r.strip_suffix(')')) else {
        let one = Some(result.to_owned()).filter(|one| !one.is_empty());
        return (one.into_iter().collect(), false);
    };
    let pieces = split(inner);
    // `n int`, but not `chan int` or `map[string] int`.
    let name_of = |piece: &str| {
        let (name, kind) = piece.split_once(' ')?;
        let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let word = ["chan", "func", "map", "struct", "interface"].contains(&name);
        (plain && !word).then(|| kind.trim().to_owned())
    };
    if !pieces.iter().any(|piece| name_of(piece).is_some()) {
        return (pieces, false);
    }
    // `(a, b int)`: the type of the last one is that of those before it.
    let mut types = Vec::new();
    let mut last = String::new();
    for piece in pieces.iter().rev() {
        if let Some(kind) = name_of(piece) {
            last = kind;
        }
        types.push(last.clone());
    }
    types.reverse();
    (types, true)
}

/// Split at commas that no bracket holds.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    let parts = parts.into_iter().map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

fn rust(source: &Source, function: &Function, answer: Answer) -> Option<String> {
    let head = source.code.get(function.lines.start)?;
    if function.name == "main" {
        return None;
    }
    if head.contains("const fn") || head.contains("const unsafe") {
        return (answer == Answer::Other).then(|| format!("panic!({WORD:?});"));
    }
    let result = function.result.split("where").next().unwrap_or_default();
    let kind = result.trim().trim_start_matches("->").trim();
    let value = match (rust_value(kind, answer), answer) {
        (Some(value), _) => format!("return {value}"),
        (None, Answer::Nothing) => return None,
        (None, Answer::Other) => format!("panic!({WORD:?})"),
    };
    Some(format!("if core::hint::black_box(true) {{ {value}; }}"))
}

fn rust_value(kind: &str, answer: Answer) -> Option<String> {
    let (head, inner) = match kind.split_once('<') {
        Some((head, inner)) => (
            head.trim(),
            inner.trim_end().strip_suffix('>').unwrap_or_default(),
        ),
        None => (kind.trim(), ""),
    };
    let name = head.rsplit("::").next().unwrap_or(head);
    let number = |zero: &str, other: &str| match answer {
        Answer::Nothing => zero.to_owned(),
        Answer::Other => other.to_owned(),
    };
    Some(match name {
        "" | "()" => "()".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128"
        | "isize" => number("0", NUMBER),
        "f32" | "f64" => number("0.0", "97.0"),
        "bool" => number("false", "true"),
        "String" => match answer {
            Answer::Nothing => "String::new()".to_owned(),
            Answer::Other => format!("String::from({WORD:?})"),
        },
        "Option" | "Vec" | "VecDeque" | "HashMap" | "BTreeMap" | "HashSet" | "BTreeSet"
            if !inner.contains("impl ") && answer == Answer::Nothing =>
        {
            "Default::default()".to_owned()
        }
        "Result" => {
            let first = split(inner).into_iter().next().unwrap_or_default();
            format!("Ok({})", rust_value(&first, answer)?)
        }
        _ if kind == "&str" || kind == "&'static str" => match answer {
            Answer::Nothing => "\"\"".to_owned(),
            Answer::Other => format!("{WORD:?}"),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(path: &str, text: &str) -> String {
        wrong(path, text, Answer::Nothing).unwrap_or_default()
    }

    fn other(path: &str, text: &str) -> String {
        wrong(path, text, Answer::Other).unwrap_or_default()
    }

    /// What Qt keeps as XML in files that end alike.
    #[test]
    fn a_translation_is_no_program() {
        let qt = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!DOCTYPE TS>\n<TS version=\"2.1\" language=\"de\">\n<context>\n<source>function f() { return 1; }</source>\n</context>\n</TS>\n";
        for text in [
            qt,
            &format!("\u{feff}{qt}"),
            &qt[qt.find("<!").expect("a line")..],
        ] {
            assert_eq!(nothing("i18n/app_de.ts", text), "");
            assert!(lines("i18n/app_de.ts", text).is_empty());
            assert_eq!(crate::source::lang_of("i18n/app_de.ts", text), Lang::Plain);
            let change = crate::change::Change::of(&[("i18n/app_de.ts", None, Some(text))]);
            assert_eq!(change.files[0].lang(), Lang::Plain);
        }
        let program = "export function f() { return 1; }\n";
        assert_ne!(nothing("src/app.ts", program), "");
        assert_eq!(crate::source::lang_of("src/app.tsx", qt), Lang::JavaScript);
    }

    #[test]
    fn python_answers_nothing_before_it_works() {
        let text = "class A:\n    def __init__(self):\n        self.x = 1\n\n    def a(self) -> int:\n        '''Doc'''\n        return self.x\n";
        let seen = nothing("a.py", text);
        assert!(
            seen.contains("-> int:\n        return\n        '''Doc'''"),
            "{seen}"
        );
        assert!(seen.contains("__init__(self):\n        self.x"), "{seen}");
        assert!(other("a.py", text).contains("return 97\n"));
        assert!(!other("a.py", "def a():\n    yield 1\n").contains("..."));
    }

    #[test]
    fn go_gives_back_as_many_as_it_has_to() {
        let text = "package x\n\nfunc A(s string) (map[string]int, error) {\n\treturn nil, nil\n}\n\nfunc B() (a, b int, err error) { return }\n\nfunc C() {}\nfunc D() *T { return nil }\n";
        let seen = nothing("a.go", text);
        assert!(
            seen.contains("return *new(map[string]int), *new(error) }"),
            "{seen}"
        );
        assert!(
            seen.contains("B() (a, b int, err error) { if true { return };"),
            "{seen}"
        );
        assert!(seen.contains("C() { if true { return };") && seen.contains("*new(*T)"));
        let seen = other("a.go", text);
        assert!(seen.contains("return 97, 97, *new(error)"), "{seen}");
        assert!(seen.contains("D() *T { if true { panic("), "{seen}");
    }

    #[test]
    fn rust_makes_up_what_it_knows_and_leaves_tests_alone() {
        let text = "pub fn a(x: u8) -> Result<Vec<u8>, E> {\n    b(x)\n}\nconst fn c() -> u8 { 1 }\nfn d() -> Own { Own }\n#[cfg(test)]\nmod tests {\n    fn helper() -> u8 { 1 }\n    #[test]\n    fn e() { assert_eq!(c(), 1); }\n}\n";
        let seen = nothing("a.rs", text);
        assert!(
            seen.contains("{ if core::hint::black_box(true) { return Ok(Default::default()); }"),
            "{seen}"
        );
        assert_eq!(seen.matches("black_box").count(), 1, "{seen}");
        assert!(other("a.rs", text).contains("const fn c() -> u8 { panic!("));
        assert!(
            other("a.rs", text)
                .contains("fn d() -> Own { if core::hint::black_box(true) { panic!(")
        );
    }

    #[test]
    fn javascript_and_typescript() {
        let js =
            "export function a(b) {\n  return b\n}\nclass C { constructor() { this.d = 1 } }\n";
        let seen = nothing("a.js", js);
        assert!(
            seen.contains("a(b) { if (1 > 0) { return undefined; }"),
            "{seen}"
        );
        assert!(!seen.contains("constructor() { if"), "{seen}");
        let short = nothing(
            "a.js",
            "export const f = (a, b) => a + b;\nlist.map(x => x + 1);\n",
        );
        assert_eq!(
            short,
            "export const f = (a, b) => 1 > 0 ? undefined : a + b;\nlist.map(x => x + 1);\n"
                .replace("=> 1", "=>  1")
        );
        assert!(
            other("a.ts", "function a(): string {\n}\n")
                .contains("return (\"an answer that nobody expects\") as any;")
        );
    }

    #[test]
    fn one_function_at_a_time_answers_wrongly() {
        let text = "def a():\n    return 1\n\n\ndef b():\n    return 2\n";
        let each = wrong_each("a.py", text, Answer::Other);
        assert_eq!(each.len(), 2);
        assert!(
            each[0].contains("a():\n    return ...\n")
                != each[1].contains("a():\n    return ...\n")
        );
        assert!(
            each.iter()
                .all(|one| one.matches("return ...").count() == 1)
        );
    }

    #[test]
    fn a_source_without_functions_has_no_mutant() {
        for path in ["a.py", "a.go", "a.rs", "a.js", "a.txt", "a.sh"] {
            assert_eq!(wrong(path, "x = 1\n", Answer::Nothing), None);
        }
    }
}
