//! The fleet's schedule on seeded traces, in virtual time, and what one decision costs, in real time.

// It is for people at a terminal.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use alai_core::schedule::{
    Choice, Fleet, Host, HostId, Job, JobId, Model, ModelId, Place, Rules, State, decide,
};
use alai_testkit::fleet::{
    FAMILIES, Figures, Measured, Policy, clairvoyant_ms, figures, lower_bound_ms, measured,
    optimum_ms, simulate, tiny,
};

/// Traces of each of the five families.
const SEEDS: u64 = 40;
/// Steps of the search for a schedule by one who knows everything.
const CLAIRVOYANT_STEPS: usize = 60_000;
const WORST: usize = 20;
/// Traces of at most eight jobs.
const TINY: u64 = 2000;
const DECISIONS: usize = 200;

fn main() {
    let mut all: Vec<Measured> = Vec::new();
    println!("makespan by lower bound, and swaps; {SEEDS} traces a family");
    for family in FAMILIES {
        let some = side_by_side(SEEDS, |seed| measured(&family.trace(seed)));
        show(family.name(), &figures(&some));
        all.extend(some);
    }
    let all = figures(&all);
    show("all", &all);
    aim(
        "median",
        format!("{:.3}", all.median),
        "<= 1.10",
        all.median <= 1.10,
    );
    aim("p95", format!("{:.3}", all.p95), "<= 1.25", all.p95 <= 1.25);
    let saved = format!("{:.0} %", all.saved() * 100.0);
    aim("swaps fewer", saved, ">= 20 %", all.saved() >= 0.20);
    beside_the_clairvoyant();
    misjudged();
    near_the_best();
    cost_of_a_decision(1000, "two models on each host", &[0, 1]);
    cost_of_a_decision(1000, "one model on all hosts, and loads to decide", &[]);
    cost_of_a_decision(48, "two models on each host, starts on slow ones", &[0, 1]);
    cost_of_a_decision(128, "two models on each host, whole schedules", &[0, 1]);
}

/// One value for each seed from 1 on, on all cores.
fn side_by_side<T: Send>(seeds: u64, of: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut values: Vec<(u64, T)> = std::thread::scope(|scope| {
        let of = &of;
        let share = |first: u64| {
            let seeds = (first..=seeds).step_by(usize::try_from(threads).unwrap_or(1));
            scope.spawn(move || seeds.map(|seed| (seed, of(seed))).collect::<Vec<_>>())
        };
        let workers: Vec<_> = (1..=threads).map(share).collect();
        let values = workers.into_iter().map(|worker| worker.join());
        values
            .flat_map(|some| some.expect("a trace is simulated to its end"))
            .collect()
    });
    values.sort_by_key(|(seed, _)| *seed);
    values.into_iter().map(|(_, value)| value).collect()
}

/// The same traces when the estimates are off by up to 30 % more.
fn misjudged() {
    let some = FAMILIES.iter().flat_map(|family| {
        side_by_side(SEEDS, |seed| {
            let trace = family.trace(seed).misjudged(30, seed);
            measured(&trace)
        })
    });
    show("30 % off", &figures(&some.collect::<Vec<_>>()));
}

fn show(name: &str, figures: &Figures) {
    println!(
        "{name:16} median {:.3}  p95 {:.3}  most {:.3}   proxy {:.3}  {:.3}   swaps {} of the proxy's {} ({:.0} % fewer)",
        figures.median,
        figures.p95,
        figures.most,
        figures.proxy_median,
        figures.proxy_p95,
        figures.swaps,
        figures.proxy_swaps,
        figures.saved() * 100.0,
    );
}

fn aim(name: &str, value: String, aim: &str, held: bool) {
    println!(
        "{name}: {value}, aim {aim}: {}",
        if held { "held" } else { "missed" }
    );
}

/// How much of what lies between the bound and us somebody could reach who knows everything beforehand.
fn beside_the_clairvoyant() {
    let mut all: Vec<(f64, f64, f64)> = Vec::new();
    for family in FAMILIES {
        let some = side_by_side(SEEDS, |seed| {
            let trace = family.trace(seed);
            let ours = simulate(&trace, Policy::Ours(Rules::default()), &[]);
            let found = clairvoyant_ms(&trace, &ours, CLAIRVOYANT_STEPS, seed);
            let bound = lower_bound_ms(&trace);
            let name = family.name();
            assert!(
                bound <= found,
                "{name} {seed}: the bound {bound} is above {found}"
            );
            let (ours, found, bound) = (ours.makespan_ms as f64, found as f64, bound as f64);
            (ours / bound, found / bound, ours / found)
        });
        all.extend(some);
    }
    all.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("who knows everything, {CLAIRVOYANT_STEPS} steps of search a trace");
    for (what, some) in [
        ("all", &all[..]),
        ("our worst", &all[..WORST.min(all.len())]),
    ] {
        let of = |ratio: fn(&(f64, f64, f64)) -> f64| spread(some.iter().map(ratio).collect());
        println!("{what}, {} traces", some.len());
        println!("  ours by bound            {}", of(|one| one.0));
        println!("  the clairvoyant by bound {}", of(|one| one.1));
        println!("  ours by the clairvoyant  {}", of(|one| one.2));
    }
}

fn spread(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    let rank = |percent: usize| ratios[(ratios.len() * percent).div_ceil(100).max(1) - 1];
    format!(
        "median {:.3}  p95 {:.3}  most {:.3}",
        rank(50),
        rank(95),
        rank(100)
    )
}

fn near_the_best() {
    let ratios = side_by_side(TINY, |seed| {
        let trace = tiny(seed);
        let ours = simulate(&trace, Policy::Ours(Rules::default()), &[]).makespan_ms;
        let best = optimum_ms(&trace, ours)?;
        let bound = lower_bound_ms(&trace);
        assert!(
            bound <= best,
            "seed {seed}: the bound {bound} is above {best}"
        );
        Some((ours as f64 / best as f64, best as f64 / bound as f64))
    });
    let given_up = ratios.iter().filter(|ratio| ratio.is_none()).count();
    let (to_best, to_bound) = ratios.into_iter().flatten().unzip();
    println!("at most eight jobs, {TINY} traces, {given_up} given up");
    println!("ours by the best     {}", spread(to_best));
    println!("the best by bound    {}", spread(to_bound));
}

/// One decision over so many ready jobs, four hosts and six models, of which each host has room for two. Up to 48 jobs each host is slower than the one before it,
/// so that it is asked of starts whether they are put off.
/// `offsets` are the models that a host has loaded, counted from its own number; without any each has the first one.
fn cost_of_a_decision(jobs: u64, what: &str, offsets: &[usize]) {
    let place = Some(Place {
        slots: 3,
        load_ms: 30_000,
        pinned: false,
    });
    let fleet = Fleet {
        hosts: (0..4)
            .map(|host| Host {
                name: format!("h{host}"),
                slots: 4,
                memory: 80,
                local: true,
            })
            .collect(),
        models: (0..6)
            .map(|model| Model {
                name: format!("m{model}"),
                bytes: 40,
                keep_alive_ms: 0,
            })
            .collect(),
        places: vec![vec![place; 6]; 4],
        slots: None,
    };
    let mut state = State::new(fleet, Rules::default());
    for host in 0..4 {
        for offset in offsets {
            state.loaded(HostId(host), ModelId((host + offset) % 6), 0);
        }
        if offsets.is_empty() {
            state.loaded(HostId(host), ModelId(0), 0);
        }
    }
    for id in 0..jobs {
        let spread = |by: u64| i64::try_from(id * 7919 % by).unwrap_or(0);
        let choices: Vec<Choice> = (0..24)
            .map(|way| Choice {
                host: HostId(way % 4),
                model: ModelId(way / 4),
                expected_ms: (20_000 + spread(90_000) + spread(way as u64 + 1) * 1_000)
                    * if jobs > 48 { 1 } else { 1 + way as i64 % 4 },
            })
            .collect();
        let expected_ms = 20_000 + spread(90_000);
        state.add(Job {
            id: JobId(id),
            rank_ms: expected_ms,
            path_ms: expected_ms,
            arrived_ms: 0,
            local_only: false,
            sticky: None,
            choices,
        });
    }
    let mut times: Vec<_> = (0..DECISIONS)
        .map(|_| {
            let began = Instant::now();
            let decisions = decide(&state, 1000);
            assert!(!decisions.is_empty(), "there is much to do");
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!(
        "a decision over {jobs} ready jobs, each on any of 6 models on 4 hosts, {what}: median {:.2?}, p99 {:.2?} of {DECISIONS}",
        times[DECISIONS / 2],
        times[DECISIONS * 99 / 100]
    );
}
