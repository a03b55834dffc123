//! The log of what happened: each event linked to the one before it.

use alai_mission::{BEFORE_ALL, LogFault, LogMark};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{World, world};

/// A store with a history of some length, and a connection that goes past the program.
fn tampered() -> (World, Connection) {
    let world = world();
    for at in 0..6 {
        world.add(world.build(&format!("t{at}")));
    }
    world.claim().expect("a claim");
    let raw = Connection::open(world.home.path().join("mission.db")).expect("opens");
    raw.execute_batch("DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete;")
        .expect("somebody who can write the file");
    (world, raw)
}

#[test]
fn every_event_is_linked_and_common_tools_make_the_same_link() {
    let (world, raw) = tampered();
    let log = world.mission.log(&[0, 1, 999]).expect("a log");
    assert_eq!(log.faults, []);
    assert_eq!(log.end, world.mission.log_end().expect("an end"));
    let text: String = raw
        .query_row(
            "SELECT json_object('seq', seq, 'task', task, 'run', run, 'actor', actor, 'kind', kind, 'from', from_state,
                'to', to_state, 'detail', detail, 'at_ms', at_ms) FROM event WHERE seq = 1",
            [],
            |r| r.get(0),
        )
        .expect("the first");
    let text = format!("{BEFORE_ALL}\n{text}");
    let first = LogMark {
        seq: 1,
        link: hex::encode(Sha256::digest(text)),
    };
    let start = LogMark {
        seq: 0,
        link: BEFORE_ALL.to_owned(),
    };
    assert_eq!(log.marks, [Some(start), Some(first), None]);
}

#[test]
fn what_was_changed_taken_out_or_put_in_is_named() {
    type Case = (&'static str, &'static [LogFault]);
    const CHANGED_3: &[LogFault] = &[LogFault::Changed { seq: 3 }];
    let cases: [Case; 9] = [
        (
            "UPDATE event SET detail = 'nothing happened' WHERE seq = 3",
            CHANGED_3,
        ),
        (
            "UPDATE event SET actor = 'somebody else' WHERE seq = 3",
            CHANGED_3,
        ),
        (
            "UPDATE event SET at_ms = at_ms + 1 WHERE seq = 3",
            CHANGED_3,
        ),
        ("UPDATE event SET task = 1 WHERE seq = 3", CHANGED_3),
        ("UPDATE event SET run = 'r' WHERE seq = 3", CHANGED_3),
        (
            "DELETE FROM event WHERE seq IN (3, 4)",
            &[LogFault::Missing { first: 3, last: 4 }],
        ),
        (
            "DELETE FROM event WHERE seq = 3; UPDATE event SET seq = seq - 1 WHERE seq > 3",
            // Their numbers are in their links.
            &[
                LogFault::Changed { seq: 3 },
                LogFault::Changed { seq: 4 },
                LogFault::Changed { seq: 5 },
                LogFault::Changed { seq: 6 },
            ],
        ),
        (
            "UPDATE event SET link = NULL WHERE seq = 3",
            &[LogFault::Unlinked { seq: 3 }],
        ),
        (
            "UPDATE event SET link = upper(link) WHERE seq = 3",
            &[LogFault::Changed { seq: 3 }, LogFault::Changed { seq: 4 }],
        ),
    ];
    for (sql, want) in cases {
        let (world, raw) = tampered();
        raw.execute_batch(sql).expect("tampered with");
        let log = world.mission.log(&[]).expect("a log");
        assert_eq!(log.faults[..want.len()], *want, "{sql}");
        if want.len() < 3 {
            assert_eq!(log.faults.len(), want.len(), "{sql}: {:?}", log.faults);
        }
    }
    let (world, raw) = tampered();
    raw.execute_batch("UPDATE event SET detail = 'x'; DELETE FROM event WHERE seq % 2 = 0")
        .expect("tampered with");
    assert!(world.mission.log(&[]).expect("a log").faults.len() > 3);
}

#[test]
fn an_event_without_its_link_is_refused() {
    let world = world();
    world.add(world.build("t"));
    let raw = Connection::open(world.home.path().join("mission.db")).expect("opens");
    raw.execute_batch(
        "INSERT INTO event (task, actor, kind, detail, at_ms) VALUES (1, 'me', 'note', 'it was approved', 1)",
    )
    .expect_err("put in beside the chain");
}
