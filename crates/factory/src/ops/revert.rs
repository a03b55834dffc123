//! Takes back what was merged for a task: a commit of the factory's own on top of all that is merged, which is measured, reviewed,
//! audited and merged like every other. History is never written anew.

use alai_core::ids::TaskId;
use alai_core::task::{self, NewTask, Task, TaskKind};
use alai_mission::{Handed, MergeKind, MergeRow, MergeState, Project};
use alai_workspace::git::{self, CommitText, Oid, Repo, Reverted};

use super::tasks::{fit, project_of};
use super::{Desk, OpError, OpErrorKind, Outcome};
use crate::integrate;

/// Paths of a conflict in a task's description; more say no more.
const PATHS_SHOWN: usize = 20;

pub(super) fn revert(desk: &Desk<'_>, task: TaskId, text: &str) -> Result<Outcome, OpError> {
    let text = task::check_description(text)?;
    let found = desk.mission.task(task)?;
    let row = merged(desk, &found)?;
    let project = project_of(desk, &found)?;
    let repo = integrate::open(&project).map_err(failed)?;
    let on = integrate::base_for(&repo, &project).map_err(failed)?;
    let (before, done) = (oid(&row.base)?, oid(&row.head)?);
    // Squashed or rebased where it was merged, its change is there and its commit is not.
    let there = git::is_ancestor(&repo, &done, &on).map_err(failed)?;
    let words = commit_text(&project, &found, &done, text.trim(), desk.now_ms);
    let mut next = task_for(desk, &found, text.trim());
    let reverted = git::revert(&repo, &before, &done, &on, &words).map_err(failed)?;
    let handed = match reverted {
        Reverted::Nothing if !there => {
            let message = format!(
                "{done}, the work of {task}, is no part of {} any more, and nothing of its change is there",
                project.target_branch
            );
            let hint = "somebody has moved the branches; there is nothing to revert";
            return Err(OpError::new(OpErrorKind::Failed, message, hint));
        }
        Reverted::Conflict(paths) if !there => {
            return Err(gone(&project, &found, (&before, &done), &paths));
        }
        Reverted::Nothing => {
            let message = format!("nothing of {task} is left to revert");
            let hint = format!("`alai mc show {}` has its history", task.0);
            return Err(OpError::new(OpErrorKind::Failed, message, &hint));
        }
        Reverted::Conflict(paths) => {
            by_hand(&mut next, &before, &done, &paths);
            None
        }
        Reverted::Commit(head) => {
            if !there {
                let paths = all_back(&repo, (&before, &done), &head)?;
                let paths =
                    paths.map_err(|kept| gone(&project, &found, (&before, &done), &kept))?;
                by_its_change(&mut next, &project, &done, &paths);
            }
            next.changes_tests = tests_of(&repo, &project, &on, &head)?;
            let keep = format!("refs/alai/handed/revert-{}-{head}", task.0);
            match git::update_ref(&repo, &keep, &head, None) {
                // Asked again after a crash: it is the same commit.
                Err(git::GitError::RefMoved { found, .. }) if found.as_ref() == Some(&head) => {}
                kept => kept.map_err(failed)?,
            }
            Some(Handed {
                base: on.to_string(),
                head: head.to_string(),
            })
        }
    };
    let by = desk.by.clone();
    let made = { desk.mission }.add_revert(task, next, handed, by, desk.now_ms)?;
    desk.outcome(made)
}

/// Its commit is not there, and what is there is not its change either: whether any of it is to be taken back nobody here can tell.
fn gone(
    project: &Project,
    found: &Task,
    (before, done): (&Oid, &Oid),
    paths: &[String],
) -> OpError {
    let shown: Vec<&str> = paths.iter().map(String::as_str).take(PATHS_SHOWN).collect();
    let message = format!(
        "{done}, the work of {}, is no part of {} any more: it was squashed, rebased or thrown away, and {} changed since",
        found.id,
        project.target_branch,
        shown.join(", ")
    );
    let hint = format!(
        "look for the commit that has it with `git log {}`, and `git revert` that; `git diff {before} {done}` is what it brought",
        project.target_branch
    );
    OpError::new(OpErrorKind::Failed, message, &hint)
}

/// The merge that is taken back.
fn merged(desk: &Desk<'_>, found: &Task) -> Result<MergeRow, OpError> {
    let rows = desk.mission.merges_of(found.id)?;
    let merged = rows
        .into_iter()
        .rfind(|row| row.kind == MergeKind::Integrate && row.state == MergeState::Merged);
    let Some(row) = merged else {
        let (message, hint) = match (found.kind, found.lineage) {
            (TaskKind::Goal, _) => (
                format!(
                    "{} is a goal; revert its tasks, the last merged one first",
                    found.id
                ),
                format!("`alai diff {0}` shows what its tasks brought", found.id.0),
            ),
            (_, Some(first)) => (
                format!(
                    "{} is a part of {first}, which is what was merged",
                    found.id
                ),
                format!("`alai revert {}`", first.0),
            ),
            (_, None) => (
                format!("nothing was merged for {}", found.id),
                format!("`alai why {}` says where it stands", found.id.0),
            ),
        };
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    };
    Ok(row)
}

fn commit_text(project: &Project, found: &Task, done: &Oid, why: &str, when_ms: i64) -> CommitText {
    let who = integrate::identity(project);
    let why = match why.is_empty() {
        true => String::new(),
        false => format!("\n{why}\n"),
    };
    CommitText {
        message: format!(
            "Revert \"{}\"\n\nThis takes back {done}, the work of {}.\n{why}\nReverts: {}\n",
            found.title, found.id, found.id
        ),
        author: who.clone(),
        committer: who,
        when_ms,
    }
}

/// The task that stands for it. It is a person's word about work that was allowed: what was cleared for that is cleared for this.
fn task_for(desk: &Desk<'_>, found: &Task, why: &str) -> NewTask {
    let mut next = NewTask::new(TaskKind::Build, fit(&format!("Revert: {}", found.title)));
    let why = match why.is_empty() {
        true => String::new(),
        false => format!(": {why}"),
    };
    next.description = format!(
        "{} asked to take back what was merged for {}{why}",
        desk.actor, found.id
    );
    next.parent = Some(found.id);
    next.project = found.project;
    next.priority = found.priority;
    next.tags = found.tags.clone();
    next.tags
        .retain(|tag| !["docs", "deploy"].contains(&tag.as_str()));
    next.company_pin = found.company_pin.clone();
    next.cleared = found.cleared.clone();
    next
}

/// What git cannot take back alone somebody does, with both sides before him.
fn by_hand(next: &mut NewTask, before: &Oid, done: &Oid, paths: &[String]) {
    next.description.push_str(&format!(
        "\n\nWhat was merged later touches the same lines of {}. Take back only what `git diff {before} {done}` brought, and \
         keep what came later.",
        named(paths)
    ));
    next.acceptance = vec!["what the reverted change brought is gone, and nothing else is".into()];
}

/// The paths that the work changed; the inner error names those that the revert leaves unlike they were before it. Without its commit nothing
/// tells what of such a file is the work's, and what came with the squash or after it.
fn all_back(
    repo: &Repo,
    (before, done): (&Oid, &Oid),
    head: &Oid,
) -> Result<Result<Vec<String>, Vec<String>>, OpError> {
    let mut changed = paths_of(git::diff(repo, before, done).map_err(failed)?);
    changed.sort();
    changed.dedup();
    let unlike = paths_of(git::diff(repo, before, head).map_err(failed)?);
    let kept: Vec<String> = { changed.iter() }
        .filter(|path| unlike.contains(path))
        .cloned()
        .collect();
    Ok(match kept.is_empty() {
        true => Ok(changed),
        false => Err(kept),
    })
}

/// Whoever reviews it learns that no commit vouches for what is taken back.
fn by_its_change(next: &mut NewTask, project: &Project, done: &Oid, paths: &[String]) {
    next.description.push_str(&format!(
        "\n\n{done} itself is no part of {}: it was squashed or rebased where it was merged, or somebody made the same change. It is taken \
         back by what it changed: {} {} as before it.",
        project.target_branch,
        named(paths),
        match paths.len() {
            1 => "is",
            _ => "are",
        }
    ));
}

fn named(paths: &[String]) -> String {
    let shown: Vec<&str> = paths.iter().map(String::as_str).take(PATHS_SHOWN).collect();
    let more = match paths.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("`{}`{more}", shown.join("`, `"))
}

/// Tests that the revert changes: a person asked for it, and the gate's verdict names them.
fn tests_of(repo: &Repo, project: &Project, on: &Oid, head: &Oid) -> Result<Vec<String>, OpError> {
    let test = project.settings.test.as_deref().unwrap_or_default();
    let touched = paths_of(git::diff(repo, on, head).map_err(failed)?);
    Ok({ touched.into_iter() }
        .map(|path| alai_gate::pattern_of(&path))
        .filter(|path| alai_gate::no_test(std::slice::from_ref(path), test).is_none())
        .collect())
}

/// Every path of a difference; of what was renamed both.
fn paths_of(diff: git::Diff) -> Vec<String> {
    let paths = diff.files.into_iter().flat_map(|file| match file.status {
        git::ChangeStatus::Renamed { from } => vec![from, file.path],
        git::ChangeStatus::Added
        | git::ChangeStatus::Modified
        | git::ChangeStatus::Deleted
        | git::ChangeStatus::TypeChanged => vec![file.path],
    });
    paths.collect()
}

fn oid(text: &str) -> Result<Oid, OpError> {
    text.parse().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> OpError {
    OpError::new(OpErrorKind::Failed, error.to_string(), "")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use alai_testkit::git as commits;

    /// A squash may bring more into a file than the work did, on lines of its own: git takes the work's lines out without a conflict.
    #[test]
    fn what_a_revert_leaves_of_a_path_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("count"), "").expect("written");
        commits::init_repo(dir.path()).expect("a repository");
        let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n");
        let commit = |text: &str, message: &str| {
            fs::write(dir.path().join("count"), text).expect("written");
            let made = commits::commit_all(dir.path(), message).expect("a commit");
            made.parse::<Oid>().expect("an id")
        };
        let before = commit(&lines("1", "9"), "Before");
        let done = commit(&lines("one", "9"), "Work");
        let more = commit(&lines("one", "nine"), "More");
        let back = commit(&lines("1", "nine"), "A part");
        let all = commit(&lines("1", "9"), "All of it");
        let repo = git::open(dir.path()).expect("it is one");
        let kept = |head: &Oid| all_back(&repo, (&before, &done), head).expect("compared");
        let path = vec!["count".to_owned()];
        assert_eq!(kept(&all), Ok(path.clone()));
        assert_eq!(kept(&back), Err(path.clone()));
        assert_eq!(kept(&more), Err(path));
    }
}
