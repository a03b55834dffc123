//! What a project stands on before an agent begins: hosts of its set-up, its services and variables, and the proof that is kept.

use std::os::unix::fs::PermissionsExt;

use crate::script::{Script, TITLE};
use crate::world::{Ran, World, run};

/// Exit codes of `alai minion run`: refused by the gate, and waiting for a person.
const REFUSED: i32 = 5;
const WAITS: i32 = 6;

fn set(world: &World, args: &[&str]) -> Ran {
    world.alai(["project", "set", "tiny"].iter().chain(args))
}

#[test]
fn a_host_that_a_set_up_may_not_reach_is_named_with_the_command_that_allows_it() {
    let world = World::scripted("approve", &Script::good());
    set(
        &world,
        &["--setup", "git ls-remote https://git.example.org/x"],
    )
    .exits(0);
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(WAITS);
    world
        .alai(["why", "1"])
        .exits(0)
        .says("git.example.org is not among the hosts")
        .says("if you trust git.example.org: `alai project set tiny --setup-host git.example.org`");
    assert_eq!(
        world.json(["status", "--json"])["queue"]["spend"]["calls"],
        0,
        "no model was asked"
    );
    let refused = set(&world, &["--setup-host", "https://git.example.org/"]).exits(2);
    assert!(refused.err.contains("is no host"), "{refused}");
    set(&world, &["--setup-host", "git.example.org"]).exits(0);
    world.alai(["mc", "retry", "1"]).exits(0);
    let again = world.alai(["minion", "run", TITLE, "--project", "tiny"]);
    let said = format!("{}{}", again.out, again.err);
    assert!(
        said.contains("git.example.org cannot be resolved") || said.contains("git.example.org at"),
        "listed now, and nobody is there: {said}"
    );
}

/// A set-up that shrugs at what it could not fetch ends well, and a test fails much later for what is not there.
#[test]
fn what_a_set_up_was_refused_is_told_also_when_it_ended_well() {
    let world = World::scripted("approve", &Script::good());
    let shrugs = "git ls-remote https://git.example.org/x || true";
    set(&world, &["--setup", shrugs]).exits(0);
    for task in [1, 2] {
        // The second one takes the set-up out of the cache.
        world.alai(["minion", "run", TITLE, "--project", "tiny"]);
        let shown = world.json(["mc", "show", &task.to_string(), "--json"]);
        let notes: Vec<&str> = shown["history"]
            .as_array()
            .expect("a history")
            .iter()
            .filter(|event| event["kind"] == "note")
            .filter_map(|event| event["detail"].as_str())
            .collect();
        let told = |note: &&&str| note.contains("git.example.org is not among the hosts");
        assert_eq!(notes.iter().filter(told).count(), 1, "{shown}");
    }
}

#[test]
fn a_proof_is_kept_for_its_tree_tools_variables_and_services_alone() {
    // The builder does nothing: the base stays where it is.
    let world = World::scripted("approve", &Script::good().builds("", &[]));
    let bin = world.path("person/.local/bin");
    std::fs::create_dir_all(&bin).expect("made");
    let tool = |version: &str| {
        let path = bin.join("meson");
        std::fs::write(&path, format!("#!/bin/sh\necho {version}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
    };
    let proofs_after_a_run = || {
        let mut command = world.command(["minion", "run", TITLE, "--project", "tiny"]);
        let path = std::env::var("PATH").expect("a path");
        command.env("PATH", format!("{}:{path}", bin.display()));
        run(command).exits(REFUSED);
        let proofs = std::fs::read_dir(world.home().join("cache/base")).expect("listed");
        proofs.count()
    };
    tool("1.0");
    set(&world, &["--test", "sh test.sh && meson --version"]).exits(0);
    assert_eq!(proofs_after_a_run(), 1);
    assert_eq!(proofs_after_a_run(), 1, "nothing changed");
    tool("2.0");
    assert_eq!(proofs_after_a_run(), 2, "another tool");
    set(&world, &["--env", "MODE=test"]).exits(0);
    assert_eq!(proofs_after_a_run(), 3, "another variable");
    set(&world, &["--env", "MODE="]).exits(0);
    assert_eq!(proofs_after_a_run(), 3, "as it was");
    set(&world, &["--service", "idle=sleep 600;; true"]).exits(0);
    assert_eq!(proofs_after_a_run(), 4, "another service");
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "The same files"]);
    assert_eq!(proofs_after_a_run(), 4, "the same tree");
}

#[test]
fn services_and_variables_are_shown_and_what_cannot_be_meant_is_refused() {
    let world = World::with_project("approve");
    set(
        &world,
        &[
            "--service",
            "postgres",
            "--service",
            "web:8000=./serve",
            "--env",
            "MODE=test",
        ],
    )
    .exits(0)
    .says("service  postgres: ")
    .says("service  web: ./serve, up when port 8000 is")
    .says("env      MODE=test");
    let key = concat!("sk_li", "ve_4eC39HqLyjWDarjtT1zdp7dc");
    for (flag, text, word) in [
        ("--service", "mysql", "known by name"),
        ("--service", "web=./serve", "nothing tells when `web` is up"),
        ("--env", "PATH=/tmp", "the cage sets PATH itself"),
        ("--env", "MODE", "write NAME=VALUE"),
        ("--env", &format!("PAY={key}"), "no secret goes into a cage"),
    ] {
        let refused = set(&world, &[flag, text]).exits(2);
        assert!(refused.err.contains(word), "{refused}");
        assert!(!refused.err.contains(key), "{refused}");
    }
    let fewer = set(&world, &["--service", "web=", "--env", "MODE="]).exits(0);
    assert!(
        !fewer.out.contains("./serve") && !fewer.out.contains("MODE"),
        "{fewer}"
    );
    let stored = ["mission.db", "mission.db-wal"].map(|name| {
        let bytes = std::fs::read(world.home().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    assert!(
        stored.concat().contains("postgres"),
        "that is where settings are"
    );
    assert!(!stored.concat().contains(key), "never stored");
}
