//! `alai explain`: what a task goes by, with whose word each part is; the same in another home; what a run began with.

use std::path::Path;

use alai_testkit::ollama::{Behaviour, OllamaTwin};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::script::{Script, TITLE};
use crate::wire::good;
use crate::world::World;

fn edit_json(path: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(path).expect("a file");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut value);
    std::fs::write(path, value.to_string()).expect("written");
}

fn enqueue(world: &World, more: &[&str]) {
    let args = ["minion", "enqueue", TITLE, "--project", "tiny"];
    world.alai(args.iter().chain(more)).exits(0);
}

fn explained(world: &World, of: &str) -> Value {
    world.json(["explain", of, "--json"])
}

fn input<'v>(basis: &'v Value, name: &str) -> &'v Value {
    let inputs = basis["blueprint"]["inputs"].as_array().expect("a list");
    let found = inputs.iter().find(|input| input["name"] == name);
    found.unwrap_or_else(|| panic!("no input {name} in {basis}"))
}

#[test]
fn a_task_says_what_it_goes_by() {
    let world = World::with_project("auto");
    enqueue(&world, &["--check", "sh words.sh"]);
    let out = world.alai(["explain", "1"]).exits(0).out;
    // The shipped skills, the checks and the globs of tests are told elsewhere.
    let (mut lines, mut word) = (Vec::new(), String::new());
    for line in out.lines() {
        let first = line.get(..9).unwrap_or(line).trim();
        if !first.is_empty() {
            first.clone_into(&mut word);
        }
        let is_check =
            word == "gate" && line.trim_start().starts_with(|c: char| c.is_ascii_digit());
        if word != "skill" && !is_check {
            lines.push(line);
        }
    }
    assert!(lines.len() < out.lines().count(), "{out}");
    assert_snapshot!(world.redact(&lines.join("\n")), @r##"
    task      #1 Add initials (build, tiny)
    company   CodeCraft 1.0.0 of home (default, companies/CodeCraft/company.json)
                CodeCraft: the default of stage build: no word speaks for anybody
                else AgentForge: 0 points
    role      builder
    model     tier 2 for build (tier, companies/CodeCraft/config.json)
                tier 2: the agent's own tier in CodeCraft, for build
                complexity 2, domain code, type feature (by keyword, 20% sure)
                domain code: no word of another domain
                type feature: nothing says otherwise
                complexity 2: nothing unusual
                which one is there, a daemon knows (`alai up`)
    blueprint minion-one-shot: CodeCraft walks it at stage build (company)
                is minion-one-shot of home (blueprints/minion-one-shot.yaml)
    input     guidance = "" (default, blueprints/minion-one-shot.yaml)
              test_command = sh test.sh (project)
    step       1 analyze: context
               2 plan: ask
               3 build: agent; $ sh test.sh; tools read search edit write run done
               4 test: run; $ sh test.sh; red: back to build, at most 2 times
               5 report: report
              at most 9 are walked
    writes    in the clone: ** (company, companies/CodeCraft/agents/builder.yaml)
    never     .git/** .alai/** .github/** (company, companies/CodeCraft/agents/builder.yaml)
    locked    yes (company, companies/CodeCraft/agents/builder.yaml)
    tools     read search edit write run done (company, companies/CodeCraft/agents/builder.yaml)
    mcp       lead may ask: nobody
              builder may ask: nobody
              reviewer may ask: nobody
    limit     turns 80 (default)
              tokens 1500000 (default)
              seconds 2700 (default)
              command_seconds 600 (default)
              bytes 8388608 (default)
              microusd 3000000 (default)
              run_minutes 360 (default)
              idle_minutes 110 (default)
    gate      qa-19: 15 of 19 at least, with all that are mandatory, where 12 apply
                tests: sh test.sh (project)
                of the task: sh words.sh
    network   of the agent: its own loopback alone
    "##);
    assert_eq!(explained(&world, "1")["schema_version"], 1);
    assert_eq!(explained(&world, "#1")["run"], Value::Null);
    world.alai(["explain", "2"]).exits(3).says("#2");
    world
        .alai(["explain", "0192aaaa"])
        .exits(3)
        .says("is no run");
}

/// Every part has the source that it has: a person's pin, the company's pack, the home, the binary, the agent's tier.
#[test]
fn each_source_is_named() {
    let world = World::with_project("auto");
    let (home, company) = (world.home(), world.home().join("companies/CodeCraft"));
    enqueue(&world, &[]);
    let usual = explained(&world, "1");
    assert_eq!(usual["company"]["from"], "default", "{usual}");
    assert_eq!(usual["company"]["source"], "home", "{usual}");
    assert_eq!(usual["model"]["from"], "tier");
    assert_eq!(usual["model"]["asked"], "tier 2");
    assert_eq!(usual["blueprint"]["from"], "company");
    assert_eq!(usual["blueprint"]["chain"][0]["source"], "home");
    assert_eq!(
        usual["blueprint"]["chain"][0]["file"],
        "blueprints/minion-one-shot.yaml"
    );
    assert_eq!(input(&usual, "test_command")["from"], "project");
    assert_eq!(input(&usual, "guidance")["from"], "default");
    assert_eq!(usual["paths"]["allowed"]["from"], "company");
    assert_eq!(
        usual["tools"]["file"],
        "companies/CodeCraft/agents/builder.yaml"
    );

    // A person's word for this one task.
    let pins = [
        "--company",
        "Vizu",
        "--model",
        "4",
        "--blueprint",
        "minion-bugfix",
    ];
    enqueue(&world, &pins);
    let pinned = explained(&world, "2");
    for part in ["company", "model", "blueprint"] {
        assert_eq!(pinned[part]["from"], "pin", "{part}: {pinned}");
    }
    assert_eq!(pinned["company"]["name"], "Vizu");
    assert_eq!(pinned["model"]["asked"], "tier 4");
    assert_eq!(pinned["blueprint"]["chain"][1]["name"], "minion-one-shot");

    // The company's pack: its blueprint, its inputs, its override.
    let own = "version: 1\nname: own-way\nextends: minion-one-shot\nsteps:\n  - id: smoke\n    run: sh words.sh\n";
    std::fs::create_dir_all(company.join("blueprints")).expect("made");
    std::fs::write(company.join("blueprints/own-way.yaml"), own).expect("written");
    edit_json(&company.join("config.json"), |config| {
        config["blueprints"]["build"] = json!("own-way");
        config["blueprint_inputs"] = json!({"guidance": "Keep it small."});
        config["tier_overrides"]["build"] = json!(3);
    });
    let packed = explained(&world, "1");
    assert_eq!(packed["model"]["from"], "company", "{packed}");
    assert_eq!(packed["model"]["file"], "companies/CodeCraft/config.json");
    let chain = packed["blueprint"]["chain"].as_array().expect("a list");
    assert_eq!(chain[0]["source"], "company");
    assert_eq!(
        chain[0]["file"],
        "companies/CodeCraft/blueprints/own-way.yaml"
    );
    assert_eq!(chain[1]["name"], "minion-one-shot");
    assert_eq!(input(&packed, "guidance")["from"], "company");
    assert_eq!(input(&packed, "guidance")["value"], "Keep it small.");

    // The binary, where the home has none.
    std::fs::remove_file(home.join("blueprints/minion-one-shot.yaml")).expect("it was there");
    std::fs::remove_dir_all(home.join("companies/Vizu")).expect("it was there");
    let shipped = explained(&world, "2");
    assert_eq!(shipped["company"]["source"], "shipped", "{shipped}");
    assert_eq!(shipped["company"]["file"], Value::Null);
    assert_eq!(shipped["blueprint"]["chain"][1]["source"], "shipped");
    assert_eq!(shipped["blueprint"]["chain"][0]["source"], "home");

    // A person's word for the project stands over the company's paths.
    world
        .alai(["project", "set", "tiny", "--allow", "words.sh"])
        .exits(0);
    let narrowed = explained(&world, "1");
    assert_eq!(narrowed["paths"]["allowed"]["from"], "project");
    assert_eq!(narrowed["paths"]["allowed"]["value"], json!(["words.sh"]));
    let settings = "[limits.agent]\nturns = 7\n";
    std::fs::write(home.join("alai.toml"), settings).expect("written");
    let limits = explained(&world, "1")["limits"].clone();
    let turns = limits.as_array().and_then(|all| all.first()).cloned();
    assert_eq!(
        turns,
        Some(json!({"name": "turns", "value": 7, "from": "settings"}))
    );
}

/// A company that was taken from one factory into another goes to work by the same there.
#[test]
fn the_same_pack_explains_the_same_in_another_home() {
    let world = World::with_project("auto");
    let company = world.home().join("companies/CodeCraft");
    let own = "version: 1\nname: own-way\nextends: minion-one-shot\nsteps:\n  - id: smoke\n    run: sh words.sh\n";
    std::fs::create_dir_all(company.join("blueprints")).expect("made");
    std::fs::write(company.join("blueprints/own-way.yaml"), own).expect("written");
    edit_json(&company.join("company.json"), |card| {
        card["version"] = json!("7.1.0");
    });
    edit_json(&company.join("config.json"), |config| {
        config["blueprints"]["build"] = json!("own-way");
        config["blueprint_inputs"] = json!({"guidance": "Keep it small."});
    });
    world
        .alai(["company", "export", "CodeCraft", "pack.tar.gz"])
        .exits(0);
    enqueue(&world, &[]);
    let here = explained(&world, "1");

    let home = world.path("other").display().to_string();
    let other = |args: &[&str]| world.alai([&["--home", &home], args].concat());
    other(&["init"]).exits(0);
    let import = [
        "company",
        "import",
        "pack.tar.gz",
        "--yes",
        "--allow-commands",
    ];
    other(&import).exits(0);
    let project = ["project", "add", "tiny", "--test", crate::world::TEST];
    other(&project).exits(0);
    other(&["minion", "enqueue", TITLE, "--project", "tiny"]).exits(0);
    let there = other(&["explain", "1", "--json"]).exits(0).json();
    assert_eq!(here, there);
    assert_eq!(there["company"]["version"], "7.1.0");
    let text = there.to_string();
    for place in [&home, &world.home().display().to_string()] {
        assert!(!text.contains(place.as_str()), "{place} stands in {text}");
    }
}

/// What a run began with stays, and what was changed since is said in words.
#[test]
fn a_run_says_what_it_began_with() {
    let world = World::scripted("auto", &Script::good());
    let pinned = ["--company", "CodeCraft"];
    let args = ["minion", "run", TITLE, "--project", "tiny"];
    world.alai(args.iter().chain(&pinned)).exits(0);
    let run = explained(&world, "1")["run"].clone();
    assert_eq!(run["company"], "CodeCraft", "{run}");
    assert_eq!(run["version"], "1.0.0");
    assert_eq!(run["model"], "scripted");
    assert_eq!(run["differs"], json!([]));
    world
        .alai(["explain", "1"])
        .exits(0)
        .says("nothing: the packs of today are those that it began with");
    let name = run["run"].as_str().expect("a name").to_owned();
    let short = &name[name.len() - 12..];
    let by_run = explained(&world, &name);
    assert_eq!(by_run["run"], run);
    assert_eq!(by_run["task"], 1);
    if short.starts_with('0') || short.chars().any(|c| c.is_ascii_alphabetic()) {
        assert_eq!(explained(&world, short)["run"], run);
    }

    edit_json(
        &world.home().join("companies/CodeCraft/company.json"),
        |card| card["version"] = json!("1.1.0"),
    );
    let blueprint = world.home().join("blueprints/minion-docs.yaml");
    let text = std::fs::read_to_string(&blueprint).expect("it is there");
    std::fs::write(&blueprint, format!("{text}# ours\n")).expect("written");
    let changed = explained(&world, "1");
    assert_eq!(changed["run"]["version"], "1.0.0");
    assert_eq!(changed["company"]["version"], "1.1.0");
    world
        .alai(["explain", "1"])
        .exits(0)
        .says("the pack of CodeCraft was 1.0.0, and is 1.1.0 now")
        .says("the home's blueprints were changed since");
}

/// A daemon answers by the packs in force, and knows the models that are there.
#[test]
fn a_daemon_names_the_models_that_are_there() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    world
        .alai(["mc", "add", TITLE, "--project", "tiny", "--hold"])
        .exits(0);
    assert_eq!(explained(&world, "1")["model"]["candidates"], Value::Null);
    let daemon = world.up();
    let basis = explained(&world, "1");
    let found = basis["model"]["candidates"].as_array().expect("a list");
    assert!(!found.is_empty(), "{basis}");
    // What cannot be read changes nothing: the packs in force are told of.
    let config = world.home().join("companies/CodeCraft/config.json");
    let text = std::fs::read_to_string(&config).expect("it is there");
    std::fs::write(&config, text.replacen("\"agents\"", "\"agnets\"", 1)).expect("written");
    assert_eq!(explained(&world, "1")["company"], basis["company"]);
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["explain", "1"]).exits(4).says("agnets");
}
