//! The daemon: started, asked, drained, interrupted, and what it leaves behind.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use alai_testkit::ollama::{Behaviour, OllamaTwin};
use insta::assert_snapshot;

use crate::script::{Script, TITLE};
use crate::wire::{good, has_built};
use crate::world::{Running, World};

const START: [&str; 4] = ["start", "Count letters", "--project", "tiny"];

#[test]
fn a_daemon_does_the_work_and_says_how_it_is() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    let first = world.alai(["status"]).exits(0);
    assert_snapshot!(world.redact(&first.out), @r"
    daemon  up (pid PID), heartbeat AGO, nothing dispatched yet, 0/2 slots, simulated
    queue   0 open, 0 started, 0 stalled, 0 waiting, 0 done, 0 failed, 0 merging
    models  scripted (reachable)
    spend   0 calls, 0 + 0 tokens, $0.000000
    ");
    let pulse = &world.json(["status", "--json"])["daemon"];
    assert_eq!(pulse["pid"].as_u64(), Some(u64::from(daemon.pid())));
    world.alai(START.into_iter().chain(["--wait"])).exits(0);
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    let after = world.alai(["status"]).exits(0);
    let line = world.redact(after.out.lines().next().unwrap_or_default());
    assert_eq!(
        line,
        "daemon  up (pid PID), heartbeat AGO, last dispatch AGO, 0/2 slots, simulated"
    );
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0).says("alai is down");
    assert!(!world.home().join("daemon.sock").exists());
    let gone = world.alai(["status"]).exits(0);
    let line = world.redact(gone.out.lines().next().unwrap_or_default());
    assert_eq!(
        line,
        "daemon  not running (`alai up`), last dispatch AGO, simulated"
    );
}

#[test]
fn a_second_daemon_is_refused_and_told_of_the_first() {
    let world = World::scripted("auto", &Script::good());
    let first = world.up();
    let pid = format!("(pid {})", first.pid());
    world
        .alai(["up"])
        .exits(1)
        .says(&pid)
        .says("hint: `alai status` shows it, `alai down` stops it");
    world.alai(["mc", "add", "Still served"]).exits(0);
    first.signal(libc::SIGTERM);
    first.ends().exits(0);
}

#[test]
fn a_daemon_that_hangs_is_named_and_not_called_absent() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    world
        .alai(["mc", "add", "Later", "--project", "tiny", "--hold"])
        .exits(0);
    daemon.signal(libc::SIGSTOP);
    let silent = format!(
        "daemon  silent: process {} holds the home and takes no requests",
        daemon.pid()
    );
    world.alai(["status"]).exits(0).says(&silent);
    let shown = world.json(["status", "--json"]);
    assert_eq!(shown["held_by"], daemon.pid().to_string());
    assert!(shown["daemon"].is_null());
    daemon.signal(libc::SIGCONT);
    world.alai(["status"]).exits(0).says("daemon  up");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn the_next_daemon_can_start_as_soon_as_down_has_answered() {
    let world = World::scripted("auto", &Script::good());
    for _ in 0..5 {
        let daemon = world.up();
        world.alai(["down"]).exits(0);
        // It may still be a process, but it has let go of the home.
        let next = world.up();
        world.alai(["down"]).exits(0);
        for ended in [daemon, next] {
            ended.ends().exits(0);
        }
    }
}

#[test]
fn a_home_that_a_command_works_on_is_not_free_and_can_be_asked_again() {
    let world = World::scripted("auto", &Script::good());
    let lock = alai_mission::Mission::open(&world.home(), |_| {}).expect("the store");
    for args in [&["mc", "add", "Later"][..], &["up"]] {
        let refused = world.alai(args.iter().copied()).exits(8);
        assert!(
            refused.err.contains("in use by another alai process"),
            "{refused}"
        );
        assert!(
            refused.err.contains("try again when it has ended"),
            "{refused}"
        );
    }
    drop(lock);
    world.alai(["mc", "add", "Later"]).exits(0);
}

#[test]
fn commands_go_through_the_daemon() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    world
        .alai(["mc", "add", "Held", "--project", "tiny", "--hold"])
        .exits(0)
        .says("#1 [M] [paused]");
    world.alai(["mc", "note", "1", "seen"]).exits(0);
    world
        .alai(["mc", "cancel", "1", "not needed"])
        .exits(0)
        .says("[cancelled]");
    world
        .alai(["mc", "resume", "1"])
        .exits(1)
        .says("cannot change task #1: a task that is cancelled");
    world
        .alai(["project", "set", "tiny", "--deliver", "approve"])
        .exits(0);
    world.alai(["mc", "done", "77", "why not"]).exits(3);
    world.alai(["mc", "retry", "1"]).exits(0);
    world.until("it waits for its merge to be approved or is merged", |w| {
        (!w.task(1)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    assert_eq!(world.titles("main"), ["Import"]);
    world
        .alai(["mc", "approve", "1", "--wait"])
        .exits(0)
        .says("moved to");
    assert_eq!(world.titles("main"), ["Held", "Import"]);
    let history = world.task(1)["history"].to_string();
    assert!(
        history.contains("seen") && history.contains("not needed"),
        "{history}"
    );
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn an_approval_is_queued_for_the_daemon() {
    let world = World::scripted("approve", &Script::good());
    let daemon = world.up();
    world
        .alai(START.into_iter().chain(["--wait"]))
        .exits(6)
        .says("main is not moved yet");
    world
        .alai(["mc", "approve", "1"])
        .exits(0)
        .says("queued: the target branch moves to");
    world.until("main has moved", |w| {
        (w.titles("main") == [TITLE, "Import"]).then_some(())
    });
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

/// A world whose daemon has a builder that waits for its model.
fn building() -> (OllamaTwin, World, Running) {
    let twin = OllamaTwin::start(Behaviour::by(|body| match has_built(body) {
        true => good(body).held(),
        false => good(body),
    }));
    let world = World::with_model_at("auto", &twin.url());
    let daemon = world.up();
    world.alai(START).exits(0);
    // The goal's plan, the build's class, the builder's plan, its change, and its next turn, which is held.
    twin.await_chats(5);
    (twin, world, daemon)
}

/// How often each kind of event stands in a task's history.
fn events(world: &World, task: i64, kind: &str) -> usize {
    let shown = world.task(task);
    let all = shown["history"].as_array().expect("a history").iter();
    all.filter(|event| event["kind"] == kind).count()
}

fn finishes(world: &World) {
    let daemon = world.up();
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
}

fn handed_back(world: &World) {
    let build = world.task(3);
    assert_eq!(build["view"]["task"]["state"], "open", "{build}");
    let counters = build["view"]["task"]["counters"]
        .as_object()
        .expect("counters");
    assert!(
        counters.values().all(|n| n.as_u64() == Some(0)),
        "nobody failed: {counters:?}"
    );
    assert!(
        build["history"].to_string().contains("handed back"),
        "{build}"
    );
    let run = build["runs"][0]["id"].as_str().expect("a run");
    assert!(
        !world.home().join("runs").join(run).join("clone").exists(),
        "its clone is removed"
    );
    let kept = world.git(&["log", "-1", "--format=%s", &format!("refs/alai/{run}")]);
    assert_eq!(kept, TITLE, "what it had committed is kept");
}

#[test]
fn down_now_hands_work_back_and_a_later_up_finishes_it() {
    let (twin, world, daemon) = building();
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0).says("running work was handed back");
    handed_back(&world);
    twin.release();
    finishes(&world);
    assert_eq!(events(&world, 3, "claim"), 2);
}

#[test]
fn down_lets_running_work_finish() {
    let (twin, world, daemon) = building();
    let down = Running::start(world.command(["down"]));
    daemon.says("alai goes down when 1 run(s) have ended");
    twin.release();
    down.ends().exits(0);
    daemon.ends().exits(0);
    assert_eq!(world.state(3), "done", "the build that ran is finished");
    assert_eq!(world.state(5), "open", "nothing new was started");
    assert_eq!(events(&world, 3, "claim"), 1);
    finishes(&world);
}

#[test]
fn a_drain_can_be_cut_short() {
    let (twin, world, daemon) = building();
    let down = Running::start(world.command(["down"]));
    daemon.says("alai goes down when 1 run(s) have ended");
    world.alai(["down", "--now"]).exits(0);
    down.ends().exits(0);
    daemon.ends().exits(0);
    handed_back(&world);
    twin.await_closed(1);
}

#[test]
fn a_signal_ends_it_cleanly() {
    let (twin, world, daemon) = building();
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
    assert!(!world.home().join("daemon.sock").exists());
    handed_back(&world);
    twin.await_closed(1);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn the_socket_of_a_dead_daemon_is_replaced() {
    let world = World::scripted("auto", &Script::good());
    drop(
        UnixListener::bind(world.home().join("daemon.sock")).expect("a socket that nobody serves"),
    );
    world.alai(["down"]).exits(8).says("no daemon works on");
    world
        .alai(["mc", "add", "Written without a daemon"])
        .exits(0);
    let daemon = world.up();
    world
        .alai(["status"])
        .exits(0)
        .says(&format!("pid {}", daemon.pid()));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn down_without_a_daemon_says_so() {
    let ran = World::with_home().alai(["down"]).exits(8);
    assert!(ran.err.starts_with("error: no daemon works on "), "{ran}");
}

#[test]
fn what_is_no_request_is_refused_and_harms_nobody() {
    let world = World::scripted("auto", &Script::good());
    let daemon = world.up();
    let ask = |line: &str| {
        let stream =
            UnixStream::connect(world.home().join("daemon.sock")).expect("the daemon listens");
        (&stream).write_all(line.as_bytes()).expect("it reads");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("half closed");
        let mut answer = String::new();
        BufReader::new(&stream)
            .read_line(&mut answer)
            .expect("it answers");
        answer
    };
    assert!(ask("GET / HTTP/1.1\r\n").contains("does not understand the request"));
    assert!(
        ask("{\"version\":9,\"actor\":\"x\",\"ask\":{\"kind\":\"pulse\"}}\n")
            .contains("speaks version 2")
    );
    assert!(ask(&format!("{}\n", "x".repeat(2 << 20))).contains("refused"));
    assert_eq!(ask(""), "");
    world.alai(["mc", "add", "Still served"]).exits(0);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_folder_is_meant_from_where_the_person_stands() {
    let world = World::with_project("approve");
    let other = world.path("other");
    std::fs::create_dir(&other).expect("a folder");
    std::fs::write(other.join("README"), "another").expect("written");
    alai_testkit::git::init_repo(&other).expect("a repository");
    let daemon = world.up();
    // The daemon stands in a folder that is no project; the person in one that is.
    let here = world.sh(
        "\"$ALAI\" mc add 'From here' --project . && \"$ALAI\" project set . --docs true --json",
    );
    assert!(here.exits(0).out.contains("\"docs\":true"));
    let mut elsewhere = world.program(std::env::var_os("SHELL").unwrap_or("sh".into()));
    elsewhere
        .args(["-c", "\"$ALAI\" mc add 'From there' --project ."])
        .current_dir(&other);
    crate::world::run(elsewhere)
        .exits(3)
        .says("no registered project");
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
}
