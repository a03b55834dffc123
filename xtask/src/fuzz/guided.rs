//! Fuzzing that coverage guides: the targets of `fuzz/`, by a nightly toolchain and cargo-fuzz. What it finds goes to `target/guided`.

use std::path::Path;

use crate::program::{self, Error};

/// A target and the checked-in texts that it begins from: a folder or a file of the repository, none where it is empty.
pub(super) const TARGETS: [(&str, &str); 25] = [
    ("ndjson", "crates/fleet/corpus/ndjson"),
    ("sse_openai", "crates/fleet/corpus/sse_openai"),
    ("sse_anthropic", "crates/fleet/corpus/sse_anthropic"),
    ("hosts", "crates/fleet/corpus/hosts"),
    ("salvage", "crates/fleet/corpus/salvage"),
    ("tagged", "crates/fleet/corpus/salvage"),
    ("claude", "crates/minion/corpus/claude"),
    ("codex", "crates/minion/corpus/codex"),
    ("acp", "crates/minion/corpus/acp"),
    ("edit", "crates/minion/corpus/edit"),
    ("patch", "crates/minion/corpus/patch"),
    ("prices", "crates/core/src/money/prices.yaml"),
    ("reports", "crates/core/corpus/reports"),
    ("packs", "crates/core/corpus/packs"),
    ("tls_hello", "crates/workspace/corpus/tls_hello"),
    ("proxy", "crates/workspace/corpus/proxy"),
    ("git", "crates/workspace/corpus/git"),
    ("test_reports", "crates/gate/corpus/test_reports"),
    ("lockfiles", "crates/gate/corpus/lockfiles"),
    ("dsse", "crates/gate/corpus/dsse"),
    ("run_reports", "crates/gate/corpus/run_reports"),
    ("coverage", "crates/gate/corpus/coverage"),
    ("advisories", "crates/gate/corpus/advisories"),
    ("usage", "crates/workspace/corpus/usage"),
    ("mcp", "crates/minion/corpus/mcp"),
];

/// What libFuzzer holds each case to: bytes of an input, MiB of one allocation and of all, seconds of one case.
const LIMITS: [&str; 4] = [
    "-max_len=65536",
    "-malloc_limit_mb=256",
    "-rss_limit_mb=2048",
    "-timeout=10",
];

/// Runs one target or all of them for so many seconds each; `Ok(false)` when an input ended one.
pub(super) fn run(target: Option<&str>, seconds: u64) -> Result<bool, Error> {
    let needs = [
        (
            &["rustc", "--version"][..],
            "a nightly toolchain: rustup toolchain install nightly --profile minimal",
        ),
        (
            &["cargo", "fuzz", "--version"],
            "cargo-fuzz: cargo install cargo-fuzz --locked",
        ),
    ];
    for (asked, what) in needs {
        program::read(nightly(asked)).map_err(|e| {
            Error::Answer(format!(
                "guided fuzzing needs {what}\n  what was tried: {e}"
            ))
        })?;
    }
    let mut ok = true;
    for (name, seeds) in TARGETS {
        if target.is_none_or(|target| target == name) {
            ok &= one(name, seeds, seconds)?;
        }
    }
    Ok(ok)
}

fn nightly(args: &[&str]) -> std::process::Command {
    let mut command = program::command("rustup");
    command.args(["run", "nightly"]).args(args);
    command
}

fn one(name: &str, seeds: &str, seconds: u64) -> Result<bool, Error> {
    let root = program::root();
    let [found, crashes] =
        ["found", "crashes"].map(|kind| root.join("target/guided").join(kind).join(name));
    for folder in [&found, &crashes] {
        std::fs::create_dir_all(folder).map_err(|source| Error::File {
            path: folder.clone(),
            source,
        })?;
    }
    let again = [
        "cargo",
        "fuzz",
        "run",
        "--target-dir",
        "target/guided",
        name,
    ];
    let mut command = nightly(&again);
    // libFuzzer writes into the first folder alone.
    command.arg(&found);
    let seeds = (!seeds.is_empty()).then(|| root.join(seeds));
    let is_folder = seeds.as_deref().is_some_and(Path::is_dir);
    command.args(seeds.as_ref().filter(|_| is_folder));
    command.arg("--").args(LIMITS);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", crashes.display()));
    if let Some(file) = seeds.filter(|_| !is_folder) {
        command.arg(format!("-seed_inputs={}", file.display()));
    }
    let ran = program::stream(command, |line| {
        [COVERED, RUNS, WRITTEN]
            .iter()
            .any(|mark| line.contains(mark))
    })?;
    let said = Said::of(&ran.kept);
    match said {
        Said {
            input: Some(input), ..
        } => {
            println!("fuzz {name}: this input ends it: {input}");
            println!("  again: rustup run nightly {} {input}", again.join(" "));
            Ok(false)
        }
        Said {
            runs: Some(runs),
            covered,
            ..
        } if ran.ok => {
            println!(
                "fuzz {name}: no crash; {runs}; {}",
                covered.unwrap_or("no coverage told")
            );
            Ok(true)
        }
        Said { .. } => Err(Error::Answer(format!(
            "target {name} has ended without having run, so nothing was shown; its own words are above"
        ))),
    }
}

const COVERED: &str = " cov: ";
const RUNS: &str = "Done ";
const WRITTEN: &str = "Test unit written to ";

/// What a run of libFuzzer says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Said<'a> {
    /// The last counters: edges (`cov`), features (`ft`), inputs that are kept (`corp`).
    covered: Option<&'a str>,
    runs: Option<&'a str>,
    /// The file of an input that ended it.
    input: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn of(lines: &'a [String]) -> Said<'a> {
        let last = |mark: &str| {
            let line = lines.iter().rev().find(|line| line.contains(mark))?;
            line.split_once(mark).map(|(_, behind)| behind.trim())
        };
        Said {
            covered: last("DONE  "),
            runs: last(RUNS),
            input: last(WRITTEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_one_of_the_folder_and_has_its_seeds() {
        let root = program::root();
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).expect("a manifest");
        let mut built: Vec<&str> = manifest
            .lines()
            .filter_map(|line| {
                line.strip_prefix("path = \"targets/")?
                    .strip_suffix(".rs\"")
            })
            .collect();
        let mut named: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        built.sort_unstable();
        named.sort_unstable();
        assert_eq!(built, named);
        for (name, seeds) in TARGETS {
            assert!(root.join(seeds).exists(), "{name}: {seeds}");
        }
    }

    #[test]
    fn the_end_of_a_run_is_read() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let well = lines(
            "#2\tINITED cov: 9 ft: 9 corp: 1/1b\n#70\tDONE   cov: 12 ft: 30 corp: 4/9b\nDone 70 runs in 2 second(s)",
        );
        let said = Said::of(&well);
        assert_eq!(said.covered, Some("cov: 12 ft: 30 corp: 4/9b"));
        assert_eq!(
            (said.runs, said.input),
            (Some("70 runs in 2 second(s)"), None)
        );
        let crash = lines("artifact_prefix='/a/'; Test unit written to /a/crash-1");
        assert_eq!(Said::of(&crash).input, Some("/a/crash-1"));
    }
}
