//! Models that a person or a pack calls by name: whether there is such a one, and what was learned of it.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::company::{Company, ModelChoice};
use alai_core::task::TaskKind;
use alai_fleet::{ProbeState, same_model, usable};

use super::{Asked, Member, Models, Reach, Seen, Source};
use crate::packs::{Packs, PacksError};

impl Models {
    /// Refuses packs that name a host that is not in the settings, or a model that its host, when it is up, does not have. What a
    /// host that is down has cannot be said; a task that needs it waits, with the reason. Asks the hosts, where a pack names one.
    pub(crate) fn check(&self, packs: &Packs) -> Result<(), PacksError> {
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
        self.knows(packs)
    }

    /// The same by what the last look has found, which takes no time.
    pub(crate) fn knows(&self, packs: &Packs) -> Result<(), PacksError> {
        let Source::Hosts(members) = &self.source else {
            return Ok(());
        };
        let wishes = packs.registry.companies().iter().flat_map(named);
        let wishes: Vec<Wished<'_>> = wishes.collect();
        if wishes.is_empty() {
            return Ok(());
        }
        let member = |name: &str| members.iter().find(|m| m.named.answers_to(name));
        let wishes: Vec<Wished<'_>> = wishes
            .into_iter()
            .filter(|wished| !self.agents.is_named(wished.host))
            .collect();
        for wished in &wishes {
            if member(wished.host).is_none() {
                return Err(wished.refused(no_host(wished.host, members)));
            }
        }
        let found = self.found();
        for wished in &wishes {
            let address = member(wished.host).map(|m| m.named.address());
            let mut seen = found.hosts.iter();
            let seen = seen.find(|seen| Some(seen.probe.host.to_string()) == address);
            if let Some(problem) = seen.and_then(|seen| lacks(seen, wished.model)) {
                return Err(wished.refused(problem));
            }
        }
        Ok(())
    }

    /// The tiers that packs ask for and no host that is up fills, each with the companies that do: their tasks wait, and nothing is
    /// broken. None where no model is there at all, which is said elsewhere.
    pub(crate) fn unfilled(&self, packs: &Packs, now_ms: i64) -> BTreeMap<u8, BTreeSet<String>> {
        let mut wanted: BTreeMap<u8, BTreeSet<String>> = BTreeMap::new();
        if !matches!(self.source, Source::Hosts(_)) || !self.usable() {
            return wanted;
        }
        for company in packs.registry.companies() {
            let agents = [&company.lead, &company.builder, &company.reviewer];
            let choices = agents.into_iter().map(|agent| &agent.model);
            for choice in choices.chain(company.overrides.values()) {
                if let ModelChoice::Tier(tier) = choice {
                    wanted
                        .entry(*tier)
                        .or_default()
                        .insert(company.name.clone());
                }
            }
        }
        wanted.retain(|tier, _| {
            let asked = Asked {
                kind: TaskKind::Build,
                choice: &ModelChoice::Tier(*tier),
                escalations: 0,
                reach: Reach::Anywhere,
                now_ms,
            };
            self.candidates_of(asked, &|_| true).is_empty()
        });
        wanted
    }

    /// The characters a token that were learned of a model before.
    pub(crate) fn remember(&self, host: &str, model: &str, milli_chars_per_token: u32) {
        if let Source::Hosts(members) = &self.source {
            let its = members.iter().filter(|m| m.named.address() == host);
            its.for_each(|m| m.named.host.remember(model, milli_chars_per_token));
        }
    }
}

/// A model that a pack names, and for what.
struct Wished<'a> {
    company: &'a str,
    on: String,
    host: &'a str,
    model: &'a str,
}

impl Wished<'_> {
    fn refused(&self, problem: String) -> PacksError {
        PacksError::Model {
            pack: self.company.to_owned(),
            on: self.on.clone(),
            choice: format!("{}:{}", self.host, self.model),
            problem,
        }
    }
}

fn named(company: &Company) -> impl Iterator<Item = Wished<'_>> {
    let overrides = company.overrides.iter();
    let overrides =
        overrides.map(|(on, choice)| (format!("`tier_overrides.{}`", on.as_str()), choice));
    let agents = [&company.lead, &company.builder, &company.reviewer];
    let agents = agents.map(|agent| (format!("agent `{}`", agent.role.as_str()), &agent.model));
    overrides
        .chain(agents)
        .filter_map(|(on, choice)| match choice {
            ModelChoice::Named { host, model } => Some(Wished {
                company: &company.name,
                on,
                host,
                model,
            }),
            ModelChoice::Tier(_) | ModelChoice::Human => None,
        })
}

fn no_host(name: &str, members: &[Member]) -> String {
    let names = members.iter().map(|m| m.named.name.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    format!("no host is called `{name}`; alai.toml has {names}")
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
    let names = cards.iter().map(|card| card.name.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    Some(format!(
        "{} has no model `{model}` that can work; it has {names}",
        seen.name
    ))
}
