//! Claims, fences and what a run that was lost leaves behind.

use super::*;

#[test]
fn a_claim_takes_the_most_urgent_task_and_raises_the_epoch() {
    let world = world();
    let low = world.add(world.build("low"));
    let mut urgent = world.build("high");
    urgent.priority = Priority::High;
    let high = world.add(urgent);
    let claim = world.claim().expect("something to do");
    assert_eq!(
        (claim.task.id, claim.fence.epoch.0, claim.task.state),
        (high, 1, State::Started)
    );
    assert_eq!(world.claim().expect("the other").task.id, low);
    assert!(world.claim().is_none(), "both are taken");
    assert_eq!(world.mission.live_runs().expect("runs").len(), 2);
    world.sound();
}

#[test]
fn limits_hold_in_the_claim_itself() {
    let world = world();
    for n in 0..3 {
        world.add(world.build(&format!("t{n}")));
    }
    let one = ClaimLimits {
        total: 8,
        per_project: 1,
        run_ms_max: 3_600_000,
        slots: SlotsOf::NOTHING,
    };
    assert!(
        world
            .mission
            .claim(None, &one, "w", LEASE_MS, 100)
            .expect("answers")
            .is_some()
    );
    assert!(
        world
            .mission
            .claim(None, &one, "w", LEASE_MS, 100)
            .expect("answers")
            .is_none()
    );
    let total = ClaimLimits {
        total: 1,
        per_project: 8,
        run_ms_max: 3_600_000,
        slots: SlotsOf::NOTHING,
    };
    assert!(
        world
            .mission
            .claim(None, &total, "w", LEASE_MS, 100)
            .expect("answers")
            .is_none()
    );
}

#[test]
fn tasks_without_a_project_goals_and_tasks_of_later_are_not_claimed() {
    let world = world();
    world.add(NewTask::new(TaskKind::Build, "no project"));
    let mut goal = NewTask::new(TaskKind::Goal, "goal");
    goal.project = Some(world.project);
    world.add(goal);
    assert!(world.claim().is_none());
}

#[test]
fn a_lost_run_cannot_write_any_more() {
    let world = world();
    let task = world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    let retry = Effect::Retry {
        why: "again".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    let lost = world
        .mission
        .recover(vec![(first.fence.run.clone(), retry)], "gone", 200)
        .expect("recovers");
    assert_eq!(lost, [task]);
    let second = world.claim().expect("claimed again");
    assert_eq!(
        (second.fence.epoch.0, second.resumes.as_ref()),
        (2, Some(&first.fence.run))
    );
    let m = &world.mission;
    let refused = [
        m.heartbeat(&first.fence, LEASE_MS, 300).err(),
        m.journal(&first.fence, "k", "v".into(), 300).err(),
        m.deliver(&first.fence, "", 300).err(),
        m.settle(&first.fence, super::money::call(0, 0), 300).err(),
        m.apply(&first.fence, "late", vec![complete()], 300).err(),
    ];
    for error in refused {
        assert!(
            error.as_ref().is_some_and(MissionError::is_stale),
            "{error:?}"
        );
    }
    assert_eq!(
        world.state(task),
        State::Started,
        "the second run is untouched"
    );
    m.apply(
        &second.fence,
        "ok",
        vec![complete(), review_of(&world, task)],
        400,
    )
    .expect("the live run may");
    assert!(
        m.apply(&second.fence, "twice", vec![complete()], 400)
            .expect_err("ended")
            .is_stale()
    );
    world.sound();
}

#[test]
fn what_a_run_has_journaled_is_found_by_the_run_that_resumes_it() {
    let world = world();
    world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    let m = &world.mission;
    assert_eq!(
        m.journal(&first.fence, "head", "abc".into(), 110)
            .expect("journals"),
        "abc"
    );
    assert_eq!(
        m.journal(&first.fence, "head", "other".into(), 120)
            .expect("answers"),
        "abc",
        "first write wins"
    );
    let retry = Effect::Retry {
        why: "again".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    m.recover(vec![(first.fence.run, retry)], "gone", 200)
        .expect("recovers");
    let second = world.claim().expect("a claim");
    assert_eq!(
        m.journaled(&second.fence.run, "head")
            .expect("reads")
            .as_deref(),
        Some("abc")
    );
    let quality = Effect::Retry {
        why: "again".into(),
        findings: vec!["bad".into()],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    m.apply(&second.fence, "gate failed", vec![quality], 300)
        .expect("applies");
    let third = world.claim().expect("a claim");
    assert_eq!(third.resumes, None, "a judged run is not resumed");
    assert_eq!(m.journaled(&third.fence.run, "head").expect("reads"), None);
    assert_eq!(third.task.findings, ["bad"]);
    world.sound();
}

#[test]
fn a_run_that_the_machine_failed_is_gone_on_with() {
    let world = world();
    world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    world
        .mission
        .journal(&first.fence, "handed_in", "x".into(), 110)
        .expect("journals");
    let retry = Effect::Retry {
        why: "infrastructure: disk full".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    world
        .mission
        .apply(&first.fence, "infrastructure: disk full", vec![retry], 120)
        .expect("applies");
    let second = world.claim().expect("again");
    assert_eq!(second.resumes, Some(first.fence.run));
    let kept = world
        .mission
        .journaled(&second.fence.run, "handed_in")
        .expect("reads");
    assert_eq!(kept.as_deref(), Some("x"));
    world.sound();
}

#[test]
fn what_runs_share_is_held_and_given_back() {
    let world = world();
    for title in ["a1", "a2", "b1"] {
        world.add(world.build(title));
    }
    let limits = ClaimLimits {
        total: 8,
        per_project: 8,
        run_ms_max: 3_600_000,
        slots: SlotsOf::new(|task| {
            let key = format!("company:{}", &task.title[..1]);
            vec![Slot { key, most: 1 }]
        }),
    };
    let claim = |now| {
        world
            .mission
            .claim(None, &limits, "w", LEASE_MS, now)
            .expect("answers")
            .map(|claim| (claim.task.title.clone(), claim))
    };
    let (title, first) = claim(100).expect("a1");
    assert_eq!(title, "a1");
    assert_eq!(claim(100).expect("not a2").0, "b1");
    assert!(claim(100).is_none(), "both companies are at work");
    world.sound();
    world
        .mission
        .apply(
            &first.fence,
            "ok",
            vec![complete(), review_of(&world, first.task.id)],
            200,
        )
        .expect("applies");
    assert_eq!(claim(300).expect("a2").0, "a2");
    world.sound();
}

#[test]
fn projects_take_turns() {
    let world = world();
    let other = world
        .mission
        .add_project(
            NewProject {
                name: "other".into(),
                path: "/somewhere/other".into(),
                target_branch: "main".into(),
                settings: ProjectSettings::default(),
            },
            "test",
            1,
        )
        .expect("a project");
    let (first, second) = (world.add(world.build("1")), world.add(world.build("2")));
    let mut elsewhere = world.build("3");
    elsewhere.project = Some(other);
    let elsewhere = world.add(elsewhere);
    let next = |now| {
        let claim = world
            .mission
            .claim(None, &LIMITS, "w", LEASE_MS, now)
            .expect("answers")
            .expect("a task");
        let shown = claim.task.id;
        world
            .mission
            .apply(
                &claim.fence,
                "ok",
                vec![complete(), review_of(&world, claim.task.id)],
                now,
            )
            .expect("applies");
        shown
    };
    assert_eq!(
        [next(100), next(200), next(300)],
        [first, elsewhere, second]
    );
    world.sound();
}

#[test]
fn what_waits_long_becomes_urgent() {
    let world = world();
    let mut low = world.build("old and low");
    low.priority = Priority::Low;
    let low = world.add(low);
    let mut high = world.build("new and high");
    high.priority = Priority::High;
    let days = 2 * alai_core::queue::AGEING_MS + 10;
    world.mission.add(high, None, "test", days).expect("a task");
    assert_eq!(
        world.mission.next_task(days).expect("reads").map(|t| t.id),
        Some(low),
        "after two days it stands beside what is high, and is older"
    );
    world.sound();
}

/// Whoever asks for no run, or for one letter of it, must not be given the only one there is.
#[test]
fn a_run_is_found_by_four_characters_of_its_name_and_not_by_fewer() {
    let world = world();
    world.add(world.build("t"));
    let run = world.claim().expect("a claim").fence.run;
    let found = |text: &str| {
        let row = world.mission.find_run(text).expect("looked");
        row.map(|row| row.id)
    };
    let end = run.0.len();
    for few in ["", "%", "%%%%", "____", &run.0[..3], &run.0[end - 3..]] {
        assert_eq!(found(few), None, "`{few}`");
    }
    for enough in [&run.0[..4], &run.0[end - 4..], run.0.as_str()] {
        assert_eq!(found(enough).as_ref(), Some(&run), "`{enough}`");
    }
}
