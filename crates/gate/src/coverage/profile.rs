//! Reads what `go test -coverprofile` writes: `path:line.column,line.column statements count` for each block.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths;

/// Which lines of which files ran, by the files' paths in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Profile {
    /// Each block: where it begins and ends (line and column, from 1), and whether it ran.
    blocks: BTreeMap<String, BTreeMap<Block, bool>>,
}

type Block = ((usize, usize), (usize, usize));

/// Blocks of one file. More are none that a compiler wrote of a file that is followed.
const BLOCKS_MAX: usize = 100_000;

/// Reads what is said of these files of the repository, and passes over the rest.
pub(super) fn read(text: &str, paths: &[&str]) -> Profile {
    // By the last part of the path: whoever wrote the text may name as many others as he likes.
    let known: BTreeSet<&str> = paths.iter().map(|path| paths::name(path)).collect();
    let mut said: BTreeMap<&str, BTreeMap<Block, bool>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with("mode:")) {
        let Some((path, block, ran)) = block(line) else {
            continue;
        };
        if !known.contains(paths::name(path))
            || (said.len() >= paths.len() * NAMES_MAX && !said.contains_key(path))
        {
            continue;
        }
        // A package is listed once for each that was tested beside it.
        let seen = said.entry(path).or_default();
        if seen.len() < BLOCKS_MAX || seen.contains_key(&block) {
            *seen.entry(block).or_default() |= ran;
        }
    }
    let blocks = paths.iter().filter_map(|path| {
        let name = named(path, &said)?;
        Some(((*path).to_owned(), said.get(name)?.clone()))
    });
    Profile {
        blocks: blocks.collect(),
    }
}

/// Files of one name in different packages; a project has some dozens of `main.go` at most.
const NAMES_MAX: usize = 1_000;

fn block(line: &str) -> Option<(&str, Block, bool)> {
    let (path, rest) = line.rsplit_once(':')?;
    let mut parts = rest.split(' ');
    let (from, to) = parts.next()?.split_once(',')?;
    // A last line that ends in a carriage return alone keeps it.
    let count: u64 = parts.nth(1)?.trim_end().parse().ok()?;
    let place = |text: &str| {
        let (line, column) = text.split_once('.')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    };
    Some((path, (place(from)?, place(to)?), count > 0))
}

/// The name below its module that a path of the repository has. A module that begins in a folder names its files without that folder.
fn named<'a>(path: &str, said: &BTreeMap<&'a str, BTreeMap<Block, bool>>) -> Option<&'a str> {
    let mut rest = Some(path);
    while let Some(tail) = rest {
        let ends = |name: &&&str| {
            name.strip_suffix(tail)
                .is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let mut named = said.keys().filter(ends);
        match (named.next(), named.next()) {
            (Some(name), None) => return Some(name),
            // Two modules have such a file, and nothing tells them apart.
            (Some(_), Some(_)) => return None,
            _ => rest = tail.split_once('/').map(|(_, tail)| tail),
        }
    }
    None
}

impl Profile {
    /// Whether a line of a file ran; `None` where no block holds its first character (line and column from 0).
    pub(super) fn ran(&self, path: &str, line: usize, column: usize) -> Option<bool> {
        let at = (line + 1, column + 1);
        let blocks = self.blocks.get(path)?;
        // Blocks do not overlap but by holding one another: the last that began before it and is not at its end.
        let before = blocks.range(..=(at, (usize::MAX, usize::MAX)));
        let inner = before.rev().take(DEEP_MAX).find(|((_, to), _)| at < *to);
        inner.map(|(_, ran)| *ran)
    }
}

/// Blocks that end between one and the line behind it: the statements of a function before it.
const DEEP_MAX: usize = 10_000;

/// Reads a profile in its order, backwards and twice, and asks it of lines.
///
/// # Panics
/// When the readings differ, or a line is said to have run or not of which no block that holds it says so.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge(text: &str) {
    const PATHS: [&str; 4] = ["spans/spans.go", "service/spans/spans.go", "x.go", "a/x.go"];
    let lines: Vec<&str> = text.lines().collect();
    // What is beyond the bounds depends on the order.
    if lines.len() >= NAMES_MAX {
        let _read = read(text, &PATHS);
        return;
    }
    let profile = read(text, &PATHS);
    assert!(
        profile
            .blocks
            .keys()
            .all(|path| PATHS.contains(&path.as_str()))
    );
    let turned: Vec<&str> = lines.iter().rev().copied().collect();
    assert_eq!(profile, read(&turned.join("\n"), &PATHS));
    assert_eq!(
        profile,
        read(&[&lines[..], &lines[..]].concat().join("\n"), &PATHS)
    );
    for (path, blocks) in &profile.blocks {
        for line in 0..LINES_ASKED {
            let at = (line + 1, 2);
            let around = blocks
                .iter()
                .filter(|((from, to), _)| *from <= at && at < *to);
            let inner = around.max_by_key(|(block, _)| **block);
            assert_eq!(
                profile.ran(path, line, 1),
                inner.map(|(_, ran)| *ran),
                "{path} {line}"
            );
        }
    }
}

/// More only cost time.
#[cfg(any(test, feature = "fuzzing"))]
const LINES_ASKED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_block_around_a_line_decides() {
        let profile = read(
            "mode: set\n\
             example.com/m/spans/spans.go:8.36,10.20 2 1\n\
             example.com/m/spans/spans.go:10.20,12.3 1 0\n\
             example.com/m/spans/spans.go:13.2,13.15 1 0\n\
             example.com/m/spans/spans.go:13.2,13.15 1 3\n\
             rubbish\nexample.com/m/other.go:x.1,2.3 1 1\n",
            &[
                "spans/spans.go",
                "service/spans/spans.go",
                "spans/others.go",
            ],
        );
        let ran = |line, column| profile.ran("spans/spans.go", line, column);
        assert_eq!(ran(8, 1), Some(true));
        assert_eq!(ran(10, 2), Some(false));
        assert_eq!(ran(12, 1), Some(true), "it ran for another package's tests");
        assert_eq!(ran(2, 0), None);
        assert_eq!(profile.ran("service/spans/spans.go", 8, 1), Some(true));
        assert_eq!(profile.ran("spans/others.go", 8, 1), None);
    }

    #[test]
    fn a_count_is_a_number() {
        for (count, ran) in [
            ("0\r", Some(false)),
            ("2\r", Some(true)),
            ("x", None),
            ("-1", None),
        ] {
            let text = format!("mode: set\nm/x.go:1.1,9.9 1 {count}");
            assert_eq!(read(&text, &["x.go"]).ran("x.go", 2, 1), ran, "{count:?}");
            judge(&text);
        }
    }

    #[test]
    fn files_of_two_modules_are_not_taken_for_each_other() {
        let text = "mode: set\na/x.go:1.1,2.2 1 1\nb/x.go:1.1,2.2 1 0\n";
        let profile = read(text, &["x.go", "b/x.go"]);
        assert_eq!(profile.ran("x.go", 0, 0), None);
        assert_eq!(profile.ran("b/x.go", 0, 0), Some(false));
    }
}
