//! Two histories that git cannot join, put side by side for somebody who can.

use super::merge::{commit_tree, join};
use super::run::{self, on_objects};
use super::{CommitText, GitError, Oid, Repo, tree};
use crate::files;

/// A commit of both that takes the files in conflict as `theirs` has them: whoever starts from it has both histories behind
/// him and no mark of a conflict before him, and what he changes is the resolution. No ref points at it. Equal input gives the
/// equal commit.
///
/// # Errors
/// When a file in conflict stands where the other side has a folder, which no index can hold.
pub fn side_by_side(
    repo: &Repo,
    ours: &Oid,
    theirs: &Oid,
    text: &CommitText,
) -> Result<Oid, GitError> {
    let joined = join(repo, ours, theirs)?;
    let scratch = files::scratch()?;
    let index = run::text(&scratch.path().join("index"));
    let on_index = || on_objects(repo).env("GIT_INDEX_FILE", &index);
    on_index().args(["read-tree", joined.tree.as_str()]).ok()?;
    let there = tree(repo, theirs)?;
    let mut wanted = String::new();
    for path in &joined.conflicts {
        let line = match there.iter().find(|entry| entry.path == *path) {
            Some(entry) => format!("{:06o} {}\t{path}\0", entry.mode, entry.oid),
            None => format!("0 {}\t{path}\0", "0".repeat(theirs.as_str().len())),
        };
        wanted.push_str(&line);
    }
    on_index()
        .args(["update-index", "-z", "--index-info"])
        .stdin(wanted.as_bytes())
        .ok()?;
    let tree = on_index().args(["write-tree"]).oid()?;
    commit_tree(repo, &tree, &[ours, theirs], text)
}

/// When a commit was made, as it says itself, in milliseconds since the Unix epoch.
///
/// # Errors
/// When it is missing.
pub fn committed_ms(repo: &Repo, commit: &Oid) -> Result<i64, GitError> {
    let line = on_objects(repo)
        .reading()
        .args(["log", "-1", "--no-mailmap", "--format=%ct", commit.as_str()])
        .line()?;
    let seconds: i64 = line
        .parse()
        .map_err(|_| run::unreadable("log", repo.root(), "a commit without a time"))?;
    Ok(seconds.saturating_mul(1_000))
}
