//! Reading: connections that cannot write, lent one at a time. Works beside a running daemon (WAL).

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::Connection;

use crate::error::MissionError;
use crate::{schema, writer};

/// The store, open for reading.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// Connections kept open between reads; each costs about 100 KB, and to open one takes longer than most reads.
const IDLE_MAX: usize = 16;

impl Reader {
    /// The folder that the store lies in.
    pub fn home(&self) -> &Path {
        self.path.parent().expect("the store is a file in a folder")
    }

    /// Opens `mission.db` of `home`. Fails when there is none: only a writer creates it.
    pub fn open(home: &Path) -> Result<Reader, MissionError> {
        let path = writer::db_path(home);
        let first = schema::open_reader(&path)?;
        Ok(Reader {
            path,
            idle: Mutex::new(vec![first]),
        })
    }

    /// Reads on a connection of its own. SQLite's full-text index keeps what it knows of its segments between two checks of its
    /// soundness, and takes what others wrote in between for damage (3.54.1; a search looks anew, `integrity_check` does not).
    pub(crate) fn read_afresh<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, MissionError>,
    ) -> Result<T, MissionError> {
        query(&schema::open_reader(&self.path)?)
    }

    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, MissionError>,
    ) -> Result<T, MissionError> {
        let lent = self.idle.lock().map_or(None, |mut idle| idle.pop());
        let connection = match lent {
            Some(connection) => connection,
            None => schema::open_reader(&self.path)?,
        };
        let answer = query(&connection);
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE_MAX
        {
            idle.push(connection);
        }
        answer
    }
}
