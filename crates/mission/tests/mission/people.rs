//! What a person may do to a task, and what each verb means for the tasks around it.

use super::*;

#[test]
fn a_person_can_stop_what_runs_and_the_run_learns_it() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    world
        .mission
        .act(task, Event::Cancel, "not needed".into(), "me", 200)
        .expect("cancels");
    assert!(
        world
            .mission
            .heartbeat(&claim.fence, LEASE_MS, 300)
            .expect_err("lost")
            .is_stale()
    );
    let refused = world
        .mission
        .act(task, Event::Claim, String::new(), "me", 300)
        .expect_err("not a verb");
    assert!(matches!(refused, MissionError::Refused { .. }), "{refused}");
    assert_eq!(
        world
            .mission
            .act(task, Event::Reopen, String::new(), "me", 400)
            .expect("reopens"),
        State::Open
    );
    world.sound();
}

#[test]
fn a_cancelled_goal_takes_everything_under_it_along() {
    let world = world();
    let (goal, first, second, postflight) = goal_of_three(&world);
    let claim = world.claim().expect("the first build");
    let enqueue = Effect::Enqueue {
        lineage: first,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    world
        .mission
        .apply(
            &claim.fence,
            "ok",
            vec![complete(), review_of(&world, first), enqueue],
            200,
        )
        .expect("applies");
    let review = world.claim().expect("its review");
    let row = world.mission.merges_of(first).expect("rows")[0].id;
    let intent = || world.mission.merge_intent(row, "m").expect("notes");
    assert!(intent(), "a queued row may move its branch");
    world
        .mission
        .act(goal, Event::Cancel, "changed my mind".into(), "me", 300)
        .expect("cancels");
    assert!(!intent(), "a merge that is tested meanwhile moves nothing");
    for task in [goal, second, postflight] {
        assert_eq!(world.state(task), State::Cancelled, "{task}");
    }
    assert!(
        world
            .mission
            .heartbeat(&review.fence, LEASE_MS, 310)
            .is_ok(),
        "a review outside the goal's rows runs on"
    );
    assert_eq!(
        world.mission.merges_of(first).expect("rows")[0].state,
        MergeState::Refused
    );
    assert!(
        world
            .mission
            .next_merge(None, 1_000)
            .expect("reads")
            .is_none()
    );
    world.sound();
}

#[test]
fn a_paused_goal_starts_nothing_until_it_is_resumed() {
    let world = world();
    let (goal, first, ..) = goal_of_three(&world);
    world
        .mission
        .act(goal, Event::Pause, String::new(), "me", 20)
        .expect("pauses");
    assert!(world.claim().is_none());
    world
        .mission
        .act(goal, Event::Resume, String::new(), "me", 30)
        .expect("resumes");
    assert_eq!(world.claim().expect("goes on").task.id, first);
    world.sound();
}

#[test]
fn only_an_answer_to_a_rail_clears_it() {
    let world = world();
    let task = world.add(world.build("t"));
    let ask = |reason, detail: &str| {
        let waiting = Waiting {
            reason,
            detail: detail.into(),
            ..waiting()
        };
        world
            .mission
            .ask(task, waiting, "factory", 20)
            .expect("asks");
        world
            .mission
            .act(task, Event::Answer, "go ahead".into(), "me", 30)
            .expect("answers");
        world.mission.task(task).expect("reads").cleared
    };
    assert_eq!(
        ask(WaitReason::QaRetries, "production: in a finding"),
        Vec::<String>::new()
    );
    assert_eq!(
        ask(WaitReason::Safety, "production: it would change what runs"),
        ["production"]
    );
    let paused = world.mission.ask(task, waiting(), "factory", 40);
    paused.expect("asks");
    let refused = world
        .mission
        .act(task, Event::Pause, String::new(), "me", 50);
    assert!(
        matches!(refused, Err(MissionError::Refused { .. })),
        "a wait is not put aside"
    );
}

#[test]
fn what_was_made_without_a_cage_is_done_by_a_person_and_then_reviewed() {
    let world = world();
    let mut new = world.build("t");
    new.sandbox = alai_core::cage::Sandbox::Off;
    let task = world.add(new);
    let claim = world.claim().expect("a claim");
    assert_eq!(claim.task.sandbox, alai_core::cage::Sandbox::Off);
    world
        .mission
        .uncage(&claim.fence, 70_001, 150)
        .expect("noted");
    let run = world.mission.run(&claim.fence.run).expect("read");
    let run = run.expect("the run");
    assert_eq!(
        (run.uid, run.sandbox),
        (Some(70_001), alai_core::cage::Sandbox::Off)
    );
    let left = || world.mission.users_left().expect("read");
    assert_eq!(left(), std::slice::from_ref(&run));
    for at in [155, 156] {
        world.mission.user_ended(&run.id, at).expect("noted");
    }
    assert_eq!(left(), [], "nobody ends the number's next owner");
    let ended = world.mission.run(&run.id).expect("read");
    assert_eq!(ended, Some(run), "it still says that it had no cage");
    let refused = |by: &str| {
        world
            .mission
            .accept(task, None, by, 160)
            .expect_err("refused")
    };
    assert!(matches!(refused("me"), MissionError::Refused { .. }));
    let measured = Effect::Measured {
        base: "b".into(),
        head: "h".into(),
    };
    let waiting = Waiting {
        reason: WaitReason::Uncaged,
        owner: "me".into(),
        deadline_ms: 1_000,
        next_action: "judge it".into(),
        detail: "d".into(),
    };
    let ask = Effect::Ask {
        waiting,
        counters: Counters::default(),
        findings: vec![],
    };
    world
        .mission
        .apply(&claim.fence, "a person judges it", vec![measured, ask], 200)
        .expect("applies");
    let stale = world.mission.uncage(&claim.fence, 70_002, 250);
    assert!(stale.expect_err("it has ended").is_stale());
    let found = world.mission.task(task).expect("the task");
    assert_eq!(
        (found.state, found.head.as_deref()),
        (State::Waiting, Some("h"))
    );
    world.sound();
    assert_eq!(
        world
            .mission
            .accept(task, None, "me", 300)
            .expect("accepted"),
        State::Done
    );
    let review = world.claim().expect("its review");
    assert_eq!(review.task.kind, TaskKind::Review);
    assert_eq!(
        (review.task.parent, review.task.head.as_deref()),
        (Some(task), Some("h"))
    );
    assert_eq!(review.task.sandbox, alai_core::cage::Sandbox::On);
    assert!(matches!(refused("me again"), MissionError::Refused { .. }));
    assert!(world.mission.uncaged(task).expect("read"));
    let caged = world.add(world.build("in a cage"));
    assert!(!world.mission.uncaged(caged).expect("read"));
    world.sound();
}
