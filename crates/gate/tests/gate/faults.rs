//! What goes wrong inside of the gate: a scanner that is missing, hangs or is killed, a flood of output, a test that writes where it
//! may not. Each fails closed, with the reason in the check's own line.

use alai_core::qa::Check;
use alai_core::record::Exit;

use super::honest::SHELL;
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
