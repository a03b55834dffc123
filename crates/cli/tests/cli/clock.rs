//! A wall clock that is set while the daemon works, and a machine that sleeps: nobody loses his lease by it, nothing is done
//! twice, schedules do what their policy says. The wall clock is libfaketime's; the steady one stays the machine's.

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::processes::{descendants, signal};
use crate::script::{TITLE, solution};
use crate::wire::{ClosedDoor, good, has_built};
use crate::world::{Ran, Running, World, run};

const HOUR_S: i64 = 3_600;
/// The library for programs with threads, below one of the folders for libraries.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const LIBRARIES: [&str; 3] = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];

fn library() -> PathBuf {
    // Debian has a folder for each kind of machine.
    let kinds = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten();
    let places = LIBRARIES
        .iter()
        .map(PathBuf::from)
        .chain(kinds.map(|e| e.path()));
    let found = places
        .map(|dir| dir.join(LIBRARY))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{LIBRARY} is in none of {LIBRARIES:?}: `cargo xtask test` installs it")
    })
}

/// A wall clock that only goes otherwise for the programs that are started with it.
pub(crate) struct FakeClock<'a> {
    world: &'a World,
    library: PathBuf,
    ahead_s: Cell<i64>,
}

impl FakeClock<'_> {
    /// A clock that shows the machine's time.
    pub(crate) fn new(world: &World) -> FakeClock<'_> {
        let clock = FakeClock {
            world,
            library: library(),
            ahead_s: Cell::new(0),
        };
        clock.jump(0);
        clock
    }

    /// One that stands half an hour after a full hour, in the hour that is now or in the next one.
    pub(crate) fn at_half_past(world: &World) -> FakeClock<'_> {
        let clock = FakeClock::new(world);
        let since = clock.now_ms() / 1000 % HOUR_S;
        clock.jump(HOUR_S / 2 - since);
        clock
    }

    /// Sets the clock forward, or back.
    pub(crate) fn jump(&self, by_s: i64) {
        self.ahead_s.set(self.ahead_s.get() + by_s);
        // Read by each program at each look: never half written.
        let new = self.world.path("clock.new");
        std::fs::write(&new, format!("{:+}\n", self.ahead_s.get())).expect("the clock");
        std::fs::rename(new, self.file()).expect("the clock is set");
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let real = since.expect("after 1970").as_millis();
        i64::try_from(real).expect("it fits") + self.ahead_s.get() * 1000
    }

    fn file(&self) -> PathBuf {
        self.world.path("clock")
    }

    /// The same command by this clock.
    pub(crate) fn by(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }

    /// Runs the binary by this clock to its end.
    pub(crate) fn alai<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        run(self.by(self.world.command(args)))
    }

    /// Starts the daemon by this clock and waits until it says that it is up.
    pub(crate) fn up(&self) -> Running {
        let daemon = Running::start(self.by(self.world.command(["up"])));
        daemon.says("alai is up on");
        daemon
    }

    /// Wakes the daemon and waits until it has looked at everything by the clock as it stands.
    pub(crate) fn beats(&self) {
        let since = self.now_ms();
        // Each request wakes it, and this one changes nothing.
        self.alai(["mc", "schedule", "pause", "nobody's"]).exits(3);
        self.world.until("a beat by this clock", |_| {
            let status = self.alai(["status", "--json"]).exits(0).json();
            let beat = status["daemon"]["beat_ms"].as_i64().expect("a daemon");
            (since..=self.now_ms()).contains(&beat).then_some(())
        });
    }
}

/// A daemon by a clock of ours with a live builder that waits for its model, schedules that fire at each hour, and a question
/// that waits for a person.
struct Night<'a> {
    clock: FakeClock<'a>,
    daemon: Running,
    /// The builder's run, as it was when it began.
    run: Value,
}

/// One schedule for each policy.
const POLICIES: [&str; 3] = ["skip", "one", "all"];

fn model() -> OllamaTwin {
    OllamaTwin::start(Behaviour::by(|body| match has_built(body) {
        true => good(body).held(),
        false => good(body),
    }))
}

impl Night<'_> {
    fn falls<'a>(world: &'a World, twin: &OllamaTwin) -> Night<'a> {
        // Less than the jumps: whoever is judged by the wrong clock is idle at once.
        let limits = "[limits]\nidle_minutes = 30\nrun_minutes = 50\n";
        std::fs::write(world.home().join("alai.toml"), limits).expect("the settings");
        let clock = FakeClock::at_half_past(world);
        let daemon = clock.up();
        for policy in POLICIES {
            let title = format!("Fired, {policy}");
            let add = ["mc", "schedule", "add", policy, "@hourly", &title];
            let add = add.into_iter().chain(["--catch-up", policy]);
            clock.alai(add).exits(0).says("next");
        }
        clock
            .alai(["start", "Count letters", "--project", "tiny"])
            .exits(0);
        // The goal's plan, the build's class, the builder's plan, its change, and its next turn, which is held.
        twin.await_chats(5);
        clock.alai(["mc", "add", "Ask"]).exits(0).says("#5");
        clock.alai(["mc", "block", "5", "which one?"]).exits(0);
        let run = world.task(3)["runs"][0].clone();
        assert_eq!(run["state"], "live", "{run}");
        Night { clock, daemon, run }
    }
}

/// How many tasks each schedule has made, in the order of the policies.
fn fired(world: &World) -> [usize; 3] {
    let list = world.list();
    POLICIES.map(|policy| list.matches(&format!("Fired, {policy}")).count())
}

fn runs(world: &World) -> Vec<Value> {
    let listed = world.alai(["minion", "list", "--json"]).exits(0).out;
    let lines = listed.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The builder's run goes on as if nothing had happened, and so does the question.
fn nobody_noticed(night: &Night<'_>, world: &World) {
    let run = &world.task(3)["runs"][0];
    assert_eq!(
        (&run["id"], &run["state"]),
        (&night.run["id"], &json!("live")),
        "{run}"
    );
    let lease = run["lease_until_ms"].as_i64().expect("a lease");
    let left = lease - night.clock.now_ms();
    assert!(
        (0..=60_000).contains(&left),
        "{left} ms of its lease are left"
    );
    night
        .clock
        .alai(["why", "3"])
        .exits(0)
        .says("rule      running");
    assert_eq!(world.state(5), "waiting");
    let history = world.task(5)["history"].to_string();
    assert!(!history.contains("overdue"), "{history}");
}

/// The flow ends as if nothing had happened: each task by one run, merged once.
fn ends_merged(night: Night<'_>, world: &World, twin: &OllamaTwin) {
    twin.release();
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    for run in runs(world) {
        assert_eq!(run["state"], "succeeded", "{run}");
    }
    assert_eq!(world.task(3)["runs"].as_array().map(Vec::len), Some(1));
    night.clock.alai(["down"]).exits(0);
    night.daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_clock_that_is_set_forward_costs_no_run_needs_faketime() {
    let twin = model();
    let world = World::with_model_at("auto", &twin.url());
    let night = Night::falls(&world, &twin);
    night.clock.jump(HOUR_S);
    night.daemon.says("the clock jumped by 3");
    night.clock.beats();
    nobody_noticed(&night, &world);
    // One firing was jumped over, half an hour ago.
    assert_eq!(fired(&world), [0, 1, 1]);
    night.clock.beats();
    assert_eq!(fired(&world), [0, 1, 1], "each firing makes one task");
    ends_merged(night, &world, &twin);
}

#[test]
fn a_clock_that_is_set_back_costs_no_run_needs_faketime() {
    let twin = model();
    let world = World::with_model_at("auto", &twin.url());
    let night = Night::falls(&world, &twin);
    night.clock.jump(-HOUR_S);
    night.daemon.says("the clock jumped by -3");
    night.clock.beats();
    nobody_noticed(&night, &world);
    assert_eq!(fired(&world), [0, 0, 0]);
    // Over the firing, back behind it and over it again.
    for by_s in [2 * HOUR_S, -HOUR_S, HOUR_S] {
        night.clock.jump(by_s);
        night.clock.beats();
        nobody_noticed(&night, &world);
        assert_eq!(fired(&world), [0, 1, 1], "nothing fires twice");
    }
    ends_merged(night, &world, &twin);
}

/// The pause between two looks at a host that is not there is a time of the steady clock, whatever the wall's says.
#[test]
fn a_model_is_found_although_the_clock_was_set_back_needs_faketime() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let door = ClosedDoor::new();
    let world = World::with_model_at("auto", &door.url());
    let clock = FakeClock::new(&world);
    let daemon = clock.up();
    clock
        .alai(["mc", "add", TITLE, "--project", "tiny"])
        .exits(0);
    world.until("it waits for a model", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    clock.jump(-HOUR_S);
    daemon.says("the clock jumped by -3");
    door.opens_to(&twin);
    world.until("it is merged", |w| {
        (w.titles("main") == [TITLE, "Import"]).then_some(())
    });
    clock.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

/// A builder that works in its cage until somebody writes the file `morning` into its clone.
fn sleeper(body: &Value) -> Answer {
    if has_built(body) || !body["tools"].to_string().contains("\"edit\"") {
        return good(body);
    }
    let command = "echo > evening; until [ -f morning ]; do sleep 0.1; done; rm evening morning";
    let wait = json!({"name": "run", "arguments": {"command": command}});
    let calls: Vec<Value> = std::iter::once(wait).chain(solution(TITLE)).collect();
    let named = |call: &Value| {
        (
            call["name"].as_str().map(str::to_owned),
            call["arguments"].clone(),
        )
    };
    let calls: Vec<_> = calls.iter().map(named).collect();
    let calls: Vec<(&str, Value)> = calls
        .iter()
        .map(|(name, arguments)| (name.as_deref().unwrap_or_default(), arguments.clone()))
        .collect();
    Answer::calls(&calls)
}

#[test]
fn a_machine_that_slept_goes_on_where_it_was_needs_faketime() {
    let twin = OllamaTwin::start(Behaviour::by(sleeper));
    let world = World::with_model_at("auto", &twin.url());
    let limits = "[limits]\nidle_minutes = 30\nrun_minutes = 50\n";
    std::fs::write(world.home().join("alai.toml"), limits).expect("the settings");
    let clock = FakeClock::new(&world);
    let daemon = clock.up();
    clock
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    let run = world.until("the builder has a run", |w| {
        let listed = runs(w).into_iter().find(|r| r["task"] == 3);
        listed.and_then(|r| r["id"].as_str().map(str::to_owned))
    });
    let clone = world.home().join("runs").join(run).join("clone");
    world.until("the builder is at work", |_| {
        std::thread::sleep(Duration::from_millis(10));
        clone.join("evening").exists().then_some(())
    });
    let below: Vec<u32> = descendants(daemon.pid())
        .into_iter()
        .map(|(pid, _)| pid)
        .collect();
    assert!(below.len() > 1, "the agent is below the daemon");
    daemon.signal(libc::SIGSTOP);
    below.iter().for_each(|pid| signal(*pid, libc::SIGSTOP));
    clock.jump(HOUR_S);
    below.iter().for_each(|pid| signal(*pid, libc::SIGCONT));
    daemon.signal(libc::SIGCONT);
    daemon.says("the clock jumped by 3");
    clock.beats();
    assert_eq!(
        world.task(3)["runs"][0]["state"],
        "live",
        "{}",
        world.task(3)
    );
    std::fs::write(clone.join("morning"), "").expect("the clone is there");
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    for run in runs(&world) {
        assert_eq!(run["state"], "succeeded", "{run}");
    }
    clock.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

/// Runs are told apart by their order, and the clock may give a later one an earlier time.
#[test]
fn the_last_run_is_the_newest_although_the_clock_was_set_back_needs_faketime() {
    let met = AtomicBool::new(false);
    let twin = OllamaTwin::start(Behaviour::by(move |body| {
        let builds = body["tools"].to_string().contains("\"edit\"");
        match builds && !met.swap(true, Ordering::Relaxed) {
            true => {
                let idle = json!({"status": "done", "summary": "Nothing was to be done."});
                Answer::calls(&[("done", idle)]).held()
            }
            false => good(body),
        }
    }));
    let world = World::with_model_at("auto", &twin.url());
    let clock = FakeClock::new(&world);
    let daemon = clock.up();
    clock
        .alai(["mc", "add", TITLE, "--project", "tiny"])
        .exits(0);
    // The class, the plan, and the builder's first turn, which is held.
    twin.await_chats(3);
    clock.jump(-HOUR_S);
    clock.beats();
    twin.release();
    world.until("it is merged", |w| {
        (w.titles("main") == [TITLE, "Import"]).then_some(())
    });
    let task = world.task(1);
    let runs = task["runs"].as_array().expect("runs");
    let told: Vec<(&Value, &Value)> = runs.iter().map(|r| (&r["epoch"], &r["state"])).collect();
    assert_eq!(
        told,
        [
            (&json!(1), &json!("failed")),
            (&json!(2), &json!("succeeded"))
        ]
    );
    assert!(runs[1]["started_ms"].as_i64() < runs[0]["started_ms"].as_i64());
    let criteria = world.failed_checks(1);
    assert!(
        criteria.iter().all(|(check, _)| check != "diff_minimal"),
        "{criteria:?}"
    );
    clock.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}
