//! A builder's write scope as mounts: what of its clone its commands can change.
//!
//! Scopes are globs, mounts are folders. Where every allowed glob begins with a folder (`src/**`, `packages/api`), the clone is
//! read-only and those folders are writable in it. Where one does not (`*.md`, `**/test/**`), mounts cannot say it: then the
//! clone is writable, and what lies at its top and cannot be meant is read-only. What mounts leave open is held by the file
//! tools, which refuse at once, and by check 8 of the gate, which looks at the commit.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::CageError;
use super::resolve::make_mount_point;
use super::spec::{Access, Bind};

/// What a builder may change.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Globs; a plain name also stands for all below it. None means the whole clone.
    pub allowed: &'a [String],
    /// Globs that win over the allowed ones.
    pub forbidden: &'a [String],
    /// Every file of the commit that the clone was made from, `/`-separated. What is not among them was left by the set-up.
    pub tracked: &'a [String],
}

/// The mounts of a clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoped {
    /// The clone itself first.
    pub binds: Vec<Bind>,
    /// How far they hold the scope, for the record beside the names of the layers.
    pub layer: &'static str,
}

/// No scope was given: the whole clone is writable.
const WHOLE: &str = "scope:whole-clone";
/// Mounts hold the folders of the scope, and all else is read-only.
const FOLDERS: &str = "scope:folders";
/// Mounts hold a part of it.
const PARTLY: &str = "scope:partly";

/// More mounts than this of one kind slow the start of every cage. What a set-up left stays read-only beyond it; what lies at
/// the top is held by the tools and the gate.
const MOUNTS_MAX: usize = 128;

/// A longer list of ignored files is no list of build folders.
const IGNORE_BYTES_MAX: u64 = 64 << 10;

/// Most of a name in Linux's filesystems (`NAME_MAX`).
const NAME_BYTES_MAX: usize = 255;

/// Half of what the kernel takes as a path (`PATH_MAX`): the clone's own path stands before it.
const PATH_BYTES_MAX: usize = 2048;

/// Git's own folder: every commit of the agent is written there, and an import believes none of it unseen.
const GIT: &str = ".git";

/// Decides how a fresh clone is shown to its builder, and makes the folders of the scope that do not exist yet (git does not
/// see empty ones). Nothing of an agent may have run in the clone before.
///
/// # Errors
/// When such a folder cannot be made.
pub fn builder_binds(
    clone: &Path,
    inside: &Path,
    scope: &Scope<'_>,
    owner: Option<(u32, u32)>,
) -> Result<Scoped, CageError> {
    let shown = |path: &Path, access| Bind {
        outside: clone.join(path),
        inside: inside.join(path),
        access,
    };
    let whole = |access| Bind {
        outside: clone.to_owned(),
        inside: inside.to_owned(),
        access,
    };
    let closed = closed(clone, scope.forbidden);
    let is_closed = |path: &Path| closed.iter().any(|closed| path.starts_with(closed));
    let read_only = |binds: &mut Vec<Bind>, paths: &BTreeSet<PathBuf>| -> Result<(), CageError> {
        for path in paths {
            make_folder(clone, path, owner)?;
            if is_plain(clone, path) {
                binds.push(shown(path, Access::ReadOnly));
            }
        }
        Ok(())
    };
    let mut binds = Vec::new();
    let Some(open) = folders(clone, scope.allowed) else {
        binds.push(whole(Access::ReadWrite));
        let mut shut = closed;
        shut.extend(out_of_reach(clone, scope.allowed));
        read_only(&mut binds, &shut)?;
        let layer = if scope.allowed.is_empty() && scope.forbidden.is_empty() {
            WHOLE
        } else {
            PARTLY
        };
        return Ok(Scoped { binds, layer });
    };
    binds.push(whole(Access::ReadOnly));
    // Looked for before anything is made here.
    let left = left_by_set_up(clone, scope.tracked);
    let mut writable = open;
    writable.retain(|path| !is_closed(path));
    for path in &writable {
        make_folder(clone, path, owner)?;
    }
    // The repository's own words: one that cannot be made is its loss alone, and stops nobody.
    let of_repository = ignored(clone, scope.tracked).into_iter();
    let made = |path: &PathBuf| !is_closed(path) && make_folder(clone, path, owner).is_ok();
    writable.extend(of_repository.filter(made));
    writable.insert(PathBuf::from(GIT));
    writable.extend(left);
    let outermost = |path: &&PathBuf| {
        let mut above = path.ancestors().skip(1);
        !above.any(|above| writable.contains(above))
    };
    for path in writable.iter().filter(outermost) {
        if is_folder(clone, path) && !is_closed(path) {
            binds.push(shown(path, Access::ReadWrite));
        }
    }
    let in_writable = |path: &&PathBuf| path.ancestors().any(|above| writable.contains(above));
    let shut = closed.iter().filter(in_writable).cloned().collect();
    read_only(&mut binds, &shut)?;
    Ok(Scoped {
        binds,
        layer: FOLDERS,
    })
}

/// [`builder_binds`] of a clone that is still empty, where its commit alone decides: the whole clone is writable, and all that is forbidden is a
/// folder of the commit, or can be made one. Makes those folders; a checkout fills them. `None` where files or a set-up have a say.
///
/// It is a guess: whoever starts a cage by it asks [`builder_binds`] again when the clone is filled, and holds both against each other.
///
/// # Errors
/// When such a folder cannot be made.
pub fn binds_ahead(
    clone: &Path,
    inside: &Path,
    scope: &Scope<'_>,
    owner: Option<(u32, u32)>,
) -> Result<Option<Scoped>, CageError> {
    let is_all = |glob: &String| matches!(top(glob).as_str(), "*" | "**");
    if !scope.allowed.is_empty() && !scope.allowed.iter().any(is_all) {
        return Ok(None);
    }
    let is_in = |path: &str, folder: &str| {
        let rest = path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for glob in scope.forbidden {
        let tidy = glob.trim().trim_end_matches('/');
        let Some((path, true)) = literal(tidy.strip_suffix("/**").unwrap_or(tidy)) else {
            continue;
        };
        if path.starts_with(GIT) {
            continue;
        }
        let whole = path.to_string_lossy();
        // A file, a link or a submodule is in its place, or above it.
        if scope.tracked.iter().any(|file| is_in(&whole, file)) {
            return Ok(None);
        }
        let is_tracked = |part: &&Path| {
            let part = part.to_string_lossy();
            scope.tracked.iter().any(|file| is_in(file, &part))
        };
        // As far as the commit has it: the checkout would make that, too.
        if let Some(folder) = path
            .ancestors()
            .filter(|part| !part.as_os_str().is_empty())
            .find(is_tracked)
        {
            make_folder(clone, folder, owner)?;
        }
    }
    builder_binds(clone, inside, scope, owner).map(Some)
}

/// The parts of a glob up to its first wildcard, and whether there is none. `None` for what is no path of a repository, or none
/// that can be made.
fn literal(glob: &str) -> Option<(PathBuf, bool)> {
    let glob = glob.trim();
    let tidy = glob.strip_prefix("./").unwrap_or(glob);
    let tidy = tidy.trim_end_matches('/');
    let mut path = PathBuf::new();
    for part in tidy.split('/') {
        if part.contains(['*', '?', '[', '{', '\\', '!']) {
            return Some((path, false));
        }
        let no_name = part.len() > NAME_BYTES_MAX || part.contains(char::is_control);
        if part.is_empty() || part == "." || part == ".." || no_name {
            return None;
        }
        if path.as_os_str().len() + part.len() >= PATH_BYTES_MAX {
            return None;
        }
        path.push(part);
    }
    Some((path, true))
}

/// The folders that hold everything that is allowed; none when something can only be held by the whole clone.
fn folders(clone: &Path, allowed: &[String]) -> Option<BTreeSet<PathBuf>> {
    if allowed.is_empty() {
        return None;
    }
    let mut found = BTreeSet::new();
    for glob in allowed {
        // The tools and the gate refuse such a pattern, and so allow nothing by it.
        let Some((path, whole)) = literal(glob) else {
            continue;
        };
        // A name without a wildcard may be a file, and a file is replaced through its folder.
        let is_folder = !whole || glob.trim().ends_with('/') || is_folder(clone, &path);
        let folder = match is_folder {
            true => path,
            false => path.parent().unwrap_or(Path::new("")).to_owned(),
        };
        if folder.as_os_str().is_empty() {
            return None;
        }
        found.insert(folder);
    }
    Some(found)
}

/// Folders and files that are forbidden with all below them. Of what does not exist yet, only what must be a folder: it is made.
fn closed(clone: &Path, forbidden: &[String]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for glob in forbidden {
        let tidy = glob.trim().trim_end_matches('/');
        let whole = tidy.strip_suffix("/**").unwrap_or(tidy);
        let Some((path, true)) = literal(whole) else {
            continue;
        };
        let there = is_plain(clone, &path);
        let can_be_made = whole.len() < glob.trim().len() && {
            let parent = path.parent().unwrap_or(Path::new(""));
            parent.as_os_str().is_empty() || is_folder(clone, parent)
        };
        // Commits are written to git's folder; the tools and the gate keep the rest of it.
        if !path.starts_with(GIT) && (there || can_be_made) {
            found.insert(path);
        }
    }
    found
}

/// What lies at the top of a clone and cannot be meant by any glob.
fn out_of_reach(clone: &Path, allowed: &[String]) -> BTreeSet<PathBuf> {
    let tops: Vec<String> = allowed.iter().map(|glob| top(glob)).collect();
    let mut found = BTreeSet::new();
    if tops.is_empty() {
        return found;
    }
    // A folder that cannot be listed has nothing in it that a program could reach.
    for entry in fs::read_dir(clone).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let meant = tops.iter().any(|top| may_match(top, &name));
        if name != GIT && !meant && found.len() < MOUNTS_MAX {
            found.insert(PathBuf::from(name));
        }
    }
    found
}

/// The first part of a glob.
fn top(glob: &str) -> String {
    let glob = glob.trim();
    let tidy = glob.strip_prefix("./").unwrap_or(glob);
    tidy.split('/').next().unwrap_or_default().to_owned()
}

/// Whether a part of a glob could match a name. Of what is more than `*` and `?` it says yes. Only the last `*` is ever tried
/// anew, so that the longest of both costs no more than their product.
fn may_match(part: &str, name: &str) -> bool {
    if part.contains(['[', '{', '\\', '!']) {
        return true;
    }
    let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
    let (mut of_part, mut of_name) = (0, 0);
    // Where the last `*` stands, and how far into the name it reaches.
    let mut star: Option<(usize, usize)> = None;
    while of_name < name.len() {
        match part.get(of_part) {
            Some('*') => {
                star = Some((of_part, of_name));
                of_part += 1;
            }
            Some(c) if *c == '?' || *c == name[of_name] => {
                of_part += 1;
                of_name += 1;
            }
            Some(_) | None => {
                let Some((at, reached)) = star else {
                    return false;
                };
                star = Some((at, reached + 1));
                (of_part, of_name) = (at + 1, reached + 1);
            }
        }
    }
    part[of_part..].iter().all(|c| *c == '*')
}

/// Build folders that the project itself calls nobody's work, by the plain lines of its `.gitignore`. One that the commit has
/// files in is none: ignoring it must not make it writable.
fn ignored(clone: &Path, tracked: &[String]) -> BTreeSet<PathBuf> {
    let file = clone.join(".gitignore");
    let small = fs::symlink_metadata(&file)
        .is_ok_and(|what| what.is_file() && what.len() <= IGNORE_BYTES_MAX);
    let text = if small {
        fs::read_to_string(&file).unwrap_or_default()
    } else {
        String::new()
    };
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let Some((path, true)) = literal(line.trim_start_matches('/')) else {
            continue;
        };
        let has_dot = path
            .file_name()
            .is_none_or(|name| name.to_string_lossy().contains('.'));
        let is_folder = line.ends_with('/') || !has_dot;
        let of_commit = tracked.iter().any(|file| {
            let file = Path::new(file);
            file.starts_with(&path) || path.starts_with(file)
        });
        if is_folder && !of_commit && found.len() < MOUNTS_MAX / 4 {
            found.insert(path);
        }
    }
    found
}

/// Folders in the clone that the commit does not have: what its set-up put there, dependencies and build caches. The place of a
/// submodule is of the commit, with whatever is in it.
fn left_by_set_up(clone: &Path, tracked: &[String]) -> BTreeSet<PathBuf> {
    let mut left = BTreeSet::new();
    let entries: BTreeSet<&Path> = tracked.iter().map(Path::new).collect();
    let mut of_commit: BTreeSet<&Path> = BTreeSet::new();
    for file in tracked {
        for folder in Path::new(file).ancestors().skip(1) {
            if !of_commit.insert(folder) {
                break;
            }
        }
    }
    let mut todo = vec![PathBuf::new()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(clone.join(&folder))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = folder.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir())
                && !entries.contains(path.as_path());
            if is_folder && of_commit.contains(path.as_path()) {
                todo.push(path);
            } else if is_folder && left.len() < MOUNTS_MAX {
                left.insert(path);
            }
        }
    }
    left
}

/// Makes what is missing of a folder of the scope. Where a link or a file is in the way nothing is made, and it stays as it is.
fn make_folder(clone: &Path, path: &Path, owner: Option<(u32, u32)>) -> Result<(), CageError> {
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.pop();
    let mut there = above.iter().rev();
    let is_missing = |part: &&&Path| {
        let what = fs::symlink_metadata(clone.join(part));
        what.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let missing = there.find(is_missing);
    let Some(missing) = missing else {
        return Ok(());
    };
    let parent = missing.parent().unwrap_or(Path::new(""));
    match parent.as_os_str().is_empty() || is_folder(clone, parent) {
        true => make_mount_point(clone, path, true, owner),
        false => Ok(()),
    }
}

/// A folder of the clone that is reached through no link.
fn is_folder(clone: &Path, path: &Path) -> bool {
    let what = fs::symlink_metadata(clone.join(path));
    what.is_ok_and(|what| what.is_dir()) && without_links(clone, path)
}

/// A folder or a file of the clone that is reached through no link.
fn is_plain(clone: &Path, path: &Path) -> bool {
    let what = fs::symlink_metadata(clone.join(path));
    what.is_ok_and(|what| what.is_dir() || what.is_file()) && without_links(clone, path)
}

fn without_links(clone: &Path, path: &Path) -> bool {
    path.ancestors()
        .all(|part| !fs::symlink_metadata(clone.join(part)).is_ok_and(|what| what.is_symlink()))
}

#[cfg(test)]
mod tests;
