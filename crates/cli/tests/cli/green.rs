//! Green at every commit: each commit of the integration branch's own line (`git log --first-parent`), and of the target's after a
//! delivery, passes the project's tests, also where what an agent committed on its way was red.

use alai_testkit::git;
use serde_json::json;

use crate::script::{Script, small};
use crate::world::{World, run};

/// Commits half of the work, red as it is.
fn red_first() -> Script {
    let command = "printf 'is \"it is said\" \"$(sh alpha.sh 2>/dev/null)\" \"alpha\"\\n' > tests/first.sh && \
                   git add -A && git commit --quiet -m 'Half of it'";
    let half =
        json!({"name": "run", "arguments": {"command": format!("mkdir -p tests && {command}")}});
    let mut calls = vec![half];
    calls.extend(small("alpha"));
    Script::good().builds("Say alpha", &calls)
}

/// The commits of a history that fail the sample's tests.
fn red(world: &World, history: &[&str]) -> Vec<String> {
    let tree = world.path("looked-at");
    if !tree.exists() {
        world.git(&["clone", "--quiet", ".", &tree.display().to_string()]);
    }
    let mut args = vec!["rev-list"];
    args.extend(history);
    let all = world.git(&args);
    let fails = |commit: &&str| {
        git::git(&tree, &["fetch", "--quiet", "origin", commit]).expect("fetched");
        git::git(&tree, &["checkout", "--quiet", "--detach", commit]).expect("it is there");
        let mut shell = world.program("sh");
        shell.arg("test.sh").current_dir(&tree);
        run(shell).code != 0
    };
    all.lines().filter(fails).map(str::to_owned).collect()
}

fn added(world: &World, title: &str) -> i64 {
    let added = world.json(["mc", "add", title, "--project", "tiny", "--json"]);
    added["id"].as_i64().expect("a number")
}

fn merged(world: &World, task: i64) -> String {
    world.until(&format!("#{task} is merged"), |w| {
        let task = w.task(task)["view"]["task"].clone();
        task["integrated"].as_str().map(str::to_owned)
    })
}

#[test]
fn a_red_commit_on_an_agents_way_is_on_no_branchs_own_line() {
    let world = World::scripted("auto", &red_first());
    world.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let base = world.git(&["rev-parse", "main"]);
    let task = added(&world, "Say alpha");
    let daemon = world.up();
    let merge = merged(&world, task);
    world.until("the target has it", |w| {
        (w.git(&["rev-parse", "main"]) == merge).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    // The agent's history is kept, red as it was, and is beside the line.
    let whole = red(&world, &["main"]);
    assert_eq!(whole.len(), 1, "{whole:?}");
    assert_eq!(
        world.git(&["log", "-1", "--format=%s", &whole[0]]),
        "Half of it"
    );
    for branch in ["alai/integration", "main"] {
        assert_eq!(world.git(&["rev-parse", branch]), merge);
        assert_eq!(
            red(&world, &["--first-parent", branch]),
            [""; 0],
            "{branch}"
        );
        let line = world.git(&["rev-list", "--first-parent", "--parents", "-1", branch]);
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words.len(), words[1]), (3, base.as_str()), "{line}");
    }
    // What was merged is what was handed in, and the merge says whose it is.
    let handed = world.git(&["rev-parse", "main^2"]);
    let tree = |commit: &str| world.git(&["rev-parse", &format!("{commit}^{{tree}}")]);
    assert_eq!(tree("main"), tree(&handed));
    let text = world.git(&["log", "-1", "--format=%B%n%an", "main"]);
    let shown = world.task(task);
    let run = shown["runs"].as_array().and_then(|runs| runs.first());
    let run = run.and_then(|run| run["id"].as_str()).expect("a run");
    for part in [
        &format!("Merge #{task}: Say alpha"),
        &format!("Task: #{task}"),
        &format!("Run: {run}"),
    ] {
        assert!(text.contains(part.as_str()), "{part}: {text}");
    }
    // It is taken back as one, and the line stays green.
    world
        .alai(["diff", &task.to_string()])
        .exits(0)
        .says("main has all of");
    world.alai(["revert", &task.to_string(), "--wait"]).exits(0);
    assert!(
        !world.repo().join("alpha.sh").exists() && !world.repo().join("tests/first.sh").exists()
    );
    assert_eq!(red(&world, &["--first-parent", "main"]), [""; 0]);
    world
        .alai(["evidence", "verify", &task.to_string()])
        .exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn people_who_are_ahead_of_what_is_merged_need_no_merge() {
    let world = World::scripted("auto", &Script::good().builds("Say beta", &small("beta")));
    let task = added(&world, "Say beta");
    let daemon = world.up();
    let merge = merged(&world, task);
    world.until("the target has it", |w| {
        (w.git(&["rev-parse", "main"]) == merge).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    std::fs::write(world.repo().join("NOTES.md"), "ours\n").expect("written");
    let ours = git::commit_all(&world.repo(), "By hand").expect("a commit");
    world.alai(["project", "sync", "tiny"]).exits(0);
    assert_eq!(world.git(&["rev-list", "--merges", "--count", "main"]), "1");
    assert_eq!(world.git(&["rev-parse", "main"]), ours);
}
