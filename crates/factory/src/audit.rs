//! The signed ends of the log of what happened: one line an hour in the home, and the same line where a person keeps copies.
//!
//! Whoever can write the home can write its log and its heads anew, but not what was copied away from it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alai_gate::evidence::head::{self, Head};
use alai_gate::evidence::{GateKey, PinnedKey, key};
use alai_mission::{LogFault, LogMark, MissionError, Reader};
use alai_workspace::files;
use serde::Serialize;

use crate::beat::Factory;
use crate::home::Home;

/// Between two heads, in milliseconds: what can be cut off a log unseen is at most what happened since the last copied one.
const PAUSE_MS: i64 = 60 * 60 * 1000;

/// How long a process that goes down waits for the copy: its disk may be another machine's, which does not answer.
const COPY_MAX: Duration = Duration::from_secs(2);

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
    #[error(
        "the log has not the event {events} that was signed as its end, or another one: nothing more is signed, `alai evidence audit` says more"
    )]
    Contradicts { events: i64 },
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
    let key = key::load_kept(&home.gate_key())?;
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
    if let Some(copied) = note(factory, factory.now_ms(), 0)
        && copied.recv_timeout(COPY_MAX).is_err()
    {
        tracing::warn!("the copy of the log's signed end was not waited for any longer");
    }
}

fn note(factory: &Factory, now_ms: i64, pause_ms: i64) -> Option<Receiver<()>> {
    match write(factory, now_ms, pause_ms) {
        Ok(line) => {
            let copy = factory.config().log_copy.clone()?;
            Some(copied(copy, line?))
        }
        Err(e) => {
            tracing::warn!("{e}");
            None
        }
    }
}

/// The line that stands last in the home's file after it: none while nothing happened.
fn write(factory: &Factory, now_ms: i64, pause_ms: i64) -> Result<Option<String>, HeadError> {
    let home = factory.home();
    let end = factory.mission().log_end()?;
    if end.seq == 0 {
        return Ok(None);
    }
    let key = key::load_kept(&home.gate_key())?;
    let heads = home.heads();
    if let Some((line, last)) = last_head(&heads, &key.public()) {
        // Whoever cut the log off, or wrote it anew, does not get our signature under it.
        if factory.mission().log_link(last.events)? != Some(last.link) {
            return Err(HeadError::Contradicts {
                events: last.events,
            });
        }
        // A clock that was set back makes none wait.
        let is_fresh = (0..pause_ms).contains(&(now_ms - last.at_ms));
        if last.events == end.seq || is_fresh {
            return Ok(Some(line));
        }
    }
    let line = signed(&end, &key, now_ms);
    append(&heads, &line)?;
    Ok(Some(line))
}

/// Brings a line to the file elsewhere, on a thread of its own: a disk that hangs holds up nobody but the next copy. What could not be
/// copied is followed by a line that covers more.
fn copied(path: PathBuf, line: String) -> Receiver<()> {
    static ONE: Mutex<()> = Mutex::new(());
    let (done, copied) = channel();
    let copy = move || {
        let _one_at_a_time = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        if last_line(&path).as_deref() != Some(&*line)
            && let Err(e) = append(&path, &line)
        {
            tracing::warn!("{e}; `alai evidence head` signs it by hand");
        }
        // Nobody may be waiting.
        let _heard = done.send(());
    };
    if let Err(e) = std::thread::Builder::new().name("heads".into()).spawn(copy) {
        tracing::warn!("the log's signed end is not copied, no thread can be had: {e}");
    }
    copied
}

/// Not waited for: a head that a loss of power takes is followed by one that covers more. What such a loss left of a line goes.
fn append(path: &Path, line: &str) -> Result<(), HeadError> {
    let io = |source| HeadError::Io {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let mut file = files::open_plain(path, &mut options).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let whole = whole_lines(&mut file, length).map_err(io)?;
    if whole < length {
        file.set_len(whole).map_err(io)?;
    }
    // One write: what another process adds at the same time stands before or behind it.
    let written = file.write_all(format!("{line}\n").as_bytes());
    written.map_err(|source| {
        // A full disk leaves no half line behind.
        let _or_the_next_one_does = file.set_len(whole);
        io(source)
    })
}

/// Bytes up to the end of the last whole line.
fn whole_lines(file: &mut File, length: u64) -> std::io::Result<u64> {
    let from = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(LINE_BYTES_MAX).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n');
    Ok(match end {
        Some(at) => from + at as u64 + 1,
        // A line is shorter than that: this file is not ours, and nothing of it is taken away.
        None if from > 0 => length,
        None => 0,
    })
}

fn last_line(path: &Path) -> Option<String> {
    let text = tail(path)?;
    text.lines().next_back().map(str::to_owned)
}

/// The last head that the key signed, and its line.
fn last_head(path: &Path, pinned: &PinnedKey) -> Option<(String, Head)> {
    let text = tail(path)?;
    let head = |line: &str| Some((line.to_owned(), head::open(line, pinned).ok()?));
    text.lines().rev().find_map(head)
}

fn tail(path: &Path) -> Option<String> {
    let mut file = files::open_plain(path, OpenOptions::new().read(true)).ok()?;
    let length = file.metadata().ok()?.len();
    let from = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(LINE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
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
            Ok(text) if !text.contains('\n') => {
                faults.push(format!("{} holds no signed end", path.display()));
            }
            Ok(text) => {
                // What a loss of power left of a last line is none of it.
                let text = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
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
    let file = files::open_plain(path, OpenOptions::new().read(true))?;
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
