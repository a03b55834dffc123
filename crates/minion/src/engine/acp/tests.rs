use alai_core::blueprint::ToolName;
use alai_core::brief::Role;

use super::*;
use crate::scope::Scope;

fn client(model: Option<&str>) -> Client {
    let rules = Rules {
        role: Role::Builder,
        tools: ToolName::ALL.to_vec(),
        scope: Scope::new(&["src/**".into()], &[]).expect("globs"),
        folder: "/repo".into(),
        lent: Vec::new(),
    };
    Client::new(rules, "Do it.".into(), model, false)
}

/// What is sent, and what is heard.
fn split(acts: Vec<Act>) -> (Vec<Value>, Vec<Heard>) {
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for act in acts {
        match act {
            Act::Send(line) => sent.push(serde_json::from_str(&line).expect("JSON")),
            Act::Heard(one) => heard.push(one),
        }
    }
    (sent, heard)
}

fn hear(client: &mut Client, value: &Value) -> (Vec<Value>, Vec<Heard>) {
    split(
        client
            .line(value.to_string().as_bytes())
            .expect("a message"),
    )
}

fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": 1, "agentInfo": {"name": "a", "version": "2"},
        "authMethods": [{"id": "term", "type": "terminal"}, {"id": "browser", "name": "Log in"}, {"id": "api-key"}]}})
}

/// A client whose prompt is sent.
fn prompting() -> Client {
    let mut client = client(None);
    split(vec![client.open()]);
    hear(&mut client, &initialized());
    let (sent, _) = hear(&mut client, &json!({"id": 2, "result": {"sessionId": "s"}}));
    assert_eq!(
        (&sent[0]["method"], &sent[0]["params"]["prompt"][0]["text"]),
        (&"session/prompt".into(), &"Do it.".into())
    );
    client
}

fn outcome(heard: &[Heard]) -> &Outcome {
    match heard.last() {
        Some(Heard::Ended(ended)) => &ended.outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_is_opened_and_nothing_is_offered() {
    let mut client = client(None);
    let (sent, _) = split(vec![client.open()]);
    let offered = json!({"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false});
    assert_eq!(sent[0]["params"]["clientCapabilities"], offered);
    let (sent, heard) = hear(&mut client, &initialized());
    assert!(
        matches!(&heard[..], [Heard::Began { version: Some(v), .. }] if v == "a 2"),
        "{heard:?}"
    );
    assert_eq!(
        (&sent[0]["params"]["cwd"], &sent[0]["params"]["mcpServers"]),
        (&"/repo".into(), &json!([]))
    );
    let options = &sent[0]["params"]["_meta"]["claudeCode"]["options"];
    assert_eq!(
        options,
        &json!({"settingSources": [], "strictMcpConfig": true})
    );
}

#[test]
fn another_version_is_not_spoken() {
    let mut client = client(None);
    client.open();
    let (sent, heard) = hear(
        &mut client,
        &json!({"id": 1, "result": {"protocolVersion": 2}}),
    );
    assert!(
        sent.is_empty() && matches!(outcome(&heard), Outcome::Malformed { .. }),
        "{heard:?}"
    );
}

#[test]
fn a_login_is_tried_once() {
    for (keyed, method) in [(false, "browser"), (true, "api-key")] {
        let mut client = client(None);
        client.keyed = keyed;
        client.open();
        hear(&mut client, &initialized());
        let required = |id: u64| json!({"id": id, "error": {"code": -32000, "message": "Authentication required"}});
        let (sent, _) = hear(&mut client, &required(2));
        assert_eq!(
            (&sent[0]["method"], &sent[0]["params"]["methodId"]),
            (&"authenticate".into(), &method.into())
        );
        let (sent, _) = hear(&mut client, &json!({"id": 3, "result": {}}));
        assert_eq!(sent[0]["method"], "session/new");
        let (_, heard) = hear(&mut client, &required(4));
        assert!(
            matches!(
                outcome(&heard),
                Outcome::Failed {
                    class: ErrorClass::Refused,
                    ..
                }
            ),
            "{heard:?}"
        );
    }
}

#[test]
fn a_model_is_chosen_or_the_session_ends() {
    let options = json!([{"id": "m", "category": "model", "type": "select", "currentValue": "a",
        "options": [{"value": "a"}, {"group": "g", "options": [{"value": "b"}]}]}]);
    for (wanted, sends) in [
        ("a", Some("session/prompt")),
        ("b", Some("session/set_config_option")),
        ("c", None),
    ] {
        let mut client = client(Some(wanted));
        client.open();
        hear(&mut client, &initialized());
        let (sent, heard) = hear(
            &mut client,
            &json!({"id": 2, "result": {"sessionId": "s", "configOptions": options}}),
        );
        match sends {
            Some(method) => assert_eq!(sent[0]["method"], method, "{wanted}"),
            None => assert!(
                matches!(
                    outcome(&heard),
                    Outcome::Failed {
                        class: ErrorClass::ModelMissing,
                        ..
                    }
                ),
                "{heard:?}"
            ),
        }
        if wanted == "b" {
            assert_eq!(
                sent[0]["params"],
                json!({"sessionId": "s", "configId": "m", "value": "b"})
            );
            let (sent, _) = hear(
                &mut client,
                &json!({"id": 3, "result": {"configOptions": []}}),
            );
            assert_eq!(sent[0]["method"], "session/prompt");
        }
    }
}

#[test]
fn every_reason_to_stop_has_its_meaning() {
    for (reason, want) in [
        ("end_turn", "Done"),
        ("max_turn_requests", "TurnsSpent"),
        ("max_tokens", "ContextTruncated"),
        ("refusal", "Filtered"),
        ("cancelled", "Cut"),
        ("of tomorrow", "Malformed"),
    ] {
        let (_, heard) = hear(
            &mut prompting(),
            &json!({"id": 3, "result": {"stopReason": reason}}),
        );
        let said = format!("{:?}", outcome(&heard));
        assert!(said.contains(want), "{reason}: {said}");
    }
    let mut client = prompting();
    assert!(client.cancel().is_some());
    let (_, heard) = hear(
        &mut client,
        &json!({"id": 3, "result": {"stopReason": "cancelled"}}),
    );
    assert_eq!(outcome(&heard), &Outcome::Cancelled);
}

#[test]
fn words_are_gathered_and_calls_are_told_of() {
    let mut client = prompting();
    let update = |update: Value| json!({"method": "session/update", "params": {"sessionId": "s", "update": update}});
    let chunk = |text: &str| {
        update(
            json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}),
        )
    };
    assert_eq!(hear(&mut client, &chunk("I ")).1, []);
    assert_eq!(hear(&mut client, &chunk("look.")).1, []);
    let call = update(
        json!({"sessionUpdate": "tool_call", "toolCallId": "t", "title": "Edit a", "kind": "edit",
        "locations": [{"path": "/repo/src/a"}]}),
    );
    let (_, heard) = hear(&mut client, &call);
    assert_eq!(heard[0], Heard::Text("I look.".into()));
    assert!(
        matches!(&heard[2], Heard::Call { name, .. } if name == "edit: Edit a"),
        "{heard:?}"
    );
    // The end of a call, later, with its content.
    let over = update(
        json!({"sessionUpdate": "tool_call_update", "toolCallId": "t", "status": "failed",
        "content": [{"type": "content", "content": {"type": "text", "text": "no"}}]}),
    );
    assert_eq!(
        hear(&mut client, &over).1,
        [Heard::Result {
            id: "t".into(),
            error: true,
            text: "no".into()
        }]
    );
    let cost = |currency: &str| {
        update(
            json!({"sessionUpdate": "usage_update", "used": 1, "size": 2,
        "cost": {"amount": 0.045, "currency": currency}}),
        )
    };
    assert!(matches!(
        &hear(&mut client, &cost("USD")).1[..],
        [Heard::Spent(Spent {
            microusd: Some(45_000),
            ..
        })]
    ));
    assert_eq!(hear(&mut client, &cost("EUR")).1, []);
    let (_, heard) = hear(
        &mut client,
        &json!({"method": "session/update", "params": {"sessionId": "other"}}),
    );
    assert!(matches!(&heard[..], [Heard::Notice(_)]), "{heard:?}");
}

/// What was used and cannot be told is not nothing.
#[test]
fn a_turn_that_does_not_say_what_it_used_leaves_that_unknown() {
    for usage in [
        json!({}),
        json!({"inputTokens": 0, "outputTokens": 0}),
        json!({"inputTokens": 5}),
        json!({"inputTokens": 5, "outputTokens": -1}),
        json!({"inputTokens": 5, "outputTokens": 1, "thoughtTokens": 1u64 << 50}),
    ] {
        let end = json!({"id": 3, "result": {"stopReason": "end_turn", "usage": usage}});
        let (_, heard) = hear(&mut prompting(), &end);
        assert!(
            matches!(&heard[..], [Heard::Spent(Spent { usage: None, .. }), Heard::Ended(e)] if e.is_result),
            "{usage}: {heard:?}"
        );
    }
}

/// Claude's adapter tells of a call before it knows with what it is called.
#[test]
fn a_call_is_told_of_when_it_is_known() {
    let mut client = prompting();
    let update = |update: Value| json!({"method": "session/update", "params": {"sessionId": "s", "update": update}});
    let first = update(
        json!({"sessionUpdate": "tool_call", "toolCallId": "t", "title": "Terminal", "kind": "execute",
        "status": "pending", "rawInput": {}}),
    );
    assert_eq!(hear(&mut client, &first).1, []);
    let more = update(
        json!({"sessionUpdate": "tool_call_update", "toolCallId": "t", "title": "ls", "rawInput": {"command": "ls"}}),
    );
    let (_, heard) = hear(&mut client, &more);
    assert!(
        matches!(&heard[..], [Heard::Turn, Heard::Call { name, input, .. }] if name == "execute: ls" && input["command"] == "ls")
    );
    assert_eq!(hear(&mut client, &more).1, []);
    // One that says nothing of itself is told of when it ends.
    let over = update(
        json!({"sessionUpdate": "tool_call", "toolCallId": "u", "title": "Think", "kind": "think", "status": "completed"}),
    );
    assert!(matches!(
        &hear(&mut client, &over).1[..],
        [Heard::Turn, Heard::Call { .. }, Heard::Result { .. }]
    ));
}

/// The request names the call alone; what it is about came before.
#[test]
fn leave_is_given_by_what_is_known_of_the_call() {
    let options =
        json!([{"optionId": "y", "kind": "allow_once"}, {"optionId": "n", "kind": "reject_once"}]);
    for (path, chosen) in [
        ("/repo/src/a", "y"),
        ("/repo/other", "n"),
        ("/etc/passwd", "n"),
    ] {
        let mut client = prompting();
        let call = json!({"method": "session/update", "params": {"sessionId": "s", "update": {"sessionUpdate": "tool_call",
            "toolCallId": "t", "title": "Edit", "kind": "edit", "locations": [{"path": path}]}}});
        hear(&mut client, &call);
        let ask = json!({"id": "q-1", "method": "session/request_permission",
            "params": {"sessionId": "s", "toolCall": {"toolCallId": "t"}, "options": options}});
        let (sent, heard) = hear(&mut client, &ask);
        assert_eq!(sent[0]["id"], "q-1");
        assert_eq!(
            sent[0]["result"]["outcome"],
            json!({"outcome": "selected", "optionId": chosen}),
            "{path}"
        );
        assert_eq!(
            heard.iter().any(|h| matches!(h, Heard::Denied { .. })),
            chosen == "n",
            "{path}: {heard:?}"
        );
    }
    // What came of a cancelled turn, or of another's session, gets no leave.
    let mut client = prompting();
    let foreign = json!({"id": 9, "method": "session/request_permission",
        "params": {"sessionId": "x", "toolCall": {"toolCallId": "t", "kind": "think"}, "options": options}});
    assert_eq!(
        hear(&mut client, &foreign).0[0]["result"]["outcome"]["optionId"],
        "n"
    );
    client.cancel();
    assert_eq!(
        hear(&mut client, &foreign).0[0]["result"]["outcome"],
        json!({"outcome": "cancelled"})
    );
}

#[test]
fn what_is_not_offered_is_refused_and_told() {
    for method in [
        "fs/read_text_file",
        "fs/write_text_file",
        "terminal/create",
        "elicitation/create",
        "made/up",
    ] {
        let mut client = prompting();
        let ask = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": {"sessionId": "s", "path": "/etc/passwd"}});
        let (sent, heard) = hear(&mut client, &ask);
        assert_eq!(
            (&sent[0]["id"], &sent[0]["error"]["code"]),
            (&7.into(), &METHOD_NOT_FOUND.into()),
            "{method}"
        );
        assert!(matches!(&heard[..], [Heard::Denied { .. }]), "{heard:?}");
    }
}

#[test]
fn strange_answers_change_nothing() {
    let mut client = prompting();
    for id in [json!(1), json!(99), json!("3"), Value::Null, json!(-1)] {
        let (sent, heard) = hear(
            &mut client,
            &json!({"id": id, "result": {"stopReason": "end_turn"}}),
        );
        assert!(
            sent.is_empty() && matches!(&heard[..], [Heard::Notice(_)]),
            "{id}: {heard:?}"
        );
    }
    let long = json!({"id": "x".repeat(1_000), "method": "fs/read_text_file"});
    assert!(hear(&mut client, &long).0.is_empty());
    for line in [&b"Starting..."[..], b"[]", b"{}", b"{\"id\":1}", b"3"] {
        assert_eq!(client.line(line), None, "{line:?}");
    }
    // The one that was asked for still counts, and only once.
    let end = json!({"id": 3, "result": {"stopReason": "end_turn"}});
    assert_eq!(outcome(&hear(&mut client, &end).1), &Outcome::Done);
    assert!(matches!(&hear(&mut client, &end).1[..], [Heard::Notice(_)]));
}
