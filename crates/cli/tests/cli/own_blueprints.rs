//! A company that works by a blueprint of its own: one that wants other inputs than ours, and one that cannot be used.

use serde_json::{Value, json};

use crate::pipeline::writes;
use crate::script::{Script, TITLE};
use crate::world::World;

/// Every company of this home walks this blueprint.
fn own_blueprint(world: &World, text: &str) {
    std::fs::write(world.home().join("blueprints/minion-own.yaml"), text).expect("written");
    let companies = std::fs::read_dir(world.home().join("companies")).expect("companies");
    let mut changed = 0;
    for company in companies.flatten() {
        let path = company.path().join("config.json");
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let mut config: Value = serde_json::from_str(&text).expect("JSON");
        if config["blueprints"]["build"] == "minion-one-shot" {
            config["blueprints"]["build"] = json!("minion-own");
            std::fs::write(&path, config.to_string()).expect("written");
            changed += 1;
        }
    }
    assert!(changed > 0, "some company builds");
}

/// A blueprint of one's own that names its test command itself has no input for it.
#[test]
fn a_blueprint_that_wants_no_test_command_is_walked() {
    let world = World::scripted("auto", &Script::good());
    let own = "version: 1\nname: minion-own\ndescription: Our own way.\nextends: minion-one-shot\n\
               inputs:\n  test_command: null\nsteps:\n  - id: build\n    with:\n      check: sh test.sh\n\
               \u{20} - id: test\n    run: sh test.sh\n";
    own_blueprint(&world, own);
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    let run = world.task(1)["runs"][0]["id"]
        .as_str()
        .expect("a run")
        .to_owned();
    let page = world.json(["minion", "show", &run, "--json"]);
    assert_eq!(page["summary"]["blueprint"], "minion-own");
}

/// The same for a path of its own that its tasks may not write, which only a run sees: no agent can mend it.
#[test]
fn a_scaffold_outside_of_what_its_tasks_may_write_waits_for_a_person_with_its_place() {
    let world = World::scripted("auto", &Script::good());
    let own = "version: 1\nname: minion-own\nextends: minion-one-shot\nsteps:\n\
               \u{20} - id: analyze\n\u{20} - id: make\n    uses: scaffold\n    with:\n      files: {notes/new.md: x}\n";
    own_blueprint(&world, own);
    world
        .alai([
            "project", "set", "tiny", "--allow", "words.sh", "--allow", "tests",
        ])
        .exits(0);
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(6);
    world
        .alai(["why", "1"])
        .exits(0)
        .says("box_refused")
        .says("minion-own:6:5")
        .says("notes/new.md")
        .says("alai mc retry 1");
    let task = world.task(1);
    assert_eq!(task["runs"].as_array().map(Vec::len), Some(1), "{task}");
    assert_eq!(task["view"]["task"]["counters"]["qa_retries"], 0, "{task}");
}

/// A patch is read with its blueprint, by whoever loads the home.
#[test]
fn a_patch_that_is_none_is_named_with_its_line_when_packs_are_read() {
    let world = World::with_project("auto");
    let own = "version: 1\nname: minion-own\nsteps:\n\u{20} - id: make\n    uses: scaffold\n    with:\n      patch: |\n\
               \u{20}       *** Begin Patch\n        *** Update File: words.sh\n        @@\n        what is this\n        *** End Patch\n";
    std::fs::write(world.home().join("blueprints/minion-own.yaml"), own).expect("written");
    let says = "minion-own.yaml:11:9: this patch cannot be read: `what is this`";
    world.alai(["blueprint", "list"]).exits(0).says(says);
    world.alai(["blueprint", "validate"]).exits(5);
}

/// Three agents would find the same mistake in it: a person is asked at once, before any model is.
#[test]
fn a_blueprint_that_cannot_be_used_waits_for_a_person_with_the_fix() {
    let world = World::scripted("auto", &Script::good());
    let own = "version: 1\nname: minion-own\ndescription: Our own way.\nextends: minion-one-shot\n\
               inputs:\n  region:\n    required: true\n";
    own_blueprint(&world, own);
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(6);
    world
        .alai(["why", "1"])
        .exits(0)
        .says("blueprint `minion-own` needs the input `region`")
        .says("alai mc retry 1")
        .says("box_refused");
    let spend = &world.json(["status", "--json"])["queue"]["spend"];
    assert_eq!(spend["calls"], 0, "no model was asked");
    assert_eq!(world.task(1)["runs"].as_array().map(Vec::len), Some(1));
}

/// The same name in the company and in the home: the company walks its own, and every other company the home's.
#[test]
fn a_company_s_blueprint_comes_before_the_home_s_of_the_same_name() {
    let world = World::scripted("auto", &Script::good());
    let text = |says: &str| {
        format!(
            "version: 1\nname: minion-own\nextends: minion-one-shot\nsteps:\n\u{20} - id: {says}\n    run: echo {says}\n"
        )
    };
    own_blueprint(&world, &text("of-home"));
    let own = world.home().join("companies/CodeCraft/blueprints");
    std::fs::create_dir_all(&own).expect("made");
    std::fs::write(own.join("minion-own.yaml"), text("of-company")).expect("written");
    for (task, company, walked, source) in [
        (1, "CodeCraft", "of-company", "company"),
        (2, "Vizu", "of-home", "home"),
    ] {
        let run = [
            "minion",
            "run",
            TITLE,
            "--project",
            "tiny",
            "--company",
            company,
        ];
        world.alai(run).exits(0);
        let explained = world.json(["explain", &task.to_string(), "--json"]);
        assert_eq!(
            explained["blueprint"]["chain"][0]["source"], source,
            "{explained}"
        );
        let run = world.task(task)["runs"][0]["id"]
            .as_str()
            .expect("a run")
            .to_owned();
        let path = world.home().join("runs").join(run).join("trajectory.jsonl");
        let text = std::fs::read_to_string(path).expect("a trajectory");
        let steps: Vec<String> = { text.lines() }
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .filter(|line| line["type"] == "step")
            .map(|line| line["step"].as_str().expect("a name").to_owned())
            .collect();
        let ours: Vec<&String> = steps
            .iter()
            .filter(|step| step.starts_with("of-"))
            .collect();
        assert_eq!(ours, [walked], "{company}: {steps:?}");
    }
}

/// What a blueprint asks for follows the merge, and stands on the task from the begin of its line.
#[test]
fn a_blueprint_that_asks_for_documents_gets_them_and_none_can_ask_for_its_own_judge() {
    let script = writes(Script::good(), "docs", "docs/initials.md");
    let world = World::scripted("auto", &script);
    let own = |asks: &str| {
        format!("version: 1\nname: minion-own\nextends: minion-one-shot\nasks_for: {asks}\n")
    };
    own_blueprint(&world, &own("[docs]"));
    let show = ["blueprint", "show", "minion-own"];
    world.alai(show).exits(0).says("asks_for: [docs]");
    let shown = world.json(show.iter().chain(&["--resolved", "--json"]));
    assert_eq!(shown["resolved"]["asks_for"], json!(["docs"]), "{shown}");
    let shown = world.alai(show.iter().chain(&["--resolved"])).exits(0);
    shown.says("asks_for:");
    let add = ["mc", "add", TITLE, "--project", "tiny", "--hold"];
    world.alai(add).exits(0);
    assert_eq!(world.task(1)["view"]["task"]["tags"], json!([]));
    world.alai(["mc", "resume", "1"]).exits(0);
    let daemon = world.up();
    world.until("its documentation is merged", |w| {
        let list = w.list();
        let docs = list.lines().find(|line| line.contains("[DOCS]"))?;
        assert!(
            docs.contains(&format!("[DOCS] Documentation: {TITLE}")),
            "{docs}"
        );
        let id = docs
            .split(' ')
            .next()?
            .trim_start_matches('#')
            .parse()
            .ok()?;
        w.task(id)["view"]["task"]["integrated"]
            .is_string()
            .then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    let task = world.task(1);
    assert_eq!(task["view"]["task"]["tags"], json!(["docs"]), "{task}");
    let said = "the blueprint minion-own asks for docs";
    assert_eq!(
        task["history"].to_string().matches(said).count(),
        1,
        "{task}"
    );
    let list = world.list();
    assert!(!list.contains("[OPS]"), "nobody asked for it: {list}");
    world.alai(["mc", "fsck"]).exits(0);
    // Whoever builds does not choose who judges it.
    std::fs::write(
        world.home().join("blueprints/minion-own.yaml"),
        own("[docs, review]"),
    )
    .expect("written");
    world
        .alai(["blueprint", "validate", "minion-own"])
        .exits(5)
        .says("minion-own:4:18: a blueprint cannot ask for `review`; known are `ops`, `docs`");
}
