//! A journal that collects lines and writes them in batches.

#![deny(unused_must_use)]

use std::io::{self, Write};

/// Lines that are kept before they are written.
const BATCH: usize = 4;

/// A journal over anything that can be written to.
pub struct Journal<W: Write> {
    out: W,
    lines: Vec<String>,
    written: usize,
}

impl<W: Write> Journal<W> {
    pub fn new(out: W) -> Journal<W> {
        Journal { out, lines: Vec::new(), written: 0 }
    }

    /// Adds a line; a full batch is written.
    pub fn append(&mut self, line: &str) -> io::Result<()> {
        self.lines.push(line.to_string());
        if self.lines.len() >= BATCH {
            self.write_out();
        }
        Ok(())
    }

    /// How many lines have been written.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Writes what is left.
    pub fn close(mut self) -> io::Result<()> {
        self.write_out();
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<()> {
        for line in &self.lines {
            writeln!(self.out, "{line}");
        }
        self.out.flush();
        self.written += self.lines.len();
        self.lines.clear();
        Ok(())
    }
}

impl<W: Write> Drop for Journal<W> {
    fn drop(&mut self) {
        self.write_out();
    }
}
