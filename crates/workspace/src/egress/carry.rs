//! Carries one request of a caged agent to its provider, with the key, and the answer back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::provider::{BODY_BYTES_MAX, Body, Provider, answer};
use super::{HEAD_BYTES_MAX, Shared};

/// Longest silence of a provider: an answer that is not streamed comes after minutes of thought.
const SILENCE_S: u64 = 600;

/// Longest head of an answer.
const ANSWER_HEAD_MAX: usize = 64 << 10;

/// What a chunk's first line may have.
const CHUNK_LINE_MAX: u64 = 1 << 10;

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// Sends the request with its whole body, then carries the answer as it comes. Whoever asked sees an answer that was cut off as cut
/// off: nothing is made up for it.
pub(super) fn carry(
    mut client: UnixStream,
    server: TcpStream,
    head: &str,
    (body, early): (Body, Vec<u8>),
    provider: &Provider,
    shared: &Arc<Shared>,
) {
    let carried = both(&mut client, &server, head, (body, early), provider, shared);
    if let Err(error) = carried {
        shared.note(&provider.host, |used| {
            used.refused = Some(format!("a request broke off: {error}"));
        });
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn both(
    client: &mut UnixStream,
    server: &TcpStream,
    head: &str,
    (body, early): (Body, Vec<u8>),
    provider: &Provider,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let patience = Some(Duration::from_secs(SILENCE_S));
    client.set_read_timeout(patience)?;
    client.set_write_timeout(patience)?;
    server.set_read_timeout(patience)?;
    server.set_write_timeout(patience)?;
    let mut wire: Box<dyn Wire> = match &provider.tls {
        None => Box::new(server.try_clone()?),
        Some(config) => {
            let name = ServerName::try_from(provider.host.clone()).map_err(io::Error::other)?;
            let tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(tls, server.try_clone()?))
        }
    };
    let body = whole(client, body, early)?;
    let mut request = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend(body);
    if !shared.count(&provider.host, request.len() as u64, 0) {
        return Err(io::Error::other("its share of bytes is used up"));
    }
    wire.write_all(&request)?;
    wire.flush()?;
    back(client, wire.as_mut(), provider, shared)
}

/// The body, read to its end before anything is sent: no half request reaches a provider, who would ask money for it.
fn whole(client: &mut UnixStream, body: Body, early: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut source = BufReader::new(early.as_slice().chain(client));
    let mut whole = Vec::new();
    match body {
        Body::Bytes(count) => {
            source.take(count as u64).read_to_end(&mut whole)?;
            match whole.len() == count {
                true => Ok(whole),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        Body::Chunked => loop {
            let size = line(&mut source)?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size > BODY_BYTES_MAX || whole.len() + size > BODY_BYTES_MAX {
                return Err(io::Error::other("the body is too long"));
            }
            if size == 0 {
                // Trailers say nothing that an API reads.
                while !line(&mut source)?.is_empty() {}
                return Ok(whole);
            }
            let before = whole.len();
            source.by_ref().take(size as u64).read_to_end(&mut whole)?;
            if whole.len() != before + size || !line(&mut source)?.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        },
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

/// The answer: its head made anew, its body as it comes, the key masked in both.
fn back(
    client: &mut UnixStream,
    wire: &mut dyn Wire,
    provider: &Provider,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = vec![0_u8; HEAD_BYTES_MAX];
    let body = loop {
        let count = wire.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break head.split_off(end + 4);
        }
        if head.len() > ANSWER_HEAD_MAX {
            return Err(io::Error::other("the head of the answer is too long"));
        }
    };
    let told = answer(&head).ok_or_else(|| io::Error::other("the answer is no HTTP"))?;
    let mut mask = provider.mask();
    client.write_all(&mask.pass(told.as_bytes()))?;
    let mut part = body;
    loop {
        if !shared.count(&provider.host, 0, part.len() as u64) {
            return Err(io::Error::other("its share of bytes is used up"));
        }
        client.write_all(&mask.pass(&part))?;
        let count = match wire.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                part.clear();
                continue;
            }
            // A server that closes without TLS's own goodbye; the length of the body tells the client whether it has all of it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(error),
        };
        if count == 0 {
            return client.write_all(&mask.rest());
        }
        part = buffer[..count].to_vec();
    }
}
