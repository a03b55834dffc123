//! `cargo xtask scaffolds`: what the shipped scaffolds write, installed, built, tested and served by the real npm, cargo and pip.

use crate::program::{self, Error};
use crate::test::{Machine, SCAFFOLD_TOOLS, prepare};

/// The tests, all of them long.
const TESTS: &str = "test(/^scaffolds_built::/)";

/// Installs what is missing and may be, and runs every scaffold from an empty repository to its first answers over HTTP.
/// `Ok(false)` when one fails, or when a tool is missing: nothing is left out.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let install = match args {
        [] => true,
        ["--no-install"] => false,
        _ => {
            return Err(Error::Usage(
                "usage: cargo xtask scaffolds [--no-install]".to_owned(),
            ));
        }
    };
    let machine = prepare(&SCAFFOLD_TOOLS, install)?;
    if let Some(why) = lacking(&machine) {
        println!("{why}");
        return Ok(false);
    }
    println!("caches are kept in target/scaffolds; the first run downloads about 700 MB");
    let mut command = program::cargo(&[
        "nextest",
        "run",
        "--package",
        "alai-minion",
        "--test",
        "minion",
    ]);
    // One after the other: each has a compiler of its own that takes every core.
    command.args([
        "--run-ignored",
        "all",
        "--no-fail-fast",
        "--test-threads",
        "1",
        "-E",
        TESTS,
    ]);
    Ok(program::stream(command, |_| false)?.ok)
}

fn lacking(machine: &Machine) -> Option<String> {
    let mut names: Vec<String> = machine
        .missing
        .iter()
        .map(|tool| tool.name().to_owned())
        .collect();
    names.extend(machine.needed.iter().cloned());
    if !machine.nextest {
        names.push("cargo-nextest".to_owned());
    }
    (!names.is_empty()).then(|| format!("not tried without {}", names.join(", ")))
}
