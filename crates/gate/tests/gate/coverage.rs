//! Check 6 with real runners: what the tests ran of a change, and what they did not.

use alai_core::qa::{Check, CheckResult};

use super::world::{Task, World};

/// One project: what is there, what a change writes, the command, and the lines of the change that its tests leave out.
struct Case {
    base: &'static [(&'static str, &'static str)],
    change: &'static [(&'static str, &'static str)],
    test: &'static str,
    idle: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        base: &[
            (
                "Cargo.toml",
                "[package]\nname = \"calc\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
            (
                "Cargo.lock",
                "version = 4\n\n[[package]]\nname = \"calc\"\nversion = \"0.1.0\"\n",
            ),
            ("src/lib.rs", "pub struct Point {\n    pub x: i32,\n}\n"),
        ],
        change: &[
            (
                "src/lib.rs",
                "#![forbid(unsafe_code)]\n#![deny(warnings)]\npub struct Point {\n    pub x: i32,\n}\n\npub const fn one() -> i32 {\n    1\n}\n\npub fn far(p: &Point) -> &'static str {\n    let Point { x } = p;\n    match *x {\n        i32::MIN..=-1 => {\n            let text = \"left\";\n            text\n        }\n        _ if *x > 100 => {\n            let text = \"far\";\n            text\n        }\n        _ => \"near\",\n    }\n}\n",
            ),
            (
                "tests/far.rs",
                "use calc::{far, Point};\n\n#[test]\nfn near_and_left() {\n    assert_eq!(far(&Point { x: calc::one() }), \"near\");\n    assert_eq!(far(&Point { x: -1 }), \"left\");\n}\n",
            ),
        ],
        test: "cargo test",
        idle: "src/lib.rs:19-20",
    },
    Case {
        base: &[("calc.py", "A = 1\n"), ("README.md", "# Calc\n")],
        change: &[
            (
                "calc.py",
                "from __future__ import annotations\n\nA = 1\n\n\ndef far(x: int) -> str:\n    \"\"\"Says how far it is.\n\n    Left is far, too.\n    \"\"\"\n    if x < 0:\n        return \"left\"\n    if x > 100:\n        text = [\n            \"far\",\n        ]\n        return text[0]\n    return \"near\"\n",
            ),
            (
                "test_calc.py",
                "import unittest\nfrom calc import far\n\n\nclass Far(unittest.TestCase):\n    def test_near(self):\n        self.assertEqual(far(1), \"near\")\n        self.assertEqual(far(-1), \"left\")\n",
            ),
        ],
        test: "python3 -m unittest -v",
        idle: "calc.py:14-17",
    },
    Case {
        base: &[
            (
                "package.json",
                "{\"name\": \"calc\", \"version\": \"1.0.0\", \"type\": \"module\"}\n",
            ),
            ("calc.js", "export const a = 1;\n"),
        ],
        change: &[
            (
                "calc.js",
                "export const a = 1;\n\nexport function far(x) {\n  const places = { left: 'left', near: 'near' };\n  if (x < 0) {\n    return places.left;\n  }\n  if (x > 100) {\n    const text = 'far';\n    return text;\n  }\n  return places.near;\n}\n",
            ),
            (
                "calc.test.js",
                "import test from 'node:test';\nimport assert from 'node:assert';\nimport { far } from './calc.js';\n\ntest('near and left', () => {\n  assert.equal(far(1), 'near');\n  assert.equal(far(-1), 'left');\n});\n",
            ),
        ],
        test: "node --test",
        idle: "calc.js:9-10",
    },
    Case {
        base: &[
            ("go.mod", "module example.com/calc\n\ngo 1.19\n"),
            ("far/a.go", "package far\n"),
        ],
        change: &[
            (
                "far/far.go",
                "// Package far measures.\npackage far\n\n// Far says how far it is.\nfunc Far(x int) string {\n\tif x < 0 {\n\t\treturn \"left\"\n\t}\n\tif x > 100 {\n\t\ttext := \"far\"\n\t\treturn text\n\t}\n\treturn \"near\"\n}\n",
            ),
            (
                "far/far_test.go",
                "package far\n\nimport \"testing\"\n\nfunc TestFar(t *testing.T) {\n\tif Far(1) != \"near\" || Far(-1) != \"left\" {\n\t\tt.Fatal(\"it is not\")\n\t}\n}\n",
            ),
        ],
        test: "go test ./...",
        idle: "far/far.go:10-11",
    },
    // Marks between statements do not build in the block of a constant, and those of functions do.
    Case {
        base: &[
            (
                "Cargo.toml",
                "[package]\nname = \"calc\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
            (
                "Cargo.lock",
                "version = 4\n\n[[package]]\nname = \"calc\"\nversion = \"0.1.0\"\n",
            ),
            ("src/lib.rs", "\n"),
        ],
        change: &[
            (
                "src/lib.rs",
                "pub fn used(x: u8) -> u8 {\n    let two = const { if true { 1 + 1 } else { 0 } };\n    if x > 1 { 1 } else { two }\n}\n\npub fn idle() -> u8 {\n    let one = 1;\n    one\n}\n",
            ),
            (
                "tests/used.rs",
                "#[test]\nfn two() {\n    assert_eq!(calc::used(1), 2);\n    assert_eq!(calc::used(2), 1);\n}\n",
            ),
        ],
        test: "cargo test",
        idle: "src/lib.rs:7-8",
    },
];

#[test]
fn lines_that_no_test_runs_are_named() {
    for case in &CASES {
        let world = World::new(case.base);
        let base = world.tip();
        world.commit(case.change, &[], "Far");
        let judged = world.measure(&base, &Task::with(case.test));
        let found = judged.one(Check::ChangedLineCoverage);
        assert_eq!(
            found.result,
            CheckResult::Fail,
            "{}\n{}",
            case.test,
            judged.table()
        );
        let named = format!("not {}; at least 80 %", case.idle);
        assert!(
            found.detail.contains(&named),
            "{}: {}",
            case.test,
            found.detail
        );
    }
}

#[test]
fn a_change_whose_lines_all_run_passes_and_says_how_many() {
    let world = World::new(&[("calc.py", "A = 1\n"), ("README.md", "# Calc\n")]);
    let base = world.tip();
    world.commit(
        &[
            ("calc.py", "A = 1\n\n\ndef twice(x):\n    if x:\n        return 2 * x\n    return 0\n"),
            (
                "test_calc.py",
                "import unittest\nfrom calc import twice\n\n\nclass Twice(unittest.TestCase):\n    def test_twice(self):\n        self.assertEqual(twice(2), 4)\n        self.assertEqual(twice(0), 0)\n",
            ),
        ],
        &[],
        "Twice",
    );
    let judged = world.measure(&base, &Task::with("python3 -m unittest -v"));
    judged.expect_pass();
    let found = judged.one(Check::ChangedLineCoverage);
    assert_eq!(
        (found.result, found.detail.as_str()),
        (
            CheckResult::Pass,
            "the tests run 3 of the 3 changed lines that can run"
        )
    );
}

#[test]
fn what_cannot_be_followed_is_said_and_is_no_pass() {
    let test = "import unittest, calc\n\n\nclass Twice(unittest.TestCase):\n    def test_twice(self):\n        text = open(\"calc.py\").read()\n        self.assertEqual(calc.twice(2), 4)\n        self.assertEqual(len(text.splitlines()), 2)\n";
    let world = World::new(&[("calc.py", "\n"), ("README.md", "# Calc\n")]);
    let base = world.tip();
    world.commit(
        &[
            ("calc.py", "def twice(x):\n    return 2 * x\n"),
            ("test_calc.py", test),
        ],
        &[],
        "Twice",
    );
    let judged = world.measure(&base, &Task::with("python3 -m unittest -v"));
    let found = judged.one(Check::ChangedLineCoverage);
    assert_eq!(found.result, CheckResult::Fail, "{}", judged.table());
    assert!(
        found.detail.contains("could not be followed"),
        "{}",
        found.detail
    );
    // One check that fails, and is not mandatory, leaves the change where it was.
    judged.expect_pass();
}

/// Whoever could write what each process loads first would be the marks of every process after it.
#[test]
fn no_test_writes_what_a_process_of_node_loads_first() {
    let world = World::new(&[
        (
            "package.json",
            "{\"name\": \"calc\", \"version\": \"1.0.0\", \"type\": \"module\"}\n",
        ),
        ("calc.js", "export const a = 1;\n"),
    ]);
    let base = world.tip();
    let test = "import test from 'node:test';\nimport assert from 'node:assert';\nimport fs from 'node:fs';\nimport { twice } from './calc.js';\n\n\
                test('twice', () => {\n  assert.equal(twice(2), 4);\n});\n\n\
                test('what is loaded first stands', () => {\n  const loaded = (process.env.NODE_OPTIONS ?? '').matchAll(/--require=(\\S+)/g);\n  \
                for (const [, path] of loaded) {\n    assert.throws(() => fs.appendFileSync(path, ''), path);\n    \
                assert.throws(() => fs.renameSync(path, path + '.old'), path);\n  }\n});\n";
    world.commit(
        &[
            (
                "calc.js",
                "export const a = 1;\n\nexport function twice(x) {\n  return 2 * x;\n}\n",
            ),
            ("calc.test.js", test),
        ],
        &[],
        "Twice",
    );
    let judged = world.measure(&base, &Task::with("node --test"));
    let found = judged.one(Check::ChangedLineCoverage);
    assert_eq!(
        (found.result, found.detail.as_str()),
        (
            CheckResult::Pass,
            "the tests run 1 of the 1 changed lines that can run"
        ),
        "{}",
        judged.table()
    );
}
