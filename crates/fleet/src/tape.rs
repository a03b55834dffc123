//! A recording of real calls: what was asked, and what the server sent back, byte by byte and when. A recording is a script: the
//! same request gets the same bytes again, read by the reader that reads them from a socket.
//!
//! It is JSON Lines. The first line says which form it has, each other one is a call with all of its HTTP answers, a question for
//! vectors, or what an agent's own program said in one session, which is not played. A call that a kill cut off is not there, and a last line that ends in its middle is no error.

mod agent;
mod clean;
mod differs;
mod named;
mod play;
mod vectors;
mod write;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alai_core::task::TaskKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::chat::{ChatRequest, Message, Profile, Purpose, ToolMode, ToolSpec, Usage};
use crate::error::{ErrorClass, Fault};

pub use agent::{Heard, Listening, RecordedAgent};
pub(crate) use clean::cleaned;
pub(crate) use play::{play, shell, shell_of};
pub use vectors::{AskedVectors, RecordedVectors, VectorAnswer};
pub(crate) use vectors::{Kept as VectorsKept, play as play_vectors};
pub use write::{Recorder, RecorderError};

/// The form that this version writes. A reader takes no later one.
const FORM: u32 = 3;
/// Bytes of one call that are kept: a long conversation with a long answer has a few megabytes.
pub(crate) const CALL_BYTES_MAX: usize = 32 << 20;

/// What begins a recording.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    alai_recording: u32,
}

/// A recording that was read. Clones share what was played already.
#[derive(Debug, Clone)]
pub struct Tape {
    calls: Arc<Vec<Recorded>>,
    /// By which each call is found: the hash of what it asked, without names that are new each time.
    keys: Arc<Vec<String>>,
    /// The line of each call in the file.
    lines: Arc<Vec<usize>>,
    agents: Arc<Vec<(usize, RecordedAgent)>>,
    vectors: Arc<Vec<(usize, RecordedVectors)>>,
    /// How many calls of each request were played.
    played: Arc<Mutex<BTreeMap<String, usize>>>,
    /// Its last line ends in the middle.
    pub is_cut: bool,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// SHA-256 of `asked` as JSON, in hex.
    pub hash: String,
    /// Milliseconds since the Unix epoch at its end.
    pub at_ms: i64,
    pub host: String,
    pub model: String,
    /// How the model was run. Its way to call tools is the one that was used in the end.
    pub profile: Profile,
    pub purpose: Purpose,
    pub asked: Asked,
    /// The HTTP answers, in order.
    pub tries: Vec<Try>,
    /// Why it gave no reply.
    #[serde(default)]
    pub failed: Option<Failed>,
    /// What the reply used.
    #[serde(default)]
    pub usage: Option<Usage>,
    pub latency_ms: i64,
}

/// What a request asks, whoever is asked: by this, a recording finds its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    pub format: Option<serde_json::Value>,
}

/// One HTTP answer, or why there was none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Try {
    pub wire: Wire,
    /// None when nothing was answered.
    pub status: Option<u16>,
    #[serde(default)]
    pub retry_after_s: Option<u64>,
    pub chunks: Vec<Chunk>,
    #[serde(default)]
    pub failed: Option<Failed>,
    /// A secret stood in it: its bytes were written anew from what is left, and are not its server's.
    #[serde(default)]
    pub is_rewritten: bool,
}

/// Whose protocol the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    Ollama,
    Openai,
    Anthropic,
}

/// Bytes that came at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Microseconds from the sending of the request.
    pub us: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The same for bytes that are no text, such as half a letter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hex: String,
}

/// A failure that does not stand in the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub class: ErrorClass,
    pub message: String,
    /// The request had gone out, so that it may have been paid.
    #[serde(default)]
    pub was_sent: bool,
}

/// Why a recording was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    #[error(
        "line {line} of the recording cannot be read: {why}; take an untouched copy, or record anew"
    )]
    Line { line: usize, why: String },
    #[error(
        "the recording has form {found}, and this alai reads up to {FORM}; install a newer one"
    )]
    Form { found: u32 },
    #[error("the recording holds no call")]
    Empty,
}

/// The answers of one call while they come.
#[derive(Debug)]
pub(crate) struct Tries {
    /// When the request that is under way was sent.
    sent: Instant,
    pub(crate) tries: Vec<Try>,
    pub(crate) tool_mode: ToolMode,
    bytes: usize,
}

impl Tape {
    /// Whether a text is a recording and no script of scenes.
    pub(crate) fn is_one(text: &str) -> bool {
        let first = text.lines().next().unwrap_or_default();
        serde_json::from_str::<Head>(first).is_ok()
    }

    /// Reads a recording.
    ///
    /// # Errors
    /// On a line that was not written so, the last one excepted; on a later form; when there is no call.
    pub fn parse(text: &str) -> Result<Tape, TapeError> {
        let (mut calls, mut lines, mut agents) = (Vec::new(), Vec::new(), Vec::new());
        let mut vectors = Vec::new();
        let mut is_cut = false;
        for (n, line) in text.split_inclusive('\n').enumerate() {
            let refuse = |why: String| TapeError::Line { line: n + 1, why };
            if n == 0 {
                let head: Head = serde_json::from_str(line).map_err(|e| refuse(e.to_string()))?;
                if head.alai_recording > FORM {
                    let found = head.alai_recording;
                    return Err(TapeError::Form { found });
                }
                continue;
            }
            if let Ok(agent::Line { agent }) = serde_json::from_str(line) {
                agents.push((n + 1, agent));
                continue;
            }
            if let Ok(vectors::Line { vectors: one }) = serde_json::from_str(line) {
                if !one.is_as_written() {
                    return Err(refuse("its hash is not that of what it asked".to_owned()));
                }
                vectors.push((n + 1, one));
                continue;
            }
            let recorded: Recorded = match serde_json::from_str(line) {
                Ok(recorded) => recorded,
                Err(_) if !line.ends_with('\n') => {
                    is_cut = true;
                    break;
                }
                Err(e) => return Err(refuse(e.to_string())),
            };
            if recorded.hash != hash(&recorded.asked) {
                return Err(refuse("its hash is not that of what it asked".to_owned()));
            }
            for try_ in &recorded.tries {
                let odd = try_.chunks.iter().find(|chunk| chunk.bytes().is_none());
                if odd.is_some() {
                    return Err(refuse("a part of an answer is no hex".to_owned()));
                }
            }
            calls.push(recorded);
            lines.push(n + 1);
        }
        match calls.is_empty() && agents.is_empty() && vectors.is_empty() {
            true => Err(TapeError::Empty),
            false => Ok(Tape {
                keys: Arc::new(calls.iter().map(|call| key(&call.asked)).collect()),
                calls: Arc::new(calls),
                lines: Arc::new(lines),
                agents: Arc::new(agents),
                vectors: Arc::new(vectors),
                played: Arc::default(),
                is_cut,
            }),
        }
    }

    pub fn calls(&self) -> &[Recorded] {
        &self.calls
    }

    /// Each call with its line in the file.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Recorded)> {
        self.lines.iter().copied().zip(self.calls.iter())
    }

    /// The sessions of agents' own programs, each with its line.
    pub fn agents(&self) -> &[(usize, RecordedAgent)] {
        &self.agents
    }

    /// The call that this request gets: of several that asked the same, the next one, and beyond them the last.
    ///
    /// # Errors
    /// In words for people, with the first difference to the recorded request that is nearest.
    pub(crate) fn next(&self, request: &ChatRequest) -> Result<&Recorded, String> {
        let asked = clean::asked(&Asked::of(request), None);
        let key = key(&asked);
        let found = self.keys.iter().zip(self.calls.iter());
        let same: Vec<&Recorded> = found.filter(|(k, _)| **k == key).map(|(_, c)| c).collect();
        let Some(last) = same.len().checked_sub(1) else {
            let without_names = |(line, call): (usize, &Recorded)| {
                let asked = named::asked(&call.asked);
                (
                    line,
                    Recorded {
                        asked,
                        ..call.clone()
                    },
                )
            };
            let calls: Vec<(usize, Recorded)> = self.numbered().map(without_names).collect();
            let asked = named::asked(&asked);
            return Err(differs::nearest(&calls, &request.purpose, &asked));
        };
        Ok(same[self.next_of(key).min(last)])
    }

    /// How often this was played before.
    fn next_of(&self, key: String) -> usize {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let at = played.entry(key).or_default();
        *at += 1;
        *at - 1
    }

    /// The questions for vectors, each with its line.
    pub fn vectors(&self) -> &[(usize, RecordedVectors)] {
        &self.vectors
    }

    /// How the model was run that did tasks of this kind, and its name: a request that is made for another one would differ.
    /// None where it holds no call.
    pub(crate) fn cast(&self, kind: TaskKind) -> Option<(String, Profile)> {
        let mut its = self.calls.iter().filter(|c| c.purpose.task_kind == kind);
        let call = its.next().or(self.calls.first())?;
        Some((call.model.clone(), call.profile))
    }
}

impl PartialEq for Tape {
    fn eq(&self, other: &Tape) -> bool {
        self.calls == other.calls && self.vectors == other.vectors
    }
}

impl Asked {
    pub(crate) fn of(request: &ChatRequest) -> Asked {
        Asked {
            messages: request.messages.clone(),
            tools: request.tools.clone(),
            format: request.format.clone(),
        }
    }
}

impl Chunk {
    pub(crate) fn of(us: u64, bytes: &[u8]) -> Chunk {
        match std::str::from_utf8(bytes) {
            Ok(text) => Chunk {
                us,
                text: text.to_owned(),
                hex: String::new(),
            },
            Err(_) => Chunk {
                us,
                text: String::new(),
                hex: hex::encode(bytes),
            },
        }
    }

    /// Its bytes; none where its hex is none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self.hex.is_empty() {
            true => Some(self.text.clone().into_bytes()),
            false => hex::decode(&self.hex).ok(),
        }
    }
}

impl Try {
    /// The bytes of its body.
    pub fn body(&self) -> Vec<u8> {
        let chunks = self.chunks.iter().filter_map(Chunk::bytes);
        chunks.flatten().collect()
    }
}

impl Failed {
    pub(crate) fn fault(&self) -> Fault {
        Fault::new(self.class, self.message.clone())
    }
}

impl Tries {
    pub(crate) fn new() -> Tries {
        Tries {
            sent: Instant::now(),
            tries: Vec::new(),
            tool_mode: ToolMode::Native,
            bytes: 0,
        }
    }

    pub(crate) fn begin(&mut self, wire: Wire) {
        self.sent = Instant::now();
        self.tries.push(Try {
            wire,
            status: None,
            retry_after_s: None,
            chunks: Vec::new(),
            failed: None,
            is_rewritten: false,
        });
    }

    pub(crate) fn answered(&mut self, status: u16) {
        self.last(|last| last.status = Some(status));
    }

    pub(crate) fn refused(&mut self, retry_after_s: Option<u64>) {
        self.last(|last| last.retry_after_s = retry_after_s);
    }

    pub(crate) fn came(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > CALL_BYTES_MAX {
            return;
        }
        let chunk = Chunk::of(micros(self.sent.elapsed()), bytes);
        self.last(|last| last.chunks.push(chunk));
    }

    pub(crate) fn failed(&mut self, fault: &Fault, was_sent: bool) {
        let failed = Failed {
            class: fault.class,
            message: fault.message.clone(),
            was_sent,
        };
        self.last(|last| last.failed = Some(failed));
    }

    /// More came than is kept.
    pub(crate) fn is_too_long(&self) -> bool {
        self.bytes > CALL_BYTES_MAX
    }

    fn last(&mut self, change: impl FnOnce(&mut Try)) {
        if let Some(last) = self.tries.last_mut() {
            change(last);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// By which a request finds its answer.
fn key(asked: &Asked) -> String {
    hash(&named::asked(asked))
}

/// By which a line is known to be as it was written.
fn hash(asked: &Asked) -> String {
    let json = serde_json::to_vec(asked).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}

#[cfg(test)]
mod tests;
