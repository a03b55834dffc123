//! Failures put in at one chosen moment, each with the end that it must have: a worker killed or stopped in the middle of its work,
//! a store that cannot be written, a crash between an act and its receipt, a task that kills whoever does it, a model that is
//! asked too much.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alai_core::ids::{RunId, TaskId};
use alai_mission::{Reader, RunRow, RunState, StepState, fsck};
use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::processes::{self, Process, signal};
use crate::script::{TITLE, small};
use crate::wire::{good, has_built};
use crate::world::{Running, World};

const START: [&str; 4] = ["start", "Count letters", "--project", "tiny"];
/// The one task that is built for it.
const BUILD: TaskId = TaskId(3);
/// A lease takes a minute, and what is to end at its end is looked for every few seconds.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(10);

/// A factory whose first builder has made its change, committed it in its clone, and waits for its model. All others are
/// answered at once.
struct Scene {
    twin: OllamaTwin,
    // Before the world: the daemon ends before its folder goes.
    daemon: Running,
    world: World,
}

fn after_the_edit() -> Scene {
    after_the_edit_with("")
}

fn after_the_edit_with(settings: &str) -> Scene {
    let met = AtomicBool::new(false);
    let twin = OllamaTwin::start(Behaviour::by(move |body| {
        match has_built(body) && !met.swap(true, SeqCst) {
            true => good(body).held(),
            false => good(body),
        }
    }));
    let world = World::with_model_at("auto", &twin.url());
    fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    let daemon = world.up();
    world.alai(START).exits(0);
    // The goal's plan, the build's class, the builder's plan, its change, and its next turn, which is held.
    twin.await_chats(5);
    Scene {
        twin,
        daemon,
        world,
    }
}

fn reader(world: &World) -> Reader {
    Reader::open(&world.home()).expect("the store is readable")
}

fn runs(world: &World) -> Vec<RunRow> {
    reader(world).runs_of(BUILD).expect("runs")
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(POLL);
    }
}

impl Scene {
    /// The agent that is at work.
    fn hand(&self) -> Process {
        let hands = processes::hands(self.daemon.pid());
        assert!(!hands.is_empty(), "an agent is at work");
        hands.into_iter().next_back().expect("there is one")
    }

    /// Lets the goal come to its end, and ends the daemon.
    fn finishes(self) -> (OllamaTwin, World) {
        let Scene {
            twin,
            daemon,
            world,
        } = self;
        world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
        world.alai(["down"]).exits(0);
        daemon.ends().exits(0);
        (twin, world)
    }
}

/// The lost work is done once more under the next epoch, in a clone of its own; what was committed stays, and only the second
/// one's commit is merged.
fn redone_once(world: &World, first: &[RunState]) {
    let runs = runs(world);
    let epochs: Vec<i64> = runs.iter().map(|run| run.epoch.0).collect();
    assert_eq!(epochs, [1, 2], "{runs:?}");
    assert!(first.contains(&runs[0].state), "{runs:?}");
    assert_eq!(runs[1].state, RunState::Succeeded, "{runs:?}");
    assert!(runs.iter().all(|run| run.lease_until_ms.is_none()));
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    let kept = [0, 1].map(|at| world.git(&["rev-parse", &work_ref(&runs[at].id)]));
    assert_ne!(kept[0], kept[1], "each has worked in its own clone");
    assert_eq!(
        world.git(&["log", "-1", "--format=%s", &kept[0]]),
        TITLE,
        "what the first one had committed is kept"
    );
    let merged = |commit: &str| world.git(&["merge-base", commit, "main"]) == commit;
    assert_eq!((merged(&kept[0]), merged(&kept[1])), (false, true));
    for run in &runs {
        let clone = world.home().join("runs").join(&run.id.0).join("clone");
        assert!(!clone.exists(), "{}", clone.display());
    }
    assert_eq!(fsck(&reader(world)).expect("fsck runs"), []);
    assert_eq!(processes::left_of(&world.path("")), []);
}

fn work_ref(run: &RunId) -> String {
    format!("refs/alai/{run}")
}

#[test]
fn an_agent_killed_after_its_edit_is_followed_by_another_one_with_a_new_epoch_and_clone() {
    let scene = after_the_edit();
    signal(scene.hand().0, libc::SIGKILL);
    scene.twin.release();
    let (_twin, world) = scene.finishes();
    let outcome = runs(&world)[0].outcome.clone().unwrap_or_default();
    assert!(outcome.starts_with("infrastructure: "), "{outcome}");
    redone_once(&world, &[RunState::Failed]);
}

#[test]
fn a_daemon_killed_after_an_agents_edit_is_followed_by_a_run_with_a_new_epoch_and_clone() {
    let mut scene = after_the_edit();
    scene.daemon.signal(libc::SIGKILL);
    scene.daemon = scene.world.up();
    let (_twin, world) = scene.finishes();
    redone_once(&world, &[RunState::Lost]);
}

/// The store says what is not known: a call that was sent and whose receipt was lost is neither forgotten nor counted as made.
#[test]
fn a_call_whose_receipt_a_crash_took_is_unknown_and_each_other_one_is_in_the_ledger() {
    let mut scene = after_the_edit();
    scene.daemon.signal(libc::SIGKILL);
    scene.daemon = scene.world.up();
    let (twin, world) = scene.finishes();
    let reader = reader(&world);
    let first = &runs(&world)[0].id;
    let steps = reader.steps(first).expect("steps");
    let unknown = steps.iter().filter(|step| step.state == StepState::Unknown);
    let keys: Vec<&str> = unknown.map(|step| step.key.as_str()).collect();
    assert_eq!(keys, ["call-2"], "{steps:?}");
    let spent = reader.spend_of_run(first).expect("a sum");
    // Its class, its plan, its change; and the turn behind that.
    assert_eq!((spent.calls, spent.unknown_calls), (3, 1));
    // A model of one's own costs nothing, so nothing is reserved for it; what a paid call has reserved is kept in the same row.
    let all = reader.spend().expect("a sum");
    let asked = u64::try_from(twin.chats().len()).expect("few");
    assert_eq!(all.calls + all.unknown_calls, asked, "{all:?}");
}

/// A person takes the task back, which ends the lease of whoever has it, and gives it anew.
#[test]
fn a_worker_that_wakes_after_its_task_was_taken_writes_nothing_and_merges_nothing() {
    let taken = |world: &World| {
        world.alai(["mc", "pause", "3"]).exits(0);
        world.alai(["mc", "resume", "3"]).exits(0);
    };
    wakes_too_late(after_the_edit(), taken, &RunState::Cancelled);
}

/// The daemon sends the heartbeat of an agent that is stopped, and so it is the limit on reaching nothing that ends its lease.
#[test]
#[ignore = "takes the shortest such limit, a minute; `cargo xtask crash` runs it"]
fn a_worker_that_wakes_after_its_time_was_over_writes_nothing_and_merges_nothing() {
    let scene = after_the_edit_with("[limits]\nidle_minutes = 1\n");
    wakes_too_late(scene, |_| {}, &RunState::TimedOut);
}

/// Stops everything that works in a cage until another run has done the task, and wakes what is left of it: its late answer is
/// refused by the store, and it merges nothing.
fn wakes_too_late(scene: Scene, taken: impl FnOnce(&World), ended: &RunState) {
    let stopped = processes::caged(scene.daemon.pid());
    assert!(stopped.len() > 1, "{stopped:?}");
    let all = |number| {
        let sleeps = |pid| processes::state_and_parent(pid).is_some_and(|(state, _)| state == "T");
        let whom = stopped.iter().map(|(pid, _)| *pid);
        whom.filter(|pid| number == libc::SIGSTOP || sleeps(*pid))
            .for_each(|pid| signal(pid, number));
    };
    all(libc::SIGSTOP);
    let world = &scene.world;
    taken(world);
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    let before = written(world);
    all(libc::SIGCONT);
    scene.twin.release();
    let clone = world.home().join("runs").join(&before.0.0).join("clone");
    until("it has learned that its task is taken", || !clone.exists());
    assert_eq!(written(world), before, "nothing was written later");
    let (_twin, world) = scene.finishes();
    redone_once(&world, std::slice::from_ref(ended));
}

/// What stands in the store of the first run: its steps and its calls.
fn written(world: &World) -> (RunId, String) {
    let (reader, run) = (reader(world), runs(world)[0].id.clone());
    let steps = reader.steps(&run).expect("steps");
    let spent = reader.spend_of_run(&run).expect("a sum");
    (run, format!("{steps:?} {spent:?}"))
}

/// Workers of this factory are threads of the process that owns the store; what cuts one off is a store that cannot be written. Its
/// heartbeat fails until its lease is over, and then it stops, long before anybody can write that down.
#[test]
#[ignore = "takes a lease, more than a minute; `cargo xtask crash` runs it"]
fn a_worker_that_cannot_reach_the_store_stops_at_the_end_of_its_lease() {
    let scene = after_the_edit();
    let lease = runs(&scene.world)[0].lease_until_ms;
    let hand = scene.hand().0;
    let cut = cut_off(&scene.world.home());
    until("the agent is ended", || {
        processes::state_and_parent(hand).is_none_or(|(state, _)| state == "Z")
    });
    let first = runs(&scene.world).remove(0);
    assert_eq!(first.state, RunState::Live, "nobody can say that it ended");
    assert!(first.lease_until_ms >= lease && first.ended_ms.is_none());
    drop(cut);
    scene.twin.release();
    let (_twin, world) = scene.finishes();
    // Its own last word may still be waiting for the store when that comes back; else its lapsed lease is found.
    redone_once(&world, &[RunState::Failed, RunState::Lost]);
}

/// Takes the one lock of the store that a writer needs, as a stranger's program might: byte 120 of the file beside it (SQLite's
/// WAL format, `WAL_WRITE_LOCK`). It goes with the value.
#[allow(unsafe_code, reason = "the standard library locks whole files only")]
fn cut_off(home: &Path) -> fs::File {
    let path = home.join("mission.db-shm");
    let file = fs::File::options().read(true).write(true).open(path);
    let file = file.expect("the store is open");
    // SAFETY: an all-zero flock is a valid one: an unlock of nothing.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    (lock.l_start, lock.l_len) = (120, 1);
    // SAFETY: fcntl reads a struct that lives until it returns. Of the open file and not of the process: readers of this
    // process must not end it.
    until("no writer is at work", || unsafe {
        libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) == 0
    });
    file
}

#[test]
fn a_page_that_was_written_before_a_crash_and_not_noted_is_the_same_page_again() {
    let world = World::with_project("auto");
    world.alai(["mc", "add", "Only a page"]).exits(0);
    world.alai(["mc", "pause", "1"]).exits(0);
    let waiting = |world: &World| reader(world).outbox_depth().expect("the outbox").0;
    assert_eq!(waiting(&world), 1);
    let mut crashes = world.command(["up"]);
    crashes.env("ALAI_CRASH_AT", "outbox.sent");
    crate::world::run(crashes).exits(128 + libc::SIGKILL);
    let pages = pages(&world.home().join("wiki"));
    assert!(
        pages.values().any(|page| page.contains("Only a page")),
        "it was sent: {pages:?}"
    );
    assert_eq!(waiting(&world), 1, "nobody has noted that");
    let daemon = world.up();
    world.until("it is sent again", |w| (waiting(w) == 0).then_some(()));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(self::pages(&world.home().join("wiki")), pages);
}

/// Every file below a folder, with its text.
fn pages(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(dir)
        .expect("a folder")
        .flatten()
        .map(|e| e.path())
    {
        if path.is_dir() {
            found.extend(pages(&path));
        } else {
            let text = fs::read_to_string(&path).expect("a text");
            found.insert(path.display().to_string(), text);
        }
    }
    found
}

/// When each request came, by its body: the same call that is tried again is the same body.
type Arrivals = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

/// A model that tells everybody twice to come later, and makes an agent of the poison task kill itself.
fn stormy(arrivals: &Arrivals) -> OllamaTwin {
    let arrivals = Arc::clone(arrivals);
    OllamaTwin::start(Behaviour::by(move |body| {
        let mut arrivals = arrivals.lock().expect("nobody panics with it");
        let times = arrivals.entry(body.to_string()).or_default();
        times.push(Instant::now());
        if !times.len().is_multiple_of(3) {
            return Answer::error(429, "slow down");
        }
        let says = |word: &str| body["messages"].to_string().contains(word);
        let edits = body["tools"].to_string().contains("\"edit\"");
        let name = ["first", "second"]
            .into_iter()
            .find(|name| says(&format!("Say {name}")));
        match (edits && !has_built(body), name) {
            (true, None) => Answer::calls(&[("run", json!({"command": "kill -9 $PPID"}))]),
            (true, Some(name)) => calls(&small(name)),
            (false, _) => good(body),
        }
    }))
}

fn calls(calls: &[Value]) -> Answer {
    let name = |call: &Value| call["name"].as_str().unwrap_or_default().to_owned();
    let calls: Vec<(String, Value)> = calls
        .iter()
        .map(|c| (name(c), c["arguments"].clone()))
        .collect();
    let calls: Vec<(&str, Value)> = calls.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
    Answer::calls(&calls)
}

#[test]
fn a_poison_task_in_a_storm_of_429_ends_before_a_person_and_starves_nobody() {
    let arrivals = Arrivals::default();
    let twin = stormy(&arrivals);
    let world = World::with_model_at("auto", &twin.url());
    let daemon = world.up();
    for title in ["Take poison", "Say first", "Say second"] {
        world
            .alai(["mc", "add", title, "--project", "tiny"])
            .exits(0);
    }
    world.until("the poison waits for a person", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    let merged = |w: &World, id| !w.task(id)["view"]["task"]["integrated"].is_null();
    world.until("the others are merged", |w| {
        (merged(w, 2) && merged(w, 3)).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    let poison = &world.task(1)["view"]["task"];
    assert_eq!(poison["waiting"]["reason"], "infra_attempts", "{poison}");
    assert_eq!(poison["counters"]["infra_attempts"], 3, "{poison}");
    assert_eq!(poison["counters"]["qa_retries"], 0, "{poison}");
    for id in [2, 3] {
        let task = world.task(id);
        let counters = task["view"]["task"]["counters"].as_object();
        let mut counters = counters.expect("counters").values();
        let nought = counters.all(|count| count.as_u64() == Some(0));
        assert!(nought, "being told to wait is no failure: {task}");
        assert_eq!(task["runs"].as_array().map(Vec::len), Some(1), "{task}");
    }
    waited_with_jitter(&arrivals.lock().expect("nobody panics with it"));
}

/// Each try comes later than the one before it, and not all at the same distance. How far apart they may be drawn is
/// shown where they are drawn.
fn waited_with_jitter(arrivals: &BTreeMap<String, Vec<Instant>>) {
    let mut first = BTreeSet::new();
    for times in arrivals.values() {
        for three in times.chunks_exact(3) {
            let gaps = [three[1] - three[0], three[2] - three[1]];
            let least = [Duration::from_millis(125), Duration::from_millis(250)];
            assert!(gaps[0] >= least[0] && gaps[1] >= least[1], "{gaps:?}");
            first.insert(gaps[0]);
        }
    }
    let (least, most) = (first.first().expect("some"), first.last().expect("some"));
    assert!(
        first.len() > 10 && *most - *least > Duration::from_millis(10),
        "{first:?}"
    );
}
