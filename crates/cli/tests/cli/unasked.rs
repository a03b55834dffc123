//! A blueprint that asks no model needs none: it begins on a home without any host, costs nothing, and waits for nobody. One that could
//! come to a model waits for it like everything else.

use serde_json::Value;

use crate::script::{Script, TITLE};
use crate::world::World;

/// Writes a small command with its test, looks ahead at the gate, and reports.
const PLAIN: &str = "\
version: 1
name: plain
description: Writes a command and its test.
inputs:
  test_command: {type: string, required: true}
  fit: {type: string, default: 'no'}
steps:
  - {id: look, run: test ! -e letters.sh, continue_on_error: true}
  - id: make
    uses: scaffold
    with:
      files:
        letters.sh: |
          #!/bin/sh
          echo letters
        tests/letters.sh: |
          is \"letters are said\" \"$(sh letters.sh)\" \"letters\"
  - {id: test, run: '${{ inputs.test_command }}'}
  - id: ahead
    uses: gate
    with: {checks: [changed, allowed_paths]}
  - {id: report, uses: report}
";

/// The same with an agent under a condition, which stands before the report.
fn with_agent(condition: &str) -> String {
    let agent = format!(
        "\u{20} - id: fit\n    uses: agent\n    if: {condition}\n    with: {{prompt: Fit it., tools: [read, edit, done]}}\n"
    );
    PLAIN.replace("  - {id: report", &format!("{agent}  - {{id: report"))
}

/// A home without any model that has this blueprint.
fn world(text: &str) -> World {
    let world = World::with_project("auto");
    std::fs::write(world.home().join("blueprints/plain.yaml"), text).expect("written");
    world
}

fn args(verb: &'static str, title: &'static str) -> [&'static str; 7] {
    [
        "minion",
        verb,
        title,
        "--project",
        "tiny",
        "--blueprint",
        "plain",
    ]
}

/// The model and mode of a task's runs, as they are kept with them.
fn models(world: &World, id: i64) -> Vec<(String, String)> {
    let task = world.task(id);
    let runs = task["runs"].as_array().expect("runs");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    runs.iter()
        .map(|run| (text(&run["model"]), text(&run["mode"])))
        .collect()
}

#[test]
fn a_blueprint_that_asks_no_model_is_done_on_a_home_without_any() {
    let world = world(PLAIN);
    world.alai(args("run", "Say letters")).exits(0);
    assert_eq!(world.state(1), "done");
    let nobody = ("none: no model is asked".to_owned(), "real".to_owned());
    assert_eq!(models(&world, 1), [nobody]);
    let spend = &world.json(["status", "--json"])["queue"]["spend"];
    assert_eq!(
        (&spend["calls"], &spend["reserved_microusd"]),
        (&0.into(), &0.into()),
        "{spend}"
    );
    world.alai(["mc", "fsck"]).exits(0);
    let run = world.task(1)["runs"][0]["id"]
        .as_str()
        .expect("a run")
        .to_owned();
    let log = world.alai(["minion", "log", &run]).exits(0);
    assert!(log.out.contains("make (scaffold) ok"), "{log}");
    // Everything that tells which model a task gets says the same.
    for tells in [
        ["explain", "1"].as_slice(),
        &["mc", "show", "1", "--explain"],
    ] {
        let told = world.alai(tells).exits(0);
        assert!(
            told.out.contains("its blueprint asks no model") && !told.out.contains("tier "),
            "{told}"
        );
    }
}

#[test]
fn what_a_title_gives_decides_as_it_does_in_the_run() {
    let text = with_agent("inputs.fit != 'no'").replace(
        "fit: {type: string, default: 'no'}",
        "fit: {type: string, default: 'no', from: file}",
    );
    let world = world(&text);
    world.alai(args("run", "Say letters")).exits(0);
    // The file of this title makes the run come to its agent, for whom there is no model.
    let asked = world.alai(args("run", "Say letters as in src/a.py"));
    assert_eq!(asked.code, 6, "{asked}");
    world.alai(["why", "2"]).exits(0).says("no_model");
}

#[test]
fn one_that_compares_waits_for_a_model_since_another_may_be_walked_in_its_place() {
    let text = PLAIN.replace("[changed, allowed_paths]", "[changed, same_tests]");
    let world = world(&text);
    let asked = world.alai(args("run", "Say letters"));
    assert_eq!(asked.code, 6, "{asked}");
}

#[test]
fn beside_a_daemon_it_goes_on_where_what_asks_waits() {
    let world = world(PLAIN);
    let daemon = world.up();
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    world.until("the one that asks waits", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    world.alai(args("enqueue", "Say letters")).exits(0);
    world.until("the other is done", |w| {
        (w.state(2) == "done").then_some(())
    });
    world.alai(["why", "1"]).exits(0).says("no_model");
    let told = world.alai(["mc", "show", "2"]).exits(0);
    assert!(!told.out.contains("no_model"), "{told}");
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_step_that_could_come_to_a_model_waits_for_one() {
    for condition in ["steps.look.status == 'red'", "inputs.fit == 'no'"] {
        let world = world(&with_agent(condition));
        world.alai(args("run", "Say letters")).exits(6);
        world.alai(["why", "1"]).exits(0).says("no_model");
        assert_eq!(models(&world, 1), [], "nothing was begun: {condition}");
    }
}

#[test]
fn a_step_that_its_inputs_rule_out_is_waited_for_by_nobody() {
    let world = world(&with_agent(
        "inputs.fit == 'yes' && steps.look.status == 'ok'",
    ));
    world.alai(args("run", "Say letters")).exits(0);
    assert_eq!(world.state(1), "done");
}

#[test]
fn a_person_is_asked_without_a_model_and_the_answer_gone_on_with() {
    let asks = "  - id: ask\n    uses: human\n    with: {question: Shall it stay?, options: ['yes', 'no']}\n";
    let world = world(&PLAIN.replace("  - {id: report", &format!("{asks}  - {{id: report")));
    world
        .alai(args("run", "Say letters"))
        .exits(6)
        .says("Shall it stay?");
    world.alai(["mc", "answer", "1", "yes"]).exits(0);
    let daemon = world.up();
    world.until("the task is done", |w| (w.state(1) == "done").then_some(()));
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
    assert_eq!(models(&world, 1).len(), 2);
}

/// What a text asks for stays a person's, whoever would do it.
#[test]
fn a_safety_rule_stops_it_like_every_other() {
    let world = world(PLAIN);
    world.alai(args("run", "Move the money by Vipps")).exits(6);
    world.alai(["why", "1"]).exits(0).says("vipps");
    assert_eq!(models(&world, 1), []);
}

#[test]
fn where_a_model_is_there_it_is_not_asked_either() {
    let world = World::scripted("auto", &Script::good());
    std::fs::write(world.home().join("blueprints/plain.yaml"), PLAIN).expect("written");
    world.alai(args("run", "Say letters")).exits(0);
    let nobody = ("none: no model is asked".to_owned(), "real".to_owned());
    assert_eq!(models(&world, 1), [nobody]);
}
