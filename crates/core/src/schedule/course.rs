//! One future: all known work simulated to its end by plain rules, with lengths drawn around their estimates. Ways to go on are compared by it.
//!
//! What hangs on a single estimate would decide by its noise, so the same few draws are used for every way to go on, and their mean counts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::fleet::{HostId, ModelId};
use super::outlook::Outlook;
use super::plan::View;
use super::state::Residence;

/// Beside the last end the mean of all counts by this share: what is known is never all, and slots that are free sooner serve what comes.
pub(super) const SHARE_OF_MEAN: f64 = 0.1;
/// A draw is within this share of its estimate, below or above. Measured: with 0.2 the ends are 1 % later.
pub(super) const SPREAD: f64 = 0.7;
/// Another copy of a model comes when what waits for each slot takes so many times its load.
const LOADS_OF_A_COPY: i64 = 2;
/// Work that runs nowhere counts so much more than what a copy would bring forward.
const ORPHAN_WEIGHT: i64 = 4;

/// How late it ends, in milliseconds from now; infinite when work is left that waits for something to happen. `beta`: a model with work goes when the
/// work that waits for another is so many times the loads.
pub(super) fn late_ms(outlook: &Outlook, view: &View<'_>, beta: f64, draw: u64, hold: bool) -> f64 {
    let mut course = Course::of(outlook, view, beta, draw);
    course.go(hold);
    course.late()
}

/// What happens in a future.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Load { place: usize },
    Start { task: usize, place: usize },
}

/// What happens in the future that is expected, in its order.
pub(super) fn expected(outlook: &Outlook, view: &View<'_>, beta: f64) -> Vec<Step> {
    let mut course = Course::of(outlook, view, beta, 0);
    course.go(true);
    course.steps
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    End {
        task: usize,
        place: usize,
    },
    /// Of what is at work now.
    FirstEnd {
        number: usize,
    },
    Loaded {
        place: usize,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Stands {
    Absent,
    Loading,
    There { turn_ends_ms: i64 },
    Drains,
}

/// What would have to go for a load.
struct Leaving {
    /// Bits of the host's places.
    set: u64,
    /// Milliseconds of work that waits for them, and of their loads later.
    loses_ms: i64,
    again_ms: i64,
    has_turn: bool,
}

struct Course<'o> {
    outlook: &'o Outlook,
    beta: f64,
    draw: u64,
    now_ms: i64,
    events: BinaryHeap<Reverse<(i64, Event)>>,
    /// By place.
    stands: Vec<Stands>,
    /// When what is being loaded will be there.
    there_ms: Vec<i64>,
    busy: Vec<u32>,
    /// By host: calls, their ends, bytes, whether one loads, and what it is being drained for.
    host_busy: Vec<u32>,
    ends: Vec<Vec<(i64, usize)>>,
    held: Vec<u64>,
    loads: Vec<bool>,
    drains_for: Vec<Option<usize>>,
    all_busy: u32,
    /// By class: jobs that wait, the first rank first, and their milliseconds.
    queues: Vec<BinaryHeap<(i64, Reverse<usize>)>>,
    work_ms: Vec<i64>,
    needs: Vec<u32>,
    last_ms: i64,
    sum_ms: f64,
    begun: usize,
    steps: Vec<Step>,
}

impl<'o> Course<'o> {
    fn of(outlook: &'o Outlook, view: &View<'_>, beta: f64, draw: u64) -> Course<'o> {
        let (hosts, places, classes) = (
            outlook.on_host.len(),
            outlook.places.len(),
            outlook.classes.len(),
        );
        let mut course = Course {
            outlook,
            beta,
            draw,
            now_ms: outlook.now_ms,
            events: BinaryHeap::new(),
            stands: vec![Stands::Absent; places],
            there_ms: vec![0; places],
            busy: vec![0; places],
            host_busy: vec![0; hosts],
            ends: vec![Vec::new(); hosts],
            held: vec![0; hosts],
            loads: vec![false; hosts],
            drains_for: vec![None; hosts],
            all_busy: 0,
            queues: vec![BinaryHeap::new(); classes],
            work_ms: vec![0; classes],
            needs: outlook.tasks.iter().map(|task| task.needs).collect(),
            last_ms: outlook.now_ms,
            sum_ms: 0.0,
            begun: 0,
            steps: Vec::new(),
        };
        for place in 0..places {
            course.stand(view, place);
        }
        for (number, at_work) in outlook.at_work.iter().enumerate() {
            course.take(at_work.place, at_work.end_ms);
            let event = Event::FirstEnd { number };
            course.events.push(Reverse((at_work.end_ms, event)));
        }
        for task in &outlook.ready {
            course.push(*task);
        }
        for (task, place, length_ms) in &outlook.begun {
            course.begin(*task, *place, *length_ms);
        }
        course
    }

    fn go(&mut self, hold: bool) {
        self.starts();
        if !hold {
            self.loads();
        }
        while let Some(Reverse((now, event))) = self.events.pop() {
            self.now_ms = now;
            self.happen(event);
            if self
                .events
                .peek()
                .is_some_and(|Reverse((next, _))| *next == now)
            {
                continue;
            }
            self.starts();
            self.loads();
        }
    }

    fn stand(&mut self, view: &View<'_>, place: usize) {
        let about = &self.outlook.places[place];
        let (host, model) = (HostId(about.host), ModelId(about.model));
        let stands = match view.places[about.host][about.model] {
            Residence::Absent => return,
            Residence::Loading { until_ms } => {
                self.loads[about.host] = true;
                let there = until_ms.max(self.now_ms + 1);
                self.there_ms[place] = there;
                self.events.push(Reverse((there, Event::Loaded { place })));
                Stands::Loading
            }
            Residence::Resident { .. } => Stands::There {
                turn_ends_ms: view.state.turn_ends_ms(host, model).unwrap_or(i64::MIN),
            },
            Residence::Draining { to, .. } => {
                let on_host = self.outlook.on_host[about.host].iter().copied();
                let is_it = |other: &usize| self.outlook.places[*other].model == to.0;
                self.drains_for[about.host] = on_host.into_iter().find(is_it);
                Stands::Drains
            }
        };
        self.stands[place] = stands;
        self.held[about.host] = self.held[about.host].saturating_add(about.bytes);
    }

    fn late(&self) -> f64 {
        if self.queues.iter().any(|queue| !queue.is_empty()) {
            return f64::INFINITY;
        }
        let last = (self.last_ms - self.outlook.now_ms) as f64;
        last + SHARE_OF_MEAN * self.sum_ms / self.begun.max(1) as f64
    }

    fn take(&mut self, place: usize, end_ms: i64) {
        let host = self.outlook.places[place].host;
        self.busy[place] += 1;
        self.host_busy[host] += 1;
        self.all_busy += 1;
        self.ends[host].push((end_ms, place));
    }

    fn push(&mut self, task: usize) {
        let about = &self.outlook.tasks[task];
        self.queues[about.class].push((about.rank_ms, Reverse(task)));
        self.work_ms[about.class] += about.shortest_ms;
    }

    fn happen(&mut self, event: Event) {
        let outlook = self.outlook;
        let (place, next) = match event {
            Event::Loaded { place } => {
                let about = &outlook.places[place];
                self.loads[about.host] = false;
                self.stands[place] = Stands::There {
                    turn_ends_ms: self.now_ms.saturating_add(about.load_ms),
                };
                return;
            }
            Event::End { task, place } => (place, &outlook.tasks[task].next),
            Event::FirstEnd { number } => {
                let at_work = &outlook.at_work[number];
                (at_work.place, &at_work.next)
            }
        };
        let host = outlook.places[place].host;
        self.busy[place] -= 1;
        self.host_busy[host] -= 1;
        self.all_busy -= 1;
        let ended = |(end, other): &(i64, usize)| *end <= self.now_ms && *other == place;
        if let Some(at) = self.ends[host].iter().position(ended) {
            self.ends[host].swap_remove(at);
        }
        for task in next {
            self.needs[*task] -= 1;
            if self.needs[*task] == 0 {
                self.push(*task);
            }
        }
    }

    /// Starts the job of the highest rank that can begin where it is right to, until there is none.
    fn starts(&mut self) {
        while self.all_busy < self.outlook.fleet_slots {
            let Some((task, place, length_ms)) = self.next_start() else {
                return;
            };
            let about = &self.outlook.tasks[task];
            self.queues[about.class].pop();
            self.work_ms[about.class] -= about.shortest_ms;
            self.begin(task, place, length_ms);
        }
    }

    fn begin(&mut self, task: usize, place: usize, length_ms: i64) {
        let about = &self.outlook.tasks[task];
        if self.draw == 0 {
            self.steps.push(Step::Start { task, place });
        }
        let length_ms = self.outlook.drawn_ms(task, length_ms, self.draw);
        let end_ms = self.now_ms.saturating_add(length_ms);
        self.take(place, end_ms);
        self.events
            .push(Reverse((end_ms, Event::End { task, place })));
        let late_ms = end_ms.saturating_add(about.behind_ms);
        self.last_ms = self.last_ms.max(late_ms);
        self.sum_ms += (late_ms - self.outlook.now_ms) as f64;
        self.begun += 1;
    }

    fn next_start(&self) -> Option<(usize, usize, i64)> {
        let outlook = self.outlook;
        let mut best: Option<(i64, i64, usize, usize)> = None;
        for (host, places) in outlook.on_host.iter().enumerate() {
            if self.host_busy[host] >= outlook.host_slots[host] {
                continue;
            }
            for place in places {
                let there = matches!(self.stands[*place], Stands::There { .. });
                if !there || self.busy[*place] >= outlook.places[*place].slots {
                    continue;
                }
                for (class, way) in &outlook.users[*place] {
                    let Some((rank, Reverse(task))) = self.queues[*class].peek().copied() else {
                        continue;
                    };
                    let length = outlook.tasks[task].lengths_ms[*way];
                    let first = best.is_none_or(|(r, l, ..)| (rank, -length) > (r, l));
                    if first && !self.ends_elsewhere(task, *place, length) {
                        best = Some((rank, -length, task, *place));
                    }
                }
            }
        }
        best.map(|(_, length, task, place)| (task, place, -length))
    }

    /// Whether a faster place would be done with all that waits like this job before the job would end here.
    fn ends_elsewhere(&self, task: usize, here: usize, length_ms: i64) -> bool {
        let outlook = self.outlook;
        let about = &outlook.tasks[task];
        if about.shortest_ms >= length_ms {
            return false;
        }
        let queued_ms = (self.work_ms[about.class] - about.shortest_ms).max(0);
        let ways = outlook.classes[about.class].iter().zip(&about.lengths_ms);
        ways.into_iter().any(|(place, its_ms)| {
            if *place == here || *its_ms >= length_ms {
                return false;
            }
            let Some(free_ms) = self.free_ms(*place) else {
                return false;
            };
            let slots = i64::from(outlook.places[*place].slots.max(1));
            let slower = *its_ms as f64 / about.shortest_ms.max(1) as f64;
            let before_ms = (queued_ms as f64 * slower) as i64 / slots;
            free_ms + before_ms + its_ms < self.now_ms + length_ms
        })
    }

    /// When a place can begin a call; `None` where its model is not and is not on its way.
    fn free_ms(&self, place: usize) -> Option<i64> {
        let about = &self.outlook.places[place];
        match self.stands[place] {
            Stands::There { .. } => {}
            Stands::Loading => return Some(self.there_ms[place]),
            Stands::Absent if self.drains_for[about.host] == Some(place) => {
                let ends = self.ends[about.host].iter();
                let leaving = ends.filter(|(_, other)| self.stands[*other] == Stands::Drains);
                let left_ms = leaving.map(|(end, _)| *end).fold(self.now_ms, i64::max);
                return Some(left_ms.saturating_add(about.load_ms));
            }
            Stands::Absent | Stands::Drains => return None,
        }
        let is_full = self.busy[place] >= about.slots;
        if !is_full && self.host_busy[about.host] < self.outlook.host_slots[about.host] {
            return Some(self.now_ms);
        }
        let ends = self.ends[about.host].iter();
        let ends = ends.filter(|(_, other)| !is_full || *other == place);
        Some(ends.map(|(end, _)| *end).min().unwrap_or(self.now_ms))
    }

    fn loads(&mut self) {
        for host in 0..self.outlook.on_host.len() {
            self.load_on(host);
        }
    }

    fn load_on(&mut self, host: usize) {
        let outlook = self.outlook;
        if self.loads[host] {
            return;
        }
        if self.drains_for[host].is_none() {
            let Some((place, set)) = self.best_load(host) else {
                return;
            };
            for (at, other) in outlook.on_host[host].iter().enumerate() {
                if set & 1 << at != 0 {
                    self.stands[*other] = Stands::Drains;
                }
            }
            self.drains_for[host] = Some(place);
        }
        let drains = |place: &&usize| self.stands[**place] == Stands::Drains;
        let leaving: Vec<usize> = outlook.on_host[host]
            .iter()
            .filter(drains)
            .copied()
            .collect();
        if leaving.iter().any(|place| self.busy[*place] > 0) {
            return;
        }
        for place in leaving {
            self.stands[place] = Stands::Absent;
            self.held[host] = self.held[host].saturating_sub(outlook.places[place].bytes);
        }
        if let Some(place) = self.drains_for[host].take() {
            let about = &outlook.places[place];
            self.stands[place] = Stands::Loading;
            self.held[host] = self.held[host].saturating_add(about.bytes);
            self.loads[host] = true;
            let there = self.now_ms.saturating_add(about.load_ms);
            if self.draw == 0 {
                self.steps.push(Step::Load { place });
            }
            self.there_ms[place] = there;
            self.events.push(Reverse((there, Event::Loaded { place })));
        }
    }

    /// The load that is wanted most of those that are worth what goes for them.
    fn best_load(&self, host: usize) -> Option<(usize, u64)> {
        let mut best: Option<(i64, usize, u64)> = None;
        for place in &self.outlook.on_host[host] {
            if self.stands[*place] != Stands::Absent {
                continue;
            }
            let Some((value, orphan_ms)) = self.wanted(*place) else {
                continue;
            };
            if best.is_some_and(|(other, ..)| other >= value) {
                continue;
            }
            let Some(leaving) = self.leaving(*place) else {
                continue;
            };
            let price_ms = self.outlook.places[*place].load_ms + leaving.again_ms;
            let pays = !leaving.has_turn && orphan_ms as f64 >= self.beta * price_ms as f64;
            if leaving.loses_ms == 0 || pays {
                best = Some((value, *place, leaving.set));
            }
        }
        best.map(|(_, place, set)| (place, set))
    }

    /// How much a model is wanted on a host, and the milliseconds of work that waits for it and runs nowhere; `None` when it is not.
    fn wanted(&self, place: usize) -> Option<(i64, i64)> {
        let outlook = self.outlook;
        let host = outlook.places[place].host;
        let idle = self.host_busy[host] < outlook.host_slots[host];
        let worth_ms = LOADS_OF_A_COPY.saturating_mul(outlook.places[place].load_ms);
        let (mut orphan_ms, mut sooner_ms) = (0_i64, 0_i64);
        for (class, _) in &outlook.users[place] {
            let work_ms = self.work_ms[*class];
            if work_ms == 0 {
                continue;
            }
            let (mut slots, mut comes) = (0, false);
            for other in &outlook.classes[*class] {
                match self.stands[*other] {
                    Stands::There { .. } | Stands::Loading => slots += outlook.places[*other].slots,
                    Stands::Absent => {
                        let host = outlook.places[*other].host;
                        comes |= self.drains_for[host] == Some(*other);
                    }
                    Stands::Drains => {}
                }
            }
            if slots == 0 && !comes {
                orphan_ms = orphan_ms.saturating_add(work_ms);
            } else if idle {
                let queued_ms = work_ms / i64::from(slots.max(1));
                sooner_ms = sooner_ms.saturating_add((queued_ms - worth_ms).max(0));
            }
        }
        let value = orphan_ms.saturating_mul(ORPHAN_WEIGHT);
        (orphan_ms > 0 || sooner_ms > 0).then(|| (value.saturating_add(sooner_ms), orphan_ms))
    }

    /// The least wanted models, as many as must go; `None` when even all are not enough.
    fn leaving(&self, place: usize) -> Option<Leaving> {
        let outlook = self.outlook;
        let about = &outlook.places[place];
        let mut leaving = Leaving {
            set: 0,
            loses_ms: 0,
            again_ms: 0,
            has_turn: false,
        };
        let needed = self.held[about.host].checked_add(about.bytes)?;
        let mut over = needed.saturating_sub(outlook.memory[about.host]);
        if over == 0 {
            return Some(leaving);
        }
        let here = &outlook.on_host[about.host];
        // A set is held in 64 bits; a host with more models has its later ones left alone here.
        let mut may_go: Vec<(i64, u32, usize)> = Vec::with_capacity(here.len());
        for (at, other) in here.iter().enumerate().take(64) {
            let there = matches!(self.stands[*other], Stands::There { .. });
            if there && !outlook.places[*other].pinned {
                let users = outlook.users[*other].iter();
                let waits_ms = users.map(|(class, _)| self.work_ms[*class]).sum();
                may_go.push((waits_ms, self.busy[*other], at));
            }
        }
        may_go.sort_unstable();
        for (waits_ms, _, at) in may_go {
            if over == 0 {
                break;
            }
            let other = here[at];
            over = over.saturating_sub(outlook.places[other].bytes);
            leaving.set |= 1 << at;
            leaving.loses_ms += waits_ms;
            if waits_ms > 0 {
                leaving.again_ms += outlook.places[other].load_ms;
            }
            leaving.has_turn |= matches!(
                self.stands[other],
                Stands::There { turn_ends_ms } if turn_ends_ms > self.now_ms
            );
        }
        (over == 0).then_some(leaving)
    }
}

/// From 0 to 1, the same for the same job and draw: a way to go on is not better because it was luckier.
pub(super) fn unit(job: u64, draw: u64) -> f64 {
    let mut mixed = job.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ draw.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^= mixed >> 31;
    mixed = mixed.wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 29;
    (mixed >> 40) as f64 / (1_u64 << 24) as f64
}
