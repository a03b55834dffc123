//! A company that takes no work, because its pack cannot be used or a person has switched it off: the others work, what is meant for it
//! is held with the way out, and nobody else gets it.

use std::process::Command;

use alai_testkit::ollama::{Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::wire::good;
use crate::world::World;

fn add(world: &World, title: &str, company: &str) {
    let args = ["minion", "enqueue", title, "--project", "tiny"];
    world
        .alai(args.into_iter().chain(["--company", company]))
        .exits(0);
}

fn why(world: &World, task: i64) -> Value {
    world.json(["why", &task.to_string(), "--json"])
}

fn held(world: &World, task: i64, says: &[&str]) {
    world.until("it is held", |w| (w.state(task) == "waiting").then_some(()));
    let why = why(world, task);
    let text = why.to_string();
    for part in says.iter().chain(&["alai mc retry"]) {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert!(text.contains("box_refused"), "{text}");
    let runs = world.task(task)["runs"].clone();
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "tried once: {runs}");
}

/// A key as a person leaves one behind, in parts so that it stands nowhere whole.
fn secret() -> String {
    ["AKIA", "Q3EGRTZ7HMWN5XKD"].concat()
}

#[test]
fn a_daemon_starts_without_a_company_that_cannot_be_used_and_holds_its_work() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let pack = world.home().join("companies/Proxima");
    let stray = pack.join("skills/zzz");
    std::fs::create_dir_all(stray.parent().expect("a folder")).expect("a folder");
    std::fs::write(&stray, "x").expect("written");
    let soul = world.home().join("companies/Vizu/CLAUDE.md");
    let whole = std::fs::read_to_string(&soul).expect("a soul");
    std::fs::write(&soul, format!("{whole}\n{}\n", secret())).expect("written");

    let daemon = world.up();
    daemon.says("packs: Proxima cannot be used, and the others are: Proxima/skills/zzz");
    daemon.says("packs: Vizu cannot be used");
    let status = world
        .alai(["status"])
        .exits(0)
        .says("Proxima cannot be used, and its work waits for you: Proxima/skills/zzz")
        .says("Vizu cannot be used, and its work waits for you: Vizu/CLAUDE.md:");
    assert!(!status.out.contains(&secret()), "{status}");
    let wrong = world.json(["status", "--json"])["daemon"]["packs_wrong"].clone();
    assert_eq!(wrong.as_object().map(serde_json::Map::len), Some(2));

    add(&world, "Add initials", "CodeCraft");
    add(&world, "Write a newsletter", "Proxima");
    // By its words alone.
    let worded = ["mc", "add", "SEO keywords for the marketing campaign"];
    world
        .alai(worded.into_iter().chain(["--project", "tiny"]))
        .exits(0);
    add(&world, "Mend the button", "Vizu");
    world.until("the others work", |w| (w.state(1) == "done").then_some(()));
    held(
        &world,
        2,
        &[
            "the pack of Proxima cannot be used: Proxima/skills/zzz",
            "mend `companies/Proxima`",
        ],
    );
    held(&world, 3, &["the pack of Proxima cannot be used"]);
    held(&world, 4, &["the pack of Vizu cannot be used"]);
    world
        .alai(["explain", "2"])
        .exits(0)
        .says("the pack of Proxima cannot be used");
    world
        .alai(["company", "list"])
        .exits(0)
        .says("takes no work: the pack of Proxima cannot be used");
    world
        .alai(["company", "info", "Proxima"])
        .exits(4)
        .says("alai company validate Proxima");

    // Mended under the daemon, it works from the next beat on.
    std::fs::remove_file(&stray).expect("removed");
    std::fs::write(&soul, whole).expect("mended");
    world.until("the mended packs are in force", |w| {
        let wrong = w.json(["status", "--json"])["daemon"]["packs_wrong"].clone();
        wrong.is_null().then_some(())
    });
    world.alai(["mc", "retry", "2"]).exits(0);
    world.until("it is done", |w| (w.state(2) != "waiting").then_some(()));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

/// The default builder is the worst one to lose: what nobody is named for would fall to anybody.
#[test]
fn work_that_falls_to_a_company_that_cannot_be_used_goes_to_nobody_else() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let card = world.home().join("companies/CodeCraft/company.json");
    std::fs::write(&card, "{").expect("written");
    let daemon = world.up();
    let add = ["mc", "add", "Add initials", "--project", "tiny"];
    world.alai(add).exits(0);
    held(&world, 1, &["the pack of CodeCraft cannot be used"]);
    assert_eq!(twin.chats().len(), 0, "nobody is asked for it");
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_pack_that_clashes_with_another_gives_way_and_the_other_works() {
    let world = World::with_project("auto");
    let companies = world.home().join("companies");
    let copied = Command::new("cp")
        .arg("-r")
        .args([companies.join("Proxima"), companies.join("Own")])
        .status();
    assert!(copied.expect("cp").success());
    let card = companies.join("Own/company.json");
    let text = std::fs::read_to_string(&card).expect("a card");
    let mut own: Value = serde_json::from_str(&text).expect("JSON");
    own["name"] = json!("Own");
    own["aliases"] = json!(["CodeCraft"]);
    own["default"] = json!(["build"]);
    std::fs::write(&card, own.to_string()).expect("written");
    for file in ["agents/lead.yaml", "CLAUDE.md"] {
        let path = companies.join("Own").join(file);
        let text = std::fs::read_to_string(&path).expect("a text");
        std::fs::write(&path, text.replace("Proxima", "Own")).expect("written");
    }
    let list = world.json(["company", "list", "--json"]);
    let closed: Vec<(&str, &str)> = list["companies"]
        .as_array()
        .expect("companies")
        .iter()
        .filter_map(|line| Some((line["name"].as_str()?, line["closed"].as_str()?)))
        .collect();
    assert!(
        matches!(closed.as_slice(), [("Own", why)] if why.contains("CodeCraft")),
        "{closed:?}"
    );
    let route = world.json(["company", "route", "Add initials", "--json"]);
    assert_eq!(route["route"]["company"], "CodeCraft");
}

#[test]
fn a_shipped_company_is_switched_off_by_a_line_and_on_again() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let settings = world.home().join("alai.toml");
    let before = std::fs::read_to_string(&settings).expect("settings");
    let title = "SEO keywords for the marketing campaign";
    let company = |world: &World| {
        let route = world.json(["company", "route", title, "--json"]);
        route["route"]["company"].as_str().map(str::to_owned)
    };
    assert_eq!(company(&world).as_deref(), Some("Proxima"));
    let daemon = world.up();
    add(&world, "Hold this", "CodeCraft");

    // The home's own folder or not: it is off.
    std::fs::remove_dir_all(world.home().join("companies/Vizu")).expect("removed");
    let set = |off: &str| {
        let line = "# off = [\"Proxima\"]";
        assert!(before.contains(line), "it is shown in the file");
        let text = before.replace(line, &format!("off = {off}"));
        std::fs::write(&settings, text).expect("written");
    };
    set("[\"proxima\", \"Vizu\"]");
    assert_ne!(company(&world).as_deref(), Some("Proxima"));
    for off in ["Proxima", "Vizu"] {
        let pinned = ["mc", "add", "Later", "--project", "tiny", "--company", off];
        world
            .alai(pinned)
            .exits(4)
            .says(&format!("{off} is switched off in alai.toml"))
            .says("[companies]");
    }
    world
        .alai(["company", "list"])
        .exits(0)
        .says("takes no work: Vizu is switched off in alai.toml");

    // A name that is none changes nothing, and is told.
    set("[\"Proxma\"]");
    world.until("the change is refused", |w| {
        let refused = w.json(["status", "--json"])["daemon"]["packs_refused"].clone();
        let why = refused["why"].as_str().unwrap_or_default().to_owned();
        why.contains("did you mean `Proxima`?").then_some(())
    });
    std::fs::write(&settings, &before).expect("written");
    world.until("it is in force again", |w| {
        let refused = w.json(["status", "--json"])["daemon"]["packs_refused"].clone();
        refused.is_null().then_some(())
    });
    assert_eq!(company(&world).as_deref(), Some("Proxima"));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

/// One broken blueprint of the home is the matter of who walks it.
#[test]
fn a_daemon_starts_with_a_broken_blueprint_and_holds_what_walks_it() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let broken = world.home().join("blueprints/broken.yaml");
    std::fs::write(
        &broken,
        "version: 1\nname: broken\nsteps: [{id: a, use: agent}]\n",
    )
    .expect("written");
    let daemon = world.up();
    world
        .alai(["status"])
        .exits(0)
        .says("blueprints/broken.yaml cannot be used");
    add(&world, "Add initials", "CodeCraft");
    world.until("the others work", |w| (w.state(1) == "done").then_some(()));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}
