//! How many tests passed: read from the summary lines of nextest and of `cargo test`.

use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Marked to be ignored, left out by a filter, or not reached.
    pub(crate) skipped: u64,
}

/// Who ran the tests and wrote the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// One summary at the very end. What failed tests printed stands above it, and for Rust's test
    /// harness that includes summaries of their own, which would be counted twice.
    Nextest,
    /// One summary for each test program.
    CargoTest,
}

impl Counts {
    /// Whether a line of output is one that `read` understands.
    pub(crate) fn is_summary(line: &str) -> bool {
        nextest(line).is_some() || cargo_test(line).is_some()
    }

    /// The counts of a run; `None` when there is no summary, which is not the same as nought.
    pub(crate) fn read(runner: Runner, lines: &[String]) -> Option<Counts> {
        match runner {
            Runner::Nextest => lines.iter().rev().find_map(|line| nextest(line)),
            Runner::CargoTest => {
                let mut found = lines.iter().filter_map(|line| cargo_test(line)).peekable();
                found.peek()?;
                Some(found.fold(Counts::default(), |mut sum, counts| {
                    sum += counts;
                    sum
                }))
            }
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// `test result: ok. 6 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s`
fn cargo_test(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let mut counts = Counts::default();
    for part in rest.split_once(". ")?.1.split("; ") {
        let Some((number, what)) = part.split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match what {
            "passed" => counts.passed += number,
            "failed" => counts.failed += number,
            "ignored" | "filtered out" => counts.skipped += number,
            _ => {}
        }
    }
    Some(counts)
}

/// `     Summary [   1.2s] 9/10 tests run: 7 passed (1 slow, 2 leaky), 1 failed, 1 timed out, 3 skipped`
fn nextest(line: &str) -> Option<Counts> {
    let rest = line.trim_start().strip_prefix("Summary [")?;
    let (started, results) = rest.split_once("] ")?.1.split_once(" run: ")?;
    let mut counts = Counts::default();
    if let Some((ran, all)) = started.split(' ').next()?.split_once('/') {
        counts.skipped += all.parse::<u64>().ok()?.checked_sub(ran.parse().ok()?)?;
    }
    for part in without_brackets(results).split(", ") {
        let (number, what) = part.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match what.trim() {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            // failed, timed out, exec failed, and whatever a later version calls what did not pass.
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0u32;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn summaries_are_read() {
        for (line, wanted) in [
            (
                "     Summary [   0.004s] 2 tests run: 2 passed, 0 skipped",
                counts(2, 0, 0),
            ),
            (
                "Summary [ 12.1s] 10 tests run: 7 passed (1 slow, 2 leaky), 1 failed, \
                 1 timed out, 1 exec failed, 3 skipped",
                counts(7, 3, 3),
            ),
            (
                "Summary [  1.0s] 3/10 tests run: 2 passed, 1 failed, 4 skipped",
                counts(2, 1, 11),
            ),
            (
                "Summary [  1.0s] 1 test run: 1 passed, 0 skipped",
                counts(1, 0, 0),
            ),
            (
                "test result: ok. 6 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; \
                 finished in 0.00s",
                counts(6, 0, 3),
            ),
            (
                "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; \
                 finished in 0.08s",
                counts(1, 2, 0),
            ),
        ] {
            assert_eq!(nextest(line).or(cargo_test(line)), Some(wanted), "{line}");
        }
    }

    #[test]
    fn other_lines_are_no_summary() {
        for line in [
            "",
            "Summary",
            "test result",
            "PASS [ 0.1s] Summary [",
            "Summary [1s] soon",
        ] {
            assert!(!Counts::is_summary(line), "{line}");
        }
    }

    #[test]
    fn what_failed_tests_printed_is_not_counted_again() {
        let lines = [
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out",
            "Summary [ 9.9s] 99 tests run: 99 passed",
            "     Summary [ 0.1s] 3 tests run: 2 passed, 1 failed, 1 skipped",
        ];
        let lines = lines.map(str::to_owned);
        assert_eq!(Counts::read(Runner::Nextest, &lines), Some(counts(2, 1, 1)));
        assert_eq!(
            Counts::read(Runner::CargoTest, &lines),
            Some(counts(0, 1, 3))
        );
    }

    #[test]
    fn the_summaries_of_all_test_programs_are_added() {
        let lines = [
            "test result: ok. 1 passed; 0 failed",
            "test result: ok. 2 passed; 0 failed",
        ];
        let lines = lines.map(str::to_owned);
        assert_eq!(
            Counts::read(Runner::CargoTest, &lines),
            Some(counts(3, 0, 0))
        );
    }

    #[test]
    fn no_summary_at_all_is_not_nought_tests() {
        assert_eq!(Counts::read(Runner::Nextest, &[]), None);
        assert_eq!(
            Counts::read(
                Runner::CargoTest,
                &["Summary [1s] 1 test run: 1 passed".into()]
            ),
            None
        );
    }

    #[test]
    fn the_closing_line_has_its_exact_form() {
        assert_eq!(
            counts(12, 0, 3).to_string(),
            "12 passed, 0 failed, 3 skipped"
        );
    }
}
