use super::*;

/// A whole session of version 0.169.0, shortened, with an act of each kind.
const SESSION: &str = r#"{"type":"thread.started","thread_id":"01a1"}
{"type":"item.completed","item":{"id":"item_0","type":"error","message":"Model metadata for `small` not found."}}
{"type":"turn.started"}
{"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -lc ls","aggregated_output":"","exit_code":null,"status":"in_progress"}}
{"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -lc ls","aggregated_output":"a\n","exit_code":0,"status":"completed"}}
{"type":"item.completed","item":{"id":"item_2","type":"file_change","changes":[{"path":"a","kind":"update"}],"status":"failed"}}
{"type":"item.completed","item":{"id":"item_3","type":"agent_message","text":"First."}}
{"type":"item.completed","item":{"id":"item_4","type":"agent_message","text":"{\"status\":\"done\"}"}}
{"type":"turn.completed","usage":{"input_tokens":3000,"cached_input_tokens":300,"cache_write_input_tokens":7,"output_tokens":60,"reasoning_output_tokens":15}}"#;

#[test]
fn a_session_is_read() {
    let mut stream = Stream::default();
    let heard: Vec<Heard> = SESSION
        .lines()
        .flat_map(|line| stream.line(line.as_bytes()).expect("a line"))
        .collect();
    let results: Vec<(&str, bool)> = heard
        .iter()
        .filter_map(|h| {
            let Heard::Result { id, error, .. } = h else {
                return None;
            };
            Some((id.as_str(), *error))
        })
        .collect();
    assert_eq!(results, [("item_1", false), ("item_2", true)]);
    let usage = Usage {
        prompt_tokens: 3_000,
        output_tokens: 60,
        cache_read_tokens: 300,
        cache_write_tokens: 7,
    };
    let [.., Heard::Spent(spent), Heard::Ended(ended)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!((spent.usage, spent.microusd), (Some(usage), None));
    // The last message alone is the answer.
    assert_eq!(
        (&ended.outcome, ended.text.as_deref()),
        (&Outcome::Done, Some("{\"status\":\"done\"}"))
    );
}

/// What was used and cannot be told is not nothing.
#[test]
fn a_turn_that_does_not_say_what_it_used_leaves_that_unknown() {
    for usage in [
        json!(null),
        json!({}),
        json!({"input_tokens": 0, "output_tokens": 0}),
        json!({"input_tokens": 3_000}),
        json!({"input_tokens": -1, "output_tokens": 60}),
        json!({"input_tokens": 3_000, "output_tokens": 1u64 << 50}),
        json!({"input_tokens": 3_000, "cached_input_tokens": -3, "output_tokens": 60}),
    ] {
        let line = json!({"type": "turn.completed", "usage": usage}).to_string();
        let heard = Stream::default().line(line.as_bytes()).expect("a line");
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
            "{usage}: {heard:?}"
        );
    }
    let line = br#"{"type":"turn.completed","usage":{"input_tokens":3000,"output_tokens":0}}"#;
    let heard = Stream::default().line(line).expect("a line");
    assert!(
        matches!(&heard[0], Heard::Spent(Spent { usage: Some(usage), .. }) if usage.prompt_tokens == 3_000),
        "{heard:?}"
    );
}

#[test]
fn failures_have_the_class_of_their_words() {
    for (said, class) in [
        (
            "unexpected status 401 Unauthorized: no, url: http://x/v1/responses",
            ErrorClass::Refused,
        ),
        (
            "unexpected status 402 Payment Required: alai: what this run was lent is spent; a person can raise it",
            ErrorClass::OverBudget,
        ),
        (
            "unexpected status 402 Payment Required: no credit",
            ErrorClass::Refused,
        ),
        (
            "exceeded retry limit, last status: 429 Too Many Requests",
            ErrorClass::Busy,
        ),
        (
            "We’re currently experiencing high demand, which may cause temporary errors.",
            ErrorClass::Busy,
        ),
        (
            "unexpected status 400 Bad Request: context_length_exceeded",
            ErrorClass::ContextTooLong,
        ),
        (
            "unexpected status 400 Bad Request: no such field",
            ErrorClass::BadRequest,
        ),
        (
            "You've hit your usage limit. Try again at 7 pm.",
            ErrorClass::Busy,
        ),
        (
            "stream disconnected before completion",
            ErrorClass::ServerFault,
        ),
        ("status", ErrorClass::ServerFault),
    ] {
        let line = json!({"type": "turn.failed", "error": {"message": said}}).to_string();
        let heard = Stream::default().line(line.as_bytes()).expect("a line");
        let [Heard::Ended(ended)] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert!(
            matches!(&ended.outcome, Outcome::Failed { class: c, .. } if *c == class),
            "{said}: {ended:?}"
        );
        let has_status = said.contains("status ") || said.contains("status: ");
        assert_eq!(ended.by_status, has_status, "{said}");
    }
    // A turn that says nothing of its own fails as the error before it.
    let mut stream = Stream::default();
    stream.line(br#"{"type":"error","message":"unexpected status 403 Forbidden"}"#);
    let heard = stream.line(br#"{"type":"turn.failed"}"#).expect("a line");
    assert!(
        matches!(&heard[..], [Heard::Ended(e)] if matches!(e.outcome, Outcome::Failed { class: ErrorClass::Refused, .. })),
        "{heard:?}"
    );
}

#[test]
fn schemas_are_made_as_strict_as_the_provider_wants_them() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object",
        "properties": {"b": {"type": "string"}}}}}, "required": []});
    let want = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object",
        "properties": {"b": {"type": "string"}}, "required": ["b"], "additionalProperties": false}}},
        "required": ["a"], "additionalProperties": false});
    assert_eq!(strict(&schema), want);
}
