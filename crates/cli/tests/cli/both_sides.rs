//! What the merge queue sends back goes on from both sides: the builder is told what the change did and what came meanwhile, and has
//! before him all of it that git can join.

use alai_core::ids::TaskId;
use alai_core::task::{Task, TaskKind};
use serde_json::json;

use crate::queue::{Brings, goes_down, queue, store, was_always_green};
use crate::script::Script;
use crate::session::sent;
use crate::world::{World, run};

/// Joins a title, and mends a poisoned test. Neither writes anything that the change sent back had done before.
fn joins() -> Script {
    let edit = |path: &str, old: &str, new: &str| {
        [
            json!({"name": "read", "arguments": {"path": path}}),
            json!({"name": "edit", "arguments": {"path": path, "old": old, "new": new}}),
        ]
    };
    Script::good()
        .builds(
            "Rework: b2",
            &edit("README.md", "# Title of b1", "# Title of b1 and b2"),
        )
        .builds("Rework: b3", &edit("tests/b3.sh", "\"poison\"", "\"3\""))
}

/// The one build that does a line's work again.
fn rework_of(world: &World, line: TaskId) -> Task {
    let reader = alai_mission::Reader::open(&world.home()).expect("a store");
    let of_line = reader.line(line).expect("reads").into_iter();
    let mut found = of_line.filter(|task| task.lineage.is_some() && task.kind == TaskKind::Build);
    let rework = found.next().expect("a rework");
    assert!(found.next().is_none(), "once");
    rework
}

#[test]
fn a_conflict_is_joined_with_both_sides_in_hand_and_a_red_change_is_mended_also_after_a_kill() {
    let world = World::scripted("approve", &joins());
    let store_ = store(&world);
    let all = [Brings::Title, Brings::Title, Brings::Poison];
    let lines: Vec<TaskId> = { all.into_iter().enumerate() }
        .map(|(at, brings)| queue(&world, &store_, at + 1, brings))
        .collect();
    let head = store_
        .task(lines[1])
        .expect("reads")
        .head
        .expect("its commit");
    drop(store_);

    // The commit of both is kept, and nobody is told of it yet.
    let mut dies = world.command(["up"]);
    dies.env("ALAI_CRASH_AT", "sides.after");
    assert_eq!(run(dies).code, 137);
    alai_workspace::cage::end_orphans();
    let kept =
        |world: &World| world.git(&["for-each-ref", "--format=%(objectname)", "refs/alai/sides/"]);
    let made = kept(&world);
    let foreign = world.git(&["rev-parse", "main"]);
    let others = format!("refs/alai/sides/{foreign}");
    world.git(&["update-ref", &others, &foreign]);

    let daemon = world.up();
    for line in &lines {
        world.until(&format!("{line} is merged"), |w| {
            (!w.task(line.0)["view"]["task"]["integrated"].is_null()).then_some(())
        });
    }
    goes_down(&world, daemon);
    world.alai(["mc", "fsck"]).exits(0);

    let rework = rework_of(&world, lines[1]);
    let (base, start) = (
        rework.base.expect("what is merged"),
        rework.start_from.expect("both"),
    );
    let parents = world.git(&["log", "-1", "--format=%P", &start]);
    assert_eq!(parents, format!("{head} {base}"));
    let first = &sent(&world, rework.id.0)[0];
    for words in [
        "+# Title of b2",
        "+# Title of b1",
        "conflicts with what was merged meanwhile, in README.md",
    ] {
        assert!(first.contains(words), "{words}: {first}");
    }
    assert_eq!(
        world
            .git(&["show", "alai/integration:README.md"])
            .lines()
            .next(),
        Some("# Title of b1 and b2")
    );
    // Nobody wrote these again.
    for (path, says) in [
        ("tests/b2.sh", "is \"b2\" \"2\" \"2\""),
        ("tests/b3.sh", "is \"b3\" \"3\" \"3\""),
    ] {
        assert_eq!(
            world.git(&["show", &format!("alai/integration:{path}")]),
            says
        );
    }
    let red = rework_of(&world, lines[2]);
    let first = &sent(&world, red.id.0)[0];
    for words in [
        "+is \\\"b3\\\" \\\"3\\\" \\\"poison\\\"",
        "do not do it again, mend it",
    ] {
        assert!(first.contains(words), "{words}: {first}");
    }
    was_always_green(&world);

    // What a daemon removes when it begins: the line is merged, and nobody goes on from there. What no task names stays.
    assert!(!made.is_empty(), "kept before anybody is told of it");
    assert!(kept(&world).contains(&start));
    let daemon = world.up();
    goes_down(&world, daemon);
    let left = kept(&world);
    assert!(!left.contains(&start) && left.contains(&foreign), "{left}");
    world.git(&["merge-base", "--is-ancestor", &start, "alai/integration"]);
    world.git(&["fsck", "--connectivity-only", "--no-dangling"]);
    world.alai(["mc", "fsck"]).exits(0);
}
