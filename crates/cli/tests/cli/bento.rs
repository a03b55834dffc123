//! The use case of the seeds, a product from five tasks, in its lean form: as `alai demo bento --lean` shows it, as a person types it while
//! the daemon is killed again and again, and among tasks that go wrong. What a model would say is a recording; all else is real.
//!
//! `ALAI_BENTO_KILLS=30` is the long form of the kills; a failure names its seed, which `ALAI_BENTO_SEED=N` draws again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use alai_core::mode::Mode;
use alai_core::pipeline::{FOLLOW_UP_TAG, REVIEW_CYCLES_MAX, subject};
use alai_core::task::{State, Task, TaskKind, WaitReason};
use alai_mission::{Filter, MergeKind, MergeState, MindQuery, Reader, RunRow, fsck};
use alai_testkit::git;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{Ran, World, run};

mod fleet;
mod full;
mod literal;
mod recital;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/bento-lean");
const FULL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/bento");
/// What the recording makes of the empty repository, as git names the tree.
const PRODUCT: &str = "9aa8803da6ca02404e53d4345658911df30b9483";
/// Lines of work that are merged: five, three follow-ups, deploy set-up and documents.
const LINES: usize = 10;
/// Tasks of a whole cascade that are done before its last ones begin: the kills are spread over all of these. Each comes some events
/// behind a task's end, so that it finds another one anywhere on its way; two tasks record more than so many.
const DONE: u64 = 26;
const EVENTS_BEHIND: u64 = 8;
/// A cascade takes about a minute, and longer with each kill.
const PATIENCE: Duration = Duration::from_secs(480);
const POLL: Duration = Duration::from_millis(10);

/// What the demo's file says, as far as a person types it.
#[derive(Deserialize)]
struct Told {
    project: Vec<String>,
    orders: Vec<Vec<String>>,
}

fn told() -> Told {
    told_by(DEMO)
}

fn told_by(demo: &str) -> Told {
    let text = std::fs::read_to_string(Path::new(demo).join("demo.yaml")).expect("the demo");
    serde_saphyr::from_str(&text).expect("it is read")
}

/// A home and the empty product in a repository, with these scenes before the demo's own.
struct Typed {
    world: World,
    reader: Reader,
}

impl Typed {
    fn new(scenes: &str) -> Typed {
        let typed = Typed::with("");
        let script = std::fs::read_to_string(Path::new(DEMO).join("script.yaml")).expect("scenes");
        let path = typed.world.path("script.yaml");
        std::fs::write(&path, format!("{scenes}\n{script}")).expect("the script");
        let path = Value::from(path.display().to_string());
        typed.set(&format!("[fleet]\nscript = {path}\n"));
        typed
    }

    /// The same with these settings.
    fn with(settings: &str) -> Typed {
        let world = World::with_home();
        let sample = Path::new(DEMO).join("sample");
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(sample).arg(world.path("bento"));
        run(copy).exits(0);
        git::init_repo(&world.path("bento")).expect("a repository");
        let reader = Reader::open(&world.home()).expect("the store is readable");
        let typed = Typed { world, reader };
        typed.set(settings);
        typed
    }

    fn set(&self, settings: &str) {
        std::fs::write(self.world.home().join("alai.toml"), settings).expect("the settings");
    }

    /// A line as a person types it in the repository's folder.
    fn line<A: AsRef<str>>(&self, words: &[A]) -> Ran {
        let mut command = self.world.command(words.iter().map(AsRef::as_ref));
        command.current_dir(self.world.path("bento"));
        run(command).exits(0)
    }

    fn five_lines(&self) {
        let told = told();
        let add = ["project", "add", "."].map(str::to_owned);
        let project: Vec<String> = add.into_iter().chain(told.project).collect();
        self.line(&project);
        for order in &told.orders {
            self.line(order);
        }
    }

    fn events(&self) -> u64 {
        let events = self.reader.events_since(0, None).expect("events");
        events.len() as u64
    }

    /// How many of its tasks are done.
    fn done(&self) -> u64 {
        let all = tasks(&self.reader);
        all.iter().filter(|task| task.state == State::Done).count() as u64
    }

    /// Nothing of it can go on by itself.
    fn rests(&self) -> bool {
        let ids = tasks(&self.reader).into_iter().map(|task| task.id);
        ids.rev()
            .all(|id| self.reader.resting(id).expect("the store answers"))
    }

    fn until(&self, what: &str, is_so: impl Fn(&Typed) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain until {what}:\n{}",
                self.world.list()
            );
            std::thread::sleep(POLL);
        }
    }

    fn tree(&self, name: &str) -> String {
        tree(&self.world.path("bento"), name)
    }
}

fn tree(repository: &Path, name: &str) -> String {
    let name = format!("{name}^{{tree}}");
    let tree = git::git(repository, &["rev-parse", &name]).expect("a commit");
    tree.trim().to_owned()
}

fn tasks(reader: &Reader) -> Vec<Task> {
    let all = Filter {
        ended: true,
        ..Filter::default()
    };
    reader.tasks(&all).expect("tasks")
}

fn setting(name: &str, usual: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(usual, |text| text.parse().expect("a number"))
}

/// A linear congruential generator (Knuth's MMIX constants): small, and the same everywhere.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        let (times, plus) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.0 = self.0.wrapping_mul(times).wrapping_add(plus);
        (self.0 >> 33) % limit
    }
}

#[test]
fn five_tasks_become_a_product_shown_typed_and_killed() {
    let world = World::without_home();
    let (shown, typed) = std::thread::scope(|scope| {
        let typed = scope.spawn(typed_and_killed);
        let demo = crate::world::Running::start(
            world.command(["demo", "bento", "--lean", "--keep", "shown"]),
        );
        (
            demo.ends_late().exits(0),
            typed.join().expect("its own words are above"),
        )
    });
    let (home, repository) = (world.path("shown/home"), world.path("shown/bento"));
    let reader = Reader::open(&home).expect("the store is readable");
    the_lines_are_those(&shown, DEMO);
    the_cascade_has_its_shape(&reader, &shown);
    let listed = world
        .alai(["--home", "shown/home", "mc", "list", "--tag", "bento"])
        .exits(0);
    assert!(
        !listed.out.is_empty() && shown.out.contains(&listed.out),
        "the demo ends with what `mc list --tag` says: {listed}\n{shown}"
    );
    every_package_verifies(&world, &reader);
    what_was_found_was_red_before_it_was_mended(&world, &reader);
    every_merge_is_green(&world, &reader, &repository);
    the_documents_are_true(&world, &repository);
    assert_eq!(tree(&repository, "main"), PRODUCT);
    assert_eq!(
        typed, PRODUCT,
        "typed by hand and killed, it is the same product"
    );
}

/// Types the five lines, kills the daemon at drawn moments of the work, and answers with the tree in which it ends.
fn typed_and_killed() -> String {
    let (kills, seed) = (
        setting("ALAI_BENTO_KILLS", 3),
        setting("ALAI_BENTO_SEED", 1),
    );
    let typed = Typed::new("");
    typed.five_lines();
    let mut drawn = Seeded(seed);
    for number in 1..=kills {
        // Of so many equal parts of the cascade each kill has one.
        let (begin, end) = ((number - 1) * DONE / kills, number * DONE / kills);
        let done = begin + drawn.below((end - begin).max(1));
        let behind = 1 + drawn.below(EVENTS_BEHIND);
        let daemon = typed.world.up();
        typed.until("the next kill", |typed| {
            typed.done() >= done || typed.rests()
        });
        let at = typed.events() + behind;
        typed.until("the next kill", |typed| {
            typed.events() >= at || typed.rests()
        });
        assert!(
            !typed.rests(),
            "seed {seed}: kill {number} came after the end"
        );
        daemon.signal(libc::SIGKILL);
        daemon.ends().exits(128 + libc::SIGKILL);
    }
    let daemon = typed.world.up();
    typed.until("all is merged", Typed::rests);
    typed.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(fsck(&typed.reader).expect("fsck runs"), [], "seed {seed}");
    let unfinished: Vec<Task> = { tasks(&typed.reader).into_iter() }
        .filter(|t| t.state != State::Done)
        .collect();
    assert!(unfinished.is_empty(), "seed {seed}: {unfinished:?}");
    typed.tree("main")
}

/// What the demo says that it types is what a person reads how to type.
fn the_lines_are_those(shown: &Ran, demo: &str) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/BENTO.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let lines: Vec<&str> = shown
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    assert_eq!(lines.len(), 1 + told_by(demo).orders.len(), "{shown}");
    for line in lines {
        assert!(
            page.contains(line),
            "docs/BENTO.md has another line than `{line}`"
        );
    }
}

fn the_cascade_has_its_shape(reader: &Reader, shown: &Ran) {
    let all = tasks(reader);
    let of = |kind: TaskKind| {
        all.iter()
            .filter(move |t| t.kind == kind)
            .collect::<Vec<_>>()
    };
    let follow_ups = { of(TaskKind::Build).into_iter() }
        .filter(|t| t.tags.iter().any(|tag| tag == FOLLOW_UP_TAG));
    let reworks = { of(TaskKind::Build).into_iter() }.filter(|t| t.counters.review_cycles > 0);
    // Five builds; one is sent back once and judged again; what was found makes three more lines of work.
    assert_eq!(
        (
            of(TaskKind::Build).len(),
            follow_ups.count(),
            reworks.count()
        ),
        (9, 3, 1),
        "{shown}"
    );
    assert_eq!(
        (of(TaskKind::Review).len(), of(TaskKind::Security).len()),
        (9, 8),
        "{shown}"
    );
    assert!(
        !of(TaskKind::Ops).is_empty() && !of(TaskKind::Docs).is_empty(),
        "{shown}"
    );
    assert!((20..=30).contains(&all.len()), "{shown}");
    for task in &all {
        assert_eq!(task.state, State::Done, "{task:?}");
        assert!(task.tags.iter().any(|tag| tag == "bento"), "{task:?}");
        let runs = reader.runs_of(task.id).expect("runs");
        // A scaffold asks no model: nothing of it is simulated.
        let is_told = |r: &RunRow| {
            r.mode == Some(Mode::Simulated) || r.pipeline.as_deref() == Some("no-model")
        };
        assert!(!runs.is_empty() && runs.iter().all(is_told), "{task:?}");
        let (id, line) = (task.id, format!("{} [H] [done] ", task.id));
        assert!(shown.out.contains(&line), "{id} is not listed: {shown}");
    }
    assert!(
        shown.out.contains("[BENTO-REVIEW] ") && shown.out.contains("[BENTO-SECURITY] "),
        "{shown}"
    );
    let companies: BTreeSet<String> = { all.iter() }
        .flat_map(|task| reader.runs_of(task.id).expect("runs"))
        .filter_map(|run| run.company)
        .collect();
    for company in [
        "CodeCraft",
        "Vizu",
        "Proveo",
        "Securion",
        "FlowForge",
        "Lexicon",
    ] {
        assert!(
            companies.contains(company),
            "{company} did nothing: {companies:?}"
        );
    }
    // A review's findings are remembered for who works on it later.
    let asked = MindQuery {
        words: ["rate", "limit", "login"].map(str::to_owned).to_vec(),
        project: all.iter().find_map(|task| task.project),
        limit: 20,
    };
    let found = reader.mind_search(&asked).expect("the memory");
    assert!(
        found
            .iter()
            .any(|e| e.text.contains("the login has no rate limit")),
        "{found:?}"
    );
}

fn every_package_verifies(world: &World, reader: &Reader) {
    for task in tasks(reader) {
        let id = task.id.0.to_string();
        let verified = world.alai(["--home", "shown/home", "evidence", "verify", &id]);
        verified.exits(0);
    }
}

/// The new tests of each follow-up fail on the base, by the gate's own measurement.
fn what_was_found_was_red_before_it_was_mended(world: &World, reader: &Reader) {
    let mended = { tasks(reader).into_iter() }
        .filter(|t| t.kind == TaskKind::Build && t.tags.iter().any(|tag| tag == FOLLOW_UP_TAG));
    for task in mended {
        let id = task.id.0.to_string();
        let shown = world.json(["--home", "shown/home", "evidence", "show", &id, "--json"]);
        let all = shown["verdict"]["measurements"]
            .as_array()
            .expect("measurements");
        let red = all
            .iter()
            .find(|m| m["check"] == "new_tests_fail_on_base")
            .expect("check 4");
        assert_eq!(red["result"], "pass", "{}: {red}", task.title);
    }
}

/// Each commit of the branch's own line, checked out anew, passes the tests that it has. What an agent committed on its way, tests that were
/// still red among it, is the merges' second parents and no commit that the branch was ever at.
fn every_merge_is_green(world: &World, reader: &Reader, repository: &Path) {
    let mut words = told().project.into_iter();
    let test = { words.by_ref() }.find(|word| word == "--test");
    let test = test.and(words.next()).expect("a test command");
    let merges = reader.merges().expect("merges").into_iter();
    let merged = merges.filter(|m| m.kind == MergeKind::Integrate && m.state == MergeState::Merged);
    let merged: Vec<String> = merged.map(|m| m.intent.expect("where to")).collect();
    assert_eq!(merged.len(), LINES, "{merged:?}");
    // Those that are merged in one step share a commit.
    let commits: BTreeSet<String> = merged.into_iter().collect();
    let listed =
        |how| git::git(repository, &["rev-list", how, "alai/integration"]).expect("the branch");
    let (line, began) = (listed("--first-parent"), listed("--max-parents=0"));
    // The first is the person's own.
    let line: BTreeSet<&str> = { line.lines() }
        .filter(|commit| *commit != began.trim())
        .collect();
    let of_record: BTreeSet<&str> = commits.iter().map(String::as_str).collect();
    assert_eq!(line, of_record);
    for commit in commits {
        let folder: PathBuf = world.path(&format!("at-{commit}"));
        let to = folder.display().to_string();
        let add = ["worktree", "add", "--quiet", "--detach", &to, &commit];
        git::git(repository, &add).expect("a work tree");
        let mut tests = world.program("sh");
        tests.args(["-c", &test]).current_dir(&folder);
        run(tests).exits(0);
        let main = git::git(
            repository,
            &["merge-base", "--is-ancestor", &commit, "main"],
        );
        main.expect("it is delivered");
    }
}

/// The API's page names each request that the service answers, and no other.
fn the_documents_are_true(world: &World, repository: &Path) {
    let routes = "from bento import web; print('\\n'.join(f'{m} {p}' for m, p in web.table()))";
    let mut asked = world.program("python3");
    asked.args(["-c", routes]).current_dir(repository);
    let asked = run(asked).exits(0);
    let served: BTreeSet<&str> = asked.out.lines().collect();
    let page = std::fs::read_to_string(repository.join("docs/api.md")).expect("the page");
    let request = regex::Regex::new(r"`((?:GET|POST|DELETE) /[a-z./]*)`").expect("a pattern");
    let told: BTreeSet<&str> = request
        .captures_iter(&page)
        .filter_map(|c| c.get(1))
        .map(|m| m.as_str())
        .collect();
    assert_eq!(served, told);
}

/// What goes wrong beside the five tasks, each at its own. The order is that of its lines below.
const TROUBLE: &str = r##"
# Sent back each time, whatever is done.
- when: {kind: build, title: "Voucher endpoint", step: plan}
  turns:
    - json: {approach: "One more page.", files: [bento/routes/voucher.py], risks: []}
- when: {kind: build, title: "Voucher endpoint", step: build}
  turns:
    - calls:
        - {name: run, arguments: {command: "echo again >> bento/voucher.txt"}}
        - name: write
          arguments:
            path: bento/routes/voucher.py
            content: |
              """A voucher to give away."""

              from pathlib import Path

              from bento import web

              TEXT = Path(__file__).resolve().parent.parent / "voucher.txt"


              def voucher(_request):
                  return web.page("<p>" + TEXT.read_text() + "</p>")


              ROUTES = {("GET", "/voucher"): voucher}
        - name: write
          arguments:
            path: tests/test_voucher.py
            content: |
              import unittest

              from bento import web


              class Voucher(unittest.TestCase):
                  def test_is_there(self):
                      body = web.answer(web.Request("GET", "/voucher")).body
                      self.assertIn(b"again", body)
    - calls: [{name: done, arguments: {status: done, summary: "The voucher."}}]
- when: {kind: review, title: "Voucher endpoint", step: review}
  turns:
    - json:
        verdict: reject
        summary: "It does not look right to me."
        findings: [{severity: high, title: "it could be better", path: bento/routes/voucher.py, line: 1, detail: "Do it again."}]
# Two that change the same line.
- when: {kind: build, title: "Opening hours", step: plan}
  turns:
    - json: {approach: "One sentence more.", files: [bento/pages/landing.html], risks: []}
- when: {kind: build, title: "Opening hours", step: build}
  turns:
    - calls:
        - {name: run, arguments: {command: "sed -i 's|whenever you like[.]|whenever you like. We answer from 8 to 16.|' bento/pages/landing.html"}}
        - name: write
          arguments:
            path: tests/test_hours.py
            content: |
              import unittest

              from bento import web


              class Hours(unittest.TestCase):
                  def test_are_told(self):
                      self.assertIn(b"from 8 to 16", web.answer(web.Request("GET", "/")).body)
    - calls: [{name: done, arguments: {status: done, summary: "The hours."}}]
- when: {kind: build, title: "Phone number", step: plan}
  turns:
    - json: {approach: "One sentence more.", files: [bento/pages/landing.html], risks: []}
- when: {kind: build, title: "Phone number", step: build}
  turns:
    - calls:
        - {name: run, arguments: {command: "sed -i 's|whenever you like[.]|whenever you like. Call 22 00 00 00.|' bento/pages/landing.html"}}
        - name: write
          arguments:
            path: tests/test_phone.py
            content: |
              import unittest

              from bento import web


              class Phone(unittest.TestCase):
                  def test_is_told(self):
                      self.assertIn(b"22 00 00 00", web.answer(web.Request("GET", "/")).body)
    - calls: [{name: done, arguments: {status: done, summary: "The number."}}]
# Ends its own worker each time.
- when: {kind: build, title: "Allergen list", step: plan}
  turns:
    - json: {approach: "A list.", files: [bento/routes/allergens.py], risks: []}
- when: {kind: build, title: "Allergen list", step: build}
  turns:
    - calls: [{name: run, arguments: {command: "kill -9 -1"}}]
    - calls: [{name: done, arguments: {status: done, summary: "A list."}}]
# Its model's host is down, whenever it is asked.
- when: {kind: build, title: "Recipe cards", step: plan}
  turns: [{fail: unreachable, message: "connection refused"}]
"##;

/// The lines that a person types behind the five, with what each of them comes to wait for.
const TROUBLED: [(&str, &[&str], Option<WaitReason>); 6] = [
    (
        "Bento: Voucher endpoint",
        &["--needs", "1"],
        Some(WaitReason::ReviewCycles),
    ),
    (
        "Bento: Opening hours on the landing page",
        &["--needs", "3"],
        None,
    ),
    (
        "Bento: Phone number on the landing page",
        &["--needs", "3"],
        None,
    ),
    (
        "Bento: Allergen list",
        &["--needs", "1"],
        Some(WaitReason::InfraAttempts),
    ),
    (
        "Bento: Recipe cards",
        &["--needs", "1"],
        Some(WaitReason::InfraAttempts),
    ),
    (
        "Deploy Bento to production and tell the customers",
        &[],
        Some(WaitReason::Safety),
    ),
];

#[test]
fn among_tasks_that_go_wrong_the_rest_is_finished_and_each_wrong_one_waits_for_its_own_reason() {
    let typed = Typed::new(TROUBLE);
    // Both of a pair begin before one of them is merged.
    let settings = typed.world.home().join("alai.toml");
    let given = std::fs::read_to_string(&settings).expect("the settings");
    std::fs::write(&settings, format!("slots = 6\n{given}")).expect("the settings");
    typed.five_lines();
    for (title, more, _) in TROUBLED {
        let line: Vec<&str> = ["mc", "add", title, "-p", "H"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        typed.line(&line);
    }
    let daemon = typed.world.up();
    typed.until("nothing can go on", Typed::rests);
    typed.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(fsck(&typed.reader).expect("fsck runs"), []);
    let all = tasks(&typed.reader);
    let waiting: Vec<&Task> = all.iter().filter(|t| t.state != State::Done).collect();
    let reasons: Vec<(String, Option<WaitReason>)> = { waiting.iter() }
        .map(|t| {
            (
                subject(&t.title).trim_start_matches("Bento: ").to_owned(),
                t.waiting.as_ref().map(|w| w.reason),
            )
        })
        .collect();
    let wrong = TROUBLED
        .into_iter()
        .filter(|(_, _, reason)| reason.is_some());
    let mut expected: Vec<(String, Option<WaitReason>)> = wrong
        .map(|(title, _, reason)| (title.trim_start_matches("Bento: ").to_owned(), reason))
        .collect();
    let (mut found, list) = (reasons, typed.world.list());
    found.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, expected, "{list}");
    for task in waiting {
        let waiting = task.waiting.as_ref().expect("its state says so");
        assert!(
            waiting.next_action.contains("alai mc") && !waiting.detail.is_empty(),
            "{task:?}"
        );
        typed
            .world
            .alai(["why", &task.id.0.to_string()])
            .exits(0)
            .says("next ");
    }
    // The reviewer that never agrees was asked as often as is allowed, and once more to find out.
    let asked = { all.iter() }
        .filter(|t| t.kind == TaskKind::Review && t.title.contains("Voucher endpoint"));
    assert_eq!(asked.count() as u32, REVIEW_CYCLES_MAX + 1, "{list}");
    // One of the pair came second, met the other one's line, and was done again on it; both are there.
    let pair = |t: &&Task| {
        t.title.starts_with("[BENTO-BUILD] Rework: ") && t.title.contains(" on the landing page")
    };
    assert_eq!(all.iter().filter(pair).count(), 1, "{list}");
    let page = git::git(
        &typed.world.path("bento"),
        &["show", "main:bento/pages/landing.html"],
    )
    .expect("the page");
    assert!(
        page.contains("22 00 00 00") && page.contains("from 8 to 16"),
        "{page}"
    );
}
