//! Recording real calls, and doing the same work once more with nothing but the recording.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use alai_testkit::ollama::{self, OllamaTwin, TwinModel};
use alai_testkit::openai::{self, OpenaiTwin};
use serde_json::{Value, json};

use crate::script::{CHECK, TITLE, planned, small};
use crate::wire::{Good, good, good_said};
use crate::world::{Ran, World, run};

const KEY: &str = "sk-canary-9c2b-nobody-writes-this-down";

/// A good worker behind llama-server that says its key aloud, as no server should.
fn tells_its_key(body: &Value) -> openai::Answer {
    match good_said(body, &body["response_format"]["json_schema"]["schema"]) {
        Good::Text(text) => openai::Answer::Reasoned(format!("my key is {KEY}"), text.to_string()),
        Good::Calls(calls) => openai::Answer::Calls(calls),
    }
}

fn with_forge(url: &str) -> World {
    let world = World::with_project("auto");
    let settings = format!(
        "[[fleet.hosts]]\nname = \"forge\"\ndialect = \"openai\"\nurl = \"{url}\"\nkey_env = \"FORGE_KEY\"\n"
    );
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    world
}

fn minion_run(world: &World, title: &str, env: &[(&str, &Path)]) -> Ran {
    let mut command = world.command(["minion", "run", title, "--project", "tiny"]);
    command.env("FORGE_KEY", KEY);
    for (name, value) in env {
        command.env(name, value);
    }
    run(command)
}

/// The one file of a folder of recordings.
fn recording(dir: &Path) -> PathBuf {
    let files: Vec<_> = std::fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    let [file] = files.as_slice() else {
        panic!("{files:?}")
    };
    file.clone()
}

#[test]
fn work_that_was_recorded_is_done_again_without_its_host_and_says_that_it_is_simulated() {
    let forge = OpenaiTwin::start(openai::Behaviour {
        key: Some(KEY.to_owned()),
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        ..openai::Behaviour::by(tells_its_key)
    });
    let first = with_forge(&forge.url());
    let tapes = first.path("tapes");
    minion_run(&first, TITLE, &[("ALAI_RECORD", &tapes)]).exits(0);
    drop(forge);
    let file = recording(&tapes);
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
    };
    assert_eq!((mode(&file) & 0o777, mode(&tapes) & 0o777), (0o600, 0o700));
    let text = std::fs::read_to_string(&file).expect("a recording");
    assert!(!text.contains(KEY), "the key was written down");
    assert!(text.contains("[key]"), "it was taken out where it stood");

    let name = file.to_str().expect("a name");
    let held = first.json(["fleet", "replay", name, "--json"]);
    let calls = held["calls"].as_array().expect("calls");
    let of_build = calls.iter().filter(|c| c["step"] == "build");
    assert_eq!(of_build.count(), 2, "{held}");
    assert!(
        calls
            .iter()
            .all(|c| c["model"] == "large" && c["statuses"] == json!([200]))
    );
    first
        .alai(["fleet", "replay", name])
        .exits(0)
        .says("plays them, simulated")
        .says("a secret taken out");

    // A new home, no host, no key: the same end.
    let again = World::with_project("auto");
    minion_run(&again, TITLE, &[("ALAI_SCRIPT", &file)]).exits(0);
    let ran = again.json(["minion", "list", "--json"]);
    assert_eq!(
        (&ran["mode"], &ran["model"]),
        (&json!("simulated"), &json!("large"))
    );
    let titles = |world: &World| world.titles("main");
    assert_eq!(titles(&again), titles(&first));

    // Other work is none of it: what differs is said, and nothing is made up.
    let other = World::with_project("auto");
    let ended = minion_run(&other, "Count the vowels", &[("ALAI_SCRIPT", &file)]);
    assert_ne!(ended.code, 0, "{ended}");
    let shown = other.json(["mc", "show", "1", "--json"]).to_string();
    assert!(
        shown.contains("the recording has no answer for this request"),
        "{shown}"
    );
    assert!(shown.contains("Count the vowels"), "{shown}");
}

/// A good worker who plans two builds, the second upon the first.
fn plans_two(body: &Value) -> openai::Answer {
    let schema = &body["response_format"]["json_schema"]["schema"];
    let asks_for_a_plan = schema["properties"].get("tasks").is_some();
    let says_alpha = body.to_string().contains("Say alpha");
    let is_asked_to_build = body["tools"]
        .as_array()
        .is_some_and(|all| all.iter().any(|tool| tool["function"]["name"] == "write"));
    let has_answered = body["messages"]
        .as_array()
        .is_some_and(|all| all.iter().any(|m| m["role"] == "assistant"));
    if asks_for_a_plan {
        let tasks = [planned("a", TITLE, &[]), planned("b", "Say alpha", &["a"])];
        let plan = json!({"spec": "# Words", "tasks": tasks});
        return openai::Answer::text(&plan.to_string());
    }
    if is_asked_to_build && says_alpha && !has_answered {
        let calls = small("alpha").into_iter();
        let calls = calls.map(|c| {
            let name = c["name"].as_str().expect("a name").to_owned();
            (name, c["arguments"].clone())
        });
        return openai::Answer::Calls(calls.collect());
    }
    match good_said(body, schema) {
        Good::Text(text) => openai::Answer::text(&text.to_string()),
        Good::Calls(calls) => openai::Answer::Calls(calls),
    }
}

/// Each commit of the branch by its tree and its title, each line of work whole behind its merge: by their dates alone, which are
/// whole seconds, two lines of work are shuffled into each other.
fn history(world: &World) -> String {
    world.git(&["log", "--topo-order", "--format=%T %s", "main"])
}

#[test]
fn a_goal_that_was_recorded_is_done_again_to_the_same_trees_with_its_host_gone() {
    let forge = OpenaiTwin::start(openai::Behaviour {
        key: Some(KEY.to_owned()),
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        ..openai::Behaviour::by(plans_two)
    });
    let start = |world: &World, script: Option<&Path>| {
        let goal = ["start", "Count letters", "--project", "tiny", "--wait"];
        let mut command = world.command(goal);
        command.env("FORGE_KEY", KEY);
        if let Some(script) = script {
            command.env("ALAI_SCRIPT", script);
        }
        run(command)
    };
    let first = with_forge(&forge.url());
    first
        .alai(["fleet", "record", "status"])
        .exits(0)
        .says("recording  off");
    first
        .alai(["fleet", "record", "on"])
        .exits(0)
        .says("from the next call");
    let mut status = first.command(["fleet", "status"]);
    status.env("FORGE_KEY", KEY);
    run(status).exits(0).says("recording  every call");
    start(&first, None).exits(0);
    drop(forge);
    let file = recording(&first.home().join("recordings"));
    first.alai(["fleet", "record", "off"]).exits(0);
    assert!(!history(&first).is_empty());
    assert!(first.repo().join("alpha.sh").is_file());

    let again = World::with_project("auto");
    start(&again, Some(&file)).exits(0);
    assert_eq!(history(&again), history(&first));
    assert_eq!(
        again.list(),
        first.list(),
        "the same tasks, in the same states"
    );
}

/// A verifier who asks for one probe and then ends so by it; everybody else is good.
fn verifies(ends: &'static str) -> openai::Behaviour {
    let answer = move |body: &Value| {
        let schema = &body["response_format"]["json_schema"]["schema"];
        if schema["properties"].get("rests_on").is_none() {
            return plans_one(body, schema);
        }
        let asked = body.to_string().contains("flamingo-probe");
        let finding = json!([{"severity": "high", "title": "it says nothing of birds", "path": null, "line": null,
            "probe": "p1", "detail": ""}]);
        let answer = json!({
            "verdict": if asked { ends } else { "probe" },
            "summary": "What I saw.",
            "probes": if asked { json!([]) } else { json!([{"id": "p1", "why": "flamingo-probe", "command": CHECK,
                "path": null, "content": null, "expect": "succeeds"}]) },
            "rests_on": if asked { json!(["p1"]) } else { json!([]) },
            "findings": if asked && ends == "reject" { finding } else { json!([]) },
            "criteria": [{"n": 1, "met": true, "path": "words.sh", "line": 1}],
        });
        openai::Answer::text(&answer.to_string())
    };
    openai::Behaviour {
        key: Some(KEY.to_owned()),
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        ..openai::Behaviour::by(answer)
    }
}

fn plans_one(body: &Value, schema: &Value) -> openai::Answer {
    match good_said(body, schema) {
        Good::Text(text) => openai::Answer::text(&text.to_string()),
        Good::Calls(calls) => openai::Answer::Calls(calls),
    }
}

#[test]
fn what_a_verifier_said_is_said_again_with_its_host_gone_and_its_probes_are_run_again() {
    const SEND: &str = "\n[verifier]\nsend = true\npriorities = [\"L\", \"M\", \"H\", \"B\"]\n";
    // Behind the hosts, and in the place of what `init` wrote.
    let sends = |world: &World, before: &str| {
        let path = world.home().join("alai.toml");
        std::fs::write(&path, format!("{before}{SEND}")).expect("the settings");
    };
    let start = |world: &World, env: (&str, &Path)| {
        let goal = [
            "start",
            "Count letters",
            "--project",
            "tiny",
            "--wait",
            "--priority",
            "M",
        ];
        let mut command = world.command(goal);
        command.env("FORGE_KEY", KEY).env(env.0, env.1);
        run(command)
    };
    // How each thread went, without its id, its cost and its time.
    let threads = |world: &World| {
        let task = world.task(3);
        let all = task["verifications"].as_array().expect("threads");
        let of = |thread: &Value| {
            ["model", "end", "quality", "probes", "retries", "same_model"]
                .map(|name| thread[name].clone())
        };
        all.iter().map(of).collect::<Vec<_>>()
    };
    for ends in ["pass", "reject"] {
        let forge = OpenaiTwin::start(verifies(ends));
        let first = with_forge(&forge.url());
        let hosts = std::fs::read_to_string(first.home().join("alai.toml")).expect("the hosts");
        sends(&first, &hosts);
        let tapes = first.path("tapes");
        let ended = start(&first, ("ALAI_RECORD", &tapes));
        drop(forge);
        let seen = threads(&first);
        assert_eq!(seen[0][1], ends, "{ended}: {seen:?}");

        let again = World::with_project("auto");
        sends(&again, "");
        let replayed = start(&again, ("ALAI_SCRIPT", &recording(&tapes)));
        assert_eq!(replayed.code, ended.code, "{replayed}");
        assert_eq!(threads(&again), seen, "{ends}");
        assert_eq!(
            again.list(),
            first.list(),
            "{ends}: the same tasks, in the same states"
        );
        // Task 5 verified: its word is a recording, its probe has run here.
        let shown = again.json(["evidence", "verify", "5", "--json"]);
        assert_eq!(
            (&shown["verified"], &shown["mode"]),
            (&json!(true), &json!("simulated"))
        );
        let package = shown["package"].as_str().expect("a folder");
        let commands = std::fs::read_to_string(Path::new(package).join("commands.jsonl"));
        let commands = commands.expect("its records");
        let probe = CHECK.replace('"', "\\\"");
        assert!(commands.contains(&probe), "`{probe}`: {commands}");
    }
}

#[test]
fn recording_is_turned_on_and_off_under_a_daemon_that_runs() {
    let anvil = OllamaTwin::start(ollama::Behaviour::by(good).models([TwinModel::new("m", 8.0)]));
    let world = World::with_model_at("auto", &anvil.url());
    let tapes = world.path("tapes");
    let daemon = world.up();
    let done = |title: &str, id: i64| {
        world
            .alai(["mc", "add", title, "--project", "tiny"])
            .exits(0);
        world.until(&format!("{title} is built"), |w| {
            (w.state(id) == "done").then_some(())
        });
    };
    done(TITLE, 1);
    assert!(!tapes.exists(), "nothing is recorded unasked");
    let into = tapes.to_str().expect("a name");
    world
        .alai(["fleet", "record", "on", "--dir", into])
        .exits(0);
    world
        .alai(["mc", "add", "Look again", "--project", "tiny"])
        .exits(0);
    world.until("a call was recorded", |_| {
        let files = std::fs::read_dir(&tapes).map(Iterator::count);
        files.is_ok_and(|count| count == 1).then_some(())
    });
    world
        .alai(["fleet", "record", "off"])
        .exits(0)
        .says("from the next call");
    world
        .alai(["fleet", "record", "off"])
        .exits(0)
        .says("off already");
    let held = recording(&tapes);
    world
        .alai(["fleet", "replay", held.to_str().expect("a name")])
        .exits(0)
        .says("on ");
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    // What the settings say counts before the switch.
    let mut command = world.command(["fleet", "record", "on"]);
    command.env("ALAI_RECORD", &tapes);
    run(command).exits(2).says("by the settings");
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_its_line() {
    let world = World::with_home();
    let file = world.path("torn.jsonl");
    std::fs::write(&file, "{\"alai_recording\":1}\n{\"hash\":\n{}\n").expect("written");
    let name = file.to_str().expect("a name");
    world
        .alai(["fleet", "replay", name])
        .exits(2)
        .says("line 2");
    world.alai(["fleet", "replay", "nowhere.jsonl"]).exits(2);
    let mut command = world.command(["fleet", "status"]);
    command.env("ALAI_RECORD", world.path("torn.jsonl").join("below"));
    run(command).exits(4).says("fleet.record");
}

#[test]
fn a_host_with_vectors_is_shown_and_asked_for_one() {
    let anvil = OllamaTwin::start(ollama::Behaviour::by(good).models([
        TwinModel::new("small", 8.0),
        TwinModel::new("vectors", 0.5).only(&["embedding"]),
    ]));
    let world = World::with_model_at("auto", &anvil.url());
    let listed = world.alai(["fleet", "models", "--json"]).exits(0).json();
    let mut lines = listed.as_array().expect("lines").iter();
    let line = lines
        .find(|line| line["model"] == "vectors")
        .expect("it is shown");
    assert_eq!(line["not_used"], "it makes vectors and no text");
    world
        .alai(["fleet", "probe"])
        .exits(0)
        .says("vectors  vectors on")
        .says("a vector of 8 numbers");
    let asked = anvil.requests();
    assert!(asked.iter().any(|seen| seen.path == "/api/embed"));
    // It is recorded as a call is.
    let recordings = world.path("recordings");
    let mut command = world.command(["fleet", "probe"]);
    command.env("ALAI_RECORD", &recordings);
    run(command).exits(0);
    let mut files = std::fs::read_dir(&recordings).expect("a folder");
    let file = files.next().expect("a recording").expect("a file").path();
    world
        .alai(["fleet", "replay", file.to_str().expect("a plain name")])
        .exits(0)
        .says("vectors of 1 texts  vectors on")
        .says("8 numbers each");
}
