//! A company that takes no work: its pack cannot be used, or a person has switched it off. It stays in the registry under its name, so that
//! what is meant for it is held for a person and goes to nobody else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::read::{CARD, CardWire, KEYWORDS_MAX, WEIGHT_MAX, names_a_company, weighed};
use super::{Agent, Company, ModelChoice};
use crate::brief::Role;

/// Why a company takes no work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// Its pack cannot be used; what is wrong, with file and line.
    Broken(String),
    /// The settings switch it off.
    Off,
}

impl Closed {
    /// In words.
    pub fn said(&self, company: &str) -> String {
        match self {
            Closed::Broken(why) => format!("the pack of {company} cannot be used: {why}"),
            Closed::Off => format!("{company} is switched off in alai.toml"),
        }
    }

    /// What a person does about it, before the work that was held can go on.
    pub fn remedy(&self, company: &str) -> String {
        match self {
            Closed::Broken(_) => format!(
                "mend `companies/{company}` of the home (`alai company validate {company}` names all that is wrong)"
            ),
            Closed::Off => format!(
                "take {company} out of `off` under [companies] in alai.toml and start the daemon anew, or give the work to another \
                 company"
            ),
        }
    }
}

/// A company of this name that takes no work. Of a broken one stages, names and words are those of the first of these cards that can
/// be read: the work that it would have had is known by them.
pub fn closed(name: &str, cards: &[&str], why: Closed) -> Company {
    let read = cards
        .iter()
        .find_map(|text| serde_json::from_str::<CardWire>(text).ok());
    let card = read.filter(|_| why != Closed::Off);
    let agent = |role| Agent {
        role,
        prompt: String::new(),
        // Nobody is asked.
        model: ModelChoice::Tier(1),
        // All of them, so that no title is thought to be beyond it: it is held, and goes to nobody.
        allowed_paths: vec!["**".to_owned()],
        forbidden_paths: Vec::new(),
        write_locked: true,
        tools: Vec::new(),
    };
    let mut company = Company {
        name: name.to_owned(),
        version: String::new(),
        aliases: Vec::new(),
        house: String::new(),
        domain: String::new(),
        stages: BTreeMap::new(),
        default: Default::default(),
        domains: Vec::new(),
        keywords: Vec::new(),
        negative: Vec::new(),
        lead: agent(Role::Lead),
        builder: agent(Role::Builder),
        reviewer: agent(Role::Reviewer),
        overrides: BTreeMap::new(),
        walks: Default::default(),
        blueprint_inputs: BTreeMap::new(),
        essence: String::new(),
        blueprints: Default::default(),
        skills: Default::default(),
        mcp: Default::default(),
        grants: Default::default(),
        closed: Some(why),
    };
    let Some(card) = card else {
        return company;
    };
    let words = |words: BTreeMap<String, u32>| {
        let words = words.into_iter().take(KEYWORDS_MAX);
        weighed(
            words
                .map(|(word, weight)| (word, weight.min(WEIGHT_MAX)))
                .collect(),
        )
    };
    company.version = card.version;
    let aliases = card.aliases.into_iter();
    company.aliases = aliases.filter(|alias| names_a_company(alias)).collect();
    company.default = card.default.into_iter().collect();
    company
        .default
        .retain(|stage| card.stages.contains_key(stage));
    company.stages = card.stages;
    company.domains = card.domains;
    company.keywords = words(card.routing.keywords);
    company.negative = words(card.routing.negative);
    company
}

impl Company {
    /// This company as one that takes no work: what it would have had is held.
    #[must_use]
    pub fn close(self, why: Closed) -> Company {
        let bare = closed(&self.name, &[], why);
        Company {
            version: self.version,
            aliases: self.aliases,
            stages: self.stages,
            default: self.default,
            domains: self.domains,
            keywords: self.keywords,
            negative: self.negative,
            ..bare
        }
    }
}

/// The text of a pack's card.
pub fn card_of(files: &BTreeMap<String, String>) -> Option<&str> {
    files.get(CARD).map(String::as_str)
}
