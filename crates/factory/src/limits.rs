//! What a run holds while it lives, and how much of each there is: companies, models and the host that serves them.

use std::collections::BTreeSet;
use std::sync::Arc;

use alai_core::ids::ProjectId;
use alai_core::routing;
use alai_core::task::Task;
use alai_mission::{ClaimLimits, MissionError, Reader, Slot, SlotsOf};

use crate::config::Config;
use crate::models::{Asked, Models, Reach};
use crate::packs::Packs;
use crate::unasked;

/// Minutes from a run's claim to its end: set-up, agent and gate of a large project fit several times.
const RUN_MINUTES_MAX: usize = 6 * 60;

/// Minutes without a new step: an agent may take 45 (`RunLimits`), and a gate's slowest command 10; twice that is no work.
pub(crate) const IDLE_MINUTES_MAX: usize = 110;

/// Hours in the queue: two nights, in which nobody looks.
const QUEUE_HOURS_MAX: usize = 48;

const MINUTE_MS: i64 = 60_000;

/// What a run holds, as the first part of its key.
pub(crate) const HOST: &str = "host";
pub(crate) const COMPANY: &str = "company";
pub(crate) const MODEL: &str = "model";
/// A model on one host.
pub(crate) const PLACE: &str = "place";

/// Milliseconds from a run's claim within which it must have ended.
pub(crate) fn run_ms_max(config: &Config) -> i64 {
    ms(config.limits.run_minutes, RUN_MINUTES_MAX, MINUTE_MS)
}

/// Milliseconds that a run may go without reaching a step.
pub(crate) fn idle_ms_max(config: &Config) -> i64 {
    ms(config.limits.idle_minutes, IDLE_MINUTES_MAX, MINUTE_MS)
}

/// Milliseconds that an eligible task may wait for its turn before that is reported.
pub(crate) fn queue_ms_max(config: &Config) -> i64 {
    ms(config.limits.queue_hours, QUEUE_HOURS_MAX, 60 * MINUTE_MS)
}

fn ms(given: Option<usize>, otherwise: usize, unit_ms: i64) -> i64 {
    i64::try_from(given.unwrap_or(otherwise))
        .unwrap_or(i64::MAX)
        .saturating_mul(unit_ms)
}

/// The projects whose code stays on their user's machines. What is claimed is decided inside a transaction, so it is read before.
#[derive(Debug, Default)]
pub(crate) struct Reaches(BTreeSet<ProjectId>);

impl Reaches {
    pub(crate) fn read(reader: &Reader) -> Result<Reaches, MissionError> {
        let projects = reader.projects()?;
        let local = projects.iter().filter(|p| p.settings.local_only);
        Ok(Reaches(local.map(|project| project.id).collect()))
    }

    /// Whether a task's code stays there.
    pub(crate) fn is_near(&self, task: &Task) -> bool {
        task.project.is_some_and(|id| self.0.contains(&id))
    }

    pub(crate) fn of(&self, task: &Task) -> Reach {
        match self.is_near(task) {
            true => Reach::Near,
            false => Reach::Anywhere,
        }
    }
}

fn fewer(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The limits of `alai.toml`, with the routing that tells what a task's run would hold.
pub(crate) fn claim_limits(
    config: &Config,
    packs: &Arc<Packs>,
    models: &Arc<Models>,
    reaches: Reaches,
    now_ms: i64,
) -> ClaimLimits {
    ClaimLimits {
        total: config.slots,
        per_project: config.limits.per_project.unwrap_or(config.slots),
        run_ms_max: run_ms_max(config),
        slots: slots_of(config, packs, models, reaches, now_ms),
    }
}

/// Runs that a host may have at the same time, where that is known.
pub(crate) fn on_host(config: &Config, models: &Models, host: &str) -> Option<usize> {
    fewer(config.limits.host, models.slots(host))
}

/// What a run holds of a host.
pub(crate) fn host_key(host: &str) -> String {
    format!("{HOST}:{host}")
}

fn slots_of(
    config: &Config,
    packs: &Arc<Packs>,
    models: &Arc<Models>,
    reaches: Reaches,
    now_ms: i64,
) -> SlotsOf {
    let limits = config.limits.clone();
    if !limits.shared() && !models.has_slots() {
        return SlotsOf::NOTHING;
    }
    let (packs, models) = (Arc::clone(packs), Arc::clone(models));
    SlotsOf::new(move |task| {
        let mut slots = Vec::new();
        let mut hold = |kind: &str, name: &str, most: Option<usize>| {
            if let Some(most) = most {
                let key = format!("{kind}:{name}");
                slots.push(Slot { key, most });
            }
        };
        // What cannot be routed holds nothing: its run ends with the reason.
        if let Ok(company) = packs.company_for(task) {
            let most = limits.company.get(&company.name).copied();
            hold(COMPANY, &company.name, most);
            if unasked::by_packs(&packs, task) {
                return slots;
            }
            let wish = routing::wish(task, company);
            let (escalations, reach) = (task.counters.escalations, reaches.of(task));
            let candidates = wish.want.model().map_or_else(Vec::new, |choice| {
                let asked = Asked {
                    kind: task.kind,
                    choice,
                    escalations,
                    reach,
                    now_ms,
                };
                models.candidates_of(asked, &|_| true)
            });
            // Where there are several, the scheduler says which of them it is.
            if let [chosen] = candidates.as_slice() {
                let most = limits.model.get(&chosen.model).copied();
                hold(MODEL, &chosen.model, most);
                let host = chosen.provider.host();
                let most = fewer(limits.host, models.slots(&host));
                hold(HOST, &host, most);
            }
        }
        slots
    })
}
