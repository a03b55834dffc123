//! A run that stopped to ask a person, and the run that goes on with the answer: from the commit that was reached, behind the
//! step that asked.

use std::path::PathBuf;
use std::sync::Arc;

use alai_core::blueprint::Answer;
use alai_core::ids::{RunId, TaskId};
use alai_core::pipeline::Ended;
use alai_minion::{Asked, RunReport};
use alai_mission::Claim;
use serde::{Deserialize, Serialize};

use crate::beat::Factory;
use crate::run::RunError;

/// The journal's key for where a run stopped.
pub(crate) const ASKED: &str = "asked";

/// Where a run stopped, as it is journaled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stopped {
    pub(crate) run: RunId,
    /// The imported commit with all that was done so far.
    pub(crate) head: String,
    /// Its report's file, whose commands belong to the evidence of whoever goes on.
    pub(crate) report: PathBuf,
    pub(crate) asked: Asked,
}

impl Stopped {
    pub(crate) fn ended(&self) -> Ended {
        Ended::Asked {
            question: self.asked.question.clone(),
        }
    }
}

/// Where the run that this one goes on with stopped, and whether a person has answered since.
pub(super) fn before(
    factory: &Arc<Factory>,
    claim: &Claim,
) -> Result<Option<(Stopped, bool)>, RunError> {
    let journaled = factory.mission().journaled(&claim.fence.run, ASKED)?;
    let Some(text) = journaled else {
        return Ok(None);
    };
    let stopped: Stopped = serde_json::from_str(&text).map_err(RunError::infra)?;
    let answered = factory.mission().answers(claim.task.id)?;
    let answered = answered.iter().any(|row| row.run == stopped.run);
    Ok(Some((stopped, answered)))
}

/// Keeps where this run stopped, before the task is told to wait.
pub(super) fn keep(
    factory: &Arc<Factory>,
    claim: &Claim,
    stopped: Stopped,
) -> Result<Stopped, RunError> {
    let stopped = Stopped {
        run: claim.fence.run.clone(),
        ..stopped
    };
    let text = serde_json::to_string(&stopped).map_err(RunError::infra)?;
    let now = factory.now_ms();
    factory.mission().journal(&claim.fence, ASKED, text, now)?;
    alai_workspace::crash::point("asked.after");
    Ok(stopped)
}

/// Puts the commands of the run that asked before those of the run that went on: together they are what was done.
pub(super) fn commands_before(stopped: &Stopped, report: &mut RunReport) -> Result<(), RunError> {
    let bytes = std::fs::read(&stopped.report).map_err(RunError::infra)?;
    let mut before: RunReport = serde_json::from_slice(&bytes).map_err(RunError::infra)?;
    before.commands.append(&mut report.commands);
    report.commands = before.commands;
    Ok(())
}

/// What people have answered to the runs of a task, oldest first. A rework is not asked again what was answered before.
pub(super) fn answers(factory: &Arc<Factory>, task: TaskId) -> Result<Vec<Answer>, RunError> {
    let rows = factory.mission().answers(task)?;
    let answer = |row: alai_mission::AnswerRow| {
        let stopped: Stopped = serde_json::from_str(&row.asked).map_err(RunError::infra)?;
        Ok(Answer {
            to: stopped.asked.question,
            text: row.text,
            by: row.by,
        })
    };
    rows.into_iter().map(answer).collect()
}
