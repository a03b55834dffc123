//! Merged work is taken back: a task that has its commit already, beside the one whose work it undoes.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::task::NewTask;
use rusqlite::params;

use crate::error::MissionError;
use crate::event::happened;
use crate::inbox::By;
use crate::outbox;
use crate::person::Handed;
use crate::task::{insert, one, set_state};
use crate::writer::Mission;

impl Mission {
    /// Adds the task that takes `undone` back, in one transaction with the commit that does it, which its gate measures like
    /// any other. Without a commit somebody makes it.
    pub fn add_revert(
        &self,
        undone: TaskId,
        revert: NewTask,
        handed: Option<Handed>,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<TaskId, MissionError> {
        self.person(by, now_ms, move |c, stamp| {
            let found = one(c, undone)?;
            let made = insert(c, &revert, &stamp)?;
            if let Some(Handed { base, head }) = handed {
                set_state(c, made, Event::Ready, None, &head, &stamp)?;
                c.execute(
                    "UPDATE task SET handed = ?, base = ? WHERE id = ?",
                    params![head, base, made.0],
                )?;
            }
            happened(c, Some(undone), "reverting", &format!("by {made}"), &stamp)?;
            outbox::page_changed(c, made, &stamp)?;
            outbox::page_changed(c, found.goal.unwrap_or(undone), &stamp)?;
            Ok(made)
        })
    }
}
