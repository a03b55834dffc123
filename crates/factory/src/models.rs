//! Which model answers: five tiers filled by probing the hosts that are there, or a recording.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use alai_core::breaker::{Breaker, Heard, May};
use alai_core::company::ModelChoice;
use alai_fleet::profiles::Profiles;
use alai_fleet::{
    Candidate, ErrorClass, Host, ModelCard, Probe, ProbeState, Profile, Provider, Script, Tiers,
    alike, pick, probe, usable,
};

use crate::config::{Config, ConfigError};
use crate::hosts::NamedHost;
use crate::money::Money;

/// The fleet as this factory sees it.
#[derive(Debug)]
pub struct Models {
    source: Source,
    /// How the models of a family are run.
    profiles: Profiles,
    found: Mutex<Found>,
    /// Of each host and model that was ever lost.
    breakers: Mutex<BTreeMap<(String, String), Breaker>>,
}

#[derive(Debug, Clone)]
enum Source {
    Script(Script),
    Hosts(Vec<Member>),
}

/// A host of the fleet, and what its address and the settings say of it.
#[derive(Debug, Clone)]
struct Member {
    named: NamedHost,
    /// One's own machine, or one in one's own network.
    near: bool,
    /// Its tokens cost nothing.
    free: bool,
}

/// What the last probe found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub tiers: Tiers,
    /// What each host said, in the order of the settings.
    pub hosts: Vec<Seen>,
    /// Why no model can be used, with what to do; empty when one can.
    pub none: String,
}

/// One host at the last look.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    /// A machine of one's own network: the only kind that a project with `local_only` reaches.
    pub near: bool,
    pub free: bool,
    /// Runs on it at the same time, by the settings or by its own word, whichever is fewer.
    pub slots: Option<usize>,
    pub probe: Probe,
}

/// How far a project's code may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Anywhere,
    /// To machines of one's own alone: no fall-back and no escalation leads elsewhere.
    Near,
}

/// A model to work with.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) provider: Provider,
    pub(crate) model: String,
    pub(crate) profile: Profile,
}

impl Models {
    /// Reads the settings; probes nothing yet.
    pub fn new(config: &Config) -> Result<Models, ConfigError> {
        let source = match &config.script {
            Some(path) => Source::Script(script(path)?),
            None => Source::Hosts(
                config
                    .hosts
                    .iter()
                    .map(|named| Member::of(named, &config.money))
                    .collect(),
            ),
        };
        let none = "no model was looked for yet".to_owned();
        Ok(Models {
            source,
            profiles: profiles(config.profiles.as_deref())?,
            found: Mutex::new(Found {
                none,
                ..Found::default()
            }),
            breakers: Mutex::default(),
        })
    }

    /// Looks at all hosts again, at the same time. True when a model can be used.
    pub fn look(&self) -> bool {
        let found = match &self.source {
            Source::Script(_) => Found::default(),
            Source::Hosts(members) => read(members),
        };
        let usable = found.none.is_empty();
        if let Ok(mut known) = self.found.lock() {
            *known = found;
        }
        usable
    }

    /// What the last look found.
    pub fn found(&self) -> Found {
        self.found.lock().map(|f| f.clone()).unwrap_or_default()
    }

    pub fn usable(&self) -> bool {
        self.found.lock().is_ok_and(|f| f.none.is_empty())
    }

    /// `real` or `simulated`, for the first line of `alai status`.
    pub fn mode(&self) -> alai_core::mode::Mode {
        match self.source {
            Source::Script(_) => alai_core::mode::Mode::Simulated,
            Source::Hosts(_) => alai_core::mode::Mode::Real,
        }
    }

    /// Where replies come from, for people.
    pub fn host(&self) -> String {
        match &self.source {
            Source::Script(_) => "scripted".into(),
            Source::Hosts(members) => {
                let hosts = members.iter().map(|member| member.named.address());
                hosts.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// How a model of a host is run: one profile for all of its calls, so that nothing reloads it.
    pub fn profile(&self, card: &ModelCard) -> Profile {
        self.profiles.of(card)
    }

    /// Runs that a host may have at the same time, where that is known.
    pub(crate) fn slots(&self, host: &str) -> Option<usize> {
        let found = self.found.lock().ok()?;
        let seen = found.hosts.iter();
        let mut seen = seen.filter(|seen| seen.probe.host.to_string() == host);
        seen.next()?.slots
    }

    /// Whether it is known of any host how many runs it may have at the same time.
    pub(crate) fn has_slots(&self) -> bool {
        let said = match &self.source {
            Source::Script(_) => false,
            Source::Hosts(members) => members.iter().any(|m| m.named.slots.is_some()),
        };
        said || self
            .found
            .lock()
            .is_ok_and(|found| found.hosts.iter().any(|seen| seen.slots.is_some()))
    }

    /// Whether a look could tell how many runs a host may have.
    pub(crate) fn may_say_slots(&self) -> bool {
        match &self.source {
            Source::Script(_) => false,
            Source::Hosts(members) => members
                .iter()
                .any(|m| m.named.slots.is_some() || matches!(m.named.host, Host::Openai(_))),
        }
    }

    /// The model for a wish, `escalations` tiers up, within reach. Of a tier it is the first candidate. Where that one's host was
    /// lost, one that is alike stands in, or one of a host that a person gave this tier; never a larger or smaller one.
    pub(crate) fn choose(
        &self,
        choice: &ModelChoice,
        escalations: u32,
        reach: Reach,
        now_ms: i64,
    ) -> Option<Chosen> {
        let members = match &self.source {
            Source::Script(script) => {
                let provider = Provider::Scripted(script.clone());
                return Some(Chosen {
                    provider,
                    model: "scripted".into(),
                    profile: Profile::default(),
                });
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
        let Candidate { host, model } = match choice {
            ModelChoice::Tier(tier) => {
                let tier = raised(*tier, escalations);
                let candidates = found.tiers.candidates(tier);
                let candidates = candidates.iter().filter(|c| reached(&c.host));
                let first = candidates.clone().next()?;
                let stands_in = |other: &Candidate| {
                    let said = member(&other.host).and_then(|m| m.named.tiers.as_ref());
                    other == first
                        || said.is_some_and(|tiers| tiers.contains(&tier))
                        || found.are_alike(first, other)
                };
                let fitting = candidates.filter(|c| stands_in(c) && fits(&c.host, &c.model));
                // The first among equals: on a host that was not lost a moment ago, if there is one.
                fitting
                    .min_by_key(|c| self.is_shaky(&c.host, now_ms))?
                    .clone()
            }
            // A model that a user named is that model or none: never another one in its place.
            ModelChoice::Named { host, model } => {
                let member = members.iter().find(|m| m.named.answers_to(host))?;
                if !member.may_be_named() {
                    return None;
                }
                let host = member.named.host.clone();
                fits(&host, model).then(|| Candidate {
                    host,
                    model: model.clone(),
                })?
            }
        };
        let card = found.card(&host, &model)?;
        Some(Chosen {
            profile: self.profiles.of(card),
            provider: Provider::from(host),
            model,
        })
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
                    false => format!(
                        "the hosts that fill tier {tier} were lost just now and rest; `alai fleet status` shows them"
                    ),
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
        }
    }

    /// Whether code may go to where a run works, as its project says now.
    pub(crate) fn is_within(&self, chosen: &Chosen, reach: Reach) -> bool {
        let Source::Hosts(members) = &self.source else {
            return true;
        };
        let host = chosen.provider.host();
        let near = |m: &Member| m.near && m.named.address() == host;
        reach == Reach::Anywhere || members.iter().any(near)
    }

    /// A call is about to be made: where its host is tried again after a rest, this is the call that tries. What came of it is told
    /// by [`Models::heard`].
    pub(crate) fn taken(&self, chosen: &Chosen, now_ms: i64) {
        let key = key(&chosen.provider.host(), &chosen.model);
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.get_mut(&key)
            && breaker.may(now_ms) == May::Try
        {
            *breaker = breaker.try_one(now_ms);
        }
    }

    /// What a call came to, as far as it says something about its host. True when nobody answered.
    pub(crate) fn heard(&self, chosen: &Chosen, class: Option<ErrorClass>, now_ms: i64) -> bool {
        let heard = class.map_or(Heard::Answer, heard);
        let key = key(&chosen.provider.host(), &chosen.model);
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breakers.remove(&key).unwrap_or_default();
        let after = before.heard(heard, now_ms);
        if after != Breaker::default() {
            breakers.insert(key, after);
        }
        heard == Heard::Nothing
    }

    /// Whether any of its models was lost a moment ago: most of what takes one away takes them all.
    fn is_shaky(&self, host: &Host, now_ms: i64) -> bool {
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let host = host.to_string();
        let mut its = breakers.iter().filter(|((at, _), _)| *at == host);
        its.any(|(_, breaker)| breaker.is_shaky(now_ms))
    }

    fn may(&self, host: &Host, model: &str, now_ms: i64) -> May {
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = breakers.get(&key(&host.to_string(), model));
        known.map_or(May::Call, |breaker| breaker.may(now_ms))
    }
}

impl Member {
    fn of(named: &NamedHost, money: &Money) -> Member {
        let address = named.address();
        Member {
            near: money.is_near(&address),
            free: money.is_free(&named.host),
            named: named.clone(),
        }
    }

    /// Whether its models stand for a tier. One that costs money does only where a person has said so: an outage of a host of
    /// one's own must not become a bill.
    fn may_fill(&self, tier: u8) -> bool {
        match &self.named.tiers {
            Some(tiers) => tiers.contains(&tier),
            None => self.free,
        }
    }
}

impl Member {
    /// Whether a pack may ask for it by name. One that costs money only where a person has opened it to some tier.
    fn may_be_named(&self) -> bool {
        let tiers = self.named.tiers.as_deref().unwrap_or_default();
        self.free || !tiers.is_empty()
    }
}

impl Found {
    pub(crate) fn is_free(&self, host: &Host) -> bool {
        let mut hosts = self.hosts.iter();
        hosts.any(|seen| seen.free && seen.probe.host == *host)
    }

    fn are_alike(&self, one: &Candidate, other: &Candidate) -> bool {
        let card = |c: &Candidate| self.card(&c.host, &c.model);
        matches!((card(one), card(other)), (Some(one), Some(other)) if alike(one, other))
    }

    pub(crate) fn card(&self, host: &Host, model: &str) -> Option<&ModelCard> {
        let seen = self.hosts.iter().find(|seen| seen.probe.host == *host)?;
        let cards = usable(&seen.probe);
        cards.into_iter().find(|card| card.name == model)
    }
}

fn raised(tier: u8, escalations: u32) -> u8 {
    let raised = u32::from(tier).saturating_add(escalations);
    u8::try_from(raised.clamp(1, u32::from(ModelChoice::TIER_MAX))).unwrap_or(tier)
}

fn key(host: &str, model: &str) -> (String, String) {
    (host.to_owned(), model.to_owned())
}

/// What a failed call says of the host: that it answered, however badly, that nobody did, or nothing.
fn heard(class: ErrorClass) -> Heard {
    match class {
        ErrorClass::Unreachable
        | ErrorClass::Cut
        | ErrorClass::Stalled
        | ErrorClass::TimedOut
        | ErrorClass::ServerFault => Heard::Nothing,
        ErrorClass::Busy
        | ErrorClass::Loading
        | ErrorClass::ModelMissing
        | ErrorClass::BadRequest
        | ErrorClass::ContextTooLong
        | ErrorClass::ContextTruncated
        | ErrorClass::NoTools
        | ErrorClass::MidStream
        | ErrorClass::Malformed
        | ErrorClass::Repeating
        | ErrorClass::Filtered
        | ErrorClass::Refused => Heard::Answer,
        ErrorClass::Cancelled | ErrorClass::OverBudget | ErrorClass::ScriptExhausted => {
            Heard::Unknown
        }
    }
}

fn script(path: &Path) -> Result<Script, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    Script::parse(&text).map_err(|e| ConfigError::Parse {
        path: path.to_owned(),
        why: e.to_string(),
    })
}

/// The shipped ones, with those of a file before them.
fn profiles(path: Option<&Path>) -> Result<Profiles, ConfigError> {
    let shipped = Profiles::shipped();
    let Some(path) = path else {
        return Ok(shipped);
    };
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let own = Profiles::parse(&text).map_err(|e| ConfigError::Parse {
        path: path.to_owned(),
        why: e.to_string(),
    })?;
    Ok(shipped.overridden(own))
}

/// Asks every host, each on a thread of its own: one that hangs costs the others nothing.
fn read(members: &[Member]) -> Found {
    let probes: Vec<Probe> = match members {
        [only] => vec![look_at(only)],
        _ => std::thread::scope(|scope| {
            let looks: Vec<_> = members
                .iter()
                .map(|member| scope.spawn(|| look_at(member)))
                .collect();
            let looked = looks.into_iter().zip(members);
            looked
                .map(|(look, member)| {
                    look.join().unwrap_or_else(|_| {
                        down(member, "the look at it failed", "look at the log")
                    })
                })
                .collect()
        }),
    };
    let mut tiers = pick(&probes);
    for (tier, candidates) in (1u8..).zip(&mut tiers.slots) {
        candidates.retain(|candidate| {
            let member = members.iter().find(|m| m.named.host == candidate.host);
            member.is_some_and(|member| member.may_fill(tier))
        });
    }
    let none = match probes.iter().all(|probe| usable(probe).is_empty()) {
        true => nothing(&probes),
        false => String::new(),
    };
    let hosts = members.iter().zip(probes).map(|(member, probe)| Seen {
        name: member.named.name.clone(),
        near: member.near,
        free: member.free,
        slots: fewest(member.named.slots, probe.slots),
        probe,
    });
    Found {
        tiers,
        hosts: hosts.collect(),
        none,
    }
}

fn look_at(member: &Member) -> Probe {
    match &member.named.unusable {
        Some(why) => down(member, why, "set it right, and start `alai up` anew"),
        None => probe(&member.named.host),
    }
}

fn down(member: &Member, reason: &str, remedy: &str) -> Probe {
    Probe {
        host: member.named.host.clone(),
        state: ProbeState::Down {
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        },
        slots: None,
    }
}

fn fewest(given: Option<usize>, said: Option<u32>) -> Option<usize> {
    let said = said.and_then(|said| usize::try_from(said).ok());
    match (given, said) {
        (Some(given), Some(said)) => Some(given.min(said)),
        (given, said) => given.or(said),
    }
}

/// Why no tier has a model: the words of each host.
fn nothing(probes: &[Probe]) -> String {
    let said = probes.iter().map(|probe| match &probe.state {
        ProbeState::Down { reason, remedy } => match probes.len() {
            1 => format!("{reason}; {remedy}"),
            _ => format!("{}: {reason}; {remedy}", probe.host),
        },
        ProbeState::Up { .. } => match &probe.host {
            Host::Ollama(host) => {
                format!("{host} has no model that can chat; pull one with `ollama pull MODEL`")
            }
            host @ (Host::Openai(_) | Host::Anthropic(_)) => {
                format!("{host} has no model that can chat")
            }
        },
    });
    said.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
