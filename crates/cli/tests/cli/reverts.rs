//! What an approval would move, and how merged work is taken back. The gate, the reviews and the merges are real; the model is
//! scripted.

use alai_core::ids::TaskId;
use alai_factory::{Op, Outcome};
use alai_testkit::git;
use serde_json::json;

use crate::script::{Script, TITLE, small, write};
use crate::socket::{self, Said};
use crate::world::World;

/// A task of its own, done and merged.
fn built(world: &World, title: &str) -> i64 {
    let added = world.json(["mc", "add", title, "--project", "tiny", "--json"]);
    let task = added["id"].as_i64().expect("a number");
    let daemon = world.up();
    world.until(&format!("#{task} is merged"), |w| {
        (!w.task(task)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    task
}

/// Somebody writes a file on the integration branch.
fn merged_by_hand(world: &World, path: &str, content: &str) {
    let mine = world.path("mine");
    world.git(&["clone", "--quiet", ".", &mine.display().to_string()]);
    let git = |args: &[&str]| git::git(&mine, args).unwrap_or_else(|e| panic!("{e}"));
    git(&["checkout", "--quiet", "alai/integration"]);
    std::fs::write(mine.join(path), content).expect("written");
    git::commit_all(&mine, "By hand").expect("something has changed");
    git(&["push", "--quiet", "origin", "alai/integration"]);
}

fn number(world: &World, title: &str) -> i64 {
    let list = world.list();
    let line = list.lines().find(|line| line.contains(title));
    let line = line.unwrap_or_else(|| panic!("`{title}` is in no line of:\n{list}"));
    let word = line.split(' ').next().unwrap_or_default();
    word.trim_start_matches('#').parse().expect("a number")
}

#[test]
fn a_diff_shows_what_an_approval_moves() {
    let script = Script::good();
    let world = World::scripted("approve", &script);
    world
        .alai(["mc", "add", TITLE, "--project", "tiny", "--hold"])
        .exits(0);
    world.alai(["diff", "1"]).exits(3).says("no commit yet");
    world.alai(["mc", "resume", "1"]).exits(0);
    let daemon = world.up();
    world.until("it is merged", |w| {
        (!w.task(1)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    let shown = world.alai(["diff", "1"]).exits(0);
    for words in [
        "main ",
        "commit   ",
        "+initials() {",
        "`alai mc approve 1` moves it",
    ] {
        assert!(
            shown.out.contains(words) || shown.err.contains(words),
            "{words}: {shown}"
        );
    }
    let stat = world.alai(["diff", "1", "--stat"]).exits(0);
    assert!(!stat.out.contains("@@"), "{stat}");
    let object = world.json(["diff", "1", "--json"]);
    assert_eq!(
        (&object["merged"], &object["target"]),
        (&json!(true), &json!("main"))
    );
    // What it shows is what is moved.
    world.alai(["mc", "approve", "1", "--wait"]).exits(0);
    assert_eq!(
        world.git(&["rev-parse", "main"]),
        object["to"].as_str().expect("a commit")
    );
    world.alai(["diff", "1"]).exits(0).says("main has all of");
    world.alai(["diff", "99"]).exits(3);
    drop(daemon);
}

#[test]
fn a_file_name_cannot_write_to_the_terminal_of_who_looks() {
    let world = World::scripted("approve", &Script::good());
    let start = ["start", "Count letters", "--project", "tiny", "--wait"];
    world.alai(start).exits(6);
    merged_by_hand(&world, "a\u{1b}[2Jb.sh", "echo \u{1b}[31mred\n");
    let shown = world.alai(["diff", "1"]).exits(0);
    assert!(shown.out.contains("file     added a"), "{shown}");
    assert!(!shown.out.contains('\u{1b}'), "{shown}");
}

#[test]
fn one_command_takes_a_merged_task_back_and_nothing_else() {
    let script = Script::good().builds("Say alpha", &small("alpha"));
    let world = World::scripted("auto", &script);
    let first = built(&world, TITLE);
    built(&world, "Say alpha");
    let before = world.git(&["rev-parse", "alai/integration"]);
    let tests = world.git(&["show", "main:test.sh"]);
    world
        .alai([
            "revert",
            &first.to_string(),
            "--reason",
            "Nobody needs initials",
            "--wait",
        ])
        .exits(0)
        .says("its gate is next");
    let made = number(&world, &format!("Revert: {TITLE}"));
    let list = world.list();
    for stage in ["Code review:", "Security audit:"] {
        assert!(list.contains(&format!("{stage} Revert: {TITLE}")), "{list}");
    }
    world
        .alai(["evidence", "verify", &made.to_string()])
        .exits(0);
    let tip = world.git(&["rev-parse", "alai/integration"]);
    assert!(
        world
            .git(&["log", "--format=%B", &format!("{before}..{tip}")])
            .contains(&format!("Reverts: #{first}")),
        "{}",
        world.git(&["log", "--format=%B", "-3", &tip])
    );
    // History goes on: what was there is in it, and what the other task brought is still there.
    world.git(&["merge-base", "--is-ancestor", &before, &tip]);
    assert_eq!(
        world.git(&["rev-parse", "main"]),
        tip,
        "moved by the policy like every other task"
    );
    assert!(world.repo().join("alpha.sh").is_file());
    assert!(!world.repo().join("tests/initials.sh").exists());
    assert_eq!(world.git(&["show", "main:test.sh"]), tests);
    assert_eq!(world.sh("sh test.sh").code, 0);
    let history = world.task(first)["history"].to_string();
    assert!(history.contains(&format!("by #{made}")), "{history}");
    // Its evidence names the tests that it took away, by a person's word.
    let task = world.task(made);
    let freed = task["view"]["task"]["changes_tests"].to_string();
    assert!(freed.contains("tests/initials.sh"), "{task}");

    let again = world.alai(["revert", &first.to_string()]).exits(1);
    assert!(again.err.contains("nothing of"), "{again}");
    let review = number(&world, &format!("Code review: {TITLE}"));
    world
        .alai(["revert", &review.to_string()])
        .exits(2)
        .says(&format!("`alai revert {first}`"));
    // And the revert is work like any other: it can be taken back.
    world.alai(["revert", &made.to_string(), "--wait"]).exits(0);
    assert!(world.repo().join("tests/initials.sh").is_file());
    assert!(world.repo().join("alpha.sh").is_file());
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn what_later_work_touches_is_taken_back_by_somebody() {
    let script = Script::good().builds("Say alpha", &small("alpha"));
    let world = World::scripted("approve", &script);
    let first = built(&world, "Say alpha");
    merged_by_hand(&world, "alpha.sh", "#!/bin/sh\necho alpha # said\n");
    world
        .alai(["revert", &first.to_string()])
        .exits(0)
        .says("by hand");
    let made = number(&world, "Revert: Say alpha");
    let task = world.task(made);
    let description = task["view"]["task"]["description"].as_str().expect("words");
    assert!(
        description.contains("`alpha.sh`") && description.contains("git diff "),
        "{description}"
    );
    assert_eq!(world.state(made), "open");
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_request_whose_answer_was_lost_takes_back_once() {
    let world = World::scripted("approve", &Script::good());
    let first = built(&world, TITLE);
    let daemon = world.up();
    let revert = Op::Revert {
        task: TaskId(first),
        text: String::new(),
    };
    let ask = || socket::ask(&world.home(), "mira", &revert, "once").expect("an answer");
    let made = |said: Said| {
        let Said::Done(Outcome::Task { task, .. }) = said else {
            panic!("{said:?}");
        };
        task
    };
    assert_eq!(made(ask()), made(ask()));
    let reverts = world.list().matches("] Revert: ").count();
    assert_eq!(reverts, 1, "{}", world.list());
    drop(daemon);
}

#[test]
fn who_asks_again_while_it_is_taken_back_is_told_by_which_task() {
    let world = World::scripted("approve", &Script::good());
    let first = built(&world, TITLE).to_string();
    world.alai(["revert", &first]).exits(0);
    let revert = number(&world, "] Revert: ").to_string();
    let again = world.alai(["revert", &first]).exits(1);
    again.says(&format!(
        "#{first} is being taken back by #{revert} already"
    ));
    assert_eq!(world.list().matches("] Revert: ").count(), 1);
    // What was given up is in nobody's way.
    world.alai(["mc", "cancel", &revert]).exits(0);
    world.alai(["revert", &first]).exits(0);
    assert_eq!(world.list().matches("] Revert: ").count(), 2);
}

/// A name that would be a pattern: it frees the file of that name, and none that the pattern would have matched.
#[test]
fn a_test_whose_name_reads_like_a_pattern_is_taken_back_by_its_name() {
    let mut calls = small("alpha");
    calls.push(write(
        "tests/a[b]*.py",
        "import words\n\ndef test_b():\n    assert words\n",
    ));
    let world = World::scripted("auto", &Script::good().builds("Say alpha", &calls));
    let first = built(&world, "Say alpha");
    assert!(world.repo().join("tests/a[b]*.py").is_file());
    world
        .alai(["revert", &first.to_string(), "--wait"])
        .exits(0);
    assert!(!world.repo().join("tests/a[b]*.py").exists());
    let made = number(&world, "Revert: Say alpha");
    let task = world.task(made);
    let freed = &task["view"]["task"]["changes_tests"];
    let globs: Vec<String> = serde_json::from_value(freed.clone()).expect("a list");
    let globs = alai_gate::Globs::new(&globs).expect("globs");
    assert!(
        globs.covers("tests/a[b]*.py") && !globs.covers("tests/abc.py"),
        "{task}"
    );
}

#[test]
fn only_merged_work_is_taken_back() {
    let world = World::scripted("approve", &Script::good());
    let start = ["start", "Count letters", "--project", "tiny", "--wait"];
    world
        .alai(["mc", "add", "Later", "--project", "tiny", "--hold"])
        .exits(0);
    world
        .alai(["revert", "1"])
        .exits(2)
        .says("nothing was merged for #1");
    world.alai(start).exits(6);
    world.alai(["revert", "2"]).exits(2).says("is a goal");
    world
        .alai(["diff", "2"])
        .exits(0)
        .says("`alai mc approve 2` moves it");
    world.alai(["revert", "99"]).exits(3);
    // Somebody has thrown the merged work away.
    let task = number(&world, &format!("] {TITLE}"));
    world.git(&["update-ref", "refs/heads/alai/integration", "main"]);
    world
        .alai(["revert", &task.to_string()])
        .exits(1)
        .says("is no part of main any more");
}
