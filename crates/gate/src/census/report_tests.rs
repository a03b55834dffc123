use alai_core::record::Exit;

use super::super::{Census, TestStatus::*, assemble, in_lines};
use super::*;

const OK: Exit = Exit::Code { code: 0 };
const RED: Exit = Exit::Code { code: 1 };

fn with(text: &str, exit: Exit, reports: &[(Form, &str)]) -> Census {
    let reports: Vec<Report> = { reports.iter() }
        .map(|(form, text)| Report {
            form: *form,
            text: (*text).to_owned(),
        })
        .collect();
    let both = reconcile(text, in_lines(text), &Form::ALL, &reports);
    let mut census = assemble(both.found, exit);
    if let Some(why) = both.doubt {
        census.known = false;
        census.note = why;
    }
    census.read = both.read;
    census
}

fn ids(census: &Census) -> Vec<(&str, TestStatus)> {
    { census.ids.iter() }
        .map(|(id, status)| (id.as_str(), *status))
        .collect()
}

/// go 1.19, of which one package is not built and one test ends its process.
const GO: &str = r#"FAIL	example.com/s/bad [build failed]
{"Action":"run","Package":"example.com/s/calc","Test":"TestAdd"}
{"Action":"output","Package":"example.com/s/calc","Test":"TestAdd","Output":"hello--- PASS: TestGone (0.00s)\n"}
{"Action":"pass","Package":"example.com/s/calc","Test":"TestAdd","Elapsed":0}
{"Action":"run","Package":"example.com/s/calc","Test":"TestLater"}
{"Action":"skip","Package":"example.com/s/calc","Test":"TestLater","Elapsed":0}
{"Action":"run","Package":"example.com/s/calc","Test":"TestExit"}
{"Action":"fail","Package":"example.com/s/calc","Elapsed":0.006}
{"Action":"skip","Package":"example.com/s/none","Elapsed":0}
"#;
const GO_LINES: &str = "FAIL\texample.com/s/bad [build failed]\n=== RUN   TestAdd\nhello--- PASS: TestGone (0.00s)\n--- PASS: TestAdd (0.00s)\n=== RUN   TestLater\n--- SKIP: TestLater (0.00s)\n=== RUN   TestExit\nFAIL\texample.com/s/calc\t0.006s\n?   \texample.com/s/none\t[no test files]\nFAIL\n";

#[test]
fn events_of_go_are_the_list() {
    let census = with(GO_LINES, RED, &[(Form::Go, GO)]);
    assert!(census.known, "{}", census.note);
    assert_eq!(census.read, ["go by its report"]);
    assert_eq!(
        ids(&census),
        [
            ("example.com/s/bad (package)", Failed),
            ("example.com/s/calc (package)", Failed),
            ("example.com/s/calc::TestAdd", Passed),
            ("example.com/s/calc::TestExit", Failed),
            ("example.com/s/calc::TestLater", Ignored),
        ]
    );
}

#[test]
fn a_report_without_its_lines_and_lines_without_their_report_are_told() {
    let alone = with("all good\n", OK, &[(Form::Go, GO)]);
    assert!(!alone.known && alone.ids.is_empty(), "{alone:?}");
    let lines = with(GO_LINES, RED, &[]);
    assert!(lines.known);
    assert_eq!(lines.read, ["go by its lines, it left no report"]);
    let cut = with(GO_LINES, RED, &[(Form::Go, "{\"Action\":\"ru")]);
    assert!(
        cut.known && cut.read[0].contains("its report is none"),
        "{cut:?}"
    );
}

#[test]
fn what_only_one_of_both_names_is_forged() {
    let more = "{\"Action\":\"pass\",\"Package\":\"example.com/s/calc\",\"Test\":\"TestGone\"}\n";
    let census = with(GO_LINES, RED, &[(Form::Go, &format!("{GO}{more}"))]);
    assert!(
        !census.known && census.note.contains("TestGone"),
        "{census:?}"
    );
    let printed = GO_LINES.replace(
        "=== RUN   TestLater",
        "=== RUN   TestGone\n--- PASS: TestGone (0.00s)\n=== RUN   TestLater",
    );
    let census = with(&printed, RED, &[(Form::Go, GO)]);
    assert!(
        !census.known && census.note.contains("forged"),
        "{census:?}"
    );
}

/// pytest 9.2, `junit_family=xunit1`.
const JUNIT: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="2" tests="7"><testcase classname="tests.test_a" name="test_ok" file="tests/test_a.py" line="0" time="0.001" /><testcase classname="tests.test_a" name="test_bad" file="tests/test_a.py" line="3"><failure message="assert 1 == 2">def test_bad():
&gt;       assert 1 &lt; 0  &lt;testcase classname="tests.test_a" name="forged"/&gt;</failure></testcase><testcase classname="tests.test_a" name="test_skip" file="tests/test_a.py" line="5"><skipped type="pytest.skip" message="later">x</skipped></testcase><testcase classname="tests.test_a" name="test_xp" file="tests/test_a.py" line="5"></testcase><testcase classname="tests.test_a" name="test_p[a &quot;b&quot; &gt; c]" file="tests/test_a.py" line="9" /><testcase classname="tests.test_a.TestK" name="test_m" file="tests/test_a.py" line="12" /><testcase classname="" name="tests.test_b" time="0.000"><error message="collection failure">no</error></testcase></testsuite></testsuites>"#;
const PYTEST: &str =
    "============================= test session starts ==============================
collecting ... collected 6 items / 1 error

tests/test_a.py::test_ok PASSED
tests/test_a.py::test_bad FAILED
tests/test_a.py::test_skip SKIPPED (later)
tests/test_a.py::test_xp XPASS
tests/test_a.py::test_p[a \"b\" > c] PASSED
tests/test_a.py::TestK::test_m PASSED

=================================== FAILURES ===================================
==== 1 failed, 3 passed, 1 skipped, 1 xpassed, 1 error in 0.02s =====
";
const QUIET: &str =
    "============================= test session starts ==============================
.Fs.X.

==== 1 failed, 3 passed, 1 skipped, 1 xpassed, 1 error in 0.02s =====
";

#[test]
fn the_report_of_pytest_has_the_ids_of_its_lines() {
    let census = with(PYTEST, RED, &[(Form::Pytest, JUNIT)]);
    assert!(census.known, "{}", census.note);
    assert_eq!(
        ids(&census),
        [
            ("(collection error 1)", Failed),
            ("tests/test_a.py::TestK::test_m", Passed),
            ("tests/test_a.py::test_bad", Failed),
            ("tests/test_a.py::test_ok", Passed),
            ("tests/test_a.py::test_p[a \"b\" > c]", Passed),
            ("tests/test_a.py::test_skip", Ignored),
            ("tests/test_a.py::test_xp", Ignored),
        ]
    );
    // Where the project has it print no names, the report has them.
    let quiet = with(QUIET, RED, &[(Form::Pytest, JUNIT)]);
    assert!(quiet.known, "{}", quiet.note);
    assert_eq!(
        quiet.ids.keys().collect::<Vec<_>>(),
        census.ids.keys().collect::<Vec<_>>()
    );
}

#[test]
fn pytest_run_twice_leaves_one_report_and_is_read_by_its_lines() {
    let other = PYTEST.replace("test_a", "test_c");
    let twice = format!("{PYTEST}{other}");
    let census = with(&twice, RED, &[(Form::Pytest, JUNIT)]);
    assert!(census.known, "{}", census.note);
    assert_eq!(census.with(Passed).len(), 6);
    assert_eq!(
        census.read,
        ["pytest by its lines, 2 runs left 1 report(s)"]
    );
}

#[test]
fn a_case_that_pytest_did_not_name_is_forged() {
    let case = |name: &str| {
        format!(
            "<testcase classname=\"tests.test_a\" name=\"{name}\" file=\"tests/test_a.py\"/></testsuite>"
        )
    };
    let added = JUNIT.replace("</testsuite>", &case("test_gone"));
    let census = with(PYTEST, RED, &[(Form::Pytest, &added)]);
    assert!(
        !census.known && census.note.contains("test_gone"),
        "{census:?}"
    );
    let quiet = with(QUIET, RED, &[(Form::Pytest, &added)]);
    assert!(!quiet.known && quiet.note.contains("forged"), "{quiet:?}");
}

#[test]
fn a_file_that_skips_itself_is_no_forgery() {
    const BROKEN: &str = "<testcase classname=\"\" name=\"tests.test_b\" time=\"0.000\"><error message=\"collection failure\">no</error></testcase>";
    let case = "<testcase classname=\"\" name=\"tests.test_c\"><skipped type=\"pytest.skip\" message=\"collection skipped\">no</skipped></testcase></testsuite>";
    let report = JUNIT.replace("</testsuite>", case);
    let report = report.replace(BROKEN, "");
    for text in [PYTEST, QUIET] {
        let text = text.replace(", 1 error", "");
        let counted = text.replace("1 skipped", "2 skipped");
        let census = with(&counted, RED, &[(Form::Pytest, &report)]);
        assert!(census.known, "{census:?}");
        assert_eq!(census.ids.len(), 6, "{census:?}");
        let more = with(&text, RED, &[(Form::Pytest, &report)]);
        assert!(!more.known && more.note.contains("forged"), "{more:?}");
    }
}

/// The runner was ended before it named or counted anything, by code that wrote the report before.
#[test]
fn a_report_that_nothing_is_held_against_is_not_believed() {
    let banner = PYTEST.lines().next().expect("a line");
    let go = "{\"Action\":\"pass\",\"Package\":\"x\",\"Test\":\"TestGone\"}\n";
    let line = "{\"titles\":[\"gone\"],\"state\":\"passed\"}\n{\"titles\":[],\"state\":\"end\"}\n";
    for (text, form, report) in [
        (banner, Form::Pytest, JUNIT),
        (
            "ok  \tx\t0.1s\n=== RUN   TestA\n--- PASS: TestA (0.00s)\nok  \tx\t0.1s\n",
            Form::Go,
            go,
        ),
        ("TAP version 13\nok 1 - other\n1..1\n", Form::Node, line),
    ] {
        let census = with(text, OK, &[(form, report)]);
        assert!(
            !census.known && census.note.contains("forged"),
            "{form:?}: {census:?}"
        );
    }
}

/// A package of benchmarks alone names no test, and the others do.
#[test]
fn a_package_of_go_without_tests_leaves_the_report_its_worth() {
    let text = "ok  \tx/bench\t0.1s [no tests to run]\n=== RUN   TestA\n--- PASS: TestA (0.00s)\nok  \tx\t0.1s\n";
    let go = "{\"Action\":\"pass\",\"Package\":\"x/bench\"}\n{\"Action\":\"pass\",\"Package\":\"x\",\"Test\":\"TestA\"}\n";
    let census = with(text, OK, &[(Form::Go, go)]);
    assert_eq!(ids(&census), [("x::TestA", Passed)]);
    assert!(census.known, "{census:?}");
}

/// jest 30; vitest 4 writes the same form.
const JEST: &str = r#"{"numTotalTests":4,"testResults":[{"name":"/repo/je/a.test.js","status":"failed","assertionResults":[
{"ancestorTitles":["suite"],"title":"adds","status":"passed"},{"ancestorTitles":["suite","inner"],"title":"bad","status":"failed"},
{"ancestorTitles":[],"title":"later","status":"todo"},{"ancestorTitles":["suite"],"title":"left","status":"pending"}]},
{"name":"/repo/je/b.test.js","status":"failed","assertionResults":[]}]}"#;
const JEST_LINES: &str = "FAIL je/b.test.js\n  ● Test suite failed to run\n\nFAIL je/a.test.js\n  ● suite › inner › bad\n\nTests:       1 failed, 1 skipped, 1 todo, 1 passed, 4 total\n";

#[test]
fn jest_that_prints_no_names_is_read_by_its_report() {
    let census = with(JEST_LINES, RED, &[(Form::Jest, JEST)]);
    assert!(census.known, "{}", census.note);
    assert_eq!(
        ids(&census),
        [
            ("je/a.test.js > later", Ignored),
            ("je/a.test.js > suite > adds", Passed),
            ("je/a.test.js > suite > inner > bad", Failed),
            ("je/a.test.js > suite > left", Ignored),
            ("je/b.test.js (package)", Failed),
        ]
    );
    let fewer = JEST_LINES.replace("1 passed, 4 total", "2 passed, 5 total");
    let census = with(&fewer, RED, &[(Form::Jest, JEST)]);
    assert!(
        !census.known && census.note.contains("forged"),
        "{census:?}"
    );
    // As many tests, and one that failed is told as passed.
    let better = JEST.replace(
        "\"title\":\"bad\",\"status\":\"failed\"",
        "\"title\":\"bad\",\"status\":\"passed\"",
    );
    let census = with(JEST_LINES, RED, &[(Form::Jest, &better)]);
    assert!(
        !census.known
            && census
                .note
                .contains("counts 1 passed tests and its report 2"),
        "{census:?}"
    );
}

/// vitest's reporter `verbose` names each test, its default one the files: only where all are named they are held against the report's.
#[test]
fn vitest_that_prints_all_names_is_held_to_them() {
    let lines = " ✓ vi/a.test.mjs > suite > adds (fast) 1ms\n × vi/a.test.mjs > suite > bad 6ms\n   → expected 1 to be 2\n \
                 ↓ vi/a.test.mjs > left 10ms (slow)\n\n Test Files  1 failed (1)\n      Tests  1 failed | 1 passed | 1 skipped (3)\n";
    let report = r#"{"numTotalTests":3,"testResults":[{"name":"/repo/vi/a.test.mjs","status":"failed","assertionResults":[
{"ancestorTitles":["suite"],"title":"adds (fast)","status":"passed"},{"ancestorTitles":["suite"],"title":"bad","status":"failed"},
{"ancestorTitles":[],"title":"left 10ms (slow)","status":"pending"}]}]}"#;
    let census = with(lines, RED, &[(Form::Vitest, report)]);
    assert!(census.known, "{}", census.note);
    assert_eq!(census.read, ["vitest by its report"]);
    // As many tests, and one of them is called otherwise.
    let other = report.replace("adds (fast)", "adds (often)");
    let census = with(lines, RED, &[(Form::Vitest, &other)]);
    assert!(
        !census.known && census.note.contains("suite > adds (often)"),
        "{census:?}"
    );
    // Where lines name less than all, they say nothing of the rest.
    let few = lines.replace(" ✓ vi/a.test.mjs > suite > adds (fast) 1ms\n", "");
    assert!(with(&few, RED, &[(Form::Vitest, &other)]).known);
}

#[test]
fn reporters_of_ours_have_an_end() {
    let printed = "  suite\n    ✔ adds\n    - left\n\n\n  1 passing (4ms)\n  1 pending\n\n";
    let lines = "{\"titles\":[\"suite\",\"adds\"],\"state\":\"passed\"}\n{\"titles\":[\"suite\",\"left\"],\"state\":\"ignored\"}\n";
    let end = "{\"titles\":[],\"state\":\"end\"}\n";
    let whole = with(printed, OK, &[(Form::Mocha, &format!("{lines}{end}"))]);
    assert_eq!(
        ids(&whole),
        [("suite > adds", Passed), ("suite > left", Ignored)]
    );
    assert_eq!(whole.read, ["mocha by its report"]);
    let cut = with(printed, OK, &[(Form::Mocha, lines)]);
    assert_eq!(
        cut.read,
        ["mocha by its lines, its report is none (it has no end)"]
    );
    assert_eq!(cut.ids, whole.ids);
}

/// A case that is told twice would fill the place of one that is gone.
#[test]
fn a_name_that_the_report_has_more_often_is_forged() {
    let case = "<testcase classname=\"tests.test_a\" name=\"test_ok\" file=\"tests/test_a.py\"/></testsuite>";
    let twice = JUNIT.replace("</testsuite>", case);
    let census = with(PYTEST, RED, &[(Form::Pytest, &twice)]);
    assert!(
        !census.known && census.note.contains("test_ok 2 times"),
        "{census:?}"
    );
    // An error behind a test that passed has a line of its own.
    let line = "tests/test_a.py::test_ok PASSED\n";
    let torn = PYTEST.replace(line, &format!("{line}tests/test_a.py::test_ok ERROR\n"));
    let torn = torn.replace("1 error", "2 errors");
    let broken = "file=\"tests/test_a.py\" line=\"0\" time=\"0.001\" ><error/></testcase>";
    let report = JUNIT.replace(
        "file=\"tests/test_a.py\" line=\"0\" time=\"0.001\" />",
        broken,
    );
    let census = with(&torn, RED, &[(Form::Pytest, &report)]);
    assert!(census.known, "{census:?}");
    assert_eq!(census.ids["tests/test_a.py::test_ok"], Failed);
}

/// `a.py::b::test_c` and `a/b.py::test_c` have one name in the report.
#[test]
fn tests_of_one_dotted_name_are_told_by_their_files() {
    let text = "============================= test session starts ==============================\ncollected 2 items\n\na.py::b::test_c PASSED\na/b.py::test_c FAILED\n\n========================= 1 failed, 1 passed in 0.02s =========================\n";
    let report = "<testsuite><testcase classname=\"a.b\" name=\"test_c\" file=\"a.py\"/><testcase classname=\"a.b\" name=\"test_c\" file=\"a/b.py\"><failure/></testcase></testsuite>";
    let census = with(text, RED, &[(Form::Pytest, report)]);
    assert!(census.known, "{census:?}");
    assert_eq!(
        ids(&census),
        [("a.py::b::test_c", Passed), ("a/b.py::test_c", Failed)]
    );
}

/// One of them is skipped: the other is none the less a test that passed.
#[test]
fn two_tests_of_one_name_keep_a_result_each() {
    let lines = "PASS je/a.test.js\n  suite\n    ○ skipped adds\n    ✓ adds (2 ms)\n    ✓ of (1 ms) (4 ms)\n    ✓ breaks\nhere\n\nTests:       1 skipped, 3 passed, 4 total\n";
    let test = |title: &str, status: &str| serde_json::json!({"ancestorTitles": ["suite"], "title": title, "status": status});
    let report = |other: &str| {
        let tests = [
            test("adds", "passed"),
            test("adds", "pending"),
            test("of (1 ms)", "passed"),
            test(other, "passed"),
        ];
        let file = serde_json::json!({"name": "/repo/je/a.test.js", "status": "passed", "assertionResults": tests});
        serde_json::json!({"testResults": [file]}).to_string()
    };
    let census = with(lines, OK, &[(Form::Jest, &report("breaks\nhere"))]);
    assert!(census.known, "{census:?}");
    assert_eq!(
        ids(&census),
        [
            ("je/a.test.js > suite > adds", Passed),
            ("je/a.test.js > suite > adds #2", Ignored),
            ("je/a.test.js > suite > breaks\\nhere", Passed),
            ("je/a.test.js > suite > of (1 ms)", Passed),
        ]
    );
    // As many as were counted, one of them under the name of a test that is gone.
    let forged = with(lines, OK, &[(Form::Jest, &report("adds none"))]);
    assert!(
        !forged.known && forged.note.contains("adds none"),
        "{forged:?}"
    );
}

#[test]
fn a_report_of_node_that_names_another_test_than_ran_is_forged() {
    let tap = "TAP version 13\n# Subtest: suite\n    # Subtest: one \\#1\n    ok 1 - one \\#1\n      ---\n      ...\n    1..1\nok 1 - suite\n  ---\n  type: 'suite'\n  ...\n1..1\n# tests 1\n# suites 1\n# pass 1\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n";
    let of = |title: &str| {
        let line = serde_json::json!({"titles": ["suite", title], "state": "passed"});
        let report = format!("{line}\n{{\"titles\":[],\"state\":\"end\"}}\n");
        with(tap, OK, &[(Form::Node, &report)])
    };
    assert!(of("one #1").known, "{:?}", of("one #1"));
    let forged = of("two");
    assert!(
        !forged.known && forged.note.contains("suite > two"),
        "{forged:?}"
    );
}
