//! What outlived everybody who would have ended it: the next start ends it, or takes nothing of its run.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;

use super::{alive, as_root, at_work, last_run, shared, staying, until};
use crate::world::Running;

/// The process that sees to the end of a run without a cage.
fn guard_of(alai: u32) -> u32 {
    let is = |pid: u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        line.contains("__uncaged") && parent == Some(alai)
    };
    let all = fs::read_dir("/proc").expect("proc").flatten();
    let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| is(*pid)).expect("a guard")
}

fn kill(pid: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.expect("started").success(), "{pid}");
}

/// Ends the run's guard and alai itself, as if at once: alai, which sees to the end when its guard has died, does not
/// get to see it.
fn kill_everybody(running: Running) -> u32 {
    let guard = guard_of(running.pid());
    running.signal(libc::SIGSTOP);
    kill(guard);
    running.signal(libc::SIGKILL);
    running.ends();
    guard
}

#[test]
fn what_outlived_a_kill_of_everybody_is_ended_by_the_next_start() {
    let shared = shared();
    let Some(world) = as_root(&staying(shared.path(), "uid")) else {
        return;
    };
    let (running, uid) = at_work(&world, shared.path(), "uid");
    let guard = kill_everybody(running);
    until("the guard is gone", || {
        (!Path::new(&format!("/proc/{guard}/exe")).exists()).then_some(())
    });
    assert!(!alive(uid).is_empty(), "nobody is there to end it");
    let daemon = world.up();
    assert_eq!(alive(uid), [0; 0], "the start has ended it");
    // And nothing runs it again, with a cage or without one.
    world.until("it waits", |w| (w.state(1) == "waiting").then_some(()));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    let shown = world.task(1);
    assert_eq!(
        shown["view"]["task"]["waiting"]["reason"], "box_refused",
        "{shown}"
    );
}

#[test]
fn a_survivor_keeps_its_clone_from_being_taken_until_it_has_ended() {
    let shared = shared();
    let Some(world) = as_root(&staying(shared.path(), "uid")) else {
        return;
    };
    let (running, uid) = at_work(&world, shared.path(), "uid");
    let run = last_run(&world)["id"].as_str().expect("a name").to_owned();
    kill_everybody(running);
    // Somebody holds the user and does not see to its end.
    let lock = fs::File::open(format!("/run/alai/user-{uid}")).expect("a lock");
    until("the lock is free", || lock.try_lock().ok());
    let survivors = alive(uid);
    assert!(!survivors.is_empty(), "nobody is there to end it");
    let refs = || world.git(&["for-each-ref", &format!("refs/alai/{run}*")]);
    let kept = world.home().join("runs").join(&run).join("kept-clone");
    let start_and_stop = || {
        let daemon = world.up();
        world.alai(["down"]).exits(0);
        daemon.ends().exits(0);
    };
    start_and_stop();
    // Not each of them: its shell naps, and a nap is a process too.
    let live = alive(uid);
    let any = survivors.iter().any(|pid| live.contains(pid));
    assert!(any, "of {survivors:?} these live: {live:?}");
    assert!(kept.join(".git").is_dir(), "its clone is kept");
    assert_eq!(refs(), "", "nothing of it was taken");
    let refused = world.alai(["minion", "recover", &run]);
    assert!(refused.code != 0, "{refused}");
    refused.says("is not known to have ended");
    drop(lock);
    start_and_stop();
    assert_eq!(alive(uid), [0; 0], "the next start has ended it");
    let ran = world.alai(["minion", "recover", &run]);
    assert!(!ran.err.contains("is not known to have ended"), "{ran}");
    assert!(!kept.exists(), "its clone is home");
    // Whoever has the number from now on is somebody else.
    let mut stranger = std::process::Command::new("sleep");
    stranger.arg("1000").uid(uid as u32).gid(uid as u32);
    let mut stranger = stranger.current_dir("/").spawn().expect("started");
    start_and_stop();
    assert_eq!(alive(uid), [stranger.id()], "it is left alone");
    stranger.kill().expect("killed");
    stranger.wait().expect("ended");
    let shown = world.alai(["minion", "show", &run]).exits(0);
    shown.says("OFF: it ran without a cage");
}
