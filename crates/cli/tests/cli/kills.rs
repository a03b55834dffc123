//! SIGKILL of the daemon or of one of its workers, at any moment, again and again on one home, while agents build and people
//! ask: what was acknowledged is there exactly once, nothing is merged twice, and the next daemon serves at once.
//!
//! The moments are drawn from time and not from named points, which `crash.rs` has. `ALAI_KILLS=1000` is the long form. A failure
//! names its seed; `ALAI_KILLS_SEED=N` draws the same kills and the same requests again, though not the same moments of the
//! threads beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use alai_core::task::{State, TaskKind};
use alai_minion::trajectory::{Told, Trajectory};
use alai_mission::{Filter, Holder, MergeKind, MergeRow, MergeState, Reader, RunState, fsck};

use crate::crash::locks_below;
use crate::processes::{self, signal};
use crate::script::{Script, pass, small};
use crate::socket;
use crate::world::World;
use people::{Office, Person, compare, reader};

mod people;

/// Three ask more than the factory's two slots can work off, and leave a core of two to it.
const PEOPLE: u64 = 3;
/// More tasks than a thousand kills leave time for.
const TASKS_MAX: usize = 1_000;
/// A daemon that is not there after this long does not come.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);
/// So long before the daemon is killed everybody asks as fast as it answers: what is hard is a request that is carried out and whose
/// answer is not sent yet.
const RUSH: Duration = Duration::from_millis(30);
/// How long a worker is looked for before the next kill is made.
const NO_WORKER: Duration = Duration::from_millis(300);

/// From the start of a daemon to its first answer. The limit itself holds for the median: a shared machine stops any process for
/// seconds now and then, and one such pause among a thousand starts says nothing about the program.
const SERVING_MEDIAN: Duration = Duration::from_secs(2);
/// A single start that takes longer is no pause of the machine.
const SERVING_MAX: Duration = Duration::from_secs(10);

/// A linear congruential generator (Knuth's MMIX constants): small, and the same everywhere.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        let (times, plus) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.0 = self.0.wrapping_mul(times).wrapping_add(plus);
        (self.0 >> 33) % limit
    }
}

/// Who is killed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    /// The daemon, so long after it has answered.
    Daemon(Duration),
    /// The daemon, so long after it was started: in the middle of taking back what the one before it has left.
    Starting(Duration),
    /// Something in a cage, drawn from all there is at that moment.
    Worker(Duration, usize),
}

/// All kills, drawn before the first: what happens has no influence on what is decided.
fn kills(seed: u64, count: usize) -> Vec<Kill> {
    let mut drawn = Seeded(seed);
    let mut one = || {
        let victim = drawn.below(20);
        let ms = match drawn.below(10) {
            0..3 => drawn.below(50),
            3..8 => 30 + drawn.below(200),
            _ => 250 + drawn.below(600),
        };
        let which = drawn.below(1 << 20) as usize;
        match victim {
            0..8 => Kill::Daemon(Duration::from_millis(ms)),
            8..10 => Kill::Starting(Duration::from_millis(ms / 4)),
            _ => Kill::Worker(Duration::from_millis(ms), which),
        }
    };
    (0..count).map(|_| one()).collect()
}

/// The title of the n-th task that is given to the factory, and the name of the file that it makes.
fn title(number: usize) -> String {
    format!("Say {}", word(number))
}

fn word(number: usize) -> String {
    format!("w{number:04}")
}

fn script() -> Script {
    let script = Script::good();
    let all = (0..TASKS_MAX).fold(script, |script, number| {
        script.builds(&title(number), &small(&word(number)))
    });
    all.judges("review", "", pass())
        .judges("security", "", pass())
}

/// One home, and the daemon that serves it now.
struct Siege<'a> {
    world: &'a World,
    office: &'a Office,
    seed: u64,
    daemon: Child,
    /// Runs that were at work when the last daemon was killed.
    lost: Vec<String>,
    /// How long each start took to the first answer.
    serving: Vec<Duration>,
    killed: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    daemons: usize,
    starting: usize,
    workers: usize,
}

impl Siege<'_> {
    /// Starts a daemon and does not wait for it.
    fn start(world: &World) -> Child {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(log(world))
            .expect("a log");
        world
            .command(["up"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the daemon starts")
    }

    /// Waits for the first answer of the daemon that was started at `began`. No run whose process is gone is held to be at work
    /// then.
    fn serves(&mut self, began: Instant) {
        while !socket::pulse(&self.world.home()) {
            self.lives();
            assert!(
                began.elapsed() < PATIENCE,
                "seed {}: it does not come",
                self.seed
            );
            std::thread::sleep(POLL);
        }
        self.serving.push(began.elapsed());
        let live = live(&reader(&self.world.home()));
        let ghosts: Vec<&String> = self.lost.iter().filter(|run| live.contains(run)).collect();
        assert!(ghosts.is_empty(), "seed {}: {ghosts:?}", self.seed);
    }

    fn lives(&mut self) {
        if let Some(status) = self.daemon.try_wait().expect("our own child") {
            let log = fs::read_to_string(log(self.world)).unwrap_or_default();
            panic!(
                "seed {}: the daemon ended by itself: {status}\n{log}",
                self.seed
            );
        }
    }

    /// Kills the daemon and starts another one at once, while what hung on the dead one may still be ending.
    fn again(&mut self) -> Instant {
        self.lives();
        signal(self.daemon.id(), libc::SIGKILL);
        self.daemon.wait().expect("our own child");
        self.lost = live(&reader(&self.world.home()));
        let began = Instant::now();
        self.daemon = Siege::start(self.world);
        began
    }

    /// False when there was nobody to kill.
    fn strike(&mut self, kill: Kill) -> bool {
        match kill {
            Kill::Daemon(after) => {
                std::thread::sleep(after.saturating_sub(RUSH));
                self.office.rush.store(true, SeqCst);
                std::thread::sleep(after.min(RUSH));
                let began = self.again();
                self.office.rush.store(false, SeqCst);
                self.serves(began);
                self.killed.daemons += 1;
            }
            Kill::Starting(after) => {
                self.again();
                std::thread::sleep(after);
                let began = self.again();
                self.serves(began);
                self.killed.starting += 1;
            }
            Kill::Worker(after, which) => {
                std::thread::sleep(after);
                let began = Instant::now();
                while began.elapsed() < NO_WORKER {
                    let workers = processes::caged(self.daemon.id());
                    if let Some((pid, _)) = workers.get(which % workers.len().max(1)) {
                        signal(*pid, libc::SIGKILL);
                        self.killed.workers += 1;
                        return true;
                    }
                    std::thread::sleep(POLL);
                }
                return false;
            }
        }
        true
    }
}

/// A test that fails leaves no daemon behind.
impl Drop for Siege<'_> {
    fn drop(&mut self) {
        if let Ok(None) = self.daemon.try_wait() {
            signal(self.daemon.id(), libc::SIGKILL);
            let _ended = self.daemon.wait();
        }
    }
}

fn log(world: &World) -> std::path::PathBuf {
    world.path("up.log")
}

/// Runs of the factory that are held to be at work.
fn live(reader: &Reader) -> Vec<String> {
    let runs = reader.live_runs().expect("runs").into_iter();
    runs.filter(|run| run.holder == Holder::Factory)
        .map(|run| run.id.0)
        .collect()
}

/// Everything a person would look at, for messages.
fn picture(reader: &Reader) -> String {
    let mut text = String::new();
    for task in reader.tasks(&all()).expect("tasks") {
        if task.project.is_none() || task.state == State::Done {
            continue;
        }
        let (id, state, title) = (task.id, task.state, task.title);
        text.push_str(&format!("{id} [{state}] {title} {:?}\n", task.waiting));
        for event in reader.events(id).expect("history") {
            let run = event.run.map(|r| r.short().to_owned()).unwrap_or_default();
            text.push_str(&format!("    {} {run} {}\n", event.kind, event.detail));
        }
    }
    text
}

fn all() -> Filter {
    Filter {
        ended: true,
        ..Filter::default()
    }
}

/// A limit that is not a number is a mistake of whoever set it.
fn setting(name: &str, usual: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn killing_daemon_and_workers_at_any_moment_loses_and_doubles_nothing() {
    let (seed, count) = (
        setting("ALAI_KILLS_SEED", 1),
        setting("ALAI_KILLS", 100) as usize,
    );
    let world = World::scripted("auto", &script());
    let office = Office {
        home: world.home(),
        seed,
        closing: AtomicBool::new(false),
        rush: AtomicBool::new(false),
        titles: AtomicUsize::new(0),
        lost: AtomicUsize::new(0),
    };
    let mut siege = Siege {
        world: &world,
        office: &office,
        seed,
        daemon: Siege::start(&world),
        lost: Vec::new(),
        serving: Vec::new(),
        killed: Counts::default(),
    };
    let began = Instant::now();
    siege.serves(began);
    let mut struck = Duration::ZERO;
    let people: Vec<Person<'_>> = std::thread::scope(|scope| {
        let start = |number| {
            let office = &office;
            scope.spawn(move || Person::new(office, number).works())
        };
        let threads: Vec<_> = (0..PEOPLE).map(start).collect();
        let closes = Closes(&office);
        let mut made = 0;
        // One that found nobody to kill is not counted, and another one is made in its place.
        for kill in kills(seed, 2 * count) {
            if made < count && siege.strike(kill) {
                made += 1;
            }
        }
        assert_eq!(made, count, "seed {seed}: too few workers to kill");
        struck = began.elapsed();
        drop(closes);
        let ends = threads.into_iter().map(|thread| thread.join());
        ends.map(|end| end.expect("its own words are above"))
            .collect()
    });
    let serving = siege.ends();
    for person in &people {
        compare(&reader(&world.home()), seed, person);
    }
    let merged = rows_are_whole(&world, seed);
    repository_is_whole(&world, seed, &merged);
    nothing_is_left(&world, seed);
    let asked: usize = people.iter().map(|person| person.asked.len()).sum();
    let lost = office.lost.load(SeqCst);
    println!(
        "summary: kills, seed {seed}: {:?} in {:.1} s, all settled after {:.1} s; {asked} requests answered, {lost} of them sent \
         again; {} tasks merged; {serving}",
        siege.killed,
        struck.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        merged.len()
    );
}

/// Lets the people go home, also when the test fails.
struct Closes<'a>(&'a Office);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.closing.store(true, SeqCst);
    }
}

impl Siege<'_> {
    /// Ends the last daemon as a person does, and says how long the starts took.
    fn ends(&mut self) -> String {
        let (began, reader) = (Instant::now(), reader(&self.world.home()));
        let queued = |merge: &MergeRow| merge.state == MergeState::Queued;
        let under_way = || {
            let merges = reader.merges().expect("merges");
            reader.outbox_depth().expect("outbox").0 > 0 || merges.iter().any(queued)
        };
        while under_way() {
            let late = "deliveries or pages are not done";
            assert!(began.elapsed() < PATIENCE, "seed {}: {late}", self.seed);
            std::thread::sleep(POLL);
        }
        self.world.alai(["down"]).exits(0);
        let status = self.daemon.wait().expect("our own child");
        assert!(status.success(), "seed {}: {status}", self.seed);
        self.serving.sort();
        let median = self.serving[self.serving.len() / 2];
        let most = *self.serving.last().expect("at least the first");
        let said = format!(
            "serving after {} ms (median), {} ms (most)",
            median.as_millis(),
            most.as_millis()
        );
        assert!(
            median < SERVING_MEDIAN && most < SERVING_MAX,
            "seed {}: {said}",
            self.seed
        );
        said
    }
}

/// Each task is completed once and by one run, each lineage is merged once. Answers with the numbers of the titles that are
/// merged.
fn rows_are_whole(world: &World, seed: u64) -> Vec<usize> {
    let reader = reader(&world.home());
    assert_eq!(fsck(&reader).expect("fsck runs"), [], "seed {seed}");
    assert_eq!(live(&reader), Vec::<String>::new(), "seed {seed}");
    let merges = reader.merges().expect("merges");
    let mut counts = BTreeMap::new();
    for merge in merges.iter().filter(|m| m.state == MergeState::Merged) {
        *counts
            .entry((merge.task, merge.kind == MergeKind::Integrate))
            .or_insert(0) += 1;
    }
    let twice: Vec<_> = counts.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: {twice:?}");
    let mut merged = Vec::new();
    for task in reader.tasks(&all()).expect("tasks") {
        let events = reader.events(task.id).expect("history");
        let done = events.iter().filter(|e| e.to == Some(State::Done)).count();
        assert_eq!(
            done,
            usize::from(task.state == State::Done),
            "seed {seed}: {}",
            task.id
        );
        let runs = reader.runs_of(task.id).expect("runs").into_iter();
        let succeeded = runs.filter(|r| r.holder == Holder::Factory);
        let succeeded = succeeded.filter(|r| r.state == RunState::Succeeded).count();
        assert!(succeeded <= 1, "seed {seed}: {}", task.id);
        let once = counts.contains_key(&(task.id, true));
        assert_eq!(once, task.integrated.is_some(), "seed {seed}: {}", task.id);
        if once && task.kind == TaskKind::Build {
            let number = task.title.trim_start_matches("Say w").parse();
            merged.push(number.expect("a title of ours"));
        }
    }
    merged.sort_unstable();
    merged
}

/// Each merged task stands in the history once and its file is there; of the others there is nothing.
fn repository_is_whole(world: &World, seed: u64, merged: &[usize]) {
    world.git(&["fsck", "--full", "--strict"]);
    let tree = world.git(&["status", "--porcelain"]);
    assert_eq!(
        tree,
        "",
        "seed {seed}: the work tree follows\n{}",
        merges(world)
    );
    let tips = ["main", "alai/integration"].map(|name| world.git(&["rev-parse", name]));
    assert_eq!(tips[0], tips[1], "seed {seed}");
    // A test that was killed on the merged result is red like any other: its task is done again, under a title that says so.
    let log = world.git(&["log", "--no-merges", "--format=%s", "main"]);
    let titles: Vec<&str> = log.lines().filter(|title| *title != "Import").collect();
    let once: BTreeSet<&str> = titles.iter().copied().collect();
    assert_eq!(once.len(), titles.len(), "seed {seed}: merged twice: {log}");
    let plain = |title: &&str| alai_core::pipeline::subject(title).to_owned();
    let there: BTreeSet<String> = titles.iter().map(plain).collect();
    let all: BTreeSet<String> = merged.iter().map(|number| title(*number)).collect();
    assert_eq!(there, all, "seed {seed}: what is merged");
    let files = world.git(&["ls-tree", "--name-only", "main"]);
    let files: Vec<&str> = files.lines().filter(|f| f.starts_with("w0")).collect();
    let all: Vec<String> = merged.iter().map(|n| format!("{}.sh", word(*n))).collect();
    assert_eq!(files, all, "seed {seed}");
    let merges = world.git(&["log", "--merges", "--format=%s", "main"]);
    let mut merges: Vec<&str> = merges.lines().collect();
    let count = merges.len();
    merges.sort_unstable();
    merges.dedup();
    assert_eq!(merges.len(), count, "seed {seed}: merged twice");
    assert!(world.sh("sh test.sh").code == 0, "seed {seed}");
    let locks = locks_below(&world.repo().join(".git"));
    assert!(locks.is_empty(), "seed {seed}: {locks:?}");
}

/// How the newest merges and deliveries ended, and where the branches stand, for messages.
fn merges(world: &World) -> String {
    let rows = reader(&world.home()).merges().expect("merges").into_iter();
    let line = |m: MergeRow| {
        let (kind, state, outcome) = (m.kind, m.state, m.outcome.unwrap_or_default());
        format!("{} {kind:?} {state:?} {} {outcome}\n", m.task, m.head)
    };
    let newest: String = rows.rev().take(12).map(line).collect();
    let log = fs::read_to_string(log(world)).unwrap_or_default();
    newest + &world.git(&["log", "-12", "--format=%H %D %s", "--all"]) + "\n" + &log
}

/// No process, no clone, no private home, no scratch folder. A clone is kept for a person alone when the cage that was to bring its
/// commits home was killed, and then the log says so. A later daemon tries it again: it may be gone by now, when all that its agent
/// wrote is in the repository.
fn nothing_is_left(world: &World, seed: u64) {
    let log = fs::read_to_string(log(world)).expect("the log");
    let left = processes::left_of(&world.path(""));
    assert!(left.is_empty(), "seed {seed}: {left:?}\n{log}");
    for run in reader(&world.home()).runs().expect("runs") {
        let dir = world.home().join("runs").join(&run.id.0);
        for name in ["clone", "home"] {
            let there = dir.join(name).exists();
            assert!(!there, "seed {seed}: {name} of {}\n{log}", run.id);
        }
        let kept = dir.join("kept-clone");
        let was_kept = log.contains(&format!("is kept in {}", kept.display()));
        let came_home = log.contains(&format!("run {}: all of its kept clone is home", run.id));
        let told = match kept.exists() {
            true => was_kept,
            false => came_home || !was_kept,
        };
        assert!(told, "seed {seed}: {}\n{log}", run.id);
        if came_home {
            written_is_home(world, seed, &run.id.0);
        }
    }
    let scratch = fs::read_dir(world.home().join("cache/scratch"));
    let left: Vec<_> = scratch.into_iter().flatten().flatten().collect();
    assert!(left.is_empty(), "seed {seed}: {left:?}\n{log}");
}

/// Every file that a run's agent was told it had written is in the repository under the run's name, whatever the log says of it.
fn written_is_home(world: &World, seed: u64, run: &str) {
    let path = world.home().join("runs").join(run).join("trajectory.jsonl");
    let trajectory = Trajectory::read(&path).expect("a trajectory");
    let rest = format!("refs/alai/{run}-rest");
    let has_rest = !world.git(&["for-each-ref", &rest]).is_empty();
    let name = if has_rest {
        rest
    } else {
        format!("refs/alai/{run}")
    };
    let mut called = BTreeMap::new();
    for entry in trajectory.entries {
        if let Told::Call {
            id,
            name,
            arguments,
            ..
        } = entry.told
        {
            called.extend((name == "write").then_some((id, arguments)));
        } else if let Told::Result {
            id, error: false, ..
        } = entry.told
            && let Some(written) = called.remove(&id)
        {
            let text = |key: &str| written[key].as_str().expect("a text").to_owned();
            let object = format!("{name}:{}", text("path"));
            let found = world.git(&["show", &object]);
            let content = text("content");
            assert_eq!(
                found.trim_end(),
                content.trim_end(),
                "seed {seed}: {object}"
            );
        }
    }
}
