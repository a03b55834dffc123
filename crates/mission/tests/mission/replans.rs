//! A task that is planned anew: it waits for its plan, others come into its place once, and whoever needed its line of work needs them.

use alai_core::delegation::PLANNED_MAX;
use alai_core::pipeline::{self, Chain, Context, Ended, Failure, QA_RETRIES_MAX, REPLANS_MAX};
use alai_core::plan::{Plan, PlanSource, PlannedTask, Planning};
use alai_mission::Fence;

use super::*;

/// A goal with a build, one that needs it, and the specification below the first that plans it anew. The first is back in the queue.
struct Dead {
    world: World,
    goal: TaskId,
    task: TaskId,
    dependent: TaskId,
    spec: TaskId,
}

fn retry() -> Effect {
    Effect::Retry {
        why: "lost".into(),
        findings: vec!["f".into()],
        counters: Counters::default(),
        run_at_ms: 0,
    }
}

fn anew(world: &World, goal: TaskId, of: TaskId) -> Effect {
    let mut spec = NewTask::new(TaskKind::Spec, "Split: a");
    spec.project = Some(world.project);
    (spec.goal, spec.parent) = (Some(goal), Some(of));
    spec.planning = Some(Planning::Split { of, depth: 1 });
    Effect::PlanAnew {
        spec: Box::new(spec),
        counted: world.mission.counted(of).expect("counts"),
    }
}

fn dead() -> Dead {
    let world = world();
    let goal = world.add(NewTask::new(TaskKind::Goal, "g"));
    let of_goal = |title: &str| {
        let mut new = world.build(title);
        new.goal = Some(goal);
        new
    };
    let task = world.add(of_goal("a"));
    let mut next = of_goal("b");
    next.needs = vec![Need {
        task,
        until: Until::Integrated,
    }];
    let dependent = world.add(next);
    let claim = world.claim().expect("the first build");
    assert_eq!(claim.task.id, task);
    let effects = vec![retry(), anew(&world, goal, task)];
    let made = world.mission.apply(&claim.fence, "lost", effects, 110);
    let spec = made.expect("it ends")[0];
    Dead {
        world,
        goal,
        task,
        dependent,
        spec,
    }
}

impl Dead {
    fn parts(&self, of: TaskId) -> Effect {
        let part = |title: &str, needs_new| {
            let mut task = self.world.build(title);
            (task.goal, task.parent) = (Some(self.goal), Some(self.spec));
            Spawn {
                task,
                needs_new,
                holds_postflight: true,
                holds_dependents: false,
                of_goal: false,
            }
        };
        let by = vec![
            part("one", Vec::new()),
            part("two", vec![(0, Until::Integrated)]),
        ];
        let counted = self.world.mission.counted(of);
        Effect::Replace {
            task: of,
            by,
            counted: counted.expect("counts"),
        }
    }

    fn needs(&self, task: TaskId) -> Vec<TaskId> {
        let needs = self.world.mission.needs(task).expect("needs");
        needs.into_iter().map(|need| need.needs).collect()
    }

    fn claimed(&self) -> Claim {
        let claim = self.world.claim().expect("the specification");
        assert_eq!(claim.task.id, self.spec);
        claim
    }
}

#[test]
fn parts_come_into_the_place_of_a_task_once_and_for_all_who_need_it() {
    let dead = dead();
    let mission = &dead.world.mission;
    assert_eq!(dead.world.state(dead.task), State::Open);
    assert_eq!(dead.needs(dead.task), [dead.spec], "it waits for its plan");
    let claim = dead.claimed();
    assert_eq!(dead.world.claim(), None, "and is given to nobody");
    let effects = vec![complete(), dead.parts(dead.task)];
    let end = || mission.apply(&claim.fence, "planned", effects.clone(), 120);
    let made = end().expect("it lands");
    assert_eq!(end().expect("the same answer"), made, "asked again");
    assert_eq!(made.len(), 2);
    assert_eq!(dead.world.state(dead.task), State::Cancelled);
    assert_eq!(dead.needs(dead.dependent), made);
    assert_eq!(mission.replaced_by(dead.task).expect("rows"), made);
    let replaced = mission.replaced_in(dead.goal).expect("rows");
    assert_eq!(replaced.into_iter().collect::<Vec<_>>(), [dead.task]);
    let history = mission.events(dead.task).expect("a history");
    let words = format!("replaced by {}, {}", made[0], made[1]);
    assert!(history.iter().any(|event| event.detail == words));
    // It is not taken up again, and what comes of the parts counts as split once.
    let again = mission.act(dead.task, Event::Reopen, "again".into(), "me", 130);
    assert!(
        matches!(again, Err(MissionError::Replaced { instead, .. }) if instead == made[0]),
        "{again:?}"
    );
    for (task, splits) in [(dead.task, 0), (made[0], 1), (made[1], 1)] {
        let counted = mission.counted(task).expect("rows");
        assert_eq!((counted.splits_above, counted.replans), (splits, 0));
        assert_eq!(counted.left, PLANNED_MAX - 4, "a, b, and two parts");
    }
    dead.world.sound();
}

#[test]
fn a_line_that_was_sent_back_is_replaced_as_a_whole() {
    let dead = dead();
    let mission = &dead.world.mission;
    // The first build is good after all, is rejected, and its rework dies: by a person's word the plan is not waited for.
    let by_hand = |task, event| mission.act(task, event, "no".into(), "me", 111);
    by_hand(dead.spec, Event::Override).expect("closed by hand");
    by_hand(dead.task, Event::Answer).expect("tried again");
    let built = dead.world.claim().expect("the first build");
    assert_eq!(built.task.id, dead.task);
    let review = review_of(&dead.world, dead.task);
    let made = mission.apply(&built.fence, "good", vec![complete(), review], 112);
    let review = made.expect("it ends")[0];
    let reviewed = dead.world.claim().expect("its review");
    assert_eq!(reviewed.task.id, review);
    let mut rework = dead.world.build("rework");
    (rework.goal, rework.parent) = (Some(dead.goal), Some(review));
    (rework.lineage, rework.review_cycles) = (Some(dead.task), 1);
    let sent_back = Effect::Spawn {
        tasks: vec![Spawn {
            task: rework,
            needs_new: Vec::new(),
            holds_postflight: false,
            holds_dependents: false,
            of_goal: false,
        }],
    };
    let made = mission.apply(&reviewed.fence, "bad", vec![complete(), sent_back], 113);
    let rework = made.expect("it ends")[0];
    let claim = dead.world.claim().expect("the rework");
    assert_eq!(claim.task.id, rework);
    let effects = vec![retry(), anew(&dead.world, dead.goal, rework)];
    let spec = mission.apply(&claim.fence, "lost", effects, 113);
    let spec = spec.expect("it ends")[0];
    let claim = dead.world.claim().expect("the second specification");
    assert_eq!(claim.task.id, spec);
    let mut parts = dead.parts(rework);
    if let Effect::Replace { by, .. } = &mut parts {
        by.iter_mut()
            .for_each(|spawn| spawn.task.parent = Some(spec));
    }
    let made = mission.apply(&claim.fence, "planned", vec![complete(), parts], 114);
    let made = made.expect("it lands");
    assert_eq!(dead.needs(dead.dependent), made, "not its first build");
    for task in [dead.task, rework] {
        assert_eq!(mission.replaced_by(task).expect("rows"), made);
    }
    assert_eq!(dead.world.state(dead.task), State::Done);
    let merge = mission.requeue_merge(dead.task, "me", 115);
    assert!(
        matches!(merge, Err(MissionError::Replaced { .. })),
        "{merge:?}"
    );
    dead.world.sound();
}

#[test]
fn what_a_person_did_meanwhile_stands() {
    // He has cancelled the task: nothing comes into its place.
    let first = dead();
    let claim = first.claimed();
    let mission = &first.world.mission;
    mission
        .act(first.task, Event::Cancel, "no".into(), "me", 115)
        .expect("cancelled");
    let effects = vec![complete(), first.parts(first.task)];
    let landed = mission.apply(&claim.fence, "planned", effects, 120);
    assert!(
        matches!(landed, Err(MissionError::Refused { .. })),
        "{landed:?}"
    );
    assert_eq!(first.world.state(first.spec), State::Started, "all or none");
    assert_eq!(mission.replaced_by(first.task).expect("rows"), []);
    let about = Effect::AskAbout {
        task: first.task,
        waiting: waiting(),
    };
    mission
        .apply(&claim.fence, "given up", vec![complete(), about], 121)
        .expect("it ends");
    assert_eq!(first.world.state(first.task), State::Cancelled);
    first.world.sound();
    // He has cancelled the plan: the task asks him.
    let second = dead();
    let mission = &second.world.mission;
    mission
        .act(second.spec, Event::Cancel, "no".into(), "me", 115)
        .expect("cancelled");
    let asked = mission.task(second.task).expect("the task").waiting;
    assert_eq!(
        asked.map(|waiting| waiting.reason),
        Some(WaitReason::NeedGone)
    );
    second.world.sound();
}

#[test]
fn a_plan_that_is_given_up_puts_the_task_before_a_person() {
    let dead = dead();
    let claim = dead.claimed();
    let about = Effect::AskAbout {
        task: dead.task,
        waiting: waiting(),
    };
    let mission = &dead.world.mission;
    let ended = mission.apply(&claim.fence, "given up", vec![complete(), about], 120);
    assert_eq!(ended.expect("it ends"), []);
    let task = mission.task(dead.task).expect("the task");
    assert_eq!(task.state, State::Waiting);
    let action = task.waiting.expect("a wait").next_action;
    assert_eq!(action, format!("pull a model for {}", dead.task.0));
    assert_eq!(dead.needs(dead.dependent), [dead.task]);
    dead.world.sound();
}

#[test]
fn a_plan_that_a_person_closes_by_hand_gives_the_task_no_try_and_puts_it_before_him() {
    let dead = dead();
    let mission = &dead.world.mission;
    let by_hand = |task, event, text: &str| mission.act(task, event, text.into(), "mira", 115);
    by_hand(dead.spec, Event::Override, "we drop this").expect("closed by hand");
    assert_eq!(dead.world.state(dead.spec), State::Done);
    assert_eq!(dead.world.claim(), None, "nobody tries it once more");
    let waiting = mission.task(dead.task).expect("the task").waiting;
    let waiting = waiting.expect("a wait");
    assert_eq!(
        (waiting.reason, waiting.owner.as_str()),
        (WaitReason::QaRetries, "mira")
    );
    let said = format!(
        "was not split: mira closed {} by hand: we drop this; last: f",
        dead.spec
    );
    assert!(waiting.detail.contains(&said), "{}", waiting.detail);
    for verb in ["answer", "cancel"] {
        let command = format!("`alai mc {verb} {}", dead.task.0);
        assert!(waiting.next_action.contains(&command), "{waiting:?}");
    }
    assert_eq!(
        dead.needs(dead.dependent),
        [dead.task],
        "who needs it waits for it"
    );
    by_hand(dead.task, Event::Answer, "as one").expect("answered");
    let claim = dead.world.claim().expect("it goes on by his word");
    assert_eq!(
        (claim.task.id, claim.task.counters.qa_retries),
        (dead.task, 0)
    );
    dead.world.sound();
    // Who took the task himself meanwhile is not asked about it.
    let second = self::dead();
    let mission = &second.world.mission;
    let paused = mission.act(second.task, Event::Pause, String::new(), "me", 115);
    paused.expect("paused");
    let closed = mission.act(second.spec, Event::Override, "no".into(), "me", 116);
    closed.expect("closed by hand");
    assert_eq!(second.world.state(second.task), State::Paused);
    second.world.sound();
}

/// What the factory does with a run's end, with the rows and the decisions as they are: again, where another has landed meanwhile.
/// Answers with how often it was outrun.
fn lands(mission: &Mission, fence: &Fence, ended: &Ended, before: impl Fn()) -> usize {
    let mut outrun = 0;
    loop {
        let task = mission.task(fence.task).expect("the task");
        let of = task.plans_anew().and_then(Planning::of);
        let dead = of.map(|of| mission.task(of).expect("the dead task"));
        let about = dead.as_ref().map_or(task.id, |dead| dead.id);
        let context = Context {
            now_ms: 100,
            operator: "me".into(),
            jitter: 0.0,
            wants_docs: false,
            wants_ops: false,
            auto_delivery: false,
            verify: None,
            told: Vec::new(),
            chain: Chain::default(),
            around: Some(pipeline::Around {
                counted: mission.counted(about).expect("counts"),
                spent: None,
            }),
            dead: dead.map(Box::new),
        };
        before();
        let effects = pipeline::advance(&task, ended, &context);
        match mission.apply(fence, "ended", effects, 100) {
            Ok(_) => return outrun,
            Err(e) if e.is_outrun() => outrun += 1,
            Err(e) => panic!("{e}"),
        }
    }
}

fn not_good_enough() -> Ended {
    let failure = Failure::quality(vec!["f".into()]);
    Ended::Failed { failure }
}

/// A goal with so many builds at work, each of them at its last try.
fn at_their_last_try(count: usize) -> (World, TaskId, Vec<Claim>) {
    let world = world();
    let goal = world.add(NewTask::new(TaskKind::Goal, "g"));
    for n in 0..count {
        let mut new = world.build(&format!("t{n}"));
        (new.goal, new.parent) = (Some(goal), Some(goal));
        let task = world.add(new);
        for _ in 0..QA_RETRIES_MAX {
            let claim = world.claim().expect("a try");
            assert_eq!(claim.task.id, task);
            lands(&world.mission, &claim.fence, &not_good_enough(), || {});
        }
        // Aside, until all of them are there.
        let aside = world
            .mission
            .act(task, Event::Pause, String::new(), "me", 100);
        aside.expect("paused");
    }
    let all = world.mission.tasks(&Filter::default()).expect("tasks");
    for task in all.iter().filter(|task| task.kind == TaskKind::Build) {
        let on = world
            .mission
            .act(task.id, Event::Resume, String::new(), "me", 100);
        on.expect("resumed");
    }
    let claims: Vec<Claim> = (0..count)
        .map(|_| world.claim().expect("its last"))
        .collect();
    let worn = |claim: &Claim| claim.task.counters.qa_retries == QA_RETRIES_MAX;
    assert!(claims.iter().all(worn), "{claims:?}");
    (world, goal, claims)
}

fn planning_tasks(world: &World) -> usize {
    let all = world.mission.tasks(&Filter {
        ended: true,
        ..Filter::default()
    });
    let all = all.expect("tasks");
    all.iter()
        .filter(|task| task.plans_anew().is_some())
        .count()
}

/// Lands all of these, each of which has counted before the first of them lands. Answers with how often one was outrun.
fn together(world: &World, claims: &[Claim], ended: &Ended) -> usize {
    let counted = &Barrier::new(claims.len());
    std::thread::scope(|scope| {
        let land = |claim: &'_ Claim| {
            let fence = claim.fence.clone();
            scope.spawn(move || {
                let first = std::cell::Cell::new(true);
                lands(&world.mission, &fence, ended, || {
                    if first.replace(false) {
                        counted.wait();
                    }
                })
            })
        };
        let at_work: Vec<_> = claims.iter().map(land).collect();
        { at_work.into_iter() }
            .map(|thread| thread.join().expect("it lands"))
            .sum()
    })
}

#[test]
fn ends_that_land_in_one_moment_pass_no_bound_together() {
    let (world, _, claims) = at_their_last_try(6);
    let outrun = together(&world, &claims, &not_good_enough());
    assert!(
        outrun >= claims.len() - 1,
        "one of them was the first: {outrun}"
    );
    let most = usize::try_from(REPLANS_MAX).expect("a few");
    assert_eq!(planning_tasks(&world), most);
    let asked = claims
        .iter()
        .filter(|c| world.state(c.task.id) == State::Waiting);
    assert_eq!(asked.count(), claims.len() - most);
    for claim in &claims {
        if let Some(waiting) = world.mission.task(claim.task.id).expect("the task").waiting {
            let said = "planned anew 2 times already";
            assert!(waiting.detail.contains(said), "{waiting:?}");
        }
    }
    let counts = world.mission.counted(claims[0].task.id).expect("counts");
    assert_eq!(counts.replans, REPLANS_MAX);
    world.sound();
}

#[test]
fn plans_that_land_in_one_moment_make_no_more_tasks_than_a_goal_has_left() {
    let (world, goal, claims) = at_their_last_try(2);
    for claim in &claims {
        lands(&world.mission, &claim.fence, &not_good_enough(), || {});
    }
    let specs = [world.claim(), world.claim()].map(|claim| claim.expect("a specification"));
    // Of what the goal may be given, five are left: four parts of one, and not of both.
    let counts = || world.mission.counted(claims[0].task.id).expect("counts");
    while counts().left > 5 {
        let mut other = world.build("other");
        (other.goal, other.parent) = (Some(goal), Some(goal));
        world.add(other);
    }
    let part = |n: usize| PlannedTask::new(format!("k{n}"), format!("part {n}"));
    let plan = Plan {
        spec: "s".into(),
        tasks: (0..4).map(part).collect(),
    };
    let ended = Ended::Planned {
        plan,
        source: PlanSource::Model,
    };
    assert!(together(&world, &specs, &ended) >= 1);
    assert_eq!(counts().left, 1);
    let state = |claim: &Claim| world.state(claim.task.id);
    let state = &state;
    let of = |wanted| claims.iter().filter(move |c| state(c) == wanted);
    assert_eq!(of(State::Cancelled).count(), 1, "replaced");
    let [asked] = of(State::Waiting).collect::<Vec<_>>()[..] else {
        panic!("{claims:?}");
    };
    let waiting = world.mission.task(asked.task.id).expect("the task").waiting;
    let detail = waiting.expect("a wait").detail;
    assert!(detail.contains("1 are left"), "{detail}");
    world.sound();
}

#[test]
fn a_supervisor_that_has_lost_the_run_files_no_second_plan() {
    let world = world();
    let goal = world.add(NewTask::new(TaskKind::Goal, "g"));
    let mut new = world.build("a");
    new.goal = Some(goal);
    let task = world.add(new);
    let mission = &world.mission;
    // One supervisor holds the run; another takes it for lost and gives the task out again.
    let lost = world.claim().expect("the build");
    mission
        .recover(
            vec![(lost.fence.run.clone(), retry())],
            "taken for lost",
            105,
        )
        .expect("taken back");
    let held = world.claim().expect("given out again");
    let ends = |fence: &Fence| {
        let effects = vec![retry(), anew(&world, goal, task)];
        mission.apply(fence, "lost", effects, 110)
    };
    let late = ends(&lost.fence);
    assert!(late.as_ref().is_err_and(MissionError::is_stale), "{late:?}");
    assert_eq!(planning_tasks(&world), 0, "all or none");
    let made = ends(&held.fence).expect("it lands");
    assert_eq!(made.len(), 1);
    let late = ends(&lost.fence);
    assert!(late.as_ref().is_err_and(MissionError::is_stale), "{late:?}");
    assert_eq!(ends(&held.fence).expect("the same answer"), made);
    assert_eq!(planning_tasks(&world), 1);
    assert_eq!(world.state(task), State::Open);
    assert_eq!(world.claim().expect("its plan").task.id, made[0]);
    world.sound();
}

#[test]
fn a_goal_that_is_taken_up_again_has_what_ended_with_it() {
    let world = world();
    let (goal, first, second, postflight) = goal_of_three(&world);
    let mission = &world.mission;
    let act = |task, event, at_ms| mission.act(task, event, "again".into(), "me", at_ms);
    let states = || [goal, first, second, postflight].map(|task| world.state(task));
    act(goal, Event::Cancel, 200).expect("cancelled");
    assert_eq!(states(), [State::Cancelled; 4]);
    act(goal, Event::Reopen, 210).expect("taken up");
    assert_eq!(states(), [State::Open; 4], "nobody waits for what has gone");
    assert_eq!(mission.settled_goals().expect("goals"), []);
    // What was cancelled by itself before that stays so, and whoever needs it asks.
    act(first, Event::Cancel, 220).expect("cancelled");
    act(goal, Event::Cancel, 230).expect("cancelled");
    act(goal, Event::Reopen, 240).expect("taken up");
    let (gone, open) = (State::Cancelled, State::Open);
    assert_eq!(states(), [open, gone, State::Waiting, open]);
    // What was lost and made it fail is what is taken up.
    act(second, Event::Cancel, 250).expect("cancelled");
    act(postflight, Event::Cancel, 260).expect("cancelled");
    let failed = mission.close_goal(goal, Event::Fail, "nothing was merged", 270);
    failed.expect("closed");
    act(goal, Event::Reopen, 280).expect("taken up");
    assert_eq!(states(), [State::Open; 4]);
    // One that was summed up without what was lost is so once more, behind that.
    act(second, Event::Cancel, 290).expect("cancelled");
    act(postflight, Event::Override, 300).expect("done");
    act(first, Event::Cancel, 320).expect("cancelled");
    mission
        .close_goal(goal, Event::Fail, "nothing was merged", 330)
        .expect("closed");
    act(goal, Event::Reopen, 340).expect("taken up");
    let again = TaskId(postflight.0 + 1);
    let again = mission.task(again).expect("another postflight");
    assert_eq!(
        (again.kind, again.state),
        (TaskKind::Postflight, State::Open)
    );
    let needs = mission.needs(again.id).expect("needs");
    assert_eq!(
        needs.iter().map(|n| n.needs).collect::<Vec<_>>(),
        [first, second]
    );
    // One that only waits for a word has ended nothing: what a person cancelled of it stays so.
    act(second, Event::Cancel, 350).expect("cancelled");
    mission
        .ask(goal, waiting(), "factory", 360)
        .expect("it waits");
    act(goal, Event::Reopen, 370).expect("tried again");
    assert_eq!((world.state(goal), world.state(second)), (open, gone));
    let findings = mission.task(first).expect("the task").findings;
    assert_eq!(findings.last().map(String::as_str), Some("me says: again"));
    world.sound();
}

#[test]
fn the_parts_of_a_task_of_no_goal_are_its_line_of_work_and_spend_its_money() {
    let world = world();
    let mission = &world.mission;
    let task = world.add(world.build("a"));
    let mut next = world.build("b");
    next.needs = vec![Need {
        task,
        until: Until::Integrated,
    }];
    let dependent = world.add(next);
    let claim = world.claim().expect("the task");
    let mut spec = NewTask::new(TaskKind::Spec, "Split: a");
    (spec.project, spec.parent) = (Some(world.project), Some(task));
    spec.planning = Some(Planning::Split { of: task, depth: 1 });
    let counted = |of| mission.counted(of).expect("counts");
    let anew = Effect::PlanAnew {
        spec: Box::new(spec),
        counted: counted(task),
    };
    let made = mission.apply(&claim.fence, "lost", vec![retry(), anew], 110);
    let spec = made.expect("it ends")[0];
    let claim = world.claim().expect("the specification");
    assert_eq!(claim.task.id, spec);
    let part = |title: &str| {
        let mut part = world.build(title);
        part.parent = Some(spec);
        alone(part)
    };
    let replace = Effect::Replace {
        task,
        by: vec![part("one"), part("two")],
        counted: counted(task),
    };
    let made = mission.apply(&claim.fence, "planned", vec![complete(), replace], 120);
    let made = made.expect("it lands");
    assert_eq!(world.state(task), State::Cancelled);
    assert_eq!(mission.replaced_by(task).expect("rows"), made);
    let needs = mission.needs(dependent).expect("needs");
    let needs: Vec<TaskId> = needs.into_iter().map(|need| need.needs).collect();
    assert_eq!(needs, made);
    // A follow-up of what judges a part, and what would split that part once more, are of the same family.
    let mut review = NewTask::new(TaskKind::Review, "review");
    (review.project, review.parent, review.lineage) =
        (Some(world.project), Some(made[0]), Some(made[0]));
    let review = world.add(review);
    let mut follow_up = world.build("Fix: this");
    follow_up.parent = Some(review);
    let follow_up = world.add(follow_up);
    let work = mission.work_of(task).expect("reads");
    let work: Vec<TaskId> = work.into_iter().map(|task| task.id).collect();
    assert_eq!(work, [task, spec, made[0], made[1], review, follow_up]);
    for of in work {
        assert_eq!(mission.first_of(of).expect("reads"), task, "{of}");
        assert_eq!(mission.pays(of).expect("reads"), task, "{of}");
        assert_eq!(counted(of).left, PLANNED_MAX - 4, "{of}");
    }
    assert_eq!(counted(made[1]).splits_above, 1);
    assert_eq!(mission.first_of(dependent).expect("reads"), dependent);
    let again = mission.act(task, Event::Reopen, "again".into(), "me", 130);
    assert!(
        matches!(again, Err(MissionError::Replaced { instead, .. }) if instead == made[0]),
        "{again:?}"
    );
    world.sound();
}
