//! Schedules as people ask for them.

use alai_core::cron::{CatchUp, Cron};
use alai_core::task;
use alai_mission::NewSchedule;

use super::projects::registered;
use super::{Desk, Op, OpError, OpErrorKind, Outcome};

pub(super) fn add(
    desk: &Desk<'_>,
    name: String,
    cron: String,
    catch_up: CatchUp,
    request: Op,
) -> Result<Outcome, OpError> {
    let name = task::check_title(&name)?;
    let next_ms = next(desk, &cron)?;
    match &request {
        // What cannot be asked for now cannot be asked for at night either, when nobody reads the reason.
        Op::Start { goal, project, .. } => {
            task::check_goal(goal)?;
            registered(desk, project)?;
        }
        Op::Add { task, .. } => {
            task::check_title(&task.title)?;
            task::check_description(&task.description)?;
            if let Some(project) = &task.project {
                registered(desk, project)?;
            }
        }
        Op::AddProject { .. }
        | Op::SetProject { .. }
        | Op::SyncProject { .. }
        | Op::Act { .. }
        | Op::Approve { .. }
        | Op::Reject { .. }
        | Op::Revert { .. }
        | Op::Judge { .. }
        | Op::Plan { .. }
        | Op::Advance { .. }
        | Op::Successor { .. }
        | Op::Claim { .. }
        | Op::Ready { .. }
        | Op::Block { .. }
        | Op::Note { .. }
        | Op::Session { .. }
        | Op::AddSchedule { .. }
        | Op::PauseSchedule { .. }
        | Op::RemoveSchedule { .. }
        | Op::ReviveEffects
        | Op::NotifyTest { .. }
        | Op::Publish { .. }
        | Op::Cap { .. }
        | Op::SettleCall { .. }
        | Op::Recover { .. }
        | Op::Tell { .. }
        | Op::Stop { .. } => {
            let message = "only tasks and goals can be asked for on a schedule";
            return Err(OpError::new(OpErrorKind::Usage, message, ""));
        }
    }
    let request =
        serde_json::to_string(&request).map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))?;
    let new = NewSchedule {
        name,
        cron,
        catch_up,
        request,
        next_ms,
    };
    desk.mission
        .add_schedule(new, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Done)
}

/// A schedule that goes on begins with its next firing: what it missed while it was paused was not wanted.
pub(super) fn pause(desk: &Desk<'_>, name: &str, paused: bool) -> Result<Outcome, OpError> {
    let known = desk.mission.schedules()?;
    let next_ms = match known.iter().find(|s| s.name == name) {
        Some(schedule) => next(desk, &schedule.cron)?,
        None => desk.now_ms,
    };
    desk.mission
        .pause_schedule(name, paused, next_ms, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Done)
}

fn next(desk: &Desk<'_>, cron: &str) -> Result<i64, OpError> {
    let usage = |e: &dyn std::fmt::Display| {
        let hint = "five fields in UTC, such as \"0 3 * * *\" for each night at three";
        OpError::new(OpErrorKind::Usage, e.to_string(), hint)
    };
    let cron = Cron::parse(cron).map_err(|e| usage(&e))?;
    cron.next_after(desk.now_ms)
        .ok_or_else(|| usage(&"it never fires"))
}
