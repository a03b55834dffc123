//! The fuzzers in their long form: random cases from seeds, each of which makes its case again.

mod guided;

use crate::program::{self, Error};

/// Name, package and test of each target.
const TARGETS: [(&str, &str, &str); 27] = [
    ("edit", "alai-minion", "edit::fuzz::edit"),
    ("patch", "alai-minion", "patch::fuzz::patch"),
    ("grammar", "alai-minion", "hand::syntax::fuzz::grammar"),
    ("claude", "alai-minion", "engine::fuzz::claude"),
    ("codex", "alai-minion", "engine::fuzz::codex"),
    ("acp", "alai-minion", "engine::fuzz::acp"),
    ("salvage", "alai-fleet", "salvage::fuzz::salvage"),
    ("hosts", "alai-fleet", "every_trap::hosts"),
    ("prices", "alai-core", "money::prices::tests::prices"),
    ("tagged", "alai-fleet", "tagged::fuzz::tagged"),
    ("ndjson", "alai-fleet", "ollama::line::fuzz::ndjson"),
    (
        "sse_openai",
        "alai-fleet",
        "openai::line::tests::fuzz::sse_openai",
    ),
    (
        "sse_anthropic",
        "alai-fleet",
        "anthropic::line::tests::fuzz::sse_anthropic",
    ),
    ("reports", "alai-core", "fuzzing::tests::reports"),
    ("packs", "alai-core", "fuzzing::tests::packs"),
    ("tls_hello", "alai-workspace", "fuzzing::tests::tls_hello"),
    ("proxy", "alai-workspace", "fuzzing::tests::proxy"),
    ("git", "alai-workspace", "fuzzing::tests::git"),
    ("test_reports", "alai-gate", "fuzzing::tests::test_reports"),
    ("lockfiles", "alai-gate", "fuzzing::tests::lockfiles"),
    ("dsse", "alai-gate", "fuzzing::tests::dsse"),
    ("run_reports", "alai-gate", "fuzzing::tests::run_reports"),
    ("coverage", "alai-gate", "fuzzing::tests::coverage"),
    ("advisories", "alai-gate", "fuzzing::tests::advisories"),
    ("usage", "alai-workspace", "fuzzing::tests::usage"),
    ("mcp", "alai-minion", "mcp::judge::tests::mcp"),
    (
        "parcels",
        "alai-factory",
        "exchange::unpack::tests::parcels",
    ),
];

/// Seconds for a target where none are given.
const SECONDS: u64 = 60;

const USAGE: &str = "\
usage: cargo xtask fuzz [TARGET] [--seconds N] [--seed N]
targets: edit, patch, grammar, claude, codex, acp, salvage, hosts, prices, tagged, ndjson, sse_openai, sse_anthropic, reports, packs, tls_hello, proxy, git,
         test_reports, run_reports, lockfiles, dsse, coverage, advisories, usage, mcp, parcels; all of them one after the other where none is named
--seed alone takes just that case
usage: cargo xtask fuzz --guided [TARGET] [--seconds N]
guided by coverage, with a nightly toolchain and cargo-fuzz; targets: all but grammar and parcels";

/// Runs one target or all; `Ok(false)` when a case failed.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    let asked = Asked::parse(args).ok_or_else(|| Error::Usage(USAGE.to_owned()))?;
    if asked.guided {
        return guided::run(asked.target, asked.seconds.unwrap_or(SECONDS));
    }
    let mut ok = true;
    for (name, package, test) in TARGETS {
        if asked.target.is_some_and(|target| target != name) {
            continue;
        }
        let mut command = program::cargo(&["test", "--package", package, "--lib", "--"]);
        command.args(["--exact", test, "--nocapture"]);
        command
            .env_remove("ALAI_FUZZ_SEED")
            .env_remove("ALAI_FUZZ_SECONDS");
        if let Some(seed) = asked.seed {
            command.env("ALAI_FUZZ_SEED", seed.to_string());
        }
        if let Some(seconds) = asked.seconds {
            command.env("ALAI_FUZZ_SECONDS", seconds.to_string());
        }
        let ran = program::stream(command, |line| {
            line.trim_start().starts_with("test result:")
        })?;
        let one = ran
            .kept
            .iter()
            .any(|line| line.contains("1 passed") || line.contains("1 failed"));
        if ran.ok && !one {
            let why = format!("{package} has no test `{test}`, so nothing was shown");
            return Err(Error::Answer(why));
        }
        ok &= ran.ok;
    }
    Ok(ok)
}

#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    /// By coverage.
    guided: bool,
    target: Option<&'a str>,
    seconds: Option<u64>,
    seed: Option<u64>,
}

impl<'a> Asked<'a> {
    fn parse(args: &[&'a str]) -> Option<Asked<'a>> {
        let mut asked = Asked {
            guided: false,
            target: None,
            seconds: None,
            seed: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--guided" => asked.guided = true,
                "--seconds" => asked.seconds = Some(args.next()?.parse().ok()?),
                "--seed" => asked.seed = Some(args.next()?.parse().ok()?),
                name if TARGETS.iter().any(|(target, ..)| *target == name) => {
                    asked.target = Some(name);
                }
                _ => return None,
            }
        }
        if asked.guided {
            let there = |name| guided::TARGETS.iter().any(|(target, _)| *target == name);
            if asked.seed.is_some() || !asked.target.is_none_or(there) {
                return None;
            }
        }
        if asked.seed.is_none() {
            asked.seconds = asked.seconds.or(Some(SECONDS));
        }
        Some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_alone_is_one_case() {
        let asked = |target, seconds, seed| {
            Some(Asked {
                guided: false,
                target,
                seconds,
                seed,
            })
        };
        for (args, want) in [
            (&[][..], asked(None, Some(SECONDS), None)),
            (&["edit", "--seed", "7"], asked(Some("edit"), None, Some(7))),
            (
                &["--seconds", "5", "patch", "--seed", "7"],
                asked(Some("patch"), Some(5), Some(7)),
            ),
            (&["edit", "--seed"], None),
            (&["edit", "--seed", "x"], None),
            (&["nothing"], None),
        ] {
            assert_eq!(Asked::parse(args), want, "{args:?}");
        }
    }

    #[test]
    fn guided_runs_take_no_seed_and_only_their_own_targets() {
        let asked = |target, seconds| {
            Some(Asked {
                guided: true,
                target,
                seconds: Some(seconds),
                seed: None,
            })
        };
        for (args, want) in [
            (&["--guided"][..], asked(None, SECONDS)),
            (
                &["--guided", "acp", "--seconds", "600"],
                asked(Some("acp"), 600),
            ),
            (&["acp", "--guided"], asked(Some("acp"), SECONDS)),
            (&["--guided", "acp", "--seed", "7"], None),
            (&["--guided", "grammar"], None),
        ] {
            assert_eq!(Asked::parse(args), want, "{args:?}");
        }
    }
}
