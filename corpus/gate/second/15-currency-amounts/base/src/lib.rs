//! Amounts of money as people read them.

mod amount;

pub use amount::{Amount, UnknownCurrency};
