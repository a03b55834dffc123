//! Opening a repository of the user: every reason to refuse it has a name and a remedy.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::run::{self, on_dir};
use super::{GitError, Identity, ObjectFormat, Repo, branchfile};
use crate::files;

/// Opens the repository whose work tree holds `path`. A linked work tree and a submodule's work tree are fine.
///
/// # Errors
/// [`GitError::NotARepository`], [`Bare`](GitError::Bare), [`Shallow`](GitError::Shallow),
/// [`Partial`](GitError::Partial), [`NoCommits`](GitError::NoCommits), [`ForeignOwner`](GitError::ForeignOwner).
pub fn open(path: impl AsRef<Path>) -> Result<Repo, GitError> {
    let path = path.as_ref();
    let start = std::fs::canonicalize(path).map_err(GitError::io("find", path))?;
    let (root, git_dir) = discover(&start)?;
    if root.to_str().is_none() || git_dir.to_str().is_none() {
        return Err(GitError::PathNotUtf8 {
            at: "the place of the repository".to_owned(),
            shown: root.to_string_lossy().into_owned(),
        });
    }
    let common_dir = common(&git_dir)?;
    owned_by_us(&root, &common_dir)?;
    refuse_unusable(&root, &common_dir)?;
    let format = object_format(&root, &git_dir, &common_dir)?;
    let neutral = Arc::new(neutral(format)?);
    Ok(Repo {
        root,
        git_dir,
        common_dir,
        format,
        neutral,
        known: Arc::default(),
        person: None,
    })
}

/// The directory that all work trees of the repository with this top share, nothing of it judged; `None` where no repository is.
pub(super) fn shared_by(root: &Path) -> Option<PathBuf> {
    let dot_git = root.join(".git");
    let git_dir = match std::fs::metadata(&dot_git).ok()?.is_dir() {
        true => dot_git,
        false => pointed_at(root, &dot_git).ok()?,
    };
    let whole = looks_like_git_dir(&git_dir);
    whole.then(|| common(&git_dir).ok()).flatten()
}

/// Walks up from `start` to the first directory with a `.git`. Done by hand, because git's own search reads the
/// configuration of whatever it finds.
fn discover(start: &Path) -> Result<(PathBuf, PathBuf), GitError> {
    for dir in start.ancestors() {
        if looks_like_git_dir(dir) {
            return Err(GitError::Bare {
                path: dir.to_path_buf(),
            });
        }
        let dot_git = dir.join(".git");
        match std::fs::metadata(&dot_git) {
            Ok(found) if found.is_dir() && looks_like_git_dir(&dot_git) => {
                let git_dir =
                    std::fs::canonicalize(&dot_git).map_err(GitError::io("find", &dot_git))?;
                return Ok((dir.to_path_buf(), git_dir));
            }
            Ok(found) if found.is_file() => {
                return Ok((dir.to_path_buf(), pointed_at(dir, &dot_git)?));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Err(GitError::NotARepository {
        path: start.to_path_buf(),
    })
}

fn looks_like_git_dir(dir: &Path) -> bool {
    dir.join("HEAD").is_file()
        && (dir.join("commondir").is_file()
            || (dir.join("objects").is_dir() && dir.join("refs").is_dir()))
}

/// Follows a `.git` file (`gitdir: PATH`), as linked work trees and submodules have.
pub(super) fn pointed_at(dir: &Path, dot_git: &Path) -> Result<PathBuf, GitError> {
    let text = std::fs::read_to_string(dot_git).map_err(GitError::io("read", dot_git))?;
    let target = text.strip_prefix("gitdir: ").map(str::trim_end);
    let not_one = || GitError::NotARepository {
        path: dir.to_path_buf(),
    };
    let target = dir.join(target.ok_or_else(not_one)?);
    let git_dir = std::fs::canonicalize(&target).map_err(|_| not_one())?;
    if looks_like_git_dir(&git_dir) {
        Ok(git_dir)
    } else {
        Err(not_one())
    }
}

/// The directory shared by all work trees: what `commondir` points at, or the git directory itself.
fn common(git_dir: &Path) -> Result<PathBuf, GitError> {
    let pointer = git_dir.join("commondir");
    match std::fs::read_to_string(&pointer) {
        Ok(text) => {
            let common = git_dir.join(text.trim_end());
            std::fs::canonicalize(&common).map_err(GitError::io("find", &common))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(git_dir.to_path_buf()),
        Err(error) => Err(GitError::io("read", &pointer)(error)),
    }
}

/// The rule of git's own `safe.directory`: a repository of somebody else can run programs as us through its configuration.
fn owned_by_us(root: &Path, common_dir: &Path) -> Result<(), GitError> {
    let us = crate::sys::ids().0;
    for dir in [root, common_dir] {
        let owner = std::fs::metadata(dir)
            .map_err(GitError::io("look at", dir))?
            .uid();
        if owner != us {
            return Err(GitError::ForeignOwner {
                path: dir.to_path_buf(),
                owner,
                us,
            });
        }
    }
    Ok(())
}

fn refuse_unusable(root: &Path, common_dir: &Path) -> Result<(), GitError> {
    let path = root.to_path_buf();
    if common_dir.join("shallow").is_file() {
        return Err(GitError::Shallow { path });
    }
    if has_promises(&common_dir.join("objects/pack"))? {
        return Err(GitError::Partial { path });
    }
    Ok(())
}

/// Packs of a partial clone are marked: what they lack, a remote has promised. The configuration is no sure sign (git 2.47
/// sets no extension for it).
fn has_promises(packs: &Path) -> Result<bool, GitError> {
    let entries = match std::fs::read_dir(packs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(GitError::io("list", packs)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(GitError::io("list", packs))?;
        if Path::new(&entry.file_name())
            .extension()
            .is_some_and(|ending| ending == "promisor")
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How the repository names its objects, and whether it has a commit at all: one question to git, unless the files tell.
fn object_format(root: &Path, git_dir: &Path, common_dir: &Path) -> Result<ObjectFormat, GitError> {
    // A machine without a git that we can use is told so here, and not in the middle of a run.
    run::program()?;
    if is_plain(git_dir, common_dir) {
        return Ok(ObjectFormat::Sha1);
    }
    let said = on_dir(git_dir, common_dir)
        .reading()
        .args(["rev-parse", "--show-object-format", "HEAD^{commit}"])
        .run()?;
    if said.code != 0 {
        return Err(GitError::NoCommits {
            path: root.to_path_buf(),
        });
    }
    let text = String::from_utf8_lossy(&said.stdout);
    match text.lines().next().unwrap_or_default() {
        "sha1" => Ok(ObjectFormat::Sha1),
        "sha256" => Ok(ObjectFormat::Sha256),
        other => Err(run::unreadable(
            "rev-parse",
            common_dir,
            &format!("object format `{other}` is unknown"),
        )),
    }
}

/// Whether the repository is laid out as nearly all are, with a branch that has a commit: no extension, among which the other
/// object format would be, and nothing read in from elsewhere that could hold one.
fn is_plain(git_dir: &Path, common_dir: &Path) -> bool {
    let Ok(config) = std::fs::read_to_string(common_dir.join("config")) else {
        return false;
    };
    let config = config.to_ascii_lowercase();
    let plain = !config.contains("extensions") && !config.contains("include");
    let head = std::fs::read_to_string(git_dir.join("HEAD")).unwrap_or_default();
    let branch = head.strip_prefix("ref: ").map(str::trim_end);
    let stands = |name| {
        let said = branchfile::look(common_dir, ObjectFormat::Sha1, name);
        matches!(said, branchfile::Said::At(_))
    };
    plain && branch.is_some_and(stands)
}

/// A git directory of ours with nothing in it: no configuration but the format, no refs, no hooks, no objects.
fn neutral(format: ObjectFormat) -> Result<files::Scratch, GitError> {
    let dir = files::scratch()?;
    let extensions = match format {
        ObjectFormat::Sha1 => "",
        ObjectFormat::Sha256 => "[extensions]\n\tobjectFormat = sha256\n",
    };
    let version = if extensions.is_empty() { 0 } else { 1 };
    let config =
        format!("[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{extensions}");
    std::fs::create_dir(dir.path().join("refs")).map_err(GitError::io("make", dir.path()))?;
    std::fs::write(dir.path().join("HEAD"), "ref: refs/heads/nothing\n")
        .map_err(GitError::io("fill", dir.path()))?;
    std::fs::write(dir.path().join("config"), config).map_err(GitError::io("fill", dir.path()))?;
    Ok(dir)
}

/// A person's own configuration of git.
pub(super) fn global_file(home: &Path) -> PathBuf {
    let global = home.join(".gitconfig");
    match global.is_file() {
        true => global,
        false => home.join(".config/git/config"),
    }
}

/// The author that a person has configured for all repositories, in the global file of `home` alone: what there is before there is a
/// repository. `None` when there is no such file, or a name in it is missing or unusable. `git config` starts no program.
///
/// # Errors
/// When git itself fails, for example on a configuration file with a syntax error.
pub fn persons_identity(home: &Path) -> Result<Option<Identity>, GitError> {
    let file = run::text(&global_file(home));
    let read = |name: &str| -> Result<String, GitError> {
        let call = run::on_dir(home, home).reading();
        let output = call
            .args(["config", "--file", &file, "--get", name])
            .run()?;
        match output.code {
            0 => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            1 => Ok(String::new()),
            _ => Err(run::failed("config", home, &output)),
        }
    };
    Ok(Identity::new(&read("user.name")?, &read("user.email")?).ok())
}

/// The author that the repository's owner has configured for it (`user.name`, `user.email`), in the repository or in
/// `home`'s global file. `None` when either is missing or unusable. `git config` starts no program.
///
/// # Errors
/// When git itself fails, for example on a configuration file with a syntax error.
pub fn configured_identity(repo: &Repo, home: Option<&Path>) -> Result<Option<Identity>, GitError> {
    let read = |name: &str| -> Result<String, GitError> {
        let mut call = run::on_refs(repo).reading().args(["config", "--get", name]);
        if let Some(home) = home {
            call = call
                .env("GIT_CONFIG_GLOBAL", &run::text(&global_file(home)))
                .env("HOME", &run::text(home));
        }
        let output = call.run()?;
        match output.code {
            0 => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            1 => Ok(String::new()),
            _ => Err(run::failed("config", repo.root(), &output)),
        }
    };
    Ok(Identity::new(&read("user.name")?, &read("user.email")?).ok())
}
