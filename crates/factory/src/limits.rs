//! What a run holds while it lives, and how much of each there is: companies, models and the host that serves them.

use std::sync::Arc;

use alai_mission::{ClaimLimits, Slot, SlotsOf};

use crate::config::Config;
use crate::models::Models;
use crate::packs::Packs;
use crate::work;

/// The limits of `alai.toml`, with the routing that tells what a task's run would hold.
pub(crate) fn claim_limits(
    config: &Config,
    packs: &Arc<Packs>,
    models: &Arc<Models>,
) -> ClaimLimits {
    ClaimLimits {
        total: config.slots,
        per_project: config.limits.per_project.unwrap_or(config.slots),
        slots: slots_of(config, packs, models),
    }
}

fn slots_of(config: &Config, packs: &Arc<Packs>, models: &Arc<Models>) -> SlotsOf {
    let limits = config.limits.clone();
    if limits.company.is_empty() && limits.model.is_empty() && limits.host.is_none() {
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
        hold("host", &models.host(), limits.host);
        // What cannot be routed holds nothing: its run ends with the reason.
        if let Ok(company) = work::company_for(&packs.registry, task) {
            let most = limits.company.get(&company.name).copied();
            hold("company", &company.name, most);
            let (role, activity) = work::post_of(task.kind);
            let (choice, _source) = company.model_for(role, activity);
            if let Some(chosen) = models.choose(choice, task.counters.escalations) {
                let most = limits.model.get(&chosen.model).copied();
                hold("model", &chosen.model, most);
            }
        }
        slots
    })
}
