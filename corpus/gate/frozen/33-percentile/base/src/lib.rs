//! Figures about lists of numbers.

mod mean;
mod order;

pub use mean::mean;
pub use order::{median, percentile};
