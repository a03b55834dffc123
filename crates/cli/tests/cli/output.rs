//! What scripts and terminals see: JSON that parses, no escape sequences in a pipe, quiet ends, help that fits.

use serde_json::{Value, json};

use crate::script::{Script, TITLE, small};
use crate::world::{Ran, World, run};

/// A model that tries to write to the terminal of whoever looks.
fn hostile() -> Script {
    let done = json!({"status": "done", "summary": "\u{1b}]0;owned\u{7}\u{1b}[2Jdone"});
    let review = json!({"verdict": "pass_with_findings", "summary": "fine \u{1b}[31mred",
        "criteria": [{"n": 1, "met": true, "path": "words.sh", "line": 1}], "findings": [
        {"severity": "low", "title": "a \u{1b}[5mblink", "path": "words.sh", "line": 1, "detail": "\u{9b}0m"},
    ]});
    Script::good().judges("review", "", review).with(
        json!({"kind": "build", "step": "build", "role": "builder", "title": TITLE}),
        &[
            json!({"calls": small("extra")}),
            json!({"calls": [{"name": "done", "arguments": done}]}),
        ],
    )
}

/// Every command that prints data, on a world where a goal is done and a task waits.
const DATA: [&[&str]; 10] = [
    &["status"],
    &["why", "1"],
    &["why", "7"],
    &["project", "list"],
    &["mc", "list", "--all"],
    &["mc", "show", "3"],
    &["mc", "next-task"],
    &["minion", "list"],
    &["evidence", "show", "3"],
    &["evidence", "verify", "3"],
];

/// Runs of the same weeks begin alike: a name that fits several is told from one that fits none, and nothing is done.
#[test]
fn a_name_that_several_runs_have_is_ambiguous() {
    let world = World::scripted("auto", &Script::good());
    for _ in 0..2 {
        world
            .alai(["minion", "run", TITLE, "--project", "tiny"])
            .exits(0);
    }
    let ids: Vec<String> = [1, 2]
        .map(|task| world.task(task)["runs"][0]["id"].clone())
        .iter()
        .map(|id| id.as_str().expect("a run").to_owned())
        .collect();
    let both = &ids[0][..4];
    assert_eq!(both, &ids[1][..4]);
    for command in [
        &["show", both][..],
        &["log", both],
        &["tell", both, "Hello"],
        &["stop", both],
        &["recover", both],
    ] {
        let mut args = vec!["minion"];
        args.extend(command);
        let ran = world.alai(&args).exits(2);
        let ran = ran.says(&format!("`{both}` is ambiguous: 2 runs are called so"));
        ran.says(&ids[0]).says(&ids[1]).says("of #2");
    }
    world.alai(["minion", "show", &ids[1]]).exits(0);
}

fn objects(ran: &Ran) -> Vec<Value> {
    let all: Vec<Value> = ran
        .out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {ran}")))
        .collect();
    assert!(!all.is_empty(), "{ran}");
    all
}

fn clean(ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        let odd = text
            .chars()
            .find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(odd, None, "{ran}");
    }
}

#[test]
fn data_is_versioned_json_and_no_escape_sequence_reaches_a_pipe() {
    let world = World::scripted("auto", &hostile());
    let start = ["start", "Count letters", "--project", "tiny"];
    let ran = world.alai(start.into_iter().chain(["--wait"])).exits(0);
    clean(&ran);
    assert!(
        ran.err.contains("fine \u{fffd}[31mred"),
        "the hostile words were on the way: {ran}"
    );
    world
        .alai(["mc", "add", "Deploy it to production", "--project", "tiny"])
        .exits(0);
    let later = world.json(["mc", "add", "Later", "--project", "tiny", "--json"]);
    assert_eq!(
        (&later["id"], &later["schema_version"]),
        (&json!(8), &json!(1))
    );
    for args in DATA {
        clean(&world.alai(args).exits(0));
        let ran = world.alai(args.iter().copied().chain(["--json"])).exits(0);
        clean(&ran);
        for object in objects(&ran) {
            assert_eq!(object["schema_version"], 1, "{ran}");
        }
    }
    let ran = world.alai(start.into_iter().chain(["--json"])).exits(0);
    assert_eq!(objects(&ran).len(), 1, "{ran}");
    assert_eq!(ran.json()["schema_version"], 1);
}

#[test]
fn help_and_errors_have_no_colours_in_a_pipe() {
    let world = World::with_home();
    let mut colourful = world.command(["--help"]);
    colourful
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor");
    clean(&run(colourful).exits(0));
    clean(&world.alai(["why", "99"]).exits(3));
    clean(&world.alai(["frobnicate"]).exits(2));
    clean(&world.alai(["why", "\u{1b}[31m9"]).exits(2));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let world = World::with_project("auto");
    // More than a pipe holds, so that the writer is still at it when the reader goes.
    let long = "word ".repeat(12_000);
    for title in ["One", "Two", "Three"] {
        world
            .alai(["mc", "add", title, "--project", "tiny", "--desc", &long])
            .exits(0);
    }
    let ran = world
        .sh(r#"{ "$ALAI" mc list --json; echo "code $?" >&2; } | head -c 10"#)
        .exits(0);
    assert_eq!(ran.err, "code 0\n", "{ran}");
    assert_eq!(ran.out.len(), 10);
}

/// Every command's path, from the help itself.
fn commands(world: &World, path: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let help = world
        .alai(path.iter().map(String::as_str).chain(["--help"]))
        .exits(0)
        .out;
    let listed = help
        .split_once("\nCommands:\n")
        .map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default().to_owned());
    for line in listed.unwrap_or_default().lines() {
        // A continued description is indented further than a name.
        let name = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '))
            .and_then(|rest| rest.split(' ').next());
        if let Some(name) = name.filter(|name| *name != "help") {
            let below: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
            commands(world, &below, found);
        }
    }
    found.push((path.to_vec(), help));
}

#[test]
fn the_help_of_every_command_fits_and_has_an_example() {
    let world = World::without_home();
    let mut all = Vec::new();
    commands(&world, &[], &mut all);
    assert!(all.len() > 25, "{}", all.len());
    for (path, help) in all {
        let name = path.join(" ");
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "alai {name}: {line}");
        }
        let example = help
            .split_once("\nExample")
            .map(|(_, rest)| rest)
            .unwrap_or_default();
        assert!(
            example.contains("  alai "),
            "alai {name} has no example:\n{help}"
        );
        assert!(
            path.is_empty() || example.contains(&format!("alai {name}")),
            "alai {name}:\n{help}"
        );
        let short = world
            .alai(path.iter().map(String::as_str).chain(["-h"]))
            .exits(0);
        assert!(short.out.contains("Usage: alai"), "{short}");
    }
}

#[test]
fn a_slip_of_the_finger_is_told_what_was_meant() {
    let world = World::without_home();
    let cases: [(&[&str], &str); 4] = [
        (&["statsu"], "'status'"),
        (&["mc", "lsit"], "'list'"),
        (&["start", "A", "--projct", "tiny"], "'--project'"),
        (&["mc", "list", "--al"], "'--all'"),
    ];
    for (args, meant) in cases {
        world.alai(args).exits(2).says(meant);
    }
    world
        .alai(["--version"])
        .exits(0)
        .says(&format!("alai {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_store_is_searched_counted_copied_and_put_back() {
    let world = World::with_project("approve");
    world
        .alai(["mc", "add", "Add a health endpoint", "--project", "tiny"])
        .exits(0);
    world
        .alai(["mc", "search", "endpoints"])
        .exits(0)
        .says("#1 [M] [open] [—] Add a health endpoint")
        .says("Add a health [endpoint]");
    world.alai(["mc", "search", "flamingo"]).exits(3);
    world.alai(["mc", "done", "1", "I did it by hand"]).exits(0);
    world.alai(["mc", "stats"]).exits(0).says("by hand  1 ");
    assert_eq!(world.json(["mc", "stats", "--json"])["tasks"]["done"], 1);

    world.alai(["mc", "backup", "copy.db"]).exits(0);
    world
        .alai(["mc", "backup", "copy.db"])
        .exits(1)
        .says("copy.db");
    world
        .alai(["mc", "add", "Made later", "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    world
        .alai(["mc", "backup", "other.db"])
        .exits(0)
        .says("checked");
    world
        .alai(["mc", "restore", "copy.db"])
        .exits(1)
        .says("alai down");
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
    world
        .alai(["mc", "restore", "copy.db"])
        .exits(0)
        .says("kept");
    world.alai(["mc", "show", "2"]).exits(3);

    let exported = world.alai(["mc", "export"]).exits(0).out;
    std::fs::write(world.path("store.jsonl"), &exported).expect("written");
    let again = world.sh(
        "ALAI_HOME=$PWD/../second; export ALAI_HOME; $ALAI init >/dev/null && $ALAI mc import < ../store.jsonl >/dev/null \
         && $ALAI mc export",
    );
    assert_eq!(
        again.exits(0).out,
        exported,
        "the round trip changes nothing"
    );
    world.alai(["mc", "fsck"]).exits(0);
}
