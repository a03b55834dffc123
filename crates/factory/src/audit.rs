//! The signed ends of the log of what happened: one line an hour in the home, and the same line where a person keeps copies.
//!
//! Whoever can write the home can write its log and its heads anew, but not what was copied away from it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use alai_gate::evidence::head::{self, Head};
use alai_gate::evidence::{GateKey, PinnedKey, key};
use alai_mission::{LogFault, LogMark, MissionError, Reader};
use serde::Serialize;

use crate::beat::Factory;
use crate::home::Home;

/// Between two heads, in milliseconds: what can be cut off a log unseen is at most what happened since the last copied one.
const PAUSE_MS: i64 = 60 * 60 * 1000;

/// Bytes from the end of a file of heads in which the last line is looked for; a line has about 500.
const LINE_BYTES_MAX: u64 = 4096;

/// Bytes of a file of heads that is read: a head an hour for over ten years.
const HEADS_BYTES_MAX: u64 = 64 << 20;

/// Why a head was not written.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error(transparent)]
    Mission(#[from] MissionError),
    #[error(transparent)]
    Key(#[from] key::KeyError),
    #[error("the signed end of the log could not be added to {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Signs the log as it ends now, as one line.
///
/// # Errors
/// The store or the key cannot be read. A key is not made here: a home has one.
pub fn head_now(home: &Home, reader: &Reader, now_ms: i64) -> Result<String, HeadError> {
    let key = key::load_or_create(&home.gate_key())?;
    Ok(signed(&reader.log_end()?, &key, now_ms))
}

fn signed(end: &LogMark, key: &GateKey, now_ms: i64) -> String {
    let head = Head {
        events: end.seq,
        link: end.link.clone(),
        at_ms: now_ms,
    };
    head::sign(&head, key)
}

/// Writes a head when something happened since the last one and that one is an hour old.
pub(crate) fn look(factory: &Factory, now_ms: i64) {
    let last = factory.audited_ms.load(Ordering::Relaxed);
    if (0..PAUSE_MS).contains(&(now_ms - last)) {
        return;
    }
    factory.audited_ms.store(now_ms, Ordering::Relaxed);
    note(factory, now_ms, PAUSE_MS);
}

/// Writes a head when something happened since the last one: the process goes down.
pub(crate) fn at_end(factory: &Factory) {
    note(factory, factory.now_ms(), 0);
}

fn note(factory: &Factory, now_ms: i64, pause_ms: i64) {
    if let Err(e) = write(factory, now_ms, pause_ms) {
        tracing::warn!("{e}; `alai evidence head` signs it by hand");
    }
}

fn write(factory: &Factory, now_ms: i64, pause_ms: i64) -> Result<(), HeadError> {
    let home = factory.home();
    let end = factory.mission().log_end()?;
    let key = key::load_or_create(&home.gate_key())?;
    let heads = home.heads();
    let last = last_line(&heads).and_then(|line| head::open(&line, &key.public()).ok());
    // A clock that was set back makes none wait.
    let fresh = |head: &Head| (0..pause_ms).contains(&(now_ms - head.at_ms));
    if end.seq == 0 || last.is_some_and(|head| head.events == end.seq || fresh(&head)) {
        return Ok(());
    }
    let line = signed(&end, &key, now_ms);
    append(&heads, &line)?;
    match factory.config().log_copy.as_deref() {
        Some(copy) => append(copy, &line),
        None => Ok(()),
    }
}

/// Not waited for: a head that a loss of power takes is followed by one that covers more.
fn append(path: &Path, line: &str) -> Result<(), HeadError> {
    let io = |source| HeadError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    // One write: what another process adds at the same time stands before or behind it.
    file.write_all(format!("{line}\n").as_bytes()).map_err(io)
}

fn last_line(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_BYTES_MAX)))
        .ok()?;
    let mut text = String::new();
    file.take(LINE_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.lines().next_back().map(str::to_owned)
}

/// Puts the home's heads aside: the log that they are of is another one now. Answers with where they are.
///
/// # Errors
/// They cannot be moved.
pub fn put_heads_aside(home: &Home, now_ms: i64) -> std::io::Result<Option<PathBuf>> {
    let (heads, aside) = (
        home.heads(),
        home.root().join(format!("heads-before-{now_ms}.jsonl")),
    );
    match std::fs::rename(heads, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// What was found of the log, by itself and against its heads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Events there are.
    pub events: i64,
    /// The last one's link.
    pub link: String,
    /// Heads that were signed by the key and held against the log.
    pub heads: usize,
    pub faults: Vec<String>,
}

/// Reads the log and holds it against the heads in these files. What cannot be read is a fault: it may have been taken away.
///
/// # Errors
/// The store cannot be read.
pub fn audit(
    reader: &Reader,
    files: &[PathBuf],
    pinned: &PinnedKey,
) -> Result<Audited, MissionError> {
    let mut faults = Vec::new();
    let mut heads = Vec::new();
    for path in files {
        match read(path) {
            Ok(text) => {
                for (number, line) in (1..).zip(text.lines()) {
                    let place = format!("{} line {number}", path.display());
                    match head::open(line, pinned) {
                        Ok(head) => heads.push((place, head)),
                        Err(why) => faults.push(format!("{place} is no head of this log: {why}")),
                    }
                }
            }
            Err(e) => faults.push(format!("{} cannot be read: {e}", path.display())),
        }
    }
    let asked: Vec<i64> = heads.iter().map(|(_, head)| head.events).collect();
    let log = reader.log(&asked)?;
    faults.extend(log.faults.iter().map(LogFault::to_string));
    for ((place, head), mark) in heads.iter().zip(&log.marks) {
        faults.extend(against(place, head, mark.as_ref(), &log.end));
    }
    Ok(Audited {
        events: log.end.seq,
        link: log.end.link,
        heads: heads.len(),
        faults,
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    let file = File::open(path)?;
    let mut text = String::new();
    let read = file.take(HEADS_BYTES_MAX + 1).read_to_string(&mut text)?;
    match read as u64 > HEADS_BYTES_MAX {
        true => Err(std::io::Error::other("it is larger than 64 MiB")),
        false => Ok(text),
    }
}

fn against(place: &str, head: &Head, mark: Option<&LogMark>, end: &LogMark) -> Option<String> {
    match mark {
        Some(mark) if mark.link == head.link => None,
        Some(_) => Some(format!(
            "{place} has another link for event {}: the log was written anew up to there or before",
            head.events
        )),
        None if head.events > end.seq => Some(format!(
            "{place} covers {} events and the log ends at {}: its end was cut off",
            head.events, end.seq
        )),
        None => Some(format!(
            "{place} ends at event {}, which is missing",
            head.events
        )),
    }
}
