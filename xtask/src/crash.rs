//! The crash suite alone: every test in which something is killed, in its long form.

use crate::program::{self, Error};
use crate::test::{Counts, Runner};

/// Tests that run beside each other. The parts run one after the other: two of them measure.
struct Part {
    filter: &'static str,
    /// What makes it long; whoever has set it otherwise is heard.
    long: Option<(&'static str, &'static str)>,
}

const PARTS: [Part; 4] = [
    // `the_story` is the child that one of them starts and kills.
    Part {
        filter: "test(/crash/) and not test(the_story)",
        long: None,
    },
    Part {
        filter: "package(alai) and test(/^kills::/)",
        long: Some(("ALAI_KILLS", "1000")),
    },
    Part {
        filter: "package(alai) and test(/^crowd::/)",
        long: Some(("ALAI_CROWD_OPS", "10000")),
    },
    Part {
        filter: "package(alai) and test(/^injections::/)",
        long: None,
    },
];

/// A test's own line, which stands once more at the end.
const SUMMARY: &str = "summary: ";

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
    let (mut ok, mut sum, mut took_s) = (true, Counts::default(), 0.0);
    let mut said = Vec::new();
    for part in &PARTS {
        let ran = program::stream(command(part), |line| {
            Counts::is_summary(line) || line.trim_start().starts_with(SUMMARY)
        })?;
        let counts = Counts::read(Runner::Nextest, &ran.kept).unwrap_or_default();
        if counts.passed + counts.failed == 0 && ran.ok {
            let why = format!("no test is `{}`, so nothing was shown", part.filter);
            return Err(Error::Answer(why));
        }
        let own = ran.kept.iter().map(|line| line.trim());
        said.extend(own.filter_map(|line| line.strip_prefix(SUMMARY).map(str::to_owned)));
        ok &= ran.ok;
        sum += counts;
        took_s += ran.took.as_secs_f64();
    }
    println!();
    for line in said {
        println!("{line}");
    }
    println!("{sum}, {took_s:.1} s");
    Ok(ok)
}

fn command(part: &Part) -> std::process::Command {
    let mut command = program::cargo(&[
        "nextest",
        "run",
        "--workspace",
        "--profile",
        "crash",
        "--run-ignored",
        "all",
        "--success-output",
        "immediate",
    ]);
    command.args(["--no-fail-fast", "-E", part.filter]);
    if let Some((name, value)) = part.long
        && std::env::var_os(name).is_none()
    {
        command.env(name, value);
    }
    command
}
