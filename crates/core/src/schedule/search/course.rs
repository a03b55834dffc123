//! The course of time that follows from a schedule, by what is expected or by one draw of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::course::SHARE_OF_MEAN;
use super::super::outlook::Outlook;
use super::turns::{Wrong, first_wrong};
use super::{DRAWS, HOPELESS, Problem, Schedule};

/// How late a schedule ends by each draw that it is searched by.
pub(super) type Lates = [f64; DRAWS as usize];

/// Why a schedule is no candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    /// The mean of its ends is later than what is asked for, or was about to be.
    Later,
    OutOfTurn(Wrong),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    End(usize),
    FirstEnd(usize),
    Loaded { host: usize, phase: usize },
}

/// The time during which a model stays on a host.
#[derive(Debug, Clone, Default)]
struct Phase {
    place: usize,
    /// Calls that have not ended, and calls at work.
    left: usize,
    busy: u32,
    slots: u32,
    /// Tasks that may begin, the first of the order first.
    ready: BinaryHeap<(Reverse<usize>, Reverse<usize>)>,
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
    /// Something has happened there since it was looked at.
    is_new: bool,
}

/// What a schedule's tasks and loads did when it was run last.
pub(super) struct Course<'o> {
    problem: &'o Problem<'o>,
    outlook: &'o Outlook,
    now_ms: i64,
    events: BinaryHeap<Reverse<(i64, Event)>>,
    hosts: Vec<Host>,
    left: Vec<u32>,
    ended_ms: Vec<i64>,
    all_busy: u32,
    last_ms: i64,
    sum_ms: f64,
    done: usize,
    draw: u64,
    /// By draw: what each task takes of what is expected of it.
    shares: Vec<Vec<f64>>,
    /// What began at once: tasks and places, and places that are loaded, each with those that leave for it.
    starts: Vec<(usize, usize)>,
    loads: Vec<(usize, Vec<usize>)>,
    /// The same where calls must end before it can be loaded.
    drains: Vec<(usize, Vec<usize>)>,
}

impl<'o> Course<'o> {
    pub(super) fn of(problem: &'o Problem<'o>) -> Course<'o> {
        Course {
            problem,
            outlook: problem.outlook,
            now_ms: 0,
            events: BinaryHeap::new(),
            hosts: Vec::new(),
            left: Vec::new(),
            ended_ms: vec![i64::MAX; problem.outlook.tasks.len()],
            all_busy: 0,
            last_ms: 0,
            sum_ms: 0.0,
            done: 0,
            draw: 0,
            shares: Vec::new(),
            starts: Vec::new(),
            loads: Vec::new(),
            drains: Vec::new(),
        }
    }

    /// When each task ended; the greatest number for one that did not.
    pub(super) fn ends(&self) -> &[i64] {
        &self.ended_ms
    }

    /// Tasks that begin at once, and where.
    pub(super) fn starts(&self) -> &[(usize, usize)] {
        &self.starts
    }

    /// Places that are loaded at once, each with those that leave for it.
    pub(super) fn loads(&self) -> &[(usize, Vec<usize>)] {
        &self.loads
    }

    /// Places that are loaded when calls of others on their host have ended, each with those others. Nothing more is meant for them before.
    pub(super) fn drains(&self) -> &[(usize, Vec<usize>)] {
        &self.drains
    }

    /// The mean of [`Course::run`] over some draws.
    pub(super) fn mean(&mut self, schedule: &Schedule, draws: std::ops::Range<u64>) -> f64 {
        let count = (draws.end - draws.start) as f64;
        draws.map(|draw| self.run(schedule, draw)).sum::<f64>() / count
    }

    /// How late it ends by each draw, where everything that begins now is in its turn. `lates`: the same of the schedule of which it is a change.
    pub(super) fn lates_within(
        &mut self,
        schedule: &Schedule,
        lates: &Lates,
        most_ms: f64,
        is_ready: &[bool],
    ) -> Result<Lates, No> {
        let mut drawn = [0.0; DRAWS as usize];
        let mut left_ms = most_ms * DRAWS as f64;
        let mut rest_ms = lates.iter().sum::<f64>() * (1.0 - HOPELESS);
        for (at, before) in lates.iter().enumerate() {
            rest_ms -= before * (1.0 - HOPELESS);
            drawn[at] = self.run_within(schedule, at as u64, left_ms - rest_ms);
            left_ms -= drawn[at];
            if left_ms < rest_ms {
                return Err(No::Later);
            }
            // What begins is the same in all draws.
            if at == 0
                && let Some(wrong) = first_wrong(self.problem, self, is_ready)
            {
                return Err(No::OutOfTurn(wrong));
            }
        }
        Ok(drawn)
    }

    /// How late it ends, in milliseconds from now; infinite when it never does, or what is drained is not. Draw 0 is what is expected.
    pub(super) fn run(&mut self, schedule: &Schedule, draw: u64) -> f64 {
        self.run_within(schedule, draw, f64::INFINITY)
    }

    /// The same, given up as soon as it is known to be later than so many milliseconds: infinite then.
    pub(super) fn run_within(&mut self, schedule: &Schedule, draw: u64, most_ms: f64) -> f64 {
        if !self.problem.keeps_drains(schedule) {
            return f64::INFINITY;
        }
        self.begin(schedule, draw);
        self.settle();
        if draw == 0 {
            self.drain();
        }
        while self.late_ms() <= most_ms
            && let Some(Reverse((now, event))) = self.events.pop()
        {
            self.now_ms = now;
            self.happen(schedule, event);
            let more = self.events.peek();
            if more.is_some_and(|Reverse((next, _))| *next == now) {
                continue;
            }
            self.settle();
        }
        match self.done < self.outlook.tasks.len() {
            true => f64::INFINITY,
            false => self.late_ms(),
        }
    }

    /// Of what has begun: when all has, that of the whole.
    fn late_ms(&self) -> f64 {
        let last = (self.last_ms - self.outlook.now_ms) as f64;
        last + SHARE_OF_MEAN * self.sum_ms / self.outlook.tasks.len().max(1) as f64
    }

    fn settle(&mut self) {
        for host in 0..self.hosts.len() {
            if std::mem::take(&mut self.hosts[host].is_new) {
                self.load(host);
                self.start(host);
            }
        }
    }

    fn begin(&mut self, schedule: &Schedule, draw: u64) {
        let outlook = self.outlook;
        self.draw = draw;
        self.now_ms = outlook.now_ms;
        self.last_ms = outlook.now_ms;
        self.sum_ms = 0.0;
        self.events.clear();
        self.starts.clear();
        self.loads.clear();
        self.drains.clear();
        self.hosts.resize_with(schedule.phases.len(), Host::default);
        self.all_busy = 0;
        for (host, places) in self.hosts.iter_mut().zip(&schedule.phases) {
            host.phases.truncate(places.len());
            host.phases.resize_with(places.len(), Phase::default);
            for (phase, place) in host.phases.iter_mut().zip(places) {
                phase.place = *place;
                phase.left = 0;
                phase.busy = 0;
                phase.slots = outlook.places[*place].slots;
                phase.ready.clear();
            }
            host.there.clear();
            host.next = 0;
            host.loads = false;
            host.busy = 0;
            host.held = 0;
            host.is_new = true;
        }
        self.draws(draw);
        self.stand();
        for (host, phase) in &schedule.runs_in {
            self.hosts[*host].phases[*phase].left += 1;
        }
        self.left.clear();
        self.left
            .extend(outlook.tasks.iter().map(|task| task.needs));
        self.ended_ms.fill(i64::MAX);
        self.done = 0;
        for task in &outlook.ready {
            self.is_ready(schedule, *task);
        }
    }

    /// Draws the lengths, once.
    fn draws(&mut self, draw: u64) {
        let outlook = self.outlook;
        let tasks = 0..outlook.tasks.len();
        for draw in self.shares.len() as u64..=draw {
            let share = |task| outlook.drawn_share(task, draw);
            self.shares.push(tasks.clone().map(share).collect());
        }
    }

    /// What is there now, on its way, or at work.
    fn stand(&mut self) {
        let outlook = self.outlook;
        for (number, fixed) in self.problem.fixed.iter().enumerate() {
            let host = &mut self.hosts[number];
            host.next = fixed.len();
            for (phase, (place, loaded_ms)) in fixed.iter().enumerate() {
                host.held = host.held.saturating_add(outlook.places[*place].bytes);
                match loaded_ms {
                    None => host.there.push(phase),
                    Some(ms) => {
                        host.loads = true;
                        let event = Event::Loaded {
                            host: number,
                            phase,
                        };
                        self.events.push(Reverse((*ms, event)));
                    }
                }
            }
        }
        for (number, at_work) in outlook.at_work.iter().enumerate() {
            let Some((host, phase)) = self.problem.fixed_of(at_work.place) else {
                continue;
            };
            let machine = &mut self.hosts[host];
            machine.busy += 1;
            machine.phases[phase].left += 1;
            machine.phases[phase].busy += 1;
            self.all_busy += 1;
            self.events
                .push(Reverse((at_work.end_ms, Event::FirstEnd(number))));
        }
    }

    fn happen(&mut self, schedule: &Schedule, event: Event) {
        let outlook = self.outlook;
        let ((host, number), next) = match event {
            Event::Loaded { host, phase } => {
                let host = &mut self.hosts[host];
                host.loads = false;
                host.there.push(phase);
                host.is_new = true;
                return;
            }
            Event::End(task) => {
                self.done += 1;
                (schedule.runs_in[task], &outlook.tasks[task].next)
            }
            Event::FirstEnd(number) => {
                let at_work = &outlook.at_work[number];
                let Some(phase) = self.problem.fixed_of(at_work.place) else {
                    return;
                };
                (phase, &at_work.next)
            }
        };
        let machine = &mut self.hosts[host];
        machine.busy -= 1;
        machine.phases[number].busy -= 1;
        machine.phases[number].left -= 1;
        machine.is_new = true;
        if self.all_busy >= outlook.fleet_slots {
            // A slot for whoever waited for one.
            self.hosts.iter_mut().for_each(|host| host.is_new = true);
        }
        self.all_busy -= 1;
        for task in next {
            self.left[*task] -= 1;
            if self.left[*task] == 0 {
                self.is_ready(schedule, *task);
            }
        }
    }

    fn is_ready(&mut self, schedule: &Schedule, task: usize) {
        let (host, phase) = schedule.runs_in[task];
        let order = self.problem.order[task];
        let host = &mut self.hosts[host];
        host.is_new = true;
        let ready = &mut host.phases[phase].ready;
        ready.push((Reverse(order), Reverse(task)));
    }

    /// Begins the next load of a host, when there is room.
    fn load(&mut self, number: usize) {
        let outlook = self.outlook;
        let host = &mut self.hosts[number];
        while !host.loads {
            let Some((next, place)) = host.next_phase() else {
                return;
            };
            let same = |phase: &usize| host.phases[*phase].place == place;
            if let Some(at) = host.there.iter().position(same) {
                // It is there still: it stays, as soon as its tasks of before have ended.
                if host.phases[host.there[at]].left > 0 {
                    return;
                }
                host.there[at] = next;
                host.next += 1;
                continue;
            }
            let about = &outlook.places[place];
            let Some(room) = outlook.memory[number].checked_sub(about.bytes) else {
                return;
            };
            let Some(left) = host.leave_room(room, outlook) else {
                return;
            };
            host.held += about.bytes;
            host.loads = true;
            host.next += 1;
            if self.now_ms == outlook.now_ms {
                self.loads.push((place, left));
            }
            let there_ms = self.now_ms.saturating_add(about.load_ms.max(1));
            let event = Event::Loaded {
                host: number,
                phase: next,
            };
            self.events.push(Reverse((there_ms, event)));
        }
    }

    /// Finds what is to take no more calls from now on.
    fn drain(&mut self) {
        for (number, host) in self.hosts.iter_mut().enumerate() {
            if host.loads {
                continue;
            }
            let Some((_, place)) = host.next_phase() else {
                continue;
            };
            let is_there = |phase: &usize| host.phases[*phase].place == place;
            let room = self.outlook.memory[number].checked_sub(self.outlook.places[place].bytes);
            if host.there.iter().any(is_there) {
                continue;
            }
            let left = room.and_then(|room| host.drained(room, self.outlook));
            self.drains.extend(left.map(|left| (place, left)));
        }
    }

    /// Begins what a host can begin.
    fn start(&mut self, number: usize) {
        let slots = self.outlook.host_slots[number];
        while self.hosts[number].busy < slots && self.all_busy < self.outlook.fleet_slots {
            let host = &mut self.hosts[number];
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
            self.all_busy += 1;
            let place = phase.place;
            if self.now_ms == self.outlook.now_ms {
                self.starts.push((task, place));
            }
            let about = &self.outlook.tasks[task];
            let length_ms = self.problem.length_ms(task, place).unwrap_or(i64::MAX / 8);
            let share = self.shares[self.draw as usize][task];
            let length_ms = ((length_ms as f64 * share) as i64).max(1);
            let end_ms = self.now_ms.saturating_add(length_ms);
            self.ended_ms[task] = end_ms;
            let late_ms = end_ms.saturating_add(about.behind_ms);
            self.last_ms = self.last_ms.max(late_ms);
            self.sum_ms += (late_ms - self.outlook.now_ms) as f64;
            self.events.push(Reverse((end_ms, Event::End(task))));
        }
    }
}

impl Host {
    /// The next phase that has tasks, and its place.
    fn next_phase(&mut self) -> Option<(usize, usize)> {
        while self.phases.get(self.next)?.left == 0 {
            self.next += 1;
        }
        Some((self.next, self.phases[self.next].place))
    }

    /// Lets models whose phases are over go until the others hold no more than `room`, those that are wanted again last first; `None`, and nothing goes,
    /// when that is not enough.
    fn leave_room(&mut self, room: u64, outlook: &Outlook) -> Option<Vec<usize>> {
        if self.held <= room {
            return Some(Vec::new());
        }
        let bytes = |place: usize| outlook.places[place].bytes;
        let is_over = |host: &Host, phase: usize| {
            let phase = &host.phases[phase];
            phase.left == 0 && !outlook.places[phase.place].pinned
        };
        let over = self.there.iter().filter(|phase| is_over(self, **phase));
        let may_go: u64 = over.map(|phase| bytes(self.phases[*phase].place)).sum();
        if self.held.saturating_sub(may_go) > room {
            return None;
        }
        let mut gone = Vec::new();
        while self.held > room {
            let over = (0..self.there.len()).filter(|at| is_over(self, self.there[*at]));
            let at = over.max_by_key(|at| self.wanted_again(self.there[*at]))?;
            let place = self.phases[self.there.remove(at)].place;
            self.held = self.held.saturating_sub(bytes(place));
            gone.push(place);
        }
        Some(gone)
    }

    /// Models of which only calls at work are left and that together leave so much, those that are wanted again last first; `None` when that is not enough.
    fn drained(&self, room: u64, outlook: &Outlook) -> Option<Vec<usize>> {
        let may_go = |phase: &&usize| {
            let phase = &self.phases[**phase];
            phase.left == phase.busy as usize && !outlook.places[phase.place].pinned
        };
        let mut may_go: Vec<usize> = self.there.iter().filter(may_go).copied().collect();
        may_go.sort_by_key(|phase| Reverse(self.wanted_again(*phase)));
        let (mut held, mut gone) = (self.held, Vec::new());
        for phase in may_go {
            if held <= room {
                break;
            }
            let place = self.phases[phase].place;
            held = held.saturating_sub(outlook.places[place].bytes);
            gone.push(place);
        }
        (held <= room).then_some(gone)
    }

    /// In how many phases from now.
    fn wanted_again(&self, phase: usize) -> usize {
        let place = self.phases[phase].place;
        let mut later = self.phases[self.next..].iter();
        let again = later.position(|other| other.place == place && other.left > 0);
        again.unwrap_or(usize::MAX)
    }
}
