//! Merged work on a remote: what is asked of the outside stands in the outbox until its answer is here, and what comes back makes a task once.

use alai_mission::{
    NewPublished, NewRemark, OutboxRow, PULL, PUSH, Published, PublishedState, Way,
};

use super::*;

/// A goal under which all is done, with a delivery that is queued.
fn settled() -> (World, TaskId) {
    let world = world();
    let mut goal = NewTask::new(TaskKind::Goal, "g");
    goal.project = Some(world.project);
    let mut spec = NewTask::new(TaskKind::Spec, "Spec: g");
    spec.project = Some(world.project);
    let goal = world
        .mission
        .add_goal(goal, spec, None, "test", 10)
        .expect("adds");
    let claim = world.claim().expect("the spec");
    let done = Effect::Complete {
        base: None,
        head: None,
        note: String::new(),
    };
    world
        .mission
        .apply(&claim.fence, "ok", vec![done], 200)
        .expect("applies");
    (world, goal)
}

fn publish(world: &World, goal: TaskId, way: Way, head: &str) {
    let m = &world.mission;
    m.enqueue_delivery(goal, world.project, head, "factory", 300)
        .expect("queues");
    let row = m.next_merge(None, 1_000).expect("reads").expect("queued");
    let new = NewPublished {
        task: goal,
        project: world.project,
        way,
        remote: "origin".into(),
        branch: "alai/goal-1-g".into(),
        target: "main".into(),
        head: head.into(),
    };
    assert!(m.publish(&row, new.clone(), 310).expect("writes"));
    assert!(!m.publish(&row, new, 310).expect("writes"), "once");
}

fn now(world: &World, goal: TaskId) -> Published {
    world
        .mission
        .published(goal)
        .expect("reads")
        .expect("published")
}

fn due(world: &World, sink: &str) -> OutboxRow {
    let mut rows = world.mission.remotes_due(i64::MAX, 10).expect("reads");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = rows.pop().expect("counted");
    assert_eq!(row.sink, sink);
    row
}

fn approval(detail: &str) -> Waiting {
    Waiting {
        reason: WaitReason::Approval,
        detail: detail.into(),
        ..waiting()
    }
}

/// The pull request of the goal is open.
fn proposed() -> (World, TaskId) {
    let (world, goal) = settled();
    publish(&world, goal, Way::PullRequest, "h1");
    let m = &world.mission;
    m.pushed(&due(&world, PUSH), &now(&world, goal), None, 320)
        .expect("writes");
    let row = due(&world, PULL);
    let pull = (7, "https://h/7".to_owned());
    m.proposed(&row, &now(&world, goal), pull, approval("open"), 330)
        .expect("writes");
    assert_eq!(world.state(goal), State::Waiting);
    (world, goal)
}

#[test]
fn a_branch_ends_the_goal_when_it_is_there_and_not_before() {
    let (world, goal) = settled();
    publish(&world, goal, Way::Branch, "h1");
    let m = &world.mission;
    assert!(
        m.settled_goals().expect("reads").is_empty(),
        "it is on its way"
    );
    assert!(!m.resting(goal).expect("reads"));
    assert!(
        m.outbox_due(i64::MAX, 10)
            .expect("reads")
            .iter()
            .all(|row| row.sink == "wiki")
    );
    let row = due(&world, PUSH);
    m.not_published(&row, &now(&world, goal), "down", approval("down"), 320)
        .expect("writes");
    assert_eq!(world.state(goal), State::Waiting);
    assert!(
        m.resting(goal).expect("reads"),
        "nobody waits for a remote that is down"
    );
    world.sound();
    m.pushed(&row, &now(&world, goal), None, 330)
        .expect("writes");
    assert_eq!(world.state(goal), State::Done);
    let there = now(&world, goal);
    assert_eq!(
        (there.state, there.pushed.as_deref(), there.error),
        (PublishedState::Pushed, Some("h1"), None)
    );
    let merge = m.merges_of(goal).expect("reads").pop().expect("a row");
    assert_eq!(
        (merge.state, merge.outcome.as_deref()),
        (MergeState::Merged, Some("h1 is alai/goal-1-g of origin"))
    );
    world.sound();
}

#[test]
fn what_comes_back_makes_a_task_once_and_takes_the_goal_up() {
    let (world, goal) = proposed();
    let m = &world.mission;
    let remark = |key: &str, work: bool| {
        let mut task = world.build("mend it");
        task.goal = Some(goal);
        NewRemark {
            key: key.into(),
            author: "ada".into(),
            text: "> no".into(),
            follow_up: work.then_some(task),
        }
    };
    let of = now(&world, goal);
    let made = m
        .remarked(&of, vec![remark("a", false)], None, 900, 400)
        .expect("writes");
    assert_eq!(
        (made.len(), world.state(goal)),
        (0, State::Waiting),
        "only shown"
    );
    let made = m.remarked(
        &of,
        vec![remark("a", true), remark("b", true), remark("b", true)],
        None,
        900,
        410,
    );
    let made = made.expect("writes");
    assert_eq!((made.len(), world.state(goal)), (1, State::Open));
    assert_eq!(
        m.published_for(made[0]).expect("reads"),
        goal,
        "it goes to the same branch"
    );
    assert_eq!(m.follow_ups(goal, "").expect("reads"), 1);
    // A push that was asked for before has its answer while work goes on: the goal is not put aside.
    let of = now(&world, goal);
    m.pull_over(&of, Some(approval("closed")), 420)
        .expect("writes");
    assert_eq!(world.state(goal), State::Open);
    assert_eq!(now(&world, goal).state, PublishedState::Closed);
    world.sound();
}

#[test]
fn a_merge_there_ends_the_goal_and_a_closing_asks() {
    let (world, goal) = proposed();
    let m = &world.mission;
    assert_eq!(m.pulls_due(330).expect("reads"), [world.project]);
    m.not_looked(&now(&world, goal), "502", 5_000)
        .expect("writes");
    assert!(m.pulls_due(4_999).expect("reads").is_empty());
    assert_eq!(now(&world, goal).error.as_deref(), Some("502"));
    m.pull_over(&now(&world, goal), Some(approval("closed")), 420)
        .expect("writes");
    assert_eq!(world.state(goal), State::Waiting);
    // It is proposed anew: as another one.
    publish(&world, goal, Way::PullRequest, "h1");
    assert_eq!(now(&world, goal).pull, None);
    m.pushed(&due(&world, PUSH), &now(&world, goal), None, 430)
        .expect("writes");
    let row = due(&world, PULL);
    m.proposed(
        &row,
        &now(&world, goal),
        (8, "https://h/8".into()),
        approval("open"),
        440,
    )
    .expect("writes");
    m.pull_over(&now(&world, goal), None, 450).expect("writes");
    assert_eq!(
        (world.state(goal), now(&world, goal).state),
        (State::Done, PublishedState::Merged)
    );
    world.sound();
}

#[test]
fn an_answer_to_what_is_not_asked_any_more_changes_nothing() {
    let (world, goal) = settled();
    publish(&world, goal, Way::Branch, "h1");
    let (m, old) = (&world.mission, now(&world, goal));
    let row = due(&world, PUSH);
    publish(&world, goal, Way::Branch, "h2");
    m.pushed(&row, &old, None, 400).expect("writes");
    assert_eq!(
        (world.state(goal), now(&world, goal).pushed),
        (State::Open, None)
    );
    let row = due(&world, PUSH);
    m.act(goal, Event::Cancel, String::new(), "me", 410)
        .expect("cancels");
    m.not_needed(&row, 420).expect("writes");
    assert_eq!(now(&world, goal).state, PublishedState::Withdrawn);
    world.sound();
}
