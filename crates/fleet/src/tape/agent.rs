//! What an agent's own program said in one session, as it came. It is kept to be read: what a program did to files is not in its words,
//! so that no replay can do the work again.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alai_core::task::TaskKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CALL_BYTES_MAX, Chunk, Recorder, micros};
use crate::chat::Usage;
use crate::redact::redact;

/// One session of a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedAgent {
    /// As the settings call it.
    pub agent: String,
    pub engine: String,
    pub version: String,
    pub model: String,
    /// Milliseconds since the Unix epoch at its end.
    pub at_ms: i64,
    pub task_kind: TaskKind,
    pub task_title: String,
    pub step: String,
    /// Its standard output, from its start on.
    pub chunks: Vec<Chunk>,
    /// A secret stood in it: its bytes are what is left.
    #[serde(default)]
    pub is_rewritten: bool,
    /// Why its output is not here, or not all of it.
    #[serde(default)]
    pub left_out: Option<String>,
    /// How it ended, in one word.
    pub outcome: String,
    pub usage: Usage,
    /// Millionths of a dollar; none where nobody can say.
    pub cost_microusd: Option<u64>,
}

/// A line of a recording that holds one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) agent: RecordedAgent,
}

/// What a program says while it says it.
#[derive(Debug, Clone)]
pub struct Heard(Arc<Mutex<Said>>);

#[derive(Debug)]
struct Said {
    begun: Instant,
    chunks: Vec<Chunk>,
    bytes: usize,
}

impl Default for Heard {
    fn default() -> Heard {
        Heard(Arc::new(Mutex::new(Said {
            begun: Instant::now(),
            chunks: Vec::new(),
            bytes: 0,
        })))
    }
}

impl Heard {
    /// The same bytes for whoever reads them, and for the recording.
    pub fn listen<R: Read>(&self, to: R) -> Listening<R> {
        Listening {
            to,
            heard: self.clone(),
        }
    }

    fn came(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.bytes = said.bytes.saturating_add(bytes.len());
        if said.bytes <= CALL_BYTES_MAX {
            let chunk = Chunk::of(micros(said.begun.elapsed()), bytes);
            said.chunks.push(chunk);
        }
    }

    /// What came, without its secrets, in the place of what `session` holds.
    fn put_into(&self, session: RecordedAgent) -> RecordedAgent {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut session = RecordedAgent {
            task_title: redact(&session.task_title).into_owned(),
            chunks: said.chunks.clone(),
            ..session
        };
        if said.bytes > CALL_BYTES_MAX {
            session.left_out = Some("it is too long, and its end is not here".to_owned());
        }
        drop(said);
        let bytes: Vec<u8> = session
            .chunks
            .iter()
            .filter_map(Chunk::bytes)
            .flatten()
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        if let Cow::Owned(clean) = redact(&text) {
            let us = session.chunks.last().map_or(0, |chunk| chunk.us);
            session.chunks = vec![Chunk::of(us, clean.as_bytes())];
            session.is_rewritten = true;
        }
        let pieces = pieces(&redact(&text));
        if matches!(redact(&pieces), Cow::Owned(_)) {
            session.chunks.clear();
            session.left_out = Some("a secret stood in it, in several pieces".to_owned());
        }
        session
    }
}

/// Fields in which a text may come piece by piece.
const PIECES: [&str; 4] = ["text", "thinking", "delta", "partial_json"];

/// What was said in pieces, put together: a secret stands in none of them whole.
fn pieces(text: &str) -> String {
    fn gather(value: &Value, all: &mut String) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str().filter(|_| PIECES.contains(&name.as_str())) {
                        Some(text) => all.push_str(text),
                        None => gather(value, all),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| gather(item, all)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut all = String::new();
    for line in text.lines() {
        if let Ok(value) = serde_json::from_str(line) {
            gather(&value, &mut all);
        }
    }
    all
}

/// A program's output, listened to.
#[derive(Debug)]
pub struct Listening<R> {
    to: R,
    heard: Heard,
}

impl<R: Read> Read for Listening<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.to.read(into)?;
        self.heard.came(&into[..count]);
        Ok(count)
    }
}

impl Recorder {
    /// Writes one session. A recording that fails costs no session: it ends, and the log says so.
    pub fn record_agent(&self, session: RecordedAgent, heard: &Heard) {
        let agent = heard.put_into(session);
        let now_ms = agent.at_ms;
        if let Ok(line) = serde_json::to_string(&Line { agent }) {
            self.append(&line, now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> RecordedAgent {
        RecordedAgent {
            agent: "pro".into(),
            engine: "acp".into(),
            version: "1".into(),
            model: "m".into(),
            at_ms: 7,
            task_kind: TaskKind::Build,
            task_title: "t".into(),
            step: "build".into(),
            chunks: Vec::new(),
            is_rewritten: false,
            left_out: None,
            outcome: "done".into(),
            usage: Usage::default(),
            cost_microusd: Some(3),
        }
    }

    fn kept(parts: &[&str]) -> RecordedAgent {
        let heard = Heard::default();
        for part in parts {
            let mut all = Vec::new();
            let read = heard.listen(part.as_bytes()).read_to_end(&mut all);
            assert_eq!((read.unwrap(), all), (part.len(), part.as_bytes().to_vec()));
        }
        heard.put_into(session())
    }

    #[test]
    fn what_came_is_kept_in_its_pieces_and_secrets_are_not() {
        let plain = kept(&["{\"text\":\"a\"}\n", "{\"text\":\"b\"}\n"]);
        assert_eq!(plain.chunks.len(), 2);
        assert_eq!((plain.is_rewritten, plain.left_out), (false, None));
        let key = format!("AKIA{}", "Q7ZP2M4N8R5T6V3X");
        let whole = kept(&[&format!("{{\"text\":\"it is {key} \"}}\n")]);
        assert!(whole.is_rewritten && !format!("{whole:?}").contains(&key));
        let (one, two) = key.split_at(9);
        let split = kept(&[
            &format!("{{\"update\":{{\"content\":{{\"text\":\"it is {one}\"}}}}}}\n"),
            &format!("{{\"update\":{{\"content\":{{\"text\":\"{two} indeed\"}}}}}}\n"),
        ]);
        assert!(split.chunks.is_empty(), "{split:?}");
        assert!(split.left_out.is_some_and(|why| why.contains("pieces")));
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let heard = Heard::default();
        for _ in 0..=CALL_BYTES_MAX / (1 << 20) {
            heard.came(&vec![b'a'; 1 << 20]);
        }
        let kept = heard.put_into(session());
        let bytes: usize = kept.chunks.iter().map(|chunk| chunk.text.len()).sum();
        assert_eq!(bytes, CALL_BYTES_MAX);
        assert!(kept.left_out.is_some_and(|why| why.contains("too long")));
    }
}
