//! What people pushed to the target branch of a remote comes here before a run starts and before anything is moved. The branch here only
//! moves forward: where both have gone their ways a person joins them.

use std::sync::{Arc, PoisonError};

use alai_mission::{Project, SyncEnd};
use alai_workspace::git::{self, GitError, Oid, Towards};

use super::{Trouble, remote_of};
use crate::beat::Factory;
use crate::integrate;

/// Between two looks of the daemon by itself. Runs and merges do not wait for it.
pub(super) const EVERY_MS: i64 = 5 * 60_000;
/// What was fetched so lately is fresh enough for a run or a merge.
const FRESH_MS: i64 = 30_000;
/// After a failure the remote is left alone so long, doubled up to an hour: work goes on from what there is.
const PAUSE_MS: i64 = 60_000;
const DOUBLED_MAX: u32 = 6;

/// Seconds that a look, and a run or a merge that waits for it, may take.
pub(super) const LOOK_S: u64 = 300;
const BEFORE_S: u64 = 30;

/// How the last try ended, of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fetched {
    at_ms: i64,
    failures: u32,
    /// What was said of it, so that it is said once.
    why: Option<Trouble>,
}

/// Whether it was not tried for so long, or for the pause after a failure.
pub(super) fn is_due(factory: &Factory, project: &Project, every_ms: i64) -> bool {
    let last = factory.remotes().fetched.lock();
    let last = last.ok().and_then(|all| all.get(&project.id).cloned());
    let Some(last) = last else { return true };
    let pause = match last.failures {
        0 => every_ms,
        failures => PAUSE_MS << (failures - 1).min(DOUBLED_MAX),
    };
    factory.now_ms() - last.at_ms >= pause
}

/// Before a run starts and before something is moved: nothing of what goes wrong keeps them from what there is.
pub(crate) fn before(factory: &Arc<Factory>, project: &Project) {
    if project.settings.fetches() && is_due(factory, project, FRESH_MS) {
        let _said_in_the_log = fetch(factory, project, BEFORE_S);
    }
}

/// Fetches the target branch and moves the one here forward to it. Says what was moved.
pub(super) fn fetch(
    factory: &Arc<Factory>,
    project: &Project,
    within_s: u64,
) -> Result<Option<String>, Trouble> {
    let fetched = forward(factory, project, within_s);
    let why = fetched.as_ref().err().cloned();
    let mut said_before = None;
    if let Ok(mut all) = factory.remotes().fetched.lock() {
        let last = all.entry(project.id).or_default();
        said_before = last.why.take();
        *last = Fetched {
            at_ms: factory.now_ms(),
            failures: why.as_ref().map_or(0, |_| last.failures.saturating_add(1)),
            why: why.clone(),
        };
    }
    if let Some(why) = why.filter(|why| said_before.as_ref() != Some(why)) {
        tracing::warn!("{}: {why}", project.name);
        let (mission, now_ms) = (factory.mission(), factory.now_ms());
        if let Err(e) = mission.note_sync(project.id, SyncEnd::NotFetched, &why, now_ms) {
            tracing::warn!("{}: {e}", project.name);
        }
    }
    fetched
}

fn forward(
    factory: &Arc<Factory>,
    project: &Project,
    within_s: u64,
) -> Result<Option<String>, Trouble> {
    let words = |e: &dyn std::fmt::Display| e.to_string();
    let repo = integrate::open(project).map_err(|e| words(&e))?;
    let (name, branch) = (project.settings.remote(), &project.target_branch);
    let remote = remote_of(&repo, project, Towards::Fetch).map_err(|e| words(&e))?;
    let (target, integration) = integrate::tips_of(&repo, project).map_err(|e| words(&e))?;
    let kept = format!("refs/alai/remote/{name}/{branch}");
    let [before] = git::tips(&repo, [&kept]).map_err(|e| words(&e))?;
    let mut have = vec![&target];
    have.extend(integration.iter().chain(&before));
    let found = git::fetch(&repo, &remote, branch, &have, within_s).map_err(|e| words(&e))?;
    let Some(there) = found else {
        return Err(format!(
            "{name} has no branch `{branch}`; push it (`git -C {} push {name} {branch}`), or name another with --target",
            project.path.display()
        ));
    };
    if before.as_ref() != Some(&there) {
        // Kept, so that nothing that is cleaned up takes it away before it is on a branch.
        match git::update_ref(&repo, &kept, &there, before.as_ref()) {
            Err(GitError::RefMoved { .. }) => {}
            kept => kept.map_err(|e| words(&e))?,
        }
    }
    let _moving = factory
        .moving()
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let (target, _) = integrate::tips_of(&repo, project).map_err(|e| words(&e))?;
    let is_in = |a: &Oid, b: &Oid| git::is_ancestor(&repo, a, b).map_err(|e| words(&e));
    if is_in(&there, &target)? {
        return Ok(None);
    }
    if !is_in(&target, &there)? {
        return Err(format!(
            "{branch} here and {name}'s {branch} have parted, and alai resets neither: join them with \
             `git -C {} pull --no-rebase {name} {branch}`",
            project.path.display()
        ));
    }
    git::move_branch(&repo, branch, &there, &target).map_err(|e| words(&e))?;
    Ok(Some(format!("{branch} is {name}'s: {there}")))
}
