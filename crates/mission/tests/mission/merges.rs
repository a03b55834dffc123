//! The merge queue and the goals that it settles.

use super::*;

#[test]
fn goals_are_settled_when_nothing_under_them_is_left() {
    let world = world();
    let mut goal = NewTask::new(TaskKind::Goal, "g");
    goal.project = Some(world.project);
    let mut spec = NewTask::new(TaskKind::Spec, "Spec: g");
    spec.project = Some(world.project);
    let goal = world
        .mission
        .add_goal(goal, spec, None, "test", 10)
        .expect("adds");
    assert!(world.mission.settled_goals().expect("reads").is_empty());
    let claim = world.claim().expect("the spec");
    assert_eq!(
        (claim.task.kind, claim.task.goal),
        (TaskKind::Spec, Some(goal))
    );
    let done = Effect::Complete {
        base: None,
        head: None,
        note: String::new(),
    };
    world
        .mission
        .apply(&claim.fence, "ok", vec![done], 200)
        .expect("applies");
    assert_eq!(world.mission.settled_goals().expect("reads")[0].id, goal);
    world
        .mission
        .enqueue_delivery(goal, world.project, "h", "factory", 300)
        .expect("queues");
    world
        .mission
        .enqueue_delivery(goal, world.project, "h", "factory", 310)
        .expect("is one row");
    assert!(
        world.mission.settled_goals().expect("reads").is_empty(),
        "it is being delivered"
    );
    let row = world
        .mission
        .next_merge(None, 1_000)
        .expect("reads")
        .expect("queued");
    let refused = Waiting {
        reason: WaitReason::Approval,
        ..waiting()
    };
    world
        .mission
        .end_delivery(row.id, goal, Some(refused), "dirty", 320)
        .expect("ends");
    assert_eq!(world.state(goal), State::Waiting);
    world
        .mission
        .enqueue_delivery(goal, world.project, "h", "me", 330)
        .expect("tried again");
    let row = world
        .mission
        .next_merge(None, 1_000)
        .expect("reads")
        .expect("queued again");
    world
        .mission
        .end_delivery(row.id, goal, None, "moved", 340)
        .expect("ends");
    assert_eq!(world.state(goal), State::Done);
    world.sound();
}

#[test]
fn a_refused_merge_is_tried_again_when_a_person_says_so() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let enqueue = Effect::Enqueue {
        lineage: task,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    world
        .mission
        .apply(
            &claim.fence,
            "ok",
            vec![complete(), review_of(&world, task), enqueue],
            200,
        )
        .expect("applies");
    let review = world.claim().expect("the review");
    let done = Effect::Complete {
        base: None,
        head: None,
        note: "pass".into(),
    };
    world
        .mission
        .apply(&review.fence, "ok", vec![done], 210)
        .expect("applies");
    let row = world
        .mission
        .next_merge(None, 300)
        .expect("reads")
        .expect("queued");
    world
        .mission
        .merge_failed(&row, "disk full", 300)
        .expect("counts");
    assert!(
        world
            .mission
            .next_merge(None, 301)
            .expect("reads")
            .is_none(),
        "its turn comes later"
    );
    let row = world
        .mission
        .next_merge(None, 60_000)
        .expect("reads")
        .expect("queued again");
    assert_eq!(
        (row.attempts, row.outcome.as_deref()),
        (1, Some("disk full"))
    );
    world
        .mission
        .end_integration(row.id, task, false, "disk full", vec![], 60_000)
        .expect("gives up");
    assert!(world.mission.resting(task).expect("reads"));
    assert!(
        world
            .mission
            .requeue_merge(task, "me", 61_000)
            .expect("tries again")
    );
    assert!(
        !world
            .mission
            .requeue_merge(task, "me", 61_000)
            .expect("once")
    );
    let again = world
        .mission
        .next_merge(None, 61_000)
        .expect("reads")
        .expect("queued");
    assert_eq!(again.attempts, 0);
    assert!(!world.mission.resting(task).expect("reads"));
    world.sound();
}

/// Nobody else would bring it in: the goal would be summed up, and delivered, without it.
#[test]
fn a_merge_that_was_queued_when_its_goal_was_cancelled_is_queued_again_with_the_goal() {
    let world = world();
    let (goal, first, second, postflight) = goal_of_three(&world);
    let mission = &world.mission;
    let claim = world.claim().expect("the first build");
    assert_eq!(claim.task.id, first);
    let enqueue = Effect::Enqueue {
        lineage: first,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    mission
        .apply(
            &claim.fence,
            "good",
            vec![complete(), review_of(&world, first), enqueue],
            110,
        )
        .expect("applies");
    let review = world.claim().expect("its review");
    mission
        .apply(&review.fence, "good", vec![complete()], 120)
        .expect("applies");
    let act = |event, at_ms| mission.act(goal, event, "again".into(), "me", at_ms);
    // The clock may go back between the two: what was cancelled last counts, and not what was cancelled at the latest time.
    for (cancelled_ms, again_ms) in [(300, 310), (200, 210)] {
        act(Event::Cancel, cancelled_ms).expect("cancelled");
        assert!(mission.next_merge(None, 400).expect("reads").is_none());
        act(Event::Reopen, again_ms).expect("taken up");
        let row = mission.next_merge(None, 400).expect("reads");
        let row = row.expect("queued again");
        assert_eq!((row.task, row.attempts, row.outcome), (first, 0, None));
        assert_eq!(
            [second, postflight].map(|task| world.state(task)),
            [State::Open; 2]
        );
        let needs = |task| mission.needs(task).expect("needs").len();
        assert_eq!([second, postflight].map(needs), [1, 2], "both wait for it");
        assert!(world.claim().is_none(), "nothing begins without it");
    }
    world.sound();
}

/// Whatever stands in the queue, the merge that the others wait for is the next one.
#[test]
fn a_merge_that_others_wait_for_is_never_behind_them() {
    let world = world();
    let tasks: Vec<_> = (0..3)
        .map(|n| world.add(world.build(&format!("t{n}"))))
        .collect();
    for _ in &tasks {
        let claim = world.claim().expect("a claim");
        let task = claim.task.id;
        let enqueue = Effect::Enqueue {
            lineage: task,
            project: world.project,
            base: "b".into(),
            head: format!("h{}", task.0),
        };
        let effects = vec![complete(), review_of(&world, task), enqueue];
        world
            .mission
            .apply(&claim.fence, "ok", effects, 200)
            .expect("applies");
    }
    let next = |now_ms| {
        let row = world.mission.next_merge(None, now_ms).expect("reads");
        row.map(|row| row.task)
    };
    let reviews: Vec<_> = std::iter::from_fn(|| world.claim()).collect();
    for review in reviews {
        let done = Effect::Complete {
            base: None,
            head: None,
            note: "pass".into(),
        };
        world
            .mission
            .apply(&review.fence, "ok", vec![done], 210)
            .expect("applies");
    }
    assert_eq!(next(300), Some(tasks[0]));
    let wait = |until_ms| {
        let waits = world
            .mission
            .merges_wait(world.project, tasks[2], "it is joined", until_ms);
        waits.expect("written");
    };
    wait(5_300);
    assert_eq!(next(300), Some(tasks[2]), "no other one is tried before it");
    let due = world
        .mission
        .due_integrations(world.project, 16, 300)
        .expect("reads");
    assert_eq!(due.len(), 1, "{due:?}");
    assert_eq!(
        next(5_300),
        Some(tasks[0]),
        "and then their turn comes again"
    );
    wait(400);
    let due = world
        .mission
        .due_integrations(world.project, 16, 5_299)
        .expect("reads");
    assert_eq!(due.len(), 1, "a wait makes no other one shorter");
}

/// The first build of [`goal_of_three`] passes its judges, and its merge fails by the machine's fault until nobody tries it again.
fn refused_by_the_machine(world: &World, first: TaskId) {
    let mission = &world.mission;
    let claim = world.claim().expect("the first build");
    assert_eq!(claim.task.id, first);
    let enqueue = Effect::Enqueue {
        lineage: first,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    let effects = vec![complete(), review_of(world, first), enqueue];
    mission
        .apply(&claim.fence, "good", effects, 110)
        .expect("applies");
    let review = world.claim().expect("its review");
    mission
        .apply(&review.fence, "good", vec![complete()], 120)
        .expect("applies");
    let row = mission.next_merge(None, 130).expect("reads");
    let row = row.expect("queued");
    mission
        .end_integration(row.id, first, false, "the disk is full", Vec::new(), 140)
        .expect("ends");
}

#[test]
fn a_merge_that_the_machine_refused_is_a_persons_and_no_part_of_its_goal_goes_on_without_it() {
    let world = world();
    let (goal, first, second, postflight) = goal_of_three(&world);
    let mission = &world.mission;
    mission
        .act(postflight, Event::Pause, "later".into(), "me", 100)
        .expect("paused");
    refused_by_the_machine(&world, first);
    let told = mission.events(first).expect("a history");
    let told = told.iter().find(|event| event.kind == "merge_refused");
    assert_eq!(told.expect("told").detail, "the disk is full");
    let refused = || mission.refused_in(goal).expect("reads");
    assert_eq!(refused(), [(first, "the disk is full".to_owned())]);
    // Its code is whole and comes when a person has mended the machine: nobody lets go of it.
    mission
        .act(postflight, Event::Resume, "now".into(), "me", 150)
        .expect("resumed");
    let needs = |task| mission.needs(task).expect("needs").len();
    assert_eq!([second, postflight].map(needs), [1, 2]);
    assert_eq!(
        [second, postflight].map(|task| world.state(task)),
        [State::Open; 2]
    );
    assert!(mission.settled_goals().expect("reads").is_empty());
    assert!(mission.requeue_merge(first, "me", 160).expect("queues"));
    assert_eq!(refused(), []);
    world.sound();
}
