//! What is never given out: beyond a limit, without a place, or again and again.

use alai_core::pipeline::Effect as Then;
use alai_core::task::NewTask;
use alai_mission::Borrowed;

use super::*;
use crate::run::{RunError, conclude};
use crate::work::{Desk, candidates_for};

#[test]
fn a_task_is_given_out_again_while_the_run_that_lost_it_still_ends() {
    let world = World::new(2, vec![machine("forge", 2, 100, &[SMALL], "")], "");
    let task = world.add("Task", 2, Priority::Medium);
    let first = world.next();
    let again = Then::Retry {
        why: "taken".into(),
        findings: Vec::new(),
        counters: first.task.counters,
        run_at_ms: 0,
    };
    let lost = vec![(first.fence.run.clone(), again)];
    let mission = world.factory.mission();
    mission
        .recover(lost, "taken", world.now_ms())
        .expect("it is live");
    // Its thread has not ended: its place is taken, and the task has another one.
    assert!(world.factory.roster().seat(&first.fence.run).is_some());
    let second = world.next();
    assert_eq!(second.fence.task, task);
    assert_ne!(second.fence.run, first.fence.run);
}

/// Tasks that wait, more than a beat should ever try one by one.
const MANY: usize = 20;

impl World {
    /// The rounds of one beat.
    fn rounds(&self) -> usize {
        let begun = |claim| self.begun.send(claim).expect("the test listens");
        let (mut beat, now_ms) = (Beat::of(&self.factory), self.now_ms());
        let another = |_: &usize| {
            a_round(&self.factory, &mut beat, now_ms, &begun).expect("the store answers")
        };
        1 + (0..ROUNDS_MAX).take_while(another).count()
    }

    fn add_many(&self) -> Vec<TaskId> {
        let add = |nth| self.add(&format!("Task {nth}"), 2, Priority::Medium);
        (0..MANY).map(add).collect()
    }

    /// A claim that was given no place, because no model could be loaded, and the same fleet with one that can be.
    fn displaced(&self) -> Claim {
        let forge = self.twin("forge");
        forge.loads_fail(Some("out of memory"));
        self.add("Task", 2, Priority::Medium);
        let claim = self.next();
        assert_eq!(self.factory.roster().seat(&claim.fence.run), Some(None));
        forge.loads_fail(None);
        self.factory.gain(60 * MINUTE_MS);
        let reach = crate::models::Reach::Near;
        let candidates = candidates_for(&self.factory, &claim.task, reach, self.now_ms());
        assert!(!candidates.is_empty(), "it may be asked again");
        claim
    }
}

#[test]
fn a_run_without_a_model_takes_a_slot_of_all_and_nothing_is_tried_in_vain() {
    // No project's own limit keeps its tasks out of the picture.
    let more = "[limits]\nper_project = 10\n";
    let world = World::new(2, vec![machine("forge", 4, 100, &[SMALL], "")], more);
    let postflight = NewTask {
        project: Some(world.project),
        ..NewTask::new(TaskKind::Postflight, "Sum")
    };
    let mission = world.factory.mission();
    mission
        .add(postflight, None, "t", world.now_ms())
        .expect("new");
    let sums = world.next();
    assert_eq!(world.factory.roster().seat(&sums.fence.run), Some(None));
    world.add("First", 2, Priority::Medium);
    let first = world.next();
    let waiting = world.add_many();
    assert_eq!(world.rounds(), 1);
    assert!(world.claims.try_recv().is_err());
    assert!(!world.waits(waiting[0]).is_empty());
    // One that only the store knows of takes its slot as well.
    world
        .factory
        .roster()
        .ended(&first.fence.run, world.now_ms());
    assert_eq!(world.rounds(), 1);
    assert!(world.claims.try_recv().is_err());
    world.ends(&sums, true);
    assert_eq!(world.next().fence.task, waiting[0]);
}

#[test]
fn a_host_whose_slot_is_borrowed_is_tried_once_in_a_beat_and_others_go_on() {
    let machines = vec![
        machine("forge", 1, 100, &[SMALL], ""),
        machine("anvil", 1, 100, &[SMALL], ""),
        machine("tongs", 1, 100, &[SMALL], ""),
    ];
    let world = World::new(8, machines, "");
    // All are loaded, so that each could be given work at once.
    let tasks: Vec<TaskId> = (0..3)
        .map(|nth| world.add(&format!("First {nth}"), 2, Priority::Medium))
        .collect();
    let claims: Vec<Claim> = tasks.iter().map(|_| world.next()).collect();
    let [asks, lends, idle] = claims.as_slice() else {
        panic!("three claims")
    };
    let lent = world.place(lends).0;
    world.ends(lends, true);
    world.ends(idle, true);
    let slot = Slot {
        key: limits::host_key(&world.twin(lent).url()),
        most: 1,
    };
    let mission = world.factory.mission();
    assert_eq!(
        mission.borrow_slot(&asks.fence, &slot).expect("it lives"),
        Borrowed::Yes
    );
    let waiting = world.add_many();
    let rounds = world.rounds();
    assert!(rounds <= 4, "{rounds} rounds");
    let given = world.claims.try_recv().expect("one host is free");
    assert_ne!(world.place(&given).0, lent);
    assert!(world.claims.try_recv().is_err());
    let last = *waiting.last().expect("they are many");
    assert!(world.factory.schedule().wait_of(last).is_some());
    mission.give_back(&asks.fence, &slot).expect("it was lent");
    assert_eq!(world.place(&world.next()).0, lent);
}

#[test]
fn a_run_without_a_place_does_not_take_one_that_nobody_gave_it() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    let mut claim = world.displaced();
    let desk = Desk::open(&world.factory, &claim);
    assert!(matches!(desk, Err(RunError::Displaced)), "{desk:?}");
    // What a person did is measured alone: that asks no model.
    claim.task.handed = Some("4ca3dd4857203cec149b91cebd86ec2fda7f5488".into());
    let desk = Desk::open(&world.factory, &claim);
    assert!(matches!(desk, Ok(Ok(_))), "{desk:?}");
}

#[test]
fn a_task_that_is_given_another_place_waits_a_moment_for_it_and_loses_nothing() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    let claim = world.displaced();
    conclude(&world.factory, &claim, Err(RunError::Displaced));
    world
        .factory
        .roster()
        .ended(&claim.fence.run, world.now_ms());
    let task = world
        .factory
        .mission()
        .task(claim.fence.task)
        .expect("it is there");
    assert_eq!(
        (task.state, task.counters),
        (State::Open, claim.task.counters)
    );
    assert!(task.run_at_ms > world.now_ms(), "{}", task.run_at_ms);
    world.round();
    assert!(world.claims.try_recv().is_err());
    world.factory.gain(5_000);
    assert_eq!(world.next().fence.task, task.id);
    // A stop is nobody's fault, and the next process goes on at once.
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    let claim = world.displaced();
    conclude(&world.factory, &claim, Err(RunError::Stopping));
    let task = world.factory.mission().task(claim.fence.task);
    assert_eq!(task.expect("it is there").run_at_ms, 0);
}

#[test]
fn a_model_s_limit_holds_for_agents_that_are_told_to_use_it() {
    let agent = |name: &str| {
        format!(
            "[[fleet.agents]]\nname = \"{name}\"\nengine = \"acp\"\nprogram = \"/bin/sh\"\n\
             model = \"opus\"\ntiers = [5]\n"
        )
    };
    let more = format!("[limits.model]\nopus = 1\n{}{}", agent("one"), agent("two"));
    let world = World::new(4, Vec::new(), &more);
    for nth in 0..3 {
        world.add(&format!("Task {nth}"), 5, Priority::Medium);
    }
    let first = world.next();
    assert!(
        world
            .factory
            .roster()
            .seat(&first.fence.run)
            .flatten()
            .is_some()
    );
    world.round();
    assert!(world.claims.try_recv().is_err(), "opus is at work once");
    world.ends(&first, true);
    let second = world.next();
    assert_ne!(second.fence.task, first.fence.task);
}

#[test]
fn a_run_whose_own_thread_dies_leaves_no_seat_and_no_slot() {
    let world = World::new(1, vec![machine("forge", 1, 100, &[SMALL], "")], "");
    world.add("Task", 2, Priority::Medium);
    let claim = world.next();
    let run = claim.fence.run.clone();
    world
        .factory
        .begin(claim, |_, _, _| panic!("what no run catches"));
    world.until("nobody sits there", || {
        let seat = world.factory.roster().seat(&run);
        (seat.is_none() && world.factory.pulse().active == 0).then_some(())
    });
}
