//! Merging two commits into a third without a work tree.

use super::run::{self, on_objects};
use super::sign::{self, Signing};
use super::{GitError, Identity, Oid, Repo, is_ancestor, merge_base};
use crate::crash;

/// What a merge commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitText {
    pub message: String,
    pub author: Identity,
    pub committer: Identity,
    /// Milliseconds since the Unix epoch; git keeps whole seconds.
    pub when_ms: i64,
}

/// How a merge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Ours has all of theirs already; this is ours.
    AlreadyMerged(Oid),
    /// Ours has nothing that theirs lacks; this is theirs, and the branch can simply move to it.
    FastForward(Oid),
    /// A new merge commit of the two, ours first. No ref points at it yet.
    Commit(Oid),
    /// The paths that both changed in ways that git cannot join. Nothing was made.
    Conflict(Vec<String>),
}

/// Merges `theirs` into `ours`. Equal input gives the equal commit, so a retry after a crash finds what it made. Merge
/// drivers and attributes are not honoured: the result depends on the two commits alone.
///
/// # Errors
/// [`GitError::Unrelated`] when the two share no history.
pub fn merge(
    repo: &Repo,
    ours: &Oid,
    theirs: &Oid,
    commit: &CommitText,
) -> Result<Merged, GitError> {
    if is_ancestor(repo, theirs, ours)? {
        return Ok(Merged::AlreadyMerged(ours.clone()));
    }
    if is_ancestor(repo, ours, theirs)? {
        return Ok(Merged::FastForward(theirs.clone()));
    }
    committed(repo, ours, theirs, commit)
}

/// The same with a commit of its own also where ours could simply move: what a branch is moved to has ours as its first parent then, and
/// what stands between the two in theirs is no commit that the branch was ever at. Never [`Merged::FastForward`].
///
/// # Errors
/// As [`merge`].
pub fn merge_apart(
    repo: &Repo,
    ours: &Oid,
    theirs: &Oid,
    commit: &CommitText,
) -> Result<Merged, GitError> {
    if is_ancestor(repo, theirs, ours)? {
        return Ok(Merged::AlreadyMerged(ours.clone()));
    }
    committed(repo, ours, theirs, commit)
}

fn committed(
    repo: &Repo,
    ours: &Oid,
    theirs: &Oid,
    commit: &CommitText,
) -> Result<Merged, GitError> {
    if merge_base(repo, ours, theirs)?.is_none() {
        return Err(GitError::Unrelated {
            ours: ours.clone(),
            theirs: theirs.clone(),
        });
    }
    let Joined { tree, conflicts } = join(repo, ours, theirs)?;
    if !conflicts.is_empty() {
        return Ok(Merged::Conflict(conflicts));
    }
    commit_tree(repo, &tree, &[ours, theirs], commit).map(Merged::Commit)
}

/// The tree of two commits together. Where git could not join a file, both sides stand in it between marks.
pub(super) struct Joined {
    pub(super) tree: Oid,
    /// Sorted, each once.
    pub(super) conflicts: Vec<String>,
}

/// Joins two commits that share history.
pub(super) fn join(repo: &Repo, ours: &Oid, theirs: &Oid) -> Result<Joined, GitError> {
    crash::point("merge-tree.before");
    let output = on_objects(repo)
        .args([
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            ours.as_str(),
            theirs.as_str(),
        ])
        .run()?;
    if !matches!(output.code, 0 | 1) {
        return Err(run::failed("merge-tree", repo.root(), &output));
    }
    let mut fields = output
        .stdout
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    let tree = String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
    let tree: Oid = tree.parse().map_err(|error: super::NotAnOid| {
        run::unreadable("merge-tree", repo.root(), &error.to_string())
    })?;
    let mut conflicts: Vec<String> = fields
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect();
    conflicts.sort();
    conflicts.dedup();
    if output.code == 1 && conflicts.is_empty() {
        let detail = "a conflict in no file";
        return Err(run::unreadable("merge-tree", repo.root(), detail));
    }
    Ok(Joined { tree, conflicts })
}

pub(super) fn commit_tree(
    repo: &Repo,
    tree: &Oid,
    parents: &[&Oid],
    commit: &CommitText,
) -> Result<Oid, GitError> {
    let date = format!("@{} +0000", commit.when_ms.div_euclid(1_000));
    let signing = match &repo.person {
        Some(home) => sign::configured(repo, home)?,
        None => None,
    };
    let call = on_objects(repo);
    let call = match &signing {
        Some(signing) => signing.settings(call),
        None => call,
    };
    let mut call = call
        .env("GIT_AUTHOR_NAME", commit.author.name())
        .env("GIT_AUTHOR_EMAIL", commit.author.email())
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_NAME", commit.committer.name())
        .env("GIT_COMMITTER_EMAIL", commit.committer.email())
        .env("GIT_COMMITTER_DATE", &date)
        .args([
            "-c",
            "i18n.commitEncoding=UTF-8",
            "commit-tree",
            tree.as_str(),
        ]);
    if signing.is_some() {
        call = call.args([Signing::FLAG]);
    }
    for parent in parents {
        call = call.args(["-p", parent.as_str()]);
    }
    let oid = call.stdin(commit.message.as_bytes()).oid()?;
    crash::point("commit-tree.after");
    Ok(oid)
}
