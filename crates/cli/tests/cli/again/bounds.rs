//! What bounds planning anew: the whole family of a task, a person who closes its planning, daemons that are killed and daemons that are two.

use super::*;

#[test]
fn a_whole_family_that_is_lost_ends_before_a_person_and_is_no_larger_than_its_bounds() {
    let script = ["Wander left", "Wander right", "Stray"]
        .into_iter()
        .fold(script(), wanders);
    let wide = [
        planned("a", "Wander left", &[]),
        planned("b", "Wander right", &[]),
        planned("c", "Say two", &[]),
    ];
    let two = |one: &str, two: &str| [planned("a", one, &[]), planned("b", two, &[])];
    let script = plans_anew(script, "split", "Say both", &wide);
    let strays = two("Stray one", "Stray two");
    let script = plans_anew(script, "split", "Wander left", &strays);
    let strays = two("Stray three", "Stray four");
    let script = plans_anew(script, "split", "Wander right", &strays);
    // Nobody is asked for this.
    let script = plans_anew(script, "split", "Stray", &halves());
    let world = world(&script);
    start(&world, 5);
    let all = titles(&world);
    let of = |prefix: &str| all.iter().filter(|title| title.starts_with(prefix)).count();
    // Siblings are each split: the bound counts what is one below the other.
    assert_eq!(
        (of("Split: "), of("Wander "), of("Stray ")),
        (3, 2, 4),
        "{all:?}"
    );
    assert_eq!(all.len(), 1 + 2 + 3 + 7, "{all:?}");
    for (id, stage, state, title) in rows(&world) {
        match (stage.as_str(), title.as_str()) {
            ("spec", _) => assert_eq!(state, "done", "{title}"),
            (_, "Say two" | "Say three") => assert_eq!(state, "open", "{title}"),
            (_, title) if title.starts_with("Stray ") => {
                // The second of two needs the first, which asks.
                if state == "waiting" {
                    let detail = asked(&world, id);
                    assert!(detail.contains("it was split 2 times already"), "{detail}");
                } else {
                    assert_eq!(state, "open", "{title}");
                }
            }
            (_, title) => assert_eq!(state, "cancelled", "{title}"),
        }
    }
    let stats = world.json(["mc", "stats", "1", "--json"]);
    assert_eq!(stats["total"]["splits"], 3, "{stats}");
    sound(&world);
}

/// A daemon that dies at the next point of that name, or at that number.
fn dies_at(world: &World, point: &str) {
    let mut dies = world.command(["up"]);
    dies.env("ALAI_CRASH_AT", point);
    run(dies).exits(137);
}

fn runs_of(world: &World, task: i64) -> usize {
    world.task(task)["runs"].as_array().map_or(0, Vec::len)
}

/// Lets daemons end one run each until the last try of the task is what comes next.
fn until_last_try(world: &World) {
    world
        .alai(["start", "Say numbers", "--project", "tiny"])
        .exits(0);
    for _ in 0..8 {
        dies_at(world, "end.after");
        let tried = rows(world).iter().any(|(id, _, state, title)| {
            title == "Say both" && state == "open" && runs_of(world, *id) == 2
        });
        if tried {
            return;
        }
    }
    panic!("it was not tried twice: {}", world.list());
}

/// The same until the task is to be split, and nobody has begun with that.
fn until_filed(world: &World) -> i64 {
    until_last_try(world);
    dies_at(world, "end.after");
    let spec = named(world, "Split: Say both");
    assert_eq!(
        (world.state(spec).as_str(), runs_of(world, spec)),
        ("open", 0)
    );
    spec
}

#[test]
fn a_person_who_closes_the_planning_by_hand_is_asked_about_the_task_and_it_gets_no_try() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    let spec = until_filed(&world);
    let both = named(&world, "Say both");
    world
        .alai(["mc", "done", &spec.to_string(), "it is one thing"])
        .exits(0);
    let detail = asked(&world, both);
    let said = format!("closed #{spec} by hand: it is one thing; last: ");
    assert!(detail.contains(&said), "{detail}");
    let why = world.json(["why", &both.to_string(), "--json"])["why"].clone();
    assert_eq!(why["rule"], "qa_retries", "{why}");
    let next = why["next_action"].as_str().expect("a next action");
    for verb in ["answer", "cancel"] {
        assert!(next.contains(&format!("alai mc {verb} {both}")), "{why}");
    }
    assert_eq!(runs_of(&world, both), 3);
    // His word gives it its tries back, and it is done.
    world.play(&script().builds("Say both", &small("both")));
    let daemon = world.up();
    world
        .alai(["mc", "answer", &both.to_string(), "say it at once"])
        .exits(0);
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    assert_eq!(runs_of(&world, both), 4);
    down(&world, daemon);
}

#[test]
fn two_daemons_after_a_kill_carry_out_one_plan() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    let spec = until_filed(&world);
    // Killed after it was filed and before it was begun; then there are two, of which one has the home.
    let daemon = world.up();
    world.alai(["up"]).exits(1).says("a daemon works on");
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    let all = titles(&world);
    assert_eq!(all.len(), 6, "{all:?}");
    assert_eq!(runs_of(&world, spec), 1, "it was planned once");
    let plans = world.json(["console", "1", "--json"])["plans"].clone();
    assert_eq!(plans.as_array().map(Vec::len), Some(2), "{plans}");
    down(&world, daemon);
}

#[test]
fn a_kill_at_each_point_around_the_filing_files_one_plan_and_the_task_waits_for_it() {
    let world = world(&plans_anew(script(), "split", "Say both", &halves()));
    until_last_try(&world);
    // Its end is journaled, and is not in the rows.
    dies_at(&world, "end.before");
    let both = named(&world, "Say both");
    let aside = tempfile::tempdir().expect("a folder");
    let (here, aside) = (world.path(""), aside.path().join("as-it-was"));
    let copied = |from: &std::path::Path, to: &std::path::Path| {
        let script = "rm -rf \"$2\" && cp -a \"$1\" \"$2\"";
        let mut copy = std::process::Command::new("sh");
        copy.args(["-c", script, "sh"]).args([from, to]);
        assert!(copy.status().expect("a shell").success());
    };
    copied(&here.join("home"), &aside);
    let (mut before, mut filed) = (0, 0);
    // The end is decided, written in one transaction, and heard of.
    for after in 0..6 {
        let point = format!("end.before+{after}");
        copied(&aside, &here.join("home"));
        dies_at(&world, &point);
        let splits = |all: &[String]| all.iter().filter(|t| *t == "Split: Say both").count();
        let there = splits(&titles(&world));
        assert!(there <= 1, "point {point}: {}", world.list());
        (before, filed) = (before + usize::from(there == 0), filed + there);
        sound(&world);
        // Whoever comes next ends one run: that of the task, or that of its plan.
        dies_at(&world, "end.after");
        assert_eq!(
            splits(&titles(&world)),
            1,
            "point {point}: {}",
            world.list()
        );
        let spec = named(&world, "Split: Say both");
        assert!(needs(&world, both).contains(&spec), "point {point}");
        sound(&world);
    }
    assert!(
        before >= 2 && filed >= 2,
        "killed {before} times before and {filed} after"
    );
}
