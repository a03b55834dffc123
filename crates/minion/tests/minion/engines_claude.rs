//! Claude Code as the engine of a step: what it is started with, what it leaves, what it costs.

use alai_core::blueprint::{Action, AskSchema, Output, OutputKind, ToolName};
use alai_core::brief::{Caps, Role};
use alai_core::money::{Tariff, Word};
use alai_minion::{ExitStatus, engine::Outcome};
use alai_testkit::agent::{Act, Script};
use serde_json::json;

use crate::engines::{RATES, Stage};
use crate::world::{TEST, agent, ask, step};

const ENGINE: &str = "claude-cli";

fn fix() -> Act {
    Act::Write("answer.txt".into(), "42\n".into())
}

fn fixes() -> Script {
    Script::of(
        ENGINE,
        [Act::Say("I look.".into()), fix(), Act::Run(TEST.into())],
    )
}

#[test]
fn it_does_a_step_and_its_work_is_measured_and_committed() {
    let mut stage = Stage::new(&fixes());
    let brief = stage.world.brief(vec![agent(Some(TEST))]);
    let played = stage.run(&brief);
    let report = &played.report;
    assert_eq!(report.status, ExitStatus::Done);
    assert_eq!(
        (
            report.summary.as_str(),
            stage.world.read("answer.txt").as_str()
        ),
        ("It is done.", "42\n")
    );
    assert!(
        report.last_check.as_ref().is_some_and(|c| c.success()),
        "the check is ours"
    );
    assert_eq!(
        report.head.as_deref(),
        Some(stage.world.git(&["rev-parse", "HEAD"]).as_str())
    );
    assert_eq!(stage.world.git(&["status", "--porcelain"]), "");
    let session = played.session();
    assert_eq!((&session.outcome, session.turns), (&Outcome::Done, 3));
    assert_eq!(
        (session.version.as_str(), session.model.as_str()),
        ("2.1.330", "claude-twin")
    );
    // What it used stands in the run's sums, and what it said in the trajectory.
    assert_eq!(
        (
            report.turns,
            report.usage.prompt_tokens,
            report.usage.output_tokens
        ),
        (3, 1_300, 50)
    );
    assert_eq!(
        (played.heard("call").len(), played.heard("result").len()),
        (2, 2)
    );
    assert_eq!(played.heard("text")[0]["text"], "I look.");
    assert_eq!(
        (
            played.kinds("launched"),
            played.kinds("session"),
            played.kinds("request")
        ),
        (1, 1, 0)
    );
    assert!(
        report.gotcha.contains("claude-cli: 2 calls, 0 failed"),
        "{}",
        report.gotcha
    );
}

#[test]
fn it_is_started_with_what_it_is_dangerous_without() {
    let mut stage = Stage::new(&fixes());
    stage.model = Some("claude-sonnet-5");
    stage.keyed = true;
    stage.budget_microusd = Some(1_000_000);
    stage.inherited = vec![
        ("CLAUDECODE", "1"),
        ("CLAUDE_CODE_ENTRYPOINT", "cli"),
        ("ANTHROPIC_API_KEY", "of another"),
    ];
    let brief = stage.world.brief(vec![agent(None)]);
    assert_eq!(stage.run(&brief).report.status, ExitStatus::Done);
    let note = stage.notes().remove(0);
    let option = |name: &str| {
        let at = note.args.iter().position(|arg| arg == name);
        at.map(|at| note.args[at + 1].as_str())
            .unwrap_or_else(|| panic!("{name} is missing"))
    };
    assert_eq!(
        (option("--model"), option("--max-turns")),
        ("claude-sonnet-5", "40")
    );
    // Nine tenths of what it may spend: it can pass it by one of its own calls.
    assert_eq!(option("--max-budget-usd"), "0.90");
    assert_eq!(option("--allowedTools"), "Read,Glob,Grep,Edit,Write,Bash");
    assert_eq!(
        (option("--permission-mode"), option("--setting-sources")),
        ("dontAsk", "")
    );
    assert!(
        option("-p").contains("Correct the answer")
            && option("--append-system-prompt").contains("We do careful work.")
    );
    let variable = |name: &str| {
        note.env
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    assert_eq!(variable("ANTHROPIC_API_KEY"), Some("alai-placeholder"));
    assert_eq!(variable("ANTHROPIC_BASE_URL"), Some("http://127.0.0.1:9"));
    assert_eq!(variable("CLAUDE_CODE_MAX_RETRIES"), Some("2"));
    assert_eq!(
        (variable("CLAUDECODE"), variable("CLAUDE_CODE_ENTRYPOINT")),
        (None, None)
    );
}

#[test]
fn a_reviewer_gets_no_tool_that_writes() {
    let mut stage = Stage::new(&Script::of(ENGINE, [Act::Say("Fine.".into())]));
    let mut brief = stage.world.brief(vec![agent(None)]);
    brief.role = Role::Reviewer;
    assert_eq!(stage.run(&brief).report.status, ExitStatus::Done);
    let args = stage.notes().remove(0).args;
    let at = args.iter().position(|arg| arg == "--tools").expect("named");
    assert_eq!(args[at + 1], "Read,Glob,Grep,Bash");
}

#[test]
fn what_it_costs_is_known_by_who_pays() {
    let priced = Act::Result(json!({"total_cost_usd": 0.0123}));
    let guessed = Act::Result(json!({"total_cost_usd": 9.0,
        "modelUsage": {"new": {"inputTokens": 1_000, "outputTokens": 50, "costBasis": "unknown"}}}));
    for (end, tariff, cost, word, spent) in [
        // Its own word, where it has a price.
        (
            &priced,
            Tariff::Metered(RATES),
            Some(12_300),
            Some(Word::Measured),
            12_300,
        ),
        // 1,000 tokens at one dollar a million and 50 at ten.
        (
            &guessed,
            Tariff::Metered(RATES),
            Some(1_500),
            Some(Word::Estimated),
            1_500,
        ),
        (
            &priced,
            Tariff::Flat(None),
            Some(12_300),
            Some(Word::ListEquivalent),
            0,
        ),
        // A price that only the program knows, and does not say.
        (
            &priced,
            Tariff::Told,
            Some(12_300),
            Some(Word::Measured),
            12_300,
        ),
        (&guessed, Tariff::Told, None, None, 0),
        (
            &Act::Result(json!({"total_cost_usd": null})),
            Tariff::Told,
            None,
            None,
            0,
        ),
        (&guessed, Tariff::Flat(None), None, None, 0),
        (
            &guessed,
            Tariff::Flat(Some(RATES)),
            Some(1_500),
            Some(Word::ListEquivalent),
            0,
        ),
    ] {
        let mut stage = Stage::new(&Script::of(ENGINE, [fix(), end.clone()]));
        stage.tariff = tariff;
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        let session = played.session();
        assert_eq!(
            (session.cost_microusd, session.cost_word),
            (cost, word),
            "{tariff:?}"
        );
        assert_eq!(played.report.cost_microusd, spent, "{tariff:?}");
    }
}

/// What nobody can say it cost may have cost all that it was told: its sessions together are told no more than is lent.
#[test]
fn sessions_stay_together_within_what_is_lent() {
    for (cost, second) in [
        (json!(null), 90_000),
        (json!(0.5), 450_000),
        (json!(0.9), 90_000),
    ] {
        let silent = || Act::Result(json!({"total_cost_usd": cost}));
        let script = Script::of(ENGINE, [silent()]).then([fix(), silent()]);
        let mut stage = Stage::new(&script);
        stage.tariff = Tariff::Told;
        stage.budget_microusd = Some(1_000_000);
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        let told: Vec<_> = played
            .report
            .sessions
            .iter()
            .map(|s| s.told_microusd)
            .collect();
        assert_eq!(told, [Some(900_000), Some(second)], "{cost}");
    }
}

/// A session that was paid is not lost with the disk that should have kept it.
#[test]
fn a_session_that_cannot_be_written_down_is_billed() {
    let mut stage = Stage::new(&fixes());
    stage.unwritten = Some("session");
    let brief = stage.world.brief(vec![agent(None)]);
    let report = stage.run(&brief).report;
    assert!(
        matches!(report.status, ExitStatus::Killed { .. }),
        "{:?}",
        report.status
    );
    assert_eq!(report.sessions.len(), 1);
}

#[test]
fn nothing_is_started_that_nobody_can_pay() {
    let mut stage = Stage::new(&fixes());
    stage.tariff = Tariff::Unpriced;
    let brief = stage.world.brief(vec![agent(None)]);
    let status = stage.run(&brief).report.status;
    let ExitStatus::ProviderError {
        infrastructure: true,
        detail,
    } = status
    else {
        panic!("{status:?}")
    };
    assert!(detail.contains("money.prices"), "{detail}");
    let mut brief = brief;
    brief.limits.cost_microusd_max = 0;
    stage.tariff = Tariff::Metered(RATES);
    assert_eq!(stage.run(&brief).report.status, ExitStatus::CostLimit);
    assert_eq!(stage.notes(), []);
}

/// The second session of a run has what the first one left, and none is begun with nothing.
#[test]
fn sessions_share_the_money_of_the_run() {
    let dear = Act::Result(json!({"total_cost_usd": 0.6}));
    let mut stage = Stage::new(&Script::of(ENGINE, [fix(), dear]));
    stage.budget_microusd = Some(1_000_000);
    let steps = vec![agent(None), agent(None), agent(None)];
    let brief = stage.world.brief(
        steps
            .into_iter()
            .zip(["a", "b", "c"])
            .map(|(mut s, id)| {
                s.id = id.into();
                s
            })
            .collect(),
    );
    let played = stage.run(&brief);
    // The first leaves 0.40; its second sitting too, as nothing changed there, leaves nothing.
    assert_eq!(played.report.status, ExitStatus::CostLimit);
    let budgets: Vec<String> = stage
        .notes()
        .iter()
        .map(|note| {
            let at = note
                .args
                .iter()
                .position(|arg| arg == "--max-budget-usd")
                .expect("a budget");
            note.args[at + 1].clone()
        })
        .collect();
    assert_eq!(budgets, ["0.90", "0.36"]);
}

#[test]
fn a_claim_is_refused_once_with_what_is_seen_against_it() {
    let wrong = Act::Write("answer.txt".into(), "40\n".into());
    let script = Script::of(ENGINE, [wrong]).then([fix()]);
    let mut stage = Stage::new(&script);
    let brief = stage.world.brief(vec![agent(Some(TEST))]);
    let played = stage.run(&brief);
    assert_eq!(
        (&played.report.status, played.report.sessions.len()),
        (&ExitStatus::Done, 2)
    );
    let second = stage.notes().remove(1);
    assert!(
        second.args[1].contains("FAIL: answer is not 42"),
        "{}",
        second.args[1]
    );
    // And accepted then: the step's red check ends the run as it does for our own loop.
    let mut stage = Stage::new(&Script::of(
        ENGINE,
        [Act::Say("It cannot be better.".into())],
    ));
    let brief = stage.world.brief(vec![agent(Some(TEST))]);
    let played = stage.run(&brief);
    assert_eq!(
        (&played.report.status, played.report.sessions.len()),
        (&ExitStatus::GateFailed, 2)
    );
    assert!(
        stage.notes()[1].args[1].contains("Nothing was changed"),
        "{:?}",
        stage.notes()[1].args[1]
    );
}

#[test]
fn what_it_changes_outside_its_paths_is_told() {
    let script = Script::of(
        ENGINE,
        [fix(), Act::Write("other.txt".into(), "x\n".into())],
    );
    let mut stage = Stage::new(&script);
    let mut brief = stage.world.brief(vec![agent(None)]);
    brief.project.allowed_paths = vec!["answer.txt".into()];
    let played = stage.run(&brief);
    assert_eq!(played.report.sessions.len(), 2);
    let told = &stage.notes()[1].args[1];
    assert!(
        told.contains("Changed outside the allowed paths: other.txt"),
        "{told}"
    );
}

#[test]
fn it_can_say_that_it_cannot_go_on() {
    let blocked =
        json!({"structured_output": {"status": "blocked", "summary": "There is no compiler."}});
    let mut stage = Stage::new(&Script::of(ENGINE, [Act::Result(blocked)]));
    let brief = stage.world.brief(vec![agent(None)]);
    let report = stage.run(&brief).report;
    assert_eq!(
        report.status,
        ExitStatus::Stuck {
            rule: "gave_up".into()
        }
    );
    assert_eq!(report.summary, "There is no compiler.");
}

#[test]
fn what_a_step_hands_over_reaches_the_next_one() {
    let outputs = vec![Output {
        name: "cause".into(),
        kind: OutputKind::String,
        description: String::new(),
        schema: None,
    }];
    let handing = || {
        step(
            "look",
            Action::Agent {
                prompt: "Find out.".into(),
                tools: ToolName::ALL.to_vec(),
                turns_max: 10,
                check: None,
                outputs: outputs.clone(),
                role: None,
                limits: Caps::default(),
            },
        )
    };
    let answer = json!({"structured_output": {"status": "done", "summary": "Seen.", "cause": "an off-by-one"}});
    let script = Script::of(ENGINE, [fix(), Act::Result(answer)])
        .then([Act::Write("answer.txt".into(), "43\n".into())]);
    let mut stage = Stage::new(&script);
    let brief = stage.world.brief(vec![handing(), agent(None)]);
    assert_eq!(stage.run(&brief).report.status, ExitStatus::Done);
    let notes = stage.notes();
    assert!(
        notes[0].args.iter().any(|arg| arg.contains("\"cause\"")),
        "the schema has it"
    );
    assert!(
        notes[1].args[1].contains("an off-by-one"),
        "{}",
        notes[1].args[1]
    );
    // Without it the step is asked once more, and is then out of form.
    let mut stage = Stage::new(&Script::of(ENGINE, [fix()]));
    let brief = stage.world.brief(vec![handing()]);
    let played = stage.run(&brief);
    assert_eq!(
        (&played.report.status, played.report.sessions.len()),
        (&ExitStatus::Format, 2)
    );
}

#[test]
fn a_question_is_answered_by_schema_or_asked_once_more() {
    let plan = json!({"approach": "change the number", "files": ["answer.txt"], "risks": []});
    let good = Act::Result(json!({"structured_output": plan, "result": plan.to_string()}));
    // A version that ignored the schema says it in words.
    let words =
        Act::Result(json!({"structured_output": null, "result": format!("Here it is:\n{plan}")}));
    let bad = Act::Result(json!({"structured_output": {"approach": "x"}}));
    for (script, status, sessions) in [
        (Script::of(ENGINE, [good.clone()]), ExitStatus::Done, 1),
        (Script::of(ENGINE, [words]), ExitStatus::Done, 1),
        (
            Script::of(ENGINE, [bad.clone()]).then([good]),
            ExitStatus::Done,
            2,
        ),
        (Script::of(ENGINE, [bad]), ExitStatus::Format, 2),
    ] {
        let mut stage = Stage::new(&script);
        let brief = stage.world.brief(vec![ask("plan", AskSchema::WorkPlan)]);
        let played = stage.run(&brief);
        assert_eq!(
            (&played.report.status, played.report.sessions.len()),
            (&status, sessions)
        );
        assert_eq!(
            played.report.work_plan.is_some(),
            status == ExitStatus::Done
        );
        let args = &stage.notes()[0].args;
        let at = args.iter().position(|arg| arg == "--tools").expect("named");
        assert_eq!(args[at + 1], "Read,Glob,Grep", "a question changes nothing");
        if sessions == 2 {
            assert!(
                stage.notes()[1].args[1].contains("cannot be used"),
                "the exact error"
            );
        }
    }
}

/// What a person says while it works reaches it at its next session: its input is closed.
#[test]
fn a_word_waits_for_the_next_session() {
    let mut stage = Stage::new(&fixes());
    let word = alai_minion::Word {
        number: 1,
        by: "ada".into(),
        text: "leave the README".into(),
    };
    stage.words.borrow_mut().push(word);
    let brief = stage.world.brief(vec![agent(None)]);
    let played = stage.run(&brief);
    assert_eq!(played.kinds("word"), 1);
    assert!(stage.notes()[0].args[1].contains("leave the README"));
}
