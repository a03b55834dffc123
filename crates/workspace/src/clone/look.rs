//! What can be told of a stranger's clone by its names and sizes alone, before any program reads it. Nothing is opened and no
//! link is followed. All of it is the stranger's choice, how many names there are and how long they take, too, and we look as
//! ourselves: so the look has a budget of names, bytes and seconds, and says what it did not see.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::salvage::FILE_BYTES_MAX;
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
pub(super) fn look(clone: &Path, left_out: &[&str], cancel: &Cancel) -> Seen {
    let mut look = Look::new(clone, left_out);
    look.walk(cancel);
    look.seen
}

/// Whether a folder holds, at any depth, something that is neither a file, a folder nor a link, or more than can be looked at.
pub(super) fn is_odd(folder: &Path, cancel: &Cancel) -> bool {
    let mut look = Look::new(folder, &[]);
    look.git_only = true;
    look.walk(cancel);
    look.seen.stops_git || !look.seen.missing.examples.is_empty()
}

struct Look<'a> {
    clone: &'a Path,
    left_out: &'a [&'a str],
    /// Everything below is read by git, wherever it lies.
    git_only: bool,
    until: Instant,
    entries: usize,
    /// Bytes of the names that are remembered.
    bytes: usize,
    waiting: Vec<PathBuf>,
    seen: Seen,
}

impl<'a> Look<'a> {
    fn new(clone: &'a Path, left_out: &'a [&'a str]) -> Look<'a> {
        Look {
            clone,
            left_out,
            git_only: false,
            until: Instant::now() + LOOK,
            entries: 0,
            bytes: 0,
            waiting: vec![PathBuf::new()],
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

    /// Looks at one folder. An error ends the look.
    fn folder(&mut self, folder: &Path, cancel: &Cancel) -> Result<(), String> {
        let here = self.clone.join(folder);
        let is_top = folder.as_os_str().is_empty();
        let is_git = self.git_only || folder.components().any(|part| part.as_os_str() == ".git");
        // The owner decides: git reads as the owner, and passes by what it may not enter.
        let open = fs::symlink_metadata(&here).is_ok_and(|found| found.mode() & 0o500 == 0o500);
        let (true, Ok(entries)) = (open, fs::read_dir(&here)) else {
            let words = format!("the folder {} cannot be read", shown(folder));
            self.seen.missing.push(words);
            return Ok(());
        };
        if !is_top && !is_git && self.is_cache_or_nested(folder, &here)? {
            return Ok(());
        }
        for entry in entries {
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
                Ok(entry) => self.entry(folder, &entry.file_name(), is_git)?,
                Err(_) => {
                    let words = format!("the folder {} cannot be read to its end", shown(folder));
                    self.seen.missing.push(words);
                }
            }
        }
        Ok(())
    }

    /// True for a cache, which is nobody's work. A folder with a repository of its own is remembered.
    fn is_cache_or_nested(&mut self, folder: &Path, here: &Path) -> Result<bool, String> {
        // By its whole name: what is decided by a shortened one is decided of another folder.
        let whole = folder.to_str();
        let has = |name: &str| fs::symlink_metadata(here.join(name)).is_ok();
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

    fn entry(&mut self, folder: &Path, name: &OsStr, is_git: bool) -> Result<(), String> {
        let path = folder.join(name);
        let Ok(found) = fs::symlink_metadata(self.clone.join(&path)) else {
            let words = format!("{} cannot be looked at", shown(&path));
            self.seen.missing.push(words);
            return Ok(());
        };
        let read_by_git = is_git || READ_BY_GIT.iter().any(|read| name == *read);
        if read_by_git && let Some(kind) = odd(found.file_type()) {
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
        if is_own || is_left_out(name, found.is_dir(), self.left_out) {
            return Ok(());
        }
        if found.is_dir() {
            self.remember(path.as_os_str().len())?;
            self.waiting.push(path);
        } else if !is_git && found.is_file() && found.size() > FILE_BYTES_MAX {
            self.huge(&path, found.size());
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
    if kind.is_fifo() {
        Some("pipe")
    } else if kind.is_socket() {
        Some("socket")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("device")
    } else {
        None
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

    #[test]
    fn what_is_missing_is_named_by_examples() {
        let mut missing = Missing::default();
        missing.extend((0..EXAMPLES + 5).map(|number| number.to_string()));
        let words = missing.words();
        assert_eq!(words.len(), EXAMPLES + 1);
        assert_eq!(words.last().map(String::as_str), Some("and 5 more"));
    }
}
