//! The packs of a home while they are read: one that cannot be used closes its own company and no other.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::company::{self, Closed, Company, CompanyError, Registry, Texts};

use super::{Files, PacksError, abreast, off, read, read_company, shipped};
use crate::home::Home;

/// What was read so far.
pub(super) struct Whole {
    companies: Vec<Company>,
    packs: BTreeMap<String, Files>,
    pub(super) texts: BTreeMap<String, Texts>,
    pub(super) wrong: BTreeMap<String, String>,
}

/// Why a pack cannot be used, and its card where that may be believed.
struct Unusable {
    why: Box<PacksError>,
    card: Option<String>,
}

impl Whole {
    /// The home's own packs, and what is switched off.
    pub(super) fn read(home: &Home) -> Result<Whole, PacksError> {
        let off = off::off(home)?;
        let mut whole = Whole {
            companies: { off.iter() }
                .map(|name| company::closed(name, &[], Closed::Off))
                .collect(),
            packs: BTreeMap::new(),
            texts: BTreeMap::new(),
            wrong: BTreeMap::new(),
        };
        let mut folders = read::folders(&home.companies())?;
        folders.retain(|name| !off.contains(name));
        let came = abreast::each(&folders, |name| one(home, name));
        for (name, came) in folders.into_iter().zip(came) {
            match came {
                Ok((company, texts, files)) => {
                    whole.texts.insert(company.name.clone(), texts);
                    whole.companies.push(company);
                    whole.packs.insert(name, files);
                }
                Err(Unusable { why, card }) => {
                    // The shipped card of that name says what work it would have had, where its own does not.
                    let shipped = shipped::files_of(&name).unwrap_or_default();
                    let cards = card.as_deref().into_iter();
                    let cards: Vec<&str> = cards.chain(company::card_of(&shipped)).collect();
                    let why = why.to_string();
                    let closed = company::closed(&name, &cards, Closed::Broken(why.clone()));
                    whole.companies.push(closed);
                    whole.wrong.insert(name, why);
                }
            }
        }
        Ok(whole)
    }

    /// Puts the shipped companies behind the home's own; gives their names.
    pub(super) fn behind(&mut self) -> Result<BTreeSet<String>, PacksError> {
        let behind = shipped::behind(&self.companies)?;
        let names = behind.iter().map(|pack| pack.company.name.clone());
        let names = names.collect();
        for pack in behind {
            self.packs.insert(pack.company.name.clone(), pack.files);
            self.texts.insert(pack.company.name.clone(), pack.texts);
            self.companies.push(pack.company);
        }
        Ok(names)
    }

    /// All companies together; those that cannot stand beside the others, or name what is not there, are closed.
    pub(super) fn registry(
        &mut self,
        blueprints: &BTreeMap<String, String>,
    ) -> Result<Registry, PacksError> {
        let mut registry = loop {
            match Registry::of(self.companies.clone(), &self.packs) {
                Ok(registry) => break registry,
                Err(clash) => self.settle(clash)?,
            }
        };
        for company in &self.companies {
            let name = &company.name;
            let (Some(texts), Some(files)) = (self.texts.get(name), self.packs.get(name)) else {
                continue;
            };
            let wrong = company::check_names(company, texts, files, blueprints);
            if let Some(wrong) = wrong.into_iter().next() {
                registry.close(name, Closed::Broken(wrong.to_string()));
                self.wrong.insert(name.clone(), wrong.to_string());
            }
        }
        // Who takes no work has nothing to say.
        let closed = { registry.companies().iter() }.filter(|company| company.closed.is_some());
        let closed = closed.map(|company| (company.name.clone(), Texts::default()));
        self.texts.extend(closed);
        Ok(registry)
    }

    /// Takes the names and defaults from the one of two companies that has to give way: one that is closed already, one that
    /// calls itself by another's name, else the second.
    fn settle(&mut self, clash: CompanyError) -> Result<(), PacksError> {
        let (first, second, by_name) = match &clash {
            CompanyError::TwoOwners {
                name,
                first,
                second,
                at: _,
            } => (first, second, second.eq_ignore_ascii_case(name)),
            CompanyError::TwoDefaults { first, second, .. } => (first, second, false),
            CompanyError::Missing { .. }
            | CompanyError::TooLarge { .. }
            | CompanyError::UnknownKey { .. }
            | CompanyError::Invalid { .. }
            | CompanyError::Blueprint { .. }
            | CompanyError::Unknown { .. } => return Err(clash.into()),
        };
        let has_words = |name: &String| {
            let mut all = self.companies.iter();
            all.any(|c| c.name == *name && !(c.aliases.is_empty() && c.default.is_empty()))
        };
        let is_closed = |name: &&String| {
            let mut all = self.companies.iter();
            all.any(|c| c.name == **name && c.closed.is_some()) && has_words(name)
        };
        let other = if by_name { first } else { second };
        let gives = [first, second].into_iter().find(is_closed).unwrap_or(other);
        if !has_words(gives) {
            return Err(clash.into());
        }
        let why = self.wrong.entry(gives.clone());
        let why = why.or_insert_with(|| clash.to_string()).clone();
        for company in self.companies.iter_mut().filter(|c| c.name == *gives) {
            // Its other words stay, so that its work goes to nobody else.
            company.aliases.clear();
            company.default.clear();
            company.closed = Some(Closed::Broken(why.clone()));
        }
        self.texts.remove(gives);
        Ok(())
    }
}

fn one(home: &Home, name: &str) -> Result<(Company, Texts, Files), Unusable> {
    let unread = |why| Unusable {
        why: Box::new(why),
        card: None,
    };
    let files = read::read_pack(&home.companies().join(name)).map_err(unread)?;
    let card = company::card_of(&files).map(str::to_owned);
    if let Err(why) = read::no_secrets(name, &files) {
        // Of a card that holds a secret nothing is taken: its words stand in reasons.
        let in_card = matches!(&why, PacksError::Secret { file, .. } if file == "company.json");
        let card = card.filter(|_| !in_card);
        return Err(Unusable {
            why: Box::new(why),
            card,
        });
    }
    match read_company(name, &files) {
        Ok((company, texts)) => Ok((company, texts, files)),
        Err(why) => Err(Unusable {
            why: Box::new(why),
            card,
        }),
    }
}
