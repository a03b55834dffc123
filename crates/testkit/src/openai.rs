//! A twin of llama-server on a loopback socket, which can also pass for vLLM or LM Studio: the routes and errors of llama.cpp's
//! `tools/server`, answers as the test says, and every way in which such servers are known to misbehave.
//!
//! What a real server checks before it answers is checked here too: the key, the model's name, tools without a parser, a prompt
//! longer than the window; and a stop word ends a text.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::twin::Twin;

mod chunks;
mod router;
mod routes;

pub use crate::http::Seen;
pub use router::{Router, Turn};

/// Whose routes and words it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    LlamaServer,
    Vllm,
    LmStudio,
}

/// What a twin has and says.
pub struct Behaviour {
    pub kind: Kind,
    pub models: Vec<String>,
    /// How many each of them has, as llama-server says it.
    pub parameters: u64,
    /// The window of one slot, in tokens.
    pub n_ctx: u32,
    pub slots: u32,
    /// Of its tokenizer.
    pub chars_per_token: usize,
    /// The bearer token that it wants.
    pub key: Option<String>,
    /// So many requests are answered `Loading model` before it is ready.
    pub loading: usize,
    /// Was started with a parser of tool calls.
    pub tools: bool,
    /// Was started with `--context-shift`: drops the oldest tokens of a prompt that does not fit and says nothing.
    pub shifts: bool,
    /// Was started to make vectors.
    pub embeds: bool,
    /// Was started without a model: it holds several, and loads them by word.
    pub router: Option<Router>,
    /// Routes that it does not give to us, with the status of its refusal: `--no-slots`, or a proxy before it.
    pub closed: Vec<(&'static str, u16)>,
    /// Routes that are not answered before the release.
    pub slow: Vec<&'static str>,
    /// Models that LM Studio lists and has not loaded.
    pub unloaded: Vec<String>,
    /// llama-server has let its memory go until the next request.
    pub sleeps: bool,
    pub answers: Answers,
}

/// Where the answers of a twin come from.
pub enum Answers {
    /// The n-th chat gets the n-th answer; beyond the last one every chat is an error.
    InOrder(Vec<Answer>),
    By(Box<dyn Fn(&Value) -> Answer + Send + Sync>),
}

/// What one chat gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A text in pieces of one word.
    Text(String),
    /// Reasoning, then a text.
    Reasoned(String, String),
    /// Tool calls `(name, arguments)`, their arguments in pieces of a few characters.
    Calls(Vec<(String, Value)>),
    /// These chunks, as `data`, and the closing mark.
    Chunks(Vec<Value>),
    /// These bytes, each piece as a packet of its own.
    Pieces(Vec<Vec<u8>>),
    /// Another answer, sent as a server sends it that misbehaves in this way.
    But(Vice, Box<Answer>),
}

/// Ways to misbehave. The first part changes a good stream, the second ends it, the third puts something in its place.
#[derive(Debug, Clone, PartialEq)]
pub enum Vice {
    /// Comments between all events, as a proxy or a slow prompt makes them.
    Pings,
    /// CR LF at the end of each line.
    CrLf,
    /// One byte in a packet.
    SingleBytes,
    /// Calls without ids.
    NoIds,
    /// Every call has number 0.
    SameIndex,
    /// `reasoning` in place of `reasoning_content`.
    Reasoning,
    /// No counts of any kind.
    NoCounts,
    /// These counts, whatever was read and written.
    Counts(Value),
    /// All of it at once, as if no stream had been asked for.
    NoStream,

    /// No `[DONE]`.
    NoDone,
    /// No `finish_reason`.
    NoReason,
    /// Neither of them.
    NoEnd,
    /// This `finish_reason`, whatever there is.
    Ends(String),
    /// After the first text: this error as `data: {"error": ..}`, and the end.
    ErrorInside(Value),
    /// After the first text: the connection breaks.
    Breaks,
    /// After the first text: silence.
    Stalls,
    /// After the last text: pings without end of the call, until the client closes.
    PingsForEver,
    /// Silence behind `finish_reason`, without `[DONE]` and without closing.
    StallsAtTheEnd,

    /// No headers until the release.
    Held,
    /// An HTTP error with this body, and this `Retry-After`.
    Status(u16, Value, Option<u64>),
    /// A page of HTML with HTTP 200.
    Page,
    /// An error that repeats the request's headers.
    Echoes,
    Redirects(String),
    Hangs,
}

impl Behaviour {
    /// Gives the n-th chat the n-th answer, as a llama-server with a model called `small`.
    pub fn in_order(answers: impl IntoIterator<Item = Answer>) -> Behaviour {
        Behaviour::new(Answers::InOrder(answers.into_iter().collect()))
    }

    /// Answers each chat by its request's body.
    pub fn by(answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> Behaviour {
        Behaviour::new(Answers::By(Box::new(answer)))
    }

    fn new(answers: Answers) -> Behaviour {
        Behaviour {
            kind: Kind::LlamaServer,
            models: vec!["small".to_owned()],
            parameters: 8_190_735_360,
            n_ctx: 16_384,
            slots: 2,
            chars_per_token: 4,
            key: None,
            loading: 0,
            tools: true,
            shifts: false,
            embeds: false,
            router: None,
            closed: Vec::new(),
            slow: Vec::new(),
            unloaded: Vec::new(),
            sleeps: false,
            answers,
        }
    }
}

impl Answer {
    pub fn text(text: &str) -> Answer {
        Answer::Text(text.to_owned())
    }

    pub fn calls(calls: &[(&str, Value)]) -> Answer {
        let owned = calls
            .iter()
            .map(|(name, arguments)| ((*name).to_owned(), arguments.clone()));
        Answer::Calls(owned.collect())
    }

    #[must_use]
    pub fn but(self, vice: Vice) -> Answer {
        Answer::But(vice, Box::new(self))
    }

    /// An error in the words of llama-server.
    pub fn error(status: u16, kind: &str, message: &str) -> Answer {
        let body = json!({"error": {"code": status, "message": message, "type": kind}});
        Answer::text("").but(Vice::Status(status, body, None))
    }
}

/// A running twin. It ends with the value.
pub struct OpenaiTwin {
    twin: Twin,
    held: Arc<router::Held>,
}

impl OpenaiTwin {
    /// Starts a twin on a free port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn start(behaviour: Behaviour) -> OpenaiTwin {
        let (asked, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let held: Arc<router::Held> = Arc::default();
        let own = Arc::clone(&held);
        OpenaiTwin {
            held,
            twin: Twin::start(
                |seen| seen.path == "/v1/chat/completions",
                move |seen| {
                    // llama-server opens its port before it has loaded its model, and refuses every route till then.
                    let loading = asked.fetch_add(1, Ordering::SeqCst) < behaviour.loading;
                    routes::reply(&behaviour, seen, loading, &own, &answered)
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

    /// What happened to a router's models.
    pub fn turns(&self) -> Vec<Turn> {
        self.held.turns()
    }

    /// Lets held answers go, those that come later too.
    pub fn release(&self) {
        self.twin.release();
    }

    /// Its machine is gone: open connections break, and no later one is answered; or it is there again.
    pub fn goes_away(&self, away: bool) {
        self.twin.goes_away(away);
    }

    /// Blocks until the client has closed that many connections before their answers ended.
    ///
    /// # Panics
    /// When it does not.
    pub fn await_closed(&self, count: usize) {
        self.twin.await_closed(count);
    }
}
