//! What a person wants of a run that goes on: that its agent hears something, or that it stops.

use alai_core::company::leads;
use alai_core::ids::RunId;
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::task::{self, State, TaskKind, WaitReason, Waiting};
use alai_mission::Holder;

use super::{Desk, OpError, OpErrorKind, Outcome};

/// Bytes of one word. It goes into the window of a small model beside everything else; what is longer is a task.
const WORD_BYTES_MAX: usize = 2_000;

pub(super) fn tell(desk: &Desk<'_>, run: &RunId, text: &str) -> Result<Outcome, OpError> {
    let text = task::check_description(text)?;
    let text = text.trim();
    let usage = |message: String, hint: &str| OpError::new(OpErrorKind::Usage, message, hint);
    if text.is_empty() {
        return Err(usage(
            "say something".into(),
            "`alai minion tell RUN \"TEXT\"`",
        ));
    }
    if text.len() > WORD_BYTES_MAX {
        let message = format!(
            "a word to a run has at most {WORD_BYTES_MAX} bytes, this one has {}",
            text.len()
        );
        return Err(usage(
            message,
            "say what matters now; the rest belongs to the task",
        ));
    }
    let found = desk.mission.run(run)?;
    if let Some(found) = found.filter(|found| found.ended_ms.is_none()) {
        let task = desk.mission.task(found.task)?;
        if found.holder == Holder::Person {
            let message = format!("{} works on {} himself", found.worker, task.id);
            return Err(usage(message, "there is no agent to tell it to"));
        }
        // A lead at work hears, one that is asked for a plan does not.
        let company = found.company.as_deref();
        let company = company.and_then(|name| desk.packs.registry.find(name).ok());
        let at_work = company.is_some_and(|company| leads(&task, company).is_some());
        if matches!(task.kind, TaskKind::Spec | TaskKind::Postflight) && !at_work {
            let message = format!(
                "a {} is one call of a model, without turns to hear in",
                task.kind
            );
            return Err(usage(
                message,
                &format!("`alai mc note {} \"TEXT\"`", task.id.0),
            ));
        }
        if task.state == State::ReadyForReview {
            let message = format!("the agent of run {run} has ended, its gate is at work");
            let hint = format!(
                "`alai mc note {} \"TEXT\"` keeps it in the task's history",
                task.id.0
            );
            return Err(OpError::new(OpErrorKind::Failed, message, &hint));
        }
    }
    let said = alai_minion::redact(text).into_owned();
    let number = desk.mission.say(run, said, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Told {
        run: run.clone(),
        number,
    })
}

pub(super) fn stop(desk: &Desk<'_>, run: &RunId, text: &str) -> Result<Outcome, OpError> {
    let text = task::check_description(text)?;
    let Some(found) = desk.mission.run(run)? else {
        return Err(alai_mission::MissionError::NoRun(run.0.clone()).into());
    };
    let task = found.task.0;
    let why = match text.trim() {
        "" => String::new(),
        said => format!(": {}", alai_minion::redact(said)),
    };
    let waiting = Waiting {
        reason: WaitReason::Blocked,
        owner: desk.config.operator.clone(),
        deadline_ms: desk.now_ms + HUMAN_WAIT_MS,
        next_action: format!(
            "`alai mc retry {task} \"WHAT IT SHALL KNOW\"` begins anew, `alai minion recover {run}` shows what it did, \
             `alai mc cancel {task}` ends it"
        ),
        detail: format!("{} stopped run {run}{why}", desk.actor),
    };
    let state = desk
        .mission
        .stop_run(run, waiting, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Task {
        task: found.task,
        state,
    })
}
