//! Errands to the outside that take their time: one to each receiver at a time, each on a thread of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The receivers that somebody is on the way to.
#[derive(Debug, Default)]
pub(crate) struct Couriers(Arc<Mutex<BTreeSet<String>>>);

/// One errand. It ends with the value, also when its thread panics.
#[derive(Debug)]
pub(crate) struct Errand {
    to: String,
    all: Arc<Mutex<BTreeSet<String>>>,
}

impl Couriers {
    /// Begins an errand; none where one is under way.
    pub(crate) fn take(&self, to: &str) -> Option<Errand> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(to.to_owned()).then(|| Errand {
            to: to.to_owned(),
            all: Arc::clone(&self.0),
        })
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.to);
    }
}
