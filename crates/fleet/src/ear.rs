//! The one that hears an answer while it comes: its reader, who listens, and a recording of it.

use crate::answer::Answer;
use crate::dialect::Reader;
use crate::error::Fault;
use crate::event::{Event, Fed};
use crate::tape::Tries;

/// Who listens to an answer: called for each event, on the calling thread, as soon as its bytes are read. It must not wait: the answer waits
/// for it. Whoever shows events to people or keeps them takes secrets out first ([`Provider::veiled`](crate::Provider::veiled)), as of any words
/// of a stranger.
pub type Listener<'l> = dyn FnMut(&Event) + 'l;

/// The one that hears an exchange: reader, answer and the caller's listener.
pub(crate) struct Ear<'a> {
    pub(crate) answer: Answer,
    reader: Reader,
    listener: &'a mut Listener<'a>,
    /// Keeps the answers for a recording.
    tries: Option<&'a mut Tries>,
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
        listener: &'a mut Listener<'a>,
        tries: Option<&'a mut Tries>,
    ) -> Ear<'a> {
        Ear {
            answer: Answer::default(),
            reader,
            listener,
            tries,
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
        (self.listener)(&Event::Again);
    }

    pub(crate) fn answered(&mut self, status: u16) {
        self.status = Some(status);
        if let Some(tries) = self.tries.as_deref_mut() {
            tries.answered(status);
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Fed, Fault> {
        self.keep(bytes);
        let (answer, listener) = (&mut self.answer, &mut *self.listener);
        let fed = self
            .reader
            .feed(bytes, &mut |event| hear(answer, listener, &event))?;
        self.whole = fed.whole;
        Ok(fed)
    }

    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let (answer, listener) = (&mut self.answer, &mut *self.listener);
        self.reader.end(&mut |event| hear(answer, listener, &event))
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

    /// Keeps bytes of a body for a recording.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        if let Some(tries) = self.tries.as_deref_mut() {
            tries.came(bytes);
        }
    }
}

fn hear(answer: &mut Answer, listener: &mut Listener<'_>, event: &Event) -> Result<(), Fault> {
    answer.take(event)?;
    listener(event);
    Ok(())
}
