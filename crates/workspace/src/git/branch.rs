//! Moving a branch of the user, also when a work tree of theirs stands on it.
//!
//! Their files come first: anything uncommitted that the move would touch refuses it, with nothing changed. The order is
//! files, then index, then ref, as in `git merge --ff-only`; a crash in between leaves the new files under the old head, and
//! the next call recognises that state and finishes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::open::pointed_at;
use super::refs::update_shared_ref;
use super::run::{self, on_objects, on_refs, on_tree};
use super::{GitError, Oid, Repo, is_ancestor, resolve};
use crate::crash;

/// What moving a branch changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The branch stood there already.
    AlreadyThere,
    /// No work tree stands on the branch; its ref alone was moved.
    Ref,
    /// This work tree stands on the branch; its files, its index and the ref were moved.
    WorkTree(PathBuf),
}

/// A work tree of the repository.
#[derive(Debug)]
struct Tree {
    root: PathBuf,
    git_dir: PathBuf,
}

/// True when the work tree has changes to tracked files that no commit holds. Untracked files do not count. The index is
/// read, never refreshed on disk.
///
/// # Errors
/// When git fails.
pub fn is_dirty(repo: &Repo) -> Result<bool, GitError> {
    Ok(!dirty_paths(repo.root(), &repo.git_dir)?.is_empty())
}

/// Moves `branch` (its short name) forward from `expected` to `to`.
///
/// # Errors
/// [`GitError::RefMoved`] when it is not at `expected`, [`NotFastForward`](GitError::NotFastForward),
/// [`Dirty`](GitError::Dirty), [`Busy`](GitError::Busy), [`NeedsFilter`](GitError::NeedsFilter) and
/// [`InTheWay`](GitError::InTheWay) when a work tree stands on it and cannot follow.
pub fn move_branch(repo: &Repo, branch: &str, to: &Oid, expected: &Oid) -> Result<Moved, GitError> {
    let name = format!("refs/heads/{branch}");
    if !super::refs::is_ref_name(&name) {
        return Err(GitError::BadRef {
            name: branch.chars().take(200).collect(),
        });
    }
    let found = resolve(repo, &name)?;
    if found.as_ref() == Some(to) {
        return Ok(Moved::AlreadyThere);
    }
    if found.as_ref() != Some(expected) {
        return Err(GitError::RefMoved {
            name,
            expected: Some(expected.clone()),
            found,
        });
    }
    if !is_ancestor(repo, expected, to)? {
        let (from, to) = (expected.clone(), to.clone());
        return Err(GitError::NotFastForward {
            branch: branch.to_owned(),
            from,
            to,
        });
    }
    let mut standing = Vec::new();
    for tree in work_trees(repo)? {
        refuse_busy(&tree, branch)?;
        if tree_head(repo, &tree)?.as_deref() == Some(name.as_str()) {
            standing.push(tree);
        }
    }
    // git allows one work tree per branch unless forced; with more, each must be able to follow before any is touched.
    for tree in &standing {
        can_follow(repo, tree, branch, expected, to)?;
    }
    for tree in &standing {
        follow(tree, branch, expected, to)?;
    }
    update_shared_ref(repo, &name, to, expected)?;
    Ok(standing
        .into_iter()
        .next()
        .map_or(Moved::Ref, |tree| Moved::WorkTree(tree.root)))
}

/// All work trees of the repository, those whose folder is gone left out.
fn work_trees(repo: &Repo) -> Result<Vec<Tree>, GitError> {
    let listing = on_refs(repo)
        .args(["worktree", "list", "--porcelain", "-z"])
        .ok()?;
    let text = String::from_utf8_lossy(&listing);
    let mut trees = Vec::new();
    for root in text
        .split('\0')
        .filter_map(|line| line.strip_prefix("worktree "))
    {
        let root = PathBuf::from(root);
        let dot_git = root.join(".git");
        let git_dir = match std::fs::metadata(&dot_git) {
            Ok(found) if found.is_dir() => dot_git,
            Ok(_) => pointed_at(&root, &dot_git)?,
            Err(_) => continue,
        };
        trees.push(Tree { root, git_dir });
    }
    if !trees.iter().any(|tree| tree.root == repo.root()) {
        trees.push(Tree {
            root: repo.root().to_path_buf(),
            git_dir: repo.git_dir.clone(),
        });
    }
    Ok(trees)
}

fn tree_head(repo: &Repo, tree: &Tree) -> Result<Option<String>, GitError> {
    let output = on_tree(&tree.root, &tree.git_dir)
        .args(["symbolic-ref", "--quiet", "HEAD"])
        .run()?;
    match output.code {
        0 => Ok(Some(
            String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned(),
        )),
        1 => Ok(None),
        _ => Err(run::failed("symbolic-ref", repo.root(), &output)),
    }
}

/// A rebase leaves the head detached and remembers the branch in a file; moving the branch would make it fail at its end.
fn refuse_busy(tree: &Tree, branch: &str) -> Result<(), GitError> {
    let full = format!("refs/heads/{branch}");
    let rebased = ["rebase-merge/head-name", "rebase-apply/head-name"]
        .iter()
        .any(|file| {
            std::fs::read_to_string(tree.git_dir.join(file))
                .is_ok_and(|name| name.trim_end() == full)
        });
    if rebased {
        let (root, branch) = (tree.root.clone(), branch.to_owned());
        return Err(GitError::Busy {
            root,
            branch,
            operation: "rebase",
        });
    }
    Ok(())
}

const OPERATIONS: &[(&str, &str)] = &[
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("index.lock", "git command (index.lock)"),
    ("HEAD.lock", "git command (HEAD.lock)"),
];

fn can_follow(
    repo: &Repo,
    tree: &Tree,
    branch: &str,
    from: &Oid,
    to: &Oid,
) -> Result<(), GitError> {
    let owned = || (tree.root.clone(), branch.to_owned());
    for (file, operation) in OPERATIONS {
        if tree.git_dir.join(file).exists() {
            let (root, branch) = owned();
            return Err(GitError::Busy {
                root,
                branch,
                operation,
            });
        }
    }
    let paths = dirty_paths(&tree.root, &tree.git_dir)?;
    if !paths.is_empty() && !half_followed(tree, to)? {
        let (root, branch) = owned();
        return Err(GitError::Dirty {
            root,
            branch,
            paths,
        });
    }
    if paths.is_empty()
        && let Some(path) = in_the_way(repo, tree, from, to)?
    {
        let (root, branch) = owned();
        let reason = format!("{path} is there, and no commit holds it");
        return Err(GitError::InTheWay {
            root,
            branch,
            reason,
        });
    }
    if let Some((path, filter)) = needs_filter(repo, from, to)? {
        let (root, branch) = owned();
        return Err(GitError::NeedsFilter {
            root,
            branch,
            path,
            filter,
            to: to.clone(),
        });
    }
    Ok(())
}

/// An untracked file or folder where `to` brings one of its own. git itself looks only at those that are not ignored: an
/// ignored file in the way, such as a local `.env`, would be overwritten (measured with read-tree of git 2.39 and 2.47).
fn in_the_way(repo: &Repo, tree: &Tree, from: &Oid, to: &Oid) -> Result<Option<String>, GitError> {
    let names = |filter: &str| -> Result<BTreeSet<String>, GitError> {
        let listing = on_objects(repo)
            .args([
                "diff-tree",
                "-r",
                "-z",
                "--name-only",
                "--no-renames",
                filter,
                from.as_str(),
                to.as_str(),
            ])
            .ok()?;
        let names = listing
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty());
        Ok(names
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect())
    };
    // What `to` removes was tracked and clean: it makes room.
    let leaving = names("--diff-filter=D")?;
    for path in names("--diff-filter=A")? {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        for above in parents.chain([path.as_str()]) {
            let Ok(found) = std::fs::symlink_metadata(tree.root.join(above)) else {
                break;
            };
            let is_folder = found.is_dir();
            let blocks = match (above == path, is_folder) {
                (false, true) => false,
                (true, true) => holds_others(&tree.root, above, &leaving)?,
                (_, false) => !leaving.contains(above),
            };
            if blocks {
                return Ok(Some(above.to_owned()));
            }
        }
    }
    Ok(None)
}

/// True when a folder holds anything that is not about to leave.
fn holds_others(root: &Path, folder: &str, leaving: &BTreeSet<String>) -> Result<bool, GitError> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let dir = root.join(&folder);
        for entry in std::fs::read_dir(&dir).map_err(GitError::io("list", &dir))? {
            let entry = entry.map_err(GitError::io("list", &dir))?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(path);
            } else if !leaving.contains(&path) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// True when a call that was killed has already put `to` into this work tree: index and files are `to`, the ref is not.
fn half_followed(tree: &Tree, to: &Oid) -> Result<bool, GitError> {
    let same = |args: &[&str]| -> Result<bool, GitError> {
        let call = on_tree(&tree.root, &tree.git_dir).args([
            "diff",
            "--quiet",
            "--no-ext-diff",
            "--no-textconv",
        ]);
        let output = call.args(["--ignore-submodules=dirty"]).args(args).run()?;
        match output.code {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(run::failed("diff", &tree.root, &output)),
        }
    };
    Ok(same(&["--cached", to.as_str()])? && same(&[])?)
}

/// Brings index and files from one commit to the other, touching only what differs between them.
fn follow(tree: &Tree, branch: &str, from: &Oid, to: &Oid) -> Result<(), GitError> {
    if half_followed(tree, to)? {
        return Ok(());
    }
    refresh_index(tree)?;
    crash::point("read-tree.before");
    let output = on_tree(&tree.root, &tree.git_dir)
        .args(["read-tree", "-m", "-u", from.as_str(), to.as_str()])
        .finishing()
        .run()?;
    crash::point("read-tree.after");
    if output.code == 0 {
        return Ok(());
    }
    Err(GitError::InTheWay {
        root: tree.root.clone(),
        branch: branch.to_owned(),
        reason: output.stderr,
    })
}

/// Lets the index know the files anew. read-tree goes by what it knows (size, times, owner, inode) and would refuse a file of a
/// copied repository as changed that says what the commit says.
fn refresh_index(tree: &Tree) -> Result<(), GitError> {
    let output = on_tree(&tree.root, &tree.git_dir)
        .args(["update-index", "-q", "--refresh"])
        .finishing()
        .run()?;
    match output.code {
        // One: a file really is another. read-tree decides whether that one is in the way.
        0 | 1 => Ok(()),
        _ => Err(run::failed("update-index", &tree.root, &output)),
    }
}

/// Tracked paths with uncommitted changes. Our own rename detection is off: one path per change.
fn dirty_paths(root: &Path, git_dir: &Path) -> Result<Vec<String>, GitError> {
    let listing = on_tree(root, git_dir)
        .args([
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=no",
            "--no-renames",
            "--ignore-submodules=dirty",
        ])
        .ok()?;
    let records = listing
        .split(|byte| *byte == 0)
        .filter(|record| record.len() > 3);
    Ok(records
        .map(|record| String::from_utf8_lossy(&record[3..]).into_owned())
        .collect())
}

/// The first changed file that a clean or smudge filter (such as LFS) should turn into its work-tree form.
fn needs_filter(repo: &Repo, from: &Oid, to: &Oid) -> Result<Option<(String, String)>, GitError> {
    let changed = on_objects(repo)
        .args([
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--diff-filter=d",
            from.as_str(),
            to.as_str(),
        ])
        .ok()?;
    if changed.is_empty() {
        return Ok(None);
    }
    let scratch = crate::files::scratch()?;
    let index = run::text(&scratch.path().join("index"));
    on_objects(repo)
        .env("GIT_INDEX_FILE", &index)
        .args(["read-tree", to.as_str()])
        .ok()?;
    let answer = on_objects(repo)
        .env("GIT_INDEX_FILE", &index)
        .args([
            "-c",
            "core.bare=false",
            "check-attr",
            "--cached",
            "-z",
            "--stdin",
            "filter",
        ])
        .env("GIT_WORK_TREE", &run::text(scratch.path()))
        .stdin(&changed)
        .ok()?;
    let fields: Vec<String> = answer
        .split(|byte| *byte == 0)
        .map(|field| String::from_utf8_lossy(field).into_owned())
        .collect();
    for record in fields.chunks_exact(3) {
        if !matches!(record[2].as_str(), "unspecified" | "unset" | "set" | "") {
            return Ok(Some((record[0].clone(), record[2].clone())));
        }
    }
    Ok(None)
}
