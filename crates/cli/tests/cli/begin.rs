//! A project from nothing: an empty folder, `alai project add --new`, and a scaffold as the first task, chosen by its title and merged.

use std::time::Duration;

use serde_json::{Value, json};

use crate::script::Script;
use crate::world::{Ran, Running, World};

/// A whole project through gate, review, audit and merge, on a machine that does other work too.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Where nothing is installed: the project is there when its manifest is.
const LOOKS: &str = "test ! -e Cargo.toml || grep -q '^axum' Cargo.toml";

fn begin(world: &World, path: &str, more: &[&str]) -> Ran {
    let args = ["project", "add", path, "--new", "--test", LOOKS];
    world.alai(args.iter().chain(more))
}

/// What git says of a repository of the world.
fn git(world: &World, folder: &str, args: &[&str]) -> String {
    alai_testkit::git::git(&world.path(folder), args).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_folder_becomes_a_repository_with_one_commit_and_a_project() {
    let world = World::with_home();
    let person = "[user]\n\tname = Ada\n\temail = ada@example.org\n";
    std::fs::write(world.path("person/.gitconfig"), person).expect("written");
    begin(&world, "shop", &["--deliver", "auto"])
        .exits(0)
        .says("project  shop at ");
    let log = git(&world, "shop", &["log", "--format=%an <%ae> %s", "main"]);
    assert_eq!(log.trim(), "Ada <ada@example.org> Begin");
    assert_eq!(git(&world, "shop", &["status", "--porcelain"]), "");
    assert_eq!(git(&world, "shop", &["ls-files"]).trim(), "README.md");
    let shown = world.json(["project", "show", "shop", "--json"]);
    assert_eq!(shown["target_branch"], "main", "{shown}");
    // An empty folder is as good as none, and nobody's name is needed.
    std::fs::remove_file(world.path("person/.gitconfig")).expect("removed");
    std::fs::create_dir(world.path("empty")).expect("a folder");
    begin(&world, "empty", &[]).exits(0);
    let log = git(&world, "empty", &["log", "--format=%an", "main"]);
    assert_eq!(log.trim(), "alai");
}

#[test]
fn what_is_refused_makes_nothing() {
    let world = World::with_home();
    begin(&world, "shop", &[]).exits(0);
    let inside = world.path("tiny/inside");
    let used = world.path("used");
    std::fs::create_dir(&used).expect("a folder");
    std::fs::write(used.join("mine.txt"), "mine").expect("written");
    for (args, code, says) in [
        (
            vec!["project", "add", "a", "--new"],
            4,
            "needs its test command",
        ),
        (
            vec![
                "project", "add", "b", "--new", "--test", "true", "--target", "trunk",
            ],
            2,
            "has the branch `main` alone",
        ),
        (
            vec![
                "project", "add", "c", "--new", "--test", "true", "--name", "shop",
            ],
            2,
            "`shop` is registered already",
        ),
        (
            vec![
                "project",
                "add",
                "d",
                "--new",
                "--test",
                "true",
                "--setup-host",
                "a b",
            ],
            2,
            "`a b` is no host",
        ),
        (
            vec!["project", "add", "used", "--new", "--test", "true"],
            2,
            "is there and not empty",
        ),
        (
            vec!["project", "add", "shop", "--new", "--test", "true"],
            2,
            "registered already",
        ),
        (
            vec!["project", "add", "tiny/inside", "--new", "--test", "true"],
            2,
            "lies in the repository",
        ),
        (
            vec!["project", "add", "no/where", "--new", "--test", "true"],
            3,
            "cannot look at",
        ),
        (
            vec!["project", "add", "..", "--new", "--test", "true"],
            2,
            "",
        ),
    ] {
        let ran = world.alai(&args);
        assert_eq!(ran.code, code, "{args:?}: {ran}");
        assert!(ran.err.contains(says), "{args:?}: {ran}");
    }
    for made in ["a", "b", "c", "d", "no"] {
        assert!(!world.path(made).exists(), "{made}");
    }
    assert!(!inside.exists());
    let left: Vec<_> = std::fs::read_dir(&used)
        .expect("a folder")
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(world.alai(["project", "list"]).out.lines().count(), 1);
}

#[test]
fn a_folder_around_it_that_is_a_link_is_where_it_leads() {
    let world = World::with_home();
    std::fs::create_dir(world.path("free")).expect("a folder");
    for (link, to) in [("into", "tiny"), ("fine", "free"), ("dangling", "nowhere")] {
        std::os::unix::fs::symlink(world.path(to), world.path(link)).expect("a link");
    }
    begin(&world, "into/shop", &[])
        .exits(2)
        .says("lies in the repository");
    assert!(!world.path("tiny/shop").exists());
    begin(&world, "dangling", &[])
        .exits(3)
        .says("cannot look at");
    assert!(
        !world.path("nowhere").exists(),
        "nothing is made through a link"
    );
    begin(&world, "fine/shop", &[]).exits(0);
    assert!(world.path("free/shop/.git").is_dir());
}

#[test]
fn a_kill_leaves_nothing_in_the_place_and_the_next_try_makes_it() {
    let world = World::with_home();
    std::fs::create_dir(world.path("around")).expect("a folder");
    let args = ["project", "add", "around/shop", "--new", "--test", LOOKS];
    let mut dies = world.command(args);
    dies.env("ALAI_CRASH_AT", "project.begun");
    let killed = Running::start(dies).ends();
    assert_eq!(killed.code, 128 + libc::SIGKILL, "{killed}");
    assert!(!world.path("around/shop").exists());
    begin(&world, "around/shop", &[]).exits(0);
    let left: Vec<_> = std::fs::read_dir(world.path("around"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["shop"], "what the kill left is gone");
    let log = git(&world, "around/shop", &["log", "--format=%s", "main"]);
    assert_eq!(log.trim(), "Begin");
}

/// The whole way, with nothing said but the title: who does it, what is walked, with which inputs.
#[test]
fn a_scaffold_is_the_first_task_of_a_project_that_begins_from_nothing() {
    let world = World::with_home();
    world.play(&Script::good());
    begin(&world, "shop", &["--deliver", "auto"]).exits(0);
    let title = "Scaffold an axum service called lunch-box in services/lunch";
    let args = [
        "mc",
        "add",
        title,
        "--project",
        "shop",
        "--check",
        "grep -q lunch-box services/lunch/README.md",
    ];
    world.alai(args).exits(0);
    let basis = world.json(["explain", "1", "--json"]);
    assert_eq!(basis["company"]["name"], "CodeCraft", "{basis}");
    let walked = &basis["blueprint"];
    assert_eq!(walked["name"], "codecraft-api-backend", "{basis}");
    let reason = walked["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("CodeCraft walks it for scaffold"),
        "{reason}"
    );
    let inputs = walked["inputs"].as_array().expect("inputs");
    let told: Vec<(&Value, &Value, &Value)> = inputs
        .iter()
        .map(|one| (&one["name"], &one["value"], &one["from"]))
        .collect();
    for (name, value, from) in [
        ("name", "lunch-box", "task"),
        ("backend", "axum", "task"),
        ("folder", "services/lunch", "task"),
        ("delivery", "yes", "default"),
    ] {
        let (name, value, from) = (json!(name), json!(value), json!(from));
        assert!(told.contains(&(&name, &value, &from)), "{told:?}");
    }
    let daemon = world.up();
    let merged = world.until_within(PATIENCE, "it is merged or waits", |world| {
        let waits = ["waiting", "failed"].contains(&world.state(1).as_str());
        let there = git(world, "shop", &["log", "--format=%s", "main"]);
        (waits || there.contains(title)).then_some(!waits)
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    assert!(merged, "{}", world.alai(["why", "1"]));
    let files = git(&world, "shop", &["ls-tree", "-r", "--name-only", "main"]);
    for file in [
        ".github/workflows/lunch-box.yml",
        "README.md",
        "services/lunch/Cargo.lock",
        "services/lunch/Dockerfile",
        "services/lunch/src/main.rs",
    ] {
        assert!(
            files.lines().any(|line| line == file),
            "{file} is not in {files}"
        );
    }
    let readme = git(&world, "shop", &["show", "main:README.md"]);
    assert_eq!(readme, "# shop", "the root's own stays");
    assert_eq!(git(&world, "shop", &["status", "--porcelain"]), "");
    let run = world.task(1)["runs"][0].clone();
    assert_eq!(run["model"], "none: no model is asked", "{run}");
    world.alai(["evidence", "verify", "1"]).exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

/// A title is enough to begin a scaffold, and not to write one over a project that is there.
#[test]
fn a_scaffold_leaves_a_project_that_is_there_alone_and_says_why() {
    let world = World::with_project("auto");
    let title = "Scaffold an axum service called bills";
    let before = world.git(&["rev-parse", "main"]);
    let ran = world.alai(["minion", "run", title, "--project", "tiny"]);
    assert_ne!(ran.code, 0, "{ran}");
    let run = world.task(1)["runs"][0]["id"]
        .as_str()
        .expect("a run")
        .to_owned();
    world
        .alai(["minion", "log", &run])
        .exits(0)
        .says("there is code already");
    assert_eq!(world.git(&["rev-parse", "main"]), before);
}
