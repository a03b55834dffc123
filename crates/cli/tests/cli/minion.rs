//! One minion: asked for, watched, spoken to, stopped, played again.

use alai_minion::trajectory::{Told, Trajectory};
use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::script::{CHECK, Script, TITLE};
use crate::wire::{good, has_built};
use crate::world::{Running, World};

/// A builder that makes its change, looks at a file while the twin holds its answer, and is done.
fn slow(body: &Value) -> Answer {
    let said = body["messages"].as_array().map_or(0, |all| {
        all.iter().filter(|m| m["role"] == "assistant").count()
    });
    match has_built(body) && said == 1 {
        true => Answer::calls(&[("read", json!({"path": "words.sh"}))]).held(),
        false => good(body),
    }
}

/// A daemon whose minion waits for its model's third answer; and the run.
fn working() -> (OllamaTwin, World, Running, String) {
    let twin = OllamaTwin::start(Behaviour::by(slow));
    let world = World::with_model_at("auto", &twin.url());
    let daemon = world.up();
    let asked = world.json(["minion", "enqueue", TITLE, "--project", "tiny", "--json"]);
    assert_eq!(
        (&asked["task"], &asked["schema_version"]),
        (&1.into(), &1.into())
    );
    // The class, the plan, and two turns.
    twin.await_chats(4);
    let run = live(&world)[0]["run"].as_str().expect("a run").to_owned();
    (twin, world, daemon, run)
}

fn live(world: &World) -> Vec<Value> {
    let status = world.json(["minion", "status", "--json"]);
    assert_eq!(status["schema_version"], 1);
    status["runs"].as_array().expect("runs").clone()
}

fn trajectory(world: &World, run: &str) -> Trajectory {
    let path = world.home().join("runs").join(run).join("trajectory.jsonl");
    Trajectory::read(&path).expect("a trajectory")
}

fn only_run(world: &World) -> String {
    let listed = world.alai(["minion", "list", "--json"]).exits(0).out;
    let rows: Vec<Value> = listed
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(rows.len(), 1, "{listed}");
    rows[0]["id"].as_str().expect("an id").to_owned()
}

fn done(world: &World, task: i64) {
    world.until("the task is done", |w| {
        (w.state(task) == "done").then_some(())
    });
}

/// Chats that were told this, and how often each of them was.
fn told(twin: &OllamaTwin, words: &str) -> Vec<usize> {
    let times = |chat: &Value| {
        let all = chat["messages"].as_array().expect("messages");
        let with = |m: &&Value| {
            m["content"]
                .as_str()
                .is_some_and(|text| text.contains(words))
        };
        all.iter().filter(with).count()
    };
    twin.chats().iter().map(times).filter(|n| *n > 0).collect()
}

/// Two runs: where the commit alone tells what is shown, the cage that was begun beside the clone is the one that is used; where it does not,
/// none is begun early.
#[test]
fn a_cage_that_was_begun_beside_the_clone_is_the_agents() {
    let points_of = |world: &World, title: &str| {
        let log = world.path("points");
        let mut command = world.command(["minion", "run", title, "--project", "tiny"]);
        command.env("ALAI_CRASH_LOG", &log);
        crate::world::run(command).exits(0);
        std::fs::read_to_string(&log).expect("a debug build names its points")
    };
    let has = |points: &str, name: &str| points.lines().any(|point| point == name);
    let world = World::scripted("auto", &Script::good());
    let points = points_of(&world, TITLE);
    assert!(
        has(&points, "agent.after") && has(&points, "clone.after"),
        "{points}"
    );
    assert!(has(&points, "stand.gone"), "begun, and used: {points}");

    let world = World::scripted("auto", &Script::good());
    world
        .alai([
            "project", "set", "tiny", "--allow", "words.sh", "--allow", "tests/",
        ])
        .exits(0);
    let points = points_of(&world, TITLE);
    assert!(
        has(&points, "agent.after") && !has(&points, "stand.before"),
        "{points}"
    );
}

#[test]
fn a_run_is_shown_on_one_page_and_its_log_tells_what_happened() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai([
            "minion",
            "run",
            TITLE,
            "--project",
            "tiny",
            "--check",
            CHECK,
        ])
        .exits(0);
    let run = only_run(&world);
    // The end of its name is enough, as people copy it.
    let shown = world.alai(["minion", "show", &run[24..]]).exits(0);
    for row in [
        "task      #1 [done] Add initials",
        "state     succeeded: gate passed",
        "model     scripted (simulated), for ",
        "step      plan (ask): 1 turns",
        "step      build (agent): 2 turns",
        "tools     done 1, ",
        "check     passed in build: `sh test.sh` (exit 0)",
        "exit      done",
        "used      3 turns, ",
        "evidence  ",
    ] {
        assert!(shown.out.contains(row), "`{row}` is not in it: {shown}");
    }
    assert!(!shown.out.contains("unsound"), "{shown}");
    let page = world.json(["minion", "show", &run, "--json"]);
    let sum = &page["summary"];
    assert_eq!(page["schema_version"], 1);
    assert_eq!(
        (&page["run"]["id"], &page["task_state"]),
        (&json!(run), &json!("done"))
    );
    assert_eq!((&sum["turns"], &sum["exit"]), (&json!(3), &json!("done")));
    assert_eq!(
        (&sum["unsound_requests"], &sum["cut"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(page["words"], json!([]));
    assert!(std::path::Path::new(page["evidence"].as_str().expect("a path")).is_dir());

    let log = world.alai(["minion", "log", &run]).exits(0);
    for line in [
        "== plan (ask)",
        "== build (agent)",
        "> edit path=words.sh",
        "check passed: sh test.sh",
        "exit done",
    ] {
        assert!(log.out.contains(line), "`{line}` is not in it: {log}");
    }
    let first = log.out.lines().next().expect("a line");
    assert!(first.starts_with("     0.0s  run "), "{first}");
    let log = world.alai(["minion", "log", &run, "--json"]).exits(0).out;
    let events: Vec<Value> = log
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON Lines"))
        .collect();
    assert!(
        events
            .iter()
            .all(|e| e["schema_version"] == 1 && e["type"].is_string())
    );
    assert_eq!(events.len(), trajectory(&world, &run).entries.len());
    // When it is removed by age, its evidence has it.
    let path = world
        .home()
        .join("runs")
        .join(&run)
        .join("trajectory.jsonl");
    std::fs::remove_file(path).expect("it was there");
    assert_eq!(
        world.alai(["minion", "log", &run, "--json"]).exits(0).out,
        log
    );
    // It has ended, so that to follow it is to read it.
    world
        .alai(["minion", "log", &run, "-f"])
        .exits(0)
        .says("has succeeded");
}

#[test]
fn what_is_no_run_is_not_found() {
    let world = World::with_project("auto");
    for args in [
        &["minion", "show", "nobody"][..],
        &["minion", "log", "nobody"],
        &["minion", "log", "nobody", "-f"],
        &["minion", "tell", "nobody", "Hello"],
        &["minion", "stop", "nobody"],
        &["minion", "recover", "nobody"],
    ] {
        world
            .alai(args.iter().copied())
            .exits(3)
            .says("`nobody` is no run")
            .says("alai minion list");
    }
    world
        .alai(["minion", "status"])
        .exits(0)
        .says("no run is at work");
    assert_eq!(live(&world), Vec::<Value>::new());
}

#[test]
fn what_is_enqueued_returns_at_once_and_the_daemon_does_it() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0)
        .says("#1 [H] [open]")
        .says("no daemon runs; `alai up` begins it");
    assert_eq!(world.state(1), "open");
    let daemon = world.up();
    done(&world, 1);
    assert_eq!(world.titles("main"), ["Import"], "a minion merges nothing");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_live_run_is_shown_with_its_step_and_its_use() {
    let (twin, world, daemon, run) = working();
    let runs = live(&world);
    assert_eq!(runs.len(), 1);
    assert_eq!(
        (&runs[0]["step"], &runs[0]["turns"]),
        (&json!("build"), &json!(2))
    );
    assert_eq!(
        (&runs[0]["task"], &runs[0]["model"]),
        (&json!(1), &json!("small"))
    );
    assert!(runs[0]["sign_ms"].as_i64() >= runs[0]["started_ms"].as_i64());
    assert!(runs[0]["prompt_tokens"].as_u64() > Some(0), "{runs:?}");
    for slip in ["", "%", "_", "01"] {
        world
            .alai(["minion", "stop", slip])
            .exits(3)
            .says("is no run");
    }
    let status = world.alai(["minion", "status"]).exits(0);
    assert!(
        status.out.starts_with(&run) && status.out.contains("build, turn 2"),
        "{status}"
    );
    let shown = world.alai(["minion", "show", &run]).exits(0);
    assert!(
        shown
            .out
            .contains("step      build (agent): 1 turns, not ended"),
        "{shown}"
    );
    twin.release();
    done(&world, 1);
    assert_eq!(live(&world), Vec::<Value>::new());
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

/// A builder whose second answer stops in the middle of a word, behind a secret.
fn halting(body: &Value) -> Answer {
    let said = body["messages"].as_array().map_or(0, |all| {
        all.iter().filter(|m| m["role"] == "assistant").count()
    });
    let words = "The token ghp_abcdefghijklmnopqrstuvwxyz0123456789\nis in words.sh, so I lo";
    match has_built(body) && said == 1 {
        true => Answer::StallAfter(vec![Answer::line(json!({"content": words}))]),
        false => good(body),
    }
}

#[test]
fn what_a_model_says_is_shown_while_its_answer_is_on_its_way() {
    let twin = OllamaTwin::start(Behaviour::by(halting));
    let world = World::with_model_at("auto", &twin.url());
    let daemon = world.up();
    world.json(["minion", "enqueue", TITLE, "--project", "tiny", "--json"]);
    let said = world.until("the model says something", |w| {
        live(w)
            .first()
            .filter(|run| run["saying"].is_object())
            .cloned()
    });
    let run = said["run"].as_str().expect("a run");
    assert_eq!(said["saying"]["thinks"], false);
    assert_eq!(
        said["saying"]["tail"],
        "The token [redacted: forge token] is in words.sh, so I"
    );
    assert!(said["sign_ms"].as_i64() >= said["saying"]["at_ms"].as_i64());
    world
        .alai(["minion", "status"])
        .exits(0)
        .says("  writes, 74 characters: The token [redacted: forge token] is in words.sh, so I");
    world.alai(["minion", "stop", run]).exits(0);
    let file = world.home().join("runs").join(run).join("saying.json");
    world.until("it is gone with its answer", |_| {
        (!file.exists()).then_some(())
    });
    assert_eq!(live(&world), Vec::<Value>::new());
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_log_is_followed_until_its_run_has_ended() {
    let (twin, world, daemon, run) = working();
    let follower = Running::start(world.command(["minion", "log", &run, "--follow"]));
    follower.has_written("> edit path=words.sh");
    twin.release();
    let ran = follower.ends().exits(0);
    assert!(
        ran.out.contains("> read path=words.sh") && ran.out.contains("exit done"),
        "{ran}"
    );
    assert!(ran.err.contains("has succeeded: gate passed"), "{ran}");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn whoever_follows_a_run_is_told_that_nobody_works_on_it_any_more() {
    let (_twin, world, daemon, run) = working();
    let follower = Running::start(world.command(["minion", "log", &run, "-f"]));
    follower.has_written("> edit path=words.sh");
    daemon.signal(libc::SIGKILL);
    daemon.ends().exits(137);
    follower
        .ends()
        .exits(8)
        .says("nobody works on run")
        .says("alai up");
    world
        .alai(["minion", "status"])
        .exits(0)
        .says("nobody works on them now");
}

#[test]
fn a_persons_word_reaches_the_agent_at_its_next_turn_and_once() {
    let (twin, world, daemon, run) = working();
    let asked = world.json(["minion", "tell", &run, "Mind the empty line", "--json"]);
    assert_eq!(
        (&asked["number"], &asked["schema_version"]),
        (&json!(1), &json!(1))
    );
    let shown = world.alai(["minion", "show", &run]).exits(0);
    assert!(
        shown
            .out
            .contains("word      operator: Mind the empty line (not heard yet)"),
        "{shown}"
    );
    assert_eq!(told(&twin, "Mind the empty line"), Vec::<usize>::new());
    twin.release();
    done(&world, 1);
    let heard = told(
        &twin,
        "operator, a person in charge of this task, says while you work:]\nMind the empty line",
    );
    assert!(
        !heard.is_empty() && heard.iter().all(|times| *times == 1),
        "{heard:?}"
    );
    let page = world.json(["minion", "show", &run, "--json"]);
    assert_eq!(page["words"][0]["taken_by"], json!(run));
    let recorded = trajectory(&world, &run);
    let words = recorded
        .entries
        .iter()
        .filter(|e| matches!(e.told, Told::Word { .. }));
    assert_eq!(words.count(), 1);
    assert!(recorded.requests().iter().all(|sent| sent.request.is_ok()));
    // It has ended: nobody would hear it.
    world
        .alai(["minion", "tell", &run, "Too late"])
        .exits(1)
        .says("has ended")
        .says("alai mc note 1");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn words_are_short_and_few_and_hold_no_secret() {
    let (twin, world, daemon, run) = working();
    let tell = |text: &str| world.alai(["minion", "tell", &run, text]);
    tell("  ").exits(2).says("say something");
    tell(&"x".repeat(2_001)).exits(2).says("at most 2000 bytes");
    tell("use password=hunter2hunter2").exits(0);
    for _ in 0..15 {
        tell("Go on").exits(0);
    }
    tell("Once more").exits(2).says("as many as one run takes");
    twin.release();
    done(&world, 1);
    assert_eq!(told(&twin, "hunter2hunter2"), Vec::<usize>::new());
    assert!(!told(&twin, "password=[redacted: secret]").is_empty());
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_word_that_nobody_heard_survives_the_daemon_and_reaches_the_run_that_goes_on() {
    let (twin, world, daemon, run) = working();
    daemon.signal(libc::SIGKILL);
    daemon.ends().exits(137);
    world
        .alai(["minion", "tell", &run, "Mind the empty line"])
        .exits(0)
        .says("no daemon runs");
    world
        .alai(["minion", "show", &run])
        .exits(0)
        .says("(not heard yet)");
    twin.release();
    let daemon = world.up();
    done(&world, 1);
    let heard = told(&twin, "Mind the empty line");
    assert!(
        !heard.is_empty() && heard.iter().all(|times| *times == 1),
        "{heard:?}"
    );
    let second = world.task(1)["runs"][1]["id"]
        .as_str()
        .expect("a second run")
        .to_owned();
    let shown = world.alai(["minion", "show", &run]).exits(0);
    assert!(
        shown.out.contains(&format!("(heard by {second})")),
        "{shown}"
    );
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_run_that_is_stopped_keeps_its_work_and_its_task_waits() {
    let (twin, world, daemon, run) = working();
    let stopped = world.json(["minion", "stop", &run, "It mends the wrong file", "--json"]);
    assert_eq!(
        (&stopped["state"], &stopped["schema_version"]),
        (&json!("waiting"), &json!(1))
    );
    let detail = stopped["waiting"]["detail"].as_str().expect("a reason");
    assert!(
        detail.contains("operator stopped run") && detail.ends_with("It mends the wrong file"),
        "{detail}"
    );
    // The call of its model is closed, and not at its next heartbeat.
    twin.await_closed(1);
    world.alai(["why", "1"]).exits(0).says("alai mc retry 1");
    let page = world.json(["minion", "show", &run, "--json"]);
    assert_eq!(page["run"]["state"], "cancelled");
    world
        .alai(["minion", "stop", &run])
        .exits(1)
        .says("has ended");
    let recovered = world.until("its work is home", |w| {
        let asked = w.alai(["minion", "recover", &run, "--json"]);
        (asked.code == 0).then(|| asked.json())
    });
    let branch = recovered["branch"].as_str().expect("a branch");
    let work = world.git(&["show", &format!("{branch}:words.sh")]);
    assert!(work.contains("initials"), "{work}");
    twin.release();
    world
        .alai(["mc", "retry", "1", "Now the right one"])
        .exits(0);
    done(&world, 1);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_run_that_a_dead_daemon_left_can_be_stopped_and_is_not_begun_again() {
    let (twin, world, daemon, run) = working();
    daemon.signal(libc::SIGKILL);
    daemon.ends().exits(137);
    world
        .alai(["minion", "stop", &run])
        .exits(0)
        .says("[waiting]");
    twin.release();
    let daemon = world.up();
    world.alai(["status"]).exits(0);
    assert_eq!(world.state(1), "waiting");
    let branch = world.json(["minion", "recover", &run, "--json"])["branch"].clone();
    let work = world.git(&[
        "show",
        &format!("{}:words.sh", branch.as_str().expect("a branch")),
    ]);
    assert!(work.contains("initials"), "{work}");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_blueprint_is_chosen_among_those_that_can_build() {
    let world = World::scripted("auto", &Script::good());
    let run = |name: &str| {
        world.alai([
            "minion",
            "run",
            TITLE,
            "--project",
            "tiny",
            "--blueprint",
            name,
        ])
    };
    run("nope")
        .exits(3)
        .says("there is no blueprint `nope`")
        .says("minion-one-shot");
    let refused = run("review-readonly").exits(2).says("changes no file");
    assert!(!refused.err.contains("has review-readonly"), "{refused}");
    assert_eq!(world.list(), "", "nothing was added");
    let own = "version: 1\nname: minion-own\ndescription: Our own way.\nextends: minion-one-shot\n";
    std::fs::write(world.home().join("blueprints/minion-own.yaml"), own).expect("written");
    run("minion-own").exits(0);
    let page = world.json(["minion", "show", &only_run(&world), "--json"]);
    assert_eq!(page["summary"]["blueprint"], "minion-own");
}

#[test]
fn a_whole_run_is_played_again_and_comes_to_the_same_end() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let first = trajectory(&world, &only_run(&world));
    let again = World::with_project("auto");
    std::fs::write(again.path("script.json"), first.script().expect("a script")).expect("written");
    let setting = format!(
        "[fleet]\nscript = {}\n",
        Value::from(again.path("script.json").display().to_string())
    );
    std::fs::write(again.home().join("alai.toml"), setting).expect("the settings");
    again
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let second = trajectory(&again, &only_run(&again));
    let acts = |of: &Trajectory| -> Vec<Value> {
        let own = |line: &str| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            match event["type"].as_str()? {
                "call" => Some(json!([event["name"], event["arguments"]])),
                "result" => Some(json!([event["error"], event["text"]])),
                "check" => Some(json!([event["passed"]])),
                "exit" => Some(json!([event["status"], event["turns"]])),
                _ => None,
            }
        };
        of.entries.iter().filter_map(|e| own(&e.line)).collect()
    };
    assert_eq!(acts(&second), acts(&first));
    assert!(acts(&first).len() > 5);
    assert_eq!(second.script(), first.script());
}

#[test]
fn an_agent_writes_nothing_to_the_terminal_of_whoever_reads_its_log() {
    let done =
        json!({"name": "done", "arguments": {"status": "done", "summary": "\u{1b}]0;owned\u{7}"}});
    let look = json!({"name": "run", "arguments": {"command": "printf '\\033[2Jgone\\n'; echo \u{1b}[31m"}});
    let mut calls = crate::script::solution(TITLE);
    calls.push(look);
    let turns = [
        json!({"text": "\u{1b}[2Jcleared", "calls": calls}),
        json!({"text": "", "calls": [done]}),
    ];
    let when = json!({"kind": "build", "step": "build", "title": TITLE, "attempt": 0});
    let world = World::scripted("auto", &Script::good().with(when, &turns));
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let run = only_run(&world);
    for command in ["log", "show"] {
        let ran = world.alai(["minion", command, &run]).exits(0);
        assert!(!ran.out.contains(['\u{1b}', '\u{7}']), "{ran}");
    }
    world
        .alai(["minion", "log", &run])
        .exits(0)
        .says("[2Jcleared");
}

#[test]
fn the_output_of_every_command_is_kept_whole() {
    let loud = json!({"name": "run", "arguments": {"command": "seq 1 30000"}});
    let mut calls = crate::script::solution(TITLE);
    calls.push(loud);
    let done = json!({"name": "done", "arguments": {"status": "done", "summary": "Done."}});
    let turns = [
        json!({"text": "", "calls": calls}),
        json!({"text": "", "calls": [done]}),
    ];
    let when = json!({"kind": "build", "step": "build", "title": TITLE, "attempt": 0});
    let world = World::scripted("auto", &Script::good().with(when, &turns));
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let run = only_run(&world);
    let logs: Vec<(String, bool)> = trajectory(&world, &run)
        .entries
        .into_iter()
        .filter_map(|entry| {
            if let Told::Command {
                record, log, whole, ..
            } = entry.told
                && record.argv.last().is_some_and(|c| c == "seq 1 30000")
            {
                Some((log.expect("kept"), whole))
            } else {
                None
            }
        })
        .collect();
    let [(log, true)] = logs.as_slice() else {
        panic!("{logs:?}")
    };
    let kept = world.home().join("runs").join(&run).join(log);
    let text = std::fs::read_to_string(kept).expect("after the cage has gone");
    assert_eq!(text.lines().count(), 30_000);
    assert!(text.contains("\n15000\n"));
    world
        .alai(["minion", "log", &run])
        .exits(0)
        .says(&format!("output in {log}"));
}
