//! A twin of Ollama on a loopback socket: the routes and the errors of its `server/routes.go`, answers as the test says.
//!
//! What a real server checks before it answers is checked here too: an unknown model is 404, tools or thinking that the model
//! lacks are 400, a stop word ends a text, and a prompt longer than `num_ctx` is 400 with `truncate: false` and cut in silence without it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::twin::Twin;

mod memory;
mod routes;

pub use self::memory::Turn;
pub use crate::http::Seen;

/// What a twin has and says.
pub struct Behaviour {
    pub version: String,
    pub models: Vec<TwinModel>,
    /// Cuts an over-long prompt even when told not to, as servers before `truncate` do.
    pub cuts_silently: bool,
    /// Bytes that its models may take together.
    pub memory: u64,
    /// Chats of one model that are answered at once; more wait without a header. `None` for no such limit.
    pub slots: Option<usize>,
    /// Says `ok` when it is asked for a first word, as any model that works, and does not count that among its chats.
    pub says_ok: bool,
    answers: Answers,
}

enum Answers {
    /// The n-th chat gets the n-th answer; beyond the last one every chat is an error.
    InOrder(Vec<Answer>),
    By(Box<dyn Fn(&Value) -> Answer + Send + Sync>),
}

/// A model of a twin.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinModel {
    pub name: String,
    pub billions: f64,
    pub context_max: u32,
    pub capabilities: Vec<String>,
    /// Set for a model that runs elsewhere.
    pub remote_host: Option<String>,
}

/// What one chat gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// These lines as one stream. Counts that a closing line lacks are filled in.
    Lines(Vec<Value>),
    /// These bytes, each piece as a packet of its own.
    Pieces(Vec<Vec<u8>>),
    /// These lines, then the connection breaks in the middle of the stream.
    CutAfter(Vec<Value>),
    /// These lines, then silence until the client closes the connection.
    StallAfter(Vec<Value>),
    /// Not even headers until `OllamaTwin::release`: a request that waits for a slot.
    Held(Box<Answer>),
    /// An HTTP error.
    Status(u16, String),
    /// Another address, which a client must not follow with code in its hands.
    Redirect(String),
    /// The connection is closed without a byte.
    Hangup,
}

/// A running twin. It ends with the value.
pub struct OllamaTwin {
    twin: Twin,
    shared: Arc<Shared>,
}

struct Shared {
    behaviour: Behaviour,
    memory: memory::Memory,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Chats that were given to the answers.
    answered: usize,
}

impl Behaviour {
    /// Gives the n-th chat the n-th answer, from a model called `small` that can do everything.
    pub fn in_order(answers: impl IntoIterator<Item = Answer>) -> Behaviour {
        Behaviour::new(Answers::InOrder(answers.into_iter().collect()))
    }

    /// Answers each chat by its request's body.
    pub fn by(answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> Behaviour {
        Behaviour::new(Answers::By(Box::new(answer)))
    }

    fn new(answers: Answers) -> Behaviour {
        Behaviour {
            version: "0.33.0".to_owned(),
            models: vec![TwinModel::new("small", 8.0)],
            cuts_silently: false,
            memory: u64::MAX,
            slots: None,
            says_ok: true,
            answers,
        }
    }

    #[must_use]
    pub fn models(self, models: impl IntoIterator<Item = TwinModel>) -> Behaviour {
        Behaviour {
            models: models.into_iter().collect(),
            ..self
        }
    }

    /// The same on a host with so many bytes for models, each of which answers so many chats at once.
    #[must_use]
    pub fn sized(self, memory: u64, slots: usize) -> Behaviour {
        Behaviour {
            memory,
            slots: Some(slots),
            ..self
        }
    }

    /// First words are chats like others, answered as the test says.
    #[must_use]
    pub fn hearing_first_words(self) -> Behaviour {
        Behaviour {
            says_ok: false,
            ..self
        }
    }

    #[must_use]
    pub fn cutting_silently(self) -> Behaviour {
        Behaviour {
            cuts_silently: true,
            ..self
        }
    }
}

impl TwinModel {
    /// A model that chats, calls tools and thinks.
    pub fn new(name: &str, billions: f64) -> TwinModel {
        TwinModel {
            name: name.to_owned(),
            billions,
            context_max: 40_960,
            capabilities: ["completion", "tools", "thinking"]
                .map(str::to_owned)
                .to_vec(),
            remote_host: None,
        }
    }

    /// Bytes of its file, and what it takes while it is loaded.
    pub fn bytes(&self) -> u64 {
        (self.billions * 6e8) as u64
    }

    /// The same with exactly these capabilities.
    #[must_use]
    pub fn only(self, capabilities: &[&str]) -> TwinModel {
        TwinModel {
            capabilities: capabilities.iter().map(|&name| name.to_owned()).collect(),
            ..self
        }
    }
}

impl Answer {
    /// A text in pieces of one word, and the closing line.
    pub fn text(text: &str) -> Answer {
        let mut lines: Vec<_> = text
            .split_inclusive(' ')
            .map(|piece| Answer::line(json!({ "content": piece })))
            .collect();
        lines.push(Answer::done("stop"));
        Answer::Lines(lines)
    }

    /// Tool calls `(name, arguments)` in one line, as models that Ollama renders send them, and the closing line.
    pub fn calls(calls: &[(&str, Value)]) -> Answer {
        let calls: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(n, (name, arguments))| {
                json!({"id": format!("call_twin_{n}"),
                    "function": {"index": n, "name": name, "arguments": arguments}})
            })
            .collect();
        Answer::Lines(vec![
            Answer::line(json!({"content": "", "tool_calls": calls})),
            Answer::done("stop"),
        ])
    }

    /// A line with these fields of a message.
    pub fn line(message: Value) -> Value {
        let mut message = message;
        message["role"] = json!("assistant");
        json!({"message": message, "done": false})
    }

    /// A closing line.
    pub fn done(reason: &str) -> Value {
        json!({"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": reason})
    }

    /// What a full queue answers, word for word.
    pub fn busy() -> Answer {
        Answer::error(
            503,
            "server busy, please try again.  maximum pending requests exceeded",
        )
    }

    /// An error as Ollama words it.
    pub fn error(status: u16, text: &str) -> Answer {
        Answer::Status(status, json!({ "error": text }).to_string())
    }

    #[must_use]
    pub fn held(self) -> Answer {
        Answer::Held(Box::new(self))
    }
}

impl OllamaTwin {
    /// Starts a twin on a free port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn start(behaviour: Behaviour) -> OllamaTwin {
        let shared = Arc::new(Shared {
            behaviour,
            memory: memory::Memory::default(),
            state: Mutex::default(),
        });
        let (answering, says_ok) = (Arc::clone(&shared), shared.behaviour.says_ok);
        OllamaTwin {
            twin: Twin::start(
                move |seen| is_chat(seen, says_ok),
                move |seen| routes::reply(&answering, seen),
            ),
            shared,
        }
    }

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

    /// How often a model was loaded again because the options of its runner had changed.
    pub fn reloads(&self) -> usize {
        self.shared.memory.reloads()
    }

    /// What happened in its memory: loads, unloads, evictions and chats in their order.
    pub fn turns(&self) -> Vec<Turn> {
        self.shared.memory.turns()
    }

    /// The most chats that were answered at the same time.
    pub fn busy_most(&self) -> usize {
        self.shared.memory.busy_most()
    }

    /// The most bytes of models that it held at the same time.
    pub fn bytes_most(&self) -> u64 {
        self.shared.memory.bytes_most()
    }

    /// Loads do not end any more, or do again.
    pub fn loads_stand_still(&self, still: bool) {
        self.shared.memory.stand_still(still);
    }

    /// Loads fail with this error, or succeed again.
    pub fn loads_fail(&self, error: Option<&str>) {
        self.shared.memory.fail(error);
    }

    /// Models that are told to go stay in the list (`Stopping...`), or are gone at last.
    pub fn models_hang_when_they_go(&self, hang: bool) {
        self.shared.memory.hang(hang);
    }

    /// Another program has a model of so many bytes loaded, or with `None` sends one away.
    pub fn somebody_holds(&self, model: &str, bytes: Option<u64>) {
        self.shared.memory.set(model, bytes);
    }

    /// The most chats that were open at the same time.
    pub fn in_flight_most(&self) -> usize {
        self.twin.core.lock().in_flight_most
    }

    /// Lets held answers go, those that come later too.
    pub fn release(&self) {
        self.twin.release();
    }

    /// Blocks until that many chats have arrived.
    ///
    /// # Panics
    /// When they do not come.
    pub fn await_chats(&self, count: usize) {
        self.twin.await_chats(count);
    }

    /// Blocks until the client has closed that many connections before their answers ended.
    ///
    /// # Panics
    /// When it does not.
    pub fn await_closed(&self, count: usize) {
        self.twin.await_closed(count);
    }
}

/// A chat without messages only loads or unloads.
fn is_chat(seen: &Seen, says_ok: bool) -> bool {
    let said = seen.body["messages"].as_array();
    let only_looks = said.is_some_and(Vec::is_empty) || (says_ok && is_first_word(&seen.body));
    seen.path == "/api/chat" && !only_looks
}

/// The request that a model is looked at with.
fn is_first_word(body: &Value) -> bool {
    body["messages"][0]["content"] == "Answer with the word: ok"
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
