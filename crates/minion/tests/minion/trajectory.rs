//! The trajectory of a run: every request can be built again from it, it can be played again, and it stays small.

use std::io::Write as _;

use alai_core::blueprint::{Action, AskSchema};
use alai_core::brief::Price;
use alai_core::skills::Shelf;
use alai_fleet::{ChatReply, ErrorClass, Finish, Message, Profile, Provider, Script as Recording};
use alai_minion::trajectory::{Told, Trajectory};
use alai_minion::{ExitStatus, Means, Recorder, RunReport, Word};
use serde_json::{Value, json};

use crate::world::{
    Script, Sink, TEST, World, agent, ask, calls, cut_off, done, fix, retried, says, step,
};

/// One run with its trajectory.
struct Ran {
    report: RunReport,
    text: String,
}

impl Ran {
    fn trajectory(&self) -> Trajectory {
        Trajectory::parse(&self.text)
    }
}

fn run(
    world: &mut World,
    brief: &alai_core::brief::Brief,
    profile: &Profile,
    ask: alai_minion::Ask<'_>,
    words: alai_minion::Words<'_>,
) -> Ran {
    let sink = Sink::default();
    let mut recorder = Recorder::to(sink.clone());
    let means = Means {
        profile,
        model: "scripted",
        price: Price::FREE,
        ask,
        hand: &mut world.hand,
        recorder: &mut recorder,
        cancel: &world.cancel,
        passes: &|_, _| false,
        words,
        program: None,
        shelf: &Shelf::default(),
        servers: None,
        ahead: None,
        notes: None,
        delegations: None,
    };
    let report = alai_minion::run(brief, means);
    Ran {
        report,
        text: sink.text(),
    }
}

/// A blueprint with a red test that sends the run back to its build.
fn steps() -> Vec<alai_core::blueprint::Step> {
    let test = Action::Run {
        command: TEST.into(),
        expect_exit: 0,
    };
    vec![
        step("context", Action::Context),
        ask("plan", AskSchema::WorkPlan),
        agent(None),
        retried(step("test", test), 2),
        step("report", Action::Report),
    ]
}

/// What a model says that makes every mistake on its way.
fn stumbling() -> Script {
    let plan = json!({"approach": "change the number", "files": ["answer.txt"], "risks": []});
    let wrong = json!({"path": "answer.txt", "old": "41", "new": "40"});
    let right = json!({"path": "answer.txt", "old": "40", "new": "42"});
    let busy = Err(alai_fleet::ChatError {
        class: ErrorClass::Malformed,
        server: alai_fleet::Server::Script,
        host: "h".into(),
        model: "m".into(),
        message: "the call is cut".into(),
        partial: String::new(),
        spent: alai_fleet::Spent::Nothing,
    });
    let unreadable = says("<function=edit> {broken").map(|reply| ChatReply {
        refused: Some("its arguments are no JSON".into()),
        ..reply
    });
    Script::new(vec![
        says("no plan"),
        says(&plan.to_string()),
        calls(&[
            ("read", json!({"path": "answer.txt"})),
            ("run", json!({"command": "echo a; sh test.sh"})),
        ]),
        busy,
        unreadable,
        calls(&[("search", json!({"pattern": "41"}))]),
        cut_off(&[("write", json!({"path": "answer.txt", "content": "4"}))]),
        calls(&[("edit", wrong)]),
        calls(&[done()]),
        // Back from the red test.
        calls(&[("edit", right)]),
        calls(&[done()]),
    ])
}

#[test]
fn every_request_can_be_built_again_byte_for_byte() {
    let mut world = World::new();
    let brief = world.brief(steps());
    let mut script = stumbling();
    let ran = run(
        &mut world,
        &brief,
        &Profile::default(),
        &mut |request| script.answer(request),
        &mut Vec::new,
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{:?}", ran.report);
    let built = ran.trajectory().requests();
    assert_eq!(built.len(), script.requests.len());
    for (built, sent) in built.iter().zip(&script.requests) {
        assert_eq!(
            built.request.as_deref(),
            Ok(sent),
            "{} {}",
            built.step,
            built.turn
        );
    }
    let visits: Vec<(u32, u32)> = built.iter().map(|b| (b.visit, b.turn)).collect();
    assert!(
        visits.contains(&(1, 0)),
        "the build was walked twice: {visits:?}"
    );
}

#[test]
fn a_changed_line_is_seen() {
    let mut world = World::new();
    let brief = world.brief(vec![agent(Some(TEST))]);
    let mut script = Script::new(vec![calls(&[fix()]), calls(&[done()])]);
    let ran = run(
        &mut world,
        &brief,
        &Profile::default(),
        &mut |request| script.answer(request),
        &mut Vec::new,
    );
    assert_eq!(ran.trajectory().summary().unsound_requests, 0);
    let forged = ran
        .text
        .replace("answer.txt must say 42", "answer.txt must say 43");
    assert_ne!(forged, ran.text);
    assert_eq!(Trajectory::parse(&forged).summary().unsound_requests, 2);
}

#[test]
fn secrets_are_out_of_the_requests_and_they_still_come_out() {
    let mut world = World::new();
    let mut brief = world.brief(vec![agent(None)]);
    let key = format!("AKIA{}", "Q7ZP2M4N8R5T6V3X");
    brief.title = format!("Use {key}");
    let look = json!({"command": format!("echo {key}; echo password=hunter2hunter2")});
    let mut script = Script::new(vec![
        calls(&[("run", look)]),
        calls(&[fix()]),
        calls(&[done()]),
    ]);
    let ran = run(
        &mut world,
        &brief,
        &Profile::default(),
        &mut |request| script.answer(request),
        &mut Vec::new,
    );
    assert!(!ran.text.contains(&key) && !ran.text.contains("hunter2hunter2"));
    let built = ran.trajectory().requests();
    assert!(
        built.len() >= 3 && built.iter().all(|b| b.request.is_ok()),
        "{built:?}"
    );
}

/// Forty turns that each read much, in a window that holds few of them.
#[test]
fn pruned_conversations_come_out_too_and_the_file_grows_with_what_is_said() {
    let long = "x".repeat(6_000);
    let mut world = World::with(&[("answer.txt", "41\n"), ("test.sh", crate::world::TEST_SH)]);
    let brief = world.brief(vec![agent(None)]);
    let profile = Profile {
        num_ctx: 24_000,
        output_max: 4_000,
        ..Profile::default()
    };
    let mut script = Vec::new();
    let mut said = 0;
    for n in 0..38 {
        let content = format!("{n}\n{long}");
        said += content.len();
        script.push(calls(&[(
            "write",
            json!({"path": format!("note-{n}.txt"), "content": content}),
        )]));
    }
    script.push(calls(&[done()]));
    script.push(calls(&[done()]));
    let mut script = Script::new(script);
    let ran = run(
        &mut world,
        &brief,
        &profile,
        &mut |request| script.answer(request),
        &mut Vec::new,
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{:?}", ran.report);
    let read = ran.trajectory();
    let built = read.requests();
    assert_eq!(built.len(), script.requests.len());
    for (built, sent) in built.iter().zip(&script.requests) {
        assert_eq!(built.request.as_deref(), Ok(sent));
    }
    let pruned = |e: &&alai_minion::trajectory::Entry| matches!(e.told, Told::Pruned { .. });
    assert!(
        read.entries.iter().filter(pruned).count() > 10,
        "it was pruned"
    );
    let sent: usize = script
        .requests
        .iter()
        .map(|r| serde_json::to_string(&r.messages).expect("JSON").len())
        .sum();
    assert!(sent > 5 * said, "{sent} bytes were sent, {said} were said");
    assert!(
        ran.text.len() < 2 * said,
        "{} bytes were written for {said}",
        ran.text.len()
    );
}

#[test]
fn a_trajectory_played_again_makes_the_same_calls_and_comes_to_the_same_end() {
    let mut world = World::new();
    let brief = world.brief(steps());
    let mut script = stumbling();
    let first = run(
        &mut world,
        &brief,
        &Profile::default(),
        &mut |request| script.answer(request),
        &mut Vec::new,
    );
    let recording = first.trajectory().script().expect("a script");
    let provider = Provider::Scripted(Recording::parse(&recording).expect("it is one"));
    let mut world = World::new();
    let brief = world.brief(steps());
    let second = run(
        &mut world,
        &brief,
        &Profile::default(),
        &mut |request| alai_fleet::chat(&provider, request, &|| false),
        &mut Vec::new,
    );
    assert_eq!(acts(&second), acts(&first));
    assert!(acts(&first).len() > 10, "{:?}", acts(&first));
    assert_eq!(second.report.status, first.report.status);
    assert_eq!(second.report.turns, first.report.turns);
    assert_eq!(world.read("answer.txt"), "42\n");
    // What was played is a trajectory like any other.
    let again = second.trajectory().script().expect("a script");
    assert_eq!(again, recording);
}

/// Calls, results, checks and the end, as far as they are the run's own.
fn acts(ran: &Ran) -> Vec<Value> {
    let own = |entry: &alai_minion::trajectory::Entry| {
        let event: Value = serde_json::from_str(&entry.line).expect("JSON");
        match event["type"].as_str()? {
            "call" => Some(json!([event["name"], event["arguments"]])),
            "result" => Some(json!([event["error"], event["text"]])),
            "check" => Some(json!([event["passed"], event["output"]])),
            "failed" => Some(json!([event["class"]])),
            "exit" => Some(json!([event["status"], event["turns"]])),
            _ => None,
        }
    };
    ran.trajectory().entries.iter().filter_map(own).collect()
}

#[test]
fn a_persons_word_reaches_the_agent_once_and_is_recorded_as_his() {
    let mut world = World::new();
    let brief = world.brief(vec![agent(Some(TEST))]);
    let mut script = Script::new(vec![
        calls(&[("read", json!({"path": "answer.txt"}))]),
        calls(&[fix()]),
        calls(&[done()]),
    ]);
    let mut asked = 0;
    let ran = run(
        &mut world,
        &brief,
        &Profile::default(),
        &mut |request| script.answer(request),
        &mut || {
            asked += 1;
            let word = Word {
                number: 1,
                by: "ada".into(),
                text: "Keep the file's last line.".into(),
            };
            if asked == 2 { vec![word] } else { Vec::new() }
        },
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{:?}", ran.report);
    assert_eq!(asked, 3, "before each call of the model");
    let words = |request: usize| {
        let theirs = |m: &&Message| matches!(m, Message::User { text } if text.contains("Keep the file's last line."));
        script.requests[request]
            .messages
            .iter()
            .filter(theirs)
            .count()
    };
    assert_eq!([words(0), words(1), words(2)], [0, 1, 1]);
    let said = script.last(1);
    assert!(said.contains("ada, a person in charge"), "{said}");
    let read = ran.trajectory();
    let recorded = read.entries.iter().find_map(|entry| {
        if let Told::Word {
            number, by, text, ..
        } = &entry.told
        {
            Some((*number, by.clone(), text.clone()))
        } else {
            None
        }
    });
    let text = "Keep the file's last line.".to_owned();
    assert_eq!(recorded, Some((1, "ada".to_owned(), text)));
    assert!(read.requests().iter().all(|r| r.request.is_ok()));
}

#[test]
fn whole_outputs_are_kept_beside_the_trajectory_without_their_secrets() {
    let mut world = World::new();
    let brief = world.brief(vec![agent(Some(TEST))]);
    let loud = "seq 1 20000; echo password=hunter2hunter2; seq 20001 40000; echo end >&2";
    // Its path is the agent's to change; what is kept is what was written.
    let hide = "rm -f /tmp/alai-nothing; ls";
    let mut script = Script::new(vec![
        calls(&[("run", json!({"command": loud}))]),
        calls(&[("run", json!({"command": hide}))]),
        calls(&[fix()]),
        calls(&[done()]),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trajectory.jsonl");
    let mut recorder = Recorder::create(&path).expect("a file");
    let report = alai_minion::run(
        &brief,
        Means {
            profile: &Profile::default(),
            model: "scripted",
            price: Price::FREE,
            ask: &mut |request| script.answer(request),
            hand: &mut world.hand,
            recorder: &mut recorder,
            cancel: &world.cancel,
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
    assert_eq!(report.status, ExitStatus::Done, "{report:?}");
    let read = Trajectory::read(&path).expect("readable");
    let logs: Vec<(Option<String>, bool)> = read
        .entries
        .into_iter()
        .filter_map(|entry| {
            if let Told::Command { log, whole, .. } = entry.told {
                Some((log, whole))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(logs.len(), 3, "{logs:?}");
    assert!(
        logs.iter().all(|(log, whole)| log.is_some() && *whole),
        "{logs:?}"
    );
    let kept = |n: usize| {
        let name = logs[n].0.as_deref().expect("a log");
        std::fs::read_to_string(folder.path().join(name)).expect("kept")
    };
    let whole = kept(0);
    assert!(whole.contains("\n12345\n") && whole.contains("\n34567\n") && whole.contains("end"));
    assert!(!whole.contains("hunter2hunter2") && whole.contains("password=[redacted: secret]"));
    assert!(kept(2).contains("1 passed"));
    let told = script.last(1);
    let inside = told
        .split("all of it: ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .expect("the agent is told where all of it is");
    let read = std::fs::read_to_string(inside).expect("a path that it can read");
    assert!(read.contains("\n12345\n"), "{inside}");
}

#[test]
fn a_reply_that_is_cut_is_played_as_one() {
    let mut world = World::new();
    let brief = world.brief(vec![agent(None)]);
    let mut script = Script::new(vec![
        cut_off(&[("write", json!({"path": "a", "content": "b"}))]),
        calls(&[fix()]),
        calls(&[done()]),
    ]);
    let ran = run(
        &mut world,
        &brief,
        &Profile::default(),
        &mut |request| script.answer(request),
        &mut Vec::new,
    );
    let script: Value =
        serde_json::from_str(&ran.trajectory().script().expect("a script")).expect("JSON");
    let turn = &script[0]["turns"][0];
    assert_eq!(turn["finish"], json!(Finish::Length));
    assert_eq!(turn["calls"][0]["name"], "write");
}

#[test]
fn what_was_written_before_requests_were_is_read_and_says_why_it_cannot_be_played() {
    let meta = json!({"seq": 0, "t_ms": 1, "type": "meta", "format": "alai-traj-1", "run": "r", "task": 1, "epoch": 1,
        "attempt": 0, "kind": "build", "role": "builder", "company": "c", "title": "t", "blueprint": "b", "model": "m",
        "base": "x"});
    let reply = json!({"seq": 1, "t_ms": 2, "type": "reply", "step": "s", "model": "m", "mode": "real", "finish": "stop",
        "usage": {"prompt_tokens": 1, "output_tokens": 2}, "latency_ms": 3, "salvaged": false, "thinking": ""});
    let mut text = Vec::new();
    writeln!(text, "{meta}\n{reply}").expect("memory");
    let read = Trajectory::parse(&String::from_utf8(text).expect("UTF-8"));
    assert_eq!((read.summary().turns, read.requests().len()), (1, 0));
    let why = read.script().expect_err("nothing to play");
    assert!(
        why.to_string().contains("before requests were recorded"),
        "{why}"
    );
}
