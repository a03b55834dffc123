use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::answer::Answer;
use crate::cuts;
use crate::dialect::Reader;

mod fuzz;

fn reader() -> Reader {
    Reader::Openai(Chunks::default())
}

/// Everything that a real stream may hold, on CR LF: pings, a role, both kinds of reasoning, text in several scripts, two calls in
/// pieces, a reason, counts behind it, llama-server's own counts, the end.
const WHOLE: &str = concat!(
    ": ping\r\n\r\n",
    r#"data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"reasoning_content":"Überlegung 🤔"}}],"usage":null}"#,
    "\r\n\r\n:\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"reasoning":" weiter","reasoning_content":" weiter"}}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"content":"blåbær — 日本"}}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"read","arguments":""}}]}}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"path\":"}}]}}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"name":"write","arguments":"{}"}},{"index":0,"function":{"arguments":"\"ø.rs\"}"}}]}}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":9,"total_tokens":49,"prompt_tokens_details":{"cached_tokens":30}},"timings":{"cache_n":30,"prompt_n":10,"predicted_n":9,"predicted_ms":1.5}}"#,
    "\r\n\r\ndata: [DONE]\r\n\r\n",
);

fn chunk(delta: Value, reason: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
    format!("data: {}\n\n", json!({"model": "m", "choices": [choice]}))
}

fn answer(stream: &str) -> Answer {
    let (events, ended) = cuts::heard(reader(), [stream.as_bytes()]);
    assert_eq!(ended, Ok(()), "{stream}");
    let mut answer = Answer::default();
    events.iter().for_each(|event| answer.take(event).unwrap());
    answer
}

fn calls(stream: &str) -> Vec<(String, String, Value)> {
    let calls = answer(stream).calls.into_iter();
    calls
        .map(|call| (call.id, call.name, call.arguments))
        .collect()
}

fn pieces(pieces: &[Value]) -> String {
    let mut stream: String = pieces
        .iter()
        .map(|piece| chunk(json!({"tool_calls": [piece]}), None))
        .collect();
    stream.push_str(&chunk(json!({}), Some("tool_calls")));
    stream + "data: [DONE]\n\n"
}

#[test]
fn the_whole_answer_is_read() {
    let answer = answer(WHOLE);
    assert_eq!(answer.text, "blåbær — 日本");
    assert_eq!(answer.thinking, "Überlegung 🤔 weiter");
    assert_eq!(
        (answer.model.as_str(), answer.finish),
        ("m", Some(Finish::Stop))
    );
    let arguments: Vec<_> = answer
        .calls
        .iter()
        .map(|call| (call.name.as_str(), &call.arguments))
        .collect();
    assert_eq!(
        arguments,
        [
            ("read", &json!("{\"path\":\"ø.rs\"}")),
            ("write", &json!("{}"))
        ]
    );
    assert_eq!(
        (answer.calls[0].id.as_str(), answer.calls[1].id.as_str()),
        ("a", "")
    );
    assert_eq!(
        (
            answer.usage.prompt_tokens,
            answer.usage.output_tokens,
            answer.usage.cache_read_tokens
        ),
        (40, 9, 30)
    );
}

#[test]
fn every_cut_gives_the_same_events() {
    cuts::every_cut(reader, WHOLE.as_bytes());
    // The same with other line ends, without the end, and with an error inside.
    cuts::every_cut(reader, WHOLE.replace("\r\n", "\n").as_bytes());
    cuts::every_cut(reader, WHOLE.replace("\r\n", "\r").as_bytes());
    cuts::every_cut(reader, WHOLE.trim_end().as_bytes());
    let failing =
        chunk(json!({"content": "half"}), None) + "data: {\"error\":{\"message\":\"slot\"}}\n\n";
    cuts::every_cut(reader, failing.as_bytes());
}

proptest! {
    #[test]
    fn any_cuts_give_the_same_events(places in cuts::places()) {
        cuts::any_cuts(reader, WHOLE.as_bytes(), places);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cuts::heard(reader(), [bytes.as_slice()]);
        let line: Vec<u8> = [b"data: ".as_slice(), &bytes, b"\n\n"].concat();
        let _ = cuts::heard(reader(), [line.as_slice()]);
    }
}

#[test]
fn pings_are_no_tokens_and_pieces_of_calls_are() {
    let mut chunks = Chunks::default();
    let mut heard = |text: &str| chunks.feed(text.as_bytes(), &mut |_| Ok(())).unwrap().heard;
    assert!(!heard(": ping\n\n") && !heard("\r\n\r\n") && !heard("data: {\"choices\":[]}\n\n"));
    assert!(!heard(&chunk(
        json!({"role": "assistant", "content": ""}),
        None
    )));
    let call = json!({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]});
    assert!(!heard(": not yet"), "a comment that has not ended");
    assert!(
        !heard("\n\n") && heard(&chunk(call, None)) && heard(&chunk(json!({"content": "a"}), None))
    );
}

#[test]
fn an_end_needs_a_reason_or_its_mark() {
    let text = chunk(json!({"content": "half"}), None);
    for cut in [
        String::new(),
        text.clone(),
        format!("{text}data: {{\"choices\":[{{\"finish"),
        ": ping\n\n".to_owned(),
    ] {
        assert_eq!(cuts::fault(reader(), &cut).class, ErrorClass::Cut, "{cut}");
    }
    let stopped = text.clone() + &chunk(json!({}), Some("stop"));
    for whole in [
        stopped.clone(),
        stopped.trim_end().to_owned(),
        text.clone() + "data: [DONE]",
        stopped + "data: [DO",
    ] {
        let answer = answer(&whole);
        assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("half", Some(Finish::Stop)),
            "{whole}"
        );
    }
}

#[test]
fn errors_in_the_middle_are_failures_in_every_form() {
    let text = chunk(json!({"content": "half"}), None);
    for (error, class) in [
        (
            "data: {\"error\":{\"code\":500,\"message\":\"slot died\",\"type\":\"server_error\"}}\n\n",
            ErrorClass::MidStream,
        ),
        ("data: {\"error\":\"slot died\"}\n\n", ErrorClass::MidStream),
        (
            "error: {\"code\":500,\"message\":\"slot died\"}\n\n",
            ErrorClass::MidStream,
        ),
        (
            "event: error\ndata: {\"message\":\"slot died\"}\n\n",
            ErrorClass::MidStream,
        ),
        ("event: error\ndata: it broke\n\n", ErrorClass::MidStream),
        (
            "{\"error\":{\"message\":\"slot died\"}}\n",
            ErrorClass::MidStream,
        ),
        (
            "data: {\"object\":\"error\",\"message\":\"engine dead\"}\n\n",
            ErrorClass::MidStream,
        ),
        (
            "data: {\"error\":{\"code\":503,\"message\":\"Loading model\"}}\n\n",
            ErrorClass::Loading,
        ),
        (
            "data: {\"error\":{\"message\":\"Context size has been exceeded.\"}}\n\n",
            ErrorClass::ContextTooLong,
        ),
        (
            "data: {\"error\":{\"message\":\"Invalid diff: now finding less tool calls!\"}}\n\n",
            ErrorClass::Malformed,
        ),
        ("data: <html>\n\n", ErrorClass::Malformed),
        ("<html>\n", ErrorClass::Malformed),
        ("data: {\"choices\":7}\n\n", ErrorClass::Malformed),
        ("data: [1]\n\n", ErrorClass::Malformed),
        (
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n",
            ErrorClass::Filtered,
        ),
        (
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"abort\"}]}\n\n",
            ErrorClass::Cut,
        ),
        (
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n",
            ErrorClass::MidStream,
        ),
        (
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"magic\"}]}\n\n",
            ErrorClass::Malformed,
        ),
    ] {
        let stream = format!("{text}{error}data: [DONE]\n\n");
        assert_eq!(cuts::fault(reader(), &stream).class, class, "{error}");
    }
}

#[test]
fn a_cut_answer_gives_no_call_that_could_run() {
    let call = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "write", "arguments": "{\"path\":\"a\",\"cont"}}]});
    let stream = chunk(call, None) + &chunk(json!({}), Some("length")) + "data: [DONE]\n\n";
    let (events, ended) = cuts::heard(reader(), [stream.as_bytes()]);
    assert_eq!(ended, Ok(()));
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::ToolCall(_))),
        "{events:?}"
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::CutCall(call) if call.name == "write"))
    );
    assert_eq!(events.last(), Some(&Event::Done(Finish::Length)));
}

#[test]
fn calls_are_put_together_however_they_are_numbered() {
    let piece = |index: Value, id: Value, name: Value, text: &str| json!({"index": index, "id": id, "function": {"name": name, "arguments": text}});
    let (zero, null) = (json!(0), Value::Null);
    let two = |first: &str, second: &str| {
        vec![
            (
                first.to_owned(),
                "read".to_owned(),
                json!("{\"path\":\"a\"}"),
            ),
            (
                second.to_owned(),
                "read".to_owned(),
                json!("{\"path\":\"b\"}"),
            ),
        ]
    };
    let (a, b) = ("{\"path\":\"a\"}", "{\"path\":\"b\"}");
    // Every call is number 0, and only the ids differ.
    let same_number = [
        piece(zero.clone(), json!("x"), json!("read"), &a[..4]),
        piece(zero.clone(), json!("x"), null.clone(), &a[4..]),
        piece(zero.clone(), json!("y"), json!("read"), b),
    ];
    assert_eq!(calls(&pieces(&same_number)), two("x", "y"));
    // No ids either: a name behind a whole call begins another one.
    let no_ids = [
        piece(zero.clone(), null.clone(), json!("read"), a),
        piece(zero, null.clone(), json!("read"), b),
    ];
    assert_eq!(calls(&pieces(&no_ids)), two("", ""));
    // No numbers: ids and order tell.
    let no_numbers = [
        piece(null.clone(), json!("x"), json!("read"), &a[..4]),
        piece(null.clone(), null.clone(), null.clone(), &a[4..]),
        piece(null.clone(), json!("y"), json!("read"), b),
    ];
    assert_eq!(calls(&pieces(&no_numbers)), two("x", "y"));
    // The name with every piece, the arguments as an object, none at all.
    let repeated = [
        piece(json!(3), json!("x"), json!("read"), &a[..4]),
        piece(json!(3), json!("x"), json!("read"), &a[4..]),
        json!({"index": 4, "id": "y", "function": {"name": "read", "arguments": {"path": "b"}}}),
        json!({"index": 5, "function": {"name": "done"}}),
    ];
    let read = calls(&pieces(&repeated));
    assert_eq!(read[0], two("x", "y")[0]);
    assert_eq!(read[1].2, json!({"path": "b"}));
    assert_eq!(
        (read[2].1.as_str(), &read[2].2, read.len()),
        ("done", &Value::Null, 3)
    );
}

#[test]
fn an_answer_that_does_not_stream_is_read_at_once() {
    let whole = json!({"object": "chat.completion", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "all"}, {"type": "text", "text": " of it"}]}},
        {"index": 1, "message": {"content": "another"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7.0, "completion_tokens": 2}});
    let answer = answer(&whole.to_string());
    assert_eq!(
        (answer.text.as_str(), answer.usage.prompt_tokens),
        ("all of it", 7)
    );
}

#[test]
fn floods_are_refused() {
    let many: Vec<Value> = (0..=CALLS_MAX)
        .map(|n| json!({"index": n, "function": {"name": "a"}}))
        .collect();
    let stream = chunk(json!({ "tool_calls": many }), None);
    assert_eq!(cuts::fault(reader(), &stream).class, ErrorClass::Malformed);
    let line = format!("data: {}", "x".repeat(crate::ndjson::LINE_BYTES_MAX));
    assert_eq!(cuts::fault(reader(), &line).class, ErrorClass::Malformed);
    let pings = ": ping\n\n".repeat(crate::ndjson::ANSWER_BYTES_MAX / 8 + 1);
    assert_eq!(cuts::fault(reader(), &pings).class, ErrorClass::Malformed);
    let counts = "data: {\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":1e300}}\n\n";
    let stream = format!("{counts}{}", chunk(json!({"content": "a"}), Some("stop")));
    assert_eq!(answer(&stream).usage.prompt_tokens, 0);
}
