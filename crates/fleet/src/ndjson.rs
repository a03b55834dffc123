//! Lines out of bytes that were cut anywhere, one JSON value each. Knows nothing of what they mean.

use crate::error::{ErrorClass, Fault};

/// One line or event holds at most one whole tool call; a file that a tool writes is far smaller.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 20;
/// A token costs 200 to 350 bytes on any wire, so this is about 200,000 tokens: no answer, but a flood.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Counts the bytes of an answer.
#[derive(Debug, Default)]
pub(crate) struct Meter(usize);

impl Meter {
    pub(crate) fn add(&mut self, count: usize) -> Result<(), Fault> {
        self.0 = self.0.saturating_add(count);
        if self.0 > ANSWER_BYTES_MAX {
            return Err(Fault::new(
                ErrorClass::Malformed,
                format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"),
            ));
        }
        Ok(())
    }
}

/// Adds to a line, which has an end.
pub(crate) fn grow(line: &mut Vec<u8>, piece: &[u8]) -> Result<(), Fault> {
    if line.len() + piece.len() > LINE_BYTES_MAX {
        return Err(Fault::new(
            ErrorClass::Malformed,
            format!("one line of the answer is longer than {LINE_BYTES_MAX} bytes"),
        ));
    }
    line.extend_from_slice(piece);
    Ok(())
}

/// The lines of a stream.
#[derive(Debug, Default)]
pub(crate) struct Ndjson {
    /// The bytes of a line that has not ended yet.
    pending: Vec<u8>,
    meter: Meter,
}

impl Ndjson {
    /// Takes the next bytes and gives each line that they end to `line`, which says whether it was the last one.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        line: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        self.meter.add(bytes.len())?;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            grow(&mut self.pending, piece)?;
            if piece.ends_with(b"\n") {
                let whole = std::mem::take(&mut self.pending);
                if !is_blank(&whole) && line(&whole)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The line that the stream ended in, without its newline: a whole one or a stump.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }
}

pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}
