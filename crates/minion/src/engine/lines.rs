//! Cuts a program's output into lines, whatever pieces it comes in, and lets none of them grow without bound.

/// Bytes of one line that are kept. A tool's result of 2 MB on one line is ordinary; beyond this a program fills our memory.
pub(crate) const LINE_BYTES_MAX: usize = 8 << 20;

/// One line of output, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Whole(Vec<u8>),
    /// It had so many bytes and was not kept.
    TooLong(usize),
}

impl Line {
    /// Bytes that it had.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Line::Whole(bytes) => bytes.len() as u64,
            Line::TooLong(count) => *count as u64,
        }
    }
}

/// What is known of the line that is not over yet.
#[derive(Debug)]
pub(crate) struct Lines {
    most: usize,
    kept: Vec<u8>,
    /// Bytes of the present line that were let go.
    lost: usize,
}

impl Lines {
    pub(crate) fn new(most: usize) -> Lines {
        Lines {
            most,
            kept: Vec::new(),
            lost: 0,
        }
    }

    /// The lines that end within these bytes. An empty one is none.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.take(&rest[..end]);
            lines.extend(self.end());
            rest = &rest[end + 1..];
        }
        self.take(rest);
        lines
    }

    /// The line that had no end when the output was over.
    pub(crate) fn end(&mut self) -> Option<Line> {
        let mut kept = std::mem::take(&mut self.kept);
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            return Some(Line::TooLong(lost));
        }
        if kept.last() == Some(&b'\r') {
            kept.pop();
        }
        (!kept.is_empty()).then_some(Line::Whole(kept))
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.lost == 0 && self.kept.len() + bytes.len() <= self.most {
            self.kept.extend_from_slice(bytes);
            return;
        }
        self.lost += self.kept.len() + bytes.len();
        self.kept = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn pieces_make_the_same_lines_wherever_they_are_cut() {
        let bytes = "a\r\n\nbé\nlong line\nend".as_bytes();
        let want = [whole("a"), whole("bé"), Line::TooLong(9), whole("end")];
        for size in 1..=bytes.len() {
            let mut lines = Lines::new(5);
            let mut got: Vec<Line> = bytes.chunks(size).flat_map(|c| lines.feed(c)).collect();
            got.extend(lines.end());
            assert_eq!(got, want, "pieces of {size}");
        }
    }
}
