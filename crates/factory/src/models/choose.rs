//! Which models may answer a wish, the best first, and why none may.

use alai_core::breaker::May;
use alai_core::company::ModelChoice;
use alai_fleet::{Candidate, Host, Profile, Provider};

use super::{Chosen, Found, Models, Reach, Source};

impl Models {
    /// The model for a wish, `escalations` tiers up, within reach: the first of [`Models::candidates`].
    pub(crate) fn choose(
        &self,
        choice: &ModelChoice,
        escalations: u32,
        reach: Reach,
        now_ms: i64,
    ) -> Option<Chosen> {
        let candidates = self.candidates(choice, escalations, reach, now_ms, &|_| true);
        candidates.into_iter().next()
    }

    /// The models that may answer a wish, the best first, and at most one of each host. Of a tier it is the first candidate that may
    /// be paid for (`pays`; where none may, all are taken, so that its refusal is said), and its equals on other hosts that
    /// cost nothing more. Where the first one's host was lost, one that is alike stands in, or one of a host that a person gave this tier;
    /// never a larger or smaller one.
    pub(crate) fn candidates(
        &self,
        choice: &ModelChoice,
        escalations: u32,
        reach: Reach,
        now_ms: i64,
        pays: &dyn Fn(&Chosen) -> bool,
    ) -> Vec<Chosen> {
        let members = match &self.source {
            Source::Script(script) => {
                let provider = Provider::Scripted(script.clone());
                return vec![Chosen {
                    provider,
                    model: "scripted".into(),
                    profile: Profile::default(),
                }];
            }
            Source::Hosts(members) => members,
        };
        let found = self.found();
        let member = |host: &Host| members.iter().find(|m| m.named.host == *host);
        let reached =
            |host: &Host| member(host).is_some_and(|m| m.near || reach == Reach::Anywhere);
        let fits = |host: &Host, model: &str| {
            reached(host) && !matches!(self.may(host, model, now_ms), May::Rest { .. })
        };
        let chosen = |candidate: &Candidate| {
            let card = found.card(&candidate.host, &candidate.model)?;
            Some(Chosen {
                profile: self.profile(&candidate.host, card),
                provider: Provider::from(candidate.host.clone()),
                model: candidate.model.clone(),
            })
        };
        let tier = match choice {
            ModelChoice::Tier(tier) => raised(*tier, escalations),
            // A model that a user named is that model or none: never another one in its place.
            ModelChoice::Named { host, model } => {
                let member = members.iter().find(|m| m.named.answers_to(host));
                let candidate = member.filter(|m| m.may_be_named()).and_then(|m| {
                    let host = &m.named.host;
                    // By the host's own name for it, which is what breakers and the scheduler know it by.
                    let model = &found.card(host, model)?.name;
                    fits(host, model).then(|| Candidate {
                        host: host.clone(),
                        model: model.clone(),
                    })
                });
                return candidate.and_then(|c| chosen(&c)).into_iter().collect();
            }
            ModelChoice::Human => return Vec::new(),
        };
        let within = found.tiers.candidates(tier).iter();
        let within: Vec<&Candidate> = within.filter(|c| reached(&c.host)).collect();
        let mut paid: Vec<&Candidate> = within.clone();
        paid.retain(|c| chosen(c).is_some_and(|chosen| pays(&chosen)));
        let among = if paid.is_empty() { within } else { paid };
        let Some(first) = among.first().copied() else {
            return Vec::new();
        };
        let said = |other: &Candidate| {
            let tiers = member(&other.host).and_then(|m| m.named.tiers.as_ref());
            tiers.is_some_and(|tiers| tiers.contains(&tier))
        };
        let mut fitting: Vec<&Candidate> = among
            .into_iter()
            .filter(|c| *c == first || said(c) || found.are_alike(first, c))
            .filter(|c| fits(&c.host, &c.model))
            .collect();
        // The first among equals: on a host that was not lost a moment ago, if there is one.
        fitting.sort_by_cached_key(|c| self.is_shaky(&c.host, now_ms));
        let is_free = |c: &Candidate| member(&c.host).is_some_and(|member| member.free);
        let shared = self.shared(&found, fitting, &is_free, now_ms);
        shared.into_iter().filter_map(chosen).collect()
    }

    /// The first one, and those that work overflows to when it is full: as good, at no more cost. Anything else only stands in.
    fn shared<'c>(
        &self,
        found: &Found,
        fitting: Vec<&'c Candidate>,
        is_free: &dyn Fn(&Candidate) -> bool,
        now_ms: i64,
    ) -> Vec<&'c Candidate> {
        let Some(best) = fitting.first().copied() else {
            return Vec::new();
        };
        let shaky = |c: &Candidate| self.is_shaky(&c.host, now_ms);
        let mut kept: Vec<&Candidate> = Vec::new();
        for other in fitting {
            let known = kept.iter().any(|c| c.host == other.host);
            let shares = found.are_alike(best, other)
                && (is_free(other) || !is_free(best))
                && (!shaky(other) || shaky(best));
            if other == best || (!known && shares) {
                kept.push(other);
            }
        }
        kept
    }

    /// Why [`Models::choose`] finds none, with what to do.
    pub(crate) fn why_none(
        &self,
        choice: &ModelChoice,
        escalations: u32,
        reach: Reach,
        now_ms: i64,
    ) -> String {
        let found = self.found();
        if !found.none.is_empty() {
            return found.none;
        }
        if reach == Reach::Near
            && self
                .choose(choice, escalations, Reach::Anywhere, now_ms)
                .is_some()
        {
            return "the project is `local_only`, and only hosts outside of your own network have the model; add a host of yours to \
                    `[[fleet.hosts]]`, or `alai project set NAME --local-only false`"
                .into();
        }
        match choice {
            ModelChoice::Tier(tier) => {
                let tier = raised(*tier, escalations);
                match found.tiers.candidates(tier).is_empty() {
                    true => format!(
                        "no host that is up fills tier {tier}: one that costs money fills the `tiers` that its `[[fleet.hosts]]` names, and \
                         no other; `alai fleet status` shows them"
                    ),
                    false => match self.why_unloadable(now_ms) {
                        Some(why) => format!("nothing that fills tier {tier} can be loaded: {why}"),
                        None => format!(
                            "the hosts that fill tier {tier} were lost just now and rest; `alai fleet status` shows them"
                        ),
                    },
                }
            }
            ModelChoice::Named { host, model } => {
                let names = found.hosts.iter().map(|seen| seen.name.as_str());
                format!(
                    "the model `{model}` on host `{host}` is not there, rests after it was lost, or costs money and was given no `tiers` in \
                     `[[fleet.hosts]]`; the hosts are {}",
                    names.collect::<Vec<_>>().join(", ")
                )
            }
            ModelChoice::Human => "it is a person's".to_owned(),
        }
    }
}

pub(crate) fn raised(tier: u8, escalations: u32) -> u8 {
    let raised = u32::from(tier).saturating_add(escalations);
    u8::try_from(raised.clamp(1, u32::from(ModelChoice::TIER_MAX))).unwrap_or(tier)
}
