use crate::stats::{average, spread};

#[derive(Debug, PartialEq, Eq)]
pub enum RecordingError {
    /// The line, counted from 1, is no number that a converter gives.
    NotAReading { line: usize },
}

#[derive(Debug, PartialEq, Eq)]
pub struct Recording {
    pub readings: Vec<u32>,
}

impl Recording {
    /// One reading in each line.
    pub fn read(text: &str) -> Result<Self, RecordingError> {
        let read = |(at, line): (usize, &str)| line.trim().parse().map_err(|_| RecordingError::NotAReading { line: at + 1 });
        Ok(Self { readings: text.lines().enumerate().map(read).collect::<Result<_, _>>()? })
    }

    pub fn summary(&self) -> Option<String> {
        Some(format!("{} ± {}", average(&self.readings)?, spread(&self.readings)? / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_sums_up() {
        let recording = Recording::read("10\n20\n").unwrap();
        assert_eq!(recording.summary().as_deref(), Some("15 ± 5"));
        assert_eq!(Recording::read("10\nx"), Err(RecordingError::NotAReading { line: 2 }));
    }
}
