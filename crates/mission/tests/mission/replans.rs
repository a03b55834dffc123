//! A task that is planned anew: it waits for its plan, others come into its place once, and whoever needed its line of work needs them.

use alai_core::plan::Planning;

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
        Effect::Replace { task: of, by }
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
        assert_eq!(mission.splits_above(task).expect("rows"), splits);
    }
    assert_eq!(mission.replans_of(dead.goal).expect("rows"), 0);
    dead.world.sound();
}

#[test]
fn a_line_that_was_sent_back_is_replaced_as_a_whole() {
    let dead = dead();
    let mission = &dead.world.mission;
    // The first build is good after all, is rejected, and its rework dies: by a person's word the plan is not waited for.
    mission
        .act(dead.spec, Event::Override, "no".into(), "me", 111)
        .expect("closed by hand");
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
