//! What is found out once and kept: a task's class and pin, why a run has its model, what was learned of models.

use alai_core::company::ModelChoice;
use alai_core::routing::{Class, classify};
use alai_mission::{Borrowed, Learned};

use super::*;

fn class(title: &str) -> Class {
    classify(title, "")
}

#[test]
fn the_first_class_stands_and_is_told() {
    let world = world();
    let id = world.add(world.build("a"));
    assert_eq!(world.mission.task(id).expect("the task").class, None);
    let claim = world.claim().expect("a claim");
    let first = class("Fix the api");
    let kept = |class: &Class| world.mission.classify(&claim.fence, class, 110);
    assert_eq!(kept(&first).expect("kept"), first);
    assert_eq!(kept(&class("CEO: sign")).expect("answered"), first);
    assert_eq!(world.mission.task(id).expect("the task").class, Some(first));
    let events = world.mission.events(id).expect("its history");
    let told: Vec<&str> = events
        .iter()
        .filter(|event| event.kind == "classified")
        .map(|event| event.detail.as_str())
        .collect();
    assert_eq!(
        told,
        ["complexity 2, domain code, type bugfix (by keyword, 60% sure)"]
    );
    world.sound();
}

#[test]
fn what_a_blueprint_asks_for_is_kept_on_its_task_once_and_nothing_is_taken_away() {
    use alai_core::pipeline::Stage;
    let world = world();
    let mut new = world.build("a");
    new.tags = vec!["bento".into(), "deploy".into()];
    let id = world.add(new);
    let claim = world.claim().expect("a claim");
    let asks = |stages: &[Stage]| {
        let asked = world
            .mission
            .blueprint_asks_for(&claim.fence, "own", stages, 110);
        asked.expect("kept");
        world.mission.task(id).expect("the task").tags
    };
    assert_eq!(asks(&[]), ["bento", "deploy"]);
    assert_eq!(
        asks(&[Stage::Ops, Stage::Docs]),
        ["bento", "deploy", "docs"]
    );
    assert_eq!(asks(&[Stage::Docs]), ["bento", "deploy", "docs"]);
    let events = world.mission.events(id).expect("its history");
    let told = events.iter().filter(|event| event.kind == "asked_for");
    let told: Vec<&str> = told.map(|event| event.detail.as_str()).collect();
    assert_eq!(told, ["the blueprint own asks for docs"]);
    let stale = alai_mission::Fence {
        epoch: alai_core::ids::Epoch(claim.fence.epoch.0 + 1),
        ..claim.fence.clone()
    };
    let refused = world
        .mission
        .blueprint_asks_for(&stale, "own", &[Stage::Docs], 120);
    assert!(refused.is_err(), "{refused:?}");
    world.sound();
}

#[test]
fn a_rework_stays_with_the_company_the_blueprint_and_the_class_of_the_build() {
    let world = world();
    let mut first = world.build("Harden the cookies");
    first.blueprint = Some("mine".into());
    let built = world.add(first);
    let claim = world.claim().expect("a claim");
    let known = class("Fix the api");
    let kept = world.mission.classify(&claim.fence, &known, 110);
    assert_eq!(kept.expect("kept"), known);
    world
        .mission
        .describe_run(&claim.fence, alai_core::mode::Mode::Real, "Securion", "m")
        .expect("described");
    let mut rework = world.build("Rework: Harden the cookies");
    rework.lineage = Some(built);
    let spawn = |task: NewTask| Spawn {
        task,
        needs_new: vec![],
        holds_postflight: false,
        holds_dependents: false,
        of_goal: false,
    };
    let mut docs = world.build("Documentation");
    docs.lineage = None;
    let mut review = world.build("Review");
    review.kind = TaskKind::Review;
    review.lineage = Some(built);
    let effects = vec![Effect::Spawn {
        tasks: vec![spawn(rework), spawn(docs), spawn(review)],
    }];
    let made = world
        .mission
        .apply(&claim.fence, "retry", effects, 120)
        .expect("applied");
    let inherited = |at: usize| {
        let task = world.mission.task(made[at]).expect("the task");
        (task.company_pin, task.blueprint, task.class)
    };
    let all = (Some("Securion".into()), Some("mine".into()), Some(known));
    assert_eq!(inherited(0), all);
    assert_eq!(inherited(1), (None, None, None), "a line of its own");
    assert_eq!(inherited(2), (None, None, None), "who judges is another");
}

#[test]
fn a_task_that_is_moved_is_pinned_and_says_why() {
    let world = world();
    let id = world.add(world.build("a"));
    let claim = world.claim().expect("a claim");
    let effects = vec![
        Effect::Move {
            company: "CodeCraft".into(),
            why: "Proxima may not write it".into(),
        },
        Effect::Retry {
            why: "again".into(),
            findings: vec![],
            counters: Counters::default(),
            run_at_ms: 120,
        },
    ];
    world
        .mission
        .apply(&claim.fence, "scope_violation", effects, 120)
        .expect("applied");
    let task = world.mission.task(id).expect("the task");
    assert_eq!(task.company_pin.as_deref(), Some("CodeCraft"));
    assert_eq!(task.state, State::Open);
    let events = world.mission.events(id).expect("its history");
    let why = events.iter().find(|event| event.kind == "moved");
    assert_eq!(why.expect("told").detail, "Proxima may not write it");
    world.sound();
}

#[test]
fn a_run_that_has_lost_its_task_classifies_and_explains_nothing() {
    let world = world();
    let id = world.add(world.build("a"));
    let claim = world.claim().expect("a claim");
    world
        .mission
        .act(id, Event::Cancel, "no".into(), "me", 120)
        .expect("cancelled");
    let stale = |refused: Result<(), MissionError>| {
        assert!(refused.expect_err("refused").is_stale());
    };
    let fence = &claim.fence;
    stale(world.mission.classify(fence, &class("a"), 130).map(drop));
    stale(world.mission.explain_run(fence, "tier 2", "ollama-tool"));
    stale(world.mission.fell_back(fence, "ollama-simple"));
    let slot = Slot {
        key: "host:h".into(),
        most: 1,
    };
    stale(world.mission.borrow_slot(fence, &slot).map(drop));
    assert_eq!(world.mission.task(id).expect("the task").class, None);
}

#[test]
fn a_pin_and_a_class_go_with_an_export() {
    let world = world();
    let mut new = world.build("a");
    new.model_pin = Some(ModelChoice::Named {
        host: "forge".into(),
        model: "m:32b".into(),
    });
    let pin = new.model_pin.clone();
    let id = world.add(new);
    let claim = world.claim().expect("a claim");
    world
        .mission
        .classify(&claim.fence, &class("a"), 110)
        .expect("kept");
    world.mission.learn(vec![seen(1, 0)], 120).expect("kept");
    let mut text = Vec::new();
    world.mission.export(&mut text).expect("exported");
    let other = tempfile::tempdir().expect("a folder");
    let copy = Mission::open(other.path(), quiet).expect("a store");
    copy.import(std::io::Cursor::new(text)).expect("imported");
    let task = copy.task(id).expect("the task");
    assert_eq!((task.model_pin, task.class), (pin, Some(class("a"))));
    assert_eq!(copy.learned().expect("read"), [seen(1, 0)]);
}

fn seen(turns: u64, malformed: u64) -> Learned {
    Learned {
        host: "h".into(),
        model: "m".into(),
        milli_chars_per_token: Some(3_500),
        turns,
        malformed,
        salvaged: 1,
    }
}

#[test]
fn counts_add_up_and_a_rate_takes_the_place_of_the_last_one() {
    let world = world();
    let learn = |one: Learned| world.mission.learn(vec![one], 1).expect("kept");
    learn(seen(10, 2));
    learn(Learned {
        milli_chars_per_token: None,
        ..seen(5, 1)
    });
    learn(Learned {
        milli_chars_per_token: Some(4_000),
        ..seen(1, 0)
    });
    let expected = Learned {
        milli_chars_per_token: Some(4_000),
        salvaged: 3,
        ..seen(16, 3)
    };
    assert_eq!(world.mission.learned().expect("read"), [expected]);
    let many = (0..1_200).map(|n| Learned {
        model: format!("m{n}"),
        ..seen(1, 0)
    });
    world.mission.learn(many.collect(), 1).expect("kept");
    assert_eq!(world.mission.learned().expect("read").len(), 1_000);
    learn(seen(4, 0));
    let of = world.mission.learned().expect("read");
    assert!(of.iter().any(|one| one.model == "m" && one.turns == 20));
}

#[test]
fn a_run_tells_why_it_has_its_model_and_what_it_fell_back_to() {
    let world = world();
    world.add(world.build("a"));
    let claim = world.claim().expect("a claim");
    world
        .mission
        .explain_run(&claim.fence, "tier 2: the agent's own", "ollama-tool")
        .expect("kept");
    world
        .mission
        .fell_back(&claim.fence, "ollama-tool -> ollama-simple: no tools")
        .expect("kept");
    let run = world.mission.run(&claim.fence.run).expect("read");
    let run = run.expect("the run");
    assert_eq!(run.choice.as_deref(), Some("tier 2: the agent's own"));
    assert_eq!(
        run.pipeline.as_deref(),
        Some("ollama-tool -> ollama-simple: no tools")
    );
}

#[test]
fn a_slot_is_borrowed_where_one_is_free_and_goes_with_its_run() {
    let world = world();
    for title in ["a", "b", "c"] {
        world.add(world.build(title));
    }
    let own = Slot {
        key: "host:own".into(),
        most: 3,
    };
    let other = Slot {
        key: "host:other".into(),
        most: 1,
    };
    let slots = SlotsOf::new({
        let own = own.clone();
        move |_| vec![own.clone()]
    });
    let limits = ClaimLimits { slots, ..LIMITS };
    let claim = || {
        let claimed = world.mission.claim(None, &limits, "w", LEASE_MS, 100);
        claimed.expect("claims answer").expect("a claim")
    };
    let (one, two) = (claim(), claim());
    let borrow = |of: &Claim, slot: &Slot| {
        let borrowed = world.mission.borrow_slot(&of.fence, slot);
        borrowed.expect("answered")
    };
    assert_eq!(borrow(&one, &own), Borrowed::Own);
    assert_eq!(borrow(&one, &other), Borrowed::Yes);
    assert_eq!(borrow(&two, &other), Borrowed::No);
    world.mission.give_back(&one.fence, &other).expect("given");
    assert_eq!(borrow(&two, &other), Borrowed::Yes);
    world
        .mission
        .act(two.task.id, Event::Cancel, "no".into(), "me", 120)
        .expect("cancelled");
    assert_eq!(borrow(&one, &other), Borrowed::Yes);
}
