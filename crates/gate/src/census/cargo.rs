//! `cargo test` (libtest's text) and `cargo nextest`.
//!
//! libtest prints bare names, so each is qualified by the binary that Cargo announced before it. Doc-tests carry line
//! numbers that move with every edit: they are dropped, and tests of one item are told apart by their order.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Tally, TestStatus};

static RUNNING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^\s+Running (?:unittests )?(\S+) \((?:.*[/\\])?(.+?)(?:-[0-9a-f]{16})?(?:\.exe)?\)$",
    )
    .expect("a fixed pattern")
});
static DOC_TESTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s+Doc-tests (\S+)$").expect("a fixed pattern"));
static TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^test (\S.*?) \.\.\. (ok|FAILED|ignored)(?:,.*)?(?: <.*>)?$")
        .expect("a fixed pattern")
});
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored; \d+ measured; \d+ filtered out").expect("a fixed pattern")
});
static LINE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r" \(line \d+\)").expect("a fixed pattern"));
static NEXTEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s+(PASS|FAIL|SKIP|ABORT|SIG[A-Z]+|TIMEOUT|LEAK|LEAK-FAIL|TRY \d+ [A-Z]+|FLAKY \d+/\d+) \[[^\]]*\] (?:\([^)]*\) )?(\S+) (\S.*?)$").expect("a fixed pattern")
});
static NEXTEST_SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s+Summary \[[^\]]*\] (\d+)(?:/\d+)? tests? run: (.*)$").expect("a fixed pattern")
});
static COUNT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\d+) ([a-z ]+)").expect("a fixed pattern"));

/// libtest under `cargo test`, or a test binary run by itself.
pub(super) fn libtest(text: &str) -> Option<Found> {
    // nextest prints libtest's text inside its report of a failed test; those lines are indented there, and not looked at.
    let mut found = Found {
        runner: "cargo test",
        named: true,
        ..Found::default()
    };
    let mut binary = String::new();
    let mut tally: Option<Tally> = None;
    for line in text.lines() {
        if let Some(seen) = RUNNING.captures(line) {
            binary = format!("{} {}::", &seen[2], &seen[1]);
        } else if let Some(seen) = DOC_TESTS.captures(line) {
            binary = format!("{} doc::", &seen[1]);
        } else if let Some(seen) = TEST.captures(line) {
            found
                .tests
                .push((format!("{binary}{}", name(&seen[1])), status(&seen[2])));
        } else if let Some(seen) = RESULT.captures(line) {
            let number = |i: usize| seen[i].parse().unwrap_or(u64::MAX / 4);
            tally.get_or_insert_default().add(Tally {
                passed: number(1),
                failed: number(2),
                ignored: number(3),
            });
        }
    }
    found.tally = tally;
    // Totals make a libtest run; without them the binary died before its end and nobody knows what it left out.
    tally.is_some().then_some(found)
}

fn name(raw: &str) -> String {
    let name = raw.strip_suffix(" - should panic").unwrap_or(raw);
    let name = name
        .strip_suffix(" - compile")
        .or_else(|| name.strip_suffix(" - compile fail"))
        .unwrap_or(name);
    LINE.replace(name, "").into_owned()
}

fn status(word: &str) -> TestStatus {
    match word {
        "ok" => TestStatus::Passed,
        "ignored" => TestStatus::Ignored,
        _ => TestStatus::Failed,
    }
}

/// `cargo nextest run` with the status level `all`.
pub(super) fn nextest(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "cargo nextest",
        named: true,
        ..Found::default()
    };
    for line in text.lines() {
        if let Some(seen) = NEXTEST_SUMMARY.captures(line) {
            found.tally = Some(nextest_tally(&seen[2]));
            // What follows repeats the failures.
            break;
        }
        let Some(seen) = NEXTEST.captures(line) else {
            continue;
        };
        let status = match &seen[1] {
            "PASS" | "LEAK" => TestStatus::Passed,
            "SKIP" => TestStatus::Ignored,
            // One try of several; the last word on the test comes on a line of its own.
            word if word.starts_with("TRY") => continue,
            word if word.starts_with("FLAKY") => TestStatus::Passed,
            _ => TestStatus::Failed,
        };
        found
            .tests
            .push((format!("{}::{}", &seen[2], &seen[3]), status));
    }
    found.tally.is_some().then_some(found)
}

fn nextest_tally(counts: &str) -> Tally {
    let mut tally = Tally::default();
    // A parenthesis repeats a part of the number before it: `3 passed (1 leaky)`.
    let counts = counts
        .split('(')
        .map(|part| part.rsplit(')').next().unwrap_or(part))
        .collect::<String>();
    for seen in COUNT.captures_iter(&counts) {
        let number: u64 = seen[1].parse().unwrap_or(u64::MAX / 4);
        match seen[2].trim() {
            "passed" => tally.passed += number,
            "skipped" => tally.ignored += number,
            _ => tally.failed += number,
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::super::{TestStatus::*, parse};

    /// cargo 1.95 with its two streams joined, shortened by the panics' stack.
    const CARGO: &str = "   Compiling sam-ple v0.1.0 (/repo)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.59s
     Running unittests src/lib.rs (target/debug/deps/sam_ple-51035e2e8441c3f7)

running 4 tests
test tests::slow ... ignored, slow
test tests::adds ... ok
test tests::panics - should panic ... ok
test tests::fails ... FAILED

failures:

---- tests::fails stdout ----

thread 'tests::fails' (6970) panicked at src/lib.rs:15:26:
assertion `left == right` failed
  left: 2
 right: 3


failures:
    tests::fails

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.20s

error: test failed, to rerun pass `--lib`
     Running unittests src/main.rs (target/debug/deps/sam_ple-b169e5a28e82f7da)

running 1 test
test in_bin ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/api.rs (target/debug/deps/api-98f292be55a6e589)

running 1 test
test api ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests sam_ple

running 3 tests
test src/lib.rs - add (line 5) ... ok
test src/lib.rs - (line 1) ... ok
test src/lib.rs - add (line 8) ... ok

test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.26s

error: 1 target failed:
    `--lib`
";

    #[test]
    fn cargo_test_is_read() {
        let census = parse(CARGO, Exit::Code { code: 101 });
        assert!(census.known, "{}", census.note);
        let want = [
            ("api tests/api.rs::api", Passed),
            ("sam_ple doc::src/lib.rs -", Passed),
            ("sam_ple doc::src/lib.rs - add", Passed),
            ("sam_ple doc::src/lib.rs - add #2", Passed),
            ("sam_ple src/lib.rs::tests::adds", Passed),
            ("sam_ple src/lib.rs::tests::fails", Failed),
            ("sam_ple src/lib.rs::tests::panics", Passed),
            ("sam_ple src/lib.rs::tests::slow", Ignored),
            ("sam_ple src/main.rs::in_bin", Passed),
        ];
        assert_eq!(
            census.ids.into_iter().collect::<Vec<_>>(),
            want.map(|(id, s)| (id.to_owned(), s))
        );
    }

    #[test]
    fn a_doc_test_keeps_its_name_when_its_line_moves() {
        let moved = CARGO
            .replace("(line 5)", "(line 55)")
            .replace("(line 8)", "(line 58)");
        assert_eq!(
            parse(&moved, Exit::Code { code: 101 }),
            parse(CARGO, Exit::Code { code: 101 })
        );
    }

    #[test]
    fn a_binary_that_died_is_not_a_census() {
        let died = "     Running unittests src/lib.rs (target/debug/deps/a-51035e2e8441c3f7)\n\nrunning 2 tests\ntest a ... ok\nerror: test failed\n";
        assert!(!parse(died, Exit::Code { code: 101 }).known);
    }

    /// cargo-nextest 0.9 with NEXTEST_STATUS_LEVEL=all.
    const NEXTEST: &str = "    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.01s
────────────
 Nextest run ID 458cbd20-bd83-4bfe-bb7f-98cb74bf5d74 with nextest profile: default
    Starting 5 tests across 3 binaries (1 test skipped)
        SKIP [         ] (───) sam-ple tests::slow
        PASS [   0.018s] (1/5) sam-ple tests::adds
        PASS [   0.019s] (2/5) sam-ple::api api
        PASS [   0.012s] (3/5) sam-ple::bin/sam-ple in_bin
        FAIL [   0.125s] (4/5) sam-ple tests::fails
  stdout ───

    running 1 test
    test tests::fails ... FAILED

    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.10s

        PASS [   0.135s] (5/5) sam-ple tests::panics
────────────
     Summary [   0.135s] 5 tests run: 4 passed, 1 failed, 1 skipped
        FAIL [   0.125s] (4/5) sam-ple tests::fails
error: test run failed
";

    #[test]
    fn nextest_is_read() {
        let census = parse(NEXTEST, Exit::Code { code: 100 });
        assert!(census.known, "{}", census.note);
        assert_eq!(census.runners, ["cargo nextest"]);
        let want = [
            ("sam-ple::api::api", Passed),
            ("sam-ple::bin/sam-ple::in_bin", Passed),
            ("sam-ple::tests::adds", Passed),
            ("sam-ple::tests::fails", Failed),
            ("sam-ple::tests::panics", Passed),
            ("sam-ple::tests::slow", Ignored),
        ];
        assert_eq!(
            census.ids.into_iter().collect::<Vec<_>>(),
            want.map(|(id, s)| (id.to_owned(), s))
        );
    }
}
