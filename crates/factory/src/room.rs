//! Room on the disk: a run gets a clone only where there is space enough that it can end well. A disk that is full in the middle
//! of a run costs an attempt, tokens and, at the worst, the store's next write.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use alai_core::ids::{ProjectId, TaskId};
use alai_core::pipeline::{Ended, Failure};
use alai_core::task::{Task, WaitReason};
use alai_mission::{Claim, MissionError, Project};
use alai_workspace::free::{self, Free};
use alai_workspace::git::{self, Oid, Repo};

use crate::beat::Factory;
use crate::integrate;
use crate::run::RunError;

/// Free before a run begins, unless `limits.free_mb` says otherwise: what all imports of one run may bring into the repository
/// (`clone::RUN_BYTES_MAX`), and about what set-up, build and gate of a middling project write beside each other.
const FREE_BYTES_MIN: u64 = 2 << 30;

/// The agent's clone and its gate's fresh one stand side by side.
const CHECKOUTS: u64 = 2;

/// One file in fifty stays free: packages and builds come as many small files, and a disk without inodes is as full as one
/// without bytes.
const FILES_SHARE: u64 = 50;

/// Between a task's wait and the next look at its disk: as often as a missing model host is asked.
const LOOK_AGAIN_MS: i64 = 10_000;

/// What a commit takes when it is checked out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Checkout {
    bytes: u64,
    files: u64,
}

/// The size of the checkout for which each project had no room: so that whoever waits is not woken for a disk that is still too
/// small. Forgotten with the process; then a run measures it again.
#[derive(Debug, Default)]
pub(crate) struct Room(Mutex<BTreeMap<ProjectId, Checkout>>);

impl Room {
    fn note(&self, project: ProjectId, checkout: Checkout) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(project, checkout);
    }

    fn known(&self, project: ProjectId) -> Checkout {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&project).copied().unwrap_or_default()
    }
}

/// What keeps a run of this task from getting its clone. `None`: there is room.
pub(crate) fn missing(
    factory: &Factory,
    task: &Task,
    project: &Project,
    repo: &Repo,
) -> Result<Option<Failure>, RunError> {
    let commit = match task.head.as_ref().or(task.start_from.as_ref()) {
        Some(commit) => commit.parse().map_err(RunError::infra)?,
        None => integrate::base_for(repo, project).map_err(RunError::infra)?,
    };
    let checkout = checkout(repo, &commit)?;
    let short = short(factory, repo.root(), checkout).map_err(RunError::infra)?;
    if short.is_some() {
        factory.room().note(project.id, checkout);
    }
    Ok(short.map(|detail| Failure::NoRoom { detail }))
}

fn checkout(repo: &Repo, commit: &Oid) -> Result<Checkout, RunError> {
    let tree = git::tree(repo, commit).map_err(RunError::infra)?;
    let bytes = tree.iter().map(|entry| entry.size);
    Ok(Checkout {
        bytes: bytes.fold(0, u64::saturating_add),
        files: tree.len() as u64,
    })
}

/// Where there is too little, in words. The clone lies with the runs; the repository takes what comes home.
fn short(
    factory: &Factory,
    repository: &Path,
    checkout: Checkout,
) -> Result<Option<String>, alai_workspace::files::FileError> {
    let floor = factory.config().limits.free_mb;
    let floor = floor.map_or(FREE_BYTES_MIN, |mb| (mb as u64).saturating_mul(1 << 20));
    let runs = factory.home().runs();
    let places = [
        (runs.as_path(), checkout),
        (repository, Checkout::default()),
    ];
    for (place, checkout) in places {
        if let Some(why) = judge(free::on(place)?, floor, checkout) {
            return Ok(Some(format!(
                "too little room for a run in {}: {why}",
                place.display()
            )));
        }
    }
    Ok(None)
}

/// What is free against what is wanted.
fn judge(free: Free, floor: u64, checkout: Checkout) -> Option<String> {
    let bytes = floor.max(checkout.bytes.saturating_mul(CHECKOUTS));
    if free.bytes < bytes {
        // Rounded so that what is said to be free is never as much as what is wanted.
        let (free, wanted) = (free.bytes >> 20, bytes.div_ceil(1 << 20));
        return Some(format!("{free} MB are free, {wanted} MB are wanted"));
    }
    let files = (free.files_all / FILES_SHARE).max(checkout.files.saturating_mul(CHECKOUTS));
    (free.files_all > 0 && free.files < files)
        .then(|| format!("{} files can still be made, {files} are wanted", free.files))
}

/// A run that failed on a disk that has become too full says so. It counts as an attempt: what filled the disk may be its own
/// doing, and would fill it again.
pub(crate) fn said(factory: &Factory, claim: &Claim, ended: Ended) -> Ended {
    let Ended::Failed {
        failure: Failure::Infrastructure { detail },
    } = &ended
    else {
        return ended;
    };
    let project = claim.task.project;
    let Some(Ok(project)) = project.map(|id| factory.mission().project(id)) else {
        return ended;
    };
    match short(factory, &project.path, factory.room().known(project.id)) {
        Ok(Some(why)) => Ended::Failed {
            failure: Failure::Infrastructure {
                detail: format!("{detail}; {why}"),
            },
        },
        Ok(None) | Err(_) => ended,
    }
}

/// Takes up what waits for room, once its disk has it.
pub(crate) fn take_up(factory: &Factory, now_ms: i64) -> Result<(), MissionError> {
    let mission = factory.mission();
    let mut after = TaskId(0);
    loop {
        let part = mission.waiting_for(WaitReason::NoRoom, after)?;
        let Some(last) = part.last() else {
            return Ok(());
        };
        after = last.id;
        let due = part
            .iter()
            .filter(|task| now_ms - task.updated_ms >= LOOK_AGAIN_MS);
        let mut fit = Vec::new();
        for task in due {
            if fits(factory, task)? {
                fit.push(task.id);
            }
        }
        if !fit.is_empty() {
            mission.taken_up(WaitReason::NoRoom, "the disk has room again", fit, now_ms)?;
        }
    }
}

/// A disk that gives no answer is left to the run, which names it.
fn fits(factory: &Factory, task: &Task) -> Result<bool, MissionError> {
    let Some(id) = task.project else {
        return Ok(true);
    };
    let project = factory.mission().project(id)?;
    let short = short(factory, &project.path, factory.room().known(id));
    Ok(!matches!(short, Ok(Some(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn free(bytes: u64, files: u64, files_all: u64) -> Free {
        Free {
            bytes,
            files,
            files_all,
        }
    }

    #[test]
    fn the_floor_or_two_checkouts_whichever_is_more() {
        let small = Checkout {
            bytes: 3 * MB,
            files: 10,
        };
        let large = Checkout {
            bytes: 300 * MB,
            files: 10,
        };
        let said = |free_mb: u64, checkout| judge(free(free_mb * MB, 0, 0), 100 * MB, checkout);
        assert_eq!(said(100, small), None);
        assert_eq!(
            said(99, small).as_deref(),
            Some("99 MB are free, 100 MB are wanted")
        );
        assert_eq!(said(600, large), None);
        assert_eq!(
            said(599, large).as_deref(),
            Some("599 MB are free, 600 MB are wanted")
        );
        let nearly = free(100 * MB - 1, 0, 0);
        assert_eq!(
            judge(nearly, 100 * MB, small).as_deref(),
            Some("99 MB are free, 100 MB are wanted")
        );
    }

    #[test]
    fn files_are_counted_where_the_file_system_counts_them() {
        let many = Checkout {
            bytes: 0,
            files: 400,
        };
        let said = |files, files_all, checkout| judge(free(MB, files, files_all), MB, checkout);
        assert_eq!(said(0, 0, many), None, "no number, no limit");
        assert_eq!(said(100, 5_000, Checkout::default()), None);
        assert_eq!(
            said(99, 5_000, Checkout::default()).as_deref(),
            Some("99 files can still be made, 100 are wanted")
        );
        assert_eq!(
            said(799, 5_000, many).as_deref(),
            Some("799 files can still be made, 800 are wanted")
        );
    }
}
