//! What a line shows by itself, counted against what the base had: code that a change only moves or indents is not its work.

use std::collections::HashMap;

use super::super::Rules;
use super::{force, product};
use crate::change::{Change, ChangedFile};
use crate::source::{self, Lang, Source};

type Hit = (usize, &'static str);
/// A line without its indentation, and what it shows.
type Key = (String, &'static str);

/// Counts the base's hits once a first one is found in the head.
pub(super) struct Moved<'a> {
    change: &'a Change,
    rules: &'a Rules<'a>,
    left: Option<HashMap<Key, usize>>,
}

impl<'a> Moved<'a> {
    pub(super) fn of(change: &'a Change, rules: &'a Rules<'a>) -> Moved<'a> {
        Moved {
            change,
            rules,
            left: None,
        }
    }

    /// Hits on the added lines of a file beyond those that came from elsewhere.
    pub(super) fn found(&mut self, file: &ChangedFile, source: &Source) -> Vec<Hit> {
        let mut hits = by_line(&file.path, source, self.rules, &file.added);
        if hits.is_empty() {
            return hits;
        }
        let (change, rules) = (self.change, self.rules);
        let left = self.left.get_or_insert_with(|| gone(change, rules));
        hits.retain(|hit| !take(left, &key(source, *hit)));
        hits
    }
}

/// The base's hits that no longer stand where they stood.
fn gone(change: &Change, rules: &Rules<'_>) -> HashMap<Key, usize> {
    let mut gone = HashMap::new();
    for file in change.files.iter().filter(|f| !rules.is_scaffolded(f)) {
        let Some(base) = file.base_source().filter(|_| file.lang().is_code()) else {
            continue;
        };
        let all: Vec<usize> = (0..base.code.len()).collect();
        let was = by_line(file.base_path(), &base, rules, &all);
        if was.is_empty() {
            continue;
        }
        for hit in was {
            *gone.entry(key(&base, hit)).or_default() += 1;
        }
        if let Some(head) = file.head_source() {
            let mut stay: Vec<usize> = (0..head.code.len()).collect();
            stay.retain(|line| file.added.binary_search(line).is_err());
            for hit in by_line(&file.path, &head, rules, &stay) {
                take(&mut gone, &key(&head, hit));
            }
        }
    }
    gone
}

fn by_line(path: &str, source: &Source, rules: &Rules<'_>, lines: &[usize]) -> Vec<Hit> {
    let is_test = rules.is_test(path);
    let mut hits = Vec::new();
    if !is_test {
        hits.extend(product::by_line(path, source, lines));
    }
    // Unit tests inside Rust sources.
    if is_test || source::lang(path) == Lang::Rust {
        hits.extend(force::swallowed(path, source, lines));
    }
    hits
}

fn key(source: &Source, (line, what): Hit) -> Key {
    (source.raw[line].trim().to_owned(), what)
}

fn take(left: &mut HashMap<Key, usize>, key: &Key) -> bool {
    let left = left.get_mut(key).filter(|left| **left > 0);
    left.is_some_and(|left| {
        *left -= 1;
        true
    })
}
