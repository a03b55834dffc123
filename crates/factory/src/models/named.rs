//! Models that a person or a pack calls by name: whether there is such a one, and what was learned of it.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::brief::Role;
use alai_core::company::{Activity, At, Company, ModelChoice, place_in};
use alai_core::mcp::nearest;
use alai_core::task::TaskKind;
use alai_fleet::{ProbeState, same_model, usable};

use super::{Asked, Member, Models, Reach, Seen, Source};
use crate::packs::{Packs, PacksError};

/// The text of a company's `config.json`, for the line of what is wrong in it.
pub(crate) type Texts<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Models {
    /// What is wrong with packs that name a host that is not in the settings, or a model that its host, when it is up, does not have. What a
    /// host that is down has cannot be said; a task that needs it waits, with the reason. Asks the hosts, where a pack names one.
    pub(crate) fn misfits(&self, packs: &Packs, texts: Texts<'_>) -> Vec<PacksError> {
        if packs
            .registry
            .companies()
            .iter()
            .flat_map(named)
            .next()
            .is_some()
        {
            self.look();
        }
        self.misnamed(packs, texts)
    }

    /// The same by what the last look has found, which takes no time.
    pub(crate) fn misnamed(&self, packs: &Packs, texts: Texts<'_>) -> Vec<PacksError> {
        let Source::Hosts(members) = &self.source else {
            return Vec::new();
        };
        let wishes = packs.registry.companies().iter().flat_map(named);
        let wishes: Vec<Wished<'_>> = wishes
            .filter(|wished| !self.agents.is_named(wished.host))
            .collect();
        if wishes.is_empty() {
            return Vec::new();
        }
        let found = self.found();
        let problem = |wished: &Wished<'_>| {
            let member = members.iter().find(|m| m.named.answers_to(wished.host));
            let Some(member) = member else {
                return Some(no_host(wished.host, members, &self.agents.names()));
            };
            let address = member.named.address();
            let mut seen = found.hosts.iter();
            let seen = seen.find(|seen| seen.probe.host.to_string() == address);
            seen.and_then(|seen| lacks(seen, wished.model))
        };
        let wrong = wishes.iter().filter_map(|wished| {
            let problem = problem(wished)?;
            Some(wished.refused(problem, texts))
        });
        wrong.collect()
    }

    /// The tiers that packs ask for and no host that is up fills, each with the companies that do: their tasks wait, and nothing is
    /// broken. None where no model is there at all, which is said elsewhere.
    pub(crate) fn unfilled(&self, packs: &Packs, now_ms: i64) -> BTreeMap<u8, BTreeSet<String>> {
        let mut wanted: BTreeMap<u8, BTreeSet<String>> = BTreeMap::new();
        for company in packs.registry.companies() {
            for wanting in self.unfilled_of(company, now_ms) {
                let companies = wanted.entry(wanting.tier).or_default();
                companies.insert(company.name.clone());
            }
        }
        wanted
    }

    /// The same of one company, with each place that asks.
    pub(crate) fn unfilled_of(&self, company: &Company, now_ms: i64) -> Vec<Unfilled> {
        if !matches!(self.source, Source::Hosts(_)) || !self.usable() {
            return Vec::new();
        }
        let is_filled = |tier: u8| {
            let asked = Asked {
                kind: TaskKind::Build,
                choice: &ModelChoice::Tier(tier),
                escalations: 0,
                reach: Reach::Anywhere,
                now_ms,
            };
            !self.candidates_of(asked, &|_| true).is_empty()
        };
        let wishes = choices(company).filter_map(|(place, choice)| match choice {
            ModelChoice::Tier(tier) => Some(Unfilled { place, tier: *tier }),
            ModelChoice::Named { .. } | ModelChoice::Human => None,
        });
        wishes.filter(|wanting| !is_filled(wanting.tier)).collect()
    }

    /// The characters a token that were learned of a model before.
    pub(crate) fn remember(&self, host: &str, model: &str, milli_chars_per_token: u32) {
        if let Source::Hosts(members) = &self.source {
            let its = members.iter().filter(|m| m.named.address() == host);
            its.for_each(|m| m.named.host.remember(model, milli_chars_per_token));
        }
    }
}

/// A tier that a pack asks for and nothing fills.
#[derive(Debug)]
pub(crate) struct Unfilled {
    place: Place,
    tier: u8,
}

impl Unfilled {
    /// In words, with the line.
    pub(crate) fn said(&self, company: &str, texts: Texts<'_>) -> String {
        format!(
            "{company}/config.json{}: no host or agent that is up fills tier {}, which {} asks for: such a task waits (`alai fleet models`)",
            self.place.at(company, texts),
            self.tier,
            self.place.said()
        )
    }
}

/// Where in a company's `config.json` a model is said.
#[derive(Debug, Clone, Copy)]
enum Place {
    Override(Activity),
    Agent(Role),
}

impl Place {
    fn said(self) -> String {
        match self {
            Place::Override(on) => format!("`tier_overrides.{}`", on.as_str()),
            Place::Agent(role) => format!("agent `{}`", role.as_str()),
        }
    }

    fn at(self, company: &str, texts: Texts<'_>) -> At {
        let text = texts(company).unwrap_or_default();
        match self {
            Place::Override(on) => place_in(&text, &["tier_overrides", on.as_str()]),
            Place::Agent(role) => place_in(&text, &["agents", role.as_str(), "model"]),
        }
    }
}

/// Every model that a company asks for.
fn choices(company: &Company) -> impl Iterator<Item = (Place, &ModelChoice)> {
    let agents = [&company.lead, &company.builder, &company.reviewer];
    // Who takes no work asks for none.
    let agents = { agents.into_iter() }.filter(|_| company.closed.is_none());
    let overrides = company.overrides.iter();
    let overrides = overrides.map(|(on, choice)| (Place::Override(*on), choice));
    let agents = agents.map(|agent| (Place::Agent(agent.role), &agent.model));
    overrides.chain(agents)
}

/// A model that a pack names, and for what.
struct Wished<'a> {
    company: &'a str,
    place: Place,
    host: &'a str,
    model: &'a str,
}

impl Wished<'_> {
    fn refused(&self, problem: String, texts: Texts<'_>) -> PacksError {
        PacksError::Model {
            pack: self.company.to_owned(),
            at: self.place.at(self.company, texts),
            on: self.place.said(),
            choice: format!("{}:{}", self.host, self.model),
            problem,
        }
    }
}

fn named(company: &Company) -> impl Iterator<Item = Wished<'_>> {
    choices(company).filter_map(|(place, choice)| match choice {
        ModelChoice::Named { host, model } => Some(Wished {
            company: &company.name,
            place,
            host,
            model,
        }),
        ModelChoice::Tier(_) | ModelChoice::Human => None,
    })
}

fn no_host(name: &str, members: &[Member], agents: &[&str]) -> String {
    let hosts = members.iter().map(|m| m.named.name.as_str());
    let names: Vec<&str> = hosts.chain(agents.iter().copied()).collect();
    format!(
        "no host is called `{name}`; {}alai.toml has {}",
        meant(name, &names),
        names.join(", ")
    )
}

/// The nearest of what there is.
fn meant(name: &str, names: &[&str]) -> String {
    let near = nearest(name, names.iter().copied());
    near.map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}

/// What is wrong with a model of a host that is up.
fn lacks(seen: &Seen, model: &str) -> Option<String> {
    let ProbeState::Up { unreadable, .. } = &seen.probe.state else {
        return None;
    };
    let cards = usable(&seen.probe);
    let is_it = |name: &str| same_model(name, model);
    if cards.iter().any(|card| is_it(&card.name)) || unreadable.iter().any(|u| is_it(&u.name)) {
        return None;
    }
    let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
    Some(format!(
        "{} has no model `{model}` that can work; {}it has {}",
        seen.name,
        meant(model, &names),
        names.join(", ")
    ))
}
