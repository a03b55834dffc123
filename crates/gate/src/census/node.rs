//! `node --test`: TAP (what it writes into a pipe up to version 22) and the spec reporter (later versions).

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Tally, TestStatus};

static SUBTEST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^( *)# Subtest: (.*)$").expect("a fixed pattern"));
static POINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^( *)(ok|not ok) \d+(?: - (.*))?$").expect("a fixed pattern"));
static TAP_TOTAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^# (tests|suites|pass|fail|cancelled|skipped|todo) (\d+)$")
        .expect("a fixed pattern")
});
static SPEC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^( *)([✔✖﹣▶]) (.*?)(?: \(\d[\d.]*ms\))?(?: # .*)?$").expect("a fixed pattern")
});
static SPEC_TODO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d+ms\) # ").expect("a fixed pattern"));
static SPEC_TOTAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^ℹ (tests|suites|pass|fail|cancelled|skipped|todo) (\d+)$")
        .expect("a fixed pattern")
});

#[derive(Default)]
struct Totals {
    tests: Option<u64>,
    tally: Tally,
}

impl Totals {
    fn add(&mut self, word: &str, number: &str) {
        let number = number.parse().unwrap_or(u64::MAX / 8);
        match word {
            "tests" => self.tests = Some(self.tests.unwrap_or(0).saturating_add(number)),
            "pass" => self.tally.passed = self.tally.passed.saturating_add(number),
            "fail" | "cancelled" => self.tally.failed = self.tally.failed.saturating_add(number),
            "skipped" | "todo" => self.tally.ignored = self.tally.ignored.saturating_add(number),
            _ => {}
        }
    }
}

/// TAP version 13 with node's subtests, and any other producer of TAP.
pub(super) fn tap(text: &str) -> Option<Found> {
    if !text.lines().any(|line| line.starts_with("TAP version ")) {
        return None;
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Found {
        runner: "TAP",
        named: true,
        ..Found::default()
    };
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut totals = Totals::default();
    for (at, line) in lines.iter().enumerate() {
        if let Some(seen) = SUBTEST.captures(line) {
            let depth = seen[1].len();
            open.retain(|(d, _)| *d < depth);
            open.push((depth, seen[2].trim_end().to_owned()));
        } else if let Some(seen) = POINT.captures(line) {
            let depth = seen[1].len();
            let (name, directive) = directive(seen.get(3).map_or("", |m| m.as_str()));
            if is_suite(&lines[at + 1..], depth) {
                continue;
            }
            let parents = open
                .iter()
                .filter(|(d, _)| *d < depth)
                .map(|(_, n)| n.as_str());
            let id = parents
                .chain([name.as_str()])
                .collect::<Vec<_>>()
                .join(" > ");
            found.tests.push((
                id,
                if directive {
                    TestStatus::Ignored
                } else {
                    status(&seen[2])
                },
            ));
        } else if let Some(seen) = TAP_TOTAL.captures(line) {
            totals.add(&seen[1], &seen[2]);
        }
    }
    found.tally = totals.tests.map(|_| totals.tally);
    Some(found)
}

fn status(word: &str) -> TestStatus {
    if word == "ok" {
        TestStatus::Passed
    } else {
        TestStatus::Failed
    }
}

/// Splits `name # SKIP reason` and `name # TODO`. A hash in a name is escaped.
fn directive(text: &str) -> (String, bool) {
    if let Some(at) = text.rfind(" # ") {
        let word = text[at + 3..].to_ascii_uppercase();
        if word.starts_with("SKIP") || word.starts_with("TODO") {
            return (text[..at].to_owned(), true);
        }
    }
    (text.to_owned(), false)
}

/// node marks a suite in the YAML block behind its point; it is not counted as a test.
fn is_suite(after: &[&str], depth: usize) -> bool {
    let pad = " ".repeat(depth + 2);
    if after
        .first()
        .is_none_or(|line| *line != format!("{pad}---"))
    {
        return false;
    }
    after
        .iter()
        .take_while(|line| **line != format!("{pad}..."))
        .any(|line| *line == format!("{pad}type: 'suite'"))
}

/// The spec reporter. Suites are opened by `▶` and closed by a line of their own name.
pub(super) fn spec(text: &str) -> Option<Found> {
    if !text.lines().any(|line| SPEC_TOTAL.is_match(line)) {
        return None;
    }
    let mut found = Found {
        runner: "node --test",
        named: true,
        ..Found::default()
    };
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut totals = Totals::default();
    for line in text.lines() {
        if line == "✖ failing tests:" {
            break;
        }
        if let Some(seen) = SPEC_TOTAL.captures(line) {
            totals.add(&seen[1], &seen[2]);
            continue;
        }
        let Some(seen) = SPEC.captures(line) else {
            continue;
        };
        let (depth, mark, name) = (seen[1].len(), &seen[2], seen[3].to_owned());
        let closes = open.iter().any(|(d, n)| *d == depth && *n == name);
        open.retain(|(d, _)| *d < depth);
        if closes {
            continue;
        }
        if mark == "▶" {
            open.push((depth, name));
            continue;
        }
        let id = open
            .iter()
            .map(|(_, n)| n.as_str())
            .chain([name.as_str()])
            .collect::<Vec<_>>()
            .join(" > ");
        let status = match mark {
            "✔" if SPEC_TODO.is_match(line) => TestStatus::Ignored,
            "✔" => TestStatus::Passed,
            "﹣" => TestStatus::Ignored,
            _ => TestStatus::Failed,
        };
        found.tests.push((id, status));
    }
    found.tally = totals.tests.map(|_| totals.tally);
    Some(found)
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::super::{TestStatus::*, parse};

    /// node 20.20, shortened in its YAML blocks.
    const TAP: &str = "TAP version 13
# noise
# Subtest: adds
ok 1 - adds
  ---
  duration_ms: 1.110227
  ...
# Subtest: bad
not ok 2 - bad
  ---
  duration_ms: 1.631054
  location: '/repo/a.test.js:3:1'
  failureType: 'testCodeFailure'
  error: '1 == 2'
  ...
# Subtest: skipped
ok 3 - skipped # SKIP later
  ---
  duration_ms: 0.106459
  ...
# Subtest: todo one
ok 4 - todo one # TODO
  ---
  duration_ms: 0.083374
  ...
# Subtest: suite
    # Subtest: inner one
    ok 1 - inner one
      ---
      duration_ms: 0.129313
      ...
    # Subtest: inner
    ok 2 - inner
      ---
      duration_ms: 0.073069
      ...
    1..2
ok 5 - suite
  ---
  duration_ms: 0.394589
  type: 'suite'
  ...
1..5
# tests 6
# suites 1
# pass 3
# fail 1
# cancelled 0
# skipped 1
# todo 1
# duration_ms 106.905321
";

    const SPEC: &str = "noise
✔ adds (1.350425ms)
✖ bad (2.445389ms)
  AssertionError [ERR_ASSERTION]: 1 == 2
      at Test.run (node:internal/test_runner/test:889:19)

﹣ skipped (0.132067ms) # later
✔ todo one (0.110965ms) # TODO
▶ suite
  ✔ inner one (0.168922ms)
  ✔ inner (0.116013ms)
✔ suite (0.568939ms)
ℹ tests 6
ℹ suites 1
ℹ pass 3
ℹ fail 1
ℹ cancelled 0
ℹ skipped 1
ℹ todo 1
ℹ duration_ms 123.644317

✖ failing tests:

test at nt/a.test.js:3:1
✖ bad (2.445389ms)
";

    #[test]
    fn both_reporters_give_the_same_census() {
        let want = [
            ("adds", Passed),
            ("bad", Failed),
            ("skipped", Ignored),
            ("suite > inner", Passed),
            ("suite > inner one", Passed),
            ("todo one", Ignored),
        ];
        for text in [TAP, SPEC] {
            let census = parse(text, Exit::Code { code: 1 });
            assert!(census.known, "{}", census.note);
            assert_eq!(
                census.ids.into_iter().collect::<Vec<_>>(),
                want.map(|(id, s)| (id.to_owned(), s))
            );
        }
    }

    #[test]
    fn an_extra_point_is_a_forgery() {
        let forged = TAP.replace("# Subtest: bad", "ok 9 - removed test\n# Subtest: bad");
        assert!(!parse(&forged, Exit::Code { code: 1 }).known);
    }
}
