//! Runs that a person started without a cage: whose word that takes, whom they run as, and when their clones are touched again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use alai_core::cage::Sandbox;
use alai_core::ids::RunId;
use alai_core::pipeline::Failure;
use alai_mission::{Claim, Holder, Mission, MissionError, RunRow, RunState};
use alai_workspace::cage::{self, RunUser};
use alai_workspace::files;

use crate::beat::Factory;
use crate::run::RunError;
use crate::work::CLONE;
use crate::work::keep::KEPT;

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
pub(super) fn settle(
    factory: &Factory,
    run: &RunId,
    user: Option<&RunUser>,
    clone: &Path,
) -> Result<(), RunError> {
    let Some(user) = user else { return Ok(()) };
    told(&user.end().map_err(RunError::infra)?);
    hand_on(user.uid(), clone).map_err(RunError::Infrastructure)?;
    Ok(factory.mission().user_ended(run, factory.now_ms())?)
}

/// The users of runs whose process is gone. One that does not end is tried again at the next start, and when the factory tidies up;
/// until then nothing is taken from its run's clone.
pub(crate) fn end_left(factory: &Factory, live: bool) -> Result<(), MissionError> {
    for row in factory.mission().users_left()? {
        let is_live = row.state == RunState::Live;
        // What a person has taken is his.
        if is_live && (!live || row.holder != Holder::Factory) {
            continue;
        }
        if let Err(why) = end(factory, &row) {
            tracing::error!("run {}: {why}", row.id);
        }
    }
    Ok(())
}

/// The same for one run, where it had a user.
pub(crate) fn end_of(factory: &Factory, row: &RunRow) -> Result<(), String> {
    match left(factory.mission(), &row.id)? {
        Some(_) => end(factory, row),
        None => Ok(()),
    }
}

/// Refuses as long as a run's user is not known to have ended.
pub(crate) fn has_ended(mission: &Mission, run: &RunId) -> Result<(), String> {
    match left(mission, run)? {
        Some(uid) => Err(format!(
            "its user {uid} is not known to have ended, and might still write in it; the next start of alai tries to end it again"
        )),
        None => Ok(()),
    }
}

fn left(mission: &Mission, run: &RunId) -> Result<Option<u32>, String> {
    let rows = mission.users_left().map_err(|e| e.to_string())?;
    Ok(rows
        .into_iter()
        .find(|row| row.id == *run)
        .and_then(|row| row.uid))
}

/// Ends everything of the run's user and makes its clone one of any agent, wherever that lies by now.
fn end(factory: &Factory, row: &RunRow) -> Result<(), String> {
    let Some(uid) = row.uid else { return Ok(()) };
    told(&cage::end_user(uid).map_err(|e| e.to_string())?);
    let dir = factory.home().run(&row.id);
    for clone in [dir.join(CLONE), dir.join(KEPT)] {
        if fs::symlink_metadata(&clone).is_ok() {
            hand_on(uid, &clone)?;
        }
    }
    let noted = factory.mission().user_ended(&row.id, factory.now_ms());
    noted.map_err(|e| e.to_string())
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
