//! What runs took before: what an estimate may rest on.

use alai_core::mode::Mode;
use alai_core::money::Word;
use alai_core::plan::PastRun;
use alai_mission::{Call, Fence};

use super::money::{call, reserve};
use super::*;

/// A run of a new build: described, with one call of this word and cost, ended after `ms`.
fn run(world: &World, mode: Mode, ms: i64, called: Option<(u64, Word)>) -> Fence {
    let task = world.add(world.build("t"));
    let m = &world.mission;
    let claim = m.claim(Some(task), &LIMITS, "factory", LEASE_MS, 1_000);
    let fence = claim.expect("claims answer").expect("a claim").fence;
    m.describe_run(&fence, mode, "CodeCraft", "m")
        .expect("described");
    if let Some((cost, word)) = called {
        reserve(m, &fence, 0, 10_000, 1_100).expect("reserves");
        let paid = Call {
            word,
            ..call(0, cost)
        };
        m.settle(&fence, paid, 1_200).expect("settles");
    }
    m.apply(
        &fence,
        "gate passed",
        vec![complete(), review_of(world, fence.task)],
        1_000 + ms,
    )
    .expect("applied");
    fence
}

fn past(
    run_ms: u64,
    tokens: impl Into<Option<u64>>,
    microusd: Option<u64>,
    estimated: bool,
) -> PastRun {
    PastRun {
        kind: TaskKind::Build,
        run_ms,
        tokens: tokens.into(),
        microusd,
        estimated,
    }
}

#[test]
fn runs_that_ended_by_themselves_say_what_they_took_and_recordings_say_nothing() {
    let world = world();
    let all = || {
        let mut all = world.mission.past_runs(None).expect("reads");
        all.sort_by_key(|run| run.run_ms);
        all
    };
    assert_eq!(all(), []);
    run(&world, Mode::Simulated, 5, Some((0, Word::Measured)));
    assert_eq!(all(), [], "a recording's time is nobody's");
    run(&world, Mode::Real, 400, Some((700, Word::Measured)));
    run(&world, Mode::Real, 500, Some((900, Word::Estimated)));
    run(&world, Mode::Real, 600, Some((800, Word::ListEquivalent)));
    // No call of it is in the books: what it took is nobody's measure, whatever it ended as.
    run(&world, Mode::Real, 700, None);
    let m = &world.mission;
    let begun = || {
        let task = world.add(world.build("t"));
        let claim = m.claim(Some(task), &LIMITS, "factory", LEASE_MS, 1_000);
        let fence = claim.expect("claims answer").expect("a claim").fence;
        m.describe_run(&fence, Mode::Real, "CodeCraft", "m")
            .expect("described");
        fence
    };
    let ends = |fence: &Fence, effects, ended_ms| {
        m.apply(fence, "ended", effects, ended_ms).expect("applied");
    };
    let back = Effect::Retry {
        why: "infrastructure: no clone".into(),
        findings: Vec::new(),
        counters: Counters::default(),
        run_at_ms: i64::MAX,
    };
    ends(&begun(), vec![back], 1_710);
    // What its only call took never became known: its time is a measure all the same.
    let fence = begun();
    reserve(m, &fence, 0, 10_000, 1_100).expect("reserves");
    m.leave_unknown(&fence, 0, 1_200).expect("left");
    ends(
        &fence,
        vec![complete(), review_of(&world, fence.task)],
        1_720,
    );
    // One of which nobody knows what its second call cost, and one that still goes on.
    let fence = begun();
    reserve(m, &fence, 0, 10_000, 1_100).expect("reserves");
    m.settle(&fence, call(0, 600), 1_150).expect("settles");
    reserve(m, &fence, 1, 10_000, 1_160).expect("reserves");
    m.leave_unknown(&fence, 1, 1_200).expect("left");
    ends(
        &fence,
        vec![complete(), review_of(&world, fence.task)],
        1_800,
    );
    let fence = begun();
    reserve(m, &fence, 0, 10_000, 1_100).expect("reserves");
    m.settle(&fence, call(0, 600), 1_150).expect("settles");
    assert_eq!(
        all(),
        [
            past(400, 15, Some(700), false),
            past(500, 15, Some(900), true),
            // A subscription pays it: that is spent by nobody.
            past(600, 15, Some(0), false),
            past(720, None, None, false),
            // The tokens of its first call alone are no measure of the run.
            past(800, None, None, false),
        ]
    );
    assert_eq!(
        world
            .mission
            .past_runs(Some(world.project))
            .expect("reads")
            .len(),
        5
    );
    let other = alai_core::ids::ProjectId(world.project.0 + 1);
    assert_eq!(world.mission.past_runs(Some(other)).expect("reads"), []);
    world.sound();
}

#[test]
fn a_postflight_asks_no_model_and_is_measured_all_the_same() {
    let world = world();
    let mut new = NewTask::new(TaskKind::Postflight, "t");
    new.project = Some(world.project);
    let task = world.add(new);
    let m = &world.mission;
    let claim = m.claim(Some(task), &LIMITS, "factory", LEASE_MS, 1_000);
    let fence = claim.expect("claims answer").expect("a claim").fence;
    m.apply(&fence, "summed up", vec![complete()], 1_300)
        .expect("applied");
    let measured = PastRun {
        kind: TaskKind::Postflight,
        ..past(300, 0, Some(0), false)
    };
    assert_eq!(m.past_runs(None).expect("reads"), [measured]);
}
