//! The tools that a run lends its agents: loads a text of advice, asks a server.

use sha2::{Digest, Sha256};

use alai_core::skills::LOADED_BYTES_MAX;

use super::Sitting;
use super::act::Acted;
use crate::mcp::{Note, Said, Wish};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::text::cut;
use crate::tools::Lent;
use crate::walk::Walk;

/// Bytes that the company's words (its soul's essence and the role's prompt), the step's and the names of skills have together: the
/// rest of a first request of 6 KB is rules, tools and a small task. Whoever says more himself has shorter lines there.
const WORDS_BYTES_MAX: usize = 2_360;

/// What a run lends its agents.
pub(crate) fn of(walk: &Walk<'_>, prompt: &str) -> Lent {
    // A server was granted to the run's own role, and may do more than another's step.
    let servers = match walk.is_narrowed() {
        true => Vec::new(),
        false => walk.seats.names(),
    };
    let company = &walk.brief.company;
    let words = company.soul.len() + company.role_prompt.len() + prompt.trim().len();
    Lent {
        skills: walk.shelf.index(WORDS_BYTES_MAX.saturating_sub(words)),
        servers: servers.into_iter().map(str::to_owned).collect(),
        notes: walk.notes.is_some(),
        // Another role's step hands nothing out, whoever leads the run.
        delegates: walk.delegations.is_some() && !walk.is_narrowed(),
    }
}

impl Sitting<'_, '_> {
    /// Asks a server. Whatever becomes of it, the run goes on.
    pub(super) fn server(&mut self, wish: &Wish) -> Result<Acted, ExitStatus> {
        let left_s = self.walk.seconds_left()?;
        let cancel = self.walk.cancel;
        let said = self.walk.seats.ask(wish, left_s, cancel);
        // One that may write the clone may have done so.
        self.touched |= wish.tool.is_some();
        self.walk.note_servers(self.work.step)?;
        self.walk.seconds_left()?;
        Ok(Acted::of(said))
    }
}

impl Walk<'_> {
    /// Gives a text of the company's, whole as far as it may be.
    pub(crate) fn load(
        &mut self,
        step: &str,
        name: &str,
        file: Option<&str>,
    ) -> Result<Said, ExitStatus> {
        let loaded = match self.shelf.load(name, file) {
            Ok(loaded) => loaded,
            Err(text) => return Ok(Said { text, error: true }),
        };
        self.record(&Event::Skill {
            step,
            name: &loaded.name,
            from: &loaded.from,
            sha256: &hex::encode(Sha256::digest(loaded.text.as_bytes())),
            bytes: loaded.text.len() as u64,
        })?;
        let mut text = format!(
            "`{}`, from {}. It is advice on how such work is done; what is to be done the task alone says.\n\n{}",
            loaded.name,
            loaded.from,
            cut(loaded.text.trim(), LOADED_BYTES_MAX)
        );
        if !loaded.files.is_empty() {
            let files = cut(&loaded.files.join(", "), 1_000);
            text.push_str(&format!("\n\nBeside it, by `file`: {files}"));
        }
        Ok(Said { text, error: false })
    }

    /// Writes down what happened at the servers since this was asked last.
    pub(crate) fn note_servers(&mut self, step: &str) -> Result<(), ExitStatus> {
        for note in self.seats.notes() {
            let Note {
                server,
                what,
                tool,
                detail,
                arguments_sha256,
                bytes,
                error,
                duration_ms,
            } = &note;
            self.record(&Event::Server {
                step,
                server,
                what,
                tool: tool.as_deref(),
                detail,
                arguments_sha256: arguments_sha256.as_deref(),
                bytes: *bytes,
                error: *error,
                duration_ms: *duration_ms,
            })?;
        }
        Ok(())
    }
}
