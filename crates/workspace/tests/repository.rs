//! Repositories with real git: opening, reading, merging, moving a user's branch, clones, imports and set-ups.
//!
//! Each test makes its own repositories in a temporary folder. Those that need a cage use the support launcher of this crate.

#[path = "repository/branches.rs"]
mod branches;
#[path = "repository/changes.rs"]
mod changes;
#[path = "repository/clones.rs"]
mod clones;
#[path = "repository/crashes.rs"]
mod crashes;
#[path = "repository/hostile.rs"]
mod hostile;
#[path = "repository/odd.rs"]
mod odd;
#[path = "repository/opening.rs"]
mod opening;
#[path = "repository/salvages.rs"]
mod salvages;
#[path = "repository/setups.rs"]
mod setups;
#[path = "repository/signing.rs"]
mod signing;
#[path = "repository/stamps.rs"]
mod stamps;
#[path = "repository/stock.rs"]
mod stock;
#[path = "repository/world.rs"]
mod world;
