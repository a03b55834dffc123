//! The scheduler on several twins of Ollama that hold models in a real memory: real claims, real loads and calls over the wire; only
//! what an agent does with its answers is left out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use alai_core::company::ModelChoice;
use alai_core::task::{Priority, State};
use alai_mission::{Filter, RunState};
use alai_testkit::ollama::{Answer, Behaviour, Turn, TwinModel};

use super::*;

mod bounds;
mod follows;
mod order;
mod words;
mod world;

use world::{
    LARGE, MINUTE_MS, Machine, PATIENCE, PAUSE, SMALL, World, at, below, calls, ends, machine,
};

/// Tasks of two tiers on three hosts whose calls fail now and then and whose runs are lost now and then. `ALAI_FLEET_TASKS=1000` is the
/// long form (`cargo xtask fleet`); `ALAI_FLEET_SEED=N` draws the same failures again.
#[test]
fn many_mixed_tasks_never_exceed_a_slot_and_none_is_lost_or_done_twice() {
    let setting = |name: &str, usual| {
        let said = std::env::var(name).ok();
        said.map_or(usual, |text| text.parse::<usize>().expect("a number"))
    };
    let (count, seed) = (
        setting("ALAI_FLEET_TASKS", 200),
        setting("ALAI_FLEET_SEED", 7),
    );
    let drawn = Arc::new(AtomicUsize::new(seed));
    let fails = |drawn: &Arc<AtomicUsize>| {
        let drawn = Arc::clone(drawn);
        move |_: &serde_json::Value| match below(&drawn, 20) {
            0 => Answer::error(500, "the runner has died"),
            1 => Answer::Hangup,
            2 => Answer::busy(),
            _ => Answer::text("done"),
        }
    };
    let of = |models: &[(&str, f64)]| {
        models
            .iter()
            .map(|(n, b)| TwinModel::new(n, *b))
            .collect::<Vec<_>>()
    };
    let both = of(&[SMALL, LARGE]);
    let behaviour = |models: &Vec<TwinModel>| Behaviour::by(fails(&drawn)).models(models.clone());
    let machines = vec![
        at(
            "forge",
            behaviour(&both).sized(44_000_000_000, 3),
            3,
            44,
            "",
        ),
        at(
            "anvil",
            behaviour(&both).sized(50_000_000_000, 2),
            2,
            50,
            "",
        ),
        at(
            "tongs",
            behaviour(&of(&[SMALL])).sized(8_000_000_000, 4),
            4,
            8,
            "",
        ),
    ];
    let world = World::new(7, machines, "");
    for nth in 0..count {
        world.add(
            &format!("Task {nth}"),
            if nth % 3 == 0 { 5 } else { 2 },
            Priority::Medium,
        );
    }
    let ended = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (factory, drawn, ended) = (&world.factory, &drawn, &ended);
        world.until("all of it is done", || {
            while let Ok(claim) = world.claims.try_recv() {
                if factory.roster().seat(&claim.fence.run) == Some(None) {
                    // All that may serve it rests, by the world's clock.
                    factory.gain(10_000);
                }
                scope.spawn(move || {
                    let lost = below(drawn, 25) == 0;
                    let well = calls(factory, &claim) && !lost;
                    ends(factory, &claim, well, factory.now_ms());
                    ended.fetch_add(usize::from(well), Ordering::SeqCst);
                });
            }
            (ended.load(Ordering::SeqCst) >= count).then_some(())
        });
    });
    each_is_done_once(&world, count, seed);
    no_host_had_more_than_it_may(&world, count, [3, 2, 4]);
}

fn each_is_done_once(world: &World, count: usize, seed: usize) {
    let all = Filter {
        ended: true,
        ..Filter::default()
    };
    let tasks = world.factory.mission().tasks(&all).expect("tasks");
    assert_eq!(tasks.len(), count, "seed {seed}");
    for task in tasks {
        assert_eq!(task.state, State::Done, "seed {seed}: {task:?}");
        let runs = world.factory.mission().runs_of(task.id).expect("runs");
        let well = runs
            .iter()
            .filter(|run| run.state == RunState::Succeeded)
            .count();
        assert_eq!(well, 1, "seed {seed}: {runs:?}");
    }
}

fn no_host_had_more_than_it_may(world: &World, count: usize, slots: [usize; 3]) {
    let total: usize = world.machines.iter().map(|m| m.twin.chats().len()).sum();
    assert!(total >= count);
    for (machine, slots) in world.machines.iter().zip(slots) {
        let twin = &machine.twin;
        assert!(
            twin.in_flight_most() <= slots,
            "{}: {} in flight",
            machine.name,
            twin.in_flight_most()
        );
        // First words, which are no run's, never come on top of them.
        assert!(
            twin.busy_most() <= slots,
            "{}: {} at once",
            machine.name,
            twin.busy_most()
        );
        assert_eq!(twin.reloads(), 0, "{}", machine.name);
        let evicted = twin
            .turns()
            .into_iter()
            .filter(|t| matches!(t, Turn::Evicted(_)));
        assert_eq!(
            evicted.count(),
            0,
            "{} had to make room by itself",
            machine.name
        );
        assert!(!twin.chats().is_empty(), "{} did nothing", machine.name);
    }
}

#[test]
fn a_full_host_passes_work_to_an_equal_idle_one_and_the_claim_holds_that_place() {
    let machines = vec![
        machine("forge", 1, 100, &[SMALL], ""),
        machine("anvil", 1, 100, &[SMALL], ""),
    ];
    let world = World::new(4, machines, "");
    let tasks: Vec<TaskId> = (0..3)
        .map(|n| world.add(&format!("Task {n}"), 2, Priority::Medium))
        .collect();
    let (first, second) = (world.next(), world.next());
    let places = [world.place(&first).0, world.place(&second).0];
    assert!(
        places == ["forge", "anvil"] || places == ["anvil", "forge"],
        "{places:?}"
    );
    world.round();
    assert!(world.claims.try_recv().is_err(), "both are full");
    let said = world.factory.schedule();
    assert!(
        matches!(said.wait_of(tasks[2]), Some(WaitView::Host { most: 1, .. })),
        "{said:?}"
    );
    let host = &said.hosts[0];
    assert_eq!(
        (host.runs, host.slots, host.bound.as_str()),
        (1, 1, "its own `slots`")
    );
    // What became free is where the third one goes.
    world.ends(&second, true);
    let third = world.next();
    assert_eq!(world.place(&third), (places[1], "small".to_owned()));
}

#[test]
fn a_model_makes_room_for_another_drained_and_unloaded_by_word_and_never_evicted() {
    let world = World::new(2, vec![machine("forge", 2, 45, &[SMALL, LARGE], "")], "");
    world.add("Small", 2, Priority::Medium);
    let small = world.next();
    assert_eq!(world.place(&small), ("forge", "small".into()));
    let large = world.add("Large", 5, Priority::Medium);
    let forge = world.twin("forge");
    world.until("small takes no more work", || {
        let view = world.factory.schedule();
        view.hosts[0]
            .draining
            .iter()
            .any(|d| d.to == "large")
            .then_some(())
    });
    assert!(
        world.waits(large).contains("large"),
        "{}",
        world.waits(large)
    );
    assert!(
        !forge.turns().contains(&Turn::Loads("large".into())),
        "small is at work"
    );
    let more = world.add("More", 2, Priority::Medium);
    world.round();
    assert!(world.claims.try_recv().is_err(), "{}", world.waits(more));
    world.ends(&small, true);
    let next = world.next();
    assert_eq!(
        (next.fence.task, world.place(&next).1),
        (large, "large".into())
    );
    let moved: Vec<Turn> = forge.turns();
    let at = |turn: Turn| {
        moved
            .iter()
            .position(|t| *t == turn)
            .unwrap_or_else(|| panic!("{turn:?} in {moved:?}"))
    };
    assert!(
        at(Turn::Unloaded("small".into())) < at(Turn::Loads("large".into())),
        "{moved:?}"
    );
    assert!(forge.bytes_most() <= 45_000_000_000);
}

#[test]
fn work_of_a_model_that_is_never_loaded_starts_within_the_age() {
    let world = World::new(
        1,
        vec![machine("forge", 1, 45, &[SMALL, LARGE], "")],
        "[limits]\nmodel_wait_minutes = 20\n",
    );
    for nth in 0..40 {
        world.add(&format!("Small {nth}"), 2, Priority::High);
    }
    let first = world.next();
    let large = world.add("Large", 5, Priority::Low);
    let since_ms = world.now_ms();
    let mut running = first;
    loop {
        world.factory.gain(5 * MINUTE_MS);
        world.ends(&running, true);
        running = world.next();
        let waited_ms = world.now_ms() - since_ms;
        if running.fence.task == large {
            break;
        }
        assert!(
            waited_ms <= 26 * MINUTE_MS,
            "{waited_ms} ms: {:#?}",
            world.factory.schedule()
        );
    }
    assert_eq!(world.place(&running).1, "large");
}

#[test]
fn two_models_that_do_not_fit_together_take_turns_and_are_never_held_at_once() {
    let kimi = ("kimi", 400.0);
    let world = World::new(2, vec![machine("forge", 2, 244, &[SMALL, kimi], "")], "");
    for nth in 0..6 {
        world.add(
            &format!("Task {nth}"),
            if nth % 2 == 0 { 2 } else { 5 },
            Priority::Medium,
        );
    }
    for _ in 0..6 {
        let claim = world.next();
        world.ends(&claim, true);
    }
    let forge = world.twin("forge");
    assert!(
        forge.bytes_most() <= 244_000_000_000,
        "{}",
        forge.bytes_most()
    );
    let turns = forge.turns();
    assert!(
        !turns.iter().any(|t| matches!(t, Turn::Evicted(_))),
        "{turns:?}"
    );
    assert!(
        turns.contains(&Turn::Loaded("kimi".into()))
            && turns.contains(&Turn::Loaded("small".into()))
    );
}

#[test]
fn what_can_never_stand_beside_what_is_kept_is_refused_with_the_arithmetic() {
    let kept = "models = { small = { keep = true } }";
    let machines = vec![machine("forge", 1, 242, &[SMALL, ("kimi", 400.0)], kept)];
    let world = World::new(1, machines, "");
    let found = world.factory.models().found();
    let why = found.hosts[0].refused.get("kimi").expect("it is refused");
    assert!(
        why.contains("240.0 GB") && why.contains("4.8 GB") && why.contains("242.0 GB"),
        "{why}"
    );
    assert!(!found.hosts[0].refused.contains_key("small"));
    // What a person wants to be kept is loaded before anybody asks for it.
    world.until("small is there", || {
        world
            .twin("forge")
            .turns()
            .contains(&Turn::Loaded("small".into()))
            .then_some(())
    });
    // The largest that is left stands for the tier.
    world.add("Strong", 5, Priority::Medium);
    let claim = world.next();
    assert_eq!(world.place(&claim).1, "small");
}

#[test]
fn a_task_that_is_done_again_goes_back_to_where_its_beginning_is_known() {
    let machines = vec![
        machine("forge", 2, 100, &[SMALL], ""),
        machine("anvil", 2, 100, &[SMALL], ""),
    ];
    let world = World::new(4, machines, "");
    let tasks: Vec<TaskId> = (0..4)
        .map(|n| world.add(&format!("Task {n}"), 2, Priority::Medium))
        .collect();
    let claims: Vec<Claim> = (0..4).map(|_| world.next()).collect();
    let of = |claims: &[Claim], task: TaskId| {
        let claim = claims
            .iter()
            .find(|claim| claim.fence.task == task)
            .expect("it was claimed");
        world.place(claim).0
    };
    let before: Vec<&str> = tasks.iter().map(|task| of(&claims, *task)).collect();
    assert!(
        before.contains(&"forge") && before.contains(&"anvil"),
        "{before:?}"
    );
    for claim in &claims {
        world.ends(claim, false);
    }
    let again: Vec<Claim> = (0..4).map(|_| world.next()).collect();
    let after: Vec<&str> = tasks.iter().map(|task| of(&again, *task)).collect();
    assert_eq!(after, before);
}

#[test]
fn a_load_that_fails_costs_no_task_an_attempt_and_is_tried_again_later() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    let forge = world.twin("forge");
    forge.loads_fail(Some(
        "llama runner process has terminated: cudaMalloc failed: out of memory",
    ));
    let task = world.add("Task", 2, Priority::Medium);
    let models = world.factory.models();
    let why = world.until("the load has failed", || {
        models.why_unloadable(world.factory.now_ms())
    });
    assert!(why.contains("out of memory"), "{why}");
    // Nobody else is asked, so the run that says so is given out; what it ends with is the reason.
    let claim = world.next();
    assert_eq!(
        (
            claim.fence.task,
            world.factory.roster().seat(&claim.fence.run)
        ),
        (task, Some(None))
    );
    let none = models.why_none(
        &ModelChoice::Tier(2),
        0,
        crate::models::Reach::Near,
        world.factory.now_ms(),
    );
    assert!(
        none.contains("cannot be loaded") || none.contains("can be loaded"),
        "{none}"
    );
    assert!(none.contains("out of memory"), "{none}");
    assert!(forge.chats().is_empty(), "nothing was asked");
}

#[test]
fn a_load_may_take_as_long_as_a_person_says_and_is_ended_then() {
    let bound = "timeouts = { load_s = 1 }";
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], bound)], "");
    let forge = world.twin("forge");
    forge.loads_stand_still(true);
    let task = world.add("Task", 2, Priority::Medium);
    let models = world.factory.models();
    let why = world.until("the load is given up", || {
        models.why_unloadable(world.factory.now_ms())
    });
    assert!(why.contains("it took longer than 1 s"), "{why}");
    world.until("the host knows it", || {
        let aborted = Turn::LoadAborted("small".into());
        forge.turns().contains(&aborted).then_some(())
    });
    let counters = world.factory.mission().task(task).expect("there").counters;
    assert_eq!(counters.infra_attempts, 0);
}

/// Ollama issue 14364.
#[test]
fn a_model_that_hangs_while_it_goes_costs_no_task_an_attempt_and_is_told() {
    let machines = vec![machine("forge", 1, 45, &[SMALL, LARGE], "")];
    let world = World::new(1, machines, "");
    world.add("Small", 2, Priority::Medium);
    let small = world.next();
    let forge = world.twin("forge");
    forge.models_hang_when_they_go(true);
    world.ends(&small, true);
    let large = world.add("Large", 5, Priority::Medium);
    let is_order = |seen: &alai_testkit::ollama::Seen| seen.body["keep_alive"] == 0;
    world.until("small was told to go", || {
        forge.requests().iter().any(is_order).then_some(())
    });
    world.factory.gain(121_000);
    let models = world.factory.models();
    let why = world.until("that is given up", || {
        models.why_unloadable(world.factory.now_ms())
    });
    assert!(
        why.contains("large on ")
            && why.contains("small was told to go")
            && why.contains("Stopping"),
        "{why}"
    );
    forge.models_hang_when_they_go(false);
    let served = world.until("its host is well again", || {
        let claim = world.claims.try_recv().ok()?;
        if world.factory.roster().seat(&claim.fence.run) == Some(None) {
            // Nobody else is there: the run says so, and its task waits.
            world.ends(&claim, false);
            world.factory.gain(31_000);
            return None;
        }
        Some(claim)
    });
    assert_eq!(served.fence.task, large);
    assert_eq!(world.place(&served), ("forge", "large".into()));
    assert_eq!(served.task.counters.infra_attempts, 0);
    assert!(forge.bytes_most() <= 45_000_000_000);
}

#[test]
fn a_model_that_says_no_word_is_given_no_run() {
    let mute = Behaviour::by(|_| Answer::Lines(vec![Answer::done("stop")])).hearing_first_words();
    let mute = mute.models([TwinModel::new("small", 8.0)]);
    let machines = vec![
        at("forge", mute.sized(100_000_000_000, 1), 1, 100, ""),
        machine("anvil", 1, 100, &[SMALL], ""),
    ];
    let world = World::new(1, machines, "");
    world.add("Task", 2, Priority::Medium);
    let claim = world.next();
    assert_eq!(world.place(&claim).0, "anvil");
    let models = world.factory.models();
    let why = models
        .why_unloadable(world.factory.now_ms())
        .expect("forge was asked first");
    assert!(why.contains("says no word"), "{why}");
}

#[test]
fn a_host_that_is_loading_is_not_taken_for_lost_and_a_stop_ends_the_load() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    let forge = world.twin("forge");
    forge.loads_stand_still(true);
    let task = world.add("Task", 2, Priority::Medium);
    world.until("the load is under way", || {
        forge
            .turns()
            .contains(&Turn::Loads("small".into()))
            .then_some(())
    });
    world.round();
    assert!(
        world.claims.try_recv().is_err(),
        "nothing is given to a model that is not there"
    );
    assert!(
        world.waits(task).contains("is being loaded"),
        "{}",
        world.waits(task)
    );
    assert_eq!(
        world.factory.schedule().hosts[0]
            .loading
            .as_ref()
            .map(|l| l.model.as_str()),
        Some("small")
    );
    let models = world.factory.models();
    let chosen = models.choose(
        &ModelChoice::Tier(2),
        0,
        crate::models::Reach::Near,
        world.factory.now_ms(),
    );
    assert!(chosen.is_some(), "it may be asked");
    forge.loads_stand_still(false);
    let claim = world.next();
    assert_eq!(claim.fence.task, task);
}

#[test]
fn a_stop_while_a_model_is_loaded_aborts_the_load() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    world.twin("forge").loads_stand_still(true);
    world.add("Task", 2, Priority::Medium);
    world.until("the load is under way", || {
        let turns = world.twin("forge").turns();
        turns.contains(&Turn::Loads("small".into())).then_some(())
    });
    world.factory.stop();
    let began = Instant::now();
    while !world
        .twin("forge")
        .turns()
        .contains(&Turn::LoadAborted("small".into()))
    {
        assert!(began.elapsed() < PATIENCE, "the connection stays open");
        std::thread::sleep(PAUSE);
    }
    // A process that has just begun has forgotten it, and finds out what there is.
    let held = alai_fleet::resident(&world.ollama(), &|| false).expect("it answers");
    assert_eq!(held, []);
}

impl World {
    fn ollama(&self) -> alai_fleet::OllamaHost {
        let url = self.machines[0].twin.url();
        alai_fleet::OllamaHost::parse(&url).expect("a host")
    }
}

#[test]
fn what_other_programs_do_to_a_host_is_seen_and_respected() {
    let world = World::new(1, vec![machine("forge", 1, 45, &[SMALL, LARGE], "")], "");
    let forge = world.twin("forge");
    world.add("First", 2, Priority::Medium);
    let first = world.next();
    world.ends(&first, true);
    // Somebody sends our model away: it is loaded again before the next run is given to it.
    forge.somebody_holds("small", None);
    loads::look_now(&world.factory);
    world.add("Second", 2, Priority::Medium);
    let second = world.next();
    let loads = forge
        .turns()
        .into_iter()
        .filter(|t| *t == Turn::Loads("small".into()))
        .count();
    assert_eq!(loads, 2);
    world.ends(&second, true);
    // Somebody holds more than large would leave: large is not loaded beside it.
    forge.somebody_holds("theirs", Some(20_000_000_000));
    loads::look_now(&world.factory);
    let large = world.add("Third", 5, Priority::Medium);
    for _ in 0..20 {
        world.round();
    }
    assert!(world.claims.try_recv().is_err());
    assert!(!forge.turns().contains(&Turn::Loads("large".into())));
    let why = world.waits(large);
    assert!(
        why.contains("large has no room on forge beside what somebody else holds"),
        "{why}"
    );
    assert_eq!(world.factory.schedule().hosts[0].foreign, 20_000_000_000);
    forge.somebody_holds("theirs", None);
    loads::look_now(&world.factory);
    let third = world.next();
    assert_eq!(third.fence.task, large);
}

#[test]
fn a_refused_paid_candidate_falls_through_to_a_free_one_at_once() {
    let free = machine("anvil", 1, 100, &[("small", 9.0)], "");
    let paid = machine("forge", 1, 100, &[SMALL], "tiers = [2]");
    let url = paid.twin.url();
    let more = format!("[money]\npaid_hosts = [\"{url}\"]\n");
    let world = World::new(2, vec![paid, free], &more);
    let task = world.add("Task", 2, Priority::Medium);
    let claim = world.next();
    assert_eq!(
        (claim.fence.task, world.place(&claim)),
        (task, ("anvil", "small".into()))
    );
    assert!(
        world
            .twin("forge")
            .requests()
            .iter()
            .all(|seen| seen.path != "/api/chat")
    );
}
