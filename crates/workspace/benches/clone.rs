//! What a run's clone of a large repository costs beside `git worktree add`, in time and in disk of its own, in turns, and what
//! it costs to prove at its end that nothing of it is lost.
//!
//! Run by `cargo xtask bench minion`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints, and starts the git that it is measured against"
)]

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use alai_workspace::clone::{Room, Salvage, Salvaged};
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, Identity, Oid, Repo};
use alai_workspace::toolchains::toolchains;
use alai_workspace::{cage, clone, files};

const FILES: usize = 50_000;
const FOLDERS: usize = 500;
/// Of one file: 200 MB in all.
const BYTES: usize = 4_000;
const ROUNDS: usize = 3;
/// Of the time of `git worktree add`.
const AIM: f64 = 1.2;
/// Files that a run changes before its clone is looked through once more.
const CHANGED: usize = 20;

/// A normal user without an account.
const STRANGER: u32 = 54_321;
/// Before the folder and the launcher of a bench that another user runs.
const HERE: &str = "--here";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [here, folder, launcher] if here == HERE => measure(Path::new(folder), Path::new(launcher)),
        _ => {
            let place = tempfile::tempdir().expect("a folder");
            measure(place.path(), Path::new(env!("CARGO_BIN_EXE_cage_launcher")));
            if cage::agent_ids().is_some() {
                as_a_stranger();
            }
        }
    }
}

/// The same as a normal user, by a copy of this program that such a user may run.
fn as_a_stranger() {
    let place = tempfile::tempdir().expect("a folder");
    let path = |name: &str| place.path().join(name);
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755))
        .expect("it is ours");
    let (bench, launcher, folder) = (path("bench"), path("launcher"), path("work"));
    std::fs::copy(std::env::current_exe().expect("this program"), &bench).expect("a copy");
    std::fs::copy(env!("CARGO_BIN_EXE_cage_launcher"), &launcher).expect("a copy");
    std::fs::create_dir(&folder).expect("a folder");
    std::os::unix::fs::chown(&folder, Some(STRANGER), Some(STRANGER)).expect("root may");
    let mut same = Command::new(&bench);
    same.arg(HERE)
        .args([&folder, &launcher])
        .uid(STRANGER)
        .gid(STRANGER);
    same.current_dir(&folder)
        .env("HOME", &folder)
        .env("TMPDIR", &folder);
    assert!(
        same.status().expect("it starts").success(),
        "as user {STRANGER}"
    );
}

fn measure(place: &Path, launcher: &Path) {
    cage::set_launcher(launcher.to_path_buf());
    let source = place.join("source");
    make(&source);
    let repo = git::open(&source).expect("a repository");
    let base: Oid = git::resolve(&repo, "refs/heads/main")
        .expect("git answers")
        .expect("a branch");
    let who = Identity::new("Bench", "bench@localhost").expect("two words");
    clone::set_stock(place.join("stock"));
    let made = |name: &str| {
        let dest = place.join(name);
        let start = Instant::now();
        clone::for_run(&repo, &base, &dest, "minion/bench", &who, cage::agent_ids())
            .expect("a clone");
        (start.elapsed(), disk(&dest))
    };
    let (first, _) = made("first");
    let (mut trees, mut clones) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let dest = place.join(format!("tree-{round}"));
        let start = Instant::now();
        run(
            &source,
            &[
                "worktree",
                "add",
                "--quiet",
                "--detach",
                &dest.to_string_lossy(),
            ],
        );
        trees.push((start.elapsed(), disk(&dest)));
        clones.push(made(&format!("clone-{round}")));
    }
    let who_is = match cage::agent_ids() {
        Some(_) => "as root, clones given to the agent's user",
        None => "as a normal user",
    };
    let (tree, tree_bytes) = middle(trees);
    let (clone, clone_bytes) = middle(clones);
    let times = clone.as_secs_f64() / tree.as_secs_f64();
    let held = if times <= AIM { "held" } else { "missed" };
    let mb = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "(peer) git worktree add, {FILES} files   {:.2} s, {:.0} MB, {who_is}",
        tree.as_secs_f64(),
        mb(tree_bytes)
    );
    println!(
        "a run's clone, {who_is}  {:.2} s, {:.0} MB, {times:.2} x, aim <= {AIM}: {held}",
        clone.as_secs_f64(),
        mb(clone_bytes)
    );
    println!(
        "the first clone, which fills the stock {:.2} s",
        first.as_secs_f64()
    );
    println!("{ROUNDS} of each in turns, medians; disk is what has one name only; {who_is}");
    let clones: Vec<_> = (0..ROUNDS)
        .map(|round| place.join(format!("clone-{round}")))
        .collect();
    salvages(&repo, &base, &clones);
}

/// The look through an untouched clone, and through one with some files changed.
fn salvages(repo: &Repo, base: &Oid, clones: &[PathBuf]) {
    let (mut untouched, mut changed) = (Vec::new(), Vec::new());
    for clone in clones {
        let (time, found) = salvage(repo, base, clone);
        assert_eq!(found, Salvaged::default(), "nothing was changed");
        untouched.push((time, 0));
        for number in 0..CHANGED {
            let path = clone.join(format!("dir{number}/file{number}.rs"));
            std::fs::write(&path, format!("changed {number}\n")).expect("written");
            files::give_to(&path, cage::agent_ids()).expect("given");
        }
        let (time, found) = salvage(repo, base, clone);
        assert!(
            found.rest.is_some() && found.missing.is_empty(),
            "{found:?}"
        );
        changed.push((time, 0));
    }
    println!(
        "salvage of an untouched clone         {:.2} s",
        middle(untouched).0.as_secs_f64()
    );
    println!(
        "salvage with {CHANGED} files changed         {:.2} s",
        middle(changed).0.as_secs_f64()
    );
}

fn salvage(repo: &Repo, base: &Oid, clone: &Path) -> (Duration, Salvaged) {
    let who = Identity::new("Bench", "bench@localhost").expect("two words");
    let room = Room::after(0);
    let tools = toolchains(&std::env::vars().collect());
    let name = clone.file_name().expect("a name").to_string_lossy();
    let wanted = Salvage {
        clone,
        to_ref: &format!("refs/alai/{name}-rest"),
        others_ref: &format!("refs/alai/{name}-others"),
        parent: base,
        message: "rest\n",
        author: &who,
        left_out: &[],
        room: &room,
        toolchains: &tools,
    };
    let start = Instant::now();
    let found = clone::salvage(repo, &wanted, &Cancel::new()).expect("a salvage");
    (start.elapsed(), found)
}

/// By `git fast-import`: a minute faster than files and `git add`.
fn make(folder: &Path) {
    std::fs::create_dir(folder).expect("a folder");
    run(folder, &["init", "--quiet", "--initial-branch=main"]);
    let mut import = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git starts");
    {
        let mut to = std::io::BufWriter::new(import.stdin.take().expect("piped"));
        to.write_all(b"commit refs/heads/main\ncommitter Bench <bench@localhost> 1700000000 +0000\ndata 4\nmany\n")
            .expect("git reads");
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        for number in 0..FILES {
            let mut text = format!("file {number}\n");
            while text.len() < BYTES {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                text.push_str(&format!("let value_{} = {};\n", number % 100, noise >> 44));
            }
            write!(
                to,
                "M 100644 inline dir{}/file{number}.rs\ndata {}\n{text}\n",
                number % FOLDERS,
                text.len()
            )
            .expect("git reads");
        }
    }
    assert!(import.wait().expect("it was started").success());
    run(folder, &["reset", "--quiet", "--hard", "main"]);
}

fn run(folder: &Path, args: &[&str]) {
    let ended = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .status();
    assert!(ended.expect("git starts").success(), "git {args:?}");
}

/// Bytes that a folder takes for itself: a file with a second name elsewhere is nobody's alone.
fn disk(folder: &Path) -> u64 {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let found = entry.path().symlink_metadata().expect("there");
        if found.is_dir() {
            sum += disk(&entry.path());
        } else if found.nlink() == 1 {
            sum += found.blocks() * 512;
        }
    }
    sum
}

fn middle(mut all: Vec<(Duration, u64)>) -> (Duration, u64) {
    all.sort_unstable();
    all[all.len() / 2]
}
