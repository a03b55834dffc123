//! Numbers of bank cards.

mod check;

pub use check::valid;
