//! What may be spent, from the settings to the bill. The recorded model is declared to be paid for, as any host can be; what it
//! would have cost is reckoned as for one that is.

use serde_json::{Value, json};

use crate::script::{Script, TITLE};
use crate::world::{Ran, Running, World};

const PAID: &str = "[money]\npaid_hosts = [\"scripted\"]\n";
const PRICED: &str =
    "[money.prices.scripted]\ninput = 3.0\noutput = 15.0\ncache_read = 0.3\ncache_write = 3.75\n";

/// A world whose recorded model is paid for, with these settings besides.
fn paid(script: &Script, settings: &str) -> World {
    let world = World::scripted("auto", script);
    set(&world, settings);
    world
}

/// Adds to the settings.
fn set(world: &World, more: &str) {
    let path = world.home().join("alai.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    let money = if text.contains("paid_hosts") {
        ""
    } else {
        PAID
    };
    std::fs::write(&path, format!("{text}\n{money}{more}\n")).expect("settings");
}

fn run(world: &World) -> Ran {
    world.alai(["minion", "run", TITLE, "--project", "tiny"])
}

/// A daemon that has the task to do.
fn enqueued(world: &World) -> Running {
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    world.up()
}

fn ends(world: &World, daemon: Running) {
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

fn why(world: &World) -> Value {
    world.json(["why", "1", "--json"])["why"].clone()
}

/// The bill of today and of yesterday: a test may run over midnight.
fn bill(world: &World, by: &str) -> Value {
    world.json(["fleet", "cost", "--days", "2", "--by", by, "--json"])
}

fn total(world: &World, of: &str) -> u64 {
    bill(world, "model")["report"]["total"][of]
        .as_u64()
        .expect("an amount")
}

#[test]
fn a_paid_model_without_a_price_is_not_called_and_the_line_that_is_missing_is_named() {
    let world = paid(&Script::good(), "");
    run(&world)
        .exits(7)
        .says("its price is not known")
        .says("[money.prices.\"scripted\"]");
    let told = why(&world);
    assert_eq!(told["rule"], "budget", "{told}");
    assert_eq!(told["owner"], "operator");
    assert!(told["deadline_ms"].is_i64(), "{told}");
    let task = &world.task(1)["view"]["task"];
    for counter in ["infra_attempts", "qa_retries", "escalations"] {
        assert_eq!(task["counters"][counter], 0, "{task}");
    }
    assert_eq!(total(&world, "calls"), 0);
    set(&world, PRICED);
    let daemon = world.up();
    world.until("it goes on by itself", |w| {
        (w.state(1) == "done").then_some(())
    });
    ends(&world, daemon);
    assert!(total(&world, "spent_microusd") > 0);
}

#[test]
fn a_cap_ends_a_run_before_the_call_that_could_pass_it_and_a_person_lets_it_go_on() {
    // The first call fits and the next does not: its longest answer alone may cost 12 cents.
    let world = paid(
        &Script::good(),
        &format!("{PRICED}[money.caps]\ntask = 0.14\n"),
    );
    run(&world)
        .exits(7)
        .says("the task cap of $0.14")
        .says("`alai fleet cap task 1 \"DOLLARS\"`");
    let runs = &world.task(1)["runs"];
    let outcome = runs[0]["outcome"].as_str().expect("an outcome");
    assert!(outcome.starts_with("cost_limit: "), "{outcome}");
    assert!(total(&world, "calls") > 0, "what fits is made");
    let spent = total(&world, "spent_microusd");
    assert!(spent <= 140_000, "{spent}");
    assert_eq!(total(&world, "reserved_microusd"), 0);
    let run_id = runs[0]["id"].as_str().expect("a run");
    let page = world.json(["minion", "show", run_id, "--json"]);
    assert!(page.to_string().contains("cost_limit"), "{page}");
    let daemon = world.up();
    world.alai(["fleet", "cap", "task", "1", "5"]).exits(0);
    world.until("it goes on by itself", |w| {
        (w.state(1) == "done").then_some(())
    });
    ends(&world, daemon);
    assert!(total(&world, "spent_microusd") > spent);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn the_bill_says_what_was_spent_and_what_is_left() {
    let world = paid(&Script::good(), PRICED);
    run(&world).exits(0);
    let bill = bill(&world, "task");
    let spent = bill["report"]["total"]["spent_microusd"]
        .as_u64()
        .expect("an amount");
    assert!(spent > 0);
    assert_eq!(bill["report"]["lines"][0]["key"], "1");
    assert_eq!(
        bill["report"]["total"]["simulated_microusd"], spent,
        "a recording's money is nobody's"
    );
    let left = bill["left_microusd"].as_u64().expect("an amount");
    let today = bill["today"]["spent"].as_u64().expect("an amount");
    assert_eq!(left + today, 25_000_000);
    for by in ["model", "task", "goal", "company", "day"] {
        let said = world
            .alai(["fleet", "cost", "--days", "2", "--by", by])
            .exits(0);
        for text in [
            "spent",
            "of it simulated",
            "left of $25.00",
            "call $1.00, task $5.00, lineage $10.00, goal $25.00",
            "1 of your own",
        ] {
            assert!(said.out.contains(text), "{text}: {said}");
        }
    }
    world.alai(["fleet", "cost", "--by", "moon"]).exits(2);
    world.alai(["fleet", "cap", "task", "1", "much"]).exits(2);
    world.alai(["fleet", "cap", "goal", "1", "5"]).exits(2);
    world.alai(["fleet", "cap", "task", "99", "5"]).exits(3);
    world.alai(["fleet", "settle", "nonsense", "1"]).exits(2);
    world.alai(["fleet", "settle", "0192f3c4/3", "1"]).exits(3);
}

#[test]
fn a_day_that_is_spent_begins_no_call_until_a_person_raises_it() {
    let world = paid(
        &Script::good(),
        &format!("{PRICED}[money.caps]\nday_warn = 0.001\nday_block = 0.14\n"),
    );
    run(&world).exits(7).says("the day cap of $0.14");
    let told = why(&world);
    let next = told["next_action"].as_str().expect("words");
    assert!(next.contains("`alai fleet cap day \"DOLLARS\"`"), "{next}");
    assert!(next.contains("00:00 UTC"), "{next}");
    let daemon = world.up();
    world.alai(["fleet", "cap", "day", "5"]).exits(0);
    world.until("it goes on by itself", |w| {
        (w.state(1) == "done").then_some(())
    });
    world
        .alai(["fleet", "cost"])
        .exits(0)
        .says("at $5.00, set by");
    ends(&world, daemon);
}

#[test]
fn an_outage_costs_nothing_and_goes_no_tier_up() {
    let down = json!({"fail": "unreachable"});
    let script = Script::good().with(
        json!({"kind": "build", "step": "plan"}),
        std::slice::from_ref(&down),
    );
    let world = paid(&script, PRICED);
    let daemon = enqueued(&world);
    let counters = world.until("it has failed", |w| {
        let counters = w.task(1)["view"]["task"]["counters"].clone();
        (counters["infra_attempts"] != 0).then_some(counters)
    });
    assert_eq!(counters["escalations"], 0, "{counters}");
    for amount in ["spent_microusd", "reserved_microusd", "unknown_microusd"] {
        assert_eq!(total(&world, amount), 0, "{amount}");
    }
    ends(&world, daemon);
}

#[test]
fn a_call_that_broke_off_is_unknown_until_a_person_says_what_it_cost() {
    let script = Script::good().with(
        json!({"kind": "build", "step": "plan"}),
        &[json!({"fail": "cut"})],
    );
    let world = paid(&script, PRICED);
    let daemon = enqueued(&world);
    world.until("a call is unknown", |w| {
        (total(w, "unknown_calls") > 0).then_some(())
    });
    world.alai(["mc", "cancel", "1"]).exits(0);
    ends(&world, daemon);
    let all = bill(&world, "model");
    let unknown = all["report"]["unknown"].as_array().expect("calls").clone();
    let worst = all["report"]["total"]["unknown_microusd"].as_u64();
    let calls = unknown.len() as u64;
    assert!(calls > 0 && worst > Some(calls * 122_880), "{all}");
    for call in &unknown {
        let named = format!("{}/{}", call["run"].as_str().expect("a run"), call["call"]);
        world.alai(["fleet", "settle", &named, "0.01"]).exits(0);
        world.alai(["fleet", "settle", &named, "0.02"]).exits(1);
    }
    assert_eq!(total(&world, "unknown_microusd"), 0);
    assert_eq!(total(&world, "spent_microusd"), calls * 10_000);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_subscription_s_calls_are_counted_by_list_price_and_not_spent() {
    let world = World::scripted("auto", &Script::good());
    let path = world.home().join("alai.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    let flat =
        format!("{text}\n[money]\nflat_hosts = [\"scripted\"]\n{PRICED}[money.caps]\ntask = 0\n");
    std::fs::write(&path, flat).expect("settings");
    run(&world).exits(0);
    assert_eq!(total(&world, "spent_microusd"), 0);
    assert!(total(&world, "list_equivalent_microusd") > 0);
}

#[test]
fn money_that_cannot_be_meant_is_refused_when_the_settings_are_read() {
    for (settings, words) in [
        ("[money.caps]\nweek = 1\n", "week"),
        ("[money.caps]\ntask = -1\n", "dollars from 0"),
        (
            "[money.caps]\nday_warn = 50\n",
            "day_warn, day_block and day_kill in this order",
        ),
        (
            "[money.prices.\"*\"]\ninput = 1\noutput = 1\n",
            "money.prices",
        ),
        ("[money.prices.m]\ninput = 1\n", "output"),
    ] {
        let world = World::with_home();
        std::fs::write(world.home().join("alai.toml"), settings).expect("settings");
        world.alai(["fleet", "cost"]).exits(4).says(words);
    }
}
