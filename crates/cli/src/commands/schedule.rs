//! `alai mc schedule ...`: what is asked for again and again.

use alai_core::time;
use alai_factory::{AddTask, Home, Op};

use crate::args::{ScheduleAddArgs, ScheduleCommand};
use crate::commands::mc;
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: ScheduleCommand) -> Result<(), CliError> {
    match command {
        ScheduleCommand::Add(args) => add(home, args),
        ScheduleCommand::List { json } => list(home, json),
        ScheduleCommand::Pause { name } => pause(home, name, true),
        ScheduleCommand::Resume { name } => pause(home, name, false),
        ScheduleCommand::Remove { name } => {
            door::ask(home, Op::RemoveSchedule { name: name.clone() })?;
            show::line(format!("removed  {}", show::clean(&name)));
            Ok(())
        }
    }
}

fn add(home: &Home, args: ScheduleAddArgs) -> Result<(), CliError> {
    let project = match args.project {
        Some(path) => Some(door::project(home, path)?),
        None => mc::here(home)?,
    };
    // Each firing has a key of its own.
    let key = String::new();
    let request = if args.goal {
        let Some(project) = project else {
            let message = "a goal needs a project to work on";
            return Err(CliError::new(Kind::Usage, message).hinted("name it with --project PATH"));
        };
        let goal = match args.description.trim() {
            "" => args.title,
            description => format!("{}\n{description}", args.title),
        };
        Op::Start {
            goal,
            project,
            priority: args.priority,
            owner: None,
            tags: args.tags,
            checks: args.checks,
            blueprint: None,
            planning: None,
            key,
        }
    } else {
        let task = AddTask {
            title: args.title,
            description: args.description,
            priority: args.priority,
            owner: None,
            tags: args.tags,
            project,
            needs: Vec::new(),
            needs_done: false,
            parent: None,
            acceptance: Vec::new(),
            checks: args.checks,
            changes_tests: Vec::new(),
            paths: Vec::new(),
            company: None,
            model: None,
            blueprint: None,
            inputs: std::collections::BTreeMap::new(),
            solo: false,
            hold: false,
            sandbox: alai_core::cage::Sandbox::On,
        };
        Op::Add {
            task: Box::new(task),
            key,
        }
    };
    let op = Op::AddSchedule {
        name: args.name.clone(),
        cron: args.cron,
        catch_up: args.catch_up,
        request: Box::new(request),
    };
    door::ask(home, op)?;
    one(home, &args.name)
}

fn pause(home: &Home, name: String, paused: bool) -> Result<(), CliError> {
    let op = Op::PauseSchedule {
        name: name.clone(),
        paused,
    };
    door::ask(home, op)?;
    one(home, &name)
}

fn one(home: &Home, name: &str) -> Result<(), CliError> {
    let known = door::reader(home)?.schedules()?;
    known
        .iter()
        .filter(|s| s.name == name.trim())
        .for_each(line);
    Ok(())
}

fn list(home: &Home, json: bool) -> Result<(), CliError> {
    for schedule in door::reader(home)?.schedules()? {
        match json {
            true => show::json(&schedule)?,
            false => line(&schedule),
        }
    }
    Ok(())
}

fn line(schedule: &alai_mission::Schedule) {
    let next = match schedule.paused {
        true => "paused".to_owned(),
        false => format!("next {}", time::utc(schedule.next_ms)),
    };
    let last = schedule
        .last_task
        .map(|task| format!(", last {task}"))
        .unwrap_or_default();
    let missed = match schedule.missed {
        0 => String::new(),
        missed => format!(", {missed} left out"),
    };
    let error = schedule
        .last_error
        .as_deref()
        .map(|why| format!(", failed: {why}"))
        .unwrap_or_default();
    show::line(show::clean(&format!(
        "{:<16} {:<16} {next} (catch up: {}){last}{missed}{error}",
        schedule.name,
        schedule.cron,
        schedule.catch_up.as_str()
    )));
}
