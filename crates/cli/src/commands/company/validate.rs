//! `alai company validate`: everything that is wrong, with file and line.

use std::path::Path;

use alai_factory::validate::{self, Checked};
use alai_factory::{Home, Models, PacksError};

use crate::commands::checked;
use crate::door;
use crate::error::CliError;

pub(super) fn validate(home: &Home, pack: Option<&str>, json: bool) -> Result<(), CliError> {
    door::needs_home(home)?;
    let found = look(home, pack).map_err(|e| match &e {
        PacksError::Read { .. } => super::unread(&e),
        PacksError::Write { .. }
        | PacksError::Refused { .. }
        | PacksError::Secret { .. }
        | PacksError::Model { .. }
        | PacksError::Texts { .. }
        | PacksError::Off { .. }
        | PacksError::Company(_)
        | PacksError::Blueprint(_) => super::home(&e),
    })?;
    checked::told("company", "companies", &found, json)
}

fn look(home: &Home, pack: Option<&str>) -> Result<Vec<Checked>, PacksError> {
    // A name holds no `/`, so that a folder of the same name beside whoever asks is never meant by chance.
    let folder = pack.filter(|pack| pack.contains('/') || *pack == "." || *pack == "..");
    if let Some(folder) = folder {
        return Ok(vec![validate::folder(home, Path::new(folder))?]);
    }
    let config = door::config(home).ok();
    let models = config.map(|config| Models::new(&config)).transpose();
    let models = models.ok().flatten();
    validate::companies(home, models.as_ref(), pack)
}
