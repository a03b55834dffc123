//! SIGKILL at any point: the daemon dies before and after commits, process starts, fetches and ref updates, or its agent is
//! killed; started again, it goes on by itself. Every flow ends the same: one merge, nothing twice, nothing lost, nothing left.
//!
//! A flow is one small goal. The daemon is killed again and again within it, each time after a number of crash points drawn
//! from the flow's seed; a last start without a crash must finish it. A failing seed is printed; `ALAI_CRASH_SEED=N` runs it
//! alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alai_core::ids::TaskId;
use alai_core::task::{Priority, State, TaskKind};
use alai_factory::{Config, Home, Op, Outcome, Packs, ProjectChange, init, perform};
use alai_mission::{Delivery, Filter, MergeKind, MergeState, Mission, Reader, fsck};
use alai_testkit::{git, samples};

use crate::processes::{descendants, is_hand, signal};

/// Kills in one flow. Below the factory's own bound on interruptions of one task.
const KILLS_PER_FLOW: usize = 12;
/// A flow that takes longer hangs: without kills it takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the rows are looked at.
const POLL: Duration = Duration::from_millis(10);

const SCRIPT: &str = r##"
- when: {kind: spec}
  turns:
    - json:
        spec: "# A greeting\n\nOne command that greets.\n"
        tasks:
          - {key: a, title: "Add a greeting", description: "d", acceptance: [], needs: [], docs: false, changes_tests: []}
- when: {kind: build, step: plan}
  turns:
    - json: {approach: "one command", files: [greet.sh], risks: []}
- when: {kind: build, step: build}
  turns:
    - calls:
        - {name: write, arguments: {path: greet.sh, content: "#!/bin/sh\necho hello\n"}}
        - {name: write, arguments: {path: tests/greet.sh, content: "is \"it greets\" \"$(sh greet.sh)\" \"hello\"\n"}}
    - calls:
        - {name: done, arguments: {status: done, summary: "a greeting"}}
- when: {step: inspect}
  turns:
    - calls:
        - {name: done, arguments: {status: done, summary: "read"}}
- when: {step: review}
  turns:
    - json: {verdict: pass, summary: "does what it says", findings: []}
"##;

/// One flow's folder: home, repository, and the goal that is asked for.
struct World {
    _dir: tempfile::TempDir,
    home: Home,
    repo: PathBuf,
    goal: TaskId,
    /// The commit that agents start from.
    base: String,
    /// Commits of agents that were in a clone when the daemon died.
    committed: BTreeSet<String>,
}

/// A linear congruential generator (Knuth's MMIX constants): small, and the same everywhere.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn world() -> World {
    let dir = tempfile::Builder::new()
        .prefix("alai-crash-")
        .tempdir()
        .expect("a temporary folder");
    let repo = dir.path().join("tiny");
    samples::write("tiny-sh", &repo).expect("the sample");
    let base = git::init_repo(&repo).expect("a repository");
    let home = Home::at(dir.path().join("home"));
    init(&home).expect("a home");
    let script = dir.path().join("script.yaml");
    std::fs::write(&script, SCRIPT).expect("the script");
    let setting = format!("slots = 2\n[fleet]\nscript = \"{}\"\n", script.display());
    std::fs::write(home.config(), setting).expect("the settings");
    let mission = Mission::open(home.root(), |_| {}).expect("the store");
    let packs = Packs::load(&home).expect("packs");
    let config = Config::load(&home.config(), &BTreeMap::new()).expect("settings");
    let ask = |op| perform(op, &mission, &packs, &config, "test", 1).expect("the request is taken");
    let change = ProjectChange {
        test: Some("sh test.sh".into()),
        delivery: Some(Delivery::Auto),
        ..ProjectChange::default()
    };
    ask(Op::AddProject {
        path: repo.clone(),
        name: None,
        change,
        new: false,
    });
    let goal = ask(Op::Start {
        goal: "Greet people".into(),
        project: repo.clone(),
        priority: Priority::High,
        owner: None,
        tags: vec![],
        checks: vec!["sh greet.sh | grep -qx hello".into()],
        blueprint: None,
        planning: None,
        key: "k".into(),
    });
    let Outcome::Task { task: goal, .. } = goal else {
        panic!("{goal:?}")
    };
    World {
        _dir: dir,
        home,
        repo,
        goal,
        base,
        committed: BTreeSet::new(),
    }
}

impl World {
    fn up(&self, env: &[(&str, String)]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alai"));
        command
            .arg("--home")
            .arg(self.home.root())
            .arg("up")
            .env("ALAI_LOG", "warn");
        command.envs(env.iter().map(|(k, v)| (*k, v)));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("a log");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the daemon starts")
    }

    fn log(&self) -> PathBuf {
        self.home.root().join("logs").join("up.log")
    }

    fn reader(&self) -> Reader {
        Reader::open(self.home.root()).expect("the store is readable")
    }

    fn settled(&self) -> bool {
        self.reader().resting(self.goal).expect("the store answers")
    }

    fn git(&self, args: &[&str]) -> String {
        git::git(&self.repo, args).unwrap_or_else(|e| panic!("{e}\n{}", picture(self)))
    }

    /// Notes what agents have committed in clones that are still there.
    fn note_commits(&mut self) {
        let runs = std::fs::read_dir(self.home.runs())
            .expect("the runs")
            .flatten();
        for clone in runs
            .map(|r| r.path().join("clone"))
            .filter(|c| c.join(".git").is_dir())
        {
            let list = git::git(
                &clone,
                &[
                    "for-each-ref",
                    "--format=%(objectname)",
                    "refs/heads/minion",
                ],
            );
            // A clone that the kill caught while it was made cannot be read, and has no agent's commit.
            let Ok(list) = list else { continue };
            let made = list.lines().filter(|commit| *commit != self.base);
            self.committed.extend(made.map(str::to_owned));
        }
    }
}

/// How a daemon's life ended for the test.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Killed,
    Settled,
}

/// Waits for the daemon to die by SIGKILL or for the goal to settle.
fn watch(world: &World, daemon: &mut Child, seed: u64) -> End {
    use std::os::unix::process::ExitStatusExt;
    let began = Instant::now();
    loop {
        if let Some(status) = daemon.try_wait().expect("our own child") {
            let killed = status.signal() == Some(libc::SIGKILL);
            assert!(
                killed,
                "seed {seed}: the daemon ended by itself: {status}\n{}",
                picture(world)
            );
            return End::Killed;
        }
        if world.settled() {
            return End::Settled;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "seed {seed}: it hangs\n{}",
            picture(world)
        );
        std::thread::sleep(POLL);
    }
}

/// Everything a person would look at, for messages.
fn picture(world: &World) -> String {
    let reader = world.reader();
    let mut text = String::new();
    for task in reader
        .tasks(&Filter {
            ended: true,
            ..Filter::default()
        })
        .expect("tasks")
    {
        text.push_str(&format!(
            "{} [{}] {} {:?}\n",
            task.id, task.state, task.title, task.waiting
        ));
        for event in reader.events(task.id).expect("history") {
            let run = event.run.map(|r| r.short().to_owned()).unwrap_or_default();
            text.push_str(&format!("    {} {run} {}\n", event.kind, event.detail));
        }
    }
    text + &std::fs::read_to_string(world.log()).unwrap_or_default()
}

/// Lets the flow end without a crash, and checks the end that every flow must have.
fn finish(world: &World, seed: u64) {
    let mut daemon = world.up(&[]);
    let began = Instant::now();
    // A signal before its handler is set would end it like any program; it listens only after that.
    while std::os::unix::net::UnixStream::connect(world.home.socket()).is_err() {
        assert!(
            began.elapsed() < PATIENCE,
            "seed {seed}: it does not come up\n{}",
            picture(world)
        );
        std::thread::sleep(POLL);
    }
    assert_eq!(
        watch(world, &mut daemon, seed),
        End::Settled,
        "seed {seed}: nobody killed it"
    );
    while world.reader().outbox_depth().expect("outbox").0 > 0 {
        assert!(
            began.elapsed() < PATIENCE,
            "seed {seed}: pages are not written\n{}",
            picture(world)
        );
        std::thread::sleep(POLL);
    }
    signal(daemon.id(), libc::SIGTERM);
    assert!(
        daemon.wait().expect("our own child").success(),
        "it ends cleanly when asked"
    );
    let shown = || format!("seed {seed}\n{}", picture(world));
    rows_are_whole(world, &shown);
    repository_is_whole(world, &shown);
    nothing_is_left(world, &shown);
}

/// Nothing twice: one task of each kind, each completed once; one merge, one delivery.
fn rows_are_whole(world: &World, shown: &dyn Fn() -> String) {
    let reader = world.reader();
    assert_eq!(fsck(&reader).expect("fsck runs"), [], "{}", shown());
    let tasks = reader
        .tasks(&Filter {
            ended: true,
            ..Filter::default()
        })
        .expect("tasks");
    assert!(tasks.iter().all(|t| t.state == State::Done), "{}", shown());
    let mut kinds: Vec<TaskKind> = tasks.iter().map(|t| t.kind).collect();
    kinds.sort();
    let once = [
        TaskKind::Goal,
        TaskKind::Spec,
        TaskKind::Build,
        TaskKind::Review,
        TaskKind::Security,
        TaskKind::Postflight,
    ];
    assert_eq!(kinds, once, "{}", shown());
    let merges = reader.merges().expect("merges");
    let kinds: Vec<MergeKind> = merges.iter().map(|m| m.kind).collect();
    assert_eq!(
        kinds,
        [MergeKind::Integrate, MergeKind::Deliver],
        "{}",
        shown()
    );
    assert!(
        merges.iter().all(|m| m.state == MergeState::Merged),
        "{}",
        shown()
    );
    for task in &tasks {
        let events = reader.events(task.id).expect("history");
        let completions = events.iter().filter(|e| e.to == Some(State::Done)).count();
        assert_eq!(completions, 1, "{} is completed once\n{}", task.id, shown());
        let runs = reader.runs_of(task.id).expect("runs");
        let succeeded = runs
            .iter()
            .filter(|r| r.state.as_str() == "succeeded")
            .count();
        assert_eq!(
            succeeded,
            usize::from(task.kind != TaskKind::Goal),
            "{}\n{}",
            task.id,
            shown()
        );
    }
}

fn repository_is_whole(world: &World, shown: &dyn Fn() -> String) {
    world.git(&["fsck", "--full", "--strict"]);
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "",
        "the work tree follows\n{}",
        shown()
    );
    let (main, tip) = (
        world.git(&["rev-parse", "main"]),
        world.git(&["rev-parse", "alai/integration"]),
    );
    assert_eq!(main, tip, "{}", shown());
    assert_eq!(
        world.git(&["show", "main:greet.sh"]),
        "#!/bin/sh\necho hello",
        "{}",
        shown()
    );
    let tasks = world
        .reader()
        .tasks(&Filter {
            ended: true,
            ..Filter::default()
        })
        .expect("tasks");
    let build = tasks
        .into_iter()
        .find(|t| t.kind == TaskKind::Build)
        .expect("the build");
    let (base, head) = (
        build.base.expect("a base"),
        build.head.expect("a measured commit"),
    );
    assert_eq!(
        world.git(&["merge-base", &head, "main"]),
        head,
        "what was measured was merged\n{}",
        shown()
    );
    let range = format!("{base}..main");
    for (those, what) in [
        ("--no-merges", "one commit, made once"),
        ("--first-parent", "brought in once"),
    ] {
        let count = world.git(&["rev-list", "--count", those, &range]);
        assert_eq!(count, "1", "{what}\n{}", shown());
    }
    for commit in &world.committed {
        let kept = git::git(
            &world.repo,
            &["cat-file", "-e", &format!("{commit}^{{commit}}")],
        );
        assert!(
            kept.is_ok(),
            "the committed work {commit} is lost\n{}",
            shown()
        );
    }
    let locks = locks_below(&world.repo.join(".git"));
    assert!(locks.is_empty(), "{locks:?}\n{}", shown());
}

pub(crate) fn locks_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir)
        .expect("readable")
        .flatten()
        .map(|e| e.path())
    {
        if path.is_dir() {
            found.extend(locks_below(&path));
        } else if path.extension().is_some_and(|e| e == "lock") {
            found.push(path);
        }
    }
    found
}

/// No clone, no private home, no scratch folder, no process.
fn nothing_is_left(world: &World, shown: &dyn Fn() -> String) {
    for run in world.reader().runs().expect("runs") {
        for name in ["clone", "home"] {
            let path = world.home.run(&run.id).join(name);
            assert!(!path.exists(), "{} is left\n{}", path.display(), shown());
        }
    }
    let scratch = world.home.cache().join("scratch");
    let left: Vec<PathBuf> = std::fs::read_dir(scratch)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    assert!(left.is_empty(), "{left:?}\n{}", shown());
    let orphans = orphans();
    assert!(orphans.is_empty(), "{orphans:?}\n{}", shown());
}

/// Descendants that outlive the daemon for ten seconds. The test is their subreaper: what is orphaned becomes its child.
fn orphans() -> Vec<String> {
    let began = Instant::now();
    loop {
        reap();
        let left = descendants(std::process::id())
            .into_iter()
            .map(|(_, name)| name)
            .collect::<Vec<_>>();
        if left.is_empty() || began.elapsed() > Duration::from_secs(10) {
            return left;
        }
        std::thread::sleep(POLL);
    }
}

#[allow(unsafe_code)]
fn reap() {
    // SAFETY: waitpid with a null status touches no memory of ours.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
}

#[allow(unsafe_code)]
fn become_subreaper() {
    // SAFETY: prctl with integers only.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    assert_eq!(done, 0, "the test can adopt orphans");
}

/// How many points an undisturbed flow passes, by name.
fn points() -> BTreeMap<String, u64> {
    let world = world();
    let log = world.home.root().join("points");
    let mut daemon = world.up(&[("ALAI_CRASH_LOG", log.display().to_string())]);
    assert_eq!(watch(&world, &mut daemon, 0), End::Settled);
    signal(daemon.id(), libc::SIGTERM);
    assert!(daemon.wait().expect("our own child").success());
    finish(&world, 0);
    let mut names = BTreeMap::new();
    for line in std::fs::read_to_string(&log).expect("the points").lines() {
        *names.entry(line.to_owned()).or_insert(0) += 1;
    }
    names
}

/// Points that a drawn life may be long: most lives end before the flow does, some see its last steps.
const LIFE_MAX: u64 = 60;

/// One flow whose daemon is killed up to `KILLS_PER_FLOW` times. Answers how often it was.
fn flow(seed: u64) -> usize {
    let mut world = world();
    let mut drawn = Seeded(seed);
    let mut killed = 0;
    for _ in 0..KILLS_PER_FLOW {
        let at = 1 + drawn.below(LIFE_MAX);
        let mut daemon = world.up(&[("ALAI_CRASH_AT", at.to_string())]);
        if watch(&world, &mut daemon, seed) == End::Settled {
            signal(daemon.id(), libc::SIGKILL);
            daemon.wait().expect("our own child");
            break;
        }
        killed += 1;
        world.note_commits();
    }
    finish(&world, seed);
    killed
}

fn seeds(ordinary: std::ops::Range<u64>) -> Vec<u64> {
    match std::env::var("ALAI_CRASH_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
    {
        Some(one) => vec![one],
        None => ordinary.collect(),
    }
}

#[expect(clippy::print_stdout, reason = "the suite's summary")]
fn flows(range: std::ops::Range<u64>, kills_min: usize) {
    become_subreaper();
    let all = seeds(range);
    let kills: usize = all.iter().map(|seed| flow(*seed)).sum();
    assert!(
        all.len() == 1 || kills >= kills_min,
        "only {kills} kills in seeds {all:?}: lives are drawn too long"
    );
    println!(
        "summary: crash flows {} to {}: {kills} kills",
        all[0],
        all[all.len() - 1]
    );
}

#[test]
fn crash_points_stand_before_and_after_everything_that_must_survive() {
    become_subreaper();
    let names = points();
    for kind in ["commit", "start", "fetch", "update-ref", "clone", "agent"] {
        let both = [".before", ".after"]
            .iter()
            .all(|side| names.contains_key(&format!("{kind}{side}")));
        assert!(both, "no point before and after {kind}: {names:?}");
    }
}

// Four tests of the same kind, so that they run beside each other: together at least a hundred kills.
#[test]
fn crash_flows_1_to_3() {
    flows(1..4, 25);
}

#[test]
fn crash_flows_4_to_6() {
    flows(4..7, 25);
}

#[test]
fn crash_flows_7_to_9() {
    flows(7..10, 25);
}

#[test]
fn crash_flows_10_to_12() {
    flows(10..13, 25);
}

/// A drawn kill seldom falls between an agent's commit and its way home; these do.
#[test]
fn crash_between_an_agents_commit_and_its_import_keeps_the_commit() {
    become_subreaper();
    for point in ["import.tip", "fetch.before", "fetch.after", "import.before"] {
        let mut world = world();
        let mut daemon = world.up(&[("ALAI_CRASH_AT", point.to_owned())]);
        assert_eq!(watch(&world, &mut daemon, 0), End::Killed, "{point}");
        world.note_commits();
        assert!(
            !world.committed.is_empty(),
            "{point}: the agent's commit is in its clone\n{}",
            picture(&world)
        );
        finish(&world, 0);
    }
}

/// The agent's process is killed instead of the daemon, once in each flow: an infrastructure failure that is tried again.
#[test]
fn crash_of_an_agent_is_tried_again() {
    become_subreaper();
    for seed in seeds(1..4) {
        let world = world();
        let mut daemon = world.up(&[]);
        let began = Instant::now();
        let hand = loop {
            let mut agents = descendants(daemon.id())
                .into_iter()
                .filter(|(pid, _)| is_hand(*pid));
            if let Some((pid, _)) = agents.next_back() {
                break pid;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "no agent was seen\n{}",
                picture(&world)
            );
        };
        signal(hand, libc::SIGKILL);
        assert_eq!(watch(&world, &mut daemon, seed), End::Settled);
        signal(daemon.id(), libc::SIGTERM);
        assert!(daemon.wait().expect("our own child").success());
        finish(&world, seed);
    }
}

/// The long form: a kill at each single point of the flow, one flow per point, and many drawn flows.
#[test]
#[ignore = "takes about half an hour; `cargo xtask crash` runs it"]
fn crash_at_each_single_point() {
    become_subreaper();
    let total: u64 = points().values().sum();
    for at in 1..=total {
        let mut world = world();
        let mut daemon = world.up(&[("ALAI_CRASH_AT", at.to_string())]);
        let end = watch(&world, &mut daemon, at);
        if end == End::Settled {
            signal(daemon.id(), libc::SIGKILL);
            daemon.wait().expect("our own child");
        }
        world.note_commits();
        finish(&world, at);
    }
    println!("summary: crash points: a flow with a kill at each of {total}");
    flows(100..200, 1_000);
}
