//! One goal on one screen, and what it took: `alai console`, `alai mc stats GOAL`, `alai fleet cost GOAL`.

use serde_json::{Value, json};

use crate::script::{Script, reject};
use crate::world::World;

const START: [&str; 5] = ["start", "Count letters", "--project", "tiny", "--wait"];

#[test]
fn a_goal_is_on_one_screen_with_its_evidence_its_cost_and_what_a_person_does_next() {
    let world = World::scripted("approve", &Script::good());
    world.alai(START).exits(6);
    let seen = world.json(["console", "1", "--json"]);
    assert_eq!(seen["schema_version"], 1);
    assert_eq!(
        (&seen["state"], &seen["step"]),
        (&json!("waiting"), &json!("delivery"))
    );
    assert_eq!(seen["mode"], "simulated");
    assert_eq!(seen["blockers"][0]["task"], 1);
    assert!(
        seen["next_action"]
            .as_str()
            .is_some_and(|next| next.contains("alai mc approve 1")),
        "{seen}"
    );
    let build = { seen["tasks"].as_array().expect("tasks").iter() }
        .find(|t| t["stage"] == "build")
        .expect("the build");
    assert_eq!(
        (&build["state"], &build["company"]),
        (&json!("done"), &json!("CodeCraft"))
    );
    let evidence = build["evidence"].as_str().expect("a folder");
    assert!(
        std::path::Path::new(evidence).is_dir(),
        "every path that is named is there: {evidence}"
    );
    assert!(seen["took"]["total"]["calls"].as_u64() > Some(0), "{seen}");
    let text = world.alai(["console", "3"]).exits(0).out;
    for word in [
        "goal     #1 [waiting] Count letters",
        "step     delivery, simulated",
        "verifier none was asked",
        "evidence #3 ",
        "cost     $",
        "blocker  #1 ",
    ] {
        assert!(text.contains(word), "`{word}` is not in it:\n{text}");
    }
    let page = world.alai(["console", "1", "--markdown"]).exits(0).out;
    assert!(
        page.starts_with("# #1 Count letters\n") && page.contains("\n## Blockers\n"),
        "{page}"
    );
    // Where nobody works on it nothing changes, and a watch says so.
    world
        .alai(["console", "1", "--watch"])
        .exits(8)
        .says("alai up");
    world.alai(["console", "9"]).exits(3);
}

#[test]
fn a_watch_ends_with_its_goal_and_says_on_no_terminal_what_is_new() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    let watched = world.alai(["console", "1", "--watch"]).exits(0);
    assert!(
        !watched.out.contains('\u{1b}'),
        "no terminal, no cursor: {watched}"
    );
    let whole = watched
        .out
        .lines()
        .filter(|l| l.starts_with("goal "))
        .count();
    assert!(
        whole >= 1 && watched.out.contains("[done] Count letters"),
        "{watched}"
    );
    let mut lines: Vec<&str> = watched.out.lines().collect();
    lines.dedup();
    assert_eq!(
        lines.len(),
        watched.out.lines().count(),
        "nothing is said twice running"
    );
    drop(daemon);
}

#[test]
fn what_a_goal_took_is_counted_by_stage() {
    let script = Script::good().judges_attempt("review", 0, reject("It lacks a test"));
    let world = World::scripted("auto", &script);
    world.alai(START).exits(0);
    let took = world.json(["mc", "stats", "1", "--json"]);
    let stage = |name: &str| -> Value {
        let mut all = took["stages"].as_array().expect("stages").iter();
        let found = all.find(|s| s["stage"] == name);
        found.cloned().unwrap_or(Value::Null)
    };
    assert_eq!(
        (&stage("build")["tasks"], &stage("build")["review_cycle"]),
        (&json!(2), &json!(1)),
        "{took}"
    );
    assert_eq!(stage("review")["tasks"], 2);
    assert_eq!(stage("security")["tasks"], 1);
    // Every number adds up to the whole, and to what the ledger says.
    let sum = |field: &str| -> u64 {
        let all = took["stages"].as_array().expect("stages").iter();
        all.filter_map(|s| s[field].as_u64()).sum()
    };
    for field in [
        "tasks",
        "runs",
        "calls",
        "prompt_tokens",
        "output_tokens",
        "cost_microusd",
        "run_ms",
        "model_ms",
    ] {
        assert_eq!(
            took["total"][field].as_u64(),
            Some(sum(field)),
            "{field}: {took}"
        );
    }
    let spend = &world.json(["status", "--json"])["queue"]["spend"];
    for field in ["calls", "prompt_tokens", "output_tokens", "cost_microusd"] {
        assert_eq!(took["total"][field], spend[field], "{field}");
    }
    assert_eq!(world.json(["fleet", "cost", "1", "--json"]), took);
    let text = world.alai(["fleet", "cost", "1"]).exits(0).out;
    assert!(
        text.contains("\nreview      2 task(s), 2 done, cycle 1, "),
        "{text}"
    );
    world.alai(["fleet", "cost", "1", "--days", "3"]).exits(2);
    world.alai(["mc", "stats", "99"]).exits(3);
}

/// What a terminal would be sent, of a watch from before the work begins to its end; its size is nobody's.
#[test]
fn a_watch_on_a_terminal_draws_over_itself_and_leaves_the_end_needs_python() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    let mut terminal = world.program("python3");
    let spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn([os.environ['ALAI'], *sys.argv[1:]])))";
    terminal
        .args(["-c", spawn, "console", "1", "--watch"])
        .env("TERM", "xterm");
    let watched = crate::world::run(terminal).exits(0);
    drop(daemon);
    let frames: Vec<&str> = watched.out.split("\u{1b}[H").skip(1).collect();
    assert!(!frames.is_empty(), "{watched}");
    let (last, drawn) = frames.split_last().expect("a last one");
    for frame in drawn {
        assert!(frame.starts_with("goal     #1 ["), "{frame:?}");
        assert!(
            frame.trim_end().ends_with("\u{1b}[J"),
            "nothing below it stays: {frame:?}"
        );
        let lines = frame.lines().filter(|line| *line != "\u{1b}[J");
        for line in lines {
            assert!(
                line.ends_with("\u{1b}[K"),
                "nothing behind it stays: {line:?}"
            );
        }
    }
    assert!(last.starts_with("\u{1b}[Jgoal     #1 [done] "), "{last:?}");
    assert!(
        !last[3..].contains('\u{1b}') && last.contains("next     nothing"),
        "{last:?}"
    );
}

#[test]
fn a_watch_in_json_and_markdown_says_each_change_whole() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    let watched = world.alai(["console", "1", "--watch", "--json"]).exits(0);
    let seen: Vec<Value> = { watched.out.lines() }
        .map(|line| serde_json::from_str(line).expect("one object in a line"))
        .collect();
    let last = seen.last().expect("at least one");
    assert_eq!(
        (&last["state"], &last["step"]),
        (&json!("done"), &json!("over"))
    );
    assert!(
        seen.iter().all(|one| one["schema_version"] == 1),
        "{watched}"
    );
    // Over already: it is said once.
    let page = world
        .alai(["console", "1", "--watch", "--markdown"])
        .exits(0)
        .out;
    assert_eq!(page.matches("# #1 Count letters\n").count(), 1, "{page}");
    for word in [
        "- State: done",
        "- Mode: simulated",
        "- Cost so far: $",
        "- Next: nothing",
        "| build | done L3 | ",
        "| CodeCraft | ",
    ] {
        assert!(page.contains(word), "`{word}` is not in it:\n{page}");
    }
    drop(daemon);
}

#[test]
fn a_task_of_its_own_has_its_whole_line_on_the_screen_and_says_what_a_person_does_next() {
    let world = World::scripted("approve", &Script::good());
    let add = ["mc", "add", "Count letters", "--project", "tiny"];
    world.alai(add).exits(0);
    let daemon = world.up();
    world.until("it waits for its approval", |w| {
        let held = w.alai(["why", "1"]).exits(0).out;
        held.contains("rule      approval").then_some(())
    });
    // What judged it leads to the same line as its first task.
    let seen = world.json(["console", "3", "--json"]);
    assert_eq!(seen, world.json(["console", "1", "--json"]));
    assert_eq!(
        (&seen["goal"], &seen["state"], &seen["step"]),
        (&json!(1), &json!("done"), &json!("delivery"))
    );
    assert_eq!(seen["tasks"].as_array().map(Vec::len), Some(3), "{seen}");
    assert_eq!(seen["next_action"], "`alai mc approve 1`");
    // Another one that a safety rail stops: each blocker says what is done about it.
    world
        .alai(["mc", "add", "Deploy to production", "--project", "tiny"])
        .exits(0);
    let all = world.alai(["console"]).exits(0).out;
    let (first, second) = all.split_once("\n\n").expect("two lines of work");
    for (part, of, next) in [
        (first, "goal     #1 [done] ", "; next: `alai mc approve 1`"),
        (
            second,
            "goal     #4 [waiting] ",
            "; next: decide: `alai mc answer 4 ",
        ),
    ] {
        assert!(part.starts_with(of), "{part}");
        let blocker = part.lines().find(|line| line.starts_with("blocker "));
        assert!(blocker.is_some_and(|line| line.contains(next)), "{part}");
    }
    let listed = world.json(["console", "--json"]);
    assert_eq!(listed["goals"][0], without_version(seen));
    assert_eq!(listed["goals"][1]["goal"], 4);
    // A watch is of one.
    let watch = world.alai(["console", "--watch"]).exits(2);
    watch.says("alai console 1 --watch");
    world.alai(["mc", "approve", "1"]).exits(0);
    world.until("it is delivered", |w| {
        let seen = w.json(["console", "1", "--json"]);
        (seen["step"] == "over").then_some(())
    });
    world.alai(["mc", "cancel", "4"]).exits(0);
    let none = world.alai(["console"]).exits(0);
    none.says("nothing is left to do");
    drop(daemon);
}

fn without_version(mut object: Value) -> Value {
    let fields = object.as_object_mut().expect("an object");
    fields.remove("schema_version");
    object
}
