//! What a model says while its answer is on its way: a file beside the run's trajectory for who watches, gone when the answer is there.
//! Nothing is decided by it, so that one that cannot be written or read is none.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use alai_core::ids::RunId;
use alai_fleet::{Event, Provider};
use serde::{Deserialize, Serialize};

use crate::home::Home;

/// In the run's folder, which only its owner reads.
const FILE: &str = "saying.json";

/// Between two writes: a person reads no faster, and a model of a hundred tokens a second costs four small writes of it.
const PAUSE: Duration = Duration::from_millis(250);

/// Characters of the end that are shown: some lines of a screen.
const TAIL_CHARS: usize = 400;

/// The end of an answer that is not whole yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// It reasons, and has not begun to answer.
    pub thinks: bool,
    /// Characters of the answer so far, or of the reasoning.
    pub chars: u64,
    /// The last of them up to the last blank, on one line and without secrets.
    pub tail: String,
    /// When they came, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl Saying {
    /// What the model of this run says now; none between two answers, or before the first word of one.
    pub fn of(home: &Home, run: &RunId) -> Option<Saying> {
        serde_json::from_slice(&fs::read(home.run(run).join(FILE)).ok()?).ok()
    }
}

/// Hears one call and tells of it. The file is gone with it.
pub(crate) struct Teller<'a> {
    path: PathBuf,
    provider: &'a Provider,
    now_ms: &'a dyn Fn() -> i64,
    text: String,
    thinks: bool,
    told: Option<Instant>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(
        home: &Home,
        run: &RunId,
        provider: &'a Provider,
        now_ms: &'a dyn Fn() -> i64,
    ) -> Teller<'a> {
        let teller = Teller {
            path: home.run(run).join(FILE),
            provider,
            now_ms,
            text: String::new(),
            thinks: false,
            told: None,
        };
        // A process that was killed in the middle of an answer has left its last words.
        teller.clear();
        teller
    }

    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Reasoning(piece) => self.take(true, piece),
            Event::Text(piece) => self.take(false, piece),
            Event::Again => {
                self.text.clear();
                self.clear();
            }
            Event::Model(_)
            | Event::ToolCall(_)
            | Event::CutCall(_)
            | Event::Usage(_)
            | Event::Done(_) => return,
        }
        if self.told.is_none_or(|told| told.elapsed() >= PAUSE) && self.tell() {
            self.told = Some(Instant::now());
        }
    }

    /// What was told is said no more.
    fn clear(&self) {
        // There is mostly none. One that stays is gone with the next call, and is not read of a run that has ended.
        let _gone = fs::remove_file(&self.path);
    }

    fn take(&mut self, thinks: bool, piece: &str) {
        if self.thinks != thinks {
            self.text.clear();
            self.thinks = thinks;
        }
        self.text.push_str(piece);
    }

    /// Whether there was something to tell.
    fn tell(&self) -> bool {
        // The last word may be the first half of a secret, which nobody knows yet for one.
        let Some(end) = self.text.rfind(char::is_whitespace) else {
            return false;
        };
        // All of the text is looked at and not its end alone, where one that began before it would be taken for words.
        let clean = self.provider.veiled(&self.text[..end]);
        let saying = Saying {
            thinks: self.thinks,
            chars: self.text.chars().count() as u64,
            tail: tail(&clean),
            at_ms: (self.now_ms)(),
        };
        let Ok(line) = serde_json::to_vec(&saying) else {
            return false;
        };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600);
        // Who reads it half-written reads it again soon.
        let _nobody_is_told = file
            .open(&self.path)
            .and_then(|mut file| file.write_all(&line));
        true
    }
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        if self.told.is_some() {
            self.clear();
        }
    }
}

/// The end of a text with single blanks.
fn tail(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let left_out = line.chars().count().saturating_sub(TAIL_CHARS);
    line.chars().skip(left_out).collect()
}

#[cfg(test)]
mod tests {
    use alai_fleet::OpenaiHost;

    use super::*;

    fn heard(pieces: &[Event]) -> Option<Saying> {
        let dir = tempfile::tempdir().expect("a temp dir");
        let (home, run) = (Home::at(dir.path()), RunId("r".into()));
        fs::create_dir_all(home.run(&run)).expect("a folder");
        let key = alai_fleet::Secret::parse("own-key-of-the-host").expect("a key");
        let host = OpenaiHost::parse("http://127.0.0.1:1").expect("a host");
        let provider = Provider::Openai(host.with_key(key));
        let mut teller = Teller::new(&home, &run, &provider, &|| 77);
        for piece in pieces {
            teller.hear(piece);
            // As if time had passed.
            teller.told = None;
        }
        teller.tell();
        let saying = Saying::of(&home, &run);
        teller.told = Some(Instant::now());
        drop(teller);
        assert_eq!(Saying::of(&home, &run), None, "it is gone with its call");
        saying
    }

    fn text(piece: &str) -> Event {
        Event::Text(piece.to_owned())
    }

    #[test]
    fn the_end_of_what_was_said_is_told_up_to_its_last_blank() {
        let saying = heard(&[
            Event::Reasoning("Hm, so ".into()),
            text("First\n  a li"),
            text("ne, then"),
        ]);
        let expected = Saying {
            thinks: false,
            chars: 20,
            tail: "First a line,".into(),
            at_ms: 77,
        };
        assert_eq!(saying, Some(expected));
        let saying = heard(&[Event::Reasoning("Hm, so ".into())]).expect("it thinks");
        assert_eq!((saying.thinks, saying.tail.as_str()), (true, "Hm, so"));
        assert_eq!(heard(&[text("word")]), None, "its end is not known yet");
        assert_eq!(heard(&[text("void "), Event::Again]), None);
        let long = heard(&[text(&"ab ".repeat(1_000))]).expect("said");
        assert_eq!((long.chars, long.tail.chars().count()), (3_000, TAIL_CHARS));
    }

    #[test]
    fn no_piece_of_a_secret_is_told_however_it_comes() {
        let key = "own-key-of-the-host";
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n";
        let said = format!("It is {key} and ghp_abcdefghijklmnopqrstuvwxyz0123456789 and {pem} ");
        for cut in 0..said.len() {
            let (first, rest) = said.split_at(cut);
            for pieces in [vec![text(first)], vec![text(first), text(rest)]] {
                let Some(saying) = heard(&pieces) else {
                    continue;
                };
                for half in ["own-k", "ghp_a", "MIIE", "IBAA"] {
                    assert!(!saying.tail.contains(half), "{cut}: {}", saying.tail);
                }
            }
        }
    }
}
