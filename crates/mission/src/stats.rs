//! Counts for people: how much there is, how much of it was closed by hand, what waits longest.

use std::collections::BTreeMap;

use alai_core::ids::TaskId;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::reader::Reader;

/// The store in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Tasks by state.
    pub tasks: BTreeMap<String, u64>,
    /// Tasks by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Runs by state.
    pub runs: BTreeMap<String, u64>,
    /// Tasks that a person closed by hand, with a reason.
    pub overrides: u64,
    /// Everything that ever happened.
    pub events: u64,
    /// Effects that are not delivered yet.
    pub outbox: u64,
    /// The task that has waited longest for somebody, and since when (milliseconds since the Unix epoch).
    pub longest_wait: Option<(TaskId, i64)>,
    /// Bytes of the database without its log.
    pub bytes: u64,
}

impl Reader {
    pub fn stats(&self) -> Result<Stats, MissionError> {
        self.read(|c| {
            // One moment for all of it.
            let c = c.unchecked_transaction()?;
            let number = |sql: &str| -> Result<u64, MissionError> {
                let count: i64 = c.query_row(sql, [], |r| r.get(0))?;
                Ok(u64::try_from(count).unwrap_or(0))
            };
            Ok(Stats {
                tasks: by(&c, "SELECT state, count(*) FROM task GROUP BY state")?,
                kinds: by(&c, "SELECT kind, count(*) FROM task GROUP BY kind")?,
                runs: by(&c, "SELECT state, count(*) FROM run GROUP BY state")?,
                overrides: number("SELECT count(*) FROM event WHERE kind = 'override'")?,
                events: number("SELECT count(*) FROM event")?,
                outbox: number("SELECT count(*) FROM outbox WHERE state = 'pending'")?,
                longest_wait: c
                    .query_row(
                        "SELECT id, updated_ms FROM task WHERE state = 'waiting' ORDER BY updated_ms, id LIMIT 1",
                        [],
                        |r| Ok((TaskId(r.get(0)?), r.get(1)?)),
                    )
                    .optional()?,
                bytes: number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?,
            })
        })
    }
}

fn by(c: &Connection, sql: &str) -> Result<BTreeMap<String, u64>, MissionError> {
    let mut statement = c.prepare(sql)?;
    let rows = statement.query_map([], |r| {
        let count: i64 = r.get(1)?;
        Ok((r.get(0)?, u64::try_from(count).unwrap_or(0)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
