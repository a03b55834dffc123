//! Streams of a hostile server of Anthropic's protocol, in any pieces.

use alai_testkit::fuzz;

use super::{WHOLE, stop, text, tool};
use crate::anthropic::line::Blocks;
use crate::cuts;
use crate::dialect::Reader;

const PIECES: [&str; 22] = [
    "data: ",
    "event: error\n",
    "\n",
    "\r\n",
    "\n\n",
    "{",
    "}",
    "\"",
    "\\",
    "null",
    "-1",
    "data: {\"type\":\"ping\"}\n\n",
    "data: {\"type\":\"message_stop\"}\n\n",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"}}\n\n",
    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"name\":\"answer\"}}\n\n",
    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}\n\n",
    "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
    "\"usage\":{\"input_tokens\":18446744073709551615}",
    "é",
    "\u{feff}",
];

#[test]
fn sse_anthropic() {
    let cut = tool("write", &["{\"a\":"], true) + &stop("max_tokens");
    let plain = text("é") + &stop("end_turn");
    let answer = tool("answer", &["{\"value\":", "1}"], true) + &stop("tool_use");
    let choice = serde_json::json!({"anyOf": []});
    let corpus = fuzz::corpus(&crate::every_trap::corpus("sse_anthropic"));
    let own = [WHOLE, cut.as_str(), &plain, &answer];
    let good: Vec<&str> = corpus.iter().map(String::as_str).chain(own).collect();
    fuzz::run("sse_anthropic", |dice| {
        let schema = dice.one_in(2).then_some(&choice);
        cuts::hostile(dice, &good, &PIECES, || {
            Reader::Anthropic(Blocks::of(schema))
        });
    });
}
