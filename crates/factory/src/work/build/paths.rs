//! What a task may write: one list for the mounts of its clone, for its agent's file tools and for what the agent is told.

use alai_core::blueprint::Scaffolded;
use alai_core::task::TaskKind;
use alai_gate::Globs;

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

    /// What the task's blueprint writes by itself, as far as it is the shipped one. A home's own blueprint of the same name counts
    /// where it writes the same.
    pub(super) fn scaffolded(&self) -> Scaffolded {
        let inputs = crate::work::inputs(self.ground.test.clone());
        let (company, name) = (&self.desk.company, &self.desk.walk.blueprint);
        let shipped = self.desk.packs.shipped_blueprint(company, name, &inputs);
        shipped.map_or_else(Scaffolded::default, |shipped| Scaffolded::of(&shipped))
    }

    /// The forbidden paths as mounts. A place where its blueprint writes a file of its own cannot be shut; what an agent wrote there is
    /// refused by its file tools and by the gate.
    pub(super) fn shut_paths(&self) -> Result<Vec<String>, RunError> {
        let scaffolded = self.scaffolded();
        let mut shut = Vec::new();
        for glob in self.forbidden_paths() {
            let globs = Globs::new(std::slice::from_ref(glob)).map_err(RunError::infra)?;
            if !scaffolded.paths().any(|path| globs.covers(path)) {
                shut.push(glob.clone());
            }
        }
        Ok(shut)
    }

    /// What the company keeps its builder from. A person's own list for the project stands above it.
    pub(super) fn forbidden_paths(&self) -> &[String] {
        match self.project.settings.allowed_paths.as_slice() {
            [] => &self.desk.company.builder.forbidden_paths,
            _ => &[],
        }
    }
}
