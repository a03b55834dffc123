//! The store: a map in memory, and the file that it can be rebuilt from.

use crate::record::{decode, encode, Record};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

#[derive(Debug, Default)]
pub struct Store {
    entries: BTreeMap<String, String>,
    /// `None` for a store that lives in memory alone.
    log: Option<File>,
}

impl Store {
    /// Opens the file, or makes it. A line that cannot be read is the end of what a crash left whole.
    pub fn open(path: &Path) -> io::Result<Store> {
        let log = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)?;
        let mut entries = BTreeMap::new();
        let mut whole = 0;
        let mut reader = BufReader::new(&log);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            let Some(record) = line.strip_suffix('\n').and_then(decode) else {
                break;
            };
            whole += line.len() as u64;
            match record {
                Record::Set { key, value } => entries.insert(key, value),
                Record::Delete { key } => entries.remove(&key),
            };
            line.clear();
        }
        log.set_len(whole)?;
        Ok(Store {
            entries,
            log: Some(log),
        })
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    pub fn set(&mut self, key: &str, value: &str) -> io::Result<()> {
        self.append(&Record::Set {
            key: key.to_owned(),
            value: value.to_owned(),
        })?;
        self.entries.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Tells whether the key was there.
    pub fn delete(&mut self, key: &str) -> io::Result<bool> {
        if !self.entries.contains_key(key) {
            return Ok(false);
        }
        self.append(&Record::Delete {
            key: key.to_owned(),
        })?;
        Ok(self.entries.remove(key).is_some())
    }

    pub fn count(&self) -> usize {
        self.entries.len()
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        let mut line = encode(record);
        line.push('\n');
        log.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_memory_keeps_and_forgets() {
        let mut store = Store::default();
        store.set("a", "1").unwrap();
        store.set("a", "2").unwrap();
        assert_eq!(store.get("a"), Some("2"));
        assert!(store.delete("a").unwrap());
        assert!(!store.delete("a").unwrap());
        assert_eq!(store.count(), 0);
    }
}
