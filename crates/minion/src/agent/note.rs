//! The tool `note`: what an agent tells those who go on with the task. It leaves the run as a value, at once, so that it is kept
//! whatever becomes of the run.

use alai_core::brief::Role;
use alai_core::session::{NOTE_BYTES_MAX, NOTES_MAX, Note};

use crate::mcp::Said;
use crate::recorder::Event;
use crate::redact::redact;
use crate::report::ExitStatus;
use crate::text::{cut, plain};
use crate::walk::Walk;

/// Takes what an agent notes, with the role that it has in its step. An error, in words for the agent, is a note that is not kept.
pub type Notes<'a> = &'a mut dyn FnMut(Role, Note) -> Result<(), String>;

/// Bytes of the words that say how much of a note was cut.
const MARK_BYTES: usize = 40;

impl Walk<'_> {
    /// Keeps a note, free of secrets, as far as the run may say more.
    pub(crate) fn note(&mut self, step: &str, note: Note) -> Result<Said, ExitStatus> {
        if self.noted >= NOTES_MAX {
            let text = format!(
                "Not kept: {NOTES_MAX} notes are what one run has. Say it in your summary."
            );
            return Ok(Said { text, error: true });
        }
        let text = redact(&plain(note.text.trim())).into_owned();
        let text = match text.len() > NOTE_BYTES_MAX {
            true => cut(&text, NOTE_BYTES_MAX - MARK_BYTES),
            false => text,
        };
        let kind = note.kind;
        let note = Note { kind, text };
        self.record(&Event::Note {
            step,
            kind: note.kind.as_str(),
            text: &note.text,
        })?;
        let role = self.role();
        let kept = match &mut self.notes {
            Some(notes) => notes(role, note),
            None => Err("nobody hears it".to_owned()),
        };
        let (text, error) = match kept {
            Ok(()) => {
                self.noted += 1;
                ("Noted.".to_owned(), false)
            }
            Err(why) => (format!("Not kept: {why}"), true),
        };
        Ok(Said { text, error })
    }
}
