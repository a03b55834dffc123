//! Programs without a cage: what they have to do with those that have one, and their end. Only root has them; elsewhere the refusal
//! is looked at.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alai_workspace::cage::{
    self, AGENT_ID, Caged, RunUser, agent_ids, end_user, spawn_off, take_user,
};

use crate::world::{World, worlds};

const PATIENCE: Duration = Duration::from_secs(30);
const TRIES: Duration = Duration::from_millis(500);

/// A world as root, where we are root.
fn as_root() -> Option<World> {
    if agent_ids().is_some() {
        return worlds().into_iter().find(|world| world.user().is_none());
    }
    let refused = take_user().unwrap_err().to_string();
    assert!(refused.contains("only root"), "{refused}");
    None
}

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|word| (*word).to_owned()).collect()
}

fn uncaged(world: &World, user: &RunUser, script: &str) -> Caged {
    without(world, user, script, &[])
}

fn without(world: &World, user: &RunUser, script: &str, withheld: &[PathBuf]) -> Caged {
    let mut spec = world.spec();
    spec.uid = Some(user.ids());
    spawn_off(&spec, &words(&["sh", "-c", script]), user, withheld).unwrap()
}

fn lines(caged: &mut Caged) -> BufReader<std::process::ChildStdout> {
    BufReader::new(caged.stdout.take().unwrap())
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn is_there(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with('Z')
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes of the pid namespace that a cage has made.
fn inside(caged: &Caged) -> Vec<String> {
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let all = || fs::read_dir("/proc").unwrap().flatten();
    let parent = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(") ")
            .next()?
            .split(' ')
            .nth(1)?
            .parse::<u32>()
            .ok()
    };
    let below = |pid: &str| {
        let mut at = pid.to_owned();
        while let Some(above) = parent(&at).filter(|above| *above > 1) {
            if above == caged.pid() {
                return true;
            }
            at = above.to_string();
        }
        false
    };
    all()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|pid| pid.parse::<u32>().is_ok())
        .filter(|pid| fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|ns| ns != own))
        .filter(|pid| below(pid))
        .collect()
}

/// Tries for as long as it lives to write where the processes that it is told write. Says when it has begun.
const ATTACK: &str = "echo begun; while :; do for pid in $*; do \
    sh -c \"echo x > /proc/$pid/root/tmp/canary; echo x > /proc/$pid/cwd/canary\" 2>/dev/null; done; done";

/// What stands in the cage after an attack of some hundred tries.
fn seen_in_a_cage(world: &World, attack: impl FnOnce(&[String]) -> Attacker) -> String {
    let argv = words(&["sh", "-c", "read go; ls /tmp /clone; echo end"]);
    let mut caged = cage::spawn(&world.spec(), &argv).unwrap();
    let mut targets = Vec::new();
    until("pid 1 and the shell are there", || {
        targets = inside(&caged);
        targets.len() > 1
    });
    let mut attacker = attack(&targets);
    assert_eq!(line(&mut attacker.out()), "begun");
    // As long as a gate's first command: some hundred tries.
    let began = Instant::now();
    until("it has tried", || began.elapsed() > TRIES);
    attacker.end();
    caged.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let mut seen = String::new();
    for text in lines(&mut caged).lines() {
        let text = text.unwrap();
        if text == "end" {
            break;
        }
        seen.push_str(&text);
        seen.push('\n');
    }
    caged.kill().unwrap();
    // What was written into the clone is the next test's.
    let _ = fs::remove_file(world.path("work").join("canary"));
    seen
}

enum Attacker {
    Plain(Child),
    Uncaged(Box<Caged>, RunUser),
}

impl Attacker {
    fn out(&mut self) -> BufReader<std::process::ChildStdout> {
        match self {
            Attacker::Plain(child) => BufReader::new(child.stdout.take().unwrap()),
            Attacker::Uncaged(caged, _) => lines(caged),
        }
    }

    fn end(self) {
        match self {
            Attacker::Plain(mut child) => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Attacker::Uncaged(mut caged, user) => {
                caged.kill().unwrap();
                user.end().unwrap();
            }
        }
    }
}

#[test]
fn a_cage_is_out_of_reach_of_what_runs_without_one() {
    let Some(world) = as_root() else { return };
    // The control: a process outside that has the cage's own user does what the attack is after.
    let seen = seen_in_a_cage(&world, |targets| {
        let mut command = Command::new("sh");
        command.args(["-c", ATTACK, "sh"]).args(targets);
        command
            .uid(AGENT_ID)
            .gid(AGENT_ID)
            .current_dir("/")
            .env_clear();
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        Attacker::Plain(command.spawn().unwrap())
    });
    assert!(seen.contains("canary"), "the control did nothing: {seen}");

    let user = take_user().unwrap();
    let seen = seen_in_a_cage(&world, |targets| {
        let script = format!("set -- {}; {ATTACK}", targets.join(" "));
        let caged = uncaged(&world, &user, &script);
        Attacker::Uncaged(Box::new(caged), user)
    });
    assert!(!seen.contains("canary"), "{seen}");
}

/// Forks twice into a session of its own, and says its number.
const FLEES: &str = "setsid sh -c 'sleep 1000 & echo $!' </dev/null; read go";

#[test]
fn what_flees_is_ended_with_the_run_and_the_next_one_has_another_user() {
    let Some(world) = as_root() else { return };
    let (one, other) = (take_user().unwrap(), take_user().unwrap());
    assert_ne!(one.uid(), other.uid());
    let mut first = uncaged(&world, &one, FLEES);
    let mut second = uncaged(&world, &other, FLEES);
    assert!(
        first.layers().contains(&"sandbox:off".to_owned()),
        "{:?}",
        first.layers()
    );
    let pids = [line(&mut lines(&mut first)), line(&mut lines(&mut second))];
    assert!(pids.iter().all(|pid| is_there(pid)), "both have fled");
    first.kill().unwrap();
    assert!(!is_there(&pids[0]), "it is ended");
    assert!(is_there(&pids[1]), "and nobody else's");
    // A program that ends by itself takes what it left behind with it.
    second.stdin.take().unwrap().write_all(b"go\n").unwrap();
    second.wait().unwrap();
    assert!(!is_there(&pids[1]), "it is ended");
}

/// A process of a user, without anybody who sees to its end.
fn stray(uid: u32, program: &[&str]) -> Child {
    let mut command = Command::new(program[0]);
    command
        .args(&program[1..])
        .uid(uid)
        .gid(uid)
        .current_dir("/tmp");
    command.stdout(Stdio::piped()).stdin(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn the_end_of_a_user_reaches_forks_and_what_was_left() {
    if as_root().is_none() {
        return;
    }
    let user = take_user().unwrap();
    let uid = user.uid();
    let left = format!("/tmp/alai-left-{uid}");
    let script = format!(
        "mkdir -p {left}/deep; echo x > {left}/deep/file; ipcmk -Q >/dev/null 2>&1; \
         while :; do (sleep 1000 &) ; test -e {left}/many && break; echo $$ > {left}/many; done; echo ready; sleep 1000"
    );
    let mut forks = stray(uid, &["sh", "-c", &script]);
    assert_eq!(
        line(&mut BufReader::new(forks.stdout.take().unwrap())),
        "ready"
    );
    let queues = fs::read_to_string("/proc/sysvipc/msg").unwrap();
    let has_queue = |table: &str| {
        table
            .lines()
            .any(|line| line.split_whitespace().any(|cell| cell == uid.to_string()))
    };
    assert!(has_queue(&queues), "{queues}");
    assert_eq!(user.end().unwrap(), [""; 0]);
    forks.wait().unwrap();
    until("nobody of it is there", || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let mut owners = all.filter_map(|entry| {
            use std::os::unix::fs::MetadataExt;
            entry.metadata().ok().map(|found| found.uid())
        });
        owners.all(|owner| owner != uid)
    });
    assert!(!Path::new(&left).exists(), "{left} is left");
    let queues = fs::read_to_string("/proc/sysvipc/msg").unwrap();
    assert!(!has_queue(&queues), "{queues}");
}

#[test]
fn nobody_s_processes_are_ended_but_a_run_s() {
    if as_root().is_none() {
        return;
    }
    let mut other = stray(54_321, &["sleep", "1000"]);
    for uid in [0, 54_321, 69_999, 71_000] {
        let refused = end_user(uid).unwrap_err().to_string();
        assert!(refused.contains("is no run's"), "{refused}");
    }
    assert!(is_there(&other.id().to_string()));
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn what_is_withheld_is_gone_also_where_everybody_may_read_and_write_it() {
    let Some(world) = as_root() else { return };
    let folder = world.path("factory");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("key"), "key").unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let script = format!(
        "cat {0}/key 2>/dev/null || echo none; (echo x > {0}/new) 2>/dev/null || echo shut; ls {0} 2>&1 | grep -c key; \
         (umount {0} || unshare -rm umount {0}) 2>/dev/null && echo lifted; echo end",
        folder.display()
    );
    for (withheld, want) in [(vec![], "key1"), (vec![folder.clone()], "none,shut,0,end")] {
        let user = take_user().unwrap();
        let mut caged = without(&world, &user, &script, &withheld);
        let said: Vec<String> = lines(&mut caged).lines().map(Result::unwrap).collect();
        let said = said.join(",");
        assert!(said.starts_with(want), "{withheld:?}: {said}");
        caged.kill().unwrap();
        assert_eq!(
            folder.join("new").exists(),
            withheld.is_empty(),
            "the control writes"
        );
        let _ = fs::remove_file(folder.join("new"));
    }
}

/// Stops all that its user may stop, for ever, in as many more processes as it is told. Threads do not stop one another, so
/// that of the processes one goes on.
const STOPS: &str = "import ctypes, os, sys, threading
libc = ctypes.CDLL(None)
def stop():
    while True: libc.kill(-1, 19)
for _ in range(int(sys.argv[1])):
    if os.fork() == 0: break
os.write(1, b'ready\\n')
for _ in range(2): threading.Thread(target=stop).start()
stop()";

#[test]
fn nothing_that_is_to_end_stops_what_ends_it() {
    if as_root().is_none() {
        return;
    }
    let user = take_user().unwrap();
    for round in 0..16 {
        let more = (round % 3).to_string();
        let mut attacker = stray(user.uid(), &["/usr/bin/python3", "-c", STOPS, &more]);
        let said = line(&mut BufReader::new(attacker.stdout.take().unwrap()));
        assert_eq!(said, "ready");
        assert_eq!(user.end().unwrap(), [""; 0], "round {round}");
        attacker.wait().unwrap();
    }
}

#[test]
fn a_user_that_is_held_and_still_runs_something_has_not_ended() {
    if as_root().is_none() {
        return;
    }
    let user = take_user().unwrap();
    let uid = user.uid();
    let mut survivor = stray(uid, &["sleep", "1000"]);
    let refused = end_user(uid).unwrap_err().to_string();
    let pid = survivor.id().to_string();
    assert!(
        refused.contains("has not ended") && refused.contains(&pid),
        "{refused}"
    );
    assert!(is_there(&pid), "whoever holds the user sees to its end");
    // The control: nothing runs, or nobody holds it.
    user.end().unwrap();
    survivor.wait().unwrap();
    let mut survivor = stray(uid, &["sleep", "1000"]);
    drop(user);
    assert_eq!(end_user(uid).unwrap(), [""; 0]);
    survivor.wait().unwrap();
}
