//! OpenAI's dialect: requests as they go out and answers as they come in.

use alai_fleet::OpenaiHost;
use alai_testkit::openai::{Answer, Behaviour, OpenaiTwin, Vice};

use super::*;

pub(super) fn host(twin: &OpenaiTwin) -> OpenaiHost {
    OpenaiHost::parse(&twin.url()).expect("a twin has a URL")
}

pub(super) fn asks(twin: &OpenaiTwin, request: &ChatRequest) -> Result<ChatReply, ChatError> {
    chat(&Provider::Openai(host(twin)), request, &|| false)
}

pub(super) fn twin(answers: impl IntoIterator<Item = Answer>) -> OpenaiTwin {
    OpenaiTwin::start(Behaviour::in_order(answers))
}

fn two_calls() -> Answer {
    Answer::calls(&[
        ("read", json!({"path": "ø.rs"})),
        ("write", json!({"path": "b", "content": "\"c\"\n"})),
    ])
}

#[test]
fn a_request_is_openais_and_says_nothing_of_its_purpose() {
    let twin = twin([Answer::text("It is so.")]);
    let arguments = json!({"path": "a"}).as_object().unwrap().clone();
    let mut request = with_tools();
    request.profile.seed = u64::MAX;
    request.profile.think = Some(false);
    request.messages.push(Message::Assistant {
        text: "I read.".to_owned(),
        calls: vec![ToolCall {
            id: "c1".to_owned(),
            name: "read".to_owned(),
            arguments,
        }],
    });
    request.messages.push(Message::Tool {
        call_id: "c1".to_owned(),
        name: "read".to_owned(),
        text: "fn main() {}".to_owned(),
    });
    let reply = asks(&twin, &request).unwrap();
    assert_eq!(
        (
            reply.text.as_str(),
            reply.finish,
            reply.mode,
            reply.model.as_str()
        ),
        ("It is so.", Finish::Stop, Mode::Real, "small")
    );
    assert_eq!(
        (reply.usage.output_tokens, reply.usage_estimated),
        (3, false)
    );
    assert!(reply.usage.prompt_tokens > reply.usage.cache_read_tokens);
    assert!(reply.usage.cache_read_tokens > 0);

    let body = &twin.chats()[0];
    assert_eq!(
        (&body["stream"], &body["stream_options"]),
        (&json!(true), &json!({"include_usage": true}))
    );
    assert_eq!(
        (&body["max_tokens"], &body["temperature"], &body["seed"]),
        (&json!(8_192), &json!(0.0), &json!(0x7fff_ffff))
    );
    assert_eq!(
        body["chat_template_kwargs"],
        json!({"enable_thinking": false})
    );
    assert!(
        body.get("stop").is_none()
            && body.get("response_format").is_none()
            && body.get("options").is_none()
    );
    let messages = &body["messages"];
    assert_eq!(
        messages[0],
        json!({"role": "system", "content": "You build."})
    );
    let calls = json!([{"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"a\"}"}}]);
    assert_eq!(
        messages[2],
        json!({"role": "assistant", "content": "I read.", "tool_calls": calls})
    );
    assert_eq!(
        messages[3],
        json!({"role": "tool", "tool_call_id": "c1", "content": "fn main() {}"})
    );
    assert_eq!(
        body["tools"][1],
        json!({"type": "function", "function": {"name": "write", "description": "Does write.",
        "parameters": with_tools().tools[1].parameters}})
    );
    assert!(!body.to_string().contains("a secret title"));
    let headers = &twin.requests()[0].headers;
    assert!(headers.get("authorization").is_none(), "no key, no header");
}

#[test]
fn a_good_answer_is_the_same_however_it_is_sent() {
    let plain = asks(&twin([two_calls()]), &with_tools()).unwrap();
    assert_eq!(call(&plain, 0), ("read", json!({"path": "ø.rs"})));
    assert_eq!(
        call(&plain, 1),
        ("write", json!({"path": "b", "content": "\"c\"\n"}))
    );
    assert!(!plain.salvaged && plain.text.is_empty());
    for vices in [
        vec![Vice::Pings],
        vec![Vice::CrLf],
        vec![Vice::SingleBytes],
        vec![Vice::SameIndex],
        vec![Vice::NoDone],
        vec![Vice::Pings, Vice::CrLf, Vice::SingleBytes, Vice::SameIndex],
    ] {
        let answer = vices.iter().cloned().fold(two_calls(), Answer::but);
        let reply = asks(&twin([answer]), &with_tools()).unwrap();
        let reply = ChatReply {
            latency_ms: plain.latency_ms,
            ..reply
        };
        assert_eq!(reply, plain, "{vices:?}");
    }
    for vices in [vec![Vice::NoIds], vec![Vice::NoIds, Vice::SameIndex]] {
        let answer = vices.iter().cloned().fold(two_calls(), Answer::but);
        let reply = asks(&twin([answer]), &with_tools()).unwrap();
        assert_eq!(
            (call(&reply, 0), call(&reply, 1)),
            (call(&plain, 0), call(&plain, 1)),
            "{vices:?}"
        );
        assert_ne!(reply.calls[0].id, reply.calls[1].id);
    }
}

#[test]
fn reasoning_is_kept_apart_under_both_its_names() {
    let answer = || Answer::Reasoned("I see it.".to_owned(), "Fine.".to_owned());
    for answer in [
        answer(),
        answer().but(Vice::Reasoning),
        answer().but(Vice::SingleBytes),
    ] {
        let reply = asks(&twin([answer]), &request()).unwrap();
        assert_eq!(
            (reply.thinking.as_str(), reply.text.as_str()),
            ("I see it.", "Fine.")
        );
    }
}

#[test]
fn counts_are_estimated_where_a_server_gives_none() {
    let reply = asks(
        &twin([Answer::text("one two three").but(Vice::NoCounts)]),
        &request(),
    )
    .unwrap();
    assert!(
        reply.usage_estimated && reply.usage.prompt_tokens > 0 && reply.usage.output_tokens > 0
    );
    let timings =
        json!({"choices": [], "timings": {"cache_n": 5, "prompt_n": 6, "predicted_n": 2}});
    let reply = asks(
        &twin([Answer::text("a").but(Vice::Counts(timings))]),
        &request(),
    )
    .unwrap();
    assert_eq!(
        (
            reply.usage.prompt_tokens,
            reply.usage.output_tokens,
            reply.usage.cache_read_tokens
        ),
        (11, 2, 5)
    );
    let whole = asks(
        &twin([Answer::text("one two").but(Vice::NoStream)]),
        &request(),
    )
    .unwrap();
    assert_eq!(
        (whole.text.as_str(), whole.usage.prompt_tokens),
        ("one two", 9)
    );
}

#[test]
fn an_answer_by_a_schema_is_asked_for_and_repaired_once() {
    let schema = json!({"type": "object", "required": ["tier"],
        "properties": {"tier": {"type": "integer", "maximum": 5}, "why": {"type": "string"}}});
    let mut request = ChatRequest {
        format: Some(schema.clone()),
        ..request()
    };
    request.profile.think = Some(true);
    let twin = twin(["{\"tier\": 9}", "{\"tier\": 3}"].map(Answer::text));
    let provider = Provider::Openai(host(&twin));
    let answer = ask(&provider, &request, &mut |r| chat(&provider, r, &|| false)).unwrap();
    assert_eq!(answer.value, json!({"tier": 3}));
    let body = &twin.chats()[0];
    let mut strict = schema;
    strict["required"] = json!(["tier", "why"]);
    let wanted = json!({"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": strict}});
    assert_eq!(body["response_format"], wanted);
    assert_eq!(
        body["chat_template_kwargs"],
        json!({"enable_thinking": false}),
        "a schema and a reasoning exclude each other"
    );
    let both = ChatRequest {
        tools: with_tools().tools,
        ..request
    };
    assert_eq!(
        asks(&twin, &both).unwrap_err().class,
        ErrorClass::BadRequest
    );
    let nameless = ChatRequest {
        model: " ".to_owned(),
        ..super::request()
    };
    assert_eq!(
        asks(&twin, &nameless).unwrap_err().class,
        ErrorClass::BadRequest
    );
    assert_eq!(twin.chats().len(), 2);
}

#[test]
fn an_answer_that_was_cut_makes_no_call_that_could_run() {
    let cut = Answer::calls(&[("write", json!("{\"path\": \"a\", \"content\": \"half"))])
        .but(Vice::Ends("length".to_owned()));
    let reply = asks(&twin([cut]), &with_tools()).unwrap();
    assert_eq!(reply.finish, Finish::Length);
    assert!(
        reply.calls.iter().all(|call| call.arguments.is_empty()),
        "{reply:?}"
    );
    // One that is whole in itself is no less cut.
    let reply = asks(
        &twin([two_calls().but(Vice::Ends("length".to_owned()))]),
        &with_tools(),
    )
    .unwrap();
    assert_eq!(reply.finish, Finish::Length);
    // In text, a call that stands in a cut answer is not dug out.
    let text = "<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>";
    let reply = asks(
        &twin([Answer::text(text).but(Vice::Ends("length".to_owned()))]),
        &with_tools(),
    )
    .unwrap();
    assert!(reply.calls.is_empty() && reply.finish == Finish::Length);
}

#[test]
fn a_call_that_the_server_left_in_the_text_is_salvaged() {
    let text = "<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>";
    let reply = asks(&twin([Answer::text(text)]), &with_tools()).unwrap();
    assert!(reply.salvaged);
    assert_eq!(call(&reply, 0), ("read", json!({"path": "a"})));
}

#[test]
fn tools_in_text_work_over_this_dialect() {
    let mut request = with_tools();
    request.profile.tool_mode = ToolMode::Text;
    let read =
        "I look.\n<function=read>\n<parameter=path>\na.rs\n</parameter>\n</function>\nIt says";
    let twin = twin([Answer::text(read)]);
    let reply = asks(&twin, &request).unwrap();
    assert_eq!(call(&reply, 0), ("read", json!({"path": "a.rs"})));
    assert_eq!(
        (reply.calls.len(), reply.text.as_str(), reply.salvaged),
        (1, "I look.", false)
    );
    let body = &twin.chats()[0];
    assert!(body.get("tools").is_none() && body["stop"] == json!(["</function>"]));
    let system = body["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("# Tools"), "{system}");
}

/// The stop word ends a value that holds it; the second answer is asked for without one, and the first one is paid for.
#[test]
fn a_value_with_the_stop_word_in_it_is_asked_for_again_without_one() {
    let mut request = with_tools();
    request.profile.tool_mode = ToolMode::Text;
    let value = "one\n</function>\ntwo";
    let text = format!(
        "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n{value}\n</parameter>\n</function>"
    );
    let twin = twin([Answer::text(&text), Answer::text(&text)]);
    let reply = asks(&twin, &request).unwrap();
    assert_eq!(
        call(&reply, 0),
        ("write", json!({"path": "a", "content": value}))
    );
    let chats = twin.chats();
    assert!(chats.len() == 2 && chats[0].get("stop").is_some() && chats[1].get("stop").is_none());
    let once = asks(&self::twin([Answer::text("Fine.")]), &request).unwrap();
    assert_eq!(
        reply.usage.prompt_tokens,
        2 * once.usage.prompt_tokens,
        "both prompts are counted"
    );
}

#[test]
fn a_server_without_a_tool_parser_gets_its_calls_in_text_from_then_on() {
    let read = "<function=read>\n<parameter=path>\na\n</parameter>\n</function>";
    let twin = OpenaiTwin::start(Behaviour {
        tools: false,
        ..Behaviour::in_order([Answer::text(read)])
    });
    let provider = Provider::Openai(host(&twin));
    let error = chat(&provider, &with_tools(), &|| false).unwrap_err();
    assert_eq!(error.class, ErrorClass::NoTools);
    assert!(error.to_string().contains("--jinja"), "{error}");
    let reply = chat(&provider, &with_tools(), &|| false).unwrap();
    assert_eq!(call(&reply, 0), ("read", json!({"path": "a"})));
}
