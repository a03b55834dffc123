//! What many clones have in common is there once, and no clone can change it for the others.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alai_workspace::cage::{self, Access, Bind, CageSpec, Limits, Network};
use alai_workspace::clone::{self, INSIDE_REPO, import};
use alai_workspace::command::Cancel;
use alai_workspace::files;
use alai_workspace::git::Oid;

use crate::world::{World, git_in, import_of, in_clone, tools, with_cage, work_in};

/// Text that no compression makes small.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed;
    let mut text = String::new();
    while text.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.push_str(&format!("{:016x}\n", state ^ (state >> 29)));
    }
    text
}

/// A user with a repository of some megabytes, and the folder of the stock beside it.
fn world() -> (World, Oid, PathBuf) {
    let world = World::new();
    let base = world.commit(&[("large", &noise(1, 4 << 20))], "large");
    let stock = world.beside("stock");
    clone::set_stock(stock.clone());
    (world, base, stock)
}

/// The commits that the stock has packs of.
fn commits(stock: &Path) -> Vec<String> {
    let shelves = fs::read_dir(stock).expect("a stock").flatten();
    let names = shelves.flat_map(|shelf| fs::read_dir(shelf.path()).expect("a shelf").flatten());
    let mut names: Vec<String> = names
        .map(|name| name.file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

fn packs(clone: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(clone.join(".git/objects/pack")).expect("listed");
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "pack"))
        .collect()
}

/// Bytes of packs that nobody else has.
fn own_bytes(clone: &Path) -> u64 {
    let found = packs(clone)
        .into_iter()
        .map(|path| fs::metadata(path).expect("there"));
    found
        .filter(|found| found.nlink() == 1)
        .map(|found| found.size())
        .sum()
}

#[test]
fn the_second_clone_takes_over_what_the_first_one_packed() {
    let (world, base, stock) = world();
    for name in ["first", "second"] {
        let clone = world.clone_at(name, &base);
        assert_eq!(commits(&stock), [base.to_string()], "{name}");
        in_clone(&clone, &["fsck", "--full", "--strict"]);
        assert_eq!(in_clone(&clone, &["status", "--porcelain"]), "");
        // A normal user's agent is that user, to whom no file of theirs is read-only: there it is a copy.
        if cage::agent_ids().is_some() {
            assert_eq!(own_bytes(&clone), 0, "{name} has nothing of its own");
        }
    }
    // A commit that grew out of it packs only what came after, and no more of the user's than a clone ever had.
    world.git(&["branch", "private"]);
    let private = world.commit(&[("private", "of the user\n")], "private");
    world.git(&["reset", "--quiet", "--hard", base.as_str()]);
    let later = world.commit(&[("small", "later\n")], "later");
    let clone = world.clone_at("third", &later);
    assert_eq!(
        commits(&stock),
        [base.to_string()],
        "a small change needs no new pack"
    );
    in_clone(&clone, &["fsck", "--full", "--strict"]);
    let git_dir = clone.join(".git");
    let env = [("GIT_DIR", git_dir.to_str().expect("text"))];
    let asked = git_in(&clone, &env, &["cat-file", "-e", private.as_str()]);
    assert!(
        !asked.status.success(),
        "what is not in its history is not in a clone"
    );
    // A clone keeps what it took over, and works as ever without the stock.
    fs::remove_dir_all(&stock).expect("removed");
    in_clone(&clone, &["fsck", "--full", "--strict"]);
    let tip = work_in(&clone, &[("work", "done\n")], "work");
    files::give_to(&clone, cage::agent_ids()).expect("given");
    with_cage();
    let tools = tools();
    let got = import(
        &world.repo(),
        &import_of(&clone, &later, &tools),
        &Cancel::new(),
    );
    assert_eq!(got.expect("imported"), tip);
    world.clone_at("fourth", &base);
    assert_eq!(
        commits(&stock),
        [base.to_string()],
        "the next clone makes it again"
    );
}

#[test]
fn nobody_in_a_cage_can_change_what_others_have_too() {
    let (world, base, _) = world();
    let (first, second) = (
        world.clone_at("first", &base),
        world.clone_at("second", &base),
    );
    let pack = packs(&first).pop().expect("a pack");
    let before = fs::read(&pack).expect("read");
    let other = packs(&second).pop().expect("a pack");
    let tools = tools();
    let script = "cd .git/objects/pack; for p in *.pack *.idx; do chmod u+w $p; chmod 777 $p; echo x >> $p; (: > $p); \
        truncate -s 1 $p; done 2>/dev/null; chmod 777 . ; rm -f -- *; echo gone > $(basename \"$1\")";
    let name = other
        .file_name()
        .and_then(|name| name.to_str())
        .expect("text");
    let spec = CageSpec {
        binds: vec![Bind {
            outside: second.clone(),
            inside: PathBuf::from(INSIDE_REPO),
            access: Access::ReadWrite,
        }],
        cwd: PathBuf::from(INSIDE_REPO),
        env: Vec::new(),
        network: Network::Loopback,
        limits: Limits::default(),
        uid: cage::agent_ids(),
        toolchains: tools.binds.clone(),
        path: tools.path.clone(),
    };
    let argv = ["sh", "-c", script, "sh", name].map(str::to_owned);
    with_cage();
    let ran = cage::run(&spec, &argv, &[], &Cancel::new()).expect("a cage");
    assert!(ran.success(), "{}", ran.combined());
    assert_eq!(
        fs::read(&other).expect("read"),
        b"gone\n",
        "its own folder is its own"
    );
    assert_eq!(
        fs::read(&pack).expect("read"),
        before,
        "the other clone's is as it was"
    );
    in_clone(&first, &["fsck", "--full", "--strict"]);
    let third = world.clone_at("third", &base);
    in_clone(&third, &["fsck", "--full", "--strict"]);
}

#[test]
fn a_repository_that_grew_gets_a_new_pack_and_old_ones_go() {
    let (world, base, stock) = world();
    world.clone_at("first", &base);
    let mut tips = Vec::new();
    for number in 2..6 {
        let tip = world.commit(
            &[(
                "large",
                &noise(number, usize::try_from(number).expect("small") << 21),
            )],
            "grown",
        );
        let clone = world.clone_at(&format!("clone-{number}"), &tip);
        in_clone(&clone, &["fsck", "--full", "--strict"]);
        tips.push(tip.to_string());
    }
    let left = commits(&stock);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.contains(tips.last().expect("a tip")), "{left:?}");
    assert_eq!(
        clone::prune_stock(&stock, Duration::from_secs(3_600)).expect("looked"),
        0
    );
    assert_eq!(
        clone::prune_stock(&stock, Duration::ZERO).expect("looked"),
        1
    );
    assert_eq!(fs::read_dir(&stock).expect("listed").count(), 0);
}

#[test]
fn a_tag_comes_along_beside_the_stock() {
    let (world, base, _) = world();
    world.clone_at("first", &base);
    world.git(&["tag", "-a", "v1", "-m", "one"]);
    let clone = world.clone_at("second", &base);
    assert_eq!(in_clone(&clone, &["describe"]), "v1\n");
    in_clone(&clone, &["fsck", "--full", "--strict"]);
}
