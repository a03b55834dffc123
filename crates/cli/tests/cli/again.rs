//! A task whose tries are over: its lead makes it smaller or plans it anew, within bounds, once, and what comes of that stands in
//! its place; where nothing can come of it, a person is asked as ever.

use serde_json::{Value, json};

use crate::script::{Script, pass, planned, small};
use crate::world::{Running, World, run};

mod bounds;
mod lone;
mod told;

/// More than its builder has turns for, each of them another one.
fn wanders(script: Script, title: &str) -> Script {
    let look = |n: u32| {
        let call = json!({"name": "search", "arguments": {"pattern": format!("word{n}")}});
        json!({"text": format!("I look for {n}."), "calls": [call]})
    };
    let turns: Vec<Value> = (0..20).map(look).collect();
    script.with(
        json!({"kind": "build", "title": title, "step": "build"}),
        &turns,
    )
}

/// The lead's answer when a task with that title is to be split (or, with `replan`, planned anew), each time that he is asked.
fn plans_anew(script: Script, step: &str, title: &str, tasks: &[Value]) -> Script {
    let plan = json!({"spec": "# Smaller\n\nIn parts.\n", "tasks": tasks});
    let turns = vec![json!({"json": plan}); 4];
    script.with(
        json!({"kind": "spec", "title": title, "step": step}),
        &turns,
    )
}

/// Plans a task that is too large, and one that needs it; knows how to say one, two and three.
fn script() -> Script {
    let all = Script::good()
        .plans(&[
            planned("both", "Say both", &[]),
            planned("three", "Say three", &["both"]),
        ])
        .builds("Say one", &small("one"))
        .builds("Say two", &small("two"))
        .builds("Say three", &small("three"))
        .judges("review", "", pass())
        .judges("security", "", pass());
    wanders(all, "Say both")
}

fn halves() -> [Value; 2] {
    [
        planned("one", "Say one", &[]),
        planned("two", "Say two", &[]),
    ]
}

/// A world whose agents have few turns.
fn world(script: &Script) -> World {
    let world = World::scripted("auto", script);
    let settings = world.home().join("alai.toml");
    let mut text = std::fs::read_to_string(&settings).expect("the settings");
    text.push_str("\n[limits.agent]\nturns = 8\n");
    std::fs::write(settings, text).expect("the settings");
    world
}

fn start(world: &World, code: i32) {
    world
        .alai(["start", "Say numbers", "--project", "tiny", "--wait"])
        .exits(code);
}

/// Kind, state and title of a goal's specifications and builds, in the order of their numbers.
fn rows(world: &World) -> Vec<(i64, String, String, String)> {
    let all = world.json(["pipeline", "status", "1", "--json"]);
    let text = |value: &Value| value.as_str().expect("a word").to_owned();
    let mut rows: Vec<_> = { all["tasks"].as_array().expect("tasks").iter() }
        .map(|t| {
            let id = t["task"].as_i64().expect("a number");
            (id, text(&t["stage"]), text(&t["state"]), text(&t["title"]))
        })
        .filter(|(_, stage, ..)| ["spec", "build"].contains(&stage.as_str()))
        .collect();
    rows.sort();
    rows
}

fn titles(world: &World) -> Vec<String> {
    rows(world).into_iter().map(|(.., title)| title).collect()
}

fn named(world: &World, title: &str) -> i64 {
    let found = rows(world).into_iter().find(|(.., t)| t == title);
    found.unwrap_or_else(|| panic!("no {title}")).0
}

fn needs(world: &World, task: i64) -> Vec<i64> {
    let shown = world.task(task);
    { shown["needs"].as_array().expect("needs").iter() }
        .map(|need| need["needs"].as_i64().expect("a number"))
        .collect()
}

/// What a person is told of a task that waits for him.
fn asked(world: &World, task: i64) -> String {
    let waiting = world.task(task)["view"]["task"]["waiting"].clone();
    assert_eq!(waiting["reason"], "qa_retries", "{waiting}");
    let action = waiting["next_action"].as_str().expect("a next action");
    assert!(
        action.contains(&format!("alai mc answer {task}")),
        "{action}"
    );
    waiting["detail"].as_str().expect("words").to_owned()
}

fn sound(world: &World) {
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_task_that_runs_into_its_limit_is_split_and_its_parts_stand_in_its_place() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    start(&world, 0);
    assert_eq!(world.state(1), "done", "{}", world.list());
    assert_eq!(
        titles(&world),
        [
            "Spec: Say numbers",
            "Say both",
            "Say three",
            "Split: Say both",
            "Say one",
            "Say two"
        ]
    );
    let (both, three) = (named(&world, "Say both"), named(&world, "Say three"));
    let (one, two) = (named(&world, "Say one"), named(&world, "Say two"));
    let spec = named(&world, "Split: Say both");
    for (part, needed) in [(one, vec![]), (two, vec![one]), (three, vec![one, two])] {
        let task = world.task(part);
        assert!(!task["view"]["task"]["integrated"].is_null(), "{task}");
        assert_eq!(needs(&world, part), needed, "{task}");
    }
    assert_eq!(world.task(one)["view"]["task"]["parent"], spec);
    assert_eq!(world.task(spec)["view"]["task"]["parent"], both);
    // It never counts as done, says what became of it, and is not taken up again.
    assert_eq!(world.state(both), "cancelled");
    let by = format!("replaced by #{one}, #{two}");
    let why = world.json(["why", &both.to_string(), "--json"])["why"].clone();
    assert_eq!(why["rule"], "replaced", "{why}");
    assert!(why["text"].as_str().expect("words").contains(&by), "{why}");
    world
        .alai(["mc", "show", &both.to_string()])
        .exits(0)
        .says(&by);
    let retried = world.alai(["mc", "retry", &both.to_string(), "again"]);
    let in_place = format!("#{one} stands in its place");
    retried.exits(1).says(&in_place);
    assert_eq!(world.state(both), "cancelled");
    world.alai(["pipeline", "status", "1"]).exits(0).says(&by);
    world.alai(["console", "1"]).exits(0).says(&by);
    let seen = world.json(["console", "1", "--json"]);
    let plans: Vec<&str> = { seen["plans"].as_array().expect("plans").iter() }
        .map(|plan| plan["said"].as_str().expect("words"))
        .collect();
    assert_eq!(
        plans,
        [
            "model: 2 task(s), by #2".to_owned(),
            format!("model: 2 task(s), by #{spec}, instead of #{both}")
        ]
    );
    // What was planned anew stands beside the goal's own plan.
    let page = format!("goals/1/spec-{spec}");
    let shown = world.alai(["wiki", "show", &page]).exits(0);
    shown.says("Smaller").says("Say two");
    let pages = world.alai(["wiki", "list"]).exits(0);
    assert!(!pages.out.contains(&format!("goals/{spec}/")), "{pages}");
    pages.says(&format!("{page}.md")).says("goals/1/spec.md");
    let stats = world.json(["mc", "stats", "1", "--json"]);
    let total = &stats["total"];
    assert_eq!(
        (&total["splits"], &total["replans"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(total["retries"], 2, "the third end was no retry: {stats}");
    // Its lead knew what had happened.
    let log = world.task(spec);
    let run = log["runs"][0]["id"].as_str().expect("a run");
    world
        .alai(["evidence", "verify", &spec.to_string()])
        .exits(0);
    let log = world.alai(["evidence", "show", run]).exits(0).out;
    assert!(log.contains("Say one"), "{log}");
    sound(&world);
}

#[test]
fn a_split_that_cannot_be_carried_out_makes_nothing_and_asks_a_person() {
    let many: Vec<Value> = (0..5)
        .map(|n| planned(&format!("k{n}"), &format!("Say {n}"), &[]))
        .collect();
    let circle = [
        planned("one", "Say one", &["two"]),
        planned("two", "Say two", &["one"]),
    ];
    let with = |name: &str, value: Value| {
        let mut halves = halves();
        halves[0][name] = value;
        halves.to_vec()
    };
    for (tasks, said) in [
        (many, "at most 4 stand in the place of one"),
        (circle.to_vec(), "in a circle"),
        (halves()[..1].to_vec(), "one task is no split"),
        (
            with("paths", json!(["../outside"])),
            "the path `../outside`",
        ),
        (with("changes_tests", json!(["../x"])), "changes_tests"),
        (
            with("changes_tests", json!(["tests/words.sh"])),
            "none that the task may change",
        ),
    ] {
        let world = world(&plans_anew(script(), "split", "Say both", &tasks));
        start(&world, 5);
        assert_eq!(
            titles(&world),
            [
                "Spec: Say numbers",
                "Say both",
                "Say three",
                "Split: Say both"
            ],
            "{said}"
        );
        let both = named(&world, "Say both");
        let detail = asked(&world, both);
        assert!(
            detail.contains("was not split") && detail.contains(said),
            "{detail}"
        );
        let spec = named(&world, "Split: Say both");
        assert_eq!(world.state(spec), "done");
        assert_eq!(needs(&world, named(&world, "Say three")), [both]);
        sound(&world);
    }
}

#[test]
fn no_answer_of_a_lead_asks_a_person_and_his_word_goes_on() {
    // The script has no scene for a split.
    let world = world(&script());
    start(&world, 5);
    let both = named(&world, "Say both");
    let detail = asked(&world, both);
    assert!(detail.contains("was not split: "), "{detail}");
    world.play(&script().builds("Say both", &small("both")));
    let answered = world.alai(["mc", "answer", &both.to_string(), "say it at once"]);
    answered.exits(0);
    let daemon = world.up();
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    down(&world, daemon);
}

fn down(world: &World, daemon: Running) {
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    sound(world);
}

#[test]
fn a_part_is_split_once_more_and_the_third_time_a_person_is_asked() {
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
    let script = plans_anew(script, "split", "Wander deepest", &halves());
    let world = world(&script);
    start(&world, 5);
    let all = titles(&world);
    let splits = all.iter().filter(|title| title.starts_with("Split: "));
    assert_eq!(splits.count(), 2, "{all:?}");
    let last = named(&world, "Wander deepest");
    let detail = asked(&world, last);
    assert!(detail.contains("it was split 2 times already"), "{detail}");
    let three = named(&world, "Say three");
    // Whoever needed the first needs what stands in its place now, and the place of that.
    let mut needed = needs(&world, three);
    needed.sort_unstable();
    let mut place = vec![last, named(&world, "Say two"), named(&world, "Say one")];
    place.sort_unstable();
    assert_eq!(needed, place);
    sound(&world);
}

/// Builds nothing: its gate finds no change, each time.
fn idles(script: Script, title: &str) -> Script {
    script.builds(title, &[])
}

#[test]
fn work_that_is_never_good_enough_is_planned_anew_twice_in_a_goal() {
    let script = idles(idles(idles(script(), "Say both"), "Other way"), "Third way");
    let other = [planned("other", "Other way", &[])];
    let third = [planned("third", "Third way", &[])];
    let script = plans_anew(script, "replan", "Say both", &other);
    let script = plans_anew(script, "replan", "Other way", &third);
    let world = world(&plans_anew(script, "replan", "Third way", &halves()));
    start(&world, 5);
    assert_eq!(
        titles(&world),
        [
            "Spec: Say numbers",
            "Say both",
            "Say three",
            "Plan anew: Say both",
            "Other way",
            "Plan anew: Other way",
            "Third way"
        ]
    );
    let detail = asked(&world, named(&world, "Third way"));
    assert!(detail.contains("planned anew 2 times already"), "{detail}");
    let stats = world.json(["mc", "stats", "1", "--json"]);
    assert_eq!(stats["total"]["replans"], 2, "{stats}");
    sound(&world);
}

#[test]
fn what_a_cap_stops_is_not_split() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    let settings = world.home().join("alai.toml");
    let text = std::fs::read_to_string(&settings).expect("the settings");
    // Of its own amount nothing is left at the first turn of the build.
    std::fs::write(settings, format!("{text}tokens = 1\n")).expect("the settings");
    start(&world, 5);
    let all = titles(&world);
    assert!(
        !all.iter().any(|title| title.starts_with("Split")),
        "{all:?}"
    );
    let detail = asked(&world, named(&world, "Say both"));
    assert!(detail.contains("cost_limit"), "{detail}");
    assert!(!detail.contains("planned anew"), "{detail}");
}

#[test]
fn a_kill_between_the_plans_end_and_its_landing_makes_every_part_once() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    world
        .alai(["start", "Say numbers", "--project", "tiny"])
        .exits(0);
    // Each daemon dies at the end of one run: of the plan, of the three tries, of the split, before and after its end is in the rows.
    for _ in 0..8 {
        for point in ["end.before", "end.after"] {
            let mut dies = world.command(["up"]);
            dies.env("ALAI_CRASH_AT", point);
            run(dies).exits(137);
        }
    }
    let daemon = world.up();
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    let all = titles(&world);
    for title in [
        "Say both",
        "Say three",
        "Split: Say both",
        "Say one",
        "Say two",
    ] {
        let count = all.iter().filter(|t| *t == title).count();
        assert_eq!(count, 1, "{title}: {all:?}");
    }
    assert_eq!(world.state(named(&world, "Say both")), "cancelled");
    down(&world, daemon);
}
