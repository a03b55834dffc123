//! `alai qa ...`: one file per command.

mod advisories;
mod calibrate;
mod check;
mod scanners;
mod verifiers;

use std::process::ExitCode;

use alai_factory::Home;

pub(crate) use self::verifiers::thread_line;
use crate::args::QaCommand;
use crate::error::CliError;

pub(crate) fn run(home: &Home, command: QaCommand) -> Result<ExitCode, CliError> {
    match command {
        QaCommand::Check(args) => check::check(home, &args)?,
        QaCommand::Advisories(args) => advisories::advisories(home, args)?,
        QaCommand::Calibrate(args) => calibrate::run(home, &args)?,
        QaCommand::Scanners { json } => scanners::run(json)?,
        QaCommand::Verifiers { json } => verifiers::run(home, json)?,
    }
    Ok(ExitCode::SUCCESS)
}
