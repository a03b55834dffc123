//! Prices of a host's time, and the search for those that refute a time.
//!
//! Prices rise where more is asked for than there is and fall where less is, in proportion to themselves; asked and given are running means,
//! because the cheapest ways jump from one place to another.

use super::configs::{Calls, Config, Place};
use super::courses;
use super::facts::{Facts, Task, Way};
use super::trees;

/// Prices are constant on so many equal parts of the time that is tried.
pub(super) const PARTS: usize = 32;
/// How fast prices move at first, after how many rounds at half that, and at most in one round, as a logarithm.
const PACE: f64 = 0.03;
const HALF_AFTER: f64 = 60.0;
const MOVE_MAX: f64 = 1.0;
/// The share of the newest in the running means, at least.
const NEWEST: f64 = 0.05;
/// How much the dearest states of a host are preferred to those that are nearly as dear. It only guides the search.
const SHARPNESS: f64 = 200.0;
/// Beyond what adding up may have rounded.
const MARGIN: f64 = 1e-7;

pub(super) type Parts = [f64; PARTS];

/// What is asked of schedules that would end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Each moment of a host and each task by itself.
    Moments,
    /// Each host's whole course, and tasks with those that they wait for. It takes many times as long and refutes more.
    Courses,
}

/// Something of calls and something of loads, by place and part.
pub(super) struct Prices {
    runs: Vec<Parts>,
    loads: Vec<Parts>,
}

/// The cheapest way of a task at some prices.
struct Cheapest<'f> {
    cost: f64,
    start_ms: f64,
    way: &'f Way,
}

/// Prices added up from the beginning, and the cheapest loads.
struct Sums {
    runs: Vec<[f64; PARTS + 1]>,
    /// By part: the least that a load costs which is over by the part's beginning, and when it begins.
    loads: Vec<[(f64, f64); PARTS + 1]>,
    part_ms: f64,
}

impl Prices {
    pub(super) fn even(facts: &Facts) -> Prices {
        Prices::all(facts.places.len(), 1.0, 0.3)
    }

    fn all(places: usize, runs: f64, loads: f64) -> Prices {
        Prices {
            runs: vec![[runs; PARTS]; places],
            loads: vec![[loads; PARTS]; places],
        }
    }

    /// Whether prices are found under which no schedule ends by `until_ms`. The prices are kept for the next time.
    pub(super) fn refute(
        &mut self,
        facts: &Facts,
        look: Look,
        until_ms: f64,
        rounds: usize,
    ) -> bool {
        let places = facts.places.len();
        let mut asked = Prices::all(places, 0.0, 0.0);
        let mut given = Prices::all(places, 0.0, 0.0);
        for round in 0..rounds {
            let mut now_asked = Prices::all(places, 0.0, 0.0);
            let mut now_given = Prices::all(places, 0.0, 0.0);
            let (earned, paid) = match look {
                Look::Moments => (
                    self.earned(facts, until_ms, &mut now_given),
                    self.paid(facts, until_ms, &mut now_asked),
                ),
                Look::Courses => (
                    self.earned_in_courses(facts, until_ms, &mut now_given),
                    self.paid_in_trees(facts, until_ms, &mut now_asked),
                ),
            };
            let Some(paid) = paid else {
                return true;
            };
            if paid > earned * (1.0 + MARGIN) + MARGIN {
                return true;
            }
            if !(earned.is_finite() && earned > 0.0 && paid.is_finite()) {
                return false;
            }
            let newest = (1.0 / (1.0 + round as f64)).max(NEWEST);
            asked.towards(&now_asked, newest);
            given.towards(&now_given, newest);
            let pace = PACE / (1.0 + round as f64 / HALF_AFTER);
            let part_ms = until_ms / PARTS as f64;
            self.move_by(&facts.places, &asked, &given, paid / earned, pace / part_ms);
        }
        false
    }

    fn towards(&mut self, other: &Prices, share: f64) {
        let runs = self.runs.iter_mut().zip(&other.runs);
        let loads = self.loads.iter_mut().zip(&other.loads);
        for (own, its) in runs.chain(loads) {
            for (own, its) in own.iter_mut().zip(its) {
                *own += share * (its - *own);
            }
        }
    }

    fn move_by(&mut self, places: &[Place], asked: &Prices, given: &Prices, ratio: f64, pace: f64) {
        let step = |prices: &mut Parts, asked: &Parts, given: &Parts, pace: f64| {
            for (price, (asked, given)) in prices.iter_mut().zip(asked.iter().zip(given)) {
                let by = pace * (asked - ratio * given);
                *price *= by.clamp(-MOVE_MAX, MOVE_MAX).exp();
            }
        };
        for (at, place) in places.iter().enumerate() {
            let slots = f64::from(place.slots.max(1));
            step(
                &mut self.runs[at],
                &asked.runs[at],
                &given.runs[at],
                pace / slots,
            );
            step(
                &mut self.loads[at],
                &asked.loads[at],
                &given.loads[at],
                pace,
            );
        }
        let sum: f64 = self.runs.iter().flatten().sum();
        let mean = sum / (self.runs.len() * PARTS) as f64;
        for price in self.runs.iter_mut().chain(&mut self.loads).flatten() {
            *price = (*price / mean).max(1e-6);
        }
    }

    /// What all hosts can earn until then, at most.
    fn earned(&self, facts: &Facts, until_ms: f64, given: &mut Prices) -> f64 {
        let part_ms = until_ms / PARTS as f64;
        let mut sum = 0.0;
        let mut values = Vec::new();
        for (host, configs) in facts.configs.iter().enumerate() {
            let loads = facts.places.iter().filter(|place| place.host == host);
            let loads: Vec<f64> = loads.map(|place| place.load_ms).collect();
            let last = loads.iter().copied().fold(0.0, f64::max);
            for part in 0..PARTS {
                let to = (part + 1) as f64 * part_ms;
                let mut now = part as f64 * part_ms;
                while now < to {
                    // Before its load can be over no model answers: the part is cut where another one can.
                    let later = loads.iter().copied().filter(|load| *load > now);
                    let next = later.fold(to, f64::min);
                    let can = |config: &Config| {
                        let mut runs = config.runs.iter();
                        last <= now || runs.all(|(place, _)| facts.places[*place].load_ms <= now)
                    };
                    values.clear();
                    values.extend(configs.iter().map(|config| match can(config) {
                        true => self.value(config, part),
                        false => f64::NEG_INFINITY,
                    }));
                    let most = values.iter().copied().fold(0.0, f64::max);
                    sum += most * (next - now);
                    let states = configs
                        .iter()
                        .map(|config| (&config.runs[..], config.loads));
                    give(states, &values, most, next - now, part, given);
                    now = next;
                }
            }
        }
        sum
    }

    /// The same, where each load takes its time.
    fn earned_in_courses(&self, facts: &Facts, until_ms: f64, given: &mut Prices) -> f64 {
        let cell_ms = until_ms / courses::GRID as f64;
        let mut sum = 0.0;
        for sets in &facts.sets {
            let values = |set: &courses::Set| -> Vec<Vec<f64>> {
                let all = |part: usize| {
                    set.runs
                        .iter()
                        .map(|runs| self.of_runs(runs, part))
                        .collect()
                };
                (0..PARTS).map(all).collect()
            };
            let values: Vec<Vec<Vec<f64>>> = sets.iter().map(values).collect();
            let most = |values: &Vec<f64>| values.iter().copied().fold(0.0, f64::max);
            let rates: Vec<Parts> = values
                .iter()
                .map(|values| std::array::from_fn(|part| most(&values[part])))
                .collect();
            let mut stay = |set: usize, part: usize| {
                let runs = sets[set].runs.iter().map(|runs| (&runs[..], None));
                let most = rates[set][part];
                give(runs, &values[set][part], most, cell_ms, part, given);
            };
            sum += courses::dearest(sets, &rates, until_ms, &mut stay);
        }
        sum
    }

    /// What all tasks pay at least, where a task waits for one that it needs; loads cost their hosts' time alone.
    fn paid_in_trees(&self, facts: &Facts, until_ms: f64, asked: &mut Prices) -> Option<f64> {
        let part_ms = until_ms / PARTS as f64;
        trees::paid(
            facts,
            &self.runs,
            until_ms,
            &mut |place, start_ms, length_ms| {
                spread(&mut asked.runs[place], start_ms, length_ms, 1.0, part_ms);
            },
        )
    }

    fn of_runs(&self, runs: &[Calls], part: usize) -> f64 {
        let runs = runs.iter();
        runs.map(|(place, calls)| calls * self.runs[*place][part])
            .sum()
    }

    fn value(&self, config: &Config, part: usize) -> f64 {
        let runs = self.of_runs(&config.runs, part);
        runs + config.loads.map_or(0.0, |place| self.loads[place][part])
    }

    /// What all tasks pay until then, at least; `None` when one of them cannot be done in time in any way.
    fn paid(&self, facts: &Facts, until_ms: f64, asked: &mut Prices) -> Option<f64> {
        let sums = self.sums(&facts.places, until_ms / PARTS as f64);
        let mut sum = 0.0;
        for task in &facts.tasks {
            let Cheapest {
                cost,
                start_ms,
                way,
            } = sums.cheapest(&facts.places, task, until_ms)?;
            sum += cost;
            let place = way.place;
            spread(
                &mut asked.runs[place],
                start_ms,
                way.length_ms,
                1.0,
                sums.part_ms,
            );
            let (_, load_start_ms) = sums.load(place, start_ms);
            let load_ms = facts.places[place].load_ms;
            spread(
                &mut asked.loads[place],
                load_start_ms,
                load_ms,
                way.load_share,
                sums.part_ms,
            );
        }
        Some(sum)
    }

    fn sums(&self, places: &[Place], part_ms: f64) -> Sums {
        let summed = |prices: &Parts| {
            let mut sums = [0.0; PARTS + 1];
            for (part, price) in prices.iter().enumerate() {
                sums[part + 1] = sums[part] + price * part_ms;
            }
            sums
        };
        let loads = self.loads.iter().zip(places);
        Sums {
            runs: self.runs.iter().map(summed).collect(),
            loads: loads
                .map(|(prices, place)| cheapest_loads(&summed(prices), place.load_ms, part_ms))
                .collect(),
            part_ms,
        }
    }
}

/// Gives the time of a host to its states, the dearest ones before all.
fn give<'c>(
    states: impl Iterator<Item = (&'c [Calls], Option<usize>)>,
    values: &[f64],
    most: f64,
    ms: f64,
    part: usize,
    given: &mut Prices,
) {
    if most <= 0.0 {
        return;
    }
    let weight = |value: &f64| {
        let behind = SHARPNESS * (value / most - 1.0);
        if behind < -12.0 { 0.0 } else { behind.exp() }
    };
    let total: f64 = values.iter().map(weight).sum();
    for ((runs, loads), value) in states.zip(values) {
        let ms = ms * weight(value) / total;
        if ms == 0.0 {
            continue;
        }
        for (place, calls) in runs {
            given.runs[*place][part] += calls * ms;
        }
        if let Some(place) = loads {
            given.loads[place][part] += ms;
        }
    }
}

impl Sums {
    /// The cheapest beginning of the cheapest way. A cost is linear between moments at which call or load begins or ends at the edge of a part,
    /// so it is least at one of them or at the end of what is allowed.
    fn cheapest<'f>(
        &self,
        places: &[Place],
        task: &'f Task,
        until_ms: f64,
    ) -> Option<Cheapest<'f>> {
        let mut best: Option<Cheapest<'f>> = None;
        for way in &task.ways {
            let first_ms = task.ready_ms.max(places[way.place].load_ms);
            let last_ms = until_ms - task.tail_ms - way.length_ms;
            if last_ms < first_ms {
                continue;
            }
            let mut consider = |start_ms: f64| {
                let sums = &self.runs[way.place];
                let end = at(sums, start_ms + way.length_ms, self.part_ms);
                let work = end - at(sums, start_ms, self.part_ms);
                let cost = work + way.load_share * self.load(way.place, start_ms).0;
                if best.as_ref().is_none_or(|best| cost < best.cost) {
                    best = Some(Cheapest {
                        cost,
                        start_ms,
                        way,
                    });
                }
            };
            consider(first_ms);
            consider(last_ms);
            for offset_ms in [0.0, way.length_ms] {
                let mut part = ((first_ms + offset_ms) / self.part_ms).ceil();
                while part * self.part_ms - offset_ms <= last_ms {
                    // What was rounded must not come out of what is allowed.
                    consider((part * self.part_ms - offset_ms).max(first_ms));
                    part += 1.0;
                }
            }
        }
        best
    }

    /// The cheapest load for a start: of those over by the end of the part in which it begins, which is never more than of those over before it.
    fn load(&self, place: usize, start_ms: f64) -> (f64, f64) {
        let part = (start_ms / self.part_ms) as usize + 1;
        self.loads[place][part.min(PARTS)]
    }
}

fn at(sums: &[f64; PARTS + 1], ms: f64, part_ms: f64) -> f64 {
    let exact = (ms / part_ms).clamp(0.0, PARTS as f64);
    let part = (exact as usize).min(PARTS - 1);
    sums[part] + (sums[part + 1] - sums[part]) * (exact - part as f64)
}

fn cheapest_loads(sums: &[f64; PARTS + 1], load_ms: f64, part_ms: f64) -> [(f64, f64); PARTS + 1] {
    let cost = |start: f64| at(sums, start + load_ms, part_ms) - at(sums, start, part_ms);
    let mut cheapest = [(0.0, 0.0); PARTS + 1];
    let mut least = (f64::INFINITY, 0.0);
    let mut begins = 0.0;
    for (part, cheapest) in cheapest.iter_mut().enumerate() {
        let end = part as f64 * part_ms;
        while begins * part_ms + load_ms <= end {
            let start = begins * part_ms;
            if cost(start) < least.0 {
                least = (cost(start), start);
            }
            begins += 1.0;
        }
        if end >= load_ms && cost(end - load_ms) < least.0 {
            least = (cost(end - load_ms), end - load_ms);
        }
        // A load that is over by no edge of a part yet costs at least nothing.
        if least.0.is_finite() {
            *cheapest = least;
        }
    }
    cheapest
}

fn spread(amounts: &mut Parts, start_ms: f64, length_ms: f64, times: f64, part_ms: f64) {
    let end_ms = start_ms + length_ms;
    let first = (start_ms / part_ms) as usize;
    for (part, amount) in amounts.iter_mut().enumerate().skip(first) {
        let (from, to) = (part as f64 * part_ms, (part + 1) as f64 * part_ms);
        let ms = to.min(end_ms) - from.max(start_ms);
        if ms <= 0.0 {
            break;
        }
        *amount += ms * times;
    }
}
