//! Git fixtures: repositories whose commit ids are the same on every machine and on every day.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whoever reads a fixture's history should see that no person wrote it.
pub const AUTHOR: &str = "Fixture Author";
pub const EMAIL: &str = "fixture@example.invalid";
/// A fixed moment, so that the same files always give the same commit id.
pub const DATE: &str = "2026-01-05T09:00:00+00:00";
/// The branch that a fixture starts on.
pub const BRANCH: &str = "main";

/// Makes the folder a repository and commits all that is in it. Returns the commit id.
///
/// # Errors
/// When git is missing or refuses, or when the folder holds nothing to commit.
pub fn init_repo(dir: &Path) -> io::Result<String> {
    // An empty template: the machine's hooks and excludes must not get in.
    git(
        dir,
        &["init", "--quiet", "--template=", "--initial-branch", BRANCH],
    )?;
    commit_all(dir, "Import")
}

/// Commits every change in the folder, new and deleted files too. Returns the commit id.
///
/// # Errors
/// When git refuses, which it does when nothing has changed.
pub fn commit_all(dir: &Path, message: &str) -> io::Result<String> {
    git(dir, &["add", "--all"])?;
    git(dir, &["commit", "--quiet", "--no-verify", "-m", message])?;
    git(dir, &["rev-parse", "HEAD"])
}

/// Runs git in the folder with nothing of the machine's or the user's configuration. Returns what it
/// printed, without the white space at the end.
///
/// # Errors
/// When git cannot be started or does not exit with 0; the error has the arguments and git's own words.
pub fn git(dir: &Path, args: &[&str]) -> io::Result<String> {
    let tried = || format!("git {} in {}", args.join(" "), dir.display());
    let output = hermetic(dir)
        .args(args)
        .output()
        .map_err(|e| io::Error::new(e.kind(), format!("cannot start {}: {e}", tried())))?;
    if !output.status.success() {
        let words = [output.stderr.trim_ascii(), output.stdout.trim_ascii()].concat();
        let words = String::from_utf8_lossy(&words);
        return Err(io::Error::other(format!("{} failed: {words}", tried())));
    }
    String::from_utf8(output.stdout)
        .map(|text| text.trim_end().to_owned())
        .map_err(|e| io::Error::other(format!("{} printed no UTF-8: {e}", tried())))
}

fn hermetic(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", AUTHOR)
        .env("GIT_AUTHOR_EMAIL", EMAIL)
        .env("GIT_AUTHOR_DATE", DATE)
        .env("GIT_COMMITTER_NAME", AUTHOR)
        .env("GIT_COMMITTER_EMAIL", EMAIL)
        .env("GIT_COMMITTER_DATE", DATE)
        .stdin(Stdio::null());
    // A fixture may have been given to another user on purpose; git would refuse to read it.
    for setting in [
        "core.hooksPath=/dev/null",
        "core.autocrlf=false",
        "safe.directory=*",
    ] {
        command.args(["-c", setting]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "one\n").unwrap();
        dir
    }

    #[test]
    fn the_same_files_give_the_same_commit() {
        let (here, there) = (folder(), folder());
        let commit = init_repo(here.path()).unwrap();
        assert_eq!(commit.len(), 40, "{commit}");
        assert_eq!(commit, init_repo(there.path()).unwrap());

        fs::write(there.path().join("b.txt"), "two\n").unwrap();
        fs::remove_file(there.path().join("a.txt")).unwrap();
        let next = commit_all(there.path(), "Change").unwrap();
        assert_ne!(commit, next);
        let names = git(there.path(), &["ls-tree", "--name-only", "HEAD"]).unwrap();
        assert_eq!(names, "b.txt");
    }

    #[test]
    fn hooks_of_the_repository_do_not_run() {
        let dir = folder();
        init_repo(dir.path()).unwrap();
        let hooks = dir.path().join(".git/hooks");
        fs::create_dir_all(&hooks).unwrap();
        let hook = hooks.join("post-commit");
        fs::write(&hook, "#!/bin/sh\ntouch ran\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(dir.path().join("a.txt"), "two\n").unwrap();
        commit_all(dir.path(), "Change").unwrap();
        assert!(!dir.path().join("ran").exists());
    }

    #[test]
    fn a_refusal_says_what_was_tried_and_where() {
        let dir = folder();
        init_repo(dir.path()).unwrap();
        let refused = commit_all(dir.path(), "Nothing").unwrap_err().to_string();
        assert!(refused.contains("git commit"), "{refused}");
        assert!(refused.contains("nothing to commit"), "{refused}");
        assert!(
            refused.contains(&dir.path().display().to_string()),
            "{refused}"
        );
    }
}
