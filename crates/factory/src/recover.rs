//! After a crash: what a former process left is taken back before anything new is started.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use alai_core::ids::RunId;
use alai_core::pipeline;
use alai_mission::{Holder, MissionError, RunRow};
use alai_workspace::cage;
use alai_workspace::clone::{self, Import};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, Oid};

use crate::beat::Factory;
use crate::config::ConfigError;
use crate::housekeeping;
use crate::integrate;
use crate::packs::PacksError;
use crate::work;

/// Why the factory cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Mission(#[from] MissionError),
    #[error(transparent)]
    Packs(#[from] PacksError),
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// This process holds the lock, so no live run can be alive: each is lost, its commits are brought home, its clone removed,
/// and its task goes on.
pub(crate) fn at_start(factory: &Arc<Factory>) -> Result<(), MissionError> {
    let orphans = cage::end_orphans();
    if orphans > 0 {
        tracing::info!("ended {orphans} cage(s) of a process that is gone");
    }
    unlock_own_refs(factory)?;
    // What a person has taken is in no process: it stays his.
    let mut live = factory.mission().live_runs()?;
    live.retain(|run| run.holder == Holder::Factory);
    let mut lost = Vec::new();
    for row in &live {
        let task = factory.mission().task(row.task)?;
        lost.push((
            row.id.clone(),
            pipeline::interrupted(&task, &factory.plain_context()),
        ));
    }
    // Work first, rows second: a crash in between finds the run live again and repeats this.
    for row in &live {
        rescue(factory, row);
    }
    if !lost.is_empty() {
        factory
            .mission()
            .recover(lost, "the factory ended while it ran", factory.now_ms())?;
    }
    sweep(factory)?;
    housekeeping::tidy(factory);
    Ok(())
}

/// Brings the commits of a lost run home to `refs/alai/<run>`. A clone with commits that cannot be brought is kept beside its
/// run's evidence, for a person; one that was only half made holds nobody's work.
pub(crate) fn rescue(factory: &Arc<Factory>, row: &RunRow) {
    let dir = factory.home().run(&row.id);
    let tree = dir.join(work::CLONE);
    if !tree.exists() {
        return;
    }
    let Err(why) = bring_home(factory, row, &tree) else {
        return;
    };
    if !may_hold_work(factory, row, &tree) {
        tracing::info!("run {}: its clone was not finished: {why}", row.id);
        return;
    }
    let kept = dir.join(KEPT);
    match fs::rename(&tree, &kept) {
        Ok(()) => tracing::warn!(
            "run {}: its work could not be taken and is kept in {}: {why}",
            row.id,
            kept.display()
        ),
        Err(e) => tracing::error!(
            "run {}: its work could not be taken ({why}) nor kept ({e})",
            row.id
        ),
    }
}

/// The name of a clone whose commits could not be brought home.
const KEPT: &str = "kept-clone";

/// Whether an agent has committed in a clone: its branch is a plain file that names another commit than the start. The file
/// is the agent's; it is only compared, and a link is not followed.
fn may_hold_work(factory: &Arc<Factory>, row: &RunRow, tree: &Path) -> bool {
    let branch = tree
        .join(".git")
        .join("refs")
        .join("heads")
        .join(work::branch(&row.id));
    let plain = fs::symlink_metadata(&branch).is_ok_and(|m| m.is_file() && m.len() < 100);
    let start = factory
        .mission()
        .journaled(&row.id, work::START)
        .ok()
        .flatten();
    plain
        && fs::read_to_string(&branch)
            .is_ok_and(|tip| start.is_none_or(|start| tip.trim() != start))
}

fn bring_home(factory: &Arc<Factory>, row: &RunRow, tree: &Path) -> Result<(), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let task = factory.mission().task(row.task).map_err(|e| text(&e))?;
    let id = task.project.ok_or("its task has no project")?;
    let project = factory.mission().project(id).map_err(|e| text(&e))?;
    let start = factory
        .mission()
        .journaled(&row.id, work::START)
        .map_err(|e| text(&e))?;
    let base: Oid = start
        .ok_or("it had not begun")?
        .parse()
        .map_err(|e| text(&e))?;
    let repo = git::open(&project.path).map_err(|e| text(&e))?;
    let branch = format!("refs/heads/{}", work::branch(&row.id));
    let to = work::work_ref(&row.id);
    let toolchains = factory.toolchains();
    let import = Import {
        clone: tree,
        clone_ref: &branch,
        to_ref: &to,
        base: &base,
        toolchains: &toolchains,
    };
    clone::import(&repo, &import, &Cancel::default())
        .map(|_| ())
        .map_err(|e| text(&e))
}

/// Removes clones that belong to no live run, and the fresh clones of gates that died. Evidence and logs stay.
fn sweep(factory: &Arc<Factory>) -> Result<(), MissionError> {
    let scratch = factory.home().scratch();
    if let Err(e) = clone::remove(&scratch) {
        tracing::warn!("cannot remove {}: {e}", scratch.display());
    }
    let Ok(entries) = fs::read_dir(factory.home().runs()) else {
        return Ok(());
    };
    let live: Vec<RunId> = factory
        .mission()
        .live_runs()?
        .into_iter()
        .map(|r| r.id)
        .collect();
    for entry in entries.flatten() {
        let run = RunId(entry.file_name().to_string_lossy().into_owned());
        if !live.contains(&run) {
            work::clear(factory, &run);
        }
    }
    factory.remover().finish();
    Ok(())
}

/// A git that was killed with us leaves the lock of the ref it was about to move. These refs are ours alone, and nobody
/// else can be moving them while we hold the home.
fn unlock_own_refs(factory: &Arc<Factory>) -> Result<(), MissionError> {
    for project in factory.mission().projects()? {
        let Ok(repo) = git::open(&project.path) else {
            continue;
        };
        if let Err(e) = git::remove_stale_locks(&repo, &[integrate::INTEGRATION, "refs/alai/"]) {
            tracing::warn!("{}: {e}", project.name);
        }
    }
    Ok(())
}
