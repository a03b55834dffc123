//! Packs and blueprints as texts, unread: for whoever shows, checks or carries them.

use std::collections::BTreeMap;
use std::path::Path;

use alai_core::company::{Registry, Texts};
use alai_core::parcel::Files;

use crate::home::Home;
use crate::packs::{self, Packs, PacksError};

/// The names of all companies, the home's and the shipped ones that it lacks, in order.
pub(crate) fn company_names(home: &Home) -> Result<Vec<String>, PacksError> {
    packs::company_names(home)
}

/// The company that a person names: by its own name, also in a home that cannot be loaded, else by an alias.
///
/// # Errors
/// When there is none, or the home cannot be read.
pub fn company_called(home: &Home, name: &str) -> Result<String, PacksError> {
    let names = company_names(home)?;
    let found = names.into_iter().find(|own| own.eq_ignore_ascii_case(name));
    match found {
        Some(own) => Ok(own),
        None => Ok(Packs::load(home)?.registry.find(name)?.name.clone()),
    }
}

/// The files of a company's pack, the home's or else the shipped one; none where there is no such company. Its scratch is not among them.
///
/// # Errors
/// When one of them cannot be read.
pub fn files_of(home: &Home, name: &str) -> Result<Option<Files>, PacksError> {
    let dir = home.companies().join(name);
    match dir.symlink_metadata() {
        Ok(found) if found.is_dir() => packs::read_pack(&dir).map(Some),
        Ok(_) => Err(PacksError::Refused {
            path: dir,
            why: packs::NO_FOLDER,
        }),
        Err(_) => Ok(packs::shipped_files(name)),
    }
}

/// The text of a company's `config.json`; none where it cannot be read.
pub(crate) fn config_of(home: &Home, name: &str) -> Option<String> {
    files_of(home, name).ok()??.remove("config.json")
}

/// All blueprints and their templates, by name: the home's, else the shipped one.
pub(crate) fn blueprint_texts(home: &Home) -> Result<BTreeMap<String, String>, PacksError> {
    packs::blueprint_texts(home)
}

/// The blueprints of one folder, and the templates beside them.
pub(crate) fn blueprints_in(dir: &Path) -> Result<BTreeMap<String, String>, PacksError> {
    packs::blueprints_beside(dir)
}

/// Packs of companies and blueprints that were read one by one.
pub(crate) fn packs(
    registry: Registry,
    blueprints: BTreeMap<String, String>,
    texts: BTreeMap<String, Texts>,
) -> Packs {
    Packs::of(registry, blueprints, texts)
}
