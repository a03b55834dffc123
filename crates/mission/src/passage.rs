//! The table `passage`: how often each transition gate was asked, held something back, and was gone around. Counted in the
//! transaction of what passed.

use alai_core::transition::{Passage, Transition};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::reader::Reader;

/// One gate in numbers, over all that the store remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRow {
    pub gate: Transition,
    /// Times it was asked.
    pub fires: u64,
    /// Times it let nothing through.
    pub blocks: u64,
    /// Times a person went around it.
    pub bypasses: u64,
    /// When it last held something back, in milliseconds since the Unix epoch.
    pub last_block_ms: Option<i64>,
}

pub(crate) fn count(
    c: &Connection,
    gates: &[(Transition, Passage)],
    now_ms: i64,
) -> Result<(), MissionError> {
    let mut statement = c.prepare_cached(
        "INSERT INTO passage (gate, word, count, last_ms) VALUES (?1, ?2, 1, ?3)
         ON CONFLICT (gate, word) DO UPDATE SET count = count + 1, last_ms = max(last_ms, ?3)",
    )?;
    for (gate, passage) in gates {
        statement.execute(params![gate.as_str(), passage.as_str(), now_ms])?;
    }
    Ok(())
}

/// The four gates, in the order in which a run passes them.
pub(crate) fn gates(c: &Connection) -> Result<Vec<GateRow>, MissionError> {
    let mut statement = c.prepare_cached("SELECT gate, word, count, last_ms FROM passage")?;
    let rows = statement.query_map([], |r| {
        Ok((
            r.get::<_, String>(0)?,
            r.get::<_, String>(1)?,
            r.get::<_, i64>(2)?,
            r.get::<_, i64>(3)?,
        ))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let of = |gate: Transition, passage: Passage| {
        let is =
            |row: &&(String, String, i64, i64)| row.0 == gate.as_str() && row.1 == passage.as_str();
        rows.iter().find(is)
    };
    let number =
        |gate, passage| of(gate, passage).map_or(0, |row| u64::try_from(row.2).unwrap_or(0));
    let all = Transition::ALL.into_iter().map(|gate| GateRow {
        gate,
        fires: number(gate, Passage::Fired),
        blocks: number(gate, Passage::Blocked),
        bypasses: number(gate, Passage::Bypassed),
        last_block_ms: of(gate, Passage::Blocked).map(|row| row.3),
    });
    Ok(all.collect())
}

impl Reader {
    /// The transition gates in numbers.
    pub fn gates(&self) -> Result<Vec<GateRow>, MissionError> {
        self.read(gates)
    }
}
