//! What the twins of model servers share: a socket on loopback, the requests that came, answers that are sent, held, cut or
//! stalled. A twin itself is a function from a request to its reply.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::{self, Seen};

/// A test that waits longer than this for the client hangs, and should say so instead.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// What a twin sends.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Whole {
        status: u16,
        kind: &'static str,
        retry_after_s: Option<u64>,
        body: String,
    },
    /// These bytes, each piece as a packet of its own.
    Stream {
        kind: &'static str,
        pieces: Vec<Vec<u8>>,
        end: End,
    },
    /// The same, each piece so long after the request.
    Timed {
        chunks: Vec<(Duration, Vec<u8>)>,
        end: End,
    },
    Redirect(String),
    /// The connection is closed without a byte.
    Hangup,
    /// Not even headers until the release: a request that waits for a slot.
    Held(Box<Reply>),
    /// The same until what it waits for is there.
    Waits(Wait),
    /// Something that is taken until the reply is sent.
    Takes(Taken, Box<Reply>),
}

/// What a request waits for, asked again and again until it is there or its client has gone.
pub(crate) trait Waiting: Send + Sync {
    fn poll(&self) -> Option<Reply>;
    fn gone(&self);
}

#[derive(Clone)]
pub(crate) struct Wait(pub(crate) Arc<dyn Waiting>);

/// Given back when the last of its clones is dropped.
#[derive(Clone)]
pub(crate) struct Taken(#[allow(dead_code, reason = "it is dropped")] pub(crate) Arc<dyn Drops>);

pub(crate) trait Drops: Send + Sync {}

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wait")
    }
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Taken")
    }
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    /// The connection breaks in the middle.
    Cut,
    /// Silence until the client closes the connection.
    Stall,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Reply {
        Reply::Whole {
            status,
            kind: JSON,
            retry_after_s: None,
            body: body.to_string(),
        }
    }
}

/// A running twin. It ends with the value.
pub(crate) struct Twin {
    address: SocketAddr,
    pub(crate) core: Arc<Core>,
    listening: Option<JoinHandle<()>>,
}

/// The state of a running twin.
pub(crate) struct Core {
    /// Which requests are its chats.
    chat: Box<dyn Fn(&Seen) -> bool + Send + Sync>,
    state: Mutex<State>,
    changed: Condvar,
    answer: Box<dyn Fn(&Seen) -> Reply + Send + Sync>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) seen: Vec<Seen>,
    pub(crate) in_flight_most: usize,
    in_flight: usize,
    closed_by_client: usize,
    released: bool,
    /// Nobody answers at its address.
    away: bool,
    ended: bool,
    /// Open ones by number, to end them with the twin.
    connections: BTreeMap<u64, TcpStream>,
}

impl Twin {
    /// Starts a twin on a free port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub(crate) fn start(
        chat: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Twin {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let core = Arc::new(Core {
            chat: Box::new(chat),
            state: Mutex::default(),
            changed: Condvar::new(),
            answer: Box::new(answer),
        });
        let serving = Arc::clone(&core);
        let listening = std::thread::spawn(move || listen(&listener, &serving));
        Twin {
            address,
            core,
            listening: Some(listening),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.core.lock().seen.clone()
    }

    /// The chats, in order of arrival.
    pub(crate) fn chats(&self) -> Vec<Seen> {
        let mut seen = self.requests();
        seen.retain(|seen| self.core.is_chat(seen));
        seen
    }

    /// Lets held answers go, those that come later too.
    pub(crate) fn release(&self) {
        self.core.change(|state| state.released = true);
    }

    /// Its machine is gone, or there again.
    pub(crate) fn goes_away(&self, away: bool) {
        self.core.goes_away(away);
    }

    pub(crate) fn await_chats(&self, count: usize) {
        self.core.await_until("a chat", |state| {
            let chats = state.seen.iter().filter(|seen| self.core.is_chat(seen));
            chats.count() >= count
        });
    }

    pub(crate) fn await_closed(&self, count: usize) {
        self.core
            .await_until("the client to close its connection", |state| {
                state.closed_by_client >= count
            });
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.core.change(|state| {
            state.ended = true;
            state.shut();
        });
        // Wakes the listener, which then sees the end.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl State {
    fn shut(&self) {
        for connection in self.connections.values() {
            // It may be closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Core {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_all();
        changed
    }

    /// Open connections break with it; later ones are closed before a byte is read.
    pub(crate) fn goes_away(&self, away: bool) {
        self.change(|state| {
            state.away = away;
            if away {
                state.shut();
            }
        });
    }

    fn await_until(&self, what: &str, mut reached: impl FnMut(&State) -> bool) {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, |state| !reached(state));
        let timed_out = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(
            !timed_out,
            "the twin waited {} s for {what}",
            PATIENCE.as_secs()
        );
    }

    fn is_chat(&self, seen: &Seen) -> bool {
        seen.method == "POST" && (self.chat)(seen)
    }
}

fn listen(listener: &TcpListener, core: &Arc<Core>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        let Ok(mut stream) = stream else { continue };
        let Ok(own) = stream.try_clone() else {
            continue;
        };
        let (ended, away) = core.change(|state| {
            state.connections.insert(number, own);
            (state.ended, state.away)
        });
        if ended {
            return;
        }
        if away {
            // The client may be gone already.
            let _ = stream.shutdown(Shutdown::Both);
            core.change(|state| state.connections.remove(&number));
            continue;
        }
        let core = Arc::clone(core);
        std::thread::spawn(move || {
            // An error means that the client is gone, which was noted.
            let _ = serve(&mut stream, &core);
            // Other handles are open, so that only this ends the connection.
            let _ = stream.shutdown(Shutdown::Both);
            core.change(|state| state.connections.remove(&number));
        });
    }
}

fn serve(stream: &mut TcpStream, core: &Arc<Core>) -> io::Result<()> {
    let seen = http::read(stream)?;
    let is_chat = core.is_chat(&seen);
    // One step, so that who waits for a chat sees it in flight.
    core.change(|state| {
        if is_chat {
            state.in_flight += 1;
            state.in_flight_most = state.in_flight_most.max(state.in_flight);
        }
        state.seen.push(seen.clone());
    });
    let sent = send(stream, core, (core.answer)(&seen));
    if is_chat {
        core.change(|state| state.in_flight -= 1);
    }
    sent
}

fn send(stream: &mut TcpStream, core: &Arc<Core>, reply: Reply) -> io::Result<()> {
    match reply {
        Reply::Whole {
            status,
            kind,
            retry_after_s,
            body,
        } => http::whole(stream, status, kind, retry_after_s, &body),
        Reply::Redirect(to) => http::redirect(stream, &to),
        Reply::Hangup => Ok(()),
        Reply::Stream { kind, pieces, end } => {
            http::begin(stream, kind)?;
            for piece in pieces {
                let written = http::piece(stream, &piece);
                // A client that is gone while it is written to has closed its connection.
                if written.is_err() && end == End::Whole {
                    core.change(|state| state.closed_by_client += 1);
                }
                written?;
            }
            match end {
                End::Whole => http::end(stream),
                End::Cut => Ok(()),
                End::Stall => {
                    http::await_close(stream);
                    core.change(|state| state.closed_by_client += 1);
                    Ok(())
                }
            }
        }
        Reply::Waits(wait) => match waited(stream, core, &wait)? {
            Some(then) => send(stream, core, then),
            None => {
                core.change(|state| state.closed_by_client += 1);
                Ok(())
            }
        },
        Reply::Takes(taken, then) => {
            let sent = send(stream, core, *then);
            drop(taken);
            sent
        }
        Reply::Timed { chunks, end } => {
            let begun = Instant::now();
            http::begin(stream, "application/octet-stream")?;
            for (at, piece) in chunks {
                std::thread::sleep(at.saturating_sub(begun.elapsed()));
                http::piece(stream, &piece)?;
            }
            match end {
                End::Whole => http::end(stream),
                End::Cut | End::Stall => Ok(()),
            }
        }
        Reply::Held(then) => {
            if hold(stream, core)? {
                return send(stream, core, *then);
            }
            core.change(|state| state.closed_by_client += 1);
            Ok(())
        }
    }
}

/// How often what a request waits for is asked for.
const POLL: Duration = Duration::from_millis(2);

/// Waits for what a request waits for; `None` when the client closed the connection before, or the twin has ended.
fn waited(stream: &TcpStream, core: &Arc<Core>, wait: &Wait) -> io::Result<Option<Reply>> {
    if let Some(reply) = wait.0.poll() {
        return Ok(Some(reply));
    }
    let gone = Arc::new(AtomicBool::new(false));
    let mut watched = stream.try_clone()?;
    let watcher = Arc::clone(&gone);
    // Ends with the connection, which ends at the latest with the twin.
    std::thread::spawn(move || {
        http::await_close(&mut watched);
        watcher.store(true, Ordering::SeqCst);
    });
    loop {
        if gone.load(Ordering::SeqCst) || core.lock().ended {
            wait.0.gone();
            return Ok(None);
        }
        if let Some(reply) = wait.0.poll() {
            return Ok(Some(reply));
        }
        let slept = core.changed.wait_timeout(core.lock(), POLL);
        drop(slept);
    }
}

/// Waits for the release; false when the client closed the connection before.
fn hold(stream: &TcpStream, core: &Arc<Core>) -> io::Result<bool> {
    let gone = Arc::new(AtomicBool::new(false));
    let mut watched = stream.try_clone()?;
    let (watcher_gone, watcher_core) = (Arc::clone(&gone), Arc::clone(core));
    // Ends with the connection, which ends at the latest with the twin.
    std::thread::spawn(move || {
        http::await_close(&mut watched);
        watcher_core.change(|_| watcher_gone.store(true, Ordering::SeqCst));
    });
    let is_gone = || gone.load(Ordering::SeqCst);
    let waiting = core.changed.wait_while(core.lock(), |state| {
        !state.released && !state.ended && !is_gone()
    });
    let state = waiting.unwrap_or_else(PoisonError::into_inner);
    Ok(state.released && !is_gone())
}
