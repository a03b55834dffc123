//! Random and spoiled output of programs: no reader panics, none says more than a line can, and a line's meaning does not go by
//! where the bytes were cut.

use std::path::Path;

use alai_core::brief::Role;
use alai_testkit::fuzz::{self, Dice};

use super::acp::Client;
use super::judge::{self, rules, through};
use super::lines::{Line, Lines};
use super::{claude, codex};

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

/// A line of these, whole or spoiled.
fn spoiled(dice: &mut Dice, lines: &[String], pieces: &[&str]) -> String {
    let line = dice.pick(lines).as_str();
    match dice.below(3) {
        0 => line.to_owned(),
        _ => dice.mutated(line, pieces),
    }
}

fn session(dice: &mut Dice, lines: &[String], pieces: &[&str]) -> Vec<Vec<u8>> {
    let mut text = String::new();
    for _ in 0..=dice.below(6) {
        text.push_str(&spoiled(dice, lines, pieces));
        let ends: [&str; 3] = ["\n", "\r\n", "\n\n"];
        text.push_str(dice.pick::<&str>(&ends));
    }
    let (mut cuts, mut at) = (Vec::new(), 0);
    while at < text.len() {
        at += 1 + dice.below(40);
        cuts.push(at);
    }
    through(text.as_bytes(), &cuts)
}

const PIECES: [&str; 12] = [
    "\"", "{", "}", "[", "]", "null", "-1", "1e999", "\\ud800", "\u{0}", "true", ",",
];

#[test]
fn claude() {
    let lines = lines_of("claude");
    fuzz::run("claude", |dice| {
        let flag = dice.one_in(2);
        judge::claude(&session(dice, &lines, &PIECES), flag);
    });
}

#[test]
fn codex() {
    let lines = lines_of("codex");
    fuzz::run("codex", |dice| {
        judge::codex(&session(dice, &lines, &PIECES));
    });
}

#[test]
fn acp() {
    let lines = lines_of("acp");
    fuzz::run("acp", |dice| {
        let rules = rules(*dice.pick(&[Role::Builder, Role::Reviewer]));
        let (model, flag) = (dice.one_in(2).then_some("m"), dice.one_in(2));
        judge::acp(&session(dice, &lines, &PIECES), rules, model, flag);
    });
}
