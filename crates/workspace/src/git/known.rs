//! What has been read of a repository's objects already. Only what a full object name fixes is kept, so nothing here can ever
//! be out of date.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use super::{Oid, TreeEntry};

/// A base, a head and what came between them; a gate looks at no more commits at a time.
const COMMITS_MAX: usize = 4;

/// Files of a listing that is kept: about 10 MB of memory. Larger ones are read again.
const FILES_MAX: usize = 50_000;

type Listing = Arc<Vec<TreeEntry>>;

/// The newest listings, the oldest first.
#[derive(Default)]
pub(super) struct Known(Mutex<VecDeque<(Oid, Listing)>>);

impl Known {
    pub(super) fn get(&self, commit: &Oid) -> Option<Listing> {
        let listings = self.0.lock().ok()?;
        let found = listings.iter().find(|(known, _)| known == commit);
        found.map(|(_, listing)| Arc::clone(listing))
    }

    pub(super) fn keep(&self, commit: &Oid, listing: &Listing) {
        if listing.len() > FILES_MAX {
            return;
        }
        let Ok(mut listings) = self.0.lock() else {
            return;
        };
        if listings.len() >= COMMITS_MAX {
            listings.pop_front();
        }
        listings.push_back((commit.clone(), Arc::clone(listing)));
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.lock().map_or(0, |listings| listings.len());
        write!(f, "Known({count} commits)")
    }
}
