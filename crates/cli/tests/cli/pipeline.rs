//! `alai pipeline`: where each line of work stands, what was left out and why, and what a person has the engine do.

use serde_json::{Value, json};

use crate::script::{BUILD, Script, planned, small};
use crate::world::World;

/// Rows of `pipeline status --json` as `stage/cycle/state`.
fn rows(status: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let all = status["tasks"].as_array().expect("tasks").iter();
    all.map(|t| {
        format!(
            "{}/{}/{}",
            word(&t["stage"]),
            t["review_cycle"],
            word(&t["state"])
        )
    })
    .collect()
}

fn skips(status: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = status["skipped"].as_array().expect("skips").iter();
    all.map(|s| (text(&s["stage"]), text(&s["why"]))).collect()
}

/// A builder of pages, for stages that write documentation or set-ups.
pub(crate) fn writes(script: Script, kind: &str, file: &str) -> Script {
    let plan = json!({"approach": "One page.", "files": [file], "risks": []});
    let call = json!({"name": "write", "arguments": {"path": file, "content": "# Initials\n\n`sh words.sh initials` says them.\n"}});
    let done = json!({"calls": [{"name": "done", "arguments": {"status": "done", "summary": "It is written."}}]});
    script
        .with(
            json!({"kind": kind, "step": "plan"}),
            &[json!({"json": plan})],
        )
        .with(
            json!({"kind": kind, "step": "build"}),
            &[json!({"calls": [call]}), done],
        )
}

#[test]
fn every_task_of_a_goal_says_its_pipeline_and_every_stage_left_out_its_reason() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["start", "Count letters", "--project", "tiny", "--wait"])
        .exits(0);
    let status = world.json(["pipeline", "status", "1", "--json"]);
    assert_eq!(status["schema_version"], 1);
    assert_eq!(
        rows(&status),
        [
            "goal/0/done",
            "spec/0/done",
            "postflight/0/done",
            "build/0/done",
            "review/0/done",
            "security/0/done"
        ]
    );
    let ids: Vec<&Value> = status["tasks"].as_array().expect("tasks")[3..]
        .iter()
        .map(|t| &t["pipeline_id"])
        .collect();
    assert_eq!(ids, [&json!(3); 3], "all of one line");
    let left_out: Vec<String> = skips(&status).into_iter().map(|(stage, _)| stage).collect();
    assert_eq!(left_out, ["ops", "docs"]);
    assert!(
        skips(&status)[0].1.contains("nobody asked for it"),
        "{status}"
    );
    assert_eq!(
        status["pipelines"][0]["stages"],
        json!(["build", "review", "security", "merge", "ops", "docs"])
    );
    // By any task of the line, and for people.
    let line = world.alai(["pipeline", "status", "6"]).exits(0).out;
    assert!(
        line.starts_with("pipeline #3 Add initials (tiny, goal #1): merged as "),
        "{line}"
    );
    assert!(line.contains("skipped: nobody asked for it"), "{line}");
    let project = world.json(["pipeline", "status", "--project", "tiny", "--json"]);
    assert_eq!(project["pipelines"], status["pipelines"]);
    world.alai(["pipeline", "status", "99"]).exits(3);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_successor_is_made_by_hand_once_and_says_which_is_there() {
    let script = writes(Script::good(), "docs", "docs/initials.md");
    let world = World::scripted("auto", &script);
    world
        .alai(["mc", "add", "Add initials", "--project", "tiny"])
        .exits(0);
    let held = world.alai(["pipeline", "advance", "1"]).exits(6);
    held.says("#1 is open: nothing follows before it is done")
        .says("alai why 1");
    let held = world.alai(["pipeline", "create", "--from", "1", "--stage", "docs"]);
    held.exits(6);
    let merged = |w: &World| {
        w.task(1)["view"]["task"]["integrated"]
            .is_string()
            .then_some(())
    };
    let daemon = world.up();
    world.until("it is merged", merged);
    world
        .alai(["pipeline", "advance", "1"])
        .exits(1)
        .says("the review of cycle 0 is #2 already, which is done");
    world
        .alai(["pipeline", "advance", "3"])
        .exits(1)
        .says("its merge is merged");
    world
        .alai(["pipeline", "create", "--from", "1", "--stage", "review"])
        .exits(1)
        .says("#2 already");
    world
        .alai(["pipeline", "create", "--from", "1", "--stage", "build"])
        .exits(2);
    world
        .alai(["pipeline", "create", "--from", "1", "--stage", "test"])
        .exits(2)
        .says("a stage is one of build");
    let made = world.json([
        "pipeline", "create", "--from", "1", "--stage", "docs", "--json",
    ]);
    assert_eq!(made["made"], json!([4]));
    world
        .alai(["pipeline", "create", "--from", "3", "--stage", "docs"])
        .exits(1)
        .says("the docs of cycle 0 is #4 already");
    let merged = |w: &World| {
        w.task(4)["view"]["task"]["integrated"]
            .is_string()
            .then_some(())
    };
    world.until("the documentation is merged", merged);
    let history = world.task(1).to_string();
    assert!(
        history.contains("create docs"),
        "a person's act is in the history: {history}"
    );
    drop(daemon);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_review_that_a_person_closed_by_hand_goes_on_when_he_says_so() {
    let script = Script::good().judges("review", "", json!({"verdict": "perhaps"}));
    let world = World::scripted("auto", &script);
    world
        .alai(["mc", "add", "Add initials", "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    world.until("the review waits for a person", |w| {
        let waits = w.list().contains("[waiting] [—] [REVIEW]");
        waits.then_some(())
    });
    world
        .alai(["pipeline", "advance", "2"])
        .exits(6)
        .says("#2 is waiting");
    world
        .alai(["mc", "done", "2", "I read every line"])
        .exits(0);
    let on = world.json(["pipeline", "advance", "2", "--json"]);
    assert_eq!(on["made"], json!([3]));
    world
        .alai(["pipeline", "advance", "2"])
        .exits(1)
        .says("the security of cycle 0 is #3 already");
    let merged = |w: &World| {
        w.task(1)["view"]["task"]["integrated"]
            .is_string()
            .then_some(())
    };
    world.until("it is merged", merged);
    drop(daemon);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn documentation_is_made_once_for_a_goal_after_all_that_is_built() {
    let tasks = [planned("a", "Say one", &[]), planned("b", "Say two", &[])];
    let script = Script::good()
        .plans(&tasks)
        .builds("Say one", &small("one"))
        .builds("Say two", &small("two"));
    let script = writes(script, "docs", "docs/initials.md");
    let world = World::scripted("auto", &script);
    world
        .alai(["project", "set", "tiny", "--docs", "true"])
        .exits(0);
    world
        .alai(["start", "Say numbers", "--project", "tiny", "--wait"])
        .exits(0);
    let status = world.json(["pipeline", "status", "1", "--json"]);
    let docs: Vec<&Value> = { status["tasks"].as_array().expect("tasks").iter() }
        .filter(|t| t["stage"] == "docs")
        .collect();
    assert_eq!(docs.len(), 1, "once for the goal: {status}");
    assert_eq!(docs[0]["title"], "[DOCS] Documentation: Say numbers");
    let once: Vec<(String, String)> = { skips(&status).into_iter() }
        .filter(|(_, why)| why.contains("once for the goal"))
        .collect();
    assert_eq!(
        once.len(),
        2,
        "each build says where its documentation is: {status}"
    );
    // What it documents was merged when it began.
    let docs = world.task(docs[0]["task"].as_i64().expect("a number"));
    let base = docs["view"]["task"]["base"]
        .as_str()
        .expect("a base")
        .to_owned();
    let tree = world.git(&["ls-tree", "--name-only", &base]);
    for file in ["one.sh", "two.sh"] {
        assert!(
            tree.lines().any(|name| name == file),
            "{file} is not in:\n{tree}"
        );
    }
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_project_has_its_own_stages_and_urgent_work_is_judged_all_the_same() {
    let script = Script::good()
        .builds("Say one", &small("one"))
        .builds("Say two", &small("two"));
    let world = World::scripted("auto", &script);
    for (stages, why) in [
        ("build,test", "`test` is no stage"),
        ("review,build", "a chain begins with `build`"),
        ("build,review,review", "stands in the chain twice"),
        (
            "build,docs,review",
            "a change that is merged is judged too late",
        ),
    ] {
        world
            .alai(["project", "set", "tiny", "--stages", stages])
            .exits(2)
            .says(why);
    }
    let set = world
        .alai(["project", "set", "tiny", "--stages", "build"])
        .exits(0);
    assert!(set.out.contains("stages   build,merge\n"), "{set}");
    for (title, priority) in [("Say one", "M"), ("Say two", "H")] {
        world
            .alai(["mc", "add", title, "--project", "tiny", "-p", priority])
            .exits(0);
    }
    let daemon = world.up();
    for id in [1, 2] {
        let merged = |w: &World| {
            w.task(id)["view"]["task"]["integrated"]
                .is_string()
                .then_some(())
        };
        world.until("it is merged", merged);
    }
    drop(daemon);
    let small = world.json(["pipeline", "status", "1", "--json"]);
    assert_eq!(rows(&small), ["build/0/done"]);
    let left_out: Vec<String> = skips(&small).into_iter().map(|(stage, _)| stage).collect();
    assert_eq!(left_out, ["review", "security", "ops", "docs"]);
    assert!(
        skips(&small)[0].1.contains("leave it out (build,merge)"),
        "{small}"
    );
    let urgent = world.json(["pipeline", "status", "2", "--json"]);
    assert_eq!(
        rows(&urgent),
        ["build/0/done", "review/0/done", "security/0/done"]
    );
    let explained = world.alai(["explain", "1"]).exits(0).out;
    assert!(explained.contains("build,merge"), "{explained}");
    world.alai(["mc", "fsck"]).exits(0);
    // A person who names the verifier among the stages has switched it on for the project.
    world
        .alai(["project", "set", "tiny", "--stages", "build,verify"])
        .exits(0);
    let third = ["mc", "add", "Add initials", "--project", "tiny"];
    let id = world.json(third.into_iter().chain(["--json"]))["id"].to_string();
    let daemon = world.up();
    world.until("a verification is there", |w| {
        let status = w.json(["pipeline", "status", &id, "--json"]);
        let there = rows(&status).iter().any(|row| row.starts_with("verify/0/"));
        there.then_some(())
    });
    drop(daemon);
    let back = world
        .alai(["project", "set", "tiny", "--stages", ""])
        .exits(0);
    assert!(!back.out.contains("stages"), "{back}");
}

#[test]
fn a_pipeline_is_created_by_a_tasks_number_and_shown_where_it_is() {
    let world = World::scripted("auto", &Script::good());
    world.alai(BUILD).exits(0);
    for wrong in [
        vec!["pipeline", "create"],
        vec![
            "pipeline", "create", "1", "--from", "1", "--stage", "review",
        ],
        vec!["pipeline", "create", "--from", "1"],
    ] {
        world.alai(wrong).exits(2);
    }
    world.alai(["pipeline", "create", "99"]).exits(3);
    // It was to end at its gate.
    let made = world.json(["pipeline", "create", "1", "--json"]);
    assert_eq!((&made["task"], &made["made"]), (&json!(1), &json!([2])));
    let review = world.task(2);
    assert_eq!(review["view"]["task"]["kind"], "review");
    // Once; by the seeds' word too, and with a stage as before.
    for again in ["create", "create-pipeline"] {
        let shown = world.alai(["pipeline", again, "1"]).exits(0);
        shown
            .says("#1 has its pipeline:")
            .says("pipeline #1 Add initials (tiny): not merged; stages build > review > security");
    }
    let none = world.json(["pipeline", "create", "1", "--json"]);
    assert_eq!(none["made"], json!([]));
    world
        .alai(["pipeline", "create", "1", "--stage", "review"])
        .exits(1)
        .says("#2 already");
    // One that nobody has begun has its own from the beginning.
    world
        .alai(["mc", "add", "Add initials", "--project", "tiny", "--hold"])
        .exits(0);
    world
        .alai(["pipeline", "create", "3"])
        .exits(0)
        .says("#3 has its pipeline:");
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_follow_up_is_shown_and_counted_with_the_work_that_it_came_of() {
    let finding = json!({"severity": "medium", "title": "initials of nothing are wrong", "path": "words.sh", "line": 1, "detail": "Say nothing."});
    let found = json!({"verdict": "pass_with_findings", "summary": "Mind the empty line.", "findings": [finding]});
    let script = Script::good()
        .builds("Fix: ", &small("extra"))
        .judges_attempt("review", 0, found);
    let world = World::scripted("auto", &script);
    world
        .alai(["mc", "add", "Add initials", "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    // 2 is the review, 3 the audit, 4 the follow-up, which needs the merge of 1.
    world.until("the follow-up is merged", |w| {
        let list = w.list();
        assert!(!list.contains("[waiting]"), "{list}");
        let merged = list.contains("#4 ") && w.task(4)["view"]["task"]["integrated"].is_string();
        merged.then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert!(world.task(4)["view"]["task"]["lineage"].is_null());
    for of in ["1", "4", "6"] {
        let console = world.json(["console", of, "--json"]);
        assert_eq!(
            (&console["goal"], &console["took"]["total"]["tasks"]),
            (&json!(1), &json!(6))
        );
        let tasks = console["tasks"].as_array().expect("tasks");
        assert_eq!(tasks.len(), 6, "{console}");
    }
    let status = world.json(["pipeline", "status", "1", "--json"]);
    let of: Vec<&Value> = { status["pipelines"].as_array().expect("pipelines").iter() }
        .map(|pipeline| &pipeline["pipeline_id"])
        .collect();
    assert_eq!(of, [&json!(1), &json!(4)], "a pipeline of its own");
    world.alai(["mc", "fsck"]).exits(0);
}
