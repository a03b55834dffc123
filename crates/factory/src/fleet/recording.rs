//! A recording of calls, in lines for people: what each asked, what came, and that it can be played.

use std::path::Path;

use alai_fleet::{Recorded, RecordedAgent, RecordedVectors, Tape, Usage};
use serde::Serialize;

/// One recorded call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedCall {
    /// Its line in the file.
    pub line: usize,
    pub model: String,
    pub host: String,
    pub kind: String,
    pub step: String,
    pub attempt: u32,
    pub turn: u32,
    /// SHA-256 of what it asked, by which a replay finds it.
    pub hash: String,
    /// The status of each HTTP answer; none where nobody answered.
    pub statuses: Vec<Option<u16>>,
    /// Milliseconds from the last request to its first byte.
    pub first_byte_ms: Option<u64>,
    pub latency_ms: i64,
    pub usage: Option<Usage>,
    /// Why it gave no reply.
    pub failed: Option<String>,
    /// A secret stood in its answer, which was written anew without it.
    pub is_rewritten: bool,
}

/// One recorded session of an agent's own program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedSession {
    /// Its line in the file.
    pub line: usize,
    pub agent: String,
    pub engine: String,
    pub version: String,
    pub model: String,
    pub kind: String,
    pub step: String,
    pub outcome: String,
    pub usage: Usage,
    pub cost_microusd: Option<u64>,
    /// Bytes of its output that are kept.
    pub bytes: usize,
    /// Why its output is not here, or not all of it.
    pub left_out: Option<String>,
    /// A secret stood in its output, which was written anew without it.
    pub is_rewritten: bool,
}

/// One recorded question for vectors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedQuestion {
    /// Its line in the file.
    pub line: usize,
    pub model: String,
    pub host: String,
    pub texts: usize,
    /// SHA-256 of what it asked, by which a replay finds it.
    pub hash: String,
    /// The status of each HTTP answer; none where nobody answered.
    pub statuses: Vec<Option<u16>>,
    /// Numbers of each vector.
    pub dimensions: usize,
    pub prompt_tokens: u64,
    pub latency_ms: i64,
    /// Why it gave no vectors.
    pub failed: Option<String>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recording {
    pub calls: Vec<RecordedCall>,
    pub vectors: Vec<RecordedQuestion>,
    /// Of agents' own programs, which are not played.
    pub sessions: Vec<RecordedSession>,
    /// Its last line ends in the middle, as one that a kill cut off.
    pub is_cut: bool,
}

/// Reads a recording.
///
/// # Errors
/// In words for people: the file, and why it is none.
pub fn recording(path: &Path) -> Result<Recording, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let tape = Tape::parse(&text).map_err(|e| format!("{shown}: {e}"))?;
    let calls = tape.numbered().map(|(line, call)| shown_as(line, call));
    let sessions = tape.agents().iter();
    Ok(Recording {
        calls: calls.collect(),
        vectors: tape
            .vectors()
            .iter()
            .map(|(line, one)| question(*line, one))
            .collect(),
        sessions: sessions.map(|(line, one)| session(*line, one)).collect(),
        is_cut: tape.is_cut,
    })
}

fn question(line: usize, one: &RecordedVectors) -> RecordedQuestion {
    let failed = one.failed.as_ref();
    RecordedQuestion {
        line,
        model: one.asked.model.clone(),
        host: one.host.clone(),
        texts: one.asked.texts.len(),
        hash: one.hash.clone(),
        statuses: one.answers.iter().map(|answer| answer.status).collect(),
        dimensions: one.dimensions,
        prompt_tokens: one.prompt_tokens,
        latency_ms: one.latency_ms,
        failed: failed.map(|failed| format!("{} ({})", failed.message, failed.class)),
    }
}

fn session(line: usize, one: &RecordedAgent) -> RecordedSession {
    let bytes = one.chunks.iter().filter_map(|chunk| chunk.bytes());
    RecordedSession {
        line,
        agent: one.agent.clone(),
        engine: one.engine.clone(),
        version: one.version.clone(),
        model: one.model.clone(),
        kind: one.task_kind.to_string(),
        step: one.step.clone(),
        outcome: one.outcome.clone(),
        usage: one.usage,
        cost_microusd: one.cost_microusd,
        bytes: bytes.map(|bytes| bytes.len()).sum(),
        left_out: one.left_out.clone(),
        is_rewritten: one.is_rewritten,
    }
}

fn shown_as(line: usize, call: &Recorded) -> RecordedCall {
    let last = call.tries.last();
    let failed = call.failed.as_ref();
    RecordedCall {
        line,
        model: call.model.clone(),
        host: call.host.clone(),
        kind: call.purpose.task_kind.to_string(),
        step: call.purpose.step.clone(),
        attempt: call.purpose.attempt,
        turn: call.purpose.turn,
        hash: call.hash.clone(),
        statuses: call.tries.iter().map(|one| one.status).collect(),
        first_byte_ms: last
            .and_then(|one| one.chunks.first())
            .map(|chunk| chunk.us / 1_000),
        latency_ms: call.latency_ms,
        usage: call.usage,
        failed: failed.map(|failed| format!("{} ({})", failed.message, failed.class)),
        is_rewritten: call.tries.iter().any(|one| one.is_rewritten),
    }
}
