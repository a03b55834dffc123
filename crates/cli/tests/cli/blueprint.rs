//! Blueprints as a person sees them: listed, shown, checked, drawn, and walked dry.

use insta::assert_snapshot;
use serde_json::Value;

use crate::script::{Script, TITLE};
use crate::world::World;

const OWN: &str = "version: 1\nname: own-way\nextends: minion-one-shot\ndescription: Our way.\ninputs:\n  \
                   target: {type: string, default: all}\nexample: {test_command: make test}\nsteps:\n  - id: smoke\n    \
                   run: make ${{ inputs.target }}\n    retry: {step: build, max_attempts: 2}\n";

fn with_own() -> World {
    let world = World::with_home();
    std::fs::write(world.home().join("blueprints/own-way.yaml"), OWN).expect("written");
    world
}

#[test]
fn blueprints_are_listed_with_their_source() {
    let world = with_own();
    let out = world.alai(["blueprint", "list"]).exits(0).out;
    let own = out.lines().find(|line| line.starts_with("own-way"));
    assert_snapshot!(own.expect("it is listed"), @"own-way                        home         Our way. (extends minion-one-shot)");
    let of = |company: &[&str]| -> Vec<String> {
        let args = [&["blueprint", "list", "--json"], company].concat();
        let listed = world.json(args)["blueprints"].clone();
        let names = listed.as_array().expect("a list").iter();
        names
            .map(|line| format!("{} {}", line["name"], line["source"]))
            .collect()
    };
    let audit = "\"securion-security-review\" \"company\"".to_owned();
    assert!(of(&["--company", "Securion"]).contains(&audit));
    assert!(
        !of(&["--company", "CodeCraft"]).contains(&audit),
        "another's own is none of its"
    );
    assert!(of(&[]).contains(&audit));
    world
        .alai(["blueprint", "list", "--company", "Nobody"])
        .exits(3);
}

#[test]
fn a_blueprint_is_shown_as_its_file_and_as_a_run_walks_it() {
    let world = with_own();
    let text = world.alai(["blueprint", "show", "own-way"]).exits(0).out;
    assert_eq!(text, OWN);
    let shown = world
        .alai(["blueprint", "show", "own-way", "--resolved"])
        .exits(0);
    shown
        .says("<test_command>")
        .says("the input `test_command` is only known to a run");
    let whole = world.json(["blueprint", "show", "own-way", "--resolved", "--json"]);
    let steps = whole["resolved"]["steps"].as_array().expect("steps");
    let ids: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["id"].as_str())
        .collect();
    assert!(ids.contains(&"build") && ids.contains(&"smoke"), "{ids:?}");
    assert_snapshot!(world.alai(["blueprint", "show", "own-wya"]).exits(3).err, @r##"
    error: no blueprint is called `own-wya` (asked for); did you mean `own-way`?
    hint: `alai blueprint list` shows the blueprints
    "##);
}

/// Each shipped blueprint prints its plan, and nothing is started for it.
#[test]
fn every_blueprint_can_be_walked_dry() {
    let world = with_own();
    assert_snapshot!(world.alai(["blueprint", "run", "own-way", "--dry-run"]).exits(0).out, @r##"
    dry run of own-way: nothing is started
    Our way.
    input     guidance = 
    input     target = all
    input     test_command = make test
    steps     6, at most 14 walked
     1  analyze  context
          timeout: 120 s
     2  plan     ask
          prompt: 420 bytes
          timeout: 300 s
     3  build    agent
          command: make test
          tools: read, search, edit, write, run, done
          prompt: 360 bytes
          turns: at most 40
          timeout: 1200 s
     4  test     run
          command: make test
          red: back to build, at most 2 times
          timeout: 1200 s
     5  report   report
          timeout: 120 s
     6  smoke    run
          command: make all
          red: back to build, at most once
          timeout: 1200 s
    "##);
    let listed = world.json(["blueprint", "list", "--json"]);
    for line in listed["blueprints"].as_array().expect("a list") {
        let name = line["name"].as_str().expect("a name");
        let mut args = vec!["blueprint", "run", name, "--dry-run", "--json"];
        if let Some(company) = line["company"].as_str() {
            args.extend(["--company", company]);
        }
        let dry = world.json(&args);
        assert_eq!(dry["mode"], "dry");
        let steps = dry["plan"]["steps"].as_array().expect("steps");
        assert!(!steps.is_empty(), "{name}");
        assert!(steps.iter().all(|step| step["kind"].is_string()), "{dry}");
        let mut args = vec!["blueprint", "graph", name];
        if let Some(company) = line["company"].as_str() {
            args.extend(["--company", company]);
        }
        let graph = world.alai(&args).exits(0).out;
        assert!(
            graph.starts_with("flowchart TD\n"),
            "the graph of {name}: {graph}"
        );
    }
    assert_eq!(
        world.json(["mc", "stats", "--json"])["tasks"],
        Value::Object(Default::default())
    );
}

#[test]
fn inputs_and_the_project_fill_the_plan() {
    let world = World::with_project("auto");
    std::fs::write(world.home().join("blueprints/own-way.yaml"), OWN).expect("written");
    let command = |more: &[&str], id: &str| {
        let args = [
            &["blueprint", "run", "own-way", "--dry-run", "--json"],
            more,
        ]
        .concat();
        let dry = world.json(args);
        let steps = dry["plan"]["steps"].as_array().expect("steps").clone();
        let step = steps
            .into_iter()
            .find(|step| step["id"] == id)
            .expect("the step");
        step["command"].as_str().expect("a command").to_owned()
    };
    assert_eq!(command(&[], "test"), "make test", "the example's");
    assert_eq!(
        command(&["--project", "tiny"], "test"),
        crate::world::TEST,
        "the project's"
    );
    // A run refuses what is said for one task in a command, and so does this: an input of another place is filled in.
    let dry = ["blueprint", "run", "own-way", "--dry-run", "--input"];
    for (input, said) in [
        ("test_command=true", "test_command"),
        ("target=docs", "target"),
    ] {
        let plan = [
            "blueprint",
            "run",
            "own-way",
            TITLE,
            "--project",
            "tiny",
            "--input",
            input,
        ];
        let refused = world.alai(plan).exits(2).err;
        let told = world.alai(dry.iter().chain(&[input])).exits(2).err;
        let why = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        assert!(
            why(&told).contains(said) && why(&told).contains("command"),
            "{told}"
        );
        let problem = why(&told).trim_start_matches("error: ").to_owned();
        assert!(refused.contains(&problem), "{refused} and {told}");
    }
    let given = world
        .alai(dry.iter().chain(&["guidance=Keep it small."]))
        .exits(0);
    assert!(given.out.contains("guidance = Keep it small."), "{given}");
    let wrong = ["blueprint", "run", "own-way", "--dry-run", "--input"];
    world
        .alai(wrong.iter().chain(&["tarket=x"]))
        .exits(2)
        .says("did you mean `target`?");
    world
        .alai(wrong.iter().chain(&["target"]))
        .exits(2)
        .says("NAME=VALUE");
    world
        .alai([
            "blueprint",
            "run",
            "own-way",
            "--dry-run",
            "--project",
            "nowhere",
        ])
        .exits(3);
    world.alai(["blueprint", "run", "own-way"]).exits(2);
}

/// Without --dry-run it is a minion's run.
#[test]
fn a_blueprint_runs_for_a_task() {
    let world = World::scripted("auto", &Script::good());
    let ran = world.json([
        "blueprint",
        "run",
        "minion-one-shot",
        TITLE,
        "--project",
        "tiny",
        "--json",
    ]);
    assert_eq!(
        (&ran["state"], &ran["mode"]),
        (&"done".into(), &"simulated".into()),
        "{ran}"
    );
}

#[test]
fn a_blueprint_is_drawn() {
    let world = with_own();
    let mermaid = world.alai(["blueprint", "graph", "own-way"]).exits(0).out;
    assert!(
        mermaid.starts_with("flowchart TD\n") && mermaid.contains("smoke"),
        "{mermaid}"
    );
    let dot = world
        .alai(["blueprint", "graph", "own-way", "--format", "dot"])
        .exits(0)
        .out;
    assert!(
        dot.starts_with("digraph \"own-way\" {\n") && dot.ends_with("}\n"),
        "{dot}"
    );
    world.alai(["blueprint", "graph", "nothing"]).exits(3);
}

#[test]
fn validate_names_what_is_wrong_with_line_and_column() {
    let world = with_own();
    world.alai(["blueprint", "validate"]).exits(0);
    world
        .alai([
            "blueprint",
            "validate",
            "own-way",
            "securion-security-review",
        ])
        .exits(0);
    world.alai(["blueprint", "validate", "nothing"]).exits(3);
    world
        .alai(["blueprint", "validate", "nothing.yaml"])
        .exits(3);
    std::fs::write(
        world.home().join("blueprints/typo.yaml"),
        OWN.replace("own-way", "typo").replace("run:", "rnu:"),
    )
    .expect("written");
    std::fs::write(
        world.home().join("blueprints/lost.yaml"),
        OWN.replace("own-way", "lost")
            .replace("minion-one-shot", "minion-one-shto"),
    )
    .expect("written");
    let ran = world.alai(["blueprint", "validate"]).exits(5);
    let of = |name: &str| {
        let mut lines = ran.out.lines().skip_while(|line| !line.starts_with(name));
        (lines.next(), lines.next())
            .1
            .unwrap_or_default()
            .to_owned()
    };
    assert_snapshot!(format!("{}\n{}", of("typo"), of("lost")), @r##"
    typo:10:5: unknown key `rnu`; did you mean `run`?
    no blueprint is called `minion-one-shto` (`lost` extends it at lost:3:10); did you mean `minion-one-shot`?
    "##);
    std::fs::rename(
        world.home().join("blueprints/typo.yaml"),
        world.path("typo.yaml"),
    )
    .expect("moved");
    world
        .alai(["blueprint", "validate", "typo.yaml"])
        .exits(5)
        .says("typo.yaml:10:5");
    // A home whose blueprint is broken says so, and how to learn more.
    world.alai(["blueprint", "list"]).exits(0);
    std::fs::write(world.home().join("blueprints/typo.yaml"), "version: 1\n").expect("written");
    world
        .alai(["blueprint", "list"])
        .exits(0)
        .says("typo.yaml cannot be used")
        .says("alai blueprint validate");
}

#[test]
fn skills_are_checked_by_the_rules_of_their_format() {
    let world = World::with_home();
    world.alai(["skill", "validate"]).exits(0);
    let write = |folder: &str, text: &str| {
        let dir = world.path("skills").join(folder);
        std::fs::create_dir_all(&dir).expect("made");
        std::fs::write(dir.join("SKILL.md"), text).expect("written");
    };
    write(
        "good",
        "---\nname: good\ndescription: What it does, and when.\n---\nText.\n",
    );
    world.alai(["skill", "validate", "skills/good"]).exits(0);
    write("Loud", "---\nname: Loud\ndescription: x\n---\nText.\n");
    write("bare", "Text.\n");
    let found = world
        .alai(["skill", "validate", "skills", "--json"])
        .exits(5)
        .json();
    let wrong: Vec<usize> = found["checked"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| c["problems"].as_array().expect("problems").len())
        .collect();
    assert_eq!(wrong, [1, 1, 0], "{found}");
    world.alai(["skill", "validate", "nowhere"]).exits(3);
}

#[test]
fn schemas_are_printed() {
    let world = World::without_home();
    let listed = world.alai(["schema"]).exits(0).out;
    for name in listed.lines() {
        let schema = world.alai(["schema", name]).exits(0).json();
        assert_eq!(
            schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
            "{name}"
        );
    }
    for name in ["agent", "blueprint", "company", "config", "mcp"] {
        assert!(
            listed.lines().any(|line| line == name),
            "{name} in {listed}"
        );
    }
    world
        .alai(["schema", "nothing"])
        .exits(3)
        .says("alai schema");
}
