//! One command on one commit, in a fresh clone and a cage without a network: what a verifier wants to see tried.

use alai_core::record::{Captured, Exit};
use alai_core::verify::{Probe, Seen};
use alai_workspace::command::Cancel;
use alai_workspace::git::{Oid, Repo};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::Ground;
use crate::error::GateError;
use crate::stage::Stage;

/// Runs a probe on a commit. `with.test_command` is not looked at. The clone is removed.
///
/// # Errors
/// The machine's: no clone, no cage, cancelled. How the command ended is no error.
pub fn probe(
    repo: &Repo,
    commit: &Oid,
    probe: &Probe,
    with: &Ground<'_>,
    cancel: &Cancel,
) -> Result<Captured, GateError> {
    let stage = Stage::new(
        repo,
        with.toolchains,
        with.around,
        with.scratch,
        with.command_s,
        cancel,
    );
    let room = stage.room("a verifier's probe", commit, with.prepared)?;
    stage.run(&room, &line(probe))
}

/// How a probe ended. On a base, a program that is not there is a failure: it came with the change.
pub fn probe_seen(captured: &Captured, on_base: bool) -> Seen {
    match captured.record.exit {
        Exit::Code { code: 0 } => Seen::Succeeded,
        // The shell's words for what cannot be started. On the head that says nothing of the change.
        Exit::Code {
            code: UNWRITTEN | 127,
        } if !on_base => Seen::Unknown,
        Exit::Code { .. } => Seen::Failed,
        Exit::Signal { .. }
        | Exit::TimedOut { .. }
        | Exit::Cancelled
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. } => Seen::Unknown,
    }
}

/// Its file is written inside of the cage: a link that the change has committed leads nowhere from there.
fn line(probe: &Probe) -> String {
    let command = probe.command.trim();
    let (Some(path), Some(content)) = (&probe.path, &probe.content) else {
        return command.to_owned();
    };
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let folder = match path.rsplit_once('/') {
        Some((folder, _)) => format!("mkdir -p -- {} && ", quoted(folder)),
        None => String::new(),
    };
    let path = quoted(path);
    let bytes = STANDARD.encode(content);
    format!(
        "{folder}rm -f -- {path} && printf %s {bytes} | base64 -d > {path} || exit {UNWRITTEN}\n{command}"
    )
}

/// A shell's own code for a command that cannot be begun.
const UNWRITTEN: i32 = 126;
