//! A cache whose entries have a time to live.

use std::collections::HashMap;
use std::time::Duration;

/// Keeps texts under names for a while.
pub struct Cache {
    ttl: Duration,
    entries: HashMap<String, String>,
}

impl Cache {
    /// A cache whose entries live for `ttl`.
    pub fn new(ttl: Duration) -> Cache {
        Cache { ttl, entries: HashMap::new() }
    }

    /// How long an entry lives.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    pub fn put(&mut self, name: &str, text: &str) {
        self.entries.insert(name.to_string(), text.to_string());
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(String::as_str)
    }
}
