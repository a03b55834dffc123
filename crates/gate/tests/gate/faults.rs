//! What goes wrong inside of the gate: a scanner that is missing, hangs or is killed, a flood of output, a test that writes where it
//! may not. Each fails closed, with the reason in the check's own line.

use alai_core::qa::Check;
use alai_core::record::Exit;

use super::honest::{PYTHON, PYTHON_TEST, SHELL};
use super::world::{Judged, Task, World};

const CHANGE: [(&str, &str); 1] = [("sub.sh", "#!/bin/sh\necho $(($1 - $2))\n")];

fn measured(world: &World, task: &Task) -> Judged {
    let base = world.tip();
    world.commit(&CHANGE, &[], "Subtract");
    world.measure(&base, task)
}

fn scanned(lint: &'static str, command_s: u64) -> Judged {
    let task = Task {
        lint: Some(lint),
        command_s: Some(command_s),
        ..Task::with("sh test.sh")
    };
    measured(&World::new(&SHELL), &task)
}

/// The check failed, and says why in these words.
#[track_caller]
fn says(judged: &Judged, check: Check, words: &str) {
    judged.expect_seen_bad(check);
    let detail = &judged.one(check).detail;
    assert!(
        detail.contains(words),
        "`{words}`: {detail}\n{}",
        judged.table()
    );
}

#[test]
fn a_scanner_that_is_missing_fails() {
    says(
        &scanned("no-such-scanner .", 60),
        Check::LintFormatTypes,
        "a program was not found",
    );
}

#[test]
fn a_scanner_that_hangs_fails() {
    let judged = scanned("sleep 600", 2);
    says(&judged, Check::LintFormatTypes, "timed out after 2 s");
}

#[test]
fn a_scanner_that_is_killed_fails() {
    says(
        &scanned("kill -9 $$", 60),
        Check::LintFormatTypes,
        "ended by signal 9",
    );
}

#[test]
fn a_flood_of_output_fails() {
    let task = Task {
        checks: vec!["head -c 1073741824 /dev/zero".into()],
        ..Task::with("sh test.sh")
    };
    let judged = measured(&World::new(&SHELL), &task);
    judged.expect_fail(Check::AcceptanceChecks);
    says(&judged, Check::AcceptanceChecks, "wrote more than");
    let mut commands = judged.measured.commands.iter();
    let flood = commands.find(|c| matches!(c.record.exit, Exit::TooMuchOutput { .. }));
    let flood = flood.expect("its record");
    assert!(
        flood.truncated && flood.stdout.len() < 16 << 20,
        "{}",
        flood.stdout.len()
    );
}

/// The tests themselves: what they had said before the flood is worth nothing.
#[test]
fn tests_that_flood_their_output_fail_and_are_told_with_their_limit() {
    let world = World::new(&SHELL);
    let base = world.tip();
    let flood = "#!/bin/sh\nhead -c 1073741824 /dev/zero\n";
    world.commit(&[CHANGE[0], ("flood.sh", flood)], &[], "Subtract");
    let task = Task::with("sh test.sh && if [ -e flood.sh ]; then sh flood.sh; fi");
    let judged = world.measure(&base, &task);
    says(&judged, Check::CensusNotReduced, "wrote more than");
    assert!(!judged.verdict.passed(), "{}", judged.table());
    let flooded = { judged.measured.commands.iter() }
        .filter(|c| matches!(c.record.exit, Exit::TooMuchOutput { .. }))
        .all(|c| c.truncated && c.stdout.len() < 16 << 20);
    assert!(flooded, "no more is kept than a limit says");
}

#[test]
fn what_writes_outside_fails_and_has_written_nothing() {
    let world = World::new(&SHELL);
    let outside = world.dir.path().join("outside");
    let write = format!("echo x > {}", outside.display());
    let task = Task {
        checks: vec![write.clone()],
        ..Task::with("sh test.sh")
    };
    measured(&world, &task).expect_fail(Check::AcceptanceChecks);
    assert!(!outside.exists());
    world.rewind();
    // One that says nothing of its failure has written nothing either.
    let task = Task {
        checks: vec![
            format!("{write}; true"),
            "echo x > /usr/alai-was-here; true".into(),
        ],
        ..Task::with("sh test.sh")
    };
    measured(&world, &task);
    assert!(!outside.exists() && !std::path::Path::new("/usr/alai-was-here").exists());
}

/// A test of the change that has no end on the base's code: it is not red there, and not unable to load.
#[test]
fn a_run_on_the_base_that_has_no_end_is_told_with_its_command_and_limit_needs_python() {
    let world = World::new(&PYTHON);
    let endless = "def add(a, b):\n    return a + b\n\n\ndef wait(left):\n    while left != 0:\n        left += 1\n    return 'done'\n";
    world.commit(&[("calc.py", endless)], &[], "Wait");
    let base = world.tip();
    let test = "import unittest\nimport calc\n\n\nclass Wait(unittest.TestCase):\n    def test_wait(self):\n        self.assertEqual(calc.wait(3), 'done')\n";
    let mended = endless.replace("+= 1", "-= 1");
    world.commit(&[("calc.py", &mended), ("test_wait.py", test)], &[], "Mend");
    let task = Task {
        command_s: Some(20),
        ..Task::with(PYTHON_TEST)
    };
    let judged = world.measure(&base, &task);
    says(
        &judged,
        Check::NewTestsFailOnBase,
        "on the base's code `python3 -m unittest -v` timed out after 20 s",
    );
    assert!(
        judged.verdict.passed(),
        "it vetoes nothing: {}",
        judged.table()
    );
}
