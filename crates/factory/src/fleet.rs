//! The fleet as a look at every host finds it, in lines for people: hosts, models, and one real word of each tier.

use std::collections::BTreeMap;
use std::time::Duration;

use alai_core::mode::Mode;
use alai_fleet::{
    Candidate, EditFormat, Host, HostRef, ModelCard, ProbeState, Profile, Provider, ToolMode,
    embed_by, holds, ping, usable,
};
use alai_mission::Learned;
use serde::Serialize;

pub use crate::agents::AgentLine;
use crate::clock::wall_ms;
use crate::dispatch::loads::load_max;
use crate::dispatch::picture::load_ms_unmeasured;
use crate::dispatch::words::WORD_MAX;
use crate::dispatch::{HostView, Speeds, Took};
use crate::home::Home;
use crate::models::{Found, Models, Seen};

mod recording;

pub use recording::{RecordedCall, RecordedQuestion, RecordedSession, Recording, recording};

/// What a look found.
#[derive(Debug, Serialize)]
pub struct FleetView {
    pub mode: Mode,
    pub hosts: Vec<HostLine>,
    pub models: Vec<ModelLine>,
    pub agents: Vec<AgentLine>,
    /// The folder that all calls are recorded in.
    pub recording: Option<String>,
    /// Why no model can be used, with what to do; empty when one can.
    pub none: String,
}

/// One host.
#[derive(Debug, Serialize)]
pub struct HostLine {
    pub host: String,
    pub address: String,
    /// A machine of one's own network, which is all that a project with `local_only` reaches.
    pub near: bool,
    pub free: bool,
    pub slots: Option<usize>,
    /// Requests that it runs at once by its own word, whatever a person said.
    pub slots_told: Option<u32>,
    pub up: bool,
    pub version: Option<String>,
    /// Models that can do work.
    pub models: usize,
    /// Models that could not be described.
    pub unreadable: usize,
    /// What is wrong with it, and what to do.
    pub trouble: Option<String>,
    /// Models that it has no memory for, with the arithmetic.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
    /// What a daemon's scheduler has there; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<HostView>,
}

/// One model of one host.
#[derive(Debug, Serialize)]
pub struct ModelLine {
    pub host: String,
    pub model: String,
    pub parameters: Option<String>,
    pub context_max: Option<u32>,
    /// Why it does no work: that it makes no text, or where it would send code.
    pub not_used: Option<String>,
    pub stands: Vec<Stands>,
    pub num_ctx: u32,
    pub output_max: u32,
    /// Turns that one step of an agent may have with it.
    pub turns_max: u32,
    /// Whether its server parses its calls of tools.
    pub native_tools: bool,
    pub edit_format: EditFormat,
    pub thinks: bool,
    /// What runs have seen of it; none before the first one.
    pub learned: Option<Learned>,
    /// How long its runs and its load took, by kind; empty before the first one.
    pub took: Vec<Took>,
}

/// A model's place among the candidates of a tier; 1 is the first choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stands {
    pub tier: u8,
    pub place: usize,
}

/// What the first model of a tier answered, or the first model of a host that makes vectors.
#[derive(Debug, Clone, Serialize)]
pub struct Heard {
    /// None for one that makes vectors.
    pub tier: Option<u8>,
    pub host: String,
    pub model: String,
    /// Milliseconds, with the load; none when it did not answer.
    pub latency_ms: Option<i64>,
    /// The window that the host gave it, in tokens, where it says so.
    pub context: Option<u32>,
    /// Numbers of its vectors.
    pub dimensions: Option<usize>,
    pub error: Option<String>,
}

/// Looks at every host now.
pub fn view(models: &Models) -> FleetView {
    models.look();
    let found = models.found();
    FleetView {
        mode: models.mode(),
        hosts: found.hosts.iter().map(host_line).collect(),
        models: found
            .hosts
            .iter()
            .flat_map(|seen| model_lines(models, &found, seen))
            .collect(),
        agents: crate::agents::lines(models),
        recording: models.recorder().map(|r| r.dir().display().to_string()),
        none: match models.usable() {
            true => String::new(),
            false => found.none,
        },
    }
}

impl FleetView {
    /// The same with what runs have seen of each model, and with how long they took, or what is wrong with the file that says so.
    pub fn with(
        mut self,
        learned: &[Learned],
        home: &Home,
        now_ms: i64,
    ) -> (FleetView, Result<(), String>) {
        let path = home.speeds();
        let (speeds, sound) = match Speeds::read(&path, now_ms) {
            Ok(speeds) => (speeds, Ok(())),
            Err(why) => {
                let why = format!("{} is not used: {why}", path.display());
                (Speeds::default(), Err(why))
            }
        };
        let address = |host: &str| {
            let mut hosts = self.hosts.iter();
            hosts
                .find(|line| line.host == host)
                .map(|line| line.address.as_str())
        };
        for line in &mut self.models {
            let at = address(&line.host);
            let mut seen = learned.iter();
            line.learned = seen
                .find(|one| Some(one.host.as_str()) == at && one.model == line.model)
                .cloned();
            line.took = at.map_or_else(Vec::new, |at| speeds.of_model(at, &line.model));
        }
        (self, sound)
    }
}

/// Has the first model of each tier say one word, each model once, and the first of each host that makes vectors make one. One that costs money is asked only when that is said: no ledger
/// has it.
pub fn hear(models: &Models, paid: bool) -> Vec<Heard> {
    let found = models.found();
    let mut heard: Vec<Heard> = Vec::new();
    for (tier, candidates) in (1u8..).zip(&found.tiers.slots) {
        let Some(first) = candidates.first() else {
            continue;
        };
        let host = first.host.to_string();
        let known = heard
            .iter()
            .find(|one| one.host == host && one.model == first.model);
        match known.cloned() {
            Some(known) => heard.push(Heard {
                tier: Some(tier),
                ..known
            }),
            None if !paid && !found.is_free(&first.host) => {
                heard.push(unasked(Some(tier), host, &first.model));
            }
            None => heard.extend(one_word(models, &found, tier, first)),
        }
    }
    for seen in &found.hosts {
        let Some(card) = embedder(seen) else { continue };
        heard.push(match paid || seen.free {
            true => one_vector(models, &seen.probe.host, &card.name),
            false => unasked(None, seen.probe.host.to_string(), &card.name),
        });
    }
    heard
}

fn unasked(tier: Option<u8>, host: String, model: &str) -> Heard {
    Heard {
        tier,
        host,
        model: model.to_owned(),
        latency_ms: None,
        context: None,
        dimensions: None,
        error: Some("not asked: it costs money; `--paid` asks it".to_owned()),
    }
}

/// The first model of a host that makes vectors and nothing else, on the host itself.
fn embedder(seen: &Seen) -> Option<&ModelCard> {
    let cards = match &seen.probe.state {
        ProbeState::Up { models, .. } => models.as_slice(),
        ProbeState::Down { .. } => &[],
    };
    let mut cards = cards.iter();
    cards.find(|card| card.embedding_only && card.remote.is_none())
}

fn one_vector(models: &Models, host: &Host, model: &str) -> Heard {
    let recorder = models.recorder();
    let into = recorder
        .as_deref()
        .map(|r| (r, &wall_ms as &dyn Fn() -> i64));
    let provider = Provider::from(host.clone());
    let made = embed_by(&provider, into, model, &["ok".to_owned()], None, &|| false);
    Heard {
        tier: None,
        host: host.to_string(),
        model: model.to_owned(),
        latency_ms: made.as_ref().ok().map(|made| made.latency_ms),
        context: None,
        dimensions: made.as_ref().ok().map(|made| made.dimensions),
        error: made.err().map(|e| e.to_string()),
    }
}

fn one_word(models: &Models, found: &Found, tier: u8, first: &Candidate) -> Option<Heard> {
    let card = found.card(&first.host, &first.model)?;
    let usual = models.profile(&first.host, card);
    // Nobody waits at a terminal for as long as a run waits for its answer.
    let held = holds(&first.host, &first.model, &usual, &|| false).unwrap_or(false);
    let most = word_max(held, card.size_bytes).as_secs();
    let profile = Profile {
        call_s_max: most.min(usual.call_s_max),
        ..usual
    };
    let host: HostRef<'_> = (&first.host).into();
    let said = ping(host, &first.model, &profile, &|| false);
    Some(Heard {
        tier: Some(tier),
        host: first.host.to_string(),
        model: first.model.clone(),
        latency_ms: said.as_ref().ok().map(|ping| ping.latency_ms),
        context: said.as_ref().ok().and_then(|ping| ping.context),
        dimensions: None,
        error: said.err().map(|e| e.to_string()),
    })
}

/// How long one word may take: of a model that its host holds as long as on the interval, of another one the load as well.
fn word_max(held: bool, bytes: u64) -> Duration {
    match held {
        true => WORD_MAX,
        false => load_max(load_ms_unmeasured(bytes)) + WORD_MAX,
    }
}

fn host_line(seen: &Seen) -> HostLine {
    let (up, version, unreadable, trouble) = match &seen.probe.state {
        ProbeState::Up {
            version,
            warning,
            unreadable,
            ..
        } => {
            let version = Some(version.clone()).filter(|version| !version.is_empty());
            (true, version, unreadable.len(), warning.clone())
        }
        ProbeState::Down { reason, remedy } => {
            (false, None, 0, Some(format!("{reason}; {remedy}")))
        }
    };
    HostLine {
        host: seen.name.clone(),
        address: seen.probe.host.to_string(),
        near: seen.near,
        free: seen.free,
        slots: seen.slots,
        slots_told: seen.probe.slots,
        up,
        version,
        models: usable(&seen.probe).len() - seen.refused.len(),
        unreadable,
        trouble,
        refused: seen.refused.clone(),
        schedule: None,
    }
}

fn model_lines(models: &Models, found: &Found, seen: &Seen) -> Vec<ModelLine> {
    let cards = match &seen.probe.state {
        ProbeState::Up { models, .. } => models.as_slice(),
        ProbeState::Down { .. } => &[],
    };
    let line = |card: &ModelCard| {
        let profile = models.profile(&seen.probe.host, card);
        ModelLine {
            host: seen.name.clone(),
            model: card.name.clone(),
            parameters: card.parameters.clone(),
            context_max: card.context_max,
            not_used: seen
                .refused
                .get(&card.name)
                .cloned()
                .or_else(|| not_used(card)),
            stands: stands(found, &seen.probe.host, &card.name),
            num_ctx: profile.num_ctx,
            output_max: profile.output_max,
            turns_max: profile.turns_max,
            native_tools: profile.tool_mode == ToolMode::Native,
            edit_format: profile.edit_format,
            thinks: card.thinking,
            learned: None,
            took: Vec::new(),
        }
    };
    cards.iter().map(line).collect()
}

fn not_used(card: &ModelCard) -> Option<String> {
    match &card.remote {
        Some(remote) => Some(format!("it runs at {remote}, outside of its host")),
        None if card.embedding_only => Some("it makes vectors and no text".to_owned()),
        None => (!card.chat).then(|| "it makes no text".to_owned()),
    }
}

fn stands(found: &Found, host: &Host, model: &str) -> Vec<Stands> {
    let tiers = (1u8..).zip(&found.tiers.slots);
    let stands = tiers.filter_map(|(tier, candidates)| {
        let mut candidates = candidates.iter();
        let at = candidates.position(|c| c.host == *host && c.model == model)?;
        Some(Stands {
            tier,
            place: at + 1,
        })
    });
    stands.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_waited_for_as_long_as_it_can_take() {
        assert_eq!(word_max(true, 240_000_000_000), WORD_MAX);
        let minutes = |word: Duration| word.as_secs() / 60;
        assert_eq!(minutes(word_max(false, 5_000_000_000)), 6);
        assert_eq!(minutes(word_max(false, 240_000_000_000)), 12);
    }
}
