//! `alai plan ID`: the plan of a goal, shown, or edited while it waits for that.

mod file;

use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::plan::{Plan, PlanSource, Planning};
use alai_core::task::{Task, TaskKind};
use alai_factory::{Home, Op, plan_of};
use alai_mission::{Filter, Reader};

use crate::args::PlanArgs;
use crate::error::{CliError, Kind};
use crate::{door, show};
pub(crate) use file::{Desk, Edited};

pub(crate) fn run(home: &Home, args: &PlanArgs) -> Result<ExitCode, CliError> {
    let reader = door::reader(home)?;
    let spec = spec_of(&reader, args.task)?;
    let desk = desk(home, &reader, &spec)?;
    let plan = plan_of(&reader, &spec)?;
    if args.edit {
        return match edited(home, &desk, &spec, plan)? {
            None => Ok(ExitCode::SUCCESS),
            Some(why) => {
                Err(why.hinted(format!("nothing has changed: {} waits as before", spec.id)))
            }
        };
    }
    let Some((plan, source)) = plan else {
        let message = format!("{} has no plan yet", spec.id);
        return Err(
            CliError::new(Kind::NotFound, message).hinted(format!("`alai why {}`", spec.id.0))
        );
    };
    desk.print(&plan, args.json)?;
    show::message(&format!("from: {}", source.as_str()));
    Ok(ExitCode::SUCCESS)
}

/// What became of a goal that was only just begun, and whose plan a person is to see.
pub(crate) enum New {
    Plan(Plan, PlanSource),
    /// Whatever it waits for comes first, a safety rule above all; what it made is then seen.
    Waits(String),
}

pub(crate) fn new_of(home: &Home, goal: TaskId) -> Result<New, CliError> {
    let reader = door::reader(home)?;
    let spec = spec_of(&reader, goal)?;
    let Some(waiting) =
        { spec.waiting.as_ref() }.filter(|_| spec.planning == Some(Planning::Shown))
    else {
        let message = format!("there is no plan of {goal} to see; it is {}", spec.state);
        return Err(
            CliError::new(Kind::Waiting, message).hinted(format!("`alai why {}`", spec.id.0))
        );
    };
    Ok(match plan_of(&reader, &spec)? {
        Some((plan, source)) => New::Plan(plan, source),
        None => New::Waits(show::clean(&waiting.detail)),
    })
}

/// Opens the plan that waits for a person, and has it carried out as it comes back. An edit that calls it off is called off for a goal that
/// was only just begun.
pub(crate) fn edit_new(home: &Home, goal: TaskId) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let spec = spec_of(&reader, goal)?;
    let plan = match new_of(home, goal)? {
        New::Plan(plan, source) => (plan, source),
        New::Waits(why) => {
            return Err(
                CliError::new(Kind::Waiting, format!("no plan was made: {why}"))
                    .hinted(format!("`alai why {}`", spec.id.0)),
            );
        }
    };
    let desk = desk(home, &reader, &spec)?;
    drop(reader);
    let Some(why) = edited(home, &desk, &spec, Some(plan))? else {
        return Ok(());
    };
    let text = "called off in the editor".to_owned();
    let event = Event::Cancel;
    door::ask(
        home,
        Op::Act {
            task: goal,
            event,
            text,
        },
    )?;
    Err(why.hinted(format!("{goal} is cancelled; nothing was begun")))
}

/// Has the plan edited and carried out; answers with the reason where it was called off.
fn edited(
    home: &Home,
    desk: &Desk,
    spec: &Task,
    plan: Option<(Plan, PlanSource)>,
) -> Result<Option<CliError>, CliError> {
    let (before, from) = plan.unwrap_or_else(|| {
        let title = spec.title.strip_prefix("Spec: ").unwrap_or(&spec.title);
        (
            Plan::template(title, &spec.description),
            PlanSource::Template,
        )
    });
    let plan = match desk.edit(&before)? {
        Edited::As(plan) => plan,
        Edited::CalledOff(why) => return Ok(Some(why)),
    };
    let source = match plan == before {
        true => from,
        false => PlanSource::Edited,
    };
    door::ask(
        home,
        Op::Plan {
            task: spec.id,
            plan,
            source,
        },
    )?;
    Ok(None)
}

fn desk(home: &Home, reader: &Reader, spec: &Task) -> Result<Desk, CliError> {
    let project = spec
        .project
        .ok_or_else(|| CliError::new(Kind::Failed, format!("{} belongs to no project", spec.id)))?;
    let goal = match spec.goal {
        Some(goal) => reader.task(goal)?,
        None => spec.clone(),
    };
    Desk::new(home, reader.project(project)?, spec.priority, goal.tags)
}

/// The specification that plans a goal.
fn spec_of(reader: &Reader, of: TaskId) -> Result<Task, CliError> {
    let named = reader.task(of)?;
    let filter = Filter {
        goal: Some(of),
        ended: true,
        ..Filter::default()
    };
    let spec = match named.kind {
        TaskKind::Spec => Some(named),
        TaskKind::Goal => { reader.tasks(&filter)?.into_iter() }
            .find(|task| task.kind == TaskKind::Spec && task.parent == Some(of)),
        TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => None,
    };
    spec.ok_or_else(|| {
        CliError::new(
            Kind::Usage,
            format!("{of} has no plan: it is neither a goal nor a specification"),
        )
    })
}
