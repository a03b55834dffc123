//! What a task may write: one list for the mounts of its clone, for its agent's file tools, for what the agent is told, and for people
//! who ask.

use alai_core::blueprint::Scaffolded;
use alai_core::company::Company;
use alai_core::task::{Task, TaskKind};
use alai_gate::Globs;
use alai_mission::ProjectSettings;

use super::Job;
use crate::packs::{Given, Packs};
use crate::run::RunError;
use crate::way;

/// Whose word a list of paths is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathsBy {
    /// Documents, where they usually are.
    Documents,
    /// A person's, for the whole project.
    Project,
    Company,
}

/// What decides about the paths of one task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paths<'a> {
    pub(crate) task: &'a Task,
    pub(crate) settings: &'a ProjectSettings,
    pub(crate) company: &'a Company,
    /// The project's test command: it tells what a test is.
    pub(crate) test: &'a str,
}

impl<'a> Paths<'a> {
    /// Documentation tasks write documents; others what the project allows, or else what the company's builder may write.
    pub(crate) fn allowed(&self) -> (Vec<String>, PathsBy) {
        if self.task.kind == TaskKind::Docs {
            let documents = alai_gate::DOCS_PATHS.iter().map(|p| (*p).to_owned());
            return (documents.collect(), PathsBy::Documents);
        }
        match self.settings.allowed_paths.as_slice() {
            [] => (self.company.builder.allowed_paths.clone(), PathsBy::Company),
            given => (given.to_vec(), PathsBy::Project),
        }
    }

    /// What the company keeps its builder from. A person's own list for the project stands above it.
    pub(crate) fn forbidden(&self) -> &'a [String] {
        match self.settings.allowed_paths.as_slice() {
            [] => &self.company.builder.forbidden_paths,
            _ => &[],
        }
    }

    /// The tests that the task names as its to change. The gate of documents frees none.
    pub(crate) fn changes_tests(&self) -> &'a [String] {
        match self.task.kind {
            TaskKind::Docs => &[],
            TaskKind::Goal
            | TaskKind::Spec
            | TaskKind::Build
            | TaskKind::Review
            | TaskKind::Security
            | TaskKind::Verify
            | TaskKind::Ops
            | TaskKind::Postflight => &self.task.changes_tests,
        }
    }

    /// The allowed paths with the tests that this task may change. Empty is everything.
    pub(crate) fn writable(&self) -> Vec<String> {
        let (mut paths, _) = self.allowed();
        if !paths.is_empty() {
            paths.extend(alai_gate::test_places(self.changes_tests(), self.test));
        }
        paths
    }
}

/// What a blueprint of a company writes by itself with what it is given, where it is the shipped one.
pub(crate) fn scaffolded(
    packs: &Packs,
    (company, name): (&Company, &str),
    given: &Given,
) -> Scaffolded {
    let shipped = packs.shipped_blueprint(company, name, given);
    // The whole of it: what checks the values that a pack gives is a step as well.
    let walked = packs.blueprint(company, name, given).ok();
    match (shipped, walked) {
        (Some(shipped), Some(walked)) if Scaffolded::is_all_in(&shipped, &walked) => {
            Scaffolded::of(&shipped)
        }
        (_, _) => Scaffolded::default(),
    }
}

impl Job<'_> {
    fn paths(&self) -> Paths<'_> {
        Paths {
            task: self.task(),
            settings: &self.project.settings,
            company: &self.desk.company,
            test: &self.ground.test,
        }
    }

    pub(super) fn allowed_paths(&self) -> Vec<String> {
        self.paths().allowed().0
    }

    pub(super) fn changes_tests(&self) -> &[String] {
        self.paths().changes_tests()
    }

    pub(super) fn writable_paths(&self) -> Vec<String> {
        self.paths().writable()
    }

    /// Of those tests the ones that it can write and that the gate lets it change.
    pub(super) fn tests_to_change(&self) -> Result<Vec<String>, RunError> {
        let writable = self.writable_paths();
        alai_gate::changeable(self.changes_tests(), &writable, &self.ground.test)
            .map_err(RunError::infra)
    }

    /// What the task's blueprint writes by itself, where it is the shipped one, step for step, with no more than commands between.
    pub(super) fn scaffolded(&self) -> Scaffolded {
        // One that is the shipped one writes the same: what writes nothing needs no look at that, for which a whole company is read.
        if { self.blueprint() }.is_ok_and(|walked| Scaffolded::of(&walked).is_empty()) {
            return Scaffolded::default();
        }
        let given = way::given(self.task(), Some(&self.ground.test));
        let walks = (&self.desk.company, self.desk.walk.blueprint.as_str());
        scaffolded(&self.desk.packs, walks, &given)
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

    pub(super) fn forbidden_paths(&self) -> &[String] {
        self.paths().forbidden()
    }
}
