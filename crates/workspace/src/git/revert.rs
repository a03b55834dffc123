//! Taking a change back: a commit on top of the newest one, never a history that is written anew.

use super::merge::{commit_tree, join};
use super::run::on_objects;
use super::{CommitText, GitError, Identity, Oid, Repo};

/// How it ended. No ref points at a new commit yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reverted {
    /// A commit on top of `on` that lacks the change.
    Commit(Oid),
    /// Nothing of the change is left there.
    Nothing,
    /// What came later touches the same lines of these files.
    Conflict(Vec<String>),
}

/// Takes back, on top of `on`, what `done` has and `before` has not. Equal input gives the equal commit.
///
/// # Errors
/// When a commit is missing.
pub fn revert(
    repo: &Repo,
    before: &Oid,
    done: &Oid,
    on: &Oid,
    text: &CommitText,
) -> Result<Reverted, GitError> {
    // Three commits whose only history is that both sides grew out of `done`: a merge of them is the way from `done` to `before`,
    // gone from `on`. git 2.40 has an option for that; ours may be older.
    let nobody = Identity::new("alai", "alai@localhost").expect("two plain words make an identity");
    let side = CommitText {
        message: "One side of a revert\n".to_owned(),
        author: nobody.clone(),
        committer: nobody,
        when_ms: 0,
    };
    let on_tree = tree_of(repo, on)?;
    // Nobody keeps them, so nobody signs them.
    let plain = Repo {
        person: None,
        ..repo.clone()
    };
    let root = commit_tree(&plain, &tree_of(repo, done)?, &[], &side)?;
    let ours = commit_tree(&plain, &on_tree, &[&root], &side)?;
    let theirs = commit_tree(&plain, &tree_of(repo, before)?, &[&root], &side)?;
    let joined = join(repo, &ours, &theirs)?;
    if !joined.conflicts.is_empty() {
        return Ok(Reverted::Conflict(joined.conflicts));
    }
    if joined.tree == on_tree {
        return Ok(Reverted::Nothing);
    }
    commit_tree(repo, &joined.tree, &[on], text).map(Reverted::Commit)
}

fn tree_of(repo: &Repo, commit: &Oid) -> Result<Oid, GitError> {
    on_objects(repo)
        .reading()
        .args(["rev-parse", "--verify", &format!("{commit}^{{tree}}")])
        .oid()
}
