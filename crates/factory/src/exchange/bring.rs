//! What an import would change, and the change itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alai_core::blueprint::TEMPLATES;
use alai_core::company::{Company, Texts, check, check_names};
use alai_core::parcel::{self, Act, Change, Files};
use alai_workspace::files::{self, FileError};
use alai_workspace::{cage, crash, swap};
use serde::Serialize;
use similar::TextDiff;

use super::{ExchangeError, Parcel, renamed};
use crate::home::Home;
use crate::models::Models;
use crate::packs::{Packs, PacksError};
use crate::shelf;
use crate::work::lead::SCRATCH;

/// Longest search for a small difference of two texts; a larger difference is said instead.
const DIFF_TIME: Duration = Duration::from_millis(500);
/// Beginning of the names of folders in which packs are made ready.
const STAGE: &str = "pack-";

/// A pack at the door, with what it would do.
#[derive(Debug, Clone)]
pub struct Coming {
    pub name: String,
    pub version: String,
    /// The version that is there now.
    pub was: Option<String>,
    pub changes: Vec<FileChange>,
    pub acts: Vec<Act>,
    /// Names that the pack wants values for.
    pub placeholders: Vec<String>,
    files: Files,
    /// What is in its place now; `None` where there is nothing.
    before: Option<Files>,
}

impl Coming {
    /// Whether nothing is in its place yet.
    pub fn is_new(&self) -> bool {
        self.before.is_none()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    pub path: String,
    pub change: Change,
    /// Bytes afterwards.
    pub bytes: usize,
    /// For a changed file: a unified difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// Judges a pack against the home that it would come into. Nothing is written.
///
/// # Errors
/// When the pack cannot be used, or not beside the home's other companies, or not with its models.
pub fn weigh(
    home: &Home,
    models: &Models,
    parcel: Parcel,
    name: Option<&str>,
) -> Result<Coming, ExchangeError> {
    let from = parcel.manifest.name.as_str();
    let name = name.unwrap_or(from).to_owned();
    let files = renamed(&parcel.files, from, &name)?;
    let coming = judged(home, models, name, files, parcel.manifest.placeholders)?;
    if coming.version != parcel.manifest.version {
        let why = "its version is another one in alai-pack.json than in company.json";
        return Err(ExchangeError::archive(why));
    }
    Ok(coming)
}

/// The same for files that are made here.
pub(super) fn judged(
    home: &Home,
    models: &Models,
    name: String,
    files: Files,
    placeholders: Vec<String>,
) -> Result<Coming, ExchangeError> {
    let (company, texts) = check(&name, &files).map_err(ExchangeError::Invalid)?;
    let now = Packs::load(home).map_err(ExchangeError::Home)?;
    let problems = check_names(&company, &texts, &files, &now.blueprints);
    if !problems.is_empty() {
        return Err(ExchangeError::Invalid(problems));
    }
    let version = company.version.clone();
    fits(home, &now, models, (company, texts), &files).map_err(ExchangeError::Misfit)?;
    let before = shelf::files_of(home, &name).map_err(ExchangeError::Home)?;
    let old = before.clone().unwrap_or_default();
    let changes = parcel::changes(&old, &files).into_iter();
    // What no pack has stays where it is, so it does not change.
    let changes = changes.filter(|(path, _)| parcel::outside_pack(path).is_none());
    let changes = changes.map(|(path, change)| shown(path, change, &old, &files));
    let was = now.registry.companies().iter().find(|c| c.name == name);
    Ok(Coming {
        version,
        was: was.map(|company| company.version.clone()),
        changes: changes.collect(),
        acts: parcel::acts(&old, &files, &now.blueprints),
        placeholders,
        name,
        files,
        before,
    })
}

/// Whether the home's companies can be read with this one in its place: names and defaults, its blueprints, its models.
fn fits(
    home: &Home,
    now: &Packs,
    models: &Models,
    (company, texts): (Company, Texts),
    files: &Files,
) -> Result<(), PacksError> {
    let name = company.name.clone();
    let then = now.with(company, texts)?;
    let company = then.registry.find(&name)?;
    let own = company.blueprints.iter().map(String::as_str);
    for blueprint in own.chain(company.walks.names()) {
        if !blueprint.starts_with(TEMPLATES) {
            then.resolved(Some(company), blueprint, &BTreeMap::new())?;
        }
    }
    let misfits = models.misfits(&then, &|other| match other == name {
        true => files.get("config.json").cloned(),
        false => shelf::config_of(home, other),
    });
    // What is wrong with another company is no fault of this one.
    let own =
        |misfit: &PacksError| matches!(misfit, PacksError::Model { pack, .. } if *pack == name);
    match misfits.into_iter().find(own) {
        None => Ok(()),
        Some(misfit) => Err(misfit),
    }
}

fn shown(path: String, change: Change, old: &Files, new: &Files) -> FileChange {
    let text = |files: &Files| files.get(&path).cloned().unwrap_or_default();
    let (before, after) = (text(old), text(new));
    let diff = (change == Change::Changed).then(|| {
        TextDiff::configure()
            .timeout(DIFF_TIME)
            .diff_lines(&before, &after)
            .unified_diff()
            .header(&format!("a/{path}"), &format!("b/{path}"))
            .to_string()
    });
    FileChange {
        bytes: after.len(),
        path,
        change,
        diff,
    }
}

/// Puts the pack in its place. A kill at any moment leaves the old pack whole or the new one.
///
/// # Errors
/// When the place was changed since it was weighed, or cannot be written.
pub fn bring_in(home: &Home, coming: &Coming) -> Result<(), ExchangeError> {
    let cache = home.cache();
    files::private_dir_all(&cache)?;
    files::private_dir_all(&home.companies())?;
    let _lock = lock(&cache)?;
    sweep(&cache)?;
    let now = shelf::files_of(home, &coming.name).map_err(ExchangeError::Home)?;
    if now != coming.before {
        let name = coming.name.clone();
        return Err(ExchangeError::ChangedMeanwhile { name });
    }
    let place = home.companies().join(&coming.name);
    let _nobody_leads = nobody_leads(&place, &coming.name)?;
    let stage = cache.join(format!("{STAGE}{}", uuid::Uuid::now_v7()));
    cleared(&stage, put(&stage, &place, &coming.files))
}

/// Removes the stage, unless the folder that is in it now may be the only one after a loss of power.
fn cleared(stage: &Path, placed: Result<(), ExchangeError>) -> Result<(), ExchangeError> {
    if !matches!(placed, Err(ExchangeError::NotSynced { .. })) {
        // On a full disk half a pack would take what little room there is. What cannot be removed now, the next import removes.
        let _ = files::remove(stage);
    }
    placed
}

/// Makes the pack ready beside the home's companies, and exchanges it for the one that is there.
fn put(stage: &Path, place: &Path, pack: &Files) -> Result<(), ExchangeError> {
    files::private_dir(stage)?;
    keep_the_rest(place, stage)?;
    write_all(stage, pack)?;
    crash::point("import.staged");
    let placed = swap::put_in_place(stage, place)?;
    crash::point("import.placed");
    match placed.unsynced {
        None => Ok(()),
        Some(source) => Err(ExchangeError::NotSynced {
            old: stage.to_owned(),
            source,
        }),
    }
}

/// One import at a time. The lock goes with the process.
fn lock(cache: &Path) -> Result<std::fs::File, ExchangeError> {
    let path = cache.join("packs.lock");
    let open = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    let held = open.and_then(|file| file.lock().map(|()| file));
    held.map_err(|source| on("lock", &path)(source).into())
}

/// Keeps leads of a company from their notes: one at work could put a link in the place of a folder that is just being copied. None where
/// the company has no folder yet.
fn nobody_leads(place: &Path, name: &str) -> Result<Option<std::fs::File>, ExchangeError> {
    let folder = match std::fs::File::open(place) {
        Ok(folder) => folder,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(on("open", place)(e).into()),
    };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(std::fs::TryLockError::WouldBlock) => Err(ExchangeError::AtWork {
            name: name.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(e)) => Err(on("lock", place)(e).into()),
    }
}

/// What killed imports left. Nobody else is at work here: the lock is ours.
fn sweep(cache: &Path) -> Result<(), ExchangeError> {
    let entries = std::fs::read_dir(cache).map_err(on("read", cache))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGE) {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Copies what is no part of a pack and stands in its folder: its scratch (`logs`, `state`), and what a person has put there.
fn keep_the_rest(place: &Path, stage: &Path) -> Result<(), ExchangeError> {
    // What is not copied is removed with the old pack: only a company that is not there yet has nothing to keep.
    let entries = match std::fs::read_dir(place) {
        Ok(entries) => Some(entries),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(on("read", place)(e).into()),
    };
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(on("read", place))?;
        let name = entry.file_name();
        let kind = entry.file_type().map_err(on("look at", &entry.path()))?;
        let inside = match kind.is_dir() {
            true => format!("{}/x", name.to_string_lossy()),
            false => name.to_string_lossy().into_owned(),
        };
        if parcel::outside_pack(&inside).is_some() {
            let notes = SCRATCH.iter().any(|scratch| *scratch == name);
            let owner = cage::agent_ids().filter(|_| notes);
            files::copy(&entry.path(), &stage.join(&name), owner)?;
        }
    }
    for scratch in SCRATCH {
        files::private_dir_all(&stage.join(scratch))?;
    }
    Ok(())
}

fn write_all(stage: &Path, files: &BTreeMap<String, String>) -> Result<(), ExchangeError> {
    let mut folders: Vec<PathBuf> = vec![stage.to_owned()];
    for (path, text) in files
        .iter()
        .filter(|(path, _)| parcel::outside_pack(path).is_none())
    {
        let path = stage.join(path);
        let folder = path.parent().unwrap_or(stage).to_owned();
        files::private_dir_all(&folder)?;
        folders.push(folder);
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(on("write", &path))?;
    }
    folders.dedup();
    for folder in folders {
        files::sync_dir(&folder)?;
    }
    Ok(())
}

fn on(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_place_that_cannot_be_read_is_not_taken_for_an_empty_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let (stage, place) = (dir.path().join("stage"), dir.path().join("place"));
        fs::create_dir(&stage).expect("made");
        keep_the_rest(&place, &stage).expect("nothing is there to keep");
        // A listing that fails, other than by an absence.
        fs::write(&place, "").expect("written");
        let Err(ExchangeError::Disk(e)) = keep_the_rest(&place, &stage) else {
            panic!("it counted as empty");
        };
        assert_eq!(e.source.kind(), ErrorKind::NotADirectory, "{e}");
        fs::remove_file(&place).expect("removed");
        fs::create_dir(&place).expect("made");
        fs::write(place.join("mine.txt"), "mine").expect("written");
        keep_the_rest(&place, &stage).expect("it is copied");
        let kept = fs::read_to_string(stage.join("mine.txt")).expect("read");
        assert_eq!(kept, "mine");
    }

    #[test]
    fn only_an_old_pack_that_may_come_back_is_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let stage = dir.path().join("stage");
        let source = || on("sync the folder", dir.path())(ErrorKind::Other.into());
        let unsynced = ExchangeError::NotSynced {
            old: stage.clone(),
            source: source(),
        };
        for (placed, stays) in [
            (Ok(()), false),
            (Err(source().into()), false),
            (Err(unsynced), true),
        ] {
            fs::create_dir_all(&stage).expect("made");
            let said = format!("{placed:?}");
            assert_eq!(format!("{:?}", cleared(&stage, placed)), said);
            assert_eq!(stage.is_dir(), stays, "{said}");
        }
    }
}
