//! Honest changes pass, in every stack, with enough checks applying.

use alai_core::qa::{Check, CheckResult};

use super::world::{Task, World};

/// A project whose tests are a shell script that names nothing.
pub(crate) const SHELL: [(&str, &str); 3] = [
    ("add.sh", "#!/bin/sh\necho $(($1 + $2))\n"),
    (
        "test.sh",
        "#!/bin/sh\nset -e\ntest \"$(sh add.sh 1 1)\" = 2\ntest \"$(sh add.sh 2 3)\" = 5\n",
    ),
    ("README.md", "# Adds\n"),
];

#[test]
fn a_shell_project_with_a_silent_runner() {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(
        &[
            ("sub.sh", "#!/bin/sh\necho $(($1 - $2))\n"),
            ("README.md", "# Adds and subtracts\n"),
        ],
        &[],
        "Subtract",
    );
    let task = Task {
        checks: vec!["test \"$(sh sub.sh 5 3)\" = 2".into()],
        ..Task::with("sh test.sh")
    };
    let judged = world.measure(&base, &task);
    judged.expect_pass();
    assert_eq!(judged.result(Check::AcceptanceChecks), CheckResult::Pass);
    assert!(
        judged
            .one(Check::CensusNotReduced)
            .detail
            .contains("test files"),
        "{}",
        judged.table()
    );
    assert!(
        judged
            .measured
            .commands
            .iter()
            .all(|c| !c.record.cage.is_empty()),
        "each command tells its cage"
    );
}

#[test]
fn a_change_without_checks_of_its_own_still_has_twelve() {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(
        &[("add.sh", "#!/bin/sh\necho \"$(($1 + $2))\"\n")],
        &[],
        "Quote",
    );
    world
        .measure(&base, &Task::with("sh test.sh"))
        .expect_pass();
}

const CARGO: &str = "[package]\nname = \"calc\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
pub(crate) const RUST: &str = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn adds() {\n        assert_eq!(add(1, 1), 2);\n    }\n}\n";

#[test]
fn a_rust_project_with_unit_tests() {
    let world = World::new(&[
        ("Cargo.toml", CARGO),
        ("src/lib.rs", RUST),
        (".gitignore", "target\nCargo.lock\n"),
    ]);
    let base = world.tip();
    let more = RUST
        .replace("#[cfg(test)]", "pub fn sub(a: i32, b: i32) -> i32 {\n    a - b\n}\n\n#[cfg(test)]")
        .replace("    #[test]\n", "    #[test]\n    fn subtracts() {\n        assert_eq!(sub(3, 1), 2);\n    }\n\n    #[test]\n");
    world.commit(&[("src/lib.rs", &more)], &[], "Subtract");
    let judged = world.measure(&base, &Task::with("cargo test --offline"));
    judged.expect_pass();
    assert_eq!(
        judged.measured.summary.new_tests,
        ["calc src/lib.rs::tests::subtracts"]
    );
    assert_eq!(
        judged.result(Check::NewTestsFailOnBase),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
    assert_eq!(
        judged.result(Check::LintFormatTypes),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

#[test]
fn a_vacuous_new_test_is_found() {
    let world = World::new(&[
        ("Cargo.toml", CARGO),
        ("src/lib.rs", RUST),
        (".gitignore", "target\nCargo.lock\n"),
    ]);
    let base = world.tip();
    let more = RUST.replace(
        "    #[test]\n",
        "    #[test]\n    fn again() {\n        assert_eq!(add(2, 1), 3);\n    }\n\n    #[test]\n",
    );
    world.commit(&[("src/lib.rs", &more)], &[], "Test");
    let judged = world.measure(&base, &Task::with("cargo test --offline"));
    assert_eq!(
        judged.result(Check::NewTestsFailOnBase),
        CheckResult::Fail,
        "{}",
        judged.table()
    );
}

pub(crate) const PYTHON: [(&str, &str); 2] = [
    ("calc.py", "def add(a, b):\n    return a + b\n"),
    (
        "test_calc.py",
        "import unittest\nimport calc\n\n\nclass Calc(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(calc.add(1, 1), 2)\n\n    def test_zero(self):\n        self.assertEqual(calc.add(0, 0), 0)\n",
    ),
];
pub(crate) const PYTHON_TEST: &str = "python3 -m unittest -v";

#[test]
fn a_python_project_with_a_red_test_on_its_base_needs_python() {
    let world = World::new(&PYTHON);
    world.commit(
        &[("test_red.py", "import unittest\nimport calc\n\n\nclass Red(unittest.TestCase):\n    def test_red(self):\n        self.assertEqual(calc.sub(3, 1), 2)\n")],
        &[],
        "Wish",
    );
    let base = world.tip();
    let new = "import unittest\nimport calc\n\n\nclass Sub(unittest.TestCase):\n    def test_sub(self):\n        self.assertEqual(calc.sub(1, 1), 0)\n";
    world.commit(
        &[
            (
                "calc.py",
                "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n",
            ),
            ("test_sub.py", new),
        ],
        &[],
        "Subtract",
    );
    let judged = world.measure(&base, &Task::with(PYTHON_TEST));
    judged.expect_pass();
    assert_eq!(judged.base.red(), ["test_red.Red.test_red"]);
    assert_eq!(
        judged.measured.summary.fixed_tests,
        ["test_red.Red.test_red"]
    );
    assert_eq!(
        judged.result(Check::NewTestsFailOnBase),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

#[test]
fn a_node_project_needs_node() {
    let test = "const test = require('node:test');\nconst assert = require('node:assert');\nconst { add } = require('./calc.js');\n\ntest('adds', () => {\n  assert.equal(add(1, 1), 2);\n});\n";
    let world = World::new(&[
        ("calc.js", "exports.add = (a, b) => a + b;\n"),
        ("calc.test.js", test),
    ]);
    let base = world.tip();
    let more = format!(
        "{test}\ntest('subtracts', () => {{\n  const {{ sub }} = require('./calc.js');\n  assert.equal(sub(3, 1), 2);\n}});\n"
    );
    world.commit(
        &[
            (
                "calc.js",
                "exports.add = (a, b) => a + b;\nexports.sub = (a, b) => a - b;\n",
            ),
            ("calc.test.js", &more),
        ],
        &[],
        "Subtract",
    );
    let judged = world.measure(&base, &Task::with("node --test"));
    judged.expect_pass();
    assert_eq!(judged.measured.summary.new_tests, ["subtracts"]);
    assert_eq!(
        judged.result(Check::NewTestsFailOnBase),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

#[test]
fn a_go_project_needs_go() {
    let test = "package calc\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 1) != 2 {\n\t\tt.Fatal(\"wrong\")\n\t}\n}\n";
    let code = "package calc\n\nfunc Add(a, b int) int { return a + b }\n";
    let world = World::new(&[
        ("go.mod", "module example.com/calc\n\ngo 1.19\n"),
        ("calc.go", code),
        ("calc_test.go", test),
    ]);
    let base = world.tip();
    let more = "package calc\n\nimport \"testing\"\n\nfunc TestSub(t *testing.T) {\n\tif Sub(3, 1) != 2 {\n\t\tt.Fatal(\"wrong\")\n\t}\n}\n";
    world.commit(
        &[
            (
                "calc.go",
                &format!("{code}\nfunc Sub(a, b int) int {{ return a - b }}\n"),
            ),
            ("sub_test.go", more),
        ],
        &[],
        "Subtract",
    );
    let judged = world.measure(&base, &Task::with("go test ./..."));
    judged.expect_pass();
    assert_eq!(
        judged.measured.summary.new_tests,
        ["example.com/calc::TestSub"]
    );
}

#[test]
fn a_test_that_the_task_changes_may_change_needs_python() {
    let world = World::new(&PYTHON);
    let base = world.tip();
    let doubled = PYTHON[1]
        .1
        .replace("calc.add(1, 1), 2", "calc.add(1, 1), 4")
        .replace("test_zero", "test_nothing");
    world.commit(
        &[
            ("calc.py", "def add(a, b):\n    return 2 * (a + b)\n"),
            ("test_calc.py", &doubled),
        ],
        &[],
        "Double",
    );
    world
        .measure(&base, &Task::with(PYTHON_TEST))
        .expect_fail(Check::BaseTestsPass);
    let task = Task {
        changes_tests: vec!["test_calc.py".into()],
        ..Task::with(PYTHON_TEST)
    };
    world.measure(&base, &task).expect_pass();
}

/// What a check rests on is what was run for it: the run without the changed configuration is check 9's own.
#[test]
fn the_run_without_a_changed_configuration_is_what_check_nine_rests_on_needs_python() {
    let world = World::new(&PYTHON);
    let base = world.tip();
    let fixture = "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n";
    world.commit(&[("conftest.py", fixture)], &[], "A fixture");
    let judged = world.measure(&base, &Task::with(PYTHON_TEST));
    let nine = judged.one(Check::GateConfigUntouched);
    assert!(
        nine.detail.contains("as the base has it"),
        "{}",
        judged.table()
    );
    let behind = |check: Check| {
        judged
            .measured
            .behind
            .get(&check)
            .cloned()
            .unwrap_or_default()
    };
    let own = behind(Check::GateConfigUntouched);
    assert_eq!(own.len(), 1, "{:?}", judged.measured.behind);
    for other in [
        Check::NewTestsFailOnBase,
        Check::MutantsKilled,
        Check::CensusNotReduced,
    ] {
        assert!(
            !behind(other).contains(&own[0]),
            "{other:?}: {:?}",
            judged.measured.behind
        );
    }
}

/// A test is added to the file that the test command runs, where the task names it.
#[test]
fn a_test_that_is_added_to_the_file_of_the_test_command() {
    let tap = "echo 'TAP version 13'\nn=0\nis() { n=$((n + 1)); if [ \"$2\" = \"$3\" ]; then echo \"ok $n - $1\"; else echo \"not ok $n - $1\"; bad=1; fi; }\n\
               is \"hello\" \"$(sh words.sh a)\" \"hello a\"\n";
    let end = "echo \"1..$n\"\nexit ${bad:-0}\n";
    let world = World::new(&[
        ("words.sh", "echo \"hello $1\"\n"),
        ("check.sh", &format!("{tap}{end}")),
    ]);
    let base = world.tip();
    let more = format!("{tap}is \"nobody\" \"$(sh words.sh)\" \"hello you\"\n{end}");
    let words = "echo \"hello ${1:-you}\"\n";
    world.commit(&[("words.sh", words), ("check.sh", &more)], &[], "Greet");
    let named = Task {
        changes_tests: vec!["check.sh".into()],
        ..Task::with("sh check.sh")
    };
    world.measure(&base, &named).expect_pass();
    world
        .measure(&base, &Task::with("sh check.sh"))
        .expect_fail(Check::GateConfigUntouched);
}

/// The root that a package inherits from need not be part of the change.
#[test]
fn a_licence_inherited_from_an_unchanged_root_is_read_there() {
    for (lent, person) in [("MIT", false), ("GPL-3.0-only", true)] {
        let root = format!("[workspace]\n[workspace.package]\nlicense = \"{lent}\"\n");
        let member = |licence: &str| format!("[package]\nname = \"a\"\n{licence}\n");
        let mut files = SHELL.to_vec();
        let (plain, inherits) = (
            member("license = \"MIT\""),
            member("license.workspace = true"),
        );
        files.extend([("Cargo.toml", root.as_str()), ("x/a/Cargo.toml", &plain)]);
        let world = World::new(&files);
        let base = world.tip();
        world.commit(&[("x/a/Cargo.toml", &inherits)], &[], "Inherit");
        let judged = world.measure(&base, &Task::with("sh test.sh"));
        let m = judged.one(Check::Dependencies);
        assert_eq!(m.is_unvetted(), person, "{lent}: {m:?}");
        assert_eq!(m.result == CheckResult::Pass, !person, "{lent}: {m:?}");
    }
}

#[test]
fn wrong_operators_in_changed_lines_are_told_and_fail_nothing_needs_python() {
    let world = World::new(&[
        ("ages.py", "def double(age):\n    return age * 2\n"),
        (
            "tests/test_ages.py",
            "import unittest\nfrom ages import double\n\nclass Ages(unittest.TestCase):\n    def test_double(self):\n        self.assertEqual(double(2), 4)\n",
        ),
        ("tests/__init__.py", ""),
    ]);
    let base = world.tip();
    let code = "def double(age):\n    return age * 2\n\ndef is_adult(age):\n    return age >= 18\n";
    let task = Task::with("python3 -m unittest -v");
    let with = |asserts: &str| {
        let tests = format!(
            "import unittest\nfrom ages import is_adult\n\nclass Adult(unittest.TestCase):\n    def test_adult(self):\n{asserts}"
        );
        world.commit(
            &[("ages.py", code), ("tests/test_adult.py", &tests)],
            &[],
            "Adults",
        );
        let judged = world.measure(&base, &task);
        judged.expect_pass();
        judged.one(Check::MutantsKilled).detail.clone()
    };
    let close = "        self.assertTrue(is_adult(18))\n        self.assertFalse(is_adult(17))\n";
    let detail = with(close);
    assert!(detail.contains("each of 1 wrong operator(s)"), "{detail}");
    let far = "        self.assertTrue(is_adult(30))\n        self.assertFalse(is_adult(3))\n";
    let detail = with(far);
    assert!(detail.contains("not ages.py:5 `>=` as `>`"), "{detail}");
}

#[test]
fn a_wrong_operator_without_an_end_is_broken_off_and_told_apart_needs_python() {
    let world = World::new(&[
        ("ages.py", "def double(age):\n    return age * 2\n"),
        (
            "tests/test_ages.py",
            "import unittest\nfrom ages import double\n\nclass Ages(unittest.TestCase):\n    def test_double(self):\n        self.assertEqual(double(2), 4)\n",
        ),
        ("tests/__init__.py", ""),
    ]);
    let base = world.tip();
    let code = "def double(age):\n    return age * 2\n\ndef next_age(age):\n    while age:\n        if age > 17:\n            return age\n        age += 1\n        done = True\n        while not done:\n            pass\n    return 18\n";
    let tests = "import unittest\nfrom ages import next_age\n\nclass Next(unittest.TestCase):\n    def test_next(self):\n        self.assertEqual(next_age(17), 18)\n        self.assertEqual(next_age(18), 18)\n";
    world.commit(
        &[("ages.py", code), ("tests/test_next.py", tests)],
        &[],
        "The next age",
    );
    let judged = world.measure(&base, &Task::with("python3 -m unittest -v"));
    judged.expect_pass();
    let detail = &judged.one(Check::MutantsKilled).detail;
    // Twenty seconds are what a run that takes less than four is given.
    let endless = "without an end: ages.py:9 `True` as `False` (timed out after 20 s)";
    assert!(detail.contains(endless), "{detail}");
}
