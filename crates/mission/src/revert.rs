//! Merged work is taken back: a task that has its commit already, beside the one whose work it undoes.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::task::NewTask;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MissionError;
use crate::event::happened;
use crate::inbox::By;
use crate::outbox;
use crate::person::Handed;
use crate::task::{insert, one, set_state};
use crate::writer::Mission;

/// The event of a task that a revert was made for, and what stands before the revert's number.
pub(crate) const REVERTING: &str = "reverting";
pub(crate) const BY: &str = "by #";

impl Mission {
    /// Adds the task that takes `undone` back, in one transaction with the commit that does it, which its gate measures like
    /// any other. Without a commit somebody makes it.
    ///
    /// # Errors
    /// When another one is on its way, the task is unknown, or the store cannot be written.
    pub fn add_revert(
        &self,
        undone: TaskId,
        revert: NewTask,
        handed: Option<Handed>,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<TaskId, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            one(c, undone)?;
            if let Some(by) = on_its_way(c, undone)? {
                return Err(MissionError::Reverting { task: undone, by });
            }
            let made = insert(c, &revert, &stamp)?;
            if let Some(Handed { base, head }) = handed {
                set_state(c, made, Event::Ready, None, &head, &stamp)?;
                c.execute(
                    "UPDATE task SET handed = ?, base = ? WHERE id = ?",
                    params![head, base, made.0],
                )?;
            }
            happened(
                c,
                Some(undone),
                REVERTING,
                &format!("{BY}{}", made.0),
                &stamp,
            )?;
            outbox::page_changed(c, made, &stamp)?;
            outbox::page_changed(c, undone, &stamp)?;
            Ok(made)
        })
    }
}

/// The revert of a task that is neither merged nor given up, with all of its line of work.
fn on_its_way(c: &Connection, undone: TaskId) -> Result<Option<TaskId>, MissionError> {
    let sql = format!(
        "SELECT r.id FROM event e JOIN task r ON r.id = CAST(substr(e.detail, {}) AS INTEGER)
            WHERE e.task = ?1 AND e.kind = '{REVERTING}' AND (
                EXISTS (SELECT 1 FROM task l WHERE (l.id = r.id OR l.lineage = r.id) AND l.state NOT IN ('done', 'failed', 'cancelled'))
                OR EXISTS (SELECT 1 FROM merge m WHERE m.task = r.id AND m.state = 'queued'))
            ORDER BY r.id LIMIT 1",
        BY.len() + 1
    );
    let mut statement = c.prepare_cached(&sql)?;
    let found = statement.query_row([undone.0], |r| r.get(0)).optional()?;
    Ok(found.map(TaskId))
}
