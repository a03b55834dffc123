//! Durations as people write them.

mod error;
mod parse;

pub use error::ParseError;
pub use parse::parse;
