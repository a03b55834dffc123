//! What is known to go wrong with agents of others: each trap of the field, set by a twin.

use alai_core::record::Exit;
use alai_fleet::ErrorClass;
use alai_minion::ExitStatus;
use alai_minion::engine::Outcome;
use alai_testkit::agent::{Act, Script};
use serde_json::{Value, json};

use crate::engines::{Played, Stage, await_file, gone};
use crate::world::{TEST, agent};

const ENGINE: &str = "claude-cli";

fn fix() -> Act {
    Act::Write("answer.txt".into(), "42\n".into())
}

/// One run of one step.
fn play(mut stage: Stage) -> (Played, Stage) {
    let brief = stage.world.brief(vec![agent(None)]);
    let played = stage.run(&brief);
    (played, stage)
}

fn ends_with(result: Value) -> Played {
    play(Stage::new(&Script::of(
        ENGINE,
        [fix(), Act::Result(result)],
    )))
    .0
}

/// The reason, where it is infrastructure: the same tier again, never a dearer model.
fn infrastructure(status: &ExitStatus) -> &str {
    let ExitStatus::ProviderError {
        infrastructure: true,
        detail,
    } = status
    else {
        panic!("{status:?}")
    };
    detail
}

/// `subtype: success` with `is_error` and a status of the provider: an outage, whatever the word and the exit code say.
#[test]
fn an_outage_that_calls_itself_a_success_is_infrastructure() {
    for (status, class) in [
        (429, ErrorClass::Busy),
        (500, ErrorClass::ServerFault),
        (529, ErrorClass::Busy),
        (401, ErrorClass::Refused),
        (404, ErrorClass::ModelMissing),
    ] {
        let played =
            ends_with(json!({"is_error": true, "api_error_status": status, "result": "API Error"}));
        let detail = infrastructure(&played.report.status);
        assert!(detail.contains("API Error"), "{detail}");
        assert!(
            matches!(&played.session().outcome, Outcome::Failed { class: c, .. } if *c == class),
            "{status}: {:?}",
            played.session()
        );
        // What was done until then is not lost.
        assert!(played.report.head.is_some(), "{status}");
    }
}

#[test]
fn the_flag_beats_the_word_and_the_exit_code() {
    let fine = ends_with(json!({"subtype": "error_during_execution", "is_error": false}));
    assert_eq!(fine.report.status, ExitStatus::Done);
    let script = Script::of(
        ENGINE,
        [
            fix(),
            Act::Raw(
                json!({"type": "result", "subtype": "success", "is_error": false,
        "num_turns": 1, "structured_output": {"status": "done", "summary": "s"}})
                .to_string(),
            ),
            Act::Exit(1),
        ],
    );
    assert_eq!(play(Stage::new(&script)).0.report.status, ExitStatus::Done);
}

/// `login` and `quota` are words of any work; who has worked and was paid is not turned away by them.
#[test]
fn only_a_status_or_a_refusal_before_the_first_turn_turns_a_run_away() {
    let refused =
        || Act::Result(json!({"is_error": true, "result": "the login page has no quota"}));
    let by_status = json!({"is_error": true, "api_error_status": 429, "result": "API Error"});
    let first = [Act::Say("I look.".into())];
    for (script, turned_away) in [
        (Script::of(ENGINE, [refused()]), true),
        (Script::of(ENGINE, [fix(), refused()]), false),
        (Script::of(ENGINE, [fix(), Act::Result(by_status)]), true),
        // The first session did nothing and is told so once; the second one is not the run's beginning.
        (Script::of(ENGINE, first).then([refused()]), false),
    ] {
        let (played, _) = play(Stage::new(&script));
        infrastructure(&played.report.status);
        assert!(
            matches!(
                &played.session().outcome,
                Outcome::Failed {
                    class: ErrorClass::Busy,
                    ..
                }
            ),
            "{:?}",
            played.session()
        );
        assert_eq!(
            played.session().turned_away,
            turned_away,
            "{:?}",
            played.session()
        );
    }
}

#[test]
fn its_own_limits_are_limits_and_its_own_faults_infrastructure() {
    let status = |result| ends_with(result).report.status;
    assert_eq!(
        status(json!({"subtype": "error_max_turns", "is_error": true})),
        ExitStatus::StepLimit
    );
    assert_eq!(
        status(json!({"subtype": "error_max_budget_usd", "is_error": true})),
        ExitStatus::CostLimit
    );
    let broken =
        json!({"subtype": "error_during_execution", "is_error": true, "errors": ["it broke"]});
    assert!(infrastructure(&status(broken)).contains("it broke"));
    let long = json!({"is_error": true, "api_error_status": 400, "result": "Prompt is too long"});
    assert_eq!(status(long), ExitStatus::ContextTruncated);
}

/// A 402 of our own way out is the run's limit; one of the provider is an empty purse, which no stronger model fills.
#[test]
fn a_loan_that_is_spent_is_told_from_a_provider_that_wants_money() {
    let of = |said: &str| {
        ends_with(json!({"is_error": true, "api_error_status": 402, "result": said})).report
    };
    let ours = of("API Error: 402 alai: what this run was lent is spent; a person can raise a cap");
    assert_eq!(ours.status, ExitStatus::CostLimit);
    assert!(
        ours.summary.contains("claude-cli") && ours.summary.contains("a person can raise"),
        "{}",
        ours.summary
    );
    let theirs = of("API Error: 402 Insufficient credits");
    let detail = infrastructure(&theirs.status);
    assert!(
        detail.contains("Insufficient credits") && detail.contains("fill the account"),
        "{detail}"
    );
    assert!(theirs.sessions.iter().all(|s| s.turned_away), "{theirs:?}");
}

#[test]
fn silence_before_the_result_is_a_hang() {
    let script = Script::of(ENGINE, [fix(), Act::Orphan("pid".into()), Act::Hang]);
    let (played, stage) = play(Stage::new(&script).impatient());
    assert_eq!(played.session().outcome, Outcome::Hung { after_s: 2 });
    infrastructure(&played.report.status);
    assert!(
        gone(&stage.world.repo().join("pid")),
        "it ended with what it started"
    );
    assert_eq!(stage.world.git(&["show", "HEAD:answer.txt"]), "42");
}

/// One that says nothing at all has less patience.
#[test]
fn silence_from_the_start_is_a_hang_too() {
    let mut stage = Stage::new(&Script::of(ENGINE, [fix()]));
    stage.open_stdin = true;
    stage.patience.start_s = 1;
    stage.patience.idle_s = 20;
    let (played, _) = play(stage);
    // A twin that sees its input open waits for its end, as the real one does.
    assert_eq!(played.session().outcome, Outcome::Hung { after_s: 1 });
}

#[test]
fn the_result_is_the_end_whatever_still_runs() {
    let result = Act::Raw(
        json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 1,
        "structured_output": {"status": "done", "summary": "s"}})
        .to_string(),
    );
    let late = Act::Raw(
        json!({"type": "result", "subtype": "error_during_execution", "is_error": true})
            .to_string(),
    );
    let acts = [fix(), Act::Orphan("pid".into()), result, late, Act::Hang];
    let (played, stage) = play(Stage::new(&Script::of(ENGINE, acts)).impatient());
    assert_eq!(
        (&played.report.status, &played.session().outcome),
        (&ExitStatus::Done, &Outcome::Done)
    );
    assert!(gone(&stage.world.repo().join("pid")));
}

/// The program is gone, and a process that it left holds its output: the end of the output never comes.
#[test]
fn an_orphan_does_not_hold_the_run() {
    let script = Script::of(ENGINE, [fix(), Act::Orphan("pid".into()), Act::Exit(1)]);
    let (played, stage) = play(Stage::new(&script).impatient());
    assert_eq!(played.session().outcome, Outcome::Hung { after_s: 2 });
    assert!(gone(&stage.world.repo().join("pid")));
}

#[test]
fn a_line_of_two_megabytes_is_read_and_one_of_nine_is_said() {
    let script = Script::of(ENGINE, [fix(), Act::Long(2 << 20), Act::Long(9 << 20)]);
    let (played, _) = play(Stage::new(&script));
    assert_eq!(played.report.status, ExitStatus::Done);
    let results = played.heard("result");
    assert_eq!(results.len(), 2, "of the file and of the long line");
    assert!(
        results[1]["text"]
            .as_str()
            .is_some_and(|t| t.contains("bytes cut")),
        "kept short"
    );
    assert!(played.heard("notice").iter().any(|n| {
        n["text"]
            .as_str()
            .is_some_and(|t| t.contains("is not read"))
    }));
}

#[test]
fn what_is_no_line_of_the_protocol_is_told_and_passed_over() {
    let garbage = [
        "Loading...",
        "{\"type\":",
        "\u{1b}[31mred\u{1b}[0m",
        "[1]",
        "null",
    ];
    let acts: Vec<Act> = garbage
        .iter()
        .map(|line| Act::Raw((*line).into()))
        .chain([fix()])
        .collect();
    let (played, _) = play(Stage::new(&Script::of(ENGINE, acts)));
    assert_eq!(played.report.status, ExitStatus::Done);
    assert_eq!(played.heard("notice").len(), garbage.len());
}

#[test]
fn an_end_without_a_result_is_a_cut() {
    let complain = || Act::Complain("something with password=hunter2hunter2 went wrong".into());
    for (end, says) in [
        (Act::Exit(143), "exit 143, ended from outside"),
        (Act::Terminated, "ended by signal 15"),
        (Act::Exit(0), "exit 0"),
    ] {
        let (played, stage) = play(Stage::new(&Script::of(ENGINE, [fix(), complain(), end])));
        let detail = infrastructure(&played.report.status);
        assert!(
            detail.contains(says) && detail.contains("went wrong"),
            "{detail}"
        );
        assert!(matches!(played.session().outcome, Outcome::Cut { .. }));
        assert!(!detail.contains("hunter2hunter2") && !played.text.contains("hunter2hunter2"));
        assert_eq!(
            stage.world.git(&["show", "HEAD:answer.txt"]),
            "42",
            "the work is kept"
        );
    }
}

#[test]
fn one_that_is_not_logged_in_waits_for_a_person() {
    // It says so in plain words, and in no line of its protocol.
    let script = Script::of(ENGINE, []).begins(json!({"type": "nothing"}));
    let mut stage = Stage::new(&script);
    let path = stage.world.dir.path().join("bin/agent");
    std::fs::write(&path, "#!/bin/sh\n[ \"$1\" = --version ] && echo 2.1.330 && exit\necho 'Invalid API key. Please run /login'\nexit 1\n")
        .expect("a script");
    stage.program = path;
    let (played, _) = play(stage);
    let detail = infrastructure(&played.report.status);
    assert!(detail.contains("log in with `claude`"), "{detail}");
}

#[test]
fn one_that_speaks_something_else_is_said() {
    let mut stage = Stage::new(&Script::of(ENGINE, []));
    stage.program = stage.world.dir.path().join("bin/other");
    let text = "#!/bin/sh\n[ \"$1\" = --version ] && echo 2.1.330 && exit\necho hello\n";
    std::fs::write(&stage.program, text).expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&stage.program, mode).expect("ours");
    let (played, _) = play(stage);
    assert!(infrastructure(&played.report.status).contains("is it the program"));
}

#[test]
fn one_that_is_too_old_or_missing_does_nothing() {
    let (played, stage) = play(Stage::new(&Script::of(ENGINE, [fix()]).version("2.1.220")));
    let detail = infrastructure(&played.report.status);
    assert!(
        detail.contains("2.1.220") && detail.contains("2.1.221"),
        "{detail}"
    );
    assert_eq!(
        (stage.notes().len(), stage.world.read("answer.txt").as_str()),
        (0, "41\n")
    );
    let mut stage = Stage::new(&Script::of(ENGINE, [fix()]));
    stage.program = "/nowhere/claude".into();
    let (played, _) = play(stage);
    assert!(infrastructure(&played.report.status).contains("is it installed?"));
}

/// It is asked once for its version, however many sessions there are.
#[test]
fn the_version_is_asked_for_once() {
    let (played, stage) = play(Stage::new(&Script::of(ENGINE, [])));
    assert_eq!((played.report.sessions.len(), stage.starts.get()), (2, 3));
}

#[test]
fn what_did_not_start_and_what_was_not_allowed_is_kept() {
    let begins = json!({"mcp_server_errors": [{"server": "a", "error": "gone"}], "plugin_errors": [{"plugin": "p"}]});
    let denied = Act::Denied("Write".into(), "/etc/passwd".into());
    let (played, _) = play(Stage::new(
        &Script::of(ENGINE, [fix(), denied]).begins(begins),
    ));
    assert_eq!(played.report.status, ExitStatus::Done);
    assert_eq!(played.session().denials, ["Write: \"mode\""]);
    assert_eq!(played.heard("denied").len(), 1);
    let notices: Vec<&str> = played
        .heard("notice")
        .iter()
        .filter_map(|n| n["text"].as_str())
        .collect();
    assert!(
        notices.iter().any(|n| n.contains("mcp_server_errors"))
            && notices.iter().any(|n| n.contains("plugin_errors"))
    );
}

#[test]
fn what_it_says_is_written_down_without_secrets() {
    // Of a forge, and what Claude Code's own login holds.
    let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let login = "sk-ant-oat01-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";
    let acts = [
        Act::Say(format!("The token is {secret}.")),
        Act::Run(format!("echo {secret} {login}")),
        fix(),
    ];
    let (played, _) = play(Stage::new(&Script::of(ENGINE, acts)));
    assert_eq!(played.report.status, ExitStatus::Done);
    assert!(
        !played.text.contains(secret) && !played.text.contains(login),
        "{}",
        played.text
    );
    assert_eq!(played.heard("call").len(), 2);
}

#[test]
fn a_cancelled_session_ends_with_all_it_started_and_keeps_its_work() {
    let script = Script::of(ENGINE, [fix(), Act::Orphan("pid".into()), Act::Hang]);
    let mut stage = Stage::new(&script);
    stage.cancel_at = Some(stage.world.repo().join("pid"));
    let (played, stage) = play(stage);
    assert_eq!(played.report.status, ExitStatus::Cancelled);
    assert_eq!(played.session().outcome, Outcome::Cancelled);
    assert!(gone(&stage.world.repo().join("pid")));
    assert_eq!(stage.world.git(&["show", "HEAD:answer.txt"]), "42");
}

#[test]
fn the_limit_of_the_run_ends_a_session_that_still_talks() {
    let mut stage = Stage::new(&Script::of(ENGINE, [fix(), Act::Hang]));
    let mut brief = stage.world.brief(vec![agent(None)]);
    brief.limits.wall_s_max = 2;
    let played = stage.run(&brief);
    assert_eq!(
        (&played.report.status, &played.session().outcome),
        (&ExitStatus::TimeLimit, &Outcome::TimedOut)
    );
    assert!(played.report.head.is_some());
}

/// The twin is as strict as the real one is dangerous.
#[test]
fn the_twin_refuses_what_the_real_one_must_not_be_started_with() {
    let stage = Stage::new(&Script::of(ENGINE, [fix()]));
    let good = [
        "-p",
        "Do it.",
        "--output-format",
        "stream-json",
        "--verbose",
        "--permission-mode",
        "dontAsk",
        "--setting-sources",
        "",
        "--allowedTools",
        "Read",
        "--tools",
        "Read",
        "--max-turns",
        "3",
        "--strict-mcp-config",
        "--session-id",
        "0190b5f8-7a3c-7d21-9f3e-5a6b7c8d9e0f",
    ];
    let start = |args: &[&str], extra: Option<(&str, &str)>| {
        let mut command = std::process::Command::new(&stage.program);
        command
            .args(args)
            .env_clear()
            .stdin(std::process::Stdio::null());
        command
            .env("CLAUDE_CONFIG_DIR", stage.config())
            .env("CLAUDE_CODE_MAX_RETRIES", "2")
            .envs(extra);
        command
            .current_dir(stage.world.repo())
            .output()
            .expect("it starts")
            .status
            .code()
    };
    assert_eq!(start(&good, None), Some(0));
    for missing in [
        "--verbose",
        "--strict-mcp-config",
        "--permission-mode",
        "--setting-sources",
        "--session-id",
        "--output-format",
    ] {
        let at = good
            .iter()
            .position(|arg| *arg == missing)
            .expect("among them");
        let mut args = good.to_vec();
        args[at] = "--nothing";
        assert_eq!(start(&args, None), Some(2), "{missing}");
    }
    assert_eq!(start(&good, Some(("CLAUDECODE", "1"))), Some(2));
    assert_eq!(
        start(&good, Some(("CLAUDE_CODE_MAX_RETRIES", "10"))),
        Some(2)
    );
}

/// What may still run could change what was just measured.
#[test]
fn one_that_cannot_be_ended_is_not_trusted() {
    let mut stage = Stage::new(&Script::of(ENGINE, [fix()]));
    stage.endless = true;
    let (played, _) = play(stage);
    assert_eq!(played.session().outcome, Outcome::Done);
    assert!(
        matches!(&played.report.status, ExitStatus::Killed { detail } if detail.contains("the kernel keeps it")),
        "{:?}",
        played.report.status
    );
}

/// A check that is red keeps the run red though the program says that it is done: its word is a claim.
#[test]
fn a_claim_is_no_evidence() {
    let mut stage = Stage::new(&Script::of(
        ENGINE,
        [Act::Write("answer.txt".into(), "7\n".into())],
    ));
    let brief = stage.world.brief(vec![agent(Some(TEST))]);
    let played = stage.run(&brief);
    assert_eq!(played.report.status, ExitStatus::GateFailed);
    let last = played.report.last_check.expect("ours");
    assert_eq!(last.record.exit, Exit::Code { code: 1 });
}

/// The twin writes where the run looks, and waits where it is told to.
#[test]
fn a_twin_waits_for_its_file() {
    let (played, stage) = play(Stage::new(&Script::of(
        ENGINE,
        [
            fix(),
            Act::Run("echo go > go".into()),
            Act::Await("go".into()),
        ],
    )));
    await_file(&stage.world.repo().join("go"));
    assert_eq!(played.report.status, ExitStatus::Done);
}
