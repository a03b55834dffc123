//! The doors of the guided fuzz targets (`fuzz/`): any bytes, read by what the product reads them with. What must hold is asserted
//! where the ordinary fuzz tests assert it. Each panics when it does not.

use serde_json::Value;

use crate::cuts;
use crate::dialect::Reader;
use crate::tape::Wire;
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
}

/// In one piece, in single bytes, and cut at places that the bytes themselves give.
fn stream(bytes: &[u8], wire: Wire, form: Option<&Value>) {
    let reader = || Reader::of(wire, form);
    cuts::judge(bytes, cuts::places_of(bytes), reader);
    cuts::judge(bytes, (0..bytes.len()).collect(), reader);
}
