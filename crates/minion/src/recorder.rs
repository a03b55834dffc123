//! The trajectory: everything that was said and done in a run, one JSON object per line, secrets removed.
//!
//! Lines are only ever appended, and each is flushed before the run goes on: what a killed run left is whole up to its
//! last line. A trajectory that cannot be written ends the run; a run that nobody can read afterwards did not happen.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use alai_core::record::Captured;
use serde_json::Value;

use crate::redact::redact;
use book::Book;
use outputs::{Kept, Outputs};

mod book;
mod event;
mod outputs;

pub(crate) use book::sha256;
pub(crate) use event::Event;
pub(crate) use outputs::worth;

/// Name of the format, in its first line.
pub const FORMAT: &str = "alai-traj-1";
/// A run of 80 turns writes some 3 MB; more than this is a runaway that would fill the disk.
const BYTES_MAX: u64 = 256 << 20;

/// Takes the secrets out of one text.
pub type Redact = fn(&str) -> Cow<'_, str>;

/// A trajectory that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("could not open the trajectory {path}: {source}; is the folder there and writable?")]
    Open {
        path: String,
        source: std::io::Error,
    },
    #[error("could not write the trajectory: {0}; is the disk full?")]
    Write(#[from] std::io::Error),
    #[error("the trajectory has passed {BYTES_MAX} bytes; the run is a runaway")]
    TooLong,
}

/// Appends one run's events.
pub struct Recorder {
    out: Box<dyn Write + Send>,
    redact: Redact,
    seq: u64,
    bytes: u64,
    book: Book,
    /// None for what is not written to a file.
    outputs: Option<Outputs>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("seq", &self.seq)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Appends to a file, readable by its owner alone; the file is made if it is missing. Whole outputs of commands go to a
    /// folder beside it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn create(path: &Path) -> Result<Recorder, RecordError> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|source| RecordError::Open {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Recorder {
            outputs: Some(Outputs::beside(path)),
            ..Recorder::to(file)
        })
    }

    /// Writes to anything.
    pub fn to(out: impl Write + Send + 'static) -> Recorder {
        Recorder {
            out: Box::new(out),
            redact,
            seq: 0,
            bytes: 0,
            book: Book::default(),
            outputs: None,
        }
    }

    /// Uses another redaction than the built-in one.
    #[must_use]
    pub fn with_redaction(self, redact: Redact) -> Recorder {
        Recorder { redact, ..self }
    }

    pub(crate) fn write(&mut self, event: &Event<'_>) -> Result<(), RecordError> {
        let mut line = serde_json::Map::new();
        line.insert("seq".into(), self.seq.into());
        line.insert("t_ms".into(), now_ms().into());
        let Value::Object(fields) = serde_json::to_value(event).map_err(std::io::Error::other)?
        else {
            return Err(std::io::Error::other("an event is an object").into());
        };
        for (name, mut value) in fields {
            clean(&mut value, self.redact);
            line.insert(name, value);
        }
        let mut bytes = serde_json::to_vec(&line).map_err(std::io::Error::other)?;
        bytes.push(b'\n');
        self.bytes += bytes.len() as u64;
        if self.bytes > BYTES_MAX {
            return Err(RecordError::TooLong);
        }
        self.out.write_all(&bytes)?;
        self.out.flush()?;
        self.book.note(self.seq, event);
        self.seq += 1;
        Ok(())
    }

    /// Keeps a command's whole output: `full` where the record leaves something out and it could be fetched. None where
    /// there is no output, or nowhere to keep it.
    pub(crate) fn output(
        &mut self,
        captured: &Captured,
        full: Option<&[u8]>,
    ) -> Result<Option<Kept>, RecordError> {
        let Some(outputs) = &mut self.outputs else {
            return Ok(None);
        };
        Ok(outputs.keep(captured, full, self.redact)?)
    }

    /// Whether whole outputs are kept at all.
    pub(crate) fn keeps_outputs(&self) -> bool {
        self.outputs.is_some()
    }
}

/// Redacts every string of a value, keys included: an agent chooses the keys of its arguments too.
pub(crate) fn clean(value: &mut Value, redact: Redact) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(cleaned) = redact(text) {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, redact)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (name, mut field) in old {
                clean(&mut field, redact);
                clean_named(&name, &mut field, redact);
                fields.insert(redact(&name).into_owned(), field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A value whose field says that it is a secret, such as `{"password": "..."}`: the rules see it as an assignment.
fn clean_named(name: &str, field: &mut Value, redact: Redact) {
    if let Value::String(text) = field {
        let assigned = format!("\"{name}\": \"{text}\"");
        if redact(&assigned) != assigned.as_str() && redact(text) == text.as_str() {
            *text = "[redacted: secret]".to_owned();
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one writer").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_json_numbered_and_clean() {
        let sink = Sink::default();
        let mut recorder = Recorder::to(sink.clone());
        let mut arguments = serde_json::Map::new();
        arguments.insert(
            "command".into(),
            "curl -H 'Authorization: Bearer abcdef0123456789xyz'".into(),
        );
        arguments.insert("password".into(), "hunter2-hunter2".into());
        arguments.insert("nested".into(), serde_json::json!([{"pem": "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"}]));
        let call = Event::Call {
            step: "build",
            id: "1",
            name: "run",
            arguments: &arguments,
        };
        recorder.write(&call).expect("a sink takes all");
        recorder
            .write(&Event::Guard {
                step: "build",
                advice: "fine",
            })
            .expect("a sink takes all");
        let bytes = sink.0.lock().expect("one writer").clone();
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        let lines: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (&lines[0]["seq"], &lines[0]["type"]),
            (&0.into(), &"call".into())
        );
        assert_eq!(lines[1]["seq"], 1);
        for secret in ["abcdef0123456789xyz", "hunter2-hunter2", "\\nabc\\n"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("curl -H"));
    }

    #[test]
    fn a_full_disk_is_said() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let error = Recorder::to(Full)
            .write(&Event::Guard {
                step: "s",
                advice: "a",
            })
            .expect_err("the disk is full");
        assert!(error.to_string().contains("is the disk full"), "{error}");
    }

    #[test]
    fn a_file_is_appended_to_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a temp dir");
        let path = dir.path().join("run.jsonl");
        for _ in 0..2 {
            let mut recorder = Recorder::create(&path).expect("a new file");
            recorder
                .write(&Event::Guard {
                    step: "s",
                    advice: "a",
                })
                .expect("written");
        }
        assert_eq!(
            std::fs::read_to_string(&path)
                .expect("readable")
                .lines()
                .count(),
            2
        );
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
