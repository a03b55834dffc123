//! Schedules: what is due is asked for as a person would ask, under a key that belongs to the firing. Killed between the task and
//! the note of it, the factory asks again and gets the same task.

use alai_core::cron::{self, Cron};
use alai_mission::{Fired, MissionError, Schedule};

use crate::beat::Factory;
use crate::ops::{Op, Outcome, perform};

/// Firings made up for at once by a schedule that makes up for all: a night of one an hour, and no flood.
const CATCH_UP_MAX: usize = 24;

/// Fires what is due.
pub(crate) fn fire(factory: &Factory, now_ms: i64) -> Result<(), MissionError> {
    for schedule in factory.mission().schedules_due(now_ms)? {
        let fired = one(factory, &schedule, now_ms);
        if let Some(why) = &fired.error {
            tracing::warn!("schedule {}: {why}", schedule.name);
        }
        factory.mission().fired(schedule.id, fired, now_ms)?;
    }
    Ok(())
}

fn one(factory: &Factory, schedule: &Schedule, now_ms: i64) -> Fired {
    let parsed = Cron::parse(&schedule.cron);
    let request = serde_json::from_str::<Op>(&schedule.request);
    let (cron, request) = match (parsed, request) {
        (Ok(cron), Ok(request)) => (cron, request),
        (Err(e), _) => return broken(&e),
        (_, Err(e)) => return broken(&e),
    };
    let due = cron::due(
        &cron,
        schedule.next_ms,
        now_ms,
        schedule.catch_up,
        CATCH_UP_MAX,
    );
    let mut fired = Fired {
        missed: due.missed,
        next_ms: due.next_ms,
        ..Fired::default()
    };
    for fire_ms in due.firings {
        let key = format!("schedule-{}-{fire_ms}", schedule.id);
        let asked = perform(
            request.clone().with_key(&key),
            factory.mission(),
            &factory.packs(),
            factory.config(),
            schedule.actor.as_str(),
            now_ms,
        );
        match asked {
            Ok(Outcome::Task { task, .. }) => fired.firings.push((fire_ms, task)),
            Ok(
                Outcome::Project { .. }
                | Outcome::Delivering { .. }
                | Outcome::Advanced { .. }
                | Outcome::Recovered { .. }
                | Outcome::Told { .. }
                | Outcome::Session { .. }
                | Outcome::Testing { .. }
                | Outcome::Done,
            ) => {
                fired.error = Some("what it asks for makes no task".into());
            }
            // The project is gone, the company is renamed: the next firing may find it mended.
            Err(e) => fired.error = Some(e.to_string()),
        }
    }
    fired
}

/// A row that this build cannot read is not tried again by itself.
fn broken(why: &dyn std::fmt::Display) -> Fired {
    Fired {
        error: Some(why.to_string()),
        ..Fired::default()
    }
}
