//! How many calls may still begin somewhere, and which limit says so.

use std::fmt;

use super::fleet::{HostId, ModelId};
use super::state::State;

/// The limit that is the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Calls at once in the whole fleet.
    Fleet(u32),
    /// Calls at once on the host.
    Host(u32),
    /// Calls at once of the model on the host.
    Place(u32),
    /// The host is down.
    Down,
    /// The host does not have the model.
    Unknown,
}

/// How many more calls of a model may begin on a host, were it loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub free: u32,
    /// What leaves no more; of equal limits the wider one, because it concerns more.
    pub bound: Bound,
}

/// The smallest of what the fleet, the host and the place have left.
pub fn room(state: &State, host: HostId, model: ModelId) -> Room {
    let fleet = state.fleet();
    let nothing = |bound| Room { free: 0, bound };
    let (Some(place), Some(machine)) = (fleet.place(host, model), fleet.hosts.get(host.0)) else {
        return nothing(Bound::Unknown);
    };
    if !state.is_up(host) {
        return nothing(Bound::Down);
    }
    let busy = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let (mut all, mut on_host, mut on_place) = (0, 0, 0);
    for running in state.running() {
        all += 1;
        on_host += usize::from(running.host == host);
        on_place += usize::from((running.host, running.model) == (host, model));
    }
    let limits = [
        (fleet.slots, all, Bound::Fleet as fn(u32) -> Bound),
        (Some(machine.slots), on_host, Bound::Host),
        (Some(place.slots), on_place, Bound::Place),
    ];
    limits
        .into_iter()
        .filter_map(|(slots, taken, bound)| {
            slots.map(|slots| Room {
                free: slots.saturating_sub(busy(taken)),
                bound: bound(slots),
            })
        })
        .min_by_key(|room| room.free)
        .unwrap_or(nothing(Bound::Unknown))
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Fleet(slots) => write!(f, "{slots} at once in the whole fleet"),
            Bound::Host(slots) => write!(f, "{slots} at once on the host"),
            Bound::Place(slots) => write!(f, "{slots} at once of this model on the host"),
            Bound::Down => f.write_str("the host is down"),
            Bound::Unknown => f.write_str("the host does not have the model"),
        }
    }
}
