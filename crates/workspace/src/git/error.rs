//! What can go wrong with a repository, by name, each with its remedy.

use std::path::PathBuf;

use super::Oid;

#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("no git found on PATH; install git 2.38 or newer")]
    GitMissing,
    #[error(
        "{program} is git {found}; alai needs 2.38 or newer (merge-tree --write-tree): upgrade git"
    )]
    GitTooOld { program: PathBuf, found: String },
    #[error(
        "{path} is in no git repository; run `git init` there and make a first commit, or give another path"
    )]
    NotARepository { path: PathBuf },
    #[error(
        "{path} is a bare repository; give the path of a work tree (`git clone {path} DIR` makes one)"
    )]
    Bare { path: PathBuf },
    #[error(
        "{path} is a shallow clone, whose history cannot be copied or merged; run `git fetch --unshallow` there first"
    )]
    Shallow { path: PathBuf },
    #[error(
        "{path} is a partial clone, whose missing objects would have to be fetched behind its owner's back; \
         make a full one (`git clone` without --filter) and give its path"
    )]
    Partial { path: PathBuf },
    #[error(
        "{path} has no commit yet; make a first one: `git add -A && git commit -m \"first commit\"`"
    )]
    NoCommits { path: PathBuf },
    #[error(
        "{path} belongs to uid {owner} and alai runs as uid {us}; its configuration could run programs as us: \
         run alai as its owner, or change the owner (`chown -R {us} {path}`)"
    )]
    ForeignOwner { path: PathBuf, owner: u32, us: u32 },
    #[error(
        "`{name}` is not a name that git accepts for a ref; use a full one such as refs/heads/main"
    )]
    BadRef { name: String },
    #[error(
        "commits of {root} are to be signed (commit.gpgSign), and {why}; alai signs with `openpgp` and `ssh`: set gpg.format and \
         user.signingKey, or commit.gpgSign to false for this repository"
    )]
    CannotSign { root: PathBuf, why: String },
    #[error("`{rev}` names no commit of {root}; fetch it, or give another")]
    NoSuchCommit { rev: String, root: PathBuf },
    #[error(
        "{name} was expected at {} and is {}; somebody else moved it: look again and retry",
        shown(.expected), shown(.found)
    )]
    RefMoved {
        name: String,
        expected: Option<Oid>,
        found: Option<Oid>,
    },
    #[error(
        "{branch} cannot go from {from} to {to} without losing commits; merge first, then move it"
    )]
    NotFastForward { branch: String, from: Oid, to: Oid },
    #[error(
        "{root} has {branch} checked out with uncommitted changes ({}); commit or stash them, then retry. \
         Nothing was touched",
        some(.paths)
    )]
    Dirty {
        root: PathBuf,
        branch: String,
        paths: Vec<String>,
    },
    #[error(
        "{root} is in the middle of a {operation} on {branch}; finish or abort it, then retry. Nothing was touched"
    )]
    Busy {
        root: PathBuf,
        branch: String,
        operation: &'static str,
    },
    #[error(
        "{root} has {branch} checked out, and files that would change need the filter `{filter}` ({path}), which alai \
         does not run; update it yourself: `git -C {root} merge --ff-only {to}`. Nothing was touched"
    )]
    NeedsFilter {
        root: PathBuf,
        branch: String,
        path: String,
        filter: String,
        to: Oid,
    },
    #[error(
        "{root} has {branch} checked out, and its files stand in the way of the update: {reason}. \
         Move them away, then retry"
    )]
    InTheWay {
        root: PathBuf,
        branch: String,
        reason: String,
    },
    #[error("{ours} and {theirs} share no history; they cannot be merged")]
    Unrelated { ours: Oid, theirs: Oid },
    #[error(
        "a path in {at} is not UTF-8 ({shown}); rename it: a path that cannot be shown cannot be judged"
    )]
    PathNotUtf8 { at: String, shown: String },
    #[error(
        "{names} would be one file in {dir}, whose file system takes their letters for the same: rename one of them, or put \
         the home on a file system that tells them apart"
    )]
    FoldsNames { names: String, dir: PathBuf },
    #[error(
        "{what} is larger than {limit} {unit}; split it, or raise the limit in the source with a reason"
    )]
    TooLarge {
        what: String,
        limit: u64,
        unit: &'static str,
    },
    #[error("git {what} on {on} failed ({exit}): {stderr}")]
    Failed {
        what: String,
        on: PathBuf,
        exit: String,
        stderr: String,
    },
    #[error(
        "git {what} on {on} answered something unreadable: {detail}; this git may be broken or too new"
    )]
    Unreadable {
        what: String,
        on: PathBuf,
        detail: String,
    },
    #[error("cannot {what} {path}: {source}")]
    Io {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

impl From<crate::files::FileError> for GitError {
    fn from(error: crate::files::FileError) -> GitError {
        GitError::Io {
            what: error.what,
            path: error.path,
            source: error.source,
        }
    }
}

impl GitError {
    pub(crate) fn io(
        what: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> GitError {
        let path = path.to_path_buf();
        move |source| GitError::Io { what, path, source }
    }
}

fn shown(oid: &Option<Oid>) -> String {
    oid.as_ref()
        .map_or_else(|| "absent".to_owned(), |oid| format!("at {oid}"))
}

fn some(paths: &[String]) -> String {
    /// Enough for a person to recognise their own work.
    const SHOWN: usize = 5;
    let mut text = paths
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if paths.len() > SHOWN {
        text.push_str(&format!(" and {} more", paths.len() - SHOWN));
    }
    text
}
