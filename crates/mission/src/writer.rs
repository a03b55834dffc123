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
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::JoinHandle;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::error::MissionError;
use crate::reader::Reader;
use crate::{fsck, schema};

/// Jobs in one commit: enough to make fsync cheap, few enough that nobody waits long behind a slow one.
const GROUP_MAX: usize = 64;

/// Called with the name of a moment at which a crash must be harmless; tests end the process there.
pub type CrashPoint = fn(&str);

type Answer = Box<dyn FnOnce(&Result<(), Failed>) + Send>;
/// Runs its event on the connection, or on none when there is no transaction; then takes the commit's result. Says also how the
/// disk failed under it, when it did.
type Job = Box<dyn FnOnce(Option<&Connection>) -> (Answer, Option<Failed>) + Send>;

#[derive(Debug, Clone)]
enum Failed {
    DiskFull,
    /// Another program holds the file; nothing was written.
    Busy,
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
    ///
    /// # Errors
    /// Among others [`MissionError::Unsound`]: nothing is written to a store that breaks its invariants. They are all checked
    /// when the last writer was killed, and those that cost no more than what is at work otherwise.
    pub fn open(home: &Path, crash: CrashPoint) -> Result<Mission, MissionError> {
        let lock = take_lock(home)?;
        let path = db_path(home);
        let mut connection = schema::open_writer(&path)?;
        sound(&connection, &path)?;
        set_closed(&connection, false)?;
        let in_log = watch_log(&mut connection)?;
        let reader = Reader::open(home)?;
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("mission-writer".into())
            .spawn(move || write_loop(&connection, &queue, &in_log, crash))
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
            let failed = match &done {
                Some(Err(MissionError::DiskFull)) => Some(Failed::DiskFull),
                Some(Err(MissionError::Sql(e))) => disk_failed(e),
                Some(Ok(_) | Err(_)) | None => None,
            };
            let disk = matches!(failed, Some(Failed::Unknown(_)));
            let answer = Box::new(move |committed: &Result<(), Failed>| {
                let result = match (done, committed) {
                    (Some(Err(_)), Err(Failed::Unknown(why))) if disk => {
                        Err(MissionError::Unknown(why.clone()))
                    }
                    // A job that failed changed nothing, whatever became of the others.
                    (Some(Err(e)), _) => Err(e),
                    (Some(Ok(value)), Ok(())) => Ok(value),
                    (_, Err(Failed::DiskFull)) => Err(MissionError::DiskFull),
                    (_, Err(Failed::Busy)) => Err(MissionError::Busy),
                    (_, Err(Failed::Unknown(why))) => Err(MissionError::Unknown(why.clone())),
                    (_, Err(Failed::Poisoned)) | (None, Ok(())) => Err(MissionError::Poisoned),
                };
                // The asker may have gone; its event is committed all the same.
                let _asker_left = answer.send(result);
            });
            (answer, failed)
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

fn write_loop(
    connection: &Connection,
    queue: &Receiver<Job>,
    in_log: &AtomicI32,
    crash: CrashPoint,
) {
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
                job(None).0(&Err(Failed::Poisoned));
            }
            continue;
        }
        let (answers, committed) = commit_group(connection, group, crash);
        poisoned = matches!(committed, Err(Failed::Unknown(_)));
        for answer in answers {
            answer(&committed);
        }
        // After the answers: the commit is durable without it.
        poisoned |= committed.is_ok() && !fold_log(connection, in_log);
    }
    if !poisoned && let Err(e) = set_closed(connection, true) {
        // The next process looks at everything: slower, and nothing worse.
        let _looked_at_anew = e;
    }
}

/// Pages in the log from which it is folded into the file: SQLite's own measure.
const LOG_PAGES: i32 = 1_000;

/// Counts the pages in the log after each commit. SQLite would fold the log by itself inside a commit, and say nothing when the
/// disk fails at it.
fn watch_log(connection: &mut Connection) -> Result<Arc<AtomicI32>, MissionError> {
    let pages = Arc::new(AtomicI32::new(0));
    let counted = Arc::clone(&pages);
    connection.wal_hook(Some(move |_log: &mut Wal, pages| {
        counted.store(pages, Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(pages)
}

/// Folds a long log into the file, as far as readers let it. False when the disk failed: what it holds is not known any more.
fn fold_log(connection: &Connection, in_log: &AtomicI32) -> bool {
    if in_log.load(Ordering::Relaxed) < LOG_PAGES {
        return true;
    }
    let folded = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    match folded {
        Ok(()) => true,
        // The log stays as it is and is folded when there is room; a program that reads the file may be in the way.
        Err(e) => matches!(
            e.sqlite_error_code(),
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        ),
    }
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

fn commit_group(
    connection: &Connection,
    group: Vec<Job>,
    crash: CrashPoint,
) -> (Vec<Answer>, Result<(), Failed>) {
    if let Err(e) = connection.execute_batch("BEGIN IMMEDIATE") {
        // Without a transaction a savepoint would commit by itself: nothing is run.
        return (
            group.into_iter().map(|job| job(None).0).collect(),
            Err(classify(&e)),
        );
    }
    let mut answers = Vec::with_capacity(group.len());
    let mut jobs = group.into_iter();
    while let Some(job) = jobs.next() {
        let (answer, failed) = job(Some(connection));
        answers.push(answer);
        if matches!(failed, Some(Failed::Unknown(_))) {
            // The disk fails: nothing of the group is committed on it.
            let _nothing_left = connection.execute_batch("ROLLBACK");
        }
        if connection.is_autocommit() {
            // A disk that is full in the middle of a statement, and a few other failures, end the whole transaction at once:
            // what was done before it in this group is gone too, and what came after it would commit by itself.
            answers.extend(jobs.map(|job| job(None).0));
            let why = || Failed::Unknown("the transaction was ended".to_owned());
            return (answers, Err(failed.unwrap_or_else(why)));
        }
    }
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
        Some(ErrorCode::DiskFull) => Failed::DiskFull,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failed::Busy,
        _ => Failed::Unknown(error.to_string()),
    }
}

/// How the disk failed under a job; none when the job itself was wrong, as when it broke a constraint.
fn disk_failed(error: &rusqlite::Error) -> Option<Failed> {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::FileLockingProtocolFailed,
        ) => Some(classify(error)),
        Some(_) | None => None,
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    event: impl FnOnce(&Connection) -> Result<T, MissionError>,
) -> Result<T, MissionError> {
    connection.execute_batch("SAVEPOINT job")?;
    let done = event(connection);
    if connection.is_autocommit() {
        // The disk failed and the whole transaction is rolled back already.
        return done;
    }
    let end = if done.is_ok() {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    match connection.execute_batch(end) {
        Ok(()) => done,
        Err(e) => {
            // Part of it may still be there: none of the group may be committed with it. The first error says most.
            let _nothing_left = connection.execute_batch("ROLLBACK");
            done.and(Err(e.into()))
        }
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
