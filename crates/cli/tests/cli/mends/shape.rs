//! Changes of shape: the tests stay as they are, but for what a review asks for.

use serde_json::{Value, json};

use super::{Plays, left, project, script, seen, sh, walks};
use crate::script::{Script, pass, planned, write};
use crate::world::World;

const SUM: &str = "def add(a, b):\n    return a + b\n";
const TEST_SUM: &str = "import unittest\nfrom sums import add\n\n\nclass Add(unittest.TestCase):\n    def test_add(self):\n        \
    self.assertEqual(add(1, 2), 3)\n";
const TEST_MORE: &str = "import unittest\nfrom sums import add\n\n\nclass More(unittest.TestCase):\n    def test_more(self):\n        \
    self.assertEqual(add(2, 2), 4)\n";
const SHAPED: &str = "printf 'def add(left, right):\\n    return left + right\\n' >sums.py";
const STEPS: [&str; 7] = [
    "analyze",
    "understand",
    "plan",
    "build",
    "same",
    "test",
    "report",
];

fn world(script: &Script) -> World {
    let files = [
        ("sums.py", SUM),
        ("tests/__init__.py", ""),
        ("tests/test_sums.py", TEST_SUM),
    ];
    let test = "python3 -m unittest discover -v -s tests -t .";
    let settings = ["--test", test, "--setup", "", "--lint", ""];
    project(&files, &settings, script)
}

fn shaping(calls: &[Value]) -> Script {
    script().plays("understand", &[]).plays("build", calls)
}

#[test]
fn a_refactoring_leaves_the_same_tests_green() {
    let world = world(&shaping(&[sh(SHAPED)]));
    walks(&world, "minion-refactor").exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, STEPS);
    seen.saw("same", 0, true, "no test was touched");
    assert!(left(&world, "sums.py").contains("left + right"));
}

#[test]
fn a_refactoring_that_touches_a_test_is_sent_back_and_then_ended() {
    for (command, path) in [
        ("rm tests/test_sums.py", "tests/test_sums.py"),
        ("sed -i s/3/4/ tests/test_sums.py", "tests/test_sums.py"),
        ("echo '# more' >>tests/test_sums.py", "tests/test_sums.py"),
        ("echo >tests/test_more.py", "tests/test_more.py"),
        (
            "git mv tests/test_sums.py tests/test_all.py",
            "tests/test_sums.py",
        ),
    ] {
        let world = world(&shaping(&[sh(SHAPED), sh(command)]));
        walks(&world, "minion-refactor").exits(5);
        let seen = seen(&world, 1);
        seen.saw("same", 0, false, path);
        seen.saw("same", 1, false, "leaves the tests alone");
        assert!(!seen.steps.iter().any(|step| step == "test"), "{command}");
    }
}

#[test]
fn a_refactoring_that_loses_a_unit_test_beside_the_code_is_ended() {
    let code = "pub fn one() -> u8 { 1 }\n#[test]\nfn is_one() {}\n#[tokio::test]\nasync fn is_still() {}\n";
    let files = [("src/lib.rs", code), ("test.sh", "echo passed\n")];
    for cheat in [
        "pub fn one() -> u8 { 1 }\n#[test]\nfn is_one() {}\n",
        "pub fn one() -> u8 { 1 }\n#[test]\n#[ignore]\nfn is_one() {}\n#[tokio::test]\nasync fn is_still() {}\n",
    ] {
        let read = json!({"name": "read", "arguments": {"path": "src/lib.rs"}});
        let script = shaping(&[read, write("src/lib.rs", cheat)]);
        let world = project(&files, &["--test", "sh test.sh", "--lint", ""], &script);
        walks(&world, "minion-refactor").exits(5);
        seen(&world, 1).saw("same", 0, false, "Unit tests were added or taken away");
    }
}

/// What was red before is known by its name: the shape may change around it.
#[test]
fn a_refactoring_on_a_red_base_keeps_what_is_green() {
    let red = "import unittest\n\n\nclass Known(unittest.TestCase):\n    def test_known(self):\n        self.fail('known')\n";
    let world = world(&shaping(&[sh(SHAPED)]));
    std::fs::write(world.repo().join("tests/test_known.py"), red).expect("written");
    alai_testkit::git::commit_all(&world.repo(), "A known one").expect("committed");
    walks(&world, "minion-refactor").exits(0);
    assert_eq!(seen(&world, 1).steps, STEPS);
}

fn rejects(title: &str) -> Value {
    let finding = json!({"severity": "high", "title": title, "path": "sums.py", "line": 1, "detail": "See there."});
    json!({"verdict": "reject", "summary": "Not yet.", "findings": [finding]})
}

/// A review may ask for a test that a refactoring would not write by itself. Its findings say so; the agent's own words do not.
#[test]
fn a_rework_adds_the_test_that_a_review_asks_for_and_no_other() {
    for (title, allowed) in [
        ("Adding two equal numbers is not tested", true),
        ("The names are too long", false),
    ] {
        let title_of_the_task = "Refactor the names of add";
        let script = shaping(&[sh(SHAPED), write("tests/test_more.py", TEST_MORE)])
            .plays_attempt("build", 0, &[sh(SHAPED)])
            .plans(&[planned("a", title_of_the_task, &[])])
            .judges("review", "", pass())
            .judges_attempt("review", 0, rejects(title));
        let world = world(&script);
        world.alai(["start", "Names", "--project", "tiny", "--wait"]);
        let tasks = world.list();
        let rework = tasks
            .lines()
            .find(|line| line.contains("Rework:"))
            .and_then(|line| line.split(['#', ' ']).nth(1)?.parse().ok());
        let rework: i64 = rework.unwrap_or_else(|| panic!("no rework in {tasks}"));
        let seen = seen(&world, rework);
        match allowed {
            true => seen.saw("same", 0, true, "as the findings ask"),
            false => seen.saw("same", 0, false, "tests/test_more.py"),
        }
    }
}
