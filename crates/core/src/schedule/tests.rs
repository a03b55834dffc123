//! Single decisions, as people would ask for them.

use super::*;

const GB: u64 = 1_000_000_000;
const BIG: HostId = HostId(0);
const A: ModelId = ModelId(0);
const B: ModelId = ModelId(1);

/// Hosts by name, slots and gigabytes; models by name and gigabytes. Every host has every model: two slots, ten seconds to load.
fn fleet(hosts: &[(&str, u32, u64)], models: &[(&str, u64)]) -> Fleet {
    let place = Some(Place {
        slots: 2,
        load_ms: 10_000,
        pinned: false,
    });
    Fleet {
        hosts: hosts
            .iter()
            .map(|(name, slots, gb)| Host {
                name: (*name).to_owned(),
                slots: *slots,
                memory: gb * GB,
                local: true,
            })
            .collect(),
        models: models
            .iter()
            .map(|(name, gb)| Model {
                name: (*name).to_owned(),
                bytes: gb * GB,
                keep_alive_ms: 300_000,
            })
            .collect(),
        places: vec![vec![place; models.len()]; hosts.len()],
        slots: None,
    }
}

fn job(id: u64, model: ModelId, hosts: usize, expected_ms: i64) -> Job {
    Job {
        id: JobId(id),
        rank_ms: expected_ms,
        path_ms: expected_ms,
        arrived_ms: 0,
        local_only: false,
        sticky: None,
        choices: (0..hosts)
            .map(|host| Choice {
                host: HostId(host),
                model,
                expected_ms,
            })
            .collect(),
    }
}

/// Decides and applies; gives the effects.
fn step(state: &mut State, now_ms: i64) -> Vec<Effect> {
    let effects: Vec<Effect> = decide(state, now_ms).iter().map(|one| one.effect).collect();
    for effect in &effects {
        state.apply(*effect, now_ms).unwrap();
    }
    effects
}

fn attempt(state: &State, id: u64) -> u64 {
    let running = state.running().iter();
    running
        .filter(|running| running.job.id == JobId(id))
        .map(|running| running.attempt)
        .next()
        .unwrap()
}

#[test]
fn a_model_that_makes_room_is_drained_then_unloaded_and_the_other_loaded() {
    let mut state = State::new(
        fleet(&[("forge", 2, 50)], &[("a", 40), ("b", 40)]),
        Rules::default(),
    );
    state.loaded(BIG, A, 0);
    assert!(state.add(job(1, A, 1, 60_000)));
    assert_eq!(
        step(&mut state, 0),
        [Effect::Start {
            job: JobId(1),
            host: BIG,
            model: A
        }]
    );
    assert!(state.add(job(2, B, 1, 60_000)));
    assert_eq!(
        step(&mut state, 20_000),
        [Effect::Drain {
            host: BIG,
            model: A,
            to: B
        }]
    );
    assert_eq!(step(&mut state, 30_000), [], "it is at work");
    assert!(state.ended(JobId(1), attempt(&state, 1), 60_000).is_some());
    let swap = [
        Effect::Unload {
            host: BIG,
            model: A,
        },
        Effect::Preload {
            host: BIG,
            model: B,
        },
    ];
    assert_eq!(step(&mut state, 60_000), swap);
    assert_eq!(step(&mut state, 65_000), []);
    state.loaded(BIG, B, 70_000);
    assert_eq!(
        step(&mut state, 70_000),
        [Effect::Start {
            job: JobId(2),
            host: BIG,
            model: B
        }]
    );
}

#[test]
fn a_batch_of_one_model_is_finished_before_a_little_work_of_another() {
    let mut state = State::new(
        fleet(&[("forge", 2, 50)], &[("a", 40), ("b", 40)]),
        Rules::default(),
    );
    state.loaded(BIG, A, 0);
    for id in 1..=6 {
        state.add(job(id, A, 1, 60_000));
    }
    state.add(job(7, B, 1, 5_000));
    let effects = step(&mut state, 20_000);
    assert_eq!(effects.len(), 2, "{effects:?}");
    assert!(
        effects
            .iter()
            .all(|effect| matches!(effect, Effect::Start { model: A, .. }))
    );
    // Past the age the little one is not passed over any more.
    let late = 20_000 + state.rules().age_ms_max;
    let effects = step(&mut state, late);
    assert!(
        effects.contains(&Effect::Drain {
            host: BIG,
            model: A,
            to: B
        }),
        "{effects:?}"
    );
}

#[test]
fn a_drain_that_nothing_waits_for_any_more_is_called_off() {
    let mut state = State::new(
        fleet(&[("forge", 2, 50)], &[("a", 40), ("b", 40)]),
        Rules::default(),
    );
    state.loaded(BIG, A, 0);
    state.add(job(1, A, 1, 60_000));
    step(&mut state, 0);
    state.add(job(2, B, 1, 60_000));
    step(&mut state, 20_000);
    assert!(state.withdraw(JobId(2)).is_some());
    let decisions = decide(&state, 25_000);
    assert_eq!(
        decisions[0].effect,
        Effect::Keep {
            host: BIG,
            model: A
        }
    );
    let words = decisions[0]
        .reason
        .words(&decisions[0].effect, state.fleet(), &|id| {
            format!("job {}", id.0)
        });
    assert_eq!(
        words,
        "a on forge takes calls again: nothing waits for b there any more"
    );
}

/// A look at the host finds the very model that others are drained for.
#[test]
fn a_drain_for_a_model_that_is_there_already_is_called_off() {
    let mut state = State::new(
        fleet(&[("forge", 2, 50)], &[("a", 40), ("b", 40)]),
        Rules::default(),
    );
    state.loaded(BIG, A, 0);
    state.add(job(1, A, 1, 60_000));
    step(&mut state, 0);
    state.add(job(2, B, 1, 60_000));
    let drains = step(&mut state, 20_000);
    assert!(matches!(drains[..], [Effect::Drain { .. }]), "{drains:?}");
    state.loaded(BIG, B, 21_000);
    let decisions = decide(&state, 22_000);
    let words = decisions[0]
        .reason
        .words(&decisions[0].effect, state.fleet(), &|id| {
            format!("job {}", id.0)
        });
    assert_eq!(words, "a on forge takes calls again: b is there already");
    let told = step(&mut state, 22_000);
    assert!(matches!(
        state.residence(BIG, A),
        Residence::Resident { .. }
    ));
    assert!(matches!(
        state.residence(BIG, B),
        Residence::Resident { .. }
    ));
    let starts = Effect::Start {
        job: JobId(2),
        host: BIG,
        model: B,
    };
    assert!(told.contains(&starts), "{told:?}");
    // Nothing is unloaded or loaded for it afterwards either.
    state.ended(JobId(1), attempt(&state, 1), 60_000);
    let later = step(&mut state, 60_000);
    assert!(later.is_empty(), "{later:?}");
}

/// A look at the host finds what nobody ordered: the drain that was begun does not make room any more.
#[test]
fn a_drain_that_does_not_make_room_any_more_loads_nothing_beyond_the_memory() {
    let mut state = State::new(
        fleet(&[("forge", 2, 50)], &[("a", 40), ("b", 40), ("c", 20)]),
        Rules::default(),
    );
    state.loaded(BIG, A, 0);
    state.add(job(1, A, 1, 60_000));
    step(&mut state, 0);
    state.add(job(2, B, 1, 60_000));
    let drains = step(&mut state, 20_000);
    assert!(matches!(drains[..], [Effect::Drain { .. }]), "{drains:?}");
    state.loaded(BIG, ModelId(2), 21_000);
    state.ended(JobId(1), attempt(&state, 1), 60_000);
    let decisions = decide(&state, 60_000);
    let words = decisions[0]
        .reason
        .words(&decisions[0].effect, state.fleet(), &|id| {
            format!("job {}", id.0)
        });
    assert_eq!(
        words,
        "a on forge takes calls again: b would have no room there without it either, beside what else holds memory now"
    );
    let mut told = step(&mut state, 60_000);
    told.extend(step(&mut state, 60_000));
    assert!(told.contains(&Effect::Unload {
        host: BIG,
        model: A
    }));
    assert!(state.held_bytes(BIG) <= 50 * GB, "{told:?}");
    assert!(matches!(state.residence(BIG, B), Residence::Loading { .. }));
}

#[test]
fn a_run_stays_where_its_prompt_is_unless_another_host_is_much_earlier() {
    let two = fleet(&[("one", 1, 50), ("two", 1, 50)], &[("a", 40)]);
    let mut state = State::new(two, Rules::default());
    state.loaded(HostId(0), A, 0);
    state.loaded(HostId(1), A, 0);
    let sticky = |saves_ms| {
        let mut job = job(1, A, 2, 60_000);
        job.sticky = Some(Sticky {
            host: HostId(1),
            model: A,
            saves_ms,
        });
        job
    };
    state.add(sticky(5_000));
    let decisions = decide(&state, 0);
    assert_eq!(
        decisions[0].effect,
        Effect::Start {
            job: JobId(1),
            host: HostId(1),
            model: A
        }
    );
    assert_eq!(
        decisions[0].reason,
        Reason::EndsFirstSticky {
            expected_ms: 55_000,
            saves_ms: 5_000
        }
    );
    state.withdraw(JobId(1));
    let mut other = job(2, A, 2, 30_000);
    other.choices.remove(0);
    state.add(other);
    step(&mut state, 0);
    state.add(sticky(5_000));
    let effects = step(&mut state, 0);
    assert_eq!(
        effects,
        [Effect::Start {
            job: JobId(1),
            host: HostId(0),
            model: A
        }],
        "the other waits 30 s"
    );
}

#[test]
fn the_narrowest_limit_is_named() {
    let mut fleet = fleet(&[("forge", 3, 50)], &[("a", 20), ("b", 20)]);
    let named = |fleet: &Fleet, running: u64| {
        let mut state = State::new(fleet.clone(), Rules::default());
        state.loaded(BIG, A, 0);
        state.loaded(BIG, B, 0);
        for id in 0..running {
            state.add(job(id, [A, B][usize::from(id % 2 == 1)], 1, 1_000));
        }
        step(&mut state, 0);
        room(&state, BIG, A)
    };
    assert_eq!(
        named(&fleet, 0),
        Room {
            free: 2,
            bound: Bound::Place(2)
        }
    );
    assert_eq!(
        named(&fleet, 3),
        Room {
            free: 0,
            bound: Bound::Host(3)
        }
    );
    fleet.slots = Some(1);
    assert_eq!(
        named(&fleet, 0),
        Room {
            free: 1,
            bound: Bound::Fleet(1)
        }
    );
    assert_eq!(
        named(&fleet, 1).bound.to_string(),
        "1 at once in the whole fleet"
    );
    let mut down = State::new(fleet, Rules::default());
    down.down(BIG);
    assert_eq!(
        room(&down, BIG, A),
        Room {
            free: 0,
            bound: Bound::Down
        }
    );
}

#[test]
fn a_job_of_a_host_that_went_down_waits_again_and_its_late_report_counts_for_nothing() {
    let mut state = State::new(
        fleet(&[("one", 2, 50), ("two", 2, 50)], &[("a", 40)]),
        Rules::default(),
    );
    state.loaded(HostId(0), A, 0);
    state.add(job(1, A, 2, 60_000));
    assert_eq!(
        step(&mut state, 0)[0],
        Effect::Start {
            job: JobId(1),
            host: HostId(0),
            model: A
        }
    );
    let first = attempt(&state, 1);
    assert_eq!(state.down(HostId(0)), [JobId(1)]);
    assert_eq!(
        step(&mut state, 10_000),
        [Effect::Preload {
            host: HostId(1),
            model: A
        }],
        "the same model elsewhere"
    );
    state.loaded(HostId(1), A, 20_000);
    step(&mut state, 20_000);
    assert_eq!(state.ended(JobId(1), first, 25_000), None);
    let second = attempt(&state, 1);
    assert!(state.ended(JobId(1), second, 80_000).is_some());
    assert_eq!(state.ended(JobId(1), second, 80_000), None, "once");
}

#[test]
fn what_must_stay_here_waits_rather_than_go_elsewhere() {
    let mut fleet = fleet(&[("theirs", 2, 50), ("mine", 1, 50)], &[("a", 40)]);
    fleet.hosts[0].local = false;
    let mut state = State::new(fleet, Rules::default());
    state.loaded(HostId(0), A, 0);
    let mut secret = job(1, A, 2, 60_000);
    secret.local_only = true;
    state.add(secret);
    assert_eq!(
        step(&mut state, 0),
        [Effect::Preload {
            host: HostId(1),
            model: A
        }]
    );
    state.down(HostId(1));
    assert_eq!(step(&mut state, 3_600_000), []);
    let elsewhere = Effect::Start {
        job: JobId(1),
        host: HostId(0),
        model: A,
    };
    assert_eq!(state.apply(elsewhere, 0), Err(Misfit::NotAllowed));
}

#[test]
fn an_effect_that_does_not_fit_changes_nothing() {
    let mut state = State::new(
        fleet(&[("forge", 1, 256)], &[("kimi", 240), ("qwen", 20)]),
        Rules::default(),
    );
    state
        .apply(
            Effect::Preload {
                host: BIG,
                model: A,
            },
            0,
        )
        .unwrap();
    assert_eq!(
        state.apply(
            Effect::Preload {
                host: BIG,
                model: B
            },
            0
        ),
        Err(Misfit::Loader)
    );
    state.loaded(BIG, A, 0);
    assert_eq!(
        state.apply(
            Effect::Preload {
                host: BIG,
                model: B
            },
            0
        ),
        Err(Misfit::Memory),
        "never both"
    );
    let start = |id| Effect::Start {
        job: JobId(id),
        host: BIG,
        model: A,
    };
    assert_eq!(state.apply(start(1), 0), Err(Misfit::NotReady));
    state.add(job(1, A, 1, 1_000));
    state.add(job(2, A, 1, 1_000));
    state.apply(start(1), 0).unwrap();
    assert!(matches!(
        state.apply(start(2), 0),
        Err(Misfit::NoSlot(Room {
            bound: Bound::Host(1),
            ..
        }))
    ));
    assert_eq!(
        state.apply(
            Effect::Unload {
                host: BIG,
                model: A
            },
            0
        ),
        Err(Misfit::Busy)
    );
    assert_eq!(state.ready().len(), 1);
}

#[test]
fn a_placement_that_never_fits_is_refused_with_its_arithmetic() {
    let mut fleet = fleet(&[("forge", 1, 256)], &[("kimi", 240), ("qwen", 20)]);
    assert_eq!(placement::check(&fleet), Ok(()), "they take turns");
    fleet.places[0][1].as_mut().unwrap().pinned = true;
    let words = |fleet: &Fleet| {
        placement::check(fleet)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(&fleet),
        [
            "forge cannot hold kimi 240.0 GB + qwen 20.0 GB at once = 260.0 GB, 4.0 GB more than the 256.0 GB that models may \
          use there; qwen is never unloaded: keep it no longer, or place one of them on another host"
        ]
    );
    fleet.hosts[0].memory = 200 * GB;
    let refused = words(&fleet);
    assert!(
        refused[0].contains("kimi does not fit on forge: it needs 240.0 GB of the 200.0 GB"),
        "{refused:?}"
    );
    fleet.places[0][1].as_mut().unwrap().slots = 0;
    assert!(words(&fleet)[1].contains("no slots"), "{:?}", words(&fleet));
}

/// A fast host that loads another model, a slow one that has the model that is wanted, and room for one on each.
fn fast_and_slow(fast_ms: i64, slow_ms: i64) -> State {
    const SLOW: HostId = HostId(1);
    let hosts = [("fast", 1, 50), ("slow", 1, 50)];
    let mut state = State::new(fleet(&hosts, &[("a", 40), ("b", 40)]), Rules::default());
    state.loaded(SLOW, A, 0);
    let load = Effect::Preload {
        host: BIG,
        model: B,
    };
    state.apply(load, 0).unwrap();
    let mut long = job(1, A, 2, fast_ms);
    long.choices[1].expected_ms = slow_ms;
    assert!(state.add(long));
    assert!(state.add(job(2, B, 1, 5_000)));
    state
}

fn starts_of(state: &State, id: u64, now_ms: i64) -> usize {
    let effects = decide(state, now_ms).into_iter().map(|one| one.effect);
    let starts =
        effects.filter(|effect| matches!(effect, Effect::Start { job, .. } if *job == JobId(id)));
    starts.count()
}

#[test]
fn a_long_job_waits_for_a_fast_place_that_is_to_come_rather_than_start_on_a_slow_one() {
    let mut state = fast_and_slow(60_000, 900_000);
    assert_eq!(starts_of(&state, 1, 0), 0, "15 s until it can be loaded");
    // And it does get it.
    let now = 10_000;
    state.loaded(BIG, B, now);
    assert!(step(&mut state, now).contains(&Effect::Start {
        job: JobId(2),
        host: BIG,
        model: B
    }));
    assert_eq!(starts_of(&state, 1, now), 0);
    let ended = state.ended(JobId(2), attempt(&state, 2), 15_000);
    assert!(ended.is_some());
    let swap = [
        Effect::Unload {
            host: BIG,
            model: B,
        },
        Effect::Preload {
            host: BIG,
            model: A,
        },
    ];
    // It came for its work, and its turn is paid for when as long as its load has passed.
    assert_eq!(step(&mut state, 20_000), swap);
    state.loaded(BIG, A, 30_000);
    assert_eq!(starts_of(&state, 1, 30_000), 1);
}

#[test]
fn a_job_starts_on_a_slow_place_when_waiting_brings_nothing_or_it_has_waited_too_long() {
    assert_eq!(
        starts_of(&fast_and_slow(60_000, 62_000), 1, 0),
        1,
        "as fast"
    );
    let age = Rules::default().age_ms_max;
    assert_eq!(starts_of(&fast_and_slow(60_000, 900_000), 1, age), 1);
    // Nothing happens on the fast host, and nothing will: it is down.
    let mut state = fast_and_slow(60_000, 900_000);
    state.down(BIG);
    assert_eq!(starts_of(&state, 1, 0), 1);
}

#[test]
fn a_free_host_is_not_kept_empty_by_a_run_on_a_faster_one_that_does_not_end() {
    const SLOW: HostId = HostId(1);
    let hosts = [("fast", 1, 50), ("slow", 1, 50)];
    let mut state = State::new(fleet(&hosts, &[("a", 40)]), Rules::default());
    state.loaded(BIG, A, 0);
    state.loaded(SLOW, A, 0);
    assert!(state.add(job(1, A, 1, 10_000)));
    assert_eq!(step(&mut state, 0).len(), 1);
    let mut next = job(2, A, 2, 10_000);
    next.choices[1].expected_ms = 60_000;
    assert!(state.add(next));
    assert_eq!(starts_of(&state, 2, 15_000), 0, "a little late is noise");
    // Ten minutes late: what has lasted so long is not about to end.
    assert_eq!(starts_of(&state, 2, 600_000), 1);
}

/// A short call of a project whose turn it is, and two long ones of another: the second of them is what ends last.
#[test]
fn who_goes_first_says_nothing_of_when_work_ends() {
    let mut fleet = fleet(&[("forge", 1, 50), ("anvil", 1, 50)], &[("a", 40)]);
    for row in &mut fleet.places {
        row[0] = row[0].map(|place| Place {
            load_ms: 60_000,
            ..place
        });
    }
    let anvil = HostId(1);
    let mut state = State::new(fleet, Rules::default());
    state.loaded(BIG, A, 0);
    state.add(Job {
        rank_ms: 1_000_000_000,
        ..job(1, A, 2, 20_000)
    });
    state.add(job(2, A, 2, 150_000));
    state.add(job(3, A, 2, 150_000));
    let load = Effect::Preload {
        host: anvil,
        model: A,
    };
    let effects = step(&mut state, 0);
    assert!(effects.contains(&load), "{effects:?}");
}

#[test]
fn ranks_are_the_longest_paths_and_a_circle_ends() {
    assert_eq!(
        ranks(&[10, 20, 5, 1], &[vec![], vec![0], vec![0], vec![1, 2]]),
        [31, 21, 6, 1]
    );
    assert_eq!(ranks(&[1, 2], &[vec![1], vec![0, 9]]), [1, 2]);
}
