//! Puts one folder in the place of another, so that at every moment one of the two is there whole.

use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::crash;
use crate::files::{FileError, sync_dir};

/// What became of a folder that was put in place.
#[derive(Debug)]
pub struct Placed {
    /// Whether something was in its place, which has the new one's name now.
    pub exchanged: bool,
    /// Why the names may not outlive a loss of power: the old folder may be back in its place then.
    pub unsynced: Option<FileError>,
}

/// Puts `new` in the place `place`. What was there is at `new` afterwards. Both are on one disk.
///
/// A kill at any moment leaves the old folder or the new one in its place, never neither and never a mixture: the two names are
/// exchanged by one call (renameat2(2), `RENAME_EXCHANGE`; on macOS `RENAME_SWAP`).
///
/// # Errors
/// When the folders are on two disks, or on a file system that cannot exchange names; nothing is changed then.
pub fn put_in_place(new: &Path, place: &Path) -> Result<Placed, FileError> {
    put_and_sync(new, place, sync_dir)
}

fn put_and_sync(
    new: &Path,
    place: &Path,
    sync: impl FnOnce(&Path) -> Result<(), FileError>,
) -> Result<Placed, FileError> {
    crash::point("swap.before");
    let there = place.symlink_metadata().is_ok();
    let flags = match there {
        true => RenameFlags::EXCHANGE,
        false => RenameFlags::NOREPLACE,
    };
    renameat_with(CWD, new, CWD, place, flags)
        .map_err(|e| FileError::on("put a new folder in the place of", place)(e.into()))?;
    crash::point("swap.after");
    let parent = place.parent().unwrap_or(Path::new("."));
    Ok(Placed {
        exchanged: there,
        unsynced: sync(parent).err(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn two_folders_change_places_and_a_new_one_gets_its_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let (new, place) = (dir.path().join("new"), dir.path().join("place"));
        fs::create_dir(&new).expect("made");
        fs::write(new.join("a"), "1").expect("written");
        let placed = put_in_place(&new, &place).expect("it is free");
        assert!(!placed.exchanged && placed.unsynced.is_none(), "{placed:?}");
        assert!(!new.exists());

        fs::create_dir(&new).expect("made");
        fs::write(new.join("a"), "2").expect("written");
        let placed = put_in_place(&new, &place).expect("they are exchanged");
        assert!(placed.exchanged && placed.unsynced.is_none(), "{placed:?}");
        let read = |path: &Path| fs::read_to_string(path.join("a")).expect("read");
        assert_eq!((read(&place), read(&new)), ("2".into(), "1".into()));

        let missing = dir.path().join("missing");
        assert!(put_in_place(&missing, &place).is_err());
        assert_eq!(read(&place), "2", "what failed has changed nothing");
    }

    #[test]
    fn what_is_in_place_and_not_synced_is_no_failure_of_the_exchange() {
        let dir = tempfile::tempdir().expect("a folder");
        let (new, place) = (dir.path().join("new"), dir.path().join("place"));
        for (folder, text) in [(&new, "new"), (&place, "old")] {
            fs::create_dir(folder).expect("made");
            fs::write(folder.join("a"), text).expect("written");
        }
        let broken = |dir: &Path| sync_dir(&dir.join("missing"));
        let placed = put_and_sync(&new, &place, broken).expect("they are exchanged");
        assert!(placed.exchanged && placed.unsynced.is_some(), "{placed:?}");
        let read = |path: &Path| fs::read_to_string(path.join("a")).expect("read");
        assert_eq!((read(&place), read(&new)), ("new".into(), "old".into()));
    }
}
