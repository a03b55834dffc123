//! Evidence through the public door: what holds, what does not, and whom it trusts.

use std::path::{Path, PathBuf};

use alai_gate::evidence::{GateKey, seal, verify};
use serde_json::Value;

use crate::script::{CHECK, Script, TITLE};
use crate::world::World;

/// A world with one measured commit, its package and its run.
fn measured() -> (World, PathBuf, String) {
    let world = World::scripted("auto", &Script::good());
    let ran = world.json([
        "minion",
        "run",
        TITLE,
        "--project",
        "tiny",
        "--check",
        CHECK,
        "--json",
    ]);
    let text = |key: &str| ran[key].as_str().expect("a text").to_owned();
    let (dir, run) = (PathBuf::from(text("evidence")), text("run"));
    (world, dir, run)
}

/// A world with a goal's plan, which is the smallest package, and where it is.
fn planned() -> (World, PathBuf) {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    let shown = world.json(["evidence", "show", "2", "--json"]);
    let dir = PathBuf::from(shown["package"].as_str().expect("a folder"));
    (world, dir)
}

fn verified(world: &World, dir: &Path, code: i32) -> Value {
    world
        .alai(["evidence", "verify", &dir.display().to_string(), "--json"])
        .exits(code)
        .json()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir)
        .expect("a folder")
        .flatten()
        .map(|e| e.path())
    {
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found.sort();
    found
}

#[test]
fn a_package_is_shown_and_holds_until_a_byte_of_it_is_changed() {
    let (world, dir, run) = measured();
    for what in ["1", &run, &dir.display().to_string()] {
        let ran = world.alai(["evidence", "verify", what]).exits(0);
        let lines: Vec<&str> = ran
            .out
            .lines()
            .map(|line| line.split_once(' ').map_or(line, |(word, _)| word))
            .collect();
        assert_eq!(lines, ["package", "key", "mode", "commit", "ok"]);
    }
    let verdict = verified(&world, &dir, 0);
    assert_eq!(
        (&verdict["verified"], &verdict["mode"]),
        (&Value::from(true), &Value::from("simulated"))
    );
    assert_eq!(
        verdict["files"].as_u64(),
        u64::try_from(files(&dir).len() - 1).ok(),
        "all but the signature itself"
    );
    let shown = world.alai(["evidence", "show", "1"]).exits(0);
    for line in [
        "## Goals",
        " 2 pass base tests pass",
        " 5 pass the task's own checks exit 0",
        "files    GOTCHA.md, ",
    ] {
        assert!(shown.out.contains(line), "`{line}`: {shown}");
    }
    let shown = world.json(["evidence", "show", &run, "--json"]);
    assert_eq!(
        shown["verdict"]["measurements"].as_array().map(Vec::len),
        Some(19)
    );
    one_changed_byte_in_any_file_is_seen(&world, &dir);
}

fn one_changed_byte_in_any_file_is_seen(world: &World, dir: &Path) {
    let all = files(dir);
    assert!(all.len() >= 8, "{all:?}");
    for path in &all {
        let whole = std::fs::read(path).expect("a file");
        let mut changed = whole.clone();
        match changed.len() {
            0 => changed.push(b'\n'),
            n => changed[n / 2] ^= 1,
        }
        std::fs::write(path, &changed).expect("a byte is flipped");
        let verdict = verified(world, dir, 5);
        assert_eq!(verdict["verified"], false, "{}", path.display());
        assert_ne!(
            verdict["faults"].as_array().map(Vec::len),
            Some(0),
            "{}",
            path.display()
        );
        std::fs::write(path, &whole).expect("it is put back");
    }
    verified(world, dir, 0);
    for path in all {
        let whole = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("a file is lost");
        verified(world, dir, 5);
        std::fs::write(&path, &whole).expect("it is put back");
    }
    std::fs::write(dir.join("more.txt"), "not signed\n").expect("a stranger");
    verified(world, dir, 5);
}

#[test]
fn only_the_key_that_a_person_pinned_is_trusted() {
    let (world, dir) = planned();
    let pinned =
        std::fs::read_to_string(world.home().join("keys/gate.pub")).expect("the home's key");
    let key = pinned.trim().parse().expect("a public key");
    let about = verify(&dir, &key)
        .expect("it holds")
        .statement
        .predicate
        .about;
    let verdict = std::fs::read(dir.join("verdict.json")).expect("the verdict");
    let verdict = serde_json::from_slice(&verdict).expect("a verdict");
    let other = GateKey::from_seed([9; 32]);
    // The forger brings his key along, in the package, where nobody looks for one.
    std::fs::write(dir.join("gate.pub"), format!("{}\n", other.public())).expect("a key");
    seal(&dir, &about, &verdict, &other).expect("signed again");
    let ran = world
        .alai(["evidence", "verify", &dir.display().to_string()])
        .exits(5);
    assert!(
        ran.out.contains("fault ") && ran.out.contains("not the pinned one"),
        "{ran}"
    );
    // It is well made: who pins the forger's key believes the forger.
    let forger = world.path("forger.pub");
    std::fs::write(&forger, format!("{}\n", other.public())).expect("a key");
    let given = |file: &Path| {
        let (dir, file) = (dir.display().to_string(), file.display().to_string());
        world.alai(["evidence", "verify", &dir, "--key", &file])
    };
    given(&forger).exits(0);
    given(&world.home().join("keys/gate.pub")).exits(5);
    given(&world.path("nowhere.pub"))
        .exits(4)
        .says("cannot read the key");
    given(&world.repo().join("words.sh"))
        .exits(4)
        .says("is no public key");
}

#[test]
fn records_that_cannot_be_read_say_nothing_of_a_cage() {
    let (world, dir, _run) = measured();
    let show = ["evidence", "show", &dir.display().to_string()];
    let before = world.alai(show).exits(0);
    assert!(!before.out.contains("sandbox "), "{before}");
    std::fs::write(dir.join("commands.jsonl"), "{").expect("spoiled");
    world.alai(show).exits(0).says("sandbox  unknown");
    let json = world.json(show.into_iter().chain(["--json"]));
    assert_eq!(json["sandbox"], Value::Null);
}

#[test]
fn what_is_no_evidence_is_not_shown_as_some() {
    let world = World::with_project("auto");
    world
        .alai(["mc", "add", "A", "--project", "tiny", "--hold"])
        .exits(0);
    world
        .alai(["evidence", "show", "1"])
        .exits(3)
        .says("#1 has no evidence yet");
    world.alai(["evidence", "verify", "1"]).exits(3);
    world
        .alai(["evidence", "verify", "nothing"])
        .exits(3)
        .says("`nothing` is no task, no run and no folder");
    world
        .alai(["evidence", "show", "tiny"])
        .exits(3)
        .says("tiny holds no evidence");
    world.alai(["evidence", "show", "tiny", "--json"]).exits(3);
    world.alai(["evidence", "verify", "tiny"]).exits(5);
}
