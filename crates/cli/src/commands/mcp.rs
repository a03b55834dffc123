//! `alai mcp ...`.

use std::process::ExitCode;

use alai_factory::{Home, mcp};

use crate::args::McpCommand;
use crate::commands::company;
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: McpCommand) -> Result<ExitCode, CliError> {
    let McpCommand::Resolve {
        company,
        explain,
        json,
    } = command;
    let packs = door::packs(home)?;
    let found = packs.registry.find(&company);
    let found = found.map_err(|e| company::unknown(&e))?;
    let shown = mcp::show(home, found);
    let shown = shown.map_err(|e| CliError::new(Kind::NeedsSetup, show::clean(&e.to_string())))?;
    if json {
        show::json(&shown)?;
    } else if explain {
        shown
            .lines()
            .iter()
            .for_each(|line| show::line(show::clean(line)));
    } else {
        for server in &shown.servers {
            let words = std::iter::once(&server.command.value).chain(&server.args.value);
            let command: Vec<&str> = words.map(String::as_str).collect();
            show::line(show::clean(&format!(
                "{:<16} {}",
                server.name,
                command.join(" ")
            )));
        }
    }
    // Said beside the data: the explanation holds them, and a list of servers does not.
    if !explain && !json {
        shown
            .problems
            .iter()
            .for_each(|problem| show::message(problem));
    }
    Ok(ExitCode::SUCCESS)
}
