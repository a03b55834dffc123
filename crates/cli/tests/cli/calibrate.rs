//! `alai qa calibrate` through the public door: real changes, real faults, a real gate.

use serde_json::{Value, json};

use crate::qa::osv;
use crate::script::{CHECK, Script, TITLE, solution};
use crate::world::{World, run};

fn merged(script: &Script) -> World {
    let world = World::scripted("auto", script);
    let start = [
        "start",
        "Count letters",
        "--project",
        "tiny",
        "--check",
        CHECK,
        "--wait",
    ];
    world.alai(start).exits(0);
    world
}

fn held<'a>(report: &'a Value, judge: &str, fault: Option<&str>) -> &'a Value {
    let samples = report["samples"].as_array().expect("samples");
    let mut of = samples
        .iter()
        .filter(|s| s["judge"] == judge && s["fault"] == json!(fault));
    let first = of
        .next()
        .unwrap_or_else(|| panic!("no sample of {fault:?} by {judge}: {report}"));
    assert!(of.next().is_none(), "one of each");
    &first["held"]
}

#[test]
fn the_gate_is_asked_about_what_was_merged_and_about_each_fault_in_it() {
    let world = merged(&Script::good());
    let before = world.git(&["for-each-ref"]);
    let report = world.json(["qa", "calibrate", "--json"]);
    assert_eq!(
        held(&report, "gate", None),
        &json!(false),
        "what was merged would be again: {report}"
    );
    for cheat in ["placeholder", "secret", "weakened_test"] {
        assert_eq!(
            held(&report, "gate", Some(cheat)),
            &json!(true),
            "{cheat}: {report}"
        );
    }
    let [rates] = &report["rates"].as_array().expect("rates")[..] else {
        panic!("the gate alone: {report}");
    };
    let count = |name: &str| rates[name].as_u64().expect("a number");
    let samples = report["samples"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!((count("honest"), count("false_holds")), (1, 0));
    assert_eq!(count("planted") + 1, samples);
    assert!(count("planted") >= 5, "{report}");
    let missed: u64 = rates["missed"]
        .as_object()
        .expect("by fault")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(count("caught") + missed, count("planted"));
    // Nothing of it is anywhere but in objects that no name leads to.
    assert_eq!(world.git(&["for-each-ref"]), before);
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    world.alai(["mc", "fsck"]).exits(0);
}

/// What a change needs that moves dependencies is set up for its samples too, as it was for the change.
#[test]
fn a_change_of_dependencies_is_measured_on_its_own_set_up() {
    let mut calls = solution(TITLE);
    calls.push(
        json!({"name": "run", "arguments": {"command": "echo 'strong==2.1' > requirements.txt"}}),
    );
    let world = World::scripted("auto", &Script::good().builds("", &calls));
    let setup = "mkdir -p node_modules\ncp requirements.txt node_modules/installed\n";
    std::fs::write(world.repo().join("setup.sh"), setup).expect("written");
    std::fs::write(world.repo().join("requirements.txt"), "").expect("written");
    world.git(&["add", "-A"]);
    world.git(&["commit", "--quiet", "-m", "Packages"]);
    let set = ["project", "set", "tiny", "--setup", "sh setup.sh"];
    world.alai(set).exits(0);
    let known = osv("PYSEC-1", "Weak", "2026-11-01T00:00:00Z").to_string();
    std::fs::write(world.path("osv.json"), known).expect("an advisory");
    let import = ["qa", "advisories", "import", "osv.json"];
    world.alai(import).exits(0);
    let add = [
        "mc",
        "add",
        "Pin strong",
        "--project",
        "tiny",
        "--tag",
        "dependencies",
        "--check",
        CHECK,
        "--check",
        "grep -q strong node_modules/installed",
    ];
    world.alai(add).exits(0);
    let daemon = world.up();
    world.until("it is merged", |w| {
        (w.titles("main").len() > 2).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends();
    let report = world.json(["qa", "calibrate", "--json"]);
    assert_eq!(held(&report, "gate", None), &json!(false), "{report}");
}

#[test]
fn the_verifier_is_measured_on_the_same_samples_and_nothing_follows() {
    let ask = json!({"verdict": "probe", "summary": "", "rests_on": [], "findings": [], "criteria": [], "probes": [
        {"id": "p1", "why": "the task's own words", "command": CHECK, "path": null, "content": null, "expect": "succeeds"}
    ]});
    let pass = json!({"verdict": "pass", "summary": "It holds.", "rests_on": ["p1"], "findings": [], "probes": [],
        "criteria": [{"n": 1, "met": true, "path": "words.sh", "line": 1}]});
    let script = Script::good().with(
        json!({"kind": "verify", "step": "verify"}),
        &[
            json!({"json": ask}),
            json!({"json": pass}),
            json!({"json": pass}),
            json!({"json": pass}),
        ],
    );
    let world = merged(&script);
    let tasks = world.list().lines().count();
    let report = world.json(["qa", "calibrate", "--verifier", "--json"]);
    assert_eq!(held(&report, "scripted", None), &json!(false));
    // It tries what the task asks for, so that it sees what breaks that and nothing else.
    assert_eq!(
        held(&report, "scripted", Some("lost_line")),
        &json!(true),
        "{report}"
    );
    assert_eq!(
        held(&report, "scripted", Some("secret")),
        &json!(false),
        "{report}"
    );
    let rates = report["rates"].as_array().expect("rates");
    assert_eq!(rates.len(), 2, "gate and verifier");
    assert_eq!(rates[0]["planted"], rates[1]["planted"]);
    let list = world.list();
    let samples = report["samples"].as_array().map_or(0, Vec::len) / 2;
    assert_eq!(
        list.lines().count(),
        tasks + samples,
        "one task a sample, and none that follows: {list}"
    );
    assert!(!list.contains("Rework"), "{list}");
    // What is known to be a fault says nothing of everyday work.
    assert_eq!(
        world.json(["qa", "verifiers", "--json"])["verifiers"],
        json!([])
    );
    world.alai(["mc", "fsck"]).exits(0);
}

/// One that has no money, no time or no host holds nothing: it would have caught all faults by never answering.
#[test]
fn a_verifier_that_came_to_no_verdict_caught_nothing() {
    let world = merged(&Script::good());
    let settings = "[money]\npaid_hosts = [\"scripted\"]\n[money.prices.scripted]\ninput = 3.0\noutput = 15.0\n\
                    [verifier]\ndollars = 0.000001\n";
    let path = world.home().join("alai.toml");
    let old = std::fs::read_to_string(&path).expect("the settings");
    std::fs::write(&path, format!("{old}{settings}")).expect("the settings");
    let report = world.json(["qa", "calibrate", "--verifier", "--json"]);
    assert_eq!(held(&report, "scripted", None), &json!(null), "{report}");
    let [gate, verifier] = &report["rates"].as_array().expect("rates")[..] else {
        panic!("gate and verifier: {report}");
    };
    let none = json!({"judge": "scripted", "planted": 0, "caught": 0, "honest": 0, "false_holds": 0, "missed": {},
        "unjudged": {"over_budget": report["samples"].as_array().map_or(0, Vec::len) / 2}, "unasked": 0});
    assert_eq!(verifier, &none);
    assert_eq!(gate["unjudged"], json!({}), "{report}");
}

/// Nobody reads those answers any more, and each costs what it costs.
#[test]
fn what_a_killed_calibration_left_is_put_away_and_asks_nobody() {
    let ask = json!({"verdict": "probe", "summary": "", "rests_on": [], "findings": [], "criteria": [], "probes": [
        {"id": "p1", "why": "the task's own words", "command": CHECK, "path": null, "content": null, "expect": "succeeds"}
    ]});
    let script = Script::good().with(
        json!({"kind": "verify", "step": "verify"}),
        &[json!({"json": ask})],
    );
    let world = merged(&script);
    let mut command = world.command(["qa", "calibrate", "--verifier"]);
    command.env("ALAI_CRASH_AT", "verify.round");
    let killed = run(command);
    assert_eq!(killed.code, 128 + libc::SIGKILL, "{killed}");
    let samples = |world: &World| {
        let list = world.list();
        let of = list.lines().filter(|line| line.contains("Verification: "));
        of.map(str::to_owned).collect::<Vec<String>>()
    };
    let left = samples(&world);
    assert!(left.iter().any(|line| line.contains("[open]")), "{left:?}");
    let daemon = world.up();
    let all = samples(&world);
    assert!(
        all.len() > 5 && all.iter().all(|line| line.contains("[cancelled]")),
        "{all:?}"
    );
    world.alai(["down"]).exits(0);
    daemon.ends();
    world.alai(["mc", "fsck"]).exits(0);
}

/// What was learned before is not lost with what nobody could be asked about.
#[test]
fn samples_that_nobody_was_asked_about_are_named_beside_the_results_of_the_others() {
    let world = merged(&Script::good());
    // The home's only model is gone.
    let path = world.home().join("alai.toml");
    std::fs::write(&path, "").expect("the settings");
    let ran = world.alai(["qa", "calibrate", "--verifier", "--json"]);
    let ran = ran.exits(6).says("were asked about nowhere");
    let report = ran.json();
    assert_eq!(held(&report, "gate", None), &json!(false), "{report}");
    assert_eq!(
        held(&report, "gate", Some("secret")),
        &json!(true),
        "{report}"
    );
    let [gate, nobody] = &report["rates"].as_array().expect("rates")[..] else {
        panic!("gate and verifier: {report}");
    };
    let samples = report["samples"].as_array().expect("samples");
    assert_eq!(nobody["unasked"], samples.len() / 2, "{report}");
    assert_eq!(
        (&nobody["planted"], &gate["unasked"]),
        (&json!(0), &json!(0))
    );
    for sample in samples.iter().filter(|s| s["judge"] == "verifier") {
        let why = sample["why"].as_str().expect("words");
        assert!(
            sample["unasked"] == true && why.contains("cannot connect"),
            "{sample}"
        );
    }
    // And nothing of it waits for anybody.
    let list = world.list();
    assert!(
        !list.contains("[waiting]") && !list.contains("[open]"),
        "{list}"
    );
}

/// A change is held by the paths of the company that would build it, and not by the project's alone.
#[test]
fn a_sample_is_judged_by_the_rules_of_its_company() {
    let world = merged(&Script::good());
    let report = world.json(["qa", "calibrate", "--json"]);
    assert_eq!(held(&report, "gate", None), &json!(false), "{report}");
    let path = world.home().join("companies/CodeCraft/agents/builder.yaml");
    let text = std::fs::read_to_string(&path).expect("the builder");
    let git = "    - \".git/**\"\n";
    assert!(text.contains(git), "{text}");
    let text = text.replace(git, &format!("{git}    - \"words.sh\"\n"));
    std::fs::write(&path, text).expect("the builder");
    let report = world.json(["qa", "calibrate", "--json"]);
    assert_eq!(held(&report, "gate", None), &json!(true), "{report}");
    let samples = report["samples"].as_array().expect("samples");
    let honest = samples.iter().find(|s| s["fault"].is_null());
    let why = honest.map(|s| s["why"].to_string()).unwrap_or_default();
    assert!(why.contains("words.sh"), "{why}");
}

#[test]
fn without_a_merged_change_there_is_nothing_to_plant_into() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["qa", "calibrate"])
        .exits(3)
        .says("no change was merged here yet");
}
