//! Random and spoiled output of programs: no reader panics, none says more than a line can, and a line's meaning does not go by
//! where the bytes were cut.

use std::path::Path;

use alai_core::blueprint::ToolName;
use alai_core::brief::Role;
use alai_testkit::fuzz::{self, Dice};
use serde_json::Value;

use super::acp::{Act, Client, Rules};
use super::heard::{Heard, Tally};
use super::lines::{Line, Lines};
use super::{claude, codex};
use crate::scope::Scope;

/// The checked-in lines of a program.
fn lines_of(program: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(program);
    let texts = fuzz::corpus(&folder);
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(str::to_owned).collect()
}

/// Each stream of a program, cut in two at every byte, leads to the same.
#[test]
fn every_cut_of_a_session_gives_the_same() {
    fn every_cut<T: PartialEq + std::fmt::Debug>(program: &str, read: impl Fn(&[Vec<u8>]) -> T) {
        for end in ["\n", "\r\n"] {
            let text: String = lines_of(program)
                .iter()
                .map(|line| format!("{line}{end}"))
                .collect();
            let bytes = text.as_bytes();
            let lines = |at: usize| {
                let mut lines = Lines::new(1 << 20);
                let mut got = lines.feed(&bytes[..at]);
                got.extend(lines.feed(&bytes[at..]));
                got.extend(lines.end());
                let whole = got.into_iter().map(|line| match line {
                    Line::Whole(bytes) => bytes,
                    Line::TooLong(count) => panic!("{count} bytes are not too long"),
                });
                whole.filter(|line| !line.is_empty()).collect::<Vec<_>>()
            };
            let whole = lines(0);
            let read_whole = read(&whole);
            for at in 1..=bytes.len() {
                let cut = lines(at);
                // What is read goes by the lines alone, so that equal lines need not be read again.
                assert!(
                    cut == whole || read(&cut) == read_whole,
                    "{program}: cut at byte {at}"
                );
            }
        }
    }
    every_cut("claude", |lines| {
        let mut stream = claude::Stream::new(true);
        lines
            .iter()
            .map(|line| stream.line(line))
            .collect::<Vec<_>>()
    });
    every_cut("codex", |lines| {
        let mut stream = codex::Stream::default();
        lines
            .iter()
            .map(|line| stream.line(line))
            .collect::<Vec<_>>()
    });
    every_cut("acp", |lines| {
        let mut client = Client::new(rules(Role::Builder), "Do it.".into(), None, true);
        client.open();
        lines
            .iter()
            .map(|line| client.line(line))
            .collect::<Vec<_>>()
    });
}

fn rules(role: Role) -> Rules {
    Rules {
        role,
        tools: ToolName::ALL.to_vec(),
        scope: Scope::new(&["src/**".into()], &[]).expect("globs"),
        folder: "/repo".into(),
        lent: Vec::new(),
    }
}

/// Things that one line may lead to; each of its parts is one at most.
fn bound(line: &str) -> usize {
    16 + line.len()
}

/// A line of these, whole or spoiled.
fn spoiled(dice: &mut Dice, lines: &[String], pieces: &[&str]) -> String {
    let line = dice.pick(lines).as_str();
    match dice.below(3) {
        0 => line.to_owned(),
        _ => dice.mutated(line, pieces),
    }
}

/// What was cut into lines anywhere is the same lines.
fn through(dice: &mut Dice, text: &str) -> Vec<Vec<u8>> {
    let mut lines = Lines::new(1 << 20);
    let mut got = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((1 + dice.below(40)).min(rest.len()));
        got.extend(lines.feed(piece));
        rest = behind;
    }
    got.extend(lines.end());
    let whole: Vec<Vec<u8>> = got
        .into_iter()
        .map(|line| match line {
            Line::Whole(bytes) => bytes,
            Line::TooLong(count) => panic!("{count} bytes are not too long"),
        })
        .collect();
    let plain = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let plain: Vec<&[u8]> = plain.filter(|l| !l.is_empty()).map(str::as_bytes).collect();
    // A line of an end alone is none.
    let whole: Vec<Vec<u8>> = whole.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(whole, plain);
    whole
}

fn session(dice: &mut Dice, lines: &[String], pieces: &[&str]) -> Vec<Vec<u8>> {
    let mut text = String::new();
    for _ in 0..=dice.below(6) {
        text.push_str(&spoiled(dice, lines, pieces));
        let ends: [&str; 3] = ["\n", "\r\n", "\n\n"];
        text.push_str(dice.pick::<&str>(&ends));
    }
    through(dice, &text)
}

fn take(tally: &mut Tally, heard: &[Heard]) {
    heard.iter().for_each(|heard| tally.take(heard));
    assert!(tally.denials.len() <= 50 && tally.words.len() <= 256 << 10);
    assert!(tally.id.len() <= 200 && tally.model.len() <= 200 && tally.version.len() <= 200);
}

const PIECES: [&str; 12] = [
    "\"", "{", "}", "[", "]", "null", "-1", "1e999", "\\ud800", "\u{0}", "true", ",",
];

#[test]
fn claude() {
    let lines = lines_of("claude");
    fuzz::run("claude", |dice| {
        let (mut stream, mut tally) = (claude::Stream::new(dice.one_in(2)), Tally::default());
        for line in session(dice, &lines, &PIECES) {
            let heard = stream.line(&line).unwrap_or_default();
            assert!(heard.len() <= bound(&String::from_utf8_lossy(&line)));
            take(&mut tally, &heard);
        }
    });
}

#[test]
fn codex() {
    let lines = lines_of("codex");
    fuzz::run("codex", |dice| {
        let (mut stream, mut tally) = (codex::Stream::default(), Tally::default());
        for line in session(dice, &lines, &PIECES) {
            let heard = stream.line(&line).unwrap_or_default();
            assert!(heard.len() <= 4);
            take(&mut tally, &heard);
        }
    });
}

#[test]
fn acp() {
    let lines = lines_of("acp");
    fuzz::run("acp", |dice| {
        let rules = rules(*dice.pick(&[Role::Builder, Role::Reviewer]));
        let model = dice.one_in(2).then_some("m");
        let mut client = Client::new(rules, "Do it.".into(), model, dice.one_in(2));
        client.open();
        let mut tally = Tally::default();
        for line in session(dice, &lines, &PIECES) {
            let acts = client.line(&line).unwrap_or_default();
            assert!(acts.len() <= 8, "{acts:?}");
            let asked: Value = serde_json::from_slice(&line).unwrap_or_default();
            let params = &asked["params"];
            let mut options = params["options"].as_array().into_iter().flatten();
            let outside = params["toolCall"]["locations"][0]["path"] == "/etc/passwd"
                && options.all(|o| o["optionId"] != "y" || o["kind"] == "allow_once");
            for act in acts {
                match act {
                    Act::Heard(heard) => take(&mut tally, &[heard]),
                    Act::Send(reply) => sent(&reply, outside),
                }
            }
        }
    });
}

/// What goes back is one message of the protocol on one line, and never leave for a path outside.
fn sent(line: &str, outside: bool) {
    assert!(!line.contains('\n'));
    let value: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(value["jsonrpc"], "2.0");
    assert!(value.get("method").is_some() || value.get("id").is_some());
    let leave = value["result"]["outcome"]["optionId"] == "y";
    assert!(!(leave && outside), "leave for /etc/passwd: {line}");
}
