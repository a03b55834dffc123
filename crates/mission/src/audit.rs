//! The chain over `event`: each row's link is a hash of the row and of the link before it (h_n = sha256(h_{n-1} || record)).
//!
//! The chain alone finds what was changed by somebody who did not know of it. Who can write the file can link everything anew: that,
//! and a log that was cut off at its end, is found against an end that was copied elsewhere.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::MissionError;
use crate::reader::Reader;

/// What stands before the first event: as many zeros as a link has digits.
pub const BEFORE_ALL: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How many faults are named; a log that has more is not repaired by reading on.
const FAULTS_MAX: usize = 50;

/// An event as it is hashed and exported: every column but the link, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recorded {
    pub seq: i64,
    pub task: Option<i64>,
    pub run: Option<String>,
    pub actor: String,
    pub kind: String,
    #[serde(rename = "from")]
    pub from_state: Option<String>,
    #[serde(rename = "to")]
    pub to_state: Option<String>,
    pub detail: String,
    pub at_ms: i64,
}

/// A place in the log: an event's number and its link, 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogMark {
    pub seq: i64,
    pub link: String,
}

/// What is wrong with the log by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum LogFault {
    #[error(
        "event {seq} was changed, or another one was taken out before it and the numbers were closed up: its link does not fit"
    )]
    Changed { seq: i64 },
    #[error("events {first} to {last} are missing")]
    Missing { first: i64, last: i64 },
    #[error("event {seq} has no link")]
    Unlinked { seq: i64 },
    #[error("there is more that is wrong than is named here")]
    More,
}

/// The log, read from its first event to its last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Log {
    /// The last event there is; event 0 when there is none.
    pub end: LogMark,
    pub faults: Vec<LogFault>,
    /// What stands at each of the numbers that were asked for, in their order: none where there is no such event.
    pub marks: Vec<Option<LogMark>>,
}

/// `sha256(BEFORE, line end, the record as JSON)` in hex, so that common tools can make it too.
fn link(before: &str, record: &Recorded) -> String {
    let mut hasher = Sha256::new();
    hasher.update(before.as_bytes());
    hasher.update(b"\n");
    hasher.update(serde_json::to_vec(record).expect("numbers and texts always have a JSON form"));
    hex::encode(hasher.finalize())
}

/// Writes an event behind the last one, linked to it.
pub(crate) fn append(
    c: &Connection,
    event: impl FnOnce(i64) -> Recorded,
) -> Result<LogMark, MissionError> {
    let before = end(c)?;
    let record = event(before.seq + 1);
    let link = link(&before.link, &record);
    let mut statement = c.prepare_cached(
        "INSERT INTO event (seq, task, run, actor, kind, from_state, to_state, detail, at_ms, link)
            VALUES (?,?,?,?,?,?,?,?,?,?)",
    )?;
    statement.execute(params![
        record.seq,
        record.task,
        record.run,
        record.actor,
        record.kind,
        record.from_state,
        record.to_state,
        record.detail,
        record.at_ms,
        link,
    ])?;
    Ok(LogMark {
        seq: record.seq,
        link,
    })
}

/// The last event there is.
pub(crate) fn end(c: &Connection) -> Result<LogMark, MissionError> {
    let mut statement =
        c.prepare_cached("SELECT seq, link FROM event ORDER BY seq DESC LIMIT 1")?;
    let mut rows = statement.query([])?;
    Ok(match rows.next()? {
        Some(row) => LogMark {
            seq: row.get(0)?,
            link: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        },
        None => LogMark {
            seq: 0,
            link: BEFORE_ALL.to_owned(),
        },
    })
}

/// Gives their links to events of a store that had none.
pub(crate) fn fill(c: &Connection) -> Result<(), MissionError> {
    let mut before = BEFORE_ALL.to_owned();
    let mut update = c.prepare("UPDATE event SET link = ?2 WHERE seq = ?1")?;
    let mut next = c.prepare(&format!("{ROWS} WHERE seq > ? ORDER BY seq LIMIT 1000"))?;
    let mut seq = 0;
    loop {
        // Read before they are written: a row that a query still stands on is not changed under it.
        let rows = next.query_map([seq], |r| Ok(row(r)?.0))?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        seq = last.seq;
        for record in rows {
            before = link(&before, &record);
            update.execute(params![record.seq, before])?;
        }
    }
}

const ROWS: &str =
    "SELECT seq, task, run, actor, kind, from_state, to_state, detail, at_ms, link FROM event";

fn row(r: &rusqlite::Row<'_>) -> rusqlite::Result<(Recorded, Option<String>)> {
    let record = Recorded {
        seq: r.get(0)?,
        task: r.get(1)?,
        run: r.get(2)?,
        actor: r.get(3)?,
        kind: r.get(4)?,
        from_state: r.get(5)?,
        to_state: r.get(6)?,
        detail: r.get(7)?,
        at_ms: r.get(8)?,
    };
    Ok((record, r.get(9)?))
}

impl Reader {
    /// The last event there is; event 0 when there is none.
    pub fn log_end(&self) -> Result<LogMark, MissionError> {
        self.read(end)
    }

    /// The link of one event, as it is stored.
    pub fn log_link(&self, seq: i64) -> Result<Option<String>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT link FROM event WHERE seq = ?")?;
            let link = statement.query_row([seq], |r| r.get::<_, Option<String>>(0));
            Ok(link.optional()?.flatten())
        })
    }

    /// Reads the whole log in one moment, makes every link anew, and looks up what stands at `asked`.
    ///
    /// Each row is held against the link that stands before it, so that a changed one is named alone and not with all behind it.
    pub fn log(&self, asked: &[i64]) -> Result<Log, MissionError> {
        self.read(|c| {
            let mut walk = Walk::new(asked);
            let mut statement = c.prepare(&format!("{ROWS} ORDER BY seq"))?;
            let mut rows = statement.query([])?;
            while let Some(r) = rows.next()? {
                let (record, link) = row(r)?;
                walk.step(&record, link);
            }
            Ok(walk.log)
        })
    }
}

struct Walk {
    /// Which of the marks are of an event.
    asked: HashMap<i64, Vec<usize>>,
    log: Log,
}

impl Walk {
    fn new(asked: &[i64]) -> Walk {
        let end = LogMark {
            seq: 0,
            link: BEFORE_ALL.to_owned(),
        };
        let at_start = |seq: &i64| (*seq == 0).then(|| end.clone());
        let marks = asked.iter().map(at_start).collect();
        let mut places: HashMap<i64, Vec<usize>> = HashMap::new();
        for (at, seq) in asked.iter().enumerate() {
            places.entry(*seq).or_default().push(at);
        }
        let log = Log {
            end,
            faults: Vec::new(),
            marks,
        };
        Walk { asked: places, log }
    }

    fn step(&mut self, record: &Recorded, stored: Option<String>) {
        let before = &self.log.end;
        let (seq, next) = (record.seq, before.seq + 1);
        let stored = stored.unwrap_or_default();
        if seq > next {
            // What its link was made with is gone; the gap says so.
            self.fault(LogFault::Missing {
                first: next,
                last: seq - 1,
            });
        } else if stored.is_empty() {
            self.fault(LogFault::Unlinked { seq });
        } else if !before.link.is_empty() && stored != link(&before.link, record) {
            self.fault(LogFault::Changed { seq });
        }
        self.log.end = LogMark { seq, link: stored };
        for at in self.asked.get(&seq).into_iter().flatten() {
            if let Some(mark) = self.log.marks.get_mut(*at) {
                *mark = Some(self.log.end.clone());
            }
        }
    }

    fn fault(&mut self, fault: LogFault) {
        match self.log.faults.len() {
            0..FAULTS_MAX => self.log.faults.push(fault),
            FAULTS_MAX => self.log.faults.push(LogFault::More),
            _ => {}
        }
    }
}
