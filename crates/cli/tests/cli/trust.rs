//! How far work is proven, as people are told it: from records alone, and never as done below L2.

use alai_core::trust::Trust;
use serde_json::{Value, json};

use crate::script::{CHECK, Script, TITLE, small};
use crate::world::World;

const RUN: [&str; 5] = ["minion", "run", TITLE, "--project", "tiny"];

fn trust(world: &World, id: i64) -> (String, String) {
    let shown = world.task(id);
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    (
        text(&shown["view"]["shown"]),
        text(&shown["trust"]["level"]),
    )
}

fn told(word: &str, level: Trust) -> (String, String) {
    (word.to_owned(), level.as_str().to_owned())
}

#[test]
fn what_the_gate_measured_is_l3_wherever_it_is_shown() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["start", "Count letters", "--project", "tiny", "--wait"])
        .exits(0);
    for (task, level) in [
        (1, Trust::MachineVerified),
        (3, Trust::MachineVerified),
        (5, Trust::PeerTested),
        (6, Trust::PeerTested),
    ] {
        assert_eq!(trust(&world, task), told("done", level), "#{task}");
    }
    // A plan and a summary claim nothing that could be measured.
    assert_eq!(world.task(2)["trust"], Value::Null);
    world
        .alai(["mc", "show", "3"])
        .exits(0)
        .says("trust    L3 machine-verified: the gate measured ");
    world
        .alai(["evidence", "show", "3"])
        .exits(0)
        .says("trust    L3 machine-verified");
    assert_eq!(
        world.json(["evidence", "show", "5", "--json"])["trust"],
        "L2"
    );
    let listed = world.alai(["mc", "list", "--all", "--json"]).exits(0).out;
    let listed: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let third = listed.iter().find(|task| task["id"] == 3).expect("there");
    assert_eq!(
        (&third["trust"], &third["shown"]),
        (&json!("L3"), &json!("done"))
    );
    world
        .alai(["console", "1"])
        .exits(0)
        .says("[done] Count letters L3");
    let line = world.json(["pipeline", "status", "3", "--json"]);
    assert_eq!(line["tasks"][0]["trust"], "L3", "{line}");
    world
        .alai(["pipeline", "status", "3"])
        .exits(0)
        .says("Add initials L3");
    let pages = world.home().join("wiki/goals/1");
    let postflight = std::fs::read_to_string(pages.join("postflight.md")).expect("a page");
    assert!(
        postflight.contains("`, L3 machine-verified"),
        "{postflight}"
    );
    assert!(!postflight.contains("Claimed"), "{postflight}");
}

#[test]
fn a_persons_word_is_told_as_a_claim_and_never_as_done() {
    let world = World::with_project("auto");
    let add = ["mc", "add", "Mend it", "--project", "tiny"];
    world.alai(add).exits(0);
    world
        .alai(["mc", "done", "1", "I did it by hand"])
        .exits(0)
        .says("[claimed]");
    assert_eq!(world.state(1), "done", "the row's own state stays a state");
    assert_eq!(trust(&world, 1), told("claimed", Trust::Claimed));
    assert!(
        world.list().contains("#1 [M] [claimed] [—] Mend it L0"),
        "{}",
        world.list()
    );
    world
        .alai(["mc", "show", "1"])
        .exits(0)
        .says("trust    L0 claimed: ")
        .says("declared it done; nothing was measured");
    // Nor beside what needs it.
    let add = ["mc", "add", "After it", "--project", "tiny", "--needs", "1"];
    world.alai(add).exits(0);
    let next = world.alai(["mc", "show", "2"]).exits(0);
    assert!(next.out.contains(", claimed)"), "{next}");
    world.alai(["mc", "cancel", "2"]).exits(0);
    let queue = &world.json(["status", "--json"])["queue"];
    assert_eq!((&queue["done"], &queue["claimed"]), (&json!(0), &json!(1)));
    world
        .alai(["status"])
        .exits(0)
        .says("0 done")
        .says("claimed 1 task(s) by a person's word alone");
}

#[test]
fn a_verdict_whose_package_is_not_what_was_signed_is_a_claim() {
    let world = World::scripted("auto", &Script::good());
    let ran = world.alai(RUN).exits(0);
    assert!(ran.out.contains("[done] [—] Add initials L3"), "{ran}");
    assert_eq!(trust(&world, 1), told("done", Trust::MachineVerified));
    let package = world.json(["evidence", "verify", "1", "--json"])["package"].clone();
    let diff = std::path::Path::new(package.as_str().expect("a path")).join("diff.patch");
    let mut bytes = std::fs::read(&diff).expect("the diff");
    bytes[0] ^= 1;
    std::fs::write(&diff, bytes).expect("written");
    assert_eq!(trust(&world, 1), told("claimed", Trust::Claimed));
    world
        .alai(["mc", "show", "1"])
        .exits(0)
        .says("[claimed]")
        .says("its package does not hold: diff.patch is not what was sealed");
    world
        .alai(["evidence", "show", "1"])
        .exits(0)
        .says("trust    L0 claimed");
}

#[test]
fn an_agents_own_green_tests_are_l1_and_the_task_is_not_done() {
    let script = Script::good().builds("", &small("other"));
    let world = World::scripted("auto", &script);
    let mut args = RUN.to_vec();
    args.extend(["--check", CHECK]);
    world.alai(args).exits(5);
    assert_eq!(trust(&world, 1), told("waiting", Trust::SelfTested));
    world
        .alai(["mc", "show", "1"])
        .exits(0)
        .says("trust    L1 self-tested: its writer's own check exited 0 in the cage");
}
