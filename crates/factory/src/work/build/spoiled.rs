//! A clone that its agent has spoiled: nothing can be taken from it, and that is the agent's doing and no machine's.

use std::path::Path;

use alai_core::pipeline::{Ended, Failure};
use alai_core::qa::{self, Check, CheckResult, Measurement};
use alai_minion::{ExitStatus, NotSeen, RunReport};
use alai_workspace::clone::ImportError;
use alai_workspace::git::{self, Oid};

use super::Job;
use super::words::shown;
use crate::evidence::{Author, Said};
use crate::run::RunError;

/// The commit that came home; inside, what the agent did to its clone so that none could come. `full` measures the disk.
///
/// # Errors
/// What the machine did: a disk, a cage, a kill, a clone that is gone altogether, a run that was called off. A run that seems to
/// have ended of its machine is no excuse: where the clone is spoiled, its own git fails in the cage too, and no kill of a git
/// leaves such a clone.
pub(super) fn or_why(
    imported: Result<Oid, ImportError>,
    clone: &Path,
    report: &RunReport,
    full: impl Fn() -> bool,
) -> Result<Result<Oid, String>, RunError> {
    imported.map(Ok).or_else(|e| match why(&e, clone, full) {
        Some(why) if report.status != ExitStatus::Cancelled => Ok(Err(why)),
        Some(_) | None => Err(RunError::infra(e)),
    })
}

/// The same while the run goes on, for a step that waits for its work to be looked at.
pub(super) fn unseen(error: &ImportError, clone: &Path, full: impl Fn() -> bool) -> NotSeen {
    match why(error, clone, full) {
        Some(why) => NotSeen::Spoiled(format!("your clone cannot be read: {why}")),
        None => NotSeen::Machine(error.to_string()),
    }
}

/// What git says of a full disk. An agent can make its git say so too: it counts where we find the disk full ourselves.
const OF_THE_DISK: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// What git says when the machine stopped it and not what it read. An agent that makes its git say so gains the attempts that a
/// broken machine has, and no others.
const OF_THE_MACHINE: [&str; 2] = ["Input/output error", "Resource temporarily unavailable"];

fn why(error: &ImportError, clone: &Path, full: impl Fn() -> bool) -> Option<String> {
    let why = match error {
        // The clone's own folder is the cage's mount: an agent cannot have taken it away.
        ImportError::NotOurClone { .. } if !clone.is_dir() => return None,
        ImportError::NotOurClone { reason, .. } => (*reason).to_owned(),
        ImportError::NoSuchRef { reason, .. } => format!("its branch cannot be read: {reason}"),
        ImportError::Packing { reason, .. } => format!("git could not pack its branch: {reason}"),
        ImportError::Refused { reason, .. } => format!("what it hands out is refused: {reason}"),
        // Of what one run may bring in all its imports, not of a disk: it is the same on every machine.
        ImportError::NoRoom { .. } => {
            return Some(format!(
                "the run's commits are too large: {error}. Commit what the task needs, and nothing that a build makes"
            ));
        }
        ImportError::BadTarget { .. }
        | ImportError::Stopped { .. }
        | ImportError::Cage(_)
        | ImportError::Git(_)
        | ImportError::File(_) => return None,
    };
    let says = |all: &[&str]| all.iter().any(|words| why.contains(words));
    if says(&OF_THE_MACHINE) || (says(&OF_THE_DISK) && full()) {
        return None;
    }
    // The reason holds words of the agent's own git.
    let why = alai_minion::redact(&why);
    Some(format!(
        "nothing can be taken from the clone: {why}. Leave its `.git` as it was made, and commit on its branch"
    ))
}

impl Job<'_> {
    /// Seals what was recorded of the run, about the commit that it began with: it handed in none.
    pub(super) fn spoiled(
        &self,
        report: &RunReport,
        trajectory: &Path,
        why: String,
    ) -> Result<Ended, RunError> {
        let diff = git::diff(self.repo, self.base, self.start).map_err(RunError::infra)?;
        let said = Said {
            gotcha: report.gotcha.clone(),
            report: serde_json::to_value(report).map_err(RunError::infra)?,
            commands: report.commands.clone(),
            patch: shown(&diff),
            trajectory: Some(trajectory.to_path_buf()),
            author: Some(Author {
                run: self.claim.fence.run.clone(),
                model: self.desk.chosen.model.clone(),
                mode: self.desk.mode(),
            }),
            ..Said::default()
        };
        let measured = Measurement {
            check: Check::CriteriaMet,
            result: CheckResult::Fail,
            detail: why.clone(),
        };
        self.seal(&said, self.start, |complete| {
            qa::judge_all(vec![measured, complete])
        })?;
        let quality = || Failure::quality(vec![why]);
        Ok(Ended::Failed {
            failure: self.command_rail(report).unwrap_or_else(quality),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_full_disk_a_kill_and_a_clone_that_is_gone_are_not_the_agents_doing() {
        let dir = tempfile::tempdir().expect("a folder");
        let (clone, gone) = (dir.path().to_path_buf(), dir.path().join("gone"));
        let packing = |reason: &str| ImportError::Packing {
            clone: PathBuf::new(),
            clone_ref: "refs/heads/minion/x".into(),
            reason: reason.into(),
        };
        let refused = |reason: &str| ImportError::Refused {
            clone: PathBuf::new(),
            reason: reason.into(),
        };
        let replaced = ImportError::NotOurClone {
            clone: PathBuf::new(),
            reason: "its .git is not a folder",
        };
        let stopped = ImportError::Stopped {
            clone: PathBuf::new(),
            why: "signal 9".into(),
        };
        let disk = packing("fatal: write error: No space left on device");
        let quota = refused("it is not complete: Disk quota exceeded");
        let large = ImportError::NoRoom {
            clone: PathBuf::new(),
            bytes: 2,
            spent: 1,
        };
        for (error, clone, full, is_the_agents) in [
            (&packing("exit 128 (fatal: bad object)"), &clone, true, true),
            (
                &refused("its pack does not hold the tip"),
                &clone,
                true,
                true,
            ),
            (&replaced, &clone, true, true),
            (&replaced, &gone, false, false),
            (&stopped, &clone, false, false),
            (&disk, &clone, true, false),
            (&quota, &clone, true, false),
            // Its words alone are an agent's.
            (&disk, &clone, false, true),
            (&quota, &clone, false, true),
            (&large, &clone, true, true),
        ] {
            assert_eq!(
                why(error, clone, || full).is_some(),
                is_the_agents,
                "{error}"
            );
        }
    }
}
