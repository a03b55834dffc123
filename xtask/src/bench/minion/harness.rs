//! Who is measured, and what was seen of him.

use super::peers::Peer;
use super::script::{Gaps, SCRIPT};
use super::tree::Part;
use super::twin::Chat;
use crate::program::Error;
use std::time::Duration;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harness {
    /// As it comes: the project's test runs after each change.
    Alai,
    /// With a blueprint whose agent runs tests by itself alone, as others do.
    AlaiUnchecked,
    Peer(Peer),
}

/// What all rounds of one harness gave.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) first: Vec<Duration>,
    pub(super) gaps: Gaps,
    pub(super) bytes: usize,
    pub(super) tools: usize,
    pub(super) pss_kib: u64,
}

/// One run of one harness.
pub(super) struct Once {
    /// From the start of the process to the first request of the work itself, without what the model took to say what sort of task it is.
    pub(super) first: Duration,
    pub(super) chats: Vec<Chat>,
    /// All its processes when they held most together; empty where memory was not looked at.
    pub(super) most: Vec<Part>,
}

impl Harness {
    pub(super) fn slug(self) -> String {
        match self {
            Harness::Alai => "alai".to_owned(),
            Harness::AlaiUnchecked => "alai-unchecked".to_owned(),
            Harness::Peer(peer) => peer.name().split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Harness::Alai => "alai minion run, tests after each change",
            Harness::AlaiUnchecked => "alai minion run, tests at the end",
            Harness::Peer(peer) => peer.name(),
        }
    }

    pub(super) fn sandbox(self) -> &'static str {
        match self {
            Harness::Alai | Harness::AlaiUnchecked => "on",
            Harness::Peer(peer) => peer.sandbox(),
        }
    }
}

impl Seen {
    pub(super) fn add(&mut self, once: &Once) -> Result<(), Error> {
        self.first.push(once.first);
        for pair in once.chats.windows(2) {
            let [before, after] = pair else { continue };
            if let (Some(turn), Some(next)) = (before.turn, after.turn)
                && next == turn + 1
            {
                let gap = after.came.saturating_duration_since(before.answered);
                self.gaps.add(SCRIPT[turn], gap);
            }
        }
        let with_tools = once.chats.iter().find(|chat| chat.tools > 0);
        let with_tools =
            with_tools.ok_or_else(|| Error::Answer("no request offered a tool".to_owned()))?;
        (self.bytes, self.tools) = (with_tools.bytes, with_tools.tools);
        Ok(())
    }
}
