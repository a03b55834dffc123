//! A look at the work while its run goes on: the same candidate that the gate measures, in clones of the trusted side. And whether
//! there is a base to compare with at all.

use alai_core::ahead::{Reproduced, TestsTouched};
use alai_core::cage::Sandbox;
use alai_core::record::Captured;
use alai_core::task::Task;
use alai_gate::GateError;
use alai_minion::NotSeen;
use alai_workspace::command::Cancel;
use alai_workspace::git::Oid;

use super::{Desk, Job};
use crate::ground::{self, Ground};
use crate::way;

impl Job<'_> {
    /// Whether a test of the work so far fails on the base.
    pub(super) fn reproduced(
        &self,
        head: &Oid,
        seconds: u64,
        cancel: &Cancel,
    ) -> Result<(Reproduced, Vec<Captured>), NotSeen> {
        let scratch = ground::scratch(self.factory, "ahead").map_err(machine)?;
        let (toolchains, allowed) = (self.factory.toolchains(), self.allowed_paths());
        let scaffolded = self.scaffolded();
        let mut candidate =
            self.candidate(head, &toolchains, &allowed, &scaffolded, scratch.path());
        candidate.command_s = candidate.command_s.min(seconds);
        alai_gate::reproduced(&candidate, cancel).map_err(|e| unseen(&e))
    }

    /// How the work so far touches the tests of the base.
    pub(super) fn tests_touched(
        &self,
        head: &Oid,
        cancel: &Cancel,
    ) -> Result<TestsTouched, NotSeen> {
        let scratch = ground::scratch(self.factory, "ahead").map_err(machine)?;
        let (toolchains, allowed) = (self.factory.toolchains(), self.allowed_paths());
        let scaffolded = self.scaffolded();
        let candidate = self.candidate(head, &toolchains, &allowed, &scaffolded, scratch.path());
        alai_gate::tests_touched(&candidate, cancel).map_err(|e| unseen(&e))
    }
}

fn machine(error: impl std::fmt::Display) -> NotSeen {
    NotSeen::Machine(error.to_string())
}

fn unseen(error: &GateError) -> NotSeen {
    match error {
        GateError::Cancelled => NotSeen::Cancelled,
        GateError::BadGlob { .. }
        | GateError::BoxRefused(_)
        | GateError::Repository { .. }
        | GateError::Clone { .. }
        | GateError::Cage { .. } => machine(error),
    }
}

/// Why a blueprint that compares with the base cannot be walked here. `None` where it can, and for every other one. A blueprint
/// that cannot be used at all says so itself, later.
pub(super) fn no_base_to_compare(desk: &Desk, task: &Task, ground: &Ground) -> Option<String> {
    let given = way::given(task, Some(&ground.test));
    let blueprint = crate::work::blueprint(desk, &given).ok()?;
    if !blueprint.compares() {
        return None;
    }
    if task.sandbox == Sandbox::Off {
        return Some(way::NO_CAGE.into());
    }
    // Names tell what is red for another reason from what the bug makes red; an exit code does not.
    (!ground.green() && !ground.census.known).then(|| {
        format!(
            "`{}` is red before anything is changed, and names no tests",
            ground.test.replace(';', ",")
        )
    })
}
