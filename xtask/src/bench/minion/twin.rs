//! A model's server on a loopback socket that says what the script says, in the wire of whoever asks, and writes down when
//! each request came and when its answer left.

use super::dialect::{self, Wire};
use super::script::{SCRIPT, Turn};
use crate::program::Error;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A harness sends its history with each request; none of those measured comes near.
const BODY_BYTES_MAX: usize = 16 << 20;
/// How long each answer takes. No model is faster; what a harness does meanwhile costs nobody anything.
const THINKS: Duration = Duration::from_millis(50);
/// A client that sends half a request and then nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// One chat request as it came.
#[derive(Debug, Clone)]
pub(super) struct Chat {
    /// When its last byte had come.
    pub(super) came: Instant,
    /// When the last byte of its answer had been given to the socket.
    pub(super) answered: Instant,
    /// Of its body.
    pub(super) bytes: usize,
    /// How many tools it offers.
    pub(super) tools: usize,
    /// It asks what sort of task it is.
    pub(super) asks_class: bool,
    /// The turn of the script that it was answered with; `None` for what stands outside of it, such as a plan or a title.
    pub(super) turn: Option<usize>,
    /// As it came, for who does not understand a figure.
    pub(super) body: String,
}

/// A running server. Its threads end with the process.
pub(super) struct Twin {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the harness works: some want absolute paths.
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    chats: Vec<Chat>,
    /// Paths that nobody here knows, for the error's words.
    unknown: Vec<String>,
}

impl Twin {
    pub(super) fn start(folder: PathBuf) -> Result<Twin, Error> {
        let failed = |e: io::Error| Error::Answer(format!("cannot listen on loopback: {e}"));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            folder,
            state: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that goes away is no concern of the others.
                thread::spawn(move || drop(connection(stream, &shared)));
            }
        });
        Ok(Twin { address, shared })
    }

    /// The chats up to now, in the order in which they came.
    pub(super) fn chats(&self) -> Vec<Chat> {
        self.shared.state().chats.clone()
    }

    /// Whether the last turn of the script has been asked for.
    pub(super) fn ended(&self) -> bool {
        let last = SCRIPT.len() - 1;
        self.shared
            .state()
            .chats
            .iter()
            .any(|c| c.turn == Some(last))
    }

    /// What was asked for beside chats and is not known here.
    pub(super) fn unknown(&self) -> Vec<String> {
        self.shared.state().unknown.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Request {
    path: String,
    body: Vec<u8>,
    came: Instant,
    close: bool,
}

fn connection(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(request) = read(&mut reader, &mut writer)? {
        let path = request.path.split('?').next().unwrap_or_default();
        match Wire::of(path) {
            Some(wire) => chat(&mut writer, shared, wire, &request)?,
            None => aside(&mut writer, shared, path)?,
        }
        if request.close {
            break;
        }
    }
    Ok(())
}

fn chat(writer: &mut TcpStream, shared: &Shared, wire: Wire, request: &Request) -> io::Result<()> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let tools = body["tools"].as_array().map_or(0, Vec::len);
    // Taken before the answer leaves, so that no second request can come in between.
    let (index, turn) = {
        let mut state = shared.state();
        let turn = (tools > 0).then(|| state.chats.iter().filter(|c| c.turn.is_some()).count());
        state.chats.push(Chat {
            came: request.came,
            answered: request.came,
            bytes: request.body.len(),
            tools,
            asks_class: dialect::asks_class(&body),
            turn,
            body: String::from_utf8_lossy(&request.body).into_owned(),
        });
        (state.chats.len() - 1, turn)
    };
    let said = match turn {
        Some(turn) => SCRIPT.get(turn).copied().unwrap_or(Turn::Done),
        None if dialect::asks_class(&body) => Turn::Class,
        None => Turn::Plan,
    };
    let stream = body["stream"].as_bool().unwrap_or(false);
    let (kind, text) =
        dialect::answer(wire, said, turn.unwrap_or(0), stream, &shared.folder, &body);
    // What sort of task it is, is asked while the work is prepared: a model's own time for it would stand in the figure of the
    // preparation.
    if !matches!(said, Turn::Class) {
        thread::sleep(THINKS);
    }
    let sent = send(writer, 200, kind, text.as_bytes());
    shared.state().chats[index].answered = Instant::now();
    sent
}

/// What a client asks before it chats.
fn aside(writer: &mut TcpStream, shared: &Shared, path: &str) -> io::Result<()> {
    match dialect::about(path) {
        Some(json) => send(writer, 200, "application/json", json.to_string().as_bytes()),
        None => {
            shared.state().unknown.push(path.to_owned());
            send(writer, 404, "application/json", b"{\"error\":\"not here\"}")
        }
    }
}

fn send(writer: &mut TcpStream, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
    let reason = if status == 200 { "OK" } else { "Not Found" };
    let mut bytes = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    writer.write_all(&bytes)
}

/// One request; `None` where the client has closed the connection.
fn read(reader: &mut BufReader<TcpStream>, writer: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut chunked, mut close) = (0usize, false, false);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        let value = value.trim().to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "transfer-encoding" => chunked = value.contains("chunked"),
            "connection" => close = value == "close",
            "expect" => writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
            _ => {}
        }
    }
    let body = if chunked {
        pieces(reader)?
    } else {
        let mut body = vec![0; length.min(BODY_BYTES_MAX)];
        reader.read_exact(&mut body)?;
        body
    };
    Ok(Some(Request {
        path,
        body,
        came: Instant::now(),
        close,
    }))
}

/// A body in chunks (RFC 9112, section 7.1).
fn pieces(reader: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if body.len() + size > BODY_BYTES_MAX {
            return Err(io::Error::other("a body without end"));
        }
        let from = body.len();
        body.resize(from + size, 0);
        reader.read_exact(&mut body[from..])?;
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(address: SocketAddr, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn chats_with_tools_follow_the_script_and_others_do_not() {
        let twin = Twin::start(PathBuf::from("/repo")).unwrap();
        let plan = post(twin.address, "/api/chat", r#"{"messages":[],"format":{}}"#);
        assert!(plan.contains("approach"), "{plan}");
        let tools = r#"{"tools":[{"name":"read"}],"stream":true}"#;
        let first = post(twin.address, "/api/chat", tools);
        assert!(first.contains("f0.txt"), "{first}");
        let second = post(twin.address, "/api/chat", tools);
        assert!(second.contains("f1.txt"), "{second}");
        let chats = twin.chats();
        let turns: Vec<_> = chats.iter().map(|c| c.turn).collect();
        assert_eq!(turns, [None, Some(0), Some(1)]);
        assert!(chats.iter().all(|c| c.answered >= c.came));
        assert_eq!(chats[1].bytes, tools.len());
        assert!(!twin.ended());
    }

    #[test]
    fn what_nobody_knows_is_said() {
        let twin = Twin::start(PathBuf::from("/repo")).unwrap();
        assert!(post(twin.address, "/elsewhere", "").starts_with("HTTP/1.1 404"));
        assert_eq!(twin.unknown(), ["/elsewhere"]);
    }
}
