//! What is known of a blueprint for as long as these packs are in force: a queue is looked through at each beat, and its tasks walk a
//! few blueprints, whose texts are read and resolved once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use alai_core::blueprint::{self, BlueprintError};
use alai_core::company::{Company, Lack};

use super::{Given, Packs};
use crate::way::{ANY_TEST, TEST_COMMAND};

/// Answers that are kept. A queue of more tasks with inputs of their own is asked anew.
const ANSWERS_MAX: usize = 4_096;

/// What a blueprint is like in a company, whatever a task gives it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Nature {
    /// Whether it asks a model in any case.
    pub(crate) asks: bool,
    /// Whether it compares with the base.
    pub(crate) compares: bool,
    /// Whether it wants more than its company and project give, or what a task's title may say in two ways.
    pub(crate) wants: bool,
}

type Key = (String, String);

#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<Answers>>);

#[derive(Debug, Default)]
struct Answers {
    natures: BTreeMap<Key, Nature>,
    asks_nobody: BTreeMap<(Key, Given), bool>,
    lacks: BTreeMap<(Key, Given), Option<Lack>>,
}

impl Known {
    /// The lock is held for a look or an entry, and never while something is read.
    fn with<T>(&self, with: impl FnOnce(&mut Answers) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a blueprint that cannot be used stays so for as long as these packs are in force: what could not be read a moment ago may be
/// read the next time.
fn lasts(wrong: &BlueprintError) -> bool {
    !matches!(wrong, BlueprintError::Unread { .. })
}

impl Packs {
    pub(crate) fn nature(&self, company: &Company, name: &str) -> Nature {
        let key = (company.name.clone(), name.to_owned());
        if let Some(known) = self
            .known
            .with(|answers| answers.natures.get(&key).copied())
        {
            return known;
        }
        let (nature, lasts) = self.look(company, name);
        if lasts {
            self.known
                .with(|answers| answers.natures.insert(key, nature));
        }
        nature
    }

    /// What it is like, and whether that holds for as long as these packs do.
    fn look(&self, company: &Company, name: &str) -> (Nature, bool) {
        let usual = Given {
            project: [(TEST_COMMAND.to_owned(), ANY_TEST.to_owned())].into(),
            ..Given::default()
        };
        let wanted = self.blueprint(company, name, &usual);
        let reads = { self.library(Some(company)) }
            .is_ok_and(|library| blueprint::reads_titles(name, &library));
        let made_up = self.resolved(Some(company), name, &BTreeMap::new());
        match made_up {
            Ok(found) => {
                let wants = reads || matches!(wanted, Err(BlueprintError::MissingInput { .. }));
                let nature = Nature {
                    asks: found.blueprint.always_asks(),
                    compares: found.blueprint.compares(),
                    wants,
                };
                (nature, true)
            }
            Err(wrong) => (Nature::default(), lasts(&wrong)),
        }
    }

    /// Whether a run asks no model with what it is given. One that cannot be used is not said to.
    pub(crate) fn asks_nobody(&self, company: &Company, name: &str, given: &Given) -> bool {
        let key = ((company.name.clone(), name.to_owned()), given.clone());
        if let Some(known) = self
            .known
            .with(|answers| answers.asks_nobody.get(&key).copied())
        {
            return known;
        }
        let found = self.blueprint(company, name, given);
        let nobody = match found {
            Ok(blueprint) => !blueprint.asks_a_model(),
            Err(wrong) if !lasts(&wrong) => return false,
            Err(_) => false,
        };
        self.known.with(|answers| {
            if answers.asks_nobody.len() >= ANSWERS_MAX {
                answers.asks_nobody.clear();
            }
            answers.asks_nobody.insert(key, nobody)
        });
        nobody
    }

    /// The first input that it needs and that is not given. What else may be wrong with it is told by whoever walks it.
    pub(crate) fn lack(&self, company: &Company, name: &str, given: &Given) -> Option<Lack> {
        let key = ((company.name.clone(), name.to_owned()), given.clone());
        if let Some(known) = self.known.with(|answers| answers.lacks.get(&key).cloned()) {
            return known;
        }
        let lack = match self.blueprint(company, name, given) {
            Err(BlueprintError::MissingInput { input, about, .. }) => Some(Lack { input, about }),
            Err(wrong) if !lasts(&wrong) => return None,
            Ok(_) | Err(_) => None,
        };
        self.known.with(|answers| {
            if answers.lacks.len() >= ANSWERS_MAX {
                answers.lacks.clear();
            }
            answers.lacks.insert(key, lack.clone());
        });
        lack
    }
}

#[cfg(test)]
mod tests {
    use alai_core::company::Texts;

    use super::super::PacksError;
    use super::super::texts;
    use super::*;
    use crate::home::Home;

    /// A company with a blueprint of its own that asks a model, and that blueprint's name.
    fn own(packs: &Packs) -> (Company, String) {
        let mut companies = packs.registry.companies().iter();
        let found = companies.find_map(|company| {
            let mut own = company.blueprints.iter();
            let name = own.find(|name| packs.look(company, name).0.asks)?;
            Some((company.clone(), name.clone()))
        });
        found.expect("a shipped company has one")
    }

    fn known(packs: &Packs) -> usize {
        packs
            .known
            .with(|answers| answers.natures.len() + answers.asks_nobody.len() + answers.lacks.len())
    }

    #[test]
    fn packs_that_close_a_company_forget_what_its_blueprints_were_like() {
        let dir = tempfile::tempdir().expect("a folder");
        let packs = Packs::load(&Home::at(dir.path())).expect("the shipped ones");
        let (company, name) = own(&packs);
        let nature = packs.nature(&company, &name);
        assert_ne!(nature, Nature::default(), "it can be used");
        packs.asks_nobody(&company, &name, &Given::default());
        packs.lack(&company, &name, &Given::default());
        assert_eq!(known(&packs), 3);
        let held = packs.texts(&company.name).expect("its texts");
        let mut closing = packs.clone();
        closing.close(vec![PacksError::Model {
            pack: company.name.clone(),
            at: alai_core::company::At::default(),
            on: "build".into(),
            choice: "nobody".into(),
            problem: "there is none".into(),
        }]);
        assert_eq!((known(&packs), known(&closing)), (3, 0));
        // It has no texts any more, and those it was copied from, which a run may hold, have theirs.
        assert_eq!(
            *closing.texts(&company.name).expect("none"),
            Texts::default()
        );
        assert_eq!(closing.nature(&company, &name), Nature::default());
        assert_eq!(packs.texts(&company.name).expect("its texts"), held);
        assert_eq!(packs.nature(&company, &name), nature);
    }

    #[test]
    fn what_could_not_be_read_is_asked_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let whole = Packs::load(&Home::at(dir.path())).expect("the shipped ones");
        let (company, name) = own(&whole);
        let mut packs = whole.clone();
        packs.close(Vec::new());
        packs.texts.remove(&company.name);
        let given = Given::default();
        assert_eq!(packs.nature(&company, &name), Nature::default());
        assert!(!packs.asks_nobody(&company, &name, &given));
        assert_eq!(packs.lack(&company, &name, &given), None);
        assert_eq!(known(&packs), 0, "nothing of that is kept");
        let read = whole.texts(&company.name).expect("its texts");
        let read = [(company.name.clone(), Texts::clone(&read))];
        packs.texts.extend(texts::here(read.into()));
        assert_eq!(packs.nature(&company, &name), whole.nature(&company, &name));
        assert_eq!(known(&packs), 1);
    }
}
