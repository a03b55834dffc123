//! Random and spoiled output of programs: no reader panics, none says more than a line can, and a line's meaning does not go by
//! where the bytes were cut.

use alai_core::blueprint::ToolName;
use alai_core::brief::Role;
use alai_testkit::fuzz::{self, Dice};
use serde_json::Value;

use super::acp::{Act, Client, Rules};
use super::heard::{Heard, Tally};
use super::lines::{Line, Lines};
use super::{claude, codex};
use crate::scope::Scope;

/// Things that one line may lead to; each of its parts is one at most.
fn bound(line: &str) -> usize {
    16 + line.len()
}

/// A line of these, whole or spoiled.
fn spoiled(dice: &mut Dice, lines: &[&str], pieces: &[&str]) -> String {
    let line = *dice.pick(lines);
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

fn session(dice: &mut Dice, lines: &[&str], pieces: &[&str]) -> Vec<Vec<u8>> {
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
    const LINES: [&str; 7] = [
        r#"{"type":"system","subtype":"init","session_id":"s","model":"m","claude_code_version":"2.1.330","mcp_servers":[{"status":"x"}],"apiKeySource":"none"}"#,
        r#"{"type":"assistant","parent_tool_use_id":null,"message":{"id":"m1","content":[{"type":"text","text":"hé"},{"type":"tool_use","id":"t","name":"Bash","input":{"command":"ls"}}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"a"}],"is_error":true}]}}"#,
        r#"{"type":"system","subtype":"permission_denied","tool_name":"Write","tool_use_id":"t"}"#,
        r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":529,"num_turns":3,"total_cost_usd":0.1,"modelUsage":{"m":{"inputTokens":1,"outputTokens":2}},"permission_denials":[{"tool_name":"Edit","tool_use_id":"u"}]}"#,
        r#"{"type":"result","subtype":"error_max_turns","is_error":true,"usage":{"input_tokens":18446744073709551615}}"#,
        "Loading...",
    ];
    fuzz::run("claude", |dice| {
        let (mut stream, mut tally) = (claude::Stream::new(dice.one_in(2)), Tally::default());
        for line in session(dice, &LINES, &PIECES) {
            let heard = stream.line(&line).unwrap_or_default();
            assert!(heard.len() <= bound(&String::from_utf8_lossy(&line)));
            take(&mut tally, &heard);
        }
    });
}

#[test]
fn codex() {
    const LINES: [&str; 6] = [
        r#"{"type":"thread.started","thread_id":"t"}"#,
        r#"{"type":"item.started","item":{"id":"i","type":"command_execution","command":"ls","status":"in_progress"}}"#,
        r#"{"type":"item.completed","item":{"id":"i","type":"command_execution","aggregated_output":"é","exit_code":0,"status":"declined"}}"#,
        r#"{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"{\"status\":\"done\"}"}}"#,
        r#"{"type":"turn.completed","usage":{"input_tokens":3000,"cached_input_tokens":-3,"output_tokens":60}}"#,
        r#"{"type":"turn.failed","error":{"message":"unexpected status 401 Unauthorized"}}"#,
    ];
    fuzz::run("codex", |dice| {
        let (mut stream, mut tally) = (codex::Stream::default(), Tally::default());
        for line in session(dice, &LINES, &PIECES) {
            let heard = stream.line(&line).unwrap_or_default();
            assert!(heard.len() <= 4);
            take(&mut tally, &heard);
        }
    });
}

#[test]
fn acp() {
    const LINES: [&str; 8] = [
        r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"authMethods":[{"id":"k"}]}}"#,
        r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s","configOptions":[{"id":"model","options":[{"value":"m"}]}]}}"#,
        r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"login"}}"#,
        r#"{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"hé"}}}}"#,
        r#"{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"tool_call","toolCallId":"t","kind":"edit","locations":[{"path":"/repo/src/a"}],"status":"completed"}}}"#,
        r#"{"id":7,"method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":"t","kind":"edit","locations":[{"path":"/etc/passwd"}]},"options":[{"optionId":"y","kind":"allow_once"},{"optionId":"n","kind":"reject_once"}]}}"#,
        r#"{"id":"x","method":"fs/write_text_file","params":{"path":"/etc/passwd"}}"#,
        r#"{"id":3,"result":{"stopReason":"end_turn","usage":{"inputTokens":1}}}"#,
    ];
    fuzz::run("acp", |dice| {
        let rules = Rules {
            role: *dice.pick(&[Role::Builder, Role::Reviewer]),
            tools: ToolName::ALL.to_vec(),
            scope: Scope::new(&["src/**".into()], &[]).expect("globs"),
            folder: "/repo".into(),
            lent: Vec::new(),
        };
        let model = dice.one_in(2).then_some("m");
        let mut client = Client::new(rules, "Do it.".into(), model, dice.one_in(2));
        client.open();
        let mut tally = Tally::default();
        for line in session(dice, &LINES, &PIECES) {
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
