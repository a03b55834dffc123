//! Each invariant can be broken, and is then found: a check that cannot fail shows nothing. The rows are changed behind the store's
//! back, as a bug or another program would.

use std::collections::BTreeSet;

use alai_mission::{Fault, fsck_served, invariants};
use rusqlite::Connection;

use super::money::{call, reserve};
use super::*;

/// #1 a build that is done and merged, #2 its review, which runs, #3 a build that runs, #4 one that waits, #5 one that needs #3.
fn busy() -> World {
    let world = world();
    let m = &world.mission;
    let first = world.add(world.build("first"));
    let claim = world.claim().expect("a claim");
    reserve(m, &claim.fence, 0, 50, 110).expect("reserves");
    m.settle(&claim.fence, call(0, 30), 120).expect("settles");
    let enqueue = Effect::Enqueue {
        lineage: first,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    let effects = vec![complete(), review_of(&world, first), enqueue];
    m.apply(&claim.fence, "passed", effects, 130)
        .expect("applies");
    let merge = m.merges_of(first).expect("rows")[0].id;
    let integrated = Effect::Integrated {
        lineage: first,
        commit: "m".into(),
    };
    m.end_integration(merge, first, true, "merged", vec![integrated], 140)
        .expect("merges");
    let third = world.add(world.build("third"));
    world.claim().expect("the review");
    world.claim().expect("the third");
    let fourth = world.add(world.build("fourth"));
    m.ask(fourth, waiting(), "factory", 150).expect("asks");
    let mut fifth = world.build("fifth");
    fifth.needs = vec![Need {
        task: third,
        until: Until::Integrated,
    }];
    world.add(fifth);
    world.sound();
    world
}

const BROKEN: [(&str, &str); 33] = [
    (
        "a task that is started has exactly one live run",
        "UPDATE run SET state = 'lost', lease_until = NULL, ended_ms = 1, outcome = 'x' WHERE task = 3",
    ),
    (
        "a live run belongs to a task that is started",
        "UPDATE task SET state = 'open' WHERE id = 3",
    ),
    (
        "only live runs hold something",
        "INSERT INTO slot (run, key, most) SELECT id, 'k', 1 FROM run WHERE task = 1",
    ),
    (
        "a step that is begun belongs to a live run",
        "INSERT INTO step (run, key, state, intent, at_ms) SELECT id, 'x', 'started', 'i', 1 FROM run WHERE task = 1",
    ),
    (
        "a task that waits says for whom",
        "UPDATE task SET wait_owner = NULL WHERE id = 4",
    ),
    (
        "no open task needs a line of work that ended",
        "UPDATE task SET state = 'cancelled' WHERE id = 3",
    ),
    (
        "a live run has a lease",
        "UPDATE run SET outcome = 'x' WHERE task = 3",
    ),
    (
        "the epochs of a task's runs are 1, 2, 3",
        "UPDATE task SET epoch = 7 WHERE id = 1",
    ),
    (
        "a run belongs to the project of its task",
        "UPDATE run SET project = NULL WHERE task = 1",
    ),
    (
        "blocked_count is the number of needs",
        "UPDATE task SET blocked_count = 3 WHERE id = 5",
    ),
    (
        "a need is met exactly when",
        "UPDATE need SET satisfied = 1 WHERE task = 5",
    ),
    (
        "the state is what the last transition says",
        "UPDATE task SET state = 'open' WHERE id = 1",
    ),
    (
        "each transition starts where",
        "INSERT INTO event (task, actor, kind, from_state, to_state, detail, at_ms, link)
            VALUES (3, 'x', 'claim', 'paused', 'started', '', 1, printf('%064d', 0))",
    ),
    (
        "what is done stays done",
        "INSERT INTO event (task, actor, kind, from_state, to_state, detail, at_ms, link)
            VALUES (1, 'x', 'reopen', 'done', 'open', '', 1, printf('%064d', 0))",
    ),
    (
        "no event is missing",
        "DROP TRIGGER event_no_delete; DELETE FROM event WHERE seq = 2",
    ),
    (
        "each event has a link",
        "DROP TRIGGER event_no_update; UPDATE event SET link = NULL WHERE seq = 2",
    ),
    (
        "a build that is done by a run has passed its gate",
        "UPDATE task SET head = NULL WHERE id = 1",
    ),
    (
        "a done build has exactly one successor",
        "UPDATE task SET parent = NULL WHERE id = 2",
    ),
    (
        "what was made without a cage is done by a person's word",
        "UPDATE task SET sandbox = 'off' WHERE id = 1",
    ),
    (
        "what was sent back more than twice",
        "UPDATE task SET review_cycles = 3 WHERE id = 3",
    ),
    (
        "no task goes on that has used up its attempts",
        "UPDATE task SET qa_retries = 9 WHERE id = 3",
    ),
    ("each call in the ledger", "DELETE FROM ledger"),
    (
        "a merged row's lineage is integrated",
        "UPDATE task SET integrated = NULL WHERE id = 1",
    ),
    ("the end of a task is told", "DELETE FROM outbox"),
    (
        "a schedule fires once",
        "DROP TABLE firing; CREATE TABLE firing (schedule, fire_ms, task, at_ms);
         INSERT INTO firing VALUES (1, 1, NULL, 1), (1, 1, NULL, 2)",
    ),
    (
        "a request that was answered can be told",
        "UPDATE task SET idem_key = 'k' WHERE id = 1",
    ),
    (
        "foreign keys hold",
        "UPDATE task SET goal = 999 WHERE id = 3",
    ),
    (
        "no tasks need each other",
        "INSERT INTO need (task, needs, until, satisfied) VALUES (3, 5, 'done', 0)",
    ),
    (
        "money is reserved for calls of live runs alone",
        "UPDATE ledger SET state = 'reserved', settled_ms = NULL, cost_microusd = 0",
    ),
    (
        "each sum of money is what its calls add up to",
        "UPDATE purse SET spent = spent + 1 WHERE scope = 'goal' OR scope = 'day'",
    ),
    (
        "the file is sound",
        "DELETE FROM task_fts_data WHERE id > 10",
    ),
    (
        "what a run says in a session it says on its own task",
        "INSERT INTO session (lineage, actor, at_ms) VALUES (1, 'factory', 1);
         INSERT INTO entry (session, task, run, agent, kind, text, at_ms)
            SELECT 1, 2, id, 'builder', 'note', 'in the name of another', 1 FROM run WHERE task = 1",
    ),
    (
        "what is on its way to a remote",
        "INSERT INTO published (task, project, way, remote, branch, target, head, merge, state, at_ms)
            VALUES (1, 1, 'branch', 'origin', 'alai/task-1', 'main', 'm', 1, 'pushing', 1)",
    ),
];

fn behind(home: &Path, sql: &str) {
    let raw = Connection::open(home.join("mission.db")).expect("opens");
    raw.execute_batch(&format!(
        "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {sql};"
    ))
    .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn found(faults: &[Fault], invariant: &str) -> bool {
    faults.iter().any(|f| f.invariant.starts_with(invariant))
}

#[test]
fn each_invariant_is_found_broken() {
    let mut missed: BTreeSet<&str> = invariants().collect();
    for (invariant, sql) in BROKEN {
        let world = busy();
        behind(world.home.path(), sql);
        let faults = fsck(&world.mission).expect("fsck runs");
        assert!(found(&faults, invariant), "{invariant}: {faults:?}");
        missed.retain(|name| !name.starts_with(invariant));
    }
    assert_eq!(missed, BTreeSet::new(), "every invariant has its case");
}

#[test]
fn a_lease_that_lapsed_beside_a_daemon_is_found() {
    let world = busy();
    let at = |now| fsck_served(&world.mission, now).expect("fsck runs");
    assert_eq!(at(100 + LEASE_MS), []);
    let faults = at(100 + LEASE_MS + 121_000);
    assert!(found(&faults, "no lease has lapsed"), "{faults:?}");
}

/// A store whose last writer was killed is looked at as a whole, one that was closed at a glance; nothing is written to either when
/// it is not sound.
#[test]
fn nothing_is_written_to_a_store_that_is_not_sound() {
    let open = |world: World| {
        let World { home, mission, .. } = world;
        drop(mission);
        (Mission::open(home.path(), quiet).map(drop), home)
    };
    let killed = "UPDATE fact SET value = 'no' WHERE key = 'closed'";

    let (opened, _home) = open(busy());
    opened.expect("a sound store");

    let world = busy();
    behind(world.home.path(), BROKEN[0].1);
    let (opened, _home) = open(world);
    let words = opened
        .expect_err("what is at work is looked at")
        .to_string();
    assert!(
        words.contains("is not sound (a task that is started"),
        "{words}"
    );

    let worn = "no task goes on that has used up its attempts";
    let rare = BROKEN.iter().find(|(name, _)| *name == worn);
    let (_, rare) = rare.expect("it has its case");
    let world = busy();
    behind(world.home.path(), rare);
    let (opened, home) = open(world);
    opened.expect("nobody looks at all of a store that was closed");
    behind(home.path(), killed);
    let words = Mission::open(home.path(), quiet)
        .expect_err("all of it is looked at")
        .to_string();
    assert!(words.contains("used up its attempts"), "{words}");
    Reader::open(home.path()).expect("it can still be read, shown and exported");

    let (opened, home) = open(busy());
    opened.expect("a sound store");
    behind(home.path(), killed);
    Mission::open(home.path(), quiet).expect("killed, and sound");
}
