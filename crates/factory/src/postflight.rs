//! The POSTFLIGHT task: sums a goal up from the rows and writes its page. No model: what was built is known.

use std::sync::Arc;

use alai_core::pipeline::Ended;
use alai_hivemind::pages;
use alai_hivemind::wiki::{self, PageName};
use alai_mission::Claim;

use crate::beat::Factory;
use crate::outbox;
use crate::run::RunError;

pub(crate) fn work(factory: &Arc<Factory>, claim: &Claim) -> Result<Ended, RunError> {
    let goal = match claim.task.goal {
        Some(goal) => factory.mission().task(goal)?,
        None => claim.task.clone(),
    };
    let mut lines = outbox::lines(factory, &goal)?;
    lines.retain(|l| l.task.id != goal.id && l.task.id != claim.task.id);
    let page = pages::postflight(&goal, &lines);
    wiki::write(
        &factory.home().wiki(),
        &PageName::postflight(goal.id.0),
        &page,
    )
    .map_err(RunError::infra)?;
    let merged = lines.iter().filter(|l| l.task.integrated.is_some()).count();
    let sent_back: usize = lines.iter().map(|l| l.task.findings.len()).sum();
    let summary = format!(
        "{} {}: {merged} change(s) merged, {sent_back} finding(s) on the way",
        goal.id, goal.title
    );
    Ok(Ended::Summed { summary })
}
