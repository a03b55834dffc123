//! Removing clones beside the work: a build leaves thousands of files, and nobody has to wait for their end.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Clones that may wait for their removal, each with all that a build left in it. The next one is removed by whoever gives it, so
/// that a disk never fills faster than it is emptied.
const WAITING_MAX: usize = 4;

/// Removes folders on a thread of its own, one after the other. When it is dropped everything that was given to it is gone;
/// what a kill leaves is found by the sweep of whoever owns the folders, as it always was.
#[derive(Debug, Default)]
pub struct Remover {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<PathBuf>,
    removing: bool,
    closed: bool,
}

impl Remover {
    /// Has a folder removed soon. Its name must not be used again.
    pub fn remove(&self, folder: PathBuf) {
        let mut queue = self.shared.lock();
        if queue.waiting.len() < WAITING_MAX && self.runs() {
            queue.waiting.push_back(folder);
            drop(queue);
            self.shared.changed.notify_all();
            return;
        }
        drop(queue);
        remove(folder);
    }

    /// Waits until everything that was given is gone.
    pub fn finish(&self) {
        let mut queue = self.shared.lock();
        while queue.removing || !queue.waiting.is_empty() {
            queue = wait(&self.shared.changed, queue);
        }
    }

    /// Whether there is a thread, which the first folder starts.
    fn runs(&self) -> bool {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let made = std::thread::Builder::new().name("remover".into());
            *thread = made.spawn(move || shared.work()).ok();
        }
        thread.is_some()
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic in there has been printed; the sweep finds what is left.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut queue = self.lock();
            let folder = loop {
                if let Some(folder) = queue.waiting.pop_front() {
                    break folder;
                }
                if queue.closed {
                    return;
                }
                queue = wait(&self.changed, queue);
            };
            queue.removing = true;
            drop(queue);
            remove(folder);
            self.lock().removing = false;
            self.changed.notify_all();
        }
    }
}

fn wait<'a>(changed: &Condvar, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
    changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
}

fn remove(folder: PathBuf) {
    if let Err(e) = super::remove(&folder) {
        tracing::warn!("cannot remove {}: {e}", folder.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_may_wait_is_gone_when_it_is_dropped() {
        let dir = tempfile::tempdir().expect("a folder");
        let remover = Remover::default();
        let folders: Vec<PathBuf> = (0..3 * WAITING_MAX)
            .map(|n| dir.path().join(n.to_string()))
            .collect();
        for folder in &folders {
            std::fs::create_dir_all(folder.join("a/b")).expect("made");
            std::fs::write(folder.join("a/b/c"), "x").expect("written");
            remover.remove(folder.clone());
        }
        remover.remove(dir.path().join("never made"));
        remover.finish();
        assert!(folders.iter().all(|folder| !folder.exists()));
        std::fs::create_dir(&folders[0]).expect("made");
        remover.remove(folders[0].clone());
        drop(remover);
        assert!(!folders[0].exists());
    }
}
