//! The ways of mending and changing shape, through the public door: a test is seen red on the code as it was, in clones that no
//! agent reaches, whatever the project is written in; who cheats is stopped, and what cannot be measured is said.

mod bugs;
mod real;
mod shape;

use std::path::Path;
use std::process::Command;

use alai_core::ids::TaskId;
use alai_minion::trajectory::{Told, Trajectory};
use alai_mission::{Reader, RunRow};
use alai_testkit::git;
use serde_json::{Value, json};

use crate::script::{Script, pass};
use crate::world::{Ran, World};

/// A project of these files in the place of the sample, registered with this test command.
fn project(files: &[(&str, &str)], settings: &[&str], script: &Script) -> World {
    let world = World::with_home();
    let repo = world.repo();
    std::fs::remove_dir_all(&repo).expect("the sample");
    for (name, text) in files {
        let path = repo.join(name);
        std::fs::create_dir_all(path.parent().expect("beneath the repository")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }
    git::init_repo(&repo).expect("a repository");
    let add = ["project", "add", "tiny", "--deliver", "auto"];
    world.alai(add.iter().chain(settings)).exits(0);
    world.play(script);
    world
}

/// Everything but the building passes.
fn script() -> Script {
    let plan = json!({"approach": "The smallest change.", "files": ["README.md"], "risks": []});
    Script::good()
        .with(
            json!({"kind": "build", "step": "plan"}),
            &[json!({"json": plan})],
        )
        .with(
            json!({"kind": "build", "step": "diagnose"}),
            &[turn(
                &[],
                json!({"cause": "it is wrong there", "files": ["README.md"]}),
            )],
        )
        .judges("review", "", pass())
}

/// One turn of calls that ends with `done` and these outputs.
fn turn(calls: &[Value], outputs: Value) -> Value {
    let mut all = calls.to_vec();
    let mut done = json!({"status": "done", "summary": "It is done."});
    done.as_object_mut()
        .expect("an object")
        .extend(outputs.as_object().expect("an object").clone());
    all.push(json!({"name": "done", "arguments": done}));
    json!({"text": "I do it.", "calls": all})
}

fn sh(command: &str) -> Value {
    json!({"name": "run", "arguments": {"command": command}})
}

/// A scene of a step, for its `visit` from 0. What is refused once, it says again.
fn step(id: &str, visit: Option<u32>, calls: &[Value], outputs: Value) -> (Value, [Value; 2]) {
    let mut when = json!({"kind": "build", "step": id});
    if let Some(visit) = visit {
        when["visit"] = visit.into();
    }
    (when, [turn(calls, outputs.clone()), turn(&[], outputs)])
}

trait Plays {
    fn plays(self, id: &str, calls: &[Value]) -> Self;
    fn plays_visit(self, id: &str, visit: u32, calls: &[Value]) -> Self;
    fn plays_attempt(self, id: &str, attempt: u32, calls: &[Value]) -> Self;
}

fn outputs_of(id: &str) -> Value {
    match id {
        "reproduce" => json!({"test": "the test", "symptom": "it is wrong"}),
        "audit" => json!({"weakness": "CWE-22", "attack": "anybody reads the key", "places": []}),
        "understand" => json!({"behaviour": "it prints", "callers": [], "untested": []}),
        _ => json!({}),
    }
}

impl Plays for Script {
    fn plays(self, id: &str, calls: &[Value]) -> Script {
        let (when, turns) = step(id, None, calls, outputs_of(id));
        self.with(when, &turns)
    }

    fn plays_visit(self, id: &str, visit: u32, calls: &[Value]) -> Script {
        let (when, turns) = step(id, Some(visit), calls, outputs_of(id));
        self.with(when, &turns)
    }

    fn plays_attempt(self, id: &str, attempt: u32, calls: &[Value]) -> Script {
        let (mut when, turns) = step(id, None, calls, outputs_of(id));
        when["attempt"] = attempt.into();
        self.with(when, &turns)
    }
}

fn walks(world: &World, blueprint: &str) -> Ran {
    let run = ["minion", "run", "It is wrong", "--project", "tiny"];
    let mut run = world.command(run.into_iter().chain(["--blueprint", blueprint]));
    finds_tools(&mut run);
    crate::world::run(run)
}

/// Toolchains are below the home of whoever tests, which no other command of these tests sees.
fn finds_tools(command: &mut Command) {
    let tools = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "PYENV_ROOT"];
    for name in tools.iter().chain(alai_workspace::setup::PASSED_THROUGH) {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
}

/// A file as the first task's newest run left it.
fn left(world: &World, path: &str) -> String {
    let run = runs(world, 1).pop().expect("a run");
    world.git(&["show", &format!("refs/alai/{}:{path}", run.id.0)])
}

fn runs(world: &World, task: i64) -> Vec<RunRow> {
    let reader = Reader::open(&world.home()).expect("the store is readable");
    reader.runs_of(TaskId(task)).expect("runs")
}

/// What a run began, with how its looks came out.
struct Seen {
    steps: Vec<String>,
    /// Step, status, what was said.
    looks: Vec<(String, String, String)>,
    text: String,
}

fn seen(world: &World, task: i64) -> Seen {
    let run = runs(world, task).into_iter().next().expect("a run");
    let folder = world.home().join("runs").join(&run.id.0);
    seen_in(&folder)
}

fn seen_in(folder: &Path) -> Seen {
    let path = folder.join("trajectory.jsonl");
    let read = Trajectory::read(&path).expect("a trajectory");
    let mut seen = Seen {
        steps: Vec::new(),
        looks: Vec::new(),
        text: std::fs::read_to_string(&path).expect("it was read"),
    };
    for entry in read.entries {
        if let Told::Outcome {
            step,
            status,
            detail,
            ..
        } = entry.told
        {
            seen.looks.push((step, status, detail));
        } else if let Told::Step { step, .. } = entry.told {
            seen.steps.push(step);
        }
    }
    seen
}

impl Seen {
    /// The looks of a step: whether each held, and what it said.
    fn looks(&self, id: &str) -> Vec<(bool, &str)> {
        let of = self.looks.iter().filter(|(step, ..)| step == id);
        of.map(|(_, status, said)| (status == "ok", said.as_str()))
            .collect()
    }

    #[track_caller]
    fn saw(&self, id: &str, nth: usize, holds: bool, words: &str) {
        let looks = self.looks(id);
        let (held, said) = looks
            .get(nth)
            .unwrap_or_else(|| panic!("`{id}` was not walked as often: {:?}", self.looks));
        assert!(
            *held == holds && said.contains(words),
            "`{id}`, look {nth}: {held} {said}"
        );
    }
}

/// How a check of a task's newest evidence came out.
fn check(world: &World, task: i64, name: &str) -> (String, String) {
    let shown = world.json(["evidence", "show", &task.to_string(), "--json"]);
    let all = shown["verdict"]["measurements"].as_array();
    let found = all
        .expect("measurements")
        .iter()
        .find(|m| m["check"] == name);
    let found = found.unwrap_or_else(|| panic!("no check {name}: {shown}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("result"), text("detail"))
}

const MENDING: [&str; 8] = [
    "analyze",
    "reproduce",
    "red",
    "diagnose",
    "build",
    "test",
    "without",
    "report",
];
