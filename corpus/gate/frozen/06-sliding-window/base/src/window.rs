use crate::Clock;

pub trait Limit {
    /// Whether one more request may pass now.
    fn admit(&mut self) -> bool;
}

/// Admits `max` requests in any 60 seconds.
pub struct SlidingWindow<C> {
    clock: C,
    max: usize,
    window_started_s: u64,
    admitted: usize,
}

impl<C: Clock> SlidingWindow<C> {
    pub fn new(clock: C, max: usize) -> Self {
        let window_started_s = clock.now_s();
        Self { clock, max, window_started_s, admitted: 0 }
    }
}

impl<C: Clock> Limit for SlidingWindow<C> {
    fn admit(&mut self) -> bool {
        let now_s = self.clock.now_s();
        if now_s - self.window_started_s >= 60 {
            self.window_started_s = now_s;
            self.admitted = 0;
        }
        self.admitted += 1;
        self.admitted <= self.max
    }
}
