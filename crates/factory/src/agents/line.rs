//! An agent in a line for people.

use alai_core::money::Tariff;
use serde::Serialize;

use super::{AgentState, Order, SeenAgent};
use crate::models::{Models, OWN_CHOICE};

/// One agent; the fields that a host has too mean the same.
#[derive(Debug, Clone, Serialize)]
pub struct AgentLine {
    pub host: String,
    pub address: String,
    pub engine: &'static str,
    pub near: bool,
    pub free: bool,
    /// What pays: `own`, `flat`, `metered`, or `unpriced`, which is not started.
    pub paid: &'static str,
    pub slots: usize,
    pub up: bool,
    pub version: Option<String>,
    pub program: Option<String>,
    pub model: String,
    pub tiers: Vec<u8>,
    pub order: Order,
    /// What is wrong with it, and what to do.
    pub trouble: Option<String>,
    /// Until when it rests, in milliseconds since the Unix epoch, and why.
    pub rest: Option<(i64, String)>,
}

/// The agents at the last look, in the order of the settings.
pub(crate) fn lines(models: &Models) -> Vec<AgentLine> {
    models.agents().into_iter().map(line).collect()
}

fn line(seen: SeenAgent) -> AgentLine {
    let (version, program, trouble) = match seen.state {
        AgentState::Up { version, program } => (Some(version), Some(program), None),
        AgentState::Down { reason, remedy } => (None, None, Some(format!("{reason}; {remedy}"))),
    };
    let paid = match seen.tariff {
        Tariff::Own => "own",
        Tariff::Flat(_) => "flat",
        Tariff::Metered(_) | Tariff::Told => "metered",
        Tariff::Unpriced => "unpriced",
    };
    AgentLine {
        address: seen.agent.address(),
        engine: seen.agent.engine.as_str(),
        near: seen.near,
        free: matches!(seen.tariff, Tariff::Own | Tariff::Flat(_)),
        paid,
        slots: seen.agent.slots,
        up: trouble.is_none(),
        version: version.filter(|version| !version.is_empty()),
        program,
        model: seen.agent.model.unwrap_or_else(|| OWN_CHOICE.to_owned()),
        tiers: seen.agent.tiers,
        order: seen.agent.order,
        trouble,
        rest: seen.rest,
        host: seen.agent.name,
    }
}
