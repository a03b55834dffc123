//! Everything that touches a repository or starts a program: clones, hermetic git, set-up, toolchains, the cage.
//!
//! Invariants, stated as absences: no program is started elsewhere in the factory; no configuration or hook of a repository
//! runs on the host; no path of a stranger is followed through a symlink; nothing here knows tasks or models.

pub mod access;
pub mod cage;
pub mod clone;
pub mod command;
pub mod crash;
pub mod descriptors;
pub mod detect;
pub mod editor;
pub mod egress;
pub mod files;
pub mod fingerprint;
pub mod free;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gh;
pub mod git;
pub mod guest;
pub mod services;
pub mod setup;
pub mod swap;
pub mod toolchains;
pub mod versions;

mod process;
mod sys;
