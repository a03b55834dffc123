//! Opening the store for writing: the home's lock, the checks before the first write, and the mark that it was closed.

use std::fs;
use std::io::{Read, Seek, Write};
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use crate::commit::{Committer, CrashPoint, Kept};
use crate::error::MissionError;
use crate::reader::Reader;
use crate::waits::Waits;
use crate::{fsck, schema};

/// Mission Control, open for writing by this process alone. Reading goes through [`Reader`], to which it derefs.
#[derive(Debug)]
pub struct Mission {
    reader: Reader,
    committer: Committer,
    // Held for its lifetime: the lock goes with the descriptor, also when the process is killed.
    _lock: fs::File,
}

impl Mission {
    /// Opens (or creates) `mission.db` in `home` and takes the home's write lock.
    ///
    /// # Errors
    /// Among others [`MissionError::Unsound`]: nothing is written to a store that breaks its invariants. They are all checked
    /// when the last writer was killed, and those that cost no more than what is at work otherwise.
    pub fn open(home: &Path, crash: CrashPoint) -> Result<Mission, MissionError> {
        let lock = take_lock(home)?;
        let path = db_path(home);
        let connection = schema::open_writer(&path)?;
        sound(&connection, &path)?;
        set_closed(&connection, false)?;
        Ok(Mission {
            reader: Reader::open(home)?,
            committer: Committer::new(connection, Some(&path), crash)?,
            _lock: lock,
        })
    }

    /// Runs one business event in one transaction and answers when it is durable.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        event: impl FnOnce(&Connection) -> Result<T, MissionError> + Send + 'static,
    ) -> Result<T, MissionError> {
        self.committer.run(Kept::AtOnce, event)
    }

    /// The same without a wait for the disk: a loss of power may take it, a kill of the process does not.
    pub(crate) fn write_soon<T: Send + 'static>(
        &self,
        event: impl FnOnce(&Connection) -> Result<T, MissionError> + Send + 'static,
    ) -> Result<T, MissionError> {
        self.committer.run(Kept::Soon, event)
    }
}

impl Mission {
    /// How long this process has waited for its commits.
    pub fn waits(&self) -> Waits {
        self.committer.waits()
    }
}

impl Deref for Mission {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Drop for Mission {
    fn drop(&mut self) {
        if let Some(connection) = self.committer.last() {
            // Where it fails the next process looks at everything: slower, and nothing worse.
            let _looked_at_anew = set_closed(&connection, true);
        }
    }
}

pub(crate) fn db_path(home: &Path) -> PathBuf {
    home.join("mission.db")
}

/// Whether the last writer came to an end of its own.
const CLOSED: &str = "closed";

fn set_closed(connection: &Connection, closed: bool) -> Result<(), MissionError> {
    connection.execute(
        "INSERT INTO fact (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        params![CLOSED, if closed { "yes" } else { "no" }],
    )?;
    Ok(())
}

/// What must hold before anything is written: all of it when the last writer was killed, otherwise what can be seen at a glance.
fn sound(connection: &Connection, path: &Path) -> Result<(), MissionError> {
    let closed: Option<String> = connection
        .query_row("SELECT value FROM fact WHERE key = ?", [CLOSED], |r| {
            r.get(0)
        })
        .optional()?;
    let faults = match closed.as_deref() {
        None | Some("yes") => fsck::check_bounded(connection)?,
        Some(_) => fsck::check(connection)?,
    };
    match faults.first() {
        None => Ok(()),
        Some(fault) => Err(MissionError::Unsound {
            path: path.to_owned(),
            invariant: fault.invariant,
            rows: fault.rows.join("; "),
        }),
    }
}

/// Whoever only asks who holds the home has the lock himself for a moment. That moment is waited out.
const ASKED: Duration = Duration::from_millis(100);
const ASKED_POLL: Duration = Duration::from_millis(5);
/// A process that was killed while it started a program leaves a child that holds the lock too, until it runs that program. On
/// a busy machine that takes a moment; whoever starts anew must not be refused for it.
const KILLED: Duration = Duration::from_secs(2);

/// The process that writes to `home` now, by its pid. None when nobody does.
pub fn holder(home: &Path) -> Option<String> {
    let mut file = fs::File::open(lock_path(home)).ok()?;
    if try_flock(&file, libc::LOCK_SH) {
        return None;
    }
    let mut pid = String::new();
    file.read_to_string(&mut pid).ok()?;
    Some(pid.trim().to_owned())
}

fn lock_path(home: &Path) -> PathBuf {
    home.join("mission.lock")
}

pub(crate) fn take_lock(home: &Path) -> Result<fs::File, MissionError> {
    let path = lock_path(home);
    let io = |doing| {
        let path = path.clone();
        move |source| MissionError::Io {
            doing,
            path,
            source,
        }
    };
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io("open"))?;
    let asked = Instant::now();
    while !try_flock(&file, libc::LOCK_EX) {
        let mut pid = String::new();
        let _unreadable = file.rewind().and_then(|()| file.read_to_string(&mut pid));
        let patience = if lives(pid.trim()) { ASKED } else { KILLED };
        if asked.elapsed() < patience {
            std::thread::sleep(ASKED_POLL);
            continue;
        }
        return Err(MissionError::Locked {
            path,
            pid: pid.trim().to_owned(),
        });
    }
    let pid = std::process::id().to_string();
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(pid.as_bytes()))
        .map_err(io("write"))?;
    Ok(file)
}

/// Whether there is a process of that number, whoever it belongs to.
#[allow(unsafe_code, reason = "the standard library sends no signals")]
fn lives(pid: &str) -> bool {
    let Ok(pid) = pid.parse::<libc::pid_t>() else {
        return false;
    };
    // SAFETY: kill takes two integers; signal 0 only asks.
    let there = unsafe { libc::kill(pid, 0) } == 0;
    there || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[allow(
    unsafe_code,
    reason = "flock has no safe wrapper in std at our minimum Rust version on all platforms"
)]
fn try_flock(file: &fs::File, kind: libc::c_int) -> bool {
    // SAFETY: the descriptor is open for as long as `file` lives, and flock touches no memory of ours.
    unsafe { libc::flock(file.as_raw_fd(), kind | libc::LOCK_NB) == 0 }
}
