//! Opening the file: checks that must hold before the first statement, and the migrations.

use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::error::MissionError;

const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001.sql")];

/// What this build writes into `user_version`.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// SQLite before 3.51.3 can corrupt a WAL with two connections (its changelog of 2026-03-13).
const SQLITE_MIN: i32 = 3_051_003;

/// How long a reader waits for a checkpoint. The writer never waits: it is alone.
const BUSY_MS: u64 = 5_000;

/// Opens for writing, creates and migrates. The caller holds the home's lock.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, MissionError> {
    check_sqlite()?;
    create_private(path)?;
    check_permissions(path)?;
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_version(&connection, path)?;
    pragmas(&connection)?;
    migrate(&connection)?;
    Ok(connection)
}

/// Opens for reading. Never creates anything.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, MissionError> {
    check_sqlite()?;
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 0;")?;
    check_version(&connection, path)?;
    Ok(connection)
}

fn check_sqlite() -> Result<(), MissionError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(MissionError::OldSqlite {
            found: rusqlite::version().to_owned(),
        });
    }
    Ok(())
}

fn create_private(path: &Path) -> Result<(), MissionError> {
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(MissionError::Io {
            doing: "create",
            path: path.to_owned(),
            source,
        }),
    }
}

fn check_permissions(path: &Path) -> Result<(), MissionError> {
    let meta = fs::metadata(path).map_err(|source| MissionError::Io {
        doing: "look at",
        path: path.to_owned(),
        source,
    })?;
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MissionError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn check_version(connection: &Connection, path: &Path) -> Result<(), MissionError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    if found > SCHEMA_VERSION {
        return Err(MissionError::NewerSchema {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(())
}

/// FULL: an acknowledged claim must survive a power cut. `fullfsync` is what flushes a drive's cache on macOS. No mmap: it
/// made the field corruption of 2026 worse.
fn pragmas(connection: &Connection) -> Result<(), MissionError> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1;
         PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF;",
    )?;
    Ok(())
}

fn migrate(connection: &Connection) -> Result<(), MissionError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    for (number, sql) in (1..)
        .zip(MIGRATIONS)
        .skip(usize::try_from(found).unwrap_or(0))
    {
        let batch = format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {number}; COMMIT;");
        if let Err(e) = connection.execute_batch(&batch) {
            // Nothing half-made stays; the first error is the one worth reading.
            let _rolled_back = connection.execute_batch("ROLLBACK");
            return Err(e.into());
        }
    }
    Ok(())
}
