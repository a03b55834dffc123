//! Folding the log into the file, beside the writer. SQLite lets a checkpoint run while another connection commits, so that nobody
//! waits for its two syncs; the writer folds by himself only what is left when the log has to begin anew.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};

use crate::schema;

/// Pages in the log from which it is folded into the file: SQLite's own measure.
pub(crate) const LOG_PAGES: i32 = 1_000;
/// Pages from which it has to begin anew, 64 MiB: it can do so only when all of it is in the file, which under load nobody but the
/// writer can see to.
const LOG_PAGES_MAX: i32 = 16_000;
/// Pages that the writer folds while others wait for him: less than a millisecond beside the two syncs.
const LEFT_MAX: i32 = 250;

/// What is to be done about the log after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    Nothing,
    /// By the thread beside the writer.
    Beside,
    /// By the writer, at once.
    Here,
}

/// `folded` of the log's pages are in the file. Where folding beside cannot keep up the writer does it all the same: a log has an end.
fn decide(in_log: i32, folded: i32) -> Fold {
    let left = if folded > in_log {
        in_log
    } else {
        in_log - folded
    };
    let long = in_log >= LOG_PAGES_MAX;
    if (long && left <= LEFT_MAX) || in_log >= 2 * LOG_PAGES_MAX {
        return Fold::Here;
    }
    match long || left >= LOG_PAGES {
        true => Fold::Beside,
        false => Fold::Nothing,
    }
}

/// The thread that folds. It begins when it is needed first, so that a command that writes one row starts none.
#[derive(Debug)]
pub(crate) struct Folder {
    path: Option<PathBuf>,
    shared: Arc<Shared>,
    thread: Mutex<Thread>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Pages of the log that are in the file, as far as the last fold said.
    folded: AtomicI32,
    /// The disk failed: what it holds is not known any more.
    failed: AtomicBool,
}

#[derive(Debug)]
enum Thread {
    None,
    Some(SyncSender<()>, JoinHandle<()>),
    /// It could not be started, or there will be nothing more to fold.
    Never,
}

impl Folder {
    /// Without a path the writer folds by himself.
    pub(crate) fn new(path: Option<&Path>) -> Folder {
        Folder {
            path: path.map(Path::to_owned),
            shared: Arc::default(),
            thread: Mutex::new(Thread::None),
        }
    }

    /// Called by the writer after a commit that left so many pages in the log. False when the disk has failed.
    pub(crate) fn after_commit(&self, connection: &Connection, in_log: i32) -> bool {
        let folded = self.shared.folded.load(Ordering::Relaxed);
        let is_here = match decide(in_log, folded) {
            Fold::Nothing => false,
            Fold::Beside => !self.ask(),
            Fold::Here => true,
        };
        if is_here {
            self.shared.fold(connection);
        }
        !self.shared.failed.load(Ordering::SeqCst)
    }

    /// Whether the disk failed under a fold.
    pub(crate) fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// Waits for a fold that is at work, and lets none begin.
    pub(crate) fn end(&self) {
        let thread = std::mem::replace(&mut *self.thread(), Thread::Never);
        if let Thread::Some(ask, thread) = thread {
            drop(ask);
            let _panicked_on_its_own = thread.join();
        }
    }

    fn thread(&self) -> MutexGuard<'_, Thread> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False where there is no such thread. One that folds already hears of it after the next commit.
    fn ask(&self) -> bool {
        let mut thread = self.thread();
        if matches!(*thread, Thread::None) {
            *thread = self.begin().unwrap_or(Thread::Never);
        }
        match &*thread {
            Thread::Some(ask, thread) => {
                let _at_work = ask.try_send(());
                !thread.is_finished()
            }
            Thread::None | Thread::Never => false,
        }
    }

    fn begin(&self) -> Option<Thread> {
        let connection = schema::open_folder(self.path.as_deref()?).ok()?;
        let shared = Arc::clone(&self.shared);
        // Nothing is kept for later: who asks while it works is not waited for.
        let (ask, asked) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("fold".to_owned())
            .spawn(move || shared.fold_when_asked(&connection, &asked))
            .ok()?;
        Some(Thread::Some(ask, thread))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn fold_when_asked(&self, connection: &Connection, asked: &Receiver<()>) {
        while asked.recv().is_ok() && !self.failed.load(Ordering::SeqCst) {
            self.fold(connection);
        }
    }

    /// As far as readers let it.
    fn fold(&self, connection: &Connection) {
        let folded = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| {
            Ok((r.get::<_, bool>(0)?, r.get::<_, i32>(2)?))
        });
        match folded {
            Ok((false, pages)) => self.folded.store(pages, Ordering::Relaxed),
            // Another fold is at work.
            Ok((true, _)) => {}
            // The log stays as it is and is folded when there is room; a program that reads the file may be in the way.
            Err(e) => {
                let harmless = matches!(
                    e.sqlite_error_code(),
                    Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                );
                self.failed.fetch_or(!harmless, Ordering::SeqCst);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_folds_only_what_is_left_of_a_long_log() {
        for (in_log, folded, what) in [
            (999, 0, Fold::Nothing),
            (1_000, 0, Fold::Beside),
            (1_900, 1_000, Fold::Nothing),
            (2_000, 1_000, Fold::Beside),
            // The log has begun anew since.
            (10, 15_990, Fold::Nothing),
            (1_000, 15_990, Fold::Beside),
            (16_000, 15_749, Fold::Beside),
            (16_000, 15_750, Fold::Here),
            (31_999, 0, Fold::Beside),
            (32_000, 0, Fold::Here),
        ] {
            assert_eq!(decide(in_log, folded), what, "{in_log}, {folded} folded");
        }
    }

    /// A store whose log nobody folds unasked.
    fn store(folder: &Path) -> (Connection, PathBuf) {
        let path = folder.join("mission.db");
        let connection = schema::open_writer(&path).unwrap();
        connection
            .execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE page (n, text)")
            .unwrap();
        (connection, path)
    }

    fn fill(connection: &Connection, pages: i32) {
        let insert = "INSERT INTO page VALUES (?, zeroblob(4000))";
        let begun = connection.unchecked_transaction().unwrap();
        for n in 0..pages {
            connection.execute(insert, [n]).unwrap();
        }
        begun.commit().unwrap();
    }

    #[test]
    fn a_log_is_folded_by_the_thread_and_again_by_the_writer_when_it_has_ended() {
        let home = tempfile::tempdir().unwrap();
        let (connection, path) = store(home.path());
        let folder = Folder::new(Some(&path));
        fill(&connection, LOG_PAGES);
        let size = || std::fs::metadata(&path).unwrap().len();
        let before = size();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        // The thread may not listen yet when it is asked first.
        while folder.shared.folded.load(Ordering::Relaxed) == 0 {
            assert!(folder.after_commit(&connection, LOG_PAGES));
            assert!(std::time::Instant::now() < deadline, "nothing was folded");
            std::thread::yield_now();
        }
        assert!(matches!(*folder.thread(), Thread::Some(..)));
        folder.end();
        let folded = size();
        assert!(folded > before + 3_000 * LOG_PAGES as u64, "{folded}");
        fill(&connection, LOG_PAGES);
        folder.shared.folded.store(0, Ordering::Relaxed);
        assert!(folder.after_commit(&connection, LOG_PAGES));
        assert!(size() > folded + 3_000 * LOG_PAGES as u64, "by the writer");
    }
}
