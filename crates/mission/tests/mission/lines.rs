//! Lines of work from their first task to their merge, under any ends: one successor for each stage and cycle or a recorded
//! skip, and two shared cycles that end at a person.

use std::collections::BTreeMap;

use alai_core::pipeline::{
    Chain, Context, Ended, Failure, MergeEnd, REVIEW_CYCLES_MAX, Stage, advance, by_hand, merged,
    next,
};
use alai_core::plan::{Plan, PlanSource, PlannedTask};
use alai_core::qa::{CheckResult, Measurement, Policy, judge};
use alai_core::review::{Finding, Review, ReviewVerdict, Severity};
use alai_core::task::Task;
use alai_mission::MergeKind;
use proptest::prelude::*;

use super::*;

/// What a project asks for.
#[derive(Debug, Clone)]
struct Asked {
    goal: bool,
    builds: usize,
    docs: bool,
    ops: bool,
    chain: &'static str,
    priority: Priority,
}

fn asked() -> impl Strategy<Value = Asked> {
    let chains = prop::sample::select(vec![
        "",
        "",
        "build",
        "build,review,docs",
        "build,security,ops",
    ]);
    let priorities = prop::sample::select(vec![Priority::Low, Priority::Medium, Priority::High]);
    (
        any::<bool>(),
        1_usize..4,
        any::<bool>(),
        any::<bool>(),
        chains,
        priorities,
    )
        .prop_map(|(goal, builds, docs, ops, chain, priority)| Asked {
            goal,
            builds,
            docs,
            ops,
            chain,
            priority,
        })
}

fn context(asked: &Asked, now_ms: i64) -> Context {
    let chain = Chain::parse(asked.chain).expect("a chain");
    Context {
        now_ms,
        operator: "alem".into(),
        jitter: 0.0,
        wants_docs: asked.docs || chain.asks(Stage::Docs),
        wants_ops: asked.ops || chain.asks(Stage::Ops),
        auto_delivery: false,
        verify: None,
        told: Vec::new(),
        chain,
        around: None,
        dead: None,
    }
}

fn gated(result: CheckResult, task: &Task) -> Ended {
    let all: Vec<Measurement> = alai_core::qa::Check::ALL
        .iter()
        .map(|check| Measurement {
            check: *check,
            result,
            detail: "d".into(),
        })
        .collect();
    Ended::Gated {
        verdict: judge(&all, Policy::default()),
        base: "base".into(),
        head: format!("head-{}-{}", task.id.0, task.epoch.0),
    }
}

fn reviewed(verdict: ReviewVerdict) -> Ended {
    let findings = match verdict {
        ReviewVerdict::Pass => Vec::new(),
        ReviewVerdict::PassWithFindings | ReviewVerdict::Reject => vec![Finding {
            path: Some("a.rs".into()),
            line: Some(1),
            ..Finding::new(Severity::Medium, "no limit")
        }],
    };
    Ended::Reviewed {
        review: Review {
            criteria: Vec::new(),
            verdict,
            summary: "sum".into(),
            findings,
        },
    }
}

/// How a run ends, by a number; good ends are likelier, so that lines come to their merges.
fn ended(task: &Task, by: u8, builds: usize, docs: bool) -> Ended {
    let failed = |failure| Ended::Failed { failure };
    match by % 16 {
        0 => failed(Failure::Infrastructure {
            detail: "down".into(),
        }),
        1 if task.kind == TaskKind::Build => failed(Failure::Lost {
            findings: vec!["stuck".into()],
        }),
        n => match task.kind {
            TaskKind::Spec => {
                let tasks = (0..builds).map(|at| PlannedTask {
                    docs: docs && at == 0,
                    ..PlannedTask::new(at.to_string(), format!("do {at}"))
                });
                Ended::Planned {
                    plan: Plan {
                        spec: "s".into(),
                        tasks: tasks.collect(),
                    },
                    source: PlanSource::Model,
                }
            }
            TaskKind::Build | TaskKind::Ops | TaskKind::Docs if n < 4 => {
                gated(CheckResult::Fail, task)
            }
            TaskKind::Build | TaskKind::Ops | TaskKind::Docs => gated(CheckResult::Pass, task),
            TaskKind::Review | TaskKind::Security | TaskKind::Verify => reviewed(match n {
                1..6 => ReviewVerdict::Reject,
                6..9 => ReviewVerdict::PassWithFindings,
                _ => ReviewVerdict::Pass,
            }),
            TaskKind::Goal | TaskKind::Postflight => Ended::Summed {
                summary: "all of it".into(),
            },
        },
    }
}

/// Works until nothing goes on by itself.
fn play(world: &World, asked: &Asked, numbers: &[u8]) {
    let mut numbers = numbers.iter().copied().cycle();
    let mut now_ms = 1_000;
    for _ in 0..300 {
        // Every pause is over by then.
        now_ms += 3_600_000;
        let context = context(asked, now_ms);
        let claim = world
            .mission
            .claim(None, &LIMITS, "w", LEASE_MS, now_ms)
            .expect("claims answer");
        if let Some(claim) = claim {
            let by = numbers.next().unwrap_or(9);
            let task = world.mission.task(claim.fence.task).expect("the task");
            let effects = advance(&task, &ended(&task, by, asked.builds, asked.docs), &context);
            world
                .mission
                .apply(&claim.fence, "ended", effects, now_ms)
                .expect("applies");
            continue;
        }
        let Some(row) = world.mission.next_merge(None, now_ms).expect("reads") else {
            return;
        };
        let newest = world.mission.newest_of_lineage(row.task).expect("a line");
        let end = match numbers.next().unwrap_or(9) % 6 {
            0 => MergeEnd::Conflict {
                paths: vec!["a.rs".into()],
            },
            _ => MergeEnd::Merged {
                commit: format!("merge-{}", row.id),
            },
        };
        let good = matches!(end, MergeEnd::Merged { .. });
        let effects = merged(&newest, &end, &context);
        world
            .mission
            .end_integration(row.id, newest.id, good, "ended", effects, now_ms)
            .expect("ends");
    }
    panic!("it never comes to rest");
}

fn all(world: &World) -> Vec<Task> {
    let filter = Filter {
        ended: true,
        ..Filter::default()
    };
    world.mission.tasks(&filter).expect("reads")
}

/// One task of each stage and cycle, and each done task has one way on or a reason why it has none.
fn one_successor(world: &World, tasks: &[Task]) {
    let mut places: BTreeMap<(TaskId, TaskKind, u32), TaskId> = BTreeMap::new();
    for task in tasks.iter().filter(|t| Stage::of(t.kind).is_some()) {
        let root = task.lineage.unwrap_or(task.id);
        let place = (root, task.kind, task.counters.review_cycles);
        let twice = places.insert(place, task.id);
        assert_eq!(twice, None, "{place:?} is {} too", task.id);
        if task.state != State::Done {
            continue;
        }
        // What a merge could not take is done again by a task of the next cycle, as its conflict says.
        let again = |t: &Task| {
            t.counters.review_cycles > task.counters.review_cycles && !task.kind.judges()
        };
        let children = tasks
            .iter()
            .filter(|t| t.parent == Some(task.id) && t.lineage == Some(root) && !again(t));
        let merges = world.mission.merges_of(root).expect("reads");
        let queued = merges
            .iter()
            .any(|row| row.kind == MergeKind::Integrate && Some(&row.head) == task.head.as_ref());
        let refused = tasks
            .iter()
            .any(|t| t.parent == Some(task.id) && t.lineage == Some(root) && again(t));
        assert!(!refused || merges.iter().any(|row| row.state == MergeState::Refused));
        let ways = children.count();
        assert!(ways <= 1, "{} has {ways} successors", task.id);
        assert!(
            ways == 1 || queued,
            "{} ({}) has no way on",
            task.id,
            task.kind
        );
    }
}

/// Operations and documentation of what is merged: one task, for a goal one in all, or the reason why there is none.
fn behind_the_merge(world: &World, tasks: &[Task], asked: &Asked) {
    let merged = tasks
        .iter()
        .filter(|t| t.kind == TaskKind::Build && t.integrated.is_some());
    for root in merged {
        let line: Vec<&Task> = tasks
            .iter()
            .filter(|t| t.id == root.id || t.lineage == Some(root.id))
            .collect();
        let skipped: Vec<Stage> = line
            .iter()
            .flat_map(|t| world.mission.skipped(t.id).expect("reads"))
            .map(|s| s.stage)
            .collect();
        for (stage, kind) in [(Stage::Ops, TaskKind::Ops), (Stage::Docs, TaskKind::Docs)] {
            let own = tasks
                .iter()
                .filter(|t| t.kind == kind && t.lineage.is_none())
                .filter(|t| line.iter().any(|of| t.parent == Some(of.id)))
                .count();
            let left_out = skipped.iter().filter(|s| **s == stage).count();
            assert_eq!(own + left_out, 1, "{stage} behind {} of {asked:?}", root.id);
        }
    }
    for kind in [TaskKind::Ops, TaskKind::Docs] {
        let roots = tasks
            .iter()
            .filter(|t| t.kind == kind && t.lineage.is_none() && t.goal.is_some());
        assert!(roots.count() <= 1, "{kind} twice for the goal of {asked:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn each_stage_and_cycle_has_one_task_or_a_reason(asked in asked(), numbers in prop::collection::vec(any::<u8>(), 1..60)) {
        let world = world();
        match asked.goal {
            true => {
                let mut goal = NewTask::new(TaskKind::Goal, "g");
                let mut spec = NewTask::new(TaskKind::Spec, "Spec: g");
                for new in [&mut goal, &mut spec] {
                    new.project = Some(world.project);
                    new.priority = asked.priority;
                }
                world.mission.add_goal(goal, spec, None, "test", 10).expect("adds");
            }
            false => {
                let mut build = world.build("do it");
                build.priority = asked.priority;
                world.add(build);
            }
        }
        play(&world, &asked, &numbers);
        let tasks = all(&world);
        one_successor(&world, &tasks);
        behind_the_merge(&world, &tasks, &asked);
        for task in &tasks {
            prop_assert!(task.counters.review_cycles <= REVIEW_CYCLES_MAX + 1, "{} goes round", task.id);
            if task.counters.review_cycles > REVIEW_CYCLES_MAX {
                let reason = task.waiting.as_ref().map(|w| w.reason);
                let person = [Some(WaitReason::ReviewCycles), Some(WaitReason::MergeConflict)];
                prop_assert!(person.contains(&reason), "{} is {}", task.id, task.state);
            }
            if asked.priority >= Priority::High && task.kind == TaskKind::Build && task.integrated.is_some() {
                for kind in [TaskKind::Review, TaskKind::Security] {
                    let judged = tasks.iter().any(|t| t.kind == kind && t.lineage == Some(task.id) && t.state == State::Done);
                    prop_assert!(judged, "{} is merged without {kind}", task.id);
                }
            }
        }
        world.sound();
    }
}

#[test]
fn a_second_task_of_a_stage_is_never_made_and_a_cancelled_one_keeps_no_place() {
    let world = world();
    let build = world.add(world.build("do it"));
    let claim = world.claim().expect("the build");
    let ctx = context(
        &Asked {
            goal: false,
            builds: 1,
            docs: false,
            ops: false,
            chain: "",
            priority: Priority::Medium,
        },
        1_000,
    );
    let task = world.mission.task(build).expect("the task");
    let effects = advance(&task, &gated(CheckResult::Pass, &task), &ctx);
    let made = world
        .mission
        .apply(&claim.fence, "passed", effects, 200)
        .expect("applies");
    let line = world.mission.line(build).expect("reads");
    let built = world.mission.task(build).expect("the task");
    let held = next(&built, &line, &ctx).expect_err("it went on when it was done");
    assert_eq!(
        held.to_string(),
        format!(
            "the review of cycle 0 is {} already, which is open",
            made[0]
        )
    );
    let held = by_hand(&built, Stage::Review, &line, &ctx).expect_err("one for each cycle");
    assert!(held.to_string().contains("already"), "{held}");
    // Whoever asks past the decision is stopped by the store.
    let again = alai_core::pipeline::next(&built, &[], &ctx).expect("as if nobody had looked");
    let second = world
        .mission
        .advance(build, "again".into(), again.clone(), "me", 300)
        .expect("is answered");
    assert_eq!(second, [], "the one that is there stands for it");
    let skipped = world.mission.skipped(build).expect("reads");
    assert_eq!(
        skipped[0].why,
        format!("{} is that of cycle 0 already", made[0])
    );
    world
        .mission
        .act(made[0], Event::Cancel, String::new(), "me", 400)
        .expect("cancels");
    let third = world
        .mission
        .advance(build, "again".into(), again, "me", 500)
        .expect("is answered");
    assert_eq!(third.len(), 1, "a cancelled one keeps no place");
    world.sound();
}

/// A goal with two builds, and a third task of it that makes what is asked for when it ends.
fn goal_of_two(world: &World) -> (TaskId, TaskId, TaskId) {
    let of = |kind, title: &str| {
        let mut new = NewTask::new(kind, title);
        new.project = Some(world.project);
        new
    };
    let goal = world
        .mission
        .add_goal(
            of(TaskKind::Goal, "g"),
            of(TaskKind::Spec, "Spec: g"),
            None,
            "test",
            10,
        )
        .expect("adds");
    let build = |title: &str| {
        let mut new = of(TaskKind::Build, title);
        (new.goal, new.parent) = (Some(goal), Some(goal));
        world.add(new)
    };
    (goal, build("first"), build("second"))
}

/// A stage of the goal, as the engine makes it.
fn stage(world: &World, goal: TaskId, by: TaskId, kind: TaskKind) -> Vec<TaskId> {
    let mut task = NewTask::new(kind, format!("{kind} of the goal"));
    (task.project, task.goal, task.parent) = (Some(world.project), Some(goal), Some(goal));
    let spawn = Spawn {
        task,
        needs_new: Vec::new(),
        holds_postflight: true,
        holds_dependents: false,
        of_goal: true,
    };
    let effects = vec![Effect::Spawn { tasks: vec![spawn] }];
    world
        .mission
        .advance(by, "made".into(), effects, "me", 500)
        .expect("is answered")
}

fn needs(world: &World, task: TaskId) -> Vec<TaskId> {
    let rows = world.mission.needs(task).expect("reads");
    rows.iter().map(|row| row.needs).collect()
}

fn act(world: &World, task: TaskId, event: Event) -> State {
    world
        .mission
        .act(task, event, "because".into(), "me", 400)
        .expect("is done")
}

#[test]
fn a_stage_made_late_waits_for_no_line_that_is_gone() {
    let world = world();
    let (goal, first, second) = goal_of_two(&world);
    // Closed by hand: done, and never merged.
    act(&world, first, Event::Override);
    let docs = stage(&world, goal, second, TaskKind::Docs);
    let needed = needs(&world, docs[0]);
    assert!(
        !needed.contains(&first),
        "it would wait for ever: {needed:?}"
    );
    assert!(needed.contains(&second), "what still comes: {needed:?}");
    world.sound();
}

#[test]
fn a_stage_made_late_waits_for_no_line_whose_rework_was_cancelled() {
    let world = world();
    let (goal, first, second) = goal_of_two(&world);
    act(&world, first, Event::Override);
    let mut again = world.build("Rework: first");
    (again.goal, again.parent) = (Some(goal), Some(first));
    (again.lineage, again.review_cycles) = (Some(first), 1);
    let again = world.add(again);
    let ops = stage(&world, goal, second, TaskKind::Ops);
    assert!(needs(&world, ops[0]).contains(&first), "its rework is open");
    act(&world, again, Event::Cancel);
    let docs = stage(&world, goal, second, TaskKind::Docs);
    let needed = needs(&world, docs[0]);
    assert!(!needed.contains(&first), "{needed:?}");
    assert!(
        needed.contains(&ops[0]),
        "documentation comes last: {needed:?}"
    );
    assert!(
        !needs(&world, ops[0]).contains(&first),
        "nobody is asked about it"
    );
    assert_eq!(world.state(ops[0]), State::Open);
    world.sound();
}

#[test]
fn a_cancelled_build_asks_nobody_about_the_stages_of_its_goal() {
    let world = world();
    let (goal, first, second) = goal_of_two(&world);
    let ops = stage(&world, goal, second, TaskKind::Ops)[0];
    let docs = stage(&world, goal, second, TaskKind::Docs)[0];
    assert!(needs(&world, docs).contains(&first));
    act(&world, first, Event::Cancel);
    for task in [ops, docs] {
        assert_eq!(
            world.state(task),
            State::Open,
            "they are about what was merged"
        );
        let needed = needs(&world, task);
        assert!(
            !needed.contains(&first) && needed.contains(&second),
            "{needed:?}"
        );
    }
    world.sound();
}

#[test]
fn a_goal_has_one_stage_of_a_kind_also_where_it_was_cancelled() {
    let world = world();
    let (goal, _, second) = goal_of_two(&world);
    let docs = stage(&world, goal, second, TaskKind::Docs)[0];
    let ops = stage(&world, goal, second, TaskKind::Ops)[0];
    let needed = needs(&world, docs);
    assert!(
        needed.contains(&ops),
        "nobody has begun with it: {needed:?}"
    );
    act(&world, docs, Event::Cancel);
    assert_eq!(stage(&world, goal, second, TaskKind::Docs), []);
    let skipped = world.mission.skipped(second).expect("reads");
    let why = &skipped.last().expect("the reason").why;
    assert_eq!(*why, format!("once for the goal, as {docs}"));
    assert_eq!(act(&world, docs, Event::Reopen), State::Open);
    world.sound();
}

#[test]
fn what_another_stands_for_is_not_taken_up_again() {
    let world = world();
    let build = world.add(world.build("do it"));
    act(&world, build, Event::Override);
    let review = |title: &str| {
        let mut new = NewTask::new(TaskKind::Review, title);
        (new.project, new.parent, new.lineage) = (Some(world.project), Some(build), Some(build));
        world.add(new)
    };
    let first = review("one");
    act(&world, first, Event::Cancel);
    let second = review("two");
    let refused = world
        .mission
        .act(first, Event::Reopen, String::new(), "me", 500)
        .expect_err("one for each cycle");
    let words = format!("cannot take {first} up again: {second} stands in its place");
    assert_eq!(refused.to_string(), words);
    act(&world, second, Event::Cancel);
    assert_eq!(act(&world, first, Event::Reopen), State::Open);
    world.sound();
}

#[test]
fn what_a_line_took_is_counted_over_the_tasks_that_it_is_shown_with() {
    let world = world();
    let build = world.add(world.build("do it"));
    let of = |kind, parent, lineage| {
        let mut new = NewTask::new(kind, "of the line");
        (new.project, new.parent, new.lineage) = (Some(world.project), Some(parent), lineage);
        world.add(new)
    };
    let review = of(TaskKind::Review, build, Some(build));
    let docs = of(TaskKind::Docs, build, None);
    let again = of(TaskKind::Docs, docs, Some(docs));
    world.add(world.build("another"));
    let line = world.mission.line(build).expect("reads");
    let shown: Vec<TaskId> = line.iter().map(|t| t.id).collect();
    assert_eq!(shown, [build, review, docs, again]);
    for by in [build, review] {
        let took = world.mission.work_stats(by, 1_000).expect("reads");
        assert_eq!(took.total.tasks, 4, "by {by}");
    }
    let own = world.mission.work_stats(again, 1_000).expect("reads");
    assert_eq!(
        own.total.tasks, 2,
        "documentation with what was done anew of it"
    );
}

#[test]
fn a_follow_up_is_a_part_of_the_work_that_it_came_of_and_no_stage_of_its_line() {
    let world = world();
    let m = &world.mission;
    let build = world.add(world.build("do it"));
    let of = |kind, parent, lineage| {
        let mut new = NewTask::new(kind, "of the work");
        (new.project, new.parent, new.lineage) = (Some(world.project), Some(parent), lineage);
        world.add(new)
    };
    let review = of(TaskKind::Review, build, Some(build));
    let follow_up = of(TaskKind::Build, review, None);
    let rework = of(TaskKind::Build, follow_up, Some(follow_up));
    let its_audit = of(TaskKind::Security, rework, Some(follow_up));
    let its_docs = of(TaskKind::Docs, rework, None);
    let a_persons = of(TaskKind::Build, build, None);
    let ids = |tasks: Vec<Task>| tasks.into_iter().map(|t| t.id).collect::<Vec<_>>();
    let work = [build, review, follow_up, rework, its_audit, its_docs];
    assert_eq!(ids(m.work_of(build).expect("reads")), work);
    assert_eq!(ids(m.work_of(review).expect("reads")), work);
    assert_eq!(ids(m.work_of(its_audit).expect("reads")), work[2..]);
    assert_eq!(ids(m.line(build).expect("reads")), [build, review]);
    let took = m.work_stats(build, 1_000).expect("reads");
    assert_eq!(took.total.tasks, 6);
    for task in work {
        assert_eq!(m.first_of(task).expect("reads"), build, "{task}");
    }
    assert_eq!(m.first_of(a_persons).expect("reads"), a_persons);
    // Documentation is paid for as a line of its own, as that of any line.
    for (task, pays) in [
        (follow_up, build),
        (its_audit, build),
        (its_docs, its_docs),
        (a_persons, a_persons),
    ] {
        assert_eq!(m.pays(task).expect("reads"), pays, "{task}");
    }
}

/// A line of no goal that has passed its gate, with the review that a follow-up came of.
fn follow_up_of_no_goal(world: &World) -> (TaskId, TaskId) {
    let build = world.add(world.build("do it"));
    let claim = world.claim().expect("the build");
    let effects = vec![complete(), review_of(world, build)];
    let made = (world.mission)
        .apply(&claim.fence, "good", effects, 110)
        .expect("applies");
    let mut follow_up = world.build("Fix: this");
    follow_up.parent = Some(made[0]);
    let claim = world.claim().expect("the review");
    let spawn = Effect::Spawn {
        tasks: vec![alone(follow_up)],
    };
    let made = (world.mission)
        .apply(&claim.fence, "good", vec![complete(), spawn], 120)
        .expect("applies");
    (build, made[0])
}

#[test]
fn a_follow_up_of_no_goal_leaves_a_sound_store_however_it_ends() {
    // By a person or the factory, before it was begun and while it is worked on, and once more after it was taken up again.
    for event in [Event::Override, Event::Cancel, Event::Fail] {
        for begun in [false, true] {
            let world = world();
            let (build, follow_up) = follow_up_of_no_goal(&world);
            if begun {
                assert_eq!(world.claim().expect("it").task.id, follow_up);
            }
            let ended = act(&world, follow_up, event);
            assert!(ended.terminal(), "{event:?}");
            world.sound();
            if ended != State::Done {
                assert_eq!(act(&world, follow_up, Event::Reopen), State::Open);
                world.sound();
                assert!(act(&world, follow_up, event).terminal());
                world.sound();
            }
            assert_eq!(world.mission.first_of(follow_up).expect("reads"), build);
        }
    }
    // By a run that passed its gate, was lost, and gave it up.
    let world = world();
    let (_, follow_up) = follow_up_of_no_goal(&world);
    let claim = world.claim().expect("the follow-up");
    let effects = vec![complete(), review_of(&world, follow_up)];
    (world.mission)
        .apply(&claim.fence, "good", effects, 130)
        .expect("applies");
    assert_eq!(world.state(follow_up), State::Done);
    world.sound();
    let review = world.claim().expect("its review");
    (world.mission)
        .apply(&review.fence, "good", vec![complete()], 140)
        .expect("applies");
    world.sound();
}
