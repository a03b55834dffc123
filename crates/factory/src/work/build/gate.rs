//! The gate of a build: what is measured, on which set-up, by which paths.

use std::path::Path;

use alai_core::blueprint::Scaffolded;
use alai_core::qa::Measurement;
use alai_core::record::Captured;
use alai_core::task::TaskKind;
use alai_gate::{Candidate, DocsCandidate, GateError};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, Oid};
use alai_workspace::setup::Prepared;
use alai_workspace::toolchains::Toolchains;

use super::Job;
use crate::ground::{self, GroundError};
use crate::run::RunError;

impl Job<'_> {
    /// What the gate measured, and the programs it started.
    pub(super) fn gate(
        &self,
        head: &Oid,
        diff: &git::Diff,
        cancel: &Cancel,
    ) -> Result<(Vec<Measurement>, Vec<Captured>), RunError> {
        let settings = &self.project.settings;
        let scratch = ground::scratch(self.factory, "gate").map_err(RunError::infra)?;
        let toolchains = self.factory.toolchains();
        let allowed = self.allowed_paths();
        let scaffolded = self.scaffolded();
        let gone = |e: GateError| {
            if matches!(e, GateError::Cancelled) {
                return RunError::cancelled(self.factory);
            }
            RunError::infra(e)
        };
        if self.task().kind == TaskKind::Docs {
            let candidate = DocsCandidate {
                repo: self.repo,
                base: self.base,
                head,
                prepared: &self.ground.prepared,
                toolchains: &toolchains,
                around: &settings.surroundings,
                build_command: None,
                allowed_paths: &allowed,
                forbidden_paths: self.forbidden_paths(),
                checks: &self.task().checks,
                scratch: scratch.path(),
                command_s: ground::COMMAND_S_MAX,
            };
            let measured = alai_gate::measure_docs(&candidate, cancel).map_err(gone)?;
            return Ok((measured.measurements, measured.commands));
        }
        let mut candidate =
            self.candidate(head, &toolchains, &allowed, &scaffolded, scratch.path());
        let prepared_head;
        // The lockfiles of a shipped scaffold are no agent's words: check 13 has told whether they are all that changed.
        if (self.may_change_dependencies() || !scaffolded.is_empty())
            && self.rail(diff).is_none()
            && alai_gate::refused_unrun(&candidate, cancel)
                .map_err(gone)?
                .is_none()
        {
            prepared_head = self.prepared_head(head, cancel)?;
            candidate.prepared_head = prepared_head.as_ref();
        }
        let measured = alai_gate::measure(&candidate, cancel).map_err(gone)?;
        Ok((measured.measurements, measured.commands))
    }

    /// One commit of this task, as the gate measures it. A look ahead is at the very same.
    pub(super) fn candidate<'a>(
        &'a self,
        head: &'a Oid,
        toolchains: &'a Toolchains,
        allowed: &'a [String],
        scaffolded: &'a Scaffolded,
        scratch: &'a Path,
    ) -> Candidate<'a> {
        let settings = &self.project.settings;
        Candidate {
            repo: self.repo,
            base: self.base,
            head,
            kind: self.task().kind,
            prepared: &self.ground.prepared,
            prepared_head: None,
            toolchains,
            around: &settings.surroundings,
            test_command: &self.ground.test,
            build_command: settings.build.as_deref(),
            lint_command: settings.lint.as_deref(),
            checks: &self.task().checks,
            allowed_paths: allowed,
            forbidden_paths: self.forbidden_paths(),
            changes_tests: self.changes_tests(),
            allow_dependency_changes: self.may_change_dependencies(),
            scaffolded,
            base_census: &self.ground.census,
            scratch,
            command_s: ground::COMMAND_S_MAX,
        }
    }

    /// Whether a person or the plan lets this task add, remove or move dependencies.
    fn may_change_dependencies(&self) -> bool {
        self.task().tags.iter().any(|t| t == "dependencies")
    }

    /// The set-up of the head where its lockfiles differ from the base's. One that fails is left out: the change is then
    /// measured on the base's set-up, and fails there.
    ///
    /// A set-up runs what manifests say (install scripts, build backends), and it has a network. Manifests of a change are an
    /// agent's words until the gate has passed: without leave to change dependencies, or when the text of the change is refused
    /// already, they are not run at all.
    fn prepared_head(&self, head: &Oid, cancel: &Cancel) -> Result<Option<Prepared>, RunError> {
        match ground::prepared(
            self.factory,
            self.repo,
            self.project,
            head,
            Some(self.base),
            cancel,
        ) {
            Ok(prepared) => Ok(Some(prepared).filter(|p| p.key != self.ground.prepared.key)),
            Err(GroundError::Refused { .. }) => Ok(None),
            Err(GroundError::Cancelled) => Err(RunError::cancelled(self.factory)),
            Err(GroundError::Machine(detail)) => Err(RunError::Infrastructure(detail)),
        }
    }
}
