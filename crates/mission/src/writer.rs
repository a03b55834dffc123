//! The one writer: a thread that owns the connection, takes jobs from a channel and commits them in groups.
//!
//! Each job runs inside a savepoint of one immediate transaction; nobody gets an answer before the commit is durable. With
//! one client that is one commit per job, with fifty it is a few commits for all of them.

use std::fs;
use std::io::{Read, Seek, Write};
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::error::MissionError;
use crate::reader::Reader;
use crate::schema;

/// Jobs in one commit: enough to make fsync cheap, few enough that nobody waits long behind a slow one.
const GROUP_MAX: usize = 64;

/// Called with the name of a moment at which a crash must be harmless; tests end the process there.
pub type CrashPoint = fn(&str);

type Answer = Box<dyn FnOnce(&Result<(), Failed>) + Send>;
/// Runs its event on the connection, or on none when no transaction could be begun; then takes the commit's result.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Answer + Send>;

#[derive(Debug, Clone)]
enum Failed {
    DiskFull,
    Unknown(String),
    Poisoned,
}

/// Mission Control, open for writing by this process alone. Reading goes through [`Reader`], to which it derefs.
#[derive(Debug)]
pub struct Mission {
    reader: Reader,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    // Held for its lifetime: the lock goes with the descriptor, also when the process is killed.
    _lock: fs::File,
}

impl Mission {
    /// Opens (or creates) `mission.db` in `home` and takes the home's write lock.
    pub fn open(home: &Path, crash: CrashPoint) -> Result<Mission, MissionError> {
        let lock = take_lock(home)?;
        let path = db_path(home);
        let connection = schema::open_writer(&path)?;
        let reader = Reader::open(home)?;
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("mission-writer".into())
            .spawn(move || write_loop(&connection, &queue, crash))
            .map_err(|source| MissionError::Io {
                doing: "start the writer for",
                path: path.clone(),
                source,
            })?;
        Ok(Mission {
            reader,
            jobs: Some(jobs),
            thread: Some(thread),
            _lock: lock,
        })
    }

    /// Runs one business event in one transaction and answers when it is durable.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        event: impl FnOnce(&Connection) -> Result<T, MissionError> + Send + 'static,
    ) -> Result<T, MissionError> {
        let (answer, wait) = sync_channel::<Result<T, MissionError>>(1);
        let job: Job = Box::new(move |connection| {
            let done = connection.map(|c| in_savepoint(c, event));
            Box::new(move |committed: &Result<(), Failed>| {
                let result = match (done, committed) {
                    // A job that failed changed nothing, whatever became of the others.
                    (Some(Err(e)), _) => Err(e),
                    (Some(Ok(value)), Ok(())) => Ok(value),
                    (_, Err(Failed::DiskFull)) => Err(MissionError::DiskFull),
                    (_, Err(Failed::Unknown(why))) => Err(MissionError::Unknown(why.clone())),
                    (_, Err(Failed::Poisoned)) | (None, Ok(())) => Err(MissionError::Poisoned),
                };
                // The asker may have gone; its event is committed all the same.
                let _asker_left = answer.send(result);
            })
        });
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(MissionError::Poisoned);
        }
        wait.recv().unwrap_or(Err(MissionError::Poisoned))
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
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _writer_panicked = thread.join();
        }
    }
}

pub(crate) fn db_path(home: &Path) -> PathBuf {
    home.join("mission.db")
}

fn write_loop(connection: &Connection, queue: &Receiver<Job>, crash: CrashPoint) {
    let mut poisoned = false;
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX {
            match queue.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        if poisoned {
            // After a failed disk, whether the last commit is on it is unknown, and an fsync error is reported only once:
            // no further write until the process starts anew and the file is checked.
            for job in group {
                job(None)(&Err(Failed::Poisoned));
            }
            continue;
        }
        let (answers, committed) = commit_group(connection, group, crash);
        poisoned = matches!(committed, Err(Failed::Unknown(_)));
        for answer in answers {
            answer(&committed);
        }
    }
}

fn commit_group(
    connection: &Connection,
    group: Vec<Job>,
    crash: CrashPoint,
) -> (Vec<Answer>, Result<(), Failed>) {
    if let Err(e) = connection.execute_batch("BEGIN IMMEDIATE") {
        // Without a transaction a savepoint would commit by itself: nothing is run.
        return (
            group.into_iter().map(|job| job(None)).collect(),
            Err(classify(&e)),
        );
    }
    let answers: Vec<Answer> = group.into_iter().map(|job| job(Some(connection))).collect();
    crash("commit.before");
    let committed = match connection.execute_batch("COMMIT") {
        Ok(()) => Ok(()),
        Err(e) => {
            let _rolled_back = connection.execute_batch("ROLLBACK");
            Err(classify(&e))
        }
    };
    crash("commit.after");
    (answers, committed)
}

fn classify(error: &rusqlite::Error) -> Failed {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => Failed::DiskFull,
        _ => Failed::Unknown(error.to_string()),
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    event: impl FnOnce(&Connection) -> Result<T, MissionError>,
) -> Result<T, MissionError> {
    connection.execute_batch("SAVEPOINT job")?;
    let done = event(connection);
    let end = if done.is_ok() {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    match connection.execute_batch(end) {
        Ok(()) => done,
        // A full disk rolls the whole transaction back; the first error says more than this one.
        Err(e) => done.and(Err(e.into())),
    }
}

pub(crate) fn take_lock(home: &Path) -> Result<fs::File, MissionError> {
    let path = home.join("mission.lock");
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
    if !try_flock(&file) {
        let mut pid = String::new();
        let _unreadable = file.read_to_string(&mut pid);
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

#[allow(
    unsafe_code,
    reason = "flock has no safe wrapper in std at our minimum Rust version on all platforms"
)]
fn try_flock(file: &fs::File) -> bool {
    // SAFETY: the descriptor is open for as long as `file` lives, and flock touches no memory of ours.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}
