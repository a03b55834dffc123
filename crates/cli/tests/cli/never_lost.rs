//! What an agent did is found again, whatever ended it: a kill between a write and its commit, a clone that somebody removed,
//! a clone that a stranger has prepared.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use alai_core::ids::RunId;
use alai_mission::{Reader, RunRow, RunState};
use serde_json::{Value, json};

use crate::script::{Script, TITLE, write};
use crate::world::{Running, World};

/// Seconds that a scripted command stands still, so that the test can act in the middle of a turn: longer than any test waits.
const STANDS_S: u32 = 600;

/// A file that an agent wrote, and what it says.
const HALF: (&str, &str) = ("half.sh", "#!/bin/sh\necho half\n");

fn stands() -> Value {
    json!({"name": "run", "arguments": {"command": format!("sleep {STANDS_S}"), "timeout_s": STANDS_S}})
}

/// The first run is stopped in the middle of a turn; whoever tries again finds a good worker.
fn world(turns: &[Value]) -> World {
    let when = json!({"kind": "build", "step": "build"});
    let script = Script::good().with(when, turns);
    World::scripted("approve", &script)
}

fn start(world: &World) -> Running {
    let daemon = world.up();
    world.alai(["start", TITLE, "--project", "tiny"]).exits(0);
    daemon
}

fn kill(daemon: Running) {
    daemon.signal(libc::SIGKILL);
    assert_eq!(daemon.ends().code, 128 + libc::SIGKILL);
}

fn runs(world: &World) -> Vec<RunRow> {
    let reader = Reader::open(&world.home()).expect("the store is readable");
    reader.runs().expect("runs")
}

fn folder(world: &World, run: &RunId) -> PathBuf {
    world.home().join("runs").join(&run.0)
}

/// The run whose clone has this file with this text, once it is there.
fn with_file(world: &World, path: &str, text: &str) -> RunId {
    world.until("an agent has written its file", |w| {
        let wrote = |run: &RunRow| {
            let file = folder(w, &run.id).join("clone").join(path);
            fs::read_to_string(file).is_ok_and(|found| found == text)
        };
        runs(w).into_iter().find(wrote).map(|run| run.id)
    })
}

/// What a ref of the repository holds under a path.
fn shown(world: &World, name: &str, path: &str) -> Option<String> {
    let shown = world.sh(&format!("git show {name}:{path}"));
    (shown.code == 0).then_some(shown.out)
}

/// Starts the daemon again until it has taken back what the last one left, and ends it.
fn taken_back(world: &World, run: &RunId) {
    let daemon = world.up();
    let ended = runs(world)
        .into_iter()
        .any(|row| row.id == *run && row.state != RunState::Live);
    assert!(ended, "a daemon that is up has taken back what was at work");
    kill(daemon);
}

/// A world whose daemon was killed in the middle of a turn that had written a file.
fn killed_in_a_turn() -> (World, RunId) {
    let turn = json!({"calls": [write(HALF.0, HALF.1), stands()]});
    let world = world(&[turn]);
    let daemon = start(&world);
    let run = with_file(&world, HALF.0, HALF.1);
    kill(daemon);
    (world, run)
}

#[test]
fn a_kill_between_a_write_and_its_commit_keeps_the_file() {
    let (world, run) = killed_in_a_turn();
    taken_back(&world, &run);
    let rest = format!("refs/alai/{run}-rest");
    assert_eq!(shown(&world, &rest, HALF.0).as_deref(), Some(HALF.1));
    let clone = folder(&world, &run).join("clone");
    assert!(!clone.exists(), "what is home is removed");
    // The person's own files are as they were until the person asks.
    assert_eq!(world.titles("main"), ["Import"]);
    for _ in 0..2 {
        let asked = world.alai(["minion", "recover", &run.0]).exits(0);
        asked
            .says(&format!("recovered/{run}"))
            .says("nobody has measured it");
    }
    let branch = format!("recovered/{run}");
    assert_eq!(shown(&world, &branch, HALF.0).as_deref(), Some(HALF.1));
    // What a person has made of the branch stays.
    world.git(&["branch", "-f", &branch, "main"]);
    world
        .alai(["minion", "recover", &run.0])
        .exits(1)
        .says("is there already");
    assert_eq!(world.titles(&branch), ["Import"]);
}

#[test]
fn commits_of_other_branches_are_named_when_a_run_is_recovered() {
    let aside = "git checkout --quiet -b aside && echo aside > aside.sh && git add aside.sh && \
                 git commit --quiet -m Aside && git checkout --quiet -";
    let aside = json!({"name": "run", "arguments": {"command": aside}});
    let turn = json!({"calls": [aside, write(HALF.0, HALF.1), stands()]});
    let world = world(&[turn]);
    let daemon = start(&world);
    let run = with_file(&world, HALF.0, HALF.1);
    kill(daemon);
    taken_back(&world, &run);
    let others = format!("refs/alai/{run}-others");
    let found = world.git(&["log", "--format=%s", &others]);
    assert!(found.lines().any(|title| title == "Aside"), "{found}");
    world
        .alai(["minion", "recover", &run.0])
        .exits(0)
        .says(&format!("`git log {others}`"));
}

#[test]
fn bursts_come_home_while_the_run_goes_on_and_survive_their_clone() {
    let turns = [
        json!({"calls": [write(HALF.0, HALF.1)]}),
        json!({"calls": [stands()]}),
    ];
    let world = world(&turns);
    let daemon = start(&world);
    let run = with_file(&world, HALF.0, HALF.1);
    let kept = format!("refs/alai/{run}");
    world.until("the burst is home", |w| shown(w, &kept, HALF.0));
    world
        .alai(["minion", "recover", &run.0])
        .exits(2)
        .says("is still at work");
    fs::remove_dir_all(folder(&world, &run).join("clone")).expect("a person cleans up");
    kill(daemon);
    taken_back(&world, &run);
    world.alai(["minion", "recover", &run.0]).exits(0);
    let branch = format!("recovered/{run}");
    assert_eq!(shown(&world, &branch, HALF.0).as_deref(), Some(HALF.1));
}

#[test]
fn a_clone_that_cannot_be_emptied_is_kept_listed_and_recovered_later() {
    let (world, run) = killed_in_a_turn();
    let (clone, kept) = (
        folder(&world, &run).join("clone"),
        folder(&world, &run).join("kept-clone"),
    );
    let canary = world.path("canary");
    let trap = format!("#!/bin/sh\ntouch {}\n", canary.display());
    fs::write(clone.join(".git/index"), "DIRC").expect("a torn index");
    fs::create_dir_all(clone.join(".git/hooks")).expect("a folder");
    fs::write(clone.join(".git/hooks/reference-transaction"), trap).expect("a hook");
    let setting = format!("[core]\n\tfsmonitor = \"touch {}\"\n", canary.display());
    fs::write(clone.join(".git/config"), setting).expect("a configuration");
    let huge = fs::File::create(clone.join("huge")).expect("a file");
    huge.set_len(1 << 40).expect("a sparse file");
    taken_back(&world, &run);
    assert!(
        kept.is_dir() && !clone.exists(),
        "it holds more than was taken"
    );
    world
        .alai(["minion", "list"])
        .exits(0)
        .says(&kept.display().to_string())
        .says(&format!("alai minion recover {run}"));
    let half = world.alai(["minion", "recover", &run.0]).exits(0);
    half.says("huge is too large");
    assert!(kept.is_dir(), "it is kept as long as it holds more");
    fs::remove_file(kept.join("huge")).expect("a person makes room");
    world.alai(["minion", "recover", &run.0]).exits(0);
    assert!(!kept.exists(), "all of it is home");
    let branch = format!("recovered/{run}");
    assert_eq!(shown(&world, &branch, HALF.0).as_deref(), Some(HALF.1));
    assert!(!canary.exists(), "nothing of the clone ran");
}

/// A run that rewrites large files again and again would fill the person's repository: what it has brought is counted over all
/// its imports, also after a crash.
#[test]
fn a_run_that_has_brought_too_much_keeps_its_clone() {
    let (world, run) = killed_in_a_turn();
    let brought = folder(&world, &run).join("brought-bytes");
    fs::write(&brought, format!("{}\n", 1_u64 << 40)).expect("it has brought all that it may");
    taken_back(&world, &run);
    let kept = folder(&world, &run).join("kept-clone");
    let file = fs::read_to_string(kept.join(HALF.0)).expect("the clone is kept");
    assert_eq!(file, HALF.1);
    let stamps = folder(&world, &run).join("clone.stamps");
    assert!(!stamps.exists(), "of a clone that is no more");
    let rest = format!("refs/alai/{run}-rest");
    assert_eq!(
        shown(&world, &rest, HALF.0),
        None,
        "nothing more was brought"
    );
    world
        .alai(["minion", "list"])
        .exits(0)
        .says(&kept.display().to_string());
    let asked = world.alai(["minion", "recover", &run.0]);
    asked.says("together they may bring");
    assert!(kept.is_dir());
    fs::remove_file(&brought).expect("a person wants it all the same");
    world.alai(["minion", "recover", &run.0]).exits(0);
    assert!(!kept.exists(), "all of it is home");
    let branch = format!("recovered/{run}");
    assert_eq!(shown(&world, &branch, HALF.0).as_deref(), Some(HALF.1));
}

/// What was in the way is gone: nobody need ask. The kept clone goes only after all that it held has come.
#[test]
fn a_kept_clone_is_tried_again_by_a_later_daemon() {
    let (world, run) = killed_in_a_turn();
    let at = folder(&world, &run);
    fs::write(at.join("brought-bytes"), format!("{}\n", 1_u64 << 40)).expect("no room");
    taken_back(&world, &run);
    assert!(at.join("kept-clone").is_dir(), "nothing could be brought");
    fs::remove_file(at.join("brought-bytes")).expect("there is room again");
    taken_back(&world, &run);
    assert!(at.join("kept-clone").is_dir(), "it was tried today");
    let tried = fs::File::options()
        .append(true)
        .open(at.join("kept-clone.tried"));
    let yesterday = SystemTime::now() - Duration::from_secs(25 * 3_600);
    let tried = tried.expect("it says when");
    tried.set_modified(yesterday).expect("dated");
    taken_back(&world, &run);
    assert!(!at.join("kept-clone").exists(), "all of it is home");
    let rest = format!("refs/alai/{run}-rest");
    assert_eq!(shown(&world, &rest, HALF.0).as_deref(), Some(HALF.1));
}

#[test]
fn a_run_that_left_nothing_says_so() {
    let world = World::scripted("approve", &Script::good());
    let daemon = start(&world);
    world.until("the goal waits for its approval", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    kill(daemon);
    for row in runs(&world) {
        assert_eq!(row.state, RunState::Succeeded, "{row:?}");
        let code = match world.git(&["for-each-ref", &format!("refs/alai/{}", row.id)]) {
            refs if refs.is_empty() => 3,
            _ => 0,
        };
        let asked = world.alai(["minion", "recover", &row.id.0]).exits(code);
        let said = if code == 0 {
            "recovered/"
        } else {
            "there is nothing to recover"
        };
        asked.says(said);
        let left = format!("refs/alai/{}-rest", row.id);
        assert_eq!(
            world.git(&["for-each-ref", &left]),
            "",
            "all of it was committed"
        );
    }
    world
        .alai(["minion", "recover", "nobody"])
        .exits(3)
        .says("is no run");
    assert!(
        world
            .git(&["branch", "--list", "recovered/*"])
            .lines()
            .count()
            == 1
    );
}
