//! For tests: every stream that the twins of servers can send, whole and broken, cut at every byte. The bytes come over a socket, as a
//! call hears them. `ALAI_CORPUS=write` keeps them in `corpus`, where the fuzz targets begin from them.

use std::path::PathBuf;

use alai_testkit::anthropic::{self, AnthropicTwin};
use alai_testkit::ollama::{self, OllamaTwin};
use alai_testkit::openai::{self, OpenaiTwin};
use serde_json::{Value, json};

use crate::call;
use crate::chat::Profile;
use crate::cuts;
use crate::dialect::{HostRef, Reader};
use crate::host::OllamaHost;
use crate::probe::hello;
use crate::tape::Tries;
use crate::tape::Wire;
use crate::timeouts::Timeouts;
use crate::{AnthropicHost, OpenaiHost, Secret};

/// Where the checked-in streams of a wire are.
pub(crate) fn corpus(wire: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("corpus").join(wire)
}

/// A twin that stands still is left after a second.
fn soon() -> Timeouts {
    Timeouts {
        between_tokens_s: Some(1),
        ..Timeouts::default()
    }
}

/// The bytes of the last answer of a call, however it ends.
fn bytes<'h>(host: impl Into<HostRef<'h>>) -> Vec<u8> {
    let mut tries = Tries::new();
    let request = hello("small", &Profile::default());
    let _however_it_ends = call::chat(
        host.into(),
        &request,
        &|| false,
        &mut |_| (),
        Some(&mut tries),
    );
    let answer = tries.tries.pop().expect("an answer");
    answer
        .chunks
        .iter()
        .flat_map(|chunk| chunk.bytes().expect("ours"))
        .collect()
}

fn holds(name: &str, wire: Wire, streams: Vec<(String, Vec<u8>)>) {
    assert!(streams.len() >= 10, "{name}: {}", streams.len());
    for (trap, bytes) in &streams {
        assert!(!bytes.is_empty(), "{name} {trap}");
        if std::env::var("ALAI_CORPUS").is_ok_and(|said| said == "write") {
            let folder = corpus(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join(format!("{trap}.txt")), bytes).expect("a file");
        }
        cuts::every_cut(|| Reader::of(wire, None), bytes);
    }
}

fn numbered<A>(answers: Vec<A>, bytes: impl Fn(A) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let answers = answers.into_iter().enumerate();
    answers
        .map(|(nth, answer)| (format!("{nth:02}"), bytes(answer)))
        .collect()
}

fn ndjson() -> Vec<(String, Vec<u8>)> {
    use ollama::Answer;
    let line = |content: &str| Answer::line(json!({"content": content}));
    let call = || {
        Answer::line(
            json!({"content": "", "tool_calls": [{"function": {"name": "read", "arguments": {"path": "ø"}}}]}),
        )
    };
    let all = || {
        json!({"model": "small", "message": {"role": "assistant", "thinking": "hm", "content": "ö 🤔",
        "tool_calls": [{"function": {"name": "a", "arguments": {}}}, {"function": {"name": "b", "arguments": {}}}]},
        "done": true, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2})
    };
    let mut answers = vec![
        Answer::text("ö 🤔 日本"),
        Answer::calls(&[
            ("read", json!({"path": "a"})),
            ("done", json!({"status": "done"})),
        ]),
        Answer::Lines(vec![all()]),
        Answer::Lines(vec![call(), line("ö"), Answer::done("stop")]),
        Answer::Lines(vec![line("a"), json!({"error": "the runner has died"})]),
        Answer::Lines(vec![
            line("a"),
            json!({"error": {"message": "Context size has been exceeded."}}),
        ]),
        Answer::Lines(vec![line("no end")]),
        Answer::CutAfter(vec![line("ö"), line("b")]),
        Answer::StallAfter(vec![line("ö")]),
        Answer::Lines((0..31).map(|_| line("la")).collect()),
        Answer::Pieces(vec![b"<html>\n".to_vec()]),
        Answer::Pieces(vec![
            b"{\"message\":{\"content\":\"\xc3".to_vec(),
            b"\xb6\"},\"done\":true}\r\n".to_vec(),
        ]),
        Answer::Pieces(vec![
            b"\n\n{\"done\":true,\"done_reason\":\"stop\"}".to_vec(),
        ]),
    ];
    answers.extend(
        ["length", "load", "unload", "magic"]
            .map(|reason| Answer::Lines(vec![line("a"), Answer::done(reason)])),
    );
    numbered(answers, |answer| {
        let twin = OllamaTwin::start(ollama::Behaviour::in_order([answer]).hearing_first_words());
        let host = OllamaHost::parse(&twin.url()).expect("an address");
        bytes(&host.with_timeouts(soon()))
    })
}

fn sse_openai() -> Vec<(String, Vec<u8>)> {
    use openai::{Answer, Vice};
    let vices: Vec<Vice> = [
        Vice::Pings,
        Vice::CrLf,
        Vice::NoIds,
        Vice::SameIndex,
        Vice::Reasoning,
        Vice::NoCounts,
        Vice::NoStream,
        Vice::NoDone,
        Vice::NoReason,
        Vice::NoEnd,
        Vice::ErrorInside(json!({"code": 500, "message": "slot died", "type": "server_error"})),
        Vice::ErrorInside(json!({"message": "Invalid diff: now finding less tool calls!"})),
        Vice::Breaks,
        Vice::Stalls,
        Vice::Page,
    ]
    .into_iter()
    .chain(
        ["length", "content_filter", "abort", "magic"].map(|reason| Vice::Ends(reason.to_owned())),
    )
    .collect();
    let calls = || Answer::calls(&[("read", json!({"path": "ø"})), ("done", json!({}))]);
    let mut answers = vec![
        Answer::text("ö 🤔"),
        Answer::Reasoned("hm é".into(), "a".into()),
        calls(),
    ];
    for vice in vices {
        let base = if matches!(vice, Vice::NoIds | Vice::SameIndex) {
            calls()
        } else if vice == Vice::Reasoning {
            Answer::Reasoned("hm é".into(), "a".into())
        } else {
            Answer::text("ö 🤔")
        };
        answers.push(base.but(vice));
    }
    answers.push(calls().but(Vice::Ends("length".to_owned())));
    answers.push(calls().but(Vice::Pings).but(Vice::CrLf));
    numbered(answers, |answer| {
        let twin = OpenaiTwin::start(openai::Behaviour::in_order([answer]));
        let host = OpenaiHost::parse(&twin.url()).expect("an address");
        bytes(&host.with_timeouts(soon()))
    })
}

fn sse_anthropic() -> Vec<(String, Vec<u8>)> {
    use anthropic::{Answer, Vice};
    let calls = || {
        Answer::calls(
            "Well.",
            &[("read", json!({"path": "ø"})), ("done", json!({}))],
        )
    };
    let error = |after, kind: &str| Vice::ErrorAfter(after, kind.to_owned());
    let mut answers = vec![
        Answer::text("ö 🤔"),
        Answer::Reasoned("hm é".into(), "a".into()),
        calls(),
        calls().but(Vice::Pings),
    ];
    let stops = ["max_tokens", "refusal", "pause_turn", "magic"]
        .map(|reason| Vice::Stops(reason.to_owned()));
    let vices = [
        Vice::Pings,
        Vice::NoStop,
        Vice::NoEnd,
        Vice::Breaks,
        Vice::Stalls,
        Vice::Cached {
            read: 7,
            written: 9,
        },
    ];
    let errors = (0..5).map(|after| error(after, "overloaded_error"));
    for vice in vices.into_iter().chain(stops).chain(errors) {
        answers.push(Answer::text("ö 🤔").but(vice));
    }
    answers.push(calls().but(Vice::Stops("max_tokens".to_owned())));
    numbered(answers, |answer| {
        let twin = AnthropicTwin::start(anthropic::Behaviour::in_order([answer]));
        let host = AnthropicHost::parse(&twin.url()).expect("an address");
        let key = Secret::parse("sk-twin-key").expect("a key");
        bytes(&host.with_key(key).with_timeouts(soon()))
    })
}

#[test]
fn every_trap_stream_gives_the_same_events_at_every_cut() {
    std::thread::scope(|scope| {
        scope.spawn(|| holds("ndjson", Wire::Ollama, ndjson()));
        scope.spawn(|| holds("sse_openai", Wire::Openai, sse_openai()));
        scope.spawn(|| holds("sse_anthropic", Wire::Anthropic, sse_anthropic()));
    });
}

/// What a host says of itself, whole and spoiled: read without a panic, and into nothing that cannot be.
#[test]
fn hosts() {
    const PIECES: [&str; 14] = [
        "null",
        "-1",
        "0",
        "1e999",
        "18446744073709551616",
        "\"\"",
        "{}",
        "[]",
        "\\ud800",
        "\u{202e}",
        "true",
        ",",
        "\"-c\"",
        "\"1e9T\"",
    ];
    let texts = alai_testkit::fuzz::corpus(&corpus("hosts"));
    let well: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    alai_testkit::fuzz::run("hosts", |dice| {
        let value = |dice: &mut alai_testkit::fuzz::Dice| {
            let well = *dice.pick(&well);
            let text = match dice.one_in(4) {
                true => well.to_owned(),
                false => dice.mutated(well, &PIECES),
            };
            serde_json::from_str::<Value>(&text).ok()
        };
        let (Some(one), Some(other), Some(third)) = (value(dice), value(dice), value(dice)) else {
            return;
        };
        crate::fuzzing::judge_hosts(&one, &other, &third);
    });
}
