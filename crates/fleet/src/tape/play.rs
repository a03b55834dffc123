//! Plays a recorded answer to the ear that else hears a socket.

use std::cell::Cell;

use super::{Recorded, Wire};
use crate::anthropic::AnthropicHost;
use crate::chat::ChatRequest;
use crate::dialect::{Host, Reader};
use crate::ear::Ear;
use crate::error::{ErrorClass, Fault};
use crate::host::OllamaHost;
use crate::openai::OpenaiHost;
use crate::wire::{Failure, Refusal, is_lost_behind};

/// A host of the recorded dialect, which nobody asks: its words are read as that one's.
pub(crate) fn shell(call: &Recorded) -> Host {
    let first = call.tries.first();
    shell_of(first.map_or(Wire::Ollama, |first| first.wire))
}

/// The same of a dialect.
pub(crate) fn shell_of(wire: Wire) -> Host {
    const NOBODY: &str = "http://127.0.0.1:1";
    let made = match wire {
        Wire::Ollama => None,
        Wire::Openai => OpenaiHost::parse(NOBODY).ok().map(Host::Openai),
        Wire::Anthropic => AnthropicHost::parse(NOBODY).ok().map(Host::Anthropic),
    };
    made.unwrap_or_else(|| Host::Ollama(OllamaHost::default()))
}

/// The next answer of a call.
pub(crate) fn play(
    call: &Recorded,
    played: &Cell<usize>,
    request: &ChatRequest,
    ear: &mut Ear<'_>,
) -> Result<(), Failure> {
    let Some(next) = call.tries.get(played.get()) else {
        let message = "the recorded call has no further answer";
        return Err(Fault::new(ErrorClass::ScriptExhausted, message).into());
    };
    played.set(played.get() + 1);
    ear.begin(Reader::of(next.wire, request.format.as_ref()));
    ear.open = true;
    if let Some(status) = next.status {
        ear.answered(status);
        if status != 200 {
            ear.open = is_lost_behind(status);
            let body = next.body();
            ear.keep(&body);
            return Err(Failure::Refused(Refusal {
                status,
                body: String::from_utf8_lossy(&body).into_owned(),
                retry_after_s: next.retry_after_s,
            }));
        }
    }
    for chunk in &next.chunks {
        if ear.feed(&chunk.bytes().unwrap_or_default())?.done {
            return Ok(());
        }
    }
    match &next.failed {
        Some(failed) => {
            ear.open = failed.was_sent;
            Err(failed.fault().into())
        }
        None => Ok(ear.end()?),
    }
}
