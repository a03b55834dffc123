//! A twin of whoever takes webhooks: keeps what came, and answers as it is told, also in all the wrong ways.

use std::sync::{Arc, Mutex, PoisonError};

pub use crate::http::Seen;
use crate::twin::{End, JSON, Reply, Twin};

/// How a receiver answers one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Take {
    /// It takes it, as Slack says that: `ok` in plain text.
    Ok,
    /// A status, and what it asks to be waited for.
    Status(u16, Option<u64>),
    /// It sends the client elsewhere.
    Redirect(String),
    /// It reads the request and closes the connection without a word.
    Hangup,
    /// It says nothing until the client goes.
    Hang,
    /// It says yes and then never stops talking: so many bytes.
    Endless(usize),
}

/// A running receiver.
pub struct Receiver {
    twin: Twin,
    next: Arc<Mutex<Script>>,
}

struct Script {
    /// What comes next, first to last; then `then` for ever.
    first: std::collections::VecDeque<Take>,
    then: Take,
}

impl Receiver {
    /// One that answers with these, and then takes everything.
    pub fn start(first: impl IntoIterator<Item = Take>) -> Receiver {
        let script = Script {
            first: first.into_iter().collect(),
            then: Take::Ok,
        };
        let next = Arc::new(Mutex::new(script));
        let script = Arc::clone(&next);
        let twin = Twin::start(|_| true, move |_| reply(take(&script)));
        Receiver { twin, next }
    }

    /// From now on it answers so.
    pub fn answers(&self, take: Take) {
        let mut script = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        script.first.clear();
        script.then = take;
    }

    /// An address with a path that is a secret, as Slack's is.
    pub fn url(&self) -> String {
        format!("{}/services/T000/B000/s3cr3tp4th", self.twin.url())
    }

    /// All requests, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.twin.requests()
    }

    /// Waits until so many have come.
    pub fn await_requests(&self, count: usize) -> Vec<Seen> {
        self.twin.await_chats(count);
        self.twin.requests()
    }
}

fn take(script: &Mutex<Script>) -> Take {
    let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
    let then = script.then.clone();
    script.first.pop_front().unwrap_or(then)
}

fn reply(take: Take) -> Reply {
    let whole = |status, kind, retry_after_s, body: &str| Reply::Whole {
        status,
        kind,
        retry_after_s,
        body: body.to_owned(),
    };
    match take {
        Take::Ok => whole(200, "text/plain", None, "ok"),
        Take::Status(status, wait) => whole(status, JSON, wait, "{\"error\":\"no\"}"),
        Take::Redirect(to) => Reply::Redirect(to),
        Take::Hangup => Reply::Hangup,
        Take::Hang => Reply::Held(Box::new(Reply::Hangup)),
        Take::Endless(bytes) => Reply::Stream {
            kind: "text/plain",
            pieces: vec![vec![b'x'; 1 << 16]; bytes.div_ceil(1 << 16)],
            end: End::Whole,
        },
    }
}
