//! What does not move by itself: leases that lapsed, runs that take too long or reach nothing, waits past their deadline, tasks
//! that nobody takes. Each is found by a question to the rows, acted on by one rule, and stands in the task's history.

use std::sync::Arc;

use alai_core::ids::RunId;
use alai_core::pipeline::{self, Effect, Ended, Failure};
use alai_mission::{Alarm, Holder, MissionError, RunRow};

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
    let lost = what_follows(factory, run, &why)?;
    tracing::warn!("run {} of {}: {why}", run.id, run.task);
    match late {
        Late::Lapsed => factory.mission().recover(lost, &why, now_ms)?,
        Late::Overdue | Late::Idle => factory.mission().time_out(lost, &why, now_ms)?,
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
