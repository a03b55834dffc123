//! How long to wait before a busy host is asked again. Decides only; the call does the waiting.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::error::ErrorClass;

/// A full queue of a small host moves in about a second.
const BASE: Duration = Duration::from_millis(250);
/// Model loads take minutes; asking more seldom would waste a free slot.
const CEILING: Duration = Duration::from_secs(15);

/// The wait before try `tries + 1`: doubling, capped, and spread over its upper half by `dice`, so that minions which were
/// refused together do not come back together. A wait that the server asked for is a lower bound.
pub(crate) fn backoff(tries: u32, dice: u64, asked_s: Option<u64>) -> Duration {
    let full = BASE
        .saturating_mul(2u32.saturating_pow(tries.min(16)))
        .min(CEILING);
    let half = full / 2;
    let spread_ms = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
    let own = half + Duration::from_millis(dice % (spread_ms + 1));
    own.max(Duration::from_secs(asked_s.unwrap_or(0)))
}

/// How long one call goes on waiting.
#[derive(Debug)]
pub(crate) struct Patience {
    tries: u32,
    /// When the host first said that it loads, counted from the beginning of the call.
    loading_since: Option<Duration>,
    load_max: Option<Duration>,
}

impl Patience {
    pub(crate) fn new(load_max: Option<Duration>) -> Patience {
        Patience {
            tries: 0,
            loading_since: None,
            load_max,
        }
    }

    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// The wait before the next try of a host that was busy or loading, `now` into the call with `left` to go. None when
    /// waiting is over. A host that loads, is busy for a while and loads again has begun anew.
    pub(crate) fn next(
        &mut self,
        class: ErrorClass,
        asked_s: Option<u64>,
        now: Duration,
        left: Duration,
        dice: u64,
    ) -> Option<Duration> {
        self.tries += 1;
        let wait = backoff(self.tries - 1, dice, asked_s);
        if class != ErrorClass::Loading {
            self.loading_since = None;
            return (wait < left).then_some(wait);
        }
        let since = *self.loading_since.get_or_insert(now);
        let loads_too_long = self
            .load_max
            .is_some_and(|max| now.saturating_sub(since).saturating_add(wait) > max);
        (wait < left && !loads_too_long).then_some(wait)
    }
}

/// A throw of dice for `backoff`. The standard library seeds each hasher at random.
pub(crate) fn dice() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_grow_within_bounds(tries in 0u32..1000, dice: u64) {
            let wait = backoff(tries, dice, None);
            prop_assert!(wait >= BASE / 2 && wait <= CEILING);
            prop_assert!(backoff(tries + 2, dice, None) >= wait.min(CEILING / 2));
        }
    }

    #[test]
    fn a_load_has_a_bound_of_its_own_and_a_queue_has_the_calls() {
        let s = Duration::from_secs;
        let mut patience = Patience::new(Some(s(60)));
        let mut wait = |class, now, left| patience.next(class, None, s(now), s(left), 0);
        assert!(wait(ErrorClass::Loading, 100, 900).is_some());
        assert!(wait(ErrorClass::Loading, 159, 900).is_some());
        assert_eq!(wait(ErrorClass::Loading, 160, 900), None);
        assert!(
            wait(ErrorClass::Busy, 500, 900).is_some(),
            "a queue is no load"
        );
        assert!(
            wait(ErrorClass::Loading, 600, 900).is_some(),
            "it loads anew"
        );
        assert_eq!(wait(ErrorClass::Busy, 700, 0), None);
        assert_eq!(patience.tries(), 6);
        let endless = patience.next(ErrorClass::Loading, Some(u64::MAX), s(1), s(900), 0);
        assert_eq!(endless, None, "a server may ask for any wait");
        let mut unbounded = Patience::new(None);
        assert!(
            unbounded
                .next(ErrorClass::Loading, None, s(9_000), s(100), 0)
                .is_some()
        );
        assert_eq!(
            unbounded.next(ErrorClass::Busy, Some(120), s(0), s(100), 0),
            None
        );
    }

    #[test]
    fn the_dice_spread_a_herd_and_the_server_is_heard() {
        let herd: std::collections::BTreeSet<_> =
            (0..50).map(|n| backoff(3, n * 7919, None)).collect();
        assert!(herd.len() > 25, "{herd:?}");
        assert_eq!(backoff(0, 0, Some(40)), Duration::from_secs(40));
        assert_ne!(dice(), dice());
    }
}
