//! A person moves a line of work on: what the engine would do next, or one successor by his hand. Both stand in the task's
//! history.

use alai_core::ids::TaskId;
use alai_core::pipeline::{self, Context, Effect, Held, Stage};
use alai_core::task::{State, Task, TaskKind};
use alai_mission::MergeKind;

use super::tasks::project_of;
use super::{Desk, OpError, OpErrorKind, Outcome};
use crate::beat::asks;
use crate::run::chain_of_line;
use crate::verifier;

/// What the engine does when a task is done, for one that a person closed by hand; or what holds it.
pub(super) fn advance(desk: &Desk<'_>, task: TaskId) -> Result<Outcome, OpError> {
    let found = desk.mission.task(task)?;
    if Stage::of(found.kind).is_none() {
        return Err(held(&found, &Held::NoStage(task)));
    }
    let line = desk.mission.line(task)?;
    let context = context(desk, &found)?;
    let effects = pipeline::next(&found, &line, &context).map_err(|e| held(&found, &e))?;
    let queued = desk.mission.merges_of(pipeline::lineage(&found))?;
    let queued = queued
        .iter()
        .find(|row| row.kind == MergeKind::Integrate && Some(&row.head) == found.head.as_ref());
    if let Some(row) = queued {
        let state = format!("{:?}", row.state).to_lowercase();
        let message = format!("{task} went on when it was done: its merge is {state}");
        let hint = format!("`alai pipeline status {}`", task.0);
        return Err(OpError::new(OpErrorKind::Failed, message, &hint));
    }
    made(desk, &found, "advance".into(), effects)
}

/// The one successor of that stage, made by a person.
pub(super) fn create(desk: &Desk<'_>, from: TaskId, stage: Stage) -> Result<Outcome, OpError> {
    let found = desk.mission.task(from)?;
    if Stage::of(found.kind).is_none() {
        return Err(held(&found, &Held::NoStage(from)));
    }
    let line = desk.mission.line(from)?;
    let context = context(desk, &found)?;
    let effects = pipeline::by_hand(&found, stage, &line, &context);
    let effects = effects.map_err(|e| held(&found, &e))?;
    made(desk, &found, format!("create {stage}"), effects)
}

fn made(
    desk: &Desk<'_>,
    task: &Task,
    word: String,
    effects: Vec<Effect>,
) -> Result<Outcome, OpError> {
    let merging = effects.iter().any(|e| matches!(e, Effect::Enqueue { .. }));
    let made = desk
        .mission
        .advance(task.id, word, effects, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Advanced {
        task: task.id,
        made,
        merging,
    })
}

fn context(desk: &Desk<'_>, task: &Task) -> Result<Context, OpError> {
    let project = project_of(desk, task)?;
    let mut context = asks(&project, task, desk.context());
    context.chain = chain_of_line(desk.mission, task, context.chain)?;
    if task.kind == TaskKind::Build {
        context.verify =
            verifier::asked_for_approved(desk.mission, desk.config, task, desk.now_ms)?;
    }
    Ok(context)
}

/// What holds it, and what a person can do about that.
fn held(task: &Task, why: &Held) -> OpError {
    let id = task.id.0;
    let (kind, hint) = match why {
        Held::NotDone { .. } => (
            OpErrorKind::Waiting,
            format!("`alai why {id}` says what it waits for"),
        ),
        Held::NoCommit(_) => (
            OpErrorKind::Failed,
            "`alai mc add` makes the work anew; what is done stays done".to_owned(),
        ),
        Held::Exists { task, state, .. } => (
            OpErrorKind::Failed,
            match state {
                State::Cancelled | State::Failed => {
                    format!("`alai mc retry {}` takes it up again", task.0)
                }
                State::Open
                | State::Started
                | State::ReadyForReview
                | State::Waiting
                | State::Paused
                | State::Done => format!("`alai why {}` says where it stands", task.0),
            },
        ),
        Held::NoStage(_) => (OpErrorKind::Usage, status_of(task)),
        Held::NotNext { .. } | Held::NotMerged(_) => (OpErrorKind::Failed, status_of(task)),
        Held::NotMade(_) => (
            OpErrorKind::Usage,
            "--stage takes verify, review, security, ops or docs".to_owned(),
        ),
    };
    OpError::new(kind, why.to_string(), &hint)
}

fn status_of(task: &Task) -> String {
    format!(
        "`alai pipeline status {}` shows its line of work",
        task.id.0
    )
}
