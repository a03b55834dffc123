//! Everything that ends a run which goes nowhere, through the door.

use alai_core::blueprint::{Action, ToolName};
use alai_core::brief::{Caps, Price};
use alai_core::skills::Shelf;
use alai_fleet::Profile;
use alai_minion::ExitStatus;
use serde_json::{Value, json};

use crate::world::{Script, TEST, World, agent, calls, cut_off, done, fix, says, step};

fn stuck(rule: &str) -> ExitStatus {
    ExitStatus::Stuck { rule: rule.into() }
}

fn read(path: &str) -> (&'static str, Value) {
    ("read", json!({"path": path}))
}

#[test]
fn the_same_call_with_the_same_result_is_nudged_and_ended() {
    let mut world = World::new();
    let mut script = Script::forever(vec![calls(&[read("answer.txt")])]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(ran.report.status, stuck("same_call"));
    assert_eq!(ran.report.turns, 4);
    assert!(
        script.last(3).contains("same call three times"),
        "{}",
        script.last(3)
    );
    assert_eq!(ran.kinds("guard").len(), 2);
}

#[test]
fn the_same_error_is_ended() {
    let mut world = World::new();
    let grep = |n: u32| {
        calls(&[(
            "search",
            json!({"pattern": "x", "path": "../..", "glob": n.to_string()}),
        )])
    };
    let ran = world.run(
        &world.brief(vec![agent(None)]),
        &mut Script::new((0..4).map(grep).collect()),
    );
    assert_eq!(ran.report.status, stuck("same_error"));
}

#[test]
fn two_calls_taking_turns_are_ended() {
    let mut world = World::new();
    let mut script = Script::forever(vec![
        calls(&[read("answer.txt")]),
        calls(&[read("test.sh")]),
    ]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (stuck("alternation"), 6)
    );
}

#[test]
fn six_equal_calls_with_ever_new_output_are_ended() {
    let mut world = World::new();
    let ran = world.run(
        &world.brief(vec![agent(None)]),
        &mut Script::forever(vec![calls(&[(
            "run",
            json!({"command": "head -c 16 /dev/urandom | od -An -tx1"}),
        )])]),
    );
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (stuck("repeated_call"), 6)
    );
}

#[test]
fn talk_without_calls_is_ended() {
    let mut world = World::new();
    let mut script = Script::new(vec![says(""), says("I shall."), says("I will.")]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(ran.report.status, stuck("monologue"));
    assert!(script.last(1).contains("was empty") && script.last(2).contains("called no tool"));
}

#[test]
fn only_reading_is_ended() {
    let mut world = World::new();
    let many: Vec<_> = (1..=30)
        .map(|n| calls(&[("search", json!({"pattern": format!("p{n}")}))]))
        .collect();
    let mut brief = world.brief(vec![agent(None)]);
    brief.limits.turns_max = 80;
    // Two reads a turn, so that the reading rule comes before the one on progress.
    let pairs: Vec<_> = (1..=30)
        .map(|n| {
            calls(&[
                ("search", json!({"pattern": format!("a{n}")})),
                ("search", json!({"pattern": format!("b{n}")})),
            ])
        })
        .collect();
    let ran = world.run(&brief, &mut Script::new(pairs));
    assert_eq!(ran.report.status, stuck("only_reading"));
    let ran = world.run(&brief, &mut Script::new(many));
    assert_eq!(
        ran.report.status,
        stuck("no_progress"),
        "one a turn comes to twelve turns first"
    );
    assert_eq!(ran.report.turns, 12);
}

#[test]
fn three_malformed_turns_in_a_row_are_a_question_of_format() {
    let bad = || calls(&[("bash", json!({"command": "ls"}))]);
    let mut world = World::new();
    let ran = world.run(
        &world.brief(vec![agent(None)]),
        &mut Script::new(vec![bad(), bad(), bad(), bad()]),
    );
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::Format, 4),
        "the fourth is held to the form of a call"
    );
    let cut = || cut_off(&[fix()]);
    let ran = world.run(
        &world.brief(vec![agent(None)]),
        &mut Script::new(vec![cut(), bad(), cut(), cut()]),
    );
    assert_eq!(ran.report.status, ExitStatus::Format);
    let mut script = Script::new(vec![bad(), bad(), calls(&[fix()]), bad(), calls(&[done()])]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "a good call in between starts anew"
    );
    assert!(script.last(1).contains("There is no tool `bash`"));
}

#[test]
fn writes_outside_the_allowed_paths_are_told_twice_and_then_end_the_run() {
    let mut world = World::new();
    let mut brief = world.brief(vec![agent(None)]);
    brief.project.allowed_paths = vec!["src/**".into()];
    let outside = |path: &str| calls(&[("write", json!({"path": path, "content": "x"}))]);
    let mut script = Script::new(vec![
        outside("a.txt"),
        outside("src/../b.txt"),
        outside("/etc/c.txt"),
    ]);
    let ran = world.run(&brief, &mut script);
    let ExitStatus::ScopeViolation { detail } = &ran.report.status else {
        panic!("{:?}", ran.report.status)
    };
    assert!(detail.contains("src/**"), "{detail}");
    assert!(
        script
            .last(1)
            .contains("outside the paths this task may write: src/**")
    );
    assert!(!world.repo().join("a.txt").exists() && !world.repo().join("b.txt").exists());
    assert_eq!(ran.report.head, None);
}

#[test]
fn what_a_command_writes_outside_the_allowed_paths_is_said() {
    let mut world = World::new();
    let mut brief = world.brief(vec![agent(None)]);
    brief.project.allowed_paths = vec!["answer.txt".into()];
    let mut script = Script::new(vec![
        calls(&[(
            "run",
            json!({"command": "echo 42 > answer.txt; echo x > other"}),
        )]),
        calls(&[done()]),
    ]);
    world.run(&brief, &mut script);
    assert!(
        script
            .last(1)
            .contains("[Changed outside the allowed paths: other."),
        "{}",
        script.last(1)
    );
}

#[test]
fn git_s_own_folder_is_never_written() {
    let mut world = World::new();
    let hook = |path: &str| calls(&[("write", json!({"path": path, "content": "x"}))]);
    let replies = vec![
        hook(".git/hooks/pre-commit"),
        hook("sub/.GIT/config"),
        hook(".git"),
    ];
    let ran = world.run(&world.brief(vec![agent(None)]), &mut Script::new(replies));
    assert_eq!(ran.report.status.as_str(), "scope_violation");
    assert!(!world.repo().join(".git/hooks/pre-commit").exists());
}

#[test]
fn limits_end_the_run_and_what_was_done_stays() {
    let mut world = World::new();
    let reads = || {
        Script::new(vec![
            calls(&[fix()]),
            calls(&[read("test.sh")]),
            calls(&[read("README.md")]),
        ])
    };
    let mut brief = world.brief(vec![agent(None)]);
    brief.limits.turns_max = 2;
    let mut script = reads();
    let ran = world.run(&brief, &mut script);
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::StepLimit, 2)
    );
    assert!(ran.report.head.is_some());
    assert!(
        script.last(0).contains("2 turns left"),
        "{}",
        script.last(0)
    );
    let mut world = World::new();
    brief = world.brief(vec![agent(None)]);
    brief.limits.tokens_max = 200;
    assert_eq!(
        world.run(&brief, &mut reads()).report.status,
        ExitStatus::CostLimit
    );
    let mut world = World::new();
    brief = world.brief(vec![agent(None)]);
    brief.limits.wall_s_max = 0;
    let ran = world.run(&brief, &mut reads());
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::TimeLimit, 0)
    );
    let mut world = World::new();
    brief = world.brief(vec![agent(None)]);
    brief.limits.bytes_written_max = 10;
    let write = |n: u32| {
        calls(&[(
            "write",
            json!({"path": format!("f{n}"), "content": "123456"}),
        )])
    };
    let ran = world.run(&brief, &mut Script::new(vec![write(1), write(2)]));
    assert_eq!(ran.report.status, stuck("bytes_written"));
    assert!(!world.repo().join("f2").exists());
    let mut world = World::new();
    let short = Action::Agent {
        prompt: "p".into(),
        tools: ToolName::ALL.to_vec(),
        turns_max: 1,
        check: None,
        outputs: Vec::new(),
        role: None,
        limits: Caps::default(),
    };
    let ran = world.run(&world.brief(vec![step("build", short)]), &mut reads());
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::StepLimit, 1),
        "the step's own limit"
    );
}

#[test]
fn a_model_whose_long_runs_fail_has_fewer_turns_than_its_step() {
    let reads = || {
        Script::new(vec![
            calls(&[read("test.sh")]),
            calls(&[read("README.md")]),
            calls(&[fix()]),
        ])
    };
    let of = |turns_max| Profile {
        turns_max,
        ..Profile::default()
    };
    let mut world = World::new();
    let brief = world.brief(vec![agent(None)]);
    let mut script = reads();
    let ran = world.run_with(&brief, &of(2), &mut script);
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::StepLimit, 2)
    );
    assert!(
        script.last(0).contains("2 turns left"),
        "{}",
        script.last(0)
    );
    // A step that gives less counts.
    let mut world = World::new();
    let short = Action::Agent {
        prompt: "p".into(),
        tools: ToolName::ALL.to_vec(),
        turns_max: 1,
        check: None,
        outputs: Vec::new(),
        role: None,
        limits: Caps::default(),
    };
    let brief = world.brief(vec![step("build", short)]);
    let ran = world.run_with(&brief, &of(2), &mut reads());
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::StepLimit, 1)
    );
}

#[test]
fn a_step_that_is_out_of_time_ends() {
    let mut world = World::new();
    let mut steps = vec![agent(None)];
    steps[0].timeout_s = Some(0);
    let ran = world.run(&world.brief(steps), &mut Script::new(vec![]));
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::TimeLimit, 0)
    );
}

#[test]
fn a_cancelled_run_ends_and_its_work_is_committed() {
    let mut world = World::new();
    let brief = world.brief(vec![agent(None)]);
    let cancel = world.cancel.clone();
    let mut turn = 0;
    let mut ask = |_: &alai_fleet::ChatRequest| {
        turn += 1;
        if turn == 2 {
            cancel.cancel();
        }
        calls(&[fix()])
    };
    let mut recorder = alai_minion::Recorder::to(std::io::sink());
    let token = world.cancel.clone();
    let report = alai_minion::run(
        &brief,
        alai_minion::Means {
            profile: &Profile::default(),
            model: "m",
            price: Price::FREE,
            ask: &mut ask,
            hand: &mut world.hand,
            recorder: &mut recorder,
            cancel: &token,
            passes: &|_, _| false,
            words: &mut Vec::new,
            program: None,
            shelf: &Shelf::default(),
            servers: None,
            ahead: None,
            notes: None,
            delegations: None,
        },
    );
    assert_eq!((report.status, report.turns), (ExitStatus::Cancelled, 2));
    assert!(report.head.is_some());
}

#[test]
fn a_dead_hand_kills_the_run() {
    let mut world = World::new();
    world.kill_hand();
    let ran = world.run(&world.brief(vec![agent(None)]), &mut Script::new(vec![]));
    let ExitStatus::Killed { detail } = ran.report.status else {
        panic!("{:?}", ran.report.status)
    };
    assert!(detail.contains("the hand is gone"), "{detail}");
}

#[test]
fn a_command_that_kills_its_own_hand_kills_the_run() {
    let mut world = World::new();
    let kill = ("run", json!({"command": "kill -9 $PPID"}));
    let ran = world.run(
        &world.brief(vec![agent(None)]),
        &mut Script::new(vec![calls(&[fix()]), calls(&[kill])]),
    );
    assert_eq!(ran.report.status.as_str(), "killed");
    assert!(
        ran.report.head.is_some(),
        "the work before it is in a commit"
    );
}

#[test]
fn a_long_run_is_pruned_and_never_cut_silently() {
    let big = "line of text that fills the window\n".repeat(400);
    let mut world = World::with(&[
        ("answer.txt", "41\n"),
        ("big.txt", &big),
        ("test.sh", "true\n"),
    ]);
    let window =
        |path: &str, n: u32| calls(&[("read", json!({"path": path, "offset": n, "limit": 100}))]);
    let replies = (0..11)
        .map(|n| window("big.txt", 1 + n))
        .chain([calls(&[fix(), done()])])
        .collect();
    let profile = Profile {
        num_ctx: 12_000,
        output_max: 2_000,
        ..Profile::default()
    };
    let mut script = Script::new(replies);
    let ran = world.run_with(&world.brief(vec![agent(None)]), &profile, &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done, "{:?}", ran.report);
    let last = script.requests.last().expect("many");
    let bytes: usize = serde_json::to_string(&last.messages).expect("JSON").len();
    assert!(bytes < 36_000, "{bytes} bytes in a window of 10,000 tokens");
    let told = script.told(script.requests.len() - 1);
    assert!(
        told.contains("[pruned: ") && told.contains("# Task #4001"),
        "{told}"
    );
    let profile = Profile {
        num_ctx: 1_000,
        output_max: 500,
        ..Profile::default()
    };
    let ran = world.run_with(
        &world.brief(vec![agent(None)]),
        &profile,
        &mut Script::new(vec![]),
    );
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::ContextTruncated, 0)
    );
}

#[test]
fn new_test_results_are_progress_and_a_flapping_tree_is_none() {
    let mut world = World::new();
    let flip = |from: &str, to: &str| {
        calls(&[(
            "edit",
            json!({"path": "answer.txt", "old": from, "new": to}),
        )])
    };
    let mut replies = Vec::new();
    for n in 50..64 {
        replies.push(flip(
            &(if n == 50 { 41 } else { n - 1 }).to_string(),
            &n.to_string(),
        ));
    }
    replies.push(flip("63", "42"));
    replies.push(calls(&[done()]));
    let ran = world.run(
        &world.brief(vec![agent(Some(TEST))]),
        &mut Script::new(replies),
    );
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "fourteen new trees are fourteen steps forward"
    );
    let mut world = World::new();
    let (there, back) = (flip("41", "43"), flip("43", "41"));
    let ran = world.run(
        &world.brief(vec![agent(Some(TEST))]),
        &mut Script::forever(vec![there, back]),
    );
    assert!(
        matches!(ran.report.status, ExitStatus::Stuck { .. }),
        "{:?}",
        ran.report.status
    );
}

#[test]
fn a_result_that_only_differs_by_the_clock_is_the_same() {
    let mut world = World::new();
    let timed = json!({"command": "echo '1 passed'; echo \"finished in 0.$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')s\""});
    let mut script = Script::forever(vec![calls(&[("run", timed)])]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (stuck("same_call"), 4)
    );
}

#[test]
fn an_existing_file_is_only_replaced_after_it_was_read() {
    let mut world = World::new();
    let write = |path: &str| ("write", json!({"path": path, "content": "42\n"}));
    let mut script = Script::new(vec![
        calls(&[write("answer.txt")]),
        calls(&[read("./answer.txt"), write("answer.txt"), write("new.txt")]),
        calls(&[write("new.txt"), done()]),
    ]);
    let ran = world.run(&world.brief(vec![agent(Some(TEST))]), &mut script);
    assert!(
        script.last(1).contains("you have not read it"),
        "{}",
        script.last(1)
    );
    assert_eq!(ran.report.status, ExitStatus::Done);
    assert_eq!(world.read("answer.txt"), "42\n");
}

#[test]
fn work_of_an_interrupted_turn_is_committed_at_the_end() {
    let mut world = World::new();
    let outside = ("write", json!({"path": "../x", "content": "x"}));
    let turn = calls(&[fix(), outside.clone(), outside.clone(), outside]);
    let ran = world.run(
        &world.brief(vec![agent(None)]),
        &mut Script::new(vec![turn]),
    );
    assert_eq!(ran.report.status.as_str(), "scope_violation");
    let head = ran.report.head.expect("the edit before it is not lost");
    assert_eq!(world.git(&["show", &format!("{head}:answer.txt")]), "42");
}

#[test]
fn work_that_cannot_be_committed_is_no_ordinary_end() {
    let mut world = World::new();
    let gone = (
        "run",
        json!({"command": "mv .git git-gone; echo 42 > answer.txt"}),
    );
    let mut script = Script::new(vec![calls(&[gone]), calls(&[done()])]);
    let ran = world.run(&world.brief(vec![agent(Some(TEST))]), &mut script);
    let ExitStatus::Killed { detail } = ran.report.status else {
        panic!("{:?}", ran.report.status)
    };
    assert!(detail.contains("could not be committed"), "{detail}");
    assert!(
        script
            .last(1)
            .contains("[The work could not be committed: "),
        "{}",
        script.last(1)
    );
}
