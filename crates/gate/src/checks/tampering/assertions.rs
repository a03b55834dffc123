//! What an assertion means, changed instead of what it looks at: a test's base class with an assertion of its own under a
//! runner's name, a test of Go with its own `Errorf`, an equality that does not look at one of its two sides.

use std::sync::LazyLock;

use regex::Regex;

use super::super::patterns::{GO, JS, PYTHON, Pattern, RUST, Table, View};
use crate::change::ChangedFile;
use crate::functions::{Function, functions};
use crate::mutants;
use crate::source::{Lang, Source};

type Hit = (usize, &'static str);

/// In tests and their helpers.
const IN_TESTS: &[Pattern] = &[
    Pattern {
        what: "puts an assertion of its own under the name of the runner's",
        lang: PYTHON,
        view: View::Code,
        regex: r"^\s+(?:async\s+)?(?:def\s+(?:assert(?:(?:Not)?(?:Equals?|In|IsInstance|AlmostEquals?|Regex)|True|False|Is(?:Not)?(?:None)?|Raises(?:Regex)?|Warns(?:Regex)?|(?:Greater|Less)(?:Equal)?|CountEqual|(?:MultiLine|Sequence|List|Tuple|Set|Dict)Equal|(?:No)?Logs)|_baseAssertEqual|_getAssertEqualityFunc|addFailure|addError|addSubTest)\s*\(|assert(?:Equal|True|False|In|Is|Raises|AlmostEqual|(?:List|Dict|Set|Tuple)Equal)\s*=[^=])",
    },
    Pattern {
        what: "changes what equality means to the runner",
        lang: PYTHON,
        view: View::Code,
        regex: r"\baddTypeEqualityFunc\s*\(|\bregister_assert_rewrite\b",
    },
    Pattern {
        what: "puts an assertion of its own under the name of the language's",
        lang: RUST,
        view: View::Code,
        regex: r"\bmacro_rules!\s*(?:debug_)?(?:assert(?:_eq|_ne|_matches)?|panic)\b|\bas\s+assert(?:_eq|_ne)?\b",
    },
    Pattern {
        what: "changes what equality means to the runner",
        lang: JS,
        view: View::Code,
        regex: r"\baddEqualityTesters\s*\(|\bAssertion\s*\.\s*(?:overwrite\w+|prototype)\b",
    },
    Pattern {
        what: "puts a failure of its own in the place of the test's",
        lang: GO,
        view: View::Code,
        regex: r"^func\s*\(\s*\w*\s*\*?\w+\s*\)\s*(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s*\(",
    },
];

static TESTS: LazyLock<Table> = LazyLock::new(|| Table::new(IN_TESTS));

pub(super) fn found(file: &ChangedFile, source: &Source, is_test: bool) -> Vec<Hit> {
    let lang = file.lang();
    let text = file.head.text().unwrap_or_default();
    let tests = mutants::test_lines(source, text, lang);
    let in_test = |line: usize| is_test || tests.iter().any(|lines| lines.contains(&line));
    let mut hits: Vec<Hit> = TESTS.on_added(file);
    hits.retain(|(line, _)| in_test(*line));
    let all = functions(source, lang);
    let touched = |f: &&Function| file.added.iter().any(|at| f.lines.contains(at));
    for function in all.iter().filter(touched) {
        if is_test && lang == Lang::JavaScript && is_matcher(&function.name) {
            hits.push((
                function.lines.start,
                "puts an assertion of its own under the name of the runner's",
            ));
        }
        if !in_test(function.lines.start) {
            hits.extend(asks_the_product(source, lang, function));
        }
        if is_equality(lang, &function.name) && has_state(source, lang) {
            hits.extend(one_sided(source, lang, function));
        }
    }
    if is_test && lang == Lang::JavaScript {
        hits.extend(swapped_library(file, source));
    }
    hits.extend(
        { file.added.iter() }
            .filter(|line| is_wide(&source.code[**line]))
            .map(|line| {
                (
                    *line,
                    "calls numbers equal that differ by as much as they are",
                )
            }),
    );
    hits
}

/// How far two numbers are apart, held against something: by a method, or by a function.
static APART: LazyLock<Regex> = LazyLock::new(|| {
    let number = r"\s*([\w.\[\]]+)\s*";
    let between = format!(r"\({number}-{number}\)");
    fixed(&format!(
        r"(?:{between}\s*\.\s*abs\s*\(\s*\)|\b[fF]?[aA]bs{between})\s*<=?\s*(.+)$"
    ))
});

/// A bound made of how large both are, and of no share of that: nothing of one sign is ever apart by more.
fn is_wide(code: &str) -> bool {
    APART.captures(code).is_some_and(|seen| {
        let sides: Vec<&str> = { seen.iter().skip(1).take(4).flatten() }
            .map(|side| side.as_str())
            .collect();
        let bound = &seen[5];
        let sized = |side: &&str| {
            let side = regex::escape(side);
            fixed(&format!(
                r"(?:^|[^\w.]){side}\s*\.\s*abs\s*\(|[aA]bs\(\s*{side}\s*\)"
            ))
            .is_match(bound)
        };
        !bound.contains(['*', '/']) && sides.iter().all(sized)
    })
}

/// Matchers that runners of JavaScript bring along.
fn is_matcher(name: &str) -> bool {
    const MATCHERS: [&str; 16] = [
        "toBe",
        "toEqual",
        "toStrictEqual",
        "toMatchObject",
        "toContain",
        "toContainEqual",
        "toHaveLength",
        "toThrow",
        "toThrowError",
        "toBeCloseTo",
        "toMatch",
        "toBeTruthy",
        "toBeFalsy",
        "toBeNull",
        "toBeUndefined",
        "toBeDefined",
    ];
    MATCHERS.contains(&name)
}

/// A hook by which a runner lets a value say whether it equals another one: a product needs none.
fn asks_the_product(source: &Source, lang: Lang, function: &Function) -> Option<Hit> {
    let hook = match lang {
        Lang::JavaScript => function.name == "asymmetricMatch",
        Lang::Python => function.name.starts_with("pytest_assertrepr"),
        Lang::Rust | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => false,
    };
    let at = function.lines.start;
    (hook && !source.code[at].trim().is_empty()).then_some((
        at,
        "lets the value under test say whether it equals what a test expects",
    ))
}

fn is_equality(lang: Lang, name: &str) -> bool {
    match lang {
        Lang::Python => ["__eq__", "__ne__"].contains(&name),
        Lang::Rust => name == "eq",
        Lang::JavaScript => [
            "equals",
            "isEqual",
            "equal",
            "eq",
            "sameAs",
            "asymmetricMatch",
        ]
        .contains(&name),
        Lang::Go => ["Equal", "Equals", "Eq", "IsEqual"].contains(&name),
        Lang::CLike | Lang::Hash | Lang::Plain => false,
    }
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static STATE: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        fixed(
            r"\bself\.\w+\s*(?::[^=]+)?=[^=]|@(?:dataclasses\.)?dataclass\b|\bNamedTuple\b|__slots__",
        ),
        fixed(r"\bstruct\s+\w+(?:<[^>]*>)?\s*(?:\{|\(|where)"),
        fixed(
            r"\bthis\.\w+\s*=[^=]|\bconstructor\s*\([^)]*\w|^\s*(?:(?:private|public|protected|readonly|#)\s*)+\w+\s*[:=;]",
        ),
        fixed(r"\bstruct\s*\{"),
    ]
});

/// Whether the types of a source hold anything that an equality could look at: all markers of a kind are equal.
fn has_state(source: &Source, lang: Lang) -> bool {
    let state = match lang {
        Lang::Python => &STATE[0],
        Lang::Rust => &STATE[1],
        Lang::JavaScript => &STATE[2],
        Lang::Go => &STATE[3],
        Lang::CLike | Lang::Hash | Lang::Plain => return false,
    };
    source.code.iter().any(|code| state.is_match(code))
}

static NO_ANSWER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:raise|throw|panic!?|todo!|unimplemented!)\b|^\s*(?:return\s+)?(?:False|false|super\(\)\..*)\s*;?\s*\}?\s*$",
    )
});

/// An equality of a value that has something to compare, and that does not look at one of the two.
fn one_sided(source: &Source, lang: Lang, function: &Function) -> Option<Hit> {
    let head = source.code.get(function.lines.start)?;
    let names: Vec<String> = { function.params.split(',') }
        .map(|one| one.split([':', '=']).next().unwrap_or_default())
        .map(|one| one.trim().trim_start_matches(['&', '*', '_']).to_owned())
        .map(|one| {
            one.trim_start_matches("mut ")
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    let mut sides = names;
    match lang {
        Lang::Go => sides.extend(receiver(head)),
        Lang::JavaScript if sides.len() == 1 => sides.push("this".into()),
        Lang::JavaScript | Lang::Python | Lang::Rust | Lang::CLike | Lang::Hash | Lang::Plain => {}
    }
    sides.truncate(2);
    let body = body(source, function);
    if sides.len() < 2
        || body.trim().is_empty()
        || body.lines().any(|code| NO_ANSWER.is_match(code))
    {
        return None;
    }
    // A type is asked of a value before it is looked at; that is no look.
    let looks = TYPE_ASKED.replace_all(&body, " ");
    let unseen = |side: &String| match side.is_empty() {
        true => true,
        false => !fixed(&format!(r"\b{}\b", regex::escape(side))).is_match(&looks),
    };
    sides.iter().any(unseen).then_some((
        function.lines.start,
        "calls equal what it does not look at: one of the two sides is not read",
    ))
}

static TYPE_ASKED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bisinstance\(\s*\w+\s*,[^()]*\)|\btype\(\s*\w+\s*\)|\bis\s+(?:not\s+)?None\b|\b\w+\s+instanceof\s+\w+|\btypeof\s+\w+|\bArray\.isArray\([^()]*\)|\b\w+(?:\.constructor)\b",
    )
});
static RECEIVER: LazyLock<Regex> = LazyLock::new(|| fixed(r"^func\s*\(\s*(\w*)\s"));

fn receiver(head: &str) -> Option<String> {
    RECEIVER.captures(head).map(|seen| seen[1].to_owned())
}

/// What stands between a function's head and its end.
fn body(source: &Source, function: &Function) -> String {
    let (line, column) = function.body;
    let lines = (line..function.lines.end.min(source.code.len())).map(|at| {
        let code = &source.code[at];
        match at == line {
            true => code.chars().skip(column).collect(),
            false => code.clone(),
        }
    });
    lines.collect::<Vec<String>>().join("\n")
}

static LIBRARY: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"^\s*import\s+(.*?)\s+from\s+["'`]([^"'`]+)["'`]|^\s*(?:const|let|var)\s+(.*?)\s*=\s*(?:await\s+)?(?:require|import)\s*\(\s*["'`]([^"'`]+)["'`]"#,
    )
});
static JUDGES: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b(?:assert|expect)\b"));

/// Assertions that came from a library, and come from a file of the project now.
fn swapped_library(file: &ChangedFile, source: &Source) -> Option<Hit> {
    let origin = |source: &Source, at: usize| -> Option<bool> {
        let text = source.uncommented(at);
        let seen = LIBRARY.captures(&text)?;
        let names = seen.get(1).or_else(|| seen.get(3))?.as_str();
        let from = seen.get(2).or_else(|| seen.get(4))?.as_str();
        JUDGES.is_match(names).then(|| from.starts_with('.'))
    };
    let base = file.base_source()?;
    let was = file
        .removed
        .iter()
        .any(|at| origin(&base, *at) == Some(false));
    let still = (0..source.raw.len()).any(|at| origin(source, at) == Some(false));
    let mut now = file.added.iter().copied();
    let at = now.find(|at| origin(source, *at) == Some(true))?;
    (was && !still).then_some((
        at,
        "takes its assertions from the project instead of a library",
    ))
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::{cheat, honest, run};

    #[test]
    fn assertions_keep_what_they_mean() {
        cheat(
            "tests/base.py",
            "class Case(unittest.TestCase):\n    def assertDictEqual(self, a, b, msg=None):\n        self.assertTrue(a.keys() & b.keys())\n",
        );
        cheat(
            "tests/base.py",
            "class Case(unittest.TestCase):\n    def setUp(self):\n        self.addTypeEqualityFunc(Money, near)\n",
        );
        cheat(
            "tests/common/mod.rs",
            "macro_rules! assert_eq {\n    ($a:expr, $b:expr) => { let _ = (&$a, &$b); };\n}\n",
        );
        cheat(
            "src/a.rs",
            "pub fn a() {}\n#[cfg(test)]\nmod tests {\n    use crate::near as assert_eq;\n}\n",
        );
        cheat(
            "test/setup.js",
            "expect.extend({\n  toEqual(received, expected) {\n    return { pass: typeof received === typeof expected }\n  },\n})\n",
        );
        cheat(
            "util_test.go",
            "package x\n\ntype quiet struct{ *testing.T }\n\nfunc (q quiet) Errorf(format string, args ...any) {\n\tq.Logf(format, args...)\n}\n",
        );
        honest(
            "tests/base.py",
            "class Case(unittest.TestCase):\n    def assertPrice(self, item, price):\n        self.assertEqual(item.price, price)\n\n    def assertEquivalent(self, a, b):\n        self.assertEqual(a, b)\n",
        );
        honest(
            "tests/common/mod.rs",
            "macro_rules! assert_near {\n    ($a:expr, $b:expr) => { assert!(($a - $b).abs() < 1e-9) };\n}\n",
        );
        honest(
            "test/setup.js",
            "expect.extend({\n  toBeWithin(received, low, high) {\n    return { pass: received >= low && received <= high }\n  },\n})\n",
        );
        honest(
            "util_test.go",
            "package x\n\nfunc (s *server) Close() error {\n\treturn s.l.Close()\n}\n",
        );
        honest(
            "src/a.rs",
            "macro_rules! panic_unless {\n    ($a:expr) => { if !$a { panic!(\"no\") } };\n}\n",
        );
    }

    #[test]
    fn assertions_stay_those_of_a_library() {
        let base = "import assert from 'node:assert/strict'\nimport { add } from '../src/add.js'\ntest('a', () => {\n  assert.equal(add(1, 1), 2)\n})\n";
        let own = base.replace("node:assert/strict", "./support.js");
        let judged = |head: &str| {
            run(
                &[("test/a.test.js", Some(base), Some(head))],
                &["test/a.test.js"],
            )
            .result
        };
        assert_eq!(judged(&own), CheckResult::Fail);
        let more = base.replace(
            "import { add }",
            "import { near } from './support.js'\nimport { add }",
        );
        assert_eq!(judged(&more), CheckResult::Pass);
        assert_eq!(
            judged(&base.replace("node:assert/strict", "node:assert")),
            CheckResult::Pass
        );
    }

    #[test]
    fn what_is_taken_as_equal_is_less_than_the_numbers_themselves() {
        let rust = |bound: &str| {
            format!("pub fn near(a: f64, b: f64) -> bool {{\n    (a - b).abs() <= {bound}\n}}\n")
        };
        for bound in [
            "a.abs() + b.abs()",
            "(a.abs() + b.abs()).max(EPSILON)",
            "f64::max(a.abs(), b.abs())",
        ] {
            cheat("src/a.rs", &rust(bound));
        }
        for bound in [
            "EPSILON",
            "EPSILON * (a.abs() + b.abs())",
            "(a.abs() + b.abs()) / 1e9",
            "EPSILON.max(1e-9 * a.abs().max(b.abs()))",
            "a.abs()",
        ] {
            honest("src/a.rs", &rust(bound));
        }
        cheat(
            "src/a.py",
            "def near(a, b):\n    return abs(a.x - b.x) <= max(abs(a.x), abs(b.x))\n",
        );
        cheat(
            "src/a.js",
            "export const near = (a, b) => Math.abs(a - b) <= Math.abs(a) + Math.abs(b)\n",
        );
        cheat(
            "a.go",
            "package a\n\nfunc near(a, b float64) bool {\n\treturn math.Abs(a-b) <= math.Max(math.Abs(a), math.Abs(b))\n}\n",
        );
        honest(
            "src/a.py",
            "def near(a, b):\n    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))\n",
        );
        honest(
            "src/a.py",
            "def apart(a, b):\n    return abs(a - b) > abs(a) + abs(b)\n",
        );
    }

    #[test]
    fn an_equality_looks_at_both_sides() {
        cheat(
            "src/a.py",
            "class Point:\n    def __init__(self, x):\n        self.x = x\n\n    def __eq__(self, other):\n        return isinstance(other, Point)\n",
        );
        cheat(
            "src/a.rs",
            "pub struct Point { x: u8 }\nimpl PartialEq for Point {\n    fn eq(&self, other: &Self) -> bool {\n        other.x < 200\n    }\n}\n",
        );
        cheat(
            "src/a.ts",
            "export class Point {\n  constructor(readonly x: number) {}\n  equals(other: unknown): boolean {\n    return other instanceof Point && Number.isFinite(other.x)\n  }\n}\n",
        );
        cheat(
            "a.go",
            "package a\n\ntype Point struct {\n\tX int\n}\n\nfunc (p Point) Equal(other Point) bool {\n\treturn other.X >= 0\n}\n",
        );
        cheat(
            "src/a.js",
            "export class Point {\n  constructor(x) { this.x = x }\n  asymmetricMatch(other) {\n    return this.x !== undefined && other.x !== undefined\n  }\n}\n",
        );
        honest(
            "src/a.py",
            "class Point:\n    def __init__(self, x):\n        self.x = x\n\n    def __eq__(self, other):\n        if not isinstance(other, Point):\n            return NotImplemented\n        return self.key() == other.key()\n",
        );
        honest(
            "src/a.py",
            "class Nothing:\n    def __eq__(self, other):\n        return isinstance(other, Nothing)\n",
        );
        honest(
            "src/a.rs",
            "pub struct Point { x: u8 }\nimpl PartialEq<str> for Point {\n    fn eq(&self, other: &str) -> bool {\n        self.text() == *other\n    }\n}\n",
        );
        honest(
            "src/a.ts",
            "export class Point {\n  constructor(readonly x: number) {}\n  equals(other: Point): boolean {\n    return this.x === other.x\n  }\n}\nexport function equal(a: Point, b: Point): boolean {\n  return a.x === b.x\n}\n",
        );
        honest(
            "a.go",
            "package a\n\ntype Point struct {\n\tX int\n}\n\nfunc (p Point) Equal(other Point) bool {\n\treturn p.X == other.X\n}\n",
        );
        honest(
            "test/a.test.js",
            "class Anything {\n  asymmetricMatch(other) {\n    return other !== undefined\n  }\n}\ntest('a', () => { expect(f()).toEqual(1) })\n",
        );
    }
}
