//! Killed at every single point, then done again: the same end.
//!
//! The story (clone, work, import, merge, move the user's branch, set up) runs in a child process, which is this test binary
//! asked for [`the_story`] alone. The child counts its crash points first; then one child per point is killed there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use alai_workspace::cage;
use alai_workspace::clone::{self, import};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, CommitText, GitError, Merged, Moved, Oid};
use alai_workspace::setup::{SetupPlan, install_into, prepare};

use crate::world::{World, agent, host_env, import_of, tools, with_cage, work_in, write};

const WHERE: &str = "ALAI_TEST_STORY";

/// Stories at once.
const WORKERS: usize = 8;

/// What an orchestrator does with one run, written so that it can be called again after a crash at any point.
fn story(root: &Path, base: &Oid) -> Result<Oid, GitError> {
    with_cage();
    let repo = git::open(root).expect("opened");
    let beside = |name: &str| root.parent().expect("a parent").join(name);
    let (dest, home) = (beside("clone"), beside("home"));
    let tip = match git::resolve(&repo, "refs/alai/run-1").expect("looked") {
        Some(tip) => tip,
        None => {
            // No work is imported yet: a clone that a crash left is of no use.
            clone::remove(&dest).expect("removed");
            clone::remove(&home).expect("removed");
            let plan = SetupPlan::new(
                Some("mkdir node_modules && echo x > node_modules/x".to_owned()),
                host_env(),
            );
            let prepared =
                prepare(&repo, base, &plan, &beside("cache"), &Cancel::new()).expect("prepared");
            clone::for_run(&repo, base, &dest, "minion/x", &agent(), cage::agent_ids())
                .expect("cloned");
            let installed =
                install_into(&prepared, &dest, &home, cage::agent_ids()).expect("installed");
            assert!(installed.skipped.is_empty());
            work_in(&dest, &[("work", "done\n")], "work");
            let tools = tools();
            import(&repo, &import_of(&dest, base, &tools), &Cancel::new()).expect("imported")
        }
    };
    let text = CommitText {
        message: "Merge\n".to_owned(),
        author: agent(),
        committer: agent(),
        when_ms: 1_700_000_000_000,
    };
    for _ in 0..2 {
        let ours = git::resolve(&repo, "main")
            .expect("looked")
            .expect("a branch");
        let to = match git::merge(&repo, &ours, &tip, &text).expect("merged") {
            Merged::AlreadyMerged(_) => break,
            Merged::FastForward(to) | Merged::Commit(to) => to,
            Merged::Conflict(paths) => panic!("{paths:?}"),
        };
        let moved = git::move_branch(&repo, "main", &to, &ours)?;
        assert!(
            matches!(moved, Moved::WorkTree(_) | Moved::AlreadyThere),
            "{moved:?}"
        );
    }
    clone::remove(&dest).expect("removed");
    Ok(tip)
}

#[test]
#[ignore = "the child of the next test"]
fn the_story() {
    let root = PathBuf::from(std::env::var_os(WHERE).expect("a repository is given"));
    let base =
        std::fs::read_to_string(root.parent().expect("a parent").join("base")).expect("read");
    story(&root, &base.parse().expect("an oid")).expect("told to its end");
}

/// A user whose `main` went on after the base, so that a merge commit is needed.
fn begin() -> (World, Oid) {
    let world = World::new();
    let base = world.tip("HEAD");
    world.commit(&[("README.md", "meanwhile\n")], "meanwhile");
    write(world.dir.path(), "base", base.as_str());
    (world, base)
}

fn child(world: &World, variable: &str, value: &str) -> std::process::ExitStatus {
    let binary = std::env::current_exe().expect("this binary");
    let mut command = Command::new(binary);
    command.args([
        "--exact",
        "crashes::the_story",
        "--ignored",
        "--test-threads=1",
        "-q",
    ]);
    command
        .env(WHERE, &world.root)
        .env(variable, value)
        .output()
        .expect("started")
        .status
}

#[test]
fn a_kill_at_any_point_changes_nothing_about_the_end() {
    let (world, _) = begin();
    let log = world.beside("points");
    assert!(child(&world, "ALAI_CRASH_LOG", log.to_str().expect("text")).success());
    let points: Vec<String> = std::fs::read_to_string(&log)
        .expect("read")
        .lines()
        .map(str::to_owned)
        .collect();
    for name in [
        "setup.before",
        "setup.kept",
        "clone.packed",
        "install.before",
        "fetch.before",
        "update-ref.before",
        "read-tree.after",
        "remove.before",
    ] {
        assert!(
            points.iter().any(|point| point == name),
            "{name} is not passed: {points:?}"
        );
    }
    let tree = world.git(&["rev-parse", "main^{tree}"]);
    let next = AtomicUsize::new(0);
    // Each worker takes the next point: the stories are mostly waiting for programs to start and end.
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(point) = points.get(number) else {
                        break;
                    };
                    let before = points[..=number]
                        .iter()
                        .rfind(|name| name.starts_with("read-tree"));
                    let in_files = before.is_some_and(|name| name == "read-tree.before");
                    killed_at(number + 1, point, in_files, &tree);
                }
            });
        }
    });
}

/// Kills the story at its `number`th point, tells it again to its end, and looks at that. Only while git writes the user's
/// files (`in_files`) may the second telling be refused, by name: git is killed with us and leaves its lock, and what lies
/// there is the user's to judge. The test then does what the refusal says.
fn killed_at(number: usize, point: &str, in_files: bool, tree: &str) {
    let (world, base) = begin();
    let status = child(&world, "ALAI_CRASH_AT", &number.to_string());
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(9), "{point} was passed");
    if let Err(refusal) = story(&world.root, &base) {
        let named = matches!(
            refusal,
            GitError::Busy { .. } | GitError::Dirty { .. } | GitError::InTheWay { .. }
        );
        assert!(in_files && named, "killed at {point}: {refusal}");
        let _ = std::fs::remove_file(world.root.join(".git/index.lock"));
        world.git(&["stash", "--include-untracked", "--quiet"]);
        story(&world.root, &base).expect("told to its end");
    }
    assert_eq!(
        world.git(&["rev-parse", "main^{tree}"]),
        tree,
        "killed at {point}"
    );
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "",
        "killed at {point}"
    );
    assert_eq!(
        world.git(&["rev-list", "--count", "main"]).trim(),
        "4",
        "killed at {point}"
    );
    world.git(&["fsck", "--strict"]);
}
