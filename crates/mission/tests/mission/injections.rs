//! What is done to the store's clients: a name that comes back, an answer that gets lost, completions and cancellations at once, a
//! task that kills whoever takes it, a backup of yesterday.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

use alai_mission::{Fence, restore};

use super::*;

/// Everything that a run may write. Each answers with the error it got.
fn writes(mission: &Mission, fence: &Fence, now_ms: i64) -> [Option<MissionError>; 5] {
    [
        mission.heartbeat(fence, LEASE_MS, now_ms).err(),
        mission.journal(fence, "k", "v".into(), now_ms).err(),
        super::money::reserve(mission, fence, 7, 1, now_ms).err(),
        mission.deliver(fence, "late", now_ms).err(),
        mission.apply(fence, "late", vec![complete()], now_ms).err(),
    ]
}

fn all_stale(mission: &Mission, fence: &Fence) {
    for error in writes(mission, fence, 900) {
        assert!(
            error.as_ref().is_some_and(MissionError::is_stale),
            "{error:?}"
        );
    }
}

/// A task of its own, after which nothing comes.
fn alone(world: &World, title: &str) -> TaskId {
    let mut task = world.build(title);
    task.solo = true;
    world.add(task)
}

fn again(run_at_ms: i64) -> Effect {
    Effect::Retry {
        why: "lost".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms,
    }
}

#[test]
fn a_worker_that_comes_back_under_the_same_name_does_not_get_its_old_run() {
    let world = world();
    let m = &world.mission;
    let task = alone(&world, "t");
    let before = world.claim().expect("a claim");
    m.recover(
        vec![(before.fence.run.clone(), again(0))],
        "its process ended",
        200,
    )
    .expect("recovers");
    let after = world.claim().expect("the same name claims it again");
    let worker = |claim: &Claim| {
        m.run(&claim.fence.run)
            .expect("reads")
            .map(|run| run.worker)
    };
    assert_eq!(worker(&before), worker(&after), "the name says nothing");
    assert_eq!(after.fence.epoch.0, before.fence.epoch.0 + 1);
    all_stale(m, &before.fence);
    m.apply(&after.fence, "ok", vec![complete()], 910)
        .expect("the run that has it may");
    assert_eq!(world.state(task), State::Done);
    world.sound();
}

#[test]
fn a_worker_that_slept_past_its_lease_is_told_and_can_write_nothing() {
    let world = world();
    let m = &world.mission;
    let task = alone(&world, "t");
    let slept = world.claim().expect("a claim");
    let row = m.run(&slept.fence.run).expect("reads").expect("a run");
    assert_eq!(row.lease_until_ms, Some(100 + LEASE_MS));
    m.recover(
        vec![(slept.fence.run.clone(), again(0))],
        "lease",
        100 + LEASE_MS + 1,
    )
    .expect("recovers");
    all_stale(m, &slept.fence);
    assert_eq!(world.state(task), State::Open);
    let next = world.claim().expect("a claim");
    all_stale(m, &slept.fence);
    assert!(writes(m, &next.fence, 920).iter().all(Option::is_none));
    let events = m.events(task).expect("reads");
    let completions = events.iter().filter(|e| e.kind == "complete").count();
    assert_eq!(completions, 1);
    world.sound();
}

#[test]
fn parents_that_complete_at_once_free_their_child_once() {
    for round in 0..20 {
        let world = world();
        let m = &world.mission;
        let top = world.add(world.build("top"));
        let need = |task| Need {
            task,
            until: Until::Done,
        };
        let solo = |title: &str, needs: Vec<Need>| {
            let mut task = world.build(title);
            task.solo = true;
            task.needs = needs;
            world.add(task)
        };
        let sides = [solo("left", vec![]), solo("right", vec![])];
        let child = solo("child", sides.map(need).to_vec());
        let claims = sides.map(|side| {
            m.claim(Some(side), &LIMITS, "w", LEASE_MS, 100)
                .expect("claims answer")
                .expect("a claim")
        });
        let start = Barrier::new(sides.len());
        std::thread::scope(|s| {
            for claim in &claims {
                let start = &start;
                s.spawn(move || {
                    start.wait();
                    m.apply(&claim.fence, "ok", vec![complete()], 200)
                        .expect("completes");
                });
            }
        });
        let open = Filter {
            state: Some(State::Open),
            ..Filter::default()
        };
        let left = m.tasks(&open).expect("reads");
        let ids: BTreeSet<TaskId> = left.iter().map(|t| t.id).collect();
        assert_eq!(ids, BTreeSet::from([top, child]), "round {round}");
        let wanted = m
            .claim(Some(child), &LIMITS, "w", LEASE_MS, 300)
            .expect("claims answer");
        assert!(wanted.is_some(), "round {round}: the child is free");
        let twice = m
            .claim(Some(child), &LIMITS, "w", LEASE_MS, 300)
            .expect("claims answer");
        assert!(twice.is_none(), "round {round}: and once");
        world.sound();
    }
}

#[test]
fn of_a_completion_and_a_cancellation_one_wins_and_the_other_is_told() {
    let mut won = BTreeSet::new();
    // The first two rounds in order, each way; the others as it comes.
    for round in 0..60 {
        let world = world();
        let m = &world.mission;
        let task = world.add(world.build("t"));
        let claim = world.claim().expect("a claim");
        let completes = || {
            let effects = vec![complete(), review_of(&world, task)];
            m.apply(&claim.fence, "ok", effects, 200)
        };
        let cancels = || m.act(task, Event::Cancel, "not any more".into(), "me", 200);
        let (completed, cancelled) = match round {
            0 => {
                let first = completes();
                (first, cancels())
            }
            1 => {
                let first = cancels();
                (completes(), first)
            }
            _ => {
                let start = Barrier::new(2);
                std::thread::scope(|s| {
                    let other = s.spawn(|| {
                        start.wait();
                        completes()
                    });
                    start.wait();
                    let cancelled = cancels();
                    (other.join().expect("ends"), cancelled)
                })
            }
        };
        match (completed, cancelled) {
            (Ok(spawned), Err(MissionError::Refused { .. })) => {
                assert_eq!((world.state(task), spawned.len()), (State::Done, 1));
                won.insert("completion");
            }
            (Err(stale), Ok(_)) => {
                assert!(stale.is_stale(), "round {round}: {stale}");
                assert_eq!(world.state(task), State::Cancelled);
                let all = Filter {
                    ended: true,
                    ..Filter::default()
                };
                assert_eq!(m.tasks(&all).expect("reads").len(), 1, "no successor");
                won.insert("cancellation");
            }
            other => panic!("round {round}: {other:?}"),
        }
        world.sound();
    }
    assert_eq!(won, BTreeSet::from(["cancellation", "completion"]));
}

#[test]
fn a_backup_of_yesterday_knows_no_worker_of_today() {
    let world = world();
    let dir = tempfile::tempdir().expect("a folder");
    let copy = dir.path().join("copy.db");
    let (first, second) = (alone(&world, "a"), alone(&world, "b"));
    let at_backup = world.claim().expect("a claim");
    assert_eq!(at_backup.task.id, first);
    world.mission.backup(&copy).expect("backs up");
    // What happens after the backup is unknown to it.
    let of_today = world.claim().expect("a claim");
    assert_eq!(of_today.task.id, second);
    let home = world.home;
    drop(world.mission);
    restore(home.path(), &copy, 500).expect("restores");
    let mission = Mission::open(home.path(), quiet).expect("opens");
    all_stale(&mission, &of_today.fence);
    // The run that the backup calls live has nobody behind it: it is ended as after every start.
    let live = mission.live_runs().expect("reads");
    let lost = live.iter().map(|run| (run.id.clone(), again(0))).collect();
    mission.recover(lost, "restored", 510).expect("recovers");
    all_stale(&mission, &at_backup.fence);
    let claim = |task| {
        mission
            .claim(Some(task), &LIMITS, "w", LEASE_MS, 520)
            .expect("claims answer")
            .expect("a claim")
    };
    let (again_first, again_second) = (claim(first), claim(second));
    // The same epoch of the same task, and another run: the number alone would let the old one in.
    assert_eq!(again_second.fence.epoch, of_today.fence.epoch);
    assert_ne!(again_second.fence.run, of_today.fence.run);
    all_stale(&mission, &of_today.fence);
    all_stale(&mission, &at_backup.fence);
    for claim in [again_first, again_second] {
        mission
            .apply(&claim.fence, "ok", vec![complete()], 530)
            .expect("completes");
    }
    assert_eq!(fsck(&mission).expect("fsck runs"), []);
}

#[test]
fn many_at_once_take_each_task_once() {
    const WORKERS: usize = 8;
    const TASKS: usize = 120;
    let world = world();
    for n in 0..TASKS {
        world.add(world.build(&format!("t{n}")));
    }
    let limits = ClaimLimits {
        total: usize::MAX,
        per_project: usize::MAX,
        ..LIMITS
    };
    let mission = Arc::new(world.mission);
    let start = Barrier::new(WORKERS);
    let taken: Vec<TaskId> = std::thread::scope(|s| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|n| {
                let (mission, limits, start) = (Arc::clone(&mission), &limits, &start);
                s.spawn(move || {
                    start.wait();
                    let mut mine = Vec::new();
                    let worker = format!("w{n}");
                    while let Some(claim) = mission
                        .claim(None, limits, &worker, LEASE_MS, 100)
                        .expect("claims answer")
                    {
                        mine.push(claim.task.id);
                    }
                    mine
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("ends"))
            .collect()
    });
    let once: BTreeSet<TaskId> = taken.iter().copied().collect();
    assert_eq!((taken.len(), once.len()), (TASKS, TASKS));
    assert_eq!(fsck(&mission).expect("fsck runs"), []);
}
