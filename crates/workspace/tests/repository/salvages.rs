//! What lies uncommitted in a dead clone is taken home, whatever the clone looks like.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use alai_workspace::cage;
use alai_workspace::clone::{FILE_BYTES_MAX, ImportError, Room, Salvage, Salvaged, salvage};
use alai_workspace::command::Cancel;
use alai_workspace::files;
use alai_workspace::git::Oid;

use crate::world::{World, agent, in_clone, tools, with_cage, work_in, write};

const REST: &str = "refs/alai/run-1-rest";
const OTHERS: &str = "refs/alai/run-1-others";

fn taken(world: &World, clone: &Path, parent: &Oid) -> Result<Salvaged, ImportError> {
    with_cage();
    // What a test wrote as root is the agent's in a real clone.
    files::give_to(clone, cage::agent_ids()).expect("given");
    let (tools, who) = (tools(), agent());
    let wanted = Salvage {
        clone,
        to_ref: REST,
        others_ref: OTHERS,
        parent,
        message: "Uncommitted\n",
        author: &who,
        left_out: &["node_modules/", "*.pyc"],
        room: &Room::after(0),
        toolchains: &tools,
    };
    salvage(&world.repo(), &wanted, &Cancel::new())
}

fn clone_of(world: &World) -> (std::path::PathBuf, Oid) {
    let base = world.tip("HEAD");
    (world.clone_at("clone", &base), base)
}

fn paths(world: &World) -> Vec<String> {
    let listed = world.git(&["ls-tree", "-r", "--name-only", REST]);
    listed.lines().map(str::to_owned).collect()
}

/// Takes the rest of a clone that holds one new file, and demands that nothing else is different.
fn finds_the_new_file(world: &World, clone: &Path, base: &Oid, why: &str) {
    let found = taken(world, clone, base).unwrap_or_else(|e| panic!("{why}: {e}"));
    assert_eq!(found.missing, [""; 0], "{why}");
    assert_eq!(found.rest, Some(world.tip(REST)), "{why}");
    assert_eq!(paths(world), ["README.md", "new", "src/lib.rs"], "{why}");
    assert_eq!(
        world.git(&["show", "refs/alai/run-1-rest:new"]),
        "work\n",
        "{why}"
    );
    assert_eq!(world.tip("refs/alai/run-1-rest^"), *base, "{why}");
    world.git(&["fsck", "--full", "--strict"]);
}

#[test]
fn a_clone_with_nothing_new_is_proven_so() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    write(&clone, "node_modules/x/index.js", "left out");
    write(&clone, "a.pyc", "left out");
    write(&clone, "target/CACHEDIR.TAG", "Signature");
    write(&clone, "target/debug/x", "left out");
    assert_eq!(
        taken(&world, &clone, &base).expect("read"),
        Salvaged::default()
    );
    assert_eq!(world.refs().lines().count(), 1, "no ref is made");
    let tip = work_in(&clone, &[("committed", "x\n")], "work");
    let seen = taken(&world, &clone, &base).expect("read");
    assert!(seen.rest.is_some(), "{tip} is beyond the base");
}

/// What an agent leaves behind beside its branch, and the file that each of them made.
#[test]
fn commits_that_no_branch_reaches_come_home_under_one_ref() {
    type Leave = fn(&Path);
    let ways: [(&str, Leave); 6] = [
        ("a stash", |clone| {
            write(clone, "src/lib.rs", "left behind\n");
            in_clone(clone, &["stash"]);
        }),
        ("a packed stash", |clone| {
            write(clone, "src/lib.rs", "left behind\n");
            in_clone(clone, &["stash"]);
            in_clone(clone, &["pack-refs", "--all"]);
        }),
        ("another branch", |clone| {
            in_clone(clone, &["checkout", "--quiet", "-b", "other"]);
            work_in(clone, &[("src/lib.rs", "left behind\n")], "other");
            in_clone(clone, &["checkout", "--quiet", "minion/x"]);
        }),
        ("no branch", |clone| {
            in_clone(clone, &["checkout", "--quiet", "--detach"]);
            work_in(clone, &[("src/lib.rs", "left behind\n")], "detached");
            in_clone(clone, &["checkout", "--quiet", "minion/x"]);
        }),
        ("a reset", |clone| {
            work_in(clone, &[("src/lib.rs", "left behind\n")], "reset");
            in_clone(clone, &["reset", "--quiet", "--hard", "HEAD^"]);
        }),
        ("a deleted branch", |clone| {
            in_clone(clone, &["checkout", "--quiet", "-b", "other"]);
            work_in(clone, &[("src/lib.rs", "left behind\n")], "other");
            in_clone(clone, &["checkout", "--quiet", "minion/x"]);
            in_clone(clone, &["branch", "--quiet", "-D", "other"]);
        }),
    ];
    for (why, leave) in ways {
        let world = World::new();
        let (clone, base) = clone_of(&world);
        leave(&clone);
        let found = taken(&world, &clone, &base).unwrap_or_else(|e| panic!("{why}: {e}"));
        assert_eq!((&found.rest, &found.missing[..]), (&None, &[][..]), "{why}");
        assert_eq!(found.others, Some(world.tip(OTHERS)), "{why}");
        let kept = world.git(&["log", "--all", "--format=", "-p", "-m", "--", "src/lib.rs"]);
        assert!(kept.contains("+left behind"), "{why}: {kept}");
        world.git(&["fsck", "--full", "--strict"]);
        // What is home is not brought again.
        let again = taken(&world, &clone, &base).expect("read");
        assert_eq!(again, Salvaged::default(), "{why}");
    }
}

#[test]
fn commits_that_cannot_be_taken_are_named() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    for number in 0..60 {
        let name = number.to_string();
        let tip = work_in(&clone, &[("src/lib.rs", &name)], &name);
        in_clone(&clone, &["branch", &format!("other-{name}"), tip.as_str()]);
        in_clone(&clone, &["reset", "--quiet", "--hard", base.as_str()]);
    }
    let found = taken(&world, &clone, &base).expect("read");
    let named = "60 commits that its branch does not reach; at most 50 are taken";
    assert_eq!(
        (found.others, &found.missing[..]),
        (None, &[named.to_owned()][..])
    );

    let (clone, base) = (world.clone_at("second", &base), base);
    write(
        &clone,
        ".git/refs/heads/forged",
        &format!("{}\n", "ab".repeat(20)),
    );
    let found = taken(&world, &clone, &base).expect("read");
    assert_eq!(
        found,
        Salvaged::default(),
        "a name without a commit is no work"
    );
}

#[test]
fn refs_and_logs_behind_a_link_are_not_read() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    let elsewhere = world.beside("elsewhere");
    fs::rename(clone.join(".git"), &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, clone.join(".git")).expect("linked");
    let name = format!("{}\n", "ab".repeat(20));
    fs::write(elsewhere.join("refs/heads/other"), name).expect("written");
    let found = taken(&world, &clone, &base).expect("read");
    let said = "its .git is a link; its refs and logs are not read";
    assert_eq!(found.missing, [said]);
}

#[test]
fn changed_new_and_deleted_files_come_home_once() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    write(&clone, "README.md", "two\n");
    write(&clone, "deep/er/new", "work\n");
    symlink("/etc/passwd", clone.join("link")).expect("linked");
    fs::remove_file(clone.join("src/lib.rs")).expect("removed");
    let first = taken(&world, &clone, &base).expect("taken");
    assert_eq!(first.missing, [""; 0]);
    assert_eq!(paths(&world), ["README.md", "deep/er/new", "link"]);
    assert_eq!(
        world.git(&["show", "refs/alai/run-1-rest:link"]),
        "/etc/passwd"
    );
    assert_eq!(taken(&world, &clone, &base).expect("taken"), first);
    // A later look that finds something else is laid upon the first: neither is lost.
    write(&clone, "deep/er/new", "more\n");
    let second = taken(&world, &clone, &base).expect("taken");
    assert_ne!(second.rest, first.rest);
    assert_eq!(Some(world.tip("refs/alai/run-1-rest^")), first.rest);
}

#[test]
fn a_prepared_clone_hides_nothing_and_runs_nothing() {
    type Prepare = fn(&Path, &Path);
    let traps: [(&str, Prepare); 9] = [
        ("a torn index", |clone, _| {
            write(clone, ".git/index", "DIRC\0\0")
        }),
        ("an index that hides", |clone, _| {
            in_clone(clone, &["add", "new"]);
            in_clone(clone, &["update-index", "--skip-worktree", "new"]);
            in_clone(clone, &["update-index", "--assume-unchanged", "README.md"]);
        }),
        ("locks", |clone, _| {
            write(clone, ".git/index.lock", "");
            write(clone, ".git/HEAD.lock", "");
        }),
        ("a private exclusion", |clone, _| {
            write(clone, ".git/info/exclude", "*\n");
        }),
        ("hooks", |clone, canary| {
            for hook in ["pre-commit", "post-index-change", "reference-transaction"] {
                let text = format!("#!/bin/sh\ntouch {}\nexit 1\n", canary.display());
                write(clone, &format!(".git/hooks/{hook}"), &text);
            }
        }),
        ("a configuration", |clone, canary| {
            let run = format!("touch {}; false", canary.display());
            let text = format!(
                "[core]\n\tbare = true\n\tworktree = /etc\n\tfsmonitor = \"{run}\"\n\texcludesFile = /dev/zero\n\
                 [filter \"x\"]\n\tclean = \"{run}\"\n\trequired = true\n[include]\n\tpath = /dev/zero\n"
            );
            write(clone, ".git/config", &text);
            write(clone, ".git/info/attributes", "* filter=x\n");
        }),
        ("no objects", |clone, _| {
            fs::remove_dir_all(clone.join(".git/objects")).expect("removed");
        }),
        ("no git directory", |clone, _| {
            fs::remove_dir_all(clone.join(".git")).expect("removed");
        }),
        ("a git directory elsewhere", |clone, _| {
            fs::remove_dir_all(clone.join(".git")).expect("removed");
            fs::write(clone.join(".git"), "gitdir: /etc\n").expect("written");
        }),
    ];
    for (why, prepare) in traps {
        let world = World::new();
        let (clone, base) = clone_of(&world);
        write(&clone, "new", "work\n");
        let canary = world.beside("canary");
        prepare(&clone, &canary);
        finds_the_new_file(&world, &clone, &base, why);
        assert!(!canary.exists(), "{why}: nothing of the clone runs");
    }
}

#[test]
fn what_cannot_be_taken_is_named_and_the_rest_is_taken() {
    type Prepare = fn(&Path);
    let odd: [(&str, Prepare); 4] = [
        ("huge is too large", |clone| {
            let file = fs::File::create(clone.join("huge")).expect("made");
            file.set_len(FILE_BYTES_MAX << 10).expect("a sparse file");
        }),
        ("README.md is too large", |clone| {
            let file = fs::File::create(clone.join("README.md")).expect("made");
            file.set_len(FILE_BYTES_MAX << 10).expect("a sparse file");
        }),
        ("the folder shut cannot be read", |clone| {
            use std::os::unix::fs::PermissionsExt;
            write(clone, "shut/in", "x");
            fs::set_permissions(clone.join("shut"), fs::Permissions::from_mode(0o000))
                .expect("shut");
        }),
        ("within is a repository of its own", |clone| {
            let within = clone.join("within");
            fs::create_dir(&within).expect("made");
            for args in [
                &["init", "--quiet"][..],
                &["commit", "--quiet", "--allow-empty", "-m", "within"],
            ] {
                crate::world::ok(crate::world::git_in(&within, &[], args));
            }
            write(&within, "file", "of its own\n");
        }),
    ];
    for (why, prepare) in odd {
        let world = World::new();
        let (clone, base) = clone_of(&world);
        write(&clone, "new", "work\n");
        prepare(&clone);
        let found = taken(&world, &clone, &base).unwrap_or_else(|e| panic!("{why}: {e}"));
        assert!(
            found.missing.iter().any(|m| m.contains(why)),
            "{why}: {found:?}"
        );
        assert!(found.rest.is_some(), "{why}");
        assert_eq!(
            world.git(&["show", "refs/alai/run-1-rest:new"]),
            "work\n",
            "{why}"
        );
        // Folders that nobody may enter would stay behind.
        files::remove(&clone).expect("removed");
    }
}

fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo starts").success());
}

/// A pipe waits for its writer, and git opens these names wherever it meets them. The tools of this test have no git, so that
/// every reading would fail.
#[test]
fn what_would_stop_git_is_named_before_anything_reads_the_clone() {
    let traps: [(&str, &str); 5] = [
        (".gitignore", "pipe"),
        ("deep/er/.gitattributes", "pipe"),
        (".gitmodules", "pipe"),
        ("within/.git/HEAD", "pipe"),
        ("deep/.gitignore", "socket"),
    ];
    for (trap, kind) in traps {
        let world = World::new();
        let (clone, base) = clone_of(&world);
        write(&clone, "new", "work\n");
        let path = clone.join(trap);
        match kind {
            "pipe" => pipe(&path),
            _ => {
                fs::create_dir_all(path.parent().expect("a parent")).expect("made");
                std::os::unix::net::UnixListener::bind(&path).expect("bound");
            }
        }
        files::give_to(&clone, cage::agent_ids()).expect("given");
        let who = agent();
        let none = alai_workspace::toolchains::Toolchains {
            binds: Vec::new(),
            path: "/nonexistent".to_owned(),
            env: Vec::new(),
        };
        let wanted = Salvage {
            clone: &clone,
            to_ref: REST,
            others_ref: OTHERS,
            parent: &base,
            message: "Uncommitted\n",
            author: &who,
            left_out: &[],
            room: &Room::after(0),
            toolchains: &none,
        };
        with_cage();
        let found = salvage(&world.repo(), &wanted, &Cancel::new()).expect(trap);
        assert_eq!(found.rest, None, "{trap}");
        assert!(
            found
                .missing
                .iter()
                .any(|m| m.contains(trap) && m.contains(kind)),
            "{trap}: {found:?}"
        );
        // Once it is gone, everything else comes home.
        fs::remove_file(&path).expect("removed");
        if trap.starts_with("within") {
            fs::remove_dir_all(clone.join("within")).expect("removed");
        }
        finds_the_new_file(&world, &clone, &base, trap);
    }
}

#[test]
fn a_pipe_in_the_git_directory_stops_neither_an_import_nor_a_salvage() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    write(&clone, "new", "work\n");
    for path in [".git/objects/info/alternates", ".git/config.worktree"] {
        pipe(&clone.join(path));
        let tools = tools();
        with_cage();
        let error = alai_workspace::clone::import(
            &world.repo(),
            &crate::world::import_of(&clone, &base, &tools),
            &Cancel::new(),
        );
        let error = error.expect_err("refused");
        assert!(
            matches!(&error, ImportError::NotOurClone { reason, .. } if reason.contains("pipe")),
            "{error}"
        );
        finds_the_new_file(&world, &clone, &base, path);
        fs::remove_file(clone.join(path)).expect("removed");
    }
}

#[test]
fn a_cancelled_salvage_says_so_and_takes_nothing() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    write(&clone, "new", "work\n");
    with_cage();
    let (tools, who, cancel) = (tools(), agent(), Cancel::new());
    cancel.cancel();
    let wanted = Salvage {
        clone: &clone,
        to_ref: REST,
        others_ref: OTHERS,
        parent: &base,
        message: "Uncommitted\n",
        author: &who,
        left_out: &[],
        room: &Room::after(0),
        toolchains: &tools,
    };
    let error = salvage(&world.repo(), &wanted, &cancel).expect_err("stopped");
    assert!(matches!(error, ImportError::Stopped { .. }), "{error}");
    assert_eq!(world.refs().lines().count(), 1, "no ref is made");
}

#[test]
fn a_file_that_is_tracked_and_ignored_is_work_also_without_the_clones_objects() {
    for lost in [false, true] {
        let world = World::new();
        world.write("kept.log", "one\n");
        world.write("same.log", "as it was\n");
        world.git(&["add", "--force", "kept.log", "same.log"]);
        let base = world.commit(&[(".gitignore", "*.log\n")], "ignored");
        let clone = world.clone_at("clone", &base);
        write(&clone, "kept.log", "two\n");
        write(&clone, "noise.log", "nobody's\n");
        if lost {
            fs::remove_dir_all(clone.join(".git/objects")).expect("removed");
        }
        let found = taken(&world, &clone, &base).expect("taken");
        assert_eq!(found.missing, [""; 0], "objects lost: {lost}");
        let all = [
            ".gitignore",
            "README.md",
            "kept.log",
            "same.log",
            "src/lib.rs",
        ];
        assert_eq!(paths(&world), all, "objects lost: {lost}");
        let kept = world.git(&["show", "refs/alai/run-1-rest:kept.log"]);
        assert_eq!(kept, "two\n", "objects lost: {lost}");
        world.git(&["fsck", "--full", "--strict"]);
    }
}

#[test]
fn what_cannot_be_taken_a_thousand_times_is_named_by_examples() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let (clone, base) = clone_of(&world);
    for number in 0..1_000 {
        let shut = clone.join(format!("shut-{number}"));
        fs::create_dir(&shut).expect("made");
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).expect("shut");
    }
    let found = taken(&world, &clone, &base).expect("read");
    assert!(found.missing.len() <= 22, "{}", found.missing.len());
    let last = found.missing.last().expect("words");
    assert!(
        last.starts_with("and 9") && last.ends_with(" more"),
        "{last}"
    );
    files::remove(&clone).expect("removed");
}

#[test]
fn large_files_that_are_ignored_are_nobodys_work() {
    let world = World::new();
    let base = world.commit(&[(".gitignore", "*.bin\n")], "ignore");
    let clone = world.clone_at("clone", &base);
    for name in ["out.bin", "o [u*t?\\.bin"] {
        let file = fs::File::create(clone.join(name)).expect("made");
        file.set_len(FILE_BYTES_MAX << 10).expect("a sparse file");
    }
    assert_eq!(
        taken(&world, &clone, &base).expect("read"),
        Salvaged::default()
    );
}

#[test]
fn objects_that_lie_elsewhere_do_no_harm() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    write(&clone, "new", "work\n");
    write(
        &clone,
        ".git/objects/info/alternates",
        "/etc\n/proc/self/root\n../../..\n",
    );
    finds_the_new_file(&world, &clone, &base, "alternates");
}

#[test]
fn work_that_went_back_to_an_earlier_state_is_a_rest_too() {
    let world = World::new();
    let (clone, base) = clone_of(&world);
    let later = world.commit(&[("src/lib.rs", "pub fn two() {}\n")], "second");
    // The clone has the first state's files, and the second is what is known of its work.
    let found = taken(&world, &clone, &later).expect("taken");
    assert_eq!(found.rest, Some(world.tip(REST)));
    assert_eq!(
        world.git(&["rev-parse", "refs/alai/run-1-rest^{tree}"]),
        world.git(&["rev-parse", &format!("{base}^{{tree}}")])
    );
}
