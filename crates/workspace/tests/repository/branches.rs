//! Refs by compare and swap, and moving a branch on which its user stands.

use std::fs;

use alai_workspace::git::{self, GitError, Moved, Oid};

use crate::world::{World, git_in};

/// A repository whose `main` is at the first commit and which holds a second one, a child of it, that nobody points at.
fn with_next() -> (World, Oid, Oid) {
    let world = World::new();
    let base = world.tip("HEAD");
    let next = world.commit(&[("README.md", "two\n"), ("new/file", "new\n")], "second");
    world.git(&["reset", "--quiet", "--hard", base.as_str()]);
    (world, base, next)
}

#[test]
fn several_branches_are_asked_for_at_once() {
    let (world, base, next) = with_next();
    let repo = world.repo();
    // Below the name that is asked for: git's pattern finds it too.
    git::update_ref(&repo, "refs/heads/side/below", &next, None).expect("made");
    let asked = [
        "refs/heads/side",
        "refs/heads/main",
        "refs/heads/side/below",
    ];
    let tips = git::tips(&repo, asked).expect("looked");
    assert_eq!(tips, [None, Some(base), Some(next)]);
}

#[test]
fn a_glance_sees_what_git_sees_or_says_nothing() {
    let (world, base, next) = with_next();
    world.git(&["branch", "side", next.as_str()]);
    let asked = ["refs/heads/side", "refs/heads/main", "refs/heads/none"];
    let here = Some([Some(next.clone()), Some(base.clone()), None]);
    assert_eq!(git::glance(&world.root, asked), here);
    world.git(&["pack-refs", "--all"]);
    assert_eq!(git::glance(&world.root, asked), here, "packed");
    world.git(&["worktree", "add", "--quiet", "--detach", "../linked"]);
    let linked = world.beside("linked");
    assert_eq!(git::glance(&linked, asked), here, "a linked work tree");
    world.git(&["branch", "--force", "side", base.as_str()]);
    let moved = Some([Some(base.clone()), Some(base), None]);
    assert_eq!(git::glance(&linked, asked), moved);
    world.git(&["symbolic-ref", "refs/heads/side", "refs/heads/main"]);
    assert_eq!(git::glance(&world.root, asked), None, "git's to tell");
    // A folder in the repository has no branches of its own.
    world.write("inner/file", "x\n");
    assert_eq!(git::glance(&world.root.join("inner"), asked), None);
    let long = world.beside("long");
    world.git(&[
        "init",
        "--quiet",
        "--object-format=sha256",
        "-b",
        "main",
        "../long",
    ]);
    let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
    let commit = ["commit", "--quiet", "--allow-empty", "-m", "one"];
    git_in(&long, &[], &[&who[..], &commit[..]].concat());
    assert_eq!(
        git::glance(&long, ["refs/heads/main"]),
        None,
        "of 64 digits"
    );
}

#[test]
fn a_ref_moves_only_from_where_it_was_expected() {
    let (world, base, next) = with_next();
    let repo = world.repo();
    git::update_ref(&repo, "refs/alai/run", &base, None).expect("made");
    let error = git::update_ref(&repo, "refs/alai/run", &next, None).expect_err("it exists");
    assert!(
        matches!(&error, GitError::RefMoved { expected: None, found: Some(found), .. } if *found == base),
        "{error}"
    );
    let error =
        git::update_ref(&repo, "refs/alai/run", &next, Some(&next)).expect_err("it is elsewhere");
    assert!(
        matches!(error, GitError::RefMoved { found: Some(_), .. }),
        "{error}"
    );
    git::update_ref(&repo, "refs/alai/run", &next, Some(&base)).expect("moved");
    assert_eq!(
        git::resolve(&repo, "refs/alai/run").expect("looked"),
        Some(next.clone())
    );
    let error = git::update_ref(&repo, "refs/alai/other", &next, Some(&base))
        .expect_err("it does not exist");
    assert!(
        matches!(error, GitError::RefMoved { found: None, .. }),
        "{error}"
    );
    for bad in [
        "main",
        "HEAD",
        "refs/alai/a..b",
        "refs/alai/x\ncreate refs/heads/evil",
        "--stdin",
        "refs/heads/x\0y",
    ] {
        assert!(
            matches!(
                git::update_ref(&repo, bad, &next, None),
                Err(GitError::BadRef { .. })
            ),
            "{bad:?}"
        );
    }
}

#[test]
fn a_ref_of_ours_is_listed_and_removed_only_from_where_it_was_expected() {
    let (world, base, next) = with_next();
    let repo = world.repo();
    let (one, two) = ("refs/alai/sides/one", "refs/alai/sides/two");
    for (name, at) in [(one, &base), (two, &next), ("refs/alai/sidesways", &base)] {
        git::update_ref(&repo, name, at, None).expect("made");
    }
    let listed = || git::refs_below(&repo, "refs/alai/sides/").expect("listed");
    let all = [
        (one.to_owned(), base.clone()),
        (two.to_owned(), next.clone()),
    ];
    assert_eq!(listed(), all);
    let error = git::remove_ref(&repo, one, &next).expect_err("it is elsewhere");
    assert!(
        matches!(&error, GitError::RefMoved { found: Some(found), .. } if *found == base),
        "{error}"
    );
    assert_eq!(listed(), all);
    // Also where git has put all of them into one file.
    world.git(&["pack-refs", "--all"]);
    git::remove_ref(&repo, one, &base).expect("removed");
    git::remove_ref(&repo, one, &base).expect("gone already");
    assert_eq!(listed(), all[1..]);
    for bad in [
        "refs/heads/main",
        "HEAD",
        "refs/alai/x\ndelete refs/heads/main",
    ] {
        let error = git::remove_ref(&repo, bad, &base).expect_err("not ours");
        assert!(matches!(error, GitError::BadRef { .. }), "{error}");
    }
    for bad in ["refs/heads/", "refs/alai/sides", "refs/alai/../heads/"] {
        let error = git::refs_below(&repo, bad).expect_err("not ours");
        assert!(matches!(error, GitError::BadRef { .. }), "{error}");
    }
}

#[test]
fn of_two_that_move_the_same_ref_one_loses() {
    let (world, base, next) = with_next();
    let repo = world.repo();
    git::update_ref(&repo, "refs/alai/run", &base, None).expect("made");
    let won: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| git::update_ref(&repo, "refs/alai/run", &next, Some(&base)).is_ok())
            })
            .collect();
        all.into_iter()
            .map(|one| usize::from(one.join().expect("ended")))
            .sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_branch_that_nobody_stands_on_is_moved_alone() {
    let (world, base, next) = with_next();
    world.git(&["branch", "release"]);
    world.write("README.md", "dirty\n");
    let before = world.snapshot();
    assert_eq!(
        git::move_branch(&world.repo(), "release", &next, &base).expect("moved"),
        Moved::Ref
    );
    assert_eq!(world.tip("release"), next);
    assert_eq!(world.snapshot(), before);
    assert_eq!(
        git::move_branch(&world.repo(), "release", &next, &base).expect("moved"),
        Moved::AlreadyThere
    );
}

#[test]
fn a_clean_work_tree_follows_its_branch() {
    let (world, base, next) = with_next();
    world.write("untracked", "mine\n");
    let moved = git::move_branch(&world.repo(), "main", &next, &base).expect("moved");
    assert_eq!(moved, Moved::WorkTree(world.root.clone()));
    assert_eq!(
        fs::read_to_string(world.root.join("README.md")).expect("read"),
        "two\n"
    );
    assert_eq!(
        fs::read_to_string(world.root.join("new/file")).expect("read"),
        "new\n"
    );
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "?? untracked\n",
        "clean, and the user's own file is there"
    );
    assert_eq!(world.tip("HEAD"), next);
}

/// A repository that was copied, or whose owner was changed: every file says what the commit says, and the index knows none.
#[test]
fn files_of_which_only_the_times_have_changed_follow() {
    let (world, base, next) = with_next();
    let path = world.root.join("README.md");
    let before = fs::read(&path).expect("read");
    let file = fs::File::options().append(true).open(&path);
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    file.expect("opened").set_modified(long_ago).expect("dated");
    assert_eq!(fs::read(&path).expect("read"), before);
    let moved = git::move_branch(&world.repo(), "main", &next, &base).expect("moved");
    assert_eq!(moved, Moved::WorkTree(world.root.clone()));
    assert_eq!(fs::read_to_string(&path).expect("read"), "two\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.tip("HEAD"), next);
}

#[test]
fn a_dirty_work_tree_refuses_with_nothing_touched() {
    for staged in [false, true] {
        let (world, base, next) = with_next();
        world.write("src/lib.rs", "mine\n");
        if staged {
            world.git(&["add", "-A"]);
        }
        let before = world.snapshot();
        let error = git::move_branch(&world.repo(), "main", &next, &base).expect_err("refused");
        assert!(
            matches!(&error, GitError::Dirty { paths, .. } if paths == &["src/lib.rs"]),
            "{error}"
        );
        assert!(error.to_string().contains("stash"), "{error}");
        assert_eq!(world.snapshot(), before);
        assert_eq!(world.tip("main"), base);
    }
}

#[test]
fn an_untracked_file_in_the_way_is_never_overwritten() {
    for ignored in [false, true] {
        let (world, base, next) = with_next();
        if ignored {
            fs::create_dir_all(world.root.join(".git/info")).expect("made");
            fs::write(world.root.join(".git/info/exclude"), "new\n").expect("written");
        }
        world.write("new/file", "mine\n");
        let before = world.snapshot();
        let error = git::move_branch(&world.repo(), "main", &next, &base).expect_err("refused");
        assert!(
            matches!(error, GitError::InTheWay { .. }) && error.to_string().contains("new/file"),
            "{error}"
        );
        assert_eq!(world.snapshot(), before);
        assert_eq!(world.tip("main"), base);
    }
}

#[test]
fn a_file_may_become_a_folder_and_the_reverse_unless_the_user_has_something_there() {
    for mine in [None, Some("dir/ignored.log"), Some("file/x")] {
        let world = World::new();
        let base = world.commit(
            &[("file", "1\n"), ("dir/a", "1\n"), (".gitignore", "*.log\n")],
            "base",
        );
        fs::remove_file(world.root.join("file")).expect("removed");
        fs::remove_dir_all(world.root.join("dir")).expect("removed");
        let next = world.commit(&[("file/inner", "2\n"), ("dir", "2\n")], "next");
        world.git(&["reset", "--quiet", "--hard", base.as_str()]);
        match mine {
            None => {
                git::move_branch(&world.repo(), "main", &next, &base).expect("moved");
                assert_eq!(
                    fs::read_to_string(world.root.join("file/inner")).expect("read"),
                    "2\n"
                );
                assert_eq!(world.git(&["status", "--porcelain"]), "");
            }
            Some("dir/ignored.log") => {
                world.write("dir/ignored.log", "mine\n");
                let error =
                    git::move_branch(&world.repo(), "main", &next, &base).expect_err("refused");
                assert!(matches!(error, GitError::InTheWay { .. }), "{error}");
                assert_eq!(
                    fs::read_to_string(world.root.join("dir/ignored.log")).expect("read"),
                    "mine\n"
                );
            }
            Some(_) => {
                world.git(&["rm", "--quiet", "file"]);
                world.write("file/x", "mine\n");
                assert!(git::move_branch(&world.repo(), "main", &next, &base).is_err());
                assert_eq!(
                    fs::read_to_string(world.root.join("file/x")).expect("read"),
                    "mine\n"
                );
            }
        }
    }
}

#[test]
fn a_linked_work_tree_follows_and_the_others_stay() {
    let (world, base, next) = with_next();
    world.git(&["worktree", "add", "--quiet", "-b", "side", "../linked"]);
    let before = world.snapshot();
    let moved = git::move_branch(&world.repo(), "side", &next, &base).expect("moved");
    assert_eq!(moved, Moved::WorkTree(world.beside("linked")));
    assert_eq!(
        fs::read_to_string(world.beside("linked").join("README.md")).expect("read"),
        "two\n"
    );
    assert_eq!(world.snapshot(), before);
    assert_eq!(world.tip("main"), base);
}

#[test]
fn what_is_not_forward_or_not_expected_is_refused() {
    let (world, base, next) = with_next();
    let repo = world.repo();
    let error = git::move_branch(&repo, "main", &base, &next)
        .map(|moved| assert_eq!(moved, Moved::AlreadyThere));
    assert!(error.is_ok(), "where it should be, it is");
    git::move_branch(&repo, "main", &next, &base).expect("moved");
    let error = git::move_branch(&repo, "main", &base, &next).expect_err("backwards");
    assert!(matches!(error, GitError::NotFastForward { .. }), "{error}");
    let third = world.commit(&[("x", "1")], "by somebody else");
    let error = git::move_branch(&repo, "main", &next, &base).expect_err("somebody was faster");
    assert!(
        matches!(&error, GitError::RefMoved { found: Some(found), .. } if *found == third),
        "{error}"
    );
    assert!(matches!(
        git::move_branch(&repo, "no such", &next, &base),
        Err(GitError::BadRef { .. })
    ));
    assert!(matches!(
        git::move_branch(&repo, "none", &next, &base),
        Err(GitError::RefMoved { found: None, .. })
    ));
}

#[test]
fn a_user_in_the_middle_of_something_is_not_disturbed() {
    let (world, base, next) = with_next();
    for (file, word) in [
        ("MERGE_HEAD", "merge"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("index.lock", "index.lock"),
        ("HEAD.lock", "HEAD.lock"),
    ] {
        let path = world.root.join(".git").join(file);
        fs::write(&path, format!("{base}\n")).expect("written");
        let error = git::move_branch(&world.repo(), "main", &next, &base).expect_err("refused");
        assert!(
            matches!(error, GitError::Busy { .. }) && error.to_string().contains(word),
            "{error}"
        );
        fs::remove_file(path).expect("removed");
    }
    // A rebase stands on no branch while it lasts.
    fs::create_dir(world.root.join(".git/rebase-merge")).expect("made");
    fs::write(
        world.root.join(".git/rebase-merge/head-name"),
        "refs/heads/main\n",
    )
    .expect("written");
    world.git(&["checkout", "--quiet", "--detach"]);
    let error = git::move_branch(&world.repo(), "main", &next, &base).expect_err("refused");
    assert!(
        matches!(
            error,
            GitError::Busy {
                operation: "rebase",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(world.tip("main"), base);
}

#[test]
fn files_that_need_a_filter_are_left_to_the_user() {
    let world = World::new();
    let base = world.commit(&[(".gitattributes", "*.bin filter=lfs\n")], "attributes");
    let next = world.commit(&[("big.bin", "pointer\n")], "big");
    world.git(&["reset", "--quiet", "--hard", base.as_str()]);
    let error = git::move_branch(&world.repo(), "main", &next, &base).expect_err("refused");
    assert!(
        matches!(&error, GitError::NeedsFilter { filter, path, .. } if filter == "lfs" && path == "big.bin"),
        "{error}"
    );
    assert_eq!(world.tip("main"), base);
}

/// A filter of the person's own, and a mark that tells whether it ran. git lets a process ask for it by any name.
fn with_filter(world: &World) -> std::path::PathBuf {
    let canary = world.beside("canary");
    for (key, value) in [
        ("clean", format!("touch '{}'; cat", canary.display())),
        ("smudge", format!("touch '{}'; cat", canary.display())),
        ("process", format!("touch '{}'", canary.display())),
        ("required", "true".to_owned()),
    ] {
        world.git(&["config", &format!("filter.own=1.{key}"), &value]);
    }
    canary
}

/// The rules say that the filter is to read the file, and git cannot tell from its times whether it is as it was.
#[test]
fn no_filter_runs_while_a_work_tree_is_looked_at_or_moved() {
    let world = World::new();
    let rule = [
        (".gitattributes", "*.bin filter=own=1\n"),
        ("a.bin", "one\n"),
    ];
    let base = world.commit(&rule, "rule");
    let next = world.commit(&[("other", "two\n")], "next");
    world.git(&["reset", "--quiet", "--hard", base.as_str()]);
    let canary = with_filter(&world);
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let touch = || {
        let file = fs::File::options()
            .append(true)
            .open(world.root.join("a.bin"));
        file.and_then(|file| file.set_modified(old))
            .expect("touched");
    };
    touch();
    // Its `process` speaks no protocol, of which git complains.
    let _ = git_in(&world.root, &[], &["status"]);
    fs::remove_file(&canary).expect("the trap is a real one: a plain `git status` runs it");
    // What `status` noted is noted no more.
    fs::remove_file(world.root.join("a.bin")).expect("removed");
    world.write("a.bin", "one\n");
    touch();
    assert!(!git::is_dirty(&world.repo()).expect("looked"));
    git::move_branch(&world.repo(), "main", &next, &base).expect("moved");
    assert_eq!(world.tip("main"), next);
    assert!(world.root.join("other").exists());
    assert!(!canary.exists(), "a filter ran");
}

/// The rule alone, without a file that it is about: its filter would read what an earlier commit of the agent's brought.
#[test]
fn a_rule_that_gives_a_filter_to_files_that_are_there_is_left_to_the_user() {
    let world = World::new();
    let rules = [
        ("deep/.gitattributes", "*.bin -filter\n"),
        (".gitattributes", "*.bin filter=lfs\n"),
    ];
    let base = world.commit(&[("deep/a.bin", "one\n"), rules[0]], "before");
    let held = world.commit(&[rules[1]], "a rule for no file");
    world.git(&["rm", "--quiet", "deep/.gitattributes"]);
    let bound = world.commit(&[], "the exception is gone");
    let start = |at: &Oid| world.git(&["reset", "--quiet", "--hard", at.as_str()]);
    start(&base);
    let canary = with_filter(&world);
    git::move_branch(&world.repo(), "main", &held, &base).expect("no file has a filter");
    let error = git::move_branch(&world.repo(), "main", &bound, &held).expect_err("refused");
    assert!(
        matches!(&error, GitError::NeedsFilter { filter, path, .. } if filter == "lfs" && path == "deep/a.bin"),
        "{error}"
    );
    assert_eq!(world.tip("main"), held);
    start(&bound);
    // A file that goes needs no filter, and one that had its filter before is as it was.
    let later = world.commit(
        &[(".gitattributes", "*.bin filter=lfs\n*.x text\n")],
        "another rule",
    );
    world.git(&["rm", "--quiet", "deep/a.bin"]);
    let without = world.commit(&[], "without it");
    start(&bound);
    git::move_branch(&world.repo(), "main", &later, &bound).expect("as it was");
    git::move_branch(&world.repo(), "main", &without, &later).expect("it goes");
    assert!(!canary.exists(), "a filter ran");
}

#[test]
fn a_move_that_was_killed_between_files_and_ref_is_finished() {
    let (world, base, next) = with_next();
    world.git(&["read-tree", "-m", "-u", base.as_str(), next.as_str()]);
    assert_eq!(world.tip("main"), base);
    assert!(git::is_dirty(&world.repo()).expect("looked"));
    git::move_branch(&world.repo(), "main", &next, &base).expect("finished");
    assert_eq!(world.tip("main"), next);
    assert!(!git::is_dirty(&world.repo()).expect("looked"));
}
