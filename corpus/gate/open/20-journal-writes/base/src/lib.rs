//! A journal of events, one per line.

mod journal;
pub mod migrate;
pub mod v1;

pub use journal::Journal;
