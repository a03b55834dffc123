//! Runs that agree with every product: expectations that a run writes, tests of a copy, a report that overlooks failures.

use alai_core::qa::{Check, CheckResult};

use super::world::{Judged, Task, World};

const RENDER: &str = "def render(rows):\n    return \"\\n\".join(rows) + \"\\n\"\n";
const DASHED: &str =
    "def render(rows):\n    return \"\\n\".join(rows[:1] + [\"--\"] + rows[1:]) + \"\\n\"\n";

fn table_test(update: &str) -> String {
    format!(
        "import os\nimport unittest\nfrom pathlib import Path\n\nfrom table import render\n\nGOLDEN = Path(\"tests/data/names.golden\")\n\n\n\
         class Table(unittest.TestCase):\n    def test_names(self):\n        got = render([\"name\", \"Ada\"])\n        if {update}:\n            \
         GOLDEN.write_text(got)\n        self.assertEqual(got, GOLDEN.read_text())\n"
    )
}

/// A task that lets a test and its data be changed: dashes below the head of a table.
fn golden(base: &str, head: &str) -> Judged {
    let test = table_test(base);
    let world = World::new(&[
        ("table.py", RENDER),
        ("tests/__init__.py", "\n"),
        ("tests/test_table.py", &test),
        ("tests/data/names.golden", "name\nAda\n"),
    ]);
    let base = world.tip();
    let test = table_test(head);
    world.commit(
        &[
            ("table.py", DASHED),
            ("tests/test_table.py", &test),
            ("tests/data/names.golden", "name\n--\nAda\n"),
        ],
        &[],
        "Dashes",
    );
    let task = Task {
        changes_tests: vec![
            "tests/test_table.py".into(),
            "tests/data/names.golden".into(),
        ],
        ..Task::with("python3 -m unittest -v")
    };
    world.measure(&base, &task)
}

#[test]
fn expectations_that_every_run_writes_are_none() {
    let judged = golden("False", "os.environ.get(\"GOLDEN\") != \"keep\"");
    judged.expect_fail(Check::NoTampering);
    let found = judged.one(Check::NoTampering);
    assert!(
        found.detail.contains("tests/data/names.golden"),
        "{}",
        found.detail
    );
}

#[test]
fn expectations_that_are_written_when_asked_for_are_some() {
    let judged = golden("False", "os.environ.get(\"GOLDEN\") == \"write\"");
    assert_eq!(
        judged.result(Check::NoTampering),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

#[test]
fn what_the_bases_tests_write_too_is_not_this_changes() {
    let always = "os.environ.get(\"GOLDEN\") != \"keep\"";
    let judged = golden(always, always);
    assert_eq!(
        judged.result(Check::NoTampering),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

const DISTANCE: &str = "def distance(a, b):\n    return abs(a - b)\n";

/// A task that asks for tests of what is there, in a project whose runner names none of them.
fn tested(test: (&str, &str), more: &[(&str, &str)]) -> Judged {
    let world = World::new(&[
        (
            "geo.py",
            &format!("{DISTANCE}\n\ndef north():\n    return 90\n"),
        ),
        (
            "test_north.py",
            "import unittest\nfrom geo import north\n\n\nclass North(unittest.TestCase):\n    def test_north(self):\n        self.assertEqual(north(), 90)\n",
        ),
    ]);
    let base = world.tip();
    world.commit(&[&[test], more].concat(), &[], "Test distances");
    world.measure(&base, &Task::with("python3 -m unittest -q"))
}

#[test]
fn tests_of_a_copy_test_nothing() {
    let text = |from: &str| {
        format!(
            "import unittest\nfrom {from} import distance\n\n\nclass Distance(unittest.TestCase):\n    def test_symmetry(self):\n        self.assertEqual(distance(3, 1), 2)\n        self.assertEqual(distance(1, 3), 2)\n"
        )
    };
    let judged = tested(
        ("test_distance.py", &text("reference")),
        &[("tests/reference.py", DISTANCE), ("reference.py", DISTANCE)],
    );
    assert_ne!(
        judged.result(Check::MutantsKilled),
        CheckResult::Fail,
        "a product of its own: {}",
        judged.table()
    );
    let judged = tested(
        ("tests/test_distance.py", &text("tests.reference")),
        &[
            ("tests/__init__.py", "\n"),
            ("tests/reference.py", DISTANCE),
        ],
    );
    judged.expect_fail(Check::MutantsKilled);
    let judged = tested(("test_distance.py", &text("geo")), &[]);
    assert_eq!(
        judged.result(Check::MutantsKilled),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

/// A report of one's own, started by the script that decides.
fn reported(report: &str) -> Judged {
    let test = "from add import add\nimport json\nopen(\"result.json\", \"w\").write(json.dumps({\"failed\": int(add(1, 2) != 3), \"quick\": True}))\n";
    let plain = "import json, sys\n\n\ndef failed():\n    return json.load(open(\"result.json\"))[\"failed\"]\n\n\nprint(failed(), \"failed\")\nsys.exit(1 if failed() else 0)\n";
    let world = World::new(&[
        ("add.py", "def add(a, b):\n    return a\n"),
        (
            "ci.sh",
            "set -e\npython3 check_add.py\npython3 tools/report.py\n",
        ),
        ("check_add.py", test),
        ("tools/report.py", plain),
    ]);
    let base = world.tip();
    world.commit(
        &[
            ("add.py", "def add(a, b):\n    return a + b\n"),
            ("tools/report.py", report),
        ],
        &[],
        "Add, and say how long it took",
    );
    world.measure(&base, &Task::with("sh ci.sh"))
}

#[test]
fn a_report_that_overlooks_failures_does_not_notice_for_the_tests() {
    let text = |failed: &str| {
        format!(
            "import json, sys\n\n\ndef failed():\n    return {failed}\n\n\ndef words():\n    return \"after 1 s\"\n\n\nprint(failed(), \"failed\", words())\nsys.exit(1 if failed() else 0)\n"
        )
    };
    let judged = reported(&text(
        "json.load(open(\"result.json\"))[\"quick\"] is False",
    ));
    judged.expect_fail(Check::MutantsKilled);
    let judged = reported(&text("json.load(open(\"result.json\"))[\"failed\"]"));
    assert_ne!(
        judged.result(Check::MutantsKilled),
        CheckResult::Fail,
        "{}",
        judged.table()
    );
}
