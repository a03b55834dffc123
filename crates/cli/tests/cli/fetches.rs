//! What people pushed to a remote is here before work starts and before anything moves; a branch here is only moved forward, and a remote
//! that is down holds nobody up.

use alai_testkit::git;
use alai_testkit::github::GitHub;

use crate::remotes::{add, good, with_remote};
use crate::world::World;

/// Somebody else's clone of the remote, in which a commit is made and pushed. Answers the commit.
fn somebody_pushes(world: &World, github: &GitHub, file: &str) -> String {
    let theirs = world.path("theirs");
    let remote = github.remote().display().to_string();
    if !theirs.exists() {
        git::git(&world.path(""), &["clone", "--quiet", &remote, "theirs"]).expect("a clone");
    }
    std::fs::write(theirs.join(file), "echo theirs\n").expect("a file");
    let commit = git::commit_all(&theirs, "By somebody").expect("a commit");
    git::git(&theirs, &["push", "--quiet", "origin", "HEAD:main"]).expect("pushed");
    commit
}

fn fetching() -> (World, GitHub) {
    let (world, github) = with_remote("approve", &good());
    world
        .alai(["project", "set", "tiny", "--fetch", "on"])
        .exits(0)
        .says("fetch    main of origin");
    (world, github)
}

fn merged(world: &World, task: i64) {
    world.until(&format!("#{task} is merged"), |w| {
        (!w.task(task)["view"]["task"]["integrated"].is_null()).then_some(())
    });
}

#[test]
fn a_command_fetches_and_the_files_follow() {
    let (world, github) = fetching();
    let theirs = somebody_pushes(&world, &github, "theirs.sh");
    world
        .alai(["project", "sync", "tiny"])
        .exits(0)
        .says("main is origin's");
    assert_eq!(world.git(&["rev-parse", "main"]), theirs);
    assert!(world.repo().join("theirs.sh").exists());
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    // With a daemon it is the daemon that does it.
    let daemon = world.up();
    let more = somebody_pushes(&world, &github, "more.sh");
    world.alai(["project", "sync", "tiny"]).exits(0);
    assert_eq!(world.git(&["rev-parse", "main"]), more);
    drop(daemon);
    // Where it is switched off nothing is asked.
    world
        .alai(["project", "set", "tiny", "--fetch", "off"])
        .exits(0);
    somebody_pushes(&world, &github, "unasked.sh");
    world.alai(["project", "sync", "tiny"]).exits(0);
    assert_eq!(world.git(&["rev-parse", "main"]), more);
}

#[test]
fn a_run_starts_from_what_people_pushed() {
    let (world, github) = fetching();
    let theirs = somebody_pushes(&world, &github, "theirs.sh");
    add(&world, "Say alpha");
    let daemon = world.up();
    merged(&world, 1);
    drop(daemon);
    let task = world.task(1);
    let base = task["view"]["task"]["base"]
        .as_str()
        .expect("a base")
        .to_owned();
    assert!(
        git::git(
            &world.repo(),
            &["merge-base", "--is-ancestor", &theirs, &base]
        )
        .is_ok()
    );
}

#[test]
fn a_remote_that_is_down_is_said_and_work_goes_on() {
    let (world, github) = fetching();
    std::fs::rename(github.remote(), world.path("away")).expect("moved");
    world
        .alai(["project", "sync", "tiny"])
        .exits(1)
        .says("origin could not be reached to fetch")
        .says("main has nothing that is not taken over");
    add(&world, "Say alpha");
    let daemon = world.up();
    merged(&world, 1);
    world
        .alai(["project", "sync", "tiny"])
        .exits(1)
        .says("origin could not be reached to fetch");
    drop(daemon);
}

#[test]
fn branches_that_have_parted_are_not_reset() {
    let (world, github) = fetching();
    somebody_pushes(&world, &github, "theirs.sh");
    std::fs::write(world.repo().join("mine.sh"), "echo mine\n").expect("a file");
    let mine = git::commit_all(&world.repo(), "Mine").expect("a commit");
    world
        .alai(["project", "sync", "tiny"])
        .exits(1)
        .says("have parted")
        .says("pull --no-rebase origin main");
    assert_eq!(world.git(&["rev-parse", "main"]), mine);
    // What is not committed is in nobody's way but its own.
    let (world, github) = fetching();
    std::fs::write(world.repo().join("words.sh"), "changed\n").expect("a file");
    somebody_pushes(&world, &github, "theirs.sh");
    let main = world.git(&["rev-parse", "main"]);
    world
        .alai(["project", "sync", "tiny"])
        .exits(1)
        .says("uncommitted changes");
    assert_eq!(world.git(&["rev-parse", "main"]), main);
    assert_eq!(
        std::fs::read_to_string(world.repo().join("words.sh")).expect("there"),
        "changed\n"
    );
}

#[test]
fn a_fetch_that_is_killed_is_done_by_the_next_one() {
    for point in [
        "remote-fetch.before",
        "remote-fetch.after",
        "update-ref.before",
        "update-ref.after",
    ] {
        let (world, github) = fetching();
        let theirs = somebody_pushes(&world, &github, "theirs.sh");
        let mut killed = world.command(["project", "sync", "tiny"]);
        killed.env("ALAI_CRASH_AT", point);
        assert_eq!(crate::world::run(killed).code, 137, "{point}");
        world.alai(["project", "sync", "tiny"]).exits(0);
        assert_eq!(world.git(&["rev-parse", "main"]), theirs, "{point}");
        assert_eq!(world.git(&["status", "--porcelain"]), "", "{point}");
    }
}
