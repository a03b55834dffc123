//! The table `outbox`: effects on the outside, at least once, under a stable key.

use alai_core::ids::TaskId;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::Stamp;
use crate::line;
use crate::reader::Reader;
use crate::writer::Mission;

/// Something to be told to the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    pub id: i64,
    /// The receiver's key for telling a repetition from a new effect.
    pub effect_key: String,
    pub sink: String,
    pub payload: String,
    pub attempts: i64,
}

/// The longest pause between two attempts at a sink.
const RETRY_MS_MAX: i64 = 10 * 60_000;

/// Attempts after which an effect is given up: with the longest pause, three days of a sink that is gone.
pub(crate) const OUTBOX_ATTEMPTS_MAX: i64 = 440;

impl Mission {
    /// The sink has it. For a sink that shows how things stand now, earlier rows of the same payload are told with it; later
    /// ones, of changes that it may not have seen, stay.
    pub fn delivered(&self, row: &OutboxRow, now_ms: i64) -> Result<(), MissionError> {
        let row = row.clone();
        self.write(move |c| told(c, &row, now_ms))
    }

    /// The sink did not take it: again later, the pause doubling up to ten minutes. After [`OUTBOX_ATTEMPTS_MAX`] attempts it
    /// is a dead letter: kept with its reason, until a person has it sent again.
    pub fn undelivered(
        &self,
        row: &OutboxRow,
        error: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (row, error) = (row.clone(), error.to_owned());
        self.write(move |c| not_told(c, &row, &error, now_ms))
    }

    /// Sends dead letters again. Answers with how many.
    pub fn revive_effects(&self, now_ms: i64) -> Result<usize, MissionError> {
        self.write(move |c| {
            Ok(c.execute(
                "UPDATE outbox SET state = 'pending', attempts = 0, next_ms = ? WHERE state = 'dead'",
                [now_ms],
            )?)
        })
    }
}

impl Reader {
    /// How many effects were given up, and the last one's reason.
    pub fn dead_effects(&self) -> Result<(i64, Option<String>), MissionError> {
        self.read(|c| {
            Ok(c.query_row(
                "SELECT count(*), (SELECT last_error FROM outbox WHERE state = 'dead' ORDER BY id DESC LIMIT 1)
                 FROM outbox WHERE state = 'dead'",
                [],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )?)
        })
    }

    /// What is due for the wiki's folder; what goes elsewhere has its own pace.
    pub fn outbox_due(&self, now_ms: i64, limit: u32) -> Result<Vec<OutboxRow>, MissionError> {
        self.due(now_ms, limit, "sink = 'wiki'")
    }

    /// What is due and goes to a remote.
    pub fn remotes_due(&self, now_ms: i64, limit: u32) -> Result<Vec<OutboxRow>, MissionError> {
        self.due(now_ms, limit, "sink IN ('push', 'pull')")
    }

    fn due(&self, now_ms: i64, limit: u32, of: &str) -> Result<Vec<OutboxRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT id, effect_key, sink, payload, attempts FROM outbox
                 WHERE state = 'pending' AND next_ms <= ?1 AND {of} AND id IN
                    (SELECT max(id) FROM outbox WHERE state = 'pending' AND {of}
                     GROUP BY sink, CASE sink WHEN 'wiki' THEN payload ELSE id END)
                 ORDER BY next_ms, id LIMIT ?2",
            ))?;
            let rows = statement.query_map(params![now_ms, limit], |r| {
                Ok(OutboxRow {
                    id: r.get(0)?,
                    effect_key: r.get(1)?,
                    sink: r.get(2)?,
                    payload: r.get(3)?,
                    attempts: r.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How many effects wait, and since when the oldest does.
    pub fn outbox_depth(&self) -> Result<(i64, Option<i64>), MissionError> {
        self.read(|c| {
            Ok(c.query_row(
                "SELECT count(*), min(at_ms) FROM outbox WHERE state = 'pending'",
                [],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )?)
        })
    }
}

/// The sink has it; of a page, earlier rows too.
pub(crate) fn told(c: &Connection, row: &OutboxRow, now_ms: i64) -> Result<(), MissionError> {
    const TOLD: &str = "UPDATE outbox SET state = 'delivered', delivered_ms = ?1, last_error = NULL WHERE state = 'pending'";
    c.prepare_cached(&format!("{TOLD} AND id = ?2"))?
        .execute(params![now_ms, row.id])?;
    if let Some((from, to)) = page_of(row) {
        c.prepare_cached(&format!(
            "{TOLD} AND effect_key >= ?3 AND effect_key < ?4 AND id < ?2"
        ))?
        .execute(params![now_ms, row.id, from, to])?;
    }
    Ok(())
}

/// The sink did not take it.
pub(crate) fn not_told(
    c: &Connection,
    row: &OutboxRow,
    error: &str,
    now_ms: i64,
) -> Result<(), MissionError> {
    let pause = (1_000_i64 << row.attempts.clamp(0, 20)).min(RETRY_MS_MAX);
    c.execute(
        "UPDATE outbox SET attempts = attempts + 1, next_ms = ?1, last_error = ?2,
            state = CASE WHEN attempts + 1 >= ?3 THEN 'dead' ELSE state END WHERE id = ?4 AND state = 'pending'",
        params![now_ms + pause, error, OUTBOX_ATTEMPTS_MAX, row.id],
    )?;
    Ok(())
}

/// Work is to go to a remote. Asked for again, also after it was given up or done, it is the same row.
pub(crate) fn ask(
    c: &Connection,
    sink: &str,
    task: TaskId,
    head: &str,
    now_ms: i64,
) -> Result<(), MissionError> {
    c.execute(
        "INSERT INTO outbox (effect_key, sink, payload, state, next_ms, at_ms) VALUES (?1, ?2, ?3, 'pending', ?4, ?4)
         ON CONFLICT (effect_key) DO UPDATE SET state = 'pending', attempts = 0, next_ms = ?4, delivered_ms = NULL,
            last_error = NULL",
        params![
            format!("{sink}-{}-{head}", task.0),
            sink,
            task.0.to_string(),
            now_ms
        ],
    )?;
    Ok(())
}

/// The keys of all effects that write the same page anew, from the first up to and without the second.
fn page_of(row: &OutboxRow) -> Option<(String, String)> {
    (row.sink == WIKI).then(|| {
        let keys = |end| format!("{WIKI}-{}{end}", row.payload);
        (keys("-"), keys("."))
    })
}

/// The sink that shows how things stand now.
const WIKI: &str = "wiki";

/// The wiki's pages on which a task stands, those of its goal or of its line of work, are to be written anew.
pub(crate) fn page_changed(
    c: &Connection,
    task: TaskId,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let goal = line::first_of(c, task)?;
    let seq: i64 = c
        .prepare_cached("SELECT ifnull(max(seq), 0) FROM event")?
        .query_row([], |r| r.get(0))?;
    c.prepare_cached(
        "INSERT OR IGNORE INTO outbox (effect_key, sink, payload, state, next_ms, at_ms)
         VALUES (?, ?, ?, 'pending', ?, ?)",
    )?
    .execute(params![
        format!("{WIKI}-{}-{seq}", goal.0),
        WIKI,
        goal.0.to_string(),
        stamp.now_ms,
        stamp.now_ms
    ])?;
    Ok(())
}
