use crate::Timer;

const HEADER: &str = "timers 1";

#[derive(Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The first line is none that we know.
    Header(String),
    /// The line, counted from 1, holds no timer.
    Line(usize),
}

/// A header, then in each line the seconds, a tab, the name.
pub fn save(timers: &[Timer]) -> String {
    let mut text = format!("{HEADER}\n");
    for timer in timers {
        text.push_str(&format!("{}\t{}\n", timer.seconds, timer.name));
    }
    text
}

pub fn load(text: &str) -> Result<Vec<Timer>, LoadError> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    if header != HEADER {
        return Err(LoadError::Header(header.to_owned()));
    }
    lines.enumerate().map(|(at, line)| timer(line).ok_or(LoadError::Line(at + 2))).collect()
}

fn timer(line: &str) -> Option<Timer> {
    let (seconds, name) = line.split_once('\t')?;
    Some(Timer { name: name.to_owned(), seconds: seconds.parse().ok()? })
}
