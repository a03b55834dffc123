//! Random histories against a model in memory: several clients with old and new fences, a clock that jumps, a store that is
//! closed and opened in between. A failing history is shrunk, and printed with its seed.
//!
//! The ordinary run tries some hundred histories; `ALAI_HISTORIES=20000` is the long form,
//! `ALAI_HISTORIES_SEED=N` plays a failed one again.

mod oracle;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::Effect;
use alai_core::task::{
    Counters, Need, NewTask, Priority, State, TaskKind, Until, WaitReason, Waiting,
};
use alai_mission::{
    ClaimLimits, Mission, MissionError, NewProject, ProjectSettings, SlotsOf, fsck,
};
use oracle::{Ends, LEASE_MS, Oracle, PER_PROJECT, PROJECTS, SLOTS};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Histories of the ordinary run, and the operations of each.
const HISTORIES: u32 = 300;
const LENGTH: usize = 60;

#[derive(Debug, Clone)]
enum Op {
    Add {
        project: usize,
        priority: Priority,
        /// Counted back from the newest task.
        needs: Vec<usize>,
    },
    /// The same request again, under the key that it had.
    AddAgain,
    Claim,
    /// By any fence that was ever given: most of them are stale.
    Heartbeat(usize),
    Finish(usize, How),
    Person(usize, Event),
    Lapse,
    /// Milliseconds; a clock may be set back.
    Clock(i64),
    Reopen,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Complete,
    /// Again after so many milliseconds.
    Retry(i64),
    Ask,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let priority = prop_oneof![
        Just(Priority::Low),
        Just(Priority::Medium),
        Just(Priority::High),
        Just(Priority::Blocker),
    ];
    let event = prop_oneof![
        Just(Event::Pause),
        Just(Event::Resume),
        Just(Event::Cancel),
        Just(Event::Answer),
        Just(Event::Reopen),
        Just(Event::Override),
    ];
    let how = prop_oneof![
        3 => Just(How::Complete),
        2 => (0..120_000i64).prop_map(How::Retry),
        1 => Just(How::Ask),
    ];
    let op = prop_oneof![
        4 => (0..PROJECTS, priority, prop::collection::vec(0..6usize, 0..3))
            .prop_map(|(project, priority, needs)| Op::Add { project, priority, needs }),
        1 => Just(Op::AddAgain),
        6 => Just(Op::Claim),
        2 => (0..64usize).prop_map(Op::Heartbeat),
        5 => (0..64usize, how).prop_map(|(fence, how)| Op::Finish(fence, how)),
        4 => (0..64usize, event).prop_map(|(task, event)| Op::Person(task, event)),
        1 => Just(Op::Lapse),
        2 => prop_oneof![0..90_000i64, Just(-3_600_000), Just(3_600_000), Just(queue_day())]
            .prop_map(Op::Clock),
        1 => Just(Op::Reopen),
    ];
    prop::collection::vec(op, 1..LENGTH)
}

fn queue_day() -> i64 {
    alai_core::queue::AGEING_MS
}

struct Store {
    home: tempfile::TempDir,
    mission: Option<Mission>,
    fences: Vec<alai_mission::Fence>,
    last: Option<(NewTask, String, TaskId)>,
}

fn quiet(_: &str) {}

impl Store {
    fn new() -> Store {
        let home = tempfile::tempdir().expect("a folder");
        let mission = Mission::open(home.path(), quiet).expect("a new store");
        for n in 0..PROJECTS {
            let project = NewProject {
                name: format!("p{n}"),
                path: format!("/p{n}").into(),
                target_branch: "main".into(),
                settings: ProjectSettings::default(),
            };
            mission.add_project(project, "test", 0).expect("a project");
        }
        Store {
            home,
            mission: Some(mission),
            fences: Vec::new(),
            last: None,
        }
    }

    fn m(&self) -> &Mission {
        self.mission.as_ref().expect("it is open")
    }

    fn reopen(&mut self) {
        self.mission = None;
        self.mission = Some(Mission::open(self.home.path(), quiet).expect("opens again"));
    }

    fn add(&mut self, project: usize, priority: Priority, needs: &[usize], now_ms: i64) {
        let mut new = NewTask::new(TaskKind::Build, "t");
        new.project = Some(ProjectId(project as i64 + 1));
        new.priority = priority;
        // Without a pipeline behind it: a task is the unit of this model.
        new.solo = true;
        let need = |place: &usize| Need {
            task: TaskId(*place as i64 + 1),
            until: Until::Done,
        };
        new.needs = needs.iter().map(need).collect();
        let key = format!("key-{}", self.m().tasks(&all()).expect("reads").len());
        let id = self
            .m()
            .add(new.clone(), Some(key.clone()), "test", now_ms)
            .expect("a task");
        self.last = Some((new, key, id));
    }

    fn claim(&mut self, now_ms: i64) -> Option<(usize, i64)> {
        let limits = ClaimLimits {
            total: SLOTS,
            per_project: PER_PROJECT,
            run_ms_max: 3_600_000,
            slots: SlotsOf::NOTHING,
        };
        let claim = self
            .m()
            .claim(None, &limits, "w", LEASE_MS, now_ms)
            .expect("answers")?;
        let (task, epoch) = (claim.fence.task, claim.fence.epoch);
        self.fences.push(claim.fence);
        Some((task.0 as usize - 1, epoch.0))
    }

    fn finish(&self, fence: usize, how: How, now_ms: i64) -> Ends {
        let effect = match how {
            How::Complete => Effect::Complete {
                base: Some("b".into()),
                head: Some("h".into()),
                note: "passed".into(),
            },
            How::Retry(pause) => Effect::Retry {
                why: "again".into(),
                findings: Vec::new(),
                counters: Counters::default(),
                run_at_ms: now_ms + pause,
            },
            How::Ask => Effect::Ask {
                waiting: Waiting {
                    reason: WaitReason::QaRetries,
                    owner: "me".into(),
                    deadline_ms: now_ms,
                    next_action: "look".into(),
                    detail: "asked".into(),
                },
                counters: Counters::default(),
                findings: Vec::new(),
            },
        };
        ends(
            self.m()
                .apply(&self.fences[fence], "over", vec![effect], now_ms),
        )
    }

    fn lapse(&self, now_ms: i64) -> usize {
        let lapsed = self.m().live_runs().expect("reads");
        let lapsed = lapsed
            .into_iter()
            .filter(|run| run.lease_until_ms.is_some_and(|until| until < now_ms));
        let retry = |run: alai_mission::RunRow| {
            let effect = Effect::Retry {
                why: "lost".into(),
                findings: Vec::new(),
                counters: Counters::default(),
                run_at_ms: 0,
            };
            (run.id, effect)
        };
        let lost = lapsed.map(retry).collect();
        let taken = self.m().recover(lost, "its lease lapsed", now_ms);
        taken.expect("takes back").len()
    }
}

fn all() -> alai_mission::Filter {
    alai_mission::Filter {
        ended: true,
        ..alai_mission::Filter::default()
    }
}

fn ends<T>(answer: Result<T, MissionError>) -> Ends {
    match answer {
        Ok(_) => Ends::Done,
        Err(e) if e.is_stale() => Ends::Stale,
        Err(MissionError::Refused { .. }) => Ends::Refused,
        Err(e) => panic!("the store broke: {e}"),
    }
}

fn event_of(how: How) -> Event {
    match how {
        How::Complete => Event::Complete,
        How::Retry(_) => Event::Retry,
        How::Ask => Event::Ask,
    }
}

/// Plays one history on both and compares after every step.
fn play(history: &[Op]) {
    let (mut store, mut model) = (Store::new(), Oracle::default());
    let mut now_ms = 1_000_000_000;
    for op in history {
        step(op, &mut store, &mut model, &mut now_ms);
        compare(&store, &model, op);
    }
    store.reopen();
    assert_eq!(fsck(store.m()).expect("fsck runs"), [], "{history:?}");
}

fn step(op: &Op, store: &mut Store, model: &mut Oracle, now_ms: &mut i64) {
    let now = *now_ms;
    match op {
        Op::Add {
            project,
            priority,
            needs,
        } => {
            let count = model.tasks.len();
            let mut needs: Vec<usize> = needs
                .iter()
                .filter_map(|back| count.checked_sub(back + 1))
                .collect();
            needs.sort_unstable();
            needs.dedup();
            store.add(*project, *priority, &needs, now);
            model.add(*project, *priority, &needs, now);
        }
        Op::AddAgain => {
            if let Some((new, key, id)) = store.last.clone() {
                let again = store.m().add(new.clone(), Some(key.clone()), "test", now);
                assert_eq!(again.expect("the same"), id);
                let other = NewTask {
                    title: "another request".into(),
                    ..new
                };
                let conflict = store.m().add(other, Some(key), "test", now);
                assert!(matches!(
                    conflict,
                    Err(MissionError::IdempotencyConflict { .. })
                ));
            }
        }
        Op::Claim => {
            let claimed = store.claim(now);
            let wanted = model.claim(now).map(|fence| (fence.task, fence.epoch));
            assert_eq!(claimed, wanted, "whose turn it is");
        }
        Op::Heartbeat(at) => {
            if let Some((at, fence)) = fence(store, *at) {
                let beat = store.m().heartbeat(&store.fences[at], LEASE_MS, now);
                assert_eq!(ends(beat), model.heartbeat(fence, now), "{fence:?}");
            }
        }
        Op::Finish(at, how) => {
            if let Some((at, fence)) = fence(store, *at) {
                let run_at = match how {
                    How::Retry(pause) => now + pause,
                    How::Complete => 0,
                    // Part of what is asked for: its deadline.
                    How::Ask => now,
                };
                let ended = model.end(fence, event_of(*how), run_at);
                assert_eq!(store.finish(at, *how, now), ended, "{fence:?}");
            }
        }
        Op::Person(at, event) => {
            if !model.tasks.is_empty() {
                let at = at % model.tasks.len();
                let task = TaskId(at as i64 + 1);
                let acted = store.m().act(task, *event, "a word".into(), "me", now);
                assert_eq!(ends(acted), model.act(at, *event), "{event:?} on {task}");
            }
        }
        Op::Lapse => assert_eq!(store.lapse(now), model.lapse(now), "lost leases"),
        Op::Clock(ms) => *now_ms = now.saturating_add(*ms).max(1),
        Op::Reopen => store.reopen(),
    }
}

fn fence(store: &Store, at: usize) -> Option<(usize, oracle::Fence)> {
    let at = at.checked_rem(store.fences.len())?;
    let fence = &store.fences[at];
    let task = fence.task.0 as usize - 1;
    let epoch = fence.epoch.0;
    Some((at, oracle::Fence { task, epoch }))
}

fn compare(store: &Store, model: &Oracle, after: &Op) {
    let tasks = store.m().tasks(&all()).expect("reads");
    let seen: Vec<(State, i64, usize)> = tasks
        .iter()
        .map(|task| {
            let needs = store.m().needs(task.id).expect("reads");
            let blocked = needs.iter().filter(|need| !need.satisfied).count();
            (task.state, task.epoch.0, blocked)
        })
        .collect();
    let wanted: Vec<(State, i64, usize)> = (0..model.tasks.len())
        .map(|at| {
            let task = &model.tasks[at];
            (task.state, task.epoch, model.blocked(at))
        })
        .collect();
    assert_eq!(seen, wanted, "after {after:?}: state, epoch, needs not met");
}

#[test]
fn every_history_is_what_the_model_says() {
    let named = std::env::var("ALAI_HISTORIES").ok();
    let cases = named.map_or(HISTORIES, |text| text.parse().expect("a number"));
    // Other histories each time; a failure names its seed.
    let seed = std::env::var("ALAI_HISTORIES_SEED").map_or_else(
        |_| u64::from(std::process::id()) ^ now_ns(),
        |text| text.parse().expect("a number"),
    );
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let played = runner.run(&ops(), |history| {
        play(&history);
        Ok(())
    });
    if let Err(e) = played {
        panic!("ALAI_HISTORIES_SEED={seed}: {e}");
    }
}

fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}
