//! Server-sent events out of bytes that were cut anywhere (WHATWG HTML, section 9.2.6). Knows nothing of what they mean.

use crate::error::Fault;
use crate::ndjson::{Meter, grow, is_blank};

/// One event, or what is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// `event` is empty where the stream names none. `data` is what its `data:` lines hold, joined by newlines.
    Event { event: String, data: Vec<u8> },
    /// A line that is no field: a page of HTML, or the JSON of a server that does not stream.
    Stray(Vec<u8>),
}

/// The events of a stream. Lines end with LF, CR LF or CR alone, each of which servers send.
#[derive(Debug, Default)]
pub(crate) struct Sse {
    line: Vec<u8>,
    /// The last byte was a CR: an LF behind it belongs to it.
    after_cr: bool,
    /// A line was read already, so that a byte order mark can come no more.
    begun: bool,
    event: String,
    data: Option<Vec<u8>>,
    meter: Meter,
}

/// What begins a stream that an editor saved.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Sse {
    /// Takes the next bytes and gives each event that they end to `frame`, which says whether it was the last one.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        frame: &mut dyn FnMut(Frame) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        self.meter.add(bytes.len())?;
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                grow(&mut self.line, rest)?;
                break;
            };
            grow(&mut self.line, &rest[..end])?;
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if let Some(made) = self.line_end()?
                && frame(made)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The event that the stream ended in, without its blank line: a whole one or a stump.
    pub(crate) fn rest(&mut self) -> Result<Option<Frame>, Fault> {
        if !self.line.is_empty()
            && let Some(stray) = self.line_end()?
        {
            return Ok(Some(stray));
        }
        Ok(self.dispatch())
    }

    fn line_end(&mut self) -> Result<Option<Frame>, Fault> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => match &mut self.data {
                Some(data) => {
                    grow(data, b"\n")?;
                    grow(data, value)?;
                }
                None => self.data = Some(value.to_vec()),
            },
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            // llama-server's form of an error before it had `data: {"error": ..}`.
            b"error" => {
                self.event = "error".to_owned();
                self.data = Some(value.to_vec());
            }
            // A comment has no name. Fields that nobody knows are passed over, as the standard asks.
            name if name.iter().all(|byte| byte.is_ascii_lowercase()) => {}
            _ if is_blank(line) => {}
            _ => return Ok(Some(Frame::Stray(line.to_vec()))),
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Frame> {
        let event = std::mem::take(&mut self.event);
        self.data.take().map(|data| Frame::Event { event, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
        let (mut sse, mut frames) = (Sse::default(), Vec::new());
        for piece in pieces {
            let fed = sse.feed(piece, &mut |frame| {
                frames.push(frame);
                Ok(false)
            });
            assert_eq!(fed, Ok(false));
        }
        frames.extend(sse.rest().unwrap());
        frames
    }

    fn event(event: &str, data: &str) -> Frame {
        Frame::Event {
            event: event.to_owned(),
            data: data.as_bytes().to_vec(),
        }
    }

    #[test]
    fn fields_comments_and_every_line_end() {
        let stream = "\u{feff}: ping\r\n\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata:  x\r\rid: 7\nretry: 5\ndata\n\n\nevent: b\n\ndata: y";
        let wanted = [
            event("a", "1\n2"),
            event("", " x"),
            event("", ""),
            event("", "y"),
        ];
        let bytes = stream.as_bytes();
        assert_eq!(frames(&[bytes]), wanted);
        for at in 0..=bytes.len() {
            assert_eq!(frames(&[&bytes[..at], &bytes[at..]]), wanted, "cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(frames(&single), wanted);
    }

    #[test]
    fn what_is_no_field_is_shown_and_an_old_error_is_one() {
        assert_eq!(
            frames(&[b"<html>\n{\"error\": 1}\nerror: {}\n\n"]),
            [
                Frame::Stray(b"<html>".to_vec()),
                Frame::Stray(b"{\"error\": 1}".to_vec()),
                event("error", "{}")
            ]
        );
    }
}
