//! `alai revert`: takes merged work back.

use std::process::ExitCode;

use alai_core::task::State;
use alai_factory::{Home, Op, Outcome};

use crate::args::RevertArgs;
use crate::commands::mc;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

pub(crate) fn run(home: &Home, args: RevertArgs) -> Result<ExitCode, CliError> {
    let (task, wait) = (args.task, args.wait);
    let op = Op::Revert {
        task,
        text: args.reason,
    };
    let Outcome::Task { task: made, state } = door::ask(home, op)? else {
        return Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a task",
        ));
    };
    mc::shown(home, made)?;
    show::line(match state {
        State::ReadyForReview => format!("revert   {made} takes {task} back; its gate is next"),
        State::Open
        | State::Started
        | State::Waiting
        | State::Paused
        | State::Done
        | State::Failed
        | State::Cancelled => {
            format!(
                "revert   later work touches the same lines, so {made} takes {task} back by hand"
            )
        }
    });
    if wait {
        follow::until_settled(home, made)?;
        follow::end_of(&door::reader(home)?, made)?;
    } else if door::pulse(home).is_none() {
        show::message("no daemon runs; `alai up` goes on");
    }
    Ok(ExitCode::SUCCESS)
}
