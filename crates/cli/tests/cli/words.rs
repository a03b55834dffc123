//! A host that lists its model and generates nothing: its tier waits for a person, and `alai fleet status` says why.

use alai_testkit::openai::{Answer, Behaviour, OpenaiTwin};

use crate::hosts::{good_openai, host, world};
use crate::script::TITLE;
use crate::wire::is_a_ping;

fn twin(mute: bool) -> OpenaiTwin {
    OpenaiTwin::start(Behaviour {
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        slots: 3,
        ..Behaviour::by(move |body| match mute && is_a_ping(body) {
            true => Answer::text(""),
            false => good_openai(body),
        })
    })
}

#[test]
fn a_host_that_lists_its_model_and_says_nothing_is_found_and_its_tier_waits() {
    let mute = twin(true);
    let world = world(&host("forge", "openai", &mute.url(), "slots = 2"));
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    let why = world.until("its task waits", |w| {
        let told = w.json(["why", "1", "--json"])["why"].clone();
        (told["rule"] == "no_model").then(|| told.to_string())
    });
    assert!(why.contains("says no word"), "{why}");
    world
        .alai(["fleet", "status"])
        .exits(0)
        .says("large gets no work, since")
        .says("the model generated nothing")
        .says("2 slots of its 3");
    let status = world.json(["fleet", "status", "--json"]);
    let word = &status[1]["schedule"]["words"][0];
    assert_eq!(word["model"], "large", "{status}");
    assert!(
        word["latency_ms"].is_null() && word["error"].is_string(),
        "{status}"
    );
    assert!(mute.chats().iter().all(is_a_ping), "no run was given to it");
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn what_a_model_said_and_the_servers_own_slots_are_shown() {
    let fine = twin(false);
    let world = world(&host("forge", "openai", &fine.url(), ""));
    let daemon = world.up();
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    world.until("it is done", |w| (w.state(1) == "done").then_some(()));
    world
        .alai(["fleet", "status"])
        .exits(0)
        .says("large said a word")
        .says("3 slots by its own word");
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}
