//! `alai blueprint validate`.

use std::path::Path;

use alai_factory::validate::{self, Checked};
use alai_factory::{Home, PacksError};

use crate::commands::{checked, company};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(super) fn validate(home: &Home, wanted: &[String], json: bool) -> Result<(), CliError> {
    door::needs_home(home)?;
    let unreadable = |e: PacksError| CliError::new(Kind::NeedsSetup, show::clean(&e.to_string()));
    if wanted.is_empty() {
        let found = validate::blueprints(home).map_err(unreadable)?;
        return checked::told("blueprint", "blueprints", &found, json);
    }
    let is_file =
        |name: &String| name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml");
    let mut found = Vec::new();
    for name in wanted {
        if is_file(name) && Path::new(name).extension().is_some() {
            found.push(file(home, name)?);
            continue;
        }
        let all = validate::blueprints(home).map_err(unreadable)?;
        // `NAME`, or `COMPANY/NAME` for a company's own.
        let called = |c: &Checked| c.name == *name || c.name.ends_with(&format!("/{name}"));
        let called: Vec<Checked> = all.into_iter().filter(called).collect();
        if called.is_empty() {
            let message = format!("there is no blueprint `{}`", show::clean(name));
            return Err(CliError::new(Kind::NotFound, message).hinted(
                "`alai blueprint list` shows the blueprints; a file is given with its ending",
            ));
        }
        found.extend(called);
    }
    checked::told("blueprint", "blueprints", &found, json)
}

fn file(home: &Home, path: &str) -> Result<Checked, CliError> {
    validate::blueprint_file(home, Path::new(path)).map_err(|e| company::unread(&e))
}
