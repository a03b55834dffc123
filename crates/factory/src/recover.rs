//! After a crash: what a former process left is taken back before anything new is started.

use std::fs;
use std::sync::Arc;

use alai_core::ids::RunId;
use alai_core::pipeline;
use alai_mission::{Holder, Mission, MissionError, RunRow};
use alai_workspace::cage;
use alai_workspace::clone;
use alai_workspace::git;
use alai_workspace::versions;

use crate::beat::Factory;
use crate::calibrate;
use crate::config::ConfigError;
use crate::home::Home;
use crate::housekeeping;
use crate::integrate;
use crate::packs::PacksError;
use crate::work;
use crate::work::keep::{self, Track};

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

/// What needs nothing but the store, and so can be done while the packs are read: the cages of a process that is gone end, and so do its
/// locks of refs. Who calls this holds the home's lock, and calls [`at_start`] after it.
pub(crate) fn before_the_start(home: &Home, mission: &Mission) -> Result<(), MissionError> {
    // First of all: which git there is, is remembered here.
    clone::set_stock(home.objects());
    cage::set_known(home.cage());
    versions::set_versions(home.versions());
    let orphans = cage::end_orphans();
    if orphans > 0 {
        tracing::info!("ended {orphans} cage(s) of a process that is gone");
    }
    unlock_own_refs(mission)
}

/// This process holds the lock, so no live run can be alive: each is lost, its commits are brought home, its clone removed,
/// and its task goes on.
pub(crate) fn at_start(factory: &Arc<Factory>) -> Result<(), MissionError> {
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
    // Before anything else is touched: what has no cage does not end with its owner by itself, when both were killed.
    work::uncaged::end_left(factory, true)?;
    // Work first, rows second: a crash in between finds the run live again and repeats this.
    for row in &live {
        bring(factory, row);
    }
    if !lost.is_empty() {
        factory
            .mission()
            .recover(lost, "the factory ended while it ran", factory.now_ms())?;
    }
    calibrate::put_away(factory)?;
    let since_ms = housekeeping::clean_since(factory);
    sweep(factory, since_ms.unwrap_or(0))?;
    if since_ms.is_none() {
        housekeeping::tidy(factory);
    }
    housekeeping::note_clean(factory, since_ms.is_none());
    Ok(())
}

/// [`bring`], after everything that the run has started was ended.
pub(crate) fn rescue(factory: &Arc<Factory>, row: &RunRow) -> bool {
    // One that does not end keeps the clone: it says so there.
    if let Err(why) = work::uncaged::end_of(factory, row) {
        tracing::error!("run {}: {why}", row.id);
    }
    bring(factory, row)
}

/// Brings the work of a run home: its commits to `refs/alai/RUN`, what was never committed to `refs/alai/RUN-rest`. True when
/// it is proven that the clone holds nothing more. One that does is kept beside its run's evidence, for a person; one that no
/// agent has worked in holds nobody's work.
fn bring(factory: &Arc<Factory>, row: &RunRow) -> bool {
    let dir = factory.home().run(&row.id);
    let tree = dir.join(work::CLONE);
    if fs::symlink_metadata(&tree).is_err() {
        return true;
    }
    let left = match Track::of(factory.mission(), factory.toolchains(), row) {
        Ok(None) => return true,
        Ok(Some(track)) if !keep::may_hold_work(&dir, &tree, &row.id, &track.start) => {
            tracing::info!("run {}: no agent has worked in its clone", row.id);
            return true;
        }
        Ok(Some(track)) => {
            let brought = track.all(&tree);
            if brought.rest.is_some() {
                let rest = keep::rest_ref(&row.id);
                tracing::info!("run {}: what was not committed is in {rest}", row.id);
            }
            brought.left
        }
        Err(why) => vec![why],
    };
    if left.is_empty() {
        return true;
    }
    let (kept, why) = (dir.join(keep::KEPT), left.join("; "));
    match fs::rename(&tree, &kept) {
        Ok(()) => tracing::warn!(
            "run {}: not all of its work could be taken and it is kept in {}: {why}",
            row.id,
            kept.display()
        ),
        Err(e) => tracing::error!(
            "run {}: not all of its work could be taken ({why}); it stays where it is ({e})",
            row.id
        ),
    }
    false
}

/// Removes clones that belong to no live run and hold nothing more, and the fresh clones of gates that died, of runs that were given
/// their ids at or after `since_ms`. Evidence and logs stay.
fn sweep(factory: &Arc<Factory>, since_ms: i64) -> Result<(), MissionError> {
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
        let is_older = run.given_ms().is_some_and(|given_ms| given_ms < since_ms);
        if is_older || live.contains(&run) {
            continue;
        }
        // Also of a run that is long over: its last process may have died before this.
        let proven = match factory.mission().run(&run)? {
            Some(row) => bring(factory, &row),
            // Of another store than this one, as after a backup was put back: nobody can tell what it holds.
            None => false,
        };
        work::clear(factory, &run, proven);
    }
    factory.remover().finish();
    Ok(())
}

/// A git that was killed with us leaves the lock of the ref it was about to move. These refs are ours alone, and nobody
/// else can be moving them while we hold the home.
fn unlock_own_refs(mission: &Mission) -> Result<(), MissionError> {
    for project in mission.projects()? {
        let Ok(repo) = git::open(&project.path) else {
            continue;
        };
        if let Err(e) = git::remove_stale_locks(&repo, &[integrate::INTEGRATION, "refs/alai/"]) {
            tracing::warn!("{}: {e}", project.name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::config::Config;
    use crate::home::init;

    /// A run's folder with something in it that a sweep removes.
    fn left(home: &Home, id: &str) -> std::path::PathBuf {
        let left = home.run(&RunId(id.into())).join(work::HOME);
        fs::create_dir_all(&left).expect("a folder");
        left
    }

    fn open(home: &Home) {
        let config = Config::load(&home.config(), &BTreeMap::new()).expect("settings");
        drop(Factory::open(home.clone(), config).expect("a factory"));
    }

    #[test]
    fn runs_of_before_the_last_look_are_looked_at_again_after_an_hour() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path().join("home"));
        init(&home).expect("a home");
        // 2024, by its first 48 bits, and one that tells no time.
        let old = "018f0000-0000-7000-8000-000000000001";
        let first = [left(&home, old), left(&home, "no-uuid")];
        open(&home);
        assert!(first.iter().all(|left| !left.exists()), "the first look");

        let new = RunId(uuid::Uuid::now_v7().to_string());
        let [old, timeless, new] = [old, "no-uuid", &new.0].map(|id| left(&home, id));
        open(&home);
        assert!(old.exists(), "nothing can have come there since");
        assert!(!timeless.exists() && !new.exists());

        let tidied = home.cache().join("tidied");
        let file = fs::File::options()
            .write(true)
            .open(&tidied)
            .expect("it is there");
        file.set_modified(SystemTime::now() - Duration::from_secs(3_700))
            .expect("set");
        open(&home);
        assert!(!old.exists(), "an hour later");

        let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
        let file = fs::File::options()
            .write(true)
            .open(&tidied)
            .expect("it is there");
        file.set_modified(tomorrow).expect("set");
        let old = left(&home, "018f0000-0000-7000-8000-000000000001");
        open(&home);
        assert!(!old.exists(), "a clock that was set back");
    }
}
