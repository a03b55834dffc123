//! What the clock alone sets going: schedules, runs that take too long or reach nothing, tasks that nobody takes, questions that
//! nobody answers. The clock is the test's, so that nothing here waits for a minute to pass.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::clock::FakeClock;
use crate::processes::descendants;
use crate::script::TITLE;
use crate::wire::{good, held_at_work};
use crate::world::{Running, World};

const HOUR_S: i64 = 3_600;
/// By so much a clock may gain between two looks without being taken for one that was set.
const GAIN_S: i64 = 4;
/// What an agent that reaches nothing runs: nobody else sleeps for so long.
const ENDLESS: &str = "sleep 86397";

/// Between two looks at the machine's processes.
const POLL: Duration = Duration::from_millis(10);

/// How often each kind of event stands in a task's history.
fn events(world: &World, task: i64, kind: &str) -> usize {
    let shown = world.task(task);
    let all = shown["history"].as_array().expect("a history").iter();
    all.filter(|event| event["kind"] == kind).count()
}

fn goes_down(clock: &FakeClock<'_>, daemon: Running) {
    clock.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    clock.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_schedule_makes_one_task_at_each_firing_needs_faketime() {
    let world = World::with_project("auto");
    let clock = FakeClock::at_half_past(&world);
    let add = [
        "mc",
        "schedule",
        "add",
        "each",
        "@hourly",
        "Water the plants",
    ];
    clock.alai(add).exits(0).says("next");
    let made = |world: &World| world.list().matches("Water the plants").count();
    let daemon = clock.up();
    clock.beats();
    assert_eq!(made(&world), 0, "not before its time");
    // Two minutes before the hour, and two after it.
    clock.jump(28 * 60);
    clock.beats();
    assert_eq!(made(&world), 0, "not before its time");
    for hour in 1..=3 {
        clock.jump(if hour == 1 { 4 * 60 } else { HOUR_S });
        for _ in 0..3 {
            clock.beats();
            assert_eq!(made(&world), hour);
        }
    }
    let listed = world.json(["mc", "schedule", "list", "--json"]);
    assert_eq!(listed["missed"], 0, "{listed}");
    clock
        .alai(["mc", "schedule", "pause", "each"])
        .exits(0)
        .says("paused");
    clock.jump(HOUR_S);
    clock.beats();
    assert_eq!(made(&world), 3, "a paused one does not fire");
    clock.alai(["mc", "schedule", "resume", "each"]).exits(0);
    clock.beats();
    assert_eq!(
        made(&world),
        3,
        "what it missed while it was paused was not wanted"
    );
    goes_down(&clock, daemon);
}

#[test]
fn firings_while_no_daemon_ran_are_made_up_for_by_policy_needs_faketime() {
    let world = World::with_project("auto");
    let clock = FakeClock::at_half_past(&world);
    for policy in ["skip", "one", "all"] {
        let title = format!("Fired, {policy}");
        let add = ["mc", "schedule", "add", policy, "@hourly", &title];
        let add = add.into_iter().chain(["--catch-up", policy]);
        clock.alai(add).exits(0).says("next");
    }
    clock.jump(2 * HOUR_S);
    // Each start of a daemon finds two firings that are long over.
    for (made, missed) in [([0, 1, 2], [2, 1, 0]), ([0, 2, 4], [4, 2, 0])] {
        let daemon = clock.up();
        clock.beats();
        clock.beats();
        let list = world.list();
        let shown = world
            .alai(["mc", "schedule", "list", "--json"])
            .exits(0)
            .out;
        let schedules: Vec<Value> = shown
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        for (n, policy) in ["skip", "one", "all"].into_iter().enumerate() {
            let fired = list.matches(&format!("Fired, {policy}")).count();
            let row = schedules.iter().find(|s| s["name"] == policy);
            let left_out = row.expect("the schedule")["missed"].as_i64();
            assert_eq!((fired, left_out), (made[n], Some(missed[n])), "{policy}");
        }
        goes_down(&clock, daemon);
        clock.jump(2 * HOUR_S);
    }
}

/// A model whose first builders run something that never ends; the later ones are good.
fn stuck(first: usize) -> OllamaTwin {
    let seen = AtomicUsize::new(0);
    OllamaTwin::start(Behaviour::by(move |body| {
        let builds = body["tools"].to_string().contains("\"edit\"");
        match builds && seen.fetch_add(1, Ordering::Relaxed) < first {
            true => Answer::calls(&[("run", json!({"command": ENDLESS}))]),
            false => good(body),
        }
    }))
}

/// What an agent runs without end, below the daemon. Asked again and again: it starts no program, so it pauses.
fn endless(daemon: &Running) -> Vec<u32> {
    std::thread::sleep(POLL);
    let below = descendants(daemon.pid()).into_iter();
    below
        .filter(|(_, line)| line.trim_end() == ENDLESS)
        .map(|(pid, _)| pid)
        .collect()
}

/// Lets the daemon's clock gain, little by little, until this is true of the first task.
fn gains_until(clock: &FakeClock<'_>, world: &World, reached: impl Fn(&Value) -> bool) {
    world.until("the clock has gained enough", |w| {
        clock.jump(GAIN_S);
        clock.beats();
        reached(&w.task(1)).then_some(())
    });
}

/// How many milliseconds a run went on after a moment of its row.
fn lasted_ms(run: &Value, after: &str) -> i64 {
    let at = |key: &str| {
        run[key]
            .as_i64()
            .unwrap_or_else(|| panic!("{key} of {run}"))
    };
    at("ended_ms") - at(after)
}

/// A task on which the daemon's agents are stuck, with a limit of a minute.
fn stuck_at_work(world: &World, limit: &str) {
    let limits = format!("[limits]\n{limit} = 1\n");
    std::fs::write(world.home().join("alai.toml"), limits).expect("the settings");
    world
        .alai(["mc", "add", TITLE, "--project", "tiny"])
        .exits(0);
}

#[test]
fn a_run_that_reaches_nothing_is_ended_and_done_again_needs_faketime() {
    let twin = stuck(1);
    let world = World::with_model_at("auto", &twin.url());
    stuck_at_work(&world, "idle_minutes");
    let clock = FakeClock::new(&world);
    let daemon = clock.up();
    let agents = world.until("an agent is stuck", |_| {
        Some(endless(&daemon)).filter(|found| !found.is_empty())
    });
    gains_until(&clock, &world, |task| task["runs"][0]["state"] != "live");
    let task = world.task(1);
    let run = &task["runs"][0];
    assert_eq!(run["state"], "timed_out", "{run}");
    let outcome = run["outcome"].as_str().expect("an outcome");
    assert!(outcome.contains("it reached nothing after `"), "{outcome}");
    assert!(lasted_ms(run, "progress_ms") > 60_000, "{run}");
    let counters = &task["view"]["task"]["counters"];
    assert_eq!(
        (&counters["infra_attempts"], &counters["qa_retries"]),
        (&json!(1), &json!(0))
    );
    world.until("its processes are gone", |_| {
        std::thread::sleep(POLL);
        let there = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
        (!agents.iter().any(there)).then_some(())
    });
    world.until("the task is done again, and merged", |w| {
        (w.titles("main") == [TITLE, "Import"]).then_some(())
    });
    let runs = world.task(1)["runs"].clone();
    let states: Vec<&Value> = runs
        .as_array()
        .expect("runs")
        .iter()
        .map(|r| &r["state"])
        .collect();
    assert_eq!(states, ["timed_out", "succeeded"]);
    goes_down(&clock, daemon);
}

#[test]
fn a_run_that_takes_too_long_three_times_goes_to_a_person_needs_faketime() {
    let twin = stuck(usize::MAX);
    let world = World::with_model_at("auto", &twin.url());
    stuck_at_work(&world, "run_minutes");
    let clock = FakeClock::new(&world);
    let daemon = clock.up();
    world.until("an agent is stuck", |_| {
        (!endless(&daemon).is_empty()).then_some(())
    });
    gains_until(&clock, &world, |task| {
        task["view"]["task"]["state"] == "waiting"
    });
    let task = world.task(1);
    let runs = task["runs"].as_array().expect("runs");
    for run in runs {
        assert_eq!(run["state"], "timed_out", "{run}");
        assert_eq!(run["outcome"], "it took longer than 1 minutes", "{run}");
        assert!(lasted_ms(run, "started_ms") > 60_000, "{run}");
    }
    assert_eq!(runs.len(), 3, "{task}");
    clock
        .alai(["why", "1"])
        .exits(0)
        .says("it took longer than 1 minutes")
        .says("was not split: one task is no split")
        .says("alai mc answer 1");
    world.until("its processes are gone", |_| {
        endless(&daemon).is_empty().then_some(())
    });
    assert_eq!(world.titles("main"), ["Import"]);
    goes_down(&clock, daemon);
}

/// The numbers of the tasks that `mc list --overdue` shows.
fn overdue(world: &World) -> Vec<i64> {
    let shown = world.alai(["mc", "list", "--overdue", "--json"]).exits(0);
    let id = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["id"].as_i64();
    shown.out.lines().filter_map(id).collect()
}

#[test]
fn work_that_nobody_takes_raises_one_alarm_needs_faketime() {
    let twin = OllamaTwin::start(Behaviour::by(held_at_work));
    let world = World::with_model_at("auto", &twin.url());
    let settings = "slots = 1\n[limits]\nqueue_hours = 2\n";
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    let clock = FakeClock::new(&world);
    // One that has waited for two hours but a minute, one that has just come, and the one that takes the only slot.
    clock.jump(-2 * HOUR_S);
    let add = |title: &str, priority: &str| {
        let add = ["mc", "add", title, "--project", "tiny", "-p", priority];
        clock.alai(add).exits(0);
    };
    add("Say alpha", "L");
    clock.jump(2 * HOUR_S - 60);
    add("Say beta", "L");
    add(TITLE, "H");
    let daemon = clock.up();
    twin.await_chats(2);
    clock.beats();
    assert_eq!(overdue(&world), [] as [i64; 0], "two hours are not over");
    clock.alai(["why", "1"]).exits(0);
    // A clock that was set would not count: the minute must pass.
    for _ in 0..20 {
        clock.jump(GAIN_S);
        clock.beats();
    }
    assert_eq!(overdue(&world), [1]);
    assert_eq!(
        [1, 2, 3].map(|task| events(&world, task, "unclaimed")),
        [1, 0, 0]
    );
    let why = clock.alai(["why", "1"]).exits(0);
    assert!(why.out.contains("(overdue)"), "{why}");
    clock
        .alai(["status"])
        .exits(0)
        .says("alarm   1 task(s) that nobody takes, the first is #1");
    clock.beats();
    assert_eq!(events(&world, 1, "unclaimed"), 1, "one alarm for one wait");
    twin.release();
    world.until("it is taken", |w| (events(w, 1, "claim") > 0).then_some(()));
    assert_eq!(overdue(&world), [] as [i64; 0]);
    goes_down(&clock, daemon);
}

#[test]
fn a_question_that_nobody_answers_raises_one_alarm_needs_faketime() {
    let world = World::with_project("auto");
    let clock = FakeClock::new(&world);
    let ask = |task: &str| {
        clock.alai(["mc", "add", "Ask"]).exits(0);
        clock.alai(["mc", "block", task, "which one?"]).exits(0);
    };
    // Three days and a minute ago, and two days ago.
    clock.jump(-72 * HOUR_S - 60);
    ask("1");
    clock.jump(24 * HOUR_S);
    ask("2");
    clock.jump(48 * HOUR_S + 60);
    let daemon = clock.up();
    clock.beats();
    clock.beats();
    assert_eq!(overdue(&world), [1]);
    assert_eq!([1, 2].map(|task| events(&world, task, "overdue")), [1, 0]);
    let why = clock.alai(["why", "1"]).exits(0);
    assert!(why.out.contains("which one? (overdue)"), "{why}");
    clock
        .alai(["status"])
        .exits(0)
        .says("alarm   1 wait(s) past the deadline");
    let why = clock.alai(["why", "2"]).exits(0);
    assert!(!why.out.contains("overdue"), "{why}");
    clock.alai(["mc", "answer", "1", "this one"]).exits(0);
    clock.beats();
    assert_eq!(overdue(&world), [] as [i64; 0]);
    assert_eq!(events(&world, 1, "overdue"), 1);
    goes_down(&clock, daemon);
}
