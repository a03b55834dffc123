//! What a call does: the file tools within the paths and the byte limit, the commands, and what the agent reads of each.

use alai_core::record::Captured;

use super::Sitting;
use crate::guard::Kind;
use crate::hand::{HandError, READ_LINES_MAX, RefusalKind};
use crate::mcp::Said;
use crate::patch::{self, Change};
use crate::report::ExitStatus;
use crate::scope::clean;
use crate::text::{cut, plain};
use crate::tools::Call;
use crate::walk::{Walk, lost};

/// Writes outside the allowed paths: told twice, the third ends the run.
const SCOPE_VIOLATIONS_MAX: u32 = 3;

/// What a call came to.
pub(super) struct Acted {
    pub(super) text: String,
    pub(super) error: bool,
    pub(super) kind: Kind,
}

impl Acted {
    pub(super) fn fine(text: String, kind: Kind) -> Acted {
        Acted {
            text,
            error: false,
            kind,
        }
    }

    pub(super) fn wrong(text: String, kind: Kind) -> Acted {
        Acted {
            text,
            error: true,
            kind,
        }
    }

    /// What one of the tools that a run lends has said.
    pub(super) fn of(said: Said) -> Acted {
        match said.error {
            true => Acted::wrong(said.text, Kind::Other),
            false => Acted::fine(said.text, Kind::Other),
        }
    }
}

impl Sitting<'_, '_> {
    /// Executes everything but `done`.
    pub(super) fn act(&mut self, call: Call) -> Result<Acted, ExitStatus> {
        let cancel = self.walk.cancel;
        match call {
            Call::Read {
                path,
                offset,
                limit,
            } => {
                let limit = Some(limit.unwrap_or(READ_LINES_MAX));
                let read = self.walk.hand.read(&path, offset, limit, cancel);
                let acted = told(read, Kind::Read)?;
                if !acted.error {
                    self.walk.known.insert(clean(&path));
                }
                Ok(acted)
            }
            Call::Search {
                pattern,
                path,
                glob,
            } => told(
                self.walk
                    .hand
                    .search(&pattern, path.as_deref(), glob.as_deref(), cancel),
                Kind::Read,
            ),
            Call::Edit {
                path,
                old,
                new,
                all,
            } => self.change(&path, new.len(), |walk| {
                walk.hand.edit(&path, &old, &new, all, walk.cancel)
            }),
            Call::Write { path, content } => {
                let replace = self.walk.known.contains(&clean(&path));
                self.change(&path, content.len(), |walk| {
                    walk.hand.write(&path, &content, replace, walk.cancel)
                })
            }
            Call::Patch { changes } => self.patch(&changes),
            Call::Run { command, timeout_s } => {
                let captured = self.walk.command(self.work.step, &command, timeout_s)?;
                self.touched = true;
                Ok(Acted::fine(shown(&captured), Kind::Other))
            }
            Call::Skill { name, file } => {
                let loaded = self.walk.load(self.work.step, &name, file.as_deref());
                loaded.map(Acted::of)
            }
            Call::Server(wish) => self.server(&wish),
            Call::Note(note) => self.walk.note(self.work.step, note).map(Acted::of),
            Call::Delegate(proposal) => Ok(self.delegate(proposal)),
            Call::Done { .. } => Ok(Acted::fine(String::new(), Kind::Other)),
        }
    }

    /// All of a patch or nothing.
    fn patch(&mut self, changes: &[Change]) -> Result<Acted, ExitStatus> {
        let paths = || changes.iter().flat_map(Change::paths);
        if let Some(outside) = paths().find(|path| !self.walk.scope.allows(path)) {
            return self.violation(outside);
        }
        // A write that fails in the middle leaves what was done before it.
        self.touched = true;
        let is_git = |path: &&str| {
            path.split('/')
                .any(|part| part.eq_ignore_ascii_case(".git"))
        };
        let path = paths().find(is_git).or(paths().next()).unwrap_or_default();
        let bytes = changes.iter().map(Change::bytes).sum();
        self.change(path, bytes, |walk| patch::act(walk, changes))
    }

    /// An edit or a write: within the scope and the byte limit, else told or ended.
    fn change(
        &mut self,
        path: &str,
        bytes: usize,
        act: impl FnOnce(&mut Walk<'_>) -> Result<(String, u64), HandError>,
    ) -> Result<Acted, ExitStatus> {
        if !self.walk.scope.allows(path) {
            return self.violation(path);
        }
        if self.walk.bytes_written.saturating_add(bytes as u64)
            > self.walk.brief.limits.bytes_written_max
        {
            return Err(ExitStatus::Stuck {
                rule: "bytes_written".into(),
            });
        }
        match act(self.walk) {
            Ok((note, written)) => {
                self.walk.bytes_written = self.walk.bytes_written.saturating_add(written);
                self.walk.known.insert(clean(path));
                self.touched = true;
                Ok(Acted::fine(note, Kind::Write))
            }
            Err(HandError::Refused(refusal)) if refusal.kind == RefusalKind::Outside => {
                self.violation(path)
            }
            Err(HandError::Refused(refusal)) => Ok(Acted::wrong(refusal.message, Kind::Other)),
            Err(error) => Err(lost(error)),
        }
    }

    fn violation(&mut self, path: &str) -> Result<Acted, ExitStatus> {
        self.walk.scope_violations += 1;
        let path = cut(path, 200);
        let detail = match self.walk.scope.shown() {
            "" => format!("{path} is not a file of the project that may be written"),
            allowed => format!(
                "{path} is outside the paths this task may write: {}",
                cut(allowed, 500)
            ),
        };
        if self.walk.scope_violations >= SCOPE_VIOLATIONS_MAX {
            return Err(ExitStatus::ScopeViolation { detail });
        }
        self.hard(&detail);
        Ok(Acted::wrong(
            format!(
                "Refused: {detail}. Do the task within them, or call `done` with status blocked."
            ),
            Kind::Other,
        ))
    }
}

fn told(answer: Result<String, HandError>, kind: Kind) -> Result<Acted, ExitStatus> {
    match answer {
        Ok(text) => Ok(Acted::fine(text, kind)),
        Err(HandError::Refused(refusal)) => Ok(Acted::wrong(refusal.message, kind)),
        Err(error) => Err(lost(error)),
    }
}

/// A command's end and output as the agent reads it. No duration: the same result must read the same.
fn shown(captured: &Captured) -> String {
    let mut text = format!("{}\n", captured.record.exit);
    for (name, output) in [("", &captured.stdout), ("[stderr]\n", &captured.stderr)] {
        let output = plain(output);
        if !output.trim().is_empty() {
            text.push_str(name);
            text.push_str(output.trim_end());
            text.push('\n');
        }
    }
    text
}
