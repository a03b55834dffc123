//! Copying a set-up into a clone, and build caches of trusted runs back.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::cache::Entry;
use super::{Prepared, SetupError};
use crate::command::Cancel;
use crate::crash;
use crate::files::{self, FileError};

/// What an installation could not put in place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// Extras whose place in the tree is taken by the commit itself, or whose folder is missing there or a symlink.
    pub skipped: Vec<String>,
}

/// Copies a set-up's extras into a fresh clone and its home into the run's private home, for `owner`. Copy-on-write where the
/// file system can, never hard links: a run must not be able to write into the cache.
///
/// Nothing of the run may be running. What the commit has in an extra's place is left alone and reported; a symlink on the way
/// is never followed. The extras are added to the clone's own exclude file, so that `git add -A` does not take them.
///
/// # Errors
/// When something cannot be copied.
pub fn install_into(
    prepared: &Prepared,
    clone_dir: &Path,
    home_dir: &Path,
    owner: Option<(u32, u32)>,
) -> Result<Installed, SetupError> {
    let _lock = Entry::of(prepared).lock_shared()?;
    crash::point("install.before");
    let mut installed = Installed::default();
    for extra in &prepared.extras {
        let from = prepared.tree.join(extra);
        match files::beneath(clone_dir, extra) {
            Some(to) if fs::symlink_metadata(&to).is_err() => files::copy(&from, &to, owner)?,
            Some(_) | None => installed.skipped.push(extra.clone()),
        }
    }
    exclude(clone_dir, &prepared.extras, owner)?;
    home(prepared, home_dir, owner)?;
    crash::point("install.after");
    Ok(installed)
}

fn home(prepared: &Prepared, home_dir: &Path, owner: Option<(u32, u32)>) -> Result<(), FileError> {
    if fs::symlink_metadata(home_dir).is_err() {
        files::private_dir(home_dir)?;
        files::give_to(home_dir, owner)?;
    }
    for name in files::list(&prepared.home)? {
        let to = home_dir.join(&name);
        if fs::symlink_metadata(&to).is_err() {
            files::copy(&prepared.home.join(&name), &to, owner)?;
        }
    }
    Ok(())
}

/// Adds paths to `.git/info/exclude`, when the clone still has the git directory that we made.
fn exclude(
    clone_dir: &Path,
    extras: &[String],
    owner: Option<(u32, u32)>,
) -> Result<(), FileError> {
    let Some(info) = files::beneath(clone_dir, ".git/info") else {
        return Ok(());
    };
    if extras.is_empty() {
        return Ok(());
    }
    if fs::symlink_metadata(&info).is_err() {
        files::private_dir(&info)?;
    }
    let Some(path) = files::beneath(clone_dir, ".git/info/exclude") else {
        return Ok(());
    };
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
    let mut file = options
        .append(true)
        .create(true)
        .open(&path)
        .map_err(FileError::on("open", &path))?;
    let lines: String = extras
        .iter()
        .map(|extra| format!("/{}\n", pattern(extra)))
        .collect();
    file.write_all(lines.as_bytes())
        .map_err(FileError::on("write", &path))?;
    files::give_to(&info, owner)
}

/// A path as a pattern of gitignore that matches it alone.
fn pattern(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.chars() {
        if matches!(c, '\\' | '*' | '?' | '[' | ' ' | '!' | '#') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Adds paths of a tree to the set-up, such as the build cache (`target`) of a trusted run of the base's own tests. A path
/// that the set-up has already is replaced.
///
/// # Errors
/// When a path is missing in the tree, reached through a symlink, or cannot be copied; the set-up then stays as it was.
pub fn absorb(
    prepared: &Prepared,
    worked_tree: &Path,
    paths: &[String],
    cancel: &Cancel,
) -> Result<Prepared, SetupError> {
    let entry = Entry::of(prepared);
    let _lock = entry.lock_alone(cancel)?;
    take_in(&entry, worked_tree, &prepared.tree, paths)?;
    let extras = entry.add_extras(paths)?;
    Ok(Prepared {
        extras,
        ..prepared.clone()
    })
}

/// Adds paths of a home to the set-up's home, such as a build cache below `.cache`, or puts them in the place of those that are
/// there.
///
/// # Errors
/// As [`absorb`].
pub fn absorb_home(
    prepared: &Prepared,
    worked_home: &Path,
    paths: &[String],
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let entry = Entry::of(prepared);
    let _lock = entry.lock_alone(cancel)?;
    Ok(take_in(&entry, worked_home, &prepared.home, paths)?)
}

/// Copies paths beside the entry first, then puts each in place by a rename.
fn take_in(entry: &Entry<'_>, from: &Path, into: &Path, paths: &[String]) -> Result<(), FileError> {
    let incoming = tempfile::Builder::new()
        .prefix("incoming-")
        .tempdir_in(entry.dir());
    let incoming = incoming.map_err(FileError::on("make a folder in", &entry.dir()))?;
    for (number, path) in paths.iter().enumerate() {
        let from = files::beneath(from, path).ok_or_else(|| missing(from, path))?;
        files::copy(&from, &incoming.path().join(format!("new-{number}")), None)?;
    }
    for (number, path) in paths.iter().enumerate() {
        files::make_parents(into, path)?;
        let to = files::beneath(into, path).ok_or_else(|| missing(into, path))?;
        // Between the two renames the entry lacks a path that it may list, and counts as broken then: it would be made again.
        crash::point("absorb.before");
        if fs::symlink_metadata(&to).is_ok() {
            let old = incoming.path().join(format!("old-{number}"));
            fs::rename(&to, &old).map_err(FileError::on("put aside", &to))?;
        }
        let new = incoming.path().join(format!("new-{number}"));
        fs::rename(&new, &to).map_err(FileError::on("put in place", &to))?;
        crash::point("absorb.after");
    }
    files::remove(&incoming.keep())
}

fn missing(tree: &Path, path: &str) -> FileError {
    FileError::on("find", &tree.join(path))(std::io::Error::other(
        "it is missing, or not reached by plain folders",
    ))
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_pattern_matches_the_path_alone() {
        assert_eq!(pattern("web/node_modules"), "web/node_modules");
        assert_eq!(pattern("a*b [c]!#\\"), "a\\*b\\ \\[c]\\!\\#\\\\");
    }
}
