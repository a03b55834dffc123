//! Odd repositories, each from its clone over a commit to the import: what works, and what is refused by its name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use alai_workspace::cage;
use alai_workspace::clone::{self, Room, Salvage, Salvaged, import, salvage};
use alai_workspace::command::Cancel;
use alai_workspace::files;
use alai_workspace::git::{self, GitError, Oid};

use crate::world::{
    World, agent, git_in, import_of, in_clone, ok, tools, with_cage, work_in, write,
};

/// Takes the clone's commits and what was not committed home. What is left is in words.
fn home(world: &World, clone: &Path, base: &Oid) -> (Oid, Salvaged) {
    with_cage();
    files::give_to(clone, cage::agent_ids()).expect("given");
    let (tools, who) = (tools(), agent());
    let repo = git::open(&world.root).expect("opened");
    let tip = import(&repo, &import_of(clone, base, &tools), &Cancel::new()).expect("imported");
    let wanted = Salvage {
        clone,
        to_ref: "refs/alai/run-1-rest",
        others_ref: "refs/alai/run-1-others",
        parent: &tip,
        message: "Uncommitted\n",
        author: &who,
        left_out: &[],
        room: &Room::after(0),
        toolchains: &tools,
    };
    let rest = salvage(&repo, &wanted, &Cancel::new()).expect("read");
    (tip, rest)
}

/// A commit in a clone of `base` comes home with nothing but its own change.
fn works(world: &World, base: &Oid, name: &str) -> PathBuf {
    let clone = world.clone_at(name, base);
    assert_eq!(in_clone(&clone, &["status", "--porcelain"]), "", "{name}");
    let tip = work_in(&clone, &[("work", "done\n")], "work");
    let (got, rest) = home(world, &clone, base);
    assert_eq!((got, rest), (tip.clone(), Salvaged::default()), "{name}");
    let changed = world.git(&["diff", "--name-status", base.as_str(), tip.as_str()]);
    assert_eq!(changed, "A\twork\n", "{name}");
    world.git(&["fsck", "--strict"]);
    clone
}

/// A user's repository with a submodule that is checked out.
fn with_submodule() -> (World, Oid) {
    let world = World::new();
    let inner = world.beside("inner");
    fs::create_dir(&inner).expect("made");
    ok(git_in(
        &inner,
        &[],
        &["init", "--quiet", "--initial-branch=main"],
    ));
    write(&inner, "inner.txt", "of its own\n");
    ok(git_in(&inner, &[], &["add", "-A"]));
    ok(git_in(&inner, &[], &["commit", "--quiet", "-m", "inner"]));
    let from = inner.to_str().expect("text");
    world.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        from,
        "sub",
    ]);
    let base = world.commit(&[], "a submodule");
    (world, base)
}

#[test]
fn a_submodule_stays_an_empty_folder_and_keeps_its_place_in_every_commit() {
    let (world, base) = with_submodule();
    let clone = works(&world, &base, "clone");
    assert_eq!(
        fs::read_dir(clone.join("sub")).expect("a folder").count(),
        0
    );
    let place = world.git(&["ls-tree", "refs/alai/run-1", "sub"]);
    assert!(place.starts_with("160000 commit "), "{place}");
}

/// Git passes by whatever lies in the place of a submodule, so nobody would miss it.
#[test]
fn work_in_the_place_of_a_submodule_is_named() {
    let (world, base) = with_submodule();
    let clone = world.clone_at("clone", &base);
    write(&clone, "sub/new.txt", "work\n");
    let (tip, rest) = home(&world, &clone, &base);
    assert_eq!((tip, rest.rest), (base, None));
    let named = "sub is a submodule, of which no commit here holds the files";
    assert_eq!(rest.missing, [named]);
}

#[test]
fn pointers_of_lfs_stay_as_they_are() {
    let world = World::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\n\
        oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    let base = world.commit(
        &[
            (
                ".gitattributes",
                "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            ),
            ("model.bin", pointer),
        ],
        "large",
    );
    // As `git lfs install --local` leaves it: a clone must not run it.
    let canary = world.beside("canary");
    for (key, command) in [
        ("clean", "touch"),
        ("smudge", "touch"),
        ("process", "touch"),
    ] {
        let value = format!("{command} '{}'", canary.display());
        world.git(&["config", &format!("filter.lfs.{key}"), &value]);
    }
    world.git(&["config", "filter.lfs.required", "true"]);
    let clone = works(&world, &base, "clone");
    let text = fs::read_to_string(clone.join("model.bin")).expect("read");
    assert_eq!(text, pointer);
    assert!(!canary.exists(), "no filter ran");
}

#[test]
fn a_sparse_checkout_of_the_user_is_a_whole_one_in_the_clone() {
    for index in ["--no-sparse-index", "--sparse-index"] {
        let world = World::new();
        let base = world.commit(
            &[("far/away.txt", "far\n"), ("near/by.txt", "near\n")],
            "two",
        );
        world.git(&["sparse-checkout", "init", "--cone", index]);
        world.git(&["sparse-checkout", "set", "near"]);
        assert!(!world.root.join("far").exists(), "the user has a part");
        let clone = works(&world, &base, "clone");
        let far = fs::read_to_string(clone.join("far/away.txt")).expect("read");
        assert_eq!(far, "far\n");
        assert!(
            !world.root.join("far").exists(),
            "the user still has a part"
        );
    }
}

#[test]
fn a_repository_within_the_users_is_none_of_the_clones() {
    let world = World::new();
    let base = world.tip("HEAD");
    let within = world.root.join("vendor/within");
    fs::create_dir_all(&within).expect("made");
    ok(git_in(&within, &[], &["init", "--quiet"]));
    write(&within, "private", "of the user\n");
    let clone = works(&world, &base, "clone");
    assert!(!clone.join("vendor").exists());
}

/// A commit of the agent that only names a repository holds none of its files.
#[test]
fn a_repository_that_the_agent_committed_by_name_is_named() {
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    let within = clone.join("within");
    fs::create_dir(&within).expect("made");
    ok(git_in(&within, &[], &["init", "--quiet"]));
    write(&within, "file", "of its own\n");
    for args in [&["add", "-A"][..], &["commit", "--quiet", "-m", "within"]] {
        ok(git_in(&within, &[], args));
    }
    work_in(&clone, &[("work", "done\n")], "work");
    let (_, rest) = home(&world, &clone, &base);
    let named = "within is a repository of its own";
    assert!(rest.missing.iter().any(|words| words == named), "{rest:?}");
}

#[test]
fn names_that_differ_in_case_alone_are_two_files_where_the_disk_says_so() {
    let world = World::new();
    let base = world.commit(
        &[("readme.md", "small\n"), ("SRC/lib.rs", "large\n")],
        "case",
    );
    let clone = works(&world, &base, "clone");
    for (path, text) in [
        ("README.md", "one\n"),
        ("readme.md", "small\n"),
        ("SRC/lib.rs", "large\n"),
        ("src/lib.rs", "pub fn one() {}\n"),
    ] {
        assert_eq!(fs::read_to_string(clone.join(path)).expect("read"), text);
    }
}

/// One name in one piece and in two.
const FORMS: [&str; 2] = ["caf\u{e9}.txt", "cafe\u{301}.txt"];

#[test]
fn names_that_differ_in_the_form_of_a_letter_are_two_files_where_the_disk_says_so() {
    let world = World::new();
    let base = world.commit(&[(FORMS[0], "one\n"), (FORMS[1], "two\n")], "forms");
    let clone = works(&world, &base, "clone");
    let read = |name: &str| fs::read_to_string(clone.join(name)).expect("read");
    assert_eq!(FORMS.map(read), ["one\n", "two\n"]);
}

/// Of two files one would be lost, and every commit would say that an agent deleted it.
#[test]
#[ignore = "needs a folder whose file system folds names (ext4 with casefold), named by ALAI_FOLDING; run with --run-ignored"]
fn names_that_the_disk_takes_for_one_are_refused_by_name() {
    let folding = PathBuf::from(std::env::var_os("ALAI_FOLDING").expect("ALAI_FOLDING is set"));
    let world = World::new();
    let cloned = |base: &Oid, name: &str| {
        let dest = folding.join(name);
        let (repo, who, ids) = (world.repo(), agent(), cage::agent_ids());
        clone::for_run(&repo, base, &dest, "minion/x", &who, ids).map(|_| dest)
    };
    let base = world.commit(&[("other.md", "x\n")], "plain");
    let dest = cloned(&base, "plain").expect("names that are apart are cloned");
    assert!(dest.join("OTHER.MD").is_file(), "the disk does fold");
    for (name, pair) in [
        ("case", ["README.md", "readme.md"]),
        ("forms", FORMS),
        ("folders", ["SRC/a", "src/b"]),
    ] {
        world.git(&["reset", "--quiet", "--hard", base.as_str()]);
        let commit = world.commit(&pair.map(|path| (path, "x\n")), name);
        let refused = cloned(&commit, name).expect_err(name);
        assert!(
            refused.to_string().contains("would be one file"),
            "{refused}"
        );
        assert!(!folding.join(name).exists(), "{name}: nothing is left");
    }
}

#[test]
fn links_are_links_and_nothing_follows_them() {
    let world = World::new();
    let outside = world.beside("outside");
    fs::write(&outside, "secret\n").expect("written");
    symlink(&outside, world.root.join("out")).expect("linked");
    symlink("src", world.root.join("folder")).expect("linked");
    symlink("nowhere", world.root.join("broken")).expect("linked");
    let base = world.commit(&[], "links");
    let clone = works(&world, &base, "clone");
    for (link, target) in [
        ("out", outside.as_path()),
        ("folder", Path::new("src")),
        ("broken", Path::new("nowhere")),
    ] {
        assert_eq!(fs::read_link(clone.join(link)).expect("a link"), target);
        let kept = world.git(&["show", &format!("refs/alai/run-1:{link}")]);
        assert_eq!(kept, target.to_str().expect("text"));
    }
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(&outside).expect("there");
    let us = fs::metadata(&world.root).expect("there").uid();
    assert_eq!(found.uid(), us, "what a link points at was not given away");
}

#[test]
fn objects_that_the_user_borrows_from_elsewhere_are_found() {
    let world = World::new();
    let shared = world.beside("shared");
    let (from, to) = (world.root.to_str(), shared.to_str());
    let (from, to) = (from.expect("text"), to.expect("text"));
    world.git(&["clone", "--quiet", "--shared", from, to]);
    let other = World {
        root: shared,
        ..World::new()
    };
    let base = other.tip("HEAD");
    let dest = world.beside("clone of it");
    clone::for_run(
        &other.repo(),
        &base,
        &dest,
        "minion/x",
        &agent(),
        cage::agent_ids(),
    )
    .expect("cloned");
    assert!(!dest.join(".git/objects/info/alternates").exists());
    let tip = work_in(&dest, &[("work", "done\n")], "work");
    assert_eq!(home(&other, &dest, &base).0, tip);
}

#[test]
fn a_path_that_is_no_text_is_refused_by_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    let odd = OsStr::from_bytes(b"caf\xe9.txt");
    fs::write(world.root.join(odd), "x").expect("written");
    let base = world.commit(&[], "odd");
    let dest = world.beside("clone");
    let made = clone::for_run(&world.repo(), &base, &dest, "minion/x", &agent(), None);
    let error = made.expect_err("refused").to_string();
    assert!(
        error.contains("not UTF-8") && error.contains("rename it"),
        "{error}"
    );
    assert!(!dest.exists());
    assert!(matches!(
        git::tree(&world.repo(), &base),
        Err(GitError::PathNotUtf8 { .. })
    ));
}
