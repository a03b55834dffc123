//! `alai mc ...`: tasks.

use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::task::list_line;
use alai_factory::{AddTask, Home, Op, Outcome, TaskView, Views};
use alai_mission::{EventRow, Filter, MergeKind, NeedRow, RunRow};
use serde::Serialize;

use crate::args::{McAddArgs, McCommand, McListArgs};
use crate::commands::store;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

pub(crate) fn run(home: &Home, command: McCommand) -> Result<ExitCode, CliError> {
    match command {
        McCommand::Add(args) => add(home, args)?,
        McCommand::List(args) => list(home, &args)?,
        McCommand::Show { task, json } => details(home, task, json)?,
        McCommand::NextTask { json } => next_task(home, json)?,
        McCommand::Done { task, reason } => act(home, task, Event::Override, reason)?,
        McCommand::Approve { task, text, wait } => approve(home, task, text, wait)?,
        McCommand::Answer { task, text } => act(home, task, Event::Answer, text)?,
        McCommand::Retry { task, text } => {
            act(home, task, Event::Reopen, text.unwrap_or_default())?
        }
        McCommand::Pause { task } => act(home, task, Event::Pause, String::new())?,
        McCommand::Resume { task } => act(home, task, Event::Resume, String::new())?,
        McCommand::Cancel { task, reason } => {
            act(home, task, Event::Cancel, reason.unwrap_or_default())?
        }
        McCommand::Note { task, text } => {
            door::ask(home, Op::Note { task, text })?;
        }
        McCommand::Search { words, limit, json } => search(home, &words, limit, json)?,
        McCommand::Stats { json } => store::stats(home, json)?,
        McCommand::Fsck => store::fsck(home)?,
        McCommand::Backup { file } => store::backup(home, &file)?,
        McCommand::Restore { file } => store::restore(home, &file)?,
        McCommand::Export => store::export(home)?,
        McCommand::Import => store::import(home)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(home: &Home, args: McAddArgs) -> Result<(), CliError> {
    let project = match args.project {
        Some(path) => Some(door::project(home, path)?),
        None => here(home)?,
    };
    let task = AddTask {
        title: args.title,
        description: args.description,
        priority: args.priority,
        owner: args.owner,
        tags: args.tags,
        project,
        needs: args.needs,
        needs_done: args.needs_done,
        parent: args.parent,
        acceptance: args.acceptance,
        checks: args.checks,
        changes_tests: args.changes_tests,
        company: args.company,
        solo: false,
        hold: args.hold,
    };
    let task = door::add(home, task)?;
    let reader = door::reader(home)?;
    let task = reader.task(task)?;
    if args.json {
        return show::json(&task);
    }
    show::line(show::clean(&list_line(&task, task.state.as_str())));
    if let Some(waiting) = &task.waiting {
        show::line(format!(
            "waits for {}: {}",
            waiting.owner,
            show::clean(&waiting.next_action)
        ));
    }
    Ok(())
}

/// The registered project that the current folder lies in.
fn here(home: &Home) -> Result<Option<std::path::PathBuf>, CliError> {
    let Ok(folder) = std::env::current_dir() else {
        return Ok(None);
    };
    let found = door::reader(home)?.find_project("", Some(&folder))?;
    Ok(found.map(|p| p.path))
}

fn list(home: &Home, args: &McListArgs) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let filter = Filter {
        tag: args.tag.clone(),
        state: args.status,
        owner: args.owner.clone(),
        goal: None,
        ended: args.all,
    };
    let views = Views::new(&reader, door::now_ms(), true, None);
    for task in reader.tasks(&filter)? {
        if args.json {
            show::json(&task)?;
        } else {
            show::line(show::clean(&list_line(&task, views.shown(&task)?)));
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Details {
    view: TaskView,
    needs: Vec<NeedRow>,
    runs: Vec<RunRow>,
    history: Vec<EventRow>,
}

fn details(home: &Home, id: TaskId, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let views = Views::new(&reader, door::now_ms(), door::pulse(home).is_some(), None);
    let shown = Details {
        view: views.task(id)?,
        needs: reader.needs(id)?,
        runs: reader.runs_of(id)?,
        history: reader.events(id)?,
    };
    if json {
        return show::json(&shown);
    }
    let task = &shown.view.task;
    show::line(show::clean(&list_line(task, &shown.view.shown)));
    if !task.description.is_empty() && task.description != task.title {
        show::line(show::clean(&task.description));
    }
    for criterion in &task.acceptance {
        show::line(format!("accept   {}", show::clean(criterion)));
    }
    for check in &task.checks {
        show::line(format!("check    {}", show::clean(check)));
    }
    for need in &shown.needs {
        let word = if need.satisfied { "met" } else { "not met" };
        show::line(format!(
            "needs    {} {} ({word}, {})",
            need.needs,
            need.until.as_str(),
            need.state
        ));
    }
    for (name, commit) in [
        ("base", &task.base),
        ("head", &task.head),
        ("merged", &task.integrated),
    ] {
        if let Some(commit) = commit {
            show::line(format!("{name:<8} {commit}"));
        }
    }
    for finding in &task.findings {
        show::line(format!("finding  {}", show::clean(finding)));
    }
    for run in &shown.runs {
        show::line(format!(
            "run      {} epoch {} {} {} {}",
            run.id,
            run.epoch.0,
            run.mode.map_or("", alai_core::mode::Mode::as_str),
            run.company.as_deref().unwrap_or(""),
            show::clean(run.outcome.as_deref().unwrap_or("running"))
        ));
    }
    for event in &shown.history {
        let states = match (event.from, event.to) {
            (Some(from), Some(to)) => format!(" {from} -> {to}"),
            _ => String::new(),
        };
        show::line(format!(
            "history  {} by {}{states} {}",
            event.kind,
            event.actor,
            show::clean(&event.detail)
        ));
    }
    show::line(format!(
        "next     {}: {}",
        shown.view.why.owner,
        show::clean(&shown.view.why.next_action)
    ));
    Ok(())
}

fn next_task(home: &Home, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    match reader.next_task(door::now_ms())? {
        Some(task) if json => show::json(&task),
        Some(task) => {
            show::line(show::clean(&list_line(&task, task.state.as_str())));
            Ok(())
        }
        None => Err(CliError::new(Kind::NotFound, "nothing is eligible")
            .hinted("`alai mc list` shows what is open; `alai why ID` says what it waits for")),
    }
}

fn search(home: &Home, words: &str, limit: u32, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let found = reader.search(words, limit)?;
    if found.is_empty() {
        let hint = "all the words must be in one task; `alai mc list --all` shows every task";
        return Err(CliError::new(Kind::NotFound, format!("no task has `{words}`")).hinted(hint));
    }
    let views = Views::new(&reader, door::now_ms(), door::pulse(home).is_some(), None);
    for hit in &found {
        if json {
            show::json(hit)?;
            continue;
        }
        let task = &hit.task;
        show::line(show::clean(&list_line(task, views.shown(task)?)));
        show::line(format!(
            "     {}",
            show::clean(&hit.excerpt.replace('\n', " "))
        ));
    }
    Ok(())
}

fn act(home: &Home, task: TaskId, event: Event, text: String) -> Result<(), CliError> {
    door::ask(home, Op::Act { task, event, text })?;
    let task = door::reader(home)?.task(task)?;
    show::line(show::clean(&list_line(&task, task.state.as_str())));
    Ok(())
}

fn approve(home: &Home, task: TaskId, text: Option<String>, wait: bool) -> Result<(), CliError> {
    if let Some(text) = text {
        door::ask(home, Op::Note { task, text })?;
    }
    let Outcome::Delivering { head, .. } = door::ask(home, Op::Approve { task })? else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a delivery",
        ));
    };
    if wait || door::pulse(home).is_none() {
        follow::alone_until_settled(home, task)?;
        let reader = door::reader(home)?;
        follow::end_of(&reader, task)?;
        // What people did meanwhile is part of it: the branch may stand at another commit than the one that was asked for.
        let delivered = reader
            .merges_of(task)?
            .into_iter()
            .rfind(|m| m.kind == MergeKind::Deliver && m.head == head);
        show::line(
            delivered
                .and_then(|m| m.outcome)
                .unwrap_or_else(|| format!("{head} is there")),
        );
        return Ok(());
    }
    show::line(format!("queued: the target branch moves to {head}"));
    Ok(())
}
