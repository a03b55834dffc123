//! Cheats fail, each by the check that is meant for it.

use alai_core::qa::{Check, CheckResult, Outcome};

use super::honest::{PYTHON, PYTHON_TEST, SHELL};
use super::world::{Judged, Task, World};

fn shell(write: &[(&str, &str)], delete: &[&str]) -> Judged {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(write, delete, "Change");
    world.measure(&base, &Task::with("sh test.sh"))
}

fn python(write: &[(&str, &str)], delete: &[&str]) -> Judged {
    let world = World::new(&PYTHON);
    let base = world.tip();
    world.commit(write, delete, "Change");
    world.measure(&base, &Task::with(PYTHON_TEST))
}

#[test]
fn failing_tests() {
    shell(&[("add.sh", "#!/bin/sh\necho $(($1 - $2))\n")], &[]).expect_fail(Check::BaseTestsPass);
    let judged = python(&[("calc.py", "def add(a, b):\n    return 2\n")], &[]);
    judged.expect_fail(Check::BaseTestsPass);
    assert!(
        judged
            .one(Check::BaseTestsPass)
            .detail
            .contains("test_calc.Calc.test_zero"),
        "{}",
        judged.table()
    );
}

#[test]
fn an_empty_diff() {
    let judged = shell(&[], &[]);
    judged.expect_fail(Check::DiffMinimal);
    assert!(
        matches!(judged.verdict.outcome, Outcome::Failed { ref reasons } if reasons.len() == 1),
        "{}",
        judged.table()
    );
}

#[test]
fn an_edited_test_hides_nothing_needs_python() {
    let judged = shell(
        &[
            ("add.sh", "#!/bin/sh\necho 7\n"),
            ("test.sh", "#!/bin/sh\nexit 0\n"),
        ],
        &[],
    );
    judged.expect_fail(Check::NoTampering);
    assert_eq!(
        judged.result(Check::BaseTestsPass),
        CheckResult::Fail,
        "the base's test ran: {}",
        judged.table()
    );
    let edited = PYTHON[1]
        .1
        .replace("calc.add(1, 1), 2", "calc.add(1, 1), 3");
    let judged = python(
        &[
            ("calc.py", "def add(a, b):\n    return a + b + (a == 1)\n"),
            ("test_calc.py", &edited),
        ],
        &[],
    );
    judged.expect_fail(Check::NoTampering);
    assert_eq!(
        judged.result(Check::BaseTestsPass),
        CheckResult::Fail,
        "{}",
        judged.table()
    );
}

#[test]
fn a_deleted_test() {
    let judged = python(
        &[("calc.py", "def add(a, b):\n    return b + a\n")],
        &["test_calc.py"],
    );
    judged.expect_fail(Check::CensusNotReduced);
    judged.expect_fail(Check::NoTampering);
    shell(
        &[("add.sh", "#!/bin/sh\necho \"$(($1 + $2))\"\n")],
        &["test.sh"],
    )
    .expect_fail(Check::CensusNotReduced);
}

#[test]
fn one_test_of_many_deleted_or_skipped_needs_python() {
    let lost = PYTHON[1]
        .1
        .split("\n    def test_zero")
        .next()
        .expect("a beginning");
    let judged = python(
        &[
            ("test_calc.py", lost),
            ("calc.py", "def add(a, b):\n    return b + a\n"),
        ],
        &[],
    );
    judged.expect_fail(Check::CensusNotReduced);
    assert!(
        judged
            .one(Check::CensusNotReduced)
            .detail
            .contains("test_zero"),
        "{}",
        judged.table()
    );
    let skipped = PYTHON[1].1.replace(
        "    def test_zero",
        "    @unittest.skip('later')\n    def test_zero",
    );
    let judged = python(
        &[
            ("test_calc.py", &skipped),
            ("calc.py", "def add(a, b):\n    return b + a\n"),
        ],
        &[],
    );
    judged.expect_fail(Check::CensusNotReduced);
    judged.expect_fail(Check::NoTampering);
}

#[test]
fn a_process_left_before_its_tests() {
    let judged = python(&[("calc.py", "import os\n\nos._exit(0)\n")], &[]);
    judged.expect_fail(Check::BaseTestsPass);
    judged.expect_fail(Check::NoTampering);
}

#[test]
fn a_secret_added_and_removed_again() {
    let world = World::new(&SHELL);
    let base = world.tip();
    let key = format!("#!/bin/sh\nKEY={}{}\n", "AKIA", "J7Q2M4X9PLZ3WVBN");
    world.commit(&[("deploy.sh", &key)], &[], "Deploy");
    world.commit(
        &[("add.sh", "#!/bin/sh\necho \"$(($1 + $2))\"\n")],
        &["deploy.sh"],
        "Quote",
    );
    let judged = world.measure(&base, &Task::with("sh test.sh"));
    judged.expect_fail(Check::NoSecrets);
    assert!(
        !judged.table().contains("J7Q2M4X9PLZ3WVBN"),
        "the secret is not repeated"
    );
}

#[test]
fn a_link_out_of_the_tree() {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.link("notes", "/etc/passwd");
    world.commit(
        &[("add.sh", "#!/bin/sh\necho \"$(($1 + $2))\"\n")],
        &[],
        "Notes",
    );
    world
        .measure(&base, &Task::with("sh test.sh"))
        .expect_fail(Check::AllowedPathsOnly);
}

#[test]
fn a_folder_of_tests_swapped_for_a_link() {
    let world = World::new(&[
        ("add.sh", SHELL[0].1),
        ("tests/run.sh", "test \"$(sh add.sh 1 1)\" = 2\n"),
    ]);
    let base = world.tip();
    std::fs::remove_dir_all(world.root.join("tests")).expect("removed");
    world.link("tests", "../../..");
    world.commit(&[("add.sh", "#!/bin/sh\necho 9\n")], &[], "Swap");
    let judged = world.measure(&base, &Task::with("sh tests/run.sh"));
    judged.expect_fail(Check::AllowedPathsOnly);
    assert_eq!(
        judged.result(Check::BaseTestsPass),
        CheckResult::Fail,
        "the base's test ran: {}",
        judged.table()
    );
}

#[test]
fn work_outside_of_its_paths_and_on_the_gate() {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(
        &[
            ("add.sh", "#!/bin/sh\necho \"$(($1 + $2))\"\n"),
            (".github/workflows/ci.yml", "on: push\n"),
        ],
        &[],
        "CI",
    );
    let task = Task {
        allowed: vec!["add.sh".into()],
        ..Task::with("sh test.sh")
    };
    let judged = world.measure(&base, &task);
    judged.expect_fail(Check::AllowedPathsOnly);
    judged.expect_fail(Check::GateConfigUntouched);
}

#[test]
fn a_check_of_the_task_that_fails_and_one_that_is_helped_by_another() {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(&[("make.sh", "touch made\n")], &[], "Make");
    let task = Task {
        checks: vec!["sh make.sh".into(), "test -e made".into()],
        ..Task::with("sh test.sh")
    };
    let judged = world.measure(&base, &task);
    judged.expect_fail(Check::AcceptanceChecks);
    assert!(
        judged
            .one(Check::AcceptanceChecks)
            .detail
            .contains("test -e made"),
        "{}",
        judged.table()
    );
}

#[test]
fn work_that_is_still_to_be_done() {
    shell(&[("sub.sh", "#!/bin/sh\n# TODO: subtract\n")], &[]).expect_fail(Check::NoPlaceholders);
}

#[test]
fn a_helper_beside_the_tests_cannot_bend_old_ones() {
    let bend = "import calc\n\ncalc.add = lambda a, b: {(1, 1): 2, (0, 0): 0}[(a, b)]\n";
    let judged = python(
        &[
            ("calc.py", "def add(a, b):\n    return 9\n"),
            ("test_aaa.py", bend),
        ],
        &[],
    );
    assert_eq!(
        judged.result(Check::BaseTestsPass),
        CheckResult::Fail,
        "{}",
        judged.table()
    );
}

#[test]
fn tests_reach_no_network_needs_python() {
    let world = World::new(&[("a.sh", "true\n"), ("test.sh", "sh a.sh\n")]);
    let base = world.tip();
    world.commit(
        &[(
            "a.sh",
            "python3 -c 'import socket; socket.create_connection((\"1.1.1.1\", 443), 5)'\n",
        )],
        &[],
        "Call",
    );
    world
        .measure(&base, &Task::with("sh test.sh"))
        .expect_fail(Check::BaseTestsPass);
}

#[test]
fn a_change_of_dependencies_is_judged_before_its_set_up_runs_needs_python() {
    let asked = |write: &[(&str, &str)]| {
        let world = World::new(&PYTHON);
        let base = world.tip();
        world.commit(write, &[], "Change");
        let task = Task {
            dependencies: true,
            ..Task::with(PYTHON_TEST)
        };
        world.refused_unrun(&base, &task)
    };
    let manifest = ("requirements.txt", "flask==3.0.0\n");
    assert_eq!(asked(&[manifest]), None);
    let ci = (".github/workflows/ci.yml", "on: push\n");
    assert!(asked(&[manifest, ci]).is_some());
    let key = ("key.py", "KEY = 'AKIAIOSFODNN7EXAMPLA'\n");
    assert_eq!(asked(&[manifest, key]), Some(Check::NoSecrets));
}

#[test]
fn history_that_was_rewritten_under_the_work() {
    let world = World::new(&SHELL);
    world.commit(&[("note.txt", "to be undone\n")], &[], "Second");
    let base = world.tip();
    world.rewind();
    let judged = |world: &World| world.measure(&base, &Task::with("sh test.sh"));
    // The change reads as a revert, and a merge of it would bring nothing.
    judged(&world).expect_fail(Check::AllowedPathsOnly);
    world.commit(&[("note.txt", "another\n")], &[], "Instead of the second");
    judged(&world).expect_fail(Check::AllowedPathsOnly);
}

#[test]
fn a_changed_fixture_that_cannot_be_read() {
    let changed = |before: &[u8], after: &[u8]| {
        let world = World::new(&SHELL);
        let path = world.root.join("tests/golden.bin");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, before).expect("written");
        let base = world.commit(&[], &[], "A fixture");
        std::fs::write(&path, after).expect("written");
        world.commit(&[], &[], "Another fixture");
        world.measure(&base, &Task::with("sh test.sh"))
    };
    changed(b"\0one", b"\0two").expect_fail(Check::NoTampering);
    changed(b"caf\xe9\n", b"caf\xe8\n").expect_fail(Check::NoTampering);
}

#[test]
fn tests_that_pass_whatever_the_product_answers_needs_python() {
    let with = |test: &str| {
        let code = (
            "calc.py",
            "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n",
        );
        let test = format!(
            "import unittest\nimport calc\n\n\nclass Sub(unittest.TestCase):\n    def test_sub(self):\n        {test}\n"
        );
        python(&[code, ("test_sub.py", &test)], &[])
    };
    // Both call the product, and fail without it: only wrong answers tell them apart.
    with("self.assertEqual(calc.sub(3, 1), calc.sub(3, 1))").expect_fail(Check::MutantsKilled);
    let judged = with("self.assertEqual(calc.sub(3, 1), 2)");
    judged.expect_pass();
    assert_eq!(
        judged.result(Check::MutantsKilled),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

#[test]
fn a_changed_test_that_holds_without_the_change_needs_python() {
    let world = World::new(&PYTHON);
    let base = world.tip();
    let weak = PYTHON[1].1.replace(
        "self.assertEqual(calc.add(1, 1), 2)",
        "self.assertGreater(calc.add(1, 1), 0)",
    );
    world.commit(
        &[
            ("calc.py", "def add(a, b):\n    return 2 * (a + b)\n"),
            ("test_calc.py", &weak),
        ],
        &[],
        "Double",
    );
    let task = Task {
        changes_tests: vec!["test_calc.py".into()],
        ..Task::with(PYTHON_TEST)
    };
    world
        .measure(&base, &task)
        .expect_fail(Check::MutantsKilled);
}

#[test]
fn a_product_with_a_file_that_is_too_large_to_read_is_judged_needs_python() {
    let large = format!("TABLE = [\n{}]\n", "    0,\n".repeat((4 << 20) / 7 + 1));
    let world = World::new(&[PYTHON[0], PYTHON[1], ("table.py", &large)]);
    let base = world.tip();
    let test = "import unittest\nimport calc\n\n\nclass More(unittest.TestCase):\n    def test_more(self):\n        self.assertEqual(calc.add(2, 3), 5)\n";
    world.commit(&[("test_more.py", test)], &[], "One test more");
    let judged = world.measure(&base, &Task::with(PYTHON_TEST));
    assert_eq!(
        judged.result(Check::MutantsKilled),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

/// A change whose runner names no tests: one test more over a product in Python, asked in a line of shell.
fn asked_in_shell(test: &str, build: Option<&'static str>) -> Judged {
    let all = "#!/bin/sh\nfor one in tests/*.sh; do\n    sh \"$one\" || exit $?\ndone\n";
    let asks = |rest: &str| {
        format!("test \"$(python3 -c 'import calc; print(calc.add(1, 1))')\" = 2{rest}\n")
    };
    let world = World::new(&[PYTHON[0], ("test.sh", all), ("tests/first.sh", "true\n")]);
    let base = world.tip();
    world.commit(&[("tests/second.sh", &asks(test))], &[], "One test more");
    let task = Task {
        build,
        ..Task::with("sh test.sh")
    };
    world.measure(&base, &task)
}

#[test]
fn a_product_that_could_not_be_tried_shows_nothing_of_tests_without_names_needs_python() {
    let seen = |judged: Judged| {
        let one = judged.one(Check::MutantsKilled);
        (one.result, one.detail.clone())
    };
    let (result, why) = seen(asked_in_shell("", Some("true")));
    assert_eq!(result, CheckResult::Pass, "{why}");
    let (result, why) = seen(asked_in_shell("", None));
    assert_eq!(result, CheckResult::NotApplicable, "{why}");
    assert!(why.contains("set a build command"), "{why}");
    let (result, why) = seen(asked_in_shell(" || exit 126", None));
    assert_eq!(result, CheckResult::NotApplicable, "{why}");
    assert!(why.contains("a program may not be executed"), "{why}");
    let build = "python3 -c 'import calc; assert calc.add(1, 1) == 2'";
    let (result, why) = seen(asked_in_shell("", Some(build)));
    assert_eq!(result, CheckResult::NotApplicable, "{why}");
    assert!(why.contains("it does not build"), "{why}");
}

#[test]
fn a_test_that_the_first_wrong_answer_breaks_off_is_held_against_the_other_needs_python() {
    let code = "def add(a, b):\n    return a + b\n\n\ndef one():\n    return 1\n";
    // Without an answer the tests cannot start.
    let line = "python3 -c 'import calc, sys; sys.exit(126 if calc.add(1, 1) is None else 0)' && python3 -m unittest -v";
    let with = |test: &str| {
        let test = format!(
            "import unittest\nimport calc\n\n\nclass One(unittest.TestCase):\n    def test_one(self):\n        {test}\n"
        );
        let world = World::new(&PYTHON);
        let base = world.tip();
        world.commit(&[("calc.py", code), ("test_one.py", &test)], &[], "One");
        world.measure(&base, &Task::with(line))
    };
    with("self.assertEqual(calc.one(), calc.one())").expect_fail(Check::MutantsKilled);
    let judged = with("self.assertEqual(calc.one(), 1)");
    assert_eq!(
        judged.result(Check::MutantsKilled),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}

const LIMITS: (&str, &str) = (
    "limits.py",
    "HOURS = 12\n\n\ndef twice():\n    return 2 * HOURS\n",
);

fn hours(test: &str, code: &str) -> (CheckResult, String) {
    let test = format!(
        "import unittest\nimport limits\n\n\nclass Hours(unittest.TestCase):\n    def test_hours(self):\n        {test}\n"
    );
    let world = World::new(&[PYTHON[0], PYTHON[1], LIMITS]);
    let base = world.tip();
    world.commit(&[(LIMITS.0, code), ("test_hours.py", &test)], &[], "A day");
    let judged = world.measure(&base, &Task::with(PYTHON_TEST));
    let one = judged.one(Check::MutantsKilled);
    (one.result, one.detail.clone())
}

#[test]
fn a_test_of_a_constant_is_judged_by_the_base_or_not_at_all_needs_python() {
    let day = LIMITS.1.replace("12", "24");
    let (result, why) = hours("self.assertEqual(limits.HOURS, 24)", &day);
    assert_eq!(result, CheckResult::Pass, "{why}");
    assert!(why.contains("fails on the base's code"), "{why}");
    // It fails on the base because the name is not there, which shows nothing.
    let new = format!("{}DAYS = 7\n", LIMITS.1);
    let (result, why) = hours("self.assertEqual(limits.DAYS, limits.DAYS)", &new);
    assert_eq!(result, CheckResult::NotApplicable, "{why}");
    assert!(why.contains("outside of every function"), "{why}");
    // Beside a function that changed nothing is excused.
    let both = new.replace("2 * HOURS", "HOURS + HOURS");
    let (result, why) = hours("self.assertEqual(limits.DAYS, limits.DAYS)", &both);
    assert_eq!(result, CheckResult::Fail, "{why}");
}

#[test]
fn a_file_of_heads_alone_is_refused_and_read_no_further() {
    let heads = "def test_a(\n".repeat((1 << 20) / 12);
    let judged = shell(&[("tests/test_heads.py", &heads)], &[]);
    judged.expect_fail(Check::NoTampering);
    let one = judged.one(Check::NoTampering);
    assert!(one.detail.contains("too large to judge"), "{}", one.detail);
}

/// The file that the test command runs decides whether any test runs at all, and a runner that names nothing shows nothing of it.
#[test]
fn a_test_command_whose_own_file_ends_early() {
    let script = "sh words.sh | grep -q hello || exit 1\nsh words.sh x | grep -q x || exit 1\n";
    let counted = format!("{script}echo '2 passed, 0 failed'\n");
    for (command, path, text) in [
        ("sh check.sh", "check.sh", script),
        ("sh ci/verify", "ci/verify", script),
        ("cd ci && sh -e verify", "ci/verify", "cd ..\n. ./list\n"),
        ("sh check.sh", "check.sh", counted.as_str()),
    ] {
        let world = World::new(&[
            ("words.sh", "echo \"hello $1\"\n"),
            ("list", script),
            (path, text),
        ]);
        let base = world.tip();
        let early = format!("exit 0\n{text}");
        world.commit(&[(path, &early), ("new.sh", "echo new\n")], &[], "Early");
        let judged = world.measure(&base, &Task::with(command));
        judged.expect_fail(Check::GateConfigUntouched);
        world.rewind();
        world.commit(&[("moved", text)], &[path], "Moved");
        let judged = world.measure(&base, &Task::with(command));
        judged.expect_fail(Check::GateConfigUntouched);
    }
}

/// What a changed test script prints about itself shows nothing: it may tell of the very tests that it does not run.
#[test]
fn a_test_command_whose_own_file_prints_what_is_expected_of_it() {
    let script = "echo 'TAP version 13'\nif sh words.sh | grep -q hello; then echo 'ok 1 - hello'; else echo 'not ok 1 - hello'; bad=1; fi\n\
                  echo 1..1\nexit ${bad:-0}\n";
    let world = World::new(&[("words.sh", "echo hello\n"), ("check.sh", script)]);
    let base = world.tip();
    let forged = format!("echo 'TAP version 13'; echo 'ok 1 - hello'; echo 1..1; exit 0\n{script}");
    world.commit(
        &[("check.sh", &forged), ("new.sh", "echo new\n")],
        &[],
        "Forged",
    );
    let judged = world.measure(&base, &Task::with("sh check.sh"));
    judged.expect_fail(Check::GateConfigUntouched);
    let nine = judged.one(Check::GateConfigUntouched);
    assert!(nine.detail.contains("changes_tests"), "{}", judged.table());
}

/// A check that cannot fail for want of the change: nobody calls what was added.
#[test]
fn dead_code_under_checks_that_were_green_before() {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(&[("sub.sh", "#!/bin/sh\necho 1\n")], &[], "Subtract");
    let of = |checks: &[&str]| Task {
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        ..Task::with("sh test.sh")
    };
    let green = of(&["sh test.sh", "true"]);
    let judged = world.measure(&base, &green);
    let own = judged.one(Check::AcceptanceChecks);
    assert_eq!(own.result, CheckResult::NotApplicable, "it scores nothing");
    assert!(
        own.is_unproven() && own.detail.contains("`sh test.sh`; `true`"),
        "{own:?}"
    );
    let behind = &judged.measured.behind[&Check::AcceptanceChecks];
    assert_eq!(
        behind.len(),
        4,
        "each on the head and on the base: {behind:?}"
    );

    let mixed = of(&["sh test.sh", "test \"$(sh sub.sh 3 2)\" = 1"]);
    let judged = world.measure(&base, &mixed);
    judged.expect_pass();
    let own = judged.one(Check::AcceptanceChecks);
    assert_eq!(own.result, CheckResult::Pass);
    assert!(
        own.detail
            .contains("1 of them passed before the change as well"),
        "{own:?}"
    );

    let refactoring = Task {
        checks_may_be_green: true,
        ..of(&["sh test.sh"])
    };
    let judged = world.measure(&base, &refactoring);
    judged.expect_pass();
    let own = judged.one(Check::AcceptanceChecks);
    assert_eq!(own.result, CheckResult::Pass, "nothing broke: {own:?}");
}

/// The same beside a test of the change: one that is red without it shows what the checks do not, one that is green there does not.
#[test]
fn checks_that_were_green_before_beside_a_test_of_the_change_needs_python() {
    let world = World::new(&PYTHON);
    let base = world.tip();
    let code = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n";
    let of = |calls: &str| {
        let test = format!(
            "import unittest\nimport calc\n\n\nclass Sub(unittest.TestCase):\n    def test_sub(self):\n        self.assertEqual({calls})\n"
        );
        world.commit(
            &[("calc.py", code), ("test_sub.py", &test)],
            &[],
            "Subtract",
        );
        let task = Task {
            checks: vec![PYTHON_TEST.to_owned()],
            ..Task::with(PYTHON_TEST)
        };
        let judged = world.measure(&base, &task);
        world.rewind();
        judged
    };
    let unproven = |judged: &Judged| judged.one(Check::AcceptanceChecks).is_unproven();
    let judged = of("calc.sub(3, 1), 2");
    judged.expect_pass();
    assert!(!unproven(&judged), "{}", judged.table());
    let judged = of("calc.add(3, 1), 4");
    assert!(unproven(&judged), "{}", judged.table());
}
