//! The doors of the guided fuzz targets (`fuzz/`): any bytes, read by what the product reads them with. What must hold is asserted
//! where the ordinary fuzz tests assert it. Each panics when it does not.

use serde_json::Value;

use crate::cuts;
use crate::dialect::Reader;
use crate::tape::Wire;
use crate::wire::Refusal;
use crate::{salvage, tagged, thinking};

/// Ollama's NDJSON.
pub fn ndjson(bytes: &[u8]) {
    stream(bytes, Wire::Ollama, None);
}

/// OpenAI's stream of server-sent events.
pub fn sse_openai(bytes: &[u8]) {
    stream(bytes, Wire::Openai, None);
}

/// Anthropic's, of an ordinary answer and of one in a form.
pub fn sse_anthropic(bytes: &[u8]) {
    stream(bytes, Wire::Anthropic, None);
    stream(
        bytes,
        Wire::Anthropic,
        Some(&serde_json::json!({"anyOf": []})),
    );
}

/// Calls that a model wrote as text: Kimi's tokens, Hermes, Qwen, fenced and bare JSON.
pub fn salvage(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    salvage::judge::judge(&text);
    let (thought, rest) = thinking::split(&text);
    assert!(thought.len() + rest.len() <= text.len());
}

/// Our own form of calls as text.
pub fn tagged(bytes: &[u8]) {
    let (text, tools) = (String::from_utf8_lossy(bytes), salvage::judge::tools());
    tagged::judge(&text, &tools);
    tagged::stopped_early(&text, &tools);
}

/// What hosts say of themselves: an answer a line, each with the next ones.
pub fn hosts(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').take(HOSTS_LINES_MAX);
    let said: Vec<Value> = lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    for (at, one) in said.iter().enumerate() {
        let next = |by: usize| &said[(at + by) % said.len()];
        judge_hosts(one, next(1), next(2));
    }
}

/// More answers only cost time.
const HOSTS_LINES_MAX: usize = 8;

/// Three answers are read into nothing that cannot be.
pub(crate) fn judge_hosts(one: &Value, other: &Value, third: &Value) {
    for card in [
        crate::openai::probe::read(one, other, third),
        crate::ollama::probe::read(one, other),
    ] {
        assert!(
            card.context_max != Some(0) && card.slots != Some(0),
            "{card:?}"
        );
        assert!(
            !(card.embedding_only && (card.chat || card.tools)),
            "{card:?}"
        );
    }
    let _said = crate::ollama::residency::read(one);
    let (window, slots) = (
        crate::openai::router::window(one),
        crate::openai::router::slots(one),
    );
    assert!(window != Some(0) && slots != Some(0), "{one}");
    judge_refused(one);
    crate::embed::judge(one);
}

/// Statuses of refusals that are read in different ways, of all dialects together.
const STATUSES: [u16; 10] = [400, 401, 404, 413, 429, 500, 501, 502, 503, 529];

/// An error of any status, or in the middle of an answer, has a class and words that can be shown: short, of one line, and with no window of no tokens.
fn judge_refused(said: &Value) {
    let mut faults = vec![
        crate::openai::errors::mid_stream(said),
        crate::anthropic::errors::mid_stream(said),
    ];
    for status in STATUSES {
        let refusal = Refusal {
            status,
            body: said.to_string(),
            retry_after_s: None,
        };
        faults.extend([
            crate::ollama::errors::classify(&refusal),
            crate::openai::errors::classify(&refusal),
            crate::anthropic::errors::classify(&refusal),
        ]);
    }
    for fault in faults {
        let shown = fault.message.chars();
        assert!(shown.clone().count() <= SHOWN_CHARS_MAX, "{said}");
        assert!(!shown.clone().any(char::is_control), "{said}");
        assert!(fault.window != Some(0), "{said}");
    }
}

/// A quotation, and what stands around it.
const SHOWN_CHARS_MAX: usize = 700;

/// In one piece, in single bytes, and cut at places that the bytes themselves give.
fn stream(bytes: &[u8], wire: Wire, form: Option<&Value>) {
    let reader = || Reader::of(wire, form);
    cuts::judge(bytes, cuts::places_of(bytes), reader);
    cuts::judge(bytes, (0..bytes.len()).collect(), reader);
}
