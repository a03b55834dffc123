//! A disk with too little room: no run begins on it, and one that fills it up loses nothing.

use std::process::Command;

use alai_mission::{Reader, RunRow, RunState};
use serde_json::{Value, json};

use crate::script::{Script, TITLE, write};
use crate::world::{Ran, Running, World, run};

mod packs;

/// A small file system where the runs of a world lie, seen by what is started in it alone. Gone with the value.
struct SmallDisk<'a> {
    world: &'a World,
    holder: Running,
}

/// Mounts it and holds it. A machine that lets nobody mount fails these tests: nothing else shows what they show.
const HOLD: &str = r#"
mkdir -p "$ALAI_HOME/runs" &&
mount -t tmpfs -o "size=$SIZE,mode=0700" tmpfs "$ALAI_HOME/runs" &&
sh -c "$THEN" &&
echo mounted &&
exec sleep 600
"#;

/// The repository's objects lie on a disk of their own, too.
const SMALL_OBJECTS: &str = r#"
cp -a tiny/.git/objects objects-aside &&
mount -t tmpfs -o size=1m tmpfs tiny/.git/objects &&
cp -a objects-aside/. tiny/.git/objects
"#;

impl SmallDisk<'_> {
    fn mount<'a>(world: &'a World, size: &str) -> SmallDisk<'a> {
        SmallDisk::mount_then(world, size, "true")
    }

    /// And then does this, before anything else sees the disk.
    fn mount_then<'a>(world: &'a World, size: &str, then: &str) -> SmallDisk<'a> {
        let mut command = world.program("unshare");
        command.args(["--mount", "--propagation", "private"]);
        if !is_root() {
            command.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        command.args(["sh", "-c", HOLD]);
        command.env("SIZE", size).env("THEN", then);
        let holder = Running::start(command);
        holder.has_written("mounted");
        SmallDisk { world, holder }
    }

    /// A shell command that sees the small disk, with its arguments.
    fn shell(&self, command: &str, args: &[&str]) -> Command {
        let mut inside = self.world.program("nsenter");
        inside.args(["--target", &self.holder.pid().to_string(), "--mount"]);
        if !is_root() {
            inside.args(["--user", "--preserve-credentials"]);
        }
        // Entering a mount namespace leads to its root.
        let here = format!("cd '{}' && {command}", self.world.path("").display());
        inside.args(["--", "sh", "-c", &here, "sh"]).args(args);
        inside
    }

    fn sh(&self, command: &str) -> Ran {
        run(self.shell(command, &[]))
    }

    fn alai(&self, args: &[&str]) -> Ran {
        run(self.shell(r#"exec "$ALAI" "$@""#, args))
    }

    fn up(&self) -> Running {
        let daemon = Running::start(self.shell(r#"exec "$ALAI" up"#, &[]));
        daemon.says("alai is up on");
        daemon
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        self.holder.signal(libc::SIGKILL);
    }
}

pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// The first task that waits.
fn waiting(world: &World) -> Option<i64> {
    let list = world.list();
    let line = list.lines().find(|line| line.contains("[waiting]"))?;
    let number = line.trim_start_matches('#').split(' ').next()?;
    number.parse().ok()
}

fn runs(world: &World) -> Vec<RunRow> {
    let reader = Reader::open(&world.home()).expect("the store is readable");
    reader.runs().expect("runs")
}

#[test]
fn a_run_begins_only_where_there_is_room_and_its_task_waits_without_an_attempt() {
    let world = World::scripted("auto", &Script::good());
    let disk = SmallDisk::mount(&world, "64m");
    let daemon = disk.up();
    world.alai(["start", TITLE, "--project", "tiny"]).exits(0);
    // What needs no clone goes on: the goal was planned, by a model.
    let build = world.until("its build waits for room", waiting);
    let shown = world.task(build);
    let task = &shown["view"]["task"];
    assert_eq!(task["kind"], "build", "{shown}");
    assert_eq!(task["waiting"]["reason"], "no_room", "{shown}");
    for ran in [
        world.alai(["why", &build.to_string()]).exits(0),
        world.alai(["status"]).exits(0),
    ] {
        ran.says("MB are free, 2048 MB are wanted")
            .says(&world.home().join("runs").display().to_string())
            .says("free some space there");
    }
    let counted = |shown: &Value| shown["view"]["task"]["counters"].clone();
    let none = json!({"infra_attempts": 0, "qa_retries": 0, "review_cycles": 0, "escalations": 0, "interruptions": 0});
    assert_eq!(counted(&shown), none, "{shown}");
    assert_eq!(shown["runs"].as_array().map(Vec::len), Some(1), "{shown}");
    assert!(!shown["runs"][0]["outcome"].is_null(), "{shown}");
    // The same disk, with room: nobody says anything, and it goes on.
    disk.sh(r#"mount -o remount,size=8g "$ALAI_HOME/runs""#)
        .exits(0);
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    assert_eq!(counted(&world.task(build)), none);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

/// An agent that commits a file, then fills the disk to its last byte, then wants to write another one.
fn fills() -> Vec<Value> {
    let fill = "cat /dev/zero > filler; cat /dev/zero > filler2; echo full";
    vec![
        json!({"calls": [write(FIRST.0, FIRST.1)]}),
        json!({"calls": [{"name": "run", "arguments": {"command": fill}}]}),
        json!({"calls": [write("later.sh", "#!/bin/sh\necho later\n")]}),
    ]
}

/// What was committed before the disk was full.
const FIRST: (&str, &str) = ("first.sh", "#!/bin/sh\necho first\n");

/// A world whose agents do this on a small disk, on which a run needs 8 MB.
fn filled(turns: &[Value]) -> World {
    let when = json!({"kind": "build", "step": "build"});
    let world = World::scripted("approve", &Script::good().with(when, turns));
    let settings = world.home().join("alai.toml");
    let text = std::fs::read_to_string(&settings).expect("the settings");
    let text = format!("{text}\n[limits]\nfree_mb = 8\n");
    std::fs::write(&settings, text).expect("a person sets it");
    world
}

#[test]
fn a_disk_that_fills_up_while_an_agent_works_loses_nothing() {
    let world = filled(&fills());
    let disk = SmallDisk::mount(&world, "24m");
    disk.alai(&["minion", "run", TITLE, "--project", "tiny"])
        .exits(6)
        .says("No space left on device")
        .says("alai mc retry 1");
    let runs = runs(&world);
    assert_eq!(
        runs.len(),
        3,
        "what an agent fills is an attempt: {runs:#?}"
    );
    for run in &runs {
        assert_eq!(run.state, RunState::Failed, "{run:#?}");
        let outcome = run.outcome.as_deref().expect("an outcome");
        assert!(
            outcome.contains("0 MB are free, 8 MB are wanted"),
            "{outcome}"
        );
        let home = format!("refs/alai/{}", run.id);
        let first = world.git(&["show", &format!("{home}:{}", FIRST.0)]);
        assert_eq!(first, FIRST.1.trim_end(), "the burst before it is home");
        let rest = world.git(&["ls-tree", "--name-only", &format!("{home}-rest")]);
        assert!(rest.lines().any(|name| name == "filler"), "{rest}");
        world
            .alai(["minion", "recover", &run.id.0])
            .exits(0)
            .says("nobody has measured it");
        let recovered = format!("recovered/{}:{}", run.id, FIRST.0);
        assert_eq!(world.git(&["show", &recovered]), FIRST.1.trim_end());
    }
    world.git(&["fsck", "--full", "--strict"]);
    world.alai(["mc", "fsck"]).exits(0);
    let left = disk.sh(r#"ls "$ALAI_HOME"/runs/*"#).exits(0);
    assert!(!left.out.contains("clone"), "what is home is gone: {left}");
    // The next agent finds a disk with room, and ends as ever.
    world.play(&Script::good());
    world.alai(["mc", "retry", "1"]).exits(0);
    let daemon = disk.up();
    disk.sh(r#"mount -o remount,size=8g "$ALAI_HOME/runs""#)
        .exits(0);
    world.until("it is done", |w| (w.state(1) == "done").then_some(()));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

/// An agent that waits, for somebody outside to have done something.
const WAITS: &str = "touch ready; while test -e ready; do sleep 0.1; done; echo gone";

#[test]
fn a_disk_that_others_fill_costs_the_task_no_attempt() {
    let mut turns = vec![
        json!({"calls": [write(FIRST.0, FIRST.1)]}),
        json!({"calls": [{"name": "run", "arguments": {"command": WAITS}}]}),
        json!({"calls": [write("later.sh", &format!("#!/bin/sh\n# {}\necho later\n", "x".repeat(9_000)))]}),
    ];
    let done = json!({"status": "done", "summary": "Done."});
    let done = json!({"calls": [{"name": "done", "arguments": done}]});
    turns.extend([done.clone(), done]);
    let world = filled(&turns);
    let disk = SmallDisk::mount(&world, "24m");
    let daemon = disk.up();
    let enqueue = ["minion", "enqueue", TITLE, "--project", "tiny"];
    world.alai(enqueue).exits(0);
    let waits_in = |nth: usize| {
        world.until("an agent waits", |w| {
            let all = runs(w);
            let run = all.get(nth)?;
            let ready = format!(r#"test -e "$ALAI_HOME/runs/{}/clone/ready""#, run.id);
            (disk.sh(&ready).code == 0).then(|| run.id.clone())
        })
    };
    let first = waits_in(0);
    let fill = format!(
        r#"cat /dev/zero > "$ALAI_HOME/runs/other"; rm "$ALAI_HOME/runs/{first}/clone/ready""#
    );
    disk.sh(&fill).exits(0);
    let task = world.until("it waits for room", waiting);
    let shown = world.task(task);
    assert_eq!(
        shown["view"]["task"]["waiting"]["reason"], "no_room",
        "{shown}"
    );
    let counted = &shown["view"]["task"]["counters"];
    assert_eq!(counted["infra_attempts"], 0, "{shown}");
    assert_eq!(counted["qa_retries"], 0, "{shown}");
    world
        .alai(["why", "1"])
        .exits(0)
        .says("MB are free, 8 MB are wanted");
    // What was committed before is home, and it goes on when there is room.
    let kept = format!("refs/alai/{first}:{}", FIRST.0);
    assert_eq!(world.git(&["show", &kept]), FIRST.1.trim_end());
    disk.sh(r#"rm "$ALAI_HOME/runs/other""#).exits(0);
    let second = waits_in(1);
    disk.sh(&format!(r#"rm "$ALAI_HOME/runs/{second}/clone/ready""#))
        .exits(0);
    world.until("it is done", |w| (w.state(1) == "done").then_some(()));
    let shown = world.task(task);
    assert_eq!(
        shown["view"]["task"]["counters"]["infra_attempts"], 0,
        "{shown}"
    );
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

/// A disk is full where we find it so: what an agent makes its git say is its own word.
#[test]
fn an_agent_whose_git_speaks_of_a_full_disk_has_failed() {
    let lie = "echo 'No space left on device' > .git/packed-refs; echo said";
    let turns = [
        json!({"calls": [write(FIRST.0, FIRST.1)]}),
        json!({"calls": [{"name": "run", "arguments": {"command": lie}}]}),
    ];
    let world = filled(&turns);
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(5);
    let all = runs(&world);
    for run in &all {
        let outcome = run.outcome.as_deref().expect("an outcome");
        assert!(
            outcome.starts_with("not good enough: nothing can be taken from the clone")
                && outcome.contains("No space left on device"),
            "{outcome}"
        );
    }
    let counted = &world.task(1)["view"]["task"]["counters"];
    assert_eq!(counted["infra_attempts"], 0, "{counted}");
}

#[test]
fn work_that_does_not_fit_into_its_repository_is_kept_and_taken_in_later() {
    let noise = "head -c 4000000 /dev/urandom > noise.bin; echo made";
    let noise = json!({"calls": [{"name": "run", "arguments": {"command": noise}}]});
    let world = filled(&[noise]);
    let disk = SmallDisk::mount_then(&world, "96m", SMALL_OBJECTS);
    disk.alai(&["minion", "run", TITLE, "--project", "tiny"])
        .exits(6)
        .says("No space left on device");
    let first = runs(&world).into_iter().next().expect("a run");
    assert_eq!(first.state, RunState::Failed, "{first:#?}");
    let recover = ["minion", "recover", &first.id.0];
    disk.alai(&["minion", "list"])
        .exits(0)
        .says(&format!("alai minion recover {}", first.id));
    disk.alai(&recover).says("which stays");
    disk.sh("git -C tiny fsck --full --strict").exits(0);
    world.alai(["mc", "fsck"]).exits(0);
    disk.sh("mount -o remount,size=64m tiny/.git/objects")
        .exits(0);
    disk.alai(&recover).exits(0);
    let found = format!("git -C tiny cat-file -s recovered/{}:noise.bin", first.id);
    assert_eq!(disk.sh(&found).exits(0).out.trim(), "4000000");
    let kept = world.home().join("runs").join(&first.id.0);
    let kept = format!("test ! -e {}/kept-clone", kept.display());
    disk.sh(&kept).exits(0);
    disk.sh("git -C tiny fsck --full --strict").exits(0);
}
