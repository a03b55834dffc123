//! A person wants what a run did, whatever became of the run: it is put on a branch of the person's repository.

use std::fs;
use std::sync::{Mutex, PoisonError};

use alai_core::ids::RunId;
use alai_mission::{RunRow, RunState};
use alai_workspace::clone;
use alai_workspace::git::{self, Oid, Repo};
use alai_workspace::toolchains::toolchains;

use super::{Desk, OpError, OpErrorKind, Outcome};
use crate::ground;
use crate::home::Home;
use crate::work::EMPTIED;
use crate::work::keep::{self, Track};
use crate::work::work_ref;

/// The branch that a run's work is put on.
fn branch(run: &RunId) -> String {
    format!("recovered/{run}")
}

pub(super) fn recover(desk: &Desk<'_>, run: &RunId) -> Result<Outcome, OpError> {
    let found = desk.mission.run(run)?.ok_or_else(|| {
        let hint = "`alai minion list` shows the runs";
        OpError::new(
            OpErrorKind::NotFound,
            format!("there is no run {run}"),
            hint,
        )
    })?;
    if found.state == RunState::Live {
        let message = format!("run {run} is still at work");
        let hint = format!("what it has committed so far: `git log {}`", work_ref(run));
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    let track = Track::of(desk.mission, toolchains(&ground::host_env()), &found);
    let Some(track) = track.map_err(failed)? else {
        return Err(nothing(&found, "it made no clone"));
    };
    let home = Home::at(desk.mission.home());
    let mut notes = from_kept_clone(&home, &track, run)?;
    let at = |name: &str| git::resolve(&track.repo, name).map_err(failed);
    // The rest lies upon the commits, so that it has them too.
    let (rest, tip) = (at(&keep::rest_ref(run))?, at(&work_ref(run))?);
    let others = keep::others_ref(run);
    if at(&others)?.is_some() {
        notes.push(format!(
            "commits that its branch does not reach are in {others}: `git log {others}` shows them"
        ));
    }
    if rest.is_some() {
        notes.push(
            "its last commit is what was not committed when it ended; nobody has measured it"
                .into(),
        );
    }
    let Some(commit) = rest.or(tip).filter(|commit| *commit != track.start) else {
        let why = match notes.first() {
            Some(note) => note.clone(),
            None => "it ended without a change".to_owned(),
        };
        return Err(nothing(&found, &why));
    };
    let branch = branch(run);
    put(&track.repo, &branch, &commit)?;
    Ok(Outcome::Recovered {
        run: run.clone(),
        branch,
        commit: commit.to_string(),
        notes,
    })
}

/// A clone that could not be brought home may be brought now: the disk has room again, or the repository is back.
/// Empty: there is none any more.
pub(crate) fn from_kept_clone(
    home: &Home,
    track: &Track,
    run: &RunId,
) -> Result<Vec<String>, OpError> {
    // A second one beside it would take what this one removes for work that the agent deleted.
    static ONE: Mutex<()> = Mutex::new(());
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = home.run(run);
    let kept = dir.join(keep::KEPT);
    if fs::symlink_metadata(&kept).is_err() {
        return Ok(Vec::new());
    }
    let brought = track.all(&kept);
    if brought.left.is_empty() {
        // As loud as the word that it is kept, or a person looks for it; and before it goes, since a kill may come in between.
        tracing::warn!("run {run}: all of its kept clone is home now");
        // Under another name first: half removed it is no clone any more.
        let emptied = dir.join(EMPTIED);
        if fs::symlink_metadata(&emptied).is_ok() {
            clone::remove(&emptied).map_err(failed)?;
        }
        fs::rename(&kept, &emptied).map_err(failed)?;
        clone::remove(&emptied).map_err(failed)?;
        return Ok(Vec::new());
    }
    let why = brought.left.join("; ");
    Ok(vec![format!(
        "not all of it could be taken from {}, which stays: {why}",
        kept.display()
    )])
}

/// Makes the branch. One that is there already may be a person's work by now: it is not moved.
fn put(repo: &Repo, branch: &str, commit: &Oid) -> Result<(), OpError> {
    let name = format!("refs/heads/{branch}");
    match git::resolve(repo, &name).map_err(failed)? {
        Some(there) if there == *commit => Ok(()),
        Some(there) => {
            let message = format!("the branch {branch} is there already, at {there}");
            let hint = format!(
                "`git branch -m {branch} NAME` keeps it under another name; then ask again for {commit}"
            );
            Err(OpError::new(OpErrorKind::Failed, message, &hint))
        }
        None => git::update_ref(repo, &name, commit, None).map_err(failed),
    }
}

fn nothing(run: &RunRow, why: &str) -> OpError {
    let message = format!("there is nothing to recover of run {}: {why}", run.id);
    let hint = format!("`alai why {}` says how the task goes on", run.task.0);
    OpError::new(OpErrorKind::NotFound, message, &hint)
}

fn failed(error: impl std::fmt::Display) -> OpError {
    OpError::new(OpErrorKind::Failed, error.to_string(), "")
}
