//! Runners of C and C++: CTest, `meson test`, and programs of cmocka or GoogleTest that a Makefile runs one after the other.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Tally, TestStatus};

static CTEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*\d+/\d+ Test\s+#\d+: (.+?) \.*\s*(?:\*\*\*)?(\w.*?)\s+\d+\.\d+ sec\s*$")
        .expect("a fixed pattern")
});
static CTEST_TOTAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\d+% tests passed, (\d+) tests? failed out of (\d+)$").expect("a fixed pattern")
});
static MESON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*\d+/\d+ (.+?)\s+(OK|FAIL|SKIP|EXPECTEDFAIL|UNEXPECTEDPASS|TIMEOUT|ERROR|INTERRUPT)\s+\d+\.\d+s(?:\s.*)?$")
        .expect("a fixed pattern")
});
static MESON_TOTAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(Ok|Expected Fail|Fail|Unexpected Pass|Skipped|Timeout):\s+(\d+)\s*$")
        .expect("a fixed pattern")
});
static BEGAN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\[==========\] (?:\S+: )?Running \d+ test").expect("a fixed pattern")
});
static RUN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\[ RUN      \] (\S+)$").expect("a fixed pattern"));
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\[(       OK |  FAILED  |  SKIPPED |  ERROR   )\] (\S+?)(?:,? \(.*\))?$")
        .expect("a fixed pattern")
});
static ENDED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\[==========\] (?:\S+: )?(\d+) test(?:\(s\) run\.|s? from \d+ test .* ran\.)")
        .expect("a fixed pattern")
});

/// The outermost runner alone: CTest and meson show what a program of theirs printed only when it failed, so that its tests
/// would come and go.
pub(super) fn runner(text: &str) -> Option<Found> {
    ctest(text)
        .or_else(|| meson(text))
        .or_else(|| programs(text))
}

fn ctest(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "ctest",
        ..Found::default()
    };
    let mut disabled = 0;
    for line in text.lines() {
        if let Some(seen) = CTEST.captures(line) {
            // CTest does not count a disabled test in its total.
            disabled += u64::from(seen[2].contains("Disabled"));
            let status = match &seen[2] {
                "Passed" => TestStatus::Passed,
                "Skipped" => TestStatus::Ignored,
                word if word.contains("Disabled") => TestStatus::Ignored,
                _ => TestStatus::Failed,
            };
            found.tests.push((seen[1].to_owned(), status));
        } else if let Some(seen) = CTEST_TOTAL.captures(line) {
            let (failed, total) = (number(&seen[1]), number(&seen[2]));
            let tally = found.tally.get_or_insert_default();
            tally.failed += failed;
            tally.passed += total.saturating_sub(failed);
        }
    }
    let tally = found.tally.as_mut()?;
    let ignored = count(&found.tests, TestStatus::Ignored);
    tally.passed = tally
        .passed
        .saturating_sub(ignored.saturating_sub(disabled));
    tally.ignored = ignored;
    found.named = !found.tests.is_empty() || tally.total() == 0;
    Some(found)
}

fn meson(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "meson test",
        ..Found::default()
    };
    for line in text.lines() {
        if let Some(seen) = MESON.captures(line) {
            let status = match &seen[2] {
                "OK" => TestStatus::Passed,
                "SKIP" | "EXPECTEDFAIL" => TestStatus::Ignored,
                _ => TestStatus::Failed,
            };
            found.tests.push((seen[1].trim().to_owned(), status));
        } else if let Some(seen) = MESON_TOTAL.captures(line) {
            let tally = found.tally.get_or_insert_default();
            let of_kind = match &seen[1] {
                "Ok" => &mut tally.passed,
                "Skipped" | "Expected Fail" => &mut tally.ignored,
                _ => &mut tally.failed,
            };
            *of_kind += number(&seen[2]);
        }
    }
    found.tally?;
    found.named = !found.tests.is_empty();
    found.named.then_some(found)
}

/// cmocka and GoogleTest write the same lines. A result counts only for the test that runs: what failed is listed again at the
/// end.
fn programs(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "cmocka or GoogleTest",
        named: true,
        ..Found::default()
    };
    let mut program: Option<Program> = None;
    let mut programs = 0u32;
    for line in text.lines() {
        if BEGAN.is_match(line) {
            end(&mut found, program.take(), None);
            programs += 1;
            program = Some(Program::default());
        } else if let Some(seen) = ENDED.captures(line) {
            end(&mut found, program.take(), Some(number(&seen[1])));
        } else if let Some(program) = &mut program {
            program.read(line);
        }
    }
    end(&mut found, program, None);
    (programs > 0).then_some(found)
}

#[derive(Default)]
struct Program {
    tests: Vec<(String, TestStatus)>,
    runs: Option<String>,
}

impl Program {
    fn read(&mut self, line: &str) {
        if let Some(seen) = RUN.captures(line) {
            self.close(TestStatus::Failed);
            self.runs = Some(seen[1].to_owned());
        } else if let Some(seen) = RESULT.captures(line)
            && self.runs.as_deref() == Some(&seen[2])
        {
            self.close(match seen[1].trim() {
                "OK" => TestStatus::Passed,
                "SKIPPED" => TestStatus::Ignored,
                _ => TestStatus::Failed,
            });
        }
    }

    /// Ends the test that runs. One without a result took the program with it.
    fn close(&mut self, status: TestStatus) {
        self.tests
            .extend(self.runs.take().map(|name| (name, status)));
    }
}

/// A program that died says no total: then what it named is all there is, and the tests it did not come to are missing.
fn end(found: &mut Found, program: Option<Program>, total: Option<u64>) {
    let Some(mut program) = program else {
        // A total without a beginning: somebody else wrote it.
        if let Some(total) = total {
            found.tally.get_or_insert_default().passed += total;
        }
        return;
    };
    program.close(TestStatus::Failed);
    let (failed, ignored) = (
        count(&program.tests, TestStatus::Failed),
        count(&program.tests, TestStatus::Ignored),
    );
    let named = program.tests.len() as u64;
    let tally = found.tally.get_or_insert_default();
    tally.add(Tally {
        failed,
        ignored,
        passed: total.unwrap_or(named).saturating_sub(failed + ignored),
    });
    found.tests.extend(program.tests);
}

fn count(tests: &[(String, TestStatus)], status: TestStatus) -> u64 {
    tests.iter().filter(|(_, s)| *s == status).count() as u64
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(u64::MAX / 8)
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::super::{TestStatus, TestStatus::*, parse};

    fn ids(text: &str) -> Vec<(String, TestStatus)> {
        let census = parse(text, Exit::Code { code: 1 });
        assert!(census.known, "{}", census.note);
        census.ids.into_iter().collect()
    }

    fn want<const N: usize>(all: [(&str, TestStatus); N]) -> Vec<(String, TestStatus)> {
        all.map(|(id, status)| (id.to_owned(), status)).into()
    }

    /// ctest 3.25 with --output-on-failure; a failing program of cmocka shows its lines.
    const CTEST: &str = "Internal ctest changing into directory: /repo/build
Test project /repo/build
    Start 1: good
1/6 Test #1: good .............................   Passed    0.00 sec
    Start 2: bad
2/6 Test #2: bad ..............................***Failed    0.00 sec
[==========] Running 1 test(s).
[ RUN      ] test_b
[  FAILED  ] test_b
[==========] 1 test(s) run.

    Start 3: skipped
3/6 Test #3: skipped ..........................***Skipped   0.00 sec
    Start 4: off
4/6 Test #4: off ..............................***Not Run (Disabled)   0.00 sec
    Start 5: a
5/6 Test #5: a ................................***Not Run   0.00 sec
    Start 6: crash
6/6 Test #6: crash ............................***Exception: SegFault  0.00 sec


40% tests passed, 3 tests failed out of 5

Total Test time (real) =   0.01 sec
";

    #[test]
    fn ctest_is_read_and_its_programs_are_not() {
        let all = [
            ("a", Failed),
            ("bad", Failed),
            ("crash", Failed),
            ("good", Passed),
            ("off", Ignored),
            ("skipped", Ignored),
        ];
        assert_eq!(ids(CTEST), want(all));
        let forged = CTEST.replace(
            "[ RUN ",
            "7/6 Test #7: gone .....   Passed    0.00 sec\n[ RUN ",
        );
        assert!(!parse(&forged, Exit::Code { code: 0 }).known);
    }

    /// meson 1.0.
    const MESON: &str = "ninja: Entering directory `/repo/build'
ninja: no work to do.
1/3 x / good      OK              0.02s
2/3 x / bad       FAIL            0.01s   exit status 1
>>> MALLOC_PERTURB_=21 /usr/bin/false

3/3 x:s / skip me SKIP            0.01s   exit status 77

Ok:                 1   
Expected Fail:      0   
Fail:               1   
Unexpected Pass:    0   
Skipped:            1   
Timeout:            0   
";

    #[test]
    fn meson_is_read() {
        let all = [
            ("x / bad", Failed),
            ("x / good", Passed),
            ("x:s / skip me", Ignored),
        ];
        assert_eq!(ids(MESON), want(all));
    }

    /// cmocka 1.1.5, two programs of one Makefile; the second dies in its second test.
    const CMOCKA: &str = "cc -o build/test_a tests/test_a.c
[==========] Running 4 test(s).
[ RUN      ] test_a
[       OK ] test_a
[ RUN      ] test_b
[  ERROR   ] --- 0x1 != 0x2
[   LINE   ] --- /tmp/t.c:7: error: Failure!
[  FAILED  ] test_b
[ RUN      ] test_c
[  SKIPPED ] test_c
[ RUN      ] test_d
Could not run test: Test setup failed
[  ERROR   ] test_d
[==========] 4 test(s) run.
[  PASSED  ] 1 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] test_c

 1 SKIPPED TEST(S)
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] test_b

 2 FAILED TEST(S)
[==========] Running 3 test(s).
[ RUN      ] test_e
[       OK ] test_e
[ RUN      ] test_f
Aborted
make: *** [Makefile:9: test] Error 1
";

    #[test]
    fn programs_of_cmocka_are_read_one_after_the_other() {
        let all = [
            ("test_a", Passed),
            ("test_b", Failed),
            ("test_c", Ignored),
            ("test_d", Failed),
            ("test_e", Passed),
            ("test_f", Failed),
        ];
        assert_eq!(ids(CMOCKA), want(all));
        for forged in [
            "[ RUN      ] test_gone\n[       OK ] test_gone\n[ RUN      ] test_b",
            "[==========] 9 test(s) run.\n[ RUN      ] test_b",
        ] {
            let forged = CMOCKA.replace("[ RUN      ] test_b", forged);
            assert!(!parse(&forged, Exit::Code { code: 0 }).known, "{forged}");
        }
    }

    /// GoogleTest 1.14.
    const GTEST: &str = "[==========] Running 2 tests from 1 test suite.
[----------] Global test environment set-up.
[----------] 2 tests from Sum
[ RUN      ] Sum.Adds
[       OK ] Sum.Adds (0 ms)
[ RUN      ] Sum.Fails
a.cc:4: Failure
[  FAILED  ] Sum.Fails (1 ms)
[----------] 2 tests from Sum (1 ms total)

[----------] Global test environment tear-down
[==========] 2 tests from 1 test suite ran. (1 ms total)
[  PASSED  ] 1 test.
[  FAILED  ] 1 test, listed below:
[  FAILED  ] Sum.Fails
";

    #[test]
    fn google_test_is_read() {
        assert_eq!(
            ids(GTEST),
            want([("Sum.Adds", Passed), ("Sum.Fails", Failed)])
        );
    }
}
