use std::time::Duration;

/// Doubles the wait with every failed try.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
}

impl Backoff {
    pub fn starting_at(first: Duration) -> Self {
        Self { first }
    }

    /// The wait after `failures` failed tries; none after zero.
    pub fn wait(&self, failures: u32) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        self.first.saturating_mul(2u32.saturating_pow(failures - 1))
    }
}
