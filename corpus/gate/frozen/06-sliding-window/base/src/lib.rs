//! Lets a client through a limited number of times per minute.

mod clock;
mod window;

pub use clock::{Clock, WallClock};
pub use window::{Limit, SlidingWindow};
