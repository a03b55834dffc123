//! What counts as news: hashes of trees and of test results that stay equal when nothing but the clock has moved.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use alai_core::record::{Captured, Exit};
use regex::Regex;

/// Lines of a test report that are compared; a report with more differs in its first ones too.
const LINES_MAX: usize = 400;

/// Hash of anything, equal within one run.
pub(crate) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A text without durations, addresses and thread numbers, so that the same result twice reads the same.
pub(crate) fn calm(text: &str) -> String {
    static MOVING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?-u:\b)[0-9]+(?:\.[0-9]+)?\s?(?:ns|[µμu]s|ms|s|secs?|seconds?|m[0-9]+s)(?-u:\b)|(?-u:\b)0x[0-9a-fA-F]{4,}(?-u:\b)|\([0-9]{3,}\)|(?-u:\b)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?-u:\b)")
            .expect("a constant pattern compiles")
    });
    MOVING.replace_all(text, "~").into_owned()
}

/// What a test run says: how it ended, and which lines speak of passing and failing. Not its other output, which could be
/// made to look new for ever.
pub(crate) fn test_state(captured: &Captured) -> u64 {
    static VERDICT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(?-u:\b)(?:pass(?:ed|es)?|fail(?:ed|s|ures?)?|errors?|ok|panicked|assert[0-9A-Za-z_]*)(?-u:\b)")
            .expect("a constant pattern compiles")
    });
    let text = calm(&crate::text::plain(&captured.combined()));
    let lines: BTreeSet<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| VERDICT.is_match(l))
        .take(LINES_MAX)
        .collect();
    let exit = match captured.record.exit {
        Exit::Code { code } => ("code", i64::from(code)),
        Exit::Signal { signal } => ("signal", i64::from(signal)),
        Exit::TimedOut { .. } => ("timed out", 0),
        Exit::Cancelled => ("cancelled", 0),
        Exit::TooMuchOutput { .. } => ("too much output", 0),
        Exit::OverLimit { .. } => ("over a limit", 0),
    };
    hash((exit, lines))
}

#[cfg(test)]
pub(crate) fn captured(code: i32, stdout: &str) -> Captured {
    use alai_core::record::CommandRecord;
    Captured {
        record: CommandRecord {
            argv: vec!["sh".into()],
            cwd: "/repo".into(),
            exit: Exit::Code { code },
            started_ms: 0,
            duration_ms: 0,
            stdout_sha256: String::new(),
            stderr_sha256: String::new(),
            stdout_bytes: stdout.len() as u64,
            stderr_bytes: 0,
            cage: Vec::new(),
        },
        stdout: stdout.into(),
        stderr: String::new(),
        truncated: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_no_news_and_a_count_is() {
        let report = |failed: u32, s: &str| {
            captured(
                101,
                &format!(
                    "noise {s}\ntest result: FAILED. 3 passed; {failed} failed; finished in {s}\n"
                ),
            )
        };
        assert_eq!(
            test_state(&report(2, "0.01s")),
            test_state(&report(2, "1.50 s"))
        );
        assert_ne!(
            test_state(&report(2, "0.01s")),
            test_state(&report(1, "0.01s"))
        );
        assert_ne!(
            test_state(&captured(0, "ok")),
            test_state(&captured(1, "ok"))
        );
        assert_eq!(
            test_state(&captured(1, "round 1\nFAIL a")),
            test_state(&captured(1, "round 2\nFAIL a"))
        );
    }

    #[test]
    fn moving_parts_are_calmed() {
        let cases = [
            ("finished in 0.03s", "finished in ~"),
            ("took 12 ms, 3 passed", "took ~, 3 passed"),
            (
                "thread 'main' (24714) panicked at 0x7ffee4",
                "thread 'main' ~ panicked at ~",
            ),
            ("line 12 of 30", "line 12 of 30"),
            ("at 10:22:01.5 ok", "at ~ ok"),
        ];
        for (text, want) in cases {
            assert_eq!(calm(text), want);
        }
    }
}
