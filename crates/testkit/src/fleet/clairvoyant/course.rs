//! The course of time that follows from a schedule.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::trace::{Trace, Way};
use super::Schedule;

/// Beside the last end the mean of all ends counts by this share, so that the search sees a way where many ends are the last.
const SHARE_OF_MEAN: f64 = 0.05;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    End(usize),
    Loaded { host: usize, phase: usize },
    Arrived(usize),
}

/// A phase on its way.
#[derive(Debug, Clone, Default)]
struct Phase {
    model: usize,
    /// Tasks that have not ended, and calls at once.
    left: usize,
    busy: u32,
    slots: u32,
    /// Tasks that may begin, the first of the order first.
    ready: BinaryHeap<(Reverse<u64>, Reverse<usize>)>,
}

#[derive(Debug, Clone, Default)]
struct Host {
    phases: Vec<Phase>,
    /// Phases whose model is there.
    there: Vec<usize>,
    next: usize,
    loads: bool,
    busy: u32,
    held: u64,
}

/// What a schedule's tasks and loads did.
pub(super) struct Course<'t> {
    trace: &'t Trace,
    behind: Vec<Vec<usize>>,
    tails_ms: Vec<i64>,
    now_ms: i64,
    events: BinaryHeap<Reverse<(i64, Event)>>,
    hosts: Vec<Host>,
    left: Vec<usize>,
    /// By run: where it was served last.
    last: Vec<Option<(usize, usize)>>,
    run_of: Vec<usize>,
    ended_ms: Vec<i64>,
    makespan_ms: i64,
    done: usize,
}

impl<'t> Course<'t> {
    /// # Panics
    /// When the fleet as a whole has a limit of slots: no family has one.
    pub(super) fn of(trace: &'t Trace) -> Course<'t> {
        assert!(trace.fleet.slots.is_none(), "slots of the fleet");
        let count = trace.tasks.len();
        let mut behind = vec![Vec::new(); count];
        let mut tails_ms = vec![0; count];
        for (at, task) in trace.tasks.iter().enumerate().rev() {
            let shortest = trace.ways(task).map(|way| way.true_ms).min().unwrap_or(0);
            for need in &task.needs {
                behind[*need].push(at);
                tails_ms[*need] = (tails_ms[at] + shortest).max(tails_ms[*need]);
            }
        }
        let mut runs: Vec<usize> = trace.tasks.iter().map(|task| task.run).collect();
        runs.sort_unstable();
        runs.dedup();
        let number = |run: &usize| runs.binary_search(run).expect("it is one of them");
        Course {
            run_of: trace.tasks.iter().map(|task| number(&task.run)).collect(),
            last: vec![None; runs.len()],
            trace,
            behind,
            tails_ms,
            now_ms: 0,
            events: BinaryHeap::new(),
            hosts: Vec::new(),
            left: Vec::new(),
            ended_ms: vec![i64::MAX; count],
            makespan_ms: i64::MAX,
            done: 0,
        }
    }

    pub(super) fn makespan_ms(&self) -> i64 {
        self.makespan_ms
    }

    /// When each task ended; the greatest number for one that did not.
    pub(super) fn ends(&self) -> &[i64] {
        &self.ended_ms
    }

    /// How good a schedule is: the less, the better; infinite when it never ends.
    pub(super) fn run(&mut self, schedule: &Schedule) -> f64 {
        self.begin(schedule);
        while let Some(Reverse((now, event))) = self.events.pop() {
            self.now_ms = now;
            self.happen(schedule, event);
            let more = self.events.peek();
            if more.is_some_and(|Reverse((next, _))| *next == now) {
                continue;
            }
            for host in 0..self.hosts.len() {
                self.load(host);
                self.start(host);
            }
        }
        let count = self.trace.tasks.len();
        if self.done < count {
            self.makespan_ms = i64::MAX;
            return f64::INFINITY;
        }
        self.makespan_ms = self.ended_ms.iter().copied().max().unwrap_or(0);
        let late = self.ended_ms.iter().zip(&self.tails_ms);
        let sum: f64 = late.map(|(end, tail)| (end + tail) as f64).sum();
        self.makespan_ms as f64 + SHARE_OF_MEAN * sum / count.max(1) as f64
    }

    fn begin(&mut self, schedule: &Schedule) {
        let fleet = &self.trace.fleet;
        self.events.clear();
        self.hosts.clear();
        self.hosts.resize_with(fleet.hosts.len(), Host::default);
        for (host, models) in self.hosts.iter_mut().zip(&schedule.phases) {
            let phase = |model: &alai_core::schedule::ModelId| Phase {
                model: model.0,
                ..Phase::default()
            };
            host.phases = models.iter().map(phase).collect();
        }
        for (number, host) in self.hosts.iter_mut().enumerate() {
            for phase in &mut host.phases {
                phase.slots = fleet.places[number][phase.model].map_or(0, |place| place.slots);
            }
        }
        for (host, phase) in &schedule.runs_in {
            self.hosts[*host].phases[*phase].left += 1;
        }
        self.left.clear();
        let needs = self.trace.tasks.iter().map(|task| task.needs.len());
        self.left.extend(needs);
        self.last.fill(None);
        self.ended_ms.fill(i64::MAX);
        self.done = 0;
        for (at, task) in self.trace.tasks.iter().enumerate() {
            // An arrival counts like one thing more that is needed.
            self.left[at] += 1;
            self.events
                .push(Reverse((task.arrival_ms, Event::Arrived(at))));
        }
    }

    fn happen(&mut self, schedule: &Schedule, event: Event) {
        match event {
            Event::Arrived(task) => self.one_less(schedule, task),
            Event::Loaded { host, phase } => {
                self.hosts[host].loads = false;
                self.hosts[host].there.push(phase);
            }
            Event::End(task) => {
                let (host, number) = schedule.runs_in[task];
                let machine = &mut self.hosts[host];
                machine.busy -= 1;
                let phase = &mut machine.phases[number];
                phase.busy -= 1;
                phase.left -= 1;
                self.last[self.run_of[task]] = Some((host, phase.model));
                self.done += 1;
                for at in 0..self.behind[task].len() {
                    self.one_less(schedule, self.behind[task][at]);
                }
            }
        }
    }

    fn one_less(&mut self, schedule: &Schedule, task: usize) {
        self.left[task] -= 1;
        if self.left[task] == 0 {
            let (host, phase) = schedule.runs_in[task];
            // Orders are never negative, and such numbers are ordered as their bits are.
            let order = schedule.order[task].to_bits();
            let ready = &mut self.hosts[host].phases[phase].ready;
            ready.push((Reverse(order), Reverse(task)));
        }
    }

    /// Begins the next load of a host, when there is room.
    fn load(&mut self, number: usize) {
        let fleet = &self.trace.fleet;
        let host = &mut self.hosts[number];
        while !host.loads {
            let Some((next, model)) = host.next_phase() else {
                return;
            };
            let same = |phase: &usize| host.phases[*phase].model == model;
            if let Some(at) = host.there.iter().position(same) {
                // It is there still: it stays, as soon as its tasks of before have ended.
                if host.phases[host.there[at]].left > 0 {
                    return;
                }
                host.there[at] = next;
                host.next += 1;
                continue;
            }
            let bytes = |model: usize| fleet.models[model].bytes;
            let room = fleet.hosts[number].memory - bytes(model);
            if !host.leave_room(room, &bytes) {
                return;
            }
            host.held += bytes(model);
            host.loads = true;
            host.next += 1;
            let there_ms = self.now_ms + self.trace.load_ms[number][model].max(1);
            let event = Event::Loaded {
                host: number,
                phase: next,
            };
            self.events.push(Reverse((there_ms, event)));
        }
    }

    /// Begins what a host can begin.
    fn start(&mut self, number: usize) {
        let slots = self.trace.fleet.hosts[number].slots;
        let host = &mut self.hosts[number];
        while host.busy < slots {
            let free = host.there.iter().copied();
            let free = free.filter(|phase| host.phases[*phase].busy < host.phases[*phase].slots);
            let first = free
                .filter_map(|phase| Some((*host.phases[phase].ready.peek()?, phase)))
                .max();
            let Some(((_, Reverse(task)), number_of_phase)) = first else {
                return;
            };
            let phase = &mut host.phases[number_of_phase];
            phase.ready.pop();
            phase.busy += 1;
            host.busy += 1;
            let about = &self.trace.tasks[task];
            let is_it = |way: &&Way| (way.host.0, way.model.0) == (number, phase.model);
            let mut ways = self.trace.ways(about);
            let way = ways.find(is_it).expect("a task is put where it may run");
            let again = self.last[self.run_of[task]] == Some((number, phase.model));
            let end_ms = self.now_ms + self.trace.true_ms(way, again);
            self.ended_ms[task] = end_ms;
            self.events.push(Reverse((end_ms, Event::End(task))));
        }
    }
}

impl Host {
    /// The next phase that has tasks, and its model.
    fn next_phase(&mut self) -> Option<(usize, usize)> {
        while self.phases.get(self.next)?.left == 0 {
            self.next += 1;
        }
        Some((self.next, self.phases[self.next].model))
    }

    /// Lets models whose phases are over go until the others hold no more than `room`, those that are wanted again last first; `false`, and nothing goes,
    /// when that is not enough.
    fn leave_room(&mut self, room: u64, bytes: &dyn Fn(usize) -> u64) -> bool {
        let is_over = |host: &Host, phase: usize| host.phases[phase].left == 0;
        let over = self.there.iter().filter(|phase| is_over(self, **phase));
        let may_go: u64 = over.map(|phase| bytes(self.phases[*phase].model)).sum();
        if self.held - may_go > room {
            return false;
        }
        while self.held > room {
            let over = (0..self.there.len()).filter(|at| is_over(self, self.there[*at]));
            let last = over.max_by_key(|at| self.wanted_again(self.there[*at]));
            let at = last.expect("those that are over are enough");
            let gone = self.there.remove(at);
            self.held -= bytes(self.phases[gone].model);
        }
        true
    }

    /// In how many phases from now.
    fn wanted_again(&self, phase: usize) -> usize {
        let model = self.phases[phase].model;
        let mut later = self.phases[self.next..].iter();
        let again = later.position(|other| other.model == model && other.left > 0);
        again.unwrap_or(usize::MAX)
    }
}
