//! Tests are counted by what their runner writes for machines, and a report that does not fit what was printed is not believed.

use std::path::{Path, PathBuf};
use std::process::Command;

use alai_core::qa::{Check, CheckResult};
use alai_gate::census::{Census, TestStatus};
use alai_workspace::cage::{Access, Bind};

use super::world::{Task, World};

#[track_caller]
fn ids(census: &Census) -> Vec<(&str, TestStatus)> {
    assert!(census.known, "{census:?}");
    { census.ids.iter() }
        .map(|(id, status)| (id.as_str(), *status))
        .collect()
}

const CALC: &str = "package calc\n\nfunc Add(a, b int) int { return a + b }\n";
const CALC_TEST: &str = "package calc\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n)\n\nfunc TestAdd(t *testing.T) {\n\tfmt.Println(\"say \\\"it\\\"\\t<now> & \\\\ go\")\n\tif Add(1, 2) != 3 {\n\t\tt.Error(\"wrong\")\n\t}\n}\n\nfunc TestLater(t *testing.T) { t.Skip(\"later\") }\n";

/// Also behind a makefile: nothing of the command is rewritten.
#[test]
fn go_is_counted_by_its_events_and_its_words_stay_needs_go() {
    let world = World::new(&[
        ("go.mod", "module example.com/s\n\ngo 1.19\n"),
        ("Makefile", "test:\n\tgo test ./...\n"),
        ("calc/calc.go", CALC),
        ("calc/calc_test.go", CALC_TEST),
    ]);
    let base = world.base(&world.tip(), "make test").expect("it runs");
    assert_eq!(base.census.read, ["go by its report"]);
    assert_eq!(
        ids(&base.census),
        [
            ("example.com/s/calc::TestAdd", TestStatus::Passed),
            ("example.com/s/calc::TestLater", TestStatus::Ignored),
        ]
    );
    let text = base.captured.combined();
    assert!(text.contains("say \"it\"\t<now> & \\ go\n"), "{text}");
    assert!(!text.contains("\"Action\""), "{text}");
}

const ADD: &str = "exports.add = (a, b) => a + b;\n";
const ADD_TEST: &str = "const test = require('node:test');\nconst assert = require('node:assert');\nconst { add } = require('./add.js');\n\
                        test('adds', () => assert.strictEqual(add(1, 2), 3));\ntest('adds nothing', () => assert.strictEqual(add(1, 0), 1));\n";
const PACKAGE: &str =
    "{\"name\": \"a\", \"version\": \"1.0.0\", \"scripts\": {\"test\": \"node --test\"}}\n";

fn node() -> World {
    World::new(&[
        ("package.json", PACKAGE),
        ("add.js", ADD),
        ("add.test.js", ADD_TEST),
    ])
}

#[test]
fn node_is_counted_by_a_reporter_of_ours_needs_node() {
    let world = node();
    let base = world.tip();
    let more = format!(
        "{ADD_TEST}test('takes', () => assert.strictEqual(require('./add.js').take(3, 1), 2));\n"
    );
    let head = format!("{ADD}exports.take = (a, b) => a - b;\n");
    world.commit(
        &[("add.js", &head), ("add.test.js", &more)],
        &[],
        "Take away",
    );
    let judged = world.measure(&base, &Task::with("npm test"));
    let kept = judged.one(Check::CensusNotReduced);
    assert_eq!(kept.result, CheckResult::Pass, "{}", judged.table());
    assert!(
        kept.detail
            .contains("3 tests, 2 on the base, 1 new; node by its report"),
        "{}",
        judged.table()
    );
}

/// A test that is gone, and a line of it in the report by whoever runs in the cage.
#[test]
fn a_report_that_names_more_than_ran_is_not_believed_needs_node() {
    let world = node();
    let base = world.tip();
    let forged = "const fs = require('node:fs');\nconst test = require('node:test');\nconst asks = fs.readFileSync('/gate/node.mjs', 'utf8');\n\
                  test('adds', () => {\n  {\n    const prefix = asks.match(/`(.*\\.report-[0-9a-f]+-)/);\n    \
                  if (prefix) fs.writeFileSync(`${prefix[1]}node-1-lines`, '{\"titles\":[\"adds nothing\"],\"state\":\"passed\"}\\n{\"titles\":[],\"state\":\"end\"}\\n');\n  }\n});\n";
    world.commit(&[("add.test.js", forged)], &[], "Shorten the tests");
    let task = Task {
        changes_tests: vec!["add.test.js".into()],
        ..Task::with("npm test")
    };
    let judged = world.measure(&base, &task);
    judged.expect_fail(Check::CensusNotReduced);
    let detail = &judged.one(Check::CensusNotReduced).detail;
    assert!(detail.contains("garbled or forged"), "{}", judged.table());
}

/// The run whose runner would not start is in the evidence, beside the one that counts.
#[test]
fn a_run_that_was_refused_is_recorded_before_the_one_that_counts() {
    let tests = "case \"$NODE_OPTIONS\" in *--test-reporter*) echo 'node: --test-reporter= is not allowed in NODE_OPTIONS'; exit 9;; esac\n\
                 echo 'TAP version 13'\nif test \"$(sh add.sh 1 1)\" = 2; then echo 'ok 1 - adds'; else echo 'not ok 1 - adds'; bad=1; fi\necho 1..1\nexit ${bad:-0}\n";
    let world = World::new(&[
        ("package.json", "{\"name\": \"a\"}\n"),
        ("add.sh", "echo $(($1 + $2))\n"),
        ("test.sh", tests),
    ]);
    let base = world.tip();
    world.commit(&[("add.sh", "echo \"$(($1 + $2))\"\n")], &[], "Quote");
    let judged = world.measure(&base, &Task::with("sh test.sh # node --test"));
    judged.expect_pass();
    let kept = judged.one(Check::CensusNotReduced);
    assert!(
        kept.detail.contains("its runner refused to report"),
        "{}",
        judged.table()
    );
    for check in [Check::BaseTestsPass, Check::CensusNotReduced] {
        let behind = judged.measured.behind[&check].iter();
        let exits: Vec<String> = behind
            .map(|at| judged.measured.commands[*at].record.exit.to_string())
            .collect();
        assert_eq!(exits, ["exit 9", "exit 0"], "{}", judged.table());
    }
}

/// Runs a program of this machine.
#[track_caller]
pub(crate) fn run(program: &str, args: &[&str], folder: &Path) {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

/// A folder beside the project that its cages see.
pub(crate) fn beside(world: &mut World, name: &str) -> PathBuf {
    let folder = world.root.parent().expect("a folder").join(name);
    std::fs::create_dir(&folder).expect("made");
    world.tools.binds.push(Bind {
        outside: folder.clone(),
        inside: folder.clone(),
        access: Access::ReadOnly,
    });
    folder
}

#[test]
fn mocha_jest_and_vitest_are_counted_by_their_reports_needs_node_needs_registry() {
    const SUITE: &str =
        "describe('suite', () => { it('adds', () => {}); it.skip('left', () => {}); });\n";
    let mut world = World::new(&[
        (
            "package.json",
            "{\"name\": \"a\", \"version\": \"1.0.0\"}\n",
        ),
        ("old/a.test.js", SUITE),
        (
            "new/a.test.mjs",
            &format!("import {{ describe, it }} from 'vitest';\n{SUITE}"),
        ),
    ]);
    let folder = beside(&mut world, "runners");
    let wanted = ["mocha@11.8.0", "jest@30.5.2", "vitest@4.1.12"];
    let install = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
    let prefix = folder.to_str().expect("a path").to_owned();
    run(
        "npm",
        &[&install[..], &[&prefix], &wanted[..]].concat(),
        &folder,
    );
    world.link("node_modules", &format!("{prefix}/node_modules"));
    world.commit(&[], &[], "Bring the runners");
    for (command, read, file) in [
        ("npx mocha old/a.test.js", "mocha by its report", ""),
        ("npx jest old", "jest by its report", "old/a.test.js > "),
        (
            "npx vitest run new",
            "vitest by its report",
            "new/a.test.mjs > ",
        ),
    ] {
        let base = world.base(&world.tip(), command).expect("it runs");
        assert_eq!(base.census.read, [read], "{}", base.captured.combined());
        let (adds, left) = (format!("{file}suite > adds"), format!("{file}suite > left"));
        let want = [
            (adds.as_str(), TestStatus::Passed),
            (left.as_str(), TestStatus::Ignored),
        ];
        assert_eq!(ids(&base.census), want, "{command}");
    }
}

/// A project that has pytest print no names.
#[test]
fn pytest_is_counted_by_its_report_needs_python_needs_registry() {
    let mut world = World::new(&[
        ("pytest.ini", "[pytest]\naddopts = -qq\n"),
        (
            "tests/test_a.py",
            "import pytest\n\n\ndef test_ok():\n    assert True\n\n\n@pytest.mark.parametrize('a', ['x y', '<b>'])\ndef test_p(a):\n    print('tests/test_a.py::test_gone PASSED')\n\n\n\
             class TestK:\n    def test_m(self):\n        pytest.skip('later')\n",
        ),
    ]);
    let folder = beside(&mut world, "python");
    let venv = folder.join("venv").to_str().expect("a path").to_owned();
    run("python3", &["-m", "venv", &venv], &folder);
    run(
        &format!("{venv}/bin/pip"),
        &["install", "--quiet", "pytest==9.2.0"],
        &folder,
    );
    let command = format!("{venv}/bin/python -m pytest");
    let base = world.base(&world.tip(), &command).expect("it runs");
    assert_eq!(
        base.census.read,
        ["pytest by its report"],
        "{}",
        base.captured.combined()
    );
    assert_eq!(
        ids(&base.census),
        [
            ("tests/test_a.py::TestK::test_m", TestStatus::Ignored),
            ("tests/test_a.py::test_ok", TestStatus::Passed),
            ("tests/test_a.py::test_p[<b>]", TestStatus::Passed),
            ("tests/test_a.py::test_p[x y]", TestStatus::Passed),
        ]
    );
}

/// What a command of the project's reads may come from a reporter that it configured, and one on the command line takes it away.
#[test]
fn reporters_of_the_projects_own_stay_needs_node() {
    const SAY: &str = "console.log('args', process.argv.slice(2).join(' '));\n";
    for (config, text, asked) in [
        (".mocharc.json", "{\"reporter\": \"xunit\"}\n", false),
        (".mocharc.json", "{\"bail\": true}\n", true),
        (
            "vitest.config.js",
            "export default { test: { reporters: ['junit'] } };\n",
            false,
        ),
        ("vitest.config.js", "export default {};\n", true),
    ] {
        let main = match config {
            ".mocharc.json" => "node_modules/mocha/bin/mocha.js",
            _ => "node_modules/vitest/vitest.mjs",
        };
        let world = World::new(&[
            ("package.json", "{\"name\": \"a\"}\n"),
            (main, SAY),
            (config, text),
        ]);
        let base = world
            .base(&world.tip(), &format!("node {main}"))
            .expect("it runs");
        let said = base.captured.combined();
        assert!(said.contains("args"), "{said}");
        assert_eq!(
            said.contains("--reporter"),
            asked,
            "{config}: {text}: {said}"
        );
    }
}
