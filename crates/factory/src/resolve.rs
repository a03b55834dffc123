//! What does not move by itself: leases that lapsed, runs that take too long or reach nothing, waits past their deadline, tasks
//! that nobody takes. Each is found by a question to the rows, acted on by one rule, and stands in the task's history.

use std::sync::Arc;

use alai_core::ids::RunId;
use alai_core::pipeline::{self, Effect, Ended, Failure};
use alai_mission::{Alarm, Holder, MissionError, RunRow};

use crate::again;
use crate::beat::Factory;
use crate::limits;

/// Alarms raised in one beat: each is one line in a history, and a beat must not take long.
const ALARMS_MAX: u32 = 100;

/// Why a run is taken from whoever has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// Its heartbeat has stopped: its thread is gone.
    Lapsed,
    /// Start to close took too long.
    Overdue,
    /// It has reached no step for too long, whatever it does.
    Idle,
}

/// One look at everything that may have come to a stop.
pub(crate) fn stalled(factory: &Arc<Factory>, now_ms: i64) -> Result<(), MissionError> {
    let idle_ms = limits::idle_ms_max(factory.config());
    let live = factory.mission().live_runs()?;
    let late: Vec<(Late, RunRow)> = live
        .into_iter()
        .filter_map(|run| Some((late(&run, idle_ms, now_ms)?, run)))
        .collect();
    for (why, run) in late {
        take_back(factory, why, &run, now_ms)?;
    }
    Ok(())
}

/// Tells of what waits for too long. After work was given out: what is taken in this beat waits for nobody.
pub(crate) fn alarms(factory: &Factory, now_ms: i64) -> Result<(), MissionError> {
    let queue_ms = limits::queue_ms_max(factory.config());
    for alarm in factory
        .mission()
        .raise_alarms(queue_ms, ALARMS_MAX, now_ms)?
    {
        match alarm {
            Alarm::Overdue(task) => tracing::warn!("{task} waits past its deadline"),
            Alarm::Unclaimed(task) => tracing::warn!("{task} is eligible and nobody takes it"),
        }
    }
    Ok(())
}

fn late(run: &RunRow, idle_ms: i64, now_ms: i64) -> Option<Late> {
    let past = |limit: Option<i64>| limit.is_some_and(|limit| limit < now_ms);
    if past(run.lease_until_ms) {
        return Some(Late::Lapsed);
    }
    if run.holder == Holder::Person {
        return None;
    }
    if past(run.close_by_ms) {
        return Some(Late::Overdue);
    }
    past(Some(run.progress_ms.saturating_add(idle_ms))).then_some(Late::Idle)
}

fn take_back(
    factory: &Arc<Factory>,
    late: Late,
    run: &RunRow,
    now_ms: i64,
) -> Result<(), MissionError> {
    factory.end_active(&run.id);
    let minutes = |ms: i64| ms / 60_000;
    let why = match (late, run.holder) {
        (Late::Lapsed, Holder::Person) => {
            format!(
                "{} had it for {} hours and did not hand it in",
                run.worker,
                minutes(now_ms - run.started_ms) / 60
            )
        }
        (Late::Lapsed, Holder::Factory) => "its lease lapsed".to_owned(),
        (Late::Overdue, _) => format!(
            "it took longer than {} minutes",
            minutes(limits::run_ms_max(factory.config()))
        ),
        (Late::Idle, _) => format!(
            "it reached nothing after `{}` for {} minutes",
            run.step.as_deref().unwrap_or("its start"),
            minutes(limits::idle_ms_max(factory.config()))
        ),
    };
    tracing::warn!("run {} of {}: {why}", run.id, run.task);
    let mission = factory.mission();
    match late {
        Late::Lapsed => mission.recover(what_follows(factory, run, &why)?, &why, now_ms)?,
        Late::Overdue | Late::Idle => {
            let task = mission.task(run.task)?;
            let mut context = factory.plain_context();
            again::look_late(factory, &task, &mut context)?;
            let effects = pipeline::timed_out(&task, &why, &context);
            mission.time_out(run.id.clone(), effects, &why, now_ms)?
        }
    };
    Ok(())
}

/// A run of ours counts as an attempt at which the infrastructure failed; a person may take his time.
fn what_follows(
    factory: &Arc<Factory>,
    run: &RunRow,
    why: &str,
) -> Result<Vec<(RunId, Effect)>, MissionError> {
    let task = factory.mission().task(run.task)?;
    if run.holder == Holder::Person {
        let back = Effect::Retry {
            why: why.to_owned(),
            findings: Vec::new(),
            counters: task.counters,
            run_at_ms: 0,
        };
        return Ok(vec![(run.id.clone(), back)]);
    }
    let failure = Failure::Infrastructure {
        detail: why.to_owned(),
    };
    let effects = pipeline::advance(&task, &Ended::Failed { failure }, &factory.plain_context());
    let first = effects.into_iter().next();
    Ok(first.map(|e| (run.id.clone(), e)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alai_core::ids::{Epoch, TaskId};
    use alai_core::lifecycle::Event;
    use alai_core::pipeline::{BACKOFF_MS, INFRA_ATTEMPTS_MAX};
    use alai_core::plan::Planning;
    use alai_core::task::{NewTask, State, TaskKind, WaitReason, Waiting};
    use alai_mission::{Claim, ClaimLimits, NewProject, ProjectSettings, RunState, SlotsOf};

    use super::*;
    use crate::config::Config;
    use crate::home::{Home, init};

    const LEASE_MS: i64 = 60_000;
    const MINUTE_MS: i64 = 60_000;
    /// Longer than anything here lasts.
    const EVER_MS: i64 = 1_000 * 60 * MINUTE_MS;

    /// A run that began at 0 and whose limits all lie far ahead.
    fn calm(holder: Holder) -> RunRow {
        RunRow {
            id: RunId("r".into()),
            task: TaskId(1),
            epoch: Epoch(1),
            state: RunState::Live,
            holder,
            worker: "w".into(),
            resumes: None,
            lease_until_ms: Some(EVER_MS),
            started_ms: 0,
            beat_ms: 0,
            output_ms: 0,
            progress_ms: EVER_MS,
            close_by_ms: None,
            ended_ms: None,
            outcome: None,
            mode: None,
            company: None,
            model: None,
            choice: None,
            pipeline: None,
            answered: None,
            pins: None,
            step: None,
            sandbox: alai_core::cage::Sandbox::On,
            uid: None,
        }
    }

    /// What is said of a run at a moment and one millisecond later.
    fn around(run: &RunRow, idle_ms: i64, limit_ms: i64) -> [Option<Late>; 2] {
        [limit_ms, limit_ms + 1].map(|now_ms| late(run, idle_ms, now_ms))
    }

    #[test]
    fn each_limit_holds_to_its_last_millisecond_and_not_one_longer() {
        for holder in [Holder::Factory, Holder::Person] {
            let of_ours = |late| Some(late).filter(|_| holder == Holder::Factory);
            let lapses = RunRow {
                lease_until_ms: Some(700),
                ..calm(holder)
            };
            assert_eq!(around(&lapses, 0, 700), [None, Some(Late::Lapsed)]);
            let closes = RunRow {
                close_by_ms: Some(800),
                ..calm(holder)
            };
            assert_eq!(around(&closes, 0, 800), [None, of_ours(Late::Overdue)]);
            let idles = RunRow {
                progress_ms: 100,
                ..calm(holder)
            };
            assert_eq!(around(&idles, 900, 1_000), [None, of_ours(Late::Idle)]);
            assert_eq!(late(&calm(holder), i64::MAX, EVER_MS), None);
        }
    }

    #[test]
    fn of_several_reasons_the_plainest_is_said() {
        let mut run = RunRow {
            lease_until_ms: Some(1),
            close_by_ms: Some(1),
            progress_ms: 1,
            ..calm(Holder::Factory)
        };
        assert_eq!(late(&run, 0, 5), Some(Late::Lapsed));
        run.lease_until_ms = None;
        assert_eq!(late(&run, 0, 5), Some(Late::Overdue));
        run.close_by_ms = None;
        assert_eq!(late(&run, 0, 5), Some(Late::Idle));
    }

    /// A factory that does nothing by itself, with one open task, and the time at which that was made.
    struct World {
        factory: Arc<Factory>,
        task: TaskId,
        from_ms: i64,
        _dir: tempfile::TempDir,
    }

    impl World {
        fn new(limits: &str) -> World {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let home = Home::at(dir.path().join("home"));
            init(&home).expect("a home");
            std::fs::write(home.config(), format!("[limits]\n{limits}\n")).expect("settings");
            let config = Config::load(&home.config(), &BTreeMap::new()).expect("they are valid");
            let factory = Factory::open(home, config).expect("a factory");
            let from_ms = factory.now_ms();
            let project = NewProject {
                name: "p".into(),
                path: dir.path().join("p"),
                target_branch: "main".into(),
                settings: ProjectSettings::default(),
            };
            let mission = factory.mission();
            let project = mission.add_project(project, "t", from_ms).expect("new");
            let mut task = NewTask::new(TaskKind::Build, "Say alpha");
            task.project = Some(project);
            let task = mission.add(task, None, "t", from_ms).expect("new");
            World {
                factory,
                task,
                from_ms,
                _dir: dir,
            }
        }

        /// With a build of a goal in the place of its task.
        fn of_a_goal(mut self) -> World {
            let mission = self.factory.mission();
            let cancel = mission.act(self.task, Event::Cancel, String::new(), "t", self.from_ms);
            cancel.expect("it is open");
            let project = mission.task(self.task).expect("the task").project;
            let add = |mut task: NewTask, goal| {
                (task.project, task.goal, task.parent) = (project, goal, goal);
                let added = mission.add(task, None, "t", self.from_ms);
                added.expect("new")
            };
            let goal = add(NewTask::new(TaskKind::Goal, "Say everything"), None);
            self.task = add(NewTask::new(TaskKind::Build, "Say alpha"), Some(goal));
            self
        }

        fn claim(&self, lease_ms: i64, now_ms: i64) -> Claim {
            let limits = ClaimLimits {
                total: 1,
                per_project: 1,
                run_ms_max: limits::run_ms_max(self.factory.config()),
                slots: SlotsOf::NOTHING,
            };
            let mission = self.factory.mission();
            let claimed = mission.claim(None, &limits, "factory", lease_ms, now_ms);
            claimed.expect("the store answers").expect("it is eligible")
        }

        fn looks(&self, now_ms: i64) {
            stalled(&self.factory, now_ms).expect("the store answers");
            super::alarms(&self.factory, now_ms).expect("the store answers");
        }

        /// State and outcome of the task's newest run.
        fn run(&self) -> (RunState, String) {
            let runs = self.factory.mission().runs_of(self.task).expect("runs");
            let last = runs.into_iter().next_back().expect("a run");
            (last.state, last.outcome.unwrap_or_default())
        }

        fn counted(&self) -> (State, u32) {
            let task = self.factory.mission().task(self.task).expect("the task");
            (task.state, task.counters.infra_attempts)
        }

        fn alarms(&self) -> usize {
            let events = self.factory.mission().events(self.task).expect("a history");
            let alarm = |kind: &str| ["overdue", "unclaimed"].contains(&kind);
            events.iter().filter(|e| alarm(&e.kind)).count()
        }
    }

    #[test]
    fn an_idle_run_is_ended_and_its_task_tried_again_after_a_pause() {
        let world = World::new("idle_minutes = 2");
        let claim = world.claim(EVER_MS, world.from_ms);
        let step_ms = world.from_ms + 50_000;
        let mission = world.factory.mission();
        let journal = mission.journal(&claim.fence, "base", "c".into(), step_ms);
        journal.expect("a step");
        world.looks(step_ms + 2 * MINUTE_MS);
        assert_eq!(world.run().0, RunState::Live);
        world.looks(step_ms + 2 * MINUTE_MS + 1);
        let why = "it reached nothing after `base` for 2 minutes".to_owned();
        assert_eq!(world.run(), (RunState::TimedOut, why));
        assert_eq!(world.counted(), (State::Open, 1));
        let pause_ms = mission.task(world.task).expect("the task").run_at_ms - world.from_ms;
        assert!((0..=2 * BACKOFF_MS + MINUTE_MS).contains(&pause_ms));
        let late = mission.heartbeat(&claim.fence, LEASE_MS, step_ms);
        assert!(late.is_err_and(|e| e.is_stale()), "it may write no more");
    }

    #[test]
    fn an_overdue_run_is_ended_however_busy_it_is() {
        let world = World::new("run_minutes = 3\nidle_minutes = 3");
        let claim = world.claim(EVER_MS, world.from_ms);
        let end_ms = world.from_ms + 3 * MINUTE_MS;
        let journal = |key: &str| {
            let mission = world.factory.mission();
            let kept = mission.journal(&claim.fence, key, "c".into(), end_ms);
            kept.expect("a step");
        };
        journal("base");
        world.looks(end_ms);
        assert_eq!(world.run().0, RunState::Live);
        world.looks(end_ms + 1);
        let why = "it took longer than 3 minutes".to_owned();
        assert_eq!(world.run(), (RunState::TimedOut, why));
        assert_eq!(world.counted(), (State::Open, 1));
    }

    #[test]
    fn a_run_without_a_heartbeat_is_lost_and_after_a_few_a_person_is_asked() {
        let world = World::new("");
        for attempt in 1..=INFRA_ATTEMPTS_MAX {
            let begun_ms = world.from_ms + i64::from(attempt) * 60 * MINUTE_MS;
            world.claim(LEASE_MS, begun_ms);
            world.looks(begun_ms + LEASE_MS);
            assert_eq!(world.run().0, RunState::Live);
            world.looks(begun_ms + LEASE_MS + 1);
            assert_eq!(world.run(), (RunState::Lost, "its lease lapsed".into()));
            let state = match attempt {
                INFRA_ATTEMPTS_MAX => State::Waiting,
                _ => State::Open,
            };
            assert_eq!(world.counted(), (state, attempt));
        }
        let task = world.factory.mission().task(world.task).expect("the task");
        let waiting = task.waiting.expect("somebody is asked");
        assert_eq!(waiting.reason, WaitReason::InfraAttempts);
        assert_eq!(waiting.owner, world.factory.config().operator);
    }

    #[test]
    fn a_build_that_is_ended_from_outside_each_time_is_split_by_its_lead() {
        let world = || World::new("run_minutes = 3\nidle_minutes = 3");
        for world in [world(), world().of_a_goal()] {
            is_split_when_ended_from_outside(&world);
        }
    }

    fn is_split_when_ended_from_outside(world: &World) {
        for attempt in 1..=INFRA_ATTEMPTS_MAX {
            let begun_ms = world.from_ms + i64::from(attempt) * 60 * MINUTE_MS;
            assert_eq!(world.claim(EVER_MS, begun_ms).task.id, world.task);
            world.looks(begun_ms + 3 * MINUTE_MS + 1);
            let why = "it took longer than 3 minutes".to_owned();
            assert_eq!(world.run(), (RunState::TimedOut, why));
            // The last one is planned anew, and no attempt of it is left.
            let counted = attempt.min(INFRA_ATTEMPTS_MAX - 1);
            assert_eq!(world.counted(), (State::Open, counted));
        }
        let mission = world.factory.mission();
        let needs = mission.needs(world.task).expect("needs");
        assert_eq!(needs.len(), 1);
        let spec = mission.task(needs[0].needs).expect("a specification");
        let of = world.task;
        assert_eq!(spec.planning, Some(Planning::Split { of, depth: 1 }));
        let task = mission.task(world.task).expect("the task");
        assert_eq!(task.findings, ["it took longer than 3 minutes"]);
        // Who plans it is next, and not once more what was too large.
        let next = world.claim(EVER_MS, world.from_ms + EVER_MS);
        assert_eq!(next.task.id, spec.id);
    }

    #[test]
    fn a_person_has_his_lease_and_nobody_counts_against_him() {
        let world = World::new("run_minutes = 1\nidle_minutes = 1");
        let lease_ms = 5 * 60 * MINUTE_MS;
        let mission = world.factory.mission();
        let taken = mission.take(world.task, lease_ms, "mira", world.from_ms);
        taken.expect("it is free");
        world.looks(world.from_ms + lease_ms);
        assert_eq!(world.run().0, RunState::Live);
        world.looks(world.from_ms + lease_ms + 1);
        let why = "mira had it for 5 hours and did not hand it in".to_owned();
        assert_eq!(world.run(), (RunState::Lost, why));
        assert_eq!(world.counted(), (State::Open, 0));
        world.claim(LEASE_MS, world.from_ms + lease_ms + 2);
    }

    #[test]
    fn what_nobody_takes_or_answers_raises_one_alarm() {
        let world = World::new("queue_hours = 1");
        let limit_ms = world.from_ms + 60 * MINUTE_MS;
        for (now_ms, alarms) in [(limit_ms, 0), (limit_ms + 1, 1), (limit_ms + EVER_MS, 1)] {
            world.looks(now_ms);
            assert_eq!(world.alarms(), alarms);
        }
        let deadline_ms = limit_ms + 2 * EVER_MS;
        let waiting = Waiting {
            reason: WaitReason::Blocked,
            owner: "mira".into(),
            deadline_ms,
            next_action: "answer".into(),
            detail: "which?".into(),
        };
        let mission = world.factory.mission();
        let asked = mission.block(world.task, Some(waiting), Vec::new(), "t", limit_ms);
        asked.expect("it is open");
        for (now_ms, alarms) in [(deadline_ms, 1), (deadline_ms + 1, 2), (i64::MAX, 2)] {
            world.looks(now_ms);
            assert_eq!(world.alarms(), alarms);
        }
    }
}
