//! A time in which nobody finishes a trace, who knows all true durations beforehand.
//!
//! It is the larger of the critical path and of what follows when the slots and the memory of a window of time are counted. For the latter let
//! `T` be a time in which a schedule ends, and `a` and `b` such that each task of a set cannot begin before `a` and has at least `b` behind
//! it. Then all of them run within `[a, T - b]`, and each of these holds for every schedule, because it holds at each moment:
//!
//! - slots of a host: its calls together take at most its slots, from when its first model can be loaded;
//! - slots of a place: the calls of one model there take at most its slots, from when that model can be loaded;
//! - memory: a model is loaded for at least its calls' time by its slots, and for its load when the window begins with the trace. Its bytes by the
//!   host's are at most 1 together, and so are they after a function that keeps sums below 1 (Fekete and Schepers, 2001): with it, two models of
//!   more than half a host exclude each other.
//!
//! Weighted with any numbers that are not negative and added up, the left side is at least the sum over the tasks of the cheapest of
//! their ways, because each task has exactly one. When that is more than the weighted right side, nobody ends by `T`. The weights are
//! looked for by multiplicative updates; however bad they are, the bound holds. A load that is counted in a task's ways is spread evenly over all that might
//! need it: when none of them does, none is counted, and when one does, at most all of it.

use super::trace::{Task, Trace, Way};

/// Weights are improved so many times.
const ROUNDS: usize = 800;
/// Beginnings and endings of windows, each.
const WINDOWS: usize = 8;
/// Times that are tried, as factors of the bound so far.
const STEPS: [f64; 4] = [1.25, 1.08, 1.02, 1.005];
/// Functions that keep sums: the share itself, and three that round it down to halves, thirds and quarters of a larger whole.
const ROUNDINGS: usize = 4;
/// Lines of a host: its slots, and its memory in each rounding.
const LINES: usize = 1 + ROUNDINGS;

/// Milliseconds from the beginning; every schedule of the trace takes at least as long.
pub fn lower_bound_ms(trace: &Trace) -> i64 {
    let facts = Facts::of(trace);
    let mut bound = facts.critical_ms();
    let windows = facts.windows();
    for step in STEPS {
        loop {
            let tried = (bound as f64 * step).ceil();
            let refuted = windows.iter().any(|(a, b)| facts.refutes(*a, *b, tried));
            if !refuted {
                break;
            }
            bound = tried as i64;
        }
    }
    bound
}

struct Facts<'t> {
    trace: &'t Trace,
    /// Before then a task cannot begin.
    ready: Vec<i64>,
    /// Before then it cannot have ended.
    ended: Vec<i64>,
    /// What comes behind it at least.
    tail: Vec<i64>,
    /// When the first model can be there, by host.
    first_load: Vec<i64>,
}

impl Facts<'_> {
    fn of(trace: &Trace) -> Facts<'_> {
        let count = trace.tasks.len();
        let mut facts = Facts {
            trace,
            ready: vec![0; count],
            ended: vec![0; count],
            tail: vec![0; count],
            first_load: Vec::new(),
        };
        for (at, task) in trace.tasks.iter().enumerate() {
            let needs = task.needs.iter().map(|need| facts.ended[*need]);
            facts.ready[at] = needs.fold(task.arrival_ms, i64::max);
            facts.ended[at] = facts
                .ways(at)
                .map(|way| facts.earliest_end(at, way))
                .min()
                .unwrap_or(0);
        }
        for at in (0..count).rev() {
            let shortest = facts
                .ways(at)
                .map(|way| facts.length(at, way))
                .min()
                .unwrap_or(0);
            for need in &trace.tasks[at].needs {
                facts.tail[*need] = facts.tail[*need].max(shortest + facts.tail[at]);
            }
        }
        facts.first_load = trace
            .fleet
            .host_ids()
            .map(|host| {
                let has = |model: &usize| trace.fleet.places[host.0][*model].is_some();
                let models = (0..trace.fleet.models.len()).filter(has);
                models
                    .map(|model| trace.load_ms[host.0][model])
                    .min()
                    .unwrap_or(0)
            })
            .collect();
        facts
    }

    fn task(&self, at: usize) -> &Task {
        &self.trace.tasks[at]
    }

    fn ways(&self, at: usize) -> impl Iterator<Item = &Way> {
        self.trace.ways(self.task(at))
    }

    /// Milliseconds of a way, with everything saved that may be.
    fn length(&self, at: usize, way: &Way) -> i64 {
        self.trace.true_ms(way, self.trace.may_save(at))
    }

    fn earliest_end(&self, at: usize, way: &Way) -> i64 {
        self.ready[at].max(self.trace.load_ms(way)) + self.length(at, way)
    }

    fn critical_ms(&self) -> i64 {
        let ends = self
            .ended
            .iter()
            .zip(&self.tail)
            .map(|(ended, tail)| ended + tail);
        ends.max().unwrap_or(0)
    }

    fn windows(&self) -> Vec<(i64, i64)> {
        let quantiles = |values: &[i64]| {
            let mut sorted = values.to_vec();
            sorted.sort_unstable();
            let mut some: Vec<i64> = (0..WINDOWS)
                .filter_map(|at| sorted.get(at * sorted.len() / WINDOWS).copied())
                .collect();
            some.push(0);
            some.sort_unstable();
            some.dedup();
            some
        };
        let (begins, ends) = (quantiles(&self.ready), quantiles(&self.tail));
        begins
            .iter()
            .flat_map(|a| ends.iter().map(|b| (*a, *b)))
            .collect()
    }

    /// Whether no schedule ends by `until`, by what is counted in the window from `a` to `until - b`.
    fn refutes(&self, a: i64, b: i64, until: f64) -> bool {
        let inside: Vec<usize> = (0..self.trace.tasks.len())
            .filter(|at| self.ready[*at] >= a && self.tail[*at] >= b)
            .collect();
        let in_time =
            |at: usize, way: &Way| (self.earliest_end(at, way) + self.tail[at]) as f64 <= until;
        let shares = self.load_shares(&inside, a);
        let mut tasks: Vec<Vec<Uses>> = Vec::with_capacity(inside.len());
        for at in inside {
            let ways = self.ways(at).filter(|way| in_time(at, way));
            let uses: Vec<Uses> = ways.map(|way| self.uses(at, way, &shares)).collect();
            if uses.is_empty() {
                return true;
            }
            tasks.push(uses);
        }
        outweighed(&tasks, &self.room(a, b, until), until)
    }

    /// What each line has room for.
    fn room(&self, a: i64, b: i64, until: f64) -> Vec<f64> {
        let fleet = &self.trace.fleet;
        let from = |ms: i64| (until - b as f64 - a.max(ms) as f64).max(0.0);
        let mut room = Vec::new();
        for host in fleet.host_ids() {
            room.push(from(self.first_load[host.0]));
            room.extend([from(0); ROUNDINGS]);
        }
        for row in &self.trace.load_ms {
            room.extend(row.iter().map(|load| from(*load)));
        }
        room
    }

    /// Milliseconds of load that each task inside carries on each place; nothing when it may have been loaded before.
    fn load_shares(&self, inside: &[usize], a: i64) -> Vec<Vec<f64>> {
        let fleet = &self.trace.fleet;
        let mut users = vec![vec![0_u32; fleet.models.len()]; fleet.hosts.len()];
        for at in inside {
            for way in self.ways(*at) {
                users[way.host.0][way.model.0] += 1;
            }
        }
        let share = |users: u32, load: i64| match (a, users) {
            (0, 1..) => load as f64 / f64::from(users),
            (_, _) => 0.0,
        };
        let row = |(users, loads): (&Vec<u32>, &Vec<i64>)| {
            users
                .iter()
                .zip(loads)
                .map(|(users, load)| share(*users, *load))
                .collect()
        };
        users.iter().zip(&self.trace.load_ms).map(row).collect()
    }

    fn uses(&self, at: usize, way: &Way, shares: &[Vec<f64>]) -> Uses {
        let fleet = &self.trace.fleet;
        let (host, model) = (way.host.0, way.model.0);
        let machine = &fleet.hosts[host];
        let place = fleet.place(way.host, way.model).expect("a way has a place");
        let length = self.length(at, way) as f64;
        let alone = length / f64::from(place.slots.min(machine.slots));
        let mut uses = vec![(host * LINES, length / f64::from(machine.slots))];
        for rounding in 0..ROUNDINGS {
            let part = rounded(fleet.models[model].bytes, machine.memory, rounding as u64);
            if part > 0.0 {
                uses.push((
                    host * LINES + 1 + rounding,
                    part * (alone + shares[host][model]),
                ));
            }
        }
        uses.push((
            fleet.hosts.len() * LINES + host * fleet.models.len() + model,
            alone,
        ));
        uses
    }
}

/// A line's number and what a way takes of it.
type Uses = Vec<(usize, f64)>;

/// A share of memory after a function that keeps sums at or below 1; number 0 changes nothing.
fn rounded(bytes: u64, memory: u64, number: u64) -> f64 {
    let whole = u128::from(memory.max(1));
    let times = u128::from(bytes) * u128::from(number + 1);
    if number == 0 || times.is_multiple_of(whole) {
        return bytes as f64 / memory.max(1) as f64;
    }
    (times / whole) as f64 / number as f64
}

/// Looks for weights under which even the cheapest ways take more than there is room for.
fn outweighed(tasks: &[Vec<Uses>], room: &[f64], until: f64) -> bool {
    let mut weights: Vec<f64> = vec![1.0; room.len()];
    for round in 0..ROUNDS {
        let mut taken = vec![0.0; room.len()];
        let mut least = 0.0;
        for ways in tasks {
            let cost = |uses: &Uses| {
                uses.iter()
                    .map(|(line, use_ms)| weights[*line] * use_ms)
                    .sum::<f64>()
            };
            let costs = ways.iter().map(|uses| (cost(uses), uses));
            let Some((cheapest, uses)) = costs.min_by(|a, b| a.0.total_cmp(&b.0)) else {
                continue;
            };
            least += cheapest;
            for (line, use_ms) in uses {
                taken[*line] += use_ms;
            }
        }
        let most: f64 = weights
            .iter()
            .zip(room)
            .map(|(weight, room)| weight * room)
            .sum();
        // Beyond what adding up may have rounded.
        if least > most * (1.0 + 1e-9) + 1e-6 {
            return true;
        }
        let pace = 4.0 / (1.0 + round as f64 / 16.0);
        for ((weight, taken), room) in weights.iter_mut().zip(taken).zip(room) {
            *weight *= (pace * (taken - room) / until).clamp(-3.0, 3.0).exp();
        }
        let sum: f64 = weights.iter().sum();
        if !(sum.is_finite() && sum > 0.0) {
            return false;
        }
        for weight in &mut weights {
            *weight = (*weight / sum).max(1e-12);
        }
    }
    false
}
