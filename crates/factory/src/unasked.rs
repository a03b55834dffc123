//! Tasks whose blueprint asks no model: they need no host, no place on one and no money, and begin on a home that has none.

use alai_core::task::Task;
use alai_mission::Reader;

use crate::beat::Factory;
use crate::packs::Packs;
use crate::plan;
use crate::way::{self, ANY_TEST};

/// Whether a run of the task asks no model, by the packs as they are now.
pub(crate) fn of(factory: &Factory, task: &Task) -> bool {
    is(factory.mission(), &factory.packs(), task)
}

/// The same by these packs.
pub(crate) fn is(reader: &Reader, packs: &Packs, task: &Task) -> bool {
    decided(packs, task, || test_of(reader, task))
}

/// The same by the packs alone, where nobody looks a project up.
pub(crate) fn by_packs(packs: &Packs, task: &Task) -> bool {
    decided(packs, task, || None)
}

/// As its run will find it: by the same walk, with the same inputs. One that cannot be used is not said to ask nobody: its run ends
/// with the reason. Nor is one that compares with a base, since in its place another may be walked that asks.
fn decided(packs: &Packs, task: &Task, test: impl FnOnce() -> Option<String>) -> bool {
    // What is meant for a company that takes no work is held, whatever there is to work with.
    if way::held(packs, task).is_some() {
        return true;
    }
    // What a person has planned is carried out.
    if plan::given(task).is_some() {
        return true;
    }
    // A run that judges always asks: its blueprint without a question would be no judgement.
    if !task.kind.changes_code() {
        return false;
    }
    let Ok(company) = packs.company_for(task) else {
        return false;
    };
    let walk = way::walk(packs, task, company);
    let nature = packs.nature(company, &walk.blueprint);
    if nature.asks || nature.compares {
        return false;
    }
    let test = test();
    let given = way::given(task, Some(test.as_deref().unwrap_or(ANY_TEST)));
    packs.asks_nobody(company, &walk.blueprint, &given)
}

/// The test command of the task's project, as far as it is known before the run.
fn test_of(reader: &Reader, task: &Task) -> Option<String> {
    let project = task.project.and_then(|id| reader.project(id).ok());
    project.and_then(|project| project.settings.test)
}
