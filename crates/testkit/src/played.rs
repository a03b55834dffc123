//! A twin that sends what it was given, in order: a recording, for instance, byte by byte and in its own time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::twin::{End, Reply, Twin};

pub use crate::http::Seen;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    pub status: u16,
    /// Each as a packet of its own, so long after the request.
    pub chunks: Vec<(Duration, Vec<u8>)>,
    /// The connection breaks behind them.
    pub breaks: bool,
}

/// A running twin. It ends with the value.
pub struct PlayedTwin {
    twin: Twin,
}

impl PlayedTwin {
    /// Starts a twin on a free port of loopback. The n-th POST gets the n-th answer, beyond them a 500.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn start(answers: impl IntoIterator<Item = Played>) -> PlayedTwin {
        let answers: Mutex<VecDeque<Played>> = Mutex::new(answers.into_iter().collect());
        let is_post = |seen: &Seen| seen.method == "POST";
        PlayedTwin {
            twin: Twin::start(is_post, move |seen| {
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                match is_post(seen).then(|| answers.pop_front()).flatten() {
                    Some(played) => reply(played),
                    None => Reply::json(
                        500,
                        &serde_json::json!({"error": "nothing is left to play"}),
                    ),
                }
            }),
        }
    }

    pub fn url(&self) -> String {
        self.twin.url()
    }

    /// Everything that was asked, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.twin.requests()
    }
}

fn reply(played: Played) -> Reply {
    if played.status != 200 {
        let body: Vec<u8> = played.chunks.into_iter().flat_map(|(_, b)| b).collect();
        return Reply::Whole {
            status: played.status,
            kind: crate::twin::JSON,
            retry_after_s: None,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
    }
    Reply::Timed {
        chunks: played.chunks,
        end: match played.breaks {
            true => End::Cut,
            false => End::Whole,
        },
    }
}
