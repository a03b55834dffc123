//! `alai company new`: a whole pack to begin with.

use alai_factory::exchange::{self, ExchangeError};
use alai_factory::{Home, Models};
use serde::Serialize;

use crate::args::CompanyNewArgs;
use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct Made {
    name: String,
    version: String,
    folder: String,
    files: Vec<String>,
}

pub(super) fn new(home: &Home, args: &CompanyNewArgs) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let from = match &args.from {
        None => None,
        Some(from) => {
            let company = packs.registry.find(from).map_err(|e| super::unknown(&e))?;
            let files = alai_factory::files_of(home, &company.name);
            let files = files.map_err(|e| super::exchange(ExchangeError::Home(e)))?;
            Some((company, files.unwrap_or_default()))
        }
    };
    let models = Models::new(&door::config(home)?)?;
    let coming = exchange::blank(home, &models, &args.name, &args.stages, from);
    let coming = coming.map_err(super::exchange)?;
    exchange::bring_in(home, &coming).map_err(super::exchange)?;
    let made = Made {
        folder: home.companies().join(&coming.name).display().to_string(),
        files: coming
            .changes
            .iter()
            .map(|change| change.path.clone())
            .collect(),
        name: coming.name,
        version: coming.version,
    };
    if args.json {
        return show::json(&made);
    }
    show::line(format!("made      {} in {}", made.name, made.folder));
    show::line(format!(
        "next      edit CLAUDE.md and company.json, then `alai company validate {}`",
        made.name
    ));
    Ok(())
}
