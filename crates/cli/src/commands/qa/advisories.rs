//! `alai qa advisories`: the known weaknesses of packages that check 13 looks up.

use alai_core::time::utc;
use alai_factory::{Home, ShelfError, advisories};
use alai_gate::advisories::{AGE_DAYS_MAX, Snapshot};
use serde::Serialize;

use crate::args::{AdvisoriesArgs, AdvisoriesCommand};
use crate::error::{CliError, Kind};
use crate::{door, show};

/// The documented object.
#[derive(Serialize)]
struct Shown {
    /// None where there are none.
    advisories: Option<usize>,
    source: Option<String>,
    as_of_ms: Option<i64>,
    imported_ms: Option<i64>,
    age_days: Option<i64>,
    /// Older ones let no new version through without a person.
    age_days_max: i64,
    sha256: Option<String>,
}

pub(super) fn advisories(home: &Home, args: AdvisoriesArgs) -> Result<(), CliError> {
    door::needs_home(home)?;
    let now = door::now_ms();
    match args.command {
        Some(AdvisoriesCommand::Import { path }) => {
            let path = path.canonicalize().map_err(|e| {
                CliError::new(
                    Kind::NotFound,
                    format!("cannot read {}: {e}", path.display()),
                )
            })?;
            let read = advisories::import(home, &path, now).map_err(|e| failed(&e))?;
            shown(Some(&read), now, args.json)
        }
        Some(AdvisoriesCommand::Update) => {
            let urls = door::config(home)?.advisory_urls;
            let read = advisories::update(home, &urls, now).map_err(|e| failed(&e))?;
            shown(Some(&read), now, args.json)
        }
        None | Some(AdvisoriesCommand::Status) => {
            let known = advisories::snapshot(home).map_err(|e| failed(&e))?;
            shown(known.as_ref(), now, args.json)
        }
    }
}

fn shown(known: Option<&Snapshot>, now: i64, json: bool) -> Result<(), CliError> {
    if json {
        return show::json(&Shown {
            advisories: known.map(|s| s.entries.len()),
            source: known.map(|s| s.source.display().to_string()),
            as_of_ms: known.map(|s| s.as_of_ms),
            imported_ms: known.map(|s| s.imported_ms),
            age_days: known.map(|s| s.age_days(now)),
            age_days_max: AGE_DAYS_MAX,
            sha256: known.map(Snapshot::sha256),
        });
    }
    let Some(known) = known else {
        show::line("advisories  none: a person judges every changed lockfile");
        show::message("`alai qa advisories import PATH` reads files in the form of OSV");
        return Ok(());
    };
    show::line(format!(
        "advisories  {} from {}",
        known.entries.len(),
        show::clean(&known.source.display().to_string())
    ));
    let age = known.age_days(now);
    show::line(format!(
        "as of       {}, {age} days old",
        utc(known.as_of_ms)
    ));
    show::line(format!("sha256      {}", known.sha256()));
    if age > AGE_DAYS_MAX {
        show::line(format!(
            "too old     after {AGE_DAYS_MAX} days a person judges every changed lockfile: `alai qa advisories update`"
        ));
    }
    Ok(())
}

fn failed(error: &ShelfError) -> CliError {
    let (kind, hint) = match error {
        ShelfError::Advisory(_) | ShelfError::File { .. } => (
            Kind::Failed,
            "`alai qa advisories import PATH` reads a file, folder or archive in the form of OSV",
        ),
        ShelfError::Download(_) => (
            Kind::Failed,
            "what was in force stays; `[advisories] urls` of alai.toml names the addresses",
        ),
        ShelfError::NoSource => (
            Kind::NeedsSetup,
            "`alai qa advisories import PATH` names where they are read from, `[advisories] urls` of alai.toml where they are fetched",
        ),
        ShelfError::Older { .. } => (
            Kind::Failed,
            "bring newer files there, or `alai qa advisories import PATH` if the older ones are meant",
        ),
        ShelfError::NotSigned { .. } => (
            Kind::Gate,
            "`alai qa advisories import PATH` brings them anew",
        ),
    };
    CliError::new(kind, show::clean(&error.to_string())).hinted(hint)
}
