//! Which model answers: five tiers filled by probing the hosts that are there, or a recording.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use alai_core::breaker::{Breaker, Heard, May};
use alai_core::task::TaskKind;
use alai_fleet::profiles::Profiles;
use alai_fleet::{
    Candidate, ErrorClass, Host, ModelCard, Probe, Profile, Provider, Recorder, Script, Tiers,
    alike, same_model, usable,
};

use crate::agents::Agents;
use crate::config::{Config, ConfigError};
use crate::hosts::NamedHost;
use crate::money::Money;
use crate::tapes::Tapes;

mod agents;
mod choose;
mod look;
mod named;
mod same;
mod sites;

pub(crate) use agents::{Asked, OWN_CHOICE, is_done_by_agents};
pub(crate) use choose::raised;
pub(crate) use sites::{Site, SiteModel};

/// The fleet as this factory sees it.
#[derive(Debug)]
pub struct Models {
    source: Source,
    /// Agents of others, which are no hosts.
    agents: Agents,
    /// How the models of a family are run.
    profiles: Profiles,
    tapes: Tapes,
    found: Mutex<Found>,
    /// Of each host and model that was ever lost.
    breakers: Mutex<BTreeMap<(String, String), Breaker>>,
    /// Of each host and model whose load failed and has not succeeded since.
    unloadable: Mutex<BTreeMap<(String, String), sites::Unloadable>>,
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
    /// Models that it has no memory for, with the arithmetic.
    pub refused: BTreeMap<String, String>,
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

impl Chosen {
    /// On a recording, the model that did such tasks then, and how it was run: the requests are made for it.
    pub(crate) fn recorded(self, kind: TaskKind) -> Chosen {
        match self.provider.recorded_for(kind) {
            Some((model, profile)) => Chosen {
                model,
                profile,
                ..self
            },
            None => self,
        }
    }
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
            agents: Agents::new(config.agents.clone(), config.money.clone()),
            profiles: profiles(config.profiles.as_deref())?,
            tapes: Tapes::new(config)?,
            found: Mutex::new(Found {
                none,
                ..Found::default()
            }),
            breakers: Mutex::default(),
            unloadable: Mutex::default(),
        })
    }

    /// Looks at all hosts again, at the same time. True when a model can be used.
    pub fn look(&self) -> bool {
        let found = match &self.source {
            Source::Script(_) => Found::default(),
            Source::Hosts(members) => {
                self.agents.look();
                let mut found = look::read(members);
                if !found.none.is_empty() {
                    found.none = self.agents.and_none(&found.none);
                }
                found
            }
        };
        let usable = found.none.is_empty() || self.agents.is_any_up();
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
        self.agents.is_any_up() || self.found.lock().is_ok_and(|f| f.none.is_empty())
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

    /// Where calls are recorded, when a person wants it.
    pub fn recorder(&self) -> Option<Arc<Recorder>> {
        self.tapes.recorder()
    }

    /// How a model of a host is run: one profile for all of its calls, so that nothing reloads it. How long its calls may take is its
    /// host's affair, where a person said so.
    pub fn profile(&self, host: &Host, card: &ModelCard) -> Profile {
        let (usual, said) = (self.profiles.of(card), host.timeouts());
        Profile {
            idle_s_max: said.between_tokens_s.unwrap_or(usual.idle_s_max),
            call_s_max: said.whole_s.unwrap_or(usual.call_s_max),
            ..usual
        }
    }

    /// Runs that a host may have at the same time, where that is known.
    pub(crate) fn slots(&self, host: &str) -> Option<usize> {
        if let Some(agent) = self.agents.named(host) {
            return Some(agent.slots);
        }
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
        said || !self.agents.is_empty()
            || self
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

    /// Whether code may go to where a run works, as its project says now.
    pub(crate) fn is_within(&self, chosen: &Chosen, reach: Reach) -> bool {
        let Source::Hosts(members) = &self.source else {
            return true;
        };
        let host = chosen.provider.host();
        if let Some(agent) = self.agents.named(&host) {
            return reach == Reach::Anywhere || self.agents.is_near(agent);
        }
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

    /// What a call came to that had begun to be answered, or nobody was waited for, as far as it says something about its host. True
    /// when nobody answered.
    pub(crate) fn heard(&self, chosen: &Chosen, class: Option<ErrorClass>, now_ms: i64) -> bool {
        self.note(chosen, class.map_or(Heard::Answer, heard), now_ms)
    }

    /// The same of a call of which nothing came: one whose time was up may have waited for a slot. A provider that is paid sells no
    /// slots, and each such call may have cost something.
    pub(crate) fn heard_nothing_of(
        &self,
        chosen: &Chosen,
        class: Option<ErrorClass>,
        now_ms: i64,
    ) -> bool {
        match class {
            Some(ErrorClass::Stalled | ErrorClass::TimedOut) if self.is_free(chosen) => {
                self.note(chosen, Heard::Waited, now_ms)
            }
            class => self.heard(chosen, class, now_ms),
        }
    }

    fn is_free(&self, chosen: &Chosen) -> bool {
        let host = chosen.provider.host();
        match &self.source {
            Source::Script(_) => true,
            Source::Hosts(members) => members
                .iter()
                .any(|member| member.free && member.named.address() == host),
        }
    }

    fn note(&self, chosen: &Chosen, heard: Heard, now_ms: i64) -> bool {
        let key = key(&chosen.provider.host(), &chosen.model);
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breakers.remove(&key).unwrap_or_default();
        let after = before.heard(heard, now_ms);
        if after != Breaker::default() {
            breakers.insert(key, after);
        }
        matches!(heard, Heard::NoConnection | Heard::Nothing | Heard::Waited)
    }

    /// Whether any of its models was lost a moment ago: most of what takes one away takes them all.
    fn is_shaky(&self, host: &Host, now_ms: i64) -> bool {
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let host = host.to_string();
        let mut its = breakers.iter().filter(|((at, _), _)| *at == host);
        its.any(|(_, breaker)| breaker.is_shaky(now_ms))
    }

    fn may(&self, host: &Host, model: &str, now_ms: i64) -> May {
        if let Some(until_ms) = self.unloadable_until(&host.to_string(), model, now_ms) {
            return May::Rest { until_ms };
        }
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
        let cards = usable(&seen.probe).into_iter();
        let mut cards = cards.filter(|card| same_model(&card.name, model));
        cards.find(|card| !seen.refused.contains_key(&card.name))
    }
}

fn key(host: &str, model: &str) -> (String, String) {
    (host.to_owned(), model.to_owned())
}

/// What a failed call says of the host: that it answered, however badly, that nobody did, or nothing.
fn heard(class: ErrorClass) -> Heard {
    match class {
        ErrorClass::Unreachable => Heard::NoConnection,
        ErrorClass::Cut | ErrorClass::Stalled | ErrorClass::TimedOut | ErrorClass::ServerFault => {
            Heard::Nothing
        }
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

#[cfg(test)]
mod tests;
