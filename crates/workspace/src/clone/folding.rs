//! Names that are one file where upper and lower case are the same: a checkout there would lose one of them, and every commit
//! from it would say that somebody deleted it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::git::{self, GitError, Oid, Repo};

/// Refuses a commit with such names where the clone's file system folds case. The git directory tells: it has a file `HEAD`.
pub(super) fn judge(repo: &Repo, commit: &Oid, git_dir: &Path) -> Result<(), GitError> {
    if fs::symlink_metadata(git_dir.join("head")).is_err() {
        return Ok(());
    }
    let entries = git::tree(repo, commit)?;
    match twins(entries.iter().map(|entry| entry.path.as_str())) {
        None => Ok(()),
        Some((one, other)) => Err(GitError::FoldsCase {
            names: format!("{one} and {other} of {commit}"),
            dir: git_dir.parent().unwrap_or(git_dir).to_path_buf(),
        }),
    }
}

/// The first two names, of files or of folders, that differ in case alone.
fn twins<'a>(paths: impl Iterator<Item = &'a str>) -> Option<(String, String)> {
    let mut known: HashMap<String, &str> = HashMap::new();
    for path in paths {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        for name in folders.chain([path]) {
            let first = known.entry(name.to_lowercase()).or_insert(name);
            if *first != name {
                return Some(((*first).to_owned(), name.to_owned()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::twins;

    #[test]
    fn files_and_folders_that_differ_in_case_are_found() {
        let found = |paths: &[&str]| twins(paths.iter().copied());
        assert_eq!(found(&["a", "b/a", "b/c", "B.txt", "É"]), None);
        let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
        assert_eq!(
            found(&["README.md", "a", "readme.md"]),
            pair("README.md", "readme.md")
        );
        assert_eq!(found(&["src/a", "Src/b"]), pair("src", "Src"));
        assert_eq!(found(&["x", "X/y"]), pair("x", "X"));
        assert_eq!(found(&["é", "É"]), pair("é", "É"));
    }
}
