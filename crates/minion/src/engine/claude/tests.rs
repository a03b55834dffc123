use serde_json::json;

use super::*;

fn hear(value: &Value) -> Vec<Heard> {
    let line = value.to_string();
    Stream::new(false)
        .line(line.as_bytes())
        .expect("a line of the protocol")
}

fn end(value: &Value) -> Ended {
    let mut heard = hear(value);
    match heard.pop() {
        Some(Heard::Ended(ended)) => *ended,
        other => panic!("{other:?}"),
    }
}

/// Each result that is known of, as versions up to 2.1.330 send them.
#[test]
fn what_a_result_means() {
    let failed = |class| move |outcome: &Outcome| matches!(outcome, Outcome::Failed { class: c, .. } if *c == class);
    type Is = Box<dyn Fn(&Outcome) -> bool>;
    let is = |want: Outcome| -> Is { Box::new(move |outcome: &Outcome| *outcome == want) };
    let cases: Vec<(Value, Is)> = vec![
        (
            json!({"subtype": "success", "is_error": false}),
            is(Outcome::Done),
        ),
        // The flag beats the word, both ways.
        (
            json!({"subtype": "error_during_execution", "is_error": false}),
            is(Outcome::Done),
        ),
        (
            json!({"subtype": "success", "is_error": true, "api_error_status": 429}),
            Box::new(failed(ErrorClass::Busy)),
        ),
        (
            json!({"subtype": "success", "is_error": true, "api_error_status": 500}),
            Box::new(failed(ErrorClass::ServerFault)),
        ),
        (
            json!({"subtype": "success", "is_error": true, "api_error_status": 529}),
            Box::new(failed(ErrorClass::Busy)),
        ),
        (
            json!({"subtype": "success", "is_error": true, "api_error_status": 401}),
            Box::new(failed(ErrorClass::Refused)),
        ),
        (
            json!({"subtype": "success", "is_error": true, "api_error_status": 404}),
            Box::new(failed(ErrorClass::ModelMissing)),
        ),
        (
            json!({"subtype": "success", "is_error": true, "api_error_status": 400, "result": "Prompt is too long"}),
            Box::new(failed(ErrorClass::ContextTooLong)),
        ),
        (
            json!({"subtype": "success", "is_error": true, "result": "Invalid API key · Please run /login"}),
            Box::new(failed(ErrorClass::Refused)),
        ),
        (
            json!({"subtype": "error_during_execution", "is_error": true, "errors": ["it broke"]}),
            Box::new(failed(ErrorClass::ServerFault)),
        ),
        (
            json!({"subtype": "error_max_structured_output_retries", "is_error": true}),
            Box::new(failed(ErrorClass::Malformed)),
        ),
        // Older versions sent limits without the flag.
        (
            json!({"subtype": "error_max_turns", "is_error": true}),
            is(Outcome::TurnsSpent),
        ),
        (
            json!({"subtype": "error_max_turns", "is_error": false}),
            is(Outcome::TurnsSpent),
        ),
        (
            json!({"subtype": "error_max_budget_usd", "is_error": true}),
            is(Outcome::OverBudget),
        ),
        // No flag at all.
        (json!({"subtype": "success"}), is(Outcome::Done)),
        (
            json!({"subtype": "error_unheard_of"}),
            Box::new(failed(ErrorClass::ServerFault)),
        ),
        (json!({}), Box::new(failed(ErrorClass::ServerFault))),
    ];
    for (mut value, want) in cases {
        value["type"] = "result".into();
        let got = end(&value).outcome;
        assert!(want(&got), "{value}: {got:?}");
    }
}

#[test]
fn a_result_tells_what_was_used_and_what_was_refused_once() {
    let mut stream = Stream::new(false);
    let denied = json!({"type": "system", "subtype": "permission_denied", "tool_name": "Write", "tool_use_id": "t1",
        "decision_reason_type": "mode", "message": "no"});
    let heard = stream.line(denied.to_string().as_bytes()).expect("a line");
    assert!(
        matches!(&heard[..], [Heard::Denied { what, .. }] if what == "Write: \"mode\""),
        "{heard:?}"
    );
    let result = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 3, "result": "It is 42.",
        "total_cost_usd": 0.0088, "structured_output": {"status": "done"},
        "permission_denials": [{"tool_name": "Write", "tool_use_id": "t1"}, {"tool_name": "Edit", "tool_use_id": "t2"}],
        "modelUsage": {"big": {"inputTokens": 10, "outputTokens": 7, "cacheReadInputTokens": 100, "cacheCreationInputTokens": 5},
            "small": {"inputTokens": 1, "outputTokens": 2}}});
    let heard = stream.line(result.to_string().as_bytes()).expect("a line");
    let [
        Heard::Denied { what, .. },
        Heard::Spent(spent),
        Heard::Ended(ended),
    ] = &heard[..]
    else {
        panic!("{heard:?}")
    };
    assert!(what.starts_with("Edit"));
    let usage = Usage {
        prompt_tokens: 116,
        output_tokens: 9,
        cache_read_tokens: 100,
        cache_write_tokens: 5,
    };
    assert_eq!((spent.usage, spent.microusd), (Some(usage), Some(8_800)));
    assert_eq!(ended.turns, Some(3));
    assert_eq!(ended.answer, Some(json!({"status": "done"})));
    assert_eq!(ended.model.as_deref(), Some("big"));
}

/// Of a model that it has no price for it says what another one costs.
#[test]
fn a_guess_of_a_price_is_none() {
    let result = json!({"type": "result", "subtype": "success", "is_error": false, "total_cost_usd": 0.0088,
        "modelUsage": {"small": {"inputTokens": 2_000, "outputTokens": 40, "costUSD": 0.0088, "costBasis": "unknown"}}});
    let heard = hear(&result);
    assert!(
        matches!(&heard[0], Heard::Spent(Spent { microusd: None, usage: Some(usage) }) if usage.prompt_tokens == 2_000),
        "{heard:?}"
    );
}

/// What was used and cannot be told is not nothing.
#[test]
fn a_result_that_does_not_say_what_was_used_leaves_that_unknown() {
    for said in [
        json!({}),
        json!({"usage": {"input_tokens": 0, "output_tokens": 0}}),
        json!({"usage": {"input_tokens": 5, "output_tokens": -1}}),
        json!({"usage": {"input_tokens": 1u64 << 50, "output_tokens": 1}}),
        json!({"modelUsage": {"a": {"inputTokens": 1, "outputTokens": 2}, "b": {"inputTokens": 1}}}),
        json!({"total_cost_usd": -1, "usage": {"input_tokens": 5}}),
    ] {
        let mut result = json!({"type": "result", "subtype": "success", "is_error": false});
        let fields = said.as_object().expect("fields").clone();
        result.as_object_mut().expect("fields").extend(fields);
        let heard = hear(&result);
        assert!(
            matches!(
                &heard[..],
                [
                    Heard::Spent(Spent {
                        usage: None,
                        microusd: None
                    }),
                    Heard::Ended(_)
                ]
            ),
            "{said}: {heard:?}"
        );
    }
}

#[test]
fn the_beginning_names_what_did_not_start() {
    let init = json!({"type": "system", "subtype": "init", "session_id": "s", "model": "m", "claude_code_version": "2.1.330",
        "mcp_servers": [{"name": "a", "status": "failed"}, {"name": "b", "status": "connected"}],
        "mcp_server_errors": [{"server": "a", "error": "gone"}], "plugin_errors": [{"plugin": "p"}], "apiKeySource": "none"});
    let heard = hear(&init);
    let Heard::Began { id, model, version } = &heard[0] else {
        panic!("{heard:?}")
    };
    let names = [id, model, version].map(|name| name.as_deref().unwrap_or_default());
    assert_eq!(names, ["s", "m", "2.1.330"]);
    let notices: Vec<&str> = heard[1..]
        .iter()
        .map(|h| {
            let Heard::Notice(text) = h else {
                panic!("{h:?}")
            };
            text.as_str()
        })
        .collect();
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert!(
        notices[0].contains("gone") && notices[1].contains("plugin_errors"),
        "{notices:?}"
    );
}

/// A key in the settings of a login would be paid by the token, with nobody's budget behind it.
#[test]
fn a_subscription_is_not_paid_by_a_key() {
    let init = |source: &str| {
        json!({"type": "system", "subtype": "init", "apiKeySource": source}).to_string()
    };
    for (source, stops) in [
        ("none", false),
        ("apiKeyHelper", true),
        ("ANTHROPIC_API_KEY", true),
    ] {
        let heard = Stream::new(true)
            .line(init(source).as_bytes())
            .expect("a line");
        let ends = heard.iter().any(|h| matches!(h, Heard::Ended(_)));
        assert_eq!(ends, stops, "{source}: {heard:?}");
        let heard = Stream::new(false)
            .line(init(source).as_bytes())
            .expect("a line");
        assert!(!heard.iter().any(|h| matches!(h, Heard::Ended(_))));
    }
}

#[test]
fn messages_are_turns_words_and_calls() {
    let mut stream = Stream::new(false);
    let mut line = |value: Value| stream.line(value.to_string().as_bytes()).expect("a line");
    let text = json!({"type": "assistant", "parent_tool_use_id": null,
        "message": {"id": "m1", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "I look."}]}});
    assert_eq!(
        line(text),
        [
            Heard::Turn,
            Heard::Thought("hm".into()),
            Heard::Text("I look.".into())
        ]
    );
    // The same message goes on in another line: no further turn.
    let call = json!({"type": "assistant", "parent_tool_use_id": null,
        "message": {"id": "m1", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}]}});
    assert_eq!(
        line(call),
        [Heard::Call {
            id: "t".into(),
            name: "Bash".into(),
            input: json!({"command": "ls"})
        }]
    );
    let result = json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "is_error": true,
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}});
    assert_eq!(
        line(result),
        [Heard::Result {
            id: "t".into(),
            error: true,
            text: "a\nb".into()
        }]
    );
    let subagent = json!({"type": "assistant", "parent_tool_use_id": "t", "message": {"id": "m2", "content": []}});
    assert_eq!(line(subagent), []);
    let outage = json!({"type": "assistant", "is_api_error_message": true,
        "message": {"id": "m3", "content": [{"type": "text", "text": "API Error: 529"}]}});
    assert_eq!(line(outage), [Heard::Notice("API Error: 529".into())]);
}

#[test]
fn what_is_no_line_of_the_protocol_is_none() {
    let mut stream = Stream::new(false);
    for line in [
        &b"Loading..."[..],
        b"{",
        b"[]",
        b"{\"type\": 3}",
        b"\xff\xfe",
        b"null",
    ] {
        assert_eq!(stream.line(line), None, "{line:?}");
    }
    assert_eq!(stream.line(b"{\"type\":\"of tomorrow\"}"), Some(vec![]));
}
