//! What moves work to a larger model and what does not: quality does, with what was found wrong; an outage moves it to another host
//! and costs nothing. And what is kept of a model that fumbles.

use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin, TwinModel};
use alai_testkit::openai::{self, OpenaiTwin};
use serde_json::{Value, json};

use crate::script::{TITLE, solution};
use crate::wire::{good, is_a_ping};
use crate::world::World;

fn builds(body: &Value) -> bool {
    let edits = |tool: &Value| tool["function"]["name"] == "edit";
    let tools = body["tools"].as_array();
    tools.is_some_and(|all| all.iter().any(edits))
}

fn twin(model: &str, answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> OllamaTwin {
    OllamaTwin::start(Behaviour::by(answer).models([TwinModel::new(model, 8.0)]))
}

fn fleet(small: &str, large: &str, more: &str) -> World {
    let world = World::with_project("auto");
    let settings = format!(
        "[fleet]\nclassify_seconds = 0\n\
         [[fleet.hosts]]\nname = \"anvil\"\ndialect = \"ollama\"\nurl = \"{small}\"\ntiers = [1, 2]\n\
         [[fleet.hosts]]\nname = \"forge\"\n{large}\ntiers = [3, 4, 5]\n{more}"
    );
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    world
}

fn ollama(twin: &OllamaTwin) -> String {
    format!("dialect = \"ollama\"\nurl = \"{}\"", twin.url())
}

/// Has the daemon do the task until it is in this state.
fn done_by_daemon(world: &World, state: &str) {
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    world.until(state, |w| (w.state(1) == state).then_some(()));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

fn counters(world: &World) -> Value {
    world.task(1)["view"]["task"]["counters"].clone()
}

fn models_of(world: &World) -> Vec<String> {
    let task = world.task(1);
    let runs = task["runs"].as_array().expect("runs").iter();
    runs.filter_map(|run| run["model"].as_str().map(str::to_owned))
        .collect()
}

fn learned(world: &World, model: &str) -> Value {
    let listed = world.alai(["fleet", "models", "--json"]).exits(0).json();
    let mut lines = listed.as_array().expect("lines").iter();
    let line = lines.find(|line| line["model"] == model);
    line.expect("a line")["learned"].clone()
}

/// Facts of the fleet, acceptance 14.
#[test]
fn a_quality_failure_goes_one_tier_up_with_what_was_found() {
    // It says that it is done and has done nothing, twice: the gate finds no change.
    let small = twin("small", |body| match builds(body) {
        true => Answer::calls(&[("done", json!({"status": "done", "summary": "Done."}))]),
        false => good(body),
    });
    let large = twin("large", good);
    let world = fleet(&small.url(), &ollama(&large), "");
    done_by_daemon(&world, "done");
    let counted = counters(&world);
    assert_eq!(
        (
            &counted["qa_retries"],
            &counted["escalations"],
            &counted["infra_attempts"]
        ),
        (&json!(2), &json!(1), &json!(0)),
        "{counted}"
    );
    assert_eq!(
        models_of(&world),
        ["small", "small", "large"],
        "first the findings, then the tier"
    );
    let task = world.task(1);
    let finding = task["view"]["task"]["findings"][0]
        .as_str()
        .expect("a finding");
    let shown = large.chats();
    let first = shown
        .iter()
        .find(|body| builds(body))
        .expect("it was asked")
        .to_string();
    let words: String = finding.chars().take(40).collect();
    let words = words.replace('"', "\\\"");
    assert!(first.contains(&words), "`{words}` is not in {first}");
    let choice = task["runs"][2]["choice"].as_str().unwrap_or_default();
    assert!(
        choice.contains("1 tier(s) up, because of what was found wrong"),
        "{choice}"
    );
}

#[test]
fn a_model_that_cannot_make_a_call_goes_one_tier_up_at_once_and_is_counted() {
    let small = twin("small", |body| {
        match builds(body) || body["format"].get("anyOf").is_some() {
            true => Answer::calls(&[("conjure", json!({}))]),
            false => good(body),
        }
    });
    let large = twin("large", good);
    let world = fleet(&small.url(), &ollama(&large), "");
    done_by_daemon(&world, "done");
    let counted = counters(&world);
    assert_eq!(
        (&counted["qa_retries"], &counted["escalations"]),
        (&json!(1), &json!(1)),
        "{counted}"
    );
    assert_eq!(models_of(&world), ["small", "large"]);
    // Asked again with the exact error, three times at most, and then once held to the form.
    let asked = small.chats().into_iter().filter(builds).count();
    assert_eq!(asked, 3, "it was told what was wrong");
    let said = learned(&world, "small");
    assert!(said["malformed"].as_u64() >= Some(3), "{said}");
    assert_eq!(learned(&world, "large")["malformed"], 0);
    let shown = world.alai(["fleet", "models"]).exits(0);
    shown.says("turns malformed");
}

/// Facts of the fleet, acceptance 14: five outages in a row cost nothing.
#[test]
fn outages_move_nothing_up_a_tier_and_cost_nothing() {
    // It is there when it is looked at, and dies of each call.
    let small = twin("small", |body| match is_a_ping(body) {
        true => good(body),
        false => Answer::error(500, "the runner has died"),
    });
    let outages = || {
        let mut chats = small.chats();
        chats.retain(|body| !is_a_ping(body));
        chats.len()
    };
    let cloud = OpenaiTwin::start(openai::Behaviour {
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        ..openai::Behaviour::by(|_| openai::Answer::text("never asked"))
    });
    let large = format!("dialect = \"openai\"\nurl = \"{}\"", cloud.url());
    let paid = format!(
        "[money]\npaid_hosts = [\"{}\"]\n[money.prices.large]\ninput = 1.0\noutput = 2.0\n",
        cloud.url()
    );
    let world = fleet(&small.url(), &large, &paid);
    // One outage of each: nobody waits for the pause between two attempts.
    for number in 1..=5 {
        let title = format!("{TITLE} {number}");
        world
            .alai(["minion", "enqueue", &title, "--project", "tiny"])
            .exits(0);
    }
    let daemon = world.up();
    world.until("five outages", |_| (outages() >= 5).then_some(()));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    assert!(cloud.chats().is_empty(), "an outage is no reason to pay");
    let cost = world.json(["fleet", "cost", "--days", "2", "--json"]);
    assert_eq!(cost["report"]["total"]["spent_microusd"], 0, "{cost}");
    for task in 1..=5 {
        let counters = &world.task(task)["view"]["task"]["counters"];
        assert_eq!(
            (&counters["escalations"], &counters["qa_retries"]),
            (&json!(0), &json!(0)),
            "{counters}"
        );
    }
}

/// A call in the form that models without tools are told.
fn tagged(name: &str, arguments: &Value) -> Answer {
    let fields = arguments.as_object().into_iter().flatten();
    let fields: String = fields
        .map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            format!("<parameter={key}>\n{value}\n</parameter>\n")
        })
        .collect();
    Answer::text(&format!("Now.\n<function={name}>\n{fields}</function>"))
}

#[test]
fn a_model_whose_host_refuses_tools_falls_back_to_text_and_the_run_says_so() {
    let steps = std::sync::atomic::AtomicUsize::new(0);
    let small = twin("small", move |body| {
        if !body["format"].is_null() || is_a_ping(body) {
            return good(body);
        }
        if body["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty())
        {
            return Answer::error(
                400,
                "registry.ollama.ai/library/small does not support tools",
            );
        }
        let calls = solution(TITLE);
        match calls.get(steps.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
            Some(call) => tagged(
                call["name"].as_str().unwrap_or_default(),
                &call["arguments"],
            ),
            None => tagged(
                "done",
                &json!({"status": "done", "summary": "Done, and a test shows it."}),
            ),
        }
    });
    let large = twin("large", good);
    let world = fleet(&small.url(), &ollama(&large), "");
    done_by_daemon(&world, "done");
    assert_eq!(models_of(&world), ["small"], "a fall-back is no escalation");
    let run = &world.task(1)["runs"][0];
    let pipeline = run["pipeline"].as_str().unwrap_or_default();
    assert!(
        pipeline.starts_with("ollama-tool -> ollama-simple: "),
        "{run}"
    );
    world
        .alai(["mc", "show", "1", "--explain"])
        .exits(0)
        .says("ollama-tool -> ollama-simple");
}

#[test]
fn what_is_learned_of_a_model_is_there_after_a_restart() {
    let small = twin("small", good);
    let large = twin("large", good);
    let world = fleet(&small.url(), &ollama(&large), "");
    assert_eq!(learned(&world, "small"), Value::Null);
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let first = learned(&world, "small");
    assert!(
        first["milli_chars_per_token"].as_u64() >= Some(1_000),
        "{first}"
    );
    let turns = first["turns"].as_u64().expect("turns");
    assert!(turns > 0, "{first}");
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let second = learned(&world, "small");
    assert!(second["turns"].as_u64() > Some(turns), "{second}");
    world
        .alai(["fleet", "models"])
        .exits(0)
        .says("characters a token");
}

#[test]
fn how_long_runs_took_is_known_after_a_restart_and_a_damaged_file_is_named() {
    let small = twin("small", good);
    let large = twin("large", good);
    let world = fleet(&small.url(), &ollama(&large), "");
    let took = || {
        let lines = world.alai(["fleet", "models", "--json"]).exits(0).json();
        let mut lines = lines.as_array().expect("models").iter();
        let line = lines.find(|line| line["model"] == "small").cloned();
        line.expect("a line")["took"].clone()
    };
    assert_eq!(took(), serde_json::json!([]));
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let a_build = |took: &Value| {
        let mut all = took.as_array().into_iter().flatten();
        all.any(|took| took["what"] == "build" && took["ms"].as_i64() > Some(0))
    };
    let first = took();
    assert!(a_build(&first), "{first}");
    world.alai(["fleet", "models"]).exits(0).says("build ");
    let daemon = world.up();
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(
        took(),
        first,
        "a daemon that did nothing has forgotten nothing"
    );
    std::fs::write(world.home().join("cache/speeds.json"), "{\"runs\":").expect("written");
    world
        .alai(["fleet", "models"])
        .exits(0)
        .says("speeds.json is not used");
    let daemon = world.up();
    daemon.says("speeds.json is not used");
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    world.until("it is done", |w| (w.state(2) == "done").then_some(()));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    let anew = took();
    assert!(a_build(&anew), "{anew}");
}
