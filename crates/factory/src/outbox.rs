//! Delivering effects to the outside, at least once, at their own pace. Today's one sink is the wiki folder.

use alai_core::ids::TaskId;
use alai_core::task::{State, Task, TaskKind};
use alai_hivemind::pages::{self, TaskLine};
use alai_hivemind::wiki::{self, PageName};
use alai_mission::{Filter, MissionError, OutboxRow};

use crate::around::Around;
use crate::beat::Factory;
use crate::trust;
use crate::views::Views;

/// Takes what is due. A sink that fails is tried again later and stops nobody.
pub(crate) fn deliver(factory: &Factory, batch: u32) -> Result<(), MissionError> {
    for row in factory.mission().outbox_due(factory.now_ms(), batch)? {
        match send(factory, &row) {
            Ok(()) => {
                alai_workspace::crash::point("outbox.sent");
                factory.mission().delivered(&row, factory.now_ms())?;
            }
            Err(why) => {
                tracing::warn!("outbox {}: {why}", row.effect_key);
                factory
                    .mission()
                    .undelivered(&row, &why, factory.now_ms())?;
            }
        }
    }
    Ok(())
}

fn send(factory: &Factory, row: &OutboxRow) -> Result<(), String> {
    match row.sink.as_str() {
        "wiki" => {
            let goal: TaskId = row.payload.parse().map_err(|e| format!("{e}"))?;
            status_page(factory, goal).map_err(|e| e.to_string())
        }
        other => Err(format!("there is no sink `{other}` in this build")),
    }
}

/// The page is written from the rows as they are now: delivering twice or late gives the same page.
fn status_page(factory: &Factory, goal: TaskId) -> Result<(), Box<dyn std::error::Error>> {
    let task = factory.mission().task(goal)?;
    let lines = lines(factory, &task)?;
    let (own, rest): (Vec<TaskLine>, Vec<TaskLine>) =
        lines.into_iter().partition(|l| l.task.id == goal);
    let Some(own) = own.into_iter().next() else {
        return Ok(());
    };
    wiki::write(
        &factory.home().wiki(),
        &PageName::status(goal.0),
        &pages::status(&own, &rest),
    )?;
    Ok(())
}

/// A goal and everything under it, as pages show it; a task of its own with what came of it.
pub(crate) fn lines(factory: &Factory, task: &Task) -> Result<Vec<TaskLine>, MissionError> {
    let mission = factory.mission();
    let mut tasks = match task.kind {
        TaskKind::Goal => mission.tasks(&Filter {
            goal: Some(task.id),
            ended: true,
            ..Filter::default()
        })?,
        TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => vec![task.clone()],
    };
    tasks.sort_by_key(|t| t.id);
    let views = Views::new(mission, factory.now_ms(), Around::at_work());
    tasks
        .into_iter()
        .map(|task| {
            let runs = mission.runs_of(task.id)?;
            let mode = runs
                .iter()
                .rev()
                .find_map(|r| r.mode)
                .map(|m| m.as_str().to_owned());
            let evidence = crate::evidence::newest_evidence(factory.home(), &runs);
            // A page is a report to a person: the package counts, too.
            let standing = match task.state == State::Done {
                true => trust::proven(mission, factory.home(), &task)?,
                false => None,
            };
            let level = standing.map(|standing| standing.level);
            let shown = match level {
                Some(level) if !level.may_be_told() => trust::CLAIMED,
                Some(_) | None => views.shown(&task)?,
            };
            Ok(TaskLine {
                shown: shown.to_owned(),
                trust: level,
                mode,
                evidence: evidence.map(|p| p.display().to_string()),
                task,
            })
        })
        .collect()
}
