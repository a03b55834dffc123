//! A task of no goal that is too large: split like one of a goal, within the same bounds, its parts a part of its own line of work; what was never
//! good enough is a person's.

use super::*;

const CHECK: &str = "test -d .";

/// A task of no goal that is too large, and one that needs its merge.
fn add(world: &World) {
    let title = "Say both";
    let args = ["--project", "tiny", "--accept", "both are said"];
    world
        .alai(
            ["mc", "add", title]
                .into_iter()
                .chain(args)
                .chain(["--check", CHECK]),
        )
        .exits(0);
    world
        .alai([
            "mc",
            "add",
            "Say three",
            "--project",
            "tiny",
            "--needs",
            "1",
        ])
        .exits(0);
}

fn is_merged(world: &World, title: &str) -> bool {
    let all = rows(world);
    let found = all.iter().find(|(.., t)| t == title);
    found.is_some_and(|(id, ..)| !world.task(*id)["view"]["task"]["integrated"].is_null())
}

/// All titles of the line of work, without what judges it.
fn whole() -> [&'static str; 4] {
    ["Say both", "Split: Say both", "Say one", "Say two"]
}

#[test]
fn a_task_of_no_goal_is_split_and_whoever_needs_it_needs_its_parts() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    add(&world);
    let daemon = world.up();
    world.until("the last is merged", |w| {
        (!w.task(2)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    assert_eq!(titles(&world), whole());
    let (spec, one) = (named(&world, "Split: Say both"), named(&world, "Say one"));
    let two = named(&world, "Say two");
    assert_eq!(needs(&world, 2), [one, two]);
    assert_eq!(needs(&world, two), [one], "the last has the others");
    let task = |id: i64| world.task(id)["view"]["task"].clone();
    assert_eq!(
        (&task(spec)["parent"], &task(one)["parent"]),
        (&json!(1), &json!(spec))
    );
    assert_eq!(
        (&task(spec)["goal"], &task(two)["goal"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(task(one)["checks"], json!([]));
    assert_eq!(task(two)["checks"], json!([CHECK]));
    let accepted = task(two)["acceptance"].to_string();
    assert!(accepted.contains("both are said"), "{accepted}");
    // It never counts as done, says what became of it wherever it is looked at, and is not taken up again.
    assert_eq!(world.state(1), "cancelled");
    let by = format!("replaced by #{one}, #{two}");
    let why = world.json(["why", "1", "--json"])["why"].clone();
    assert_eq!(why["rule"], "replaced", "{why}");
    let page = format!("goals/1/spec-{spec}");
    world.alai(["wiki", "show", &page]).exits(0).says("Smaller");
    for command in [
        vec!["why", "1"],
        vec!["mc", "show", "1"],
        vec!["pipeline", "status", "1"],
        vec!["console", "1"],
    ] {
        world.alai(command).exits(0).says(&by);
    }
    let in_place = format!("#{one} stands in its place");
    world
        .alai(["mc", "retry", "1", "again"])
        .exits(1)
        .says(&in_place);
    let seen = world.json(["console", "1", "--json"]);
    let said = format!("model: 2 task(s), by #{spec}, instead of #1");
    assert_eq!(seen["plans"][0]["said"], said.as_str(), "{seen}");
    let stats = world.json(["mc", "stats", "1", "--json"]);
    assert_eq!(stats["total"]["splits"], 1, "{stats}");
    world.until("all is delivered", |w| {
        let queue = w.json(["status", "--json"])["queue"].clone();
        let nobody = queue["needs_you"].as_array().is_some_and(Vec::is_empty);
        (nobody && queue["merging"] == 0).then_some(())
    });
    down(&world, daemon);
}

#[test]
fn no_usable_split_of_a_task_of_no_goal_asks_a_person() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()[..1]));
    add(&world);
    let daemon = world.up();
    world.until("a person is asked", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    let detail = asked(&world, 1);
    assert!(
        detail.contains("was not split: ") && detail.contains("one task is no split"),
        "{detail}"
    );
    assert_eq!(world.state(named(&world, "Split: Say both")), "done");
    assert_eq!(needs(&world, 2), [1]);
    down(&world, daemon);
}

#[test]
fn a_task_of_no_goal_is_split_twice_deep_and_then_a_persons() {
    let deeper = [
        planned("a", "Wander deeper", &[]),
        planned("b", "Say two", &[]),
    ];
    let deepest = [
        planned("c", "Wander deepest", &[]),
        planned("d", "Say one", &[]),
    ];
    let script = wanders(wanders(script(), "Wander deeper"), "Wander deepest");
    let script = plans_anew(script, "split", "Say both", &deeper);
    let script = plans_anew(script, "split", "Wander deeper", &deepest);
    let world = world(&plans_anew(script, "split", "Wander deepest", &halves()));
    add(&world);
    let daemon = world.up();
    world.until("a person is asked", |w| {
        let all = rows(w);
        all.iter()
            .any(|(.., state, _)| state == "waiting")
            .then_some(())
    });
    let detail = asked(&world, named(&world, "Wander deepest"));
    assert!(detail.contains("it was split 2 times already"), "{detail}");
    let splits = titles(&world);
    let splits = splits.iter().filter(|title| title.starts_with("Split: "));
    assert_eq!(splits.count(), 2);
    down(&world, daemon);
}

#[test]
fn work_of_no_goal_that_is_never_good_enough_is_a_persons_at_once() {
    let world = world(&idles(script(), "Say both"));
    add(&world);
    let daemon = world.up();
    world.until("a person is asked", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    let detail = asked(&world, 1);
    assert!(detail.starts_with("failed 3 times; last: "), "{detail}");
    assert_eq!(titles(&world), ["Say both"]);
    down(&world, daemon);
}

#[test]
fn kills_around_the_split_of_a_task_of_no_goal_make_every_part_once() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    add(&world);
    // Each daemon dies at the end of one run, before and after that is in the rows: of the three tries, of the split, of the first part.
    for _ in 0..5 {
        for point in ["end.before", "end.after"] {
            let mut dies = world.command(["up"]);
            dies.env("ALAI_CRASH_AT", point);
            run(dies).exits(137);
            sound(&world);
        }
    }
    let daemon = world.up();
    world.until("all parts are merged", |w| {
        ["Say one", "Say two"]
            .iter()
            .all(|title| is_merged(w, title))
            .then_some(())
    });
    assert_eq!(titles(&world), whole());
    assert_eq!(world.state(1), "cancelled");
    down(&world, daemon);
}
