//! What all tasks pay at least, where a task waits for one of those that it needs.
//!
//! Each task keeps one of its needs, the one that can be met last, so that what hangs together is a tree, and the cheapest beginnings of a whole tree are
//! found from its leaves on: the least that a task and all behind it pay when it begins in a cell or later. Where a task begins within a cell and when
//! what is behind it may begin are both taken at their cheapest, so that no real schedule pays less.

use super::courses::{GRID, summed};
use super::facts::{Facts, Task, Way};
use super::prices::{PARTS, Parts};

/// The cheapest beginnings of a task, by cell: the least that it and all behind it pay when it begins there or later, and where that is.
struct Cheapest {
    cost: Vec<f64>,
    begins: Vec<Begins>,
}

#[derive(Clone, Copy, Default)]
struct Begins {
    cell: usize,
    way: usize,
}

/// One way of a task at some prices.
struct Priced<'f> {
    sums: &'f [f64],
    way: &'f Way,
    cell_ms: f64,
    first_ms: f64,
    last_ms: f64,
}

/// What is paid at least; `None` when something cannot be done in time. `take`: told of each task's place, beginning and milliseconds.
pub(super) fn paid(
    facts: &Facts,
    runs: &[Parts],
    until_ms: f64,
    take: &mut dyn FnMut(usize, f64, f64),
) -> Option<f64> {
    let cell_ms = until_ms / GRID as f64;
    let sums: Vec<Vec<f64>> = runs.iter().map(|prices| summed(prices, cell_ms)).collect();
    let mut all: Vec<Option<Cheapest>> = Vec::new();
    all.resize_with(facts.tasks.len(), || None);
    let mut behind = vec![0.0_f64; GRID + 1];
    for task in (0..facts.tasks.len()).rev() {
        let about = &facts.tasks[task];
        behind.fill(0.0);
        for next in &about.next {
            let next = all[*next].as_ref()?;
            let costs = behind.iter_mut().zip(&next.cost);
            costs.for_each(|(sum, cost)| *sum += cost);
        }
        let ways = about.ways.iter().map(|way| Priced {
            sums: &sums[way.place],
            way,
            cell_ms,
            first_ms: facts.first_ms(about, way),
            last_ms: until_ms - about.tail_ms - way.length_ms,
        });
        all[task] = Some(cheapest(ways, &behind)?);
    }
    let mut sum = 0.0;
    let mut from = vec![0_usize; facts.tasks.len()];
    for (task, about) in facts.tasks.iter().enumerate() {
        let its = all[task].as_ref()?;
        if about.is_first {
            sum += its.cost[0];
        }
        let begins = its.begins[from[task].min(GRID)];
        let end_ms = begin(facts, about, begins, cell_ms, take);
        for next in &about.next {
            from[*next] = (end_ms / cell_ms) as usize;
        }
    }
    Some(sum)
}

/// Tells where a task begins; gives its end.
fn begin(
    facts: &Facts,
    task: &Task,
    begins: Begins,
    cell_ms: f64,
    take: &mut dyn FnMut(usize, f64, f64),
) -> f64 {
    let way = &task.ways[begins.way];
    let start_ms = facts.first_ms(task, way).max(begins.cell as f64 * cell_ms);
    take(way.place, start_ms, way.length_ms);
    start_ms + way.length_ms
}

/// Of all ways together; `None` when there is none in time. `behind`: what is paid behind the task, by the cell in which it ends.
fn cheapest<'f>(ways: impl Iterator<Item = Priced<'f>>, behind: &[f64]) -> Option<Cheapest> {
    let mut all = Cheapest {
        cost: vec![f64::INFINITY; GRID + 1],
        begins: vec![Begins::default(); GRID + 1],
    };
    for (way, priced) in ways.enumerate() {
        priced.each(&mut |cell, work, end| {
            let cost = work + behind[end];
            if cost < all.cost[cell] {
                all.cost[cell] = cost;
                all.begins[cell] = Begins { cell, way };
            }
        });
    }
    for cell in (0..GRID).rev() {
        if all.cost[cell + 1] < all.cost[cell] {
            all.cost[cell] = all.cost[cell + 1];
            all.begins[cell] = all.begins[cell + 1];
        }
    }
    all.cost[0].is_finite().then_some(all)
}

impl Priced<'_> {
    /// Tells each cell in which the task may begin, the least that it pays there, and the first cell in which it may end then.
    fn each(&self, tell: &mut dyn FnMut(usize, f64, usize)) {
        if self.last_ms < self.first_ms {
            return;
        }
        let first = self.cell(self.first_ms).min(GRID - 1);
        let last = self.cell(self.last_ms).min(GRID - 1);
        let length = self.way.length_ms / self.cell_ms;
        let whole = length as usize;
        let rest = length - whole as f64;
        let first_end = self.cell(self.first_ms + self.way.length_ms).min(GRID);
        let end_of = |cell: usize| match cell == first {
            true => first_end,
            false => (cell + whole).min(GRID),
        };
        // What is paid is linear between edges of cells and beginnings whose ends lie on an edge of a price.
        let at_edge = |cell: usize| {
            let end = (cell + whole).min(GRID);
            let to = self.sums[end] + (self.sums[end + 1] - self.sums[end]) * rest;
            to - self.sums[cell]
        };
        let mut before = self.work(self.first_ms);
        for cell in first..=last {
            let next = match cell == last {
                true => self.work(self.last_ms),
                false => at_edge(cell + 1),
            };
            tell(cell, before.min(next), end_of(cell));
            before = next;
        }
        for part in 1..=PARTS {
            let edge_ms = (part * (GRID / PARTS)) as f64 * self.cell_ms;
            let start_ms = edge_ms - self.way.length_ms;
            if (self.first_ms..=self.last_ms).contains(&start_ms) {
                let cell = self.cell(start_ms).clamp(first, last);
                // Whatever was rounded: the end of the cell's earliest beginning is not behind this one's.
                tell(cell, self.work(start_ms), end_of(cell));
            }
        }
    }

    fn cell(&self, ms: f64) -> usize {
        (ms / self.cell_ms) as usize
    }

    /// What a call pays that begins then.
    fn work(&self, start_ms: f64) -> f64 {
        self.paid_until(start_ms + self.way.length_ms) - self.paid_until(start_ms)
    }

    fn paid_until(&self, ms: f64) -> f64 {
        let exact = (ms / self.cell_ms).clamp(0.0, GRID as f64);
        let cell = exact as usize;
        self.sums[cell] + (self.sums[cell + 1] - self.sums[cell]) * (exact - cell as f64)
    }
}
