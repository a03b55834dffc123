//! Requests as they go out and answers as they come in.

use super::*;

#[test]
fn a_request_is_ollamas_and_says_nothing_of_its_purpose() {
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::text("It is so.")]));
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
    let reply = asked(&twin, &request).unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish, reply.mode),
        ("It is so.", Finish::Stop, Mode::Real)
    );
    assert_eq!(
        (reply.model.as_str(), reply.salvaged, reply.usage_estimated),
        ("small", false, false)
    );
    assert_eq!(reply.usage.output_tokens, 3);
    assert!(reply.usage.prompt_tokens > 0);

    let body = &twin.chats()[0];
    let (options, messages) = (&body["options"], &body["messages"]);
    assert_eq!(
        (&body["stream"], &body["truncate"], &body["shift"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!(
        (&options["num_ctx"], &options["num_predict"]),
        (&json!(32_768), &json!(8_192))
    );
    assert_eq!(
        (&options["temperature"], &options["seed"]),
        (&json!(0.0), &json!(0x7fff_ffff))
    );
    assert_eq!(body["think"], false);
    assert!(body["keep_alive"].is_string() && body.get("format").is_none());
    assert_eq!(
        messages[0],
        json!({"role": "system", "content": "You build."})
    );
    let calls = json!([{"id": "c1", "function": {"name": "read", "arguments": {"path": "a"}}}]);
    assert_eq!(
        messages[2],
        json!({"role": "assistant", "content": "I read.", "tool_calls": calls})
    );
    let result = json!({"role": "tool", "content": "fn main() {}", "tool_name": "read", "tool_call_id": "c1"});
    assert_eq!(messages[3], result);
    assert_eq!(body["tools"][1]["function"]["name"], "write");
    assert!(!body.to_string().contains("a secret title"));
}

#[test]
fn what_a_model_cannot_do_is_left_out_of_its_request() {
    let twin = OllamaTwin::start(
        Behaviour::in_order([Answer::text("ok")])
            .models([TwinModel::new("small", 8.0).only(&["completion"])]),
    );
    asked(&twin, &request()).unwrap();
    let body = &twin.chats()[0];
    assert!(body.get("think").is_none() && body.get("tools").is_none());
    let error = asked(&twin, &with_tools()).unwrap_err();
    assert_eq!(error.class, ErrorClass::NoTools);
}

#[test]
fn an_answer_in_single_bytes_is_the_same_answer() {
    let lines = [
        Answer::line(json!({"content": "", "thinking": "Überlegung 🤔"})),
        Answer::line(json!({"content": "blåbær — 日本"})),
        Answer::line(json!({"content": "", "tool_calls": [
            {"id": "x", "function": {"index": 0, "name": "read", "arguments": {"path": "ø.rs"}}}]})),
        json!({"model": "small", "done": true, "done_reason": "stop", "prompt_eval_count": 40, "eval_count": 9}),
    ];
    let bytes: Vec<u8> = lines
        .iter()
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect();
    let single = bytes.iter().map(|byte| vec![*byte]).collect();
    let twin = OllamaTwin::start(Behaviour::in_order([
        Answer::Pieces(vec![bytes.clone()]),
        Answer::Pieces(single),
    ]));
    let whole = asked(&twin, &with_tools()).unwrap();
    let split = asked(&twin, &with_tools()).unwrap();
    assert_eq!(
        (whole.text.as_str(), whole.thinking.as_str()),
        ("blåbær — 日本", "Überlegung 🤔")
    );
    assert_eq!(call(&whole, 0), ("read", json!({"path": "ø.rs"})));
    assert_eq!(
        ChatReply {
            latency_ms: 0,
            ..whole
        },
        ChatReply {
            latency_ms: 0,
            ..split
        }
    );
}

#[test]
fn one_line_with_everything_loses_nothing() {
    let calls = json!([
        {"function": {"index": 0, "name": "functions.read", "arguments": {"path": "a"}}},
        {"function": {"index": 0, "name": "write", "arguments": "{\"path\": \"b\", \"content\": \"c\"}"}},
    ]);
    let line = json!({
        "message": {"role": "assistant", "content": "both", "thinking": "why", "tool_calls": calls},
        "done": true, "done_reason": "stop",
    });
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::Lines(vec![line])]));
    let reply = asked(&twin, &with_tools()).unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.thinking.as_str()),
        ("both", "why")
    );
    assert_eq!(call(&reply, 0), ("read", json!({"path": "a"})));
    assert_eq!(
        call(&reply, 1),
        ("write", json!({"path": "b", "content": "c"}))
    );
    assert!(reply.usage.prompt_tokens > 0 && !reply.salvaged);
    assert_ne!(reply.calls[0].id, reply.calls[1].id);
    assert!(!reply.calls[0].id.is_empty());
}

#[test]
fn calls_written_as_text_are_salvaged_in_five_dialects() {
    let dialects = [
        "```json\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n```",
        "I look.\n<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>",
        "I look.\n<function=read>\n<parameter=path>\na\n</parameter>\n</function>\n</tool_call>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.read:0<|tool_call_argument_begin|>{\"path\": \"a\"}\
         <|tool_call_end|><|tool_calls_section_end|>",
        "{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}",
    ];
    let twin = OllamaTwin::start(Behaviour::in_order(dialects.map(Answer::text)));
    for dialect in dialects {
        let reply = asked(&twin, &with_tools()).unwrap();
        assert!(reply.salvaged, "{dialect}");
        assert_eq!(call(&reply, 0), ("read", json!({"path": "a"})), "{dialect}");
        assert!(
            !reply.calls[0].id.is_empty() && !reply.text.contains("path"),
            "{dialect}"
        );
    }
}

#[test]
fn prose_a_cut_answer_and_a_request_without_tools_give_no_calls() {
    let prose = "Call {\"name\": \"read\", \"arguments\": {\"path\": \"a\"}} and you see it.";
    let bare = "{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}";
    let cut = vec![
        Answer::line(json!({ "content": bare })),
        Answer::done("length"),
    ];
    let twin = OllamaTwin::start(Behaviour::in_order([
        Answer::text(prose),
        Answer::Lines(cut),
        Answer::text(bare),
    ]));
    let reply = asked(&twin, &with_tools()).unwrap();
    assert!(reply.calls.is_empty() && !reply.salvaged && reply.text == prose);
    let reply = asked(&twin, &with_tools()).unwrap();
    assert!(reply.calls.is_empty() && reply.finish == Finish::Length);
    let reply = asked(&twin, &request()).unwrap();
    assert!(reply.calls.is_empty() && reply.text == bare);
}

#[test]
fn tools_and_format_never_go_together() {
    let twin = OllamaTwin::start(Behaviour::in_order([]));
    let both = ChatRequest {
        format: Some(json!({"type": "object"})),
        ..with_tools()
    };
    assert_eq!(
        asked(&twin, &both).unwrap_err().class,
        ErrorClass::BadRequest
    );
    let empty = ChatRequest {
        messages: Vec::new(),
        ..request()
    };
    assert_eq!(
        asked(&twin, &empty).unwrap_err().class,
        ErrorClass::BadRequest
    );
    assert!(twin.requests().is_empty());
}

#[test]
fn an_answer_that_breaks_its_schema_is_repaired_once() {
    let schema = json!({"type": "object", "properties": {"tier": {"type": "integer", "maximum": 5}}, "required": ["tier"]});
    let request = ChatRequest {
        format: Some(schema.clone()),
        ..request()
    };
    let answers = [
        "{\"tier\": 9}",
        "{\"tier\": 3}",
        "no",
        "{\"tier\": \"3\"}",
        "{\"tier\": 3}",
    ];
    let twin = OllamaTwin::start(Behaviour::in_order(answers.map(Answer::text)));
    let provider = Provider::Ollama(at(&twin));
    let answer = ask(&provider, &request, &mut |r| chat(&provider, r, &|| false)).unwrap();
    assert_eq!(answer.value, json!({"tier": 3}));
    let repair = &twin.chats()[1];
    assert_eq!(
        (&repair["format"], &repair["messages"][2]["content"]),
        (&schema, &json!("{\"tier\": 9}"))
    );
    assert!(
        repair["messages"][3]["content"]
            .as_str()
            .unwrap()
            .contains("breaks `maximum`")
    );
    let error = ask(&provider, &request, &mut |r| chat(&provider, r, &|| false)).unwrap_err();
    assert!(
        error.class == ErrorClass::Malformed && error.is_quality(),
        "{error}"
    );
    assert_eq!(twin.chats().len(), 4, "one repair and no more");
}
