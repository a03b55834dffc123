//! Several model hosts: how they are found and shown, where work goes when one is lost, and how far a project's code may go.

use std::path::Path;

use alai_testkit::ollama::{self, OllamaTwin};
use alai_testkit::openai::{self, OpenaiTwin};
use serde_json::{Value, json};

use crate::script::TITLE;
use crate::wire::{Good, asks_for_a_class, good, good_said};
use crate::world::{Ran, World, run};

const KEY: &str = "sk-canary-4f1d-nobody-writes-this-down";

/// A good worker behind llama-server.
pub(crate) fn good_openai(body: &Value) -> openai::Answer {
    match good_said(body, &body["response_format"]["json_schema"]["schema"]) {
        Good::Text(text) => openai::Answer::text(&text.to_string()),
        Good::Calls(calls) => openai::Answer::Calls(calls),
    }
}

fn llama_server(key: Option<&str>) -> OpenaiTwin {
    OpenaiTwin::start(openai::Behaviour {
        key: key.map(str::to_owned),
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        ..openai::Behaviour::by(good_openai)
    })
}

pub(crate) fn host(name: &str, dialect: &str, url: &str, more: &str) -> String {
    format!(
        "[[fleet.hosts]]\nname = \"{name}\"\ndialect = \"{dialect}\"\nurl = \"{url}\"\n{more}\n"
    )
}

/// A world with a project and these settings.
pub(crate) fn world(settings: &str) -> World {
    let world = World::with_project("auto");
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    world
}

fn minion_run(world: &World, key: Option<&str>) -> Ran {
    let mut command = world.command(["minion", "run", TITLE, "--project", "tiny"]);
    command.envs(key.map(|key| ("FORGE_KEY", key)));
    run(command)
}

/// A host's line of `fleet status --json`.
pub(crate) fn line<'l>(lines: &'l Value, name: &str) -> &'l Value {
    let mut lines = lines.as_array().expect("lines").iter();
    lines
        .find(|line| line["host"] == name)
        .unwrap_or_else(|| panic!("no line of {name}"))
}

/// Every file of a home, as bytes.
fn files(dir: &Path, see: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            files(&path, see);
        } else if kind.is_file() {
            see(&path, &std::fs::read(&path).expect("a file"));
        }
    }
}

#[test]
fn a_llama_server_with_a_key_does_the_work_and_the_key_is_written_nowhere() {
    let forge = llama_server(Some(KEY));
    let world = world(&host(
        "forge",
        "openai",
        &forge.url(),
        "key_env = \"FORGE_KEY\"",
    ));
    // Without its key the host is down, and says which variable is missing.
    let down = world.alai(["fleet", "status"]).exits(8);
    assert!(down.out.contains("FORGE_KEY"), "{down}");
    minion_run(&world, Some(KEY)).exits(0);
    let run = &world.json(["minion", "list", "--json"]);
    assert_eq!(
        (&run["model"], &run["mode"]),
        (&json!("large"), &json!("real"))
    );
    let bearer = format!("Bearer {KEY}");
    let chats = forge.requests();
    assert!(
        chats
            .iter()
            .any(|seen| seen.headers.get("authorization") == Some(&bearer)),
        "it was sent"
    );
    let mut seen = 0;
    files(&world.home(), &mut |path, bytes| {
        seen += 1;
        let there = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
        assert!(!there, "the key stands in {}", path.display());
    });
    assert!(seen > 20, "a home has files");
}

#[test]
fn hosts_models_and_tiers_are_shown_as_they_answer_now() {
    let anvil = OllamaTwin::start(ollama::Behaviour::by(good).models([
        ollama::TwinModel::new("tiny", 4.0),
        ollama::TwinModel::new("big", 32.0),
    ]));
    let forge = llama_server(None);
    let settings = host("anvil", "ollama", &anvil.url(), "slots = 1\ntiers = [1, 2]")
        + &host("forge", "openai", &forge.url(), "tiers = [3, 4, 5]");
    let world = world(&settings);
    let status = world.alai(["fleet", "status", "--json"]).exits(0).json();
    let (anvil_line, forge_line) = (line(&status, "anvil"), line(&status, "forge"));
    assert_eq!(
        (
            &anvil_line["up"],
            &anvil_line["models"],
            &anvil_line["slots"]
        ),
        (&json!(true), &json!(2), &json!(1))
    );
    // What the server says of itself.
    assert_eq!(
        (
            &forge_line["slots"],
            &forge_line["near"],
            &forge_line["free"]
        ),
        (&json!(2), &json!(true), &json!(true))
    );
    // The default place was named by OLLAMA_HOST and is shut: it is shown and keeps nobody from working.
    assert_eq!(line(&status, "ollama")["up"], false);
    let shown = world.alai(["fleet", "status"]).exits(0);
    assert!(
        shown.out.contains("first choice of tiers 3, 4, 5"),
        "{shown}"
    );
    let listed = world.alai(["fleet", "models", "--json"]).exits(0).json();
    let of = |model: &str| {
        let mut lines = listed.as_array().expect("lines").iter();
        lines.find(|line| line["model"] == model).expect("a line")["stands"].clone()
    };
    assert_eq!(
        of("tiny"),
        json!([{"tier": 1, "place": 1}, {"tier": 2, "place": 2}])
    );
    assert_eq!(
        of("large"),
        json!([{"tier": 3, "place": 1}, {"tier": 4, "place": 1}, {"tier": 5, "place": 1}])
    );
    let before = forge.chats().len();
    let heard = world.alai(["fleet", "probe", "--json"]).exits(0).json();
    let tiers: Vec<_> = heard
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| {
            (
                line["tier"].clone(),
                line["model"].clone(),
                line["error"].clone(),
            )
        })
        .collect();
    let line = |tier: u8, model: &str| (json!(tier), json!(model), Value::Null);
    assert_eq!(
        tiers,
        [
            line(1, "tiny"),
            line(2, "big"),
            line(3, "large"),
            line(4, "large"),
            line(5, "large")
        ]
    );
    assert_eq!(forge.chats().len() - before, 1, "one word a model");
}

#[test]
fn a_host_that_is_lost_moves_work_sideways_and_never_up() {
    let lost = OllamaTwin::start(ollama::Behaviour::by(|body| match asks_for_a_class(body) {
        true => good(body),
        false => ollama::Answer::error(500, "the runner has died"),
    }));
    // No load stands before work here, so it is the first choice.
    lost.somebody_holds("small", Some(4_800_000_000));
    let forge = llama_server(None);
    let settings = host("lost", "ollama", &lost.url(), "tiers = [1, 2, 3]")
        + &host("forge", "openai", &forge.url(), "tiers = [1, 2, 3]");
    let world = world(&settings);
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    // The lost run costs an attempt of the machine, and the next one goes elsewhere.
    world.until("the task is done", |world| {
        (world.state(1) == "done").then_some(())
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    let task = world.task(1);
    let counters = &task["view"]["task"]["counters"];
    assert_eq!(
        (&counters["escalations"], &counters["infra_attempts"]),
        (&json!(0), &json!(1)),
        "{task}"
    );
    assert!(!lost.chats().is_empty(), "it was tried first");
    let cost = world.json(["fleet", "cost", "--days", "2", "--json"]);
    assert_eq!(cost["report"]["total"]["spent_microusd"], 0, "{cost}");
}

#[test]
fn code_of_a_local_project_reaches_no_model_elsewhere() {
    let forge = llama_server(None);
    let outside = forge.url();
    let priced = format!(
        "[money]\npaid_hosts = [\"{outside}\"]\n[money.prices.large]\ninput = 1.0\noutput = 2.0\n"
    );
    let settings = host("forge", "openai", &outside, "tiers = [1, 2, 3, 4, 5]") + &priced;
    let world = world(&settings);
    world
        .alai(["project", "set", "tiny", "--local-only", "true"])
        .exits(0)
        .says("your own machines alone");
    minion_run(&world, None).exits(6).says("local_only");
    assert!(forge.chats().is_empty(), "nothing was sent there");
    world
        .alai(["project", "set", "tiny", "--local-only", "false"])
        .exits(0);
    minion_run(&world, None).exits(0);
    assert!(!forge.chats().is_empty());
}

/// A host that takes a call and says nothing: how long that is waited for stands in the settings.
#[test]
fn how_long_a_phase_of_a_call_may_take_is_said_in_the_settings() {
    let mute = ollama::Behaviour::by(|body| good(body).held());
    let mute = OllamaTwin::start(mute.hearing_first_words());
    let bound = "timeouts = { first_token_s = 1 }";
    let world = world(&host("anvil", "ollama", &mute.url(), bound));
    let probed = world.alai(["fleet", "probe"]);
    assert_ne!(probed.code, 0, "{probed}");
    probed
        .says("nothing arrived for 1 s before the first token")
        .says("raise `first_token_s` or `between_tokens_s` in its `timeouts`");
    let none = "timeouts = { first_token_s = 0 }";
    std::fs::write(
        world.home().join("alai.toml"),
        host("anvil", "ollama", &mute.url(), none),
    )
    .expect("the settings");
    let refused = world.alai(["fleet", "status"]);
    assert_ne!(refused.code, 0, "{refused}");
    refused.says("timeouts.first_token_s = 0");
}

#[test]
fn a_host_that_costs_money_fills_no_tier_that_nobody_gave_it() {
    let forge = llama_server(None);
    let outside = forge.url();
    let settings =
        host("forge", "openai", &outside, "") + &format!("[money]\npaid_hosts = [\"{outside}\"]\n");
    let world = world(&settings);
    minion_run(&world, None).exits(6).says("costs money fills");
    assert!(forge.chats().is_empty());
}
