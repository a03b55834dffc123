//! What will follow the work at work: its models come while that still goes on.

use alai_core::lifecycle::Event;
use alai_core::task::{Need, NewTask, Until};
use serde_json::{Value, json};

use super::*;

impl World {
    fn add_behind(&self, needs: TaskId, title: &str, tier: u8, until: Until) -> TaskId {
        let task = NewTask {
            project: Some(self.project),
            model_pin: Some(ModelChoice::Tier(tier)),
            needs: vec![Need { task: needs, until }],
            ..NewTask::new(TaskKind::Build, title)
        };
        let mission = self.factory.mission();
        mission
            .add(task, None, "t", self.factory.now_ms())
            .expect("new")
    }

    /// Nothing judges it.
    fn add_solo(&self) -> TaskId {
        let solo = NewTask {
            project: Some(self.project),
            model_pin: Some(ModelChoice::Tier(2)),
            solo: true,
            ..NewTask::new(TaskKind::Build, "By itself")
        };
        let mission = self.factory.mission();
        mission
            .add(solo, None, "t", self.factory.now_ms())
            .expect("new")
    }

    fn decided(&self) -> String {
        self.factory.schedule().decided.join("\n")
    }

    fn holds(&self, model: &str) -> bool {
        self.factory.models().look();
        loads::look_now(&self.factory);
        let view = self.factory.schedule();
        let mut hosts = view.hosts.iter();
        hosts.any(|host| host.resident.iter().any(|m| m == model))
    }
}

#[test]
fn the_model_of_what_follows_is_loaded_while_what_it_needs_is_at_work() {
    let world = World::new(2, vec![machine("forge", 2, 100, &[SMALL, LARGE], "")], "");
    let first = world.add("First", 2, Priority::Medium);
    let second = world.add_behind(first, "Second", 5, Until::Done);
    let claim = world.next();
    assert_eq!(world.place(&claim).1, SMALL.0);
    world.until("the other model is there", || {
        world.holds(LARGE.0).then_some(())
    });
    let seat = world.factory.roster().seat(&claim.fence.run);
    assert!(seat.is_some(), "what is needed is still at work");
    assert!(world.claims.try_recv().is_err(), "and nothing is started");
    world.ends(&claim, true);
    let claim = world.next();
    assert_eq!(claim.fence.task, second);
    assert_eq!(world.place(&claim).1, LARGE.0);
}

#[test]
fn a_review_that_will_come_has_its_model_loaded_and_is_named_for_people() {
    let world = World::new(2, vec![machine("forge", 2, 100, &[SMALL, LARGE], "")], "");
    let build = world.add("Build it", 2, Priority::Medium);
    let claim = world.next();
    world.until("the reviewer's model is there", || {
        world.holds(LARGE.0).then_some(())
    });
    let said = format!("the review that follows task {} runs nowhere", build.0);
    assert!(world.decided().contains(&said), "{}", world.decided());
    assert!(world.factory.roster().seat(&claim.fence.run).is_some());
}

/// What is not known to the scheduler counts there as ended: it must not be told of what waits for a person.
#[test]
fn nothing_is_expected_behind_what_a_person_must_do_first() {
    let world = World::new(2, vec![machine("forge", 2, 100, &[SMALL, LARGE], "")], "");
    let mission = world.factory.mission();
    let paused = world.add("Paused", 2, Priority::Medium);
    world.add_behind(paused, "Behind it", 5, Until::Done);
    mission
        .act(
            paused,
            Event::Pause,
            "later".into(),
            "t",
            world.factory.now_ms(),
        )
        .expect("it is open");
    world.add_solo();
    let claim = world.next();
    for _ in 0..5 {
        world.round();
    }
    assert_eq!(world.place(&claim).1, SMALL.0);
    assert!(!world.decided().contains(LARGE.0), "{}", world.decided());
}

/// A merge comes behind the whole line of work: where its review has nobody, nothing is expected behind the merge.
#[test]
fn nothing_is_expected_behind_a_merge_whose_review_nobody_can_do() {
    let mut world = World::new(2, vec![machine("forge", 2, 100, &[SMALL, LARGE], "")], "");
    let nobody = |text: &str| {
        let mut config: Value = serde_json::from_str(text).expect("JSON");
        config["agents"]["reviewer"]["model"] = "human".into();
        config["tier_overrides"] = json!({});
        config.to_string()
    };
    for company in std::fs::read_dir(world.factory.home().companies()).expect("packs") {
        let config = company.expect("a pack").path().join("config.json");
        let text = std::fs::read_to_string(&config).expect("its settings");
        std::fs::write(config, nobody(&text)).expect("a pack without a reviewer");
    }
    world.opens_again();
    world.factory.models().look();
    loads::look_now(&world.factory);
    let build = world.add("Build it", 2, Priority::Medium);
    world.add_behind(build, "Behind its merge", 5, Until::Integrated);
    let claim = world.next();
    for _ in 0..5 {
        world.round();
    }
    assert_eq!(world.place(&claim).1, SMALL.0);
    assert!(!world.decided().contains(LARGE.0), "{}", world.decided());
}

/// Tasks that a person has paused are not looked at, however many there are, and hide nobody behind them.
#[test]
fn many_paused_tasks_hide_nothing_that_follows() {
    let world = World::new(2, vec![machine("forge", 2, 100, &[SMALL, LARGE], "")], "");
    let solo = world.add_solo();
    let mission = world.factory.mission();
    for nth in 0..70 {
        let paused = world.add_behind(solo, &format!("Paused {nth}"), 2, Until::Done);
        mission
            .act(
                paused,
                Event::Pause,
                "later".into(),
                "t",
                world.factory.now_ms(),
            )
            .expect("it is open");
    }
    world.add_behind(solo, "Follows", 5, Until::Done);
    let claim = world.next();
    assert_eq!(claim.fence.task, solo);
    assert_eq!(world.place(&claim).1, SMALL.0);
    world.until("the other model is there", || {
        world.holds(LARGE.0).then_some(())
    });
}

/// What nobody can do costs a look as well: a beat has no more of them.
#[test]
fn beyond_the_looks_of_a_beat_nothing_is_expected() {
    let world = World::new(2, vec![machine("forge", 2, 100, &[SMALL, LARGE], "")], "");
    let solo = world.add_solo();
    let mission = world.factory.mission();
    for nth in 0..64 {
        let task = NewTask {
            project: Some(world.project),
            model_pin: Some(ModelChoice::Human),
            needs: vec![Need {
                task: solo,
                until: Until::Done,
            }],
            ..NewTask::new(TaskKind::Build, format!("By hand {nth}"))
        };
        let added = mission.add(task, None, "t", world.factory.now_ms());
        added.expect("new");
    }
    world.add_behind(solo, "Follows", 5, Until::Done);
    let claim = world.next();
    assert_eq!(claim.fence.task, solo);
    assert_eq!(world.place(&claim).1, SMALL.0);
    for _ in 0..5 {
        world.round();
    }
    assert!(!world.decided().contains(LARGE.0), "{}", world.decided());
}
