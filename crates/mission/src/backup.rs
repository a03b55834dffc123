//! A copy of the store while it is written, and the way back.
//!
//! Absences: the database file is never copied as a file; a restore never overwrites what was there before it, and there is no
//! moment of it at which a crash leaves no database.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::fsck;
use crate::reader::Reader;
use crate::{schema, writer};

/// Pages copied at a time: all. One read transaction holds the moment, and the writer does not wait for it (WAL).
const ALL_PAGES: i32 = -1;

/// Before the copy is asked for again when a checkpoint holds the file.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

impl Reader {
    /// Writes one consistent moment of the store to `to`, which must not exist, and checks the copy. Works while a daemon
    /// writes.
    pub fn backup(&self, to: &Path) -> Result<(), MissionError> {
        let building = beside(to, "part");
        let made = self
            .read(|source| copy(source, &building))
            .and_then(|()| check(&building))
            // A link, unlike a renaming, does not replace what somebody else has put there meanwhile.
            .and_then(|()| fs::hard_link(&building, to).map_err(io("make", to)))
            .and_then(|()| sync_folder(to));
        let cleared = fs::remove_file(&building);
        made.and(cleared.map_err(io("remove", &building)))
    }
}

/// Replaces the store of `home` by a backup. Answers with the file that now holds what was there before, if there was something.
///
/// Everything that ran when the backup was made is over: runs that it calls live are ended at the next start, and no worker of
/// the time after it is known any more.
pub fn restore(home: &Path, from: &Path, now_ms: i64) -> Result<Option<PathBuf>, MissionError> {
    let _lock = writer::take_lock(home)?;
    let path = writer::db_path(home);
    let building = beside(&path, "restoring");
    remove_old(&building)?;
    let source = open_only(from)?;
    copy(&source, &building)?;
    drop(source);
    // An older schema is brought up to ours in the copy; only then can it be checked.
    mark(&building, from, now_ms)?;
    check(&building)?;
    let kept = path
        .exists()
        .then(|| beside(&path, &format!("before-{now_ms}")));
    if let Some(kept) = &kept {
        // What the log still holds goes into the file; then the file alone is the store.
        let old = schema::open_writer(&path)?;
        old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        drop(old);
        fs::hard_link(&path, kept).map_err(io("keep", kept))?;
    }
    fs::rename(&building, &path).map_err(io("replace", &path))?;
    sync_folder(&path)?;
    Ok(kept)
}

fn copy(source: &Connection, to: &Path) -> Result<(), MissionError> {
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(io("make", to))?;
    drop(made);
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    target.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = 1;")?;
    let backup = Backup::new(source, &mut target)?;
    while !matches!(backup.step(ALL_PAGES)?, StepResult::Done) {
        std::thread::sleep(BUSY_PAUSE);
    }
    drop(backup);
    // A copy is one file: no log beside it that somebody could forget.
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    drop(target);
    let file = fs::File::open(to).map_err(io("open", to))?;
    file.sync_all().map_err(io("write", to))
}

/// Refuses a copy that is not a sound store of ours.
fn check(path: &Path) -> Result<(), MissionError> {
    let faults = fsck::check(&open_only(path)?)?;
    match faults.first() {
        None => Ok(()),
        Some(fault) => Err(MissionError::NotABackup {
            path: path.to_owned(),
            why: format!("{}: {}", fault.invariant, fault.rows.join("; ")),
        }),
    }
}

/// A file that is no database, or not ours, is refused by its first statement.
fn open_only(path: &Path) -> Result<Connection, MissionError> {
    let not_ours = |why: String| MissionError::NotABackup {
        path: path.to_owned(),
        why,
    };
    fs::metadata(path).map_err(io("read", path))?;
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check_version(&connection, path).map_err(|error| {
        if let MissionError::Engine(e) = &error {
            return not_ours(e.to_string());
        }
        error
    })?;
    let ours = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('task', 'event')",
        [],
        |r| r.get::<_, i64>(0),
    );
    match ours {
        Ok(2) => Ok(connection),
        Ok(_) => Err(not_ours("it has no tasks".into())),
        Err(e) => Err(not_ours(e.to_string())),
    }
}

fn mark(path: &Path, from: &Path, now_ms: i64) -> Result<(), MissionError> {
    let connection = schema::open_writer(path)?;
    let stamp = Stamp {
        actor: "operator".into(),
        run: None,
        now_ms,
    };
    connection.execute(
        "INSERT INTO fact (key, value) VALUES ('restored_ms', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
        params![now_ms.to_string()],
    )?;
    happened(
        &connection,
        None,
        "restored",
        &format!("from {}", from.display()),
        &stamp,
    )?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn remove_old(path: &Path) -> Result<(), MissionError> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(io("remove", Path::new(&name))(e)),
        }
    }
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn sync_folder(path: &Path) -> Result<(), MissionError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io("write", folder))
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> MissionError {
    let path = path.to_owned();
    move |source| MissionError::Io {
        doing,
        path,
        source,
    }
}
