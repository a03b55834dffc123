//! The fleet as a look at every host finds it, in lines for people: hosts, models, and one real word of each tier.

use alai_core::mode::Mode;
use alai_fleet::{
    Candidate, EditFormat, Host, HostRef, ModelCard, ProbeState, ToolMode, ping, usable,
};
use serde::Serialize;

use crate::models::{Found, Models, Seen};

/// What a look found.
#[derive(Debug, Serialize)]
pub struct FleetView {
    pub mode: Mode,
    pub hosts: Vec<HostLine>,
    pub models: Vec<ModelLine>,
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
    pub up: bool,
    pub version: Option<String>,
    /// Models that can do work.
    pub models: usize,
    /// Models that could not be described.
    pub unreadable: usize,
    /// What is wrong with it, and what to do.
    pub trouble: Option<String>,
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
    /// Whether its server parses its calls of tools.
    pub native_tools: bool,
    pub edit_format: EditFormat,
    pub thinks: bool,
}

/// A model's place among the candidates of a tier; 1 is the first choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stands {
    pub tier: u8,
    pub place: usize,
}

/// What the first model of a tier answered.
#[derive(Debug, Clone, Serialize)]
pub struct Heard {
    pub tier: u8,
    pub host: String,
    pub model: String,
    /// Milliseconds, with the load; none when it did not answer.
    pub latency_ms: Option<i64>,
    /// The window that the host gave it, in tokens, where it says so.
    pub context: Option<u32>,
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
        none: found.none,
    }
}

/// Has the first model of each tier say one word, each model once. One that costs money is asked only when that is said: no ledger
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
            Some(known) => heard.push(Heard { tier, ..known }),
            None if !paid && !found.is_free(&first.host) => heard.push(Heard {
                tier,
                host,
                model: first.model.clone(),
                latency_ms: None,
                context: None,
                error: Some("not asked: it costs money; `--paid` asks it".to_owned()),
            }),
            None => heard.extend(one_word(models, &found, tier, first)),
        }
    }
    heard
}

fn one_word(models: &Models, found: &Found, tier: u8, first: &Candidate) -> Option<Heard> {
    let profile = models.profile(found.card(&first.host, &first.model)?);
    let host: HostRef<'_> = (&first.host).into();
    let said = ping(host, &first.model, &profile, &|| false);
    Some(Heard {
        tier,
        host: first.host.to_string(),
        model: first.model.clone(),
        latency_ms: said.as_ref().ok().map(|ping| ping.latency_ms),
        context: said.as_ref().ok().and_then(|ping| ping.context),
        error: said.err().map(|e| e.to_string()),
    })
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
        up,
        version,
        models: usable(&seen.probe).len(),
        unreadable,
        trouble,
    }
}

fn model_lines(models: &Models, found: &Found, seen: &Seen) -> Vec<ModelLine> {
    let cards = match &seen.probe.state {
        ProbeState::Up { models, .. } => models.as_slice(),
        ProbeState::Down { .. } => &[],
    };
    let line = |card: &ModelCard| {
        let profile = models.profile(card);
        ModelLine {
            host: seen.name.clone(),
            model: card.name.clone(),
            parameters: card.parameters.clone(),
            context_max: card.context_max,
            not_used: not_used(card),
            stands: stands(found, &seen.probe.host, &card.name),
            num_ctx: profile.num_ctx,
            output_max: profile.output_max,
            native_tools: profile.tool_mode == ToolMode::Native,
            edit_format: profile.edit_format,
            thinks: card.thinking,
        }
    };
    cards.iter().map(line).collect()
}

fn not_used(card: &ModelCard) -> Option<String> {
    match &card.remote {
        Some(remote) => Some(format!("it runs at {remote}, outside of its host")),
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
