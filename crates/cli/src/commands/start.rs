//! `alai start "GOAL" --project PATH`.

use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::task::TaskKind;
use alai_factory::{Around, Home, Op, Outcome, Views};
use alai_mission::Filter;
use serde::Serialize;

use crate::args::StartArgs;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

#[derive(Serialize)]
struct Started {
    goal: TaskId,
    state: String,
    tasks: Vec<TaskId>,
    spec_page: String,
    status_page: String,
}

pub(crate) fn run(home: &Home, args: StartArgs) -> Result<ExitCode, CliError> {
    let op = starting(home, &args)?;
    let Outcome::Task { task: goal, .. } = door::ask(home, op)? else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a goal",
        ));
    };
    let daemon = door::pulse(home).is_some();
    let waited = match args.wait {
        true => follow::until_settled(home, goal),
        // Without a daemon nobody else would plan it: the plan is made here, so that a person sees it at once.
        false if !daemon => plan_here(home, goal),
        false => Ok(()),
    };
    let shown = print(home, goal, args.json);
    waited?;
    shown?;
    let reader = door::reader(home)?;
    let resting = args.wait || waits_for_model(&reader, goal)?;
    if resting {
        follow::end_of(&reader, goal)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The request that these arguments make.
pub(crate) fn starting(home: &Home, args: &StartArgs) -> Result<Op, CliError> {
    let mut tags = args.tags.clone();
    let domain = args.domain.as_ref();
    tags.extend(domain.map(|d| format!("domain:{}", d.to_lowercase())));
    Ok(Op::Start {
        goal: args.goal.clone(),
        project: door::project(home, args.project.clone())?,
        priority: args.priority,
        owner: args.owner.clone(),
        tags,
        checks: args.checks.clone(),
        blueprint: args.blueprint.clone(),
        key: door::fresh_key(),
    })
}

/// Works on the goal's specification, and on nothing else, in this process.
fn plan_here(home: &Home, goal: TaskId) -> Result<(), CliError> {
    let spec = door::reader(home)?
        .tasks(&Filter {
            goal: Some(goal),
            ..Filter::default()
        })?
        .into_iter()
        .find(|t| t.kind == TaskKind::Spec);
    match spec {
        Some(spec) => follow::only(&door::factory(home)?, spec.id),
        None => Ok(()),
    }
}

fn waits_for_model(reader: &alai_mission::Reader, goal: TaskId) -> Result<bool, CliError> {
    let waiting = Filter {
        goal: Some(goal),
        state: Some(alai_core::task::State::Waiting),
        ..Filter::default()
    };
    Ok(!reader.tasks(&waiting)?.is_empty())
}

fn print(home: &Home, goal: TaskId, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let tasks = reader.tasks(&Filter {
        goal: Some(goal),
        ended: true,
        ..Filter::default()
    })?;
    let wiki = home.wiki().join("goals").join(goal.0.to_string());
    if json {
        return show::json(&Started {
            goal,
            state: reader.task(goal)?.state.to_string(),
            tasks: tasks
                .iter()
                .map(|t| t.id)
                .filter(|id| *id != goal)
                .collect(),
            spec_page: wiki.join("spec.md").display().to_string(),
            status_page: wiki.join("status.md").display().to_string(),
        });
    }
    let views = Views::new(&reader, door::now_ms(), Around::at_work());
    for task in &tasks {
        show::line(show::listed(&views, task)?);
    }
    show::line(format!("pages  {}", wiki.display()));
    if door::pulse(home).is_none() && tasks.iter().any(|t| !t.state.terminal()) {
        show::line("next   `alai up` goes on with it");
    }
    Ok(())
}
