//! Vectors in a recording: the texts that were asked about and the numbers that came. A server's words that are no number are not kept
//! where it has answered, and are cleaned where it has refused.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{CALL_BYTES_MAX, Failed, Recorder, Tape, Wire, clean, differs, named};
use crate::dialect::HostRef;
use crate::embed::Embedded;
use crate::error::{ChatError, ErrorClass, Fault};
use crate::wire::{Failure, Refusal};

/// One question for vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedVectors {
    /// SHA-256 of `asked` as JSON, in hex.
    pub hash: String,
    /// Milliseconds since the Unix epoch at its end.
    pub at_ms: i64,
    pub host: String,
    pub asked: AskedVectors,
    /// The HTTP answers, in order.
    pub answers: Vec<VectorAnswer>,
    /// Why it gave no vectors.
    #[serde(default)]
    pub failed: Option<Failed>,
    /// Numbers of each vector; 0 where none came.
    pub dimensions: usize,
    pub prompt_tokens: u64,
    pub latency_ms: i64,
}

/// By this a recording finds its answer. The model is part of it: vectors of two models have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedVectors {
    pub model: String,
    pub texts: Vec<String>,
    pub dimensions: Option<usize>,
}

/// One HTTP answer, or why there was none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorAnswer {
    pub wire: Wire,
    /// None when nothing was answered.
    pub status: Option<u16>,
    #[serde(default)]
    pub retry_after_s: Option<u64>,
    /// The fields that hold vectors and counts, or the words of a refusal.
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub failed: Option<Failed>,
}

/// A line of a recording that holds one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) vectors: RecordedVectors,
}

/// The answers of one question while they come.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    answers: Vec<VectorAnswer>,
    bytes: usize,
}

impl Kept {
    /// What came, as whoever asked got it.
    pub(crate) fn came(&mut self, host: HostRef<'_>, got: &Result<Value, Failure>) {
        let Some(wire) = wire_of(host) else {
            return;
        };
        let none = VectorAnswer {
            wire,
            status: None,
            retry_after_s: None,
            body: String::new(),
            failed: None,
        };
        let answer = match got {
            Ok(value) => VectorAnswer {
                status: Some(200),
                body: numbers(value).to_string(),
                ..none
            },
            Err(Failure::Refused(refusal)) => VectorAnswer {
                status: Some(refusal.status),
                retry_after_s: refusal.retry_after_s,
                body: refusal.body.clone(),
                ..none
            },
            Err(Failure::Fault(fault)) => VectorAnswer {
                failed: Some(Failed {
                    class: fault.class,
                    message: fault.message.clone(),
                    was_sent: true,
                }),
                ..none
            },
        };
        self.bytes = self.bytes.saturating_add(answer.body.len());
        if self.bytes <= CALL_BYTES_MAX {
            self.answers.push(answer);
        }
    }
}

fn wire_of(host: HostRef<'_>) -> Option<Wire> {
    match host {
        HostRef::Ollama(_) => Some(Wire::Ollama),
        HostRef::Openai(_) => Some(Wire::Openai),
        // It has no vectors: nobody was asked.
        HostRef::Anthropic(_) => None,
    }
}

/// Of an answer the fields that are read, and in them what is a number or in the place of one: no word of a server stands in them.
fn numbers(answer: &Value) -> Value {
    const FIELDS: [&str; 7] = [
        "embeddings",
        "prompt_eval_count",
        "data",
        "index",
        "embedding",
        "usage",
        "prompt_tokens",
    ];
    match answer {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .filter(|(name, _)| FIELDS.contains(&name.as_str()));
            Value::Object(
                fields
                    .map(|(name, value)| (name.clone(), numbers(value)))
                    .collect(),
            )
        }
        Value::Array(all) => Value::Array(all.iter().map(numbers).collect()),
        Value::Number(_) => answer.clone(),
        Value::String(_) | Value::Bool(_) | Value::Null => Value::Null,
    }
}

impl AskedVectors {
    fn cleaned(self, host: Option<HostRef<'_>>) -> AskedVectors {
        clean::any(&self, host.and_then(HostRef::key)).unwrap_or(self)
    }

    fn hash(&self) -> String {
        hex::encode(Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }

    /// By which a question finds its answer: without the names that are new each time.
    fn key(&self) -> String {
        named::any(self).unwrap_or_else(|| self.clone()).hash()
    }
}

impl RecordedVectors {
    pub(super) fn is_as_written(&self) -> bool {
        self.hash == self.asked.hash()
    }

    /// A secret may have been in what was asked; it is not.
    fn of(
        host: HostRef<'_>,
        asked: AskedVectors,
        kept: Kept,
        made: &Result<Embedded, ChatError>,
        at_ms: i64,
    ) -> RecordedVectors {
        let asked = asked.cleaned(Some(host));
        let quoted = |failed: Failed| clean::quoted(failed, host.key());
        let answers = kept.answers.into_iter().map(|answer| VectorAnswer {
            body: match answer.status {
                Some(200) => answer.body,
                Some(_) | None => clean::cleaned(&answer.body, host.key()).into_owned(),
            },
            failed: answer.failed.map(quoted),
            ..answer
        });
        let (dimensions, prompt_tokens, latency_ms) = match made {
            Ok(made) => (made.dimensions, made.prompt_tokens, made.latency_ms),
            Err(_) => (0, 0, 0),
        };
        RecordedVectors {
            hash: asked.hash(),
            at_ms,
            host: clean::cleaned(&host.to_string(), host.key()).into_owned(),
            asked,
            answers: answers.collect(),
            failed: made.as_ref().err().map(|e| {
                quoted(Failed {
                    class: e.class,
                    message: e.message.clone(),
                    was_sent: true,
                })
            }),
            dimensions,
            prompt_tokens,
            latency_ms,
        }
    }
}

impl Recorder {
    /// Writes one question for vectors. A recording that fails costs no question: it ends, and the log says so.
    pub(crate) fn record_vectors(
        &self,
        host: HostRef<'_>,
        asked: AskedVectors,
        kept: Kept,
        made: &Result<Embedded, ChatError>,
        now_ms: i64,
    ) {
        let cancelled = made
            .as_ref()
            .is_err_and(|e| e.class == ErrorClass::Cancelled);
        if kept.answers.is_empty() || cancelled {
            return;
        }
        if kept.bytes > CALL_BYTES_MAX {
            tracing::warn!("vectors were not recorded: there are too many of them");
            return;
        }
        let vectors = RecordedVectors::of(host, asked, kept, made, now_ms);
        let Ok(line) = serde_json::to_string(&Line { vectors }) else {
            return;
        };
        if clean::holds(&line, host.key()) {
            tracing::warn!("vectors were not recorded: the host's key stands in them");
            return;
        }
        self.append(&line, now_ms);
    }
}

impl Tape {
    /// The answer that this question gets: of several that asked the same, the next one, and beyond them the last.
    ///
    /// # Errors
    /// In words for people, with what differs.
    pub(crate) fn next_vectors(&self, asked: &AskedVectors) -> Result<&RecordedVectors, String> {
        let asked = asked.clone().cleaned(None);
        let key = asked.key();
        let all = || self.vectors().iter().map(|(_, one)| one);
        let same: Vec<_> = all().filter(|one| one.asked.key() == key).collect();
        if let Some(last) = same.len().checked_sub(1) {
            let at = self.next_of(format!("vectors {key}")).min(last);
            return Ok(same[at]);
        }
        let likeness = |one: &RecordedVectors| {
            let texts = one.asked.texts.iter().zip(&asked.texts);
            let alike = texts.filter(|(one, other)| one == other).count();
            (one.asked.model == asked.model, alike)
        };
        let Some((line, nearest)) = self
            .vectors()
            .iter()
            .rev()
            .max_by_key(|(_, one)| likeness(one))
        else {
            return Err("the recording holds no vectors".to_owned());
        };
        let value = |asked: &AskedVectors| serde_json::to_value(asked).unwrap_or_default();
        let differs = differs::first(&value(&nearest.asked), &value(&asked), "request");
        Err(format!(
            "the recording has no vectors for this request; the nearest one (line {line}) differs at {}",
            differs.unwrap_or_else(|| "the names of commits and runs".to_owned())
        ))
    }
}

/// The next recorded answer.
pub(crate) fn play(call: &RecordedVectors, played: &Cell<usize>) -> Result<Value, Failure> {
    let Some(answer) = call.answers.get(played.get()) else {
        let message = "the recorded question has no further answer";
        return Err(Fault::new(ErrorClass::ScriptExhausted, message).into());
    };
    played.set(played.get() + 1);
    match (answer.status, &answer.failed) {
        (Some(200), _) => serde_json::from_str(&answer.body).map_err(|e| {
            let message = format!("the recorded answer is no JSON: {e}");
            Fault::new(ErrorClass::Malformed, message).into()
        }),
        (Some(status), _) => Err(Failure::Refused(Refusal {
            status,
            body: answer.body.clone(),
            retry_after_s: answer.retry_after_s,
        })),
        (None, Some(failed)) => Err(failed.fault().into()),
        (None, None) => Err(Fault::new(ErrorClass::ScriptExhausted, "nothing was answered").into()),
    }
}
