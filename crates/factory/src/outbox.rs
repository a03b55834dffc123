//! Delivering effects to the outside, at least once, at their own pace. Today's one sink is the wiki folder.

use alai_core::ids::TaskId;
use alai_core::task::{State, Task, TaskKind};
use alai_hivemind::pages::TaskLine;
use alai_mission::{Filter, MissionError, OutboxRow, Reader};

use crate::around::Around;
use crate::beat::Factory;
use crate::console::stands;
use crate::home::Home;
use crate::views::Views;
use crate::{publish, trust, wiki};

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
            let written = wiki::of_goal(factory.mission(), factory.home(), goal, factory.now_ms());
            written.map_err(|e| e.to_string())?;
            publish_goal(factory, goal).map_err(|e| e.to_string())
        }
        other => Err(format!("there is no sink `{other}` in this build")),
    }
}

/// Has the pages of a goal copied that say something else now.
fn publish_goal(factory: &Factory, goal: TaskId) -> Result<(), MissionError> {
    if factory.config().bookstack.is_none() {
        return Ok(());
    }
    let (mission, home) = (factory.mission(), factory.home());
    let pages = wiki::pages_of(home, goal);
    publish::queue(mission, home, &pages, (false, false), factory.now_ms()).map(|_| ())
}

/// A goal and everything under it, as pages show it; of a task of no goal its line of work.
pub(crate) fn lines(
    mission: &Reader,
    home: &Home,
    task: &Task,
    now_ms: i64,
) -> Result<Vec<TaskLine>, MissionError> {
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
        | TaskKind::Postflight => mission.work_of(task.id)?,
    };
    tasks.sort_by_key(|t| t.id);
    let views = Views::new(mission, now_ms, Around::at_work());
    tasks
        .into_iter()
        .map(|task| {
            let runs = mission.runs_of(task.id)?;
            let mode = runs
                .iter()
                .rev()
                .find_map(|r| r.mode)
                .map(|m| m.as_str().to_owned());
            let evidence = crate::evidence::newest_evidence(home, &runs);
            // A page is a report to a person: the package counts, too.
            let standing = match task.state == State::Done {
                true => trust::proven(mission, home, &task)?,
                false => None,
            };
            let level = standing.map(|standing| standing.level);
            let view = views.task(task.id)?;
            let next = match &task.waiting {
                Some(waits) => Some(format!("{}: {}", waits.owner, waits.next_action)),
                None => stands(&view).then(|| view.why.next_action.clone()),
            };
            let shown = match level {
                Some(level) if !level.may_be_told() => trust::CLAIMED.to_owned(),
                Some(_) | None => view.shown,
            };
            Ok(TaskLine {
                next,
                shown,
                trust: level,
                mode,
                evidence: evidence.map(|p| p.display().to_string()),
                task,
            })
        })
        .collect()
}
