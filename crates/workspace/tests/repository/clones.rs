//! Standalone clones, fresh checkouts, and bringing honest work home.

use std::fs;
use std::os::unix::fs::MetadataExt;

use alai_workspace::cage;
use alai_workspace::clone::{self, CloneError, import};
use alai_workspace::command::Cancel;
use alai_workspace::git;

use crate::world::{World, agent, git_in, import_of, in_clone, tools, with_cage, work_in};

#[test]
fn a_clone_holds_its_base_and_nothing_else_of_its_source() {
    let world = World::new();
    let base = world.tip("HEAD");
    world.git(&["tag", "-a", "v1.0", "-m", "one"]);
    world.git(&["config", "core.fsmonitor", "touch /tmp/never"]);
    world.git(&[
        "config",
        "remote.origin.url",
        "https://user:secret@example.org/x",
    ]);
    fs::create_dir_all(world.root.join(".git/hooks")).expect("made");
    fs::write(
        world.root.join(".git/hooks/pre-commit"),
        "#!/bin/sh\nexit 1\n",
    )
    .expect("written");
    fs::write(world.root.join(".git/info-of-mine"), "x").expect("written");
    world.git(&["branch", "private"]);
    let later = world.commit(&[("later", "private\n")], "later");
    let dest = world.beside("clone");
    let made = clone::for_run(
        &world.repo(),
        &base,
        &dest,
        "minion/x",
        &agent(),
        cage::agent_ids(),
    )
    .expect("cloned");

    assert_eq!(
        (made.dir.as_path(), made.branch.as_str(), &made.base),
        (dest.as_path(), "minion/x", &base)
    );
    assert_eq!(in_clone(&dest, &["status", "--porcelain"]), "");
    assert_eq!(
        in_clone(&dest, &["symbolic-ref", "HEAD"]).trim(),
        "refs/heads/minion/x"
    );
    let refs = in_clone(&dest, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/minion/x\nrefs/tags/v1.0\n");
    assert_eq!(in_clone(&dest, &["describe"]).trim(), "v1.0");
    assert!(
        !git_in(
            &dest,
            &[("GIT_DIR", ".git")],
            &["cat-file", "-e", later.as_str()]
        )
        .status
        .success()
    );
    let config = fs::read_to_string(dest.join(".git/config")).expect("read");
    assert!(
        !config.contains("secret") && !config.contains("fsmonitor") && !config.contains("worktree"),
        "{config}"
    );
    assert_eq!(
        in_clone(&dest, &["config", "user.name"]).trim(),
        "Ada \"the\" Agent"
    );
    assert_eq!(
        in_clone(&dest, &["config", "user.email"]).trim(),
        "ada@example.org"
    );
    assert!(
        !dest.join(".git/hooks").exists() && !dest.join(".git/objects/info/alternates").exists()
    );
    in_clone(&dest, &["fsck", "--strict"]);
    if let Some((uid, gid)) = cage::agent_ids() {
        for path in ["", ".git", ".git/config", "src/lib.rs"] {
            let found = fs::symlink_metadata(dest.join(path)).expect("there");
            assert_eq!((found.uid(), found.gid()), (uid, gid), "{path}");
        }
    }
    let again = clone::for_run(&world.repo(), &base, &dest, "minion/x", &agent(), None)
        .expect_err("refused");
    assert!(matches!(again, CloneError::Exists { .. }), "{again}");
    clone::remove(&dest).expect("removed");
    assert!(!dest.exists());
}

#[test]
fn a_clone_that_cannot_be_made_leaves_nothing() {
    let world = World::new();
    let missing = "1".repeat(40).parse().expect("an oid");
    let dest = world.beside("clone");
    let error = clone::for_run(&world.repo(), &missing, &dest, "minion/x", &agent(), None)
        .expect_err("refused");
    assert!(matches!(error, CloneError::Git { .. }), "{error}");
    assert!(!dest.exists());
    let base = world.tip("HEAD");
    for branch in ["", "a b", "../../main", "x.lock"] {
        assert!(
            clone::for_run(&world.repo(), &base, &dest, branch, &agent(), None).is_err(),
            "{branch}"
        );
        assert!(!dest.exists());
    }
}

#[test]
fn a_source_whose_path_has_colons_and_quotes_is_cloned() {
    let world = World::new();
    let odd = world.beside("odd:\"path\" é");
    fs::rename(&world.root, &odd).expect("moved");
    let repo = git::open(&odd).expect("opened");
    let head = git::head(&repo).expect("a head").oid;
    let dest = world.dir.path().join("clone");
    clone::checkout_fresh(&repo, &head, &dest, None).expect("cloned");
    assert_eq!(
        fs::read_to_string(dest.join("README.md")).expect("read"),
        "one\n"
    );
}

#[test]
fn a_fresh_checkout_has_a_git_directory_and_no_branch() {
    let world = World::new();
    let base = world.tip("HEAD");
    world.git(&["tag", "v2"]);
    world.commit(&[("README.md", "two\n")], "second");
    let dest = world.beside("fresh");
    clone::checkout_fresh(&world.repo(), &base, &dest, None).expect("checked out");
    assert_eq!(
        fs::read_to_string(dest.join("README.md")).expect("read"),
        "one\n"
    );
    assert_eq!(
        in_clone(&dest, &["rev-parse", "HEAD"]).trim(),
        base.as_str()
    );
    assert!(
        !git_in(&dest, &[], &["symbolic-ref", "HEAD"])
            .status
            .success(),
        "the head is detached"
    );
    assert_eq!(in_clone(&dest, &["describe", "--tags"]).trim(), "v2");
    assert_eq!(in_clone(&dest, &["status", "--porcelain"]), "");
}

#[test]
fn an_import_brings_the_tip_and_nothing_else() {
    with_cage();
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    in_clone(&clone, &["checkout", "--quiet", "-b", "other"]);
    let other = work_in(&clone, &[("other", "not asked for\n")], "other");
    in_clone(&clone, &["tag", "noise", other.as_str()]);
    in_clone(&clone, &["checkout", "--quiet", "minion/x"]);
    let tip = work_in(&clone, &[("src/lib.rs", "pub fn two() {}\n")], "work");
    world.write("README.md", "dirty\n");
    let (before, refs) = (world.snapshot(), world.refs());
    let tools = tools();
    let got = import(
        &world.repo(),
        &import_of(&clone, &base, &tools),
        &Cancel::new(),
    )
    .expect("imported");
    assert_eq!(got, tip);
    assert_eq!(world.refs(), format!("refs/alai/run-1 {tip}\n{refs}"));
    assert!(world.has_object(tip.as_str()));
    assert!(
        !world.has_object(other.as_str()),
        "an object that was not asked for came along"
    );
    assert_eq!(world.snapshot(), before);
    let quarantines = fs::read_dir(world.root.join(".git/objects")).expect("listed");
    let left = quarantines.filter(|entry| {
        entry
            .as_ref()
            .expect("one")
            .file_name()
            .to_string_lossy()
            .starts_with("tmp_")
    });
    assert_eq!(left.count(), 0);
    world.git(&["fsck", "--strict"]);

    // Again, with more work, and with none.
    let again = work_in(&clone, &[("more", "1\n")], "more");
    let import = || {
        import(
            &world.repo(),
            &import_of(&clone, &base, &tools),
            &Cancel::new(),
        )
        .expect("imported")
    };
    assert_eq!(import(), again);
    assert_eq!(import(), again);
    in_clone(&clone, &["reset", "--quiet", "--hard", base.as_str()]);
    assert_eq!(import(), base);
    assert_eq!(world.tip("refs/alai/run-1"), base);
}

/// A cage may stand already that shows the folder, so it must stay the same one.
#[test]
fn a_clone_is_made_in_a_folder_that_is_there_with_folders_of_its_commit() {
    let world = World::new();
    world.commit(&[("shut/deep/file", "x\n")], "with a folder");
    let base = world.tip("HEAD");
    let dest = world.beside("clone");
    let place = clone::place(&dest).expect("made");
    for folder in ["shut", "none"] {
        fs::create_dir(dest.join(folder)).expect("made");
    }
    let seen = ["", "shut", "none"].map(|name| fs::metadata(dest.join(name)).expect("seen").ino());
    let owner = cage::agent_ids();
    clone::for_run_in(&place, &world.repo(), &base, "minion/x", &agent(), owner).expect("cloned");
    assert_eq!(in_clone(&dest, &["status", "--porcelain"]), "");
    assert_eq!(
        fs::read_to_string(dest.join("shut/deep/file")).expect("read"),
        "x\n"
    );
    let now = ["", "shut", "none"].map(|name| fs::metadata(dest.join(name)).expect("seen").ino());
    assert_eq!(now, seen);

    let again = clone::place(&dest).expect_err("it is there");
    assert!(matches!(again, CloneError::Exists { .. }), "{again}");
    let other = world.beside("other");
    let place = clone::place(&other).expect("made");
    clone::for_run_in(&place, &world.repo(), &base, "a..b", &agent(), owner)
        .expect_err("no branch");
    assert!(!other.exists(), "it goes with a clone that fails");
}
