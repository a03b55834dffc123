//! Streams of a hostile server of OpenAI's protocol, in any pieces.

use alai_testkit::fuzz;

use super::{WHOLE, reader};
use crate::cuts;

const PIECES: [&str; 28] = [
    "data: ",
    "data:",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    ": ping\n\n",
    "[DONE]",
    "data: [DONE]\n\n",
    "event: error\n",
    "error: {}\n\n",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\u0000",
    "null",
    "-1",
    "1e999",
    "{\"error\":{}}",
    "{\"choices\":[{\"delta\":{\"content\":\"é\"}}]}",
    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}",
    "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"a\",\"arguments\":\"{\"}}]}}]}",
    "{\"usage\":{\"prompt_tokens\":1}}",
    "\u{feff}",
    "id: 7\nretry: 1\n",
];

#[test]
fn sse_openai() {
    let short = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
    let corpus = fuzz::corpus(&crate::every_trap::corpus("sse_openai"));
    let good: Vec<&str> = corpus
        .iter()
        .map(String::as_str)
        .chain([WHOLE, short])
        .collect();
    fuzz::run("sse_openai", |dice| {
        cuts::hostile(dice, &good, &PIECES, reader)
    });
}
