#[path = "cli/crash.rs"]
mod crash;
