//! A clone that its agent has spoiled: nothing can be taken from it, and that is the agent's doing and no machine's.

use std::path::Path;

use alai_core::pipeline::{Ended, Failure};
use alai_core::qa::{self, Check, CheckResult, Measurement};
use alai_minion::{ExitStatus, RunReport};
use alai_workspace::clone::ImportError;
use alai_workspace::git::{self, Oid};

use super::Job;
use super::words::shown;
use crate::evidence::{Author, Said};
use crate::run::RunError;

/// The commit that came home; inside, what the agent did to its clone so that none could come.
///
/// # Errors
/// What the machine did: a disk, a cage, a kill, a clone that is gone altogether, a run that was called off. A run that seems to
/// have ended of its machine is no excuse: where the clone is spoiled, its own git fails in the cage too, and no kill of a git
/// leaves such a clone.
pub(super) fn or_why(
    imported: Result<Oid, ImportError>,
    clone: &Path,
    report: &RunReport,
) -> Result<Result<Oid, String>, RunError> {
    imported.map(Ok).or_else(|e| match why(&e, clone) {
        Some(why) if report.status != ExitStatus::Cancelled => Ok(Err(why)),
        Some(_) | None => Err(RunError::infra(e)),
    })
}

/// What git says when the machine stopped it and not what it read. An agent that makes its git say so gains the attempts that a
/// broken machine has, and no others.
const OF_THE_MACHINE: [&str; 4] = [
    "No space left on device",
    "Disk quota exceeded",
    "Input/output error",
    "Resource temporarily unavailable",
];

fn why(error: &ImportError, clone: &Path) -> Option<String> {
    let why = match error {
        // The clone's own folder is the cage's mount: an agent cannot have taken it away.
        ImportError::NotOurClone { .. } if !clone.is_dir() => return None,
        ImportError::NotOurClone { reason, .. } => (*reason).to_owned(),
        ImportError::NoSuchRef { reason, .. } => format!("its branch cannot be read: {reason}"),
        ImportError::Packing { reason, .. } => format!("git could not pack its branch: {reason}"),
        ImportError::Refused { reason, .. } => format!("what it hands out is refused: {reason}"),
        ImportError::BadTarget { .. }
        | ImportError::NoRoom { .. }
        | ImportError::Stopped { .. }
        | ImportError::Cage(_)
        | ImportError::Git(_)
        | ImportError::File(_) => return None,
    };
    if OF_THE_MACHINE.iter().any(|words| why.contains(words)) {
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
        };
        let measured = Measurement {
            check: Check::CriteriaMet,
            result: CheckResult::Fail,
            detail: why.clone(),
        };
        self.seal(&said, self.start, |complete| {
            qa::judge_all(vec![measured, complete])
        })?;
        let quality = || Failure::Quality {
            findings: vec![why],
        };
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
        for (error, clone, is_the_agents) in [
            (&packing("exit 128 (fatal: bad object)"), &clone, true),
            (&refused("its pack does not hold the tip"), &clone, true),
            (&replaced, &clone, true),
            (&replaced, &gone, false),
            (&stopped, &clone, false),
            (
                &packing("fatal: write error: No space left on device"),
                &clone,
                false,
            ),
            (
                &refused("it is not complete: Disk quota exceeded"),
                &clone,
                false,
            ),
        ] {
            assert_eq!(why(error, clone).is_some(), is_the_agents, "{error}");
        }
    }
}
