//! What works side by side on one repository: what a plan declares and what was changed before, and what a person is told of work that waits for it.

use alai_testkit::ollama::{Behaviour, OllamaTwin};
use serde_json::Value;

use crate::script::{Script, reject, small};
use crate::wire::held_at_work;
use crate::world::World;

const SPEC: &str = "spec: |\n  # Numbers\n\n  All are said.\ntasks:\n";

/// The builds of a plan are tasks 3 and the next ones.
fn plan(world: &World, slots: usize, tasks: &[(&str, &str)]) {
    let tasks = tasks.iter().map(|(name, with)| {
        format!("  - {{key: {name}, title: Say {name}, description: With a test., {with}}}\n")
    });
    let plan: String = tasks.collect();
    std::fs::write(world.path("plan.yaml"), format!("{SPEC}{plan}")).expect("a plan");
    let settings = world.home().join("alai.toml");
    let said = std::fs::read_to_string(&settings).unwrap_or_default();
    std::fs::write(settings, format!("slots = {slots}\n{said}")).expect("the settings");
}

const START: [&str; 6] = [
    "start",
    "Say numbers",
    "--project",
    "tiny",
    "--plan",
    "plan.yaml",
];

fn script() -> Script {
    ["one", "two", "three"]
        .iter()
        .fold(Script::good(), |script, name| {
            script.builds(&format!("Say {name}"), &small(name))
        })
}

/// When the first run of a task began and ended, in milliseconds since the Unix epoch.
fn first_run(world: &World, task: i64) -> (i64, i64) {
    let shown = world.task(task);
    let run = &shown["runs"][0];
    let at = |key: &str| {
        run[key]
            .as_i64()
            .unwrap_or_else(|| panic!("{key} of {run}"))
    };
    (at("started_ms"), at("ended_ms"))
}

fn merged_ms(world: &World, task: i64) -> i64 {
    let shown = world.task(task);
    let events = shown["history"].as_array().expect("a history");
    let merged = events.iter().find(|event| event["kind"] == "integrated");
    let at = merged.and_then(|event| event["at_ms"].as_i64());
    at.unwrap_or_else(|| panic!("#{task} is merged: {shown}"))
}

#[test]
fn two_that_meet_are_built_one_after_the_other_and_a_third_beside_the_first() {
    let world = World::scripted("auto", &script());
    let tasks = [
        ("one", "paths: [one.sh]"),
        ("two", "paths: ['*.sh']"),
        ("three", "paths: [tests/three.sh]"),
    ];
    plan(&world, 2, &tasks);
    world.alai(START.into_iter().chain(["--wait"])).exits(0);
    let [one, two, three] = [3, 4, 5].map(|task| first_run(&world, task));
    assert!(
        two.0 >= merged_ms(&world, 3),
        "the second begins from what the first has merged"
    );
    assert!(
        three.0 <= one.1,
        "the third has gone before it, beside the first"
    );
    for task in [3, 4, 5] {
        assert_eq!(world.state(task), "done");
    }
    let paths = &world.task(4)["view"]["task"]["paths"];
    assert_eq!(paths, &Value::from(vec!["*.sh"]));
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_project_that_does_not_wait_builds_them_side_by_side() {
    let world = World::scripted("auto", &script());
    plan(
        &world,
        2,
        &[("one", "paths: [one.sh]"), ("two", "paths: ['*.sh']")],
    );
    let set = |value: &str| world.alai(["project", "set", "tiny", "--overlap", value]);
    set("never").exits(2).says("it is `wait` or `together`");
    set("together").exits(0).says("done side by side");
    world.alai(START.into_iter().chain(["--wait"])).exits(0);
    let [one, two] = [3, 4].map(|task| first_run(&world, task));
    assert!(two.0 <= one.1, "the second begins while the first is built");
    let back = set("wait").exits(0);
    assert!(!back.out.contains("overlap"), "{back}");
}

/// Tasks of no goal, declared by hand.
#[test]
fn a_task_that_is_added_says_where_its_work_is() {
    let twin = OllamaTwin::start(Behaviour::by(held_at_work));
    let world = World::with_model_at("auto", &twin.url());
    let add = |title: &str, path: &str| {
        world.alai(["mc", "add", title, "--project", "tiny", "--path", path])
    };
    add("Say none", "../x").exits(2).says("`../x`");
    add("Say one", "src/").exits(0);
    add("Say two", "./src/x.rs").exits(0);
    let one = world.task(1)["view"]["task"].clone();
    assert_eq!(one["paths"], Value::from(vec!["src/"]));
    assert_eq!(one["description"], "The work is expected in `src/`.");
    let daemon = world.up();
    world.until("the second waits for the first", |world| {
        let why = world.json(["why", "2", "--json"]);
        (why["why"]["rule"] == "overlap").then_some(())
    });
    let next = world.alai(["mc", "next-task"]);
    assert!(!next.out.contains("Say two"), "it is nobody's turn: {next}");
    // Whoever says so begins it beside the other.
    let set = ["project", "set", "tiny", "--overlap", "together"];
    world.alai(set).exits(0);
    world.until("it waits no more", |world| {
        (world.state(2) == "started").then_some(())
    });
    world.alai(["down", "--now"]).exits(0);
    twin.release();
    daemon.ends().exits(0);
}

/// There is one slot, so that the first one's change is known when the second could begin.
#[test]
fn what_was_changed_before_is_waited_for_also_while_it_is_sent_back() {
    let script = script().judges_attempt("review", 0, reject("it is not said loudly"));
    let world = World::scripted("auto", &script);
    plan(
        &world,
        1,
        &[("one", "docs: false"), ("two", "paths: [one.sh]")],
    );
    world.alai(START.into_iter().chain(["--wait"])).exits(0);
    let two = first_run(&world, 4);
    assert!(two.0 >= merged_ms(&world, 3), "{}", world.list());
    let list = world.alai(["mc", "list", "--all"]).exits(0).out;
    assert!(list.contains("Rework"), "it was sent back once: {list}");
}

#[test]
fn a_task_that_waits_says_for_which_and_where() {
    let twin = OllamaTwin::start(Behaviour::by(held_at_work));
    let world = World::with_model_at("auto", &twin.url());
    plan(
        &world,
        2,
        &[("one", "paths: [src/]"), ("two", "paths: [src/x.rs]")],
    );
    let daemon = world.up();
    world.alai(START).exits(0);
    world.until("the plan is carried out", |world| {
        world.list().contains("Say two").then_some(())
    });
    let told = world.until("the second waits for the first", |world| {
        let why = world.json(["why", "4", "--json"]);
        (why["why"]["rule"] == "overlap").then(|| why["why"].clone())
    });
    assert_eq!(
        told["text"],
        "it is eligible, but it waits for #3, which works on `src/x.rs` and is not merged yet"
    );
    assert_eq!(told["owner"], "factory");
    assert!(told["deadline_ms"].is_i64(), "{told}");
    let next = told["next_action"].as_str().expect("words");
    assert!(next.contains("`alai why 3`"), "{next}");
    assert_eq!(world.state(3), "started");
    assert_eq!(world.state(4), "open", "though a slot is free");
    world.alai(["down", "--now"]).exits(0);
    twin.release();
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}
