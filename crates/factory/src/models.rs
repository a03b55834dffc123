//! Which model answers: five tiers filled by probing the hosts that are there, or a recording.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use alai_core::breaker::{Asked, Breaker, Heard, May};
use alai_core::company::ModelChoice;
use alai_fleet::profiles::Profiles;
use alai_fleet::{
    Candidate, ErrorClass, Host, ModelCard, Probe, ProbeState, Profile, Provider, Script, Tiers,
    pick, probe, usable,
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

    /// Whether any host says how many runs it may have at the same time.
    pub(crate) fn has_slots(&self) -> bool {
        match &self.source {
            Source::Script(_) => false,
            Source::Hosts(members) => members.iter().any(|m| m.named.slots.is_some()),
        }
    }

    /// The model for a wish, `escalations` tiers up, within reach. A host that was lost rests: an outage moves work to the next
    /// host of the same tier and never up a tier.
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
        let fits = |host: &Host, model: &str| {
            let member = members.iter().find(|m| m.named.host == *host);
            member.is_some_and(|m| m.near || reach == Reach::Anywhere)
                && !matches!(self.may(host, model, now_ms), May::Rest { .. })
        };
        let Candidate { host, model } = match choice {
            ModelChoice::Tier(tier) => {
                let candidates = found.tiers.candidates(raised(*tier, escalations));
                let fitting = candidates.iter().filter(|c| fits(&c.host, &c.model));
                // The first among equals: of those that were not lost a moment ago, if there are any.
                fitting
                    .min_by_key(|c| self.is_shaky(&c.host, &c.model, now_ms))?
                    .clone()
            }
            // A model that a user named is that model or none: never another one in its place.
            ModelChoice::Named { host, model } => {
                let member = members.iter().find(|m| m.named.answers_to(host))?;
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
            ModelChoice::Tier(tier) => format!(
                "every host that may fill tier {} was lost just now and rests, or none may; `alai fleet status` shows them",
                raised(*tier, escalations)
            ),
            ModelChoice::Named { host, model } => {
                let names = found.hosts.iter().map(|seen| seen.name.as_str());
                format!(
                    "the model `{model}` on host `{host}` is not there, or rests after it was lost; the hosts are {}",
                    names.collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    /// A run takes this model: where its host is tried again after a rest, this run is the one that tries.
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
        let after = before.heard(Asked::Call, heard, now_ms);
        if after != Breaker::default() {
            breakers.insert(key, after);
        }
        heard == Heard::Nothing
    }

    fn is_shaky(&self, host: &Host, model: &str, now_ms: i64) -> bool {
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = breakers.get(&key(&host.to_string(), model));
        known.is_some_and(|breaker| breaker.is_shaky(now_ms))
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

impl Found {
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
    let none = match tiers.is_empty() {
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
    match &member.named.no_key {
        Some(why) => down(member, why, "set it, and start `alai up` anew"),
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
        ProbeState::Up { .. } if usable(probe).is_empty() => match &probe.host {
            Host::Ollama(host) => {
                format!("{host} has no model that can chat; pull one with `ollama pull MODEL`")
            }
            host @ (Host::Openai(_) | Host::Anthropic(_)) => {
                format!("{host} has no model that can chat")
            }
        },
        ProbeState::Up { .. } => format!(
            "{} costs money and fills no tier until its `tiers` in `[[fleet.hosts]]` say which",
            probe.host
        ),
    });
    said.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use alai_fleet::EditFormat;

    use super::*;

    /// The edit format that a model of this name would be run with.
    fn format(config: &Config, name: &str) -> EditFormat {
        let models = Models::new(config).expect("the settings are right");
        let card = ModelCard {
            name: name.into(),
            size_bytes: 1,
            parameters: None,
            parameter_count: None,
            context_max: None,
            chat: true,
            tools: true,
            thinking: false,
            embedding_only: false,
            remote: None,
            digest: String::new(),
        };
        models.profiles.of(&card).edit_format
    }

    #[test]
    fn what_a_person_says_of_a_family_counts_before_what_is_shipped() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("profiles.yaml");
        let mut config = Config::default();
        let (shipped, unknown) = (format(&config, "gpt-oss:20b"), format(&config, "mine:7b"));
        std::fs::write(
            &path,
            "- names: [gpt-oss, mine]\n  edit_format: whole\n  why: measured here\n",
        )
        .expect("writes");
        config.profiles = Some(path.clone());
        for (name, before) in [("gpt-oss:20b", shipped), ("mine:7b", unknown)] {
            assert_ne!(before, EditFormat::Whole, "{name}");
            assert_eq!(format(&config, name), EditFormat::Whole, "{name}");
        }
        std::fs::write(&path, "- names: [mine]\n  edit: whole\n").expect("writes");
        let refused = Models::new(&config).expect_err("no such key").to_string();
        assert!(
            refused.contains("profiles.yaml") && refused.contains("edit"),
            "{refused}"
        );
    }
}
