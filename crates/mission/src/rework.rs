//! What a rework takes over from the build that was sent back: read in the transaction that makes it, so that nothing comes between.

use alai_core::ids::TaskId;
use alai_core::pipeline;
use alai_core::task::NewTask;
use rusqlite::{Connection, OptionalExtension};

use crate::error::MissionError;
use crate::task::one;

/// Fills in a new task that goes on with the work of its line. The newest one there that changed code is the one that it reworks.
pub(crate) fn goes_on(c: &Connection, new: &mut NewTask) -> Result<(), MissionError> {
    let Some(lineage) = new.lineage.filter(|_| new.kind.changes_code()) else {
        return Ok(());
    };
    let built = c
        .query_row(
            "SELECT id FROM task WHERE (lineage = ?1 OR id = ?1) AND kind IN ('build', 'ops', 'docs') ORDER BY id DESC LIMIT 1",
            [lineage.0],
            |r| r.get(0).map(TaskId),
        )
        .optional()?;
    let Some(built) = built else {
        return Ok(());
    };
    let company: Option<String> = c
        .query_row(
            "SELECT company FROM run WHERE task = ? AND company IS NOT NULL ORDER BY epoch DESC LIMIT 1",
            [built.0],
            |r| r.get(0),
        )
        .optional()?;
    pipeline::stays_with(new, &one(c, built)?, company);
    Ok(())
}
