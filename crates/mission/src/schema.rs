//! Opening the file: checks that must hold before the first statement, and the migrations.

use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::audit;
use crate::error::MissionError;

const MIGRATIONS: [&str; 16] = [
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
    include_str!("../migrations/0005.sql"),
    include_str!("../migrations/0006.sql"),
    include_str!("../migrations/0007.sql"),
    include_str!("../migrations/0008.sql"),
    include_str!("../migrations/0009.sql"),
    include_str!("../migrations/0010.sql"),
    include_str!("../migrations/0011.sql"),
    include_str!("../migrations/0012.sql"),
    include_str!("../migrations/0013.sql"),
    include_str!("../migrations/0014.sql"),
    include_str!("../migrations/0015.sql"),
    include_str!("../migrations/0016.sql"),
];

/// The one that links each event to the one before it, which is beyond SQL.
const LINKS: i64 = 10;

/// What this build writes into `user_version`.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// SQLite before 3.51.3 can corrupt a WAL with two connections (its changelog of 2026-03-13).
const SQLITE_MIN: i32 = 3_051_003;

/// Statements kept prepared: more than the store has kinds of them, so that none is parsed twice.
const STATEMENTS: usize = 256;

/// A connection is used by one thread at a time, which its type holds: SQLite need not lock each call.
const ONE_AT_A_TIME: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX;

/// How long a reader waits for a checkpoint. The writer never waits: it is alone.
const BUSY_MS: u64 = 5_000;

/// Opens for writing, creates and migrates. The caller holds the home's lock.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, MissionError> {
    check_sqlite()?;
    create_private(path)?;
    check_permissions(path)?;
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | ONE_AT_A_TIME)?;
    check_version(&connection, path)?;
    pragmas(&connection)?;
    migrate(&connection, path)?;
    connection.execute_batch("PRAGMA foreign_keys = ON")?;
    prepare_once(&connection)?;
    Ok(connection)
}

/// Opens the file of a writer that is open, to fold its log beside it. Nothing else is done with it.
pub(crate) fn open_folder(path: &Path) -> Result<Connection, MissionError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | ONE_AT_A_TIME)?;
    pragmas(&connection)?;
    Ok(connection)
}

/// Opens for reading. Never creates anything.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, MissionError> {
    check_sqlite()?;
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | ONE_AT_A_TIME)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 0;")?;
    check_version(&connection, path)?;
    prepare_once(&connection)?;
    Ok(connection)
}

/// Keeps each statement prepared, with one plan: otherwise SQLite plans it anew for each value that might be the one that a partial
/// index is made for.
fn prepare_once(connection: &Connection) -> Result<(), MissionError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
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

pub(crate) fn check_version(connection: &Connection, path: &Path) -> Result<(), MissionError> {
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
/// made the field corruption of 2026 worse. What a savepoint may have to undo is kept in memory, not in a file.
fn pragmas(connection: &Connection) -> Result<(), MissionError> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1;
         PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;",
    )?;
    Ok(())
}

/// Without foreign keys, so that a table can be made anew under its own name; what they would have refused is looked for before
/// each commit.
fn migrate(connection: &Connection, path: &Path) -> Result<(), MissionError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    connection.execute_batch("PRAGMA foreign_keys = OFF")?;
    for (number, sql) in (1..)
        .zip(MIGRATIONS)
        .skip(usize::try_from(found).unwrap_or(0))
    {
        if let Err(e) = migrate_one(connection, number, sql, path) {
            // Nothing half-made stays; the first error is the one worth reading.
            let _rolled_back = connection.execute_batch("ROLLBACK");
            return Err(e);
        }
    }
    Ok(())
}

fn migrate_one(
    connection: &Connection,
    number: i64,
    sql: &str,
    path: &Path,
) -> Result<(), MissionError> {
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql}"))?;
    if number == LINKS {
        audit::fill(connection)?;
    }
    let lost: i64 =
        connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| {
            r.get(0)
        })?;
    if lost > 0 {
        return Err(MissionError::Migration {
            path: path.to_owned(),
            number,
            why: format!("{lost} row(s) would point nowhere"),
        });
    }
    connection.execute_batch(&format!("PRAGMA user_version = {number}; COMMIT;"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::OptionalExtension;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::fsck;
    use crate::reader::Reader;

    /// A migration that was ever shipped stays as it is: a store that has it would never see the change.
    const SHIPPED: [&str; 9] = [
        "2e16a04d95b314346b4cfbdbf17fcaf4f8be1d58591362e24e7c0721a9bcf28f",
        "f95a6a47aae200d44160241c517072f116b63d6ab243585b07c2dde8096d3f27",
        "3184e38b9c39f0184ea4ad065b12bbbf4a5cc906d6f80241e32eed99acd6572b",
        "782966cb3c31e952a858483070eb7f68412704fec7f7d6436e1a58c587e631d4",
        "afb9124b151c77f099fdb419ff0e3bf66d1bda032418af1770a962a85e9faa57",
        "eedb6fee65c19902fd7d7733c42eba1d9502a53c4591b57925bb27b34f652e7d",
        "e26cad1d026d75d5f9503f4928c323517c1b2f7b921f8aabcefe8b4d834a45a6",
        "8576ac7dc1e9ed51ed59169537e85bacd1e459f57a2bbdfda894dac2204f5014",
        "9067df8fe7c694a879f5f498232ce143497a14b045e1f888af23b7428c030ed0",
    ];

    #[test]
    fn shipped_migrations_are_never_changed() {
        for (sql, hash) in MIGRATIONS.iter().zip(SHIPPED) {
            assert_eq!(hex::encode(Sha256::digest(sql.as_bytes())), hash);
        }
    }

    #[test]
    fn every_earlier_schema_comes_up_to_this_one_with_its_rows() {
        for from in 0..MIGRATIONS.len() {
            let events = from > 0;
            let home = tempfile::tempdir().expect("a folder");
            let path = home.path().join("mission.db");
            let old = Connection::open(&path).expect("a file");
            for sql in &MIGRATIONS[..from] {
                old.execute_batch(sql).expect("an earlier schema");
            }
            if from > 0 {
                old.execute_batch(
                    "INSERT INTO project (id, name, path, target_branch, settings, created_ms)
                        VALUES (1, 'p', '/p', 'main', '{}', 1);
                     INSERT INTO task (id, kind, title, description, priority, tags, project, acceptance, checks,
                        changes_tests, state, findings, created_ms, updated_ms)
                        VALUES (1, 'build', 'Count flamingos', '', 2, '[]', 1, '[]', '[]', '[]', 'open', '[]', 1, 1);
                     UPDATE task SET epoch = 1 WHERE id = 1;",
                )
                .expect("rows of that time");
                // Who holds a run is told since the third.
                let holder = match old.prepare("SELECT holder FROM run") {
                    Ok(_) => (
                        ", holder, output_ms, progress_ms, project",
                        ", 'factory', 1, 1, 1",
                    ),
                    Err(_) => ("", ""),
                };
                let run = format!(
                    "INSERT INTO run (id, task, epoch, state, worker, started_ms, beat_ms, ended_ms, outcome{})
                        VALUES ('r', 1, 1, 'failed', 'factory', 1, 1, 9, 'infrastructure: it was long ago'{});",
                    holder.0, holder.1
                );
                old.execute_batch(&run).expect("a run of that time");
                // What a call is booked on, and in which state it is, since the sixth.
                let booked = match old.prepare("SELECT state FROM ledger") {
                    Ok(_) => [
                        ", state, lineage, day, reserved_microusd, word, settled_ms",
                        ", 'settled', 1, 0, 11, 'measured', 2",
                        ", 'settled', 1, 1, 31, 'measured', 86400002",
                    ],
                    Err(_) => [""; 3],
                };
                let [columns, first, second] = booked;
                let calls = format!(
                    "INSERT INTO ledger (run, task, call, model, mode, prompt_tokens, output_tokens, cost_microusd, at_ms{columns})
                        VALUES ('r', 1, 0, 'm', 'real', 7, 5, 11, 2{first}), ('r', 1, 1, 'm', 'real', 7, 5, 31, 86400002{second});"
                );
                old.execute_batch(&calls).expect("calls of that time");
                // Since the tenth, an event comes with its link; `fill` makes those of many at once.
                let linked: Option<String> = old
                    .query_row(
                        "SELECT sql FROM sqlite_master WHERE name = 'event_linked'",
                        [],
                        |r| r.get(0),
                    )
                    .optional()
                    .expect("asked");
                if linked.is_some() {
                    old.execute_batch("DROP TRIGGER event_linked")
                        .expect("dropped");
                }
                // More than one look at them takes in.
                old.execute_batch(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
                     INSERT INTO event (task, actor, kind, detail, at_ms) SELECT 1, 'me', 'note', 'no. ' || i, i FROM n",
                )
                .expect("events of that time");
                if let Some(trigger) = linked {
                    audit::fill(&old).expect("linked");
                    old.execute_batch(&trigger).expect("put back");
                }
            }
            old.pragma_update(None, "user_version", from as i64)
                .expect("its version");
            drop(old);
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("private");
            let store = open_writer(&path).expect("opens");
            let version: i64 = store
                .query_row("PRAGMA user_version", [], |r| r.get(0))
                .expect("a version");
            assert_eq!(version, SCHEMA_VERSION, "from {from}");
            assert_eq!(fsck::check(&store).expect("fsck runs"), [], "from {from}");
            let found: i64 = store
                .query_row(
                    "SELECT count(*) FROM task_fts WHERE task_fts MATCH 'flamingo'",
                    [],
                    |r| r.get(0),
                )
                .expect("searches");
            assert_eq!(found, i64::from(from > 0), "from {from}");
            let log = Reader::open(home.path()).expect("reads").log(&[1, 2500]);
            let log = log.expect("a log");
            assert_eq!(log.faults, [], "from {from}");
            assert_eq!(log.end.seq, if events { 2500 } else { 0 });
            assert_eq!(
                log.marks.iter().flatten().count(),
                if events { 2 } else { 0 }
            );
            let spent: Option<i64> = store
                .query_row(
                    "SELECT sum(spent) FROM purse WHERE scope = 'task' AND key = 1",
                    [],
                    |r| r.get(0),
                )
                .expect("a sum");
            assert_eq!(spent, (from > 0).then_some(42), "from {from}");
        }
    }
}
