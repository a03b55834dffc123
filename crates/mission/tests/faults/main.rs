//! What happens when the disk itself fails, through the public door. Whatever it does, the store is whole when it is opened
//! again, what was answered is there, and what was refused is not.

mod failing;

use std::sync::Mutex;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::pipeline::Effect;
use alai_core::task::{NewTask, State, TaskKind};
use alai_mission::{
    Claim, ClaimLimits, Filter, Mission, MissionError, NewProject, ProjectSettings, Reader,
    SlotsOf, fsck,
};
use failing::{Disk, Plan};

const LIMITS: ClaimLimits = ClaimLimits {
    total: 8,
    per_project: 8,
    run_ms_max: 3_600_000,
    slots: SlotsOf::NOTHING,
};

/// More than SQLite's cache holds, so that it is written before its commit, and enough that the log is folded after it.
const LARGE: usize = 5_000_000;
const SMALL: usize = 20_000;
const TASKS_EACH: usize = 20;
/// Where the series of `roll` begins.
const SEED: u64 = 1;

fn quiet(_: &str) {}

/// Small, repeatable and good enough to choose by.
fn roll(dice: &mut u64, sides: usize) -> usize {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*dice >> 33) as usize % sides
}

/// What was said of each task, by its title.
#[derive(Debug, Default)]
struct Answers {
    done: Vec<String>,
    unknown: Vec<String>,
    /// The disk was full, or nothing can have been written.
    refused: Vec<String>,
    /// Refused because of an earlier failure.
    closed: Vec<String>,
}

impl Answers {
    fn note(&mut self, title: &str, answer: Result<TaskId, MissionError>, what: &str) {
        let said = match answer {
            Ok(_) => &mut self.done,
            Err(MissionError::Unknown(_)) => &mut self.unknown,
            Err(MissionError::DiskFull) => &mut self.refused,
            Err(MissionError::Poisoned) => &mut self.closed,
            Err(e) => panic!("{what}: {title}: {e}"),
        };
        said.push(title.to_owned());
    }
}

/// The home of a store, on a disk that can be made to fail.
struct Home {
    disk: Disk,
    project: ProjectId,
}

fn home() -> (Home, Mission) {
    let disk = Disk::sound();
    let mission = Mission::open(&disk.folder, quiet).expect("a new store");
    let new = NewProject {
        name: "p".into(),
        path: "/p".into(),
        target_branch: "main".into(),
        settings: ProjectSettings::default(),
    };
    let project = mission.add_project(new, "test", 1).expect("a project");
    (Home { disk, project }, mission)
}

impl Home {
    /// The same title is the same request, under the same key. Titles that begin with `large` are of large tasks.
    fn add(&self, mission: &Mission, title: &str) -> Result<TaskId, MissionError> {
        let large = title.starts_with("large");
        let mut new = NewTask::new(TaskKind::Build, title);
        new.project = Some(self.project);
        new.solo = true;
        // No words: the full-text index has nothing to do.
        new.description = "-".repeat(if large { LARGE } else { SMALL });
        mission.add(new, Some(format!("key of {title}")), "test", 10)
    }

    /// 16 clients that each add one task after the other, until they hear that the store is closed. Two tasks are large.
    fn crowd(&self, mission: &Mission, plan: Plan, what: &str) -> Answers {
        self.disk.fault(plan);
        let answers = Mutex::new(Answers::default());
        let one_client = &|client: usize| {
            for n in 0..TASKS_EACH {
                let size = ["small", "large"][usize::from(client < 2 && n == 5)];
                let title = format!("{size} {n} of {client}");
                let answer = self.add(mission, &title);
                let go_on = matches!(answer, Ok(_) | Err(MissionError::DiskFull));
                let mut answers = answers.lock().expect("nobody panics");
                answers.note(&title, answer, what);
                if !go_on {
                    break;
                }
            }
        };
        std::thread::scope(|scope| {
            for client in 0..16 {
                scope.spawn(move || one_client(client));
            }
        });
        assert!(self.disk.refused() > 0, "{what}: the disk never failed");
        answers.into_inner().expect("nobody panics")
    }

    /// Closes the store and opens it on a sound disk.
    fn reopen(&self, mission: Mission, answers: &Answers, what: &str) -> Mission {
        drop(mission);
        self.disk.lift();
        let mission = Mission::open(&self.disk.folder, quiet).expect(what);
        assert_eq!(fsck(&mission).expect("fsck runs"), [], "{what}");
        let there = titles(&mission);
        let times = |title: &String| there.iter().filter(|other| *other == title).count();
        for title in &answers.done {
            assert_eq!(times(title), 1, "{what}: `{title}` was answered");
        }
        for title in answers.refused.iter().chain(&answers.closed) {
            assert_eq!(times(title), 0, "{what}: `{title}` was refused");
        }
        mission
    }

    /// Whoever got no answer asks again, and so may all others: there is one task each and no other.
    fn once_more(&self, mission: &Mission, mut asked: Vec<String>, what: &str) {
        for title in &asked {
            self.add(mission, title)
                .unwrap_or_else(|e| panic!("{what}: `{title}` again: {e}"));
        }
        let mut there = titles(mission);
        there.sort();
        asked.sort();
        assert_eq!(there, asked, "{what}: one task under each key");
        assert_eq!(fsck(mission).expect("fsck runs"), [], "{what}");
    }

    /// There is room again: the store goes on as it is, and has kept its word when it is opened anew.
    fn has_room(&self, mission: Mission, mut answers: Answers, what: &str) {
        self.disk.lift();
        answers.note("after it", self.add(&mission, "after it"), what);
        self.reopen(mission, &answers, what);
        let lasting = [answers.unknown, answers.closed].concat();
        assert!(lasting.is_empty(), "{what}: no unknown: {lasting:?}");
        assert!(answers.done.ends_with(&["after it".into()]), "{what}");
    }
}

/// Titles of small tasks.
fn tasks(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("task {n}")).collect()
}

fn titles(reader: &Reader) -> Vec<String> {
    let all = Filter {
        ended: true,
        ..Filter::default()
    };
    let tasks = reader.tasks(&all).expect("lists");
    tasks.into_iter().map(|task| task.title).collect()
}

/// The large task has the log folded, beside the tasks after it. Any sync fails: of a commit, of the log and of the file in the fold, of
/// the new log's header. A fold that fails is nobody's answer, but nothing is written after it.
#[test]
fn eio_at_fsync_answers_unknown_and_the_same_key_makes_one_task() {
    let mut asked = tasks(7);
    asked.insert(0, "large".into());
    let mut unknown = 0;
    for (after, lost) in (0..6).flat_map(|n| [(n, false), (n, true)]) {
        let what = format!("sync {} fails, lost: {lost}", after + 1);
        let (home, mission) = home();
        home.disk.fault(Plan::FailSync { after, lost });
        let mut answers = Answers::default();
        for title in &asked {
            let over = !answers.unknown.is_empty() || !answers.closed.is_empty();
            let answer = home.add(&mission, title);
            let closed = matches!(answer, Err(MissionError::Poisoned));
            // The log is folded beside those who come after the large one: where that fails, the store is closed to whoever comes next.
            let folded = answers.done.iter().any(|done| done == "large");
            assert!(closed || !over, "{what}: {title}: {answer:?}");
            assert!(over || folded || !closed, "{what}: {title}: {answer:?}");
            answers.note(title, answer, &what);
        }
        assert!(home.disk.refused() > 0, "{what}: no sync failed");
        unknown += answers.unknown.len();
        let mission = home.reopen(mission, &answers, &what);
        home.once_more(&mission, asked.clone(), &what);
    }
    assert!(unknown > 0, "some syncs are those of commits");
}

/// Every sync and every write of a run's last three steps fails once.
#[test]
fn eio_in_the_middle_of_a_completion_leaves_exactly_one_outcome() {
    let plans: [fn(usize) -> Plan; 3] = [
        |after| Plan::FailSync { after, lost: false },
        |after| Plan::FailSync { after, lost: true },
        |after| Plan::FailWrite { after },
    ];
    for plan in plans {
        let positions = (0..).take_while(|after| completion(plan(*after))).count();
        assert!(positions >= 3, "{:?}: three commits", plan(positions));
    }
}

/// Journals, delivers and completes while the disk fails by the plan. Answers whether it did.
fn completion(plan: Plan) -> bool {
    let what = format!("{plan:?}");
    let (home, mission) = home();
    let task = home.add(&mission, "t").expect("a task");
    let claim = mission.claim(None, &LIMITS, "w", 60_000, 20);
    let claim = claim.expect("answers").expect("a task");
    home.disk.fault(plan);
    let fence = &claim.fence;
    let steps = [
        mission.journal(fence, "head", "h".into(), 30).map(drop),
        mission.deliver(fence, "its gate is at work", 40),
        complete(&mission, &claim).map(drop),
    ];
    let mut over = false;
    for step in &steps {
        match step {
            Ok(()) => assert!(!over, "{what}: {steps:?}"),
            Err(MissionError::Unknown(_)) if !over => over = true,
            Err(MissionError::Poisoned) if over => {}
            Err(_) => panic!("{what}: {steps:?}"),
        }
    }
    let met = home.disk.refused() > 0;
    assert_eq!(met, over, "{what}: a failed disk is said to have failed");
    let mut answers = Answers::default();
    answers.note("t", Ok(task), &what);
    let mission = home.reopen(mission, &answers, &what);
    let done = || {
        let events = mission.events(task).expect("reads").into_iter();
        events.filter(|e| e.to == Some(State::Done)).count()
    };
    let live = mission.live_runs().expect("reads").len();
    assert_eq!(done() + live, 1, "{what}: it has ended or it is live");
    assert!(over || live == 0, "{what}: what was answered is there");
    match complete(&mission, &claim) {
        Ok(made) => assert_eq!(made, [], "{what}: the same answer"),
        Err(e) => assert!(e.is_stale() && live == 0, "{what}: {e}"),
    }
    assert_eq!(done(), 1, "{what}: done once");
    assert_eq!(fsck(&mission).expect("fsck runs"), [], "{what}");
    met
}

fn complete(mission: &Mission, claim: &Claim) -> Result<Vec<TaskId>, MissionError> {
    let effect = Effect::Complete {
        base: Some("b".into()),
        head: Some("h".into()),
        note: "passed".into(),
    };
    mission.apply(&claim.fence, "over", vec![effect], 50)
}

#[test]
fn a_full_disk_refuses_cleanly_and_goes_on_by_itself() {
    for after in (0..12).chain([20, 30, 45, 60, 90]) {
        fill(after, &tasks(6));
    }
}

/// What does not fit into the cache is written before its commit: the disk is full in the middle of a statement, and SQLite ends
/// the whole transaction by itself.
#[test]
fn a_full_disk_in_the_middle_of_a_large_write_refuses_cleanly_too() {
    for after in [0, 1, 100, 1_500] {
        fill(after, &["large".into()]);
    }
}

/// Adds tasks one after the other on a disk that has room for so many writes.
fn fill(after: usize, asked: &[String]) {
    let what = format!("full after {after} writes");
    let (home, mission) = home();
    let times = usize::MAX;
    home.disk.fault(Plan::Full { after, times });
    let mut answers = Answers::default();
    for title in asked {
        answers.note(title, home.add(&mission, title), &what);
        assert_eq!(titles(&mission), answers.done, "{what}: what fitted");
        assert_eq!(fsck(&mission).expect("reads"), [], "{what}: no part");
    }
    assert!(!answers.refused.is_empty(), "{what}: nothing was refused");
    home.has_room(mission, answers, &what);
}

/// One client's task is too large for the disk while those before and after it in the same commit are not.
#[test]
fn group_commit_on_a_disk_that_is_full_for_a_moment() {
    let mut dice = SEED;
    for round in 0..6 {
        let (after, times) = (roll(&mut dice, 6_000), 1 + roll(&mut dice, 3));
        let what = format!("round {round} from {SEED}: {times} fail after {after} writes");
        let (home, mission) = home();
        let answers = home.crowd(&mission, Plan::Full { after, times }, &what);
        home.has_room(mission, answers, &what);
    }
}

#[test]
fn a_disk_that_turns_read_only_refuses_writes_and_still_reads() {
    let (home, mission) = home();
    let mut answers = Answers::default();
    for title in tasks(3) {
        answers.note(&title, home.add(&mission, &title), "a sound disk");
    }
    let early = Reader::open(&home.disk.folder).expect("opens");
    home.disk.fault(Plan::ReadOnly);
    for title in ["first", "second", "third"] {
        home.add(&mission, title).expect_err("nothing is written");
        answers.refused.push(title.into());
    }
    let late = Reader::open(&home.disk.folder).expect("opens what can only be read");
    for reader in [&early, &late, &*mission] {
        assert_eq!(titles(reader), answers.done, "reading goes on");
        assert_eq!(fsck(reader).expect("reads"), [], "and finds it whole");
    }
    let mission = home.reopen(mission, &answers, "read-only");
    home.add(&mission, "after it").expect("writes again");
    assert_eq!(titles(&early), titles(&mission), "and so does who read");
}

#[test]
fn group_commit_under_faults() {
    let mut dice = SEED;
    for round in 0..6 {
        // There are at least as many commits as each client has tasks.
        let (after, lost) = (roll(&mut dice, TASKS_EACH), round % 2 == 0);
        let what = format!("round {round} from {SEED}: {after} syncs, lost: {lost}");
        let (home, mission) = home();
        let answers = home.crowd(&mission, Plan::FailSync { after, lost }, &what);
        let mission = home.reopen(mission, &answers, &what);
        home.once_more(&mission, [answers.done, answers.unknown].concat(), &what);
    }
}
