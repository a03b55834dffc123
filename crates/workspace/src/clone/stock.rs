//! Objects that many clones of one repository have in common, packed once.
//!
//! A clone holds what its base needs and nothing else of its source, so the source's own packs, with everybody's branches in
//! them, cannot be shared. The stock is a folder of ours with packs of another kind: each holds exactly what one commit of the
//! repository needs. A clone of that commit, or of one that grew out of it, takes the pack over as it is and packs only what came
//! after. Taking over costs no time and no disk where the agent is another user than we (a second name of a file that is ours
//! and read-only: whoever does not own it can neither write to it nor change its mode) or where the file system copies on
//! write; else it is a copy.
//!
//! A stock can be lost at any time: without it a clone packs everything itself, and clones that took something keep it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::pack;
use crate::files::{self, FileError};
use crate::git::{self, Oid, Repo};

/// Commits of one repository that packs are kept for: where the target branch was, where it is, and one that lies apart.
const KEPT: usize = 3;

/// A clone that needs more beside the stock than this part of it makes a new one: the next clones begin where this one does.
const RENEWED_FROM: u64 = 4;

/// Below this a pack is written as fast as it is looked up.
const SMALL_BYTES: u64 = 1 << 20;

/// A folder of a pack that a killed process was making is removed after this.
const INCOMING_MAX: Duration = Duration::from_secs(3_600);

const INCOMING: &str = "incoming-";

/// Where git looks for packs in a folder of objects.
const PACKS: &str = "pack";

static PLACE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Names the folder of the stock for this process; it is made when it is first needed. Without one every clone packs
/// everything itself. Only we may write there.
pub fn set_stock(folder: PathBuf) {
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder);
}

/// One pack of the stock, and the commit whose objects it holds.
#[derive(Debug)]
pub(super) struct Stocked {
    pub(super) commit: Oid,
    folder: PathBuf,
    bytes: u64,
}

/// The pack that `base` can build on: its own, or that of the nearest commit that it grew out of. `None` without a stock.
pub(super) fn for_base(repo: &Repo, base: &Oid) -> Option<Stocked> {
    let mut found = stocked(&shelf(repo)?);
    if let Some(own) = found.iter().position(|one| one.commit == *base) {
        return Some(found.swap_remove(own));
    }
    let grew = |one: &Stocked| git::is_ancestor(repo, &one.commit, base).unwrap_or(false);
    found.into_iter().find(grew)
}

/// Whether a clone that wrote `beside` bytes of its own is worth a new pack of the stock.
pub(super) fn is_due(stocked: Option<&Stocked>, beside: u64) -> bool {
    let enough = stocked.map_or(0, |one| one.bytes / RENEWED_FROM);
    beside >= SMALL_BYTES && beside > enough
}

/// Packs everything that `base` needs into the stock. `None` where it cannot be had: nobody waits for it.
pub(super) fn renew(repo: &Repo, base: &Oid) -> Option<Stocked> {
    let shelf = shelf(repo)?;
    match put(repo, base, &shelf) {
        Ok(()) => {
            forget(&shelf);
            for_base(repo, base)
        }
        Err(why) => {
            tracing::info!("{} keeps no pack of {base}: {why}", shelf.display());
            None
        }
    }
}

impl Stocked {
    /// Takes the pack over into a clone's folder of packs. `other_user`: the clone is given to somebody else than us, to whom
    /// a second name of our file is read-only.
    pub(super) fn lend(&self, packs: &Path, other_user: bool) -> Result<(), FileError> {
        // An index without its pack would be an error to git; a pack without its index is not seen.
        let folder = self.folder.join(PACKS);
        for ending in ["pack", "idx"] {
            for name in files::list(&folder)? {
                let from = folder.join(&name);
                if from.extension().is_none_or(|found| found != ending) {
                    continue;
                }
                let to = packs.join(&name);
                if other_user && fs::hard_link(&from, &to).is_ok() {
                    continue;
                }
                // On Linux this is copy_file_range(2), which shares the blocks where the file system can.
                fs::copy(&from, &to).map_err(FileError::on("take over", &from))?;
            }
        }
        // What is used stays; where that cannot be written down it goes a little earlier.
        let used = fs::File::open(&self.folder);
        let _ = used.and_then(|folder| folder.set_modified(SystemTime::now()));
        Ok(())
    }
}

/// The folder of one repository's packs.
fn shelf(repo: &Repo) -> Option<PathBuf> {
    let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let name = hex::encode(Sha256::digest(
        repo.common_dir().as_os_str().as_encoded_bytes(),
    ));
    Some(place?.join(&name[..32]))
}

/// What lies there, the most recently used first.
fn stocked(shelf: &Path) -> Vec<Stocked> {
    let mut found = Vec::new();
    for name in files::list(shelf).unwrap_or_default() {
        let folder = shelf.join(&name);
        let commit = name.to_str().and_then(|name| name.parse().ok());
        let (Some(commit), Ok(seen)) = (commit, fs::symlink_metadata(&folder)) else {
            continue;
        };
        let bytes = pack_bytes(&folder.join(PACKS));
        if bytes > 0 {
            let used = seen.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push((
                used,
                Stocked {
                    commit,
                    folder,
                    bytes,
                },
            ));
        }
    }
    found.sort_by_key(|(used, _)| std::cmp::Reverse(*used));
    found.into_iter().map(|(_, one)| one).collect()
}

/// Bytes of the packs in a folder.
pub(super) fn pack_bytes(folder: &Path) -> u64 {
    let names = files::list(folder).unwrap_or_default();
    let packs = names.iter().map(|name| folder.join(name));
    let packs = packs.filter(|path| path.extension().is_some_and(|found| found == "pack"));
    let sizes = packs.filter_map(|path| fs::symlink_metadata(path).ok());
    sizes.map(|found| found.size()).sum()
}

fn put(repo: &Repo, base: &Oid, shelf: &Path) -> Result<(), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    files::private_dir_all(shelf).map_err(|e| text(&e))?;
    let incoming = tempfile::Builder::new()
        .prefix(INCOMING)
        .tempdir_in(shelf)
        .map_err(|e| text(&e))?;
    let packs = incoming.path().join(PACKS);
    files::private_dir(&packs).map_err(|e| text(&e))?;
    pack::write(
        repo,
        std::slice::from_ref(base),
        None,
        incoming.path(),
        pack::Lasts::Stays,
    )
    .map_err(|e| text(&e))?;
    for name in files::list(&packs).map_err(|e| text(&e))? {
        // Everybody may read what a clone takes over, nobody may write to it.
        let readable = Permissions::from_mode(0o444);
        fs::set_permissions(packs.join(name), readable).map_err(|e| text(&e))?;
    }
    let done = shelf.join(base.as_str());
    match fs::rename(incoming.path(), &done) {
        Ok(()) => {
            let _ = incoming.keep();
            Ok(())
        }
        // Somebody else was faster; theirs is as good.
        Err(_) if done.is_dir() => Ok(()),
        Err(error) => Err(text(&error)),
    }
}

/// Removes what is too much, and what killed processes left. Clones that took it over keep it.
fn forget(shelf: &Path) {
    for old in stocked(shelf).into_iter().skip(KEPT) {
        // Under another name first: half removed it would be taken for whole.
        let gone = shelf.join(format!("{INCOMING}{}", old.commit));
        if fs::rename(&old.folder, &gone).is_ok() {
            let _ = files::remove(&gone);
        }
    }
    for name in files::list(shelf).unwrap_or_default() {
        let path = shelf.join(&name);
        let made = fs::symlink_metadata(&path).and_then(|found| found.modified());
        let age = made.ok().and_then(|made| made.elapsed().ok());
        if name.to_str().is_some_and(|name| name.starts_with(INCOMING))
            && age.is_some_and(|age| age >= INCOMING_MAX)
        {
            let _ = files::remove(&path);
        }
    }
}

/// Removes the packs of repositories that no clone was made of for so long, and returns how many there were.
///
/// # Errors
/// When the folder cannot be listed.
pub fn prune_stock(folder: &Path, unused: Duration) -> io::Result<usize> {
    let mut removed = 0;
    let shelves = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        shelves => shelves?,
    };
    for shelf in shelves {
        let shelf = shelf?.path();
        let used = |path: &Path| fs::symlink_metadata(path)?.modified();
        let mut newest = used(&shelf)?;
        for name in files::list(&shelf).unwrap_or_default() {
            newest = used(&shelf.join(name)).map_or(newest, |used| used.max(newest));
        }
        if newest.elapsed().is_ok_and(|age| age >= unused) && files::remove(&shelf).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}
