//! The log of what happened against its signed ends: what was changed, cut off or written anew is named.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::script::Script;
use crate::world::World;

/// A home in which something happened, and a head of it that was kept elsewhere.
fn signed() -> (World, PathBuf, i64) {
    let world = World::scripted("auto", &Script::good());
    for title in ["First", "Second"] {
        world
            .alai(["mc", "add", title, "--project", "tiny", "-t", "me"])
            .exits(0);
    }
    let copy = world.path("copied.jsonl");
    let line = world.alai(["evidence", "head"]).exits(0).out;
    assert_eq!(line.lines().count(), 1);
    std::fs::write(&copy, line).expect("copied");
    let found = audited(&world, &[&copy], 0);
    assert_eq!(found["heads"], 1);
    let events = found["events"].as_i64().expect("a number");
    assert!(events >= 2);
    (world, copy, events)
}

fn audited(world: &World, heads: &[&Path], code: i32) -> Value {
    let mut args = vec![
        "evidence".to_owned(),
        "audit".to_owned(),
        "--json".to_owned(),
    ];
    for path in heads {
        args.extend(["--heads".to_owned(), path.display().to_string()]);
    }
    world.alai(args).exits(code).json()
}

fn faults(found: &Value) -> Vec<String> {
    let faults = found["faults"].as_array().expect("a list");
    faults
        .iter()
        .map(|fault| fault.as_str().expect("a text").to_owned())
        .collect()
}

/// Puts another log into the store's place, as somebody does who can write the home: everything else stays, the key as well.
fn tampered(world: &World, change: impl FnOnce(&mut Vec<Value>)) {
    let text = world.alai(["mc", "export"]).exits(0).out;
    let is_event = |row: &Value| row["table"] == "event";
    let rows = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let (mut events, mut rows): (Vec<Value>, Vec<Value>) = rows.partition(is_event);
    change(&mut events);
    rows.extend(events);
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(world.repo().join("../export.jsonl"), text).expect("written");
    world
        .sh("rm $ALAI_HOME/mission.db* && \"$ALAI\" init && \"$ALAI\" mc import < ../export.jsonl")
        .exits(0);
}

/// The link of an event by the words of docs/EVIDENCE.md.
fn link(before: &str, row: &Value) -> String {
    let field = |key: &str| row[key].to_string();
    let record = format!(
        "{{\"seq\":{},\"task\":{},\"run\":{},\"actor\":{},\"kind\":{},\"from\":{},\"to\":{},\"detail\":{},\"at_ms\":{}}}",
        field("seq"),
        field("task"),
        field("run"),
        field("actor"),
        field("kind"),
        field("from_state"),
        field("to_state"),
        field("detail"),
        field("at_ms")
    );
    hex::encode(Sha256::digest(format!("{before}\n{record}")))
}

#[test]
fn a_changed_event_is_named() {
    let (world, copy, _) = signed();
    tampered(&world, |events| {
        events[1]["row"]["actor"] = "somebody else".into()
    });
    let found = audited(&world, &[&copy], 5);
    assert_eq!(faults(&found).len(), 1, "{found}");
    assert!(
        faults(&found)[0].starts_with("event 2 was changed"),
        "{found}"
    );
    world
        .alai(["evidence", "audit"])
        .exits(5)
        .says("event 2 was changed");
}

#[test]
fn a_log_that_was_cut_off_is_found_against_the_copied_end_alone() {
    let (world, copy, events) = signed();
    tampered(&world, |log| {
        log.pop();
    });
    assert_eq!(faults(&audited(&world, &[], 0)), [""; 0]);
    let found = audited(&world, &[&copy], 5);
    let want = format!("covers {events} events and the log ends at {}", events - 1);
    assert!(faults(&found)[0].contains(&want), "{found}");
}

/// Whoever knows of the chain links everything behind his change anew: no link is wrong any more.
#[test]
fn a_log_that_was_linked_anew_is_found_against_the_copied_end() {
    let (world, copy, events) = signed();
    tampered(&world, |log| {
        let mut before = "0".repeat(64);
        for (number, event) in log.iter_mut().enumerate() {
            let row = &mut event["row"];
            let honest = link(&before, row);
            if number == 0 {
                assert_eq!(row["link"], honest, "the words say how it is made");
                row["detail"] = "all is well".into();
            }
            before = link(&before, row);
            row["link"] = before.clone().into();
        }
    });
    assert_eq!(faults(&audited(&world, &[], 0)), [""; 0]);
    let found = audited(&world, &[&copy], 5);
    let want = format!("has another link for event {events}");
    assert!(faults(&found)[0].contains(&want), "{found}");
}

#[test]
fn an_end_of_another_key_and_a_swapped_signature_are_refused() {
    let (world, copy, _) = signed();
    let line = std::fs::read_to_string(&copy).expect("a line");
    let other = signed().0;
    let strange = other.alai(["evidence", "head"]).exits(0).out;
    let mut mixed: Value = serde_json::from_str(&line).expect("JSON");
    let theirs: Value = serde_json::from_str(&strange).expect("JSON");
    mixed["signatures"][0]["sig"] = theirs["signatures"][0]["sig"].clone();
    std::fs::write(&copy, format!("{line}{strange}{mixed}\nnonsense\n")).expect("written");
    let found = audited(&world, &[&copy, &world.path("gone.jsonl")], 5);
    let faults = faults(&found);
    assert_eq!(found["heads"], 1);
    assert_eq!(faults.len(), 4, "{found}");
    for (fault, words) in faults.iter().zip([
        "line 2 is no head of this log: it names the key",
        "line 3 is no head of this log: its signature is not",
        "line 4 is no head of this log: it is no DSSE envelope",
        "gone.jsonl cannot be read",
    ]) {
        assert!(fault.contains(words), "{fault}");
    }
}

#[test]
fn a_daemon_signs_the_log_and_adds_to_the_copy() {
    let world = World::scripted("auto", &Script::good());
    let copy = world.path("other-disk.jsonl");
    let config = world.home().join("alai.toml");
    let text = std::fs::read_to_string(&config).expect("settings");
    std::fs::write(
        &config,
        format!("log_copy = {:?}\n{text}", copy.display().to_string()),
    )
    .expect("written");
    world
        .alai(["mc", "add", "First", "--project", "tiny", "-t", "me"])
        .exits(0);
    let daemon = world.up();
    world.until("a signed end", |w| {
        w.path("other-disk.jsonl").exists().then_some(())
    });
    world
        .alai(["mc", "add", "Second", "--project", "tiny", "-t", "me"])
        .exits(0);
    world.alai(["down"]).exits(0);
    daemon.ends();
    let lines = std::fs::read_to_string(&copy).expect("heads");
    // One when it began, one when it went down with more to sign.
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert_eq!(
        lines,
        std::fs::read_to_string(world.home().join("heads.jsonl")).expect("the home's")
    );
    let found = audited(&world, &[], 0);
    assert_eq!(
        (&found["heads"], faults(&found).len()),
        (&4.into(), 0),
        "{found}"
    );
    std::fs::remove_file(&copy).expect("taken away");
    let found = audited(&world, &[], 5);
    assert!(
        faults(&found)[0].contains("other-disk.jsonl cannot be read"),
        "{found}"
    );
    std::fs::write(&config, "log_copy = \"heads.jsonl\"\n").expect("written");
    world
        .alai(["evidence", "audit"])
        .exits(4)
        .says("an absolute path");
}

/// Whoever cuts the log off is not given the gate's signature under what is left.
#[test]
fn a_log_that_lacks_what_was_signed_is_signed_no_more() {
    let (world, copy, _) = signed();
    let heads = world.home().join("heads.jsonl");
    std::fs::copy(&copy, &heads).expect("as a daemon does");
    tampered(&world, |log| {
        log.pop();
    });
    let daemon = world.up();
    world.alai(["down"]).exits(0);
    let ended = daemon.ends();
    assert!(
        ended.err.contains("nothing more is signed"),
        "{}",
        ended.err
    );
    let lines = std::fs::read_to_string(&heads).expect("heads");
    assert_eq!(lines, std::fs::read_to_string(&copy).expect("the copy"));
}

#[test]
fn what_a_loss_of_power_left_of_a_line_goes_and_no_pipe_holds_anybody_up() {
    let (world, copy, _) = signed();
    let heads = world.home().join("heads.jsonl");
    let whole = std::fs::read_to_string(&copy).expect("a line");
    std::fs::write(&heads, format!("{whole}{}", &whole[..100])).expect("torn");
    assert_eq!(faults(&audited(&world, &[], 0)), [""; 0]);
    let pipe = world.path("pipe");
    world.sh(&format!("mkfifo {}", pipe.display())).exits(0);
    let config = world.home().join("alai.toml");
    std::fs::write(
        &config,
        format!("log_copy = {:?}\n", pipe.display().to_string()),
    )
    .expect("written");
    world
        .alai(["mc", "add", "Third", "--project", "tiny", "-t", "me"])
        .exits(0);
    let daemon = world.up();
    world.alai(["down"]).exits(0);
    daemon.ends();
    let found = audited(&world, &[], 5);
    assert_eq!(faults(&found).len(), 1, "{found}");
    assert!(faults(&found)[0].contains("no plain file"), "{found}");
    assert_eq!(found["heads"], 2, "the torn line made room for a whole one");
    std::fs::remove_file(world.home().join("keys/gate.key")).expect("lost");
    world
        .alai(["evidence", "head"])
        .exits(4)
        .says("bring it back from a backup");
}

#[test]
fn a_restored_store_begins_its_ends_anew_and_the_copied_ones_still_tell() {
    let (world, _, _) = signed();
    let backup = world.path("backup.db");
    world
        .alai(["mc", "backup", &backup.display().to_string()])
        .exits(0);
    world
        .alai(["mc", "add", "Third", "--project", "tiny", "-t", "me"])
        .exits(0);
    let after = world.path("after.jsonl");
    let line = world.alai(["evidence", "head"]).exits(0).out;
    std::fs::write(&after, &line).expect("copied");
    std::fs::write(world.home().join("heads.jsonl"), &line).expect("as a daemon does");
    world
        .alai(["mc", "restore", &backup.display().to_string()])
        .exits(0)
        .says("has the signed ends of the log before");
    assert_eq!(faults(&audited(&world, &[], 0)), [""; 0]);
    let found = audited(&world, &[&after], 5);
    assert!(!faults(&found).is_empty(), "{found}");
}
