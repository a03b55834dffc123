//! Checks 17 and 19 through the public door: each acceptance criterion is answered with a line of the commit, and what is shown of a
//! build is what its judges made of it.

use serde_json::{Value, json};

use crate::script::{Script, TITLE, pass, planned, reject, small};
use crate::world::World;

const START: [&str; 5] = ["start", "Count letters", "--project", "tiny", "--wait"];

/// A plan whose one task has two criteria, and a reviewer who answers so.
fn reviewed(criteria: Value) -> World {
    let mut task = planned("a", TITLE, &[]);
    task["acceptance"] = json!(["it is tested", "no text has no letters"]);
    let mut review = pass();
    review["criteria"] = criteria;
    // It is asked once more, and says the same.
    let turns = [json!({"json": review}), json!({"json": review})];
    let script = Script::good()
        .plans(&[task])
        .with(json!({"kind": "review", "step": "review"}), &turns);
    World::scripted("auto", &script)
}

fn met(n: u32, path: &str, line: u32) -> Value {
    json!({"n": n, "met": true, "path": path, "line": line})
}

#[test]
fn each_criterion_is_shown_with_the_line_that_meets_it() {
    let world = reviewed(json!([met(1, "words.sh", 1), met(2, "words.sh", 2)]));
    world.alai(START).exits(0);
    let shown = world.json(["qa", "check", "3", "--json"]);
    let checks = shown["checks"].as_array().expect("checks");
    assert_eq!(checks[16]["verdict"], "pass", "{}", checks[16]);
    let seen = checks[16]["seen"].as_str().expect("words");
    assert!(seen.contains("criterion 1 is met: words.sh:1"), "{seen}");
    assert!(seen.contains("criterion 2 is met: words.sh:2"), "{seen}");
    assert_eq!(checks[18]["verdict"], "pass", "{}", checks[18]);
    let stages: Vec<_> = { shown["judges"].as_array().expect("judges").iter() }
        .map(|judge| judge["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(stages, ["review", "security"]);
    let passed = checks.iter().filter(|c| c["verdict"] == "pass").count();
    assert_eq!(shown["passed"], passed, "what is counted is what is shown");
    let task = world.task(3);
    assert_eq!(task["verdict"]["passed"], shown["passed"]);
    world
        .alai(["mc", "show", "3"])
        .exits(0)
        .says("check 17 pass review #5: criterion 1 is met: words.sh:1");
}

#[test]
fn a_pass_that_leaves_a_criterion_open_counts_for_nothing() {
    let open = "criterion 2 is not met: it was not answered";
    let gone = "names line 9999 of words.sh";
    let said_no = json!({"n": 2, "met": false, "path": "words.sh", "line": 1});
    let unmet = "criterion 2 is not met: so its judge says, at words.sh:1";
    for (second, why) in [
        (Value::Null, open),
        (met(2, "words.sh", 9999), gone),
        (
            met(2, "nowhere.sh", 1),
            "names nowhere.sh, which does not exist",
        ),
        (said_no, unmet),
    ] {
        let answers = [met(1, "words.sh", 1), second];
        let answers: Vec<Value> = answers.into_iter().filter(|a| !a.is_null()).collect();
        let world = reviewed(json!(answers));
        world.alai(START).exits(5);
        let runs = world.task(5)["runs"].clone();
        let run = runs[0]["id"].as_str().expect("a run of the review");
        let trajectory = world.home().join("runs").join(run).join("trajectory.jsonl");
        let told = std::fs::read_to_string(trajectory).expect("what it was told");
        assert!(told.contains(why), "{why}: {told}");
        // Nobody has judged the build: that a try came to nothing is no word against it.
        let shown = world.alai(["qa", "check", "3", "--json"]).exits(0).json();
        assert_ne!(shown["checks"][18]["verdict"], "pass", "{why}");
        let seen = shown["checks"][18].to_string();
        assert!(seen.contains("review #5: pending"), "{seen}");
        assert_eq!(world.titles("main"), ["Import"], "nothing is merged");
    }
}

#[test]
fn what_a_review_rejected_is_not_shown_as_passed() {
    let script = Script::good()
        .tries("", Some(1), &small("second"))
        .judges_attempt("review", 0, reject("it has no test of empty text"));
    let world = World::scripted("auto", &script);
    world.alai(START).exits(0);
    let shown = world.alai(["qa", "check", "3", "--json"]).exits(5).json();
    assert_eq!(shown["outcome"]["kind"], "failed");
    assert_eq!(shown["checks"][18]["verdict"], "fail");
    // It answered no criterion, and one that is not answered is not met.
    assert_eq!(shown["checks"][16]["verdict"], "fail");
    assert_eq!(world.task(3)["verdict"]["outcome"]["kind"], "failed");
    let rework = world.json(["qa", "check", "6", "--json"]);
    assert_eq!(rework["checks"][18]["verdict"], "pass");
    assert_eq!(rework["checks"][16]["verdict"], "pass");
}

#[test]
fn a_rejection_outlives_its_package() {
    let script = Script::good()
        .tries("", Some(1), &small("second"))
        .judges_attempt("review", 0, reject("it has no test of empty text"));
    let world = World::scripted("auto", &script);
    world.alai(START).exits(0);
    let review = world.task(5);
    let run = review["runs"][0]["id"]
        .as_str()
        .expect("a run of the review");
    let package = world.home().join("runs").join(run).join("evidence");
    std::fs::remove_dir_all(package).expect("removed");
    let shown = world.alai(["qa", "check", "3", "--json"]).exits(5).json();
    assert_eq!(shown["checks"][18]["verdict"], "fail");
    let seen = shown["checks"][18].to_string();
    assert!(seen.contains("its package is gone"), "{seen}");
}
