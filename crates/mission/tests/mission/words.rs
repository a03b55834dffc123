//! What people say to a run while it goes on, and how one is stopped.

use alai_core::task::{WaitReason, Waiting};
use alai_mission::WORDS_MAX;

use super::*;

#[test]
fn a_word_is_heard_once_by_its_run() {
    let world = world();
    world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let m = &world.mission;
    assert_eq!(m.take_words(&claim.fence, 100).expect("none"), []);
    for (at, text) in ["one", "two"].into_iter().enumerate() {
        let number = m
            .say(&claim.fence.run, text.into(), "ada", 110)
            .expect("said");
        assert_eq!(number, at as i64 + 1);
    }
    let heard = m.take_words(&claim.fence, 120).expect("heard");
    let texts: Vec<&str> = heard.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(m.take_words(&claim.fence, 130).expect("nothing more"), []);
    let kept = m.words(&claim.fence.run).expect("rows");
    assert!(
        kept.iter()
            .all(|w| w.taken_ms == Some(120) && w.taken_by.as_ref() == Some(&claim.fence.run))
    );
    let history = m.events(claim.fence.task).expect("events");
    assert_eq!(history.iter().filter(|e| e.kind == "told").count(), 2);
    world.sound();
}

#[test]
fn a_run_takes_so_many_words_and_one_that_ended_none() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let m = &world.mission;
    let say = || m.say(&claim.fence.run, "again".into(), "ada", 110);
    for _ in 0..WORDS_MAX {
        say().expect("said");
    }
    assert!(matches!(say(), Err(MissionError::WordsMax(_))));
    m.act(task, Event::Cancel, String::new(), "ada", 120)
        .expect("ends");
    assert!(matches!(say(), Err(MissionError::RunEnded { .. })));
    let nobody = alai_core::ids::RunId("nobody".into());
    let unknown = m.say(&nobody, "hello".into(), "ada", 130);
    assert!(matches!(unknown, Err(MissionError::NoRun(_))));
    assert!(
        m.take_words(&claim.fence, 140)
            .expect_err("stale")
            .is_stale()
    );
    world.sound();
}

#[test]
fn a_run_that_resumes_another_hears_what_that_one_was_told() {
    let world = world();
    let task = world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    let m = &world.mission;
    m.say(&first.fence.run, "heard".into(), "ada", 110)
        .expect("said");
    assert_eq!(m.take_words(&first.fence, 120).expect("heard").len(), 1);
    m.say(&first.fence.run, "not heard".into(), "ada", 130)
        .expect("said");
    let back = Effect::Retry {
        why: "lost".into(),
        findings: Vec::new(),
        counters: m.task(task).expect("a task").counters,
        run_at_ms: 0,
    };
    m.recover(vec![(first.fence.run.clone(), back)], "killed", 140)
        .expect("lost");
    let second = world.claim().expect("again");
    assert_eq!(second.resumes, Some(first.fence.run.clone()));
    assert!(
        m.take_words(&first.fence, 150)
            .expect_err("it has lost its task")
            .is_stale()
    );
    let heard = m.take_words(&second.fence, 160).expect("heard");
    let texts: Vec<&str> = heard.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(
        texts,
        ["heard", "not heard"],
        "its conversation begins anew"
    );
    assert_eq!(m.take_words(&second.fence, 170).expect("once"), []);
    world.sound();
}

#[test]
fn a_run_is_stopped_once_and_its_task_waits() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let waiting = Waiting {
        reason: WaitReason::Blocked,
        owner: "ada".into(),
        deadline_ms: 9_000,
        next_action: "`alai mc retry 1`".into(),
        detail: "ada stopped it".into(),
    };
    let stop = || {
        world
            .mission
            .stop_run(&claim.fence.run, waiting.clone(), "ada", 200)
    };
    assert_eq!(stop().expect("stops"), State::Waiting);
    assert!(matches!(stop(), Err(MissionError::RunEnded { .. })));
    let late = world.mission.heartbeat(&claim.fence, LEASE_MS, 300);
    assert!(late.expect_err("it is over").is_stale());
    assert_eq!(
        world.mission.task(task).expect("a task").waiting,
        Some(waiting.clone())
    );
    world
        .mission
        .act(task, Event::Reopen, "again".into(), "ada", 400)
        .expect("taken up again");
    assert!(world.claim().is_some());
    world.sound();
}
