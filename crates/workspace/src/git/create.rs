//! A repository where there was none: the demo's sample, and a project that begins from nothing, are real ones from their first commit on.

use std::path::Path;

use super::run::{self, on_tree};
use super::{GitError, Identity, Oid, Repo, open, resolve};

/// Makes `root` a repository on the branch `main` whose first commit holds all its files. Configures the author there, so
/// that a person who looks around can commit too.
///
/// # Errors
/// When git fails, or the folder holds nothing to commit.
pub fn create(root: &Path, author: &Identity, message: &str) -> Result<(Repo, Oid), GitError> {
    let git_dir = root.join(".git");
    let call = || {
        on_tree(root, &git_dir)
            .env("GIT_AUTHOR_NAME", author.name())
            .env("GIT_AUTHOR_EMAIL", author.email())
            .env("GIT_COMMITTER_NAME", author.name())
            .env("GIT_COMMITTER_EMAIL", author.email())
    };
    let init = ["init", "--quiet", "--template=", "--initial-branch=main"];
    call().args(init).ok()?;
    call().args(["config", "user.name", author.name()]).ok()?;
    call().args(["config", "user.email", author.email()]).ok()?;
    call().args(["add", "--all"]).ok()?;
    call()
        .args(["commit", "--quiet", "--no-verify", "-m", message])
        .ok()?;
    let repo = open(root)?;
    match resolve(&repo, "refs/heads/main")? {
        Some(head) => Ok((repo, head)),
        None => Err(run::unreadable("commit", root, "it made no commit")),
    }
}
