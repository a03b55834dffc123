use std::time::{SystemTime, UNIX_EPOCH};

pub trait Clock {
    fn now_s(&self) -> u64;
}

pub struct WallClock;

impl Clock for WallClock {
    fn now_s(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
