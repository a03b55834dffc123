//! `alai start "GOAL" --project PATH`.

use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::plan::{Plan, PlanSource, Planning};
use alai_core::task::{self, Task, TaskKind};
use alai_core::trust::Trust;
use alai_factory::{Around, Home, Op, Outcome, Views, newest_evidence};
use alai_mission::{Filter, Reader};
use serde::Serialize;

use super::plan::{self, Desk, Edited, New};
use crate::args::StartArgs;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

#[derive(Serialize)]
struct Started {
    goal: TaskId,
    /// As people see it.
    state: String,
    /// How far it is proven once it is done, by the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<Trust>,
    tasks: Vec<TaskId>,
    spec_page: String,
    status_page: String,
    evidence_page: String,
    /// The newest package of each task that has one.
    evidence: Vec<Package>,
}

#[derive(Serialize)]
struct Package {
    task: TaskId,
    path: String,
}

pub(crate) fn run(home: &Home, args: StartArgs) -> Result<ExitCode, CliError> {
    let planning = match planning(home, &args)? {
        Drafted::Planning(planning) => planning,
        Drafted::Printed => return Ok(ExitCode::SUCCESS),
    };
    let shown = planning == Some(Planning::Shown);
    let goal = begun(home, &args, planning)?;
    if args.dry_run {
        return dry(home, &args, goal);
    }
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
    let Some(path) = &args.plan else {
        return asked((args.edit || args.dry_run).then_some(Planning::Shown));
    };
    let desk = desk(home, args)?;
    let plan = desk.read(path)?;
    match args.dry_run {
        true => {
            desk.print(&plan, args.json)?;
            show::message("dry: nothing is stored and no model was asked");
            Ok(Drafted::Printed)
        }
        false if args.edit => match desk.edit(&plan)? {
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
        false => asked(Some(Planning::Given {
            plan,
            source: PlanSource::File,
        })),
    }
}

fn begun(home: &Home, args: &StartArgs, planning: Option<Planning>) -> Result<TaskId, CliError> {
    let Outcome::Task { task: goal, .. } = door::ask(home, starting(home, args, planning)?)? else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a goal",
        ));
    };
    Ok(goal)
}

/// Prints the plan that the lead's model makes of the goal, by the way that any goal is planned by, and cancels the goal: what was asked
/// and paid stays in the books, and no task of the plan is ever made. Where there is no model's plan it is the one build that would be
/// made in its place, and why.
fn dry(home: &Home, args: &StartArgs, goal: TaskId) -> Result<ExitCode, CliError> {
    let planned = follow::until_planned(home, spec_of(home, goal)?);
    let shown = planned.and_then(|()| plan::new_of(home, goal));
    let event = Event::Cancel;
    let text = "a dry run".to_owned();
    let task = goal;
    door::ask(home, Op::Act { task, event, text })?;
    let (plan, said) = match shown? {
        New::Plan(plan, PlanSource::Template) => {
            (plan, "no usable answer came, this is one build".to_owned())
        }
        New::Plan(plan, source) => (plan, format!("from: {}", source.as_str())),
        New::Waits(why) => (
            template(&args.goal)?,
            format!("no plan was made, this is one build: {why}"),
        ),
    };
    desk(home, args)?.print(&plan, args.json)?;
    show::message(&format!("dry: {said}"));
    show::message(&format!(
        "{goal} is cancelled, nothing of it was begun; `--plan FILE` carries out what is printed"
    ));
    Ok(ExitCode::SUCCESS)
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
    Desk::new(home, project, args.priority, args.tags.clone())
}

/// The plan that is made where no model says a better one.
fn template(goal: &str) -> Result<Plan, CliError> {
    let (title, description) = task::check_goal(goal).map_err(|e| CliError::new(Kind::Usage, e))?;
    Ok(Plan::template(&title, &description))
}

/// The request that a whole line makes.
pub(crate) fn op(home: &Home, args: &StartArgs) -> Result<Op, CliError> {
    match planning(home, args)? {
        Drafted::Planning(planning) if !args.dry_run => starting(home, args, planning),
        Drafted::Planning(_) | Drafted::Printed => {
            Err(CliError::new(Kind::Usage, "`--dry-run` asks for no work"))
        }
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

fn waits_for_model(reader: &Reader, goal: TaskId) -> Result<bool, CliError> {
    let waiting = Filter {
        goal: Some(goal),
        state: Some(alai_core::task::State::Waiting),
        ..Filter::default()
    };
    Ok(!reader.tasks(&waiting)?.is_empty())
}

fn packages(home: &Home, reader: &Reader, tasks: &[Task]) -> Result<Vec<Package>, CliError> {
    let mut packages = Vec::new();
    for task in tasks {
        let newest = newest_evidence(home, &reader.runs_of(task.id)?);
        packages.extend(newest.map(|path| Package {
            task: task.id,
            path: path.display().to_string(),
        }));
    }
    Ok(packages)
}

fn print(home: &Home, goal: TaskId, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let tasks = reader.tasks(&Filter {
        goal: Some(goal),
        ended: true,
        ..Filter::default()
    })?;
    let wiki = home.wiki().join("goals").join(goal.0.to_string());
    let views = Views::new(&reader, door::now_ms(), Around::at_work());
    if json {
        let (state, trust) = views.told(&reader.task(goal)?)?;
        return show::json(&Started {
            goal,
            state: state.to_owned(),
            trust,
            tasks: tasks
                .iter()
                .map(|t| t.id)
                .filter(|id| *id != goal)
                .collect(),
            spec_page: wiki.join("spec.md").display().to_string(),
            status_page: wiki.join("status.md").display().to_string(),
            evidence_page: wiki.join("evidence.md").display().to_string(),
            evidence: packages(home, &reader, &tasks)?,
        });
    }
    for task in &tasks {
        show::line(show::listed(&views, task)?);
    }
    show::line(format!("pages  {}", wiki.display()));
    if door::pulse(home).is_none() && tasks.iter().any(|t| !t.state.terminal()) {
        show::line("next   `alai up` goes on with it");
    }
    Ok(())
}
