//! Reads a trajectory: what a run said and did, from the file that it left or still writes. `docs/TRAJECTORY.md` has the format.
//!
//! Old files and files of a killed run are read as far as they go: an event of an unknown kind is kept as it stands, and a last
//! line that was never ended is not an event.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

mod requests;
mod script;
mod summary;
mod told;

pub use alai_fleet::Message;
pub use requests::{Sent, Unbuilt};
pub use script::ScriptlessError;
pub use summary::{CheckLine, StepLine, Summary, Tally};
pub use told::Told;

/// Bytes taken in one look, so that a file that grows fast does not fill the memory.
const LOOK_BYTES_MAX: u64 = 8 << 20;
/// A line is a message and a message fits a model's window; more is no trajectory.
const LINE_BYTES_MAX: usize = 64 << 20;

/// One event with its place and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub seq: u64,
    /// Milliseconds since the Unix epoch.
    pub t_ms: i64,
    pub told: Told,
    /// The line as it stands.
    pub line: String,
}

/// A run's events in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trajectory {
    pub entries: Vec<Entry>,
    /// The last line was never ended: the run was killed, or still writes it.
    pub cut: bool,
    /// Lines that are no events.
    pub unreadable: usize,
}

impl Trajectory {
    /// Reads a file to its present end.
    ///
    /// # Errors
    /// When it cannot be read. What stands in it is never an error.
    pub fn read(path: &Path) -> io::Result<Trajectory> {
        let mut tail = Tail::of(path);
        let mut all = Trajectory::default();
        loop {
            let more = tail.more()?;
            if more.entries.is_empty() && more.unreadable == 0 && tail.at_end()? {
                all.cut = tail.cut();
                return Ok(all);
            }
            all.entries.extend(more.entries);
            all.unreadable += more.unreadable;
        }
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Trajectory {
        let (whole, rest) = text.rsplit_once('\n').unwrap_or(("", text));
        let mut all = lines(whole.as_bytes());
        all.cut = !rest.is_empty();
        all
    }
}

/// Reads a file that still grows.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
}

impl Tail {
    pub fn of(path: &Path) -> Tail {
        Tail {
            path: path.to_owned(),
            offset: 0,
            rest: Vec::new(),
        }
    }

    /// The events that came since the last look. A file that is not there has none yet.
    ///
    /// # Errors
    /// When it cannot be read, or a line does not end.
    pub fn more(&mut self) -> io::Result<Trajectory> {
        let mut file = match File::open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Trajectory::default()),
            file => file?,
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let before = self.rest.len();
        file.take(LOOK_BYTES_MAX).read_to_end(&mut self.rest)?;
        self.offset += (self.rest.len() - before) as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(io::Error::other("a line does not end"));
            }
            return Ok(Trajectory::default());
        };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        Ok(lines(&whole))
    }

    /// Whether a line was begun and not ended.
    pub fn cut(&self) -> bool {
        !self.rest.is_empty()
    }

    fn at_end(&self) -> io::Result<bool> {
        match std::fs::metadata(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
            found => Ok(found?.len() <= self.offset),
        }
    }
}

fn lines(bytes: &[u8]) -> Trajectory {
    let mut all = Trajectory::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        match entry(&String::from_utf8_lossy(line)) {
            Some(entry) => all.entries.push(entry),
            None => all.unreadable += 1,
        }
    }
    all
}

fn entry(line: &str) -> Option<Entry> {
    let fields: Value = serde_json::from_str(line).ok()?;
    let seq = fields.get("seq")?.as_u64()?;
    let t_ms = fields.get("t_ms")?.as_i64()?;
    Some(Entry {
        seq,
        t_ms,
        told: Told::from_fields(fields)?,
        line: line.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"seq":0,"t_ms":5,"type":"meta","format":"alai-traj-1","run":"r","task":1,"epoch":1,"attempt":0,"kind":"build","role":"builder","company":"c","title":"t","blueprint":"b","model":"m","base":"x"}"#;

    #[test]
    fn what_is_old_unknown_or_cut_is_read_as_far_as_it_goes() {
        // A reply of before, an event of a later version, a line that is none, and one that a kill cut.
        let old = r#"{"seq":1,"t_ms":6,"type":"reply","step":"s","model":"m","mode":"real","finish":"stop","usage":{"prompt_tokens":1,"output_tokens":2},"latency_ms":3,"salvaged":false,"thinking":""}"#;
        let later = r#"{"seq":2,"t_ms":7,"type":"dream","of":["sheep"]}"#;
        let text = format!("{META}\n{old}\n{later}\nnot an event\n{{\"seq\":3,\"t_m");
        let read = Trajectory::parse(&text);
        assert_eq!(
            (read.entries.len(), read.unreadable, read.cut),
            (3, 1, true)
        );
        assert!(matches!(
            &read.entries[1].told,
            Told::Reply { refused: None, .. }
        ));
        let Told::Other { kind, fields } = &read.entries[2].told else {
            panic!("{:?}", read.entries[2])
        };
        assert_eq!(
            (kind.as_str(), &fields["of"][0]),
            ("dream", &"sheep".into())
        );
    }

    #[test]
    fn a_line_that_grows_is_told_once_and_when_it_is_whole() {
        use std::io::Write;
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("t.jsonl");
        let mut tail = Tail::of(&path);
        assert_eq!(tail.more().expect("none yet"), Trajectory::default());
        let mut file = File::create(&path).expect("a file");
        let (first, second) = META.split_at(40);
        file.write_all(first.as_bytes()).expect("written");
        assert_eq!(tail.more().expect("half a line").entries, []);
        assert!(tail.cut());
        file.write_all(format!("{second}\n").as_bytes())
            .expect("written");
        assert_eq!(tail.more().expect("a line").entries.len(), 1);
        assert_eq!(tail.more().expect("no more").entries, []);
        assert!(!tail.cut());
        assert_eq!(Trajectory::read(&path).expect("read").entries.len(), 1);
    }
}
