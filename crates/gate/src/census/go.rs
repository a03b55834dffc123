//! `go test -v`: results come before the line that names their package.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, TestStatus};

static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*--- (PASS|FAIL|SKIP): (\S+) \(\d+\.\d+s\)$").expect("a fixed pattern")
});
static RUN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^=== RUN   (\S+)$").expect("a fixed pattern"));
static PACKAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(ok  |FAIL|\?   )\t(\S+)(?:\t((?:\(cached\)|\d+\.\d+s|\[).*)| (\[.*\]))$")
        .expect("a fixed pattern")
});

pub(super) fn verbose(text: &str) -> Option<Found> {
    let mut found = Found {
        runner: "go test",
        named: true,
        ..Found::default()
    };
    let mut started: Vec<String> = Vec::new();
    let mut ended: Vec<(String, TestStatus)> = Vec::new();
    let mut packages = 0u32;
    for line in text.lines() {
        if let Some(seen) = RUN.captures(line) {
            // A benchmark is no test. Since Go 1.20 it says that it began, and never that it ended.
            if !seen[1].starts_with("Benchmark") {
                started.push(seen[1].to_owned());
            }
        } else if let Some(seen) = RESULT.captures(line) {
            ended.push((seen[2].to_owned(), status(&seen[1])));
        } else if let Some(seen) = PACKAGE.captures(line) {
            packages += 1;
            // Without `-v` a package is a line; then there is nothing to compare tests by.
            let note = seen.get(3).or(seen.get(4)).map_or("", |m| m.as_str());
            if started.is_empty() && &seen[1] == "ok  " && !note.contains("no tests") {
                found.named = false;
            }
            if &seen[1] == "FAIL" && ended.iter().all(|(_, s)| *s != TestStatus::Failed) {
                // The package did not build, or died in the middle of a test.
                found
                    .tests
                    .push((format!("{} (package)", &seen[2]), TestStatus::Failed));
            }
            close(
                &mut found,
                &seen[2],
                std::mem::take(&mut started),
                std::mem::take(&mut ended),
            );
        }
    }
    let saw_tests = !found.tests.is_empty() || !ended.is_empty();
    if !ended.is_empty() || !started.is_empty() {
        // A test wrote to a package's end: the rest of the list is missing.
        found.named = false;
    }
    (packages > 0 && (saw_tests || text.contains("[no test"))).then_some(found)
}

/// A test that began and never ended failed: the process was left by `os.Exit` or a panic.
fn close(found: &mut Found, package: &str, started: Vec<String>, ended: Vec<(String, TestStatus)>) {
    for name in &started {
        if !ended.iter().any(|(done, _)| done == name) {
            found
                .tests
                .push((format!("{package}::{name}"), TestStatus::Failed));
        }
    }
    found.tests.extend(
        ended
            .into_iter()
            .map(|(name, status)| (format!("{package}::{name}"), status)),
    );
}

fn status(word: &str) -> TestStatus {
    match word {
        "PASS" => TestStatus::Passed,
        "SKIP" => TestStatus::Ignored,
        _ => TestStatus::Failed,
    }
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::super::{TestStatus::*, parse};

    /// go 1.19 with GOFLAGS=-v.
    const GO: &str = "# example.com/sample/bad [example.com/sample/bad.test]
bad/bad_test.go:2:12: undefined: undefined
FAIL\texample.com/sample/bad [build failed]
=== RUN   TestAdd
--- PASS: TestAdd (0.00s)
=== RUN   TestBad
    calc_test.go:4: wrong
--- FAIL: TestBad (0.00s)
=== RUN   TestSkip
    calc_test.go:5: later
--- SKIP: TestSkip (0.00s)
=== RUN   TestTable
=== RUN   TestTable/a_b
hello
=== RUN   TestTable/c
hello
--- PASS: TestTable (0.00s)
    --- PASS: TestTable/a_b (0.00s)
    --- PASS: TestTable/c (0.00s)
=== RUN   ExampleAdd
--- PASS: ExampleAdd (0.00s)
FAIL
FAIL\texample.com/sample/calc\t0.002s
?   \texample.com/sample/none\t[no test files]
FAIL
";

    #[test]
    fn go_test_is_read() {
        let census = parse(GO, Exit::Code { code: 1 });
        assert!(census.known, "{}", census.note);
        let want = [
            ("example.com/sample/bad (package)", Failed),
            ("example.com/sample/calc::ExampleAdd", Passed),
            ("example.com/sample/calc::TestAdd", Passed),
            ("example.com/sample/calc::TestBad", Failed),
            ("example.com/sample/calc::TestSkip", Ignored),
            ("example.com/sample/calc::TestTable", Passed),
            ("example.com/sample/calc::TestTable/a_b", Passed),
            ("example.com/sample/calc::TestTable/c", Passed),
        ];
        assert_eq!(
            census.ids.into_iter().collect::<Vec<_>>(),
            want.map(|(id, s)| (id.to_owned(), s))
        );
    }

    #[test]
    fn a_test_that_left_the_process_failed() {
        let left = "=== RUN   TestAdd\n--- PASS: TestAdd (0.00s)\n=== RUN   TestExit\nok  \texample.com/a\t0.002s\n";
        let census = parse(left, Exit::Code { code: 0 });
        assert_eq!(census.ids["example.com/a::TestExit"], Failed);
    }

    /// As go prints it since 1.20.
    #[test]
    fn a_benchmark_that_never_says_its_end_is_no_test() {
        let text = "=== RUN   TestAdd\n--- PASS: TestAdd (0.00s)\n=== RUN   BenchmarkAdd\nBenchmarkAdd\nBenchmarkAdd-8 \t 1\t 2 ns/op\nPASS\nok  \texample.com/a\t0.002s\n";
        let census = parse(text, Exit::Code { code: 0 });
        assert!(census.known, "{}", census.note);
        let ids: Vec<&str> = census.ids.keys().map(String::as_str).collect();
        assert_eq!(ids, ["example.com/a::TestAdd"]);
    }

    /// What stands behind the time is the package's too.
    #[test]
    fn a_package_without_tests_beside_others_leaves_the_list_known() {
        let ran =
            "=== RUN   TestAdd\n--- PASS: TestAdd (0.00s)\nPASS\nok  \texample.com/a\t0.002s\n";
        for note in [
            "0.1s [no tests to run]",
            "(cached) [no tests to run]",
            "0.100s\tcoverage: 0.0% of statements [no tests to run]",
        ] {
            let text = format!(
                "{ran}testing: warning: no tests to run\nPASS\nok  \texample.com/b\t{note}\n"
            );
            let census = parse(&text, Exit::Code { code: 0 });
            assert!(census.known, "{note}: {census:?}");
            assert_eq!(census.ids.len(), 1, "{note}: {census:?}");
        }
        let quiet = format!("{ran}ok  \texample.com/b\t0.1s\tcoverage: 80.0% of statements\n");
        assert!(!parse(&quiet, Exit::Code { code: 0 }).known, "it had some");
    }

    #[test]
    fn without_names_the_list_is_unknown() {
        assert!(!parse("ok  \texample.com/a\t0.002s\n", Exit::Code { code: 0 }).known);
    }
}
