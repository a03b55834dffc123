//! Many runs at once on one dollar, and the daemon killed under them: what the provider answered, by its own count, never passes the
//! cap, and nothing stays held for calls that nobody makes any more.
//!
//! The short form takes a few tasks; `ALAI_PURSE_TASKS=50` is the long one (`cargo xtask purse`), its kills drawn from
//! `ALAI_PURSE_SEED`, which stands in each failure.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alai_testkit::fuzz::Dice;
use alai_testkit::openai::{Answer, Behaviour, OpenaiTwin, Vice};
use serde_json::{Value, json};

use crate::script::TITLE;
use crate::wire::{Good, good_said};
use crate::world::World;

pub(crate) const CAP_MICROUSD: u64 = 1_000_000;
/// Dollars for a million tokens, and so millionths of a dollar for each.
const INPUT: u64 = 3;
const OUTPUT: u64 = 15;
/// Tokens of each answer, whatever it says: a third of the longest one, so that a dollar is soon spent.
const ANSWERED: u64 = 2_700;
/// Bytes of a request for each token that is billed: fewer tokens than its caller must reckon with.
const BYTES_A_TOKEN: usize = 5;
/// Between two looks whether the dollar is spent while an answer is waited for.
const LOOK: Duration = Duration::from_secs(1);
/// Fifty runs on four busy cores, from the first to the last. Well below the quarter of an hour after which the runner ends a test without a word.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

fn setting(name: &str, usual: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.map_or(usual, |text| text.parse().expect("a number"))
}

pub(crate) fn day() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock").as_secs() / 86_400
}

/// A provider that bills each request when it answers it, whoever still listens.
struct Provider {
    twin: OpenaiTwin,
    books: Arc<Books>,
}

#[derive(Default)]
pub(crate) struct Books {
    so_far: Mutex<SoFar>,
    more: Condvar,
}

#[derive(Default)]
pub(crate) struct SoFar {
    pub(crate) microusd: u64,
    pub(crate) answers: u64,
    /// From this answer on none is sent, although each is billed: who asked is killed meanwhile.
    held_from: Option<u64>,
}

impl Books {
    pub(crate) fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bills an answer, and keeps it back while its like are held.
    pub(crate) fn bill(&self, microusd: u64) {
        let mut books = self.lock();
        books.microusd += microusd;
        books.answers += 1;
        let nth = books.answers;
        self.more.notify_all();
        let held = |books: &mut SoFar| books.held_from.is_some_and(|from| nth >= from);
        drop(self.more.wait_while(books, held));
    }

    /// Waits a moment for an answer that is held.
    pub(crate) fn holds_one(&self) -> bool {
        let none = |books: &mut SoFar| books.held_from.is_some_and(|from| books.answers < from);
        let waited = self.more.wait_timeout_while(self.lock(), LOOK, none);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    pub(crate) fn hold_from(&self, nth: Option<u64>) {
        self.lock().held_from = nth;
        self.more.notify_all();
    }
}

impl Provider {
    fn start() -> Provider {
        let books = Arc::<Books>::default();
        let own = Arc::clone(&books);
        let answer = move |body: &Value| {
            let read = (body.to_string().len() / BYTES_A_TOKEN) as u64;
            let asked = ["max_tokens", "max_completion_tokens"];
            let most = asked.iter().find_map(|key| body[*key].as_u64());
            let wrote = most.map_or(ANSWERED, |most| most.min(ANSWERED));
            own.bill(read * INPUT + wrote * OUTPUT);
            let said = match good_said(body, &body["response_format"]["json_schema"]["schema"]) {
                Good::Text(text) => Answer::text(&text.to_string()),
                Good::Calls(calls) => Answer::Calls(calls),
            };
            let counts = json!({"choices": [], "object": "chat.completion.chunk", "model": "small",
                "usage": {"prompt_tokens": read, "completion_tokens": wrote}});
            said.but(Vice::Counts(counts))
        };
        let twin = OpenaiTwin::start(Behaviour {
            models: vec!["small".to_owned()],
            n_ctx: 32_768,
            slots: 64,
            ..Behaviour::by(answer)
        });
        Provider { twin, books }
    }

    fn world(&self, slots: u64) -> World {
        let world = World::with_project("auto");
        let url = self.twin.url();
        let settings = format!(
            "slots = {slots}\n[[fleet.hosts]]\nname = \"far\"\ndialect = \"openai\"\nurl = \"{url}\"\ntiers = [1, 2, 3, 4, 5]\n\
             [money]\npaid_hosts = [\"{url}\"]\n[money.prices.small]\ninput = {INPUT}.0\noutput = {OUTPUT}.0\n\
             [money.caps]\nday_warn = 0.9\nday_block = 1.0\nday_kill = 30.0\n"
        );
        std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
        world
    }

    fn billed(&self) -> u64 {
        self.books.lock().microusd
    }
}

pub(crate) fn bill(world: &World) -> Value {
    world.json(["fleet", "cost", "--days", "2", "--json"])["report"].clone()
}

pub(crate) fn amount(bill: &Value, of: &str) -> u64 {
    bill["total"][of].as_u64().expect("an amount")
}

/// Whether nothing is at work and nothing can be begun.
pub(crate) fn is_quiet(world: &World) -> bool {
    let moves = ["[open]", "[started]", "[ready_for_review]", "[stalled]"];
    let list = world.list();
    let mut lines = list.lines();
    lines.all(|line| !moves.iter().any(|state| line.contains(state)))
}

#[test]
fn parallel_runs_never_pass_a_dollar_however_often_the_daemon_is_killed() {
    let (tasks, seed) = (
        setting("ALAI_PURSE_TASKS", 10),
        setting("ALAI_PURSE_SEED", 1),
    );
    // A test that is ended from outside says no more than this.
    println!("purse: {tasks} tasks, seed {seed}");
    let began = Instant::now();
    let kills = if tasks >= 50 { 6 } else { 2 };
    let mut dice = Dice::new(seed);
    let provider = Provider::start();
    let world = provider.world(tasks);
    let first_day = day();
    for nth in 0..tasks {
        let title = format!("{TITLE} ({nth})");
        world
            .alai(["minion", "enqueue", &title, "--project", "tiny"])
            .exits(0);
    }
    let books = &provider.books;
    for nth in 1..=kills {
        let next = books.lock().answers + 1 + dice.below(5) as u64;
        books.hold_from(Some(next));
        let daemon = world.up();
        // The dollar may be spent before: then this kill meets a daemon that asks nobody.
        while !books.holds_one() && !is_quiet(&world) {
            assert!(
                began.elapsed() < PATIENCE,
                "seed {seed}: nothing is asked before kill {nth}"
            );
        }
        daemon.signal(libc::SIGKILL);
        assert_eq!(daemon.ends().code, 128 + libc::SIGKILL, "seed {seed}");
        books.hold_from(None);
        let billed = provider.billed();
        assert!(
            billed <= CAP_MICROUSD,
            "seed {seed}: {billed} after kill {nth}"
        );
    }
    let daemon = world.up();
    let left = PATIENCE.saturating_sub(began.elapsed());
    let what = format!("seed {seed}: all of it is done or waits for money");
    world.until_within(left, &what, |w| is_quiet(w).then_some(()));
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    // A test that runs over midnight has the caps of two days.
    let cap = CAP_MICROUSD * (1 + day() - first_day);
    let (billed, report) = (provider.billed(), bill(&world));
    let (spent, unknown) = (
        amount(&report, "spent_microusd"),
        amount(&report, "unknown_microusd"),
    );
    assert!(billed <= cap, "seed {seed}: {billed} billed: {report}");
    assert!(spent + unknown <= cap, "seed {seed}: {report}");
    assert!(
        spent + unknown >= billed,
        "seed {seed}: {billed} billed, and booked: {report}"
    );
    assert!(unknown > 0, "seed {seed}: no kill met a call: {report}");
    assert!(
        billed > CAP_MICROUSD / 20,
        "seed {seed}: {billed}: next to nothing was asked"
    );
    assert_eq!(
        amount(&report, "reserved_microusd"),
        0,
        "seed {seed}: {report}"
    );
    assert_eq!(
        amount(&report, "excess_microusd"),
        0,
        "seed {seed}: {report}"
    );
    let list = world.list();
    assert!(
        list.contains("[waiting]"),
        "seed {seed}: the dollar was enough for all: {list}\n{report}"
    );
    settle(&world, &report, seed);
    world.alai(["mc", "fsck"]).exits(0);
    let asked = books.lock().answers;
    println!(
        "summary: purse, seed {seed}: {tasks} tasks at once on $1.00, {kills} kills: {asked} answers billed at {billed} of 1000000, \
         booked {spent} and unknown {unknown}"
    );
}

/// Calls that a kill cut are named, and end with a person's word.
fn settle(world: &World, report: &Value, seed: u64) {
    for call in report["unknown"].as_array().expect("calls") {
        let named = format!("{}/{}", call["run"].as_str().expect("a run"), call["call"]);
        world.alai(["fleet", "settle", &named, "0.01"]).exits(0);
    }
    let after = bill(world);
    assert_eq!(
        amount(&after, "unknown_microusd"),
        0,
        "seed {seed}: {after}"
    );
}
