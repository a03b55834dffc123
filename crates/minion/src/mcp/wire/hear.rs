//! What is heard of a server: bounded, and kept as far as somebody will want to know it.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// One message. A screenshot is some two megabytes; what is parsed of a message takes several times its bytes of memory.
pub(super) const LINE_BYTES_MAX: usize = 4 << 20;
/// All that one start of a server may say to us: a hundred full results, ten times over.
const SAID_BYTES_MAX: u64 = 64 << 20;
/// Messages of one start. Each request among them is a task until its answer is read: a server that asks and never reads would
/// have as many as it likes. A talkative one sends some dozens with a result.
const MESSAGES_MAX: u32 = 20_000;
/// What it may write beside, on standard error.
const WORDS_BYTES_MAX: u64 = 16 << 20;
/// The end of that is kept, for whoever wants to know why it ended.
const WORDS_KEPT: usize = 4 << 10;

/// The end of a server's standard error, as it is: a stranger's, and secrets may be in it.
#[derive(Debug, Default)]
pub(in crate::mcp) struct Words {
    pub(in crate::mcp) bytes: Vec<u8>,
    /// Whether there was more before it.
    pub(in crate::mcp) cut: bool,
}

/// What one server has done besides answering.
#[derive(Debug, Default)]
pub(super) struct Heard {
    flooded: Mutex<Option<&'static str>>,
    words: Mutex<Words>,
    requests: Mutex<BTreeSet<&'static str>>,
    tools_changed: AtomicBool,
}

impl Heard {
    pub(super) fn flooded(&self) -> Option<&'static str> {
        *held(&self.flooded)
    }

    fn flood(&self, what: &'static str) {
        held(&self.flooded).get_or_insert(what);
    }

    /// A request of the server's own, which is refused.
    pub(super) fn asked(&self, what: &'static str) {
        held(&self.requests).insert(what);
    }

    pub(super) fn requests(&self) -> Vec<&'static str> {
        std::mem::take(&mut *held(&self.requests))
            .into_iter()
            .collect()
    }

    pub(super) fn change_tools(&self) {
        self.tools_changed.store(true, Ordering::Relaxed);
    }

    pub(super) fn tools_changed(&self) -> bool {
        self.tools_changed.load(Ordering::Relaxed)
    }

    pub(super) fn tools_are_known(&self) {
        self.tools_changed.store(false, Ordering::Relaxed);
    }

    /// The end of its standard error.
    pub(super) fn words(&self) -> Words {
        std::mem::take(&mut *held(&self.words))
    }
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a server says, which ends where it says too much.
pub(super) struct Bounded<R> {
    inner: R,
    heard: Arc<Heard>,
    said: u64,
    messages: u32,
    /// Bytes since the last end of a line.
    line: usize,
}

impl<R> Bounded<R> {
    pub(super) fn new(inner: R, heard: Arc<Heard>) -> Bounded<R> {
        Bounded {
            inner,
            heard,
            said: 0,
            messages: 0,
            line: 0,
        }
    }

    fn count(&mut self, new: &[u8]) {
        self.said += new.len() as u64;
        for part in new.split_inclusive(|byte| *byte == b'\n') {
            self.line += part.len();
            if self.line > LINE_BYTES_MAX {
                self.heard.flood("one message of more than 4 MiB");
            }
            if part.ends_with(b"\n") {
                self.line = 0;
                self.messages += 1;
            }
        }
        if self.said > SAID_BYTES_MAX {
            self.heard.flood("more than 64 MiB of messages");
        }
        if self.messages > MESSAGES_MAX {
            self.heard.flood("more than 20,000 messages");
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Bounded<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.heard.flooded().is_some() {
            // To whoever reads it has ended.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
        this.count(&buffer.filled()[before..]);
        if this.heard.flooded().is_some() {
            buffer.set_filled(before);
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads standard error to its end and keeps the last of it.
pub(super) async fn last_words(mut from: impl AsyncRead + Unpin, heard: Arc<Heard>) {
    let mut buffer = [0_u8; 8 << 10];
    let mut said = 0_u64;
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        said += count as u64;
        if said > WORDS_BYTES_MAX {
            return heard.flood("more than 16 MiB on its standard error");
        }
        let mut words = held(&heard.words);
        words.bytes.extend_from_slice(&buffer[..count]);
        let over = words.bytes.len().saturating_sub(WORDS_KEPT);
        words.bytes.drain(..over);
        words.cut |= over > 0;
    }
}
