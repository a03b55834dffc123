//! `alai qa ...`: one file per command.

mod check;

use std::process::ExitCode;

use alai_factory::Home;

use crate::args::QaCommand;
use crate::error::CliError;

pub(crate) fn run(home: &Home, command: QaCommand) -> Result<ExitCode, CliError> {
    match command {
        QaCommand::Check(args) => check::check(home, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}
