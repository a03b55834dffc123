//! SIGKILL inside the gate: what it had measured counts for nothing, a restart measures the same commit anew, and nothing of the first
//! try is left.

use crate::script::{BUILD, Script};
use crate::world::{Running, World};

/// In the order in which a build passes them; of several commands the first.
const POINTS: [&str; 6] = [
    "gate.begun",
    "gate.command",
    "gate.measured",
    "evidence.written",
    "evidence.sealing",
    "evidence.sealed",
];

#[test]
fn killed_anywhere_in_the_gate_the_commit_is_measured_anew() {
    for point in POINTS {
        let world = World::scripted("auto", &Script::good());
        let mut dies = world.command(BUILD);
        dies.env("ALAI_CRASH_AT", point);
        let killed = Running::start(dies).ends();
        assert_eq!(killed.code, 128 + libc::SIGKILL, "{point}: {killed}");
        let half = world.task(1);
        assert_ne!(half["view"]["task"]["state"], "done", "{point}: {half}");
        assert!(half["view"]["trust"].is_null(), "{point}: {half}");
        // A package is whole or none: what is not sealed is not shown.
        let shown = world.alai(["qa", "check", "1", "--json"]);
        match point {
            "evidence.sealed" => assert_eq!(shown.code, 0, "{shown}"),
            _ => assert_ne!(shown.code, 0, "{point}: {shown}"),
        }
        let daemon = world.up();
        world.until("its gate has passed it", |w| {
            (w.task(1)["view"]["task"]["state"] == "done").then_some(())
        });
        daemon.signal(libc::SIGTERM);
        daemon.ends();
        let task = world.task(1);
        let runs = task["runs"].as_array().expect("runs");
        assert_eq!(
            runs.len(),
            2,
            "{point}: the one that was killed, and one more: {task}"
        );
        assert_eq!(task["view"]["trust"], "L3", "{point}: {task}");
        let shown = world.json(["qa", "check", "1", "--json"]);
        assert_eq!(shown["run"], runs[1]["id"], "{point}: whose verdict it is");
        world.alai(["mc", "fsck"]).exits(0);
        let scratch = world.home().join("cache/scratch");
        let left = std::fs::read_dir(&scratch).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{point}: {}", scratch.display());
    }
}
