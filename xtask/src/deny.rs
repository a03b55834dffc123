//! cargo-deny: the same bans and licences as tidy by another hand, and advisories on top.

use crate::program::{self, Error};

/// The version whose configuration `deny.toml` is written for.
const VERSION: &str = "~0.20";
/// What needs no database from the network.
pub(crate) const OFFLINE_CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

/// Installs cargo-deny when it is missing and runs every check; `Ok(false)` when one refuses.
pub(crate) fn run() -> Result<bool, Error> {
    if !installed() {
        println!("cargo-deny is not installed; building it takes some minutes");
        let install = program::cargo(&["install", "--locked", "cargo-deny", "--version", VERSION]);
        if !program::stream(install, |_| false)?.ok {
            return Ok(false);
        }
    }
    let rules = check(&OFFLINE_CHECKS)?;
    // A finding here is as bad as any other; a machine that cannot reach the database is told so by
    // cargo-deny itself, and what was not checked did not pass.
    let advisories = check(&["advisories"])?;
    Ok(rules && advisories)
}

pub(crate) fn installed() -> bool {
    program::works(program::cargo(&["deny", "--version"]))
}

pub(crate) fn check(checks: &[&str]) -> Result<bool, Error> {
    let mut command = program::cargo(&["deny", "--workspace", "check", "--hide-inclusion-graph"]);
    command.args(checks);
    Ok(program::stream(command, |_| false)?.ok)
}
