//! Days that are taken, as ranges that neither touch nor overlap.

mod ranges;

pub use ranges::Ranges;
