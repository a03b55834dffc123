//! Where runs are placed by a real daemon on twins of Ollama that hold their models in a real memory: loads before work, models that make
//! room by word, a full host beside an idle one, a kill in the middle of a load, and what cannot fit.

use alai_testkit::ollama::{Behaviour, OllamaTwin, Turn, TwinModel};
use alai_testkit::openai::{self, OpenaiTwin, Router};
use serde_json::Value;

use crate::hosts::{good_openai, host, world};
use crate::script::{CHECK, TITLE};
use crate::wire::good;
use crate::world::World;

const GB: u64 = 1_000_000_000;

fn twin(memory: u64, slots: usize, models: &[(&str, f64)], held: bool) -> OllamaTwin {
    let answer = move |body: &Value| match held {
        true => good(body).held(),
        false => good(body),
    };
    let models = models
        .iter()
        .map(|(name, billions)| TwinModel::new(name, *billions));
    OllamaTwin::start(Behaviour::by(answer).models(models).sized(memory, slots))
}

fn add(world: &World, title: &str, model: &str) {
    let args = ["mc", "add", title, "--project", "tiny", "--model", model];
    world.alai(args).exits(0);
}

fn goes_down(world: &World, daemon: crate::world::Running) {
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

fn position(turns: &[Turn], wanted: &Turn) -> usize {
    let at = turns.iter().position(|turn| turn == wanted);
    at.unwrap_or_else(|| panic!("{wanted:?} is not in {turns:?}"))
}

#[test]
fn one_task_is_merged_and_its_model_makes_room_for_that_of_the_next() {
    let forge = twin(45 * GB, 1, &[("small", 8.0), ("large", 70.0)], false);
    let world = world(&host(
        "forge",
        "ollama",
        &forge.url(),
        "slots = 1\nmemory_gb = 45",
    ));
    let args = [
        "mc",
        "add",
        TITLE,
        "--project",
        "tiny",
        "--model",
        "5",
        "--check",
        CHECK,
    ];
    world.alai(args).exits(0);
    let daemon = world.up();
    world.until("it is merged", |w| {
        (w.titles("main") == [TITLE, "Import"]).then_some(())
    });
    add(&world, "Second", "2");
    world.until("the small one is at work", |_| {
        forge
            .turns()
            .contains(&Turn::Chat("small".into()))
            .then_some(())
    });
    goes_down(&world, daemon);
    let turns = forge.turns();
    assert!(forge.bytes_most() <= 45 * GB, "{turns:?}");
    assert!(
        !turns.iter().any(|turn| matches!(turn, Turn::Evicted(_))),
        "{turns:?}"
    );
    let (large, small) = ("large".to_owned(), "small".to_owned());
    assert!(
        position(&turns, &Turn::Loaded(large.clone()))
            < position(&turns, &Turn::Chat(large.clone()))
    );
    assert!(
        position(&turns, &Turn::Unloaded(large)) < position(&turns, &Turn::Loads(small)),
        "{turns:?}"
    );
    assert_eq!(forge.reloads(), 0, "one profile for loads and calls");
}

#[test]
fn a_full_host_passes_work_to_an_idle_one_and_both_are_shown() {
    let (forge, anvil) = (
        twin(100 * GB, 1, &[("small", 8.0)], true),
        twin(100 * GB, 1, &[("small", 8.0)], true),
    );
    let settings = format!(
        "slots = 3\n{}{}",
        host(
            "forge",
            "ollama",
            &forge.url(),
            "slots = 1\nmemory_gb = 100"
        ),
        host(
            "anvil",
            "ollama",
            &anvil.url(),
            "slots = 1\nmemory_gb = 100"
        )
    );
    let world = world(&settings);
    for title in ["First", "Second", "Third"] {
        add(&world, title, "2");
    }
    let daemon = world.up();
    forge.await_chats(1);
    anvil.await_chats(1);
    let why = world.until("the scheduler has looked at the third one", |w| {
        let why = w.json(["why", "3", "--json"])["why"].clone();
        (why["rule"] == "host_limit").then_some(why)
    });
    let said = why["text"].as_str().expect("a text");
    assert!(said.contains("has 1 run(s), its limit"), "{said}");
    let status = world.alai(["fleet", "status"]).exits(0);
    for words in [
        "1 of 1 runs (its own `slots` counts)",
        "loaded small",
        "2 of 3 runs in all, 1 task(s) wait",
    ] {
        assert!(status.out.contains(words), "`{words}` is not in {status}");
    }
    let lines = world.alai(["fleet", "status", "--json"]).exits(0).json();
    let runs = lines.as_array().expect("lines").iter();
    let runs: Vec<&Value> = runs
        .map(|l| &l["schedule"]["runs"])
        .filter(|r| !r.is_null())
        .collect();
    assert_eq!(runs, [&Value::from(1), &Value::from(1)]);
    forge.release();
    anvil.release();
    world.until("all three are built", |w| {
        (1..=3)
            .all(|id| !["open", "started"].contains(&w.state(id).as_str()))
            .then_some(())
    });
    goes_down(&world, daemon);
    assert!(forge.in_flight_most() <= 1 && anvil.in_flight_most() <= 1);
}

#[test]
fn a_kill_while_a_model_is_loaded_loses_nothing_and_the_next_daemon_loads_it() {
    let forge = twin(100 * GB, 1, &[("small", 8.0)], false);
    forge.loads_stand_still(true);
    let world = world(&host(
        "forge",
        "ollama",
        &forge.url(),
        "slots = 1\nmemory_gb = 100",
    ));
    add(&world, TITLE, "2");
    let daemon = world.up();
    let waited = |turn: Turn| {
        world.until("the twin has seen it", |_| {
            forge.turns().contains(&turn).then_some(())
        })
    };
    waited(Turn::Loads("small".into()));
    let why = world.until("its reason is told", |w| {
        let why = w.json(["why", "1", "--json"])["why"].clone();
        (why["rule"] == "fleet").then_some(why)
    });
    assert!(
        why["text"]
            .as_str()
            .is_some_and(|t| t.contains("small is being loaded on forge")),
        "{why}"
    );
    daemon.signal(libc::SIGKILL);
    daemon.ends().exits(128 + libc::SIGKILL);
    // Its connection is closed, and Ollama ends a load that nobody waits for.
    waited(Turn::LoadAborted("small".into()));
    assert_eq!(
        world.task(1)["runs"].as_array().map(Vec::len),
        Some(0),
        "no run was begun for it"
    );
    forge.loads_stand_still(false);
    let daemon = world.up();
    world.until("it is done", |w| (w.state(1) == "done").then_some(()));
    goes_down(&world, daemon);
}

#[test]
fn a_placement_that_cannot_fit_is_refused_with_the_arithmetic() {
    let forge = twin(256 * GB, 1, &[("qwen", 8.0), ("kimi", 400.0)], false);
    let url = forge.url();
    let kept = |gb: u32| {
        format!(
            "slots = 1\nmemory_gb = {gb}\nmodels = {{ kimi = {{ gb = 240, keep = true }}, qwen = {{ gb = 22.5 }} }}"
        )
    };
    // What the settings say themselves is refused when they are read.
    let world = world(&host("forge", "ollama", &url, &kept(256)));
    for command in [["fleet", "status"].as_slice(), &["up"]] {
        let ran = world.alai(command);
        assert_ne!(ran.code, 0, "{ran}");
        ran.says("qwen 22.5 GB + kimi 240.0 GB at once = 262.5 GB, 6.5 GB more than the 256.0 GB");
    }
    // What only the host knows, when it answers: there the file of qwen has 4.8 GB.
    let told = "slots = 1\nmemory_gb = 244\nmodels = { kimi = { keep = true } }";
    std::fs::write(
        world.home().join("alai.toml"),
        host("forge", "ollama", &url, told),
    )
    .expect("the settings");
    let shown = world.alai(["fleet", "status"]).exits(0);
    assert!(shown.out.contains("not used: forge cannot hold"), "{shown}");
    shown.says("qwen 4.8 GB + kimi 240.0 GB at once = 244.8 GB");
    std::fs::write(
        world.home().join("alai.toml"),
        host("forge", "ollama", &url, &kept(264)),
    )
    .expect("the settings");
    world.alai(["fleet", "status"]).exits(0);
}

/// llama-server with several models: one makes room for the other by word, and no request loads anything.
#[test]
fn the_models_of_a_router_are_loaded_by_word_and_make_room() {
    let forge = OpenaiTwin::start(openai::Behaviour {
        models: vec!["small-8b".to_owned(), "large-70b".to_owned()],
        n_ctx: 32_768,
        router: Some(Router {
            looks: 1,
            autoload: true,
            ..Router::default()
        }),
        ..openai::Behaviour::by(good_openai)
    });
    let more = "slots = 1\nmemory_gb = 45\ntiers = [1, 2, 3, 4, 5]\n\
        models = { \"small-8b\" = { gb = 6.0 }, \"large-70b\" = { gb = 42.0 } }";
    let world = world(&host("forge", "openai", &forge.url(), more));
    let turns = || forge.turns();
    let at_work = |model: &str| {
        let chat = openai::Turn::Chat(model.to_owned());
        turns().contains(&chat).then_some(())
    };
    add(&world, TITLE, "forge:large-70b");
    let daemon = world.up();
    world.until("the large one is at work", |_| at_work("large-70b"));
    add(&world, "Second", "forge:small-8b");
    world.until("the small one is at work", |_| at_work("small-8b"));
    goes_down(&world, daemon);
    let turns = turns();
    let place = |wanted: &openai::Turn| {
        let at = turns.iter().position(|turn| turn == wanted);
        at.unwrap_or_else(|| panic!("{wanted:?} is not in {turns:?}"))
    };
    let (large, small) = ("large-70b".to_owned(), "small-8b".to_owned());
    assert!(
        place(&openai::Turn::Loaded(large.clone())) < place(&openai::Turn::Chat(large.clone())),
        "{turns:?}"
    );
    assert!(
        place(&openai::Turn::Unloaded(large)) < place(&openai::Turn::Loads(small)),
        "{turns:?}"
    );
    let unasked = |turn: &openai::Turn| matches!(turn, openai::Turn::LoadsUnasked(_));
    assert!(!turns.iter().any(unasked), "{turns:?}");
}
