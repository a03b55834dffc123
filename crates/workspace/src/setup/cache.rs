//! The cache on disk: `KEY/{prepared.json, home, tree, setup.log}`, `KEY.lock`, and `building-KEY-*` while one is made.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use alai_core::record::Captured;
use serde::{Deserialize, Serialize};

use super::{Made, Prepared, SetupError, write_out};
use crate::command::Cancel;
use crate::crash;
use crate::files::{self, FileError};

pub(super) const HOME: &str = "home";
pub(super) const TREE: &str = "tree";
const STORED: &str = "prepared.json";
const LOG: &str = "setup.log";

/// Raised when an old reader would misread a new entry; entries of another version are made again.
const VERSION: u32 = 1;

/// How often somebody who waits for a lock looks whether it should give up.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// What is kept of a set-up besides its files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    key: String,
    command: Option<String>,
    extras: Vec<String>,
    hosts: Vec<String>,
    #[serde(default)]
    refused: Vec<String>,
    record: Option<Captured>,
}

/// The place of one key in the cache.
pub(super) struct Entry<'a> {
    root: &'a Path,
    key: &'a str,
}

/// Held while an entry is read or written; given back when dropped, also by the kernel when we are killed.
#[derive(Debug)]
pub(super) struct Lock(File);

impl<'a> Entry<'a> {
    pub(super) fn new(root: &'a Path, key: &'a str) -> Entry<'a> {
        Entry { root, key }
    }

    /// The entry that a result came from.
    pub(super) fn of(prepared: &'a Prepared) -> Entry<'a> {
        let root = prepared
            .home
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new("/"));
        Entry {
            root,
            key: &prepared.key,
        }
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.root.join(self.key)
    }

    /// Waits for the entry until nobody else uses it.
    pub(super) fn lock_alone(&self, cancel: &Cancel) -> Result<Lock, SetupError> {
        loop {
            if let Some(lock) = self.try_lock_alone()? {
                self.touch(&lock)?;
                return Ok(lock);
            }
            if cancel.is_cancelled() {
                return Err(SetupError::Cancelled);
            }
            std::thread::sleep(LOCK_POLL);
        }
    }

    /// The lock, or `None` when somebody else uses the entry.
    pub(super) fn try_lock_alone(&self) -> Result<Option<Lock>, FileError> {
        let (path, file) = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(FileError::on("lock", &path)(error)),
        }
    }

    /// The lock of a reader. Waits only for a writer, which is busy with this entry for the length of a copy.
    pub(super) fn lock_shared(&self) -> Result<Lock, FileError> {
        let (path, file) = self.lock_file()?;
        file.lock_shared().map_err(FileError::on("lock", &path))?;
        let lock = Lock(file);
        self.touch(&lock)?;
        Ok(lock)
    }

    /// The time of the lock file is when the entry was last used, for `prune`.
    fn touch(&self, lock: &Lock) -> Result<(), FileError> {
        lock.0
            .set_modified(SystemTime::now())
            .map_err(FileError::on("touch the lock in", self.root))
    }

    fn lock_file(&self) -> Result<(PathBuf, File), FileError> {
        let path = self.root.join(format!("{}.lock", self.key));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(FileError::on("open the lock", &path))?;
        Ok((path, file))
    }

    /// The finished entry; `None` when there is none, or when it is not whole.
    pub(super) fn load(&self) -> Result<Option<Prepared>, FileError> {
        let dir = self.dir();
        let path = dir.join(STORED);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::on("read", &path)(error)),
        };
        let Ok(stored) = serde_json::from_slice::<Stored>(&bytes) else {
            return Ok(None);
        };
        let (home, tree) = (dir.join(HOME), dir.join(TREE));
        let whole = stored.version == VERSION
            && stored.key == self.key
            && home.is_dir()
            && stored.extras.iter().all(|extra| {
                files::beneath(&tree, extra).is_some_and(|path| fs::symlink_metadata(path).is_ok())
            });
        Ok(whole.then_some(Prepared {
            key: stored.key,
            home,
            extras: stored.extras,
            tree,
            record: None,
            hosts: stored.hosts,
            refused: stored.refused,
        }))
    }

    /// Removes the entry and what killed set-ups of this key left. The caller holds the lock, so none of them lives.
    pub(super) fn clear(&self) -> Result<(), FileError> {
        let prefix = self.building_prefix();
        for name in files::list(self.root)? {
            if name.to_str().is_some_and(|name| name.starts_with(&prefix)) {
                files::remove(&self.root.join(name))?;
            }
        }
        files::remove(&self.dir())
    }

    /// An empty private folder to build in.
    pub(super) fn building(&self) -> Result<PathBuf, FileError> {
        let made = tempfile::Builder::new()
            .prefix(&self.building_prefix())
            .tempdir_in(self.root);
        Ok(made
            .map_err(FileError::on("make a folder in", self.root))?
            .keep())
    }

    fn building_prefix(&self) -> String {
        format!("building-{}-", self.key)
    }

    /// Makes a finished build the entry, in one rename.
    pub(super) fn keep(
        &self,
        building: &Path,
        command: Option<&str>,
        made: Made,
    ) -> Result<Prepared, SetupError> {
        if let Some(captured) = &made.record {
            let log = building.join(LOG);
            fs::write(&log, captured.combined()).map_err(FileError::on("write", &log))?;
        }
        let stored = Stored {
            version: VERSION,
            key: self.key.to_owned(),
            command: command.map(str::to_owned),
            extras: made.extras,
            hosts: made.hosts,
            refused: made.refused,
            record: made.record,
        };
        self.store(building, &stored)?;
        write_out(building);
        crash::point("setup.keep");
        let dir = self.dir();
        fs::rename(building, &dir).map_err(FileError::on("keep the set-up as", &dir))?;
        files::sync_dir(self.root)?;
        crash::point("setup.kept");
        let (home, tree) = (dir.join(HOME), dir.join(TREE));
        let Stored {
            key,
            extras,
            hosts,
            refused,
            record,
            ..
        } = stored;
        Ok(Prepared {
            key,
            home,
            extras,
            tree,
            record,
            hosts,
            refused,
        })
    }

    /// Adds paths to the extras of an entry.
    pub(super) fn add_extras(&self, added: &[String]) -> Result<Vec<String>, SetupError> {
        let path = self.dir().join(STORED);
        let bytes = fs::read(&path).map_err(FileError::on("read", &path))?;
        let mut stored: Stored = serde_json::from_slice(&bytes)
            .map_err(|error| FileError::on("read", &path)(std::io::Error::other(error)))?;
        stored.extras.extend(added.iter().cloned());
        stored.extras.sort();
        stored.extras.dedup();
        self.store(&self.dir(), &stored)?;
        Ok(stored.extras)
    }

    fn store(&self, dir: &Path, stored: &Stored) -> Result<(), FileError> {
        let bytes =
            serde_json::to_vec_pretty(stored).expect("strings, numbers and lists always serialise");
        files::write_atomic(&dir.join(STORED), &bytes)
    }
}
