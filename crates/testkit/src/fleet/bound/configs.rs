//! What a host can do at one moment.

use super::super::trace::Trace;

/// A model on a host that has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) host: usize,
    pub(super) model: usize,
    pub(super) load_ms: f64,
    /// Calls at once: the smaller of the host's and the place's own.
    pub(super) slots: u32,
}

/// A place's position and its calls at once.
pub(super) type Calls = (usize, f64);

/// Calls at once by place, and a load beside them. Places of which nothing is said do nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Config {
    pub(super) runs: Vec<Calls>,
    pub(super) loads: Option<usize>,
}

pub(super) fn places(trace: &Trace) -> Vec<Place> {
    let fleet = &trace.fleet;
    let ids = fleet
        .host_ids()
        .flat_map(|host| fleet.model_ids().map(move |model| (host, model)));
    ids.filter_map(|(host, model)| {
        let place = fleet.place(host, model)?;
        Some(Place {
            host: host.0,
            model: model.0,
            load_ms: trace.load_ms[host.0][model.0] as f64,
            slots: place.slots.min(fleet.hosts[host.0].slots),
        })
    })
    .collect()
}

/// All that a host can do at one moment, in the largest sets of models that its memory holds: smaller sets can do nothing that these cannot.
pub(super) fn configs(trace: &Trace, places: &[Place], host: usize) -> Vec<Config> {
    let here: Vec<usize> = (0..places.len())
        .filter(|place| places[*place].host == host)
        .collect();
    let chosen = |set: u32| {
        here.iter()
            .enumerate()
            .filter(move |(at, _)| set & 1 << at != 0)
    };
    let fits = |set: &u32| {
        let bytes = chosen(*set).map(|(_, place)| trace.fleet.models[places[*place].model].bytes);
        bytes.sum::<u64>() <= trace.fleet.hosts[host].memory
    };
    let sets: Vec<u32> = (0..1_u32 << here.len()).filter(fits).collect();
    let is_largest = |set: &&u32| {
        let larger = |other: &u32| other != *set && other & **set == **set;
        !sets.iter().any(larger)
    };
    let mut found: Vec<Config> = Vec::new();
    for set in sets.iter().filter(is_largest) {
        let loaded: Vec<usize> = chosen(*set).map(|(_, place)| *place).collect();
        for loads in loaded.iter().copied().map(Some).chain([None]) {
            let answers = |place: &usize| Some(*place) != loads;
            let may: Vec<usize> = loaded.iter().copied().filter(answers).collect();
            let slots = trace.fleet.hosts[host].slots;
            fill(places, &may, slots, &mut Vec::new(), &mut |runs| {
                let config = Config {
                    runs: runs.to_vec(),
                    loads,
                };
                if !found.contains(&config) {
                    found.push(config);
                }
            });
        }
    }
    found
}

/// Every way to give at most so many slots to places.
pub(super) fn fill(
    places: &[Place],
    may: &[usize],
    slots: u32,
    runs: &mut Vec<Calls>,
    found: &mut dyn FnMut(&[Calls]),
) {
    let Some((first, rest)) = may.split_first() else {
        found(runs);
        return;
    };
    fill(places, rest, slots, runs, found);
    for calls in 1..=slots.min(places[*first].slots) {
        runs.push((*first, f64::from(calls)));
        fill(places, rest, slots - calls, runs, found);
        runs.pop();
    }
}
