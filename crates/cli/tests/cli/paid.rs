//! What broken answers of a paid host cost, from its wire to the bill.

use std::sync::atomic::{AtomicUsize, Ordering};

use alai_testkit::openai::{Answer, Behaviour, OpenaiTwin, Vice};
use serde_json::{Value, json};

use crate::script::TITLE;
use crate::wire::{Good, good_said};
use crate::world::{Ran, World};

fn good(body: &Value) -> Answer {
    match good_said(body, &body["response_format"]["json_schema"]["schema"]) {
        Good::Text(text) => Answer::text(&text.to_string()),
        Good::Calls(calls) => Answer::Calls(calls),
    }
}

/// A paid host whose first answer to a request with tools is this one.
fn host(first: Answer) -> OpenaiTwin {
    let asked = AtomicUsize::new(0);
    OpenaiTwin::start(Behaviour {
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        ..Behaviour::by(move |body| {
            let has_tools = body["tools"].as_array().is_some_and(|all| !all.is_empty());
            match has_tools && asked.fetch_add(1, Ordering::SeqCst) == 0 {
                true => first.clone(),
                false => good(body),
            }
        })
    })
}

fn world(twin: &OpenaiTwin, caps: &str) -> World {
    let world = World::with_project("auto");
    let url = twin.url();
    let settings = format!(
        "[[fleet.hosts]]\nname = \"far\"\ndialect = \"openai\"\nurl = \"{url}\"\ntiers = [1, 2, 3, 4, 5]\n\
         [money]\npaid_hosts = [\"{url}\"]\n\
         [money.prices.large]\ninput = 3.0\noutput = 15.0\n\
         [money.prices.small]\ninput = 3.0\noutput = 15.0\n[money.caps]\n{caps}\n"
    );
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    world
}

fn run(world: &World) -> Ran {
    world.alai(["minion", "run", TITLE, "--project", "tiny"])
}

fn total(world: &World) -> Value {
    let bill = world.json(["fleet", "cost", "--days", "2", "--json"]);
    bill["report"]["total"].clone()
}

#[test]
fn an_answer_that_was_counted_and_is_none_is_paid_as_it_was_counted() {
    let broken = Answer::Calls(vec![("read".to_owned(), json!("no object at all"))]);
    let far = host(broken);
    let world = world(&far, "");
    run(&world);
    let total = total(&world);
    assert_eq!(total["unknown_microusd"], 0, "{total}");
    // Each answer of the host is in the bill, the broken one among them.
    assert_eq!(total["calls"], far.chats().len(), "{total}");
    assert!(total["spent_microusd"].as_u64() > Some(0));
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_request_that_went_out_and_was_lost_is_unknown_and_not_free() {
    for lost in [
        Answer::text("").but(Vice::Hangs),
        Answer::text("").but(Vice::Status(502, json!({"error": "bad gateway"}), None)),
        Answer::text("").but(Vice::Status(504, json!({"error": "timed out"}), None)),
    ] {
        let far = host(lost.clone());
        let world = world(&far, "");
        run(&world);
        let total = total(&world);
        assert_eq!(total["unknown_calls"], 1, "{lost:?}: {total}");
        // Its longest answer alone.
        assert!(
            total["unknown_microusd"].as_u64() > Some(120_000),
            "{total}"
        );
        world.alai(["mc", "fsck"]).exits(0);
    }
}

#[test]
fn an_error_of_the_host_s_own_still_costs_nothing() {
    let refused = Answer::error(500, "server_error", "out of memory");
    let far = host(refused);
    let world = world(&far, "");
    run(&world);
    let total = total(&world);
    assert_eq!(total["unknown_calls"], 0, "{total}");
}

#[test]
fn a_call_that_may_ask_twice_holds_both_answers() {
    // A host without tools: they are told in text, where a stop word can end an answer too early.
    let far = OpenaiTwin::start(Behaviour {
        tools: false,
        models: vec!["large".to_owned()],
        n_ctx: 32_768,
        ..Behaviour::by(good)
    });
    // One longest answer is 12 cents, two are 24.
    let world = world(&far, "call = 0.2");
    run(&world).exits(7).says("the call cap of $0.20");
    let refused = world.json(["why", "1", "--json"]).to_string();
    let worst = refused.split("may cost $").nth(1).expect("an amount");
    let worst: f64 = worst
        .split('"')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("dollars");
    assert!(worst > 0.24, "{worst}");
}

#[test]
fn the_bill_names_what_a_verifier_may_cost() {
    let far = host(Answer::text("hm"));
    let world = world(&far, "verifier_call = 0.1");
    let shown = world.alai(["fleet", "cost"]).exits(0);
    for text in ["verifier's call $0.10", "verifier's task $1.00"] {
        assert!(shown.out.contains(text), "{text}: {shown}");
    }
}
