//! Lines of CSV files.

mod line;

pub use line::{join, split};
