//! People who take tasks, hand commits in, block and send back.

use alai_mission::{Handed, Holder, JudgedRow};

use super::*;

const DAY_MS: i64 = 24 * 3_600_000;

fn handed() -> Handed {
    Handed {
        base: "b".into(),
        head: "mine".into(),
    }
}

#[test]
fn what_a_person_takes_no_agent_gets() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    m.take(task, 3 * DAY_MS, "ann", 20).expect("takes");
    assert!(world.claim().is_none());
    let words = m
        .take(task, DAY_MS, "bob", 30)
        .expect_err("taken")
        .to_string();
    assert_eq!(
        words,
        "cannot take task #1: ann holds it until 1970-01-04 00:00 UTC"
    );
    let row = &m.live_runs().expect("runs")[0];
    assert_eq!((row.holder, &*row.worker), (Holder::Person, "ann"));
    // Beside her all slots of the factory are free.
    world.add(world.build("another"));
    let one = ClaimLimits {
        total: 1,
        per_project: 1,
        ..LIMITS
    };
    let claimed = m.claim(None, &one, "w", LEASE_MS, 40).expect("answers");
    assert!(claimed.is_some());
    world.sound();
    m.act(task, Event::Cancel, String::new(), "bob", 50)
        .expect("anybody may cancel");
    world.sound();
}

#[test]
fn what_needs_something_is_not_taken_before_it() {
    let world = world();
    let first = world.add(world.build("first"));
    let mut second = world.build("second");
    second.needs = vec![Need {
        task: first,
        until: Until::Done,
    }];
    let second = world.add(second);
    let refused = world.mission.take(second, DAY_MS, "ann", 20);
    let words = refused.expect_err("not yet").to_string();
    assert_eq!(words, "cannot take task #2: it needs #1 first");
}

#[test]
fn a_commit_that_is_handed_in_is_measured_before_anything_else() {
    let world = world();
    let m = &world.mission;
    let mut urgent = world.build("urgent");
    urgent.priority = Priority::Blocker;
    world.add(urgent);
    let task = world.add(world.build("t"));
    m.take(task, DAY_MS, "ann", 20).expect("takes");
    let state = m.hand_in(task, Some(handed()), "ann", 30);
    assert_eq!(state.expect("hands in"), State::ReadyForReview);
    world.sound();
    let next = m.next_task(40).expect("reads").expect("something");
    assert_eq!(next.id, task);
    let claim = world.claim().expect("its gate");
    assert_eq!(
        (claim.task.id, claim.task.handed.as_deref()),
        (task, Some("mine"))
    );
    assert_eq!(claim.resumes, None, "an agent goes on with no person's run");
    // The machine fails: the commit is still to be measured.
    let infra = Effect::Retry {
        why: "infrastructure: a full disk".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    m.apply(&claim.fence, "infrastructure: a full disk", vec![infra], 50)
        .expect("applies");
    let mut only = None;
    while let Some(claim) = world.claim() {
        if claim.task.id == task {
            only = Some(claim);
        }
    }
    let claim = only.expect("measured again");
    assert_eq!(claim.task.handed.as_deref(), Some("mine"));
    // The gate fails: an agent mends what the person began.
    let quality = Effect::Retry {
        why: "red".into(),
        findings: vec!["the tests fail".into()],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    m.apply(&claim.fence, "gate failed", vec![quality], 60)
        .expect("applies");
    let task = m.task(task).expect("the task");
    assert_eq!(
        (task.handed, task.start_from.as_deref(), task.state),
        (None, Some("mine"), State::Open)
    );
    world.sound();
}

#[test]
fn a_task_of_an_agent_is_not_handed_in_by_a_person() {
    let world = world();
    let task = world.add(world.build("t"));
    world.claim().expect("an agent has it");
    let refused = world.mission.hand_in(task, Some(handed()), "ann", 30);
    assert!(
        matches!(refused, Err(MissionError::Leased { .. })),
        "{refused:?}"
    );
}

#[test]
fn who_blocks_says_why_or_on_what() {
    let world = world();
    let m = &world.mission;
    let first = world.add(world.build("first"));
    let second = world.add(world.build("second"));
    let need = |task| Need {
        task,
        until: Until::Integrated,
    };
    let state = m.block(second, None, vec![need(first)], "ann", 20);
    assert_eq!(state.expect("blocks"), State::Open);
    let circle = m.block(first, None, vec![need(second)], "ann", 30);
    assert!(
        matches!(circle, Err(MissionError::Cycle { .. })),
        "{circle:?}"
    );
    let why = Waiting {
        reason: WaitReason::Blocked,
        ..waiting()
    };
    let state = m.block(first, Some(why), vec![], "ann", 40);
    assert_eq!(state.expect("blocks"), State::Waiting);
    assert!(world.claim().is_none(), "neither goes on");
    world.sound();
}

#[test]
fn merged_work_that_is_rejected_is_done_again_under_its_goal() {
    let world = world();
    let m = &world.mission;
    let mut goal = NewTask::new(TaskKind::Goal, "g");
    goal.project = Some(world.project);
    let goal = world.add(goal);
    let approval = Waiting {
        reason: WaitReason::Approval,
        ..waiting()
    };
    m.await_approval(goal, approval, 20).expect("waits");
    let mut rework = world.build("Rework: g");
    rework.goal = Some(goal);
    let made = m
        .reject_merged(goal, rework, "too slow".into(), "ann", 30)
        .expect("rejects");
    assert_eq!(world.state(goal), State::Open);
    assert_eq!(world.claim().expect("the rework").task.id, made);
    let goal = m.task(goal).expect("reads");
    assert_eq!(goal.findings, ["ann rejects: too slow; #2 reworks it"]);
    world.sound();
}

#[test]
fn what_waits_to_be_judged_is_sent_back_with_words() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    m.hand_in(task, Some(handed()), "ann", 20)
        .expect("hands in");
    m.act(task, Event::Reject, "no tests".into(), "bob", 30)
        .expect("rejects");
    let found = m.task(task).expect("reads");
    assert_eq!(
        (found.state, found.handed, found.start_from.as_deref()),
        (State::Open, None, Some("mine"))
    );
    assert_eq!(found.findings, ["bob rejects: no tests"]);
    world.sound();
}

#[test]
fn a_review_that_a_person_took_is_judged_by_him_and_by_nobody_else() {
    let world = world();
    let m = &world.mission;
    let mut review = world.build("t");
    review.kind = TaskKind::Review;
    (review.base, review.head) = (Some("b".into()), Some("h".into()));
    let task = world.add(review);
    let judge = |by: &str, now_ms| {
        let judged = JudgedRow {
            by: by.into(),
            head: "h".into(),
            review: format!("by {by}"),
        };
        m.judge(task, judged, by, now_ms)
    };
    let refused = |answer: Result<State, MissionError>| {
        let words = answer.expect_err("refused").to_string();
        assert!(words.contains("does not take `ready`"), "{words}");
    };
    refused(judge("ann", 20));
    m.take(task, DAY_MS, "ann", 30).expect("takes");
    refused(judge("bob", 40));
    assert_eq!(m.judged(task).expect("reads"), None);
    assert_eq!(judge("ann", 50).expect("hers"), State::ReadyForReview);
    refused(judge("ann", 60));
    let kept = m.judged(task).expect("reads").expect("a judgement");
    assert_eq!(
        (kept.by.as_str(), kept.review.as_str(), kept.head.as_str()),
        ("ann", "by ann", "h")
    );
    // A run takes her word up before anything else is begun.
    world.add(world.build("another"));
    let claim = world.claim().expect("a task");
    assert_eq!(
        (claim.task.id, claim.task.handed.as_deref()),
        (task, Some("h"))
    );
    assert_eq!(m.writers_of(task).expect("reads"), Vec::<String>::new());
    world.sound();
}
