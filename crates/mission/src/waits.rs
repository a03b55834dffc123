//! How long writers wait for their commit: from the moment an event is asked for until it is durable.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Steps within one doubling: a figure is at most a fifth too large.
const STEPS: u64 = 4;
/// Up to a week in microseconds.
const PLACES: usize = 160;

/// What this process has waited for its commits, in microseconds. A rank is the upper end of the step that it falls into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waits {
    pub commits: u64,
    pub median_us: u64,
    pub p99_us: u64,
    pub longest_us: u64,
}

#[derive(Debug)]
pub(crate) struct Counted {
    places: [AtomicU64; PLACES],
    longest_us: AtomicU64,
}

impl Default for Counted {
    fn default() -> Counted {
        Counted {
            places: [const { AtomicU64::new(0) }; PLACES],
            longest_us: AtomicU64::new(0),
        }
    }
}

impl Counted {
    pub(crate) fn count(&self, waited: Duration) {
        let us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        if let Some(place) = self.places.get(place_of(us)) {
            place.fetch_add(1, Ordering::Relaxed);
        }
        self.longest_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Waits {
        let places: Vec<u64> = self
            .places
            .iter()
            .map(|p| p.load(Ordering::Relaxed))
            .collect();
        let longest_us = self.longest_us.load(Ordering::Relaxed);
        let commits: u64 = places.iter().sum();
        let rank = |percent: u64| {
            let wanted = (commits * percent).div_ceil(100);
            let mut seen = 0;
            let at = places.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            at.map_or(0, |at| end_of(at).min(longest_us))
        };
        Waits {
            commits,
            median_us: rank(50),
            p99_us: rank(99),
            longest_us,
        }
    }
}

/// Four steps for each doubling, from 4 µs on; below, one for each microsecond.
fn place_of(us: u64) -> usize {
    let place = match us.checked_ilog2() {
        None | Some(0 | 1) => us,
        Some(log) => {
            let within = (us >> (log - 2)) - STEPS;
            u64::from(log - 1) * STEPS + within
        }
    };
    usize::try_from(place).map_or(PLACES - 1, |place| place.min(PLACES - 1))
}

/// The largest number of microseconds at a place.
fn end_of(place: usize) -> u64 {
    let place = place as u64;
    if place < STEPS {
        return place;
    }
    let (log, within) = (place / STEPS + 1, place % STEPS);
    ((STEPS + within + 1) << (log - 2)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_one_place_and_lies_within_its_ends() {
        let mut before = 0;
        for us in (0..5_000).chain((13..39).map(|log| 3_u64 << log)) {
            let place = place_of(us);
            assert!(us <= end_of(place), "{us} at {place}");
            assert!(place == 0 || us > end_of(place - 1), "{us} at {place}");
            assert!(place >= before);
            before = place;
        }
        assert_eq!(place_of(u64::MAX), PLACES - 1);
    }

    #[test]
    fn ranks_are_counted_from_the_shortest() {
        let counted = Counted::default();
        assert_eq!(counted.read(), Waits::default());
        for _ in 0..98 {
            counted.count(Duration::from_micros(100));
        }
        counted.count(Duration::from_micros(900));
        counted.count(Duration::from_millis(70));
        let waits = counted.read();
        assert_eq!((waits.commits, waits.longest_us), (100, 70_000));
        assert!((100..=125).contains(&waits.median_us), "{waits:?}");
        assert!((900..=1_125).contains(&waits.p99_us), "{waits:?}");
    }
}
