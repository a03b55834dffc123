//! `alai fleet ...`: models, and what they cost.

mod agents;
mod cost;
mod models;
mod probe;
mod record;
mod replay;
mod status;

use std::process::ExitCode;

use alai_core::money::{dollars, parse_dollars};
use alai_factory::fleet::Stands;
use alai_factory::{CapOf, Home, Models, Op};

use crate::args::{CapCommand, FleetCommand};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: FleetCommand) -> Result<ExitCode, CliError> {
    match command {
        FleetCommand::Status { json } => status::run(home, json)?,
        FleetCommand::Models { json } => models::run(home, json)?,
        FleetCommand::Probe { paid, json } => probe::run(home, paid, json)?,
        FleetCommand::Record(command) => record::run(home, command)?,
        FleetCommand::Replay { file, json } => replay::run(&file, json)?,
        FleetCommand::Cost(args) => cost::run(home, &args)?,
        FleetCommand::Cap(command) => cap(home, command)?,
        FleetCommand::Settle { call, dollars } => settle(home, &call, &dollars)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The fleet's settings, with no host looked at yet.
fn models(home: &Home) -> Result<Models, CliError> {
    Ok(Models::new(&door::config(home)?)?)
}

/// Tiers in words: those whose first choice it is, or `-`.
fn first_of<'s>(stands: impl IntoIterator<Item = &'s Stands>) -> String {
    let first = stands.into_iter().filter(|s| s.place == 1);
    let mut first: Vec<u8> = first.map(|s| s.tier).collect();
    first.sort_unstable();
    let first: Vec<String> = first.iter().map(u8::to_string).collect();
    match first.is_empty() {
        true => "-".to_owned(),
        false => first.join(", "),
    }
}

/// The end of a command that needed a model.
fn needs_one(none: &str) -> Result<(), CliError> {
    match none.is_empty() {
        true => Ok(()),
        false => Err(CliError::new(
            Kind::Unreachable,
            format!("no model can be used: {}", show::clean(none)),
        )),
    }
}

fn a_recording() {
    show::line("models  scripted: replies are a recording");
}

fn cap(home: &Home, command: CapCommand) -> Result<(), CliError> {
    let (of, given) = match command {
        CapCommand::Task { id, dollars } => (CapOf::Task { task: id }, dollars),
        CapCommand::Lineage { id, dollars } => (CapOf::Lineage { task: id }, dollars),
        CapCommand::Goal { id, dollars } => (CapOf::Goal { task: id }, dollars),
        CapCommand::Day { dollars } => (CapOf::Today, dollars),
    };
    let microusd = amount(&given)?;
    door::ask(home, Op::Cap { of, microusd })?;
    show::line(format!("capped  {of} at {}", dollars(microusd)));
    Ok(())
}

fn settle(home: &Home, call: &str, given: &str) -> Result<(), CliError> {
    let microusd = amount(given)?;
    let parts = call.split_once('/');
    let Some((run, Ok(number))) = parts.map(|(run, number)| (run, number.parse::<u32>())) else {
        let message = format!("`{call}` names no call");
        return Err(
            CliError::new(Kind::Usage, message).hinted("`alai fleet cost` names them as RUN/CALL")
        );
    };
    let Some(found) = door::reader(home)?.find_run(run)? else {
        let message = format!(
            "there is no run `{}`, or several are called so",
            show::clean(run)
        );
        return Err(CliError::new(Kind::NotFound, message)
            .hinted("`alai fleet cost` names the calls of which it is unknown"));
    };
    let op = Op::SettleCall {
        run: found.id.clone(),
        call: number,
        microusd,
    };
    door::ask(home, op)?;
    show::line(format!(
        "settled {}/{number} at {}",
        found.id,
        dollars(microusd)
    ));
    Ok(())
}

fn amount(given: &str) -> Result<u64, CliError> {
    parse_dollars(given).map_err(|e| CliError::new(Kind::Usage, show::clean(&e)))
}
