//! How much room a file system has left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crate::files::FileError;
use crate::sys;

/// What users without privileges may still take of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    pub bytes: u64,
    pub files: u64,
    /// Files that it can hold in all; 0 where it makes room for them as they come.
    pub files_all: u64,
}

/// Asks the file system on which `path` lies.
///
/// # Errors
/// When there is no such path, or its file system does not answer.
pub fn on(path: &Path) -> Result<Free, FileError> {
    let fail = FileError::on("ask for the free space of", path);
    let (bytes, files, files_all) = sys::left_on(path).map_err(fail)?;
    Ok(Free {
        bytes,
        files,
        files_all,
    })
}

type Answer = Result<Free, FileError>;

/// Looks at file systems that may hang, such as a network's: nothing can end a call that waits for one, so each is made on a
/// thread of its own, and no second one while the first has not come back.
#[derive(Debug, Default)]
pub struct Looks {
    /// Looks that were not back in time.
    late: Mutex<BTreeMap<PathBuf, Receiver<Answer>>>,
}

impl Looks {
    /// As [`on`], but `None` when there is no answer within that time, and at once while an earlier look still waits for one.
    ///
    /// # Errors
    /// As [`on`], and when no thread can be started.
    pub fn on(&self, path: &Path, within: Duration) -> Result<Option<Free>, FileError> {
        self.answer(path, within, on)
    }

    fn answer(
        &self,
        path: &Path,
        within: Duration,
        look: impl FnOnce(&Path) -> Answer + Send + 'static,
    ) -> Result<Option<Free>, FileError> {
        if self.is_late(path) {
            return Ok(None);
        }
        let (send, answer) = channel();
        let asked = path.to_path_buf();
        let thread = Builder::new().name("free".into()).spawn(move || {
            // Who asked may have given up.
            let _ = send.send(look(&asked));
        });
        thread.map_err(FileError::on("look beside at", path))?;
        match answer.recv_timeout(within) {
            Ok(found) => found.map(Some),
            Err(RecvTimeoutError::Timeout) => {
                let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
                late.insert(path.to_path_buf(), answer);
                Ok(None)
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    /// Whether a look is still under way. What came back late is forgotten: it is of then.
    fn is_late(&self, path: &Path) -> bool {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |look: &Receiver<Answer>| matches!(look.try_recv(), Err(TryRecvError::Empty));
        if late.get(path).is_some_and(waits) {
            return true;
        }
        late.remove(path);
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    const FREE: Free = Free {
        bytes: 1,
        files: 2,
        files_all: 3,
    };

    #[test]
    fn a_look_that_hangs_is_waited_for_once_and_never_doubled() {
        let (looks, path) = (Looks::default(), Path::new("/hung"));
        let started = Arc::new(AtomicUsize::new(0));
        let (release, hold) = channel::<()>();
        let count = Arc::clone(&started);
        let hung = looks.answer(path, Duration::from_millis(1), move |_| {
            count.fetch_add(1, SeqCst);
            let _ = hold.recv();
            Ok(FREE)
        });
        assert_eq!(hung.expect("no error"), None);
        // An hour would be waited for if it were asked again.
        let hour = Duration::from_secs(3_600);
        let count = Arc::clone(&started);
        let ask = move |_: &Path| {
            count.fetch_add(1, SeqCst);
            Ok(FREE)
        };
        for _ in 0..3 {
            let again = looks.answer(path, hour, ask.clone()).expect("no error");
            assert_eq!(again, None);
        }
        let other = looks.answer(Path::new("/other"), hour, ask.clone());
        assert_eq!(other.expect("no error"), Some(FREE), "others do not wait");
        drop(release);
        while looks.is_late(path) {
            std::thread::yield_now();
        }
        let again = looks.answer(path, hour, ask).expect("no error");
        assert_eq!(again, Some(FREE), "the disk is back");
        assert_eq!(started.load(SeqCst), 3);
    }

    #[test]
    fn a_look_says_what_the_file_system_says() {
        let dir = tempfile::tempdir().expect("a folder");
        let hour = Duration::from_secs(3_600);
        let found = Looks::default().on(dir.path(), hour).expect("looked");
        assert!(found.is_some_and(|free| free.bytes > 0));
        Looks::default()
            .on(&dir.path().join("none"), hour)
            .expect_err("there is none");
    }
}
