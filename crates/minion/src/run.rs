//! The door: one run of one agent, from its brief to its report.

use alai_core::brief::Brief;

use crate::report::{ExitStatus, RunReport};
use crate::scope::Scope;
use crate::steps;
use crate::walk::{Means, Walk};

/// Runs a brief's blueprint to its end. Never panics on what a model, a repository or the cage does: everything that goes
/// wrong is an [`ExitStatus`], and what was done until then is committed in the clone and told in the report.
///
/// The caller owns the cage around the hand and ends it afterwards.
pub fn run<'a>(brief: &'a Brief, means: Means<'a>) -> RunReport {
    let (scope, unusable) =
        match Scope::new(&brief.project.allowed_paths, &brief.project.forbidden_paths) {
            Ok(scope) => (scope.with_scaffolded(&brief.project.scaffolded), None),
            Err(detail) => (
                Scope::nothing(),
                Some(ExitStatus::ScopeViolation { detail }),
            ),
        };
    let mut walk = Walk::new(brief, scope, means);
    let ended = match unusable {
        Some(status) => Err(status),
        None => steps::walk(&mut walk),
    };
    let mut status = ended.err().unwrap_or(ExitStatus::Done);
    // Before the last commit: what they write after it would be in none.
    walk.seats.close();
    if let Err(unrecorded) = walk.note_servers("end") {
        status = unrecorded;
    }
    if let Err(lost_work) = walk.rescue() {
        // Work that is in no commit would be gone with the cage: that must not look like an ordinary end.
        if !matches!(status, ExitStatus::Killed { .. } | ExitStatus::Cancelled) {
            status = ExitStatus::Killed { detail: lost_work };
        }
    }
    walk.finish(status)
}
