//! pytest (also under xdist) and unittest.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Tally, TestStatus};

static BANNER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^=+ test session starts =+$").expect("a fixed pattern"));
static SECTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^=+ (ERRORS|FAILURES|PASSES|XPASSES|short test summary info|warnings summary.*) =+$",
    )
    .expect("a fixed pattern")
});
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(\S+?::.+) (PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR)(?: \(.*\))?\s*(?:\[\s*\d+%\])?$",
    )
    .expect("a fixed pattern")
});
static XDIST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^\[gw\d+\](?: \[\s*\d+%\])? (PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR) (\S+?::.+?)\s*$",
    )
    .expect("a fixed pattern")
});
static TOTALS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+|no tests ran) in \d[0-9.:smh ()]*(?: =+)?$")
        .expect("a fixed pattern")
});
static COUNT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\d+) ([a-z]+)").expect("a fixed pattern"));
static UNIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\S+) \((\S+)\)(?: \(.*\))? \.\.\. (ok|FAIL|ERROR|skipped .*|expected failure|unexpected success)$").expect("a fixed pattern")
});
/// A test whose first line ends before its status: its doc comment follows, or the parts of it that failed.
static UNIT_HEAD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\S+) \((\S+)\)(?: \.\.\.\s*)?$").expect("a fixed pattern"));
static UNIT_DOC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\S.* \.\.\. (ok|FAIL|ERROR|skipped .*|expected failure|unexpected success)$")
        .expect("a fixed pattern")
});
static UNIT_PART: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^  (\S+) \((\S+)\) .*\.\.\. (FAIL|ERROR|skipped .*)$").expect("a fixed pattern")
});
static RAN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^Ran (\d+) tests? in [0-9.]+s$").expect("a fixed pattern"));
static VERDICT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(OK|FAILED)(?: \((.*)\))?$").expect("a fixed pattern"));
static PAIR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([a-z ]+)=(\d+)").expect("a fixed pattern"));

/// pytest with `-vv`: only the progress lines count, which end where the first report begins. What tests print comes after.
pub(super) fn pytest(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "pytest",
        ..Found::default()
    };
    let mut in_progress = false;
    let mut banners = 0u32;
    for line in text.lines() {
        if BANNER.is_match(line) {
            banners += 1;
            in_progress = true;
        } else if SECTION.is_match(line) {
            in_progress = false;
        } else if banners > 0 && TOTALS.is_match(line) {
            in_progress = false;
            found.tally.get_or_insert_default().add(totals(line));
        } else if in_progress {
            found.tests.extend(progress(line));
        }
    }
    if banners == 0 {
        return None;
    }
    settle_errors(&mut found);
    // With `-q` in the project's options nothing is named, and the totals still count.
    found.named =
        found.tally.is_some() && (!found.tests.is_empty() || found.tally == Some(Tally::default()));
    Some(found)
}

fn progress(line: &str) -> Option<(String, TestStatus)> {
    if let Some(seen) = XDIST.captures(line) {
        return Some((seen[2].to_owned(), status(&seen[1])));
    }
    LINE.captures(line)
        .map(|seen| (seen[1].to_owned(), status(&seen[2])))
}

fn status(word: &str) -> TestStatus {
    match word {
        "PASSED" => TestStatus::Passed,
        "FAILED" | "ERROR" => TestStatus::Failed,
        // An expected failure tells nothing whichever way it ends, unless the project makes it strict: then it FAILED.
        _ => TestStatus::Ignored,
    }
}

fn totals(line: &str) -> Tally {
    let mut tally = Tally::default();
    for seen in COUNT.captures_iter(line) {
        let number: u64 = seen[1].parse().unwrap_or(u64::MAX / 8);
        match &seen[2] {
            "passed" => tally.passed += number,
            "failed" | "error" | "errors" => tally.failed += number,
            "skipped" | "xfailed" | "xpassed" => tally.ignored += number,
            _ => {}
        }
    }
    tally
}

/// A test that passes and whose teardown breaks is reported twice and counted twice (`PASSED`, then `ERROR`); a file that
/// cannot be imported is counted and not named in the progress. Both are told from forged lines here.
fn settle_errors(found: &mut Found) {
    let Some(tally) = found.tally else { return };
    let named = |s: TestStatus| {
        found
            .tests
            .iter()
            .filter(|(_, status)| *status == s)
            .map(|_| 1u64)
            .sum::<u64>()
    };
    let unnamed = tally.failed.saturating_sub(named(TestStatus::Failed));
    if unnamed > 0
        && named(TestStatus::Passed) == tally.passed
        && named(TestStatus::Ignored) == tally.ignored
    {
        for number in 1..=unnamed.min(1_000) {
            found
                .tests
                .push((format!("(collection error {number})"), TestStatus::Failed));
        }
    }
}

/// `python -m unittest -v`, and without `-v` its totals alone.
pub(super) fn unittest(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "unittest",
        ..Found::default()
    };
    let mut ran = None;
    let mut begun: Option<String> = None;
    for line in text.lines() {
        if let Some(seen) = UNIT.captures(line) {
            found
                .tests
                .push((unit_id(&seen[1], &seen[2]), unit_status(&seen[3])));
        } else if let Some(seen) = UNIT_PART.captures(line) {
            part(
                &mut found,
                &mut begun,
                &unit_id(&seen[1], &seen[2]),
                &seen[3],
            );
        } else if let (Some(id), Some(seen)) = (begun.clone(), UNIT_DOC.captures(line)) {
            found.tests.push((id, unit_status(&seen[1])));
            begun = None;
        } else if let Some(seen) = RAN.captures(line) {
            ran = seen[1].parse::<u64>().ok();
        } else if let (Some(total), Some(seen)) = (ran, VERDICT.captures(line)) {
            found
                .tally
                .get_or_insert_default()
                .add(unit_tally(total, seen.get(2).map_or("", |m| m.as_str())));
            ran = None;
        } else if let Some(seen) = UNIT_HEAD.captures(line) {
            // After the verdict, of which `FAILED (failures=1)` has this form.
            begun = Some(unit_id(&seen[1], &seen[2]));
        }
    }
    found.named = !found.tests.is_empty();
    found.tally.is_some().then_some(found)
}

/// A part of a test (`subTest`) that did not pass; those that passed are not named. One that failed is the test's result.
fn part(found: &mut Found, begun: &mut Option<String>, id: &str, word: &str) {
    let status = unit_status(word);
    if begun.as_deref() == Some(id) {
        found.tests.push((id.to_owned(), status));
        *begun = None;
    } else if let Some(last) = found.tests.last_mut().filter(|(last, _)| last == id)
        && status == TestStatus::Failed
    {
        last.1 = status;
    }
}

/// Since Python 3.11 the parenthesis holds the whole name, before that the class alone.
fn unit_id(method: &str, place: &str) -> String {
    if place.ends_with(&format!(".{method}")) {
        place.to_owned()
    } else {
        format!("{place}.{method}")
    }
}

fn unit_status(word: &str) -> TestStatus {
    match word {
        "ok" => TestStatus::Passed,
        "FAIL" | "ERROR" | "unexpected success" => TestStatus::Failed,
        _ => TestStatus::Ignored,
    }
}

fn unit_tally(total: u64, words: &str) -> Tally {
    let mut tally = Tally::default();
    for seen in PAIR.captures_iter(words) {
        let number: u64 = seen[2].parse().unwrap_or(0);
        match seen[1].trim() {
            "failures" | "errors" | "unexpected successes" => tally.failed += number,
            _ => tally.ignored += number,
        }
    }
    // Each failed part of a test (`subTest`) is counted as a failure, and the tests that ran are as many as it says.
    tally.failed = tally.failed.min(total);
    tally.ignored = tally.ignored.min(total - tally.failed);
    tally.passed = total - tally.failed - tally.ignored;
    tally
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::super::{Tally, TestStatus::*, parse};

    /// pytest 9.2 with the options of `runner_env`, shortened in its reports.
    const PYTEST: &str = r#"============================= test session starts ==============================
platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0 -- /repo/.venv/bin/python
rootdir: /repo
plugins: xdist-3.8.0
collecting ... collected 10 items

tests/test_a.py::test_ok PASSED
tests/test_a.py::test_bad FAILED
tests/test_a.py::test_skip SKIPPED (later)
tests/test_a.py::test_xf XFAIL
tests/test_a.py::test_xp XPASS
tests/test_a.py::test_p[a b] PASSED
tests/test_a.py::test_p[c] PASSED
tests/test_a.py::test_p[x PASSED] PASSED
tests/test_a.py::TestK::test_m PASSED
tests/test_a.py::test_err ERROR

==================================== ERRORS ====================================
__________________________ ERROR at setup of test_err __________________________

    @pytest.fixture
>   def broken(): raise RuntimeError("no")
E   RuntimeError: no

tests/test_a.py:16: RuntimeError
=================================== FAILURES ===================================
___________________________________ test_bad ___________________________________
E       assert 1 == 2

tests/test_a.py:4: AssertionError
----------------------------- Captured stdout call -----------------------------
tests/test_a.py::test_bad PASSED
tests/test_a.py::test_gone PASSED
=================================== XPASSES ====================================
=========================== short test summary info ============================
SKIPPED [1] tests/test_a.py:5: later
XFAIL tests/test_a.py::test_xf
XPASS tests/test_a.py::test_xp
ERROR tests/test_a.py::test_err - RuntimeError: no
FAILED tests/test_a.py::test_bad - assert 1 == 2
PASSED tests/test_a.py::test_ok
==== 1 failed, 5 passed, 1 skipped, 1 xfailed, 1 xpassed, 1 error in 0.02s =====
"#;

    #[test]
    fn pytest_is_read_and_printed_lines_are_not() {
        let census = parse(PYTEST, Exit::Code { code: 1 });
        assert!(census.known, "{}", census.note);
        let want = [
            ("tests/test_a.py::TestK::test_m", Passed),
            ("tests/test_a.py::test_bad", Failed),
            ("tests/test_a.py::test_err", Failed),
            ("tests/test_a.py::test_ok", Passed),
            ("tests/test_a.py::test_p[a b]", Passed),
            ("tests/test_a.py::test_p[c]", Passed),
            ("tests/test_a.py::test_p[x PASSED]", Passed),
            ("tests/test_a.py::test_skip", Ignored),
            ("tests/test_a.py::test_xf", Ignored),
            ("tests/test_a.py::test_xp", Ignored),
        ];
        assert_eq!(
            census.ids.into_iter().collect::<Vec<_>>(),
            want.map(|(id, s)| (id.to_owned(), s))
        );
    }

    /// pytest 9.2 with xdist 3.8, `-n2`.
    const XDIST: &str =
        "============================= test session starts ==============================
created: 2/2 workers
[gw0] linux Python 3.11.7 cwd: /repo
2 workers [3 items]

scheduling tests via LoadScheduling

tests/test_a.py::test_skip 
tests/test_a.py::test_ok 
[gw1] [ 10%] SKIPPED tests/test_a.py::test_skip 
[gw0] [ 20%] PASSED tests/test_a.py::test_ok 
tests/test_a.py::test_p[a b] 
[gw0] [ 60%] PASSED tests/test_a.py::test_p[a b] 
=========================== short test summary info ============================
SKIPPED [1] tests/test_a.py:5: later
========================= 2 passed, 1 skipped in 0.31s =========================
";

    #[test]
    fn xdist_is_read() {
        let census = parse(XDIST, Exit::Code { code: 0 });
        assert!(census.known, "{}", census.note);
        assert_eq!(census.ids["tests/test_a.py::test_p[a b]"], Passed);
        assert_eq!(census.ids["tests/test_a.py::test_skip"], Ignored);
        assert_eq!(census.ids.len(), 3);
    }

    /// pytest 9.2: a test file that cannot be imported.
    const COLLECTION: &str =
        "============================= test session starts ==============================
collecting ... collected 10 items / 1 error

==================================== ERRORS ====================================
_______________________ ERROR collecting tests/test_b.py _______________________
E   ModuleNotFoundError: No module named 'nope'
=========================== short test summary info ============================
ERROR tests/test_b.py
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
=============================== 1 error in 0.14s ===============================
";

    #[test]
    fn a_collection_error_is_a_failed_test() {
        let census = parse(COLLECTION, Exit::Code { code: 2 });
        assert!(census.known, "{}", census.note);
        assert_eq!(census.red(), ["(collection error 1)"]);
    }

    #[test]
    fn a_project_without_tests_has_an_empty_census() {
        let none = "============================= test session starts ==============================\ncollecting ... collected 0 items\n\n============================ no tests ran in 0.01s =============================\n";
        let census = parse(none, Exit::Code { code: 5 });
        assert!(census.known && census.ids.is_empty(), "{census:?}");
    }

    #[test]
    fn an_early_exit_leaves_no_census() {
        let cut = PYTEST.split("tests/test_a.py::test_p[c]").next().unwrap();
        assert!(
            !parse(cut, Exit::Code { code: 0 }).known,
            "no totals, so nobody knows what did not run"
        );
    }

    const UNITTEST: &str = "test_a (test_u.T.test_a) ... ok
test_b (test_u.T.test_b) ... FAIL
test_c (test_u.T.test_c) ... skipped 'l'
test_old (test_u.T) ... ok

======================================================================
FAIL: test_b (test_u.T.test_b)
----------------------------------------------------------------------
AssertionError: None

----------------------------------------------------------------------
Ran 4 tests in 0.000s

FAILED (failures=1, skipped=1)
";

    #[test]
    fn unittest_is_read_with_and_without_names() {
        let census = parse(UNITTEST, Exit::Code { code: 1 });
        assert!(census.known, "{}", census.note);
        assert_eq!(census.ids["test_u.T.test_b"], Failed);
        assert_eq!(census.ids["test_u.T.test_old"], Passed);
        // Python 3.11: the parts of a test that did not pass, and a test that is named with its doc comment.
        let parts = "test_p (t.A.test_p) ... \n  test_p (t.A.test_p) (i=1) ... FAIL\n  test_p (t.A.test_p) (i=2) ... ERROR\ntest_q (t.A.test_q) ... \n  test_q (t.A.test_q) (i=1) ... skipped 'n'\ntest_z (t.A.test_z) ... ok\ntest_zz (t.A.test_zz)\nSays what it does. ... ok\n\n----------\nRan 4 tests in 0.001s\n\nFAILED (failures=1, errors=1, skipped=1)\n";
        let census = parse(parts, Exit::Code { code: 1 });
        assert!(census.known, "{}", census.note);
        let status = |id: &str| census.ids[&format!("t.A.{id}")];
        assert_eq!((status("test_p"), status("test_q")), (Failed, Ignored));
        assert_eq!((status("test_z"), status("test_zz")), (Passed, Passed));
        let one = "test_a (t.A.test_a) ... ok\ntest_b (t.A.test_b) ... FAIL\n\n----------\nRan 2 tests in 0.001s\n\nFAILED (failures=1)\n";
        let census = parse(one, Exit::Code { code: 1 });
        assert!(census.known, "{}", census.note);
        assert_eq!(census.red(), ["t.A.test_b"]);
        let many = "FFEE\n----------\nRan 2 tests in 0.001s\n\nFAILED (failures=5, errors=2)\n";
        let census = parse(many, Exit::Code { code: 1 });
        let counted = census.tally.expect("counted");
        assert_eq!((counted.total(), counted.failed), (2, 2), "as many as ran");
        let dots = "..F.s\n----------------------------------------------------------------------\nRan 5 tests in 0.001s\n\nFAILED (failures=1, skipped=1)\n";
        let census = parse(dots, Exit::Code { code: 1 });
        assert!(!census.known);
        assert_eq!(
            census.tally,
            Some(Tally {
                passed: 3,
                failed: 1,
                ignored: 1
            })
        );
    }
}
