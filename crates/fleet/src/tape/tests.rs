use serde_json::json;

use super::*;
use crate::fixture::request;
use crate::secret::Secret;

const KEY: &str = "sk-canary-7Fq2/nobody-writes-this";

fn call(said: &str) -> Recorded {
    let asked = Asked::of(&request("m"));
    Recorded {
        hash: hash(&asked),
        at_ms: 5,
        host: "http://forge:1".to_owned(),
        model: "m".to_owned(),
        profile: Profile::default(),
        purpose: request("m").purpose,
        asked,
        tries: vec![Try {
            wire: Wire::Openai,
            status: Some(200),
            retry_after_s: None,
            chunks: vec![Chunk::of(7, said.as_bytes())],
            failed: None,
            is_rewritten: false,
        }],
        failed: None,
        usage: None,
        latency_ms: 3,
    }
}

fn tape(calls: &[Recorded]) -> String {
    let mut text = "{\"alai_recording\":1}\n".to_owned();
    for call in calls {
        text.push_str(&format!("{}\n", serde_json::to_string(call).unwrap()));
    }
    text
}

fn delta(delta: serde_json::Value) -> String {
    let chunk = json!({"choices": [{"index": 0, "delta": delta}]});
    format!("data: {chunk}\n\n")
}

#[test]
fn a_last_line_that_is_cut_is_no_error_and_any_other_one_is() {
    let whole = tape(&[call("a"), call("b")]);
    let read = Tape::parse(&whole).unwrap();
    assert_eq!((read.calls().len(), read.is_cut), (2, false));
    let first_two: usize = whole.split_inclusive('\n').take(2).map(str::len).sum();
    for end in first_two + 1..whole.len() - 1 {
        let cut = Tape::parse(&whole[..end]).unwrap();
        assert_eq!((cut.calls().len(), cut.is_cut), (1, true), "{end}");
    }
    let torn = whole.replacen("\"at_ms\"", "\"at_", 1);
    assert!(matches!(
        Tape::parse(&torn),
        Err(TapeError::Line { line: 2, .. })
    ));
    let changed = whole.replacen("Say ok.", "Say no.", 1);
    let error = Tape::parse(&changed).unwrap_err().to_string();
    assert!(
        error.contains("line 2") && error.contains("hash"),
        "{error}"
    );
    let later = whole.replacen("\"alai_recording\":1", "\"alai_recording\":4", 1);
    assert_eq!(Tape::parse(&later), Err(TapeError::Form { found: 4 }));
    assert_eq!(
        Tape::parse("{\"alai_recording\":1}\n"),
        Err(TapeError::Empty)
    );
    assert!(!Tape::is_one("- turns: [{text: a}]\n"));
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    for bytes in [&b"\xe2\x82"[..], b"plain", b""] {
        let chunk = Chunk::of(1, bytes);
        let stored = serde_json::to_string(&chunk).unwrap();
        let read: Chunk = serde_json::from_str(&stored).unwrap();
        assert_eq!(read.bytes().as_deref(), Some(bytes));
    }
}

#[test]
fn a_key_is_taken_out_wherever_it_stands_also_when_it_came_in_pieces() {
    let key = Secret::parse(KEY).unwrap();
    let (first, second) = KEY.split_at(11);
    let shaped = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let cases = [
        delta(json!({"content": KEY})),
        // In two events, as a model writes it.
        delta(json!({"content": first})) + &delta(json!({"content": second})),
        delta(json!({"reasoning_content": first})) + &delta(json!({"reasoning_content": second})),
        delta(
            json!({"tool_calls": [{"index": 0, "id": KEY, "function": {"name": "read",
            "arguments": format!("{{\"path\": \"{first}")}}]}),
        ) + &delta(
            json!({"tool_calls": [{"index": 0, "function": {"arguments": format!("{second}\"}}")}}]}),
        ) + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
        format!(": ping {KEY}\n\n") + &delta(json!({"content": "hm"})),
        format!("data: {{\"choices\":[],\"echo\":\"Bearer {KEY}\"}}\n\n"),
        delta(json!({"content": &shaped[..9]})) + &delta(json!({"content": &shaped[9..]})),
    ];
    for said in cases {
        let clean = clean::recorded(call(&said), Some(&key));
        let line = serde_json::to_string(&clean).unwrap();
        let body = String::from_utf8(clean.tries[0].body()).unwrap();
        let read = {
            let mut answer = crate::answer::Answer::default();
            let mut reader = crate::dialect::Reader::of(clean.tries[0].wire, None);
            let _ = reader.feed(body.as_bytes(), &mut |event| answer.take(&event));
            format!("{answer:?}")
        };
        for text in [&line, &body, &read] {
            assert!(!text.contains(KEY), "{text}");
            assert!(!text.contains(shaped), "{text}");
        }
        assert!(clean.tries[0].is_rewritten, "{line}");
    }
    let plain = delta(json!({"content": "hm"}));
    let clean = clean::recorded(call(&plain), Some(&key));
    assert_eq!(clean, call(&plain), "what holds no secret keeps its bytes");
    // Ids look like keys and are none.
    let id = "data: {\"id\":\"chatcmpl-lSo5Sg6uJe8cFezqAYqbTxkQCR4DP7kX\",\"choices\":[]}\n\n";
    assert!(!clean::recorded(call(id), Some(&key)).tries[0].is_rewritten);
}

#[test]
fn a_request_and_an_error_lose_the_key_too() {
    let key = Secret::parse(KEY).unwrap();
    let mut asking = request("m");
    asking.messages.push(Message::User {
        text: format!("my key is {KEY}, and password=hunter2 beside it"),
    });
    let asked = clean::asked(&Asked::of(&asking), Some(&key));
    let text = serde_json::to_string(&asked).unwrap();
    assert!(!text.contains(KEY) && !text.contains("hunter2"), "{text}");
    let mut refused = call(&format!("{{\"error\":\"bad key {KEY}\"}}"));
    refused.tries[0].status = Some(401);
    refused.failed = Some(Failed {
        class: ErrorClass::Refused,
        message: format!("HTTP 401: bad key {KEY}"),
        was_sent: false,
    });
    let clean = clean::recorded(refused, Some(&key));
    let text = serde_json::to_string(&clean).unwrap();
    assert!(!text.contains(KEY), "{text}");
    assert!(text.contains("bad key"), "{text}");
}

#[test]
fn the_nearest_request_is_named_with_the_first_difference() {
    let tape = Tape::parse(&tape(&[call("a")])).unwrap();
    assert!(
        tape.next(&request("another model")).is_ok(),
        "whoever is asked"
    );
    let mut other = request("m");
    other.messages[0] = Message::User {
        text: "Say no.\u{1b}".to_owned(),
    };
    other.purpose.turn = 4;
    let why = tape.next(&other).unwrap_err();
    for part in [
        "line 2",
        "turn 4",
        "request.messages[0].text, character 5",
        "recorded \"Say ok.\"",
        "sent \"Say no.\\u{1b}\"",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let mut more = request("m");
    more.messages.push(Message::User {
        text: "And?".to_owned(),
    });
    let why = tape.next(&more).unwrap_err();
    assert!(
        why.contains("request.messages: 1 were recorded, 2 were sent"),
        "{why}"
    );
}

#[test]
fn calls_that_asked_the_same_come_in_their_order_and_the_last_one_again() {
    let calls = [call("a"), call("b")];
    let tape = Tape::parse(&tape(&calls)).unwrap();
    let clone = tape.clone();
    let bodies: Vec<Vec<u8>> = [&tape, &clone, &tape]
        .map(|tape| tape.next(&request("m")).unwrap().tries[0].body())
        .to_vec();
    assert_eq!(bodies, [b"a".to_vec(), b"b".to_vec(), b"b".to_vec()]);
}
