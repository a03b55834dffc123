//! What holds of any lines that a program prints: none says more than a line can, and what goes back is well formed.

use alai_core::blueprint::ToolName;
use alai_core::brief::Role;
use serde_json::Value;

use super::acp::{Act, Client, Rules};
use super::heard::{Heard, Tally};
use super::lines::{Line, Lines};
use super::{claude, codex};
use crate::scope::Scope;

pub(super) fn rules(role: Role) -> Rules {
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

/// What was cut into lines anywhere is the same lines.
pub(super) fn through(text: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut lines = Lines::new(1 << 20);
    let mut got = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().map(|cut| (*cut).min(text.len())) {
        got.extend(lines.feed(&text[from.min(cut)..cut]));
        from = from.max(cut);
    }
    got.extend(lines.feed(&text[from..]));
    got.extend(lines.end());
    let whole: Vec<Vec<u8>> = got
        .into_iter()
        .map(|line| match line {
            Line::Whole(bytes) => bytes,
            Line::TooLong(count) => panic!("{count} bytes are not too long"),
        })
        .collect();
    let plain = text
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let plain: Vec<&[u8]> = plain.filter(|line| !line.is_empty()).collect();
    // A line of an end alone is none.
    let whole: Vec<Vec<u8>> = whole.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(whole, plain);
    whole
}

fn take(tally: &mut Tally, heard: &[Heard]) {
    heard.iter().for_each(|heard| tally.take(heard));
    assert!(tally.denials.len() <= 50 && tally.words.len() <= 256 << 10);
    assert!(tally.id.len() <= 200 && tally.model.len() <= 200 && tally.version.len() <= 200);
}

/// Claude Code's lines.
pub(super) fn claude(lines: &[Vec<u8>], flat: bool) {
    let (mut stream, mut tally) = (claude::Stream::new(flat), Tally::default());
    for line in lines {
        let heard = stream.line(line).unwrap_or_default();
        assert!(heard.len() <= bound(&String::from_utf8_lossy(line)));
        take(&mut tally, &heard);
    }
}

/// Codex's.
pub(super) fn codex(lines: &[Vec<u8>]) {
    let (mut stream, mut tally) = (codex::Stream::default(), Tally::default());
    for line in lines {
        let heard = stream.line(line).unwrap_or_default();
        assert!(heard.len() <= 4);
        take(&mut tally, &heard);
    }
}

/// Those of an agent of the Agent Client Protocol, of which one asks for leave to a file outside.
pub(super) fn acp(lines: &[Vec<u8>], rules: Rules, model: Option<&str>, keyed: bool) {
    let mut client = Client::new(rules, "Do it.".into(), model, keyed);
    client.open();
    let mut tally = Tally::default();
    for line in lines {
        let acts = client.line(line).unwrap_or_default();
        assert!(acts.len() <= 8, "{acts:?}");
        let asked: Value = serde_json::from_slice(line).unwrap_or_default();
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

/// The doors of the guided fuzz targets: a program's output, cut in single bytes.
pub(crate) mod doors {
    use super::{Role, rules, through};

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        through(bytes, &(1..bytes.len()).collect::<Vec<_>>())
    }

    pub(crate) fn claude(bytes: &[u8]) {
        let lines = lines(bytes);
        [false, true]
            .into_iter()
            .for_each(|flat| super::claude(&lines, flat));
    }

    pub(crate) fn codex(bytes: &[u8]) {
        super::codex(&lines(bytes));
    }

    pub(crate) fn acp(bytes: &[u8]) {
        let lines = lines(bytes);
        super::acp(&lines, rules(Role::Builder), None, true);
        super::acp(&lines, rules(Role::Reviewer), Some("m"), false);
    }
}
