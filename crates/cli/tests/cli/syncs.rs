//! People work on the branch that the factory delivers to: what they did is taken over before a run starts and before anything
//! moves, is never lost or written anew, and what cannot be joined becomes a task with both sides.

use alai_testkit::git;
use serde_json::json;

use crate::script::{Script, planned, small, write};
use crate::world::{World, run};

/// A world in which `alpha.sh` is merged and not delivered.
fn ahead(script: &Script) -> World {
    let world = World::scripted("approve", script);
    world
        .alai(["mc", "add", "Say alpha", "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    merged(&world, 1);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world
}

fn merged(world: &World, task: i64) {
    world.until(&format!("#{task} is merged"), |w| {
        (!w.task(task)["view"]["task"]["integrated"].is_null()).then_some(())
    });
}

/// A person commits a file on the branch that is checked out. Answers the commit.
fn person(world: &World, path: &str, content: &str) -> String {
    let path = world.repo().join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("written");
    git::commit_all(&world.repo(), "By a person").expect("something has changed")
}

fn holds(world: &World, branch: &str, commit: &str) -> bool {
    git::git(
        &world.repo(),
        &["merge-base", "--is-ancestor", commit, branch],
    )
    .is_ok()
}

fn good() -> Script {
    Script::good()
        .builds("Say alpha", &small("alpha"))
        .builds("Say beta", &small("beta"))
}

#[test]
fn what_people_did_is_taken_over_by_a_command_and_their_branch_stays() {
    let world = ahead(&good());
    let before = world.git(&["rev-parse", "alai/integration"]);
    world
        .alai(["project", "sync", "tiny"])
        .exits(0)
        .says("nothing that is not taken over");
    let theirs = person(&world, "mine.sh", "echo mine\n");
    world
        .alai(["project", "sync", "tiny"])
        .exits(0)
        .says("main is taken over as");
    for commit in [&before, &theirs] {
        assert!(holds(&world, "alai/integration", commit));
    }
    assert_eq!(world.git(&["rev-parse", "main"]), theirs);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    let said = world.git(&["log", "-1", "--format=%s|%an", "alai/integration"]);
    assert_eq!(said, "Merge main into alai/integration|alai");
    world
        .alai(["project", "sync", "elsewhere"])
        .exits(3)
        .says("`alai project list`");
    // With a daemon it comes by itself, and the command says so.
    let more = person(&world, "more.sh", "echo more\n");
    let daemon = world.up();
    world.alai(["project", "sync", "tiny"]).exits(0);
    assert!(holds(&world, "alai/integration", &more));
    drop(daemon);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_run_starts_from_what_people_did() {
    let world = ahead(&good());
    let theirs = person(&world, "mine.sh", "echo mine\n");
    world
        .alai(["mc", "add", "Say beta", "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    merged(&world, 4);
    let task = world.task(4);
    let base = task["view"]["task"]["base"].as_str().expect("a base");
    assert!(holds(&world, base, &theirs), "{task}");
    assert!(
        world
            .git(&["ls-tree", "--name-only", base])
            .contains("alpha.sh")
    );
    assert_eq!(world.git(&["rev-parse", "main"]), theirs, "people's alone");
    drop(daemon);
}

#[test]
fn what_cannot_be_joined_becomes_a_task_with_both_sides_and_the_rest_waits_for_it() {
    let join = [
        json!({"name": "read", "arguments": {"path": "alpha.sh"}}),
        json!({"name": "edit", "arguments": {"path": "alpha.sh", "old": "echo mine", "new": "echo alpha # and mine"}}),
        write(
            "tests/joined.sh",
            "is \"both are there\" \"$(grep -c 'alpha # and mine' alpha.sh)\" \"1\"\n",
        ),
    ];
    let world = ahead(&good().builds("Join main", &join));
    let ours = world.git(&["rev-parse", "alai/integration"]);
    let theirs = person(&world, "alpha.sh", "#!/bin/sh\necho mine\n");
    world
        .alai(["mc", "add", "Say beta", "--project", "tiny", "--hold"])
        .exits(0);
    let daemon = world.up();
    world
        .alai(["project", "sync", "tiny"])
        .exits(6)
        .says("#5 joins them");
    let task = world.task(5);
    let description = task["view"]["task"]["description"].as_str().expect("words");
    for side in ["+echo alpha", "+echo mine", "`alpha.sh`"] {
        assert!(description.contains(side), "{side}: {description}");
    }
    world.alai(["mc", "resume", "4"]).exits(0);
    merged(&world, 5);
    merged(&world, 4);
    for commit in [&ours, &theirs] {
        assert!(
            holds(&world, "alai/integration", commit),
            "{}",
            world.list()
        );
    }
    assert_eq!(
        world.git(&["show", "alai/integration:alpha.sh"]),
        "#!/bin/sh\necho alpha # and mine"
    );
    assert_eq!(
        world.git(&["rev-parse", "main"]),
        theirs,
        "nothing is forced"
    );
    assert_eq!(
        world.list().matches("Join main with").count(),
        3,
        "one build, its review, its audit"
    );
    // What was approved alone does not go together with what people did; the work that joins both does.
    let refused = world.alai(["mc", "approve", "1", "--wait"]).exits(6);
    assert!(refused.err.contains("alpha.sh"), "{refused}");
    world.alai(["mc", "approve", "5", "--wait"]).exits(0);
    assert!(holds(&world, "main", &ours) && holds(&world, "main", &theirs));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn who_asks_again_while_somebody_joins_both_sides_is_told_so() {
    let world = ahead(&good());
    person(&world, "alpha.sh", "#!/bin/sh\necho mine\n");
    let sync = ["project", "sync", "tiny"];
    world.alai(sync).exits(6).says("#4 joins them");
    world.alai(["mc", "pause", "4"]).exits(0);
    let daemon = world.up();
    for _ in 0..2 {
        world.alai(sync).exits(6).says("#4 joins them");
    }
    drop(daemon);
    let noted = alai_mission::Reader::open(&world.home()).expect("the store");
    let project = noted.projects().expect("reads")[0].id;
    let (end, words, _) = noted.last_sync(project).expect("reads").expect("a note");
    assert_eq!(end, alai_mission::SyncEnd::Refused);
    assert!(words.contains("#4 joins them"), "{words}");
}

/// What joins both sides holds all that is merged, also the first half of a goal whose second half waits.
#[test]
fn a_join_delivers_no_half_of_a_goal() {
    let join = [
        json!({"name": "read", "arguments": {"path": "alpha.sh"}}),
        json!({"name": "edit", "arguments": {"path": "alpha.sh", "old": "echo mine", "new": "echo alpha # and mine"}}),
        write(
            "tests/joined.sh",
            "is \"both are there\" \"$(grep -c 'alpha # and mine' alpha.sh)\" \"1\"\n",
        ),
    ];
    let script = good().builds("Join main", &join).plans(&[
        planned("a", "Say alpha", &[]),
        planned("b", "Write to the CEO", &["a"]),
    ]);
    let world = World::scripted("auto", &script);
    let daemon = world.up();
    world
        .alai(["start", "Say letters", "--project", "tiny"])
        .exits(0);
    world.until("it is planned", |w| {
        w.list().contains("Write to the CEO").then_some(())
    });
    merged(&world, 3);
    let ours = world.git(&["rev-parse", "alai/integration"]);
    let theirs = person(&world, "alpha.sh", "#!/bin/sh\necho mine\n");
    world
        .alai(["project", "sync", "tiny"])
        .exits(6)
        .says("joins them");
    let list = world.list();
    let line = list.lines().find(|line| line.contains("Join main with"));
    let number = line.and_then(|line| line.strip_prefix('#')?.split(' ').next());
    let join: i64 = number
        .unwrap_or_else(|| panic!("{list}"))
        .parse()
        .expect("a number");
    merged(&world, join);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert!(holds(&world, "alai/integration", &ours) && holds(&world, "alai/integration", &theirs));
    let rows = alai_mission::Reader::open(&world.home())
        .and_then(|reader| reader.merges())
        .expect("the queue");
    let delivers = |row: &&alai_mission::MergeRow| row.kind == alai_mission::MergeKind::Deliver;
    assert_eq!(rows.iter().filter(delivers).count(), 0, "{rows:?}");
    assert_eq!(world.git(&["rev-parse", "main"]), theirs);
    // A person may want it as it is.
    world
        .alai(["mc", "approve", &join.to_string(), "--wait"])
        .exits(0);
    assert!(holds(&world, "main", &ours) && holds(&world, "main", &theirs));
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn what_is_red_together_is_not_taken_over_and_says_so() {
    let world = ahead(&good());
    let before = world.git(&["rev-parse", "alai/integration"]);
    person(
        &world,
        "tests/alone.sh",
        "is \"nobody says alpha\" \"$(ls alpha.sh 2>/dev/null)\" \"\"\n",
    );
    for daemon in [false, true] {
        let up = daemon.then(|| world.up());
        world
            .alai(["project", "sync", "tiny"])
            .exits(6)
            .says("tests are red when main is merged");
        assert_eq!(world.git(&["rev-parse", "alai/integration"]), before);
        drop(up);
    }
}

#[test]
fn a_sync_that_is_killed_is_done_by_the_next_one() {
    for point in ["commit-tree.after", "update-ref.before", "update-ref.after"] {
        let world = ahead(&good());
        let theirs = person(&world, "mine.sh", "echo mine\n");
        let mut killed = world.command(["project", "sync", "tiny"]);
        killed.env("ALAI_CRASH_AT", point);
        assert_eq!(run(killed).code, 137, "{point}");
        alai_workspace::cage::end_orphans();
        world.alai(["project", "sync", "tiny"]).exits(0);
        assert!(holds(&world, "alai/integration", &theirs), "{point}");
        let merges = world.git(&["rev-list", "--merges", "--count", "alai/integration"]);
        assert_eq!(merges, "2", "{point}: that of the work, and one of theirs");
        world.alai(["mc", "fsck"]).exits(0);
    }
}

#[test]
fn the_name_of_a_branch_is_a_name_and_nothing_else() {
    let world = World::with_home();
    let name = "x';touch$IFS'pwned\"$(id)`id`&|";
    world.git(&["checkout", "--quiet", "-b", name]);
    world
        .alai(["project", "add", "tiny", "--test", crate::world::TEST])
        .exits(0);
    world.play(&good());
    world
        .alai(["mc", "add", "Say alpha", "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    merged(&world, 1);
    let theirs = person(&world, "mine.sh", "echo mine\n");
    world.alai(["project", "sync", "tiny"]).exits(0);
    assert!(holds(&world, "alai/integration", &theirs));
    world.alai(["diff", "1"]).exits(0).says("+echo alpha");
    world.alai(["revert", "1", "--wait"]).exits(0);
    assert!(!world.repo().join("pwned").exists() && !world.path("pwned").exists());
    drop(daemon);
}
