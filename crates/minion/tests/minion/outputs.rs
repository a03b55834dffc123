//! What one agent step hands to the next: JSON of the form that its blueprint names.

use alai_core::blueprint::{Action, Output, OutputKind, Step};
use alai_core::brief::Caps;
use alai_minion::ExitStatus;
use serde_json::{Value, json};

use crate::world::{Script, World, agent, calls, done, fix, step};

/// An agent step that must say which file it found and on which line.
fn finder() -> Step {
    let output = |name: &str, kind| Output {
        name: name.into(),
        kind,
        description: format!("the {name} of the fault"),
        schema: None,
    };
    let Action::Agent { prompt, tools, .. } = agent(None).action else {
        panic!("an agent")
    };
    let outputs = vec![
        output("path", OutputKind::String),
        output("line", OutputKind::Integer),
    ];
    step(
        "find",
        Action::Agent {
            prompt,
            tools,
            turns_max: 9,
            check: None,
            outputs,
            role: None,
            limits: Caps::default(),
        },
    )
}

fn found(fields: &Value) -> (&'static str, Value) {
    let mut arguments = json!({"status": "done", "summary": "It is in answer.txt."});
    for (name, value) in fields.as_object().expect("fields") {
        arguments[name] = value.clone();
    }
    ("done", arguments)
}

/// The JSON that a step's part of a prompt holds.
fn handed(told: &str, step: &str) -> Value {
    let part = told
        .split(&format!("## What step `{step}` found\n"))
        .nth(1)
        .expect("the step's part");
    let line = part.lines().nth(1).expect("behind the mark");
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn later_steps_see_status_summary_and_outputs_and_nothing_of_the_talk() {
    let mut world = World::new();
    let brief = world.brief(vec![finder(), agent(None), step("report", Action::Report)]);
    let mut script = Script::new(vec![
        calls(&[(
            "write",
            json!({"path": "notes.txt", "content": "a secret of the first step\n"}),
        )]),
        calls(&[found(&json!({"path": "answer.txt", "line": "1"}))]),
        calls(&[fix()]),
        calls(&[done()]),
    ]);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done);
    let schema = &script.requests[0].tools.last().expect("done").parameters;
    assert_eq!(
        schema["required"],
        json!(["status", "summary", "path", "line"])
    );
    assert_eq!(
        schema["properties"]["line"],
        json!({"type": "integer", "description": "the line of the fault"})
    );
    assert_eq!(script.requests[2].messages.len(), 2, "a fresh context");
    let told = script.told(2);
    let want = json!({"status": "done", "summary": "It is in answer.txt.", "outputs": {"path": "answer.txt", "line": 1}});
    assert_eq!(handed(&told, "find"), want, "{told}");
    assert!(!told.contains("a secret of the first step"), "{told}");
}

#[test]
fn a_step_without_outputs_hands_over_status_and_summary() {
    let mut world = World::new();
    let mut second = agent(None);
    second.id = "polish".into();
    let brief = world.brief(vec![agent(None), second]);
    let write = ("write", json!({"path": "notes.txt", "content": "x\n"}));
    let mut script = Script::new(vec![calls(&[fix(), done()]), calls(&[write, done()])]);
    world.run(&brief, &mut script);
    let want = json!({"status": "done", "summary": "The answer is 42 now."});
    assert_eq!(handed(&script.told(1), "build"), want);
}

#[test]
fn outputs_out_of_form_are_asked_for_once_more_with_the_exact_error() {
    let mut world = World::new();
    let brief = world.brief(vec![finder()]);
    let bad = || calls(&[fix(), found(&json!({"line": "first"}))]);
    let again = || calls(&[found(&json!({"path": "answer.txt", "line": "first"}))]);
    let good = calls(&[found(&json!({"path": "answer.txt", "line": 1}))]);
    let mut script = Script::new(vec![bad(), good]);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done);
    let told = script.last(1);
    assert!(
        told.contains("`path` is missing (string); `line` must be a whole number"),
        "{told}"
    );
    let mut world = World::new();
    let brief = world.brief(vec![finder()]);
    let ran = world.run(&brief, &mut Script::new(vec![bad(), again()]));
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::Format, 2)
    );
    assert!(ran.report.head.is_some(), "the work is kept");
}
