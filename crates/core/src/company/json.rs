//! Reads JSON that a person wrote: strict, with the place of every key, so that a fault that only shows later has its line too.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::problem::At;
use crate::blueprint::yaml::{self, Fault, FaultKind};

/// Where each key and each entry of a list stands, by its path from the top: looked for when it is asked, since most texts are
/// whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places<'a>(&'a str);

impl<'a> Places<'a> {
    /// The places of a text that is JSON; none of one that is not.
    pub(super) fn of(text: &'a str) -> Places<'a> {
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Places(text),
            Err(_) => Places::default(),
        }
    }

    /// The key at the end of the path, or the nearest one above it that is there.
    pub(super) fn at(&self, path: &[&str]) -> At {
        let (places, _) = scan(self.0, true);
        for depth in (1..=path.len()).rev() {
            let path = &path[..depth];
            if let Some((_, at)) = places.iter().find(|(found, _)| found == path) {
                return *at;
            }
        }
        At::NOWHERE
    }
}

/// Where a key of a text of JSON stands, or the nearest one above it that is there.
pub fn place_in(text: &str, path: &[&str]) -> At {
    Places::of(text).at(path)
}

/// Reads one document. A key that stands twice is a fault: one of the two would silently do nothing.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<(T, Places<'_>), Fault> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| fault(&e))?;
    if let (_, Some((key, at))) = scan(text, false) {
        return Err(Fault {
            line: at.line,
            column: at.column,
            what: FaultKind::Shape(format!("the key `{key}` stands here a second time")),
        });
    }
    let read = serde_json::from_str(text).map_err(|e| fault(&e))?;
    Ok((read, Places(text)))
}

fn fault(error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(said, _)| said);
    // serde_json tells these only in its message: "unknown field `a`, expected one of `b`, `c`".
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_field = message.starts_with("unknown field");
    let is_word = message.starts_with("unknown variant");
    let what = match quoted.next().filter(|_| is_field || is_word) {
        None => FaultKind::Shape(message.to_owned()),
        Some(key) => {
            let known: Vec<&str> = quoted.collect();
            let hint = yaml::hint(key, known.iter().copied());
            match is_field {
                true => FaultKind::UnknownKey {
                    key: key.to_owned(),
                    hint,
                },
                false => FaultKind::Shape(format!("`{key}` is not known here; {hint}")),
            }
        }
    };
    Fault {
        line: u64::try_from(error.line()).unwrap_or(u64::MAX),
        column: u64::try_from(error.column()).unwrap_or(u64::MAX),
        what,
    }
}

/// Paths from the top, each with its place.
type Found = Vec<(Vec<String>, At)>;

/// The places of a text that is known to be JSON, where they are wanted, and the first key that stands twice in one object.
fn scan(text: &str, wanted: bool) -> (Found, Option<(String, At)>) {
    let mut scan = Scan {
        text,
        at: 0,
        line: 1,
        line_start: 0,
        path: Vec::new(),
        places: wanted.then(Vec::new),
        twice: None,
    };
    scan.value();
    (scan.places.unwrap_or_default(), scan.twice)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    line_start: usize,
    path: Vec<String>,
    places: Option<Found>,
    twice: Option<(String, At)>,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(byte) = self.peek().filter(u8::is_ascii_whitespace) {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    fn place(&self, (line, line_start, at): (u64, usize, usize)) -> At {
        let before = self.text.get(line_start..at).unwrap_or("");
        At {
            line,
            column: u64::try_from(before.chars().count()).map_or(u64::MAX, |chars| chars + 1),
        }
    }

    /// A text with its quotes.
    fn string(&mut self) -> &str {
        let from = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if byte == b'"' {
                break;
            }
        }
        self.text.get(from..self.at).unwrap_or("\"\"")
    }

    fn value(&mut self) {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.entries(b'}', true),
            Some(b'[') => self.entries(b']', false),
            Some(b'"') => {
                self.string();
            }
            Some(_) => {
                let plain =
                    |byte: &u8| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace();
                while self.peek().as_ref().is_some_and(plain) {
                    self.at += 1;
                }
            }
            None => {}
        }
    }

    /// What stands between two brackets; of a document that is known to be whole.
    fn entries(&mut self, end: u8, keyed: bool) {
        self.at += 1;
        let mut keys = BTreeSet::new();
        let mut index = 0_usize;
        loop {
            self.blanks();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    continue;
                }
                Some(byte) if byte != end => {}
                Some(_) | None => break,
            }
            let start = (self.line, self.line_start, self.at);
            let key = match keyed {
                true => serde_json::from_str(self.string()).unwrap_or_default(),
                false => index.to_string(),
            };
            index += 1;
            let again = self.twice.is_none() && !keys.insert(key.clone());
            if again || self.places.is_some() {
                let at = self.place(start);
                if again {
                    self.twice = Some((key.clone(), at));
                }
                self.path.push(key);
                if let Some(places) = &mut self.places {
                    places.push((self.path.clone(), at));
                }
            } else {
                self.path.push(key);
            }
            if keyed {
                self.blanks();
                self.at += 1; // the colon
            }
            self.value();
            self.path.pop();
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_place() {
        let text =
            "{\n  \"a\": {\"b\\\"\": [1, \"}\", {\"c\": null}],\n\t\"ø\": true, \"d\": 1.5e3}\n}\n";
        let places = Places::of(text);
        let at = |path: &[&str]| {
            let at = places.at(path);
            (at.line, at.column)
        };
        assert_eq!(at(&["a"]), (2, 3));
        assert_eq!(at(&["a", "b\""]), (2, 9));
        assert_eq!(at(&["a", "b\"", "1"]), (2, 20));
        assert_eq!(at(&["a", "b\"", "2", "c"]), (2, 26));
        assert_eq!(at(&["a", "ø"]), (3, 2));
        assert_eq!(at(&["a", "d"]), (3, 13));
        assert_eq!(at(&["a", "gone"]), (2, 3), "the nearest above it");
        assert_eq!(at(&["gone"]), (0, 0));
        assert_eq!(Places::of("{").at(&["a"]), At::NOWHERE);
    }

    #[test]
    fn a_key_stands_once() {
        let twice = read::<serde_json::Value>("{\"a\": 1,\n \"b\": {\"a\": 2},\n \"a\": 3}");
        let fault = twice.map(drop).expect_err("the last would win in silence");
        assert_eq!((fault.line, fault.column), (3, 2));
    }
}
