//! The companies of a home as a person sees them: listed, shown, made, checked.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::script::{Script, write};
use crate::world::World;

/// A home with one company besides the shipped ones.
fn acme() -> World {
    let world = World::with_home();
    world
        .alai([
            "company", "new", "Acme", "--stage", "build", "--stage", "docs",
        ])
        .exits(0);
    world
}

/// The lines that speak of one company.
fn line<'t>(text: &'t str, name: &str) -> &'t str {
    let found = text.lines().find(|line| line.starts_with(name));
    found.unwrap_or_else(|| panic!("{name} is not in\n{text}"))
}

#[test]
fn companies_are_listed_and_shown() {
    let world = acme();
    let out = world.alai(["company", "list"]).exits(0).out;
    // The columns are as wide as the shipped packs' longest words.
    let words: Vec<&str> = line(&out, "Acme").split_whitespace().collect();
    assert_snapshot!(words.join(" "), @"Acme Company 1.0.0 home 3/2/2 0 0 build, docs");
    let listed = world.json(["company", "list", "--json"]);
    assert_eq!(listed["schema_version"], 1);
    let all = listed["companies"].as_array().expect("a list");
    for name in ["CodeCraft", "Lexicon", "Proveo", "Securion"] {
        let found = all
            .iter()
            .find(|c| c["name"] == name)
            .expect("it is shipped");
        assert!(
            found["stages"]
                .as_object()
                .is_some_and(|stages| !stages.is_empty()),
            "{found}"
        );
        assert!(
            found["models"]["builder"]
                .as_str()
                .is_some_and(|tier| tier.starts_with("tier ")),
            "{found}"
        );
    }
    let out = world.alai(["company", "info", "acme"]).exits(0).out;
    // The shipped skills that stand behind its own are not this test's.
    let own: Vec<&str> = out
        .lines()
        .filter(|line| !line.starts_with("skill"))
        .collect();
    assert!(own.len() < out.lines().count(), "{out}");
    assert_snapshot!(own.join("\n"), @r##"
    Acme 1.0.0  Company  (home)
    domain    Say in one line what Acme is good at
    stages    build (builder), docs (builder)
    keywords  acme 5
    lead      tier 3; read, search, done
              writes companies/Acme/**
              never companies/Acme/agents/**, companies/Acme/company.json, companies/Acme/config.json
    builder   tier 2; read, search, edit, write, run, done
              writes **
              never .git/**, .alai/**, .github/**
    reviewer  tier 2; read, search, run, done
              writes nothing
    walks     build: minion-one-shot (home)
    walks     docs: minion-docs (home)
    mcp       lead may ask: nobody
    mcp       builder may ask: nobody
    mcp       reviewer may ask: nobody

    - Read first: the file, its callers, its tests. The repository's habits win over ours.
    - One purpose per task: no drive-by refactoring, renaming or reformatting.
    - Complete means: errors handled, edges covered, tests there, docs still true.
    - A bug gets a test that fails first; a feature its main path, its edges and its worst input.
    - An error says what was tried, on what, and what to do.
    - No secret in code, tests or logs. Outside services in their sandbox only.
    - Report what was run and what was not. What was not run is not known.
    "##);
    let page = world.json(["company", "info", "Acme", "--json"]);
    assert_eq!(page["company"]["version"], "1.0.0");
    assert_eq!(page["agents"][1]["allowed_paths"], json!(["**"]));
}

/// Each name that a company answers to shows the same page.
#[test]
fn aliases_resolve_and_a_wrong_name_is_told_the_near_one() {
    let world = acme();
    let path = world.home().join("companies/Acme/company.json");
    let text = std::fs::read_to_string(&path).expect("the card");
    std::fs::write(
        &path,
        text.replace("\"aliases\": []", "\"aliases\": [\"Roadrunner\"]"),
    )
    .expect("written");
    let page = |name: &str| world.alai(["company", "info", name, "--json"]).exits(0).out;
    assert_eq!(page("ROADRUNNER"), page("Acme"));
    let ran = world.alai(["company", "info", "CodeCarft"]).exits(3);
    assert_snapshot!(ran.err, @r##"
    error: no company is called `CodeCarft`; did you mean `CodeCraft`?
    hint: `alai company list` shows the companies
    "##);
}

#[test]
fn a_new_company_is_whole_and_of_one_name_there_is_one() {
    let world = World::with_home();
    for stage in ["build", "review", "security", "ops", "docs"] {
        let name = format!("New{stage}");
        let made = world.json(["company", "new", &name, "--stage", stage, "--json"]);
        assert_eq!(made["files"].as_array().map(Vec::len), Some(9), "{made}");
        world
            .alai(["company", "new", &name, "--stage", stage])
            .exits(2)
            .says("already");
    }
    world
        .alai([
            "company",
            "new",
            "Craft2",
            "--stage",
            "build",
            "--from",
            "CodeCraft",
        ])
        .exits(0);
    let (old, new) = (
        world.json(["company", "info", "CodeCraft", "--json"]),
        world.json(["company", "info", "Craft2", "--json"]),
    );
    assert_eq!(old["agents"][1], new["agents"][1], "the same builder");
    assert_eq!(
        (&new["default"], &new["aliases"]),
        (&json!([]), &json!([])),
        "what only one can be stays with the first"
    );
    world.alai(["company", "validate"]).exits(0);
    for (name, said) in [
        ("../x", "a name is"),
        ("con", "device"),
        ("a\u{1b}[2J", "a name is"),
        ("codecraft", "CodeCraft"),
    ] {
        let ran = world
            .alai(["company", "new", name, "--stage", "build"])
            .says(said);
        assert!(
            matches!(ran.code, 1 | 2) && !ran.err.contains('\u{1b}'),
            "{ran}"
        );
    }
    world
        .alai([
            "company", "new", "Nobody", "--stage", "build", "--from", "Nowhere",
        ])
        .exits(3);
    world
        .alai(["company", "new", "Nobody"])
        .exits(2)
        .says("--stage");
}

/// All that is wrong is said at once, with its file and line, also in a home that no run could load.
#[test]
fn validate_names_everything_that_is_wrong() {
    let world = acme();
    world.alai(["company", "validate"]).exits(0);
    let dir = world.home().join("companies/Acme");
    let edit = |file: &str, from: &str, to: &str| {
        let path = dir.join(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{from} is in {file}");
        std::fs::write(path, text.replace(from, to)).expect("written");
    };
    edit("company.json", "\"aliases\": []", "\"aliasess\": []");
    edit("config.json", "\"minion-docs\"", "\"minion-dosc\"");
    edit(
        "agents/lead.yaml",
        "tools: [read, search, done]",
        "tools: [read, serach, done]",
    );
    edit("CLAUDE.md", "## Refuses", "## Refusals");
    let token = ["ghp", "_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].concat();
    std::fs::write(dir.join("README.md"), format!("# Acme\n\n{token}\n")).expect("written");
    let ran = world.alai(["company", "validate", "Acme"]).exits(5);
    assert!(!ran.out.contains(&token), "a secret is never shown");
    assert_snapshot!(ran.out, @r##"
    Acme                     5 problems
      Acme/README.md:3: a GitHub token stands here; a pack holds no secrets
      Acme/company.json:6:12: unknown key `aliasess`; did you mean `aliases`?
      Acme/CLAUDE.md:31:1: no section is called `## Refusals`; did you mean `Refuses`?
      Acme/CLAUDE.md: the section `## Refuses` is missing
      Acme/agents/lead.yaml:7:15: no tool is called `serach`; did you mean `search`?
    "##);
    let found = world
        .alai(["company", "validate", "--json"])
        .exits(5)
        .json();
    let of = |name: &str| -> Value {
        let all = found["checked"].as_array().expect("a list").iter();
        let mut called = all.filter(|c| c["name"] == name);
        called.next().expect("it was checked")["problems"].clone()
    };
    assert_eq!(of("Acme").as_array().map(Vec::len), Some(5), "{found}");
    assert_eq!(of("CodeCraft"), json!([]));
    // A folder that is none of the home's.
    std::fs::rename(&dir, world.path("Acme")).expect("moved");
    world
        .alai(["company", "validate", "./Acme"])
        .exits(5)
        .says("did you mean `aliases`?");
    world.alai(["company", "validate", "Acme"]).exits(3);
}

/// Whoever changes two packs so that they fall out learns it of both.
#[test]
fn what_companies_cannot_share_is_told() {
    let world = acme();
    let path = world.home().join("companies/Acme/company.json");
    let text = std::fs::read_to_string(&path).expect("the card");
    let text = text.replace("\"default\": []", "\"default\": [\"build\"]");
    std::fs::write(
        &path,
        text.replace("\"aliases\": []", "\"aliases\": [\"Nova\"]"),
    )
    .expect("written");
    world
        .alai(["company", "validate"])
        .exits(5)
        .says("default of stage build");
}

/// Whose blueprints nobody could read, of them nobody says that they are right.
#[test]
fn a_pack_that_cannot_be_read_is_told_by_both() {
    let world = acme();
    let link = world.home().join("companies/Acme/blueprints");
    std::os::unix::fs::symlink(world.path("."), link).expect("linked");
    for what in ["company", "blueprint"] {
        world
            .alai([what, "validate"])
            .exits(5)
            .says("a pack holds no symbolic links");
    }
    let moved = world.path("elsewhere");
    std::fs::rename(world.home().join("companies/Acme"), &moved).expect("moved");
    std::os::unix::fs::symlink(moved, world.home().join("companies/Acme")).expect("linked");
    for what in ["company", "blueprint"] {
        world
            .alai([what, "validate"])
            .exits(5)
            .says("a company is a folder of the home, and no symbolic link");
    }
}

/// A name that a stranger chose does not reach the terminal as it is.
#[test]
fn hostile_names_are_shown_without_their_harm() {
    let world = acme();
    let evil = "Evil\u{1b}]0;owned\u{7}\u{202e}";
    std::fs::create_dir(world.home().join("companies").join(evil)).expect("made");
    for args in [
        ["company", "validate"].as_slice(),
        &["company", "list"],
        &["company", "info", evil],
        &["company", "validate", evil],
    ] {
        let ran = world.alai(args);
        // The others are listed beside it.
        assert_eq!(ran.code == 0, args == ["company", "list"], "{ran}");
        let harm = |text: &str| text.contains(['\u{1b}', '\u{7}', '\u{202e}']);
        assert!(!harm(&ran.out) && !harm(&ran.err), "{args:?}: {ran:?}");
    }
}

/// The seeds' own example: a scaffold of an application goes to those who build, a landing page to those who design.
#[test]
fn a_task_is_routed_with_its_reasons() {
    let world = World::with_home();
    let goes = |text: &str, more: &[&str]| {
        let args = [&["company", "route", text, "--json"], more].concat();
        let routed = world.json(args);
        assert_eq!(
            routed["thresholds"].as_object().map(serde_json::Map::len),
            Some(2)
        );
        (routed["route"]["company"].clone(), routed)
    };
    assert_eq!(
        goes("Scaffold the Next.js app with a Ktor backend", &[]).0,
        "CodeCraft"
    );
    let (company, routed) = goes("Landing page for the launch", &["--explain"]);
    assert_eq!(company, "Vizu");
    let ranking = routed["ranking"].as_array().expect("a list");
    assert!(
        ranking.len() > 2 && ranking[0]["company"] == "Vizu",
        "{routed}"
    );
    assert_eq!(
        goes("Anything at all", &["--kind", "security"]).0,
        "Securion"
    );
    let told = world
        .alai([
            "company",
            "route",
            "Landing page for the launch",
            "--explain",
        ])
        .exits(0)
        .says("words decide from")
        .says("landing page (title");
    assert!(told.out.starts_with("Vizu: "), "{told}");
    let short = world
        .alai(["company", "route", "Landing page for the launch"])
        .exits(0)
        .out;
    assert_eq!(short.lines().count(), 1, "{short}");
    let evil = world
        .alai(["company", "route", "x\u{1b}[2J", "--explain"])
        .exits(0);
    assert!(!evil.out.contains('\u{1b}'));
    world
        .alai(["company", "route", "x", "--kind", "nothing"])
        .exits(2);
}

/// A skill of the company stands before one of the home with the same name, and the chain says so.
#[test]
fn skills_are_listed_and_resolved_with_their_chain() {
    let world = acme();
    let write = |folder: &str, name: &str, text: &str| {
        let dir = world.home().join(folder).join(name);
        std::fs::create_dir_all(&dir).expect("made");
        let text = format!("---\nname: {name}\ndescription: What it is for.\n---\n{text}\n");
        std::fs::write(dir.join("SKILL.md"), text).expect("written");
    };
    write("skills", "figures", "the home's");
    write("companies/Acme/skills", "figures", "the company's");
    let of = |company: &str| {
        world.json([
            "skill",
            "resolve",
            "figures",
            "--company",
            company,
            "--json",
        ])
    };
    assert_eq!(
        (&of("Acme")["text"], &of("Acme")["from"]),
        (&json!("the company's"), &json!("the company Acme"))
    );
    assert_eq!(
        (&of("Proveo")["text"], &of("Proveo")["from"]),
        (&json!("the home's"), &json!("the home"))
    );
    let shown = world
        .alai(["skill", "resolve", "figures", "--company", "Acme"])
        .exits(0)
        .out;
    assert_snapshot!(shown, @r##"
    figures of the company Acme: What it is for.
      the company Acme             this one
      the home                     shadowed
      shipped                      none
    "##);
    let mut named = world.command(["skill", "resolve", "figures", "--json"]);
    named.env("ALAI_COMPANY", "acme");
    assert_eq!(
        crate::world::run(named).exits(0).json()["text"],
        "the company's"
    );
    let listed = world.json(["skill", "list", "--company", "Acme", "--json"]);
    let own = listed["skills"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|skill| skill["name"] == "figures");
    assert_eq!(
        own.map(|skill| &skill["from"]).collect::<Vec<_>>(),
        ["the company Acme"]
    );
    world
        .alai(["skill", "list"])
        .exits(0)
        .says("finding-the-cause");
    world
        .alai(["skill", "resolve", "figurs", "--company", "Acme"])
        .exits(3)
        .says("Did you mean `figures`?");
    world
        .alai(["skill", "resolve", "soul"])
        .exits(3)
        .says("no skill");
}

#[test]
fn mcp_servers_are_resolved_with_the_source_of_each_value() {
    let world = acme();
    let base = json!({"mcpServers": {
        "git": {"command": "git-server", "args": ["--read-only"], "env": {"KEY": "hunter2"}},
        "web": {"command": "web-server"},
    }});
    std::fs::write(world.home().join("mcp.json"), base.to_string()).expect("written");
    let overlay = json!({"add": {}, "remove": ["web"], "override": {"git": {"args": ["--log"]}}});
    let dir = world.home().join("companies/Acme/config");
    std::fs::write(dir.join("mcp.json"), overlay.to_string()).expect("written");
    let tools = json!({"builder": {"mcp": ["git/log"]}});
    std::fs::write(dir.join("tools.json"), tools.to_string()).expect("written");
    let told = world
        .alai(["mcp", "resolve", "--company", "Acme", "--explain"])
        .exits(0)
        .out;
    assert_snapshot!(told, @r##"
    servers of Acme: the home's mcp.json, then its config/mcp.json
    git
      command  git-server (home)
      args     --log (company)
      env      KEY=(set) (home)
    web: removed by the company
    lead may ask: nobody
    builder may ask: git (log)
    reviewer may ask: nobody
    "##);
    let short = world
        .alai(["mcp", "resolve", "--company", "Acme"])
        .exits(0)
        .out;
    assert_eq!(
        short.split_whitespace().collect::<Vec<_>>(),
        ["git", "git-server", "--log"]
    );
    let shown = world
        .alai(["mcp", "resolve", "--company", "Acme", "--json"])
        .exits(0);
    assert_eq!(shown.json()["removed"], json!(["web"]));
    assert!(!shown.out.contains("hunter2") && !told.contains("hunter2"));
    std::fs::write(world.home().join("mcp.json"), "{\"servers\": {}}").expect("written");
    world
        .alai(["mcp", "resolve", "--company", "Acme"])
        .exits(4)
        .says("mcp.json:1");
    world
        .alai(["mcp", "resolve", "--company", "Nobody"])
        .exits(3);
}

/// Who was chosen by words and may not write what the work needs is asked once: the default of the stage goes on, and ends it.
#[test]
fn who_leaves_his_paths_hands_the_task_to_the_default_of_the_stage_once() {
    let outside: Vec<_> = ["words.sh", "a.sh", "b.sh"]
        .iter()
        .map(|path| write(path, "echo\n"))
        .collect();
    let strays = json!({"text": "I build it.", "calls": outside});
    let script = Script::good().with(
        json!({"kind": "build", "step": "build", "company": "Lexicon"}),
        &[strays],
    );
    let world = World::scripted("auto", &script);
    let title = "Accessibility statement";
    world
        .alai(["minion", "run", title, "--project", "tiny"])
        .exits(0);
    let shown = world.task(1);
    let by: Vec<&str> = { shown["runs"].as_array().expect("runs").iter() }
        .map(|run| run["company"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        by.iter().filter(|company| **company == "Lexicon").count(),
        1,
        "{by:?}"
    );
    assert_eq!(
        by.iter().filter(|company| **company == "CodeCraft").count(),
        1,
        "{by:?}"
    );
    assert_eq!(by.len(), 2, "{by:?}");
    assert_eq!(shown["view"]["task"]["company_pin"], "CodeCraft");
    let told = world.alai(["mc", "show", "1"]).exits(0);
    told.says("Lexicon may not write what this needs, and had it by its words: CodeCraft goes on");
    assert_eq!(world.state(1), "done");
}
