//! Programs of the launcher's own executable: a cage runs them in a process forked of its pid 1, and they see what they would see
//! if they had been executed.

use alai_core::record::Exit;
use serde_json::Value;

use crate::world::{INSIDE, World, worlds};

fn state(world: &World, argv: &[&str]) -> Value {
    let captured = world.run(argv);
    assert_eq!(
        captured.record.exit,
        Exit::Code { code: 7 },
        "{}: {}",
        world.name(),
        captured.combined()
    );
    serde_json::from_str(captured.stdout.trim()).unwrap()
}

#[test]
fn a_forked_program_has_nothing_of_pid_1_that_an_executed_one_has_not() {
    for world in worlds() {
        let forked = state(&world, &[INSIDE, "own-state"]);
        let executed = state(&world, &["env", INSIDE, "own-state"]);
        assert_eq!(forked, executed, "{}", world.name());
        assert_eq!(forked["cwd"], "/clone");
        assert_eq!(forked["parent"], 1, "its parent is pid 1 of the cage");
        assert_eq!(forked["env"]["HOME"], "/home/agent");
        assert_eq!(forked["open"], serde_json::json!([0, 1, 2]));
    }
}

#[test]
fn a_program_that_panics_ends_as_one_and_the_cage_with_it() {
    for world in worlds() {
        let captured = world.run(&[INSIDE, "own-panics"]);
        let what = format!("{}: {}", world.name(), captured.combined());
        assert_eq!(captured.record.exit, Exit::Code { code: 101 }, "{what}");
        assert!(captured.stderr.contains("as it was told to"), "{what}");
    }
}
