//! `alai minion run`: one agent, one task, waited for.

use alai_core::cage::Sandbox;
use alai_core::task::{State, WaitReason};
use alai_factory::{Around, Home, Views, newest_evidence};
use serde::Serialize;

use super::uncaged;
use crate::args::MinionRunArgs;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

#[derive(Serialize)]
struct Ran {
    task: alai_core::ids::TaskId,
    state: State,
    head: Option<String>,
    run: Option<String>,
    mode: Option<String>,
    /// Of the last run.
    sandbox: Sandbox,
    evidence: Option<String>,
}

pub(super) fn run(home: &Home, args: MinionRunArgs) -> Result<(), CliError> {
    let json = args.work.json;
    let task = match args.sandbox {
        Sandbox::On => follow::add_and_settle(home, super::task(home, args.work)?)?,
        Sandbox::Off => uncaged::run(home, args.work)?,
    };
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
        sandbox: last.map_or(Sandbox::On, |r| r.sandbox),
        evidence: newest_evidence(home, &runs).map(|p| p.display().to_string()),
    };
    if json {
        show::json(&ran)?;
    } else {
        let views = Views::new(&reader, door::now_ms(), Around::at_work());
        show::line(show::listed(&views, &found)?);
        for (name, value) in [
            ("commit", &ran.head),
            ("mode", &ran.mode),
            ("evidence", &ran.evidence),
        ] {
            if let Some(value) = value {
                show::line(format!("{name:<9} {value}"));
            }
        }
        if ran.sandbox == Sandbox::Off {
            show::line("sandbox   off");
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
