//! What people do themselves: take a task, hand a commit in, block, send back.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::pipeline::{HUMAN_WAIT_MS, lineage};
use alai_core::task::{self, Need, NewTask, State, Task, TaskKind, Until, WaitReason, Waiting};
use alai_mission::Handed;
use alai_workspace::git;

use super::tasks::{fit, project_of, rail};
use super::{Desk, OpError, OpErrorKind, Outcome};
use crate::integrate;

/// How long a person may keep a task that he has taken: as long as anybody is waited for.
const PERSON_LEASE_MS: i64 = HUMAN_WAIT_MS;

/// Where a commit that was handed in is kept, whatever becomes of its branch.
fn handed_ref(task: TaskId, head: &git::Oid) -> String {
    format!("refs/alai/handed/{}-{head}", task.0)
}

pub(super) fn claim(desk: &Desk<'_>, task: TaskId) -> Result<Outcome, OpError> {
    if desk.mission.task(task)?.kind == TaskKind::Goal {
        let hint = format!(
            "`alai mc list` shows its tasks, `alai why {}` what is next",
            task.0
        );
        let message = "a goal is no work of its own; take one of its tasks";
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    let state = desk
        .mission
        .take(task, PERSON_LEASE_MS, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Task { task, state })
}

pub(super) fn ready(desk: &Desk<'_>, task: TaskId, head: Option<&str>) -> Result<Outcome, OpError> {
    let found = desk.mission.task(task)?;
    let handed = match (found.project, head) {
        (Some(_), Some(head)) if found.kind.changes_code() => Some(commit(desk, &found, head)?),
        (Some(_), None) if found.kind.changes_code() => {
            let hint = format!("`alai mc ready {} --head COMMIT`", task.0);
            let message = "which commit is ready? The gate measures it like an agent's";
            return Err(OpError::new(OpErrorKind::Usage, message, &hint));
        }
        (_, Some(_)) => {
            let message = format!("{task} has no code to measure, so it takes no commit");
            return Err(OpError::new(OpErrorKind::Usage, message, ""));
        }
        (_, None) => None,
    };
    let state = desk
        .mission
        .hand_in(task, handed, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Task { task, state })
}

/// The commit that a person names, and what it is measured against: where it left the merged work.
fn commit(desk: &Desk<'_>, found: &Task, head: &str) -> Result<Handed, OpError> {
    let project = project_of(desk, found)?;
    let fail = |e: &dyn std::fmt::Display| OpError::new(OpErrorKind::Failed, e.to_string(), "");
    let repo = integrate::open(&project).map_err(|e| fail(&e))?;
    let named = git::resolve(&repo, &format!("{head}^{{commit}}")).map_err(|e| fail(&e))?;
    let Some(head) = named else {
        let message = format!("`{head}` is no commit of {}", project.name);
        return Err(OpError::new(
            OpErrorKind::NotFound,
            message,
            "commit your work, then name the commit or its branch",
        ));
    };
    let tip = integrate::base_for(&repo, &project).map_err(|e| fail(&e))?;
    let base = git::merge_base(&repo, &tip, &head).map_err(|e| fail(&e))?;
    let Some(base) = base else {
        let message = format!(
            "{head} has no history in common with {}",
            project.target_branch
        );
        return Err(OpError::new(OpErrorKind::Usage, message, ""));
    };
    if base == head {
        let message = format!("{head} is merged already: there is nothing to measure");
        return Err(OpError::new(
            OpErrorKind::Usage,
            message,
            "commit your work first",
        ));
    }
    git::update_ref(&repo, &handed_ref(found.id, &head), &head, None).map_err(|e| fail(&e))?;
    Ok(Handed {
        base: base.to_string(),
        head: head.to_string(),
    })
}

pub(super) fn block(
    desk: &Desk<'_>,
    task: TaskId,
    text: &str,
    on: Vec<TaskId>,
) -> Result<Outcome, OpError> {
    let text = task::check_description(text)?;
    if text.trim().is_empty() && on.is_empty() {
        let hint = format!(
            "`alai mc block {0} \"REASON\"` or `alai mc block {0} --on ID`",
            task.0
        );
        let message = "say what it waits for: a reason, or the tasks that it needs";
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    if desk.mission.task(task)?.kind == TaskKind::Goal {
        let hint = format!(
            "`alai mc list` shows its tasks; `alai mc pause {}` stops all of it",
            task.0
        );
        let message = "a goal is no work of its own; block one of its tasks";
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    let needs = on
        .into_iter()
        .map(|task| Need {
            task,
            until: Until::Integrated,
        })
        .collect();
    let waiting = (!text.trim().is_empty()).then(|| Waiting {
        reason: WaitReason::Blocked,
        owner: desk.config.operator.clone(),
        deadline_ms: desk.now_ms + HUMAN_WAIT_MS,
        next_action: format!(
            "when that is settled: `alai mc answer {0} \"what was decided\"`; or `alai mc cancel {0}`",
            task.0
        ),
        detail: format!("{} says: {}", desk.actor, text.trim()),
    });
    let state = desk
        .mission
        .block(task, waiting, needs, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Task { task, state })
}

pub(super) fn reject(desk: &Desk<'_>, task: TaskId, text: &str) -> Result<Outcome, OpError> {
    let text = task::check_description(text)?;
    if text.trim().is_empty() {
        let hint = format!("`alai mc reject {} \"WHAT IS WRONG\"`", task.0);
        let message = "say what is wrong: whoever does it again reads it";
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    let found = desk.mission.task(task)?;
    let waits = found.waiting.as_ref().map(|w| w.reason);
    let merged = match waits {
        Some(reason) => found.kind == TaskKind::Goal && reason == WaitReason::Approval,
        None => {
            found.state == State::Done
                && found.goal.is_none()
                && lineage(&found) == task
                && found.integrated.is_some()
        }
    };
    if merged {
        let made = desk.mission.reject_merged(
            task,
            rework(desk, &found, text.trim()),
            text.trim().to_owned(),
            desk.by.clone(),
            desk.now_ms,
        )?;
        return desk.outcome(made);
    }
    if waits == Some(WaitReason::Safety) {
        let message = format!("{task} waits at a safety rail: it is cleared or cancelled");
        let hint = found.waiting.map(|w| w.next_action).unwrap_or_default();
        return Err(OpError::new(OpErrorKind::Failed, message, &hint));
    }
    let state = desk
        .mission
        .act(task, Event::Reject, text, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Task { task, state })
}

/// The task that does again what was merged and is not wanted. It starts from all that is merged.
fn rework(desk: &Desk<'_>, found: &Task, text: &str) -> NewTask {
    let mut next = NewTask::new(TaskKind::Build, fit(&format!("Rework: {}", found.title)));
    next.description = format!(
        "{}\n\nWhat was merged for {} was sent back by {}: {text}",
        found.description, found.id, desk.actor
    );
    next.goal = match found.kind {
        TaskKind::Goal => Some(found.id),
        TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => None,
    };
    next.parent = Some(found.id);
    next.project = found.project;
    next.priority = found.priority;
    next.tags = found.tags.clone();
    next.acceptance = found.acceptance.clone();
    next.checks = found.checks.clone();
    next.changes_tests = found.changes_tests.clone();
    next.cleared = found.cleared.clone();
    // What a person chose for it holds for doing it again: the company that has the blueprint, and what it was given.
    if found.blueprint.is_some() {
        next.company_pin = found.company_pin.clone();
        next.blueprint = found.blueprint.clone();
        next.inputs = found.inputs.clone();
    }
    next.findings = vec![format!("{} rejects: {text}", desk.actor)];
    next.waiting = rail(desk, &next.title, &next.description).filter(|rail| {
        !next
            .cleared
            .iter()
            .any(|c| rail.detail.starts_with(c.as_str()))
    });
    next
}
