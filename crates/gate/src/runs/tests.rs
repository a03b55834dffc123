//! Tables for the decisions over runs.

use alai_core::record::CommandRecord;

use super::*;

const OK: Exit = Exit::Code { code: 0 };
const RED: Exit = Exit::Code { code: 1 };

pub(crate) fn captured(exit: Exit, stdout: &str) -> Captured {
    let record = CommandRecord {
        argv: vec![],
        cwd: String::new(),
        exit,
        started_ms: 0,
        duration_ms: 0,
        stdout_sha256: String::new(),
        stderr_sha256: String::new(),
        stdout_bytes: 0,
        stderr_bytes: 0,
        cage: vec![],
    };
    Captured {
        record,
        stdout: stdout.to_owned(),
        stderr: String::new(),
        truncated: false,
    }
}

/// A run of libtest: `ok` tests, `bad` tests, ignored tests.
fn run(ok: &[&str], bad: &[&str], ignored: &[&str]) -> Census {
    let lines = |names: &[&str], word: &str| {
        names
            .iter()
            .map(|n| format!("test {n} ... {word}\n"))
            .collect::<String>()
    };
    let text = format!(
        "{}{}{}test result: x. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out\n",
        lines(ok, "ok"),
        lines(bad, "FAILED"),
        lines(ignored, "ignored"),
        ok.len(),
        bad.len(),
        ignored.len()
    );
    let census = census::parse(&text, if bad.is_empty() { OK } else { RED });
    assert!(census.known, "{}", census.note);
    census
}

fn silent(exit: Exit) -> Census {
    census::parse("nothing to see", exit)
}

fn base_result(base: &Census, restored: &Census, covered: bool) -> CheckResult {
    let output = captured(restored.exit, "");
    let may_be_lost = |id: &str| id.starts_with("allowed");
    base_tests(&BaseTests {
        base,
        restored,
        may_be_lost: &may_be_lost,
        covered,
        output: &output,
        command: "t",
        given_up: 0,
    })
    .result
}

#[test]
fn base_tests_pass_or_are_red_as_before() {
    let base = run(&["a", "b"], &["old"], &[]);
    assert_eq!(
        base_result(&base, &run(&["a", "b", "old"], &[], &[]), false),
        CheckResult::Pass
    );
    assert_eq!(
        base_result(&base, &run(&["a", "b"], &["old"], &[]), false),
        CheckResult::Pass
    );
    assert_eq!(
        base_result(&base, &run(&["a"], &["b", "old"], &[]), false),
        CheckResult::Fail,
        "b broke"
    );
    assert_eq!(
        base_result(&base, &run(&["a"], &["old"], &[]), false),
        CheckResult::Fail,
        "b did not run"
    );
    let allowed = run(&["a", "allowed_x"], &[], &[]);
    assert_eq!(
        base_result(&allowed, &run(&["a"], &[], &[]), false),
        CheckResult::Pass,
        "the task may change it"
    );
}

#[test]
fn an_exit_code_that_does_not_fit_is_not_believed() {
    let base = run(&["a"], &["old"], &[]);
    let mut lying = run(&["a"], &["old"], &[]);
    lying.exit = OK;
    assert_eq!(
        base_result(&base, &lying, false),
        CheckResult::Fail,
        "red tests and exit 0"
    );
    let mut odd = run(&["a", "old"], &[], &[]);
    odd.exit = Exit::Code { code: 3 };
    assert_eq!(
        base_result(&base, &odd, false),
        CheckResult::Fail,
        "no red test and exit 3"
    );
}

#[test]
fn an_early_exit_with_success_is_not_a_pass() {
    let base = run(&["a", "b"], &[], &[]);
    assert_eq!(
        base_result(&base, &silent(OK), true),
        CheckResult::Fail,
        "sys.exit(0) before any test"
    );
}

#[test]
fn runners_that_name_nothing_are_judged_by_their_exit() {
    assert_eq!(
        base_result(&silent(OK), &silent(OK), false),
        CheckResult::Pass
    );
    assert_eq!(
        base_result(&silent(OK), &silent(RED), true),
        CheckResult::Fail
    );
    assert_eq!(
        base_result(&silent(RED), &silent(RED), false),
        CheckResult::Fail,
        "nobody knows what is red"
    );
    assert_eq!(
        base_result(&silent(RED), &silent(RED), true),
        CheckResult::NotApplicable
    );
    assert_eq!(
        base_result(&silent(RED), &silent(Exit::Code { code: 2 }), true),
        CheckResult::Fail,
        "red in another way"
    );
}

fn kept(base: &Census, now: &Census, files: &TestFiles) -> CheckResult {
    let allowed = |id: &str| id.starts_with("allowed");
    census_kept(base, now, &allowed, files, &Optional::default(), "t").result
}

#[test]
fn a_census_may_grow_and_not_shrink() {
    let none = TestFiles {
        conditions: false,
        base: 0,
        lost: vec![],
        given_up: 0,
    };
    let base = run(&["a", "allowed_b"], &[], &["c"]);
    assert_eq!(
        kept(&base, &run(&["a", "allowed_b", "n"], &[], &["c"]), &none),
        CheckResult::Pass
    );
    assert_eq!(
        kept(&base, &run(&["allowed_b", "n"], &[], &["c"]), &none),
        CheckResult::Fail,
        "a is lost"
    );
    assert_eq!(
        kept(&base, &run(&["allowed_b"], &[], &["a", "c"]), &none),
        CheckResult::Fail,
        "a is skipped"
    );
    assert_eq!(
        kept(&base, &run(&["a"], &[], &["c"]), &none),
        CheckResult::Pass,
        "the task may change b"
    );
    assert_eq!(
        kept(&base, &run(&["a"], &[], &["allowed_b", "c"]), &none),
        CheckResult::Fail,
        "b passed and is left out"
    );
    let red = run(&[], &["a", "d", "allowed_b"], &[]);
    assert_eq!(
        kept(&red, &run(&["a", "d"], &[], &["allowed_b"]), &none),
        CheckResult::Pass,
        "two are mended, one is left out"
    );
    assert_eq!(
        kept(&red, &run(&["a"], &["d"], &["allowed_b"]), &none),
        CheckResult::Fail,
        "as many are left out as are mended"
    );
    assert_eq!(kept(&base, &silent(OK), &none), CheckResult::Fail);
    assert_eq!(
        kept(&base, &run(&["a", "allowed_b"], &["n"], &["c"]), &none),
        CheckResult::Fail,
        "a new test is red"
    );
    assert_eq!(
        kept(
            &silent(OK),
            &silent(RED),
            &TestFiles {
                conditions: false,
                base: 1,
                lost: vec![],
                given_up: 0
            }
        ),
        CheckResult::Fail,
        "red as it is"
    );
}

#[test]
fn without_names_counts_and_files_are_compared() {
    let dots = |n: u32| census::parse(&format!("{}\nRan {n} tests in 0.1s\n\nOK\n", "."), OK);
    let none = TestFiles {
        conditions: false,
        base: 0,
        lost: vec![],
        given_up: 0,
    };
    assert_eq!(kept(&dots(5), &dots(5), &none), CheckResult::Pass);
    assert_eq!(kept(&dots(5), &dots(4), &none), CheckResult::Fail);
    assert_eq!(
        kept(&dots(5), &silent(OK), &none),
        CheckResult::Fail,
        "no count any more"
    );
    assert_eq!(
        kept(
            &silent(OK),
            &silent(OK),
            &TestFiles {
                conditions: false,
                base: 2,
                lost: vec![],
                given_up: 0
            }
        ),
        CheckResult::Pass
    );
    assert_eq!(
        kept(
            &silent(OK),
            &silent(OK),
            &TestFiles {
                conditions: false,
                base: 2,
                lost: vec!["test.sh".into()],
                given_up: 0
            }
        ),
        CheckResult::Fail
    );
    assert_eq!(
        kept(&silent(OK), &silent(OK), &none),
        CheckResult::NotApplicable
    );
}

#[test]
fn a_new_test_must_be_red_without_the_change() {
    let base = run(&["a"], &[], &[]);
    let head = run(&["a", "new", "more"], &[], &[]);
    let added = new_tests(&base, &head);
    assert_eq!(added, ["more", "new"]);
    let result = |on_base: &Census| new_tests_fail(&added, Some(on_base), "t").result;
    assert_eq!(
        result(&run(&["a", "more"], &["new"], &[])),
        CheckResult::Pass
    );
    assert_eq!(result(&head), CheckResult::Fail, "vacuous");
    assert_eq!(
        result(&silent(RED)),
        CheckResult::Pass,
        "they do not compile there"
    );
    assert_eq!(
        result(&base),
        CheckResult::NotApplicable,
        "they were not brought there"
    );
    assert_eq!(
        new_tests_fail(&[], None, "t").result,
        CheckResult::NotApplicable
    );
}

#[test]
fn checks_of_the_task_must_all_exit_zero() {
    let runs = |exits: &[Exit]| -> Vec<OwnCheck> {
        let own = |exit: &Exit| OwnCheck {
            command: "true".to_owned(),
            head: captured(*exit, "why"),
            base: None,
        };
        exits.iter().map(own).collect()
    };
    assert_eq!(acceptance(&runs(&[])).result, CheckResult::NotApplicable);
    assert_eq!(acceptance(&runs(&[OK, OK])).result, CheckResult::Pass);
    let failed = acceptance(&runs(&[OK, RED]));
    assert_eq!(failed.result, CheckResult::Fail);
    assert!(failed.detail.contains("`true`: exit 1: why"));
    assert_eq!(
        acceptance(&runs(&[Exit::TimedOut { after_s: 1 }])).result,
        CheckResult::Fail
    );
}

#[test]
fn a_check_that_passed_before_the_change_scores_nothing() {
    const SLOW: Exit = Exit::TimedOut { after_s: 9 };
    let of = |before: &[Exit]| {
        let own = |(at, exit): (usize, &Exit)| OwnCheck {
            command: format!("check {at}"),
            head: captured(OK, ""),
            base: Some(captured(*exit, "")),
        };
        acceptance(&before.iter().enumerate().map(own).collect::<Vec<_>>())
    };
    let red = of(&[RED, RED]);
    assert_eq!(red.result, CheckResult::Pass);
    assert!(!red.is_green_before(), "{red:?}");
    let mixed = of(&[RED, OK]);
    assert_eq!(mixed.result, CheckResult::Pass);
    assert!(
        mixed.is_green_before() && mixed.detail.contains("scores nothing: `check 1`"),
        "{mixed:?}"
    );
    assert!(!mixed.is_unproven(), "one of them was red");
    let green = of(&[OK, OK]);
    assert_eq!(green.result, CheckResult::NotApplicable);
    assert!(green.is_green_before() && green.is_unproven(), "{green:?}");
    let slow = of(&[SLOW]);
    assert_eq!(slow.result, CheckResult::Pass, "it did not pass there");
    assert!(
        slow.detail
            .contains("on the base `check 0` timed out after 9 s"),
        "{slow:?}"
    );
}

/// Neither a test that was not reached nor one that was under way has said anything.
#[test]
fn a_run_that_was_ended_from_outside_is_told_as_that_and_passes_nothing() {
    const SLOW: Exit = Exit::TimedOut { after_s: 9 };
    let cut = |census: Census| Census {
        exit: SLOW,
        ..census
    };
    let told = |m: Measurement| {
        assert_eq!(m.result, CheckResult::Fail, "{m:?}");
        assert!(m.detail.contains("`t` timed out after 9 s"), "{m:?}");
    };
    let added = ["new".to_owned()];
    told(new_tests_fail(
        &added,
        Some(&cut(run(&["a"], &[], &[]))),
        "t",
    ));
    told(new_tests_fail(
        &added,
        Some(&cut(run(&["a"], &["new"], &[]))),
        "t",
    ));
    let killed = Census {
        exit: Exit::Signal { signal: 11 },
        ..run(&["a"], &["new"], &[])
    };
    let red = new_tests_fail(&added, Some(&killed), "t");
    assert_eq!(red.result, CheckResult::Pass, "it ended by itself: {red:?}");
    let (base, now) = (run(&["a", "b"], &[], &[]), cut(run(&["a"], &[], &[])));
    let files = TestFiles {
        base: 0,
        lost: vec![],
        given_up: 0,
        conditions: false,
    };
    let optional = Optional::default();
    told(census_kept(&base, &now, &|_| false, &files, &optional, "t"));
    let output = captured(SLOW, "");
    told(base_tests(&BaseTests {
        base: &base,
        restored: &now,
        may_be_lost: &|_| false,
        covered: true,
        output: &output,
        command: "t",
        given_up: 0,
    }));
    let lint = super::lint(
        &[Lint {
            name: "t".into(),
            set: true,
            compared: false,
            head: captured(RED, "a.py:1: odd\n"),
            base: Some(captured(SLOW, "a.py:1: odd\n")),
        }],
        &[],
    );
    told(lint);
}

#[test]
fn a_home_that_cannot_be_written_is_told_as_that() {
    let none = run(&[], &[], &[]);
    let why = |text: &str| unable(&captured(RED, text), &none).map(|unable| unable.why);
    for line in [
        "Error: EACCES: permission denied, mkdir '/home/agent/.cache/node'",
        "failed to initialize build cache at /home/agent/.cache/go-build: mkdir /home/agent/.cache: read-only file system",
        "PermissionError: [Errno 13] Permission denied: '/home/agent/.cache/tool'",
    ] {
        let why = why(line).expect("a reason");
        assert!(why.contains("home folder cannot be written"), "{why}");
    }
    assert_eq!(
        why("PermissionError: Permission denied: '/etc/shadow'"),
        None
    );
    assert_eq!(why("/home/agent/a.py: no such file"), None);
}

#[test]
fn lint_is_clean_or_was_red_before() {
    let one = |head: Exit, base: Option<Exit>| {
        vec![Lint {
            name: "fmt".into(),
            set: true,
            compared: false,
            head: captured(head, "odd"),
            base: base.map(|exit| captured(exit, "odd")),
        }]
    };
    assert_eq!(lint(&one(OK, None), &[]).result, CheckResult::Pass);
    assert_eq!(lint(&one(RED, Some(OK)), &[]).result, CheckResult::Fail);
    assert_eq!(lint(&one(RED, None), &[]).result, CheckResult::Fail);
    assert_eq!(
        lint(&one(RED, Some(RED)), &[]).result,
        CheckResult::NotApplicable
    );
    assert_eq!(lint(&[], &[]).result, CheckResult::NotApplicable);
    assert_eq!(
        lint(&one(OK, None), &["a.rs:1 #[allow]".into()]).result,
        CheckResult::Fail,
        "clean by silence"
    );
}

#[test]
fn a_run_that_cannot_begin_is_told_from_a_red_one() {
    let why =
        |exit, text: &str| unable(&captured(exit, text), &census::parse(text, exit)).map(|u| u.why);
    assert_eq!(why(OK, ""), None);
    assert!(why(Exit::Code { code: 127 }, "sh: 1: pytest: not found").is_some());
    assert!(
        why(
            Exit::Code { code: 101 },
            "error: could not compile `a` (lib)"
        )
        .is_some()
    );
    assert!(why(RED, "/repo/.venv/bin/python: No module named pytest").is_some());
    assert!(why(RED, "npm error Missing script: \"test\"").is_some());
    assert!(
        why(
            Exit::Code { code: 2 },
            "make: *** No rule to make target 'test'.  Stop."
        )
        .is_some()
    );
    assert!(why(Exit::TimedOut { after_s: 5 }, "").is_some());
    let all_broken = "FAIL\texample.com/a [build failed]\nFAIL\n";
    assert_eq!(
        why(RED, all_broken).as_deref(),
        Some("no test could be loaded")
    );
    assert_eq!(
        why(
            RED,
            "assertion failed: 1 == 2\nerror: could not compile? no"
        ),
        Some("it does not build".into())
    );
    assert_eq!(
        why(RED, "FAILED: 1 of 3"),
        None,
        "a silent runner with red tests"
    );
    let red = "test a ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\nModuleNotFoundError";
    assert_eq!(why(Exit::Code { code: 101 }, red), None);
}

#[test]
fn tests_that_alone_do_not_build_are_told_from_a_product_that_does_not() {
    let only = |text: &str| only_tests_unbuilt(&captured(Exit::Code { code: 101 }, text));
    let failed =
        |target: &str| format!("error: could not compile `a` ({target}) due to 1 previous error\n");
    assert!(only(&failed("test \"new\"")));
    assert!(only(&format!(
        "{}{}",
        failed("lib test"),
        failed("bin \"a\" test")
    )));
    assert!(!only(&failed("lib")) && !only(&failed("bin \"a\"")));
    assert!(!only(&format!("{}{}", failed("lib test"), failed("lib"))));
    assert!(!only(
        "error: could not compile `serde` due to 2 previous errors"
    ));
    assert!(!only(&format!(
        "error: linking with `cc` failed: exit status: 1\n{}",
        failed("test \"new\"")
    )));
    assert!(!only("test a ... FAILED"));
}

#[test]
fn a_build_is_judged_by_its_command_else_by_the_tests() {
    let tests = captured(OK, "");
    let census = silent(OK);
    assert_eq!(
        clean_build(Some(&captured(OK, "")), &tests, &census).result,
        CheckResult::Pass
    );
    assert_eq!(
        clean_build(Some(&captured(RED, "boom")), &tests, &census).result,
        CheckResult::Fail
    );
    assert_eq!(clean_build(None, &tests, &census).result, CheckResult::Pass);
    let broken = captured(Exit::Code { code: 101 }, "error: could not compile `a`");
    let m = clean_build(None, &broken, &census::read(&broken));
    assert_eq!(m.result, CheckResult::Fail);
    assert!(m.detail.contains("does not build"), "{}", m.detail);
}

#[test]
fn a_linter_that_writes_sarif_is_held_to_what_the_base_has_not() {
    const RED: Exit = Exit::Code { code: 1 };
    let log = |results: &[(&str, &str, u32)]| {
        let result = |(rule, text, line): &(&str, &str, u32)| {
            serde_json::json!({"ruleId": rule, "level": "error", "message": {"text": text}, "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": line}}}]})
        };
        let results: Vec<_> = results.iter().map(result).collect();
        let log = serde_json::json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": results}]});
        format!("checking\n{log}\n2 files")
    };
    let lint = |head: String, base: String| {
        super::lint(
            &[Lint {
                name: "t".into(),
                set: true,
                compared: false,
                head: captured(RED, &head),
                base: Some(captured(RED, &base)),
            }],
            &[],
        )
    };
    let old = [("E1", "unused import", 3)];
    let moved = lint(log(&[("E1", "unused import", 9)]), log(&old));
    assert_eq!(moved.result, CheckResult::NotApplicable, "{}", moved.detail);
    let more = lint(
        log(&[("E1", "unused import", 9), ("E2", "eval", 4)]),
        log(&old),
    );
    assert_eq!(more.result, CheckResult::Fail);
    assert!(
        more.detail.contains("src/a.py:4 eval (E2)"),
        "{}",
        more.detail
    );
    assert!(!more.detail.contains("unused import"), "{}", more.detail);
    let text = lint("a.py: eval".into(), log(&old));
    assert_eq!(text.result, CheckResult::Fail, "it was read before");
    assert!(text.detail.contains("cannot be read as on the base"));
    let more = lint("odd\nodder\n".into(), "odd\n".into());
    assert_eq!(more.result, CheckResult::Fail);
    assert!(more.detail.contains("does not say on the base: odder"));
}

#[test]
fn a_red_base_excuses_what_it_has_and_nothing_else() {
    const RED: Exit = Exit::Code { code: 1 };
    let lint = |head: &str, base: &str| {
        super::lint(
            &[Lint {
                name: "t".into(),
                set: true,
                compared: false,
                head: captured(RED, head),
                base: Some(captured(RED, base)),
            }],
            &[],
        )
    };
    let clippy = |line: u32, what: &str| format!("error: {what}\n --> src/a.rs:{line}:5\n  |\n");
    let old = clippy(3, "this `if` is useless");
    let moved = lint(&clippy(90, "this `if` is useless"), &old);
    assert_eq!(moved.result, CheckResult::NotApplicable, "{}", moved.detail);
    // One mended, another made: the exit and the count are as they were.
    let other = lint(&clippy(3, "unused variable"), &old);
    assert_eq!(other.result, CheckResult::Fail);
    assert!(
        other.detail.contains("src/a.rs:3 error: unused variable"),
        "{}",
        other.detail
    );
    let twice = lint(&format!("{old}{}", clippy(9, "this `if` is useless")), &old);
    assert_eq!(twice.result, CheckResult::Fail, "the same once more");
    let elsewhere = lint(&old.replace("a.rs", "b.rs"), &old);
    assert_eq!(elsewhere.result, CheckResult::Fail);
}

#[test]
fn a_red_base_excuses_no_linter_that_says_nothing_less_or_something_else() {
    let lint = |compared, head: (i32, &str), base: (i32, &str)| {
        let ran = |(code, text)| captured(Exit::Code { code }, text);
        let of = Lint {
            name: "t".into(),
            set: true,
            compared,
            head: ran(head),
            base: Some(ran(base)),
        };
        super::lint(&[of], &[]).result
    };
    let (fail, none) = (CheckResult::Fail, CheckResult::NotApplicable);
    let old = "a.py:3: eval\nb.py:1: eval\n";
    for (head, base, want) in [
        ((1, ""), (1, ""), fail),
        ((1, " \n"), (1, old), fail),
        ((2, "panicked"), (1, old), fail),
        ((2, "panicked"), (1, "many\nother\nlines"), fail),
        ((2, "odd"), (1, "odd"), fail),
        ((1, "odd"), (1, "odd\nodder"), none),
        ((1, "other"), (1, "odd\nodder"), fail),
        ((1, "b.py:9: eval\n"), (1, old), none),
        ((1, "b.py:9: eval\npanicked"), (1, old), fail),
        ((1, "a.go\n"), (1, "a.go\nb.go\n"), none),
        ((1, "c.go\n"), (1, "a.go\nb.go\n"), fail),
    ] {
        assert_eq!(lint(false, head, base), want, "{head:?} {base:?}");
    }
    let warned = "a.rs:3:1: warning: odd\n";
    assert_eq!(lint(true, (0, warned), (0, "")), fail, "compared always");
    assert_eq!(lint(true, (0, warned), (0, warned)), none);
    assert_eq!(lint(true, (0, ""), (0, "")), CheckResult::Pass);
}

#[test]
fn a_tool_that_nobody_set_is_no_fault_of_the_change_where_it_is_missing_or_slow() {
    let one = |set, exit, base: Option<Exit>| {
        let of = Lint {
            name: "clippy".into(),
            set,
            compared: true,
            head: captured(exit, ""),
            base: base.map(|exit| captured(exit, "")),
        };
        super::lint(&[of], &[])
    };
    let missing = Exit::Code { code: 127 };
    let slow = Exit::TimedOut { after_s: 9 };
    for exit in [missing, slow] {
        assert_eq!(one(true, exit, Some(exit)).result, CheckResult::Fail);
        assert_eq!(one(false, exit, None).result, CheckResult::NotApplicable);
    }
    assert!(
        one(false, slow, None)
            .detail
            .contains("clippy did not come to its end")
    );
    assert_eq!(one(false, missing, Some(RED)).result, CheckResult::Fail);
}
