//! Reads in a provider's answer what it used, as the answer comes by. Pure.

use alai_core::money::Tokens;
use serde_json::Value;

use super::provider::Api;

/// Longest answer, or event of one, that is read: the last event of a long answer repeats all of it.
const TEXT_BYTES_MAX: usize = 8 << 20;
/// Longest line of a chunk's size.
const SIZE_BYTES_MAX: usize = 1 << 10;
/// No answer has so many tokens; a figure beyond is none.
const TOKENS_MAX: u64 = 1 << 36;

/// An answer that is read.
#[derive(Debug)]
pub(super) struct Reading {
    api: Api,
    /// Its status is one of success: others are not paid.
    is_paid: bool,
    is_events: bool,
    chunks: Option<Chunks>,
    /// A line, or the whole.
    text: Vec<u8>,
    is_too_long: bool,
    found: Tokens,
    is_whole: bool,
}

impl Reading {
    /// `head` is that of an answer which is HTTP.
    pub(super) fn of(api: Api, head: &[u8]) -> Reading {
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or_default();
        let value = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(found, _)| found.trim() == name)
                .map(|(_, v)| v)
        };
        let has = |name: &str, word: &str| value(name).is_some_and(|value| value.contains(word));
        Reading {
            api,
            is_paid: status.starts_with('2'),
            is_events: has("content-type", "event-stream"),
            chunks: has("transfer-encoding", "chunked").then(Chunks::default),
            text: Vec::new(),
            is_too_long: false,
            found: Tokens::default(),
            is_whole: false,
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        if !self.is_paid {
            return;
        }
        let Some(mut chunks) = self.chunks.take() else {
            return self.body(bytes);
        };
        for part in chunks.pass(bytes) {
            self.body(part);
        }
        self.chunks = Some(chunks);
    }

    /// What it used: nothing where it is a refusal; None where it does not say.
    pub(super) fn end(mut self) -> Option<Tokens> {
        if !self.is_paid {
            return Some(Tokens::default());
        }
        self.line();
        self.is_whole.then_some(self.found)
    }

    fn body(&mut self, bytes: &[u8]) {
        if !self.is_events {
            return self.keep(bytes);
        }
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            self.keep(&rest[..at]);
            self.line();
            rest = &rest[at + 1..];
        }
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.is_too_long |= self.text.len() + bytes.len() > TEXT_BYTES_MAX;
        match self.is_too_long {
            true => self.text = Vec::new(),
            false => self.text.extend_from_slice(bytes),
        }
    }

    fn line(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.is_too_long = false;
        let said = match self.is_events {
            true => text.strip_prefix(b"data:").unwrap_or_default(),
            false => &text,
        };
        // Most events say nothing of it, and need not be read.
        let word: &[u8] = b"usage";
        if !said.windows(word.len()).any(|part| part == word) {
            return;
        }
        if let Ok(value) = serde_json::from_slice::<Value>(said) {
            self.say(&value);
        }
    }

    /// One event, or the whole. Counts are of the whole answer so far, and are never taken back.
    fn say(&mut self, value: &Value) {
        let places = ["/usage", "/response/usage", "/message/usage"];
        for (at, place) in places.iter().enumerate() {
            let Some(usage) = value.pointer(place).filter(|usage| usage.is_object()) else {
                continue;
            };
            let found = match self.api {
                Api::Anthropic => of_anthropic(usage),
                Api::Openai => of_openai(usage),
            };
            let Some(found) = found else { return };
            self.found.input = self.found.input.max(found.input);
            self.found.output = self.found.output.max(found.output);
            self.found.cache_read = self.found.cache_read.max(found.cache_read);
            self.found.cache_write = self.found.cache_write.max(found.cache_write);
            // Where a stream begins it tells the prompt, and of the answer not yet.
            self.is_whole |= at < 2;
        }
    }
}

/// A count; none that is absent, and no count at all that cannot be one.
fn count(value: &Value) -> Option<u64> {
    match value.is_null() {
        true => Some(0),
        false => value.as_u64().filter(|count| *count <= TOKENS_MAX),
    }
}

fn of_anthropic(usage: &Value) -> Option<Tokens> {
    usage["output_tokens"].as_u64()?;
    // What is kept for an hour costs twice as much as a token of a prompt, and is written apart.
    let hour = count(&usage["cache_creation"]["ephemeral_1h_input_tokens"])?;
    let written = count(&usage["cache_creation_input_tokens"])?;
    Some(Tokens {
        input: count(&usage["input_tokens"])? + 2 * hour,
        output: count(&usage["output_tokens"])?,
        cache_read: count(&usage["cache_read_input_tokens"])?,
        cache_write: written.saturating_sub(hour),
    })
}

/// Both of its APIs, whose names differ. What came out of a cache is in the prompt's count.
fn of_openai(usage: &Value) -> Option<Tokens> {
    let either = |one: &str, other: &str| match usage[one].is_null() {
        true => usage[other].clone(),
        false => usage[one].clone(),
    };
    let (input, output) = (
        either("input_tokens", "prompt_tokens"),
        either("output_tokens", "completion_tokens"),
    );
    let details = either("input_tokens_details", "prompt_tokens_details");
    let (input, output) = (input.as_u64()?, output.as_u64()?);
    let cached = count(&details["cached_tokens"])?.min(input);
    Some(Tokens {
        input: Some(input - cached).filter(|count| *count <= TOKENS_MAX)?,
        output: Some(output).filter(|count| *count <= TOKENS_MAX)?,
        cache_read: cached,
        cache_write: 0,
    })
}

/// Takes the chunks of a body apart.
#[derive(Debug, Default)]
struct Chunks {
    state: Chunk,
    size: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Chunk {
    #[default]
    Size,
    /// Bytes that are left of it.
    Data(usize),
    /// The line end behind it.
    Behind,
    /// The last was read, or it is none.
    Over,
}

impl Chunks {
    fn pass<'b>(&mut self, mut bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let mut parts = Vec::new();
        while let Some((first, rest)) = bytes.split_first() {
            self.state = match self.state {
                Chunk::Over => break,
                Chunk::Data(left) => {
                    let (part, behind) = bytes.split_at(left.min(bytes.len()));
                    parts.push(part);
                    bytes = behind;
                    match left - part.len() {
                        0 => Chunk::Behind,
                        left => Chunk::Data(left),
                    }
                }
                Chunk::Behind => {
                    bytes = rest;
                    match first {
                        b'\n' => Chunk::Size,
                        _ => Chunk::Behind,
                    }
                }
                Chunk::Size => {
                    bytes = rest;
                    match first {
                        b'\n' => self.sized(),
                        _ if self.size.len() >= SIZE_BYTES_MAX => Chunk::Over,
                        byte => {
                            self.size.push(*byte);
                            Chunk::Size
                        }
                    }
                }
            };
        }
        parts
    }

    fn sized(&mut self) -> Chunk {
        let line = std::mem::take(&mut self.size);
        let line = String::from_utf8_lossy(&line);
        let size = line.split(';').next().unwrap_or_default().trim();
        match usize::from_str_radix(size, 16) {
            Ok(0) | Err(_) => Chunk::Over,
            Ok(size) => Chunk::Data(size),
        }
    }
}

/// Reads an answer for each API, in one piece and cut elsewhere, and as far as it had come at each end of a line.
///
/// # Panics
/// When the counts differ, cannot be, or are less than they were before the answer went on.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge(bytes: &[u8]) {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = bytes.split_at(at.map_or(0, |at| at + 4));
    for api in [Api::Anthropic, Api::Openai] {
        let read = |size: usize| {
            let mut reading = Reading::of(api, head);
            body.chunks(size).for_each(|part| reading.take(part));
            reading
        };
        let whole = read(body.len().max(1));
        let (is_events, is_paid) = (whole.is_events && whole.chunks.is_none(), whole.is_paid);
        let whole = whole.end();
        for size in [1, 3, 64] {
            assert_eq!(whole, read(size).end(), "in pieces of {size}");
        }
        let most = 3 * TOKENS_MAX;
        let can_be = |t: Tokens| t.input.max(t.output).max(t.cache_read).max(t.cache_write) <= most;
        assert!(whole.is_none_or(can_be), "{whole:?}");
        assert!(is_paid || whole == Some(Tokens::default()));
        if !is_events {
            continue;
        }
        // What was counted by the end of a line is counted at the end.
        let ends = { body.iter().enumerate() }.filter(|(_, byte)| **byte == b'\n');
        for (at, _) in ends.take(LINES_MAX) {
            let mut reading = Reading::of(api, head);
            reading.take(&body[..=at]);
            if let Some(before) = reading.end() {
                let after = whole.expect("what was said is not unsaid");
                let grows = before.input <= after.input
                    && before.output <= after.output
                    && before.cache_read <= after.cache_read
                    && before.cache_write <= after.cache_write;
                assert!(grows, "{before:?} {after:?}");
            }
        }
    }
}

/// More only cost time.
#[cfg(any(test, feature = "fuzzing"))]
const LINES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(api: Api, head: &str, body: &str) -> Option<Tokens> {
        let mut all = Vec::new();
        // However it is cut.
        for size in [1, 7, body.len()] {
            let mut reading = Reading::of(api, head.as_bytes());
            for part in body.as_bytes().chunks(size) {
                reading.take(part);
            }
            all.push(reading.end());
        }
        assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
        all[0]
    }

    const EVENTS: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";
    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";

    fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
        Tokens {
            input,
            output,
            cache_read,
            cache_write,
        }
    }

    #[test]
    fn both_wires_tell_what_they_used_in_one_piece_and_in_many() {
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\
                     \"cache_creation_input_tokens\":7,\"cache_read_input_tokens\":5,\"output_tokens\":1,\
                     \"cache_creation\":{\"ephemeral_1h_input_tokens\":3}}}}\n\n";
        let delta = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":40}}\r\n\r\n";
        let text = "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"{\\\"usage\\\":{\\\"output_tokens\\\":0}}\"}}\n\n";
        let all = format!("{start}{text}{delta}");
        assert_eq!(
            read(Api::Anthropic, EVENTS, &all),
            Some(tokens(16, 40, 5, 4))
        );
        assert_eq!(read(Api::Anthropic, EVENTS, start), None, "it broke off");
        let whole = "{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}";
        assert_eq!(read(Api::Anthropic, WHOLE, whole), Some(tokens(3, 4, 0, 0)));
        let completed = "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":100,\
                         \"input_tokens_details\":{\"cached_tokens\":60},\"output_tokens\":9}}}\n\n";
        assert_eq!(
            read(Api::Openai, EVENTS, completed),
            Some(tokens(40, 9, 60, 0))
        );
        let chat = "data: {\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
        assert_eq!(read(Api::Openai, EVENTS, chat), Some(tokens(8, 2, 0, 0)));
    }

    #[test]
    fn chunks_are_taken_apart_and_a_refusal_costs_nothing() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body =
            "10;x=y\r\n{\"usage\":{\"input\r\n1e\r\n_tokens\":3,\"output_tokens\":4}}\r\n0\r\n\r\n";
        assert_eq!(read(Api::Anthropic, head, body), Some(tokens(3, 4, 0, 0)));
        let refused = "HTTP/1.1 429 Too Many Requests\r\n\r\n";
        assert_eq!(read(Api::Anthropic, refused, "{}"), Some(Tokens::default()));
    }

    #[test]
    fn what_cannot_be_a_count_is_none() {
        for usage in [
            "{}",
            "null",
            "{\"input_tokens\":3}",
            "{\"input_tokens\":-3,\"output_tokens\":4}",
            "{\"input_tokens\":3,\"output_tokens\":1e30}",
            "{\"input_tokens\":99999999999999,\"output_tokens\":4}",
        ] {
            let body = format!("{{\"usage\":{usage}}}");
            assert_eq!(read(Api::Anthropic, WHOLE, &body), None, "{usage}");
        }
    }
}
