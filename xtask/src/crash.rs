//! The crash suite alone: every test with a module or name part `crash`, the long rounds included.

use crate::program::{self, Error};
use crate::test::{Counts, Runner};

/// `the_story` is the child that one of them starts and kills.
const SUITE: &str = "test(/crash/) and not test(the_story)";

/// Runs the suite; `Ok(false)` when a test failed. Long rounds are the tests marked `#[ignore]`.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    if !args.is_empty() {
        return Err(Error::Usage("usage: cargo xtask crash".to_owned()));
    }
    let built = program::stream(program::cargo(&["build", "--workspace", "--bins"]), |_| {
        false
    })?;
    if !built.ok {
        return Ok(false);
    }
    // Each test has a process of its own: the suite waits for whatever its flow has left, and must not find another's.
    if !program::works(program::cargo(&["nextest", "--version"])) {
        let why = "the crash suite needs cargo-nextest, which `cargo xtask test` installs";
        return Err(Error::Usage(why.to_owned()));
    }
    let mut command = program::cargo(&[
        "nextest",
        "run",
        "--workspace",
        "--profile",
        "crash",
        "--run-ignored",
        "all",
    ]);
    command.args(["--no-fail-fast", "-E", SUITE]);
    let ran = program::stream(command, Counts::is_summary)?;
    let counts = Counts::read(Runner::Nextest, &ran.kept).unwrap_or_default();
    if counts.passed + counts.failed == 0 && ran.ok {
        let why = "no test with `crash` in its name was found, so nothing was shown";
        return Err(Error::Answer(why.to_owned()));
    }
    println!("\n{counts}, {:.1} s", ran.took.as_secs_f64());
    Ok(ran.ok)
}
