//! Work at the same paths of one repository: decided in the claim's transaction, from what is stored anyway.

use super::*;
use alai_core::overlap::{HELD_MS_MAX, Place, Policy};
use alai_core::session::Report;
use alai_mission::Alarm;

const NOW: i64 = 100;

impl World {
    fn at(&self, title: &str, paths: &[&str]) -> TaskId {
        let mut new = self.build(title);
        new.paths = paths.iter().map(ToString::to_string).collect();
        self.add(new)
    }

    fn claim_at(&self, only: Option<TaskId>, now_ms: i64) -> Option<Claim> {
        self.mission
            .claim(only, &LIMITS, "w", LEASE_MS, now_ms)
            .expect("claims answer")
    }

    /// By which task, and where.
    fn held(&self, task: TaskId, now_ms: i64) -> Option<(TaskId, String)> {
        let task = self.mission.task(task).expect("the task");
        let held = self.mission.held_by_overlap(&task, now_ms);
        let path = |place| match place {
            Place::Path(path) => path,
            Place::Ground => "the ground".to_owned(),
        };
        held.expect("it answers")
            .map(|held| (held.by, path(held.place)))
    }

    fn ends(&self, claim: &Claim, effects: Vec<Effect>) {
        let applied = self.mission.apply(&claim.fence, "ok", effects, NOW);
        applied.expect("it is ours");
    }
}

fn changed(files: &[&str]) -> Effect {
    Effect::Report {
        agent: "builder".into(),
        report: Report {
            summary: "s".into(),
            files: files.iter().map(ToString::to_string).collect(),
            ..Report::default()
        },
    }
}

fn again() -> Effect {
    Effect::Retry {
        why: "again".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    }
}

#[test]
fn a_task_waits_until_the_line_that_it_meets_is_merged_and_others_go_before_it() {
    let world = world();
    let one = world.at("one", &["src/"]);
    let two = world.at("two", &["src/x.rs"]);
    let three = world.at("three", &["docs/"]);
    let four = world.at("nothing is known of it", &[]);
    let first = world.claim().expect("the first");
    assert_eq!(first.task.id, one);
    assert_eq!(first.task.paths, ["src/"]);
    assert_eq!(world.held(two, NOW), Some((one, "src/x.rs".into())));
    let queue = world.mission.ready(None, 8, NOW).expect("it answers");
    let free: Vec<TaskId> = queue.ready.iter().map(|ready| ready.task.id).collect();
    assert_eq!(free, [three, four]);
    assert_eq!(world.claim().expect("another one").task.id, three);
    assert_eq!(world.claim().expect("and one more").task.id, four);
    assert!(world.claim().is_none(), "#2 waits, though a slot is free");
    assert!(
        world.claim_at(Some(two), NOW).is_none(),
        "also by its number"
    );
    assert_eq!(
        world.mission.next_task(NOW).expect("it answers"),
        None,
        "it is nobody's turn"
    );
    // Its judges are no less in the way: what is merged is what the next one begins from.
    world.ends(&first, vec![complete(), review_of(&world, one)]);
    let review = world.claim().expect("a review waits for nobody");
    assert_eq!(review.task.kind, TaskKind::Review);
    assert_eq!(
        world.held(two, NOW),
        Some((review.task.id, "src/x.rs".into()))
    );
    let done = Effect::Complete {
        base: None,
        head: None,
        note: "pass".into(),
    };
    let enqueue = Effect::Enqueue {
        lineage: one,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    world.ends(&review, vec![done, enqueue]);
    assert_eq!(world.held(two, NOW), Some((one, "src/x.rs".into())));
    let row = world.mission.next_merge(None, NOW).expect("reads");
    let row = row.expect("it is queued");
    let merged = Effect::Integrated {
        lineage: one,
        commit: "m".into(),
    };
    world
        .mission
        .end_integration(row.id, one, true, "m", vec![merged], NOW)
        .expect("merges");
    assert_eq!(world.held(two, NOW), None);
    assert_eq!(world.claim().expect("its turn").task.id, two);
    world.sound();
}

#[test]
fn what_a_line_changed_before_counts_as_what_it_declares() {
    let world = world();
    let one = world.at("one", &[]);
    let two = world.at("two", &["src/x.rs"]);
    let first = world.claim().expect("the first");
    assert_eq!(
        world.held(two, NOW),
        None,
        "nothing is known of the first yet"
    );
    world.ends(&first, vec![changed(&["src/x.rs", "b"]), again()]);
    assert_eq!(
        world.held(two, NOW),
        Some((one, "src/x.rs".into())),
        "what is built once more goes first"
    );
    assert_eq!(world.claim().expect("once more").task.id, one);
    assert!(world.claim_at(Some(two), NOW).is_none());
    // A person's report is no run's.
    let three = world.at("three", &["c"]);
    let said = alai_mission::Said {
        role: None,
        company: None,
        kind: alai_core::session::EntryKind::Report,
        text: "all".into(),
        report: Some(Report {
            files: vec!["c".into()],
            ..Report::default()
        }),
    };
    world
        .mission
        .append(one, said, "ada", NOW)
        .expect("says it");
    assert_eq!(world.held(three, NOW), None);
    world.sound();
}

#[test]
fn what_follows_a_review_is_where_the_reviewed_work_was() {
    let world = world();
    let one = world.at("one", &[]);
    let first = world.claim().expect("the first");
    world.ends(
        &first,
        vec![changed(&["src/x.rs"]), complete(), review_of(&world, one)],
    );
    let review = world.claim().expect("the review");
    let done = Effect::Complete {
        base: None,
        head: None,
        note: "pass".into(),
    };
    world.ends(&review, vec![done]);
    let mut follow = world.build("follow-up");
    follow.parent = Some(review.task.id);
    let follow = world.add(follow);
    let two = world.at("two", &["src/"]);
    assert_eq!(world.held(two, NOW), None, "nothing is at work");
    assert_eq!(world.claim().expect("it begins").task.id, follow);
    assert_eq!(world.held(two, NOW), Some((follow, "src/x.rs".into())));
}

#[test]
fn two_that_claim_at_once_are_never_given_what_meets() {
    let world = world();
    let mission = &world.mission;
    for round in 0..20 {
        let path = format!("f{round}");
        let pair = [world.at("one", &[&path]), world.at("two", &[&path])];
        let start = Barrier::new(2);
        let claims = std::thread::scope(|scope| {
            let begin = |task: TaskId| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    mission.claim(Some(task), &LIMITS, "w", LEASE_MS, NOW)
                })
            };
            pair.map(begin)
                .map(|claim| claim.join().expect("no panic").expect("claims answer"))
        });
        let got: Vec<&Claim> = claims.iter().flatten().collect();
        assert_eq!(got.len(), 1, "round {round}");
        let stops = got[0].task.id;
        mission
            .act(stops, Event::Cancel, "enough".into(), "me", NOW)
            .expect("cancels");
        let other = pair.into_iter().find(|task| *task != stops);
        mission
            .act(
                other.expect("two"),
                Event::Cancel,
                "enough".into(),
                "me",
                NOW,
            )
            .expect("cancels");
    }
    world.sound();
}

#[test]
fn nobody_waits_for_what_does_not_go_on_by_itself() {
    // What stops the first one, and what is true of the second one then.
    type Stop = fn(&World, &Claim);
    let stops: [(&str, Stop); 4] = [
        ("its lease has lapsed", |_, _| {}),
        ("a person is asked", |world, claim| {
            world.ends(
                claim,
                vec![Effect::Ask {
                    waiting: waiting(),
                    counters: Counters::default(),
                    findings: vec![],
                }],
            );
        }),
        ("paused", |world, claim| {
            let acted = world
                .mission
                .act(claim.task.id, Event::Pause, "p".into(), "me", NOW);
            acted.expect("pauses");
        }),
        ("cancelled", |world, claim| {
            let acted = world
                .mission
                .act(claim.task.id, Event::Cancel, "c".into(), "me", NOW);
            acted.expect("cancels");
        }),
    ];
    for (what, stop) in stops {
        let world = world();
        world.at("one", &["src/"]);
        let two = world.at("two", &["src/x.rs"]);
        let claim = world.claim().expect("the first");
        assert!(world.held(two, NOW).is_some(), "{what}");
        stop(&world, &claim);
        let later = NOW + LEASE_MS + 1;
        assert_eq!(
            world.claim_at(Some(two), later).map(|c| c.task.id),
            Some(two),
            "{what}"
        );
    }
}

#[test]
fn the_wait_has_an_end_and_a_project_may_do_without_it() {
    let world = world();
    let one = world.at("one", &["src/"]);
    let two = world.at("two", &["src/x.rs"]);
    let long = world
        .mission
        .claim(Some(one), &LIMITS, "w", 2 * HELD_MS_MAX, NOW)
        .expect("claims answer");
    assert!(long.is_some());
    let end = NOW + HELD_MS_MAX;
    assert!(world.claim_at(Some(two), end - 1).is_none());
    let mut project = world.mission.project(world.project).expect("the project");
    project.settings.overlap = Policy::Together;
    let set = |project| world.mission.set_project(project, "me", NOW);
    set(project.clone()).expect("sets");
    assert_eq!(world.held(two, NOW), None);
    project.settings.overlap = Policy::Wait;
    set(project).expect("sets");
    assert!(world.held(two, NOW).is_some());
    assert_eq!(
        world.claim_at(Some(two), end).expect("long enough").task.id,
        two
    );
    world.sound();
}

#[test]
fn another_project_urgent_work_and_one_task_alone_wait_for_nobody() {
    let world = world();
    world.at("one", &["src/"]);
    assert!(world.claim().is_some());
    let other = NewProject {
        name: "other".into(),
        path: "/somewhere/other".into(),
        target_branch: "main".into(),
        settings: ProjectSettings::default(),
    };
    let other = world.mission.add_project(other, "test", 1).expect("adds");
    let mut elsewhere = world.build("elsewhere");
    (elsewhere.project, elsewhere.paths) = (Some(other), vec!["src/".into()]);
    let elsewhere = world.add(elsewhere);
    let mut urgent = world.build("urgent");
    (urgent.priority, urgent.paths) = (Priority::High, vec!["src/".into()]);
    let urgent = world.add(urgent);
    let alone = world.at("alone", &["src/"]);
    assert_eq!(world.held(elsewhere, NOW), None);
    assert_eq!(world.held(urgent, NOW), None);
    assert!(world.claim_at(Some(alone), NOW).is_none());
    let claim = world
        .mission
        .claim_alone(alone, &LIMITS, "w", LEASE_MS, NOW);
    assert_eq!(
        claim.expect("claims answer").expect("it begins").task.id,
        alone
    );
    assert_eq!(world.claim().expect("it begins").task.id, urgent);
    assert_eq!(world.claim().expect("it begins").task.id, elsewhere);
}

/// What the process knew is gone with it; what holds work back is read from the rows.
#[test]
fn a_store_that_is_opened_again_holds_back_by_its_rows_and_by_nothing_else() {
    let world = world();
    let one = world.at("one", &["src/"]);
    let two = world.at("two", &["src/x.rs"]);
    let lost = world.claim().expect("the first");
    let World {
        home,
        mission,
        project,
    } = world;
    drop(mission);
    let mission = Mission::open(home.path(), quiet).expect("opens again");
    let world = World {
        home,
        mission,
        project,
    };
    assert_eq!(world.held(two, NOW), Some((one, "src/x.rs".into())));
    let back = vec![(lost.fence.run.clone(), again())];
    world
        .mission
        .recover(back, "the process is gone", NOW)
        .expect("recovers");
    assert_eq!(
        world.held(two, NOW),
        Some((one, "src/x.rs".into())),
        "it goes first once more"
    );
    assert_eq!(world.claim().expect("the first").task.id, one);
    world.sound();
}

#[test]
fn what_waits_for_a_line_that_goes_on_raises_no_alarm_and_hides_none() {
    let world = world();
    let mission = &world.mission;
    let one = world.at("one", &["src/"]);
    let held: Vec<_> = (0..3)
        .map(|n| world.at(&format!("waits {n}"), &["src/x.rs"]))
        .collect();
    let free = world.at("free", &["docs/"]);
    let long = mission
        .claim(Some(one), &LIMITS, "w", 2 * HELD_MS_MAX, NOW)
        .expect("claims answer");
    assert!(long.is_some());
    let raise = |now_ms| mission.raise_alarms(1_000, 2, now_ms).expect("looks");
    let standing = |now_ms| {
        let standing = mission.standing(1_000, 8, now_ms).expect("reads");
        (standing.unclaimed, standing.unclaimed_first)
    };
    // Three that wait for something are older than the one that nobody takes, and only two are looked for at a time.
    assert_eq!(standing(2_000), (1, Some(free)));
    assert_eq!(raise(2_000), [Alarm::Unclaimed(free)]);
    assert_eq!(raise(3_000), [], "once");
    // From the moment that nothing holds them any more they are nobody's.
    let end = NOW + HELD_MS_MAX;
    assert_eq!(standing(end), (4, Some(held[0])));
    let first = [held[0], held[1]].map(Alarm::Unclaimed);
    assert_eq!(raise(end), first);
    assert_eq!(raise(end), [Alarm::Unclaimed(held[2])]);
    world.sound();
}
