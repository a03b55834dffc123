//! Every reason to refuse a repository, by name, and what is accepted although it is unusual.

use std::fs;

use alai_workspace::git::{self, GitError};

use crate::world::{World, git_in, ok};

#[test]
fn a_folder_without_a_repository_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let error = git::open(dir.path()).expect_err("refused");
    assert!(
        matches!(error, GitError::NotARepository { .. }) && error.to_string().contains("git init"),
        "{error}"
    );
    assert!(matches!(
        git::open(dir.path().join("missing")),
        Err(GitError::Io { .. })
    ));
}

#[test]
fn a_bare_repository_is_refused_also_when_it_is_planted_in_a_tree() {
    let world = World::new();
    ok(git_in(
        &world.root,
        &[],
        &["clone", "--quiet", "--bare", ".", "../bare.git"],
    ));
    assert!(matches!(
        git::open(world.beside("bare.git")),
        Err(GitError::Bare { .. })
    ));
    ok(git_in(
        &world.root,
        &[],
        &["clone", "--quiet", "--bare", ".", "planted"],
    ));
    assert!(matches!(
        git::open(world.root.join("planted")),
        Err(GitError::Bare { .. })
    ));
}

#[test]
fn shallow_partial_and_empty_repositories_are_refused_with_their_remedy() {
    let world = World::new();
    world.commit(&[("a", "1")], "second");
    let url = format!("file://{}", world.root.display());
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    ok(git_in(
        world.dir.path(),
        &[],
        &["clone", "--quiet", "--depth=1", &url, "shallow"],
    ));
    let error = git::open(world.beside("shallow")).expect_err("refused");
    assert!(
        matches!(error, GitError::Shallow { .. }) && error.to_string().contains("--unshallow"),
        "{error}"
    );
    ok(git_in(
        world.dir.path(),
        &[],
        &["clone", "--quiet", "--filter=blob:none", &url, "partial"],
    ));
    let error = git::open(world.beside("partial")).expect_err("refused");
    assert!(
        matches!(error, GitError::Partial { .. }) && error.to_string().contains("without --filter"),
        "{error}"
    );
    let error = git::open(World::empty().root).expect_err("refused");
    assert!(
        matches!(error, GitError::NoCommits { .. }) && error.to_string().contains("git commit"),
        "{error}"
    );
}

#[test]
fn a_repository_of_somebody_else_is_refused() {
    let world = World::new();
    // Only root can give a repository away; for everybody else this cannot be set up.
    if std::os::unix::fs::chown(world.root.join(".git"), Some(12_345), None).is_err() {
        return;
    }
    let error = git::open(&world.root).expect_err("refused");
    assert!(
        matches!(error, GitError::ForeignOwner { owner: 12_345, .. }),
        "{error}"
    );
}

#[test]
fn a_folder_below_the_top_a_linked_work_tree_and_a_detached_head_are_fine() {
    let world = World::new();
    let repo = git::open(world.root.join("src")).expect("opened from below");
    assert_eq!(repo.root(), world.root);
    let head = git::head(&repo).expect("a head");
    assert_eq!(
        (head.oid, head.branch.as_deref()),
        (world.tip("HEAD"), Some("main"))
    );

    world.git(&[
        "worktree",
        "add",
        "--quiet",
        "-b",
        "side/branch",
        "../linked",
    ]);
    let linked = git::open(world.beside("linked")).expect("opened");
    assert_eq!(linked.common_dir(), world.root.join(".git"));
    assert_eq!(
        git::head(&linked).expect("a head").branch.as_deref(),
        Some("side/branch")
    );

    world.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(git::head(&world.repo()).expect("a head").branch, None);
}

#[test]
fn a_sha256_repository_works_to_the_end() {
    let world = World::empty();
    fs::remove_dir_all(world.root.join(".git")).expect("removed");
    world.git(&[
        "init",
        "--quiet",
        "--initial-branch=main",
        "--object-format=sha256",
    ]);
    let base = world.commit(&[("a", "1\n")], "first");
    assert_eq!(base.as_str().len(), 64);
    let head = world.commit(&[("a", "2\n")], "second");
    let diff = git::diff(&world.repo(), &base, &head).expect("compared");
    assert_eq!((diff.files.len(), diff.files[0].added_lines), (1, 1));
    let clone = world.clone_at("clone", &head);
    assert_eq!(fs::read_to_string(clone.join("a")).expect("read"), "2\n");
}

#[test]
fn nothing_of_a_repository_runs_and_nothing_of_the_user_changes_when_it_is_read() {
    let world = World::new();
    let base = world.tip("HEAD");
    let mark = world.beside("ran");
    let touch = format!("touch '{}'", mark.display());
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.alternateRefsCommand",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "merge.evil.driver",
        "gpg.program",
        "core.askPass",
    ] {
        world.git(&["config", key, &touch]);
    }
    world.git(&["config", "filter.evil.clean", "cat"]);
    let hooks = world.root.join(".git/hooks");
    fs::create_dir_all(&hooks).expect("made");
    for hook in [
        "reference-transaction",
        "post-checkout",
        "post-merge",
        "pre-commit",
        "post-index-change",
    ] {
        fs::write(hooks.join(hook), format!("#!/bin/sh\n{touch}\n")).expect("written");
        fs::set_permissions(
            hooks.join(hook),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .expect("set");
    }
    world.write(".gitattributes", "*.rs diff=evil merge=evil\n");
    world.write("src/lib.rs", "pub fn two() {}\n");
    let env = [
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_0", "false"),
        ("GIT_CONFIG_KEY_1", "core.hooksPath"),
        ("GIT_CONFIG_VALUE_1", "/dev/null"),
    ];
    ok(git_in(&world.root, &env, &["add", "-A"]));
    ok(git_in(
        &world.root,
        &env,
        &["commit", "--quiet", "-m", "second"],
    ));
    let head = world
        .git(&["-c", "core.hooksPath=/dev/null", "rev-parse", "HEAD"])
        .trim()
        .parse()
        .expect("an oid");
    world.write("src/lib.rs", "dirty\n");
    world.git(&["status"]);
    fs::remove_file(&mark).expect("the traps are real ones: a plain `git status` runs one");
    let before = world.snapshot();

    let repo = world.repo();
    assert!(git::is_dirty(&repo).expect("looked"));
    let diff = git::diff(&repo, &base, &head).expect("compared");
    assert!(
        diff.patch.contains("+pub fn two() {}"),
        "the patch is git's own: {}",
        diff.patch
    );
    git::commits(&repo, &base, &head).expect("listed");
    git::commit_patch(&repo, &head).expect("shown");
    git::tree(&repo, &head).expect("listed");
    git::blob(&repo, &head, "src/lib.rs", 100).expect("read");
    git::update_ref(&repo, "refs/alai/x", &head, None).expect("set");
    world.clone_at("clone", &head);

    assert!(!mark.exists(), "a program of the repository ran");
    assert_eq!(
        world.snapshot(),
        before,
        "the user's files, index and configuration are as they were"
    );
}
