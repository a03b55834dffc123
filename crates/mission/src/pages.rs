//! Of the table `outbox`: pages of the wiki that are copied to BookStack.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::notice::{Again, NOTICE_AGE_MS_MAX};
use crate::reader::Reader;
use crate::writer::Mission;

/// The sink's name in the outbox.
const SINK: &str = "bookstack";

/// Longest pause between two attempts.
const PAUSE_MS_MAX: i64 = 10 * 60_000;

/// Longest pause that the wiki may ask for.
const ASKED_MS_MAX: i64 = 60 * 60_000;

/// Attempts that a page has at least, however old it is.
const ATTEMPTS_MIN: i64 = 3;

/// A page that is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publishing {
    pub id: i64,
    pub page: String,
    /// Also where a person has edited the copy.
    pub overwrite: bool,
    pub attempts: i64,
}

/// How the copy of a page stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    pub page: String,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// Milliseconds since the Unix epoch.
    pub delivered_ms: Option<i64>,
    pub last_error: Option<String>,
}

impl Mission {
    /// Queues copies of pages, each with a hash of what it says; one whose last copy was of the same text is not queued again,
    /// unless a person asks. Answers with how many were queued.
    pub fn copy_pages(
        &self,
        pages: &[(String, String)],
        asked: bool,
        overwrite: bool,
        now_ms: i64,
    ) -> Result<usize, MissionError> {
        let mut new = Vec::new();
        for (page, hash) in pages {
            if asked || self.read(|c| last_hash(c, page))?.as_ref() != Some(hash) {
                new.push((page.clone(), hash.clone()));
            }
        }
        if new.is_empty() {
            return Ok(0);
        }
        self.write(move |c| {
            for (page, hash) in &new {
                // What comes while the wiki pauses waits with the others.
                c.prepare_cached(
                    "INSERT INTO outbox (effect_key, sink, payload, state, next_ms, at_ms, batch)
                     SELECT ?1 || '-' || ?2 || '-' || ifnull(max(id), 0) || '-' || ?3, ?1, ?2, 'pending',
                        max(?4, ifnull((SELECT max(next_ms) FROM outbox WHERE sink = ?1 AND state = 'pending' AND attempts > 0 AND NOT ?6), ?4)),
                        ?4, ?5 FROM outbox",
                )?
                .execute(params![
                    SINK,
                    page,
                    hash,
                    now_ms,
                    overwrite.then_some("overwrite"),
                    asked,
                ])?;
            }
            Ok(new.len())
        })
    }

    /// The copy is there: so are those of what the page said before.
    pub fn page_copied(&self, row: &Publishing, now_ms: i64) -> Result<(), MissionError> {
        let row = row.clone();
        self.write(move |c| {
            c.execute(
                "UPDATE outbox SET state = 'delivered', delivered_ms = ?1, last_error = NULL
                 WHERE sink = ?2 AND payload = ?3 AND id <= ?4 AND state <> 'delivered'",
                params![now_ms, SINK, row.page, row.id],
            )?;
            Ok(())
        })
    }

    /// The copy could not be made. All others wait with it, unless it was refused for itself.
    pub fn page_not_copied(
        &self,
        row: &Publishing,
        error: &str,
        again: Again,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (row, error) = (row.clone(), format!("wiki {}: {error}", row.page));
        let pause = (1_000_i64 << row.attempts.clamp(0, 20)).min(PAUSE_MS_MAX);
        self.write(move |c| {
            let pause = match again {
                Again::Later(asked) => pause.max(asked.unwrap_or(0).min(ASKED_MS_MAX)),
                Again::Never => 0,
            };
            c.execute(
                "UPDATE outbox SET next_ms = max(next_ms, ?1) WHERE sink = ?2 AND state = 'pending'",
                params![now_ms + pause, SINK],
            )?;
            c.execute(
                "UPDATE outbox SET attempts = attempts + 1, last_error = ?1,
                    state = CASE WHEN ?2 OR (at_ms <= ?3 AND attempts + 1 >= ?4) THEN 'dead' ELSE state END
                 WHERE id = ?5 AND state = 'pending'",
                params![
                    error,
                    again == Again::Never,
                    now_ms - NOTICE_AGE_MS_MAX,
                    ATTEMPTS_MIN,
                    row.id
                ],
            )?;
            // Older rows of the same page say less than this one.
            c.execute(
                "UPDATE outbox SET state = 'delivered', delivered_ms = ?1, last_error = 'a newer one took its place'
                 WHERE sink = ?2 AND payload = ?3 AND id < ?4 AND state <> 'delivered'",
                params![now_ms, SINK, row.page, row.id],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// The newest row of each page that is to be copied now.
    pub fn pages_due(&self, most: u32, now_ms: i64) -> Result<Vec<Publishing>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, payload, batch IS NOT NULL, attempts FROM outbox WHERE state = 'pending' AND next_ms <= ?1 AND id IN
                    (SELECT max(id) FROM outbox WHERE sink = ?2 AND state = 'pending' GROUP BY payload)
                 ORDER BY attempts, id LIMIT ?3",
            )?;
            let rows = statement.query_map(params![now_ms, SINK, most], |r| {
                Ok(Publishing {
                    id: r.get(0)?,
                    page: r.get(1)?,
                    overwrite: r.get(2)?,
                    attempts: r.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How the copies stand: of each page its newest row.
    pub fn publications(&self) -> Result<Vec<Publication>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT payload, state, delivered_ms, last_error FROM outbox WHERE id IN
                    (SELECT max(id) FROM outbox WHERE sink = ? GROUP BY payload) ORDER BY payload",
            )?;
            let rows = statement.query_map([SINK], |r| {
                Ok(Publication {
                    page: r.get(0)?,
                    state: r.get(1)?,
                    delivered_ms: r.get(2)?,
                    last_error: r.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What tells this store from every other: the beginning of the first link of its log.
    pub fn store_id(&self) -> Result<String, MissionError> {
        self.read(|c| {
            let link: Option<String> = c
                .query_row("SELECT link FROM event ORDER BY seq LIMIT 1", [], |r| {
                    r.get(0)
                })
                .optional()?
                .flatten();
            Ok(link.unwrap_or_default().chars().take(12).collect())
        })
    }
}

fn last_hash(c: &Connection, page: &str) -> Result<Option<String>, MissionError> {
    let mut statement = c.prepare_cached(
        "SELECT effect_key FROM outbox WHERE sink = ?1 AND payload = ?2 ORDER BY id DESC LIMIT 1",
    )?;
    let key: Option<String> = statement.query_row([SINK, page], |r| r.get(0)).optional()?;
    Ok(key.and_then(|key| Some(key.rsplit_once('-')?.1.to_owned())))
}
