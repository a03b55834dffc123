//! Which company a text goes to, for as long as these packs are in force: a beat asks it several times of each task that waits and of each
//! stage that will follow, and the next beat asks the same again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use alai_core::company::Company;
use alai_core::routing::{self, Ask};
use alai_core::task::Task;
use sha2::{Digest, Sha256};

use super::Packs;
use crate::run::RunError;

/// Answers that are kept, of some hundred bytes each: more than a queue is long. Beyond it those go whose digests are smallest, which is
/// as good as any: the others stay known.
const ROUTES_MAX: usize = 65_536;

/// The SHA-256 of all that routing looks at.
type Key = [u8; 32];

#[derive(Debug, Clone, Default)]
pub(super) struct Routes(Arc<Mutex<BTreeMap<Key, String>>>);

impl Routes {
    /// The lock is held for a look or an entry, and never while something is routed.
    fn with<T>(&self, with: impl FnOnce(&mut BTreeMap<Key, String>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is asked by, each part with its length, so that none reads as another.
fn key(ask: &Ask<'_>) -> Key {
    let Ask {
        title,
        description,
        tags,
        kind,
        pinned,
        class,
    } = ask;
    let mut sha = Sha256::new();
    let mut part = |text: &str| {
        sha.update(text.len().to_be_bytes());
        sha.update(text);
    };
    part(title);
    part(description);
    part(&format!("{kind:?}"));
    part(&format!("{pinned:?}"));
    part(&format!("{class:?}"));
    tags.iter().for_each(|tag| part(tag));
    sha.finalize().into()
}

impl Packs {
    /// The company that a task is routed to.
    ///
    /// # Errors
    /// When nobody works at its stage, or it is pinned to a company that is not there. That is not remembered.
    pub(crate) fn company_for(&self, task: &Task) -> Result<&Company, RunError> {
        self.company_of(Ask::of(task))
    }

    fn company_of(&self, ask: Ask<'_>) -> Result<&Company, RunError> {
        let key = key(&ask);
        let known = self.routes.with(|routes| routes.get(&key).cloned());
        if let Some(name) = known {
            return self.registry.find(&name).map_err(RunError::infra);
        }
        let route = routing::route(ask, &self.registry).map_err(RunError::infra)?;
        let company = self
            .registry
            .find(&route.company)
            .map_err(RunError::infra)?;
        self.routes.with(|routes| {
            if routes.len() >= ROUTES_MAX {
                routes.pop_first();
            }
            routes.insert(key, company.name.clone());
        });
        Ok(company)
    }
}

#[cfg(test)]
mod tests {
    use alai_core::company::Closed;
    use alai_core::routing::classify;
    use alai_core::task::TaskKind;

    use super::*;
    use crate::home::Home;
    use crate::packs::PacksError;

    fn ask<'a>(title: &'a str, kind: TaskKind) -> Ask<'a> {
        Ask {
            title,
            description: "",
            tags: &[],
            kind,
            pinned: None,
            class: None,
        }
    }

    fn company(packs: &Packs, ask: Ask<'_>) -> String {
        packs.company_of(ask).expect("a company").name.clone()
    }

    #[test]
    fn what_is_remembered_is_what_routing_says_of_each_text() {
        let dir = tempfile::tempdir().expect("a folder");
        let packs = Packs::load(&Home::at(dir.path())).expect("the shipped ones");
        let tags = ["security".to_owned()];
        let class = classify("Audit the login for injection", "");
        let title = "Add a page to the service";
        let plain = ask(title, TaskKind::Build);
        let asks = [
            plain,
            ask("Say two", TaskKind::Build),
            ask(title, TaskKind::Review),
            Ask {
                description: "React components and their CSS",
                ..plain
            },
            Ask {
                tags: &tags,
                ..plain
            },
            Ask {
                pinned: Some("Proveo"),
                ..plain
            },
            Ask {
                class: Some(&class),
                ..plain
            },
            plain,
        ];
        for _ in 0..2 {
            for ask in asks {
                let said = routing::route(ask, &packs.registry)
                    .expect("a route")
                    .company;
                assert_eq!(company(&packs, ask), said, "{ask:?}");
                // The second time nothing is left to find out.
                assert_eq!(company(&packs, ask), said, "{ask:?}");
            }
        }
        let known = packs.routes.with(|routes| routes.len());
        assert_eq!(known, 7, "one answer for each that differs in anything");
        let nobody = Ask {
            pinned: Some("Nobody"),
            ..plain
        };
        assert!(packs.company_of(nobody).is_err());
        assert_eq!(company(&packs, plain), company(&packs, asks[0]));
    }

    #[test]
    fn a_remembered_route_is_not_found_out_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let packs = Packs::load(&Home::at(dir.path())).expect("the shipped ones");
        let asked = ask("Say two", TaskKind::Build);
        let said = company(&packs, asked);
        let other = { packs.registry.companies().iter() }
            .find(|company| company.name != said)
            .expect("another");
        packs.routes.with(|routes| {
            for company in routes.values_mut() {
                company.clone_from(&other.name);
            }
        });
        assert_eq!(company(&packs, asked), other.name, "it was remembered");
        let tagged = ["x".to_owned()];
        let tagged = Ask {
            tags: &tagged,
            ..asked
        };
        assert_eq!(company(&packs, tagged), said, "another ask is routed");
    }

    #[test]
    fn packs_that_close_a_company_forget_and_those_they_were_copied_from_do_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let packs = Packs::load(&Home::at(dir.path())).expect("the shipped ones");
        let said = company(&packs, ask("Say two", TaskKind::Build));
        let mut closing = packs.clone();
        closing.close(vec![PacksError::Off {
            problem: "nothing that closes one".into(),
        }]);
        let known = |packs: &Packs| packs.routes.with(|routes| routes.len());
        assert_eq!((known(&packs), known(&closing)), (1, 0));
        closing.registry.close(&said, Closed::Off);
        let closed = closing.company_of(ask("Say two", TaskKind::Build));
        assert!(closed.expect("it is held by its company").closed.is_some());
    }
}
