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

impl Packs {
    pub(crate) fn nature(&self, company: &Company, name: &str) -> Nature {
        let key = (company.name.clone(), name.to_owned());
        if let Some(known) = self
            .known
            .with(|answers| answers.natures.get(&key).copied())
        {
            return known;
        }
        let nature = self.look(company, name);
        self.known
            .with(|answers| answers.natures.insert(key, nature));
        nature
    }

    fn look(&self, company: &Company, name: &str) -> Nature {
        let usual = Given {
            project: [(TEST_COMMAND.to_owned(), ANY_TEST.to_owned())].into(),
            ..Given::default()
        };
        let wanted = self.blueprint(company, name, &usual);
        let reads = { self.library(Some(company)) }
            .is_ok_and(|library| blueprint::reads_titles(name, &library));
        let made_up = self.resolved(Some(company), name, &BTreeMap::new());
        made_up.map_or_else(
            |_| Nature::default(),
            |found| Nature {
                asks: found.blueprint.always_asks(),
                compares: found.blueprint.compares(),
                wants: reads || matches!(wanted, Err(BlueprintError::MissingInput { .. })),
            },
        )
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
        let nobody = found.is_ok_and(|blueprint| !blueprint.asks_a_model());
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
