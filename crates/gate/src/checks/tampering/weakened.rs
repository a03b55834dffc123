//! Tests that a task may change and that compare less than they did: leave to change what a test expects is no leave to expect
//! nothing. Held against each other are the assertions of a test that stands on both sides, by their sort and by what they
//! expect.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::copied;
use crate::change::{Change, ChangedFile};
use crate::notice;
use crate::source::{self, Lang, Source};
use crate::testfns;

/// What a test compares: how often with a value, and with which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Force {
    compares: usize,
    /// Literals, each as often as it stands there.
    values: Vec<String>,
}

impl Force {
    fn add(&mut self, other: Force) {
        self.compares += other.compares;
        self.values.extend(other.values);
    }

    /// What of the other's values is not here.
    fn lacks(&self, other: &Force) -> Vec<String> {
        let mut left = self.values.clone();
        let missing = |value: &&String| match left.iter().position(|one| one == *value) {
            Some(at) => {
                left.swap_remove(at);
                false
            }
            None => true,
        };
        other.values.iter().filter(missing).cloned().collect()
    }
}

/// More tests of one change are not held against each other.
const TESTS_MAX: usize = 5_000;

pub(super) fn found(change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let open = |file: &ChangedFile| {
        rules.changes_tests.names(file.base_path()) || super::may_change(file, rules)
    };
    if !change.files.iter().any(open) {
        return Vec::new();
    }
    let mut now: BTreeMap<String, Force> = BTreeMap::new();
    for file in &change.files {
        let Some((text, source)) = file.head.text().zip(file.head_source()) else {
            continue;
        };
        for (name, force) in forces(&source, text, file.lang()) {
            now.entry(name).or_default().add(force);
        }
    }
    let mut before: Vec<(&ChangedFile, String, Force)> = Vec::new();
    for file in &change.files {
        let open = !file.is_new() && open(file);
        let Some((text, source)) = file.base.text().zip(file.base_source()).filter(|_| open) else {
            continue;
        };
        let found = forces(&source, text, source::lang(file.base_path()));
        before.extend(found.into_iter().map(|(name, force)| (file, name, force)));
    }
    if before.len() > TESTS_MAX {
        return vec![format!(
            "more than {TESTS_MAX} tests stand in files that the change touches: they cannot be held against what they were"
        )];
    }
    let compares =
        |all: &mut dyn Iterator<Item = &Force>| all.map(|force| force.compares).sum::<usize>();
    let gained =
        compares(&mut now.values()) >= compares(&mut before.iter().map(|(_, _, force)| force));
    let was: BTreeMap<&str, usize> = { before.iter() }
        .map(|(_, name, force)| (name.as_str(), force.compares))
        .collect();
    // Where a part of a test could have gone: others that are new, or compare more.
    let mut others = Force::default();
    for (name, force) in &now {
        if was
            .get(name.as_str())
            .is_none_or(|was| force.compares > *was)
        {
            others.add(force.clone());
        }
    }
    let weaker = before.iter().filter(|(_, name, was)| {
        now.get(name).is_some_and(|now| {
            is_weaker(
                was,
                now,
                &others,
                gained,
                rules.was_red(notice::leaf(bare(name))),
            )
        })
    });
    weaker
        .map(|(file, name, was)| {
            format!(
                "{}: the test {name} compared {} times with a value and expects less now; change what it expects, and keep comparing",
                file.base_path(),
                was.compares
            )
        })
        .collect()
}

/// A test's name as a runner writes it.
pub(super) fn bare(name: &str) -> &str {
    name.trim_matches(['\'', '"', '`'])
}

/// Half of the comparisons gone, with what they expected; one is enough in a test that was to be made green. A test that made
/// one may say the same in another way. What others of the change's tests compare instead makes up for it.
fn is_weaker(was: &Force, now: &Force, others: &Force, gained: bool, red: bool) -> bool {
    let lost = was.compares.saturating_sub(now.compares);
    let gone = now.lacks(was);
    if lost == 0 || gone.is_empty() || was.compares < 2 {
        return false;
    }
    if !red {
        return !gained && now.compares * 2 < was.compares;
    }
    let nowhere = others.lacks(&Force {
        compares: 0,
        values: gone.clone(),
    });
    nowhere.len() * 2 > gone.len()
}

fn forces(source: &Source, text: &str, lang: Lang) -> Vec<(String, Force)> {
    let tests = testfns::find(text, lang).into_iter();
    let of = |tests: Vec<testfns::TestFn>| {
        let mut all = Force::default();
        for test in tests {
            all.add(force(source, lang, test.lines));
        }
        all
    };
    tests.map(|(name, tests)| (name, of(tests))).collect()
}

fn force(source: &Source, lang: Lang, lines: std::ops::Range<usize>) -> Force {
    let Some(compares) = compares(lang) else {
        return Force::default();
    };
    let mut force = Force::default();
    for at in lines.filter(|at| *at < source.code.len()) {
        let text = source.uncommented(at);
        let seen = compares
            .find_iter(&text)
            .filter(|seen| lang != Lang::Go || !NO_ERROR.is_match(seen.as_str()));
        force.compares += seen.count();
        // What a test says when it fails is no expectation.
        if TELLS.is_match(&text) {
            continue;
        }
        force.values.extend(copied::strings(&text));
        force.values.extend(copied::numbers(&source.code[at]));
    }
    force
}

/// What compares with a value in this language.
pub(super) fn compares(lang: Lang) -> Option<&'static Regex> {
    match lang {
        Lang::Rust => Some(&COMPARES[0]),
        Lang::Python => Some(&COMPARES[1]),
        Lang::JavaScript => Some(&COMPARES[2]),
        Lang::Go => Some(&COMPARES[3]),
        Lang::CLike | Lang::Hash | Lang::Plain => None,
    }
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static TELLS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*\w+\.(?:Error|Errorf|Fatal|Fatalf|Log|Logf|Skip|Skipf|Run)\("));
/// That an error is nil is asked everywhere, and compares nothing with what a test expects.
static NO_ERROR: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^if\b[^=!]*\b\w*[eE]rr\w*\s*[!=]=\s*nil\b"));

/// Comparisons with a value, and helpers of the project that assert; not that something is there, true or of a type.
static COMPARES: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        fixed(
            r"\bassert_(?:eq|ne|matches|snapshot|debug_snapshot|json_snapshot|yaml_snapshot)!|\bassert!\s*\(\s*matches!|\bassert!\s*\([^;]*?[^=!<>]==[^=]|\bshould_panic\s*\(\s*expected|\b(?:check|expect|verify)\w*\s*\(",
        ),
        fixed(
            r"^\s*assert\b.*?(?:[^=!<>]==[^=]|\bis\s+(?:None|True|False|[A-Z]\w*)\b)|\bself\.assert(?:Equals?|AlmostEquals?|(?:Dict|List|Tuple|Set|Sequence|MultiLine|Count)Equal|Is|Regex|RaisesRegex|WarnsRegex|[A-Z][a-z]+(?:s|[A-Z]\w*)?Matches\w*)\s*\(|\braises\s*\(.*\bmatch\s*=|\bassert_(?:called_(?:once_)?with|has_calls|any_call|array_\w+|allclose|frame_equal|series_equal)\s*\(|^\s*(?:self\.)?(?:check|verify|expect)\w*\s*\(",
        ),
        fixed(
            r"\.\s*(?:toBe|toEqual|toStrictEqual|toMatchObject|toBeCloseTo|toHaveLength|toContainEqual|toMatch|toMatch(?:Inline|File)?Snapshot|toHaveBeenCalledWith|toHaveBeenCalledTimes|toHaveBeenNthCalledWith)\s*\(|\.toThrow(?:Error)?\s*\(\s*[^)\s]|\b(?:assert|t)\.(?:equal|equals|is|same|strictEqual|deepEqual|deepStrictEqual|partialDeepStrictEqual|match|looseEqual)\s*\(|\bassert\.(?:throws|rejects)\s*\(.*\},?\s*\)|\.to\.(?:be\.)?(?:deep\.)?(?:eq|eql|equal|equals|throw)\s*\(\s*[^)\s]|\b(?:check|verify)\w*\s*\(",
        ),
        fixed(
            r"\b(?:if|case)\b[^{]*(?:[!=]=|DeepEqual|\.Equal\(|\bEqual\w*\(|cmp\.Diff)|\b(?:assert|require|is|qt|must)\.(?:Equal\w*|Exactly|JSONEq|YAMLEq|ElementsMatch|ErrorIs|ErrorContains|Same|InDelta|Regexp)\s*\(|\b\w+\(\s*t\s*,",
        ),
    ]
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alai_core::qa::CheckResult;
    use alai_core::record::Exit;
    use alai_workspace::command::Cancel;

    use super::super::super::testing::{Task, globs};
    use crate::census::{Census, TestStatus};
    use crate::change::Change;

    /// A test that the task may change; those that are named were red.
    fn judged(path: &str, base: &str, head: &str, red: &[&str]) -> CheckResult {
        let ids: BTreeMap<String, TestStatus> = red
            .iter()
            .map(|id| ((*id).to_owned(), TestStatus::Failed))
            .collect();
        let census = Census {
            ids,
            known: true,
            tally: None,
            runners: Vec::new(),
            note: String::new(),
            read: Vec::new(),
            exit: Exit::Code { code: 1 },
        };
        let task = Task {
            changes_tests: globs(&[path]),
            base_census: Some(census),
            ..Task::build()
        };
        let change = Change::of(&[(path, Some(base), Some(head))]);
        super::super::check(&change, &task.rules(), &Cancel::new())
            .expect("judged")
            .result
    }

    const RS: &str = "#[test]\nfn reads() {\n    assert_eq!(read(\"a=1\"), Ok(1));\n    assert_eq!(read(\"a=22\"), Ok(22));\n    assert_eq!(read(\"a\"), Err(Missing));\n}\n";
    const PY: &str = "def test_reads():\n    assert read('a=1') == 1\n    assert read('a=22') == 22\n    with pytest.raises(ValueError, match='no value'):\n        read('a')\n";
    const JS: &str = "test('reads', () => {\n  expect(read('a=1')).toBe(1)\n  expect(read('a=22')).toBe(22)\n  expect(() => read('a')).toThrow('no value')\n})\n";
    const GO: &str = "package a\n\nfunc TestReads(t *testing.T) {\n\tif got := Read(\"a=1\"); got != 1 {\n\t\tt.Errorf(\"got %d\", got)\n\t}\n\tif got := Read(\"a=22\"); got != 22 {\n\t\tt.Errorf(\"got %d\", got)\n\t}\n}\n";

    #[test]
    fn what_was_compared_is_not_only_asked_to_be_there() {
        let rs = RS.replace(
            "assert_eq!(read(\"a=1\"), Ok(1))",
            "assert!(read(\"a=1\").is_ok())",
        );
        let rs = rs.replace(
            "assert_eq!(read(\"a=22\"), Ok(22))",
            "assert!(read(\"a=22\").is_ok())",
        );
        assert_eq!(judged("tests/a.rs", RS, &rs, &[]), CheckResult::Fail);
        let py = PY
            .replace(" == 1\n", "\n")
            .replace(" == 22", " is not None or True");
        let py = py.replace(", match='no value'", "");
        assert_eq!(judged("tests/test_a.py", PY, &py, &[]), CheckResult::Fail);
        let js = JS
            .replace("toBe(1)", "toBeDefined()")
            .replace("toBe(22)", "toBeTruthy()");
        let js = js.replace("toThrow('no value')", "toThrow()");
        assert_eq!(judged("a.test.js", JS, &js, &[]), CheckResult::Fail);
        let go = GO
            .replace("got != 1 {", "got < 0 {")
            .replace("got != 22 {", "got < 0 {");
        assert_eq!(judged("a_test.go", GO, &go, &[]), CheckResult::Fail);
    }

    #[test]
    fn a_red_test_keeps_every_comparison() {
        let rs = RS.replace("    assert_eq!(read(\"a=22\"), Ok(22));\n", "");
        assert_eq!(judged("tests/a.rs", RS, &rs, &["reads"]), CheckResult::Fail);
        assert_eq!(
            judged("tests/a.rs", RS, &rs, &[]),
            CheckResult::Pass,
            "one of three, and it was green"
        );
        let py = PY.replace(", match='no value'", "");
        assert_eq!(
            judged("tests/test_a.py", PY, &py, &["tests/test_a.py::test_reads"]),
            CheckResult::Fail
        );
        let js = JS.replace("toThrow('no value')", "toThrow()");
        assert_eq!(judged("a.test.js", JS, &js, &["reads"]), CheckResult::Fail);
        let go = GO.replace(
            "\tif got := Read(\"a=22\"); got != 22 {\n\t\tt.Errorf(\"got %d\", got)\n\t}\n",
            "",
        );
        assert_eq!(
            judged("a_test.go", GO, &go, &["TestReads"]),
            CheckResult::Fail
        );
    }

    #[test]
    fn expectations_may_move() {
        for (path, base, red, head) in [
            (
                "tests/a.rs",
                RS,
                "reads",
                RS.replace("Ok(22)", "Ok(23)").replace("read(", "parse("),
            ),
            (
                "tests/test_a.py",
                PY,
                "test_reads",
                PY.replace("== 22", "== 23").replace("read(", "parse("),
            ),
            (
                "a.test.js",
                JS,
                "reads",
                JS.replace("toBe(22)", "toEqual(23)")
                    .replace("read(", "parse("),
            ),
            (
                "a_test.go",
                GO,
                "TestReads",
                GO.replace("!= 22", "!= 23").replace("Read(", "Parse("),
            ),
        ] {
            assert_eq!(
                judged(path, base, &head, &[red]),
                CheckResult::Pass,
                "{path}"
            );
            assert_eq!(judged(path, base, &head, &[]), CheckResult::Pass, "{path}");
        }
    }

    #[test]
    fn a_test_may_become_a_table_or_two() {
        let table = "@pytest.mark.parametrize('text,want', [('a=1', 1), ('a=22', 22), ('b=3', 3)])\ndef test_reads(text, want):\n    assert read(text) == want\n\n\ndef test_refuses():\n    with pytest.raises(ValueError, match='no value'):\n        read('a')\n";
        assert_eq!(
            judged("tests/test_a.py", PY, table, &["test_reads"]),
            CheckResult::Pass
        );
        let split = RS.replace(
            "    assert_eq!(read(\"a=22\")",
            "}\n\n#[test]\nfn more() {\n    assert_eq!(read(\"a=22\")",
        );
        assert_eq!(
            judged("tests/a.rs", RS, &split, &["reads"]),
            CheckResult::Pass
        );
        let table = "package a\n\nfunc TestReads(t *testing.T) {\n\tfor text, want := range map[string]int{\"a=1\": 1, \"a=22\": 22} {\n\t\tif got := Read(text); got != want {\n\t\t\tt.Errorf(\"%q: got %d\", text, got)\n\t\t}\n\t}\n}\n";
        assert_eq!(
            judged("a_test.go", GO, table, &["TestReads"]),
            CheckResult::Pass
        );
        let each = "test.each([['a=1', 1], ['a=22', 22]])('reads %s', (text, want) => {\n  expect(read(text)).toBe(want)\n})\n\ntest('refuses', () => {\n  expect(() => read('a')).toThrow('no value')\n})\n";
        assert_eq!(judged("a.test.js", JS, each, &["reads"]), CheckResult::Pass);
    }
}
