//! A home, a repository and a model, and the walk of one project through them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use alai_gate::census::{self, Census, TestStatus};
use alai_gate::evidence::CommandEntry;
use alai_testkit::git;
use alai_testkit::ollama::OllamaTwin;
use alai_testkit::samples::{self, Task};
use alai_testkit::worker::{Cheat, Worker};
use serde_json::Value;

use crate::world::World;

/// Exits 0 where there is no network interface but loopback. The kernel's own table says it without any tool.
const ONLY_LOOPBACK: &str =
    "test \"$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \\n')\" = lo";
/// What `alai start --wait` ends with when merged work waits for a person, and when the gate refused it.
const WAITS: i32 = 6;
const REFUSED: i32 = 5;
/// How a line begins that the gate runs: both streams in their own order.
const OF_GATE: &str = "exec 2>&1\n";
/// Runs at once: as many as there are cheats, mostly.
const SLOTS: &str = "3";
/// What the worker of the sample's second task is asked for on a red base.
const ON_RED: &str = "On a red base: ";

/// A project and what is known about it.
pub(super) struct Project {
    pub(super) sample: &'static str,
    /// `none` where nothing is fetched: the packages lie in the repository, or are the system's.
    pub(super) setup: &'static str,
    /// As `--service` has it.
    pub(super) service: Option<&'static str>,
    pub(super) test: &'static str,
    /// The test that serves on loopback, as the census names it.
    pub(super) loopback: &'static str,
    /// A test that the first task adds.
    pub(super) added: &'static str,
    /// A test file with one test that fails, and the name of the test.
    pub(super) red: (&'static str, &'static str, &'static str),
}

/// A dishonest build.
pub(super) struct Cheating {
    pub(super) title: &'static str,
    pub(super) acts: Vec<Cheat>,
    /// The number in qa-19 of the check that must refuse it, and what that check must name.
    pub(super) refused_by: (usize, &'static str),
}

/// A home, a repository and a model.
pub(super) struct Shop<'a> {
    pub(super) world: World,
    twin: OllamaTwin,
    project: &'a Project,
    tasks: Vec<Task>,
}

impl Shop<'_> {
    /// Puts the sample in the repository's place and registers it: what was detected is what the sample needs.
    pub(super) fn open<'a>(project: &'a Project, cheats: &[Cheating]) -> Shop<'a> {
        let world = World::without_home();
        std::fs::remove_dir_all(world.repo()).expect("removed");
        samples::write(project.sample, &world.repo()).expect("the sample");
        git::init_repo(&world.repo()).expect("a repository");
        let mut tasks = samples::tasks(project.sample).expect("the sample's tasks");
        tasks.truncate(2);
        for task in &mut tasks {
            // The worker goes by titles; what the safety rails make of a sample's words is not the question here.
            task.description.clone_from(&task.title);
        }
        tasks[1].title = format!("{ON_RED}{}", tasks[1].title);
        let dishonest = cheats.iter().map(|c| Task {
            title: c.title.to_owned(),
            ..tasks[1].clone()
        });
        let mut worker = Worker::new(tasks.iter().cloned().chain(dishonest)).independent();
        for cheat in cheats {
            worker = cheat
                .acts
                .iter()
                .fold(worker, |worker, act| worker.cheat(cheat.title, act.clone()));
        }
        let twin = OllamaTwin::start(worker.behaviour());
        world.alai(["init"]).exits(0);
        let mut args = vec!["project", "add", "tiny"];
        args.extend(project.service.iter().flat_map(|s| ["--service", s]));
        let added = world.alai(args).exits(0);
        for (name, want) in [("setup", project.setup), ("test", project.test)] {
            let line = added
                .out
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_default();
            assert!(line.contains(want), "{name} was not detected: {added}");
        }
        Shop {
            world,
            twin,
            project,
            tasks,
        }
    }

    /// One goal of one task: planned, built, judged, merged and tested, and moved to main by a person's word.
    pub(super) fn honest(&self) {
        let main = self.world.git(&["rev-parse", "main"]);
        let task = &self.tasks[0];
        let check = task
            .check
            .as_deref()
            .expect("the sample's first task has a check");
        let goal = self.start(&task.title, &[check, ONLY_LOOPBACK], WAITS);
        let build = self.built(goal);
        let evidence = self.evidence(&build.to_string()).0;
        self.knows_its_tests(&evidence);
        let passed =
            |census: &Census| census.ids.get(self.project.added) == Some(&TestStatus::Passed);
        assert!(
            self.proofs().iter().any(passed),
            "the merged result was not tested"
        );
        assert_eq!(
            self.world.git(&["rev-parse", "main"]),
            main,
            "nobody has approved yet"
        );
        self.deliver(goal);
        self.world
            .alai(["evidence", "verify", &build.to_string()])
            .exits(0);
        let set_ups = self.set_ups();
        assert_eq!(set_ups.len(), 1, "{set_ups:?}");
        let fetches = self.project.setup != "none";
        assert_eq!(
            set_ups[0].1 > 0,
            fetches,
            "hosts that it reached: {set_ups:?}"
        );
    }

    /// Three builders at once, each with a sound change and one cheat. Their work stays where it is.
    pub(super) fn refuses(&self, cheats: &[Cheating]) {
        let tips =
            || ["main", "alai/integration"].map(|branch| self.world.git(&["rev-parse", branch]));
        let before = tips();
        let titles: Vec<&str> = cheats.iter().map(|cheat| cheat.title).collect();
        let goal = self.start(&titles.join(", "), &[], REFUSED);
        let builds = self.builds(goal);
        assert_eq!(builds.len(), cheats.len());
        for (build, cheat) in builds.iter().zip(cheats) {
            let first = self.world.task(*build)["runs"][0]["id"]
                .as_str()
                .expect("a run")
                .to_owned();
            let failed = self.evidence(&first).1;
            let (check, named) = cheat.refused_by;
            let seen = failed
                .get(&check)
                .unwrap_or_else(|| panic!("{}: {check} did not fail: {failed:?}", cheat.title));
            assert!(
                seen.contains(named),
                "{}: {check} does not name {named}: {seen}",
                cheat.title
            );
            assert_eq!(self.world.state(*build), "waiting", "{}", cheat.title);
        }
        assert_eq!(tips(), before, "nothing of a cheat was merged");
    }

    /// A person commits a test that fails. A task that has nothing to do with it is done all the same.
    pub(super) fn builds_on_red(&self) {
        let (path, text, name) = self.project.red;
        std::fs::write(self.world.repo().join(path), text).expect("written");
        git::commit_all(&self.world.repo(), "Show a bug").expect("committed");
        let goal = self.start(&self.tasks[1].title, &[], WAITS);
        let build = self.built(goal);
        let failed = self.evidence(&build.to_string()).1;
        assert!(failed.is_empty(), "{failed:?}");
        let red = |census: &Census| census.known && census.red().iter().any(|id| id.contains(name));
        assert_eq!(
            self.proofs().iter().filter(|proof| red(proof)).count(),
            2,
            "red on the base and after the merge"
        );
        self.deliver(goal);
    }

    /// Moves main to what is merged.
    fn deliver(&self, goal: i64) {
        let merged = self.world.git(&["rev-parse", "alai/integration"]);
        self.finish(&["mc", "approve", &goal.to_string(), "--wait"], 0);
        assert_eq!(self.world.git(&["rev-parse", "main"]), merged);
        assert_eq!(
            self.world.git(&["status", "--porcelain"]),
            "",
            "the person's files followed"
        );
    }

    /// Asks for a goal and waits until it rests; gives its id.
    fn start(&self, goal: &str, checks: &[&str], code: i32) -> i64 {
        let mut args = vec!["start", goal, "--project", "tiny", "--wait", "--json"];
        for check in checks {
            args.extend(["--check", check]);
        }
        let out = self.finish(&args, code);
        let started: Value = serde_json::from_str(&out).expect("one object");
        started["goal"].as_i64().expect("an id")
    }

    /// The goal's BUILD tasks, oldest first.
    fn builds(&self, goal: i64) -> Vec<i64> {
        let tasks = self
            .world
            .alai(["mc", "list", "--all", "--json"])
            .exits(0)
            .out;
        let tasks = tasks
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("one object a line"));
        let of_goal = tasks.filter(|task| task["goal"] == goal && task["kind"] == "build");
        of_goal.filter_map(|task| task["id"].as_i64()).collect()
    }

    /// The one BUILD task of a goal, which is done.
    fn built(&self, goal: i64) -> i64 {
        let build = self.builds(goal)[0];
        let why = self.world.alai(["why", &build.to_string()]);
        assert_eq!(self.world.state(build), "done", "{why}");
        build
    }

    /// The newest package of a task or a run: its folder, and the checks that failed, by number, with what was seen.
    fn evidence(&self, of: &str) -> (PathBuf, BTreeMap<usize, String>) {
        let shown = self.world.json(["evidence", "show", of, "--json"]);
        let all = shown["verdict"]["measurements"]
            .as_array()
            .expect("measurements");
        let failed = all
            .iter()
            .filter(|measured| measured["result"] == "fail")
            .map(|measured| {
                let check =
                    serde_json::from_value::<alai_core::qa::Check>(measured["check"].clone())
                        .expect("a check");
                (
                    check.number(),
                    measured["detail"].as_str().unwrap_or_default().to_owned(),
                )
            });
        (
            PathBuf::from(shown["package"].as_str().expect("a folder")),
            failed.collect(),
        )
    }

    /// The gate's runs of the test command name their tests; the one that serves on loopback passed in each green one.
    fn knows_its_tests(&self, evidence: &Path) {
        let runs = censuses(evidence, self.project.test);
        let green: Vec<&Census> = runs.iter().filter(|census| census.exit.success()).collect();
        assert!(
            !green.is_empty(),
            "no green run of `{}` in {}",
            self.project.test,
            evidence.display()
        );
        for census in green {
            assert!(census.known, "{census:?}");
            assert_eq!(
                census.ids.get(self.project.loopback),
                Some(&TestStatus::Passed),
                "{census:?}"
            );
        }
        assert!(
            runs.iter()
                .any(|census| census.ids.contains_key(self.project.added)),
            "{runs:?}"
        );
    }

    /// What the factory knows of the tests of whole commits.
    fn proofs(&self) -> Vec<Census> {
        let files = std::fs::read_dir(self.world.home().join("cache/base"))
            .expect("listed")
            .flatten();
        files
            .map(|file| serde_json::from_str(&read(&file.path())).expect("a census"))
            .collect()
    }

    /// The set-ups in the cache: the key of each, and how many hosts it reached.
    pub(super) fn set_ups(&self) -> Vec<(String, usize)> {
        let entries = std::fs::read_dir(self.world.home().join("cache/setup"))
            .expect("listed")
            .flatten();
        let folders = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir());
        let made = folders.map(|folder| {
            let record: Value =
                serde_json::from_str(&read(&folder.join("prepared.json"))).expect("a record");
            let key = record["key"].as_str().expect("a key").to_owned();
            (key, record["hosts"].as_array().expect("hosts").len())
        });
        let mut made: Vec<(String, usize)> = made.collect();
        made.sort();
        made
    }

    /// The binary with the model, the machine's toolchains, and what a set-up needs to reach a registry from here.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        // Version managers are found through HOME; alai's own home is named apart.
        let tools = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "PYENV_ROOT"];
        for name in tools.iter().chain(alai_workspace::setup::PASSED_THROUGH) {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("OLLAMA_HOST", self.twin.url())
            .env("ALAI_SLOTS", SLOTS);
        command
    }

    /// Runs a command that waits for the daemon's work, which takes as long as a registry and three test suites take.
    fn finish(&self, args: &[&str], code: i32) -> String {
        let output = self
            .command(args)
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}\n{out}\n{err}\n{}",
            self.world.list()
        );
        out
    }
}

/// What each of the gate's runs of a command in a package of evidence says of the tests, in order.
fn censuses(evidence: &Path, command: &str) -> Vec<Census> {
    let lines = read(&evidence.join("commands.jsonl"));
    let entries = lines
        .lines()
        .map(|line| serde_json::from_str::<CommandEntry>(line).expect("a record"));
    let of_gate = |line: &String| {
        line.strip_prefix(OF_GATE)
            .is_some_and(|line| line.contains(command))
    };
    let of_command = entries.filter(|entry| entry.record.argv.last().is_some_and(of_gate));
    let blob = |name: &str| read(&evidence.join("blobs").join(name));
    of_command
        .map(|entry| census::parse(&blob(&entry.stdout.sha256), entry.record.exit))
        .collect()
}

/// `alai up`. Killed with the value, when it has not ended before.
pub(super) struct Daemon(Option<Child>);

impl Daemon {
    pub(super) fn start(mut command: Command) -> Daemon {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let daemon = Daemon(Some(child));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says where it is");
        assert!(line.starts_with("alai is up on"), "{line}");
        // Read to the end, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        daemon
    }

    pub(super) fn ends(mut self) {
        let ended = self
            .0
            .take()
            .expect("only this takes it")
            .wait()
            .expect("our own child");
        assert!(ended.success(), "the daemon ended with {ended}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
