//! Room on the disk: a run gets a clone only where there is space enough that it can end well. A disk that is full in the middle
//! of a run costs an attempt, tokens and, at the worst, the store's next write.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::pipeline::{Ended, Failure};
use alai_core::task::{Task, WaitReason};
use alai_mission::{Claim, MissionError, Project};
use alai_workspace::cage;
use alai_workspace::files::FileError;
use alai_workspace::free::{Free, Looks};
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

/// Names of one run's folder that are counted, some seconds' worth.
const FILES_COUNTED_MAX: u64 = 1_000_000;

/// Between a task's wait and the next look at its disk: as often as a missing model host is asked.
const LOOK_AGAIN_MS: i64 = 10_000;

/// Longest that a disk is waited for: the beat of the daemon looks for whoever waits, and a network's disk may never answer.
const LOOK: Duration = Duration::from_secs(2);

/// What lies on a disk: a commit that is checked out, or the folder of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Taken {
    bytes: u64,
    files: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Room {
    /// The size of the checkout for which each project had no room: so that whoever waits is not woken for a disk that is still
    /// too small. Forgotten with the process; then a run measures it again.
    known: Mutex<BTreeMap<ProjectId, Taken>>,
    looks: Looks,
}

impl Room {
    fn note(&self, project: ProjectId, checkout: Taken) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(project, checkout);
    }

    fn known(&self, project: ProjectId) -> Taken {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
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

fn checkout(repo: &Repo, commit: &Oid) -> Result<Taken, RunError> {
    let tree = git::tree(repo, commit).map_err(RunError::infra)?;
    let bytes = tree.iter().map(|entry| entry.size);
    Ok(Taken {
        bytes: bytes.fold(0, u64::saturating_add),
        files: tree.len() as u64,
    })
}

/// Where a run writes, and what it must find there beside the floor. The clone lies with the runs; the repository takes what
/// comes home.
fn places(factory: &Factory, repository: &Path, checkout: Taken) -> [(PathBuf, Taken); 2] {
    [
        (factory.home().runs(), checkout),
        (repository.to_path_buf(), Taken::default()),
    ]
}

fn floor(factory: &Factory) -> u64 {
    let set = factory.config().limits.free_mb;
    set.map_or(FREE_BYTES_MIN, |mb| (mb as u64).saturating_mul(1 << 20))
}

/// Where there is too little, in words.
fn short(
    factory: &Factory,
    repository: &Path,
    checkout: Taken,
) -> Result<Option<String>, FileError> {
    for (place, checkout) in places(factory, repository, checkout) {
        let free = factory.room().looks.on(&place, LOOK)?;
        if let Some(why) = told(free, floor(factory), checkout) {
            return Ok(Some(format!(
                "too little room for a run in {}: {why}",
                place.display()
            )));
        }
    }
    Ok(None)
}

/// Whether we measure ourselves that a run of this project has too little room now, also where objects have a disk of their
/// own: an agent's own git says of any disk that it is full. A disk that cannot be asked is not measured.
pub(crate) fn is_short(factory: &Factory, project: &Project, repo: &Repo) -> bool {
    let objects = repo.common_dir().join("objects");
    let free = factory.room().looks.on(&objects, LOOK);
    if free.is_ok_and(|free| told(free, floor(factory), Taken::default()).is_some()) {
        return true;
    }
    let checkout = factory.room().known(project.id);
    matches!(short(factory, &project.path, checkout), Ok(Some(_)))
}

/// A disk that does not answer in time has no room that anybody could count on.
fn told(free: Option<Free>, floor: u64, checkout: Taken) -> Option<String> {
    match free {
        Some(free) => judge(free, floor, checkout),
        None => Some(format!(
            "its disk gives no answer within {} s",
            LOOK.as_secs()
        )),
    }
}

/// What is free against what is wanted.
fn judge(free: Free, floor: u64, checkout: Taken) -> Option<String> {
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

/// What a machine's failure is on a disk that has become too full: nobody's, where others have filled it, and the task waits as
/// it does before a run. What the run wrote itself, it would write again: that is an attempt, and it is said.
pub(crate) fn judged(factory: &Factory, claim: &Claim, ended: Ended) -> Ended {
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
    let checkout = factory.room().known(project.id);
    let Ok(Some(why)) = short(factory, &project.path, checkout) else {
        return ended;
    };
    let detail = format!("{detail}; {why}");
    let own = written(&factory.home().run(&claim.fence.run));
    let mine = own.is_none_or(|own| {
        let without = |free: Free| Free {
            bytes: free.bytes.saturating_add(own.bytes),
            files: free.files.saturating_add(own.files),
            ..free
        };
        let mut places = places(factory, &project.path, checkout).into_iter();
        places.all(|(place, checkout)| {
            let free = factory.room().looks.on(&place, LOOK);
            free.is_ok_and(|free| {
                free.is_some_and(|free| judge(without(free), floor(factory), checkout).is_none())
            })
        })
    });
    let failure = match mine {
        true => Failure::Infrastructure { detail },
        false => Failure::NoRoom { detail },
    };
    Ended::Failed { failure }
}

/// What the folder of a run takes on its disk, without the objects that its clone has in common with others: those are ours and
/// no agent's. `None` where it holds more names than anybody counts, and is the one that fills the disk.
fn written(run: &Path) -> Option<Taken> {
    let agent = cage::agent_ids().map(|(uid, _)| uid);
    let mut own = Taken::default();
    let mut waiting = vec![run.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            let shared = found.nlink() > 1 && agent.is_some_and(|agent| agent != found.uid());
            if found.is_dir() {
                waiting.push(entry.path());
            } else if shared {
                continue;
            }
            own.bytes = own.bytes.saturating_add(found.blocks().saturating_mul(512));
            own.files += 1;
            if own.files > FILES_COUNTED_MAX {
                return None;
            }
        }
    }
    Some(own)
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
        let small = Taken {
            bytes: 3 * MB,
            files: 10,
        };
        let large = Taken {
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
    fn a_disk_that_gives_no_answer_has_no_room() {
        let none = Taken::default();
        let said = told(None, MB, none);
        assert_eq!(said.as_deref(), Some("its disk gives no answer within 2 s"));
        assert_eq!(told(Some(free(MB, 0, 0)), MB, none), None);
    }

    #[test]
    fn files_are_counted_where_the_file_system_counts_them() {
        let many = Taken {
            bytes: 0,
            files: 400,
        };
        let said = |files, files_all, checkout| judge(free(MB, files, files_all), MB, checkout);
        assert_eq!(said(0, 0, many), None, "no number, no limit");
        assert_eq!(said(100, 5_000, Taken::default()), None);
        assert_eq!(
            said(99, 5_000, Taken::default()).as_deref(),
            Some("99 files can still be made, 100 are wanted")
        );
        assert_eq!(
            said(799, 5_000, many).as_deref(),
            Some("799 files can still be made, 800 are wanted")
        );
    }
}
