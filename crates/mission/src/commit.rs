//! Group commit: whoever asks first commits for all who ask meanwhile, and hands the lead to the next one. There is one writer at
//! any time, and no thread of its own that one client alone would have to wake and to wait for.
//!
//! Each job runs inside a savepoint of one immediate transaction; nobody gets an answer before the commit is durable. With
//! one client that is one commit per job, with fifty it is a few commits for all of them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Instant;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode};

use crate::error::MissionError;
use crate::fold::Folder;
use crate::waits::{Counted, Waits};

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

/// The connection that writes, and those who wait for it.
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    connection: Mutex<Connection>,
    /// Pages in the log after the last commit.
    in_log: Arc<AtomicI32>,
    folder: Folder,
    /// After a failed disk, whether the last commit is on it is unknown, and an fsync error is reported only once: no further
    /// write until the process starts anew and the file is checked.
    poisoned: AtomicBool,
    waits: Counted,
    crash: CrashPoint,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Somebody commits, and hands the lead on when he is done.
    led: bool,
    /// The last turn passed by those who wait for the disk: this one does not.
    passed_by: bool,
}

impl Queue {
    /// Those of the next turn. Who need not wait for the disk goes before those who have to, and not with them; but only every
    /// other time, so that they are not passed by for ever.
    fn next_group(&mut self) -> Vec<Waiting> {
        let waits = |w: &Waiting| w.kept == Kept::AtOnce;
        let is_mixed = self.waiting.iter().any(waits) && !self.waiting.iter().all(waits);
        self.passed_by = is_mixed && !self.passed_by;
        if !self.passed_by {
            let count = self.waiting.len().min(GROUP_MAX);
            return self.waiting.drain(..count).collect();
        }
        let (mut group, mut rest) = (Vec::new(), VecDeque::new());
        for waiting in self.waiting.drain(..) {
            match waits(&waiting) || group.len() == GROUP_MAX {
                true => rest.push_back(waiting),
                false => group.push(waiting),
            }
        }
        self.waiting = rest;
        group
    }
}

struct Waiting {
    job: Job,
    seat: Arc<Seat>,
    kept: Kept,
}

/// When what was committed outlives a loss of power. A kill of the process takes nothing in either case, and nothing later outlives
/// what was before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Before the answer.
    AtOnce,
    /// With the next commit that is kept at once: for what is read from other rows when it is lost.
    Soon,
}

/// Where an asker sleeps until he is answered, or has to lead.
struct Seat {
    thread: Thread,
    lead: AtomicBool,
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Committer(..)")
    }
}

impl Committer {
    /// The log of the store at `path` is folded beside the writer; without one by himself.
    pub(crate) fn new(
        mut connection: Connection,
        path: Option<&Path>,
        crash: CrashPoint,
    ) -> Result<Committer, MissionError> {
        let in_log = watch_log(&mut connection)?;
        Ok(Committer {
            queue: Mutex::default(),
            connection: Mutex::new(connection),
            in_log,
            folder: Folder::new(path),
            poisoned: AtomicBool::new(false),
            waits: Counted::default(),
            crash,
        })
    }

    /// Runs one event in a transaction and answers when it is durable, or, as `kept` says, committed.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        kept: Kept,
        event: impl FnOnce(&Connection) -> Result<T, MissionError> + Send + 'static,
    ) -> Result<T, MissionError> {
        let asked = Instant::now();
        let (answer, wait) = channel::<Result<T, MissionError>>();
        let job = job(event, move |result| {
            // The asker may have gone; its event is committed all the same.
            let _asker_left = answer.send(result);
        });
        let seat = Arc::new(Seat {
            thread: std::thread::current(),
            lead: AtomicBool::new(false),
        });
        let mut leads = self.sit_down(job, Arc::clone(&seat), kept);
        loop {
            if leads {
                self.lead();
            }
            match wait.try_recv() {
                Ok(result) => {
                    self.waits.count(asked.elapsed());
                    return result;
                }
                // Whoever led has panicked with it in his hands.
                Err(TryRecvError::Disconnected) => return Err(MissionError::Poisoned),
                Err(TryRecvError::Empty) => {}
            }
            leads = seat.lead.swap(false, Ordering::Acquire);
            if !leads {
                std::thread::park();
                leads = seat.lead.swap(false, Ordering::Acquire);
            }
        }
    }

    pub(crate) fn waits(&self) -> Waits {
        self.waits.read()
    }

    /// The connection, when nobody will write any more; none after a failed disk.
    pub(crate) fn last(&self) -> Option<MutexGuard<'_, Connection>> {
        self.folder.end();
        match self.poisoned.load(Ordering::SeqCst) || self.folder.has_failed() {
            true => None,
            false => Some(locked(&self.connection)),
        }
    }

    /// True for whoever finds nobody in the lead.
    fn sit_down(&self, job: Job, seat: Arc<Seat>, kept: Kept) -> bool {
        let mut queue = locked(&self.queue);
        queue.waiting.push_back(Waiting { job, seat, kept });
        !std::mem::replace(&mut queue.led, true)
    }

    /// Commits the oldest of those who wait, and hands the lead on.
    fn lead(&self) {
        let group = locked(&self.queue).next_group();
        let kept = match group.iter().all(|w| w.kept == Kept::Soon) {
            true => Kept::Soon,
            false => Kept::AtOnce,
        };
        let (jobs, seats): (Vec<Job>, Vec<Arc<Seat>>) =
            group.into_iter().map(|w| (w.job, w.seat)).unzip();
        let mut turn = Turn {
            committer: self,
            seats,
        };
        let connection = locked(&self.connection);
        let failed = self.folder.has_failed();
        if self.poisoned.fetch_or(failed, Ordering::SeqCst) || failed {
            for job in jobs {
                job(None).0(&Err(Failed::Poisoned));
            }
        } else {
            let (answers, committed) = commit_kept(&connection, jobs, kept, self.crash);
            let failed = matches!(committed, Err(Failed::Unknown(_) | Failed::Poisoned));
            self.poisoned.fetch_or(failed, Ordering::SeqCst);
            for answer in answers {
                answer(&committed);
            }
        }
        turn.wake();
        // After the answers: the commit is durable without it.
        let in_log = self.in_log.load(Ordering::Relaxed);
        if !self.poisoned.load(Ordering::SeqCst) && !self.folder.after_commit(&connection, in_log) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        drop(connection);
        drop(turn);
    }
}

/// A leader's turn. It ends by giving the lead to the oldest of those who wait, also when the leader panics: then nothing more is
/// written, and nobody waits for ever.
struct Turn<'a> {
    committer: &'a Committer,
    /// Those of the group who sleep.
    seats: Vec<Arc<Seat>>,
}

impl Turn<'_> {
    fn wake(&mut self) {
        for seat in self.seats.drain(..) {
            seat.thread.unpark();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.committer.poisoned.store(true, Ordering::SeqCst);
        }
        self.wake();
        let mut queue = locked(&self.committer.queue);
        match queue.waiting.front() {
            None => queue.led = false,
            Some(next) => {
                next.seat.lead.store(true, Ordering::Release);
                next.seat.thread.unpark();
            }
        }
    }
}

/// A panic in one job has poisoned the store, not its locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn job<T: Send + 'static>(
    event: impl FnOnce(&Connection) -> Result<T, MissionError> + Send + 'static,
    tell: impl FnOnce(Result<T, MissionError>) + Send + 'static,
) -> Job {
    Box::new(move |connection| {
        // A job that panics is not the fault of whoever happens to lead: he has his own thread to go on with.
        let done = connection.map(|c| {
            catch_unwind(AssertUnwindSafe(|| in_savepoint(c, event)))
                .unwrap_or(Err(MissionError::Poisoned))
        });
        let failed = match &done {
            Some(Err(MissionError::Poisoned)) => Some(Failed::Poisoned),
            Some(Err(MissionError::DiskFull)) => Some(Failed::DiskFull),
            Some(Err(MissionError::Engine(e))) => disk_failed(&e.0),
            Some(Ok(_) | Err(_)) | None => None,
        };
        let disk = matches!(failed, Some(Failed::Unknown(_)));
        let answer = Box::new(move |committed: &Result<(), Failed>| {
            tell(match (done, committed) {
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
            });
        });
        (answer, failed)
    })
}

/// One commit for all. A group of which nothing has to be kept at once does not wait for the disk.
fn commit_kept(
    connection: &Connection,
    group: Vec<Job>,
    kept: Kept,
    crash: CrashPoint,
) -> (Vec<Answer>, Result<(), Failed>) {
    let eased = kept == Kept::Soon && run(connection, "PRAGMA synchronous = NORMAL").is_ok();
    let (answers, committed) = commit_group(connection, group, crash);
    if !eased {
        return (answers, committed);
    }
    match run(connection, "PRAGMA synchronous = FULL") {
        Ok(()) => (answers, committed),
        // What comes next would not be kept: nothing comes next.
        Err(e) => (answers, committed.and(Err(Failed::Unknown(e.to_string())))),
    }
}

fn commit_group(
    connection: &Connection,
    group: Vec<Job>,
    crash: CrashPoint,
) -> (Vec<Answer>, Result<(), Failed>) {
    if let Err(e) = run(connection, "BEGIN IMMEDIATE") {
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
        if matches!(failed, Some(Failed::Unknown(_) | Failed::Poisoned)) {
            // The disk fails, or a job has panicked half-way: nothing of the group is committed.
            let _nothing_left = run(connection, "ROLLBACK");
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
    let committed = match run(connection, "COMMIT") {
        Ok(()) => Ok(()),
        Err(e) => {
            let _rolled_back = run(connection, "ROLLBACK");
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
    run(connection, "SAVEPOINT job")?;
    let done = event(connection);
    if connection.is_autocommit() {
        // The disk failed and the whole transaction is rolled back already.
        return done;
    }
    let undone = match done {
        Ok(_) => Ok(()),
        Err(_) => run(connection, "ROLLBACK TO job"),
    };
    match undone.and_then(|()| run(connection, "RELEASE job")) {
        Ok(()) => done,
        Err(e) => {
            // Part of it may still be there: none of the group may be committed with it. The first error says most.
            let _nothing_left = run(connection, "ROLLBACK");
            done.and(Err(e.into()))
        }
    }
}

/// Without parsing it anew.
fn run(connection: &Connection, statement: &str) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(statement)?
        .execute([])
        .map(|_| ())
}

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

#[cfg(test)]
mod tests;
