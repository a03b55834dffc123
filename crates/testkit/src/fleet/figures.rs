//! What traces say together.

use super::bound::{BOUND_ROUNDS, bound_in_rounds_ms};
use super::simulation::{Policy, simulate};
use super::trace::Trace;
use alai_core::schedule::Rules;

/// One trace under our rules and behind the proxy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub bound_ms: i64,
    pub ours_ms: i64,
    pub proxy_ms: i64,
    pub swaps: usize,
    pub proxy_swaps: usize,
    pub loads: usize,
    pub proxy_loads: usize,
}

/// Makespans by lower bound, by nearest rank, and swaps in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub traces: usize,
    pub median: f64,
    pub p95: f64,
    pub most: f64,
    pub proxy_median: f64,
    pub proxy_p95: f64,
    pub swaps: usize,
    pub proxy_swaps: usize,
    pub loads: usize,
    pub proxy_loads: usize,
}

pub fn measured(trace: &Trace) -> Measured {
    measured_in_rounds(trace, BOUND_ROUNDS)
}

/// The same, with so many rounds of search for the bound.
pub fn measured_in_rounds(trace: &Trace, rounds: usize) -> Measured {
    let ours = simulate(trace, Policy::Ours(Rules::default()), &[]);
    let proxy = simulate(trace, Policy::Proxy, &[]);
    Measured {
        bound_ms: bound_in_rounds_ms(trace, rounds),
        ours_ms: ours.makespan_ms,
        proxy_ms: proxy.makespan_ms,
        swaps: ours.swaps,
        proxy_swaps: proxy.swaps,
        loads: ours.loads,
        proxy_loads: proxy.loads,
    }
}

/// # Panics
/// Without a single measurement.
pub fn figures(measured: &[Measured]) -> Figures {
    let ratio = |ms: i64, measured: &Measured| ms as f64 / measured.bound_ms.max(1) as f64;
    let sorted = |of: &dyn Fn(&Measured) -> i64| {
        let mut ratios: Vec<f64> = measured.iter().map(|one| ratio(of(one), one)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    };
    let rank =
        |sorted: &[f64], percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
    let sum = |of: &dyn Fn(&Measured) -> usize| measured.iter().map(of).sum();
    let (ours, proxy) = (sorted(&|one| one.ours_ms), sorted(&|one| one.proxy_ms));
    Figures {
        traces: measured.len(),
        median: rank(&ours, 50),
        p95: rank(&ours, 95),
        most: rank(&ours, 100),
        proxy_median: rank(&proxy, 50),
        proxy_p95: rank(&proxy, 95),
        swaps: sum(&|one| one.swaps),
        proxy_swaps: sum(&|one| one.proxy_swaps),
        loads: sum(&|one| one.loads),
        proxy_loads: sum(&|one| one.proxy_loads),
    }
}

impl Figures {
    /// The share of the proxy's swaps that were not needed; 0 when it made none.
    pub fn saved(&self) -> f64 {
        match self.proxy_swaps {
            0 => 0.0,
            swaps => 1.0 - self.swaps as f64 / swaps as f64,
        }
    }
}
