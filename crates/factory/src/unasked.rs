//! Tasks whose blueprint asks no model: they need no host, no place on one and no money, and begin on a home that has none.

use std::collections::BTreeMap;

use alai_core::company::{self, Company};
use alai_core::task::{Task, TaskKind};
use alai_mission::Reader;

use crate::beat::Factory;
use crate::packs::Packs;
use crate::way;

/// What was found of blueprints in one look at a queue: a queue is long, and its tasks walk a few.
#[derive(Debug, Default)]
pub(crate) struct Unasked(BTreeMap<(String, String, Inputs), bool>);

/// The project's test command, and what is given for the one task.
type Inputs = (Option<String>, BTreeMap<String, String>);

impl Unasked {
    /// Whether a run of the task asks no model.
    pub(crate) fn of(&mut self, reader: &Reader, packs: &Packs, task: &Task) -> bool {
        self.with(packs, task, || test_of(reader, task))
    }

    fn with(&mut self, packs: &Packs, task: &Task, test: impl FnOnce() -> Option<String>) -> bool {
        if !walks_as_builder(task.kind) {
            return false;
        }
        let Ok(company) = way::company_for(&packs.registry, task) else {
            return false;
        };
        let walk = company::walk(task, company);
        let inputs = (test(), task.inputs.clone());
        let key = (company.name.clone(), walk.blueprint, inputs);
        if let Some(known) = self.0.get(&key) {
            return *known;
        }
        let unasked = is_unasked(packs, company, &key.1, task.kind, &key.2);
        self.0.insert(key, unasked);
        unasked
    }
}

/// Whether a run of the task asks no model, by the packs as they are now.
pub(crate) fn of(factory: &Factory, task: &Task) -> bool {
    Unasked::default().of(factory.mission(), &factory.packs(), task)
}

/// The same by the packs alone, where nobody looks a project up.
pub(crate) fn by_packs(packs: &Packs, task: &Task) -> bool {
    Unasked::default().with(packs, task, || None)
}

/// Whether a blueprint asks no model as this company walks it. One that cannot be used is not said to: its run ends with the reason.
/// Nor is one that takes what it needs from a title: a queue is asked by its blueprints, and not by each task's words.
fn is_unasked(
    packs: &Packs,
    company: &Company,
    name: &str,
    kind: TaskKind,
    (test, inputs): &Inputs,
) -> bool {
    let given = way::given_to(kind, "", inputs, Some(test.as_deref().unwrap_or("")));
    let found = packs.blueprint(company, name, &given);
    found.is_ok_and(|blueprint| !blueprint.asks_a_model())
}

/// The test command of the task's project, as far as it is known before the run.
fn test_of(reader: &Reader, task: &Task) -> Option<String> {
    let project = task.project.and_then(|id| reader.project(id).ok());
    project.and_then(|project| project.settings.test)
}

/// A run that judges always asks: its blueprint without a question would be no judgement.
fn walks_as_builder(kind: TaskKind) -> bool {
    match kind {
        TaskKind::Build | TaskKind::Ops | TaskKind::Docs => true,
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Postflight => false,
    }
}
