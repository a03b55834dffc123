//! Bugs and weaknesses.

use serde_json::json;

use super::{MENDING, Plays, check, left, project, runs, script, seen, sh, walks};
use crate::script::{pass, planned, write};

const TEST_SH: &str =
    "for test in tests/*.sh; do sh $test || { echo \"FAIL: $test\"; exit 1; }; done; echo passed\n";
/// Subtracts where it should add; the one test does not see it.
const SUM: &str = "echo $(($1 - $2))\n";
const MENDED: &str = "printf '%s\\n' 'echo $(($1 + $2))' >sum.sh";
const ZERO: &str = "[ \"$(sh sum.sh 0 0)\" = 0 ]\n";
/// Red while it subtracts.
const SHOWS: &str = "[ \"$(sh sum.sh 2 3)\" = 5 ]\n";
const SHELL: [(&str, &str); 3] = [
    ("sum.sh", SUM),
    ("test.sh", TEST_SH),
    ("tests/zero.sh", ZERO),
];
const BY_SHELL: [&str; 2] = ["--test", "sh test.sh"];

#[test]
fn a_bug_is_mended_behind_a_test_that_was_red() {
    let script = script()
        .plays("reproduce", &[write("tests/sum.sh", SHOWS)])
        .plays("build", &[sh(MENDED)]);
    let world = project(&SHELL, &BY_SHELL, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, MENDING);
    seen.saw("red", 0, true, "fails on the code as it was");
    seen.saw("without", 0, true, "fails on the code as it was");
    assert_eq!(left(&world, "sum.sh"), "echo $(($1 + $2))");
    assert_eq!(runs(&world, 1).len(), 1);
}

#[test]
fn a_test_that_is_not_red_is_sent_back_and_nothing_is_mended_behind_it() {
    let script = script().plays("reproduce", &[write("tests/sum.sh", ZERO)]);
    let world = project(&SHELL, &BY_SHELL, &script);
    walks(&world, "minion-bugfix").exits(5);
    let seen = seen(&world, 1);
    assert_eq!(
        seen.steps,
        [
            "analyze",
            "reproduce",
            "red",
            "reproduce",
            "red",
            "reproduce",
            "red"
        ]
    );
    seen.saw("red", 2, false, "no test of yours shows the bug");
    assert!(seen.text.contains("gate_failed"));
}

/// Redness that comes of breaking the code is none: the test is run on the code as it was.
#[test]
fn a_test_that_is_red_because_the_code_was_broken_is_sent_back() {
    let breaks = [sh("echo exit 1 >sum.sh"), write("tests/sum.sh", ZERO)];
    let script = script().plays("reproduce", &breaks);
    let world = project(&SHELL, &BY_SHELL, &script);
    walks(&world, "minion-bugfix").exits(5);
    let seen = seen(&world, 1);
    assert!(
        !seen.steps.iter().any(|step| step == "build"),
        "{:?}",
        seen.steps
    );
    assert!(!seen.looks("red").iter().any(|(held, _)| *held));
}

#[test]
fn a_test_that_is_changed_in_the_place_of_the_bug_is_sent_back() {
    let again = [
        sh(&format!(
            "printf '%s\\n' '{}' >tests/sum.sh",
            SHOWS.trim_end()
        )),
        sh(MENDED),
    ];
    let script = script()
        .plays("reproduce", &[write("tests/sum.sh", SHOWS)])
        .plays("build", &again)
        .plays_visit("build", 0, &[sh("printf 'true\\n' >tests/sum.sh")]);
    let world = project(&SHELL, &BY_SHELL, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    seen.saw("without", 0, false, "green without the mend as well");
    seen.saw("without", 1, true, "fails on the code as it was");
    assert!(
        seen.text.matches("green without the mend as well").count() > 1,
        "the agent is told"
    );
}

#[test]
fn a_test_that_is_taken_away_in_the_place_of_the_bug_ends_the_run() {
    let script = script()
        .plays("reproduce", &[write("tests/sum.sh", SHOWS)])
        .plays("build", &[sh("rm -f tests/sum.sh; echo '# more' >>sum.sh")]);
    let world = project(&SHELL, &BY_SHELL, &script);
    walks(&world, "minion-bugfix").exits(5);
    let seen = seen(&world, 1);
    assert_eq!(seen.looks("without").len(), 3);
    assert!(!seen.steps.iter().any(|step| step == "report"));
}

const TOTAL: &str = "def total(prices):\n    return sum(prices[1:])\n";
const TEST_TOTAL: &str = "import unittest\nfrom shop.total import total\n\n\nclass Total(unittest.TestCase):\n    def test_nothing(self):\n        \
    self.assertEqual(total([]), 0)\n";
const TEST_TWO: &str = "import unittest\nfrom shop.total import total\n\n\nclass Two(unittest.TestCase):\n    def test_two(self):\n        \
    self.assertEqual(total([2, 3]), 5)\n";
const TEST_RED: &str = "import unittest\n\n\nclass Known(unittest.TestCase):\n    def test_known(self):\n        self.fail('known')\n";
const MEND_TOTAL: &str = "sed -i 's/prices\\[1:\\]/prices/' shop/total.py";
const PYTHON: [(&str, &str); 4] = [
    ("shop/__init__.py", ""),
    ("shop/total.py", TOTAL),
    ("tests/__init__.py", ""),
    ("tests/test_total.py", TEST_TOTAL),
];
const BY_UNITTEST: [&str; 6] = [
    "--test",
    "python3 -m unittest discover -v -s tests -t .",
    "--setup",
    "",
    "--lint",
    "",
];

/// A rework goes on from the rejected commit, in which the test is green; what it is held against is the code before all tries.
#[test]
fn a_rework_of_a_bugfix_is_measured_against_the_code_before_all_tries() {
    let title = "Fix the bug: total leaves the first price out";
    let finding = json!({"severity": "high", "title": "Say what it does", "path": "shop/total.py", "line": 1, "detail": "A comment is missing."});
    let rejects = json!({"verdict": "reject", "summary": "Not yet.", "findings": [finding]});
    let script = script()
        // The second try writes no test: the first one's is there.
        .plays("reproduce", &[])
        .plays("build", &[sh("echo '# adds' >>shop/total.py")])
        .plays_attempt("reproduce", 0, &[write("tests/test_two.py", TEST_TWO)])
        .plays_attempt("build", 0, &[sh(MEND_TOTAL)])
        .plans(&[planned("a", title, &[])])
        .judges("review", "", pass())
        .judges_attempt("review", 0, rejects);
    let world = project(&PYTHON, &BY_UNITTEST, &script);
    world.alai(["start", "Totals", "--project", "tiny", "--wait"]);
    let tasks = world.list();
    let number = |line: Option<&str>| {
        line.and_then(|line| line.split(['#', ' ']).nth(1)?.parse::<i64>().ok())
    };
    let first = number(
        tasks
            .lines()
            .find(|line| line.contains(title) && line.contains("[done]")),
    );
    let rework = number(tasks.lines().find(|line| line.contains("Rework:")));
    let (first, rework) = first
        .zip(rework)
        .unwrap_or_else(|| panic!("no rework in {tasks}"));
    let before = runs(&world, first).pop().expect("a run");
    let rejected = format!("refs/alai/{}", before.id.0);
    let left = world.git(&["show", &format!("{rejected}:shop/total.py")]);
    assert!(
        left.contains("sum(prices)"),
        "the bug is mended there: {left}"
    );
    let seen = seen(&world, rework);
    assert_eq!(seen.steps, MENDING, "{:?}", seen.looks);
    seen.saw(
        "red",
        0,
        true,
        "red on the code as it was: tests.test_two.Two.test_two",
    );
    seen.saw(
        "without",
        0,
        true,
        "red on the code as it was: tests.test_two.Two.test_two",
    );
    let again = runs(&world, rework).pop().expect("a run");
    let after = format!("refs/alai/{}", again.id.0);
    assert_eq!(
        world.git(&["merge-base", &rejected, &after]),
        world.git(&["rev-parse", &rejected]),
        "it went on from there"
    );
    // The gate's own look at the same: a test of the change fails on the base.
    let (result, detail) = check(&world, rework, "new_tests_fail_on_base");
    assert!(
        result == "pass" && detail.contains("test_two"),
        "{result} {detail}"
    );
}

/// The names come of the census that the gate takes, and its check 4 says the same.
#[test]
fn the_look_and_the_gate_name_the_same_test_in_python() {
    let script = script()
        .plays("reproduce", &[write("tests/test_two.py", TEST_TWO)])
        .plays("build", &[sh(MEND_TOTAL)]);
    let world = project(&PYTHON, &BY_UNITTEST, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, MENDING);
    seen.saw("red", 0, true, "test_two");
    seen.saw("without", 0, true, "test_two");
    let (result, detail) = check(&world, 1, "new_tests_fail_on_base");
    assert!(
        result == "pass" && detail.contains("test_two"),
        "{result} {detail}"
    );
}

/// What is red for another reason is known by its name, and neither shows the bug nor keeps it from being mended.
#[test]
fn a_base_that_is_red_for_another_reason_is_told_from_the_bug() {
    let files = [&PYTHON[..], &[("tests/test_known.py", TEST_RED)]].concat();
    let script = script()
        .plays("reproduce", &[write("tests/test_two.py", TEST_TWO)])
        .plays("build", &[sh(MEND_TOTAL)]);
    let world = project(&files, &BY_UNITTEST, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, MENDING);
    let looks = seen.looks("red");
    assert!(
        looks[0].1.contains("test_two") && !looks[0].1.contains("test_known"),
        "{looks:?}"
    );
}

/// The bug may be red before the task: then no test is added, one of the red ones has to become green, and check 4 has nothing to say.
#[test]
fn a_bug_that_is_red_already_needs_no_test_of_its_own() {
    let files = [&PYTHON[..], &[("tests/test_two.py", TEST_TWO)]].concat();
    let script = script()
        .plays("reproduce", &[])
        .plays("build", &[sh(MEND_TOTAL)])
        .plays_visit("build", 0, &[sh("echo '# looked at' >>shop/total.py")]);
    let world = project(&files, &BY_UNITTEST, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    seen.saw("red", 0, true, "no test was added; red before the task are");
    seen.saw("without", 0, false, "are red still");
    seen.saw("without", 1, true, "red before the task and green now");
    assert_eq!(
        check(&world, 1, "new_tests_fail_on_base").0,
        "not_applicable"
    );
}

#[test]
fn a_bug_for_which_no_test_is_written_goes_back() {
    let script = script().plays("reproduce", &[]);
    let world = project(&SHELL, &BY_SHELL, &script);
    walks(&world, "minion-bugfix").exits(5);
    let seen = seen(&world, 1);
    seen.saw("red", 0, false, "no test of yours shows the bug");
    assert_eq!(seen.looks("red").len(), 3);
}

const INLINE: &str = "import unittest\n\n\ndef total(prices):\n    return sum(prices[1:])\n\n\nclass Total(unittest.TestCase):\n    def test_nothing(self):\n        \
    self.assertEqual(total([]), 0)\n";

/// Nothing tells a test from the code in such a file: it is said, and no work is lost by it.
#[test]
fn tests_beside_the_code_that_nobody_can_tell_apart_are_not_measured() {
    let adds = sh(
        "printf '\\n    def test_two(self):\\n        self.assertEqual(total([2, 3]), 5)\\n' >>total.py",
    );
    let script = script()
        .plays("reproduce", &[adds])
        .plays("build", &[sh("sed -i 's/prices\\[1:\\]/prices/' total.py")]);
    let test = [
        "--test",
        "python3 -m unittest -v total",
        "--setup",
        "",
        "--lint",
        "",
    ];
    let world = project(&[("total.py", INLINE)], &test, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, MENDING);
    seen.saw("red", 0, true, "not measured");
    seen.saw("without", 0, true, "not measured");
    assert_eq!(
        check(&world, 1, "new_tests_fail_on_base").0,
        "not_applicable"
    );
}

/// An exit code does not tell why it is red: the company's ordinary way is walked, and who asks why is told.
#[test]
fn a_red_base_without_names_is_built_on_the_ordinary_way() {
    let files = [&SHELL[..], &[("tests/known.sh", "echo known; false\n")]].concat();
    let script = script().plays("build", &[write("tests/sum.sh", SHOWS), sh(MENDED)]);
    for blueprint in ["minion-bugfix", "minion-refactor", "minion-security-fix"] {
        let world = project(&files, &BY_SHELL, &script);
        walks(&world, blueprint);
        let seen = seen(&world, 1);
        let words = format!(
            "minion-one-shot instead of {blueprint}: `sh test.sh` is red before anything is changed, and names no tests"
        );
        world
            .alai(["why", "1"])
            .exits(0)
            .says(&format!("blueprint {words}"));
        world
            .alai(["mc", "show", "1", "--explain"])
            .exits(0)
            .says(&words);
        assert_eq!(seen.steps, ["analyze", "plan", "build", "test", "report"]);
    }
}

const JS_CODE: &str =
    "const { rate } = require('rates');\nexports.gross = (net) => net + rate - 1;\n";
const JS_TEST: &str = "const test = require('node:test');\nconst assert = require('node:assert');\nconst { gross } = require('../gross.js');\n\
    test('nothing', () => assert.equal(gross(0), 0));\n";
const JS_SHOWS: &str = "const test = require('node:test');\nconst assert = require('node:assert');\nconst { gross } = require('../gross.js');\n\
    test('a price has its rate', () => assert.equal(gross(4), 8));\n";

/// What the set-up has made, and git leaves out, is there where the look is taken.
#[test]
fn what_a_set_up_made_is_there_for_the_look_in_javascript_needs_node() {
    let files = [
        (".gitignore", "node_modules\n"),
        ("package.json", "{\"name\": \"gross\", \"private\": true}\n"),
        ("gross.js", JS_CODE),
        ("test/gross.test.js", JS_TEST),
    ];
    let set_up =
        "mkdir -p node_modules/rates && echo 'exports.rate = 1;' >node_modules/rates/index.js";
    let settings = [
        "--test",
        "node --test test/",
        "--setup",
        set_up,
        "--lint",
        "",
    ];
    let script = script()
        .plays("reproduce", &[write("test/rate.test.js", JS_SHOWS)])
        .plays(
            "build",
            &[sh("sed -i 's/net + rate - 1/net * (1 + rate)/' gross.js")],
        );
    let world = project(&files, &settings, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, MENDING);
    seen.saw("red", 0, true, "a price has its rate");
    seen.saw("without", 0, true, "a price has its rate");
}

const RUST: &str = "//! Sums.\n\npub fn sum(a: u32, b: u32) -> u32 {\n    a.max(b)\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    \
    fn nothing() {\n        assert_eq!(sum(0, 0), 0);\n    }\n}\n";
const RUST_SHOWS: &str = "sed -i 's/^    use super::\\*;/    use super::*;\\n\\n    #[test]\\n    fn two() {\\n        assert_eq!(sum(2, 3), 5);\\n    }/' src/lib.rs";

/// Unit tests beside the code are told from it in Rust: they are put into the sources as they were.
#[test]
fn a_unit_test_beside_the_code_is_red_on_the_code_as_it_was_in_rust() {
    let files = [
        (".gitignore", "target\n"),
        (
            "Cargo.toml",
            "[package]\nname = \"sums\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        (
            "Cargo.lock",
            "version = 3\n\n[[package]]\nname = \"sums\"\nversion = \"0.1.0\"\n",
        ),
        ("src/lib.rs", RUST),
    ];
    let settings = [
        "--test",
        "cargo test --offline --no-fail-fast",
        "--lint",
        "",
        "--build",
        "",
        "--setup",
        "",
    ];
    let script = script()
        .plays("reproduce", &[sh(RUST_SHOWS)])
        .plays("build", &[sh("sed -i 's/a.max(b)/a + b/' src/lib.rs")]);
    let world = project(&files, &settings, &script);
    walks(&world, "minion-bugfix").exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, MENDING);
    seen.saw("red", 0, true, "two");
    seen.saw("without", 0, true, "two");
    assert_eq!(check(&world, 1, "new_tests_fail_on_base").0, "pass");
}

const SHOW: &str = "cat \"public/$1\"\n";
const HALF: &str =
    "printf '%s\\n' 'case \"$1\" in ../*) exit 1 ;; esac' 'cat \"public/$1\"' >show.sh";
const CLOSED: &str = "printf '%s\\n' 'case \"$1\" in */* | .*) echo refused; exit 1 ;; esac' 'cat \"public/$1\"' >show.sh";
const ATTACK: &str =
    "[ \"$(sh show.sh a.txt)\" = a ] && ! sh show.sh ../secret.txt | grep -q word\n";
const DOOR: [(&str, &str); 5] = [
    ("show.sh", SHOW),
    ("secret.txt", "the word\n"),
    ("public/a.txt", "a\n"),
    ("test.sh", TEST_SH),
    ("tests/show.sh", "[ \"$(sh show.sh a.txt)\" = a ]\n"),
];

#[test]
fn a_weakness_is_closed_behind_an_attack_that_got_through() {
    let (when, turns) = super::step(
        "again",
        Some(0),
        &[],
        json!({"closed": false, "left": "./../secret.txt"}),
    );
    let (when_closed, turns_closed) = super::step(
        "again",
        None,
        &[],
        json!({"closed": true, "left": "nothing"}),
    );
    let script = script()
        .plays("audit", &[sh("sh show.sh ../secret.txt")])
        .plays("reproduce", &[write("tests/attack.sh", ATTACK)])
        .plays("build", &[sh(CLOSED)])
        .plays_visit("build", 0, &[sh(HALF)])
        .with(when_closed, &turns_closed)
        .with(when, &turns);
    let world = project(&DOOR, &BY_SHELL, &script);
    walks(&world, "minion-security-fix").exits(0);
    let seen = seen(&world, 1);
    let steps = [
        "analyze",
        "audit",
        "reproduce",
        "red",
        "build",
        "test",
        "without",
        "again",
        "once-more",
        "build",
        "test",
        "without",
        "again",
        "report",
    ];
    assert_eq!(seen.steps, steps);
    assert!(left(&world, "show.sh").contains("refused"));
}

#[test]
fn an_attack_that_does_not_get_through_proves_no_weakness() {
    let harmless = "[ \"$(sh show.sh a.txt)\" = a ]\n";
    let script = script()
        .plays("audit", &[])
        .plays("reproduce", &[write("tests/attack.sh", harmless)]);
    let world = project(&DOOR, &BY_SHELL, &script);
    walks(&world, "minion-security-fix").exits(5);
    let seen = seen(&world, 1);
    assert!(
        !seen.steps.iter().any(|step| step == "build"),
        "{:?}",
        seen.steps
    );
}
