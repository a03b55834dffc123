//! One transaction or nothing, one writer, and what the file itself must refuse.

use super::*;

#[test]
fn completion_is_one_transaction_or_nothing() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let mut orphan = NewTask::new(TaskKind::Review, "r");
    orphan.parent = Some(TaskId(999));
    let broken = Effect::Spawn {
        tasks: vec![Spawn {
            task: orphan,
            needs_new: vec![],
            holds_postflight: false,
            holds_dependents: false,
            of_goal: false,
        }],
    };
    world
        .mission
        .apply(&claim.fence, "ok", vec![complete(), broken], 200)
        .expect_err("no such parent");
    assert_eq!(world.state(task), State::Started, "nothing of it happened");
    assert_eq!(world.mission.live_runs().expect("runs").len(), 1);
    world
        .mission
        .apply(
            &claim.fence,
            "ok",
            vec![complete(), review_of(&world, task)],
            210,
        )
        .expect("applies");
    let row = world
        .mission
        .run(&claim.fence.run)
        .expect("reads")
        .expect("the run");
    assert_eq!(
        (world.state(task), row.state),
        (State::Done, RunState::Succeeded)
    );
    assert!(
        !world
            .mission
            .outbox_due(10_000, 10)
            .expect("outbox")
            .is_empty()
    );
    world.sound();
}

#[test]
fn the_same_key_is_the_same_task_and_another_request_is_a_conflict() {
    let world = world();
    let one = world
        .mission
        .add(world.build("t"), Some("k".into()), "test", 10)
        .expect("adds");
    let two = world
        .mission
        .add(world.build("t"), Some("k".into()), "test", 20)
        .expect("answers");
    assert_eq!(one, two);
    let other = world
        .mission
        .add(world.build("u"), Some("k".into()), "test", 30);
    assert!(matches!(
        other,
        Err(MissionError::IdempotencyConflict { .. })
    ));
    let mut goal = NewTask::new(TaskKind::Goal, "g");
    goal.project = Some(world.project);
    let spec = NewTask::new(TaskKind::Spec, "Spec: g");
    let a = world
        .mission
        .add_goal(goal.clone(), spec.clone(), Some("g".into()), "test", 10)
        .expect("adds");
    let b = world
        .mission
        .add_goal(goal, spec, Some("g".into()), "test", 10)
        .expect("answers");
    assert_eq!(a, b);
    let all = Filter {
        goal: Some(a),
        ended: true,
        ..Filter::default()
    };
    assert_eq!(
        world.mission.tasks(&all).expect("lists").len(),
        2,
        "one goal, one spec"
    );
}

#[test]
fn a_wait_without_owner_or_action_cannot_be_stored() {
    let world = world();
    let task = world.add(world.build("t"));
    for broken in [
        Waiting {
            owner: String::new(),
            ..waiting()
        },
        Waiting {
            next_action: String::new(),
            ..waiting()
        },
    ] {
        world
            .mission
            .ask(task, broken, "factory", 20)
            .expect_err("the constraint holds");
        assert_eq!(world.state(task), State::Open);
    }
    world
        .mission
        .ask(task, waiting(), "factory", 20)
        .expect("a full wait");
    let stored = world
        .mission
        .task(task)
        .expect("reads")
        .waiting
        .expect("is waiting");
    assert_eq!(stored.next_action, format!("pull a model for {}", task.0));
    assert!(world.claim().is_none());
    assert_eq!(
        world
            .mission
            .act(task, Event::Answer, "go on".into(), "me", 30)
            .expect("answers"),
        State::Open
    );
    let claimed = world.claim().expect("goes on");
    assert_eq!(claimed.task.findings, ["me says: go on"]);
    world.sound();
}

#[test]
fn a_task_that_is_held_is_never_there_to_be_claimed() {
    let world = world();
    let mut held = world.build("later");
    held.held = true;
    let task = world.add(held.clone());
    assert_eq!(world.state(task), State::Paused);
    assert!(world.claim().is_none());
    // One commit: nobody sees it open.
    let events = world.mission.events(task).expect("its history");
    let kinds: Vec<&str> = events.iter().map(|e| &*e.kind).collect();
    assert_eq!(kinds, ["created", "pause"]);
    world
        .mission
        .act(task, Event::Resume, String::new(), "me", 20)
        .expect("resumes");
    assert_eq!(world.claim().expect("a claim").task.id, task);
    // What waits for a person waits for him first.
    held.waiting = Some(waiting());
    assert_eq!(world.state(world.add(held)), State::Waiting);
    world.sound();
}

#[test]
fn history_cannot_be_rewritten() {
    let world = world();
    let task = world.add(world.build("t"));
    let raw = rusqlite::Connection::open(world.home.path().join("mission.db")).expect("opens");
    raw.execute(
        "UPDATE event SET detail = 'nothing happened' WHERE task = ?",
        [task.0],
    )
    .expect_err("never changed");
    raw.execute("DELETE FROM event", [])
        .expect_err("never deleted");
    assert_eq!(
        world.mission.events(task).expect("history")[0].kind,
        "created"
    );
}

#[test]
fn fifty_writers_at_once_lose_nothing() {
    let world = Arc::new(world());
    let threads: Vec<_> = (0..50)
        .map(|n| {
            let world = Arc::clone(&world);
            std::thread::spawn(move || {
                (0..20)
                    .map(|m| world.add(world.build(&format!("t{n}-{m}"))))
                    .collect::<Vec<TaskId>>()
            })
        })
        .collect();
    let mut ids: Vec<TaskId> = threads
        .into_iter()
        .flat_map(|t| t.join().expect("no writer panics"))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(
        ids.len(),
        1_000,
        "every acknowledged task has its own number"
    );
    assert_eq!(
        world
            .mission
            .tasks(&Filter::default())
            .expect("lists")
            .len(),
        1_000
    );
    world.sound();
}

#[test]
fn one_process_writes_and_others_read() {
    let world = world();
    let second = Mission::open(world.home.path(), quiet).expect_err("the lock is held");
    assert!(
        matches!(&second, MissionError::Locked { pid, .. } if *pid == std::process::id().to_string()),
        "{second}"
    );
    let task = world.add(world.build("t"));
    let reader = Reader::open(world.home.path()).expect("readers may");
    assert_eq!(reader.task(task).expect("reads").title, "t");
    drop(world.mission);
    let again = Mission::open(world.home.path(), quiet).expect("the lock is free again");
    assert_eq!(again.task(task).expect("reads").title, "t");
}

#[test]
fn a_newer_or_readable_file_is_refused_and_untouched() {
    let World { home, mission, .. } = world();
    drop(mission);
    let path = home.path().join("mission.db");
    let raw = rusqlite::Connection::open(&path).expect("opens");
    raw.execute_batch("PRAGMA user_version = 99").expect("sets");
    drop(raw);
    let refused = Mission::open(home.path(), quiet).expect_err("newer");
    assert!(
        matches!(refused, MissionError::NewerSchema { found: 99, .. }),
        "{refused}"
    );
    assert!(matches!(
        Reader::open(home.path()),
        Err(MissionError::NewerSchema { .. })
    ));
    set_mode(&path, 0o644);
    let refused = Mission::open(home.path(), quiet).expect_err("readable by others");
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
}

#[test]
fn searches_never_leave_their_project() {
    let world = world();
    for (project, text) in [
        (Some(world.project), "limits live in gate.rs"),
        (None, "limits of another house"),
    ] {
        let entry = alai_mission::MindEntry {
            id: 0,
            entry_kind: "knowledge".into(),
            project,
            task: None,
            run: None,
            company: None,
            source: "test".into(),
            text: text.into(),
            seen: 1,
            at_ms: 1,
            score: 0.0,
        };
        let first = world.mission.post(entry.clone()).expect("posts");
        assert_eq!(
            world.mission.post(entry).expect("posts again"),
            first,
            "the same text is one row"
        );
    }
    let query = |project| alai_mission::MindQuery {
        words: vec!["nothing\" OR".into(), "limits".into()],
        project,
        limit: 5,
    };
    let found = world
        .mission
        .mind_search(&query(Some(world.project)))
        .expect("searches");
    assert_eq!(
        found.iter().map(|e| (&*e.text, e.seen)).collect::<Vec<_>>(),
        [("limits live in gate.rs", 2)]
    );
    assert_eq!(
        world
            .mission
            .mind_search(&query(None))
            .expect("searches")
            .len(),
        1
    );
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}
