//! Servers of the Model Context Protocol as one tool of an agent.
//!
//! A server is started at its first use, by whoever lends it, in a cage of its own. What it says is a stranger's: bounded,
//! cleaned and marked as data. One that hangs, floods or ends is told of and started once more; then it is off for the run.
//! It never ends the run.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod judge;
mod seat;
mod told;
mod wire;

use std::collections::BTreeMap;

use alai_core::mcp::Offer;
use alai_workspace::command::Cancel;
use serde_json::{Map, Value};

use seat::Seat;
pub use wire::Started;

/// What the caller lends a run.
#[derive(Clone, Copy)]
pub struct Servers<'a> {
    /// Which servers the run's role may ask, and for which of their tools. None where the list is empty.
    pub offers: &'a [Offer],
    /// Starts one of them; why it cannot, in words for the agent.
    pub start: &'a dyn Fn(&str) -> Result<Started, String>,
    pub patience: Patience,
}

/// How long a server is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Seconds until it has greeted us: Node and Python read a lot before they say anything, and a busy machine is slow.
    pub start_s: u64,
    /// Seconds of one call, and of listing its tools.
    pub call_s: u64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            start_s: 60,
            // As most clients of the protocol have it, twice: there is nobody to press a key.
            call_s: 120,
        }
    }
}

/// A call of the tool `mcp`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) server: String,
    /// None lists the server's tools.
    pub(crate) tool: Option<String>,
    pub(crate) arguments: Map<String, Value>,
    /// Whether no recorded message of a model holds the arguments: what asks may be any program of the cage.
    pub(crate) unheard: bool,
}

/// What came of it, for the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) error: bool,
}

/// What happened at a server, for the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) server: String,
    /// `started`, `listed`, `called`, `asked`, `ended` or `refused`.
    pub(crate) what: &'static str,
    pub(crate) tool: Option<String>,
    /// Bounded; a stranger's words are among them.
    pub(crate) detail: String,
    /// SHA-256 of the arguments as JSON.
    pub(crate) arguments_sha256: Option<String>,
    /// Bytes of the answer as it was before it was cut.
    pub(crate) bytes: u64,
    pub(crate) error: bool,
    pub(crate) duration_ms: i64,
}

/// All servers of one run.
#[derive(Default)]
pub(crate) struct Seats<'a> {
    seats: BTreeMap<String, Seat<'a>>,
    notes: Vec<Note>,
}

impl<'a> Seats<'a> {
    pub(crate) fn new(servers: Option<Servers<'a>>) -> Seats<'a> {
        let offered = servers.iter().flat_map(|lent| lent.offers);
        let start = servers.map(|lent| (lent.start, lent.patience));
        let seats = offered.filter_map(|offer| {
            let (start, patience) = start?;
            Some((offer.server.clone(), Seat::new(offer, start, patience)))
        });
        Seats {
            seats: seats.collect(),
            notes: Vec::new(),
        }
    }

    /// The names of those that may be asked.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.seats.keys().map(String::as_str).collect()
    }

    /// The tools of one server that may be called, as the protocol lists them.
    ///
    /// # Errors
    /// Why there is no list, in words for the agent.
    pub(crate) fn offered(
        &mut self,
        server: &str,
        left_s: u64,
        cancel: &Cancel,
    ) -> Result<Vec<Value>, Said> {
        match self.seats.get_mut(server) {
            Some(seat) => seat.offered(left_s, cancel, &mut self.notes),
            None => Err(Said {
                text: told::unknown_server(server, &self.names()),
                error: true,
            }),
        }
    }

    /// Writes down a server that is offered and cannot be given to who works now.
    pub(crate) fn withhold(&mut self, server: &str, why: &str) {
        self.notes.push(Note {
            server: server.to_owned(),
            what: "refused",
            detail: why.to_owned(),
            error: true,
            ..Note::default()
        });
    }

    /// Does what a call wishes, within so many seconds.
    pub(crate) fn ask(&mut self, wish: &Wish, left_s: u64, cancel: &Cancel) -> Said {
        let Some(seat) = self.seats.get_mut(&wish.server) else {
            let why = told::unknown_server(&wish.server, &self.names());
            self.notes.push(Note {
                server: told::name(&wish.server),
                what: "refused",
                tool: wish.tool.as_deref().map(told::name),
                detail: "no such server is offered".to_owned(),
                error: true,
                ..Note::default()
            });
            return Said {
                text: why,
                error: true,
            };
        };
        seat.ask(wish, left_s, cancel, &mut self.notes)
    }

    /// What happened since it was asked last.
    pub(crate) fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Ends all that run.
    pub(crate) fn close(&mut self) {
        for seat in self.seats.values_mut() {
            seat.close("the run is over", &mut self.notes);
        }
    }
}
