//! Whether what a configuration asks of a host's memory can be had at all.

use super::fleet::{Fleet, HostId, ModelId};

/// A placement that can never be carried out. The message holds the arithmetic and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "{model} does not fit on {host}: it needs {} of the {} that models may use there; place it on a larger host, or a smaller quantisation here",
        gb(*bytes), gb(*memory)
    )]
    TooLarge {
        host: String,
        model: String,
        bytes: u64,
        memory: u64,
    },
    #[error(
        "{host} cannot hold {sum} at once = {}, {} more than the {} that models may use there; {what} is never unloaded: keep it no longer, or place one of them on another host",
        gb(*bytes), gb(bytes.saturating_sub(*memory)), gb(*memory)
    )]
    Together {
        host: String,
        /// Each model with its size, joined by plus signs.
        sum: String,
        /// The pinned ones.
        what: String,
        bytes: u64,
        memory: u64,
    },
    #[error("{model} on {host} has {what}; give it at least 1")]
    NoSlot {
        host: String,
        model: String,
        what: &'static str,
    },
}

/// Refuses what never fits: a model larger than its host, pinned models that exceed it together, and one that would have to stand
/// beside the pinned ones and cannot. Two models that are not pinned may exclude each other: then they take turns.
///
/// # Errors
/// Every refusal, by host and model; never an empty list.
pub fn check(fleet: &Fleet) -> Result<(), Vec<Refusal>> {
    let refusals: Vec<Refusal> = fleet
        .host_ids()
        .flat_map(|host| on_host(fleet, host))
        .collect();
    match refusals.is_empty() {
        true => Ok(()),
        false => Err(refusals),
    }
}

fn on_host(fleet: &Fleet, host: HostId) -> Vec<Refusal> {
    let machine = &fleet.hosts[host.0];
    let has = |model: &ModelId| fleet.place(host, *model).is_some();
    let pinned = |model: &ModelId| fleet.place(host, *model).is_some_and(|place| place.pinned);
    let bytes = |model: &ModelId| fleet.models[model.0].bytes;
    let name = |model: &ModelId| fleet.model_name(*model).to_owned();
    let mut refusals = Vec::new();
    for model in fleet.model_ids().filter(has) {
        let slots = fleet.place(host, model).map_or(0, |place| place.slots);
        let what = match (machine.slots, slots) {
            (0, _) => Some("a host without slots"),
            (_, 0) => Some("no slots"),
            (_, _) => None,
        };
        refusals.extend(what.map(|what| Refusal::NoSlot {
            host: machine.name.clone(),
            model: name(&model),
            what,
        }));
        if bytes(&model) > machine.memory {
            refusals.push(Refusal::TooLarge {
                host: machine.name.clone(),
                model: name(&model),
                bytes: bytes(&model),
                memory: machine.memory,
            });
        }
    }
    let together = |models: &[ModelId]| {
        let sum: u64 = models
            .iter()
            .fold(0, |sum, model| sum.saturating_add(bytes(model)));
        (sum > machine.memory).then(|| Refusal::Together {
            host: machine.name.clone(),
            sum: joined(models, |model| {
                format!("{} {}", name(model), gb(bytes(model)))
            }),
            what: models
                .iter()
                .filter(|model| pinned(model))
                .map(name)
                .collect::<Vec<_>>()
                .join(", "),
            bytes: sum,
            memory: machine.memory,
        })
    };
    let stays: Vec<ModelId> = fleet.model_ids().filter(pinned).collect();
    if stays.is_empty() || !refusals.is_empty() {
        return refusals;
    }
    if let Some(refusal) = together(&stays) {
        return vec![refusal];
    }
    let others = fleet
        .model_ids()
        .filter(|model| has(model) && !pinned(model));
    refusals.extend(others.filter_map(|other| {
        let beside: Vec<ModelId> = std::iter::once(other)
            .chain(stays.iter().copied())
            .collect();
        together(&beside)
    }));
    refusals
}

fn joined(models: &[ModelId], word: impl Fn(&ModelId) -> String) -> String {
    models.iter().map(word).collect::<Vec<_>>().join(" + ")
}

/// Such as `240.0 GB`, in units of 10^9 bytes.
fn gb(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}
