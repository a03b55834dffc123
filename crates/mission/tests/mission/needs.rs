//! Dependencies: met by a merge, refused in a circle, and told to a person when they are gone.

use super::*;

#[test]
fn a_need_is_met_by_the_merge_not_by_done() {
    let world = world();
    let first = world.add(world.build("first"));
    let mut second = world.build("second");
    second.needs = vec![Need {
        task: first,
        until: Until::Integrated,
    }];
    let second = world.add(second);
    let claim = world.claim().expect("first");
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
    let review = world.claim().expect("the review");
    assert_eq!(review.task.kind, TaskKind::Review);
    assert!(world.claim().is_none(), "done is not merged");
    let row = world
        .mission
        .next_merge(None, 1_000)
        .expect("reads")
        .expect("queued");
    assert!(world.mission.merge_intent(row.id, "m").expect("intent"));
    let integrated = Effect::Integrated {
        lineage: first,
        commit: "m".into(),
    };
    world
        .mission
        .end_integration(row.id, first, true, "merged", vec![integrated.clone()], 300)
        .expect("merges");
    world
        .mission
        .end_integration(row.id, first, true, "again", vec![integrated], 300)
        .expect("is idempotent");
    assert_eq!(world.claim().expect("second").task.id, second);
    assert_eq!(
        world.mission.merges_of(first).expect("rows")[0].state,
        MergeState::Merged
    );
    let integrations = world
        .mission
        .events(first)
        .expect("history")
        .iter()
        .filter(|e| e.kind == "integrated")
        .count();
    assert_eq!(integrations, 1);
    world.sound();
}

#[test]
fn circles_are_refused_and_change_nothing() {
    let world = world();
    let a = world.add(world.build("a"));
    let mut b = world.build("b");
    b.needs = vec![Need {
        task: a,
        until: Until::Done,
    }];
    b.lineage = Some(a);
    let refused = world
        .mission
        .add(b, None, "test", 10)
        .expect_err("a would wait for itself");
    assert!(
        matches!(refused, MissionError::Cycle { needs, .. } if needs == a),
        "{refused}"
    );
    assert_eq!(
        world
            .mission
            .tasks(&Filter::default())
            .expect("lists")
            .len(),
        1,
        "the refused task left nothing"
    );
    let mut missing = world.build("c");
    missing.needs = vec![Need {
        task: TaskId(99),
        until: Until::Done,
    }];
    assert!(matches!(
        world.mission.add(missing, None, "test", 10),
        Err(MissionError::NoTask(TaskId(99)))
    ));
    world.sound();
}

#[test]
fn what_needed_a_cancelled_build_does_not_wait_in_silence() {
    let world = world();
    let (_, first, second, postflight) = goal_of_three(&world);
    world
        .mission
        .act(first, Event::Cancel, "not wanted".into(), "me", 20)
        .expect("cancels");
    let waiting = world
        .mission
        .task(second)
        .expect("reads")
        .waiting
        .expect("is put before a person");
    assert_eq!(
        (waiting.reason, waiting.owner.as_str()),
        (WaitReason::NeedGone, "me")
    );
    assert!(
        waiting
            .next_action
            .contains(&format!("mc answer {}", second.0)),
        "{}",
        waiting.next_action
    );
    let unmet = |task| {
        world
            .mission
            .needs(task)
            .expect("reads")
            .iter()
            .filter(|n| !n.satisfied)
            .count()
    };
    assert_eq!(
        unmet(postflight),
        1,
        "the postflight goes on without what is gone"
    );
    world
        .mission
        .act(second, Event::Answer, "go on without it".into(), "me", 30)
        .expect("answers");
    assert_eq!((world.state(second), unmet(second)), (State::Open, 0));
    assert_eq!(world.claim().expect("it runs").task.id, second);
    world.sound();
}

#[test]
fn a_build_that_a_person_closes_by_hand_holds_nobody_up() {
    let world = world();
    let (_, first, second, _) = goal_of_three(&world);
    world
        .mission
        .act(first, Event::Override, "I did it myself".into(), "me", 20)
        .expect("closes");
    assert_eq!(world.claim().expect("what needed it").task.id, second);
    world.sound();
}

fn reason(world: &World, task: TaskId) -> Option<WaitReason> {
    let task = world.mission.task(task).expect("reads");
    task.waiting.map(|w| w.reason)
}

#[test]
fn what_was_paused_when_its_need_went_is_told_when_it_is_resumed() {
    let world = world();
    let (_, first, second, _) = goal_of_three(&world);
    let act = |task, event, now| {
        world
            .mission
            .act(task, event, String::new(), "me", now)
            .expect("acts")
    };
    act(second, Event::Pause, 20);
    act(first, Event::Cancel, 30);
    assert_eq!(world.state(second), State::Paused, "a pause is a person's");
    assert_eq!(act(second, Event::Resume, 40), State::Waiting);
    assert_eq!(reason(&world, second), Some(WaitReason::NeedGone));
    world.sound();
}

#[test]
fn what_is_added_behind_a_cancelled_task_is_told_at_once() {
    let world = world();
    let first = world.add(world.build("first"));
    world
        .mission
        .act(first, Event::Cancel, String::new(), "me", 20)
        .expect("cancels");
    let mut late = world.build("late");
    late.needs = vec![Need {
        task: first,
        until: Until::Integrated,
    }];
    let late = world.add(late);
    assert_eq!(reason(&world, late), Some(WaitReason::NeedGone));
    world.sound();
}

#[test]
fn going_on_without_what_is_gone_still_waits_for_what_is_being_made() {
    let world = world();
    let gone = world.add(world.build("gone"));
    let made = world.add(world.build("made"));
    let mut both = world.build("both");
    both.needs = [gone, made]
        .map(|task| Need {
            task,
            until: Until::Integrated,
        })
        .to_vec();
    let both = world.add(both);
    let act = |task, event, now| {
        world
            .mission
            .act(task, event, "go on without it".into(), "me", now)
            .expect("acts")
    };
    act(gone, Event::Cancel, 20);
    assert_eq!(reason(&world, both), Some(WaitReason::NeedGone));
    assert_eq!(act(both, Event::Answer, 30), State::Open);
    let left: Vec<TaskId> = world
        .mission
        .needs(both)
        .expect("reads")
        .iter()
        .map(|n| n.needs)
        .collect();
    assert_eq!(left, [made]);
    world.sound();
}
