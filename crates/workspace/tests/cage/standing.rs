//! A cage that is begun while its folders are filled: nothing runs in it before the word, and what it shows is what was asked for.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use alai_workspace::cage::{Access, Bind, CageSpec};

use crate::world::{INSIDE, World, holders, token, until_holders, worlds};

/// Only a broken cage makes a test wait for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that has begun a cage.
struct Begun {
    runner: Child,
    said: BufReader<ChildStdout>,
    /// Pid 1 of the cage, as the host sees it, once it has given up everything.
    first: u32,
}

impl Begun {
    fn of(world: &World, spec: &CageSpec, argv: &[&str]) -> Begun {
        let mut command = world.by("stand", spec, argv);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut runner = command.spawn().unwrap();
        let mut said = BufReader::new(runner.stdout.take().unwrap());
        let mut layer = String::new();
        said.read_line(&mut layer).unwrap();
        let layer: u32 = layer.trim().parse().expect(&layer);
        let first = until(|| restricted_child(layer));
        Begun {
            runner,
            said,
            first,
        }
    }

    /// What becomes of it after a word: what the program said and how it ended, or why there is none.
    fn told(mut self, word: &str) -> String {
        let mut stdin = self.runner.stdin.take().unwrap();
        stdin.write_all(word.as_bytes()).unwrap();
        drop(stdin);
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        self.runner.wait().unwrap();
        assert!(!lives(self.first), "it ended with who began it");
        said
    }
}

fn until<T>(look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The child of a layer's process that waits, below a filter of system calls, which is the last that pid 1 does to itself.
fn restricted_child(layer: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{layer}/task/{layer}/children")).ok()?;
    let first: u32 = children.split_whitespace().next()?.parse().ok()?;
    let status = fs::read_to_string(format!("/proc/{first}/status")).ok()?;
    let waits = status.contains("\nState:\tS") && status.contains("\nSeccomp:\t2\n");
    waits.then_some(first)
}

/// Whether a process has neither a child nor a second thread: pid 1 makes both before it waits for a program.
fn is_alone(pid: u32) -> bool {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    children.is_empty() && status.contains("\nThreads:\t1\n")
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// The usual cage, with a folder of the clone that is read-only.
fn with_closed(world: &World) -> CageSpec {
    let closed = world.path("work/closed");
    fs::create_dir(&closed).unwrap();
    world.give(&closed);
    let mut spec = world.spec();
    spec.binds.push(Bind {
        outside: closed,
        inside: PathBuf::from("/clone/closed"),
        access: Access::ReadOnly,
    });
    spec
}

#[test]
fn nothing_runs_before_the_word() {
    for world in worlds() {
        let token = token();
        let mut begun = Begun::of(&world, &world.spec(), &[INSIDE, "hold", &token]);
        assert!(is_alone(begun.first), "{}", world.name());
        assert_eq!(holders("hold", &token), 0, "{}", world.name());
        let mut stdin = begun.runner.stdin.take().unwrap();
        stdin.write_all(b"go\n").unwrap();
        until_holders("hold", &token, 1);
        begun.runner.kill().unwrap();
        begun.runner.wait().unwrap();
        until_holders("hold", &token, 0);
    }
}

#[test]
fn what_was_made_meanwhile_is_shown_and_what_is_shut_stays_shut() {
    for world in worlds() {
        let spec = with_closed(&world);
        let script =
            "cat word closed/file; echo x >closed/more || echo shut; echo x >free && echo open";
        let begun = Begun::of(&world, &spec, &["/bin/sh", "-c", script]);
        for (name, text) in [("word", "came\n"), ("closed/file", "too\n")] {
            let path = world.path("work").join(name);
            fs::write(&path, text).unwrap();
            world.give(&path);
        }
        let said = begun.told("go\n");
        assert_eq!(
            said.trim(),
            "came\ntoo\nshut\nopen\nexit 0",
            "{}",
            world.name()
        );
        assert!(!world.path("work/closed/more").exists());
    }
}

/// A number that is free is given again: the folder that takes the place of a removed one may look the same, without the mount.
#[test]
fn a_folder_that_was_removed_or_swapped_meanwhile_starts_nothing() {
    for world in worlds() {
        let spec = with_closed(&world);
        let script = ["/bin/sh", "-c", "echo x >closed/more; echo ran"];
        let begun = Begun::of(&world, &spec, &script);
        let closed = world.path("work/closed");
        fs::remove_dir(&closed).unwrap();
        fs::create_dir(&closed).unwrap();
        world.give(&closed);
        let said = begun.told("go\n");
        assert!(!said.contains("ran"), "{}: {said}", world.name());
        assert!(!closed.join("more").exists(), "{}", world.name());

        let begun = Begun::of(&world, &spec, &script);
        fs::rename(world.path("work"), world.path("old")).unwrap();
        fs::create_dir_all(&closed).unwrap();
        world.give(&world.path("work"));
        let said = begun.told("go\n");
        assert!(said.contains("another"), "{}: {said}", world.name());
    }
}

#[test]
fn a_cage_that_is_not_wanted_ends_and_so_does_one_whose_owner_is_killed() {
    for world in worlds() {
        let token = token();
        let argv = [INSIDE, "hold", &token];
        let begun = Begun::of(&world, &world.spec(), &argv);
        assert_eq!(begun.told("").trim(), "ended", "{}", world.name());

        let mut begun = Begun::of(&world, &world.spec(), &argv);
        begun.runner.kill().unwrap();
        begun.runner.wait().unwrap();
        until(|| (!lives(begun.first)).then_some(()));
        assert_eq!(holders("hold", &token), 0, "{}", world.name());
    }
}
