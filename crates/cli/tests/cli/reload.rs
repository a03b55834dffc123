//! Packs that are changed under a daemon at work: the next task works by the new ones, what runs by its own, and what cannot be
//! read changes nothing.

use alai_testkit::agent::Script as Twin;
use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::wire::{good, has_built};
use crate::world::World;

const OLD: &str = "We answer in Bosnian.";
const NEW: &str = "We answer in Norwegian.";
const HELD: &str = "Add initials first";

/// A chat of the task with this title.
fn is_of(body: &Value, title: &str) -> bool {
    body["messages"].to_string().contains(title)
}

/// What the agents of a task were told of their company, chat by chat; none of what is asked before the work begins.
fn told<'a>(chats: &'a [Value], title: &'a str) -> impl Iterator<Item = String> + 'a {
    let asks_for_a_class = |body: &&Value| body["format"]["properties"].get("complexity").is_some();
    let of_task = chats
        .iter()
        .filter(move |body| is_of(body, title) && !asks_for_a_class(body));
    of_task.map(|body| {
        body["messages"][0]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    })
}

fn change(world: &World, file: &str, old: &str, new: &str) {
    let path = world.home().join("companies/CodeCraft").join(file);
    let text = std::fs::read_to_string(&path).expect("it is there");
    assert!(text.contains(old), "{file} holds no {old}");
    std::fs::write(&path, text.replacen(old, new, 1)).expect("a person edits it");
}

/// What the daemon says of a change that it has refused.
fn refused(world: &World) -> Value {
    world.json(["status", "--json"])["daemon"]["packs_refused"].clone()
}

fn enqueue(world: &World, title: &str) {
    let pinned = ["--company", "CodeCraft"];
    let args = ["minion", "enqueue", title, "--project", "tiny"];
    world.alai(args.into_iter().chain(pinned)).exits(0);
}

#[test]
fn the_next_task_works_by_a_changed_pack_and_a_running_one_by_its_own() {
    let twin = OllamaTwin::start(Behaviour::by(|body| {
        match has_built(body) && is_of(body, HELD) {
            true => good(body).held(),
            false => good(body),
        }
    }));
    let world = World::with_model_at("auto", &twin.url());
    change(
        &world,
        "CLAUDE.md",
        "## Essence\n",
        &format!("## Essence\n\n{OLD}\n"),
    );
    let daemon = world.up();
    enqueue(&world, HELD);
    // Its class, its plan, its change, and its next turn, which is held.
    twin.await_chats(4);
    change(&world, "CLAUDE.md", OLD, NEW);
    enqueue(&world, "Add initials second");
    world.until("the second is done", |w| {
        (w.state(2) == "done").then_some(())
    });
    twin.release();
    world.until("the first is over", |w| {
        (w.state(1) != "started").then_some(())
    });
    let chats = twin.chats();
    for (title, mine, other) in [(HELD, OLD, NEW), ("Add initials second", NEW, OLD)] {
        let told: Vec<String> = told(&chats, title).collect();
        assert!(told.len() >= 3, "{title}: {} chats", told.len());
        let torn = told
            .iter()
            .find(|text| !text.contains(mine) || text.contains(other));
        assert_eq!(
            torn, None,
            "{title} works by one pack from its beginning to its end"
        );
    }
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

const OF_OLD: &str = "Two blanks, as ever.";
const OF_NEW: &str = "Tabs from now on.";

/// What an agent does in its turns: it loads advice, asks a server, builds, and is done.
fn equipped(body: &Value) -> Answer {
    let has = |tool: &str| {
        let tools = body["tools"].as_array();
        tools.is_some_and(|all| all.iter().any(|t| t["function"]["name"] == tool))
    };
    if !has("edit") {
        return good(body);
    }
    let said = |message: &&Value| message["role"] == "assistant";
    let turns = body["messages"]
        .as_array()
        .map_or(0, |all| all.iter().filter(said).count());
    match turns {
        0 => Answer::calls(&[("skill", json!({"name": "house-style"}))]),
        1 => Answer::calls(&[("mcp", json!({"server": "tickets"}))]),
        2 => {
            let calls = crate::script::solution(crate::script::TITLE);
            let calls: Vec<(&str, Value)> = { calls.iter() }
                .map(|call| {
                    (
                        call["name"].as_str().unwrap_or_default(),
                        call["arguments"].clone(),
                    )
                })
                .collect();
            Answer::calls(&calls)
        }
        _ => {
            let done = json!({"status": "done", "summary": "Done, and a test shows it."});
            Answer::calls(&[("done", done)])
        }
    }
}

fn write(world: &World, file: &str, text: &str) {
    let path = world.home().join(file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

/// What the only run of a task wrote down: the results of its calls, and its steps.
fn recorded(world: &World, task: i64) -> (String, Vec<String>) {
    let run = world.task(task)["runs"][0]["id"]
        .as_str()
        .expect("a run")
        .to_owned();
    let path = world.home().join("runs").join(run).join("trajectory.jsonl");
    let text = std::fs::read_to_string(path).expect("a trajectory");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of = |kind: &str, key: &str| -> Vec<String> {
        let found = lines.iter().filter(|line| line["type"] == kind);
        found
            .map(|line| line[key].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    (of("result", "text").join("\n"), of("step", "step"))
}

/// Skills, grants, servers and blueprints too: all of them change while an agent has not asked for any yet.
#[test]
fn a_run_keeps_the_skills_grants_servers_and_blueprint_that_it_began_with() {
    let twin = OllamaTwin::start(Behaviour::by(|body| {
        let first = body["messages"]
            .as_array()
            .is_some_and(|all| all.iter().all(|m| m["role"] != "assistant"));
        let is_builder = body["tools"].to_string().contains("\"edit\"");
        match first && is_builder && is_of(body, HELD) {
            true => equipped(body).held(),
            false => equipped(body),
        }
    }));
    let world = World::with_model_at("auto", &twin.url());
    let bin = world.path("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let server = Twin::of("mcp", []).install(&bin, "tickets");
    let skill =
        |says: &str| format!("---\nname: house-style\ndescription: How we write.\n---\n{says}\n");
    let own = |step: &str| {
        format!(
            "version: 1\nname: own-way\nextends: minion-one-shot\nsteps:\n  - id: {step}\n    run: echo {step}\n"
        )
    };
    write(
        &world,
        "companies/CodeCraft/skills/house-style/SKILL.md",
        &skill(OF_OLD),
    );
    write(
        &world,
        "companies/CodeCraft/config/tools.json",
        "{\"builder\": {\"mcp\": [\"tickets\"]}}",
    );
    write(
        &world,
        "companies/CodeCraft/blueprints/own-way.yaml",
        &own("old-step"),
    );
    write(
        &world,
        "mcp.json",
        &json!({"mcpServers": {"tickets": {"command": server}}}).to_string(),
    );
    change(
        &world,
        "config.json",
        "\"build\": \"minion-one-shot\"",
        "\"build\": \"own-way\"",
    );
    let daemon = world.up();
    enqueue(&world, HELD);
    // Its class, its plan, and its first turn, which is held.
    twin.await_chats(3);
    write(
        &world,
        "companies/CodeCraft/skills/house-style/SKILL.md",
        &skill(OF_NEW),
    );
    write(
        &world,
        "companies/CodeCraft/config/tools.json",
        "{\"reviewer\": {\"mcp\": [\"tickets\"]}}",
    );
    write(
        &world,
        "companies/CodeCraft/blueprints/own-way.yaml",
        &own("new-step"),
    );
    write(&world, "mcp.json", "{\"mcpServers\": {}}");
    enqueue(&world, "Add initials second");
    world.until("the second is done", |w| {
        (w.state(2) == "done").then_some(())
    });
    twin.release();
    world.until("the first is over", |w| {
        (w.state(1) != "started").then_some(())
    });
    let (first, steps) = recorded(&world, 1);
    assert!(first.contains(OF_OLD) && !first.contains(OF_NEW), "{first}");
    assert!(
        first.contains("echo: Says what it is told."),
        "its grant and its server are there: {first}"
    );
    assert!(
        steps.contains(&"old-step".to_owned()) && !steps.contains(&"new-step".to_owned()),
        "{steps:?}"
    );
    let (second, steps) = recorded(&world, 2);
    assert!(
        second.contains(OF_NEW) && !second.contains(OF_OLD),
        "{second}"
    );
    assert!(
        second.contains("There is no tool `mcp`"),
        "nothing is granted any more: {second}"
    );
    assert!(
        steps.contains(&"new-step".to_owned()) && !steps.contains(&"old-step".to_owned()),
        "{steps:?}"
    );
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_broken_change_is_told_and_survived() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let daemon = world.up();
    change(&world, "config.json", "\"agents\"", "\"agnets\"");
    change(
        &world,
        "CLAUDE.md",
        "## Essence\n",
        &format!("## Essence\n\n{NEW}\n"),
    );
    daemon.says(
        "packs: a change is refused, the ones before it are in force: CodeCraft/config.json:3:",
    );
    let why = "CodeCraft/config.json:3:10: unknown key `agnets`; did you mean `agents`?";
    world
        .alai(["status"])
        .exits(0)
        .says(why)
        .says("works without what it breaks");
    assert_eq!(refused(&world)["why"], why);
    enqueue(&world, "Add initials");
    world.until("it is done by the old ones", |w| {
        (w.state(1) == "done").then_some(())
    });
    assert!(told(&twin.chats(), "Add initials").all(|text| !text.contains(NEW)));

    change(&world, "config.json", "\"agnets\"", "\"agents\"");
    world.until("the mended packs are in force", |w| {
        refused(w).is_null().then_some(())
    });
    enqueue(&world, "Add initials again");
    world.until("the next is over", |w| {
        (w.state(2) != "open" && w.state(2) != "started").then_some(())
    });
    assert!(told(&twin.chats(), "Add initials again").all(|text| text.contains(NEW)));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

/// A person who has just written a pack and names it need not wait for a beat.
#[test]
fn a_pack_that_was_just_written_is_known_to_the_next_command() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let daemon = world.up();
    let pinned = [
        "mc",
        "add",
        "Later",
        "--project",
        "tiny",
        "--hold",
        "--company",
        "Own",
    ];
    world
        .alai(pinned)
        .exits(3)
        .says("no company is called `Own`");
    let (from, to) = (world.home().join("companies/CodeCraft"), world.path("Own"));
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([&from, &to])
        .status();
    assert!(copied.expect("cp").success());
    let mut open = vec![to.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path => {
                    let text = std::fs::read_to_string(&path).expect("a text");
                    std::fs::write(&path, text.replace("CodeCraft", "Own")).expect("written");
                }
            }
        }
    }
    let card = to.join("company.json");
    let text = std::fs::read_to_string(&card).expect("a text");
    let mut own: Value = serde_json::from_str(&text).expect("JSON");
    (own["aliases"], own["default"]) = (json!([]), json!([]));
    std::fs::write(&card, own.to_string()).expect("written");
    std::fs::rename(&to, world.home().join("companies/Own")).expect("moved");
    let added = world.alai(pinned);
    assert_eq!(refused(&world), Value::Null);
    added.exits(0);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}
