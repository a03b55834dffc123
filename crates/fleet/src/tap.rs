//! What a caller can take of a call beside its reply: events as they come, and the bytes as they came.

use crate::answer::Answer;
use crate::dialect::Reader;
use crate::error::Fault;
use crate::event::{Event, Fed};
use crate::secret::Secret;
use crate::tape::Tries;

/// What a caller listens to. The default is nothing.
#[derive(Default)]
pub struct Taps<'a> {
    /// Called for each event, on the calling thread, as soon as its bytes are read. It must not wait: the answer waits
    /// for it. Whoever shows events to people or keeps them takes secrets out first, as of any words of a stranger.
    pub event: Option<&'a mut dyn FnMut(&Event)>,
    /// Keeps the bytes of each HTTP answer.
    pub raw: Option<&'a mut RawReplies>,
}

/// The HTTP answers of one call: those that were refused for a time, too. The host's key does not stand in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReplies {
    /// Bytes kept of each answer.
    pub bytes_max: usize,
    pub replies: Vec<RawReply>,
}

/// The body of one HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReply {
    pub status: u16,
    pub bytes: Vec<u8>,
    /// It was longer than `bytes_max`.
    pub cut: bool,
}

impl RawReplies {
    pub fn new(bytes_max: usize) -> RawReplies {
        RawReplies {
            bytes_max,
            replies: Vec::new(),
        }
    }
}

/// The one that hears an exchange: reader, answer and the caller's taps.
pub(crate) struct Ear<'a> {
    pub(crate) answer: Answer,
    reader: Reader,
    taps: Taps<'a>,
    /// Keeps the answers for a recording.
    tries: Option<&'a mut Tries>,
    key: Option<Secret>,
    /// The answer's own end was read.
    pub(crate) whole: bool,
    /// A request is out, and what became of it is not known yet.
    pub(crate) open: bool,
    /// The status of the answer that is heard.
    pub(crate) status: Option<u16>,
}

impl<'a> Ear<'a> {
    pub(crate) fn new(
        reader: Reader,
        taps: Taps<'a>,
        tries: Option<&'a mut Tries>,
        key: Option<Secret>,
    ) -> Ear<'a> {
        Ear {
            answer: Answer::default(),
            reader,
            taps,
            tries,
            key,
            whole: false,
            open: false,
            status: None,
        }
    }

    /// Begins to hear another HTTP answer.
    pub(crate) fn begin(&mut self, reader: Reader) {
        if let Some(tries) = self.tries.as_deref_mut() {
            tries.begin(reader.wire());
        }
        self.reader = reader;
        (self.whole, self.open, self.status) = (false, false, None);
    }

    /// What came so far is void.
    pub(crate) fn again(&mut self) {
        self.answer = Answer::default();
        self.pass(&Event::Again);
    }

    pub(crate) fn answered(&mut self, status: u16) {
        self.status = Some(status);
        if let Some(tries) = self.tries.as_deref_mut() {
            tries.answered(status);
        }
        if let Some(raw) = self.taps.raw.as_deref_mut() {
            raw.replies.push(RawReply {
                status,
                bytes: Vec::new(),
                cut: false,
            });
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Fed, Fault> {
        self.keep(bytes);
        let (answer, taps) = (&mut self.answer, &mut self.taps.event);
        let fed = self
            .reader
            .feed(bytes, &mut |event| hear(answer, taps, &event))?;
        self.whole = fed.whole;
        Ok(fed)
    }

    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let (answer, taps) = (&mut self.answer, &mut self.taps.event);
        self.reader.end(&mut |event| hear(answer, taps, &event))
    }

    /// The answer is an error that its status told.
    pub(crate) fn refused(&mut self, retry_after_s: Option<u64>) {
        if let Some(tries) = self.tries.as_deref_mut() {
            tries.refused(retry_after_s);
        }
    }

    /// The answer is none, for a reason that its bytes may not show.
    pub(crate) fn failed(&mut self, fault: &Fault) {
        if let Some(tries) = self.tries.as_deref_mut() {
            tries.failed(fault, self.open);
        }
    }

    /// Keeps bytes of a body, and as many more as a key has that the bound would cut in two.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        if let Some(tries) = self.tries.as_deref_mut() {
            tries.came(bytes);
        }
        let Some(raw) = self.taps.raw.as_deref_mut() else {
            return;
        };
        let max = raw
            .bytes_max
            .saturating_add(self.key.as_ref().map_or(0, Secret::len));
        if let Some(reply) = raw.replies.last_mut() {
            let room = max.saturating_sub(reply.bytes.len()).min(bytes.len());
            reply.bytes.extend_from_slice(&bytes[..room]);
            reply.cut |= room < bytes.len();
        }
    }

    /// The call has ended: its records lose the key and keep their bound.
    pub(crate) fn close(&mut self) {
        let Some(raw) = self.taps.raw.as_deref_mut() else {
            return;
        };
        for reply in &mut raw.replies {
            if let Some(key) = &self.key {
                key.redact_bytes(&mut reply.bytes);
            }
            reply.cut |= reply.bytes.len() > raw.bytes_max;
            reply.bytes.truncate(raw.bytes_max);
        }
    }

    fn pass(&mut self, event: &Event) {
        if let Some(listener) = &mut self.taps.event {
            listener(event);
        }
    }
}

fn hear(
    answer: &mut Answer,
    listener: &mut Option<&mut dyn FnMut(&Event)>,
    event: &Event,
) -> Result<(), Fault> {
    answer.take(event)?;
    if let Some(listener) = listener {
        listener(event);
    }
    Ok(())
}
