//! Programs that use up the machine: each is ended at its limit, by name, and nothing of it is left. Every cage of these tests
//! runs in a place that is thrown away (`outer` of the launcher: own processes, own mounts, a small disk in memory), so that
//! a cage that does not hold harms nobody.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use alai_core::record::{Captured, Exit, Limit};
use alai_workspace::cage::Limits;

use crate::world::{
    INSIDE, LAUNCHER, World, holders, token, until_a_holder, until_holders, worlds,
};

/// The disk of the place: a few times what a cage may fill of it.
const DISK: &str = "268435456";

/// What the filled disk may be beyond: a writer gets on between two looks, and may reach the disk's own end.
const DISK_MAX: u64 = 64 << 20;

/// How far the memory that no process owns may be from where it was: the machine has other work, too.
const MEMORY_SLACK_KIB: u64 = 1 << 18;

/// How long the machine may take to be itself again; only a broken cage makes a test wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an exploded cage left behind in its place.
struct Bombed {
    captured: Captured,
    /// Processes.
    left: u64,
    /// Bytes on the disk, before and after everything that has a name was removed.
    held: u64,
    bytes: u64,
    /// The largest process was that many kibibytes.
    peak_kib: u64,
}

/// Small limits that every ordinary program fits into.
pub(crate) fn small(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits {
        wall_s: 60,
        memory_bytes: 256 << 20,
        processes_max: 60,
        disk_bytes_max: DISK_MAX,
        disk_files_max: 2_000,
        output_kept: 1_000,
        ..Limits::default()
    };
    change(&mut limits);
    limits
}

/// The disk of these tests is memory, which a control group counts, too.
fn roomy() -> Limits {
    small(|limits| limits.memory_bytes = 1 << 30)
}

/// What pid 1 says before it ends; where the kernel counts memory, it ends pid 1 with the rest.
fn says(captured: &Captured, why: &str) -> bool {
    let is_watched = captured
        .record
        .cage
        .iter()
        .any(|name| name == "memory:watched");
    !is_watched || captured.stderr.contains(&format!("cage: ended: {why}\n"))
}

pub(crate) fn over(limit: Limit, max: u64) -> Exit {
    Exit::OverLimit { limit, max }
}

/// The process that runs a cage in a throwaway place, not started.
fn placed(world: &World, limits: Limits, argv: &[&str]) -> Command {
    let mut spec = world.spec();
    spec.limits = limits;
    let inner = world.command(&spec, argv);
    let user = world.user().map_or("-".to_owned(), |user| user.to_string());
    let mut command = Command::new(LAUNCHER);
    command.args(["outer", &user]).arg(world.path("work"));
    command.arg(DISK).arg(inner.get_program());
    command.args(inner.get_args());
    command.env_clear().current_dir("/").stdin(Stdio::null());
    command
}

fn exploded(world: &World, limits: Limits, argv: &[&str]) -> Bombed {
    let before = ownerless_kib();
    let output = placed(world, limits, argv).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = world.name();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {argv:?}: {report} {said}");
    let fact = |wanted: &str| {
        let last = said.lines().last().unwrap_or_default();
        let mut facts = last.split(' ').filter_map(|word| word.split_once('='));
        let found = facts.find(|(name, _)| *name == wanted);
        let found = found.unwrap_or_else(|| panic!("no {wanted} in {said:?}"));
        found.1.parse::<u64>().unwrap()
    };
    let bombed = Bombed {
        captured: serde_json::from_str(&report)
            .unwrap_or_else(|error| panic!("{name}: {argv:?}: {error}: {report} {said}")),
        left: fact("left"),
        held: fact("held"),
        bytes: fact("bytes"),
        peak_kib: fact("peak_kib"),
    };
    unharmed(world, &bombed, before);
    bombed
}

/// Nothing of a cage is left: no process, no memory, no disk, and the next cage works as if nothing had been.
fn unharmed(world: &World, bombed: &Bombed, before_kib: u64) {
    let name = world.name();
    assert_eq!(bombed.left, 0, "{name}: processes were left");
    assert_eq!(bombed.bytes, 0, "{name}: files without a name were left");
    let deadline = Instant::now() + PATIENCE;
    while ownerless_kib() > before_kib + MEMORY_SLACK_KIB {
        assert!(
            Instant::now() < deadline,
            "{name}: memory did not come back"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    world.allowed(&["write", "/clone/after"]);
    world.allowed(&["threads", "20"]);
    fs::remove_file(world.path("work/after")).unwrap();
}

/// What can outlive the processes of a cage, of which none is left: shared memory, and what the kernel keeps for itself. Free memory
/// would tell of whoever else is at work on the machine, a compiler say.
fn ownerless_kib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next();
        number.unwrap().parse::<u64>().unwrap()
    };
    ["Shmem:", "SUnreclaim:", "PageTables:", "KernelStack:"]
        .map(kib)
        .iter()
        .sum()
}

/// The control of what every bomb is measured by.
#[test]
fn memory_that_outlives_its_process_is_seen() {
    let before = ownerless_kib();
    let at = std::path::Path::new("/dev/shm").join(token());
    let bytes = MEMORY_SLACK_KIB * 1024 * 5 / 4;
    fs::write(&at, vec![1; usize::try_from(bytes).unwrap()]).unwrap();
    let seen = ownerless_kib();
    fs::remove_file(&at).unwrap();
    assert!(
        seen > before + MEMORY_SLACK_KIB,
        "{before} KiB, then {seen} KiB"
    );
}

pub(crate) fn bomb<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&[INSIDE, "bomb"], words].concat()
}

#[test]
fn a_fork_bomb_starves_neither_its_neighbours_nor_the_machine() {
    for world in worlds() {
        let token = token();
        let mut neighbour = world
            .command(&world.spec(), &[INSIDE, "hold-threads", "30", &token])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until_holders("hold-threads", &token, 1);
        let bombed = std::thread::scope(|scope| {
            let limits = small(|limits| limits.wall_s = 3);
            let world = &world;
            let exploding = scope.spawn(move || exploded(world, limits, &bomb(&["forks"])));
            until_a_holder("bomb", "forks");
            // While it burns, another cage of the same user has all the processes that it may.
            let beside = world.run_spec(&world.spec(), &[INSIDE, "threads", "50"]);
            assert!(beside.success(), "{}: {}", world.name(), beside.combined());
            exploding.join().unwrap()
        });
        let record = &bombed.captured.record;
        assert_eq!(
            record.exit,
            Exit::TimedOut { after_s: 3 },
            "{}",
            world.name()
        );
        assert_eq!(bombed.captured.stdout, "full\n", "it reached its limit");
        assert_eq!(holders("hold-threads", &token), 1, "the neighbour lives");
        neighbour.kill().unwrap();
        neighbour.wait().unwrap();
    }
}

/// Each stays below what one process may use; together they would take 1.2 GB.
#[test]
fn memory_taken_by_many_processes_ends_the_cage() {
    for world in worlds() {
        let one = format!("{INSIDE} hold-memory 62914560 &");
        let script = format!("{} wait", one.repeat(20));
        let bombed = exploded(&world, small(|_| {}), &["/bin/sh", "-c", &script]);
        let exit = bombed.captured.record.exit;
        assert_eq!(exit, over(Limit::Memory, 256 << 20), "{}", world.name());
        assert!(
            says(&bombed.captured, "used more than 268435456 bytes of memory"),
            "{}",
            bombed.captured.stderr
        );
    }
}

/// No process's own count holds any of it: files in memory, memory shared with children, segments, and names without content.
#[test]
fn shared_memory_is_memory() {
    let half_a_gigabyte = "536870912";
    for world in worlds() {
        for kind in ["memory-file", "shared", "segment"] {
            let bombed = exploded(&world, small(|_| {}), &bomb(&[kind, half_a_gigabyte]));
            let exit = bombed.captured.record.exit;
            let told = bombed.captured.combined();
            assert_eq!(
                exit,
                over(Limit::Memory, 256 << 20),
                "{}: {kind}: {told}",
                world.name()
            );
        }
        let limits = small(|limits| limits.memory_bytes = 64 << 20);
        let bombed = exploded(&world, limits, &bomb(&["files", "/tmp", "200000", "0"]));
        let exit = bombed.captured.record.exit;
        assert_eq!(
            exit,
            over(Limit::Memory, 64 << 20),
            "{}: files in /tmp",
            world.name()
        );
    }
}

/// Whoever has to look at three million descriptors sees nothing else meanwhile: what cannot be counted in its time is too much.
#[test]
fn a_crowd_does_not_blind_the_one_who_watches() {
    for world in worlds() {
        let limits = small(|limits| {
            limits.wall_s = 30;
            limits.processes_max = 300;
        });
        let bombed = exploded(&world, limits, &bomb(&["crowd", "200", "536870912"]));
        let exit = bombed.captured.record.exit;
        let is_over = matches!(
            exit,
            Exit::OverLimit {
                limit: Limit::Memory | Limit::Uncounted,
                ..
            }
        );
        let told = bombed.captured.combined();
        assert!(is_over, "{}: {exit}: {told}", world.name());
    }
}

#[test]
fn shared_memory_within_the_limit_is_left_alone() {
    for world in worlds() {
        let limits = small(|limits| limits.wall_s = 2);
        let bombed = exploded(&world, limits, &bomb(&["shared", "134217728"]));
        assert_eq!(
            bombed.captured.record.exit,
            Exit::TimedOut { after_s: 2 },
            "{}",
            world.name()
        );
    }
}

#[test]
fn a_full_folder_ends_the_cage() {
    for world in worlds() {
        let many = bomb(&["files", "/clone", "200", "1048576"]);
        let bombed = exploded(&world, roomy(), &many);
        let exit = bombed.captured.record.exit;
        assert_eq!(exit, over(Limit::Disk, DISK_MAX), "{}", world.name());
        assert!(bombed.held > DISK_MAX, "it wrote {} bytes", bombed.held);
        assert!(
            says(
                &bombed.captured,
                "wrote more than 67108864 bytes to its folders"
            ),
            "{}",
            bombed.captured.stderr
        );

        let empty = bomb(&["files", "/clone", "20000", "0"]);
        let bombed = exploded(&world, roomy(), &empty);
        let exit = bombed.captured.record.exit;
        assert_eq!(exit, over(Limit::Files, 2_000), "{}", world.name());
    }
}

/// A file without a name, a file below a folder that cannot be entered, and a process that cannot be looked at, until the
/// disk is full.
#[test]
fn what_hides_from_the_count_is_counted() {
    for world in worlds() {
        for kind in ["nameless", "hidden", "secretive"] {
            let bombed = exploded(&world, roomy(), &bomb(&[kind, "/clone", "536870912"]));
            let exit = bombed.captured.record.exit;
            let told = bombed.captured.combined();
            assert_eq!(
                exit,
                over(Limit::Disk, DISK_MAX),
                "{}: {kind}: {told}",
                world.name()
            );
        }
    }
}

/// What was there before the cage, and what it deleted again, is nothing that it keeps.
#[test]
fn what_a_cage_does_not_keep_is_not_counted() {
    for world in worlds() {
        let big = world.path("home/big");
        fs::write(&big, vec![1; 100 << 20]).unwrap();
        world.give(&big);
        // Somebody looks while each part is there and while it is not, so both together are a reason to walk.
        let script = "for part in 1 2; do head -c 41943040 /dev/zero >/clone/part; sleep 0.4; rm /clone/part; sleep 0.4; \
            done; wc -c </home/agent/big";
        let bombed = exploded(&world, roomy(), &["/bin/sh", "-c", script]);
        let told = bombed.captured.combined();
        assert!(bombed.captured.success(), "{}: {told}", world.name());
        assert_eq!(bombed.captured.stdout.trim(), "104857600");
    }
}

/// `ALAI_BOMBS=long` lets ten gigabytes flow instead of one.
#[test]
fn a_flood_of_output_is_read_and_thrown_away() {
    let is_long = std::env::var("ALAI_BOMBS").is_ok_and(|value| value == "long");
    let flood: u64 = if is_long { 10 << 30 } else { 1 << 30 };
    for world in worlds() {
        let limits = small(|limits| {
            limits.wall_s = 220;
            limits.output_bytes_max = flood;
        });
        let bombed = exploded(&world, limits, &[INSIDE, "flood"]);
        let captured = &bombed.captured;
        let exit = captured.record.exit;
        assert_eq!(
            exit,
            Exit::TooMuchOutput { limit_bytes: flood },
            "{}",
            world.name()
        );
        assert!(captured.truncated && captured.record.stdout_bytes > flood);
        assert!(captured.stdout.len() < 1_100, "only head and tail are kept");
        // Nobody on the way kept it: neither the one who reads nor the one who watches.
        assert!(bombed.peak_kib < 64 << 10, "{} KiB", bombed.peak_kib);
    }
}

#[test]
fn a_program_that_ignores_every_polite_signal_ends_at_its_time() {
    for world in worlds() {
        let token = token();
        let limits = small(|limits| limits.wall_s = 1);
        let bombed = exploded(&world, limits, &bomb(&["stubborn", &token]));
        assert_eq!(
            bombed.captured.record.exit,
            Exit::TimedOut { after_s: 1 },
            "{}",
            world.name()
        );
        assert_eq!(bombed.captured.stdout, "held\n", "it ran");
        assert_eq!(holders("bomb", &token), 0, "{}", world.name());
    }
}

#[test]
fn a_daemon_of_a_daemon_ends_with_the_program() {
    for world in worlds() {
        let token = token();
        let bombed = exploded(&world, small(|_| {}), &bomb(&["grandchild", &token]));
        assert_eq!(
            bombed.captured.record.exit,
            Exit::Code { code: 0 },
            "{}",
            world.name()
        );
        assert_eq!(bombed.captured.stdout, "left it behind\n");
        assert_eq!(holders("bomb", &token), 0, "{}", world.name());
    }
}

/// The place itself holds: what runs in it ends with the process that made it.
#[test]
fn a_place_that_is_thrown_away_takes_everything_along() {
    for world in worlds() {
        let token = token();
        let mut command = placed(&world, small(|_| {}), &[INSIDE, "hold", &token]);
        let mut place = command.stdout(Stdio::null()).spawn().unwrap();
        until_holders("hold", &token, 1);
        place.kill().unwrap();
        place.wait().unwrap();
        until_holders("hold", &token, 0);
    }
}
