//! How long to wait before a busy host is asked again. Decides only; the call does the waiting.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

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
    fn the_dice_spread_a_herd_and_the_server_is_heard() {
        let herd: std::collections::BTreeSet<_> =
            (0..50).map(|n| backoff(3, n * 7919, None)).collect();
        assert!(herd.len() > 25, "{herd:?}");
        assert_eq!(backoff(0, 0, Some(40)), Duration::from_secs(40));
        assert_ne!(dice(), dice());
    }
}
