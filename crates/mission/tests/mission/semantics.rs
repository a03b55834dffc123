//! What a queue must mean: requests once, steps with intent and receipt, limits in time, alarms, schedules, dead letters.

use alai_core::cron::CatchUp;
use alai_mission::{Alarm, By, Fired, NewSchedule, RequestKey, StepState};

use super::money::{call, reserve};
use super::*;

fn by(key: &str, hash: &str) -> By {
    By {
        actor: "me".into(),
        request: Some(RequestKey {
            key: key.into(),
            hash: hash.into(),
        }),
    }
}

fn retry(why: &str, run_at_ms: i64) -> Effect {
    Effect::Retry {
        why: why.into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms,
    }
}

fn kinds(world: &World, task: TaskId) -> Vec<String> {
    let events = world.mission.events(task).expect("history");
    events.into_iter().map(|e| e.kind).collect()
}

#[test]
fn the_same_request_is_carried_out_once_and_answered_again() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    for _ in 0..5 {
        let state = m.act(task, Event::Pause, String::new(), by("k1", "pause"), 20);
        assert_eq!(state.expect("pauses"), State::Paused);
        m.note(task, "a word".into(), by("k2", "note"), 30)
            .expect("notes");
    }
    assert_eq!(kinds(&world, task), ["created", "pause", "note"]);
    let other = m.act(task, Event::Cancel, String::new(), by("k1", "cancel"), 40);
    assert!(
        matches!(other, Err(MissionError::IdempotencyConflict { .. })),
        "{other:?}"
    );
    let again = m.answered(&RequestKey {
        key: "k1".into(),
        hash: "pause".into(),
    });
    assert_eq!(again.expect("reads").as_deref(), Some("\"paused\""));
    // A refusal is no answer that is kept: mended, the same request may pass.
    let refused = m.act(task, Event::Pause, String::new(), by("k3", "p"), 50);
    assert!(matches!(refused, Err(MissionError::Refused { .. })));
    m.act(task, Event::Resume, String::new(), "me", 60)
        .expect("resumes");
    m.act(task, Event::Pause, String::new(), by("k3", "p"), 70)
        .expect("passes now");
    let month = 31 * 24 * 3_600_000;
    assert_eq!(m.forget_answers(month).expect("forgets"), 3);
    world.sound();
}

#[test]
fn a_completion_whose_answer_was_lost_is_answered_again_and_done_once() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let ask = || {
        let effects = vec![complete(), review_of(&world, task)];
        world.mission.apply(&claim.fence, "passed", effects, 200)
    };
    let first = ask().expect("completes");
    for _ in 0..5 {
        assert_eq!(ask().expect("the same answer"), first);
    }
    let all = Filter {
        ended: true,
        ..Filter::default()
    };
    let tasks = world.mission.tasks(&all).expect("tasks");
    assert_eq!(tasks.len(), 2, "one successor");
    let completions = kinds(&world, task)
        .iter()
        .filter(|k| *k == "complete")
        .count();
    assert_eq!(completions, 1);
    let other = world
        .mission
        .apply(&claim.fence, "failed", vec![retry("no", 0)], 300);
    assert!(other.expect_err("it has ended").is_stale());
    world.sound();
}

#[test]
fn what_was_begun_and_has_no_receipt_is_unknown() {
    let world = world();
    let m = &world.mission;
    world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let (fence, run) = (&claim.fence, &claim.fence.run);
    reserve(m, fence, 0, 900, 110).expect("reserves");
    m.settle(fence, call(0, 7), 120).expect("its receipt");
    reserve(m, fence, 1, 900, 130).expect("reserves");
    m.release(fence, 1, "429", 140).expect("failed");
    reserve(m, fence, 1, 900, 150).expect("again");
    m.intend(fence, "push", "to origin", 0, 160)
        .expect("intends");
    let spent = m.spend_of_run(run).expect("sums");
    assert_eq!((spent.calls, spent.unknown_calls), (1, 0), "it still runs");
    let lost = vec![(run.clone(), retry("lost", 0))];
    m.recover(lost, "killed", 200).expect("recovers");
    let states: Vec<(String, StepState)> = m
        .steps(run)
        .expect("steps")
        .into_iter()
        .map(|s| (s.key, s.state))
        .collect();
    let wanted = [
        ("call-0", StepState::Done),
        ("call-1", StepState::Unknown),
        ("push", StepState::Unknown),
    ];
    assert_eq!(states, wanted.map(|(k, s)| (k.to_owned(), s)));
    let spent = m.spend().expect("sums");
    assert_eq!(
        (spent.calls, spent.unknown_calls, spent.reserved_microusd),
        (1, 1, 900),
        "what may have been paid stays reserved"
    );
    assert_eq!(
        m.journaled(run, "push").expect("reads"),
        None,
        "unknown is not done"
    );
    world.sound();
}

#[test]
fn the_first_receipt_wins() {
    let world = world();
    let m = &world.mission;
    world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    m.intend(&claim.fence, "gate", "measure", 0, 110)
        .expect("intends");
    for value in ["red", "green"] {
        let kept = m.journal(&claim.fence, "gate", value.into(), 120);
        assert_eq!(kept.expect("journals"), "red");
    }
    m.step_failed(&claim.fence, "gate", "too late", 130)
        .expect("changes nothing");
    assert_eq!(
        m.journaled(&claim.fence.run, "gate")
            .expect("reads")
            .as_deref(),
        Some("red")
    );
    world.sound();
}

#[test]
fn a_run_that_is_late_is_timed_out_and_gone_on_with() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    let row = &m.live_runs().expect("runs")[0];
    assert_eq!(row.close_by_ms, Some(100 + LIMITS.run_ms_max));
    reserve(m, &first.fence, 0, 0, 500).expect("intends");
    m.journal(&first.fence, "base", "b".into(), 400)
        .expect("a step");
    let row = &m.live_runs().expect("runs")[0];
    assert_eq!(row.progress_ms, 400, "a step is progress");
    reserve(m, &first.fence, 1, 0, 600).expect("intends");
    let row = &m.live_runs().expect("runs")[0];
    assert_eq!(
        (row.output_ms, row.progress_ms),
        (600, 400),
        "a call is none"
    );
    let late = vec![retry("late", 0)];
    m.time_out(first.fence.run.clone(), late, "it took too long", 700)
        .expect("ends it");
    assert!(
        m.heartbeat(&first.fence, LEASE_MS, 710)
            .expect_err("lost")
            .is_stale()
    );
    let runs = m.runs_of(task).expect("runs");
    assert_eq!(runs[0].state, RunState::TimedOut);
    let second = world.claim().expect("again");
    assert_eq!(second.resumes, Some(first.fence.run));
    world.sound();
}

#[test]
fn a_clock_that_jumps_takes_leases_and_pauses_along() {
    const HOUR_MS: i64 = 3_600_000;
    for jump in [HOUR_MS, -HOUR_MS] {
        let world = world();
        let m = &world.mission;
        let paused = world.add(world.build("pauses"));
        let claim = world.claim().expect("a claim");
        m.apply(&claim.fence, "infra", vec![retry("later", 9_000)], 200)
            .expect("a pause");
        world.add(world.build("runs"));
        let claim = world.claim().expect("a claim");
        let now = 300 + jump;
        assert_eq!(m.shift_clocks(jump, now).expect("shifts"), 1);
        let row = &m.live_runs().expect("runs")[0];
        assert_eq!(row.lease_until_ms, Some(100 + LEASE_MS + jump));
        assert_eq!(row.close_by_ms, Some(100 + LIMITS.run_ms_max + jump));
        m.heartbeat(&claim.fence, LEASE_MS, now)
            .expect("it is alive");
        let task = m.task(paused).expect("the task");
        assert_eq!(task.run_at_ms, 9_000 + jump, "as long as before");
        world.sound();
    }
}

#[test]
fn other_packs_begin_the_work_anew() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    let lose = |claim: &Claim| {
        let lost = vec![(claim.fence.run.clone(), retry("lost", 0))];
        m.recover(lost, "killed", 200).expect("recovers");
    };
    let first = world.claim().expect("a claim");
    assert!(m.pin(&first.fence, "v1", 110).expect("pins"));
    m.journal(&first.fence, "handed_in", "c0ffee".into(), 120)
        .expect("journals");
    lose(&first);
    let second = world.claim().expect("again");
    assert!(m.pin(&second.fence, "v1", 210).expect("the same"));
    let found = |claim: &Claim| m.journaled(&claim.fence.run, "handed_in").expect("reads");
    assert_eq!(found(&second).as_deref(), Some("c0ffee"));
    lose(&second);
    let third = world.claim().expect("again");
    assert!(!m.pin(&third.fence, "v2", 310).expect("another"));
    assert_eq!(
        found(&third),
        None,
        "nothing of the old pack is gone on with"
    );
    assert!(kinds(&world, task).contains(&"restarted".to_owned()));
    world.sound();
}

#[test]
fn an_alarm_is_raised_once_until_the_task_moves() {
    let world = world();
    let m = &world.mission;
    let waits = world.add(world.build("waits"));
    m.ask(waits, waiting(), "factory", 20).expect("asks");
    let idle = world.add(world.build("idle"));
    let mut paused = world.build("later");
    paused.needs = vec![Need {
        task: idle,
        until: Until::Done,
    }];
    world.add(paused);
    let raise = |now| m.raise_alarms(1_000, 10, now).expect("looks");
    assert_eq!(raise(4), [], "nothing is late yet");
    assert_eq!(
        raise(2_000),
        [Alarm::Overdue(waits), Alarm::Unclaimed(idle)],
        "and what is blocked waits for its need"
    );
    assert_eq!(raise(3_000), [], "once");
    let alarmed = Filter {
        alarmed: true,
        ..Filter::default()
    };
    assert_eq!(m.tasks(&alarmed).expect("lists").len(), 2);
    m.act(waits, Event::Answer, "go on".into(), "me", 4_000)
        .expect("answers");
    m.ask(waits, waiting(), "factory", 4_100).expect("asks");
    assert_eq!(raise(5_000), [Alarm::Overdue(waits)], "a new wait");
    let told = kinds(&world, waits);
    assert_eq!(told.iter().filter(|k| *k == "overdue").count(), 2);
    world.sound();
}

#[test]
fn a_task_that_is_freed_late_is_not_late() {
    let world = world();
    let m = &world.mission;
    let first = world.add(world.build("first"));
    let mut second = world.build("second");
    second.needs = vec![Need {
        task: first,
        until: Until::Done,
    }];
    let second = world.add(second);
    m.act(first, Event::Override, "by hand".into(), "me", 9_000)
        .expect("done");
    assert_eq!(m.raise_alarms(1_000, 10, 9_500).expect("looks"), []);
    assert_eq!(
        m.raise_alarms(1_000, 10, 10_500).expect("looks"),
        [Alarm::Unclaimed(second)]
    );
}

#[test]
fn a_schedule_fires_once_at_each_moment() {
    let world = world();
    let m = &world.mission;
    let new = |name: &str| NewSchedule {
        name: name.into(),
        cron: "@daily".into(),
        catch_up: CatchUp::One,
        request: "{}".into(),
        next_ms: 1_000,
    };
    let id = m.add_schedule(new("nightly"), "me", 10).expect("adds");
    let twice = m.add_schedule(new("nightly"), "me", 10);
    assert!(matches!(twice, Err(MissionError::ScheduleExists(_))));
    assert_eq!(m.schedules_due(999).expect("reads").len(), 0);
    assert_eq!(m.schedules_due(1_000).expect("reads").len(), 1);
    let task = world.add(world.build("of the night"));
    let fired = || Fired {
        firings: vec![(1_000, task)],
        missed: 2,
        next_ms: Some(2_000),
        error: None,
    };
    m.fired(id, fired(), 1_100).expect("fires");
    m.fired(id, fired(), 1_200).expect("again");
    assert_eq!(m.firings(id).expect("reads"), [(1_000, Some(task))]);
    let row = &m.schedules().expect("reads")[0];
    assert_eq!((row.next_ms, row.last_task), (2_000, Some(task)));
    m.pause_schedule("nightly", true, 2_000, "me", 1_300)
        .expect("pauses");
    assert_eq!(m.schedules_due(9_000).expect("reads").len(), 0);
    m.pause_schedule("nightly", false, 9_500, "me", 9_000)
        .expect("resumes");
    assert_eq!(m.schedules_due(9_500).expect("reads").len(), 1);
    m.fired(id, Fired::default(), 9_600).expect("fires no more");
    assert!(m.schedules().expect("reads")[0].paused, "nothing is next");
    m.remove_schedule("nightly", "me", 9_700).expect("removes");
    let gone = m.remove_schedule("nightly", "me", 9_700);
    assert!(matches!(gone, Err(MissionError::NoSchedule(_))));
    world.sound();
}

#[test]
fn an_effect_that_nobody_takes_becomes_a_dead_letter_and_can_be_sent_again() {
    let world = world();
    let m = &world.mission;
    world.add(world.build("t"));
    world.claim().expect("a claim tells the wiki");
    let due = |now| m.outbox_due(now, 10).expect("reads");
    let mut now = 1_000;
    let mut tries = 0;
    while let Some(row) = due(now).first() {
        m.undelivered(row, "the disk is gone", now).expect("notes");
        now += 11 * 60_000;
        tries += 1;
        assert!(tries < 1_000, "it is tried for ever");
    }
    let three_days = 3 * 24 * 3_600_000;
    assert!(now >= three_days, "given up after {now} ms");
    let (dead, why) = m.dead_effects().expect("reads");
    assert_eq!((dead, why.as_deref()), (1, Some("the disk is gone")));
    assert_eq!(m.revive_effects(now).expect("revives"), 1);
    let row = &due(now)[0];
    m.delivered(row, now).expect("delivers");
    assert_eq!(m.dead_effects().expect("reads").0, 0);
    world.sound();
}
