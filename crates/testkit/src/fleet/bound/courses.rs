//! What a host can earn at most over the whole time: the dearest course of sets of models that it holds, where each model that comes costs the time of its
//! load, each time it comes.
//!
//! Time is cut into cells, and a load takes all whole cells that lie inside it wherever it begins: at least its length in cells, rounded down, less one. In each
//! other cell the host is in one of two sets at most that are next to each other in its course, and the one before a load begins, or after it has ended, holds
//! all that answers meanwhile. So no real course earns more than the dearest of these.

use super::super::trace::Trace;
use super::configs::{Calls, Place, fill};
use super::prices::{PARTS, Parts};

/// Cells of one part of the prices, and of the whole time.
const CELLS: usize = 32;
pub(super) const GRID: usize = PARTS * CELLS;
/// No load begins in this cell.
const STAYS: u16 = u16::MAX;

/// A set of models that a host's memory holds together.
pub(super) struct Set {
    /// Every way to answer as many calls in it as may be.
    pub(super) runs: Vec<Vec<Calls>>,
    loads: Vec<Load>,
}

/// A load that may begin in a set.
struct Load {
    /// The largest set that leaves room for it, which answers meanwhile, and the set afterwards.
    during: usize,
    to: usize,
    load_ms: f64,
}

/// A load in cells.
#[derive(Clone, Copy)]
struct Step {
    during: usize,
    to: usize,
    cells: usize,
}

/// The cell of a part's price.
pub(super) fn part_of(cell: usize) -> usize {
    (cell / CELLS).min(PARTS - 1)
}

/// Prices added up from the beginning to each cell, and one more cell behind the end.
pub(super) fn summed(prices: &Parts, cell_ms: f64) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = Vec::with_capacity(GRID + 2);
    sums.push(sum);
    for cell in 0..GRID {
        sum += prices[part_of(cell)] * cell_ms;
        sums.push(sum);
    }
    sums.push(sum);
    sums
}

/// The sets of a host; the first is empty.
pub(super) fn sets(trace: &Trace, places: &[Place], host: usize) -> Vec<Set> {
    let on_host = |place: &usize| places[*place].host == host;
    let here: Vec<usize> = (0..places.len()).filter(on_host).collect();
    let chosen = |set: u32| {
        let all = here.iter().enumerate();
        let is_in = move |(at, place): (usize, &usize)| (set & 1 << at != 0).then_some(*place);
        all.filter_map(is_in)
    };
    let bytes = |set: u32| -> u64 {
        let bytes = |place: usize| trace.fleet.models[places[place].model].bytes;
        chosen(set).map(bytes).sum()
    };
    let machine = &trace.fleet.hosts[host];
    let fits = |set: &u32| bytes(*set) <= machine.memory;
    let fitting: Vec<u32> = (0..1_u32 << here.len()).filter(fits).collect();
    let loads = |set: u32| {
        let absent = (0..here.len()).filter(move |at| set & 1 << at == 0);
        let begin = |at: usize| {
            let one = 1_u32 << at;
            let leaves_room = |part: &u32| part & set == *part && fits(&(part | one));
            let parts: Vec<u32> = fitting.iter().copied().filter(leaves_room).collect();
            largest(&parts)
                .into_iter()
                .filter_map(|part| {
                    let number = |set: u32| fitting.iter().position(|other| *other == set);
                    Some(Load {
                        during: number(part)?,
                        to: number(part | one)?,
                        load_ms: places[here[at]].load_ms,
                    })
                })
                .collect::<Vec<_>>()
        };
        absent.flat_map(begin).collect()
    };
    let set = |set: &u32| {
        let may: Vec<usize> = chosen(*set).collect();
        Set {
            runs: fullest(places, &may, machine.slots),
            loads: loads(*set),
        }
    };
    fitting.iter().map(set).collect()
}

/// Of some sets those that no other one of them holds.
fn largest(sets: &[u32]) -> Vec<u32> {
    let is_held = |set: &u32| sets.iter().any(|other| other != set && other & set == *set);
    sets.iter().copied().filter(|set| !is_held(set)).collect()
}

/// Ways to answer calls that take no further call: no other way earns more.
fn fullest(places: &[Place], may: &[usize], slots: u32) -> Vec<Vec<Calls>> {
    let mut runs: Vec<Vec<Calls>> = Vec::new();
    fill(places, may, slots, &mut Vec::new(), &mut |some| {
        runs.push(some.to_vec());
    });
    let is_full = |calls: &Vec<Calls>| {
        let total: f64 = calls.iter().map(|(_, count)| count).sum();
        let taken = |place: usize| {
            let its = calls.iter().find(|(other, _)| *other == place);
            its.map_or(0.0, |(_, count)| *count)
        };
        let is_taken = |place: &usize| taken(*place) >= f64::from(places[*place].slots);
        total >= f64::from(slots) || may.iter().all(is_taken)
    };
    runs.retain(is_full);
    runs
}

/// What the dearest course earns. `rates`: by set, what a millisecond in it earns. `stay`: told of each cell's set and part.
pub(super) fn dearest(
    sets: &[Set],
    rates: &[Parts],
    until_ms: f64,
    stay: &mut dyn FnMut(usize, usize),
) -> f64 {
    let cell_ms = until_ms / GRID as f64;
    let sums: Vec<Vec<f64>> = rates.iter().map(|rates| summed(rates, cell_ms)).collect();
    let in_cells = |load: &Load| Step {
        during: load.during,
        to: load.to,
        cells: ((load.load_ms / cell_ms) as usize).saturating_sub(1),
    };
    let steps = |set: &Set| -> Vec<Step> { set.loads.iter().map(in_cells).collect() };
    let steps: Vec<Vec<Step>> = sets.iter().map(steps).collect();
    let count = sets.len();
    // By cell and set: what is earned from there on, and by which load that begins there.
    let mut most = vec![0.0_f64; (GRID + 1) * count];
    let mut begun = vec![STAYS; (GRID + 1) * count];
    for cell in (0..GRID).rev() {
        for set in 0..count {
            let mut best = most[(cell + 1) * count + set] + sums[set][cell + 1] - sums[set][cell];
            for (number, step) in steps[set].iter().enumerate() {
                let end = (cell + step.cells).min(GRID);
                let earned = sums[step.during][end] - sums[step.during][cell];
                let value = earned + most[end * count + step.to];
                if step.cells > 0 && value > best {
                    best = value;
                    begun[cell * count + set] = number as u16;
                }
            }
            most[cell * count + set] = best;
        }
        let row = cell * count..(cell + 1) * count;
        at_once(&steps, &mut most[row.clone()], &mut begun[row]);
    }
    follow(&steps, &begun, stay);
    most[0]
}

/// Loads that are over within a cell, any number of them.
fn at_once(steps: &[Vec<Step>], most: &mut [f64], begun: &mut [u16]) {
    let mut is_better = true;
    while std::mem::take(&mut is_better) {
        for (set, steps) in steps.iter().enumerate() {
            for (number, step) in steps.iter().enumerate() {
                if step.cells == 0 && most[step.to] > most[set] {
                    most[set] = most[step.to];
                    begun[set] = number as u16;
                    is_better = true;
                }
            }
        }
    }
}

/// Tells the course cell by cell.
fn follow(steps: &[Vec<Step>], begun: &[u16], stay: &mut dyn FnMut(usize, usize)) {
    let (mut cell, mut set) = (0, 0);
    while cell < GRID {
        let number = begun[cell * steps.len() + set];
        if number == STAYS {
            stay(set, part_of(cell));
            cell += 1;
            continue;
        }
        let step = steps[set][usize::from(number)];
        for cell in cell..(cell + step.cells).min(GRID) {
            stay(step.during, part_of(cell));
        }
        cell += step.cells;
        set = step.to;
    }
}
