//! The crash suite alone: every test with a module or name part `crash`, the long rounds included.

use crate::program::{self, Error};
use crate::test::{Counts, Runner};

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
    // Through `cargo test`, which every machine has: the suite must be easy to repeat anywhere.
    let suite = [
        "test",
        "--workspace",
        "--no-fail-fast",
        "--lib",
        "--bins",
        "--tests",
    ];
    let mut command = program::cargo(&suite);
    command.args(["--", "crash", "--include-ignored"]);
    let ran = program::stream(command, Counts::is_summary)?;
    let counts = Counts::read(Runner::CargoTest, &ran.kept).unwrap_or_default();
    if counts.passed + counts.failed == 0 && ran.ok {
        let why = "no test with `crash` in its name was found, so nothing was shown";
        return Err(Error::Answer(why.to_owned()));
    }
    println!("\n{counts}, {:.1} s", ran.took.as_secs_f64());
    Ok(ran.ok)
}
