//! What the factory adds to a call: the ledger's share at a thousand calls a second, held against the same calls without it, and how
//! long a first token is on its way from the socket to whoever listens. Started by `cargo xtask bench fleet`, which prints the machine.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a bench prints, and ends where it cannot go on"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alai_core::brief::Role;
use alai_core::mode::Mode;
use alai_core::money::{Caps, Cost, Tokens, Word};
use alai_core::task::{NewTask, TaskKind};
use alai_fleet::{
    ChatRequest, Event, Message, OpenaiHost, Profile, Provider, Purpose, chat, chat_heard,
};
use alai_mission::{
    Call, ClaimLimits, Fence, Intent, Mission, NewProject, ProjectSettings, SlotsOf,
};

/// Calls a second that begin by the clock, whether those before them have ended or not.
const RATE: u32 = 1_000;
/// Runs that make them: each does one call at a time, as a run does.
const RUNS: usize = 64;
/// Calls of one part; parts with and without the ledger take turns, so that both see the same minute.
const PART: usize = 2_000;
const PARTS: usize = 5;
/// Writes to the disk after each part.
const SYNCS: usize = 400;
/// Calls whose first token is timed.
const FIRST_TOKENS: usize = 2_000;

fn quiet(_: &str) {}

fn main() {
    let twin = Instantly::start();
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    row("figure", "measured", "aim");
    ledger(&twin, home.path());
    first_token(&twin);
}

fn row(what: &str, figure: &str, aim: &str) {
    println!("{what:<52} {figure:<34} {aim}");
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// By nearest rank.
fn rank(series: &mut [Duration], percent: usize) -> Duration {
    series.sort_unstable();
    let at = (series.len() * percent).div_ceil(100).saturating_sub(1);
    series[at]
}

fn shown(series: &mut [Duration]) -> String {
    let (half, tail) = (rank(series, 50), rank(series, 99));
    format!("{:.3} ms, p99 {:.3} ms", ms(half), ms(tail))
}

fn held(holds: bool) -> &'static str {
    if holds { "held" } else { "missed" }
}

/// One call: from when it should have begun to its end, and what of that was the ledger's.
struct Timed {
    whole: Duration,
    /// The task's row and the hold before the call.
    hold: Duration,
    /// The receipt behind it.
    receipt: Duration,
    late: Duration,
}

impl Timed {
    fn ledger(&self) -> Duration {
        self.hold + self.receipt
    }
}

fn ledger(twin: &Instantly, home: &Path) {
    let mission = Mission::open(home, quiet).unwrap();
    let fences = runs(&mission);
    let host = Provider::Openai(OpenaiHost::parse(&twin.url).unwrap());
    let mut number = 0;
    part(&host, None, &fences, &mut number);
    for (what, cost) in [
        ("a model of one's own", Cost::Nothing),
        ("a paid model", Cost::AtMost(2)),
    ] {
        let (mut without, mut with, mut disk) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PARTS {
            without.extend(part(&host, None, &fences, &mut number));
            let books = Some((&mission, cost));
            with.extend(part(&host, books, &fences, &mut number));
            disk.extend(syncs(home));
        }
        compared(what, &without, &with);
        let own: Vec<Duration> = with.iter().map(Timed::ledger).collect();
        let holds = with.iter().map(|t| t.hold).collect();
        if cost != Cost::Nothing {
            beside_the_best_there_is(holds, &disk);
        }
        beside_the_disk(own, disk);
    }
}

/// What a part that waits for the disk can be held against: the disk itself, asked between the parts by one thread.
fn beside_the_disk(mut own: Vec<Duration>, mut disk: Vec<Duration>) {
    let mut times = |percent| ms(rank(&mut own, percent)) / ms(rank(&mut disk, percent));
    let (half, tail) = (times(50), times(99));
    row(
        "  (peer) one write of 4 KiB and fdatasync",
        &shown(&mut disk),
        "",
    );
    row(
        "  the ledger's part, in times of that",
        &format!("{half:.1}, p99 {tail:.1}"),
        "",
    );
}

/// What a hold that waits for the disk can be held against: a commit that takes nothing but its sync, and that all share who wait. One
/// long sync keeps as many calls waiting as begin meanwhile, so that the tail of calls is longer than the tail of syncs.
fn beside_the_best_there_is(mut own: Vec<Duration>, disk: &[Duration]) {
    let mut best = shared_syncs(disk, 1);
    row(
        "  (peer) the next whole sync, for as many calls",
        &shown(&mut best),
        "",
    );
    let mut times = |percent| ms(rank(&mut own, percent)) / ms(rank(&mut best, percent));
    let (half, tail) = (times(50), times(99));
    row(
        "  the hold before, in times of that",
        &format!("{half:.1}, p99 {tail:.1}"),
        "",
    );
    for block in [8, 64, 256] {
        row(
            &format!("  (model) the same, a sync for {block} calls"),
            &shown(&mut shared_syncs(disk, block)),
            "",
        );
    }
}

/// Who finds no sync at work begins one; who finds one waits for the one behind it. The syncs take what they took when they were
/// measured, in their order. Where money is held for a block of calls, the others of it wait for nothing but the sync that is at work: it
/// is the writer's turn.
fn shared_syncs(disk: &[Duration], block: u32) -> Vec<Duration> {
    let mut lengths = disk.iter().copied().cycle();
    let mut length = || lengths.next().unwrap();
    let (mut at_work, mut behind) = (Duration::ZERO, None);
    let call = |n| {
        let now = Duration::from_secs(1) * n / RATE;
        if let Some(end) = behind.filter(|_| at_work <= now) {
            (at_work, behind) = (end, None);
        }
        if n % block != 0 {
            return at_work.saturating_sub(now);
        }
        let end = match (at_work <= now, behind) {
            (true, _) => {
                at_work = now + length();
                at_work
            }
            (false, Some(end)) => end,
            (false, None) => *behind.insert(at_work + length()),
        };
        end - now
    };
    (0..u32::try_from(PART * PARTS).unwrap())
        .map(call)
        .collect()
}

fn compared(what: &str, without: &[Timed], with: &[Timed]) {
    let whole = |all: &[Timed]| all.iter().map(|t| t.whole).collect::<Vec<_>>();
    let (mut bare, mut booked) = (whole(without), whole(with));
    println!("{what}, {RATE} calls a second");
    row("  a call without the ledger", &shown(&mut bare), "");
    row("  a call with the ledger", &shown(&mut booked), "");
    let mut late: Vec<Duration> = without.iter().chain(with).map(|t| t.late).collect();
    row("  how late a call begins, both", &shown(&mut late), "");
    let mut own: Vec<Duration> = with.iter().map(Timed::ledger).collect();
    let tail = rank(&mut own, 99);
    row(
        "  the ledger's part of a call",
        &shown(&mut own),
        &format!("p99 < 1 ms: {}", held(tail < Duration::from_millis(1))),
    );
    let mut holds: Vec<Duration> = with.iter().map(|t| t.hold).collect();
    row("    of it the hold before", &shown(&mut holds), "");
    let mut receipts: Vec<Duration> = with.iter().map(|t| t.receipt).collect();
    row("    of it the receipt behind", &shown(&mut receipts), "");
    let added = rank(&mut booked, 99).saturating_sub(rank(&mut bare, 99));
    let half = rank(&mut booked, 50).saturating_sub(rank(&mut bare, 50));
    row(
        "  between the two medians, and the two p99s",
        &format!("{:.3} ms, {:.3} ms", ms(half), ms(added)),
        &format!("< 1 ms: {}", held(added < Duration::from_millis(1))),
    );
}

/// As many live runs as make calls.
fn runs(mission: &Mission) -> Vec<Fence> {
    let project = NewProject {
        name: "p".into(),
        path: "/p".into(),
        target_branch: "main".into(),
        settings: ProjectSettings::default(),
    };
    let project = mission.add_project(project, "bench", 1).unwrap();
    let limits = ClaimLimits {
        total: usize::MAX,
        per_project: usize::MAX,
        run_ms_max: 3_600_000,
        slots: SlotsOf::NOTHING,
    };
    let run = |n| {
        let mut new = NewTask::new(TaskKind::Build, format!("t{n}"));
        new.project = Some(project);
        mission.add(new, None, "bench", 1).unwrap();
        let claim = mission.claim(None, &limits, "w", 60_000, 10).unwrap();
        claim.unwrap().fence
    };
    (0..RUNS).map(run).collect()
}

/// Calls that begin by the clock.
fn part(
    host: &Provider,
    books: Option<(&Mission, Cost)>,
    fences: &[Fence],
    number: &mut u32,
) -> Vec<Timed> {
    let next = AtomicUsize::new(0);
    let first = *number;
    *number += u32::try_from(PART).unwrap();
    let start = Instant::now() + Duration::from_millis(20);
    std::thread::scope(|scope| {
        let workers: Vec<_> = fences
            .iter()
            .map(|fence| {
                let next = &next;
                scope.spawn(move || {
                    let mut timed = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::SeqCst);
                        if at >= PART {
                            return timed;
                        }
                        let at = u32::try_from(at).unwrap();
                        let due = start + Duration::from_secs(1) * at / RATE;
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        let late = due.elapsed();
                        let (hold, receipt) = called(host, books, fence, first + at);
                        let whole = due.elapsed();
                        timed.push(Timed {
                            whole,
                            hold,
                            receipt,
                            late,
                        });
                    }
                })
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap());
        joined.flatten().collect()
    })
}

/// One call as a run makes it: looked up, held, made, booked. Gives the ledger's part before it and behind it.
fn called(
    host: &Provider,
    books: Option<(&Mission, Cost)>,
    fence: &Fence,
    call: u32,
) -> (Duration, Duration) {
    let begun = Instant::now();
    if let Some((mission, cost)) = books {
        let intent = Intent {
            call,
            model: "m".into(),
            company: Some("c".into()),
            mode: Mode::Real,
            cost,
        };
        mission.task(fence.task).unwrap();
        let caps = Caps {
            day_block: None,
            ..Caps::NONE
        };
        mission.reserve(fence, intent, &caps, 10).unwrap().unwrap();
    }
    let before = begun.elapsed();
    let reply = chat(host, &request(), &|| false).unwrap();
    let answered = Instant::now();
    if let Some((mission, cost)) = books {
        let made = Call {
            call,
            model: reply.model,
            mode: Mode::Real,
            tokens: Tokens {
                input: reply.usage.prompt_tokens,
                output: reply.usage.output_tokens,
                ..Tokens::default()
            },
            cost_microusd: u64::from(cost != Cost::Nothing),
            word: Word::Measured,
        };
        mission.settle(fence, made, 10).unwrap();
    }
    (before, answered.elapsed())
}

/// From the moment that the server writes a first token to the moment that a listener has it, by one clock.
fn first_token(twin: &Instantly) {
    let host = Provider::Openai(OpenaiHost::parse(&twin.url).unwrap());
    let mut passed: Vec<Duration> = (0..FIRST_TOKENS)
        .map(|_| {
            let mut heard = None;
            let mut listener = |event: &Event| {
                if matches!(event, Event::Text(_)) {
                    heard.get_or_insert_with(Instant::now);
                }
            };
            chat_heard(&host, &request(), &|| false, &mut listener).unwrap();
            let written = twin.written.lock().unwrap().take().unwrap();
            heard.unwrap().saturating_duration_since(written)
        })
        .collect();
    let tail = rank(&mut passed, 99);
    row(
        "a first token, from its write to the listener",
        &shown(&mut passed),
        &format!("< 1 ms: {}", held(tail < Duration::from_millis(1))),
    );
}

fn syncs(home: &Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(home.join("peer")).unwrap();
    let page = [1_u8; 4_096];
    let one = |_| {
        let begun = Instant::now();
        file.write_all(&page).unwrap();
        file.sync_data().unwrap();
        begun.elapsed()
    };
    (0..SYNCS).map(one).collect()
}

fn request() -> ChatRequest {
    ChatRequest {
        model: "m".to_owned(),
        messages: vec![Message::User {
            text: "word ".repeat(400),
        }],
        tools: Vec::new(),
        format: None,
        profile: Profile::default(),
        purpose: Purpose {
            task_kind: TaskKind::Build,
            task_title: "t".to_owned(),
            role: Role::Builder,
            company: "c".to_owned(),
            step: "build".to_owned(),
            attempt: 0,
            visit: 0,
            turn: 0,
        },
    }
}

/// A server that answers at once, without looking at what it is asked.
struct Instantly {
    url: String,
    /// When the first token of the last answer was written.
    written: Arc<Mutex<Option<Instant>>>,
}

/// Threads that answer; each waits for its next connection.
const ANSWERERS: usize = 8;

impl Instantly {
    fn start() -> Instantly {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let written: Arc<Mutex<Option<Instant>>> = Arc::default();
        for _ in 0..ANSWERERS {
            let (listener, written) = (Arc::clone(&listener), Arc::clone(&written));
            // They end with the process.
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    // A client that is gone is the client's affair.
                    let _ = answer(stream, &written);
                }
            });
        }
        Instantly { url, written }
    }
}

fn answer(mut stream: TcpStream, written: &Mutex<Option<Instant>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    let mut buffer = [0; 16 << 10];
    let mut whole = None;
    while whole.is_none_or(|whole| read.len() < whole) {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        read.extend_from_slice(&buffer[..count]);
        let head = read.windows(4).position(|four| four == b"\r\n\r\n");
        whole = head.map(|head| head + 4 + length(&read[..head]));
    }
    let first =
        "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ok\"}}]}\n\n";
    let rest = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":400,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    *written.lock().unwrap() = Some(Instant::now());
    stream.write_all(first.as_bytes())?;
    stream.write_all(rest.as_bytes())
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.lines();
    let value = lines.find_map(|line| line.strip_prefix("content-length:"));
    value
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}
