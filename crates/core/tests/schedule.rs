//! The scheduler in simulated fleets. The simulation panics when an effect breaks slots or memory, when a task is finished twice, or when
//! work is left for which nothing will ever happen.

use alai_core::schedule::{Effect, Fleet, Host, HostId, Model, ModelId, Place, Rules};
use alai_testkit::fleet::{
    FAMILIES, Family, Fault, Policy, Task, Trace, Way, bound_in_rounds_ms, clairvoyant_ms, figures,
    lower_bound_ms, measured_in_rounds, optimum_ms, simulate, tiny,
};
use alai_testkit::fuzz::Dice;

const MINUTE: i64 = 60_000;
const AGE: i64 = 20 * MINUTE;

fn ours() -> Policy {
    Policy::Ours(Rules::default())
}

/// The rules of each single load and start alone: for tests of other things, which need some schedule.
fn ruled() -> Rules {
    Rules {
        search_steps_max: 0,
        ..Rules::default()
    }
}

/// A search so short that a debug build has time for it, for what must hold however much is found.
fn briefly_searched() -> Rules {
    Rules {
        search_steps_max: 20,
        ..Rules::default()
    }
}

/// So many seeds in the ordinary run; `ALAI_SCHEDULE_SEEDS=20` is the long form.
fn seeds(usual: u64) -> std::ops::RangeInclusive<u64> {
    let said = std::env::var("ALAI_SCHEDULE_SEEDS").ok();
    1..=said.map_or(usual, |text| text.parse().expect("a number"))
}

/// Hosts that go down and come back, one at a time.
fn faults(dice: &mut Dice, hosts: usize, until_ms: i64) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut at_ms = 0;
    while at_ms < until_ms {
        let host = HostId(dice.below(hosts));
        at_ms += i64::try_from(dice.below(120_000)).expect("a small number") + 1;
        faults.push(Fault {
            at_ms,
            host,
            up: false,
        });
        at_ms += i64::try_from(dice.below(60_000)).expect("a small number") + 1;
        faults.push(Fault {
            at_ms,
            host,
            up: true,
        });
    }
    faults
}

#[test]
fn a_thousand_mixed_jobs_are_each_finished_once_whatever_fails() {
    let policy = || Policy::Ours(briefly_searched());
    for seed in seeds(1) {
        let mut dice = Dice::new(seed);
        let mut trace = Family::Skew.trace(seed);
        // The last host is somebody else's, and the hosts together take a few calls only.
        let last = trace.fleet.hosts.len() - 1;
        trace.fleet.hosts[last].local = false;
        trace.fleet.slots = Some(4);
        let kinds = trace.tasks.clone();
        trace.tasks.clear();
        while trace.tasks.len() < 1000 {
            let number = trace.tasks.len();
            let mut task = dice.pick(&kinds).clone();
            task.arrival_ms = i64::try_from(dice.below(40 * 60_000)).expect("a small number");
            task.run = number / 3;
            task.needs.clear();
            if number > 0 && dice.one_in(3) {
                task.needs.push(dice.below(number));
            }
            task.local_only = dice.one_in(4) && task.ways.iter().any(|way| way.host.0 != last);
            trace.tasks.push(task);
        }
        let faults = faults(&mut dice, trace.fleet.hosts.len(), 60 * MINUTE);
        let outcome = simulate(&trace, policy(), &faults);
        assert_eq!(outcome.tasks.len(), 1000);
        for (task, ended) in trace.tasks.iter().zip(&outcome.tasks) {
            assert_eq!(ended.times, 1);
            assert!(!task.local_only || trace.fleet.hosts[ended.host.0].local);
            assert!(
                task.needs
                    .iter()
                    .all(|need| outcome.tasks[*need].ended_ms <= ended.started_ms)
            );
        }
        let starts = outcome
            .effects
            .iter()
            .filter(|(_, effect)| matches!(effect, Effect::Start { .. }));
        assert!(starts.count() > 1000, "some were started again");
        assert_eq!(
            outcome.effects,
            simulate(&trace, policy(), &faults).effects,
            "the same again"
        );
    }
}

/// One host that holds one model at a time; calls of the first model arrive faster than they can be served, and each other model is asked for once.
fn greedy(others: usize, dice: &mut Dice) -> Trace {
    let place = Place {
        slots: 2,
        load_ms: 30_000,
        pinned: false,
    };
    let models = others + 1;
    let mut tasks = Vec::new();
    let mut task = |arrival_ms: i64, model: usize, true_ms: i64| {
        let way = Way {
            host: HostId(0),
            model: ModelId(model),
            expected_ms: MINUTE,
            true_ms,
        };
        tasks.push(Task {
            arrival_ms,
            needs: Vec::new(),
            ways: vec![way],
            run: usize::MAX,
            local_only: false,
        });
    };
    for number in 0..240 {
        let length = 40_000 + i64::try_from(dice.below(40_000)).expect("a small number");
        task(number * 20_000, 0, length);
    }
    for other in 1..=others {
        task(
            10 * MINUTE + i64::try_from(dice.below(120_000)).expect("a small number"),
            other,
            MINUTE,
        );
    }
    for (run, task) in tasks.iter_mut().enumerate() {
        task.run = run;
    }
    Trace {
        fleet: Fleet {
            hosts: vec![Host {
                name: "only".to_owned(),
                slots: 2,
                memory: 100,
                local: true,
            }],
            models: (0..models)
                .map(|model| Model {
                    name: format!("m{model}"),
                    bytes: 60,
                    keep_alive_ms: 0,
                })
                .collect(),
            places: vec![vec![Some(place); models]],
            slots: None,
        },
        load_ms: vec![vec![30_000; models]],
        tasks,
        reuse_percent: 0,
    }
}

#[test]
fn a_model_that_is_always_asked_for_starves_no_other() {
    let searched = seeds(1).map(|seed| (seed, briefly_searched()));
    let all = (1..=20).map(|seed| (seed, ruled())).chain(searched);
    for (seed, rules) in all {
        for others in 1..=3 {
            let trace = greedy(others, &mut Dice::new(seed));
            let outcome = simulate(&trace, Policy::Ours(rules), &[]);
            // What is at work ends within 80 s, and a load takes 30 s; of several that starve each has its turn: a
            // load's time, and what then has to end.
            let drain_and_load = 80_000 + 30_000;
            let most = AGE
                + drain_and_load
                + i64::try_from(others - 1).expect("a small number") * (30_000 + drain_and_load);
            for ended in &outcome.tasks[240..] {
                let waited = ended.started_ms - ended.ready_ms;
                assert!(
                    waited <= most,
                    "seed {seed}, {others} others: {waited} ms of {most}"
                );
            }
        }
    }
}

#[test]
fn no_schedule_of_a_few_jobs_is_better_than_the_bound_and_ours_is_near_the_best() {
    let mut ratios = Vec::new();
    for seed in 1..=40 {
        let trace = tiny(seed);
        let ours = simulate(&trace, ours(), &[]).makespan_ms;
        let best = optimum_ms(&trace, ours).expect("eight tasks are few enough");
        let bound = bound_in_rounds_ms(&trace, ROUNDS);
        assert!(
            bound <= best && best <= ours,
            "seed {seed}: {bound}, {best}, {ours}"
        );
        ratios.push(ours as f64 / best as f64);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    assert!(median <= 1.10, "{median}");
}

/// The bound with little search: it is true for any prices, and a bad bound is found by many traces sooner than by good prices.
/// `cargo xtask bench fleet` asks the same of 2,000 traces of eight jobs with all of its search.
#[test]
fn no_schedule_of_thousands_of_small_traces_is_better_than_the_bound() {
    let mut tight = 0;
    for seed in 1..=2000 {
        let mut trace = tiny(seed);
        trace.tasks.truncate(4 + usize::from(seed % 8 == 0));
        let ours = simulate(&trace, Policy::Ours(ruled()), &[]).makespan_ms;
        let best = optimum_ms(&trace, ours).expect("five tasks are few enough");
        let bound = bound_in_rounds_ms(&trace, 8);
        assert!(bound <= best, "seed {seed}: {bound} is above {best}");
        tight += usize::from(bound * 100 >= best * 98);
    }
    assert!(
        tight >= 500,
        "it says something: {tight} of 2000 within 2 %"
    );
}

/// One host, a model that fills it and answers one call at a time, and a small one that answers four.
fn exclusive() -> Trace {
    let place = |slots| {
        Some(Place {
            slots,
            load_ms: 10_000,
            pinned: false,
        })
    };
    let model = |name: &str, bytes| Model {
        name: name.to_owned(),
        bytes,
        keep_alive_ms: 0,
    };
    let task = |run: usize| Task {
        arrival_ms: 0,
        needs: Vec::new(),
        ways: vec![Way {
            host: HostId(0),
            model: ModelId(usize::from(run >= 4)),
            expected_ms: 100_000,
            true_ms: 100_000,
        }],
        run,
        local_only: false,
    };
    Trace {
        fleet: Fleet {
            hosts: vec![Host {
                name: "forge".to_owned(),
                slots: 4,
                memory: 256,
                local: true,
            }],
            models: vec![model("giant", 240), model("small", 20)],
            places: vec![vec![place(1), place(4)]],
            slots: None,
        },
        load_ms: vec![vec![10_000, 10_000]],
        tasks: (0..20).map(task).collect(),
        reuse_percent: 0,
    }
}

#[test]
fn the_bound_sees_that_a_giant_has_its_host_for_itself() {
    // Four calls of the giant one after the other, sixteen small ones four at a time, and both loads: 820 s. By slots alone it is 510 s.
    let bound = lower_bound_ms(&exclusive());
    assert!((800_000..=820_000).contains(&bound), "{bound}");
    let ours = simulate(&exclusive(), ours(), &[]);
    assert_eq!(ours.makespan_ms, 820_000, "and that is what it takes");
}

#[test]
fn a_saving_that_another_order_would_give_is_in_the_bound() {
    let mut trace = exclusive();
    trace.tasks.truncate(2);
    trace.reuse_percent = 10;
    // The second begins at once, and the first finds its beginning in the cache then.
    trace.tasks[0].run = trace.tasks[1].run;
    assert!(trace.may_save(0) && trace.may_save(1));
    trace.tasks[1].needs.push(0);
    assert!(
        !trace.may_save(0) && trace.may_save(1),
        "it never comes first"
    );
}

#[test]
fn estimates_that_are_off_by_a_third_cost_little() {
    let traces = FAMILIES
        .iter()
        .flat_map(|family| seeds(1).map(|seed| family.trace(seed)));
    for (seed, trace) in (1..).zip(traces) {
        let told = simulate(&trace, ours(), &[]).makespan_ms;
        let misjudged = simulate(&trace.misjudged(30, seed), ours(), &[]).makespan_ms;
        let proxy = simulate(&trace, Policy::Proxy, &[]).makespan_ms;
        assert!(misjudged < proxy, "{misjudged} of the proxy's {proxy}");
        assert!(misjudged * 4 <= told * 5, "{misjudged} for {told}");
    }
}

/// A drain that is begun on one host must not make one that goes on elsewhere useless: both would be called off and begun again for ever.
#[test]
fn drains_do_not_call_each_other_off_whatever_the_rules() {
    let searched = seeds(1).map(|seed| (seed, briefly_searched()));
    let all = (1..=4).map(|seed| (seed, ruled())).chain(searched);
    for (seed, rules) in all {
        for beta in [0.3, 0.6, 3.0] {
            let trace = Family::Twins.trace(seed);
            let rules = Rules {
                beta,
                age_ms_max: 1_000_000_000,
                ..rules
            };
            let outcome = simulate(&trace, Policy::Ours(rules), &[]);
            assert!(outcome.tasks.iter().all(|ended| ended.times == 1));
        }
    }
}

/// Traces in which a drain is called off in the moment that began it, unless a load is refused that makes one begun before it useless: by the rules alone,
/// for which they were found, and with a search.
#[test]
fn no_load_is_begun_that_makes_an_earlier_drain_useless() {
    use Family::{DeepChains, Skew, Twins};
    let traces = [
        (Twins, 6, 0.1),
        (Twins, 6, 0.3),
        (Skew, 4, 0.3),
        (DeepChains, 10, 0.6),
    ];
    let with = |rules: Rules| traces.map(|(family, seed, beta)| (family, seed, beta, rules));
    let all = with(ruled()).into_iter().chain(with(briefly_searched()));
    for (family, seed, beta, rules) in all {
        let rules = Rules {
            beta,
            age_ms_max: 1_000_000_000,
            ..rules
        };
        let outcome = simulate(&family.trace(seed), Policy::Ours(rules), &[]);
        // One that is called off and begun for another model in one decision began before.
        let drained = |before: usize, at: i64, place| {
            let mut effects = outcome.effects[..before].iter();
            effects.any(|(then, effect)| {
                *then == at && matches!(effect, Effect::Drain { .. }) && effect.place() == place
            })
        };
        for (number, (at, effect)) in outcome.effects.iter().enumerate() {
            let kept = matches!(effect, Effect::Keep { .. });
            assert!(
                !kept || !drained(number, *at, effect.place()),
                "{family:?} {seed} {beta}: {effect:?} at {at}"
            );
        }
    }
}

/// Memory, slots and loads are those of the best by trying all: a clairvoyant who broke one of them would be better than it somewhere.
#[test]
fn the_clairvoyant_is_never_better_than_the_best_and_mostly_as_good() {
    let (mut known, mut reached) = (0, 0);
    for seed in 1..=24 {
        let trace = tiny(seed);
        let ours = simulate(&trace, Policy::Ours(ruled()), &[]);
        let Some(best) = optimum_ms(&trace, ours.makespan_ms) else {
            continue;
        };
        let found = clairvoyant_ms(&trace, &ours, 6000, seed);
        assert!(best <= found, "seed {seed}: {found} is better than {best}");
        assert_eq!(found, clairvoyant_ms(&trace, &ours, 6000, seed));
        known += 1;
        reached += i32::from(found == best);
    }
    assert!(known > 20, "{known}");
    assert!(reached * 10 >= known * 8, "{reached} of {known}");
}

/// On the traces of many tasks it lies between the bound and what we did.
#[test]
fn the_clairvoyant_is_between_the_bound_and_us() {
    for family in FAMILIES {
        let trace = family.trace(1);
        let ours = simulate(&trace, Policy::Ours(ruled()), &[]);
        let found = clairvoyant_ms(&trace, &ours, 1000, 1);
        assert!(bound_in_rounds_ms(&trace, 20) <= found, "{family:?}");
        assert!(found <= ours.makespan_ms, "{family:?}");
    }
}

#[test]
fn the_figures_hold_on_a_few_traces_of_each_family() {
    let traces = FAMILIES
        .iter()
        .flat_map(|family| seeds(2).map(|seed| family.trace(seed)));
    let some = traces.map(|trace| measured_in_rounds(&trace, ROUNDS));
    let figures = figures(&some.collect::<Vec<_>>());
    // What `cargo xtask bench fleet` gives on all traces stands in docs/BENCHMARKS.md; these are the same rules on fewer.
    assert!(figures.median <= MEDIAN_MAX, "{figures:?}");
    assert!(figures.p95 <= P95_MAX, "{figures:?}");
    assert!(figures.median < figures.proxy_median, "{figures:?}");
    assert!(figures.saved() >= 0.20, "{figures:?}");
}

/// A debug build has no time for the whole search of the bound.
const ROUNDS: usize = 100;
/// Rounded up from what was measured with that, the aims being 1.10 and 1.25: a change of the rules that is worse is seen.
const MEDIAN_MAX: f64 = 1.20;
const P95_MAX: f64 = 1.60;
