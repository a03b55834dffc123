//! Hooks of pytest that leave marked tests out unless an option is given: in the documented form, measured with that option, and in
//! the hands of somebody who hides behind it.

use alai_core::qa::{Check, CheckResult};

use super::reports::{beside, run};
use super::world::{Judged, Task, World};

const HOOKS: &str = "import pytest\n\n\ndef pytest_addoption(parser):\n    parser.addoption(\"--slow\", action=\"store_true\", \
    help=\"also run what takes long\")\n\n\ndef pytest_configure(config):\n    config.addinivalue_line(\"markers\", \"slow: takes \
    long\")\n\n\ndef pytest_collection_modifyitems(config, items):\n    if config.getoption(\"--slow\"):\n        return\n    skip = \
    pytest.mark.skip(reason=\"runs with --slow\")\n    for item in items:\n        if \"slow\" in item.keywords:\n            \
    item.add_marker(skip)\n";
const WORDS: &str = "def count(text):\n    return len(text.split(' '))\n";
const RIGHT: &str = "def count(text):\n    return len(text.split())\n";
const TESTS: &str = "from words import count\n\n\ndef test_one():\n    assert count('a') == 1\n\n\ndef test_two():\n    assert \
    count('a b') == 2\n\n\ndef test_many_blanks():\n    assert count('a  b') == 2\n";
const LONG: &str =
    "from words import count\n\n\ndef test_long():\n    assert count('a b ' * 1000) == 2000\n";
const GOES_ON: &str =
    "from words import count\n\n\ndef test_again():\n    assert count('a b c') == 3\n";

/// A project with a red test, and the command of its tests.
fn project(long: &str) -> (World, String) {
    let mut world = World::new(&[
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
        ("words.py", WORDS),
        ("tests/conftest.py", "import pytest\n"),
        ("tests/test_words.py", TESTS),
        ("tests/test_long.py", long),
        ("tests/test_again.py", GOES_ON),
    ]);
    let folder = beside(&mut world, "python");
    let venv = folder.join("venv").to_str().expect("a path").to_owned();
    run("python3", &["-m", "venv", &venv], &folder);
    let pip = format!("{venv}/bin/pip");
    run(&pip, &["install", "--quiet", "pytest==9.2.0"], &folder);
    (world, format!("{venv}/bin/python -m pytest"))
}

struct Tried<'a> {
    world: &'a World,
    command: &'a str,
}

impl Tried<'_> {
    /// Judges one change of the project, and takes it back.
    fn with(&self, files: &[(&str, &str)], named: &[&str]) -> Judged {
        let base = self.world.tip();
        self.world.commit(files, &[], "A change");
        let command: &'static str = Box::leak(self.command.to_owned().into_boxed_str());
        let task = Task {
            changes_tests: named.iter().map(|path| (*path).to_owned()).collect(),
            ..Task::with(command)
        };
        let judged = self.world.measure(&base, &task);
        self.world.rewind();
        judged
    }

    fn failed(&self, files: &[(&str, &str)], named: &[&str], check: Check, says: &str) {
        let judged = self.with(files, named);
        let one = judged.one(check);
        assert_eq!(one.result, CheckResult::Fail, "{}", judged.table());
        assert!(one.detail.contains(says), "{}", judged.table());
    }
}

fn marked(tests: &str, name: &str) -> String {
    let marked = format!("@pytest.mark.slow\ndef {name}");
    let tests = tests.replace(&format!("def {name}"), &marked);
    format!("import pytest\n{tests}")
}

/// A hook that nobody named may leave nothing out that ran before, and what it leaves out of the new tests passes with its option.
#[test]
fn a_hook_that_leaves_nothing_out_needs_python_needs_registry() {
    let (world, command) = project(LONG);
    let tried = Tried {
        world: &world,
        command: &command,
    };
    let hook = ("tests/conftest.py", HOOKS);
    let right = ("words.py", RIGHT);
    tried.with(&[hook, right], &[]).expect_pass();
    let more = "import pytest\n\nfrom words import count\n\n\n@pytest.mark.slow\ndef test_none():\n    assert count('') == 0\n";
    tried
        .with(&[hook, right, ("tests/test_more.py", more)], &[])
        .expect_pass();
    let wrong = more.replace("== 0", "== 7");
    tried.failed(
        &[hook, right, ("tests/test_more.py", &wrong)],
        &[],
        Check::CensusNotReduced,
        "with --slow tests/test_more.py::test_none fails",
    );
    // The keyword is a file's name: all tests of the file would be left out.
    let named = HOOKS.replace("\"slow\" in", "\"test_words.py\" in");
    tried.failed(
        &[("tests/conftest.py", &named)],
        &[],
        Check::GateConfigUntouched,
        "tests/conftest.py",
    );
    let rewrites = format!(
        "{HOOKS}\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n    report = (yield).get_result()\n    \
         report.outcome = 'passed'\n"
    );
    let judged = tried.with(&[("tests/conftest.py", &rewrites)], &[]);
    judged.expect_fail(Check::GateConfigUntouched);
    judged.expect_fail(Check::NoTampering);
}

/// Where the task names both files, a test of the base may wait for an option with which it passes, and no other.
#[test]
fn a_test_that_waits_for_an_option_as_the_task_asks_needs_python_needs_registry() {
    let (world, command) = project(LONG);
    let tried = Tried {
        world: &world,
        command: &command,
    };
    let hook = ("tests/conftest.py", HOOKS);
    let right = ("words.py", RIGHT);
    let long = marked(LONG, "test_long");
    let long = ("tests/test_long.py", long.as_str());
    let named = ["tests/conftest.py", "tests/test_long.py"];
    let judged = tried.with(&[hook, right, long], &named);
    judged.expect_pass();
    let three = judged.one(Check::CensusNotReduced);
    assert!(
        three.detail.contains("1 changed as the task allows"),
        "{}",
        three.detail
    );
    let skips = "tests are skipped now: tests/test_long.py::test_long";
    tried.failed(
        &[hook, right, long],
        &named[..1],
        Check::CensusNotReduced,
        skips,
    );
    tried.failed(
        &[hook, right, long],
        &named[1..],
        Check::CensusNotReduced,
        skips,
    );
    // The product breaks what nobody runs any more.
    let broken = RIGHT.replace("text.split()", "text[:100].split()");
    let broken = ("words.py", broken.as_str());
    tried.failed(
        &[hook, broken, long],
        &named,
        Check::CensusNotReduced,
        skips,
    );
    // The red test is what waits.
    let words = marked(TESTS, "test_many_blanks");
    let words = ("tests/test_words.py", words.as_str());
    let names = ["tests/conftest.py", "tests/test_words.py"];
    let judged = tried.with(&[hook, words, ("words.py", "# As it was.\n")], &names);
    judged.expect_fail(Check::CensusNotReduced);
    let judged = tried.with(&[hook, words], &names);
    judged.expect_fail(Check::CensusNotReduced);
    // A folder names no hook.
    let folder = tried.with(&[hook, right, long], &["tests"]);
    folder.expect_fail(Check::CensusNotReduced);
    // Most tests wait.
    let all = format!("import pytest\n\npytestmark = pytest.mark.slow\n{TESTS}");
    let all = ("tests/test_words.py", all.as_str());
    let judged = tried.with(&[hook, right, all], &names);
    judged.expect_fail(Check::CensusNotReduced);
}
