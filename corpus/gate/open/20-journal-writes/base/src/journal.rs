use std::io::Write;

pub struct Journal<W: Write> {
    out: W,
    count: usize,
}

impl<W: Write> Journal<W> {
    pub fn new(out: W) -> Self {
        Self { out, count: 0 }
    }

    /// Appends an event.
    pub fn append(&mut self, event: &str) {
        writeln!(self.out, "{event}");
        self.count += 1;
    }

    /// How many events were appended.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Writes what is still in a buffer.
    pub fn close(mut self) {
        self.out.flush();
    }
}
