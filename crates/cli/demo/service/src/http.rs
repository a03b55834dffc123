//! As much of HTTP/1.1 as the service needs: a request line in, a response with a length out.

use std::io::{self, BufRead, Read, Write};

/// A longer request line is not one of ours.
const LINE_BYTES_MAX: u64 = 4096;
/// More headers than any client of ours sends.
const HEADERS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

impl Request {
    /// A GET of a target such as `/price?cents=100`.
    pub fn get(target: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(n, _)| n == name)?;
        Some(value)
    }
}

impl Response {
    pub fn new(status: u16, body: impl Into<String>) -> Response {
        Response {
            status,
            body: body.into(),
        }
    }
}

/// Reads the request line and passes over the headers. `None` when it is not HTTP.
pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let first = line(reader)?;
    let mut words = first.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request = Request::get(target);
    request.method = method.to_owned();
    for _ in 0..HEADERS_MAX {
        if line(reader)?.trim().is_empty() {
            return Ok(Some(request));
        }
    }
    Ok(None)
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    reader.take(LINE_BYTES_MAX).read_line(&mut text)?;
    Ok(text)
}

pub fn write(writer: &mut impl Write, response: &Response) -> io::Result<()> {
    write!(
        writer,
        "HTTP/1.1 {} {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
        response.status,
        reason(response.status),
        response.body.len(),
        response.body
    )
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        _ => "Unknown",
    }
}
