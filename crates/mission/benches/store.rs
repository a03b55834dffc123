//! The store's own speed, through its door: durable claims beside what the same disk does in the same minute, and reading at a
//! hundred thousand tasks. Started by `cargo xtask bench store`, which prints the machine.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a bench prints, and ends where it cannot go on"
)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use alai_core::ids::ProjectId;
use alai_core::pipeline::Effect;
use alai_core::task::{Counters, NewTask, TaskKind};
use alai_mission::{
    ClaimLimits, Filter, Mission, NewProject, ProjectSettings, Reader, SlotsOf, fsck,
};

/// What a commit of the store writes at least: one page of its log.
const PAGE: usize = 4096;
/// Measurements of each kind: enough for a p99 that is not the slowest one.
const TIMES: usize = 300;
const CLIENTS: usize = 50;
/// Rounds in which each of the many clients claims once; between them the runs end, so that as many are live as a large fleet has.
const EACH: usize = 40;
/// Pause between two claims of the paced series: a hundred a second.
const PACE: Duration = Duration::from_millis(10);
const MANY: usize = 100_000;
const PAGE_OF_TASKS: u32 = 200;
const EVENTS: usize = 1_000_000;
/// Threads that fill the store: each commit takes a group of what they ask.
const FILLERS: usize = 64;

/// Names a home in which the large store is kept for whoever asked for the bench.
const LARGE: &str = "ALAI_BENCH_LARGE";

fn quiet(_: &str) {}

fn limits() -> ClaimLimits {
    ClaimLimits {
        total: usize::MAX,
        per_project: usize::MAX,
        run_ms_max: 3_600_000,
        slots: SlotsOf::NOTHING,
    }
}

fn open(home: &Path) -> (Mission, ProjectId) {
    let mission = Mission::open(home, quiet).unwrap();
    let project = mission
        .add_project(
            NewProject {
                name: "p".into(),
                path: "/p".into(),
                target_branch: "main".into(),
                settings: ProjectSettings::default(),
            },
            "bench",
            1,
        )
        .unwrap();
    (mission, project)
}

fn add(mission: &Mission, project: ProjectId, title: String) {
    let mut new = NewTask::new(TaskKind::Build, title);
    new.project = Some(project);
    mission.add(new, None, "bench", 1).unwrap();
}

/// Fills a store from many threads at once.
fn fill(count: usize, one: impl Fn(usize) + Send + Sync) {
    std::thread::scope(|scope| {
        for filler in 0..FILLERS {
            let one = &one;
            scope.spawn(move || (filler..count).step_by(FILLERS).for_each(one));
        }
    });
}

fn claim(mission: &Mission) {
    let claimed = mission.claim(None, &limits(), "w", 60_000, 10).unwrap();
    assert!(claimed.is_some(), "there is something to claim");
}

fn series(times: usize, mut one: impl FnMut()) -> Vec<Duration> {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            one();
            start.elapsed()
        })
        .collect()
}

fn rank(series: &mut [Duration], percent: usize) -> f64 {
    series.sort_unstable();
    let at = (series.len() * percent).div_ceil(100).saturating_sub(1);
    series[at].as_secs_f64() * 1000.0
}

fn per_second(series: &[Duration]) -> f64 {
    series.len() as f64 / series.iter().sum::<Duration>().as_secs_f64()
}

fn held(holds: bool) -> &'static str {
    if holds { "held" } else { "missed" }
}

fn row(what: &str, figure: String, aim: String) {
    println!("{what:<52} {figure:<28} {aim}");
}

fn main() {
    // On the disk of the build, which is where people's homes are; not in a memory that is called a disk.
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    row("figure", "measured".into(), "aim".into());
    claims(&home.path().join("claims"));
    match std::env::var_os(LARGE) {
        Some(kept) => large(Path::new(&kept)),
        None => large(&home.path().join("large")),
    }
}

fn claims(home: &Path) {
    std::fs::create_dir(home).unwrap();
    let (mission, project) = open(home);
    let mission = Arc::new(mission);
    fill(3 * TIMES + CLIENTS * EACH, |n| {
        add(&mission, project, format!("t{n}"));
    });
    let mut synced = File::create(home.join("synced")).unwrap();
    let mut append = || {
        synced.write_all(&[0; PAGE]).unwrap();
        synced.sync_data().unwrap();
    };
    // In turns, so that whatever else the machine does falls on both alike.
    let (mut peer, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        peer.extend(series(1, &mut append));
        alone.extend(series(1, || claim(&mission)));
        if alone.len().is_multiple_of(CLIENTS) {
            end_all(&mission);
        }
    }
    let disk = per_second(&peer);
    row(
        "(peer) appends of 4 KiB with fdatasync",
        format!("{disk:.0} a second"),
        String::new(),
    );
    let ratio = per_second(&alone) / disk;
    row(
        "durable claims, one client",
        format!("{:.0} a second, {ratio:.2} x", per_second(&alone)),
        format!(">= 0.8 x: {}", held(ratio >= 0.8)),
    );
    end_all(&mission);
    let together = CLIENTS as f64 / rounds(&mission).as_secs_f64();
    row(
        "durable claims, 50 clients",
        format!("{together:.0} a second, {:.1} x", together / disk),
        format!(">= 8 x: {}", held(together / disk >= 8.0)),
    );
    for (what, group) in [("one", 1), ("50", CLIENTS)] {
        let bare = bare(&home.join(format!("bare-{group}.db")), group);
        row(
            &format!("(limit) SQLite alone, a claim's rows, {what} in a commit"),
            format!("{bare:.0} a second, {:.1} x", bare / disk),
            String::new(),
        );
    }
    let mut paced = series(TIMES, || {
        std::thread::sleep(PACE);
        claim(&mission);
    });
    for time in &mut paced {
        *time = time.saturating_sub(PACE);
    }
    let p99 = rank(&mut paced, 99);
    row(
        "a claim at 100 a second, with the timer's own lag",
        format!("{:.2} ms, p99 {p99:.2} ms", rank(&mut paced, 50)),
        format!("p99 < 5 ms: {}", held(p99 < 5.0)),
    );
    assert_eq!(fsck(&mission).unwrap(), []);
}

/// Rows of a claim a second without all that makes it one: no check of anything, no index but the keys, one client, `group` in
/// a commit.
fn bare(path: &Path, group: usize) -> f64 {
    let store = rusqlite::Connection::open(path).unwrap();
    store
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE task (id INTEGER PRIMARY KEY, state TEXT, epoch INTEGER);
             CREATE TABLE run (id TEXT PRIMARY KEY, task INTEGER, epoch INTEGER, lease_until INTEGER);
             CREATE TABLE event (seq INTEGER PRIMARY KEY, task INTEGER, kind TEXT, at_ms INTEGER);
             CREATE TABLE outbox (key TEXT PRIMARY KEY, sink TEXT, payload TEXT);",
        )
        .unwrap();
    let mut next = 0_i64;
    let times = series(TIMES, || {
        store.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..group {
            next += 1;
            let run = format!("{next:032x}");
            for (sql, key) in [
                ("INSERT INTO task VALUES (?1, 'started', 1)", None),
                ("INSERT INTO run VALUES (?2, ?1, 1, 60000)", Some(&run)),
                (
                    "INSERT INTO event (task, kind, at_ms) VALUES (?1, 'claim', 1)",
                    None,
                ),
                ("INSERT INTO outbox VALUES (?2, 'wiki', ?1)", Some(&run)),
            ] {
                let mut statement = store.prepare_cached(sql).unwrap();
                match key {
                    Some(key) => statement.execute(rusqlite::params![next, key]),
                    None => statement.execute([next]),
                }
                .unwrap();
            }
        }
        store.execute_batch("COMMIT").unwrap();
    });
    per_second(&times) * group as f64
}

/// The median time in which all clients have claimed, each once and all at the same moment.
fn rounds(mission: &Mission) -> Duration {
    let (begin, over) = (Barrier::new(CLIENTS + 1), Barrier::new(CLIENTS + 1));
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    begin.wait();
                    claim(mission);
                    over.wait();
                }
            });
        }
        for _ in 0..EACH {
            begin.wait();
            let start = Instant::now();
            over.wait();
            times.push(start.elapsed());
            end_all(mission);
        }
    });
    times.sort_unstable();
    times[EACH / 2]
}

/// Ends all live runs: their tasks are open again.
fn end_all(mission: &Mission) {
    let live = mission.live_runs().unwrap();
    let later = |run: alai_mission::RunRow| {
        let back = Effect::Retry {
            why: "over".into(),
            findings: Vec::new(),
            counters: Counters::default(),
            run_at_ms: 0,
        };
        (run.id, back)
    };
    let lost = live.into_iter().map(later).collect();
    mission.recover(lost, "over", 20).unwrap();
}

fn large(home: &Path) {
    std::fs::create_dir_all(home).unwrap();
    let (mission, project) = open(home);
    let words = [
        "health", "prices", "rounding", "limit", "client", "page", "report",
    ];
    fill(MANY, |n| {
        let word = |k: usize| words[(n / words.len().pow(k as u32)) % words.len()];
        add(
            &mission,
            project,
            format!("Task {n}: {} of {}", word(0), word(1)),
        );
    });
    let reading = |what: &str, aim: f64, one: &mut dyn FnMut()| {
        let mut times = series(TIMES, one);
        let p99 = rank(&mut times, 99);
        row(
            what,
            format!("{:.2} ms, p99 {p99:.2} ms", rank(&mut times, 50)),
            format!("p99 < {aim} ms: {}", held(p99 < aim)),
        );
    };
    reading("next-task, 100,000 tasks", 10.0, &mut || {
        assert!(mission.next_task(10).unwrap().is_some());
    });
    // As many as `alai mc list` shows when nobody says otherwise.
    let page = Filter {
        limit: Some(PAGE_OF_TASKS),
        ..Filter::default()
    };
    reading("list, 200 of 100,000 tasks", 10.0, &mut || {
        assert_eq!(mission.tasks(&page).unwrap().len(), PAGE_OF_TASKS as usize);
    });
    let last = Filter {
        after: Some(alai_core::ids::TaskId((MANY - 300) as i64)),
        ..page.clone()
    };
    reading("list, 200 near the end of 100,000", 10.0, &mut || {
        assert_eq!(mission.tasks(&last).unwrap().len(), PAGE_OF_TASKS as usize);
    });
    reading("search, 100,000 tasks, 20 shown", 30.0, &mut || {
        assert_eq!(mission.search("prices limit", 20).unwrap().len(), 20);
    });
    fill(EVENTS - MANY, |n| {
        let task = alai_core::ids::TaskId((n % MANY) as i64 + 1);
        mission.note(task, "a remark".into(), "bench", 20).unwrap();
    });
    assert!(mission.stats().unwrap().events >= EVENTS as u64);
    drop(mission);
    let mut opens = series(20, || drop(Mission::open(home, quiet).unwrap()));
    let median = rank(&mut opens, 50);
    row(
        "opening a store with 1,000,000 events, for writing",
        format!("{median:.1} ms"),
        format!("< 100 ms: {}", held(median < 100.0)),
    );
    let mut opens = series(20, || {
        assert!(Reader::open(home).unwrap().next_task(10).unwrap().is_some());
    });
    row(
        "the same for reading, with the first question",
        format!("{:.1} ms", rank(&mut opens, 50)),
        String::new(),
    );
}
