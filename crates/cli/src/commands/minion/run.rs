//! `alai minion run`: one agent, one task, waited for.

use alai_core::task::{State, WaitReason};
use alai_factory::{Home, newest_evidence};
use serde::Serialize;

use crate::args::MinionWorkArgs;
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

pub(super) fn run(home: &Home, args: MinionWorkArgs) -> Result<(), CliError> {
    let json = args.json;
    let task = super::task(home, args)?;
    let task = follow::add_and_settle(home, task)?;
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
    if json {
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
