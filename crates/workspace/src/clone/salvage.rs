//! Taking home what lies in a dead clone and was never committed: the files of a turn that a kill or a full disk ended.
//!
//! The clone is a stranger's and is treated as in an import: its files are read by git in a cage, as the agent's user, and
//! what comes out of it is one pack, which is judged in quarantine. That git works in a directory of ours, so that the
//! clone's own configuration, hooks, attributes and index, which may be torn or forged, are not read at all; of the clone's
//! git directory only the objects are borrowed, and where that fails not even those. The commit itself is made by us.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::import::{
    self, INSIDE_OUTBOX, ImportError, PACK, git_cage, is_our_clone, read_pack, reason,
};
use super::{INSIDE_REPO, lay_out};
use crate::cage;
use crate::command::Cancel;
use crate::crash;
use crate::files::{self, FileError};
use crate::git::run::on_objects;
use crate::git::{self, GitError, Identity, Oid, Repo};
use crate::toolchains::Toolchains;

/// Largest file that is taken: no larger one fits into the pack. A sparse file claims a terabyte and would be read for hours.
pub const FILE_BYTES_MAX: u64 = import::PACK_BYTES_MAX;

/// Longest that reading the clone may take, in seconds: a factory that starts waits for it.
const READING_S: u64 = 60;

/// Most files and folders that are looked at; more are left where they are.
const ENTRIES_MAX: usize = 1_000_000;

/// Most files beyond [`FILE_BYTES_MAX`] that are judged one by one.
const HUGE_MAX: usize = 100;

/// Marks a folder as a cache (the cache directory tagging specification), as for the agent's own commits.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Configuration beside what every clone of ours has.
const SETTINGS: &str = "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tautocrlf = false\n\tsafecrlf = false\n\
     \tquotePath = false\n\texcludesFile = /outbox/exclude\n\tbigFileThreshold = 64m\n\tfsync = none\n\
     [maintenance]\n\tauto = false\n[advice]\n\taddEmbeddedRepo = false\n";

/// Reads everything that is not ignored into a tree. First word: whether all of it could be read. Then the tree, then files
/// that are too large and not ignored. `$1` is the parent, or empty; the rest are the files that are too large.
const SCRIPT: &str = r#"
parent=$1
shift
{ test -n "$parent" && git read-tree "$parent"; } || git read-tree --empty || exit 1
for path in "$@"; do GIT_LITERAL_PATHSPECS=1 git update-index --assume-unchanged -- "$path" 2>/dev/null; done
git update-index -q --refresh >/dev/null
if git -c core.excludesFile=/outbox/unread add --all --ignore-errors -- .; then echo whole; else echo part; fi
git write-tree || exit 1
if test $# -gt 0; then GIT_LITERAL_PATHSPECS=1 git ls-files --others --exclude-standard -- "$@"; fi
unset GIT_ALTERNATE_OBJECT_DIRECTORIES
git cat-file --batch-all-objects --batch-check='%(objectname)' > /outbox/objects || exit 1
exec git pack-objects --stdout --quiet --window=0 < /outbox/objects > /outbox/run.pack
"#;

/// What to take home, and where to.
#[derive(Debug)]
pub struct Salvage<'a> {
    /// The clone, on the host. No process of the agent may live.
    pub clone: &'a Path,
    /// Our ref, below `refs/alai/`. When there is something it is set to a commit on `parent`, or on what it was before.
    pub to_ref: &'a str,
    /// The commit of ours that holds what is known of the run's work. What the clone has beyond its files is the rest.
    pub parent: &'a Oid,
    /// The message of the commit.
    pub message: &'a str,
    pub author: &'a Identity,
    /// Names of folders (`NAME/`) and files (`*.END`) that no commit of an agent takes along.
    pub left_out: &'a [&'a str],
    /// Git inside the cage comes from here.
    pub toolchains: &'a Toolchains,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Salvaged {
    /// The commit with the rest; `None` when the clone has the parent's files and nothing else.
    pub rest: Option<Oid>,
    /// What lies in the clone and could not be taken, in words. Empty is the proof that the clone holds nothing more; files
    /// that are ignored or left out are nobody's work.
    pub missing: Vec<String>,
}

/// Takes what a clone holds beyond `parent` into the repository.
///
/// # Errors
/// When nothing can be taken: the clone cannot be read in time, or hands out what is refused.
pub fn salvage(
    repo: &Repo,
    salvage: &Salvage<'_>,
    cancel: &Cancel,
) -> Result<Salvaged, ImportError> {
    if !salvage.to_ref.starts_with("refs/alai/") || !git::is_ref_name(salvage.to_ref) {
        return Err(ImportError::BadTarget {
            name: salvage.to_ref.chars().take(200).collect(),
        });
    }
    if !fs::symlink_metadata(salvage.clone).is_ok_and(|found| found.is_dir()) {
        return Err(ImportError::NotOurClone {
            clone: salvage.clone.to_path_buf(),
            reason: "the clone itself is not a folder",
        });
    }
    let mut seen = look(salvage.clone, salvage.left_out);
    keep_known_sizes(repo, salvage.parent, &mut seen)?;
    let read = |objects, place| {
        Reading {
            repo,
            salvage,
            seen: &seen,
            objects,
            place,
        }
        .tree(cancel)
    };
    let borrowed = match is_our_clone(salvage.clone) {
        Ok(()) => read(Objects::Borrowed, Place::Temporary),
        Err(error) => Err(error),
    };
    // Objects that are broken, forged or gone, then a full disk under the temporary folder. The repository's own has to take
    // the pack anyway.
    let (tree, whole) = borrowed
        .or_else(|_| read(Objects::Own, Place::Temporary))
        .or_else(|_| read(Objects::Own, Place::Repository))?;
    let mut missing = seen.missing.clone();
    missing.extend(whole);
    // Stashed work is in no tree.
    missing.extend(stash(salvage.clone));
    let rest = match tree == tree_of(repo, salvage.parent.as_str())? {
        true => None,
        false => Some(commit(repo, salvage, &tree)?),
    };
    let home = rest.as_ref().unwrap_or(salvage.parent);
    missing.extend(nested(repo, home, &seen));
    Ok(Salvaged { rest, missing })
}

/// Whether the clone's own repository holds a stash.
fn stash(clone: &Path) -> Option<String> {
    /// Refs that a clone of one branch has packed, and many more.
    const PACKED_BYTES_MAX: u64 = 1 << 20;
    let git = clone.join(".git");
    let packed = git.join("packed-refs");
    let loose = fs::symlink_metadata(git.join("refs/stash")).is_ok();
    let packed = match fs::symlink_metadata(&packed) {
        Err(_) => false,
        // What is no plain file of a sane size is not read: it may be anything.
        Ok(found) if !found.is_file() || found.size() > PACKED_BYTES_MAX => true,
        Ok(_) => fs::read(&packed)
            .is_ok_and(|refs| String::from_utf8_lossy(&refs).contains("refs/stash")),
    };
    (loose || packed).then(|| "its repository holds a stash".to_owned())
}

/// The commit of a tree that is ours now, and the ref upon it. The same rest is not committed twice.
fn commit(repo: &Repo, salvage: &Salvage<'_>, tree: &Oid) -> Result<Oid, ImportError> {
    let old = git::resolve(repo, salvage.to_ref)?;
    if let Some(old) = &old
        && tree_of(repo, old.as_str())? == *tree
    {
        return Ok(old.clone());
    }
    let parent = old.as_ref().unwrap_or(salvage.parent);
    let oid = on_objects(repo)
        .env("GIT_AUTHOR_NAME", salvage.author.name())
        .env("GIT_AUTHOR_EMAIL", salvage.author.email())
        .args(["commit-tree", tree.as_str(), "-p", parent.as_str()])
        .stdin(salvage.message.as_bytes())
        .oid()?;
    crash::point("salvage.commit");
    git::update_ref(repo, salvage.to_ref, &oid, old.as_ref())?;
    Ok(oid)
}

fn tree_of(repo: &Repo, commit: &str) -> Result<Oid, GitError> {
    let name = format!("{commit}^{{tree}}");
    on_objects(repo)
        .reading()
        .args(["rev-parse", "--verify", "--end-of-options", &name])
        .oid()
}

/// Where the clone's git finds objects that it need not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objects {
    /// In the clone: only what changed is written.
    Borrowed,
    /// Nowhere: everything is written anew. A file that is tracked and ignored is not found then.
    Own,
}

/// Where the folder lies that the clone's git writes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Temporary,
    Repository,
}

/// One reading of the clone, in a cage.
struct Reading<'a> {
    repo: &'a Repo,
    salvage: &'a Salvage<'a>,
    seen: &'a Seen,
    objects: Objects,
    place: Place,
}

impl Reading<'_> {
    /// The clone's files as a tree that is in the repository, and what could not be read of them.
    fn tree(&self, cancel: &Cancel) -> Result<(Oid, Vec<String>), ImportError> {
        let (scratch, near);
        let dir = match self.place {
            Place::Temporary => {
                scratch = files::scratch()?;
                scratch.path()
            }
            Place::Repository => {
                let objects = self.repo.objects_dir();
                near = tempfile::Builder::new()
                    .prefix("tmp_objdir-incoming-")
                    .permissions(fs::Permissions::from_mode(0o700))
                    .tempdir_in(&objects)
                    .map_err(FileError::on("make a private folder in", &objects))?;
                near.path()
            }
        };
        let (outbox, home) = (dir.join("outbox"), dir.join("home"));
        self.lay_out(&outbox, &home)?;
        let mut spec = git_cage(self.salvage.clone, self.salvage.toolchains, &outbox, &home);
        spec.limits.wall_s = READING_S;
        let borrowed = self.objects == Objects::Borrowed;
        let objects = format!("{INSIDE_REPO}/.git/objects");
        let given = [
            ("GIT_DIR", format!("{INSIDE_OUTBOX}/git")),
            ("GIT_WORK_TREE", INSIDE_REPO.to_owned()),
            ("GIT_ATTR_NOSYSTEM", "1".to_owned()),
            ("GIT_OPTIONAL_LOCKS", "0".to_owned()),
        ];
        let alternate = borrowed.then_some(("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects));
        for (name, value) in given.into_iter().chain(alternate) {
            spec.env.push((name.to_owned(), value));
        }
        let parent = if borrowed {
            self.salvage.parent.as_str()
        } else {
            ""
        };
        let mut argv = ["sh", "-c", SCRIPT, "sh", parent]
            .map(str::to_owned)
            .to_vec();
        argv.extend(self.seen.huge.keys().cloned());
        crash::point("salvage.before");
        let captured = cage::run(&spec, &argv, &[], cancel)?;
        crash::point("salvage.after");
        let unread = |reason: String| ImportError::Refused {
            clone: self.salvage.clone.to_path_buf(),
            reason: format!("its files cannot be read: {reason}"),
        };
        if !captured.success() {
            return Err(unread(reason(&captured)));
        }
        let mut lines = captured.stdout.lines();
        let (word, tree) = (lines.next(), lines.next());
        let tree: Oid = tree
            .and_then(|tree| tree.trim().parse().ok())
            .ok_or_else(|| unread("its git named no tree".to_owned()))?;
        let mut missing: Vec<String> = lines.map(|path| format!("{path} is too large")).collect();
        if word != Some("whole") {
            missing.push(format!("some files cannot be read: {}", reason(&captured)));
        }
        if !self.is_ours(&tree)? {
            let pack = read_pack(&outbox.join(PACK)).map_err(unread)?;
            let (clone, parent) = (self.salvage.clone, self.salvage.parent);
            import::take(self.repo, clone, parent, &tree, &pack)?;
        }
        Ok((tree, missing))
    }

    /// Folders of the agent's for this one cage: a git directory made by us, the paths, and what is left out.
    fn lay_out(&self, outbox: &Path, home: &Path) -> Result<(), ImportError> {
        files::private_dir(outbox)?;
        files::private_dir(home)?;
        let git_dir = outbox.join("git");
        files::private_dir(&git_dir)?;
        let nobody =
            Identity::new("alai", "alai@localhost").expect("two plain words make an identity");
        lay_out(&git_dir, self.repo, self.salvage.parent, None, &nobody)?;
        let config = git_dir.join("config");
        let text = fs::read_to_string(&config).map_err(FileError::on("read", &config))?;
        let mut exclude: String = self
            .salvage
            .left_out
            .iter()
            .map(|rule| format!("{rule}\n"))
            .collect();
        for folder in &self.seen.caches {
            exclude.push_str(&format!("/{folder}/\n"));
        }
        let mut unread = exclude.clone();
        for path in self.seen.huge.keys() {
            unread.push_str(&rule_for(path));
        }
        for (path, bytes) in [
            (config, (text + SETTINGS).into_bytes()),
            (outbox.join("exclude"), exclude.into_bytes()),
            (outbox.join("unread"), unread.into_bytes()),
        ] {
            fs::write(&path, bytes).map_err(FileError::on("write", &path))?;
        }
        for folder in [outbox, home] {
            files::give_to(folder, cage::agent_ids())?;
        }
        Ok(())
    }

    /// Whether the repository has a tree already with everything in it: of a state that the work went back to.
    fn is_ours(&self, tree: &Oid) -> Result<bool, GitError> {
        let without = format!("^{}", self.salvage.parent);
        let walked = on_objects(self.repo)
            .reading()
            .args(["rev-list", "--objects", "--quiet", tree.as_str(), &without])
            .run()?;
        Ok(walked.code == 0)
    }
}

/// What is known of a clone's files by their names and sizes alone. Nothing is opened and no link is followed.
#[derive(Debug, Default)]
struct Seen {
    /// Folders that mark themselves as caches.
    caches: Vec<String>,
    /// Files that are too large to be taken, by path.
    huge: BTreeMap<String, u64>,
    /// Folders with a repository of their own, of which a commit keeps nothing but a name.
    nested: Vec<String>,
    missing: Vec<String>,
}

fn look(clone: &Path, left_out: &[&str]) -> Seen {
    let mut seen = Seen::default();
    let mut waiting = vec![PathBuf::new()];
    let mut count = 0usize;
    while let Some(folder) = waiting.pop() {
        let here = clone.join(&folder);
        let is_top = folder.as_os_str().is_empty();
        // The owner decides: git reads as the owner, and passes by what it may not enter.
        let open = fs::symlink_metadata(&here).is_ok_and(|found| found.mode() & 0o500 == 0o500);
        let (true, Ok(names)) = (open, files::list(&here)) else {
            seen.missing
                .push(format!("the folder {} cannot be read", shown(&folder)));
            continue;
        };
        // By its whole name: what is decided by a shortened one is decided of another folder.
        let whole = folder.to_str();
        if let (false, Some(whole)) = (is_top, whole)
            && names.iter().any(|name| name == CACHE_TAG)
            && may_be_rule(&folder)
        {
            seen.caches.push(whole.to_owned());
            continue;
        }
        if !is_top && names.iter().any(|name| name == ".git") {
            match whole {
                Some(whole) => seen.nested.push(whole.to_owned()),
                None => seen
                    .missing
                    .push(format!("the repository in {}", shown(&folder))),
            }
        }
        for name in names {
            count += 1;
            if count > ENTRIES_MAX {
                seen.missing
                    .push(format!("it has more than {ENTRIES_MAX} files"));
                return seen;
            }
            let path = folder.join(&name);
            let Ok(found) = fs::symlink_metadata(clone.join(&path)) else {
                seen.missing
                    .push(format!("{} cannot be looked at", shown(&path)));
                continue;
            };
            if name == ".git" || is_left_out(&name, found.is_dir(), left_out) {
                continue;
            }
            if found.is_dir() {
                waiting.push(path);
            } else if found.is_file() && found.size() > FILE_BYTES_MAX {
                match path.to_str() {
                    Some(text) if seen.huge.len() < HUGE_MAX => {
                        if text.contains('\n') {
                            seen.missing.push(format!("{} is too large", shown(&path)));
                        }
                        seen.huge.insert(text.to_owned(), found.size());
                    }
                    Some(_) | None => seen.missing.push(format!("{} is too large", shown(&path))),
                }
            }
        }
    }
    seen
}

/// A path with none of the signs that mean something in a file of exclusions.
fn may_be_rule(folder: &Path) -> bool {
    folder
        .to_str()
        .is_some_and(|text| !text.contains(['\n', '*', '?', '[', '\\']))
}

/// The rule of exclusion for one path. A line has no sign for a line's end: one that matches anything stands for it.
fn rule_for(path: &str) -> String {
    let mut rule = String::from("/");
    for sign in path.chars() {
        match sign {
            '\n' => rule.push('?'),
            '*' | '?' | '[' | '\\' | ' ' => rule.extend(['\\', sign]),
            _ => rule.push(sign),
        }
    }
    rule.push('\n');
    rule
}

fn is_left_out(name: &OsString, is_dir: bool, rules: &[&str]) -> bool {
    let bytes = name.as_bytes();
    rules.iter().any(
        |rule| match (rule.strip_suffix('/'), rule.split_once('*')) {
            (Some(dir), _) => is_dir && bytes == dir.as_bytes(),
            (None, Some((before, after))) => {
                !is_dir && bytes.starts_with(before.as_bytes()) && bytes.ends_with(after.as_bytes())
            }
            (None, None) => bytes == rule.as_bytes(),
        },
    )
}

fn shown(path: &Path) -> String {
    let bytes = path.as_os_str().to_os_string().into_vec();
    String::from_utf8_lossy(&bytes).chars().take(300).collect()
}

/// A large file that the parent has in the same size is read like any other: it may be as it was.
fn keep_known_sizes(repo: &Repo, parent: &Oid, seen: &mut Seen) -> Result<(), GitError> {
    if seen.huge.is_empty() {
        return Ok(());
    }
    let known = git::tree(repo, parent)?;
    for entry in known.iter() {
        match seen.huge.get(&entry.path) {
            Some(size) if *size == entry.size => {
                seen.huge.remove(&entry.path);
            }
            Some(_) => seen.missing.push(format!("{} is too large", entry.path)),
            None => {}
        }
    }
    Ok(())
}

/// Repositories inside the clone that the commit names and does not hold.
fn nested(repo: &Repo, home: &Oid, seen: &Seen) -> Vec<String> {
    if seen.nested.is_empty() {
        return Vec::new();
    }
    let Ok(entries) = git::tree(repo, home) else {
        return vec!["a repository within it cannot be told from the rest".to_owned()];
    };
    let is_link = |path: &&String| {
        entries
            .iter()
            .any(|entry| entry.mode == 0o160_000 && entry.path == **path)
    };
    let found = seen.nested.iter().filter(is_link);
    found
        .map(|path| format!("{path} is a repository of its own"))
        .collect()
}
