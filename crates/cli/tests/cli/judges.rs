//! People who review and audit: their verdict goes the way of an agent's, and nobody judges his own work. The daemon is real, and so
//! are the gate and the merge; the model is scripted.

use serde_json::json;

use crate::script::{CHECK, Script, TITLE, reject};
use crate::world::{Ran, Running, World};

/// A world in which people review and a model builds; audits are the pack's affair.
fn people_review(script: &Script) -> World {
    let world = World::scripted("auto", script);
    set(
        &world,
        "Proveo",
        "\"code_review\": 3",
        "\"code_review\": \"human\"",
    );
    world
}

fn set(world: &World, company: &str, old: &str, new: &str) {
    let path = world
        .home()
        .join("companies")
        .join(company)
        .join("config.json");
    let text = std::fs::read_to_string(&path).expect("the file");
    assert!(text.contains(old), "{text}");
    std::fs::write(&path, text.replacen(old, new, 1)).expect("written");
}

/// Adds the sample's task and waits for its review, which is task 2.
fn until_reviewed(world: &World) -> Running {
    world
        .alai(["mc", "add", TITLE, "--project", "tiny", "--check", CHECK])
        .exits(0);
    let daemon = world.up();
    waits(world, 2);
    daemon
}

fn waits(world: &World, task: i64) {
    world.until(&format!("#{task} waits for a person"), |w| {
        let waits = w.list().contains(&format!("#{task} ")) && w.state(task) == "waiting";
        waits.then_some(())
    });
}

fn by(world: &World, who: &str, args: &[&str]) -> Ran {
    let mut command = world.command(args);
    command.env("ALAI_ACTOR", who);
    crate::world::run(command)
}

fn ends(world: &World, daemon: Running) {
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

fn done(world: &World, task: i64) {
    world.until(&format!("#{task} is done"), |w| {
        let done = w.list().contains(&format!("#{task} ")) && w.state(task) == "done";
        done.then_some(())
    });
}

#[test]
fn a_review_that_is_a_persons_passes_by_his_word_and_says_whose_it_was() {
    let world = people_review(&Script::good());
    let daemon = until_reviewed(&world);
    let why = world.alai(["why", "2"]).exits(0);
    assert!(
        why.out.contains("alai mc approve 2") && why.out.contains("--finding"),
        "{why}"
    );
    let said = by(&world, "mira", &["mc", "approve", "2", "I read all of it"]);
    said.exits(0).says("judged   pass");
    done(&world, 2);
    let why = world.alai(["why", "2"]).exits(0);
    assert!(why.out.contains("mira judged it: pass"), "{why}");
    world.alai(["evidence", "verify", "2"]).exits(0);
    assert_eq!(crate::people::author(&world, 2, 1), "none: a person");
    let shown = world.task(2).to_string();
    assert!(shown.contains("pass: I read all of it"), "{shown}");
    world.until("it is audited and merged", |w| {
        (!w.task(1)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    ends(&world, daemon);
}

#[test]
fn what_a_person_sends_back_is_built_again_with_his_findings() {
    let script = Script::good().tries("Rework", None, &crate::script::small("again"));
    let world = people_review(&script);
    let daemon = until_reviewed(&world);
    for (args, says) in [
        (vec!["mc", "reject", "2", "No"], "names no finding"),
        (
            vec![
                "mc",
                "reject",
                "2",
                "No",
                "--finding",
                "words.sh it is slow",
            ],
            "names no line",
        ),
        (
            vec![
                "mc",
                "reject",
                "2",
                "No",
                "--finding",
                "gone.sh:1 it is slow",
            ],
            "gone.sh, which is not in",
        ),
        (
            vec!["mc", "reject", "2", "No", "--finding", "words.sh:9999 slow"],
            "line 9999",
        ),
        (
            vec![
                "mc",
                "approve",
                "2",
                "--finding",
                "high words.sh:1 it is lost",
            ],
            "high severity",
        ),
    ] {
        assert_ne!(by(&world, "mira", &args).says(says).code, 0, "{args:?}");
        assert_eq!(world.state(2), "waiting", "{args:?}");
    }
    let finding = "words.sh:1 the flamingo is lost";
    let args = ["mc", "reject", "2", "It loses birds", "--finding", finding];
    by(&world, "mira", &args).exits(0).says("judged   reject");
    done(&world, 2);
    let why = world.alai(["why", "2"]).exits(0);
    assert!(why.out.contains("mira judged it: reject"), "{why}");
    let rework = world.until("there is a rework", |w| {
        let rework = w.list().contains("#3 ").then(|| w.task(3));
        rework.filter(|task| task["view"]["task"]["kind"] == json!("build"))
    });
    let findings = rework["view"]["task"]["findings"].to_string();
    assert!(
        findings.contains("[high] words.sh:1") && findings.contains("the flamingo is lost"),
        "{findings}"
    );
    waits(&world, 4);
    ends(&world, daemon);
}

#[test]
fn the_findings_of_a_tools_log_send_a_change_back_with_their_rules() {
    let script = Script::good().tries("Rework", None, &crate::script::small("again"));
    let world = people_review(&script);
    let daemon = until_reviewed(&world);
    let place = |path: &str| json!([{"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": 1}}}]);
    let log = |path: &str| {
        let found = json!({"ruleId": "birds/lost", "level": "error", "message": {"text": "the flamingo is lost\nand so is the heron"},
            "locations": place(path)});
        let old = json!({"ruleId": "birds/old", "message": {"text": "an old one"}, "locations": place(path), "baselineState": "unchanged"});
        json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "birds"}}, "results": [found, old]}]}).to_string()
    };
    let reject = [
        "mc",
        "reject",
        "2",
        "It loses birds",
        "--sarif",
        "scan.sarif",
    ];
    for (text, says) in [
        ("{}".to_owned(), "it is no SARIF"),
        (log("gone.sh"), "gone.sh, which is not in"),
    ] {
        std::fs::write(world.path("scan.sarif"), text).expect("a log");
        assert_ne!(by(&world, "mira", &reject).says(says).code, 0);
        assert_eq!(world.state(2), "waiting");
    }
    std::fs::write(world.path("scan.sarif"), log("words.sh")).expect("a log");
    by(&world, "mira", &reject).exits(0).says("judged   reject");
    let rework = world.until("there is a rework", |w| {
        let rework = w.list().contains("#3 ").then(|| w.task(3));
        rework.filter(|task| task["view"]["task"]["kind"] == json!("build"))
    });
    let findings = rework["view"]["task"]["findings"].to_string();
    for words in ["[high] words.sh:1", "the flamingo is lost", "the heron"] {
        assert!(findings.contains(words), "{findings}");
    }
    assert!(!findings.contains("an old one"), "{findings}");
    // And it goes out again as it came in.
    let out = world.alai(["evidence", "show", "2", "--sarif"]).exits(0);
    assert!(out.out.contains("birds/lost"), "{out}");
    waits(&world, 4);
    ends(&world, daemon);
}

#[test]
fn a_person_passes_with_findings_which_become_a_follow_up() {
    let world = people_review(&Script::good());
    let daemon = until_reviewed(&world);
    let finding = "medium words.sh:1 nobody says what a word is";
    let args = ["mc", "approve", "2", "Good", "--finding", finding];
    by(&world, "mira", &args)
        .exits(0)
        .says("judged   pass with findings");
    world.until("there is a follow-up", |w| {
        w.list().contains("[BUILD] Fix: Good").then_some(())
    });
    ends(&world, daemon);
}

#[test]
fn nobody_judges_what_he_handed_in_himself() {
    let world = people_review(&Script::good());
    world
        .alai(["mc", "add", TITLE, "--project", "tiny", "--model", "human"])
        .exits(0);
    let daemon = world.up();
    waits(&world, 1);
    let head = crate::people::by_hand(&world, "Initials by hand", &crate::script::solution(TITLE));
    by(&world, "mira", &["mc", "ready", "1", "--head", &head]).exits(0);
    waits(&world, 2);
    let own = by(&world, "mira", &["mc", "approve", "2", "It is good"]);
    let own = own.says("nobody judges his own");
    assert_ne!(own.code, 0, "{own}");
    assert_eq!(world.state(2), "waiting");
    by(&world, "ann", &["mc", "approve", "2", "It is good"]).exits(0);
    done(&world, 2);
    ends(&world, daemon);
}

#[test]
fn what_is_no_review_of_a_persons_is_not_judged_by_one() {
    let world = World::scripted(
        "auto",
        &Script::good().judges("review", "", reject("never")),
    );
    world
        .alai(["mc", "add", TITLE, "--project", "tiny", "--hold"])
        .exits(0);
    let finding = ["mc", "approve", "1", "--finding", "words.sh:1 x"];
    let refused = by(&world, "mira", &finding).says("no review of a commit");
    assert_ne!(refused.code, 0, "{refused}");
    // The review that an agent rejected is over: nobody changes it.
    world.alai(["mc", "resume", "1"]).exits(0);
    let daemon = world.up();
    done(&world, 2);
    let late = by(
        &world,
        "mira",
        &["mc", "approve", "2", "--finding", "words.sh:1 x"],
    );
    assert_ne!(late.code, 0, "{late}");
    ends(&world, daemon);
}

#[test]
fn a_review_whose_answer_never_keeps_its_form_says_what_was_wrong_and_a_person_judges() {
    let wordy = serde_json::json!({"text": "Looks good to me, ship it."});
    let misses = serde_json::json!({"json": {"verdict": "fine", "summary": "s", "findings": []}});
    let script = Script::good().with(
        json!({"kind": "review", "step": "review"}),
        &[wordy, misses],
    );
    let world = World::scripted("auto", &script);
    let daemon = until_reviewed(&world);
    let why = world.json(["why", "2", "--json"])["why"].clone();
    assert_eq!(why["rule"], "qa_retries", "{why}");
    let (text, next) = (why["text"].to_string(), why["next_action"].to_string());
    for said in [
        "format",
        "no answer in the asked form came",
        "review: ",
        "unknown variant `fine`",
        "`pass_with_findings`",
    ] {
        assert!(text.contains(said), "`{said}` is not in {text}");
    }
    for command in [
        "alai mc approve 2",
        "alai mc reject 2",
        "alai mc answer 2",
        "alai mc cancel 2",
    ] {
        assert!(next.contains(command), "`{command}` is not in {next}");
    }
    let shown = world.task(2);
    assert_eq!(shown["runs"].as_array().map(Vec::len), Some(3), "{shown}");
    let outcome = shown["runs"][0]["outcome"].to_string();
    assert!(
        outcome.contains("unknown variant `fine`"),
        "each run says it: {outcome}"
    );
    // What no model could judge a person does.
    let said = by(&world, "mira", &["mc", "approve", "2", "I read all of it"]);
    said.exits(0).says("judged   pass");
    done(&world, 2);
    let why = world.alai(["why", "2"]).exits(0);
    assert!(why.out.contains("mira judged it: pass"), "{why}");
    world.until("it is audited and merged", |w| {
        (!w.task(1)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    ends(&world, daemon);
}
