//! The best schedule of a handful of tasks, by trying all of them: every schedule can be shifted to the left until each start and each load
//! begins at an arrival, at an end, or when a model is there, so only those moments are looked at.

use std::collections::HashMap;

use super::trace::{Trace, Way};

/// Tasks that are tried at most.
pub(super) const TASKS_MAX: usize = 8;
/// Moments that are looked at before it is given up.
const NODES_MAX: usize = 4_000_000;

/// Milliseconds of the best schedule, knowing all that is true; `None` for more than eight tasks, or when there are too many schedules. `known_ms` is what
/// some schedule takes. Runs must not share prompts.
pub fn optimum_ms(trace: &Trace, known_ms: i64) -> Option<i64> {
    let shares = |task: usize| trace.may_save(task) && trace.reuse_percent > 0;
    if trace.tasks.len() > TASKS_MAX || (0..trace.tasks.len()).any(shares) {
        return None;
    }
    let mut search = Search {
        trace,
        tails: tails(trace),
        best: known_ms,
        seen: HashMap::new(),
        nodes: 0,
    };
    let hosts = trace.fleet.hosts.len();
    let start = Moment {
        now: 0,
        done: 0,
        begun: 0,
        running: Vec::new(),
        loading: vec![None; hosts],
        resident: vec![0; hosts],
    };
    search.moment(&start).then_some(search.best)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Moment {
    now: i64,
    /// Bits of tasks.
    done: u32,
    begun: u32,
    /// End, task, host and model, sorted.
    running: Vec<(i64, usize, usize, usize)>,
    /// By host: the end of a load and its model.
    loading: Vec<Option<(i64, usize)>>,
    /// By host: bits of models.
    resident: Vec<u32>,
}

struct Search<'t> {
    trace: &'t Trace,
    tails: Vec<i64>,
    best: i64,
    /// The earliest time at which the same was reached.
    seen: HashMap<Moment, i64>,
    nodes: usize,
}

fn tails(trace: &Trace) -> Vec<i64> {
    let mut tails = vec![0; trace.tasks.len()];
    for (at, task) in trace.tasks.iter().enumerate().rev() {
        let shortest = trace.ways(task).map(|way| way.true_ms).min().unwrap_or(0);
        for need in &task.needs {
            tails[*need] = tails[*need].max(shortest + tails[at]);
        }
    }
    tails
}

impl Search<'_> {
    /// All that can be decided at a moment; `false` when it was given up.
    fn moment(&mut self, moment: &Moment) -> bool {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return false;
        }
        if moment.done.count_ones() as usize == self.trace.tasks.len() {
            self.best = self.best.min(moment.now);
            return true;
        }
        if self.least(moment) >= self.best || self.known(moment) {
            return true;
        }
        self.loads(moment, 0)
    }

    /// Whether the same was reached before and no later. Times count from now, as long as nothing is yet to arrive.
    fn known(&mut self, moment: &Moment) -> bool {
        let to_come = self
            .trace
            .tasks
            .iter()
            .any(|task| task.arrival_ms > moment.now);
        let mut key = moment.clone();
        if !to_come {
            key.now = 0;
            for running in &mut key.running {
                running.0 -= moment.now;
            }
            for (end, _) in key.loading.iter_mut().flatten() {
                *end -= moment.now;
            }
        }
        let earliest = self.seen.entry(key).or_insert(i64::MAX);
        let known = *earliest <= moment.now;
        *earliest = moment.now.min(*earliest);
        known
    }

    /// No schedule that goes on from here ends before.
    fn least(&self, moment: &Moment) -> i64 {
        let mut least = moment.now;
        for (end, task, _, _) in &moment.running {
            least = least.max(end + self.tails[*task]);
        }
        for (at, task) in self.trace.tasks.iter().enumerate() {
            if moment.begun & 1 << at != 0 {
                continue;
            }
            let from = moment.now.max(task.arrival_ms);
            let end = |way: &Way| {
                let there = match moment.loading[way.host.0] {
                    _ if moment.resident[way.host.0] & 1 << way.model.0 != 0 => moment.now,
                    Some((end, model)) if model == way.model.0 => end,
                    Some(_) | None => moment.now + self.trace.load_ms(way).max(1),
                };
                from.max(there) + way.true_ms
            };
            let end = self.trace.ways(task).map(end).min().unwrap_or(i64::MAX / 2);
            least = least.max(end + self.tails[at]);
        }
        least
    }

    /// Every load that each host from this one on could begin, and none; then every start.
    fn loads(&mut self, moment: &Moment, host: usize) -> bool {
        if host == self.trace.fleet.hosts.len() {
            return self.starts(moment, 0);
        }
        if moment.loading[host].is_none() {
            for model in 0..self.trace.fleet.models.len() {
                let here = moment.resident[host] & 1 << model != 0;
                if here || self.trace.fleet.places[host][model].is_none() {
                    continue;
                }
                for leaving in self.leaving(moment, host, model) {
                    let mut next = moment.clone();
                    next.resident[host] &= !leaving;
                    next.loading[host] =
                        Some((moment.now + self.trace.load_ms[host][model].max(1), model));
                    if !self.loads(&next, host + 1) {
                        return false;
                    }
                }
            }
        }
        self.loads(moment, host + 1)
    }

    /// Every set of idle models whose going is just enough.
    fn leaving(&self, moment: &Moment, host: usize, model: usize) -> Vec<u32> {
        let fleet = &self.trace.fleet;
        let busy = moment
            .running
            .iter()
            .filter(|running| running.2 == host)
            .fold(0, |bits, running| bits | 1 << running.3);
        let idle = moment.resident[host] & !busy;
        let fits = |leaving: u32| {
            let kept = moment.resident[host] & !leaving | 1 << model;
            let bytes = |model: usize| {
                if kept & 1 << model == 0 {
                    0
                } else {
                    fleet.models[model].bytes
                }
            };
            (0..fleet.models.len()).map(bytes).sum::<u64>() <= fleet.hosts[host].memory
        };
        let sets = (0..1_u32 << fleet.models.len()).filter(|set| set & !idle == 0 && fits(*set));
        let sets: Vec<u32> = sets.collect();
        let minimal = |set: &u32| {
            !sets
                .iter()
                .any(|other| other != set && other & set == *other)
        };
        sets.iter().copied().filter(minimal).collect()
    }

    /// Every start of a task from this one on, and none; then time goes on.
    fn starts(&mut self, moment: &Moment, from: usize) -> bool {
        for at in from..self.trace.tasks.len() {
            let task = &self.trace.tasks[at];
            let ready = task.arrival_ms <= moment.now
                && task.needs.iter().all(|need| moment.done & 1 << need != 0);
            if !ready || moment.begun & 1 << at != 0 {
                continue;
            }
            let ways: Vec<Way> = self.trace.ways(task).copied().collect();
            for way in ways {
                if !self.free(moment, &way) {
                    continue;
                }
                let mut next = moment.clone();
                next.begun |= 1 << at;
                next.running
                    .push((moment.now + way.true_ms, at, way.host.0, way.model.0));
                next.running.sort_unstable();
                if !self.starts(&next, at + 1) {
                    return false;
                }
            }
        }
        self.go_on(moment)
    }

    fn free(&self, moment: &Moment, way: &Way) -> bool {
        let (host, model) = (way.host.0, way.model.0);
        let Some(place) = self.trace.fleet.place(way.host, way.model) else {
            return false;
        };
        let here = moment.running.iter().filter(|running| running.2 == host);
        let same = here.clone().filter(|running| running.3 == model).count();
        moment.resident[host] & 1 << model != 0
            && here.count() < self.trace.fleet.hosts[host].slots as usize
            && same < place.slots as usize
    }

    fn go_on(&mut self, moment: &Moment) -> bool {
        let ends = moment.running.iter().map(|running| running.0);
        let loads = moment.loading.iter().flatten().map(|load| load.0);
        let arrivals = self.trace.tasks.iter().map(|task| task.arrival_ms);
        let later = ends
            .chain(loads)
            .chain(arrivals)
            .filter(|ms| *ms > moment.now);
        let Some(now) = later.min() else {
            return true;
        };
        let mut next = moment.clone();
        next.now = now;
        for (_, task, _, _) in moment.running.iter().filter(|running| running.0 <= now) {
            next.done |= 1 << task;
        }
        next.running.retain(|running| running.0 > now);
        for (host, load) in next.loading.iter_mut().enumerate() {
            if let Some((end, model)) = *load
                && end <= now
            {
                *load = None;
                next.resident[host] |= 1 << model;
            }
        }
        self.moment(&next)
    }
}
