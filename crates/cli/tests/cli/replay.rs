//! Recording real calls, and doing the same work once more with nothing but the recording.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use alai_testkit::ollama::{self, OllamaTwin, TwinModel};
use alai_testkit::openai::{self, OpenaiTwin};
use serde_json::{Value, json};

use crate::script::TITLE;
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
}
