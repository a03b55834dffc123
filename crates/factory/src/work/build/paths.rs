//! What a task may write: one list for the mounts of its clone, for its agent's file tools and for what the agent is told.

use alai_core::task::TaskKind;

use super::Job;
use crate::run::RunError;

impl Job<'_> {
    /// Documentation tasks write documents; others what the project allows, or else what the company's builder may write.
    pub(super) fn allowed_paths(&self) -> Vec<String> {
        if self.task().kind == TaskKind::Docs {
            return alai_gate::DOCS_PATHS
                .iter()
                .map(|p| (*p).to_owned())
                .collect();
        }
        match self.project.settings.allowed_paths.as_slice() {
            [] => self.desk.company.builder.allowed_paths.clone(),
            given => given.to_vec(),
        }
    }

    /// The tests that the task names as its to change. The gate of documents frees none.
    pub(super) fn changes_tests(&self) -> &[String] {
        match self.task().kind {
            TaskKind::Docs => &[],
            TaskKind::Goal
            | TaskKind::Spec
            | TaskKind::Build
            | TaskKind::Review
            | TaskKind::Security
            | TaskKind::Ops
            | TaskKind::Postflight => &self.task().changes_tests,
        }
    }

    /// The allowed paths with the tests that this task may change. Empty is everything.
    pub(super) fn writable_paths(&self) -> Vec<String> {
        let mut paths = self.allowed_paths();
        if !paths.is_empty() {
            paths.extend(alai_gate::test_places(
                self.changes_tests(),
                &self.ground.test,
            ));
        }
        paths
    }

    /// Of those tests the ones that it can write and that the gate lets it change.
    pub(super) fn tests_to_change(&self) -> Result<Vec<String>, RunError> {
        let writable = self.writable_paths();
        alai_gate::changeable(self.changes_tests(), &writable, &self.ground.test)
            .map_err(RunError::infra)
    }

    /// What the company keeps its builder from. A person's own list for the project stands above it.
    pub(super) fn forbidden_paths(&self) -> &[String] {
        match self.project.settings.allowed_paths.as_slice() {
            [] => &self.desk.company.builder.forbidden_paths,
            _ => &[],
        }
    }
}
