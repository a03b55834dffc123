//! What stands still, and what people are told of it: `status`, `why` and `next-task` on stores that hold each kind of wait.
//! What takes days to come about is written into the store through its own door, while no daemon runs.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::money::{Caps, Cost};
use alai_core::task::{Need, NewTask, TaskKind, Until, WaitReason, Waiting};
use alai_core::why::COMMANDS;
use alai_mission::{Alarm, ClaimLimits, Handed, Intent, Mission, SlotsOf};
use alai_testkit::ollama::{Behaviour, OllamaTwin};
use insta::assert_snapshot;
use serde_json::Value;

use crate::script::{Script, TITLE, reject};
use crate::wire::held_at_work;
use crate::world::{Ran, Running, World, run};

const DAY_MS: i64 = 24 * 3_600_000;

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_millis()).expect("a moment of ours")
}

fn store(world: &World) -> Mission {
    Mission::open(&world.home(), |_| {}).expect("no daemon runs")
}

fn add(world: &World, title: &str) -> i64 {
    let added = world.json(["mc", "add", title, "--project", "tiny", "--json"]);
    added["id"].as_i64().expect("a number")
}

/// The same command, given by somebody else than the operator.
fn mira(world: &World, args: &[&str]) -> Ran {
    let mut command = world.command(args);
    command.env("ALAI_ACTOR", "mira");
    run(command)
}

/// Asks why, and demands that every command in the answer's next action is one.
fn why(world: &World, task: i64) -> Value {
    let view = world.json(["why", &task.to_string(), "--json"]);
    let why = view["why"].clone();
    for field in ["rule", "text", "owner", "next_action"] {
        let text = why[field].as_str().unwrap_or_default();
        assert!(!text.trim().is_empty(), "{field} of {view}");
    }
    let action = why["next_action"].as_str().expect("a sentence");
    for command in action.split('`').skip(1).step_by(2) {
        if command.starts_with("alai ") {
            parses(world, command);
        }
    }
    why
}

fn rule(world: &World, task: i64) -> String {
    text(&why(world, task), "rule")
}

fn text(why: &Value, field: &str) -> String {
    why[field].as_str().expect("a text").to_owned()
}

/// Gives a command to the real parser, which reads it up to its last word and then shows the help.
fn parses(world: &World, command: &str) {
    let parts = command.split('"').enumerate();
    let words: Vec<&str> = parts
        .flat_map(|(at, part)| match at % 2 {
            1 => vec![part],
            _ => part.split_whitespace().collect(),
        })
        .skip(1)
        .chain(["--help"])
        .collect();
    world.alai(&words).exits(0).says("Usage: alai");
}

/// Ages replaced: `for 3 s`, `2 d left`.
fn ageless(world: &World, text: &str) -> String {
    let ages = regex::Regex::new(r"\b\d+ (s|min|h|d)\b").expect("a pattern");
    ages.replace_all(&world.redact(text), "AGE").into_owned()
}

#[test]
fn every_command_that_people_are_told_is_one() {
    let world = World::without_home();
    for command in COMMANDS {
        let given = command
            .replace("ID", "1")
            .replace("NAME", "tiny")
            .replace("TEXT", "\"two words\"")
            .replace("COMMIT", "HEAD");
        parses(&world, &given);
    }
    // The help does not hide a mistake that stands before it.
    for wrong in ["mc ready 1 --haed HEAD", "mc lsit", "why one"] {
        world.alai(wrong.split(' ').chain(["--help"])).exits(2);
    }
}

#[test]
fn what_stands_still_is_told_with_whom_it_waits_for() {
    let world = World::with_project("approve");
    let (overdue, taken, blocked) = (
        add(&world, "Old"),
        add(&world, "Taken"),
        add(&world, "Asked"),
    );
    let behind = add(&world, "Behind");
    mira(&world, &["mc", "claim", &taken.to_string()]).exits(0);
    let question = "Which database do we use?";
    mira(&world, &["mc", "block", &blocked.to_string(), question]).exits(0);
    world
        .alai([
            "mc",
            "block",
            &behind.to_string(),
            "--on",
            &blocked.to_string(),
        ])
        .exits(0);
    world
        .alai([
            "mc",
            "schedule",
            "add",
            "nightly",
            "0 3 * * *",
            "Update",
            "--project",
            "tiny",
        ])
        .exits(0);
    world.alai(["mc", "schedule", "pause", "nightly"]).exits(0);
    let idle = days_go_by(&world, overdue);
    let status = world.alai(["status"]).exits(0);
    assert_snapshot!(ageless(&world, &status.out), @r#"
    daemon  not running (`alai up`), last dispatch AGO, real
    queue   2 open, 1 started, 0 stalled, 2 waiting, 0 done, 0 failed, 0 merging
    models  http://127.0.0.1:1
    spend   0 calls, 0 + 0 tokens, $0.000000
    alarm   1 wait(s) past the deadline: `alai mc list --status waiting`
    alarm   1 task(s) that nobody takes, the first is #5: `alai why 5`
    unknown 1 call(s) have no receipt; they may have cost $0.120000
    outbox  5 waiting, the oldest for AGE
    outbox  1 given up, the last because: the wiki is gone; `alai mc redeliver`
    firing  nightly: paused (`alai mc schedule resume nightly`)
    person  #2 Taken: mira has it for AGE, AGE left
    you     #1 Old: `alai mc answer 1 "so"`; `alai mc redeliver` sends what was given up (overdue for AGE)
    you     #3 Asked: when that is settled: `alai mc answer 3 "what was decided"`; or `alai mc cancel 3`
    "#);
    each_says_why(&world, [overdue, taken, blocked, behind, idle]);
    counted(&world, idle);
    world.alai(["mc", "redeliver"]).exits(0).says("1 effect(s)");
    world.alai(["mc", "fsck"]).exits(0);
    let again = world.alai(["status"]).exits(0);
    assert!(!again.out.contains("given up"), "{again}");
}

fn each_says_why(world: &World, tasks: [i64; 5]) {
    let [overdue, taken, blocked, behind, idle] = tasks;
    for (task, rule_wanted, owner, next) in [
        (
            overdue,
            "blocked",
            "mira",
            "`alai mc answer 1 \"so\"`; `alai mc redeliver` sends what was given up",
        ),
        (taken, "person", "mira", "`alai mc ready 2 --head COMMIT`"),
        (
            blocked,
            "blocked",
            "operator",
            "when that is settled: `alai mc answer 3 \"what was decided\"`; or `alai mc cancel 3`",
        ),
        (behind, "need_waits", "operator", "`alai why 3`"),
        (idle, "no_daemon", "operator", "`alai up`"),
    ] {
        let why = why(world, task);
        assert_eq!(text(&why, "rule"), rule_wanted, "{why}");
        assert_eq!(text(&why, "owner"), owner, "{why}");
        assert_eq!(text(&why, "next_action"), next, "{why}");
        assert!(why["deadline_ms"].is_i64(), "{why}");
        let late = [overdue, idle].contains(&task);
        assert_eq!(
            text(&why, "text").ends_with("(overdue)") || late,
            late,
            "{why}"
        );
    }
}

fn counted(world: &World, idle: i64) {
    let queue = world.json(["status", "--json"])["queue"].clone();
    let counts = [
        "overdue",
        "unclaimed",
        "dead_effects",
        "person_runs",
        "unclaimed_first",
    ];
    let counts: Vec<i64> = counts
        .iter()
        .map(|field| {
            queue[field]
                .as_i64()
                .unwrap_or_else(|| panic!("{field} of {queue}"))
        })
        .collect();
    assert_eq!(counts, [1, 1, 1, 1, idle]);
    assert_eq!(queue["spend"]["unknown_calls"], 1);
    assert_eq!(queue["spend"]["reserved_microusd"], 120_000);
    let names = |list: &str, field: &str| -> Vec<String> {
        let all = queue[list].as_array().expect("a list").iter();
        all.map(|one| text(one, field)).collect()
    };
    assert_eq!(names("schedules", "name"), ["nightly"]);
    assert_eq!(names("runs", "holder"), ["person"]);
    assert_eq!(names("needs_you", "shown"), ["waiting", "waiting"]);
}

fn paid_call() -> Intent {
    Intent {
        call: 0,
        model: "small".into(),
        company: None,
        mode: alai_core::mode::Mode::Real,
        cost: Cost::AtMost(120_000),
    }
}

/// What days without a daemon leave behind: a wait past its deadline whose page was given up, a task that nobody took (the
/// answer), and a run that ended between a call and its receipt.
fn days_go_by(world: &World, overdue: i64) -> i64 {
    let store = store(world);
    let now = now_ms();
    let waiting = Waiting {
        reason: WaitReason::Blocked,
        owner: "mira".into(),
        deadline_ms: now - DAY_MS,
        next_action: "`alai mc answer {id} \"so\"`".into(),
        detail: "operator says: which colour?".into(),
    };
    let overdue = TaskId(overdue);
    store
        .block(
            overdue,
            Some(waiting),
            Vec::new(),
            "operator",
            now - 4 * DAY_MS,
        )
        .expect("blocks");
    // The wiki does not take the page, until it is given up.
    let mut attempts = 0;
    while store.dead_effects_of(overdue).expect("reads") == 0 {
        let due = store.outbox_due(now + DAY_MS, 100).expect("reads");
        let page = due.iter().find(|row| row.payload == overdue.0.to_string());
        let page = page.expect("its page is still to be written");
        store
            .undelivered(page, "the wiki is gone", now)
            .expect("writes");
        attempts += 1;
        assert!(attempts < 1_000, "it is given up at some time");
    }
    let mut new = NewTask::new(TaskKind::Build, "Nobody's");
    new.project = store
        .find_project("tiny", None)
        .expect("reads")
        .map(|p| p.id);
    let project = new.project;
    let idle = store
        .add(new, None, "operator", now - 3 * DAY_MS)
        .expect("adds");
    let mut ended = NewTask::new(TaskKind::Build, "Ended");
    ended.project = project;
    let ended = store.add(ended, None, "operator", now).expect("adds");
    let limits = ClaimLimits {
        total: 9,
        per_project: 9,
        run_ms_max: DAY_MS,
        slots: SlotsOf::NOTHING,
    };
    let claim = store.claim(Some(ended), &limits, "factory", DAY_MS, now);
    let fence = claim.expect("claims").expect("it is eligible").fence;
    store
        .reserve(&fence, paid_call(), &Caps::NONE, now)
        .expect("reserves")
        .expect("there is no cap");
    store
        .act(ended, Event::Cancel, "not wanted".into(), "operator", now)
        .expect("cancels");
    idle.0
}

#[test]
fn at_most_twenty_are_shown_and_the_rest_is_counted() {
    let world = World::with_project("approve");
    let store = store(&world);
    let project = store
        .find_project("tiny", None)
        .expect("reads")
        .map(|p| p.id);
    let now = now_ms();
    for number in 0..50_i64 {
        let mut new = NewTask::new(TaskKind::Build, format!("Wait {number}"));
        new.project = project;
        new.waiting = (number % 2 == 0).then(|| Waiting {
            reason: WaitReason::Blocked,
            owner: "operator".into(),
            deadline_ms: now + DAY_MS,
            next_action: "`alai mc answer {id} \"so\"`".into(),
            detail: "a question".into(),
        });
        let task = store.add(new, None, "operator", now).expect("adds");
        if number % 2 == 1 {
            store.take(task, DAY_MS, "mira", now).expect("takes");
        }
    }
    drop(store);
    let status = world.alai(["status"]).exits(0);
    let lines = |start: &str| status.out.lines().filter(|l| l.starts_with(start)).count();
    assert_eq!(
        (lines("you     #"), lines("person  #")),
        (20, 20),
        "{status}"
    );
    assert!(
        status
            .out
            .contains("you     and 5 more: `alai mc list --status waiting`"),
        "{status}"
    );
    assert!(
        status
            .out
            .contains("person  and 5 more: `alai mc list --status started`"),
        "{status}"
    );
    let queue = world.json(["status", "--json"])["queue"].clone();
    assert_eq!(queue["needs_you"].as_array().map(Vec::len), Some(20));
    assert_eq!(
        (&queue["waiting"], &queue["more_waiting"]),
        (&25.into(), &5.into())
    );
    for listed in ["waiting", "started"] {
        world.alai(["mc", "list", "--status", listed]).exits(0);
    }
}

#[test]
fn what_a_person_says_is_ready_waits_for_a_judge() {
    let world = World::with_home();
    world.alai(["mc", "add", "Read the old notes"]).exits(0);
    assert_eq!(rule(&world, 1), "no_project");
    mira(&world, &["mc", "claim", "1"]).exits(0);
    let taken = why(&world, 1);
    assert_eq!(text(&taken, "next_action"), "`alai mc ready 1`");
    mira(&world, &["mc", "ready", "1"]).exits(0);
    let ready = why(&world, 1);
    assert_eq!(
        (text(&ready, "rule"), text(&ready, "owner")),
        ("ready".into(), "operator".into())
    );
    assert!(
        ready["deadline_ms"]
            .as_i64()
            .is_some_and(|ms| ms > now_ms()),
        "{ready}"
    );
    world
        .alai(["status"])
        .exits(0)
        .says("you     #1 Read the old notes: `alai mc done 1");
    world
        .alai(["mc", "reject", "1", "Read them again"])
        .exits(0);
    world.alai(["mc", "done", "1", "They are read"]).exits(0);
    assert_eq!(rule(&world, 1), "done");
}

#[test]
fn a_persons_commit_that_nobody_measures_says_what_keeps_it() {
    let world = World::with_project("approve");
    let task = add(&world, "By hand");
    world.alai(["mc", "claim", "1"]).exits(0);
    std::fs::write(world.repo().join("words.txt"), "one\n").expect("a person works");
    world.git(&["checkout", "--quiet", "-b", "by-hand"]);
    let commit = alai_testkit::git::commit_all(&world.repo(), "By hand").expect("a commit");
    world.alai(["mc", "ready", "1", "--head", &commit]).exits(0);
    let kept = why(&world, task);
    assert_eq!(
        (text(&kept, "rule"), text(&kept, "next_action")),
        ("no_daemon".into(), "`alai up`".into())
    );
    assert!(text(&kept, "text").contains("commit"), "{kept}");
    let next = world.alai(["mc", "next-task"]).exits(0);
    assert!(next.out.starts_with("#1 [M] [ready_for_review]"), "{next}");
    next.says(&text(&kept, "text"));
}

/// A world whose one run waits for its model, with the settings that `told` makes of the model's address; and one more task.
fn one_at_work(told: &str) -> (OllamaTwin, World, Running) {
    let twin = OllamaTwin::start(Behaviour::by(held_at_work));
    let world = World::with_model_at("approve", &twin.url());
    std::fs::write(world.home().join("alai.toml"), told).expect("the settings");
    add(&world, "First");
    let daemon = world.up();
    twin.await_chats(2);
    add(&world, "Second");
    (twin, world, daemon)
}

#[test]
fn a_limit_that_is_reached_is_named_and_next_task_says_the_same() {
    let mut company = String::new();
    for (settings, rule, words) in [
        ("slots = 1\n", "slots", "all 1 slots are taken"),
        (
            "[limits]\nper_project = 1\n",
            "project_limit",
            "its project has 1 run(s)",
        ),
        (
            "[limits]\nhost = 1\n",
            "host_limit",
            "the model host http://",
        ),
        (
            "[limits]\nmodel = { small = 1 }\n",
            "model_limit",
            "the model small has 1",
        ),
        (
            "[limits]\ncompany = { NAME = 1 }\n",
            "company_limit",
            "the company NAME has 1",
        ),
    ] {
        let settings = settings.replace("NAME", &company);
        let (twin, world, daemon) = one_at_work(&settings);
        let run = world.task(1)["runs"][0].clone();
        company = text(&run, "company");
        let first = why(&world, 1);
        assert_eq!(
            (text(&first, "rule"), text(&first, "owner")),
            ("running".into(), "factory".into())
        );
        let kept = why(&world, 2);
        assert_eq!(text(&kept, "rule"), rule, "{kept}");
        let words = words.replace("NAME", &company);
        assert!(text(&kept, "text").contains(&words), "{kept}");
        assert!(
            kept["deadline_ms"].as_i64().is_some_and(|ms| ms > now_ms()),
            "{kept}"
        );
        let next = world
            .alai(["mc", "next-task"])
            .exits(0)
            .says(&text(&kept, "text"));
        assert!(next.out.starts_with("#2 [M] [open]"), "{next}");
        let shown = world.json(["mc", "next-task", "--json"]);
        assert_eq!((&shown["id"], &shown["why"]), (&2.into(), &kept));
        assert_eq!(world.task(2)["view"]["why"], kept, "`mc show` says it too");
        world.alai(["down", "--now"]).exits(0);
        daemon.ends().exits(0);
        drop(twin);
    }
}

#[test]
fn a_daemon_that_goes_down_says_so_to_what_waits() {
    let (twin, world, daemon) = one_at_work("[limits]\nper_project = 1\n");
    let down = Running::start(world.command(["down"]));
    daemon.says("alai goes down when 1 run(s) have ended");
    world
        .alai(["status"])
        .exits(0)
        .says("daemon  going down (pid ");
    assert_eq!(world.json(["status", "--json"])["daemon"]["draining"], true);
    let kept = why(&world, 2);
    assert_eq!(text(&kept, "rule"), "draining", "{kept}");
    world
        .alai(["mc", "next-task"])
        .exits(0)
        .says(&text(&kept, "text"));
    world.alai(["down", "--now"]).exits(0);
    down.ends().exits(0);
    daemon.ends().exits(0);
    drop(twin);
    assert_eq!(rule(&world, 2), "no_daemon");
    world
        .alai(["mc", "next-task"])
        .exits(0)
        .says("no daemon is running");
}

#[test]
fn what_is_held_up_after_its_gate_says_where() {
    let world = World::scripted("approve", &Script::good());
    add(&world, TITLE);
    let daemon = world.up();
    world.until("it waits for an approval", |w| {
        (rule(w, 1) == "approval").then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    let held = why(&world, 1);
    assert_eq!(text(&held, "next_action"), "`alai mc approve 1`");
    assert!(held["deadline_ms"].is_i64(), "{held}");
    world
        .alai(["status"])
        .exits(0)
        .says("you     #1 Add initials: `alai mc approve 1`");
    for after in world.list().lines().skip(1) {
        let id: i64 = after[1..]
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number");
        assert_eq!(rule(&world, id), "done", "{after}");
    }
}

#[test]
fn a_finished_build_says_what_of_its_line_is_left() {
    let reject = reject("it has no test of empty text");
    let script = Script::good().judges("review", "", reject);
    let world = World::scripted("approve", &script);
    add(&world, TITLE);
    world
        .alai(["mc", "add", "After it", "--project", "tiny", "--needs", "1"])
        .exits(0);
    let daemon = world.up();
    let stuck = world.until("a person decides", |w| {
        let listed = w
            .alai(["mc", "list", "--status", "waiting", "--json"])
            .exits(0);
        let first = listed.out.lines().next().map(str::to_owned)?;
        let task: Value = serde_json::from_str(&first).expect("a task");
        task["id"].as_i64()
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    for (task, rule) in [
        (1, "in_review"),
        (2, "need_waits"),
        (stuck, "review_cycles"),
    ] {
        let why = why(&world, task);
        assert_eq!(
            (text(&why, "rule"), text(&why, "owner")),
            (rule.into(), "operator".into())
        );
        assert!(why["deadline_ms"].is_i64(), "{why}");
        if task != stuck {
            assert_eq!(text(&why, "next_action"), format!("`alai why {stuck}`"));
        }
    }
}

#[test]
fn whoever_needs_a_goal_that_failed_is_told() {
    let world = World::with_project("approve");
    let store = store(&world);
    let project = store
        .find_project("tiny", None)
        .expect("reads")
        .map(|p| p.id);
    let now = now_ms();
    let mut goal = NewTask::new(TaskKind::Goal, "Goal");
    goal.project = project;
    let mut spec = NewTask::new(TaskKind::Spec, "Spec");
    spec.project = project;
    let goal = store
        .add_goal(goal, spec, None, "operator", now)
        .expect("adds");
    let mut after = NewTask::new(TaskKind::Build, "After it");
    after.project = project;
    after.needs = vec![Need {
        task: goal,
        until: Until::Done,
    }];
    let after = store.add(after, None, "operator", now).expect("adds").0;
    assert_eq!(rule(&world, after), "needs");
    store
        .act(
            TaskId(goal.0 + 1),
            Event::Cancel,
            String::new(),
            "operator",
            now,
        )
        .expect("cancels the spec");
    store
        .close_goal(goal, Event::Fail, "nothing was merged", now)
        .expect("closes");
    drop(store);
    let told = why(&world, after);
    assert_eq!(
        (text(&told, "rule"), text(&told, "owner")),
        ("need_gone".into(), "operator".into())
    );
    assert_eq!(rule(&world, goal.0), "failed");
    world.alai(["mc", "fsck"]).exits(0);
    world
        .alai(["mc", "answer", "3", "go on without it"])
        .exits(0);
    assert_eq!(rule(&world, after), "no_daemon");
}

#[test]
fn what_a_person_handed_in_raises_an_alarm_like_any_other_wait() {
    let world = World::with_project("approve");
    let store = store(&world);
    let project = store
        .find_project("tiny", None)
        .expect("reads")
        .map(|p| p.id);
    let now = now_ms();
    let long_ago = now - 4 * DAY_MS;
    let add = |title: &str, project| {
        let mut new = NewTask::new(TaskKind::Build, title);
        new.project = project;
        store.add(new, None, "operator", long_ago).expect("adds")
    };
    let (measured, judged) = (add("By hand", project), add("A note", None));
    let commit = Handed {
        base: "b".repeat(40),
        head: "c".repeat(40),
    };
    store
        .hand_in(measured, Some(commit), "mira", long_ago)
        .expect("hands in");
    store
        .hand_in(judged, None, "mira", long_ago)
        .expect("hands in");
    let raised = || store.raise_alarms(2 * DAY_MS, 10, now).expect("looks");
    assert_eq!(
        raised(),
        [Alarm::Overdue(judged), Alarm::Unclaimed(measured)]
    );
    assert_eq!(raised(), [], "once for each time it comes to rest");
    drop(store);
    let listed = world.alai(["mc", "list", "--overdue"]).exits(0);
    assert_eq!(listed.out.lines().count(), 2, "{listed}");
    world
        .alai(["status"])
        .exits(0)
        .says("alarm   1 wait(s) past the deadline")
        .says("alarm   1 task(s) that nobody takes, the first is #1")
        .says("(overdue for ");
    for (task, rule) in [(1, "no_daemon"), (2, "ready")] {
        let why = why(&world, task);
        assert_eq!(
            (text(&why, "rule"), text(&why, "owner")),
            (rule.into(), "operator".into())
        );
        assert!(text(&why, "text").ends_with("(overdue)"), "{why}");
    }
}
