use serde_json::json;

use super::*;
use crate::fixture::request;
use crate::provider::{Provider, ask, chat};

fn scripted(text: &str) -> Provider {
    Provider::Scripted(Script::parse(text).unwrap())
}

fn said(provider: &Provider, change: impl Fn(&mut ChatRequest)) -> Result<String, ErrorClass> {
    let mut request = request("any");
    change(&mut request);
    chat(provider, &request, &|| false)
        .map(|reply| reply.text)
        .map_err(|error| error.class)
}

const SCENES: &str = r#"
- turns: [{text: any}]
- when: {kind: build}
  turns: [{text: build}, {text: second}]
- when: {kind: build, title: "rate"}
  turns: [{text: rate}]
- when: {kind: build, step: build}
  turns: [{text: never}]
- when: {kind: build, role: builder, company: acme, step: build, attempt: 1, title: ""}
  turns: [{text: again}]
"#;

#[test]
fn the_most_specific_scene_wins_and_ties_go_to_the_first() {
    let script = scripted(SCENES);
    assert_eq!(said(&script, |_| {}), Ok("rate".to_owned()));
    assert_eq!(
        said(&script, |r| r.purpose.task_title.clear()),
        Ok("never".to_owned())
    );
    assert_eq!(
        said(&script, |r| r.purpose.attempt = 1),
        Ok("again".to_owned())
    );
    assert_eq!(
        said(&script, |r| r.purpose.task_kind = TaskKind::Docs),
        Ok("any".to_owned())
    );
    let other = |r: &mut ChatRequest| {
        r.purpose.task_title.clear();
        r.purpose.step = "plan".to_owned();
    };
    assert_eq!(said(&script, other), Ok("build".to_owned()));
    assert_eq!(
        said(&script, |r| {
            other(r);
            r.purpose.turn = 1;
        }),
        Ok("second".to_owned())
    );
}

#[test]
fn a_step_that_is_walked_again_can_have_other_replies() {
    let script = scripted(
        "- when: {visit: 1}\n  turns: [{text: mended}]\n- turns: [{text: first, refused: its arguments are no JSON}]\n",
    );
    assert_eq!(said(&script, |_| {}), Ok("first".to_owned()));
    assert_eq!(
        said(&script, |r| r.purpose.visit = 1),
        Ok("mended".to_owned())
    );
    assert_eq!(
        said(&script, |r| r.purpose.visit = 2),
        Ok("first".to_owned())
    );
    let reply = chat(&script, &request("any"), &|| false).unwrap();
    assert_eq!(reply.refused.as_deref(), Some("its arguments are no JSON"));
}

#[test]
fn nothing_passes_by_accident() {
    let script = scripted("- when: {kind: build}\n  turns: [{text: a}]\n");
    assert_eq!(
        said(&script, |r| r.purpose.turn = 1),
        Err(ErrorClass::ScriptExhausted)
    );
    assert_eq!(
        said(&script, |r| r.purpose.task_kind = TaskKind::Ops),
        Err(ErrorClass::ScriptExhausted)
    );
    assert_eq!(said(&script, |r| r.purpose.turn = 0), Ok("a".to_owned()));
}

#[test]
fn a_reply_is_simulated_deterministic_and_counted() {
    let script = scripted(
        "- turns:\n    - text: I write.\n      calls:\n        - {name: write, arguments: {path: a, line: 3}}\n        \
             - {name: finish}\n",
    );
    let reply = chat(&script, &request("any"), &|| false).unwrap();
    assert_eq!(
        (reply.mode, reply.model.as_str(), reply.usage_estimated),
        (Mode::Simulated, "scripted", true)
    );
    assert_eq!(
        Value::Object(reply.calls[0].arguments.clone()),
        json!({"path": "a", "line": 3})
    );
    assert_eq!(reply.calls[1].name, "finish");
    assert_ne!(reply.calls[0].id, reply.calls[1].id);
    assert!(reply.usage.prompt_tokens > 0 && reply.usage.output_tokens > 0);
    assert_eq!(chat(&script, &request("any"), &|| false).unwrap(), reply);
}

#[test]
fn json_answers_an_ask_and_a_broken_one_is_repaired_once() {
    let mut request = request("any");
    request.format = Some(
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
    );
    let good = scripted("- turns: [{json: {n: 3}}]\n");
    assert_eq!(
        ask(&good, &request, &mut |r| chat(&good, r, &|| false))
            .unwrap()
            .value,
        json!({"n": 3})
    );
    let repaired =
        scripted("- turns: [{json: {n: three}}, {text: \"```json\\n{\\\"n\\\": 4}\\n```\"}]\n");
    let answer = ask(&repaired, &request, &mut |r| chat(&repaired, r, &|| false)).unwrap();
    assert_eq!(answer.value, json!({"n": 4}));
    assert!(
        answer.reply.usage.prompt_tokens > 2 * 3,
        "both turns are counted"
    );
    let broken = scripted("- turns: [{text: hm}, {text: \"{\\\"n\\\": 4.5}\"}, {json: {n: 5}}]\n");
    let error = ask(&broken, &request, &mut |r| chat(&broken, r, &|| false)).unwrap_err();
    assert!(
        error.is_quality() && error.message.contains("n is not of type"),
        "{error}"
    );
    request.format = None;
    assert_eq!(
        ask(&good, &request, &mut |r| chat(&good, r, &|| false))
            .unwrap_err()
            .class,
        ErrorClass::BadRequest
    );
}

#[test]
fn failures_can_be_scripted() {
    let script = scripted("- turns: [{fail: unreachable}, {fail: busy, message: full}]\n");
    let mut request = request("any");
    assert!(
        chat(&script, &request, &|| false)
            .unwrap_err()
            .is_infrastructure()
    );
    request.purpose.turn = 1;
    let error = chat(&script, &request, &|| false).unwrap_err();
    assert_eq!(
        (error.class, error.message.as_str()),
        (ErrorClass::Busy, "full")
    );
}

#[test]
fn requests_are_held_to_the_same_rules_as_on_a_real_host() {
    let script = scripted("- turns: [{text: a}]\n");
    let mut both = request("any");
    both.format = Some(json!({}));
    both.tools = vec![crate::chat::ToolSpec {
        name: "read".to_owned(),
        description: String::new(),
        parameters: json!({}),
    }];
    assert_eq!(
        chat(&script, &both, &|| false).unwrap_err().class,
        ErrorClass::BadRequest
    );
    let silent = ChatRequest {
        messages: Vec::new(),
        ..request("any")
    };
    assert_eq!(
        chat(&script, &silent, &|| false).unwrap_err().class,
        ErrorClass::BadRequest
    );
    assert!(
        chat(&script, &request(""), &|| false).is_ok(),
        "a recording needs no model"
    );
    assert_eq!(
        chat(&script, &request("any"), &|| true).unwrap_err().class,
        ErrorClass::Cancelled
    );
}

#[test]
fn slips_are_errors_that_say_what_was_meant() {
    for (text, said) in [
        (
            "- when: {knd: build}\n  turns: [{text: a}]\n",
            "did you mean `kind`?",
        ),
        ("- turns: [{txt: a}]\n", "did you mean `text`?"),
        (
            "- turns: [{fail: unreachabel}]\n",
            "did you mean `unreachable`?",
        ),
        (
            "- when: {kind: biuld}\n  turns: [{text: a}]\n",
            "did you mean `build`?",
        ),
        ("[{\"turns\": [{\"txt\": \"a\"}]}]", "did you mean `text`?"),
        ("- turn: [{text: a}]\n", "did you mean `turns`?"),
        ("- turns: []\n", "scene 1: it has no turns"),
        ("- turns: [{}]\n", "exactly one of"),
        ("- turns: [{text: a, json: {}}]\n", "exactly one of"),
        ("- turns: [{text: a, message: b}]\n", "belongs to `fail`"),
        ("[{turns: [{txt: a}]}]", "did you mean `text`?"),
        ("[]", "no scene"),
        ("{}", "cannot use the script"),
    ] {
        let error = Script::parse(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn an_unknown_key_is_shown_with_its_line() {
    let error = Script::parse("- turns:\n    - text: a\n      colour: red\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains('3') && error.contains("colour"), "{error}");
    assert!(!error.contains("did you mean"), "{error}");
}
