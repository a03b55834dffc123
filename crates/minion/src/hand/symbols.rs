//! What is defined in the files of a tree, for the map that a model is shown: functions, types and classes with their line
//! and how often they are named.
//!
//! Runs in the hand alone, inside the cage, like every use of a grammar. What it looks at depends on names and bytes, never
//! on the clock, so that the same tree and task give the same map.

use std::collections::HashMap;

use super::beneath::Root;
use super::grammar::{self, Grammar};
use super::wire::{MapFile, Symbol};

/// A file that is looked at; larger ones are generated.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// All files together: parsing a megabyte takes a quarter of a second.
const TREE_BYTES_MAX: u64 = 1 << 20;
/// Definitions of one file that are sent.
const FILE_SYMBOLS_MAX: usize = 60;
/// Definitions of all files together: with the paths well below the reply limit.
const SYMBOLS_MAX: usize = 4_000;
/// A longer name is no name.
const NAME_BYTES_MAX: usize = 80;

/// Puts the definitions into a list of files; those whose path the task names come first when not all can be looked at.
pub(super) fn fill(root: &Root, files: &mut [MapFile], about: &str) {
    let about = about.to_lowercase();
    let mut chosen: Vec<(usize, Grammar)> = files
        .iter()
        .enumerate()
        .filter(|(_, file)| file.bytes > 0 && file.bytes <= FILE_BYTES_MAX)
        .filter_map(|(at, file)| Some((at, Grammar::of(&file.path)?)))
        .collect();
    // Stable: files that the task names equally stay in the order of their paths.
    chosen.sort_by_key(|(at, _)| std::cmp::Reverse(named_in(&about, &files[*at].path)));
    let mut left = TREE_BYTES_MAX;
    let mut texts = Vec::new();
    let mut found = 0;
    for (at, grammar) in chosen {
        let Ok(text) = root.bytes(&files[at].path) else {
            continue;
        };
        // By what was read: the file may have grown since it was looked at, and a link is small whatever it leads to.
        let bytes = text.len() as u64;
        let Some(rest) = left.checked_sub(bytes).filter(|_| bytes <= FILE_BYTES_MAX) else {
            continue;
        };
        left = rest;
        let mut symbols = defined(grammar, &text);
        symbols.truncate(FILE_SYMBOLS_MAX.min(SYMBOLS_MAX - found));
        found += symbols.len();
        files[at].symbols = symbols;
        texts.push(text);
    }
    let mut counts: HashMap<&[u8], u32> = HashMap::new();
    for word in texts.iter().flat_map(|text| words(text)) {
        *counts.entry(word).or_insert(0) += 1;
    }
    for symbol in files.iter_mut().flat_map(|file| &mut file.symbols) {
        // Its definition is one of the times that it is named.
        let named = counts.get(symbol.name.as_bytes()).copied().unwrap_or(1);
        symbol.named = named.saturating_sub(1);
    }
}

/// How many parts of a path the text names.
fn named_in(about: &str, path: &str) -> usize {
    path.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| part.len() > 2 && about.contains(part))
        .count()
}

/// The definitions of one text, in its order.
pub(super) fn defined(grammar: Grammar, text: &[u8]) -> Vec<Symbol> {
    let mut found: Vec<Symbol> = Vec::new();
    let Some(tree) = grammar.parse(text) else {
        return found;
    };
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if let Some((kind, at)) = grammar.defined(node)
            && let Some(name) = name(&text[at.byte_range()])
        {
            let line = at.start_position().row as u32 + 1;
            let known = |symbol: &Symbol| symbol.name == name && symbol.line == line;
            if !found.last().is_some_and(known) {
                found.push(Symbol {
                    kind,
                    name,
                    line,
                    named: 0,
                });
            }
        }
        if found.len() == FILE_SYMBOLS_MAX || !grammar::next(&mut cursor, !grammar.is_body(node)) {
            return found;
        }
    }
}

fn name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#');
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(fine))
        .then(|| name.to_owned())
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'#') || !b.is_ascii()))
        .filter(|word| !word.is_empty() && word.len() <= NAME_BYTES_MAX)
}
