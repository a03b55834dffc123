//! Timers, and the files that hold them.

mod file;

pub use file::{load, save, LoadError};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timer {
    pub name: String,
    pub seconds: u64,
}
