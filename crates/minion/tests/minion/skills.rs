//! Advice that an agent loads when it wants it: named in the first request, read on demand, recorded.

use std::collections::BTreeMap;

use alai_core::brief::Role;
use alai_core::company::Skill;
use alai_core::skills::{Level, Shelf};
use serde_json::json;

use crate::world::{Ran, Script, World, agent, calls, done, fix};

fn skill(name: &str, text: &str) -> (String, Skill) {
    let skill = Skill {
        name: name.to_owned(),
        description: format!("Says how {name} is done well. Use it before any work of that kind."),
        text: text.to_owned(),
        files: BTreeMap::from([("references/list.md".to_owned(), "one, two".to_owned())]),
    };
    (name.to_owned(), skill)
}

fn shelf(skills: impl IntoIterator<Item = (String, Skill)>) -> Shelf {
    Shelf {
        company: "Sample".to_owned(),
        soul: "# Sample\n\nThe whole of it.".to_owned(),
        levels: vec![(
            Level::Company("Sample".to_owned()),
            skills.into_iter().collect(),
        )],
    }
}

fn run(shelf: Shelf, wishes: &[serde_json::Value]) -> (Ran, Script) {
    let mut world = World::new();
    world.shelf = shelf;
    let mut replies: Vec<_> = wishes
        .iter()
        .map(|wish| calls(&[("skill", wish.clone())]))
        .collect();
    replies.push(calls(&[("read", json!({"path": "answer.txt"})), fix()]));
    replies.push(calls(&[done()]));
    let mut script = Script::new(replies);
    let brief = world.brief(vec![agent(None)]);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status.as_str(), "done", "{:?}", ran.report);
    (ran, script)
}

#[test]
fn a_prompt_names_skills_and_has_none_of_their_texts() {
    let text = "Say which status codes are used.";
    let skills = [
        skill("api-design", text),
        skill("code-review", "Read twice."),
    ];
    let (_, script) = run(shelf(skills), &[json!({"name": "api-design"})]);
    let first = &script.requests[0];
    let spec = { first.tools.iter() }
        .find(|tool| tool.name == "read")
        .expect("offered");
    assert_eq!(first.tools.len(), 6, "no tool of its own beside six");
    for name in ["api-design", "code-review"] {
        assert!(
            spec.description.contains(&format!("- {name}: Says how")),
            "{spec:?}"
        );
    }
    let whole = format!("{first:?}");
    assert!(!whole.contains(text), "only its name");
    assert!(!whole.contains("The whole of it."), "only its essence");
    assert!(script.last(1).contains(text), "{}", script.last(1));
    assert!(
        script.last(1).contains("references/list.md"),
        "{}",
        script.last(1)
    );
    assert!(script.last(1).contains("advice"), "{}", script.last(1));
}

#[test]
fn where_there_are_none_the_tool_is_not_there() {
    let (ran, script) = run(Shelf::default(), &[json!({"name": "api-design"})]);
    assert!(
        script.requests[0]
            .tools
            .iter()
            .all(|tool| tool.name != "skill")
    );
    let result = ran.kinds("result")[0];
    assert_eq!(result["error"], true);
    assert!(
        result["text"]
            .as_str()
            .is_some_and(|text| text.contains("There is no tool `skill`"))
    );
}

#[test]
fn files_beside_and_the_soul_are_loaded_and_each_is_recorded() {
    let wishes = [
        json!({"name": "api-design", "file": "references/list.md"}),
        json!({"name": "soul"}),
        json!({"name": "api-desing"}),
        json!({"name": "api-design", "file": "../../../etc/passwd"}),
    ];
    let (ran, script) = run(shelf([skill("api-design", "text")]), &wishes);
    assert!(script.last(1).contains("one, two"));
    assert!(script.last(2).contains("The whole of it."));
    assert!(script.last(3).contains("Did you mean `api-design`?"));
    assert!(script.last(4).contains("has no file"));
    let loaded = ran.kinds("skill");
    let names: Vec<_> = loaded.iter().map(|event| event["name"].as_str()).collect();
    assert_eq!(names, [Some("api-design/references/list.md"), Some("soul")]);
    assert_eq!(loaded[0]["from"], "the company Sample");
    assert_eq!(loaded[0]["bytes"], 8);
    assert_eq!(loaded[0]["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn a_text_that_is_too_long_is_cut_and_says_so() {
    let long = format!("begin {}", "word ".repeat(10_000));
    let (_, script) = run(
        shelf([skill("api-design", &long)]),
        &[json!({"name": "api-design"})],
    );
    let told = script.last(1);
    assert!(
        told.len() < 20 << 10 && told.contains("bytes cut"),
        "{} bytes",
        told.len()
    );
}

/// All six tools leave no place for another: advice is read as a file is.
#[test]
fn advice_is_read_by_its_path_and_by_the_name_of_its_tool() {
    let mut world = World::new();
    world.shelf = shelf([skill("api-design", "Say which status codes are used.")]);
    std::fs::write(world.repo().join("skill:api-design"), "a file\n").expect("a file");
    let brief = world.brief(vec![agent(None)]);
    let paths = [
        "skill:api-design",
        "skill:api-design/references/list.md",
        "skill:soul",
        "skill:api-desing",
        "./skill:api-design",
    ];
    let mut replies: Vec<_> = { paths.iter() }
        .map(|path| calls(&[("read", json!({"path": path}))]))
        .collect();
    replies.push(calls(&[fix()]));
    replies.push(calls(&[done()]));
    let mut script = Script::new(replies);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status.as_str(), "done", "{:?}", ran.report);
    for (turn, says) in [
        (1, "Say which status codes are used."),
        (2, "one, two"),
        (3, "The whole of it."),
        (4, "Did you mean `api-design`?"),
        (5, "a file"),
    ] {
        assert!(
            script.last(turn).contains(says),
            "{turn}: {}",
            script.last(turn)
        );
    }
    let loaded = ran.kinds("skill");
    let names: Vec<_> = loaded.iter().map(|event| event["name"].as_str()).collect();
    assert_eq!(
        names,
        [
            Some("api-design"),
            Some("api-design/references/list.md"),
            Some("soul")
        ]
    );
}

/// A step that leaves a place shows the tool itself.
#[test]
fn a_step_with_fewer_tools_has_one_for_advice() {
    let mut world = World::new();
    world.shelf = shelf([skill("api-design", "text")]);
    let mut brief = world.brief(vec![agent(None)]);
    brief.role = Role::Reviewer;
    let mut script = Script::new(vec![
        calls(&[("skill", json!({"name": "api-design"}))]),
        calls(&[done()]),
    ]);
    world.run(&brief, &mut script);
    let names = |request: usize| -> Vec<String> {
        let tools = script.requests[request].tools.iter();
        tools.map(|tool| tool.name.clone()).collect()
    };
    assert_eq!(names(0), ["read", "search", "run", "skill", "done"]);
}
