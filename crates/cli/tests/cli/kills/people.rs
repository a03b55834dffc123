//! People who ask for something all the time while the daemon dies under them, and what they were told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alai_core::ids::TaskId;
use alai_core::lifecycle::{Event, next};
use alai_core::task::{Priority, State, Task};
use alai_factory::{AddTask, Op, Outcome};
use alai_mission::{Filter, Reader};

use super::{Seeded, TASKS_MAX, title};
use crate::socket::{self, Said};

/// Longer than any recovery: a request that nobody has answered by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to reach a daemon that may be dead.
const AGAIN: Duration = Duration::from_millis(3);
/// Work of the factory that one person has under way.
const UNDER_WAY: usize = 2;
/// A pause that is not waited for.
const IMPATIENT_MS: i64 = 1_000;
/// Tasks of its own that one person still moves about.
const OWN_MAX: usize = 8;

/// A request that was answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: String,
    pub(super) op: Op,
    /// None for one that makes a task and was refused.
    pub(super) task: Option<TaskId>,
    pub(super) done: bool,
}

/// What all of them see.
pub(super) struct Office {
    pub(super) home: PathBuf,
    pub(super) seed: u64,
    /// The last kill was made: nothing new is begun.
    pub(super) closing: AtomicBool,
    /// A kill comes: nobody pauses.
    pub(super) rush: AtomicBool,
    /// Titles that are given away.
    pub(super) titles: AtomicUsize,
    /// Requests whose first answer did not come, so that they were sent again.
    pub(super) lost: AtomicUsize,
}

pub(super) struct Person<'a> {
    office: &'a Office,
    pub(super) actor: String,
    drawn: Seeded,
    reader: Reader,
    /// Tasks that nobody else moves, each with the state that the table says.
    own: BTreeMap<TaskId, State>,
    /// Tasks that the factory works on for this person.
    given: Vec<TaskId>,
    pub(super) asked: Vec<Asked>,
}

impl<'a> Person<'a> {
    pub(super) fn new(office: &'a Office, number: u64) -> Person<'a> {
        Person {
            office,
            actor: format!("p{number}"),
            drawn: Seeded(office.seed.wrapping_mul(1_000).wrapping_add(number)),
            reader: reader(&office.home),
            own: BTreeMap::new(),
            given: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Asks until the office closes, then lets what it has given away come to its end.
    pub(super) fn works(mut self) -> Self {
        while !self.office.closing.load(SeqCst) {
            self.one_thing();
            let pause = Duration::from_millis(15 + self.drawn.below(40));
            let began = Instant::now();
            while began.elapsed() < pause && !self.office.rush.load(SeqCst) {
                std::thread::sleep(AGAIN);
            }
        }
        let began = Instant::now();
        while self.unfinished() > 0 {
            self.goes_on_with_what_stopped();
            assert!(
                began.elapsed() < PATIENCE * 2,
                "seed {}: {} does not see the end of {:?}\n{}",
                self.office.seed,
                self.actor,
                self.given,
                super::picture(&self.reader)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }

    fn one_thing(&mut self) {
        let dice = self.drawn.below(100);
        if self.unfinished() < UNDER_WAY && dice < 30 {
            self.gives_work();
        } else if dice < 20 {
            self.goes_on_with_what_stopped();
        } else if dice < 40 && !self.given.is_empty() {
            let at = self.drawn.below(self.given.len() as u64) as usize;
            self.meddles(self.given[at]);
        } else if self.own.len() < OWN_MAX && dice < 55 || self.own.is_empty() {
            self.makes_one_of_its_own();
        } else {
            self.moves_one_of_its_own();
        }
    }

    fn gives_work(&mut self) {
        let number = self.office.titles.fetch_add(1, SeqCst);
        if number < TASKS_MAX {
            let made = self.adds(&title(number), Some("tiny"));
            self.given.push(made);
        }
    }

    /// A word on a task that the factory has, or a hand on it: both meet a run at some point of its work.
    fn meddles(&mut self, task: TaskId) {
        let event = match self.drawn.below(40) {
            0 => Event::Cancel,
            1..4 => Event::Pause,
            4..7 => Event::Resume,
            7..9 => Event::Reopen,
            _ => return self.notes(task),
        };
        self.acts(task, event);
    }

    fn makes_one_of_its_own(&mut self) {
        let title = format!("Shelf {} {}", self.actor, self.asked.len());
        let made = self.adds(&title, None);
        self.own.insert(made, State::Open);
    }

    fn moves_one_of_its_own(&mut self) {
        let at = self.drawn.below(self.own.len() as u64) as usize;
        let (task, state) = self
            .own
            .iter()
            .nth(at)
            .map(|(t, s)| (*t, *s))
            .expect("drawn from them");
        let events = [
            Event::Pause,
            Event::Resume,
            Event::Cancel,
            Event::Reopen,
            Event::Claim,
            Event::Ready,
            Event::Override,
        ];
        let event = match self.drawn.below(10) as usize {
            at if at < events.len() => events[at],
            _ => return self.notes(task),
        };
        // Whoever has taken a task has it; the table alone would let it be delivered or taken only once.
        let table = match (event, state) {
            (Event::Claim, State::Started) => None,
            _ => next(state, event).ok(),
        };
        let said = if event == Event::Claim {
            self.asks(Op::Claim { task }, Some(task))
        } else if event == Event::Ready {
            self.asks(Op::Ready { task, head: None }, Some(task))
        } else {
            self.acts(task, event)
        };
        let right = match (&said, table) {
            (Said::Done(Outcome::Task { state, .. }), Some(to)) => *state == to,
            (Said::Refused(_), None) => true,
            _ => false,
        };
        let (seed, asked) = (self.office.seed, self.asked.last());
        assert!(right, "seed {seed}: {state} and {asked:?}: {said:?}");
        if let Some(to) = table {
            self.own.insert(task, to);
        }
        if table == Some(State::Done) {
            self.own.remove(&task);
        }
    }

    /// What waits for a person or rests goes on by his word.
    fn goes_on_with_what_stopped(&mut self) {
        for task in project_tasks(&self.reader) {
            let given = self.given.contains(&task.id);
            let waits = task.state == State::Waiting;
            if task.state == State::Paused && given {
                self.acts(task.id, Event::Resume);
            } else if waits && (given || self.actor == "p0") {
                // The pieces that the pipeline makes are nobody's; the first one looks after them.
                self.acts(task.id, Event::Reopen);
            } else if task.state == State::Open && given && task.run_at_ms > now_ms() + IMPATIENT_MS
            {
                // Its cage was killed, and it is tried again after a pause of up to 20 s. Who takes it back and gives it anew
                // does not wait for that.
                self.acts(task.id, Event::Cancel);
                self.acts(task.id, Event::Reopen);
            }
        }
    }

    /// How much of what it has given away is neither merged nor given up, whatever piece of it is in work.
    fn unfinished(&self) -> usize {
        let tasks = project_tasks(&self.reader);
        let open = |id: &TaskId| {
            let mut all = tasks.iter();
            let first = all.find(|t| t.id == *id).expect("the task is there");
            let pieces = tasks.iter().filter(|t| t.lineage == Some(*id));
            first.integrated.is_none() && first.state != State::Cancelled
                || pieces.clone().any(|t| !t.state.terminal())
        };
        self.given.iter().filter(|id| open(id)).count()
    }

    fn adds(&mut self, title: &str, project: Option<&str>) -> TaskId {
        let task = AddTask {
            title: title.to_owned(),
            description: String::new(),
            priority: Priority::Medium,
            owner: None,
            tags: vec![],
            project: project.map(PathBuf::from),
            needs: vec![],
            needs_done: false,
            parent: None,
            acceptance: vec![],
            checks: vec![],
            changes_tests: vec![],
            paths: vec![],
            company: None,
            model: None,
            blueprint: None,
            inputs: std::collections::BTreeMap::new(),
            solo: false,
            hold: false,
            sandbox: alai_core::cage::Sandbox::On,
        };
        let op = Op::Add {
            task: Box::new(task),
            key: self.key(),
        };
        let said = self.asks(op, None);
        let Said::Done(Outcome::Task { task, .. }) = said else {
            panic!("seed {}: {title}: {said:?}", self.office.seed)
        };
        self.asked.last_mut().expect("just asked").task = Some(task);
        task
    }

    fn notes(&mut self, task: TaskId) {
        let text = format!("{} looks", self.key());
        let said = self.asks(Op::Note { task, text }, Some(task));
        let seed = self.office.seed;
        assert!(matches!(said, Said::Done(_)), "seed {seed}: {said:?}");
    }

    fn acts(&mut self, task: TaskId, event: Event) -> Said {
        let text = format!("{} wants it", self.key());
        self.asks(Op::Act { task, event, text }, Some(task))
    }

    fn key(&self) -> String {
        format!("{}-{}-{}", self.office.seed, self.actor, self.asked.len())
    }

    /// Asks until there is an answer: a lost one is asked for again under the same key.
    fn asks(&mut self, op: Op, task: Option<TaskId>) -> Said {
        let (key, began) = (self.key(), Instant::now());
        let mut lost = false;
        let said = loop {
            match socket::ask(&self.office.home, &self.actor, &op, &key) {
                Ok(said) => break said,
                Err(why) => {
                    lost = true;
                    let seed = self.office.seed;
                    assert!(began.elapsed() < PATIENCE, "seed {seed}: {op:?}: {why}");
                    std::thread::sleep(AGAIN);
                }
            }
        };
        if let Said::Refused(why) = &said {
            let by_rule = why.contains("does not take `") || why.contains(" holds it until ");
            assert!(by_rule, "seed {}: {op:?}: {why}", self.office.seed);
        }
        self.office.lost.fetch_add(usize::from(lost), SeqCst);
        let done = matches!(said, Said::Done(_));
        self.asked.push(Asked {
            key,
            op,
            task,
            done,
        });
        said
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_millis()).expect("fits")
}

pub(super) fn reader(home: &Path) -> Reader {
    Reader::open(home).expect("the store is readable")
}

/// Everything that the factory works on, what is finished included.
fn project_tasks(reader: &Reader) -> Vec<Task> {
    let all = Filter {
        ended: true,
        ..Filter::default()
    };
    let mut tasks = reader.tasks(&all).expect("tasks");
    tasks.retain(|t| t.project.is_some());
    tasks
}

/// The kind of event that a request leaves, and its text where that is the asker's.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "nobody here asks for the others"
)]
fn line_of(op: &Op) -> (String, Option<String>) {
    let (kind, text) = match op {
        Op::Note { text, .. } => ("note", Some(text.clone())),
        Op::Act { event, text, .. } => (event.as_str(), Some(text.clone())),
        Op::Claim { .. } => ("claim", None),
        Op::Ready { .. } => ("ready", None),
        Op::Add { .. } => ("created", None),
        other => panic!("nobody asks for {other:?}"),
    };
    (kind.to_owned(), text)
}

/// Each acknowledged request is there exactly once and in its order, and nothing else of that person is.
pub(super) fn compare(reader: &Reader, seed: u64, person: &Person<'_>) {
    let mut told = BTreeMap::<TaskId, Vec<(String, Option<String>)>>::new();
    for asked in person.asked.iter().filter(|asked| asked.done) {
        let line = line_of(&asked.op);
        let task = asked.task.expect("what was done has a task");
        told.entry(task).or_default().push(line);
        if !matches!(asked.op, Op::Add { .. }) {
            let by = asked.op.by(&person.actor, &asked.key).expect("JSON");
            let request = by.request.expect("it has a key");
            let kept = reader.answered(&request).expect("the store answers");
            assert!(kept.is_some(), "seed {seed}: {asked:?} is forgotten");
        }
    }
    let all = Filter {
        ended: true,
        ..Filter::default()
    };
    for task in reader.tasks(&all).expect("tasks") {
        let events = reader.events(task.id).expect("a history").into_iter();
        let there: Vec<(String, Option<String>)> = events
            .filter(|event| event.actor == person.actor)
            .map(|e| match e.kind.as_str() {
                "claim" | "ready" | "created" => (e.kind, None),
                _ => (e.kind, Some(e.detail)),
            })
            .collect();
        let told = told.remove(&task.id).unwrap_or_default();
        let who = &person.actor;
        assert_eq!(there, told, "seed {seed}: {who} on {}", task.id);
    }
    assert!(
        told.is_empty(),
        "seed {seed}: tasks that are lost: {told:?}"
    );
    for (id, state) in &person.own {
        let there = reader.task(*id).expect("the task is there").state;
        assert_eq!(there, *state, "seed {seed}: {id} of {}", person.actor);
    }
}
