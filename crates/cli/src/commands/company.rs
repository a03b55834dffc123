//! `alai company ...`: one file per command.

mod export;
mod import;
mod info;
mod list;
mod new;
mod route;
mod validate;

use std::path::Path;
use std::process::ExitCode;

use alai_core::company::CompanyError;
use alai_factory::exchange::ExchangeError;
use alai_factory::{Home, PacksError};
use alai_workspace::files::is_full;

use crate::args::CompanyCommand;
use crate::error::{CliError, Kind};
use crate::show;

pub(crate) fn run(home: &Home, command: CompanyCommand) -> Result<ExitCode, CliError> {
    match command {
        CompanyCommand::List { json } => list::list(home, json)?,
        CompanyCommand::Info { name, json } => info::info(home, &name, json)?,
        CompanyCommand::Validate { pack, json } => validate::validate(home, pack.as_deref(), json)?,
        CompanyCommand::New(args) => new::new(home, &args)?,
        CompanyCommand::Route(args) => route::route(home, &args)?,
        CompanyCommand::Export(args) => export::export(home, &args)?,
        CompanyCommand::Import(args) => import::import(home, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The error of whoever named a company that is not there.
pub(crate) fn unknown(error: &CompanyError) -> CliError {
    let kind = match matches!(error, CompanyError::Unknown { .. }) {
        true => Kind::NotFound,
        false => Kind::Failed,
    };
    CliError::new(kind, show::clean(&error.to_string()))
        .hinted("`alai company list` shows the companies")
}

/// The error of a home whose packs cannot be read.
fn home(error: &PacksError) -> CliError {
    if let PacksError::Company(e @ CompanyError::Unknown { .. }) = error {
        return unknown(e);
    }
    CliError::new(Kind::NeedsSetup, show::clean(&error.to_string()))
}

/// A pack is a stranger's text, and so is what is said of it.
fn exchange(error: ExchangeError) -> CliError {
    let kind = match &error {
        ExchangeError::Name { .. } | ExchangeError::Exists { .. } => Kind::Usage,
        ExchangeError::Home(_) => Kind::NeedsSetup,
        ExchangeError::Archive { .. }
        | ExchangeError::Secret { .. }
        | ExchangeError::File { .. }
        | ExchangeError::Invalid(_)
        | ExchangeError::Misfit(_)
        | ExchangeError::ChangedMeanwhile { .. }
        | ExchangeError::AtWork { .. }
        | ExchangeError::NotSynced { .. }
        | ExchangeError::Disk(_) => Kind::Failed,
    };
    let told = CliError::new(kind, show::clean(&error.to_string()));
    let hint = match &error {
        ExchangeError::Misfit(PacksError::Company(e)) => {
            let shared = matches!(
                e,
                CompanyError::TwoOwners { .. } | CompanyError::TwoDefaults { .. }
            );
            shared.then_some(
                "`--name NAME` takes it in beside the other, without its aliases and defaults",
            )
        }
        ExchangeError::ChangedMeanwhile { .. } => Some("give the command again"),
        ExchangeError::AtWork { .. } => {
            Some("give the command again when its run is over (`alai minion list`)")
        }
        ExchangeError::Exists { .. } => Some("choose another name, or edit the one that is there"),
        ExchangeError::NotSynced { .. } => Some(
            "look after the disk, then see what is there with `alai company list`; the next import removes what is kept",
        ),
        ExchangeError::Disk(e) if e.is_full() => {
            Some("nothing of it is in the home; free some space there and give the command again")
        }
        ExchangeError::Archive { .. }
        | ExchangeError::Secret { .. }
        | ExchangeError::File { .. }
        | ExchangeError::Invalid(_)
        | ExchangeError::Misfit(_)
        | ExchangeError::Home(_)
        | ExchangeError::Name { .. }
        | ExchangeError::Disk(_) => None,
    };
    match hint {
        Some(hint) => told.hinted(hint),
        None => told,
    }
}

/// An error of packs that cannot be read: a path that a person gave, and that is not there, is one of its own.
pub(crate) fn unread(error: &PacksError) -> CliError {
    let kind = match error {
        PacksError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Kind::NotFound
        }
        PacksError::Read { .. }
        | PacksError::Write { .. }
        | PacksError::Refused { .. }
        | PacksError::Secret { .. }
        | PacksError::Model { .. }
        | PacksError::Texts { .. }
        | PacksError::Off { .. }
        | PacksError::Company(_)
        | PacksError::Blueprint(_) => Kind::Failed,
    };
    CliError::new(kind, show::clean(&error.to_string()))
}

/// `disk full`, with what was tried on what.
fn file(what: &str, path: &Path, error: &std::io::Error) -> CliError {
    let kind = match error.kind() == std::io::ErrorKind::NotFound {
        true => Kind::NotFound,
        false => Kind::Failed,
    };
    let told = CliError::new(kind, format!("cannot {what} {}: {error}", path.display()));
    match is_full(error) {
        true => {
            told.hinted("nothing was written; free some space there and give the command again")
        }
        false => told,
    }
}
