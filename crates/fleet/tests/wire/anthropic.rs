//! Anthropic's dialect: requests, answers, failures.

use alai_fleet::{AnthropicHost, Secret, Timeouts};
use alai_testkit::anthropic::{Answer, AnthropicTwin, Behaviour, Vice};

use super::*;

const KEY: &str = "sk-twin-key";

fn host(twin: &AnthropicTwin) -> AnthropicHost {
    let key = Secret::parse(KEY).expect("it is one");
    AnthropicHost::parse(&twin.url())
        .expect("a twin has a URL")
        .with_key(key)
}

fn twin(answers: impl IntoIterator<Item = Answer>) -> AnthropicTwin {
    AnthropicTwin::start(Behaviour::in_order(answers))
}

fn asks(twin: &AnthropicTwin, request: &ChatRequest) -> Result<ChatReply, ChatError> {
    chat(&Provider::Anthropic(host(twin)), request, &|| false)
}

fn fails(answer: Answer) -> ChatError {
    asks(&twin([answer]), &request()).expect_err("this answer is a failure")
}

fn call_of(id: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "read".to_owned(),
        arguments: [("path".to_owned(), json!("a"))].into_iter().collect(),
    }
}

fn result_of(id: &str) -> Message {
    Message::Tool {
        call_id: id.to_owned(),
        name: "read".to_owned(),
        text: String::new(),
    }
}

#[test]
fn a_conversation_goes_out_as_the_protocol_wants_it() {
    let twin = twin([Answer::text("It is so."), Answer::text("Fine.")]);
    let mut request = with_tools();
    request.messages.extend([
        Message::Assistant {
            text: "I read. \n".to_owned(),
            calls: vec![call_of("functions.read:0"), call_of("b")],
        },
        result_of("functions.read:0"),
        result_of("b"),
        Message::User {
            text: "Go on.".to_owned(),
        },
        Message::Assistant {
            text: String::new(),
            calls: Vec::new(),
        },
        Message::User {
            text: "Now.".to_owned(),
        },
        Message::System {
            text: "Be brief.".to_owned(),
        },
    ]);
    let reply = asks(&twin, &request).unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish, reply.model.as_str()),
        ("It is so.", Finish::Stop, "small")
    );
    assert!(!reply.usage_estimated && reply.usage.output_tokens == 3);
    let body = &twin.chats()[0];
    assert_eq!(body["system"], "You build.\n\nBe brief.");
    assert_eq!(
        (&body["max_tokens"], &body["stream"]),
        (&json!(8_192), &json!(true))
    );
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": ""});
    let text = |text: &str| json!({"type": "text", "text": text});
    let used =
        |id: &str| json!({"type": "tool_use", "id": id, "name": "read", "input": {"path": "a"}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [text("Look at the file.")]},
            {"role": "assistant", "content": [text("I read."), used("functions_read_0"), used("b")]},
            {"role": "user", "content": [result("functions_read_0"), result("b"), text("Go on."), text("Now.")]},
        ])
    );
    assert_eq!(
        body["tools"][0]["input_schema"],
        request.tools[0].parameters
    );
    assert!(body.get("tool_choice").is_none() && body.get("temperature").is_none());
    assert!(!body.to_string().contains("a secret title"));
    let headers = &twin.requests()[0].headers;
    assert_eq!(
        (
            headers["x-api-key"].as_str(),
            headers["anthropic-version"].as_str()
        ),
        (KEY, "2023-06-01")
    );
    assert!(headers.get("authorization").is_none());

    // A last question without tools: what was called and found is told in words.
    request.tools = Vec::new();
    assert_eq!(asks(&twin, &request).unwrap().text, "Fine.");
    let body = twin.chats()[1].to_string();
    assert!(
        !body.contains("tool_use") && body.contains("<function=read>"),
        "{body}"
    );
}

#[test]
fn calls_reasoning_and_counts_come_back() {
    let answer = Answer::calls(
        "I look.",
        &[
            ("read", json!({"path": "ø.rs"})),
            ("write", json!({"path": "b"})),
        ],
    )
    .but(Vice::Cached {
        read: 1_000,
        written: 50,
    });
    let plain = asks(&twin([answer.clone()]), &with_tools()).unwrap();
    assert_eq!(call(&plain, 0), ("read", json!({"path": "ø.rs"})));
    assert_eq!(
        (plain.calls[1].id.as_str(), plain.text.as_str()),
        ("toolu_1", "I look.")
    );
    assert_eq!(
        (
            plain.usage.cache_read_tokens,
            plain.usage.cache_write_tokens
        ),
        (1_000, 50)
    );
    assert!(plain.usage.prompt_tokens > 1_050);
    for vice in [Vice::Pings, Vice::SingleBytes, Vice::NoStop] {
        let reply = asks(&twin([answer.clone().but(vice.clone())]), &with_tools()).unwrap();
        let reply = ChatReply {
            latency_ms: plain.latency_ms,
            ..reply
        };
        assert_eq!(reply, plain, "{vice:?}");
    }
    let thought = Answer::Reasoned("I see it.".to_owned(), "Fine.".to_owned());
    let reply = asks(&twin([thought]), &request()).unwrap();
    assert_eq!(
        (reply.thinking.as_str(), reply.text.as_str()),
        ("I see it.", "Fine.")
    );
}

#[test]
fn a_schema_is_one_tool_that_must_be_called_and_its_input_is_the_text() {
    let schema = json!({"type": "object", "properties": {"tier": {"type": "integer", "maximum": 5}}, "required": ["tier"]});
    let by = |schema: &Value| ChatRequest {
        format: Some(schema.clone()),
        ..request()
    };
    let gives = |value: Value| Answer::calls("", &[("answer", value)]);
    let twin = twin([gives(json!({"tier": 9})), gives(json!({"tier": 3}))]);
    let provider = Provider::Anthropic(host(&twin));
    let answer = ask(&provider, &by(&schema), &mut |r| {
        chat(&provider, r, &|| false)
    })
    .unwrap();
    assert_eq!(answer.value, json!({"tier": 3}));
    assert!(answer.reply.calls.is_empty());
    let body = &twin.chats()[0];
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": "answer", "disable_parallel_tool_use": true})
    );
    assert_eq!(
        (
            body["tools"].as_array().unwrap().len(),
            &body["tools"][0]["input_schema"]
        ),
        (1, &schema)
    );

    // A choice of forms is no tool's input, so it goes in and comes out under a name.
    let forms = alai_fleet::call_form(&with_tools().tools);
    let request = by(&forms.schema);
    let twin = self::twin([gives(
        json!({"value": {"name": "read", "arguments": {"path": "a"}}}),
    )]);
    let reply = asks(&twin, &request).unwrap();
    let made = alai_fleet::formed(reply, &request.messages, &with_tools().tools).unwrap();
    assert_eq!(call(&made, 0), ("read", json!({"path": "a"})));
}

#[test]
fn every_reason_to_stop_has_its_meaning() {
    let text = || Answer::text("one two");
    let cut = Answer::calls("", &[("write", json!({"path": "a"}))])
        .but(Vice::Stops("max_tokens".to_owned()));
    let reply = asks(&twin([cut]), &with_tools()).unwrap();
    assert_eq!(reply.finish, Finish::Length);
    for (reason, class, quality) in [
        ("refusal", ErrorClass::Filtered, true),
        ("pause_turn", ErrorClass::Cut, false),
        ("magic", ErrorClass::Malformed, true),
    ] {
        let error = fails(text().but(Vice::Stops(reason.to_owned())));
        assert_eq!(
            (error.class, error.is_quality()),
            (class, quality),
            "{error}"
        );
        assert_eq!(error.partial, "one two");
    }
    let mut request = with_tools();
    request.profile.tool_mode = ToolMode::Text;
    let read =
        "I look.\n<function=read>\n<parameter=path>\na.rs\n</parameter>\n</function>\nIt says";
    let twin = twin([Answer::text(read)]);
    let reply = asks(&twin, &request).unwrap();
    assert_eq!(
        (call(&reply, 0).1, reply.calls.len()),
        (json!({"path": "a.rs"}), 1)
    );
    assert_eq!(twin.chats()[0]["stop_sequences"], json!(["</function>"]));
}

#[test]
fn failures_keep_what_came_and_have_exact_classes() {
    let text = || Answer::text("one two three");
    for (answer, class, partial) in [
        (text().but(Vice::NoEnd), ErrorClass::Cut, "one two three"),
        (text().but(Vice::Breaks), ErrorClass::Cut, "one "),
        (
            text().but(Vice::ErrorAfter(3, "api_error".to_owned())),
            ErrorClass::MidStream,
            "one ",
        ),
        // Overloaded behind a 200, with something said: it cannot be asked for again behind the caller's back.
        (
            text().but(Vice::ErrorAfter(3, "overloaded_error".to_owned())),
            ErrorClass::MidStream,
            "one ",
        ),
        (text().but(Vice::Hangs), ErrorClass::Unreachable, ""),
        (
            Answer::error(
                400,
                "invalid_request_error",
                "prompt is too long: 9 tokens > 8 maximum",
            ),
            ErrorClass::ContextTooLong,
            "",
        ),
        (
            Answer::error(403, "permission_error", "no"),
            ErrorClass::Refused,
            "",
        ),
        (
            Answer::error(413, "request_too_large", "too large"),
            ErrorClass::ContextTooLong,
            "",
        ),
        (
            Answer::error(500, "api_error", "inside"),
            ErrorClass::ServerFault,
            "",
        ),
    ] {
        let error = fails(answer.clone());
        assert_eq!(
            (error.class, error.partial.as_str()),
            (class, partial),
            "{answer:?}: {error}"
        );
    }
    let other = ChatRequest {
        model: "other".to_owned(),
        ..request()
    };
    assert_eq!(
        asks(&twin([]), &other).unwrap_err().class,
        ErrorClass::ModelMissing
    );
    let elsewhere = twin([text()]);
    let error = fails(text().but(Vice::Redirects(format!("{}/v1/messages", elsewhere.url()))));
    assert_eq!(error.class, ErrorClass::Refused);
    assert!(
        elsewhere.requests().is_empty(),
        "neither code nor key follows a redirect"
    );
}

#[test]
fn an_overloaded_server_is_waited_for() {
    let refused = |status, kind: &str, wait| {
        Answer::text("").but(Vice::Status(
            status,
            kind.to_owned(),
            "wait".to_owned(),
            wait,
        ))
    };
    let twin = twin([
        refused(529, "overloaded_error", None),
        refused(429, "rate_limit_error", Some(1)),
        // Behind the headers, before a word was said.
        Answer::text("no").but(Vice::ErrorAfter(1, "overloaded_error".to_owned())),
        Answer::text("now"),
    ]);
    let reply = asks(&twin, &request()).unwrap();
    assert_eq!((reply.text.as_str(), twin.chats().len()), ("now", 4));
    assert!(reply.latency_ms >= 1_000, "it was asked to wait a second");
    let mut short = request();
    short.profile.call_s_max = 5;
    let error = asks(
        &self::twin([refused(429, "rate_limit_error", Some(60))]),
        &short,
    )
    .unwrap_err();
    assert!(
        error.class == ErrorClass::Busy && error.is_infrastructure(),
        "{error}"
    );
}

#[test]
fn pings_are_no_tokens_and_a_first_token_has_a_bound() {
    let mut request = request();
    request.profile.idle_s_max = 1;
    let stalled = twin([Answer::text("one two").but(Vice::Stalls).but(Vice::Pings)]);
    let error = asks(&stalled, &request).unwrap_err();
    assert_eq!(
        (error.class, error.partial.as_str()),
        (ErrorClass::Stalled, "one ")
    );
    stalled.await_closed(1);
    let held = twin([Answer::text("late").but(Vice::Held)]);
    let bounded = host(&held).with_timeouts(Timeouts {
        first_token_s: Some(1),
        ..Timeouts::default()
    });
    let error = chat(&Provider::Anthropic(bounded), &request, &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::Stalled, "{error}");
    held.await_closed(1);
}

#[test]
fn the_key_is_shown_nowhere_and_models_are_listed_with_it() {
    let twin = twin([
        Answer::text("").but(Vice::Echoes),
        Answer::text(&format!("It is {KEY}.")),
    ]);
    let keyed = host(&twin);
    let provider = Provider::Anthropic(keyed.clone());
    let error = chat(&provider, &request(), &|| false).unwrap_err();
    assert!(error.message.contains("[key]"), "{error}");
    let reply = chat(&provider, &request(), &|| false).unwrap();
    let found = probe(&keyed);
    let names: Vec<_> = usable(&found)
        .iter()
        .map(|card| card.name.as_str())
        .collect();
    assert_eq!(names, ["small"]);
    let shown = format!(
        "{provider:?} {error:?} {error} {reply:?} {found:?} {}",
        serde_json::to_string(&found).unwrap()
    );
    assert!(!shown.contains(KEY), "{shown}");
    let keyless = AnthropicHost::parse(&twin.url()).unwrap();
    assert!(matches!(probe(&keyless).state, ProbeState::Down { .. }));
    let error = chat(&Provider::Anthropic(keyless), &request(), &|| false).unwrap_err();
    assert!(
        error.class == ErrorClass::Refused && error.to_string().contains("check the key"),
        "{error}"
    );
}
