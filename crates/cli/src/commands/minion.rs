//! `alai minion ...`: one file per command.

mod enqueue;
mod list;
mod log;
mod page;
mod recover;
mod run;
mod status;
mod stop;
mod tell;
mod uncaged;

use std::path::PathBuf;
use std::process::ExitCode;

use alai_core::cage::Sandbox;
use alai_core::task::Priority;
use alai_factory::{AddTask, Home, Saying, evidence_dir};
use alai_mission::RunRow;

use crate::args::{MinionCommand, MinionWorkArgs};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: MinionCommand) -> Result<ExitCode, CliError> {
    match command {
        MinionCommand::Run(args) => run::run(home, args)?,
        MinionCommand::Enqueue(args) => enqueue::enqueue(home, args.work)?,
        MinionCommand::Status { json } => status::status(home, json)?,
        MinionCommand::List { json } => list::list(home, json)?,
        MinionCommand::Show { run, json } => page::show(home, &run, json)?,
        MinionCommand::Log { run, follow, json } => log::log(home, &run, follow, json)?,
        MinionCommand::Tell { run, text, json } => tell::tell(home, &run, text, json)?,
        MinionCommand::Stop { run, text, json } => stop::stop(home, &run, text, json)?,
        MinionCommand::Recover { run, json } => recover::recover(home, &run, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Less of a run's name is a slip, and there are commands that end what they find.
const NAME_BYTES_MIN: usize = 4;

/// Runs that are named where several are meant: as many as fit on a screen.
const MEANT_MAX: usize = 10;

/// The one run that a person means.
pub(crate) fn find(home: &Home, run: &str) -> Result<RunRow, CliError> {
    let found = match run.len() < NAME_BYTES_MIN {
        true => Vec::new(),
        false => door::reader(home)?.runs_called(run)?,
    };
    match <[RunRow; 1]>::try_from(found) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => {
            Err(CliError::new(Kind::NotFound, format!("`{run}` is no run"))
                .hinted("`alai minion list` shows the runs"))
        }
        Err(several) => Err(ambiguous(run, &several)),
    }
}

/// Nothing is done to any of them.
fn ambiguous(run: &str, several: &[RunRow]) -> CliError {
    let message = format!("`{run}` is ambiguous: {} runs are called so", several.len());
    let mut error = CliError::new(Kind::Usage, message)
        .hinted("write more of its name, from its beginning or its end");
    // The newest are the ones that people ask about.
    for row in several.iter().rev().take(MEANT_MAX) {
        let state = row.state.as_str();
        error = error.hinted(format!("{} is a run of {}, {state}", row.id, row.task));
    }
    if several.len() > MEANT_MAX {
        error = error.hinted("`alai minion list` shows all of them");
    }
    error
}

/// What a model says now, on one line of so many columns: of a long text its end.
fn saying(saying: &Saying, columns: usize) -> String {
    let does = if saying.thinks { "thinks" } else { "writes" };
    let head = format!("{does}, {} characters: ", saying.chars);
    let text = show::clean(&saying.tail);
    let (room, count) = (columns.saturating_sub(head.len()), text.chars().count());
    match count > room {
        true => {
            let end = text.chars().skip(count - room.saturating_sub(3));
            format!("{head}...{}", end.collect::<String>())
        }
        false => format!("{head}{text}"),
    }
}

/// Where a run's trajectory is: beside its clone, or, when that was removed by age, in its evidence.
fn trajectory(home: &Home, run: &RunRow) -> PathBuf {
    let path = home.trajectory(&run.id);
    match evidence_dir(home, run) {
        Some(evidence) if !path.exists() => evidence.join("trajectory.jsonl"),
        Some(_) | None => path,
    }
}

/// A task of its own, which is measured and not merged.
fn task(home: &Home, args: MinionWorkArgs) -> Result<AddTask, CliError> {
    let inputs = door::inputs(args.inputs)?;
    Ok(AddTask {
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
        paths: Vec::new(),
        company: args.company,
        model: args.model,
        blueprint: args.blueprint,
        inputs,
        solo: true,
        hold: false,
        sandbox: Sandbox::On,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_fits_a_line_and_keeps_its_end() {
        let said = |tail: &str, columns| {
            let now = Saying {
                thinks: tail.is_empty(),
                chars: 12,
                tail: tail.to_owned(),
                at_ms: 0,
            };
            saying(&now, columns)
        };
        assert_eq!(
            said("one two three", 80),
            "writes, 12 characters: one two three"
        );
        assert_eq!(
            said("one two three", 33),
            "writes, 12 characters: ...o three"
        );
        assert_eq!(said("one two three", 3), "writes, 12 characters: ...");
        assert_eq!(said("", 80), "thinks, 12 characters: ");
        assert!(!said("a \u{1b}[2J b", 80).contains('\u{1b}'));
    }
}
