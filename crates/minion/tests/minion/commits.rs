//! The commit of a burst: on the run's branch wherever the agent stands, and over in any case.

use alai_minion::hand::{Commit, CommitText, HandError};
use alai_workspace::command::Cancel;

use crate::world::World;

/// One more line in the answer, and a commit.
fn commit(world: &mut World, line: &str) -> Result<Commit, HandError> {
    std::fs::write(world.repo().join("answer.txt"), line).expect("a file");
    let base = world.base.clone();
    let text = CommitText {
        message: "a burst",
        author_name: "Ann",
        author_mail: "ann@localhost",
        base: &base,
    };
    world.hand.commit(&text, &Cancel::new())
}

#[test]
fn the_runs_branch_follows_an_agent_that_has_left_it() {
    let mut world = World::new();
    let first = commit(&mut world, "1\n").expect("a commit");
    assert!(first.made);
    assert_eq!(world.git(&["rev-parse", "minion/1"]), first.head);
    world.git(&["checkout", "--quiet", "-b", "elsewhere"]);
    let second = commit(&mut world, "2\n").expect("a commit");
    assert_eq!(world.git(&["rev-parse", "minion/1"]), second.head);
    world.git(&["checkout", "--quiet", "--detach"]);
    let third = commit(&mut world, "3\n").expect("a commit");
    assert_eq!(world.git(&["rev-parse", "minion/1"]), third.head);
    assert_eq!(world.git(&["rev-parse", "minion/1~2"]), first.head);
}

#[test]
fn a_branch_that_was_packed_is_read_all_the_same() {
    let mut world = World::new();
    let first = commit(&mut world, "1\n").expect("a commit");
    world.git(&["pack-refs", "--all"]);
    let again = commit(&mut world, "1\n").expect("nothing to do");
    assert!(!again.made);
    assert_eq!(again.head, first.head);
}

#[test]
fn a_branch_that_is_nonsense_or_a_link_is_left_to_git() {
    let mut world = World::new();
    let branch = world.repo().join(".git/refs/heads/minion/1");
    std::fs::write(&branch, "nonsense\n").expect("a branch of the agent's making");
    let error = commit(&mut world, "1\n").expect_err("git refuses it");
    assert!(matches!(error, HandError::Refused(_)), "{error}");
    std::fs::remove_file(&branch).expect("its file");
    let outside = world.dir.path().join("outside");
    std::fs::write(&outside, format!("{}\n", world.base)).expect("a file outside");
    std::os::unix::fs::symlink(&outside, &branch).expect("a link");
    let committed = commit(&mut world, "2\n").expect("a commit");
    assert_eq!(committed.head, world.git(&["rev-parse", "HEAD"]));
    assert_ne!(committed.head, world.base);
}
