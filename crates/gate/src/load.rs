//! Reads a change out of a repository, with the trusted side's own git.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alai_workspace::git::{self, ChangeStatus, Oid, Repo};

use crate::change::{Change, ChangedFile, Commit, Content, FILE_BYTES_MAX, FILES_READ_MAX};
use crate::checks::manifest;
use crate::error::GateError;
use crate::source::{self, Lang};

/// Reads the change. `checkout` is a fresh clone of the head in which nothing ran, for the targets of symbolic links.
pub(crate) fn load(
    repo: &Repo,
    base: &Oid,
    head: &Oid,
    checkout: &Path,
) -> Result<Change, GateError> {
    let diff = git::diff(repo, base, head).map_err(|e| unreadable("the diff", &e))?;
    let base_paths = paths(repo, base)?;
    let head_paths = paths(repo, head)?;
    let mut files = Vec::with_capacity(diff.files.len());
    for (count, file) in diff.files.into_iter().enumerate() {
        let from = match &file.status {
            ChangeStatus::Renamed { from } => Some(from.clone()),
            ChangeStatus::Added
            | ChangeStatus::Modified
            | ChangeStatus::Deleted
            | ChangeStatus::TypeChanged => None,
        };
        let (old, new) = if count < FILES_READ_MAX {
            let old = content(
                repo,
                base,
                from.as_deref().unwrap_or(&file.path),
                file.old_mode,
                None,
            )?;
            (
                old,
                content(repo, head, &file.path, file.new_mode, Some(checkout))?,
            )
        } else {
            (Content::Unread, Content::Unread)
        };
        files.push(ChangedFile::new(
            file.path,
            from,
            (file.old_mode, file.new_mode),
            old,
            new,
        ));
    }
    Ok(Change {
        manifests: manifests(repo, head, &files, &head_paths)?,
        files,
        tests: tests(repo, head, &head_paths)?,
        base_paths,
        head_paths,
        commits: history(repo, base, head)?,
        rewritten: !git::is_ancestor(repo, base, head)
            .map_err(|e| unreadable("the history", &e))?,
    })
}

/// Test programs that are read to compare what they expect with what the product was made to answer.
const TESTS_READ_MAX: usize = 300;
/// Longer ones hold data.
const TEST_BYTES_MAX: u64 = 256 << 10;

fn tests(
    repo: &Repo,
    head: &Oid,
    paths: &BTreeMap<String, u32>,
) -> Result<Vec<(String, String)>, GateError> {
    let plain = |(path, mode): &(&String, &u32)| {
        **mode & 0o170_000 == 0o100_000
            && source::lang(path) != Lang::Plain
            && crate::paths::is_test(path)
    };
    let mut found = Vec::new();
    for (path, _) in paths.iter().filter(plain).take(TESTS_READ_MAX) {
        match git::blob(repo, head, path, TEST_BYTES_MAX) {
            Ok(Some(bytes)) => {
                found.push((path.clone(), String::from_utf8_lossy(&bytes).into_owned()));
            }
            Ok(None) | Err(git::GitError::TooLarge { .. }) => {}
            Err(error) => return Err(unreadable(path, &error)),
        }
    }
    Ok(found)
}

/// Manifests that are read beside the changed ones; a repository with more is looked at by those nearest to its top.
const MANIFESTS_READ_MAX: usize = 300;

/// The manifests and lockfiles that did not change, where another one did. A changed one of cargo's may inherit from those above it.
fn manifests(
    repo: &Repo,
    head: &Oid,
    files: &[ChangedFile],
    paths: &BTreeMap<String, u32>,
) -> Result<BTreeMap<String, Content>, GateError> {
    let mut found = BTreeMap::new();
    let mut changed = files.iter().flat_map(|file| [file.base_path(), &file.path]);
    if !changed.any(|path| manifest::kind(path).is_some()) {
        return Ok(found);
    }
    let changed = files.iter().flat_map(|file| [file.base_path(), &file.path]);
    let cargo = changed.filter(|path| crate::paths::name(path) == "Cargo.toml");
    let above: BTreeSet<String> = cargo.flat_map(crate::paths::above).collect();
    let mut others: Vec<&String> = { paths.keys() }
        .filter(|path| manifest::kind(path).is_some() && !above.contains(*path))
        .collect();
    others.sort_by_key(|path| path.matches('/').count());
    let others = others.into_iter().take(MANIFESTS_READ_MAX).cloned();
    for path in above.iter().cloned().chain(others) {
        let unchanged = !files
            .iter()
            .any(|file| file.path == path || file.base_path() == path);
        let Some(mode) = paths.get(&path).filter(|_| unchanged) else {
            continue;
        };
        let content = content(repo, head, &path, *mode, None)?;
        found.insert(path, content);
    }
    Ok(found)
}

fn unreadable(what: &str, error: &dyn std::error::Error) -> GateError {
    GateError::Repository {
        what: what.to_owned(),
        why: error.to_string(),
    }
}

fn paths(repo: &Repo, commit: &Oid) -> Result<BTreeMap<String, u32>, GateError> {
    let entries =
        git::tree(repo, commit).map_err(|e| unreadable(&format!("the tree of {commit}"), &e))?;
    Ok(entries
        .iter()
        .map(|entry| (entry.path.clone(), entry.mode))
        .collect())
}

fn content(
    repo: &Repo,
    commit: &Oid,
    path: &str,
    mode: u32,
    checkout: Option<&Path>,
) -> Result<Content, GateError> {
    match mode {
        0 => return Ok(Content::Absent),
        0o120_000 => {
            let target = checkout.and_then(|root| std::fs::read_link(root.join(path)).ok());
            return Ok(Content::Link(
                target
                    .map(|t| t.to_string_lossy().into_owned())
                    .unwrap_or_default(),
            ));
        }
        0o160_000 => return Ok(Content::Submodule),
        _ => {}
    }
    match git::blob(repo, commit, path, FILE_BYTES_MAX) {
        Ok(Some(bytes)) => Ok(Content::from_bytes(bytes)),
        Ok(None) => Err(GateError::Repository {
            what: format!("{path} at {commit}"),
            why: "it is not there".into(),
        }),
        Err(git::GitError::TooLarge { .. }) => Ok(Content::Unread),
        Err(error) => Err(unreadable(&format!("{path} at {commit}"), &error)),
    }
}

fn history(repo: &Repo, base: &Oid, head: &Oid) -> Result<Vec<Commit>, GateError> {
    let commits = git::commits(repo, base, head).map_err(|e| unreadable("the history", &e))?;
    let patch = |oid: Oid| {
        let patch =
            git::commit_patch(repo, &oid).map_err(|e| unreadable(&format!("commit {oid}"), &e))?;
        Ok(Commit {
            oid: oid.short().to_owned(),
            patch: patch.text,
            truncated: patch.truncated,
        })
    };
    commits.into_iter().map(|line| patch(line.oid)).collect()
}
