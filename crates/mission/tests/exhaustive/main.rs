//! Every history of two workers and two tasks, of which the second needs the first: claims, heartbeats, lapsed leases,
//! completions, retries and a person's words, in every order. The random histories are long and of many tasks; a rare
//! order of few steps is found here, because none is left out.
//!
//! What happens is up to the oracle, which the random histories compare with the store. Nothing here decides: it judges
//! what the oracle did, by states, epochs and answers, which the store has too.
//!
//! - A worker that is stopped and goes on later needs no step of its own: it makes none for a while, and then shows its
//!   old fence.
//! - An answer may get lost. Whoever does not hear it keeps the fence, and may say the same again, or something else.
//! - The clock stands still and leases move: all that matters of a lease is whether it has lapsed.

#[path = "../model/oracle.rs"]
mod oracle;

use alai_core::lifecycle::{self, Event};
use alai_core::task::{Priority, State};
use oracle::{Ends, Fence, LEASE_MS, Oracle};
use stateright::{Checker, HasDiscoveries, Model, Property};

const NOW_MS: i64 = 1_000_000;
const WORKERS: usize = 2;
const TASKS: usize = 2;
const FIRST: usize = 0;
const SECOND: usize = 1;
/// How often a task is given at most: to an old run of each worker, to their successor, and once more.
const EPOCHS: i64 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// By a worker; or the answer gets lost, and a run lives of which no worker knows.
    Claim(Option<usize>),
    Heartbeat(usize),
    /// And whether the worker hears the answer.
    End(usize, Event, bool),
    /// The lease of the task's run is over. Nobody has looked yet.
    Lapse(usize),
    Reclaim,
    Person(usize, Event),
}

/// What a step showed. The first must never be seen; the others must, or the model tries too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Seen {
    StaleTaken,
    RightRefused,
    DoneMoved,
    OffTheTable,
    TooEarly,
    TooSoon,
    EpochAgain,
    CancelLost,

    /// While another run has the task: the worker was stopped for too long.
    StaleRefused,
    SaidAgain,
    Reclaimed,
    LateBeat,
    CancelWon,
    DoneWon,
}

/// A fence, and how its worker has ended the run without hearing so.
type Held = (Fence, Option<Event>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    oracle: Oracle,
    /// What each worker believes to hold.
    held: [Option<Held>; WORKERS],
    /// The newest epoch that a claim answered with.
    given: [i64; TASKS],
    completed: [u8; TASKS],
    /// A person said that the second goes on without the first.
    let_go: bool,
    /// By the last step alone: every state is judged, so nothing has to be carried along.
    seen: Vec<Seen>,
}

impl World {
    fn state(&self, task: usize) -> State {
        self.oracle.tasks[task].state
    }

    fn fence(&self, task: usize) -> Fence {
        let epoch = self.oracle.tasks[task].epoch;
        Fence { task, epoch }
    }

    fn holds(&self, fence: Fence) -> bool {
        self.state(fence.task) == State::Started && self.fence(fence.task) == fence
    }

    /// The fences with which the task may be written now: each that there could be is tried.
    fn writers(&self, task: usize) -> Vec<Fence> {
        let may = |fence: &Fence| self.oracle.clone().heartbeat(*fence, NOW_MS) == Ends::Done;
        let epochs = 0..=self.fence(task).epoch + 1;
        let fences = epochs.map(|epoch| Fence { task, epoch });
        fences.filter(may).collect()
    }

    /// Its lease has not lapsed: one more heartbeat would change nothing.
    fn fresh(&self, task: usize) -> bool {
        let mut oracle = self.oracle.clone();
        let beat = oracle.heartbeat(self.fence(task), NOW_MS);
        beat == Ends::Done && oracle == self.oracle
    }

    /// How a run ended cannot be asked again once no worker has its fence.
    fn forget(&mut self) {
        let asked = |fence| self.held.iter().flatten().any(|held| held.0 == fence);
        let ended = &mut self.oracle.ended;
        ended.retain(|end| asked(end.0));
        ended.sort_by_key(|end| (end.0.task, end.0.epoch));
    }

    fn saw(&self, what: Seen) -> bool {
        self.seen.contains(&what)
    }

    fn see(&mut self, what: Seen, when: bool) {
        if when {
            self.seen.push(what);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    AsItIs,
    /// Broken on purpose: the fence of any run of the task will do.
    FencesWithoutEpoch,
}

impl Product {
    fn shown(self, fence: Fence, world: &World) -> Fence {
        match self {
            Product::AsItIs => fence,
            Product::FencesWithoutEpoch => world.fence(fence.task),
        }
    }
}

impl Model for Product {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let mut oracle = Oracle::default();
        oracle.add(0, Priority::Medium, &[], NOW_MS);
        oracle.add(0, Priority::Medium, &[FIRST], NOW_MS);
        vec![World {
            oracle,
            held: [None; WORKERS],
            given: [0; TASKS],
            completed: [0; TASKS],
            let_go: false,
            seen: Vec::new(),
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend([Step::Claim(None), Step::Reclaim]);
        for (worker, held) in world.held.iter().enumerate() {
            if held.is_none() {
                steps.push(Step::Claim(Some(worker)));
                continue;
            }
            steps.push(Step::Heartbeat(worker));
            for event in [Event::Complete, Event::Retry] {
                steps.extend([true, false].map(|heard| Step::End(worker, event, heard)));
            }
        }
        for task in 0..TASKS {
            let words = [Event::Pause, Event::Resume, Event::Cancel, Event::Reopen];
            steps.extend(words.map(|event| Step::Person(task, event)));
            steps.push(Step::Lapse(task));
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        world.seen.clear();
        let event = match step {
            Step::Claim(worker) => {
                let fence = world.oracle.claim(NOW_MS)?;
                claimed(&mut world, before, fence);
                if let Some(worker) = worker {
                    world.held[worker] = Some((fence, None));
                }
                Some(Event::Claim)
            }
            Step::Heartbeat(worker) => {
                let held = before.held[worker]?;
                let ends = world.oracle.heartbeat(self.shown(held.0, before), NOW_MS);
                wrote(&mut world, before, held, None, ends);
                let late = ends == Ends::Done && world.oracle != before.oracle;
                world.see(Seen::LateBeat, late);
                world.held[worker] = (ends == Ends::Done).then_some(held);
                None
            }
            Step::End(worker, event, heard) => {
                let (fence, said) = before.held[worker]?;
                let ends = world.oracle.end(self.shown(fence, before), event, 0);
                wrote(&mut world, before, (fence, said), Some(event), ends);
                let done = (ends == Ends::Done).then_some(event);
                world.held[worker] = (!heard).then_some((fence, done.or(said)));
                Some(event)
            }
            Step::Lapse(task) => {
                let fence = before.fence(task);
                world.oracle.heartbeat(fence, NOW_MS - LEASE_MS - 1);
                None
            }
            Step::Reclaim => {
                let lost = world.oracle.lapse(NOW_MS);
                world.see(Seen::Reclaimed, lost > 0);
                let kept = |task| world.state(task) == State::Started;
                let soon = (0..TASKS).any(|task| before.fresh(task) && !kept(task));
                world.see(Seen::TooSoon, soon);
                Some(Event::LeaseLost)
            }
            Step::Person(task, event) => {
                let ends = world.oracle.act(task, event);
                said(&mut world, before, task, event, ends);
                Some(event)
            }
        };
        (0..TASKS).for_each(|task| moved(&mut world, before, task, event));
        world.forget();
        (world != *before).then_some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        (0..TASKS).all(|task| world.fence(task).epoch <= EPOCHS)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = ALWAYS.map(|(name, holds)| Property::always(name, holds));
        let sometimes = SOMETIMES.map(|(name, holds)| Property::sometimes(name, holds));
        always.into_iter().chain(sometimes).collect()
    }
}

fn claimed(world: &mut World, before: &World, fence: Fence) {
    let newest = std::mem::replace(&mut world.given[fence.task], fence.epoch);
    world.see(Seen::EpochAgain, fence.epoch <= newest);
    let early = before.state(FIRST) != State::Done && !before.let_go;
    world.see(Seen::TooEarly, fence.task == SECOND && early);
}

/// A worker showed its fence. What it said before is answered again, and not done again.
fn wrote(world: &mut World, before: &World, held: Held, event: Option<Event>, ends: Ends) {
    let ((fence, said), stale) = (held, ends == Ends::Stale);
    let (holds, again) = (before.holds(fence), said.is_some() && said == event);
    let idle = again && world.oracle == before.oracle;
    world.see(Seen::StaleTaken, !holds && !stale && !idle);
    world.see(Seen::RightRefused, (holds || again) && stale);
    world.see(Seen::SaidAgain, !stale && idle);
    let (from, to) = (before.state(fence.task), world.state(fence.task));
    let beside = from == State::Started && !holds;
    world.see(Seen::StaleRefused, beside && stale);
    let complete = event == Some(Event::Complete);
    world.completed[fence.task] += u8::from(complete && !stale && !again);
    let cancelled = from == State::Cancelled;
    world.see(Seen::CancelLost, cancelled && to == State::Done);
    let late = complete && stale && before.fence(fence.task) == fence;
    world.see(Seen::CancelWon, cancelled && late);
}

fn said(world: &mut World, before: &World, task: usize, event: Event, ends: Ends) {
    let refused = before.state(task) == State::Done && ends == Ends::Refused;
    world.see(Seen::DoneWon, refused && event == Event::Cancel);
    let waits = task == SECOND && before.state(SECOND) == State::Waiting;
    let gone = before.state(FIRST) == State::Cancelled;
    world.let_go |= waits && gone && event == Event::Reopen && ends == Ends::Done;
}

/// A task moves by what happened, as the product's table says. Once open, it may have to wait for what it lacks.
fn moved(world: &mut World, before: &World, task: usize, event: Option<Event>) {
    let (from, to) = (before.state(task), world.state(task));
    let by_event = event.and_then(|event| lifecycle::next(from, event).ok());
    let lacks = task == SECOND && world.state(FIRST) == State::Cancelled;
    let waits = |at| lacks && at == State::Open && lifecycle::next(at, Event::Ask) == Ok(to);
    let mut ways = [Some(from), by_event].into_iter().flatten();
    world.see(Seen::OffTheTable, !ways.any(|at| at == to || waits(at)));
    let same = from == to && before.fence(task) == world.fence(task);
    world.see(Seen::DoneMoved, from == State::Done && !same);
}

type Rule = (&'static str, fn(&Product, &World) -> bool);

const NO_STALE_WRITE: &str = "a write under a stale fence is refused";

const ALWAYS: [Rule; 10] = [
    (NO_STALE_WRITE, |_, w| !w.saw(Seen::StaleTaken)),
    ("who is right is answered", |_, w| {
        !w.saw(Seen::RightRefused)
    }),
    ("done stays done", |_, w| !w.saw(Seen::DoneMoved)),
    ("a worker undoes no cancel", |_, w| !w.saw(Seen::CancelLost)),
    ("the need comes first", |_, w| !w.saw(Seen::TooEarly)),
    ("a lease is waited for", |_, w| !w.saw(Seen::TooSoon)),
    ("states move by the table", |_, w| !w.saw(Seen::OffTheTable)),
    ("an epoch is given once", |_, w| {
        let newest = |at: usize| w.given[at] == w.fence(at).epoch;
        (0..TASKS).all(newest) && !w.saw(Seen::EpochAgain)
    }),
    ("started is one live run of its epoch", |_, w| {
        let held = |at| (w.state(at) == State::Started).then(|| w.fence(at));
        (0..TASKS).all(|at| w.writers(at) == Vec::from_iter(held(at)))
    }),
    ("done is what one completion made", |_, w| {
        let done = |at: usize| u8::from(w.state(at) == State::Done);
        (0..TASKS).all(|at| w.completed[at] == done(at))
    }),
];

/// Without these the rules would hold of a model in which nothing happens.
const SOMETIMES: [Rule; 9] = [
    ("both are done", |_, w| !w.let_go && w.completed == [1, 1]),
    ("both run at once", |_, w| {
        (0..TASKS).all(|at| w.state(at) == State::Started)
    }),
    ("a person lets a need go", |_, w| w.let_go),
    ("a stale write is refused", |_, w| w.saw(Seen::StaleRefused)),
    ("an end is said again", |_, w| w.saw(Seen::SaidAgain)),
    ("a lapsed run is taken back", |_, w| w.saw(Seen::Reclaimed)),
    ("a late beat saves its run", |_, w| w.saw(Seen::LateBeat)),
    ("a cancel beats a completion", |_, w| w.saw(Seen::CancelWon)),
    ("a completion beats a cancel", |_, w| w.saw(Seen::DoneWon)),
];

#[test]
fn every_history_keeps_the_rules() {
    let checked = Product::AsItIs.checker().spawn_bfs().join();
    checked.assert_properties();
    let (states, depth) = (checked.unique_state_count(), checked.max_depth());
    println!("{states} states, at most {depth} steps deep");
}

#[test]
fn a_fence_without_its_epoch_is_found_out() {
    let found = HasDiscoveries::AnyOf([NO_STALE_WRITE].into());
    let broken = Product::FencesWithoutEpoch.checker().finish_when(found);
    let checked = broken.spawn_bfs().join();
    let history = checked.assert_any_discovery(NO_STALE_WRITE);
    assert!(history.last_state().saw(Seen::StaleTaken), "{history}");
}
