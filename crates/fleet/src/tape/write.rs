//! Writes a recording: one file for each process, readable by its owner alone, with a bound.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Asked, Failed, Head, Recorded, Tries, clean, hash};
use crate::chat::{ChatReply, ChatRequest, Profile};
use crate::dialect::HostRef;
use crate::error::{ChatError, ErrorClass, Spent};

/// Bytes of one file: a day of one agent has tens of megabytes. Beyond it nothing more is recorded, and that is said.
const FILE_BYTES_MAX: usize = 512 << 20;

/// Where calls are recorded. The file is made with the first call.
#[derive(Debug)]
pub struct Recorder {
    dir: PathBuf,
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    path: Option<PathBuf>,
    bytes: usize,
    /// Nothing more is written, and why was said.
    is_over: bool,
}

/// Why calls cannot be recorded there.
#[derive(Debug, thiserror::Error)]
#[error("cannot record calls in {path}: {source}; name a folder of your own")]
pub struct RecorderError {
    pub path: PathBuf,
    source: io::Error,
}

impl Recorder {
    /// A recorder that writes below this folder, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made, or is none.
    pub fn new(dir: &Path) -> Result<Recorder, RecorderError> {
        let failed = |source| RecorderError {
            path: dir.to_owned(),
            source,
        };
        let mut made = std::fs::DirBuilder::new();
        made.recursive(true).mode(0o700);
        made.create(dir).map_err(failed)?;
        Ok(Recorder {
            dir: dir.to_owned(),
            bytes_max: FILE_BYTES_MAX,
            state: Mutex::default(),
        })
    }

    /// The same with a smaller bound of its file, in bytes.
    #[must_use]
    pub fn bounded(self, bytes_max: usize) -> Recorder {
        Recorder { bytes_max, ..self }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file, once a call was recorded.
    pub fn path(&self) -> Option<PathBuf> {
        self.lock().path.clone()
    }

    /// Writes one call. A recording that fails costs no call: it ends, and the log says so.
    pub(crate) fn record(
        &self,
        host: HostRef<'_>,
        request: &ChatRequest,
        tries: Tries,
        answered: &Result<ChatReply, ChatError>,
        now_ms: i64,
    ) {
        let failed = answered.as_ref().err();
        // A person or a limit ended it, which is none of its server's doing.
        if tries.tries.is_empty() || failed.is_some_and(|e| e.class == ErrorClass::Cancelled) {
            return;
        }
        if tries.is_too_long() {
            tracing::warn!("a call was not recorded: its answer is too long");
            return;
        }
        let asked = clean::asked(&Asked::of(request), host.key());
        let call = Recorded {
            hash: hash(&asked),
            at_ms: now_ms,
            host: host.to_string(),
            model: request.model.clone(),
            profile: Profile {
                tool_mode: tries.tool_mode,
                ..request.profile
            },
            purpose: request.purpose.clone(),
            asked,
            tries: tries.tries,
            failed: failed.map(|e| Failed {
                class: e.class,
                message: e.message.clone(),
                was_sent: e.spent != Spent::Nothing,
            }),
            usage: answered.as_ref().ok().map(|reply| reply.usage),
            latency_ms: answered.as_ref().map_or(0, |reply| reply.latency_ms),
        };
        let call = clean::recorded(call, host.key());
        let Ok(line) = serde_json::to_string(&call) else {
            return;
        };
        if clean::holds(&line, host.key()) {
            tracing::warn!("a call was not recorded: the host's key stands in it");
            return;
        }
        self.append(&line, now_ms);
    }

    pub(super) fn append(&self, line: &str, now_ms: i64) {
        let mut state = self.lock();
        if state.is_over {
            return;
        }
        if let Err(why) = self.written(&mut state, line, now_ms) {
            state.is_over = true;
            tracing::warn!(
                "calls are recorded no more in {}: {why}",
                self.dir.display()
            );
        }
    }

    fn written(&self, state: &mut State, line: &str, now_ms: i64) -> io::Result<()> {
        if state.file.is_none() {
            let name = format!("calls-{now_ms}-{}.jsonl", std::process::id());
            let path = self.dir.join(name);
            let mut file = OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            let head = serde_json::to_string(&Head {
                alai_recording: super::FORM,
            })?;
            file.write_all(format!("{head}\n").as_bytes())?;
            (state.file, state.path) = (Some(file), Some(path));
        }
        if state.bytes.saturating_add(line.len()) > self.bytes_max {
            return Err(io::Error::other(format!(
                "the file has its {} bytes",
                self.bytes_max
            )));
        }
        state.bytes += line.len() + 1;
        let Some(file) = &mut state.file else {
            return Ok(());
        };
        // One write: a kill leaves a whole line or a last one that is cut.
        file.write_all(format!("{line}\n").as_bytes())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
