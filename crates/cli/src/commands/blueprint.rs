//! `alai blueprint ...`: one file per command.

mod dry;
mod graph;
mod list;
mod run;
mod show;
mod validate;

use std::process::ExitCode;

use alai_core::blueprint::BlueprintError;
use alai_core::company::Company;
use alai_factory::{Home, Packs};

use crate::args::BlueprintCommand;
use crate::commands::company;
use crate::error::{CliError, Kind};
use crate::show::clean;

pub(crate) fn run(home: &Home, command: BlueprintCommand) -> Result<ExitCode, CliError> {
    match command {
        BlueprintCommand::List { company, json } => list::list(home, company.as_deref(), json)?,
        BlueprintCommand::Show {
            name,
            resolved,
            company,
            json,
        } => show::show(home, &name, company.as_deref(), resolved, json)?,
        BlueprintCommand::Validate { blueprints, json } => {
            validate::validate(home, &blueprints, json)?
        }
        BlueprintCommand::Graph {
            name,
            format,
            company,
        } => graph::graph(home, &name, company.as_deref(), format)?,
        BlueprintCommand::Run(args) if args.dry_run => dry::run(home, &args)?,
        BlueprintCommand::Run(args) => run::run(home, args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The company that a person names, if one is named.
fn company<'p>(packs: &'p Packs, name: Option<&str>) -> Result<Option<&'p Company>, CliError> {
    let found = name.map(|name| packs.registry.find(name)).transpose();
    found.map_err(|e| company::unknown(&e))
}

fn refused(error: &BlueprintError) -> CliError {
    let told = |kind| CliError::new(kind, clean(&error.to_string()));
    if matches!(error, BlueprintError::NotFound { .. }) {
        return told(Kind::NotFound).hinted("`alai blueprint list` shows the blueprints");
    }
    let is_usage = matches!(
        error,
        BlueprintError::UnknownInput { .. } | BlueprintError::BadInput { .. }
    );
    told(if is_usage { Kind::Usage } else { Kind::Gate })
}
