//! What a git that was killed leaves in the way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{GitError, Repo, run};

/// Folders below a ref name; `refs/alai/` has one level, a deeper tree is not ours.
const DEPTH_MAX: usize = 4;

/// Removes the lock files of refs that only we move, left by a git that was killed. `names` are full ref names, or prefixes
/// that end with `/`. The caller must be the only one who moves these refs.
///
/// # Errors
/// When a lock is there and cannot be removed.
pub fn remove_stale_locks(repo: &Repo, names: &[&str]) -> Result<(), GitError> {
    let fail = |path: &Path, error: io::Error| {
        run::unreadable(
            "update-ref",
            repo.root(),
            &format!("cannot remove {}: {error}", path.display()),
        )
    };
    for name in names {
        let below = repo.common_dir.join(name.trim_end_matches('/'));
        let found = match name.ends_with('/') {
            true => locks_below(&below, DEPTH_MAX),
            false => vec![below.with_file_name(format!(
                "{}.lock",
                below.file_name().unwrap_or_default().to_string_lossy()
            ))],
        };
        for lock in found {
            match fs::remove_file(&lock) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(fail(&lock, e)),
            }
        }
    }
    Ok(())
}

fn locks_below(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        // Symbolic links are not followed: `file_type` looks at the entry itself.
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && depth > 0 {
            found.extend(locks_below(&path, depth - 1));
        } else if path.extension().is_some_and(|e| e == "lock") {
            found.push(path);
        }
    }
    found
}
