//! Codex as the engine of a step.

use alai_core::blueprint::AskSchema;
use alai_core::money::{Tariff, Word};
use alai_minion::ExitStatus;
use alai_minion::engine::Outcome;
use alai_testkit::agent::{Act, Script};
use serde_json::json;

use crate::engines::{RATES, Stage};
use crate::world::{TEST, agent, ask};

const ENGINE: &str = "codex-cli";

fn fix() -> Act {
    Act::Write("answer.txt".into(), "42\n".into())
}

#[test]
fn it_does_a_step_in_our_cage_alone() {
    let acts = [
        Act::Think("hm".into()),
        fix(),
        Act::Run(TEST.into()),
        Act::Say("First.".into()),
    ];
    let mut stage = Stage::new(&Script::of(ENGINE, acts));
    stage.model = Some("gpt-5");
    stage.keyed = true;
    let brief = stage.world.brief(vec![agent(Some(TEST))]);
    let played = stage.run(&brief);
    assert_eq!(played.report.status, ExitStatus::Done);
    assert_eq!(
        (
            played.report.summary.as_str(),
            stage.world.read("answer.txt").as_str()
        ),
        ("It is done.", "42\n")
    );
    let session = played.session();
    assert_eq!(
        (session.version.as_str(), session.model.as_str()),
        ("0.169.0", "gpt-5")
    );
    assert_eq!(session.id, "01a1ff3d-b2d9-7192-b60c-68b4e6548e62");
    assert_eq!(
        (
            played.heard("call").len(),
            played.heard("result").len(),
            played.heard("thought").len()
        ),
        (2, 2, 1)
    );
    let args = stage.notes().remove(0).args;
    assert!(
        args.iter()
            .any(|arg| arg.contains("base_url=\"http://127.0.0.1:9/v1\"")),
        "{args:?}"
    );
    assert!(
        args.last()
            .is_some_and(|prompt| prompt.contains("Correct the answer")),
        "{args:?}"
    );
    assert_eq!(args[args.len() - 2], "--");
}

/// Its protocol has no money: tokens by the price table, and said so.
#[test]
fn its_cost_is_reckoned() {
    // 1,000 fresh tokens at one dollar a million, 200 kept ones at a tenth, 50 of an answer at ten: 1,520 millionths.
    for (tariff, cost, word, spent) in [
        (
            Tariff::Metered(RATES),
            Some(1_520),
            Some(Word::Estimated),
            1_520,
        ),
        (
            Tariff::Flat(Some(RATES)),
            Some(1_520),
            Some(Word::ListEquivalent),
            0,
        ),
        (Tariff::Flat(None), None, None, 0),
    ] {
        let mut stage = Stage::new(&Script::of(ENGINE, [fix()]));
        stage.tariff = tariff;
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        let session = played.session();
        assert_eq!(
            (session.cost_microusd, session.cost_word),
            (cost, word),
            "{tariff:?}"
        );
        assert_eq!(played.report.cost_microusd, spent);
        assert_eq!(
            (session.usage.prompt_tokens, session.usage.cache_read_tokens),
            (1_200, 200)
        );
    }
}

#[test]
fn failures_of_its_provider_are_infrastructure() {
    for said in [
        "unexpected status 401 Unauthorized: no",
        "exceeded retry limit, last status: 429 Too Many Requests",
        "We’re currently experiencing high demand, which may cause temporary errors.",
        "stream disconnected before completion: stream closed before response.completed",
    ] {
        let mut stage = Stage::new(&Script::of(
            ENGINE,
            [fix(), Act::Result(json!({"failed": said}))],
        ));
        let brief = stage.world.brief(vec![agent(None)]);
        let report = stage.run(&brief).report;
        assert!(
            matches!(
                &report.status,
                ExitStatus::ProviderError {
                    infrastructure: true,
                    ..
                }
            ),
            "{said}: {:?}",
            report.status
        );
        assert!(report.head.is_some(), "its work is kept");
    }
}

/// It has no option for its turns: ours end it.
#[test]
fn its_acts_are_counted() {
    let acts: Vec<Act> = (0..8)
        .map(|n| Act::Run(format!("echo {n}")))
        .chain([Act::Hang])
        .collect();
    let mut stage = Stage::new(&Script::of(ENGINE, acts));
    let mut brief = stage.world.brief(vec![agent(None)]);
    brief.limits.turns_max = 5;
    let played = stage.run(&brief);
    assert_eq!(
        (&played.report.status, &played.session().outcome),
        (&ExitStatus::StepLimit, &Outcome::TurnsSpent)
    );
}

#[test]
fn a_question_is_held_to_a_strict_schema() {
    let plan = json!({"approach": "change the number", "files": ["answer.txt"], "risks": []});
    let mut stage = Stage::new(&Script::of(ENGINE, [Act::Result(json!({"answer": plan}))]));
    let brief = stage.world.brief(vec![ask("plan", AskSchema::WorkPlan)]);
    let played = stage.run(&brief);
    assert_eq!(played.report.status, ExitStatus::Done);
    assert_eq!(played.report.work_plan, Some(plan));
    let schema = std::fs::read_to_string(stage.config().join("answer-schema.json"))
        .expect("put there before the start");
    assert!(schema.contains("\"approach\""), "{schema}");
}

#[test]
fn what_it_may_not_do_is_kept_and_hangs_are_ended() {
    let denied = Act::Denied(String::new(), "/etc/passwd".into());
    let mut stage = Stage::new(&Script::of(ENGINE, [fix(), denied, Act::Hang])).impatient();
    let brief = stage.world.brief(vec![agent(None)]);
    let played = stage.run(&brief);
    assert_eq!(played.session().outcome, Outcome::Hung { after_s: 2 });
    assert_eq!(played.session().denials, ["shell: touch /etc/passwd"]);
}

#[test]
fn one_that_is_older_than_what_was_tried_does_nothing() {
    let mut stage = Stage::new(&Script::of(ENGINE, [fix()]).version("0.168.9"));
    let brief = stage.world.brief(vec![agent(None)]);
    let status = stage.run(&brief).report.status;
    assert!(
        matches!(&status, ExitStatus::ProviderError { infrastructure: true, detail } if detail.contains("0.169.0")),
        "{status:?}"
    );
    assert_eq!(stage.world.read("answer.txt"), "41\n");
}
