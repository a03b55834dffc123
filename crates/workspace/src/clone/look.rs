//! What can be told of a stranger's clone by its names and sizes alone, before any program reads it. No file is opened and no
//! link is followed. All of it is the stranger's choice, how many names there are and how long they take, too, and we look as
//! ourselves: so the look has a budget of names, bytes and seconds, and says what it did not see.
//!
//! The stranger may be at work meanwhile. Every folder is reached from the clone's own by `openat2(2)`, beneath it, through no
//! link and into no other mount, and its names are looked at by what was opened: whatever changes places in between, no look
//! leaves the clone.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};

use super::salvage::FILE_BYTES_MAX;
use super::stamps::{Stamps, look_at};
use crate::command::Cancel;

/// Most files and folders that are looked at; more are left where they are.
const ENTRIES_MAX: usize = 1_000_000;

/// Most that all names together may take which have to be remembered, in bytes: a million folders of ordinary depth.
const NAMES_BYTES_MAX: usize = 64 << 20;

/// Longest look: a million entries take some seconds on a slow disk.
const LOOK: Duration = Duration::from_secs(30);

/// Most files beyond [`FILE_BYTES_MAX`] that are judged one by one.
const HUGE_MAX: usize = 100;

/// What is not taken is named so often; a person who reads more knows no more.
const EXAMPLES: usize = 20;

/// Marks a folder as a cache (the cache directory tagging specification), as for the agent's own commits.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Says how the files beside and below it are read, and so what a file that was not touched is in a commit.
const ATTRIBUTES: &str = ".gitattributes";

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Files that git opens and reads wherever it finds them: a pipe of this name waits for its writer for ever.
const READ_BY_GIT: [&str; 3] = [".gitignore", ".gitattributes", ".gitmodules"];

/// What is known of a clone's files.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Folders that mark themselves as caches.
    pub(super) caches: Vec<String>,
    /// Files that are too large to be taken, by path.
    pub(super) huge: BTreeMap<String, u64>,
    /// Folders with a repository of their own, of which a commit keeps nothing but a name.
    pub(super) nested: Vec<String>,
    /// Something would stop git for ever, so that it must not be started.
    pub(super) stops_git: bool,
    pub(super) missing: Missing,
    /// Files that have their stamps still. None of them when one that says how files are read (`.gitattributes`) has not.
    pub(super) untouched: HashSet<String>,
    /// Whether there is anything else, left out or not.
    has_others: bool,
}

impl Seen {
    /// Whether all that a commit would take along is what the stamps are of.
    pub(super) fn is_all_of(&self, stamps: &Stamps) -> bool {
        let odd = self.stops_git || self.has_others || !self.missing.examples.is_empty();
        let more = !self.huge.is_empty() || !self.nested.is_empty();
        !odd && !more && stamps.are_all(self.untouched.len())
    }
}

/// What is not taken, in words: the first ones, and how many more.
#[derive(Debug, Default)]
pub(super) struct Missing {
    examples: Vec<String>,
    more: u64,
}

impl Missing {
    pub(super) fn push(&mut self, words: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(words);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn extend(&mut self, all: impl IntoIterator<Item = String>) {
        all.into_iter().for_each(|words| self.push(words));
    }

    pub(super) fn words(mut self) -> Vec<String> {
        if self.more > 0 {
            self.examples.push(format!("and {} more", self.more));
        }
        self.examples
    }
}

/// Looks at a clone's files. `left_out` are names of folders (`NAME/`) and files (`*.END`) that are nobody's work.
pub(super) fn look(
    clone: &Path,
    left_out: &[&str],
    stamps: Option<&Stamps>,
    cancel: &Cancel,
) -> Seen {
    let mut look = Look::new(clone, left_out);
    look.stamps = stamps;
    look.walk(cancel);
    let is_rule = |path: &str| path == ATTRIBUTES || path.ends_with("/.gitattributes");
    let lost = |path: &str| is_rule(path) && !look.seen.untouched.contains(path);
    if look.other_rules || stamps.is_some_and(|stamps| stamps.paths().any(lost)) {
        look.seen.untouched.clear();
    }
    look.seen
}

/// Whether a folder of the clone holds, at any depth, something that is neither a file, a folder nor a link, or more than can be
/// looked at.
pub(super) fn is_odd(clone: &Path, folder: &str, cancel: &Cancel) -> bool {
    let mut look = Look::new(clone, &[]);
    look.git_only = true;
    look.waiting = vec![PathBuf::from(folder)];
    look.walk(cancel);
    look.seen.stops_git || !look.seen.missing.examples.is_empty()
}

struct Look<'a> {
    /// The clone's folder, opened once.
    clone: io::Result<OwnedFd>,
    left_out: &'a [&'a str],
    stamps: Option<&'a Stamps>,
    /// Everything below is read by git, wherever it lies.
    git_only: bool,
    until: Instant,
    entries: usize,
    /// Bytes of the names that are remembered.
    bytes: usize,
    waiting: Vec<PathBuf>,
    /// A file says how others are read that said something else, or nothing, when they were stamped.
    other_rules: bool,
    seen: Seen,
}

impl<'a> Look<'a> {
    fn new(clone: &'a Path, left_out: &'a [&'a str]) -> Look<'a> {
        let flags = FOLDER | OFlags::NOFOLLOW;
        Look {
            clone: open(clone, flags, Mode::empty()).map_err(io::Error::from),
            left_out,
            stamps: None,
            git_only: false,
            until: Instant::now() + LOOK,
            entries: 0,
            bytes: 0,
            waiting: vec![PathBuf::new()],
            other_rules: false,
            seen: Seen::default(),
        }
    }

    fn walk(&mut self, cancel: &Cancel) {
        while let Some(folder) = self.waiting.pop() {
            self.bytes -= folder.as_os_str().len().min(self.bytes);
            if let Err(why) = self.folder(&folder, cancel) {
                self.seen.missing.push(why);
                return;
            }
        }
    }

    /// Opens a folder that lies in the clone now.
    fn open(&self, folder: &Path) -> Option<OwnedFd> {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let name = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let clone = self.clone.as_ref().ok()?;
        let opened = openat2(clone, name, FOLDER, Mode::empty(), beneath).ok()?;
        // The owner decides: git reads as the owner, and passes by what it may not enter.
        let found = fstat(&opened).ok()?;
        (found.st_mode & 0o500 == 0o500).then_some(opened)
    }

    /// Looks at one folder. An error ends the look.
    fn folder(&mut self, folder: &Path, cancel: &Cancel) -> Result<(), String> {
        let is_top = folder.as_os_str().is_empty();
        let is_git = self.git_only || folder.components().any(|part| part.as_os_str() == ".git");
        let here = self.open(folder);
        let (Some(here), Some(Ok(entries))) = (&here, here.as_ref().map(Dir::read_from)) else {
            let words = format!("the folder {} cannot be read", shown(folder));
            self.seen.missing.push(words);
            return Ok(());
        };
        if !is_top && !is_git && self.is_cache_or_nested(folder, here)? {
            return Ok(());
        }
        for entry in entries {
            if let Ok(entry) = &entry
                && matches!(entry.file_name().to_bytes(), b"." | b"..")
            {
                continue;
            }
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return Err(format!("it has more than {ENTRIES_MAX} files"));
            }
            if Instant::now() >= self.until {
                let within = LOOK.as_secs();
                return Err(format!("not all of it could be looked at in {within} s"));
            }
            if cancel.is_cancelled() {
                return Err("looking at it was cancelled".to_owned());
            }
            match entry {
                Ok(entry) => {
                    let name = OsStr::from_bytes(entry.file_name().to_bytes());
                    self.entry(here, folder, name, is_git)?;
                }
                Err(_) => {
                    let words = format!("the folder {} cannot be read to its end", shown(folder));
                    self.seen.missing.push(words);
                }
            }
        }
        Ok(())
    }

    /// True for a cache, which is nobody's work. A folder with a repository of its own is remembered.
    fn is_cache_or_nested(&mut self, folder: &Path, here: &OwnedFd) -> Result<bool, String> {
        // By its whole name: what is decided by a shortened one is decided of another folder.
        let whole = folder.to_str();
        let has = |name: &str| look_at(here, name).is_ok();
        if let Some(whole) = whole
            && may_be_rule(folder)
            && has(CACHE_TAG)
        {
            self.remember(whole.len())?;
            self.seen.caches.push(whole.to_owned());
            return Ok(true);
        }
        if has(".git") {
            match whole {
                Some(whole) => {
                    self.remember(whole.len())?;
                    self.seen.nested.push(whole.to_owned());
                }
                None => {
                    let words = format!("the repository in {}", shown(folder));
                    self.seen.missing.push(words);
                }
            }
        }
        Ok(false)
    }

    fn entry(
        &mut self,
        here: &OwnedFd,
        folder: &Path,
        name: &OsStr,
        is_git: bool,
    ) -> Result<(), String> {
        let path = folder.join(name);
        let Ok(found) = look_at(here, name) else {
            let words = format!("{} cannot be looked at", shown(&path));
            self.seen.missing.push(words);
            return Ok(());
        };
        let kind = FileType::from_raw_mode(found.stx_mode.into());
        let read_by_git = is_git || READ_BY_GIT.iter().any(|read| name == *read);
        if read_by_git && let Some(kind) = odd(kind) {
            self.seen.stops_git = true;
            let words = format!(
                "{} is a {kind}, which git would read for ever; nothing is read until it is removed",
                shown(&path)
            );
            self.seen.missing.push(words);
            return Ok(());
        }
        // Of the clone's own repository nothing is read; git looks into one that lies within.
        let is_own = folder.as_os_str().is_empty() && name == ".git" && !self.git_only;
        let is_dir = kind == FileType::Directory;
        if is_own || is_left_out(name, is_dir, self.left_out) {
            return Ok(());
        }
        if is_dir {
            self.remember(path.as_os_str().len())?;
            self.waiting.push(path);
            return Ok(());
        }
        let is_huge = kind == FileType::RegularFile && found.stx_size > FILE_BYTES_MAX;
        if !is_git && is_huge {
            self.huge(&path, found.stx_size);
        }
        let has_stamp =
            |stamps: &Stamps| path.to_str().is_some_and(|path| stamps.has(path, &found));
        match path.to_str() {
            Some(path) if !is_huge && self.stamps.is_some_and(has_stamp) => {
                self.seen.untouched.insert(path.to_owned());
            }
            Some(_) | None => {
                self.seen.has_others = true;
                self.other_rules |= name == ATTRIBUTES;
            }
        }
        Ok(())
    }

    fn huge(&mut self, path: &Path, size: u64) {
        let words = || format!("{} is too large", shown(path));
        match path.to_str() {
            Some(text) if self.seen.huge.len() < HUGE_MAX => {
                if text.contains('\n') {
                    self.seen.missing.push(words());
                }
                self.seen.huge.insert(text.to_owned(), size);
            }
            Some(_) | None => self.seen.missing.push(words()),
        }
    }

    fn remember(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes += bytes;
        match self.bytes > NAMES_BYTES_MAX {
            true => Err(format!(
                "its names take more than {} MB",
                NAMES_BYTES_MAX >> 20
            )),
            false => Ok(()),
        }
    }
}

fn odd(kind: FileType) -> Option<&'static str> {
    match kind {
        FileType::Fifo => Some("pipe"),
        FileType::Socket => Some("socket"),
        FileType::BlockDevice | FileType::CharacterDevice => Some("device"),
        FileType::RegularFile | FileType::Directory | FileType::Symlink | FileType::Unknown => None,
    }
}

/// A path with none of the signs that mean something in a file of exclusions.
fn may_be_rule(folder: &Path) -> bool {
    folder
        .to_str()
        .is_some_and(|text| !text.contains(['\n', '*', '?', '[', '\\']))
}

fn is_left_out(name: &OsStr, is_dir: bool, rules: &[&str]) -> bool {
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
    let bytes = OsString::from(path).into_vec();
    String::from_utf8_lossy(&bytes).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn names(count: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for number in 0..count {
            let path = dir.path().join(format!("{number:0100}"));
            fs::create_dir(path).expect("made");
        }
        dir
    }

    #[test]
    fn a_look_ends_at_its_budget_and_says_so() {
        let dir = names(50);
        let ended = |change: fn(&mut Look<'_>), cancel: &Cancel| {
            let mut look = Look::new(dir.path(), &[]);
            change(&mut look);
            look.walk(cancel);
            look.seen.missing.words()
        };
        let go_on = Cancel::new();
        assert_eq!(ended(|_| {}, &go_on), [""; 0]);
        let late = ended(|look| look.until = Instant::now(), &go_on);
        assert_eq!(late, ["not all of it could be looked at in 30 s"]);
        let full = ended(|look| look.bytes = NAMES_BYTES_MAX - 1_000, &go_on);
        assert_eq!(full, ["its names take more than 64 MB"]);
        let many = ended(|look| look.entries = ENTRIES_MAX - 10, &go_on);
        assert_eq!(many, ["it has more than 1000000 files"]);
        let cancelled = Cancel::new();
        cancelled.cancel();
        let words = ended(|_| {}, &cancelled);
        assert_eq!(words, ["looking at it was cancelled"]);
    }

    #[test]
    fn names_that_are_done_with_give_their_bytes_back() {
        let dir = names(50);
        let mut look = Look::new(dir.path(), &[]);
        look.walk(&Cancel::new());
        assert_eq!((look.bytes, look.entries), (0, 50));
    }

    /// A folder of the clone changes places with a link that leads out of it, as fast as a thread can, while it is looked at.
    #[test]
    fn a_look_never_leaves_the_clone_whatever_changes_meanwhile() {
        let dir = tempfile::tempdir().expect("a folder");
        let (clone, outside) = (dir.path().join("clone"), dir.path().join("outside"));
        let (inner, link) = (clone.join("a"), clone.join("b"));
        fs::create_dir_all(inner.join("deep")).expect("made");
        fs::create_dir_all(outside.join("deep")).expect("made");
        for name in ["huge", "deep/huge"] {
            let file = fs::File::create(outside.join(name)).expect("made");
            file.set_len(FILE_BYTES_MAX + 1).expect("a sparse file");
        }
        std::os::unix::fs::symlink(&outside, &link).expect("linked");
        let (done, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
        let mut left = BTreeSet::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (at, exchange) = (rustix::fs::CWD, rustix::fs::RenameFlags::EXCHANGE);
                while !done.load(SeqCst) {
                    rustix::fs::renameat_with(at, &inner, at, &link, exchange).expect("swapped");
                    swaps.fetch_add(1, SeqCst);
                }
            });
            for _ in 0..20_000 {
                left.extend(look(&clone, &[], None, &Cancel::new()).huge.into_keys());
            }
            done.store(true, SeqCst);
        });
        assert_eq!(left, BTreeSet::new(), "seen outside of the clone");
        assert!(swaps.into_inner() > 1_000, "it was swapped all the while");
    }

    #[test]
    fn what_is_missing_is_named_by_examples() {
        let mut missing = Missing::default();
        missing.extend((0..EXAMPLES + 5).map(|number| number.to_string()));
        let words = missing.words();
        assert_eq!(words.len(), EXAMPLES + 1);
        assert_eq!(words.last().map(String::as_str), Some("and 5 more"));
    }
}
