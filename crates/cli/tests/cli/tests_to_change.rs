//! A task that must change tests: its agent is told which, may write them, and frees nothing else by the list.

use serde_json::{Value, json};

use crate::script::{Script, TITLE, solution};
use crate::world::World;

/// A new name for a test of the sample, as somebody might want it.
fn renamed() -> Value {
    let arguments = json!({
        "path": "test.sh", "old": "is \"nothing has no words\"", "new": "is \"no text has no words\"",
    });
    json!({"name": "edit", "arguments": arguments})
}

fn world() -> World {
    let mut calls = solution(TITLE);
    calls.push(renamed());
    let world = World::scripted("auto", &Script::good().builds("", &calls));
    world
        .alai([
            "project",
            "set",
            "tiny",
            "--allow",
            "words.sh",
            "--allow",
            "tests/**",
            "--allow",
            "README.md",
        ])
        .exits(0);
    world
}

/// The first thing that the builder of the first task was told.
fn first_request(world: &World) -> String {
    let task = world.task(1);
    let run = task["runs"][0]["id"].as_str().expect("a run");
    let path = world.home().join("runs").join(run).join("trajectory.jsonl");
    let text = std::fs::read_to_string(path).expect("a trajectory");
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let messages: Vec<Value> = events
        .filter(|e| e["type"] == "message" && e["step"] == "build")
        .collect();
    let user = messages.iter().find(|e| e["message"]["role"] == "user");
    user.unwrap_or(&messages[1])["message"].to_string()
}

#[test]
fn the_agent_is_told_which_tests_it_may_change_and_can_write_them() {
    let world = world();
    let daemon = world.up();
    let add = [
        "mc",
        "add",
        TITLE,
        "--project",
        "tiny",
        "--changes-tests",
        "test.sh",
        "--changes-tests",
        "tests/*.sh",
    ];
    world.alai(add).exits(0);
    world.until("the build is done", |w| {
        (w.state(1) == "done").then_some(())
    });
    let told = first_request(&world);
    assert!(
        told.contains("Existing tests that this task may change"),
        "{told}"
    );
    assert!(
        told.contains("- test.sh") && told.contains("- tests/*.sh"),
        "{told}"
    );
    assert!(
        told.contains("You may write only: words.sh, tests/**, README.md, test.sh"),
        "{told}"
    );
    let head = world.task(1)["view"]["task"]["head"]
        .as_str()
        .expect("a head")
        .to_owned();
    let test = world.git(&["show", &format!("{head}:test.sh")]);
    assert!(test.contains("no text has no words"), "{test}");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn an_agent_is_told_of_no_test_that_its_task_does_not_name() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    world
        .alai(["mc", "add", TITLE, "--project", "tiny"])
        .exits(0);
    world.until("the build is done", |w| {
        (w.state(1) == "done").then_some(())
    });
    let told = first_request(&world);
    assert!(
        !told.contains("Existing tests that this task may change"),
        "{told}"
    );
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn what_is_no_test_is_refused_where_it_is_named() {
    let world = World::scripted("auto", &Script::good());
    for entry in [
        "Cargo.toml",
        "words.py",
        ".github/workflows/ci.yml",
        "Dockerfile",
    ] {
        world
            .alai([
                "mc",
                "add",
                TITLE,
                "--project",
                "tiny",
                "--changes-tests",
                entry,
            ])
            .exits(2)
            .says(&format!(
                "`{entry}` in `--changes-tests` is no test file by its name"
            ))
            .says("alai project set --allow");
    }
    world
        .alai([
            "mc",
            "add",
            TITLE,
            "--project",
            "tiny",
            "--changes-tests",
            "tests/{a",
        ])
        .exits(2)
        .says("tests/{a");
    assert_eq!(world.list().trim(), "", "none was added");
}
