//! The gate of a build: what is measured, on which set-up, by which paths.

use std::path::Path;

use alai_core::blueprint::Scaffolded;
use alai_core::qa::Measurement;
use alai_core::record::Captured;
use alai_core::task::TaskKind;
use alai_gate::census::Census;
use alai_gate::evidence::Recipe;
use alai_gate::{Behind, Candidate, DocsCandidate, GateError};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, Oid};
use alai_workspace::setup::Prepared;
use alai_workspace::toolchains::Toolchains;

use super::{Job, rail};
use crate::advisories;
use crate::ground::{self, GroundError};
use crate::run::RunError;

/// What the gate saw of a commit.
pub(super) struct Seen {
    pub(super) measurements: Vec<Measurement>,
    /// The programs it started, in order.
    pub(super) commands: Vec<Captured>,
    /// Those of them that a check rests on.
    pub(super) behind: Behind,
    /// What measures it again, and how the tests went on its base; a page of documentation is not measured by it.
    pub(super) recipe: Option<(Recipe, Census)>,
}

impl Job<'_> {
    /// What the gate measures of a commit.
    pub(super) fn gate(
        &self,
        head: &Oid,
        diff: &git::Diff,
        cancel: &Cancel,
    ) -> Result<Seen, RunError> {
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
            return Ok(Seen {
                measurements: measured.measurements,
                commands: measured.commands,
                behind: measured.behind,
                recipe: None,
            });
        }
        let mut candidate =
            self.candidate(head, &toolchains, &allowed, &scaffolded, scratch.path());
        // Reading them takes a moment: only what may move something has to be looked up.
        let advisories = match self.may_change_dependencies() {
            true => advisories::in_force(self.factory.home(), self.factory.now_ms()),
            false => None,
        };
        candidate.advisories = advisories.as_ref();
        let prepared_head;
        // The lockfiles of a shipped scaffold are no agent's words: check 13 has told whether they are all that changed.
        if (self.may_change_dependencies() || !scaffolded.is_empty())
            && rail(self.task(), diff).is_none()
            && alai_gate::refused_unrun(&candidate, cancel)
                .map_err(gone)?
                .is_none()
        {
            prepared_head = self.prepared_head(head, cancel)?;
            candidate.prepared_head = prepared_head.as_ref();
        }
        let measured = alai_gate::measure(&candidate, cancel).map_err(gone)?;
        Ok(Seen {
            measurements: measured.measurements,
            commands: measured.commands,
            behind: measured.behind,
            recipe: Some((self.recipe(&candidate), self.ground.census.clone())),
        })
    }

    /// What the candidate is, without what is this machine's.
    fn recipe(&self, candidate: &Candidate<'_>) -> Recipe {
        let settings = &self.project.settings;
        Recipe {
            kind: candidate.kind,
            base: candidate.base.to_string(),
            head: candidate.head.to_string(),
            setup_command: settings.setup.clone(),
            setup_inputs: settings.setup_inputs.clone(),
            setup_hosts: settings.setup_hosts.clone(),
            around: settings.surroundings.clone(),
            test_command: candidate.test_command.to_owned(),
            build_command: settings.build.clone(),
            lint_command: settings.lint.clone(),
            checks: candidate.checks.to_vec(),
            allowed_paths: candidate.allowed_paths.to_vec(),
            forbidden_paths: candidate.forbidden_paths.to_vec(),
            changes_tests: candidate.changes_tests.to_vec(),
            allow_dependency_changes: candidate.allow_dependency_changes,
            advisories_sha256: candidate.advisories.map(|a| a.sha256.clone()),
            scaffolded: candidate.scaffolded.clone(),
            command_s: candidate.command_s,
        }
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
            advisories: None,
            scaffolded,
            base_census: &self.ground.census,
            scratch,
            checks_may_be_green: self.task().checks_may_be_green(),
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
