//! Agents of the Agent Client Protocol as engines of a step, honest and hostile ones.

use alai_core::blueprint::AskSchema;
use alai_core::money::{Tariff, Word};
use alai_fleet::ErrorClass;
use alai_minion::engine::Outcome;
use alai_minion::{ExitStatus, Word as Said};
use alai_testkit::agent::{Act, Script, notes};
use serde_json::{Value, json};

use crate::engines::{Played, Stage, gone};
use crate::world::{TEST, agent, ask};

const ENGINE: &str = "acp";

fn fix() -> Act {
    Act::Write("answer.txt".into(), "42\n".into())
}

/// One run of one step, and all that the agent was told.
fn play(mut stage: Stage) -> (Played, Stage) {
    let brief = stage.world.brief(vec![agent(Some(TEST))]);
    let played = stage.run(&brief);
    (played, stage)
}

fn stage(acts: impl IntoIterator<Item = Act>) -> Stage {
    Stage::new(&Script::of(ENGINE, acts))
}

/// A stage whose agent notes what it is told.
fn noted(acts: impl IntoIterator<Item = Act>) -> (Stage, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let file = folder.join("notes.jsonl");
    (Stage::new(&Script::of(ENGINE, acts).notes(&file)), file)
}

fn told(file: &std::path::Path) -> Vec<Value> {
    let all = notes(file)
        .into_iter()
        .flat_map(|note| note.heard)
        .collect();
    std::fs::remove_dir_all(file.parent().expect("a folder")).expect("ours");
    all
}

#[test]
fn it_does_a_step() {
    let done = "{\"status\": \"done\", \"summary\": \"It is 42.\"}";
    let (mut stage, file) = noted([
        Act::Say("I look.".into()),
        fix(),
        Act::Run(TEST.into()),
        Act::Say(done.into()),
    ]);
    stage.model = Some("twin-big");
    let (played, stage) = play(stage);
    assert_eq!(played.report.status, ExitStatus::Done);
    assert_eq!(
        (
            played.report.summary.as_str(),
            stage.world.read("answer.txt").as_str()
        ),
        ("It is 42.", "42\n")
    );
    let session = played.session();
    assert_eq!(
        (
            session.id.as_str(),
            session.model.as_str(),
            session.version.as_str()
        ),
        ("sess-twin", "twin-big", "twin 2.1.330")
    );
    // Pieces are told in one.
    assert_eq!(played.heard("text")[0]["text"], "I look.");
    assert_eq!(
        (played.heard("call").len(), played.heard("result").len()),
        (2, 2)
    );
    let told = told(&file);
    let methods: Vec<&str> = told.iter().filter_map(|m| m["method"].as_str()).collect();
    assert_eq!(
        methods,
        [
            "initialize",
            "session/new",
            "session/set_config_option",
            "session/prompt"
        ]
    );
    assert_eq!(
        told[0]["params"]["clientCapabilities"],
        json!({"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false})
    );
    assert_eq!(
        told[1]["params"]["cwd"],
        stage.world.repo().to_string_lossy().as_ref()
    );
}

/// Leave goes by the paths of the task; the twin writes what it gets leave for.
#[test]
fn it_gets_leave_within_the_paths_of_its_task() {
    let asks = [
        Act::Ask("edit".into(), "src/new.txt".into()),
        Act::Ask("edit".into(), "README.md".into()),
        Act::Ask("edit".into(), "src/../README.md".into()),
        Act::Ask("edit".into(), "/etc/alai-was-here".into()),
        Act::Ask("fetch".into(), "https://example.org".into()),
        Act::Ask("read".into(), "/etc/passwd".into()),
        Act::Ask("execute".into(), String::new()),
    ];
    let mut stage = stage(asks.into_iter().chain([fix()]));
    let mut brief = stage.world.brief(vec![agent(None)]);
    brief.project.allowed_paths = vec!["src/**".into(), "answer.txt".into()];
    let played = stage.run(&brief);
    assert_eq!(played.report.status, ExitStatus::Done);
    assert_eq!(stage.world.read("src/new.txt"), "by leave\n");
    assert_eq!(stage.world.read("README.md"), "# Sample\n");
    assert_eq!(
        played.heard("denied").len(),
        5,
        "{:?}",
        played.heard("denied")
    );
    assert_eq!(played.session().denials.len(), 5);
}

/// Files and terminals of ours are not offered, and asking for them is seen.
#[test]
fn it_gets_nothing_of_ours() {
    let outside = json!({"sessionId": "sess-twin", "path": "/etc/passwd", "content": "x"});
    let acts = [
        "fs/read_text_file",
        "fs/write_text_file",
        "terminal/create",
        "elicitation/create",
    ]
    .map(|method| Act::Request(method.into(), outside.clone()));
    let (stage, file) = noted(acts.into_iter().chain([fix()]));
    let (played, _) = play(stage);
    assert_eq!(played.report.status, ExitStatus::Done);
    assert_eq!(played.heard("denied").len(), 4);
    let codes: Vec<i64> = told(&file)
        .iter()
        .filter_map(|m| m["error"]["code"].as_i64())
        .collect();
    assert_eq!(codes, [-32_601; 4]);
}

#[test]
fn strange_messages_change_nothing() {
    let raw = |value: Value| Act::Raw(value.to_string());
    let update = |session: &str| {
        json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session,
        "update": {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "not of ours"}}}})
    };
    let acts = [
        raw(json!({"jsonrpc": "2.0", "id": 999, "result": {"stopReason": "end_turn"}})),
        raw(json!({"jsonrpc": "2.0", "id": "x".repeat(10_000), "method": "fs/read_text_file"})),
        raw(update("another")),
        Act::Raw("[{\"jsonrpc\":\"2.0\"}]".into()),
        Act::Raw("Listening on stdin".into()),
        Act::Long(2 << 20),
        Act::Long(9 << 20),
        fix(),
    ];
    let (played, _) = play(stage(acts));
    assert_eq!(played.report.status, ExitStatus::Done);
    assert!(
        played.heard("notice").len() >= 5,
        "{:?}",
        played.heard("notice")
    );
    assert!(!played.text.contains("not of ours"));
}

#[test]
fn every_end_has_its_meaning() {
    let end = |result: Value| play(stage([fix(), Act::Result(result)])).0;
    for (reason, status) in [
        ("max_turn_requests", ExitStatus::StepLimit),
        ("max_tokens", ExitStatus::ContextTruncated),
        ("refusal", ExitStatus::Format),
    ] {
        assert_eq!(
            end(json!({"result": {"stopReason": reason}})).report.status,
            status
        );
    }
    for result in [
        json!({"result": {"stopReason": "cancelled"}}),
        json!({"result": {"stopReason": "of tomorrow"}}),
        json!({"result": {}}),
        json!({"error": {"code": -32_603, "message": "Internal error"}}),
        json!({"error": {"code": -32_000, "message": "Authentication required"}}),
        json!({"error": {"code": 1, "message": "Usage limit reached"}}),
    ] {
        let played = end(result.clone());
        assert!(
            matches!(
                &played.report.status,
                ExitStatus::ProviderError {
                    infrastructure: true,
                    ..
                }
            ),
            "{result}: {:?}",
            played.report.status
        );
        assert!(played.report.head.is_some());
    }
    assert!(matches!(
        play(stage([fix(), Act::Exit(3)])).0.session().outcome,
        Outcome::Cut { .. }
    ));
}

#[test]
fn another_version_of_the_protocol_is_not_spoken() {
    let script = Script::of(ENGINE, [fix()]).begins(json!({"protocolVersion": 2}));
    let (played, stage) = play(Stage::new(&script));
    assert!(
        matches!(played.session().outcome, Outcome::Malformed { .. }),
        "{:?}",
        played.session()
    );
    assert_eq!(stage.world.read("answer.txt"), "41\n");
}

#[test]
fn it_logs_in_where_it_must() {
    let begins = json!({"authMethods": [{"id": "agent-login", "name": "Log in"}]});
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.jsonl");
    let script = Script::of(ENGINE, [fix()]).begins(begins).notes(&file);
    let (played, _) = play(Stage::new(&script));
    assert_eq!(played.report.status, ExitStatus::Done);
    let heard = notes(&file).remove(0).heard;
    let methods: Vec<&str> = heard.iter().filter_map(|m| m["method"].as_str()).collect();
    assert_eq!(
        methods,
        [
            "initialize",
            "session/new",
            "authenticate",
            "session/new",
            "session/prompt"
        ]
    );
}

/// Another model has another price.
#[test]
fn a_model_that_it_does_not_have_is_not_replaced() {
    let mut stage = stage([fix()]);
    stage.model = Some("twin-huge");
    let (played, stage) = play(stage);
    assert!(matches!(
        played.session().outcome,
        Outcome::Failed {
            class: ErrorClass::ModelMissing,
            ..
        }
    ));
    assert_eq!(stage.world.read("answer.txt"), "41\n");
}

#[test]
fn what_it_says_it_cost_counts_and_ends_it() {
    let cost = |amount: f64| {
        let update = json!({"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": {"amount": amount, "currency": "USD"}});
        Act::Raw(json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "sess-twin", "update": update}}).to_string())
    };
    let (played, _) = play(stage([fix(), cost(0.045)]));
    let session = played.session();
    assert_eq!(
        (session.cost_microusd, session.cost_word),
        (Some(45_000), Some(Word::Measured))
    );
    assert_eq!(session.usage.prompt_tokens, 1_000);
    let mut bounded = stage([fix(), cost(0.5), Act::Hang]);
    bounded.budget_microusd = Some(400_000);
    let (played, _) = play(bounded);
    assert_eq!(
        (&played.report.status, &played.session().outcome),
        (&ExitStatus::CostLimit, &Outcome::OverBudget)
    );
    // It went on after that word, and did not say where it ended.
    assert_eq!(played.session().cost_microusd, None);
    // A later word takes nothing back.
    let (played, _) = play(stage([cost(0.045), fix(), cost(0.001)]));
    assert_eq!(played.session().cost_microusd, Some(45_000));
    let (played, _) = play(stage([fix(), cost(0.045), Act::Exit(0)]));
    assert_eq!(
        played.session().cost_microusd,
        None,
        "its last word was not its result"
    );
}

/// It is asked to stop before it is ended, so that it can say what that cost.
#[test]
fn a_cancelled_agent_is_asked_to_stop() {
    let mut stage = stage([fix(), Act::Orphan("pid".into()), Act::AwaitCancel]);
    stage.tariff = Tariff::Flat(None);
    stage.cancel_at = Some(stage.world.repo().join("pid"));
    let (played, stage) = play(stage);
    assert_eq!(
        (&played.report.status, &played.session().outcome),
        (&ExitStatus::Cancelled, &Outcome::Cancelled)
    );
    assert_eq!(played.session().cost_microusd, Some(500_000));
    assert!(gone(&stage.world.repo().join("pid")));
}

/// What an agent tells of its network is no work: it may do so for ever.
#[test]
fn one_that_only_waits_is_silent() {
    for session in ["sess-twin", "another"] {
        let waits = json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session,
            "update": {"sessionUpdate": "session_info_update", "_meta": {"error": "waiting for network"}}}});
        let acts = [fix(), Act::Forever(waits.to_string())];
        let (played, _) = play(Stage::new(&Script::of(ENGINE, acts)).impatient());
        assert_eq!(played.session().outcome, Outcome::Hung { after_s: 2 });
    }
}

#[test]
fn one_that_does_not_stop_is_ended() {
    let mut stage = stage([fix(), Act::Orphan("pid".into()), Act::Hang]);
    stage.cancel_at = Some(stage.world.repo().join("pid"));
    let (played, stage) = play(stage);
    assert_eq!(played.report.status, ExitStatus::Cancelled);
    assert!(gone(&stage.world.repo().join("pid")));
    let hung = Stage::new(&Script::of(ENGINE, [fix(), Act::Hang])).impatient();
    assert_eq!(play(hung).0.session().outcome, Outcome::Hung { after_s: 2 });
}

/// A person's word reaches a session that goes on: its protocol takes a further turn.
#[test]
fn a_word_reaches_the_session_that_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.jsonl");
    let first = [Act::Write("answer.txt".into(), "40\n".into())];
    let script = Script::of(ENGINE, first).then([fix()]).notes(&file);
    let mut stage = Stage::new(&script);
    let brief = stage.world.brief(vec![agent(None)]);
    let word = Said {
        number: 1,
        by: "ada".into(),
        text: "it must be 42".into(),
    };
    // Given when its first turn is over, and not before it begins.
    stage.word_after = Some((1, word));
    let played = stage.run(&brief);
    assert_eq!(
        (&played.report.status, played.report.sessions.len()),
        (&ExitStatus::Done, 1)
    );
    assert_eq!(stage.world.read("answer.txt"), "42\n");
    let heard = notes(&file).remove(0).heard;
    let prompts: Vec<&Value> = heard
        .iter()
        .filter(|m| m["method"] == "session/prompt")
        .collect();
    assert_eq!(prompts.len(), 2);
    assert!(
        prompts[1]["params"]["prompt"][0]["text"]
            .as_str()
            .is_some_and(|t| t.contains("it must be 42"))
    );
}

/// It has no schema: the words hold the answer, or it is asked once more.
#[test]
fn a_question_is_answered_in_words() {
    let plan = json!({"approach": "change the number", "files": ["answer.txt"], "risks": []});
    for (first, sessions) in [
        (Act::Say(format!("Here:\n```json\n{plan}\n```")), 1),
        (Act::Say("I would look.".into()), 2),
    ] {
        // Each session is a start of its own, which plays the first turn again: only the first can be told apart by its words.
        let mut stage = stage([first]);
        let brief = stage.world.brief(vec![ask("plan", AskSchema::WorkPlan)]);
        let played = stage.run(&brief);
        assert_eq!(played.report.sessions.len(), sessions);
        assert_eq!(played.report.status == ExitStatus::Done, sessions == 1);
    }
}
