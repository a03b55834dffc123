//! Moving a branch of the user, also when a work tree of theirs stands on it.
//!
//! Their files come first: anything uncommitted that the move would touch refuses it, with nothing changed. The order is
//! files, then index, then ref, as in `git merge --ff-only`; a crash in between leaves the new files under the old head, and
//! the next call recognises that state and finishes it.
//!
//! No filter runs here. A filter (`filter.NAME.clean` and its like) is a program that the person configured and that a file of the
//! commit (`.gitattributes`) asks for: with an agent's commit that is an agent choosing what of its own is given to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::open::pointed_at;
use super::refs::update_shared_ref;
use super::run::{self, Call, on_objects, on_refs, on_tree};
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
    /// Settings that switch its filters off, by name.
    unfiltered: Vec<(String, &'static str)>,
}

impl Tree {
    fn at(root: &Path, git_dir: &Path) -> Result<Tree, GitError> {
        Ok(Tree {
            root: root.to_path_buf(),
            git_dir: git_dir.to_path_buf(),
            unfiltered: unfiltered(root, git_dir)?,
        })
    }

    /// A call on this work tree in which no filter is known.
    fn call(&self) -> Call<'static> {
        let call = on_tree(&self.root, &self.git_dir);
        let count = self.unfiltered.len().to_string();
        let call = call.env("GIT_CONFIG_COUNT", &count);
        let numbered = self.unfiltered.iter().enumerate();
        numbered.fold(call, |call, (number, (key, value))| {
            call.env(&format!("GIT_CONFIG_KEY_{number}"), key)
                .env(&format!("GIT_CONFIG_VALUE_{number}"), value)
        })
    }
}

/// For each filter of the repository's configuration: that it has no program, and that nobody needs it. By the environment,
/// since a name may hold a sign that ends a setting on the command line.
fn unfiltered(root: &Path, git_dir: &Path) -> Result<Vec<(String, &'static str)>, GitError> {
    let output = on_tree(root, git_dir)
        .reading()
        .args(["config", "-z", "--name-only", "--get-regexp", r"^filter\."])
        .run()?;
    if !matches!(output.code, 0 | 1) {
        return Err(run::failed("config", root, &output));
    }
    let keys = String::from_utf8(output.stdout)
        .map_err(|_| run::unreadable("config", root, "the name of a filter is not UTF-8"))?;
    let filters: BTreeSet<&str> = keys
        .split('\0')
        .filter_map(|key| Some(key.rsplit_once('.')?.0))
        .collect();
    let off = [
        ("clean", ""),
        ("smudge", ""),
        ("process", ""),
        ("required", "false"),
    ];
    Ok(filters
        .iter()
        .flat_map(|filter| off.map(|(key, value)| (format!("{filter}.{key}"), value)))
        .collect())
}

/// True when the work tree has changes to tracked files that no commit holds. Untracked files do not count. The index is
/// read, never refreshed on disk.
///
/// # Errors
/// When git fails.
pub fn is_dirty(repo: &Repo) -> Result<bool, GitError> {
    let tree = Tree::at(repo.root(), &repo.git_dir)?;
    Ok(!dirty_paths(&tree)?.is_empty())
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
        trees.push(Tree::at(&root, &git_dir)?);
    }
    if !trees.iter().any(|tree| tree.root == repo.root()) {
        trees.push(Tree::at(repo.root(), &repo.git_dir)?);
    }
    Ok(trees)
}

fn tree_head(repo: &Repo, tree: &Tree) -> Result<Option<String>, GitError> {
    let output = tree
        .call()
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
    let paths = dirty_paths(tree)?;
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
        let listing = differing(repo, from, to, filter)?;
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

/// Paths that differ between two commits in one way, each with a NUL after it.
fn differing(repo: &Repo, from: &Oid, to: &Oid, filter: &str) -> Result<Vec<u8>, GitError> {
    on_objects(repo)
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
        .ok()
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
        let call = tree
            .call()
            .args(["diff", "--quiet", "--no-ext-diff", "--no-textconv"]);
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
    let output = tree
        .call()
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
    let output = tree
        .call()
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
fn dirty_paths(tree: &Tree) -> Result<Vec<String>, GitError> {
    let listing = tree
        .call()
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

/// The first file that a clean or smudge filter (such as LFS) should turn into its work-tree form: one that changed, or one whose
/// filter is new because the rules did. git would not touch the second now, and give it to the filter at the next occasion.
fn needs_filter(repo: &Repo, from: &Oid, to: &Oid) -> Result<Option<(String, String)>, GitError> {
    let changed = differing(repo, from, to, "--diff-filter=d")?;
    let gone = differing(repo, from, to, "--diff-filter=D")?;
    let split = |listing| <[u8]>::split(listing, |byte: &u8| *byte == 0);
    let names: BTreeSet<&[u8]> = split(&changed).collect();
    let is_rule = |name: &&[u8]| name.rsplit(|byte| *byte == b'/').next() == Some(ATTRIBUTES);
    if !split(&changed)
        .chain(split(&gone))
        .any(|name| is_rule(&name))
    {
        return Ok(filters(repo, to, &changed)?.into_iter().next());
    }
    let all = on_objects(repo)
        .reading()
        .args(["ls-tree", "-r", "-z", "--name-only", "--full-tree"])
        .args([to.as_str()])
        .ok()?;
    let before: BTreeSet<_> = filters(repo, from, &all)?.into_iter().collect();
    let mut after = filters(repo, to, &all)?.into_iter();
    Ok(after.find(|found| names.contains(found.0.as_bytes()) || !before.contains(found)))
}

const ATTRIBUTES: &[u8] = b".gitattributes";

/// Those of the named paths (each with a NUL after it) that have a filter by the rules of a commit, and its name. What the commit
/// does not have is not asked for.
fn filters(repo: &Repo, commit: &Oid, paths: &[u8]) -> Result<Vec<(String, String)>, GitError> {
    let scratch = crate::files::scratch()?;
    let index = run::text(&scratch.path().join("index"));
    on_objects(repo)
        .env("GIT_INDEX_FILE", &index)
        .args(["read-tree", commit.as_str()])
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
        .stdin(paths)
        .ok()?;
    let fields: Vec<String> = answer
        .split(|byte| *byte == 0)
        .map(|field| String::from_utf8_lossy(field).into_owned())
        .collect();
    let has =
        |record: &&[String]| !matches!(record[2].as_str(), "unspecified" | "unset" | "set" | "");
    let records = fields.chunks_exact(3).filter(has);
    Ok(records
        .map(|record| (record[0].clone(), record[2].clone()))
        .collect())
}
