//! The merge queue under load: many finished branches at once, some of them bad. The rows are written through the store's own door
//! while no daemon runs, as gates and reviews leave them; the daemon, the merges and the tests are real.

use alai_core::ids::TaskId;
use alai_core::pipeline::{Effect, Spawn};
use alai_core::task::{NewTask, TaskKind};
use alai_mission::{ClaimLimits, MergeState, Mission, SlotsOf};
use alai_testkit::git;
use std::path::Path;
use std::time::Duration;

use crate::world::{Running, World, run};

/// Fifty branches are some thirty tests in fresh clones.
const PATIENCE: Duration = Duration::from_secs(900);
const HOUR_MS: i64 = 3_600_000;

/// What a branch brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Brings {
    Good,
    /// A test that is red wherever it is.
    Poison,
    /// The title of the README, which another one changes too.
    Title,
}

/// Makes a branch off `main` and queues it as a task whose reviews have passed.
pub(crate) fn queue(world: &World, store: &Mission, number: usize, brings: Brings) -> TaskId {
    let tree = world.path("branches");
    let at = |args: &[&str]| git::git(&tree, args).unwrap_or_else(|e| panic!("{e}"));
    if !tree.exists() {
        world.git(&["clone", "--quiet", ".", &tree.display().to_string()]);
    }
    let name = format!("b{number}");
    at(&["checkout", "--quiet", "-b", &name, "origin/main"]);
    let test = match brings {
        Brings::Good | Brings::Title => format!("is \"{name}\" \"{number}\" \"{number}\"\n"),
        Brings::Poison => format!("is \"{name}\" \"{number}\" \"poison\"\n"),
    };
    std::fs::create_dir_all(tree.join("tests")).expect("a folder");
    std::fs::write(tree.join(format!("tests/{name}.sh")), test).expect("a test");
    if brings == Brings::Title {
        std::fs::write(tree.join("README.md"), format!("# Title of {name}\n")).expect("a title");
    }
    let head = git::commit_all(&tree, &name).expect("a commit");
    at(&["push", "--quiet", "origin", &name]);
    let project = store.find_project("tiny", None).expect("reads");
    let project = project.expect("registered").id;
    let mut new = NewTask::new(TaskKind::Build, name);
    new.project = Some(project);
    let task = store.add(new, None, "test", 1).expect("adds");
    let limits = ClaimLimits {
        total: 9,
        per_project: 9,
        run_ms_max: HOUR_MS,
        slots: SlotsOf::NOTHING,
    };
    let claim = store.claim(Some(task), &limits, "factory", HOUR_MS, 2);
    let fence = claim.expect("claims").expect("eligible").fence;
    let base = world.git(&["rev-parse", "main"]);
    let complete = Effect::Complete {
        base: Some(base.clone()),
        head: Some(head.clone()),
        note: "gate passed".into(),
    };
    let enqueue = Effect::Enqueue {
        lineage: task,
        project,
        base,
        head,
    };
    // A person holds it: nobody is to do it here.
    let mut review = NewTask::new(TaskKind::Review, format!("Review of b{number}"));
    review.project = Some(project);
    (review.parent, review.lineage) = (Some(task), Some(task));
    review.held = true;
    let spawn = Effect::Spawn {
        tasks: vec![Spawn {
            task: review,
            needs_new: Vec::new(),
            holds_postflight: false,
            holds_dependents: false,
            of_goal: false,
        }],
    };
    store
        .apply(&fence, "ok", vec![complete, spawn, enqueue], 3)
        .expect("applies");
    task
}

pub(crate) fn store(world: &World) -> Mission {
    Mission::open(&world.home(), |_| {}).expect("no daemon runs")
}

/// Waits until every merge has ended. Answers with the tasks that were merged and those that were sent back.
fn settled(world: &World) -> (Vec<TaskId>, Vec<TaskId>) {
    let reader = alai_mission::Reader::open(&world.home()).expect("a store");
    let rows = world.until_within(PATIENCE, "all merges have ended", |_| {
        let rows = reader.merges().expect("reads");
        let left = rows.iter().any(|row| row.state == MergeState::Queued);
        (!left).then_some(rows)
    });
    let of = |state| {
        let rows = rows.iter().filter(move |row| row.state == state);
        rows.map(|row| row.task).collect::<Vec<_>>()
    };
    (of(MergeState::Merged), of(MergeState::Refused))
}

/// Every commit that the branch was ever moved to is green, and they are its own line: nothing stands between two of them.
pub(crate) fn was_always_green(world: &World) -> usize {
    let log = world.git(&["reflog", "show", "--format=%H", "alai/integration"]);
    let line = ["rev-list", "--first-parent", "main..alai/integration"];
    assert_eq!(world.git(&line), log);
    let tree = world.path("looked-at");
    world.git(&["clone", "--quiet", ".", &tree.display().to_string()]);
    for commit in log.lines() {
        git::git(&tree, &["checkout", "--quiet", "--detach", commit]).expect("it is there");
        assert!(green(world, &tree), "{commit} is red");
    }
    log.lines().count()
}

fn green(world: &World, tree: &Path) -> bool {
    let mut shell = world.program("sh");
    shell.arg("test.sh").current_dir(tree);
    run(shell).code == 0
}

pub(crate) fn goes_down(world: &World, daemon: Running) {
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn fifty_branches_of_which_fifteen_are_bad_leave_the_branch_green_at_every_move() {
    let world = World::with_project("approve");
    let store_ = store(&world);
    let brings = |number: usize| match number {
        7 | 8 | 21 | 33 | 50 => Brings::Poison,
        3 => Brings::Title,
        number if number % 4 == 2 && number < 42 => Brings::Title,
        _ => Brings::Good,
    };
    let mut bad = Vec::new();
    let mut titles = 0;
    for number in 1..=50 {
        let brings = brings(number);
        let task = queue(&world, &store_, number, brings);
        titles += usize::from(brings == Brings::Title);
        // The title that is queued first is taken; the ten behind the first one conflict with it.
        if brings == Brings::Poison || (brings == Brings::Title && titles > 1) {
            bad.push(task);
        }
    }
    assert_eq!((bad.len(), titles), (15, 11));
    drop(store_);
    let daemon = world.up();
    let (merged, refused) = settled(&world);
    assert_eq!(refused, bad, "the culprits and nobody else");
    assert_eq!(merged.len(), 35);
    let moves = was_always_green(&world);
    assert!(moves < 35, "several came in at once: {moves}");
    for task in &bad {
        let list = world.list();
        let parent = format!("(parent: #{})", task.0);
        let reworks = list
            .lines()
            .filter(|line| line.contains("] Rework: ") && line.ends_with(&parent));
        assert_eq!(reworks.count(), 1, "#{} is sent back once", task.0);
    }
    goes_down(&world, daemon);
}

/// How the merges ended, in the order of their rows.
fn outcomes(world: &World) -> Vec<String> {
    let reader = alai_mission::Reader::open(&world.home()).expect("a store");
    let mut rows = reader.merges().expect("reads");
    rows.sort_by_key(|row| row.id);
    rows.into_iter().filter_map(|row| row.outcome).collect()
}

#[test]
fn a_kill_around_the_move_of_the_branch_merges_nothing_twice() {
    for point in ["update-ref.before", "update-ref.after"] {
        let world = World::with_project("approve");
        let store_ = store(&world);
        for number in 1..=4 {
            queue(&world, &store_, number, Brings::Good);
        }
        drop(store_);
        let mut dies = world.command(["up"]);
        dies.env("ALAI_CRASH_AT", point);
        assert_eq!(run(dies).code, 137, "{point}");
        alai_workspace::cage::end_orphans();
        let moved = point == "update-ref.after";
        let there = world.git(&["branch", "--list", "alai/integration"]);
        assert_eq!(!there.is_empty(), moved, "{point}");
        let daemon = world.up();
        let (merged, refused) = settled(&world);
        assert_eq!((merged.len(), refused.len()), (4, 0), "{point}");
        // One of each, and one that brings them in together.
        let joins = ["rev-list", "--merges", "--count", "alai/integration"];
        assert_eq!(world.git(&joins), "5", "{point}");
        let says = world.git(&["log", "-1", "--format=%B", "alai/integration"]);
        for words in ["Merge #1, #3, #5, #7 together", "Task: #1\n", "Task: #7"] {
            assert!(says.contains(words), "{point}: {says}");
        }
        // Each ends with its own merge, so that the first of them can be delivered without the others.
        let own = ["^2~3", "^2~2", "^2~1", ""];
        let own = own.map(|up| world.git(&["rev-parse", &format!("alai/integration{up}")]));
        assert_eq!(outcomes(&world), own, "{point}");
        let lacks = ["branch", "--list", "b*", "--no-merged", "alai/integration"];
        assert_eq!(world.git(&lacks), "", "{point}");
        assert_eq!(was_always_green(&world), 1, "{point}: moved once");
        goes_down(&world, daemon);
        world.alai(["mc", "fsck"]).exits(0);
    }
}

/// A signature of such a key is another one each time.
#[test]
fn the_commit_that_was_tested_is_moved_to_and_no_other_with_its_words() {
    let world = World::with_project("approve");
    let key = world.path("key");
    let mut made = world.program("ssh-keygen");
    made.args(["-q", "-t", "ecdsa", "-N", "", "-f"]).arg(&key);
    run(made).exits(0);
    for (name, value) in [
        ("commit.gpgSign", "true"),
        ("gpg.format", "ssh"),
        ("user.signingKey", &key.display().to_string()),
    ] {
        world.git(&["config", name, value]);
    }
    let store_ = store(&world);
    for (number, brings) in [Brings::Good, Brings::Good, Brings::Poison]
        .into_iter()
        .enumerate()
    {
        queue(&world, &store_, number + 1, brings);
    }
    drop(store_);
    let daemon = world.up();
    let (merged, refused) = settled(&world);
    assert_eq!((merged.len(), refused.len()), (2, 1));
    goes_down(&world, daemon);
    let tip = world.git(&["rev-parse", "alai/integration"]);
    let signed = world.git(&["cat-file", "commit", &tip]);
    assert!(signed.contains("gpgsig "), "{signed}");
    let objects = [
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objecttype) %(objectname)",
    ];
    let all = world.git(&objects);
    let commits = all.lines().filter_map(|line| line.strip_prefix("commit "));
    let joins: Vec<&str> = commits
        .filter(|oid| world.git(&["log", "-1", "--format=%s", oid]) == "Merge #1, #3 together")
        .collect();
    assert_eq!(joins, [tip.as_str()], "it was made once");
    let reader = alai_mission::Reader::open(&world.home()).expect("a store");
    for row in reader.merges().expect("reads") {
        if row.state == MergeState::Merged {
            assert_eq!(row.intent.as_deref(), Some(tip.as_str()));
        }
    }
}
