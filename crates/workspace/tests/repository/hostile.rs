//! Clones as a hostile agent leaves them. Each attack works against a plain `git fetch` or against naive code.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use alai_workspace::clone::{Import, ImportError, RUN_BYTES_MAX, Room, import};
use alai_workspace::command::Cancel;
use alai_workspace::git::Oid;

use crate::world::{World, git_in, import_of, in_clone, ok, tools, with_cage, work_in, write};

fn imported(world: &World, clone: &Path, base: &Oid) -> Result<Oid, ImportError> {
    with_cage();
    let tools = tools();
    import(
        &world.repo(),
        &import_of(clone, base, &tools),
        &Cancel::new(),
    )
}

/// Another repository of the machine, with a commit that no agent may see.
fn secret(world: &World, mode: u32) -> (PathBuf, Oid) {
    let root = world.beside("secret");
    fs::create_dir(&root).expect("made");
    ok(git_in(
        &root,
        &[],
        &["init", "--quiet", "--initial-branch=main"],
    ));
    write(&root, "secret", "of the house\n");
    ok(git_in(&root, &[], &["add", "-A"]));
    ok(git_in(&root, &[], &["commit", "--quiet", "-m", "secret"]));
    let tip = ok(git_in(&root, &[], &["rev-parse", "HEAD"]))
        .trim()
        .parse()
        .expect("an oid");
    fs::set_permissions(&root, fs::Permissions::from_mode(mode)).expect("set");
    (root, tip)
}

fn point_branch_at(clone: &Path, oid: &Oid) {
    write(clone, ".git/refs/heads/minion/x", &format!("{oid}\n"));
}

#[test]
fn alternates_do_not_bring_a_foreign_commit_home() {
    for mode in [0o700, 0o755] {
        let world = World::new();
        let base = world.tip("HEAD");
        let clone = world.clone_at("clone", &base);
        let (secret, tip) = secret(&world, mode);
        fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o755)).expect("set");
        write(
            &clone,
            ".git/objects/info/alternates",
            &format!("{}/.git/objects\n", secret.display()),
        );
        point_branch_at(&clone, &tip);
        // The control: a fetch by us, who may read both, does take it.
        let config = world.beside("control-config");
        fs::write(&config, "[safe]\n\tdirectory = *\n").expect("written");
        let control = world.beside("control");
        fs::create_dir(&control).expect("made");
        ok(git_in(&control, &[], &["init", "--quiet"]));
        let env = [("GIT_CONFIG_GLOBAL", config.to_str().expect("text"))];
        ok(git_in(
            &control,
            &env,
            &[
                "fetch",
                "--quiet",
                clone.to_str().expect("text"),
                "refs/heads/minion/x",
            ],
        ));
        assert!(
            git_in(&control, &[], &["cat-file", "-e", tip.as_str()])
                .status
                .success(),
            "the attack is a real one"
        );

        let error = imported(&world, &clone, &base).expect_err("refused");
        assert!(
            matches!(
                error,
                ImportError::NoSuchRef { .. } | ImportError::Packing { .. }
            ),
            "{error}"
        );
        assert!(!world.has_object(tip.as_str()), "mode {mode:o}");
        assert_eq!(world.refs().lines().count(), 1, "no ref was made");
    }
}

#[test]
fn a_git_directory_that_is_not_ours_any_more_is_refused() {
    type Swap = fn(&Path, &Path);
    let swaps: [(&str, Swap); 3] = [
        ("a gitdir file", |clone, secret| {
            fs::rename(clone.join(".git"), clone.join("away")).expect("moved");
            fs::write(
                clone.join(".git"),
                format!("gitdir: {}/.git\n", secret.display()),
            )
            .expect("written");
        }),
        ("a symlink", |clone, secret| {
            fs::rename(clone.join(".git"), clone.join("away")).expect("moved");
            symlink(secret.join(".git"), clone.join(".git")).expect("linked");
        }),
        ("linked objects", |clone, secret| {
            fs::rename(clone.join(".git/objects"), clone.join("away")).expect("moved");
            symlink(secret.join(".git/objects"), clone.join(".git/objects")).expect("linked");
        }),
    ];
    for (name, swap) in swaps {
        let world = World::new();
        let base = world.tip("HEAD");
        let clone = world.clone_at("clone", &base);
        let (secret, tip) = secret(&world, 0o700);
        swap(&clone, &secret);
        let error = imported(&world, &clone, &base).expect_err(name);
        assert!(
            matches!(error, ImportError::NotOurClone { .. }),
            "{name}: {error}"
        );
        assert!(!world.has_object(tip.as_str()), "{name}");
    }
}

#[test]
fn links_deeper_in_the_git_directory_lead_nowhere() {
    for linked in ["refs/heads/minion", "objects/pack", "refs"] {
        let world = World::new();
        let base = world.tip("HEAD");
        let clone = world.clone_at("clone", &base);
        let (secret, tip) = secret(&world, 0o755);
        ok(git_in(&secret, &[], &["branch", "minion/x"]));
        ok(git_in(&secret, &[], &["gc", "--quiet"]));
        ok(git_in(
            &secret,
            &[],
            &["update-ref", "refs/heads/minion/x", tip.as_str()],
        ));
        let here = clone.join(".git").join(linked);
        fs::remove_dir_all(&here).expect("removed");
        symlink(secret.join(".git").join(linked), &here).expect("linked");
        if linked == "objects/pack" {
            point_branch_at(&clone, &tip);
        }
        assert!(imported(&world, &clone, &base).is_err(), "{linked}");
        assert!(!world.has_object(tip.as_str()), "{linked}");
    }
}

#[test]
fn programs_named_in_a_clone_do_not_run_outside() {
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    let tip = work_in(&clone, &[("a", "1\n")], "work");
    let open = world.beside("open to all");
    fs::create_dir(&open).expect("made");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("set");
    fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let mark = open.join("ran");
    let touch = format!("touch '{}'", mark.display());
    for key in [
        "core.fsmonitor",
        "uploadpack.packObjectsHook",
        "core.alternateRefsCommand",
        "core.sshCommand",
        "core.pager",
        "filter.x.clean",
        "diff.external",
        "gpg.program",
    ] {
        in_clone(&clone, &["config", key, &touch]);
    }
    fs::create_dir_all(clone.join(".git/hooks")).expect("made");
    for hook in [
        "post-checkout",
        "pre-auto-gc",
        "reference-transaction",
        "post-index-change",
        "pre-push",
    ] {
        fs::write(
            clone.join(".git/hooks").join(hook),
            format!("#!/bin/sh\n{touch}\n"),
        )
        .expect("written");
        fs::set_permissions(
            clone.join(".git/hooks").join(hook),
            fs::Permissions::from_mode(0o755),
        )
        .expect("set");
    }
    in_clone(&clone, &["status"]);
    fs::remove_file(&mark).expect("the attack is a real one: a plain `git status` runs it");
    assert_eq!(imported(&world, &clone, &base).expect("imported"), tip);
    assert!(
        !mark.exists(),
        "a program of the clone ran outside its cage"
    );
}

#[test]
fn refs_with_odd_names_are_not_asked_for() {
    with_cage();
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    let tools = tools();
    for odd in [
        "--all",
        "HEAD",
        "refs/heads/../../config",
        "refs/heads/a b",
        "refs/heads/x^{tree}",
        "refs/heads/x\n",
    ] {
        let mut asked = import_of(&clone, &base, &tools);
        asked.clone_ref = odd;
        let error = import(&world.repo(), &asked, &Cancel::new()).expect_err("refused");
        assert!(
            matches!(error, ImportError::NoSuchRef { .. }),
            "{odd:?}: {error}"
        );
    }
    for odd in [
        "refs/heads/main",
        "refs/tags/x",
        "refs/alai/../heads/main",
        "refs/alai/",
        "main",
    ] {
        let mut asked = import_of(&clone, &base, &tools);
        asked.to_ref = odd;
        let error = import(&world.repo(), &asked, &Cancel::new()).expect_err("refused");
        assert!(
            matches!(error, ImportError::BadTarget { .. }),
            "{odd:?}: {error}"
        );
    }
    assert_eq!(world.refs(), format!("refs/heads/main {base}\n"));
}

#[test]
fn a_branch_that_is_no_commit_or_lacks_objects_is_refused() {
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    work_in(&clone, &[("a", "some content of its own\n")], "work");
    let blob: Oid = in_clone(&clone, &["rev-parse", "HEAD:a"])
        .trim()
        .parse()
        .expect("an oid");
    fs::remove_file(
        clone
            .join(".git/objects")
            .join(&blob.as_str()[..2])
            .join(&blob.as_str()[2..]),
    )
    .expect("removed");
    let error = imported(&world, &clone, &base).expect_err("a blob is missing");
    assert!(
        matches!(
            error,
            ImportError::Packing { .. } | ImportError::Refused { .. }
        ),
        "{error}"
    );
    point_branch_at(&clone, &"1".repeat(40).parse().expect("an oid"));
    assert!(matches!(
        imported(&world, &clone, &base),
        Err(ImportError::NoSuchRef { .. })
    ));
    fs::remove_file(clone.join(".git/refs/heads/minion/x")).expect("removed");
    assert!(matches!(
        imported(&world, &clone, &base),
        Err(ImportError::NoSuchRef { .. })
    ));
}

#[test]
fn a_tree_with_a_git_folder_in_it_does_not_pass_the_checks() {
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    work_in(&clone, &[("hook", "#!/bin/sh\n")], "work");
    let blob = in_clone(&clone, &["rev-parse", "HEAD:hook"])
        .trim()
        .to_owned();
    for name in [".git", ".GIT", ".."] {
        let listing = clone.join("listing");
        fs::write(&listing, format!("100644 blob {blob}\t{name}\n")).expect("written");
        let script = format!("git mktree < '{}'", listing.display());
        let git_dir = clone.join(".git");
        let made = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("GIT_DIR", &git_dir)
            .current_dir(&clone)
            .output()
            .expect("sh starts");
        let tree = ok(made).trim().to_owned();
        let commit = in_clone(
            &clone,
            &["commit-tree", "-p", base.as_str(), "-m", "evil", &tree],
        );
        point_branch_at(&clone, &commit.trim().parse().expect("an oid"));
        let error = imported(&world, &clone, &base).expect_err(name);
        assert!(
            matches!(error, ImportError::Refused { .. }),
            "{name}: {error}"
        );
        assert!(!world.has_object(commit.trim()), "{name}");
    }
}

#[test]
fn a_commit_that_unfolds_without_end_is_refused() {
    let world = World::new();
    // The last level names a folder of the base, which is not in the pack.
    let base = world.commit(&[("many/a", "1"), ("many/b", "2")], "folders");
    let clone = world.clone_at("clone", &base);
    let mut inner = in_clone(&clone, &["rev-parse", "HEAD:many"])
        .trim()
        .to_owned();
    // Twenty-five levels of two: sixty million files of twenty-five trees.
    for _ in 0..25 {
        let listing = format!("040000 tree {inner}\tx\n040000 tree {inner}\ty\n");
        let file = world.beside("listing");
        fs::write(&file, listing).expect("written");
        let script = format!("git mktree < '{}'", file.display());
        let made = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("GIT_DIR", clone.join(".git"))
            .current_dir(&clone)
            .output();
        inner = ok(made.expect("sh starts")).trim().to_owned();
    }
    let bomb = in_clone(
        &clone,
        &["commit-tree", "-p", base.as_str(), "-m", "bomb", &inner],
    );
    point_branch_at(&clone, &bomb.trim().parse().expect("an oid"));
    let error = imported(&world, &clone, &base).expect_err("refused");
    assert!(matches!(error, ImportError::Refused { .. }), "{error}");
    assert!(
        error.to_string().contains("unfolds to more than"),
        "{error}"
    );
    assert!(!world.has_object(bomb.trim()));
}

#[test]
fn a_clone_full_of_traps_is_removed_whole() {
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    symlink(&world.root, clone.join("link")).expect("linked");
    fs::create_dir_all(clone.join("locked/inside")).expect("made");
    fs::set_permissions(
        clone.join("locked/inside"),
        fs::Permissions::from_mode(0o000),
    )
    .expect("set");
    fs::set_permissions(clone.join("locked"), fs::Permissions::from_mode(0o000)).expect("set");
    let before = world.snapshot();
    alai_workspace::clone::remove(&clone).expect("removed");
    assert!(!clone.exists());
    assert_eq!(world.snapshot(), before);
}

/// Writes an object of any content into the clone and answers with its name.
fn raw_object(world: &World, clone: &Path, kind: &str, content: &[u8]) -> String {
    let file = world.beside("object");
    fs::write(&file, content).expect("written");
    let script = format!(
        "git hash-object -w -t {kind} --literally --stdin < '{}'",
        file.display()
    );
    let made = std::process::Command::new("sh")
        .args(["-c", &script])
        .env("GIT_DIR", clone.join(".git"))
        .current_dir(clone)
        .output();
    ok(made.expect("sh starts")).trim().to_owned()
}

fn raw_entry(mode: &str, name: &str, oid: &str) -> Vec<u8> {
    let mut entry = format!("{mode} {name}\0").into_bytes();
    let digit = |at: usize| u8::from_str_radix(&oid[at..at + 2], 16).expect("hex");
    entry.extend((0..oid.len()).step_by(2).map(digit));
    entry
}

#[test]
fn a_folder_under_another_mode_is_no_file() {
    let world = World::new();
    let base = world.commit(&[("many/a", "1"), ("many/b", "2")], "folders");
    let clone = world.clone_at("clone", &base);
    let mut inner = in_clone(&clone, &["rev-parse", "HEAD:many"])
        .trim()
        .to_owned();
    for _ in 0..25 {
        let tree = ["x", "y"].map(|name| raw_entry("40755", name, &inner));
        inner = raw_object(&world, &clone, "tree", &tree.concat());
    }
    let bomb = in_clone(
        &clone,
        &["commit-tree", "-p", base.as_str(), "-m", "bomb", &inner],
    );
    point_branch_at(&clone, &bomb.trim().parse().expect("an oid"));
    let error = imported(&world, &clone, &base).expect_err("refused");
    assert!(matches!(error, ImportError::Refused { .. }), "{error}");
    assert!(!world.has_object(bomb.trim()));
}

/// A pack of one blob of 16 MB and one that is `COPIES` times that: a delta of a few bytes for each.
const DELTA_BOMB: &str = r#"
import hashlib, struct, sys, zlib
size, copies = 0xffffff, int(sys.argv[1])
def varint(n):
    out = bytearray()
    while True:
        out.append((n & 127) | (128 if n > 127 else 0))
        n >>= 7
        if not n: return bytes(out)
def header(kind, n):
    first, n = (kind << 4) | (n & 15), n >> 4
    if not n: return bytes([first])
    return bytes([first | 128]) + varint(n)
base = bytes(size)
name = hashlib.sha1(b"blob %d\0" % size + base).digest()
delta = varint(size) + varint(size * copies) + (b"\xf0\xff\xff\xff" * copies)
pack = b"PACK" + struct.pack(">II", 2, 2)
pack += header(3, size) + zlib.compress(base)
pack += header(7, len(delta)) + name + zlib.compress(delta)
sys.stdout.buffer.write(pack + hashlib.sha1(pack).digest())
"#;

#[test]
fn a_small_delta_of_a_large_file_is_refused_before_it_is_built_needs_python() {
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    // Of what `verify-pack` lists, only a delta has a depth and a base.
    let script = "python3 -c \"$BOMB\" 24 > bomb.pack && git index-pack --stdin < bomb.pack >/dev/null \
         && git verify-pack -v .git/objects/pack/pack-*.idx | awk '$2 == \"blob\" && NF == 7 { print $1, $7 }'";
    let made = std::process::Command::new("sh")
        .args(["-c", script])
        .env("BOMB", DELTA_BOMB)
        .env("GIT_DIR", clone.join(".git"))
        .current_dir(&clone)
        .output();
    let blobs = ok(made.expect("sh starts"));
    let (large, small) = blobs.trim().split_once(' ').expect("a delta and its base");
    let tree = [
        raw_entry("100644", "large", large),
        raw_entry("100644", "small", small),
    ];
    let tree = raw_object(&world, &clone, "tree", &tree.concat());
    let bomb = in_clone(
        &clone,
        &["commit-tree", "-p", base.as_str(), "-m", "bomb", &tree],
    );
    fs::remove_file(clone.join("bomb.pack")).expect("removed");
    point_branch_at(&clone, &bomb.trim().parse().expect("an oid"));
    let error = imported(&world, &clone, &base).expect_err("refused");
    assert!(
        matches!(&error, ImportError::Refused { reason, .. } if reason.contains("limit")),
        "{error}"
    );
    assert!(!world.has_object(bomb.trim()));
}

/// Each burst of a run leaves a pack in the person's repository: all of them together have an end.
#[test]
fn what_one_run_brings_has_an_end() {
    let world = World::new();
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    let tip = work_in(&clone, &[("work", "done\n")], "work");
    let (tools, room) = (tools(), Room::after(RUN_BYTES_MAX - 100));
    let asked = Import {
        room: &room,
        ..import_of(&clone, &base, &tools)
    };
    with_cage();
    let error = import(&world.repo(), &asked, &Cancel::new()).expect_err("refused");
    assert!(matches!(error, ImportError::NoRoom { .. }), "{error}");
    assert!(error.to_string().contains("The clone is kept"), "{error}");
    assert!(!world.has_object(tip.as_str()));
    assert_eq!(world.refs().lines().count(), 1, "no ref was made");
    let room = Room::after(0);
    let asked = Import {
        room: &room,
        ..asked
    };
    assert_eq!(
        import(&world.repo(), &asked, &Cancel::new()).expect("imported"),
        tip
    );
    let spent = room.spent();
    assert!(spent > 100, "{spent}");
    import(&world.repo(), &asked, &Cancel::new()).expect("imported");
    assert_eq!(room.spent(), spent, "what is home is not brought again");
}
