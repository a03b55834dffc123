//! Runs that a person started without a cage: whose word that takes, whom they run as, and when their clones are touched again.

use std::path::Path;
use std::sync::Arc;

use alai_core::cage::Sandbox;
use alai_core::pipeline::Failure;
use alai_mission::Claim;
use alai_workspace::cage::{self, RunUser};
use alai_workspace::files;

use crate::beat::Factory;
use crate::run::RunError;

/// The user of a run that does without a cage, written down before anything starts; `None` for every other run. Inside, why it
/// may not be: the word of a person holds for one run, in the process that it was said to.
pub(super) fn user_of(
    factory: &Arc<Factory>,
    claim: &Claim,
) -> Result<Result<Option<RunUser>, Failure>, RunError> {
    if claim.task.sandbox == Sandbox::On {
        return Ok(Ok(None));
    }
    let refused = |detail: String| {
        Failure::BoxRefused {
        detail,
        remedy: "ask for another run with `alai minion run \"TASK\" --sandbox off`, or without it, then `alai mc cancel {id}`"
            .into(),
    }
    };
    if !factory.take_uncaged(claim.fence.task) {
        let detail = "it was asked to run without a cage, which holds for one run of the command that said so; that run is over, and it \
                      is not run in a cage either, which nobody asked for";
        return Ok(Err(refused(detail.into())));
    }
    let user = match cage::take_user() {
        Ok(user) => user,
        Err(e) => return Ok(Err(refused(e.to_string()))),
    };
    factory
        .mission()
        .uncage(&claim.fence, user.uid(), factory.now_ms())?;
    Ok(Ok(Some(user)))
}

/// Whom a run's clone belongs to while its agent works.
pub(super) fn owner(user: Option<&RunUser>) -> Option<(u32, u32)> {
    user.map_or_else(cage::agent_ids, |user| Some(user.ids()))
}

/// The agent has ended: so has everything that its user had started, or nothing is taken. Its clone is one of any agent then.
pub(super) fn settle(user: Option<&RunUser>, clone: &Path) -> Result<(), RunError> {
    let Some(user) = user else { return Ok(()) };
    told(&user.end().map_err(RunError::infra)?);
    hand_on(user.uid(), clone).map_err(RunError::Infrastructure)
}

/// The same for a run whose process is gone.
pub(crate) fn take_back(uid: u32, clone: &Path) -> Result<(), String> {
    end(uid)?;
    hand_on(uid, clone)
}

/// Ends everything of a user whose run is over.
pub(crate) fn end(uid: u32) -> Result<(), String> {
    told(&cage::end_user(uid).map_err(|e| e.to_string())?);
    Ok(())
}

fn told(left: &[String]) {
    for line in left {
        tracing::warn!("{line}");
    }
}

fn hand_on(uid: u32, clone: &Path) -> Result<(), String> {
    match cage::agent_ids() {
        Some(agent) => files::hand_on(clone, uid, agent).map_err(|e| e.to_string()),
        None => Err(format!("only root can take the clone of user {uid} over")),
    }
}
