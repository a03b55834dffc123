//! The wire between the trusted side and the hand: what either end does with a peer that does not keep to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;

use alai_minion::hand::{Hand, HandError};
use alai_workspace::command::Cancel;
use serde_json::{Value, json};

use crate::world::{World, probe};

/// Starts a client whose hand is this function: a line in, bytes out; `None` closes the wire.
fn hand_that(
    mut answers: impl FnMut(u64, &Value) -> Option<Vec<u8>> + Send + 'static,
) -> Result<Hand, HandError> {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let (reader, mut writer) = (theirs.try_clone().expect("a second end"), theirs);
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            let request: Value = serde_json::from_str(&line).expect("the client sends JSON");
            let id = request["id"].as_u64().expect("a number");
            let Some(bytes) = answers(id, &request["op"]) else {
                break;
            };
            if writer.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = writer.shutdown(std::net::Shutdown::Both);
    });
    let write = ours.try_clone().expect("a second end");
    Hand::start(write, ours, Vec::new(), &Cancel::new())
}

fn hello(id: u64) -> Vec<u8> {
    line(
        &json!({"id": id, "outcome": {"ok": {"kind": "hello", "protocol": "alai-hand-6", "uid": 1}}}),
    )
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

/// A hand that greets well and then answers like this.
fn then(answer: impl Fn(u64) -> Option<Vec<u8>> + Send + 'static) -> Hand {
    hand_that(move |id, op| {
        if op["kind"] == "hello" {
            Some(hello(id))
        } else {
            answer(id)
        }
    })
    .expect("a good greeting")
}

#[test]
fn a_hand_that_garbles_forges_floods_or_vanishes_is_told_apart() {
    let c = Cancel::new();
    type Answer = Box<dyn Fn(u64) -> Option<Vec<u8>> + Send>;
    let cases: Vec<(&str, Answer, &str)> = vec![
        (
            "garbage",
            Box::new(|_| Some(b"\xff\xfe{\n".to_vec())),
            "garbled",
        ),
        (
            "another id",
            Box::new(|id| {
                Some(line(
                    &json!({"id": id + 1, "outcome": {"ok": {"kind": "read", "text": ""}}}),
                ))
            }),
            "garbled",
        ),
        (
            "an unknown field",
            Box::new(|id| {
                Some(line(
                    &json!({"id": id, "x": 1, "outcome": {"ok": {"kind": "read", "text": ""}}}),
                ))
            }),
            "garbled",
        ),
        (
            "another answer",
            Box::new(|id| {
                Some(line(
                    &json!({"id": id, "outcome": {"ok": {"kind": "search", "text": ""}}}),
                ))
            }),
            "garbled",
        ),
        (
            "an endless line",
            Box::new(|_| Some(vec![b'a'; (4 << 20) + 10])),
            "gone: its answer is too long",
        ),
        ("a cut line", Box::new(|_| None), "gone: it closed the wire"),
    ];
    for (name, answer, want) in cases {
        let mut hand = then(answer);
        let got = match hand.read("a", None, None, &c) {
            Err(HandError::Garbled { .. }) => "garbled".to_owned(),
            Err(HandError::Gone { detail, .. }) => format!("gone: {detail}"),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(got, want, "{name}");
        assert!(
            matches!(hand.read("a", None, None, &c), Err(HandError::Gone { .. })),
            "{name}: never believed again"
        );
    }
}

#[test]
fn a_silent_hand_is_late_and_a_cancelled_wait_ends() {
    let c = Cancel::new();
    // The pause of a run's deadline is the command's limit plus the grace; zero seconds of nothing come soonest with cancel.
    let mut hand = then(|_| Some(Vec::new()));
    let other = c.clone();
    let canceller = std::thread::spawn(move || other.cancel());
    assert!(matches!(
        hand.run("true", &[], 600, &c),
        Err(HandError::Cancelled { op: "run" })
    ));
    canceller.join().expect("it only sets a flag");
}

#[test]
fn a_hand_of_another_version_is_refused() {
    let answer = hand_that(|id, _| {
        Some(line(
            &json!({"id": id, "outcome": {"ok": {"kind": "hello", "protocol": "alai-hand-0", "uid": 1}}}),
        ))
    });
    assert!(matches!(answer.map(drop), Err(HandError::Garbled { .. })));
}

/// Feeds a real hand these bytes; its own process, because a hand kills every other child of its process.
fn fed(repo: &Path, scratch: &Path, mut bytes: impl Read) -> Output {
    let mut child = probe(repo, scratch);
    let mut to_hand = child.stdin.take().expect("piped");
    // A hand that refuses closes its end early.
    let _ = std::io::copy(&mut bytes, &mut to_hand);
    drop(to_hand);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_hand_ends_at_what_is_no_request() {
    let world = World::new();
    let (repo, scratch) = (world.repo(), world.dir.path().join("s"));
    let cases = [
        &b"not json\n"[..],
        b"{\"id\":1,\"op\":{\"kind\":\"format_disk\"}}\n",
        b"{\"id\":1,\"op\":{\"kind\":\"scan\"},\"x\":1}\n",
    ];
    for bytes in cases {
        let output = fed(&repo, &scratch, bytes);
        let shown = String::from_utf8_lossy(bytes);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{shown}: {output:?}"
        );
    }
    let output = fed(&repo, &scratch, std::io::repeat(b'a').take(64 << 20));
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let output = fed(
        &repo,
        &scratch,
        &b"{\"id\":1,\"op\":{\"kind\":\"scan\"}}\n"[..],
    );
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "a good request and the end: {output:?}"
    );
}

#[test]
fn a_hand_without_a_repository_does_not_start() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let output = fed(&dir.path().join("gone"), &dir.path().join("s"), &b""[..]);
    assert!(!output.status.success());
}
