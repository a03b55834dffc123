//! Control groups: where the kernel counts memory and processes of a cage, and what holds where it does not.
//!
//! What needs the kernel's controllers is tried on a machine that gives them: `ALAI_CGROUP` names an empty folder of the version 2
//! hierarchy with `memory` and `pids`, and `--run-ignored only` takes these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use alai_core::record::{Captured, Exit, Limit};
use alai_workspace::cage::CageSpec;

use crate::bombs::{bomb, over, small};
use crate::world::{PATIENCE, World, until_a_holder, worlds};

const GIVEN: &str = "ALAI_CGROUP";

fn command(world: &World, spec: &CageSpec, argv: &[&str], folder: &Path) -> Command {
    let mut command = world.command(spec, argv);
    command.env(GIVEN, folder);
    command
}

fn run(world: &World, spec: &CageSpec, argv: &[&str], folder: &Path) -> Captured {
    let output = command(world, spec, argv, folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", world.name());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn has(captured: &Captured, name: &str) -> bool {
    captured.record.cage.iter().any(|layer| layer == name)
}

/// A folder that was not given is not used, and its cage has the other way of counting, by name, and is ended by it.
#[test]
fn without_a_group_of_its_own_a_cage_is_watched_and_says_so() {
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("cgroup.controllers"), "cpu hugetlb\n").unwrap();
    for folder in [Path::new("/sys/fs/cgroup/none"), empty.path()] {
        for world in worlds() {
            let mut spec = world.spec();
            spec.limits = small(|_| {});
            let argv = bomb(&["shared", "536870912"]);
            let captured = run(&world, &spec, &argv, folder);
            let name = world.name();
            assert!(
                has(&captured, "memory:watched") && !has(&captured, "memory:cgroup"),
                "{name}"
            );
            assert!(!has(&captured, "processes:cgroup"), "{name}");
            assert_eq!(
                captured.record.exit,
                over(Limit::Memory, 256 << 20),
                "{name}"
            );
        }
    }
    assert!(
        !empty.path().join("cgroup.subtree_control").exists(),
        "nothing was touched"
    );
}

/// A part of the hierarchy that belongs to whoever runs the world's cages; we are in it while it lives, and so is what we start.
struct Delegated {
    given: PathBuf,
    /// Where we were before.
    before: PathBuf,
    folder: PathBuf,
}

impl Delegated {
    fn make(world: &World, number: usize) -> Delegated {
        let given = PathBuf::from(
            std::env::var_os(GIVEN).expect("ALAI_CGROUP names a folder of version 2"),
        );
        fs::write(given.join("cgroup.subtree_control"), "+memory +pids")
            .expect("it has memory and pids");
        let folder = given.join(format!("world-{number}-{}", std::process::id()));
        let inside = folder.join("runs");
        let before = own_group(&given);
        fs::create_dir(&folder).unwrap();
        let delegated = Delegated {
            given,
            before,
            folder,
        };
        fs::create_dir(&inside).unwrap();
        for dir in [&delegated.folder, &inside] {
            let user = world.user();
            std::os::unix::fs::chown(dir, user, user).unwrap();
            for file in ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
                std::os::unix::fs::chown(dir.join(file), user, user).unwrap();
            }
        }
        fs::write(inside.join("cgroup.procs"), std::process::id().to_string()).unwrap();
        delegated
    }
}

impl Drop for Delegated {
    /// A group that somebody is in cannot be removed, so that we leave it first. What a test that fails left of it ends with it.
    fn drop(&mut self) {
        let us = std::process::id().to_string();
        // While we are still in it, we would be killed with the rest.
        let gone = fs::write(self.before.join("cgroup.procs"), us)
            .and_then(|()| fs::write(self.folder.join("cgroup.kill"), "1"))
            .and_then(|()| remove_when_empty(&self.folder.join("runs")))
            .and_then(|()| remove_when_empty(&self.folder));
        if !std::thread::panicking() {
            let given = self.given.display();
            gone.unwrap_or_else(|e| panic!("{given} keeps what this test made: {e}"));
        }
    }
}

/// The group that we are in, below the root of the hierarchy that the given folder is part of.
fn own_group(given: &Path) -> PathBuf {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = own.expect("we are in a group of version 2");
    // The root is the one folder without a type (cgroups(7)).
    let root = given
        .ancestors()
        .find(|folder| !folder.join("cgroup.type").exists());
    root.expect("every hierarchy has a root").join(own)
}

/// A process that has been killed leaves its group when the kernel has taken it apart.
fn remove_when_empty(folder: &Path) -> std::io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(folder) {
            Err(e) if e.kind() == std::io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                std::thread::yield_now()
            }
            removed => return removed,
        }
    }
}

/// The group of the one cage that runs there.
fn group(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let is_cage = |path: &PathBuf| path.to_string_lossy().contains("/alai-cage-");
    let mut entries = entries;
    entries.find(is_cage)
}

#[test]
#[ignore = "needs a folder of version 2 with memory and pids, named by ALAI_CGROUP; run with --run-ignored"]
fn the_kernel_ends_bombs_of_a_cage_where_it_counts_them() {
    for (number, world) in worlds().into_iter().enumerate() {
        let delegated = Delegated::make(&world, number);
        let folder = delegated.folder.clone();
        let name = world.name();
        let mut spec = world.spec();
        spec.limits = small(|_| {});
        for kind in [&["shared", "536870912"], &["memory-file", "536870912"]] {
            let captured = run(&world, &spec, &bomb(kind), &folder);
            assert!(
                has(&captured, "memory:cgroup") && has(&captured, "processes:cgroup"),
                "{name}: {captured:?}"
            );
            assert_eq!(
                captured.record.exit,
                over(Limit::Memory, 256 << 20),
                "{name}"
            );
            let told = captured.combined();
            assert!(
                !told.contains("cage: ended"),
                "the kernel was first, pid 1 said nothing: {told}"
            );
            assert_eq!(group(&folder), None, "{name}: its group is gone");
        }
        spec.limits = small(|limits| limits.wall_s = 5);
        let argv = bomb(&["forks"]);
        let mut burning = command(&world, &spec, &argv, &folder);
        let burning = burning
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until_a_holder("bomb", "forks");
        let group_of = group(&folder).expect("the group of the cage");
        let read = |file: &str| fs::read_to_string(group_of.join(file)).unwrap_or_default();
        assert_eq!(
            (read("pids.max").trim(), read("memory.max").trim()),
            ("68", "268435456"),
            "{name}"
        );
        let output = burning.wait_with_output().unwrap();
        let captured: Captured = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            captured.record.exit,
            Exit::TimedOut { after_s: 5 },
            "{name}"
        );
        assert_eq!(captured.stdout, "full\n", "{name}: it got no more");
        assert_eq!(group(&folder), None, "{name}: its group is gone");
    }
}
