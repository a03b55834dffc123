//! A builder's write scope as mounts: what of its clone its commands can change.
//!
//! Scopes are globs, mounts are folders. Where every allowed glob begins with a folder (`src/**`, `packages/api`), the clone is
//! read-only and those folders are writable in it. Where one does not (`*.md`, `**/test/**`), mounts cannot say it: then the
//! clone is writable, and what lies at its top and cannot be meant is read-only. What mounts leave open is held by the file
//! tools, which refuse at once, and by check 8 of the gate, which looks at the commit.

use std::collections::BTreeSet;
use std::fs;
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
    writable.extend(ignored(clone, scope.tracked));
    writable.retain(|path| !is_closed(path));
    for path in &writable {
        make_folder(clone, path, owner)?;
    }
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

/// The parts of a glob up to its first wildcard, and whether there is none. `None` for what is no path of a repository.
fn literal(glob: &str) -> Option<(PathBuf, bool)> {
    let glob = glob.trim();
    let tidy = glob.strip_prefix("./").unwrap_or(glob);
    let tidy = tidy.trim_end_matches('/');
    let mut path = PathBuf::new();
    for part in tidy.split('/') {
        if part.contains(['*', '?', '[', '{', '\\', '!']) {
            return Some((path, false));
        }
        if part.is_empty() || part == "." || part == ".." {
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

/// Whether a part of a glob could match a name. Of what is more than `*` and `?` it says yes.
fn may_match(part: &str, name: &str) -> bool {
    if part.contains(['[', '{', '\\', '!']) {
        return true;
    }
    let Some((first, rest)) = part.chars().next().map(|c| (c, &part[c.len_utf8()..])) else {
        return name.is_empty();
    };
    let mut tails = name
        .char_indices()
        .map(|(at, _)| &name[at..])
        .chain(std::iter::once(""));
    if first == '*' {
        return tails.any(|tail| may_match(rest, tail));
    }
    name.chars()
        .next()
        .is_some_and(|c| (first == '?' || first == c) && may_match(rest, &name[c.len_utf8()..]))
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

/// Folders in the clone that the commit does not have: what its set-up put there, dependencies and build caches.
fn left_by_set_up(clone: &Path, tracked: &[String]) -> BTreeSet<PathBuf> {
    let mut left = BTreeSet::new();
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
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
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
    let missing = there.find(|part| fs::symlink_metadata(clone.join(part)).is_err());
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
mod tests {
    use super::*;

    struct Made {
        dir: tempfile::TempDir,
        tracked: Vec<String>,
    }

    /// A clone with these files, each of the commit.
    fn clone(files: &[&str]) -> Made {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(GIT)).unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let tracked = files.iter().map(|file| (*file).to_owned()).collect();
        Made { dir, tracked }
    }

    /// `rw` and `ro` paths inside, in the order of the mounts, and how far they hold.
    fn shown(made: &Made, allowed: &[&str], forbidden: &[&str]) -> (Vec<String>, &'static str) {
        let owned = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
        let (allowed, forbidden) = (owned(allowed), owned(forbidden));
        let scope = Scope {
            allowed: &allowed,
            forbidden: &forbidden,
            tracked: &made.tracked,
        };
        let found = builder_binds(made.dir.path(), Path::new("/repo"), &scope, None).unwrap();
        let line = |bind: &Bind| match bind.access {
            Access::ReadOnly => format!("ro {}", bind.inside.display()),
            Access::ReadWrite => format!("rw {}", bind.inside.display()),
        };
        let mut lines: Vec<String> = found.binds.iter().map(line).collect();
        lines[1..].sort();
        (lines, found.layer)
    }

    #[test]
    fn folders_are_writable_in_a_clone_that_is_not() {
        let made = clone(&["src/a.rs", "src/deep/b.rs", "other/c.rs", "Cargo.toml"]);
        let (lines, layer) = shown(&made, &["src/**", "new/part/**"], &[]);
        assert_eq!(
            lines,
            [
                "ro /repo",
                "rw /repo/.git",
                "rw /repo/new/part",
                "rw /repo/src"
            ]
        );
        assert_eq!(layer, FOLDERS);
        assert!(made.dir.path().join("new/part").is_dir());
        // A name that is a file is replaced through its folder, and one folder holds another.
        let made = clone(&["src/a.rs", "src/deep/b.rs", "other/c.rs"]);
        let (lines, _) = shown(&made, &["src/deep/b.rs", "src/deep/*.rs", "src"], &[]);
        assert_eq!(lines, ["ro /repo", "rw /repo/.git", "rw /repo/src"]);
    }

    #[test]
    fn what_mounts_cannot_say_leaves_the_clone_open_but_for_what_cannot_be_meant() {
        let made = clone(&["src/a.rs", "README.md", "Cargo.toml", "docs/x.md"]);
        let (lines, layer) = shown(&made, &["*.md", "docs/**"], &[]);
        assert_eq!(lines, ["rw /repo", "ro /repo/Cargo.toml", "ro /repo/src"]);
        assert_eq!(layer, PARTLY);
        assert_eq!(shown(&made, &["**/*.md"], &[]).0, ["rw /repo"]);
        assert_eq!(shown(&made, &[], &[]), (vec!["rw /repo".into()], WHOLE));
        let (lines, _) = shown(&made, &["Cargo.toml"], &[]);
        assert_eq!(
            lines,
            [
                "rw /repo",
                "ro /repo/README.md",
                "ro /repo/docs",
                "ro /repo/src"
            ],
            "a file at the top needs the top"
        );
    }

    #[test]
    fn what_is_forbidden_is_read_only_also_where_it_is_not_there_yet() {
        let made = clone(&["src/a.rs", "src/gen/b.rs", ".github/ci.yml"]);
        let forbidden = [
            ".git/**",
            ".alai/**",
            ".github/",
            "src/gen",
            "no/such/**",
            "Makefile",
        ];
        let (lines, layer) = shown(&made, &["**"], &forbidden);
        assert_eq!(
            lines,
            [
                "rw /repo",
                "ro /repo/.alai",
                "ro /repo/.github",
                "ro /repo/src/gen"
            ]
        );
        assert_eq!(layer, PARTLY);
        for name in ["no", "Makefile"] {
            assert!(!made.dir.path().join(name).exists(), "{name}");
        }
        let made = clone(&["src/a.rs", "src/gen/b.rs"]);
        let (lines, _) = shown(&made, &["src/**", "src/gen/b/**"], &["src/gen/**"]);
        assert_eq!(
            lines,
            [
                "ro /repo",
                "ro /repo/src/gen",
                "rw /repo/.git",
                "rw /repo/src"
            ],
            "forbidden wins"
        );
    }

    #[test]
    fn build_folders_are_writable_and_ignoring_a_folder_of_the_commit_opens_nothing() {
        let made = clone(&["src/a.rs", "other/c.rs", "packages/b/index.js"]);
        let ignore =
            "# built\n/target\ndist/\n*.log\n.env\n!keep\nother/\nother\nsrc/../x/\n/packages\n";
        fs::write(made.dir.path().join(".gitignore"), ignore).unwrap();
        for left in ["packages/b/node_modules", "vendor"] {
            fs::create_dir(made.dir.path().join(left)).unwrap();
        }
        assert_eq!(
            shown(&made, &["src/**"], &[]).0,
            [
                "ro /repo",
                "rw /repo/.git",
                "rw /repo/dist",
                "rw /repo/packages/b/node_modules",
                "rw /repo/src",
                "rw /repo/target",
                "rw /repo/vendor",
            ]
        );
    }

    #[test]
    fn links_open_nothing_and_nothing_is_made_behind_them() {
        let made = clone(&["src/a.rs", "other/c.rs"]);
        let outside = tempfile::tempdir().unwrap();
        for (target, link) in [
            (Path::new("other"), "docs"),
            (outside.path(), "out"),
            (Path::new("other"), ".alai"),
        ] {
            std::os::unix::fs::symlink(target, made.dir.path().join(link)).unwrap();
        }
        let (lines, _) = shown(&made, &["docs/**", "out/new/**", "src/**"], &[".alai/**"]);
        assert_eq!(lines, ["ro /repo", "rw /repo/.git", "rw /repo/src"]);
        let (lines, _) = shown(&made, &["*.md"], &[".alai/**"]);
        assert_eq!(lines, ["rw /repo", "ro /repo/other", "ro /repo/src"]);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_pattern_that_is_no_path_of_the_repository_opens_nothing() {
        let made = clone(&["src/a.rs"]);
        for glob in ["../alai-out/**", "/etc/**", "src/../../alai-out", ""] {
            assert_eq!(
                shown(&made, &[glob], &[]).0,
                ["ro /repo", "rw /repo/.git"],
                "{glob:?}"
            );
        }
        assert!(!made.dir.path().parent().unwrap().join("alai-out").exists());
    }

    #[test]
    fn a_part_of_a_glob_meets_names_as_a_shell_would() {
        for (part, name, yes) in [
            ("*.md", "README.md", true),
            ("*.md", "README", false),
            ("LICENSE*", "LICENSE", true),
            ("?x", "ax", true),
            ("?x", "x", false),
            ("**", "any", true),
            ("src", "src2", false),
            ("{a,b}", "c", true),
            ("*", "", true),
        ] {
            assert_eq!(may_match(part, name), yes, "{part} {name}");
        }
    }
}
