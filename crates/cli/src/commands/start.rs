//! `alai start "GOAL" --project PATH`.

use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::plan::{Plan, PlanSource, Planning};
use alai_core::task::{self, TaskKind};
use alai_factory::{Around, Home, Op, Outcome, Views};
use alai_mission::Filter;
use serde::Serialize;

use super::plan::{self, Desk, Edited};
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
    let planning = match planning(home, &args)? {
        Drafted::Planning(planning) => planning,
        Drafted::Printed => return Ok(ExitCode::SUCCESS),
    };
    let shown = planning == Some(Planning::Shown);
    let op = starting(home, &args, planning)?;
    let Outcome::Task { task: goal, .. } = door::ask(home, op)? else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a goal",
        ));
    };
    if shown {
        follow::until_planned(home, spec_of(home, goal)?)?;
        plan::edit_new(home, goal)?;
    }
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

/// What a person's words about the plan come to.
enum Drafted {
    Planning(Option<Planning>),
    /// The plan was all that was asked for.
    Printed,
}

fn planning(home: &Home, args: &StartArgs) -> Result<Drafted, CliError> {
    let asked = |planning| Ok(Drafted::Planning(planning));
    if args.plan.is_none() && !args.dry_run {
        return asked(args.edit.then_some(Planning::Shown));
    }
    let desk = desk(home, args)?;
    let given = match &args.plan {
        Some(path) => Some(desk.read(path)?),
        None => None,
    };
    match (given, args.dry_run) {
        (plan, true) => {
            let plan = match plan {
                Some(plan) => plan,
                None => template(&args.goal)?,
            };
            desk.print(&plan, args.json)?;
            show::message(
                "dry: nothing is stored and no model was asked; `--plan FILE` carries it out",
            );
            Ok(Drafted::Printed)
        }
        (Some(plan), false) if args.edit => match desk.edit(&plan)? {
            Edited::As(edited) => {
                let source = match edited == plan {
                    true => PlanSource::File,
                    false => PlanSource::Edited,
                };
                asked(Some(Planning::Given {
                    plan: edited,
                    source,
                }))
            }
            Edited::CalledOff(why) => Err(why.hinted("nothing is begun")),
        },
        (Some(plan), false) => asked(Some(Planning::Given {
            plan,
            source: PlanSource::File,
        })),
        (None, false) => asked(None),
    }
}

fn desk(home: &Home, args: &StartArgs) -> Result<Desk, CliError> {
    let real = std::fs::canonicalize(&args.project).ok();
    let typed = args.project.to_string_lossy();
    let found = door::reader(home)?.find_project(&typed, real.as_deref())?;
    let project = found.ok_or_else(|| {
        CliError::new(
            Kind::NotFound,
            format!("no project is registered as {typed}"),
        )
        .hinted("`alai project add PATH` registers one")
    })?;
    Desk::new(home, project, args.priority)
}

/// The plan that is made where no model says a better one.
fn template(goal: &str) -> Result<Plan, CliError> {
    let (title, description) = task::check_goal(goal).map_err(|e| CliError::new(Kind::Usage, e))?;
    Ok(Plan::template(&title, &description))
}

/// The request that a whole line makes.
pub(crate) fn op(home: &Home, args: &StartArgs) -> Result<Op, CliError> {
    match planning(home, args)? {
        Drafted::Planning(planning) => starting(home, args, planning),
        Drafted::Printed => Err(CliError::new(Kind::Usage, "`--dry-run` asks for no work")),
    }
}

/// The request that these arguments make.
fn starting(home: &Home, args: &StartArgs, planning: Option<Planning>) -> Result<Op, CliError> {
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
        planning,
        key: door::fresh_key(),
    })
}

/// Works on the goal's specification, and on nothing else, in this process.
fn plan_here(home: &Home, goal: TaskId) -> Result<(), CliError> {
    let spec = spec_of(home, goal)?;
    follow::only(&door::factory(home)?, spec)
}

fn spec_of(home: &Home, goal: TaskId) -> Result<TaskId, CliError> {
    let filter = Filter {
        goal: Some(goal),
        ended: true,
        ..Filter::default()
    };
    let tasks = door::reader(home)?.tasks(&filter)?;
    let spec = tasks.iter().find(|t| t.kind == TaskKind::Spec);
    spec.map(|spec| spec.id)
        .ok_or_else(|| CliError::new(Kind::Failed, format!("{goal} has no specification")))
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
