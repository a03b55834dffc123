//! Whose turn it is.

use alai_core::ids::RunId;
use alai_core::task::{Need, NewTask, Until};

use super::*;

#[test]
fn the_longest_path_goes_first_and_priority_before_it() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    let mission = world.factory.mission();
    world.add("Short", 2, Priority::Medium);
    let long = world.add("Long", 2, Priority::Medium);
    let urgent = world.add("Urgent", 2, Priority::High);
    let mut behind = long;
    for nth in 0..3 {
        let task = NewTask {
            project: Some(world.project),
            needs: vec![Need {
                task: behind,
                until: Until::Done,
            }],
            ..NewTask::new(TaskKind::Build, format!("Behind {nth}"))
        };
        behind = mission
            .add(task, None, "t", world.factory.now_ms())
            .expect("new");
    }
    for expected in [urgent, long] {
        let claim = world.next();
        assert_eq!(claim.fence.task, expected);
        let run: &RunId = &claim.fence.run;
        assert!(world.factory.roster().seat(run).is_some());
        world.ends(&claim, true);
    }
}

#[test]
fn what_is_old_when_a_process_begins_stays_behind_what_is_urgent() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    world.add("Old", 2, Priority::Low);
    world.factory.gain(2 * 60 * MINUTE_MS);
    let urgent = world.add("Urgent", 2, Priority::High);
    assert_eq!(world.next().fence.task, urgent);
}

#[test]
fn work_for_a_free_host_is_not_hidden_behind_all_that_waits_for_a_full_one() {
    let machines = vec![
        machine("forge", 1, 100, &[SMALL], ""),
        machine("anvil", 1, 100, &[LARGE], ""),
    ];
    let world = World::new(2, machines, "");
    for nth in 0..=WANTED_MAX {
        world.add(&format!("Small {nth}"), 2, Priority::High);
    }
    let large = world.add("Large", 5, Priority::Medium);
    let claims = [world.next(), world.next()];
    let places = claims.each_ref().map(|claim| world.place(claim).0);
    assert!(
        places.contains(&"forge") && places.contains(&"anvil"),
        "{places:?}"
    );
    assert!(claims.iter().any(|claim| claim.fence.task == large));
}

/// What a run took is what the next process expects.
#[test]
fn how_long_work_takes_is_known_to_the_next_process() {
    let mut world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    world.add("First", 2, Priority::Medium);
    let claim = world.next();
    world.factory.gain(7 * MINUTE_MS);
    world.ends(&claim, true);
    let place = At {
        host: world.twin("forge").url(),
        model: SMALL.0.to_owned(),
    };
    let known = |world: &World| {
        let known = world.factory.roster().lock();
        (
            known.speeds.run_ms(TaskKind::Build, &place),
            known.speeds.load_ms(&place).is_some(),
        )
    };
    let before = known(&world);
    assert!(before.0 >= Some(7 * MINUTE_MS) && before.1, "{before:?}");
    world.factory.roster().keep(&world.factory.home().speeds());
    world.opens_again();
    assert_eq!(known(&world), before);
    std::fs::write(world.factory.home().speeds(), "no JSON").expect("written");
    world.opens_again();
    assert_eq!(known(&world), (None, false));
}
