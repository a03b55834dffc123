//! People work on the same repository: what they did on the target branch is taken over into `alai/integration` before a run starts
//! from it and before anything is merged. Their commits are never rewritten, and what cannot be joined becomes a task that has
//! both sides.

use std::sync::{Arc, PoisonError};

use alai_core::ids::{ProjectId, TaskId};
use alai_core::overlap::SYNC_TAG;
use alai_core::task::{NewTask, Priority, Task, TaskKind, WaitReason};
use alai_mission::{Filter, Project, SyncEnd};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, CommitText, Merged, Oid, Repo};

use crate::beat::Factory;
use crate::integrate::{self, INTEGRATION_BRANCH, IntegrateError};
use crate::ops::{OpError, OpErrorKind};
use crate::remote;
use crate::sides;

/// Files in conflict that are named.
const PATHS_SHOWN: usize = 20;

/// What work starts from and is merged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ground {
    /// All that is merged, with what people did.
    pub(crate) ours: Oid,
    /// Where the integration branch stands; none where there is none yet.
    pub(crate) at: Option<Oid>,
}

/// How it ended for a person who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Synced {
    /// The integration branch has all of the target.
    Holds,
    /// It was taken over just now, as this commit.
    TakenOver(String),
    /// Both changed the same lines: this task joins them.
    Conflict { task: TaskId, words: String },
    /// Why not, and what to do.
    Refused(String),
}

/// Takes over what people did on the target branch. The caller holds [`Factory::moving`].
///
/// # Errors
/// [`IntegrateError::Joining`] where both changed the same lines, with the task that joins them; [`IntegrateError::PeopleRed`] where
/// tests are red together. Nothing is moved then.
pub(crate) fn take_over(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    cancel: &Cancel,
) -> Result<Ground, IntegrateError> {
    let (target, at) = integrate::tips_of(repo, project)?;
    let Some(tip) = at else {
        return Ok(Ground {
            ours: target,
            at: None,
        });
    };
    let words = text(repo, project, &target, &tip)?;
    match git::merge(repo, &tip, &target, &words)? {
        Merged::AlreadyMerged(ours) | Merged::FastForward(ours) => Ok(Ground {
            ours,
            at: Some(tip),
        }),
        Merged::Commit(joined) => {
            let red = integrate::red_tests(factory, repo, project, &tip, &joined, cancel)?;
            if !red.is_empty() {
                return Err(IntegrateError::PeopleRed {
                    branch: project.target_branch.clone(),
                    red: red.join("; "),
                });
            }
            let said = format!(
                "{} ({target}) taken over as {joined}",
                project.target_branch
            );
            let mission = factory.mission();
            mission.note_sync(project.id, SyncEnd::Over, &said, factory.now_ms())?;
            git::move_branch(repo, INTEGRATION_BRANCH, &joined, &tip)?;
            Ok(Ground {
                ours: joined.clone(),
                at: Some(joined),
            })
        }
        Merged::Conflict(paths) => Err(conflict(factory, repo, project, &target, &tip, &paths)?),
    }
}

/// The same before a run begins: nothing of what goes wrong keeps it from the ground that there is.
pub(crate) fn before_run(factory: &Arc<Factory>, repo: &Repo, project: &Project, cancel: &Cancel) {
    remote::before(factory, project);
    match is_due(repo, project) {
        Ok(None) => return,
        Ok(Some(_)) => {}
        Err(e) => return tracing::warn!("{}: {e}", project.name),
    }
    let _moving = factory
        .moving()
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Err(e) = take_over(factory, repo, project, cancel) {
        tracing::warn!(
            "{}: a run begins without what people did: {e}",
            project.name
        );
    }
}

/// Both tips, where the target has something that the integration branch lacks, and the other way round.
fn is_due(repo: &Repo, project: &Project) -> Result<Option<(Oid, Oid)>, IntegrateError> {
    let (target, Some(tip)) = integrate::tips_of(repo, project)? else {
        return Ok(None);
    };
    let apart = !git::is_ancestor(repo, &target, &tip)? && !git::is_ancestor(repo, &tip, &target)?;
    Ok(apart.then_some((target, tip)))
}

/// Whether the target branch has nothing that `alai/integration` lacks, or is ahead of it.
///
/// # Errors
/// When the repository cannot be read.
pub fn holds(project: &Project) -> Result<bool, OpError> {
    let failed = |e: IntegrateError| OpError::new(OpErrorKind::Failed, e, "");
    let repo = integrate::open(project).map_err(failed)?;
    Ok(is_due(&repo, project).map_err(failed)?.is_none())
}

/// What a beat looks at: the projects whose branches have parted since it was tried last, with both tips.
pub(crate) fn due(factory: &Factory) -> Vec<(Project, (Oid, Oid))> {
    factory.try_what_is_asked();
    let Ok(projects) = factory.mission().projects() else {
        return Vec::new();
    };
    let parted = |project: &Project| {
        let tried = factory.tried(project.id);
        // A beat comes every few seconds, and a repository is opened only when a branch of it has moved.
        if let Some([target, integration]) = integrate::glance(project)
            && target
                .zip(integration)
                .is_none_or(|tips| tried.as_ref() == Some(&tips))
        {
            return None;
        }
        let repo = integrate::open(project).ok()?;
        let tips = integrate::tips_of(&repo, project).ok()?;
        let tips = (tips.0, tips.1?);
        if tried.as_ref() == Some(&tips) {
            return None;
        }
        let due = is_due(&repo, project).ok()?;
        if due.is_none() {
            factory.has_tried(project.id, tips);
        }
        due
    };
    projects
        .into_iter()
        .filter_map(|project| parted(&project).map(|tips| (project, tips)))
        .collect()
}

/// Takes over what is due, each once: what failed is tried again when a branch has moved, when a run begins or when a person asks.
pub(crate) fn look(factory: &Arc<Factory>, cancel: &Cancel) {
    for (project, tips) in due(factory) {
        if cancel.is_cancelled() {
            return;
        }
        factory.has_tried(project.id, tips);
        let Err(e) = now(factory, &project, cancel) else {
            continue;
        };
        tracing::warn!("{}: {e}", project.name);
        let (mission, why) = (factory.mission(), e.to_string());
        let noted = mission.note_sync(project.id, SyncEnd::Refused, &why, factory.now_ms());
        if let Err(e) = noted {
            tracing::warn!("{}: {e}", project.name);
        }
    }
}

/// Takes over what people did on a project's target branch.
///
/// # Errors
/// When the repository or the store fails.
pub(crate) fn now(
    factory: &Arc<Factory>,
    project: &Project,
    cancel: &Cancel,
) -> Result<Synced, IntegrateError> {
    let repo = integrate::open(project)?;
    if is_due(&repo, project)?.is_none() {
        return Ok(Synced::Holds);
    }
    let taken = {
        let _moving = factory
            .moving()
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        take_over(factory, &repo, project, cancel)
    };
    match taken {
        Ok(ground) => Ok(Synced::TakenOver(ground.ours.to_string())),
        Err(e @ IntegrateError::Joining { task, made, .. }) => {
            let words = e.to_string();
            // Whoever asked reads the notes: one of before he asked tells him nothing.
            if !made {
                let mission = factory.mission();
                mission.note_sync(project.id, SyncEnd::Refused, &words, factory.now_ms())?;
            }
            Ok(Synced::Conflict { task, words })
        }
        Err(e @ (IntegrateError::PeopleRed { .. } | IntegrateError::PeopleConflict { .. })) => {
            let words = e.to_string();
            let mission = factory.mission();
            mission.note_sync(project.id, SyncEnd::Refused, &words, factory.now_ms())?;
            Ok(Synced::Refused(words))
        }
        Err(e) => Err(e),
    }
}

/// Makes the task that joins both sides, unless one is at work; once for the same two commits.
pub(crate) fn conflict(
    factory: &Arc<Factory>,
    repo: &Repo,
    project: &Project,
    target: &Oid,
    tip: &Oid,
    paths: &[String],
) -> Result<IntegrateError, IntegrateError> {
    let by_people = || IntegrateError::PeopleConflict {
        branch: project.target_branch.clone(),
        paths: paths.join(", "),
    };
    // Whoever works on one task alone makes no other one, which nobody would begin.
    if factory.only().is_some() {
        return Ok(by_people());
    }
    let joining = |task, made| IntegrateError::Joining {
        branch: project.target_branch.clone(),
        paths: paths.join(", "),
        task,
        made,
    };
    if let Some(task) = at_work(factory, repo, project.id)? {
        return Ok(joining(task, false));
    }
    let both = git::side_by_side(repo, tip, target, &text(repo, project, target, tip)?)?;
    match git::update_ref(repo, &format!("refs/alai/sync/{both}"), &both, None) {
        // Made before a crash.
        Err(git::GitError::RefMoved { found, .. }) if found.as_ref() == Some(&both) => {}
        kept => kept?,
    }
    let mut task = NewTask::new(
        TaskKind::Build,
        format!(
            "Join {} with what is merged: {} file(s) in conflict",
            project.target_branch,
            paths.len()
        ),
    );
    task.description = described(repo, project, target, tip, paths)?;
    task.acceptance = vec!["what either side changed in these files is there".into()];
    task.priority = Priority::High;
    task.tags = vec![SYNC_TAG.into()];
    task.project = Some(project.id);
    task.base = Some(both.to_string());
    task.start_from = Some(both.to_string());
    let key = format!("sync-{}-{tip}-{target}", project.id.0);
    let mission = factory.mission();
    let made = mission.add(task, Some(key), "factory", factory.now_ms())?;
    // The same two sides were given to somebody before, who could not join them.
    if mission.task(made)?.state.terminal() {
        return Ok(by_people());
    }
    let said = joining(made, true).to_string();
    mission.note_sync(project.id, SyncEnd::Refused, &said, factory.now_ms())?;
    Ok(joining(made, true))
}

/// The project's task that joins both sides, from its first run to its merge.
///
/// A tag is a word of anybody's title. What [`conflict`] made begins at a commit of both sides that a ref of the factory's own keeps.
fn at_work(
    factory: &Factory,
    repo: &Repo,
    project: ProjectId,
) -> Result<Option<TaskId>, IntegrateError> {
    let mission = factory.mission();
    let all = mission.tasks(&Filter {
        project: Some(project),
        tag: Some(SYNC_TAG.into()),
        kind: Some(TaskKind::Build),
        ended: true,
        ..Filter::default()
    })?;
    for task in all.iter().filter(|task| task.lineage.is_none()) {
        if !joins(repo, task)? {
            continue;
        }
        let queued = mission
            .merges_of(task.id)?
            .iter()
            .any(|row| row.state == alai_mission::MergeState::Queued);
        if queued || mission.lineage_lives(task.id)? {
            return Ok(Some(task.id));
        }
    }
    Ok(None)
}

/// Whether a task is one that [`conflict`] made.
fn joins(repo: &Repo, task: &Task) -> Result<bool, IntegrateError> {
    match &task.base {
        Some(base) if task.tags.iter().any(|tag| tag == SYNC_TAG) => {
            Ok(git::resolve(repo, &format!("refs/alai/sync/{base}"))?.is_some())
        }
        Some(_) | None => Ok(false),
    }
}

/// Whether the policy moves the target branch when this lineage is merged. What joins both sides holds all that is merged: where
/// that is a part of a goal that is still at work, the goal's own delivery brings it.
pub(crate) fn delivers(
    factory: &Factory,
    project: &Project,
    lineage: TaskId,
) -> Result<bool, IntegrateError> {
    let mission = factory.mission();
    let task = mission.task(lineage)?;
    // Nearly every other one has no such tag, and no repository is opened for it.
    if !task.tags.iter().any(|tag| tag == SYNC_TAG) || !joins(&integrate::open(project)?, &task)? {
        return Ok(true);
    }
    let merged = mission.tasks(&Filter {
        project: Some(project.id),
        ended: true,
        ..Filter::default()
    })?;
    for task in merged.iter().filter(|task| task.integrated.is_some()) {
        let Some(goal) = task.goal else { continue };
        let goal = mission.task(goal)?;
        let waits = goal.waiting.as_ref().map(|waiting| waiting.reason);
        if !goal.state.terminal() && waits != Some(WaitReason::Approval) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the factory says of taking over. Its time is that of the newer side, so that a retry makes the same commit.
fn text(
    repo: &Repo,
    project: &Project,
    target: &Oid,
    tip: &Oid,
) -> Result<CommitText, IntegrateError> {
    let when_ms = git::committed_ms(repo, target)?.max(git::committed_ms(repo, tip)?);
    Ok(integrate::sync_text(project, when_ms))
}

fn described(
    repo: &Repo,
    project: &Project,
    target: &Oid,
    tip: &Oid,
    paths: &[String],
) -> Result<String, IntegrateError> {
    let branch = &project.target_branch;
    let shown: Vec<&str> = paths.iter().map(String::as_str).take(PATHS_SHOWN).collect();
    let base = git::merge_base(repo, tip, target)?.unwrap_or_else(|| target.clone());
    let side = |to: &Oid| sides::side(repo, &base, to, paths);
    Ok(format!(
        "People changed {branch} while the factory merged its own work, and both changed the same lines of `{}`. The tree before you has \
         both histories; these files stand there as {branch} has them. Bring in again what the merged work changed in them, and keep what \
         people did.\n\nWhat the merged work changed ({base}..{tip}):\n\n{}\n\nWhat people changed \
         ({base}..{target}):\n\n{}",
        shown.join("`, `"),
        side(tip),
        side(target)
    ))
}
