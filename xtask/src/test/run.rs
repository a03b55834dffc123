//! The steps of `cargo xtask test`, in order, and what they add up to.

use super::counts::{Counts, Runner};
use super::install::{self, Machine};
use super::tools::{self, TOOLS};
use crate::program::{self, Error};
use crate::table::table;
use crate::{deny, tidy};
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Tools,
    Fmt,
    Clippy,
    Tidy,
    Build,
    Tests,
    Docs,
    Deny,
}

const STEPS: [Step; 8] = [
    Step::Tools,
    Step::Fmt,
    Step::Clippy,
    Step::Tidy,
    Step::Build,
    Step::Tests,
    Step::Docs,
    Step::Deny,
];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Tools => "tools",
            Step::Fmt => "fmt",
            Step::Clippy => "clippy",
            Step::Tidy => "tidy",
            Step::Build => "build",
            Step::Tests => "tests",
            Step::Docs => "docs",
            Step::Deny => "deny",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// With what should be said about it; often nothing.
    Passed(String),
    Failed(String),
    /// With the reason.
    NotRun(String),
}

#[derive(Debug)]
struct Done {
    step: Step,
    outcome: Outcome,
    counts: Counts,
    took: Duration,
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    /// Empty for all.
    only: Vec<Step>,
    install: bool,
    offline: bool,
    filters: Vec<String>,
}

/// Runs every step even after a failure, except those that need what failed. `Ok(false)` on any failure.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let options = options(args)?;
    let start = Instant::now();
    let mut all: Vec<Done> = Vec::new();
    let mut machine = None;
    for step in STEPS {
        if !options.only.is_empty() && !options.only.contains(&step) {
            continue;
        }
        println!("\n== {} ==", step.name());
        let began = Instant::now();
        let (outcome, counts) = match blocked(step, &all) {
            Some(reason) => (Outcome::NotRun(reason), Counts::default()),
            None => act(step, &options, &mut machine)?,
        };
        all.push(Done {
            step,
            outcome,
            counts,
            took: began.elapsed(),
        });
    }
    print!("\n{}", report(&all, start.elapsed()));
    Ok(!all
        .iter()
        .any(|done| matches!(done.outcome, Outcome::Failed(_))))
}

fn options(args: &[&str]) -> Result<Options, Error> {
    let mut options = Options {
        only: Vec::new(),
        install: true,
        offline: false,
        filters: Vec::new(),
    };
    let mut words = args.iter();
    while let Some(&word) = words.next() {
        match word {
            "--only" => {
                let name = words.next().copied().unwrap_or_default();
                let step = STEPS
                    .into_iter()
                    .find(|step| step.name() == name)
                    .ok_or_else(|| {
                        let names = STEPS.map(Step::name).join(", ");
                        Error::Usage(format!(
                            "--only needs a step, not {name:?}; there are {names}"
                        ))
                    })?;
                options.only.push(step);
            }
            "--no-install" => options.install = false,
            "--offline" => (options.install, options.offline) = (false, true),
            "--" => options.filters = words.by_ref().map(|&f| f.to_owned()).collect(),
            _ => {
                let why =
                    format!("`test` knows no {word:?}; `cargo xtask help` lists what it knows");
                return Err(Error::Usage(why));
            }
        }
    }
    Ok(options)
}

/// Why a step cannot be run after what went before it.
fn blocked(step: Step, before: &[Done]) -> Option<String> {
    let needs = match step {
        Step::Tests | Step::Docs => Step::Build,
        Step::Fmt | Step::Clippy => Step::Tools,
        Step::Tools | Step::Tidy | Step::Build | Step::Deny => return None,
    };
    let failed = |done: &&Done| done.step == needs && matches!(done.outcome, Outcome::Failed(_));
    before
        .iter()
        .find(failed)
        .map(|done| format!("{} failed", done.step.name()))
}

fn act(
    step: Step,
    options: &Options,
    machine: &mut Option<Machine>,
) -> Result<(Outcome, Counts), Error> {
    let mut counts = Counts::default();
    let outcome = match step {
        Step::Tools => {
            let found = machine.insert(install::prepare(&TOOLS, options.install)?);
            tools_outcome(found)
        }
        Step::Fmt => cargo(options, &["fmt", "--all", "--check"])?,
        Step::Clippy => {
            let lint = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ];
            cargo(options, &lint)?
        }
        Step::Tidy => match tidy::run()? {
            true => passed(),
            false => Outcome::Failed("house rules broken, see above".to_owned()),
        },
        Step::Build => cargo(options, &["build", "--workspace", "--bins"])?,
        Step::Tests => {
            let found = match machine.take() {
                Some(found) => found,
                // The tools step was not asked for: look, but change nothing.
                None => install::prepare(&TOOLS, false)?,
            };
            let outcome = tests(options, &found, &mut counts)?;
            *machine = Some(found);
            outcome
        }
        Step::Docs => {
            let mut command = program::cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]);
            command.arg("--").args(&options.filters);
            counted(options, Runner::CargoTest, command, &mut counts)?
        }
        Step::Deny if deny::installed() => match deny::check(&deny::OFFLINE_CHECKS)? {
            true => passed(),
            false => Outcome::Failed("cargo-deny refuses a dependency, see above".to_owned()),
        },
        Step::Deny => Outcome::NotRun(
            "cargo-deny is not installed (`cargo xtask deny`); tidy checked licences and bans"
                .into(),
        ),
    };
    Ok((outcome, counts))
}

fn tools_outcome(machine: &Machine) -> Outcome {
    if !machine.needed.is_empty() {
        return Outcome::Failed(format!("missing: {}", machine.needed.join(", ")));
    }
    let missing: Vec<&str> = machine.missing.iter().map(|tool| tool.name()).collect();
    if missing.is_empty() {
        return passed();
    }
    Outcome::Passed(format!("without {}", missing.join(", ")))
}

fn tests(options: &Options, machine: &Machine, counts: &mut Counts) -> Result<Outcome, Error> {
    let left_out = tools::left_out(&machine.missing, options.offline);
    let (runner, mut command) = if machine.nextest {
        (Runner::Nextest, nextest(&left_out))
    } else {
        (Runner::CargoTest, cargo_test(&left_out))
    };
    command.args(&options.filters);
    counted(options, runner, command, counts)
}

fn nextest(left_out: &[&str]) -> Command {
    let mut command = program::cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]);
    // A filter that fits only a documentation example fits no test here.
    command.args(["--no-tests", "pass"]);
    if !left_out.is_empty() {
        command
            .arg("-E")
            .arg(format!("not test(/{}/)", left_out.join("|")));
    }
    command
}

fn cargo_test(left_out: &[&str]) -> Command {
    let mut command = program::cargo(&["test", "--workspace", "--no-fail-fast"]);
    // One at a time: tests of one program share its children, and some wait for all of theirs.
    command.args(["--lib", "--bins", "--tests", "--", "--test-threads=1"]);
    command.args(left_out.iter().flat_map(|mark| ["--skip", mark]));
    command
}

/// Runs a command that prints test summaries.
fn counted(
    options: &Options,
    runner: Runner,
    mut command: Command,
    counts: &mut Counts,
) -> Result<Outcome, Error> {
    offline(options, &mut command);
    let ran = program::stream(command, Counts::is_summary)?;
    let found = Counts::read(runner, &ran.kept);
    *counts = found.unwrap_or_default();
    Ok(judge(ran.ok, found))
}

/// Fails closed: an exit code of 0 without a summary has shown nothing.
fn judge(ok: bool, counts: Option<Counts>) -> Outcome {
    match (ok, counts) {
        (true, Some(counts)) if counts.failed == 0 => Outcome::Passed(counts.to_string()),
        (_, Some(counts)) => Outcome::Failed(counts.to_string()),
        (true, None) => Outcome::Failed("no summary was printed, so nothing was shown".to_owned()),
        (false, None) => Outcome::Failed("the tests could not be built or started".to_owned()),
    }
}

fn cargo(options: &Options, args: &[&str]) -> Result<Outcome, Error> {
    let mut command = program::cargo(args);
    offline(options, &mut command);
    match program::stream(command, |_| false)?.ok {
        true => Ok(passed()),
        false => Ok(Outcome::Failed(format!(
            "`cargo {}` refuses, see above",
            args.join(" ")
        ))),
    }
}

fn offline(options: &Options, command: &mut Command) {
    if options.offline {
        command.env("CARGO_NET_OFFLINE", "true");
    }
}

fn passed() -> Outcome {
    Outcome::Passed(String::new())
}

/// The table and the closing line. A failed step without a failed test counts as one failure, so that
/// the closing line never reads as success when the exit code does not.
fn report(all: &[Done], took: Duration) -> String {
    let mut rows = vec![["step", "result", "seconds", ""].map(str::to_owned)];
    let mut sum = Counts::default();
    for done in all {
        let (word, note) = match &done.outcome {
            Outcome::Passed(note) => ("ok", note),
            Outcome::Failed(note) => ("FAILED", note),
            Outcome::NotRun(note) => ("not run", note),
        };
        sum += done.counts;
        if matches!(done.outcome, Outcome::Failed(_)) && done.counts.failed == 0 {
            sum.failed += 1;
        }
        let seconds = format!("{:.1}", done.took.as_secs_f64());
        rows.push([
            done.step.name().to_owned(),
            word.to_owned(),
            seconds,
            note.clone(),
        ]);
    }
    let seconds = format!("{:.1}", took.as_secs_f64());
    rows.push(["all".to_owned(), String::new(), seconds, String::new()]);
    format!("{}\n{sum}\n", table(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(step: Step, outcome: Outcome, passed: u64, failed: u64) -> Done {
        let counts = Counts {
            passed,
            failed,
            skipped: 1,
        };
        Done {
            step,
            outcome,
            counts,
            took: Duration::from_millis(1250),
        }
    }

    #[test]
    fn the_report_ends_with_the_sum() {
        let all = [
            done(Step::Tests, Outcome::Passed("note".into()), 10, 0),
            done(Step::Docs, Outcome::Failed("bad".into()), 1, 2),
        ];
        let text = report(&all, Duration::from_secs(3));
        assert_eq!(
            text,
            "step   result  seconds\n\
             tests  ok      1.2      note\n\
             docs   FAILED  1.2      bad\n\
             all            3.0\n\n\
             11 passed, 2 failed, 2 skipped\n"
        );
    }

    #[test]
    fn a_failed_step_never_reads_as_success() {
        let all = [done(Step::Clippy, Outcome::Failed("lint".into()), 0, 0)];
        let text = report(&all, Duration::ZERO);
        assert!(
            text.ends_with("\n0 passed, 1 failed, 1 skipped\n"),
            "{text}"
        );
    }

    #[test]
    fn tests_are_not_run_on_binaries_that_did_not_build() {
        let broken = [done(Step::Build, Outcome::Failed("why".into()), 0, 0)];
        assert_eq!(
            blocked(Step::Tests, &broken),
            Some("build failed".to_owned())
        );
        assert_eq!(blocked(Step::Tidy, &broken), None);
        let whole = [done(Step::Build, Outcome::Passed(String::new()), 0, 0)];
        assert_eq!(blocked(Step::Tests, &whole), None);
    }

    #[test]
    fn an_exit_code_alone_proves_nothing() {
        let counts = |passed, failed| {
            Some(Counts {
                passed,
                failed,
                skipped: 0,
            })
        };
        assert!(matches!(judge(true, counts(3, 0)), Outcome::Passed(_)));
        for (ok, found) in [
            (true, None),
            (false, None),
            (true, counts(3, 1)),
            (false, counts(3, 0)),
        ] {
            assert!(
                matches!(judge(ok, found), Outcome::Failed(_)),
                "{ok} {found:?}"
            );
        }
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let read = options(&[
            "--only",
            "tidy",
            "--only",
            "fmt",
            "--offline",
            "--",
            "a",
            "--b",
        ]);
        assert_eq!(
            read.unwrap(),
            Options {
                only: vec![Step::Tidy, Step::Fmt],
                install: false,
                offline: true,
                filters: vec!["a".into(), "--b".into()],
            }
        );
        for bad in [
            &["--only"][..],
            &["--only", "lunch"],
            &["--fast"],
            &["filter"],
        ] {
            assert!(matches!(options(bad), Err(Error::Usage(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_missing_component_fails_the_tools_step_and_a_missing_tool_does_not() {
        let mut machine = Machine {
            missing: vec![tools::Tool::Node],
            nextest: true,
            needed: Vec::new(),
        };
        assert!(matches!(tools_outcome(&machine), Outcome::Passed(note) if note.contains("node")));
        machine.needed.push("clippy".to_owned());
        assert!(matches!(tools_outcome(&machine), Outcome::Failed(why) if why.contains("clippy")));
    }
}
