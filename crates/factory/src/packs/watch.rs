//! The packs in force, and the eye on the home's folders: what changes there is read anew, and what cannot be read changes nothing.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Packs, PacksError, read};
use crate::home::Home;

/// Entries of a tree that are looked at: far more than any home has, few enough for a beat.
const ENTRIES_MAX: usize = 50_000;

/// So long a process that begins may do without a second look at its packs: it takes a tenth of its start.
const JUST_READ: Duration = Duration::from_millis(500);

/// A change of the packs that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPacks {
    /// Milliseconds since the Unix epoch.
    pub since_ms: i64,
    pub why: String,
}

/// The packs in force. The lock is held for a copy of a pointer, and never while something is read.
#[derive(Debug)]
pub(crate) struct Watched(Mutex<State>);

#[derive(Debug)]
struct State {
    packs: Arc<Packs>,
    /// Of the folders as they were last read, with or without success.
    stamp: Stamp,
    /// When the process read them, until it has looked again.
    read: Option<Instant>,
    refused: Option<RefusedPacks>,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    Same,
    Taken,
    Refused(String),
}

impl Watched {
    /// Reads the packs for the first time. What is wrong with one closes its company, and keeps no other from its work.
    pub(crate) fn load(home: &Home) -> Result<Watched, PacksError> {
        // Before they are read: what changes meanwhile is seen by the next look.
        let stamp = stamp(home);
        Ok(Watched(Mutex::new(State {
            packs: Arc::new(Packs::load_as(home, &stamp)?),
            stamp,
            read: Some(Instant::now()),
            refused: None,
        })))
    }

    /// Whether they were read a moment ago and not looked at since: once in a process, whose first task waits for it.
    pub(crate) fn were_just_read(&self) -> bool {
        self.state(|state| state.read.take())
            .is_some_and(|read| read.elapsed() < JUST_READ)
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        // Nothing panics while the lock is held, so a poisoned one holds a whole value too.
        with(
            &mut self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    pub(crate) fn now(&self) -> Arc<Packs> {
        self.state(|state| Arc::clone(&state.packs))
    }

    /// Closes the companies of the packs in force that these are about.
    pub(crate) fn close(&self, misfits: Vec<PacksError>) {
        if !misfits.is_empty() {
            self.state(|state| Arc::make_mut(&mut state.packs).close(misfits));
        }
    }

    pub(crate) fn refused(&self) -> Option<RefusedPacks> {
        self.state(|state| state.refused.clone())
    }

    /// Reads the folders anew where something in them has changed. `misfits` says which companies cannot be used for another reason. A
    /// change that would close a company at work, or break a blueprint, is refused whole.
    pub(crate) fn look(
        &self,
        home: &Home,
        now_ms: i64,
        misfits: impl Fn(&Packs) -> Vec<PacksError>,
    ) -> Look {
        loop {
            let before = self.state(|state| state.stamp.clone());
            let stamp = stamp(home);
            if before == stamp {
                return Look::Same;
            }
            let read = Packs::load_as(home, &stamp).map(|mut packs| {
                packs.close(misfits(&packs));
                packs
            });
            // Another thread that has read meanwhile may have read something newer: look again.
            let put = |state: &mut State| {
                (state.stamp == before).then(|| state.put(stamp.clone(), read, now_ms))
            };
            if let Some(look) = self.state(put) {
                return look;
            }
        }
    }
}

impl State {
    fn put(&mut self, stamp: Stamp, read: Result<Packs, PacksError>, now_ms: i64) -> Look {
        self.stamp = stamp;
        let lost = |packs: &Packs| {
            let was = self.packs.wrong();
            let mut lost = packs.wrong().iter();
            let lost = lost.find(|(what, _)| !was.contains_key(*what));
            lost.map(|(_, why)| why.clone())
        };
        let read = match read {
            Ok(packs) => lost(&packs).map_or(Ok(packs), Err),
            Err(e) => Err(e.to_string()),
        };
        match read {
            Ok(packs) => {
                self.packs = Arc::new(packs);
                self.refused = None;
                Look::Taken
            }
            Err(why) => {
                let since_ms = self
                    .refused
                    .as_ref()
                    .map_or(now_ms, |refused| refused.since_ms);
                self.refused = Some(RefusedPacks {
                    since_ms,
                    why: why.clone(),
                });
                Look::Refused(why)
            }
        }
    }
}

/// What another content of the folders does not have: names, sizes, times and inodes, without reading a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Of all entries, in order.
    pub(super) hash: u64,
    /// The last change of any of them, in seconds since the Unix epoch. What changes within the same tick of the file system's clock
    /// looks as it did.
    pub(super) newest_s: i64,
}

struct Walk {
    seen: usize,
    newest_s: i64,
    hasher: DefaultHasher,
}

pub(super) fn stamp(home: &Home) -> Stamp {
    let mut walk = Walk {
        seen: 0,
        newest_s: 0,
        hasher: DefaultHasher::new(),
    };
    for dir in [home.companies(), home.blueprints()] {
        tree(&dir, 0, &mut walk);
    }
    // It says which companies are switched off.
    if let Ok(meta) = std::fs::metadata(home.config()) {
        mark(&meta, &mut walk.hasher);
        walk.newest_s = walk.newest_s.max(meta.ctime()).max(meta.mtime());
    }
    Stamp {
        hash: walk.hasher.finish(),
        newest_s: walk.newest_s,
    }
}

fn tree(dir: &Path, depth: usize, walk: &mut Walk) {
    let Ok(entries) = read::entries(dir) else {
        "unreadable".hash(&mut walk.hasher);
        return;
    };
    for entry in entries {
        walk.seen += 1;
        if walk.seen > ENTRIES_MAX {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        // Asked of the open folder: a whole path would be walked anew for each of a thousand files. Links are not followed.
        let meta = entry.metadata();
        // A company writes its scratch while it works. What only has the name, and is no folder, is a part of the pack.
        let scratch = depth == 1
            && read::SCRATCH.contains(&&*name)
            && meta.as_ref().is_ok_and(Metadata::is_dir);
        if scratch {
            continue;
        }
        name.hash(&mut walk.hasher);
        match meta {
            Ok(meta) if meta.is_dir() => {
                depth.hash(&mut walk.hasher);
                tree(&entry.path(), depth + 1, walk);
            }
            Ok(meta) => {
                mark(&meta, &mut walk.hasher);
                walk.newest_s = walk.newest_s.max(meta.ctime()).max(meta.mtime());
            }
            Err(_) => "gone".hash(&mut walk.hasher),
        }
    }
    // Two trees with the same names in other folders differ.
    "end".hash(&mut walk.hasher);
}

fn mark(meta: &Metadata, hasher: &mut DefaultHasher) {
    (meta.len(), meta.ino(), meta.mode()).hash(hasher);
    (meta.mtime(), meta.mtime_nsec()).hash(hasher);
    (meta.ctime(), meta.ctime_nsec()).hash(hasher);
}
