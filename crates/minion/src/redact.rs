//! What is written to a trajectory loses its secrets by the same rules as a recording of calls.

pub use alai_fleet::redact;
