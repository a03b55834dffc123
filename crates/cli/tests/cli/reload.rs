//! Packs that are changed under a daemon at work: the next task works by the new ones, what runs by its own, and what cannot be
//! read changes nothing.

use alai_testkit::ollama::{Behaviour, OllamaTwin};
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
        .says("no daemon starts before it is mended");
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

/// What a running daemon goes on without, the next one does not: it would work by other packs than the person wrote.
#[test]
fn no_daemon_starts_with_a_broken_pack() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let stray = world.home().join("companies/CodeCraft/skills/zzz");
    std::fs::create_dir_all(stray.parent().expect("a folder")).expect("a folder");
    std::fs::write(&stray, "x").expect("written");
    world
        .alai(["up"])
        .exits(4)
        .says("CodeCraft/skills/zzz")
        .says("alai company validate");
    std::fs::remove_file(&stray).expect("removed");
    let daemon = world.up();
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}
