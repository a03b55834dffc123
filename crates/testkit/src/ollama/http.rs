//! As much HTTP/1.1 as Ollama's clients need: one request per connection, answers whole or in chunks.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::Seen;

const HEAD_BYTES_MAX: usize = 64 << 10;
const BODY_BYTES_MAX: usize = 64 << 20;

/// Reads one request.
pub(super) fn read(stream: &mut TcpStream) -> io::Result<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
        if head.len() > HEAD_BYTES_MAX {
            return Err(bad("the head is too long"));
        }
    }
    let head = String::from_utf8(head).map_err(|_| bad("the head is no text"))?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(bad("no request line"));
    };
    let mut length = 0_usize;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| bad("no content length"))?;
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(bad("a request in chunks, which no client of Ollama sends"));
        }
    }
    if length > BODY_BYTES_MAX {
        return Err(bad("the body is too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).map_err(|_| bad("the body is no JSON"))?
    };
    Ok(Seen {
        method: method.to_owned(),
        path: path.to_owned(),
        body,
    })
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Writes a whole answer.
pub(super) fn whole(stream: &mut TcpStream, status: u16, kind: &str, body: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Twin\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes())?;
    stream.flush()
}

/// Sends the client elsewhere.
pub(super) fn redirect(stream: &mut TcpStream, to: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 307 Twin\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.flush()
}

/// Begins an answer in chunks.
pub(super) fn begin(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    )
}

/// Sends one piece as a chunk and a packet of its own.
pub(super) fn piece(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(()); // An empty chunk would end the answer.
    }
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk)?;
    stream.flush()
}

/// Ends an answer in chunks.
pub(super) fn end(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"0\r\n\r\n")?;
    stream.flush()
}

/// Blocks until the client closes the connection.
pub(super) fn await_close(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest), Ok(1..)) {}
}
