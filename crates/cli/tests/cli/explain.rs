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
    let here = world.alai(["explain", "1", "--json"]).exits(0).out;

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
    let explained = other(&["explain", "1", "--json"]).exits(0);
    assert_eq!(here, explained.out, "byte for byte");
    let there = explained.json();
    assert_eq!(there["company"]["version"], "7.1.0");
    for place in [&home, &world.home().display().to_string()] {
        assert!(!here.contains(place.as_str()), "{place} stands in {here}");
    }
    // Nothing of it is left out because it differs.
    for part in [
        "model",
        "blueprint",
        "paths",
        "tools",
        "skills",
        "mcp",
        "limits",
    ] {
        assert!(!there[part].is_null(), "{part}: {here}");
    }
    assert_eq!(input(&there, "guidance")["value"], "Keep it small.");
    assert_eq!(there["blueprint"]["name"], "own-way", "{here}");
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
    // Its company is closed for it, and nobody stands in.
    let explained = world.alai(["explain", "1"]).exits(0).out;
    for says in ["company   CodeCraft", "cannot be used", "agnets"] {
        assert!(explained.contains(says), "{explained}");
    }
}

fn write(world: &World, file: &str, text: &str) {
    let path = world.home().join(file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn skill(world: &World, folder: &str, name: &str) {
    let text = format!("---\nname: {name}\ndescription: How it is done.\n---\nSo.\n");
    write(world, &format!("{folder}/{name}/SKILL.md"), &text);
}

/// A world whose builder has skills of every level, and servers of the home and of its company.
fn equipped() -> World {
    let world = World::with_project("auto");
    skill(&world, "companies/CodeCraft/skills", "own-way");
    skill(&world, "companies/CodeCraft/skills", "both");
    skill(&world, "companies/Vizu/skills", "vizus");
    skill(&world, "companies/Vizu/skills", "both");
    skill(&world, "skills", "of-home");
    skill(&world, "skills", "both");
    let home = json!({"mcpServers": {
        "files": {"command": "mcp-files", "args": ["/repo"]},
        "tickets": {"command": "tickets", "env": {"TOKEN": "${MY_TOKEN}"}},
        "gone": {"command": "gone"}}});
    write(&world, "mcp.json", &home.to_string());
    let own = json!({"add": {"own.server": {"command": "own"}, "wiki": {"command": "wiki"}},
        "override": {"files": {"args": ["/repo/src"]}}, "remove": ["gone"]});
    write(
        &world,
        "companies/CodeCraft/config/mcp.json",
        &own.to_string(),
    );
    let tools = json!({"builder": {"mcp": ["files/read", "wiki", "own.server"]}, "reviewer": {"mcp": ["tickets"]}});
    write(
        &world,
        "companies/CodeCraft/config/tools.json",
        &tools.to_string(),
    );
    enqueue(&world, &["--company", "CodeCraft"]);
    world
}

fn explained_for(world: &World, company: &str) -> Value {
    let mut command = world.command(["explain", "1", "--json"]);
    command.env("ALAI_COMPANY", company);
    crate::world::run(command).exits(0).json()
}

#[test]
fn skills_and_servers_are_told_by_source() {
    let world = equipped();
    let basis = explained_for(&world, "Vizu");
    let of = |name: &str| {
        let all = basis["skills"]["all"].as_array().expect("a list");
        let found = all.iter().find(|skill| skill["name"] == name);
        found
            .unwrap_or_else(|| panic!("no skill {name} in {basis}"))
            .clone()
    };
    for (name, from) in [
        ("own-way", "the company CodeCraft"),
        ("both", "the company CodeCraft"),
        ("vizus", "the company Vizu (ALAI_COMPANY)"),
        ("of-home", "the home"),
        ("finding-the-cause", "shipped"),
    ] {
        assert_eq!(of(name)["from"], from, "{name}");
    }
    let both = of("both");
    let chain: Vec<bool> = { both["chain"].as_array().expect("a list").iter() }
        .map(|looked| looked["has_it"] == true)
        .collect();
    assert_eq!(
        chain,
        [true, true, true, false],
        "company, environment, home, shipped"
    );
    let said = world.alai(["explain", "1"]).exits(0);
    said.says("both of the company CodeCraft; shadows that of the home")
        .says("mcp       files")
        .says("args     /repo/src (company)")
        .says("command  mcp-files (home)")
        .says("command  wiki (company)")
        .says("gone: removed by the company")
        .says(
            "builder may ask: files (read); own.server (all of its tools); wiki (all of its tools)",
        )
        .says("reviewer may ask: tickets (all of its tools)");
    assert_eq!(
        basis["agents"],
        json!([]),
        "no agent of others is in the settings"
    );
    assert!(!basis.to_string().contains("MY_TOKEN=") && basis.to_string().contains("${MY_TOKEN}"));
}

#[test]
fn an_agent_of_others_is_told_with_what_it_has_and_what_it_has_not() {
    let world = equipped();
    let agents = "[[fleet.agents]]\nname = \"pro\"\nengine = \"claude-cli\"\ntiers = [2, 3]\n\
                  [[fleet.agents]]\nname = \"other\"\nengine = \"codex-cli\"\ntiers = [5]\n";
    write(&world, "alai.toml", agents);
    let basis = explained_for(&world, "Vizu");
    let agents = basis["agents"].as_array().expect("a list");
    assert_eq!(
        agents.len(),
        1,
        "the other one stands for another tier: {basis}"
    );
    assert_eq!(
        (&agents[0]["name"], &agents[0]["engine"]),
        (&json!("pro"), &json!("claude-cli"))
    );
    let step = |name: &str| {
        let steps = agents[0]["steps"].as_array().expect("a list");
        steps
            .iter()
            .find(|step| step["step"] == name)
            .expect("a step")
            .clone()
    };
    let build = step("build");
    assert_eq!(build["skills"]["vizus"], "the company Vizu (ALAI_COMPANY)");
    assert_eq!(build["skills"]["finding-the-cause"], "shipped");
    assert_eq!(
        build["servers"],
        json!([{"server": "files", "tools": ["read"], "from": "home"}, {"server": "wiki", "from": "company"}])
    );
    assert_eq!(build["withheld"][0]["what"], "own.server", "{build}");
    assert!(
        build["withheld"].to_string().contains("can have no `.`"),
        "{build}"
    );
    let plan = step("plan");
    assert_eq!(
        (&plan["skills"], &plan["servers"]),
        (&json!({}), &json!([]))
    );
    assert!(
        plan["withheld"]
            .to_string()
            .contains("a question is answered"),
        "{plan}"
    );
    world
        .alai(["explain", "1"])
        .exits(0)
        .says("agent     pro (claude-cli), where it does this, has of that")
        .says("build: skill own-way of the company CodeCraft")
        .says("build: server files (read) of home")
        .says("build: not own.server: agents of others call its tools by its name")
        .says("plan: not skills and servers: a question is answered");
    // A person may name it, whatever its tiers are.
    enqueue(
        &world,
        &["--company", "CodeCraft", "--model", "other:default"],
    );
    let named = explained(&world, "2");
    assert_eq!(named["agents"][0]["name"], "other", "{named}");
}

/// What a lead's file says of paths is no lead's: at work it writes its company's notes, and else nothing.
#[test]
fn a_lead_is_told_with_the_paths_that_it_can_write() {
    let world = World::with_project("auto");
    // No model is there: its plan waits.
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(6);
    let plan = explained(&world, "2");
    assert_eq!(plan["role"], "lead", "{plan}");
    assert_eq!(
        plan["paths"]["allowed"],
        json!({"value": [], "from": "default"}),
        "{plan}"
    );
    let company = plan["company"]["name"].as_str().expect("a name").to_owned();
    let at_work = [
        "start",
        "Count words",
        "--project",
        "tiny",
        "--blueprint",
        "lead-delegates",
    ];
    world.alai(at_work).exits(6);
    let lead = explained(&world, "4");
    assert_eq!(lead["role"], "lead", "{lead}");
    let notes = ["state", "logs"].map(|name| format!("companies/{company}/{name}/1/**"));
    assert_eq!(lead["paths"]["allowed"]["value"], json!(notes), "{lead}");
    assert_eq!(lead["paths"]["forbidden"]["value"], json!([]), "{lead}");
}
