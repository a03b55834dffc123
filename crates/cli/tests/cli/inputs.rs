//! What a person gives a task's blueprint: checked when it is asked for, kept with the task, inherited, and never part of a command.

use serde_json::{Value, json};

use crate::script::{Script, TITLE, reject};
use crate::world::World;

/// Whatever a shell, a template or a quote could do with a value.
const HOSTILE: &str = "$(touch x); \" `touch x` ' ${{ inputs.other }} $WORD \\";

/// Hands one input to a program, a page and a model; the other to nobody.
const OWN: &str = "\
version: 1
name: own-way
description: Says a word.
extends: minion-one-shot
inputs:
  word: {type: string, required: true, description: what is said}
  other: {type: string, default: nothing}
steps:
  - id: say
    env: {WORD: '${{ inputs.word }}'}
    run: printf '%s' \"$WORD\" > said.txt && git add said.txt && git commit -qm said
  - id: page
    uses: scaffold
    with: {files: {page.txt: '${{ inputs.word }}'}}
  - id: build
    with: {prompt: 'Do the task. It is about: ${{ inputs.word }}'}
";

fn own(world: &World, text: &str) {
    std::fs::write(world.home().join("blueprints/own-way.yaml"), text).expect("written");
}

fn task(world: &World, id: i64) -> Value {
    world.task(id)["view"]["task"].clone()
}

/// The inputs of a blueprint's example, as they are typed. The tests are the project's.
fn example(resolved: &Value) -> Vec<String> {
    let example = resolved["resolved"]["example"].as_object();
    let given = example.into_iter().flatten();
    given
        .filter(|(name, _)| *name != "test_command")
        .flat_map(|(name, value)| {
            let value = value.as_str().expect("a text");
            ["--input".to_owned(), format!("{name}={value}")]
        })
        .collect()
}

/// Every shipped blueprint that builds something can be asked for with the inputs of its own example, by its name alone; what the task then
/// goes by is resolved as for its run.
#[test]
fn every_shipped_blueprint_can_be_given_its_inputs() {
    let world = World::with_project("auto");
    let listed = world.json(["blueprint", "list", "--json"])["blueprints"].clone();
    let (mut asked, mut with_required) = (0, 0);
    for line in listed.as_array().expect("a list") {
        let name = line["name"].as_str().expect("a name");
        let mut show = vec!["blueprint", "show", name, "--resolved", "--json"];
        if let Some(company) = line["company"].as_str() {
            show.extend(["--company", company]);
        }
        let given = example(&world.json(show));
        let args = [
            "minion",
            "enqueue",
            name,
            "--project",
            "tiny",
            "--blueprint",
            name,
        ];
        let args = args
            .iter()
            .map(|arg| (*arg).to_owned())
            .chain(given.clone());
        let ran = world.alai(args);
        if name.ends_with("review") || name == "review-readonly" {
            assert_eq!(ran.code, 2, "{name} judges: {ran}");
            continue;
        }
        if name.starts_with("lead-") {
            assert_eq!(ran.code, 2, "{name} hands out, and is a goal's: {ran}");
            continue;
        }
        ran.exits(0);
        asked += 1;
        let basis = world.json(["explain", &asked.to_string(), "--json"]);
        let walked = &basis["blueprint"];
        assert_eq!(walked["name"], name);
        assert_eq!(walked["problem"], Value::Null, "{basis}");
        assert!(
            walked["steps"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
        );
        if let Some(company) = line["company"].as_str() {
            assert_eq!(basis["company"]["name"], company, "{name}");
        }
        let inputs = walked["inputs"].as_array().expect("a list");
        let of_person = inputs.iter().filter(|input| input["from"] == "pin");
        assert_eq!(of_person.count(), given.len() / 2, "{name}: {basis}");
        let required =
            |input: &&Value| input["required"] == true && input["name"] != "test_command";
        if inputs.iter().any(|input| required(&input)) {
            with_required += 1;
            let bare = [
                "minion",
                "enqueue",
                "Do it",
                "--project",
                "tiny",
                "--blueprint",
                name,
            ];
            world
                .alai(bare)
                .exits(2)
                .says("needs the input")
                .says("--input");
        }
    }
    assert!(
        asked >= 25 && with_required >= 10,
        "{asked}, {with_required}"
    );
}

#[test]
fn inputs_are_checked_when_they_are_given() {
    let world = World::with_project("auto");
    own(&world, OWN);
    let add = |more: &[&str]| {
        let args = [
            "mc",
            "add",
            TITLE,
            "--project",
            "tiny",
            "--blueprint",
            "own-way",
        ];
        world.alai(args.iter().chain(more))
    };
    add(&["--input", "wrod=x"])
        .exits(2)
        .says("did you mean `word`?");
    add(&[])
        .exits(2)
        .says("needs the input `word` (what is said)")
        .says("--input word=VALUE");
    add(&["--input", "word=\u{1b}[2J"])
        .exits(2)
        .says("the control character U+001B");
    add(&["--input", &format!("word={}", "x".repeat(4097))])
        .exits(2)
        .says("at most 4096");
    add(&["--input", "word=a", "--input", "word=b"])
        .exits(2)
        .says("given twice");
    add(&["--input", "word"]).exits(2).says("NAME=VALUE");
    let token = ["word=ghp", "_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].concat();
    let refused = add(&["--input", &token]).exits(2).says("no place for it");
    assert!(!refused.err.contains("A1b2C3"), "{refused}");
    // What stands in a command is the project's word, the company's or the blueprint's own.
    add(&["--input", "word=a", "--input", "test_command=true; touch x"])
        .exits(2)
        .says("stands in a command here")
        .says("alai project set NAME --test");
    let other = [
        "minion",
        "enqueue",
        TITLE,
        "--project",
        "tiny",
        "--input",
        "word=a",
    ];
    world.alai(other).exits(2).says("--blueprint");
    // A tag in front is no part of what the run will take from the title.
    let tagged = [
        "mc",
        "add",
        "[adr] One database for all tenants",
        "--project",
        "tiny",
        "--blueprint",
        "axiom-adr",
    ];
    world.alai(tagged).exits(2).says("needs the input");
    assert_eq!(world.list(), "", "nothing was added");

    add(&["--input", "word=a", "--input", "other=b=c"]).exits(0);
    let inputs = json!({"word": "a", "other": "b=c"});
    assert_eq!(task(&world, 1)["inputs"], inputs);
    world
        .alai(["mc", "show", "1"])
        .exits(0)
        .says("walks    own-way")
        .says("input    other = b=c");
    // The store as text, and another store made of it.
    let text = world.alai(["mc", "export"]).exits(0).out;
    let home = world.path("other").display().to_string();
    world.alai(["--home", &home, "init"]).exits(0);
    std::fs::write(world.path("store.jsonl"), &text).expect("written");
    let import = format!("\"$ALAI\" --home '{home}' mc import < ../store.jsonl");
    world.sh(&import).exits(0);
    let there = world.alai(["--home", &home, "mc", "show", "1", "--json"]);
    assert_eq!(there.exits(0).json()["view"]["task"]["inputs"], inputs);
    let again = world.alai(["--home", &home, "mc", "export"]).exits(0).out;
    assert_eq!(again, text);
}

/// A company fills inputs in; a person's word for one task stands over that.
#[test]
fn a_task_s_inputs_stand_over_the_company_s() {
    let world = World::with_project("auto");
    own(&world, OWN);
    let config = world.home().join("companies/CodeCraft/config.json");
    let text = std::fs::read_to_string(&config).expect("a file");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    value["blueprints"]["build"] = json!("own-way");
    value["blueprint_inputs"] = json!({"word": "the company's", "other": "the company's too"});
    std::fs::write(&config, value.to_string()).expect("written");
    let args = [
        "mc",
        "add",
        TITLE,
        "--project",
        "tiny",
        "--company",
        "CodeCraft",
    ];
    let more = ["--blueprint", "own-way", "--input", "word=mine"];
    world.alai(args.iter().chain(&more)).exits(0);
    let basis = world.json(["explain", "1", "--json"]);
    let of = |name: &str| {
        let inputs = basis["blueprint"]["inputs"].as_array().expect("a list");
        let found = inputs.iter().find(|input| input["name"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name}: {basis}"));
        (found["value"].clone(), found["from"].clone())
    };
    assert_eq!(of("word"), (json!("mine"), json!("pin")));
    assert_eq!(of("other"), (json!("the company's too"), json!("company")));
}

/// The value is what a program, a page and a model get, whatever stands in it, and no shell reads it.
#[test]
fn a_hostile_value_is_a_value_and_no_command() {
    let world = World::scripted("auto", &Script::good());
    own(&world, OWN);
    let word = format!("word={HOSTILE}");
    let args = [
        "minion",
        "run",
        TITLE,
        "--project",
        "tiny",
        "--blueprint",
        "own-way",
    ];
    let ran = world.json(args.iter().chain(&["--json", "--input", &word]));
    assert_eq!(ran["state"], "done", "{ran}");
    let head = ran["head"].as_str().expect("a commit");
    for file in ["said.txt", "page.txt"] {
        let said = world.git(&["show", &format!("{head}:{file}")]);
        assert_eq!(said.trim_end_matches('\n'), HOSTILE, "{file}");
    }
    let files = world.git(&["ls-tree", "-r", "--name-only", head]);
    assert!(files.lines().all(|file| file != "x"), "{files}");
    assert_eq!(task(&world, 1)["inputs"]["word"], HOSTILE);
}

/// Who does it again is given the same.
#[test]
fn a_rework_inherits_them() {
    let script = Script::good().judges_attempt("review", 0, reject("It is not tested."));
    let world = World::scripted("auto", &script);
    own(&world, OWN);
    let args = [
        "mc",
        "add",
        TITLE,
        "--project",
        "tiny",
        "--blueprint",
        "own-way",
    ];
    world
        .alai(args.iter().chain(&["--input", "word=again"]))
        .exits(0);
    let daemon = world.up();
    let rework = world.until("there is a rework", |w| {
        (2..9).find(|id| {
            let shown = w.alai(["mc", "show", &id.to_string(), "--json"]);
            shown.code == 0
                && shown.json()["view"]["task"]["title"] == format!("[BUILD] Rework: {TITLE}")
        })
    });
    let made = task(&world, rework);
    assert_eq!(made["blueprint"], "own-way", "{made}");
    assert_eq!(made["inputs"], json!({"word": "again"}));
    // What judges it is the company's own, and has no input of who is judged.
    let review = (2..rework).find(|id| task(&world, *id)["kind"] == "review");
    let review = task(&world, review.expect("it was reviewed"));
    assert_eq!(review["inputs"], Value::Null, "{review}");
    let basis = world.json(["explain", &review["id"].to_string(), "--json"]);
    assert_eq!(basis["company"]["name"], "Proveo", "{basis}");
    assert_eq!(basis["blueprint"]["name"], "proveo-review");
    assert_eq!(basis["blueprint"]["problem"], Value::Null);
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

/// A blueprint for a type of work takes what it wants from the task's title, and a task that does not say it goes the company's usual way.
#[test]
fn a_title_gives_what_it_says() {
    let world = World::with_project("auto");
    let shipped = [
        (
            "Proveo",
            "Write tests for src/price.py",
            Some(("proveo-test-writing", "target", "src/price.py")),
        ),
        ("Proveo", "Write tests for the login", None),
        ("Proveo", "Write tests for src/a.py and src/b.py", None),
        (
            "Axiom",
            "ADR: event sourcing or plain tables for the orders",
            Some((
                "axiom-adr",
                "slug",
                "adr-event-sourcing-or-plain-tables-for-the-orders",
            )),
        ),
        (
            "Axiom",
            "Draw the architecture of the shop as C4 views",
            None,
        ),
    ];
    for (nth, (company, title, wants)) in (1..).zip(shipped) {
        let args = [
            "minion",
            "enqueue",
            title,
            "--project",
            "tiny",
            "--company",
            company,
        ];
        world.alai(args).exits(0);
        let basis = world.json(["explain", &nth.to_string(), "--json"]);
        let walked = &basis["blueprint"];
        assert_eq!(walked["problem"], Value::Null, "{basis}");
        let Some((blueprint, input, value)) = wants else {
            assert_eq!(walked["name"], "minion-one-shot", "{title}");
            let reason = walked["reason"].as_str().expect("a reason");
            assert!(
                reason.contains("because the task gives no `"),
                "{title}: {reason}"
            );
            continue;
        };
        assert_eq!(walked["name"], blueprint, "{title}");
        let inputs = walked["inputs"].as_array().expect("a list");
        let found = inputs.iter().find(|one| one["name"] == input);
        let found = found.unwrap_or_else(|| panic!("no {input}: {basis}"));
        assert_eq!(
            (&found["value"], &found["from"]),
            (&json!(value), &json!("task"))
        );
    }
    // A person's word stands over the title's.
    let args = [
        "minion",
        "enqueue",
        "ADR: one or two",
        "--project",
        "tiny",
        "--blueprint",
        "axiom-adr",
    ];
    let more = [
        "--input",
        "title=One queue for all tenants",
        "--input",
        "slug=one-queue",
    ];
    world.alai(args.iter().chain(&more)).exits(0);
    let basis = world.json(["explain", "6", "--json"]);
    assert_eq!(basis["company"]["name"], "Axiom");
    let inputs = basis["blueprint"]["inputs"].as_array().expect("a list");
    let given = inputs.iter().filter(|one| one["from"] == "pin").count();
    assert_eq!(given, 2, "{basis}");
}
