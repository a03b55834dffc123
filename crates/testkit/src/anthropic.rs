//! A twin of Anthropic's Messages on a loopback socket: its checks of a conversation, its events, answers as the test says, and
//! the ways in which it is known to fail.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::twin::Twin;

mod messages;

pub use crate::http::Seen;

/// What a twin says. The n-th chat gets the n-th answer; beyond the last one every chat is an error.
pub struct Behaviour {
    pub key: String,
    pub models: Vec<String>,
    pub answers: Vec<Answer>,
}

/// What one chat gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A text in pieces of one word.
    Text(String),
    /// Signed reasoning, then a text.
    Reasoned(String, String),
    /// A text, then tool calls `(name, input)`.
    Calls(String, Vec<(String, Value)>),
    /// Another answer, sent as a server sends it that misbehaves in this way.
    But(Vice, Box<Answer>),
}

/// Ways to misbehave.
#[derive(Debug, Clone, PartialEq)]
pub enum Vice {
    /// Pings between all events.
    Pings,
    SingleBytes,
    /// This reason to stop, whatever there is.
    Stops(String),
    /// No `message_stop`.
    NoStop,
    /// Neither a reason to stop nor `message_stop`.
    NoEnd,
    /// After so many events: an `error` of this type.
    ErrorAfter(usize, String),
    /// After the first text: the connection breaks.
    Breaks,
    /// After the first text: silence.
    Stalls,
    /// This input of the usage at the beginning.
    Cached {
        read: u64,
        written: u64,
    },
    /// An HTTP error of this type, and this `Retry-After`.
    Status(u16, String, String, Option<u64>),
    /// No headers until the release.
    Held,
    /// An error that repeats the request's headers.
    Echoes,
    Redirects(String),
    Hangs,
}

impl Behaviour {
    /// For a model called `small` and the key `sk-twin-key`.
    pub fn in_order(answers: impl IntoIterator<Item = Answer>) -> Behaviour {
        Behaviour {
            key: "sk-twin-key".to_owned(),
            models: vec!["small".to_owned()],
            answers: answers.into_iter().collect(),
        }
    }
}

impl Answer {
    pub fn text(text: &str) -> Answer {
        Answer::Text(text.to_owned())
    }

    pub fn calls(text: &str, calls: &[(&str, Value)]) -> Answer {
        let calls = calls
            .iter()
            .map(|(name, input)| ((*name).to_owned(), input.clone()));
        Answer::Calls(text.to_owned(), calls.collect())
    }

    #[must_use]
    pub fn but(self, vice: Vice) -> Answer {
        Answer::But(vice, Box::new(self))
    }

    /// An HTTP error of this type.
    pub fn error(status: u16, kind: &str, message: &str) -> Answer {
        Answer::text("").but(Vice::Status(
            status,
            kind.to_owned(),
            message.to_owned(),
            None,
        ))
    }
}

/// A running twin. It ends with the value.
pub struct AnthropicTwin {
    twin: Twin,
}

impl AnthropicTwin {
    /// Starts a twin on a free port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn start(behaviour: Behaviour) -> AnthropicTwin {
        let answered = AtomicUsize::new(0);
        AnthropicTwin {
            twin: Twin::start(
                |seen| seen.path == "/v1/messages",
                move |seen| {
                    messages::reply(&behaviour, seen, &|| {
                        answered.fetch_add(1, Ordering::SeqCst)
                    })
                },
            ),
        }
    }

    /// Without the version of its routes.
    pub fn url(&self) -> String {
        self.twin.url()
    }

    /// Everything that was asked, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.twin.requests()
    }

    /// The bodies of the chats, in order of arrival.
    pub fn chats(&self) -> Vec<Value> {
        let chats = self.twin.chats().into_iter();
        chats.map(|seen| seen.body).collect()
    }

    /// Lets held answers go, those that come later too.
    pub fn release(&self) {
        self.twin.release();
    }

    /// Blocks until the client has closed that many connections before their answers ended.
    ///
    /// # Panics
    /// When it does not.
    pub fn await_closed(&self, count: usize) {
        self.twin.await_closed(count);
    }
}
