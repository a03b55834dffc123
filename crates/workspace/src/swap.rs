//! Puts one folder in the place of another, so that at every moment one of the two is there whole.

use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::crash;
use crate::files::{FileError, sync_dir};

/// Puts `new` in the place `place`. What was there is at `new` afterwards; `true` when there was something. Both are on one disk.
///
/// A kill at any moment leaves the old folder or the new one in its place, never neither and never a mixture: the two names are
/// exchanged by one call (renameat2(2), `RENAME_EXCHANGE`; on macOS `RENAME_SWAP`).
///
/// # Errors
/// When the folders are on two disks, or on a file system that cannot exchange names; nothing is changed then.
pub fn put_in_place(new: &Path, place: &Path) -> Result<bool, FileError> {
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
    sync_dir(parent)?;
    Ok(there)
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
        assert!(!put_in_place(&new, &place).expect("it is free"));
        assert!(!new.exists());

        fs::create_dir(&new).expect("made");
        fs::write(new.join("a"), "2").expect("written");
        assert!(put_in_place(&new, &place).expect("they are exchanged"));
        let read = |path: &Path| fs::read_to_string(path.join("a")).expect("read");
        assert_eq!((read(&place), read(&new)), ("2".into(), "1".into()));

        let missing = dir.path().join("missing");
        assert!(put_in_place(&missing, &place).is_err());
        assert_eq!(read(&place), "2", "what failed has changed nothing");
    }
}
