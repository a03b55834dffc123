//! The wall clock, watched by one that only goes forward: a clock that is set and a machine that slept must cost nobody his
//! lease.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Differences below this are drift, a slow beat or a leap second.
const JUMP_MS: i64 = 5_000;

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Where both clocks stood when they were last compared.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<(i64, Instant)>);

impl Default for Clock {
    fn default() -> Clock {
        Clock(Mutex::new((now_ms(), Instant::now())))
    }
}

impl Clock {
    /// By how many milliseconds the wall clock has jumped since the last look: forward after a sleep or when it was set,
    /// backward when it was set back. The other clock stands still while the machine sleeps.
    pub(crate) fn jumped(&self) -> Option<i64> {
        let mut last = self.0.lock().ok()?;
        let (wall, steady) = (now_ms(), Instant::now());
        let jump = jump(wall - last.0, steady.duration_since(last.1));
        *last = (wall, steady);
        jump
    }
}

fn jump(wall_ms: i64, steady: Duration) -> Option<i64> {
    let steady_ms = i64::try_from(steady.as_millis()).unwrap_or(i64::MAX);
    let by = wall_ms.saturating_sub(steady_ms);
    (by.abs() >= JUMP_MS).then_some(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_what_the_steady_clock_does_not_know_of() {
        let five = Duration::from_secs(5);
        assert_eq!(jump(5_003, five), None, "drift");
        assert_eq!(jump(60_000, Duration::from_secs(61)), None, "a slow beat");
        assert_eq!(jump(3_605_000, five), Some(3_600_000), "set forward");
        assert_eq!(jump(-3_595_000, five), Some(-3_600_000), "set back");
    }
}
