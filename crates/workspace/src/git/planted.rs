//! A commit with one file put another way, made of objects alone: no work tree and no ref changes.

use super::merge::commit_tree;
use super::run::on_objects;
use super::{CommitText, GitError, Oid, Repo, tree};
use crate::files;

/// The mode of a new plain file.
const PLAIN: u32 = 0o100_644;

/// A child of `parent` in which `path` holds these bytes, or is not there. Nothing points at it: git removes it in its own time.
///
/// # Errors
/// When the commit cannot be read, or the objects cannot be written.
pub fn planted(
    repo: &Repo,
    parent: &Oid,
    path: &str,
    content: Option<&[u8]>,
    text: &CommitText,
) -> Result<Oid, GitError> {
    let scratch = files::scratch().map_err(|e| unwritten(repo, &e))?;
    let index = scratch.path().join("index").to_string_lossy().into_owned();
    let with_index = || on_objects(repo).env("GIT_INDEX_FILE", &index);
    with_index().args(["read-tree", parent.as_str()]).ok()?;
    let line = match content {
        Some(bytes) => {
            let blob = on_objects(repo)
                .args(["hash-object", "-w", "--stdin"])
                .stdin(bytes)
                .oid()?;
            let entries = tree(repo, parent)?;
            let before = entries.iter().find(|entry| entry.path == path);
            let mode = before.map_or(PLAIN, |entry| entry.mode);
            format!("{mode:o} {blob}\t{path}\0")
        }
        None => format!("0 {}\t{path}\0", "0".repeat(parent.as_str().len())),
    };
    with_index()
        .args(["update-index", "-z", "--index-info"])
        .stdin(line.as_bytes())
        .ok()?;
    let made = with_index().args(["write-tree"]).oid()?;
    commit_tree(repo, &made, &[parent], text)
}

fn unwritten(repo: &Repo, error: &dyn std::fmt::Display) -> GitError {
    super::run::unreadable("read-tree", repo.root(), &error.to_string())
}
