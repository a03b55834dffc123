//! Whether anything in a folder was touched, told from what the kernel keeps about it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::cage::agent_ids;
use crate::files::FileError;
use crate::sys;

/// Hex SHA-256 over path, kind, mode, size, time of modification and time of change of everything below `dir`. Nothing is
/// opened and no symbolic link is followed. The time of change cannot be set by any program, so that equal fingerprints mean
/// that nothing was written, also by somebody who puts contents and dates back. Of a file of ours that a caged program cannot
/// write to it is left out: a further name elsewhere changes it, too.
///
/// # Errors
/// When a folder cannot be read.
pub fn fingerprint(dir: &Path) -> Result<String, FileError> {
    let mut hash = Sha256::new();
    let us = sys::ids().0;
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let listing = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = listing.map_err(FileError::on("list", &folder))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let meta = fs::symlink_metadata(&path).map_err(FileError::on("look at", &path))?;
            hash.update(path.as_os_str().as_encoded_bytes());
            let is_lent = agent_ids().is_some() && meta.uid() == us && meta.mode() & 0o222 == 0;
            let changed = if is_lent && meta.is_file() {
                [0, 0]
            } else {
                [meta.ctime(), meta.ctime_nsec()]
            };
            let numbers = [
                i64::from(meta.mode()),
                meta.size().cast_signed(),
                meta.mtime(),
                meta.mtime_nsec(),
                changed[0],
                changed[1],
            ];
            for number in numbers {
                hash.update(number.to_le_bytes());
            }
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    #[test]
    fn putting_content_and_dates_back_is_noticed() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = dir.path().join("sub").join("a");
        fs::create_dir(dir.path().join("sub")).expect("folder");
        fs::write(&file, "one").expect("file");
        let before = fingerprint(dir.path()).expect("reads");
        assert_eq!(
            fingerprint(dir.path()).expect("reads"),
            before,
            "looking changes nothing"
        );
        let meta = fs::metadata(&file).expect("metadata");
        fs::write(&file, "two").expect("writes");
        fs::write(&file, "one").expect("writes back");
        let times = FileTimes::new().set_modified(meta.modified().expect("has a date"));
        fs::File::options()
            .write(true)
            .open(&file)
            .and_then(|f| f.set_times(times))
            .expect("dates");
        assert_ne!(fingerprint(dir.path()).expect("reads"), before);
    }

    #[test]
    fn a_further_name_of_a_file_that_is_only_lent_is_no_change() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (lent, seen) = (dir.path().join("lent"), dir.path().join("seen"));
        fs::create_dir(&seen).expect("folder");
        fs::write(&lent, "pack").expect("file");
        fs::set_permissions(&lent, fs::Permissions::from_mode(0o444)).expect("read-only");
        fs::hard_link(&lent, seen.join("pack")).expect("linked");
        let before = fingerprint(&seen).expect("reads");
        let changed = fs::metadata(&lent).expect("there").ctime_nsec();
        // The kernel's clock for files goes in steps.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let other = dir.path().join("other");
        while fs::metadata(&lent).expect("there").ctime_nsec() == changed {
            assert!(
                std::time::Instant::now() < deadline,
                "the clock stands still"
            );
            fs::hard_link(&lent, &other).expect("linked");
            fs::remove_file(&other).expect("unlinked");
        }
        let is_same = fingerprint(&seen).expect("reads") == before;
        assert_eq!(
            is_same,
            agent_ids().is_some(),
            "only what is somebody else's is lent"
        );
    }
}
