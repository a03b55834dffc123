//! `alai minion run|list|recover`.

use std::process::ExitCode;

use alai_core::task::{Priority, State, WaitReason};
use alai_factory::{AddTask, Home, Op, Outcome, kept_clones, newest_evidence};
use serde::Serialize;

use crate::args::{MinionCommand, MinionRunArgs};
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

#[derive(Serialize)]
struct Ran {
    task: alai_core::ids::TaskId,
    state: State,
    head: Option<String>,
    run: Option<String>,
    mode: Option<String>,
    evidence: Option<String>,
}

pub(crate) fn run(home: &Home, command: MinionCommand) -> Result<ExitCode, CliError> {
    match command {
        MinionCommand::Run(args) => one(home, args)?,
        MinionCommand::List { json } => list(home, json)?,
        MinionCommand::Recover { run, json } => recover(home, &run, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn one(home: &Home, args: MinionRunArgs) -> Result<(), CliError> {
    let task = AddTask {
        title: args.title,
        description: args.description,
        priority: Priority::High,
        owner: None,
        tags: Vec::new(),
        project: Some(door::project(home, args.project)?),
        needs: Vec::new(),
        needs_done: false,
        parent: args.mc_task,
        acceptance: Vec::new(),
        checks: args.checks,
        changes_tests: Vec::new(),
        company: args.company,
        solo: true,
        hold: false,
    };
    let task = door::add(home, task)?;
    follow::alone_until_settled(home, task)?;
    let reader = door::reader(home)?;
    let found = reader.task(task)?;
    let runs = reader.runs_of(task)?;
    let last = runs.last();
    let ran = Ran {
        task,
        state: found.state,
        head: found.head.clone(),
        run: last.map(|r| r.id.to_string()),
        mode: last.and_then(|r| r.mode).map(|m| m.as_str().to_owned()),
        evidence: newest_evidence(home, &runs).map(|p| p.display().to_string()),
    };
    if args.json {
        show::json(&ran)?;
    } else {
        show::line(show::clean(&alai_core::task::list_line(
            &found,
            found.state.as_str(),
        )));
        for (name, value) in [
            ("commit", &ran.head),
            ("mode", &ran.mode),
            ("evidence", &ran.evidence),
        ] {
            if let Some(value) = value {
                show::line(format!("{name:<9} {value}"));
            }
        }
        if let Some(run) = last.filter(|_| found.state == State::Done) {
            show::line(format!(
                "look      `git -C PROJECT log -p refs/alai/{}`",
                run.id
            ));
        }
    }
    match (&found.state, &found.waiting) {
        (State::Done, _) => Ok(()),
        (_, Some(waiting)) if waiting.reason == WaitReason::QaRetries => Err(CliError::new(
            Kind::Gate,
            format!("it did not pass: {}", show::clean(&waiting.detail)),
        )
        .hinted(waiting.next_action.clone())),
        _ => follow::end_of(&reader, task),
    }
}

fn list(home: &Home, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    for run in reader.runs()? {
        if json {
            show::json(&run)?;
            continue;
        }
        show::line(format!(
            "{} {} {:<9} {:<9} {}",
            run.id,
            run.task,
            run.state.as_str(),
            run.mode.map_or("", alai_core::mode::Mode::as_str),
            show::clean(run.outcome.as_deref().unwrap_or(""))
        ));
    }
    for (run, clone) in kept_clones(home) {
        show::message(&format!(
            "the clone of run {run} is kept, its work could not be taken: {}; try `alai minion recover {run}`",
            clone.display()
        ));
    }
    Ok(())
}

fn recover(home: &Home, run: &str, json: bool) -> Result<(), CliError> {
    let found = door::reader(home)?.find_run(run)?.ok_or_else(|| {
        CliError::new(Kind::NotFound, format!("`{run}` is no run"))
            .hinted("`alai minion list` shows the runs")
    })?;
    let outcome = door::ask(home, Op::Recover { run: found.id })?;
    let Outcome::Recovered {
        branch,
        commit,
        notes,
        ..
    } = &outcome
    else {
        let message = "the factory answered something else than a branch";
        return Err(CliError::new(Kind::Failed, message));
    };
    if json {
        return show::json(&outcome);
    }
    show::line(format!("branch    {branch}"));
    show::line(format!("commit    {commit}"));
    show::line(format!("look      `git -C PROJECT log -p {branch}`"));
    for note in notes {
        show::message(&show::clean(note));
    }
    Ok(())
}
