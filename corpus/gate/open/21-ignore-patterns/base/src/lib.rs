//! Patterns of paths to ignore.

mod matching;

pub use matching::matches;
