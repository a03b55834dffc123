//! Reads what `go test -coverprofile` writes: `path:line.column,line.column statements count` for each block.

use std::collections::BTreeMap;

/// Which lines of which files ran.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Profile {
    /// By the path as Go names it, below its module. Each block: where it begins and ends (line and column, from 1), and whether it ran.
    blocks: BTreeMap<String, BTreeMap<Block, bool>>,
}

type Block = ((usize, usize), (usize, usize));

pub(super) fn read(text: &str) -> Profile {
    let mut profile = Profile::default();
    for line in text.lines().filter(|line| !line.starts_with("mode:")) {
        let Some((path, block, ran)) = block(line) else {
            continue;
        };
        // A package is listed once for each that was tested beside it.
        let seen = profile.blocks.entry(path.to_owned()).or_default();
        *seen.entry(block).or_default() |= ran;
    }
    profile
}

fn block(line: &str) -> Option<(&str, Block, bool)> {
    let (path, rest) = line.rsplit_once(':')?;
    let mut parts = rest.split(' ');
    let (from, to) = parts.next()?.split_once(',')?;
    let count = parts.nth(1)?;
    let place = |text: &str| {
        let (line, column) = text.split_once('.')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    };
    Some((path, (place(from)?, place(to)?), count != "0"))
}

impl Profile {
    /// Whether a line of a file of the repository ran; `None` where no block holds its first character (line and column from 0).
    /// A module that begins in a folder names its files without that folder.
    pub(super) fn ran(&self, path: &str, line: usize, column: usize) -> Option<bool> {
        let at = (line + 1, column + 1);
        let holds = |((from, to), _): &(&Block, &bool)| *from <= at && at < *to;
        let blocks = self.of(path)?;
        // The last of them to begin is the one within the others.
        let inner = blocks
            .iter()
            .filter(holds)
            .max_by_key(|((from, _), _)| *from);
        inner.map(|(_, ran)| *ran)
    }

    fn of(&self, path: &str) -> Option<&BTreeMap<Block, bool>> {
        let mut rest = Some(path);
        while let Some(tail) = rest {
            let ends = |name: &&String| {
                name.strip_suffix(tail)
                    .is_some_and(|before| before.is_empty() || before.ends_with('/'))
            };
            let mut named = self.blocks.keys().filter(ends);
            match (named.next(), named.next()) {
                (Some(name), None) => return self.blocks.get(name),
                // Two modules have such a file, and nothing tells them apart.
                (Some(_), Some(_)) => return None,
                _ => rest = tail.split_once('/').map(|(_, tail)| tail),
            }
        }
        None
    }
}

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
    fn files_of_two_modules_are_not_taken_for_each_other() {
        let profile = read("mode: set\na/x.go:1.1,2.2 1 1\nb/x.go:1.1,2.2 1 0\n");
        assert_eq!(profile.ran("x.go", 0, 0), None);
        assert_eq!(profile.ran("b/x.go", 0, 0), Some(false));
    }
}
