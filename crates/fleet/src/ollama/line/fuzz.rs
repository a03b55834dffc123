//! Streams of a hostile Ollama, in any pieces.

use alai_testkit::fuzz;

use super::Lines;
use super::tests::WHOLE;
use crate::cuts;
use crate::dialect::Reader;

const PIECES: [&str; 18] = [
    "\n",
    "\r\n",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "null",
    "é",
    "{\"message\":{\"content\":\"la\"},\"done\":false}\n",
    "{\"error\":\"x\"}\n",
    "{\"error\":{\"message\":\"x\"}}\n",
    "{\"done\":true,\"done_reason\":\"stop\"}\n",
    "{\"done\":true,\"done_reason\":\"length\"}\n",
    "{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"a\",\"arguments\":{}}}]}}\n",
    "-1",
    "\"eval_count\":-7",
];

#[test]
fn ndjson() {
    let corpus = fuzz::corpus(&crate::every_trap::corpus("ndjson"));
    let good: Vec<&str> = corpus.iter().map(String::as_str).chain([WHOLE]).collect();
    fuzz::run("ndjson", |dice| {
        cuts::hostile(dice, &good, &PIECES, || Reader::Ollama(Lines::default()));
    });
}
