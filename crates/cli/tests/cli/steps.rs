//! A blueprint that asks a person: the run ends with the question, the work is kept, the task waits, and after the answer the
//! next run goes on behind it, whatever was killed in between.

use std::path::PathBuf;

use alai_core::ids::TaskId;
use alai_minion::trajectory::{Told, Trajectory};
use alai_mission::{Reader, RunRow, RunState};
use serde_json::Value;

use crate::script::{CHECK, Script, TITLE};
use crate::world::{Running, World};

/// Builds, asks, and writes a page when the answer is yes.
const ASKS: &str = "\
version: 1
name: asks
description: Asks before it documents.
inputs:
  test_command: {type: string, required: true}
steps:
  - {id: analyze, uses: context}
  - id: build
    uses: agent
    with:
      prompt: Do the task.
      tools: [read, search, edit, write, run, done]
  - id: ahead
    uses: gate
    with: {checks: [changed, tests, task_checks, allowed_paths]}
    retry: {step: build, max_attempts: 2}
  - id: ask
    uses: human
    with: {question: Shall there be a page about it?, options: ['yes', 'no'], deadline: 2d}
  - id: page
    uses: scaffold
    if: steps.ask.outputs.answer == 'yes'
    with:
      templates: {docs/initials.md: page.md}
      vars: {answer: '${{ steps.ask.outputs.answer }}'}
  - {id: test, run: '${{ inputs.test_command }}'}
  - {id: report, uses: report}
";

fn world() -> World {
    let world = World::scripted("auto", &Script::good());
    let blueprints = world.home().join("blueprints");
    std::fs::write(blueprints.join("asks.yaml"), ASKS).expect("written");
    let templates = blueprints.join("templates");
    std::fs::create_dir(&templates).expect("a folder");
    let page = "# Initials\n\nAsked for: ${{ vars.answer }}.\n";
    std::fs::write(templates.join("page.md"), page).expect("written");
    world
}

fn kill(daemon: Running) {
    daemon.signal(libc::SIGKILL);
    assert_eq!(daemon.ends().code, 128 + libc::SIGKILL);
}

fn runs(world: &World) -> Vec<RunRow> {
    let reader = Reader::open(&world.home()).expect("the store is readable");
    reader.runs_of(TaskId(1)).expect("runs")
}

fn waits(world: &World) -> Value {
    world.until("the task waits", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    world.task(1)["view"]["task"]["waiting"].clone()
}

fn enqueue(world: &World) {
    let args = [
        "minion",
        "enqueue",
        TITLE,
        "--project",
        "tiny",
        "--blueprint",
        "asks",
        "--check",
        CHECK,
    ];
    world.alai(args).exits(0);
}

fn trajectory(world: &World, run: &RunRow) -> PathBuf {
    let runs = world.home().join("runs");
    runs.join(&run.id.0).join("trajectory.jsonl")
}

/// The steps that a run began.
fn began(world: &World, run: &RunRow) -> Vec<String> {
    let read = Trajectory::read(&trajectory(world, run)).expect("a trajectory");
    let mut began = Vec::new();
    for entry in &read.entries {
        if let Told::Step { step, .. } = &entry.told {
            began.push(step.clone());
        }
        if let Told::Outcome { status, detail, .. } = &entry.told
            && status == "red"
        {
            panic!("nothing is red here: {detail}");
        }
    }
    began
}

#[test]
fn a_question_outlives_a_killed_daemon_and_its_answer_is_gone_on_with() {
    let world = world();
    let daemon = world.up();
    enqueue(&world);
    let waiting = waits(&world);
    assert_eq!(waiting["reason"], "question");
    assert_eq!(
        waiting["detail"],
        "Shall there be a page about it? (yes, no)"
    );
    let why = world.alai(["why", "1"]).exits(0);
    why.says("question").says("alai mc answer 1");
    let first = runs(&world);
    assert_eq!(first.len(), 1);
    let asked_ms = waiting["deadline_ms"].as_i64().expect("a deadline") - 2 * 24 * 3_600_000;
    let ended_ms = first[0].ended_ms.expect("it has ended");
    assert!(
        (first[0].started_ms..=ended_ms).contains(&asked_ms),
        "{asked_ms}"
    );
    assert_eq!(
        (first[0].state, first[0].outcome.as_deref()),
        (
            RunState::Succeeded,
            Some("asked: Shall there be a page about it?")
        )
    );
    let kept = format!("refs/alai/{}", first[0].id);
    assert!(
        world
            .git(&["show", &format!("{kept}:words.sh")])
            .contains("initials"),
        "the work is home"
    );
    kill(daemon);

    // Nobody is asked twice, and no answer but an offered one is taken.
    let daemon = world.up();
    assert_eq!(waits(&world), waiting);
    world
        .alai(["mc", "answer", "1", "perhaps"])
        .exits(2)
        .says("it takes one of yes, no");
    world.alai(["mc", "answer", "1", "YES"]).exits(0);
    world.until("the task is done", |w| (w.state(1) == "done").then_some(()));
    let all = runs(&world);
    assert_eq!(all.len(), 2, "{all:?}");
    let (before, after) = match all[0].id == first[0].id {
        true => (&all[0], &all[1]),
        false => (&all[1], &all[0]),
    };
    assert_eq!(after.resumes.as_ref(), Some(&before.id));
    assert_eq!(began(&world, before), ["analyze", "build", "ahead", "ask"]);
    assert_eq!(began(&world, after), ["ask", "page", "test", "report"]);
    let head = format!("refs/alai/{}", after.id);
    assert_eq!(
        world.git(&["show", &format!("{head}:docs/initials.md")]),
        "# Initials\n\nAsked for: yes."
    );
    assert_eq!(
        world.git(&["merge-base", "--is-ancestor", &kept, &head]),
        ""
    );
    // What the first run did is in the evidence of the second: nobody else will tell of it.
    let report = world
        .home()
        .join("runs")
        .join(&after.id.0)
        .join("report.json");
    let report = std::fs::read_to_string(report).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let commands = report["commands"].as_array().expect("commands");
    let ran = |command: &str| commands.iter().any(|c| c["record"]["argv"][2] == command);
    assert!(ran(CHECK), "{commands:?}");
    let log = world.alai(["minion", "log", &after.id.0]).exits(0);
    assert!(log.out.contains("ask (human) ok: "), "{log}");
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_kill_between_the_question_and_the_wait_asks_it_once() {
    let world = world();
    let mut dies = world.command(["up"]);
    dies.env("ALAI_CRASH_AT", "asked.after");
    let dies = Running::start(dies);
    dies.says("alai is up on");
    enqueue(&world);
    assert_eq!(dies.ends().code, 128 + libc::SIGKILL);
    let daemon = world.up();
    assert_eq!(waits(&world)["reason"], "question");
    world.alai(["mc", "answer", "1", "yes"]).exits(0);
    world.until("the task is done", |w| (w.state(1) == "done").then_some(()));
    let all = runs(&world);
    assert_eq!(all.len(), 3, "{all:?}");
    // The second asked what the first had journaled, without an agent; the third went on with the answer.
    let mut walked: Vec<_> = { all.iter() }
        .filter(|run| trajectory(&world, run).is_file())
        .map(|run| (run.epoch, began(&world, run)))
        .collect();
    walked.sort();
    let steps: Vec<_> = walked.iter().map(|(_, steps)| steps.join(" ")).collect();
    assert_eq!(steps, ["analyze build ahead ask", "ask page test report"]);
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
}

#[test]
fn who_waits_for_a_run_that_asks_is_told_so() {
    let world = world();
    let args = [
        "minion",
        "run",
        TITLE,
        "--project",
        "tiny",
        "--blueprint",
        "asks",
    ];
    world
        .alai(args)
        .exits(6)
        .says("Shall there be a page about it?")
        .says("alai mc answer 1");
    world.alai(["mc", "answer", "1", "no"]).exits(0);
    let daemon = world.up();
    world.until("the task is done", |w| (w.state(1) == "done").then_some(()));
    let all = runs(&world);
    let after = all
        .iter()
        .find(|run| run.resumes.is_some())
        .expect("it resumes");
    assert_eq!(
        began(&world, after),
        ["ask", "test", "report"],
        "the page is skipped"
    );
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
}

#[test]
fn another_try_without_an_answer_begins_anew_and_asks_again() {
    let world = world();
    let daemon = world.up();
    enqueue(&world);
    waits(&world);
    world.alai(["mc", "retry", "1"]).exits(0);
    let all = world.until("it has asked again", |w| {
        let all = runs(w);
        (all.len() == 2 && w.state(1) == "waiting").then_some(all)
    });
    for run in &all {
        assert_eq!(run.resumes, None);
        assert_eq!(began(&world, run), ["analyze", "build", "ahead", "ask"]);
    }
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
}

/// What was done by the old pack is not built upon: nothing else of that run is known to the new one.
#[test]
fn an_answer_behind_a_changed_pack_begins_at_the_base() {
    let world = world();
    let daemon = world.up();
    enqueue(&world);
    waits(&world);
    let first = runs(&world).remove(0);
    let path = world.home().join("blueprints/asks.yaml");
    let changed = ASKS.replace("Asks before it documents.", "Asks first.");
    std::fs::write(path, changed).expect("a person edits it");
    world.alai(["mc", "answer", "1", "yes"]).exits(0);
    let after = world.until("the second run is over", |w| {
        let ended = |run: &RunRow| run.id != first.id && run.ended_ms.is_some();
        runs(w).into_iter().find(ended)
    });
    assert_eq!(after.resumes, None);
    let of = |run: &RunRow| format!("refs/alai/{}", run.id);
    let base = world.git(&["merge-base", &of(&first), &of(&after)]);
    let kept = world.git(&["rev-parse", &of(&first)]);
    assert_ne!(base, kept, "the clone began with the old run's work");
    assert_eq!(
        began(&world, &after),
        ["analyze", "build", "ahead", "ask", "page", "test", "report"]
    );
    world.until("the task is done", |w| (w.state(1) == "done").then_some(()));
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
}
