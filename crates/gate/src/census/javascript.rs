//! jest, vitest and mocha. Without a verbose reporter they name files alone; then the totals are what can be compared.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Tally, TestStatus};

static JEST_TOTAL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^Tests:\s+(.*) total$").expect("a fixed pattern"));
static JEST_FILE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:PASS|FAIL) (\S+)(?: \(.*\))?$").expect("a fixed pattern"));
static JEST_TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\s+)([✓✕○✎]) (.*?)(?: \([\d.]+ m?s\))?$").expect("a fixed pattern")
});
static VITEST_TOTAL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s+Tests  (.*) \(\d+\)$").expect("a fixed pattern"));
static VITEST_TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^ ([✓×↓□]) (\S+ > .*?)(?: \d+m?s)?(?: \(.*\))?$").expect("a fixed pattern")
});
static MOCHA_TOTAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^  (\d+) (passing|pending|failing)(?: \(.*\))?$").expect("a fixed pattern")
});
static MOCHA_TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^( +)(✔|✓|-|\d+\)) (.*?)(?: \(\d+ms\))?$").expect("a fixed pattern")
});
static COUNT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\d+) ([a-z]+)").expect("a fixed pattern"));

fn counts(text: &str) -> Tally {
    let mut tally = Tally::default();
    for seen in COUNT.captures_iter(text) {
        let number: u64 = seen[1].parse().unwrap_or(u64::MAX / 8);
        match &seen[2] {
            "passed" => tally.passed += number,
            "failed" => tally.failed += number,
            "skipped" | "todo" | "pending" => tally.ignored += number,
            _ => {}
        }
    }
    tally
}

/// Names of the blocks around a line, by indentation.
#[derive(Default)]
struct Blocks(Vec<(usize, String)>);

impl Blocks {
    fn open(&mut self, line: &str) {
        let depth = line.len() - line.trim_start().len();
        self.0.retain(|(d, _)| *d < depth);
        self.0.push((depth, line.trim().to_owned()));
    }

    fn id(&self, file: &str, depth: usize, name: &str) -> String {
        let blocks = self
            .0
            .iter()
            .filter(|(d, _)| *d < depth)
            .map(|(_, n)| n.as_str());
        let parts: Vec<&str> = [file]
            .into_iter()
            .filter(|f| !f.is_empty())
            .chain(blocks)
            .chain([name])
            .collect();
        parts.join(" > ")
    }
}

/// jest; it names tests with `--verbose`, or by itself when there is one file.
pub(super) fn jest(text: &str) -> Option<Found> {
    let total = text.lines().find_map(|line| JEST_TOTAL.captures(line))?;
    let mut found = Found {
        runner: "jest",
        tally: Some(counts(&total[1])),
        ..Found::default()
    };
    let mut file = String::new();
    let mut blocks = Blocks::default();
    let mut listing = false;
    for line in text.lines() {
        if let Some(seen) = JEST_FILE.captures(line) {
            file = seen[1].to_owned();
            blocks.0.clear();
            listing = true;
        } else if line.starts_with("Summary of all failing tests") {
            break;
        } else if line.trim().is_empty() || line.starts_with("  ● ") {
            // The reports of failures follow the list of a file.
            listing = false;
        } else if let (true, Some(seen)) = (listing, JEST_TEST.captures(line)) {
            let (status, name) = jest_status(&seen[2], &seen[3]);
            found
                .tests
                .push((blocks.id(&file, seen[1].len(), name), status));
        } else if listing {
            blocks.open(line);
        }
    }
    found.named = !found.tests.is_empty()
        && u64::try_from(found.tests.len()).ok() == found.tally.map(Tally::total);
    if !found.named {
        found.tests.clear();
    }
    Some(found)
}

fn jest_status<'a>(mark: &str, name: &'a str) -> (TestStatus, &'a str) {
    match mark {
        "✓" => (TestStatus::Passed, name),
        "○" => (
            TestStatus::Ignored,
            name.strip_prefix("skipped ").unwrap_or(name),
        ),
        "✎" => (
            TestStatus::Ignored,
            name.strip_prefix("todo ").unwrap_or(name),
        ),
        _ => (TestStatus::Failed, name),
    }
}

/// vitest; it names tests with the verbose reporter.
pub(super) fn vitest(text: &str) -> Option<Found> {
    let total = text.lines().find_map(|line| VITEST_TOTAL.captures(line))?;
    let mut found = Found {
        runner: "vitest",
        tally: Some(counts(&total[1])),
        ..Found::default()
    };
    for seen in text.lines().filter_map(|line| VITEST_TEST.captures(line)) {
        let status = match &seen[1] {
            "✓" => TestStatus::Passed,
            "×" => TestStatus::Failed,
            _ => TestStatus::Ignored,
        };
        found.tests.push((seen[2].to_owned(), status));
    }
    found.named = !found.tests.is_empty();
    Some(found)
}

/// mocha's spec reporter, which is its default.
pub(super) fn mocha(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "mocha",
        ..Found::default()
    };
    let mut blocks = Blocks::default();
    let mut tally = Tally::default();
    let mut ended = false;
    for line in text.lines() {
        if let Some(seen) = MOCHA_TOTAL.captures(line) {
            ended = true;
            let number: u64 = seen[1].parse().unwrap_or(u64::MAX / 8);
            match &seen[2] {
                "passing" => tally.passed += number,
                "pending" => tally.ignored += number,
                _ => tally.failed += number,
            }
        } else if ended {
            // Behind the totals stand the reports of the failures.
        } else if let Some(seen) = MOCHA_TEST.captures(line) {
            let status = match &seen[2] {
                "✔" | "✓" => TestStatus::Passed,
                "-" => TestStatus::Ignored,
                _ => TestStatus::Failed,
            };
            found
                .tests
                .push((blocks.id("", seen[1].len(), &seen[3]), status));
        } else if line.starts_with("  ") && !line.trim().is_empty() {
            blocks.open(line);
        }
    }
    found.tally = ended.then_some(tally);
    found.named = !found.tests.is_empty();
    ended.then_some(found)
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::super::{Tally, TestStatus::*, parse};

    const FAILED: Exit = Exit::Code { code: 1 };
    const ONE_EACH: Tally = Tally {
        passed: 3,
        failed: 1,
        ignored: 2,
    };

    /// jest 30 with --verbose.
    const JEST: &str = "FAIL je/a.test.js
  suite
    ✓ adds (4 ms)
    ✕ bad (3 ms)
    ○ skipped skipped
    ✎ todo later
    inner
      ✓ x

  ● suite › bad

    expect(received).toBe(expected) // Object.is equality

    Expected: 2
    Received: 1

      at Object.toBe (je/a.test.js:1:67)

PASS je/b.test.js
  ✓ top (3 ms)

Test Suites: 1 failed, 1 passed, 2 total
Tests:       1 failed, 1 skipped, 1 todo, 3 passed, 6 total
Snapshots:   0 total
Time:        0.53 s
Ran all test suites matching je.
";

    #[test]
    fn jest_is_read() {
        let census = parse(JEST, FAILED);
        assert!(census.known, "{}", census.note);
        let want = [
            ("je/a.test.js > suite > adds", Passed),
            ("je/a.test.js > suite > bad", Failed),
            ("je/a.test.js > suite > inner > x", Passed),
            ("je/a.test.js > suite > later", Ignored),
            ("je/a.test.js > suite > skipped", Ignored),
            ("je/b.test.js > top", Passed),
        ];
        assert_eq!(
            census.ids.into_iter().collect::<Vec<_>>(),
            want.map(|(id, s)| (id.to_owned(), s))
        );
    }

    #[test]
    fn jest_without_names_still_counts() {
        let quiet = "FAIL je/a.test.js\n  ● suite › bad\n\n    Expected: 2\n\nPASS je/b.test.js\n\nTests:       1 failed, 1 skipped, 1 todo, 3 passed, 6 total\n";
        let census = parse(quiet, FAILED);
        assert!(!census.known);
        assert_eq!(census.tally, Some(ONE_EACH));
    }

    /// vitest 4.1 with --reporter=verbose.
    const VITEST: &str = " RUN  v4.1.12 /repo

 ✓ vi/b.test.mjs > top 1ms
 ✓ vi/a.test.mjs > suite > adds 1ms
 × vi/a.test.mjs > suite > bad 6ms
   → expected 1 to be 2 // Object.is equality
 ↓ vi/a.test.mjs > suite > skipped
 □ vi/a.test.mjs > suite > later
 ✓ vi/a.test.mjs > suite > inner > x 0ms

 Test Files  1 failed | 1 passed (2)
      Tests  1 failed | 3 passed | 1 skipped | 1 todo (6)
   Start at  23:13:11
";

    #[test]
    fn vitest_is_read() {
        let census = parse(VITEST, FAILED);
        assert!(census.known, "{}", census.note);
        assert_eq!(census.ids["vi/a.test.mjs > suite > bad"], Failed);
        assert_eq!(census.ids["vi/a.test.mjs > suite > inner > x"], Passed);
        assert_eq!(census.ids["vi/a.test.mjs > suite > skipped"], Ignored);
        assert_eq!(census.ids.len(), 6);
    }

    #[test]
    fn vitest_without_names_still_counts() {
        let quiet = " RUN  v4.1.12 /repo\n\n ✓ vi/b.test.mjs (1 test) 2ms\n ❯ vi/a.test.mjs (5 tests | 1 failed) 6ms\n     ✓ adds 1ms\n\n Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 3 passed | 1 skipped | 1 todo (6)\n";
        let census = parse(quiet, FAILED);
        assert!(!census.known);
        assert_eq!(census.tally, Some(ONE_EACH));
    }

    /// mocha 11.
    const MOCHA: &str = "

  suite
    ✔ adds
    1) bad
    - skipped
    inner
      ✔ x


  2 passing (4ms)
  1 pending
  1 failing

  1) suite
       bad:

      AssertionError [ERR_ASSERTION]: 1 == 2
      + expected - actual

";

    #[test]
    fn mocha_is_read() {
        let census = parse(MOCHA, FAILED);
        assert!(census.known, "{}", census.note);
        let want = [
            ("suite > adds", Passed),
            ("suite > bad", Failed),
            ("suite > inner > x", Passed),
            ("suite > skipped", Ignored),
        ];
        assert_eq!(
            census.ids.into_iter().collect::<Vec<_>>(),
            want.map(|(id, s)| (id.to_owned(), s))
        );
    }
}
