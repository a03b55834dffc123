use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::answer::Answer;
use crate::cuts;
use crate::dialect::Reader;

mod fuzz;

fn reader() -> Reader {
    Reader::Anthropic(Blocks::of(None))
}

/// As the documentation of the protocol shows it: reasoning with its signature, text, a call, a ping, counts at both ends.
const WHOLE: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"role\":\"assistant\",\"model\":\"m\",",
    "\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":7,",
    "\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",",
    "\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",",
    "\"thinking\":\"Überlegung 🤔\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",",
    "\"signature\":\"EqQBCg\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"blåbær — 日本\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",",
    "\"name\":\"read\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"path\\\": \\\"ø\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\".rs\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
    "event: brand_new\ndata: {\"type\":\"brand_new\",\"what\":7}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":89}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn event(value: Value) -> String {
    format!(
        "event: {}\ndata: {value}\n\n",
        value["type"].as_str().unwrap_or_default()
    )
}

fn text(text: &str) -> String {
    event(
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
    )
}

fn stop(reason: &str) -> String {
    event(
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3}}),
    ) + &event(json!({"type": "message_stop"}))
}

fn tool(name: &str, pieces: &[&str], shut: bool) -> String {
    let block = json!({"type": "tool_use", "id": "t", "name": name, "input": {}});
    let mut stream =
        event(json!({"type": "content_block_start", "index": 1, "content_block": block}));
    for piece in pieces {
        let delta = json!({"type": "input_json_delta", "partial_json": piece});
        stream += &event(json!({"type": "content_block_delta", "index": 1, "delta": delta}));
    }
    if shut {
        stream += &event(json!({"type": "content_block_stop", "index": 1}));
    }
    stream
}

fn answered(reader: Reader, stream: &str) -> Answer {
    let (events, ended) = cuts::heard(reader, [stream.as_bytes()]);
    assert_eq!(ended, Ok(()), "{stream}");
    let mut answer = Answer::default();
    events.iter().for_each(|event| answer.take(event).unwrap());
    answer
}

#[test]
fn the_whole_answer_is_read() {
    let answer = answered(reader(), WHOLE);
    assert_eq!(
        (answer.text.as_str(), answer.thinking.as_str()),
        ("blåbær — 日本", "Überlegung 🤔")
    );
    assert_eq!(
        (answer.model.as_str(), answer.finish),
        ("m", Some(Finish::Stop))
    );
    let call = RawCall {
        id: "toolu_1".to_owned(),
        name: "read".to_owned(),
        arguments: json!("{\"path\": \"ø.rs\"}"),
    };
    assert_eq!(answer.calls, [call]);
    let usage = Usage {
        prompt_tokens: 132,
        output_tokens: 89,
        cache_read_tokens: 100,
        cache_write_tokens: 7,
    };
    assert_eq!(
        answer.usage, usage,
        "what a cache gave and took is prompt, too"
    );
}

#[test]
fn every_cut_gives_the_same_events() {
    cuts::every_cut(reader, WHOLE.as_bytes());
    cuts::every_cut(reader, WHOLE.replace('\n', "\r\n").as_bytes());
    cuts::every_cut(reader, WHOLE.trim_end().as_bytes());
    let failing = text("half")
        + &event(
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        );
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
fn every_reason_to_stop_has_its_meaning() {
    for (reason, finish) in [
        ("end_turn", Finish::Stop),
        ("tool_use", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
    ] {
        let answer = answered(reader(), &(text("half") + &stop(reason)));
        assert_eq!(
            (answer.text.as_str(), answer.finish),
            ("half", Some(finish)),
            "{reason}"
        );
    }
    for (reason, class) in [
        ("refusal", ErrorClass::Filtered),
        ("pause_turn", ErrorClass::Cut),
        ("magic", ErrorClass::Malformed),
    ] {
        assert_eq!(
            cuts::fault(reader(), &(text("half") + &stop(reason))).class,
            class,
            "{reason}"
        );
    }
}

#[test]
fn an_end_needs_a_reason() {
    for cut in [String::new(), text("half"), event(json!({"type": "ping"}))] {
        assert_eq!(cuts::fault(reader(), &cut).class, ErrorClass::Cut, "{cut}");
    }
    let stopped = event(json!({"type": "message_stop"}));
    assert_eq!(cuts::fault(reader(), &stopped).class, ErrorClass::Malformed);
    let delta = text("half")
        + &event(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}));
    assert_eq!(answered(reader(), &delta).text, "half");
}

#[test]
fn an_error_can_follow_at_any_place() {
    for (kind, class) in [
        ("overloaded_error", ErrorClass::Busy),
        ("rate_limit_error", ErrorClass::Busy),
        ("api_error", ErrorClass::MidStream),
        ("new_error", ErrorClass::MidStream),
    ] {
        let error = event(json!({"type": "error", "error": {"type": kind, "message": "it broke"}}));
        for before in [String::new(), text("half"), tool("read", &["{"], false)] {
            let fault = cuts::fault(reader(), &(before + &error));
            assert_eq!(fault.class, class, "{kind}");
            assert!(fault.message.contains("it broke"));
        }
    }
    for garbage in [
        "<html>\n",
        "data: <html>\n\n",
        "data: {\"type\":7}\n\n",
        "data: []\n\n",
        "data: {\"type\":\"message_start\",\"message\":7}\n\n",
    ] {
        assert_eq!(
            cuts::fault(reader(), garbage).class,
            ErrorClass::Malformed,
            "{garbage}"
        );
    }
}

#[test]
fn a_cut_answer_gives_no_call_that_could_run() {
    let stream = tool("write", &["{\"path\":\"a\",\"cont"], true)
        + &tool("write", &["{"], false)
        + &stop("max_tokens");
    let (events, ended) = cuts::heard(reader(), [stream.as_bytes()]);
    assert_eq!(ended, Ok(()));
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::ToolCall(_))),
        "{events:?}"
    );
    assert_eq!(
        events
            .iter()
            .filter(|event| matches!(event, Event::CutCall(_)))
            .count(),
        2
    );
    assert_eq!(events.last(), Some(&Event::Done(Finish::Length)));
}

#[test]
fn the_input_of_the_one_tool_is_the_text_of_an_answer_by_schema() {
    let object = json!({"type": "object", "properties": {"tier": {"type": "integer"}}});
    let choice = json!({"anyOf": [{"type": "object"}, {"type": "string"}]});
    let of = |schema: &Value| Reader::Anthropic(Blocks::of(Some(schema)));
    let stream = tool(body::ANSWER, &["{\"tier\"", ": 3}"], true) + &stop("tool_use");
    let answer = answered(of(&object), &stream);
    assert_eq!(
        (answer.text.as_str(), answer.calls.len()),
        ("{\"tier\": 3}", 0)
    );
    // The same stream to a request without a schema is a call.
    assert_eq!(answered(reader(), &stream).calls.len(), 1);
    let wrapped =
        tool(body::ANSWER, &["{\"value\": {\"name\": \"read\"}}"], true) + &stop("tool_use");
    assert_eq!(answered(of(&choice), &wrapped).text, "{\"name\":\"read\"}");
    // What is not whole stays as it came, for the check of the answer to refuse.
    let cut = tool(body::ANSWER, &["{\"value\": {\"na"], false) + &stop("max_tokens");
    let answer = answered(of(&choice), &cut);
    assert_eq!(
        (answer.text.as_str(), answer.finish),
        ("{\"value\": {\"na", Some(Finish::Length))
    );
    let bare = tool(body::ANSWER, &[], true) + &stop("tool_use");
    assert_eq!(answered(of(&object), &bare).text, "{}");
}

#[test]
fn floods_are_refused() {
    let many = tool("a", &["{}"], true).repeat(CALLS_MAX + 1);
    assert_eq!(cuts::fault(reader(), &many).class, ErrorClass::Malformed);
    let open: String = (0..=OPEN_MAX)
        .map(|n| event(json!({"type": "content_block_start", "index": n, "content_block": {"type": "tool_use", "name": "a"}})))
        .collect();
    assert_eq!(cuts::fault(reader(), &open).class, ErrorClass::Malformed);
}

#[test]
fn pings_are_no_tokens() {
    let mut blocks = Blocks::of(None);
    let mut heard = |text: &str| blocks.feed(text.as_bytes(), &mut |_| Ok(())).unwrap().heard;
    assert!(!heard(&event(json!({"type": "ping"}))) && !heard(": x\n\n"));
    assert!(!heard(&event(
        json!({"type": "message_start", "message": {}})
    )));
    assert!(heard(&text("a")) && heard(&tool("a", &["{"], false)));
}
