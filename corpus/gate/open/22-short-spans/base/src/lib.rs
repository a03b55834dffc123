//! Spans of time for people.

mod parse;
mod text;

pub use parse::parse;
pub use text::text;
