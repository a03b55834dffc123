//! Taking home what lies in a dead clone and was never committed: the files of a turn that a kill or a full disk ended.
//!
//! The clone is a stranger's and is treated as in an import: its files are read by git in a cage, as the agent's user, and
//! what comes out of it is one pack, which is judged in quarantine. That git works in a directory of ours, and we tell it which
//! files there were, so that nothing of the clone's own git directory, which may be torn or forged, is read at all. The commit
//! itself is made by us.
//!
//! Files that are proven to be as they were checked out ([`super::stamps`]) are not read again; where all are, nothing is started.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::import::{
    self, INSIDE_OUTBOX, ImportError, PACK, Room, git_cage, read_pack, reason, stopped,
};
use super::look::{Missing, Seen, look};
use super::stamps::{self, Stamps};
use super::{INSIDE_REPO, lay_out, others};
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
pub(super) const READING_S: u64 = 60;

/// Configuration beside what every clone of ours has.
const SETTINGS: &str = "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tautocrlf = false\n\tsafecrlf = false\n\
     \tquotePath = false\n\texcludesFile = /outbox/exclude\n\tbigFileThreshold = 64m\n\tfsync = none\n\
     [maintenance]\n\tauto = false\n[advice]\n\taddEmbeddedRepo = false\n";

/// Reads everything that is not ignored into a tree. First word: whether all of it could be read. Then the tree, then files
/// that are too large and not ignored, which are the arguments. A file that is tracked and ignored is found because it is in
/// the index; its object need not be here, because we have it.
const SCRIPT: &str = r#"
git update-index -z --index-info < /outbox/tracked || exit 1
git update-index -z --assume-unchanged --stdin < /outbox/untouched || exit 1
for path in "$@"; do GIT_LITERAL_PATHSPECS=1 git update-index --assume-unchanged -- "$path" 2>/dev/null; done
git update-index -q --refresh >/dev/null
if git -c core.excludesFile=/outbox/unread add --all --ignore-errors -- .; then echo whole; else echo part; fi
git write-tree --missing-ok || exit 1
if test $# -gt 0; then GIT_LITERAL_PATHSPECS=1 git ls-files --others --exclude-standard -- "$@"; fi
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
    /// Our ref for commits that the run's branch does not reach; it is set to one commit upon all of them.
    pub others_ref: &'a str,
    /// The commit of ours that holds what is known of the run's work. What the clone has beyond its files is the rest.
    pub parent: &'a Oid,
    /// The message of the commit.
    pub message: &'a str,
    pub author: &'a Identity,
    /// Names of folders (`NAME/`) and files (`*.END`) that no commit of an agent takes along.
    pub left_out: &'a [&'a str],
    /// What the run may still bring.
    pub room: &'a Room,
    /// Git inside the cage comes from here.
    pub toolchains: &'a Toolchains,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Salvaged {
    /// The commit with the rest; `None` when the clone has the parent's files and nothing else.
    pub rest: Option<Oid>,
    /// The commit upon all those that the run's branch does not reach.
    pub others: Option<Oid>,
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
    for name in [salvage.to_ref, salvage.others_ref] {
        if !name.starts_with("refs/alai/") || !git::is_ref_name(name) {
            return Err(ImportError::BadTarget {
                name: name.chars().take(200).collect(),
            });
        }
    }
    if !fs::symlink_metadata(salvage.clone).is_ok_and(|found| found.is_dir()) {
        return Err(ImportError::NotOurClone {
            clone: salvage.clone.to_path_buf(),
            reason: "the clone itself is not a folder",
        });
    }
    let stamps = stamps::of(salvage.clone);
    let mut seen = look(salvage.clone, salvage.left_out, stamps.as_ref(), cancel);
    if cancel.is_cancelled() {
        return Err(stopped(salvage.clone, "cancelled".to_owned()));
    }
    if seen.stops_git {
        return Ok(Salvaged {
            missing: seen.missing.words(),
            ..Salvaged::default()
        });
    }
    let base = stamps.as_ref().map(|stamps| &stamps.base);
    let mut missing = Missing::default();
    let rest = match is_untouched(repo, salvage, &seen, stamps.as_ref())? {
        true => None,
        false => read(repo, salvage, &mut seen, base, &mut missing, cancel)?,
    };
    let others = others::bring(repo, salvage, cancel).unwrap_or_else(|why| {
        missing.push(why);
        None
    });
    Ok(Salvaged {
        rest,
        others,
        missing: missing.words(),
    })
}

/// Whether the clone is proven to have the parent's files and nothing else.
fn is_untouched(
    repo: &Repo,
    salvage: &Salvage<'_>,
    seen: &Seen,
    stamps: Option<&Stamps>,
) -> Result<bool, GitError> {
    let Some(stamps) = stamps.filter(|stamps| seen.is_all_of(stamps)) else {
        return Ok(false);
    };
    Ok(tree_of(repo, stamps.base.as_str())? == tree_of(repo, salvage.parent.as_str())?)
}

/// Reads the clone's files, but for those that were not touched and are `base`'s, and commits what is more than the parent has.
fn read(
    repo: &Repo,
    salvage: &Salvage<'_>,
    seen: &mut Seen,
    base: Option<&Oid>,
    missing: &mut Missing,
    cancel: &Cancel,
) -> Result<Option<Oid>, ImportError> {
    keep_known_sizes(repo, salvage.parent, seen)?;
    let read = |place| {
        Reading {
            repo,
            salvage,
            seen,
            base,
            place,
        }
        .tree(cancel)
    };
    let (tree, unread) = match read(Place::Temporary) {
        // What was too slow or too much is so again.
        Err(e @ (ImportError::Stopped { .. } | ImportError::NoRoom { .. })) => Err(e),
        // A full disk under the temporary folder. The repository's own has to take the pack anyway.
        Err(_) => read(Place::Repository),
        found => found,
    }?;
    *missing = std::mem::take(&mut seen.missing);
    missing.extend(unread);
    let rest = match tree == tree_of(repo, salvage.parent.as_str())? {
        true => None,
        false => Some(commit(repo, salvage, &tree)?),
    };
    let home = rest.as_ref().unwrap_or(salvage.parent);
    missing.extend(nested(repo, home, seen));
    missing.extend(in_submodules(repo, salvage));
    Ok(rest)
}

/// The commit of a tree that is ours now, and the ref upon it. The same rest is not committed twice.
fn commit(repo: &Repo, salvage: &Salvage<'_>, tree: &Oid) -> Result<Oid, ImportError> {
    let old = git::resolve(repo, salvage.to_ref)?;
    let parent = match old {
        Some(old) if tree_of(repo, old.as_str())? == *tree => return Ok(old),
        Some(_) => None,
        None => Some(salvage.parent.clone()),
    };
    let parents: Vec<Oid> = parent.into_iter().collect();
    commit_onto(
        repo,
        salvage,
        salvage.to_ref,
        tree,
        &parents,
        salvage.message,
    )
}

/// A commit of ours upon these and upon what the ref stood at, and the ref upon it.
pub(super) fn commit_onto(
    repo: &Repo,
    salvage: &Salvage<'_>,
    name: &str,
    tree: &Oid,
    parents: &[Oid],
    message: &str,
) -> Result<Oid, ImportError> {
    let old = git::resolve(repo, name)?;
    let mut call = on_objects(repo)
        .env("GIT_AUTHOR_NAME", salvage.author.name())
        .env("GIT_AUTHOR_EMAIL", salvage.author.email())
        .args(["commit-tree", tree.as_str()]);
    for parent in old.iter().chain(parents) {
        call = call.args(["-p", parent.as_str()]);
    }
    let oid = call.stdin(message.as_bytes()).oid()?;
    crash::point("salvage.commit");
    git::update_ref(repo, name, &oid, old.as_ref())?;
    Ok(oid)
}

pub(super) fn tree_of(repo: &Repo, commit: &str) -> Result<Oid, GitError> {
    let name = format!("{commit}^{{tree}}");
    on_objects(repo)
        .reading()
        .args(["rev-parse", "--verify", "--end-of-options", &name])
        .oid()
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
    /// The commit whose files were not touched.
    base: Option<&'a Oid>,
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
        for (name, value) in [
            ("GIT_DIR", format!("{INSIDE_OUTBOX}/git")),
            ("GIT_WORK_TREE", INSIDE_REPO.to_owned()),
            ("GIT_ATTR_NOSYSTEM", "1".to_owned()),
            ("GIT_OPTIONAL_LOCKS", "0".to_owned()),
        ] {
            spec.env.push((name.to_owned(), value));
        }
        let mut argv = ["sh", "-c", SCRIPT, "sh"].map(str::to_owned).to_vec();
        argv.extend(self.seen.huge.keys().cloned());
        crash::point("salvage.before");
        let captured = cage::run(&spec, &argv, &[], cancel)?;
        crash::point("salvage.after");
        let unread = |reason: String| ImportError::Refused {
            clone: self.salvage.clone.to_path_buf(),
            reason: format!("its files cannot be read: {reason}"),
        };
        if let Some(why) = import::too_slow(&captured) {
            return Err(stopped(self.salvage.clone, why));
        }
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
            self.salvage.room.take(clone, &pack)?;
            import::take(self.repo, clone, parent, std::slice::from_ref(&tree), &pack)?;
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
        let (tracked, untouched) = self.index()?;
        for (path, bytes) in [
            (config, (text + SETTINGS).into_bytes()),
            (outbox.join("exclude"), exclude.into_bytes()),
            (outbox.join("unread"), unread.into_bytes()),
            (outbox.join("tracked"), tracked),
            (outbox.join("untouched"), untouched),
        ] {
            fs::write(&path, bytes).map_err(FileError::on("write", &path))?;
        }
        for folder in [outbox, home] {
            files::give_to(folder, cage::agent_ids())?;
        }
        Ok(())
    }

    /// Records of `git ls-tree -z`: the parent's files, and after them what others of them are that were not touched since the
    /// base. Then the names of all that were not.
    fn index(&self) -> Result<(Vec<u8>, Vec<u8>), GitError> {
        let records = |commit: &Oid| {
            on_objects(self.repo)
                .reading()
                .args(["ls-tree", "-r", "-z", "--full-tree", commit.as_str()])
                .ok()
        };
        let tracked = records(self.salvage.parent)?;
        let Some(base) = self.base.filter(|_| !self.seen.untouched.is_empty()) else {
            return Ok((tracked, Vec::new()));
        };
        let of_base = match base == self.salvage.parent {
            true => tracked.clone(),
            false => records(base)?,
        };
        let known: HashMap<&str, &[u8]> = named(&of_base).collect();
        let (mut all, mut untouched) = (tracked.clone(), Vec::new());
        for (path, parents) in named(&tracked) {
            // What the parent does not have is left to git, which may be told to pass it by.
            let Some(record) = known
                .get(path)
                .filter(|_| self.seen.untouched.contains(path))
            else {
                continue;
            };
            if *record != parents {
                all.extend_from_slice(record);
                all.push(0);
            }
            untouched.extend_from_slice(path.as_bytes());
            untouched.push(0);
        }
        Ok((all, untouched))
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

/// Records of `git ls-tree -z` by their paths.
fn named(listing: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    let records = listing.split(|byte| *byte == 0);
    records.filter_map(|record| {
        let tab = record.iter().position(|byte| *byte == b'\t')?;
        let path = std::str::from_utf8(record.get(tab + 1..)?).ok()?;
        Some((path, record))
    })
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
    let links: HashSet<&str> = entries
        .iter()
        .filter(|entry| entry.mode == 0o160_000)
        .map(|entry| entry.path.as_str())
        .collect();
    let found = seen
        .nested
        .iter()
        .filter(|path| links.contains(path.as_str()));
    found
        .map(|path| format!("{path} is a repository of its own"))
        .collect()
}

/// Files in the place of a submodule, which no clone of ours has: git passes by whatever lies there.
fn in_submodules(repo: &Repo, salvage: &Salvage<'_>) -> Vec<String> {
    let Ok(entries) = git::tree(repo, salvage.parent) else {
        return Vec::new();
    };
    let submodules = entries.iter().filter(|entry| entry.mode == 0o160_000);
    let is_filled = |path: &Path| fs::read_dir(path).is_ok_and(|mut names| names.next().is_some());
    submodules
        .filter(|entry| {
            let place = files::beneath(salvage.clone, &entry.path);
            place.is_some_and(|path| {
                fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) && is_filled(&path)
            })
        })
        .map(|entry| {
            format!(
                "{} is a submodule, of which no commit here holds the files",
                entry.path
            )
        })
        .collect()
}
