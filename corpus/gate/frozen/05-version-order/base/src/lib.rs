//! Versions of packages.

mod version;

pub use version::{BadVersion, Version};
