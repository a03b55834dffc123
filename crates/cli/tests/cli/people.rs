//! What people do beside the factory: they take tasks and hand commits in, send merged work back, block one task on another.
//! The daemon is real, and so are the gate and the merges; the model is scripted.

use std::path::{Path, PathBuf};

use alai_core::ids::TaskId;
use alai_factory::{Op, Outcome};
use alai_testkit::git;
use alai_testkit::ollama::{Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::script::{CHECK, Script, TITLE, small, solution, write};
use crate::socket::{self, Said};
use crate::wire::good;
use crate::world::{Running, World};

/// The branch that a person works on.
const BRANCH: &str = "by-hand";

/// Makes these changes in a clone of a person's own, commits them under this title and pushes the branch. Answers the commit.
pub(crate) fn by_hand(world: &World, title: &str, calls: &[Value]) -> String {
    let mine = world.path("mine");
    world.git(&["clone", "--quiet", ".", &mine.display().to_string()]);
    let git = |args: &[&str]| git::git(&mine, args).unwrap_or_else(|e| panic!("{e}"));
    git(&["checkout", "--quiet", "-b", BRANCH]);
    for call in calls {
        carry_out(&mine, call);
    }
    let commit = git::commit_all(&mine, title).expect("something has changed");
    git(&["push", "--quiet", "origin", BRANCH]);
    commit
}

fn carry_out(dir: &Path, call: &Value) {
    let arguments = &call["arguments"];
    let text = |key: &str| arguments[key].as_str().expect("a text");
    let path: PathBuf = dir.join(text("path"));
    let content = match call["name"].as_str() {
        Some("write") => text("content").to_owned(),
        Some("edit") => {
            let before = std::fs::read_to_string(&path).expect("a file to edit");
            assert!(before.contains(text("old")), "{call}");
            before.replacen(text("old"), text("new"), 1)
        }
        _ => panic!("no change of a file: {call}"),
    };
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("written");
}

fn add(world: &World, title: &str) {
    world
        .alai(["mc", "add", title, "--project", "tiny"])
        .exits(0);
}

fn merged(world: &World, task: i64) {
    world.until(&format!("#{task} is merged"), |w| {
        (!w.task(task)["view"]["task"]["integrated"].is_null()).then_some(())
    });
}

/// Outcomes of a task's runs, oldest first.
fn outcomes(world: &World, task: i64) -> Vec<String> {
    let shown = world.task(task);
    let runs = shown["runs"].as_array().expect("runs").iter();
    runs.map(|r| r["outcome"].as_str().unwrap_or("live").to_owned())
        .collect()
}

/// Who wrote what a task's n-th run measured, by its signed evidence.
pub(crate) fn author(world: &World, task: i64, run: usize) -> String {
    let shown = world.task(task);
    let run = shown["runs"][run]["id"].as_str().expect("a run");
    let evidence = world.home().join("runs").join(run).join("evidence");
    let key = std::fs::read_to_string(world.home().join("keys/gate.pub")).expect("a key");
    let key = key.trim().parse().expect("a public key");
    let verified = alai_gate::evidence::verify(&evidence, &key).expect("it holds");
    verified.statement.predicate.about.model
}

fn has_commit(world: &World, branch: &str, commit: &str) -> bool {
    git::git(
        &world.repo(),
        &["merge-base", "--is-ancestor", commit, branch],
    )
    .is_ok()
}

fn goes_down(world: &World, daemon: Running) {
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_persons_commit_is_measured_reviewed_and_merged_like_an_agents() {
    let script = Script::good().builds("Say alpha", &small("alpha"));
    let world = World::scripted("approve", &script);
    world
        .alai(["mc", "add", TITLE, "--project", "tiny", "--check", CHECK])
        .exits(0);
    world.alai(["mc", "claim", "1"]).exits(0);
    add(&world, "Say alpha");
    let daemon = world.up();
    merged(&world, 2);
    assert_eq!(outcomes(&world, 1), ["live"], "no agent touched it");
    let why = world.alai(["why", "1"]).exits(0);
    assert!(why.out.contains("#1 is started"), "{why}");

    let head = by_hand(&world, "Initials by hand", &solution(TITLE));
    world.alai(["mc", "ready", "1", "--head", BRANCH]).exits(0);
    merged(&world, 1);
    let list = world.list();
    for stage in ["[REVIEW] Code review:", "[SECURITY] Security audit:"] {
        assert!(list.contains(&format!("{stage} {TITLE}")), "{list}");
    }
    let [by_him, by_the_gate] = &outcomes(&world, 1)[..] else {
        panic!("{}", world.task(1));
    };
    assert!(by_him.starts_with("handed in by "), "{by_him}");
    assert!(by_the_gate.starts_with("gate passed: "), "{by_the_gate}");
    world
        .alai(["evidence", "verify", "1"])
        .exits(0)
        .says(&format!("commit   {head}"));
    assert_eq!(author(&world, 1, 1), "none: a person");

    assert!(has_commit(&world, "alai/integration", &head));
    assert_eq!(world.titles("main"), ["Import"], "nobody has approved it");
    world.alai(["mc", "approve", "1", "--wait"]).exits(0);
    assert!(has_commit(&world, "main", &head));
    assert!(
        world.repo().join("alpha.sh").is_file(),
        "beside the agent's"
    );
    goes_down(&world, daemon);
}

/// A person hands this in; the gate refuses it, and an agent that mends it starts from his commit. Answers with the findings.
fn refused_and_mended(his: &[Value], mends: &[Value]) -> String {
    let script = Script::good().builds("", &[]).tries("", Some(1), mends);
    let world = World::scripted("auto", &script);
    add(&world, TITLE);
    world.alai(["mc", "claim", "1"]).exits(0);
    let head = by_hand(&world, "Initials by hand", his);
    // Handed in before there is a daemon, so that its first look at the task finds it ready.
    world.alai(["mc", "ready", "1", "--head", &head]).exits(0);
    let daemon = world.up();
    world.until("the gate has judged his commit", |w| {
        (outcomes(w, 1).len() > 2).then_some(())
    });
    assert!(
        !has_commit(&world, "main", &head),
        "what is refused is not merged"
    );
    let findings = world.task(1)["view"]["task"]["findings"].to_string();
    merged(&world, 1);
    let outcomes = outcomes(&world, 1);
    assert!(outcomes[1].starts_with("gate failed: "), "{outcomes:?}");
    assert!(outcomes[2].starts_with("gate passed: "), "{outcomes:?}");
    world.until("main has moved", |w| {
        has_commit(w, "main", &head).then_some(())
    });
    assert_eq!(world.sh("sh test.sh").code, 0, "and it is mended");
    assert_eq!(
        [author(&world, 1, 1), author(&world, 1, 2)],
        ["none: a person", "scripted"]
    );
    let told = "What was found wrong with earlier tries";
    assert!(trajectory(&world, 1, 2).contains(told), "{findings}");
    goes_down(&world, daemon);
    findings
}

/// What a task's n-th run said and was told.
fn trajectory(world: &World, task: i64, run: usize) -> String {
    let shown = world.task(task);
    let id = shown["runs"][run]["id"].as_str().expect("a run").to_owned();
    let path = world.home().join("runs").join(id).join("trajectory.jsonl");
    std::fs::read_to_string(path).expect("a trajectory")
}

#[test]
fn a_persons_commit_with_a_red_test_comes_back_with_findings() {
    let red = write("tests/red.sh", "is \"two is one\" \"2\" \"1\"\n");
    let read = json!({"name": "read", "arguments": {"path": "tests/red.sh"}});
    let green = write("tests/red.sh", "is \"two is two\" \"2\" \"2\"\n");
    let mut his = solution(TITLE);
    his.push(red);
    let findings = refused_and_mended(&his, &[read, green]);
    assert!(findings.contains("no test lost or skipped"), "{findings}");
}

#[test]
fn a_persons_commit_with_an_edited_test_comes_back_with_findings() {
    let edit = |path: &str, old: &str, new: &str| json!({"name": "edit", "arguments": {"path": path, "old": old, "new": new}});
    let read = |path: &str| json!({"name": "read", "arguments": {"path": path}});
    let (lower, test) = (" | tr '[:upper:]' '[:lower:]'", "\"hello-world\"");
    let mut his = solution(TITLE);
    his.push(edit("words.sh", lower, ""));
    his.push(edit("test.sh", test, "\"Hello-World\""));
    let (told, edited) = (
        "  printf '%s' \"$1\" | tr -c",
        format!("  printf '%s' \"$1\"{lower} | tr -c"),
    );
    let mends = [
        read("words.sh"),
        read("test.sh"),
        edit("words.sh", told, &edited),
        edit("test.sh", "\"Hello-World\"", test),
    ];
    let findings = refused_and_mended(&his, &mends);
    assert!(
        findings.contains("a slug is lower case with dashes") || findings.contains("test.sh"),
        "{findings}"
    );
}

#[test]
fn a_goal_that_a_person_rejects_is_reworked_before_it_asks_again() {
    let said = "the flamingo has no initials";
    let script = Script::good().builds("Rework", &small("flamingo"));
    let world = World::scripted("approve", &script);
    let daemon = world.up();
    let start = ["start", "Count letters", "--project", "tiny", "--wait"];
    world.alai(start).exits(6).says("main is not moved yet");
    let reject = Op::Reject {
        task: TaskId(1),
        text: said.into(),
    };
    let ask = || socket::ask(&world.home(), "mira", &reject, "once").expect("an answer");
    let answer = ask();
    assert!(
        matches!(
            &answer,
            Said::Done(Outcome::Task {
                task: TaskId(7),
                ..
            })
        ),
        "{answer:?}"
    );
    // The answer was lost: it is the same rework, not another one.
    let again = ask();
    assert!(
        matches!(
            &again,
            Said::Done(Outcome::Task {
                task: TaskId(7),
                ..
            })
        ),
        "{again:?}"
    );
    let asked = |w: &World| w.task(1)["history"].to_string().matches("\"ask\"").count();
    world.until("the goal waits for approval again", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    let list = world.list();
    assert!(
        list.contains("#7 [M] [done] [—] Rework: Count letters (parent: #1)"),
        "{list}"
    );
    assert_eq!(asked(&world), 2, "{}", world.task(1));
    let rework = world.task(7);
    assert!(
        rework["view"]["task"]["findings"]
            .to_string()
            .contains(said),
        "{rework}"
    );
    assert!(
        trajectory(&world, 7, 0).contains(said),
        "it is in the brief"
    );
    assert_eq!(
        world.titles("main"),
        ["Import"],
        "the target is where it was"
    );
    world.alai(["mc", "approve", "1", "--wait"]).exits(0);
    assert!(world.repo().join("flamingo.sh").is_file());
    assert!(
        world.repo().join("tests/initials.sh").is_file(),
        "it started from what was merged"
    );
    goes_down(&world, daemon);
}

#[test]
fn a_task_that_a_person_blocks_on_another_goes_on_when_that_is_merged() {
    let script = Script::good()
        .builds("Say alpha", &small("alpha"))
        .builds("Say beta", &small("beta"));
    let world = World::scripted("auto", &script);
    let daemon = world.up();
    let held = |title: &str| {
        world
            .alai(["mc", "add", title, "--project", "tiny", "--hold"])
            .exits(0);
    };
    held("Say alpha");
    held("Say beta");
    world.alai(["mc", "block", "1", "--on", "2"]).exits(0);
    world.alai(["mc", "resume", "1"]).exits(0);
    let why = world.alai(["why", "1"]).exits(0);
    assert!(
        why.out.contains("it needs #2 to be merged; #2 is paused") && why.out.contains("needs"),
        "{why}"
    );
    // A task that nothing stands before goes all the way while this one waits.
    add(&world, TITLE);
    merged(&world, 3);
    assert_eq!(
        (world.state(1), outcomes(&world, 1)),
        ("open".into(), vec![])
    );
    world.alai(["mc", "resume", "2"]).exits(0);
    merged(&world, 1);
    let (one, two) = (world.task(1), world.task(2));
    let base = one["view"]["task"]["base"].as_str().expect("a base");
    let needed = two["view"]["task"]["integrated"].as_str().expect("merged");
    assert!(
        has_commit(&world, base, needed),
        "it started from the other's code"
    );
    goes_down(&world, daemon);
}

#[test]
fn a_task_that_a_person_blocks_with_a_reason_waits_for_its_answer_too() {
    let script = Script::good().builds("Say alpha", &small("alpha"));
    let world = World::scripted("auto", &script);
    add(&world, "Say alpha");
    add(&world, TITLE);
    let reason = "which alphabet is meant";
    world
        .alai(["mc", "block", "1", reason, "--on", "2"])
        .exits(0);
    let daemon = world.up();
    merged(&world, 2);
    let why = world.alai(["why", "1"]).exits(0);
    assert!(
        why.out.contains(reason) && why.out.contains("rule      blocked"),
        "{why}"
    );
    assert_eq!(
        outcomes(&world, 1),
        [""; 0],
        "its need is met, its question is not"
    );
    world.alai(["mc", "answer", "1", "the Latin one"]).exits(0);
    merged(&world, 1);
    assert!(trajectory(&world, 1, 0).contains("the Latin one"));
    goes_down(&world, daemon);
}

/// Tasks of one round of the race below.
const RACERS: i64 = 3;
/// Mostly the first round has winners of both kinds.
const ROUNDS_MAX: usize = 20;

/// A person asks for a task from before it becomes eligible until somebody has it. True when it is he.
fn wins(world: &World, task: i64) -> bool {
    loop {
        let ran = world.alai(["mc", "claim", &task.to_string()]);
        if ran.code == 0 {
            return true;
        }
        if ran.err.contains("factory holds it until") {
            return false;
        }
        assert!(ran.err.contains("needs #"), "{ran}");
    }
}

#[test]
fn a_task_that_a_person_and_the_daemon_want_at_once_goes_to_one_of_them() {
    let twin = OllamaTwin::start(Behaviour::by(|body| good(body).held()));
    let world = World::with_model_at("auto", &twin.url());
    std::fs::write(world.home().join("alai.toml"), "slots = 60\n").expect("the settings");
    let daemon = world.up();
    let (mut his, mut ours) = (0, 0);
    for _ in 0..ROUNDS_MAX {
        // All become eligible in one moment, when what they need is closed.
        let needed = world.json(["mc", "add", "Agree", "--json"])["id"].clone();
        let needed = needed.as_i64().expect("a number").to_string();
        let racers: Vec<i64> = (1..=RACERS)
            .map(|n| {
                let title = format!("Say {n} after #{needed}");
                let add = [
                    "mc",
                    "add",
                    &title,
                    "--project",
                    "tiny",
                    "--json",
                    "--needs",
                ];
                let made = world.json(add.into_iter().chain([needed.as_str()]));
                made["id"].as_i64().expect("a number")
            })
            .collect();
        let won: Vec<bool> = std::thread::scope(|scope| {
            let world = &world;
            let asks = |task| scope.spawn(move || wins(world, task));
            let asking: Vec<_> = racers.iter().map(|task| asks(*task)).collect();
            world.alai(["mc", "done", &needed, "agreed"]).exits(0);
            let ends = asking.into_iter().map(|one| one.join());
            ends.map(|end| end.expect("a claim is answered")).collect()
        });
        for (task, his_one) in racers.into_iter().zip(won) {
            let shown = world.task(task);
            let runs = shown["runs"].as_array().expect("runs");
            let holder = if his_one { "person" } else { "factory" };
            let held: Vec<&Value> = runs.iter().map(|run| &run["holder"]).collect();
            assert_eq!(held, [holder], "{shown}");
            (his, ours) = (his + i64::from(his_one), ours + i64::from(!his_one));
        }
        if his > 0 && ours > 0 {
            break;
        }
    }
    assert!(
        his > 0 && ours > 0,
        "{his} for people, {ours} for the daemon"
    );
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_goal_is_not_blocked_but_its_tasks_are() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    world
        .alai(["mc", "block", "1", "which one?"])
        .exits(2)
        .says("a goal is no work of its own; block one of its tasks")
        .says("`alai mc pause 1` stops all of it");
    world.alai(["mc", "block", "3", "which one?"]).exits(0);
    assert_eq!(world.state(3), "waiting");
}
