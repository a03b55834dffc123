//! Carries one request of a caged agent to its provider, with the key, and the answer back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::meter::Entry;
use super::provider::{BODY_BYTES_MAX, Body, Provider, Request, answer};
use super::request::Refusal;
use super::usage::Reading;
use super::{BODIES_BYTES_MAX, HEAD_BYTES_MAX, IDLE_S, LOAN_SPENT, Shared, body};

/// Longest silence of a provider: an answer that is not streamed comes after minutes of thought.
const SILENCE_S: u64 = 600;

/// Longest head of an answer.
const ANSWER_HEAD_MAX: usize = 64 << 10;

/// What a chunk's first line may have.
const CHUNK_LINE_MAX: u64 = 1 << 10;

/// By how much the room for a body grows whose length was not said.
const STEP_BYTES: usize = 1 << 20;

/// The request that counts tokens and costs nothing.
const FREE: &str = "/count_tokens";

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// What of a client's words is there before its host is reached.
pub(super) struct Ahead {
    /// For a provider the whole request's body, which was judged.
    pub(super) bytes: Vec<u8>,
    held: Option<Held>,
    entry: Option<Entry>,
}

impl Ahead {
    pub(super) fn of(bytes: Vec<u8>) -> Ahead {
        Ahead {
            bytes,
            held: None,
            entry: None,
        }
    }
}

/// Bytes of a request that are held, out of what all may have together.
struct Held {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Held {
    fn more(&mut self, bytes: usize) -> bool {
        let mut slots = self.shared.slots();
        let has_room = slots.bytes + bytes <= BODIES_BYTES_MAX;
        if has_room {
            slots.bytes += bytes;
            self.bytes += bytes;
        }
        has_room
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.slots().bytes -= self.bytes;
    }
}

/// Why a body is not there.
enum NoBody {
    Broken(io::Error),
    TooLong,
    /// Others hold what there is.
    NoRoom,
}

impl From<io::Error> for NoBody {
    fn from(error: io::Error) -> NoBody {
        NoBody::Broken(error)
    }
}

impl NoBody {
    fn refusal(self) -> Refusal {
        match self {
            NoBody::Broken(error) => {
                Refusal::new("400 Bad Request", format!("the request broke off: {error}"))
            }
            NoBody::TooLong => {
                let reason = format!("a body has at most {BODY_BYTES_MAX} bytes");
                Refusal::new("413 Content Too Large", reason)
            }
            NoBody::NoRoom => Refusal::new(
                "503 Service Unavailable",
                "other requests of this program hold all the memory that there is for them; try again",
            ),
        }
    }
}

/// The body, read to its end, judged and entered in the books before anything is sent: no half request reaches a provider, who would
/// ask money for it.
pub(super) fn whole(
    client: &mut UnixStream,
    asked: &Request,
    early: Vec<u8>,
    shared: &Arc<Shared>,
) -> Result<Ahead, Refusal> {
    let provider = &asked.provider;
    let refuse = |status, reason: &str| Refusal::new(status, reason).of(&provider.host);
    let mut held = Held {
        shared: Arc::clone(shared),
        bytes: 0,
    };
    let read = client
        .set_read_timeout(Some(Duration::from_secs(IDLE_S)))
        .map_err(NoBody::Broken)
        .and_then(|()| read(client, asked.body, early, &mut held));
    let bytes = read.map_err(|why| why.refusal().of(&provider.host))?;
    let mut ahead = Ahead {
        bytes,
        held: Some(held),
        entry: None,
    };
    if !asked.is_post {
        return Ok(ahead);
    }
    let told = {
        // One at a time: what is looked at takes more memory than its bytes.
        let _turn = shared
            .judging
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        body::judged(provider.api, &asked.path, &ahead.bytes)
    };
    let told = told.map_err(|why| refuse("403 Forbidden", &format!("the request {why}")))?;
    let Some(meter) = &provider.meter else {
        return Ok(ahead);
    };
    if asked.path.ends_with(FREE) {
        return Ok(ahead);
    }
    if !told.is_told {
        let reason = "it is paid by the token, which a stream tells where `stream_options.include_usage` is set";
        return Err(refuse("400 Bad Request", reason));
    }
    let entry = meter.begin(&told, &ahead.bytes, || shared.is_stopped());
    let spent = || {
        let way_out = "a person can raise `limits.agent.dollars` or a cap of [money.caps]";
        refuse("402 Payment Required", &format!("{LOAN_SPENT}; {way_out}"))
    };
    ahead.entry = Some(entry.ok_or_else(spent)?);
    Ok(ahead)
}

/// Sends the request, then carries the answer as it comes. Whoever asked sees an answer that was cut off as cut off: nothing is made up
/// for it.
pub(super) fn carry(
    mut client: UnixStream,
    server: TcpStream,
    asked: &Request,
    ahead: Ahead,
    shared: &Arc<Shared>,
) {
    let carried = both(&mut client, &server, asked, ahead, shared);
    if let Err(error) = carried {
        shared.note(&asked.provider.host, |used| {
            used.refused = Some(format!("a request broke off: {error}"));
        });
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn both(
    client: &mut UnixStream,
    server: &TcpStream,
    asked: &Request,
    ahead: Ahead,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let provider = &asked.provider;
    let patience = Some(Duration::from_secs(SILENCE_S));
    client.set_read_timeout(patience)?;
    client.set_write_timeout(patience)?;
    server.set_read_timeout(patience)?;
    server.set_write_timeout(patience)?;
    let mut wire: Box<dyn Wire> = match &provider.tls {
        None => Box::new(server.try_clone()?),
        Some(config) => {
            let name = ServerName::try_from(provider.host.clone()).map_err(io::Error::other)?;
            let mut tls =
                ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
            let mut socket = server.try_clone()?;
            // A server that nobody trusts costs nothing.
            while tls.is_handshaking() {
                tls.complete_io(&mut socket)?;
            }
            Box::new(StreamOwned::new(tls, socket))
        }
    };
    let Ahead {
        bytes,
        held,
        mut entry,
    } = ahead;
    let head = format!("{}content-length: {}\r\n\r\n", asked.head, bytes.len());
    if !shared.count(&provider.host, (head.len() + bytes.len()) as u64, 0) {
        return Err(io::Error::other("its share of bytes is used up"));
    }
    if let Some(entry) = &mut entry {
        entry.sent();
    }
    wire.write_all(head.as_bytes())?;
    wire.write_all(&bytes)?;
    wire.flush()?;
    // An answer takes minutes, and is not to hold what was asked.
    drop((bytes, held));
    back(client, wire.as_mut(), provider, entry, shared)
}

fn read(
    client: &mut UnixStream,
    body: Body,
    early: Vec<u8>,
    held: &mut Held,
) -> Result<Vec<u8>, NoBody> {
    let mut source = BufReader::new(early.as_slice().chain(client));
    match body {
        Body::Bytes(count) => {
            let mut whole = Vec::new();
            room(&mut whole, count, held)?;
            source.take(count as u64).read_to_end(&mut whole)?;
            match whole.len() == count {
                true => Ok(whole),
                false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            }
        }
        Body::Chunked => chunks(&mut source, held),
    }
}

fn chunks(source: &mut impl BufRead, held: &mut Held) -> Result<Vec<u8>, NoBody> {
    let mut whole = Vec::new();
    loop {
        let size = line(source)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size > BODY_BYTES_MAX || whole.len() + size > BODY_BYTES_MAX {
            return Err(NoBody::TooLong);
        }
        if size == 0 {
            // Trailers say nothing that an API reads.
            while !line(source)?.is_empty() {}
            return Ok(whole);
        }
        if whole.capacity() - whole.len() < size {
            room(&mut whole, size.max(STEP_BYTES), held)?;
        }
        let before = whole.len();
        source.by_ref().take(size as u64).read_to_end(&mut whole)?;
        if whole.len() != before + size || !line(source)?.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

/// Room for so many bytes more, where there is any, and not for twice as many.
fn room(whole: &mut Vec<u8>, bytes: usize, held: &mut Held) -> Result<(), NoBody> {
    match held.more(bytes) {
        true => {
            whole.reserve_exact(bytes);
            Ok(())
        }
        false => Err(NoBody::NoRoom),
    }
}

fn line(source: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    source.take(CHUNK_LINE_MAX).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = String::from_utf8(line).map_err(io::Error::other)?;
    Ok(text.trim_end_matches('\r').to_owned())
}

/// The answer: its head made anew, its body as it comes, the key masked in both. An answer that is paid is read to its end though
/// nobody listens any more: what it used stands there.
fn back(
    client: &mut UnixStream,
    wire: &mut dyn Wire,
    provider: &Provider,
    mut entry: Option<Entry>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let mut buffer = vec![0_u8; HEAD_BYTES_MAX];
    let (head, mut part) = answer_head(wire, &mut buffer)?;
    let told = answer(&head).ok_or_else(|| io::Error::other("the answer is no HTTP"))?;
    let mut reading = Reading::of(provider.api, &head);
    let mut mask = provider.mask();
    let mut listens = client.write_all(&mask.pass(told.as_bytes()));
    loop {
        if !shared.count(&provider.host, 0, part.len() as u64) {
            return Err(io::Error::other("its share of bytes is used up"));
        }
        match &entry {
            Some(_) => reading.take(&part),
            None if listens.is_err() => return listens,
            None => {}
        }
        if listens.is_ok() {
            listens = client.write_all(&mask.pass(&part));
        }
        let read = match wire.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                part.clear();
                continue;
            }
            // A server that closes without TLS's own goodbye; the length of the body tells the client whether it has all of it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        };
        let count = match read {
            Ok(count) if count > 0 => count,
            Ok(_) | Err(_) => {
                if let Some(entry) = &mut entry {
                    entry.used(reading.end());
                }
                read?;
                return listens.and_then(|()| client.write_all(&mask.rest()));
            }
        };
        part = buffer[..count].to_vec();
    }
}

/// The head of an answer, and what came with it.
fn answer_head(wire: &mut dyn Wire, buffer: &mut [u8]) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let count = wire.read(buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = head.split_off(end + 4);
            return Ok((head, body));
        }
        if head.len() > ANSWER_HEAD_MAX {
            return Err(io::Error::other("the head of the answer is too long"));
        }
    }
}
