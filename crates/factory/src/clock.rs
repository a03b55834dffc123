//! The wall clock, watched by one that only goes forward: a clock that is set and a machine that slept must cost nobody his
//! lease.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Differences below this are drift, a slow beat or a leap second.
const JUMP_MS: i64 = 5_000;

/// Between two looks lies a beat of seconds. Whoever looks again so late was stopped meanwhile, as in a terminal or a container that is
/// paused, and its agents with it: neither clock stood still, and nobody worked.
const STOPPED_MS: i64 = 60_000;

/// The wall clock: milliseconds since the Unix epoch.
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The factory's time. It goes on steadily from one look at the wall clock to the next, so that whatever is written between a
/// jump and the look that finds it is written by the old time, and moves with all the rest.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<Stand>);

/// Where both clocks stood when they were last compared.
#[derive(Debug, Clone, Copy)]
struct Stand {
    wall_ms: i64,
    steady: Instant,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock(Mutex::new(Stand::now()))
    }
}

impl Clock {
    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.last().at(Instant::now())
    }

    /// Compares both clocks. By how many milliseconds the wall clock has jumped since the last look: forward after a sleep or
    /// when it was set, backward when it was set back.
    ///
    /// `shift` first moves what was written by the time before, with the jump and the time after it. While that fails the
    /// factory keeps the time before, and the next look finds the jump again. Nobody reads the time meanwhile.
    pub(crate) fn look<E>(
        &self,
        shift: impl FnOnce(i64, i64) -> Result<(), E>,
    ) -> Result<Option<i64>, E> {
        let mut last = self.last();
        let now = Stand::now();
        let jump = last.jump_to(now);
        if let Some(by_ms) = jump {
            shift(by_ms, now.wall_ms)?;
        }
        *last = now;
        Ok(jump)
    }

    /// Goes ahead by so much, as if that time had passed.
    #[cfg(test)]
    pub(crate) fn gain(&self, by_ms: i64) {
        let mut last = self.last();
        let steady = Instant::now();
        *last = Stand {
            wall_ms: last.at(steady).saturating_add(by_ms),
            steady,
        };
    }

    fn last(&self) -> MutexGuard<'_, Stand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stand {
    fn now() -> Stand {
        Stand {
            wall_ms: wall_ms(),
            steady: Instant::now(),
        }
    }

    /// The wall clock's time at a moment of the steady one, if nobody has set it. The steady clock stands still while the
    /// machine sleeps.
    fn at(self, steady: Instant) -> i64 {
        let worked = match ms(steady.saturating_duration_since(self.steady)) {
            stopped @ STOPPED_MS.. => stopped.min(JUMP_MS),
            worked => worked,
        };
        self.wall_ms.saturating_add(worked)
    }

    fn jump_to(self, now: Stand) -> Option<i64> {
        let by = now.wall_ms.saturating_sub(self.at(now.steady));
        (by.abs() >= JUMP_MS).then_some(by)
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A wall clock that has gone by so much while the steady one went by five seconds.
    fn after_five_s(wall_ms: i64) -> Option<i64> {
        after(Duration::from_secs(5), wall_ms)
    }

    fn after(steady: Duration, wall_ms: i64) -> Option<i64> {
        let before = Stand {
            wall_ms: 1_000_000_000,
            steady: Instant::now(),
        };
        before.jump_to(Stand {
            wall_ms: before.wall_ms + wall_ms,
            steady: before.steady + steady,
        })
    }

    #[test]
    fn a_process_that_was_stopped_has_lost_no_time() {
        let for_ms = |gone: i64| after(Duration::from_millis(gone.unsigned_abs()), gone);
        assert_eq!(for_ms(STOPPED_MS - 1), None, "a slow beat");
        assert_eq!(for_ms(STOPPED_MS), Some(STOPPED_MS - JUMP_MS));
        assert_eq!(for_ms(7_200_000), Some(7_200_000 - JUMP_MS), "two hours");
        let set_back = after(Duration::from_secs(7_200), 3_600_000);
        assert_eq!(
            set_back,
            Some(3_600_000 - JUMP_MS),
            "and set back meanwhile"
        );
    }

    #[test]
    fn a_jump_is_what_the_steady_clock_does_not_know_of() {
        assert_eq!(after_five_s(5_003), None, "drift");
        assert_eq!(after_five_s(3_605_000), Some(3_600_000), "set forward");
        assert_eq!(after_five_s(-3_595_000), Some(-3_600_000), "set back");
        for side in [1, -1] {
            assert_eq!(after_five_s(5_000 + side * (JUMP_MS - 1)), None);
            assert_eq!(after_five_s(5_000 + side * JUMP_MS), Some(side * JUMP_MS));
        }
    }

    /// A clock whose last look was by a wall clock that stood otherwise by so much.
    fn set_by(by_ms: i64) -> Clock {
        let now = Stand::now();
        Clock(Mutex::new(Stand {
            wall_ms: now.wall_ms - by_ms,
            ..now
        }))
    }

    #[test]
    fn until_the_look_that_finds_a_jump_the_time_is_the_one_before() {
        for by_ms in [3_600_000, -3_600_000] {
            let clock = set_by(by_ms);
            let before = clock.now_ms();
            assert!((wall_ms() - by_ms - before).abs() < JUMP_MS);
            let refused = clock.look(|_, _| Err("the disk is full"));
            assert_eq!(refused, Err("the disk is full"));
            let stays = clock.now_ms() - before;
            assert!((0..JUMP_MS).contains(&stays), "nothing has moved");
            let mut moved = None;
            let found: Result<_, Infallible> = clock.look(|by_ms, now_ms| {
                moved = Some((by_ms, now_ms));
                Ok(())
            });
            let (moved_ms, now_ms) = moved.expect("it is found again");
            assert_eq!(found, Ok(Some(moved_ms)));
            assert!((moved_ms - by_ms).abs() < JUMP_MS, "{moved_ms}");
            assert!((clock.now_ms() - now_ms).abs() < JUMP_MS);
            let again: Result<_, Infallible> = clock.look(|_, _| panic!("it is found once"));
            assert_eq!(again, Ok(None));
        }
    }
}
