//! Finds files that are the same.

mod find;
mod source;

pub use find::find_duplicates;
pub use source::{Disk, Source};
