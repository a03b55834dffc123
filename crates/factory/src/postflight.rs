//! The POSTFLIGHT task: runs the goal's own checks on all that was merged, sums the goal up from the rows and writes its page.
//! No model: what was built is known.

use std::sync::Arc;

use alai_core::pipeline::{Ended, Failure};
use alai_core::task::Task;
use alai_core::trust::Trust;
use alai_hivemind::pages;
use alai_hivemind::wiki::PageName;
use alai_mission::Claim;
use alai_workspace::command::Cancel;

use crate::beat::Factory;
use crate::ground::{self, GroundError};
use crate::run::RunError;
use crate::{integrate, outbox, room, wiki, work};

pub(crate) fn work(
    factory: &Arc<Factory>,
    claim: &Claim,
    cancel: &Cancel,
) -> Result<Ended, RunError> {
    let goal = match claim.task.goal {
        Some(goal) => factory.mission().task(goal)?,
        None => claim.task.clone(),
    };
    let mut lines = outbox::lines(factory.mission(), factory.home(), &goal, factory.now_ms())?;
    lines.retain(|l| l.task.id != goal.id && l.task.id != claim.task.id);
    let merged = lines.iter().filter(|l| l.task.integrated.is_some()).count();
    let is_claimed = |level: Trust| !level.may_be_told();
    let claimed = lines
        .iter()
        .filter(|l| l.trust.is_some_and(is_claimed))
        .count();
    if merged > 0
        && let Some(failure) = unmet(factory, &goal, cancel)?
    {
        return Ok(Ended::Failed { failure });
    }
    let page = pages::postflight(&goal, &lines);
    wiki::put(factory.home(), &PageName::postflight(goal.id.0), &page).map_err(RunError::infra)?;
    let sent_back: usize = lines.iter().map(|l| l.task.findings.len()).sum();
    let mut summary = format!(
        "{} {}: {merged} change(s) merged, {sent_back} finding(s) on the way",
        goal.id, goal.title
    );
    if claimed > 0 {
        summary.push_str(&format!(", {claimed} task(s) only claimed to be done"));
    }
    Ok(Ended::Summed { summary })
}

/// The first of the goal's checks that does not exit 0 on the integration branch. Each build was judged alone; what the goal
/// asks for must hold for all of them together.
fn unmet(
    factory: &Arc<Factory>,
    goal: &Task,
    cancel: &Cancel,
) -> Result<Option<Failure>, RunError> {
    if goal.checks.is_empty() {
        return Ok(None);
    }
    let project = work::project(factory, goal)?;
    let repo = work::repo(&project)?;
    if let Some(failure) = room::missing(factory, goal, &project, &repo)? {
        return Ok(Some(failure));
    }
    let tip = integrate::base_for(&repo, &project).map_err(RunError::infra)?;
    for check in &goal.checks {
        let run = ground::exits_zero(factory, &repo, &project, &tip, check, cancel);
        let detail = match run {
            Ok(None) => continue,
            Ok(Some(detail)) => detail,
            Err(GroundError::Refused { detail, .. }) => detail,
            Err(GroundError::Cancelled) => return Err(RunError::cancelled(factory)),
            Err(GroundError::Machine(detail)) => return Err(RunError::Infrastructure(detail)),
        };
        return Ok(Some(Failure::GoalUnmet {
            detail: format!("`{check}` on all that was merged: {detail}"),
        }));
    }
    Ok(None)
}
