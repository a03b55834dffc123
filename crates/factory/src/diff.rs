//! What an approval would move: what merged work has and the target branch has not.

use alai_core::ids::TaskId;
use alai_core::task::{Task, TaskKind};
use alai_mission::Reader;
use alai_workspace::git::{self, CommitLine, Diff, Oid, Repo};

use crate::integrate;
use crate::ops::{OpError, OpErrorKind};

/// What would be moved, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldMove {
    /// The task or goal whose approval moves it.
    pub by: TaskId,
    pub target: String,
    /// Where the target branch stands.
    pub from: Oid,
    /// The commit that it would have afterwards, beside what people did on it meanwhile.
    pub to: Oid,
    pub stage: Stage,
    /// Newest first; none when the target has all of it.
    pub commits: Vec<CommitLine>,
    /// Against where both histories part, as an approval brings it: what people did is no part of it.
    pub diff: Diff,
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// An approval, or the project's policy, moves it.
    Merged,
    /// A commit is there, and its gate, its review or its merge is still to come: nothing moves it yet.
    Unmerged,
}

/// What `task` has that its project's target branch has not.
///
/// # Errors
/// When there is no such task, no commit of it, or its repository cannot be read.
pub fn of(reader: &Reader, task: TaskId) -> Result<WouldMove, OpError> {
    let found = reader.task(task)?;
    let nothing = |message: String| {
        let hint = format!("`alai why {}` says where it stands", task.0);
        OpError::new(OpErrorKind::NotFound, message, &hint)
    };
    let Some(project) = found.project else {
        return Err(nothing(format!("{task} has no project, so it has no code")));
    };
    let project = reader.project(project)?;
    let repo = integrate::open(&project).map_err(failed)?;
    let (from, tip) = integrate::tips(&project).map_err(failed)?;
    let (stage, to) = match found.kind {
        TaskKind::Goal => match tip {
            Some(tip) => (Stage::Merged, tip),
            None => return Err(nothing(format!("nothing was merged for {task} yet"))),
        },
        TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Verify
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => match commit_of(reader, &repo, &found)? {
            Some(commit) => commit,
            None => return Err(nothing(format!("{task} has no commit yet"))),
        },
    };
    let base = git::merge_base(&repo, &from, &to).map_err(failed)?;
    let Some(base) = base else {
        let message = format!(
            "{to} has no history in common with {}",
            project.target_branch
        );
        return Err(OpError::new(OpErrorKind::Failed, message, ""));
    };
    Ok(WouldMove {
        by: found.goal.unwrap_or(task),
        target: project.target_branch,
        commits: git::commits(&repo, &from, &to).map_err(failed)?,
        diff: git::diff(&repo, &base, &to).map_err(failed)?,
        from,
        to,
        stage,
    })
}

/// The commit of a task: as it was merged, else as it was measured or handed in.
fn commit_of(reader: &Reader, repo: &Repo, found: &Task) -> Result<Option<(Stage, Oid)>, OpError> {
    if let Some(commit) = &found.integrated {
        return Ok(Some((Stage::Merged, commit.parse().map_err(failed)?)));
    }
    if let Some(commit) = found.head.as_ref().or(found.handed.as_ref()) {
        return Ok(Some((Stage::Unmerged, commit.parse().map_err(failed)?)));
    }
    // What a run at work has brought home so far.
    for run in reader.runs_of(found.id)?.iter().rev() {
        let brought = git::resolve(repo, &crate::work::work_ref(&run.id)).map_err(failed)?;
        if let Some(commit) = brought {
            return Ok(Some((Stage::Unmerged, commit)));
        }
    }
    Ok(None)
}

fn failed(error: impl std::fmt::Display) -> OpError {
    OpError::new(OpErrorKind::Failed, error.to_string(), "")
}
