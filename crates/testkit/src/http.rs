//! As much HTTP/1.1 as the clients of model servers need: one request per connection, answers whole or in chunks.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

const HEAD_BYTES_MAX: usize = 64 << 10;
const BODY_BYTES_MAX: usize = 64 << 20;

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Null where there was none.
    pub body: Value,
    /// The same, byte by byte as it came: what a signature is made over.
    pub raw: Vec<u8>,
}

/// Reads one request.
pub(crate) fn read(stream: &mut TcpStream) -> io::Result<Seen> {
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
    let mut headers = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| bad("no content length"))?;
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(bad("a request in chunks, which no client of ours sends"));
        }
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if length > BODY_BYTES_MAX {
        return Err(bad("the body is too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let raw = body;
    let body = if raw.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&raw).map_err(|_| bad("the body is no JSON"))?
    };
    Ok(Seen {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body,
        raw,
    })
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Writes a whole answer that may ask the client to wait so many seconds.
pub(crate) fn whole(
    stream: &mut TcpStream,
    status: u16,
    kind: &str,
    retry_after_s: Option<u64>,
    body: &str,
) -> io::Result<()> {
    let wait = retry_after_s.map_or(String::new(), |s| format!("Retry-After: {s}\r\n"));
    let head = format!(
        "HTTP/1.1 {status} Twin\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{wait}Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes())?;
    stream.flush()
}

/// Sends the client elsewhere.
pub(crate) fn redirect(stream: &mut TcpStream, to: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 307 Twin\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.flush()
}

/// Begins an answer in chunks.
pub(crate) fn begin(stream: &mut TcpStream, kind: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}

/// Sends one piece as a chunk and a packet of its own.
pub(crate) fn piece(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
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
pub(crate) fn end(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"0\r\n\r\n")?;
    stream.flush()
}

/// Blocks until the client closes the connection.
pub(crate) fn await_close(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest), Ok(1..)) {}
}
