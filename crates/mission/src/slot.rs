//! A slot that a run holds for a moment beside those that it was claimed with: one call to another host than its own.

use rusqlite::params;

use crate::claim::{Fence, Slot, fenced};
use crate::error::MissionError;
use crate::queue;
use crate::writer::Mission;

impl Mission {
    /// Takes one slot more, where one is free. One that the run was claimed with is not taken twice, and not to be given back.
    pub fn borrow_slot(&self, fence: &Fence, slot: &Slot) -> Result<Borrowed, MissionError> {
        let (fence, slot) = (fence.clone(), slot.clone());
        self.write(move |c| {
            fenced(c, &fence)?;
            let own = queue::count(
                c,
                "SELECT count(*) FROM slot WHERE key = ? AND run = ?",
                params![slot.key, fence.run.0],
            )?;
            if own > 0 {
                return Ok(Borrowed::Own);
            }
            let held = queue::count(c, "SELECT count(*) FROM slot WHERE key = ?", [&slot.key])?;
            if held >= slot.most {
                return Ok(Borrowed::No);
            }
            c.prepare_cached("INSERT INTO slot (run, key, most) VALUES (?,?,?)")?
                .execute(params![fence.run.0, slot.key, slot.most as i64])?;
            Ok(Borrowed::Yes)
        })
    }

    /// Gives a borrowed slot back before its run ends. A run that has ended has given back all that it had.
    pub fn give_back(&self, fence: &Fence, slot: &Slot) -> Result<(), MissionError> {
        let (fence, key) = (fence.clone(), slot.key.clone());
        self.write(move |c| {
            c.prepare_cached("DELETE FROM slot WHERE run = ? AND key = ?")?
                .execute(params![fence.run.0, key])?;
            Ok(())
        })
    }
}

/// Whether a slot could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Borrowed {
    /// The run was claimed with it.
    Own,
    Yes,
    No,
}
