//! Temporary.
#[path = "cli/projects.rs"]
mod projects;
