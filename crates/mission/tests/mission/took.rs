//! What a goal took, figure by figure, of runs whose numbers are known because this test made them.

use alai_core::mode::Mode;
use alai_core::money::{Tokens, Word};
use alai_mission::{Call, Fence, StageStats, ThreadBegun, ThreadEnd, ThreadEnded};

use super::money::reserve;
use super::*;

fn claim(world: &World, task: TaskId, now_ms: i64) -> Fence {
    let claim = (world.mission)
        .claim(Some(task), &LIMITS, "factory", LEASE_MS, now_ms)
        .expect("claims answer");
    claim.expect("a claim").fence
}

/// One call that took from `at` to `until` and came to these tokens and this cost.
fn called(
    world: &World,
    fence: &Fence,
    call: u32,
    (at, until): (i64, i64),
    (cost, word): (u64, Word),
) {
    reserve(&world.mission, fence, call, 10_000, at).expect("reserves");
    let call = Call {
        call,
        model: "m".into(),
        mode: Mode::Real,
        tokens: Tokens {
            input: 100,
            output: 7,
            cache_read: 20,
            cache_write: 3,
        },
        cost_microusd: cost,
        word,
    };
    world.mission.settle(fence, call, until).expect("settles");
}

fn end(world: &World, fence: &Fence, effects: Vec<Effect>, now_ms: i64) -> Vec<TaskId> {
    let applied = world.mission.apply(fence, "ended", effects, now_ms);
    applied.expect("applied")
}

fn again(counters: Counters) -> Effect {
    Effect::Retry {
        why: "check 4".into(),
        findings: vec!["red".into()],
        counters,
        run_at_ms: 0,
    }
}

#[test]
fn each_figure_of_a_goal_is_the_one_that_was_made() {
    let world = world();
    let (goal, first, _, _) = goal_of_three(&world);
    let m = &world.mission;
    // Sent back by its gate once, and then one tier up.
    let run = claim(&world, first, 1_000);
    called(&world, &run, 0, (1_100, 1_150), (500, Word::Measured));
    called(&world, &run, 1, (1_200, 1_230), (300, Word::Estimated));
    let counters = Counters {
        qa_retries: 1,
        ..Counters::default()
    };
    end(&world, &run, vec![again(counters)], 2_000);
    let run = claim(&world, first, 3_000);
    called(&world, &run, 0, (3_000, 3_400), (900, Word::ListEquivalent));
    reserve(m, &run, 1, 1_234, 3_500).expect("reserves");
    m.leave_unknown(&run, 1, 3_600).expect("left");
    let counters = Counters {
        qa_retries: 2,
        escalations: 1,
        ..Counters::default()
    };
    end(&world, &run, vec![again(counters)], 4_000);
    let run = claim(&world, first, 5_000);
    let mut review = review_of(&world, first);
    if let Effect::Spawn { tasks } = &mut review {
        tasks[0].task.goal = Some(goal);
    }
    let made = end(&world, &run, vec![complete(), review], 5_250);
    // Its review in its second cycle, with a verifier that was interrupted and one that ended.
    let review = made[0];
    for (at, ends) in [(6_000, None), (7_000, Some(ThreadEnd::Pass))] {
        let run = claim(&world, review, at);
        let begun = ThreadBegun {
            lineage: first,
            head: "h".into(),
            company: "Proveo".into(),
            model: "m".into(),
            built_by: vec!["n".into()],
            same_model: false,
        };
        m.begin_verification(&run, begun, at).expect("begun");
        let counters = Counters {
            review_cycles: 1,
            ..Counters::default()
        };
        match ends {
            None => end(&world, &run, vec![again(counters)], at + 10),
            Some(thread) => {
                let ended = ThreadEnded {
                    end: thread,
                    retries: 0,
                    probes: 1,
                    quality: "strong",
                };
                m.end_verification(&run, ended, at + 5).expect("ended");
                end(&world, &run, vec![complete()], at + 10)
            }
        };
    }
    let took = m.work_stats(goal, 9_010).expect("reads");
    let of = |stage: &str| -> StageStats {
        let mut all = took.stages.iter();
        all.find(|s| s.stage == stage).cloned().expect("the stage")
    };
    assert_eq!(
        of("build"),
        StageStats {
            stage: "build".into(),
            tasks: 2,
            done: 1,
            review_cycle: 0,
            runs: 3,
            retries: 2,
            escalations: 1,
            splits: 0,
            replans: 0,
            calls: 3,
            prompt_tokens: 3 * 123,
            output_tokens: 3 * 7,
            // What a subscription pays is not spent, and what nobody knows is not nothing.
            cost_microusd: 800,
            unknown_microusd: 1_234,
            run_ms: 1_000 + 1_000 + 250,
            model_ms: 50 + 30 + 400,
        }
    );
    let review = of("review");
    assert_eq!(
        (
            review.tasks,
            review.done,
            review.review_cycle,
            review.runs,
            review.retries
        ),
        (1, 1, 1, 2, 1)
    );
    assert_eq!((of("postflight").tasks, of("postflight").runs), (1, 0));
    assert_eq!(
        (
            took.total.tasks,
            took.total.runs,
            took.total.unknown_microusd
        ),
        (4, 5, 1_234)
    );
    assert_eq!(
        took.wall_ms, 9_000,
        "from when it was asked for, at 10, until now"
    );
    let threads: Vec<(&str, u64)> = { took.verifier.iter() }
        .map(|(end, n)| (end.as_str(), *n))
        .collect();
    assert_eq!(threads, [("interrupted", 1), ("pass", 1)]);
}
